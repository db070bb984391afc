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


SHARES = (1, 2, 4, 8)
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
        limit: upper limit of the probability that a whole search is short of evidence.
    """

    needed: Mapping[int, int]
    other: int
    limit: float

    @classmethod
    def of(cls, needs: Sequence[int], error: float) -> Needs:
        """Those of independent rounds, with limits that are wrong with this probability."""
        limit = 1.0
        for j in SHARES:
            seen = sum(need > j for need in needs)
            more = upper_limit(seen, len(needs), error / len(SHARES))
            limit = min(limit, float(bdtr(j - 1, ROUNDS, 1 - more)))
        counts = Counter(needs)
        other = counts.pop(OTHER, 0)
        return cls(dict(sorted(counts.items())), other, limit)

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
    """An upper limit of the probability of an event that was seen ``seen`` times in ``trials``.

    If the event were more probable, that few would be seen with a probability below ``error``
    (Clopper and Pearson). It is 1 where every trial showed the event.
    """
    return 1.0 if seen == trials else float(betainccinv(seen + 1, trials - seen, error))


def need(claim: Claim, recorded: str, evidence: Evidence) -> int:
    """How many rounds for a claim like this one are needed, beside a control that is refuted."""
    if recorded == "refuted":
        evidence = replace(evidence, counterexample=CERTIFIED)
    for rounds in range(1, ROUNDS + 1):
        enough = math.ceil(claim.enough / rounds)
        if judge(claim.kind, enough, evidence, REFUTED).verdict == recorded:
            # A search that has too little must go on.
            return rounds if rounds == 1 or is_short(claim, evidence, altered=False) else OTHER
    # With no number asked for, what counts in a round must be on record.
    agrees = evidence.counted == 0 or judge(claim.kind, 0, evidence, REFUTED).verdict == recorded
    return NEVER if agrees and is_short(claim, evidence, altered=False) else OTHER


def control_need(claim: Claim, recorded: str, control: Evidence) -> int:
    """The same for a control: one round that refutes it, on which a refuted claim does not depend.

    A vacuous claim may do without that. Not to rely on it makes limits larger, not smaller.
    """
    if recorded == "refuted" or control.counterexample is not None:
        return 1
    return NEVER if is_short(claim, control, altered=True) else OTHER
