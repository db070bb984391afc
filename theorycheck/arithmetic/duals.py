"""Dual numbers: a number with its derivatives along all entries of one parameter.

They run through the evaluation of a network like any other number, so that whatever is computed
with `theorycheck.arithmetic.evaluation` can be differentiated, derivatives included: duals within
duals belong to derivations of different levels, and a number that does not carry a level is
constant for it (Siskind and Pearlmutter, Nesting forward-mode AD in a functional framework, 2008).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, fmpq


class Dual:
    """A number, and its derivatives along the entries of a parameter.

    Comparisons look at the number alone. At a kink an activation multiplies the derivatives by its
    slope on negative arguments, because that is how the evaluation multiplies the number.

    Attributes:
        value: the number, which may be a dual of a lower level.
        motion: its derivatives, an array with an entry for each entry of the parameter; or the
            number 0, for a constant.
        level: which derivation it belongs to; 0 for constants.
    """

    __slots__ = ("level", "motion", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any, motion: Any = None, level: int = 0) -> None:
        self.value: Any = fmpq(value) if isinstance(value, int) else value
        self.motion: Any = fmpq(0) if motion is None else motion
        self.level = level

    def __add__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy adds to each entry.
        level, (a, da), (b, db) = _paired(self, other)
        return Dual(a + b, da + db, level)

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.motion, self.level)

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        level, (a, da), (b, db) = _paired(self, other)
        return Dual(a * b, a * db + da * b, level)

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        level, (a, da), (b, db) = _paired(self, other)
        quotient = a / b
        return Dual(quotient, (da - quotient * db) / b, level)

    def __rtruediv__(self, other: Any) -> Any:
        return Dual(other) / self

    def __pow__(self, exponent: int) -> Any:
        power = Dual(1)
        for _ in range(exponent):
            power = power * self
        return power

    __radd__, __rmul__ = __add__, __mul__

    def __eq__(self, other: object) -> Any:
        return base(self) == base(other)

    def __ne__(self, other: object) -> Any:
        return base(self) != base(other)

    def __lt__(self, other: Any) -> Any:
        return base(self) < base(other)

    def __le__(self, other: Any) -> Any:
        return base(self) <= base(other)

    def __gt__(self, other: Any) -> Any:
        return base(self) > base(other)

    def __ge__(self, other: Any) -> Any:
        return base(self) >= base(other)

    def sqrt(self) -> Dual:
        """The square root of a positive number; flint's DomainError where it is irrational."""
        value = self.value.sqrt()
        return Dual(value, self.motion / (value + value), self.level)

    def union(self, other: Dual) -> Dual:
        """Balls that hold both numbers, and both of each pair of derivatives."""
        level, (a, da), (b, db) = _paired(self, other)
        return Dual(_hull(a, b), _hulls(da, db), level)


def base(number: Any) -> Any:
    """A number without any derivatives that come with it."""
    while isinstance(number, Dual):
        number = number.value
    return number


def constant(number: Any) -> Any:
    """A number as a constant of every derivation; what is no dual stays as it is."""
    return Dual(base(number)) if isinstance(number, Dual) else number


def split(number: Any, level: int) -> tuple[Any, Any]:
    """The value of a number and its derivatives, 0 where it carries none, at a level."""
    if isinstance(number, Dual) and number.level in (0, level):
        return number.value, number.motion
    return number, fmpq(0)


def _paired(left: Dual, right: Any) -> tuple[int, tuple[Any, Any], tuple[Any, Any]]:
    level = max(left.level, right.level) if isinstance(right, Dual) else left.level
    return level, split(left, level), split(right, level)


def _hull(left: Any, right: Any) -> Any:
    if isinstance(left, Dual) or isinstance(right, Dual):
        lifted = [number if isinstance(number, Dual) else Dual(number) for number in (left, right)]
        return lifted[0].union(lifted[1])
    return arb(left).union(arb(right))


_hulls = np.frompyfunc(_hull, 2, 1)
