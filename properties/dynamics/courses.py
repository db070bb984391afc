"""Flows of rho and V, and what happens on the way."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor

import theorycheck as tc
from properties.dynamics.flows import OBJECTIVE, started
from theorycheck.training import (
    Crossing,
    Quantity,
    follow_events,
    objective_values,
    velocity,
)

TOLERANCES = {"relative_tolerance": 1e-7, "absolute_tolerance": 1e-9}
"""Definition: the tolerances of flows whose events are counted."""
COUNTS = 1e-5
"""Definition: a sign of rho or of its velocity counts from this size on, 100 times a tolerance."""
STALLED = tc.Rejection("the integrator stalled")


def rho_of(cohort: tc.Cohort, moving: tc.State) -> Tensor:
    assert cohort.state.rho is not None
    return cohort.state.rho


def rho_speed(cohort: tc.Cohort, moving: tc.State) -> Tensor:
    assert moving.rho is not None
    return moving.rho


def turned(horizon: float) -> tc.Observing:
    """Gradient flow of the averaged loss with Lagrange multipliers (xu2022, Eq. 5), and its turns.

    The weights of the case are V; rho and the weight decay are among its numbers.
    """

    def observe(setting: tc.Setting, case: tc.Case) -> Iterator[dict[str, float] | tc.Rejection]:
        cohort = started(case, setting.device)
        speeds = velocity(cohort, OBJECTIVE).rho
        assert speeds is not None
        for crossings, speed in zip(_followed(cohort, rho_speed, horizon), speeds, strict=True):
            if crossings is None:
                yield STALLED
            else:
                growing, falling = durations(crossings, float(speed) > 0, horizon)
                yield {"turns": len(crossings), "growing": growing, "falling": falling}

    return tc.Observing(
        {
            "turns": f"how often rho changes between growing and falling up to time {horizon:g}",
            "growing": "for how long rho grows",
            "falling": "for how long it falls",
        },
        observe,
    )


def crossed(horizon: float) -> tc.Observing:
    """The same flow, and when rho first passes 0."""

    def observe(setting: tc.Setting, case: tc.Case) -> Iterator[dict[str, float] | tc.Rejection]:
        for crossings in _followed(started(case, setting.device), rho_of, horizon):
            if crossings is None:
                yield STALLED
            else:
                yield {"crossing": crossings[0].time if crossings else horizon}

    return tc.Observing({"crossing": f"when rho first passes 0, or {horizon:g}"}, observe)


def ended(horizon: float) -> tc.Observing:
    """The same flow, and where it ends."""

    def observe(setting: tc.Setting, case: tc.Case) -> Iterator[dict[str, float] | tc.Rejection]:
        cohort = started(case, setting.device)
        run = tc.gradient_flow(cohort, OBJECTIVE, horizon=horizon, max_steps=10_000)
        assert run.state.rho is not None
        losses = objective_values(replace(cohort, state=run.state), OBJECTIVE)
        failed = run.stalled | run.diverged
        for rho, loss, has_failed in zip(run.state.rho, losses, failed, strict=True):
            yield STALLED if has_failed else {"rho_end": float(rho), "loss_end": float(loss)}

    return tc.Observing(
        {"rho_end": f"rho at time {horizon:g}", "loss_end": "the loss there"}, observe
    )


def _followed(
    cohort: tc.Cohort, quantity: Quantity, horizon: float
) -> list[Sequence[Crossing] | None]:
    """The crossings of each member; None where it stalled or diverged."""
    course = follow_events(
        cohort, OBJECTIVE, quantity, horizon=horizon, threshold=COUNTS, max_steps=2000, **TOLERANCES
    )
    failed = course.stalled | course.diverged
    return [None if f else c for c, f in zip(course.crossings, failed, strict=True)]


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
