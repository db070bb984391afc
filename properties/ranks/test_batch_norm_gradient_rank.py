"""The rank of the gradient under batch normalisation: galanti2022, Lemma 2.

The output depends on a weight matrix through the whole batch; the variance is detached, as the
paper does, or differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from flint import arb
from hypothesis import strategies as st

from properties.assumptions import DETACHED_VARIANCE, DIFFERENTIATED_VARIANCE, NORMALISED
from properties.notation import CONSTANT_UNIT, EVERYWHERE, RATIONALS
from properties.papers import GALANTI2022
from properties.ranks.observations import ranked, widest
from theorycheck import (
    RELU,
    Case,
    Findings,
    Formal,
    InputError,
    Network,
    Rejection,
    Setting,
    arithmetic,
    claim,
    directed_graphs,
    mlps,
    residual_networks,
)
from theorycheck.drawing import batch_normalised, batches, rational_batches
from theorycheck.networks import Normalisation

BALLS = "balls of up to 800 bits"
PRECISIONS = (200, 800)
COHORT = 4
BENT = (RELU, 0.5, 0.25)
"""Slopes of activations that are not linear, whose pattern differs between samples."""

Combine = Callable[[Case, arithmetic.Array], list[arithmetic.Array]]
"""From gradients ``(N, p, q)`` at the samples of a batch to the matrices whose rank is bounded."""


def weighted_sum(case: Case, gradients: arithmetic.Array) -> list[arithmetic.Array]:
    """``sum_j beta_j df(x_j)/dW`` with the drawn coefficients."""
    coefficients = [case.numbers[f"beta_{j}"] for j in range(1, case.samples + 1)]
    betas = arithmetic.rationals(coefficients)[:, None, None]
    return [(betas * gradients).sum(axis=0)]


def total(case: Case, gradients: arithmetic.Array) -> list[arithmetic.Array]:
    return [gradients.sum(axis=0)]


def each_sample(case: Case, gradients: arithmetic.Array) -> list[arithmetic.Array]:
    return list(gradients)


def ranks_over_batch(
    case: Case, weights: tuple[int, ...], bound: int, combine: Combine
) -> tuple[int, str] | Rejection:
    """The highest rank found, and in which arithmetic: in balls it is a proven lower bound.

    Balls that do not prove more than ``bound`` are tried again with more bits.
    """
    network = case.network
    found: tuple[int, str] | Rejection = Rejection(CONSTANT_UNIT)
    lanes = [(arithmetic.rationals, RATIONALS, PRECISIONS[0])]
    lanes += [(arithmetic.balls, BALLS, bits) for bits in PRECISIONS]
    for numbers, how, bits in lanes:
        with arithmetic.precision(bits):
            parameters = [numbers(p[0]) for p in case.parameters]
            inputs = numbers(case.inputs[0])
            try:
                arithmetic.vertices(network, parameters, inputs)
            except InputError:
                continue
            matrices = [
                matrix
                for k in weights
                for matrix in combine(
                    case, arithmetic.jacobian(network, parameters, inputs, k)[:, 0]
                )
            ]
            found = max(rank(matrix) for matrix in matrices), how
            if how == RATIONALS or found[0] > bound:
                return found
    return found


def rank(matrix: arithmetic.Array) -> int:
    """Exact for rationals, a proven lower bound for balls."""
    if isinstance(matrix.flat[0], arb):
        return next(
            r for r in range(min(matrix.shape) + 1) if not arithmetic.rank_exceeds(matrix, r)
        )
    return arithmetic.rank(matrix)


def rank_over_batch(case: Case, weights: tuple[int, ...], bound: int, combine: Combine) -> Findings:
    """``rank <= bound``; balls refute it or leave it open, but do not prove it."""
    largest = widest(case.network, weights)
    for one in (case.member(i) for i in range(case.members)):
        found = ranks_over_batch(one, weights, bound, combine)
        if isinstance(found, Rejection):
            yield found
            continue
        highest, how = found
        observation = ranked(one, np.array([highest]), bound, how, largest)
        proved = how == RATIONALS or largest <= bound or observation.holds is False
        yield observation if proved else replace(observation, holds=None)


def batch_cases(normalisation: Normalisation) -> st.SearchStrategy[Case]:
    """Networks with and without skips, some layers normalised, on batches of two to four.

    Widths exceed the size of the batch, without which a bound on the rank says nothing. Every
    standard deviation of a batch of two is rational, and so are those of `rational_batches`.
    """

    def networks(least: int, most: int) -> st.SearchStrategy[Network]:
        widths = (least, most)
        plain = st.one_of(
            mlps(depths=(3, 4), widths=widths, slopes=BENT),
            directed_graphs(depths=(3, 4), widths=widths, slopes=BENT),
            residual_networks(blocks=(1, 1), widths=widths, slopes=BENT),
        )
        return batch_normalised(plain, normalisation)

    wide = mlps(depths=(3, 3), widths=(5, 6), slopes=BENT)
    return st.one_of(
        batches(networks(3, 4), samples=(2, 2), coefficient="beta", cohort=COHORT),
        batches(networks(4, 5), samples=(3, 3), coefficient="beta", cohort=COHORT),
        rational_batches(wide, normalisation, coefficient="beta", cohort=COHORT),
    )


COMBINED = "rank(sum([beta[j] * df(j, 0, k) for j in samples]))"

BATCH_HYPOTHESES = [
    "a directed acyclic graph of layers; some of the hidden ones, at least one, are normalised over"
    " the batch of B samples (galanti2022, Eq. 5), none of whose units is constant on it",
    "ReLU or leaky ReLU activations; where a pre-activation is 0, the derivative is autograd's",
]


@claim(
    "batch-norm-gradient-rank",
    title="With batch normalisation, a batch's combined pseudo gradient has rank at most B",
    kind="rank",
    sources=[GALANTI2022.at("Lemma 2")],
    statement=r"\operatorname{rank}\Big(\sum_{j=1}^B \beta_j"
    r" \frac{\bar\partial \tilde f_W(x_j; \tilde X)}{\bar\partial W^{pq}}\Big) \le B",
    hypotheses=[*BATCH_HYPOTHESES, DETACHED_VARIANCE.prose],
    control="the bound is B - 1",
    on={"case": batch_cases("batch-detached")},
    examples=200,
    formal=Formal(
        f"{COMBINED} <= len(samples)",
        ("k in weights",),
        given=(
            NORMALISED.formula,
            DETACHED_VARIANCE.formula,
        ),
        numbers=("beta",),
    ),
)
def batch_norm_gradient_rank(setting: Setting, case: Case) -> Findings:
    """The output depends on a weight matrix through its products with B values, one per sample.

    Derivatives are taken in forward mode, one entry of the matrix at a time. Batches of two, and
    batches of four on which all standard deviations are rational, are decided in rationals; other
    batches in balls, which can refute the bound but leave it open otherwise. The bound is reached
    by layers that are not normalised themselves.
    """
    bound = case.samples - setting.altered
    yield from rank_over_batch(case, case.network.weights, bound, weighted_sum)


@claim(
    "batch-norm-gradient-rank-full",
    title="The same bound holds when the variance is differentiated",
    kind="rank",
    sources=[],
    statement=r"\operatorname{rank}\Big(\sum_{j=1}^B \beta_j"
    r" \frac{\partial \tilde f_W(x_j; \tilde X)}{\partial W^{pq}}\Big) \le B",
    hypotheses=[*BATCH_HYPOTHESES, DIFFERENTIATED_VARIANCE.prose],
    control="the bound is B - 1",
    on={"case": batch_cases("batch")},
    examples=200,
    formal=Formal(
        f"{COMBINED} <= len(samples)",
        ("k in weights",),
        given=(
            NORMALISED.formula,
            DIFFERENTIATED_VARIANCE.formula,
        ),
        numbers=("beta",),
    ),
)
def batch_norm_gradient_rank_full(setting: Setting, case: Case) -> Findings:
    """Detaching the variance, which galanti2022 does to simplify the analysis, is not needed for
    the bound: the statistics, too, depend on the matrix through its B products only.
    """
    bound = case.samples - setting.altered
    yield from rank_over_batch(case, case.network.weights, bound, weighted_sum)


@claim(
    "batch-norm-gradient-rank-centred",
    title="A layer in front of batch normalisation has rank at most B - 1",
    kind="rank",
    sources=[],
    statement=r"\operatorname{rank}\Big(\sum_{j=1}^B \beta_j"
    r" \frac{\bar\partial \tilde f_W(x_j; \tilde X)}{\bar\partial W^{pq}}\Big) \le B - 1"
    r" \quad \text{if } n_p \text{ is batch normalisation}",
    hypotheses=[*BATCH_HYPOTHESES, DETACHED_VARIANCE.prose],
    control="the bound is B - 2",
    on={"case": batch_cases("batch-detached")},
    examples=200,
    formal=Formal(
        f"{COMBINED} <= len(samples) - 1",
        ("k in weights",),
        given=("normalised_layer(layer(k))", DETACHED_VARIANCE.formula),
        numbers=("beta",),
    ),
)
def batch_norm_gradient_rank_centred(setting: Setting, case: Case) -> Findings:
    """A sharper form of Lemma 2 for the multilayer perceptrons that galanti2022 trains, all of
    whose hidden layers are normalised: subtracting the mean over the batch makes the B left factors
    add up to 0.
    """
    network = case.network
    weights = tuple(
        k
        for k in network.weights
        if network.layers[network.parameters[k].layer - 1].normalisation != "none"
    )
    if not weights:
        yield Rejection("no weight matrix feeds a normalised layer")
        return
    bound = case.samples - 1 - setting.altered
    yield from rank_over_batch(case, weights, bound, weighted_sum)


@claim(
    "batch-norm-gradient-rank-sample",
    title="With batch normalisation, the gradient at one sample has rank at most 1",
    kind="rank",
    sources=[GALANTI2022.at("Section 1, read for the networks of its abstract")],
    statement=r"\operatorname{rank}\Big(\frac{\bar\partial \tilde f_W(x_j; \tilde X)}"
    r"{\bar\partial W^{pq}}\Big) \le 1 \quad \forall j, p, q",
    hypotheses=[*BATCH_HYPOTHESES, DETACHED_VARIANCE.prose],
    control="the gradient is summed over the batch",
    on={
        "case": batches(
            batch_normalised(mlps(depths=(3, 3), widths=(2, 2), slopes=BENT), "batch-detached"),
            samples=(2, 2),
            cohort=COHORT,
        )
    },
    examples=400,
    formal=Formal(
        "rank(df(n, c, k)) <= 1",
        EVERYWHERE,
        given=(
            NORMALISED.formula,
            DETACHED_VARIANCE.formula,
        ),
    ),
)
def batch_norm_gradient_rank_sample(setting: Setting, case: Case) -> Findings:
    """The introduction states the observation that the gradient has rank at most 1 of "a deep ReLU
    network", and the abstract includes batch normalisation among those covered; Lemma 1 itself
    comes before normalisation, and Lemma 2 claims less. Read literally the observation fails: the
    output at one sample depends on the whole batch through its mean.
    """
    combine = total if setting.altered else each_sample
    yield from rank_over_batch(case, case.network.weights, 1, combine)
