"""Merging reports that were edited, and what merging cannot know."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands_merge import BOUNDS, TOYS, entries_of, place, run, verdicts
from tests.reports.entries import sealed
from tests.reports.runs import claim
from theorycheck.claims import certificates
from theorycheck.claims.findings import Findings, Pair
from theorycheck.claims.setting import Setting
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode

__all__ = ["place"]  # A fixture, which pytest finds by its name here.


def edited(path: Path, edit: Callable[[Any], object], *, seal: bool = True) -> None:
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(sealed(document) if seal else document))


def of(document: Any, name: str) -> Any:
    return next(one for one in document["claims"] if one["id"] == name)


def another_seed(document: Any) -> None:
    document["run"]["seed"] = 7
    for one in document["claims"]:
        one["seeds"] = [7]


EDITS: dict[str, tuple[Callable[[Any], object], str]] = {
    "a count": (lambda d: of(d, "fair-coin")["examples"].update(tried=99), "its digest differs"),
    "pairs": (
        lambda d: of(d, "fair-coin")["examples"]["strata"]["all pairs"].update(successes=9),
        "its digest differs",
    ),
    "a verdict": (lambda d: of(d, "fair-coin").update(verdict="holds"), "its digest differs"),
    "a seed": (another_seed, "its digest differs"),
    "images": (lambda d: d["run"].update(images="mnist 0123456789abcdef"), "its digest differs"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_report_that_was_edited_is_not_merged(
    place: Path, capsys: pytest.CaptureFixture[str], edit: str
) -> None:
    edited(place / "run2/claims.json", EDITS[edit][0], seal=False)
    assert main(["merge", "run1", "run2"]) == ExitCode.BAD_INPUT
    assert EDITS[edit][1] in capsys.readouterr().err
    assert not (place / "merged").exists()


SEALED_EDITS: dict[str, tuple[Callable[[Any], object], str]] = {
    "a kind": (
        lambda d: of(d, "even-numbers").update(kind="symbolic"),
        "its kind is not the one that its version names",
    ),
    "images": (
        lambda d: d["run"].update(images="mnist 0123456789abcdef"),
        "different images, digits and mnist 0123456789abcdef",
    ),
    "a certificate that is not named": (
        lambda d: of(d, "weight-bound").update(certificate=None),
        "claim 'weight-bound' is refuted without a certificate",
    ),
    "another example": (
        lambda d: of(d, "weight-bound")["counterexample"]["case"].update(inputs=[[["3"]]]),
        "is not the one of the report, which has another case",
    ),
    "a million pairs": (
        lambda d: (
            of(d, "fair-coin")["examples"].update(tried=10**9, met=10**9),
            of(d, "fair-coin")["examples"]["strata"]["all pairs"].update(successes=10**8),
        ),
        "100000000 pairs, more than 100000",
    ),
    "numbers deep down": (
        lambda d: of(d, "weight-bound")["counterexample"]["case"].update(inputs=deep(300)),
        "cannot be read: not a case",
    ),
}


def deep(levels: int) -> Any:
    nested: Any = "1"
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.mark.parametrize("edit", SEALED_EDITS)
def test_what_is_sealed_again_is_merged_only_when_it_fits(
    place: Path, capsys: pytest.CaptureFixture[str], edit: str
) -> None:
    edited(place / "run2/claims.json", SEALED_EDITS[edit][0])
    assert main(["merge", "run1", "run2"]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert SEALED_EDITS[edit][1] in error
    assert error.count("\n") == 1


def without_fingerprints(document: Any) -> None:
    for one in document["claims"]:
        one["fingerprints"] = []


def unfinished(document: Any) -> None:
    document["run"]["finished"] = False


def test_one_run_under_two_seeds_is_refused_in_any_order(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(place / "run1", place / "again")
    edited(place / "again/claims.json", another_seed)
    for runs in itertools.permutations(["run1", "again", "run2"]):
        assert main(["merge", *runs]) == ExitCode.BAD_INPUT
        assert "evidence of one search, whatever seeds" in capsys.readouterr().err
    edited(place / "again/claims.json", without_fingerprints)
    for runs in itertools.permutations(["run1", "again"]):
        assert main(["merge", *runs]) == ExitCode.BAD_INPUT
        assert "evidence without the fingerprint of a search" in capsys.readouterr().err


@pytest.mark.parametrize("which", ["run1", "run2"])
def test_a_run_that_did_not_finish_is_red(
    place: Path, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    assert main(["merge", "run1", "run2"]) == ExitCode.OK
    edited(place / which / "claims.json", unfinished)
    assert main(["merge", "run1", "run2"]) == ExitCode.VERDICT_CHANGED
    said = f"the run with seed {which.removeprefix('run')} did not finish"
    assert said in capsys.readouterr().out
    assert main(["gate", "--report-dir", "merged"]) == ExitCode.VERDICT_CHANGED
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("name", BOUNDS)
def test_certificates_are_verified_before_they_are_merged(
    place: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Those of every run, also where another run's is shown."""
    path = place / "run2" / name
    path.write_text(path.read_text().replace('"shows": "', '"shows": "not '))
    assert main(["merge", "run1", "run2"]) == ExitCode.BAD_INPUT
    assert "REJECTED" not in (error := capsys.readouterr().err)
    assert f"{name}: what it shows is neither refuted nor tight" in error


def test_claims_on_record_that_no_run_has_are_red(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (3, 4):
        run(place / f"run{seed}", seed, TOYS[:3])
    assert main(["merge", "run3", "run4"]) == ExitCode.VERDICT_CHANGED
    assert "CHANGED fair-coin: on record as holds, not examined" in capsys.readouterr().out


def test_merging_says_what_it_cannot_know(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", "run1", "run2"]) == ExitCode.OK
    assert "Certificates were verified. Not known: whether" in capsys.readouterr().out


def tails_check(setting: Setting) -> Findings:
    """No pair shows the effect; all of the positive control do."""
    for _ in range(24 if setting.positive else 12):
        yield Pair(setting.positive or setting.altered, "tails")


def test_the_kernel_is_asked_about_the_pairs_of_all_runs(place: Path) -> None:
    """None of which refutes alone; the certificate is of all of them."""
    tails = claim("all-tails", "tendency", check=tails_check, positive="the other coin")
    for seed in (3, 4):
        run(place / f"run{seed}", seed, [tails])
        assert verdicts(place / f"run{seed}") == {"all-tails": "undecided"}
    assert main(["merge", "run3", "run4", "--baseline", "none.json"]) == 1
    merged = entries_of(place / "merged")["all-tails"]
    assert (merged.verdict, merged.certificate) == ("refuted", "certificates/all-tails.json")
    document = certificates.load(place / "merged/certificates/all-tails.json")
    assert document["case"]["numbers"]["failures_1"] == "24"
    assert document["version"] == merged.formal_version
    assert main(["merge", "merged", "--report-dir", "again", "--baseline", "none.json"]) == 1
    again, once = (place / folder / "certificates/all-tails.json" for folder in ("again", "merged"))
    assert again.read_bytes() == once.read_bytes()
