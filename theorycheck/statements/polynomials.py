"""Polynomials with rational coefficients in atoms, which are formulas as text."""

from __future__ import annotations

from fractions import Fraction

Monomial = tuple[str, ...]
"""Factors, in order, as text."""
Polynomial = dict[Monomial, Fraction]

MOST_TERMS = 200


class TooLong(Exception):
    """A formula with too many terms to be expanded."""


def scaled(polynomial: Polynomial) -> tuple[Fraction, Polynomial]:
    """A factor, and a polynomial whose first coefficient is 1."""
    factor = min(polynomial.items())[1]
    return factor, {monomial: c / factor for monomial, c in polynomial.items()}


def without_divisors(polynomial: Polynomial) -> Polynomial:
    """Without divisors that all terms have: it is 0 where it was."""
    while polynomial:
        shared = set[str].intersection(*map(set, polynomial))
        divisor = next((f for f in sorted(shared) if f.startswith("1/(") and closes(f)), None)
        if divisor is None:
            break
        polynomial = {without(m, divisor): c for m, c in polynomial.items()}
    return polynomial


def without(monomial: Monomial, factor: str) -> Monomial:
    place = monomial.index(factor)
    return (*monomial[:place], *monomial[place + 1 :])


def constant(number: Fraction) -> Polynomial:
    return {(): number} if number else {}


def atom(text: str) -> Polynomial:
    return {(text,): Fraction(1)}


def plus(one: Polynomial, other: Polynomial, factor: Fraction) -> Polynomial:
    found = dict(one)
    for monomial, coefficient in other.items():
        found[monomial] = found.get(monomial, Fraction(0)) + factor * coefficient
    return {monomial: c for monomial, c in found.items() if c}


def times(one: Polynomial, other: Polynomial) -> Polynomial:
    if len(one) * len(other) > MOST_TERMS:
        raise TooLong
    found: Polynomial = {}
    for m, a in one.items():
        for n, b in other.items():
            found = plus(found, {tuple(sorted(m + n)): a * b}, Fraction(1))
    return found


def inverse(divisor: Polynomial) -> Polynomial:
    """Of a monomial factor by factor; of other divisors with the factor of all terms in front."""
    if not divisor:
        return atom("1/(0)")
    coefficient, rest = scaled(divisor)
    factors = next(iter(rest)) if len(rest) == 1 else (text_of(rest),)
    return {tuple(sorted(f"1/({factor})" for factor in factors)): 1 / coefficient}


def text_of(polynomial: Polynomial) -> str:
    terms = [" * ".join([*([str(c)] if c != 1 or not m else []), *m])
             for m, c in sorted(polynomial.items())]  # fmt: skip
    return " + ".join(terms) or "0"


def unturned(monomial: Monomial) -> Monomial:
    """Factors without a transposition."""
    return tuple(
        factor[2:-1] if factor.startswith("T(") and closes(factor) else factor
        for factor in monomial
    )


def closes(factor: str) -> bool:
    """Whether the first bracket is closed by the last letter."""
    open_brackets = 0
    for place, letter in enumerate(factor):
        open_brackets += {"(": 1, ")": -1}.get(letter, 0)
        if letter == ")" and open_brackets == 0:
            return place == len(factor) - 1
    return False
