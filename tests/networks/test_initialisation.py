"""Initialisation by seed and scale, and norms of weight matrices."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from tests.networks.architectures import EVERYTHING, FILTERS, integers, quarters
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward
from theorycheck.networks.initialisation import (
    frobenius_norms,
    initialise,
    mean_distance,
    normalise,
)
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
    draws = np.random.default_rng(0).standard_normal((5, 4 * 8 + 2 * 4))
    weight, bias, gain, shift, last = initialise(network, 5, scale=4.0, seed=0)
    # Fan-in 8, standard deviation sqrt(2 / 8).
    assert torch.equal(weight, torch.from_numpy(4 * draws[:, :32] / 2).reshape(5, 4, 8))
    assert torch.equal(bias, torch.zeros(5, 4))
    assert torch.equal(gain, torch.ones(5))
    assert torch.equal(shift, torch.zeros(5))
    assert last.shape == (5, 2, 4)


@pytest.mark.parametrize("members", [1, 3, 4])
@pytest.mark.parametrize("network", [mlp([3, 4, 2], bias=True), mlp([1, 1]), EVERYTHING])
def test_members_do_not_depend_on_how_many_follow(network: Network, members: int) -> None:
    few, many = initialise(network, members, seed=7), initialise(network, 5, seed=7)
    assert all(torch.equal(a, b[:members]) for a, b in zip(few, many, strict=True))


BAD: dict[str, list[dict[str, Any]]] = {
    "members must be a whole number": [
        {"members": m} for m in (0, -1, 2.0, True, "2", None, math.nan, torch.tensor(2.0))
    ],
    "members must be at most": [{"members": 10**30}],
    "members is .*: so many do not fit into memory": [{"members": 10**13}, {"members": 2**53}],
    "seed must be a whole": [{"seed": s} for s in (-1, 0.5, True, "2", None, [1, 2], math.nan)],
    "scale must be a number": [{"scale": s} for s in ("1", None, 1j, True, [1.0])],
    "scale is beyond the numbers of float64": [{"scale": 10**400}],
    "scale is .*: give a finite number": [{"scale": s} for s in (math.nan, math.inf, -math.inf)],
    "scale is .*: it takes weights beyond the numbers": [
        {"scale": 1e39, "dtype": torch.float32},
        {"scale": 1e5, "dtype": torch.float16},
        {"scale": 1.7e308, "network": mlp([1, 64, 1])},
        {"scale": 1e-50, "dtype": torch.float32},
        {"scale": 1e-9, "dtype": torch.float16},
    ],
    "dtype must be one of torch": [{"dtype": d} for d in ("float32", None, np.float32, float)],
    "dtype is torch": [{"dtype": d} for d in (torch.int64, torch.complex64, torch.bool)],
    "dtype is torch.float8_e5m2: give it float16": [{"dtype": torch.float8_e5m2}],
    "the network must be a Network": [{"network": n} for n in (None, "mlp", [2, 1])],
}


@pytest.mark.parametrize(("message", "changed"), [(m, c) for m, cs in BAD.items() for c in cs])
def test_what_cannot_be_drawn(message: str, changed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=message) as raised:
        initialise(**{"network": mlp([64, 64, 1]), "members": 2, **changed})
    assert "\n" not in str(raised.value)


def test_what_can_be_drawn_from_numbers_of_other_types() -> None:
    expected = initialise(mlp([2, 1]), 2, scale=0.5, seed=3)
    drawn = initialise(
        mlp([2, 1]),
        torch.tensor(2),  # type: ignore[arg-type]
        scale=Fraction(1, 2),  # type: ignore[arg-type]
        seed=np.int64(3),  # type: ignore[arg-type]
    )
    assert all(map(torch.equal, drawn, expected))
    assert initialise(mlp([2, 1]), 2, scale=0)[0].eq(0).all()


@pytest.mark.parametrize("power", [2.0**-1020, 2.0**-600, 2.0**600, 2.0**1000])
def test_normalise_at_every_scale(power: float) -> None:
    """Norms 2 and 4; ``V`` does not change, and the scales of the matrices may cancel in rho."""
    network = mlp([2, 2, 4])
    first = torch.tensor([[[1.0, -1.0], [1.0, 1.0]]]).double() * power
    second = torch.tensor([2.0, 0.0]).double().expand(1, 4, 2)
    rho, unit = normalise(network, (first, second))
    assert rho.tolist() == [8 * power]
    assert frobenius_norms(network, (first, second)).tolist() == [[2 * power, 4]]
    assert torch.equal(unit[0], torch.tensor([[[0.5, -0.5], [0.5, 0.5]]]).double())
    assert mean_distance(network, (first, second), (-first, second)).tolist() == [2 * power]
    if power < 1:
        assert normalise(network, (first, second / power))[0].tolist() == [8.0]


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
