"""All small changes of a source: of operators, comparisons, numbers, conditions, terms, arguments.

Messages, types and decorators stay as they are.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

OPERATORS = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"), ast.Pow: ("**", "*"), ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"), ast.And: ("and", "or"), ast.Or: ("or", "and"), ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"),
}  # fmt: skip
"""An operator as it is written, and what it becomes."""

NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "above": "below", "below": "above",
    "minimum": "maximum", "maximum": "minimum", "amin": "amax", "amax": "amin",
}  # fmt: skip
"""Functions that become others."""

TERMS = (ast.Add, ast.Sub, ast.Mult, ast.BitOr, ast.BitAnd)
"""Operators of which either side is also left out."""


@dataclass(frozen=True)
class Mutant:
    """One change of a source: where, what stood there, and what stands there now.

    Attributes:
        number: of the line.
        within: the functions and classes around it, with dots between them.
        line: its text.
        change: what becomes of which part of it. The second of two equal ones says so.
        source: the whole source with the change.
        reached: the lines of the statement. Only a test that comes there can notice.
    """

    number: int
    within: str
    line: str
    change: str
    source: str
    reached: range

    def __str__(self) -> str:
        return f"{self.number}: {self.change}"

    @property
    def place(self) -> tuple[str, str, str]:
        """What names it as long as its line stays, wherever that is."""
        return self.within, self.line, self.change

    @property
    def digest(self) -> str:
        """What names its source."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]


class Mutator:
    """All mutants of one source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.starts = [0]
        for line in source.encode().splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def mutants(self) -> Iterator[Mutant]:
        """In the order of the source, each different from the source and from all others."""
        tree, text = ast.parse(self.source), self.source.encode()
        lines, around = self.source.splitlines(), _around(tree)
        seen = {self.source}
        equal: Counter[tuple[str, str, str]] = Counter()
        for outermost in tree.body:
            first, last = self._span(outermost)
            for node in self._visited(outermost):
                for (start, end), new in self._changes(node):
                    changed = (text[:start] + new.encode() + text[end:]).decode()
                    # What is around it stays, so that this alone decides.
                    part = (text[first:start] + new.encode() + text[end:last]).decode()
                    if changed in seen or not _compiles(part):
                        continue
                    seen.add(changed)
                    place = end - len(text[start:end].lstrip(b", \n"))
                    number = text[:place].count(b"\n") + 1
                    within, reached = around[number]
                    line, old = lines[number - 1].strip(), text[start:end].decode()
                    change = f"{' '.join(old.split())}  ->  {' '.join(new.split())}"
                    equal[within, line, change] += 1
                    if equal[within, line, change] > 1:
                        change += f"  ({equal[within, line, change]})"
                    yield Mutant(number, within, line, change, changed, reached)

    def _visited(self, node: ast.AST) -> Iterator[ast.expr | ast.stmt | ast.keyword]:
        """What may be changed: no types, decorators, messages, docstrings."""
        if _is_left_alone(node):
            return
        if isinstance(node, ast.expr | ast.stmt | ast.keyword):
            yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "exc", "msg", "bases"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self._visited(child)

    def _span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr) -> str:
        return self.source.encode()[slice(*self._span(node))].decode()

    def _changes(
        self, node: ast.expr | ast.stmt | ast.keyword
    ) -> Iterator[tuple[tuple[int, int], str]]:
        """What is replaced, and by what."""
        # Long: one case for each sort of change.
        match node:
            case ast.BinOp(left, op, right):
                yield from self._swapped(op, left, right)
                if isinstance(op, TERMS):
                    yield self._span(node), f"({self._text(left)})"
                    yield self._span(node), f"({self._text(right)})"
            case ast.BoolOp(op, values):
                for left, right in pairwise(values):
                    yield from self._swapped(op, left, right)
                for kept in values:
                    yield self._span(node), f"({self._text(kept)})"
            case ast.Compare(left, ops, others):
                for relation, one, other in zip(ops, [left, *others], others, strict=False):
                    yield from self._swapped(relation, one, other)
            case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
                yield self._span(node), f"({self._text(operand)})"
            case ast.Constant(bool(value)):
                yield self._span(node), str(not value)
            case ast.Constant(int() | float() as value):
                yield self._span(node), f"({value!r} + 1)"
            case ast.Name(name) if name in NAMES:
                yield self._span(node), NAMES[name]
            case ast.Attribute(value, name) if name in NAMES:
                yield self._span(node), f"{self._text(value)}.{NAMES[name]}"
            case ast.If(test) | ast.While(test) | ast.IfExp(test):
                if not isinstance(test, ast.Compare):
                    yield self._span(test), f"not ({self._text(test)})"
            case ast.AugAssign(target, op, value):
                yield from self._swapped(op, target, value)
                yield self._span(node), "pass"
            case ast.Expr(ast.Call()) | ast.Raise() | ast.Continue() | ast.Break():
                yield self._span(node), "pass"
            case ast.Call():
                yield from self._shorter(node)

    def _swapped(
        self, op: ast.AST, left: ast.expr, right: ast.expr
    ) -> Iterator[tuple[tuple[int, int], str]]:
        if type(op) not in OPERATORS:
            return
        written, other = OPERATORS[type(op)]
        between = self._span(left)[1], self._span(right)[0]
        text = self.source.encode()[slice(*between)].decode()
        yield between, text.replace(written, other, 1)

    def _shorter(self, call: ast.Call) -> Iterator[tuple[tuple[int, int], str]]:
        """The call without one of its named arguments."""
        spans = [self._span(argument) for argument in call.args]
        spans += [self._span(argument) for argument in call.keywords]
        for keyword in call.keywords:
            start, end = self._span(keyword)
            before = [left for _, left in spans if left <= start]
            after = [right for right, _ in spans if right >= end]
            if keyword.arg is None:
                continue
            if after:
                yield (start, min(after)), ""
            elif before:
                yield (max(before), end), ""
            else:
                yield (start, self._span(call)[1] - 1), ""


def _is_left_alone(node: ast.AST) -> bool:
    """Messages, and what is imported for types."""
    match node:
        case ast.JoinedStr() | ast.If(ast.Name("TYPE_CHECKING")):
            return True
    return False


def _around(tree: ast.Module) -> dict[int, tuple[str, range]]:
    """For each line the names of what it is in, and the lines of its statement.

    Of a statement that holds others, only what comes before these.
    """
    found: dict[int, tuple[str, range]] = {}

    def enter(node: ast.AST, within: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                last = child.end_lineno or child.lineno
                body = getattr(child, "body", None)
                header = max(child.lineno, body[0].lineno - 1) if body else last
                found.update(
                    (line, (within, range(child.lineno, (header if line <= header else last) + 1)))
                    for line in range(child.lineno, last + 1)
                )
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                enter(child, f"{within}.{child.name}".lstrip("."))
            else:
                enter(child, within)

    enter(tree, "")
    return found


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True
