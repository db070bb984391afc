"""The constructs of the language of statements, whatever numbers a reader computes with."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from theorycheck.networks.specification import Convolution, Identity, Layer, Network, Parameter
from theorycheck.statements.compilation import compiled
from theorycheck.statements.numbers import Undefined, position, whole
from theorycheck.statements.syntax import Definition
from theorycheck.statements.truths import Truth, every, some


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

    def compared_in_turn(self, sides: Sequence[Any], relations: Sequence[str]) -> Truth:
        """Whether each relation between neighbours is true."""
        return every(map(self.compared, sides, relations, sides[1:]))

    def value(self, tree: ast.expr, scope: Mapping[str, Any]) -> Any:
        """The value of a formula, where variables have the values of a scope.

        Raises:
            Undefined: when the formula has no value.
        """
        return compiled(tree, tuple(scope))(self, *scope.values())

    def word(self, name: str) -> Callable[..., Any]:
        """What a word computes."""
        return self.functions[name]

    def gradient(self, formula: Callable[[], Any], k: Any) -> Any:
        """The derivative of a formula along parameter k."""
        raise Undefined("a derivative of a formula")

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
        formula = compiled(body, definition.arguments)

        def function(*values: Any) -> Any:
            if all(isinstance(value, int | tuple) for value in values):
                return self.remembered((name, values), lambda: formula(self, *values))
            return formula(self, *values)

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

    def admitted(self, truth: Truth) -> bool:
        """The condition of a loop, which has one answer."""
        return bool(truth)


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
        "differentiated": lambda: kinds == {"batch"},
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
