"""Matrices of the exact reader: ranks, singular values, projections.

By other means than the kernel: characteristic polynomials instead of counts of inertia, and flint's
matrices where all entries are rational.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq, fmpq_mat, fmpz_poly

from theorycheck.arithmetic.duals import Dual
from theorycheck.arithmetic.numbers import Array
from theorycheck.arithmetic.ranks import rank, rank_exceeds
from theorycheck.arithmetic.singular_values import Ball
from theorycheck.arithmetic.singular_values import singular_values as enclosed_singular_values
from theorycheck.statements.numbers import (
    Undefined,
    array,
    compare,
    flat,
    inner,
    root,
    squared,
    total,
    whole,
)
from theorycheck.statements.ranks import Rank, RankBounds


def matrix(value: Any) -> Array:
    """A matrix with at least one entry."""
    found = array(value)
    if found.ndim != 2 or found.size == 0:
        raise Undefined("not a matrix")
    return found


def _constant(value: Any) -> Array:
    """A matrix that comes without derivatives."""
    found = matrix(value)
    if any(isinstance(entry, Dual) for entry in found.flat):
        raise Undefined("the derivative of a rank or of singular values")
    return found


def matrix_rank(value: Any) -> Rank | RankBounds:
    """The rank of a matrix; between two bounds where balls do not determine it."""
    entries = _constant(value)
    if isinstance(entries.flat[0], fmpq):
        return Rank.of(rank(entries), entries.shape)
    most = min(entries.shape)
    least = next((r for r in range(most, 0, -1) if rank_exceeds(entries, r - 1)), 0)
    return Rank.of(least, entries.shape) if least == most else RankBounds(least, most)


def singular_values(value: Any, skipped: Any = 0) -> list[Any]:
    """Singular values of a matrix, largest first, without the first few.

    Roots of the characteristic polynomial of the smaller Gram matrix: those of linear factors
    exactly, the others enclosed by flint. Of a matrix of balls, float64 enclosures.
    """
    given, beyond = _constant(value), whole(skipped)
    if beyond < 0:
        raise Undefined("a negative number of singular values")
    if not all(isinstance(entry, fmpq) for entry in given.flat):
        entries: Array = np.array([[arb(entry) for entry in row] for row in given], dtype=object)
        low, high = enclosed_singular_values(Ball.from_arb(entries))
        ends = zip(low.tolist(), high.tolist(), strict=True)
        return [arb(a).union(arb(b)) for a, b in ends][beyond:]
    if given.shape[0] > given.shape[1]:
        given = given.T
    return [*_of_rationals(len(given), tuple(given.flat), ctx.prec)][beyond:]


@lru_cache(maxsize=256)
def _of_rationals(rows: int, entries: tuple[fmpq, ...], bits: int) -> tuple[Any, ...]:
    """Singular values, largest first, which several norms of one matrix ask for.

    Args:
        bits: the working precision, that of the balls among them.
    """
    factor = fmpq_mat(rows, len(entries) // rows, entries)
    polynomial = (factor * factor.transpose()).charpoly().numer()
    squares: list[Any] = []
    for part, multiplicity in polynomial.factor()[1]:
        squares += _real_roots(part) * multiplicity
    ordered = sorted(squares, key=lambda square: -float(arb(square).mid()))
    return tuple(root(square) for square in ordered)


def _real_roots(polynomial: fmpz_poly) -> list[Any]:
    """Roots of an irreducible polynomial all of whose roots are real."""
    if polynomial.degree() == 1:
        return [fmpq(-polynomial[0], polynomial[1])]
    # The stubs of python-flint know nothing of multiplicities.
    roots: Any = polynomial.complex_roots()
    return [found.real for found, _ in roots]


def outside(rows: Any, vectors: Any) -> Array:
    """The rows of a matrix less their projections on the span of some vectors (Gram-Schmidt)."""
    basis: list[Array] = []

    def rest_of(vector: Array) -> Array:
        for unit in basis:
            vector = vector - inner(vector, unit) / squared(unit) * unit
        return vector

    for vector in matrix(vectors):
        rest = rest_of(vector)
        if not all(compare(entry, "==", 0) for entry in rest):
            basis.append(rest)
        elif any(isinstance(entry, Dual) for entry in rest):
            raise Undefined("the derivative of a projection where the span changes")
    return np.array([rest_of(row) for row in matrix(rows)], dtype=object)


def trace(value: Any) -> Any:
    """The sum of the diagonal of a square matrix."""
    return total(list(np.diagonal(_square(value))))


def solve(value: Any, right: Any) -> Array:
    """The ``x`` with ``A @ x = b``: flint's for rationals, by elimination for other numbers."""
    left, sides = _square(value), array(right)
    if sides.ndim not in (1, 2) or len(sides) != len(left):
        raise Undefined("arrays that cannot be combined")
    columns = sides.reshape(len(left), -1)
    if all(isinstance(entry, fmpq) for entry in (*left.flat, *columns.flat)):
        found = _rational_solution(left, columns)
    else:
        found = _eliminated(left, columns)
    return found.reshape(sides.shape)


def _square(value: Any) -> Array:
    found = matrix(value)
    if found.shape[0] != found.shape[1]:
        raise Undefined("a matrix that is not square")
    return found


def _flint(entries: Array) -> fmpq_mat:
    rows, columns = entries.shape
    return fmpq_mat(rows, columns, entries.ravel().tolist())


def _rational_solution(left: Array, right: Array) -> Array:
    try:
        found = _flint(left).solve(_flint(right))
    except ZeroDivisionError as error:
        raise Undefined("a matrix that is singular") from error
    return np.array(found.entries(), dtype=object).reshape(right.shape)


def _eliminated(left: Array, right: Array) -> Array:
    """Downwards to a triangle, then upwards."""
    rows, order = np.concatenate([left, right], axis=1), len(left)
    for column in range(order):
        pivots = [i for i in range(column, order) if compare(rows[i, column], "!=", 0)]
        if not pivots:
            raise Undefined("a matrix that is singular")
        rows[[column, pivots[0]]] = rows[[pivots[0], column]]
        for i in range(column + 1, order):
            rows[i] = rows[i] - rows[column] * (rows[i, column] / rows[column, column])
    found = np.empty(right.shape, dtype=object)
    for i in reversed(range(order)):
        known = sum((rows[i, j] * found[j] for j in range(i + 1, order)), 0 * rows[i, order:])
        found[i] = (rows[i, order:] - known) / rows[i, i]
    return found


WORDS: dict[str, Callable[..., Any]] = {
    "outer": lambda a, b: np.outer(array(flat(a)), array(flat(b))),
    "outside": outside,
    "T": lambda a: matrix(a).T,
    "trace": trace,
    "solve": solve,
    "rank": matrix_rank,
    "spectral": lambda a: singular_values(a)[0],
    "nuclear": lambda a: total(singular_values(a)),
    "frobenius_beyond": lambda a, r: root(total([s * s for s in singular_values(a, r)])),
    "spectral_beyond": lambda a, r: total(singular_values(a, r)[:1]),
    "nuclear_beyond": lambda a, r: total(singular_values(a, r)),
}
"""Words that are about matrices."""
