"""Trials: one network at which many statements are read that differ in their conclusions alone.

The hypotheses are read once, and so are the network and all abbreviations that do not change.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import ConstantUnit
from theorycheck.arithmetic.numbers import precision
from theorycheck.errors import InputError
from theorycheck.statements.exact import PRECISIONS, Evaluator
from theorycheck.statements.mutants import dependent
from theorycheck.statements.numbers import Open, Undefined, combined, compare, number
from theorycheck.statements.readings import Scope, due
from theorycheck.statements.syntax import Statement
from theorycheck.statements.truths import every, some

MISUSE = (TypeError, ValueError, ArithmeticError, AttributeError, LookupError)
"""What a word may raise that is applied to something that it is not meant for."""

NO_VALUE = (Undefined, ConstantUnit, InputError, *MISUSE)
"""What a formula raises that is applied to something that it is not meant for: it has no value."""


@dataclass(frozen=True)
class Tried:
    """What a statement is at one network.

    Attributes:
        violated: values of the variables at which its conclusion is false, if there are any.
        decided: at how many values before these, or at how many at all, it is true.
    """

    violated: Scope | None = None
    decided: int = 0


class Trial:
    """A network at which conclusions are read.

    Args:
        statement: whose hypotheses are met or not.
        case: of one member.
    """

    def __init__(self, statement: Statement, case: Case) -> None:
        self.statement = statement
        self.case = case
        # Of a normalised network, whose deviations may be irrational, in balls as well.
        self._rational = [True, False] if case.network.normalised_by_batch else [True]

    @cached_property
    def _read(self) -> tuple[Evaluator, int, list[Scope]] | None:
        """An evaluator, its precision, and the values at which the hypotheses are met."""
        for rational in self._rational:
            for bits in PRECISIONS[:2]:
                try:
                    with precision(bits):
                        evaluator = Evaluator(self.case, 0, self.statement.where, rational=rational)
                        scopes = list(_met(self.statement, evaluator, {}, 0))
                        for scope in scopes:  # What is computed here is remembered.
                            _concluded(self.statement, evaluator, scope)
                        return evaluator, bits, scopes
                except Open:
                    continue
                except NO_VALUE:
                    break
        return None

    @property
    def met(self) -> bool:
        """Whether the hypotheses are met at all."""
        return self._read is not None and bool(self._read[2])

    def of(self, statement: Statement) -> Tried:
        """What another statement with the same hypotheses is here."""
        decided = 0
        for scope, evaluator in self._scopes(statement):
            holds = _concluded(statement, evaluator, scope)
            if holds is False:
                return Tried(scope, decided)
            decided += holds is True
        return Tried(None, decided)

    def has_value(self, statement: Statement) -> bool:
        """Whether another statement has a value here wherever the hypotheses are met."""
        assert self._read is not None
        scopes = [
            _sides(statement, evaluator, scope) for scope, evaluator in self._scopes(statement)
        ]
        return len(scopes) == len(self._read[2]) and all(None not in sides for sides in scopes)

    def differs(self, statement: Statement) -> bool:
        """Whether another statement compares other numbers here than the one of the trial."""
        ours = [_sides(self.statement, e, scope) for scope, e in self._scopes(self.statement)]
        theirs = [_sides(statement, e, scope) for scope, e in self._scopes(statement)]
        return any(map(_unequal, ours, theirs))

    def weaker(self, statement: Statement, multiple: Fraction = Fraction(1)) -> bool:
        """Whether no inequality of another statement is certainly stronger here than ours.

        Args:
            multiple: by which both sides of ours are multiplied; positive, so that it says the
                same.
        """
        ours = [
            [
                None if slack is None else combined(ast.Mult(), number(multiple), slack)
                for slack in slacks
            ]
            for slacks in (
                _slacks(self.statement, e, scope) for scope, e in self._scopes(self.statement)
            )
        ]
        theirs = [_slacks(statement, e, scope) for scope, e in self._scopes(statement)]
        return len(ours) == len(theirs) and not any(map(_less, theirs, ours))

    def _scopes(self, statement: Statement) -> Iterator[tuple[Scope, Evaluator]]:
        """Values of the variables that meet the hypotheses, with what evaluates a statement."""
        if self._read is None:
            return
        evaluator, bits, scopes = self._read
        old = self.statement.where
        changed = [d for d, before in zip(statement.where, old, strict=True) if d != before]
        names = set().union(*(dependent(statement, d.name) for d in changed))
        redefined = [d for d in statement.where if d.name in names]
        # An abbreviation without arguments may have no value.
        with suppress(*NO_VALUE, Open), precision(bits), evaluator.redefining(redefined):
            for scope in scopes:
                yield scope, evaluator


def _met(statement: Statement, evaluator: Evaluator, scope: Scope, bound: int) -> Iterator[Scope]:
    """Values of the variables at which the hypotheses are met."""
    names = tuple(variable.name for variable in statement.forall)
    for formula in statement.given:
        if due(formula, names) == bound and not evaluator.value(formula.tree, scope):
            return
    if bound == len(names):
        yield scope
        return
    variable = statement.forall[bound]
    for value in evaluator.value(variable.among.tree, scope):
        yield from _met(statement, evaluator, {**scope, variable.name: value}, bound + 1)


def _sides(statement: Statement, evaluator: Evaluator, scope: Scope) -> list[Any]:
    """All that the conclusion compares; None for what has no value."""
    found: list[Any] = []
    for left, _, right in statement.conclusion.comparisons()[1]:
        for side in (left, right):
            try:
                found.append(evaluator.value(side, scope))
            except (*NO_VALUE, Open):
                found.append(None)
    return found


def _slacks(statement: Statement, evaluator: Evaluator, scope: Scope) -> list[Any]:
    """By how much each inequality of the conclusion is met; None for other comparisons."""
    sides = _sides(statement, evaluator, scope)
    found: list[Any] = []
    for place, (_, relation, _) in enumerate(statement.conclusion.comparisons()[1]):
        low, high = sides[2 * place : 2 * place + 2]
        if relation in (">=", ">"):
            low, high = high, low
        known = low is not None and high is not None and relation not in ("==", "!=")
        found.append(combined(ast.Sub(), high, low) if known else None)
    return found


def _less(one: list[Any], other: list[Any]) -> bool:
    """Whether any number may be less than the other one, as far as is known."""
    for a, b in zip(one, other, strict=True):
        if a is None or b is None:
            return True
        with suppress(Open):
            if compare(a, "<", b):
                return True
    return False


def _unequal(ours: list[Any], theirs: list[Any]) -> bool:
    """Whether any numbers are certainly different."""
    for one, other in zip(ours, theirs, strict=True):
        with suppress(*NO_VALUE, Open):
            if one is not None and other is not None and compare(one, "!=", other):
                return True
    return False


def _concluded(statement: Statement, evaluator: Evaluator, scope: Scope) -> bool | None:
    """Whether the conclusion is true; None where it has no value, or balls leave it open."""
    joined, comparisons = statement.conclusion.comparisons()

    def truths() -> Iterator[Any]:
        for left, relation, right in comparisons:
            sides = [evaluator.value(side, scope) for side in (left, right)]
            yield compare(sides[0], relation, sides[1])

    try:
        return bool(every(truths()) if joined == "and" else some(truths()))
    except (*NO_VALUE, Open):
        return None
