"""Weights of low rank and Rademacher complexity: xu2022, Theorem 7."""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CHAIN, DENSE, LINEAR_FIRST_LAYER, ONE_OUTPUT, UNIT_WEIGHTS
from properties.papers import XU2022

SQUARE = tc.Assumption(
    "L = 2, with linear outputs; V_1 has the dimensionality (n, n)",
    "depth == 2 and slope(2) == 1 and len(W[0]) == len(W[0][0])",
)
RANK = tc.Assumption("the rank of V_1 is at most r", "rank(W[0]) <= r")
BOUNDED_RANK = tc.Assumption("the rank of V_k is at most r", "rank(W[k]) <= r")

UNIT_NETWORKS = tc.normalised_cases(
    tc.mlps(depths=(2, 2), widths=(2, 2), slopes=(tc.RELU, tc.LINEAR)), samples=(1, 1)
)


@st.composite
def aligned_outer_products(draw: st.DrawFn) -> tc.Case:
    """``V_1 = u x^T / |x|`` and ``V_2 = u^T``: the output is ``|x|``, the most there is."""
    width = draw(st.integers(2, 4))
    unit = [Fraction(i == 0) for i in range(width)]
    slope = draw(st.sampled_from([tc.RELU, tc.LINEAR]))
    weights = [[[a * b for b in unit] for a in unit], [unit]]
    length = draw(st.integers(1, 3))
    return tc.Case.single(
        tc.mlp([width, width, 1], slope), weights, [[length * b for b in unit]], [[1]]
    )


low_rank_complexity_printed = tc.stated(
    "low-rank-complexity-printed",
    title="A weight matrix of rank r contributes (r/n)^1/2 to the complexity, as printed",
    sources=[XU2022.at("Theorem 7")],
    printed=r"\operatorname{rank} V_1 \le r < n \implies"
    r" \sup |f_V(x)| = \frac12 \mathcal R_{\{x\}} \le \sqrt{\frac rn} \, \|x\|",
    given=[CHAIN, DENSE, ONE_OUTPUT, UNIT_WEIGHTS, SQUARE, RANK],
    forall=["r in range(1, len(W[0]))"],
    states="len(W[0]) * f(0, 0) ** 2 <= r * squared(x[0])",
    control=tc.altered(
        "the factor is r/n", "len(W[0]) ** 2 * f(0, 0) ** 2 <= r ** 2 * squared(x[0])"
    ),
    on=st.one_of(UNIT_NETWORKS, aligned_outer_products()),
    why="The smallest case that decides: one sample, for which the empirical complexity, without"
    " the factor 2 of Definition 1, is the largest |f(x)|. Of all networks with Frobenius"
    " norms 1, which is how this paper normalises, it is |x|, and a V_1 of rank 1 attains it. So"
    " low rank by itself takes nothing off: `low-rank-complexity-rank-one`. The theorem is stated"
    ' without a definition of "contribution"; a reading under which it is true is'
    " `low-rank-complexity-spectral`.",
)

low_rank_complexity_spectral = tc.stated(
    "low-rank-complexity-spectral",
    title="A matrix of rank r has a Frobenius norm of at most sqrt(r) times its spectral norm",
    sources=[XU2022.at("Theorem 7")],
    printed=r"\operatorname{rank} V_k \le r \implies \|V_k\|_F \le \sqrt{r} \, \|V_k\|_2"
    r" \text{ (instead of } \sqrt{n} \, \|V_k\|_2 \text{)}",
    given=[CHAIN, DENSE, BOUNDED_RANK],
    forall=["k in weights", "r in range(1, 4)"],
    states="squared(W[k]) <= r * spectral(W[k]) ** 2",
    control=tc.altered("the rank is not bounded", without=[BOUNDED_RANK]),
    on=tc.cases(
        st.one_of(
            tc.mlps(depths=(1, 2), widths=(1, 3)),
            tc.mlps(depths=(2, 2), widths=(2, 3), outputs=(2, 3)),
        ),
        samples=(1, 1),
        cohort=1,
    ),
    examples=40,
    corrects="low-rank-complexity-printed",
    why="Bounds such as Eq. 16 have the Frobenius norm of every matrix as a factor. For matrices"
    " normalised by their spectral norm that factor is at most the square root of the rank, which"
    " is `(r/n)^1/2` of what it can be at full rank. Not so after normalisation by the Frobenius"
    " norm, where the factor is 1 at any rank.",
)

low_rank_complexity_rank_one = tc.stated(
    "low-rank-complexity-rank-one",
    title="What a linear network computes, one of rank at most 1 and no larger norm computes too",
    printed=r"V_1' = V_2^\top V_2 V_1:\quad V_2 V_1' x = V_2 V_1 x,\quad"
    r" \|V_1'\|_F^2 + \|V_1 - V_1'\|_F^2 = \|V_1\|_F^2",
    given=[CHAIN, DENSE, ONE_OUTPUT, UNIT_WEIGHTS, SQUARE, LINEAR_FIRST_LAYER],
    forall=["n in samples"],
    where=["flat = outer(W[1][0], W[1][0] @ W[0])"],
    states="squared(flat) + squared(W[0] - flat) == squared(W[0])"
    " and network([flat, W[1]], x)[n][0] == f(n, 0)",
    control=tc.altered("a norm of at most 1/2", "4 * squared(flat) <= squared(W[0])"),
    on=tc.normalised_cases(
        tc.mlps(depths=(2, 2), widths=(2, 3), slopes=(tc.LINEAR,)), samples=(1, 2)
    ),
    examples=60,
    why="The class of all linear networks of depth 2 with Frobenius norms of at most 1, and that of"
    " those whose V_1 has rank at most 1, are the same set of functions: their complexities are"
    " equal on all samples.",
)
