"""SGD with normalised weights: its update (xu2022, Eq. 46), and where it can stop (Lemma 8)."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    DENSE,
    IN_BALL,
    MINI_BATCHES,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
    WHOLE_INPUT,
)
from properties.dynamics.normalised import NormalisedPoint
from properties.notation import ENTRIES, MARGIN, MULTIPLIER
from properties.papers import XU2022
from properties.sgd.normalised_points import generic_points, updated_points
from properties.sgd.updates import EXACT, TWO_OF_THREE, after_one_epoch, batch_orders
from properties.unit_ball import in_ball_at_rest
from theorycheck import arithmetic
from theorycheck.arithmetic import flat

LAGRANGIAN = tc.Convention(
    "the Lagrangian of Eq. 1 on the batch, with nu_k the first form of Eq. 4 on the batch, held"
    " constant (the second form as printed differs: `lagrange-multiplier-second-form`)"
)

UPDATE_OF_RHO = tc.Family(
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS],
    where=[
        MARGIN,
        "loss(r, S) = sum([(r * f(n, 0) - y[n][0]) ** 2 for n in S]) / len(S)"
        " + weight_decay * r ** 2",
        "slope_of_loss(S) = (loss(rho + 1, S) - loss(rho - 1, S)) / 2",
        "data(S) = 2 / len(S) * sum([(1 - rho * margin(n)) * margin(n) for n in S])",
    ],
    on=updated_points(),
    examples=100,
)


def rho_becomes(right: str) -> str:
    """The first line of Eq. 46, its second expression given, the whole case being the batch."""
    return f"rho - learning_rate * slope_of_loss(samples) == {right}"


normalised_sgd_update_printed = UPDATE_OF_RHO.stated(
    "normalised-sgd-update-printed",
    title="Lagrange-normalised SGD, update of rho as printed: the data term has the wrong sign",
    sources=[XU2022.at("Eq. 46")],
    printed=r"\rho - \eta \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = \rho - \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \bar f_n - 2 \eta \lambda \rho",
    given=[IN_BALL],
    on=updated_points().map(in_ball_at_rest),
    states=rho_becomes(
        "rho - learning_rate * data(samples) - 2 * learning_rate * weight_decay * rho"
    ),
    control=tc.altered("and with eta lambda rho as the last term", {"- 2 *": "-"}),
    rests_on=["rho-dynamics"],
    why="As printed. Eq. 2 of the same paper has the sign right. The derivative on the left is"
    " computed as a central difference, which is exact as the loss is quadratic in rho.",
)

normalised_sgd_update = UPDATE_OF_RHO.stated(
    "normalised-sgd-update",
    title="Lagrange-normalised SGD, update of rho",
    sources=[XU2022.at("Eq. 46, Eq. 2")],
    printed=r"\rho - \eta \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = \rho + \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \bar f_n - 2 \eta \lambda \rho",
    states=rho_becomes(
        "rho + learning_rate * data(samples) - 2 * learning_rate * weight_decay * rho"
    ),
    control=tc.altered("the last term is eta lambda rho", {"- 2 *": "-"}),
    corrects="normalised-sgd-update-printed",
    rests_on=["rho-dynamics"],
    why="With the sign of Eq. 2. The left side is a central difference of the loss of Eq. 1, exact"
    " because that is quadratic in rho. Labels +-1 are needed: otherwise the outputs enter as"
    " `y_n^2 f_n^2` where the loss has `f_n^2`.",
)

UPDATE_OF_WEIGHTS = tc.Family(
    given=[LAGRANGIAN, CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH],
    forall=ENTRIES,
    where=[
        MARGIN,
        MULTIPLIER,
        "lagrangian(v) = sum([(rho * f(n, 0) - y[n][0]) ** 2 for n in samples]) / len(samples)"
        " + v * sum([squared(W[l]) - 1 for l in weights]) + weight_decay * rho ** 2",
        "with_multiplier(v, k) = grad(lagrangian(v), k)",
        "slope_of_loss(k) = with_multiplier(nu(samples), k)",
        "data(k) = 2 / len(samples)"
        " * sum([(1 - rho * margin(n)) * rho * y[n][0] * df(n, 0, k) for n in samples])",
    ],
    on=updated_points(),
    examples=120,
)
STEP = "W[k][i][j] - learning_rate * slope_of_loss(k)[i][j]"
STEP_PRINTED = "W[k][i][j] - slope_of_loss(k)[i][j]"
DECAYED = "2 * learning_rate * nu(samples) * W[k][i][j]"

normalised_sgd_update_weights_printed = UPDATE_OF_WEIGHTS.stated(
    "normalised-sgd-update-weights-printed",
    title="Lagrange-normalised SGD, update of V_k as printed: wrong sign, a learning rate missing",
    sources=[XU2022.at("Eq. 46")],
    printed=r"V_k - \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = V_k - \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \rho \frac{\partial \bar f_n}{\partial V_k}"
    r" - 2 \eta \nu_k V_k",
    given=[IN_BALL],
    on=updated_points().map(in_ball_at_rest),
    states=f"{STEP_PRINTED} == W[k][i][j] - learning_rate * data(k)[i][j] - {DECAYED}",
    control=tc.altered(
        "and with eta nu_k V_k as the last term",
        f"2 * ({STEP_PRINTED}) == 2 * (W[k][i][j] - learning_rate * data(k)[i][j]) - {DECAYED}",
    ),
    rests_on=["lagrange-multiplier"],
    why="As printed, where the first expression lacks the learning rate as well. The examples have"
    " learning rates other than 1; with 1 the missing factor would not show.",
)

normalised_sgd_update_weights = UPDATE_OF_WEIGHTS.stated(
    "normalised-sgd-update-weights",
    title="Lagrange-normalised SGD, update of V_k",
    sources=[XU2022.at("Eq. 46, Eq. 2")],
    printed=r"V_k - \eta \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = V_k + \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \rho \frac{\partial \bar f_n}{\partial V_k}"
    r" - 2 \eta \nu_k V_k",
    states=f"{STEP} == W[k][i][j] + learning_rate * data(k)[i][j] - {DECAYED}",
    control=tc.altered(
        "the learning rate is missing in the first expression, as printed",
        f"{STEP_PRINTED} == W[k][i][j] + learning_rate * data(k)[i][j] - {DECAYED}",
    ),
    corrects="normalised-sgd-update-weights-printed",
    rests_on=["lagrange-multiplier"],
    why="With the sign of Eq. 2 and the learning rate on both sides. Labels +-1 are needed, as for"
    " the update of rho.",
)


@tc.claim(
    "normalised-sgd-update-trained",
    title="Trained steps of Lagrange-normalised SGD are those of the printed Lagrangian",
    kind="identity",
    sources=[XU2022.at("Eq. 46, Section 6: multiplier of a batch, Eq. 1, Eq. 2, Eq. 4")],
    statement=r"\rho' = \rho - \eta \frac{\partial \mathcal L_{S'}}{\partial \rho},\quad"
    r" V_k' = V_k - \eta \frac{\partial \mathcal L_{S'}}{\partial V_k},\quad"
    r" \nu_k = \frac1B \sum_{n \in S'} (\rho \bar f_n - \rho^2 f_n^2)",
    hypotheses=[
        "square loss with weight decay lambda rho^2, scalar output",
        "a batch of two of three samples, a subset drawn uniformly",
        "rho and V_k integers, V_k not necessarily of norm 1",
    ],
    control="the multiplier nu_k is forgotten",
    on={"case": TWO_OF_THREE},
    examples=60,
    enough=10,
)
def normalised_sgd_update_trained(setting: tc.Setting, case: tc.Case) -> tc.Findings:
    """One update of the trainer in the normalised parametrisation equals the gradient step on the
    Lagrangian of Eq. 1 with the multipliers of Eq. 4, computed in rational arithmetic.

    The equations are used as printed also where V_k does not have norm 1: that is where forgetting
    the multiplier, or replacing it by a projection, would show; and on a batch that is not the
    whole set, whose own multiplier is asked for.
    """
    assert case.targets is not None
    (batch,) = batch_orders(case, "uniform")
    point = NormalisedPoint.of(
        replace(case, inputs=case.inputs[:, batch], targets=case.targets[:, batch])
    )
    rate, rho = point.numbers["learning_rate"], point.rho
    multiplier = 0 if setting.altered else point.multiplier
    expected = [rho - rate * point.slope(rho)]
    for weight, jacobian in zip(point.weights, point.jacobians, strict=True):
        velocity = point.descent(jacobian[:, 0]) - 2 * multiplier * weight
        expected.extend((weight + rate * velocity).flat)
    state = after_one_epoch(case, rho=True, sampling="uniform")
    assert state.rho is not None
    found = [arithmetic.rationals(state.rho)] + [
        arithmetic.rationals(p[0]) for p in state.parameters
    ]
    yield tc.equality(flat(found)[None], np.array([expected], dtype=object), EXACT, case.member)


AT_REST = [
    MARGIN,
    MULTIPLIER,
    "rho_slope(S) = 2 / len(S) * sum([(1 - rho * margin(n)) * margin(n) for n in S])"
    " - 2 * weight_decay * rho",
    "slope_of_loss(S, k) = 2 / len(S)"
    " * sum([(1 - rho * margin(n)) * rho * y[n][0] * df(n, 0, k) for n in S])"
    " - 2 * nu(S) * W[k]",
]
"""Minus the derivatives of the Lagrangian of Eq. 1 on a batch: Eq. 2."""
NO_MARGIN_ZERO = tc.Assumption("no margin is 0", "all([margin(n) != 0 for n in samples])")
POINTS = [
    LAGRANGIAN,
    CHAIN,
    DENSE,
    UNIT_WEIGHTS,
    SIGN_LABELS,
    NO_MARGIN_ZERO,
    MINI_BATCHES,
    AUTOGRAD_AT_KINKS,
]
NUMBERS = ["batch_size", "rho", "weight_decay"]

normalised_sgd_convergence_rank = tc.stated(
    "normalised-sgd-convergence-rank",
    title="Convergence of Lagrange-normalised SGD on all batches forces rank at most 2",
    kind="rank",
    sources=[XU2022.at("Lemma 8")],
    printed=r"\forall S' \subset S, |S'| = B < N:"
    r"\ \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0,"
    r"\ \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0,\ \forall n: \bar f_n \ne 0"
    r" \ \Longrightarrow\ \operatorname{rank} V_k \le 2",
    given=[*POINTS, POSITIVE_WEIGHT_DECAY],
    assuming={"some V_k has rank above 2": "any([rank(W[k]) > 2 for k in weights])"},
    states="sum([rho_slope(S) ** 2 for S in batches(batch_size)])"
    " + sum([squared(slope_of_loss(S, k)) for S in batches(batch_size) for k in weights]) != 0",
    control=tc.altered(
        "without weight decay, lambda = 0",
        without=[POSITIVE_WEIGHT_DECAY],
        on=tc.interpolators(weight_decays=st.just(Fraction(0))),
    ),
    where=AT_REST,
    on=st.one_of(tc.interpolators(), generic_points()),
    examples=100,
    rests_on=[
        "gradient-rank",
        "batch-differences-two-samples-printed",
        "batch-differences-common-matrix",
        "stationary-batches-residuals",
    ],
    why="If Lagrange-normalised SGD with weight decay is stationary on every mini-batch, and no"
    " margin is zero, all weight matrices have rank at most 2.\n\n"
    "True, but the 2 comes from a case of the proof that never occurs: stationarity of rho on all"
    " batches gives (1 - rho fbar_n) fbar_n = lambda rho for every n, so the numbers that Eq. 50"
    " divides by the difference of are equal (and its plus sign should be a minus). What remains is"
    " `normalised-sgd-convergence-rank-one`, and with it collinear inputs: nothing else meets the"
    " hypotheses as printed. The lemma is therefore stated by its contrapositive, whose hypotheses"
    " are easy to meet: weights of higher rank are not at rest. The examples include networks"
    " that interpolate, where all that is not 0 is the decay of rho. The weight decay is needed:"
    " without it they are at rest, at any rank (control).",
)

normalised_sgd_convergence_rank_one = tc.stated(
    "normalised-sgd-convergence-rank-one",
    title="Convergence of all batches forces rank one, collinear inputs and at most two margins",
    printed=r"\text{Under the hypotheses of xu2022, Lemma 8: } \operatorname{rank} V_k = 1,\ "
    r"\operatorname{rank} (x_1, \dots, x_N) = 1,\ (1 - \rho \bar f_n) \bar f_n = \lambda \rho"
    r" \ \forall n",
    given=[*POINTS, POSITIVE_WEIGHT_DECAY, WHOLE_INPUT],
    assuming={
        "rho is stationary on every batch of size B": (
            "all([rho_slope(S) == 0 for S in batches(batch_size)])"
        ),
        "all V_k are stationary on every batch of size B": (
            "all([zero(slope_of_loss(S, k)) for S in batches(batch_size) for k in weights])"
        ),
    },
    forall=["k in weights", "n in samples"],
    states="rank(W[k]) == 1 and rank(x) == 1"
    " and (1 - rho * margin(n)) * margin(n) == weight_decay * rho",
    control=tc.altered("all margins are equal", "margin(n) == margin(0)"),
    where=AT_REST,
    on=tc.normalised_equilibria(),
    examples=100,
    rests_on=["batch-differences-common-matrix", "gradient-rank"],
    why="The sharp form of xu2022, Lemma 8, our own.\n\n"
    "Proof. Exchange two samples between batches: the terms of a stationarity equation are equal"
    " for all n. For rho this reads (1 - rho fbar_n) fbar_n = lambda rho =: alpha, and alpha is not"
    " 0, since rho = 0 would make the margins zero. For V_k it reads"
    " (1 - rho fbar_n) dfbar_n/dV_k = alpha V_k, so V_k has rank one like the gradient of a single"
    " sample, and V_1 has its rows along x_n for every n. A quadratic equation has two roots: the"
    " inputs lie on a line, and on at most two distances from the origin on either side of it.",
)
