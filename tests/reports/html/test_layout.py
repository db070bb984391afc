"""The layout: order, distances, few crossings, and the same places for the same graph."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.reports.html.layout import Layout, Place, crossings, layered

NAMES = [f"node-{k}" for k in range(9)]
GRAPHS = st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES)) for name in NAMES})


def crossed(layout: Layout) -> int:
    """How often lines cross, counted between each two layers."""
    steps: dict[int, list[tuple[float, float]]] = {}
    for line in layout.lines.values():
        for one, other in pairwise(line):
            steps.setdefault(one.layer, []).append((one.down, other.down))
    return sum(map(crossings, steps.values()))


@given(GRAPHS)
def test_every_line_leads_to_the_right_layer_by_layer(uses: dict[str, list[str]]) -> None:
    found = layered(uses)
    for (used, user), line in found.lines.items():
        assert used in uses[user]
        assert (line[0], line[-1]) == (found.nodes[used], found.nodes[user])
        assert [b.layer - a.layer for a, b in pairwise(line)] == [1] * (len(line) - 1)
        assert len(line) > 1


@given(GRAPHS)
def test_no_two_are_nearer_than_one_and_all_are_within(uses: dict[str, list[str]]) -> None:
    found = layered(uses)
    points = {*found.nodes.values(), *(p for line in found.lines.values() for p in line[1:-1])}
    rows = [sorted(p.down for p in points if p.layer == k) for k in range(found.layers)]
    assert all(rows)
    assert all(b - a > 0.89 for row in rows for a, b in pairwise(row))  # Each is rounded to 0.1.
    assert all(0 <= p.down < found.height for p in points)
    assert list(found.nodes.values()) == sorted(found.nodes.values())


@given(GRAPHS)
def test_only_what_takes_part_has_a_place(uses: dict[str, list[str]]) -> None:
    """Of a circle at least one arrow is left; only arrows in circles lack a line."""
    found = layered(uses)
    arrows = {(used, user) for user, of in uses.items() for used in of if used != user}
    assert found.lines.keys() <= arrows
    assert found.nodes.keys() == {node for arrow in found.lines for node in arrow}
    assert {node for arrow in arrows for node in arrow} == found.nodes.keys()
    assert layered(uses) == found


def test_arrows_without_a_circle_all_have_lines() -> None:
    uses = {"a": [], "b": ["a"], "c": ["a", "b", "a"], "d": ["c", "a"], "alone": []}
    found = layered(uses)
    assert found.lines.keys() == {
        ("a", "b"), ("a", "c"), ("b", "c"), ("c", "d"), ("a", "d"),
    }  # fmt: skip
    assert {name: place.layer for name, place in found.nodes.items()} == {
        "a": 0, "b": 1, "c": 2, "d": 3,
    }  # fmt: skip


def test_what_uses_nothing_stands_next_to_its_nearest_user() -> None:
    found = layered({"a": [], "b": ["a"], "c": ["b"], "late": [], "d": ["c", "late"]})
    assert found.nodes["late"].layer == 2


def test_a_tree_has_no_crossings() -> None:
    uses = {f"{k}": [f"{(k - 1) // 3}"] if k else [] for k in range(40)}
    shuffled = dict(sorted(uses.items(), key=lambda item: int(item[0]) * 17 % 41))
    assert crossed(layered(shuffled)) == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, unique=True))
def test_no_exchange_of_two_that_stand_side_by_side_crosses_less(
    arrows: list[tuple[int, int]],
) -> None:
    uses: dict[str, list[str]] = {f"{side}{k}": [] for side in "lr" for k in range(4)}
    for left, right in arrows:
        uses[f"r{right}"].append(f"l{left}")
    found = layered(uses)
    for one, other in pairwise(found.nodes):
        exchanged = {one: found.nodes[other], other: found.nodes[one]}
        lines = {
            ends: tuple(exchanged.get(end, place) for end, place in zip(ends, line, strict=True))
            for ends, line in found.lines.items()
        }
        if found.nodes[one].layer == found.nodes[other].layer:
            assert crossed(found) <= crossed(replace(found, lines=lines))


def test_parts_stand_beside_each_other_where_there_is_room() -> None:
    chain = {"a": [], "b": ["a"], "c": ["b"], "d": ["c"]}
    found = layered({**chain, "e": [], "f": ["e"], "g": [], "h": ["g"]})
    assert found.nodes["e"] == Place(0, found.nodes["a"].down + 2)
    assert found.nodes["g"] == Place(2, found.nodes["e"].down)
    assert (found.layers, found.height) == (4, 3)


@pytest.mark.parametrize("uses", [{}, {"a": []}, {"a": ["a"]}])
def test_where_nothing_is_used_there_is_nothing(uses: dict[str, list[str]]) -> None:
    assert layered(uses) == Layout({}, {}, 0, 0.0)


def test_crossings_are_counted_in_pairs() -> None:
    assert crossings([(0, 1), (1, 0)]) == 1
    assert crossings([(0, 0), (1, 1), (0, 1)]) == 0
    assert crossings([(0, 2), (1, 1), (2, 0)]) == 3
