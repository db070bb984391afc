"""Evidence: what checked examples yield, and how it adds up."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import to_builtins

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.outcomes import (
    Answer,
    Example,
    Examples,
    KernelWord,
    Miss,
    Outcome,
    Reader,
    Stratum,
    added,
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
        arithmetic: how the comparison was decided ("exact float64", "rationals", ...), in the words
            of the check, for the reader of the report.
        reader: the exact reader that decided it: for the engine to say, not for a check.
        kernel: what the kernel says of it, once it was asked.
        case: the exact numbers behind ``left`` and ``right``; None for purely symbolic ones.
        at: values of variables of the claim's formal statement, where that is known here; a
            certificate looks for the others.
        corners: how many of the examples are which corner (`theorycheck.claims.corners`).
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
    """Examples that did not meet the hypotheses, and why."""

    reason: str
    count: int = 1


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


Finding = Observation | Rejection | Unmet | Pair

Findings = Iterator[Finding]


DRAWN = 20
"""How many examples of a search the kernel is asked about."""


@dataclass
class Evidence:
    """Everything that one search, or several added up, found out.

    Evidence of independent searches is added with ``+``: counts add up, and of two tightest
    examples, counterexamples or nearest misses the better one is kept, ties going to the more
    readable one. An example on which the kernel contradicts the engine is kept before all others,
    and then a counterexample that is confirmed. Addition is commutative and associative, and
    ``Evidence()`` is its zero.

    Attributes:
        agreed: on how many of the examples that were drawn first the kernel, asked about the whole
            statement, came to the same conclusion.
        drawn: those examples, until the kernel is asked; no report holds them.

    The others are those of `theorycheck.claims.outcomes.Examples` and `Outcome`.
    """

    tried: int = 0
    met: int = 0
    degenerate: int = 0
    open: int = 0
    counted: int = 0
    agreed: int = 0
    corners: Counter[str] = field(default_factory=Counter)
    drawn: list[Observation] = field(default_factory=list)
    trivially: set[str] = field(default_factory=set)
    rejected: dict[str, int] = field(default_factory=dict)
    arithmetic: set[str] = field(default_factory=set)
    tightest: Observation | None = None
    counterexample: Observation | None = None
    nearest: Unmet | None = None
    strata: dict[str, Stratum] = field(default_factory=dict)

    def __add__(self, other: Evidence) -> Evidence:
        reasons = self.rejected.keys() | other.rejected.keys()
        return Evidence(
            tried=self.tried + other.tried,
            met=self.met + other.met,
            degenerate=self.degenerate + other.degenerate,
            open=self.open + other.open,
            counted=self.counted + other.counted,
            agreed=self.agreed + other.agreed,
            corners=self.corners + other.corners,
            trivially=self.trivially | other.trivially,
            rejected={r: self.rejected.get(r, 0) + other.rejected.get(r, 0) for r in reasons},
            arithmetic=self.arithmetic | other.arithmetic,
            tightest=_better(self.tightest, other.tightest, _by_tightness),
            counterexample=_better(self.counterexample, other.counterexample, _by_confirmation),
            nearest=_better(self.nearest, other.nearest, lambda miss: (miss.distance, miss.note)),
            strata=added(self.strata, other.strata),
        )

    def outcome(self) -> Outcome:
        """As a report holds it; inverse of `of`."""
        return Outcome(
            examples=Examples(
                tried=self.tried,
                met=self.met,
                fraction=float(f"{self.met / self.tried:.6g}") if self.tried else None,
                degenerate=self.degenerate,
                open=self.open,
                counted=self.counted,
                agreed=self.agreed,
                corners={name: n for name, n in sorted(self.corners.items()) if n},
                trivially=tuple(sorted(self.trivially)),
                rejected=dict(sorted(self.rejected.items())),
                strata=dict(sorted(self.strata.items())),
            ),
            tightest=_optional(Observation.example, self.tightest),
            counterexample=_optional(Observation.example, self.counterexample),
            nearest=_optional(
                lambda unmet: Miss(distance=float(unmet.distance), note=unmet.note), self.nearest
            ),
            arithmetic=tuple(sorted(self.arithmetic)),
        )

    @classmethod
    def of(cls, outcome: Outcome) -> Evidence:
        """Rebuild evidence from `outcome`.

        Raises:
            InputError: when an example's case is none.
        """
        counts = outcome.examples
        return cls(
            tried=counts.tried,
            met=counts.met,
            degenerate=counts.degenerate,
            open=counts.open,
            counted=counts.counted,
            agreed=counts.agreed,
            corners=Counter(counts.corners),
            trivially=set(counts.trivially),
            rejected=dict(counts.rejected),
            arithmetic=set(outcome.arithmetic),
            tightest=_optional(Observation.of, outcome.tightest),
            counterexample=_optional(Observation.of, outcome.counterexample),
            nearest=_optional(lambda miss: Unmet(miss.distance, miss.note), outcome.nearest),
            strata=dict(counts.strata),
        )

    def add(self, finding: Finding, *, networks: int = 1) -> None:
        """Count one finding; a violated observation becomes the counterexample.

        Args:
            networks: how many were drawn. Whatever an observation says that it stands for, it
                counts at most that often towards what is enough.
        """
        match finding:
            case Observation():
                self.tried += finding.count
                self.met += finding.count
                self.arithmetic.add(finding.arithmetic)
                if finding.degenerate is not None:
                    self.degenerate += finding.count
                    self.trivially.add(finding.degenerate)
                if finding.holds is None:
                    self.open += finding.count
                elif finding.degenerate is None:
                    self.counted += min(finding.count, networks)
                    self.corners.update(finding.corners)
                if finding.holds and finding.case is not None and len(self.drawn) < DRAWN:
                    self.drawn.append(finding)
                if finding.holds is False:
                    self.counterexample = finding
                elif (
                    finding.holds
                    and finding.tightness is not None
                    and (self.tightest is None or _tighter(finding, self.tightest))
                ):
                    self.tightest = finding
            case Rejection():
                self.tried += finding.count
                self.rejected[finding.reason] = self.rejected.get(finding.reason, 0) + finding.count
            case Unmet():
                self.tried += 1
                if self.nearest is None or finding.distance < self.nearest.distance:
                    self.nearest = finding
            case Pair() if finding.effect is not None and not math.isfinite(finding.effect):
                self.add(Rejection("the effect is not a finite number"))
            case Pair():
                self.tried += 1
                self.met += 1
                self.strata = added(self.strata, {finding.stratum: finding.counted()})


S = TypeVar("S")
T = TypeVar("T")


def _better(one: T | None, other: T | None, key: Callable[[T], Any]) -> T | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other, key=key)


def _by_tightness(observation: Observation) -> tuple[Any, ...]:
    contradicted = observation.contradicted
    return not contradicted, -observation.shown_tightness(), *observation.readability()


def _by_confirmation(observation: Observation) -> tuple[Any, ...]:
    order = not observation.contradicted, not observation.confirmed
    return *order, *observation.readability()


def _tighter(new: Observation, old: Observation) -> bool:
    """The order of `_by_tightness` before the kernel is asked; ties cost time, nothing else."""
    first, second = new.shown_tightness(), old.shown_tightness()
    if first != second:
        return first > second
    sizes = [math.inf if o.case is None else o.case().size for o in (new, old)]
    if sizes[0] != sizes[1]:
        return sizes[0] < sizes[1]
    return new.readability() < old.readability()


def _optional(convert: Callable[[S], T], value: S | None) -> T | None:
    return None if value is None else convert(value)
