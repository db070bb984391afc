"""Weight normalisation against Lagrange multipliers and batch normalisation: xu2022, Section 3."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    IN_BALL,
    NORMALISED_LAYER,
    POSITIVE_RHO,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
    VARYING_OVER_SAMPLES,
)
from properties.dynamics.normalised import DESCENT, MEAN_LOSS, points
from properties.notation import ENTRIES
from properties.papers import POGGIO2020, POGGIO2021, XU2022
from properties.unit_ball import in_ball_with_positive_rho


def of_norm_two(case: tc.Case) -> tc.Case:
    """Weights of norm 2 in place of 1."""
    doubled = tuple(2 * weights for weights in case.parameters)
    return replace(case, parameters=doubled, numbers={**case.numbers, "size": Fraction(2)})


SLOPES = (tc.RELU, tc.LINEAR)
TURNING = points(tc.mlps(depths=(1, 3), widths=(1, 2), slopes=SLOPES), smooth=True)
SQUARE = points(tc.mlps(depths=(3, 3), widths=(2, 2), slopes=SLOPES), smooth=True, samples=(1, 2))
"""Matrices of the same shape in two layers."""
ONE_SIZE = tc.Assumption(
    "all weights have one norm", "size > 0 and all([squared(W[k]) == size ** 2 for k in weights])"
)
RESIDUALS = "sum([(rho * {}[n][0] - y[n][0]) ** 2 for n in samples]) / len(samples)"
VELOCITIES = (
    "fixed = network([W[k] / size for k in weights], x)",
    "multiplier_gradient(k) = size * grad(" + RESIDUALS.format("fixed") + ", k)",
    "by_multiplier(k) = inner(W[k], multiplier_gradient(k)) / size ** 2 * W[k]"
    " - multiplier_gradient(k)",
    "divided = network([W[k] / frobenius(W[k]) for k in weights], x)",
    "normalised_gradient(k) = grad(" + RESIDUALS.format("divided") + ", k)",
    "by_division(k) = -1 / size * normalised_gradient(k)",
)
"""How ``V_k = v_k / |v_k|`` turns: under a multiplier, with the norm ``size`` held constant when
the gradient is taken; and under gradient flow of v_k through the division by its norm."""
PLACES = "Section 3: weight normalisation is equivalent to Lagrange multipliers"


EQUAL_SIZES = tc.Family(
    sources=[XU2022.at(PLACES)],
    given=[CHAIN, SIGN_LABELS, SMOOTH, ONE_SIZE],
    forall=ENTRIES,
    where=VELOCITIES,
    numbers=["rho", "size"],
    on=TURNING.map(of_norm_two),
)

weight_normalisation_printed = EQUAL_SIZES.stated(
    "weight-normalisation-printed",
    title="Weight normalisation is equivalent to Lagrange multipliers, where |v_k| is not 1",
    printed=r"\text{Weight Normalization, which is equivalent to Lagrange multiplier}",
    given=[IN_BALL, POSITIVE_RHO],
    assuming={"|v_k| is not 1": "size != 1"},
    on=TURNING.map(in_ball_with_positive_rho).map(of_norm_two),
    states="by_division(k)[i][j] == by_multiplier(k)[i][j]",
    control=tc.altered("opposite", "by_division(k)[i][j] == -by_multiplier(k)[i][j]"),
    why="The constraint that goes with the sentence is `|V_k|^2 = 1`, for which it is true"
    " (`weight-normalisation-unit`); weight normalisation itself takes v_k of any norm. Gradient"
    " flow of v_k keeps its norm, and turns V_k 1/|v_k|^2 times as fast as the flow with a"
    " multiplier (`weight-normalisation-turning`). The velocity of rho is the same, so that the two"
    " flows differ by more than the time that they take.",
)

weight_normalisation_unit = tc.stated(
    "weight-normalisation-unit",
    title="With |v_k| = 1, weight normalisation is the flow with a Lagrange multiplier",
    sources=[
        XU2022.at(f"{PLACES}, Eq. 1"),
        POGGIO2021.at("Section 2, Eq. 1"),
        POGGIO2020.at("Section 2.3, Appendix A.1"),
    ],
    printed=r"\text{with } \|V_k\|^2 = 1 \text{ is in fact exactly equivalent to ``Weight"
    r" Normalization''}",
    given=[CHAIN, SIGN_LABELS, SMOOTH, UNIT_WEIGHTS],
    forall=ENTRIES,
    where=[
        MEAN_LOSS,
        DESCENT,
        "divided = network([W[k] / frobenius(W[k]) for k in weights], x)",
        "by_division(k) = -grad(" + RESIDUALS.format("divided") + ", k)",
    ],
    states="by_division(k)[i][j] == descent(k)[i][j] - inner(W[k], descent(k)) * W[k][i][j]",
    control=tc.altered("any norm", without=[UNIT_WEIGHTS], on=TURNING.map(of_norm_two)),
    on=TURNING,
    examples=30,
    corrects="weight-normalisation-printed",
    rests_on=["normalised-flow", "weight-normalisation-turning"],
    why="In the words of poggio2021. The flows, not their steps (`weight-normalisation-step`)."
    " Gradient flow through the division by the norm keeps |v_k| = 1"
    " (`weight-normalisation-keeps-norm`), so that the two are one for all times.",
)

weight_normalisation_turning = EQUAL_SIZES.stated(
    "weight-normalisation-turning",
    title="Weight normalisation turns V_k 1/|v_k|^2 times as fast as a Lagrange multiplier",
    printed=r"\dot V_k^{\rm WN} = \dot V_k^{\rm LM} / \|v_k\|^2",
    states="size ** 2 * by_division(k)[i][j] == by_multiplier(k)[i][j]",
    control=tc.altered("as fast", "by_division(k)[i][j] == by_multiplier(k)[i][j]"),
    examples=30,
    corrects="weight-normalisation-printed",
    rests_on=["normalised-flow"],
    why="The derivative of `v/|v|` is a projection over |v|, and V_k turns by the velocity of v_k"
    " over |v_k|. For |v_k| = 1 the two flows are one: this is the equivalence.",
)

weight_normalisation_keeps_norm = EQUAL_SIZES.stated(
    "weight-normalisation-keeps-norm",
    title="Gradient flow through a normalisation keeps the norm of v_k",
    printed=r"v_k^\top \dot v_k = 0",
    forall=["k in weights"],
    states="inner(W[k], normalised_gradient(k)) == 0",
    control=tc.altered(
        "without the derivative of the norm", "inner(W[k], multiplier_gradient(k)) == 0"
    ),
    examples=30,
    why="The function does not depend on the norm of v_k, so that its gradient is orthogonal to"
    " v_k; no multiplier is needed.",
)

weight_normalisation_step = EQUAL_SIZES.stated(
    "weight-normalisation-step",
    title="Each step of descent through a normalisation lengthens v_k",
    printed=r"\|v_k - \eta \nabla\|^2 = \|v_k\|^2 + \eta^2 \|\nabla\|^2",
    forall=["k in weights"],
    states="squared(W[k] - normalised_gradient(k)) == size ** 2 + squared(normalised_gradient(k))",
    control=tc.altered("it keeps the norm", "squared(W[k] - normalised_gradient(k)) == size ** 2"),
    on=st.one_of(TURNING, SQUARE).map(of_norm_two),
    examples=30,
    rests_on=["weight-normalisation-keeps-norm"],
    why="Our own; it bears on trainings, which have steps. With steps, weight normalisation is not"
    " equivalent to a multiplier, even from |v_k| = 1: the norm grows for ever and slows the"
    " turning down, by `weight-normalisation-turning`. Shown for eta = 1.",
)


def with_factor(case: tc.Case) -> tc.Case:
    return replace(case, numbers={"factor": Fraction(3)})


weight_normalisation_batch_norm = tc.stated(
    "weight-normalisation-batch-norm",
    title="Batch normalisation, too, makes the function invariant to the scale of a layer",
    sources=[
        XU2022.at("Figure 1, Section 3.2: normalisation makes products invariant to scale"),
        XU2022.at("Section 3.2: batch normalisation"),
    ],
    printed=r"\text{both normalization techniques capture the relevant property of normalization}"
    r"\text{ -- to make the dot product invariant to scale}",
    given=[NORMALISED_LAYER, VARYING_OVER_SAMPLES],
    assuming={"a chain of layers": "chain()", "the factor is positive": "factor > 0"},
    forall=["k in weights", "n in samples"],
    states="network(replaced(W, k, factor * W[k]), x)[n][0] == f(n, 0)",
    control=tc.altered("a layer that is not normalised", without=[NORMALISED_LAYER]),
    numbers=["factor"],
    on=tc.rational_batches(
        tc.mlps(depths=(2, 3), widths=(1, 3), slopes=(tc.RELU, tc.LINEAR)), "batch"
    ).map(with_factor),
    examples=30,
    why="The deviation of a unit grows with its weights. What differs from weight normalisation is"
    " that the factor depends on the batch. A layer that reads two others, by a matrix each, is"
    " invariant to the scale of both together, not of one.",
)
