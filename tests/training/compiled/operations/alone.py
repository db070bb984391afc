"""One operation alone, on memory of its own: what goes in, what comes out, in both layouts.

Numbers that there are once per member are arrays ``(members, count)``, those of samples
``(members, units, samples)``; where lanes are samples there is one member. Everything else in
memory is what is not a number, each with bits of its own.
"""

from __future__ import annotations

import ctypes
from functools import partial
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numpy.typing import NDArray

from theorycheck.simd.machine import machine_code
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.operations.table import OPERATIONS, build

Numbers = NDArray[Any]

LAYOUTS: tuple[Layout, ...] = ("members", "samples")
DTYPES = (torch.float32, torch.float64)
ROOM = 2**16
"""Reals of the memory."""
GAP = 40
"""Reals between places, a multiple of the lanes."""
REALS = {torch.float32: ir.FloatType(), torch.float64: ir.DoubleType()}
POISON = {torch.float32: (np.int32, 0x7FC00000), torch.float64: (np.int64, 0x7FF8 << 48)}
CALL = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64
)


def poison(dtype: torch.dtype, count: int, first: int = 1) -> Numbers:
    """What is not a number, each with bits of its own, counted from a first one on."""
    kind, pattern = POISON[dtype]
    counted: Numbers = np.arange(first, first + count, dtype=kind)
    counted |= np.array(pattern, kind)
    return counted


def bits(reals: Numbers) -> Numbers:
    """Reals as integers, to compare them bit for bit."""
    return reals.view({4: np.int32, 8: np.int64}[reals.itemsize])


class Alone:
    """Memory for one operation, and places in it."""

    def __init__(self, layout: Layout, dtype: torch.dtype, samples: int = 1) -> None:
        self.layout, self.dtype, self.samples = layout, dtype, samples
        self.lanes = 32 // dtype.itemsize
        self.members = self.lanes if layout == "members" else 1
        self.cells = samples if layout == "members" else -(-samples // self.lanes)
        self._memory = torch.zeros(ROOM, dtype=dtype)
        self.reals = self._memory.numpy()
        bits(self.reals)[:] = poison(dtype, ROOM)
        self.end = GAP
        self.held: list[Numbers] = []

    def room(self, count: int) -> int:
        """A place of some reals."""
        start = self.end
        self.end += -(-count // self.lanes) * self.lanes + GAP
        assert self.end <= ROOM
        return start

    def numbers(self, numbers: Any) -> int:
        """A place with numbers ``(members, count)``, or ``(count,)`` for all members."""
        array = np.array(np.broadcast_to(numbers, (self.members, np.shape(numbers)[-1])))
        place = self.room(array.size)
        self.reals[place : place + array.size] = array.T.ravel()
        return place

    def units(self, numbers: Any) -> int:
        """A place with numbers ``(members, units, samples)``."""
        array = np.asarray(numbers)
        place = self.room(array.shape[1] * self.cells * self.lanes)
        self._of_units(place, array.shape[1])[:] = array
        return place

    def free_numbers(self, count: int) -> int:
        return self.room(count * self.members)

    def free_units(self, count: int) -> int:
        return self.room(count * self.cells * self.lanes)

    def numbers_at(self, place: int, count: int = 1) -> Numbers:
        """``(members, count)``."""
        size = count * self.members
        return self.reals[place : place + size].reshape(count, self.members).T.copy()

    def units_at(self, place: int, count: int) -> Numbers:
        """``(members, units, samples)``."""
        return self._of_units(place, count).copy()

    def _of_units(self, place: int, count: int) -> Numbers:
        size = count * self.cells * self.lanes
        if self.layout == "members":
            cells = self.reals[place : place + size].reshape(count, self.cells, self.lanes)
            return cells.transpose(2, 0, 1)
        return self.reals[place : place + size].reshape(1, count, -1)[:, :, : self.samples]

    def address(self, array: Numbers) -> int:
        """The address of an array outside, which is kept."""
        assert array.flags.c_contiguous
        self.held.append(array)
        return array.ctypes.data

    def run(
        self, name: str, *, member: int = 0, order: Any = 0, update: int = 0, **operands: int
    ) -> None:
        """Run an operation; ``order`` holds the samples of batches."""
        code = partial(
            build, name=name, real=REALS[self.dtype], lanes=self.lanes, layout=self.layout
        )
        function = CALL(machine_code(code, (name, self.dtype, self.layout)))
        words = np.array([operands.pop(o) for o in OPERATIONS[name].operands], dtype=np.int64)
        assert not operands
        samples = np.ascontiguousarray(order, dtype=np.int64)
        function(self.reals.ctypes.data, words.ctypes.data, member, samples.ctypes.data, update)


def integers(rng: np.random.Generator, *shape: int) -> Numbers:
    """Small integers, whose products and sums do not round."""
    return rng.integers(-3, 4, size=shape).astype(np.float64)
