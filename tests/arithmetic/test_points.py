"""Points: numbers and derivatives of one network are those of an obvious loop."""

from __future__ import annotations

from fractions import Fraction

import hypothesis
import numpy as np
import pytest
import torch
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from tests.training import plain
from theorycheck import arithmetic
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import squared
from theorycheck.arithmetic.points import Point
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import directed_graphs, mlps
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, mlp

torch.set_num_threads(1)

few = hypothesis.settings(max_examples=60, derandomize=True, database=None, deadline=None)


def drawn(outputs: tuple[int, int] = (1, 2), cohort: int = 1) -> st.SearchStrategy[Case]:
    """Small networks on dyadic numbers, at which float64 rounds nothing of what is checked here."""
    networks = st.one_of(
        mlps(depths=(1, 2), widths=(1, 2), outputs=outputs),
        directed_graphs(depths=(2, 2), widths=(1, 2), outputs=outputs),
    )
    return cases(networks, samples=(2, 4), targets="dyadic", cohort=cohort)


@few
@given(drawn())
def test_derivatives_are_those_of_autograd_in_a_loop(case: Case) -> None:
    parameters = [torch.tensor(p[0]).requires_grad_() for p in case.parameters]
    jacobians = Point.of(case).jacobians
    for n, inputs in enumerate(torch.tensor(case.inputs[0])):
        for c, value in enumerate(plain.output(case.network, parameters, inputs[None])[0]):
            gradients = torch.autograd.grad(value, parameters, retain_graph=True)
            for jacobian, gradient in zip(jacobians, gradients, strict=True):
                assert (jacobian[n, c] == arithmetic.rationals(gradient)).all()


@few
@given(drawn(outputs=(1, 1), cohort=3))
def test_members_are_points_with_their_own_numbers(case: Case) -> None:
    for member, point in enumerate(Point.each(case)):
        alone = case.member(member)
        parameters = [torch.tensor(p[0]) for p in alone.parameters]
        values = plain.output(case.network, parameters, torch.tensor(alone.inputs[0]))
        assert (point.outputs == arithmetic.rationals(values)).all()
        assert (point.values == point.outputs[:, 0]).all()
        assert point.margins.tolist() == [
            y * f for (y,), (f,) in zip(point.targets, point.outputs, strict=True)
        ]
        assert point.case.to_dict() == alone.to_dict()
        assert (point.samples, point.network) == (case.samples, case.network)


def test_a_point_needs_targets() -> None:
    case = Case(mlp([1, 1]), (np.ones((1, 1, 1)),), np.ones((1, 2, 1)))
    with pytest.raises(InputError, match="needs targets"):
        Point.of(case)


def test_squares_and_the_product_of_norms() -> None:
    weights = [[[1, 2], [0, Fraction(1, 2)]], [[3, 4]]]
    point = Point.of(Case.single(mlp([2, 2, 1], LINEAR), weights, [[1, 1], [2, 2]], [[0], [0]]))
    assert squared(point.weights[0]) == fmpq(21, 4)
    assert point.squared_rho == fmpq(21, 4) * 25


def test_one_member_from_nested_lists() -> None:
    case = Case.single(mlp([1, 1]), [[[Fraction(1, 3)]]], [[2]], [[1]], {"rho": Fraction(5)})
    assert (case.members, case.samples) == (1, 1)
    assert case.numbers["rho"] == 5
    assert case.to_dict()["parameters"] == [[[["1/3"]]]]
