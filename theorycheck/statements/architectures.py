"""Architectures: what a statement is about when weights and data are left open.

And which of its hypotheses on weights and data are met by construction.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product
from math import prod
from typing import Any

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import fractions
from theorycheck.arithmetic.residues import Unreadable
from theorycheck.networks.specification import Network
from theorycheck.statements.syntax import Statement

MOST_SIGNS = 6
"""Labels, and unit weights of one entry, of which all signs are tried."""
Signs = tuple[int, ...]
SIGN_LABELS = ("y[n][0] ** 2 == 1", "n in samples")
UNIT_WEIGHTS = ("squared(W[k]) == 1", "k in weights")
NO_SHIFTS = ("W[b] == 0", "b in shifts")
"""Equations that are met by construction where a hypothesis says them, and of what."""


class PassedOver(Unreadable):
    """At an architecture there is nothing to check, or too much."""


class NoValue(Unreadable):
    """At an architecture a formula has no value, whatever the weights and data are."""


@dataclass(frozen=True)
class Architecture:
    """What a statement is settled for: everything that is no indeterminate.

    Attributes:
        network: its layers.
        samples: how many there are.
        outputs: how many targets each has; None without targets.
        numbers: names of the numbers; with a value where formulas need it, such as a batch size.
        targets: their values, ``(samples, outputs)``, where formulas need them.
    """

    network: Network
    samples: int
    outputs: int | None
    numbers: Mapping[str, Fraction | None]
    targets: tuple[tuple[Fraction, ...], ...] | None = None

    @classmethod
    def of(cls, statement: Statement, case: Case) -> Architecture:
        """That of a case."""
        needed = _needed(statement)
        targets = None
        if case.targets is not None and "y" in needed:
            targets = tuple(map(tuple, fractions(case.targets[0])))
        numbers = {
            name: value if name in needed else None
            for name, value in case.numbers.items()
            if {name, name.rpartition("_")[0]} & {*statement.numbers}
        }
        outputs = None if case.targets is None else case.targets.shape[-1]
        return cls(case.network, case.samples, outputs, numbers, targets)

    def document(self) -> dict[str, Any]:
        """For a file."""
        return {
            "network": self.network.to_dict(),
            "samples": self.samples,
            "outputs": self.outputs,
            "numbers": {n: None if v is None else str(v) for n, v in sorted(self.numbers.items())},
            "targets": None
            if self.targets is None
            else [[str(t) for t in r] for r in self.targets],
        }


@cache
def _needed(statement: Statement) -> frozenset[str]:
    """Names of whose values the loops of a statement depend, ``y`` among them."""
    found: set[str] = set()
    formulas = [*statement.formulas(), *(variable.among for variable in statement.forall)]
    for formula in formulas:
        for node in ast.walk(formula.tree):
            match node:
                case ast.comprehension(iter=among, ifs=conditions):
                    parts: list[ast.expr] = [among, *conditions]
                case ast.Call(func=ast.Name(id="range" | "batches"), args=parts):
                    pass
                case ast.Subscript(slice=place):
                    parts = [place]
                case _:
                    continue
            found |= {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}
    return frozenset(found)


def spheres_of(statement: Statement, network: Network) -> dict[int, int]:
    """The weights on unit spheres, with how many entries they have: two or more."""
    sizes = {k: prod(p.shape) for k, p in enumerate(network.parameters) if p.role == "weight"}
    unit = assumes(statement, *UNIT_WEIGHTS)
    return {k: size for k, size in sizes.items() if unit and size > 1}


def signs_of(
    statement: Statement, architecture: Architecture
) -> Iterator[tuple[Signs, list[Signs]]]:
    """All signs of what hypotheses say is +-1: of unit weights of one entry, with those of labels.

    Raises:
        PassedOver: when there are too many.
    """
    parameters = architecture.network.parameters
    weights = sum(p.role == "weight" and prod(p.shape) == 1 for p in parameters)
    if not assumes(statement, *UNIT_WEIGHTS):
        weights = 0
    labels = architecture.samples if assumes(statement, *SIGN_LABELS) else 0
    if labels + weights > MOST_SIGNS:
        raise PassedOver(f"more than {MOST_SIGNS} signs")
    for signs in product([1, -1], repeat=weights):
        yield signs, list(product([1, -1], repeat=labels))


def assumes(statement: Statement, equation: str, among: str) -> bool:
    """Whether a hypothesis says that an equation is true for all samples, or for all weights."""

    def said(tree: ast.expr, within: str | None) -> bool:
        match tree:
            case ast.BoolOp(op=ast.And(), values=parts):
                return any(said(part, within) for part in parts)
            case ast.Call(
                func=ast.Name(id="all"),
                args=[ast.ListComp(elt=part, generators=[ast.comprehension(ifs=[]) as loop])],
            ) if within is None:
                return said(part, ast.unparse(loop).removeprefix(" for "))
        return within == among and ast.unparse(tree) == equation

    return any(said(formula.tree, None) for formula in statement.given)
