"""Expansions: the same for formulas of the same value, and others for others."""

from __future__ import annotations

from typing import Any

import pytest

from theorycheck.statements.expansions import Expansion
from theorycheck.statements.polynomials import Polynomial
from theorycheck.statements.syntax import Formula, Statement

PARTS: dict[str, Any] = {
    "where": ("margin(n) = y[n][0] * f(n, 0)", "residual(n) = 1 - rho * margin(n)",
              "D(u) = [[1 if u[i] > 0 else 0 for i in range(len(u))]]",
              "wrong(t) = [1 if t * y[n][0] <= 0 else 0 for n in samples]"),
    "forall": ("n in samples",),
    "numbers": ("rho", "weight_decay"),
}  # fmt: skip


def of(text: str, *given: str) -> Polynomial:
    statement = Statement.of("depth == 1", given=given, **PARTS)
    return Expansion.of(statement, {}).polynomial(Formula.of(text).tree)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(2 * W[0]) @ x[n]", "2 * (W[0] @ x[n])"),
        ("(2 * W[0])[0][1]", "2 * W[0][0][1]"),
        ("(W[0] - x)[0]", "W[0][0] - x[0]"),
        ("[2 * f(n, 0) for n in samples][1]", "2 * [f(n, 0) for n in samples][1]"),
        ("len(-2 * x[n])", "len(x[n])"),
        ("len((n,))", "1"),
        ("outside(2 * W[0], x)", "2 * outside(W[0], x)"),
        # A positive factor of what is compared with 0 makes no difference.
        ("D(2 * x[n])", "D(x[n])"),
        ("rank([-f(n, 0) * x[n] for n in samples])", "rank([f(n, 0) * x[n] for n in samples])"),
        ("1 / (2 * f(n, 0) - 4)", "1 / (f(n, 0) - 2) / 2"),
    ],
)
def test_factors_stand_in_front(one: str, other: str) -> None:
    assert of(one) == of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("D(-x[n])", "D(x[n])"),
        ("wrong(rho * f(n, 0))", "wrong(f(n, 0))"),
        ("[[1 if f(m, 0) > 1 else 0 for m in samples]]",
         "[[1 if 2 * f(m, 0) > 1 else 0 for m in samples]]"),
        ("len([0 for n in samples])", "len([0 for c in outputs])"),
        ("x[n] @ W[0]", "W[0] @ x[n]"),
        ("outside(W[0], 2 * x)", "2 * outside(W[0], x)"),
        ("len([n for m in samples])", "1"),
        ("len((n, n))", "1"),
        ("1 / (f(n, 0) - 2)", "1 / (f(n, 0) + 2)"),
    ],
)  # fmt: skip
def test_other_values_have_other_expansions(one: str, other: str) -> None:
    assert of(one) != of(other)


FITTED = "all([residual(m) == 0 for m in samples])"
SIGNS = "all([y[n][0] ** 2 == 1 for n in samples])"
ONE = "len(outputs) == 1"


@pytest.mark.parametrize(
    ("one", "other", "given"),
    [
        ("squared(residual(n) * W[0])", "0", FITTED),
        ("sum([residual(n) * df(n, 0, 0) for n in samples])", "0", FITTED),
        ("inner(weight_decay * W[0], x)", "0", "weight_decay == 0"),
        ("wrong(rho * f(n, 0))", "wrong(f(n, 0))", "rho > 0"),
        ("wrong(f(n, 0) / rho)", "wrong(f(n, 0))", "rho > 0"),
        ("margin(n) ** 2", "f(n, 0) ** 2", SIGNS),
        ("abs(margin(n))", "abs(f(n, 0))", SIGNS),
        ("sum([f(n, c) for n in samples for c in outputs])", "sum([f(n, 0) for n in samples])",
         ONE),
        ("[f(n, c) for c in outputs][0]", "[f(n, 0)][0]", ONE),
    ],
)  # fmt: skip
def test_hypotheses_are_used(one: str, other: str, given: str) -> None:
    assert of(one, given) == of(other, given)
    assert of(one) != of(other)


def test_what_is_zero_here_need_not_have_the_derivative_zero() -> None:
    """Hypotheses are about the weights of the case, derivatives about those beside them."""
    assert of("grad(residual(n), 0)", FITTED) == of("grad(1 - rho * margin(n), 0)", FITTED) != {}
    assert of("grad(weight_decay * f(n, 0), 0)", "weight_decay == 0") == of(
        "grad(0, 0)", "weight_decay == 0"
    )


def test_a_comparison_with_zero_keeps_its_direction() -> None:
    statement = Statement.of("depth == 1", numbers=("rho",))
    reader = Expansion.of(statement, {})

    def said(relation: str, text: str) -> object:
        return reader.comparison(relation, reader.polynomial(Formula.of(text).tree))

    assert said("<=", "2 * f(0, 0)") == said("<=", "f(0, 0)") == said(">=", "-f(0, 0)")
    assert said("<=", "f(0, 0)") != said("<=", "-f(0, 0)")
    assert said("==", "f(0, 0)") == said("==", "-f(0, 0)")
    # No hypothesis says that rho is positive; divisors that are sizes are, where there is a value.
    assert said("<", "rho * f(0, 0)") != said("<", "f(0, 0)")
    assert said("<", "f(0, 0) / squared(x)") == said("<", "f(0, 0)")
    assert said("<", "squared(x) * f(0, 0)") != said("<", "f(0, 0)")
