"""Evidence: what checked examples yield, and how it adds up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from theorycheck.cases import Case
from theorycheck.errors import InputError
from theorycheck.rounding import Interval

Describe = Callable[[int], Case]
"""Gives the case of one member, for the certificate of a counterexample or tightest example."""


@dataclass(frozen=True)
class Observation:
    """One comparison, or several of the same kind made at once on stacked members.

    Attributes:
        holds: whether the relation holds; None when rounding leaves it open.
        left, right, relation: both sides as printed in the report (of the member that fails, or of
            the tightest one).
        tightness: for inequalities, left over right: 1 is equality, above 1 is a violation.
        count: number of examples that this observation stands for.
        arithmetic: how the comparison was decided ("exact float64", "rationals", ...).
        case: the exact numbers behind ``left`` and ``right``; None for purely symbolic ones.
        at: values of variables of the claim's formal statement, where that is known here; a
            certificate looks for the others.
        degenerate: why the hypotheses are met only trivially here, if they are.
        note: what else a reader should know about this example.
    """

    holds: bool | None
    left: str
    relation: str
    right: str
    arithmetic: str
    tightness: float | None = None
    count: int = 1
    case: Callable[[], Case] | None = None
    at: Mapping[str, Any] = field(default_factory=dict)
    degenerate: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Rejection:
    """Examples that did not meet the hypotheses, and why."""

    reason: str
    count: int = 1


@dataclass(frozen=True)
class Unmet:
    """The outcome of a directed search for examples that meet the hypotheses and found none.

    Attributes:
        distance: how close the search came (0 would meet them), in the units that ``note`` names.

    Raises:
        InputError: when the distance is not finite; such a search says nothing.
    """

    distance: float
    note: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.distance):
            raise InputError(f"a search ended at distance {self.distance}: report a finite one")


@dataclass(frozen=True)
class Pair:
    """One paired comparison of trained networks: did the effect appear?"""

    success: bool
    note: str


Finding = Observation | Rejection | Unmet | Pair
Findings = Iterator[Finding]


@dataclass
class Evidence:
    """Everything that one search found out; a plain sum over its examples."""

    tried: int = 0
    met: int = 0
    degenerate: int = 0
    open: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    arithmetic: set[str] = field(default_factory=set)
    tightest: Observation | None = None
    counterexample: Observation | None = None
    nearest: Unmet | None = None
    successes: int = 0
    failures: int = 0
    pair_note: str | None = None

    def add(self, finding: Finding) -> None:
        """Count one finding; a violated observation becomes the counterexample."""
        match finding:
            case Observation():
                self.tried += finding.count
                self.met += finding.count
                self.arithmetic.add(finding.arithmetic)
                if finding.degenerate is not None:
                    self.degenerate += finding.count
                if finding.holds is None:
                    self.open += finding.count
                if finding.holds is False:
                    self.counterexample = finding
                elif finding.tightness is not None and (
                    self.tightest is None or _tighter(finding, self.tightest)
                ):
                    self.tightest = finding
            case Rejection():
                self.tried += finding.count
                self.rejected[finding.reason] = self.rejected.get(finding.reason, 0) + finding.count
            case Unmet():
                self.tried += 1
                if self.nearest is None or finding.distance < self.nearest.distance:
                    self.nearest = finding
            case Pair():
                self.tried += 1
                self.met += 1
                self.successes += finding.success
                self.failures += not finding.success
                self.pair_note = finding.note


def _tighter(new: Observation, old: Observation) -> bool:
    """Nearer to equality in what the report prints of it; or as near, and with fewer numbers."""
    first, second = (round(found.tightness or 0.0, 6) for found in (new, old))
    if first != second:
        return first > second
    return new.case is not None and (old.case is None or new.case().size < old.case().size)


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
