"""Whether margins grow and their spread falls along the flow: xu2022, Section 3.5."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    CLASSIFIED,
    IN_BALL,
    POSITIVE_RHO,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
    WEIGHT_DECAY,
)
from properties.dynamics.normalised import (
    AVERAGED_FLOW,
    MEAN_LOSS,
    RHO_DOT,
    at_rest_in_rho,
    on_a_line,
    points,
    with_positive_rho,
)
from properties.equilibrium.resting_points import RHO_AT_REST
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022

MOMENTS = (MARGIN, MEAN_MARGIN, SECOND_MOMENT, MEAN_LOSS, RHO_DOT, AVERAGED_FLOW)
BY_MOMENTS = (
    "variance = M - mu ** 2",
    "reduced(m, s) = 1 - 2 * rho * m + rho ** 2 * (m ** 2 + s + weight_decay)",
    "in_mean = (reduced(mu + 1, variance) - reduced(mu - 1, variance)) / 2",
    "in_variance = reduced(mu, variance + 1) - reduced(mu, variance)",
)
"""The loss as a function of the mean and the variance of the margins (Eq. 11), and its slopes: as
it is quadratic in the one and linear in the other, differences are derivatives.
"""
VARIANCE_RATE = "variance_rate = sum([inner(grad(M - mu ** 2, k), flow(k)) for k in weights])"
MEAN_BELOW = tc.Assumption("rho mu < 1", "rho * mu < 1")
BELOW_LABELS = tc.Assumption(
    "no output exceeds its label", "all([rho * margin(n) <= 1 for n in samples])"
)


@st.composite
def unequal_inputs(draw: st.DrawFn) -> tc.Case:
    """A planar classifier on a long and a short input that are orthogonal, both below the label."""
    short = Fraction(1, draw(st.integers(2, 4)))
    rows = [[Fraction(1), Fraction(0)], [Fraction(0), short]]
    numbers = {"rho": draw(st.sampled_from([Fraction(1), Fraction(1, 2)]))}
    numbers["weight_decay"] = draw(tc.positive_dyadics())
    weights = [[Fraction(3, 5), Fraction(4, 5)]]
    return tc.Case.single(tc.mlp([2, 1], tc.LINEAR), [weights], rows, [[1], [1]], numbers)


margin_spread_loss = tc.stated(
    "margin-spread-loss",
    title="The loss decreases with mu increasing and sigma decreasing",
    sources=[XU2022.at("Section 3.5: mu increases and sigma decreases")],
    printed=r"\mathcal L_S = 1 - 2\rho\mu + \rho^2(\mu^2 + \sigma^2 + \lambda): \quad"
    r" \frac{\partial \mathcal L_S}{\partial \mu} < 0, \quad"
    r" \frac{\partial \mathcal L_S}{\partial \sigma^2} > 0",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, POSITIVE_RHO, MEAN_BELOW],
    where=[MARGIN, MEAN_MARGIN, SECOND_MOMENT, MEAN_LOSS, *BY_MOMENTS],
    states="loss(rho) == reduced(mu, variance) and in_mean < 0 and in_variance > 0",
    control=tc.altered("rho mu may be above 1", without=[MEAN_BELOW]),
    on=st.one_of(points(tc.mlps(depths=(1, 2), widths=(1, 2))), on_a_line()),
    examples=80,
    rests_on=["rho-dynamics-loss-in-margins"],
    why="The derivatives are `-2 rho (1 - rho mu)` and `rho^2`. This is what the sentence says of"
    " the loss; that along the flow mu rises and sigma falls is more:"
    " `margin-spread-mean-never-falls`, `margin-spread-never-grows`.",
)

margin_spread_never_grows = tc.stated(
    "margin-spread-never-grows",
    title="Along the flow of xu2022 the variance of the margins never grows",
    printed=r"\frac{d}{dt}\sigma^2 \le 0",
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        SMOOTH,
        IN_BALL,
        POSITIVE_RHO,
        CLASSIFIED,
        BELOW_LABELS,
    ],
    where=[*MOMENTS, VARIANCE_RATE],
    states="variance_rate <= 0",
    control=tc.altered("it does not change", "variance_rate == 0"),
    on=unequal_inputs(),
    examples=12,
    why="A remark of our own on Section 3.5 of xu2022, whose sentence on sigma is true of the loss"
    " (`margin-spread-loss`): of the flow it is not, even where all samples are separated and below"
    " their labels. Margins move at rates of their own: in the example that of the long input grows"
    " and that of the short one falls, and their variance grows. What falls, where rho is at rest,"
    " is `(sigma^2 + lambda) / mu^2`, not `sigma^2`: `margin-spread-relative`.",
)


@st.composite
def pulled_apart(draw: st.DrawFn) -> tc.Case:
    """A planar classifier; across V, the sample with the larger margin lies opposite the other."""
    steep = Fraction(draw(st.integers(1, 3)), 8)
    rows = [[Fraction(1, 4), steep], [Fraction(3, 4), -steep * Fraction(3, 2)]]
    numbers = {"rho": Fraction(1), "weight_decay": draw(tc.positive_dyadics())}
    return tc.Case.single(tc.mlp([2, 1], tc.LINEAR), [[[1, 0]]], rows, [[1], [1]], numbers)


margin_spread_mean_never_falls = tc.stated(
    "margin-spread-mean-never-falls",
    title="Along the flow of xu2022 the mean margin never falls",
    printed=r"\frac{d}{dt}\mu \ge 0",
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        SMOOTH,
        IN_BALL,
        POSITIVE_RHO,
        CLASSIFIED,
        BELOW_LABELS,
    ],
    where=[*MOMENTS, "mean_rate = sum([inner(grad(mu, k), flow(k)) for k in weights])"],
    states="mean_rate >= 0",
    control=tc.altered("it does not change", "mean_rate == 0"),
    on=pulled_apart(),
    examples=12,
    why="A remark of our own on Section 3.5 of xu2022, whose sentence on mu is true of the loss"
    " (`margin-spread-loss`): of the flow it is not, even where all samples are separated and below"
    " their labels. The samples with the smallest margins pull most; where their gradients point"
    " against those of the others, the mean margin pays for it.",
)

margin_spread_relative = tc.stated(
    "margin-spread-relative",
    title="Where rho turns, (sigma^2 + lambda) / mu^2 falls at the rate of the squared velocities",
    sources=[
        XU2022.at("Section 3.5: mu increases and sigma decreases"),
        XU2022.at("Section 3.5: sigma decreases in the end"),
    ],
    printed=r"\dot\rho = 0 \implies \frac{d}{dt} \frac{\sigma^2 + \lambda}{\mu^2}"
    r" = -\Big(\frac{M + \lambda}{\mu^2}\Big)^2 \sum_k \|\dot V_k\|^2",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH, RHO_AT_REST],
    assuming={"mu is not 0": "mu != 0"},
    where=[
        *MOMENTS,
        "spread = (M - mu ** 2 + weight_decay) / mu ** 2",
        "spread_rate = sum([inner(grad(spread, k), flow(k)) for k in weights])",
        "speed = sum([squared(flow(k)) for k in weights])",
    ],
    states="spread_rate == -(((M + weight_decay) / mu ** 2) ** 2) * speed",
    control=tc.altered("the first power", "spread_rate == -((M + weight_decay) / mu ** 2) * speed"),
    on=points(tc.mlps(depths=(1, 3), widths=(1, 2)), smooth=True).map(at_rest_in_rho),
    examples=60,
    rests_on=["reduced-loss", "loss-descent-along-flow"],
    why="Our own; it bears on what of the margins falls with the loss. There the loss is `q / (1 +"
    " q)` with `q = (sigma^2 + lambda) / mu^2` (Eq. 29), and falls at the rate of the squared"
    " velocities, as rho has no part in it. So it is `(sigma^2 + lambda) / mu^2` that falls with"
    " the loss, not sigma.",
)

FALLING = tc.Assumption("rho falls", "rho_dot(rho) < 0")
TWO_LAYERS_AT_MOST = points(tc.mlps(depths=(1, 2), widths=(1, 2)), smooth=True, samples=(1, 2))


def above_rest(case: tc.Case) -> tc.Case:
    """rho is a little larger than at its equilibrium, or than its absolute value."""
    one = at_rest_in_rho(case)
    return replace(
        one, numbers={**one.numbers, "rho": abs(one.numbers["rho"]) * Fraction(256, 255)}
    )


margin_spread_bound = tc.stated(
    "margin-spread-bound",
    title="While rho falls, (1 - loss) / rho grows, and the mean margin stays above it",
    sources=[XU2022.at("Section 3.5: margins grow while rho falls")],
    printed=r"B = \frac{1 - \mathcal L_S}\rho, \quad \dot\rho < 0 \implies \mu > B, \;\; \dot B ="
    r" \frac1\rho \sum_k \|\dot V_k\|^2 - (M + \lambda)\dot\rho > 0",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH, POSITIVE_RHO, WEIGHT_DECAY, FALLING],
    where=[
        *MOMENTS,
        "bound = 2 * mu - rho * (M + weight_decay)",
        "turning = sum([inner(grad(bound, k), flow(k)) for k in weights])",
        "bound_rate = turning - (M + weight_decay) * rho_dot(rho)",
        "speed = sum([squared(flow(k)) for k in weights])",
    ],
    states="rho * bound == 1 - loss(rho) and mu > bound and bound_rate > 0"
    " and bound_rate == speed / rho - (M + weight_decay) * rho_dot(rho)",
    control=tc.altered("rho may grow", without=[FALLING]),
    on=st.one_of(TWO_LAYERS_AT_MOST.map(with_positive_rho), TWO_LAYERS_AT_MOST.map(above_rest)),
    examples=60,
    corrects="rho-growth-margin-printed",
    rests_on=["loss-descent-representation", "loss-descent-along-flow"],
    why="Our own; it bears on the step from a falling rho to a growing mean margin, and is what"
    " Lemma 4, `mu = B - rho_dot / 2`, does imply. B is `2 mu - rho (M + lambda)`, whose gradient"
    " in V_k is that of the loss over `-rho`. The mean margin itself may fall, not below a bound"
    " that grows.",
)
