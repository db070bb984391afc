"""What the hypotheses of a statement say that algebra can use: what is 0, positive, or of square 1.

Only what is said explicitly counts: hypotheses, the parts that ``and`` joins, and what is
said of all samples. Abbreviations that hypotheses name are those of the statement itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from theorycheck.statements.polynomials import Monomial, Polynomial
from theorycheck.statements.syntax import Definition, Formula, Statement

PLACE = r"\w+"
"""How a sample is named in the text of an atom: nothing that would have to be read on."""


@dataclass(frozen=True)
class Hypotheses:
    """What is known wherever a statement says something.

    Attributes:
        zero: numbers of the case that are 0.
        vanishing: abbreviations with one argument that are 0 at every sample, and have no value at
            what is no sample.
        positive: numbers of the case that are positive.
        signs: atoms whose square is 1, as regular expressions.
        fitted: whether ``f(n, 0) == y[n][0]`` at every sample.
        one_output: whether 0 is the only output.
        normalised: whether layers may be normalised over the batch, so that batches matter.
        weights_alone: whether all parameters are weight matrices.
        free: names that hypotheses and ranges use, but for the variables of their loops.
    """

    zero: frozenset[str]
    vanishing: frozenset[str]
    positive: frozenset[str]
    signs: frozenset[str]
    fitted: bool
    one_output: bool
    normalised: bool
    weights_alone: bool
    free: frozenset[str]

    def of_a_function(self) -> Hypotheses:
        """What is true at other weights, too, as derivatives need it."""
        return replace(self, vanishing=frozenset(), fitted=False)

    def reduced(self, polynomial: Polynomial) -> Polynomial:
        """The same number, without pairs of an atom of square 1, and without outputs that fit."""
        if not self.signs and not self.fitted:
            return polynomial
        found: Polynomial = {}
        for monomial, coefficient in polynomial.items():
            left: list[str] = []
            for factor in map(self._target, monomial):
                if factor in left and any(re.fullmatch(sign, factor) for sign in self.signs):
                    left.remove(factor)
                else:
                    left.append(factor)
            key = tuple(sorted(left))
            found[key] = found.get(key, 0) + coefficient
        return {monomial: c for monomial, c in found.items() if c}

    def unsigned(self, monomial: Monomial) -> Monomial:
        """Without the atoms of square 1: it has the same size, and the same rank."""
        return tuple(f for f in monomial if not any(re.fullmatch(s, f) for s in self.signs))

    def _target(self, factor: str) -> str:
        """The target in the place of an output that equals it."""
        output = re.fullmatch(rf"f\(({PLACE}), 0\)", factor)
        return f"y[{output[1]}][0]" if self.fitted and output else factor


def hypotheses_of(statement: Statement) -> Hypotheses:
    """What the hypotheses of a statement say."""
    ranges = tuple(variable.among for variable in statement.forall)
    return _read(statement.given, ranges, statement.numbers, statement.where)


@cache
def _read(
    given: tuple[Formula, ...],
    ranges: tuple[Formula, ...],
    numbers: tuple[str, ...],
    where: tuple[Definition, ...],
) -> Hypotheses:
    parts = [part for formula in given for part in _parts(formula.tree)]
    everywhere = {text for text, variable in parts if variable is None}
    at_samples = {
        re.sub(rf"\b{variable}\b", "_", text) for text, variable in parts if variable is not None
    }
    labels = {rf"y\[{re.escape(place)}\]\[0\]" for text in everywhere
              for place in re.findall(r"^y\[(\d+)\]\[0\] \*\* 2 == 1$", text)}  # fmt: skip
    if "y[_][0] ** 2 == 1" in at_samples:
        labels.add(rf"y\[{PLACE}\]\[0\]")
    of_samples = _of_samples(where)
    return Hypotheses(
        zero=frozenset(name for name in numbers if f"{name} == 0" in everywhere),
        vanishing=frozenset(name for name in of_samples if f"{name}(_) == 0" in at_samples),
        positive=frozenset(name for name in numbers if f"{name} > 0" in everywhere),
        signs=frozenset(labels),
        fitted="f(_, 0) == y[_][0]" in at_samples,
        one_output="len(outputs) == 1" in everywhere | at_samples,
        normalised="not normalised()" not in everywhere,
        weights_alone={"not normalised()", "len(biases) == 0"} <= everywhere,
        free=frozenset().union(*(_free(formula.tree) for formula in (*given, *ranges))),
    )


def _free(tree: ast.AST) -> set[str]:
    """The names that a formula uses, but for the variables of its loops."""
    match tree:
        case ast.Name(id=name):
            return {name}
        case ast.ListComp(generators=loops):
            inner = set().union(*map(_free, ast.iter_child_nodes(tree)))
            return inner - {loop.target.id for loop in loops if isinstance(loop.target, ast.Name)}
    return set().union(*map(_free, ast.iter_child_nodes(tree)))


def _parts(tree: ast.expr, variable: str | None = None) -> Iterator[tuple[str, str | None]]:
    """What a hypothesis says, each with the variable if that is said of all samples."""
    match tree:
        case ast.BoolOp(op=ast.And(), values=parts):
            for part in parts:
                yield from _parts(part, variable)
        case ast.Call(
            func=ast.Name(id="all"),
            args=[
                ast.ListComp(
                    elt=part,
                    generators=[
                        ast.comprehension(
                            target=ast.Name(id=name), iter=ast.Name(id="samples"), ifs=[]
                        )
                    ],
                )
            ],
        ) if variable is None:
            yield from _parts(part, name)
        case _:
            yield ast.unparse(tree), variable


def _of_samples(where: tuple[Definition, ...]) -> set[str]:
    """Abbreviations that have a value at samples alone, because they read one in any case."""
    found: set[str] = set()
    for definition in where:
        if definition.arguments and len(definition.arguments) == 1:
            [argument] = definition.arguments
            if _reads(definition.body.tree, argument, found):
                found.add(definition.name)
    return found


def _reads(tree: ast.AST, argument: str, known: set[str]) -> bool:
    """Whether a formula reads a sample whatever the case is: neither by choice nor in a loop."""
    match tree:
        case ast.IfExp() | ast.ListComp() | ast.BoolOp():
            return False
        case ast.Subscript(value=ast.Name(id="x" | "y"), slice=ast.Name(id=name)):
            return name == argument
        case ast.Call(func=ast.Name(id=word), args=[ast.Name(id=name), *_]) if (
            name == argument and word in {"f", "df", "h", *known}
        ):
            return True
    return any(_reads(child, argument, known) for child in ast.iter_child_nodes(tree))
