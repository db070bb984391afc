"""Networks of the kernel: values against exact rationals and balls, derivatives also against torch.

The random networks have weights in quarters up to 1, slopes in quarters and integer inputs up to 3.
Every value and derivative in networks as small as these is then a multiple of 2**-14 below 2**8, so
float64 computes them without rounding and ``==`` is legitimate against torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.kernel.examples import draw, encloses, evaluator
from theorycheck import arithmetic, kernel
from theorycheck.arithmetic.cases import Case
from theorycheck.errors import InputError
from theorycheck.kernel import Enclosure, Rejected, Undecided
from theorycheck.networks.evaluation import forward, sample_gradients
from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    mlp,
)

OVERLAPPING = Convolution(channels=2, height=2, width=3, filters=2, kernel=(2, 2))
STRIDED = Convolution(channels=1, height=1, width=4, filters=2, kernel=(1, 2), stride=2)
PLAIN = [
    mlp([3, 2]),
    mlp([2, 3, 3, 2], 0.25, bias=True),
    mlp([2, 3, 2], output_slope=0.0),
    mlp([2, 2, 2, 1], LINEAR),
    mlp([2, 3, 1], -0.5),
    Network(
        2,
        (
            Layer(3, (Edge(0),)),
            Layer(3, (Edge(0), Edge(1, Identity()), Edge(1)), bias=True),
            Layer(2, (Edge(2), Edge(0)), LINEAR),
        ),
    ),
    Network(12, (Layer(4, (Edge(0, OVERLAPPING),)), Layer(2, (Edge(1),), LINEAR))),
    Network(4, (Layer(4, (Edge(0, STRIDED), Edge(0, Identity())), 0.5), Layer(1, (Edge(1),)))),
]
NORMALISED = [
    mlp([2, 2, 1], normalisation="batch"),
    mlp([2, 2, 1], normalisation="batch-detached"),
    mlp([2, 2, 2, 1], 0.25, normalisation="batch", bias=True),
    Network(
        2,
        (
            Layer(2, (Edge(0),), normalisation="batch-detached"),
            Layer(2, (Edge(1), Edge(0)), normalisation="batch"),
            Layer(1, (Edge(2), Edge(1)), LINEAR),
        ),
    ),
]


def fractions(array: Any) -> Any:
    return arithmetic.to_fractions(array).tolist()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("network", PLAIN, ids=str)
def test_values_and_derivatives_are_those_of_exact_rationals_and_of_torch(
    network: Network, seed: int
) -> None:
    case = draw(network, 3, seed)
    if seed == 0:
        # Every unit whose bias, if any, is 0 is at its kink.
        case = Case(network, case.parameters, 0 * case.inputs)
    found = evaluator(case.to_dict())
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    inputs = arithmetic.rationals(case.inputs[0])
    values = [fractions(v) for v in arithmetic.vertices(network, parameters, inputs)]
    autograd = sample_gradients(network, *case.tensors())
    for n in range(3):
        assert found.feature(n) == values[-2][n]
        for c in range(network.output_width):
            assert found.output(n, c) == values[-1][n][c]
            for k in range(len(parameters)):
                expected = arithmetic.jacobian(network, parameters, inputs, k)[n, c]
                derivative = found.derivative(n, c, k)
                assert derivative == fractions(expected)
                assert (
                    derivative
                    == arithmetic.to_fractions(arithmetic.rationals(autograd[k][0, n, c])).tolist()
                )
    assert found.is_smooth() is not arithmetic.has_kink(network, parameters, inputs)


def torch_second(network: Network, case: Case, k: int) -> list[torch.Tensor]:
    """Derivatives along every parameter of how long the derivative of an output along k is."""
    parameters, inputs = case.tensors()
    leaves = tuple(p.clone().requires_grad_() for p in parameters)
    output = forward(network, leaves, inputs)[0, 1, 0]
    (first,) = torch.autograd.grad(output, [leaves[k]], create_graph=True, materialize_grads=True)
    squared = first.square().sum() + output * 0
    return list(torch.autograd.grad(squared, leaves, materialize_grads=True))


@pytest.mark.parametrize("network", PLAIN, ids=str)
def test_second_derivatives_are_those_of_torch(network: Network) -> None:
    """Squares of what the other tests compare: multiples of 2**-28 below 2**16 are not rounded."""
    case = draw(network, 2, 7)
    found = evaluator(case.to_dict())
    for k in range(len(case.parameters)):
        for j, expected in enumerate(torch_second(network, case, k)):
            formula = kernel.parse(f"grad(squared(df(1, 0, {k})), {j})")
            assert found.flat(found.evaluate(formula, {})) == expected.flatten().tolist()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("network", NORMALISED, ids=str)
def test_normalised_networks_are_enclosed(network: Network, seed: int) -> None:
    case = draw(network, 5, seed + 100)
    found = evaluator(case.to_dict())
    with arithmetic.precision(300):
        parameters = [arithmetic.balls(p[0]) for p in case.parameters]
        for batch in ((0, 1, 2, 3, 4), (0, 2, 4), (3, 1, 0)):
            inputs = arithmetic.balls(case.inputs[0][list(batch)])
            try:
                values = arithmetic.vertices(network, parameters, inputs)[-1]
            except InputError:
                with pytest.raises((Rejected, Undecided)):
                    found.output(batch[0], 0, batch)
                continue
            for position, n in enumerate(batch):
                assert encloses(found.output(n, 0, batch), values[position, 0])
                for k in range(len(parameters)):
                    expected = arithmetic.jacobian(network, parameters, inputs, k)[position, 0]
                    derivative = found.flat(found.derivative(n, 0, k, batch))
                    for mine, its in zip(derivative, np.ravel(expected), strict=True):
                        assert encloses(mine, its)


def test_some_normalised_network_is_irrational_and_differentiable() -> None:
    """Otherwise the test above would show nothing about enclosures."""
    irrational = 0
    for network in NORMALISED:
        found = evaluator(draw(network, 5, 101).to_dict())
        for k in range(len(network.parameters)):
            numbers = found.flat(found.derivative(0, 0, k))
            irrational += sum(isinstance(number, Enclosure) for number in numbers)
    assert irrational > 10


def test_batch_of_a_network_without_normalisation_does_not_matter() -> None:
    found = evaluator(draw(mlp([2, 3, 1]), 4, 1).to_dict())
    assert found.output(2, 0, (2,)) == found.output(2, 0) == found.output(2, 0, [1, 2])
