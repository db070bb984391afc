"""Polynomials in atoms, against arithmetic by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from theorycheck.statements.polynomials import (
    Polynomial,
    TooLong,
    atom,
    closes,
    constant,
    inverse,
    plus,
    scaled,
    text_of,
    times,
    unturned,
    without_divisors,
)

A, B, TWO = atom("a"), atom("b"), constant(Fraction(2))


def test_sums_and_products_are_expanded() -> None:
    total = plus(A, B, Fraction(1))
    square = times(total, total)
    assert square == {("a", "a"): 1, ("a", "b"): 2, ("b", "b"): 1}
    assert text_of(square) == "a * a + 2 * a * b + b * b"
    assert plus(A, A, Fraction(-1)) == {}
    assert text_of({}) == "0"


def test_divisors_are_inverted_factor_by_factor() -> None:
    assert inverse(times(TWO, A)) == {("1/(a)",): Fraction(1, 2)}
    assert inverse(plus(A, B, Fraction(1))) == {("1/(a + b)",): 1}
    shared = plus(times(A, inverse(B)), inverse(B), Fraction(1))
    assert without_divisors(shared) == plus(A, constant(Fraction(1)), Fraction(1))
    assert without_divisors(plus(A, inverse(B), Fraction(1))) == plus(A, inverse(B), Fraction(1))


def test_the_first_coefficient_becomes_1() -> None:
    factor, first = scaled({("a",): Fraction(-2), ("b",): Fraction(4)})
    assert factor == -2
    assert text_of(first) == "a + -2 * b"


def test_brackets_and_transpositions() -> None:
    assert closes("f(g(1), 2)")
    assert not closes("f(1) + g(2)")
    assert not closes("f(1")
    assert unturned(("T(W[k])", "T(a) + T(b)")) == ("W[k]", "T(a) + T(b)")


def test_long_products_are_refused() -> None:
    many: Polynomial = {(f"a{i}",): Fraction(1) for i in range(20)}
    with pytest.raises(TooLong):
        times(many, many)
