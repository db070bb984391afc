"""Numbers of every type become the rationals that they are; what is no number is refused."""

from __future__ import annotations

import datetime
import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
import torch
from flint import acb, arb, fmpq, fmpz

from theorycheck.claims.sides import exact, nearest, stacked
from theorycheck.errors import InputError


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (2**53 + 1, Fraction(2**53 + 1)),
        (True, Fraction(1)),
        (np.bool_(True), Fraction(1)),
        (np.uint64(2**64 - 1), Fraction(2**64 - 1)),
        (fmpz(-3), Fraction(-3)),
        (fmpq(-1, 3), Fraction(-1, 3)),
        (0.1, Fraction(3602879701896397, 2**55)),
        (np.float32(0.1), Fraction(13421773, 2**27)),
        (np.longdouble(2) ** 63 + 1, Fraction(2**63 + 1)),
        (Decimal("0.1"), Fraction(1, 10)),
        (mpmath.mpf(-0.75), Fraction(-3, 4)),
        (mpmath.mpf(0), Fraction(0)),
        (sympy.Float(6.5), Fraction(13, 2)),
        (sympy.Rational(2, 7), Fraction(2, 7)),
        (3 + 0j, Fraction(3)),
        (np.complex64(0.5), Fraction(1, 2)),
    ],
    ids=repr,
)
def test_numbers_become_the_rationals_that_they_are(number: Any, value: Fraction) -> None:
    found = exact(number)
    assert isinstance(found, fmpq)
    assert (int(found.p), int(found.q)) == (value.numerator, value.denominator)


@pytest.mark.parametrize(
    "strange",
    [
        *(math.nan, -math.inf, np.float16("inf"), np.longdouble("nan"), Decimal("sNaN"), None),
        *(complex(0, math.nan), np.complex64(math.inf), mpmath.mpf("inf"), mpmath.mpf("nan")),
        *(sympy.oo, sympy.zoo, sympy.nan, arb("nan"), arb("inf"), acb("nan"), Decimal("-Infinity")),
    ],
    ids=repr,
)
def test_what_is_not_finite_is_no_number(strange: Any) -> None:
    assert exact(strange) is None


def test_balls_and_what_is_no_rational_stay() -> None:
    ball = arb(1, 0.5)
    assert exact(ball) is ball
    assert exact(1 + 2j) == acb(1, 2)
    assert exact(sympy.sqrt(2)) == sympy.sqrt(2)


@pytest.mark.parametrize(
    "side",
    [
        [2**53 + 1, 0.5],
        (2**53 + 1, 0.5),
        np.array([2**53 + 1, 0.5], dtype=object),
        [torch.tensor(2**53 + 1), torch.tensor(0.5, dtype=torch.bfloat16)],
        [np.int64(2**53 + 1), np.float16(0.5)],
    ],
    ids=repr,
)
def test_numbers_of_several_types_are_not_rounded_to_one(side: Any) -> None:
    array = stacked("a side", side)
    assert array.shape == (2,)
    assert [exact(number) for number in array] == [fmpq(2**53 + 1), fmpq(1, 2)]


@pytest.mark.parametrize(
    "side",
    [
        torch.tensor([[0.5, -2.0]], dtype=torch.bfloat16),
        torch.tensor([[0.5, -2.0]], requires_grad=True),
        torch.tensor([[0.5, -2.0]]).to(torch.float8_e4m3fn),
        torch.tensor([[0.5, -2.0]], dtype=torch.complex64).conj(),
        np.ma.array([[0.5, -2.0]], mask=[[False, False]]),
        [torch.tensor([0.5, -2.0])],
        [torch.tensor([0.5, -2.0], dtype=torch.bfloat16, requires_grad=True)],
        [(torch.tensor(0.5, requires_grad=True), torch.tensor(-2))],
        [np.array([0.5, -2.0])],
        np.array([[0.5, -2.0]]).T.copy().T,
    ],
    ids=str,
)
def test_arrays_of_every_kind(side: Any) -> None:
    array = stacked("a side", side)
    assert array.shape == (1, 2)
    assert [exact(number) for number in array.flat] == [fmpq(1, 2), fmpq(-2)]


@pytest.mark.parametrize(
    "side",
    [
        *(
            [],
            (),
            np.zeros((2, 0)),
            np.zeros((0, 2)),
            torch.zeros(0),
            1,
            1.5,
            None,
            torch.tensor(1),
        ),
        *("a", b"a", ["a"], [b"a"], np.array(["a"]), {1: 2}, {1, 2}, iter([1]), object()),
        *([[1], [2, 3]], [[1, 2], 3], [(1, 2), {3}], [torch.ones(2), torch.ones(3)]),
        np.ma.array([1, 2], mask=[True, False]),
        np.array([1], dtype="m8[s]"),
        np.array([1], dtype="M8[s]"),
        [datetime.timedelta(1)],
        [datetime.date(2020, 1, 1)],
        [np.timedelta64(1)],
        np.array([(1, 2)], dtype="i4,i4"),
        torch.eye(2).to_sparse(),
        torch.eye(2, device="meta"),
    ],
    # Without addresses, by which workers that collect the same would differ.
    ids=lambda side: re.sub(r"\n| at 0x\w+", "", repr(side)),
)
def test_what_is_no_array_of_numbers_is_refused_in_one_line(side: Any) -> None:
    with pytest.raises(InputError, match=r"^a side [^\n]*$"):
        stacked("a side", side)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (fmpq(1, 3), 1 / 3),
        (fmpq(10**400), math.inf),
        (fmpq(-(10**400)), -math.inf),
        (fmpq(1, 10**400), 0.0),
        (fmpq(2**53 + 1), 2.0**53),
    ],
)
def test_the_float_next_to_a_rational(number: fmpq, value: float) -> None:
    assert nearest(number) == value
