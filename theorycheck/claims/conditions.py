"""Conditions: the parts of the hypotheses of a claim, each of which can be left out by itself.

A hypothesis such as "a chain of layers without biases" joins several conditions. Which of them a
claim needs is asked of one at a time: it is *denied*, so that an example meets all other
conditions and not this one. An example that meets it as well would say nothing. Where several
hypotheses join it, it is denied in all of them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from theorycheck.claims.declaration import Assumption, Claim, Formal
from theorycheck.claims.variants import NEEDS

WORDS = {
    "chain()": "a chain of layers",
    "len(biases) == 0": "no biases",
    "not normalised()": "no batch normalisation",
    "normalised()": "batch normalisation",
    "len(outputs) == 1": "one output",
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
        formula: the part.
        words: what the part says.
        changes: of each hypothesis that joins it, the formula with the negation of the part in its
            place.
        name: of the claim that denies it, such as ``structural-lemma-needs-no-biases``.
    """

    formula: str
    words: str
    changes: Mapping[str, str]
    name: str = ""

    def denied_in(self, claim: Claim) -> Formal:
        """The formulas of a claim with this condition denied."""
        assert claim.formal is not None
        given = [self.changes.get(formula, formula) for formula in claim.formal.given]
        return replace(claim.formal, given=tuple(given))


def conditions_of(claim: Claim) -> list[Condition]:
    """The conditions of a stated claim, in the order of its hypotheses; none twice."""
    joined: dict[str, Condition] = {}
    for hypothesis in claim.given:
        if isinstance(hypothesis, Assumption):
            for one in _conditions(hypothesis):
                known = joined.get(one.formula, one)
                joined[one.formula] = replace(known, changes={**known.changes, **one.changes})
    named: dict[str, Condition] = {}
    for condition in joined.values():
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
        yield Condition(formula, WORDS.get(formula, own), {hypothesis.formula: joined})


def _parts(tree: ast.expr) -> Iterator[ast.expr]:
    """The conditions that ``and`` joins, also within what is to be true of all entries of a list.

    All of (a and b) is the same as all of a and all of b; and what does not depend on a sample is
    the same for all of them, as there is one at least.
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
        case ast.Call(func=ast.Name(id="all"), args=[ast.ListComp(value, [loop])]) if (
            ast.unparse(loop.iter) == "samples" and not loop.ifs and not _names(loop.target, value)
        ):
            yield from _parts(value)
        case _:
            yield tree


def _names(variable: ast.expr, tree: ast.expr) -> bool:
    """Whether a variable is named in an expression."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return ast.unparse(variable) in {node.id for node in nodes}


def _denial(part: ast.expr) -> str:
    if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not):
        return _operand(part.operand)
    return f"not ({ast.unparse(part)})"


def _operand(part: ast.expr) -> str:
    """As an operand of ``and``."""
    text = ast.unparse(part)
    return f"({text})" if isinstance(part, ast.BoolOp | ast.IfExp) else text
