"""What one report shows to be wrong is believed by no command that reads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands_merge import TOYS, run
from tests.reports.entries import sealed
from theorycheck.cli.commands import main
from theorycheck.errors import ExitCode
from theorycheck.reports.sources import Sources

COMMANDS = {
    "gate": ["gate"],
    "accept": ["gate", "--accept"],
    "merge": ["merge", "reports", "--report-dir", "merged"],
    "report": ["report"],
    "show": ["show", "wide-bound"],
}
GENERAL = {"level": "general", "architectures": 0, "largest": 0, "reason": None}
COUNTEREXAMPLE = {
    "holds": False, "left": "61", "relation": "≤", "right": "60", "tightness": None,
    "arithmetic": "rationals", "reader": "rationals",
    "kernel": {"answer": "confirmed", "reason": None}, "degenerate": None, "note": None,
    "case": None,
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a run whose report is on record."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "properties").mkdir()
    (tmp_path / "properties/test_toys.py").write_text("# claims\n")
    run(tmp_path / "reports", 1, TOYS[:3], sources=Sources.of(tmp_path, ["properties"]))
    assert main(["gate", "--accept"]) == 0
    return tmp_path


def edited(edit: Callable[[Any], object]) -> None:
    path = Path("reports/claims.json")
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(sealed(document)))


def entry(document: Any, name: str) -> Any:
    return next(one for one in document["claims"] if one["id"] == name)


def counts(**changes: object) -> Callable[[Any], object]:
    return lambda d: entry(d, "even-numbers")["examples"].update(changes)


def twice(document: Any) -> None:
    document["run"] = {"merged": [document["run"], document["run"]]}


def added(verdict: str) -> Callable[[Any], object]:
    """A counterexample that nobody found, with no certificate."""
    return lambda d: entry(d, "even-numbers").update(
        counterexample=COUNTEREXAMPLE, verdict=verdict, strength=None, certificate=None
    )


EDITS: dict[str, tuple[Callable[[Any], object], str]] = {
    "general": (
        lambda d: entry(d, "even-numbers").update(strength=GENERAL),
        "claim 'even-numbers': only a symbolic claim is true in general",
    ),
    "a source": (
        lambda d: entry(d, "weight-bound")["sources"][0].update(year=1999),
        "claim 'weight-bound': its sources is not the one that its version names",
    ),
    "a strength of what fails": (
        lambda d: entry(d, "weight-bound").update(strength={**GENERAL, "level": "sampled"}),
        "claim 'weight-bound': it is refuted, and has a strength",
    ),
    "a seed of no run": (
        lambda d: entry(d, "even-numbers").update(seeds=[77]),
        "claim 'even-numbers': its seed 77 is that of no run",
    ),
    "one more seed": (
        lambda d: entry(d, "even-numbers").update(seeds=[1, 77]),
        "claim 'even-numbers': its seed 77 is that of no run",
    ),
    "a seed twice": (
        lambda d: entry(d, "even-numbers").update(seeds=[1, 1]),
        "claim 'even-numbers': one of its seeds occurs twice",
    ),
    "a run twice": (twice, "the run with seed 1 occurs twice"),
    "a fraction": (counts(fraction=7.5), "are not a fraction of 7.5"),
    "a small fraction": (counts(fraction=0.001), "are not a fraction of 0.001"),
    "more met than tried": (counts(met=10**6), "of 1000000 of"),
    "more rejected than tried": (counts(rejected={"odd": 10**6}), "examples were met or rejected"),
    "more of one kind than met": (counts(corners={"zero weights": 10**6}), "were of one kind"),
    "more that agreed than met": (counts(agreed=10**6), "examples agreed"),
    "all of them open": (
        lambda d: counts(open=entry(d, "even-numbers")["examples"]["met"])(d),
        "examples met its hypotheses, and",
    ),
    "counts of a control": (
        lambda d: entry(d, "wide-bound")["control"]["examples"].update(fraction=0.0625),
        "claim 'wide-bound': ",
    ),
    "a verdict": (
        lambda d: entry(d, "weight-bound").update(verdict="holds"),
        "weight-bound: holds, but by its evidence refuted",
    ),
    "a verdict that is undecided": (
        lambda d: entry(d, "weight-bound").update(verdict="undecided"),
        "weight-bound: undecided, but by its evidence refuted",
    ),
    "a counterexample": (added("holds"), "even-numbers: holds, but by its evidence refuted"),
    "a counterexample, undecided": (added("undecided"), "undecided, but by its evidence refuted"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_are_green_before(place: Path, command: str) -> None:
    assert main(COMMANDS[command]) == ExitCode.OK


@pytest.mark.parametrize("edit", EDITS)
def test_what_no_command_believes(
    place: Path, capsys: pytest.CaptureFixture[str], edit: str
) -> None:
    edited(EDITS[edit][0])
    shutil.rmtree("merged", ignore_errors=True)
    before = Path("reports/baseline.json").read_bytes()
    capsys.readouterr()
    for command in COMMANDS.values():
        assert main(command) == ExitCode.BAD_INPUT
        error = capsys.readouterr().err
        assert EDITS[edit][1] in error
        assert error.count("\n") == 1
    assert Path("reports/baseline.json").read_bytes() == before
    assert not Path("merged").exists()


@pytest.mark.parametrize("name", ["even-numbers", "wide-bound"])
def test_a_counterexample_needs_its_certificate(
    place: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Also one of which an edit says that it refutes the claim."""
    edited(
        lambda d: entry(d, name).update(
            counterexample=COUNTEREXAMPLE, verdict="refuted", strength=None, certificate=None
        )
    )
    for command in (COMMANDS["gate"], COMMANDS["accept"]):
        assert main(command) in (ExitCode.VERDICT_CHANGED, ExitCode.BAD_INPUT)
    assert main(COMMANDS["merge"]) == ExitCode.BAD_INPUT
    said = capsys.readouterr()
    assert f"claim '{name}'" in said.out + said.err
    assert not Path("merged").exists()
