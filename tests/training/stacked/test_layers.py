"""Batch normalisation where every deviation is a power of two, and derivatives at kinks.

Batch normalisation divides; the inputs here are such that every deviation is a power of two.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.cohorts import drawn, seeds
from tests.training.stacked.gradients import check_against_rationals, differentiated, played
from theorycheck.networks.specification import LINEAR, RELU, Edge, Identity, Layer, Network, mlp

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


@pytest.mark.parametrize("power", [-1000, -600, 600, 1000])
@pytest.mark.parametrize("normalisation", ["batch", "batch-detached"])
def test_normalisation_keeps_its_value_at_every_scale(normalisation: Any, power: int) -> None:
    """First weights times a power of 2: the gradient by them is divided by it, and nothing else."""
    network = mlp((3, 4, 2), normalisation=normalisation)
    _, parameters, inputs, slopes = drawn(network, 3, 6, seed=5)
    generator = torch.Generator().manual_seed(5)
    first = torch.randn(parameters[0].shape, generator=generator, dtype=torch.float64)
    outputs, (gradient, *others) = played(network, (first, *parameters[1:]), inputs, slopes)
    scaled = torch.ldexp(first, torch.tensor(power))
    found, (divided, *same) = played(network, (scaled, *parameters[1:]), inputs, slopes)
    assert outputs.isfinite().all()
    assert torch.equal(found, outputs)
    assert torch.equal(torch.ldexp(divided, torch.tensor(power)), gradient)
    assert all(map(torch.equal, same, others))


def test_nobody_is_differentiated_at_a_kink_by_one() -> None:
    """Arguments of 0: the derivative is the slope, 0 for ReLU and -1/2 here for another."""
    for slope, expected in ((RELU, 0.0), (-0.5, -0.5)):
        network = mlp((1, 1), LINEAR, output_slope=slope)
        one = torch.ones(1, 1, 1).double()
        _, (gradient,) = played(network, (0 * one,), one, one)
        assert gradient.tolist() == [[[expected]]]
