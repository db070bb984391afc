"""How probably a run of the whole suite is red although nothing has changed: an upper limit.

A verdict must not hang on a lucky seed. How rarely it does is estimated from real searches, with as
many run seeds as asked for, and what is reported is not what was seen, "no flip", but how much the
probability of a flip can be and still be consistent with that.

**Rounds.** The search for a deterministic claim, trained ones included, and that for its control
draw in rounds (`theorycheck.claims.search`): until the evidence suffices, and at most R times. The
rounds of a search are alike but for their seeds (`search_round`), and those of different searches
have seeds of their own too (`Claim.seed`): they are independent. Here whole searches are made, and
each round is judged by how many like it are *needed*: the smallest j such that the verdict would be
the one on record if a claim asked for 1/j of the examples that it does. A control needs one round
that refutes it. A round is *other* when the search would not go on, or what it says so far is
against the record: a violation, a kernel that objects, a directed search that ends elsewhere. A
claim on record as refuted is judged with the counterexample of its certificate, as in any run; in
how many searches it is found again is reported.

**What turns a run red.** Without a round that is other, j rounds with a need of at most j suffice,
because counts of rounds add up and a control that is refuted stays refuted. So a verdict changes
only if (1) for every j fewer than j of all R rounds, for a claim or for its control, have a need of
at most j, or (2) one of those made is other. A *suite* is one search for each claim and each
control.

1. Let s be the probability that a round of a search needs more than j: what is seen is in how many
   suites its first one does. Imagine that the search always made R rounds. Fewer than j of them
   have a need of at most j with the probability P(Bin(R, 1 - s) < j), which is s^R for j = 1; the
   smallest one over j in `theorycheck.cli.rounds.SHARES` is taken. That one of the searches of a
   suite is short has at most the sum of these probabilities. This is bad luck, and nothing else.
2. What is seen is in how many suites a round is other. A violation, or a kernel that objects, means
   that something is wrong, and the run that says so is right; it is red all the same.
3. Searches for tendencies go on until they are decided. Whole examinations are made. One of every
   tendency is a suite too; it is red if one verdict is not the one on record.

The union bound adds up the probabilities of 1, 2 and 3.

**Confidence.** An event that was seen k times in n independent trials has a probability below the
upper limit of Clopper and Pearson, up to an error that can be chosen
(`theorycheck.cli.rounds.upper_limit`). The error, 5%, is divided among the limits that are used
(Bonferroni): a third for 1, in equal parts for every search and every j, a third for 2, a third for
3. So with 95% confidence all of them are true at once, and so is their sum, as it grows with each
of them. An event that is never seen in n suites has a limit of about 4/n, and no fewer than n
suites can show that it is as rare as that; what 1 adds falls much faster, as one round of R is
enough. The limit of a single claim has the whole error: it is about that claim alone.

**What is not covered**: other versions of libraries, other machines, other data.

Source: C. Clopper, E. Pearson, The use of confidence or fiducial limits illustrated in the case of
the binomial, Biometrika 26, 1934.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.outcomes import Outcome
from theorycheck.claims.search import ROUNDS, is_short, search_round
from theorycheck.claims.setting import Profile, Setting
from theorycheck.cli.rounds import OTHER, Needs, control_need, need, upper_limit
from theorycheck.errors import InputError
from theorycheck.pytest_plugin.collecting import claims_by_id, claims_of_worker

CONFIDENCE = 0.95

ERROR = (1 - CONFIDENCE) / 3
"""Of each of the three probabilities that add up."""


@dataclass(frozen=True)
class Rounds:
    """How the rounds of a deterministic claim and of its control fared.

    Attributes:
        searches: how many were made for the claim, and as many for its control.
        found: how many of them found a counterexample.
        own, control: what their first rounds need, with limits for this claim by itself.
    """

    claim: str
    recorded: str
    searches: int
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
        other_suites: in how many suites of deterministic claims a round is other.
        red_suites: how many suites of tendencies have a verdict that is not on record.
        limits: upper limits of the probability of a red run: by cause, and of their sum, ``run``.
        interrupted: whether fewer suites were made than were asked for.
    """

    profile: str
    claims: Sequence[Rounds]
    tendencies: Sequence[Searches]
    other_suites: int
    red_suites: int
    limits: Mapping[str, float]
    interrupted: bool = False

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
            f"{c.claim}: of {c.searches} rounds {c.own}; of its control's {c.control}"
            for c in self.claims
            if not (c.own.all_suffice and c.control.all_suffice)
        ]
        table += [
            f"{t.claim}: on record as {t.recorded}, {count} of {t.searches} searches {verdict}"
            for t in self.tendencies
            for verdict, count in sorted(t.flips.items())
        ]
        searches = sum(2 * claim.searches for claim in self.claims)
        trained = sum(tendency.searches for tendency in self.tendencies)
        causes = ", ".join(f"{cause} {p:.2g}" for cause, p in self.limits.items() if cause != "run")
        return [
            *table,
            f"{len(self.claims)} claims with {searches} searches, {len(self.tendencies)} tendencies"
            f" with {trained}: "
            + (f"{self.flips} verdicts change" if self.flips else "no verdict changes"),
            f"a {self.profile} run is red with a probability of at most {self.limits['run']:.2g}"
            f" ({CONFIDENCE:.0%} confidence): {causes}",
        ]


def _searches(
    paths: tuple[str, ...], claim_id: str, profile: Profile, run_seed: int
) -> list[list[Outcome]]:
    """The rounds of a search for a claim, of which the kernel is asked, and of one for its control.

    They are those of `theorycheck.claims.search.search`, which adds them up at once.
    """
    import torch

    from theorycheck.claims.certificates import certify

    torch.set_num_threads(1)
    claim = claims_of_worker(paths)[claim_id]
    made: list[list[Outcome]] = [[], []]
    for altered, rounds in zip((False, True), made, strict=True):
        seed, total = claim.seed(run_seed, altered=altered), Evidence()
        while len(rounds) < ROUNDS and (not rounds or is_short(claim, total, altered=altered)):
            evidence = Evidence()
            setting = Setting(altered=altered, seed=seed, effort=profile.effort)
            search_round(claim, setting, len(rounds), evidence)
            total += evidence
            asked = evidence if altered else certify(claim, evidence)[0]
            rounds.append(asked.outcome())
    return made


def _verdict(paths: tuple[str, ...], claim_id: str, profile: Profile, run_seed: int) -> str:
    """The verdict on a tendency, examined as in a run."""
    import torch

    from theorycheck.claims.examination import examine

    torch.set_num_threads(1)
    claim = claims_of_worker(paths)[claim_id]
    shared = _trained()
    found = examine(claim, profile=profile, run_seed=run_seed, device="cpu", trained=shared)
    return found.entry.verdict


@cache
def _trained() -> dict[Any, Any]:
    """What this process has trained, as in a run."""
    return {}


def measure(
    paths: tuple[str, ...],
    record: Mapping[str, str],
    profile: Profile,
    *,
    searches: int,
    trainings: int,
    workers: int,
    only: Sequence[str] = (),
    tell: Callable[[str], None] = lambda line: None,
) -> Stability:
    """Make the searches and the examinations, suite by suite.

    Interrupted, it sums up the suites that are complete, if there are any of both sorts.

    Args:
        paths: folders of the claims.
        record: verdicts on record by claim id.
        searches: number of searches for every deterministic claim and for its control, with run
            seeds 1, 2, ...
        trainings: number of examinations of every tendency, with the same run seeds.
        workers: processes that share the work.
        only: claims to look at; all that are on record by default.
        tell: is told after each suite how many are complete.

    Raises:
        InputError: for a claim that is unknown or has no verdict on record, and for counts below 1.
    """
    if min(searches, trainings, workers) < 1:
        raise InputError("searches, trainings and workers are counts: give at least 1")
    claims = claims_by_id(paths)
    wanted = list(only) or sorted(claims)
    for name in wanted:
        if name not in claims or name not in record:
            raise InputError(f"claim {name!r} is unknown or has no verdict on record")
    drawn = [name for name in wanted if claims[name].kind != "tendency"]
    trained = [name for name in wanted if claims[name].kind == "tendency"]
    made: dict[Any, list[list[Any]]] = {_searches: [], _verdict: []}
    interrupted = False
    with ProcessPoolExecutor(workers, initializer=_ignore_interrupts) as executor:
        suites = [
            (work, [executor.submit(work, paths, name, profile, 1 + i) for name in names])
            for i in range(max(searches, trainings))
            for work, names, count in ((_searches, drawn, searches), (_verdict, trained, trainings))
            if i < count
        ]
        try:
            for count, (work, results) in enumerate(suites, start=1):
                made[work].append([each.result() for each in results])
                tell(f"{count} of {len(suites)} suites are complete")
        except KeyboardInterrupt:
            executor.shutdown(cancel_futures=True)
            interrupted = True
    found = {
        name: [[[*map(Evidence.of, rounds)] for rounds in suite[k]] for suite in made[_searches]]
        for k, name in enumerate(drawn)
    }
    verdicts = {name: [suite[k] for suite in made[_verdict]] for k, name in enumerate(trained)}
    if not all([*found.values(), *verdicts.values()]):
        raise KeyboardInterrupt
    figures = summed_up([claims[name] for name in drawn], record, found, verdicts, profile)
    return replace(figures, interrupted=interrupted)


def _ignore_interrupts() -> None:
    """In a worker: Ctrl-C reaches the parent, which waits for what has been begun."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def summed_up(
    claims: Sequence[Claim],
    record: Mapping[str, str],
    searches: Mapping[str, Sequence[Sequence[Sequence[Evidence]]]],
    verdicts: Mapping[str, Sequence[str]],
    profile: Profile,
) -> Stability:
    """The figures.

    Args:
        claims: the deterministic ones.
        record: verdicts on record by claim id.
        searches: by claim id, and by run seed: the rounds for the claim, and for its control.
        verdicts: of tendencies, by claim id and by run seed.
    """
    figures, other, short = [], set[int](), 0.0
    suites = max((len(made) for made in searches.values()), default=0)
    for claim in claims:
        recorded, made = record[claim.id], searches[claim.id]
        needs = [
            (
                [need(claim, recorded, evidence) for evidence in own],
                [control_need(claim, recorded, evidence) for evidence in control],
            )
            for own, control in made
        ]
        other |= {i for i, (own, control) in enumerate(needs) if OTHER in own + control}
        rounds = [[made[k][0] for made in needs] for k in (0, 1)]
        firsts = [Needs.of(first, 1 - CONFIDENCE) for first in rounds]
        short += sum(Needs.of(first, ERROR / (2 * len(claims))).limit for first in rounds)
        found = sum(any(e.counterexample is not None for e in own) for own, _ in made)
        figures.append(Rounds(claim.id, recorded, len(made), found, *firsts))
    tendencies, red = [], set()
    for name, results in verdicts.items():
        red |= {i for i, verdict in enumerate(results) if verdict != record[name]}
        flips = Counter(verdict for verdict in results if verdict != record[name])
        tendencies.append(Searches(name, record[name], len(results), flips))
    causes = {
        "short": min(1.0, short),
        "other": upper_limit(len(other), suites, ERROR) if claims else 0.0,
        "tendencies": upper_limit(len(red), tendencies[0].searches, ERROR) if tendencies else 0.0,
    }
    return Stability(
        profile=profile.name,
        claims=figures,
        tendencies=tendencies,
        other_suites=len(other),
        red_suites=len(red),
        limits={**causes, "run": min(1.0, sum(causes.values()))},
    )
