"""Ranks of matrices of rationals and of balls, against sympy."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import balls, rationals
from theorycheck.errors import InputError


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 5), st.integers(0, 2**20))
def test_rank_equals_sympy(rows: int, columns: int, inner: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    factors = generator.integers(-2, 3, (rows, inner)), generator.integers(-2, 3, (inner, columns))
    matrix = factors[0] @ factors[1]
    expected = sympy.Matrix(matrix).rank()
    assert arithmetic.rank(rationals(matrix)) == expected
    with arithmetic.precision(200):
        third = balls(rationals(matrix) / 3)
        for bound in range(6):
            assert arithmetic.rank_exceeds(third, bound) == (expected > bound)


def test_wide_balls_prove_nothing() -> None:
    matrix = balls([[arb(2, 1), 0], [0, arb(1, 1)]])
    assert arithmetic.rank_exceeds(matrix, 0)
    assert not arithmetic.rank_exceeds(matrix, 1)


def test_ranks_of_the_wrong_thing_are_refused() -> None:
    with pytest.raises(InputError, match="rank_exceeds"):
        arithmetic.rank(balls([[1]]))
    with pytest.raises(InputError, match="use rank"):
        arithmetic.rank_exceeds(rationals([[1]]), 0)
    with pytest.raises(InputError, match="not a matrix"):
        arithmetic.rank(rationals([1]))
