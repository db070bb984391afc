"""How one sample pulls at V_k and rho, and where batches agree: xu2022, Section 6."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    DENSE,
    MINI_BATCHES,
    SIGN_LABELS,
    UNIT_WEIGHTS,
)
from properties.notation import MARGIN

PULLS = (
    MARGIN,
    "residual(n) = 1 - rho * margin(n)",
    "dmargin(n, k) = y[n][0] * df(n, 0, k)",
    "pull(n, k) = residual(n) * (dmargin(n, k) - margin(n) * W[k])",
    "pull_of_rho(n) = residual(n) * margin(n) - weight_decay * rho",
)
"""Half of minus the derivatives of the Lagrangian of Eq. 1 on one sample, that of V_k divided by
rho: the terms of Eq. 48, and those of Eq. 2. A batch takes the mean.
"""

RESTLESS = (
    "sum([sum([pull_of_rho(n) for n in S]) ** 2 for S in batches(batch_size)])"
    " + sum([squared(rho * sum([pull(n, k) for n in S]))"
    " for S in batches(batch_size) for k in weights])"
)
"""0 where no batch changes rho or any V_k."""

NUMBERS = ("batch_size", "rho", "weight_decay")
SAMPLED = (CHAIN, DENSE, UNIT_WEIGHTS, SIGN_LABELS, MINI_BATCHES, AUTOGRAD_AT_KINKS)
WEIGHTS_AT_REST = tc.Assumption(
    "no batch of size B changes any V_k",
    "all([zero(rho * sum([pull(n, k) for n in S])) for S in batches(batch_size) for k in weights])",
)
RHO_AT_REST = tc.Assumption(
    "no batch of size B changes rho",
    "all([sum([pull_of_rho(n) for n in S]) == 0 for S in batches(batch_size)])",
)
RHO_NOT_ZERO = tc.Assumption("rho is not 0", "rho != 0")


@st.composite
def batched_points(draw: st.DrawFn, *, least: int = 1) -> tc.Case:
    """Unit weights, up to three samples, batches of fewer, and no unit at a kink.

    Args:
        least: the smallest size of a batch, 1 or 2.
    """
    networks = tc.mlps(depths=(1, 3), widths=(1, 3), slopes=(tc.RELU,))
    numbers = {"rho": tc.positive_dyadics(), "weight_decay": tc.positive_dyadics()}
    case = tc.away_from_kinks(
        draw(tc.normalised_cases(networks, samples=(least + 1, 3), numbers=numbers))
    )
    size = Fraction(draw(st.integers(least, case.samples - 1)))
    return replace(case, numbers={**case.numbers, "batch_size": size})


def spread(case: tc.Case) -> tc.Case:
    """Equilibria of V_k, and no longer of rho: every input is lengthened by another factor."""
    factors = np.arange(1, case.samples + 1).reshape(1, -1, 1)
    return replace(case, inputs=case.inputs * factors)


def reflected(case: tc.Case) -> tc.Case:
    """The first sample is turned to its negative, with the other label."""
    signs = np.ones((1, case.samples, 1), dtype=int)
    signs[0, 0] = -1
    return replace(case, inputs=case.inputs * signs, targets=case.targets * signs)


def reflected_equilibria(slopes: tuple[float, ...]) -> st.SearchStrategy[tc.Case]:
    """`normalised_equilibria` with both labels and activations of these slopes."""
    chosen = tc.normalised_equilibria().filter(
        lambda case: case.network.depth > 1 and case.network.layers[0].slope in slopes
    )
    return chosen.map(reflected)
