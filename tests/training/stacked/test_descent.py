"""Updates of the stacked engine against updates on Fractions, and members that diverge."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from torch import Tensor

from tests.training.dyadic_cohorts import dyadic_cohort
from tests.training.velocities import exact_descent, same
from theorycheck.networks.specification import LINEAR, Edge, Layer, Network, mlp
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.stacked.descent import StackedDescent
from theorycheck.training.vector_field import Field

SEEDS = torch.tensor([5, -3, 2**62])
RATES = [Fraction(1, 8), Fraction(1, 16), Fraction(1, 4)]
MOMENTA = [Fraction(1, 2), Fraction(0), Fraction(1, 4)]


def column(numbers: list[Fraction]) -> Tensor:
    return torch.tensor([[float(number)] for number in numbers], dtype=torch.float64)


def descent(cohort: Cohort, batch_size: int, momenta: list[Fraction] | None) -> StackedDescent:
    field = Field(cohort, Objective())
    momentum = None if momenta is None else column(momenta)
    batches = Batches(SEEDS[: cohort.members], cohort.inputs.shape[1], batch_size)
    return StackedDescent(cohort, batches, momentum, field, field.pack(cohort.state))


@pytest.mark.parametrize("momenta", [None, MOMENTA], ids=["plain", "momentum"])
@pytest.mark.parametrize("batch_size", [2, 4])
def test_updates_are_those_on_fractions(batch_size: int, momenta: list[Fraction] | None) -> None:
    """Two epochs, and one at half the rates: momentum goes on from where it was.

    Every member has its own rate, momentum, weight decay and batches.
    """
    cohort = dyadic_cohort(mlp((2, 1)))
    training = descent(cohort, batch_size, momenta)
    training.advance(0, 2, column(RATES))
    training.advance(2, 3, column([rate / 2 for rate in RATES]))
    orders = Batches(SEEDS, 4, batch_size).orders(0, 3).tolist()
    for k, rate in enumerate(RATES):
        momentum = Fraction(0) if momenta is None else momenta[k]
        (expected,) = exact_descent(cohort, k, orders[k], [rate, rate, rate / 2], momentum)
        assert same(training.rows[k], expected.flatten())
    assert not training.diverged.any()


def test_lengths_of_steps_add_up() -> None:
    """Of one weight, whose steps have lengths without roots; that of its bias does not count.

    The weight's own path, which is the exact one, is taken from the states.
    """
    cohort = dyadic_cohort(Network(1, (Layer(1, (Edge(0),), LINEAR, bias=True),)))
    training = descent(cohort, 4, MOMENTA)
    weights, lengths = [training.rows[:, 0]], []
    for epoch in range(3):
        lengths.append(training.advance(epoch, epoch + 1, column(RATES)))
        weights.append(training.rows[:, 0])
    moved = torch.stack(weights).diff(dim=0).abs()
    assert torch.equal(torch.stack(lengths), moved)
    assert moved.all()
    assert torch.equal(descent(cohort, 4, MOMENTA).advance(0, 3, column(RATES)), moved.sum(dim=0))


def test_earlier_states_stay_as_they_were() -> None:
    """Records hold views of them."""
    cohort = dyadic_cohort(mlp((2, 1)))
    training = descent(cohort, 2, MOMENTA)
    start, before = training.rows, training.rows.clone()
    training.advance(0, 1, column(RATES))
    assert torch.equal(start, before)
    assert not torch.equal(training.rows, before)


@pytest.mark.parametrize("rate", [2.0**600, torch.inf], ids=["norm", "numbers"])
def test_a_member_that_diverges_is_put_back_and_marked(rate: float) -> None:
    """To where its epoch began, the second one here; it stays there, whatever its rate.

    The others train as they do without it.
    """
    cohort = dyadic_cohort(mlp((2, 1)))
    training, alone = descent(cohort, 4, None), descent(cohort, 4, None)
    usual, wild = column(RATES), column(RATES)
    wild[1] = rate
    for first, rates in enumerate((usual, wild, usual)):
        training.advance(first, first + 1, rates)
        alone.advance(first, first + 1, usual)
        if first == 0:
            reached = training.rows[1]
        assert training.diverged.tolist() == [False, first > 0, False]
    assert torch.equal(training.rows[1], reached)
    assert torch.equal(training.rows[[0, 2]], alone.rows[[0, 2]])
    (expected,) = exact_descent(cohort, 1, [[[0, 1, 2, 3]]], [RATES[1]], Fraction(0))
    assert same(reached, expected.flatten())


def test_a_member_may_start_at_infinity() -> None:
    """It is marked at the end of the first epoch and stays where it is."""
    cohort = dyadic_cohort(mlp((2, 1)))
    training = descent(cohort, 2, None)
    training.rows[2, 0] = torch.inf
    before = training.rows.clone()
    training.advance(0, 1, column(RATES))
    assert training.diverged.tolist() == [False, False, True]
    assert torch.equal(training.rows[2], before[2])
    assert not (training.rows[:2] == before[:2]).all(dim=1).any()
