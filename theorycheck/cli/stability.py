"""How probably a run of the whole suite is red although nothing has changed: an upper limit.

A verdict must not hang on a lucky seed. How rarely it does is estimated from real searches, with as
many run seeds as asked for, and what is reported is not what was seen, "no flip", but how much the
probability of a flip can be and still be consistent with that.

**Rounds.** The search for a deterministic claim, trained ones included, and that for its control
draw in rounds (`theorycheck.claims.search`): until the evidence suffices, and at most R times. The
rounds of a search, and those of different searches, have seeds of their own (`Claim.seed`), so that
they are independent. Here single rounds are made, and judged by how many like it are *needed*: the
smallest j such that the verdict would be the one on record if a claim asked for 1/j of the examples
that it does. A control needs one round that refutes it. A round is *other* when the search would
not go on, or what it says so far is against the record: a violation, a kernel that objects. A claim
on record as refuted is judged with the counterexample of its certificate, as in any run; in how
many rounds it is found again is reported.

**What turns a run red.** Without a round that is other, j rounds with a need of at most j suffice,
because counts of rounds add up and a control that is refuted stays refuted. So a verdict changes
only if (1) for every j fewer than j of all R rounds, for a claim or for its control, have a need of
at most j, or (2) one of those made is other.

1. With s the probability that a round needs more than j, fewer than j of r rounds do not with the
   binomial probability b_j(r) = P(Bin(r, 1 - s) < j); for j = 1 it is s^r. So (1) has at most the
   probability b(R), where b(r) is the smallest of b_j(r) over `theorycheck.cli.rounds.SHARES`.
2. With w the probability that a round is other, round r + 1 is made and other with probability at
   most b(r) w, because the search went on after those before it. Let W be the probability that one
   round for each claim and each control, a *suite*, has one that is other. As searches are
   independent, 1 - W is the product of all 1 - w, so that the sum of all w is at most -log(1 - W).
   With B the largest b(0) + ... + b(R - 1) of a search, a run has a round that is other with
   probability at most -log(1 - W) B.
3. Searches for tendencies go on until they are decided, and cannot be cut into rounds. Whole
   examinations are made. One of every tendency is a suite; it is red if one verdict is not the one
   on record.

The union bound adds up the probabilities of 1, over all claims and controls, of 2 and of 3.

**Confidence.** An event that was seen k times in n independent trials has a probability below the
upper limit of Clopper and Pearson, up to an error that can be chosen
(`theorycheck.cli.rounds.upper_limit`). The error, 5%, is divided among the limits that are used
(Bonferroni): a third for 1, in equal parts for every j of every claim and every control, a third
for W, a third for 3. So with 95% confidence all of them are true at once, and so is their sum, as
it grows with each of them. Nothing seen in n trials leaves about 4/n for a suite; rounds can be
few, because one of R is enough.

**What is not covered**: other versions of libraries, other machines, other data.

Source: C. Clopper, E. Pearson, The use of confidence or fiducial limits illustrated in the case of
the binomial, Biometrika 26, 1934.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.outcomes import Outcome
from theorycheck.claims.search import ROUNDS, search_once
from theorycheck.claims.setting import Profile, Setting
from theorycheck.cli.rounds import OTHER, Needs, needs, upper_limit
from theorycheck.errors import InputError

CONFIDENCE = 0.95

ERROR = (1 - CONFIDENCE) / 3
"""Of each of the three probabilities that add up."""


@dataclass(frozen=True)
class Rounds:
    """How the rounds of a deterministic claim and of its control fared.

    Attributes:
        rounds: how many were made for the claim, and as many for its control.
        found: how many of them found a counterexample.
    """

    claim: str
    recorded: str
    rounds: int
    found: int
    own: Needs
    control: Needs

    def document(self) -> dict[str, Any]:
        """For a file."""
        return {**vars(self), "own": self.own.document(), "control": self.control.document()}


@dataclass(frozen=True)
class Searches:
    """How the examinations of a tendency fared: how many came to which other verdict."""

    claim: str
    recorded: str
    searches: int
    flips: Mapping[str, int]


@dataclass(frozen=True)
class Stability:
    """All figures.

    Attributes:
        other_suites: how many suites of rounds have one that is other.
        red_suites: how many suites of tendencies have a verdict that is not on record.
        limits: upper limits of the probability of a red run: by cause, and of their sum, ``run``.
    """

    profile: str
    claims: Sequence[Rounds]
    tendencies: Sequence[Searches]
    other_suites: int
    red_suites: int
    limits: Mapping[str, float]

    @property
    def flips(self) -> int:
        """Of how many claims a verdict was seen to change."""
        return sum(c.own.flips or c.control.flips for c in self.claims) + sum(
            bool(t.flips) for t in self.tendencies
        )

    def document(self) -> dict[str, Any]:
        """For a file: what is described above, by the names of the attributes.

        ``limits`` has ``short``, ``other`` and ``tendencies``, which are 1 to 3 above, and their
        sum, ``run``. Of a claim, ``needed`` says how many rounds have which need, up to that of a
        round that says too little, ``rounds_of_a_search`` and one.
        """
        return {
            "profile": self.profile,
            "confidence": CONFIDENCE,
            "rounds_of_a_search": ROUNDS,
            "limits": dict(self.limits),
            "other_suites": self.other_suites,
            "red_suites": self.red_suites,
            "claims": [claim.document() for claim in self.claims],
            "tendencies": [
                {**vars(tendency), "flips": dict(sorted(tendency.flips.items()))}
                for tendency in self.tendencies
            ],
        }

    def lines(self) -> list[str]:
        """What the command prints: claims of which not all rounds suffice alone, and the limits."""
        table = [
            f"{c.claim}: of {c.rounds} rounds {c.own}; of its control's {c.control}"
            for c in self.claims
            if not (c.own.all_suffice and c.control.all_suffice)
        ]
        table += [
            f"{t.claim}: on record as {t.recorded}, {count} of {t.searches} searches {verdict}"
            for t in self.tendencies
            for verdict, count in sorted(t.flips.items())
        ]
        rounds = sum(2 * claim.rounds for claim in self.claims)
        searches = sum(tendency.searches for tendency in self.tendencies)
        causes = ", ".join(f"{cause} {p:.2g}" for cause, p in self.limits.items() if cause != "run")
        return [
            *table,
            f"{len(self.claims)} claims with {rounds} rounds, {len(self.tendencies)} tendencies"
            f" with {searches} searches: "
            + (f"{self.flips} verdicts change" if self.flips else "no verdict changes"),
            f"a {self.profile} run is red with a probability of at most {self.limits['run']:.2g}"
            f" ({CONFIDENCE:.0%} confidence): {causes}",
        ]


@cache
def _claims(path: str) -> dict[str, Claim]:
    from theorycheck.pytest_plugin.collecting import collect_claims

    return {claim.id: claim for claim in collect_claims([path]).values()}


def _round(path: str, claim_id: str, profile: Profile, run_seed: int) -> list[Outcome]:
    """One round for a claim, of which the kernel is asked, and one for its control."""
    import torch

    from theorycheck.claims.certificates import certify

    torch.set_num_threads(1)
    claim = _claims(path)[claim_id]
    made = []
    for altered in (False, True):
        seed, evidence = claim.seed(run_seed, altered=altered), Evidence()
        search_once(claim, Setting(altered=altered, seed=seed, effort=profile.effort), evidence)
        made.append(evidence)
    return [certify(claim, made[0])[0].outcome(), made[1].outcome()]


def _verdict(path: str, claim_id: str, profile: Profile, run_seed: int) -> str:
    """The verdict on a tendency, examined as in a run."""
    import torch

    from theorycheck.claims.examination import examine

    torch.set_num_threads(1)
    claim = _claims(path)[claim_id]
    return examine(claim, profile=profile, run_seed=run_seed, device="cpu").entry.verdict


def measure(
    path: str,
    record: Mapping[str, str],
    profile: Profile,
    *,
    searches: int,
    trainings: int,
    workers: int,
    only: Sequence[str] = (),
) -> Stability:
    """Make the rounds and the examinations.

    Args:
        path: folder of the claims.
        record: verdicts on record by claim id.
        searches: number of rounds for every deterministic claim and for its control; the run seeds
            are 1, ..., ``searches``.
        trainings: number of examinations of every tendency, with run seeds from 1 likewise.
        workers: processes that share the work.
        only: claims to look at; all that are on record by default.

    Raises:
        InputError: for a claim that is unknown or has no verdict on record, and for counts below 1.
    """
    if min(searches, trainings, workers) < 1:
        raise InputError("searches, trainings and workers are counts: give at least 1")
    claims = _claims(path)
    wanted = list(only) or sorted(claims)
    for name in wanted:
        if name not in claims or name not in record:
            raise InputError(f"claim {name!r} is unknown or has no verdict on record")
    drawn = [name for name in wanted if claims[name].kind != "tendency"]
    trained = [name for name in wanted if claims[name].kind == "tendency"]
    with ProcessPoolExecutor(workers) as executor:
        rounds = {
            name: [executor.submit(_round, path, name, profile, 1 + i) for i in range(searches)]
            for name in drawn
        }
        verdicts = {
            name: [executor.submit(_verdict, path, name, profile, 1 + i) for i in range(trainings)]
            for name in trained
        }
        made = {
            name: [[Evidence.of(outcome) for outcome in each.result()] for each in futures]
            for name, futures in rounds.items()
        }
        found = {name: [each.result() for each in each_of] for name, each_of in verdicts.items()}
    return summed_up([claims[name] for name in drawn], record, made, found, profile)


def summed_up(
    claims: Sequence[Claim],
    record: Mapping[str, str],
    rounds: Mapping[str, Sequence[Sequence[Evidence]]],
    verdicts: Mapping[str, Sequence[str]],
    profile: Profile,
) -> Stability:
    """The figures.

    Args:
        claims: the deterministic ones.
        record: verdicts on record by claim id.
        rounds: by claim id, and by run seed: the evidence for the claim, and for its control.
        verdicts: of tendencies, by claim id and by run seed.
    """
    figures, other = [], set()
    for claim in claims:
        searches, controls = zip(*rounds[claim.id], strict=True)
        both = needs(claim, record[claim.id], searches, controls)
        other |= {i for each in both for i, needed in enumerate(each) if needed == OTHER}
        own, control = (Needs.of(each, ERROR / (2 * len(claims))) for each in both)
        found = sum(evidence.counterexample is not None for evidence in searches)
        figures.append(Rounds(claim.id, record[claim.id], len(searches), found, own, control))
    tendencies, red = [], set()
    for name, made in verdicts.items():
        red |= {i for i, verdict in enumerate(made) if verdict != record[name]}
        flips = Counter(verdict for verdict in made if verdict != record[name])
        tendencies.append(Searches(name, record[name], len(made), flips))
    return Stability(
        profile=profile.name,
        claims=figures,
        tendencies=tendencies,
        other_suites=len(other),
        red_suites=len(red),
        limits=_limits(figures, len(other), tendencies, len(red)),
    )


def _limits(
    claims: Sequence[Rounds], other: int, tendencies: Sequence[Searches], red: int
) -> dict[str, float]:
    short = other_verdict = trained = 0.0
    if claims:
        both = [needs for claim in claims for needs in (claim.own, claim.control)]
        short = sum(needs.limit for needs in both)
        suite = upper_limit(other, claims[0].rounds, ERROR)
        longest = max(needs.rounds for needs in both)
        other_verdict = -math.log1p(-suite) * longest if suite < 1 else 1.0
    if tendencies:
        trained = upper_limit(red, tendencies[0].searches, ERROR)
    causes = {"short": short, "other": other_verdict, "tendencies": trained}
    return {cause: min(1.0, p) for cause, p in {**causes, "run": sum(causes.values())}.items()}
