"""Sharpness: how near to equality the bound of an inequality comes, and whether it is reached.

A bound is *sharp* where both sides are equal, and not 0, at an example: the kernel refutes the same
statement with ``<`` in place of ``<=``, so that no smaller constant is true. Otherwise the best
ratio of the two sides says by how much at most the constant could be smaller, as far as was seen.
Examples are those that the claim's strategy proposes, with its extremal constructions; Hypothesis
directs the search towards equality.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any

import hypothesis
from hypothesis import Phase

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim
from theorycheck.claims.necessity import certified, varying
from theorycheck.claims.needs import Sharpness, Shown
from theorycheck.claims.search import draw
from theorycheck.claims.variants import SHARP
from theorycheck.claims.wider import LARGEST
from theorycheck.statements.assignments import Answer, answers

STRICT = {"<=": "<", ">=": ">"}
EXAMPLES = 200
MEMBERS = 4
"""Of a cohort, how many are looked at."""


class _Reached(Exception):
    """Ends the search: both sides are equal."""


@dataclass
class _Best:
    """The example nearest to equality."""

    ratio: float = 0.0
    case: Case | None = None
    answer: Answer | None = None

    def look(self, claim: Claim, case: Case) -> float:
        """The best ratio at a case, which is kept if it is the best of all."""
        assert claim.formal is not None
        best = 0.0
        for member in range(min(case.members, MEMBERS)):
            for answer in answers(claim.formal.statement, case, member):
                if not answer.holds or answer.trivial:
                    continue
                best = max(best, answer.tightness)
                if answer.tightness > self.ratio:
                    self.ratio, self.case = answer.tightness, case.member(member)
                    self.answer = answer
        return best


def is_bound(claim: Claim) -> bool:
    """Whether the conclusion is one comparison with ``<=`` or ``>=``, at any weights."""
    if claim.formal is None or claim.kind == "trajectory":
        return False
    comparisons = claim.formal.statement.conclusion.comparisons()[1]
    return len(comparisons) == 1 and comparisons[0][1] in STRICT


def sharpness_of(claim: Claim, run_seed: int) -> tuple[Sharpness, dict[str, Any] | None]:
    """Search for equality in a bound (`is_bound`).

    Returns:
        What was found, and the certificate of an example with equality.
    """
    best = _Best()

    def check(case: Case) -> None:
        if case.size > LARGEST * case.members:
            return
        hypothesis.target(best.look(claim, case))
        if best.ratio == 1.0:
            raise _Reached

    seed = claim.seed(run_seed, altered=False)
    with contextlib.suppress(_Reached):
        draw(check, claim.on, EXAMPLES, seed, [Phase.generate, Phase.target])
    if best.case is None:
        return Sharpness(ratio=None, network=None), None
    shown, certificate = _equality(claim, best) if best.ratio == 1.0 else (None, None)
    found = Sharpness(
        ratio=float(f"{best.ratio:.6g}"), network=str(best.case.network), equality=shown
    )
    return found, certificate


def _equality(claim: Claim, best: _Best) -> tuple[Shown | None, dict[str, Any] | None]:
    """The example as a counterexample to the strict inequality, if the kernel finds it one."""
    assert claim.formal is not None
    assert best.answer is not None
    assert best.case is not None
    bound, case = claim.formal.conclusion, best.case
    relation = best.answer.relation
    strict = bound.replace(f" {relation} ", f" {STRICT[relation]} ")
    formal = replace(claim.formal, conclusion=strict)
    variant = varying(claim, claim.id + SHARP, formal, {bound: strict})
    return certified(variant, case)
