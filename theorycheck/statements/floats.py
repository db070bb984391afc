"""The float reader: formulas at all members of a cohort at once.

Numbers are floats that provably do not round (`Dyadic`), or, on networks too large for that, floats
with running bounds on their rounding errors (`Bounded`). Whether anything may round follows from
the formula; members on which it may are for the exact reader. What this reader has no means for (a
root, a division by what is no power of two, normalisation) raises `Unread`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache, cached_property, reduce
from typing import Any

import numpy as np
import torch

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.dyadic import (
    dominating,
    dominating_at,
    dyadic_exponent,
    normal_exponent,
    quantum_exponents,
)
from theorycheck.arithmetic.error_bounds import Evaluation, evaluate_with_error_bounds
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import sample_gradients, vertices
from theorycheck.networks.specification import mlp
from theorycheck.statements.bounded import Bounded
from theorycheck.statements.dyadics import Dyadic
from theorycheck.statements.interpreter import Interpreter, architecture
from theorycheck.statements.numbers import Undefined, check_member, position, replaced, whole
from theorycheck.statements.syntax import Definition, Statement
from theorycheck.statements.truths import Truth

Floats = Dyadic | Bounded
"""Numbers of all members of a cohort."""


class Unread(Exception):
    """The float reader has no means for a formula, or for a case."""


class RankUpToTwo:
    """Ranks of matrices, ``(K,)``: 0, 1, or 2 for "at least 2"; and the highest of their shape."""

    def __init__(self, matrices: Floats) -> None:
        self.ranks = matrices.ranks_up_to_two()
        self.largest = min(matrices.value.shape[1:])


class FloatInterpreter(Interpreter):
    """What exact floats and floats within error bounds have in common.

    Args:
        case: the cohort.
        definitions: the abbreviations of the statement, in order.
    """

    def __init__(self, case: Case, definitions: Sequence[Definition]) -> None:
        super().__init__()
        if case.network.normalised_by_batch:
            raise Unread("batch normalisation")
        self.case = case
        names, functions = architecture(case.network, case.samples)
        self.names = {
            **names,
            **{name: Fraction(number) for name, number in case.numbers.items()},
            "W": [self.given(array) for array in case.parameters],
            "x": self.given(case.inputs),
        }
        if case.targets is not None:
            self.names["y"] = self.given(case.targets)
        self.functions = {
            **self.functions,
            **functions,
            "f": lambda n, c, S=None: self.output(*self._place(n, c, S)),
            "df": lambda n, c, k, S=None: self.derivative(
                *self._place(n, c, S), position(k, len(case.parameters))
            ),
            "inner": self._inner,
            "squared": lambda a: self._inner(a, a),
            "outer": lambda a, b: self.array(a).outer(self.array(b)),
            "zero": lambda a: self.compared(self.array(a).magnitude().total(), "==", 0),
            "rank": lambda a: RankUpToTwo(self.array(a)),
            "abs": lambda a: abs(a) if is_exact(a) else a.magnitude(),
            "len": self._length,
            "range": lambda *ends: tuple(range(*map(whole, ends))),
            "sum": self._total,
            "product": lambda values: self._folded(ast.Mult(), values, 1),
            "network": lambda V, X: self.elsewhere(V, X),
            "replaced": replaced,
        }
        for definition in definitions:
            self.define(definition)

    # What the two kinds of floats differ in

    def given(self, array: np.ndarray) -> Floats:
        """Numbers of the case, ``(K, ...)``."""
        raise NotImplementedError

    def constants(self, numbers: Sequence[int | Fraction]) -> Floats:
        """A vector of numbers that all members share."""
        raise NotImplementedError

    def _place(self, n: Any, c: Any, batch: Any) -> tuple[int, int]:
        """A sample of a batch, on which nothing else depends, and an output."""
        check_member(n, batch, self.case.samples)
        return position(n, self.case.samples), position(c, self.case.network.output_width)

    def output(self, n: int, c: int) -> Floats:
        """``f(n, c)``."""
        raise NotImplementedError

    def derivative(self, n: int, c: int, k: int) -> Floats:
        """``df(n, c, k)``, as autograd has it."""
        raise NotImplementedError

    def elsewhere(self, V: Any, X: Any) -> Floats:
        """``network(V, X)``."""
        raise Unread("the network at other weights")

    # The language

    def word(self, name: str) -> Callable[..., Any]:
        if name not in self.functions:
            raise Unread(name)
        return super().word(name)

    def gradient(self, formula: Callable[[], Any], k: Any) -> Any:
        raise Unread("grad")

    def entry(self, values: Any, index: Any) -> Any:
        if not isinstance(values, Floats):
            return super().entry(values, index)
        return values.entry(position(index, values.length or 0))

    def entries(self, values: Any) -> Iterable[Any]:
        if not isinstance(values, Floats):
            return super().entries(values)
        return [values.entry(i) for i in range(self._length(values))]

    def combined(self, op: ast.operator, left: Any, right: Any) -> Any:
        if is_exact(left) and is_exact(right):
            return _exactly(op, left, right)
        match op:
            case ast.Add():
                one, other = self._alike(left, right)
                return one + other
            case ast.Sub():
                one, other = self._alike(left, right)
                return one + -other
            case ast.Mult():
                one, other = self.array(left), self.array(right)
                if None not in (one.length, other.length):
                    raise Undefined("arrays that cannot be combined")
                return one * other
            case ast.Div() if is_exact(right) and right != 0:
                return self.array(left) * self.array(1 / Fraction(right))
            case ast.Pow() if is_exact(right):
                return self._folded(ast.Mult(), [left] * whole(right), 1)
        raise Unread("a quotient of numbers of the members")

    def _alike(self, left: Any, right: Any) -> tuple[Any, Any]:
        """Two arrays of one shape, or two numbers."""
        one, other = self.array(left), self.array(right)
        if one.value.shape[1:] != other.value.shape[1:]:
            raise Undefined("arrays that cannot be combined")
        return one, other

    def compared(self, left: Any, relation: str, right: Any) -> Truth:
        if isinstance(left, RankUpToTwo):
            if not is_exact(right) or relation != "<=" or right not in (0, 1):
                raise Unread("a rank above 1")
            ranks: Truth = left.ranks <= int(right)
            return ranks
        if is_exact(left) and is_exact(right):
            return _compared_exactly(left, relation, right)
        sides = self.array(left), self.array(right)
        if any(side.length is not None for side in sides):
            raise Unread("a comparison of arrays")
        truth: Truth = sides[0].compared(relation, sides[1])
        return truth

    def admitted(self, truth: Truth) -> bool:
        if isinstance(truth, np.ndarray):
            raise Unread("a loop whose condition members answer differently")
        return truth

    def chosen(self, test: Truth, body: Callable[[], Any], other: Callable[[], Any]) -> Any:
        if not isinstance(test, np.ndarray):
            return super().chosen(test, body, other)
        values = self.array(body()), self.array(other())
        if not isinstance(values[0], Dyadic) or any(v.length is not None for v in values):
            raise Unread("a choice between arrays")
        return values[0].chosen(test, values[1])

    def array(self, value: Any) -> Any:
        """A value as floats: a number shared by all, a list as an array."""
        if isinstance(value, Floats):
            return value
        if isinstance(value, list) and value:
            if all(map(is_exact, value)):
                return self.constants(value)
            entries = [self.array(entry) for entry in value]
            return type(entries[0]).stacked(entries)
        if is_exact(value):
            return self.constants([value]).entry(0)
        raise Unread(f"a number that is {type(value).__name__}")

    def _inner(self, left: Any, right: Any) -> Floats:
        a, b = self.array(left).flat(), self.array(right).flat()
        if a.length != b.length:
            raise Unread("an inner product of arrays of different sizes")
        product: Floats = (a * b).total()
        return product

    def _length(self, values: Any) -> int:
        length = values.length if isinstance(values, Floats) else len(values)
        if length is None:
            raise Unread("the length of a number")
        return int(length)

    def _total(self, values: Any) -> Any:
        return self._folded(ast.Add(), self.entries(values), 0)

    def _folded(self, op: ast.operator, values: Iterable[Any], empty: int) -> Any:
        terms = list(values)
        return reduce(lambda a, b: self.combined(op, a, b), terms) if terms else empty


class DyadicInterpreter(FloatInterpreter):
    """Floats that do not round.

    Raises:
        Rounds: when they may, for some members.
        Unread: for what this reader has no means for.
    """

    def __init__(self, case: Case, definitions: Sequence[Definition], dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.format = torch.empty(0, dtype=dtype).numpy().dtype
        super().__init__(case, definitions)

    def given(self, array: np.ndarray) -> Dyadic:
        exponent = dyadic_exponent(array)
        if exponent > normal_exponent(self.dtype):
            raise Unread("a number that is not dyadic")
        try:
            numbers = array.astype(np.float64)
        except OverflowError as error:
            raise Unread("a number beyond all floats") from error
        with np.errstate(over="ignore"):  # Too large for the format is too large for its bits.
            value = numbers.astype(self.format)
        return Dyadic(value, np.abs(numbers), int(exponent))

    def constants(self, numbers: Sequence[int | Fraction]) -> Dyadic:
        found = Dyadic.constants(numbers, self.format)
        if found is None:
            raise Unread("a number that is not dyadic")
        return found

    def elsewhere(self, V: Any, X: Any) -> Dyadic:
        """Outputs ``(K, N, C)`` at any parameters and inputs.

        They bound, in units of all quanta together, whatever is added up on the way, in the
        backward pass and in products of derivatives with weights too (`bits_needed`).
        """
        network, arrays = self.case.network, [*map(self.array, V), self.array(X)]
        shapes = [array.value.shape[1:] for array in arrays]
        if shapes[:-1] != [p.shape for p in network.parameters] or len(shapes[-1]) != 2:
            raise Unread("arrays of other shapes")
        members, powers = self.case.members, [a.exponent for a in arrays]
        *parameters, inputs = (
            torch.tensor(np.broadcast_to(a.value, (members, *a.value.shape[1:]))) for a in arrays
        )
        *above, data = (np.broadcast_to(a.size, (members, *a.size.shape[1:])) for a in arrays)
        values = vertices(network, tuple(parameters), inputs)
        bounds = dominating_at(network, above, data, powers)
        exponents = quantum_exponents(network, powers)
        sizes = vertices(bounds.network, bounds.parameters, bounds.inputs)[-1]
        return Dyadic(values[-1].numpy(), sizes.numpy() * bounds.factor, int(sum(exponents)))

    @cached_property
    def _outputs(self) -> Dyadic:
        """``(K, N, C)``."""
        return self.elsewhere(self.names["W"], self.names["x"])

    @cached_property
    def _gradients(self) -> list[Dyadic]:
        """For every parameter, ``(K, N, C, *shape)``; exact where the outputs are."""
        total, case = self._outputs.exponent, self.case
        exponents = quantum_exponents(
            case.network, [a.exponent for a in (*self.names["W"], self.names["x"])]
        )
        bounds = dominating(case)
        values = sample_gradients(case.network, *case.tensors(dtype=self.dtype))
        sizes = sample_gradients(bounds.network, bounds.parameters, bounds.inputs)
        return [
            Dyadic(v.numpy(), s.numpy() * bounds.factor, total - int(exponents[p.layer - 1]))
            for v, s, p in zip(values, sizes, case.network.parameters, strict=True)
        ]

    def output(self, n: int, c: int) -> Dyadic:
        return self._outputs.entry(n).entry(c)

    def derivative(self, n: int, c: int, k: int) -> Dyadic:
        return self._gradients[k].entry(n).entry(c)


@cache
def lacks_words(statement: Statement) -> bool:
    """Whether a statement has words that floats without rounding have no means for, at any case."""
    one = np.ones((1, 1, 1))
    reader = DyadicInterpreter(Case(mlp([1, 1]), (one,), one, one), (), torch.float64)
    called = {
        node.func.id
        for formula in statement.formulas()
        for node in ast.walk(formula.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return not called <= {*reader.functions, *(one.name for one in statement.where)}


class BoundedInterpreter(FloatInterpreter):
    """Float64 with running bounds on rounding errors: a comparison is false where it certainly is.

    Equalities and ranks are never proved by such floats: they hold as far as rounding can tell.

    Raises:
        Unread: for what this reader has no means for.
    """

    def given(self, array: np.ndarray) -> Bounded:
        if array.dtype == object:
            raise Unread("a number that is no float")
        return Bounded.exact(array)

    def constants(self, numbers: Sequence[int | Fraction]) -> Bounded:
        values = [float(number) for number in numbers]
        if values != list(numbers):
            raise Unread("a number that is no float")
        return Bounded.exact(np.array([values]))

    @cached_property
    def _evaluation(self) -> Evaluation:
        try:
            return evaluate_with_error_bounds(self.case)
        except InputError as error:
            raise Unread(str(error)) from error

    def output(self, n: int, c: int) -> Bounded:
        return Bounded(self._evaluation.outputs[:, n])

    def derivative(self, n: int, c: int, k: int) -> Bounded:
        return Bounded(self._evaluation.gradient(k)[:, n])


def is_exact(value: Any) -> bool:
    """Whether a value is a number that all members share, known exactly."""
    return isinstance(value, int | Fraction) and not isinstance(value, bool)


def _exactly(op: ast.operator, left: int | Fraction, right: int | Fraction) -> int | Fraction:
    match op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div() if right != 0:
            return Fraction(left) / right
        case ast.Pow():
            power: int | Fraction = left ** whole(right)
            return power
    raise Unread("a division by zero")


def _compared_exactly(left: int | Fraction, relation: str, right: int | Fraction) -> bool:
    truths = {
        "==": left == right, "!=": left != right, "<=": left <= right, ">=": left >= right,
        "<": left < right, ">": left > right,
    }  # fmt: skip
    return truths[relation]
