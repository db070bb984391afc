"""Settling a claim: whether it is true of all weights and data of the architectures it is about.

The engine settles many architectures, and the kernel has to come to the same for one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import Phase

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.residues import Unreadable
from theorycheck.claims.certificates import statement_version
from theorycheck.claims.declaration import Claim
from theorycheck.claims.proofs import Candidate, Unproved, prove
from theorycheck.claims.search import draw
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


def settlement_of(claim: Claim) -> Settlement:
    """That of a claim that passes; it does not depend on the run.

    What the strategy of an identity or of a bound on a rank proposes is settled. Architectures at
    which no hypotheses are met do not count, nor do those with too many signs to try all of them.
    """
    if claim.kind == "symbolic":
        return Settlement(Strength(level="general"))
    if claim.kind not in ("identity", "rank"):
        return UNSETTLED
    if claim.formal is None:
        return _sampled("not stated as a formula")
    version, settled = statement_version(claim) or "", list[Candidate]()
    for architecture, numbers in _architectures(claim):
        try:
            found = settle(claim.formal.statement, version, architecture)
        except PassedOver:
            continue
        except Unreadable as error:
            return _sampled(f"not read in a field: {error}")
        if not found.holds:
            return _sampled(
                "not true of all weights and data in a field, where hypotheses are dropped"
            )
        settled.append(Candidate(numbers, architecture, found.prime.bit_length()))
        if len(settled) == ENOUGH:
            return _proved(claim, settled)
    return _sampled(f"settled for only {len(settled)} architectures, where {ENOUGH} are needed")


def _proved(claim: Claim, settled: list[Candidate]) -> Settlement:
    try:
        proof = prove(claim, settled)
    except Unproved as error:
        return _sampled(f"settled for {len(settled)} architectures, but the kernel: {error}")
    largest = max(candidate.size for candidate in settled)
    return Settlement(Strength(level="architectures", architectures=ENOUGH, largest=largest), proof)


def _sampled(reason: str) -> Settlement:
    return Settlement(Strength(level="sampled", reason=reason))


def _architectures(claim: Claim) -> Iterator[tuple[Architecture, int]]:
    """Different ones, each with the size of a case, in the order in which they are drawn."""
    assert claim.formal is not None
    seen = set[str]()
    for number in range(ROUNDS):
        for case in _drawn(claim, number):
            if case.size > LARGEST:
                continue
            architecture = Architecture.of(claim.formal.statement, case)
            name = repr(architecture.document())
            if name not in seen:
                seen.add(name)
                yield architecture, case.size


def _drawn(claim: Claim, number: int) -> list[Case]:
    """Single networks that the strategy of a claim proposes."""
    found: list[Case] = []

    def keep(**drawn: Any) -> None:
        if isinstance(drawn["case"], Case):
            found.append(drawn["case"].member(0))

    draw(keep, claim.on, DRAWS, claim.seed(number, altered=False), [Phase.generate])
    return found
