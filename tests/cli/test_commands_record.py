"""The page of a report says what changed since the record, whichever command writes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli import test_commands
from tests.cli.test_commands import VERSION
from theorycheck.cli.commands import main
from theorycheck.reports import Baseline

CHANGED = "</span> since the record</span>"

project = test_commands.project


@pytest.fixture
def page(project: Path) -> Path:
    """The page of a report whose only claim is on record with another title."""
    versions = {"true-claim": {**VERSION, "title": ""}}
    record = Baseline(verdicts={"true-claim": "holds"}, versions=versions)
    (project / "reports/baseline.json").write_text(record.text())
    return project / "reports/claims.html"


def test_the_page_follows_the_record(page: Path) -> None:
    assert main(["report"]) == 0
    assert CHANGED in page.read_text(encoding="utf-8")
    assert main(["gate", "--accept"]) == 0
    found = page.read_text(encoding="utf-8")
    assert CHANGED not in found
    assert "<select name=record>" in found
    assert main(["report"]) == 0
    assert page.read_text(encoding="utf-8") == found


def test_accepting_writes_no_page_where_there_is_none(page: Path) -> None:
    assert main(["gate", "--accept"]) == 0
    assert not page.exists()


def test_accepting_what_is_on_record_leaves_the_page(page: Path) -> None:
    assert main(["gate", "--accept"]) == 0
    page.write_text("as it was")
    assert main(["gate", "--accept"]) == 0
    assert page.read_text() == "as it was"


def test_a_page_of_merged_reports_names_a_claim_that_changed(page: Path) -> None:
    shutil.copy(page.with_name("claims.json"), page.parents[1] / "claims.json")
    assert main(["merge", str(page.parents[1])]) == 1
    merged = page.parents[1] / "merged/claims.html"
    assert CHANGED in merged.read_text(encoding="utf-8")
