"""Reporters: what writes the report and what prints it, as consumers of events."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from shlex import quote
from shutil import get_terminal_size, rmtree

import pytest

from theorycheck.configuration import Project, near
from theorycheck.errors import ExitCode
from theorycheck.pytest_plugin.events import Event, RunFinished


def place(folder: Path, run: RunFinished) -> Path:
    """Where the report on a run goes: one on a part of the claims does not replace the whole."""
    return folder / "partial" if run.report.omitted else folder


class Writer:
    """Writes report, circumstances and certificates when the run is over."""

    def __init__(self, folder: Path, claims: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.claims = claims
        self.message: str | None = None

    def pytest_theorycheck_event(self, event: Event) -> ExitCode | None:
        if not isinstance(event, RunFinished):
            return None
        if not event.examined:
            self.message = "no claim was examined, and no report written"
            return None
        folder = place(self.folder, event)
        try:
            self.message = self._write(folder, event)
        except OSError as error:
            what = f"{Path(str(error.filename)).name}: {error.strerror}"
            lost = f"ERROR: report folder {folder} cannot be written ({what})"
            self.message = f"{lost}; {self._rescue(event)}"
            return ExitCode.BAD_INPUT
        return None

    def _rescue(self, run: RunFinished) -> str:
        """Save the report anywhere, and say where."""
        try:
            with ExitStack() as stack:
                folder = Path(tempfile.mkdtemp(prefix="theorycheck-"))
                stack.callback(rmtree, folder, ignore_errors=True)
                self._write(folder, run)
                stack.pop_all()
        except OSError as error:
            return f"nor can a temporary folder ({error.strerror}), so that the report is lost"
        return f"the report was saved in {folder}"

    def _write(self, folder: Path, run: RunFinished) -> str:
        """Write everything into a folder, and say where."""
        from theorycheck import reports

        for name, certificate in run.certificates.items():
            reports.write_atomically(folder / name, reports.dumps(certificate))
        return reports.write_report(folder, run.report, run.went, self.claims, run.record)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.message is not None:
            terminalreporter.write_line(self.message)


WIDEST = 100
"""The widest table, in characters, however wide the screen."""


class Terminal:
    """Prints what is new or differs from the record, then the table of verdicts."""

    def __init__(self, folder: Path, baseline: Path, project: Project) -> None:
        self.folder = folder
        self.baseline = baseline
        self.project = project
        self.run: RunFinished | None = None

    def pytest_theorycheck_event(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            self.run = event

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        run = self.run
        if run is None:
            return
        from theorycheck import reports

        terminalreporter.section("verdicts")
        for change in run.changes:
            terminalreporter.write_line(f"CHANGED {change}", red=True)
        for entry in run.report.claims:
            if entry.id in run.new:
                terminalreporter.write_line(f"NEW {entry.id}: {entry.verdict} ({entry.reason})")
        for note in run.went.notes:
            terminalreporter.write_line(f"note: {note}")
        for line in reports.run_summary(
            run.report,
            run.went.claims,
            brief=terminalreporter.verbosity < 0,
            width=min(get_terminal_size().columns, WIDEST),
            colour=terminalreporter.hasmarkup,
        ):
            terminalreporter.write_line(line)
        if run.new:
            terminalreporter.write_line(self._advice(run))

    def _advice(self, run: RunFinished) -> str:
        """How new claims go on record."""
        project, command = self.project, "theorycheck gate --accept"
        used = {"report-dir": place(self.folder, run), "baseline": self.baseline}
        usual = {"report-dir": project.report_dir, "baseline": project.baseline}
        start = Path.cwd()
        if not project.is_of(start):  # There the gate would look for other claims.
            start = project.folder
            command = f"cd {quote(str(start))} && {command}"
        for option, path in used.items():
            if path != usual[option]:
                command += f" --{option} {quote(str(near(path, start)))}"
        undecided = any(e.id in run.new and e.verdict == "undecided" for e in run.report.claims)
        but = ", but none that is undecided" if undecided else ""
        return f"{len(run.new)} new: `{command}` puts verdicts and statements on record{but}"
