"""Evidence: how what checked examples yield adds up."""

from __future__ import annotations

import hashlib
import math
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from theorycheck.arithmetic.cases import Case
from theorycheck.claims import courses
from theorycheck.claims.findings import Finding, Observation, Pair, Rejection, Traced, Unmet
from theorycheck.claims.outcomes import Examples, Miss, Outcome, Stratum, added
from theorycheck.claims.setting import DRAWN
from theorycheck.claims.slack import histogram, ordered

NO_PAIRS = Stratum(successes=0, failures=0, ties=0, effects={}, measured=())
"""What a population says of which nothing was compared."""


@dataclass
class Evidence:
    """Everything that one search, or several added up, found out.

    Evidence of independent searches is added with ``+``: counts add up, and of two tightest
    examples, counterexamples or nearest misses the better one is kept, ties going to the more
    readable one. An example on which the kernel contradicts the engine is kept before all others,
    and then a counterexample that is confirmed. Addition is commutative and associative, and
    ``Evidence()`` is its zero.

    Attributes:
        agreed: on how many examples the kernel, asked about the whole statement, came to the same
            conclusion.
        drawn: the examples that it is to be asked about, the simplest ones; no report holds them.
        proposed: the cases that a strategy proposed; no report holds them either.

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
    proposed: list[Case] = field(default_factory=list)
    trivially: set[str] = field(default_factory=set)
    rejected: dict[str, int] = field(default_factory=dict)
    arithmetic: set[str] = field(default_factory=set)
    tightest: Observation | None = None
    counterexample: Observation | None = None
    nearest: Unmet | None = None
    strata: dict[str, Stratum] = field(default_factory=dict)
    fingerprints: frozenset[str] = frozenset()
    slack: Counter[str] = field(default_factory=Counter)
    courses: dict[str, courses.Course] = field(default_factory=dict)

    @classmethod
    def started(cls, seed: int) -> Evidence:
        """That of a search from this seed which has found nothing yet."""
        return cls(fingerprints=frozenset([f"{seed % 2**64:016x}"]))

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
            nearest=_better(self.nearest, other.nearest, _by_distance),
            strata=added(self.strata, other.strata),
            fingerprints=self.fingerprints | other.fingerprints,
            slack=self.slack + other.slack,
            courses=courses.added(self.courses, other.courses),
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
                slack=ordered(self.slack),
            ),
            tightest=_optional(Observation.example, self.tightest),
            counterexample=_optional(Observation.example, self.counterexample),
            nearest=_optional(
                lambda unmet: Miss(distance=float(unmet.distance), note=unmet.note), self.nearest
            ),
            arithmetic=tuple(sorted(self.arithmetic)),
            fingerprints=tuple(sorted(self.fingerprints)),
            courses=dict(sorted(self.courses.items())),
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
            fingerprints=frozenset(outcome.fingerprints),
            slack=Counter(counts.slack),
            courses=dict(outcome.courses),
        )

    def add(self, finding: Finding, *, networks: int = 1) -> None:
        """Count one finding; a violated observation becomes the counterexample.

        Args:
            networks: how many were drawn. Whatever an observation says that it stands for, it
                counts at most that often towards what is enough.
        """
        self.fingerprints = frozenset([_fingerprint(self.fingerprints, finding)])
        match finding:
            case Observation():
                self._observe(finding, networks)
            case Rejection():
                self._reject(finding)
            case Unmet():
                self.tried += 1
                self.nearest = _better(self.nearest, finding, _by_distance)
            case Pair() if finding.effect is not None and not math.isfinite(finding.effect):
                self._reject(
                    Rejection("the effect is not a finite number", stratum=finding.stratum)
                )
            case Pair():
                self.tried += 1
                self.met += 1
                self.strata = added(self.strata, {finding.stratum: finding.counted()})
            case Traced():
                self.courses = courses.added(self.courses, {finding.stratum: finding.course})

    def _reject(self, finding: Rejection) -> None:
        self.tried += finding.count
        self.rejected[finding.reason] = self.rejected.get(finding.reason, 0) + finding.count
        if finding.stratum is not None:
            self.strata = added(self.strata, {finding.stratum: NO_PAIRS})

    def _observe(self, finding: Observation, networks: int) -> None:
        self.tried += finding.count
        self.met += finding.count
        self.arithmetic.update(finding.arithmetic.split("; "))
        if finding.degenerate is not None:
            self.degenerate += finding.count
            self.trivially.add(finding.degenerate)
        if finding.holds is None:
            self.open += finding.count
        elif finding.degenerate is None:
            self.counted += min(finding.count, networks)
            self.corners.update(finding.corners)
            if finding.holds:
                self.slack.update(finding.slack or histogram([finding.tightness]))
        if finding.holds and finding.case is not None:
            insort(self.drawn, finding, key=_cost_to_the_kernel)
            del self.drawn[DRAWN:]
        if finding.holds is False:
            self.counterexample = finding
        elif (
            finding.holds
            and finding.tightness is not None
            and (self.tightest is None or _tighter(finding, self.tightest))
        ):
            self.tightest = finding


def _fingerprint(before: Iterable[str], finding: Finding) -> str:
    """The sum of the seed, and the digests of all findings up to this one with their numbers."""
    told = {name: v for name, v in vars(finding).items() if name not in ("case", "kernel")}
    content = repr(told).encode(errors="backslashreplace")
    if isinstance(finding, Observation) and finding.case is not None:
        content += finding.case().content()
    digests = [*before, hashlib.sha256(content).hexdigest()[:16]]
    return f"{sum(int(digest, 16) for digest in digests) % 2**64:016x}"


S = TypeVar("S")
T = TypeVar("T")


def _better(one: T | None, other: T | None, key: Callable[[T], Any]) -> T | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other, key=key)


def _by_distance(miss: Unmet) -> tuple[float, str]:
    return miss.distance, miss.note


def _by_tightness(observation: Observation) -> tuple[Any, ...]:
    contradicted = observation.contradicted
    return not contradicted, -observation.shown_tightness(), *observation.readability()


def _by_confirmation(observation: Observation) -> tuple[Any, ...]:
    order = not observation.contradicted, not observation.confirmed
    return *order, *observation.readability()


def _cost_to_the_kernel(observation: Observation) -> tuple[bool, bool, int]:
    """An order of examples: those that say something, that need no enclosures, that are small."""
    assert observation.case is not None
    trivial = observation.degenerate is not None
    return trivial, "balls" in observation.arithmetic, observation.case().size


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
