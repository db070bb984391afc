"""Drawn numbers reach their ends and shrink to the simplest."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawing.families import few, reached, smallest
from theorycheck import drawing

HYPERPARAMETERS = {
    "dyadics": (drawing.dyadics(), [Fraction(0), Fraction(-3, 4), Fraction(3)]),
    "positive_dyadics": (drawing.positive_dyadics(), [Fraction(4), Fraction(1, 8)]),
    "weight_decays": (drawing.weight_decays(), [Fraction(0), Fraction(1), Fraction(1, 4096)]),
    "learning_rates": (drawing.learning_rates(), [Fraction(1, 2), Fraction(1, 1024)]),
    "initial_scales": (drawing.initial_scales(), [Fraction(1, 64), Fraction(1), Fraction(8)]),
}


@pytest.mark.parametrize(("numbers", "ends"), HYPERPARAMETERS.values(), ids=HYPERPARAMETERS)
def test_hyperparameters_reach_their_ends(
    numbers: st.SearchStrategy[Fraction], ends: list[Fraction]
) -> None:
    for end in ends:
        reached(numbers, end.__eq__)


@pytest.mark.parametrize(
    ("numbers", "simplest"),
    [
        (drawing.dyadics(), 0),
        (drawing.positive_dyadics(), 1),
        (drawing.weight_decays(), 1),
        (drawing.learning_rates(), Fraction(1, 2)),
        (drawing.initial_scales(), 1),
        (drawing.batch_sizes(12), 1),
    ],
    ids=[*HYPERPARAMETERS, "batch_sizes"],
)
def test_hyperparameters_shrink(
    numbers: st.SearchStrategy[Fraction | int], simplest: Fraction | int
) -> None:
    assert smallest(numbers, lambda _: True) == simplest


@pytest.mark.parametrize(("samples", "sizes"), [(1, [1]), (12, [1, 2, 3, 4, 6, 12]), (7, [1, 7])])
def test_batch_sizes_divide_the_samples(samples: int, sizes: list[int]) -> None:
    for size in sizes:
        reached(drawing.batch_sizes(samples), size.__eq__)

    @few
    @given(drawing.batch_sizes(samples))
    def check(size: int) -> None:
        assert size in sizes

    check()
