"""Strategies for data sets, and for cases: a network with weights and data.

Weights are small dyadic numbers, so that counterexamples shrink towards ``[[1]]``. One example is
either a single network drawn number by number, which shrinks well, or a cohort whose numbers come
from a drawn seed, which checks many networks at the price of one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.dyadic import Check, largest_integer
from theorycheck.arithmetic.evaluation import has_kink
from theorycheck.arithmetic.numbers import rationals
from theorycheck.data.dataset import Dataset
from theorycheck.data.synthetic import (
    collinear,
    contradictory,
    gaussian_mixture,
    separable,
    uniform_ball,
    uniform_sphere,
    with_duplicates,
)
from theorycheck.drawing.cohorts import cohort_case
from theorycheck.drawing.networks import (
    COHORT,
    COLLINEAR,
    LARGEST_INTEGER,
    SMALL_INTEGERS,
    Cases,
    Targets,
    between,
)
from theorycheck.drawing.numbers import integer_array
from theorycheck.networks.specification import LINEAR, Network


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
    asked = {"sizes": sizes, "widths": widths, "classes": classes}
    size, width, count = (draw(between(name, bounds)) for name, bounds in asked.items())
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
    count = draw(between("samples", samples))
    drawn = {name: draw(strategy) for name, strategy in (numbers or {}).items()}
    affordable = LARGEST_INTEGER
    if check is not None:
        affordable = largest_integer(network, check(network, count), input_scale=COLLINEAR)
    small = min(LARGEST_INTEGER, affordable)
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        largest = small if check is None or draw(st.booleans()) else affordable
        return cohort_case(network, count, targets, drawn, cohort, largest, rng)
    among = [k for k in SMALL_INTEGERS if abs(k) <= small]
    parameters = tuple(integer_array(draw, (1, *p.shape), among) for p in network.parameters)
    inputs = integer_array(draw, (1, count, network.input_width), among)
    labels: np.ndarray | None = None
    if targets == "signs":
        signs = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        labels = np.where(signs, -1.0, 1.0).reshape(1, count, 1)
    elif targets == "one-hot":
        classes = st.integers(0, network.output_width - 1)
        chosen = draw(st.lists(classes, min_size=count, max_size=count))
        labels = np.eye(network.output_width)[chosen][None]
    elif targets == "dyadic":
        labels = integer_array(draw, (1, count, network.output_width)) / 2
    return Case(network, parameters, inputs, labels, drawn)


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
    inputs = rng.normal(size=(cohort, draw(between("samples", samples)), network.input_width))
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


def away_from_kinks(case: Case) -> Case:
    """A case whose units are not at their kinks: made linear if one of them is, for any member."""
    network = case.network
    if any(
        has_kink(network, [rationals(p[member]) for p in case.parameters], rationals(inputs))
        for member, inputs in enumerate(case.inputs)
    ):
        layers = tuple(replace(layer, slope=LINEAR) for layer in network.layers)
        return replace(case, network=Network(network.input_width, layers))
    return case
