"""Weights at rest: xu2022, Eq. 9 with its footnote, and the critical points of Lemma 1."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    DENSE,
    EQUAL_MARGINS,
    IN_BALL,
    LINEAR_CLASSIFIER,
    LINEAR_OUTPUT,
    POSITIVE_RHO,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import (
    AVERAGED_FLOW,
    NormalisedPoint,
    at_rest_in_rho,
    fraction,
    interpolating,
    points,
)
from properties.equilibrium.resting_points import (
    AT_REST,
    LAYER_AT_REST,
    RESIDUAL,
    RHO_AT_REST,
    WEIGHTS_AT_REST,
    resting_points,
)
from properties.notation import ENTRIES, MARGIN
from properties.papers import XU2022

GIVEN = [CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH, POSITIVE_RHO, LAYER_AT_REST]
PULLS = "pull(k) = sum([residual(n) * y[n][0] * df(n, 0, k) for n in samples])"
PULL = "sum([residual(n) * margin(n) for n in samples])"
PRINTED = "sum([residual(n) * f(n, 0) for n in samples])"

stationary_weights_printed = tc.stated(
    "stationary-weights-printed",
    title="Eq. 9: a weight matrix at rest, as printed",
    sources=[XU2022.at("Eq. 9")],
    printed=r"\dot V_k = 0 \implies V_k = \frac{\sum_n \ell_n \frac{\partial f_n}{\partial V_k}}"
    r"{\sum_n \ell_n f_n}, \quad \ell_n = 1 - \rho\bar f_n",
    given=GIVEN,
    assuming={"the printed denominator is not 0": f"{PRINTED} != 0"},
    forall=ENTRIES,
    where=[MARGIN, RESIDUAL, AVERAGED_FLOW],
    states=f"W[k][i][j] == sum([residual(n) * df(n, 0, k) for n in samples])[i][j] / {PRINTED}",
    control=tc.altered(
        "half of V_k",
        f"2 * W[k][i][j] == sum([residual(n) * df(n, 0, k) for n in samples])[i][j] / {PRINTED}",
    ),
    on=resting_points(mixed=True),
    rests_on=["normalised-flow"],
    why="The bars are missing: Eq. 5 gives `sum ell_n y_n df_n/dV_k = V_k sum ell_n y_n f_n`. With"
    " labels of both signs it is another equation. The text at hand is a conversion of the PDF that"
    " may have lost them.",
)

stationary_weights_barred = tc.stated(
    "stationary-weights-barred",
    title="Eq. 9: a weight matrix at rest, with margins",
    sources=[XU2022.at("Eq. 9")],
    printed=r"\dot V_k = 0 \implies V_k = \frac{\sum_n \ell_n \frac{\partial \bar f_n}"
    r"{\partial V_k}}{\sum_n \ell_n \bar f_n} \text{ where the denominator is not } 0",
    given=GIVEN,
    assuming={"the denominator is not 0": f"{PULL} != 0"},
    forall=ENTRIES,
    where=[MARGIN, RESIDUAL, AVERAGED_FLOW, PULLS],
    states=f"W[k][i][j] == pull(k)[i][j] / {PULL}",
    control=tc.altered(
        "the sum over margins doubled", f"W[k][i][j] == pull(k)[i][j] / (2 * {PULL})"
    ),
    on=resting_points(mixed=True),
    corrects="stationary-weights-printed",
    rests_on=["normalised-flow"],
    why="Eq. 5. The denominator is `N lambda rho` where rho is at rest too. Where the network"
    " interpolates, without weight decay, Eq. 9 is 0/0 and says nothing.",
)

REFLECTED = (
    "other(n) = 2 * inner(W[0][0], x[n]) / squared(W[0][0]) * W[0][0] - x[n]",
    "others = [other(n) for n in samples]",
    "other_loss = sum([(rho * network(W, others)[n][0] - y[n][0]) ** 2 for n in samples])",
    "other_flow(k) = inner(W[k], grad(other_loss, k)) * W[k] - grad(other_loss, k)",
)
"""A second training set: the inputs reflected in the line along the first row of V_1."""


def widened(case: tc.Case) -> tc.Case:
    """Hidden layers of three units that are equal up to positive factors, with the same outputs."""
    (inputs, *_), layers = case.parameters[0][0], case.network.layers
    share = np.array([Fraction(2, 3), Fraction(1, 3), Fraction(2, 3)], dtype=object)
    between = [np.outer(share, share)] * (len(layers) - 2)
    network = tc.mlp([case.network.input_width, *[3] * (len(layers) - 1), 1], layers[0].slope)
    weights = (np.outer(share, inputs), *between, share[None])
    return replace(case, network=network, parameters=tuple(weight[None] for weight in weights))


stationary_weights_reconstruct_printed = tc.stated(
    "stationary-weights-reconstruct-printed",
    title="Weights at rest, labels and outputs determine the training set, as printed",
    sources=[XU2022.at("Footnote 6")],
    printed=r"\text{can also be used to reconstruct the training set from the } V_k,"
    r" \text{ the } y_n \text{ and the } f_n",
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        SMOOTH,
        POSITIVE_RHO,
        WEIGHTS_AT_REST,
    ],
    assuming={
        "more weights than entries of the inputs": (
            "sum([len(W[k]) * len(W[k][0]) for k in weights]) > len(x) * len(x[0])"
        ),
        "they are at rest for the other inputs too": "all([zero(other_flow(k)) for k in weights])",
        "with the same outputs": "all([network(W, others)[n][0] == f(n, 0) for n in samples])",
    },
    forall=["n in samples"],
    where=[MARGIN, AVERAGED_FLOW, *REFLECTED],
    states="product([squared(other(n) - x[m]) for m in samples]) == 0",
    control=tc.altered(
        "the inputs are opposite", "product([squared(other(n) + x[m]) for m in samples]) == 0"
    ),
    on=resting_points(depths=(2, 3)).map(widened),
    rests_on=["stationary-weights-printed"],
    why='The system is called overdetermined, "with as many equations as weights", but many of its'
    " equations can say the same. Here V_1 has rank 1 and all hidden units are active: given the"
    " outputs, the equations of all layers ask of the inputs only that one weighted sum of their"
    " parts across the rows of V_1 be 0. The inputs reflected in the line along these rows have the"
    " same outputs, and the same weights are at rest. The statement is that each of these is an"
    " input of the training set.",
)


def interpolated(case: tc.Case) -> tc.Case:
    """The first sample alone, interpolated, with lambda = 0."""
    assert case.targets is not None
    one = replace(case, inputs=case.inputs[:, :1], targets=case.targets[:, :1])
    return replace(interpolating(one), numbers={**case.numbers, "weight_decay": Fraction(0)})


stationary_weights_in_span = tc.stated(
    "stationary-weights-in-span",
    title="With weight decay, the first layer at rest lies in the span of the inputs",
    sources=[XU2022.at("Section 1: weaker dependence on initial conditions")],
    printed=r"\lambda > 0,\; \dot\rho = 0,\; \dot V_k = 0 \;\forall k \implies"
    r" \text{the rows of } V_1 \text{ are in } \operatorname{span} \{x_1, \dots, x_N\}",
    given=[
        CHAIN,
        DENSE,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        SMOOTH,
        POSITIVE_RHO,
        POSITIVE_WEIGHT_DECAY,
        RHO_AT_REST,
        WEIGHTS_AT_REST,
    ],
    forall=["i in range(len(W[0]))", "j in range(len(x[0]))"],
    where=[*AT_REST, AVERAGED_FLOW],
    states="outside(W[0], x)[i][j] == 0",
    control=tc.altered(
        "without weight decay",
        without=[POSITIVE_WEIGHT_DECAY, RHO_AT_REST],
        on=resting_points(inputs=3).map(interpolated),
    ),
    on=resting_points(inputs=3),
    rests_on=["initial-direction-off-data"],
    why='The statement is ours; the paper says "weaker dependence on initial conditions", without a'
    " formula. What the first layer has outside the span of the inputs is of the initial weights"
    " alone; at rest with weight decay nothing is left of it, by `initial-direction-off-data`."
    " Without, every interpolating network is at rest, whatever is left.",
)


def with_equal_margins(case: tc.Case) -> tc.Case:
    """All inputs are scaled to one output, and rho is at its equilibrium."""
    return at_rest_in_rho(interpolating(case))


QUASI_INTERPOLATED = tc.Assumption(
    "the gap to interpolation is at most 1/8", "all([8 * residual(n) <= 1 for n in samples])"
)


def with_equal_margins_in_ball(case: tc.Case) -> tc.Case:
    """Inputs are in the unit ball too, and the weight decay leaves a gap of 1/16."""
    one = interpolating(case)
    size = max(sum(abs(entry) for entry in row) for row in one.inputs[0])
    one = replace(one, inputs=one.inputs / max(size, Fraction(1)))
    margin = max(map(fraction, NormalisedPoint.of(one).margins))  # 0 where all outputs are.
    decay = margin**2 / 15 or Fraction(1)
    return at_rest_in_rho(replace(one, numbers={**one.numbers, "weight_decay": decay}))


stationary_weights_equal_margins_printed = tc.stated(
    "stationary-weights-equal-margins-printed",
    title="In the proof of Lemma 1: equal margins with rho at rest are critical points",
    sources=[XU2022.at("Lemma 1: equal margins are critical")],
    printed=r"\text{... critical points of the gradient. Proof. ... To see this, assume }"
    r" \sigma = 0, \text{ setting the gradient of } \mathcal L_S \text{ w.r.t. } \rho"
    r" \text{ equal to zero}",
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        SMOOTH,
        LINEAR_OUTPUT,
        IN_BALL,
        POSITIVE_WEIGHT_DECAY,
        EQUAL_MARGINS,
        RHO_AT_REST,
        QUASI_INTERPOLATED,
    ],
    forall=ENTRIES,
    where=[*AT_REST, RESIDUAL, AVERAGED_FLOW],
    states="flow(k)[i][j] == 0",
    control=tc.altered("the flow is 1", "flow(k)[i][j] == 1"),
    on=points(tc.mlps(depths=(1, 3), widths=(1, 2), slopes=(tc.RELU,)), smooth=True).map(
        with_equal_margins_in_ball
    ),
    rests_on=["rho-dynamics-loss-in-margins", "equal-margins-gap"],
    why="The proof shows that the gradient with respect to rho vanishes, and takes it for the whole"
    " gradient. The V_k need not be at rest: at equal margins they move to larger ones. The lemma"
    " itself says no more than that there are such critical points: `equal-margins-exist-printed`.",
)

MEAN_PULL = "mean_gradient(k) = sum([y[n][0] * df(n, 0, k) for n in samples]) / len(samples)"

stationary_weights_equal_margins = tc.stated(
    "stationary-weights-equal-margins",
    title="At equal margins V_k moves up the mean margin, by its gap to interpolation",
    sources=[XU2022.at("Lemma 1: equal margins are critical")],
    printed=r"\bar f_n = \mu \;\forall n \implies \dot V_k = 2\rho(1 - \rho\mu)"
    r"\Big(\frac{\partial\mu}{\partial V_k} - \mu V_k\Big)",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH, EQUAL_MARGINS],
    forall=ENTRIES,
    where=[*AT_REST, AVERAGED_FLOW, MEAN_PULL],
    states="flow(k)[i][j] == 2 * rho * (1 - rho * mu) * (mean_gradient(k)[i][j] - mu * W[k][i][j])",
    control=tc.altered(
        "without the projection",
        "flow(k)[i][j] == 2 * rho * (1 - rho * mu) * mean_gradient(k)[i][j]",
    ),
    numbers=["rho", "weight_decay"],
    on=points(smooth=True).map(with_equal_margins),
    examples=60,
    corrects="stationary-weights-equal-margins-printed",
    rests_on=["normalised-flow"],
    why="All residuals are the same. Where rho is at rest too, such a network is a critical point"
    " if the mean margin has no gradient along the spheres; with lambda = 0, every one that"
    " interpolates is.",
)

stationary_weights_linear = tc.stated(
    "stationary-weights-linear",
    title="A linear classifier at rest with weight decay is the regularised least-squares solution",
    sources=[XU2022.at("Figure 2: the case of a linear network")],
    printed=r"\text{does not guarantee convergence to the minimum } \rho \text{ solution, unlike"
    r" the}\text{ case of a linear network}",
    given=[
        CHAIN,
        LINEAR_CLASSIFIER,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        POSITIVE_RHO,
        RHO_AT_REST,
        WEIGHTS_AT_REST,
    ],
    forall=["j in range(len(x[0]))"],
    where=[*AT_REST, AVERAGED_FLOW],
    states="sum([(rho * f(n, 0) - y[n][0]) * x[n][j] for n in samples]) / len(samples)"
    " + weight_decay * rho * W[0][0][j] == 0",
    control=tc.altered("half the weight decay", {"==": "/ 2 =="}),
    on=resting_points(depths=(1, 1), mixed=True),
    examples=60,
    rests_on=["rho-dynamics", "normalised-flow"],
    why="The normal equations of `w = rho V`, which have one solution for lambda > 0. Other points"
    " of rest with rho > 0 there are none; as lambda goes to 0, it tends to the least one that"
    " interpolates, if any does. Deep linear networks have a saddle at 0.",
)
