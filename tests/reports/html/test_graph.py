"""The drawing of the graph: every claim that takes part, and every use."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.reports.entries import ENTRIES
from theorycheck.claims.entries import Entry
from theorycheck.reports.html.graph import ACROSS, DOWN, MARGIN, Graph, drawn


def entry(name: str, *used: str, of: str = "holds") -> Entry:
    return replace(ENTRIES[of], id=name, rests_on=used)


def graph(*entries: Entry) -> Graph | None:
    return drawn({one.id: one for one in entries})


def test_every_claim_that_takes_part_is_drawn_with_its_lines() -> None:
    found = graph(
        entry("the-lemma", of="refuted"),
        entry("a-theorem", "the-lemma", "not-there"),
        entry("b-theorem", "a-theorem", "the-lemma"),
        entry("stands-alone"),
    )
    assert found is not None
    assert [(node.entry.id, node.layer) for node in found.nodes] == [
        ("the-lemma", 0), ("a-theorem", 1), ("b-theorem", 2),
    ]  # fmt: skip
    assert [node.x for node in found.nodes] == [MARGIN, MARGIN + ACROSS, MARGIN + 2 * ACROSS]
    assert {(line.ends, line.wrong) for line in found.lines} == {
        ((0, 1), True), ((0, 2), True), ((1, 2), False),
    }  # fmt: skip
    assert found.width == 2 * (MARGIN + ACROSS)


def test_a_line_begins_and_ends_at_its_claims_and_is_level_there() -> None:
    found = graph(entry("the-lemma"), entry("a-theorem", "the-lemma"))
    assert found is not None
    [line] = found.lines
    half = ACROSS // 2
    assert line.path == f"M{MARGIN} {MARGIN}c{half} 0 {half} 0 {ACROSS} 0"


def points(path: str) -> list[tuple[int, int]]:
    """Those that a line passes: where it begins, and the last pair of each curve, added up."""
    found = [(0, 0)]
    for part in re.findall(r"[Mcs][^Mcs]*", path):
        *_, across, down = map(int, re.findall(r"-?\d+", part))
        x, y = found[-1]
        found.append((x + across, y + down))
    return found[1:]


def test_long_lines_pass_every_layer_within_the_drawing() -> None:
    found = graph(
        entry("the-lemma"),
        entry("a-theorem", "the-lemma"),
        entry("b-theorem", "a-theorem"),
        entry("a-corollary", "b-theorem", "the-lemma"),
    )
    assert found is not None
    [long] = [line for line in found.lines if line.ends == (0, 3)]
    across, down = zip(*points(long.path), strict=True)
    assert across == tuple(MARGIN + layer * ACROSS for layer in range(4))
    assert 0 < min(down) <= max(down) < found.height == 2 * MARGIN + DOWN


def test_where_no_proof_uses_another_claim_there_is_no_graph() -> None:
    assert graph(entry("a-claim", "not-there"), entry("b-claim")) is None
