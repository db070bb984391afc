"""Compiled descent: an update that is exact where nothing rounds, and one by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.cohorts import drawn, networks, seeds
from theorycheck.networks.evaluation import forward
from theorycheck.networks.specification import LINEAR, Network, mlp
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.trainers import gradient_descent


@given(network=networks, members=st.integers(1, 9), samples=st.integers(1, 9), seed=seeds)
def test_an_update_is_exact_where_nothing_rounds(
    network: Network, members: int, samples: int, seed: int
) -> None:
    """Halves and integers, so small that autograd is exact; the step is ``W - (dL/dW + W)``."""
    _, parameters, inputs, targets = drawn(network, members, samples, seed)
    leaves = [p.clone().requires_grad_() for p in parameters]
    loss = (forward(network, tuple(leaves), inputs) - targets).square().sum()
    gradients = torch.autograd.grad(loss, leaves, materialize_grads=True)
    half = torch.full((members,), 0.5).double()
    run = gradient_descent(
        Cohort(network, State(parameters), inputs, targets, half),
        Objective("square", "sum"),
        learning_rate=1.0,
        steps=1,
        engine="compiled",
    )
    pairs = zip(run.state.parameters, parameters, gradients, strict=True)
    for index, (found, start, gradient) in enumerate(pairs):
        rest = 0 * start if index in network.weights else start
        assert np.array_equal(found.numpy(), (rest - gradient).numpy())


@pytest.mark.parametrize("members", [1, 4])
def test_weight_normalisation_by_hand(members: int) -> None:
    """``v = (4, 0)``, ``x = (1, 1)``, ``y = 0``: the gradient ``(2, 2)`` by ``V = (1, 0)`` has the
    tangential part ``(0, 2)``, and ``|v| = 4`` divides it; ``rho`` falls by 2.
    """
    start = torch.tensor([[[4.0, 0.0]]]).double().expand(members, 1, 2)
    state = State((start,), torch.ones(members).double(), "weight-norm")
    inputs, targets = torch.ones(1, 2).double(), torch.zeros(1, 1).double()
    cohort = Cohort.broadcast(mlp((2, 1), LINEAR), state, inputs, targets)
    run = gradient_descent(cohort, Objective(), learning_rate=1.0, steps=1, engine="compiled")
    assert run.state.parameters[0].tolist() == [[[4.0, -0.5]]] * members
    assert run.state.rho is not None
    assert run.state.rho.tolist() == [-1.0] * members
