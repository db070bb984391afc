"""Expansions: formulas of a statement as polynomials in whatever is no sum and no product.

Factors are put in front of whatever they are a factor of, and what the hypotheses say is 0 is left
out: formulas with the same expansion have the same value wherever both have one and the hypotheses
are met.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from theorycheck.statements.hypotheses import Hypotheses, hypotheses_of
from theorycheck.statements.polynomials import (
    Polynomial,
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
from theorycheck.statements.syntax import RELATIONS, Statement
from theorycheck.statements.vocabulary import HIGHEST

NOT_NEGATIVE = ("squared", "frobenius", "spectral", "nuclear", "largest", "root", "abs", "exp",
                "len", "rank", "frobenius_beyond", "spectral_beyond", "nuclear_beyond")  # fmt: skip
TURNED = ("rank", "squared", "frobenius", "spectral", "nuclear", "largest", "frobenius_beyond",
          "spectral_beyond", "nuclear_beyond")  # fmt: skip
"""Words that say the same of a matrix and of its transpose."""
SIZES = (*TURNED[2:], "abs")
"""Words of whose first argument a factor is a factor of theirs, but for the sign."""
LINEAR = ("T", "trace", "outside")
"""Words of whose first argument a factor is a factor of theirs."""
NOTHING: Polynomial = {}
"""The polynomial 0."""


class Unknown(Exception):
    """What is chosen by a condition depends on whether it is true."""


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


def _without_factor(polynomial: Polynomial) -> str:
    return text_of(scaled(polynomial)[1] if polynomial else polynomial)


@dataclass(frozen=True)
class Expansion:
    """Reads formulas of a statement as polynomials.

    Attributes:
        assumed: which conditions are true, and which are not.
        bound: what variables stand for.
        depth: how many loops a formula stands in; the variable of the next one is called by it.
        known: what the hypotheses say.
    """

    statement: Statement
    assumed: Mapping[str, bool]
    bound: Mapping[str, Polynomial] = field(default_factory=dict)
    depth: int = 0
    known: Hypotheses = field(kw_only=True)

    @classmethod
    def of(
        cls,
        statement: Statement,
        assumed: Mapping[str, bool],
        bound: Mapping[str, Polynomial] | None = None,
    ) -> Expansion:
        """That of a conclusion, where variables may stand for something."""
        known = hypotheses_of(statement)
        only = [v.name for v in statement.forall if v.among.text == "outputs" and known.one_output]
        return cls(
            statement, assumed, {**dict.fromkeys(only, NOTHING), **(bound or {})}, known=known
        )

    def comparison(self, relation: str, difference: Polynomial) -> object:
        """How a number compares with 0, the same for all ways to write it."""
        if relation in (">=", ">"):
            difference = times(difference, constant(Fraction(-1)))
            relation = {">=": "<=", ">": "<"}[relation]
        if relation in ("==", "!="):
            difference = _sizes_as_squares(without_divisors(difference))
        for factor in sorted(set().union(*difference)):
            while difference and self._is_positive(factor) and all(factor in m for m in difference):
                difference = {without(m, factor): c for m, c in difference.items()}
        first = next((c for _, c in sorted(difference.items())), Fraction(1))
        scale = first if relation in ("==", "!=") else abs(first)
        return relation, tuple(sorted((m, c / scale) for m, c in difference.items()))

    def _is_positive(self, factor: str) -> bool:
        """Whether an atom is a positive number wherever it has a value."""
        if factor.startswith("1/(") and closes(factor):
            divisor = factor[3:-1]
            size = divisor.partition("(")[0] in NOT_NEGATIVE and closes(divisor)
            return size or self._is_positive(divisor)
        return factor in self.known.positive or (factor.startswith("exp(") and closes(factor))

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
        return self.known.reduced(self._expanded(tree))

    def _expanded(self, tree: ast.expr) -> Polynomial:
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
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._bilinear(
                    "({} MatMult {})", [self.polynomial(left), self.polynomial(right)]
                )
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if (
                0 <= power <= HIGHEST
            ):
                base, product = self.polynomial(left), constant(Fraction(1))
                for _ in range(power):
                    product = times(product, base)
                return product
            case ast.Call(func=ast.Name(id=name), args=parts):
                return self._called(name, parts)
            case ast.Subscript(value=part, slice=index):
                return self._entry(self.polynomial(part), self.text(index))
            case ast.ListComp(elt=part, generators=generators):
                return self._listed(part, generators)
            case ast.IfExp(test=test, body=body, orelse=other):
                condition = self.text(test)
                if condition in self.assumed:
                    return self.polynomial(body if self.assumed[condition] else other)
                if re.search(r"\b_\d", condition) is None:
                    raise Unknown(condition)
        return atom(self.text(tree))

    def _named(self, name: str) -> Polynomial:
        if name in self.known.zero:
            return NOTHING
        for definition in self.statement.where:
            if definition.name == name and definition.arguments is None:
                return replace(self, bound={}).polynomial(definition.body.tree)
        return atom(name)

    def _called(self, name: str, parts: list[ast.expr]) -> Polynomial:
        if name in self.known.vanishing:
            return NOTHING
        if name == "grad":  # What is true at these weights alone says nothing of derivatives.
            moved = replace(self, known=self.known.of_a_function())
            return atom(f"grad({', '.join(map(moved.text, parts))})")
        for definition in self.statement.where:
            if definition.name == name:
                given = map(self.polynomial, parts)
                bound = dict(zip(definition.arguments or (), given, strict=True))
                return replace(self, bound=bound).polynomial(definition.body.tree)
        if name == "sum" and isinstance(parts[0], ast.ListComp):
            return self._summed(parts[0])
        batch = {"f": 2, "df": 3}.get(name)
        if batch is not None and not self.known.normalised:
            parts = parts[:batch]
        values = [self.polynomial(part) for part in parts]
        if name == "inner":
            return self._bilinear("inner({}, {})", sorted(values, key=_without_factor))
        return self._of_values(name, values)

    def _of_values(self, name: str, values: list[Polynomial]) -> Polynomial:
        """What a word computes, with the factor of its first argument in front."""
        if name in (*SIZES, *TURNED) and name != "rank" and not values[0]:
            return NOTHING
        if name == "len" and re.fullmatch(r"\[\w+\]", text_of(values[0])):
            return constant(Fraction(1))  # A list of one, such as a batch of one sample.
        factor = Fraction(1)
        if values and values[0] and name in LINEAR:
            factor, values[0] = scaled(values[0])
        elif values and values[0] and name in (*SIZES, *TURNED, "len"):
            factor, values[0] = scaled(values[0])
            if name != "len" and len(values[0]) == 1:
                [(monomial, _)] = values[0].items()
                monomial = self.known.unsigned(monomial)
                values[0] = {unturned(monomial) if name in TURNED else monomial: Fraction(1)}
            factor = Fraction(1) if name in ("rank", "len") else abs(factor)
            factor = factor**2 if name == "squared" else factor
        return times(constant(factor), atom(f"{name}({', '.join(map(text_of, values))})"))

    def _bilinear(self, form: str, sides: list[Polynomial]) -> Polynomial:
        """A product of two arrays, with the factors of both in front."""
        if not all(sides):
            return NOTHING
        (one, left), (other, right) = map(scaled, sides)
        return times(constant(one * other), atom(form.format(text_of(left), text_of(right))))

    def _entry(self, array: Polynomial, index: str) -> Polynomial:
        """An entry of a sum of arrays: the sum of their entries."""
        found: Polynomial = {}
        for monomial, coefficient in array.items():
            text = monomial[0] if len(monomial) == 1 else f"({' * '.join(monomial)})"
            found = plus(found, atom(f"{text}[{index}]"), coefficient)
        return found

    def _listed(self, part: ast.expr, generators: list[ast.comprehension]) -> Polynomial:
        """A list, with the factor that all of its entries have in front."""
        reader, loops = self._loops(generators)
        entry, factor = reader.polynomial(part), Fraction(1)
        if entry:  # A list of zeros is not 0: it has a length.
            factor, entry = scaled(entry)
        return times(constant(factor), atom(f"[{text_of(entry)}{loops}]"))

    def _summed(self, tree: ast.ListComp) -> Polynomial:
        """A sum, term by term, with whatever does not depend on its variables in front."""
        reader, loops = self._loops(tree.generators)
        if not loops:
            return reader.polynomial(tree.elt)
        names = {f"_{i}" for i in range(self.depth, reader.depth)}
        found: Polynomial = {}
        for monomial, coefficient in reader.polynomial(tree.elt).items():
            outer = tuple(f for f in monomial if not any(n in f for n in names))
            inner = tuple(f for f in monomial if f not in outer)
            summed = atom(f"sum([{' * '.join(inner) or '1'}{loops}])")
            found = plus(found, times({outer: coefficient}, summed), Fraction(1))
        return found

    def _loops(self, generators: list[ast.comprehension]) -> tuple[Expansion, str]:
        reader, text = self, ""
        for loop in generators:
            assert isinstance(loop.target, ast.Name)
            name, among = f"_{reader.depth}", reader.text(loop.iter)
            if among == "outputs" and self.known.one_output and not loop.ifs:
                # The only output is 0: a list, or a sum, of one for each value of the others.
                reader = replace(reader, bound={**reader.bound, loop.target.id: NOTHING})
                continue
            bound = {**reader.bound, loop.target.id: atom(name)}
            reader = replace(reader, bound=bound, depth=reader.depth + 1)
            conditions = "".join(f" if {reader.text(condition)}" for condition in loop.ifs)
            text += f" for {name} in {among}{conditions}"
        return reader, text

    def text(self, tree: ast.expr) -> str:
        """A formula that is no sum or product, its parts expanded."""
        match tree:
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return f"[{', '.join(map(self.text, parts))}]"
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                difference = plus(self.polynomial(left), self.polynomial(right), Fraction(-1))
                return f"({self.comparison(RELATIONS[type(op)], difference)})"
            case ast.Compare(left=left, ops=ops, comparators=parts):
                pairs = zip(ops, parts, strict=True)
                sides = [f" {type(op).__name__} {self.text(part)}" for op, part in pairs]
                return f"({self.text(left)}{''.join(sides)})"
            case ast.BoolOp(op=op, values=parts):
                return f"({f' {type(op).__name__} '.join(map(self.text, parts))})"
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return f"not {self.text(part)}"
            case ast.IfExp(test=test, body=body, orelse=other):
                return f"({self.text(body)} if {self.text(test)} else {self.text(other)})"
            case ast.BinOp(left=left, op=ast.Pow() as op, right=right):
                return f"({self.text(left)} {type(op).__name__} {self.text(right)})"
        return text_of(self.polynomial(tree))
