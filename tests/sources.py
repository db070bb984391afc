"""Python sources: their small numbers, what justifies these, and what hides a failure."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from fractions import Fraction
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent

SMALL = Fraction(0.01)
"""Definition: numbers up to this one count as tolerances."""

MARKER = re.compile(r"\b(Derivation|Definition):\s+\w")
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
NUMERIC = re.compile(
    "abs|max|min|maximum|minimum|float|float64|Fraction|Decimal|sqrt|arb|fmpq|array|asarray|tensor"
)
"""Functions whose result is of the size of their arguments."""
APPROXIMATE = re.compile(".*approx|.*allclose|.*isclose|.*almost_?equal.*", re.IGNORECASE)
HIDING = re.compile("flaky|.*rerun.*|xfail|importorskip|skip|skipif|skipunless|skiptest", re.I)
MISSING = (
    "not torch.cuda.is_available()",
    "not shutil.which('chromedriver')",
    "not (shutil.which('firefox-esr') or shutil.which('firefox'))",
)
"""What a machine may lack without which a test has to be skipped: a GPU, a browser."""
TOLERANCES = re.compile("rtol|atol|tol|rel_tol|abs_tol|.*tolerance")
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Source:
    """One module: its syntax tree, its comments, and what its names stand for."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)
        self.lines = text.splitlines()
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        self.comments = {t.start[0]: t.string for t in tokens if t.type == tokenize.COMMENT}
        self.parents = {c: p for p in ast.walk(self.tree) for c in ast.iter_child_nodes(p)}

    @cached_property
    def imported(self) -> dict[str, tuple[str, str]]:
        """Names and what they are imported from: module and name there."""
        return {
            alias.asname or alias.name: (node.module, alias.name)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }

    def functions(self, node: ast.AST) -> Iterator[Function]:
        """Those around a node, innermost first."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, Function):
                yield node

    def bindings(self, scope: ast.AST, name: str) -> list[tuple[ast.expr, str]]:
        """Values that a scope's own code binds to a name, each with its marker or ""."""
        found: list[tuple[ast.expr, str]] = []
        if isinstance(scope, Function):
            arguments = scope.args
            positional = [*arguments.posonlyargs, *arguments.args]
            defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
            pairs = [*zip(positional, defaults, strict=True),
                     *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]  # fmt: skip
            found += [(d, "") for a, d in pairs if a.arg == name and d is not None]
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign):
                targets, value = node.targets, node.value
            elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value:
                targets, value = [node.target], node.value
            else:
                continue
            if next(self.functions(node), self.tree) is not scope:
                continue
            for target in targets:
                found += [(v, self.marker(node)) for n, v in _matched(target, value) if n == name]
        return found

    def marker(self, statement: ast.AST) -> str:
        """ "Derivation", "Definition" or "", from the comments and the string of an assignment."""
        if not isinstance(statement, ast.stmt):
            return ""
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        while first - 1 in self.comments and self.lines[first - 2].lstrip().startswith("#"):
            first -= 1
        words = [self.comments.get(line, "") for line in range(first, last + 1)]
        siblings = next(
            (b for _, b in ast.iter_fields(self.parents[statement])
             if isinstance(b, list) and statement in b), [statement],
        )  # fmt: skip
        for after in siblings[siblings.index(statement) + 1 :][:1]:
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                words.append(str(after.value.value))
        found = MARKER.search(" ".join(words))
        return found[1] if found else ""

    def justified(self, node: ast.AST) -> bool:
        """Whether the docstring of a function around a node holds a marker."""
        return any(
            not isinstance(f, ast.Lambda) and MARKER.search(ast.get_docstring(f) or "")
            for f in self.functions(node)
        )

    def small(self, expression: ast.expr, *, whole: bool = True, seen: str = "") -> bool:
        """Whether an expression has the size of a small number that nothing justifies."""
        number = constant(expression)
        if number is not None:
            return 0 < abs(number) <= SMALL
        match expression:
            case ast.Name(id=name) if name not in seen.split():
                scopes = [*self.functions(expression), self.tree]
                bound = next((b for s in scopes if (b := self.bindings(s, name))), [])
                if not bound and name in self.imported:
                    return _small_elsewhere(*self.imported[name], whole)
                return any(self._small_binding(v, m, whole, f"{seen} {name}") for v, m in bound)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in self.imported:
                return _small_elsewhere(".".join(self.imported[module]), name, whole)
            case ast.UnaryOp(operand=operand):
                return self.small(operand, whole=whole, seen=seen)
            case ast.BinOp(left=left, right=right):
                whole = whole and not any(map(self.is_number, (left, right)))
                return any(self.small(x, whole=whole, seen=seen) for x in (left, right))
            case ast.Call(func=function, args=arguments) if NUMERIC.fullmatch(_name(function)):
                return any(self.small(x, whole=whole, seen=seen) for x in arguments)
            case ast.IfExp(body=body, orelse=other):
                return any(self.small(x, whole=whole, seen=seen) for x in (body, other))
        return False

    def is_number(self, expression: ast.expr) -> bool:
        """Whether an expression is a number that is written down here, or a name of one."""
        if constant(expression) is not None:
            return True
        if not isinstance(expression, ast.Name):
            return isinstance(expression, ast.BinOp) and any(
                map(self.is_number, (expression.left, expression.right))
            )
        scopes = [*self.functions(expression), self.tree]
        bound = next((b for s in scopes if (b := self.bindings(s, expression.id))), [])
        return any(constant(v) is not None and not m for v, m in bound)

    def _small_binding(self, value: ast.expr, marker: str, whole: bool, seen: str) -> bool:
        if marker == "Derivation" or (marker == "Definition" and whole):
            return False
        return self.small(value, whole=marker != "Definition" and whole, seen=seen)

    def offences(self) -> Iterator[tuple[int, str]]:
        """Line and reason."""
        for node in ast.walk(self.tree):
            reason = self._offence(node)
            if reason is not None:
                yield getattr(node, "lineno", 0), reason

    def _offence(self, node: ast.AST) -> str | None:
        match node:
            case ast.Compare(left=left, comparators=others, ops=operators):
                sides = [left, *others]
                if any(_rounded(side) for side in sides):
                    return "comparison of rounded numbers"
                for operator, pair in zip(operators, pairwise(sides), strict=True):
                    # Whether a number is positive is no question of its size.
                    signs = any(constant(side) == 0 for side in pair)
                    if isinstance(operator, ORDER) and not signs and any(map(self.small, pair)):
                        return None if self.justified(node) else "comparison with a small number"
            case ast.keyword(arg=str(name), value=value) if TOLERANCES.fullmatch(name):
                if self.small(value) and not self.justified(node):
                    return "tolerance that is not justified"
            case ast.ExceptHandler(type=caught):
                if caught is None or "AssertionError" in ast.unparse(caught):
                    return "a failure is swallowed"
            case ast.Call(func=function) if _name(function) == "suppress":
                if "AssertionError" in ast.unparse(node):
                    return "a failure is swallowed"
            case ast.alias(name=name) if _forbidden(name.rpartition(".")[2]):
                return f"{name} is imported"
            case ast.Attribute(attr=name) | ast.Name(id=name) if _forbidden(name):
                return None if self._lacks_gpu(node) else f"{name} is used"
        return None

    def _lacks_gpu(self, node: ast.AST) -> bool:
        """Whether a skip is conditional on a missing GPU and says why."""
        call = self.parents[node]
        if not isinstance(call, ast.Call) or call.func is not node or _name(node) != "skipif":
            return False
        condition = [ast.unparse(a) for a in call.args]
        reasons = [k.value for k in call.keywords if k.arg == "reason"]
        given = any(isinstance(r, ast.Constant) and r.value for r in reasons)
        return len(condition) == 1 and condition[0] in MISSING and given


def constant(expression: ast.expr) -> Fraction | None:
    """The value of an expression of numbers alone."""
    match expression:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as number) if abs(number) < float("inf"):
            return Fraction(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = constant(operand)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = constant(left), constant(right)
            if a is None or b is None:
                return None
            return _combined(a, operator, b)
        case ast.Call(func=function, args=arguments) if NUMERIC.fullmatch(_name(function)):
            numbers = [_text_or_number(a) for a in arguments]
            if _name(function) in ("Fraction", "fmpq") and len(numbers) == 2 and all(numbers):
                return numbers[0] / numbers[1]  # type: ignore[operator]
            return numbers[0] if len(numbers) == 1 else None
    return None


def _combined(a: Fraction, operator: ast.operator, b: Fraction) -> Fraction | None:
    match operator:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div():
            return a / b if b else None
        case ast.Pow() if b.denominator == 1 and abs(b) <= 2000 and (a or b >= 0):
            return a ** int(b)
    return None


def _text_or_number(argument: ast.expr) -> Fraction | None:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        try:
            return Fraction(argument.value)
        except ValueError:
            return None
    return constant(argument)


def _name(function: ast.AST) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _matched(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Names of an assignment's target with the values that they take."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        alike = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        values = value.elts if alike else [value] * len(target.elts)  # type: ignore[attr-defined]
        for inner, part in zip(target.elts, values, strict=True):
            yield from _matched(inner, part)


def _rounded(side: ast.expr) -> bool:
    return any(
        isinstance(n, ast.Call) and _name(n.func) in ("round", "around") and len(n.args) > 1
        for n in ast.walk(side)
    )


def _forbidden(name: str) -> bool:
    return bool(APPROXIMATE.fullmatch(name) or HIDING.fullmatch(name))


@cache
def source(path: Path) -> Source:
    return Source(path.read_text(encoding="utf-8"))


def _small_elsewhere(module: str, name: str, whole: bool) -> bool:
    path = ROOT / module.replace(".", "/")
    if (path / "__init__.py").exists():
        face = source(path / "__init__.py").imported
        return name in face and _small_elsewhere(*face[name], whole)
    if not path.with_suffix(".py").exists():
        return False
    found = source(path.with_suffix(".py"))
    bound = found.bindings(found.tree, name)
    return any(found._small_binding(v, m, whole, name) for v, m in bound)
