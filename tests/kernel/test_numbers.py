"""Numbers of the kernel: enclosures against balls of many more bits, duals against power series."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from flint import arb, fmpq, fmpq_series
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.examples import BITS, encloses
from theorycheck import arithmetic, kernel
from theorycheck.kernel import Dual, Enclosure, Number, Rejected, Undecided

F = Fraction
Pair = tuple[Number, arb]
ORACLE_BITS = 600


@st.composite
def expressions(draw_: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    """Steps that each combine two of the numbers that were computed before."""
    starts = st.builds(F, st.integers(-5, 5), st.integers(1, 4))
    steps: list[tuple[str, Any, Any]] = [("start", draw_(starts), None) for _ in range(3)]
    for _ in range(draw_(st.integers(1, 7))):
        kinds = st.sampled_from(["+", "-", "*", "/", "root", "root", "negate"])
        places = st.integers(0, len(steps) - 1)
        steps.append((draw_(kinds), draw_(places), draw_(places)))
    return steps


def computed(steps: list[tuple[str, Any, Any]]) -> list[Pair]:
    """The numbers of the kernel beside balls of many more bits; impossible steps are left out."""
    pairs: list[Pair] = []
    for kind, first, second in steps:
        if kind == "start":
            pairs.append((first, arb(fmpq(first.numerator, first.denominator))))
            continue
        (a, x), (b, y) = pairs[first % len(pairs)], pairs[second % len(pairs)]
        try:
            match kind:
                case "+":
                    pairs.append((a + b, x + y))
                case "-":
                    pairs.append((a - b, x - y))
                case "*":
                    pairs.append((a * b, x * y))
                case "/":
                    pairs.append((a / b, x / y))
                case "negate":
                    pairs.append((-a, -x))
                case "root":
                    pairs.append((kernel.root(a, BITS), x.sqrt()))
        except (Undecided, Rejected, ZeroDivisionError):
            continue
    return pairs


@given(expressions())
@settings(max_examples=300)
def test_arithmetic_encloses_the_true_value(steps: list[tuple[str, Any, Any]]) -> None:
    with arithmetic.precision(ORACLE_BITS):
        for mine, ball in computed(steps):
            if ball.is_finite():
                assert encloses(mine, ball)
                square = kernel.squared(mine)
                if square is not None:
                    assert ball.overlaps(arb(fmpq(square.numerator, square.denominator)).sqrt())


RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@given(expressions(), st.sampled_from(list(RELATIONS)))
@settings(max_examples=300)
def test_comparisons_are_never_wrong(steps: list[tuple[str, Any, Any]], relation: str) -> None:
    with arithmetic.precision(ORACLE_BITS):
        pairs = [pair for pair in computed(steps) if pair[1].is_finite()]
        for a, x in pairs:
            for b, y in pairs:
                try:
                    truth = kernel.compare(a, relation, b)
                except Undecided:
                    assert isinstance(a, Enclosure) or isinstance(b, Enclosure)
                    continue
                # A ball comparison is true only when it is proved.
                assert not RELATIONS[OPPOSITE[relation] if truth else relation](x, y)
                assert kernel.compare(a, OPPOSITE[relation], b) is not truth


@given(st.fractions(0, 50, max_denominator=30), st.fractions(0, 9, max_denominator=9))
def test_multiples_of_roots_are_compared_through_exact_squares(a: Fraction, b: Fraction) -> None:
    left, right = b * kernel.root(a, 2), kernel.root(a * b * b, 2)
    assert kernel.compare(left, "==", right)
    assert kernel.compare(left, "<=", right)
    assert not kernel.compare(left, "<", right)
    assert kernel.compare(left, "<", kernel.root(a * b * b + F(1, 10**40), 2))


def test_overlapping_enclosures_are_never_called_equal() -> None:
    two = kernel.root(F(2), 8)
    for relation in RELATIONS:
        with pytest.raises(Undecided):
            kernel.compare(two + two, relation, two * two * two)


def test_division_by_an_enclosure_of_zero_is_undecided() -> None:
    two = kernel.root(F(2), BITS)
    with pytest.raises(Undecided):
        F(1) / (two - two)
    with pytest.raises(Undecided):
        kernel.root(two - two, BITS)
    with pytest.raises(Rejected, match="root of a negative number"):
        kernel.root(F(-1), BITS)


@given(expressions())
def test_dual_numbers_are_power_series_of_length_two(steps: list[tuple[str, Any, Any]]) -> None:
    mine: list[Any] = []
    its: list[Any] = []
    for place, (kind, first, second) in enumerate(steps):
        if kind == "start":
            motion = F(place, 3)
            mine.append(Dual(first, motion))
            its.append(
                fmpq_series([fmpq(first.numerator, first.denominator), fmpq(place, 3)], prec=2)
            )
            continue
        i, j = first % len(mine), second % len(mine)
        match kind:
            case "+":
                pair = mine[i] + mine[j], its[i] + its[j]
            case "-":
                pair = mine[i] - mine[j], its[i] - its[j]
            case "*":
                pair = mine[i] * mine[j], its[i] * its[j]
            case "negate":
                pair = -mine[i], -its[i]
            case "/" if mine[j].value != 0:
                pair = mine[i] / mine[j], its[i] / its[j]
            case "root" if mine[i].value > 0:
                # The root of a square, which series can take.
                square = mine[i] * mine[i]
                pair = kernel.root(square, BITS), its[i]
            case _:
                continue
        mine.append(pair[0])
        its.append(pair[1])
    for dual, series in zip(mine, its, strict=True):
        for part, coefficient in ((dual.value, series[0]), (dual.motion, series[1])):
            assert part == F(int(coefficient.p), int(coefficient.q))


def test_a_root_is_between_neighbours() -> None:
    """Of two numbers of 64 bits that differ by one; 64 bits hold the root of 2."""
    two = kernel.root(F(2), 64)
    low, high = kernel.ends(two)
    assert low**2 < 2 < high**2
    assert high - low == F(1, 2**63)


def test_nothing_times_anything_is_nothing() -> None:
    two = kernel.root(F(2), BITS)
    for product in (two * F(0), F(0) * two):
        assert isinstance(product, Fraction)
        assert product == 0


@pytest.mark.parametrize("ends", [(0, 1), (-1, 0), (0, 0), (-1, 1)])
def test_division_by_what_may_be_zero_is_undecided(ends: tuple[int, int]) -> None:
    divisor = Enclosure(F(ends[0]), F(ends[1]), BITS)
    for dividend in (F(1), kernel.root(F(2), BITS)):
        with pytest.raises(Undecided):
            dividend / divisor
