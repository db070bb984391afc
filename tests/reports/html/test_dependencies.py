"""Dependencies: what rests on a claim, directly and through others."""

from __future__ import annotations

from dataclasses import replace

from tests.reports.entries import ENTRIES
from theorycheck.claims.entries import Entry
from theorycheck.reports.html.dependencies import Dependencies


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
