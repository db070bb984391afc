"""Equality of rational functions of the moments of the margins, of lambda and of rho."""

from typing import Any

import sympy

import theorycheck as tc

SYMBOLIC = "rational functions"
MEAN, VARIANCE, LAMBDA, RHO = sympy.symbols("mu sigma2 lambda rho")


def identical(left: Any, right: Any) -> tc.Observation:
    """Equality of two rational functions: the numerator of the difference expands to 0."""
    numerator, _ = sympy.fraction(sympy.together(left - right))
    holds = sympy.expand(numerator) == 0
    return tc.Observation(holds, _text(left), "=", _text(right), SYMBOLIC)


def _text(side: Any) -> str:
    """As the report prints it, where asterisks would be marks of emphasis."""
    return str(side).replace("**", "^").replace("*", " ")
