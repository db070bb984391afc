"""The table tells the truth: operations run alone, and memory is watched place by place.

Everything that an operation may not read holds what is not a number, with bits of its own, or
numbers that have nothing to do with it: sums with the former keep its bits, comparisons tell
nothing about it. Then exactly what the table says is written has changed, and what the table does
not say is read can be replaced without any bit of the results changing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.compiled.operations.alone import (
    DTYPES,
    LAYOUTS,
    ROOM,
    Alone,
    Numbers,
    bits,
    poison,
)
from theorycheck.networks.specification import Convolution
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.operations.effects import (
    ARENA,
    Address,
    Memory,
    Operand,
    Region,
    Surroundings,
    cells,
    numbers,
    reads,
    writes,
)
from theorycheck.training.compiled.operations.stages import CLOCK
from theorycheck.training.compiled.operations.table import LAYOUTS as BOTH
from theorycheck.training.compiled.operations.table import OPERATIONS, Access, enter

CASES = [
    pytest.param(name, layout, dtype, id=f"{name} {layout} {str(dtype)[6:]}")
    for name, entry in OPERATIONS.items()
    for layout in LAYOUTS
    for dtype in DTYPES
    if layout in entry.layouts and not (dtype == torch.float32 and "clock" in entry.operands)
]
"""The control of a flow computes a logarithm, which is one of float64."""

SEEDS = 2
SAMPLES, STAGES, MEMBERS, LAST, TAKEN = 5, 3, 11, 10, 2
"""Samples of a batch, slopes of a step, members of a table and the last of them, the update."""

CELLS = {"clear", "identity", "relu", "relu_back", "leaky", "leaky_back", "square_slopes"}
CELLS |= {"exponential_slopes", "scale"}
"""Operations whose ``count`` is one of cells."""


class Watched:
    """An operation with operands and memory of its own.

    Args:
        opposite: whether numbers have their other sign, and what was decided is decided otherwise.
    """

    def __init__(
        self,
        name: str,
        layout: Layout,
        dtype: torch.dtype,
        seed: int,
        opposite: bool = False,
    ) -> None:
        self.name, self.entry, self.opposite = name, OPERATIONS[name], opposite
        self.alone = Alone(layout, dtype, SAMPLES)
        self.rng = np.random.default_rng(seed)
        self.outside: list[Numbers] = []
        self.shapes: list[Memory] = []
        convolution = Convolution(2, 3, 3, int(self.rng.integers(1, 10)), (2, 2))
        self.patches = np.ascontiguousarray(convolution.patches())
        self.counts = self._counts(convolution)
        order = Memory(torch.int64, self.alone.members, 3 * SAMPLES)
        self.operands: dict[str, Operand] = {}
        for operand in self.entry.operands:
            if operand in self.counts and operand not in ("data", "row", "patches", "factors"):
                self.operands[operand] = self.counts[operand]
            elif operand in ("data", "row", "patches", "factors"):
                self.operands[operand] = self._memory(operand)
            else:
                self.operands[operand] = self.alone.room(3000)
        self.surroundings = Surroundings(
            dtype, self.alone.lanes, layout, tuple(self.shapes), order, updates=3
        )
        given = [self.operands[operand] for operand in self.entry.operands]
        self.accesses = self.entry.accesses(given, self.surroundings)
        self.fill(self.needed, self._numbers)
        self._prepare()

    def _counts(self, convolution: Convolution) -> dict[str, int]:
        alone, rng = self.alone, self.rng
        units, width, columns = (int(rng.integers(1, 10)) for _ in range(3))
        positions, size = self.patches.shape
        if self.name in CELLS:
            count = units * alone.cells
        elif "convolution" in self.name:
            count = convolution.filters
        else:
            count = columns if self.name in ("enter", "leave") else 8 * columns
        return {
            "add": int(rng.integers(2)),
            "batch": SAMPLES,
            "cells": alone.cells,
            "classes": units,
            "count": count,
            "detached": int(rng.integers(2)),
            "height": units,
            "last": LAST,
            "member_stride": 7 * width,
            "order_stride": 3 * SAMPLES,
            "positions": positions,
            "room": 16,
            "samples": SAMPLES,
            "size": size,
            "stages": STAGES,
            "stride": 20 if self.name in ("enter", "leave") else 8 * columns + 16,
            "width": width,
        }

    def _memory(self, operand: str) -> Address:
        """Memory outside the arena; its numbers begin a few elements from its start."""
        dtype, rows, offset = self.alone.dtype, 1, 0
        array: Numbers
        if operand == "patches":
            array, dtype = self.patches, torch.int64
        elif operand == "factors":
            array = self.rng.normal(size=STAGES + 4)
            array[STAGES:] = np.abs(array[STAGES:])
        elif operand == "row":
            array, rows, offset = self.rng.normal(size=(MEMBERS, 20)), MEMBERS, 6
        else:
            array = self.rng.normal(size=(MEMBERS, self.counts["member_stride"]))
            rows = MEMBERS
        reach = 1 + int(array.max()) if operand == "patches" else 0
        if operand != "patches":
            array = array.astype(self.alone.reals.dtype)
        self.outside.append(array)
        self.shapes.append(Memory(dtype, rows, array.size // rows, reach))
        return Address(len(self.outside) - 1, offset)

    def _numbers(self, count: int) -> Numbers:
        return self.rng.normal(size=count) * (-1 if self.opposite else 1)

    def _prepare(self) -> None:
        """Numbers with which something happens: flags, steps that are taken, what diverged."""
        if "clock" in self.operands:
            for name in ("going", "final", "stalled", "diverged"):
                self._of_clock(name)[:] = self.rng.integers(2)
            self._of_clock("end")[:] = 2.0
            self._of_clock("tried")[:] = 1.0
        if self.name == "judge_step":
            self._of_clock("going")[:] = 1.0
            self.outside[0][STAGES:] = (
                [100.0, 100.0, 0.01, 50.0] if self.opposite else [0, 1e-9, 1, 1]
            )
        if self.name == "end_epoch" and self.opposite:
            weights, diverged = self.operands["weights"], self.operands["diverged"]
            assert isinstance(weights, int)
            assert isinstance(diverged, int)
            self.alone.reals[weights : weights + self.alone.members] = np.inf
            self.alone.reals[diverged : diverged + self.alone.members] = 0.0

    def _of_clock(self, name: str) -> Numbers:
        place = self.operands["clock"]
        assert isinstance(place, int)
        first = place + CLOCK.index(name) * self.alone.members
        return self.alone.reals[first : first + self.alone.members]

    def indices(self, *actions: str) -> Numbers:
        """Reals of the arena that the table says are touched in one of some ways."""
        regions = [a.region for a in self.accesses if a.action in actions]
        found = [touched(r) for r in regions if r.memory == ARENA]
        return np.unique(np.concatenate([np.zeros(0, dtype=int), *found]))

    @property
    def needed(self) -> Numbers:
        return self.indices("reads", "updates", "moves")

    def surround(self, first: int | None) -> None:
        """Fill what is not needed with what is not a number, counted from a first one, or with
        numbers.
        """
        rest = np.ones(ROOM, dtype=bool)
        rest[self.needed] = False
        if first is None:
            self.alone.reals[rest] = self.rng.normal(size=ROOM)[rest]
        else:
            bits(self.alone.reals)[rest] = poison(self.alone.dtype, ROOM, first)[rest]

    def fill(self, where: Numbers, numbers: Any) -> None:
        self.alone.reals[where] = numbers(len(where))

    def run(self) -> None:
        words = {}
        for operand, value in self.operands.items():
            if isinstance(value, Address):
                array = self.outside[value.memory]
                value = self.alone.address(array) + value.offset * array.itemsize
            words[operand] = value
        order = np.arange(8 * 3 * SAMPLES) % 7
        self.alone.run(self.name, member=4, order=order, update=TAKEN, **words)

    def changed(self) -> Numbers:
        """Run, and tell the reals of the arena whose bits have changed."""
        before = bits(self.alone.reals).copy()
        self.run()
        return np.flatnonzero(before != bits(self.alone.reals))

    def results(self) -> list[Numbers]:
        """The bits of what the table says is written or changed, in the arena and outside."""
        where = self.indices("writes", "updates", "moves")
        return [
            bits(self.alone.reals)[where].copy(),
            *(o.copy().view(np.uint8) for o in self.outside),
        ]


def touched(region: Region) -> Numbers:
    indices = np.arange(region.size)
    if region.unit:
        indices = indices[indices % region.unit < region.touched]
    return region.start + indices


def same_bits(one: list[Numbers], other: list[Numbers]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("name", "layout", "dtype"), CASES)
def test_exactly_what_is_written_changes(name: str, layout: Layout, dtype: torch.dtype) -> None:
    """All that is written, nothing that is not, and in one of two opposite runs all that may."""
    for seed in range(SEEDS):
        ever = np.zeros(0, dtype=int)
        for opposite in (False, True):
            watched = Watched(name, layout, dtype, seed, opposite)
            watched.surround(None if opposite else 1)
            before = [array.copy() for array in watched.outside]
            found = watched.changed()
            ever = np.union1d(ever, found)
            assert np.isin(watched.indices("writes"), found).all()
            changing = watched.indices("writes", "updates", "moves", "spoils")
            assert np.isin(found, changing).all()
            for number, (old, new) in enumerate(zip(before, watched.outside, strict=True)):
                columns = _columns(watched, number)
                assert np.array_equal(np.delete(old, columns, -1), np.delete(new, columns, -1))
                here = slice(4, 4 + watched.alone.members)
                assert (old[here][..., columns] != new[here][..., columns]).all()
        # Of the clock, which is told as a whole, some numbers stay.
        if "clock" not in watched.operands:
            assert np.isin(watched.indices("updates", "moves"), ever).all()


def _columns(watched: Watched, number: int) -> list[int]:
    """The columns of a memory outside that the table says are written."""
    found = []
    for access in watched.accesses:
        if access.region.memory == number and access.action != "reads":
            found += [int(i) for i in touched(access.region)]
    return found


@pytest.mark.parametrize(("name", "layout", "dtype"), CASES)
def test_nothing_else_is_read(name: str, layout: Layout, dtype: torch.dtype) -> None:
    """Results stay what they are, bit for bit, whatever else is in memory."""
    for case in product(range(SEEDS), (False, True)):
        results = []
        for first in (1, 100_000, None):
            watched = Watched(name, layout, dtype, *case)
            watched.surround(first)
            watched.run()
            results.append(watched.results())
        assert same_bits(results[0], results[1])
        assert same_bits(results[0], results[2])


@pytest.mark.parametrize(("name", "layout", "dtype"), CASES)
def test_all_that_is_read_counts(name: str, layout: Layout, dtype: torch.dtype) -> None:
    """Other numbers in any place that is read give other results, in some run."""
    counting: set[str] = set()
    operands = {a.operand for a in Watched(name, layout, dtype, 0).accesses if a.action == "reads"}
    for case in product(range(SEEDS), (False, True)):
        watched = Watched(name, layout, dtype, *case)
        watched.run()
        for operand in operands - counting:
            other = Watched(name, layout, dtype, *case)
            for access in _reads(other, operand):
                where = touched(access.region)
                if access.region.memory == ARENA:
                    other.fill(where, other._numbers)
                else:
                    number = access.region.memory
                    rows = other.outside[number].reshape(other.shapes[number].rows, -1)
                    rows[:, where] = np.roll(rows[:, where], 1, axis=None)
            other.run()
            if not same_bits(watched.results(), other.results()):
                counting.add(operand)
    assert counting == operands


def _reads(watched: Watched, operand: str) -> Iterator[Access]:
    return (a for a in watched.accesses if a.operand == operand and a.action == "reads")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_place_twice(layout: Layout, dtype: torch.dtype) -> None:
    """Where the table allows it, that gives what two places give."""
    for name, entry in OPERATIONS.items():
        if not entry.same:
            continue
        out, source = entry.same
        apart, once = (Watched(name, layout, dtype, 0) for _ in range(2))
        place = once.operands[out] = once.operands[source]
        assert isinstance(place, int)
        for watched in (apart, once):
            watched.run()
        start = apart.operands[out]
        assert isinstance(start, int)
        size = next(a.region.size for a in apart.accesses if a.operand == out)
        found, expected = (
            bits(w.alone.reals)[s : s + size] for w, s in ((once, place), (apart, start))
        )
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_fills_up_the_last_cell_stays_there(dtype: torch.dtype) -> None:
    """Whatever is beyond the last sample, results for samples and sums are the same."""
    sides = ("out", "source", "slopes", "outputs", "targets", "normal")
    for name, entry in OPERATIONS.items():
        if "samples" not in entry.layouts or "clock" in entry.operands or name == "load":
            continue
        results = []
        for first in (1, 100_000):
            watched = Watched(name, "samples", dtype, 3)
            unit = watched.alone.cells * watched.alone.lanes
            padding = np.zeros(0, dtype=int)
            for access in watched.accesses:
                region = access.region
                if _of_samples(name, access, sides):
                    where = region.start + np.arange(region.size)
                    padding = np.union1d(padding, where[(where - region.start) % unit >= SAMPLES])
            bits(watched.alone.reals)[padding] = poison(dtype, len(padding), first)
            watched.run()
            kept = np.setdiff1d(watched.indices("writes", "updates", "moves"), padding)
            results.append([bits(watched.alone.reals)[kept].copy()])
        assert same_bits(*results), name


def _of_samples(name: str, access: Access, sides: tuple[str, ...]) -> bool:
    """Whether what is accessed are samples of units, in cells."""
    counted = {"cells", "classes"} & {*OPERATIONS[name].operands} or name in CELLS
    return (
        bool(counted)
        and access.operand in sides
        and access.region.memory == ARENA
        and (access.region.aligned or access.region.unit > 0)
    )


def test_no_operation_without_its_effects() -> None:
    """Nor two of one name."""

    def copy(k: Any, out: Any, source: Any, count: Any) -> None:
        """Nothing."""

    whole = {"out": writes(cells("count")), "source": reads(cells("count"))}
    for operand in whole:
        rest = {o: effect for o, effect in whole.items() if o != operand}
        with pytest.raises(TypeError, match=f"differ in {operand}"):
            enter("copy", copy, rest, BOTH)
    with pytest.raises(TypeError, match="differ in number"):
        enter("copy", copy, whole | {"number": reads(numbers())}, BOTH)
    with pytest.raises(TypeError, match="two operations relu"):
        enter("relu", copy, whole, BOTH)
    assert "copy" not in OPERATIONS
