"""Each term of the running error bounds, on numbers where it is the one that matters.

Rounding hardly ever reaches its bounds, so that numbers as computed do not tell whether a bound is
complete. Here the bounds are compared with what Higham's theorems say, added up in rationals, from
the errors of what a layer reads. A product that underflows is off by half of the least number.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from theorycheck.arithmetic import error_bounds
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.error_bounds import (
    Computed,
    Evaluation,
    evaluate_with_error_bounds,
    rank_exceeds_one,
)
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Dense,
    Edge,
    Identity,
    Layer,
    Network,
    mlp,
)

Exact = np.ndarray[Any, Any]
"""Of rationals."""

HALF = Fraction(1, 2**1075)
"""Derivation: a product that underflows is off by half of the least number at most."""
LEAKY = 0.1
SLOPES = (RELU, LINEAR, LEAKY)


def gamma(terms: int) -> Any:
    return Fraction(terms, 2**53 - terms)


def is_tight(error: np.ndarray[Any, Any], bound: Exact, terms: int = 1) -> bool:
    """Derivation: a bound may be larger than it has to be by 2^-40 of itself, as it is computed in
    fewer than 2^12 roundings, and by four of the least numbers for each term.
    """
    larger = bound * (1 + Fraction(1, 2**40)) + terms * 8 * HALF
    return bool(((exact(error) >= bound) & (exact(error) <= larger)).all())


def exact(array: np.ndarray[Any, Any]) -> Exact:
    """The rational values of an array, shape kept."""
    found: Exact = np.vectorize(Fraction, otypes=[object])(array)
    return found


# networks


def skipping(slope: float) -> Network:
    """Layers that narrow and widen, with trainable skips and a constant one."""
    return Network(
        9,
        (
            Layer(4, (Edge(0),), slope),
            Layer(7, (Edge(1), Edge(0)), slope),
            Layer(4, (Edge(2), Edge(1, Identity())), slope),
            Layer(1, (Edge(3), Edge(2)), LINEAR),
        ),
    )


def evaluated(slope: float, scale: float) -> Evaluation:
    """Of normal weights, times a factor; on some of their products no term but underflow is left"""
    rng, network = np.random.default_rng(0), skipping(slope)
    parameters = tuple(scale * rng.normal(size=(1, *p.shape)) for p in network.parameters)
    return evaluate_with_error_bounds(Case(network, parameters, rng.normal(size=(1, 5, 9))))


everywhere = pytest.mark.parametrize(
    "evaluation",
    [evaluated(slope, scale) for slope in SLOPES for scale in (1.0, 2.0**-540)],
    ids=[f"{slope}, {scale}" for slope in SLOPES for scale in ("normal", "tiny")],
)


def weight(evaluation: Evaluation, edge: Edge, target: int) -> Exact | None:
    """Magnitudes of the weight matrix of an edge; None for a constant one."""
    if not isinstance(edge.map, Dense):
        return None
    network, parameters = evaluation.case.network, evaluation.case.parameters
    places = [(p.layer, p.source) for p in network.parameters]
    return abs(exact(parameters[places.index((target, edge.source))][0]))


def inner_products(reads: list[tuple[Computed, Exact | None]]) -> Exact:
    """What sums of products are off by: of numbers with their errors, and of the weights."""
    size: Any = 0
    error: Any = 0
    terms = 0
    for read, matrix in reads:
        magnitude, off = abs(exact(read.value[0])), exact(read.error[0])
        if matrix is None:
            size, error, terms = size + magnitude, error + off, terms + 1
        else:
            size, error = size + magnitude @ matrix, error + off @ matrix
            terms += len(matrix)
    found: Exact = error + size * gamma(terms) + terms * HALF
    return found


def bent(layer: Layer, value: Exact, error: Exact, result: Exact) -> Exact:
    """What is left of an error after a slope that nothing leaves open, which rounds once more."""
    active = (value > 0).astype(object)
    slope: Any = Fraction(layer.slope)
    rounding: Any = abs(exact(result)) * gamma(1) + HALF if layer.slope == LEAKY else 0
    found: Exact = active * error + (1 - active) * (slope * error + rounding)
    return found


@everywhere
def test_values(evaluation: Evaluation) -> None:
    for vertex, layer in enumerate(evaluation.case.network.layers, start=1):
        reads = []
        for edge in layer.edges:
            matrix = weight(evaluation, edge, vertex)
            reads.append((evaluation.values[edge.source], None if matrix is None else matrix.T))
        found = evaluation.values[vertex]
        inner = inner_products(reads)
        bound = bent(layer, found.value[0], inner, found.value[0])
        assert (exact(found.error[0]) >= bound).all()
        certain = (found.value[0] > found.error[0]) | (layer.slope == LINEAR)
        assert is_tight(found.error[0][certain], inner[certain], sum(map(len, reads)) * 9)


@everywhere
def test_signals(evaluation: Evaluation) -> None:
    layers = evaluation.case.network.layers
    for vertex, layer in enumerate(layers[:-1], start=1):
        reads = [
            (evaluation.signals[target - 1], weight(evaluation, edge, target))
            for target, reader in enumerate(layers, start=1)
            for edge in reader.edges
            if edge.source == vertex
        ]
        value, signal = evaluation.values[vertex].value[0], evaluation.signals[vertex - 1]
        inner = inner_products(reads)
        bound = bent(layer, value, inner, signal.value[0])
        assert (exact(signal.error[0]) >= bound).all()
        certain = (value > evaluation.values[vertex].error[0]) | (layer.slope == LINEAR)
        rounding = abs(exact(signal.value[0])) * gamma(1) + HALF
        most = inner + rounding if layer.slope == LEAKY else inner
        assert is_tight(signal.error[0][certain], most[certain], sum(map(len, reads)) * 9)


def kinks() -> Evaluation:
    """Units of two layers that are at their kinks exactly, and known only up to rounding."""
    first = np.array([[[0.1, -0.1, 0.7, -0.7, 0.3, -0.3]]])
    case = Case(mlp([6, 1, 1, 1]), (first, *[np.full((1, 1, 1), 0.9)] * 2), np.full((1, 1, 6), 0.3))
    return evaluate_with_error_bounds(case)


@pytest.mark.parametrize(
    "evaluation",
    [*(evaluated(slope, scale) for slope in SLOPES for scale in (1.0, 2.0**-540)), kinks()],
)
def test_gradients_and_products(evaluation: Evaluation) -> None:
    """``s x`` and ``w (s x)``, added up: errors of both factors, of each product, of the sum."""
    for index, parameter in enumerate(evaluation.case.network.parameters):
        assert parameter.source is not None
        signal = evaluation.signals[parameter.layer - 1]
        source = evaluation.values[parameter.source]
        s, ds = (exact(abs(a[0]))[..., None] for a in (signal.value, signal.error))
        x, dx = (exact(abs(a[0]))[..., None, :] for a in (source.value, source.error))
        gradient = evaluation.gradient(index)
        assert is_tight(gradient.error[0], s * dx + ds * (x + dx) + s * x * gamma(1) + HALF)
        matrix = abs(exact(evaluation.case.parameters[index][0]))
        terms = matrix * abs(exact(gradient.value[0]))
        each = matrix * exact(gradient.error[0]) + terms * gamma(1) + HALF
        total = each.sum(axis=(1, 2)) + terms.sum(axis=(1, 2)) * gamma(matrix.size)
        assert is_tight(evaluation.product(index).error[0], total, matrix.size)


def test_a_layer_that_nothing_reads_has_no_gradient() -> None:
    network = Network(2, (Layer(2, (Edge(0),), RELU), Layer(1, (Edge(0),), LINEAR)))
    weights = tuple(np.ones((1, *p.shape)) for p in network.parameters)
    evaluation = evaluate_with_error_bounds(Case(network, weights, np.ones((1, 1, 2))))
    assert not evaluation.gradients[0].any()
    assert evaluation.gradients[1].tolist() == [[[[1.0, 1.0]]]]
    assert is_tight(evaluation.gradient(0).error, np.zeros((1, 1, 2, 2)))


# kinks that a bound leaves open


def one(value: float, error: float) -> Computed:
    return Computed(np.array([value]), np.array([error]))


@pytest.mark.parametrize("slope", [RELU, 0.25])
@pytest.mark.parametrize(
    ("argument", "computed"),
    [
        # Certain, and still autograd went by the other sign: both are within the bound.
        (one(1.0, 0.75), -0.5),
        (one(-1.0, 0.75), 0.5),
        (one(1.0, 1.0), 1.0),
        (one(0.5, 1.0), 0.5),
        (one(-0.5, 1.0), -0.5),
        (one(0.0, 0.5), 0.0),
    ],
)
def test_both_slopes_are_allowed_for(argument: Computed, computed: float, slope: float) -> None:
    layer = Layer(1, (Edge(0),), slope)
    active = max(computed, slope * computed)
    value, found = error_bounds._activated(layer, argument, np.array([active]))
    # Derivation: the value moves by as much as the argument at most, and only a slope rounds it.
    rounding = abs(exact(value.value)) * gamma(1) + HALF if active <= 0 and slope != RELU else 0
    assert is_tight(value.error, exact(argument.error) + rounding)
    assert found.value == (1.0 if active > 0 else slope)
    assert found.error == 1 - slope
    arriving = one(2.0, 0.5)
    signal = error_bounds._times(found, arriving, layer)
    assert signal.error >= found.value * 0.5 + (1 - slope) * 2.5


@pytest.mark.parametrize("argument", [one(-1.0, 0.75), one(1.0, 0.75)])
def test_a_slope_that_is_certain_has_no_error(argument: Computed) -> None:
    layer = Layer(1, (Edge(0),), RELU)
    value, found = error_bounds._activated(layer, argument, np.maximum(argument.value, 0.0))
    active = argument.value > 0
    assert found.error == 0
    assert (value.error > 0) == active
    assert (error_bounds._times(found, one(2.0, 0.5), layer).error > 0) == active


@pytest.mark.parametrize("error", [0.0, 2.0**-60, 0.5])
@pytest.mark.parametrize("slope", [0.25, LEAKY])
def test_a_slope_that_is_certain_shrinks_errors_and_rounds(slope: float, error: float) -> None:
    layer, argument = Layer(1, (Edge(0),), slope), one(-3.7, error)
    value, found = error_bounds._activated(layer, argument, slope * argument.value)
    exactly = Fraction(slope)
    assert is_tight(
        value.error,
        exactly * exact(argument.error) + abs(exact(value.value)) * gamma(1) + HALF,
    )
    assert found.value == slope
    assert found.error == 0
    arriving = one(1.3, error)
    signal = error_bounds._times(found, arriving, layer)
    assert signal.value == slope * 1.3
    assert is_tight(
        signal.error,
        exactly * exact(arriving.error) + abs(exact(signal.value)) * gamma(1) + HALF,
    )


def test_a_slope_below_which_a_value_and_its_error_underflow() -> None:
    """Derivation: 0.3 times 8 of the least numbers is 2.4 of them, where 2 are left."""
    least = 2.0**-1074
    layer, argument = Layer(1, (Edge(0),), 0.3), one(-20 * least, 8 * least)
    value, found = error_bounds._activated(layer, argument, 0.3 * argument.value)
    assert (0.3 * argument.error).item() == 2 * least
    for number in (value, error_bounds._times(found, argument, layer)):
        assert Fraction(number.error.item()) >= Fraction(0.3) * Fraction(8 * least)


@pytest.mark.parametrize("terms", [1, 2, 63, 4000])
def test_the_rounding_of_sums_from_which_a_bound_is_made(terms: int) -> None:
    """1, as inner products of n terms may round it; derivation: off by gamma_n (Eq. 3.5)."""
    least = np.array([1 - terms * 2.0**-53])
    nothing = np.zeros(1)
    assert error_bounds._inner_product_error(nothing, least, terms) >= 1
    bound = error_bounds._inner_product_error(least, nothing, terms)
    assert Fraction(bound.item()) >= gamma(terms)


# arithmetic of computed numbers

VALUES = (0.0, 0.1, -3.7, 1e-170, -1e-170, 2.0**30)
ERRORS = (0.0, 2.0**-60, 0.25, 2.0)


def ends(number: Computed) -> list[Fraction]:
    value, error = Fraction(number.value.item()), Fraction(number.error.item())
    return [value - error, value + error]


def test_sums_differences_and_products_of_all_numbers_within_the_bounds() -> None:
    numbers = [one(value, error) for value, error in itertools.product(VALUES, ERRORS)]
    for a, b in itertools.product(numbers, numbers):
        exactly = list(itertools.product(ends(a), ends(b)))
        for found, expected in (
            (a + b, [x + y for x, y in exactly]),
            (a - b, [x - y for x, y in exactly]),
            (a * b, [x * y for x, y in exactly]),
        ):
            low, high = ends(found)
            assert low <= min(expected) <= max(expected) <= high
            value, (width,) = Fraction(found.value.item()), exact(found.error)
            spread = max(max(expected) - value, value - min(expected))
            # Derivation: no number is closer than the rounding of what was computed.
            assert width <= (spread + abs(value) * gamma(1)) * (1 + Fraction(1, 2**40)) + 8 * HALF
        assert is_tight(a.size, np.array([max(map(abs, ends(a)))]))


LEAST = 2.0**-537
"""Of which the square is the least number."""


def test_a_product_of_which_every_part_underflows() -> None:
    """Three times almost half of the least number: of the product and of what each error adds."""
    a, b = one(LEAST, LEAST / 2), one(0.49 * LEAST, 0.49 * LEAST)
    _, high = ends(a * b)
    assert (a * b).value.item() == 0
    assert high >= max(x * y for x, y in itertools.product(ends(a), ends(b)))


def test_a_gradient_of_which_every_part_underflows() -> None:
    """As above, of a signal and a value."""
    case = Case(mlp([1, 1]), (np.ones((1, 1, 1)),), np.ones((1, 1, 1)))
    numbers = [
        Computed(np.full((1, 1, 1), value), np.full((1, 1, 1), error))
        for value, error in ((0.7 * LEAST, 0.7 * LEAST), (0.7 * LEAST, 0.35 * LEAST))
    ]
    found = Evaluation(case, (numbers[0],), (numbers[1],), (np.zeros((1, 1, 1, 1)),)).gradient(0)
    (a, da), (b, db) = ([Fraction(n.value.item()), Fraction(n.error.item())] for n in numbers)
    assert Fraction(found.error.item()) >= (a + da) * (b + db)


def test_a_sum_of_errors_of_which_all_but_the_first_are_lost() -> None:
    """Each is less than what 1 loses, when they are added one by one."""
    errors = np.full((1, 41, 3), 2.0**-54)
    errors[:, 0] = 1.0
    found = Computed(np.zeros_like(errors), errors).summed(1)
    assert (errors.sum(axis=1) == 1).all()
    assert (exact(found.error) >= 1 + 40 * Fraction(1, 2**54)).all()


@pytest.mark.parametrize("axis", [1, 2, (1, 2), (0, 1, 2)])
def test_sums_of_many(axis: int | tuple[int, ...]) -> None:
    """Of numbers that cancel and have errors; the bound of a sum is that of its terms' sizes."""
    rng = np.random.default_rng(0)
    half = rng.normal(size=(2, 6, 3))
    values = np.concatenate([half, -half], axis=1)
    values = np.concatenate([values, -values], axis=2)
    numbers = Computed(values, abs(rng.normal(size=values.shape)) * 2.0**-52)
    found = numbers.summed(axis)
    terms = values.size // found.value.size
    size, error = (exact(a).sum(axis=axis) for a in (abs(values), numbers.error))
    assert is_tight(np.asarray(found.error), error + size * gamma(terms))


def test_only_what_cannot_be_zero_is_certainly_not() -> None:
    numbers = Computed(np.array([1.0, -1.0, 1.0, 0.0]), np.array([1.0, 0.5, 2.0, 0.0]))
    assert numbers.certainly_nonzero.tolist() == [False, True, False, False]


@pytest.mark.parametrize("place", list(itertools.product(range(2), range(2))))
def test_the_error_of_each_entry_keeps_a_rank_open(place: tuple[int, int]) -> None:
    """The minor is 1 with any three entries exact; the error of the fourth could make it 0."""
    value, error = np.array([[[2.0, 1.0], [1.0, 1.0]]]), np.zeros((1, 2, 2))
    assert rank_exceeds_one(Computed(value, error)).all()
    error[(0, *place)] = 1.0
    assert not rank_exceeds_one(Computed(value, error)).any()


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (2, 5), (4, 3)])
def test_a_minor_wherever_the_largest_entry_is(shape: tuple[int, int]) -> None:
    """Two entries in different rows and columns: their minor is their product, whatever else."""
    places = list(itertools.product(*map(range, shape)))
    for largest, other in itertools.permutations(places, 2):
        value = np.zeros((1, *shape))
        value[(0, *largest)], value[(0, *other)] = -3.0, 2.0
        apart = largest[0] != other[0] and largest[1] != other[1]
        assert rank_exceeds_one(Computed(value, np.zeros_like(value))).item() == apart
