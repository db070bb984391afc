"""Networks whose margins are all the same, where rho rests on them, and others on their data."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc

SAME_MARGINS = tc.Assumption(
    "all margins are equal and positive",
    "all([margin(n) == margin(0) and margin(n) > 0 for n in samples])",
)
AT_BEST = "best(m) = m / (m ** 2 + weight_decay)"
OTHER_WEIGHTS = "len(weights) == 1 and len(other) == len(x[0]) and squared(other) == 1"
OTHER_MARGIN = "equal(n) = y[n][0] * network([[other]], x)[n][0]"
"""The margins of a linear network with other weights."""


@st.composite
def one_weight(draw: st.DrawFn, *, numbers: tuple[str, ...] = ()) -> tc.Case:
    """``f(x) = x``, with margins that are all the same, and other positive numbers."""
    margin = Fraction(draw(st.integers(1, 8)), 8)
    signs = draw(st.lists(st.sampled_from([1, -1]), min_size=1, max_size=3))
    rows = [[sign * margin] for sign in signs]
    positive = tc.positive_dyadics(exponents=range(6))
    drawn = {name: draw(positive) for name in ("weight_decay", *numbers)}
    return tc.Case.single(tc.mlp([1, 1]), [[[1]]], rows, [[sign] for sign in signs], drawn)


def on_two_samples(
    first: Fraction, second: Fraction, sign: int, numbers: Mapping[str, Fraction]
) -> tc.Case:
    """``V = (1, 0)`` with two margins, and weights `other` with equal ones on the same samples.

    Those of the other weights are 77/85 of the first.

    Args:
        sign: the label of the second sample.
    """
    aside = (first - second) * Fraction(77, 36)
    rows = [[first, Fraction(0)], [sign * second, sign * aside]]
    others = {"other_1": Fraction(77, 85), "other_2": Fraction(36, 85)}
    return tc.Case.single(tc.mlp([2, 1]), [[[1, 0]]], rows, [[1], [sign]], {**others, **numbers})


def as_observed(case: tc.Case, margin: Fraction = Fraction(1, 200)) -> tc.Case:
    """With a margin and the weight decay of the paper's experiments."""
    inputs = case.inputs / abs(case.inputs) * margin
    return replace(case, inputs=inputs, numbers={"weight_decay": Fraction(1, 1000)})
