"""Settling a claim: whether it is true of all weights and data of the architectures it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.residues import Unreadable
from theorycheck.claims.certificates import statement_version
from theorycheck.claims.declaration import Claim
from theorycheck.claims.search import proposed
from theorycheck.claims.strengths import SAMPLED, Strength
from theorycheck.statements.architectures import Architecture, PassedOver
from theorycheck.statements.field import settle

ENOUGH = 40
"""Different architectures, for all of which a statement must be settled."""
DRAWS, ROUNDS = 60, 5
"""Examples that are drawn at a time, and how often at most, until that many are settled."""
LARGEST = 300
"""Numbers of a network and its data, up to which architectures are looked at."""


def strength_of(claim: Claim) -> Strength:
    """That of a claim that passes; it does not depend on the run.

    What the strategy of an identity or of a bound on a rank proposes is settled. Architectures at
    which no hypotheses are met do not count, nor do those with too many signs to try all of them.
    """
    if claim.kind == "symbolic":
        return Strength(level="general")
    if claim.kind not in ("identity", "rank"):
        return SAMPLED
    if claim.formal is None:
        return Strength(level="sampled", reason="not stated as a formula")
    return settled(claim, _proposals(claim))


def settled(
    claim: Claim,
    cases: Iterable[Case],
    passed_over: tuple[type[Exception], ...] = (PassedOver,),
) -> Strength:
    """Whether the statement of a claim is true of enough architectures.

    Args:
        cases: whose architectures are looked at.
        passed_over: errors that say nothing of the other architectures. Where cases are of any
            kind, a formula need not have a meaning at all of them.
    """
    assert claim.formal is not None
    version, settled = statement_version(claim) or "", list[int]()
    for architecture, numbers in _architectures(claim, cases):
        try:
            found = settle(claim.formal.statement, version, architecture)
        except passed_over:
            continue
        except Unreadable as error:
            return Strength(level="sampled", reason=f"not read in a field: {error}")
        if not found.holds:
            reason = "not true of all weights and data in a field, where hypotheses are dropped"
            return Strength(level="sampled", reason=reason)
        settled.append(numbers)
        if len(settled) == ENOUGH:
            return Strength(level="architectures", architectures=ENOUGH, largest=max(settled))
    reason = f"settled for only {len(settled)} architectures, where {ENOUGH} are needed"
    return Strength(level="sampled", reason=reason)


def _architectures(claim: Claim, cases: Iterable[Case]) -> Iterator[tuple[Architecture, int]]:
    """Different ones, each with the size of a case, in the order of the cases."""
    assert claim.formal is not None
    seen = set[str]()
    for case in cases:
        if case.size > LARGEST:
            continue
        architecture = Architecture.of(claim.formal.statement, case)
        name = repr(architecture.document())
        if name not in seen:
            seen.add(name)
            yield architecture, case.size


def _proposals(claim: Claim) -> Iterator[Case]:
    """What the strategy of a claim proposes."""
    for number in range(ROUNDS):
        yield from proposed(claim.on, DRAWS, claim.seed(number, altered=False))
