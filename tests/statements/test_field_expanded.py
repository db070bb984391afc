"""Small architectures both ways: at a random point of a field, and as polynomials, for certain."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import Ordering, fmpq, fmpz_mpoly, fmpz_mpoly_ctx

from tests.claims.on_record import claims
from theorycheck.arithmetic import evaluation
from theorycheck.arithmetic.residues import PRIMES, Bounds, Field, Residue
from theorycheck.networks.specification import Convolution, Edge, Identity, Layer, Network, mlp
from theorycheck.statements import field
from theorycheck.statements.architectures import Architecture, signs_of
from theorycheck.statements.field import FieldEvaluator, settle
from theorycheck.statements.syntax import Statement

RING = fmpz_mpoly_ctx.get([f"v{i}" for i in range(80)], Ordering.lex)
ONE = RING.constant(1)


class Expanded(Residue):
    """A quotient of two polynomials in the place of a value modulo a prime."""

    __slots__ = ("below",)

    def __init__(self, value: Any, ring: Ring, below: Any = ONE) -> None:
        super().__init__(ring.reduced(value), ring, Bounds(1, 1))
        self.below = below

    def __add__(self, other: Any) -> Any:
        other = self._paired(other)
        if other is NotImplemented:
            return other
        return self._of(self.value * other.below + other.value * self.below, other)

    def __mul__(self, other: Any) -> Any:
        other = self._paired(other)
        return other if other is NotImplemented else self._of(self.value * other.value, other)

    def _of(self, above: Any, other: Any) -> Expanded:
        below = self.below * other.below
        common = above.gcd(below) if len(above) else below
        return Expanded(divmod(above, common)[0], self.field, divmod(below, common)[0])  # type: ignore[arg-type]

    def __neg__(self) -> Expanded:
        return Expanded(-self.value, self.field, self.below)  # type: ignore[arg-type]

    def inverse(self) -> Expanded:
        return Expanded(self.below, self.field, self.value)  # type: ignore[arg-type]

    __radd__, __rmul__ = __add__, __mul__


class Ring(Field):
    """Polynomials whose generators stand for what a field has coordinates for."""

    def __init__(self) -> None:
        super().__init__(PRIMES[0], "")
        self.generators = iter(RING.gens())
        self.named: dict[str, Expanded] = {}
        self.spheres: list[fmpz_mpoly] = []

    def reduced(self, polynomial: Any) -> Any:
        """With the square of the first entry of each unit weight replaced."""
        for sphere in self.spheres:
            polynomial = divmod(polynomial, sphere)[1]
        return polynomial

    def constant(self, number: int | Fraction | fmpq) -> Residue:
        above, below = (
            (number, 1) if isinstance(number, int) else (number.numerator, number.denominator)
        )
        return Expanded(RING.constant(int(above)), self, RING.constant(int(below)))

    def coordinate(self, name: str) -> Residue:
        if name not in self.named:
            self.named[name] = Expanded(next(self.generators), self)
        return self.named[name]

    def on_sphere(self, name: str, shape: Sequence[int]) -> np.ndarray:
        found = self.indeterminates(name, shape)
        # The first generator is the highest of these, so that a rest is linear in it.
        self.spheres.append(sum((entry.value**2 for entry in found.flat), -ONE))
        return found

    def gate(self, argument: Residue, slope: float | str) -> Residue:
        assert isinstance(argument, Expanded)
        return self.coordinate(f"slope {slope} {argument.value}/{argument.below}")


def determinant(rows: list[list[Any]]) -> Any:
    if not rows:
        return 1
    first, *others = rows
    return sum(
        (-1) ** j * entry * determinant([row[:j] + row[j + 1 :] for row in others])
        for j, entry in enumerate(first)
    )


def rank(matrix: np.ndarray) -> int:
    """The order of the largest minor that is not 0."""
    rows, found = matrix.tolist(), 0
    for order in range(1, min(matrix.shape) + 1):
        for chosen in itertools.combinations(rows, order):
            for columns in itertools.combinations(range(matrix.shape[1]), order):
                if len(determinant([[row[j] for j in columns] for row in chosen]).value):
                    found = order
    return found


def expanded(statement: Statement, architecture: Architecture) -> bool:
    """Whether a statement is true as an identity of polynomials."""
    true = []
    for weights, labels in signs_of(statement, architecture):
        evaluator = FieldEvaluator(architecture, Ring(), statement, weights)
        for signs in labels:
            evaluator.label(signs)
            true += [evaluator.concludes(scope) for scope in evaluator.assignments({}, 0)]
    assert true
    return all(true)


SHORTCUT = Network(1, (Layer(2, (Edge(0),)), Layer(2, (Edge(1, Identity()), Edge(1))),
                   Layer(1, (Edge(2),), 1.0)))  # fmt: skip
FILTERS = Convolution(channels=1, height=1, width=3, filters=1, kernel=(1, 2))
CONVOLUTIONAL = Network(3, (Layer(2, (Edge(0, FILTERS),)), Layer(1, (Edge(1),), 1.0)))
TINY = mlp([2, 2, 1])
FREE = {"weight_decay": None}
RHO = {"rho": None, "weight_decay": None}
CASES: dict[str, Architecture] = {
    "structural-lemma": Architecture(TINY, 2, None, {}),
    "structural-lemma-multi-output": Architecture(mlp([2, 2, 2]), 1, None, {}),
    "structural-lemma-later-biases": Architecture(mlp([1, 2, 1], bias=True), 2, None, {}),
    "structural-lemma-cut": Architecture(SHORTCUT, 1, None, {}),
    "structural-lemma-batch-norm-detached": Architecture(
        mlp([1, 2, 1], normalisation="batch-detached"), 2, None, {}),
    "gradient-rank": Architecture(TINY, 2, None, {}),
    "gradient-rank-convolution-patches": Architecture(CONVOLUTIONAL, 1, None, {}),
    "batch-gradient": Architecture(TINY, 2, 1, {**FREE, "batch_size": Fraction(1)}),
    "rho-dynamics": Architecture(TINY, 2, 1, RHO),
    "rho-equilibrium-mean": Architecture(mlp([1, 1, 1]), 2, 1, RHO),
    "lagrange-multiplier": Architecture(mlp([2, 1]), 2, 1, RHO),
    "normalised-flow-keeps-sphere": Architecture(mlp([2, 1, 1]), 1, 1, RHO),
    "normalised-flow": Architecture(mlp([2, 1]), 2, 1, RHO),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_both_ways_agree_on_claims_and_their_controls(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, architecture = claims()[name], CASES[name]
    assert claim.formal is not None
    assert claim.altered is not None
    statements = [claim.formal.statement, claim.altered.statement]
    at_a_point = [settle(one, "version", architecture).holds for one in statements]
    monkeypatch.setattr(field, "rank", rank)
    monkeypatch.setattr(evaluation, "kind_of_number", lambda _: Residue)
    assert [expanded(one, architecture) for one in statements] == at_a_point == [True, False]
