"""Stationary points of the normalised flow with the exponential loss: galanti2022, Appendix E.

``f`` is the network with weight matrices of norm 1, rho a number.
"""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    DENSE,
    EQUAL_MARGINS,
    MINI_BATCHES,
    SIGN_LABELS,
    SOME_OUTPUT,
    UNIT_WEIGHTS,
)
from properties.notation import ENTRIES, MARGIN
from properties.papers import GALANTI2022

EQUATION_26 = (
    r"\sum_{n}^{B} e^{-\rho y_n \hat f_n} y_n \Big( \frac{\partial \hat f_n}{\partial V_k} -"
    r" V_k \hat f_n \Big) = 0"
)
ANY_FACTORS = tc.Convention("any numbers c_n, here the targets, stand for y_n exp(-rho y_n f_n)")
STATIONARY_ON_BATCH = tc.Assumption(
    "Eq. 26 for every layer, the batch being all samples",
    "all([zero(sum([y[n][0] * (df(n, 0, l) - f(n, 0) * W[l]) for n in samples]))"
    " for l in weights])",
)
STATIONARY_ON_BATCHES = tc.Assumption(
    "Eq. 26 for every layer, on every batch of size B",
    "all([zero(sum([y[n][0] * (df(n, 0, l) - f(n, 0) * W[l]) for n in S]))"
    " for S in batches(batch_size) for l in weights])",
)
SUM_NOT_ZERO = tc.Assumption(
    "the sum of the c_n f_n is not 0", "sum([y[n][0] * f(n, 0) for n in samples]) != 0"
)
PRINTED = [
    CHAIN,
    DENSE,
    UNIT_WEIGHTS,
    SIGN_LABELS,
    AUTOGRAD_AT_KINKS,
    EQUAL_MARGINS,
    STATIONARY_ON_BATCH,
]
FACTORS = [CHAIN, DENSE, AUTOGRAD_AT_KINKS, ANY_FACTORS]
ZERO = Fraction(0)
DIRECTIONS = [
    (Fraction(1), ZERO, ZERO, ZERO),
    (Fraction(-3, 5), Fraction(4, 5), ZERO, ZERO),
    (Fraction(-3, 5), Fraction(-4, 5), ZERO, ZERO),
]
"""Unit vectors with negative inner products; matrices on them could have a rank of 4."""
PAIRS = [(Fraction(1), ZERO), (ZERO, Fraction(1)), (Fraction(3, 5), Fraction(4, 5))]
DIAGONALS = [PAIRS[2], tuple(Fraction(n, 3) for n in (2, 2, 1)), (Fraction(1, 2),) * 4]
"""Of full rank and norm 1."""


@st.composite
def separate_units(draw: st.DrawFn, *, equal: bool = True) -> tc.Case:
    """Every sample has units of its own, which are dead at the others.

    Rows of V_1 are ``+-1/r`` times the directions and the last layer holds the same numbers, with
    ``r^2`` units divided evenly among the samples. Inputs have ``equal`` lengths, and so have the
    margins one size; or lengths of their own, and factors c_n that make up for them.
    """
    samples, root = draw(st.sampled_from([(1, 1), (1, 2), (2, 2), (3, 3)]))
    chosen = draw(st.permutations(DIRECTIONS))[:samples]
    signs = draw(st.lists(st.sampled_from([1, -1]), min_size=samples, max_size=samples))
    first, share = draw(tc.positive_dyadics()), Fraction(1, root)
    lengths = [first if equal else draw(tc.positive_dyadics()) for _ in range(samples)]
    total = first if equal else draw(st.sampled_from([1, -1])) * first
    owners = [n for n in range(samples) for _ in range(root**2 // samples)]
    return tc.Case.single(
        tc.mlp([4, len(owners), 1], tc.RELU),
        [[[share * c for c in chosen[n]] for n in owners], [[share * signs[n] for n in owners]]],
        [[length * c for c in chosen[n]] for n, length in enumerate(lengths)],
        [[sign * total / length] for sign, length in zip(signs, lengths, strict=True)],
        {"batch_size": Fraction(samples)},
    )


@st.composite
def dead_diagonals(draw: st.DrawFn) -> tc.Case:
    """The first layer has full rank, more than there are samples, and is dead at all of them."""
    diagonal = draw(st.sampled_from(DIAGONALS))
    width, samples = len(diagonal), draw(st.integers(1, len(diagonal) - 1))
    rows = [[diagonal[i] if i == j else ZERO for j in range(width)] for i in range(width)]
    entries = st.lists(st.integers(-3, -1), min_size=width, max_size=width)
    inputs = [draw(entries) for _ in range(samples)]
    labels = [[draw(st.sampled_from([1, -1]))] for _ in inputs]
    return tc.Case.single(tc.mlp([width, width, 1], tc.RELU), [rows, [diagonal]], inputs, labels)


@st.composite
def collinear_inputs(draw: st.DrawFn) -> tc.Case:
    """Matrices ``a b'`` with unit vectors, on inputs along the first of them."""
    units = [draw(st.sampled_from(PAIRS)) for _ in range(draw(st.integers(1, 3)))]
    steps = zip(units, [*units[1:], (Fraction(draw(st.sampled_from([1, -1]))),)], strict=True)
    weights = [[[a * b for b in source] for a in target] for source, target in steps]
    samples = draw(st.integers(2, 3))
    slope = draw(st.sampled_from([tc.RELU, tc.LINEAR]))
    lengths = [Fraction(1), *(Fraction(draw(st.integers(-2, 3))) for _ in range(1, samples))]
    return tc.Case.single(
        tc.mlp([2] * len(units) + [1], slope),
        weights,
        [[length * c for c in units[0]] for length in lengths],
        [[draw(st.sampled_from([1, -1])) * draw(tc.positive_dyadics())] for _ in lengths],
        {"batch_size": Fraction(draw(st.integers(1, samples - 1)))},
    )


exponential_stationary_projection = tc.stated(
    "exponential-stationary-projection",
    title="Eq. 26 is the gradient of the loss, projected on the sphere",
    sources=[GALANTI2022.at("Eq. 26")],
    printed=r"\sum_n c_n \Big( \frac{\partial \hat f_n}{\partial V_k} - V_k \hat f_n \Big) ="
    r" G - V_k \langle V_k, G \rangle, \qquad"
    r" G = \sum_n c_n \frac{\partial \hat f_n}{\partial V_k}",
    given=[CHAIN, AUTOGRAD_AT_KINKS, ANY_FACTORS],
    forall=ENTRIES,
    states="left(k)[i][j] == G(k)[i][j] - inner(W[k], G(k)) * W[k][i][j]",
    control=tc.altered("without the projection", "left(k)[i][j] == G(k)[i][j]"),
    where=[
        "left(k) = sum([y[n][0] * (df(n, 0, k) - f(n, 0) * W[k]) for n in samples])",
        "G(k) = sum([y[n][0] * df(n, 0, k) for n in samples])",
    ],
    on=tc.plain_cases(tc.mlps(depths=(1, 3), widths=(1, 3)), samples=(2, 3)),
    examples=60,
    rests_on=["structural-lemma"],
    why="By `structural-lemma` <V_k, G> is the sum of c_n f_n. Stationary points of the flow on the"
    " spheres are therefore where Eq. 26 holds, for the exponential loss and every other one.",
)

exponential_stationary_rank_one = tc.stated(
    "exponential-stationary-rank-one",
    title="Where Eq. 26 holds for one batch alone, the weight matrices have rank 1",
    sources=[GALANTI2022.at("Appendix E: rank one")],
    printed=EQUATION_26
    + r" \quad \text{shows a similar rank one constraint on the } V_k \text{ weight matrices}",
    given=[*PRINTED, SOME_OUTPUT],
    forall=["k in weights"],
    states="rank(W[k]) <= 1",
    control=tc.altered("they have rank 0", "rank(W[k]) <= 0"),
    on=separate_units(),
    rests_on=["exponential-stationary-projection", "gradient-rank"],
    why="Our reading: for one batch alone, as the sum over its B samples may be understood; V_k is"
    " then a sum of one matrix of rank 1 for each of them. Here two samples activate different"
    " units and have equal margins, so that the exponentials cancel and the point is stationary for"
    " every rho, with a matrix of rank 2. Read as Section 3.1 reads SGD, of every mini-batch, the"
    " text is right (`exponential-stationary-every-batch`).",
    where=[MARGIN],
)

exponential_stationary_every_batch = tc.stated(
    "exponential-stationary-every-batch",
    title="Where Eq. 26 holds on every mini-batch, the weight matrices have rank 1",
    sources=[GALANTI2022.at("Eq. 26, Appendix E: rank one")],
    printed=r"\text{Eq. 26 on every batch of size } B < m \ \Longrightarrow"
    r" \frac{\partial \hat f_n}{\partial V_k} = V_k \hat f_n \ \forall n, \qquad"
    r" \operatorname{rank} V_k = 1",
    given=[
        CHAIN,
        DENSE,
        AUTOGRAD_AT_KINKS,
        ANY_FACTORS,
        MINI_BATCHES,
        STATIONARY_ON_BATCHES,
        SOME_OUTPUT,
    ],
    assuming={"no c_n is 0, as exponentials are not": "all([y[n][0] != 0 for n in samples])"},
    forall=["k in weights", "n in samples"],
    states="squared(df(n, 0, k) - f(n, 0) * W[k]) == 0 and rank(W[k]) == 1",
    control=tc.altered(
        "on all samples together",
        without=[MINI_BATCHES],
        on=separate_units(equal=False),
    ),
    on=collinear_inputs(),
    examples=60,
    corrects="exponential-stationary-rank-one",
    rests_on=["gradient-rank"],
    why="B is the size of the minibatches. Exchanging one sample shows that the terms of the sum"
    " are one matrix for all samples, and B times it is 0, as in Eq. 7-9. No exponential is 0, so"
    " that df_n = V_k f_n, and the left side has rank at most 1. It is not 0 where f_n is not.",
)

exponential_stationary_rank = tc.stated(
    "exponential-stationary-rank",
    title="Where Eq. 26 holds for one batch, the rank is at most the batch size",
    sources=[GALANTI2022.at("Appendix E: rank one")],
    printed=r"\sum_n^B c_n \Big( \frac{\partial \hat f_n}{\partial V_k} - V_k \hat f_n \Big) ="
    r" 0, \quad \sum_n^B c_n \hat f_n \ne 0 \ \Longrightarrow\ \operatorname{rank} V_k \le B",
    given=[*FACTORS, STATIONARY_ON_BATCH, SUM_NOT_ZERO],
    forall=["k in weights"],
    states="rank(W[k]) <= len(samples)",
    control=tc.altered(
        "the sum of the c_n f_n may be 0", without=[SUM_NOT_ZERO], on=dead_diagonals()
    ),
    on=separate_units(equal=False),
    examples=60,
    corrects="exponential-stationary-rank-one",
    rests_on=["gradient-rank"],
    why="V_k times the sum of the c_n f_n is a sum of B matrices of rank 1. With the exponentials"
    " the hypothesis is met as soon as no sample of the batch is misclassified and some output is"
    " not 0. It is needed: where all units are dead at all samples, the control, Eq. 26 says"
    " nothing of V_1, which can be any matrix.",
)
