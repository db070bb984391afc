"""Matrices of the exact reader: ranks and singular values, against those of SymPy."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import sympy
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.arithmetic.numbers import precision
from theorycheck.statements.matrices import matrix_rank, singular_values
from theorycheck.statements.numbers import RankBounds, enclosed

small = st.fractions(-3, 3, max_denominator=4)
matrices = st.integers(1, 3).flatmap(
    lambda columns: st.lists(
        st.lists(small, min_size=columns, max_size=columns), min_size=1, max_size=3
    )
)


def exactly(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)


@given(matrices)
def test_ranks_and_singular_values_are_those_of_sympy(rows: list[list[Fraction]]) -> None:
    found = [[exactly(entry) for entry in row] for row in rows]
    entries = [[sympy.Rational(e.numerator, e.denominator) for e in row] for row in rows]
    matrix = sympy.Matrix(entries)
    assert matrix_rank(found) == matrix.rank()
    values = singular_values(found)
    assert len(values) == min(matrix.shape)
    assert sum(value == 0 for value in values) == len(values) - matrix.rank()
    with precision(128):
        squares = [enclosed(value) ** 2 for value in values]
        # Symmetric functions of the squares: the coefficients of the characteristic polynomial.
        gram = matrix * matrix.T if matrix.rows <= matrix.cols else matrix.T * matrix
        trace, determinant = gram.trace(), gram.det()
        assert (sum(squares, arb(0)) - fmpq(int(trace.p), int(trace.q))).contains(0)
        product = arb(1)
        for square in squares:
            product *= square
        assert (product - fmpq(int(determinant.p), int(determinant.q))).contains(0)
    mids = [float(arb(enclosed(value)).mid()) for value in values]
    assert mids == sorted(mids, reverse=True)


def test_ranks_of_balls_are_bounded() -> None:
    balls = np.array([[arb(1, 0.1), arb(2)], [arb(2), arb(4)]], dtype=object)
    found = matrix_rank(balls)
    assert isinstance(found, RankBounds)
    assert (found.least, found.most) == (1, 2)
    assert matrix_rank(np.array([[arb(1), arb(0)], [arb(0), arb(1)]], dtype=object)) == 2
