"""The buffers behind a velocity: members do not see each other, and nothing is left behind."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.training.cohorts import CONVOLUTIONAL, IDLE, SLOPES, drawn, networks, random_cohort, some
from theorycheck.drawing.networks import convolutional_networks, mlps
from theorycheck.networks.evaluation import forward
from theorycheck.networks.specification import LINEAR, Network, mlp
from theorycheck.training.cohorts import (
    Cohort,
    Loss,
    Objective,
    Parametrisation,
    State,
    sample_losses,
)
from theorycheck.training.vector_field import Field


def velocity(cohort: Cohort, objective: Objective) -> Tensor:
    field = Field(cohort, objective)
    return field.velocity(field.pack(cohort.state), cohort.inputs, cohort.targets)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@given(
    network=st.one_of(
        networks,
        mlps(depths=(1, 4), widths=(1, 40), slopes=SLOPES, outputs=(1, 12), bias=True),
        convolutional_networks(slopes=SLOPES, outputs=(1, 3), filters=(1, 9)),
        st.just(mlp((3, 9, 5, 2), 0.5, normalisation="batch")),
        st.just(mlp((3, 9, 5, 2), 0.5, normalisation="batch-detached")),
    ),
    members=st.integers(2, 19),
    samples=st.integers(2, 33),
    loss=st.sampled_from(["square", "cross_entropy", "exponential"]),
    parametrisation=st.sampled_from(["plain", "lagrange", "weight-norm"]),
    data=st.data(),
)
def test_bits_do_not_depend_on_who_is_computed_beside(
    dtype: Any,
    network: Network,
    members: int,
    samples: int,
    loss: Loss,
    parametrisation: Parametrisation,
    data: st.DataObject,
) -> None:
    cohort = random_cohort(network, members, samples, dtype, loss, parametrisation)
    objective = Objective(loss, "mean", "weights" if parametrisation == "plain" else "rho")
    together = velocity(cohort, objective)
    cuts = data.draw(st.lists(st.integers(1, members - 1), unique=True, max_size=3).map(sorted))
    for low, high in pairwise([0, *cuts, members]):
        apart = velocity(some(cohort, slice(low, high)), objective)
        assert np.array_equal(apart.numpy(), together[low:high].numpy(), equal_nan=True)


@pytest.mark.parametrize("parametrisation", ["plain", "lagrange", "weight-norm"])
@pytest.mark.parametrize("network", [mlp((3, 5, 2), 0.5, bias=True), CONVOLUTIONAL, IDLE], ids=str)
def test_what_is_not_finite_stays_with_its_member_and_goes_away(
    network: Network, parametrisation: Parametrisation
) -> None:
    cohort = random_cohort(network, 3, 3, torch.float64, "square", parametrisation)
    field = Field(cohort, Objective("square", "sum", "none"))
    rows, data = field.pack(cohort.state), (cohort.inputs, cohort.targets)
    expected = field.velocity(rows, *data).clone()
    for number in (torch.inf, torch.nan):
        spoilt = rows.clone()
        spoilt[1, field.weights] = number
        found = field.velocity(spoilt, *data)
        assert torch.equal(found[[0, 2]], expected[[0, 2]])
        assert not found[1].isfinite().all()
        assert torch.equal(field.velocity(rows, *data), expected)


def test_a_field_serves_batches_of_several_sizes() -> None:
    cohort = random_cohort(mlp((3, 5, 2)), 3, 4)
    field = Field(cohort, Objective())
    rows = field.pack(cohort.state)
    whole = field.velocity(rows, cohort.inputs, cohort.targets).clone()
    field.velocity(rows, cohort.inputs[:, :2], cohort.targets[:, :2])
    assert torch.equal(field.velocity(rows, cohort.inputs, cohort.targets), whole)


def test_weights_that_are_zero_have_no_direction() -> None:
    """``v = 0`` counts as divided by 1 (`normalise`): its velocity is that of ``V``."""
    network = mlp((2, 1), LINEAR)
    one = torch.ones(1).double()
    state = State((torch.zeros(1, 1, 2).double(),), one, "weight-norm")
    inputs, targets = torch.tensor([[[1.0, 2.0]]]).double(), torch.tensor([[[1.0]]]).double()
    cohort = Cohort(network, state, inputs, targets, 0 * one)
    assert velocity(cohort, Objective("square", "sum", "none")).tolist() == [[2.0, 4.0, 0.0]]


def test_velocities_equal_autograd_where_nothing_rounds() -> None:
    """All of the field but Lagrange terms and normalisation, at once."""
    for seed, network in enumerate([CONVOLUTIONAL, IDLE, mlp((2, 3, 2), bias=True)]):
        _, parameters, inputs, targets = drawn(network, 2, 4, seed)
        decay = torch.tensor([0.25, 0.5]).double()
        cohort = Cohort(network, State(parameters), inputs, targets, decay)
        leaves = [p.clone().requires_grad_() for p in parameters]
        losses = sample_losses("square", forward(network, tuple(leaves), inputs), targets)
        squares = sum((leaves[i].square().sum(dim=(1, 2)) * decay).sum() for i in network.weights)
        total = losses.mean(dim=1).sum() + squares
        expected = torch.autograd.grad(total, leaves, materialize_grads=True)
        field = Field(cohort, Objective())
        moved = field.unpack(velocity(cohort, Objective())).parameters
        for found, gradient in zip(moved, expected, strict=True):
            assert np.array_equal(found.numpy(), -gradient.numpy())
