"""Formulas: what is parsed, and what is said of the rest."""

from __future__ import annotations

import ast

import pytest

from theorycheck import kernel
from theorycheck.errors import InputError
from theorycheck.statements.syntax import RELATIONS, Definition, Formula, Statement, Variable

WRONG = {
    "f(n,0) = 1": "column 8: invalid syntax",
    "1.5 == f(0, 0)": "column 2: '.' is not a letter of the language",
    "x[0:2] == 0": "column 4: ':' is not a letter of the language",
    "x[0, 1] == 0": "column 1: a subscript is one number",
    "f(n, 0) == 'a'": 'column 12: "\'" is not a letter of the language',
    "(f)(0, 0) == 1 if 1 else W[0](1)": "a call has the form word",
    "f(n, c=0) == 1": "column 1: a call has the form word",
    "[a for (a, b) in x] == 0": "column 8: a loop has the form",
    "f(0, 0) // 2 == 0": "column 1: 'f(0, 0) // 2' is not part of the language",
    "f(*x) == 0": "is not part of the language",
    "1 if x else": "column 1: invalid syntax",
    "n in samples": "column 1: 'n in samples' is not part of the language",
    "~1 == 0": "column 1: '~' is not a letter of the language",
    "+1 == 1": "column 1: '+1' is not part of the language",
    "0 <= f(n, 0) <= 1": "column 1: a conclusion is one comparison of two sides",
    "f(n, 0)": "column 1: a conclusion is one comparison of two sides, or several joined by `and`",
    "f(0, 0) == 1 and smooth()": "column 18: a conclusion is one comparison",
    "f(0, 0) == 1 or f(1, 0) == 1 and 1 == 1": "column 17: a conclusion is one comparison",
    "not f(0, 0) == 1": "column 1: a conclusion is one comparison",
    "None == 1": "column 1: None: write whole numbers",
    "(" * 1500 + "1" + ")" * 1500 + " == 1": "characters: use `where`",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:20])
def test_what_is_wrong_is_said_where_it_stands(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Statement.of(text)
    assert WRONG[text] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["in weights", "k of weights", "k in", "2 in samples"])
def test_what_quantifies_nothing(text: str) -> None:
    with pytest.raises(InputError, match="quantifies nothing: write `k in weights`"):
        Variable.of(text)


@pytest.mark.parametrize("text", ["a == 1", "a(1) = 2", "a(b c) = 2", "a() = 1", "= 1"])
def test_what_is_no_definition(text: str) -> None:
    with pytest.raises(InputError, match="is no definition"):
        Definition.of(text)


def test_texts_are_kept_and_parsed_once() -> None:
    formula = Formula.of("inner(W[k], x[n])")
    assert ast.dump(formula.tree) == ast.dump(ast.parse("inner(W[k], x[n])", mode="eval").body)
    assert formula == Formula.of("inner(W[k], x[n])")
    assert Definition.of("margin(n) = y[n][0] * f(n, 0)").arguments == ("n",)
    assert Definition.of("last = depth - 1").arguments is None
    statement = Statement.of(
        "f(n, 0) <= bound", forall=["n in samples"], where=["bound = 2"], given=["depth == 1"]
    )
    texts = [formula.text for formula in statement.formulas()]
    assert texts == ["2", "samples", "depth == 1", "f(n, 0) <= bound"]


@pytest.mark.parametrize("relation", RELATIONS.values())
def test_conclusions_are_those_of_the_kernel(relation: str) -> None:
    left, found, right = Formula.of(f"f(0, 0) {relation} 1").comparison()
    assert (ast.unparse(left), found, ast.unparse(right)) == ("f(0, 0)", relation, "1")
    assert set(RELATIONS.values()) == set(kernel.SYMBOLS)


@pytest.mark.parametrize(
    ("text", "joined"),
    [("a <= 1", "and"), ("a <= 1 and a != 2 and a > 3", "and"), ("a <= 1 or (a == 2)", "or")],
)
def test_conclusions_of_several_comparisons(text: str, joined: str) -> None:
    mine = Formula.of(text).comparisons()
    assert mine[0] == joined
    its = kernel.concluded(kernel.parse(text))
    assert [(ast.dump(a), r, ast.dump(b)) for a, r, b in mine[1]] == [
        (ast.dump(a), r, ast.dump(b)) for a, r, b in its[1]
    ]
    assert its[0] == joined
    if len(mine[1]) > 1:
        with pytest.raises(InputError, match="more than one comparison"):
            Formula.of(text).comparison()


@pytest.mark.parametrize("text", ["L(k,a,b)=k+a", " L ( k , a,b ) =k+a", "L(k, a, b) = k+a"])
def test_definitions_need_no_particular_spaces(text: str) -> None:
    found = Definition.of(text)
    assert (found.name, found.arguments, found.body.text) == ("L", ("k", "a", "b"), "k+a")
    assert found.text == "L(k, a, b) = k+a"
