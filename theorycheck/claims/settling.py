"""Settling a claim: whether it is true of all weights and data of the architectures it is about.

The engine settles many architectures, and the kernel has to come to the same for one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.residues import Unreadable
from theorycheck.claims.certificates import statement_version
from theorycheck.claims.declaration import Claim
from theorycheck.claims.proofs import LARGEST as SMALL
from theorycheck.claims.proofs import Candidate, Unproved, leaves_out, prove
from theorycheck.claims.search import shown
from theorycheck.claims.strengths import SAMPLED, Strength
from theorycheck.statements.architectures import Architecture, NoValue, PassedOver
from theorycheck.statements.field import settle
from theorycheck.statements.syntax import Statement
from theorycheck.statements.trials import MISUSE

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


class Settling:
    """Settles the statement of a claim for one architecture after another, until that is enough.

    Args:
        passed_over: errors that say nothing of the other architectures. Where cases are of any
            kind, a formula need not have a meaning at all of them.

    Attributes:
        found: the architectures for which it is settled.
        reason: why no more are looked at: the statement is no formula, not read or not true.
        false: the architecture of which it is not true.
    """

    def __init__(
        self, claim: Claim, passed_over: tuple[type[Exception], ...] = (PassedOver,)
    ) -> None:
        self.claim, self.found = claim, list[Candidate]()
        self.false: Candidate | None = None
        self.reason = None if claim.formal is not None else "not stated as a formula"
        self._version = statement_version(claim) or ""
        self._passed_over, self._seen = passed_over, set[str]()

    @property
    def seen(self) -> int:
        """How many architectures were looked at."""
        return len(self._seen)

    def look(self, case: Case) -> bool:
        """Settle the architecture of a case, if it is another one; whether to look no further."""
        if self.claim.formal is not None and case.size <= LARGEST:
            statement = self.claim.formal.statement
            architecture = Architecture.of(statement, case)
            name = repr(architecture.document())
            if name not in self._seen:
                self._seen.add(name)
                self._settle(statement, architecture, case.size)
        return self.reason is not None or len(self.found) == ENOUGH

    def _settle(self, statement: Statement, architecture: Architecture, size: int) -> None:
        try:
            one = settle(statement, self._version, architecture)
        except self._passed_over:
            return
        except (Unreadable, *MISUSE) as error:  # Such as a sum with a rank.
            self.reason = f"not read in a field: {error}"
            return
        candidate = Candidate(size, architecture, one.prime.bit_length())
        if one.holds:
            self.found.append(candidate)
        else:
            self.false = candidate
            self.reason = "not true in a field"

    def strength(self) -> Strength:
        """How far the statement is true, to the engine alone."""
        reason = self.reason
        if reason is None and len(self.found) < ENOUGH:
            reason = f"settled for {len(self.found)} of {ENOUGH} architectures"
        if reason is not None:
            return _sampled(reason)
        largest = max(candidate.size for candidate in self.found)
        return Strength(level="architectures", architectures=len(self.found), largest=largest)


def settlement_of(claim: Claim, cases: Iterable[Case] = ()) -> Settlement:
    """That of a claim that passes.

    What the strategy of an identity, a consistency or a bound on a rank proposes is settled.
    Architectures at which no hypotheses are met do not count, nor do those with too many signs to
    try all of them.

    Args:
        cases: what it has proposed to a search.
    """
    if claim.kind == "symbolic":
        return Settlement(Strength(level="general"))
    if claim.kind not in ("identity", "rank", "consistency"):
        return UNSETTLED
    settling = proposals_settled(claim, cases)
    strength = settling.strength()
    if strength.level == "sampled":
        return Settlement(strength)
    try:
        return Settlement(strength, prove(claim, settling.found, false_control(claim)))
    except Unproved as error:
        reason = f"settled for {len(settling.found)} architectures, but the kernel: {error}"
        return Settlement(_sampled(reason))


def false_control(claim: Claim) -> Candidate | None:
    """An architecture of which a control is false that leaves out hypotheses; None for others.

    Raises:
        Unproved: when none of those that are drawn is one.
    """
    if claim.control_on is None or not leaves_out(claim):
        return None
    settling = Settling(replace(claim, formal=claim.altered), (PassedOver, NoValue, *MISUSE))
    seed = claim.seed(-1, altered=True)  # No run has such a seed.
    shown(lambda case: case.size <= SMALL and settling.look(case), claim.control_on, DRAWS, seed)
    if settling.false is None:
        raise Unproved("the control is false of no architecture of its own that was drawn")
    return settling.false


def proposals_settled(claim: Claim, cases: Iterable[Case] = ()) -> Settling:
    """The architectures of what the strategy of a claim proposes, as many as it takes.

    Args:
        cases: what it has proposed already. Where these are too few it is asked again, as long as
            it comes to new ones.
    """
    settling = Settling(claim)
    enough = settling.reason is not None or any(settling.look(case.member(0)) for case in cases)
    for number in range(ROUNDS):
        known = settling.seen
        seed = claim.seed(-1 - number, altered=False)  # No run has such a seed.
        if enough or shown(settling.look, claim.on, DRAWS, seed) or settling.seen == known:
            break
    return settling


def settled(
    claim: Claim,
    cases: Iterable[Case],
    passed_over: tuple[type[Exception], ...] = (PassedOver,),
) -> Strength:
    """How far the statement of a claim is true, by the architectures of some cases."""
    settling = Settling(claim, passed_over)
    any(map(settling.look, cases))
    return settling.strength()


def _sampled(reason: str) -> Strength:
    return Strength(level="sampled", reason=reason)
