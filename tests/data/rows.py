"""Datasets of given rows, and the exact products and norms of rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from theorycheck.data.dataset import Dataset

U = Fraction(1, 2**53)


def make(inputs: list[list[float]], labels: list[int], classes: int) -> Dataset:
    return Dataset("made", np.array(inputs), np.array(labels, dtype=np.int64), classes)


def exact_dot(left: NDArray[np.float64], right: NDArray[np.float64]) -> Fraction:
    products = (
        Fraction(a) * Fraction(b) for a, b in zip(left.tolist(), right.tolist(), strict=True)
    )
    return sum(products, Fraction(0))


def squared_norms(inputs: NDArray[np.float64]) -> list[Fraction]:
    return [exact_dot(row, row) for row in inputs]


def assert_unit_rows(inputs: NDArray[np.float64], norm: Fraction = Fraction(1)) -> None:
    """Derivation: the bound (d/2 + 3) u of the docstring of `datasets`, for the exact norms."""
    bound = (Fraction(inputs.shape[1], 2) + 3) * U
    for square in squared_norms(inputs):
        assert (1 - bound) ** 2 <= square / norm**2 <= (1 + bound) ** 2


THREE = make([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], [2, 0, 1, 0], 3)
