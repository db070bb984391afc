"""Points: gradients equal autograd of an obvious loop, and stationary points are those of hand."""

from __future__ import annotations

from fractions import Fraction

import hypothesis
import numpy as np
import pytest
import torch
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.training import plain
from theorycheck import arithmetic
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import in_rows, squared, vanishes
from theorycheck.arithmetic.points import (
    Point,
    batch_risk,
    quotient_gradient,
)
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import directed_graphs, mlps
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, RELU, mlp
from theorycheck.training.cohorts import Objective

torch.set_num_threads(1)

DECAY = fmpq(1, 4)
few = hypothesis.settings(max_examples=60, derandomize=True, database=None, deadline=None)


def drawn(outputs: tuple[int, int] = (1, 2), cohort: int = 1) -> st.SearchStrategy[Case]:
    """Small networks on dyadic numbers, at which float64 rounds nothing of what is checked here."""
    networks = st.one_of(
        mlps(depths=(1, 2), widths=(1, 2), outputs=outputs),
        directed_graphs(depths=(2, 2), widths=(1, 2), outputs=outputs),
    )
    return cases(networks, samples=(2, 4), targets="dyadic", cohort=cohort)


def risk_by_loop(case: Case, parameters: list[Tensor], batch: list[int]) -> Tensor:
    """The sum over a batch of the square losses, each with its penalty."""
    assert case.targets is not None
    inputs, targets = torch.tensor(case.inputs[0]), torch.tensor(case.targets[0])
    values = plain.output(case.network, parameters, inputs[batch])
    losses = plain.data_loss(Objective("square", "sum"), values, targets[batch])
    penalty = torch.stack([p.square().sum() for p in parameters]).sum()
    return losses + len(batch) * float(Fraction(1, 4)) * penalty


def gradient_by_loop(case: Case, batch: list[int]) -> arithmetic.Array:
    parameters = [torch.tensor(p[0]).requires_grad_() for p in case.parameters]
    gradients = torch.autograd.grad(risk_by_loop(case, parameters, batch), parameters)
    return np.concatenate([arithmetic.rationals(g).ravel() for g in gradients])


@few
@given(drawn())
def test_gradients_are_those_of_the_loop(case: Case) -> None:
    point = Point.of(case)
    rows = in_rows(point.sample_gradients(point.square_slopes, DECAY))
    for sample in range(case.samples):
        assert (rows[sample] == gradient_by_loop(case, [sample])).all()
    batch = [0, case.samples - 1]
    mean = point.gradient(point.square_slopes, DECAY, batch)
    assert (2 * mean == gradient_by_loop(case, batch)).all()


@few
@given(drawn())
def test_difference_quotients_equal_the_loop_or_are_none(case: Case) -> None:
    point, batch = Point.of(case), [0, case.samples - 1]
    found = quotient_gradient(point, batch_risk(point, DECAY, batch))
    hypothesis.event("proved" if found is not None else "not proved")
    assert found is None or (2 * found == gradient_by_loop(case, batch)).all()


def test_difference_quotients_away_from_kinks_and_at_one() -> None:
    """The risk of ``w relu(v x)`` at x = 1 without a label is ``(w v)^2``."""
    for v, gradient in ((3, [12, 18]), (0, None)):
        point = Point.of(Case.single(mlp([1, 1, 1]), [[[v]], [[2]]], [[1]], [[0]]))
        found = quotient_gradient(point, batch_risk(point, fmpq(0), [0]))
        expected = None if gradient is None else [2 * 2 * v * 2, 2 * 2 * v * v]
        assert (None if found is None else found.tolist()) == expected


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


def chain(position: Fraction) -> Point:
    """``f(x) = relu(x)`` with all weights 1, at ``c`` and ``1 - c``, both labelled 1.

    With decay ``c (1 - c)`` it is stationary on each sample: ``2 (f - 1) f + 2 c (1 - c) = 0``.
    """
    inputs = [[position], [1 - position]]
    return Point.of(Case.single(mlp([1, 1, 1]), [[[1]], [[1]]], inputs, [[1], [1]]))


@pytest.mark.parametrize("position", [Fraction(1, 4), Fraction(1, 3), Fraction(4, 5)])
def test_a_chain_of_ones_is_stationary_on_every_sample(position: Fraction) -> None:
    point, decay = chain(position), fmpq(*(position * (1 - position)).as_integer_ratio())
    assert point.stationary(point.square_slopes, decay, 1)
    assert point.stationary(point.square_slopes, decay, 2)
    assert not point.stationary(point.square_slopes, 2 * decay, 1)


def test_stationary_for_the_full_batch_alone() -> None:
    """Labels moved against each other by as much as leaves the mean gradient where it is."""
    half = Fraction(1, 2)
    point = Point.of(Case.single(mlp([1, 1, 1]), [[[1]], [[1]]], [[half], [half]], [[2], [0]]))
    assert point.stationary(point.square_slopes, fmpq(1, 4), 2)
    assert point.stationary(point.square_slopes, fmpq(1, 4), 1) is False


def test_balls_leave_open_what_they_do_not_decide() -> None:
    point = chain(Fraction(1, 2))
    slopes = [np.array([[arb(0, radius)]] * 2, dtype=object) for radius in (0, 1)]
    assert point.stationary(slopes[0], fmpq(0), 1) is True
    assert point.stationary(slopes[1], fmpq(0), 1) is None
    assert point.stationary(slopes[1] + 2, fmpq(0), 1) is False


def test_a_number_that_is_not_zero_outweighs_an_open_one() -> None:
    for entries, answer in (([0, 0], True), ([0, arb(0, 1)], None), ([arb(0, 1), 1], False)):
        assert vanishes(np.array(entries, dtype=object)) is answer


def test_squares_and_the_product_of_norms() -> None:
    weights = [[[1, 2], [0, Fraction(1, 2)]], [[3, 4]]]
    point = Point.of(Case.single(mlp([2, 2, 1], LINEAR), weights, [[1, 1], [2, 2]], [[0], [0]]))
    assert squared(point.weights[0]) == fmpq(21, 4)
    assert point.squared_rho == fmpq(21, 4) * 25
    assert point.collinear


def test_two_directions_are_not_collinear() -> None:
    inputs = [[1, 0], [0, 1]]
    assert not Point.of(Case.single(mlp([2, 1], RELU), [[[1, 1]]], inputs, [[0], [0]])).collinear


def test_rows_hold_everything_of_a_sample() -> None:
    arrays = [np.arange(8).reshape(2, 2, 2), np.array([[8], [9]])]
    assert in_rows(arrays).tolist() == [[0, 1, 2, 3, 8], [4, 5, 6, 7, 9]]


def test_one_member_from_nested_lists() -> None:
    case = Case.single(mlp([1, 1]), [[[Fraction(1, 3)]]], [[2]], [[1]], {"rho": Fraction(5)})
    assert (case.members, case.samples) == (1, 1)
    assert case.numbers["rho"] == 5
    assert case.to_dict()["parameters"] == [[[["1/3"]]]]
