"""Readings: what a reader finds out about a statement at one network."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from theorycheck.statements.syntax import Comparison, Formula

Scope = Mapping[str, Any]
"""Values of variables by name."""


@dataclass(frozen=True)
class Reading:
    """What a reader finds at one network, all values of the variables together.

    Attributes:
        unmet: where no values meet the hypotheses, the first hypothesis that is not met, as text.
        holds: whether the conclusion is true wherever the hypotheses are met; None where that stays
            open.
        left, relation, right: the comparison that decides at the values that are shown.
        at: those values: of a violation; else those nearest to equality.
        tightness: of an inequality, the smaller side over the larger: 1 is equality.
        trivial: why the hypotheses are met only trivially, if they are.
        arithmetic: in which numbers that was found, and how derivatives were taken.
    """

    unmet: str | None = None
    holds: bool | None = None
    left: Any = None
    relation: str = "=="
    right: Any = None
    at: Scope = field(default_factory=dict)
    tightness: float | None = None
    trivial: str | None = None
    arithmetic: str = "rationals"


@cache
def due(formula: Formula, names: tuple[str, ...]) -> int:
    """How many of the variables must have values before a formula can be evaluated."""
    used = _free(formula.tree)
    return max((i for i, name in enumerate(names, start=1) if name in used), default=0)


def _free(tree: ast.AST) -> set[str]:
    """The names of a formula that no loop within it binds."""
    match tree:
        case ast.Name(id=name):
            return {name}
        case ast.ListComp(elt=part, generators=loops):
            inner = set().union(*(_free(one) for loop in loops for one in (loop.iter, *loop.ifs)))
            bound = {loop.target.id for loop in loops if isinstance(loop.target, ast.Name)}
            return (inner | _free(part)) - bound | _free(loops[0].iter)
    return set[str]().union(*map(_free, ast.iter_child_nodes(tree)))


INEQUALITIES = ("<=", ">=", "<", ">")
BOTH_ZERO = "both sides are 0"
SMALLER_ZERO = "the smaller side is 0"
TOO_SMALL = "the matrices are too small for a higher rank"


def triviality(comparison: Comparison) -> str | None:
    """What makes a comparison trivial, if anything does.

    An equation between two expressions, neither of them just 0, says nothing where both are 0; an
    inequality says nothing where the smaller side is 0, nor an upper bound on a rank where the
    shape of the matrix gives it.
    """
    left, relation, right = comparison
    if any(isinstance(side, ast.Constant) and side.value == 0 for side in (left, right)):
        return None
    if isinstance(left, ast.Call) and ast.unparse(left.func) == "rank":
        return TOO_SMALL if relation == "<=" else None
    return {"==": BOTH_ZERO, "<=": SMALLER_ZERO, ">=": SMALLER_ZERO}.get(relation)


def tightness(relation: str, left: Any, right: Any) -> Any:
    """The smaller side of an inequality over the larger, entry by entry: 1 is equality.

    0 for other relations; infinite where only the larger one is not positive.

    """
    sides = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    low, high = sides if relation in ("<=", "<") else reversed(sides)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(high > 0, low / high, np.where(low > 0, np.inf, 0.0))
    return ratio if relation in INEQUALITIES else np.zeros_like(ratio)
