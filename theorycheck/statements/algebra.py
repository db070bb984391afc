"""Algebra: what follows from a statement by the rules of addition and multiplication alone.

Formulas are expanded as polynomials, with rational coefficients, in whatever is no sum and no
product. Two statements whose comparisons are then the same say the same. An inequality follows
from another one where the difference of its sides exceeds the other's by products of numbers that
are not negative.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from theorycheck.statements.polynomials import (
    Monomial,
    Polynomial,
    TooLong,
    atom,
    closes,
    constant,
    inverse,
    plus,
    scaled,
    text_of,
    times,
    unturned,
    without,
    without_divisors,
)
from theorycheck.statements.syntax import Joined, Statement

NOT_NEGATIVE = ("squared", "frobenius", "spectral", "nuclear", "largest", "root", "abs", "exp",
                "len", "rank", "frobenius_beyond", "spectral_beyond", "nuclear_beyond")  # fmt: skip
TURNED = ("rank", "squared", "frobenius", "spectral", "nuclear", "largest", "frobenius_beyond",
          "spectral_beyond", "nuclear_beyond")  # fmt: skip
"""Words that say the same of a matrix and of its transpose."""
SIZES = (*TURNED[2:], "abs")
"""Words of whose first argument a factor is a factor of theirs, but for the sign."""
SMALLER = {
    "spectral": ("frobenius", "nuclear"), "frobenius": ("nuclear",),
    "largest": ("spectral", "frobenius", "nuclear"),
    "spectral_beyond": ("frobenius_beyond", "nuclear_beyond"),
    "frobenius_beyond": ("nuclear_beyond",),
}  # fmt: skip
"""Norms, with those that are at least as large."""
HIGHEST_POWER, MOST_CONDITIONS = 4, 5

MULTIPLES = (Fraction(1), Fraction(2), Fraction(1, 2))
"""Of the difference of the sides of an inequality, by which that of a weaker one may exceed it."""


class _Unknown(Exception):
    """What is chosen by a condition depends on whether it is true."""


def same(statement: Statement, other: Statement) -> bool:
    """Whether a statement with the same hypotheses says nothing else, as far as algebra knows.

    It may say less: some of several comparisons that are all true.
    """
    return _in_all_cases(lambda assumed: _same(statement, other, assumed))


def follows(statement: Statement, other: Statement) -> bool:
    """Whether an inequality is weaker than the one of a statement with the same hypotheses."""
    return _in_all_cases(lambda assumed: _follows(statement, other, assumed))


def _in_all_cases(
    known: Callable[[Mapping[str, bool]], bool], assumed: Mapping[str, bool] | None = None
) -> bool:
    """Whether something is known, whatever the conditions are by which formulas choose."""
    assumed = assumed or {}
    try:
        return known(assumed)
    except TooLong:
        return False
    except _Unknown as error:
        if len(assumed) == MOST_CONDITIONS:
            return False
        test = str(error)
        return all(_in_all_cases(known, {**assumed, test: truth}) for truth in (True, False))


def _same(statement: Statement, other: Statement, assumed: Mapping[str, bool]) -> bool:
    joined, others = _normal(other, assumed)
    instances = [_normal(statement, assumed, bound) for bound in _instances(statement)]
    if joined == "and" and all(one == "and" for one, _ in instances):
        return others <= frozenset().union(*(found for _, found in instances))
    return (joined, others) in instances


def _instances(statement: Statement) -> Iterator[Mapping[str, Polynomial]]:
    """The statement itself, and at the next value of a variable that no hypothesis names.

    Of what is numbered from 0 the next one is there or has no value.
    """
    yield {}
    formulas = [*statement.given, *(variable.among for variable in statement.forall)]
    named = {n.id for f in formulas for n in ast.walk(f.tree) if isinstance(n, ast.Name)}
    for variable in statement.forall:
        counted = re.fullmatch(r"samples|outputs|range\(len\(.*\)\)", variable.among.text)
        if variable.name not in named and counted:
            following = plus(atom(variable.name), constant(Fraction(1)), Fraction(1))
            yield {variable.name: following}


Normal = tuple[Joined, frozenset[object]]
"""How comparisons are joined, and which they are."""


def _follows(statement: Statement, other: Statement, assumed: Mapping[str, bool]) -> bool:
    pairs = [one.conclusion.comparisons()[1] for one in (statement, other)]
    relations = [[relation for _, relation, _ in comparisons] for comparisons in pairs]
    if relations[0] != relations[1] or not {*relations[0]} <= {"<=", "<", ">=", ">"}:
        return False
    slack = [_Reader(one, assumed).slacks() for one in (statement, other)]
    positive = {
        name for name in statement.numbers if f"{name} > 0" in [g.text for g in statement.given]
    }
    return all(
        any(_not_negative(plus(new, old, -c), positive) for c in MULTIPLES)
        for old, new in zip(*slack, strict=True)
    )


def _normal(
    statement: Statement,
    assumed: Mapping[str, bool],
    bound: Mapping[str, Polynomial] | None = None,
) -> Normal:
    """The conclusion, the same for statements that differ in how they are written."""
    joined, comparisons = statement.conclusion.comparisons()
    reader = _Reader(statement, assumed, bound or {})
    found = set[object]()
    for left, relation, right in comparisons:
        difference = plus(reader.polynomial(left), reader.polynomial(right), Fraction(-1))
        if relation in (">=", ">"):
            difference = times(difference, {(): Fraction(-1)})
            relation = {">=": "<=", ">": "<"}[relation]
        if relation in ("==", "!="):
            difference = _sizes_as_squares(without_divisors(difference))
        first = next((c for _, c in sorted(difference.items())), Fraction(1))
        scale = first if relation in ("==", "!=") else abs(first)
        found.add((relation, tuple(sorted((m, c / scale) for m, c in difference.items()))))
    return joined, frozenset(found)


def _sizes_as_squares(difference: Polynomial) -> Polynomial:
    """Of one term: a norm is 0 where the squares of all entries are, and so are sums of squares."""
    if len(difference) != 1:
        return difference
    [(monomial, coefficient)] = difference.items()
    found = set[str]()
    for factor in monomial:
        word = factor.partition("(")[0]
        if word in TURNED[2:6] and closes(factor):
            factor = "squared" + factor.removeprefix(word)
        squares = r"^sum\(\[largest\((.+)\) \* largest\(\1\) for "
        found.add(re.sub(squares, r"sum([squared(\1) for ", factor))
    return {tuple(sorted(found)): coefficient}


@dataclass(frozen=True)
class _Reader:
    """Reads formulas of a statement as polynomials.

    Attributes:
        assumed: which conditions are true, and which are not.
        bound: what variables stand for.
        depth: how many loops a formula stands in; the variable of the next one is called by it.
    """

    statement: Statement
    assumed: Mapping[str, bool]
    bound: Mapping[str, Polynomial] = field(default_factory=dict)
    depth: int = 0

    def slacks(self) -> list[Polynomial]:
        """By how much each inequality of the conclusion is met."""
        return [
            plus(self.polynomial(b), self.polynomial(a), Fraction(-1))
            if relation in ("<=", "<")
            else plus(self.polynomial(a), self.polynomial(b), Fraction(-1))
            for a, relation, b in self.statement.conclusion.comparisons()[1]
        ]

    def polynomial(self, tree: ast.expr) -> Polynomial:
        """A formula, expanded."""
        # Long: one case for each construct of the language.
        match tree:
            case ast.Constant(value=int(value)):
                return constant(Fraction(value))
            case ast.Name(id=name) if name in self.bound:
                return self.bound[name]
            case ast.Name(id=name):
                return self._named(name)
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return times(self.polynomial(part), constant(Fraction(-1)))
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return plus(self.polynomial(left), self.polynomial(right), Fraction(1))
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return plus(self.polynomial(left), self.polynomial(right), Fraction(-1))
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return times(self.polynomial(left), self.polynomial(right))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return times(self.polynomial(left), inverse(self.polynomial(right)))
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if (
                0 <= power <= HIGHEST_POWER
            ):
                base, product = self.polynomial(left), constant(Fraction(1))
                for _ in range(power):
                    product = times(product, base)
                return product
            case ast.Call(func=ast.Name(id=name), args=parts):
                return self._called(name, parts)
            case ast.IfExp(test=test, body=body, orelse=other):
                condition = self.text(test)
                if condition in self.assumed:
                    return self.polynomial(body if self.assumed[condition] else other)
                if re.search(r"\b_\d", condition) is None:
                    raise _Unknown(condition)
        return atom(self.text(tree))

    def _named(self, name: str) -> Polynomial:
        for definition in self.statement.where:
            if definition.name == name and definition.arguments is None:
                return replace(self, bound={}).polynomial(definition.body.tree)
        return atom(name)

    def _called(self, name: str, parts: list[ast.expr]) -> Polynomial:
        for definition in self.statement.where:
            if definition.name == name:
                given = map(self.polynomial, parts)
                bound = dict(zip(definition.arguments or (), given, strict=True))
                return replace(self, bound=bound).polynomial(definition.body.tree)
        if name == "sum" and isinstance(parts[0], ast.ListComp):
            return self._summed(parts[0])
        batch = {"f": 2, "df": 3}.get(name)
        if batch is not None and self._ignores_batches():
            parts = parts[:batch]
        values = [self.polynomial(part) for part in parts]
        if name == "inner":
            return self._bilinear(*values)
        factor = Fraction(1)
        if values and values[0] and name in (*SIZES, *TURNED):
            factor, values[0] = scaled(values[0])
            if name in TURNED and len(values[0]) == 1:
                values[0] = {unturned(monomial): c for monomial, c in values[0].items()}
            factor = Fraction(1) if name == "rank" else abs(factor)
            factor = factor**2 if name == "squared" else factor
        return times(constant(factor), atom(f"{name}({', '.join(map(text_of, values))})"))

    def _ignores_batches(self) -> bool:
        """Whether a hypothesis says that no layer is normalised over the batch."""
        trees = [formula.tree for formula in self.statement.given]
        parts = [p for t in trees for p in (t.values if isinstance(t, ast.BoolOp)
                 and isinstance(t.op, ast.And) else [t])]  # fmt: skip
        return any(ast.unparse(part) == "not normalised()" for part in parts)

    def _bilinear(self, left: Polynomial, right: Polynomial) -> Polynomial:
        factor = Fraction(1)
        sides = []
        for side in (left, right):
            if side:
                scale, side = scaled(side)
                factor *= scale
            sides.append(text_of(side))
        return times(constant(factor), atom(f"inner({', '.join(sorted(sides))})"))

    def _summed(self, tree: ast.ListComp) -> Polynomial:
        """A sum, term by term, with whatever does not depend on its variables in front."""
        reader, loops = self._loops(tree.generators)
        names = {f"_{i}" for i in range(self.depth, reader.depth)}
        found: Polynomial = {}
        for monomial, coefficient in reader.polynomial(tree.elt).items():
            outer = tuple(f for f in monomial if not any(n in f for n in names))
            inner = tuple(f for f in monomial if f not in outer)
            summed = atom(f"sum([{' * '.join(inner) or '1'}{loops}])")
            found = plus(found, times({outer: coefficient}, summed), Fraction(1))
        return found

    def _loops(self, generators: list[ast.comprehension]) -> tuple[_Reader, str]:
        reader, text = self, ""
        for loop in generators:
            assert isinstance(loop.target, ast.Name)
            name, among = f"_{reader.depth}", reader.text(loop.iter)
            bound = {**reader.bound, loop.target.id: atom(name)}
            reader = replace(reader, bound=bound, depth=reader.depth + 1)
            conditions = "".join(f" if {reader.text(condition)}" for condition in loop.ifs)
            text += f" for {name} in {among}{conditions}"
        return reader, text

    def text(self, tree: ast.expr) -> str:
        """A formula that is no sum or product, its parts expanded."""
        match tree:
            case ast.ListComp(elt=part, generators=generators):
                reader, loops = self._loops(generators)
                return f"[{reader.text(part)}{loops}]"
            case ast.Subscript(value=part, slice=index):
                return f"{self.text(part)}[{self.text(index)}]"
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return f"[{', '.join(map(self.text, parts))}]"
            case ast.Compare(left=left, ops=ops, comparators=parts):
                sides = [f" {type(o).__name__} {self.text(p)}" for o, p in zip(ops, parts)]  # noqa: B905
                return f"({self.text(left)}{''.join(sides)})"
            case ast.BoolOp(op=op, values=parts):
                return f"({f' {type(op).__name__} '.join(map(self.text, parts))})"
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return f"not {self.text(part)}"
            case ast.IfExp(test=test, body=body, orelse=other):
                return f"({self.text(body)} if {self.text(test)} else {self.text(other)})"
            case ast.BinOp(left=left, op=ast.MatMult() | ast.Pow() as op, right=right):
                return f"({self.text(left)} {type(op).__name__} {self.text(right)})"
        return text_of(self.polynomial(tree))


def _not_negative(polynomial: Polynomial, positive: set[str]) -> bool:
    """Whether all terms are products of numbers that are not negative, but for smaller norms."""
    rest = dict(polynomial)
    for monomial, coefficient in polynomial.items():
        if coefficient < 0:
            larger = next((m for m in _larger(monomial) if rest.get(m, 0) >= -coefficient), None)
            if larger is None or not _sign_known(monomial, positive):
                return False
            rest[larger] += coefficient
            del rest[monomial]
    return all(_sign_known(monomial, positive) for monomial, c in rest.items() if c)


def _larger(monomial: Monomial) -> list[Monomial]:
    """The same with a larger norm, or a larger distance, for one factor."""
    found = []
    for place, factor in enumerate(monomial):
        word = factor.partition("(")[0]
        for norm in SMALLER.get(word, ()):
            larger = norm + factor.removeprefix(word)
            parts = (*monomial[:place], larger, *monomial[place + 1 :])
            found.append(tuple(sorted(parts)))
        nearer = re.fullmatch(r"(\w+_beyond\(.*), 1 \+ (.+)\)", factor)
        if nearer is not None:  # Matrices of a lower rank are not nearer.
            parts = (*monomial[:place], f"{nearer[1]}, {nearer[2]})", *monomial[place + 1 :])
            found.append(tuple(sorted(parts)))
        if word == "largest" and monomial.count(factor) > 1:
            rest = without(without(monomial, factor), factor)
            found.append(tuple(sorted((*rest, f"squared{factor.removeprefix(word)}"))))
    return found


def _sign_known(monomial: Monomial, positive: set[str]) -> bool:
    """Whether a product is not negative, whatever the numbers are."""
    odd = [factor for factor, count in Counter(monomial).items() if count % 2]
    return all(_is_not_negative(factor, positive) for factor in odd)


def _is_not_negative(factor: str, positive: set[str]) -> bool:
    if factor.startswith("1/(") and closes(factor):
        return _is_not_negative(factor[3:-1], positive)
    if factor.startswith("sum([") and closes(factor):
        summand = factor[5:].partition(" for ")[0]
        return _sign_known(tuple(summand.split(" * ")), positive)
    word = factor.partition("(")[0]
    return factor in positive or (word in NOT_NEGATIVE and closes(factor))
