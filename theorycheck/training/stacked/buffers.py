"""Buffers of a tape, allocated once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

MULTIPLE = 4
"""Definition: 4 times 4 numbers of at least 4 bytes fill whole cache lines of 64 bytes."""


class Block:
    """Matrices filled up with zeros to multiples of `MULTIPLE` rows and columns.

    Args:
        whole: ``(K, rows, columns)``, multiples of `MULTIPLE`.
        live: a view of the part that is used.
    """

    def __init__(self, whole: Tensor, live: Tensor) -> None:
        self.whole, self.live = whole, live


class Memory:
    """Where the buffers of a tape come from: zeros of one dtype on one device.

    Args:
        device: on ``meta`` nothing is allocated, only counted.
        by_sample: whether the values of a sample lie side by side in memory.

    Attributes:
        size: bytes that were handed out so far.
    """

    def __init__(
        self, members: int, dtype: torch.dtype, device: torch.device | str, *, by_sample: bool
    ) -> None:
        self.members, self.dtype, self.device, self.by_sample = members, dtype, device, by_sample
        self.size = 0
        self._largest = 0

    def zeros(self, *shape: int) -> Tensor:
        """Zeros of shape ``(K, *shape)``."""
        self.size += self.members * math.prod(shape) * self.dtype.itemsize
        return torch.zeros(self.members, *shape, dtype=self.dtype, device=self.device)

    def block(self, rows: int, columns: int) -> Block:
        """A block whose live part is ``(K, rows, columns)``."""
        whole = self.zeros(filled_up(rows), filled_up(columns))
        return Block(whole, whole[:, :rows, :columns])

    def values(self, width: int, samples: int) -> Block:
        """A block whose live part is ``(K, width, samples)``."""
        if not self.by_sample:
            return self.block(width, samples)
        block = self.block(samples, width)
        return Block(block.whole.mT, block.live.mT)

    def reserve_scratch(self, rows: int, columns: int) -> None:
        """Have `scratch` provide for blocks of this size."""
        self._largest = max(self._largest, filled_up(rows) * filled_up(columns))

    def allocate_scratch(self) -> None:
        """Allocate the largest of the reserved sizes, once all are reserved."""
        self._scratch = self.zeros(self._largest)

    def scratch(self, rows: int, columns: int) -> Block:
        """A block of a size that was reserved, to be used before the next call; not zeros."""
        shape = self.members, filled_up(rows), filled_up(columns)
        whole = self._scratch.view(-1)[: math.prod(shape)].view(shape)
        return Block(whole, whole[:, :rows, :columns])


def filled_up(size: int) -> int:
    """The next multiple of `MULTIPLE`."""
    return -(-size // MULTIPLE) * MULTIPLE


class Operand:
    """Matrices ``(K, rows, columns)`` that lie elsewhere, filled up if they have to be."""

    def __init__(self, memory: Memory, rows: int, columns: int) -> None:
        complete = rows % MULTIPLE == columns % MULTIPLE == 0
        self.block = None if complete else memory.block(rows, columns)

    def take(self, matrices: Tensor) -> Tensor:
        """The matrices themselves if they need no zeros; otherwise a block with a copy of them."""
        if self.block is None:
            return matrices
        self.block.live.copy_(matrices)
        return self.block.whole
