"""The exact reader: formulas at one network, in rationals, and in balls where roots occur.

A reader gives every word the meaning that it has in the kernel, with other means: python-flint's
rationals and balls (Arb) instead of Python's fractions, characteristic polynomials instead of
inertia counts. Tests compare the two.

Values are truths (bool), numbers (int, ``fmpq`` or ``arb``), arrays (lists, or NumPy arrays of
numbers), and ranges and batches (tuples of int). What balls leave undecided raises `Open`, and is
tried again with more bits (`PRECISIONS`).
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.duals import Dual, base, split
from theorycheck.arithmetic.evaluation import ConstantUnit, has_kink, vertices
from theorycheck.arithmetic.forward_mode import jacobian
from theorycheck.arithmetic.numbers import Array, rationals
from theorycheck.networks.specification import Network
from theorycheck.statements import matrices, numbers
from theorycheck.statements.interpreter import Interpreter, architecture
from theorycheck.statements.numbers import (
    Number,
    Undefined,
    array,
    check_member,
    combined,
    compare,
    in_balls,
    number,
    position,
    whole,
)
from theorycheck.statements.oracles import FORWARD_MODE, Missing, Oracle
from theorycheck.statements.syntax import Definition

PRECISIONS = (64, 256, 1024)
"""Bits of balls, tried in this order until one decides: those of the kernel."""


@dataclass(frozen=True)
class Point:
    """Where formulas are evaluated: at the weights of the case, or where those of a layer move.

    Attributes:
        W: the parameters.
        level: how many derivations are under way.
        memory: what has been computed here.
    """

    W: list[Any]
    level: int = 0
    memory: dict[Any, Any] = field(default_factory=dict)


class Evaluator(Interpreter):
    """Evaluates formulas at one member of a case.

    Args:
        case: the network, its weights, data and numbers.
        member: which network of the cohort.
        definitions: the abbreviations of the statement, in order.
        rational: whether the network is evaluated in rationals; else in balls of the working
            precision, as batch normalisation needs where deviations are irrational.
        oracle: where derivatives of the network come from.

    Methods that evaluate raise Open when balls of the working precision do not decide.
    """

    def __init__(
        self,
        case: Case,
        member: int,
        definitions: Sequence[Definition],
        *,
        rational: bool = True,
        oracle: Oracle = FORWARD_MODE,
    ) -> None:
        self._oracle = oracle
        self.rational = rational
        self._at(
            case.network,
            [rationals(parameter[member]) for parameter in case.parameters],
            rationals(case.inputs[member]),
            None if case.targets is None else rationals(case.targets[member]),
            {name: rationals(number).item() for name, number in case.numbers.items()},
        )
        for definition in definitions:
            self.define(definition)

    def _at(
        self,
        network: Network,
        parameters: Sequence[Array],
        inputs: Array,
        targets: Array | None,
        given: Mapping[str, Any],
    ) -> None:
        """Say what names and words mean at a network, its data and its numbers."""
        super().__init__()
        self.network, self.x = network, inputs
        self.point = Point([p if p.shape else p.item() for p in parameters])
        self.samples = tuple(range(len(inputs)))
        self.abbreviations: dict[str, ast.expr] = {}
        names, functions = architecture(network, len(inputs))
        self.names = {**names, "W": self.point.W, "x": inputs, **given}
        if targets is not None:
            self.names["y"] = targets
        for name in [name[:-2] for name in given if name.endswith("_1")]:
            several = (given.get(f"{name}_{i}") for i in itertools.count(1))
            self.names[name] = list(itertools.takewhile(lambda one: one is not None, several))
        self.functions |= {
            **functions,
            "slope": lambda v: number(functions["slope"](v)),
            **self._network_words(),
            **numbers.WORDS,
            **matrices.WORDS,
            "batches": lambda size: _batches(self.samples, whole(size)),
        }

    def combined(self, op: ast.operator, left: Any, right: Any) -> Any:
        return combined(op, left, right)

    def compared(self, left: Any, relation: str, right: Any) -> bool:
        return compare(left, relation, right)

    def named(self, name: str) -> Any:
        if name == "W":
            return self.point.W
        if name in self.abbreviations and self.point.level > 0:
            body = self.abbreviations[name]
            return self.remembered(("name", name), lambda: self.value(body, {}))
        return super().named(name)

    def define(self, definition: Definition) -> None:
        super().define(definition)
        if definition.arguments is None:
            self.abbreviations[definition.name] = definition.body.tree

    @contextmanager
    def redefining(self, definitions: Sequence[Definition]) -> Iterator[None]:
        """Within it abbreviations mean something else, and what they do not change is remembered.

        Args:
            definitions: those that mean something else, in order, each of them known before.
        """
        kept = self.names, self.functions, self.abbreviations, self.point
        self.names, self.functions, self.abbreviations = map(dict, kept[:3])
        self.point = _without(self.point, {definition.name for definition in definitions})
        try:
            for definition in definitions:
                self.define(definition)
            yield
        finally:
            self.names, self.functions, self.abbreviations, self.point = kept

    def remembered(self, key: Any, make: Callable[[], Any]) -> Any:
        memory = self.point.memory
        if key not in memory:
            memory[key] = make()
        return memory[key]

    # The network

    def _network_words(self) -> dict[str, Callable[..., Any]]:
        return {
            "f": lambda n, c, S=None: self._vertices(S)[-1][self._row(n, S), self._output(c)],
            "h": lambda n: self._vertices(None)[-2][self._row(n, None)],
            "df": self._derivative,
            "network": lambda V, X: self._elsewhere(V, X)[-1],
            "features": lambda V, X: self._elsewhere(V, X)[-2],
            "varies": self._varies,
            "smooth": self._smooth,
        }

    def _point(self, batch: list[int]) -> tuple[list[Array], Array]:
        """Parameters and inputs for the network, of the kind of number that it is evaluated in."""
        found: tuple[list[Array], Array] = self.remembered(
            ("point", *batch), lambda: self._of_one_kind(self.point.W, self.x[batch])
        )
        return found

    def _of_one_kind(self, parameters: Sequence[Any], inputs: Any) -> tuple[list[Array], Array]:
        """Arrays of rationals alone, of balls alone, or of dual numbers alone."""
        arrays = [array(part) for part in (*parameters, inputs)]
        kinds = {
            type(part)
            for values in arrays
            for entry in values.flat
            for part in (entry, base(entry))
        }
        if not self.rational or not kinds <= {fmpq, Dual}:
            arrays = [np.frompyfunc(in_balls, 1, 1)(values) for values in arrays]
        if Dual in kinds:
            arrays = [np.frompyfunc(_as_dual, 1, 1)(values) for values in arrays]
        *weights, data = (np.asarray(values, dtype=object) for values in arrays)
        return weights, data

    def _elsewhere(self, parameters: Any, inputs: Any) -> list[Array]:
        """Values of all vertices at any parameters and inputs; the inputs are one batch."""
        weights, data = self._of_one_kind(parameters, inputs)
        expected = [parameter.shape for parameter in self.network.parameters]
        given = [values.shape for values in weights]
        if given != expected or data.ndim != 2 or data.shape[1] != self.network.input_width:
            raise Undefined("an array that has not the shape of what it stands for")
        return vertices(self.network, weights, data)

    def gradient(self, formula: Callable[[], Any], k: Any) -> Any:
        """The derivative of a formula along parameter k, along all of its entries at once."""
        here, level = self.point, self.point.level + 1
        values = array(self.entry(here.W, k))

        def moved() -> Point:
            units = rationals(np.eye(values.size, dtype=int))
            marked = [Dual(*pair, level) for pair in zip(values.flat, units, strict=True)]
            weights = numbers.replaced(here.W, k, _shaped(marked, values.shape))
            return Point(weights, level)

        self.point = self.remembered(("moved", whole(k)), moved)
        try:
            found = formula()
        finally:
            self.point = here
        if isinstance(found, bool) or not isinstance(found, int | Number):
            raise Undefined("the derivative of what is no number")
        _, motion = split(number(found), level)
        return _shaped(motion, values.shape)

    def _batch(self, batch: Any) -> list[int]:
        """The samples that are evaluated together; all where the others make no difference."""
        if batch is None or not self.network.normalised_by_batch:
            return list(self.samples)
        return [position(n, len(self.samples)) for n in batch]

    def _check_batch(self, batch: Any) -> None:
        """Require one or more samples, where a batch is given."""
        if batch is not None:
            check_member(self.entry(batch, 0), batch, len(self.samples))

    def _row(self, n: Any, batch: Any) -> int:
        check_member(n, batch, len(self.samples))
        return self._batch(batch).index(whole(n))

    def _output(self, c: Any) -> int:
        return position(c, self.network.output_width)

    def _vertices(self, batch: Any) -> list[Array]:
        chosen = self._batch(batch)
        found: list[Array] = self.remembered(
            ("vertices", *chosen), lambda: vertices(self.network, *self._point(chosen))
        )
        return found

    def _derivative(self, n: Any, c: Any, k: Any, batch: Any = None) -> Array:
        chosen = self._batch(batch)
        # Other oracles differentiate numbers, and second derivatives are forward mode's alone.
        derivative = self._oracle.derivative if self.point.level == 0 else jacobian
        along = position(k, len(self.network.parameters))
        by_sample = self.remembered(
            ("df", along, *chosen),
            lambda: derivative(self.network, *self._point(chosen), along),
        )
        found: Array | None = by_sample[self._row(n, batch)]
        if found is None:
            raise Missing
        of_output: Array = found[self._output(c)]
        return of_output

    def _smooth(self, batch: Any = None) -> bool:
        self._check_batch(batch)
        chosen = range(len(self.samples)) if batch is None else batch
        rows = [position(n, len(self.samples)) for n in chosen]
        return not has_kink(self.network, *self._point(rows))

    def _varies(self, batch: Any = None) -> bool:
        self._check_batch(batch)
        try:
            self._vertices(batch)
        except ConstantUnit:
            return False
        return True


def _without(point: Point, names: Collection[str]) -> Point:
    """A point that has forgotten the values of abbreviations."""
    kept = {}
    for key, value in point.memory.items():
        if isinstance(value, Point):
            kept[key] = _without(value, names)
        elif not ({key[0], key[1]} if key[0] == "name" else {key[0]}) & {*names}:
            kept[key] = value
    return Point(point.W, point.level, kept)


def _batches(samples: Sequence[int], size: int) -> list[tuple[int, ...]]:
    if not 0 <= size <= len(samples):
        raise Undefined("batches of a size that no batch has")
    return list(itertools.combinations(samples, size))


def _as_dual(entry: Any) -> Dual:
    return entry if isinstance(entry, Dual) else Dual(entry)


def _shaped(entries: Any, shape: tuple[int, ...]) -> Any:
    """Entries in a row, or one that stands for all, in an array; a number for the shape ()."""
    found = np.empty(shape, dtype=object)
    found.flat[:] = entries
    return found if shape else found.item()
