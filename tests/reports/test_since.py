"""What changed since an earlier report or a record: verdicts, strengths, statements, claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.reports.entries import ENTRIES, report
from theorycheck import reports
from theorycheck.claims.entries import Entry
from theorycheck.claims.strengths import Strength
from theorycheck.errors import InputError
from theorycheck.reports.baseline import Baseline
from theorycheck.reports.since import since

HOLDS, REFUTED = ENTRIES["holds"], ENTRIES["refuted"]


def earlier(folder: Path, *entries: Entry) -> Path:
    reports.write_report(folder, report(*entries))
    return folder / "claims.json"


def test_nothing_differs_from_itself(tmp_path: Path) -> None:
    assert since(earlier(tmp_path), report()) == []


def test_claims_that_came_and_went(tmp_path: Path) -> None:
    assert since(earlier(tmp_path, REFUTED), report(ENTRIES["own"])) == [
        "third-claim: gone, was refuted",
        "seventh-claim: new, refuted",
        *(f"  + {line}" for line in ENTRIES["own"].wording()),
    ]


def test_verdicts_also_from_undecided(tmp_path: Path) -> None:
    decided = replace(ENTRIES["undecided"], verdict=HOLDS.verdict)
    found = since(earlier(tmp_path, ENTRIES["undecided"]), report(decided))
    assert found == ["fifth-claim: undecided -> holds"]


def test_strengths(tmp_path: Path) -> None:
    before = replace(HOLDS, strength=Strength(level="sampled"))
    after = replace(HOLDS, strength=Strength(level="architectures", architectures=40))
    found = since(earlier(tmp_path, before), report(after))
    assert found == ["second-claim: sampled -> architectures"]


def test_statements(tmp_path: Path) -> None:
    reworded = replace(HOLDS, title="Another title", version={**HOLDS.version, "title": "0"})
    found = since(earlier(tmp_path, HOLDS), report(reworded))
    assert found[0] == "second-claim: holds, with another statement"
    assert "  - inequality: Title of second-claim" in found
    assert "  + inequality: Another title" in found


def test_a_record_will_do(tmp_path: Path) -> None:
    record = Baseline(verdicts={}).accepting([REFUTED])
    (tmp_path / "baseline.json").write_text(record.text(), encoding="utf-8")
    assert since(tmp_path / "baseline.json", report(REFUTED)) == []


@pytest.mark.parametrize("text", ['{"schema_version": 4}', '{"schema_version": 1, "verdicts": 3}'])
def test_what_is_neither_is_bad_input(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(InputError, match=r"other\.json is no report and no record: "):
        since(tmp_path / "other.json", report())
