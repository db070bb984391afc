"""How often a verdict would flip: many runs of the verdict logic with different seeds.

A verdict must not depend on a lucky seed. What a run of a profile decides on is, per claim, the
evidence of one search and of one search for the control, each drawn from a seed of its own. Here a
*pool* of such searches is made for real, with as many run seeds as asked for, training included.
Each *run* then takes, per claim, one search and one control search of the pool, independently of
one another and of other claims, and judges them; a verdict that is not the one on record is a flip.

What is reused, and why that is legitimate: searches of different claims, and those of a claim and
its controls, are independent by construction (`theorycheck.claims.Claim.seed`), so that every
combination of them is as good a run as those made. What is not multiplied is the number of searches
of one claim: the pool bounds how rare a flip can be that is still seen, and is reported with the
result. Nor are pairs of a tendency exchanged between searches: how many a search makes depends on
what they show.

A deterministic claim on record as refuted is judged with the counterexample of its certificate, as
in any run. How many of its searches find one by themselves is reported.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Observation
from theorycheck.claims.outcomes import Answer, KernelWord, Outcome
from theorycheck.claims.setting import Profile, Setting
from theorycheck.claims.verdicts import judge
from theorycheck.errors import InputError

CERTIFIED = Observation(
    False, "the example", "as in", "its certificate", "certificate",
    kernel=KernelWord(answer=Answer.CONFIRMED, reason=None),
)  # fmt: skip
"""Stands for the counterexample on record; the verdict depends on the kernel's word alone."""


@dataclass(frozen=True)
class Stability:
    """How a claim fared.

    Attributes:
        searches: how many real searches the pool holds, for the claim and as many for its control.
        found: how many of them found a counterexample by themselves.
        flips: how many runs came to which other verdict.
    """

    claim: str
    recorded: str
    searches: int
    found: int
    flips: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "flips": dict(sorted(self.flips.items()))}


@dataclass(frozen=True)
class _Pool:
    """The searches made for one claim, and for its control."""

    claim: Claim
    searches: Sequence[Evidence]
    controls: Sequence[Evidence]
    positives: Sequence[Evidence]


def _flips(pool: _Pool, recorded: str, runs: int) -> Counter[str]:
    generator = random.Random(pool.claim.seed(runs, altered=False))
    flips: Counter[str] = Counter()
    for _ in range(runs):
        evidence, control, positive = (
            generator.choice(e) for e in (pool.searches, pool.controls, pool.positives)
        )
        if recorded == "refuted" and pool.claim.kind != "tendency":
            evidence = replace(evidence, counterexample=CERTIFIED)
        verdict = judge(pool.claim.kind, pool.claim.enough, evidence, control, positive).verdict
        if verdict != recorded:
            flips[verdict] += 1
    return flips


@cache
def _claims(path: str) -> dict[str, Claim]:
    from theorycheck.pytest_plugin.collecting import collect_claims

    return {claim.id: claim for claim in collect_claims([path]).values()}


def _search(path: str, claim_id: str, effort: float, run_seed: int) -> list[Outcome]:
    """One search for a claim, one for its control and, if it has one, for its positive control."""
    import torch

    from theorycheck.claims.certificates import certify
    from theorycheck.claims.search import search

    torch.set_num_threads(1)
    claim = _claims(path)[claim_id]
    found = []
    for altered, positive in ((False, False), (True, False), (False, True)):
        seed = claim.seed(run_seed, altered=altered, positive=positive)
        setting = Setting(altered=altered, positive=positive, seed=seed, effort=effort)
        asked = not positive or claim.positive is not None
        found.append(search(claim, setting) if asked else Evidence())
    found[0], _ = certify(claim, found[0])
    return [evidence.outcome() for evidence in found]


def measure(
    path: str,
    record: Mapping[str, str],
    profile: Profile,
    *,
    runs: int,
    pool: int,
    workers: int,
    only: Sequence[str] = (),
) -> list[Stability]:
    """Make the pool and the runs.

    Args:
        path: folder of the claims.
        record: verdicts on record by claim id.
        runs: number of runs that are judged.
        pool: number of real searches of every claim and of every control; their run seeds are
            1, ..., ``pool``.
        workers: processes that share the searches.
        only: claims to look at; all that are on record by default.

    Raises:
        InputError: for a claim that is unknown or has no verdict on record, and for counts below 1.
    """
    if min(runs, pool, workers) < 1:
        raise InputError("runs, pool and workers are counts: give at least 1")
    claims = _claims(path)
    wanted = list(only) or sorted(claims)
    for name in wanted:
        if name not in claims or name not in record:
            raise InputError(f"claim {name!r} is unknown or has no verdict on record")
    jobs = [(name, seed) for name in wanted for seed in range(1, pool + 1)]
    with ProcessPoolExecutor(workers) as executor:
        futures = [executor.submit(_search, path, n, profile.effort, s) for n, s in jobs]
        results = [future.result() for future in futures]
    outcomes = []
    for name in wanted:
        own = [result for (n, _), result in zip(jobs, results, strict=True) if n == name]
        searches, controls, positives = ([Evidence.of(made[i]) for made in own] for i in range(3))
        found = sum(evidence.counterexample is not None for evidence in searches)
        flips = _flips(_Pool(claims[name], searches, controls, positives), record[name], runs)
        outcomes.append(Stability(name, record[name], pool, found, flips))
    return outcomes


def document(outcomes: Sequence[Stability], profile: Profile, runs: int) -> dict[str, Any]:
    """The figures, for a file."""
    return {
        "profile": profile.name,
        "runs": runs,
        "flips": sum(sum(outcome.flips.values()) for outcome in outcomes),
        "claims": [outcome.to_dict() for outcome in outcomes],
    }


def lines(outcomes: Sequence[Stability], runs: int) -> list[str]:
    """What the command prints."""
    flipped = [outcome for outcome in outcomes if outcome.flips]
    table = [
        f"{outcome.claim}: on record as {outcome.recorded}, "
        + ", ".join(f"{count} of {runs} runs {verdict}" for verdict, count in outcome.flips.items())
        for outcome in flipped
    ]
    searches = sum(2 * outcome.searches for outcome in outcomes)
    total = f"{len(outcomes)} claims, {runs} runs, {searches} real searches: "
    return [*table, total + (f"{len(flipped)} claims flip" if flipped else "no verdict flips")]
