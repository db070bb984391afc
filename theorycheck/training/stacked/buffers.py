"""Buffers of a tape, allocated once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

MULTIPLE = 4
"""Definition: 4 times 4 numbers of at least 4 bytes fill whole cache lines of 64 bytes."""


class Block:
    """A matrix per member, filled up with zeros, and the ``live`` part of it."""

    def __init__(self, whole: Tensor, live: Tensor) -> None:
        self.whole, self.live = whole, live


class Memory:
    """Where the buffers of a tape come from: zeros of one dtype on one device, counted."""

    def __init__(
        self, members: int, dtype: torch.dtype, device: torch.device | str, *, by_sample: bool
    ) -> None:
        self.members, self.dtype, self.device, self.by_sample = members, dtype, device, by_sample
        self.size = 0
        self._largest = 0

    def zeros(self, *shape: int) -> Tensor:
        """Shape ``(K, *shape)``."""
        self.size += self.members * math.prod(shape) * self.dtype.itemsize
        return torch.zeros(self.members, *shape, dtype=self.dtype, device=self.device)

    def block(self, rows: int, columns: int) -> Block:
        whole = self.zeros(filled_up(rows), filled_up(columns))
        return Block(whole, whole[:, :rows, :columns])

    def values(self, width: int, samples: int) -> Block:
        """A block with a column for every sample."""
        if not self.by_sample:
            return self.block(width, samples)
        block = self.block(samples, width)
        return Block(block.whole.mT, block.live.mT)

    def reserve_scratch(self, rows: int, columns: int) -> None:
        self._largest = max(self._largest, filled_up(rows) * filled_up(columns))

    def allocate_scratch(self) -> None:
        self._scratch = self.zeros(self._largest)

    def scratch(self, rows: int, columns: int) -> Block:
        """A block that lasts until the next one, of a size that has been reserved."""
        shape = self.members, filled_up(rows), filled_up(columns)
        whole = self._scratch.view(-1)[: math.prod(shape)].view(shape)
        return Block(whole, whole[:, :rows, :columns])


def filled_up(size: int) -> int:
    return -(-size // MULTIPLE) * MULTIPLE


class Operand:
    """Matrices that lie elsewhere, filled up where they need it."""

    def __init__(self, memory: Memory, rows: int, columns: int) -> None:
        complete = rows % MULTIPLE == columns % MULTIPLE == 0
        self.block = None if complete else memory.block(rows, columns)

    def take(self, matrices: Tensor) -> Tensor:
        if self.block is None:
            return matrices
        self.block.live.copy_(matrices)
        return self.block.whole
