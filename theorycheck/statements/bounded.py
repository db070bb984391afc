"""Floats with bounds on their rounding errors: numbers of cohorts of large networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theorycheck.arithmetic.error_bounds import Array, Computed, rank_exceeds_one
from theorycheck.statements.dyadics import side_by_side


@dataclass(frozen=True, eq=False)
class Bounded:
    """Numbers of a cohort, as `theorycheck.statements.dyadics.Dyadic` but rounded.

    A comparison is false where no numbers within the bounds make it true. Where it is not, it holds
    as far as rounding can tell, which proves neither equality nor a rank.

    Attributes:
        computed: scalars ``(K,)``, vectors ``(K, n)`` or matrices ``(K, p, q)`` with error bounds.
    """

    computed: Computed

    @classmethod
    def exact(cls, numbers: Array) -> Bounded:
        """Floats as they are."""
        return cls(Computed(numbers, np.zeros_like(numbers)))

    @classmethod
    def stacked(cls, entries: Sequence[Bounded]) -> Bounded:
        """Numbers or arrays of one shape, as one array with one more axis."""
        parts = [entry.computed for entry in entries]
        values, errors = [part.value for part in parts], [part.error for part in parts]
        return cls(Computed(side_by_side(values), side_by_side(errors)))

    @property
    def value(self) -> Array:
        """As computed."""
        return self.computed.value

    @property
    def length(self) -> int | None:
        """How many entries a vector has, or rows a matrix; None for scalars."""
        return None if self.value.ndim == 1 else self.value.shape[1]

    def entry(self, index: int) -> Bounded:
        """One entry of a vector, or row of a matrix."""
        return Bounded(self.computed[:, index])

    def flat(self) -> Bounded:
        """All entries as a vector."""
        members = len(self.value)
        value, error = (a.reshape(members, -1) for a in (self.value, self.computed.error))
        return Bounded(Computed(value, error))

    def __neg__(self) -> Bounded:
        return Bounded(-self.computed)

    def __add__(self, other: Bounded) -> Bounded:
        return Bounded(self.computed + other.computed)

    def __mul__(self, other: Bounded) -> Bounded:
        return Bounded(self.computed * other.computed)

    def outer(self, other: Bounded) -> Bounded:
        """All products of an entry of one vector with one of the other."""
        return Bounded(self.computed[:, :, None] * other.computed[:, None, :])

    def total(self) -> Bounded:
        """The sum of all entries."""
        return Bounded(self.flat().computed.summed(1))

    def magnitude(self) -> Bounded:
        """Absolute values."""
        return Bounded(Computed(np.abs(self.value), self.computed.error))

    def compared(self, relation: str, other: Bounded) -> np.ndarray:
        """Whether a relation between scalars may be true, ``(K,)``."""
        difference = self.computed - other.computed
        below = difference.value + difference.error < 0
        above = difference.value - difference.error > 0
        return ~{
            "==": below | above, "<=": above, "<": above, ">=": below, ">": below,
            "!=": np.zeros_like(above),
        }[relation]  # fmt: skip

    def ranks_up_to_two(self) -> np.ndarray:
        """2 where the rank of a matrix is certainly above 1, else 1; ``(K,)``."""
        return np.where(rank_exceeds_one(self.computed), 2, 1)
