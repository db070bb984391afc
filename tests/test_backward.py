"""The backward pass, against autograd and exact rationals on numbers that do not round.

Weights, slopes, gains and shifts are halves and inputs are integers, all so small that nothing
rounds: comparisons with autograd are exact, and with the Fractions they would fail otherwise. Batch
normalisation divides; there the inputs are such that every deviation is a power of two.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.cohorts import (
    CONVOLUTIONAL,
    DEVICES,
    IDLE,
    SLOPES,
    drawn,
    integers,
    networks,
    random_cohort,
    seeds,
    some,
)
from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import rationals
from theorycheck.drawing.networks import convolutional_networks, mlps
from theorycheck.networks.evaluation import forward
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Edge,
    Identity,
    Layer,
    Network,
    Parameters,
    mlp,
)
from theorycheck.training.cohorts import (
    Cohort,
    Loss,
    Objective,
    Parametrisation,
    State,
    sample_losses,
    sample_slopes,
)
from theorycheck.training.stacked.tape import Tape
from theorycheck.training.vector_field import Field

torch.set_num_threads(1)
few = st.integers(1, 5)


def played(
    network: Network, parameters: Parameters, inputs: Tensor, slopes: Tensor
) -> tuple[Tensor, Parameters]:
    """Outputs and gradients of ``sum slopes * outputs`` from a tape."""
    tape = Tape(network, len(inputs), inputs.shape[1], inputs.dtype, inputs.device)
    gradients = tuple(torch.full_like(p, torch.nan) for p in parameters)
    tape.forward(parameters, inputs)
    tape.slopes.copy_(slopes)
    tape.backward(gradients)
    return tape.outputs, gradients


def differentiated(
    network: Network, parameters: Parameters, inputs: Tensor, slopes: Tensor
) -> tuple[Tensor, Parameters]:
    """The same from autograd."""
    leaves = [p.clone().requires_grad_() for p in parameters]
    outputs = forward(network, tuple(leaves), inputs)
    total = (slopes * outputs).sum()
    gradients = torch.autograd.grad(total, leaves, materialize_grads=True)
    return outputs.detach(), gradients


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("device", DEVICES)
@given(network=networks, members=few, samples=few, seed=seeds)
def test_equals_autograd(
    device: str, dtype: torch.dtype, network: Network, members: int, samples: int, seed: int
) -> None:
    _, parameters, inputs, slopes = drawn(network, members, samples, seed)
    parameters = tuple(p.to(device, dtype) for p in parameters)
    case = network, parameters, inputs.to(device, dtype), slopes.to(device, dtype)
    outputs, gradients = played(*case)
    expected, by_autograd = differentiated(*case)
    assert torch.equal(outputs, expected)
    assert all(map(torch.equal, gradients, by_autograd))


@given(network=networks, samples=few, seed=seeds)
def test_equals_exact_rationals(network: Network, samples: int, seed: int) -> None:
    check_against_rationals(*drawn(network, 1, samples, seed))


def check_against_rationals(
    network: Network, parameters: Parameters, inputs: Tensor, slopes: Tensor
) -> None:
    outputs, gradients = played(network, parameters, inputs, slopes)
    numbers, batch = [rationals(p[0].numpy()) for p in parameters], rationals(inputs[0].numpy())
    values = arithmetic.vertices(network, numbers, batch)[-1]
    assert (values == rationals(outputs[0].numpy())).all()
    weighting = rationals(slopes[0].numpy())
    for index, gradient in enumerate(gradients):
        jacobian = arithmetic.jacobian(network, numbers, batch, index)
        by_output = weighting.reshape(*weighting.shape, *[1] * (jacobian.ndim - 2)) * jacobian
        assert (by_output.sum(axis=(0, 1)) == rationals(gradient[0].numpy())).all()


PATTERNS = [(1, -1) * 4, (5, -2, -1, -1, -1, 0, 0, 0), (4, -4, 0, 0, 0, 0, 0, 0)]
"""Sums 0, and mean squares 1, 4 and 4."""


def normalised_case(samples: int, seed: int, normalisation: Any) -> tuple[Any, ...]:
    """Units whose arguments are a constant plus a pattern times a power of two."""
    hidden = 3
    network = Network(
        2,
        (
            Layer(hidden, (Edge(0),), LINEAR),
            Layer(5, (Edge(1), Edge(0)), 0.5, normalisation, bias=True),
            Layer(5, (Edge(2, Identity()), Edge(2)), RELU),
            Layer(2, (Edge(3), Edge(0)), LINEAR),
        ),
    )
    generator = torch.Generator().manual_seed(seed)
    _, parameters, inputs, slopes = drawn(network, 2, samples, seed)
    named = {p.name: t for p, t in zip(network.parameters, parameters, strict=True)}
    named["W[1,0]"][:, :, 0] = torch.tensor([2.0, 0.0, 0.0])
    powers = torch.tensor([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0], dtype=torch.float64)
    named["W[2,1]"][:, :, 0] = powers[torch.randint(0, 6, (2, 5), generator=generator)]
    named["W[2,0]"][:, :, 0] = 0
    for k in range(2):
        pattern = torch.tensor(PATTERNS[seed % 3 if samples == 8 else 0]).double()
        order = torch.randperm(samples, generator=generator) if samples == 8 else torch.arange(2)
        inputs[k, :, 0] = pattern[order]
        inputs[k, :, 1] = inputs[k, 0, 1]
    return network, parameters, inputs, slopes


@pytest.mark.parametrize("normalisation", ["batch", "batch-detached"])
@given(samples=st.sampled_from([2, 8]), seed=seeds)
def test_batch_normalisation_equals_autograd(normalisation: Any, samples: int, seed: int) -> None:
    case = normalised_case(samples, seed, normalisation)
    outputs, gradients = played(*case)
    expected, by_autograd = differentiated(*case)
    assert torch.equal(outputs, expected)
    assert all(map(torch.equal, gradients, by_autograd))


def test_batch_normalisation_equals_exact_rationals() -> None:
    for seed, normalisation in enumerate(["batch", "batch-detached"] * 3):
        network, parameters, inputs, slopes = normalised_case(8, seed, normalisation)
        first = tuple(p[:1] for p in parameters)
        check_against_rationals(network, first, inputs[:1], slopes[:1])


def test_nobody_is_differentiated_at_a_kink_by_one() -> None:
    """Arguments of 0: the derivative is the slope, 0 for ReLU and -1/2 here for another."""
    for slope, expected in ((RELU, 0.0), (-0.5, -0.5)):
        network = mlp((1, 1), LINEAR, output_slope=slope)
        one = torch.ones(1, 1, 1).double()
        _, (gradient,) = played(network, (0 * one,), one, one)
        assert gradient.tolist() == [[[expected]]]


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


# --- buffers --------------------------------------------------------------------------------------


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
