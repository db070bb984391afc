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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.duals import Dual, base, split
from theorycheck.arithmetic.evaluation import has_kink, vertices
from theorycheck.arithmetic.forward_mode import jacobian
from theorycheck.arithmetic.numbers import Array, rationals
from theorycheck.networks.specification import Convolution, Identity, Network
from theorycheck.statements import matrices, numbers
from theorycheck.statements.numbers import (
    Number,
    Undefined,
    array,
    combined,
    compare,
    in_balls,
    number,
    whole,
)
from theorycheck.statements.syntax import RELATIONS, Definition

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


class Evaluator:
    """Evaluates formulas at one member of a case.

    Args:
        case: the network, its weights, data and numbers.
        member: which network of the cohort.
        definitions: the abbreviations of the statement, in order.
        rational: whether the network is evaluated in rationals; else in balls of the working
            precision, as batch normalisation needs where deviations are irrational.
    """

    def __init__(
        self, case: Case, member: int, definitions: Sequence[Definition], *, rational: bool = True
    ) -> None:
        self.network = network = case.network
        parameters = [rationals(parameter[member]) for parameter in case.parameters]
        self.point = Point([p if p.shape else p.item() for p in parameters])
        self.x = rationals(case.inputs[member])
        self.rational = rational
        self.samples = tuple(range(len(self.x)))
        self.abbreviations: dict[str, ast.expr] = {}
        roles = {
            role: [k for k, p in enumerate(network.parameters) if p.role == role]
            for role in ("weight", "bias", "shift")
        }
        self.names: dict[str, Any] = {
            "samples": self.samples,
            "outputs": tuple(range(network.output_width)),
            "depth": network.depth,
            "weights": roles["weight"],
            "filters": [k for k in roles["weight"] if self._patches(k) > 1],
            "biases": roles["bias"],
            "shifts": roles["shift"],
            "W": self.point.W,
            "x": self.x,
            **{name: rationals(number).item() for name, number in case.numbers.items()},
        }
        if case.targets is not None:
            self.names["y"] = rationals(case.targets[member])
        for name in [name[:-2] for name in case.numbers if name.endswith("_1")]:
            several = (self.names.get(f"{name}_{i}") for i in itertools.count(1))
            self.names[name] = list(itertools.takewhile(lambda one: one is not None, several))
        self.functions: dict[str, Callable[..., Any]] = {
            **self._network_words(), **numbers.WORDS, **matrices.WORDS
        }  # fmt: skip
        self.functions["batches"] = lambda size: list(
            itertools.combinations(self.samples, whole(size))
        )
        for definition in definitions:
            self._define(definition)

    def value(self, tree: ast.expr, scope: Mapping[str, Any]) -> Any:
        """The value of a formula, where variables have the values of a scope.

        Raises:
            Open: when balls of the working precision do not decide.
            Undefined: when the formula has no value.
        """
        # Long: one case for each construct of the language.
        match tree:
            case ast.Constant(value=constant):
                return constant
            case ast.Name(id=name):
                return scope[name] if name in scope else self._named(name)
            case ast.Tuple(elts=parts):
                return tuple(self.value(part, scope) for part in parts)
            case ast.List(elts=parts):
                return [self.value(part, scope) for part in parts]
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return combined(ast.Mult(), -1, self.value(part, scope))
            case ast.UnaryOp(operand=part):
                return not self.value(part, scope)
            case ast.BoolOp(op=ast.And(), values=parts):
                return all(self.value(part, scope) for part in parts)
            case ast.BoolOp(values=parts):
                return any(self.value(part, scope) for part in parts)
            case ast.BinOp(left=left, op=op, right=right):
                return combined(op, self.value(left, scope), self.value(right, scope))
            case ast.Compare(left=left, ops=ops, comparators=parts):
                sides = [self.value(left, scope), *(self.value(part, scope) for part in parts)]
                return all(
                    compare(a, RELATIONS[type(op)], b)
                    for a, op, b in zip(sides, ops, sides[1:], strict=False)
                )
            case ast.IfExp(test=test, body=body, orelse=other):
                return self.value(body if self.value(test, scope) else other, scope)
            case ast.Subscript(value=part, slice=index):
                return self._entry(self.value(part, scope), self.value(index, scope))
            case ast.ListComp(elt=part, generators=loops):
                return list(self._comprehension(part, loops, scope))
            case ast.Call(func=ast.Name(id="grad"), args=[formula, index]):
                return self._gradient(lambda: self.value(formula, scope), self.value(index, scope))
            case ast.Call(func=ast.Name(id=name), args=parts):
                return self.functions[name](*(self.value(part, scope) for part in parts))
        raise AssertionError(ast.dump(tree))

    def _named(self, name: str) -> Any:
        if name not in self.names:
            raise Undefined(f"the case has no {name}")
        if name == "W":
            return self.point.W
        if name in self.abbreviations and self.point.level > 0:
            body = self.abbreviations[name]
            return self._remembered(("name", name), lambda: self.value(body, {}))
        return self.names[name]

    def _entry(self, values: Any, index: Any) -> Any:
        position = whole(index)
        if not 0 <= position < len(values):
            raise Undefined("a subscript out of range")
        return values[position]

    def _comprehension(
        self, part: ast.expr, loops: Sequence[ast.comprehension], scope: Mapping[str, Any]
    ) -> Iterator[Any]:
        if not loops:
            yield self.value(part, scope)
            return
        loop, *others = loops
        assert isinstance(loop.target, ast.Name)
        for value in self.value(loop.iter, scope):
            inner = {**scope, loop.target.id: value}
            if all(self.value(condition, inner) for condition in loop.ifs):
                yield from self._comprehension(part, others, inner)

    def _define(self, definition: Definition) -> None:
        name, body = definition.name, definition.body.tree
        if definition.arguments is None:
            self.names[name] = self.value(body, {})
            self.abbreviations[name] = body
            return
        arguments = definition.arguments

        def function(*values: Any) -> Any:
            scope = dict(zip(arguments, values, strict=True))
            if all(isinstance(value, int | tuple) for value in values):
                return self._remembered((name, values), lambda: self.value(body, scope))
            return self.value(body, scope)

        self.functions[name] = function

    def _remembered(self, key: Any, make: Callable[[], Any]) -> Any:
        memory = self.point.memory
        if key not in memory:
            memory[key] = make()
        return memory[key]

    # The network

    def _network_words(self) -> dict[str, Callable[..., Any]]:
        network = self.network
        layers, parameters = network.layers, network.parameters
        kinds = {layer.normalisation for layer in layers} - {"none"}
        return {
            "f": lambda n, c, S=None: self._vertices(S)[-1][self._row(n, S), whole(c)],
            "h": lambda n: self._vertices(None)[-2][self._row(n, None)],
            "df": lambda n, c, k, S=None: self._jacobian(k, S)[self._row(n, S), whole(c)],
            "network": lambda V, X: self._elsewhere(V, X)[-1],
            "features": lambda V, X: self._elsewhere(V, X)[-2],
            "layer": lambda k: parameters[whole(k)].layer,
            "source": lambda k: parameters[whole(k)].source,
            "slope": lambda v: rationals(layers[whole(v) - 1].slope).item(),
            "patches": lambda k: self._patches(whole(k)),
            "chain": lambda: is_chain(network),
            "smooth": lambda S=None: not has_kink(network, *self._point(self._batch(S))),
            "detached": lambda: kinds == {"batch-detached"},
            "normalised": lambda: bool(kinds),
            "normalised_layer": lambda v: layers[whole(v) - 1].normalisation != "none",
        }

    def _point(self, batch: list[int]) -> tuple[list[Array], Array]:
        """Parameters and inputs for the network, of the kind of number that it is evaluated in."""
        return self._of_one_kind(self.point.W, self.x[batch])

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

    def _gradient(self, formula: Callable[[], Any], k: Any) -> Any:
        """The derivative of a formula along parameter k, along all of its entries at once."""
        here, level = self.point, self.point.level + 1
        values = array(self._entry(here.W, k))

        def moved() -> Point:
            units = rationals(np.eye(values.size, dtype=int))
            marked = [Dual(*pair, level) for pair in zip(values.flat, units, strict=True)]
            weights = numbers.replaced(here.W, k, _shaped(marked, values.shape))
            return Point(weights, level)

        self.point = self._remembered(("moved", whole(k)), moved)
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
        return [whole(n) for n in batch]

    def _row(self, n: Any, batch: Any) -> int:
        chosen = self._batch(batch)
        if whole(n) not in chosen:
            raise Undefined("a sample that is not in the batch")
        return chosen.index(whole(n))

    def _vertices(self, batch: Any) -> list[Array]:
        chosen = self._batch(batch)
        found: list[Array] = self._remembered(
            ("vertices", *chosen), lambda: vertices(self.network, *self._point(chosen))
        )
        return found

    def _jacobian(self, k: Any, batch: Any) -> Array:
        chosen = self._batch(batch)
        found: Array = self._remembered(
            ("df", whole(k), *chosen),
            lambda: jacobian(self.network, *self._point(chosen), whole(k)),
        )
        return found

    def _patches(self, k: int) -> int:
        connection = self.network.edge_of(k).map
        return connection.positions if isinstance(connection, Convolution) else 1


def _as_dual(entry: Any) -> Dual:
    return entry if isinstance(entry, Dual) else Dual(entry)


def _shaped(entries: Any, shape: tuple[int, ...]) -> Any:
    """Entries in a row, or one that stands for all, in an array; a number for the shape ()."""
    found = np.empty(shape, dtype=object)
    found.flat[:] = entries
    return found if shape else found.item()


def is_chain(network: Network) -> bool:
    """Whether each layer reads the one before it alone, through weights."""
    return all(
        [edge.source for edge in layer.edges] == [vertex]
        and not isinstance(layer.edges[0].map, Identity)
        for vertex, layer in enumerate(network.layers)
    )
