"""The program of an attempted step of gradient flow."""

from __future__ import annotations

import torch
from torch import Tensor

from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.compiled.arena import Record, Table
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.operations.steps import CLOCK
from theorycheck.training.compiled.program import Program
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
        self._write_tape(window=1)
        self.enter.extend(self.load)
        arena = self.arena
        self.clock, self.point = arena.numbers(len(CLOCK)), arena.numbers(self.count)
        self.going = self.clock + CLOCK.index("going") * arena.members
        self.slopes = [arena.numbers(self.count) for _ in ERROR]
        self._keep_rows("point", self.point)
        self._keep_rows("slope", self.slopes[0])
        self._keep("clock", self.clock)
        self.operations: list[Record] = []
        step = self.clock + CLOCK.index("used") * arena.members
        stride = (self.slopes[1] - self.slopes[0]) // arena.members
        given = {"slopes": self.slopes[0], "stride": stride, "count": self.count}
        self._emit(self.operations, "plan_step", clock=self.clock)
        for stage, weights in enumerate(STAGES, start=1):
            self._emit(
                self.operations,
                "stage",
                out=self.parameters,
                point=self.point,
                step=step,
                factors=self._address(torch.tensor(weights, dtype=torch.float64)),
                stages=stage,
                **given,
            )
            self.operations.extend(self.tape)
            for first, last, coefficient in self.coefficients:
                offset = first * arena.members
                self._emit(
                    self.operations,
                    "velocity",
                    out=self.slopes[stage] + offset,
                    weights=self.parameters + offset,
                    gradient=self.gradient + offset,
                    coefficient=coefficient,
                    count=last - first,
                )
        limits = [
            relative_tolerance,
            absolute_tolerance,
            1 / sum(size for _, size in self.segments),
            max_steps,
        ]
        self._emit(
            self.operations,
            "judge_step",
            clock=self.clock,
            point=self.point,
            trial=self.parameters,
            factors=self._address(torch.tensor([*ERROR, *limits], dtype=torch.float64)),
            stages=len(ERROR),
            **given,
        )

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
    def sections(self) -> list[list[Record]]:
        """The operations, in the order in which `follow` wants them."""
        return [self.enter, self.operations, self.leave]
