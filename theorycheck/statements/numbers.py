"""Numbers of the exact reader: rationals, roots of rationals, balls, and ranks within bounds.

What balls leave undecided raises `Open`. Roots of rationals are kept as such, because equalities
between them, which bounds are reached by, are decided by squares where no ball decides them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
from flint import arb, fmpq, fmpq_mat, fmpz, fmpz_poly

from theorycheck.arithmetic.numbers import Array
from theorycheck.arithmetic.ranks import rank, rank_exceeds
from theorycheck.arithmetic.singular_values import Ball
from theorycheck.arithmetic.singular_values import singular_values as enclosed_singular_values


class Open(Exception):
    """Balls of this precision leave a question open."""


class Undefined(Exception):
    """A formula has no value at this example: a division by zero, the root of a negative number."""


class Rank(int):
    """The rank of a matrix; ``largest`` is the highest that its shape allows."""

    largest: int

    @classmethod
    def of(cls, rank: int, shape: Sequence[int]) -> Rank:
        """A rank of a matrix of some shape."""
        found = cls(rank)
        found.largest = min(shape)
        return found


class RankBounds:
    """A rank that balls determine only between two bounds, the upper one that of the shape."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    @property
    def largest(self) -> int:
        """The highest rank that the shape of the matrix allows."""
        return self.most


class Surd:
    """The square root of a positive rational that is not a square."""

    def __init__(self, square: fmpq) -> None:
        self.square = square

    @property
    def ball(self) -> arb:
        """Its enclosure at the working precision."""
        return arb(self.square).sqrt()

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Surd):
            return root(self.square * other.square)
        if isinstance(other, int | fmpq) and other >= 0:
            return root(self.square * other * other)
        return self.ball * other

    def __truediv__(self, other: Any) -> Any:
        return self * (1 / other) if isinstance(other, Surd | arb) else self * (1 / fmpq(other))

    def __rtruediv__(self, other: Any) -> Any:
        return Surd(1 / self.square) * other

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Surd):
            ratio = root(other.square / self.square)
            if isinstance(ratio, fmpq):  # Multiples of one root: their sum is another.
                return Surd(self.square * (1 + ratio) ** 2)
        if isinstance(other, int | fmpq) and other == 0:
            return self
        return self.ball + enclosed(other)

    def __sub__(self, other: Any) -> Any:
        return self.ball - enclosed(other)

    def __rsub__(self, other: Any) -> Any:
        return enclosed(other) - self.ball

    def __neg__(self) -> Any:
        return -self.ball

    def __pow__(self, exponent: int) -> Any:
        return reduce(lambda product, _: product * self, range(exponent), fmpq(1))

    __radd__, __rmul__ = __add__, __mul__


Number = fmpq | arb | Surd


def enclosed(value: Any) -> Any:
    """A number as flint has it: a surd by its ball."""
    return value.ball if isinstance(value, Surd) else value


def _square_of(value: Any) -> fmpq | None:
    """The square of a number that is not negative, where it is known exactly."""
    if isinstance(value, Surd):
        return value.square
    return value * value if isinstance(value, fmpq) and value >= 0 else None


def whole(value: Any) -> int:
    """A number that is whole, as an int."""
    if isinstance(value, int):
        return value
    if isinstance(value, Fraction) and value.denominator == 1:
        return int(value)
    if not isinstance(value, fmpq) or value.q != 1:
        raise Undefined("a number that is not whole")
    return int(value.p)


def number(value: Any) -> Any:
    """A number of the language, an int or a Fraction as a rational of flint."""
    if isinstance(value, Fraction):
        return fmpq(value.numerator, value.denominator)
    return fmpq(value) if isinstance(value, int) else value


def flat(value: Any) -> list[Any]:
    """The entries of a number, vector or matrix, row by row."""
    if isinstance(value, list | np.ndarray):
        return [entry for part in value for entry in flat(part)]
    return [number(value)]


def array(value: Any) -> Array:
    """A vector or matrix as a NumPy array of rationals or balls."""
    shape: list[int] = []
    part = value
    while isinstance(part, list | np.ndarray):
        shape.append(len(part))
        part = part[0] if len(part) else 0
    found = np.empty(shape, dtype=object)
    entries = flat(value)
    if len(entries) != found.size:
        raise Undefined("rows of different lengths")
    found.flat[:] = entries
    return found


def compare(left: Any, relation: str, right: Any) -> bool:
    """Whether a relation between two numbers is true.

    Raises:
        Open: when balls or bounds of a rank overlap.
    """
    if isinstance(left, RankBounds):
        truths = {compare(r, relation, right) for r in range(left.least, left.most + 1)}
        if len(truths) > 1:
            raise Open
        return truths.pop()
    a, b = number(left), number(right)
    squares = _square_of(a), _square_of(b)
    if None not in squares:
        a, b = squares
    a, b = enclosed(a), enclosed(b)
    holds = {"==": a == b, "!=": a != b, "<=": a <= b, ">=": a >= b, "<": a < b, ">": a > b}
    fails = {"==": a != b, "!=": a == b, "<=": a > b, ">=": a < b, "<": a >= b, ">": a <= b}
    if not holds[relation] and not fails[relation]:
        raise Open
    return bool(holds[relation])


def combined(op: ast.operator, left: Any, right: Any) -> Any:
    """Sum, difference, product, quotient or power, entry by entry."""
    if isinstance(left, list):
        left = array(left)
    if isinstance(right, list):
        right = array(right)
    match op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            if compare(right, "==", 0):
                raise Undefined("a division by zero")
            return left / number(right) if not isinstance(left, int) else fmpq(left) / right
    return number(left) ** right


def root(value: Any) -> Any:
    """The square root: of a rational a rational or a surd, of a ball a ball."""
    radicand = number(value)
    if compare(radicand, "<", 0):
        raise Undefined("the root of a negative number")
    if isinstance(radicand, fmpq):
        roots = [fmpz(part).isqrt() for part in (radicand.p, radicand.q)]
        if roots[0] ** 2 == radicand.p and roots[1] ** 2 == radicand.q:
            return fmpq(*roots)
        return Surd(radicand)
    return enclosed(radicand).sqrt()


def total(values: Any) -> Any:
    """The sum of numbers, or of arrays of one shape; 0 if there are none."""
    terms = list(values)
    return reduce(lambda a, b: combined(ast.Add(), a, b), terms[1:], terms[0]) if terms else 0


def greatest(values: Any) -> Any:
    """The greatest of one or more numbers."""
    return reduce(lambda best, v: v if compare(v, ">", best) else best, values)


def absolute(value: Any) -> Any:
    """The absolute value."""
    return value if compare(value, ">=", 0) else -value


def squared(value: Any) -> Any:
    """The sum of the squares of all entries."""
    return sum((entry * entry for entry in flat(value)), fmpq(0))


def inner(left: Any, right: Any) -> Any:
    """The sum of the products of the entries."""
    return sum((a * b for a, b in zip(flat(left), flat(right), strict=True)), fmpq(0))


def matrix_rank(value: Any) -> Rank | RankBounds:
    """The rank of a matrix; between two bounds where balls do not determine it."""
    matrix = array(value)
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
    matrix = array(value)
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
    return np.array([rest_of(row) for row in array(matrix)], dtype=object)


WORDS: dict[str, Callable[..., Any]] = {
    "inner": inner,
    "squared": squared,
    "outer": lambda a, b: np.outer(array(a), array(b)),
    "outside": outside,
    "zero": lambda a: all(compare(entry, "==", 0) for entry in flat(a)),
    "rank": matrix_rank,
    "frobenius": lambda a: root(squared(a)),
    "spectral": lambda a: singular_values(a)[0],
    "nuclear": lambda a: total(singular_values(a)),
    "frobenius_beyond": lambda a, r: root(total([s * s for s in singular_values(a, r)])),
    "spectral_beyond": lambda a, r: total(singular_values(a, r)[:1]),
    "nuclear_beyond": lambda a, r: total(singular_values(a, r)),
    "largest": lambda a: greatest([absolute(entry) for entry in flat(a)]),
    "root": root,
    "abs": absolute,
    "len": len,
    "range": lambda *ends: tuple(range(*map(whole, ends))),
    "sum": total,
    "product": lambda values: reduce(lambda a, b: combined(ast.Mult(), a, b), values, fmpq(1)),
    "max": greatest,
    "all": all,
    "any": any,
}
"""Words that are about numbers and arrays alone."""
