"""The constructs of the language of statements, whatever numbers a reader computes with."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from theorycheck.networks.specification import Convolution, Identity, Layer, Network, Parameter
from theorycheck.statements.numbers import Undefined, position, whole
from theorycheck.statements.syntax import RELATIONS, Definition

Truth = bool | npt.NDArray[np.bool_]
"""Whether a condition is true: one answer, or one for each member of a cohort."""


class Interpreter(ABC):
    """Evaluates formulas; a reader says what numbers and words are.

    Attributes:
        names: what each name stands for.
        functions: what each word computes.
        memory: what has been computed and is asked for again.
    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.functions: dict[str, Callable[..., Any]] = {"all": every, "any": some}
        self.memory: dict[Any, Any] = {}

    @abstractmethod
    def combined(self, op: ast.operator, left: Any, right: Any) -> Any:
        """Sum, difference, product, quotient or power of two values."""

    @abstractmethod
    def compared(self, left: Any, relation: str, right: Any) -> Truth:
        """Whether a relation between two numbers is true."""

    def chosen(self, test: Truth, body: Callable[[], Any], other: Callable[[], Any]) -> Any:
        """The value of one of two formulas."""
        return body() if test else other()

    def value(self, tree: ast.expr, scope: Mapping[str, Any]) -> Any:
        """The value of a formula, where variables have the values of a scope.

        Raises:
            Undefined: when the formula has no value.
        """
        # Long: one case for each construct of the language, the frequent ones first.
        match tree:
            case ast.Name(id=name):
                return scope[name] if name in scope else self.named(name)
            case ast.Constant(value=constant):
                return constant
            case ast.Call(func=ast.Name(id=name), args=parts):
                return self.called(name, parts, scope)
            case ast.Subscript(value=part, slice=index):
                return self.entry(self.value(part, scope), self.value(index, scope))
            case ast.BinOp(left=left, op=op, right=right):
                return self.combined(op, self.value(left, scope), self.value(right, scope))
            case ast.Tuple(elts=parts):
                return tuple(self.value(part, scope) for part in parts)
            case ast.List(elts=parts):
                return [self.value(part, scope) for part in parts]
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return self.combined(ast.Mult(), -1, self.value(part, scope))
            case ast.UnaryOp(operand=part):
                return opposite(self.value(part, scope))
            case ast.BoolOp(op=ast.And(), values=parts):
                return every(self.value(part, scope) for part in parts)
            case ast.BoolOp(values=parts):
                return some(self.value(part, scope) for part in parts)
            case ast.Compare(left=left, ops=ops, comparators=parts):
                sides = [self.value(left, scope), *(self.value(part, scope) for part in parts)]
                return every(
                    self.compared(a, RELATIONS[type(op)], b)
                    for a, op, b in zip(sides, ops, sides[1:], strict=False)
                )
            case ast.IfExp(test=test, body=body, orelse=other):
                return self.chosen(
                    self.value(test, scope),
                    lambda: self.value(body, scope),
                    lambda: self.value(other, scope),
                )
            case ast.ListComp(elt=part, generators=loops):
                return list(self._comprehension(part, loops, scope))
        raise AssertionError(ast.dump(tree))

    def called(self, name: str, parts: Sequence[ast.expr], scope: Mapping[str, Any]) -> Any:
        """What a word computes from the values of formulas."""
        return self.functions[name](*[self.value(part, scope) for part in parts])

    def entry(self, values: Any, index: Any) -> Any:
        """The entry of a list or array at a place."""
        return values[position(index, len(values))]

    def entries(self, values: Any) -> Iterable[Any]:
        """The entries of a list or array, for a loop."""
        return values  # type: ignore[no-any-return]

    def define(self, definition: Definition) -> None:
        """Add an abbreviation. Values of functions at whole numbers and batches are kept."""
        name, body = definition.name, definition.body.tree
        if definition.arguments is None:
            self.names[name] = self.value(body, {})
            return
        arguments = definition.arguments

        def function(*values: Any) -> Any:
            scope = dict(zip(arguments, values, strict=True))
            if all(isinstance(value, int | tuple) for value in values):
                return self.remembered((name, values), lambda: self.value(body, scope))
            return self.value(body, scope)

        self.functions[name] = function

    def remembered(self, key: Any, make: Callable[[], Any]) -> Any:
        """The value that belongs to a key, computed when it is first asked for."""
        if key not in self.memory:
            self.memory[key] = make()
        return self.memory[key]

    def named(self, name: str) -> Any:
        """What a name that is no variable stands for."""
        if name not in self.names:
            raise Undefined(f"the case has no {name}")
        return self.names[name]

    def _comprehension(
        self, part: ast.expr, loops: Sequence[ast.comprehension], scope: Mapping[str, Any]
    ) -> Iterator[Any]:
        if not loops:
            yield self.value(part, scope)
            return
        loop, *others = loops
        assert isinstance(loop.target, ast.Name)
        for value in self.entries(self.value(loop.iter, scope)):
            inner = {**scope, loop.target.id: value}
            if self.admitted(every(self.value(condition, inner) for condition in loop.ifs)):
                yield from self._comprehension(part, others, inner)

    def admitted(self, truth: Truth) -> bool:
        """The condition of a loop, which has one answer."""
        return bool(truth)


def every(truths: Iterable[Truth]) -> Truth:
    """Whether all conditions are true; those after one that is true nowhere are not evaluated."""
    found: Truth = True
    for truth in truths:
        found = truth if found is True else found & truth
        if found is False or (found is not True and not np.any(found)):
            break
    return found


def some(truths: Iterable[Truth]) -> Truth:
    """Whether any condition is true; those after one that is true everywhere are not evaluated."""
    found: Truth = False
    for truth in truths:
        found = truth if found is False else found | truth
        if found is True or (found is not False and np.all(found)):
            break
    return found


def opposite(truth: Truth) -> Truth:
    """Whether a condition is false."""
    return ~truth if isinstance(truth, np.ndarray) else not truth


def architecture(
    network: Network, samples: int
) -> tuple[dict[str, Any], dict[str, Callable[..., Any]]]:
    """The names and the words that depend on the architecture and the number of samples alone."""
    layers, parameters = network.layers, network.parameters

    def with_role(role: str) -> list[int]:
        return [k for k, p in enumerate(parameters) if p.role == role]

    def patches(k: Any) -> int:
        connection = network.edge_of(position(k, len(parameters))).map
        return connection.positions if isinstance(connection, Convolution) else 1

    def layer_of(vertex: Any) -> Layer:
        return layers[position(whole(vertex) - 1, len(layers))]

    kinds = {layer.normalisation for layer in layers} - {"none"}
    names = {
        "samples": tuple(range(samples)),
        "outputs": tuple(range(network.output_width)),
        "depth": network.depth,
        "weights": with_role("weight"),
        "filters": [k for k in with_role("weight") if patches(k) > 1],
        "biases": with_role("bias"),
        "shifts": with_role("shift"),
        "skips": [
            [edge.source, vertex]
            for vertex, layer in enumerate(layers, start=1)
            for edge in layer.edges
            if isinstance(edge.map, Identity)
        ],
    }
    functions: dict[str, Callable[..., Any]] = {
        "layer": lambda k: parameters[position(k, len(parameters))].layer,
        "source": lambda k: _source(parameters[position(k, len(parameters))]),
        "slope": lambda v: Fraction(layer_of(v).slope),
        "patches": patches,
        "chain": lambda: is_chain(network),
        "detached": lambda: kinds == {"batch-detached"},
        "normalised": lambda: bool(kinds),
        "normalised_layer": lambda v: layer_of(v).normalisation != "none",
    }
    return names, functions


def _source(parameter: Parameter) -> int:
    if parameter.source is None:
        raise Undefined("the source of a parameter that is no weight matrix")
    return parameter.source


def is_chain(network: Network) -> bool:
    """Whether each layer reads the one before it alone, through weights."""
    return all(
        [edge.source for edge in layer.edges] == [vertex]
        and not isinstance(layer.edges[0].map, Identity)
        for vertex, layer in enumerate(network.layers)
    )
