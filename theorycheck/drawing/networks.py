"""Strategies for networks, with corners on purpose.

Structure (depth, widths, patches) is drawn as small integers, so that counterexamples shrink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from hypothesis import strategies as st

from theorycheck.arithmetic.cases import Case
from theorycheck.errors import InputError
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Dense,
    Edge,
    Identity,
    Layer,
    Network,
    Normalisation,
    mlp,
)

SLOPES = (RELU, LINEAR, 0.5, 0.25)
"""ReLU, linear and two leaky ReLUs with dyadic slopes."""

Cases = st.SearchStrategy[Case]

Targets = Literal["none", "signs", "one-hot", "dyadic"]

LARGEST_INTEGER = 3

SMALL_INTEGERS = (1, 0, -1, 2, -2, 3, -3)
"""In the order of shrinking: a network of ones stays a counterexample when it loses units."""

COLLINEAR = 2
"""Collinear samples are up to this many times as large as other inputs."""

COHORT = 32


def between(name: str, bounds: tuple[int, int]) -> st.SearchStrategy[int]:
    """Integers from the least to the largest that whoever calls a strategy asks for.

    Raises:
        InputError: naming the argument, when that is no such pair.
    """
    if not (
        isinstance(bounds, tuple | list)
        and [type(bound) for bound in bounds] == [int, int]
        and bounds[0] <= bounds[1]
    ):
        raise InputError(
            f"{name}={bounds!r}: give the least and the largest, as in {name}=(1, 3), or (2, 2)"
        )
    return st.integers(*bounds)


@st.composite
def mlps(
    draw: st.DrawFn,
    *,
    depths: tuple[int, int] = (1, 6),
    widths: tuple[int, int] = (1, 4),
    slopes: Sequence[float] = SLOPES,
    outputs: tuple[int, int] = (1, 1),
    bias: bool = False,
    output_slopes: Sequence[float] = (LINEAR,),
) -> Network:
    """Multilayer perceptrons, from width 1 and depth 1 upwards.

    Args:
        depths, widths, outputs: the least and the largest number of weight matrices, of inputs and
            of units in each hidden layer, and of outputs; (2, 2) is always two.
        slopes, output_slopes: one is drawn for the hidden layers, and one for the output; 0 is
            ReLU, 1 linear.
    """
    depth = draw(between("depths", depths))
    hidden = [draw(between("widths", widths)) for _ in range(depth)]
    return mlp(
        [*hidden, draw(between("outputs", outputs))],
        draw(st.sampled_from(slopes)),
        bias=bias,
        output_slope=draw(st.sampled_from(output_slopes)),
    )


@st.composite
def convolutional_networks(
    draw: st.DrawFn,
    *,
    slopes: Sequence[float] = SLOPES,
    outputs: tuple[int, int] = (1, 1),
    layers: tuple[int, int] = (1, 2),
    filters: tuple[int, int] = (1, 2),
) -> Network:
    """One or two convolutional layers (overlapping or not, one- or two-dimensional), then dense."""
    slope = draw(st.sampled_from(slopes))
    channels = draw(st.integers(1, 2))
    height, width = draw(st.sampled_from([(1, 2), (1, 4), (1, 5), (2, 2), (3, 3)]))
    input_width = channels * height * width
    built: list[Layer] = []
    for _ in range(draw(between("layers", layers))):
        kernel = (draw(st.integers(1, min(2, height))), draw(st.integers(1, min(3, width))))
        stride = draw(st.integers(1, 2))
        count = draw(between("filters", filters))
        convolution = Convolution(channels, height, width, count, kernel, stride)
        built.append(Layer(convolution.target_width, (Edge(len(built), convolution),), slope))
        channels = count
        height = (height - kernel[0]) // stride + 1
        width = (width - kernel[1]) // stride + 1
    built.append(Layer(draw(between("outputs", outputs)), (Edge(len(built)),), LINEAR))
    return Network(input_width, tuple(built))


@st.composite
def directed_graphs(
    draw: st.DrawFn,
    *,
    depths: tuple[int, int] = (2, 4),
    widths: tuple[int, int] = (1, 3),
    slopes: Sequence[float] = SLOPES,
    outputs: tuple[int, int] = (1, 1),
    skips: Sequence[Literal["dense", "identity"]] = ("dense", "identity"),
    skip_count: tuple[int, int] = (1, 2),
) -> Network:
    """Graphs of weight matrices with skip connections (galanti2022, Section 2.1).

    Each has the chain 0, 1, ..., L of dense edges and a few skips from earlier vertices: trainable
    dense ones, or constant identities where the widths agree.
    """
    depth = draw(between("depths", depths))
    slope = draw(st.sampled_from(slopes))
    sizes = [draw(between("widths", widths)) for _ in range(depth)] + [
        draw(between("outputs", outputs))
    ]
    edges: list[list[Edge]] = [[Edge(vertex - 1)] for vertex in range(1, depth + 1)]
    for _ in range(draw(between("skip_count", skip_count))):
        target = draw(st.integers(2, depth))
        source = draw(st.integers(0, target - 2))
        kind = draw(st.sampled_from(skips))
        taken = any(edge.source == source for edge in edges[target - 1])
        if kind == "identity" and sizes[source] != sizes[target]:
            kind = "dense"
        if not taken and (kind in skips):
            edges[target - 1].append(Edge(source, Identity() if kind == "identity" else Dense()))
    layers = tuple(
        Layer(sizes[i + 1], tuple(edges[i]), LINEAR if i == depth - 1 else slope)
        for i in range(depth)
    )
    return Network(sizes[0], layers)


def homogeneous_networks(
    *, slopes: Sequence[float] = SLOPES, outputs: tuple[int, int] = (1, 1)
) -> st.SearchStrategy[Network]:
    """Chains of dense and convolutional layers without biases."""
    return st.one_of(
        mlps(slopes=slopes, outputs=outputs, output_slopes=(LINEAR, RELU)),
        convolutional_networks(slopes=slopes, outputs=outputs),
    )


@st.composite
def residual_networks(
    draw: st.DrawFn,
    *,
    blocks: tuple[int, int] = (1, 2),
    widths: tuple[int, int] = (1, 3),
    slopes: Sequence[float] = SLOPES,
    outputs: tuple[int, int] = (1, 1),
) -> Network:
    """A linear layer, blocks ``z + sigma(W2 sigma(W1 z))``, a linear layer (galanti2022, 4.1)."""
    slope = draw(st.sampled_from(slopes))
    width = draw(between("widths", widths))
    layers = [Layer(width, (Edge(0),), LINEAR)]
    for _ in range(draw(between("blocks", blocks))):
        start = len(layers)
        sides = (Edge(start, Identity()), Edge(start + 2, Identity()))
        layers += [
            Layer(width, (Edge(start),), slope),
            Layer(width, (Edge(start + 1),), slope),
            Layer(width, sides, LINEAR),
        ]
    layers.append(Layer(draw(between("outputs", outputs)), (Edge(len(layers)),), LINEAR))
    return Network(draw(between("widths", widths)), tuple(layers))


@st.composite
def batch_normalised(
    draw: st.DrawFn, networks: st.SearchStrategy[Network], normalisation: Normalisation
) -> Network:
    """The drawn networks, some of their hidden layers (at least one) with batch normalisation."""
    network = draw(networks)
    chosen = draw(st.sets(st.integers(0, network.depth - 2), min_size=1))
    layers = [
        replace(layer, normalisation=normalisation if i in chosen else "none")
        for i, layer in enumerate(network.layers)
    ]
    return Network(network.input_width, tuple(layers))
