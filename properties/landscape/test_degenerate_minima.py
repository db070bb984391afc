"""Degenerate minima, connected valleys and the penalty: xu2022, Section 3.3, Theorems 1 and 2."""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    FITTED,
    IN_BALL,
    ONE_OUTPUT,
    RELU_NETWORK,
    SIGN_LABELS,
    SMOOTH,
)
from properties.papers import XU2022

JACOBIAN = (
    "size = sum([len(W[k]) * len(W[k][0]) for k in weights])",
    "kernel = [[sum([inner(df(n, 0, k), df(m, 0, k)) for k in weights]) for m in samples]"
    " for n in samples]",
)
"""The number d of weights; the Gram matrix of the gradients of the outputs, whose rank is that of
the Hessian of the loss where all residuals are 0."""


@st.composite
def on_lines(draw: st.DrawFn) -> tc.Case:
    """Samples on a line, which one of three units alone reads; a sample of the other class."""
    side = [Fraction(0), Fraction(1, 4), Fraction(-1, 4), Fraction(-1, 2)]
    heights = draw(st.lists(st.sampled_from(side), min_size=2, max_size=3, unique=True))
    half = Fraction(draw(st.sampled_from([1, -1])), 2)
    inputs = [*[[half, height] for height in heights], [-half, Fraction(0)]]
    first = [[2 * half, 0], [-2 * half, 0], [-2 * half, 1]]
    labels = [*[[Fraction(1)] for _ in heights], [Fraction(-1)]]
    return tc.Case.single(tc.mlp([2, 3, 1]), [first, [[2, -1, -1]]], inputs, labels)


degenerate_minima_dimension_printed = tc.stated(
    "degenerate-minima-dimension-printed",
    title="Theorem 1: minima of an overparametrised network have dimension d - N, as printed",
    kind="identity",
    sources=[XU2022.at("Theorem 1")],
    printed=r"\text{the minimizers } W^* \text{ achieve zero loss and are highly degenerate with}"
    r"\text{ dimension } d - N",
    given=[CHAIN, RELU_NETWORK, ONE_OUTPUT, SIGN_LABELS, IN_BALL, SMOOTH, FITTED],
    assuming={
        "no two inputs are equal": (
            "all([squared(x[n] - x[m]) > 0 for n in samples for m in range(n)])"
        ),
        "overparametrised: d > 2 N": "size > 2 * len(samples)",
    },
    where=JACOBIAN,
    states="rank(kernel) - len(samples) == 0",
    control=tc.altered("d - N + 1", "rank(kernel) == len(samples) - 2"),
    on=on_lines(),
    why="At zero loss the Hessian is `2/N` times the sum of the outer products of the gradients of"
    " the outputs, and its kernel has dimension d less the rank of these, which can be below N."
    " Three samples on a line that one unit alone reads are fitted if its two weights, times the"
    " weight above it, have the right values: two equations, and a third for the other sample. So"
    " the minima nearby have dimension d - 3, with N = 4. Smooth activations that are ReLU outside"
    " a small interval do not change this. Further units that are closed at all samples leave the"
    " rank at 3, so that d can be as large as one likes. The dimension is d - N where the gradients"
    " are linearly independent.",
)

degenerate_minima_rescaling = tc.stated(
    "degenerate-minima-rescaling",
    title="Every minimum has a flat direction for each pair of layers",
    sources=[XU2022.at("Section 3.3: degenerate zero-loss minima")],
    printed=r"\Big\langle \frac{\partial f}{\partial W_k}, W_k \Big\rangle -"
    r" \Big\langle \frac{\partial f}{\partial W_l}, W_l \Big\rangle = 0",
    given=[CHAIN, ONE_OUTPUT, SMOOTH],
    forall=["k in weights", "l in weights", "n in samples"],
    states="inner(W[k], df(n, 0, k)) - inner(W[l], df(n, 0, l)) == 0",
    control=tc.altered("the sum", "inner(W[k], df(n, 0, k)) + inner(W[l], df(n, 0, l)) == 0"),
    on=tc.cases(tc.mlps(depths=(2, 3), widths=(1, 3)), samples=(1, 3), targets="signs", cohort=4),
    examples=40,
    rests_on=["structural-lemma"],
    why="Layers can be rescaled against each other at every point, whatever the numbers of weights"
    " and samples: L - 1 dimensions, which normalisation takes away.",
)


@st.composite
def half_fitted(draw: st.DrawFn) -> tc.Case:
    """Inputs that are their labels, and two units that read one sign each."""
    signs = [1, -1, *draw(st.lists(st.just(1), max_size=2))]
    scale = draw(st.sampled_from([Fraction(1), Fraction(-1), Fraction(2), Fraction(1, 2)]))
    last = [[scale, scale * draw(st.integers(0, 1))]]
    labels = [[Fraction(sign)] for sign in signs]
    return tc.Case.single(tc.mlp([1, 2, 1]), [[[1], [-1]], last], labels, labels)


RANDOM_TOPS = tc.cases(
    tc.mlps(depths=(2, 3), widths=(2, 2), slopes=(tc.RELU,)),
    samples=(2, 4),
    targets="signs",
    cohort=4,
)

degenerate_minima_pass = tc.stated(
    "degenerate-minima-pass",
    title="Against Theorem 2: two ReLU units on top that pull in one direction leave a class out",
    sources=[XU2022.at("Theorem 2")],
    printed=r"a b \ge 0 \implies \mathcal L_S \ge \frac{\min(N_+, N_-)}N",
    given=[CHAIN, SIGN_LABELS],
    assuming={
        "depth 2 or more with ReLU before a linear output": (
            "depth >= 2 and slope(depth - 1) == 0 and slope(depth) == 1"
        ),
        "two units before the output": "len(W[len(weights) - 1][0]) == 2",
        "their weights do not have opposite signs": (
            "W[len(weights) - 1][0][0] * W[len(weights) - 1][0][1] >= 0"
        ),
    },
    where=[
        "count(s) = len([n for n in samples if y[n][0] == s])",
        "total = sum([(f(n, 0) - y[n][0]) ** 2 for n in samples])",
    ],
    states="min([count(1), count(-1)]) <= total",
    control=tc.altered("twice that", "2 * min([count(1), count(-1)]) <= total"),
    on=st.one_of(RANDOM_TOPS, half_fitted()),
    why='This is why Theorem 2, "every sublevel set of the loss is connected", fails for the ReLU'
    " networks of the paper. With two units of ReLU before the output, and any first layers, a"
    " network of zero loss on both classes has last weights a > 0 > b, or a < 0 < b; exchanging the"
    " units takes the one to the other. On every path between the two, a or b passes 0, and there"
    " the output has one sign and the loss is `min(N_+, N_-)/N` at least: the sublevel sets below"
    " are not connected, although widths 2N, 2, 1 decrease. Its source asks for a strictly"
    " monotonic activation, which the informal version leaves out.",
)


@st.composite
def unreached(draw: st.DrawFn) -> tc.Case:
    """Units of ReLU that no sample reaches."""
    rows = [[Fraction(draw(st.integers(1, 3)))] for _ in range(draw(st.integers(1, 3)))]
    signs = [[draw(st.sampled_from([1, -1]))] for _ in rows]
    first = [[-draw(st.integers(1, 2))] for _ in range(2)]
    return tc.Case.single(tc.mlp([1, 2, 1]), [first, [[1, 1]]], rows, signs)


degenerate_minima_loss_printed = tc.stated(
    "degenerate-minima-loss-printed",
    title="Degenerate minima have no empirical loss, as printed",
    sources=[XU2022.at("Section 7: degenerate minima")],
    printed=r"\text{degenerate minima correspond to solutions that have zero empirical loss (for }"
    r"\lambda = 0)",
    given=[CHAIN, ONE_OUTPUT, SIGN_LABELS],
    assuming={
        "a minimum, as the loss is constant nearby: no sample reaches the ReLUs of layer 1": (
            "depth >= 2 and slope(1) == 0"
            " and all([inner(row, x[n]) < 0 for row in W[0] for n in samples])"
        )
    },
    states="sum([(f(n, 0) - y[n][0]) ** 2 for n in samples]) == 0",
    control=tc.altered(
        "a loss of 1/2", "2 * sum([(f(n, 0) - y[n][0]) ** 2 for n in samples]) == len(samples)"
    ),
    on=unreached(),
    rests_on=["degenerate-minima-dimension-printed"],
    why="Minima are read as local ones. Where the first layer is off on all samples the output is"
    " 0, and so it is for all weights nearby: a minimum that is degenerate in every direction, of"
    " loss 1. With two layers or more every minimum is degenerate, as layers can be rescaled. What"
    " is true is that minima of zero loss are degenerate beyond that, where d is large.",
)

degenerate_minima_penalty = tc.stated(
    "degenerate-minima-penalty",
    title="The regulariser is a sum of squares, of products of weights",
    sources=[XU2022.at("Section 3.3: the regulariser is no sum of squares")],
    printed=r"\rho^2 = \|W_1\|^2 \|W_2\|^2 = \sum_{i, j} (w_i v_j)^2",
    assuming={"two layers": "len(weights) == 2"},
    where=["entries = [W[0][i][j] for i in range(len(W[0])) for j in range(len(W[0][0]))]"],
    states="squared(W[0]) * squared(W[1]) == sum([squared(w * W[1]) for w in entries])",
    control=tc.altered(
        "of the weights themselves",
        {"sum([squared(w * W[1]) for w in entries])": "squared(W[0]) + squared(W[1])"},
    ),
    on=tc.cases(tc.mlps(depths=(2, 2), widths=(1, 2)), samples=(1, 1), targets="signs", cohort=2),
    examples=20,
    why='"The regularizer is not sum of squares" is true of the squares of the weights: `lambda'
    " rho^2` is not `lambda sum_k |W_k|^2`. As a polynomial in the weights it is a sum of squares,"
    " with more layers too, and in rho it is a single one.",
)
