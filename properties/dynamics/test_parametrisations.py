"""The two parametrisations of xu2022, Figure 1: what becomes of the flow."""

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    IN_BALL,
    LINEAR_OUTPUT,
    POSITIVE_RHO,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import (
    AVERAGED_FLOW,
    MEAN_LOSS,
    RHO_DOT,
    points,
    with_positive_rho,
)
from properties.notation import MARGIN
from properties.papers import XU2022
from properties.unit_ball import in_ball_with_positive_rho

NOT_ZERO = tc.Assumption("no weight matrix is 0", "all([squared(W[k]) > 0 for k in weights])")
RHO_RATES = (
    "fit = sum([(f(n, 0) - y[n][0]) ** 2 for n in samples]) / len(samples)",
    "squared_rho = product([squared(W[k]) for k in weights])",
    "of_layers = -sum([inner(grad(squared_rho, k), grad(fit, k)) for k in weights])",
    "of_top = 4 / len(samples) * sum([(1 - y[n][0] * f(n, 0)) * y[n][0] * f(n, 0)"
    " for n in samples])",
)
"""The rates of rho^2, for lambda = 0: under the flow of all layers, and under Eq. 2."""

parametrisations_rho = tc.stated(
    "parametrisations-rho",
    title="With a norm for each layer, rho moves at another speed than with one rho at the top",
    sources=[XU2022.at("Section 3.2: optimisation differs, Figure 1")],
    printed=r"\text{equivalent reparameterizations of the same function but their optimization}"
    r"\text{ generally differ: } \dot\rho^{(a)} = \rho^2 \sum_k \rho_k^{-2}\, \dot\rho^{(b)}",
    given=[CHAIN, SIGN_LABELS, SMOOTH, NOT_ZERO],
    where=RHO_RATES,
    states="of_layers == squared_rho * sum([1 / squared(W[k]) for k in weights]) * of_top",
    control=tc.altered("the rates are equal", "of_layers == of_top"),
    on=tc.cases(tc.mlps(depths=(1, 4), widths=(1, 2)), samples=(1, 3), targets="signs", cohort=4),
    examples=60,
    rests_on=["structural-lemma", "structural-lemma-positive-homogeneity", "rho-dynamics"],
    why="Gradient flow of the weights W_k, the parametrisation (a), against Eq. 2 for (b), at the"
    " same function and without weight decay. The rates are those of rho^2, by the product rule,"
    " and by Eq. 2. They are equal for L = 1, and elsewhere where `rho^2 sum_k rho_k^-2 = 1`;"
    " for equal norms that is `rho_k = L^(-1/(2L-2))`.",
)

TOP = (
    "last = weights[len(weights) - 1]",
    "top_outputs = network(replaced(W, last, rho * W[last]), x)",
    "top_loss = sum([(top_outputs[n][0] - y[n][0]) ** 2 for n in samples]) / len(samples)"
    " + weight_decay * squared(rho * W[last])",
    "top_velocity = -1 / rho * grad(top_loss, last)",
    "turning = 1 / rho * (top_velocity - inner(W[last], top_velocity) * W[last])",
)
"""Minus the gradient with respect to W_L = rho V_L, and how it turns V_L."""

TOP_LAYER = (
    r"\text{normalizing } V_L \text{ and then multiplying the output by } \rho,"
    r" \text{ is equivalent to letting } W_L = \rho V_L \text{ be unnormalized}"
)
GIVEN = [CHAIN, LINEAR_OUTPUT, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH]
POINTS = points(tc.mlps(depths=(1, 3), widths=(1, 2)), smooth=True).map(with_positive_rho)

parametrisations_top_rho = tc.stated(
    "parametrisations-top-rho",
    title="rho moves as the norm of an unnormalised last layer",
    sources=[XU2022.at("Section 3.2: an unnormalised last layer")],
    printed=r"\frac{d}{dt} \|W_L\| = \dot\rho,\quad W_L = \rho V_L",
    given=[*GIVEN, POSITIVE_RHO],
    where=[MEAN_LOSS, RHO_DOT, *TOP],
    states="inner(W[last], top_velocity) == rho_dot(rho)",
    control=tc.altered("it moves rho times as fast", {"==": "== rho *"}),
    on=POINTS,
    examples=40,
    rests_on=["rho-dynamics"],
    why="The flow of W_L, by the loss with the penalty `lambda |W_L|^2`, changes its norm as Eq. 2"
    " changes rho. Directions turn at another speed: `parametrisations-top`.",
)

parametrisations_top_alike = tc.stated(
    "parametrisations-top-alike",
    title="V_L of xu2022's flow turns as the direction of an unnormalised last layer",
    printed=r"\dot V_L = \frac{d}{dt} \frac{W_L}{\|W_L\|}",
    given=[*GIVEN, IN_BALL, POSITIVE_RHO],
    forall=["i in range(len(W[len(weights) - 1]))", "j in range(len(W[len(weights) - 1][0]))"],
    where=[MARGIN, *TOP, AVERAGED_FLOW],
    states="turning[i][j] == flow(last)[i][j]",
    control=tc.altered("the other way", "turning[i][j] == -flow(last)[i][j]"),
    on=points(tc.mlps(depths=(1, 2), widths=(2, 3)), smooth=True).map(in_ball_with_positive_rho),
    why="A remark of our own on Section 3.2 of xu2022, which says that the two are equivalent. Of"
    ' the functions that is true, and of such "equivalent reparameterizations of the same function"'
    ' it says itself that "their optimization generally differ". Of the flows it is true for rho'
    " (`parametrisations-top-rho`), and not for V_L: the flow of W_L turns its direction 1/rho^2"
    " times as fast as Eq. 5. From small rho the last layer of an unnormalised network turns first"
    " and grows later; V_L of the paper's model hardly turns while rho grows.",
)

parametrisations_top = tc.stated(
    "parametrisations-top",
    title="V_L turns rho^2 times as fast as the direction of an unnormalised last layer",
    sources=[XU2022.at("Section 3.2: an unnormalised last layer")],
    printed=r"\dot V_L = \rho^2 \, \frac{d}{dt} \frac{W_L}{\|W_L\|}",
    given=[*GIVEN, POSITIVE_RHO],
    forall=["i in range(len(W[len(weights) - 1]))", "j in range(len(W[len(weights) - 1][0]))"],
    where=[MARGIN, *TOP, AVERAGED_FLOW],
    states="rho ** 2 * turning[i][j] == flow(last)[i][j]",
    control=tc.altered("as fast", "turning[i][j] == flow(last)[i][j]"),
    on=POINTS,
    examples=40,
    rests_on=["normalised-flow"],
    why="The gradient with respect to V_L is rho times that with respect to W_L, and W_L has to"
    " move rho times as far for the same turn. So the two have equal functions and equal rho_dot,"
    " and are not one flow, unless rho = 1.",
)
