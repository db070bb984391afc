"""Claims on SGD with normalised weights: its update, and where it can stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, reduce
from itertools import combinations
from typing import Any

import numpy as np
from flint import fmpq
from hypothesis import assume
from hypothesis import strategies as st

from properties.formulas import CHAIN, DECAY, ENTRIES, MARGIN, MULTIPLIER, SIGNS, UNIT_NORMS
from properties.papers import XU2022
from properties.points import (
    COLLINEAR,
    KINK,
    NOT_STATIONARY,
    RATIONALS,
    STEP,
    Point,
    aligned_chains,
    cohort_of_one,
    quotient_gradient,
    squared,
    unit_arrays,
)
from theorycheck import arithmetic
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import Array
from theorycheck.claims.comparisons import equality, rank_at_most
from theorycheck.claims.declaration import Formal, claim
from theorycheck.claims.evidence import Findings, Rejection
from theorycheck.claims.setting import Setting
from theorycheck.drawing.networks import mlps
from theorycheck.drawing.numbers import positive_dyadics
from theorycheck.networks.specification import LINEAR, RELU, Network

# Normalised weights (xu2022, Section 6)


@st.composite
def normalised_sgd_cases(
    draw: st.DrawFn, networks: st.SearchStrategy[Network], samples: tuple[int, int]
) -> Case:
    """Weight matrices of Frobenius norm one, integer inputs, labels +-1, and a factor rho."""
    network = draw(networks)
    count = draw(st.integers(*samples))
    weights = [draw(unit_arrays(p.shape)) for p in network.parameters]
    integers, signs = st.integers(-2, 3), st.sampled_from([1, -1])
    width = network.input_width
    rows = draw(
        st.lists(st.lists(integers, min_size=width, max_size=width), min_size=count, max_size=count)
    )
    labels = draw(st.lists(signs, min_size=count, max_size=count))
    return Case(
        network,
        tuple(cohort_of_one(w) for w in weights),
        cohort_of_one(rows),
        cohort_of_one([[y] for y in labels]),
        {
            "rho": draw(positive_dyadics()),
            "weight_decay": draw(positive_dyadics()),
            "learning_rate": draw(positive_dyadics()),
        },
    )


@dataclass(frozen=True, eq=False)
class Margins:
    """Margins ``y_n f_V(x_n)``, their derivatives, and what xu2022 builds from them."""

    point: Point

    @cached_property
    def values(self) -> Array:
        margins: Array = self.point.targets * self.point.outputs
        return margins

    @cached_property
    def gradients(self) -> Array:
        """``(N, P)``, all weight matrices in a row."""
        flat = [j.reshape(self.point.samples, -1) for j in self.point.jacobians]
        gradients: Array = self.point.targets[:, None] * np.concatenate(flat, axis=1)
        return gradients

    @property
    def weights(self) -> Array:
        return np.concatenate([w.ravel() for w in self.point.weights])

    @property
    def gaps(self) -> Array:
        """``1 - rho fbar_n``."""
        gaps: Array = 1 - self.point.numbers["rho"] * self.values
        return gaps

    def multiplier(self, batch: Sequence[int]) -> Any:
        """``nu`` of Eq. 4 on a batch; the same for every layer."""
        terms = self.point.numbers["rho"] * self.values * self.gaps
        return terms[list(batch)].sum() / len(batch)

    def data_terms(self, batch: Sequence[int]) -> tuple[fmpq, Array]:
        """``(2/B) sum (1 - rho fbar) fbar`` and ``(2/B) sum (1 - rho fbar) rho dfbar/dV``."""
        chosen, share = list(batch), fmpq(2, len(batch))
        gaps = self.gaps[chosen]
        for_rho = share * (gaps * self.values[chosen]).sum()
        return for_rho, share * self.point.numbers["rho"] * (gaps @ self.gradients[chosen])

    def is_equilibrium(self, batch: Sequence[int], decay: fmpq) -> bool:
        """Whether the Lagrangian of Eq. 1 on a batch is stationary in ``rho`` and all ``V_k``."""
        for_rho, for_weights = self.data_terms(batch)
        if for_rho != 2 * decay * self.point.numbers["rho"]:
            return False
        return all(for_weights == 2 * self.multiplier(batch) * self.weights)


def lagrangian(point: Point, multiplier: fmpq) -> Callable[[fmpq, Sequence[Array]], fmpq]:
    """xu2022, Eq. 1, up to its constant; the multipliers are the same for all layers by Eq. 4."""

    def value(rho: fmpq, weights: Sequence[Array]) -> fmpq:
        outputs = arithmetic.vertices(point.network, weights, point.inputs)[-1][:, 0]
        norms = sum((squared(w) for w in weights), fmpq(0))
        fit: fmpq = squared(rho * outputs - point.targets) / point.samples
        return fit + multiplier * norms + point.numbers["weight_decay"] * rho * rho

    return value


def update_of_rho(case: Case, sign: int, decay_share: Fraction) -> Findings:
    """Both sides of the first line of Eq. 46, the whole case being the batch."""
    point = Point.of(case)
    margins, batch = Margins(point), range(point.samples)
    rho, rate = point.numbers["rho"], point.numbers["learning_rate"]
    value = lagrangian(point, margins.multiplier(batch))
    ends = [value(rho + step, point.weights) for step in (STEP, -STEP)]
    left = rho - rate * (ends[0] - ends[1]) / (2 * STEP)
    term, _ = margins.data_terms(batch)
    share = fmpq(decay_share.numerator, decay_share.denominator)
    right = rho + sign * rate * term - share * rate * point.numbers["weight_decay"] * rho
    yield equality([left], [right], RATIONALS, case.member)


def update_of_weights(case: Case, sign: int, *, rate_on_left: bool, share: Fraction) -> Findings:
    """Both sides of the second line of Eq. 46, the whole case being the batch."""
    point = Point.of(case)
    margins, batch = Margins(point), range(point.samples)
    rho, rate = point.numbers["rho"], point.numbers["learning_rate"]
    multiplier = margins.multiplier(batch)
    value = lagrangian(point, multiplier)
    gradient = quotient_gradient(point, lambda weights: value(rho, weights))
    if gradient is None:
        yield Rejection(KINK)
        return
    left = margins.weights - (rate if rate_on_left else 1) * gradient
    _, term = margins.data_terms(batch)
    constraint = fmpq(share.numerator, share.denominator) * rate * multiplier * margins.weights
    right = margins.weights + sign * rate * term - constraint
    yield equality(left[None], right[None], RATIONALS, case.member)


UPDATED = normalised_sgd_cases(mlps(depths=(1, 3), widths=(1, 2), slopes=(RELU,)), (1, 3))


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
        given=(CHAIN, SIGNS, UNIT_NORMS),
        where=(
            MARGIN,
            "slope_of_loss = 2 / len(samples)"
            " * sum([(rho * f(n, 0) - y[n][0]) * f(n, 0) for n in samples])"
            " + 2 * weight_decay * rho",
        ),
    ),
)
def normalised_sgd_update_printed(setting: Setting, case: Case) -> Findings:
    """As printed. Eq. 2 of the same paper has the sign right: the gradient is that on the left."""
    yield from update_of_rho(case, -1, Fraction(1 if setting.altered else 2))


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
    yield from update_of_rho(case, 1, Fraction(1 if setting.altered else 2))


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
        given=(CHAIN, SIGNS, UNIT_NORMS, "smooth()"),
        where=(
            MARGIN,
            MULTIPLIER,
            "gradient_of_loss(k) = 2 / len(samples)"
            " * sum([(rho * f(n, 0) - y[n][0]) * rho * df(n, 0, k) for n in samples])"
            " + 2 * nu(samples) * W[k]",
        ),
    ),
)
def normalised_sgd_update_weights_printed(setting: Setting, case: Case) -> Findings:
    """As printed, where the first expression lacks the learning rate as well."""
    share = Fraction(1 if setting.altered else 2)
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
    share = Fraction(1 if setting.altered else 2)
    yield from update_of_weights(case, 1, rate_on_left=True, share=share)


@st.composite
def normalised_equilibria(draw: st.DrawFn) -> Case:
    """Collinear inputs whose margins are the two roots of ``(1 - rho f) f = lambda rho``."""
    network, weights, direction = draw(aligned_chains())
    roots = [draw(positive_dyadics()), draw(positive_dyadics())]
    margins = [*roots, *draw(st.lists(st.sampled_from(roots), max_size=2))]
    return Case(
        network,
        tuple(cohort_of_one(w) for w in weights),
        cohort_of_one([f * direction for f in margins]),
        cohort_of_one([[1]] * len(margins)),
        {
            "rho": 1 / (roots[0] + roots[1]),
            "weight_decay": roots[0] * roots[1],
            "batch_size": Fraction(draw(st.integers(1, len(margins) - 1))),
        },
    )


@st.composite
def interpolators(draw: st.DrawFn) -> Case:
    """Unit-norm weights of any rank, and inputs scaled so that ``rho fbar_n = 1``."""
    network = draw(mlps(depths=(2, 2), widths=(3, 3), slopes=(RELU, LINEAR)))
    weights = [draw(unit_arrays(p.shape, positive=True)) for p in network.parameters]
    rho, entries = draw(positive_dyadics()), st.integers(1, 3)
    rows = draw(st.lists(st.lists(entries, min_size=3, max_size=3), min_size=2, max_size=3))
    # Nothing is negative, so the units are linear and the output is the product.
    product = reduce(np.matmul, weights[::-1])[0]
    values = [(product * np.array(row)).sum() for row in rows]
    assume(all(values))
    return Case(
        network,
        tuple(cohort_of_one(w) for w in weights),
        cohort_of_one([[x / (rho * f) for x in row] for row, f in zip(rows, values, strict=True)]),
        cohort_of_one([[1]] * len(rows)),
        {
            "rho": rho,
            "weight_decay": draw(positive_dyadics()),
            "batch_size": Fraction(draw(st.integers(1, len(rows) - 1))),
        },
    )


def normalised_convergence(setting: Setting, case: Case) -> tuple[Margins, Rejection | None]:
    """The hypotheses of Lemma 8; the control has no weight decay."""
    point = Point.of(case)
    margins = Margins(point)
    decay = fmpq(0) if setting.altered else point.numbers["weight_decay"]
    batches = combinations(range(point.samples), int(case.numbers["batch_size"]))
    if any(value == 0 for value in margins.values):
        return margins, Rejection("a margin is zero")
    if not all(margins.is_equilibrium(batch, decay) for batch in batches):
        return margins, Rejection(NOT_STATIONARY)
    return margins, None


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
    "normalised-convergence-rank",
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
            CHAIN,
            SIGNS,
            UNIT_NORMS,
            DECAY,
            "batch_size < len(samples)",
            "all([margin(n) != 0 for n in samples])",
            STATIONARY_RHO,
            STATIONARY_WEIGHTS,
        ),
        where=(MARGIN, MULTIPLIER),
    ),
)
def normalised_convergence_rank(setting: Setting, case: Case) -> Findings:
    """If Lagrange-normalised SGD with weight decay is stationary on every mini-batch, and no margin
    is zero, all weight matrices have rank at most 2.

    True, but the 2 comes from a case of the proof that never occurs: stationarity of rho on all
    batches gives (1 - rho fbar_n) fbar_n = lambda rho for every n, so the numbers that Eq. 50
    divides by the difference of are equal (and its plus sign should be a minus). What remains is
    `normalised-convergence-rank-one`, and with it collinear inputs: the hypotheses are met only
    there. The weight decay is needed: networks that interpolate have any rank (control).
    """
    margins, rejection = normalised_convergence(setting, case)
    if rejection is not None:
        yield rejection
        return
    rank = max(arithmetic.rank(w) for w in margins.point.weights)
    finding = rank_at_most([rank], 2, RATIONALS, case.member)
    yield replace(finding, degenerate=COLLINEAR if margins.point.collinear else None)


@claim(
    "normalised-convergence-rank-one",
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
def normalised_convergence_rank_one(setting: Setting, case: Case) -> Findings:
    """The sharp form of Lemma 8, our own.

    Proof. Exchange two samples between batches: the terms of a stationarity equation are equal for
    all n. For rho this reads (1 - rho fbar_n) fbar_n = lambda rho =: alpha, and alpha is not 0,
    since rho = 0 would make the margins zero. For V_k it reads
    (1 - rho fbar_n) dfbar_n/dV_k = alpha V_k, so V_k has rank one like the gradient of a single
    sample, and V_1 has its rows along x_n for every n. A quadratic equation has two roots: the
    inputs lie on a line, and on at most two distances from the origin on either side of it.
    """
    margins, rejection = normalised_convergence(replace(setting, altered=False), case)
    if rejection is not None:
        yield rejection
        return
    point = margins.point
    ranks = [arithmetic.rank(w) for w in (*point.weights, point.inputs)]
    yield equality([ranks], [[1] * len(ranks)], RATIONALS, case.member, degenerate=COLLINEAR)
    if setting.altered:
        right = np.full(point.samples, margins.values[0])
        yield equality(margins.values[None], right[None], RATIONALS, case.member)
    else:
        left = margins.gaps * margins.values
        right = np.full(point.samples, point.numbers["weight_decay"] * point.numbers["rho"])
        yield equality(left[None], right[None], RATIONALS, case.member, degenerate=COLLINEAR)
