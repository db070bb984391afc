"""From evidence to a verdict: one pure function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from theorycheck.claims.declaration import Kind
from theorycheck.claims.outcomes import Reader
from theorycheck.claims.sequential import TENDENCY, Decision, decide, pairs_in_proportion

if TYPE_CHECKING:
    from theorycheck.claims.evidence import Evidence  # which loads the engine
    from theorycheck.claims.outcomes import Stratum


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


def judge(
    kind: Kind,
    enough: int,
    evidence: Evidence,
    control: Evidence,
    positive: Evidence | None = None,
) -> Judgement:
    """The verdict that the evidence for a claim and for its control supports.

    One confirmed counterexample refutes a deterministic claim. It holds only when the kernel
    contradicts no example, its control was refuted by the same check (so that the check can fail),
    and its hypotheses were met, not only trivially, by at least ``enough`` examples that were
    decided. A tendency is decided by the sequential test in each of its strata, and is as good as
    the weakest of them. It holds only when the same test does not confirm its control, and is
    refuted only where it confirms the positive control: a check that cannot say yes must not say
    no.
    """
    questioned = _questioned(kind, evidence)
    if questioned is not None:
        return questioned
    if kind == "tendency":
        shown = {} if positive is None else positive.strata
        return _judge_tendency(evidence.strata, control.strata, shown)
    return _judge_met(kind, enough, evidence, control)


def _questioned(kind: Kind, evidence: Evidence) -> Judgement | None:
    """What a counterexample says, or an example on which engine and kernel disagree."""
    false, tightest = evidence.counterexample, evidence.tightest
    for found in (false, tightest):
        if found is not None and found.contradicted:
            truth = "is false" if found is false else "holds"
            return Judgement(
                Verdict.UNDECIDED,
                f"the engine: {found.shown} {truth} ({found.arithmetic});"
                f" the kernel: {found.objection}",
            )
    if false is None:
        return None
    reason = f"counterexample: {false.shown} is false ({false.arithmetic})"
    if false.confirmed or (kind, false.arithmetic) == ("symbolic", Reader.RATIONAL_FUNCTIONS):
        return Judgement(Verdict.REFUTED, reason)
    objection = false.objection or "not asked, and no exact reader found that"
    return Judgement(Verdict.UNDECIDED, f"{reason}; the kernel: {objection}")


def _judge_met(kind: Kind, enough: int, evidence: Evidence, control: Evidence) -> Judgement:
    """The verdict on a deterministic claim without counterexample."""
    if evidence.met == 0 and evidence.nearest is not None:
        if control.met == 0:
            return Judgement(
                Verdict.UNDECIDED,
                "the search met the hypotheses neither of the claim nor of its control",
            )
        return Judgement(
            Verdict.VACUOUS,
            f"nothing meets the hypotheses: the directed search came no closer than"
            f" {evidence.nearest}",
        )
    if control.counterexample is None:
        return Judgement(Verdict.UNDECIDED, "the control was not refuted: the check has no power")
    if evidence.met == evidence.degenerate >= enough:
        return Judgement(Verdict.VACUOUS, _trivial(evidence))
    if evidence.counted < enough:
        return Judgement(
            Verdict.UNDECIDED,
            f"the hypotheses were met, with a decision and not only trivially, by"
            f" {evidence.counted} examples, {enough} are needed; of"
            f" {evidence.met} comparisons {evidence.open} are open and"
            f" {evidence.degenerate} degenerate",
        )
    if kind != "symbolic":
        return Judgement(Verdict.HOLDS, "no counterexample; control refuted")
    if evidence.arithmetic == {Reader.RATIONAL_FUNCTIONS}:
        return Judgement(Verdict.PROVED, "reduced symbolically to an identity; control refuted")
    other = ", ".join(sorted(evidence.arithmetic - {Reader.RATIONAL_FUNCTIONS}))
    return Judgement(Verdict.UNDECIDED, f"decided in {other}, which is no symbolic procedure")


def _trivial(evidence: Evidence) -> str:
    reason = "the hypotheses are met only in degenerate cases: " + "; ".join(
        sorted(evidence.trivially)
    )
    if evidence.nearest is None:
        return reason
    nearest = evidence.nearest
    return f"{reason}; elsewhere the directed search came no closer than {nearest}"


Strata = Mapping[str, "Stratum"]


def _judge_tendency(claim: Strata, control: Strata, positive: Strata) -> Judgement:
    found = _decisions(claim)
    counts = {
        name: _counted(stratum) + f" ({name})" * (len(claim) > 1) for name, stratum in claim.items()
    }
    against = [name for name in found if found[name] is Decision.CONTRADICTED]
    if against:
        proven = contradicted(claim, positive)
        shown = "; ".join(counts[name] for name in proven or against)
        if proven:
            reason = f"it shows in only {shown}; the positive control shows it"
            return Judgement(Verdict.REFUTED, reason)
        reason = f"it shows in only {shown}, but no positive control shows that it could"
        return Judgement(Verdict.UNDECIDED, reason)
    undecided = [counts[name] for name in found if found[name] is Decision.OPEN]
    if undecided or not found:
        shown = "; ".join(undecided) or "no pair"
        return Judgement(Verdict.UNDECIDED, f"it shows in {shown}: not decided yet")
    opposite = _decisions(control)
    confirmed = [name for name in opposite if opposite[name] is Decision.CONFIRMED]
    if confirmed:
        return Judgement(Verdict.UNDECIDED, f"the control shows it too ({', '.join(confirmed)})")
    for name, needed in pairs_of_control(claim).items():
        if opposite.get(name) is not Decision.CONTRADICTED and (
            name not in control or control[name].pairs < needed
        ):
            return Judgement(Verdict.UNDECIDED, f"the control has fewer than {needed} pairs")
    shown = "; ".join(counts.values())
    return Judgement(Verdict.HOLDS, f"it shows in {shown}; the control does not show it")


def pairs_of_control(claim: Strata) -> dict[str, int]:
    """How many pairs a control needs in each stratum that confirms a claim.

    As many as would confirm the control too, if it showed as often as the claim. Fewer could not.
    """
    return {
        name: pairs_in_proportion(TENDENCY, claim[name].successes, claim[name].failures)
        for name, decision in _decisions(claim).items()
        if decision is Decision.CONFIRMED
    }


def _counted(stratum: Stratum) -> str:
    return f"{stratum.successes} of {stratum.pairs} pairs" if stratum.pairs else "no pair at all"


def contradicted(claim: Strata, positive: Strata) -> list[str]:
    """The strata in which a tendency is contradicted and its positive control is confirmed."""
    against, could = _decisions(claim), _decisions(positive)
    return [
        name
        for name in against
        if against[name] is Decision.CONTRADICTED and could.get(name) is Decision.CONFIRMED
    ]


def _decisions(strata: Strata) -> dict[str, Decision]:
    return {name: decide(TENDENCY, s.successes, s.failures) for name, s in strata.items()}
