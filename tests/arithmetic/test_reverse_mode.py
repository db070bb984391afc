"""Derivatives in reverse mode are those of forward mode."""

from __future__ import annotations

import numpy as np
import pytest

from tests.arithmetic.networks import draw, each_plain
from theorycheck.arithmetic import forward_mode
from theorycheck.arithmetic.numbers import Array, rationals
from theorycheck.arithmetic.residues import PRIMES, Field
from theorycheck.arithmetic.reverse_mode import jacobian
from theorycheck.errors import InputError
from theorycheck.networks.specification import Edge, Identity, Layer, Network, mlp


def same(network: Network, parameters: list[Array], inputs: Array) -> None:
    for index in range(len(network.parameters)):
        found = jacobian(network, parameters, inputs, index)
        expected = forward_mode.jacobian(network, parameters, inputs, index)
        assert found.shape == expected.shape
        assert (found == expected).all()


@each_plain
def test_of_rationals(network: Network) -> None:
    for seed in range(3):
        parameters, inputs = draw(network, 3, seed)
        same(network, [rationals(p) for p in parameters], rationals(inputs))


@each_plain
def test_of_residues(network: Network) -> None:
    field = Field(PRIMES[0], "seed")
    parameters = [field.indeterminates(f"W{k}", p.shape) for k, p in enumerate(network.parameters)]
    same(network, parameters, field.indeterminates("x", (2, network.input_width)))


UNUSED = Network(1, (Layer(2, (Edge(0),)), Layer(2, (Edge(0),)), Layer(1, (Edge(2),))))
SKIPS = Network(2, (Layer(2, (Edge(0),)), Layer(2, (Edge(0, Identity()), Edge(1, Identity())))))
NORMALISED = mlp([2, 2, 1], normalisation="batch-detached")


@pytest.mark.parametrize("network", [UNUSED, SKIPS], ids=str)
def test_layers_that_no_output_or_no_weight_reads(network: Network) -> None:
    parameters, inputs = draw(network, 2, 0)
    same(network, [rationals(p) for p in parameters], rationals(inputs))


def test_normalised_networks_are_left_to_forward_mode() -> None:
    field = Field(PRIMES[0], "seed")
    shapes = [p.shape for p in NORMALISED.parameters]
    parameters = [field.indeterminates(f"W{k}", shape) for k, shape in enumerate(shapes)]
    same(NORMALISED, parameters, field.indeterminates("x", (3, 2)))


def test_an_index_out_of_range() -> None:
    network = mlp([1, 1])
    with pytest.raises(InputError, match="no parameter 1"):
        jacobian(network, [rationals(np.ones((1, 1)))], rationals(np.ones((1, 1))), 1)
