"""Conditions: the parts of the hypotheses of a claim, each of which can be left out by itself.

A hypothesis such as "a chain of layers without biases" joins several conditions. Which of them a
claim needs is asked of one at a time: it is *denied*, so that an example meets all other
conditions and not this one. An example that meets it as well would say nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from theorycheck.claims.declaration import Assumption, Claim, Formal
from theorycheck.claims.variants import NEEDS

WORDS = {
    "chain()": "a chain of layers",
    "len(biases) == 0": "no biases",
    "not normalised()": "no batch normalisation",
    "normalised()": "batch normalisation",
    "len(outputs) == 1": "one output",
    "all([len(outputs) == 1 for n in samples])": "one output",
    "all([y[n][0] ** 2 == 1 for n in samples])": "labels +-1",
    "len(filters) == 0": "no filters on several patches",
    "depth >= 2": "depth 2 or more",
    "slope(depth) == 1": "a linear last layer",
    "all([slope(l) == 0 for l in range(1, depth)])": "ReLU activations",
    "any([y[n][0] == 1 for n in samples])": "the class +1 occurs",
    "any([y[n][0] == -1 for n in samples])": "the class -1 occurs",
    "all([margin(n) == margin(0) for n in samples])": "equal margins",
    "0 < margin(0)": "a positive margin",
    "margin(0) < 1": "a margin below 1",
    "C > 1": "several classes",
}
"""Of conditions that hypotheses join, by formula. A hypothesis that is one has its own."""
LONGEST_NAME = 60


@dataclass(frozen=True)
class Condition:
    """A part of a hypothesis.

    Attributes:
        hypothesis: the formula of the whole hypothesis.
        formula: the part.
        denied: the hypothesis with the negation of the part in its place.
        words: what the part says.
        name: of the claim that denies it, such as ``structural-lemma-needs-no-biases``.
    """

    hypothesis: str
    formula: str
    denied: str
    words: str
    name: str = ""

    def denied_in(self, claim: Claim) -> Formal:
        """The formulas of a claim with this condition denied."""
        assert claim.formal is not None
        given = [self.denied if g == self.hypothesis else g for g in claim.formal.given]
        return replace(claim.formal, given=tuple(given))


def conditions_of(claim: Claim) -> list[Condition]:
    """The conditions of a stated claim, in the order of its hypotheses; none twice."""
    found = [
        condition
        for hypothesis in claim.given
        if isinstance(hypothesis, Assumption)
        for condition in _conditions(hypothesis)
    ]
    named: dict[str, Condition] = {}
    for condition in {one.formula: one for one in found}.values():
        slug = re.sub(r"[^a-z0-9]+", "-", condition.words.lower()).strip("-")
        name = f"{claim.id}{NEEDS}{slug[:LONGEST_NAME].strip('-')}"
        if name in named:
            name += f"-{len(named) + 1}"
        named[name] = replace(condition, name=name)
    return list(named.values())


def _conditions(hypothesis: Assumption) -> Iterator[Condition]:
    parts = [*_parts(ast.parse(hypothesis.formula, mode="eval").body)]
    for place, part in enumerate(parts):
        formula = ast.unparse(part)
        joined = " and ".join(
            _denial(p) if i == place else _operand(p) for i, p in enumerate(parts)
        )
        own = hypothesis.prose if len(parts) == 1 else f"`{formula}`"
        yield Condition(hypothesis.formula, formula, joined, WORDS.get(formula, own))


def _parts(tree: ast.expr) -> Iterator[ast.expr]:
    """The conditions that ``and`` joins, also within what is to be true of all entries of a list.

    All of (a and b) is the same as all of a and all of b.
    """
    match tree:
        case ast.BoolOp(op=ast.And(), values=values):
            for value in values:
                yield from _parts(value)
        case ast.Call(
            func=ast.Name(id="all") as word,
            args=[ast.ListComp(elt=ast.BoolOp(op=ast.And(), values=values), generators=loops)],
        ):
            for value in values:
                yield from _parts(ast.Call(word, [ast.ListComp(value, loops)], []))
        case _:
            yield tree


def _denial(part: ast.expr) -> str:
    if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not):
        return _operand(part.operand)
    return f"not ({ast.unparse(part)})"


def _operand(part: ast.expr) -> str:
    """As an operand of ``and``."""
    text = ast.unparse(part)
    return f"({text})" if isinstance(part, ast.BoolOp | ast.IfExp) else text
