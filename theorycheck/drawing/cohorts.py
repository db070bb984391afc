"""Cohorts whose numbers come from a drawn seed, with corners among their members."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from theorycheck.arithmetic.cases import Case
from theorycheck.drawing.networks import COLLINEAR, Targets
from theorycheck.networks.specification import Convolution, Identity, Network


def cohort_case(
    network: Network,
    count: int,
    targets: Targets,
    numbers: Mapping[str, Fraction],
    members: int,
    largest: int,
    rng: np.random.Generator,
) -> Case:
    """A cohort of integers up to ``largest``, drawn from ``rng``; every fourth is a corner."""

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
