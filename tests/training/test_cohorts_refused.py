"""What the functions of cohorts refuse: cohorts, objectives, states and devices that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.dyadic_cohorts import dyadic_cohort
from theorycheck.errors import InputError, quoted
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import (
    Cohort,
    Objective,
    State,
    outputs,
    parametrise,
    resolve_device,
)
from theorycheck.training.events import follow_events
from theorycheck.training.objectives import objective_values
from theorycheck.training.recording import GradientNorm
from theorycheck.training.rest import points_of_rest
from theorycheck.training.trainers import gradient_descent, gradient_flow, sgd
from theorycheck.training.vector_field import velocity

NETWORK = mlp((2, 3, 1))
COHORT = dyadic_cohort(NETWORK)
PARAMETERS = initialise(NETWORK, 2)
ZERO = torch.zeros(3)
EIGHT: Any = torch.float8_e4m3fn
SEEDS = torch.tensor([1, 2, 3])


def decay(cohort: Cohort, _: State) -> Tensor:
    return cohort.weight_decay


def followed(cohort: Any, objective: Any, quantity: Any = decay) -> object:
    return follow_events(cohort, objective, quantity, horizon=0.125, threshold=1e-6)


USES: dict[str, Callable[[Any, Any], object]] = {
    "objective_values": objective_values,
    "velocity": velocity,
    "follow_events": followed,
    "gradient norm": lambda cohort, objective: GradientNorm(objective).of(cohort),
    "sgd": lambda cohort, objective: sgd(
        cohort, objective, batch_size=2, epochs=1, learning_rate=0.125, batch_seeds=SEEDS
    ),
    "descent": lambda cohort, objective: gradient_descent(
        cohort, objective, steps=1, learning_rate=0.125
    ),
    "flow": lambda cohort, objective: gradient_flow(cohort, objective, horizon=0.125),
}


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("wrong", [None, "square", COHORT.state, np.ones(3)], ids=range(4))
def test_what_is_no_cohort_or_objective(name: str, wrong: Any) -> None:
    with pytest.raises(InputError, match="cohort must be a Cohort, not"):
        USES[name](wrong, Objective())
    with pytest.raises(InputError, match="objective must be an Objective, not") as raised:
        USES[name](COHORT, wrong)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("wrong", [None, COHORT.state, 3])
def test_points_of_rest_are_of_cohorts(wrong: Any) -> None:
    with pytest.raises(InputError, match="cohort must be a Cohort, not"):
        points_of_rest(wrong)


QUANTITIES: list[tuple[Any, str]] = [
    (None, "the quantity must be a function"),
    ("rho", "the quantity must be a function"),
    (lambda cohort, _: None, "the quantity must be a torch tensor, not NoneType"),
    (lambda cohort, _: [1.0, 2.0, 3.0], "the quantity must be a torch tensor, not list"),
    (lambda cohort, _: torch.ones(2), r"the quantity must have shape \(3,\), not \(2,\)"),
    (lambda cohort, _: torch.ones(3, 1), r"the quantity must have shape \(3,\), not \(3, 1\)"),
    (lambda cohort, _: torch.tensor(1.0), r"the quantity must have shape \(3,\), not \(\)"),
    (lambda cohort, _: torch.ones(3, dtype=torch.bool), "the quantity is torch.bool"),
]


@pytest.mark.parametrize(("quantity", "message"), QUANTITIES, ids=range(len(QUANTITIES)))
def test_quantities_that_are_none(quantity: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        followed(COHORT, Objective(), quantity)


def test_a_quantity_of_a_single_member_is_a_single_number() -> None:
    with pytest.raises(InputError, match=r"the quantity must have shape \(1,\), not \(3,\)"):
        followed(COHORT.part(slice(0, 1)), Objective(), lambda cohort, _: torch.ones(3))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (None, "parameters must be a tuple"),
        (ZERO, "parameters must be a tuple"),
        (torch.empty(0), "parameters must be a tuple"),
        ((ZERO,), "do not fit the network"),
        ((), "do not fit the network"),
        (tuple(p.to("meta") for p in PARAMETERS), "parameter 0 is on the device meta"),
        (tuple(p.to(EIGHT) for p in PARAMETERS), "parameter 0 is torch.float8_e4m3fn"),
        (tuple(p.numpy() for p in PARAMETERS), "parameter 0 must be a torch tensor"),
    ],
    ids=range(8),
)
@pytest.mark.parametrize("kind", ["plain", "lagrange", "weight-norm"])
def test_what_cannot_be_parametrised(kind: Any, parameters: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parametrise(NETWORK, parameters, kind)


@pytest.mark.parametrize("kind", [None, "Plain", np.array(["plain", "lagrange"]), ["plain"]])
def test_parametrisations_and_networks_that_are_none(kind: Any) -> None:
    wrong: Any
    with pytest.raises(InputError, match="unknown parametrisation"):
        parametrise(NETWORK, PARAMETERS, kind)
    for wrong in (None, [2, 3, 1]):
        with pytest.raises(InputError, match="the network must be a Network"):
            parametrise(wrong, PARAMETERS, "plain")


@pytest.mark.parametrize("name", ["loss", "reduction", "penalty"])
@pytest.mark.parametrize("value", [None, "hinge", np.array(["mean", "sum"]), ["mean"], 3], ids=str)
def test_options_of_objectives_that_are_none(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"unknown {name}") as raised:
        Objective(**{name: value})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (None, "the state must be a State"),
        (PARAMETERS, "the state must be a State"),
        (State(PARAMETERS, torch.ones(3).double(), "lagrange"), r"rho must have shape \(2,\)"),
        (State(PARAMETERS, torch.ones(2, 1).double(), "lagrange"), r"rho must have shape \(2,\)"),
        (State(PARAMETERS[:1]), "do not fit the network"),
        (State(PARAMETERS[:1], torch.ones(2), "weight-norm"), "do not fit the network"),
    ],
    ids=range(6),
)
def test_states_without_outputs(state: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        outputs(NETWORK, state, torch.ones(4, 2).double())


@pytest.mark.parametrize("name", [None, 3, np.array(["cpu", "cuda"]), ["cpu"], "gpu"], ids=quoted)
def test_devices_that_are_none(name: Any) -> None:
    with pytest.raises(InputError, match="unknown device"):
        resolve_device(name)


def test_numbers_of_eight_bits_are_no_dtype() -> None:
    with pytest.raises(InputError, match=r"dtype is torch\.float8_e4m3fn: give it float16"):
        COHORT.to(dtype=EIGHT)
    for name in ("inputs", "targets", "weight_decay"):
        with pytest.raises(InputError, match=f"{name} is torch.float8_e4m3fn: give it float16"):
            replace(COHORT, **{name: getattr(COHORT, name).to(EIGHT)})
    with pytest.raises(InputError, match=r"parameter 0 is torch\.float8_e4m3fn"):
        State(tuple(p.to(EIGHT) for p in PARAMETERS))
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        assert COHORT.to(dtype=dtype).inputs.dtype == dtype


@pytest.mark.parametrize("truth", [True, torch.tensor(True), [True] * 3, np.bool_(True)], ids=str)
def test_a_weight_decay_is_no_truth_value(truth: Any) -> None:
    data = COHORT.inputs, COHORT.targets
    with pytest.raises(InputError, match="weight_decay must be a number"):
        Cohort.broadcast(NETWORK, COHORT.state, *data, truth)
