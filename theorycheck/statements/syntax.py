"""The language of statements: formulas, parsed once, with what is wrong said where it stands.

A formula is a Python expression of few forms: numbers, names, arithmetic, comparisons, ``and``,
``or``, ``not``, conditional expressions, subscripts, lists, list comprehensions, and calls of the
words of the language (`theorycheck.statements.vocabulary`). The kernel defines what it means; every
reader here agrees with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from theorycheck.errors import InputError

NAME = r"[A-Za-z_][A-Za-z_0-9]*"
LETTERS = re.compile(r"[A-Za-z_0-9 ()\[\],+*/@<>=!-]*")
"""What formulas are written with: those of the kernel."""
LONGEST = 2000
"""Characters of a formula: as many as the kernel takes."""
RELATIONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.LtE: "<=", ast.GtE: ">=", ast.Lt: "<", ast.Gt: ">",
}  # fmt: skip
Comparison = tuple[ast.expr, str, ast.expr]
"""Left side, relation and right side."""
Joined = Literal["and", "or"]
"""Whether all comparisons of a conclusion are to be true, or any of them."""
FORMS = (
    ast.Name, ast.Tuple, ast.List, ast.UnaryOp, ast.USub, ast.Not, ast.BoolOp, ast.And, ast.Or,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.MatMult, ast.Div, ast.Pow, ast.Compare, *RELATIONS,
    ast.IfExp, ast.Subscript, ast.ListComp, ast.comprehension, ast.Call, ast.Constant, ast.Load,
    ast.Store,
)  # fmt: skip


@dataclass(frozen=True)
class Formula:
    """One formula: its text, and its syntax tree, which follows from it."""

    text: str
    tree: ast.expr = field(compare=False, repr=False)

    @classmethod
    def of(cls, text: str) -> Formula:
        """Parse a formula; one that was parsed before is the same object.

        Raises:
            InputError: saying what is wrong in which column.
        """
        return _parsed(text)

    @cached_property
    def names(self) -> tuple[frozenset[str], frozenset[str]]:
        """Those that it uses, and those that its loops give to values."""
        names = [node for node in ast.walk(self.tree) if isinstance(node, ast.Name)]
        given = frozenset(node.id for node in names if isinstance(node.ctx, ast.Store))
        return frozenset(node.id for node in names), given

    @cached_property
    def normal(self) -> str:
        """Its text with spaces and parentheses of one style: equal for equal trees."""
        return ast.unparse(self.tree)

    def comparison(self) -> Comparison:
        """Both sides of a conclusion and the relation between them.

        Raises:
            InputError: unless it is one comparison of two sides.
        """
        _, (first, *others) = self.comparisons()
        if others:
            raise wrong(self.text, 0, "this conclusion is more than one comparison")
        return first

    def comparisons(self) -> tuple[Joined, list[Comparison]]:
        """How the comparisons of a conclusion are joined, and each of them; one is joined by and.

        Raises:
            InputError: unless it is one comparison of two sides, or several that ``and`` joins, or
                ``or``.
        """
        joined: Joined = "and"
        parts = [self.tree]
        if isinstance(self.tree, ast.BoolOp):
            joined, parts = "or" if isinstance(self.tree.op, ast.Or) else "and", self.tree.values
        return joined, [self._compared(part) for part in parts]

    def _compared(self, part: ast.expr) -> Comparison:
        match part:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return left, RELATIONS[type(op)], right
        reason = (
            "a conclusion is one comparison of two sides, or several joined by `and`, or by `or`"
        )
        raise wrong(self.text, part.col_offset, reason)


@lru_cache(maxsize=1 << 14)
def _parsed(text: str) -> Formula:
    strange = re.search(rf"[^{LETTERS.pattern[1:-2]}]", text)
    if strange is not None:
        raise wrong(text, strange.start(), f"{strange[0]!r} is not a letter of the language")
    if len(text) > LONGEST:
        raise InputError(f"a formula of {len(text)} characters: use `where` to shorten it")
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise wrong(text, (error.offset or 1) - 1, str(error.msg)) from error
    for node in ast.walk(tree):
        _check_form(text, node)
    return Formula(text, tree)


@dataclass(frozen=True)
class Definition:
    """An abbreviation: ``name = body``, or a function, ``name(a, b) = body``."""

    name: str
    arguments: tuple[str, ...] | None
    body: Formula

    @classmethod
    def of(cls, text: str) -> Definition:
        """Parse ``name = formula`` or ``name(a, b) = formula``, with any spaces.

        Raises:
            InputError: when it is neither.
        """
        arguments = rf"\(\s*({NAME}(?:\s*,\s*{NAME})*)\s*\)"
        found = re.fullmatch(rf"\s*({NAME})\s*(?:{arguments})?\s*=(?!=)\s*(.+)", text, re.DOTALL)
        if found is None:
            raise InputError(f"`{text}` is no definition: write `name = formula` or `name(a) = …`")
        names = None if found[2] is None else tuple(re.findall(NAME, found[2]))
        return cls(found[1], names, Formula.of(found[3]))

    @property
    def text(self) -> str:
        """As the kernel reads it."""
        arguments = "" if self.arguments is None else f"({', '.join(self.arguments)})"
        return f"{self.name}{arguments} = {self.body.text}"


@dataclass(frozen=True)
class Variable:
    """A quantified variable, and the formula of the values that it takes."""

    name: str
    among: Formula

    @classmethod
    def of(cls, text: str) -> Variable:
        """Parse ``name in formula``.

        Raises:
            InputError: when it is not of that form.
        """
        found = re.fullmatch(rf"({NAME}) in (.+)", text, re.DOTALL)
        if found is None:
            raise InputError(f"`{text}` quantifies nothing: write `k in weights`, for example")
        return cls(found[1], Formula.of(found[2]))


@dataclass(frozen=True)
class Statement:
    """For all values of the variables: where the hypotheses are met, the conclusion is true.

    Attributes:
        conclusion: one comparison, or several that ``and`` joins, or ``or``.
        forall: the variables; ranges may use those before.
        given: the hypotheses, as conditions.
        where: abbreviations, each of which may use those before.
        numbers: names of the numbers of a case that the formulas use, such as ``weight_decay``.
    """

    conclusion: Formula
    forall: tuple[Variable, ...] = ()
    given: tuple[Formula, ...] = ()
    where: tuple[Definition, ...] = ()
    numbers: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        conclusion: str,
        *,
        forall: Sequence[str] = (),
        given: Sequence[str] = (),
        where: Sequence[str] = (),
        numbers: Sequence[str] = (),
    ) -> Statement:
        """Parse the texts of a statement.

        Raises:
            InputError: saying which formula is wrong, and where.
        """
        parsed = Formula.of(conclusion)
        parsed.comparisons()
        return cls(
            parsed,
            tuple(map(Variable.of, forall)),
            tuple(map(Formula.of, given)),
            tuple(map(Definition.of, where)),
            tuple(numbers),
        )

    @property
    def used(self) -> tuple[Definition, ...]:
        """The abbreviations that it comes to; those of a family may be more."""
        rest = [*(variable.among for variable in self.forall), *self.given, self.conclusion]
        wanted = {name for formula in rest for name in formula.names[0]}
        found: list[Definition] = []
        for definition in reversed(self.where):
            if definition.name in wanted:
                found.insert(0, definition)
                wanted |= definition.body.names[0]
        return tuple(found)

    def formulas(self) -> Iterator[Formula]:
        """All formulas: definitions, ranges, hypotheses, and the conclusion."""
        yield from (definition.body for definition in self.where)
        yield from (variable.among for variable in self.forall)
        yield from self.given
        yield self.conclusion


def wrong(text: str, column: int, reason: str) -> InputError:
    """The error that says what is wrong in a formula, and in which column, counted from 1."""
    return InputError(f"in `{text}`, column {column + 1}: {reason}")


def _check_form(text: str, node: ast.AST) -> None:
    """Raise InputError unless a node has a form of the language."""
    if isinstance(node, ast.operator | ast.unaryop | ast.cmpop):
        return  # They have no place of their own: the expression that they stand in names them.
    column = getattr(node, "col_offset", 0)
    used = [getattr(node, "op", node), *getattr(node, "ops", ())]
    if not isinstance(node, FORMS) or not all(isinstance(part, FORMS) for part in used):
        raise wrong(text, column, f"{ast.unparse(node)!r} is not part of the language")
    match node:
        case ast.Constant(value=value) if type(value) not in (int, bool):
            raise wrong(text, column, f"{value!r}: write whole numbers and quotients of them")
        case ast.Call(func=called) if not isinstance(called, ast.Name) or node.keywords:
            raise wrong(text, column, "a call has the form word(a, b)")
        case ast.comprehension(target=target) if not isinstance(target, ast.Name) or node.is_async:
            raise wrong(text, target.col_offset, "a loop has the form `for name in list`")
        case ast.Subscript(slice=ast.Slice() | ast.Tuple()):
            raise wrong(text, column, "a subscript is one number: write a[i][j]")
