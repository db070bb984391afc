"""Figures: what is drawn is where the recorded numbers say, and nothing else is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.claims.findings import RECIPE, traced
from tests.reports.entries import claim, entry, evidence
from theorycheck.claims.courses import Course, Line
from theorycheck.claims.entries import Entry
from theorycheck.claims.findings import Pair
from theorycheck.reports.html.figures import BARS, RIGHT, START, TALLEST, curves, effects, slack


def course(*lines: Line, epochs: tuple[int, ...] = (0, 10, 20)) -> Course:
    return Course(recipes=(RECIPE,), epochs=epochs, threshold=1.0, pairs=4, lines=lines)


def test_a_median_and_its_band_by_hand() -> None:
    """Of 0, 0, 10, 20 the quarters are 0, 5 and 12.5, on a scale from 0 at 262 to 20 at 14."""
    drawn = curves(course(Line(words="rank", stages=("20:4", "0:2 10:1 20:1", "10:4"))))
    assert drawn is not None
    assert drawn.across.marks == [(94, "0"), (334, "10"), (574, "20")]
    assert [place for place, _ in drawn.up.marks] == [262, 200, 138, 76, 14]
    [curve] = drawn.curves
    assert curve.words == "rank"
    assert curve.median == "M94 14 334 200 574 138"
    assert curve.band == "M94 14 334 107 574 138 574 138 334 262 94 14Z"


def test_a_quantity_without_spread_has_no_band_and_stages_without_numbers_are_left_out() -> None:
    drawn = curves(course(Line(words="rank", stages=("", "1:4", "2:4"))))
    assert drawn is not None
    assert [c.band for c in drawn.curves] == [""]
    assert drawn.curves[0].median.startswith("M334 ")
    assert curves(course(Line(words="rank", stages=("", "", "")))) is None
    assert curves(course(epochs=())) is None


def tendency(claimed: list[Any], control: list[Any], positive: list[Any] | None = None) -> Entry:
    changes = {} if positive is None else {"positive": "more"}
    return entry(
        claim("tendency-claim", "tendency", **changes),
        evidence(*claimed),
        evidence(*control),
        None if positive is None else evidence(*positive),
    )


def test_effects_of_a_claim_and_its_controls_share_a_scale() -> None:
    drawn = effects(
        tendency(
            [
                *[Pair(True, "rank", "all", 0.5)] * 3,
                Pair(False, "rank", "all", 1.5),
                traced("all", 1.0),
            ],
            [Pair(False, "rank", "all", 2.0)],
            [Pair(True, "rank", "all", 0.25)],
        )
    )  # fmt: skip
    assert drawn is not None
    assert (drawn.across.low, drawn.across.high) == (0.0, 2.0)
    assert drawn.threshold == drawn.across.at(1.0)
    assert [row.words for row in drawn.rows] == [
        "the claim: 3 of 4 pairs", "control: 0 of 1 pairs", "positive control: 1 of 1 pairs",
    ]  # fmt: skip
    width = (RIGHT - START) / BARS
    bars = [
        f"M{round(26 + (int((drawn.across.at(x) - 26) / width) + 0.5) * width)} 78v-{high}"
        for x, high in ((0.5, TALLEST), (1.5, TALLEST // 3))
    ]
    first = drawn.rows[0]
    assert first.bars == "".join(bars)
    assert first.median == drawn.across.at(0.5)
    # Of four pairs nothing is known yet: the interval reaches beyond both ends.
    assert first.interval == (26, RIGHT)


def test_populations_are_named_where_there_are_several() -> None:
    drawn = effects(
        tendency(
            [Pair(True, "rank", "a", 0.5), Pair(True, "rank", "b", 0.25)],
            [Pair(False, "rank", "a", 2.0)],
        )
    )
    assert drawn is not None
    assert [row.words.partition(": ")[::2] for row in drawn.rows] == [
        ("a", "the claim: 1 of 1 pairs"), ("a", "control: 0 of 1 pairs"),
        ("b", "the claim: 1 of 1 pairs"),
    ]  # fmt: skip
    assert drawn.threshold is None


def test_without_effects_nothing_is_drawn() -> None:
    assert effects(tendency([Pair(True, "rank")], [])) is None


def test_a_threshold_that_a_logarithmic_scale_cannot_show_is_left_out() -> None:
    found = tendency([Pair(True, "rank", "all", x) for x in (0.001, 0.1)], [])
    one = replace(course(epochs=()), threshold=-1.0)
    drawn = effects(replace(found, courses={"all": one}))
    assert drawn is not None
    assert drawn.across.logarithmic
    assert drawn.threshold is None


def test_bars_of_slack_stand_in_the_order_of_the_bins() -> None:
    drawn = slack({"0": 4, "1e-06": 1, "more": 8})
    assert drawn is not None
    assert (drawn.examples, drawn.equal) == (13, 4)
    assert drawn.bars == "M18 60v-28M58 60v-7M578 60v-56"
    assert slack({}) is None
