"""Figures of papers: which claims are about each, what it shows in words, and ours beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from theorycheck.claims.entries import Entry
from theorycheck.reports.coverage import Coverage

NUMBERED = re.compile(r"(Fig\.|Figure) (\d+)")
"""How labels of items that are about a figure begin."""


@dataclass(frozen=True)
class PaperFigure:
    """A figure of a paper that claims are about.

    Attributes:
        label: as the paper numbers it.
        shows: in words.
        entries: the claims, trainings first.
    """

    label: str
    shows: tuple[str, ...]
    entries: tuple[Entry, ...]


def paper_figures(found: Coverage, known: Mapping[str, Entry]) -> list[PaperFigure]:
    """Those of one paper, in the order of their numbers; without claims they are left out."""
    shows: dict[tuple[int, str], list[str]] = {}
    claims: dict[tuple[int, str], dict[str, Entry]] = {}
    for item, covering in found.rows:
        named = NUMBERED.match(item.label)
        if named is None or not covering:
            continue
        figure = int(named[2]), named[0]
        shows.setdefault(figure, []).append(item.shows or item.says)
        claims.setdefault(figure, {}).update({claim.id: known[claim.id] for claim in covering})
    return [
        PaperFigure(
            label,
            tuple(dict.fromkeys(shows[number, label])),
            tuple(sorted(claims[number, label].values(), key=lambda e: e.kind != "tendency")),
        )
        for number, label in sorted(shows)
    ]
