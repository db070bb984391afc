"""What single rounds of a search say of whole searches; derived in `theorycheck.cli.stability`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scipy.special import bdtr, betainccinv

from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Observation
from theorycheck.claims.outcomes import Answer, KernelWord
from theorycheck.claims.search import ROUNDS, is_short
from theorycheck.claims.verdicts import judge

CERTIFIED = Observation(
    False, "the example", "as in", "its certificate", "certificate",
    kernel=KernelWord(answer=Answer.CONFIRMED, reason=None),
)  # fmt: skip
"""Stands for the counterexample on record; the verdict depends on the kernel's word alone."""

REFUTED = Evidence(tried=1, met=1, counterexample=CERTIFIED)
"""Stands for the evidence of a control that is refuted."""


SHARES = (1, 2, 4)
"""How many rounds may be needed, as far as limits tell them apart."""

OTHER = 0
"""Stands for the need of a round that is other."""

NEVER = ROUNDS + 1
"""Stands for the need of a round of which a whole search is not enough."""


@dataclass(frozen=True)
class Needs:
    """What the rounds of a claim, or of its control, need.

    Attributes:
        needed: how many rounds have which need.
        other: how many are other.
        rounds: how many would be made, at most, on average: an upper limit.
        limit: of the probability that a whole search is short of evidence.
    """

    needed: Mapping[int, int]
    other: int
    rounds: float
    limit: float

    @classmethod
    def of(cls, needs: Sequence[int], error: float) -> Needs:
        """Those of independent rounds, with limits that are wrong with this probability."""
        limits = {
            j: upper_limit(sum(need > j for need in needs), len(needs), error / len(SHARES))
            for j in SHARES
        }
        short = [_short(limits, rounds) for rounds in range(ROUNDS + 1)]
        counts = Counter(needs)
        other = counts.pop(OTHER, 0)
        return cls(dict(sorted(counts.items())), other, sum(short[:-1]), short[-1])

    @property
    def all_suffice(self) -> bool:
        """Whether each round would have been enough alone."""
        return self.other == 0 and set(self.needed) == {1}

    @property
    def flips(self) -> bool:
        """Whether a verdict was seen to change: a round is other, or all rounds are too little."""
        return self.other > 0 or min(self.needed) > max(SHARES)

    def document(self) -> dict[str, Any]:
        """For a file."""
        return {**vars(self), "needed": {str(j): n for j, n in self.needed.items()}}

    def __str__(self) -> str:
        counts = {"alone suffice": self.needed.get(1, 0), "are other": self.other}
        counts["need others"] = sum(n for j, n in self.needed.items() if 1 < j < NEVER)
        counts["say too little"] = self.needed.get(NEVER, 0)
        return ", ".join(f"{n} {words}" for words, n in counts.items() if n)


def upper_limit(seen: int, trials: int, error: float) -> float:
    """The largest probability of an event that was seen so often in independent trials.

    Larger ones make so few with a probability below ``error`` (Clopper and Pearson). Without trials
    it is 1.
    """
    return 1.0 if seen == trials else float(betainccinv(seen + 1, trials - seen, error))


def need(claim: Claim, recorded: str, evidence: Evidence) -> int:
    """How many rounds for a claim like this one are needed, beside a control that is refuted."""
    evidence = _as_in_a_run(recorded, evidence)
    for rounds in range(1, ROUNDS + 1):
        enough = math.ceil(claim.enough / rounds)
        if judge(claim.kind, enough, evidence, REFUTED).verdict == recorded:
            # A search that has too little must go on.
            return rounds if rounds == 1 or is_short(claim, evidence, altered=False) else OTHER
    # With no number asked for, what a round says must be on record: examples met only trivially
    # speak against a claim that holds, however few they are.
    agrees = evidence.met == 0 or judge(claim.kind, 0, evidence, REFUTED).verdict == recorded
    return NEVER if agrees and is_short(claim, evidence, altered=False) else OTHER


def control_need(
    claim: Claim, recorded: str, control: Evidence, agreeing: Sequence[Evidence]
) -> int:
    """The same for a control, beside rounds for the claim that are not other.

    A control need not be refuted where the verdict does not depend on it.
    """
    if control.counterexample is not None or all(
        judge(claim.kind, 0, evidence, control).verdict == recorded for evidence in agreeing
    ):
        return 1
    return NEVER if is_short(claim, control, altered=True) else OTHER


def needs(
    claim: Claim, recorded: str, searches: Sequence[Evidence], controls: Sequence[Evidence]
) -> tuple[list[int], list[int]]:
    """Those of all rounds of a claim, and of its control."""
    own = [need(claim, recorded, evidence) for evidence in searches]
    agreeing = [
        _as_in_a_run(recorded, evidence)
        for evidence, needed in zip(searches, own, strict=True)
        if OTHER < needed < NEVER
    ]
    return own, [control_need(claim, recorded, control, agreeing) for control in controls]


def _as_in_a_run(recorded: str, evidence: Evidence) -> Evidence:
    return replace(evidence, counterexample=CERTIFIED) if recorded == "refuted" else evidence


def _short(limits: Mapping[int, float], rounds: int) -> float:
    """The smallest probability over j that fewer than j of all rounds need at most j."""
    binomial = (float(bdtr(j - 1, rounds, 1 - p)) for j, p in limits.items() if j <= rounds)
    return min(binomial, default=1.0)
