"""The wider family: cases that no strategy of a claim draws.

A strategy only proposes. Of which cases a claim speaks is said by its hypotheses, and a condition
that the strategy alone keeps is missing there: the claim is false as it stands. So it is also read
at cases of any kind, and at those that it proposes, altered in a place or two
(`theorycheck.drawing.alterations`). Where they meet the hypotheses, it has to be true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random

from theorycheck import notes
from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim
from theorycheck.claims.findings import Observation
from theorycheck.claims.formulas import RELATIONS, at, side_text
from theorycheck.claims.reducing import reduced
from theorycheck.claims.setting import Setting
from theorycheck.drawing.alterations import altered, any_case
from theorycheck.statements.assignments import NO_VALUE, Answer, answers
from theorycheck.statements.syntax import Statement
from theorycheck.statements.trials import MISUSE

LARGEST = 300
"""Numbers of a network and its data, up to which examples are looked at."""
SMALL, FEW = 100, 4
"""Numbers of an example of another claim, and its samples: some formulas go through all signs."""
UNSAID = "its counterexample is none that its strategy draws; a hypothesis may be missing"
EXAMPLES = 100
"""Cases that a claim is read at in the default profile."""


def is_read_anywhere(claim: Claim) -> bool:
    """Whether a claim is stated by a formula at any weights, not only at those of a training."""
    return claim.written is not None and claim.kind not in ("trajectory", "tendency")


def wider(own: Sequence[Case], seed: int, count: int) -> Iterator[Case]:
    """Cases of any kind and altered ones of a claim's own, in turn, without those too large.

    Args:
        own: single networks that the claim proposes, one at least.
        count: how many are drawn.
    """
    rng, names = Random(seed), sorted(own[0].numbers)
    for number in range(count):
        case = altered(rng, rng.choice(own)) if number % 2 else any_case(rng, names)
        if case.size <= LARGEST:
            yield case


def of_other_claims(own: Case, cases: Iterable[Case]) -> Iterator[Case]:
    """Small ones of other claims with the numbers of one's own: what they lack is 0, or 1.

    What stands at rest, interpolates or has equal margins for one claim often does for another.
    """
    for case in cases:
        lacks = set(own.numbers) - set(case.numbers)
        for other in (Fraction(0), Fraction(1)) if lacks else [Fraction(0)]:
            if case.size <= SMALL and case.samples <= FEW:
                yield replace(case, numbers={n: case.numbers.get(n, other) for n in own.numbers})


def counterexample(
    claim: Claim, setting: Setting, found: Iterable[Observation]
) -> Observation | None:
    """A small case of the wider family at which a claim is false, though it meets the hypotheses.

    Args:
        setting: of the search; how many cases are looked at is scaled by its effort.
        found: what searches for the claim and its control came upon: cases that are altered.
    """
    if not is_read_anywhere(claim):
        return None
    known = [one.case() for one in found if one.case is not None]
    own = [case for case in known if case.size <= LARGEST]
    for case in wider(own, setting.seed, setting.scaled(EXAMPLES)) if own else ():
        if violation(claim, case) is not None:
            notes.note(UNSAID)
            return observed_at(claim, reduced(case, lambda one: violation(claim, one) is not None))
    return None


def read(statement: Statement, case: Case) -> list[Answer]:
    """What the exact reader finds; nothing where a word is applied to what it is not meant for."""
    try:
        return answers(statement, case)
    except MISUSE as error:
        return [Answer({}, unmet=f"{NO_VALUE}: {error}")]


def violation(claim: Claim, case: Case) -> Answer | None:
    """Where a stated claim is false at a case that meets its hypotheses."""
    assert claim.formal is not None
    found = read(claim.formal.statement, case)
    return next((a for a in found if a.unmet is None and a.holds is False), None)


def observed_at(claim: Claim, case: Case) -> Observation | None:
    """A violation at a case, as a search observes it; None where there is none."""
    violated = violation(claim, case)
    if violated is None:
        return None
    return Observation(
        False,
        side_text(violated.left),
        RELATIONS[violated.relation],
        side_text(violated.right),
        violated.arithmetic,
        case=lambda: case,
        **at(violated.at, shown=True),
    )
