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
    x, half = MARGIN, MARGIN + ACROSS // 2
    assert line.path == f"M{x},{x}C{half},{x} {half},{x} {x + ACROSS},{x}"


def test_long_lines_pass_every_layer_within_the_drawing() -> None:
    found = graph(
        entry("the-lemma"),
        entry("a-theorem", "the-lemma"),
        entry("b-theorem", "a-theorem"),
        entry("a-corollary", "b-theorem", "the-lemma"),
    )
    assert found is not None
    [long] = [line for line in found.lines if line.ends == (0, 3)]
    numbers = [int(number) for number in re.findall(r"\d+", long.path)]
    assert numbers[-8::6] == [MARGIN + 2 * ACROSS, MARGIN + 3 * ACROSS]
    assert max(numbers[1::2]) < found.height == 2 * MARGIN + DOWN


def test_where_no_proof_uses_another_claim_there_is_no_graph() -> None:
    assert graph(entry("a-claim", "not-there"), entry("b-claim")) is None
