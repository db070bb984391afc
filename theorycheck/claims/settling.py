"""Settling a claim: whether it is true of all weights and data of the architectures it is about.

The engine settles many architectures, and the kernel has to come to the same for one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.residues import Unreadable
from theorycheck.claims.certificates import statement_version
from theorycheck.claims.declaration import Claim
from theorycheck.claims.proofs import Candidate, Unproved, prove
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


@dataclass(frozen=True)
class Settlement:
    """How far the verdict on a claim reaches, with the proof of one architecture if it has one."""

    strength: Strength
    proof: dict[str, Any] | None = None


UNSETTLED = Settlement(SAMPLED)
"""Of claims that are not meant to be settled."""


class Unsettled(Exception):
    """Why a statement is not known to be true of enough architectures."""


def settlement_of(claim: Claim) -> Settlement:
    """That of a claim that passes; it does not depend on the run.

    What the strategy of an identity, a consistency or a bound on a rank proposes is settled.
    Architectures at which no hypotheses are met do not count, nor do those with too many signs to
    try all of them.
    """
    if claim.kind == "symbolic":
        return Settlement(Strength(level="general"))
    if claim.kind not in ("identity", "rank", "consistency"):
        return UNSETTLED
    try:
        found = _settled(claim, proposals(claim), (PassedOver,))
    except Unsettled as error:
        return Settlement(_sampled(str(error)))
    try:
        return Settlement(_strength(found), prove(claim, found))
    except Unproved as error:
        reason = f"settled for {len(found)} architectures, but the kernel: {error}"
        return Settlement(_sampled(reason))


def settled(
    claim: Claim,
    cases: Iterable[Case],
    passed_over: tuple[type[Exception], ...] = (PassedOver,),
) -> Strength:
    """Whether the statement of a claim is true of enough architectures, to the engine alone.

    Args:
        cases: whose architectures are looked at.
        passed_over: errors that say nothing of the other architectures. Where cases are of any
            kind, a formula need not have a meaning at all of them.
    """
    try:
        return _strength(_settled(claim, cases, passed_over))
    except Unsettled as error:
        return _sampled(str(error))


def _settled(
    claim: Claim, cases: Iterable[Case], passed_over: tuple[type[Exception], ...]
) -> list[Candidate]:
    if claim.formal is None:
        raise Unsettled("not stated as a formula")
    version, found = statement_version(claim) or "", list[Candidate]()
    for architecture, numbers in _architectures(claim, cases):
        try:
            one = settle(claim.formal.statement, version, architecture)
        except passed_over:
            continue
        except Unreadable as error:
            raise Unsettled(f"not read in a field: {error}") from error
        if not one.holds:
            raise Unsettled(
                "not true of all weights and data in a field, where hypotheses are dropped"
            )
        found.append(Candidate(numbers, architecture, one.prime.bit_length()))
        if len(found) == ENOUGH:
            return found
    raise Unsettled(f"settled for only {len(found)} architectures, where {ENOUGH} are needed")


def _strength(found: list[Candidate]) -> Strength:
    largest = max(candidate.size for candidate in found)
    return Strength(level="architectures", architectures=len(found), largest=largest)


def _sampled(reason: str) -> Strength:
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


def proposals(claim: Claim) -> Iterator[Case]:
    """What the strategy of a claim proposes."""
    for number in range(ROUNDS):
        yield from proposed(claim.on, DRAWS, claim.seed(number, altered=False))
