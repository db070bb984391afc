"""The Dormand-Prince step: SciPy's coefficients, and error estimates worked out as polynomials."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import pytest
import torch
from scipy.integrate import RK45

from tests.training.flows import ABSOLUTE, RELATIVE
from theorycheck.arithmetic.enclosures import gamma
from theorycheck.training.integrator import ERROR, EXTENSION, STAGES, Integrator, Step


def test_the_integrator_has_the_coefficients_of_scipy() -> None:
    for stage, row in enumerate(STAGES[:-1], start=1):
        assert list(row) == RK45.A[stage, :stage].tolist()
    assert list(STAGES[-1]) == RK45.B.tolist()
    assert [-weight for weight in ERROR] == RK45.E.tolist()
    assert [list(row) for row in EXTENSION] == RK45.P.tolist()


def test_within_a_step_the_continuous_extension_is_that_of_scipy() -> None:
    """Derivation: both are of one step, whatever the tolerances; it ends where it is told to."""
    solver = RK45(lambda _, y: -y * y, 0.0, [2.0, 0.5], 4.0, rtol=RELATIVE, atol=ABSOLUTE)
    solver.step()
    between = solver.dense_output()
    shown: list[Step] = []
    start = torch.tensor([[2.0, 0.5]]).double()
    integrator = Integrator(lambda y: -y * y, start, RELATIVE, ABSOLUTE, 1, shown.append)
    integrator.step = torch.tensor([solver.step_size], dtype=torch.float64)
    integrator.advance(4.0)
    (step,) = shown
    assert step.accepted.tolist() == [True]
    for part in (0.0, 0.25, 0.5, 1.0):
        ours = step.at(torch.tensor([part]).double())[0].tolist()
        theirs = between(part * solver.step_size).tolist()
        # Each is a sum of 29 products of sizes whose sum is at most 2 + 40, in an order of its own.
        pairs = zip(ours, theirs, strict=True)
        assert max(abs(a - b) for a, b in pairs) <= 2 * gamma(30) * 42


@pytest.mark.parametrize("step", [Fraction(1, 8), Fraction(1), Fraction(2)])
def test_a_step_is_accepted_when_its_error_estimate_is_within_tolerance(step: Fraction) -> None:
    """On ``y' = -y`` both formulas are polynomials in ``z = -step``.

    The stability functions of the pair (Hairer and Wanner, Solving Ordinary Differential Equations
    II, 2nd ed., Section IV.2, for the formula of order 5) agree up to order 4 and differ by this.
    """
    z = -step
    estimate = -Fraction(97, 120000) * z**5 + Fraction(13, 40000) * z**6 - z**7 / 24000
    for factor, accepted in ((Fraction(1, 2), 0), (Fraction(2), 1)):
        tolerance = float(factor * abs(estimate))
        integrator = Integrator(torch.neg, torch.ones(1, 1).double(), 0.0, tolerance, max_steps=1)
        integrator.step = torch.tensor([float(step)], dtype=torch.float64)
        integrator.advance(4.0)
        assert integrator.accepted.tolist() == [accepted]


@pytest.mark.parametrize("size", [0, -600, 600, 1000])
def test_the_first_guess_moves_a_hundredth_of_the_position(size: int) -> None:
    """``y' = -2^p y`` for some p: the norms' ratio is ``2^-p``, whatever the size of ``y``."""
    start = torch.tensor([[3.0, 4.0]]).double() * 2.0**size
    for factor in (1.0, 2.0**20, 2.0**-20):
        integrator = Integrator(partial(torch.mul, -factor), start, 0.0, 2.0**-1000, 1)
        assert integrator.step.tolist() == [0.01 / factor]


@pytest.mark.parametrize("power", [1, 3])
def test_a_rejected_step_leaves_the_state(power: int) -> None:
    """``-50 y`` leads far off in a step of 1; ``-50 y^3`` in one of 1e150 beyond all numbers."""
    start, planned = torch.ones(1, 1).double(), 1.0 if power == 1 else 1e150
    integrator = Integrator(lambda y: -50 * y**power, start, RELATIVE, ABSOLUTE, max_steps=1)
    integrator.step = torch.tensor([planned], dtype=torch.float64)
    integrator.advance(1e200)
    assert integrator.accepted.tolist() == [0]
    assert integrator.stalled.tolist() == [True]
    assert integrator.time.tolist() == [0.0]
    assert integrator.point.tolist() == [[1.0]]
    assert integrator.slope.tolist() == [[-50.0]]
    assert integrator.step.tolist() == [planned * 0.2]


def test_the_next_step_after_one_that_was_cut_short() -> None:
    """At constant velocity nothing is in error, so that steps grow tenfold, as far as they went.

    One that is cut to less than a tenth is tried in full the next time.
    """
    start = torch.ones(1, 1).double()
    integrator = Integrator(torch.ones_like, start, RELATIVE, ABSOLUTE, 100)
    integrator.step = torch.tensor([0.125], dtype=torch.float64)
    end = 0.0
    for taken, planned in ((2.0**-10, 0.125), (0.125, 1.25), (1.25, 12.5), (1.0, 12.5)):
        end += taken
        before = integrator.accepted.tolist()[0]
        integrator.advance(end)
        assert integrator.accepted.tolist() == [before + 1]
        assert integrator.step.tolist() == [planned]


def test_a_step_too_small_for_the_clock_stalls() -> None:
    """``y' = y^2`` from 1 explodes at time 1; its companion from 0 goes on to time 2."""
    start = torch.tensor([[1.0], [0.0]]).double()
    integrator = Integrator(torch.square, start, RELATIVE, ABSOLUTE, 10_000)
    integrator.advance(2.0)
    assert integrator.stalled.tolist() == [True, False]
    assert integrator.point.isfinite().all()
    assert integrator.time[1] == 2.0
    assert integrator.tried[0] < 10_000
