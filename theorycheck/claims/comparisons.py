"""Comparisons that yield observations: equality, rank and inequality."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, fmpq, fmpz

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.enclosures import Interval
from theorycheck.claims.findings import Describe, Observation
from theorycheck.claims.outcomes import Reader

RATIONAL = int | Fraction | fmpz | fmpq | np.integer
"""The types of numbers that are never rounded."""


def equality(
    left: Any,
    right: Any,
    arithmetic: str,
    describe: Describe | None = None,
    *,
    degenerate: str | None = None,
    note: str | None = None,
) -> Observation:
    """Exact equality of two stacked arrays of one shape, first axis the members.

    Only for numbers that were computed without rounding: comparison is ``==``. Where that cannot
    tell, between balls that overlap and for NaN and infinity, the observation is open.
    """
    left, right = (np.asarray(side) for side in (left, right))
    left, right = (side.reshape(len(side), -1) for side in (left, right))
    finite = _finite(left) & _finite(right)
    same = finite & np.asarray(left == right, dtype=bool)
    different = finite & np.asarray(left != right, dtype=bool)
    failing = np.flatnonzero(different.any(axis=1))
    unequal = np.flatnonzero(~same.all(axis=1))
    member = int([*failing, *unequal, 0][0])
    entry = int(np.argmax(different[member] if failing.size else ~same[member])) if left.size else 0
    shown = [side[member, entry] for side in (left, right)]
    return Observation(
        holds=False if failing.size else None if unequal.size else True,
        left=number_text(shown[0]),
        relation="=",
        right=number_text(shown[1]),
        arithmetic=arithmetic,
        count=len(left),
        case=None if describe is None else lambda: describe(member),
        degenerate=degenerate,
        note=note,
        reader=_reader(left, right),
    )


def _finite(numbers: np.ndarray) -> np.ndarray:
    """Which entries are neither NaN nor infinite."""
    if numbers.dtype != object:
        return np.asarray(np.isfinite(numbers))
    found = [_is_number(number) for number in numbers.flat]
    return np.array(found, dtype=bool).reshape(numbers.shape)


def _is_number(entry: Any) -> bool:
    """Whether an entry of any type is neither NaN nor infinite: less itself it is 0, then only."""
    if isinstance(entry, RATIONAL):
        return True
    if isinstance(entry, arb):
        return bool(entry.is_finite())
    if isinstance(entry, float | complex | np.inexact):
        return bool(np.isfinite(entry))
    try:
        return bool(entry - entry == 0)
    except (ArithmeticError, TypeError):
        return False


def _reader(*sides: np.ndarray) -> Reader | None:
    """The exact reader that compares these numbers. Floats have none: they may have been rounded,
    whatever the check says of them.
    """
    numbers = [number for side in sides for number in side.flat]
    if all(isinstance(number, RATIONAL) for number in numbers):
        return Reader.RATIONALS
    if all(isinstance(number, RATIONAL | arb) for number in numbers):
        return Reader.BALLS
    return None


def rank_at_most(
    ranks: Any,
    bound: int,
    arithmetic: str,
    describe: Describe | None = None,
    *,
    note: str | None = None,
) -> Observation:
    """``rank <= bound`` for each member, given ranks (or proven lower bounds of ranks).

    A rank that is NaN or infinite, as that of a network that diverged, leaves it open unless
    another one exceeds the bound.
    """
    ranks = np.asarray(ranks)
    known = _finite(ranks)
    highest = int(ranks[known].max()) if known.any() else 0
    violated = highest > bound
    unknown = None if violated or known.all() else int(np.argmin(known))
    member = int(np.argmax(np.where(known, ranks, -1))) if unknown is None else unknown
    return Observation(
        holds=False if violated else None if unknown is not None else True,
        left=f"rank {highest}" if unknown is None else f"rank {ranks[unknown]}",
        relation="≤",
        right=str(bound),
        arithmetic=arithmetic,
        tightness=highest / bound if bound > 0 and unknown is None else None,
        count=len(ranks),
        case=None if describe is None else lambda: describe(member),
        note=note,
    )


def inequality(
    left: Interval,
    right: Interval,
    arithmetic: str,
    case: Callable[[], Case] | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    degenerate: str | None = None,
    note: str | None = None,
) -> Observation:
    """``left <= right`` for numbers known to lie in two intervals with proven ends."""
    holds: bool | None = None
    if left.low > right.high:
        holds = False
    elif left.high <= right.low:
        holds = True
    tightness = left.mid / right.mid if right.mid > 0 else (math.inf if left.mid > 0 else 0.0)
    return Observation(
        holds=holds,
        left=number_text(left.mid),
        relation="≤",
        right=number_text(right.mid),
        arithmetic=arithmetic,
        tightness=tightness if holds is False else min(tightness, 1.0),
        case=case,
        at=at or {},
        degenerate=degenerate,
        note=note,
    )


def number_text(number: Any, *, longest: int = 12, digits: int = 6) -> str:
    """A number as the report prints it: exact if short, to some significant digits otherwise."""
    text = str(number)
    if len(text) <= longest and not isinstance(number, (float, np.floating)):
        return text
    try:
        return f"{float(number):.{digits}g}"
    except OverflowError:
        exact = Fraction(text)
        return f"{Decimal(exact.numerator) / Decimal(exact.denominator):.{digits}g}"
