"""Residues: numbers that stand for polynomials, evaluated at one random point modulo a prime.

A polynomial with integer coefficients that vanishes at a random point of a large prime field is 0,
all but certainly: if it is not 0 modulo p, it vanishes at no more than the part degree / p of all
points (DeMillo and Lipton 1978; Zippel 1979; Schwartz, Fast probabilistic algorithms for
verification of polynomial identities, J. ACM 27, 1980, Lemma 1); and if it is not 0 at all, it is
not 0 modulo a prime beyond all of its coefficients. So every number carries bounds on the degree
and on the sum of the magnitudes of the coefficients of what it stands for. Quotients stand for
rational functions, and carry such bounds of numerator and denominator.

**Gates.** An activation multiplies its argument z by a slope that depends on z: 1 for ReLU where
z > 0, 0 elsewhere; and what is differentiated is multiplied by the same slope. Here that slope is
an indeterminate of its own for each argument, a random function of z (`Field.gate`). What holds for
every such function holds for every pattern of active units, whatever is chosen where z = 0.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from fractions import Fraction
from math import factorial, lcm, prod
from typing import Any, NamedTuple

import numpy as np
from flint import fmpq

from theorycheck.arithmetic.duals import Dual, base

PRIMES = tuple(2**exponent - 1 for exponent in (127, 521, 1279))
"""Mersenne primes (Lucas 1876; Robinson 1952)."""


DEVIATION = "deviation"
"""In the place of a slope: the function of a variance that is one over the deviation."""


class Unreadable(Exception):
    """What residues have no meaning for: an order, a root, a condition on the point."""


class Bounds(NamedTuple):
    """Of a rational function.

    Attributes:
        degree, below: of the degrees of its numerator and of its denominator.
        size, size_below: of the sums of the magnitudes of their coefficients. A denominator of
            degree 0 is ``size_below`` itself.
    """

    degree: int = 0
    size: int = 0
    below: int = 0
    size_below: int = 1


class Field:
    """The field of a prime, and the point at which everything is evaluated.

    Its coordinates follow from a seed and a name each by hashing, so that nobody can choose them;
    the kernel derives the same ones (`theorycheck.kernel.Field`).

    Attributes:
        prime: how many elements the field has.
        gates: the slopes in use, by the slope where inactive and the value of the argument.
        zero: the number 0.
    """

    def __init__(self, prime: int, seed: str) -> None:
        self.prime = prime
        self.seed = seed
        self.gates: dict[tuple[float | str, int], tuple[Residue, Bounds]] = {}
        self.zero = Residue(0, self, Bounds())

    def constant(self, number: int | Fraction | fmpq) -> Residue:
        """A rational number."""
        if number == 0:
            return self.zero
        if isinstance(number, int):
            return Residue(number % self.prime, self, Bounds(0, abs(number)))
        above, below = int(number.numerator), int(number.denominator)
        if below % self.prime == 0:
            raise Unreadable("a division by a multiple of the prime")
        inverse = 1 if below == 1 else pow(below, -1, self.prime)
        return Residue(above * inverse % self.prime, self, Bounds(0, abs(above), 0, below))

    def coordinate(self, name: str) -> Residue:
        """One coordinate of the point, independent of the others and uniform."""
        length = self.prime.bit_length() // 4
        made = hashlib.shake_256(f"{self.seed} {name}".encode()).digest(length)
        return Residue(int.from_bytes(made, "big") % self.prime, self, Bounds(1, 1))

    def indeterminates(self, name: str, shape: Sequence[int]) -> np.ndarray:
        """An array of coordinates of the point."""
        found = np.empty(tuple(shape), dtype=object)
        for i in range(prod(shape)):
            found.flat[i] = self.coordinate(f"{name} {i}")
        return found

    def on_sphere(self, name: str, shape: Sequence[int]) -> np.ndarray:
        """An array of two or more entries whose squares add up to 1.

        All entries but the first are random, among those for which 1 less their squares is the
        square of a first one: a quarter of all at least, as a sphere has at least half as many
        points as the space of all entries but one (Lidl and Niederreiter, Finite Fields, Theorems
        6.26 and 6.27), two of which differ in the first entry alone.
        """
        for attempt in itertools.count():
            found = self.indeterminates(f"{name} {attempt}", shape)
            square = (1 - sum(entry.value**2 for entry in found.ravel()[1:])) % self.prime
            # Each of the primes is 3 modulo 4.
            root = pow(square, (self.prime + 1) // 4, self.prime)
            if root * root % self.prime == square:
                found.flat[0] = Residue(root, self, Bounds(1, 1))
                return found
        raise AssertionError

    def gate(self, argument: Residue, slope: float | str) -> Residue:
        """The slope at an argument of an activation that bends.

        Activations with another slope where inactive are other functions.
        """
        key = (slope, argument.value)
        if key not in self.gates:
            kind = slope if isinstance(slope, str) else Fraction(slope)
            made = self.coordinate(f"slope {kind} {argument.value:x}")
            self.gates[key] = (made, argument.bounds)
        return self.gates[key][0]


class Residue:
    """The value of a rational function at the point of a field, with bounds on the function."""

    __slots__ = ("_inverse", "bounds", "field", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: int, field: Field, bounds: Bounds) -> None:
        self.value, self.field, self.bounds = value, field, bounds
        self._inverse: Residue | None = None

    @property
    def fixed(self) -> bool:
        """Whether it is a number, which does not depend on the point."""
        return self.bounds.degree == self.bounds.below == 0

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, Residue):
            if type(other) is fmpq and other == 0:  # As most entries of derivatives are.
                return self
            other = self._paired(other)
            if other is NotImplemented:
                return other
        (d, s, e, t), (f, u, g, v) = self.bounds, other.bounds
        if s == 0:
            return other
        if u == 0:
            return self
        if e == g == 0:  # The denominators are the numbers t and v themselves.
            common = lcm(t, v)
            bounds = Bounds(max(d, f), s * (common // t) + u * (common // v), 0, common)
        else:
            bounds = Bounds(max(d + g, f + e), s * v + u * t, e + g, t * v)
        return Residue((self.value + other.value) % self.field.prime, self.field, bounds)

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, Residue):
            if type(other) is fmpq and other == 1:
                return self
            other = self._paired(other)
            if other is NotImplemented:
                return other
        (d, s, e, t), (f, u, g, v) = self.bounds, other.bounds
        if s == 0 or u == 0:
            return self if s == 0 else other
        bounds = Bounds(d + f, s * u, e + g, t * v)
        return Residue(self.value * other.value % self.field.prime, self.field, bounds)

    def __neg__(self) -> Residue:
        return Residue(-self.value % self.field.prime, self.field, self.bounds)

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __truediv__(self, other: Any) -> Any:
        other = self._paired(other)
        return other if other is NotImplemented else self * other.inverse()

    def __rtruediv__(self, other: Any) -> Any:
        return self.inverse() * other

    def __pow__(self, exponent: int) -> Residue:
        power = self.field.constant(1)
        for _ in range(exponent):
            power = power * self
        return power

    __radd__, __rmul__ = __add__, __mul__

    def inverse(self) -> Residue:
        """One over it, computed once: arrays are divided by one number many times.

        Raises:
            Unreadable: where it is 0, as it all but certainly is only where it always is.
        """
        if self.value == 0:
            raise Unreadable("a division by what is 0")
        if self._inverse is None:
            d, s, e, t = self.bounds
            value = pow(self.value, -1, self.field.prime)
            self._inverse = Residue(value, self.field, Bounds(e, t, d, s))
        return self._inverse

    def __eq__(self, other: object) -> Any:
        paired = self._paired(other)
        return paired if paired is NotImplemented else self.value == paired.value

    def __ne__(self, other: object) -> Any:
        paired = self._paired(other)
        return paired if paired is NotImplemented else self.value != paired.value

    def _in_order(self, other: object) -> bool:
        raise Unreadable("an order")

    __lt__ = __le__ = __gt__ = __ge__ = _in_order

    def _paired(self, other: Any) -> Any:
        """Another number as a residue; NotImplemented for what is none."""
        if isinstance(other, Residue):
            return other
        if isinstance(other, int | fmpq | Fraction):  # Fraction last: it is slow to ask for.
            return self.field.constant(other)
        return NotImplemented


def standardised(
    centred: np.ndarray, variance: np.ndarray, *, detached: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Centred values over their standard deviation, and the latter.

    One over the deviation is a random function g of the variance, like the slopes of activations.
    Its derivative is ``-g**3 / 2``, which the true one has in terms of itself, or 0 if detached.
    """

    def over_deviation(number: Any) -> Any:
        if not isinstance(number, Dual):
            return number.field.gate(number, DEVIATION)
        found = over_deviation(number.value)
        rate = found * found * found * fmpq(0 if detached else -1, 2)
        return Dual(found, rate * number.motion, number.level)

    inverse = np.frompyfunc(over_deviation, 1, 1)(variance)
    deviation: np.ndarray = np.frompyfunc(lambda entry: fmpq(1) / entry, 1, 1)(inverse)
    return centred * inverse, deviation


def gates(arguments: np.ndarray, slope: float | str) -> np.ndarray:
    """The slopes of an activation at its arguments, residues or duals of residues."""
    found: np.ndarray = np.frompyfunc(lambda z: base(z).field.gate(base(z), slope), 1, 1)(arguments)
    return found


def rank(matrix: np.ndarray) -> int:
    """The rank of a matrix of residues, by elimination."""
    prime = matrix.flat[0].field.prime
    rows = [[entry.value for entry in row] for row in matrix]
    found = 0
    for column in range(matrix.shape[1]):
        pivot = next((row for row in rows[found:] if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows.insert(found, pivot)
        inverse = pow(pivot[column], -1, prime)
        for row in rows[found + 1 :]:
            if row[column]:
                factor = row[column] * inverse % prime
                row[:] = [(a - factor * b) % prime for a, b in zip(row, pivot, strict=True)]
        found += 1
    return found


def minors(matrix: np.ndarray, order: int) -> Bounds:
    """Bounds on all determinants of some order: sums of ``order!`` products of as many entries.

    Their common denominator is the product of those of all entries.
    """
    degree, size, below, size_below = (
        max(entry.bounds[part] for entry in matrix.flat) for part in range(4)
    )
    others = order * order - order
    return Bounds(
        order * degree + others * below,
        factorial(order) * size**order * size_below**others,
        order * order * below,
        size_below ** (order * order),
    )
