"""Exponentials and logarithms of the kernel: against balls of Arb with many more bits."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.examples import BITS, encloses
from theorycheck import arithmetic, kernel
from theorycheck.kernel import Dual, Enclosure, Number, Rejected, Undecided

F = Fraction
Function = Callable[[Any, int], Any]
PRECISIONS = st.sampled_from([2, 8, *kernel.PRECISIONS])


@st.composite
def rationals(draw: Callable[..., Any]) -> Fraction:
    """Of all sizes, a few of them close to 1."""
    above, below = (draw(st.integers(1, 2 ** draw(st.integers(1, 300)))) for _ in range(2))
    number = F(above, below)
    found: Fraction = draw(st.sampled_from([number, 1 + number / 2**400, 1 - number / 2**700]))
    return found


exponents = rationals().flatmap(
    lambda q: st.sampled_from([q, -q]).filter(lambda x: abs(x) <= kernel.LARGEST_EXPONENT)
)
arguments = rationals().filter(lambda x: x > 0)


def ball(number: Fraction) -> arb:
    return arb(fmpq(number.numerator, number.denominator))


def check(found: Number, oracle: arb, bits: int) -> None:
    """It encloses the value, and is not wider than 8 units of its last bit.

    Derivation: the bounds of the series differ by less than one unit, 2**-bits of the value, and
    rounding each outwards to ``bits`` significant bits moves it by at most two units.
    """
    assert encloses(found, oracle)
    low, high = kernel.ends(found)
    assert (high - low) * 2**bits <= 8 * max(abs(low), abs(high))


@given(exponents, PRECISIONS)
@settings(max_examples=1000)
def test_exponentials_are_enclosed(x: Fraction, bits: int) -> None:
    with arithmetic.precision(4000):
        check(kernel.exp(x, bits), ball(x).exp(), bits)


@given(arguments, PRECISIONS)
@settings(max_examples=1000)
def test_logarithms_are_enclosed(x: Fraction, bits: int) -> None:
    with arithmetic.precision(4000):
        check(kernel.log(x, bits), ball(x).log(), bits)


@given(exponents, exponents, PRECISIONS)
def test_bounds_of_exponentials_are_monotone(x: Fraction, y: Fraction, bits: int) -> None:
    monotone(kernel.exp, min(x, y), max(x, y), bits)


@given(arguments, arguments, PRECISIONS)
def test_bounds_of_logarithms_are_monotone(x: Fraction, y: Fraction, bits: int) -> None:
    monotone(kernel.log, min(x, y), max(x, y), bits)


def monotone(function: Function, x: Fraction, y: Fraction, bits: int) -> None:
    """No comparison says otherwise, and the image of an interval holds those of its ends."""
    first, second = function(x, bits), function(y, bits)
    try:
        assert kernel.compare(first, "<=", second)
    except Undecided:
        assert isinstance(first, Enclosure) or isinstance(second, Enclosure)
    low, high = kernel.ends(function(Enclosure(x, y, bits), bits))
    assert low <= kernel.ends(first)[0]
    assert kernel.ends(second)[1] <= high


@given(st.fractions(-40, 40, max_denominator=50))
def test_they_undo_each_other(x: Fraction) -> None:
    low, high = kernel.ends(kernel.log(kernel.exp(x, BITS), BITS))
    assert low <= x <= high
    if x > 0:
        low, high = kernel.ends(kernel.exp(kernel.log(x, BITS), BITS))
        assert low <= x <= high


@pytest.mark.parametrize("bits", kernel.PRECISIONS)
def test_of_huge_and_of_tiny_numbers(bits: int) -> None:
    with arithmetic.precision(50_000):
        for x in (F(10_000), F(-10_000), F(1, 2**20_000), F(-1, 2**20_000)):
            check(kernel.exp(x, bits), ball(x).exp(), bits)
        for x in (F(3**15_000), F(1, 3**15_000), 1 + F(1, 2**20_000), 1 - F(1, 2**20_000)):
            check(kernel.log(x, bits), ball(x).log(), bits)
        for x in (F(2), F(1, 2), F(3, 2), F(3, 4), F(2**5000), 1 - F(1, 2**80)):
            check(kernel.log(x, bits), ball(x).log(), bits)


def test_what_is_known_exactly() -> None:
    assert kernel.exp(F(0), BITS) == 1
    assert kernel.log(F(1), BITS) == 0
    for function, at in ((kernel.exp, F(0)), (kernel.log, F(1))):
        assert function(Dual(at, F(5)), BITS).motion == 5


@given(st.fractions(F(1, 9), 9, max_denominator=9), st.fractions(-3, 3, max_denominator=4))
def test_derivatives(x: Fraction, motion: Fraction) -> None:
    with arithmetic.precision(500):
        exponential, logarithm = (f(Dual(x, motion), BITS) for f in (kernel.exp, kernel.log))
        assert encloses(exponential.motion, ball(x).exp() * ball(motion))
        assert logarithm.motion == motion / x


def test_what_has_no_value() -> None:
    root = kernel.root(F(2), BITS)
    for number in (F(10_001), F(-10_001), F(2) ** 20_000, root * F(10_000)):
        with pytest.raises(Rejected, match="beyond 10000"):
            kernel.exp(number, BITS)
    for number in (F(0), F(-1), -root):
        with pytest.raises(Rejected, match="not positive"):
            kernel.log(number, BITS)
    with pytest.raises(Undecided):
        kernel.log(root - root, BITS)


@pytest.mark.parametrize("k", [3, 20, 33])
def test_the_remainder_of_a_series_is_covered(k: int) -> None:
    """Of r = 2**-k to 2 k + 1 bits, r and r**2 / 2 are whole, and nothing is rounded up."""
    p = 2 * k + 1
    low, high = kernel._series_ends(2 ** (p - k), 2 ** (p - k), p)
    with arithmetic.precision(500):
        value = ball(F(1, 2**k)).exp() * 2**p
        assert low <= value
        assert value <= high


def test_the_inverse_tangent_of_next_to_nothing() -> None:
    assert kernel._artanh_ends(F(0), 8) == (0, 0)
    assert kernel._artanh_ends(F(1, 2**8), 8)[1] > 1
    assert kernel._artanh_ends(F(1, 2**9), 8)[1] >= 1


@pytest.mark.parametrize("z", [F(13, 53), F(14, 57), F(1, 3), F(1, 5)])
def test_the_inverse_tangent_to_three_bits(z: Fraction) -> None:
    """A power that is rounded down just below a unit is missed in the sum."""
    low, high = kernel._artanh_ends(z, 3)
    with arithmetic.precision(100):
        assert low <= ball(z).atanh() * 8
        assert high >= ball(z).atanh() * 8


@pytest.mark.parametrize("x", [F(1), F(1, 3), F(-2), F(17, 3), F(1, 1000)])
def test_both_ends_of_an_exponential_before_they_are_rounded(x: Fraction) -> None:
    with arithmetic.precision(500):
        for bits in (2, 20, 64):
            low, high = kernel._exp_ends(x, bits)
            assert ball(low) <= ball(x).exp()
            assert ball(high) >= ball(x).exp()


def test_exponentials_of_what_begins_or_ends_at_zero() -> None:
    one, other = F(1), kernel.exp(F(1), BITS)
    above = kernel.exp(Enclosure(F(0), one, BITS), BITS)
    below = kernel.exp(Enclosure(-one, F(0), BITS), BITS)
    assert (above.low, above.high) == (1, other.high)
    assert below.high == 1
