"""Matrices in the kernel: ranks, signatures, singular values, norms, against flint and by hand."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from flint import arb, fmpq, fmpq_mat, fmpq_poly
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.examples import BITS, DOCUMENT, budget, certificate, draw, encloses, evaluator
from theorycheck import arithmetic, kernel
from theorycheck.kernel import Rejected
from theorycheck.networks.specification import mlp

F = Fraction

small = st.integers(-3, 3)
rationals = st.builds(F, small, st.sampled_from([1, 1, 2, 3]))


def matrices(entries: st.SearchStrategy[Any]) -> st.SearchStrategy[list[list[Any]]]:
    def of(shape: tuple[int, int]) -> st.SearchStrategy[list[list[Any]]]:
        row = st.lists(entries, min_size=shape[1], max_size=shape[1])
        return st.lists(row, min_size=shape[0], max_size=shape[0])

    # Copies of rows, so that ranks are not always full and eigenvalues repeat.
    plain = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(of)
    return plain | plain.map(lambda rows: [*rows, *rows[:1]])


def flint_matrix(rows: list[list[Any]]) -> fmpq_mat:
    return fmpq_mat([[fmpq(F(e).numerator, F(e).denominator) for e in row] for row in rows])


@given(matrices(rationals))
def test_rank_is_that_of_flint(rows: list[list[Fraction]]) -> None:
    assert kernel.rank(rows, budget()) == flint_matrix(rows).rank()


def changes_of_sign(polynomial: fmpq_poly) -> int:
    signs = [c > 0 for c in polynomial.coeffs() if c != 0]
    return sum(a != b for a, b in pairwise(signs))


def roots_above(polynomial: fmpq_poly, bound: Fraction) -> int:
    """With multiplicity, for a polynomial all of whose roots are real (Descartes' rule)."""
    return changes_of_sign(polynomial(fmpq_poly([fmpq(bound.numerator, bound.denominator), 1])))


@given(matrices(small))
def test_signature_counts_the_signs_of_the_roots_of_the_characteristic_polynomial(
    rows: list[list[int]],
) -> None:
    size = min(len(rows), len(rows[0]))
    symmetric = [[rows[i][j] + rows[j][i] for j in range(size)] for i in range(size)]
    polynomial = flint_matrix(symmetric).charpoly()
    above = roots_above(polynomial, F(0))
    zeros = next(i for i, c in enumerate(polynomial.coeffs()) if c != 0)
    assert kernel.signature(symmetric, budget()) == (above, size - zeros - above)


@given(matrices(rationals))
@settings(max_examples=60)
def test_squared_singular_values_are_the_roots_of_the_characteristic_polynomial(
    rows: list[list[Fraction]],
) -> None:
    document = draw(mlp([1, 1]), 1, 0).to_dict()
    found = evaluator(document).squares(rows)
    matrix = flint_matrix(rows)
    gram = matrix * matrix.transpose()
    if len(rows) > len(rows[0]):
        gram = matrix.transpose() * matrix
    polynomial = gram.charpoly()
    assert len(found) == polynomial.degree()
    for index, square in enumerate(found):
        low, high = kernel.ends(square)
        # Bisection leaves 2**-BITS, and rounding moves each end by at most 2**(1 - BITS).
        assert high - low <= 5 * high / 2**BITS
        assert roots_above(polynomial, high) <= index
        if low == high:
            below = low - F(1, 10**9)
            assert polynomial(fmpq(low.numerator, low.denominator)) == 0
            assert roots_above(polynomial, below) > index
        else:
            assert roots_above(polynomial, low) > index
            assert all(p == 0 or not _is_root(polynomial, p) for p in (low, high))


def _is_root(polynomial: fmpq_poly, point: Fraction) -> bool:
    return bool(polynomial(fmpq(point.numerator, point.denominator)) == 0)


TURN = [[F(3, 5), F(-4, 5)], [F(4, 5), F(3, 5)]]
OTHER = [[F(5, 13), F(12, 13)], [F(-12, 13), F(5, 13)]]


def turned(first: Any, second: Any) -> list[list[Fraction]]:
    """A matrix with two known singular values."""
    middle = [[first * e for e in OTHER[0]], [second * e for e in OTHER[1]]]
    return [
        [sum((a * middle[k][j] for k, a in enumerate(row)), F(0)) for j in (0, 1)] for row in TURN
    ]


@pytest.mark.parametrize(("first", "second"), [(5, 2), (F(7, 2), F(1, 3)), (3, 3), (4, 0), (0, 0)])
def test_norms_and_distances_of_known_singular_values(first: Any, second: Any) -> None:
    functions = evaluator(draw(mlp([1, 1]), 1, 0).to_dict()).functions
    matrix = turned(first, second)
    assert functions["rank"](matrix) == (first != 0) + (second != 0)
    assert functions["spectral"](matrix) == first
    assert functions["nuclear"](matrix) == first + second
    assert kernel.squared(functions["frobenius"](matrix)) == first**2 + second**2
    assert functions["largest"](matrix) == max(abs(e) for row in matrix for e in row)
    for name in ("frobenius_beyond", "spectral_beyond", "nuclear_beyond"):
        assert functions[name](matrix, 1) == second
        assert functions[name](matrix, 2) == functions[name](matrix, 7) == 0
    assert functions["nuclear_beyond"](matrix, 0) == first + second
    assert functions["spectral_beyond"](matrix, 0) == first


def test_irrational_singular_values_are_enclosed() -> None:
    """The golden ratio and its inverse; a row; a row of zeros."""
    for bits in kernel.PRECISIONS:
        functions = evaluator(draw(mlp([1, 1]), 1, 0).to_dict(), bits=bits).functions
        with arithmetic.precision(2 * bits + 100):
            root = arb(5).sqrt()
            assert encloses(functions["spectral"]([[1, 1], [0, 1]]), (1 + root) / 2)
            assert encloses(functions["spectral_beyond"]([[1, 1], [0, 1]], 1), (root - 1) / 2)
            assert encloses(functions["nuclear"]([[1, 1], [0, 1]]), root)
            low, high = kernel.ends(functions["spectral"]([[1, 1], [0, 1]]))
            # In units of 2**-bits: 5 for the square, half of that for its root, 2 at each end.
            assert 0 < high - low <= 8 * high / 2**bits
            for name in ("spectral", "nuclear", "frobenius"):
                assert encloses(functions[name]([[1, 2, 1]]), arb(6).sqrt())
                assert functions[name]([[0, 0, 0]]) == 0


@pytest.mark.parametrize("matrix", ["[]", "[[]]", "[[1, 2], [3]]", "[1, 2]", "3", "[[[1]]]"])
@pytest.mark.parametrize("name", ["rank", "nuclear", "spectral"])
def test_what_is_no_matrix_is_rejected(matrix: str, name: str) -> None:
    with pytest.raises(Rejected):
        kernel.check(certificate(f"{name}({matrix}) <= 1"))


@given(matrices(rationals), matrices(rationals))
def test_rows_outside_of_a_span_are_orthogonal_to_it(
    rows: list[list[Fraction]], basis: list[list[Fraction]]
) -> None:
    width = min(len(rows[0]), len(basis[0]))
    rows, basis = ([row[:width] for row in matrix] for matrix in (rows, basis))
    rest = evaluator(draw(mlp([1, 1]), 1, 0).to_dict()).outside(rows, basis)
    span = flint_matrix(basis).rank()
    for row, outside in zip(rows, rest, strict=True):
        assert all(sum(a * b for a, b in zip(outside, v, strict=True)) == 0 for v in basis)
        moved = [a - b for a, b in zip(row, outside, strict=True)]
        assert flint_matrix([*basis, moved]).rank() == span


def test_a_signature_where_no_diagonal_entry_is_a_pivot() -> None:
    """Of a determinant of 2 a b c; the trace is 0, so that one eigenvalue has the other sign."""
    for a, b, c in ((1, 1, 1), (1, 1, 3), (1, 2, 3), (-1, 2, 3), (2, -5, -3)):
        found = kernel.signature([[0, a, b], [a, 0, c], [b, c, 0]], budget())
        assert found == ((1, 2) if a * b * c > 0 else (2, 1))


def test_rows_are_exchanged_with_the_first_that_serves() -> None:
    """Of a permutation: the last row has nothing in the first column, and the second has."""
    assert evaluator(DOCUMENT).evaluate(
        kernel.parse("solve([[0, 1, 0], [1, 0, 0], [0, 0, 1]], [5, 6, 7])"), {}
    ) == [6, 5, 7]
