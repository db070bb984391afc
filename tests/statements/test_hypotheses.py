"""What hypotheses say, and what they only seem to say."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from theorycheck.statements.hypotheses import Hypotheses, hypotheses_of
from theorycheck.statements.polynomials import Polynomial
from theorycheck.statements.syntax import Statement

RESIDUAL = "residual(n) = 1 - rho * margin(n)"
WHERE = ("margin(n) = y[n][0] * f(n, 0)", RESIDUAL, "chosen(n) = f(n, 0) if n == 0 else n - 1")


def of(*given: str, forall: tuple[str, ...] = ()) -> Hypotheses:
    numbers = ("rho", "weight_decay")
    statement = Statement.of("depth == 1", given=given, where=WHERE, forall=forall, numbers=numbers)
    return hypotheses_of(statement)


def test_numbers_that_are_zero_or_positive() -> None:
    known = of("weight_decay == 0 and rho > 0", "depth > 1")
    assert known.zero == {"weight_decay"}
    assert known.positive == {"rho"}
    # Neither what one of two cases says, nor what is said of a variable.
    assert of("weight_decay == 0 or rho > 0").zero == frozenset()
    assert of("n == 0", "n > 0", forall=("n in samples",)).zero == frozenset()


def test_abbreviations_that_vanish_at_all_samples() -> None:
    assert of("all([residual(m) == 0 for m in samples])").vanishing == {"residual"}
    assert of("all([residual(m) == 0 for m in samples if m > 0])").vanishing == frozenset()
    assert of("all([residual(0) == 0 for m in samples])").vanishing == frozenset()
    # At a number that is no sample this one has a value, which need not be 0.
    assert of("all([chosen(m) == 0 for m in samples])").vanishing == frozenset()


def test_labels_of_square_one_occur_once() -> None:
    known = of("all([len(outputs) == 1 and y[n][0] ** 2 == 1 for n in samples])")
    square: Polynomial = {
        ("f(m, 0)", "y[m][0]", "y[m][0]"): Fraction(2),
        ("f(m, 0)",): Fraction(-2),
    }
    assert known.reduced(square) == {}
    assert known.one_output
    unlike: Polynomial = {("y[m][0]", "y[n][0]"): Fraction(1), ("y[m][1]", "y[m][1]"): Fraction(1)}
    assert known.reduced(unlike) == unlike
    assert known.unsigned(("f(m, 0)", "y[m][0]")) == ("f(m, 0)",)


def test_the_label_of_one_sample() -> None:
    known = of("y[0][0] ** 2 == 1")
    first: Polynomial = {("y[0][0]", "y[0][0]"): Fraction(1)}
    second: Polynomial = {("y[1][0]", "y[1][0]"): Fraction(1)}
    assert known.reduced(first) == {(): Fraction(1)}
    assert known.reduced(second) == second


def test_outputs_that_fit() -> None:
    known = of("all([f(n, 0) == y[n][0] for n in samples])")
    residual: Polynomial = {("f(m, 0)",): Fraction(1), ("y[m][0]",): Fraction(-1)}
    assert known.reduced(residual) == {}
    assert known.of_a_function().reduced(residual) == residual
    # On a batch, or of another output, they may be others.
    other: Polynomial = {("f(m, 0, S)",): Fraction(1), ("f(m, 1)",): Fraction(1)}
    assert known.reduced(other) == other


@pytest.mark.parametrize(
    ("given", "alone"),
    [("len(biases) == 0 and not normalised()", True), ("len(biases) == 0", False)],
)
def test_parameters_that_are_all_weights(given: str, alone: bool) -> None:
    assert of(given).weights_alone == alone


def test_names_that_hypotheses_use() -> None:
    free = of("all([squared(W[k]) == 1 for k in weights])", "rank(W[j]) == 1").free
    assert "k" not in free
    assert "j" in free


def test_places_of_samples_are_names_or_numbers() -> None:
    [sign] = of("all([y[n][0] ** 2 == 1 for n in samples])").signs
    assert re.fullmatch(sign, "y[_0][0]")
    assert not re.fullmatch(sign, "y[m + 1][0]")
