"""The power of a check: which of the false neighbours of a claim do its examples refute?

A mutant (`theorycheck.statements.mutants`) is like a control, and a check that is any good refutes
it: by an example that the kernel confirms. All mutants of a claim are read at the same examples,
those that its strategy proposes and those that training reaches from them. A mutant that no example
refutes is *true*, if one of these says so:

- algebra (`theorycheck.statements.algebra`): under the hypotheses it says the same in other words,
  or less;
- the field reader, for as many architectures as it takes to settle a claim;
- the examples: it is true at enough of those at which it compares other numbers than the claim, and
  there it is nowhere stronger than the claim, or two of its own mutants are refuted, the tightened
  constants of the inequalities that differ from the claim's among them.
  For the latter it is enough that what it compares is computed from other numbers: both sides of
  an equation stay what they are where another one is true.

Otherwise it *survives*: the check may be too weak. A mutant that has no value at any example, such
as a product of matrices that do not fit, says nothing and does not count; nor does one that has
none at some example that meets the hypotheses, and compares the same numbers as the claim at all
others: where it has a meaning it is the claim.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import Phase

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.certificates import word_against
from theorycheck.claims.declaration import Claim, Formal
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.outcomes import Answer, Fate
from theorycheck.claims.search import draw
from theorycheck.claims.setting import Setting
from theorycheck.claims.settling import proposals_settled
from theorycheck.claims.trajectories import one_after_another
from theorycheck.statements.algebra import changed, follows, same
from theorycheck.statements.mutants import Mutant, mutants
from theorycheck.statements.syntax import Statement
from theorycheck.statements.trials import NO_VALUE, Trial

MEMBERS = 3
"""Of a cohort that is drawn, how many networks are looked at."""
LARGEST = 160
"""Numbers of a network and its data up to which it is looked at: the kernel confirms what is found.
"""
MOST = 160
"""Examples at which the mutants of a claim are tried in one round."""
ROUNDS = 2
"""The most rounds of examples that are drawn while mutants survive."""
ASKED = 5
"""On how many violations of one mutant the kernel is asked, at most."""
SOME = 3
"""Mutants of every claim that a run of all claims tries."""
OWN = 2
"""How many mutants of a mutant have to be refuted where it is true."""


@dataclass(frozen=True)
class Neighbour:
    """A mutant and what became of it.

    Attributes:
        reason: what refuted it, why it is true, or what is known of one that survived.
        seconds: that it took to find out.
    """

    mutant: Mutant
    fate: Fate
    reason: str
    seconds: float = field(default=0.0, compare=False)


def neighbours(
    claim: Claim, chosen: Sequence[Mutant], run_seed: int, *, rounds: int = ROUNDS
) -> list[Neighbour]:
    """What becomes of mutants of a claim, without those that have no value and do not count."""
    found: list[Neighbour | None] = []
    for number in range(rounds):
        if number > 0 and not any(one is not None and one.fate is Fate.SURVIVED for one in found):
            break
        bench = Bench(claim, examples(claim, run_seed + number))
        if number == 0:
            found = [_timed(bench.fate, mutant) for mutant in chosen]
        else:  # Mutants that survived are looked at again, at new examples.
            found = [
                bench.refuted(one.mutant) or one
                if one is not None and one.fate is Fate.SURVIVED
                else one
                for one in found
            ]
    return [one for one in found if one is not None]


def some_neighbours(claim: Claim, evidence: Evidence, run_seed: int) -> dict[str, Fate]:
    """What becomes of a few mutants, chosen by seed, at the simplest examples of a search.

    Returns:
        The fate of each by the words that say what is changed; none where no formula is checked.
    """
    if claim.formal is None or claim.written is None:
        return {}
    made = mutants(claim.formal.statement)
    chosen = Random(claim.seed(run_seed, altered=True)).sample(made, min(SOME, len(made)))
    shown = [*evidence.drawn, *filter(None, [evidence.tightest])]
    bench = Bench(claim, [one.case() for one in shown if one.case is not None])
    found: dict[str, Fate] = {}
    for mutant in chosen:
        one = bench.refuted(mutant) or bench.known(mutant)
        if one is None and not any(t.of(mutant.statement).decided for t in bench.trials):
            continue  # It has no value at these examples.
        found[f"{mutant.change}: {mutant.words}"] = Fate.SURVIVED if one is None else one.fate
    return dict(sorted(found.items()))


def _timed(work: Callable[[Mutant], Neighbour | None], mutant: Mutant) -> Neighbour | None:
    started = time.perf_counter()
    found = work(mutant)
    return found and replace(found, seconds=time.perf_counter() - started)


def examples(claim: Claim, run_seed: int) -> list[Case]:
    """Single networks that the claim's strategy proposes, or that training reaches from them."""
    setting = Setting(seed=claim.seed(run_seed, altered=False))
    drawn: list[Case] = []

    def keep(case: Case) -> None:
        drawn.append(case)

    draw(keep, claim.on, claim.examples, setting.seed, [Phase.generate])
    if claim.along:
        train = claim.along if callable(claim.along) else one_after_another(claim.along)
        drawn = [r for case in drawn for r in train(setting, case) if isinstance(r, Case)]
    small = [case for case in drawn if case.size <= LARGEST * case.members]
    return [case.member(m) for case in small for m in range(min(case.members, MEMBERS))]


class Bench:
    """Examples of one claim, at which its mutants are tried.

    Args:
        cases: single networks; those that do not meet the hypotheses make no difference.
    """

    def __init__(self, claim: Claim, cases: Iterable[Case]) -> None:
        assert claim.formal is not None
        self.claim = claim
        self.statement = claim.formal.statement
        trials = [Trial(self.statement, case) for case in sorted(cases, key=lambda one: one.size)]
        if len(trials) > MOST:  # Small and large ones.
            met = [one for one in trials if one.met]
            count = min(MOST, len(met))
            trials = [met[i * len(met) // count] for i in range(count)]
        self.trials = trials

    def fate(self, mutant: Mutant) -> Neighbour | None:
        """What becomes of a mutant; None if it does not count, for want of a value."""
        return self.known(mutant) or self.refuted(mutant) or self.left(mutant)

    def known(self, mutant: Mutant) -> Neighbour | None:
        """A mutant that algebra knows to be true."""
        if same(self.statement, mutant.statement):
            return Neighbour(mutant, Fate.TRUE, "algebra: it says nothing else")
        if follows(self.statement, mutant.statement):
            return Neighbour(mutant, Fate.TRUE, "algebra: it follows from the claim")
        return None

    def refuted(self, mutant: Mutant) -> Neighbour | None:
        """A mutant at the first example that refutes it, to the kernel too, if there is one."""
        objections: list[str] = []
        for place, trial in enumerate(self.trials):
            violated = trial.of(mutant.statement).violated
            if violated is None:
                continue
            listed = {n: list(v) if isinstance(v, tuple) else v for n, v in violated.items()}
            word = word_against(self.claim, formal_of(mutant.statement), trial.case, listed)
            if word.answer is Answer.CONFIRMED:
                # An example that refutes one mutant refutes others, too.
                self.trials.insert(0, self.trials.pop(place))
                return Neighbour(mutant, Fate.REFUTED, f"by {trial.case.network}")
            objections.append(str(word.reason))
            if len(objections) == ASKED:
                break
        if objections:
            reason = f"violated, but not to the kernel: {objections[0]}"
            return Neighbour(mutant, Fate.SURVIVED, reason)
        return None

    def left(self, mutant: Mutant) -> Neighbour | None:
        """A mutant that no example refutes; None if it does not count, for want of a value."""
        decided = [trial for trial in self.trials if trial.of(mutant.statement).decided]
        other = [trial for trial in decided if trial.differs(mutant.statement)]
        if not other and not all(
            trial.has_value(mutant.statement) for trial in self.trials if trial.met
        ):
            return None
        with suppress(*NO_VALUE):  # In a field, an architecture may be too small for a formula.
            about = replace(self.claim, formal=formal_of(mutant.statement))
            strength = proposals_settled(about).strength()
            if strength.level == "architectures":
                reason = f"field reader: true for {strength.architectures} architectures"
                return Neighbour(mutant, Fate.TRUE, reason)
        known = f"true at {len(decided)} examples, at {len(other)} of them with other numbers"
        if len(other) >= self.claim.enough:
            if all(trial.weaker(mutant.statement) for trial in decided):
                return Neighbour(mutant, Fate.TRUE, f"{known}, nowhere stronger than the claim")
        else:
            other = [trial for trial in decided if trial.differs_within(mutant.statement)]
        if len(other) >= self.claim.enough and _has_power(self.statement, mutant.statement, other):
            return Neighbour(mutant, Fate.TRUE, f"{known}, where its own mutants are refuted")
        return Neighbour(mutant, Fate.SURVIVED, known)


def _has_power(old: Statement, new: Statement, trials: Sequence[Trial]) -> bool:
    """Whether examples refute mutants of a mutant, and first of all tightened constants.

    Of several comparisons that are all to be true, only those count that say something else than
    the claim: the others are the claim's own. Where 0 is the larger side a constant tightens
    nothing.
    """
    own = sorted(mutants(new), key=lambda mutant: mutant.within is not None)
    ours = changed(old, new)
    constants = [m for m in own if m.change == "constant" and changed(new, m.statement) & ours]
    if not all(_violated(mutant, trials) for mutant in constants):
        return False
    refuted = 0
    for mutant in own:
        refuted += _violated(mutant, trials)
        if refuted == OWN:
            return True
    return False


def _violated(mutant: Mutant, trials: Sequence[Trial]) -> bool:
    return any(trial.of(mutant.statement).violated is not None for trial in trials)


def formal_of(statement: Statement) -> Formal:
    """A statement as certificates hold it."""
    return Formal(
        statement.conclusion.text,
        forall=tuple(f"{one.name} in {one.among.text}" for one in statement.forall),
        given=tuple(one.text for one in statement.given),
        where=tuple(one.text for one in statement.where),
        numbers=statement.numbers,
    )
