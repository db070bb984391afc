"""Comparisons are exact, and show the member and the entry that decide."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
import torch
from flint import arb, fmpq, fmpz

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.enclosures import Interval
from theorycheck.claims.comparisons import equality, inequality, number_text, rank_at_most
from theorycheck.claims.findings import Observation
from theorycheck.claims.outcomes import Reader
from theorycheck.errors import InputError
from theorycheck.measures.ranks import effective_rank
from theorycheck.networks.specification import mlp


def stacked(members: int) -> Case:
    numbers = np.arange(1.0, members + 1).reshape(members, 1, 1)
    return Case(mlp([1, 1]), (numbers,), numbers)


def shown_member(found: Observation) -> float:
    assert found.case is not None
    return float(found.case().inputs.item())


def test_equality_shows_the_first_entry_of_the_first_member_that_fails() -> None:
    left = np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 9], [9, 9]]])
    right = np.array([[[1, 2], [3, 4]], [[5, 6], [0, 0]], [[0, 0], [0, 0]]])
    found = equality(left, right, "integers", stacked(3).member)
    assert found.holds is False
    assert (found.left, found.relation, found.right) == ("7", "=", "0")
    assert (found.count, shown_member(found)) == (3, 2.0)
    assert (found.arithmetic, found.tightness) == ("integers", None)


def test_equality_that_holds() -> None:
    numbers = np.array([[4, 5], [6, 7]])
    found = equality(numbers, numbers, "integers", stacked(2).member, degenerate="zero", note="n")
    assert found.holds is True
    assert (found.left, found.right, found.count) == ("4", "4", 2)
    assert (shown_member(found), found.degenerate, found.note) == (1.0, "zero", "n")


@pytest.mark.parametrize("convert", [list, np.array, torch.tensor])
def test_equality_of_one_number_per_member(convert: Any) -> None:
    assert equality(convert([1.0, 2.0]), convert([1.0, 2.0]), "integers").holds is True
    found = equality(convert([1.0, 2.0]), convert([1.0, 4.0]), "integers")
    assert (found.holds, found.left, found.right) == (False, "2", "4")
    assert found.case is None


def test_equality_is_exact() -> None:
    thirds = np.array([Fraction(1, 3)], dtype=object)
    assert equality(thirds, np.array([Fraction(2, 6)], dtype=object), "rationals").holds is True
    assert equality(thirds, np.array([1 / 3], dtype=object), "rationals").holds is False
    assert equality(np.array([0.1 + 0.2]), np.array([0.3]), "floats").holds is False
    assert equality(np.array([fmpq(1, 3)]), np.array([fmpq(2, 6)]), "rationals").holds is True


@pytest.mark.parametrize("other", [math.nan, math.inf, -math.inf, 1.0, Fraction(1), arb("nan")])
@pytest.mark.parametrize("strange", [math.nan, math.inf, arb("nan"), arb("inf"), np.float64("nan")])
def test_nothing_is_equal_or_different_that_is_not_finite(strange: Any, other: Any) -> None:
    """Wherever it is, and whatever else is compared beside it."""
    left = np.array([[Fraction(1), strange], [Fraction(1), Fraction(2)]], dtype=object)
    right = np.array([[Fraction(1), other], [Fraction(1), Fraction(2)]], dtype=object)
    assert equality(left, right, "mixed").holds is None
    assert equality(right, left, "mixed").holds is None
    false = np.array([[Fraction(1), other], [Fraction(1), Fraction(3)]], dtype=object)
    found = equality(left, false, "mixed")
    assert (found.holds, found.left, found.right) == (False, "2", "3")


def single(entry: Any) -> Any:
    array = np.empty((1, 2), dtype=object)
    array[0, 0], array[0, 1] = entry, Fraction(2)
    return array


@pytest.mark.parametrize(
    "strange",
    [
        *(Decimal("NaN"), Decimal("Infinity"), complex(math.nan, 0), np.complex64(math.inf)),
        *(sympy.oo, sympy.zoo, sympy.nan, mpmath.mpf("inf"), mpmath.mpf("nan")),
        *(np.float16("nan"), np.longdouble("inf"), torch.tensor(math.nan), None),
    ],
)
def test_what_is_not_finite_decides_nothing_in_any_type(strange: Any) -> None:
    for other in (strange, 1, 2.5):
        assert equality(single(strange), single(other), "mixed").holds is None
        assert equality(single(other), single(strange), "mixed").holds is None
    false = single(1)
    false[0, 1] = Fraction(3)
    found = equality(single(strange), false, "mixed")
    assert (found.holds, found.left, found.right) == (False, "2", "3")


@pytest.mark.parametrize("finite", [Decimal("0.1"), sympy.Rational(1, 3), 2 + 1j, mpmath.mpf(2)])
def test_finite_numbers_of_any_type_are_compared(finite: Any) -> None:
    assert equality(single(finite), single(finite), "mixed").holds is True
    assert equality(single(finite), single(7), "mixed").holds is False


@pytest.mark.parametrize("strange", [math.nan, math.inf])
def test_an_array_of_floats_that_are_not_finite_is_open(strange: float) -> None:
    numbers = np.array([[1.0, strange]])
    assert equality(numbers, numbers, "floats").holds is None
    assert equality(numbers, np.array([[2.0, strange]]), "floats").holds is False


def test_balls_that_overlap_are_open_and_those_that_do_not_are_different() -> None:
    wide = np.array([arb(1, 0.5)], dtype=object)
    assert equality(wide, wide, "balls").holds is None
    assert equality(wide, np.array([arb(2)], dtype=object), "balls").holds is False
    assert equality(np.array([arb(1)]), np.array([fmpq(1)]), "balls").holds is True


@pytest.mark.parametrize(
    ("numbers", "reader"),
    [
        (np.array([1, 2]), Reader.RATIONALS),
        (np.array([True]), None),
        (np.array([Fraction(1, 3), 2, fmpq(1), fmpz(3)], dtype=object), Reader.RATIONALS),
        (np.array([arb(1), fmpq(1)], dtype=object), Reader.BALLS),
        (np.array([0.1 + 0.2]), None),
        (np.array([0.1 + 0.2, Fraction(1)], dtype=object), None),
        (np.array([np.float64(1), arb(1)], dtype=object), None),
        (torch.tensor([0.5]), None),
    ],
)
def test_the_engine_says_whether_numbers_are_exact(numbers: Any, reader: Reader | None) -> None:
    """Floats are not, whatever the check says of them."""
    assert equality(numbers, numbers, "float64 without rounding").reader is reader
    assert equality(numbers, np.zeros(len(numbers)), "rationals").reader is None


def test_rank_at_most_shows_the_highest_rank() -> None:
    found = rank_at_most([1, 3, 2], 2, "rationals", stacked(3).member, note="n")
    assert found.holds is False
    assert (found.left, found.relation, found.right) == ("rank 3", "≤", "2")
    assert (found.tightness, found.count, shown_member(found)) == (1.5, 3, 2.0)
    found = rank_at_most(np.array([1, 2]), 4, "rationals")
    assert (found.holds, found.tightness, found.case) == (True, 0.5, None)
    assert rank_at_most([2], 2, "rationals").tightness == 1.0


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("convert", [list, np.array, torch.tensor])
def test_ranks_that_are_no_numbers_decide_nothing(convert: Any, strange: float) -> None:
    """The ranks of diverged networks are NaN (`theorycheck.measures`)."""
    for ranks in ([strange], [1.0, strange], [strange, 2.0]):
        found = rank_at_most(convert(ranks), 2, "floats", stacked(len(ranks)).member)
        assert (found.holds, found.tightness) == (None, None)
        assert shown_member(found) == 1 + ranks.index(strange)
    found = rank_at_most(convert([1.0, strange, 3.0]), 2, "floats", stacked(3).member)
    assert (found.holds, found.left, shown_member(found)) == (False, "rank 3", 3.0)


@pytest.mark.parametrize(("rank", "holds"), [(0, True), (1, False)])
def test_rank_zero_as_bound(rank: int, holds: bool) -> None:
    found = rank_at_most([rank], 0, "rationals")
    assert (found.holds, found.tightness) == (holds, None)


@pytest.mark.parametrize(
    ("left", "right", "holds", "tightness"),
    [
        ((1.0, 1.0), (2.0, 2.0), True, 0.5),
        ((2.0, 2.0), (2.0, 2.0), True, 1.0),
        ((0.5, 1.5), (1.5, 2.5), True, 0.5),
        ((1.0, 2.0), (1.5, 2.5), None, 0.75),
        ((2.0, 3.0), (1.5, 2.5), None, 1.0),
        ((2.0, 3.0), (1.0, 2.0), None, 1.0),
        ((3.0, 3.0), (2.0, 2.0), False, 1.5),
        ((2.5, 3.5), (1.0, 2.0), False, 2.0),
        ((0.0, 0.0), (0.0, 0.0), True, 0.0),
        ((1.0, 1.0), (0.0, 0.0), False, math.inf),
        ((0.0, 1.0), (0.0, 0.0), None, 1.0),
    ],
)
def test_intervals(
    left: tuple[float, float], right: tuple[float, float], holds: bool | None, tightness: float
) -> None:
    """Decided by the ends alone; a ratio above 1 is shown only where the violation is proved."""
    case = stacked(1)
    found = inequality(Interval(*left), Interval(*right), "balls", lambda: case)
    assert found.holds is holds
    assert found.tightness == tightness
    assert (found.left, found.relation) == (number_text(sum(left) / 2), "≤")
    assert found.right == number_text(sum(right) / 2)
    assert shown_member(found) == 1.0


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (3, "3"),
        (np.int64(-12), "-12"),
        (0.5, "0.5"),
        (2.0, "2"),
        (1 / 3, "0.333333"),
        (np.float64(1e-9), "1e-09"),
        (-123456789.0, "-1.23457e+08"),
        (Fraction(4, 3), "4/3"),
        (fmpq(-4, 3), "-4/3"),
        (fmpq(123456789, 987654320), "0.125"),
        (Fraction(1, 2**60), "8.67362e-19"),
        (10**20, "1e+20"),
        (True, "True"),
    ],
    ids=str,
)
def test_text_of_numbers(number: Any, text: str) -> None:
    """Short exact numbers as they are, all others to six digits."""
    assert number_text(number) == text


def test_numbers_beyond_the_range_of_floats_have_a_text() -> None:
    assert number_text(Fraction(10**400, 3)) == "3.33333e+399"


def test_inequality_hands_on_what_it_is_told() -> None:
    found = inequality(
        Interval(1.0, 1.0), Interval(2.0, 2.0), "balls", at={"n": 1}, degenerate="zero", note="n"
    )
    assert (found.arithmetic, found.at, found.case) == ("balls", {"n": 1}, None)
    assert (found.degenerate, found.note, found.count) == ("zero", "n", 1)
    assert inequality(Interval(1.0, 1.0), Interval(2.0, 2.0), "balls").at == {}


def test_text_of_numbers_to_other_lengths() -> None:
    assert number_text(Fraction(123456, 7), longest=7) == "17636.6"
    assert number_text(Fraction(123456, 7), longest=8) == "123456/7"
    assert number_text(1 / 3, digits=2) == "0.33"


def test_an_inequality_of_what_is_not_finite_is_open() -> None:
    """NaN is in no interval; a side without a finite middle is open even where the ends decide."""
    one, above, below = Interval(1.0, 1.0), Interval(2.0, math.inf), Interval(-math.inf, 0.0)
    for left, right in itertools.permutations((one, above, below), 2):
        assert inequality(left, right, "balls").holds is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (2**53 + 1, 2.0**53),
        (np.int64(2**53 + 1), np.float64(2**53)),
        (np.uint64(2**63 + 1), 2.0**63),
        (np.uint64(2**64 - 1), np.int64(-1)),
        (np.float32(0.1), 0.1),
        (Fraction(1, 3), 1 / 3),
        (Fraction(1, 3), mpmath.mpf(1) / 3),
        (Decimal("0.1"), 0.1),
        (fmpq(1, 2), 0.25),
        (Fraction(1, 10**400), 0),
        (Fraction(10**60), 10**60 + 1),
        (1j, Fraction(1)),
        (arb(1), Fraction(2)),
    ],
    ids=repr,
)
def test_different_numbers_of_two_types_differ_and_look_so(left: Any, right: Any) -> None:
    for sides in (([left], [right]), ([right], [left])):
        found = equality(*sides, "mixed")
        assert found.holds is False
        assert found.left != found.right


def test_integers_are_not_rounded_before_they_are_compared() -> None:
    for whole, rounded in (
        (np.array([2**53 + 1]), np.array([2.0**53])),
        (torch.tensor([2**53 + 1]), torch.tensor([2.0**53], dtype=torch.float64)),
        (np.array([2**24 + 1]), torch.tensor([2.0**24])),
        ([[2**53 + 1, 1]], [[2.0**53, 1.0]]),
    ):
        found = equality(whole, rounded, "mixed")
        assert found.holds is False
        assert equality(whole, whole, "mixed").holds is True


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (fmpq(1, 2), 0.5),
        (fmpz(1), 1.0),
        (arb(1), Fraction(1)),
        (arb(0.5), Decimal("0.5")),
        (sympy.Integer(2), 2.0),
        (sympy.Rational(1, 3), Fraction(1, 3)),
        (1 + 0j, Fraction(1)),
        (np.float16(0.5), np.longdouble(0.5)),
        (True, 1),
    ],
    ids=repr,
)
def test_equal_numbers_of_two_types_are_equal(left: Any, right: Any) -> None:
    assert equality([left], [right], "mixed").holds is True
    assert equality([right], [left], "mixed").holds is True


def test_what_is_only_written_differently_is_open() -> None:
    root = sympy.sqrt(3 + 2 * sympy.sqrt(2))
    assert equality([root], [1 + sympy.sqrt(2)], "roots").holds is None
    assert equality([root], [root], "roots").holds is True


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.ones((2, 3)), np.ones((2, 1))),
        (np.ones((2, 1)), np.ones(2)),
        (np.ones((2, 2, 3)), np.ones((2, 3, 2))),
        ([1, 2], [1]),
        ([1], 1),
        ([], []),
    ],
)
def test_shapes_that_differ_are_refused(left: Any, right: Any) -> None:
    for sides in ((left, right), (right, left)):
        with pytest.raises(InputError, match=r"shape|at least"):
            equality(*sides, "integers")


@pytest.mark.parametrize(
    ("rank", "bound", "left", "right"),
    [
        (2.9877, 2, "rank 2.9877", "2"),
        (2.5, 2, "rank 2.5", "2"),
        (2 + 2.0**-40, 2, "rank 2.0000000000009095", "2"),
        (Fraction(5, 2), Fraction(7, 3), "rank 5/2", "7/3"),
        (2**53 + 1, 2.0**53, "rank 9007199254740993", "9007199254740992"),
        (Fraction(1, 10**400), 0, "rank 1e-400", "0"),
    ],
)
def test_fractional_ranks_are_not_truncated(rank: Any, bound: Any, left: str, right: str) -> None:
    found = rank_at_most([0, rank], bound, "floats", stacked(2).member)
    assert (found.holds, found.left, found.right, shown_member(found)) == (False, left, right, 2.0)
    assert rank_at_most([0, rank], rank, "floats").holds is True


def test_an_effective_rank_above_the_bound_violates_it() -> None:
    weights = torch.diag_embed(torch.tensor([[4.0, 3.0, 2.5]]))
    parts = [x / 9.5 for x in (4.0, 3.0, 2.5)]
    assert 2 < math.exp(-sum(p * math.log(p) for p in parts)) < 3
    assert rank_at_most(effective_rank(weights), 2, "floats").holds is False
    assert rank_at_most(effective_rank(weights), 3, "floats").holds is True


@pytest.mark.parametrize(
    ("ranks", "bound"),
    [([], 2), (3, 2), ([[1, 2]], 2), (["1"], 2), ([1j], 2), ([arb(1)], 2), ([1], math.nan),
     ([1], "2"), ([1], None), ([1], math.inf), ([1], torch.ones(2)), ([1], [1]), ([1], np.ones(2)),
     ([1], torch.tensor(2.0, device="meta")), ([1], torch.eye(2).to_sparse())],
)  # fmt: skip
def test_what_is_no_rank_is_refused(ranks: Any, bound: Any) -> None:
    with pytest.raises(InputError):
        rank_at_most(ranks, bound, "floats")


def test_an_inequality_is_of_intervals() -> None:
    wrong: Any
    for wrong in (1, 2.5, None, (1.0, 2.0)):
        with pytest.raises(InputError, match="the left side must be an Interval"):
            inequality(wrong, Interval(2.0, 2.0), "balls")
        with pytest.raises(InputError, match="the right side must be an Interval"):
            inequality(Interval(2.0, 2.0), wrong, "balls")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Fraction(1, 10**400), "1e-400"),
        (-Fraction(2, 3 * 10**320), "-6.66667e-321"),
        pytest.param(10**5000, "1e+5000", id="too long for Python"),
        (np.longdouble(10) ** 400, "1e+400"),
        (arb(10) ** -400, "1.00000e-400"),
        (0.1 + 0.2 + 1j, "0.3+1j"),
        (5e-324, "4.94066e-324"),
        (math.inf, "inf"),
    ],
)
def test_no_number_is_printed_as_zero_or_infinity_that_is_not(number: Any, text: str) -> None:
    assert number_text(number) == text
