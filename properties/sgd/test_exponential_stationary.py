"""Stationary points of the normalised flow with the exponential loss: galanti2022, Appendix E.

``f`` is the network with weight matrices of norm 1, rho a number.
"""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import AUTOGRAD_AT_KINKS, CHAIN, SIGN_LABELS, UNIT_WEIGHTS
from properties.notation import ENTRIES, MARGIN
from properties.papers import GALANTI2022

EQUATION_26 = (
    r"\sum_{n}^{B} e^{-\rho y_n \hat f_n} y_n \Big( \frac{\partial \hat f_n}{\partial V_k} -"
    r" V_k \hat f_n \Big) = 0"
)
EQUAL_MARGINS = tc.Assumption(
    "all y_n f_n are equal, so that the exponentials cancel, for every rho",
    "all([margin(n) == margin(0) for n in samples])",
)
STATIONARY_ON_BATCH = tc.Assumption(
    "Eq. 26 for every layer, the batch being all samples",
    "all([zero(sum([y[n][0] * (df(n, 0, l) - f(n, 0) * W[l]) for n in samples]))"
    " for l in weights])",
)
AT_REST = [
    CHAIN,
    UNIT_WEIGHTS,
    SIGN_LABELS,
    AUTOGRAD_AT_KINKS,
    EQUAL_MARGINS,
    STATIONARY_ON_BATCH,
    tc.Assumption("some output is not 0", "f(0, 0) != 0"),
]
ZERO = Fraction(0)
DIRECTIONS = [
    (Fraction(1), ZERO, ZERO, ZERO),
    (Fraction(-3, 5), Fraction(4, 5), ZERO, ZERO),
    (Fraction(-3, 5), Fraction(-4, 5), ZERO, ZERO),
]
"""Unit vectors with negative inner products; matrices on them could have a rank of 4."""


@st.composite
def separate_units(draw: st.DrawFn) -> tc.Case:
    """Every sample has units of its own, which are dead at the others; all margins are equal.

    Rows of V_1 are ``+-1/r`` times the directions and the last layer holds the same numbers, with
    ``r^2`` units divided evenly among the samples.
    """
    samples, root = draw(st.sampled_from([(1, 1), (1, 2), (2, 2), (3, 3)]))
    chosen = draw(st.permutations(DIRECTIONS))[:samples]
    signs = draw(st.lists(st.sampled_from([1, -1]), min_size=samples, max_size=samples))
    length, share = draw(tc.positive_dyadics()), Fraction(1, root)
    owners = [n for n in range(samples) for _ in range(root**2 // samples)]
    return tc.Case.single(
        tc.mlp([4, len(owners), 1], tc.RELU),
        [[[share * c for c in chosen[n]] for n in owners], [[share * signs[n] for n in owners]]],
        [[length * c for c in direction] for direction in chosen],
        [[sign] for sign in signs],
    )


exponential_stationary_projection = tc.stated(
    "exponential-stationary-projection",
    title="Eq. 26 is the gradient of the loss, projected on the sphere",
    sources=[GALANTI2022.at("Eq. 26")],
    printed=r"\sum_n c_n \Big( \frac{\partial \hat f_n}{\partial V_k} - V_k \hat f_n \Big) ="
    r" G - V_k \langle V_k, G \rangle, \qquad"
    r" G = \sum_n c_n \frac{\partial \hat f_n}{\partial V_k}",
    given=[
        CHAIN,
        AUTOGRAD_AT_KINKS,
        tc.Convention("any numbers c_n, here the targets, stand for y_n exp(-rho y_n f_n)"),
    ],
    forall=ENTRIES,
    states="left(k)[i][j] == G(k)[i][j] - inner(W[k], G(k)) * W[k][i][j]",
    control=tc.altered("without the projection", "left(k)[i][j] == G(k)[i][j]"),
    where=[
        "left(k) = sum([y[n][0] * (df(n, 0, k) - f(n, 0) * W[k]) for n in samples])",
        "G(k) = sum([y[n][0] * df(n, 0, k) for n in samples])",
    ],
    on=tc.plain_cases(tc.mlps(depths=(1, 3), widths=(1, 3)), samples=(2, 3)),
    examples=60,
    why="By the structural lemma <V_k, G> is the sum of c_n f_n. Stationary points of the flow on"
    " the spheres are therefore where Eq. 26 holds, for the exponential loss and every other one.",
)

exponential_stationary_rank_one = tc.stated(
    "exponential-stationary-rank-one",
    title="Where Eq. 26 holds, the weight matrices have rank 1, as printed",
    sources=[GALANTI2022.at("Appendix E: rank one")],
    printed=EQUATION_26
    + r" \quad \text{shows a similar rank one constraint on the } V_k \text{ weight matrices}",
    given=AT_REST,
    forall=["k in weights"],
    states="rank(W[k]) <= 1",
    control=tc.altered("they have rank 0", "rank(W[k]) <= 0"),
    on=separate_units(),
    rests_on=["exponential-stationary-projection"],
    why="V_k is a sum of one matrix of rank 1 for each sample of the batch. Here two samples"
    " activate different units and have equal margins, so that the exponentials cancel and the"
    " point is stationary for every rho, with a matrix of rank 2. One sample, or a condition on"
    " every mini-batch, is needed for rank 1.",
    where=[MARGIN],
)

exponential_stationary_rank = tc.stated(
    "exponential-stationary-rank",
    title="Where Eq. 26 holds, the weight matrices have at most the rank of the batch size",
    sources=[GALANTI2022.at("Appendix E: rank one")],
    printed=EQUATION_26 + r" \ \Longrightarrow\ \operatorname{rank} V_k \le B",
    given=AT_REST,
    forall=["k in weights"],
    states="rank(W[k]) <= len(samples)",
    control=tc.altered("less than that", "rank(W[k]) <= len(samples) - 1"),
    where=[MARGIN],
    on=separate_units(),
    examples=60,
    corrects="exponential-stationary-rank-one",
    rests_on=["exponential-stationary-projection"],
    why="V_k times the sum of y_n f_n is a sum of B matrices of rank 1.",
)
