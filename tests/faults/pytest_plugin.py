"""Faults of the pytest plugin."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "gate-open",
        "pytest_plugin.items",
        "a changed verdict passes",
        old=("            raise VerdictChanged(fault)\n"),
        new=("            pass\n"),
        asked=(
            "tests/pytest_plugin/test_items.py::test_a_changed_verdict_is_one_line_and_a_failed_check_shows_where",
        ),
    ),
]
