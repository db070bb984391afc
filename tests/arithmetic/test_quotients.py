"""Difference quotients: equal to forward mode where the function is smooth, two-sided at kinks."""

from __future__ import annotations

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.arithmetic.networks import PLAIN, draw, without_kinks
from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import rationals
from theorycheck.networks.specification import LINEAR, Network, mlp


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


def test_a_kink_beyond_the_last_step_is_not_known() -> None:
    network = mlp([1, 1], output_slope=0.0)
    parameters, inputs = [rationals([[fmpq(1, 2**170)]])], rationals([[1]])
    assert not arithmetic.has_kink(network, parameters, inputs)
    assert arithmetic.one_sided_derivatives(network, parameters, inputs, 0) is None
    assert arithmetic.derivative_by_quotients(network, parameters, inputs, 0) is None
    derivative = arithmetic.derivative_by_quotients(network, parameters, inputs, 0, attempts=9)
    assert derivative is not None
    assert derivative.item() == 1
