"""Ranks of matrices of rationals, and lower bounds for ranks of matrices of balls."""

from __future__ import annotations

import numpy as np
from flint import arb, fmpq, fmpq_mat

from theorycheck.arithmetic.numbers import Array, kind_of_number
from theorycheck.errors import InputError


def rank(matrix: Array) -> int:
    """Rank of a matrix of rationals, exactly.

    Raises:
        InputError: unless ``matrix`` is two-dimensional and rational.
    """
    _check_matrix(matrix)
    if kind_of_number([matrix]) is not fmpq:
        raise InputError("the rank of a matrix of balls is not determined: use rank_exceeds")
    rows, columns = matrix.shape
    return int(fmpq_mat(rows, columns, matrix.ravel().tolist()).rank())


def rank_exceeds(matrix: Array, bound: int) -> bool:
    """Whether elimination proves that every matrix within the balls has rank above ``bound``.

    Gaussian elimination with full pivoting on the entry of largest certain magnitude: ``bound + 1``
    pivots that exclude zero multiply to a minor of that order that excludes zero. ``False`` means
    that it was not proved, not that the rank is small.

    Raises:
        InputError: unless ``matrix`` is a two-dimensional array of balls.
    """
    _check_matrix(matrix)
    if kind_of_number([matrix]) is not arb:
        raise InputError("rank_exceeds takes balls: use rank for rationals")
    rest = matrix
    for _ in range(bound + 1):
        if rest.size == 0:
            return False
        magnitudes = [entry.abs_lower() for entry in rest.ravel().tolist()]
        best = max(range(rest.size), key=magnitudes.__getitem__)
        if not magnitudes[best] > 0:
            return False
        row, column = divmod(best, rest.shape[1])
        pivot_row = rest[row] / rest[row, column]
        others = np.delete(rest, row, axis=0)
        rest = np.delete(others - np.outer(others[:, column], pivot_row), column, axis=1)
    return True


def _check_matrix(matrix: Array) -> None:
    if matrix.ndim != 2:
        raise InputError(f"an array of shape {matrix.shape} is not a matrix")
