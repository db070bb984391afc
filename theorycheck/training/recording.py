"""What is recorded of a training, and its result.

Shapes: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs, ``T`` records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from theorycheck.errors import InputError
from theorycheck.networks.specification import Network
from theorycheck.training.cohorts import Cohort, Objective, State, check
from theorycheck.training.vector_field import Field

Measure = Callable[[Network, State, Tensor, Tensor], Tensor]
"""``(network, state, inputs, targets)`` to a tensor whose first axis is the member."""


@dataclass(frozen=True)
class GradientNorm:
    """Stands for a measure: the Euclidean norm of `velocity` on all samples, ``(K,)``.

    Over everything that is trained, the penalty included. Since that takes the weight decay and
    room for intermediate results, every cohort, or piece of one that does not fit into memory, has
    a measure of its own, whose room is allocated once.
    """

    objective: Objective

    def of(self, cohort: Cohort) -> Measure:
        """The measure for a cohort.

        Raises:
            InputError: as `velocity`.
        """
        check(cohort, self.objective)
        field = Field(cohort, self.objective)

        def norm(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
            moved = field.velocity(field.pack(state), inputs, targets)
            size: Tensor = torch.linalg.vector_norm(moved, dim=1)
            return size

        return norm


Measures = Mapping[str, Measure | GradientNorm]
"""What is recorded, by name."""


@dataclass(frozen=True, eq=False)
class Run:
    """The result of training. A flagged member holds the last state that it reached."""

    state: State
    times: Tensor
    """When the records were taken, ``(T,)`` float64: the time of a flow, the count of epochs."""
    trace: dict[str, Tensor]
    """Each measure at each record, ``(T, K, ...)``."""
    steps: Tensor
    """Updates made, ``(K,)`` int64; in a flow, the accepted steps of the member."""
    diverged: Tensor
    """Members whose squared norm, or whose velocity at the start, is not finite, ``(K,)`` bool."""
    stalled: Tensor
    """Members that a flow could not bring to its horizon, ``(K,)`` bool."""
    notes: tuple[str, ...] = ()
    """What else to know; see `theorycheck.training.memory`."""

    @classmethod
    def joined(cls, pieces: Sequence[Run], notes: tuple[str, ...]) -> Run:
        """One run of all members, from runs of some that were recorded at the same times."""
        first = pieces[0]
        if len(pieces) == 1:
            return replace(first, notes=notes)
        states = [piece.state for piece in pieces]
        parameters = zip(*(state.parameters for state in states), strict=True)
        rhos = [state.rho for state in states if state.rho is not None]
        state = State(
            tuple(map(torch.cat, parameters)),
            torch.cat(rhos) if rhos else None,
            first.state.parametrisation,
        )
        trace = {
            name: torch.cat([piece.trace[name] for piece in pieces], dim=1) for name in first.trace
        }
        steps, diverged, stalled = (
            torch.cat([getattr(piece, name) for piece in pieces])
            for name in ("steps", "diverged", "stalled")
        )
        return cls(state, first.times, trace, steps, diverged, stalled, notes)


class Recorder:
    """Evaluates the measures and gathers the trace."""

    def __init__(
        self, cohort: Cohort, measures: Measures | None, reserved: Sequence[str] = ()
    ) -> None:
        self.cohort = cohort
        self.measures = {
            name: measure.of(cohort) if isinstance(measure, GradientNorm) else measure
            for name, measure in (measures or {}).items()
        }
        taken = sorted(set(self.measures) & set(reserved))
        if taken:
            raise InputError(f"the measure name {taken[0]!r} is taken: choose another")
        self.times: list[float] = []
        self.values: dict[str, list[Tensor]] = {name: [] for name in (*self.measures, *reserved)}

    def record(self, time: float, state: State, **values: Tensor) -> None:
        self.times.append(time)
        data = (self.cohort.inputs, self.cohort.targets)
        for name, measure in self.measures.items():
            self.values[name].append(measure(self.cohort.network, state, *data))
        for name, value in values.items():
            self.values[name].append(value)

    def run(self, state: State, steps: Tensor, diverged: Tensor, stalled: Tensor) -> Run:
        trace = {name: torch.stack(values) for name, values in self.values.items() if values}
        times = torch.tensor(self.times, dtype=torch.float64)
        return Run(state, times, trace, steps, diverged, stalled)
