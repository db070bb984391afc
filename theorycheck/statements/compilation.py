"""Formulas as functions of Python: what is evaluated at many points is translated once.

Each construct becomes a call of a method of the reader (`theorycheck.statements.interpreter`),
which says what numbers and words are; variables become variables of Python.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache, partial
from operator import call
from typing import Any

from theorycheck.statements.syntax import RELATIONS
from theorycheck.statements.truths import every, opposite, some

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.MatMult, ast.Div, ast.Pow)
GLOBALS = {
    **{operator.__name__: operator() for operator in OPERATORS},
    "call": call, "every": every, "some": some, "opposite": opposite, "map": map,
}  # fmt: skip
READER = ast.Name("reader", ast.Load())
VARIABLE = "v_{}"
"""The name of a variable in Python; no other name there begins so."""


@lru_cache(maxsize=1 << 14)
def compiled(tree: ast.expr, variables: tuple[str, ...]) -> Callable[..., Any]:
    """A formula as a function of a reader, and of the values of its variables in this order."""
    names = [ast.arg(name) for name in (READER.id, *map(VARIABLE.format, variables))]
    body = translated(tree, frozenset(variables))
    source = ast.Expression(ast.Lambda(ast.arguments([], names, None, [], [], None, []), body))
    return eval(compile(ast.fix_missing_locations(source), "<formula>", "eval"), GLOBALS)  # type: ignore[no-any-return]


def translated(tree: ast.expr, bound: frozenset[str]) -> ast.expr:
    """The expression of Python that evaluates a formula, in which some variables have values."""
    of = partial(translated, bound=bound)
    # Long: one case for each construct of the language.
    match tree:
        case ast.Name(id=name) if name in bound:
            return ast.Name(VARIABLE.format(name), ast.Load())
        case ast.Name(id=name):
            return _asked("named", ast.Constant(name))
        case ast.Constant():
            return tree
        case ast.Call(func=ast.Name(id="grad"), args=[formula, index]):
            return _asked("gradient", _later(of(formula)), of(index))
        case ast.Call(func=ast.Name(id=name), args=parts):
            return _call(_asked("word", ast.Constant(name)), *map(of, parts))
        case ast.Subscript(value=part, slice=index):
            return _asked("entry", of(part), of(index))
        case ast.BinOp(left=left, op=op, right=right):
            return _asked("combined", _operator(type(op)), of(left), of(right))
        case ast.Tuple(elts=parts):
            return ast.Tuple([*map(of, parts)], ast.Load())
        case ast.List(elts=parts):
            return ast.List([*map(of, parts)], ast.Load())
        case ast.UnaryOp(op=ast.USub(), operand=part):
            return _asked("combined", _operator(ast.Mult), ast.Constant(-1), of(part))
        case ast.UnaryOp(operand=part):
            return _call(_global("opposite"), of(part))
        case ast.BoolOp(op=joined, values=parts):
            truths = ast.Tuple([_later(of(part)) for part in parts], ast.Load())
            every_or_some = _global("every" if isinstance(joined, ast.And) else "some")
            return _call(every_or_some, _call(_global("map"), _global("call"), truths))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _asked("compared", of(left), ast.Constant(RELATIONS[type(op)]), of(right))
        case ast.Compare(left=left, ops=ops, comparators=parts):
            sides = ast.Tuple([of(part) for part in (left, *parts)], ast.Load())
            relations = [ast.Constant(RELATIONS[type(op)]) for op in ops]
            return _asked("compared_in_turn", sides, ast.Tuple([*relations], ast.Load()))
        case ast.IfExp(test=test, body=body, orelse=other):
            return _asked("chosen", of(test), _later(of(body)), _later(of(other)))
        case ast.ListComp(elt=part, generators=loops):
            return _loops(part, loops, bound)
    raise AssertionError(ast.dump(tree))


def _loops(part: ast.expr, loops: list[ast.comprehension], bound: frozenset[str]) -> ast.ListComp:
    """A list; each loop has a variable that is bound in those after it."""
    generators = []
    for loop in loops:
        assert isinstance(loop.target, ast.Name)
        among = _asked("entries", translated(loop.iter, bound))
        bound |= {loop.target.id}
        conditions = [_asked("admitted", translated(test, bound)) for test in loop.ifs]
        target = ast.Name(VARIABLE.format(loop.target.id), ast.Store())
        generators.append(ast.comprehension(target, among, conditions, 0))
    return ast.ListComp(translated(part, bound), generators)


def _asked(method: str, *arguments: ast.expr) -> ast.expr:
    """A call of a method of the reader."""
    return _call(ast.Attribute(READER, method, ast.Load()), *arguments)


def _call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.Call(function, [*arguments], [])


def _global(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _operator(kind: type[ast.operator]) -> ast.expr:
    return _global(kind.__name__)


def _later(part: ast.expr) -> ast.expr:
    """A function without arguments, for what may not be evaluated, or elsewhere."""
    return ast.Lambda(ast.arguments([], [], None, [], [], None, []), part)
