"""What the gate relies on is verified: edited reports, records and certificates are red."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.test_commands_merge import TOYS, run
from tests.reports.entries import ENTRIES, RUN, report, sealed
from tests.reports.runs import scalar
from theorycheck import reports
from theorycheck.claims import certificates
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode
from theorycheck.reports.gating import doubts
from theorycheck.reports.sources import Sources

CLAIMS = TOYS[:3]
"""That hold, are refuted, and have a tight example."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a run in ``run`` whose report is on record in ``reports``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "properties").mkdir()
    (tmp_path / "properties/test_toys.py").write_text("# claims\n")
    run(tmp_path / "run", 1, CLAIMS, sources=Sources.of(tmp_path, ["properties"]))
    assert main(["gate", "--report-dir", "run", "--accept"]) == 0
    return tmp_path


def gate() -> int:
    return main(["gate", "--report-dir", "run"])


def edited(path: str, edit: Callable[[Any], object], seal: bool = True) -> None:
    document = json.loads(Path(path).read_text())
    edit(document)
    Path(path).write_text(json.dumps(sealed(document) if seal else document))


def report_edited(edit: Callable[[Any], object], *, seal: bool = True) -> Callable[[], None]:
    return lambda: edited("run/claims.json", edit, seal)


def record_edited(edit: Callable[[Any], object]) -> Callable[[], None]:
    return lambda: edited("reports/baseline.json", edit, False)


def entry(document: Any, name: str) -> Any:
    return next(one for one in document["claims"] if one["id"] == name)


OTHER_SOURCE = {
    "place": "Eq. 99", "title": "Another", "authors": "M. M.", "year": 1999, "paper": "x"
}  # fmt: skip


def source_edited(part: str, other: object) -> Callable[[], None]:
    return report_edited(lambda d: entry(d, "even-numbers")["sources"][0].update({part: other}))


def doubled(path: str, key: str) -> Callable[[], None]:
    """A key that is there twice, with what is wanted last."""

    def edit() -> None:
        text = Path(path).read_text()
        Path(path).write_text(text.replace(f'"{key}":', f'"{key}": "x", "{key}":', 1))

    return edit


def issued(name: str, weight: int, shows: Any) -> None:
    about = next(one for one in CLAIMS if one.id == name)
    document = certificates.issue(about, scalar(weight), shows, {})
    Path(f"reports/certificates/{name}.json").write_text(json.dumps(document))


def refuting_another() -> None:
    """A verified counterexample for a claim that is on record as holding."""
    about = replace(TOYS[1], id="even-numbers")
    document = certificates.issue(about, scalar(9), "refuted", {})
    edited(
        "reports/baseline.json",
        lambda d: d["statements"].update({"even-numbers": document["version"]}),
        False,
    )
    Path("reports/certificates/even-numbers.json").write_text(json.dumps(document))


def rewritten(path: str, old: str, new: str) -> Callable[[], None]:
    def edit() -> None:
        text = Path(path).read_text()
        assert old in text
        Path(path).write_text(text.replace(old, new))

    return edit


def piped(path: str) -> Callable[[], None]:
    def edit() -> None:
        Path(path).unlink()
        os.mkfifo(path)

    return edit


def dangling() -> None:
    Path("reports/baseline.json").unlink()
    Path("reports/baseline.json").symlink_to("nowhere")


def without_statements() -> None:
    Path(WEIGHT).unlink()
    edited("reports/baseline.json", lambda d: d.update(statements={}), False)


WEIGHT = "reports/certificates/weight-bound.json"
COUNTEREXAMPLE = {
    "holds": False, "left": "61", "relation": "≤", "right": "60", "tightness": None,
    "arithmetic": "rationals", "reader": "rationals", "kernel": None, "degenerate": None,
    "note": None, "case": None,
}  # fmt: skip
CONFIRMED = {**COUNTEREXAMPLE, "kernel": {"answer": "confirmed", "reason": None}}

ATTACKS: dict[str, tuple[Callable[[], object], str]] = {
    "undecided on record": (
        record_edited(lambda d: d["verdicts"].update({"weight-bound": "undecided"})),
        "Invalid enum value 'undecided'",
    ),
    "no verdict on record": (
        record_edited(lambda d: d["verdicts"].update({"weight-bound": ""})),
        "Invalid enum value ''",
    ),
    "a key twice in the record": (doubled("reports/baseline.json", "verdicts"), "occurs twice"),
    "a key twice in the report": (doubled("run/claims.json", "claims"), "occurs twice"),
    "a verdict twice": (doubled("run/claims.json", "verdict"), "occurs twice"),
    "a claim twice": (
        report_edited(lambda d: d["claims"].append(d["claims"][0])),
        "claim 'even-numbers' occurs twice",
    ),
    "an unfinished run": (
        report_edited(lambda d: d["run"].update(finished=False)),
        "the run with seed 1 did not finish",
    ),
    "no run": (
        report_edited(lambda d: d.update(run={"merged": []})),
        "its seed 1 is that of no run",
    ),
    "claims that changed since": (
        lambda: Path("properties/test_toys.py").write_text("# others\n"),
        "older than what is in properties",
    ),
    "a module of hypotheses that is new": (
        lambda: Path("properties/assumptions.py").write_text(""),
        "older than what is in properties",
    ),
    "claims that are gone": (
        lambda: Path("properties/test_toys.py").unlink(),
        "older than what is in properties",
    ),
    "data beside the claims": (
        lambda: Path("properties/data.json").write_text("1"),
        "older than what is in properties",
    ),
    "a conftest that is new": (
        lambda: Path("conftest.py").write_text(""),
        "older than what is in conftest.py",
    ),
    "a folder that nobody examined": (
        lambda: Path("pyproject.toml").write_text(
            "[tool.theorycheck]\npaths = ['properties', 'more']\n"
        ),
        "older than what is in more, pyproject.toml",
    ),
    "a report of no folder": (
        report_edited(lambda d: d["run"]["sources"].update(claims={})),
        "older than what is in properties, pyproject.toml",
    ),
    "a report of another engine": (
        report_edited(lambda d: d["run"]["sources"].update(engine="0" * 16)),
        "older than what is in theorycheck",
    ),
    "a certificate that is gone": (lambda: Path(WEIGHT).unlink(), "weight-bound.json is gone"),
    "a certificate and its statement that are gone": (
        without_statements,
        "weight-bound: statement changed (formal statement)",
    ),
    "a tampered certificate": (rewritten(WEIGHT, '"7"', '"8"'), "the digest differs"),
    "a tight certificate of a refuted claim": (
        lambda: issued("weight-bound", 5, "tight"),
        "on record as refuted, but its certificate",
    ),
    "a counterexample for a claim that holds": (refuting_another, "refutes it"),
    "a certificate of another claim": (
        lambda: Path(WEIGHT).write_text(Path(WEIGHT).with_stem("wide-bound").read_text()),
        "is about wide-bound",
    ),
    "a certificate that is a pipe": (piped(WEIGHT), "not a file"),
    "a certificate of the report that is gone": (
        lambda: Path("run/certificates/weight-bound.json").unlink(),
        "cannot be read",
    ),
    "counts that were edited": (
        report_edited(lambda d: entry(d, "even-numbers")["examples"].update(counted=2), seal=False),
        "its digest differs",
    ),
    "a verdict that was edited": (
        report_edited(lambda d: entry(d, "weight-bound").update(verdict="holds")),
        "weight-bound: holds, but by its evidence refuted",
    ),
    "a kind that was edited": (
        report_edited(lambda d: entry(d, "weight-bound").update(kind="symbolic")),
        "its kind is not the one that its version names",
    ),
    "a hypothesis": (
        report_edited(lambda d: entry(d, "even-numbers").update(hypotheses=["a full moon"])),
        "even-numbers: statement changed (wording)",
    ),
    "a hypothesis fewer": (
        report_edited(lambda d: entry(d, "weight-bound").update(hypotheses=[])),
        "weight-bound: statement changed (wording)",
    ),
    "a formula": (
        report_edited(lambda d: entry(d, "wide-bound").update(formula=["W[0][0][0] <= 99"])),
        "wide-bound: statement changed (wording)",
    ),
    "what the control is": (
        report_edited(lambda d: entry(d, "even-numbers")["control"].update(statement="none")),
        "even-numbers: statement changed (wording)",
    ),
    "the words on record": (
        record_edited(lambda d: d["wording"]["even-numbers"].append("hypothesis: a full moon")),
        "even-numbers: statement changed (wording)",
    ),
    "no words on record": (
        record_edited(lambda d: d["wording"].update({"wide-bound": []})),
        "wide-bound: statement changed (wording)",
    ),
    **{
        f"the {part} of a source": (
            source_edited(part, other),
            "its sources is not the one that its version names",
        )
        for part, other in OTHER_SOURCE.items()
    },
    "a source that is gone": (
        report_edited(lambda d: entry(d, "even-numbers").update(sources=[])),
        "its sources is not the one that its version names",
    ),
    "fewer examples that are enough": (
        report_edited(lambda d: entry(d, "wide-bound").update(enough=0)),
        "its enough is not the one that its version names",
    ),
    "a counterexample that was confirmed by an edit": (
        report_edited(
            lambda d: entry(d, "wide-bound").update(
                counterexample=CONFIRMED, verdict="refuted", strength=None, certificate=None
            )
        ),
        "claim 'wide-bound' is refuted without a certificate",
    ),
    "a claim that is gone": (
        report_edited(lambda d: d["claims"].pop(0)),
        "even-numbers: on record as holds, not examined",
    ),
    "a record that is a pipe": (piped("reports/baseline.json"), "not a file"),
    "a report that is a pipe": (piped("run/claims.json"), "not a file"),
    "an empty record": (lambda: Path("reports/baseline.json").write_text(""), "not a file"),
    "a record that leads nowhere": (
        dangling,
        "is a link to what does not exist; restore or delete it",
    ),
    "a record of version -5": (
        record_edited(lambda d: d.update(schema_version=-5)),
        "has schema version -5, which there never was",
    ),
    "a report of version 0": (
        report_edited(lambda d: d.update(schema_version=0)),
        "has schema version 0, which there never was",
    ),
}


def test_the_gate_is_green_before(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate() == ExitCode.OK
    assert capsys.readouterr().out.endswith("3 claims, 0 differ from the record\n")


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_the_gate_does_not_believe(
    place: Path, capsys: pytest.CaptureFixture[str], attack: str
) -> None:
    edit, complaint = ATTACKS[attack]
    edit()
    assert gate() in (ExitCode.VERDICT_CHANGED, ExitCode.BAD_INPUT)
    output = capsys.readouterr()
    assert complaint in output.out + output.err
    assert output.err.count("\n") <= 1


@pytest.mark.parametrize("unfinished", [(), (0,), (1,), (0, 1)])
def test_every_run_of_a_merged_report_has_to_be_finished(
    tmp_path: Path, unfinished: tuple[int, ...]
) -> None:
    [entry, *_] = ENTRIES.values()
    runs = tuple(
        msgspec.structs.replace(RUN, seed=seed, finished=seed not in unfinished) for seed in (0, 1)
    )
    found = doubts(tmp_path, report(entry, runs=runs), tmp_path, [])
    assert [doubt for doubt in found if "finish" in doubt] == [
        f"the run with seed {seed} did not finish; run the claims again" for seed in unfinished
    ]


@pytest.mark.parametrize(
    "attack",
    ["an unfinished run", "claims that changed since", "a verdict that was edited",
     "counts that were edited", "a certificate of the report that is gone"],
)  # fmt: skip
def test_a_report_that_is_not_believed_is_not_accepted(
    place: Path, capsys: pytest.CaptureFixture[str], attack: str
) -> None:
    before = Path("reports/baseline.json").read_bytes()
    ATTACKS[attack][0]()
    assert main(["gate", "--report-dir", "run", "--accept"]) == ExitCode.BAD_INPUT
    assert ATTACKS[attack][1] in capsys.readouterr().err
    assert Path("reports/baseline.json").read_bytes() == before


def test_accepting_copies_certificates_and_removes_stale_ones(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["weight-bound.json", "wide-bound.json"]
    folder = place / "reports/certificates"
    assert sorted(path.name for path in folder.iterdir()) == names
    for name in names:
        assert (folder / name).read_bytes() == (place / "run/certificates" / name).read_bytes()
    for stale in ("even-numbers", "lost-claim"):
        (folder / f"{stale}.json").write_text("{}")
    (folder / "README.txt").write_text("not a certificate")
    (folder / names[0]).write_text("{}")
    capsys.readouterr()
    assert main(["gate", "--report-dir", "run", "--accept"]) == 0
    printed = capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["README.txt", *names]
    assert "removed reports/certificates/lost-claim.json, which no claim has any more" in printed
    assert gate() == 0


def test_accepting_shows_what_changes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = [
        replace(CLAIMS[0], title="Another title", hypotheses=("none", "one more")),
        *CLAIMS[1:],
    ]
    run(place / "run", 1, changed, sources=Sources.of(place, ["properties"]))
    edited("reports/baseline.json", lambda d: d["verdicts"].update({"wide-bound": "proved"}), False)
    edited("reports/baseline.json", lambda d: d["verdicts"].pop("weight-bound"), False)
    level = {"even-numbers": "architectures"}
    edited("reports/baseline.json", lambda d: d.update({"strengths": level}), False)
    capsys.readouterr()
    assert main(["gate", "--report-dir", "run", "--accept"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "even-numbers: architectures -> sampled" in printed
    assert "even-numbers: holds, with another statement" in printed
    assert "  - identity: A title" in printed
    assert "  + identity: Another title" in printed
    assert "  + hypothesis: one more" in printed
    assert "    hypothesis: none" in printed
    assert "wide-bound: proved -> holds" in printed
    assert "weight-bound: new, refuted" in printed
    assert printed[-1] == "3 of 3 claims changed on the record in reports/baseline.json"
    assert main(["gate", "--report-dir", "run", "--accept"]) == 0
    [last] = capsys.readouterr().out.splitlines()
    assert last.startswith("0 of 3 claims changed")


def test_what_is_undecided_is_not_accepted_and_nobody_recommends_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blunt = replace(CLAIMS[0], enough=10**6)
    run(place / "run", 1, [blunt], sources=Sources.of(place, ["properties"]))
    capsys.readouterr()
    assert gate() == 1
    assert "--accept" not in capsys.readouterr().out
    assert main(["gate", "--report-dir", "run", "--accept"]) == ExitCode.BAD_INPUT
    error = capsys.readouterr().err
    assert "undecided claims go on no record: even-numbers (the hypotheses were met" in error
    assert "--profile deep" in error
    assert reports.load_baseline(Path("reports/baseline.json")).verdicts["even-numbers"] == "holds"
