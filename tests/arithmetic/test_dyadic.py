"""Bit growth: where a significand suffices, floats give what rational arithmetic gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck import arithmetic
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.dyadic import (
    SIGNIFICAND_BITS,
    Check,
    Growth,
    alone,
    bits_needed,
    dominating,
    dyadic_exponent,
    exact_dtype,
    largest_integer,
    minors,
    quantum_exponent,
    rounds,
    significand_bits,
    sums_of_parameters,
)
from theorycheck.drawing.networks import (
    convolutional_networks,
    directed_graphs,
    mlps,
    residual_networks,
)
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward, sample_gradients
from theorycheck.networks.specification import LINEAR, RELU, Edge, Layer, Network, mlp

MEMBERS, SAMPLES = 4, 2
NOTHING = Growth()
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
DTYPES = [torch.float32, torch.float64]
SLOPES = (RELU, LINEAR, 0.5, 0.375, -1.0, 3.0)

NETWORKS = st.one_of(
    mlps(depths=(1, 5), widths=(1, 3), slopes=SLOPES, outputs=(1, 2)),
    mlps(depths=(2, 3), widths=(1, 3), slopes=SLOPES, bias=True, output_slopes=(RELU, 3.0)),
    convolutional_networks(slopes=SLOPES, outputs=(1, 2)),
    directed_graphs(slopes=SLOPES),
    residual_networks(blocks=(1, 1), widths=(1, 2), slopes=SLOPES),
)


def dyadic_case(network: Network, rng: np.random.Generator, bits: int) -> Case:
    """Numbers ``k / 2**b``; products of one ``k`` per layer have up to a few more bits."""
    size = rng.uniform(0.0, bits + 6.0) / (network.depth + 1)

    def array(*shape: int) -> np.ndarray:
        largest = int(2.0**size)
        drawn = rng.integers(-largest, largest + 1, size=(MEMBERS, *shape))
        return np.ldexp(drawn.astype(np.float64), -int(rng.integers(0, 9)))

    parameters = tuple(array(*p.shape) for p in network.parameters)
    return Case(network, parameters, array(SAMPLES, network.input_width))


def followed_by(growth: Growth, outputs: Any, gradients: list[Any], products: list[Any]) -> Any:
    """What a check of that growth computes from outputs, gradients and inner products.

    A sum of all inner products, where terms are added up; the products of all pairs of entries of
    the gradients' sums over the samples, where factors are multiplied.
    """
    found = [outputs, *gradients, *products]
    if growth.terms > 1:
        found.append(sum(products))
    if growth.factors > 1:
        for gradient in gradients:
            entries = gradient.sum(1).reshape(len(gradient), -1)
            found.append(entries[:, :, None] * entries[:, None, :])
    return found


def results(case: Case, dtype: torch.dtype, device: str, growth: Growth) -> list[np.ndarray]:
    """Computed in floats, as nested lists of Python floats keep them."""
    parameters, inputs = case.tensors(device, dtype)
    gradients = list(sample_gradients(case.network, parameters, inputs))
    products = [
        (p[:, None, None] * g).flatten(start_dim=3).sum(dim=-1)
        for p, g in zip(parameters, gradients, strict=True)
    ]
    outputs = forward(case.network, parameters, inputs)
    found = followed_by(growth, outputs, gradients, products)
    return [tensor.cpu().numpy() for tensor in found]


def oracle(case: Case, member: int, growth: Growth) -> list[arithmetic.Array]:
    """The same of one member in rationals, with derivatives in forward mode."""
    parameters = [arithmetic.rationals(p[member]) for p in case.parameters]
    inputs = arithmetic.rationals(case.inputs[member])
    outputs = arithmetic.vertices(case.network, parameters, inputs)[-1]
    gradients = [
        arithmetic.jacobian(case.network, parameters, inputs, index)[None]
        for index in range(len(parameters))
    ]
    products = [
        (g * p).reshape(*g.shape[:3], -1).sum(axis=-1)
        for p, g in zip(parameters, gradients, strict=True)
    ]
    return [array[0] for array in followed_by(growth, outputs[None], gradients, products)]


def disagreements(
    case: Case, dtype: torch.dtype = torch.float64, device: str = "cpu", growth: Growth = NOTHING
) -> list[bool]:
    """For each member, whether any result in floats differs from the rational one."""
    found = results(case, dtype, device, growth)
    return [
        any(
            bool((arithmetic.rationals(floats[member]) != rationals).any())
            for floats, rationals in zip(found, oracle(case, member, growth), strict=True)
        )
        for member in range(case.members)
    ]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("check", [alone, sums_of_parameters, minors])
def test_no_result_rounds_where_the_significand_suffices(
    check: Check, dtype: torch.dtype, device: str
) -> None:
    """On thousands of networks, many close to what it holds; beyond, some round."""
    within, close = 0, 0
    rounded: list[float] = []
    allowed = significand_bits(dtype)

    @settings(max_examples=100, derandomize=True, database=None, deadline=None)
    @given(NETWORKS, st.integers(0, 2**32 - 1))
    def run(network: Network, seed: int) -> None:
        nonlocal within, close
        rng = np.random.default_rng(seed)
        growth = check(network, SAMPLES)
        for _ in range(3):
            case = dyadic_case(network, rng, allowed // growth.factors)
            bits = bits_needed(case, growth)
            assert (bits == np.round(bits)).all()
            differing = disagreements(case, dtype, device, growth)
            for needed, differs in zip(bits, differing, strict=True):
                if needed <= allowed:
                    assert not differs
                    within += 1
                    close += bool(needed > allowed - 6)
                elif differs:
                    rounded.append(needed)

    run()
    assert within > 500
    assert close > 50
    assert rounded


def product(weight: float, value: float, *, depth: int = 1, slope: float = LINEAR) -> Case:
    """``weight**depth * value`` by a chain of width 1, slopes apart."""
    one = np.ones((1, 1, 1))
    return Case(mlp([1] * (depth + 1), slope), (one * weight,) * depth, one * value)


@pytest.mark.parametrize(
    ("case", "bits"),
    [
        (product(3.0, 5.0), 4),
        (product(-3.0, 5.0), 4),
        (product(0.75, 1.25), 4),
        (product(0.75, 0.0), 2),
        (product(1.0, 1.0), 1),
        (product(2.0**26 - 1, 2.0**26 - 1), 52),
        (product(3.0, 1.0, depth=2, slope=0.25), 6),
        (product(3.0, 1.0, depth=2, slope=-5.0), 6),
    ],
)
def test_bits_by_hand(case: Case, bits: int) -> None:
    """Binary digits of the product of the numerators, where zero counts 1.

    A slope of 1/4 has the quantum 1/4, and one of -5 the size 5.
    """
    assert bits_needed(case).tolist() == [bits]


def test_a_sum_grows_with_its_terms() -> None:
    ones = np.ones((1, 1, 8))
    assert bits_needed(Case(mlp([8, 1]), (ones,), ones)).tolist() == [4]


def test_growth_by_hand() -> None:
    """15, then 3 * 15 = 45 and 45 * 45 = 2025."""
    case = product(3.0, 5.0)
    assert bits_needed(case, Growth(terms=3)).tolist() == [6]
    assert bits_needed(case, Growth(terms=3, factors=2)).tolist() == [11]


def test_what_checks_do() -> None:
    network = mlp([2, 3, 1], bias=True)
    assert alone(network, 5) == Growth()
    assert sums_of_parameters(network, 5) == Growth(terms=3)
    assert minors(network, 5) == Growth(terms=5, factors=2)


def test_all_slopes_count_and_of_the_quanta_of_a_layer_the_finest() -> None:
    """``3 * 25 = 75``; then ``12 + 1 = 13`` sixteenths, not 64ths, of a chain and a skip."""
    assert bits_needed(product(3.0, 1.0, depth=1, slope=LINEAR)).tolist() == [2]
    assert bits_needed(product(1.0, 3.0, depth=3, slope=-5.0)).tolist() == [7]
    layers = (Layer(1, (Edge(0),), LINEAR), Layer(1, (Edge(1), Edge(0)), LINEAR))
    weights = [np.full((1, 1, 1), w) for w in (0.75, 0.25, 0.0625)]
    case = Case(Network(1, layers), tuple(weights), np.ones((1, 1, 1)))
    assert quantum_exponent(case) == 2 + 4


def odd(bits: int) -> float:
    """The largest number of that many bits."""
    return 2.0**bits - 1


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("device", DEVICES)
def test_one_bit_more_than_allowed_rounds(dtype: torch.dtype, device: str) -> None:
    """The bound is attained by products, by powers, by sums and by what is done with them.

    Each family makes an odd number of exactly the bits that the analysis names.
    """
    allowed = significand_bits(dtype)
    half = allowed // 2
    ones = np.ones((1, 1, 2))

    def total(bits: int) -> Case:
        """``2**(bits - 1) + (2**(bits - 1) - 1)``."""
        weights = np.array([[[2.0 ** (bits - 1), odd(bits - 1)]]])
        return Case(mlp([2, 1]), (weights,), ones)

    families: list[Callable[[int], tuple[Case, Growth]]] = [
        lambda bits: (product(odd(half), odd(bits - half)), NOTHING),
        lambda bits: (product(3.0, odd(bits - 4), depth=2), NOTHING),
        lambda bits: (total(bits), NOTHING),
        lambda bits: (product(odd(bits - 2), 1.0, depth=1), Growth(terms=3)),
    ]
    for family in families:
        for bits in (allowed, allowed + 1):
            case, growth = family(bits)
            needed = bits_needed(case, growth).item()
            # Beyond 53 bits the bound is computed with rounding.
            assert needed == bits if bits <= SIGNIFICAND_BITS else needed > SIGNIFICAND_BITS
            parameters, inputs = case.tensors(device, dtype)
            found = growth.terms * forward(case.network, parameters, inputs).cpu()
            outputs = arithmetic.vertices(
                case.network,
                [arithmetic.rationals(p[0]) for p in case.parameters],
                arithmetic.rationals(case.inputs[0]),
            )[-1]
            rounded = arithmetic.rationals(found[0]) != growth.terms * outputs
            assert rounded.item() == (bits > allowed)


@pytest.mark.parametrize(
    ("bits", "dtype"),
    [(24, torch.float32), (25, torch.float64), (53, torch.float64)],
)
def test_the_cheapest_format_that_never_rounds(bits: int, dtype: torch.dtype) -> None:
    assert exact_dtype(product(odd(bits), 1.0)) == dtype


def test_a_format_is_one_for_all_members_and_for_what_is_done_with_them() -> None:
    weights = np.array([1.0, odd(25)]).reshape(2, 1, 1)
    assert exact_dtype(Case(mlp([1, 1]), (weights,), np.ones((2, 1, 1)))) == torch.float64
    assert not rounds(product(odd(27), 1.0))
    assert rounds(product(odd(27), 1.0), Growth(factors=2))


def test_no_format_never_rounds_beyond_53_bits() -> None:
    with pytest.raises(InputError, match="55 bits"):
        exact_dtype(product(2.0**27 + 1, 2.0**27 + 1))


def test_float32_needs_units_within_its_range() -> None:
    """One bit, but 2**-130 is no normal number of float32."""
    assert exact_dtype(product(2.0**-65, 1.0)) == torch.float32
    assert exact_dtype(product(2.0**-65, 1.0, depth=2)) == torch.float64
    assert exact_dtype(product(2.0**-65, 1.0), Growth(factors=2)) == torch.float64


def test_float32_is_not_offered_while_its_products_may_be_shortened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    assert exact_dtype(product(3.0, 5.0)) == torch.float64


@pytest.mark.parametrize("growth", [NOTHING, Growth(terms=5), Growth(terms=3, factors=2)])
def test_integers_up_to_the_largest_need_no_more_bits_than_there_are(growth: Growth) -> None:
    """By hand on a chain: ``m**3`` for two layers, whose sums have 2 terms each."""
    network = mlp([2, 2, 1])
    largest = largest_integer(network, growth)
    parameters = tuple(np.full((1, *p.shape), float(largest)) for p in network.parameters)
    case = Case(network, parameters, np.full((1, 1, 2), float(largest)))
    assert (4 * growth.terms * largest**3) ** growth.factors < 2**53
    assert SIGNIFICAND_BITS - 3 * growth.factors < bits_needed(case, growth) <= SIGNIFICAND_BITS


def test_the_largest_integers_by_hand() -> None:
    """``m * m``, and inputs of ``1024 m``, below ``2**53``; then a sum that is ``2**52`` of ones.

    Two such products multiplied leave ``m**4``.
    """
    assert largest_integer(mlp([1, 1]), NOTHING) == 2**26
    assert largest_integer(mlp([1, 1]), NOTHING, input_scale=2**10) == 2**21
    assert largest_integer(mlp([1, 1]), Growth(factors=2)) == 2**13
    assert largest_integer(mlp([*[2] * 52, 1]), NOTHING) == 1
    with pytest.raises(InputError, match="smaller"):
        largest_integer(mlp([*[2] * 53, 1]), NOTHING)


def test_a_network_too_large_for_any_integers() -> None:
    with pytest.raises(InputError, match="smaller"):
        largest_integer(mlp([10] * 18), NOTHING)


def test_a_network_beyond_53_bits_that_rounds() -> None:
    case = product(2.0**27 + 1, 2.0**27 + 1)
    assert bits_needed(case).item() == 55
    assert disagreements(case) == [True]


@pytest.mark.parametrize(
    ("case", "gradient"),
    [(product(2.0**-600, 1.0, depth=2), 2.0**-600), (product(2.0**600, 1.0, depth=2), 2.0**600)],
)
def test_numbers_that_leave_the_range_of_floats(case: Case, gradient: float) -> None:
    """Few bits, but their product underflows or overflows."""
    outputs, *others = results(case, torch.float64, "cpu", NOTHING)
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
    assert bits_needed(case).tolist() == [4]


def test_of_several_fractions_the_finest_counts_and_one_third_is_enough() -> None:
    assert dyadic_exponent(np.array([Fraction(1, 2), Fraction(3, 8), Fraction(5)])) == 3
    assert dyadic_exponent(np.array([Fraction(1, 2), Fraction(1, 3)])) == math.inf
    assert dyadic_exponent(np.array([6.0, -0.75, 0.0])) == 2


def test_units_as_small_as_formats_have_normal_numbers_for() -> None:
    """The least ones are 2**-1022 and 2**-126."""
    assert [bits_needed(product(2.0**-e, 1.0)).item() for e in (1022, 1023)] == [1, math.inf]
    assert [exact_dtype(product(2.0**-e, 1.0)) for e in (126, 127)] == DTYPES
    assert not rounds(product(odd(53), 1.0))


def test_a_power_beyond_all_floats() -> None:
    assert bits_needed(product(2.0**600, 1.0), Growth(factors=2)).tolist() == [math.inf]


def test_where_a_number_is_0_its_quantum_bounds_what_rounds() -> None:
    weights = np.array([[[0.0, -0.75]]])
    [sizes] = dominating(Case(mlp([2, 1]), (weights,), np.ones((1, 1, 2)))).parameters
    assert sizes.tolist() == [[[0.25, 0.75]]]


def test_members_are_bounded_one_by_one() -> None:
    weights = np.array([1.0, 2.0**20, 0.0]).reshape(3, 1, 1)
    assert bits_needed(Case(mlp([1, 1]), (weights,), np.ones((3, 1, 1)))).tolist() == [1, 21, 1]


def test_batch_normalisation_is_refused() -> None:
    network = mlp([1, 1, 1], normalisation="batch")
    arrays = tuple(np.ones((1, *p.shape)) for p in network.parameters)
    with pytest.raises(ValueError, match="not dyadic"):
        bits_needed(Case(network, arrays, np.ones((1, 2, 1))))
