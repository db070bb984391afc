"""Flows that stall: at a kink that the velocity points to from both sides, or for other reasons."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from theorycheck import notes
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.kinks import TRIES, crossing
from theorycheck.training.recording import Run
from theorycheck.training.trainers import gradient_descent, gradient_flow

pytestmark = pytest.mark.usefixtures("engine")


def cohort(members: int = 4) -> Cohort:
    """``f = |w x|`` but for a factor 1/2 on the left, with one weight.

    With target -1 and x = 1, ``w' = -2 (f + 1) f'`` points to 0 from both sides and is 2 or 1
    there: the first two members stall at the kink. The third, with x = 64 and target 64, has the
    rate 8192 on its way from 2 to 1, which takes more steps than are allowed. The last one arrives.
    """
    numbers = [[1.0, 1.0, -1.0], [-1.0, 1.0, -1.0], [2.0, 64.0, 64.0], [2.0, 1.0, 1.0]]
    weights, inputs, targets = torch.tensor(numbers[:members], dtype=torch.float64).T.unbind()
    start = State((weights.view(-1, 1, 1),))
    network = mlp((1, 1), output_slope=-0.5)
    return Cohort.broadcast(network, start, inputs.view(-1, 1, 1), targets.view(-1, 1, 1))


def test_a_flow_says_that_it_stalled_at_a_kink() -> None:
    with notes.collecting() as collected:
        run = gradient_flow(cohort(), Objective(penalty="none"), horizon=2.0, max_steps=400)
    assert run.stalled.tolist() == [True, True, True, False]
    assert run.at_kink.tolist() == [True, True, False, False]
    assert run.notes == ("3 of 4 members stalled, 2 of them at a kink",)
    assert collected == list(run.notes)


def test_a_flow_that_arrives_says_nothing() -> None:
    calm = cohort()
    last = slice(3, 4)
    with notes.collecting() as collected:
        run = gradient_flow(calm.part(last), Objective(penalty="none"), horizon=2.0)
        descent = gradient_descent(calm, Objective(penalty="none"), learning_rate=0.125, steps=3)
    assert run.notes == descent.notes == ()
    assert collected == []
    assert not run.at_kink.any()
    assert descent.at_kink.tolist() == [False] * 4


@pytest.mark.parametrize("start", [1.0, 0.25])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_flow_that_would_pass_a_kink_is_not_at_one(start: float, side: float) -> None:
    """``f = z`` or ``z / 2`` with target -1: the velocity leads z through 0 to -2.

    It is stopped on its way there, and steps that it would take next cross the kink.
    """
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    state = State((start * side * one,))
    cohort = Cohort.broadcast(mlp((1, 1), output_slope=0.5), state, side * one[0], -one[0])

    def stopped_after(steps: int) -> Run:
        return gradient_flow(cohort, Objective(penalty="none"), horizon=20.0, max_steps=steps)

    def place(run: Run) -> float:
        return float(run.state.parameters[0]) * side

    runs = ((stopped_after(n), stopped_after(n + TRIES)) for n in range(1, 400, TRIES // 2))
    before = next(here for here, later in runs if place(later) < 0 < place(here))
    assert before.stalled.tolist() == [True]
    assert before.at_kink.tolist() == [False]


@pytest.mark.parametrize(
    ("place", "step", "near"),
    [(0.125, 1e-3, True), (0.125, 1e-14, True), (2.0**60, 1e-3, False)],
)
def test_some_steps_are_looked_at(place: float, step: float, near: bool) -> None:
    """Steps grow tenfold: one of 1e-14 crosses the kink after 14 more, of `TRIES`.

    From 2^60 the flow decays as ``exp(-2 t)``, in steps that tolerances keep below 1/10.
    """
    first = cohort().part(slice(0, 1))
    stopped = SimpleNamespace(
        point=torch.full((1, 1), place, dtype=torch.float64),
        step=torch.full((1,), step, dtype=torch.float64),
        stalled=torch.tensor([True]),
    )
    found = crossing(first, Objective(penalty="none"), stopped, (1e-8, 1e-10))
    assert found.tolist() == [near]
    assert 14 < TRIES < math.log(2.0**60) / (2 * 0.1)
