"""Networks whose margins are all the same, and where rho rests on them."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc

SAME_MARGINS = tc.Assumption(
    "all margins are equal and positive",
    "all([margin(n) == margin(0) and margin(n) > 0 for n in samples])",
)
AT_BEST = "best(m) = m / (m ** 2 + weight_decay)"


@st.composite
def one_weight(draw: st.DrawFn, *, numbers: tuple[str, ...] = ()) -> tc.Case:
    """``f(x) = x``, with margins that are all the same, and other positive numbers."""
    margin = Fraction(draw(st.integers(1, 8)), 8)
    signs = [1, *draw(st.lists(st.sampled_from([1, -1]), max_size=2))]
    rows = [[sign * margin] for sign in signs]
    positive = tc.positive_dyadics(exponents=range(6))
    drawn = {name: draw(positive) for name in ("weight_decay", *numbers)}
    return tc.Case.single(tc.mlp([1, 1]), [[[1]]], rows, [[sign] for sign in signs], drawn)


def as_observed(case: tc.Case, margin: Fraction = Fraction(1, 200)) -> tc.Case:
    """With a margin and the weight decay of the paper's experiments."""
    inputs = case.inputs / abs(case.inputs) * margin
    return replace(case, inputs=inputs, numbers={"weight_decay": Fraction(1, 1000)})
