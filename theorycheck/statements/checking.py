"""Checking a statement at an example: are its hypotheses met, and is its conclusion true?"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flint import ctx, fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import precision
from theorycheck.errors import InputError
from theorycheck.statements.exact import PRECISIONS, Evaluator
from theorycheck.statements.numbers import Open, Surd, Undefined, compare, number
from theorycheck.statements.syntax import Formula, Statement

Scope = Mapping[str, Any]
"""Values of variables by name."""


@dataclass(frozen=True)
class Answer:
    """What a reader finds at one assignment of values to the variables.

    Attributes:
        at: the values of the variables.
        unmet: the first hypothesis that is not met, as text; None where all are.
        holds: whether the conclusion is true; None where it stays open, or a hypothesis is unmet.
        left, right: both sides of the conclusion.
        arithmetic: in which numbers that was found.
    """

    at: Scope
    unmet: str | None = None
    holds: bool | None = None
    left: Any = None
    right: Any = None
    arithmetic: str = "rationals"


def answers(statement: Statement, case: Case, member: int = 0) -> list[Answer]:
    """What the exact reader finds at every assignment, in the order of the variables.

    A hypothesis is evaluated as soon as the variables that it names have values: one answer then
    stands for all assignments that it rules out. Each precision is tried where the one before left
    something open. Where a formula has no value (a division by zero, a normalised unit that does
    not vary), no hypotheses count as met: the one answer says why.
    """
    found: list[Answer] = []
    for bits in PRECISIONS:
        with precision(bits):
            try:
                found = _at_precision(statement, case, member)
            except Undefined as error:
                return [Answer({}, unmet=f"a formula has no value: {error}")]
            except Open:
                found = [Answer({})]
        if not any(answer.unmet is None and answer.holds is None for answer in found):
            break
    return found


def _at_precision(statement: Statement, case: Case, member: int) -> list[Answer]:
    readings = [True, False] if case.network.normalised_by_batch else [True]
    reason = ""
    for rational in readings:
        try:
            return list(_Reading(statement, case, member, rational=rational).extend({}, 0))
        except InputError as error:
            # Batch normalisation: irrational deviations need balls, constant units have no value.
            reason = str(error)
    raise Undefined(reason)


class _Reading:
    """One statement at one network."""

    def __init__(self, statement: Statement, case: Case, member: int, *, rational: bool) -> None:
        self.statement = statement
        self.evaluator = Evaluator(case, member, statement.where, rational=rational)
        names = [variable.name for variable in statement.forall]
        self.due = [_due(formula, names) for formula in statement.given]

    def extend(self, scope: Scope, bound: int) -> Iterator[Answer]:
        """Answers for all values of the variables after the first ``bound`` ones."""
        given = zip(self.statement.given, self.due, strict=True)
        unmet = self._first_unmet([formula for formula, due in given if due == bound], scope)
        if unmet is not None:
            yield unmet
        elif bound == len(self.statement.forall):
            yield self._conclude(scope)
        else:
            variable = self.statement.forall[bound]
            for value in self.evaluator.value(variable.among.tree, scope):
                yield from self.extend({**scope, variable.name: value}, bound + 1)

    def _first_unmet(self, formulas: Sequence[Formula], scope: Scope) -> Answer | None:
        for formula in formulas:
            try:
                if not self.evaluator.value(formula.tree, scope):
                    return Answer(scope, unmet=formula.text)
            except Open:
                return Answer(scope)
        return None

    def _conclude(self, scope: Scope) -> Answer:
        left, relation, right = self.statement.conclusion.comparison()
        try:
            sides = [self.evaluator.value(side, scope) for side in (left, right)]
            holds = compare(sides[0], relation, sides[1])
        except Open:
            return Answer(scope)
        left_side, right_side = map(number, sides)
        exact = all(isinstance(side, fmpq | Surd) for side in (left_side, right_side))
        arithmetic = "rationals" if exact else f"balls of {ctx.prec} bits"
        return Answer(scope, None, holds, left_side, right_side, arithmetic)


def _due(formula: Formula, names: Sequence[str]) -> int:
    """How many of the variables must have values before a formula can be evaluated."""
    used = {node.id for node in ast.walk(formula.tree) if isinstance(node, ast.Name)}
    return max((i for i, name in enumerate(names, start=1) if name in used), default=0)
