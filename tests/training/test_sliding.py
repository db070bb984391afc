"""Flows that slide along kinks: a closed form, descent with small steps, the fall of the loss."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

from theorycheck.data.synthetic import uniform_sphere
from theorycheck.errors import InputError
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import RELU, Network, mlp
from theorycheck.training.cohorts import (
    Cohort,
    Objective,
    Parametrisation,
    State,
    parametrise,
)
from theorycheck.training.objectives import objective_values
from theorycheck.training.recording import Run
from theorycheck.training.sliding import Sliding
from theorycheck.training.trainers import gradient_descent, gradient_flow
from theorycheck.training.vector_field import Field

RELATIVE, ABSOLUTE = 1e-8, 1e-10
"""Definition: the tolerances of the flows."""
DECAY = 0.05
FAR = 0.01
"""Definition: flows move further than that, and bounds of errors are below it, so that a bound says
something."""
NEAR, STRAIGHT = 1e-3, 1.01
"""Definition: what is near in parts of the whole way, and how much longer than the distance of its
ends a way may be that is nearly straight."""


def slid(cohort: Cohort, objective: Objective, horizon: float, at: int = 1) -> Run:
    return gradient_flow(
        cohort,
        objective,
        horizon=horizon,
        checkpoints=at,
        relative_tolerance=RELATIVE,
        absolute_tolerance=ABSOLUTE,
        max_steps=400,
        at_kinks="slide",
        measures={"row": lambda network, state, x, y: Field(cohort, objective).pack(state)},
    )


def unit() -> Cohort:
    """``f = relu(<w, x>)`` with samples (1, 0), target -1, and (1, 2), target 3.

    The first pulls ``w_1`` down to 0 from above and leaves it alone below; the second pulls it up.
    So the flow slides along ``w_1 = 0``, where ``w_2' = -(2 w_2 - 3) 2 - 2 lambda w_2``.
    """
    inputs = torch.tensor([[1.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    targets = torch.tensor([[-1.0], [3.0]], dtype=torch.float64)
    start = State((torch.tensor([[[0.5, 0.4]]], dtype=torch.float64),))
    return Cohort.broadcast(mlp((2, 1), output_slope=RELU), start, inputs, targets, DECAY)


def error_bound(steps: int, width: int, largest: float) -> float:
    """How far the steps of a flow may be off together, each by the tolerance of every coordinate.

    Where the flow contracts, that bounds the error of its end.
    """
    return steps * math.sqrt(width) * (ABSOLUTE + RELATIVE * largest)


@pytest.mark.usefixtures("engine")
def test_along_a_kink_the_flow_is_the_closed_form() -> None:
    run = slid(unit(), Objective(), 3.0, at=6)
    assert not run.stalled.any()
    first, second = run.trace["row"][:, 0].unbind(dim=-1)
    on_kink = first == 0
    assert on_kink.tolist() == [False, False, *[True] * 5]
    rate, limit = 4 + 2 * DECAY, 6 / (4 + 2 * DECAY)
    kept = second[on_kink] - limit
    decay = torch.exp(-rate * (run.times[on_kink] - run.times[on_kink][0]))
    bound = error_bound(int(run.steps[0]), 2, 2.0)
    assert bound < FAR
    assert ((kept - kept[0] * decay).abs() <= bound).all()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("max_steps", [44, 60])
def test_along_a_kink_a_flow_may_take_as_many_steps_again(max_steps: int) -> None:
    """From near the kink, so that it is reached in fewer steps than there are on either way."""
    near = State((torch.tensor([[[2.0**-10, 0.4]]], dtype=torch.float64),))
    options: dict[str, Any] = {"relative_tolerance": 1e-10, "absolute_tolerance": 1e-12}
    flow = partial(gradient_flow, replace(unit(), state=near), Objective(), horizon=3.0, **options)
    stopped = flow(max_steps=max_steps)
    assert stopped.at_kink.tolist() == [True]
    run = flow(max_steps=max_steps, at_kinks="slide")
    assert run.stalled.tolist() == run.at_kink.tolist() == [True]
    assert (run.steps - stopped.steps).tolist() == [max_steps]
    assert not flow(max_steps=200, at_kinks="slide").stalled.any()


def random_cohort(seed: int, slope: float, parametrisation: Parametrisation) -> Cohort:
    network = mlp((4, 6, 6, 1), slope)
    data = uniform_sphere(6, 4, 2, seed)
    parameters = initialise(network, 1, seed=seed, dtype=torch.float64)
    state = parametrise(network, parameters, parametrisation)
    targets = torch.from_numpy(1.0 - 2.0 * data.labels).view(1, 6, 1)
    return Cohort.broadcast(network, state, torch.from_numpy(data.inputs), targets, DECAY)


def descended(cohort: Cohort, objective: Objective, horizon: float, steps: int) -> torch.Tensor:
    rate = horizon / steps
    run = gradient_descent(cohort, objective, learning_rate=rate, steps=steps)
    return Field(cohort, objective).pack(run.state)


@pytest.mark.parametrize(
    ("parametrisation", "seed", "slope"),
    [("plain", 0, 0.25), ("plain", 1, RELU), ("lagrange", 1, RELU), ("weight-norm", 2, RELU)],
)
def test_descent_with_small_steps_comes_near(
    parametrisation: Parametrisation, seed: int, slope: float
) -> None:
    """Steps of length eta chatter about the kinks that the flow slides along: O(eta) off."""
    cohort = random_cohort(seed, slope, parametrisation)
    objective = Objective(penalty="weights" if parametrisation == "plain" else "rho")
    run = slid(cohort, objective, 4.0)
    stopped = gradient_flow(cohort, objective, horizon=4.0, max_steps=400)
    assert stopped.at_kink.all()
    assert not run.stalled.any()
    start, end = (Field(cohort, objective).pack(state) for state in (cohort.state, run.state))
    far, near = (
        float((descended(cohort, objective, 4.0, steps) - end).norm()) for steps in (2**11, 2**15)
    )
    moved = float((end - start).norm())
    assert near < far / 4
    assert near < NEAR * moved


@pytest.mark.parametrize("seed", [0, 1])
def test_the_loss_falls_by_the_squared_speed(seed: int) -> None:
    """The velocity is the shortest vector of its set: along it the loss falls as fast as it may."""
    cohort, objective = random_cohort(seed, RELU, "plain"), Objective()
    run = slid(cohort, objective, 4.0, at=64)
    assert not run.stalled.any()
    rows = run.trace["row"][:, 0]
    field = Field(cohort, objective)
    states = [replace(cohort, state=field.unpack(row[None])) for row in rows]
    losses = torch.cat([objective_values(state, objective) for state in states])
    lengths, interval = rows.diff(dim=0).norm(dim=1), float(run.times[1])
    # The way is at least as long as its ends are apart, and by Cauchy and Schwarz the loss falls by
    # at least the square of its length over the time.
    falls = -losses.diff()
    error = error_bound(int(run.steps[0]), rows.shape[1], float(rows.abs().max()))
    assert error < FAR
    assert (falls * interval >= lengths.square() - 2 * error * lengths).all()
    # Where the way is nearly straight, by no more.
    assert (falls[-8:] * interval <= STRAIGHT * (lengths[-8:] + error).square()).all()


def test_batch_normalisation_cannot_slide() -> None:
    network = mlp((2, 2, 1), normalisation="batch")
    start = State(initialise(network, 1, seed=0, dtype=torch.float64))
    cohort = Cohort.broadcast(network, start, unit().inputs, unit().targets)
    with pytest.raises(InputError, match="cannot slide"):
        gradient_flow(cohort, Objective(), horizon=1.0, at_kinks="slide")


def test_members_that_reach_no_kink_are_left_alone() -> None:
    cohort: Cohort = replace(unit(), network=Network(2, mlp((2, 1)).layers))
    free = gradient_flow(cohort, Objective(), horizon=2.0)
    same = gradient_flow(cohort, Objective(), horizon=2.0, at_kinks="slide")
    assert torch.equal(free.state.parameters[0], same.state.parameters[0])
    assert torch.equal(free.steps, same.steps)


@pytest.mark.usefixtures("engine")
def test_a_trial_step_beyond_all_numbers_is_rejected() -> None:
    """The loss is an exponential of thousands; the first member's trials reach inf and nan.

    Where the velocity is minus a gradient, the loss falls by at least the square of the distance
    over the time, by Cauchy and Schwarz. The member beside it slides as it does alone.
    """
    generator = torch.Generator().manual_seed(0)
    network = mlp((2, 3, 1))
    numbers: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    inputs = torch.randn(1, 4, 2, **numbers) * torch.tensor([[[16.0]], [[1.0]]]).double()
    targets = torch.randn(1, 4, 1, **numbers).sign().expand(2, -1, -1)
    start = initialise(network, 1, seed=0, dtype=torch.float64)
    state = State(tuple(p.expand(2, -1, -1) for p in start))
    both = Cohort(network, state, inputs, targets, torch.zeros(2).double())
    objective = Objective("exponential")
    flow = partial(gradient_flow, objective=objective, horizon=10.0, max_steps=300)
    stopped, run = flow(both), flow(both, at_kinks="slide")
    assert stopped.at_kink[0]
    assert not run.stalled[0]
    before, here, after = (
        objective_values(replace(both, state=state), objective)[0]
        for state in (both.state, stopped.state, run.state)
    )
    first, last = (Field(both, objective).pack(state)[0] for state in (both.state, run.state))
    assert after < here
    assert before - after >= (last - first).square().sum() / 10
    alone = flow(both.part(slice(1, 2)), at_kinks="slide")
    pairs = zip(run.by_member(), alone.by_member(), strict=True)
    assert all(torch.equal(a[1], b[0]) for a, b in pairs)


def endless() -> Sliding:
    """``f = relu(w x)`` beyond all numbers."""
    huge = torch.full((1, 1), 1e200, dtype=torch.float64)
    cohort = Cohort.broadcast(mlp((1, 1), output_slope=RELU), State((huge[None],)), huge, huge)
    return Sliding(cohort, Objective(), huge[0], 0.0, (RELATIVE, ABSOLUTE), 400)


def test_a_way_without_a_finite_velocity_stalls() -> None:
    """Where it begins, and where the slopes at a kink are to be chosen."""
    way = endless()
    way.advance(1.0)
    assert way.stalled
    way = endless()
    way._turn(0)
    assert way.stalled
    assert way.point.tolist() == [1e200]
