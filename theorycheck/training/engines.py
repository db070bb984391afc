"""How a cohort trains: on which engine, and as many members at once as fit into memory."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import torch

from theorycheck.arguments import choose
from theorycheck.errors import InputError
from theorycheck.networks.initialisation import mean_distance
from theorycheck.simd.available import COMPILER
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.integrator import Integrator
from theorycheck.training.kinks import crossing
from theorycheck.training.memory import (
    ARENA_ROWS,
    DESCENT_ROWS,
    FLOW_ROWS,
    bytes_per_member,
    in_parts,
)
from theorycheck.training.recording import Measures, Recorder, Run, Whole
from theorycheck.training.schedule import Schedule
from theorycheck.training.sliding import Slides
from theorycheck.training.stacked.cuda_graph import turn
from theorycheck.training.stacked.descent import StackedDescent
from theorycheck.training.vector_field import Field

if COMPILER:
    from theorycheck.training.compiled.workers import CompiledDescent, CompiledFlow


Engine = Literal["auto", "compiled", "stacked"]
AtKinks = Literal["stop", "slide"]


@dataclass(frozen=True, eq=False)
class Training(ABC):
    """A cohort and how it trains."""

    cohort: Cohort
    objective: Objective
    measures: Measures | None
    engine: Engine

    rows: ClassVar[int]
    """How many copies of the states the training holds at once, see `memory`."""

    @property
    @abstractmethod
    def samples(self) -> int:
        """How many samples an update sees."""

    @property
    def states(self) -> int:
        """How many states of each member the run hands out."""
        return 1

    @abstractmethod
    def part(self, members: slice) -> Self:
        """The same training of some members."""

    @abstractmethod
    def run(self) -> Run:
        """Train all members at once."""

    def compiles(self) -> bool:
        """Whether the cohort trains in machine code, whatever the number of its members.

        Raises:
            InputError: for an unknown engine, and for ``compiled`` where it is not available.
        """
        cohort = self.cohort
        choose("engine", self.engine, Engine)
        possible = COMPILER and cohort.inputs.device.type == "cpu"
        possible &= cohort.inputs.dtype in (torch.float32, torch.float64)
        if self.engine == "compiled" and not possible:
            raise InputError("the compiled engine needs llvmlite, a CPU, and float32 or float64")
        small = cohort.network.products * self.samples <= LARGEST
        return possible and (self.engine == "compiled" or (self.engine == "auto" and small))


def train(training: Training) -> Run:
    """Train as many members at once as fit into memory.

    Raises:
        InputError: as `Training.compiles`.
    """
    cohort = training.cohort
    # A flow starts with a velocity on stacked tensors, whichever engine goes on from there.
    in_arenas = isinstance(training, Descent) and training.compiles()
    rows = ARENA_ROWS if in_arenas else training.rows
    need = bytes_per_member(cohort, training.objective, training.samples, rows, in_arenas)
    whole = Whole(cohort.members)
    device = cohort.inputs.device
    with turn(device):
        notes = in_parts(
            cohort.members,
            need,
            device,
            lambda members: whole.put(members, training.part(members).run()),
            cohort.state.bytes_per_member * training.states,
        )
    assert whole.run is not None
    return replace(whole.run, notes=notes)


@dataclass(frozen=True, eq=False)
class Flow(Training):
    """A gradient flow through the times at which it is recorded, up to its horizon."""

    times: Sequence[float]
    horizon: float
    tolerances: tuple[float, float, int]
    at_kinks: AtKinks = "stop"

    rows = FLOW_ROWS

    @property
    def samples(self) -> int:
        return self.cohort.inputs.shape[1]

    def part(self, members: slice) -> Self:
        return replace(self, cohort=self.cohort.part(members))

    def run(self) -> Run:
        cohort, objective = self.cohort, self.objective
        field, recorder = Field(cohort, objective), Recorder(cohort, self.measures)
        compiled = self.compiles()
        with torch.no_grad(), _calm(cohort, compiled) as threads:
            start = Integrator(
                lambda point: field.velocity(point, cohort.inputs, cohort.targets),
                field.pack(cohort.state),
                *self.tolerances,
            )
            integrator: Integrator | CompiledFlow = start
            if compiled:
                integrator = CompiledFlow(cohort, objective, start, threads)
            slides = None
            if self.at_kinks == "slide":
                slides = Slides(cohort, objective, self.tolerances[:2], self.tolerances[2])

            def at(time: float) -> State:
                integrator.advance(time)
                if slides is None:
                    return field.unpack(integrator.point)
                return field.unpack(slides.advance(time, integrator))

            for time in self.times:
                recorder.record(time, at(time))
            state = at(self.horizon)
            if slides is None:
                stalled, steps = integrator.stalled, integrator.accepted
                at_kink = crossing(cohort, objective, integrator, self.tolerances[:2])
            else:
                stalled, at_kink, steps = slides.ended(integrator)
        return recorder.run(state, steps, integrator.diverged, stalled, at_kink)


@dataclass(frozen=True, eq=False)
class Descent(Training):
    """Descent along batches, by a schedule."""

    batches: Batches
    schedule: Schedule

    rows = DESCENT_ROWS

    @property
    def states(self) -> int:
        return 1 + len(self.schedule.keep)

    @property
    def samples(self) -> int:
        return self.batches.batch_size

    def part(self, members: slice) -> Self:
        return replace(
            self,
            cohort=self.cohort.part(members),
            batches=self.batches.of(members),
            schedule=self.schedule.part(members),
        )

    def run(self) -> Run:
        cohort, batches, schedule = self.cohort, self.batches, self.schedule
        network, field = cohort.network, Field(cohort, self.objective)
        recorder = Recorder(cohort, self.measures, ("distance", "step"))
        compiled = self.compiles()
        momentum = schedule.momentum if bool((schedule.momentum > 0).any()) else None
        with torch.no_grad(), _calm(cohort, compiled) as threads:
            descent: StackedDescent | CompiledDescent
            recorded = field.pack(cohort.state)
            if compiled:
                work = cohort, self.objective, batches, momentum, recorded
                descent = CompiledDescent(*work, schedule.epochs, threads)
            else:
                descent = StackedDescent(cohort, batches, momentum, field, recorded)
            unknown = torch.full_like(recorded[:, 0], math.nan)
            recorder.record(0, field.unpack(recorded), distance=unknown, step=unknown)
            if 0 in schedule.keep:
                recorder.kept[0] = cohort.state
            path, updates = torch.zeros_like(unknown), 0
            for first, last in schedule.stretches():
                path += descent.advance(first, last, schedule.rate(first))
                updates += (last - first) * batches.updates
                if last in schedule.keep:
                    recorder.kept[last] = field.unpack(descent.rows)
                if schedule.records(last):
                    rows, diverged = descent.rows, descent.diverged
                    state, before = field.unpack(rows), field.unpack(recorded)
                    distance = mean_distance(
                        network, before.effective(network), state.effective(network)
                    )
                    recorder.record(
                        last,
                        state,
                        distance=torch.where(diverged, unknown, distance),
                        step=torch.where(diverged, unknown, path / updates),
                    )
                    recorded, path, updates = rows, torch.zeros_like(path), 0
        steps = descent.epochs * batches.updates
        return recorder.run(state, steps, diverged, *torch.zeros_like(diverged).repeat(2, 1))


LARGEST = 2**22
"""Where a member's forward pass on a batch takes more products than this, torch's matrix products
on all threads pay even for one member; elsewhere, calling them costs more than they save."""

SMALL = 2**20
"""Where a member's forward pass on all its samples takes at most this many products, torch works on
one thread beside the compiled engine. Torch's other threads, when they have done their share, wait
for more in a busy loop of some 7 ms, on cores that the training needs."""


@contextmanager
def _calm(cohort: Cohort, compiled: bool) -> Iterator[int]:
    """Keep torch's other threads out of the way where that is worth it; yields their number."""
    threads = torch.get_num_threads()
    if compiled and cohort.network.products * cohort.inputs.shape[1] <= SMALL:
        torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)
