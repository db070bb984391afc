"""Comparisons that yield observations: equality, rank and inequality."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from decimal import MAX_EMAX, MIN_EMIN, Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
from flint import acb, arb, fmpq, fmpz

from theorycheck.arguments import instance
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.enclosures import Interval
from theorycheck.claims.findings import Describe, Observation
from theorycheck.claims.outcomes import Reader
from theorycheck.claims.sides import exact, nearest, stacked
from theorycheck.errors import InputError, quoted

RATIONAL = int | Fraction | fmpz | fmpq | np.integer
"""The types of numbers that are never rounded."""


KNOWN = fmpq | arb | acb
"""What `exact` makes of numbers whose type it knows."""

DIGITS, FLOAT_DIGITS = 6, 17
"""How many digits the report prints; how many tell two floats apart."""


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

    Raises:
        InputError: for what is no array of numbers, is empty, has no axis of members or hides some
            numbers behind a mask; and for two shapes.
    """
    left, right = stacked("the left side", left), stacked("the right side", right)
    if left.shape != right.shape:
        raise InputError(
            f"the left side has shape {left.shape} and the right side {right.shape}: give both one"
        )
    left, right = (side.reshape(len(side), -1) for side in (left, right))
    same, different = _compared(left, right)
    failing = np.flatnonzero(different.any(axis=1))
    unequal = np.flatnonzero(~same.all(axis=1))
    member = int([*failing, *unequal, 0][0])
    entry = int(np.argmax(different[member] if failing.size else ~same[member]))
    shown = [side[member, entry] for side in (left, right)]
    texts = _told_apart(*shown) if failing.size else [number_text(number) for number in shown]
    return Observation(
        holds=False if failing.size else None if unequal.size else True,
        left=texts[0],
        relation="=",
        right=texts[1],
        arithmetic=arithmetic,
        count=len(left),
        case=None if describe is None else lambda: describe(member),
        degenerate=degenerate,
        note=note,
        reader=_reader(left, right),
    )


def _compared(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which entries are certainly equal, and which certainly different.

    Neither where one is NaN or infinite, where balls overlap, and where numbers of a type that is
    not known here are written differently.
    """
    if left.dtype == right.dtype and left.dtype != object:
        finite = np.isfinite(left) & np.isfinite(right)
        return finite & (left == right), finite & np.asarray(left != right, dtype=bool)
    same, different = np.zeros(left.shape, dtype=bool), np.zeros(left.shape, dtype=bool)
    for place, pair in enumerate(zip(left.flat, right.flat, strict=True)):
        one, other = map(exact, pair)
        if one is not None and other is not None:
            same.flat[place] = one == other
            known = isinstance(one, KNOWN) and isinstance(other, KNOWN)
            different.flat[place] = known and one != other
    return same, different


def _reader(*sides: np.ndarray) -> Reader | None:
    """The exact reader that compares these numbers. Floats have none: they may have been rounded,
    whatever the check says of them. Nor have truth values, which may come from such floats.
    """
    numbers = [number for side in sides for number in side.flat]
    if any(isinstance(number, bool) for number in numbers):
        return None
    if all(isinstance(number, RATIONAL) for number in numbers):
        return Reader.RATIONALS
    if all(isinstance(number, RATIONAL | arb) for number in numbers):
        return Reader.BALLS
    return None


def rank_at_most(
    ranks: Any,
    bound: float | Fraction,
    arithmetic: str,
    describe: Describe | None = None,
    *,
    note: str | None = None,
) -> Observation:
    """``rank <= bound`` for each member, given ranks (or proven lower bounds of ranks).

    Ranks and bound are compared as they are, also where they are fractions, as effective and stable
    ranks are. A rank that is NaN or infinite, as that of a network that diverged, leaves it open
    unless another one exceeds the bound.

    Raises:
        InputError: unless ranks are real numbers, one for each member, and the bound is another.
    """
    given, limit = stacked("ranks", ranks), stacked("the bound of a rank", [bound])
    most = exact(limit[0]) if limit.shape == (1,) else None
    if given.ndim != 1:
        raise InputError(f"ranks have shape {given.shape}: give one for each member")
    known = [exact(rank) for rank in given]
    if not all(rank is None or isinstance(rank, fmpq) for rank in known):
        raise InputError("ranks must be real numbers that are known exactly, such as floats")
    if not isinstance(most, fmpq):
        raise InputError(f"the bound of a rank must be a finite number, not {quoted(bound)}")
    highest = max((rank for rank in known if rank is not None), default=most)
    holds = False if highest > most else None if None in known else True
    member = known.index(None if holds is None else highest)
    shown = given[member], limit[0]
    texts = _told_apart(*shown) if holds is False else [number_text(number) for number in shown]
    return Observation(
        holds=holds,
        left=f"rank {texts[0]}",
        relation="≤",
        right=texts[1],
        arithmetic=arithmetic,
        tightness=nearest(highest / most) if most > 0 and holds is not None else None,
        count=len(known),
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
    """``left <= right`` for numbers known to lie in two intervals with proven ends.

    Raises:
        InputError: when a side is no `Interval`.
    """
    instance("the left side", left, Interval)
    instance("the right side", right, Interval)
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


def _told_apart(*numbers: Any) -> list[str]:
    """Two numbers as the report prints them, with enough digits to look different."""
    for digits in (DIGITS, 17, 40, 100):
        texts = [number_text(number, digits=digits) for number in numbers]
        if len(set(texts)) > 1:
            break
    return texts


def number_text(number: Any, *, longest: int = 12, digits: int = DIGITS) -> str:
    """A number as the report prints it: exact if short, to some significant digits otherwise."""
    if isinstance(number, complex | np.complexfloating | acb):
        return f"{complex(number):.{digits}g}"
    value, is_float = exact(number), isinstance(number, float | np.floating)
    # No digits of integers that have too many for Python to write them.
    long = isinstance(value, fmpq) and max(value.p.bit_length(), value.q.bit_length()) > 4 * longest
    text = f"{float(number):.{digits}g}" if is_float else "" if long else str(number)
    if isinstance(value, arb) and len(text) > longest:
        middle = value.mid()
        short = middle == 0 or _has_all_digits(float(middle))
        return f"{float(middle):.{digits}g}" if short else str(middle.str(digits, radius=False))
    if not isinstance(value, fmpq) or (0 < len(text) <= longest and not is_float):
        return text
    rounded = nearest(value)
    if value == 0 or (digits <= FLOAT_DIGITS and _has_all_digits(rounded)):
        return f"{rounded:.{digits}g}"
    with localcontext(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN):
        return f"{(Decimal(int(value.p)) / Decimal(int(value.q))).normalize():.{digits}g}"


def _has_all_digits(rounded: float) -> bool:
    """Whether a float is neither infinite nor among the least ones, which have few digits."""
    return sys.float_info.min <= abs(rounded) < math.inf
