"""Outcomes: what pytest makes of a claim. It passes when it was examined and is as on record."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from theorycheck.pytest_plugin.items import EXAMINATION, NEW, ClaimItem, printable

Status = tuple[str, str, tuple[str, dict[str, bool]]]


class Outcomes:
    """Corrects what marks, fixtures and hooks make of claims, and names the new ones."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if isinstance(item, ClaimItem):
            _correct(item, report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport
    ) -> Status | None:
        if report.when == "call" and report.passed and getattr(report, NEW, False):
            return "new", "N", ("NEW", {"yellow": True})
        return None


def _correct(item: ClaimItem, report: pytest.TestReport) -> None:
    """What was not examined to its end is red, whatever else pytest thinks of it."""
    expected = report.__dict__.pop("wasxfail", None)
    if report.skipped:
        report.outcome = "failed"
        if item.examined is None:
            said = report.longrepr[2] if isinstance(report.longrepr, tuple) else expected
            why = printable(str(said)).removeprefix("Skipped: ")
            item.fail(f"it was skipped: {why}")
            report.longrepr = f"{item.claim.id} was skipped: {why}; deselect it, or let it run"
    elif report.failed and item.examined is None:
        item.fail(f"the check failed: {printable(str(report.longrepr)).splitlines()[-1]}")
    if report.failed:
        report.longrepr = printable(str(report.longrepr))
    report.sections = [(printable(name), printable(text)) for name, text in report.sections]
    if item.examined is not None and report.when != "teardown":
        setattr(report, EXAMINATION, item.examined)
        setattr(report, NEW, item.new)
