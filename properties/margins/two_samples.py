"""Two-layer ReLU networks on two samples of one dimension, which share no unit."""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc


@st.composite
def two_slopes(draw: st.DrawFn) -> tc.Case:
    """``f(x)`` with one slope for x > 0 and one for x < 0, on the samples 1 and ``-radius``.

    The slopes ``a^2`` and ``s^2`` solve ``1 - a^2 = radius - radius^2 s^2``: the residuals of the
    samples then pull equally at the weights.
    """
    radius = Fraction(draw(st.sampled_from([2, 1, 3, 4])), 4)
    steps = [Fraction(eighths, 8) for eighths in (4, 2, 6, 1, 3, 5, 7)]
    # Between these bounds both slopes are positive and the weight decay is.
    usable = [s for s in steps if radius == 1 or (1 - s) ** 2 < radius < 1 - s**2]
    step = draw(st.sampled_from(usable))
    first = (step + (1 - radius) / step) / 2
    second = step if radius == 1 else ((1 - radius) / step - step) / (2 * radius)
    first = second if radius == 1 else first
    rho = first**2 + second**2
    return tc.Case.single(
        tc.mlp([1, 2, 1]),
        [[[first], [-second]], [[first, -second]]],
        [[Fraction(1)], [-radius]],
        [[Fraction(1)], [Fraction(-1)]],
        {"weight_decay": (1 - first**2) / (2 * rho)},
    )


@st.composite
def served_apart(draw: st.DrawFn) -> tc.Case:
    """Critical points: one unit for the sample 1, and one for the sample ``-radius``.

    With ``W_1 = (1, -v)`` and ``W_2 = (1 - gap) (1, -v)``; for radii below 1, ``v`` is such that
    the gap at the second sample is ``gap / radius``.
    """
    radius, other = draw(
        st.sampled_from(
            [
                (Fraction(1, 2), Fraction(7, 5)),
                (Fraction(1, 2), Fraction(24, 17)),
                (Fraction(1, 4), Fraction(48, 25)),
                (Fraction(1), Fraction(1)),
            ]
        )
    )
    square = (radius * other) ** 2
    gap = Fraction(1, 16) if radius == 1 else (radius - square) / (1 - square)
    first = [Fraction(1), -other]
    last = [(1 - gap) * weight for weight in first]
    decay = gap / (2 * (1 - gap) * (1 + other**2))
    return tc.Case.single(
        tc.mlp([1, 2, 1]),
        [[[weight] for weight in first], [last]],
        [[Fraction(1)], [-radius]],
        [[Fraction(1)], [Fraction(-1)]],
        {"weight_decay": decay},
    )
