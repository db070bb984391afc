"""Needs: what was found of the hypotheses of a claim and of its bound, as a report holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from theorycheck.claims.outcomes import Count
from theorycheck.claims.strengths import Strength

Outcome = Literal["needed", "open", "not seen", "no meaning", "not tried"]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An example with a certificate.

    Attributes:
        comparison: both sides, as they are printed.
        network: in words.
        numbers: how many the example consists of.
        name: of the certificate.
    """

    comparison: str
    network: str
    numbers: Count
    name: str


@dataclass(frozen=True, kw_only=True)
class Need:
    """Whether a claim needs a condition.

    Attributes:
        condition: its formula.
        words: what it says.
        outcome: needed; false without it, but not to the kernel (open); not seen to be needed; no
            meaning; not tried.
        examples: how many met all other hypotheses and not this one, with a decision that is not
            trivial.
        counterexample: where it is needed.
        strength: how far it reaches that the condition is not needed, where that is settled.
    """

    condition: str
    words: str
    outcome: Outcome
    examples: Count
    counterexample: Shown | None = None
    strength: Strength | None = None


@dataclass(frozen=True, kw_only=True)
class Sharpness:
    """Of an inequality.

    Attributes:
        ratio: the best one that was found, the smaller side over the larger, to six digits; None
            where no example has two sides that are not 0.
        network: at which it was found, in words.
        equality: an example at which both sides are equal.
    """

    ratio: float | None
    network: str | None
    equality: Shown | None = None
