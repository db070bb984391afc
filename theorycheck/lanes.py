"""Compiled training: whole epochs of a cohort in machine code, on as many threads as torch has.

Members fill the lanes of vectors, as many as there are; what is left over trains one by one, and
lanes are samples. Both compute the same to the bit (`theorycheck.operations`), so that a member's
result depends neither on its companions nor on their number.
"""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from theorycheck.batches import Batches
from theorycheck.cohorts import Cohort, Objective
from theorycheck.fields import Field
from theorycheck.operations import Layout
from theorycheck.programs import Program, driver, lanes_of
from theorycheck.simd import machine_code

FEWEST_LANES = 3
"""So many members share vectors, though lanes stay empty; fewer are faster one by one."""

ORDER_BYTES = 2_000_000
"""How much memory the random keys of batches may take: so little that it stays in the cache."""


class CompiledDescent:
    """Descent of a cohort on the CPU, whole epochs at a time; the other engine is
    `theorycheck.fields.StackedDescent`.
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
        members, lanes = cohort.members, lanes_of(cohort.inputs.dtype)
        most = ORDER_BYTES // (8 * batches.keys * members)
        window = max(1, min(epochs, most))
        shared = members - members % lanes if members % lanes < FEWEST_LANES else members
        parts: list[tuple[Layout, range]] = [
            ("members", range(shared)),
            ("samples", range(shared, members)),
        ]
        self.groups = []
        for layout, part in parts:
            if part:
                program = Program(
                    cohort,
                    objective,
                    batches,
                    layout=layout,
                    momentum=momentum is not None,
                    window=window,
                )
                self.groups.append(_Group(program, part))
        rows = Field(cohort, objective).pack(cohort.state)
        for group in self.groups:
            group.set_rows(rows)
            group.set(group.program.decay, 2 * cohort.weight_decay[:, None])
            if momentum is not None:
                group.set(group.program.momentum, momentum)
        count = min(torch.get_num_threads(), sum(len(group.arenas) for group in self.groups))
        self.workers = [_Worker(batches, window) for _ in range(count)]
        for group in self.groups:
            for block in range(len(group.arenas)):
                min(self.workers, key=lambda worker: worker.work).take(group, block)
        self.pool = ThreadPoolExecutor(count) if count > 1 else None

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
        return torch.cat([group.rows() for group in self.groups])

    @property
    def diverged(self) -> Tensor:
        """Which members have been put back, ``(K,)``."""
        flags = torch.cat([group.get(group.program.diverged) for group in self.groups])
        return flags[:, 0] == 1


class _Group:
    """Consecutive members, in arenas of one layout."""

    def __init__(self, program: Program, members: range) -> None:
        self.program, self.members = program, members
        self.width = program.arena.members
        self.arenas = torch.zeros(
            -(-len(members) // self.width), program.arena.size, dtype=program.arena.dtype
        )
        self.records = program.records()
        for place, number in program.constants:
            self._numbers(place, 1).fill_(number)
        order = program.batches.orders(0, 1) if program.batches.whole else None
        if order is not None:
            for block in range(len(self.arenas)):
                counts = (len(program.prepare), 0, 0, 1, 0)
                self._call(block, 0, counts, order)

    def _numbers(self, place: int, count: int) -> Tensor:
        """What there is once per member, ``(arenas, count, width)``."""
        flat = self.arenas[:, place : place + count * self.width]
        return flat.view(len(self.arenas), count, self.width)

    def get(self, place: int, count: int = 1) -> Tensor:
        """Numbers of the members, ``(members, count)``."""
        return self._numbers(place, count).mT.reshape(-1, count)[: len(self.members)]

    def set(self, place: int, values: Tensor) -> None:
        """Write numbers given for the whole cohort, ``(K, count)``; spare lanes repeat the last."""
        lanes = torch.arange(len(self.arenas) * self.width).clamp(max=len(self.members) - 1)
        chosen = values[self.members.start + lanes].view(len(self.arenas), self.width, -1)
        self._numbers(place, values.shape[1]).copy_(chosen.mT)

    def rows(self) -> Tensor:
        """The members' rows, as in `Field`."""
        return self.get(self.program.parameters, self.program.count)[:, self.program.columns]

    def set_rows(self, rows: Tensor) -> None:
        wide = rows.new_zeros(len(rows), self.program.count)
        wide[:, self.program.columns] = rows
        self.set(self.program.parameters, wide)

    def of(self, block: int) -> range:
        """The members in an arena."""
        return self.members[block * self.width : (block + 1) * self.width]

    def train(self, block: int, epochs: int, order: Tensor) -> None:
        """Run the epochs whose samples ``order`` starts with, for the members of an arena."""
        program = self.program
        counts = (len(program.before), len(program.during), len(program.after))
        self._call(block, len(program.prepare), (*counts, epochs, program.batches.updates), order)

    def _call(self, block: int, start: int, counts: tuple[int, ...], order: Tensor) -> None:
        arena, operations = self.arenas[block], self.records[start:]
        member = self.of(block).start
        run = _RUN(machine_code(driver, "driver"))
        run(arena.data_ptr(), operations.data_ptr(), *counts, member, order.data_ptr())


_RUN = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 6, ctypes.c_void_p)
"""A call lets other threads run meanwhile."""


class _Worker:
    """The arenas that one thread trains, one after the other."""

    def __init__(self, batches: Batches, window: int) -> None:
        self.batches, self.window = batches, window
        self.blocks: list[tuple[_Group, int]] = []
        self.members: list[int] = []
        self.work = 0
        self.ready = range(0)
        """Epochs for which the order of samples is known."""

    def take(self, group: _Group, block: int) -> None:
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
                order = self.order[row:, first - self.ready.start :]
                group.train(block, stop - first, order)
                row += len(group.of(block))
            first = stop
