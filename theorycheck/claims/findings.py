"""Findings: what one checked example yields."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import to_builtins

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.courses import Course
from theorycheck.claims.outcomes import (
    Answer,
    Example,
    KernelWord,
    Reader,
    Stratum,
    is_finite,
)
from theorycheck.errors import InputError

Describe = Callable[[int], Case]
"""Gives the case of one member, for the certificate of a counterexample or tightest example."""


@dataclass(frozen=True)
class Observation:
    """One comparison, or several of the same kind made at once on stacked members.

    Attributes:
        holds: whether the relation holds; None when rounding leaves it open. It is None whenever a
            side is NaN or infinite, whatever was given.
        left, right, relation: both sides as printed in the report (of the member that fails, or of
            the tightest one).
        tightness: for inequalities, left over right: 1 is equality, above 1 is a violation.
        count: number of examples that this observation stands for.
        arithmetic: how the comparison was decided ("exact float64", "rationals", ...; several ways
            are joined by "; "), in the words of the check, for the reader of the report.
        reader: the exact reader that decided it: for the engine to say, not for a check.
        kernel: what the kernel says of it, once it was asked.
        case: the exact numbers behind ``left`` and ``right``; None for purely symbolic ones.
        at: values of variables of the claim's formal statement, where that is known here; a
            certificate looks for the others.
        corners: how many of the examples are which corner (`theorycheck.claims.corners`).
        slack: of an inequality, how many are how far from equality (`theorycheck.claims.slack`).
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
    corners: Mapping[str, int] = field(default_factory=dict)
    slack: Mapping[str, int] = field(default_factory=dict)
    degenerate: str | None = None
    note: str | None = None
    reader: Reader | None = None
    kernel: KernelWord | None = None

    def __post_init__(self) -> None:
        if not (is_finite(self.left) and is_finite(self.right)):
            object.__setattr__(self, "holds", None)

    def example(self) -> Example:
        """As a report holds it, without ``count`` and ``at``; inverse of `of`."""
        tightness = self.shown_tightness()
        return Example(
            holds=self.holds,
            left=self.left,
            relation=self.relation,
            right=self.right,
            tightness=tightness if math.isfinite(tightness) else None,
            arithmetic=self.arithmetic,
            reader=self.reader,
            kernel=self.kernel,
            degenerate=self.degenerate,
            note=self.note,
            case=None if self.case is None else self.case().to_dict(),
        )

    @classmethod
    def of(cls, example: Example) -> Observation:
        """Rebuild an observation from `example`, with the count 1.

        Raises:
            InputError: when its case is none.
        """
        case = None if example.case is None else Case.from_dict(example.case)
        return cls(
            holds=example.holds,
            left=example.left,
            relation=example.relation,
            right=example.right,
            arithmetic=example.arithmetic,
            tightness=example.tightness,
            case=None if case is None else lambda: case,
            degenerate=example.degenerate,
            note=example.note,
            reader=example.reader,
            kernel=example.kernel,
        )

    @property
    def shown(self) -> str:
        """Both sides and the relation between them, as they are printed."""
        return f"{self.left} {self.relation} {self.right}"

    @property
    def objection(self) -> str | None:
        """Why the kernel does not confirm it; None where it does, or is not asked."""
        return None if self.kernel is None else self.kernel.reason

    @property
    def contradicted(self) -> bool:
        """Whether the kernel finds the opposite of what the engine found."""
        return self.kernel is not None and self.kernel.answer is Answer.CONTRADICTED

    @property
    def confirmed(self) -> bool:
        """Whether somebody else than the check vouches for what it found.

        That is the kernel; where it is not asked, an exact reader.
        """
        if self.kernel is None:
            return self.reader is not None
        return self.kernel.answer is Answer.CONFIRMED

    def shown_tightness(self) -> float:
        """As documents hold it, so that evidence merges alike before and after it was written."""
        known = self.tightness is not None and math.isfinite(self.tightness)
        return float(f"{self.tightness:.6g}") if known else -math.inf

    def readability(self) -> tuple[bool, int, int, int, str]:
        """A total order by what a reader would rather be shown; equal only for equal documents.

        First examples with exact numbers, which can be checked again; of those the ones with the
        fewest numbers, and the shortest; then the shortest text.
        """
        document = to_builtins(self.example())
        case, text = (json.dumps(part, sort_keys=True) for part in (document["case"], document))
        numbers = 0 if self.case is None else self.case().size
        return self.case is None, numbers, len(case), len(text), text


@dataclass(frozen=True)
class Rejection:
    """Examples that did not meet the hypotheses, and why.

    Attributes:
        stratum: the population that they are from, if they are pairs. One of which all pairs are
            rejected is still asked about.
    """

    reason: str
    count: int = 1
    stratum: str | None = None


@dataclass(frozen=True)
class Unmet:
    """The outcome of a directed search for examples that meet the hypotheses and found none.

    Attributes:
        distance: how close the search came, in the units that ``note`` names.

    Raises:
        InputError: when the distance is not finite, as such a search says nothing; and when it is
            not positive, as such a search has met the hypotheses.
    """

    distance: float
    note: str

    def __str__(self) -> str:
        return f"{self.distance:.6g} ({self.note})"

    def __post_init__(self) -> None:
        if not math.isfinite(self.distance):
            raise InputError(f"a search ended at distance {self.distance}: report a finite one")
        if self.distance <= 0:
            raise InputError(
                f"a search ended at distance {self.distance}, which meets the hypotheses: yield an"
                " observation of what it found"
            )


@dataclass(frozen=True)
class Pair:
    """One paired comparison of trained networks: is what the tendency says true of it?

    Attributes:
        success: whether it is.
        note: what is compared, and what the effect measures.
        stratum: the population that the pair is from; those of different ones never add up.
        effect: the size of what is compared, in the units that the note names. It decides nothing,
            but a pair whose effect is not finite counts for nothing. None where there is no number.
        tie: whether both sides are equal.
    """

    success: bool
    note: str
    stratum: str = "all pairs"
    effect: float | None = None
    tie: bool = False

    def counted(self) -> Stratum:
        """The stratum of this pair alone."""
        return Stratum(
            successes=int(self.success),
            failures=int(not self.success),
            ties=int(self.tie),
            effects={} if self.effect is None else {f"{self.effect:.3g}": 1},
            measured=(self.note,),
        )


@dataclass(frozen=True)
class Traced:
    """How the pairs of a population are trained, and what was measured of them on the way."""

    stratum: str
    course: Course


Finding = Observation | Rejection | Unmet | Pair | Traced

Findings = Iterator[Finding]
