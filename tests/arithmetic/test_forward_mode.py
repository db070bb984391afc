"""Exact values and derivatives, against autograd where floats are exact, Fractions and sympy."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch
from flint import arb, fmpq

from tests.arithmetic.networks import (
    CONVOLUTIONAL,
    both,
    contain,
    draw,
    each_plain,
    normalised,
    without_kinks,
)
from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import balls, rationals
from theorycheck.networks.evaluation import forward, sample_gradients
from theorycheck.networks.specification import (
    LINEAR,
    Edge,
    Identity,
    Layer,
    Network,
    Normalisation,
    mlp,
)


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


@pytest.mark.parametrize("selected", [0.0, 0.25, 0.5, 1.0, -2.0])
def test_the_derivative_at_a_kink_can_be_selected(selected: float) -> None:
    """``3 sigma(w x)`` at ``w = 0``, ``x = 2``; a second unit is not at its kink."""
    network = mlp([1, 2, 1], 0.25)
    parameters = [rationals([[0], [-1]]), rationals([[3, 5]])]
    found = arithmetic.jacobian(network, parameters, rationals([[2]]), 0, at_kink=selected)
    assert found[0, 0, :, 0].tolist() == [6 * rationals(selected).item(), fmpq(5, 2)]
    default = arithmetic.jacobian(network, parameters, rationals([[2]]), 0)
    assert default[0, 0, 0, 0] == fmpq(3, 2)


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
