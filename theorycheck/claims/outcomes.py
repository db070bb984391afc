"""Outcomes: what searches found out, as a report holds it.

Plain data. Each class is read, written, checked and described (JSON Schema) from its definition
alone, by msgspec; what types cannot say is checked where an object is made. A tightness has six
digits and is null where it is not finite, so that no document holds NaN.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from theorycheck.claims.courses import MOST_POPULATIONS, Course
from theorycheck.claims.sequential import interval
from theorycheck.claims.slack import BINS

Count = Annotated[int, Meta(ge=0)]

MOST_PAIRS = 100_000
"""The most pairs of one population: to decide from them takes time that grows with their number."""


def is_finite(side: str) -> bool:
    """Whether a side of a comparison, as it is printed, is no NaN and not infinite."""
    return re.search(r"\b(nan|inf|infinity)j?\b", side, re.IGNORECASE) is None


class Reader(StrEnum):
    """The readers whose "false" needs no confirmation, because the engine sees that they are exact.

    What a check says of its own arithmetic (`Example.arithmetic`) is for the reader of a report.
    """

    RATIONALS = "rationals"
    """Rationals and whole numbers, compared by the engine."""
    BALLS = "balls"
    """Balls, perhaps together with rationals, compared by the engine."""
    RATIONAL_FUNCTIONS = "rational functions"
    """Computer algebra expands the numerator of a difference: the procedure of symbolic claims."""


class Answer(StrEnum):
    """What the trusted kernel finds at an example."""

    CONFIRMED = "confirmed"
    """The same as the engine."""
    CONTRADICTED = "contradicted"
    """The opposite, or that a hypothesis is not met."""
    OPEN = "open"
    """It cannot tell: more precision or work is needed, or exact numbers are missing."""


class Fate(StrEnum):
    """What became of a mutant of a claim."""

    REFUTED = "refuted"
    """The kernel confirms an example at which it is false."""
    TRUE = "true"
    """It is no false neighbour."""
    SURVIVED = "survived"
    """It may be false, and no example says so."""


@dataclass(frozen=True, kw_only=True)
class KernelWord:
    """The kernel's answer, and why it is not a confirmation; None where it is one."""

    answer: Answer
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Example:
    """One comparison.

    Attributes:
        holds: whether the relation holds; None where rounding leaves it open.
        left, relation, right: the comparison as it is printed.
        tightness: of an inequality, left over right: 1 is equality, above 1 is a violation.
        arithmetic: how it was decided, in the words of the check.
        reader: the exact reader that decided it; None where the check itself did.
        kernel: what the kernel says of it; None where it is not asked, because the claim has no
            formal statement or the example decides nothing.
        degenerate: why the hypotheses are met only trivially, if they are.
        note: what else a reader should know.
        case: the exact numbers behind it, `theorycheck.arithmetic.Case.to_dict`; None where there
            are none.
    """

    holds: bool | None
    left: str
    relation: str
    right: str
    tightness: float | None
    arithmetic: str
    reader: Reader | None
    kernel: KernelWord | None
    degenerate: str | None
    note: str | None
    case: dict[str, Any] | None

    def __post_init__(self) -> None:
        if self.tightness is not None and not math.isfinite(self.tightness):
            raise ValueError(f"a tightness of {self.tightness}")
        if self.holds is not None and not (is_finite(self.left) and is_finite(self.right)):
            raise ValueError(f"{self.left} {self.relation} {self.right} decides nothing")

    @property
    def ratio(self) -> float | None:
        """Of an inequality that holds, the smaller side over the larger; None where one is 0."""
        return self.tightness or None if self.holds else None


@dataclass(frozen=True, kw_only=True)
class Miss:
    """How close a directed search came to the hypotheses: not to 0, which would meet them."""

    distance: float
    note: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.distance):
            raise ValueError(f"a distance of {self.distance}")
        if self.distance <= 0:
            raise ValueError(f"a distance of {self.distance}, which meets the hypotheses")


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """The pairs of one population: a data set, a number of classes, an architecture.

    An effect may show in one population and not in another, so that pairs of different ones never
    add up. Strata of one population are added with ``+``.

    Attributes:
        successes, failures: of how many pairs the tendency is true, and of how many it is not.
        ties: in how many of them both sides were equal.
        effects: how many pairs have an effect of this size, a number of three digits.
        measured: what the pairs compare.
    """

    successes: Count
    failures: Count
    ties: Count
    effects: dict[str, Count]
    measured: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.pairs > MOST_PAIRS:
            raise ValueError(f"{self.pairs} pairs, more than {MOST_PAIRS}")
        if max(self.ties, sum(self.effects.values())) > self.pairs:
            raise ValueError(f"more ties or effects than the {self.pairs} pairs")
        for text in self.effects:
            if not _is_number(text):
                raise ValueError(f"an effect of {text!r}")

    def __add__(self, other: Stratum) -> Stratum:
        effects = Counter(self.effects) + Counter(other.effects)
        return Stratum(
            successes=self.successes + other.successes,
            failures=self.failures + other.failures,
            ties=self.ties + other.ties,
            effects={text: effects[text] for text in sorted(effects, key=lambda t: (float(t), t))},
            measured=tuple(sorted({*self.measured, *other.measured})),
        )

    @property
    def pairs(self) -> int:
        """How many there are."""
        return self.successes + self.failures

    def size(self) -> tuple[float, float, float] | None:
        """The median effect and the ends of its interval; None where no pair has an effect."""
        values = sorted(v for text, n in self.effects.items() for v in [float(text)] * n)
        if not values:
            return None
        middle = values[(len(values) - 1) // 2], values[len(values) // 2]
        return middle[0] / 2 + middle[1] / 2, *interval(values)


def added(one: Mapping[str, Stratum], other: Mapping[str, Stratum]) -> dict[str, Stratum]:
    """The strata of both, by name, population by population."""
    both = {name: one[name] + other[name] for name in one.keys() & other.keys()}
    return dict(sorted({**one, **other, **both}.items()))


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Counts of examples.

    Attributes:
        tried: all of them.
        met: those that met the hypotheses.
        fraction: ``met`` over ``tried``, to six digits; None when nothing was tried.
        degenerate: of those met, how many only trivially.
        open: of those met, how many were left undecided.
        counted: of those met, how many count towards what is enough: they were decided, and not
            only trivially. One comparison counts at most once for each network that was drawn.
        agreed: on how many of the simplest ones the kernel came to the same conclusion about the
            whole statement.
        corners: of those that count, how many were which special network or data set.
        trivially: why hypotheses were met only trivially, in the words of the check.
        rejected: of those not met, how many for which reason.
        strata: the pairs of a tendency, by the name of the population that they are from.
        slack: of an inequality, how many examples that hold, not only trivially, are how far from
            equality (`theorycheck.claims.slack.BINS`).
    """

    tried: Count
    met: Count
    fraction: float | None
    degenerate: Count
    open: Count
    counted: Count
    agreed: Count
    corners: dict[str, Count]
    trivially: tuple[str, ...]
    rejected: dict[str, Count]
    strata: dict[str, Stratum]
    slack: dict[str, Count] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.fraction is not None and not math.isfinite(self.fraction):
            raise ValueError(f"a fraction of {self.fraction}")
        pairs = sum(stratum.pairs for stratum in self.strata.values())
        parts = (self.degenerate, self.open, self.counted, pairs)
        if not max(parts) <= self.met <= self.tried:
            raise ValueError(f"{parts} of {self.met} of {self.tried} examples")
        if (self.fraction is None) is not (self.tried == 0):
            raise ValueError(f"a fraction of {self.fraction} of {self.tried} examples")
        if sum(self.slack.values()) > self.met or not self.slack.keys() <= {*BINS}:
            raise ValueError(f"slack of {self.slack} in {self.met} examples")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one search found out, or several added up.

    Attributes:
        tightest: the example nearest to a violation among those that hold.
        counterexample: the violation that is shown.
        nearest: where a directed search ended that met no hypotheses.
        arithmetic: all ways in which comparisons were decided.
        fingerprints: digests of the seed and of all that was found, numbers included, one for each
            search that was added up. A search is known by it, whatever seed a report names.
        courses: how the pairs of each population were trained, for figures.
    """

    examples: Examples
    tightest: Example | None
    counterexample: Example | None
    nearest: Miss | None
    arithmetic: tuple[str, ...]
    fingerprints: tuple[str, ...]
    courses: Annotated[dict[str, Course], Meta(max_length=MOST_POPULATIONS)] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        if self.counterexample is not None and self.counterexample.holds is not False:
            raise ValueError("a counterexample that violates nothing")

    @property
    def is_empty(self) -> bool:
        """Whether nothing was tried, and nothing is known from anywhere else."""
        counts = self.examples
        parts = (counts.tried, counts.rejected, counts.strata, self.arithmetic)
        return not any((*parts, self.tightest, self.counterexample, self.nearest))
