"""The verdicts on record, and what differs from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports.entries import ENTRIES
from theorycheck import reports
from theorycheck.errors import InputError


def test_baseline_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    assert reports.load_baseline(path) == {}
    path.write_text(reports.baseline_text({"b-claim": "holds", "a-claim": "refuted"}))
    assert list(reports.load_baseline(path).items()) == [
        ("a-claim", "refuted"),
        ("b-claim", "holds"),
    ]


@pytest.mark.parametrize("table", ["null", "[]", '{"a-claim": 1}'])
def test_baseline_without_a_table(tmp_path: Path, table: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(f'{{"schema_version": 1, "verdicts": {table}}}')
    with pytest.raises(InputError, match="no table of verdicts"):
        reports.load_baseline(path)


def test_differences_name_the_claim_and_both_verdicts() -> None:
    entries = [ENTRIES["holds"], ENTRIES["refuted"], ENTRIES["undecided"]]
    record = {"second-claim": "holds", "third-claim": "holds", "lost-claim": "proved"}
    changed, new, lost = reports.differences(entries, record)
    assert changed.startswith("third-claim: on record as holds, now refuted (counterexample: 7 ≤ 6")
    assert new.startswith("fifth-claim: no verdict on record, now undecided (the control")
    assert lost == "lost-claim: on record as proved, not in the report"
    assert reports.difference(ENTRIES["holds"], record) is None
