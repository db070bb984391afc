"""Gradient flow of both engines, against closed forms and SciPy."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.dyadic_cohorts import PLAIN_SQUARE, dyadic_cohort, unit_start
from tests.training.flows import FAR, error_bound, flow, pack, scipy_flow
from theorycheck.networks.specification import LINEAR, mlp
from theorycheck.training.cohorts import Cohort, Objective, State

pytestmark = pytest.mark.usefixtures("engine")


def closed_form(cohort: Cohort) -> tuple[Tensor, Tensor, Tensor]:
    """Rate, limit and start, ``(K,)`` each, of ``w = limit + (start - limit) exp(-2 rate t)``."""
    rate = cohort.inputs.square().mean(dim=(1, 2)) + cohort.weight_decay
    limit = (cohort.inputs * cohort.targets).mean(dim=(1, 2)) / rate
    return rate, limit, cohort.state.parameters[0][:, 0, 0]


@pytest.mark.parametrize("checkpoints", [4, [0.0, 0.5, 0.75, 3.0]])
def test_linear_flow_is_the_closed_form(checkpoints: Any) -> None:
    """``w' = -2 (a + lambda) w + 2 b`` with ``a = mean x^2``, ``b = mean x y``: contracting."""
    cohort = dyadic_cohort(mlp((1, 1)))
    measures = {"w": lambda network, state, x, y: state.parameters[0][:, 0, 0]}
    run = flow(cohort, Objective(), 3.0, checkpoints=checkpoints, measures=measures)
    rate, limit, start = closed_form(cohort)
    expected = limit + (start - limit) * torch.exp(-2 * rate * run.times[:, None])
    bound = error_bound(int(run.steps.max()), 1, float(expected.abs().max()))
    assert run.times.tolist() == ([0.0, 0.75, 1.5, 2.25, 3.0] if checkpoints == 4 else checkpoints)
    assert ((run.trace["w"] - expected).abs() <= bound).all()
    assert torch.equal(run.state.parameters[0][:, 0, 0], run.trace["w"][-1])


@pytest.mark.parametrize("target", [1.0, 1e145, 1e150, 1e300])
def test_a_flow_begins_however_large_its_velocity(target: float) -> None:
    """``w' = -2 (w - y)`` from 1: at 1e150 squares are beyond all numbers, at 1e300 norms too."""
    one = torch.ones(1, 1).double()
    cohort = Cohort.broadcast(mlp((1, 1)), State((one[None],)), one, target * one)
    run = flow(cohort, PLAIN_SQUARE, 1.0)
    expected = target + (1 - target) * math.exp(-2)
    bound = error_bound(int(run.steps[0]), 1, 1.0)
    assert bound < FAR
    assert not run.stalled.any()
    assert abs(float(run.state.parameters[0]) - expected) <= bound * target


def small_flow_cohort(scale: float = 0.25) -> Cohort:
    """A linear network of two layers, whose flow is smooth, on one member."""
    cohort = dyadic_cohort(mlp((2, 2, 1), LINEAR), members=1, seed=20)
    state = State(tuple(scale * p for p in cohort.state.parameters))
    return replace(cohort, state=state, inputs=0.25 * cohort.inputs)


@pytest.mark.parametrize("start", ["plain", "on the sphere", "off the sphere"])
def test_flow_agrees_with_scipy(start: str) -> None:
    cohort, objective = small_flow_cohort(), Objective()
    if start != "plain":
        cohort, objective = unit_start(cohort, "lagrange"), Objective("square", "mean", "rho")
    if start == "off the sphere":
        away = tuple(f * p for f, p in zip((1.25, 0.75), cohort.state.parameters, strict=True))
        cohort = replace(cohort, state=replace(cohort.state, parameters=away))
    run = flow(cohort, objective, 2.0)
    expected, largest, growth = scipy_flow(cohort, 2.0)
    rho = None if run.state.rho is None else float(run.state.rho[0])
    reached = pack(rho, [p[0].numpy() for p in run.state.parameters])
    bound = error_bound(int(run.steps[0]) + 1, len(expected), largest, growth)
    assert bound < FAR
    assert np.linalg.norm(reached - expected) <= bound


def test_lagrange_flow_is_weight_normalisation() -> None:
    """On the spheres both flows keep the norms and are the same flow (xu2022, Section 3.2)."""
    cohort, objective = small_flow_cohort(), Objective("square", "mean", "rho")
    _, largest, growth = scipy_flow(unit_start(cohort, "lagrange"), 2.0)
    ends = []
    for parametrisation in ("lagrange", "weight-norm"):
        run = flow(unit_start(cohort, parametrisation), objective, 2.0)
        bound = error_bound(int(run.steps[0]), 7, largest, growth)
        assert run.state.rho is not None
        for weights in run.state.parameters:
            assert abs(float(torch.linalg.vector_norm(weights)) - 1) <= bound
        ends.append(torch.cat([run.state.rho, *(p.flatten() for p in run.state.parameters)]))
        moved = (
            run.state.parameters[0] - unit_start(cohort, "lagrange").state.parameters[0]
        ).norm()
        assert moved > FAR
    assert torch.linalg.vector_norm(ends[0] - ends[1]) <= 2 * bound


def test_each_member_has_its_own_steps() -> None:
    """A stiff companion, curvature 16 times larger, leaves a member's steps as they are."""
    gentle = dyadic_cohort(mlp((2, 1)), members=1, seed=3)
    stiff = replace(gentle, inputs=4 * gentle.inputs)
    both = Cohort(
        gentle.network,
        State((gentle.state.parameters[0].repeat(2, 1, 1),)),
        torch.cat([gentle.inputs, stiff.inputs]),
        torch.cat([gentle.targets, stiff.targets]),
        gentle.weight_decay.repeat(2),
    )
    runs = [flow(cohort, Objective(), 2.0, checkpoints=3) for cohort in (gentle, stiff, both)]
    assert runs[2].steps.tolist() == [int(runs[0].steps[0]), int(runs[1].steps[0])]
    assert runs[1].steps[0] > 2 * runs[0].steps[0]
    bound = error_bound(int(runs[2].steps[0]), 2, 4.0)
    for k in range(2):
        alone, together = runs[k].state.parameters[0][0], runs[2].state.parameters[0][k]
        assert torch.linalg.vector_norm(alone - together) <= 2 * bound


def test_members_that_cannot_finish_are_stalled() -> None:
    cohort = dyadic_cohort(mlp((2, 1)), members=2)
    calm = replace(cohort, inputs=cohort.inputs * torch.tensor([0.0, 64.0])[:, None, None])
    calm = replace(calm, weight_decay=torch.zeros(2).double())
    run = flow(calm, PLAIN_SQUARE, 1.0, max_steps=20)
    assert run.stalled.tolist() == [False, True]
    assert not run.diverged.any()
    assert torch.equal(run.state.parameters[0][0], cohort.state.parameters[0][0])
    assert run.state.parameters[0].isfinite().all()


def test_a_start_without_finite_velocity_has_diverged() -> None:
    cohort = dyadic_cohort(mlp((1, 1)), members=2)
    huge = replace(cohort, state=State((torch.tensor([[[1.0]], [[1e308]]], dtype=torch.float64),)))
    run = flow(replace(huge, inputs=torch.full_like(cohort.inputs, 4.0)), Objective(), 1.0)
    assert run.diverged.tolist() == [False, True]
    assert not run.stalled.any()


@pytest.mark.parametrize(
    "checkpoints",
    [[], [0.0], [1.5], [1.5, math.nextafter(3.0, 0.0)], [0.0, 3.0], [3.0], 1],
    ids=str,
)
def test_the_state_is_that_of_the_horizon_wherever_the_last_record_is(checkpoints: Any) -> None:
    """The closed form, at the horizon and at the records, which move the steps but not the end."""
    cohort = dyadic_cohort(mlp((1, 1)))
    measures = {"w": lambda network, state, x, y: state.parameters[0][:, 0, 0]}
    run = flow(cohort, Objective(), 3.0, checkpoints=checkpoints, measures=measures)
    rate, limit, start = closed_form(cohort)
    records = [0.0, 3.0] if checkpoints == 1 else checkpoints
    assert run.times.tolist() == records
    found = [*run.trace.get("w", ()), run.state.parameters[0][:, 0, 0]]
    for time, reached in zip([*records, 3.0], found, strict=True):
        expected = limit + (start - limit) * torch.exp(-2 * rate * time)
        bound = error_bound(int(run.steps.max()), 1, float(expected.abs().max()))
        assert bound < FAR
        assert ((reached - expected).abs() <= bound).all()
    before = limit + (start - limit) * torch.exp(-2 * rate * 1.5)
    assert ((before - found[-1]).abs() > bound).any()
