"""When a formula can be evaluated, and when its truth says nothing."""

from __future__ import annotations

import pytest

from theorycheck.statements.readings import due, triviality
from theorycheck.statements.syntax import Formula, Statement


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("depth >= 2", 0),
        ("f(n, 0) > 0", 2),
        ("layer(k) == 1", 1),
        ("f(n, c) > layer(k)", 3),
        ("sum([f(c, 0) for c in samples]) > 0", 0),
        ("sum([k for k in [k]]) > 0", 1),
    ],
)
def test_a_formula_is_due_with_the_last_variable_that_it_names(text: str, expected: int) -> None:
    assert due(Formula.of(text), ("k", "n", "c")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(0, 0) == f(1, 0)", "both sides are 0"),
        ("f(0, 0) == 0", None),
        ("0 <= f(0, 0)", None),
        ("f(0, 0) <= f(1, 0)", "the smaller side is 0"),
        ("f(0, 0) >= f(1, 0)", "the smaller side is 0"),
        ("f(0, 0) != f(1, 0)", None),
        ("rank(W[0]) <= 1", "the matrices are too small for a higher rank"),
        ("rank(W[0]) >= 1", None),
    ],
)
def test_what_makes_a_conclusion_trivial(text: str, expected: str | None) -> None:
    [comparison] = Statement.of(text).conclusion.comparisons()[1]
    assert triviality(comparison) == expected
