"""Empirical Rademacher complexities, over all signs: xu2022, Definition 1, Eq. 20 and Eq. 22."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CHAIN, IN_BALL, LINEAR_OUTPUT, ONE_OUTPUT, RELU_NETWORK
from properties.generalisation.signs import LINE, NO_NETWORK, ON_A_LINE, SIGNS
from properties.papers import XU2022

SMALL_NETWORKS = tc.cases(tc.mlps(depths=(1, 3), widths=(1, 2)), samples=(1, 3), cohort=4)
OF_ONE = (
    *SIGNS,
    "mean = sum([abs(sum([sign(S, n) * f(n, 0) for n in samples])) for S in subsets])"
    " / len(subsets)",
)
"""The mean, over all signs, of the absolute value of the signed sum of outputs: the class {f_W}."""

rademacher_complexity_definitions_printed = tc.stated(
    "rademacher-complexity-definitions-printed",
    title="Definition 1 and Eq. 20 define one Rademacher complexity, as printed",
    sources=[XU2022.at("Definition 1, Eq. 20")],
    printed=r"\frac2m \mathbb E_\sigma \Big[\sup_h \Big|\sum_i \sigma_i h(x_i)\Big|\Big]"
    r" = \mathbb E_\epsilon \sup_h \Big|\frac1m \sum_i \epsilon_i h(x_i)\Big|",
    given=[CHAIN, ONE_OUTPUT],
    where=OF_ONE,
    states="2 / len(samples) * mean == mean / len(samples)",
    control=tc.altered("a factor 4", "4 / len(samples) * mean == mean / len(samples)"),
    on=SMALL_NETWORKS,
    why="Two definitions that differ by a factor 2, for every class, here that of one network. So"
    " Eq. 19, with `2^L`, is Eq. 22, with `2^(L-1)`, in terms of Definition 1; Eq. 23 has the"
    " factor of Eq. 22.",
)

rademacher_complexity_definitions = tc.stated(
    "rademacher-complexity-definitions",
    title="The complexity of Definition 1 is twice that of Eq. 20",
    sources=[XU2022.at("Definition 1, Eq. 20")],
    printed=r"\frac2m \mathbb E_\sigma \Big[\sup_h \Big|\sum_i \sigma_i h(x_i)\Big|\Big]"
    r" = 2\,\mathbb E_\epsilon \sup_h \Big|\frac1m \sum_i \epsilon_i h(x_i)\Big|",
    given=[CHAIN, ONE_OUTPUT],
    where=[
        *OF_ONE,
        "inside = sum([abs(sum([sign(S, n) * f(n, 0) / len(samples) for n in samples]))"
        " for S in subsets]) / len(subsets)",
    ],
    states="2 / len(samples) * mean == 2 * inside",
    control=tc.altered("they are equal", {"== 2 *": "=="}),
    on=SMALL_NETWORKS,
    examples=40,
    corrects="rademacher-complexity-definitions-printed",
    why="Theorem 3.3 of the paper's reference [50] has the complexity without the factor 2 and"
    " without the absolute value; with the one of Definition 1, the factor 2 of Eq. 12 counts"
    " twice. That makes the bound larger than it need be, and not wrong.",
)


def on_lines(least: int, most: int) -> st.SearchStrategy[tc.Case]:
    """ReLU networks on multiples of the first unit vector."""
    networks = tc.mlps(depths=(2, 3), widths=(1, 2), slopes=(tc.RELU,))
    drawn = tc.cases(networks, samples=(least, most), cohort=4)
    return drawn.map(
        lambda case: replace(case, inputs=case.inputs * np.eye(1, case.inputs.shape[-1]))
    )


def without_zeros(case: tc.Case) -> tc.Case:
    """No weight is 0, and all inputs have one sign."""
    sign = 1 if case.inputs.flat[0] > 0 else -1
    inputs = sign * abs(case.inputs)
    inputs[..., 0] += sign
    parameters = tuple(np.where(p == 0, sign, p) for p in case.parameters)
    return replace(case, inputs=inputs, parameters=parameters)


rademacher_complexity_line = tc.stated(
    "rademacher-complexity-line",
    title="On collinear inputs, signed sums of a ReLU network are bounded by those of one sign of"
    " inputs",
    printed=r"\Big|\sum_n \sigma_n f_W(x_n)\Big| \le \prod_k \|W_k\| \max\Big(\Big|\sum_{x_n > 0}"
    r" \sigma_n x_n\Big|, \Big|\sum_{x_n < 0} \sigma_n x_n\Big|\Big)",
    given=[
        CHAIN,
        RELU_NETWORK,
        ONE_OUTPUT,
        LINEAR_OUTPUT,
        ON_A_LINE,
    ],
    forall=["S in [S for B in range(len(samples) + 1) for S in batches(B)]"],
    where=LINE[1:],
    states="sum([sign(S, n) * f(n, 0) for n in samples]) ** 2"
    " <= product([squared(W[k]) for k in weights]) * larger(S) ** 2",
    control=tc.altered("half of it", {"sum": "2 * sum"}),
    on=on_lines(1, 3) | on_lines(2, 2).map(without_zeros),
    examples=60,
    why="On collinear inputs the network is `a x` for positive and `b |x|` for negative inputs, and"
    " `|a| + |b|` is at most the product of the norms: what reads inputs of one sign does not read"
    " the others. A network with one open unit attains the bound, which therefore is the supremum"
    " over the class F of xu2022, Theorem 3, and exact complexities follow.",
)


rademacher_complexity_depth = tc.stated(
    "rademacher-complexity-depth",
    title="On collinear inputs, ReLU networks of every depth have the complexity of linear"
    " functions",
    printed=r"\mathbb E_\sigma \max\Big(\Big|\sum_{x_n > 0} \sigma_n x_n\Big|, \Big|\sum_{x_n < 0}"
    r" \sigma_n x_n\Big|\Big) = \mathbb E_\sigma \Big|\sum_n \sigma_n x_n\Big|",
    given=[ON_A_LINE],
    where=LINE,
    states="sum([larger(S) for S in subsets])"
    " == sum([abs(sum([sign(S, n) * x[n][0] for n in samples])) for S in subsets])",
    control=tc.altered(
        "positive inputs alone",
        "sum([larger(S) for S in subsets]) == sum([abs(above(S)) for S in subsets])",
    ),
    on=tc.cases(NO_NETWORK, samples=(1, 4), cohort=4),
    examples=40,
    rests_on=["rademacher-complexity-line"],
    why="The left side is the complexity for depth 2 and more, by `rademacher-complexity-line`, up"
    " to the factor of N; the right side that for depth 1. The mean of |a + b| and |a - b| is the"
    " larger of |a| and |b|. So no factor for the depth is needed there: the `sqrt(L)` of xu2022,"
    " Eq. 16, and for trees, by `binary-tree-line`, the `2^(L-1)` of Eq. 22 in the proof of Theorem"
    " 4, are what the proofs cost.",
)

MEAN_ON_LINE = "complexity = sum([2 / len(samples) * larger(S) for S in subsets]) / len(subsets)"

ONE = Fraction(1)
LINES = tc.cases(
    NO_NETWORK,
    samples=(1, 4),
    numbers={"layers": tc.positive_dyadics(largest=4, exponents=(0,))},
    cohort=1,
).map(lambda case: replace(case, inputs=case.inputs / 3))

rademacher_complexity_frobenius = tc.stated(
    "rademacher-complexity-frobenius",
    title="The bound on the complexity of normalised networks, for collinear inputs",
    sources=[XU2022.at("Section 4.1: bound on the Rademacher complexity")],
    printed=r"\mathcal R_S(\mathbb F) \le \frac{2}{\sqrt N} < \frac{2.17}{\sqrt N}"
    r" \le \frac{\sqrt{2 \log(2) L} + 1}{\sqrt N}",
    given=[ON_A_LINE, IN_BALL],
    assuming={"L is 1 or more": "layers >= 1"},
    where=[*LINE, MEAN_ON_LINE],
    states="complexity <= 2 / root(len(samples)) and 217 / 100 <= root(2 * log(2) * layers) + 1",
    control=tc.altered("a tenth less", {"<= 2 /": "<= 9 / 10 * 2 /"}),
    numbers=["layers"],
    on=LINES | LINES.map(lambda c: replace(c, inputs=np.sign(c.inputs), numbers={"layers": ONE})),
    examples=60,
    rests_on=["rademacher-complexity-depth"],
    why="As cited from Golowich et al., who have the complexity without the factor 2 of Definition"
    " 1: with it, the cited theorem gives twice the right side. On collinear inputs the exact"
    " complexity, `rademacher-complexity-depth`, is at most `2 / sqrt(N)`, and so the printed bound"
    " is true there, with 0.92 of it reached by one sample for L = 1; elsewhere it is not shown.",
)

rademacher_complexity_jensen = tc.stated(
    "rademacher-complexity-jensen",
    title="The mean norm of a signed sum is at most the root of the sum of squares",
    sources=[XU2022.at("Eq. 22")],
    printed=r"\mathbb E_\epsilon \Big\|\sum_i \epsilon_i x_i\Big\|"
    r" \le \sqrt{\sum_i \|x_i\|^2}",
    given=[],
    where=SIGNS,
    states="sum([root(squared(sum([sign(S, n) * x[n] for n in samples]))) for S in subsets])"
    " / len(subsets) <= root(sum([squared(x[n]) for n in samples]))",
    control=tc.altered("three quarters of it", {"<=": "<= 3 / 4 *"}),
    on=tc.cases(tc.mlps(depths=(1, 1), widths=(1, 3)), samples=(1, 3), cohort=1),
    examples=60,
    why="The last step of Eq. 22: the mean of a norm is at most the root of the mean of its square,"
    " in which all mixed terms cancel.",
)

rademacher_complexity_coordinates = tc.stated(
    "rademacher-complexity-coordinates",
    title="Peeled sums over coordinates are the squared norm of the signed sum",
    sources=[XU2022.at("Eq. 22")],
    printed=r"\sum_{j=1}^d \Big\|\sum_i \epsilon_i x_{ij}\Big\|^2"
    r" = \Big\|\sum_i \epsilon_i x_i\Big\|^2",
    given=[],
    forall=["S in [S for B in range(len(samples) + 1) for S in batches(B)]"],
    where=SIGNS[1:],
    states="sum([sum([sign(S, n) * x[n][j] for n in samples]) ** 2 for j in range(len(x[0]))])"
    " == squared(sum([sign(S, n) * x[n] for n in samples]))",
    control=tc.altered(
        "squares before the sum",
        "sum([sum([x[n][j] ** 2 for n in samples]) for j in range(len(x[0]))])"
        " == squared(sum([sign(S, n) * x[n] for n in samples]))",
    ),
    on=tc.cases(tc.mlps(depths=(1, 1), widths=(1, 3)), samples=(1, 3), cohort=4),
    examples=40,
    why="The equality of the first two lines of Eq. 22: Pythagoras.",
)
