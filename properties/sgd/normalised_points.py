"""Points ``(rho, V)`` with unit weights, where one step of normalised SGD is looked at."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from theorycheck import arithmetic

LEARNING_RATES = st.sampled_from([Fraction(1, 2), Fraction(1, 4), Fraction(3, 8), Fraction(2)])
"""None is 1: a step with rate 1 does not show whether a formula has the learning rate."""


def updated_points() -> st.SearchStrategy[tc.Case]:
    """Small networks, the whole case being the batch, with a learning rate; no unit at a kink."""
    return tc.normalised_cases(
        tc.mlps(depths=(1, 3), widths=(1, 2), slopes=(tc.RELU,)),
        samples=(1, 3),
        numbers={
            "rho": tc.positive_dyadics(),
            "weight_decay": tc.positive_dyadics(),
            "learning_rate": LEARNING_RATES,
        },
    ).map(tc.away_from_kinks)


@st.composite
def generic_points(draw: st.DrawFn) -> tc.Case:
    """Random unit weights, the first of rank 3 or 4, and random data."""
    networks = tc.mlps(depths=(2, 3), widths=(3, 4))
    numbers = {"rho": tc.positive_dyadics(), "weight_decay": tc.positive_dyadics()}
    drawn = tc.normalised_cases(networks, samples=(2, 4), numbers=numbers)
    case = draw(
        drawn.filter(lambda case: arithmetic.rank(arithmetic.rationals(case.parameters[0][0])) > 2)
    )
    batch_size = Fraction(draw(st.integers(1, case.samples - 1)))
    return replace(case, numbers={**case.numbers, "batch_size": batch_size})
