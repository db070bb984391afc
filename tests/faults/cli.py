"""Faults of the command line."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "undecided-on-record",
        "cli.commands",
        "undecided claims are put on record",
        old='if entry["verdict"] == "undecided"]',
        new='if entry["verdict"] == "unknown"]',
        asked=("tests/cli/test_commands.py::test_gate_accepts_nothing_undecided",),
    ),
]
