"""Intervals with proved ends, and the rounding of float64 that they rest on.

The arithmetic assumed is IEEE 754 binary64, rounding to nearest with gradual underflow. Rounding
errors are counted as in Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. (SIAM
2002), Sections 2.2 and 3.1, where ``theta_n`` stands for any product of ``n`` factors
``(1 + delta)**(+-1)``, less 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import flint
import numpy as np
import numpy.typing as npt

from theorycheck.errors import InputError, quoted

Array = npt.NDArray[np.float64]

UNIT_ROUNDOFF = 2.0**-53
"""Definition: the largest relative error of one rounded operation, ``u`` of Higham, Section 2.1."""

UNDERFLOW = 2.0**-1022
"""2**53 times the absolute error of an operation that underflows (Higham, Eq. 2.8)."""


@dataclass(frozen=True)
class Interval:
    """The real numbers from ``low`` to ``high``, which may be infinite.

    Ends of other types become floats, rounded outwards.

    Raises `InputError` unless ``low <= high``, ``low < inf`` and ``high > -inf``.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not isinstance(self.low, float):
            object.__setattr__(self, "low", 0.0 - _end_above(self.low, -1))
        if not isinstance(self.high, float):
            object.__setattr__(self, "high", _end_above(self.high, 1))
        if not self.low <= self.high or self.low == math.inf or self.high == -math.inf:
            raise InputError(f"no real number lies in [{self.low}, {self.high}]: give low <= high")

    @property
    def mid(self) -> float:
        """The midpoint, rounded; nan where both ends are infinite."""
        middle = (self.low + self.high) / 2
        return middle if math.isfinite(middle) else self.low / 2 + self.high / 2

    def certainly_at_most(self, other: Interval) -> bool:
        """Whether every number of this interval is <= every number of the other."""
        return self.high <= other.low

    def certainly_exceeds(self, other: Interval) -> bool:
        """Whether every number of this interval is > every number of the other."""
        return self.low > other.high

    def scaled(self, factor: Fraction | float) -> Interval:
        """The interval times an exactly known factor, which must be positive (`InputError`)."""
        if not 0 < factor < math.inf:
            raise InputError(f"cannot scale an interval by {factor}: give a positive finite factor")
        exact = Fraction(factor)
        return Interval(0.0 - _product_above(-self.low, exact), _product_above(self.high, exact))

    def __add__(self, other: Interval) -> Interval:
        """The interval of all sums."""
        return Interval(0.0 - _sum_above(-self.low, -other.low), _sum_above(self.high, other.high))


@cache
def gamma(operations: int) -> float:
    """``n u / (1 - n u)`` rounded up, the bound of ``|theta_n|`` (Higham, Eq. 3.4 and Lemma 3.1).

    Raises `InputError` unless ``0 <= n < 2**53``.
    """
    if not 0 <= operations < 2**53:
        raise InputError(f"no rounding bound for {operations} operations: give 0 to 2**53 - 1")
    return rounded_up(Fraction(operations, 2**53 - operations))


def normalised(values: Array) -> tuple[Array, int]:
    """``values * 2**-exponent`` with the largest magnitude in [1/2, 1), or zeros as they are.

    Exact, except that entries some 2**1022 times smaller than the largest lose up to 2**-1075.
    """
    exponent = int(np.frexp(np.abs(values).max())[1])
    with np.errstate(under="ignore"):
        return np.ldexp(values, -exponent), exponent


def scaled_up(values: Array, exponent: int) -> Array:
    """``values * 2**exponent``, rounded up where that is not exact."""
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(values, exponent)
        exact = np.ldexp(scaled, -exponent) == values
        return np.where(exact, scaled, np.nextafter(scaled, math.inf))


def scaled_down(values: Array, exponent: int) -> Array:
    """``values * 2**exponent`` for non-negative values, rounded down where that is not exact."""
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(values, exponent)
        exact = np.ldexp(scaled, -exponent) == values
        return np.where(exact, scaled, np.maximum(np.nextafter(scaled, -math.inf), 0.0))


def above(computed: Array, roundings: int) -> Array:
    """An upper bound of non-negative exact values whose computed ones carry ``theta_roundings``."""
    factor = math.nextafter(1.0 + gamma(roundings), math.inf)
    return np.asarray(np.nextafter(computed * factor, math.inf))


def below(computed: Array, roundings: int) -> Array:
    """A lower bound, likewise, and not negative."""
    factor = math.nextafter(1.0 - gamma(roundings), -math.inf)
    return np.asarray(np.maximum(np.nextafter(computed * factor, -math.inf), 0.0))


def widen(low: Array, high: Array, spread: float) -> tuple[Array, Array]:
    """Bounds of non-negative quantities that move by at most ``spread``."""
    if spread == 0:
        return low, high
    with np.errstate(over="ignore"):
        lower = np.maximum(np.nextafter(low - spread, -math.inf), 0.0)
        return lower, np.nextafter(high + spread, math.inf)


def widened(interval: Interval, spread: float) -> Interval:
    """The interval with both ends moved out by a relative ``spread``, rounded outwards."""
    low, high = widen(np.asarray(interval.low), np.asarray(interval.high), spread)
    return Interval(float(low), float(high))


def rounded_up(value: Fraction) -> float:
    """The smallest float64 that is not below the value; infinity beyond the largest."""
    try:
        nearest = float(value)
    except OverflowError:
        nearest = math.inf if value > 0 else -math.inf
    return nearest if nearest >= value else math.nextafter(nearest, math.inf)


def _end_above(end: object, sign: int) -> float:
    """A float that is not below an end of another type, times 1 or -1."""
    if hasattr(end, "as_integer_ratio"):
        try:
            return rounded_up(sign * Fraction(*end.as_integer_ratio()))
        except OverflowError:
            return sign * float(end)  # type: ignore[arg-type]
        except ValueError:
            return math.nan
    try:
        return rounded_up(sign * as_fraction(end))
    except InputError as error:
        raise InputError(f"the end {quoted(end)} of an interval is no real number") from error


def _product_above(end: float, factor: Fraction) -> float:
    return rounded_up(Fraction(end) * factor) if math.isfinite(end) else end


def _sum_above(end: float, other: float) -> float:
    infinite = math.isinf(end) or math.isinf(other)
    return math.inf if infinite else rounded_up(Fraction(end) + Fraction(other))


def arb_above(value: flint.arb) -> float:
    """A float64 that is not below any magnitude in the enclosure."""
    bound = value.abs_upper()
    return 0.0 if bound == 0 else math.nextafter(float(bound), math.inf)


def as_arb(entry: object) -> flint.arb:
    """A ball of flint as it is; raises InputError for anything else."""
    if not isinstance(entry, flint.arb):
        raise InputError(f"matrix entry {entry!r} is no arb: use Ball.exact for exact entries")
    return entry


def as_fraction(entry: object) -> Fraction:
    """An integer, Fraction or flint rational as a Fraction; raises InputError for others."""
    match entry:
        case int() | Fraction():
            return Fraction(entry)
        case np.integer() | flint.fmpz():
            return Fraction(int(entry))
        case flint.fmpq():
            return Fraction(int(entry.p), int(entry.q))
    raise InputError(f"matrix entry {entry!r}: give integers, Fractions or flint rationals")
