"""Compiled training: whole epochs of a cohort in machine code, on as many threads as torch has.

Members fill the lanes of vectors, as many as there are; what is left over trains one by one, and
lanes are samples. Both compute the same to the bit (`theorycheck.operations`), so that a member's
result depends neither on its companions nor on their number.
"""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import torch
from torch import Tensor

from theorycheck.batches import Batches
from theorycheck.cohorts import Cohort, Objective
from theorycheck.fields import Field
from theorycheck.flow import Integrator
from theorycheck.operations import CLOCK, Layout
from theorycheck.programs import (
    DescentProgram,
    FlowProgram,
    descend,
    follow,
    lanes_of,
    memory,
)
from theorycheck.simd import machine_code

FEWEST_LANES = 3
"""So many members share vectors, though lanes stay empty; fewer are faster one by one."""

ORDER_BYTES = 2_000_000
"""How much memory the random keys of batches may take: so little that it stays in the cache."""


class CompiledDescent:
    """Descent of a cohort on the CPU, whole epochs at a time; the other engine is
    `theorycheck.stacked.StackedDescent`.
    """

    def __init__(
        self,
        cohort: Cohort,
        objective: Objective,
        batches: Batches,
        momentum: Tensor | None,
        epochs: int,
    ) -> None:
        """Make ready for at most so many epochs; ``momentum`` is ``(K, 1)``."""
        most = ORDER_BYTES // (8 * batches.keys * cohort.members)
        window = max(1, min(epochs, most))
        has_momentum = momentum is not None
        self.groups = [
            _Group(
                DescentProgram(cohort, objective, batches, layout, window, has_momentum), members
            )
            for layout, members in _parts(cohort)
        ]
        rows = Field(cohort, objective).pack(cohort.state)
        for group in self.groups:
            program = group.program
            group.set_rows(program.parameters, rows)
            group.set(program.decay, 2 * cohort.weight_decay[:, None])
            if momentum is not None:
                group.set(program.momentum, momentum)
        blocks = [(group, block) for group in self.groups for block in range(group.blocks)]
        count = min(torch.get_num_threads(), len(blocks))
        self.workers = [_Worker(batches, window) for _ in range(count)]
        for group, block in blocks:
            min(self.workers, key=lambda worker: worker.work).take(group, block)
        self.pool = _pool(count)

    def advance(self, first: int, last: int, rate: Tensor) -> Tensor:
        """Train from one epoch to another, the last one excluded.

        Args:
            rate: learning rates, ``(K, 1)``.

        Returns:
            Sums over the updates of the norms of the weight matrices' steps, ``(K,)``.
        """
        for group in self.groups:
            group.set(group.program.rate, rate)
            group.set(group.program.path, torch.zeros_like(rate))
        if self.pool is None:
            self.workers[0].train(first, last)
        else:
            list(self.pool.map(lambda worker: worker.train(first, last), self.workers))
        return torch.cat([group.get(group.program.path) for group in self.groups])[:, 0]

    @property
    def rows(self) -> Tensor:
        """A copy of the states, as rows of `Field`."""
        return torch.cat([group.rows(group.program.parameters) for group in self.groups])

    @property
    def diverged(self) -> Tensor:
        """Which members have been put back, ``(K,)``."""
        flags = torch.cat([group.get(group.program.diverged) for group in self.groups])
        return flags[:, 0] == 1


class CompiledFlow:
    """Gradient flow of a cohort on the CPU, going on from where an `Integrator` begins."""

    def __init__(self, cohort: Cohort, objective: Objective, start: Integrator) -> None:
        samples = cohort.inputs.shape[1]
        batches = Batches(torch.zeros(cohort.members, dtype=torch.int64), samples, samples)
        limits = (start.relative, start.absolute, start.max_steps)
        self.groups = [
            _Group(FlowProgram(cohort, objective, batches, layout, *limits), members)
            for layout, members in _parts(cohort)
        ]
        for group in self.groups:
            program = group.program
            group.set_rows(program.point, start.point)
            group.set_rows(program.slopes[0], start.slope)
            group.set(program.decay, 2 * cohort.weight_decay[:, None])
        self._write("step", start.step)
        self._write("diverged", start.diverged)
        self.blocks = [(group, block) for group in self.groups for block in range(group.blocks)]
        count = min(torch.get_num_threads(), len(self.blocks))
        self.pool = _pool(count)

    def advance(self, end: float) -> None:
        """Bring every member to time ``end``, unless it stalls before."""
        time = self._read("time")
        self._write("end", torch.full_like(time, end))
        self._write("going", (time < end) & ~self.stalled & ~self.diverged)
        # As many threads as there are take arenas from the queue, since members differ in steps.
        apply = map if self.pool is None else self.pool.map
        list(apply(lambda place: self._follow(*place), self.blocks))

    def _follow(self, group: _Group[FlowProgram], block: int) -> None:
        """Attempt steps until no member of an arena is going."""
        going, operations = self._place(group, "going"), group.operations
        run, arena = _FOLLOW(machine_code(follow, "follow")), group.arenas[block].data_ptr()
        run(arena, operations.data_ptr(), len(operations), going, group.width)

    @property
    def point(self) -> Tensor:
        """A copy of the states, as rows of `Field`."""
        return torch.cat([group.rows(group.program.point) for group in self.groups])

    @property
    def accepted(self) -> Tensor:
        """Steps made, ``(K,)`` int64."""
        return self._read("accepted").long()

    @property
    def diverged(self) -> Tensor:
        return self._read("diverged") == 1

    @property
    def stalled(self) -> Tensor:
        return self._read("stalled") == 1

    def _place(self, group: _Group[FlowProgram], name: str) -> int:
        return int(group.program.clock + CLOCK.index(name) * group.width)

    def _read(self, name: str) -> Tensor:
        return torch.cat([group.get(self._place(group, name)) for group in self.groups])[:, 0]

    def _write(self, name: str, values: Tensor) -> None:
        for group in self.groups:
            group.set(self._place(group, name), values.to(torch.float64)[:, None])


def _pool(threads: int) -> ThreadPoolExecutor | None:
    """Threads to train on, if there is more than one; in each of them torch works alone."""
    if threads == 1:
        return None
    return ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1))


def _parts(cohort: Cohort) -> list[tuple[Layout, range]]:
    """Which members share vectors, and which do not."""
    members, lanes = cohort.members, lanes_of(cohort.inputs.dtype)
    shared = members - members % lanes if members % lanes < FEWEST_LANES else members
    parts: list[tuple[Layout, range]] = [
        ("members", range(shared)),
        ("samples", range(shared, members)),
    ]
    return [part for part in parts if part[1]]


AnyProgram = TypeVar("AnyProgram", DescentProgram, FlowProgram)


class _Group(Generic[AnyProgram]):
    """Consecutive members, in arenas of one layout."""

    def __init__(self, program: AnyProgram, members: range) -> None:
        self.program: AnyProgram = program
        self.members = members
        self.width = program.arena.members
        self.blocks = -(-len(members) // self.width)
        self.arenas = torch.zeros(self.blocks, program.arena.size, dtype=program.arena.dtype)
        for place, number in program.constants:
            self._numbers(place, 1).fill_(number)
        self.operations = memory(program.operations)
        if program.prepare:
            order, operations = program.batches.orders(0, 1), memory(program.prepare)
            for block in range(self.blocks):
                self.descend(block, operations, (len(operations), 0, 0, 1, 0), order)

    def _numbers(self, place: int, count: int) -> Tensor:
        """What there is once per member, ``(blocks, count, width)``."""
        flat = self.arenas[:, place : place + count * self.width]
        return flat.view(self.blocks, count, self.width)

    def get(self, place: int, count: int = 1) -> Tensor:
        """Numbers of the members, ``(members, count)``."""
        return self._numbers(place, count).mT.reshape(-1, count)[: len(self.members)]

    def set(self, place: int, values: Tensor) -> None:
        """Write numbers given for the whole cohort, ``(K, count)``; spare lanes repeat the last."""
        lanes = torch.arange(self.blocks * self.width).clamp(max=len(self.members) - 1)
        chosen = values[self.members.start + lanes].view(self.blocks, self.width, -1)
        self._numbers(place, values.shape[1]).copy_(chosen.mT)

    def rows(self, place: int) -> Tensor:
        """Parameters of the members, as rows of `Field`."""
        return self.get(place, self.program.count)[:, self.program.columns]

    def set_rows(self, place: int, rows: Tensor) -> None:
        wide = rows.new_zeros(len(rows), self.program.count)
        wide[:, self.program.columns] = rows
        self.set(place, wide)

    def of(self, block: int) -> range:
        """The members in an arena."""
        return self.members[block * self.width : (block + 1) * self.width]

    def descend(
        self, block: int, operations: Tensor, counts: tuple[int, ...], order: Tensor
    ) -> None:
        """Run operations before, during and after so many epochs of so many updates."""
        run, arena = _DESCEND(machine_code(descend, "descend")), self.arenas[block].data_ptr()
        run(arena, operations.data_ptr(), *counts, self.of(block).start, order.data_ptr())


# A call of either lets other threads run meanwhile.
_DESCEND = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 6, ctypes.c_void_p)
_FOLLOW = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 3)


class _Worker:
    """The arenas that one thread trains, one after the other."""

    def __init__(self, batches: Batches, window: int) -> None:
        self.batches, self.window = batches, window
        self.blocks: list[tuple[_Group[DescentProgram], int]] = []
        self.members: list[int] = []
        self.work = 0
        self.ready = range(0)
        """Epochs for which the order of samples is known."""

    def take(self, group: _Group[DescentProgram], block: int) -> None:
        self.blocks.append((group, block))
        self.members.extend(group.of(block))
        # Several members side by side take about as long as the fewest that do so one by one.
        self.work += 1 if group.width == 1 else FEWEST_LANES

    def train(self, first: int, last: int) -> None:
        while first < last:
            if first not in self.ready:
                self.ready = range(first, first + self.window)
                batches = self.batches.of(torch.tensor(self.members))
                self.order = batches.orders(self.ready.start, self.ready.stop)
            stop, row = min(last, self.ready.stop), 0
            for group, block in self.blocks:
                order, program = self.order[row:, first - self.ready.start :], group.program
                counts = (len(program.before), len(program.during), len(program.after))
                updates = self.batches.updates
                group.descend(block, group.operations, (*counts, stop - first, updates), order)
                row += len(group.of(block))
            first = stop
