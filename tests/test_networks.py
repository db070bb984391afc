"""Networks: specification, evaluation against plain NumPy loops, gradients by exact differences.

Weights, slopes, gains and shifts are quarters and inputs are integers, with depth and widths so
small that float64 rounds nothing; comparisons are therefore exact unless a comment says otherwise.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import rationals
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward, sample_gradients, vertices
from theorycheck.networks.initialisation import frobenius_norms, initialise, normalise
from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    Parameters,
    mlp,
)

torch.set_num_threads(1)

Values = npt.NDArray[np.float64]

FILTERS = Convolution(channels=1, height=1, width=4, filters=2, kernel=(1, 3))
EVERYTHING = Network(
    4,
    (
        Layer(4, (Edge(0, FILTERS),), 0.25, bias=True),
        Layer(4, (Edge(0, Identity()), Edge(1), Edge(1, Identity())), normalisation="batch"),
        Layer(2, (Edge(2), Edge(0)), LINEAR),
    ),
)
RESIDUAL = Network(
    2,
    (Layer(3, (Edge(0),)), Layer(3, (Edge(1, Identity()), Edge(1))), Layer(2, (Edge(2), Edge(0)))),
)
NETWORKS = [
    mlp([3, 2]),
    mlp([2, 3, 3, 2], 0.25, bias=True),
    mlp([2, 3, 1], normalisation="batch", output_slope=0.0),
    mlp([2, 3, 1], normalisation="batch-detached"),
    RESIDUAL,
    EVERYTHING,
]
each_network = pytest.mark.parametrize("network", NETWORKS, ids=str)


def quarters(network: Network, members: int, seed: int) -> Parameters:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randint(-4, 5, (members, *p.shape), generator=generator).double() / 4
        for p in network.parameters
    )


def integers(*shape: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-3, 4, shape, generator=generator).double()


# specification


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Network(0, (Layer(1, (Edge(0),)),)), "positive input width"),
        (lambda: Network(1, ()), "at least one layer"),
        (lambda: Network(1, (Layer(0, (Edge(0),)),)), "positive width"),
        (lambda: Network(1, (Layer(1, ()),)), "at least one edge"),
        (lambda: Network(1, (Layer(1, (Edge(1),)),)), "not an earlier one"),
        (lambda: Network(1, (Layer(1, (Edge(-1),)),)), "not an earlier one"),
        (lambda: Network(2, (Layer(3, (Edge(0, Identity()),)),)), "does not map width 2 to 3"),
        (lambda: Network(4, (Layer(3, (Edge(0, FILTERS),)),)), "does not map width 4 to 3"),
        (lambda: Network(5, (Layer(4, (Edge(0, FILTERS),)),)), "does not map width 5 to 4"),
        (lambda: Convolution(1, 1, 4, 1, (1, 5)), "kernel must fit"),
        (lambda: Convolution(1, 1, 4, 1, (1, 2), stride=0), "must be positive"),
    ],
)
def test_impossible_specifications_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


@each_network
def test_dictionary_round_trip_through_json(network: Network) -> None:
    copied = Network.from_dict(json.loads(json.dumps(network.to_dict())))
    assert copied == network
    assert hash(copied) == hash(network)


def test_networks_are_keys() -> None:
    assert len({*NETWORKS, *(copy.deepcopy(n) for n in NETWORKS)}) == len(NETWORKS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("input_width"),
        lambda d: d.pop("layers"),
        lambda d: d["layers"][0].pop("edges"),
        lambda d: d["layers"][0].update(colour="red"),
        lambda d: d["layers"][0]["edges"][0].update(map="pooling"),
        lambda d: d["layers"][0]["edges"][0].update(kernel=3),
        lambda d: d["layers"][0].update(edges=None),
        lambda d: d.update(input_width="four"),
        lambda d: d.update(layers=[None]),
    ],
)
def test_damaged_dictionaries_are_refused(damage: Callable[[dict[str, Any]], object]) -> None:
    document = EVERYTHING.to_dict()
    damage(document)
    with pytest.raises(InputError):
        Network.from_dict(document)


def test_text_shows_the_architecture() -> None:
    assert str(mlp([2, 3, 1])) == "2 -> relu 3 -> linear 1"
    assert str(mlp([2, 3, 1], 0.25, normalisation="batch", bias=True)) == (
        "2 -> leaky(0.25) 3 [batch, bias] -> linear 1"
    )
    assert str(EVERYTHING) == (
        "4 -> leaky(0.25) 4 [bias, 2 filters 1x3 stride 1 on v0]"
        " -> relu 4 [batch, skip v0, dense v1, skip v1] -> linear 2 [dense v2, dense v0]"
    )


def test_parameters_are_listed_layer_by_layer() -> None:
    assert [(p.name, p.role, p.shape) for p in EVERYTHING.parameters] == [
        ("W[1,0]", "weight", (2, 3)),
        ("bias[1]", "bias", (4,)),
        ("W[2,1]", "weight", (4, 4)),
        ("gain[2]", "gain", ()),
        ("shift[2]", "shift", ()),
        ("W[3,2]", "weight", (2, 4)),
        ("W[3,0]", "weight", (2, 4)),
    ]
    assert EVERYTHING.weights == (0, 2, 5, 6)
    assert (EVERYTHING.depth, EVERYTHING.output_width) == (3, 2)
    assert EVERYTHING.normalised_by_batch
    assert not RESIDUAL.normalised_by_batch


@pytest.mark.parametrize(
    ("convolution", "patches"),
    [
        (FILTERS, [[0, 1, 2], [1, 2, 3]]),
        (Convolution(1, 1, 5, 1, (1, 2), stride=2), [[0, 1], [2, 3]]),
        (Convolution(2, 2, 3, 1, (2, 2)), [[0, 1, 3, 4, 6, 7, 9, 10], [1, 2, 4, 5, 7, 8, 10, 11]]),
        (Convolution(1, 3, 3, 1, (1, 1), stride=2), [[0], [2], [6], [8]]),
    ],
    ids=["overlapping", "strided", "two channels", "both strides"],
)
def test_patches_by_hand(convolution: Convolution, patches: list[list[int]]) -> None:
    assert convolution.patches().tolist() == patches
    assert convolution.positions == len(patches)


# evaluation


def loop(network: Network, parameters: list[Values], inputs: Values) -> list[Values]:
    """Vertices of one member, unit by unit, straight from galanti2022, Eq. 3-5."""
    by_name = dict(zip((p.name for p in network.parameters), parameters, strict=True))
    values = [inputs]
    for vertex, layer in enumerate(network.layers, 1):
        total = np.zeros((len(inputs), layer.width))
        for edge in layer.edges:
            source = values[edge.source]
            if isinstance(edge.map, Identity):
                total += source
                continue
            weight = by_name[f"W[{vertex},{edge.source}]"]
            for n, sample in enumerate(source):
                if isinstance(edge.map, Convolution):
                    assert edge.map.channels == edge.map.height == edge.map.stride == 1
                    width = edge.map.kernel[1]
                    windows = [sample[i : i + width] for i in range(edge.map.positions)]
                    total[n] += [sum(f * window) for f in weight for window in windows]
                else:
                    total[n] += [sum(row * sample) for row in weight]
        if layer.bias:
            total += by_name[f"bias[{vertex}]"]
        for j in range(layer.width if layer.normalisation != "none" else 0):
            unit = total[:, j]
            deviation = math.sqrt(sum((unit - sum(unit) / len(unit)) ** 2) / len(unit))
            standardised = (unit - sum(unit) / len(unit)) / deviation
            total[:, j] = by_name[f"gain[{vertex}]"] * standardised + by_name[f"shift[{vertex}]"]
        values.append(np.where(total > 0, total, layer.slope * total))
    return values


@each_network
def test_vertices_equal_a_loop_over_units(network: Network) -> None:
    """Over two samples a normalised unit is exactly +-1, whatever its deviation."""
    compared = 0
    for seed in range(20):
        parameters = quarters(network, 3, seed)
        inputs = integers(3, 2, network.input_width, seed=seed + 100)
        found = vertices(network, parameters, inputs)
        for member in range(3):
            if not found[-1][member].isfinite().all():  # a normalised unit happens to be constant
                continue
            single = [p[member].numpy() for p in parameters]
            expected = loop(network, single, inputs[member].numpy())
            for ours, theirs in zip(found, expected, strict=True):
                assert ours[member].tolist() == theirs.tolist()
            compared += 1
    assert compared >= 10


@each_network
def test_members_may_share_the_samples(network: Network) -> None:
    parameters, inputs = quarters(network, 3, seed=2), integers(2, network.input_width, seed=3)
    shared = forward(network, parameters, inputs)
    assert shared.shape == (3, 2, network.output_width)
    repeated = forward(network, parameters, inputs.expand(3, -1, -1))
    assert torch.equal(shared.nan_to_num(), repeated.nan_to_num())


def test_a_constant_normalised_unit_gives_no_finite_output() -> None:
    network = mlp([1, 1, 1], normalisation="batch")
    parameters = quarters(network, 1, seed=0)
    assert not forward(network, parameters, torch.ones(2, 1, dtype=torch.float64)).isfinite().any()


# gradients


@pytest.mark.parametrize(
    "network",
    [mlp([3, 2]), mlp([2, 3, 3, 2], 0.25, bias=True), mlp([2, 3, 2], output_slope=0.0), RESIDUAL],
    ids=str,
)
def test_gradients_equal_central_differences(network: Network) -> None:
    """Exact where no preactivation is zero, as the function is affine along an entry nearby.

    The step moves a preactivation by at most 24 times itself (a weight of the last residual layer
    meets values up to 24), which is less than the smallest nonzero preactivation, 4**-3.
    """
    step, compared = 2.0**-12, 0
    for seed in range(10):
        parameters = quarters(network, 1, seed)
        inputs = integers(1, 3, network.input_width, seed=seed + 100)
        if arithmetic.has_kink(
            network, [rationals(p[0]) for p in parameters], rationals(inputs[0])
        ):
            continue
        for index, gradient in enumerate(sample_gradients(network, parameters, inputs)):
            shape = network.parameters[index].shape
            assert gradient.shape == (1, 3, network.output_width, *shape)
            for entry in np.ndindex(shape):
                ends = []
                for sign in (1, -1):
                    moved = [p.clone() for p in parameters]
                    moved[index][:, *entry] += sign * step
                    ends.append(forward(network, tuple(moved), inputs))
                quotient = (ends[0] - ends[1]) / (2 * step)
                assert torch.equal(gradient[..., *entry], quotient)
        compared += 1
    assert compared >= 3


def test_gradients_of_stacked_members_are_their_own() -> None:
    network = mlp([2, 3, 2], 0.25)
    parameters, inputs = quarters(network, 3, seed=0), integers(3, 2, 2, seed=1)
    together = sample_gradients(network, parameters, inputs)
    for member in range(3):
        alone = tuple(p[member : member + 1] for p in parameters)
        single = sample_gradients(network, alone, inputs[member : member + 1])
        for ours, theirs in zip(together, single, strict=True):
            assert torch.equal(ours[member], theirs[0])


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0])
def test_the_derivative_at_a_kink_is_the_slope(slope: float) -> None:
    network = mlp([1, 1], output_slope=slope)
    weight = torch.zeros(1, 1, 1, dtype=torch.float64)
    (gradient,) = sample_gradients(network, (weight,), torch.full((1, 1, 1), 3.0).double())
    assert gradient.item() == 3 * slope


# initialisation and norms


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
