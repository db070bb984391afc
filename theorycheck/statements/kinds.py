"""Kinds of values: numbers, truths and lists, and whether a statement uses each where it may stand.

What every case would leave without a value is told where it is written, before any case is drawn.
A formula is read with the kinds of its names alone; where a kind depends on the network (a
parameter is a matrix, a vector or a number) it is `ARRAY`, which may stand for all of them.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from typing import NoReturn

from theorycheck.statements.syntax import Definition, Formula, Statement, wrong
from theorycheck.statements.vocabulary import FUNCTIONS, NAMES, NUMBERS


@dataclass(frozen=True, eq=False)
class Kind:
    """What sort of value a formula has; there is one object of each.

    Attributes:
        name, several: one of them and many, in words.
        of: of a list, the kind of its entries.
    """

    name: str
    several: str
    of: Kind | None = None

    def __str__(self) -> str:
        if self.several != "lists" or self.of in (None, ANY):
            return self.name
        return f"a list of {self.of.several}"

    @property
    def entry(self) -> Kind | None:
        """The kind of an entry; None of what has no entries."""
        return self if self in (ARRAY, ANY) else self.of


NUMBER, TRUTH = Kind("a number", "numbers"), Kind("true or false", "truths")
ARRAY = Kind("a number, vector or matrix", "arrays")
"""Which of them depends on the network."""
ANY = Kind("anything", "things")
SET = Kind("a range or batch", "ranges or batches", NUMBER)
"""Whole numbers that are counted and looped over; there is no arithmetic of them."""


@cache
def _list_of(entries: Kind) -> Kind:
    return Kind("a list", "lists", entries)


LIST = _list_of(ANY)
VECTOR = _list_of(NUMBER)
MATRIX = _list_of(VECTOR)

NAMED: dict[str, Kind] = {
    **dict.fromkeys(NAMES, SET),
    **dict.fromkeys(("weights", "filters", "biases", "shifts"), VECTOR),
    **dict.fromkeys(("skips", "x", "y"), MATRIX),
    "depth": NUMBER,
    "W": _list_of(ARRAY),
}
"""What each name of the language stands for."""
KINDS: dict[str, Kind] = {
    "number": NUMBER, "truth": TRUTH, "array": ARRAY, "any": ANY, "list": LIST,
    "vector": VECTOR, "matrix": MATRIX, "truths": _list_of(TRUTH),
    "set": SET, "sets": _list_of(SET),
}  # fmt: skip
"""The kinds by which the vocabulary says what words take and give."""


def require_kinds(statement: Statement) -> None:
    """Find the kind of every part of a statement whose names are known.

    Raises:
        InputError: saying which part is of the wrong kind, where, and what belongs there.
    """
    names = {**NAMED, **dict.fromkeys(statement.numbers, ANY), **dict.fromkeys(NUMBERS, NUMBER)}
    kinds = _Kinds(names, {})
    for definition in statement.where:
        within = dict.fromkeys(definition.arguments or (), ANY)
        kind = kinds.of(definition.body, within)
        if definition.arguments is None:
            names[definition.name] = kind
        else:
            kinds.definitions[definition.name] = definition
    variables: dict[str, Kind] = {}
    for variable in statement.forall:
        reader = _Reader(kinds, variable.among, variables)
        variables[variable.name] = reader.entry(variable.among.tree, "a range")
    for formula in statement.given:
        _Reader(kinds, formula, variables).condition(formula.tree)
    _Reader(kinds, statement.conclusion, variables).condition(statement.conclusion.tree)


class _Kinds:
    """The kinds of a statement's names, and of what its functions give for arguments of a kind."""

    def __init__(self, names: dict[str, Kind], definitions: dict[str, Definition]) -> None:
        self.names, self.definitions = names, definitions
        self._known: dict[tuple[str, tuple[Kind, ...]], Kind] = {}

    def of(self, formula: Formula, variables: Mapping[str, Kind]) -> Kind:
        return _Reader(self, formula, variables).kind(formula.tree)

    def called(self, name: str, arguments: tuple[Kind, ...]) -> Kind:
        """What a function of the statement gives."""
        if (name, arguments) not in self._known:
            definition = self.definitions[name]
            within = dict(zip(definition.arguments or (), arguments, strict=True))
            self._known[name, arguments] = self.of(definition.body, within)
        return self._known[name, arguments]


@dataclass(frozen=True)
class _Reader:
    """Finds the kinds of the parts of one formula."""

    kinds: _Kinds
    formula: Formula
    variables: Mapping[str, Kind]

    def kind(self, node: ast.expr) -> Kind:
        # Long: one case for each construct of the language.
        match node:
            case ast.Constant(value=value):
                return TRUTH if isinstance(value, bool) else NUMBER
            case ast.Name(id=name):
                return self.variables[name] if name in self.variables else self.kinds.names[name]
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return _list_of(reduce(_either, map(self.kind, parts)) if parts else ANY)
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return self.condition(part)
            case ast.UnaryOp(operand=part):
                return self.operand(part)
            case ast.BoolOp(values=parts):
                for part in parts:
                    self.condition(part)
                return TRUTH
            case ast.Compare(left=left, comparators=parts):
                for side in (left, *parts):
                    self.require(NUMBER, side, "what is compared")
                return TRUTH
            case ast.BinOp(left=left, op=op, right=right):
                return self.combined(node, op, self.operand(left), self.operand(right))
            case ast.IfExp(test=test, body=body, orelse=other):
                self.condition(test)
                return _either(self.kind(body), self.kind(other))
            case ast.Subscript(value=part, slice=index):
                self.require(NUMBER, index, "a subscript")
                return self.entry(part, "what has a subscript")
            case ast.ListComp(elt=part, generators=loops):
                inner = self
                for loop in loops:
                    inner = inner.bound(loop)
                return _list_of(inner.kind(part))
            case ast.Call(func=ast.Name(id=name), args=parts):
                return self.call(name, parts)
        raise AssertionError(ast.dump(node))

    def call(self, name: str, parts: list[ast.expr]) -> Kind:
        if name in self.kinds.definitions:
            return self.kinds.called(name, tuple(map(self.kind, parts)))
        word = FUNCTIONS[name]
        found = [
            self.require(KINDS[wanted], part, f"argument {place} of {name}")
            for place, (wanted, part) in enumerate(zip(word.takes, parts, strict=False), start=1)
        ]
        match word.gives:
            case "entry":
                return found[0].entry or ANY
            case "first" | "second":
                return found[word.gives == "second"]
        return KINDS[word.gives]

    def bound(self, loop: ast.comprehension) -> _Reader:
        """The reader of what stands within a loop."""
        assert isinstance(loop.target, ast.Name)
        entry = self.entry(loop.iter, "what is looped over")
        inner = _Reader(self.kinds, self.formula, {**self.variables, loop.target.id: entry})
        for test in loop.ifs:
            inner.condition(test)
        return inner

    def combined(self, node: ast.BinOp, op: ast.operator, left: Kind, right: Kind) -> Kind:
        """The kind of a sum, difference, product, quotient or power."""
        lists = [side for side in (left, right) if side.of is not None]
        fits = {
            ast.MatMult: NUMBER not in (left, right),
            ast.Mult: len(lists) < 2,
            ast.Div: right.of is None,
            ast.Pow: not lists,
        }.get(type(op), not (lists and NUMBER in (left, right)))
        if not fits:
            hint = "; use `inner(a, b)` or `a @ b`" if isinstance(op, ast.Mult) else ""
            self.fail(node, f"this combines {left} and {right}{hint}")
        if isinstance(op, ast.MatMult) or ANY in (left, right) or ARRAY in (left, right):
            return ARRAY
        return lists[0] if lists else NUMBER

    def operand(self, node: ast.expr) -> Kind:
        """The kind of what is calculated with."""
        return self.require(ARRAY, node, "what is calculated with")

    def condition(self, node: ast.expr) -> Kind:
        return self.require(TRUTH, node, "a condition")

    def entry(self, node: ast.expr, what: str) -> Kind:
        """The kind of the entries of a list."""
        return self.require(LIST, node, what).entry or ANY

    def require(self, wanted: Kind, node: ast.expr, what: str) -> Kind:
        found = self.kind(node)
        if not _may_be(found, wanted):
            self.fail(node, f"{what} is {wanted}, and this is {found}")
        return found

    def fail(self, node: ast.expr, reason: str) -> NoReturn:
        raise wrong(self.formula.text, node.col_offset, reason)


def _either(one: Kind, other: Kind) -> Kind:
    """The kind of what is of one kind or the other."""
    if one == other:
        return one
    return ARRAY if not {TRUTH, SET, ANY} & {one, other} else ANY


def _may_be(found: Kind, wanted: Kind) -> bool:
    """Whether a value of the kind that is found may be one of the kind that is wanted."""
    if ANY in (found, wanted):
        return True
    if ARRAY in (found, wanted):
        return TRUTH not in (found, wanted) and SET not in (found, wanted)
    if found.of is None or wanted.of is None:
        return found == wanted
    return _may_be(found.of, wanted.of)
