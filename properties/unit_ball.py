"""Cases with their inputs in the unit ball, ``|x_n| <= 1``: divided by a power of two."""

from dataclasses import replace
from fractions import Fraction

import theorycheck as tc


def divisor(case: tc.Case) -> int:
    """The least power of two that is at least the norm of every input."""
    longest = max(sum(Fraction(t) ** 2 for t in row) for rows in case.inputs for row in rows)
    least = 1
    while least**2 < longest:
        least *= 2
    return least


def in_ball(case: tc.Case) -> tc.Case:
    """The same weights on shorter inputs."""
    exact = case.inputs.dtype == object
    return replace(case, inputs=case.inputs / (Fraction if exact else float)(divisor(case)))


def in_ball_with_positive_rho(case: tc.Case) -> tc.Case:
    """The same weights on shorter inputs, and the absolute value of rho."""
    return replace(in_ball(case), numbers={**case.numbers, "rho": abs(case.numbers["rho"])})


def in_ball_with_outputs(case: tc.Case) -> tc.Case:
    """The first weight matrix makes up for the shorter inputs: a chain computes the same."""
    first, *others = case.parameters
    return replace(in_ball(case), parameters=(first * divisor(case), *others))


def in_ball_at_rest(case: tc.Case) -> tc.Case:
    """rho and lambda make up for the shorter inputs: ``rho f_V`` and what is at rest stay.

    rho is multiplied by the divisor, lambda divided by its square.
    """
    factor = divisor(case)
    powers = {"rho": Fraction(factor), "weight_decay": Fraction(1, factor**2)}
    numbers = {name: n * powers.get(name, 1) for name, n in case.numbers.items()}
    return replace(in_ball(case), numbers=numbers)
