"""The field reader: statements at all weights, data and activation patterns of an architecture.

Weights, inputs, targets, numbers and the slopes of activations are random elements of a prime
field. An equation that is true there is an identity, and a bound on a rank that is met there is met
everywhere, up to an error that follows from the formula (`theorycheck.arithmetic.residues`).

**Hypotheses.** Those on the architecture are evaluated. Labels of +-1 are met by construction: all
sign vectors, one after another. So are shifts that are 0, and unit weights: the entries of each
matrix but the first are random, and the first is a root of 1 less their squares. Where loops look
at targets, such as those over the samples of a class, these are part of the architecture. All other
hypotheses are dropped, which only strengthens the statement. So an equation that is false here may
be true where they are met: nothing is refuted.

**Error.** It adds up, over everything that is compared, the degree of a difference, or of the
minors of a matrix, over p; and for each two activations that their different arguments have equal
values, twice the degree of these over p. Coefficients must stay below p.

**Unit weights.** Let D be the numerator of a difference, reduced so that it is linear in each of
the first entries; for each square that is replaced its coefficients grow by at most the number of
entries of the largest matrix. The first entries are square roots over the field of rational
functions of the others, independent ones: ``1 - t_1^2 - ...`` is no square, and each of the L
matrices has variables of its own. So D is an element of a field extension of degree ``2^L``, and if
it is not 0, its norm, the product of its conjugates, is a polynomial of at most ``2^L`` times its
degree that is not 0, and vanishes where D does. For each matrix the entries are drawn among a
quarter of all at least. Together the error is ``8^L`` times as large.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from flint import fmpq

from theorycheck.arithmetic.duals import Dual, base
from theorycheck.arithmetic.evaluation import ConstantUnit
from theorycheck.arithmetic.numbers import Array
from theorycheck.arithmetic.residues import PRIMES, Bounds, Field, Residue, Unreadable, minors, rank
from theorycheck.statements.architectures import (
    NO_SHIFTS,
    Architecture,
    NoValue,
    PassedOver,
    assumes,
    signs_of,
    spheres_of,
)
from theorycheck.statements.exact import Evaluator, Point
from theorycheck.statements.numbers import Undefined, array, combined, number
from theorycheck.statements.oracles import REVERSE_MODE
from theorycheck.statements.readings import due
from theorycheck.statements.syntax import Comparison, Statement

LARGEST_ERROR = Fraction(1, 2**100)
"""Definition: the probability of a mistake that is allowed for one architecture."""

UNREADABLE = (
    "exp", "log", "root", "frobenius", "largest", "spectral", "nuclear", "frobenius_beyond",
    "spectral_beyond", "nuclear_beyond", "max", "min", "abs", "zero", "outside", "smooth",
)  # fmt: skip
"""Words without a meaning in a field, or whose meaning depends on an order or on what is 0."""


@dataclass(frozen=True)
class Settled:
    """A statement is true for an architecture, or false at random elements of a field.

    Attributes:
        holds: whether it is true.
        error: the probability that it is not, where it is said to be.
        degree: the highest of what is compared.
        prime: of the field.
    """

    holds: bool
    error: Fraction
    degree: int
    prime: int


def settle(statement: Statement, version: str, architecture: Architecture) -> Settled:
    """Whether a statement is true for all weights, data and activation patterns.

    Args:
        version: of the statement; with the architecture it determines all random elements.

    Raises:
        Unreadable: saying what has no meaning here.
        NoValue: when a formula has no value.
        PassedOver: saying what is wrong with the architecture.
    """
    for prime in PRIMES:
        try:
            found = _settle_modulo(prime, statement, version, architecture)
        except (Undefined, ConstantUnit) as error:
            raise NoValue(f"a formula has no value: {error}") from error
        if found is not None:
            return found
    raise PassedOver("coefficients beyond the largest prime")


def _settle_modulo(
    prime: int, statement: Statement, version: str, architecture: Architecture
) -> Settled | None:
    """As `settle`; None where coefficients exceed the prime."""
    content = [version, architecture.document(), prime.bit_length()]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    seed = hashlib.sha256(text.encode()).hexdigest()
    spheres = spheres_of(statement, architecture.network)
    growth = max(spheres.values(), default=1)
    error, degree = Fraction(0), 0
    for weights, labels in signs_of(statement, architecture):
        field = Field(prime, seed)
        evaluator = FieldEvaluator(architecture, field, statement, weights)
        holds = True
        for signs in labels:
            evaluator.label(signs)
            holds = holds and all(map(evaluator.concludes, evaluator.assignments({}, 0)))
        chances = list(evaluator.chances())
        if any(b.size * growth ** (b.degree // 2) >= prime for _, b in chances):
            return None
        if not evaluator.concluded:
            raise PassedOver("there is nothing to check")
        if not holds:
            return Settled(False, Fraction(0), 0, prime)
        degree = max(degree, *(b.degree for _, b in chances))
        error += Fraction(8 ** len(spheres) * sum(n * b.degree for n, b in chances), prime)
    if error > LARGEST_ERROR:
        return None
    return Settled(True, error, degree, prime)


class FieldEvaluator(Evaluator):
    """Evaluates formulas at the point of a field.

    Attributes:
        compared_bounds: of everything that was compared.
        concluded: whether the hypotheses are met anywhere, so that there is something to check.
    """

    def __init__(
        self,
        architecture: Architecture,
        field: Field,
        statement: Statement,
        signs: Sequence[int],
    ) -> None:
        self._oracle, self.rational = REVERSE_MODE, True
        self.field, self.statement = field, statement
        self.compared_bounds: list[Bounds] = []
        self.concluded = False
        network, samples = architecture.network, architecture.samples
        spheres, single = spheres_of(statement, network), iter(signs)
        parameters = []
        for k, parameter in enumerate(network.parameters):
            if k in spheres:
                values = field.on_sphere(f"parameter {k}", parameter.shape)
            elif parameter.role == "shift" and assumes(statement, *NO_SHIFTS):
                values = np.full(parameter.shape, field.constant(0), dtype=object)
            elif parameter.role == "weight" and signs and prod(parameter.shape) == 1:
                values = np.full(parameter.shape, field.constant(next(single)), dtype=object)
            else:
                values = field.indeterminates(f"parameter {k}", parameter.shape)
            parameters.append(values)
        targets = None
        if architecture.targets is not None:
            targets = self._residues([list(row) for row in architecture.targets])
        elif architecture.outputs is not None:
            targets = field.indeterminates("targets", (samples, architecture.outputs))
        given = {
            name: field.indeterminates(f"number {name}", ()).item()
            if value is None
            else number(value)
            for name, value in architecture.numbers.items()
        }
        inputs = field.indeterminates("inputs", (samples, network.input_width))
        self._at(network, parameters, inputs, targets, given)
        self.functions |= {name: _unreadable(name) for name in UNREADABLE}
        self.functions["rank"] = lambda a: _Matrix(self._residues(a))
        names = tuple(variable.name for variable in statement.forall)
        self.due = [due(formula, names) for formula in statement.given]

    def label(self, signs: Sequence[int]) -> None:
        """Give the samples labels, if any; what does not depend on these is kept in memory."""
        if signs:
            self.names["y"] = self.names["y"].copy()
            self.names["y"][:, 0] = [self.field.constant(sign) for sign in signs]
        self.point = _of_the_network(self.point)
        for definition in self.statement.where:
            self.define(definition)

    # The language

    def combined(self, op: ast.operator, left: Any, right: Any) -> Any:
        if isinstance(op, ast.Div) and isinstance(base(right), Residue):
            if isinstance(left, list):
                left = array(left)
            return left / right if not isinstance(left, int) else fmpq(left) / right
        return combined(op, left, right)

    def compared(self, left: Any, relation: str, right: Any) -> bool:
        for side in (left, right):
            if isinstance(side, Dual | _Matrix) or (isinstance(side, Residue) and not side.fixed):
                raise Unreadable("a condition on weights or data")
        if isinstance(left, Residue) or isinstance(right, Residue):
            self.compared_bounds.append((left - right).bounds)
        return super().compared(left, relation, right)

    def _of_one_kind(self, parameters: Sequence[Any], inputs: Any) -> tuple[list[Array], Array]:
        arrays = [self._residues(part) for part in (*parameters, inputs)]
        if any(isinstance(entry, Dual) for values in arrays for entry in values.flat):
            lifted = np.frompyfunc(lambda e: e if isinstance(e, Dual) else Dual(e), 1, 1)
            arrays = [np.asarray(lifted(values), dtype=object) for values in arrays]
        *weights, data = arrays
        return weights, data

    def _residues(self, value: Any) -> Array:
        """An array whose entries are residues, or duals."""

        def converted(entry: Any) -> Any:
            return self.field.constant(entry) if isinstance(entry, int | fmpq) else entry

        return np.asarray(np.frompyfunc(converted, 1, 1)(array(value)), dtype=object)

    # The statement

    def assignments(self, scope: Mapping[str, Any], bound: int) -> Iterator[Mapping[str, Any]]:
        """All values of the variables at which the hypotheses on the architecture are met."""
        for formula, when in zip(self.statement.given, self.due, strict=True):
            if when == bound and not self._admits(formula.tree, scope):
                return
        if bound == len(self.statement.forall):
            yield scope
            return
        variable = self.statement.forall[bound]
        for value in self.value(variable.among.tree, scope):
            yield from self.assignments({**scope, variable.name: value}, bound + 1)

    def _admits(self, tree: ast.expr, scope: Mapping[str, Any]) -> bool:
        """Whether a hypothesis is met, or is about weights or data, and dropped."""
        try:
            return bool(self.value(tree, scope))
        except Unreadable:
            return True

    def _varies(self, batch: Any = None) -> bool:
        """Units of a batch of one sample never vary; that others do is a condition on the point."""
        if super()._varies(batch):
            raise Unreadable("the word varies")
        return False

    def concludes(self, scope: Mapping[str, Any]) -> bool:
        """Whether the conclusion is true."""
        self.concluded = True
        joined, comparisons = self.statement.conclusion.comparisons()
        truths = [self._concluded(comparison, scope) for comparison in comparisons]
        return any(truths) if joined == "or" else all(truths)

    def _concluded(self, comparison: Comparison, scope: Mapping[str, Any]) -> bool:
        left, relation, right = comparison
        sides = [self.value(side, scope) for side in (left, right)]
        if isinstance(sides[0], _Matrix):
            if relation != "<=" or not isinstance(sides[1], int):
                raise Unreadable("a lower bound on a rank")
            return self._rank_at_most(sides[0].entries, sides[1])
        if relation != "==":
            raise Unreadable("an inequality")
        a, b = (base(self._residues(side).item()) for side in sides)
        difference = a - b
        self.compared_bounds.append(difference.bounds)
        return bool(difference.value == 0)

    def _rank_at_most(self, matrix: Array, most: int) -> bool:
        if most >= min(matrix.shape):
            self.compared_bounds.append(Bounds())
            return True
        self.compared_bounds.append(minors(matrix, most + 1))
        return rank(matrix) <= most

    def chances(self) -> Iterator[tuple[int, Bounds]]:
        """What must not be 0 by chance at the point, each with its number."""
        yield from ((1, bounds) for bounds in self.compared_bounds)
        arguments = [bounds for _, bounds in self.field.gates.values()]
        if arguments:
            degree, size, below, size_below = map(max, zip(*arguments, strict=True))
            pairs = len(arguments) * (len(arguments) - 1) // 2
            yield pairs, Bounds(2 * max(degree, below), 2 * size * size_below)


@dataclass(frozen=True)
class _Matrix:
    """A matrix whose rank is asked for."""

    entries: Array


def _unreadable(word: str) -> Callable[..., Any]:
    def refuse(*_: Any) -> Any:
        raise Unreadable(f"the word {word}")

    return refuse


def _of_the_network(point: Point) -> Point:
    """A point that remembers the values and the derivatives of the network alone."""
    kept = {}
    for key, value in point.memory.items():
        if key[0] in ("vertices", "df"):
            kept[key] = value
        elif key[0] == "moved":
            kept[key] = _of_the_network(value)
    return Point(point.W, point.level, kept)
