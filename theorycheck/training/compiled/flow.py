"""The program of gradient flow: one attempted step of the integrator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.compiled.arena import Table
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.operations.effects import Operand
from theorycheck.training.compiled.operations.stages import CLOCK
from theorycheck.training.compiled.program import Program
from theorycheck.training.compiled.records import Section
from theorycheck.training.compiled.tape import Tape
from theorycheck.training.integrator import ERROR, STAGES


class FlowProgram(Program):
    """One attempted step of the integrator, see `theorycheck.training.integrator.Integrator`."""

    def __init__(
        self,
        cohort: Cohort,
        objective: Objective,
        batches: Batches,
        layout: Layout,
        relative_tolerance: float,
        absolute_tolerance: float,
        max_steps: int,
        table: Table,
    ) -> None:
        super().__init__(cohort, objective, batches, layout, table)
        tape = Tape(cohort, objective, self.places, self.memories)
        arena, exchange, row = self.arena, self.exchange, self.places.row
        exchange.load_batch(tape.inputs, cohort.inputs, order_stride=0)
        exchange.load_batch(tape.targets, cohort.targets, order_stride=0)
        exchange.enter.extend(exchange.load)
        self.clock, self.point = arena.numbers(len(CLOCK)), arena.numbers(row.count)
        self.going = self._time("going")
        """Where the flags of members that are going are."""
        self.slopes = [arena.numbers(row.count) for _ in ERROR]
        exchange.keep_row("point", self.point)
        exchange.keep_row("slope", self.slopes[0])
        exchange.keep("clock", self.clock)
        self.attempt = Section("attempt")
        self.attempt.emit("plan_step", clock=self.clock)
        for stage in range(1, len(ERROR)):
            self._stage(stage, tape)
        share = 1 / sum(size for _, size in row.segments)
        self.attempt.emit(
            "judge_step",
            clock=self.clock,
            trial=self.places.parameters,
            factors=self._factors(
                [*ERROR, relative_tolerance, absolute_tolerance, share, max_steps]
            ),
            stages=len(ERROR),
            **self._slopes,
        )

    courses = ((0, 1, 1, 2), (0, 2))

    @staticmethod
    def table_of(points: Tensor, slopes: Tensor) -> Table:
        """What members keep whose states and velocities are rows of `Field`."""
        members, numbers = points.shape
        columns = {"point": numbers, "slope": numbers, "decay": 1, "clock": len(CLOCK)}
        table = Table(members, points.dtype, columns)
        table["point"].copy_(points)
        table["slope"].copy_(slopes)
        return table

    @property
    def sections(self) -> list[Section]:
        """In the order in which `follow` takes them."""
        return [self.exchange.enter, self.attempt, self.exchange.leave]

    def _stage(self, stage: int, tape: Tape) -> None:
        """The slopes at one more point of the step."""
        places, members = self.places, self.arena.members
        self.attempt.emit(
            "stage",
            out=places.parameters,
            step=self._time("used"),
            factors=self._factors(STAGES[stage - 1]),
            stages=stage,
            **self._slopes,
        )
        self.attempt.extend(tape.section)
        for first, last, coefficient in tape.pulls:
            self.attempt.emit(
                "velocity",
                out=self.slopes[stage] + first * members,
                weights=places.parameters + first * members,
                gradient=places.gradient + first * members,
                coefficient=coefficient,
                count=last - first,
            )

    @property
    def _slopes(self) -> dict[str, Operand]:
        """Where the step begins, and its slopes."""
        return {
            "point": self.point,
            "slopes": self.slopes[0],
            "stride": (self.slopes[1] - self.slopes[0]) // self.arena.members,
            "count": self.places.row.count,
        }

    def _time(self, name: str) -> int:
        """Where a number of the clock is."""
        return self.clock + CLOCK.index(name) * self.arena.members

    def _factors(self, numbers: Sequence[float]) -> Operand:
        return self.memories.address(torch.tensor(numbers, dtype=torch.float64))
