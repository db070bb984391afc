"""Initialisation by seed and scale, and norms of weight matrices."""

from __future__ import annotations

import torch

from tests.networks.architectures import EVERYTHING, FILTERS, integers, quarters
from theorycheck.networks.evaluation import forward
from theorycheck.networks.initialisation import frobenius_norms, initialise, normalise
from theorycheck.networks.specification import Edge, Layer, Network, mlp


def test_initialisation_is_determined_by_the_seed() -> None:
    network = mlp([3, 4, 2], bias=True, normalisation="batch")
    first, again = initialise(network, 5, seed=1), initialise(network, 5, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], initialise(network, 5, seed=2)[0])
    single = initialise(network, 5, seed=1, dtype=torch.float32)
    assert all(torch.equal(a.float(), b) for a, b in zip(first, single, strict=True))


def test_initialisation_is_he_times_scale() -> None:
    network = mlp([8, 4, 2], bias=True, normalisation="batch")
    draws = torch.randn((5, 4, 8), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight, bias, gain, shift, last = initialise(network, 5, scale=4.0, seed=0)
    assert torch.equal(weight, 4 * draws / 2)  # fan-in 8, standard deviation sqrt(2 / 8)
    assert torch.equal(bias, torch.zeros(5, 4))
    assert torch.equal(gain, torch.ones(5))
    assert torch.equal(shift, torch.zeros(5))
    assert last.shape == (5, 2, 4)


def test_normalise_splits_off_the_product_of_the_norms() -> None:
    """Norms 2 and 4, so that the unit matrices are dyadic and ``rho f_V = f_W`` is exact."""
    network = mlp([2, 2, 4])
    first = torch.tensor([[[1.0, -1.0], [1.0, 1.0]], [[0.0, 2.0], [0.0, 0.0]]])
    second = torch.tensor([2.0, 0.0]).double().expand(2, 4, 2)
    parameters = (first.double(), second)
    assert frobenius_norms(network, parameters).tolist() == [[2, 4], [2, 4]]
    rho, unit = normalise(network, parameters)
    assert rho.tolist() == [8, 8]
    assert frobenius_norms(network, unit).tolist() == [[1, 1], [1, 1]]
    inputs = integers(2, 5, 2, seed=4)
    scaled = rho[:, None, None] * forward(network, unit, inputs)
    assert torch.equal(scaled, forward(network, parameters, inputs))


def test_normalise_leaves_other_parameters_alone() -> None:
    parameters = quarters(EVERYTHING, 2, seed=5)
    _, unit = normalise(EVERYTHING, parameters)
    for index, parameter in enumerate(EVERYTHING.parameters):
        assert (parameter.role == "weight") != torch.equal(unit[index], parameters[index])


def test_a_convolution_has_the_norm_of_its_filters() -> None:
    network = Network(4, (Layer(4, (Edge(0, FILTERS),)),))
    filters = torch.tensor([[[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]])
    assert frobenius_norms(network, (filters,)).tolist() == [[2]]
