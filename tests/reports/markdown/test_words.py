"""The words that all reports have in common."""

from __future__ import annotations

from tests.reports.entries import ENTRIES
from theorycheck import reports


def test_verdicts_are_counted_from_best_to_worst() -> None:
    counts = reports.verdict_counts(ENTRIES.values())
    assert counts == "1 proved, 3 holds, 1 undecided, 1 vacuous, 3 refuted"
