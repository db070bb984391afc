"""Cohorts: losses and their slopes, parametrisations, shared data and devices."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

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
