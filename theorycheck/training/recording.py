"""What is recorded of a training, and what a training results in.

Shapes: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs, ``T`` records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from theorycheck.arguments import function, instance
from theorycheck.errors import InputError
from theorycheck.networks.norms import euclidean_norm
from theorycheck.networks.specification import Network
from theorycheck.training.cohorts import Cohort, Objective, State, check
from theorycheck.training.vector_field import Field

Measure = Callable[[Network, State, Tensor, Tensor], Tensor]
"""``(network, state, inputs, targets)`` to a tensor whose first axis is the member."""


@dataclass(frozen=True)
class GradientNorm:
    """Stands for a measure: the Euclidean norm of `velocity` on all samples, ``(K,)``.

    Over everything that is trained, the penalty included. Since that takes the weight decay and
    buffers, every cohort, or part of one that does not fit into memory, has a measure of its own,
    whose buffers are allocated once.

    Raises:
        InputError: for what is no objective.
    """

    objective: Objective

    def __post_init__(self) -> None:
        instance("the objective", self.objective, Objective)

    def of(self, cohort: Cohort) -> Measure:
        """The measure for a cohort.

        Raises:
            InputError: as `velocity`.
        """
        check(cohort, self.objective)
        field = Field(cohort, self.objective)

        @torch.no_grad()
        def norm(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
            moved = field.velocity(field.pack(state), inputs, targets)
            return euclidean_norm(moved, 1)

        return norm


Measures = Mapping[str, Measure | GradientNorm]
"""What is recorded: measures by name."""


@dataclass(frozen=True, eq=False)
class Run:
    """The result of training. A flagged member holds the last state that it reached."""

    state: State
    times: Tensor
    """When the records were taken, ``(T,)`` float64: the time of a flow, the count of epochs."""
    trace: dict[str, Tensor]
    """Each measure at each record, ``(T, K, ...)``."""
    steps: Tensor
    """Updates from the start to the state, ``(K,)`` int64: those of a member that diverged count up
    to where it was put back to. In a flow, the accepted steps of the member."""
    diverged: Tensor
    """Members whose squared norm, or whose velocity at the start, is not finite, ``(K,)`` bool."""
    stalled: Tensor
    """Members that a flow could not bring to its horizon, ``(K,)`` bool."""
    at_kink: Tensor
    """Stalled members at a kink that the velocity points to from both sides, ``(K,)`` bool."""
    notes: tuple[str, ...] = ()
    """What happened on the way; see `theorycheck.training.memory`."""
    kept: Mapping[int, State] = field(default_factory=dict)
    """The states that were asked for, by the count of finished epochs."""

    def by_member(self) -> list[Tensor]:
        """Every tensor that has one row for each member, as a view with the member first."""
        states = [self.state, *self.kept.values()]
        own = [tensor for state in states for tensor in (*state.parameters, state.rho)]
        flags = [self.steps, self.diverged, self.stalled, self.at_kink]
        traced = [values.transpose(0, 1) for values in self.trace.values()]
        return [tensor for tensor in (*own, *traced, *flags) if tensor is not None]

    def widened(self, members: int) -> Run:
        """Room for the runs of all members, recorded at the same times."""

        def wide(tensor: Tensor, axis: int = 0) -> Tensor:
            shape = list(tensor.shape)
            shape[axis] = members
            return tensor.new_empty(shape)

        def wide_state(state: State) -> State:
            rho = None if state.rho is None else wide(state.rho)
            return State(tuple(map(wide, state.parameters)), rho, state.parametrisation)

        return replace(
            self,
            state=wide_state(self.state),
            trace={name: wide(values, 1) for name, values in self.trace.items()},
            steps=wide(self.steps),
            diverged=wide(self.diverged),
            stalled=wide(self.stalled),
            at_kink=wide(self.at_kink),
            kept={epoch: wide_state(state) for epoch, state in self.kept.items()},
        )


@dataclass(eq=False)
class Whole:
    """The run of all members, from runs of some of them that are recorded at the same times.

    Each is copied to its place as it comes, so that no more than one is held beside the whole.
    """

    members: int
    run: Run | None = None

    def put(self, place: slice, part: Run) -> None:
        """Take the run of the members of a slice; that of all of them as it is."""
        if place == slice(0, self.members):
            self.run = part
            return
        self.run = self.run or part.widened(self.members)
        for whole, piece in zip(self.run.by_member(), part.by_member(), strict=True):
            whole[place] = piece


class Recorder:
    """Evaluates the measures and gathers the trace.

    Args:
        reserved: names of values that are handed to `record` instead.

    Raises:
        InputError: when a measure has a reserved name, and as `GradientNorm.of`.
    """

    def __init__(
        self, cohort: Cohort, measures: Measures | None, reserved: Sequence[str] = ()
    ) -> None:
        self.cohort = cohort
        measures = {} if measures is None else measures
        instance("measures", measures, Mapping)
        for name, measure in measures.items():
            instance("the name of a measure", name, str)
            if not isinstance(measure, GradientNorm):
                function(f"the measure {name!r}", measure)
        self.measures = {
            name: measure.of(cohort) if isinstance(measure, GradientNorm) else measure
            for name, measure in measures.items()
        }
        taken = sorted(set(self.measures) & set(reserved))
        if taken:
            raise InputError(f"the measure name {taken[0]!r} is taken: choose another")
        self.times: list[float] = []
        self.values: dict[str, list[Tensor]] = {name: [] for name in (*self.measures, *reserved)}
        self.kept: dict[int, State] = {}

    def record(self, time: float, state: State, **values: Tensor) -> None:
        """Evaluate all measures at a state; ``values`` are the reserved ones, ``(K,)``.

        Raises:
            InputError: when a measure gives no tensor of all members, or one of another shape than
                before.
        """
        self.times.append(time)
        data = (self.cohort.inputs, self.cohort.targets)
        for name, measure in self.measures.items():
            value = measure(self.cohort.network, state, *data)
            self._check(name, value)
            self.values[name].append(value)
        for name, value in values.items():
            self.values[name].append(value)

    def _check(self, name: str, value: object) -> None:
        """Raise InputError unless a measure gave what can be recorded."""
        shape = tuple(value.shape) if isinstance(value, Tensor) else None
        if not shape or shape[0] != self.cohort.members:
            found = type(value).__name__ if shape is None else f"one of shape {shape}"
            raise InputError(
                f"the measure {name!r} must give a tensor whose first axis is that of the"
                f" {self.cohort.members} members, not {found}"
            )
        before = self.values[name]
        if before and before[0].shape != shape:
            raise InputError(
                f"the measure {name!r} gave shape {tuple(before[0].shape)} before, and now {shape}"
            )

    def run(
        self, state: State, steps: Tensor, diverged: Tensor, stalled: Tensor, at_kink: Tensor
    ) -> Run:
        """The run that ended at a state, with all that was recorded."""
        trace = {name: torch.stack(values) for name, values in self.values.items() if values}
        times = torch.tensor(self.times, dtype=torch.float64)
        return Run(state, times, trace, steps, diverged, stalled, at_kink, kept=self.kept)
