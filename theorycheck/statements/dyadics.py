"""Floats that provably do not round: what a formula computes on a cohort of dyadic numbers.

Every number is carried with two bounds that follow from the formula alone: it is a whole multiple
of ``2**-exponent``, and neither it nor any partial sum on the way to it exceeds ``size``. A float
operation does not round when its exact result is below ``2**b`` in units of a power of two that is
a normal number, ``b`` bits being those of the significand (IEEE 754). So whether anything may round
is known from the bounds, whatever the order of additions.

The bounds are computed in float64 themselves. While they are below ``2**53`` units they are exact,
as whole multiples of the unit; and rounding to nearest is monotone, so that a bound beyond that is
never computed as one below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Rounds(Exception):
    """Some operation may round on some members.

    Attributes:
        members: ``(K,)`` bool, or ``(1,)`` for all.
    """

    def __init__(self, members: Array) -> None:
        super().__init__("floats may round")
        self.members = members


@dataclass(frozen=True, eq=False)
class Dyadic:
    """Numbers of a cohort: scalars ``(K,)``, vectors ``(K, n)`` or matrices ``(K, p, q)``.

    A first axis of length 1 stands for numbers that all members share.

    Attributes:
        value: float32 or float64; exact.
        size: float64 of the same shape: a bound on magnitudes, those of partial sums included.
        exponent: each value is a whole multiple of ``2**-exponent``.

    Raises:
        Rounds: when the bounds do not prove that the values are exact.
    """

    value: Array
    size: Array
    exponent: int

    def __post_init__(self) -> None:
        format = np.finfo(self.value.dtype)
        with np.errstate(over="ignore"):
            fits = np.ldexp(self.size, self.exponent) < 2.0 ** (format.nmant + 1)
        if self.exponent > -format.minexp or not fits.all():
            members = np.ones(1, dtype=bool)
            if self.exponent <= -format.minexp:
                members = ~np.all(fits.reshape(len(fits), -1), axis=1)
            raise Rounds(members)

    @classmethod
    def constants(cls, numbers: Sequence[int | Fraction], dtype: Any) -> Dyadic | None:
        """A vector of numbers that all members share; None when some are not dyadic."""
        exact = [Fraction(number) for number in numbers]
        denominators = [number.denominator for number in exact]
        if any(d.bit_count() > 1 for d in denominators) or any(abs(n) > 2**60 for n in exact):
            return None
        value = np.array([[float(number) for number in exact]])
        return cls(value.astype(dtype), np.abs(value), max(denominators).bit_length() - 1)

    @classmethod
    def stacked(cls, entries: Sequence[Dyadic]) -> Dyadic:
        """Numbers or arrays of one shape, as one array with one more axis."""
        return cls(
            side_by_side([entry.value for entry in entries]),
            side_by_side([entry.size for entry in entries]),
            max(entry.exponent for entry in entries),
        )

    @property
    def length(self) -> int | None:
        """How many entries a vector has, or rows a matrix; None for scalars."""
        return None if self.value.ndim == 1 else self.value.shape[1]

    def entry(self, index: int) -> Dyadic:
        """One entry of a vector, or row of a matrix."""
        return Dyadic(self.value[:, index], self.size[:, index], self.exponent)

    def flat(self) -> Dyadic:
        """All entries as a vector; a scalar as one of length 1."""
        members = len(self.value)
        return Dyadic(
            self.value.reshape(members, -1), self.size.reshape(members, -1), self.exponent
        )

    def __neg__(self) -> Dyadic:
        return Dyadic(-self.value, self.size, self.exponent)

    def __add__(self, other: Dyadic) -> Dyadic:
        exponent = max(self.exponent, other.exponent)
        return Dyadic(self.value + other.value, self.size + other.size, exponent)

    def __mul__(self, other: Dyadic) -> Dyadic:
        a, b = _aligned(self, other)
        return Dyadic(a.value * b.value, a.size * b.size, a.exponent + b.exponent)

    def outer(self, other: Dyadic) -> Dyadic:
        """All products of an entry of one vector with one of the other."""
        return Dyadic(
            self.value[:, :, None] * other.value[:, None, :],
            self.size[:, :, None] * other.size[:, None, :],
            self.exponent + other.exponent,
        )

    def total(self) -> Dyadic:
        """The sum of all entries."""
        flat = self.flat()
        return Dyadic(flat.value.sum(axis=1), flat.size.sum(axis=1), self.exponent)

    def magnitude(self) -> Dyadic:
        """Absolute values."""
        return Dyadic(np.abs(self.value), self.size, self.exponent)

    def chosen(self, test: Array, other: Dyadic) -> Dyadic:
        """These scalars where a condition on the members is true, the others elsewhere."""
        return Dyadic(
            np.where(test, self.value, other.value),
            np.where(test, self.size, other.size),
            max(self.exponent, other.exponent),
        )

    def compared(self, relation: str, other: Dyadic) -> Array:
        """Whether a relation between scalars is true, ``(K,)``."""
        compare: Any = {
            "==": np.equal, "!=": np.not_equal, "<=": np.less_equal, ">=": np.greater_equal,
            "<": np.less, ">": np.greater,
        }[relation]  # fmt: skip
        found: Array = compare(self.value, other.value)
        return found

    def ranks_up_to_two(self) -> Array:
        """0, 1, or 2 for "at least 2": the ranks of matrices, ``(K,)``.

        A matrix has rank at most 1 when its 2 x 2 minors with one nonzero entry vanish.

        Raises:
            Rounds: when the products in these minors may round.
        """
        each = np.arange(len(self.value))
        largest = np.abs(self.value).reshape(len(each), -1).argmax(axis=1)
        row, column = np.divmod(largest, self.value.shape[-1])
        pivot = Dyadic(self.value[each, row, column], self.size[each, row, column], self.exponent)
        across = Dyadic(self.value[each, row], self.size[each, row], self.exponent)
        down = Dyadic(self.value[each, :, column], self.size[each, :, column], self.exponent)
        unequal = (self * pivot).value != down.outer(across).value
        return np.where(unequal.any(axis=(1, 2)), 2, (pivot.value != 0).astype(int))


def side_by_side(arrays: Sequence[Array]) -> Array:
    """Arrays ``(K, ...)`` as one ``(K, n, ...)``; some of them may be shared by all members."""
    members = max(map(len, arrays))
    return np.stack([np.broadcast_to(a, (members, *a.shape[1:])) for a in arrays], axis=1)


def _aligned(one: Dyadic, other: Dyadic) -> tuple[Dyadic, Dyadic]:
    """Two arrays, a scalar with as many axes as the array that it multiplies."""

    def extended(number: Dyadic, axes: int) -> Dyadic:
        shape = (*number.value.shape, *[1] * (axes - number.value.ndim))
        return Dyadic(number.value.reshape(shape), number.size.reshape(shape), number.exponent)

    axes = max(one.value.ndim, other.value.ndim)
    return extended(one, axes), extended(other, axes)
