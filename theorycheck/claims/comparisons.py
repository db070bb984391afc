"""Comparisons that yield observations: equality, rank and inequality."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.enclosures import Interval
from theorycheck.claims.evidence import Describe, Observation


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

    Only for numbers that were computed without rounding: comparison is ``==``.
    """
    left, right = np.asarray(left), np.asarray(right)
    same = np.asarray(left == right, dtype=bool).reshape(len(left), -1)
    failing = np.flatnonzero(~same.all(axis=1))
    member = int(failing[0]) if failing.size else 0
    entry = int(np.argmin(same[member])) if same.shape[1] else 0
    shown = [side.reshape(len(side), -1)[member, entry] for side in (left, right)]
    return Observation(
        holds=not failing.size,
        left=number_text(shown[0]),
        relation="=",
        right=number_text(shown[1]),
        arithmetic=arithmetic,
        count=len(left),
        case=None if describe is None else lambda: describe(member),
        degenerate=degenerate,
        note=note,
    )


def rank_at_most(
    ranks: Any,
    bound: int,
    arithmetic: str,
    describe: Describe | None = None,
    *,
    note: str | None = None,
) -> Observation:
    """``rank <= bound`` for each member, given ranks (or proven lower bounds of ranks)."""
    ranks = np.asarray(ranks)
    member = int(np.argmax(ranks))
    highest = int(ranks[member])
    return Observation(
        holds=highest <= bound,
        left=f"rank {highest}",
        relation="≤",
        right=str(bound),
        arithmetic=arithmetic,
        tightness=highest / bound if bound > 0 else None,
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
