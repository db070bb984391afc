"""The constructs of the language, in arithmetic that Python itself has."""

from __future__ import annotations

import ast
import operator
from fractions import Fraction
from typing import Any

import pytest

from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    mlp,
)
from theorycheck.statements.interpreter import Interpreter, architecture, is_chain
from theorycheck.statements.numbers import Undefined
from theorycheck.statements.syntax import Definition, Formula
from theorycheck.statements.truths import Truth


class Python(Interpreter):
    """Numbers are Python's."""

    def combined(self, op: ast.operator, left: Any, right: Any) -> Any:
        table: Any = {
            ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
            ast.Div: Fraction, ast.Pow: operator.pow,
        }  # fmt: skip
        return table[type(op)](left, right)

    def compared(self, left: Any, relation: str, right: Any) -> Truth:
        return bool(eval(f"left {relation} right", {"left": left, "right": right}))


def value(text: str, **names: Any) -> Any:
    interpreter = Python()
    interpreter.names = names
    interpreter.functions |= {"len": len, "sum": sum}
    return interpreter.value(Formula.of(text).tree, {})


@pytest.mark.parametrize(
    "text",
    [
        "1 + 2 * 3 - 4", "-a ** 2", "(a + 1) * (a - 1)", "a < 4 <= 5", "a == 3 and not a > 4",
        "a > 4 or a != 3", "1 if a > 2 else 2", "[b[i] + i for i in b if i > 0 if i < 3]",
        "sum([i * j for i in b for j in b if i < j])", "len([])", "(1, a)", "b[len(b) - 1]",
        "all([i > 0 for i in b])", "any([i > 2 for i in b])", "not all([])", "True",
    ],
)  # fmt: skip
def test_formulas_mean_what_they_mean_in_python(text: str) -> None:
    names = {"a": 3, "b": [0, 1, 2]}
    assert value(text, **names) == eval(text, names)


def test_what_has_no_value() -> None:
    with pytest.raises(Undefined, match="the case has no y"):
        value("y + 1")
    with pytest.raises(Undefined, match="subscript"):
        value("b[2]", b=[1, 2])


def test_definitions_are_evaluated_once_for_numbers() -> None:
    interpreter = Python()
    calls: list[int] = []

    def noted(a: int) -> int:
        calls.append(a)
        return a

    interpreter.functions["noted"] = noted
    for text in ("two = 2", "twice(a) = two * noted(a)"):
        interpreter.define(Definition.of(text))
    tree = Formula.of("twice(3) + twice(3) + twice(4)").tree
    assert interpreter.value(tree, {}) == 20
    assert calls == [3, 4]


def test_names_of_an_architecture() -> None:
    """A hidden layer of two units, a constant edge around it, and a bias."""
    hidden = Layer(2, (Edge(0),), 0.5, bias=True)
    last = Layer(2, (Edge(1), Edge(0, Identity())), LINEAR)
    names, functions = architecture(Network(2, (hidden, last)), 3)
    assert names == {
        "samples": (0, 1, 2), "outputs": (0, 1), "depth": 2, "weights": [0, 2], "filters": [],
        "biases": [1], "shifts": [], "skips": [[0, 2]],
    }  # fmt: skip
    assert [functions["layer"](k) for k in range(3)] == [1, 1, 2]
    assert [functions["source"](k) for k in (0, 2)] == [0, 1]
    assert (functions["slope"](1), functions["slope"](2)) == (Fraction(1, 2), 1)
    assert not functions["chain"]()
    assert not functions["normalised"]()


def test_normalisation_and_patches() -> None:
    _, functions = architecture(mlp([1, 2, 1], normalisation="batch-detached"), 1)
    assert functions["normalised"]()
    assert functions["detached"]()
    assert not functions["differentiated"]()
    _, whole = architecture(mlp([1, 2, 1], normalisation="batch"), 1)
    assert (whole["detached"](), whole["differentiated"]()) == (False, True)
    first, second = Layer(1, (Edge(0),), 0.0, "batch"), Layer(1, (Edge(1),), 0.0, "batch-detached")
    _, both = architecture(Network(1, (first, second)), 1)
    assert (both["detached"](), both["differentiated"]()) == (False, False)
    assert [functions["normalised_layer"](v) for v in (1, 2)] == [True, False]
    assert is_chain(mlp([1, 2, 1]))
    convolution = Convolution(1, 1, 4, 2, (1, 2), 1)
    first = Layer(convolution.target_width, (Edge(0, convolution),), LINEAR)
    network = Network(4, (first, Layer(1, (Edge(1),), LINEAR)))
    names, functions = architecture(network, 1)
    assert names["filters"] == [0]
    assert [functions["patches"](k) for k in names["weights"]] == [3, 1]
