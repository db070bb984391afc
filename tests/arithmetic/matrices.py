"""Matrices of Fractions, and their norms and singular values without floating point: the oracle.

The oracle of the singular values knows no floating point: the characteristic polynomial of an
integer Gram matrix, its roots isolated by Arb to 400 bits. Frobenius norms and entrywise maxima
are compared as squares or as they are, in Fractions.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import numpy.typing as npt

from theorycheck.arithmetic.singular_values import (
    Ball,
    distance_to_rank,
    entrywise_max,
    frobenius,
    rank_at_least,
    singular_values,
)

Rows = list[list[Fraction]]
LARGEST = math.nextafter(math.inf, 0)
SMALLEST = 2.0**-1074
"""Definition: the smallest positive float64."""
SHAPES = [(1, 1), (1, 5), (4, 1), (2, 2), (2, 3), (3, 3), (5, 2), (4, 4)]


def objects(rows: Sequence[Sequence[object]]) -> npt.NDArray[np.object_]:
    matrix = np.empty((len(rows), len(rows[0])), dtype=object)
    for (row, column), _ in np.ndenumerate(matrix):
        matrix[row, column] = rows[row][column]
    return matrix


def ball_of(rows: Rows) -> Ball:
    return Ball.exact(objects(rows))


def fractions_of(matrix: npt.NDArray[np.float64]) -> Rows:
    return [[Fraction(float(entry)) for entry in row] for row in matrix]


def product(left: Rows, right: Rows) -> Rows:
    columns = list(zip(*right, strict=True))
    return [
        [sum((a * b for a, b in zip(row, column, strict=True)), Fraction()) for column in columns]
        for row in left
    ]


def difference(left: Rows, right: Rows) -> Rows:
    pairs = zip(left, right, strict=True)
    return [[a - b for a, b in zip(one, other, strict=True)] for one, other in pairs]


def rational(rows: Rows) -> flint.fmpq_mat:
    return flint.fmpq_mat(
        [[flint.fmpq(entry.numerator, entry.denominator) for entry in row] for row in rows]
    )


def frobenius_squared(rows: Rows) -> Fraction:
    return sum((entry**2 for row in rows for entry in row), Fraction())


def largest_entry(rows: Rows) -> Fraction:
    return max(abs(entry) for row in rows for entry in row)


def true_singular_values(rows: Rows) -> list[flint.arb]:
    """The min(p, q) singular values, descending: roots of det(x I - A A') of the shorter side."""
    if len(rows) > len(rows[0]):
        rows = [list(column) for column in zip(*rows, strict=True)]
    denominator = math.lcm(*(entry.denominator for row in rows for entry in row))
    integers = [[int(entry * denominator) for entry in row] for row in rows]
    matrix = flint.fmpz_mat(integers)
    roots: Any = (matrix * matrix.transpose()).charpoly().complex_roots()
    values = [root.real.sqrt() / denominator for root, count in roots for _ in range(count)]
    return sorted(values, key=lambda value: value.mid(), reverse=True)


def true_norm(values: list[flint.arb], name: str) -> flint.arb:
    """A unitarily invariant norm as a function of the singular values."""
    zero = flint.arb(0)
    if name == "frobenius":
        return sum((value**2 for value in values), zero).sqrt()
    return sum(values, zero) if name == "nuclear" else max(values, key=lambda value: value.mid())


def encloses(low: float, high: float, truth: flint.arb) -> bool:
    """Whether nothing that Arb can tell apart at 400 bits puts the truth outside."""
    return not (flint.arb(low) > truth) and not (flint.arb(high) < truth)


def encloses_all(bounds: tuple[npt.NDArray[np.float64], ...], truth: list[flint.arb]) -> bool:
    low, high = bounds
    triples = zip(low.tolist(), high.tolist(), truth, strict=True)
    return all(encloses(*triple) for triple in triples)


def check(rows: Rows, ball: Ball | None = None) -> None:
    """Every enclosure of a matrix, against the oracles; `ball` where it is not the exact one."""
    ball = ball or ball_of(rows)
    truth = true_singular_values(rows)
    square = frobenius_squared(rows)
    whole, largest = frobenius(ball), entrywise_max(ball)
    assert Fraction(whole.low) ** 2 <= square
    assert math.isinf(whole.high) or square <= Fraction(whole.high) ** 2
    assert largest.low <= largest_entry(rows) <= largest.high
    assert encloses_all(singular_values(ball), truth)
    assert rank_at_least(ball) <= rational(rows).rank()
    for name in ("frobenius", "spectral", "nuclear"):
        for kept in range(len(truth)):
            interval = distance_to_rank(ball, kept, name)
            assert encloses(interval.low, interval.high, true_norm(truth[kept:], name))


def hilbert(size: int, shift: int = 1) -> Rows:
    return [[Fraction(1, i + j + shift) for j in range(size)] for i in range(size)]


def random_rows(source: random.Random, shape: tuple[int, int], denominators: int) -> Rows:
    return [
        [Fraction(source.randint(-9, 9), source.randint(1, denominators)) for _ in range(shape[1])]
        for _ in range(shape[0])
    ]


def random_of_rank(source: random.Random, shape: tuple[int, int], rank: int) -> Rows:
    return product(
        random_rows(source, (shape[0], rank), 5), random_rows(source, (rank, shape[1]), 1)
    )
