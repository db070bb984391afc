"""Exact evaluation through batch normalisation, and the networks and numbers that are refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import fmpq

from tests.arithmetic.networks import contain, normalised
from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import balls, rationals
from theorycheck.errors import InputError
from theorycheck.networks.specification import mlp


def test_two_samples_normalise_to_plus_and_minus_one() -> None:
    network, parameters, inputs = normalised("batch")
    _, hidden, output = arithmetic.vertices(network, parameters, inputs)
    high, low = Fraction(3, 4), Fraction(-1, 16)  # 1/2 (+-1) + 1/4, leaky
    assert arithmetic.to_fractions(hidden).tolist() == [[low, high], [high, low]]
    assert arithmetic.to_fractions(output).tolist() == [[2 * low - 3 * high], [2 * high - 3 * low]]


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
