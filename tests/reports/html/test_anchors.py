"""Anchors: letters, digits and signs that need no escape, and each only once."""

from __future__ import annotations

import re

from theorycheck.reports.coverage import Coverage, Item
from theorycheck.reports.html.anchors import item_anchors, paper_anchor

HOSTILE = '"><script>alert(1)</script>'


def coverage(*labels: str) -> Coverage:
    rows = tuple((Item(label=label, words="w", says="s"), ()) for label in labels)
    return Coverage("me 2026", rows, ())


def test_items_are_named_by_paper_and_label() -> None:
    assert item_anchors(coverage("Lemma 2", "Eq. 5")) == [
        "item:me-2026:Lemma-2", "item:me-2026:Eq-5",
    ]  # fmt: skip


def test_labels_that_look_alike_have_anchors_of_their_own() -> None:
    assert item_anchors(coverage("x < y", "x > y", "x-y")) == [
        "item:me-2026:x-y", "item:me-2026:x-y:2", "item:me-2026:x-y:3",
    ]  # fmt: skip


def test_no_anchor_needs_an_escape() -> None:
    for anchor in (paper_anchor(HOSTILE), *item_anchors(coverage(HOSTILE, "σ²"))):
        assert re.fullmatch("[A-Za-z0-9:-]+", anchor)
