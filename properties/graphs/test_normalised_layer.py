"""Layers with batch normalisation: galanti2022, Eq. 5, evaluation at test time, detaching."""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    DETACHED_VARIANCE,
    LINEAR_FIRST_LAYER,
    ONE_OUTPUT,
    SHORTENING,
    VARYING_OVER_SAMPLES,
)
from properties.graphs.batches_of_two import (
    FIRST_LAYER,
    ONE_NORMALISED,
    all_normalised,
    one_normalised,
)
from properties.papers import GALANTI2022

UNITS = ["n in samples", "i in range(len(W[0]))"]
CASES = tc.Family(
    where=[
        *FIRST_LAYER,
        "centre_of_layer(i) = sum([h(n)[i] for n in samples]) / len(samples)",
        "about(n, i) = h(n)[i] - centre_of_layer(i)",
        "variance_of_layer(i) = sum([about(n, i) ** 2 for n in samples]) / len(samples)",
        "again(n, i) = W[1] * about(n, i) / root(variance_of_layer(i)) + W[2]",
    ],
    on=one_normalised(),
    examples=60,
)

normalised_layer_of_itself = CASES.stated(
    "normalised-layer-of-itself",
    title="A normalised layer has the statistics of the layer itself, as printed",
    sources=[GALANTI2022.at("Eq. 5")],
    printed=r"n_l(v_l(x; \tilde X); \tilde X) = \gamma_l \cdot A_l(\tilde X) \cdot"
    r" (v_l(x; \tilde X) - b_l(\tilde X)) + \mathbb{1} \cdot \beta_l",
    given=[ONE_NORMALISED, SHORTENING, VARYING_OVER_SAMPLES],
    assuming={"the layer varies over the samples": "variance_of_layer(i) > 0"},
    forall=UNITS,
    states="h(n)[i] == max([again(n, i), slope(1) * again(n, i)])",
    control=tc.altered("without the activation", "h(n)[i] == again(n, i)"),
    why="Eq. 5 takes mean and variance of v_l, which by Eq. 3 is the layer after normalisation and"
    " activation. What is meant, and what Eq. 3 hands to n_i, is the sum of W^{ij} v_j.",
)

normalised_layer = CASES.stated(
    "normalised-layer",
    title="A normalised layer has the statistics of its pre-activation",
    sources=[GALANTI2022.at("Eq. 5, Appendix C: layer")],
    printed=r"v_l(x; \tilde X) = \sigma\Big( \gamma_l \cdot A_l(\tilde X) \cdot \Big(\sum_j W^{lj}"
    r" v_j(x; \tilde X) - b_l(\tilde X)\Big) + \mathbb{1} \cdot \beta_l \Big)",
    given=[ONE_NORMALISED, SHORTENING, VARYING_OVER_SAMPLES],
    forall=UNITS,
    states="h(n)[i] == max([argument(n, i), slope(1) * argument(n, i)])",
    control=tc.altered("without the activation", "h(n)[i] == argument(n, i)"),
    corrects="normalised-layer-of-itself",
    rests_on=["layer-graph-layer"],
    why="With mean and variance over the batch, divided by B, of the sum that Eq. 3 normalises.",
)

normalised_layer_moments = CASES.stated(
    "normalised-layer-moments",
    title="Normalised units have the mean beta and the variance gamma squared",
    sources=[GALANTI2022.at("Eq. 5")],
    printed=r"\mathbb{E}_{\hat x \sim U[\tilde X]}[n_l] = \beta_l, \qquad"
    r" \operatorname{Var}_{\hat x \sim U[\tilde X]}(n_l)_j = \gamma_l^2",
    given=[ONE_NORMALISED, VARYING_OVER_SAMPLES, LINEAR_FIRST_LAYER],
    forall=["i in range(len(W[0]))"],
    states="centre_of_layer(i) == W[2] and variance_of_layer(i) == W[1] ** 2",
    control=tc.altered("after any activation", without=[LINEAR_FIRST_LAYER], on=one_normalised()),
    on=one_normalised((tc.LINEAR,)),
    rests_on=["normalised-layer"],
    why="Before the activation: the layer is linear here. Whatever the weights before it are.",
)

normalised_layer_mean = tc.stated(
    "normalised-layer-mean",
    title="The mean of a pre-activation is that of the layer before, times the weights",
    sources=[GALANTI2022.at("Appendix C: mean")],
    printed=r"b_l(\tilde X) = \sum_{t \in \operatorname{pred}(l)} W^{lt} \cdot \mu_t(\tilde X)",
    given=[CHAIN],
    assuming={
        "two layers of weights or more, linear outputs": "depth >= 2 and slope(depth) == 1",
        "the last matrix reads all of the layer before, no patch": (
            "len(W[len(W) - 1][0]) == len(h(0))"
        ),
    },
    forall=["c in outputs"],
    states="sum([f(n, c) for n in samples])"
    " == inner(W[len(W) - 1][c], sum([h(n) for n in samples]))",
    control=tc.altered(
        "its sum, which is not linear",
        "sum([f(n, c) ** 2 for n in samples])"
        " == inner(W[len(W) - 1][c], sum([h(n) for n in samples])) ** 2",
    ),
    on=tc.cases(tc.mlps(depths=(2, 3), widths=(1, 3)), samples=(2, 3), cohort=1),
    examples=60,
    why="For the last layer, both sides times B.",
)

normalised_layer_scale = CASES.stated(
    "normalised-layer-scale",
    title="The network does not change with the size of the weights before a normalisation",
    sources=[GALANTI2022.at("Section 2.1: detaching")],
    printed=r"f_{(2 W^{lj}, \ldots)}(x; \tilde X) = f_{(W^{lj}, \ldots)}(x; \tilde X)",
    given=[ONE_NORMALISED, VARYING_OVER_SAMPLES],
    forall=["n in samples"],
    states="network(replaced(W, 0, 2 * W[0]), x)[n][0] == f(n, 0)",
    control=tc.altered("of the weights after it", {"0, 2 * W[0]": "3, 2 * W[3]"}),
    why="The same holds for every positive factor, so that the derivative of the output along W is"
    " 0. The pseudo gradient, whose deviations are constant, has another one there:"
    " `normalised-layer-pseudo-gradient`.",
)

normalised_layer_pseudo_gradient = tc.stated(
    "normalised-layer-pseudo-gradient",
    title="The pseudo gradient along W is the output without its shifts, not 0",
    sources=[GALANTI2022.at("Section 2.1: detaching, Section 2.1: pseudo gradient")],
    printed=r"\Big\langle W, \frac{\bar\partial f_W(x; \tilde X)}{\bar\partial W} \Big\rangle ="
    r" f_W(x; \tilde X) - \sum_i W^{Ll}_i D_i(x; \tilde X) \beta_l",
    given=[ONE_NORMALISED, VARYING_OVER_SAMPLES, DETACHED_VARIANCE, ONE_OUTPUT, AUTOGRAD_AT_KINKS],
    forall=["n in samples"],
    states="inner(W[0], df(n, 0, 0)) == f(n, 0) - shifts_of(n)",
    control=tc.altered("with the shifts", "inner(W[0], df(n, 0, 0)) == f(n, 0)"),
    where=[
        *FIRST_LAYER,
        "shifts_of(n) = sum([W[3][0][i] * D(n, i) * W[2] for i in range(len(W[0]))])",
    ],
    on=one_normalised(),
    examples=60,
    why="Training by pseudo gradients grows or shrinks weights whose size does not matter to the"
    " function. Such steps are not steps of gradient descent on the loss.",
)


BATCHES_VARY = tc.Assumption(
    "every normalised unit varies over every batch of two", "all([varies(S) for S in batches(2)])"
)


def four_samples() -> st.SearchStrategy[tc.Case]:
    """That the first layer standardises in rationals, as it does any two of them."""
    networks = tc.mlps(depths=(2, 2), widths=(1, 2), slopes=(tc.RELU,)).map(all_normalised)
    return tc.rational_batches(networks, "batch-detached")


def batch_variances() -> st.SearchStrategy[tc.Case]:
    """One layer of weights; batches of two or more among three or four samples."""
    return tc.cases(
        tc.mlps(depths=(1, 1), widths=(1, 2)),
        samples=(3, 4),
        numbers={"batch_size": st.sampled_from([Fraction(2), Fraction(3)])},
        cohort=1,
    )


BATCH_SIZES = tc.Assumption(
    "batches of 2 to m samples", "2 <= batch_size and batch_size <= len(samples)"
)
VARIANCES = [
    "mean(S) = sum([f(n, 0) for n in S]) / len(S)",
    "about_mean(S) = sum([(f(n, 0) - mean(S)) ** 2 for n in S])",
    "var(S) = about_mean(S) / len(S)",
    "unbiased(S) = about_mean(S) / (len(S) - 1)",
    "average = sum([unbiased(S) for S in batches(batch_size)]) / len(batches(batch_size))",
]
SAME = (
    r"\text{the evaluation process of the network with this kind of normalization is the same as}"
    r" \text{ with standard batch normalization layers}"
)

normalised_layer_test_time_printed = tc.stated(
    "normalised-layer-test-time-printed",
    title="Evaluation with all training data is the standard one, read as equal variances",
    sources=[GALANTI2022.at("Section 2.1: test time")],
    printed=SAME
    + r":\quad \operatorname{Avg}_{|\tilde X| = B} \frac{B}{B - 1} \operatorname{Var}_{\tilde X} ="
    r" \operatorname{Var}_{\hat X}",
    given=[CHAIN, ONE_OUTPUT, BATCH_SIZES],
    states="average == var(samples)",
    control=tc.altered("half of it", "2 * average == var(samples)"),
    where=VARIANCES,
    on=batch_variances(),
    why="The formula is our reading. Standard batch normalisation (Ioffe and Szegedy, Algorithm 2)"
    " evaluates with averages over the batches of training: of their means, and of their unbiased"
    " variances, with B - 1 in the place of B. In the first layer the latter is larger than the"
    " variance of all data, by a factor that is next to 1 for many samples"
    " (`normalised-layer-test-time`). What differs more is the input of deeper layers"
    " (`normalised-layer-test-time-deeper`).",
)

normalised_layer_test_time = tc.stated(
    "normalised-layer-test-time",
    title="The average unbiased variance of batches is larger by the factor m/(m - 1)",
    sources=[GALANTI2022.at("Section 2.1: test time")],
    printed=r"\operatorname{Avg}_{|\tilde X| = B} \frac{B}{B - 1} \operatorname{Var}_{\tilde X} ="
    r" \frac{m}{m - 1} \operatorname{Var}_{\hat X}",
    given=[CHAIN, ONE_OUTPUT, BATCH_SIZES],
    states="average == len(samples) * var(samples) / (len(samples) - 1)",
    control=tc.altered(
        "the factor B/(B - 1)", "average == batch_size * var(samples) / (batch_size - 1)"
    ),
    where=VARIANCES,
    on=batch_variances(),
    examples=60,
    corrects="normalised-layer-test-time-printed",
    why="Over all batches of B of the m samples, for the first layer, whose arguments do not depend"
    " on the batch.",
)

normalised_layer_test_time_deeper = tc.stated(
    "normalised-layer-test-time-deeper",
    title="Evaluation with all training data is the standard one, read as equal deeper means",
    sources=[GALANTI2022.at("Section 2.1: test time")],
    printed=SAME + r":\quad \operatorname{Avg}_{|\tilde X| = 2} b_l(\tilde X) = b_l(\hat X)"
    r" \ (l \text{ behind a normalised layer})",
    given=[ONE_NORMALISED, VARYING_OVER_SAMPLES, BATCHES_VARY],
    states="over_batches / len(batches(2)) == sum([f(n, 0) for n in samples]) / len(samples)",
    control=tc.altered("half of it", {"len(batches(2))": "(2 * len(batches(2)))"}),
    where=["over_batches = sum([(f(S[0], 0, S) + f(S[1], 0, S)) / 2 for S in batches(2)])"],
    on=four_samples(),
    why="The formula is our reading. The output of two layers is what a third one would normalise,"
    " and its mean is b_l. In training the layer before it is normalised by the batch, in the"
    " evaluation by all data. Its activation makes the means differ. With B = m, instead of 2, both"
    " are the same.",
)
