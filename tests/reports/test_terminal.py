"""The terminal: a table that fits the screen, and one claim with all that is known of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.reports.entries import ENTRIES, report
from theorycheck import reports
from theorycheck.claims.entries import Entry
from theorycheck.errors import InputError

SECONDS = {entry.id: 1.25 for entry in ENTRIES.values()}


def sheet(entry: Entry) -> str:
    return "\n".join(reports.printed(reports.claim_sheet(entry)))


def test_the_table_puts_failures_first_and_ends_with_counts() -> None:
    head, *table, empty, counts = reports.run_summary(report(), SECONDS)
    assert head.split() == ["verdict", "claim", "strength", "met", "s"]
    assert [line.split()[0] for line in table] == [
        "refuted", "refuted", "refuted", "vacuous", "undecided", "holds", "holds", "holds",
        "proved",
    ]  # fmt: skip
    assert [line.split()[1] for line in table[:3]] == [
        "ninth-claim", "seventh-claim", "third-claim",
    ]  # fmt: skip
    assert table[1].split() == ["refuted", "seventh-claim", "1", "1.2"]
    assert len({len(line) for line in [head, *table]}) == 1
    assert empty == ""
    assert counts == "9 claims: 1 proved, 3 holds, 1 undecided, 1 vacuous, 3 refuted"


def test_times_stand_where_they_are_known() -> None:
    head, line, *_ = reports.run_summary(report(ENTRIES["own"]), {})
    assert head.split() == ["verdict", "claim", "strength", "met"]
    assert line.split() == ["refuted", "seventh-claim", "1"]
    _, line, *_ = reports.run_summary(report(ENTRIES["own"]), {"third-claim": 1.25})
    assert line.split() == ["refuted", "seventh-claim", "1"]


def test_the_table_can_be_left_out() -> None:
    [counts] = reports.run_summary(report(ENTRIES["own"]), SECONDS, brief=True)
    assert counts == "1 claim: 1 refuted"


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_table_fits_the_screen(width: int) -> None:
    long = replace(ENTRIES["holds"], id="-".join(["long"] * 20), certificate=None)
    lines = reports.run_summary(report(long), {long.id: 1234.5}, width=width)
    assert max(map(len, lines)) <= width
    words = "".join(line[9:].split()[0] for line in lines[1:-2])
    assert words == long.id


@pytest.mark.parametrize("width", [0, 1, 20])
def test_on_a_screen_that_is_too_narrow_claims_keep_their_names(width: int) -> None:
    lines = reports.run_summary(report(), SECONDS, width=width)
    assert all(any(entry.id in line for line in lines) for entry in report().claims)
    assert sheet(ENTRIES["holds"])
    assert any("rank" in line for line in reports.printed("rank(W) <= 1", width=width))


def test_colours_only_where_they_are_wanted() -> None:
    assert "\x1b[31m" in "".join(reports.run_summary(report(), {}, colour=True))
    assert "\x1b" not in "".join(reports.run_summary(report(), {}))


def test_one_claim_says_all_that_is_known_of_it() -> None:
    for entry in ENTRIES.values():
        text = " ".join(sheet(entry).split())
        for part in (
            entry.verdict.upper(), entry.title, entry.id, *entry.hypotheses, "What the property",
            entry.control.statement,
        ):  # fmt: skip
            assert part in text


def test_a_counterexample_keeps_its_matrices() -> None:
    text = sheet(ENTRIES["refuted"])
    assert "7 ≤ 6 is false" in text
    assert "W[1,0] = [  1  -1/2 ]" in text
    assert "tightest" not in text


def test_text_is_not_markup() -> None:
    assert "[red]x[/red] [link=y]" in sheet(
        replace(ENTRIES["holds"], title="[red]x[/red] [link=y]")
    )


def test_an_example_that_is_no_case_names_its_claim() -> None:
    shown = ENTRIES["refuted"].counterexample
    assert shown is not None
    broken = replace(ENTRIES["refuted"], counterexample=replace(shown, case={"inputs": []}))
    with pytest.raises(InputError, match=r"^claim 'third-claim' cannot be read: not a case"):
        sheet(broken)
