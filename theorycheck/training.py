"""Training of cohorts: gradient flow, gradient descent and SGD on stacked members.

A *cohort* is K networks of one architecture that train together as tensors with a leading member
axis; no loop runs over members, and no member's result depends on which others train beside it.
Shapes below: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs, ``T`` records.

All trainers follow one vector field, `velocity`, and return a `Run`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, Literal, Self, TypeVar

import torch
from torch import Tensor

from theorycheck.batches import Batches, Sampling
from theorycheck.cohorts import Cohort, Objective, State, check, choose
from theorycheck.compiler import COMPILER
from theorycheck.errors import InputError
from theorycheck.fields import Field
from theorycheck.flow import Integrator
from theorycheck.networks import Network, mean_distance
from theorycheck.pieces import ARENA_ROWS, DESCENT_ROWS, FLOW_ROWS, bytes_per_member, in_pieces
from theorycheck.stacked import StackedDescent

if COMPILER:
    from theorycheck.lanes import CompiledDescent, CompiledFlow

T = TypeVar("T")
Engine = Literal["auto", "compiled", "stacked"]

RECORDS = 8
"""Definition: how often a descent is recorded after its start, at most, if nothing else is asked
for."""

RECORD_UPDATES = 4000
"""Definition: one such record for so many updates, so that what they cost is little of the run; a
run of fewer updates is recorded at its start and at its end."""


def velocity(cohort: Cohort, objective: Objective) -> State:
    """Minus the gradient at the cohort's state, one tensor for every tensor of the state.

    In the ``lagrange`` parametrisation ``V_k' = -(dL/dV_k + 2 nu V_k)``, which is xu2022, Eq. 2
    with Eq. 4, hence Eq. 5 (mean), and poggio2020, Eq. 5-6 (sum). xu2022, Eq. 46 is a step along it
    from a batch; its right-hand sides are printed with the sign of the data term reversed (and
    the second without the learning rate), the gradients on its left are meant.

    Raises:
        InputError: when the loss does not fit the targets or the penalty does not fit the state.
    """
    check(cohort, objective)
    field = Field(cohort, objective)
    return field.unpack(field.velocity(field.pack(cohort.state), cohort.inputs, cohort.targets))


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
    """What else to know; see `theorycheck.pieces`."""

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


def gradient_flow(
    cohort: Cohort,
    objective: Objective,
    *,
    horizon: float,
    checkpoints: int | Sequence[float] = 1,
    relative_tolerance: float = 1e-8,
    absolute_tolerance: float = 1e-10,
    max_steps: int = 100_000,
    measures: Measures | None = None,
    engine: Engine = "auto",
) -> Run:
    """Follow `velocity` from time 0 to ``horizon`` with error control.

    The pair of Dormand and Prince (1980) of order 5(4) with local extrapolation and the step
    control of Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, 2nd ed.,
    Section II.4: a step is accepted when the root mean square over a member's coordinates of the
    estimated error over ``absolute_tolerance + relative_tolerance |coordinate|`` is at most 1.
    Every member has its own time and step.

    Args:
        checkpoints: when to evaluate the measures: the ends of that many equal intervals and time
            0, or increasing times within ``[0, horizon]``. Steps end on them exactly.
        max_steps: a member that has tried so many steps is stalled, and so is one whose step has
            become too small to change its time.
        engine: as for `sgd`.

    Raises:
        InputError: for arguments out of range, for a cohort that is not float64, and as `velocity`.
    """
    if cohort.inputs.dtype != torch.float64:
        raise InputError("gradient flow needs float64: use cohort.to(dtype=torch.float64)")
    if not 0 < horizon < math.inf:
        raise InputError(f"horizon {horizon} must be positive and finite")
    if not (relative_tolerance > 0 and absolute_tolerance > 0 and max_steps > 0):
        raise InputError("tolerances and max_steps must be positive")
    times = _checkpoint_times(horizon, checkpoints)
    tolerances = relative_tolerance, absolute_tolerance, max_steps
    flow = _Flow(cohort, objective, measures, engine, times, horizon, tolerances)
    return _in_pieces(flow)


def gradient_descent(
    cohort: Cohort,
    objective: Objective,
    *,
    learning_rate: float | Tensor,
    steps: int,
    momentum: float | Tensor = 0.0,
    milestones: Sequence[int] = (),
    decay: float = 0.1,
    measures: Measures | None = None,
    record_every: int | None = None,
    engine: Engine = "auto",
) -> Run:
    """Full-batch gradient descent: `sgd` with one batch of all samples, an epoch being a step."""
    samples = cohort.inputs.shape[1]
    batches = Batches(torch.zeros(cohort.members, dtype=torch.int64), samples, samples)
    schedule = _Schedule(
        cohort, batches, steps, learning_rate, momentum, milestones, decay, record_every
    )
    descent = _Descent(cohort, objective, measures, engine, batches, schedule)
    return _in_pieces(descent)


def sgd(
    cohort: Cohort,
    objective: Objective,
    *,
    batch_size: int,
    epochs: int,
    learning_rate: float | Tensor,
    batch_seeds: Tensor,
    momentum: float | Tensor = 0.0,
    milestones: Sequence[int] = (),
    decay: float = 0.1,
    sampling: Sampling = "reshuffle",
    measures: Measures | None = None,
    record_every: int | None = None,
    engine: Engine = "auto",
) -> Run:
    """Mini-batch SGD (galanti2022, Section 2.1; xu2022, Eq. 46) with heavy-ball momentum.

    With ``g`` the gradient on the batch, an update is ``b = momentum b + g`` and then
    ``p = p - learning_rate b`` (as in ``torch.optim.SGD``), where ``b`` starts at 0.

    Besides the measures, the trace always holds, over the time since the previous record (NaN at
    the first record, and for members that have diverged):

    - ``distance``: ``mean_k |W_k' - W_k|_F`` between the two records, for the `State.effective`
      weight matrices; with ``record_every=1`` it is d(W_{t+1}, W_t) of galanti2022, Section 4.2;
    - ``step``: the mean over the updates of ``sqrt(sum_k |dW_k|_F^2)`` for the state's own weight
      matrices (``v`` in weight normalisation).

    A member has diverged when at the end of an epoch its squared norm is not finite; it is put back
    to where the epoch began and stays there.

    Args:
        learning_rate, momentum: one number, or one per member, ``(K,)``.
        batch_seeds: ``(K,)`` int64; equal seeds see equal batches, see `Batches`.
        milestones: counts of finished epochs after which the learning rate is multiplied by
            ``decay``.
        measures: what is recorded besides, by name; see `Measure` and `GradientNorm`.
        record_every: the measures are evaluated at the start, after every so many epochs, and at
            the end, on all samples; by default evenly, once in `RECORD_UPDATES` updates but at
            most `RECORDS` times after the start.
        engine: ``compiled`` machine code (`theorycheck.lanes`) or ``stacked`` tensors
            (`theorycheck.stacked`), which follow the same trajectory up to rounding; ``auto``
            compiles small networks on a CPU where llvmlite is installed.

    Raises:
        InputError: for arguments out of range, for an engine that is not there, and as `velocity`
            and `Batches`.
    """
    if tuple(batch_seeds.shape) != (cohort.members,) or batch_seeds.dtype != torch.int64:
        raise InputError(f"batch_seeds must be int64 of shape ({cohort.members},)")
    batches = Batches(batch_seeds, cohort.inputs.shape[1], batch_size, sampling)
    schedule = _Schedule(
        cohort, batches, epochs, learning_rate, momentum, milestones, decay, record_every
    )
    descent = _Descent(cohort, objective, measures, engine, batches, schedule)
    return _in_pieces(descent)


def together(trainings: Sequence[Callable[[], T]]) -> list[T]:
    """Train several cohorts at once, for example of networks that differ in width and depth.

    Each takes one of the threads that torch has at a time, larger ones had better come first. That
    is how a mixed cohort trains: in groups of one architecture. To fill narrow networks up with
    zeros to the widest would cost what the widest costs, for every member.

    Args:
        trainings: calls of `sgd`, `gradient_descent` or `gradient_flow`, as by
            ``functools.partial``.

    Returns:
        Their results, in order; the same bit for bit as of one after the other.
    """
    threads = min(torch.get_num_threads(), len(trainings))
    if threads < 2:
        return [training() for training in trainings]
    # Each of the threads counts threads for itself. Notes go to whoever collects them here.
    with ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1)) as pool:
        contexts = [copy_context() for _ in trainings]
        runs = [pool.submit(c.run, t) for c, t in zip(contexts, trainings, strict=True)]
        return [run.result() for run in runs]


class _Recorder:
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


class _Schedule:
    """Checked learning rates, momenta and record times of a descent."""

    def __init__(
        self,
        cohort: Cohort,
        batches: Batches,
        epochs: int,
        learning_rate: float | Tensor,
        momentum: float | Tensor,
        milestones: Sequence[int],
        decay: float,
        record_every: int | None,
    ) -> None:
        self.epochs, self.decay = epochs, decay
        records = min(RECORDS, epochs * batches.updates // RECORD_UPDATES)
        default = -(-epochs // max(1, records))
        self.record_every = default if record_every is None else record_every
        self.milestones = tuple(milestones)
        self.learning_rate = _per_member("learning_rate", learning_rate, cohort)
        self.momentum = _per_member("momentum", momentum, cohort)
        if epochs < 1 or self.record_every < 1:
            raise InputError("the number of epochs or steps and record_every must be at least 1")
        if not bool(((self.learning_rate > 0) & self.learning_rate.isfinite()).all()):
            raise InputError("learning_rate must be positive and finite")
        if not bool(((self.momentum >= 0) & (self.momentum < 1)).all()):
            raise InputError("momentum must be at least 0 and less than 1")
        if not 0 < decay < math.inf:
            raise InputError(f"decay {decay} must be positive and finite")

    def part(self, members: slice) -> _Schedule:
        """The schedule of some members."""
        part = copy(self)
        part.learning_rate, part.momentum = self.learning_rate[members], self.momentum[members]
        return part

    def rate(self, epoch: int) -> Tensor:
        """Learning rates ``(K, 1)`` of an epoch; epochs count from 0."""
        return self.learning_rate * self.decay ** sum(m <= epoch for m in self.milestones)

    def records(self, finished: int) -> bool:
        """Whether the measures are evaluated after so many epochs."""
        return finished % self.record_every == 0 or finished == self.epochs

    def stretches(self) -> Iterator[tuple[int, int]]:
        """First and last epoch, the latter excluded, between which neither rates nor records are
        due.
        """
        ends = {m for m in self.milestones if 0 < m < self.epochs} | {self.epochs}
        ends.update(range(self.record_every, self.epochs, self.record_every))
        return pairwise([0, *sorted(ends)])


@dataclass(frozen=True, eq=False)
class _Training(ABC):
    """A cohort and what is done with it."""

    cohort: Cohort
    objective: Objective
    measures: Measures | None
    engine: Engine

    rows: ClassVar[int]
    """How many copies of the states it holds at once."""

    @property
    @abstractmethod
    def samples(self) -> int:
        """How many samples an update sees."""

    @abstractmethod
    def part(self, members: slice) -> Self:
        """The same for some members."""

    @abstractmethod
    def run(self) -> Run:
        """Train all members at once."""

    def compiles(self) -> bool:
        """Whether the cohort trains in machine code; whatever the number of its members."""
        cohort = self.cohort
        choose("engine", self.engine, Engine)
        possible = COMPILER and cohort.inputs.device.type == "cpu"
        possible &= cohort.inputs.dtype in (torch.float32, torch.float64)
        if self.engine == "compiled" and not possible:
            raise InputError("the compiled engine needs llvmlite, a CPU, and float32 or float64")
        small = cohort.network.products * self.samples <= LARGEST
        return possible and (self.engine == "compiled" or (self.engine == "auto" and small))


def _in_pieces(training: _Training) -> Run:
    """Train as many members at once as fit."""
    cohort = training.cohort
    check(cohort, training.objective)
    # A flow starts with a velocity on stacked tensors, whichever engine goes on from there.
    in_arenas = isinstance(training, _Descent) and training.compiles()
    rows = ARENA_ROWS if in_arenas else training.rows
    need = bytes_per_member(cohort, training.objective, training.samples, rows, in_arenas)
    pieces = in_pieces(
        cohort.members, need, cohort.inputs.device, lambda members: training.part(members).run()
    )
    return Run.joined(*pieces)


@dataclass(frozen=True, eq=False)
class _Flow(_Training):
    times: Sequence[float]
    horizon: float
    tolerances: tuple[float, float, int]

    rows = FLOW_ROWS

    @property
    def samples(self) -> int:
        return self.cohort.inputs.shape[1]

    def part(self, members: slice) -> Self:
        return replace(self, cohort=self.cohort.part(members))

    def run(self) -> Run:
        cohort, objective = self.cohort, self.objective
        field, recorder = Field(cohort, objective), _Recorder(cohort, self.measures)
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
            for time in self.times:
                integrator.advance(time)
                recorder.record(time, field.unpack(integrator.point))
            integrator.advance(self.horizon)
            state = field.unpack(integrator.point)
        return recorder.run(state, integrator.accepted, integrator.diverged, integrator.stalled)


@dataclass(frozen=True, eq=False)
class _Descent(_Training):
    batches: Batches
    schedule: _Schedule

    rows = DESCENT_ROWS

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
        recorder = _Recorder(cohort, self.measures, ("distance", "step"))
        compiled = self.compiles()
        momentum = schedule.momentum if bool((schedule.momentum > 0).any()) else None
        with torch.no_grad(), _calm(cohort, compiled) as threads:
            descent: StackedDescent | CompiledDescent
            recorded = field.pack(cohort.state)
            if compiled:
                given = cohort, self.objective, batches, momentum, recorded
                descent = CompiledDescent(*given, schedule.epochs, threads)
            else:
                descent = StackedDescent(cohort, batches, momentum, field, recorded)
            unknown = torch.full_like(recorded[:, 0], math.nan)
            recorder.record(0, field.unpack(recorded), distance=unknown, step=unknown)
            path, updates, total = torch.zeros_like(unknown), 0, 0
            for first, last in schedule.stretches():
                path += descent.advance(first, last, schedule.rate(first))
                updates += (last - first) * batches.updates
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
                    total += updates
                    recorded, path, updates = rows, torch.zeros_like(path), 0
        steps = torch.full_like(diverged, total, dtype=torch.int64)
        return recorder.run(state, steps, diverged, torch.zeros_like(diverged))


LARGEST = 2**22
"""So many products and sums of a forward pass on a batch, a member alone is worth torch's matrix
products on all threads; below, calling them costs more than they save."""

SMALL = 2**20
"""A member's forward pass on all its samples takes at most so many products where torch works on
one thread beside the compiled engine. When torch's other threads have done their share they wait
for more in a busy loop, some 7 ms, on the cores on which training goes on."""


@contextmanager
def _calm(cohort: Cohort, compiled: bool) -> Iterator[int]:
    """Let torch's other threads rest where they would be in the way; how many there are."""
    threads = torch.get_num_threads()
    if compiled and cohort.network.products * cohort.inputs.shape[1] <= SMALL:
        torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def _checkpoint_times(horizon: float, checkpoints: int | Sequence[float]) -> list[float]:
    if isinstance(checkpoints, int):
        if checkpoints < 1:
            raise InputError(f"checkpoints {checkpoints} must be at least 1")
        return [horizon * i / checkpoints for i in range(checkpoints + 1)]
    times = [float(time) for time in checkpoints]
    ordered = all(before < after for before, after in pairwise(times))
    if not ordered or not all(0 <= time <= horizon for time in times):
        raise InputError(f"checkpoints must increase and lie between 0 and the horizon {horizon}")
    return times


def _per_member(name: str, value: float | Tensor, cohort: Cohort) -> Tensor:
    """A number or one per member as ``(K, 1)`` in the cohort's dtype."""
    tensor = torch.as_tensor(value, dtype=cohort.inputs.dtype, device=cohort.inputs.device)
    if tensor.dim() > 0 and tuple(tensor.shape) != (cohort.members,):
        raise InputError(f"{name} must be a number or have shape ({cohort.members},)")
    return tensor.expand(cohort.members)[:, None]
