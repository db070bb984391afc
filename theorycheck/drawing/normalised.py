"""Strategies for cases of normalised networks: batches with rational deviations, unit weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from theorycheck.arithmetic.cases import Case
from theorycheck.drawing.networks import SMALL_INTEGERS, between
from theorycheck.drawing.numbers import integer_array
from theorycheck.networks.specification import Network, Normalisation


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
    count = draw(between("samples", samples))
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
    return lambda shape, among: integer_array(draw, (1, *shape), among)


def _small_parameters(network: Network, integers: Integers) -> tuple[np.ndarray, ...]:
    return tuple(
        integers(parameter.shape, (1, 2, -1) if parameter.role == "gain" else SMALL_INTEGERS)
        for parameter in network.parameters
    )


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
    count = draw(between("samples", samples))
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
