"""Training of cohorts: gradient flow, gradient descent and SGD on stacked members.

A *cohort* is K networks of one architecture that train together as tensors with a leading member
axis; no loop runs over members, and no member's result depends on which others train beside it.
Shapes below: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs, ``T`` records.

All trainers follow one vector field, `velocity`, and return a `Run`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from theorycheck.arguments import (
    choose,
    function,
    is_sequence,
    listed,
    positive_number,
    whole_number,
)
from theorycheck.errors import InputError, quoted
from theorycheck.notes import note
from theorycheck.training.batches import Batches, Sampling, require_seeds
from theorycheck.training.cohorts import Cohort, Objective, check
from theorycheck.training.engines import AtKinks, Descent, Engine, Flow, train
from theorycheck.training.recording import Measures, Run
from theorycheck.training.schedule import Schedule, checkpoint_times
from theorycheck.training.stacked.cuda_graph import has_turn

T = TypeVar("T")


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
    at_kinks: AtKinks = "stop",
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
        max_steps: a member that has tried this many steps is stalled, and so is one whose step has
            become too small to change its time. Where the velocity on both sides of a kink points
            towards it, steps become as small as that; `Run.at_kink` and a note say so.
        engine: as for `sgd`. Near kinks the two may choose other steps, and then agree up to the
            tolerances.
        at_kinks: what members do that stalled so: ``slide`` lets them go on along the kink, each by
            itself, with as many steps again (`theorycheck.training.sliding`); on small networks
            that takes some milliseconds a step.

    Raises:
        InputError: for arguments out of range, for a cohort that is not float64, for one that is to
            slide and has batch normalisation, and as `velocity`.
    """
    check(cohort, objective)
    choose("at_kinks", at_kinks, AtKinks)
    if at_kinks == "slide" and cohort.network.normalised_by_batch:
        raise InputError("networks with batch normalisation cannot slide: use at_kinks='stop'")
    horizon = positive_number("horizon", horizon)
    relative_tolerance = positive_number("relative_tolerance", relative_tolerance)
    absolute_tolerance = positive_number("absolute_tolerance", absolute_tolerance)
    max_steps = whole_number("max_steps", max_steps)
    if cohort.inputs.dtype != torch.float64:
        raise InputError("gradient flow needs float64: use cohort.to(dtype=torch.float64)")
    times = checkpoint_times(horizon, checkpoints)
    tolerances = relative_tolerance, absolute_tolerance, max_steps
    flow = Flow(cohort, objective, measures, engine, times, horizon, tolerances, at_kinks)
    run = train(flow)
    if not bool(run.at_kink.any()):
        return run
    stalled, kinks = int(run.stalled.sum()), int(run.at_kink.sum())
    said = f"{stalled} of {cohort.members} members stalled, {kinks} of them at a kink"
    note(said)
    return replace(run, notes=(*run.notes, said))


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
    """Full-batch gradient descent: `sgd` with one batch of all samples, so that an epoch is a step.

    Args:
        learning_rate, momentum, milestones, decay, measures, record_every, engine: as for `sgd`.

    Raises:
        InputError: as `sgd`.
    """
    check(cohort, objective)
    samples = cohort.inputs.shape[1]
    batches = Batches(torch.zeros(cohort.members, dtype=torch.int64), samples, samples)
    schedule = Schedule(
        cohort, batches, steps, learning_rate, momentum, milestones, decay, record_every
    )
    descent = Descent(cohort, objective, measures, engine, batches, schedule)
    return train(descent)


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
    keep: Sequence[int] = (),
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

    A member whose squared norm is not finite at the end of an epoch has diverged: it is put back to
    where the epoch began and stays there.

    Args:
        learning_rate, momentum: one number, or one per member, ``(K,)``.
        batch_seeds: ``(K,)`` int64, any numbers; members with equal seeds see equal batches, see
            `Batches`.
        milestones: counts of finished epochs after which the learning rate is multiplied by
            ``decay``.
        measures: what else is recorded, by name; see `Measure` and `GradientNorm`.
        record_every: the measures are evaluated on all samples at the start, whenever this many
            epochs have passed, and at the end; by default evenly, once in `RECORD_UPDATES` updates
            but at most `RECORDS` times after the start.
        keep: counts of finished epochs at which the state itself is kept, in `Run.kept`; 0 is the
            start.
        engine: ``compiled`` machine code (`theorycheck.training.compiled.workers`) or ``stacked``
            tensors (`theorycheck.training.stacked.descent`), which follow the same trajectory up to
            rounding; ``auto`` compiles small networks on a CPU where llvmlite is installed.

    Raises:
        InputError: for arguments out of range, for an engine that is not available, and as
            `velocity` and `Batches`.
    """
    check(cohort, objective)
    require_seeds(batch_seeds, cohort.members)
    batch_size = whole_number("batch_size", batch_size)
    batches = Batches(batch_seeds, cohort.inputs.shape[1], batch_size, sampling)
    schedule = Schedule(
        cohort, batches, epochs, learning_rate, momentum, milestones, decay, record_every, keep
    )
    descent = Descent(cohort, objective, measures, engine, batches, schedule)
    return train(descent)


def together(trainings: Sequence[Callable[[], T]]) -> list[T]:
    """Train several cohorts at once, for example of networks that differ in width and depth.

    Each takes one of torch's threads: put large ones first. A mixed cohort is therefore trained in
    groups of one architecture; filling narrow networks up with zeros would make every member as
    expensive as the widest. Cohorts on a GPU train one after the other.

    Args:
        trainings: calls of `sgd`, `gradient_descent` or `gradient_flow`, for example made by
            ``functools.partial``.

    Returns:
        Their results, in order; the same bit for bit as when they train one after the other.

    Raises:
        InputError: for what is no list of functions, and as they do.
    """
    if not is_sequence(trainings):
        raise InputError(f"trainings must be a list of functions, not {quoted(trainings)}")
    trainings = listed("trainings", trainings)
    for number, training in enumerate(trainings):
        function(f"training {number}", training)
    threads = min(torch.get_num_threads(), len(trainings))
    if threads < 2 or has_turn():
        return [training() for training in trainings]
    # The number of threads is set in each thread. Contexts are copied for the collectors of notes.
    with ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1)) as pool:
        contexts = [copy_context() for _ in trainings]
        runs = [pool.submit(c.run, t) for c, t in zip(contexts, trainings, strict=True)]
        return [run.result() for run in runs]
