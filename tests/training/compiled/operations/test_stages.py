"""A step of the integrator against the fractions of the tableau, and its control by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.training.compiled.operations.alone import LAYOUTS, Alone, Numbers
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.operations.stages import CLOCK

# Dormand and Prince, A family of embedded Runge-Kutta formulae (1980), Table 2.
TABLEAU = [
    [Fraction(text) for text in row.split()]
    for row in (
        "1/5",
        "3/40 9/40",
        "44/45 -56/15 32/9",
        "19372/6561 -25360/2187 64448/6561 -212/729",
        "9017/3168 -355/33 46732/5247 49/176 -5103/18656",
        "35/384 0 500/1113 125/192 -2187/6784 11/84",
    )
]
FOURTH_ORDER = [
    Fraction(text)
    for text in ["5179/57600", "0", "7571/16695", "393/640", "-92097/339200", "187/2100", "1/40"]
]

LARGEST = 4
"""Slopes and points of the steps below are at most that large."""

ROUNDING = 2.0**-27
"""Derivation: the absolute coefficients of a row add up to at most 25, so that partial sums are at
most 100; with unit roundoff u, at most 7 steps round by 100 u each, coefficients add as much, and
so does the point: less than 1000 u a row. An error of earlier slopes grows by at most the sum of a
row, or not at all where that is below 1: in all rows by at most ``8.3 * 24.7 * 23.1 * 1.7 < 8100``.
Six rows make ``6 * 8100 * 1000 u < 2^26 u = 2^-27``."""

layouts = pytest.mark.parametrize("layout", LAYOUTS)
STARTS = [1.0, -2.0, 0.5, 3.0, -1.5, 0.25, 2.5, -0.75]


class Flow:
    """``y' = -y`` in eight numbers, and a clock."""

    def __init__(self, layout: Layout, **clock: float) -> None:
        self.alone = alone = Alone(layout, torch.float64)
        times = {"end": 4.0, "step": 1.0, "going": 1.0} | clock
        self.clock = alone.numbers([times.get(name, 0.0) for name in CLOCK])
        self.point, self.trial = alone.numbers(STARTS), alone.free_numbers(8)
        self.slopes = alone.numbers([*(-y for y in STARTS), *[0.0] * 48])
        self.zeros, self.one = alone.numbers([0.0] * 8), alone.numbers([1.0])

    def __getitem__(self, name: str) -> float:
        """A number of the clock, the same for all members."""
        numbers = self.alone.numbers_at(self.clock, len(CLOCK))[:, CLOCK.index(name)]
        assert (numbers == numbers[0]).all()
        return float(numbers[0])

    def attempt(self, relative: float, absolute: float, most: float = 100) -> None:
        alone, members = self.alone, self.alone.members
        given = {"point": self.point, "slopes": self.slopes, "stride": 8, "count": 8}
        alone.run("plan_step", clock=self.clock)
        for stage, row in enumerate(TABLEAU, start=1):
            alone.run(
                "stage",
                out=self.trial,
                step=self.clock + CLOCK.index("used") * members,
                factors=alone.address(np.array(row, dtype=np.float64)),
                stages=stage,
                **given,
            )
            alone.run(
                "velocity",
                out=self.slopes + stage * 8 * members,
                weights=self.trial,
                gradient=self.zeros,
                coefficient=self.one,
                count=8,
            )
        error = [a - b for a, b in zip([*TABLEAU[-1], Fraction(0)], FOURTH_ORDER, strict=True)]
        factors = np.array([*error, relative, absolute, 1 / 8, most], dtype=np.float64)
        address = alone.address(factors)
        alone.run(
            "judge_step", clock=self.clock, trial=self.trial, factors=address, stages=7, **given
        )

    def first_slopes(self) -> Numbers:
        return self.alone.numbers_at(self.slopes, 8)

    def state(self) -> Numbers:
        return self.alone.numbers_at(self.point, 8)


def exact(start: Fraction, step: Fraction) -> tuple[Fraction, Fraction]:
    """Where a step of ``y' = -y`` leads, and by how much the fourth order differs."""
    slopes = [-start]
    for row in TABLEAU:
        point = start + step * sum((a * k for a, k in zip(row, slopes, strict=True)), Fraction(0))
        slopes.append(-point)
    assert max(map(abs, slopes)) <= LARGEST
    fourth = start + step * sum(
        (b * k for b, k in zip(FOURTH_ORDER, slopes, strict=True)), Fraction(0)
    )
    return point, point - fourth


@layouts
@pytest.mark.parametrize("accepted", [True, False])
def test_a_step_of_dormand_and_prince(layout: Layout, accepted: bool) -> None:
    """With a tolerance of twice or half the error.

    Derivation: the error is off by at most `ROUNDING`, since its weights add up to less than 1; the
    next step, which is below 1.1, by a fifth of that part of the error.
    """
    results = [exact(Fraction(y), Fraction(1)) for y in STARTS]
    size = math.sqrt(sum(float(error) ** 2 for _, error in results) / 8)
    flow = Flow(layout)
    flow.attempt(0.0, size * (2.0 if accepted else 0.5))
    points = [float(point) for point, _ in results]
    expected, before = (points, STARTS) if accepted else (STARTS, STARTS)
    assert np.abs(flow.state() - np.array(expected)).max() <= ROUNDING
    slopes = [-y for y in expected]
    assert np.abs(flow.first_slopes() - np.array(slopes)).max() <= ROUNDING
    if not accepted:
        assert np.array_equal(flow.state()[0], before)
    assert flow["accepted"] == accepted
    assert flow["tried"] == 1
    assert flow["time"] == accepted
    assert flow["going"] == 1
    assert flow["stalled"] == 0
    factor = 0.9 * (0.5 if accepted else 2.0) ** -0.2
    assert abs(flow["step"] - factor) <= ROUNDING / size


@layouts
def test_the_last_step_ends_at_the_end(layout: Layout) -> None:
    """And does not make the next one shorter than had been planned."""
    flow = Flow(layout, end=0.25, step=1.0)
    flow.attempt(1.0, 1.0)
    assert flow["final"] == 1
    assert flow["used"] == 0.25
    assert flow["time"] == 0.25
    assert flow["going"] == 0
    assert flow["stalled"] == 0
    assert flow["step"] >= 1.0


@layouts
def test_what_is_not_a_number_shrinks_the_step_fivefold(layout: Layout) -> None:
    flow = Flow(layout)
    flow.alone.reals[flow.zeros : flow.zeros + flow.alone.members] = np.nan
    flow.attempt(1.0, 1.0)
    assert flow["accepted"] == 0
    assert flow["step"] == 0.2
    assert np.array_equal(flow.state()[0], STARTS)


@layouts
def test_a_step_grows_at_most_tenfold(layout: Layout) -> None:
    flow = Flow(layout)
    flow.attempt(1e30, 1e30)
    assert flow["accepted"] == 1
    assert flow["step"] == 10


@layouts
@pytest.mark.parametrize("reason", ["attempts", "resolution"])
def test_a_flow_stalls(layout: Layout, reason: str) -> None:
    """After all attempts, and where a step no longer moves the time."""
    if reason == "attempts":
        flow = Flow(layout)
        flow.attempt(1.0, 1.0, most=1)
    else:
        flow = Flow(layout, time=2.0**60, end=2.0**61, step=1.0)
        flow.attempt(1.0, 1.0)
    assert flow["stalled"] == 1
    assert flow["going"] == 0


@layouts
def test_who_is_not_going_stays(layout: Layout) -> None:
    flow = Flow(layout, going=0.0, time=1.0, step=0.5)
    slopes = flow.first_slopes()
    flow.attempt(1.0, 1.0)
    assert np.array_equal(flow.state()[0], STARTS)
    assert np.array_equal(flow.first_slopes(), slopes)
    kept = {"time": 1.0, "step": 0.5, "accepted": 0, "tried": 0, "going": 0, "stalled": 0}
    assert {name: flow[name] for name in kept} == kept
