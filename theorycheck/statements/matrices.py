"""Matrices of the exact reader: ranks, singular values, projections.

By other means than the kernel: characteristic polynomials instead of counts of inertia, and flint's
matrices where all entries are rational.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb, fmpq, fmpq_mat, fmpz_poly

from theorycheck.arithmetic.duals import Dual
from theorycheck.arithmetic.numbers import Array
from theorycheck.arithmetic.ranks import rank, rank_exceeds
from theorycheck.arithmetic.singular_values import Ball
from theorycheck.arithmetic.singular_values import singular_values as enclosed_singular_values
from theorycheck.statements.numbers import (
    Rank,
    RankBounds,
    Undefined,
    array,
    compare,
    inner,
    root,
    squared,
    total,
    whole,
)


def _constant(value: Any) -> Array:
    """A matrix that comes without derivatives."""
    matrix = array(value)
    if any(isinstance(entry, Dual) for entry in matrix.flat):
        raise Undefined("the derivative of a rank or of singular values")
    return matrix


def matrix_rank(value: Any) -> Rank | RankBounds:
    """The rank of a matrix; between two bounds where balls do not determine it."""
    matrix = _constant(value)
    if isinstance(matrix.flat[0], fmpq):
        return Rank.of(rank(matrix), matrix.shape)
    most = min(matrix.shape)
    least = next((r for r in range(most, 0, -1) if rank_exceeds(matrix, r - 1)), 0)
    return Rank.of(least, matrix.shape) if least == most else RankBounds(least, most)


def singular_values(value: Any, skipped: Any = 0) -> list[Any]:
    """Singular values of a matrix, largest first, without the first few.

    Roots of the characteristic polynomial of the smaller Gram matrix: those of linear factors
    exactly, the others enclosed by flint. Of a matrix of balls, float64 enclosures.
    """
    matrix = _constant(value)
    if not all(isinstance(entry, fmpq) for entry in matrix.flat):
        entries: Array = np.array([[arb(entry) for entry in row] for row in matrix], dtype=object)
        low, high = enclosed_singular_values(Ball.from_arb(entries))
        ends = zip(low.tolist(), high.tolist(), strict=True)
        return [arb(a).union(arb(b)) for a, b in ends][whole(skipped) :]
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    rows, columns = matrix.shape
    factor = fmpq_mat(rows, columns, matrix.ravel().tolist())
    polynomial = (factor * factor.transpose()).charpoly().numer()
    squares: list[Any] = []
    for part, multiplicity in polynomial.factor()[1]:
        squares += _real_roots(part) * multiplicity
    ordered = sorted(squares, key=lambda square: -float(arb(square).mid()))
    return [root(square) for square in ordered][whole(skipped) :]


def _real_roots(polynomial: fmpz_poly) -> list[Any]:
    """Roots of an irreducible polynomial all of whose roots are real."""
    if polynomial.degree() == 1:
        return [fmpq(-polynomial[0], polynomial[1])]
    # The stubs of python-flint know nothing of multiplicities.
    roots: Any = polynomial.complex_roots()
    return [found.real for found, _ in roots]


def outside(matrix: Any, vectors: Any) -> Array:
    """The rows of a matrix less their projections on the span of some vectors (Gram-Schmidt)."""
    basis: list[Array] = []

    def rest_of(vector: Array) -> Array:
        for unit in basis:
            vector = vector - inner(vector, unit) / squared(unit) * unit
        return vector

    for vector in array(vectors):
        rest = rest_of(vector)
        if not all(compare(entry, "==", 0) for entry in rest):
            basis.append(rest)
        elif any(isinstance(entry, Dual) for entry in rest):
            raise Undefined("the derivative of a projection where the span changes")
    return np.array([rest_of(row) for row in array(matrix)], dtype=object)


WORDS: dict[str, Callable[..., Any]] = {
    "outer": lambda a, b: np.outer(array(a), array(b)),
    "outside": outside,
    "rank": matrix_rank,
    "spectral": lambda a: singular_values(a)[0],
    "nuclear": lambda a: total(singular_values(a)),
    "frobenius_beyond": lambda a, r: root(total([s * s for s in singular_values(a, r)])),
    "spectral_beyond": lambda a, r: total(singular_values(a, r)[:1]),
    "nuclear_beyond": lambda a, r: total(singular_values(a, r)),
}
"""Words that are about matrices."""
