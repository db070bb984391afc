"""Numbers of the exact reader: surds, comparisons, ranks and singular values."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st

from tests.statements.test_exact import one_weight
from theorycheck.arithmetic.numbers import precision, rationals
from theorycheck.statements.exact import Evaluator
from theorycheck.statements.numbers import (
    Open,
    Surd,
    Undefined,
    absolute,
    array,
    compare,
    enclosed,
    exponential,
    greatest,
    root,
    whole,
)
from theorycheck.statements.ranks import RankBounds
from theorycheck.statements.syntax import Formula

small = st.fractions(-3, 3, max_denominator=4)
positive = st.fractions(Fraction(1, 5), 9, max_denominator=5)


def test_roots_of_rationals_compare_exactly() -> None:
    case = one_weight(1)
    evaluator = Evaluator(case, 0, [])
    for text in (
        "root(8) == 2 * root(2)",
        "root(2) / root(8) == 1 / 2",
        "root(2) * root(3) == root(6)",
        "root(4) == 2",
        "root(1 / 2) == 1 / root(2)",
        "root(2) ** 2 == 2",
        "root(2) < root(3)",
    ):
        assert evaluator.value(Formula.of(text).tree, {}) is True
    with pytest.raises(Open):
        evaluator.value(Formula.of("root(2) + root(3) == root(5 + 2 * root(6))").tree, {})


def exactly(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)


@given(positive, positive)
def test_products_and_quotients_of_roots_are_those_of_sympy(a: Fraction, b: Fraction) -> None:
    x, y = root(exactly(a)), root(exactly(b))
    expected = (
        sympy.sqrt(sympy.Rational(a.numerator, a.denominator)),
        sympy.sqrt(sympy.Rational(b.numerator, b.denominator)),
    )
    for found, wanted in ((x * y, expected[0] * expected[1]), (x / y, expected[0] / expected[1])):
        square = sympy.nsimplify(wanted**2)
        assert compare(found, "==", root(fmpq(int(square.p), int(square.q))))
        assert isinstance(found, Surd) is not bool(wanted.is_rational)


@given(small, positive)
def test_sums_and_multiples_enclose_what_they_should(a: Fraction, b: Fraction) -> None:
    x, r = exactly(a), root(exactly(b))
    with precision(200):
        ball = arb(exactly(b)).sqrt()
        for found, wanted in (
            (r + x, ball + x), (x + r, ball + x), (r - x, ball - x), (x - r, x - ball),
            (r * x, ball * x), (x * r, ball * x), (-r, -ball), (x / r, x / ball), (r**3, ball**3),
        ):  # fmt: skip
            assert (enclosed(found) - wanted).contains(0)


def test_overlapping_balls_are_open() -> None:
    wide = arb(1, 1)
    for relation in ("==", "!=", "<=", ">=", "<", ">"):
        with pytest.raises(Open):
            compare(wide, relation, 1)
    assert compare(arb(1), "==", 1)
    assert compare(wide, "<=", 3)


def test_what_is_refused() -> None:
    with pytest.raises(Undefined, match="not whole"):
        whole(fmpq(1, 2))
    with pytest.raises(Undefined, match="rows of different lengths"):
        array([[1, 2], [3]])
    with pytest.raises(Undefined, match="root of a negative number"):
        root(-1)
    assert array(rationals([[1, 2]])).shape == (1, 2)


@given(small.filter(bool), st.lists(small, min_size=1, max_size=3))
def test_of_balls_that_overlap_the_greatest_is_a_ball(a: Fraction, others: list[Fraction]) -> None:
    """The square of exp(a / 2) and exp(a) are one number, which no ball says."""
    with precision(128):
        same = [exponential(exactly(a / 2)) ** 2, exponential(exactly(a))]
        with pytest.raises(Open):
            compare(same[0], ">", same[1])
        values = [*same, *map(exponential, map(exactly, others))]
        for relation, at in ((">", max(a, *others)), ("<", min(a, *others))):
            found = greatest(values, relation)
            assert found.overlaps(exponential(exactly(at)))
            assert found.rel_accuracy_bits() > 100


def test_the_absolute_value_of_a_ball_around_0_is_a_ball() -> None:
    with precision(128):
        around = exponential(fmpq(1)) ** 2 - exponential(fmpq(2))
        with pytest.raises(Open):
            compare(around, ">=", 0)
        assert absolute(around).overlaps(arb(0))
        assert absolute(around).rad() * 2**100 < 1
    for value in (fmpq(-3, 2), arb(-1.5), fmpq(3, 2)):
        assert bool(absolute(value) == fmpq(3, 2))
    assert compare(absolute(root(fmpq(2))), "==", root(fmpq(2)))


def test_bounds_of_ranks_that_overlap_have_no_greatest() -> None:
    with pytest.raises(Open):
        greatest([fmpq(2), RankBounds(1, 3)])
