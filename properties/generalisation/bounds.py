"""The bound of xu2022, Eq. 12, as a function of rho, and strategies for its numbers."""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.generalisation.signs import NO_NETWORK

WHOLE = st.integers(0, 5).map(Fraction)
POSITIVE_WHOLE = st.integers(1, 9).map(Fraction)
CONFIDENCE = tc.Assumption("0 < delta <= 1", "0 < delta and delta <= 1")
SMALL = tc.positive_dyadics(largest=1)


def of_numbers(**numbers: st.SearchStrategy[Fraction]) -> st.SearchStrategy[tc.Case]:
    """Cases of which only the numbers matter."""
    return tc.cases(NO_NETWORK, samples=(1, 1), numbers=numbers, targets="signs", cohort=1)


BOUND = (
    "second(r) = root(log(2 * (r + 1) ** 2 / delta) / (2 * size))",
    "bound(r) = 2 * (r + 1) * complexity + 3 * second(r)",
)
TWO_RHO = tc.Assumption("0 <= rho_a < rho_b", "0 <= smaller and smaller < larger")
OF_BOUNDS = of_numbers(
    smaller=WHOLE, larger=POSITIVE_WHOLE, delta=SMALL, complexity=SMALL, size=POSITIVE_WHOLE
)
OF_POSITIVE = of_numbers(
    smaller=st.integers(1, 4).map(Fraction),
    larger=st.integers(5, 9).map(Fraction),
    delta=SMALL,
    complexity=SMALL,
    size=POSITIVE_WHOLE,
)
OF_BOUND = ["smaller", "larger", "delta", "complexity", "size"]
