"""The vocabulary is the kernel's, and a statement that uses it wrongly hears where."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from theorycheck import kernel
from theorycheck.errors import InputError
from theorycheck.statements.syntax import Statement
from theorycheck.statements.vocabulary import FUNCTIONS, HIGHEST, NAMES, Word, require_known

EXAMPLE: dict[str, Any] = {
    "network": None, "parameters": [], "inputs": [["1"]], "targets": None, "numbers": {}
}  # fmt: skip


@pytest.fixture(scope="module")
def evaluator() -> kernel.Evaluator:
    network = {
        "input_width": 1,
        "layers": [
            {"width": 1, "edges": [{"source": 0, "map": "dense"}], "slope": "1",
             "normalisation": "none", "bias": False}
        ],
    }  # fmt: skip
    document = {
        "network": network, "parameters": [[[["1"]]]], "inputs": [[["1"]]], "targets": None,
        "numbers": {},
    }  # fmt: skip
    return kernel.Evaluator(kernel.Example(document), [], 64)


def test_words_and_names_are_those_of_the_kernel(evaluator: kernel.Evaluator) -> None:
    assert set(FUNCTIONS) == set(evaluator.functions)
    assert set(NAMES) == set(evaluator.names)


def test_the_highest_exponent_is_that_of_the_kernel(evaluator: kernel.Evaluator) -> None:
    def power(exponent: int) -> Any:
        return evaluator.evaluate(ast.parse(f"2 ** {exponent}", mode="eval").body, {})

    assert power(HIGHEST) == 2**HIGHEST
    with pytest.raises(kernel.Rejected, match="an operation that is not part of the language"):
        power(HIGHEST + 1)


def arguments(function: Callable[..., Any]) -> tuple[int, int] | None:
    """How many arguments a function takes; None where Python does not say."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    required = sum(p.default is p.empty for p in parameters)
    return required, len(parameters)


@pytest.mark.parametrize(("name", "word"), FUNCTIONS.items(), ids=list(FUNCTIONS))
def test_words_take_the_arguments_that_they_take_in_the_kernel(
    name: str, word: Word, evaluator: kernel.Evaluator
) -> None:
    assert word.meaning
    assert arguments(evaluator.functions[name]) in (None, (word.least, word.most))


WRONG = {
    "slopee(1) == 1": "column 1: unknown word 'slopee'; do you mean 'slope'?",
    "f(0, 0) == blub(1)": "column 12: unknown word 'blub'",
    "dept == 1": "column 1: unknown name 'dept'; do you mean 'depth'?",
    "1 == mu": "column 6: unknown name 'mu'; a number of the case is to be declared in `numbers`",
    "sum([m for m in samples if m > z]) == 0": "column 32: unknown name 'z'",
    "inner(W[0], df(0, 0)) == 1": "column 13: df takes 3 to 4 arguments, not 2: derivative of",
    "len(x, y) == 1": "column 1: len takes 1 arguments, not 2",
    "sum([n for depth in samples for n in x]) == 1": "the name 'depth' has another meaning already",
    "sum([m for m in samples]) == m": "column 30: unknown name 'm'",
    "rank == 1": "column 1: unknown name 'rank'",
    "depth + depth ** 5 == 1": "column 9: exponents are at most 4: write a product of powers",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_unknown_is_said_where_it_stands(text: str) -> None:
    with pytest.raises(InputError) as caught:
        require_known(Statement.of(text))
    assert WRONG[text] in str(caught.value)


def test_definitions_and_variables_extend_the_vocabulary() -> None:
    require_known(
        Statement.of(
            "margin(n) <= bound * weight_decay",
            forall=["k in weights", "n in range(len(W[k]))"],
            given=[
                "all([margin(m) > 0 for m in samples])",
                "all([squared(W[k]) == 1 for k in weights])",
            ],
            where=["bound = 2", "margin(m) = y[m][0] * f(m, 0) * bound"],
            numbers=["weight_decay"],
        )
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"where": ["f(n) = 1"]}, "the name 'f' has another meaning already"),
        ({"where": ["a(x) = 1"]}, "the name 'x' has another meaning already"),
        ({"where": ["a(n, n) = 1"]}, "two arguments of a have one name"),
        ({"where": ["a(n) = b(n)", "b(n) = n"]}, "unknown word 'b'"),
        ({"where": ["a = a"]}, "unknown name 'a'"),
        ({"where": ["a(n) = n", "b = a(1, 2)"]}, "a takes 1 arguments, not 2: n"),
        ({"forall": ["n in samples", "n in samples"]}, "the name 'n' has another meaning already"),
        ({"forall": ["k in range(n)", "n in samples"]}, "unknown name 'n'"),
        ({"forall": ["W in samples"]}, "the name 'W' has another meaning already"),
        ({"given": ["m > 0"]}, "unknown name 'm'"),
    ],
)
def test_what_definitions_and_variables_may_not_do(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError) as caught:
        require_known(Statement.of("1 == 1", **changes))
    assert reason in str(caught.value)
