"""Tensors that require gradients train as others do, and what is found requires none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.dyadic_cohorts import dyadic_cohort
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import Cohort, Objective, parametrise
from theorycheck.training.events import follow_events
from theorycheck.training.objectives import objective_values
from theorycheck.training.recording import GradientNorm
from theorycheck.training.rest import points_of_rest
from theorycheck.training.trainers import gradient_descent, gradient_flow
from theorycheck.training.vector_field import velocity

NETWORK = mlp((2, 1))
OBJECTIVE = Objective("square", "mean", "rho")
PLAIN = dyadic_cohort(NETWORK)
COHORT = replace(PLAIN, state=parametrise(NETWORK, PLAIN.state.parameters, "weight-norm"))


def leaf(tensor: Tensor) -> Tensor:
    return tensor.clone().requires_grad_()


def requiring(cohort: Cohort) -> Cohort:
    assert cohort.state.rho is not None
    parameters = tuple(map(leaf, cohort.state.parameters))
    state = replace(cohort.state, parameters=parameters, rho=leaf(cohort.state.rho))
    data = (leaf(t) for t in (cohort.inputs, cohort.targets, cohort.weight_decay))
    return Cohort(cohort.network, state, *data)


def turning(cohort: Cohort, moving: Any) -> Tensor:
    """Of numbers of a cohort that may require gradients."""
    found: Tensor = moving.rho - 0.25 + 0 * cohort.weight_decay
    return found


def flowing(engine: Any) -> Callable[[Cohort], Tensor]:
    def reached(cohort: Cohort) -> Tensor:
        measures = {"norm": GradientNorm(OBJECTIVE)}
        run = gradient_flow(cohort, OBJECTIVE, horizon=0.5, engine=engine, measures=measures)
        return torch.cat([run.state.parameters[0].flatten(), run.trace["norm"].flatten()])

    return reached


def descending(engine: Any) -> Callable[[Cohort], Tensor]:
    def reached(cohort: Cohort) -> Tensor:
        run = gradient_descent(cohort, OBJECTIVE, steps=3, learning_rate=0.125, engine=engine)
        return run.state.parameters[0]

    return reached


def drift(cohort: Cohort) -> Tensor:
    found = velocity(cohort, OBJECTIVE).rho
    assert found is not None
    return found


def events(cohort: Cohort) -> Tensor:
    course = follow_events(cohort, OBJECTIVE, turning, horizon=4.0, threshold=1e-6)
    times = [crossing.time for one in course.crossings for crossing in one]
    return torch.tensor([*times, *course.state.parameters[0].flatten().tolist()])


def rests(cohort: Cohort) -> Tensor:
    return torch.tensor([float(rest.rho.mid()) for rest in points_of_rest(cohort) if rest])


USES: dict[str, Callable[[Cohort], Tensor]] = {
    "velocity": lambda cohort: velocity(cohort, OBJECTIVE).parameters[0],
    "velocity of rho": drift,
    "events": events,
    "rests": rests,
    "stacked flow": flowing("stacked"),
    "compiled flow": flowing("compiled"),
    "stacked descent": descending("stacked"),
    "compiled descent": descending("compiled"),
    "gradient norm": lambda cohort: GradientNorm(OBJECTIVE).of(cohort)(
        cohort.network, cohort.state, cohort.inputs, cohort.targets
    ),
}


@pytest.mark.parametrize("name", USES)
def test_tensors_that_require_gradients(name: str) -> None:
    expected, found = USES[name](COHORT), USES[name](requiring(COHORT))
    assert expected.numel() > 0
    assert torch.equal(found, expected)
    assert not found.requires_grad


def test_objectives_have_gradients() -> None:
    cohort = requiring(COHORT)
    rho = cohort.state.rho
    assert rho is not None
    (slope,) = torch.autograd.grad(objective_values(cohort, OBJECTIVE).sum(), [rho])
    assert slope.all()
    assert slope.isfinite().all()
