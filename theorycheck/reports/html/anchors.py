"""Anchors: the names by which links lead to parts of the page, whatever papers call them."""

from __future__ import annotations

import re
from collections import Counter

from theorycheck.reports.coverage import Coverage


def paper_anchor(paper: str) -> str:
    """The anchor of a paper; no claim has an id with a colon."""
    return f"paper:{_plain(paper)}"


def item_anchors(coverage: Coverage) -> list[str]:
    """The anchors of the items of a paper, in their order; no two are the same."""
    found, times = [], Counter[str]()
    for item, _ in coverage.rows:
        name = f"item:{_plain(coverage.paper)}:{_plain(item.label)}"
        times[name] += 1
        found.append(name if times[name] == 1 else f"{name}:{times[name]}")
    return found


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text)
