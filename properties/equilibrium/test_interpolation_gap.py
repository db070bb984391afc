"""The gap to interpolation: xu2022, Eq. 8 and the equation after Eq. 7."""

from fractions import Fraction

import sympy
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    IN_BALL,
    INDEPENDENT_INPUTS,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import points
from properties.equilibrium.rational_functions import LAMBDA, MEAN, RHO, VARIANCE, identical
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022

MOMENT = MEAN**2 + VARIANCE


@tc.claim(
    "interpolation-gap",
    title="The gap to interpolation in terms of mean and variance of the margins",
    kind="symbolic",
    sources=[XU2022.at("Eq. 8")],
    statement=r"\epsilon = 1 - \frac{\mu^2}{\mu^2 + \sigma^2 + \lambda}"
    r" = \frac{\sigma^2 + \lambda}{\mu^2 + \sigma^2 + \lambda}",
    hypotheses=[
        POSITIVE_WEIGHT_DECAY.prose,
        "epsilon is the mean of 1 - rho bar f_n where dL/d rho = 0",
        "M = mu^2 + sigma^2",
    ],
    control="the gap of Lemma 6, lambda / (mu^2 + lambda)",
    rests_on=["interpolation-gap-first-equality"],
    enough=1,
)
def interpolation_gap(setting: tc.Setting) -> tc.Findings:
    """The mean of `1 - rho_eq bar f_n`, the gap, in the two printed forms.

    The loss is `1 - 2 rho mu + rho^2 M + lambda rho^2` (Lemma 1, proof), and rho_eq is where its
    derivative, which is linear in rho, vanishes. The difference of two rational functions is
    brought to one fraction, whose numerator expands to 0. The gap of Lemma 6 is that of equal
    margins, `sigma = 0`.
    """
    loss = 1 - 2 * RHO * MEAN + RHO**2 * MOMENT + LAMBDA * RHO**2
    (critical,) = sympy.solve(sympy.diff(loss, RHO), RHO)
    gap = 1 - critical * MEAN
    variance = 0 if setting.altered else VARIANCE
    moment = MEAN**2 + variance
    yield identical(gap, 1 - MEAN**2 / (moment + LAMBDA))
    yield identical(gap, (variance + LAMBDA) / (moment + LAMBDA))


NOT_BALANCED = tc.Assumption("mu is not 0", "mu != 0")
EQUILIBRIUM = "equilibrium(l) = mu / (M + l)"
"""Of rho, for a weight decay l: xu2022, Eq. 7."""


@st.composite
def on_unit_vectors(draw: st.DrawFn) -> tc.Case:
    """A linear classifier with two margins, on inputs that other weights interpolate."""
    unit = draw(st.sampled_from([(3, 4), (4, 3)]))
    numbers = {"rho": Fraction(1), "weight_decay": draw(tc.positive_dyadics())}
    weights = [[[Fraction(t, 5) for t in unit]]]
    return tc.Case.single(tc.mlp([2, 1]), weights, [[1, 0], [0, 1]], [[1], [1]], numbers)


interpolation_gap_first_equality = tc.stated(
    "interpolation-gap-first-equality",
    title="The gap to interpolation as the difference of two equilibria, as printed",
    sources=[XU2022.at("Section 3.4.1: gap to interpolation")],
    printed=r"\epsilon = (\rho_{\lambda=0} - \rho_\lambda)\mu = 1 - \frac{\mu}{M+\lambda}\mu",
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        IN_BALL,
        POSITIVE_WEIGHT_DECAY,
        NOT_BALANCED,
        INDEPENDENT_INPUTS,
    ],
    states="(equilibrium(0) - equilibrium(weight_decay)) * mu == 1 - mu / (M + weight_decay) * mu",
    control=tc.altered("lambda is left out of the right-hand side", {"(M + weight_decay)": "M"}),
    where=[MARGIN, MEAN_MARGIN, SECOND_MOMENT, EQUILIBRIUM],
    on=on_unit_vectors(),
    rests_on=["rho-equilibrium-mean", "zero-loss-average-margin"],
    why="With `rho_{lambda=0} = mu/M`, which is Eq. 7 for lambda = 0 at the same V, the left-hand"
    " side is `mu^2/M - mu^2/(M + lambda)`. It equals the right-hand side only if `mu^2 = M`, that"
    " is, if all margins are equal. Read with the `1/mu` of Section 3.2 in the place of `mu/M` the"
    " equality is true: `interpolation-gap-from-reciprocal`.",
)

interpolation_gap_from_reciprocal = tc.stated(
    "interpolation-gap-from-reciprocal",
    title="The gap to interpolation as a difference, corrected",
    sources=[XU2022.at("Section 3.4.1: gap to interpolation, Lemma 6")],
    printed=r"\epsilon = \Big(\frac1\mu - \rho_\lambda\Big)\mu = 1 - \frac{\mu}{M+\lambda}\mu",
    given=[CHAIN, SIGN_LABELS, POSITIVE_WEIGHT_DECAY, NOT_BALANCED],
    states="(1 / mu - equilibrium(weight_decay)) * mu == 1 - mu / (M + weight_decay) * mu",
    control=tc.altered(
        "mu/M, which is Eq. 7 with lambda = 0, in place of 1/mu",
        "(equilibrium(0) - equilibrium(weight_decay)) * mu == 1 - mu / (M + weight_decay) * mu",
    ),
    where=[MARGIN, MEAN_MARGIN, SECOND_MOMENT, EQUILIBRIUM],
    on=points(),
    examples=60,
    corrects="interpolation-gap-first-equality",
    rests_on=["rho-equilibrium-mean", "zero-loss-average-margin"],
    why="The equality holds at every V when `rho_{lambda=0}` is `1/mu`, the norm that Section 3.2"
    " derives for a solution that interpolates. Then `epsilon = 1 - rho_lambda mu`, as in the proof"
    " of Lemma 6. Where all margins are equal, `1/mu` is Eq. 7 with lambda = 0 as well.",
)
