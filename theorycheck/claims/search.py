"""The search for a counterexample: a property, run by Hypothesis, summed up as evidence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Finding, Observation
from theorycheck.claims.setting import Setting


class _Violation(Exception):
    """Tells Hypothesis that the drawn example violates the claim, so that it looks for less."""


class _Found(BaseException):
    """Ends a search at the first violation. Hypothesis would run an `Exception`'s example again."""


ROUNDS = 24
"""A search that is short of evidence draws at most this many times."""


def search(claim: Claim, setting: Setting, *, shrink: bool = True) -> Evidence:
    """Run a claim's property (its control's, when ``setting.altered``) and add up what it finds.

    A search that has found too little when its examples are drawn goes on with another seed, up to
    `ROUNDS` rounds: too few examples that meet the hypotheses, or a control that is not refuted,
    are bad luck more often than not.

    Args:
        shrink: look for a small counterexample. A control has to be refuted, not by a small one.
    """
    evidence = Evidence.started(setting.seed)
    for number in range(ROUNDS):
        search_round(claim, setting, number, evidence, shrink=shrink)
        if not is_short(claim, evidence, altered=setting.altered):
            break
    return evidence


def is_short(claim: Claim, evidence: Evidence, *, altered: bool) -> bool:
    """Whether a search with this evidence, the control's when ``altered``, goes on drawing."""
    # Pairs of trainings are counted by a test of their own; what is drawn once cannot be drawn on.
    if claim.kind == "tendency" or not claim.on or evidence.nearest is not None:
        return False
    if evidence.counterexample is not None:
        return False
    return altered or evidence.counted < claim.enough


def search_round(
    claim: Claim, setting: Setting, number: int, evidence: Evidence, *, shrink: bool = True
) -> None:
    """One round of a search, the first being number 0; see `search_once`.

    All rounds are alike but for their seeds, so that what one of them finds says how probably many
    of them find too little (`theorycheck.cli.stability`).
    """
    own = replace(setting, seed=setting.seed + number)
    search_once(claim, own, evidence, setting.scaled(claim.examples), shrink=shrink)


def search_once(
    claim: Claim, setting: Setting, evidence: Evidence, examples: int, *, shrink: bool = True
) -> None:
    """Draw examples, and add up what they yield.

    Counting stops at the first violation: what Hypothesis tries while it shrinks is not evidence.
    The counterexample kept is the last one that Hypothesis replays, its minimal one. Cohorts take
    no part in shrinking, because their numbers come from a seed: when the first violation is in a
    cohort, the search goes on for one in a single network.
    """
    strategies = claim.on
    if setting.altered and claim.control_on is not None:
        strategies = claim.control_on
    if not strategies:
        _run_once(claim, setting, {}, evidence)
        return

    shrinks = shrink and not setting.altered

    def check(**drawn: Any) -> None:
        shrinkable = not shrinks or _members(drawn) == 1
        if evidence.counterexample is None:
            _run_once(claim, setting, drawn, evidence)
            violated = evidence.counterexample is not None
        else:
            shrunk = first_violation(claim, setting, drawn) if shrinkable else None
            violated = shrunk is not None
            evidence.counterexample = shrunk or evidence.counterexample
        if violated and shrinkable:
            raise _Violation if shrinks else _Found

    targeted = [] if setting.altered else [Phase.target]
    phases = [Phase.generate, *targeted, *([Phase.shrink] if shrinks else [])]
    with contextlib.suppress(_Violation, _Found):
        draw(check, strategies, examples, setting.seed, phases)


def draw(
    check: Callable[..., None],
    strategies: Mapping[str, Any],
    examples: int,
    seed: int,
    phases: Sequence[Phase],
) -> None:
    """Have Hypothesis draw from strategies, with a seed, and hand each example to a check."""
    configured = hypothesis.settings(
        max_examples=examples,
        phases=phases,
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        # Whether an example is slow to draw depends on the machine; a verdict must not.
        suppress_health_check=[HealthCheck.too_slow],
    )(hypothesis.given(**strategies)(check))
    hypothesis.seed(seed)(configured)()


def proposed(strategies: Mapping[str, Any], examples: int, seed: int) -> list[Case]:
    """Single networks that strategies propose, one for each example with a case."""
    found: list[Case] = []

    def keep(case: Case) -> bool:
        found.append(case)
        return False

    shown(keep, strategies, examples, seed)
    return found


def shown(
    look: Callable[[Case], bool], strategies: Mapping[str, Any], examples: int, seed: int
) -> bool:
    """Show the networks of `proposed` as they are drawn, until one is enough; whether one was."""

    def show(**drawn: Any) -> None:
        if isinstance(drawn["case"], Case) and look(drawn["case"].member(0)):
            raise _Found

    try:
        draw(show, strategies, examples, seed, [Phase.generate])
    except _Found:
        return True
    return False


def replay(claim: Claim, setting: Setting, case: Case) -> Evidence:
    """Run a claim's property on the one case of a certificate, as it is.

    It is evidence of the run that does so, as a search is: no two runs have the same.
    """
    evidence = Evidence.started(setting.seed)
    _run_once(claim, replace(setting, replayed=True), {"case": case}, evidence)
    return evidence


def _run_once(claim: Claim, setting: Setting, drawn: Mapping[str, Any], evidence: Evidence) -> None:
    """Add what one example yields, up to its first violation."""
    if isinstance(drawn.get("case"), Case):
        evidence.proposed.append(drawn["case"])
    for finding in claim.check(setting, **drawn):
        evidence.add(finding, networks=_members(drawn))
        if _violates(finding):
            return


def first_violation(claim: Claim, setting: Setting, drawn: Mapping[str, Any]) -> Observation | None:
    """The first violated observation on the drawn values, if any."""
    return next((f for f in claim.check(setting, **drawn) if _violates(f)), None)


def _members(drawn: Mapping[str, Any]) -> int:
    """How many networks were drawn; 1 where the example is no case."""
    case = drawn.get("case")
    return case.members if isinstance(case, Case) else 1


def _violates(finding: Finding) -> bool:
    return isinstance(finding, Observation) and finding.holds is False
