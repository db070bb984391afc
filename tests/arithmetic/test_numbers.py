"""Rationals and balls: numbers become what they are, strings round-trip, others are refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
import torch
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st

from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import balls, rationals
from theorycheck.errors import InputError


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
