"""SGD with normalised weights: its update (xu2022, Eq. 46), and where it can stop (Lemma 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
from flint import fmpq
from hypothesis import strategies as st

from properties.assumptions import (
    CHAIN,
    MINI_BATCHES,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import NormalisedPoint
from properties.notation import COLLINEAR, ENTRIES, MARGIN, MULTIPLIER, NOT_STATIONARY, RATIONALS
from properties.papers import XU2022
from properties.sgd.normalised_updates import UPDATED, data_terms, update_of_rho, update_of_weights
from properties.sgd.updates import EXACT, EXACT_UPDATES, after_one_epoch
from theorycheck import (
    Case,
    Findings,
    Formal,
    Rejection,
    Setting,
    arithmetic,
    claim,
    equality,
    rank_at_most,
)
from theorycheck.arithmetic import flat
from theorycheck.drawing import interpolators, normalised_equilibria


@claim(
    "normalised-sgd-update-printed",
    title="Lagrange-normalised SGD, update of rho as printed: the data term has the wrong sign",
    kind="identity",
    sources=[XU2022.at("Eq. 46, first line")],
    statement=r"\rho - \eta \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = \rho - \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \bar f_n - 2 \eta \lambda \rho",
    hypotheses=["the loss of Eq. 1", "||V_k|| = 1"],
    control="and with eta lambda rho as the last term",
    on={"case": UPDATED},
    examples=100,
    formal=Formal(
        "rho - learning_rate * slope_of_loss == rho - learning_rate * 2 / len(samples)"
        " * sum([(1 - rho * margin(n)) * margin(n) for n in samples])"
        " - 2 * learning_rate * weight_decay * rho",
        given=(CHAIN.formula, SIGN_LABELS.formula, UNIT_WEIGHTS.formula),
        where=(
            MARGIN,
            "slope_of_loss = 2 / len(samples)"
            " * sum([(rho * f(n, 0) - y[n][0]) * f(n, 0) for n in samples])"
            " + 2 * weight_decay * rho",
        ),
        numbers=("learning_rate", "rho", "weight_decay"),
    ),
)
def normalised_sgd_update_printed(setting: Setting, case: Case) -> Findings:
    """As printed. Eq. 2 of the same paper has the sign right: the gradient is that on the left."""
    yield from update_of_rho(case, -1, 1 if setting.altered else 2)


@claim(
    "normalised-sgd-update",
    title="Lagrange-normalised SGD, update of rho",
    kind="identity",
    sources=[XU2022.at("Eq. 46, first line, corrected by Eq. 2")],
    statement=r"\rho - \eta \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = \rho + \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \bar f_n - 2 \eta \lambda \rho",
    hypotheses=["the loss of Eq. 1", "||V_k|| = 1"],
    control="the last term is eta lambda rho",
    on={"case": UPDATED},
    examples=60,
    enough=10,
    corrects="normalised-sgd-update-printed",
)
def normalised_sgd_update(setting: Setting, case: Case) -> Findings:
    """With the sign of Eq. 2. The left side is an exact difference quotient of Eq. 1, which is
    quadratic in rho.
    """
    yield from update_of_rho(case, 1, 1 if setting.altered else 2)


@claim(
    "normalised-sgd-update-weights-printed",
    title="Lagrange-normalised SGD, update of V_k as printed: wrong sign, a learning rate missing",
    kind="identity",
    sources=[XU2022.at("Eq. 46, second line")],
    statement=r"V_k - \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = V_k - \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \rho \frac{\partial \bar f_n}{\partial V_k}"
    r" - 2 \eta \nu_k V_k",
    hypotheses=["the loss of Eq. 1 with nu_k of Eq. 4 on the batch", "||V_k|| = 1"],
    control="and with eta nu_k V_k as the last term",
    on={"case": UPDATED},
    examples=100,
    formal=Formal(
        "(W[k] - gradient_of_loss(k))[i][j] == (W[k] - learning_rate * 2 / len(samples)"
        " * sum([(1 - rho * margin(n)) * rho * y[n][0] * df(n, 0, k) for n in samples])"
        " - 2 * learning_rate * nu(samples) * W[k])[i][j]",
        ENTRIES,
        given=(CHAIN.formula, SIGN_LABELS.formula, UNIT_WEIGHTS.formula, SMOOTH.formula),
        where=(
            MARGIN,
            MULTIPLIER,
            "gradient_of_loss(k) = 2 / len(samples)"
            " * sum([(rho * f(n, 0) - y[n][0]) * rho * df(n, 0, k) for n in samples])"
            " + 2 * nu(samples) * W[k]",
        ),
        numbers=("learning_rate", "rho"),
    ),
)
def normalised_sgd_update_weights_printed(setting: Setting, case: Case) -> Findings:
    """As printed, where the first expression lacks the learning rate as well."""
    share = 1 if setting.altered else 2
    yield from update_of_weights(case, -1, rate_on_left=False, share=share)


@claim(
    "normalised-sgd-update-weights",
    title="Lagrange-normalised SGD, update of V_k",
    kind="identity",
    sources=[XU2022.at("Eq. 46, second line, corrected by Eq. 2")],
    statement=r"V_k - \eta \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = V_k + \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \rho \frac{\partial \bar f_n}{\partial V_k}"
    r" - 2 \eta \nu_k V_k",
    hypotheses=[
        "the loss of Eq. 1 with nu_k of Eq. 4 on the batch",
        "||V_k|| = 1",
        "no pre-activation is zero",
    ],
    control="the last term is eta nu_k V_k",
    on={"case": UPDATED},
    examples=200,
    enough=10,
    corrects="normalised-sgd-update-weights-printed",
)
def normalised_sgd_update_weights(setting: Setting, case: Case) -> Findings:
    """With the sign of Eq. 2 and the learning rate on both sides. The left side is an exact
    difference quotient of Eq. 1 along every weight, nu_k held constant.
    """
    share = 1 if setting.altered else 2
    yield from update_of_weights(case, 1, rate_on_left=True, share=share)


@claim(
    "normalised-sgd-update-trained",
    title="Trained steps of Lagrange-normalised SGD are those of the printed Lagrangian",
    kind="identity",
    sources=[XU2022.at("Eq. 1, 2, 4 (first form) and the first equalities of Eq. 46")],
    statement=r"\rho' = \rho - \eta \frac{\partial \mathcal L_{S'}}{\partial \rho},\quad"
    r" V_k' = V_k - \eta \frac{\partial \mathcal L_{S'}}{\partial V_k},\quad"
    r" \nu_k = \frac1B \sum_{n \in S'} (\rho \bar f_n - \rho^2 f_n^2)",
    hypotheses=[
        "square loss with weight decay lambda rho^2, scalar output",
        "a batch of all samples; rho and V_k integers, V_k not necessarily of norm 1",
    ],
    control="the multiplier nu_k is forgotten",
    on={"case": EXACT_UPDATES},
    examples=60,
    enough=10,
)
def normalised_sgd_update_trained(setting: Setting, case: Case) -> Findings:
    """One update of the trainer in the normalised parametrisation equals the gradient step on the
    Lagrangian of Eq. 1 with the multipliers of Eq. 4, computed in rational arithmetic.

    The equations are used as printed also where V_k does not have norm 1: that is where forgetting
    the multiplier, or replacing it by a projection, would show.
    """
    case = replace(
        case,
        numbers={**case.numbers, "batch_size": Fraction(case.samples), "momentum": Fraction(0)},
    )
    point = NormalisedPoint.of(case)
    rate, rho = point.numbers["learning_rate"], point.rho
    multiplier = 0 if setting.altered else point.multiplier
    expected = [rho - rate * point.slope(rho)]
    for weight, jacobian in zip(point.weights, point.jacobians, strict=True):
        velocity = point.descent(jacobian[:, 0]) - 2 * multiplier * weight
        expected.extend((weight + rate * velocity).flat)
    state = after_one_epoch(case, rho=True)
    assert state.rho is not None
    found = [arithmetic.rationals(state.rho)] + [
        arithmetic.rationals(p[0]) for p in state.parameters
    ]
    yield equality(flat(found)[None], np.array([expected], dtype=object), EXACT, case.member)


def normalised_convergence(
    setting: Setting, case: Case
) -> tuple[NormalisedPoint, Rejection | None]:
    """The hypotheses of Lemma 8; the control has no weight decay."""
    point = NormalisedPoint.of(case)
    decay = fmpq(0) if setting.altered else point.decay
    terms, weights = data_terms(point), flat(point.weights)
    gaps = (1 - point.rho * point.margins) * point.margins

    def at_rest(batch: Sequence[int]) -> bool:
        """Whether the Lagrangian of Eq. 1 on a batch is stationary in ``rho`` and all ``V_k``."""
        mean = gaps[batch].sum() / len(batch)
        if mean != decay * point.rho:
            return False
        multiplier = point.rho * mean
        return all(terms[batch].sum(axis=0) / len(batch) == 2 * multiplier * weights)

    if any(margin == 0 for margin in point.margins):
        return point, Rejection("a margin is zero")
    batches = combinations(range(point.samples), int(case.numbers["batch_size"]))
    if not all(at_rest(list(batch)) for batch in batches):
        return point, Rejection(NOT_STATIONARY)
    return point, None


CONVERGED = st.one_of(normalised_equilibria(), interpolators())

STATIONARY_RHO = (
    "all([2 / len(S) * sum([(1 - rho * margin(n)) * margin(n) for n in S])"
    " == 2 * weight_decay * rho for S in batches(batch_size)])"
)

STATIONARY_WEIGHTS = (
    "all([zero(2 / len(S) * sum([(1 - rho * margin(n)) * rho * y[n][0] * df(n, 0, k) for n in S])"
    " - 2 * nu(S) * W[k]) for S in batches(batch_size) for k in weights])"
)

LEMMA_8 = [
    "rho and all V_k are stationary on every batch of size B < N, with nu_k of Eq. 4 on the batch",
    "||V_k|| = 1, labels +-1, lambda > 0",
    "no margin is zero",
]


@claim(
    "normalised-sgd-convergence-rank",
    title="Convergence of Lagrange-normalised SGD on all batches forces rank at most 2",
    kind="rank",
    sources=[XU2022.at("Lemma 8")],
    statement=r"\forall S' \subset S, |S'| = B < N:"
    r"\ \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0,"
    r"\ \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0,\ \forall n: \bar f_n \ne 0"
    r" \ \Longrightarrow\ \operatorname{rank} V_k \le 2",
    hypotheses=LEMMA_8,
    control="without weight decay, lambda = 0",
    on={"case": CONVERGED},
    examples=400,
    enough=10,
    formal=Formal(
        "rank(W[k]) <= 2",
        ("k in weights",),
        given=(
            CHAIN.formula,
            SIGN_LABELS.formula,
            UNIT_WEIGHTS.formula,
            POSITIVE_WEIGHT_DECAY.formula,
            MINI_BATCHES.formula,
            "all([margin(n) != 0 for n in samples])",
            STATIONARY_RHO,
            STATIONARY_WEIGHTS,
        ),
        where=(MARGIN, MULTIPLIER),
        numbers=("batch_size", "rho", "weight_decay"),
    ),
)
def normalised_sgd_convergence_rank(setting: Setting, case: Case) -> Findings:
    """If Lagrange-normalised SGD with weight decay is stationary on every mini-batch, and no margin
    is zero, all weight matrices have rank at most 2.

    True, but the 2 comes from a case of the proof that never occurs: stationarity of rho on all
    batches gives (1 - rho fbar_n) fbar_n = lambda rho for every n, so the numbers that Eq. 50
    divides by the difference of are equal (and its plus sign should be a minus). What remains is
    `normalised-sgd-convergence-rank-one`, and with it collinear inputs: the hypotheses are met only
    there. The weight decay is needed: networks that interpolate have any rank (control).
    """
    point, rejection = normalised_convergence(setting, case)
    if rejection is not None:
        yield rejection
        return
    rank = max(arithmetic.rank(w) for w in point.weights)
    finding = rank_at_most([rank], 2, RATIONALS, case.member)
    yield replace(finding, degenerate=COLLINEAR if point.collinear else None)


@claim(
    "normalised-sgd-convergence-rank-one",
    title="... in fact forces rank one, collinear inputs, and at most two different margins",
    kind="rank",
    sources=[],
    statement=r"\text{Under the hypotheses of Lemma 8: } \operatorname{rank} V_k = 1,\ "
    r"\operatorname{rank} (x_1, \dots, x_N) = 1,\ (1 - \rho \bar f_n) \bar f_n = \lambda \rho"
    r" \ \forall n",
    hypotheses=LEMMA_8,
    control="all margins are equal",
    on={"case": CONVERGED},
    examples=400,
    enough=10,
)
def normalised_sgd_convergence_rank_one(setting: Setting, case: Case) -> Findings:
    """The sharp form of Lemma 8, our own.

    Proof. Exchange two samples between batches: the terms of a stationarity equation are equal for
    all n. For rho this reads (1 - rho fbar_n) fbar_n = lambda rho =: alpha, and alpha is not 0,
    since rho = 0 would make the margins zero. For V_k it reads
    (1 - rho fbar_n) dfbar_n/dV_k = alpha V_k, so V_k has rank one like the gradient of a single
    sample, and V_1 has its rows along x_n for every n. A quadratic equation has two roots: the
    inputs lie on a line, and on at most two distances from the origin on either side of it.
    """
    point, rejection = normalised_convergence(replace(setting, altered=False), case)
    if rejection is not None:
        yield rejection
        return
    ranks = [arithmetic.rank(w) for w in (*point.weights, point.inputs)]
    yield equality([ranks], [[1] * len(ranks)], RATIONALS, case.member, degenerate=COLLINEAR)
    if setting.altered:
        right = np.full(point.samples, point.margins[0])
        yield equality(point.margins[None], right[None], RATIONALS, case.member)
    else:
        left = (1 - point.rho * point.margins) * point.margins
        right = np.full(point.samples, point.decay * point.rho)
        yield equality(left[None], right[None], RATIONALS, case.member, degenerate=COLLINEAR)
