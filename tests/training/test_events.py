"""Events of flows: SciPy's event location, closed forms, and what does not count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from tests.training.flows import ABSOLUTE, RELATIVE, error_bound, pack
from tests.training.velocities import Array, lagrange_velocity
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, mlp
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.events import Course, Quantity, follow_events

OBJECTIVE = Objective("square", "mean", "rho")
INPUTS = [[0.125, 0.1875], [0.6875, 0.6875]]
"""From this V, rho falls, grows, falls and grows again."""
DIRECTION, DECAY, RHO = [0.52, -0.854], 0.05, 0.5
SIGNS = 1e-6
"""Definition: the threshold, some hundred times what the tolerances leave of a velocity at rest."""
REFERENCE = 1e-3
"""Definition: tolerances of SciPy's solvers, in units of ours, whose errors bound the sum."""
LIPSCHITZ = 10.0
"""Derivation: rho and all inputs are below 2 and 1, so that the partial derivatives of the velocity
of rho, ``-2 (M + lambda)`` and ``2 x (1 - 2 rho f)``, are below 3 and 6, on two weights."""
TIGHT, LOOSE = 1e-9, 1e-5
"""Definition: tolerances of an integrator whose looks are counted, and with which nothing is
compared."""
"""Definition: tolerances of flows of which only the number of looks is compared."""
ALL = 1e-300
"""Definition: a threshold that nothing stays below."""


def classifiers(inputs: Any, directions: Any, rhos: list[float], decay: float) -> Cohort:
    """Linear classifiers ``rho <V, x>`` with labels +1."""
    x = torch.tensor(inputs, dtype=torch.float64)
    v = torch.tensor(directions, dtype=torch.float64)
    v = (v / v.norm(dim=1, keepdim=True))[:, None]
    state = State((v,), torch.tensor(rhos, dtype=torch.float64), "lagrange")
    network = mlp((x.shape[-1], 1), LINEAR)
    return Cohort.broadcast(network, state, x, torch.ones(len(x), 1).double(), decay)


def watched(cohort: Cohort, quantity: Quantity, horizon: float, threshold: float = SIGNS) -> Course:
    """Definition: the tolerances of the flow, from which `error_bound` follows."""
    return follow_events(
        cohort,
        OBJECTIVE,
        quantity,
        horizon=horizon,
        threshold=threshold,
        relative_tolerance=RELATIVE,
        absolute_tolerance=ABSOLUTE,
    )


def turning(cohort: Cohort, velocity: State) -> torch.Tensor:
    assert velocity.rho is not None
    return velocity.rho


def rho_less(level: float) -> Quantity:
    def quantity(cohort: Cohort, velocity: State) -> torch.Tensor:
        assert cohort.state.rho is not None
        return cohort.state.rho - level

    return quantity


@pytest.mark.parametrize("method", ["DOP853", "Radau", "LSODA"])
def test_rho_turns_where_events_of_scipy_are(method: str) -> None:
    """Three turns of a planar classifier, by an explicit, an implicit and a switching method.

    Derivation: SciPy works with a part of our tolerances, so that both errors are below the bound.
    """
    cohort = classifiers(INPUTS, [DIRECTION], [RHO], DECAY)
    x, y = np.array(INPUTS), np.ones((2, 1))

    def field(_: float, packed: Array) -> Array:
        weights = [packed[1:].reshape(1, 2)]
        return pack(*lagrange_velocity(packed[0], weights, x, y, mean=True, decay=DECAY, slope=1))

    def rho_speed(time: float, packed: Array) -> float:
        return float(field(time, packed)[0])

    start = pack(RHO, [cohort.state.parameters[0][0].numpy()])
    found = solve_ivp(
        field,
        (0.0, 40.0),
        start,
        method,
        events=rho_speed,
        rtol=REFERENCE * RELATIVE,
        atol=REFERENCE * ABSOLUTE,
    )
    course = watched(cohort, turning, 40.0)
    (crossings,) = course.crossings
    assert [c.rising for c in crossings] == [True, False, True]
    assert len(found.t_events[0]) == len(crossings)
    for crossing, time, point in zip(crossings, found.t_events[0], found.y_events[0], strict=True):
        # An error of the state moves the velocity of rho, and its zero by that over the slope.
        ahead = rho_speed(0.0, point + field(0.0, point) / 2**20)
        slope = abs(ahead - rho_speed(0.0, point)) * 2**20
        assert abs(crossing.time - time) <= LIPSCHITZ * error_bound(1000, 3, 2.0) / slope
        assert crossing.state.rho is not None
        assert abs(float(crossing.state.rho) - point[0]) <= error_bound(1000, 3, 2.0)


def test_rho_passes_levels_when_the_closed_form_does() -> None:
    """Width 1: ``rho = r + (rho_0 - r) exp(-2 (1 + lambda) t)`` with ``r = 1 / (1 + lambda)``."""
    cohort = classifiers([[1.0]], [[1.0], [1.0]], [0.0, 2.0], DECAY)
    level, rest, rate = 0.5, 1 / (1 + DECAY), 2 * (1 + DECAY)
    rising, none = watched(cohort, rho_less(level), 3.0).crossings
    assert none == ()
    (crossing,) = rising
    assert crossing.rising
    expected = math.log(rest / (rest - level)) / rate
    speed = rate * (rest - level)
    assert abs(crossing.time - expected) <= error_bound(100, 2, 1.0) / speed


@pytest.mark.parametrize(("start", "level"), [(0.0, 0.5), (2.0, 1.5)])
@pytest.mark.parametrize("band", [0.125, 0.25])
def test_a_quantity_that_is_zero_for_a_while_changes_its_sign_once(
    start: float, level: float, band: float
) -> None:
    """It is 0 while rho is near a level, for many looks: the change of sign is not lost there.

    It is on the far edge of the band, or anywhere within: between the times of its edges, by the
    closed form of width 1.
    """

    def banded(cohort: Cohort, velocity: State) -> torch.Tensor:
        rest = rho_less(level)(cohort, velocity)
        return torch.where(rest.abs() < band, 0.0, rest)

    cohort = classifiers([[1.0]], [[1.0]], [start], DECAY)
    rest, rate = 1 / (1 + DECAY), 2 * (1 + DECAY)
    edges = sorted(
        math.log((start - rest) / (edge - rest)) / rate for edge in (level - band, level + band)
    )
    ((crossing,),) = watched(cohort, banded, 3.0).crossings
    assert crossing.rising is (start < level)
    slowest = rate * min(abs(rest - level - band), abs(rest - level + band))
    off = error_bound(100, 2, 2.0) / slowest
    assert edges[0] - off <= crossing.time <= edges[1] + off


def test_members_have_the_events_that_they_have_alone() -> None:
    directions, rhos = [DIRECTION, [0.6, 0.8], [-0.8, 0.6]], [RHO, 0.5, 2.0]
    together = watched(classifiers(INPUTS, directions, rhos, DECAY), turning, 20.0)
    for member, (direction, rho) in enumerate(zip(directions, rhos, strict=True)):
        alone = watched(classifiers(INPUTS, [direction], [rho], DECAY), turning, 20.0)
        pairs = zip(together.crossings[member], alone.crossings[0], strict=True)
        assert all(a.time == b.time and a.rising == b.rising for a, b in pairs)


def test_what_stays_below_the_threshold_does_not_count() -> None:
    """At rest errors of the integrator change the sign of the velocity again and again."""
    cohort = classifiers([[1.0]], [[1.0]], [0.5], DECAY)
    assert watched(cohort, turning, 20.0).crossings == ((),)
    (some,) = watched(cohort, turning, 20.0, ALL).crossings
    assert len(some) > 0


def test_a_crossing_counts_at_the_last_change_before_the_threshold() -> None:
    """rho passes 1/2 at once in either sense of counting; only its time is asked for."""
    cohort = classifiers([[1.0]], [[1.0]], [0.0], DECAY)
    fine, coarse = (
        watched(cohort, rho_less(0.5), 3.0, threshold).crossings[0] for threshold in (SIGNS, 0.3)
    )
    assert [c.time for c in fine] == [c.time for c in coarse]
    assert watched(cohort, rho_less(0.5), 3.0, 0.6).crossings == ((),)


def test_options_reach_the_flow() -> None:
    """Each looser tolerance takes fewer looks, and few steps lead nowhere near the end."""
    cohort = classifiers(INPUTS, [DIRECTION], [RHO], DECAY)
    looks: list[None] = []

    def counted(cohort: Cohort, velocity: State) -> torch.Tensor:
        looks.append(None)
        return turning(cohort, velocity)

    def count(**options: float) -> int:
        tight = {"relative_tolerance": TIGHT, "absolute_tolerance": TIGHT}
        looks.clear()
        settings: dict[str, Any] = {"horizon": 4.0, "threshold": SIGNS, **tight, **options}
        assert not follow_events(cohort, OBJECTIVE, counted, **settings).stalled.any()
        return len(looks)

    assert count(relative_tolerance=LOOSE) < count()
    assert count(absolute_tolerance=LOOSE) < count()
    for steps in (1, 5):
        course = follow_events(
            cohort, OBJECTIVE, turning, horizon=40.0, threshold=SIGNS, max_steps=steps
        )
        assert course.stalled.tolist() == [True]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("horizon", 0.0, "horizon 0.0 must be positive and finite"),
        ("threshold", math.inf, "threshold inf must be positive and finite"),
        ("relative_tolerance", math.inf, "relative_tolerance inf must be positive and finite"),
        ("absolute_tolerance", 0.0, "absolute_tolerance 0.0 must be positive and finite"),
        ("max_steps", 0, "max_steps"),
    ],
)
def test_arguments_out_of_range_are_refused(option: str, value: float, message: str) -> None:
    cohort = classifiers([[1.0]], [[1.0]], [0.5], DECAY)
    options: dict[str, Any] = {"horizon": 1.0, "threshold": SIGNS, option: value}
    with pytest.raises(InputError, match=message):
        follow_events(cohort, OBJECTIVE, turning, **options)


def test_other_floats_are_refused() -> None:
    cohort = classifiers([[1.0]], [[1.0]], [0.5], DECAY).to(dtype=torch.float32)
    with pytest.raises(InputError, match="float64"):
        follow_events(cohort, OBJECTIVE, turning, horizon=1.0, threshold=SIGNS)
