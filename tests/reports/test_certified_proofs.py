"""Proofs in runs, on record, in the gate and in merged reports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.claims.test_settling import lemma
from tests.cli.test_commands_merge import run
from theorycheck import kernel, reports
from theorycheck.claims.entries import proof_name
from theorycheck.claims.examination import examine
from theorycheck.claims.setting import PROFILES
from theorycheck.cli.commands import main
from theorycheck.errors import InputError
from theorycheck.reports.sources import Sources

CLAIMS = [lemma(enough=1)]
"""In a list, because the plugin collects what a module names."""
NAME = proof_name("toy-lemma")
RECORD = f"reports/{NAME}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs; the report of the one in ``run`` is on record in ``reports``."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "properties").mkdir()
    (folder / "properties/test_toys.py").write_text("# claims\n")
    for seed, name in enumerate(("run", "run2")):
        sources = Sources.of(folder, ["properties"])
        run(folder / name, seed, CLAIMS, sources=sources)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["gate", "--report-dir", "run", "--accept"]) == 0
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, a copy of that one."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edited(path: str, change: Callable[[Any], object], *, seal: bool = True) -> None:
    document = json.loads(Path(path).read_text())
    change(document)
    if seal:
        document["digest"] = kernel.digest({k: v for k, v in document.items() if k != "digest"})
    Path(path).write_text(json.dumps(document))


def test_a_proof_is_accepted_with_the_report_that_names_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reports.load_baseline(place / "reports/baseline.json").strengths == {
        "toy-lemma": "architectures"
    }
    assert main(["gate", "--report-dir", "run"]) == 0
    capsys.readouterr()
    assert main(["verify", RECORD]) == 0
    assert "on record as holds in reports/baseline.json" in capsys.readouterr().out
    assert f"[`{NAME}`]({NAME})" in (place / "run/claims.md").read_text()


FAULTS: dict[str, tuple[Callable[[], object], str]] = {
    "gone": (lambda: Path(RECORD).unlink(), "is gone; restore it"),
    "no certificate": (lambda: Path(RECORD).write_text("{}"), "the keys are not"),
    "an edited degree": (lambda: edited(RECORD, lambda d: d.update(degree=1)), "not what is"),
    "an edited seal": (lambda: edited(RECORD, lambda d: d.update(degree=1), seal=False), "sealed"),
    "another claim": (
        lambda: edited(RECORD, lambda d: d.update(
            claim="other", version=kernel.digest(["other", d["statement"]])[:16])),
        "is about other; restore it"),
    "gone from the run": (lambda: Path(f"run/{NAME}").unlink(), "is gone; restore it"),
    "another in the run": (
        lambda: edited(f"run/{NAME}", lambda d: d["architecture"].update(samples=9)), "recorded"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_proof_that_is_missing_or_edited_is_red(
    place: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    spoil, reason = FAULTS[fault]
    spoil()
    capsys.readouterr()
    assert main(["gate", "--report-dir", "run"]) == 1
    assert reason in capsys.readouterr().out


def test_a_proof_of_another_statement_is_red(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def other(document: Any) -> None:
        document["statement"]["latex"] = "2=2"
        content = ["toy-lemma", document["statement"]]
        document["version"] = kernel.digest(content)[:16]

    edited(RECORD, other)
    edited(f"run/{NAME}", other)
    assert main(["gate", "--report-dir", "run"]) == 1
    printed = capsys.readouterr().out
    assert "its statement is not the one on record" in printed
    assert "is of another version of the statement; run the claims again" in printed


def test_a_proof_that_no_claim_has_any_more_is_removed(place: Path) -> None:
    left = place / "reports/certificates/gone-claim.proof.json"
    left.write_text("{}")
    mine = place / "reports/certificates/Mine.proof.json"
    mine.write_text("{}")
    assert main(["gate", "--report-dir", "run", "--accept"]) == 0
    assert not left.exists()
    assert mine.exists()
    assert (place / RECORD).exists()


def test_merged_reports_keep_the_proof(place: Path) -> None:
    assert main(["merge", "run", "run2"]) == 0
    assert (place / "merged" / NAME).read_bytes() == (place / "run" / NAME).read_bytes()
    (place / "run2" / NAME).unlink()
    assert main(["merge", "run", "run2"]) == 4


def test_a_proof_has_no_example_to_replay(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", RECORD, "--path", "properties"]) == 4
    assert "is a proof, and has no example" in capsys.readouterr().err


def test_an_examination_is_red_without_the_proof_on_record(place: Path) -> None:
    def examined() -> dict[str, Any]:
        found = examine(
            CLAIMS[0], profile=PROFILES["default"], run_seed=1, device="cpu", proof=place / RECORD
        )
        return found.certificates

    assert list(examined()) == [NAME]
    edited(RECORD, lambda d: d.update(certainty=126))
    with pytest.raises(InputError, match="not what is recorded"):
        examined()
    (place / RECORD).unlink()
    with pytest.raises(InputError, match="is gone; restore it"):
        examined()


def test_a_profile_without_strengths_leaves_those_on_record(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so, needs no proof, and what it finds can be accepted and merged."""
    sources = Sources.of(place, ["properties"])
    run(place / "quick", 2, CLAIMS, "quick", sources=sources)
    entry = reports.load_report(place / "quick/claims.json").claims[0]
    assert (entry.strength, entry.neighbours, entry.verdict) == (None, {}, "holds")
    record = (place / "reports/baseline.json").read_bytes()
    for arguments in ([], ["--accept"]):
        assert main(["gate", "--report-dir", "quick", *arguments]) == 0
    assert (place / "reports/baseline.json").read_bytes() == record
    assert (place / RECORD).exists()
    told = "1 strengths on record were not examined; the default profile does"
    assert told in capsys.readouterr().out
    assert main(["merge", "quick", "run"]) == 0
    assert reports.load_report(place / "merged/claims.json").claims[0].level == "architectures"
    found = examine(
        CLAIMS[0], profile=PROFILES["quick"], run_seed=1, device="cpu", proof=place / "gone.json"
    )
    assert not found.certificates
