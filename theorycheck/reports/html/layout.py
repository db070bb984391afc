"""Layout: a directed graph in layers, with few crossings, for people to read.

The four steps of Sugiyama, Tagawa and Toda (1981): circles are broken, nodes go to layers, layers
are ordered by the mean places of neighbours, and nodes are moved towards their neighbours as far as
the order allows, which is isotonic regression.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

SWEEPS = 24
"""How often layers are ordered; of the graphs at hand, more do not help."""

Arrow = tuple[str, str]
"""From a node to one that uses it."""

Point = tuple[str, str, int]
"""Where an arrow passes a layer: its two nodes, and the number of the step."""

Node = str | Point

Near = Mapping[Node, Sequence[Node]]
"""The neighbours of nodes in the layer before, or after."""


class Place(NamedTuple):
    """Where a node is: its layer, from 0, and how far down, where 1 is the least distance."""

    layer: int
    down: float


@dataclass(frozen=True)
class Layout:
    """Places of all nodes.

    Attributes:
        nodes: by name, layer by layer, each from the top down.
        lines: the places that an arrow passes, one in each layer from its node to its user.
        layers: how many there are.
        height: one more than how far down the lowest place is.
    """

    nodes: Mapping[str, Place]
    lines: Mapping[Arrow, tuple[Place, ...]]
    layers: int
    height: float


def layered(uses: Mapping[str, Iterable[str]]) -> Layout:
    """Every node to the right of what it uses; parts that do not hang together, apart.

    Of a circle, the arrow that closes it has no line. The same graph has the same layout.

    Args:
        uses: which nodes a node uses. All are keys; one that neither uses others nor is used is
            left out.
    """
    uses = _without_circles(uses)
    parts = [_placed({node: uses[node] for node in part}) for part in _parts(uses)]
    places: dict[Node, Place] = {}
    for part, corner in zip(parts, _corners(parts), strict=True):
        for node, place in part:
            down = round(corner.down + place.down, 1)
            places[node] = Place(corner.layer + place.layer, down)
    nodes = {node: place for node, place in places.items() if isinstance(node, str)}
    lines = {
        (used, user): tuple(
            places[point] for point in _course(used, user, nodes[user].layer - nodes[used].layer)
        )
        for user, of in uses.items()
        for used in of
    }
    return Layout(
        nodes=dict(sorted(nodes.items(), key=lambda item: item[1])),
        lines=lines,
        layers=max((place.layer for place in places.values()), default=-1) + 1,
        height=max((place.down for place in places.values()), default=-1.0) + 1,
    )


def crossings(arrows: Sequence[tuple[float, float]]) -> int:
    """How many pairs of arrows between two layers cross, by where they begin and end."""
    return sum(
        (one[0] - other[0]) * (one[1] - other[1]) < 0
        for k, one in enumerate(arrows)
        for other in arrows[:k]
    )


def _without_circles(uses: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    kept = {node: [used for used in dict.fromkeys(of) if used != node] for node, of in uses.items()}
    while True:
        try:
            TopologicalSorter(kept).prepare()
        except CycleError as error:
            used, user = error.args[1][:2]
            kept[user].remove(used)
        else:
            return kept


def _parts(uses: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Nodes that hang together, the largest part first; those that stand alone are left out."""
    near: dict[str, list[str]] = {node: [] for node in uses}
    for user, of in uses.items():
        for used in of:
            near[user].append(used)
            near[used].append(user)
    seen: set[str] = set()
    parts = []
    for node in uses:
        found = [] if node in seen or not near[node] else [node]
        seen.update(found)
        for one in found:
            new = [other for other in dict.fromkeys(near[one]) if other not in seen]
            seen.update(new)
            found += new
        if found:
            parts.append(found)
    return sorted(parts, key=len, reverse=True)


def _layers(uses: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """As far left as what is used allows; what uses nothing, next to its nearest user."""
    layer: dict[str, int] = {}
    for node in TopologicalSorter(uses).static_order():
        layer[node] = max((layer[used] + 1 for used in uses[node]), default=0)
    for node in uses:
        if not uses[node]:
            layer[node] = min(layer[user] for user, of in uses.items() if node in of) - 1
    return layer


def _course(used: str, user: str, steps: int) -> list[Node]:
    """What an arrow passes, both ends included."""
    return [used, *((used, user, step) for step in range(1, steps)), user]


def _corners(parts: Iterable[Sequence[tuple[Node, Place]]]) -> Iterator[Place]:
    """Where each part begins: beside those before it where the width allows, else below them."""
    widest = left = 0
    top = bottom = 0.0
    for part in parts:
        width = max(place.layer for _, place in part) + 1
        if left + width > widest:
            top, left = bottom, 0
        yield Place(left, top)
        widest, left = max(widest, width), left + width
        bottom = max(bottom, top + max(place.down for _, place in part) + 2)


def _placed(uses: Mapping[str, Sequence[str]]) -> list[tuple[Node, Place]]:
    """Places of the nodes of one part, and of the points at which long arrows pass a layer."""
    layer = _layers(uses)
    rows: list[list[Node]] = [[] for _ in range(max(layer.values()) + 1)]
    before: dict[Node, list[Node]] = {}
    after: dict[Node, list[Node]] = {}
    for node in uses:
        rows[layer[node]].append(node)
    for user, of in uses.items():
        for used in of:
            course = _course(used, user, layer[user] - layer[used])
            for step, point in enumerate(course[1:-1], start=1):
                rows[layer[used] + step].append(point)
            for one, other in pairwise(course):
                before.setdefault(other, []).append(one)
                after.setdefault(one, []).append(other)
    rows = _ordered(rows, before, after)
    down: dict[Node, float] = {}
    for row in rows:
        _spread(row, before, down)
    for _ in range(SWEEPS):
        for k, near in _sweep(len(rows), before, after):
            _spread(rows[k], near, down)
    top = min(down.values())
    return [(node, Place(k, down[node] - top)) for k, row in enumerate(rows) for node in row]


def _sweep(count: int, before: Near, after: Near) -> Iterator[tuple[int, Near]]:
    """Layers from left to right, towards what they use, and back, towards what uses them."""
    yield from ((k, before) for k in range(1, count))
    yield from ((k, after) for k in reversed(range(count - 1)))


def _ordered(rows: list[list[Node]], before: Near, after: Near) -> list[list[Node]]:
    """Each layer in the order of the mean places of neighbours; of all sweeps, the best one.

    In the end no exchange of two nodes that stand beside each other leaves fewer crossings.
    """
    best, least = rows, _all_crossings(rows, after)
    for _ in range(SWEEPS):
        rows = list(rows)
        for k, near in _sweep(len(rows), before, after):
            place = _indices(rows)
            means = {node: _mean([place[n] for n in near.get(node, [node])]) for node in rows[k]}
            rows[k] = sorted(rows[k], key=means.__getitem__)
        rows = _exchanged(rows, before, after)
        found = _all_crossings(rows, after)
        if found < least:
            best, least = rows, found
    return _exchanged(best, before, after)


def _exchanged(rows: Sequence[Sequence[Node]], before: Near, after: Near) -> list[list[Node]]:
    """With neighbours in a layer exchanged for as long as that leaves fewer crossings."""
    changed, place = [list(row) for row in rows], _indices(rows)

    def gain(one: Node, other: Node) -> int:
        """How many crossings fewer there are when the second one stands before the first."""
        return sum(
            (place[b] < place[a]) - (place[a] < place[b])
            for near in (before, after)
            for a in near.get(one, ())
            for b in near.get(other, ())
        )

    moving = True
    while moving:
        moving = False
        for row in changed:
            for k, (one, other) in enumerate(pairwise(tuple(row))):
                if row[k] is one and gain(one, other) > 0:
                    row[k], row[k + 1] = other, one
                    place[one], place[other] = place[other], place[one]
                    moving = True
    return changed


def _indices(rows: Iterable[Sequence[Node]]) -> dict[Node, int]:
    return {node: index for row in rows for index, node in enumerate(row)}


def _all_crossings(rows: Iterable[Sequence[Node]], after: Near) -> int:
    place = _indices(rows)
    return sum(
        crossings([(place[node], place[user]) for node in row for user in after.get(node, ())])
        for row in rows
    )


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def _spread(row: Sequence[Node], near: Near, down: dict[Node, float]) -> None:
    """Move a layer towards its neighbours, in its order, each node at least 1 below the last."""
    from scipy.optimize import isotonic_regression

    wished = []
    for index, node in enumerate(row):
        known = [down[one] for one in near.get(node, ()) if one in down]
        wished.append((_mean(known) if known else down.get(node, index)) - index)
    for index, (node, least) in enumerate(zip(row, isotonic_regression(wished).x, strict=True)):
        down[node] = float(least) + index
