"""Courses in Markdown: medians in a line."""

from __future__ import annotations

from dataclasses import replace

from tests.claims.findings import traced
from tests.reports.entries import ENTRIES
from theorycheck.claims.courses import Line
from theorycheck.reports.markdown.courses import over_training


def test_medians_of_each_quantity_and_population() -> None:
    one, other = traced("a", 2.0, 3.0, 4.0).course, traced("b", 0.5).course
    found = over_training(replace(ENTRIES["tendency"], courses={"a": one}))
    assert (
        found
        == "Medians over training: rank 1, 3; at epochs 0, 25 of the first 3 pairs that count."
    )
    empty = replace(other, lines=(*other.lines, Line(words="loss", stages=("", "1e-05:1"))))
    found = over_training(replace(ENTRIES["tendency"], courses={"a": one, "b": empty}))
    assert found == (
        "Medians over training: a: rank 1, 3; at epochs 0, 25 of the first 3 pairs that count;"
        " b: rank 1, 0.5; loss none, 1e-05; at epochs 0, 25 of the first 1 pairs that count."
    )


def test_the_median_of_an_even_number_is_the_middle_of_two() -> None:
    ranks = Line(words="rank", stages=("32:2", "4:2 5:1 6:2 12:1"))
    course = replace(traced("a", 2.0).course, pairs=6, lines=(ranks,))
    found = over_training(replace(ENTRIES["tendency"], courses={"a": course}))
    assert (
        found
        == "Medians over training: rank 32, 5.5; at epochs 0, 25 of the first 6 pairs that count."
    )


def test_a_claim_of_which_nothing_was_followed_has_no_line() -> None:
    recipes_alone = replace(traced("a", 2.0).course, lines=(), epochs=())
    assert over_training(replace(ENTRIES["tendency"], courses={"a": recipes_alone})) == ""
    assert over_training(ENTRIES["holds"]) == ""
