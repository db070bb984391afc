"""Matrices of the exact reader: ranks and singular values, against those of SymPy."""

from __future__ import annotations

import ast
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.arithmetic.duals import Dual
from theorycheck.arithmetic.numbers import precision, rationals
from theorycheck.statements.matrices import matrix, matrix_rank, singular_values, solve, trace
from theorycheck.statements.numbers import Open, Undefined, combined, enclosed
from theorycheck.statements.ranks import RankBounds

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


squares = st.integers(1, 3).flatmap(
    lambda order: st.lists(
        st.lists(small, min_size=order, max_size=order), min_size=order, max_size=order
    )
)


@given(squares)
def test_equations_are_solved(rows: list[list[Fraction]]) -> None:
    left = rationals(rows)
    right = rationals([[i + 1, -i] for i in range(len(rows))])
    oracle = sympy.Matrix([[sympy.Rational(e.numerator, e.denominator) for e in r] for r in rows])
    assert trace(left) == fmpq(int(oracle.trace().p), int(oracle.trace().q))
    others = [np.vectorize(convert, otypes=[object])(left) for convert in (arb, Dual)]
    if oracle.det() == 0:
        for singular in (left, others[1]):
            with pytest.raises(Undefined, match="singular"):
                solve(singular, right)
        return
    assert (combined(ast.MatMult(), left, solve(left, right)) == right).all()
    assert (left @ solve(left, right[:, 0]) == right[:, 0]).all()
    assert (others[1] @ solve(others[1], right) == right).all()
    with precision(200):
        try:
            found = others[0] @ solve(others[0], right)
        except Open:
            return  # A pivot that is 0 exactly, and a ball that does not say so.
        assert all(
            (entry - wanted).contains(0)
            for entry, wanted in zip(found.flat, right.flat, strict=True)
        )


@pytest.mark.parametrize("value", [[1, 2], [[1, 2], [3]], [], [[]], 3])
def test_what_is_no_matrix(value: Any) -> None:
    with pytest.raises(Undefined):
        matrix(value)


def test_what_cannot_be_solved_or_multiplied() -> None:
    with pytest.raises(Undefined, match="not square"):
        solve([[1, 2]], [1])
    with pytest.raises(Undefined, match="cannot be combined"):
        solve([[1]], [1, 2])
    for left, right in (([1], [1, 2]), ([[1, 2]], [[1, 2]]), (2, [1]), (1, 1), ([[[1]]], [1])):
        with pytest.raises(Undefined, match="cannot be combined"):
            combined(ast.MatMult(), left, right)
    with pytest.raises(Undefined, match="cannot be combined"):
        combined(ast.Mult(), [1], [1])
