"""Points at which the whole flow of rho and V is at rest (xu2022, Eq. 5), in rationals."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import theorycheck as tc
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT

RESIDUAL = "residual(n) = 1 - rho * margin(n)"
"""ell_n of xu2022, Eq. 9."""

LAYER_AT_REST = tc.Assumption("V_k is at rest", "zero(flow(k))")
WEIGHTS_AT_REST = tc.Assumption("all V_k are at rest", "all([zero(flow(k)) for k in weights])")
RHO_AT_REST = tc.Assumption("rho is at rest", "mu == rho * (M + weight_decay)")
AT_REST = (MARGIN, MEAN_MARGIN, SECOND_MOMENT)


@st.composite
def resting_points(
    draw: st.DrawFn,
    *,
    depths: tuple[int, int] = (1, 3),
    mixed: bool = False,
    samples: tuple[int, int] = (2, 3),
    inputs: int = 2,
    slopes: Sequence[float] = (tc.RELU, tc.LINEAR),
) -> tc.Case:
    """Weights ``v_k v_(k-1)^T`` of norm 1, at rest with the rho and lambda of the case.

    The inputs are ``a_n v_0 + b_n u``, with ``u`` orthogonal to ``v_0``, and the output is ``a_n``
    where that is positive: all hidden units are open or all are closed. At rest the residuals are
    orthogonal to the ``b_n y_n``; the last ``b_n`` is chosen so. The weight decay is that for which
    rho is at rest.

    Args:
        mixed: draw labels of both signs, for linear units.
        inputs: width of the inputs, which lie in a plane.
    """
    depth, count = draw(st.integers(*depths)), draw(st.integers(*samples))
    slope = tc.LINEAR if mixed else draw(st.sampled_from(slopes))
    turn = draw(st.sampled_from([(1, 0), (3, 4), (4, -3)]))
    base = [Fraction(t, 1 if turn == (1, 0) else 5) for t in turn]
    side = [-base[1], base[0]]
    unused = [Fraction(0)] * (inputs - 2)
    entries = st.integers(1, 8)
    along = [Fraction(draw(entries), 8) for _ in range(count)]
    signs = [draw(st.sampled_from([1, -1])) if mixed else 1 for _ in along]
    along = [a * sign for a, sign in zip(along, signs, strict=True)]
    rho = draw(tc.positive_dyadics())
    pulls = [sign - rho * a for a, sign in zip(along, signs, strict=True)]
    decay = sum(p * a for p, a in zip(pulls, along, strict=True)) / (count * rho)
    assume(decay > 0 and pulls[-1] != 0)
    across = [Fraction(draw(st.integers(1, 4)), 8) for _ in along[1:]]
    across.append(-sum(p * b for p, b in zip(pulls, across, strict=False)) / pulls[-1])
    rows = [
        [*(a * s + b * t for s, t in zip(base, side, strict=True)), *unused]
        for a, b in zip(along, across, strict=True)
    ]
    weights = [
        np.array([[*base, *unused]], dtype=object),
        *[np.array([[Fraction(1)]])] * (depth - 1),
    ]
    network = tc.mlp([inputs, *[1] * depth], slope)
    numbers = {"rho": rho, "weight_decay": decay}
    return tc.Case.single(network, weights, rows, [[Fraction(sign)] for sign in signs], numbers)
