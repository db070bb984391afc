"""What the functions of networks refuse: parameters and inputs of another kind, shape or dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from theorycheck.errors import InputError, quoted
from theorycheck.networks.evaluation import activate, forward, sample_gradients, vertices
from theorycheck.networks.initialisation import (
    frobenius_norms,
    initialise,
    mean_distance,
    normalise,
)
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import State, outputs

NETWORK = mlp([3, 4, 2])
PARAMETERS = initialise(NETWORK, 2)
INPUTS = torch.ones(5, 3, dtype=torch.float64)
EIGHT = tuple(p.to(torch.float8_e4m3fn) for p in PARAMETERS)

EVALUATE: list[Callable[..., Any]] = [
    forward,
    vertices,
    sample_gradients,
    lambda network, parameters, inputs: outputs(network, State(parameters), inputs),
]
MEASURE: list[Callable[..., Any]] = [
    frobenius_norms,
    normalise,
    lambda network, parameters: mean_distance(network, PARAMETERS, parameters),
    lambda network, parameters: mean_distance(network, parameters, PARAMETERS),
]
NO_PARAMETERS: list[tuple[Any, str]] = [
    (None, "parameters must be a tuple of torch tensors"),
    (torch.empty(0), "parameters must be a tuple of torch tensors"),
    (PARAMETERS[0], "parameters must be a tuple of torch tensors"),
    (tuple(p.numpy() for p in PARAMETERS), "parameter 0 must be a torch tensor"),
    (tuple(p.tolist() for p in PARAMETERS), "parameter 0 must be a torch tensor"),
    (tuple(p.long() for p in PARAMETERS), "parameter 0 is torch.int64"),
    (EIGHT, "parameter 0 is torch.float8_e4m3fn"),
    (tuple(p.to("meta") for p in PARAMETERS), "parameter 0 is on the device meta"),
    ((), "do not fit the network"),
    (PARAMETERS[:1], "do not fit the network"),
    ((*PARAMETERS, PARAMETERS[0]), "do not fit the network"),
    (tuple(p[0] for p in PARAMETERS), "do not fit the network"),
    (tuple(p[:0] for p in PARAMETERS), "do not fit the network"),
    ((PARAMETERS[0][:1], PARAMETERS[1]), "do not fit the network"),
    (initialise(mlp([3, 5, 2]), 2), "do not fit the network"),
    ((PARAMETERS[0], PARAMETERS[1].float()), "one floating dtype"),
]
NO_INPUTS: list[tuple[Any, str]] = [
    (None, "inputs must be a torch tensor"),
    (INPUTS.numpy(), "inputs must be a torch tensor"),
    (INPUTS.tolist(), "inputs must be a torch tensor"),
    (INPUTS.long(), "inputs is torch.int64"),
    (INPUTS.to(torch.float8_e4m3fn), "inputs is torch.float8_e4m3fn"),
    (INPUTS.to("meta"), "inputs is on the device meta"),
    (INPUTS.to_sparse(), "inputs must be a dense tensor"),
    (INPUTS.float(), "one floating dtype"),
    (INPUTS[0], r"inputs must have shape \(N, 3\) or \(2, N, 3\)"),
    (INPUTS[:, :2], r"inputs must have shape \(N, 3\)"),
    (INPUTS[:0], r"inputs must have shape \(N, 3\)"),
    (INPUTS.expand(3, 5, 3), r"inputs must have shape \(N, 3\)"),
    (INPUTS.expand(1, 2, 5, 3), r"inputs must have shape \(N, 3\)"),
]


def told(value: Any) -> str | None:
    return None if callable(value) else quoted(value)[:40]


@pytest.mark.parametrize(("parameters", "message"), NO_PARAMETERS, ids=told)
@pytest.mark.parametrize("use", [*EVALUATE, *MEASURE], ids=range(8))
def test_parameters_of_another_kind(use: Callable[..., Any], parameters: Any, message: str) -> None:
    data = (INPUTS,) if use in EVALUATE else ()
    with pytest.raises(InputError, match=message) as raised:
        use(NETWORK, parameters, *data)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("inputs", "message"), NO_INPUTS, ids=told)
@pytest.mark.parametrize("use", EVALUATE, ids=range(4))
def test_inputs_of_another_kind(use: Callable[..., Any], inputs: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        use(NETWORK, PARAMETERS, inputs)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("network", [None, "mlp", [3, 4, 2]])
@pytest.mark.parametrize("use", [*EVALUATE, *MEASURE], ids=range(8))
def test_what_is_no_network(use: Callable[..., Any], network: Any) -> None:
    with pytest.raises(InputError, match="the network must be a Network"):
        use(network, PARAMETERS, *((INPUTS,) if use in EVALUATE else ()))


def test_members_of_two_states_are_the_same() -> None:
    with pytest.raises(InputError, match="the same members before and after, not 2 and 3"):
        mean_distance(NETWORK, PARAMETERS, initialise(NETWORK, 3))


@pytest.mark.parametrize("inputs", [INPUTS, INPUTS[None], INPUTS.expand(2, 5, 3)])
def test_inputs_of_all_members_or_of_each(inputs: torch.Tensor) -> None:
    assert torch.equal(forward(NETWORK, PARAMETERS, inputs), forward(NETWORK, PARAMETERS, INPUTS))
    assert forward(NETWORK, list(PARAMETERS), inputs).shape == (2, 5, 2)  # type: ignore[arg-type]


def test_gradients_are_taken_where_none_are_recorded() -> None:
    expected = sample_gradients(NETWORK, PARAMETERS, INPUTS)
    with torch.no_grad():
        found = sample_gradients(NETWORK, PARAMETERS, INPUTS)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize(
    ("value", "slope", "message"),
    [
        (np.ones(2), 0.5, "the preactivation must be a torch tensor"),
        ([1.0], 0.0, "the preactivation must be a torch tensor"),
        (torch.ones(2).long(), 0.0, "the preactivation is torch.int64"),
        (torch.ones(2), "x", "the slope must be a number"),
        (torch.ones(2), None, "the slope must be a number"),
    ],
)
def test_what_cannot_be_activated(value: Any, slope: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        activate(value, slope)
