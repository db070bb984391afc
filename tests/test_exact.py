"""Exact evaluation against autograd where floats are exact, hand-worked Fractions, and sympy.

The random networks have weights in quarters up to 1, slopes in quarters and integer inputs up to 3.
Every value and derivative in networks as small as these is then a multiple of 2**-14 below 2**8,
and every term of the loss's gradient a multiple of 2**-30 below 2**18, so float64 computes them
without rounding and ``==`` is legitimate against torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
import sympy
import torch
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import Array, balls, rationals
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward, sample_gradients
from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    Normalisation,
    mlp,
)

torch.set_num_threads(1)

RESIDUAL = Network(
    2,
    (
        Layer(3, (Edge(0),)),
        Layer(3, (Edge(0), Edge(1, Identity()), Edge(1))),
        Layer(2, (Edge(2), Edge(0)), LINEAR),
    ),
)
OVERLAPPING = Convolution(channels=2, height=2, width=3, filters=2, kernel=(2, 2))
CONVOLUTIONAL = Network(12, (Layer(4, (Edge(0, OVERLAPPING),)), Layer(2, (Edge(1),), LINEAR)))
PLAIN = [
    mlp([3, 2]),
    mlp([2, 3, 1]),
    mlp([2, 3, 4, 3, 2]),
    mlp([2, 3, 3, 2], 0.25, bias=True),
    mlp([2, 3, 2], output_slope=0.0),
    mlp([2, 2, 2, 1], LINEAR),
    RESIDUAL,
    CONVOLUTIONAL,
]
each_plain = pytest.mark.parametrize("network", PLAIN, ids=str)


def draw(network: Network, samples: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Parameters in quarters and integer inputs, as float64."""
    generator = np.random.default_rng(seed)
    parameters = [generator.integers(-4, 5, p.shape) / 4.0 for p in network.parameters]
    return parameters, generator.integers(-3, 4, (samples, network.input_width)) * 1.0


def both(
    network: Network, parameters: Sequence[np.ndarray], inputs: np.ndarray
) -> tuple[list[Array], Array, tuple[Tensor, ...], Tensor]:
    """The same network as rationals and as a torch cohort of one."""
    tensors = tuple(torch.tensor(p)[None] for p in parameters)
    return [rationals(p) for p in parameters], rationals(inputs), tensors, torch.tensor(inputs)


def without_kinks(network: Network, samples: int) -> tuple[list[Array], Array]:
    """The first random network whose preactivations are all nonzero."""
    for seed in range(200):
        parameters, inputs = draw(network, samples, seed)
        exactly = [rationals(p) for p in parameters]
        if not arithmetic.has_kink(network, exactly, rationals(inputs)):
            return exactly, rationals(inputs)
    raise AssertionError(f"every seed put {network} on a kink")


def contain(enclosures: Array, dyadics: Array) -> bool:
    """Whether each ball contains its number, which must be dyadic for the question to be exact."""
    pairs = zip(enclosures.ravel().tolist(), dyadics.ravel().tolist(), strict=True)
    return all(ball.contains(number) for ball, number in pairs)


# numbers


def test_floats_become_the_rationals_they_are() -> None:
    tenth = Fraction(0.1)
    assert arithmetic.to_fractions(rationals([0.1, 5e-324])).tolist() == [tenth, Fraction(5e-324)]
    assert rationals(np.float32(0.1)).item() == fmpq(*float(np.float32(0.1)).as_integer_ratio())
    leaf = torch.tensor([[0.5, -3.0]], dtype=torch.bfloat16, requires_grad=True)
    assert rationals(leaf).tolist() == [[fmpq(1, 2), fmpq(-3)]]
    mixed = [1, Fraction(1, 3), np.int64(-2), fmpq(5, 7)]
    assert rationals(mixed).tolist() == [fmpq(1), fmpq(1, 3), fmpq(-2), fmpq(5, 7)]


def test_shapes_survive() -> None:
    assert rationals(2).shape == ()
    assert rationals(np.zeros((0, 3))).shape == (0, 3)
    assert rationals(torch.zeros(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("number", [float("nan"), float("-inf"), "1/2", None, 1j, arb(1), [1, [2]]])
def test_what_is_no_finite_rational_is_refused(number: Any) -> None:
    with pytest.raises(InputError):
        rationals([number])


@given(st.lists(st.lists(st.fractions(), min_size=2, max_size=2), min_size=1, max_size=3))
def test_strings_round_trip(numbers: list[list[Fraction]]) -> None:
    strings = arithmetic.to_strings(rationals(numbers))
    assert strings == [[str(number) for number in row] for row in numbers]
    assert arithmetic.to_fractions(arithmetic.from_strings(strings)).tolist() == numbers


@pytest.mark.parametrize("string", ["", "0.5", "1/0", "1/2/3", 1, None])
def test_strings_that_are_no_rationals_are_refused(string: Any) -> None:
    with pytest.raises(InputError):
        arithmetic.from_strings([string])


def test_precision_holds_inside_the_block() -> None:
    outside = flint.ctx.prec
    with arithmetic.precision(200):
        third = balls(fmpq(1, 3)).item()
        # Derivation: 200 bits of a number below 1 leave 2**-200; the radius is at most doubled.
        narrow = arb(2) ** -199
        assert third.rad() < narrow
    assert flint.ctx.prec == outside
    assert (3 * third).contains(1)
    with pytest.raises(InputError):
        arithmetic.precision(1)


# evaluation and derivatives


@each_plain
def test_outputs_and_jacobians_equal_autograd(network: Network) -> None:
    for seed in range(5):
        parameters, inputs, tensors, batch = both(network, *draw(network, 3, seed))
        outputs = arithmetic.vertices(network, parameters, inputs)[-1]
        assert (outputs == rationals(forward(network, tensors, batch)[0])).all()
        for index, gradient in enumerate(sample_gradients(network, tensors, batch)):
            derivative = arithmetic.jacobian(network, parameters, inputs, index)
            assert derivative.shape == gradient.shape[1:]
            assert (derivative == rationals(gradient[0])).all()


def test_tiny_network_by_hand() -> None:
    network = mlp([2, 2, 1])
    first = [[Fraction(1, 3), Fraction(2, 5)], [Fraction(-1), Fraction(1, 7)]]
    second = [[Fraction(3), Fraction(5)]]
    x = [Fraction(1, 2), Fraction(3)]
    parameters, inputs = [rationals(first), rationals(second)], rationals([x])
    active = first[0][0] * x[0] + first[0][1] * x[1]
    silent = first[1][0] * x[0] + first[1][1] * x[1]
    assert active > 0 > silent
    hidden, output = arithmetic.preactivations(network, parameters, inputs)
    assert arithmetic.to_fractions(hidden).tolist() == [[active, silent]]
    assert arithmetic.to_fractions(output).tolist() == [[3 * active]]
    inner = arithmetic.to_fractions(arithmetic.jacobian(network, parameters, inputs, 0))
    assert inner.tolist() == [[[[3 * x[0], 3 * x[1]], [0, 0]]]]
    outer = arithmetic.to_fractions(arithmetic.jacobian(network, parameters, inputs, 1))
    assert outer.tolist() == [[[[active, 0]]]]


def test_sympy_differentiates_the_same_network() -> None:
    network = mlp([2, 2, 2])
    first = sympy.Matrix(2, 2, sympy.symbols("a:4"))
    second = sympy.Matrix(2, 2, sympy.symbols("b:4"))
    x = sympy.Matrix([sympy.Rational(2, 3), sympy.Rational(-1, 5)])
    formula = second * (first * x).applyfunc(lambda z: sympy.Max(z, 0))
    numbers = [Fraction(k, 7) for k in (3, 1, -2, 4, 5, -6, 2, 1)]
    at = dict(zip([*first, *second], map(sympy.Rational, map(str, numbers)), strict=True))
    parameters = [
        rationals(np.reshape(np.array(part), (2, 2)))
        for part in np.split(np.array(numbers, dtype=object), 2)
    ]
    inputs = rationals([[Fraction(2, 3), Fraction(-1, 5)]])
    for index, symbols in enumerate((first, second)):
        derivative = arithmetic.to_fractions(
            arithmetic.jacobian(network, parameters, inputs, index)
        )
        for c in range(2):
            for position, symbol in enumerate(symbols):
                slope = sympy.diff(formula[c], symbol).subs(at)
                assert derivative[0, c].flat[position] == Fraction(str(slope))


def test_residual_network_by_hand() -> None:
    network = Network(
        1,
        (
            Layer(1, (Edge(0),)),
            Layer(1, (Edge(0), Edge(1, Identity()), Edge(1)), bias=True),
            Layer(1, (Edge(2), Edge(0)), LINEAR),
        ),
    )
    a, b, c, beta, d, e, x = (Fraction(k, 3) for k in (2, -1, 4, 1, -5, 7, 2))
    one = a * x
    two = b * x + one + c * one + beta
    assert one > 0 < two
    parameters = [rationals(n) for n in ([[a]], [[b]], [[c]], [beta], [[d]], [[e]])]
    values = arithmetic.vertices(network, parameters, rationals([[x]]))
    assert [arithmetic.to_fractions(v).item() for v in values] == [x, one, two, d * two + e * x]
    expected = [d * (1 + c) * x, d * x, d * one, d, two, x]
    for index, derivative in enumerate(expected):
        jacobian = arithmetic.jacobian(network, parameters, rationals([[x]]), index)
        assert arithmetic.to_fractions(jacobian).item() == derivative


def test_convolution_is_a_sparse_dense_layer() -> None:
    (filters, last), inputs = draw(CONVOLUTIONAL, 3, seed=1)
    rows, columns = 1, 2
    toeplitz = np.zeros((4, 12))
    place: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for f in range(2):
        for column in range(columns):
            for channel in range(2):
                for i in range(2):
                    for j in range(2):
                        target = f * rows * columns + column
                        source = channel * 6 + i * 3 + column + j
                        entry = f, channel * 4 + i * 2 + j
                        toeplitz[target, source] = filters[entry]
                        place.setdefault(entry, []).append((target, source))
    x = rationals(inputs)
    shared = [rationals(filters), rationals(last)]
    dense = [rationals(toeplitz), rationals(last)]
    outputs = arithmetic.vertices(CONVOLUTIONAL, shared, x)[-1]
    network = mlp([12, 4, 2])
    assert (outputs == arithmetic.vertices(network, dense, x)[-1]).all()
    jacobian = arithmetic.jacobian(CONVOLUTIONAL, shared, x, 0)
    unshared = arithmetic.jacobian(network, dense, x, 0)
    for (f, k), positions in place.items():
        total = sum(unshared[:, :, target, source] for target, source in positions)
        assert (jacobian[:, :, f, k] == total).all()


def test_a_parameter_without_a_path_to_the_output_has_derivative_zero() -> None:
    network = Network(2, (Layer(3, (Edge(0),)), Layer(1, (Edge(0),), LINEAR)))
    parameters, inputs = draw(network, 2, seed=0)
    exactly = [rationals(p) for p in parameters]
    jacobian = arithmetic.jacobian(network, exactly, rationals(inputs), 0)
    assert jacobian.shape == (2, 1, 3, 2)
    assert (jacobian == 0).all()
    quotients = arithmetic.derivative_by_quotients(network, exactly, rationals(inputs), 0)
    assert quotients is not None
    assert (quotients == 0).all()


@each_plain
def test_balls_enclose_the_rationals(network: Network) -> None:
    exactly, inputs = without_kinks(network, 2)
    wide = [balls(p) for p in exactly]
    for index in range(len(exactly)):
        enclosure = arithmetic.jacobian(network, wide, balls(inputs), index)
        truth = arithmetic.jacobian(network, exactly, inputs, index)
        assert contain(enclosure, truth)


def test_a_ball_around_a_kink_keeps_both_sides() -> None:
    network = mlp([1, 1], output_slope=0.25)
    parameters, inputs = [balls([[arb(0, 1)]])], balls([[2]])
    assert arithmetic.has_kink(network, parameters, inputs)
    output = arithmetic.vertices(network, parameters, inputs)[-1].item()
    assert output.contains(2)
    assert output.contains(fmpq(-1, 2))
    slope = arithmetic.jacobian(network, parameters, inputs, 0).item()
    assert slope.contains(2)
    assert slope.contains(fmpq(1, 2))
    assert not slope.contains(0)


# difference quotients and kinks


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(PLAIN), st.integers(0, 2**20), st.integers(1, 3))
def test_proved_quotients_equal_forward_mode(network: Network, seed: int, samples: int) -> None:
    parameters, inputs = draw(network, samples, seed)
    exactly, x = [rationals(p) for p in parameters], rationals(inputs)
    smooth = not arithmetic.has_kink(network, exactly, x)
    for index in range(len(exactly)):
        sides = arithmetic.one_sided_derivatives(network, exactly, x, index)
        assert sides is not None
        if smooth:
            jacobian = arithmetic.jacobian(network, exactly, x, index)
            assert (sides[0] == jacobian).all()
            assert (sides[1] == jacobian).all()


def test_quotients_of_a_coarse_step_by_hand() -> None:
    network = mlp([1, 1], output_slope=0.0)
    right, left = arithmetic.difference_quotients(
        network, [rationals([[1]])], rationals([[2]]), 0, fmpq(3)
    )
    assert right.item() == 2
    assert left.item() == fmpq(2, 3)


@pytest.mark.parametrize("slope", [0.0, 0.25])
def test_a_kink_has_two_derivatives(slope: float) -> None:
    network = mlp([1, 1], output_slope=slope)
    parameters, inputs = [rationals([[0]])], rationals([[3]])
    assert arithmetic.has_kink(network, parameters, inputs)
    sides = arithmetic.one_sided_derivatives(network, parameters, inputs, 0)
    assert sides is not None
    assert sides[0].item() == 3
    assert sides[1].item() == rationals(3 * slope).item()
    assert arithmetic.derivative_by_quotients(network, parameters, inputs, 0) is None
    assert arithmetic.jacobian(network, parameters, inputs, 0).item() == rationals(3 * slope).item()


@pytest.mark.parametrize("side", [1, -1])
def test_a_kink_within_the_first_step_is_stepped_over_by_none(side: int) -> None:
    """The step of 2**-20 crosses the kink at 2**-21, the next one does not reach it."""
    network = mlp([1, 1], output_slope=0.25)
    parameters, inputs = [rationals([[fmpq(side, 2**21)]])], rationals([[1]])
    derivative = arithmetic.derivative_by_quotients(network, parameters, inputs, 0)
    assert derivative is not None
    assert derivative.item() == (1 if side > 0 else fmpq(1, 4))


def test_linear_units_have_no_kink() -> None:
    network = mlp([1, 1], output_slope=LINEAR)
    parameters, inputs = [rationals([[0]])], rationals([[3]])
    assert not arithmetic.has_kink(network, parameters, inputs)
    derivative = arithmetic.derivative_by_quotients(network, parameters, inputs, 0)
    assert derivative is not None
    assert derivative.item() == 3


def test_a_kink_that_the_output_ignores_still_has_partial_derivatives() -> None:
    network = mlp([1, 1, 1])
    parameters, inputs = [rationals([[0]]), rationals([[0]])], rationals([[3]])
    assert arithmetic.has_kink(network, parameters, inputs)
    derivative = arithmetic.derivative_by_quotients(network, parameters, inputs, 0)
    assert derivative is not None
    assert derivative.item() == 0


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(PLAIN), st.integers(0, 2**20))
def test_directional_derivatives_contract_partial_ones(network: Network, seed: int) -> None:
    exactly, x = without_kinks(network, 2)
    for index, parameter in enumerate(network.parameters):
        direction = rationals(np.random.default_rng(seed).integers(-3, 4, size=parameter.shape))
        found = arithmetic.directional_derivative(network, exactly, x, index, direction)
        partial = arithmetic.jacobian(network, exactly, x, index)
        assert found is not None
        assert (found == (partial * direction).reshape(*partial.shape[:2], -1).sum(axis=-1)).all()


def test_directional_derivatives_at_a_kink() -> None:
    """``relu(w x)`` at ``w = 0``: none, but along the zero direction."""
    arguments = mlp([1, 1, 1]), [rationals([[0]]), rationals([[1]])], rationals([[1]]), 0
    assert arithmetic.directional_derivative(*arguments, rationals([[1]])) is None
    still = arithmetic.directional_derivative(*arguments, rationals([[0]]))
    assert still is not None
    assert still.tolist() == [[0]]


@pytest.mark.parametrize("selected", [0.0, 0.25, 0.5, 1.0, -2.0])
def test_the_derivative_at_a_kink_can_be_selected(selected: float) -> None:
    """``3 sigma(w x)`` at ``w = 0``, ``x = 2``; a second unit is not at its kink."""
    network = mlp([1, 2, 1], 0.25)
    parameters = [rationals([[0], [-1]]), rationals([[3, 5]])]
    found = arithmetic.jacobian(network, parameters, rationals([[2]]), 0, at_kink=selected)
    assert found[0, 0, :, 0].tolist() == [6 * rationals(selected).item(), fmpq(5, 2)]
    default = arithmetic.jacobian(network, parameters, rationals([[2]]), 0)
    assert default[0, 0, 0, 0] == fmpq(3, 2)


def test_a_kink_beyond_the_last_step_is_not_known() -> None:
    network = mlp([1, 1], output_slope=0.0)
    parameters, inputs = [rationals([[fmpq(1, 2**170)]])], rationals([[1]])
    assert not arithmetic.has_kink(network, parameters, inputs)
    assert arithmetic.one_sided_derivatives(network, parameters, inputs, 0) is None
    assert arithmetic.derivative_by_quotients(network, parameters, inputs, 0) is None
    derivative = arithmetic.derivative_by_quotients(network, parameters, inputs, 0, attempts=9)
    assert derivative is not None
    assert derivative.item() == 1


# batch normalisation


def normalised(normalisation: Normalisation) -> tuple[Network, list[Array], Array]:
    """A network whose hidden deviations over two samples are 2 and 1, so that floats are exact."""
    network = mlp([2, 2, 1], 0.25, normalisation=normalisation)
    parameters = [
        rationals([[1, 1], [0, -1]]),
        rationals(0.5),
        rationals(0.25),
        rationals([[2, -3]]),
    ]
    return network, parameters, rationals([[1, 0], [3, 2]])


def test_two_samples_normalise_to_plus_and_minus_one() -> None:
    network, parameters, inputs = normalised("batch")
    _, hidden, output = arithmetic.vertices(network, parameters, inputs)
    high, low = Fraction(3, 4), Fraction(-1, 16)  # 1/2 (+-1) + 1/4, leaky
    assert arithmetic.to_fractions(hidden).tolist() == [[low, high], [high, low]]
    assert arithmetic.to_fractions(output).tolist() == [[2 * low - 3 * high], [2 * high - 3 * low]]


@pytest.mark.parametrize("normalisation", ["batch", "batch-detached"])
def test_normalised_jacobians_equal_autograd(normalisation: Normalisation) -> None:
    network, parameters, inputs = normalised(normalisation)
    tensors = tuple(
        torch.tensor(arithmetic.to_fractions(p).astype(np.float64))[None] for p in parameters
    )
    batch = torch.tensor(arithmetic.to_fractions(inputs).astype(np.float64))
    for index, gradient in enumerate(sample_gradients(network, tensors, batch)):
        derivative = arithmetic.jacobian(network, parameters, inputs, index)
        assert (derivative == rationals(gradient[0])).all()


def test_two_samples_have_no_full_derivative_but_a_pseudo_gradient() -> None:
    full, parameters, inputs = normalised("batch")
    assert (arithmetic.jacobian(full, parameters, inputs, 0) == 0).all()
    detached, _, _ = normalised("batch-detached")
    pseudo = arithmetic.to_fractions(arithmetic.jacobian(detached, parameters, inputs, 0))
    # Second sample, first unit (active): v_1 gain (x - mean) / deviation = 2 * 1/2 * (1, 1) / 2.
    assert pseudo[1, 0, 0].tolist() == [Fraction(1, 2), Fraction(1, 2)]


def test_detached_layer_is_a_plain_layer_on_centred_inputs() -> None:
    """Hidden sums 2 + (-7, -1, 1, 7) have deviation 5; held constant, it only scales weights."""
    network = mlp([1, 1, 1], normalisation="batch-detached")
    parameters = [rationals([[1]]), rationals(3), rationals(1), rationals([[2]])]
    inputs = rationals([[-5], [1], [3], [9]])
    plain = Network(1, (Layer(1, (Edge(0),), bias=True), Layer(1, (Edge(1),), LINEAR)))
    folded = [rationals([[Fraction(3, 5)]]), rationals([1]), rationals([[2]])]
    centred = rationals([[-7], [-1], [1], [7]])
    output = arithmetic.vertices(network, parameters, inputs)[-1]
    assert (output == arithmetic.vertices(plain, folded, centred)[-1]).all()
    inner = arithmetic.jacobian(network, parameters, inputs, 0)
    assert (inner == arithmetic.jacobian(plain, folded, centred, 0) * fmpq(3, 5)).all()
    outer = arithmetic.jacobian(network, parameters, inputs, 3)
    assert (outer == arithmetic.jacobian(plain, folded, centred, 2)).all()


def test_full_derivative_satisfies_the_mean_value_theorem() -> None:
    """``(f(w + h) - f(w)) / h`` lies in the derivative over the ball that holds [w, w + h].

    The ball has radius below 2**-100, so a derivative that is wrong by more than its own narrow
    enclosure is caught: for the pseudo gradient the two are disjoint.
    """
    network = mlp([2, 2, 2, 1], 0.25, normalisation="batch")
    generator = np.random.default_rng(3)
    numbers = [generator.integers(1, 9, p.shape) / 4.0 for p in network.parameters]
    samples = generator.integers(-9, 10, (4, 2)) / 2.0
    missed = 0
    # Definition: far narrower than what the two kinds of derivative differ by.
    narrow = arb(2) ** -80
    with arithmetic.precision(400):
        inputs, step = balls(samples), arb(2) ** -100
        base = [balls(p) for p in numbers]
        start = arithmetic.vertices(network, base, inputs)[-1][:, 0]
        for index in range(len(base)):
            for entry in np.ndindex(base[index].shape):
                moved = [p.copy() for p in base]
                moved[index][entry] += step
                end = arithmetic.vertices(network, moved, inputs)[-1][:, 0]
                moved[index][entry] = base[index].item(entry).union(moved[index].item(entry))
                assert not arithmetic.has_kink(network, moved, inputs)
                for kind in ("batch", "batch-detached"):
                    variant = mlp([2, 2, 2, 1], 0.25, normalisation=kind)
                    slopes = arithmetic.jacobian(variant, moved, inputs, index)[:, 0, *entry]
                    for slope, rise in zip(slopes, (end - start) / step, strict=True):
                        assert slope.rad() < narrow
                        if kind == "batch":
                            assert slope.overlaps(rise)
                        else:
                            missed += not slope.overlaps(rise)
    assert missed


def test_irrational_deviations_need_balls() -> None:
    network = mlp([1, 1, 1], normalisation="batch")
    numbers = ([[1]], 1, 0, [[1]])
    inputs = [[0], [1], [5]]
    with pytest.raises(InputError, match="balls"):
        arithmetic.vertices(network, [rationals(n) for n in numbers], rationals(inputs))
    hidden = arithmetic.preactivations(network, [balls(n) for n in numbers], balls(inputs))[0]
    # Mean 2, variance (4 + 1 + 9) / 3.
    assert contain(14 * hidden * hidden, rationals([[12], [3], [27]]))


@pytest.mark.parametrize("convert", [rationals, balls])
def test_a_unit_constant_over_the_batch_is_refused(convert: Any) -> None:
    network = mlp([1, 1, 1], normalisation="batch")
    parameters = [convert(n) for n in ([[0]], 1, 0, [[1]])]
    with pytest.raises(InputError, match="layer 1"):
        arithmetic.vertices(network, parameters, convert([[1], [2]]))


# ranks and gradients of the loss


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 5), st.integers(0, 2**20))
def test_rank_equals_sympy(rows: int, columns: int, inner: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    factors = generator.integers(-2, 3, (rows, inner)), generator.integers(-2, 3, (inner, columns))
    matrix = factors[0] @ factors[1]
    expected = sympy.Matrix(matrix).rank()
    assert arithmetic.rank(rationals(matrix)) == expected
    with arithmetic.precision(200):
        third = balls(rationals(matrix) / 3)
        for bound in range(6):
            assert arithmetic.rank_exceeds(third, bound) == (expected > bound)


def test_wide_balls_prove_nothing() -> None:
    matrix = balls([[arb(2, 1), 0], [0, arb(1, 1)]])
    assert arithmetic.rank_exceeds(matrix, 0)
    assert not arithmetic.rank_exceeds(matrix, 1)


def test_ranks_of_the_wrong_thing_are_refused() -> None:
    with pytest.raises(InputError, match="rank_exceeds"):
        arithmetic.rank(balls([[1]]))
    with pytest.raises(InputError, match="use rank"):
        arithmetic.rank_exceeds(rationals([[1]]), 0)
    with pytest.raises(InputError, match="not a matrix"):
        arithmetic.rank(rationals([1]))


@each_plain
def test_batch_gradient_equals_autograd_of_the_loss(network: Network) -> None:
    parameters, inputs, tensors, batch = both(network, *draw(network, 4, seed=7))
    targets = np.random.default_rng(8).integers(-2, 3, (4, network.output_width))
    leaves = tuple(t.requires_grad_() for t in tensors)
    residuals = forward(network, leaves, batch)[0] - torch.tensor(targets)
    squares = sum(leaf.square().sum() for leaf in leaves)
    loss = residuals.square().sum() / 4 + 0.125 * squares
    for index, gradient in enumerate(torch.autograd.grad(loss, leaves)):
        ours = arithmetic.batch_gradient(
            network, parameters, inputs, rationals(targets), index, fmpq(1, 8)
        )
        assert (ours == rationals(gradient[0])).all()


def test_batch_gradient_by_hand() -> None:
    x, y, w, decay = [Fraction(1, 3), Fraction(-2)], [Fraction(1), Fraction(1, 5)], 7, fmpq(1, 11)
    fit = sum(2 * (w * a - b) * a for a, b in zip(x, y, strict=True)) / 2
    ours = arithmetic.batch_gradient(
        mlp([1, 1]),
        [rationals([[w]])],
        rationals([[a] for a in x]),
        rationals([[b] for b in y]),
        0,
        decay,
    )
    assert arithmetic.to_fractions(ours).item() == fit + 2 * Fraction(1, 11) * w


# bad input


def test_bad_arguments_are_refused() -> None:
    network = mlp([2, 2, 1])
    parameters, inputs = (
        [rationals(np.ones((2, 2))), rationals(np.ones((1, 2)))],
        rationals([[1, 2]]),
    )
    with pytest.raises(InputError, match="shapes"):
        arithmetic.vertices(network, parameters[::-1], inputs)
    with pytest.raises(InputError, match="inputs"):
        arithmetic.vertices(network, parameters, rationals([[1, 2, 3]]))
    with pytest.raises(InputError, match="inputs"):
        arithmetic.vertices(network, parameters, inputs[:0])
    with pytest.raises(InputError, match="arb, fmpq"):
        arithmetic.vertices(network, parameters, balls(inputs))
    with pytest.raises(InputError, match="int"):
        arithmetic.vertices(network, parameters, np.array([[1, 2]], dtype=object))
    for index in (-1, 2):
        with pytest.raises(InputError, match="no parameter"):
            arithmetic.jacobian(network, parameters, inputs, index)
        with pytest.raises(InputError, match="no parameter"):
            arithmetic.difference_quotients(network, parameters, inputs, index, fmpq(1))
    with pytest.raises(InputError, match="targets"):
        arithmetic.batch_gradient(network, parameters, inputs, rationals([1]), 0, fmpq(0))
    with pytest.raises(InputError, match="step"):
        arithmetic.difference_quotients(network, parameters, inputs, 0, fmpq(0))
    with pytest.raises(InputError, match="rationals"):
        arithmetic.difference_quotients(
            network, [balls(p) for p in parameters], balls(inputs), 0, fmpq(1)
        )
    with pytest.raises(InputError, match="batch normalisation"):
        arithmetic.difference_quotients(*normalised("batch"), 0, fmpq(1))
