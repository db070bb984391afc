"""Cohorts: losses and their slopes, parametrisations, shared data and devices."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.cohorts import integers, seeds
from tests.training.dyadic_cohorts import dyadic, signs
from tests.training.velocities import UNIT
from theorycheck.errors import InputError
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import (
    Cohort,
    Loss,
    Objective,
    State,
    outputs,
    parametrise,
    resolve_device,
    sample_losses,
    sample_slopes,
)
from theorycheck.training.vector_field import velocity


def test_square_losses_are_summed_over_outputs() -> None:
    values, targets = torch.tensor([[[1.0, 2.0], [0.0, 0.0]]]), torch.tensor([[[3.0, -1.0]] * 2])
    assert sample_losses("square", values, targets).tolist() == [[13.0, 10.0]]


def test_exponential_losses() -> None:
    """Derivation: exp has an error of at most one ulp, which is 2 UNIT relative, and so has the
    constant.
    """
    values, targets = torch.tensor([[[0.0], [1.0], [1.0]]]).double(), torch.tensor([1.0, 1.0, -1.0])
    losses = sample_losses("exponential", values, targets[:, None].double()).tolist()[0]
    assert losses[0] == 1.0
    assert abs(losses[1] - 1 / math.e) <= 6 * UNIT / math.e
    assert abs(losses[2] - math.e) <= 4 * UNIT * math.e


def test_parametrise_keeps_the_function() -> None:
    """Norms 2 and 4: ``rho = 8`` and the quotients are exact."""
    weights = (torch.ones(1, 2, 2).double(), torch.tensor([[[4.0, 0.0]]]).double())
    network, x = mlp((2, 2, 1)), dyadic((1, 5, 2), 3)
    state = parametrise(network, weights, "lagrange")
    assert state.rho is not None
    assert state.rho.tolist() == [8.0]
    assert torch.equal(outputs(network, state, x), outputs(network, State(weights), x))
    raw = State(weights, state.rho, "weight-norm")
    assert torch.equal(outputs(network, raw, x), outputs(network, state, x))
    with pytest.raises(InputError, match="zero weight matrix"):
        parametrise(network, (0 * weights[0], weights[1]), "lagrange")


@pytest.mark.parametrize(("dtype", "exponent"), [(torch.float32, 66), (torch.float64, 530)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_parametrise_weights_whose_squares_are_no_numbers(
    dtype: torch.dtype, exponent: int, sign: int
) -> None:
    """Scales that cancel in rho, whose directions are those of the weights without them."""
    scale = 2.0 ** (sign * exponent)
    plain = (torch.ones(1, 2, 2, dtype=dtype), torch.tensor([[[4.0, 0.0]]], dtype=dtype))
    network = mlp((2, 2, 1))
    expected = parametrise(network, plain, "weight-norm")
    found = parametrise(network, (plain[0] * scale, plain[1] / scale), "weight-norm")
    assert found.rho is not None
    assert found.rho.tolist() == [8.0]
    assert all(map(torch.equal, found.parameters, expected.parameters))
    raw = State(tuple(v * scale for v in expected.parameters), expected.rho, "weight-norm")
    x = dyadic((1, 5, 2), 3).to(dtype)
    assert torch.equal(outputs(network, raw, x), outputs(network, expected, x))


def test_a_rho_beyond_all_numbers_is_an_error() -> None:
    network = mlp((2, 2, 1))
    for scale in (1e20, 1e-23):
        weights = tuple(torch.full((1, *p.shape), scale) for p in network.parameters)
        with pytest.raises(InputError, match="rho, the product of the norms, is beyond"):
            parametrise(network, weights, "lagrange")
    wrong: Any
    for wrong, message in (
        ((torch.ones(1, 2, 2),), "do not fit"),
        ((torch.ones(1, 2, 2), torch.full((1, 1, 2), math.nan)), "not finite"),
        ((np.ones((1, 2, 2)), np.ones((1, 1, 2))), "torch tensor, not ndarray"),
    ):
        with pytest.raises(InputError, match=message):
            parametrise(network, wrong, "lagrange")


@pytest.mark.parametrize("exponent", [-540, 540])
def test_velocities_of_directions_at_every_scale(exponent: int) -> None:
    """By rho they do not change, by ``v`` they are divided by the scale of ``v``."""
    network, rho, scale = mlp((2, 2, 1)), torch.ones(2).double(), 2.0**exponent
    v = tuple(dyadic((2, *p.shape), seed) for seed, p in enumerate(network.parameters))
    x, y = dyadic((5, 2), 7), signs((5, 1), 8)
    objective = Objective("square", "sum", "rho")
    plain, large = (
        velocity(Cohort.broadcast(network, State(w, rho, "weight-norm"), x, y), objective)
        for w in (v, tuple(w * scale for w in v))
    )
    assert plain.rho is not None
    assert large.rho is not None
    assert plain.rho.any()
    assert torch.equal(large.rho, plain.rho)
    for found, expected in zip(large.parameters, plain.parameters, strict=True):
        assert torch.equal(found * scale, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cross_entropy_of_certain_outputs(dtype: torch.dtype) -> None:
    """A class of probability 0 that is not the target's adds nothing; the target's adds infinity.

    Differences of outputs exceed all numbers here.
    """
    largest = torch.finfo(dtype).max
    values = torch.tensor([[[largest, -largest, 0.0], [0.0, 1.0, 0.0]]], dtype=dtype)
    one_hot = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]], dtype=dtype)
    losses = sample_losses("cross_entropy", values.requires_grad_(), one_hot)
    assert losses[0, 0].item() == 0
    (slopes,) = torch.autograd.grad(losses[0, 0], values)
    assert slopes.tolist() == [[[0.0] * 3] * 2]
    missed = sample_losses("cross_entropy", values, one_hot[:, :, [1, 0, 2]])
    assert missed[0, 0].item() == math.inf
    diverged = torch.tensor([[[math.inf, 0.0], [0.0, math.inf], [math.nan, 0.0]]], dtype=dtype)
    first = torch.tensor([1.0, 0.0], dtype=dtype).expand_as(diverged)
    assert sample_losses("cross_entropy", diverged, first).isnan().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("label", range(4))
def test_no_slope_of_a_cross_entropy_cancels(dtype: torch.dtype, label: int) -> None:
    """Of the label, less the probabilities of the others; also by autograd, which flows follow.

    Derivation: differences are exact, exponentials right to 2 u, and sums and a quotient of 4
    round 4 times. Autograd adds what has one sign, but for the label that is not the largest
    output (its slope is at least a half) and the largest one that is not the label, which is
    1 less what is at most 3/4 and was rounded 8 times: 4 * 8 u and the rest.
    """
    outputs = torch.tensor([[[7.0, 7.0, 67.0, 6.0], [1e5] * 4, [-1.0, 2.0, 0.0, -30.0]]]).to(dtype)
    targets = torch.eye(4, dtype=dtype)[label].expand_as(outputs)
    found = torch.empty_like(outputs)
    sample_slopes("cross_entropy", outputs, targets, 1.0, found)
    (by_autograd,) = torch.autograd.grad(
        sample_losses("cross_entropy", outputs.requires_grad_(), targets).sum(), outputs
    )
    unit = torch.finfo(dtype).eps / 2
    for row, *slopes in zip(outputs[0].tolist(), found[0], by_autograd[0], strict=True):
        with mpmath.workprec(200):
            powers = [mpmath.exp(value - max(row)) for value in row]
            others = sum(powers[:label] + powers[label + 1 :])
            trues = [
                (-others if c == label else power) / sum(powers) for c, power in enumerate(powers)
            ]
            for slope, roundings in zip(slopes, (16, 64), strict=True):
                for value, true in zip(slope.tolist(), trues, strict=True):
                    assert abs(value - true) <= roundings * unit * abs(true)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # They are a prototype.
    NESTED = torch.nested.nested_tensor([torch.ones(4, 2), torch.ones(4, 2)])
SHARED = State((torch.ones(3, 1, 2),))
DATA = torch.ones(4, 2), torch.ones(4, 1)
NOT_SHARED: dict[str, tuple[Any, Any, Any, Any]] = {
    "inputs must be a torch tensor, not ndarray": (SHARED, np.ones((4, 2)), DATA[1], 0.0),
    "targets must be a torch tensor, not list": (SHARED, DATA[0], [[1.0]] * 4, 0.0),
    "inputs must be a dense tensor": (SHARED, DATA[0].to_sparse(), DATA[1], 0.0),
    "targets must be a dense tensor": (SHARED, DATA[0], DATA[1].to_sparse(), 0.0),
    r"inputs has shape \(1, 1, 4, 2\)": (SHARED, DATA[0][None, None], DATA[1], 0.0),
    r"targets has shape \(1, 1, 4, 1\)": (SHARED, DATA[0], DATA[1][None, None], 0.0),
    r"inputs has shape \(2, 4, 2\)": (SHARED, DATA[0].repeat(2, 1, 1), DATA[1], 0.0),
    "at least one member and one sample": (SHARED, DATA[0][0], DATA[1], 0.0),
    "inputs is torch.int64": (SHARED, DATA[0].long(), DATA[1], 0.0),
    "targets is torch.int64": (SHARED, DATA[0], DATA[1].long(), 0.0),
    "weight_decay 'much' is no number": (SHARED, *DATA, "much"),
    "weight_decay None is no number": (SHARED, *DATA, None),
    r"weight_decay has shape \(2,\)": (SHARED, *DATA, torch.zeros(2)),
    "weight_decay .* is no number": (SHARED, *DATA, 10**400),
    "weight_decay is beyond the numbers of float32": (SHARED, *DATA, 1e-50),
    "weight_decay is beyond the numbers of float32: use": (SHARED, *DATA, 1e40),
    "weight_decay is on the device meta": (SHARED, *DATA, torch.ones(3, device="meta")),
    "inputs is on the device meta": (SHARED, DATA[0].to("meta"), DATA[1], 0.0),
    "targets is on the device meta": (SHARED, DATA[0], DATA[1].to("meta"), 0.0),
    "inputs must be a dense tensor, not a nested one": (SHARED, NESTED, DATA[1], 0.0),
    "targets must be a dense tensor, not a nested one": (SHARED, DATA[0], NESTED, 0.0),
    "weight_decay must be a dense tensor, not a nested one": (SHARED, *DATA, NESTED),
    "weight_decay must not be negative": (SHARED, *DATA, -1.0),
    "the state must be a State, not": (SHARED.parameters, *DATA, 0.0),
}


@pytest.mark.parametrize("message", NOT_SHARED)
def test_what_cannot_be_shared_is_one_clear_line(message: str) -> None:
    state, inputs, targets, decay = NOT_SHARED[message]
    with pytest.raises(InputError, match=message) as raised:
        Cohort.broadcast(mlp((2, 1)), state, inputs, targets, decay)
    assert "\n" not in str(raised.value)


def test_what_is_no_state_and_no_cohort() -> None:
    wrong: Any
    for wrong, message in (
        (np.ones((1, 1, 2)), "not ndarray"),
        (torch.ones(1, 1, 2).long(), "int64"),
    ):
        with pytest.raises(InputError, match=message):
            State((wrong,))
        with pytest.raises(InputError, match=f"weight_decay.*{message}|{message}.*floating"):
            Cohort(mlp((2, 1)), SHARED, DATA[0][None], DATA[1][None], wrong)
    for wrong, kind in ((torch.ones(1, 1, 2), "Tensor"), (None, "NoneType")):
        with pytest.raises(InputError, match=f"a tuple of torch tensors, not a {kind}"):
            State(wrong)
    with pytest.raises(InputError, match="the network must be a Network, not 'net'"):
        Cohort.broadcast("net", SHARED, *DATA)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="rho must be a torch tensor, not float"):
        State(SHARED.parameters, 1.0, "lagrange")  # type: ignore[arg-type]


def test_broadcast_shares_data() -> None:
    network = mlp((2, 1))
    state = State((dyadic((3, 1, 2), 0),))
    x, y = dyadic((4, 2), 1), signs((4, 1), 2)
    cohort = Cohort.broadcast(network, state, x, y, 0.5)
    assert cohort.members == 3
    assert cohort.inputs.shape == (3, 4, 2)
    assert cohort.weight_decay.tolist() == [0.5] * 3
    own = replace(cohort, inputs=x.repeat(3, 1, 1), targets=y.repeat(3, 1, 1))
    assert torch.equal(
        velocity(cohort, Objective()).parameters[0], velocity(own, Objective()).parameters[0]
    )


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(InputError, match="there is none"):
        resolve_device("cuda")
    with pytest.raises(InputError, match="unknown device 'tpu'"):
        resolve_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@given(loss=st.sampled_from(["square", "cross_entropy", "exponential"]), seed=seeds)
def test_slopes_of_losses_are_their_derivatives(dtype: Any, loss: Loss, seed: int) -> None:
    """At outputs 0, with 4 classes, nothing rounds; the square loss rounds nowhere."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.eye(4, dtype=dtype)[torch.randint(0, 4, (2, 3), generator=generator)]
    if loss == "exponential":
        targets = 2 * targets[..., :1] - 1
    outputs = integers(targets.shape, generator).to(dtype)
    outputs = (outputs if loss == "square" else 0 * outputs).requires_grad_()
    (expected,) = torch.autograd.grad(sample_losses(loss, outputs, targets).sum(), outputs)
    slopes = torch.full_like(targets, torch.nan)
    sample_slopes(loss, outputs.detach(), targets, -0.25, slopes)
    assert torch.equal(slopes, -0.25 * expected)


@pytest.mark.parametrize(
    "device", ["gpu", "cuda", "cuda:7", "auto", "meta", "xpu", "", "mps", 2**63, -(10**30)]
)
def test_a_device_that_is_none_is_named(device: Any) -> None:
    """There is no GPU where tests run, or not eight."""
    if device == "cuda" and torch.cuda.is_available():
        return
    network = mlp((2, 1))
    cohort = Cohort.broadcast(network, State((torch.ones(1, 1, 2),)), torch.ones(1, 3, 2),
                              torch.ones(1, 3, 1))  # fmt: skip
    with pytest.raises(
        InputError, match=rf"cannot use the device {str(device)!r}.*choose cpu"
    ) as found:
        cohort.to(device)
    assert "\n" not in str(found.value)


def test_dtypes_that_cannot_hold_a_cohort() -> None:
    cohort = Cohort.broadcast(mlp((2, 1)), SHARED, *DATA, 0.5)
    assert cohort.to(dtype=torch.float64).weight_decay.dtype == torch.float64
    dtype: Any
    for dtype in ("float32", np.float32, float, 32):
        with pytest.raises(InputError, match="dtype must be one of torch"):
            cohort.to(dtype=dtype)
    for dtype in (torch.int32, torch.complex64, torch.bool):
        with pytest.raises(InputError, match="give it float16, bfloat16, float32 or float64"):
            cohort.to(dtype=dtype)
    wide = cohort.to(dtype=torch.float64)
    scaled = replace(wide.state, parameters=(wide.state.parameters[0] * 1e-50,))
    without: dict[str, Cohort] = {
        "weight_decay": replace(wide, weight_decay=wide.weight_decay * 1e-50),
        "parameter 0": replace(wide, state=scaled),
        "inputs": replace(wide, inputs=wide.inputs * 1e50),
        "targets": replace(wide, targets=wide.targets * 1e-50),
    }
    for name, one in without.items():
        with pytest.raises(InputError, match=f"{name} is beyond the numbers of float32"):
            one.to(dtype=torch.float32)
        assert one.to(dtype=torch.float64).weight_decay.equal(one.weight_decay)
