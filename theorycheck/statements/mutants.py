"""Mutants: the statements that differ from a given one in one small thing.

A claim that is checked well is one whose false neighbours are refuted by the same check. They are
made from the syntax tree of its conclusion, and of the abbreviations that the conclusion names and
no hypothesis uses. Its hypotheses stay. A mutant is a statement of the language like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from theorycheck.errors import InputError
from theorycheck.statements.changes import Change, Changes, Scope
from theorycheck.statements.syntax import Definition, Formula, Statement
from theorycheck.statements.trees import exchanged, names_of, product
from theorycheck.statements.vocabulary import require_known


@dataclass(frozen=True)
class Mutant:
    """A statement that differs from another one in one thing.

    Attributes:
        change: what is changed, in a word or two.
        words: what stands where in its place.
        statement: the whole.
        within: the abbreviation that is changed; None where the conclusion is.
    """

    change: str
    words: str
    statement: Statement
    within: str | None = None


def mutants(statement: Statement) -> list[Mutant]:
    """All mutants of a statement, each once, in the order of its text."""
    known = {_content(statement)}
    found = []
    for mutant in _all(statement):
        content = _content(mutant.statement)
        if content not in known:
            known.add(content)
            found.append(mutant)
    return found


def of_the_conclusion(statement: Statement) -> list[Definition]:
    """The abbreviations that the conclusion names, and that no hypothesis uses."""
    elsewhere = [*statement.given, *(variable.among for variable in statement.forall)]
    used = set().union(*(names_of(formula.tree) for formula in elsewhere))
    for definition in reversed(statement.where):
        if definition.name in used:
            used |= names_of(definition.body.tree)
    sides = [s for left, relation, right in statement.conclusion.comparisons()[1]
             for s in (left, right) if relation != "!="]  # fmt: skip
    named = set().union(*map(names_of, sides)) - used
    return [d for d in statement.where if d.name in named and not _counts(statement, d.body.tree)]


def _counts(statement: Statement, tree: ast.expr) -> bool:
    """Whether a formula only counts something, such as samples."""
    bodies = {d.name: d.body.tree for d in statement.where if d.arguments is None}
    match tree:
        case ast.Constant() | ast.Call(func=ast.Name(id="len")):
            return True
        case ast.BinOp(left=left, right=right):
            return _counts(statement, left) and _counts(statement, right)
        case ast.Name(id=name) if name in bodies:
            return _counts(statement, bodies[name])
    return False


def dependent(statement: Statement, name: str) -> set[str]:
    """An abbreviation, and those that use it, themselves or through others."""
    found = {name}
    for definition in statement.where:
        if found & names_of(definition.body.tree):
            found.add(definition.name)
    return found


def _content(statement: Statement) -> tuple[str, ...]:
    """The formulas, however they are written."""
    return tuple(formula.normal for formula in statement.formulas())


def _all(statement: Statement) -> Iterator[Mutant]:
    scope = Scope(statement)
    for change, new in Changes(statement.conclusion.tree, scope).of_a_conclusion():
        yield from _made(statement, change, new, None)
    for definition in of_the_conclusion(statement):
        inner = replace(scope, arguments=definition.arguments or ())
        for change, new in Changes(definition.body.tree, inner).of_a_definition():
            yield from _made(statement, change, new, definition)
    yield from _doubled(statement)


def _made(
    statement: Statement, change: Change, tree: ast.expr, changed: Definition | None
) -> Iterator[Mutant]:
    """The mutant with a changed formula, if it is a statement."""
    with suppress(InputError):
        formula = Formula.of(ast.unparse(tree))
        if changed is None:
            formula.comparisons()
            made = replace(statement, conclusion=formula)
        else:
            where = [replace(d, body=formula) if d is changed else d for d in statement.where]
            made = replace(statement, where=tuple(where))
        require_known(made)
        place = "" if changed is None else f", in {changed.name}"
        within = None if changed is None else changed.name
        yield Mutant(change.kind, change.words + place, made, within)


def _doubled(statement: Statement) -> Iterator[Mutant]:
    """The weight decay twice as large in all of the conclusion, as by another convention."""
    name = "weight_decay"
    tree = statement.conclusion.tree
    if name in statement.numbers and name in names_of(tree):
        for node in [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name]:
            tree = exchanged(tree, node, product(ast.Constant(2), node))
        change = Change("weight decay", f"{name} throughout", f"2 * {name}")
        yield from _made(statement, change, tree, None)
