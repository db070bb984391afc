"""Formulas as functions of Python: what a variable is, and what is evaluated when."""

from __future__ import annotations

from typing import Any

import pytest

from tests.statements.test_interpreter import Python
from theorycheck.statements.compilation import compiled
from theorycheck.statements.numbers import Undefined
from theorycheck.statements.syntax import Formula


def value(text: str, scope: dict[str, Any], **names: Any) -> Any:
    reader = Python()
    reader.names = names
    return compiled(Formula.of(text).tree, tuple(scope))(reader, *scope.values())


def test_a_variable_goes_before_a_name() -> None:
    assert value("k + n", {"k": 1}, k=10, n=100) == 101


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[k for k in [k, k + 1]]", [1, 2]),
        ("[n for n in n]", [5, 6]),
        ("[[k, n] for k in [7] for n in [k]]", [[7, 7]]),
        ("[j for i in [[3]] for j in i]", [3]),
        ("[[n for n in [k]] + n for k in [4]]", [[4, 5, 6]]),
        ("[k for k in [1, 2, 3] if k > 1 if k < 3]", [2]),
    ],
)
def test_a_loop_binds_its_variable_within_the_loop(text: str, expected: Any) -> None:
    assert value(text, {"k": 1}, n=[5, 6]) == expected


def test_a_name_that_a_later_loop_binds_is_not_bound_before() -> None:
    with pytest.raises(Undefined, match="the case has no j"):
        value("[j for i in [[1]] for k in j for j in i]", {})


@pytest.mark.parametrize("name", ["reader", "call", "every", "map", "Add", "v_k", "lambda_"])
def test_no_name_means_anything_of_the_translation(name: str) -> None:
    assert value(f"{name} * 2 + sum_[0]", {name: 3}, sum_=[1]) == 7
    assert value(f"[{name} for i in [0] if {name} == 3 and not {name} == 4]", {}, **{name: 3}) == [
        3
    ]
    with pytest.raises(Undefined, match=f"the case has no {name}"):
        value(name, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 if k == 1 else missing", 1),
        ("missing if k == 2 else 1", 1),
        ("k == 2 and missing", False),
        ("k == 1 or missing", True),
        ("k == 1 and k == 2 and missing", False),
    ],
)
def test_what_does_not_decide_is_not_evaluated(text: str, expected: Any) -> None:
    assert value(text, {"k": 1}) == expected


@pytest.mark.parametrize("text", ["2 < k < missing", "missing == 2 > k", "k == 2 == missing"])
def test_all_sides_of_a_chain_are_evaluated(text: str) -> None:
    """As the kernel does."""
    with pytest.raises(Undefined, match="missing"):
        value(text, {"k": 1})


def test_a_formula_is_translated_once() -> None:
    tree = Formula.of("k + 1").tree
    assert compiled(tree, ("k",)) is compiled(Formula.of("k + 1").tree, ("k",))
    assert compiled(tree, ("k", "n")) is not compiled(tree, ("k",))


def test_a_long_sum() -> None:
    """A deep tree."""
    text = "+".join(["k"] * 300)
    assert value(text, {"k": 2}) == 600
    assert value(f"[{text} for i in [0]]", {"k": 2}) == [600]
