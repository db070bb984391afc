"""The rank as galanti2022 estimates it, Section 4.1: singular values above 1e-4 of the norm.

At most r of them exceed a threshold where the distance from rank r, in the spectral norm, is at
most that. By which norm a matrix is divided first the paper leaves open.
"""

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import WEIGHT_NOT_ZERO
from properties.papers import GALANTI2022

COUNTED = tc.Convention(
    "a singular value is counted if it exceeds 1e-4 of the norm by which the matrix is divided"
)
ESTIMATE = (
    r"\operatorname{rank}(W) \approx \#\big\{ i : \sigma_i(W / \|W\|) \notin [-10^{-4}, 10^{-4}]"
    r" \big\}"
)
CASES = tc.Family(
    where=["next(k, r) = 10000 * spectral_beyond(W[k], r)"],
    forall=["k in weights", "r in range(min([len(W[k]), len(W[k][0])]))"],
    examples=60,
)


@st.composite
def graded_matrices(draw: st.DrawFn) -> tc.Case:
    """One layer with singular values 1 and others about 1e-4: powers of 1/2, and nearer ones."""
    order = draw(st.integers(3, 4))
    large = draw(st.integers(1, order - 1))
    near = [1e-4 * times * (1 + by) for times in (1, 2, 0.5, 1.5) for by in (1e-3, -1e-3)]
    sizes = st.sampled_from([2.0**-13, 2.0**-12, 2.0**-14, 2.0**-15, *near])
    small = draw(st.lists(sizes, min_size=order, max_size=order))
    values = [1.0 if i < large else size for i, size in enumerate(small)]
    rows = draw(st.permutations(range(order)))
    weight = np.diag(values)[rows]
    return tc.Case(tc.mlp([order, order]), (weight[None],), np.eye(order)[None, :1])


MATRICES = st.one_of(
    graded_matrices(), tc.cases(tc.mlps(depths=(1, 1), widths=(1, 3), outputs=(1, 3)), cohort=1)
)

rank_estimate_norm = CASES.stated(
    "rank-estimate-norm",
    title="The estimate of the rank does not depend on the norm",
    printed=r"\#\big\{ i : \sigma_i(W) > 10^{-4} \|W\|_2 \big\} ="
    r" \#\big\{ i : \sigma_i(W) > 10^{-4} \|W\|_F \big\}",
    given=[COUNTED, WEIGHT_NOT_ZERO],
    states="next(k, r) <= spectral(W[k]) or next(k, r) > frobenius(W[k])",
    control=tc.altered(
        "spectral norm and half of it",
        "next(k, r) <= spectral(W[k]) / 2 or next(k, r) > spectral(W[k])",
    ),
    on=graded_matrices(),
    why="A question of our own: galanti2022, Section 4.1, says of a matrix"
    ' "we normalize it", and not by which norm. Divided by the Frobenius norm, a'
    " matrix of rank R has singular values smaller by up to sqrt(R): between 1e-4 and that many"
    " times it, a singular value counts under one reading and not under the other.",
)

rank_estimate_norms_ordered = CASES.stated(
    "rank-estimate-norms-ordered",
    title="Divided by the Frobenius norm, no more singular values are counted",
    sources=[GALANTI2022.at("Section 4.1: rank estimate")],
    printed=ESTIMATE,
    given=[COUNTED, WEIGHT_NOT_ZERO],
    assuming={"counted, divided by the Frobenius norm": "next(k, r) > frobenius(W[k])"},
    states="next(k, r) > spectral(W[k])",
    control=tc.altered(
        "counted, divided by the nuclear norm",
        "next(k, r) > nuclear(W[k])",
        on=graded_matrices(),
    ),
    on=MATRICES,
    why="The Frobenius norm is at least the spectral one. The estimates differ by the singular"
    " values in between (`rank-estimate-norm`), and order two recipes alike as long as none lies"
    " there.",
)

rank_estimate_below_rank = CASES.stated(
    "rank-estimate-below-rank",
    title="The estimate is at most the rank",
    kind="inequality",
    sources=[GALANTI2022.at("Section 4.1: rank estimate")],
    printed=ESTIMATE + r" \le \operatorname{rank}(W)",
    given=[COUNTED, WEIGHT_NOT_ZERO],
    assuming={"the estimate is more than r": "next(k, r) > spectral(W[k])"},
    states="rank(W[k]) >= r + 1",
    control=tc.altered("and is the rank", "rank(W[k]) == r + 1"),
    on=MATRICES,
    why="What is counted is not 0. The estimate says how many directions matter, not the rank,"
    " which is full for almost all trained matrices.",
)

rank_estimate_zero = tc.stated(
    "rank-estimate-zero",
    title="Networks that go to zero have an estimated rank of 0, as printed",
    sources=[GALANTI2022.at("Section 4.2: ranks are zero")],
    printed=r"W_t \to 0:\ \text{the averaged ranks for } \lambda = 10^{-4}, 10^{-3}"
    r" \text{ ... are zero}",
    given=[COUNTED, WEIGHT_NOT_ZERO],
    forall=["k in weights"],
    states="10000 * spectral_beyond(W[k], 0) <= frobenius(W[k])",
    control=tc.altered("divided by the nuclear norm", "10000 * spectral(W[k]) <= nuclear(W[k])"),
    on=MATRICES,
    why="Section 4.1 divides a matrix by its norm first, so that its size does not enter: of a"
    " matrix that is not exactly 0, the largest singular value is at least the norm over sqrt(rank)"
    " and is counted (`rank-estimate-at-least-one`). An average rank of 0 is either that of"
    " matrices which are exactly 0, where W / ||W|| has no value, or was taken without the"
    " division.",
)

rank_estimate_at_least_one = tc.stated(
    "rank-estimate-at-least-one",
    title="A matrix that is not 0 has an estimated rank of at least 1",
    sources=[GALANTI2022.at("Section 4.2: ranks are zero")],
    printed=r"W \ne 0:\quad \#\big\{ i : \sigma_i(W / \|W\|_F) > 10^{-4} \big\} \ge 1",
    given=[COUNTED, WEIGHT_NOT_ZERO],
    forall=["k in weights"],
    states="10000 * spectral(W[k]) > frobenius(W[k])",
    control=tc.altered("at least 2", "10000 * spectral_beyond(W[k], 1) > frobenius(W[k])"),
    on=MATRICES,
    examples=60,
    corrects="rank-estimate-zero",
    why="However small the matrix is, if it has fewer than 10^8 rows or columns.",
)
