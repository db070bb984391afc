"""Intervals and the constants gamma: the nearest floats outside, against Fractions."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from tests.arithmetic.matrices import LARGEST, SMALLEST
from theorycheck.arithmetic.enclosures import (
    UNDERFLOW,
    UNIT_ROUNDOFF,
    Interval,
    above,
    arb_above,
    below,
    gamma,
    normalised,
    scaled_down,
    scaled_up,
    widen,
)
from theorycheck.errors import InputError

finite = st.floats(allow_nan=False, allow_infinity=False)
intervals = st.tuples(finite, finite).map(lambda ends: Interval(min(ends), max(ends)))


@given(intervals, intervals)
def test_sums_hold_the_sums_of_the_ends_and_nothing_more(one: Interval, other: Interval) -> None:
    total = one + other
    low, high = (
        Fraction(a) + Fraction(b) for a, b in ((one.low, other.low), (one.high, other.high))
    )
    assert total.low <= low < math.nextafter(total.low, math.inf) or total.low == LARGEST
    assert math.nextafter(total.high, -math.inf) < high <= total.high or total.high == -LARGEST


@given(intervals, st.fractions(min_value=Fraction(1, 10**6)))
def test_scaling_holds_the_scaled_ends_and_nothing_more(one: Interval, factor: Fraction) -> None:
    scaled = one.scaled(factor)
    low, high = Fraction(one.low) * factor, Fraction(one.high) * factor
    assert scaled.low <= low < math.nextafter(scaled.low, math.inf) or scaled.low == LARGEST
    assert math.nextafter(scaled.high, -math.inf) < high <= scaled.high or scaled.high == -LARGEST


def test_exact_results_stay_points() -> None:
    assert Interval(1.0, 2.0) + Interval(0.5, 0.5) == Interval(1.5, 2.5)
    assert Interval(3.0, 6.0).scaled(Fraction(1, 3)) == Interval(1.0, 2.0)
    assert Interval(0.0, 1.0).scaled(0.25) == Interval(0.0, 0.25)
    assert math.copysign(1, (Interval(0.0, 1.0) + Interval(0.0, 1.0)).low) == 1
    assert Interval(1.0, 2.0).mid == 1.5
    assert Interval(LARGEST, LARGEST).mid == LARGEST


def test_unbounded_intervals() -> None:
    unbounded = Interval(1.0, math.inf)
    assert unbounded + unbounded == Interval(2.0, math.inf)
    assert unbounded.scaled(3.0) == Interval(3.0, math.inf)
    assert Interval(LARGEST, LARGEST).scaled(2.0) == Interval(LARGEST, math.inf)
    assert Interval(-LARGEST, 0.0).scaled(2.0) == Interval(-math.inf, 0.0)
    assert Interval(-math.inf, 1.0) + unbounded == Interval(-math.inf, math.inf)
    assert Interval(SMALLEST, SMALLEST).mid == SMALLEST
    assert Interval(-LARGEST, 0.0).scaled(SMALLEST).low == -LARGEST * SMALLEST
    assert Interval(SMALLEST, SMALLEST).scaled(0.25) == Interval(0.0, SMALLEST)


def test_certainty_takes_every_pair_of_numbers() -> None:
    one, two, both = Interval(0.0, 1.0), Interval(1.0, 2.0), Interval(0.5, 1.5)
    assert one.certainly_at_most(two)
    assert not one.certainly_at_most(both)
    assert not two.certainly_exceeds(one)
    assert Interval(1.5, 2.0).certainly_exceeds(one)
    assert not both.certainly_exceeds(one)


@pytest.mark.parametrize(
    "ends",
    [
        (2.0, 1.0),
        (math.nan, 1.0),
        (0.0, math.nan),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
    ],
)
def test_no_interval(ends: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="no real number"):
        Interval(*ends)


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan, Fraction(-1, 3)])
def test_no_scaling(factor: Fraction | float) -> None:
    with pytest.raises(InputError, match="positive finite factor"):
        Interval(0.0, 1.0).scaled(factor)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000, 10**9, 2**52, 2**53 - 1])
def test_gamma_is_the_smallest_float_above_its_formula(count: int) -> None:
    """Its numbers are small by definition.

    Definition: the formula n u / (1 - n u) itself is all that is compared.
    """
    roundoff = Fraction(UNIT_ROUNDOFF)
    exact = count * roundoff / (1 - count * roundoff)
    assert math.nextafter(gamma(count), -math.inf) < exact <= gamma(count)


@pytest.mark.parametrize("count", [-1, 2**53])
def test_no_gamma(count: int) -> None:
    with pytest.raises(InputError, match="no rounding bound"):
        gamma(count)


AWKWARD = [
    0.0, SMALLEST, 3 * SMALLEST, 2.0**-1022, 0.1, 1.0, math.nextafter(1.0, 2.0),
    math.nextafter(2.0, 1.0), math.pi, 1e300,
]  # fmt: skip
"""Numbers at the ends of binades, where a unit roundoff is the largest or the smallest part."""


@pytest.mark.parametrize("roundings", [0, 1, 2, 3, 5, 1000, 2**30])
def test_bounds_make_up_for_all_roundings(roundings: int) -> None:
    """By the definition of ``theta_n``: a factor, or one over it, of as many times ``1 + u``."""
    part = Fraction(roundings, 2**53 - roundings)
    for number in AWKWARD:
        computed = np.array([number])
        assert Fraction(above(computed, roundings).item()) >= Fraction(number) * (1 + part)
        assert 0 <= Fraction(below(computed, roundings).item()) <= Fraction(number) * (1 - part)


def test_bounds_that_move_beyond_all_numbers_are_infinite() -> None:
    with np.errstate(all="raise"):
        low, high = widen(np.array([1.0]), np.array([LARGEST]), LARGEST)
    assert (low.item(), high.item()) == (0.0, math.inf)


@pytest.mark.parametrize("spread", [0.0, SMALLEST, 0.1, 1.0, 2.0**-53, 1e300])
def test_bounds_move_by_no_less_than_the_spread(spread: float) -> None:
    for number in AWKWARD:
        low, high = widen(np.array([number]), np.array([number]), spread)
        least = max(Fraction(number) - Fraction(spread), Fraction(0))
        assert Fraction(low.item()) <= least
        assert low.item() >= 0
        assert Fraction(high.item()) >= Fraction(number) + Fraction(spread)


def test_a_float_above_a_ball_is_above_all_of_it() -> None:
    for number in AWKWARD:
        ball = flint.arb(-number, number / 4)
        assert Fraction(arb_above(ball)) >= Fraction(number) * Fraction(5, 4)
    assert arb_above(flint.arb(0)) == 0


def test_what_an_operation_that_underflows_is_off_by() -> None:
    """By half of the least number, which is ``u`` times this."""
    half_of_the_least = Fraction(np.nextafter(0.0, 1.0).item()) / 2
    assert Fraction(UNIT_ROUNDOFF) * Fraction(UNDERFLOW) == half_of_the_least


SCALED = np.array([0.0, 1.0, 3.5, 0.1, SMALLEST, 5 * SMALLEST, LARGEST, 2.0**1000])


@pytest.mark.parametrize("exponent", [0, 5, -5, -1022, -1073, -2100, 1023, 2100])
def test_scaling_by_powers_of_two_is_exact_or_moves_outwards(exponent: int) -> None:
    """At most two numbers, also where the caller makes overflow and underflow errors."""
    with np.errstate(all="raise"):
        up, down = scaled_up(SCALED, exponent), scaled_down(SCALED, exponent)
    for value, high, low in zip(SCALED.tolist(), up.tolist(), down.tolist(), strict=True):
        exactly = Fraction(value) * Fraction(2) ** exponent
        if exactly <= Fraction(LARGEST) and Fraction(float(exactly)) == exactly:
            assert low == high == float(exactly)
        else:
            assert low < exactly < high
            assert low == LARGEST or math.nextafter(math.nextafter(low, high), high) > exactly
            assert high == math.inf or math.nextafter(math.nextafter(high, low), low) < exactly


@pytest.mark.parametrize("largest", [1.0, 0.75, 0.1, SMALLEST, LARGEST, 2.0**-1022])
def test_a_normalised_matrix_has_its_largest_entry_between_a_half_and_one(largest: float) -> None:
    """Derivation: what is scaled is rounded by half of the least number, 2^-1074, at most."""
    values = np.array([[-largest, largest / 4], [SMALLEST, 0.0]])
    with np.errstate(all="raise"):
        unit, exponent = normalised(values)
    assert 0.5 <= -unit[0, 0] < 1
    for entry, value in zip(unit.flat, values.flat, strict=True):
        off = abs(Fraction(entry) - Fraction(value) / Fraction(2) ** exponent)
        assert off <= Fraction(1, 2**1075)
    zeros, exponent = normalised(np.zeros((2, 2)))
    assert (zeros.tolist(), exponent) == ([[0.0, 0.0], [0.0, 0.0]], 0)


@pytest.mark.parametrize(
    "number",
    [2**53 + 1, -(2**53) - 1, Fraction(1, 3), -Fraction(1, 3), 10**400, -(10**400),
     Fraction(1, 10**400), np.int64(2**53 + 1), np.float32(0.1), Decimal("0.1"), fmpq(2, 3)],
    ids=str,
)  # fmt: skip
def test_ends_of_other_types_are_rounded_outwards(number: Any) -> None:
    found = Interval(number, number)
    assert isinstance(found.low, float)
    assert isinstance(found.high, float)
    value = Fraction(number.item() if isinstance(number, np.generic) else str(number))
    low = -math.inf if math.isinf(found.low) else Fraction(found.low)
    high = math.inf if math.isinf(found.high) else Fraction(found.high)
    assert low <= value <= high
    # They are neighbours, or one number.
    assert found.high in (found.low, math.nextafter(found.low, math.inf))


@pytest.mark.parametrize("end", ["a", None, 1j, Decimal("NaN"), Decimal("sNaN"), np.float32("nan")])
def test_ends_that_are_no_numbers_are_refused(end: Any) -> None:
    for ends in ((end, 2.0), (0.0, end)):
        with pytest.raises(InputError, match="real number"):
            Interval(*ends)


@pytest.mark.parametrize("kind", [np.float32, Decimal], ids=["numpy", "decimal"])
def test_infinite_ends_of_other_types_stay_infinite(kind: Any) -> None:
    least, largest = kind("-inf"), kind("inf")
    assert Interval(least, largest) == Interval(-math.inf, math.inf)
    assert Interval(least, 2.0) == Interval(-math.inf, 2.0)
    assert Interval(2.0, largest) == Interval(2.0, math.inf)
    for ends in ((largest, largest), (least, least)):
        with pytest.raises(InputError, match="no real number"):
            Interval(*ends)
