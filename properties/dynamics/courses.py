"""Flows of rho and V, and what happened on the way, as numbers of the case that they start from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

import theorycheck as tc
from theorycheck.training import (
    Course,
    Crossing,
    Quantity,
    follow_events,
    objective_values,
    velocity,
)

Along = Callable[[tc.Setting, tc.Case], Iterator[tc.Case | tc.Rejection]]

TOLERANCES = {"relative_tolerance": 1e-7, "absolute_tolerance": 1e-9}
"""Definition: the tolerances of flows whose events are counted."""
COUNTS = 1e-5
"""Definition: a sign of rho or of its velocity counts from this size on, 100 times a tolerance."""
OBJECTIVE = tc.Objective("square", "mean", "rho")
STALLED = tc.Rejection("the integrator stalled")


def rho_of(cohort: tc.Cohort, moving: tc.State) -> Tensor:
    assert cohort.state.rho is not None
    return cohort.state.rho


def rho_speed(cohort: tc.Cohort, moving: tc.State) -> Tensor:
    assert moving.rho is not None
    return moving.rho


def turned(horizon: float) -> Along:
    """Gradient flow of the averaged loss with Lagrange multipliers (xu2022, Eq. 5), and its turns.

    The weights of the case are V; rho and the weight decay are among its numbers. The statement is
    about this start, with further numbers: ``turns``, how often rho changes between growing and
    falling up to the horizon, and ``growing`` and ``falling``, for how long it does.
    """

    def along(setting: tc.Setting, case: tc.Case) -> Iterator[tc.Case | tc.Rejection]:
        cohort = _started(case, setting.device)
        course = _followed(cohort, rho_speed, horizon)
        speeds = velocity(cohort, OBJECTIVE).rho
        assert speeds is not None
        for member, crossings in enumerate(course.crossings):
            if course.stalled[member] or course.diverged[member]:
                yield STALLED
                continue
            growing, falling = durations(crossings, float(speeds[member]) > 0, horizon)
            found = {"turns": len(crossings), "growing": growing, "falling": falling}
            yield _with(case, member, found)

    return along


def crossed(horizon: float) -> Along:
    """The same, with the number ``crossing``: when rho first passes 0, or else the horizon."""

    def along(setting: tc.Setting, case: tc.Case) -> Iterator[tc.Case | tc.Rejection]:
        course = _followed(_started(case, setting.device), rho_of, horizon)
        for member, crossings in enumerate(course.crossings):
            if course.stalled[member] or course.diverged[member]:
                yield STALLED
            else:
                first = [crossing.time for crossing in crossings][:1]
                yield _with(case, member, {"crossing": first[0] if first else horizon})

    return along


def ended(horizon: float) -> Along:
    """The same, with the numbers ``rho_end`` and ``loss_end`` at the horizon."""

    def along(setting: tc.Setting, case: tc.Case) -> Iterator[tc.Case | tc.Rejection]:
        cohort = _started(case, setting.device)
        run = tc.gradient_flow(cohort, OBJECTIVE, horizon=horizon, max_steps=10_000)
        assert run.state.rho is not None
        losses = objective_values(replace(cohort, state=run.state), OBJECTIVE)
        for member in range(case.members):
            if run.stalled[member] or run.diverged[member]:
                yield STALLED
            else:
                reached = float(run.state.rho[member]), float(losses[member])
                yield _with(case, member, dict(zip(("rho_end", "loss_end"), reached, strict=True)))

    return along


def _followed(cohort: tc.Cohort, quantity: Quantity, horizon: float) -> Course:
    return follow_events(
        cohort, OBJECTIVE, quantity, horizon=horizon, threshold=COUNTS, max_steps=2000, **TOLERANCES
    )


def _with(case: tc.Case, member: int, found: Mapping[str, float]) -> tc.Case:
    """A member at its start, with what was found as numbers."""
    one = case.member(member)
    return replace(one, numbers={**one.numbers, **{k: Fraction(v) for k, v in found.items()}})


def durations(crossings: Sequence[Crossing], grows: bool, horizon: float) -> tuple[float, float]:
    """For how long rho grows, and for how long it falls.

    Args:
        grows: whether it does at first, where it never turns.
    """
    spent = {True: 0.0, False: 0.0}
    before, growing = 0.0, not crossings[0].rising if crossings else grows
    for crossing in crossings:
        spent[growing] += crossing.time - before
        before, growing = crossing.time, crossing.rising
    spent[growing] += horizon - before
    return spent[True], spent[False]


def _started(case: tc.Case, device: str) -> tc.Cohort:
    assert case.targets is not None
    parameters, inputs = case.tensors(device)
    rho = torch.full((case.members,), float(case.numbers["rho"]), dtype=torch.float64)
    state = tc.State(parameters, rho.to(inputs.device), "lagrange")
    targets = torch.tensor(case.targets.astype(float), device=inputs.device)
    decay = float(case.numbers["weight_decay"])
    return tc.Cohort.broadcast(case.network, state, inputs, targets, decay)
