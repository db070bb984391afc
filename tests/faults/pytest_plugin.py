"""Faults of the pytest plugin."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "gate-open",
        "pytest_plugin.items",
        "a changed verdict passes",
        old=("            raise VerdictChanged(changed)\n"),
        new=("            pass\n"),
        asked=("tests/pytest_plugin/test_items.py::test_changed_verdict_names_the_claim",),
    ),
]
