"""Oracles for derivatives, against one another and against cases worked by hand."""

from __future__ import annotations

import numpy as np
from flint import fmpq
from hypothesis import given, settings

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import has_kink
from theorycheck.arithmetic.numbers import rationals
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import homogeneous_networks
from theorycheck.networks.specification import mlp
from theorycheck.statements.oracles import FORWARD_MODE, QUOTIENTS, oracles, selecting

RELU_OF_PRODUCT = mlp([1, 1, 1])
"""``f(x) = w_2 sigma(w_1 x)``."""
POINT = [rationals([[2]]), rationals([[3]])]


def test_by_hand() -> None:
    """``df/dw_1 = w_2 x`` for x > 0 and 0 for x < 0."""
    inputs = rationals([[5], [-1]])
    for oracle in (FORWARD_MODE, QUOTIENTS):
        first, second = oracle.derivative(RELU_OF_PRODUCT, POINT, inputs, 0)
        assert first is not None
        assert second is not None
        assert (first.item(), second.item()) == (fmpq(15), fmpq(0))


def test_at_a_kink() -> None:
    """At x = 1, w_1 = 0 the quotients differ; selections multiply ``w_2 x`` by their slope."""
    point = [rationals([[0]]), rationals([[3]])]
    inputs = rationals([[1]])
    assert QUOTIENTS.derivative(RELU_OF_PRODUCT, point, inputs, 0) == [None]
    for slope, expected in ((0.0, 0), (1.0, 3), (0.5, fmpq(3, 2))):
        [found] = selecting(slope).derivative(RELU_OF_PRODUCT, point, inputs, 0)
        assert found is not None
        assert found.item() == expected
    [autograd] = FORWARD_MODE.derivative(RELU_OF_PRODUCT, point, inputs, 0)
    assert autograd is not None
    assert autograd.item() == 0


def test_without_an_answer() -> None:
    normalised = mlp([1, 1, 1], normalisation="batch")
    parameters = [rationals([[1]]), rationals(1), rationals(0), rationals([[1]])]
    inputs = rationals([[1], [3]])
    assert QUOTIENTS.derivative(normalised, parameters, inputs, 0) == [None, None]


def test_names_are_distinct() -> None:
    names = [FORWARD_MODE.name, *(oracle.name for oracle in oracles([0.0, 1.0]))]
    assert len(set(names)) == len(names) == 4


@given(cases(homogeneous_networks(outputs=(1, 2)), cohort=1))
@settings(max_examples=30, deadline=None)
def test_all_agree_away_from_kinks(case: Case) -> None:
    parameters = [rationals(parameter[0]) for parameter in case.parameters]
    inputs = rationals(case.inputs[0])
    for k in case.network.weights:
        expected = FORWARD_MODE.derivative(case.network, parameters, inputs, k)
        for oracle in oracles([0.0, 1.0]):
            found = oracle.derivative(case.network, parameters, inputs, k)
            for n, (one, other) in enumerate(zip(expected, found, strict=True)):
                if not has_kink(case.network, parameters, inputs[[n]]):
                    assert one is not None
                    assert other is not None
                    assert np.array_equal(one, other)
