"""The command that merges the reports of runs, and their certificates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.reports.drawn import reseeded
from tests.reports.runs import (
    FAILED,
    bounded,
    claim,
    entry,
    gathered,
    only,
    report,
    scalar,
    violation,
)
from theorycheck import reports
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.comparisons import equality
from theorycheck.claims.declaration import Claim, Formal
from theorycheck.claims.entries import Entry
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.examination import examine
from theorycheck.claims.findings import Findings, Observation, Pair, Rejection
from theorycheck.claims.setting import PROFILES, Setting
from theorycheck.claims.versions import version_of
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode
from theorycheck.reports import Baseline
from theorycheck.reports.baseline import OnRecord
from theorycheck.reports.merging import merge


def parity_check(setting: Setting, number: int) -> Findings:
    """Even numbers are even."""
    if number % 2:
        yield Rejection("odd")
    else:
        yield equality(np.array([number % 2]), np.array([setting.altered]), "integers")


def bound_check(setting: Setting, case: Case) -> Findings:
    """No weight exceeds 6."""
    weight = int(case.parameters[0].item())
    if weight > 6 - setting.altered:
        yield violation(weight)
    else:
        yield Observation(True, str(weight), "≤", "6", "integers", weight / 6)


def wide_bound_check(setting: Setting, case: Case) -> Findings:
    """No weight exceeds 60; the control says 0."""
    weight = int(case.parameters[0].item())
    if setting.altered and weight:
        yield Observation(False, str(weight), "≤", "0", "integers")
    else:
        yield bounded(weight)


def coin_check(setting: Setting) -> Findings:
    """Every pair shows the effect."""
    for _ in range(round(10 * setting.effort)):
        yield Pair(not setting.altered, "heads")


TOYS = [
    claim("even-numbers", check=parity_check, on={"number": st.integers(0, 50)}),
    claim(
        "weight-bound",
        "inequality",
        check=bound_check,
        on={"case": st.builds(scalar, st.integers(0, 50))},
        formal=Formal("W[0][0][0] <= 6"),
    ),
    claim(
        "wide-bound",
        "inequality",
        check=wide_bound_check,
        on={"case": st.builds(scalar, st.integers(0, 60))},
        examples=5,
        formal=Formal("W[0][0][0] <= 60"),
    ),
    claim("fair-coin", "tendency", check=coin_check),
]
RECORD: dict[str, OnRecord] = {
    "even-numbers": "holds", "weight-bound": "refuted", "wide-bound": "holds", "fair-coin": "holds",
}  # fmt: skip
VERSIONS = {about.id: version_of(about) for about in TOYS}
STATEMENTS = {
    about.id: version
    for about in TOYS
    if (version := certificates.statement_version(about)) is not None
}
BOUNDS = ("certificates/weight-bound.json", "certificates/wide-bound.json")


def run(
    folder: Path,
    seed: int,
    claims: Sequence[Claim] = TOYS,
    profile: str = "default",
    **metadata: Any,
) -> Path:
    """What a run of the plugin leaves in a folder."""
    entries = []
    for about in claims:
        examined = examine(about, profile=PROFILES[profile], run_seed=seed, device="cpu")
        for name, content in examined.certificates.items():
            reports.write_atomically(folder / name, reports.dumps(content))
        entries.append(examined.entry)
    reports.write_report(folder, report(seed, *entries, **metadata))
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two runs and the verdicts on record."""
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2):
        run(tmp_path / f"run{seed}", seed)
    record = tmp_path / "reports" / "baseline.json"
    reports.write_atomically(
        record, Baseline(verdicts=RECORD, versions=VERSIONS, statements=STATEMENTS).text()
    )
    return tmp_path


def entries_of(folder: Path) -> dict[str, Entry]:
    return {one.id: one for one in reports.load_report(folder / "claims.json").claims}


def verdicts(folder: Path) -> dict[str, str]:
    return {name: one.verdict for name, one in entries_of(folder).items()}


def test_merge_of_two_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verdicts(place / "run1")["fair-coin"] == "undecided"
    assert main(["merge", "run1", "run2/claims.json"]) == ExitCode.OK
    assert verdicts(place / "merged") == RECORD
    printed = capsys.readouterr().out
    assert "refuted  weight-bound" in printed
    assert "4 claims: 3 holds, 1 refuted" in printed
    assert "CHANGED" not in printed
    assert "Merged from 2 runs: " in (place / "merged/claims.md").read_text(encoding="utf-8")
    assert (place / "merged" / BOUNDS[0]).read_bytes() == (place / "run1" / BOUNDS[0]).read_bytes()


def test_merged_certificates_are_verified_and_of_the_examples_shown(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where runs differ in their tightest examples: the tighter one's comes along."""
    assert main(["merge", "run1", "run2"]) == ExitCode.OK
    entries = {folder: entries_of(place / folder) for folder in ("run1", "run2", "merged")}
    tightest = {folder: found["wide-bound"].tightest for folder, found in entries.items()}
    shown = {folder: int(one.left) for folder, one in tightest.items() if one is not None}
    assert shown["run1"] != shown["run2"]
    assert shown["merged"] == max(shown.values())
    for name in ("weight-bound", "wide-bound"):
        merged = entries["merged"][name]
        example = merged.counterexample or merged.tightest
        assert example is not None
        assert merged.certificate is not None
        document = certificates.load(place / "merged" / merged.certificate)
        assert document["case"] == example.case
        assert document["version"] == merged.formal_version
    capsys.readouterr()
    assert main(["verify", *(str(place / "merged" / name) for name in BOUNDS)]) == ExitCode.OK
    assert "2 of 2 certificates verified" in capsys.readouterr().out


def test_a_merged_report_can_be_merged_and_extended(place: Path) -> None:
    run(place / "run3", 3)
    everything = ["run3", "run1", "run2"]
    assert main(["merge", "run1", "run2", "--report-dir", "some"]) == ExitCode.OK
    assert main(["merge", "run3", "some", "--report-dir", "some"]) == ExitCode.OK
    assert main(["merge", *everything, "--report-dir", "all"]) == ExitCode.OK
    for name in ("claims.json", "claims.html", "claims.md", *BOUNDS):
        assert (place / "some" / name).read_bytes() == (place / "all" / name).read_bytes()
    assert main(["merge", "run3", "some", "--report-dir", "some"]) == ExitCode.BAD_INPUT


def test_a_verdict_that_is_not_the_one_on_record(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["merge", "run1"]) == ExitCode.VERDICT_CHANGED
    assert "CHANGED fair-coin: on record as holds, now undecided" in capsys.readouterr().out
    other = place / "other.json"
    other.write_text(Baseline(verdicts={**RECORD, "weight-bound": "holds"}).text())
    code = main(["merge", "run1", "run2", "--baseline", "other.json"])
    assert code == ExitCode.VERDICT_CHANGED
    assert "CHANGED weight-bound: on record as holds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("errors", "code", "said"),
    [
        ('["new"]', ExitCode.VERDICT_CHANGED, "even-numbers: no verdict on record"),
        ("[]", ExitCode.OK, ""),
        ('["refuted"]', ExitCode.VERDICT_CHANGED, "weight-bound: refuted"),
    ],
)
def test_what_is_an_error_is_what_the_project_says(
    place: Path, capsys: pytest.CaptureFixture[str], errors: str, code: ExitCode, said: str
) -> None:
    """A new claim, or a refuted one that is on record as refuted."""
    (place / "pyproject.toml").write_text(f"[tool.theorycheck]\nerrors = {errors}\n")
    known = {name: verdict for name, verdict in RECORD.items() if name != "even-numbers"}
    record = Baseline(verdicts=known, versions=VERSIONS, statements=STATEMENTS)
    (place / "other.json").write_text(record.text())
    assert main(["merge", "run1", "run2", "--baseline", "other.json"]) == code
    printed = capsys.readouterr().out
    assert printed.count("CHANGED") == bool(said)
    assert said in printed


def test_a_statement_that_is_not_the_one_on_record(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = {**VERSIONS, "fair-coin": version_of(replace(TOYS[3], control="tails"))}
    record = Baseline(verdicts=RECORD, versions=versions, statements=STATEMENTS)
    (place / "other.json").write_text(record.text())
    code = main(["merge", "run1", "run2", "--baseline", "other.json"])
    assert code == ExitCode.VERDICT_CHANGED
    assert "CHANGED fair-coin: statement changed (control); " in capsys.readouterr().out


def test_a_report_under_an_old_name_is_not_added_to_one_under_the_new(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are kept, and what to do is said."""
    record = Baseline(
        verdicts={"weight-bound": "refuted"}, renamed={"even-numbers": "weight-bound"}
    )
    (place / "other.json").write_text(record.text())
    for seed, about in ((3, TOYS[0]), (4, TOYS[1])):
        run(place / f"run{seed}", seed, [about])
    arguments = ["merge", "run3", "run4", "--baseline", "other.json"]
    assert main(arguments) == ExitCode.VERDICT_CHANGED
    said = "CHANGED even-numbers, now called weight-bound; run the claims again\n"
    assert said in capsys.readouterr().out
    assert {name: one.seeds for name, one in entries_of(place / "merged").items()} == {
        "even-numbers": (3,),
        "weight-bound": (4,),
    }


BAD: dict[str, tuple[list[str], str]] = {
    "twice": (["run1", "run1"], "even-numbers: two reports have evidence from seed 1"),
    "missing": (["run1", "nowhere"], "nowhere does not exist"),
    "no report": (["run1", "reports"], "reports/claims.json does not exist"),
    "no json": (["run1", "garbage.json"], "garbage.json cannot be read"),
    "older": (["run1", "older.json"], "older.json has schema version 1"),
    "misshapen": (
        ["run1", "misshapen.json"],
        "misshapen.json: claim 'even-numbers' cannot be read",
    ),
    "occupied": (["run1", "run2", "--report-dir", "garbage.json"], "garbage.json"),
    "certificate gone": (["run1", "run2"], "weight-bound.json: cannot be read (No such file"),
    "certificate unreadable": (["run1", "run2"], "weight-bound.json: cannot be read ('utf-8'"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_one_line_and_writes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    (place / "garbage.json").write_text("{")
    (place / "older.json").write_text('{"schema_version": 1, "run": {}, "claims": []}')
    text = (place / "run2/claims.json").read_text()
    (place / "misshapen.json").write_text(text.replace('"tried": ', '"tried": -', 1))
    for seed in (1, 2):
        path = place / f"run{seed}/certificates/weight-bound.json"
        if fault == "certificate gone":
            path.unlink()
        if fault == "certificate unreadable":
            path.write_bytes(b"\xff")
    arguments, complaint = BAD[fault]
    assert main(["merge", *arguments]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert complaint in error
    assert not (place / "merged").exists()


def test_without_runs_there_is_nothing_to_merge(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge"]) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_the_certificate_is_that_of_the_counterexample_shown(place: Path) -> None:
    """The more readable of two; the other run's file is left where it is."""
    folders = {}
    for seed, weight in ((3, 12), (4, 8)):
        about = TOYS[1]
        found = entry(about, [seed], gathered(violation(weight)), gathered(FAILED))
        folders[seed] = place / f"run{seed}"
        reports.write_report(folders[seed], report(seed, found))
        path = folders[seed] / "certificates/weight-bound.json"
        issued = certificates.issue(about, scalar(weight), "refuted", {})
        reports.write_atomically(path, reports.dumps(issued))
    for order in itertools.permutations(folders.values()):
        assert main(["merge", *map(str, order), "--baseline", "none.json"]) == 1
        merged = only(reports.load_report(place / "merged/claims.json"))
        assert merged.counterexample is not None
        assert merged.counterexample.left == "8"
        shown = certificates.load(place / "merged/certificates/weight-bound.json")
        assert shown["left"] == "8"


def test_equal_counterexamples_keep_the_certificate_that_there_is() -> None:
    about = TOYS[1]
    certified = entry(about, [0], gathered(violation(7)), Evidence())
    bare = replace(reseeded(certified, 1), certificate=None)
    for runs in itertools.permutations([report(0, certified), report(1, bare)]):
        assert only(merge(runs)).certificate == "certificates/weight-bound.json"
