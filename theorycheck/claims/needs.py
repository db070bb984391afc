"""Needs: which conditions a claim that passes needs, and whether its bound is sharp.

A condition is *needed* where the claim is false without it: an example meets all other hypotheses,
but not this one, and the kernel finds the conclusion false there. Where a wider family of cases has
no such example, the condition is *not seen to be needed*, as far as examples met the others and not
this one; where none did, it is *not tried*. Where formulas mean nothing without it, it has *no
meaning* to leave it out: there is a division by zero, or a word stands for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hypothesis import strategies as st

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.residues import Unreadable
from theorycheck.claims import certificates
from theorycheck.claims.conditions import Condition, conditions_of
from theorycheck.claims.declaration import Claim, Formal
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Findings, Observation, Rejection
from theorycheck.claims.formulas import findings
from theorycheck.claims.outcomes import Count
from theorycheck.claims.search import proposed, search_once
from theorycheck.claims.setting import Setting
from theorycheck.claims.settling import settled
from theorycheck.claims.strengths import Strength
from theorycheck.drawing.alterations import ALTERATIONS, altered_cases, unrestricted_cases
from theorycheck.drawing.networks import Cases
from theorycheck.statements.checking import NO_VALUE, answers
from theorycheck.statements.syntax import Formula

Answer = Literal["needed", "open", "not seen", "no meaning", "not tried"]

EXAMPLES = 100
"""Drawn of cases without restriction, and again of the most fruitful source."""
PROBES = 12
"""Drawn of every other source."""
ENOUGH = 20
"""Examples that meet all other hypotheses, and not the condition, with a decision."""
LARGEST = 300
"""Numbers of a network and its data, up to which examples are looked at: a reader wants small ones.
"""
MEANINGLESS = "without the condition, a formula has no value"
INSTEAD = "but in the place of"
"""Begins the last of the hypotheses of a statement that differs from a claim's in one formula."""


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
        answer: needed; false without it, but not to the kernel (open); not seen to be needed; no
            meaning; not tried.
        examples: how many met all other hypotheses and not this one, with a decision that is not
            trivial.
        counterexample: where it is needed.
        strength: how far it reaches that the condition is not needed, where that is settled.
    """

    condition: str
    words: str
    answer: Answer
    examples: Count
    counterexample: Shown | None = None
    strength: Strength | None = None


def needs_of(claim: Claim, run_seed: int) -> tuple[list[Need], list[dict[str, Any]]]:
    """Ask of each condition of a stated claim whether it is needed.

    Returns:
        The answers, in the order of the hypotheses, and the certificates that they name.
    """
    sources = _sources(claim)
    found = [_need(claim, condition, sources, run_seed) for condition in conditions_of(claim)]
    return [need for need, _ in found], [made for _, made in found if made is not None]


def _need(
    claim: Claim, condition: Condition, sources: Sequence[Cases], run_seed: int
) -> tuple[Need, dict[str, Any] | None]:
    denied = denying(claim, condition)
    evidence, fruitful = _searched(denied, sources, run_seed)
    counted = evidence.counted
    need = Need(condition=condition.formula, words=condition.words, answer="open", examples=counted)
    if evidence.counterexample is not None:
        shown, certificate = certified(denied, evidence.counterexample)
        if shown is None:
            return need, None
        return replace(need, answer="needed", counterexample=shown), certificate
    if counted == 0:
        meaningless = evidence.rejected.get(MEANINGLESS, 0) > 0 and evidence.met == 0
        return replace(need, answer="no meaning" if meaningless else "not tried"), None
    strength = None
    if claim.kind in ("identity", "rank"):
        found = settled(_proposing(denied, st.one_of(fruitful), EXAMPLES), Unreadable)
        strength = found if found.level == "architectures" else None
    return replace(need, answer="not seen", strength=strength), None


def _sources(claim: Claim) -> list[Cases]:
    """Cases of all kinds, and each alteration of those that the claim and its control propose."""
    own = claim.on["case"]
    names = sorted(proposed(claim.on, 1, claim.seed(0, altered=False))[0].numbers)
    sources = [unrestricted_cases(names), altered_cases(own, ALTERATIONS, most=2)]
    if claim.control_on is not None:
        sources.append(altered_cases(claim.control_on["case"], ALTERATIONS))
    return [*sources, *(altered_cases(own, [alteration]) for alteration in ALTERATIONS)]


def _searched(
    variant: Claim, sources: Sequence[Cases], run_seed: int
) -> tuple[Evidence, list[Cases]]:
    """What a search finds, and the sources that proposed what counts, in order of their number."""
    seed = variant.seed(run_seed, altered=False)
    evidence, fruit = Evidence.started(seed), list[int]()

    def search_in(source: Cases, examples: int) -> None:
        before, setting = evidence.counted, Setting(seed=seed + len(fruit))
        search_once(_proposing(variant, source, examples), setting, evidence)
        fruit.append(evidence.counted - before)

    for number, source in enumerate(sources):
        search_in(source, PROBES if number else EXAMPLES)
        if evidence.counterexample is not None:
            return evidence, []
    order = sorted(range(len(sources)), key=lambda number: -fruit[number])
    fruitful = [sources[number] for number in order if fruit[number]]
    if evidence.counted < ENOUGH:
        search_in(sources[order[0]] if fruitful else sources[1], EXAMPLES)
    return evidence, fruitful or [sources[1]]


def _proposing(variant: Claim, source: Cases, examples: int) -> Claim:
    return replace(variant, on={"case": source}, examples=examples)


def denying(claim: Claim, condition: Condition) -> Claim:
    """The claim with one condition denied."""
    formal = condition.denied_in(claim)
    varied = varying(claim, condition.name, formal, condition.hypothesis, condition.denied)

    def check(setting: Setting, case: Case) -> Findings:
        if case.size > LARGEST:
            yield Rejection("too large")
            return
        for finding in findings(formal.statement, case, {}):
            no_value = isinstance(finding, Rejection) and finding.reason.startswith(NO_VALUE)
            if no_value and _means_nothing(claim, condition, case):
                finding = Rejection(MEANINGLESS)
            yield finding

    return replace(varied, check=check, control_on=None)


def varying(claim: Claim, name: str, formal: Formal, old: str, new: str) -> Claim:
    """A claim with one formula replaced by another, and a last hypothesis that says so."""
    said = f"{INSTEAD} `{old}`: `{new}`"
    return replace(claim, id=name, formal=formal, hypotheses=(*claim.hypotheses, said))


def certified(variant: Claim, found: Observation) -> tuple[Shown | None, dict[str, Any] | None]:
    """What a counterexample shows, if the kernel confirms it, and its certificate."""
    evidence, certificate = certificates.certify(variant, Evidence(counterexample=found))
    asked = evidence.counterexample
    if certificate is None or asked is None or asked.case is None:
        return None, None
    case = asked.case()
    shown = Shown(
        comparison=asked.shown, network=str(case.network), numbers=case.size, name=variant.id
    )
    return shown, certificate


def _means_nothing(claim: Claim, condition: Condition, case: Case) -> bool:
    """Whether a case meets all hypotheses with a value but this one, which it does not meet.

    Each is read by itself, as others may have no value without it.
    """
    assert claim.formal is not None
    statement = claim.formal.statement

    def met(formula: str) -> bool | None:
        alone = replace(statement, given=(Formula.of(formula),), conclusion=Formula.of("0 == 0"))
        found = answers(alone, case)
        if any(answer.unmet is None for answer in found):
            return True
        return None if any((a.unmet or "").startswith(NO_VALUE) for a in found) else False

    others = [one.formula for one in conditions_of(claim) if one != condition]
    return met(f"not ({condition.formula})") is True and all(
        met(formula) is not False for formula in others
    )
