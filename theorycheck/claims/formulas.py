"""Checks that follow from formulas: the statement of a claim is its check.

One formula is printed in the report, checked by the exact reader, refuted by altering it, and
written into certificates for the kernel. Hypotheses are assumptions, prose and formula in one
object; whether an example meets them is the formula's word, whatever strategy proposed it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from flint import arb, fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.comparisons import number_text
from theorycheck.claims.evidence import Findings, Observation, Rejection
from theorycheck.claims.setting import Setting
from theorycheck.statements.checking import Answer, answers
from theorycheck.statements.numbers import RankBounds, enclosed
from theorycheck.statements.syntax import Statement

RELATIONS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥"}


def check_of(
    statement: Statement, control: Statement, prose: Mapping[str, str]
) -> Callable[..., Findings]:
    """The property that checks a statement at each member of a case, or its control.

    Args:
        prose: what hypotheses say in words, by formula.
    """

    def check(setting: Setting, case: Case) -> Findings:
        about = control if setting.altered else statement
        for member in range(case.members):
            yield from findings(about, case, member, prose)

    return check


def findings(statement: Statement, case: Case, member: int, prose: Mapping[str, str]) -> Findings:
    """What the exact reader finds at one network, as one example.

    A violation is shown where there is one; else what is open; else, of an inequality, the
    assignment nearest to equality. An example at which no assignment meets the hypotheses is
    rejected, for the first hypothesis that is not met.
    """
    found = answers(statement, case, member)
    met = [answer for answer in found if answer.unmet is None]
    if not met:
        reasons = [answer.unmet for answer in found if answer.unmet is not None]
        reason = reasons[0] if reasons else "there is nothing to check"
        yield Rejection(f"not met: {prose.get(reason, reason)}")
        return
    violated = [answer for answer in met if answer.holds is False]
    undecided = [answer for answer in met if answer.holds is None]
    shown = (violated or undecided or sorted(met, key=_tightness, reverse=True))[0]
    _, relation, _ = statement.conclusion.comparison()
    trivial = relation == "==" and all(_are_zero(answer) for answer in met)
    yield Observation(
        holds=False if violated else None if undecided else True,
        left=_text(shown.left),
        relation=RELATIONS[relation],
        right=_text(shown.right),
        arithmetic=shown.arithmetic,
        tightness=_tightness(shown) if relation == "<=" and shown.holds is not None else None,
        degenerate="both sides are 0" if trivial else None,
        case=lambda: case.member(member),
        at={name: list(v) if isinstance(v, tuple) else v for name, v in shown.at.items()},
    )


def _are_zero(answer: Answer) -> bool:
    return all(isinstance(side, fmpq) and side == 0 for side in (answer.left, answer.right))


def _tightness(answer: Answer) -> float:
    """Left over right of an inequality: 1 is equality."""
    left, right = (_middle(side) for side in (answer.left, answer.right))
    if right > 0:
        return left / right
    return math.inf if left > 0 else 0.0


def _middle(side: Any) -> float:
    """A number as a float, a rank between bounds as the upper one."""
    return float(side.most if isinstance(side, RankBounds) else arb(enclosed(side)).mid())


def _text(side: Any) -> str:
    """A side of the conclusion as the report prints it."""
    if side is None:
        return "?"
    if isinstance(side, RankBounds):
        return f"between {side.least} and {side.most}"
    if isinstance(side, fmpq):
        return number_text(Fraction(int(side.p), int(side.q)))
    return number_text(_middle(side))
