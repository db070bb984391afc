"""The arena: the memory of some members, and the table that they come from and go back to."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from theorycheck.training.compiled.operations.base import STRIPES, Layout

VECTOR_BYTES = 32
"""Vectors twice as long, where a processor has them, are no faster: loads are the limit then."""

ALIGNMENT = 64
"""In bytes: a line of the cache."""


def lanes_of(dtype: torch.dtype) -> int:
    """How many numbers of a type fill a vector."""
    return VECTOR_BYTES // dtype.itemsize


def rounded_up(count: int, size: int) -> int:
    """The least multiple of a size that is no less than a count."""
    return -(-count // size) * size


def padded(count: int) -> int:
    """The room that the parameters of one tensor take, given how many there are."""
    return rounded_up(count, STRIPES)


class Arena:
    """Memory that is handed out place by place; offsets and ``size`` count reals."""

    def __init__(self, dtype: torch.dtype, layout: Layout, batch: int) -> None:
        self.dtype, self.layout, self.size = dtype, layout, 0
        self.lanes = lanes_of(dtype)
        self.members = self.lanes if layout == "members" else 1
        """How many members share an arena: a number per member takes that many reals."""
        self.cells = batch if layout == "members" else -(-batch // self.lanes)
        """Vectors that the samples of a unit take."""
        self.places: list[tuple[int, int]] = []
        """Where each place that was handed out begins and ends."""
        self.given: dict[int, float] = {}
        """What some places hold before anything runs, the same for all members."""

    def filled(self) -> Tensor:
        """Such memory, with what is given in its places, and 0 elsewhere."""
        arena = torch.zeros(self.size, dtype=self.dtype)
        assert arena.data_ptr() % ALIGNMENT == 0
        for place, number in self.given.items():
            arena[place : place + self.members] = number
        return arena

    def number(self, given: float) -> int:
        """Room for one number per member that holds a number from the start."""
        place = self.numbers()
        self.given[place] = given
        return place

    def numbers(self, count: int = 1) -> int:
        """Room for some numbers of each member."""
        return self._take(count * self.members)

    def units(self, count: int) -> int:
        """Room for some numbers of each sample."""
        return self._take(count * self.cells * self.lanes)

    def _take(self, reals: int) -> int:
        start = self.size
        self.places.append((start, start + reals))
        self.size += rounded_up(reals, ALIGNMENT // self.dtype.itemsize)
        return start


class Table:
    """What members keep between their times in an arena: a row of numbers for each.

    Args:
        columns: how many numbers there are of each kind.
    """

    def __init__(self, members: int, dtype: torch.dtype, columns: dict[str, int]) -> None:
        self.numbers = torch.zeros(members, sum(columns.values()), dtype=dtype)
        self.columns = dict(zip(columns, accumulate(columns.values(), initial=0), strict=False))
        blocks = torch.split(self.numbers, list(columns.values()), dim=1)
        self._blocks: dict[str, Tensor] = dict(zip(columns, blocks, strict=True))

    def __getitem__(self, name: str) -> Tensor:
        """The numbers of one kind, ``(K, count)``; a view, to be read and written."""
        return self._blocks[name]
