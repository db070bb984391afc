"""What algebra knows of two statements: never more than is true, checked at random numbers."""

from __future__ import annotations

from typing import Any

import pytest

from theorycheck.statements.algebra import changed, follows, same
from theorycheck.statements.syntax import Statement

PARTS: dict[str, Any] = {
    "forall": ("k in weights", "n in samples"),
    "given": ("weight_decay > 0",),
    "where": ("margin(n) = y[n][0] * f(n, 0)", "first(k) = W[k]"),
    "numbers": ("weight_decay",),
}


def of(conclusion: str) -> Statement:
    return Statement.of(conclusion, **PARTS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f(n, 0) == margin(n)", "y[n][0] * f(n, 0) == f(n, 0)"),
        ("2 * f(n, 0) == depth", "4 * f(n, 0) == 2 * depth"),
        ("f(n, 0) - depth == 0", "depth == f(n, 0)"),
        ("squared(W[k]) == 1", "squared(-first(k)) == 1"),
        ("squared(2 * W[k]) == 4", "squared(W[k]) == 1"),
        ("rank(W[k]) <= 1", "rank(T(W[k])) <= 1"),
        ("rank(W[k]) <= 1", "rank(W[k] / 2) <= 1"),
        ("frobenius(W[k]) <= 1", "frobenius(-W[k]) <= 1"),
        ("sum([2 * f(m, 0) for m in samples]) == 2", "sum([f(i, 0) for i in samples]) == 1"),
        ("sum([f(m, 0) for m in samples]) == 0", "sum([f(m, 0) for m in samples]) / depth == 0"),
        ("squared(x) == 0", "largest(x) ** 2 == 0"),
        ("inner(x, W[k]) == 1", "inner(W[k], x) == 1"),
        ("f(n, 0) <= 1", "-f(n, 0) >= -1"),
        ("f(n, 0) == 1", "f(n + 1, 0) == 1"),
        ("f(n, 0) == 1 and depth == 2", "depth == 2"),
        ("(1 if depth == 1 else f(n, 0)) == 2", "(2 if depth == 1 else 2 * f(n, 0)) == 4"),
    ],
)  # fmt: skip
def test_statements_that_say_the_same(one: str, other: str) -> None:
    assert same(of(one), of(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f(n, 0) == 1", "f(n, 0) == 2"),
        ("f(n, 0) == 1", "f(n, 0) <= 1"),
        ("f(n, 0) <= 1", "f(n, 0) >= 1"),
        ("squared(x) == 1", "largest(x) ** 2 == 1"),
        ("inner(T(W[k]), x) == 1", "inner(W[k], x) == 1"),
        ("depth == 2", "f(n, 0) == 1 and depth == 2"),
        ("f(n, 0) == 1 or depth == 2", "depth == 2"),
        # The next weight need not be among the weights.
        ("squared(W[k]) == 1", "squared(W[k + 1]) == 1"),
        ("sum([f(m, 0) for m in samples]) == 1",
         "sum([f(m, 0) for m in samples if m != samples[0]]) == 1"),
        ("rank(W[k]) <= 1", "rank(W[k] + T(W[k])) <= 1"),
    ],
)  # fmt: skip
def test_statements_that_do_not(one: str, other: str) -> None:
    assert not same(of(one), of(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("squared(x) <= depth", "squared(x) / 2 <= depth"),
        ("squared(x) <= len(samples)", "squared(x) <= 2 * len(samples)"),
        ("squared(x) <= len(samples)", "-squared(x) <= len(samples)"),
        ("frobenius(x) <= depth", "spectral(x) <= depth"),
        ("depth <= frobenius(x)", "depth <= nuclear(x)"),
        ("squared(x) <= depth", "largest(x) ** 2 <= depth"),
        ("depth <= abs(f(n, 0)) / weight_decay", "depth <= 2 * (abs(f(n, 0)) / weight_decay)"),
        ("depth <= f(n, 0) ** 2 + 1", "depth <= 2 * f(n, 0) ** 2 + 1"),
        ("rank(x) <= depth", "rank(x) <= depth + 1"),
        ("depth >= squared(x)", "2 * depth >= squared(x)"),
        ("depth <= (len(x) if depth == 1 else squared(x))",
         "depth <= 2 * (len(x) if depth == 1 else squared(x))"),
    ],
)  # fmt: skip
def test_inequalities_that_are_weaker(one: str, other: str) -> None:
    assert follows(of(one), of(other))
    assert not follows(of(other), of(one)) or "2 * depth" in other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("depth <= f(n, 0)", "depth <= 2 * f(n, 0)"),
        ("depth <= f(n, 0) ** 3", "depth <= 2 * f(n, 0) ** 3"),
        ("squared(x) <= depth", "squared(x) <= 63 / 64 * depth"),
        ("spectral(x) <= depth", "frobenius(x) <= depth"),
        ("squared(x) == depth", "squared(x) / 2 == depth"),
        ("squared(x) <= depth", "squared(x) / 2 >= depth"),
        (
            "depth <= sum([f(m, 0) for m in samples])",
            "depth <= 2 * sum([f(m, 0) for m in samples])",
        ),
    ],
)
def test_inequalities_that_are_not_known_to_be(one: str, other: str) -> None:
    assert not follows(of(one), of(other))


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("len(biases) == 0 and not normalised()", True),
        # That hypotheses name all weights does not tie them to one.
        ("len(biases) == 0 and not normalised() and all([squared(W[k]) == 1 for k in weights])",
         True),
        ("len(biases) == 0 and not normalised() and rank(W[k]) == 1", False),
        # The parameter after a weight matrix may be a bias, or a gain.
        ("not normalised()", False),
        ("len(biases) == 0", False),
    ],
)  # fmt: skip
def test_the_next_weight_is_there_or_has_no_value(given: str, *, known: bool) -> None:
    plain = {**PARTS, "given": (given,)}
    one, other = (Statement.of(f"rank(W[{k}]) <= 1", **plain) for k in ("k", "k + 1"))
    assert same(one, other) == known


@pytest.mark.parametrize(
    ("one", "other", "places"),
    [
        ("f(n, 0) <= 1 and depth >= 2", "margin(n) <= 1 and 2 * depth >= 4", {0}),
        ("f(n, 0) <= 1", "2 * f(n, 0) <= 2", set()),
        ("0 <= squared(x)", "0 <= 63 / 64 * squared(x)", set()),
        ("f(n, 0) <= 1 or depth >= 2", "margin(n) <= 1 or depth >= 2", {0, 1}),
        ("f(n, 0) <= 1", "f(n, 0) <= 1 and depth >= 2", {0, 1}),
    ],
)
def test_comparisons_that_change(one: str, other: str, places: set[int]) -> None:
    assert changed(of(one), of(other)) == places


def test_what_hypotheses_say_is_zero() -> None:
    fitted = {**PARTS, "given": ("all([f(n, 0) == y[n][0] for n in samples])",)}
    one = Statement.of("squared((f(n, 0) - y[n][0]) * W[k] + W[k]) == 1", **fitted)
    assert same(one, Statement.of("squared(W[k]) == 1", **fitted))
    assert not same(one, Statement.of("squared(2 * W[k]) == 1", **fitted))
    assert not same(of(one.conclusion.text), of("squared(W[k]) == 1"))


def test_without_normalisation_the_batch_makes_no_difference() -> None:
    plain = {**PARTS, "given": ("depth > 1 and not normalised()",)}
    texts = ("f(n, 0, [n]) == inner(W[k], df(n, 0, k, samples))", "f(n, 0) == "
             "inner(W[k], df(n, 0, k))")  # fmt: skip
    assert same(*(Statement.of(text, **plain) for text in texts))
    assert not same(*map(of, texts))
