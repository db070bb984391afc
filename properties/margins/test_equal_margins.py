"""Equal margins: what follows for rho (xu2022, Lemma 1), and whether training ends so (Lemma 6)."""

from __future__ import annotations

from fractions import Fraction

import sympy
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CHAIN, POSITIVE_WEIGHT_DECAY, RELU_NETWORK
from properties.equilibrium.rational_functions import LAMBDA, MEAN, RHO, identical
from properties.notation import MARGIN
from properties.papers import XU2022


@tc.claim(
    "equal-margins-gap",
    title="Equal margins: the critical rho and its gap to interpolation",
    kind="symbolic",
    sources=[XU2022.at("Lemma 1, Lemma 6")],
    statement=r"\bar f_n = \mu \;\forall n:\quad"
    r" \rho = \frac{\mu}{\mu^2 + \lambda}, \quad \epsilon = \frac{\lambda}{\mu^2 + \lambda}",
    hypotheses=["all margins are equal to mu", "dL/d rho = 0", POSITIVE_WEIGHT_DECAY.prose],
    control="the penalty is (lambda/2) rho^2",
    enough=1,
)
def equal_margins_gap(setting: tc.Setting) -> tc.Findings:
    """When all margins are equal, the one critical point in rho and its gap `1 - rho mu` are the
    printed ones; in particular `rho mu < 1` for positive lambda.

    The critical point is where the derivative of the loss, which is linear in rho, vanishes. That
    training ends with equal margins, as Lemma 6 asserts, is another matter.
    """
    penalty = LAMBDA / 2 if setting.altered else LAMBDA
    loss = (1 - RHO * MEAN) ** 2 + penalty * RHO**2
    (critical,) = sympy.solve(sympy.diff(loss, RHO), RHO)
    yield identical(critical, MEAN / (MEAN**2 + LAMBDA))
    yield identical(1 - critical * MEAN, LAMBDA / (MEAN**2 + LAMBDA))


@tc.claim(
    "equal-margins-zero-loss",
    title="Equal margins: weight decay excludes zero loss",
    kind="symbolic",
    sources=[XU2022.at("Lemma 1, proof")],
    statement=r"\rho^2\mu^2 - 2\rho\mu + (1 + \lambda\rho^2) = 0"
    r"\ \text{has no real solution } \rho \text{ for } \lambda > 0",
    hypotheses=["all margins are equal to mu", POSITIVE_WEIGHT_DECAY.prose],
    control="the penalty is left out of the coefficient of rho^2",
    enough=1,
)
def equal_margins_zero_loss(setting: tc.Setting) -> tc.Findings:
    """The discriminant of the loss as a quadratic in rho is `-4 lambda`, whatever mu is.

    So no solution with equal margins has zero loss. The data term alone can be 0, at
    `rho = 1/mu`; what lambda > 0 excludes is that this be a critical point.
    """
    loss = RHO**2 * MEAN**2 - 2 * RHO * MEAN + 1
    if not setting.altered:
        loss += LAMBDA * RHO**2
    yield identical(sympy.discriminant(loss, RHO), -4 * LAMBDA)


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


equal_margins_quasi_interpolation = tc.stated(
    "equal-margins-quasi-interpolation",
    title="Lemma 6: training with weight decay and weight normalisation equalises the margins",
    kind="identity",
    sources=[XU2022.at("Lemma 6, Property 1")],
    printed=r"(\rho, V) \in \arg\min \frac1N \sum_n (\rho \bar f_n - 1)^2 + \lambda \rho^2"
    r" \implies \rho \bar f_n = 1 - \epsilon \quad \forall n",
    given=[
        CHAIN,
        RELU_NETWORK,
        POSITIVE_WEIGHT_DECAY,
        tc.Assumption(
            "depth 2, any width, one linear output",
            "depth == 2 and len(outputs) == 1 and slope(2) == 1",
        ),
        tc.Assumption(
            "two samples, x_1 > 0 of class +1 and x_2 < 0 of class -1",
            "len(samples) == 2 and len(x[0]) == 1"
            " and x[0][0] > 0 and y[0][0] == 1 and x[1][0] < 0 and y[1][0] == -1",
        ),
        tc.Assumption(
            "all samples are correctly classified", "all([margin(n) > 0 for n in samples])"
        ),
        tc.Assumption(
            "a global minimiser: no network of smaller rho has these margins",
            "squared(W[0]) * squared(W[1]) == reach(samples) ** 2",
        ),
        tc.Assumption(
            "a global minimiser: no other margins have a smaller loss",
            "all([(1 - margin(n)) * abs(x[n][0]) == 2 * weight_decay * reach(samples)"
            " for n in samples])",
        ),
    ],
    states="margin(0) == margin(1)",
    control=tc.altered("the margins are equal to 1", "margin(0) == 1"),
    where=[MARGIN, "reach(S) = sum([margin(n) / abs(x[n][0]) for n in S])"],
    numbers=["weight_decay"],
    on=two_slopes(),
    why="An overparametrised network trained to convergence has the same margin at every sample."
    " Convergence is taken in the strongest sense, a global minimiser over all weights and widths;"
    " W is the product of rho and V, and rho that of the norms. On the two samples a unit serves"
    " one sample only, so that `fbar_1/|x_1| + fbar_2/|x_2| <= |V_1| |V_2| = 1` (Cauchy and"
    " Schwarz), and the loss is at least `q = mean (1 - rho fbar_n)^2 + lambda (rho fbar_1/|x_1| +"
    " rho fbar_2/|x_2|)^2`, a strictly convex function of the two rho fbar_n. A network"
    " that attains the bound with margins at which the gradient of `q` vanishes is a global"
    " minimiser, whatever the width; both are hypotheses. The margins are equal only when the"
    ' samples have equal norms: the proof assumes that the network can "attain any value" of the'
    " margins up to a common bound, but the margin that a unit norm affords is proportional to the"
    " norm of the sample.",
)
