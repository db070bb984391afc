"""Bit growth: where 53 bits suffice, float64 gives what rational arithmetic gives, to the bit."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck import exact
from theorycheck.cases import Case
from theorycheck.dyadic import SIGNIFICAND_BITS, bits_needed
from theorycheck.networks import LINEAR, RELU, Network, forward, mlp, sample_gradients
from theorycheck.strategies import (
    convolutional_networks,
    directed_graphs,
    mlps,
    residual_networks,
)

torch.set_num_threads(1)

MEMBERS, SAMPLES = 4, 2
SLOPES = (RELU, LINEAR, 0.5, 0.375, -1.0, 3.0)

NETWORKS = st.one_of(
    mlps(depths=(1, 5), widths=(1, 3), slopes=SLOPES, outputs=(1, 2)),
    mlps(depths=(2, 3), widths=(1, 3), slopes=SLOPES, bias=True, output_slopes=(RELU, 3.0)),
    convolutional_networks(slopes=SLOPES, outputs=(1, 2)),
    directed_graphs(slopes=SLOPES),
    residual_networks(blocks=(1, 1), widths=(1, 2), slopes=SLOPES),
)


def dyadic_case(network: Network, rng: np.random.Generator) -> Case:
    """Numbers ``k / 2**b``, with ``|k|`` such that products of one per layer have up to 64 bits."""
    size = rng.uniform(12.0, 64.0) / (network.depth + 1)

    def array(*shape: int) -> np.ndarray:
        largest = int(2.0**size)
        drawn = rng.integers(-largest, largest + 1, size=(MEMBERS, *shape))
        return np.ldexp(drawn.astype(np.float64), -int(rng.integers(0, 9)))

    parameters = tuple(array(*p.shape) for p in network.parameters)
    return Case(network, parameters, array(SAMPLES, network.input_width))


def results(case: Case) -> list[np.ndarray]:
    """Outputs, gradients and inner products in float64."""
    parameters, inputs = case.tensors()
    gradients = sample_gradients(case.network, parameters, inputs)
    products = [
        (p[:, None, None] * g).flatten(start_dim=3).sum(dim=-1)
        for p, g in zip(parameters, gradients, strict=True)
    ]
    tensors = [forward(case.network, parameters, inputs), *gradients, *products]
    return [tensor.numpy() for tensor in tensors]


def oracle(case: Case, member: int) -> list[exact.Array]:
    """The same of one member in rationals, with derivatives in forward mode."""
    parameters = [exact.rationals(p[member]) for p in case.parameters]
    inputs = exact.rationals(case.inputs[member])
    outputs = exact.vertices(case.network, parameters, inputs)[-1]
    gradients = [
        exact.jacobian(case.network, parameters, inputs, index) for index in range(len(parameters))
    ]
    products = [
        (g * p).reshape(*g.shape[:2], -1).sum(axis=-1)
        for p, g in zip(parameters, gradients, strict=True)
    ]
    return [outputs, *gradients, *products]


def disagreements(case: Case) -> list[bool]:
    """For each member, whether any float64 result differs from the rational one."""
    found = results(case)
    return [
        any(
            bool((exact.rationals(floats[member]) != rationals).any())
            for floats, rationals in zip(found, oracle(case, member), strict=True)
        )
        for member in range(case.members)
    ]


def test_no_result_rounds_where_53_bits_suffice() -> None:
    """On over a thousand networks, many close to what 53 bits hold; a little beyond, some round."""
    within, close = 0, 0
    rounded: list[float] = []

    @settings(max_examples=150, derandomize=True, database=None, deadline=None)
    @given(NETWORKS, st.integers(0, 2**32 - 1))
    def check(network: Network, seed: int) -> None:
        nonlocal within, close
        rng = np.random.default_rng(seed)
        for _ in range(3):
            case = dyadic_case(network, rng)
            bits = bits_needed(case)
            assert (bits == np.round(bits)).all()
            for needed, differs in zip(bits, disagreements(case), strict=True):
                if needed <= SIGNIFICAND_BITS:
                    assert not differs
                    within += 1
                    close += bool(needed > SIGNIFICAND_BITS - 6)
                elif differs:
                    rounded.append(needed)

    check()
    assert within > 1000
    assert close > 100
    assert min(rounded) <= SIGNIFICAND_BITS + 4


def product(weight: float, value: float, *, depth: int = 1, slope: float = LINEAR) -> Case:
    """``weight**depth * value`` by a chain of width 1, slopes apart."""
    one = np.ones((1, 1, 1))
    return Case(mlp([1] * (depth + 1), slope), (one * weight,) * depth, one * value)


@pytest.mark.parametrize(
    ("case", "bits"),
    [
        (product(3.0, 5.0), 5),
        (product(-3.0, 5.0), 5),
        (product(0.75, 1.25), 5),
        (product(0.75, 0.0), 3),
        (product(1.0, 1.0), 1),
        (product(2.0**26 - 1, 2.0**26 - 1), 53),
        (product(3.0, 1.0, depth=2, slope=0.25), 7),
        (product(3.0, 1.0, depth=2, slope=-5.0), 7),
    ],
)
def test_bits_by_hand(case: Case, bits: int) -> None:
    """One more than the binary logarithm of the product of numerators, rounded up; zero counts 1.

    A slope of 1/4 has the quantum 1/4, and one of -5 the size 5.
    """
    assert bits_needed(case).tolist() == [bits]


def test_a_sum_grows_with_its_terms() -> None:
    ones = np.ones((1, 1, 8))
    assert bits_needed(Case(mlp([8, 1]), (ones,), ones)).tolist() == [4]


def test_a_network_beyond_53_bits_that_rounds() -> None:
    case = product(2.0**27 + 1, 2.0**27 + 1)
    assert bits_needed(case).item() == 56
    assert disagreements(case) == [True]


@pytest.mark.parametrize(
    ("case", "gradient"),
    [(product(2.0**-600, 1.0, depth=2), 2.0**-600), (product(2.0**600, 1.0, depth=2), 2.0**600)],
)
def test_numbers_that_leave_the_range_of_floats(case: Case, gradient: float) -> None:
    """Few bits, but their product underflows or overflows."""
    outputs, *others = results(case)
    assert outputs.item() in (0.0, math.inf)
    assert others[0].item() == gradient
    assert bits_needed(case).tolist() == [math.inf]


def test_the_smallest_float_is_dyadic() -> None:
    """Its quantum is below the normal numbers, where the bound itself would round."""
    assert bits_needed(product(5e-324, 1.0)).tolist() == [math.inf]


def test_thirds_are_not_dyadic() -> None:
    thirds = np.array([[[Fraction(4, 3)]]], dtype=object)
    case = Case(mlp([1, 1]), (thirds,), np.ones((1, 1, 1)))
    assert bits_needed(case).tolist() == [math.inf]


def test_exact_fractions_count_like_floats() -> None:
    quarters = np.array([[[Fraction(3, 4)]]], dtype=object)
    case = Case(mlp([1, 1]), (quarters,), np.full((1, 1, 1), 1.25))
    assert bits_needed(case).tolist() == [5]


def test_members_are_bounded_one_by_one() -> None:
    weights = np.array([1.0, 2.0**20, 0.0]).reshape(3, 1, 1)
    assert bits_needed(Case(mlp([1, 1]), (weights,), np.ones((3, 1, 1)))).tolist() == [1, 21, 1]


def test_batch_normalisation_is_refused() -> None:
    network = mlp([1, 1, 1], normalisation="batch")
    arrays = tuple(np.ones((1, *p.shape)) for p in network.parameters)
    with pytest.raises(ValueError, match="not dyadic"):
        bits_needed(Case(network, arrays, np.ones((1, 2, 1))))
