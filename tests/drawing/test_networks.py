"""Drawn networks reach every corner of the structure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawing.families import FAMILIES, few, reached, skips, slopes
from theorycheck import drawing
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, Convolution, Dense, Identity, Network


def test_normalised_layers_are_hidden_ones() -> None:
    networks = drawing.batch_normalised(drawing.mlps(depths=(2, 4)), "batch")

    @few
    @given(networks)
    def check(network: Network) -> None:
        *hidden, last = network.layers
        assert network.normalised_by_batch
        assert last.normalisation == "none"
        assert {layer.normalisation for layer in hidden} <= {"none", "batch"}

    check()
    reached(networks, lambda n: {layer.normalisation for layer in n.layers[:-1]} == {"batch"})
    reached(networks, lambda n: len({layer.normalisation for layer in n.layers[:-1]}) == 2)


def convolutions(network: Network) -> list[Convolution]:
    maps = (edge.map for layer in network.layers for edge in layer.edges)
    return [m for m in maps if isinstance(m, Convolution)]


def some_filters(condition: Callable[[Convolution], bool]) -> Callable[[Network], bool]:
    return lambda network: any(condition(c) for c in convolutions(network))


STRUCTURES: dict[str, tuple[st.SearchStrategy[Network], Callable[[Network], bool]]] = {
    "width 1 throughout": (
        drawing.mlps(),
        lambda n: n.depth > 2 and {n.width(v) for v in range(n.depth)} == {1},
    ),
    "depth 1": (drawing.mlps(), lambda n: n.depth == 1),
    "depth 6": (drawing.mlps(), lambda n: n.depth == 6),
    "several outputs": (drawing.mlps(outputs=(1, 3)), lambda n: n.output_width == 3),
    "output through the activation": (
        drawing.homogeneous_networks(),
        lambda n: n.layers[-1].slope != LINEAR,
    ),
    "biases": (
        drawing.mlps(bias=True),
        lambda n: any(p.role == "bias" for p in n.parameters),
    ),
    "convolution among homogeneous networks": (
        drawing.homogeneous_networks(),
        lambda n: bool(convolutions(n)),
    ),
    "two convolutions": (
        drawing.convolutional_networks(),
        lambda n: len(convolutions(n)) == 2,
    ),
    "overlapping patches": (
        drawing.convolutional_networks(),
        some_filters(lambda c: c.positions > 1 and c.kernel[1] > c.stride),
    ),
    "patches side by side": (
        drawing.convolutional_networks(),
        some_filters(lambda c: c.positions > 1 and c.kernel[1] == c.stride == 2),
    ),
    "strided overlapping patches": (
        drawing.convolutional_networks(),
        some_filters(lambda c: c.positions > 1 and c.kernel[1] > c.stride == 2),
    ),
    "two-dimensional patches": (
        drawing.convolutional_networks(),
        some_filters(lambda c: c.kernel == (2, 2) and c.positions > 1),
    ),
    "several channels and filters": (
        drawing.convolutional_networks(),
        some_filters(lambda c: c.channels == c.filters == 2),
    ),
    "constant skip": (drawing.directed_graphs(), lambda n: Identity in skips(n)),
    "trainable skip": (drawing.directed_graphs(), lambda n: Dense in skips(n)),
    "both skips at once": (
        drawing.directed_graphs(),
        lambda n: skips(n) == {Dense, Identity},
    ),
    "skip from the input to the output": (
        drawing.directed_graphs(),
        lambda n: any(edge.source == 0 for edge in n.layers[-1].edges),
    ),
    "two residual blocks": (
        drawing.residual_networks(),
        lambda n: sum(len(layer.edges) == 2 for layer in n.layers) == 2,
    ),
}


@pytest.mark.parametrize(("networks", "corner"), STRUCTURES.values(), ids=STRUCTURES)
def test_structural_corners(
    networks: st.SearchStrategy[Network], corner: Callable[[Network], bool]
) -> None:
    reached(networks, corner)


@pytest.mark.parametrize("slope", drawing.SLOPES)
@pytest.mark.parametrize("family", ["mlps", "convolutional", "graphs", "residual"])
def test_every_activation(family: str, slope: float) -> None:
    reached(FAMILIES[family], lambda n: slope in slopes(n))


@pytest.mark.parametrize(
    ("graphs", "other"),
    [
        (drawing.directed_graphs(skips=["dense"]), Identity),
        (drawing.directed_graphs(skips=["identity"]), Dense),
    ],
    ids=["dense", "identity"],
)
def test_graphs_with_one_kind_of_skip(graphs: st.SearchStrategy[Network], other: type) -> None:
    @few
    @given(graphs)
    def check(network: Network) -> None:
        assert other not in skips(network)

    check()


@given(drawing.mlps(depths=(2, 3)), drawing.mlps(depths=(2, 3), bias=True))
def test_biases_are_drawn_where_they_are_asked_for(plain: Network, biased: Network) -> None:
    """Chains without biases are what most claims are about; others would only be rejected."""
    assert not any(layer.bias for layer in plain.layers)
    assert [layer.bias for layer in biased.layers] == [True] * (biased.depth - 1) + [False]


@pytest.mark.parametrize("bounds", [1, (1,), (1, 2, 3), (3, 1), (1.0, 2.0), "12", None, (True, 2)])
@pytest.mark.parametrize("name", ["outputs", "widths", "depths"])
def test_bounds_that_are_none_are_bad_input(name: str, bounds: Any) -> None:
    """Named as they were given."""

    @few
    @given(drawing.mlps(**{name: bounds}))
    def draw(network: Network) -> None:
        raise AssertionError

    with pytest.raises(InputError, match=re.escape(f"{name}={bounds!r}: give the least and the")):
        draw()


@pytest.mark.parametrize(
    "strategy",
    [
        drawing.convolutional_networks(outputs=2),  # type: ignore[arg-type]
        drawing.directed_graphs(widths=2),  # type: ignore[arg-type]
        drawing.residual_networks(blocks=2),  # type: ignore[arg-type]
        drawing.cases(drawing.mlps(), samples=3),  # type: ignore[arg-type]
    ],
)
def test_so_are_those_of_every_strategy(strategy: st.SearchStrategy[object]) -> None:
    @few
    @given(strategy)
    def draw(drawn: object) -> None:
        raise AssertionError

    with pytest.raises(InputError, match="give the least and the largest, as in"):
        draw()
