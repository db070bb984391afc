"""Dependencies: what rests on a claim, directly and through others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.reports.entries import ENTRIES
from theorycheck.claims.entries import Entry
from theorycheck.reports.html.dependencies import Dependencies, fate


def entry(name: str, *used: str) -> Entry:
    return replace(ENTRIES["own"], id=name, rests_on=used)


def reach(claim: str, *entries: Entry) -> list[list[str]]:
    return [[one.id for one in layer] for layer in Dependencies.of(entries).reach(claim)]


def test_layers_end_with_what_nothing_uses() -> None:
    entries = [
        entry("the-lemma"),
        entry("a-theorem", "the-lemma", "the-lemma"),
        entry("b-theorem", "the-lemma", "a-theorem"),
        entry("a-corollary", "b-theorem"),
    ]
    assert reach("the-lemma", *entries) == [["a-theorem", "b-theorem"], ["a-corollary"]]
    assert reach("a-theorem", *entries) == [["b-theorem"], ["a-corollary"]]
    assert reach("a-corollary", *entries) == []
    assert Dependencies.of(entries).size("the-lemma") == 3


def test_circles_end_and_claims_that_are_not_there_have_users() -> None:
    entries = [entry("a-claim", "b-claim", "not-there"), entry("b-claim", "a-claim")]
    assert reach("a-claim", *entries) == [["b-claim"]]
    assert reach("not-there", *entries) == [["a-claim"], ["b-claim"]]


def test_what_passes_survives_an_error_at_any_distance() -> None:
    wrong = replace(ENTRIES["refuted"], id="a-theorem", rests_on=("the-lemma",))
    found = Dependencies.of(
        [
            replace(ENTRIES["refuted"], id="the-lemma"),
            wrong,
            replace(ENTRIES["holds"], id="a-corollary", rests_on=("a-theorem",)),
        ]
    )
    assert (found.size("the-lemma"), found.surviving("the-lemma")) == (2, 1)
    assert found.surviving("a-corollary") == 0


@pytest.mark.parametrize(
    ("user", "corrected", "said"),
    [
        ("proved", (), "survives: proved by itself"),
        ("holds", (), "survives: holds by itself"),
        ("tendency", (), "survives: holds by itself"),
        ("refuted", (), "refuted as well"),
        ("refuted", ["refuted"], "refuted as well"),
        ("refuted", ["corrected"], "refuted as well; its corrected form holds"),
        ("refuted", ["corrected"] * 2, "refuted as well; its corrected forms hold"),
        ("refuted", ["corrected", "refuted"], "refuted as well"),
        ("vacuous", (), "vacuous"),
        ("undecided", (), "undecided"),
    ],
)
def test_the_fate_of_what_rests_on_an_error(user: str, corrected: Sequence[str], said: str) -> None:
    assert fate(ENTRIES[user], [ENTRIES[form] for form in corrected]) == said
