"""Necessity: which conditions a claim that passes needs.

A condition is *needed* where the claim is false without it: an example meets all other hypotheses,
but not this one, and the kernel finds the conclusion false there. Where a wider family of cases has
no such example, the condition is *not seen to be needed*, as far as examples met the others and not
this one; where none did, it is *not tried*. Where formulas mean nothing without it, it has *no
meaning* to leave it out: there is a division by zero, or a word stands for nothing.

What the wider family is, says `theorycheck.claims.wider`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import ConstantUnit
from theorycheck.arithmetic.numbers import precision
from theorycheck.claims import certificates
from theorycheck.claims.conditions import Condition, conditions_of
from theorycheck.claims.declaration import Claim, Formal
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.needs import Need, Outcome, Shown
from theorycheck.claims.reducing import reduced
from theorycheck.claims.search import proposed
from theorycheck.claims.settling import settled
from theorycheck.claims.variants import said
from theorycheck.claims.wider import LARGEST, observed_at, of_other_claims, read, violation, wider
from theorycheck.errors import InputError
from theorycheck.statements.architectures import NoValue, PassedOver
from theorycheck.statements.assignments import NO_VALUE
from theorycheck.statements.exact import PRECISIONS, Evaluator
from theorycheck.statements.numbers import Open, Undefined
from theorycheck.statements.oracles import FORWARD_MODE
from theorycheck.statements.syntax import Formula
from theorycheck.statements.trials import MISUSE

EXAMPLES = 1500
"""Examples that are looked at for a condition, at most: half of any kind, half altered ones."""
HOPELESS = 800
"""Examples after which the search ends if none of them met all hypotheses but one."""
ARCHITECTURES = 3000
"""Those whose architectures are looked at, at most."""
MET = 80
"""Of those that meet all hypotheses but one, with a decision, as many as are enough."""
PROPOSED = 40
"""Examples of the claim's strategy, and of its control's, that are altered."""
WITHOUT_VALUE = (*MISUSE, InputError, Undefined, ConstantUnit, Open)
"""What is raised where a condition, or an abbreviation that it needs, has no value."""
MOST_OPEN = 5
"""Of those that are false to the engine and not to the kernel, until the search ends."""


@dataclass
class _Search:
    """What was found among cases.

    Attributes:
        met, trivial: how many met the hypotheses, with a decision or only trivially.
        meaningless: whether a formula had no value though they were met.
        open: how many are false to the engine alone.
        shown, certificate: one that is false to the kernel too.
    """

    met: int = 0
    trivial: int = 0
    meaningless: bool = False
    open: int = 0
    shown: Shown | None = None
    certificate: dict[str, Any] | None = None


def needs_of(
    claim: Claim, run_seed: int, known: Sequence[Case] = (), others: Sequence[Case] = ()
) -> tuple[list[Need], list[dict[str, Any]]]:
    """Ask of each condition of a stated claim whether it is needed.

    Args:
        known: examples that showed earlier that some condition is. They are looked at where the
            search finds none, so that what was needed is not forgotten.
        others: examples of other claims, which are looked at as well.

    Returns:
        The answers, in the order of the hypotheses, and the certificates that they name.
    """
    seed = claim.seed(run_seed, altered=False)
    own = proposed(claim.on, PROPOSED, seed)
    if claim.control_on is not None:
        own += proposed(claim.control_on, PROPOSED, seed)
    own = [case for case in own if case.size <= LARGEST]
    conditions = conditions_of(claim)
    denied = _denied_alone(claim, conditions, of_other_claims(own[0], others))
    found = [
        _need(claim, condition, own, [*known, *denied[condition.name]], run_seed)
        for condition in conditions
    ]
    return [need for need, _ in found], [made for _, made in found if made is not None]


def _denied_alone(
    claim: Claim, conditions: Sequence[Condition], cases: Iterable[Case]
) -> dict[str, list[Case]]:
    """The cases at which a single condition is not met, or not known to be, by its name."""
    assert claim.formal is not None
    trees = {one.name: Formula.of(one.formula).tree for one in conditions}
    found: dict[str, list[Case]] = {name: [] for name in trees}
    for case in cases:
        with suppress(*WITHOUT_VALUE), precision(PRECISIONS[0]):
            rational = not case.network.normalised_by_batch
            evaluator = Evaluator(
                case, 0, claim.formal.statement.where, rational=rational, oracle=FORWARD_MODE
            )
            unmet = (name for name, tree in trees.items() if not _is_met(evaluator, tree))
            first, second = next(unmet, None), next(unmet, None)
            if first is not None and second is None:
                found[first].append(case)
    return found


def _is_met(evaluator: Evaluator, tree: ast.expr) -> bool:
    """Whether a condition is true; not where it has no value, or names a variable."""
    try:
        return bool(evaluator.value(tree, {}))
    except WITHOUT_VALUE:
        return False


def _need(
    claim: Claim,
    condition: Condition,
    own: Sequence[Case],
    last: Sequence[Case],
    run_seed: int,
) -> tuple[Need, dict[str, Any] | None]:
    denied = denying(claim, condition)
    seed = denied.seed(run_seed, altered=False)
    found = _searched(claim, condition, denied, wider(own, seed, EXAMPLES))
    if found.shown is None:
        again = _searched(claim, condition, denied, iter(last), to_the_end=True)
        if again.shown is not None:
            found = replace(again, met=found.met + again.met)
    outcome: Outcome = "needed"
    if found.shown is None:
        nothing: Outcome = "not tried"
        if found.meaningless and not found.trivial:
            nothing = "no meaning"
        outcome = "open" if found.open else "not seen" if found.met else nothing
    need = Need(
        condition=condition.formula,
        words=condition.words,
        outcome=outcome,
        examples=found.met,
        counterexample=found.shown,
    )
    if outcome != "not seen":
        return need, found.certificate
    strength = None
    # Of a rank, most architectures without the condition may be too small to say anything.
    if claim.kind in ("identity", "consistency"):
        strength = settled(denied, wider(own, seed, ARCHITECTURES), (PassedOver, NoValue, *MISUSE))
    reached = strength is not None and strength.level == "architectures"
    return replace(need, strength=strength if reached else None), None


def denying(claim: Claim, condition: Condition) -> Claim:
    """The claim with one condition denied."""
    formal = condition.denied_in(claim)
    return varying(claim, condition.name, formal, condition.changes)


def varying(claim: Claim, name: str, formal: Formal, changes: Mapping[str, str]) -> Claim:
    """A claim with formulas replaced by others, and a last hypothesis that says so."""
    hypotheses = (*claim.hypotheses, said(changes))
    return replace(claim, id=name, formal=formal, hypotheses=hypotheses)


def certified(variant: Claim, case: Case) -> tuple[Shown | None, dict[str, Any] | None]:
    """A case at which a statement is false, if the kernel confirms that; and its certificate."""
    observed = observed_at(variant, case)
    if observed is None:
        return None, None
    _, certificate = certificates.certify(variant, Evidence(counterexample=observed))
    if certificate is None:
        return None, None
    return Shown(
        comparison=observed.shown,
        network=str(case.network),
        numbers=case.size,
        name=variant.id,
    ), certificate


def _smallest(variant: Claim, case: Case) -> tuple[Shown | None, dict[str, Any] | None]:
    """A small case at which a statement is false, or else the given one; to the kernel, too."""
    found = certified(variant, reduced(case, lambda one: violation(variant, one) is not None))
    return found if found[0] is not None else certified(variant, case)


def _searched(
    claim: Claim,
    condition: Condition,
    denied: Claim,
    cases: Iterator[Case],
    *,
    to_the_end: bool = False,
) -> _Search:
    assert denied.formal is not None
    search = _Search()
    for number, case in enumerate(cases):
        if number == HOPELESS and not (search.met or search.trivial or to_the_end):
            break
        found = read(denied.formal.statement, case)
        met = [answer for answer in found if answer.unmet is None]
        if any(answer.holds is False for answer in met):
            search.met += 1
            search.shown, search.certificate = _smallest(denied, case)
            search.open += search.shown is None
            if search.shown is not None or search.open == MOST_OPEN:
                break
        if any(answer.holds and not answer.trivial for answer in met):
            search.met += 1
        elif met:
            search.trivial += 1
        elif not search.met and not search.trivial and not search.meaningless:
            no_value = any((answer.unmet or "").startswith(NO_VALUE) for answer in found)
            search.meaningless = no_value and _means_nothing(claim, condition, case)
        if search.met == MET and not to_the_end:
            break
    return search


def _means_nothing(claim: Claim, condition: Condition, case: Case) -> bool:
    """Whether a case meets all hypotheses with a value but this one, which it does not meet.

    Each is read by itself, as others may have no value without it.
    """
    assert claim.formal is not None
    statement = claim.formal.statement

    def met(formula: str) -> bool | None:
        alone = replace(statement, given=(Formula.of(formula),), conclusion=Formula.of("0 == 0"))
        found = read(alone, case)
        if any(answer.unmet is None for answer in found):
            return True
        return None if any((a.unmet or "").startswith(NO_VALUE) for a in found) else False

    others = [one.formula for one in conditions_of(claim) if one != condition]
    return met(f"not ({condition.formula})") is True and all(
        met(formula) is not False for formula in others
    )
