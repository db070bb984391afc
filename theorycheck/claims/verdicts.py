"""From evidence to a verdict: one pure function."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from theorycheck.claims.declaration import Kind
from theorycheck.claims.sequential import Decision, Tendency, decide

if TYPE_CHECKING:
    from theorycheck.claims.evidence import Evidence  # which loads the engine


class Verdict(StrEnum):
    """What may be said of a claim: see the table in the README."""

    PROVED = "proved"
    HOLDS = "holds"
    REFUTED = "refuted"
    VACUOUS = "vacuous"
    UNDECIDED = "undecided"

    @property
    def passes(self) -> bool:
        """Whether the report says PASS for the claim itself."""
        return self in (Verdict.PROVED, Verdict.HOLDS)


@dataclass(frozen=True)
class Judgement:
    """A verdict and why, in words."""

    verdict: Verdict
    reason: str


TENDENCY = Tendency()
"""Null, minimal effect and error rates shared by all tendencies."""


def judge(kind: Kind, enough: int, evidence: Evidence, control: Evidence) -> Judgement:
    """The verdict that the evidence for a claim and for its control supports.

    One confirmed counterexample refutes a deterministic claim. It holds only when its control was
    refuted by the same check (so that the check can fail) and its hypotheses were met at least
    ``enough`` times by examples that rounding did not leave open. A tendency is decided by the
    sequential test alone.
    """
    if evidence.counterexample is not None:
        found = evidence.counterexample
        return Judgement(
            Verdict.REFUTED,
            f"counterexample: {found.left} {found.relation} {found.right} is false"
            f" ({found.arithmetic})",
        )
    if kind == "tendency":
        return _judge_tendency(evidence, control)
    if evidence.met == 0 and evidence.nearest is not None:
        if control.met == 0:
            return Judgement(
                Verdict.UNDECIDED,
                "the search met the hypotheses neither of the claim nor of its control",
            )
        return Judgement(
            Verdict.VACUOUS,
            "nothing meets the hypotheses: the directed search came no closer than"
            f" {evidence.nearest.distance:.6g} ({evidence.nearest.note})",
        )
    if control.counterexample is None:
        return Judgement(Verdict.UNDECIDED, "the control was not refuted: the check has no power")
    if evidence.met < enough:
        return Judgement(
            Verdict.UNDECIDED,
            f"the hypotheses were met by {evidence.met} examples, {enough} are needed",
        )
    if evidence.met - evidence.open < enough:
        return Judgement(
            Verdict.UNDECIDED,
            f"rounding left {evidence.open} of {evidence.met} examples open,"
            f" {enough} decided ones are needed",
        )
    if kind == "symbolic":
        return Judgement(Verdict.PROVED, "reduced symbolically to an identity; control refuted")
    reason = "no counterexample; control refuted"
    if evidence.degenerate == evidence.met:
        reason += "; the hypotheses were met only in degenerate cases"
    return Judgement(Verdict.HOLDS, reason)


def _judge_tendency(evidence: Evidence, control: Evidence) -> Judgement:
    counts = f"{evidence.successes} of {evidence.successes + evidence.failures} pairs"
    match decide(TENDENCY, evidence.successes, evidence.failures):
        case Decision.CONTRADICTED:
            return Judgement(Verdict.REFUTED, f"the effect appeared in only {counts}")
        case Decision.OPEN:
            return Judgement(Verdict.UNDECIDED, f"the effect appeared in {counts}: not decided yet")
        case Decision.CONFIRMED:
            opposite = decide(TENDENCY, control.successes, control.failures)
            if opposite is Decision.CONTRADICTED:
                return Judgement(
                    Verdict.HOLDS, f"the effect appeared in {counts}; control contradicted"
                )
            return Judgement(Verdict.UNDECIDED, "the control was not contradicted")
