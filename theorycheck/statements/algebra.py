"""Algebra: what follows from a statement by the rules of addition and multiplication alone.

Formulas are expanded as polynomials, with rational coefficients, in whatever is no sum and no
product. Two statements whose comparisons are then the same say the same. An inequality follows
from another one where the difference of its sides exceeds the other's by products of numbers that
are not negative.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from fractions import Fraction

from theorycheck.statements.expansions import NOT_NEGATIVE, Expansion, Unknown
from theorycheck.statements.hypotheses import hypotheses_of
from theorycheck.statements.polynomials import (
    Monomial,
    Polynomial,
    TooLong,
    atom,
    closes,
    constant,
    plus,
    without,
)
from theorycheck.statements.syntax import Joined, Statement

SMALLER = {
    "spectral": ("frobenius", "nuclear"), "frobenius": ("nuclear",),
    "largest": ("spectral", "frobenius", "nuclear"),
    "spectral_beyond": ("frobenius_beyond", "nuclear_beyond"),
    "frobenius_beyond": ("nuclear_beyond",),
}  # fmt: skip
"""Norms, with those that are at least as large."""
MOST_CONDITIONS = 5

MULTIPLES = (Fraction(1), Fraction(2), Fraction(1, 2), Fraction(4), Fraction(1, 4))
"""Of the difference of the sides of an inequality, by which that of a weaker one may exceed it."""


def same(statement: Statement, other: Statement) -> bool:
    """Whether a statement with the same hypotheses says nothing else, as far as algebra knows.

    It may say less: some of several comparisons that are all true.
    """
    return _in_all_cases(lambda assumed: _same(statement, other, assumed))


def changed(statement: Statement, other: Statement) -> set[int]:
    """Which of several comparisons that are all to be true say something else, by their places.

    All of them, where they are alternatives, and where they are more or fewer.
    """
    conclusions = [one.conclusion.comparisons() for one in (statement, other)]
    count = len(conclusions[1][1])
    if any(joined == "or" or len(pairs) != count for joined, pairs in conclusions):
        return set(range(count))

    def equal(place: int) -> bool:
        return _in_all_cases(
            lambda assumed: _compared(statement, assumed)[place] == _compared(other, assumed)[place]
        )

    return {place for place in range(count) if not equal(place)}


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
    except Unknown as error:
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
    known = hypotheses_of(statement)
    for variable in statement.forall:
        among = variable.among.text
        counted = re.fullmatch(r"samples|outputs|range\(len\(.*\)\)", among)
        if variable.name not in known.free and (
            counted or (among == "weights" and known.weights_alone)
        ):
            following = plus(atom(variable.name), constant(Fraction(1)), Fraction(1))
            yield {variable.name: following}


Normal = tuple[Joined, frozenset[object]]
"""How comparisons are joined, and which they are."""


def _follows(statement: Statement, other: Statement, assumed: Mapping[str, bool]) -> bool:
    pairs = [one.conclusion.comparisons()[1] for one in (statement, other)]
    relations = [[relation for _, relation, _ in comparisons] for comparisons in pairs]
    if relations[0] != relations[1] or not {*relations[0]} <= {"<=", "<", ">=", ">"}:
        return False
    slack = [Expansion.of(one, assumed).slacks() for one in (statement, other)]
    positive = hypotheses_of(statement).positive
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
    return statement.conclusion.comparisons()[0], frozenset(_compared(statement, assumed, bound))


def _compared(
    statement: Statement,
    assumed: Mapping[str, bool],
    bound: Mapping[str, Polynomial] | None = None,
) -> list[object]:
    """The comparisons of a conclusion, each in the same form however it is written."""
    reader = Expansion.of(statement, assumed, bound)
    return [
        reader.comparison(
            relation, plus(reader.polynomial(left), reader.polynomial(right), Fraction(-1))
        )
        for left, relation, right in statement.conclusion.comparisons()[1]
    ]


def _not_negative(polynomial: Polynomial, positive: Set[str]) -> bool:
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


def _sign_known(monomial: Monomial, positive: Set[str]) -> bool:
    """Whether a product is not negative, whatever the numbers are."""
    odd = [factor for factor, count in Counter(monomial).items() if count % 2]
    return all(_is_not_negative(factor, positive) for factor in odd)


def _is_not_negative(factor: str, positive: Set[str]) -> bool:
    if factor.startswith("1/(") and closes(factor):
        return _is_not_negative(factor[3:-1], positive)
    if factor.startswith("sum([") and closes(factor):
        summand = factor[5:].partition(" for ")[0]
        return _sign_known(tuple(summand.split(" * ")), positive)
    word = factor.partition("(")[0]
    return factor in positive or (word in NOT_NEGATIVE and closes(factor))
