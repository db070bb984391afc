"""Reporters: what writes the report and what prints it, as consumers of events."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from theorycheck.errors import ExitCode
from theorycheck.pytest_plugin.events import Event, RunFinished


class Writer:
    """Writes report, circumstances and certificates when the run is over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.message: str | None = None

    def pytest_theorycheck_event(self, event: Event) -> ExitCode | None:
        if not isinstance(event, RunFinished):
            return None
        try:
            self.message = self._write(self.folder, event)
        except OSError as error:
            rescue = Path(tempfile.mkdtemp(prefix="theorycheck-"))
            self._write(rescue, event)
            self.message = (
                f"ERROR: report folder {self.folder} cannot be written ({error.strerror});"
                f" the report was saved in {rescue}"
            )
            return ExitCode.BAD_INPUT
        return None

    def _write(self, folder: Path, run: RunFinished) -> str:
        """Write everything into a folder, and say where."""
        from theorycheck import reports

        for name, certificate in run.certificates.items():
            reports.write_atomically(folder / name, reports.dumps(certificate))
        return reports.write_report(folder, run.report, run.went)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.message is not None:
            terminalreporter.write_line(self.message)


class Terminal:
    """Prints the table of verdicts, and what differs from the record."""

    def __init__(self) -> None:
        self.run: RunFinished | None = None

    def pytest_theorycheck_event(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            self.run = event

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.run is None:
            return
        from theorycheck import reports

        terminalreporter.section("verdicts")
        for line in reports.run_summary(self.run.report, self.run.went.claims):
            terminalreporter.write_line(line)
        for note in self.run.went.notes:
            terminalreporter.write_line(f"note: {note}")
        for change in self.run.changes:
            terminalreporter.write_line(f"CHANGED {change}", red=True)
