"""Hypothesis strategies: networks, data and hyperparameters, with corners on purpose.

Structure (depth, widths, patches) is drawn as small integers and weights as small dyadic numbers,
so that counterexamples shrink towards ``[[1]]``. One example is either a single network drawn
number by number, which shrinks well, or a cohort whose numbers come from a drawn seed, which checks
many networks at the price of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np
from hypothesis import strategies as st

from theorycheck.cases import Case
from theorycheck.datasets import (
    Dataset,
    collinear,
    contradictory,
    gaussian_mixture,
    separable,
    uniform_ball,
    uniform_sphere,
    with_duplicates,
)
from theorycheck.dyadic import Check, largest_integer
from theorycheck.networks import (
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
    """Multilayer perceptrons, from width 1 and depth 1 upwards."""
    depth = draw(st.integers(*depths))
    hidden = [draw(st.integers(*widths)) for _ in range(depth)]
    return mlp(
        [*hidden, draw(st.integers(*outputs))],
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
    for _ in range(draw(st.integers(*layers))):
        kernel = (draw(st.integers(1, min(2, height))), draw(st.integers(1, min(3, width))))
        stride = draw(st.integers(1, 2))
        count = draw(st.integers(*filters))
        convolution = Convolution(channels, height, width, count, kernel, stride)
        built.append(Layer(convolution.target_width, (Edge(len(built), convolution),), slope))
        channels = count
        height = (height - kernel[0]) // stride + 1
        width = (width - kernel[1]) // stride + 1
    built.append(Layer(draw(st.integers(*outputs)), (Edge(len(built)),), LINEAR))
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
    depth = draw(st.integers(*depths))
    slope = draw(st.sampled_from(slopes))
    sizes = [draw(st.integers(*widths)) for _ in range(depth)] + [draw(st.integers(*outputs))]
    edges: list[list[Edge]] = [[Edge(vertex - 1)] for vertex in range(1, depth + 1)]
    for _ in range(draw(st.integers(*skip_count))):
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


def dyadics(
    *, largest: int = LARGEST_INTEGER, exponents: Sequence[int] = (0, 1, 2)
) -> st.SearchStrategy[Fraction]:
    """Numbers ``k / 2**e`` with ``|k| <= largest``; shrinks towards 0 and integers."""
    return st.builds(
        lambda k, e: Fraction(k, 2**e),
        st.integers(-largest, largest),
        st.sampled_from(exponents),
    )


def positive_dyadics(
    *, largest: int = 4, exponents: Sequence[int] = (0, 1, 2, 3)
) -> st.SearchStrategy[Fraction]:
    """Positive numbers ``k / 2**e``: weight decays, learning rates, scales."""
    return st.builds(
        lambda k, e: Fraction(k, 2**e), st.integers(1, largest), st.sampled_from(exponents)
    )


def powers_of_two(lowest: int, highest: int) -> st.SearchStrategy[Fraction]:
    """``2**lowest`` to ``2**highest``; shrinks towards the one nearest to 1."""
    exponents = sorted(range(lowest, highest + 1), key=abs)
    return st.sampled_from([Fraction(2) ** exponent for exponent in exponents])


def weight_decays() -> st.SearchStrategy[Fraction]:
    """Up to 1 over several orders of magnitude; and none."""
    return st.sampled_from([*(Fraction(1, 2**e) for e in range(13)), Fraction(0)])


def learning_rates() -> st.SearchStrategy[Fraction]:
    """At most 1/2 over three orders of magnitude."""
    return powers_of_two(-10, -1)


def initial_scales() -> st.SearchStrategy[Fraction]:
    """Factors on initial weights: small, medium and large."""
    return powers_of_two(-6, 3)


def batch_sizes(samples: int) -> st.SearchStrategy[int]:
    """Divisors of the number of samples, as sampling without replacement needs: from 1 to all."""
    return st.sampled_from([size for size in range(1, samples + 1) if samples % size == 0])


@st.composite
def datasets(
    draw: st.DrawFn,
    *,
    sizes: tuple[int, int] = (1, 8),
    widths: tuple[int, int] = (1, 4),
    classes: tuple[int, int] = (2, 4),
) -> Dataset:
    """Synthetic sets of two or more classes, balanced or not, some classes empty.

    In the unit ball or on the unit sphere, Gaussian mixtures, separable sets of two classes, and
    collinear inputs; some with every input twice, of one label or of two that contradict. ``sizes``
    counts such a pair once.
    """
    size, width, count = (draw(st.integers(*bounds)) for bounds in (sizes, widths, classes))
    seed = draw(st.integers(0, 2**32 - 1))
    labels = draw(st.lists(st.integers(0, count - 1), min_size=size, max_size=size))
    balanced = [len(range(label, size, count)) for label in range(count)]
    unbalanced = [labels.count(label) for label in range(count)]
    counts = draw(st.sampled_from([balanced, unbalanced]))
    makers = [
        lambda: uniform_ball(size, width, count, seed, counts=counts),
        lambda: uniform_sphere(size, width, count, seed, counts=counts),
        lambda: gaussian_mixture(counts, width, count, seed),
        lambda: collinear(size, width, count, seed, counts=counts),
    ]
    if count == 2:
        makers.append(lambda: separable(size, width, seed, margin=0.125, counts=counts))
    made = draw(st.sampled_from(makers))()
    copies = draw(st.sampled_from(["none", "agreeing", "contradictory"]))
    if copies == "agreeing":
        return with_duplicates(made, copies=2)
    return contradictory(made) if copies == "contradictory" else made


@st.composite
def cases(
    draw: st.DrawFn,
    networks: st.SearchStrategy[Network],
    *,
    samples: tuple[int, int] = (1, 4),
    targets: Targets = "none",
    numbers: Mapping[str, st.SearchStrategy[Fraction]] | None = None,
    cohort: int = COHORT,
    check: Check | None = None,
) -> Case:
    """Cases on the drawn networks: a single one drawn number by number, or a seeded cohort.

    In cohorts some members are corners: dead units, units at their kinks, repeated rows and zero
    layers among the weights; repeated, collinear and zero samples among the inputs.

    Args:
        check: what is done with the numbers that a case leads to. When given, no float64 operation
            of that check rounds: the bits of a significand are divided over the factors that meet
            on a path through the network. Every other cohort uses them up.

    Raises:
        InputError: when a drawn network is too large for that with any integers.
    """
    network = draw(networks)
    count = draw(st.integers(*samples))
    drawn = {name: draw(strategy) for name, strategy in (numbers or {}).items()}
    affordable = LARGEST_INTEGER
    if check is not None:
        affordable = largest_integer(network, check(network, count), input_scale=COLLINEAR)
    small = min(LARGEST_INTEGER, affordable)
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        largest = small if check is None or draw(st.booleans()) else affordable
        return _cohort(network, count, targets, drawn, cohort, largest, rng)
    among = [k for k in SMALL_INTEGERS if abs(k) <= small]
    parameters = tuple(_integer_array(draw, (1, *p.shape), among) for p in network.parameters)
    inputs = _integer_array(draw, (1, count, network.input_width), among)
    labels: np.ndarray | None = None
    if targets == "signs":
        signs = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        labels = np.where(signs, -1.0, 1.0).reshape(1, count, 1)
    elif targets == "one-hot":
        classes = st.integers(0, network.output_width - 1)
        chosen = draw(st.lists(classes, min_size=count, max_size=count))
        labels = np.eye(network.output_width)[chosen][None]
    elif targets == "dyadic":
        labels = _integer_array(draw, (1, count, network.output_width)) / 2
    return Case(network, parameters, inputs, labels, drawn)


def _cohort(
    network: Network,
    count: int,
    targets: Targets,
    numbers: Mapping[str, Fraction],
    members: int,
    largest: int,
    rng: np.random.Generator,
) -> Case:
    def array(*shape: int) -> np.ndarray:
        drawn = rng.integers(-largest, largest + 1, size=(members, *shape))
        return drawn.astype(np.float64)

    parameters = tuple(array(*p.shape) for p in network.parameters)
    inputs = array(count, network.input_width)
    for member in range(0, members, 4):
        # Every fourth member is a corner.
        _spoil(network, parameters, inputs, member, rng)
    labels: np.ndarray | None = None
    outputs = network.output_width
    if targets == "signs":
        labels = rng.choice([-1.0, 1.0], size=(members, count, 1))
    elif targets == "one-hot":
        labels = np.eye(outputs)[rng.integers(0, outputs, size=(members, count))]
    elif targets == "dyadic":
        labels = array(count, outputs) / 2
    return Case(network, parameters, inputs, labels, dict(numbers))


def _spoil(
    network: Network,
    parameters: tuple[np.ndarray, ...],
    inputs: np.ndarray,
    member: int,
    rng: np.random.Generator,
) -> None:
    matrices = [array[member] for array in parameters if array.ndim == 3]
    weights = matrices[rng.integers(len(matrices))]
    match rng.integers(8):
        case 0:  # a dead unit
            weights[0] = 0.0
        case 1:  # rank deficiency
            weights[...] = weights[:1]
        case 2:  # a zero layer
            weights[...] = 0.0
        case 3:  # repeated samples
            inputs[member] = inputs[member, :1]
        case 4:  # collinear samples
            multiples = rng.integers(-COLLINEAR, COLLINEAR + 1, size=(inputs.shape[1], 1))
            inputs[member] = inputs[member, :1] * multiples
        case 5:  # a zero sample: every pre-activation is at its kink
            inputs[member, 0] = 0.0
        case _:  # a unit at its kink at a sample that need not be zero
            first = network.layers[0].edges[0].map
            seen = inputs[member, 0]
            if isinstance(first, Convolution):
                seen = seen[first.patches()[0]]
            if not isinstance(first, Identity):
                matrices[0][0] = _orthogonal(seen)


def _orthogonal(vector: np.ndarray) -> np.ndarray:
    """A vector made of the same numbers, up to signs, whose product with the given one is 0."""
    found = np.zeros_like(vector)
    if vector.size > 1:
        found[:2] = -vector[1], vector[0]
    return found


@st.composite
def large_cases(
    draw: st.DrawFn,
    networks: st.SearchStrategy[Network],
    *,
    samples: tuple[int, int] = (2, 3),
    cohort: int = 2,
) -> Case:
    """Networks with normal weights and inputs in float64, drawn from a seed, on which floats round.

    Corners: units in pairs whose contributions cancel, so that gradients vanish but for rounding
    errors; a zero sample; weights that leave only tiny gradients.

    Args:
        cohort: members; from two on, counterexamples are sought again among small networks.
    """
    network = draw(networks)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parameters = tuple(
        rng.normal(0.0, math.sqrt(2.0 / p.shape[-1]), (cohort, *p.shape))
        for p in network.parameters
    )
    inputs = rng.normal(size=(cohort, draw(st.integers(*samples)), network.input_width))
    corner = draw(st.sampled_from(["none", "none", "cancelling", "zero sample", "tiny"]))
    if corner == "cancelling":
        _cancel(network, parameters, draw(st.integers(1, max(1, network.depth - 1))))
    elif corner == "zero sample":
        inputs[:, 0] = 0.0
    elif corner == "tiny":
        parameters[0][...] *= 2.0**-60
    return Case(network, parameters, inputs)


def _cancel(network: Network, parameters: tuple[np.ndarray, ...], vertex: int) -> None:
    """Make the units of a vertex equal in pairs, read with opposite signs; of an odd one, zero."""
    half = network.width(vertex) // 2
    for described, array in zip(network.parameters, parameters, strict=True):
        if described.layer == vertex:
            array[:, half : 2 * half] = array[:, :half]
            array[:, 2 * half :] = 0.0
        elif described.source == vertex:
            array[..., half : 2 * half] = -array[..., :half]


@st.composite
def mostly(draw: st.DrawFn, small: Cases, large: Cases) -> Case:
    """One draw in eight is large, and every example shrinks to a small one."""
    return draw(large if draw(st.integers(0, 7)) == 7 else small)


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
    width = draw(st.integers(*widths))
    layers = [Layer(width, (Edge(0),), LINEAR)]
    for _ in range(draw(st.integers(*blocks))):
        start = len(layers)
        sides = (Edge(start, Identity()), Edge(start + 2, Identity()))
        layers += [
            Layer(width, (Edge(start),), slope),
            Layer(width, (Edge(start + 1),), slope),
            Layer(width, sides, LINEAR),
        ]
    layers.append(Layer(draw(st.integers(*outputs)), (Edge(len(layers)),), LINEAR))
    return Network(draw(st.integers(*widths)), tuple(layers))


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


@st.composite
def batches(
    draw: st.DrawFn,
    networks: st.SearchStrategy[Network],
    *,
    samples: tuple[int, int] = (2, 4),
    coefficient: str | None = None,
    cohort: int = 1,
) -> Case:
    """Small integers as weights and batch, drawn number by number or, for a cohort, from a seed.

    Gains are not zero.

    Args:
        coefficient: name of a nonzero integer that is drawn for each sample.
        cohort: members of a cohort.
    """
    network = draw(networks)
    count = draw(st.integers(*samples))
    integers = _integers(draw, cohort)
    parameters = _small_parameters(network, integers)
    inputs = integers((count, network.input_width), SMALL_INTEGERS)
    return Case(network, parameters, inputs, None, _coefficients(draw, coefficient, count))


HADAMARD = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
"""Four samples of three features with mean 0, variance 1 and covariance 0."""
PYTHAGOREAN: dict[int, tuple[tuple[int, ...], ...]] = {
    1: ((1,), (-2,)),
    2: ((1, 0), (0, 1), (3, 4), (4, -3), (-5, 12)),
    3: ((1, 0, 0), (0, 1, 0), (0, 3, 4), (1, 2, 2), (2, -2, 1), (-2, 3, 6), (4, 4, -7)),
}
"""Integer vectors whose Euclidean norm is an integer, by length."""


@st.composite
def rational_batches(
    draw: st.DrawFn,
    networks: st.SearchStrategy[Network],
    normalisation: Normalisation,
    *,
    coefficient: str | None = None,
    cohort: int = 1,
) -> Case:
    """Four samples that the first layer, normalised over the batch, standardises in rationals.

    The samples are a multiple of `HADAMARD` around some mean, so that a unit with weights ``w`` has
    the standard deviation ``|w|``, up to that multiple; the rows of the first weight matrix are
    `PYTHAGOREAN`. Features beyond the third are constant over the batch. Arguments as in `batches`.
    """
    network = draw(networks)
    first, *others = network.layers
    layers = (replace(first, normalisation=normalisation), *others)
    network = Network(network.input_width, layers)
    integers = _integers(draw, cohort)
    weights, *rest = _small_parameters(network, integers)
    varying = min(network.input_width, HADAMARD.shape[1])
    rows = np.array(PYTHAGOREAN[varying], dtype=np.float64)
    weights[..., :varying] = rows[integers((first.width,), range(len(rows))).astype(int)]
    inputs = integers((1, network.input_width), SMALL_INTEGERS).repeat(len(HADAMARD), axis=1)
    inputs[..., :varying] += HADAMARD[:, :varying] * integers((1, 1), (1, -2))
    numbers = _coefficients(draw, coefficient, len(HADAMARD))
    return Case(network, (weights, *rest), inputs, None, numbers)


Integers = Callable[[tuple[int, ...], Sequence[int]], np.ndarray]
"""Float64 array ``(members, *shape)`` of integers out of a sequence."""


def _integers(draw: st.DrawFn, cohort: int) -> Integers:
    """Drawn number by number for one member, or from a drawn seed for a cohort.

    The former shrinks well, but Hypothesis likes repetitions and ones too much to find full ranks.
    """
    if draw(st.sampled_from([False, True, True, True])):
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        return lambda shape, among: rng.choice(among, size=(cohort, *shape)).astype(np.float64)
    return lambda shape, among: _integer_array(draw, (1, *shape), among)


def _small_parameters(network: Network, integers: Integers) -> tuple[np.ndarray, ...]:
    return tuple(
        integers(parameter.shape, (1, 2, -1) if parameter.role == "gain" else SMALL_INTEGERS)
        for parameter in network.parameters
    )


def _integer_array(
    draw: st.DrawFn, shape: tuple[int, ...], among: Sequence[int] = SMALL_INTEGERS
) -> np.ndarray:
    size = int(np.prod(shape))
    values = draw(st.lists(st.sampled_from(among), min_size=size, max_size=size))
    return np.array(values, dtype=np.float64).reshape(shape)


def _coefficients(draw: st.DrawFn, name: str | None, count: int) -> dict[str, Fraction]:
    if name is None:
        return {}
    nonzero = st.sampled_from([k for k in SMALL_INTEGERS if k != 0])
    return {f"{name}_{j}": Fraction(draw(nonzero)) for j in range(1, count + 1)}


@st.composite
def normalised_cases(
    draw: st.DrawFn,
    networks: st.SearchStrategy[Network],
    *,
    samples: tuple[int, int] = (1, 4),
    numbers: Mapping[str, st.SearchStrategy[Fraction]] | None = None,
    cohort: int = 1,
) -> Case:
    """Networks ``f_V`` with `_unit_matrices` weights, small inputs and labels +-1.

    Arguments as in `batches`.
    """
    integers = _integers(draw, cohort)
    drawn = {name: draw(strategy) for name, strategy in (numbers or {}).items()}
    count = draw(st.integers(*samples))
    # Labels before the network and weights last: what shrinking removes is then in one place.
    signs = integers((count, 1), (1, -1))
    network = draw(networks)
    inputs = integers((count, network.input_width), SMALL_INTEGERS)
    parameters = tuple(_unit_matrices(integers, p.shape) for p in network.parameters)
    return Case(network, parameters, inputs, signs, drawn)


def _unit_matrices(integers: Integers, shape: tuple[int, ...]) -> np.ndarray:
    """Rational matrices ``(members, *shape)`` of Frobenius norm exactly 1, entries Fractions.

    Up to sign, the inverse of the stereographic projection takes the vector ``t`` to
    ``(1 - |t|^2, 2 t) / (1 + |t|^2)``; rational ``t`` reach a dense set of the sphere. Shrinks
    towards a first entry of 1.
    """
    exact = np.vectorize(Fraction, otypes=[object])
    numerators = integers((int(np.prod(shape)) - 1,), SMALL_INTEGERS)
    t = exact(numerators) / exact(integers((1,), (1, 2, 4)))
    square = (t * t).sum(axis=1, keepdims=True)
    sign = exact(integers((1,), (1, -1)))
    unit: np.ndarray = sign * np.concatenate([1 - square, 2 * t], axis=1) / (1 + square)
    return unit.reshape(-1, *shape)
