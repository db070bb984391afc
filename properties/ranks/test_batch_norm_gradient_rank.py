"""The rank of the gradient under batch normalisation: galanti2022, Lemma 2.

The output depends on a weight matrix through the whole batch; the variance is detached, as the
paper does, or differentiated.
"""

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    DENSE,
    DETACHED_VARIANCE,
    DIFFERENTIATED_VARIANCE,
    NORMALISED,
    NORMALISED_LAYER,
    ONE_OUTPUT,
    RESIDUAL_BLOCKS,
    SMOOTH,
)
from properties.notation import EVERYWHERE
from properties.papers import GALANTI2022
from theorycheck.drawing import batches
from theorycheck.networks import Normalisation

COHORT = 4
BENT = (tc.RELU, 0.5, 0.25)
"""Slopes of activations that are not linear, whose pattern differs between samples."""


def batch_cases(normalisation: Normalisation) -> st.SearchStrategy[tc.Case]:
    """Networks with and without skips, some layers normalised, on batches of two to four.

    Widths exceed the size of the batch, without which a bound on the rank says nothing. Every
    standard deviation of a batch of two is rational, and so are those of `rational_batches`.
    """

    def networks(least: int, most: int) -> st.SearchStrategy[tc.Network]:
        widths = (least, most)
        plain = st.one_of(
            tc.mlps(depths=(3, 4), widths=widths, slopes=BENT),
            tc.directed_graphs(depths=(3, 4), widths=widths, slopes=BENT),
            tc.residual_networks(blocks=(1, 1), widths=widths, slopes=BENT),
        )
        return tc.batch_normalised(plain, normalisation)

    wide = tc.mlps(depths=(3, 3), widths=(5, 6), slopes=BENT)
    return st.one_of(
        batches(networks(3, 4), samples=(2, 2), coefficient="beta", cohort=COHORT),
        batches(networks(4, 5), samples=(3, 3), coefficient="beta", cohort=COHORT),
        tc.rational_batches(wide, normalisation, coefficient="beta", cohort=COHORT),
    )


def combined(bound: str) -> str:
    """A bound on the rank of the derivatives of a batch, combined with drawn coefficients."""
    return f"rank(sum([beta[j] * df(j, 0, k) for j in samples])) <= {bound}"


def printed(bound: str, derivative: str = r"\bar\partial") -> str:
    return (
        rf"\operatorname{{rank}}\Big(\sum_{{j=1}}^B \beta_j \frac{{{derivative}"
        rf" \tilde f_W(x_j; \tilde X)}}{{{derivative} W^{{pq}}}}\Big) \le {bound}"
    )


GRAPH_OF_BATCH = [DENSE, NORMALISED, ONE_OUTPUT, RESIDUAL_BLOCKS, AUTOGRAD_AT_KINKS]

BATCHES = tc.Family(
    forall=["k in weights"], numbers=["beta"], on=batch_cases("batch-detached"), examples=100
)

batch_norm_gradient_rank = BATCHES.stated(
    "batch-norm-gradient-rank",
    title="With batch normalisation, a batch's combined pseudo gradient has rank at most B",
    sources=[GALANTI2022.at("Lemma 2, Eq. 24, Abstract: minimal assumptions")],
    printed=printed("B"),
    given=[*GRAPH_OF_BATCH, DETACHED_VARIANCE],
    states=combined("len(samples)"),
    control=tc.altered("the bound is B - 1", combined("len(samples) - 1")),
    rests_on=["batch-norm-expansion-gradient-printed"],
    why="The output depends on a weight matrix through its products with B values, one per sample."
    " Batches of two, and batches of four on which all standard deviations are rational, are"
    " decided in rationals; other batches in balls, which can refute the bound but leave it open"
    " otherwise. The bound is reached by layers that are not normalised themselves.",
)

batch_norm_gradient_rank_full = BATCHES.stated(
    "batch-norm-gradient-rank-full",
    title="The gradient has rank at most B when the variance is differentiated, too",
    printed=printed("B", r"\partial"),
    given=[*GRAPH_OF_BATCH, DIFFERENTIATED_VARIANCE],
    states=combined("len(samples)"),
    control=tc.altered("the bound is B - 1", combined("len(samples) - 1")),
    on=batch_cases("batch"),
    why="Detaching the variance, which galanti2022 does to simplify the analysis, is not needed for"
    " the bound: the statistics, too, depend on the matrix through its B products only.",
)

batch_norm_gradient_rank_centred = BATCHES.stated(
    "batch-norm-gradient-rank-centred",
    title="In front of batch normalisation the gradient has rank at most B - 1",
    printed=printed("B - 1") + r" \quad \text{if } n_p \text{ is batch normalisation}",
    given=[*GRAPH_OF_BATCH, NORMALISED_LAYER, DETACHED_VARIANCE],
    states=combined("len(samples) - 1"),
    control=tc.altered("the bound is B - 2", combined("len(samples) - 2")),
    why="A sharper form of galanti2022, Lemma 2, for its perceptrons MLP-BN, all of whose hidden"
    " layers are normalised: subtracting the mean over the batch makes the B left factors add up"
    " to 0.",
)

batch_norm_gradient_rank_sample = tc.stated(
    "batch-norm-gradient-rank-sample",
    title="With batch normalisation, the gradient at one sample has rank at most 1",
    printed=r"\operatorname{rank}\Big(\frac{\bar\partial \tilde f_W(x_j; \tilde X)}"
    r"{\bar\partial W^{pq}}\Big) \le 1 \quad \forall j, p, q",
    given=[DENSE, NORMALISED, ONE_OUTPUT, RESIDUAL_BLOCKS, DETACHED_VARIANCE, SMOOTH],
    forall=EVERYWHERE,
    states="rank(df(n, c, k)) <= 1",
    control=tc.altered(
        "the gradient is summed over the batch", "rank(sum([df(j, c, k) for j in samples])) <= 1"
    ),
    on=batches(
        tc.batch_normalised(tc.mlps(depths=(3, 3), widths=(2, 2), slopes=BENT), "batch-detached"),
        samples=(2, 2),
        cohort=COHORT,
    ),
    examples=400,
    rests_on=["gradient-rank"],
    why="The introduction of galanti2022 says that the gradient of a deep ReLU network has rank at"
    " most 1, and the abstract that networks may include batch normalisation. Taken together, which"
    " is our reading and printed nowhere, this fails: the output at one sample depends on the whole"
    " batch through its mean. Lemma 1 is for networks without normalisation, and Lemma 2 claims"
    " less.",
)

batch_norm_gradient_rank_of_sample = tc.stated(
    "batch-norm-gradient-rank-of-sample",
    title="With batch normalisation, the gradient at one sample has rank at most B",
    sources=[GALANTI2022.at("Appendix C: one sample, Eq. 23")],
    printed=r"\operatorname{rank}\Big(\frac{\bar\partial \tilde f_W(x_j; \tilde X)}"
    r"{\bar\partial W^{pq}}\Big) \le B \quad \forall j, p, q",
    given=[*GRAPH_OF_BATCH, DETACHED_VARIANCE],
    forall=EVERYWHERE,
    states="rank(df(n, c, k)) <= len(samples)",
    control=tc.altered("the bound is B - 1", "rank(df(n, c, k)) <= len(samples) - 1"),
    on=batches(
        tc.batch_normalised(tc.mlps(depths=(3, 3), widths=(3, 3), slopes=BENT), "batch-detached"),
        samples=(2, 2),
        cohort=COHORT,
    ),
    examples=40,
    corrects="batch-norm-gradient-rank-sample",
    rests_on=["batch-norm-expansion-gradient-printed"],
    why="One sample depends on the whole batch, through the means of the layers behind W.",
)
