"""Specifications of networks: what is refused, dictionaries, text, parameters and patches."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.networks.architectures import EVERYTHING, FILTERS, NETWORKS, RESIDUAL, each_network
from theorycheck.errors import InputError, quoted
from theorycheck.networks.specification import (
    Convolution,
    Dense,
    Edge,
    Identity,
    Layer,
    Network,
    mlp,
)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Network(0, (Layer(1, (Edge(0),)),)), "the input width must be"),
        (lambda: Network(1, ()), "at least one layer"),
        (lambda: Network(1, (Layer(0, (Edge(0),)),)), "the width of a layer must"),
        (lambda: Network(1, (Layer(1, ()),)), "at least one edge"),
        (lambda: Network(1, (Layer(1, (Edge(1),)),)), "not an earlier one"),
        (lambda: Network(1, (Layer(1, (Edge(-1),)),)), "at least 0, not -1"),
        (lambda: Network(2, (Layer(3, (Edge(0, Identity()),)),)), "does not map width 2 to 3"),
        (lambda: Network(4, (Layer(3, (Edge(0, FILTERS),)),)), "does not map width 4 to 3"),
        (lambda: Network(5, (Layer(4, (Edge(0, FILTERS),)),)), "does not map width 5 to 4"),
        (lambda: Convolution(1, 1, 4, 1, (1, 5)), "must fit: give two sides"),
        (lambda: Convolution(1, 1, 4, 1, (1, 2), stride=0), "stride must be a whole number"),
    ],
)
def test_impossible_specifications_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


ONE = (Edge(0),)
NO_SIZE: list[Any] = [2.5, 2.0, math.nan, True, "2", None, [2], 0, torch.tensor(2.0), 10**30]


@pytest.mark.parametrize("size", NO_SIZE)
def test_sizes_that_are_none(size: Any) -> None:
    builds: dict[str, Callable[[], object]] = {
        "the width of a layer": lambda: Layer(size, ONE),
        "the input width": lambda: Network(size, (Layer(1, ONE),)),
        "channels": lambda: Convolution(size, 1, 4, 1, (1, 2)),
        "height": lambda: Convolution(1, size, 4, 1, (1, 2)),
        "width": lambda: Convolution(1, 1, size, 1, (1, 2)),
        "filters": lambda: Convolution(1, 1, 4, size, (1, 2)),
        "kernel": lambda: Convolution(1, 1, 4, 1, (1, size)),
        "stride": lambda: Convolution(1, 1, 4, 1, (1, 2), size),
        "widths": lambda: mlp([2, size, 1]),
    }
    for name, build in builds.items():
        with pytest.raises(InputError, match=f"^{name}") as raised:
            build()
        assert "\n" not in str(raised.value)


SPECIFIED: list[tuple[Callable[[Any], object], str, list[Any]]] = [
    (lambda v: Convolution(1, 1, 4, 1, v), "kernel", [1, None, "11", (1,), (1, 2, 1), (1.0, 2.0)]),
    (Edge, "the source of an edge", ["x", None, 0.0, True, -1]),
    (lambda v: Edge(0, v), "the map of an edge", ["dense", None, Dense, RESIDUAL]),
    (lambda v: Layer(1, v), "the edges of a layer", [None, Edge(0), 1, "x", [Edge(0)], (0,)]),
    (lambda v: Layer(1, ONE, v), "slope", [None, "x", math.nan, math.inf, True, 1j, [0.5]]),
    (lambda v: Layer(1, ONE, 0.0, v), "unknown normalisation", [None, "layer", np.ones(2), ["x"]]),
    (lambda v: Layer(1, ONE, bias=v), "bias", [None, "no", 1]),
    (lambda v: Network(1, v), "the layers of a network", [None, 1, [Layer(1, ONE)], (1,), "x"]),
    (mlp, "widths", [None, [], [3], 3, "21", [2.0, 3.0, 1.0]]),
    (lambda v: mlp([2, 3, 1], v), "slope", [None, "x", math.nan]),
    (Network.from_dict, "description", [None, [], "x", np.zeros((2, 3)), torch.ones(2)]),
    (lambda v: Network.from_dict({"input_width": 2, "layers": v}), "description",
     [None, np.ones((2, 2)), [np.ones(2)], 3]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("build", "message", "value"),
    [(build, message, value) for build, message, values in SPECIFIED for value in values],
    ids=lambda value: None if callable(value) else quoted(value)[:30],
)
def test_what_is_no_part_of_a_network(
    build: Callable[[Any], object], message: str, value: Any
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        build(value)
    assert "\n" not in str(raised.value)


def test_sizes_of_numpy_and_torch_make_the_same_network() -> None:
    network = mlp(np.array([2, 3, 1]), np.float32(0.25))  # type: ignore[arg-type]
    assert network == mlp([2, 3, 1], 0.25) == mlp(torch.tensor([2, 3, 1]), 0.25)  # type: ignore[arg-type]
    assert Network.from_dict(json.loads(json.dumps(network.to_dict()))) == network


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


def test_weight_matrices_know_their_edges() -> None:
    """Constant edges have none, and a bias, gain and shift stand between those of two layers."""
    filters = Convolution(channels=1, height=2, width=2, filters=2, kernel=(1, 2))
    first = Layer(4, (Edge(0, Identity()), Edge(0, filters), Edge(0)), bias=True)
    second = Layer(1, (Edge(1), Edge(0)), normalisation="batch")
    network = Network(4, (first, second))
    edges = [network.edge_of(index) for index in network.weights]
    assert edges == [Edge(0, filters), Edge(0), Edge(1), Edge(0)]
    sources = [network.parameters[index].source for index in network.weights]
    assert [edge.source for edge in edges] == sources
