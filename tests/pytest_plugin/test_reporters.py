"""Reporters: the table and the files that a run leaves, also where a disk is full."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.claims.toy_claims import toy
from tests.pytest_plugin.projects import RECORD, Project, error_lines
from theorycheck import reports
from theorycheck.claims.examination import undecided
from theorycheck.configuration import Project as Configured
from theorycheck.configuration import Settings
from theorycheck.errors import ExitCode
from theorycheck.pytest_plugin.events import (
    ClaimChanged,
    ClaimExamined,
    ClaimStarted,
    Event,
    RunFinished,
)
from theorycheck.pytest_plugin.reporters import Terminal, Writer
from theorycheck.reports.baseline import EMPTY, Baseline
from theorycheck.reports.documents import Circumstances, Report, Run
from theorycheck.reports.sources import Sources

pytest_plugins = ["pytester"]

EXAMINATION = undecided(toy(None), "nobody looked")
RUN = Run(
    profile="quick", seed=7, device="cpu", images="digits", finished=False,
    sources=Sources(engine="0", claims={}),
)  # fmt: skip
WENT = Circumstances(
    started="2026-01-01T00:00:00+00:00", seconds=1.5, workers=2, versions={"python": "3"},
    notes=("toy-claim: a piece was halved",), claims={"toy-claim": 1.25},
)  # fmt: skip
FINISHED = RunFinished(
    report=Report(runs=(RUN,), claims=(EXAMINATION.entry,)),
    went=WENT,
    certificates={"certificates/toy-claim.json": {"left": "7"}},
    changes=("toy-claim: not as it was", "other-claim: nor this one"),
    new=("toy-claim",),
    forbidden=(),
    examined=1,
    record=EMPTY,
)
EARLIER: list[Event] = [
    ClaimStarted("toy-claim"),
    ClaimExamined(EXAMINATION),
    ClaimChanged("toy-claim", "not as it was"),
]


class Screen:
    """What a terminal shows, as far as reporters write to it."""

    hasmarkup = False

    def __init__(self, verbosity: int = 0) -> None:
        self.shown: list[str] = []
        self.verbosity = verbosity

    def section(self, title: str) -> None:
        self.shown.append(f"= {title}")

    def write_line(self, line: str, **markup: Any) -> None:
        self.shown.append(line)

    @classmethod
    def after(cls, reporter: Any, verbosity: int = 0) -> list[str]:
        screen = cls(verbosity)
        reporter.pytest_terminal_summary(screen)
        return screen.shown


def test_verdicts_on_record_make_the_run_green(project: Project) -> None:
    result = project.run()
    assert result.ret == 0
    assert project.verdicts() == RECORD
    result.stdout.fnmatch_lines(["*verdicts*", "refuted *false-claim *", "3 claims: *"])
    text = (project.path / "reports/claims.md").read_text(encoding="utf-8")
    assert "### false-claim" in text
    assert "W[1,0] = [ 7 ]" in text


def test_full_disk_saves_the_report_elsewhere(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = reports.write_atomically

    def full(path: Path, text: str) -> None:
        if path.is_relative_to(project.path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, text)

    monkeypatch.setattr("theorycheck.reports.documents.write_atomically", full)
    result = project.run()
    assert result.ret == 4
    [line] = error_lines(result)
    assert "No space left" in line
    saved = reports.load_report(Path(line.rpartition(" ")[2]) / "claims.json")
    assert len(saved.claims) == 3


WRITTEN = {"claims.json", "claims.html", "claims.md", "run.json", ".gitignore"}


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_nothing_is_written_or_shown_before_the_run_is_over(tmp_path: Path) -> None:
    writer, screen = Writer(tmp_path), terminal(tmp_path)
    for event in EARLIER:
        assert writer.pytest_theorycheck_event(event) is None
        screen.pytest_theorycheck_event(event)
    assert files(tmp_path) == set()
    assert Screen.after(writer) == Screen.after(screen) == []


def test_the_writer_writes_the_report_and_every_certificate(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "new")
    assert writer.pytest_theorycheck_event(FINISHED) is None
    certificate = "certificates/toy-claim.json"
    assert files(tmp_path / "new") == {*WRITTEN, certificate}
    document = json.loads((tmp_path / "new/claims.json").read_text(encoding="utf-8"))
    assert document["run"]["seed"] == 7
    assert [entry["id"] for entry in document["claims"]] == ["toy-claim"]
    assert json.loads((tmp_path / "new" / certificate).read_text()) == {"left": "7"}
    [line] = Screen.after(writer)
    assert str(tmp_path / "new") in line


def test_the_page_names_what_changed_since_the_record(tmp_path: Path) -> None:
    record = Baseline(verdicts={"toy-claim": "holds"})
    Writer(tmp_path / "new").pytest_theorycheck_event(replace(FINISHED, record=record))
    page = (tmp_path / "new/claims.html").read_text(encoding="utf-8")
    assert "</span> since the record</span>" in page


def test_the_writer_that_cannot_write_saves_everything_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "occupied").write_text("")
    writer = Writer(tmp_path / "occupied/reports")
    assert writer.pytest_theorycheck_event(FINISHED) is ExitCode.BAD_INPUT
    [line] = Screen.after(writer)
    assert line.startswith(f"ERROR: report folder {tmp_path / 'occupied/reports'} cannot be")
    saved = Path(line.rpartition(" ")[2])
    assert saved.parent == tmp_path
    assert files(saved) == {*WRITTEN, "certificates/toy-claim.json"}


def terminal(project: Path, folder: str = "reports", record: str = "reports/baseline.json") -> Any:
    return Terminal(project / folder, project / record, Configured(project, Settings()))


def test_the_terminal_shows_every_claim_and_what_changed(tmp_path: Path) -> None:
    shown = terminal(tmp_path, "there")
    shown.pytest_theorycheck_event(FINISHED)
    title, first, second, new, note, *table, counts, advice = Screen.after(shown)
    assert title == "= verdicts"
    assert [first, second] == [f"CHANGED {change}" for change in FINISHED.changes]
    assert any("undecided" in line and "toy-claim" in line for line in table)
    assert counts == "1 claim: 1 undecided"
    assert note == "note: toy-claim: a piece was halved"
    assert Screen.after(shown, -1) == [title, first, second, new, note, counts, advice]
    assert new == "NEW toy-claim: undecided (nobody looked)"
    assert "theorycheck gate --accept --report-dir there`" in advice


ACCEPT = "theorycheck gate --accept"


@pytest.mark.parametrize("start", ["project", "project/properties", "elsewhere"])
@pytest.mark.parametrize(
    ("folder", "record", "words"),
    [
        ("reports", "reports/baseline.json", []),
        ("out", "reports/baseline.json", ["--report-dir", "out"]),
        ("reports", "other.json", ["--baseline", "other.json"]),
        ("o u t", "o/r.json", ["--report-dir", "o u t", "--baseline", "o/r.json"]),
        ("/tmp/out", "reports/baseline.json", ["--report-dir", "/tmp/out"]),
    ],
)
def test_the_advice_is_a_command_that_works_here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start: str,
    folder: str,
    record: str,
    words: list[str],
) -> None:
    """It names this report and this record from the folder in which the gate finds the claims."""
    project, here = tmp_path / "project", tmp_path / start
    (project / "properties").mkdir(parents=True)
    (project / "pyproject.toml").write_text("[tool.theorycheck]\n")
    here.mkdir(exist_ok=True)
    monkeypatch.chdir(here)
    shown = terminal(project, folder, record)
    shown.pytest_theorycheck_event(FINISHED)
    said = shlex.split(Screen.after(shown)[-1].split("`")[1])
    if start == "elsewhere":
        assert said[:3] == ["cd", str(project), "&&"]
        here, said = project, said[3:]
    assert said[:3] == ACCEPT.split()
    assert said[3::2] == words[::2]
    assert [here / word for word in said[4::2]] == [project / word for word in words[1::2]]


def test_a_command_given_elsewhere_leaves_nothing_there(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And its advice can be followed."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (project.path / "pyproject.toml").write_text("[tool.theorycheck]\n")
    project.record({})
    command = [sys.executable, "-m", "theorycheck", "run", "-n", "2", "--profile", "quick"]
    command += ["--path", str(project.path / "properties")]
    ran = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True)
    assert ran.returncode == 1
    [advice] = [line.split("`")[1] for line in ran.stdout.splitlines() if " new: `" in line]
    advice = advice.replace("theorycheck ", f"{sys.executable} -m theorycheck ")
    assert subprocess.run(["bash", "-c", advice], cwd=elsewhere).returncode == 0
    assert json.loads((project.path / "reports/baseline.json").read_text())["verdicts"] == RECORD
    assert list(elsewhere.iterdir()) == []


def test_changes_are_shown_first_and_the_report_last(project: Project) -> None:
    project.record({**RECORD, "true-claim": "refuted"})
    shown = project.run().outlines
    told = [
        "*= verdicts =*",
        "CHANGED true-claim: on record as refuted, now holds *",
        "verdict *",
        "*claims.md*",
    ]
    pytest.LineMatcher(shown).fnmatch_lines(told)
    assert sum(line.startswith("CHANGED") for line in shown) == 1
