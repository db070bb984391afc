"""Numbers of the kernel at the edges, worked out by hand: what a single wrong sign would change."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction as F
from typing import Any

import flint
import pytest

from tests.kernel.examples import budget
from theorycheck import kernel
from theorycheck.kernel import Dual, Enclosure, Field, Rejected, Residue, Undecided


@pytest.mark.parametrize("number", [F(1, 3) * 2**200, F(2, 3) / 2**200, F(5, 7)])
@pytest.mark.parametrize("bits", [8, 64])
def test_a_rounded_number_is_short_and_near_on_its_side(number: F, bits: int) -> None:
    below, above = kernel._rounded(number, bits, -1), kernel._rounded(number, bits, 1)
    assert below < number < above
    assert above - below <= number / 2 ** (bits - 2)
    for end in (below, above):
        assert min(end.numerator.bit_length(), end.denominator.bit_length()) <= bits + 2
    found = kernel._enclosed(number, number, bits)
    assert (found.low, found.high) == (below, above)


def test_enclosures_that_touch_may_be_of_one_number() -> None:
    lower, upper = Enclosure(F(0), F(1), 8), Enclosure(F(1), F(2), 8)
    for left, right, known in ((upper, lower, ">="), (lower, upper, "<=")):
        for relation in ("==", "!=", "<=", ">=", "<", ">"):
            opposite = {">=": "<", "<=": ">"}[known]
            if relation in (known, opposite):
                assert kernel.compare(left, relation, right) is (relation == known)
            else:
                with pytest.raises(Undecided):
                    kernel.compare(left, relation, right)


def test_the_largest_exponent_has_an_exponential() -> None:
    most = F(kernel.LARGEST_EXPONENT)
    for number in (most, -most):
        assert isinstance(kernel.exp(number, 8), Enclosure)
        with pytest.raises(Rejected, match="beyond"):
            kernel.exp(number + (F(1, 2) if number > 0 else -F(1, 2)), 8)


@pytest.mark.parametrize(
    "number",
    [F(5, 8), F(11, 16), F(3, 4), F(1, 3), F(10, 7), F(3, 2), F(7, 4), F(99), F(1, 99),
     1 + F(1, 2**100), 1 - F(1, 2**100)],
)  # fmt: skip
@pytest.mark.parametrize("bits", [16, 64])
def test_logarithms_and_exponentials_have_as_many_bits_as_asked_for(number: F, bits: int) -> None:
    flint.ctx.prec = 400
    exact = flint.arb(flint.fmpq(number.numerator, number.denominator))
    for found, true in (
        (kernel.log(number, bits), exact.log()),
        (kernel.exp(number, bits), exact.exp()),
        (kernel.exp(-number, bits), (-exact).exp()),
    ):
        ends = [flint.arb(flint.fmpq(e.numerator, e.denominator)) for e in (found.low, found.high)]
        assert ends[0] < true < ends[1]
        size = min(abs(found.low), abs(found.high))
        assert found.high - found.low <= size / 2 ** (bits - 3)


def test_ends_of_a_logarithm_are_those_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """log(2**e m) = 2 (e artanh(1/3) + artanh(z)), here with artanh between 1 and 3."""
    monkeypatch.setattr(kernel, "_artanh_ends", lambda number, p: (1 << p, 3 << p))
    assert kernel._log_ends(F(5), 8) == (F(2 * (2 + 1)), F(2 * (6 + 3)))
    assert kernel._log_ends(F(1, 5), 8) == (F(-2 * (6 + 3)), F(-2 * (2 + 1)))
    monkeypatch.setattr(kernel, "_log_ends", lambda number, bits: (F(-5), F(7)))
    monkeypatch.setattr(kernel, "_exp_ends", lambda number, bits: (F(5), F(7)))
    logarithm, exponential = kernel.log(F(2), 8), kernel.exp(F(2), 8)
    assert logarithm.low <= -5 <= 7 <= logarithm.high
    assert exponential.low <= 5 <= 7 <= exponential.high


def test_bounds_of_a_sum_are_over_the_common_denominator() -> None:
    """At most 3 / 2 and 5 / 3 make 19 / 6."""
    made = Field(127, "seed")
    halves, thirds = Residue(2, made, (1, 3, 0, 2)), Residue(3, made, (1, 5, 0, 3))
    assert (halves + thirds).bounds == (1, 19, 0, 6)
    assert (F(2) / thirds).value * 3 % made.prime == 2


def test_the_derivative_of_an_inverse_deviation() -> None:
    """Of v ** (-1/2), times the motion 5: -5 g**3 / 2, in terms of the function g itself."""
    made = Field(127, "seed")
    found = kernel.inverse_deviation(Dual(made.coordinate("v"), F(5), 1))
    g, motion = found.value.value, found.motion.value
    assert (2 * motion + 5 * g**3) % made.prime == 0


def test_pivots_of_any_length_have_signs() -> None:
    huge = 10**400
    assert kernel.signature([[huge, 0], [0, huge]], budget()) == (2, 0)
    assert kernel.signature([[huge, 0], [0, -huge]], budget()) == (1, 1)


def test_a_result_has_the_bits_of_the_finer_of_two_enclosures() -> None:
    coarse, fine = Enclosure(F(1), F(1), 8), Enclosure(F(1, 3), F(1, 3), 64)
    for found in (coarse * fine, fine * coarse, coarse + fine):
        assert isinstance(found, Enclosure)
        assert found.bits == 64
    third = Enclosure(F(1, 3), F(1, 3), 8) + F(0)
    assert third.low < F(1, 3) < third.high


def test_a_product_of_roots_knows_its_square() -> None:
    two, three, some = kernel.root(F(2), 8), kernel.root(F(3), 8), Enclosure(F(1), F(2), 8)
    products: list[Any] = [two * some, some * two, some * some, two * F(-5)]
    assert (two * three).square == 6
    assert (two * F(5)).square == 50
    assert all(product.square is None for product in products)


def test_a_root_that_is_irrational_is_enclosed() -> None:
    for bits in (8, 64):
        found = kernel.root(F(2), bits)
        assert isinstance(found, Enclosure)
        assert found.low**2 < 2 < found.high**2
    assert kernel.root(F(4, 9), 8) == F(2, 3)
    wide = kernel.root(Enclosure(F(4), F(9), 8), 8)
    assert (wide.low, wide.high) == (2, 3)


def test_the_derivative_of_an_exponential_is_the_exponential() -> None:
    """Three times e along a motion of 3: 8.15."""
    found = kernel.exp(Dual(F(1), F(3), 1), 64)
    assert F(815, 100) < found.motion.low < found.motion.high < F(816, 100)


def test_a_large_exponential_has_as_many_bits_as_asked_for() -> None:
    found = kernel.exp(F(9999), 64)
    assert found.high - found.low <= found.low / 2**61


def test_a_series_is_bounded_at_either_end_by_itself() -> None:
    """exp(1/4) = 1.284025, exp(1/2) = 1.648721."""
    low, high = kernel._series_ends(2**18, 2**19, 20)
    assert F(1284, 1000) < F(low, 2**20) < F(1284026, 10**6)
    assert F(1648721, 10**6) < F(high, 2**20) < F(1649, 1000)


def test_a_coordinate_is_made_by_hashing_its_name() -> None:
    """Twice as many hexadecimal digits as the prime has, so 31 bytes for 127 bits, 130 for 521."""
    for exponent, length in ((127, 31), (521, 130)):
        made = hashlib.shake_256(b"seed a").digest(length)
        expected = int.from_bytes(made, "big") % (2**exponent - 1)
        assert Field(exponent, "seed").coordinate("a").value == expected


def test_a_rational_is_bounded_by_its_two_parts() -> None:
    found = Field(127, "seed").rational(F(-2, 3))
    assert found.bounds == (0, 2, 0, 3)
    assert (3 * found.value + 2) % (2**127 - 1) == 0


def test_ranks_modulo_a_prime() -> None:
    for matrix, rank in (
        ([[1, 2]], 1),
        ([[0, 0]], 0),
        ([[1, 2], [4, 1]], 1),
        ([[0, 1], [1, 0]], 2),
    ):
        assert kernel.rank_modulo(matrix, 7, budget()) == rank


@pytest.mark.parametrize(("p", "k"), [(9, 133), (10, 232), (10, 280), (11, 293), (11, 465)])
def test_terms_of_an_inverse_hyperbolic_tangent_are_rounded_down_for_the_lower_bound(
    p: int, k: int
) -> None:
    """Also where the number is a little more than a multiple of 2**-p."""
    number = (k + F(1, 1000)) / 2**p
    low, high = kernel._artanh_ends(number, p)
    exact = [number**i * 2**p / i for i in range(1, 60, 2)]
    assert low <= sum(map(math.floor, exact)) <= sum(exact) < high
