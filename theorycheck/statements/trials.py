"""Trials: one network at which many statements are read that differ in their conclusions alone.

The hypotheses are read once, and so are the network and all abbreviations that do not change.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import ConstantUnit
from theorycheck.arithmetic.numbers import precision
from theorycheck.errors import InputError
from theorycheck.statements.changes import PLACES
from theorycheck.statements.exact import PRECISIONS, Evaluator
from theorycheck.statements.mutants import dependent
from theorycheck.statements.numbers import Open, Undefined, combined, compare, flat
from theorycheck.statements.readings import Scope, due
from theorycheck.statements.syntax import Statement
from theorycheck.statements.truths import every, some
from theorycheck.statements.vocabulary import FUNCTIONS

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

    def differs_within(self, statement: Statement) -> bool:
        """Whether what another statement compares is computed from other numbers here.

        Both sides of a true equation are the same number, however else it is computed.
        """
        pairs = list(_counterparts(self.statement, statement))
        ours = [
            [_value(e, old, scope if bound else {}) for old, _, bound in pairs]
            for scope, e in self._scopes(self.statement)
        ]
        theirs = [
            [_value(e, new, scope if bound else {}) for _, new, bound in pairs]
            for scope, e in self._scopes(statement)
        ]
        return any(map(_unequal, ours, theirs))

    def weaker(self, statement: Statement) -> bool:
        """Whether no inequality of another statement is certainly stronger here than ours."""
        ours = [_slacks(self.statement, e, scope) for scope, e in self._scopes(self.statement)]
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
    return [
        _value(evaluator, side, scope)
        for left, _, right in statement.conclusion.comparisons()[1]
        for side in (left, right)
    ]


def _value(evaluator: Evaluator, tree: ast.expr, scope: Scope) -> Any:
    """The value of a formula, None where it has none."""
    try:
        return evaluator.value(tree, scope)
    except (*NO_VALUE, Open):
        return None


def _counterparts(one: Statement, other: Statement) -> Iterator[tuple[ast.expr, ast.expr, bool]]:
    """Parts at the same place of the conclusions, and of abbreviations without arguments.

    What a conclusion calls is such a part, too, where its abbreviation means something else.

    With each pair whether it stands in the conclusion, where variables have values. What stands in
    a loop has no value of its own.
    """
    for a, b in _same_places(one.conclusion.tree, other.conclusion.tree):
        yield a, b, True
    for old, new in zip(one.where, other.where, strict=True):
        if old != new:
            names = dependent(other, new.name)
            calls = _calls(one.conclusion.tree)
            yield from ((call, call, True) for name, call in calls if name in names)
        if old.arguments is None:
            for a, b in _same_places(old.body.tree, new.body.tree):
                yield a, b, False


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """The calls in a formula, with the names of what is called, but for those in loops."""
    match tree:
        case ast.Call(func=ast.Name(id=name)):
            yield name, tree
    if not isinstance(tree, ast.ListComp):
        for part in ast.iter_child_nodes(tree):
            yield from _calls(part)


def _same_places(one: ast.expr, other: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The terms of a tree that a single change in it changes, with what they become.

    Terms are not what stands in a loop or in a choice, nor what says where something is.
    """
    if not isinstance(one, ast.Compare | ast.BoolOp):
        yield one, other
    match one:
        case ast.Compare() | ast.BoolOp() | ast.BinOp() | ast.UnaryOp() | ast.List():
            pass
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS and name not in PLACES:
            pass
        case _:
            return
    parts = [[part for part in ast.iter_child_nodes(tree) if isinstance(part, ast.expr)]
             for tree in (one, other)]  # fmt: skip
    if type(one) is type(other) and len(parts[0]) == len(parts[1]):
        changed = [pair for pair in zip(*parts, strict=True) if len({*map(ast.dump, pair)}) > 1]
        if len(changed) == 1 and not any(isinstance(part, ast.Constant) for part in changed[0]):
            yield from _same_places(*changed[0])


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
    """Whether any numbers, or entries of arrays, are certainly different."""
    for one, other in zip(ours, theirs, strict=True):
        first, second = _entries(one), _entries(other)
        if first is None or second is None:
            continue
        if len(first) != len(second):
            return True
        for a, b in zip(first, second, strict=True):
            with suppress(*NO_VALUE, Open):
                if compare(a, "!=", b):
                    return True
    return False


def _entries(value: Any) -> list[Any] | None:
    """All numbers in a value; None where it has none, or holds what is no number, as a truth."""
    try:
        return None if value is None else flat(value)
    except NO_VALUE:
        return None


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
