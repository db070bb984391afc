"""Graph: which claims the printed proofs of others use, as a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from theorycheck.claims.entries import Entry
from theorycheck.reports.html.layout import Place, layered

ACROSS, DOWN, MARGIN = 110, 15, 14
"""Units of the drawing from one layer to the next, from one claim to the next, and around all."""


@dataclass(frozen=True)
class Node:
    """A claim, and where it is drawn."""

    entry: Entry
    layer: int
    x: int
    y: int


@dataclass(frozen=True)
class Line:
    """From a claim to one whose proof uses it.

    Attributes:
        ends: indices of the two among the nodes.
        path: its course, as SVG has it.
        wrong: whether the claim that is used fails.
    """

    ends: tuple[int, int]
    path: str
    wrong: bool


@dataclass(frozen=True)
class Graph:
    """All claims of a report that use others, or that others use."""

    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    width: int
    height: int

    @property
    def verdicts(self) -> set[str]:
        """Those of its claims."""
        return {node.entry.verdict.value for node in self.nodes}


def drawn(entries: Mapping[str, Entry]) -> Graph | None:
    """The graph of the claims of a report, by id; None where no proof uses another claim of it."""
    uses = {
        name: [used for used in entry.rests_on if used in entries]
        for name, entry in entries.items()
    }
    layout = layered(uses)
    if not layout.nodes:
        return None
    nodes = [
        Node(entries[name], place.layer, *_point(place)) for name, place in layout.nodes.items()
    ]
    index = {name: k for k, name in enumerate(layout.nodes)}
    lines = [
        Line((index[used], index[user]), _path(places), not entries[used].verdict.passes)
        for (used, user), places in layout.lines.items()
    ]
    width, height = _point(Place(layout.layers - 1, layout.height - 1))
    return Graph(tuple(nodes), tuple(lines), width + MARGIN, height + MARGIN)


def _point(place: Place) -> tuple[int, int]:
    return MARGIN + ACROSS * place.layer, MARGIN + round(DOWN * place.down)


def _path(places: Sequence[Place]) -> str:
    """A smooth line through points, level at each of them."""
    points = [_point(place) for place in places]
    parts = ["M{} {}".format(*points[0])]
    for (x, y), (u, v) in pairwise(points):
        # After the first of them, a curve begins in the direction in which the last one ended.
        begins = f"c{(u - x) // 2} 0 " if len(parts) == 1 else "s"
        parts.append(f"{begins}{(u - x) // 2} {v - y} {u - x} {v - y}")
    return "".join(parts)
