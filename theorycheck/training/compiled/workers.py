"""Compiled training: whole epochs of a cohort in machine code, on as many threads as torch has.

Members fill the lanes of vectors; those that are left over train one by one, and lanes are samples.
Both compute the same to the bit (`operations.base`), so that a member's result depends neither on
its companions nor on their number.

Every thread has one arena for each layout. Members come in from a table of their numbers, train for
many updates, and go back, so that what is at work stays in the cache however large a cohort is.
Threads take the next members that wait, and one that finds none takes over some of another's, so
that all are at work to the end, also where other programs slow some of them down.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, zip_longest
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import torch
from llvmlite import ir
from torch import Tensor

from theorycheck.simd.machine import machine_code
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.compiled.arena import lanes_of
from theorycheck.training.compiled.descent import DescentProgram
from theorycheck.training.compiled.drivers import descend, follow
from theorycheck.training.compiled.flow import FlowProgram
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.operations.stages import CLOCK
from theorycheck.training.compiled.waiting import Waiting
from theorycheck.training.integrator import Integrator

FEWEST_LANES = 3
"""At least this many members of a small network share vectors, though lanes stay empty; fewer are
faster one by one. Of larger networks it is three quarters of the lanes."""

SMALL = 2**15
"""A small network takes at most this many products and sums for a forward pass on a batch."""

ORDER_BYTES = 500_000
"""How much memory the random keys of batches may take: little enough to stay in the cache."""

AHEAD = 256
"""The order of samples is made for this many updates at a time, or for all if they are fewer: then
members that come and go cost about a hundredth of what training them does."""

Driver = Callable[[ir.Module], ir.Function]
AnyProgram = TypeVar("AnyProgram", DescentProgram, FlowProgram)


class CompiledDescent:
    """Descent of a cohort on the CPU, whole epochs at a time; the other engine is
    `theorycheck.training.stacked.descent.StackedDescent`.
    """

    def __init__(
        self,
        cohort: Cohort,
        objective: Objective,
        batches: Batches,
        momentum: Tensor | None,
        rows: Tensor,
        epochs: int,
        threads: int,
    ) -> None:
        """Make ready for at most ``epochs`` epochs.

        Args:
            momentum: ``(K, 1)``.
            rows: the states, as rows of `theorycheck.training.vector_field.Field`.
        """
        self.table = DescentProgram.table_of(rows, momentum is not None)
        self.table["decay"].copy_(2 * cohort.weight_decay[:, None])
        if momentum is not None:
            self.table["momentum"].copy_(momentum)

        self.epochs = torch.zeros(cohort.members, dtype=torch.int64)
        """How many epochs each has trained and not been put back in, ``(K,)``."""
        team, window = _lookahead(batches, epochs, -(-cohort.members // threads))

        def program(layout: Layout) -> DescentProgram:
            return DescentProgram(cohort, objective, batches, layout, self.table, window)

        blocks = _blocks(cohort, batches.batch_size, threads, program)
        size = max(1, team // lanes_of(cohort.inputs.dtype))
        shares = _shares(blocks, threads)
        teams = [
            [_Team(s[i : i + size], batches, window) for i in range(0, len(s), size)]
            for s in shares
        ]
        # Those that come first in their shares are the largest.
        self.teams = [team for row in zip_longest(*teams) for team in row if team is not None]
        self.arenas = [_Arenas() for _ in shares]
        self.pool = _pool(len(shares))

    def advance(self, first: int, last: int, rate: Tensor) -> Tensor:
        """Train from one epoch to another, the last one excluded.

        Args:
            rate: learning rates, ``(K, 1)``.

        Returns:
            Sums over the updates of the norms of the weight matrices' steps, ``(K,)``.
        """
        self.table["rate"].copy_(rate)
        path, epochs = self.table["path"].zero_(), self.table["epochs"].zero_()
        courses = (_Course(team, first) for team in self.teams)
        waiting = Waiting(courses, len(self.arenas))
        apply = map if self.pool is None else self.pool.map
        list(apply(lambda arenas: _train(arenas, waiting, last), self.arenas))
        self.epochs += epochs[:, 0].long()
        return path[:, 0].clone()

    @property
    def rows(self) -> Tensor:
        """A copy of the states, as rows."""
        return self.table["parameters"].clone()

    @property
    def diverged(self) -> Tensor:
        """Which members have been put back, ``(K,)``."""
        return self.table["diverged"][:, 0] == 1


class CompiledFlow:
    """Gradient flow of a cohort on the CPU, going on from where an `Integrator` begins."""

    def __init__(
        self, cohort: Cohort, objective: Objective, start: Integrator, threads: int
    ) -> None:
        samples = cohort.inputs.shape[1]
        batches = Batches(torch.zeros(cohort.members, dtype=torch.int64), samples, samples)
        limits = (start.relative, start.absolute, start.max_steps)
        self.table = FlowProgram.table_of(start.point, start.slope)
        self.table["decay"].copy_(2 * cohort.weight_decay[:, None])
        self._clock("step").copy_(start.step)
        self._clock("diverged").copy_(start.diverged)

        def program(layout: Layout) -> FlowProgram:
            return FlowProgram(cohort, objective, batches, layout, *limits, self.table)

        self.blocks = _blocks(cohort, samples, threads, program)
        self.order = batches.orders(0, 1)
        workers = min(threads, len(self.blocks))
        self.idle: SimpleQueue[_Arenas] = SimpleQueue()
        for _ in range(workers):
            self.idle.put(_Arenas())
        self.pool = _pool(workers)

    def advance(self, end: float) -> None:
        """Bring every member to time ``end``, unless it stalls before."""
        self._clock("end").fill_(end)
        going = (self._clock("time") < end) & ~self.stalled & ~self.diverged
        self._clock("going").copy_(going)
        # As many threads as there are take blocks from a queue, since members differ in steps.
        apply = map if self.pool is None else self.pool.map
        list(apply(self._follow, self.blocks))

    def _follow(self, block: _Block[FlowProgram]) -> None:
        """Attempt steps until no member of a block is going."""
        arenas, program = self.idle.get(), block.program
        flags = (program.going, program.arena.members)
        arenas.run(follow, block, flags, self.order)
        self.idle.put(arenas)

    @property
    def point(self) -> Tensor:
        """A copy of the states, as rows."""
        return self.table["point"].clone()

    @property
    def time(self) -> Tensor:
        """Where every member is, ``(K,)``."""
        return self._clock("time")

    @property
    def step(self) -> Tensor:
        """How long the next step of every member would be, ``(K,)``."""
        return self._clock("step")

    @property
    def accepted(self) -> Tensor:
        """Steps made, ``(K,)`` int64."""
        return self._clock("accepted").long()

    @property
    def diverged(self) -> Tensor:
        return self._clock("diverged") == 1

    @property
    def stalled(self) -> Tensor:
        return self._clock("stalled") == 1

    def _clock(self, name: str) -> Tensor:
        return self.table["clock"][:, CLOCK.index(name)]


def _pool(threads: int) -> ThreadPoolExecutor | None:
    """Threads to train on, if there is more than one; in each of them torch works alone."""
    if threads == 1:
        return None
    return ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1))


@dataclass(frozen=True, eq=False)
class _Block(Generic[AnyProgram]):
    """Members that share an arena; several of them share its vectors."""

    program: AnyProgram
    words: Tensor
    """The program's records as drivers read them."""
    members: range
    work: int
    """How long training takes, by one member alone."""


def _blocks(
    cohort: Cohort, batch_size: int, threads: int, program_of: Callable[[Layout], AnyProgram]
) -> list[_Block[AnyProgram]]:
    """Which members share vectors, and which do not."""
    members, lanes = cohort.members, lanes_of(cohort.inputs.dtype)
    small = cohort.network.products * batch_size <= SMALL
    fewest = FEWEST_LANES if small else 3 * lanes // 4
    shared = members - members % lanes if members % lanes < fewest else members
    # One by one on all threads they may be done before others side by side on one.
    if -(-members // threads) < fewest:
        shared = 0
    parts: list[tuple[Layout, range]] = [
        ("members", range(shared)),
        ("samples", range(shared, members)),
    ]
    blocks = []
    for layout, part in parts:
        if part:
            program = program_of(layout)
            words, width = program.words(), program.arena.members
            work = 1 if width == 1 else fewest
            starts = range(0, len(part), width)
            blocks += [_Block(program, words, part[i : i + width], work) for i in starts]
    return blocks


def _shares(blocks: Sequence[_Block[AnyProgram]], threads: int) -> list[list[_Block[AnyProgram]]]:
    """Blocks for each thread: always the next for the one with the least work."""
    shares: list[list[_Block[AnyProgram]]] = [[] for _ in range(min(threads, len(blocks)))]
    work = [0] * len(shares)
    for block in blocks:
        least = work.index(min(work))
        shares[least].append(block)
        work[least] += block.work
    return shares


class _Arenas:
    """What one thread trains in: an arena for each program that it has met."""

    def __init__(self) -> None:
        self.arenas: dict[DescentProgram | FlowProgram, Tensor] = {}

    def run(
        self, driver: Driver, block: _Block[AnyProgram], numbers: Sequence[int], order: Tensor
    ) -> None:
        """Call a driver; ``numbers`` are those between its sections and the first member."""
        program: DescentProgram | FlowProgram = block.program
        if program not in self.arenas:
            self.arenas[program] = program.arena.filled()
        arena, words = self.arenas[program].data_ptr(), block.words.data_ptr()
        counts: list[int] = [len(section.records) for section in program.sections]
        integers = [*counts, *numbers, block.members.start]
        _callable(driver, len(integers))(arena, words, *integers, order.data_ptr())


def _train(arenas: _Arenas, waiting: Waiting[_Course], last: int) -> None:
    """What one thread does: train up to an epoch, the last one excluded, until nothing waits."""
    try:
        while (course := waiting.take()) is not None:
            while course.next < last:
                course.train(arenas, waiting, last)
    finally:
        waiting.leave()


class _Team:
    """Blocks for which the order of samples is made at once, for a window of epochs."""

    def __init__(
        self, blocks: Sequence[_Block[DescentProgram]], batches: Batches, window: int
    ) -> None:
        self.blocks, self.batches, self.window = blocks, batches, window
        self._own = batches.of(torch.tensor([m for block in blocks for m in block.members]))
        self._known = range(0)
        self._order = torch.empty(0)

    def order(self, epoch: int) -> tuple[Tensor, int]:
        """The order of samples from an epoch on, and the first epoch for which it is not known."""
        if epoch not in self._known:
            self._known = range(epoch, epoch + self.window)
            self._order = self._own.orders(self._known.start, self._known.stop)
        return self._order[:, epoch - self._known.start :], self._known.stop


class _Course:
    """Blocks of a team on their way through the epochs."""

    def __init__(self, team: _Team, first: int) -> None:
        self.team, self.next = team, first
        rows = accumulate((len(block.members) for block in team.blocks), initial=0)
        self.blocks = list(zip(rows, team.blocks, strict=False))
        """With the first of their rows in the order."""

    def train(self, arenas: _Arenas, waiting: Waiting[_Course], last: int) -> None:
        """Train as far as the order is known, at most up to an epoch, the last one excluded.

        A thread that has nothing to do is given half of the blocks that have not come so far.
        """
        team, first = self.team, self.next
        order, end = team.order(first)
        self.next = min(last, end)
        done = 0
        while done < len(self.blocks):
            row, block = self.blocks[done]
            arenas.run(descend, block, (self.next - first, team.batches.updates), order[row:])
            done += 1
            if done < len(self.blocks) and waiting.wanted:
                middle = (done + len(self.blocks)) // 2
                given = [block for _, block in self.blocks[middle:]]
                del self.blocks[middle:]
                waiting.put(_Course(_Team(given, team.batches, team.window), first))


def _lookahead(batches: Batches, epochs: int, members: int) -> tuple[int, int]:
    """For how many of some members, and how many epochs, the order of samples is made at a time."""
    most = ORDER_BYTES // (8 * batches.keys)
    wanted = min(epochs, -(-AHEAD // batches.updates))
    team = max(1, min(members, most // wanted))
    windows = -(-epochs // max(1, most // team))
    return team, -(-epochs // windows)


@cache
def _callable(driver: Driver, integers: int) -> Any:
    """A driver, given how many of its arguments are integers; other threads run meanwhile."""
    pointer = ctypes.c_void_p
    kind = ctypes.CFUNCTYPE(None, pointer, pointer, *[ctypes.c_int64] * integers, pointer)
    return kind(machine_code(driver, driver.__name__))
