"""The norm of an update of V_k: xu2022, Eq. 53, and what it says about the rank of V_k."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    CHAIN,
    CLASSIFIED,
    DENSE,
    IN_BALL,
    ONE_OUTPUT,
    ONE_SAMPLE,
    POSITIVE_RHO,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import on_a_line
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022
from properties.sgd.pulls import PULLS
from properties.unit_ball import in_ball_at_rest
from theorycheck.arithmetic import Point

POSITIVE_RESIDUALS = tc.Assumption(
    "1 - rho fbar_n > 0 for all n", "all([residual(n) > 0 for n in samples])"
)
POINTS = [CHAIN, UNIT_WEIGHTS, SIGN_LABELS, POSITIVE_RHO, AUTOGRAD_AT_KINKS]
SMALL_RHO = {"rho": st.sampled_from([Fraction(1, 8), Fraction(1, 16)])}


def separated(case: tc.Case) -> tc.Case:
    """The same inputs, with the labels that the network gives them."""
    signs = [1 if value >= 0 else -1 for value in Point.of(case).values]
    return replace(case, targets=np.array(signs, dtype=np.float64).reshape(1, -1, 1))


NETWORKS = tc.mlps(depths=(1, 3), widths=(1, 2), slopes=(tc.RELU, tc.LINEAR))
SQUARE = tc.mlps(depths=(3, 3), widths=(2, 2), slopes=(tc.RELU, tc.LINEAR))
"""Layers whose weights may be mistaken for their transposes, or those of the next one."""


def classified(
    samples: tuple[int, int],
    numbers: dict[str, st.SearchStrategy[Fraction]],
    networks: st.SearchStrategy[tc.Network] = NETWORKS,
) -> st.SearchStrategy[tc.Case]:
    return tc.normalised_cases(networks, samples=samples, numbers=numbers).map(separated)


NORMS = tc.Family(
    forall=["k in weights"],
    where=[
        *(definition for definition in PULLS if "pull_of_rho" not in definition),
        "velocity(k) = 2 * rho / len(samples) * sum([pull(n, k) for n in samples])",
        "with_margins(k) ="
        " sum([residual(n) * frobenius(dmargin(n, k) - margin(n) * W[k]) for n in samples])",
        "with_outputs(k) ="
        " sum([residual(n) * frobenius(dmargin(n, k) - f(n, 0) * W[k]) for n in samples])",
    ],
    examples=40,
)
BOUND = "frobenius(velocity(k)) {} {} * rho / len(samples) * {}(k)"

update_norm_printed = NORMS.stated(
    "update-norm-printed",
    title="The norm of dot V_k is the sum of the norms of its terms, as printed",
    sources=[XU2022.at("Eq. 53")],
    printed=r"\|\dot V_k\| = \frac{2\rho}{N} \sum_n \ell_n"
    r" \Big\| \frac{\partial \bar f_n}{\partial V_k} - \bar f_n V_k \Big\|",
    given=[*POINTS, IN_BALL, CLASSIFIED, POSITIVE_RESIDUALS],
    states=BOUND.format("==", 2, "with_margins"),
    control=tc.altered("half of it", BOUND.format("==", 1, "with_margins")),
    on=classified((1, 3), SMALL_RHO).map(in_ball_at_rest),
    rests_on=["normalised-flow", "update-norm-separability"],
    why="Eq. 10 has the norm of a sum. It is the sum of the norms only where all terms point in one"
    " direction. Two other slips of Eq. 53 are left out here: f_n for fbar_n"
    " (`update-norm-outputs`), and a sum over a batch B that is divided by N.",
)

update_norm_outputs = NORMS.stated(
    "update-norm-outputs",
    title="The norm of dot V_k for one sample, with the output in the place of the margin",
    sources=[XU2022.at("Eq. 53")],
    printed=r"N = 1:\ \|\dot V_k\| = 2\rho\, \ell_n"
    r" \Big\| \frac{\partial \bar f_n}{\partial V_k} - f_n V_k \Big\|",
    given=[*POINTS, IN_BALL, CLASSIFIED, POSITIVE_RESIDUALS, ONE_SAMPLE],
    states=BOUND.format("==", 2, "with_outputs"),
    control=tc.altered("half of it", BOUND.format("==", 1, "with_outputs")),
    on=classified((1, 1), SMALL_RHO).map(in_ball_at_rest),
    rests_on=["normalised-flow", "update-norm-separability"],
    why="With one sample there is nothing to be added, and the equation is false all the same for"
    " the label -1: `dfbar_n/dV_k` has the sign of the label, and the printed `f_n V_k` has not.",
)

update_norm_batch = NORMS.stated(
    "update-norm-batch",
    title="The norm of an update of V_k by one sample, divided by N as printed",
    sources=[XU2022.at("Eq. 53")],
    printed=r"\|\dot V_k\| = \frac{2\rho}{N} \sum_{n \in B} \ell_n"
    r" \Big\| \frac{\partial \bar f_n}{\partial V_k} - \bar f_n V_k \Big\|,\quad |B| = 1",
    given=[*POINTS, IN_BALL, CLASSIFIED, POSITIVE_RESIDUALS],
    states="2 * rho * frobenius(pull(0, k)) == 2 * rho / len(samples) * of_sample(0, k)",
    control=tc.altered("half of it", {"== 2 *": "=="}),
    on=classified((1, 3), SMALL_RHO).map(in_ball_at_rest),
    where=["of_sample(n, k) = residual(n) * frobenius(dmargin(n, k) - margin(n) * W[k])"],
    rests_on=["normalised-flow", "update-norm-separability"],
    why="The sum is printed over a batch, and divided by the number of all samples. The flow on a"
    " batch, Eq. 46, is divided by its own size; here it is one sample, where the triangle"
    " inequality is an equation.",
)

LINE = on_a_line([Fraction(1, 16), Fraction(1, 32), Fraction(3, 64)], aside=1)


def with_a_short_input(case: tc.Case) -> tc.Case:
    """The first sample hardly pulls."""
    inputs = case.inputs.copy()
    inputs[:, 0] = inputs[:, 0] / 256
    return replace(case, inputs=inputs)


update_norm = NORMS.stated(
    "update-norm",
    title="The norm of dot V_k is at most the sum of the norms of its terms",
    sources=[XU2022.at("Eq. 53")],
    printed=r"\|\dot V_k\| \le \frac{2\rho}{N} \sum_n \ell_n"
    r" \Big\| \frac{\partial \bar f_n}{\partial V_k} - \bar f_n V_k \Big\|",
    given=[*POINTS, CLASSIFIED, POSITIVE_RESIDUALS],
    states=BOUND.format("<=", 2, "with_margins"),
    control=tc.altered("half of it", BOUND.format("<=", 1, "with_margins")),
    on=st.one_of(
        classified((1, 3), SMALL_RHO),
        classified((1, 3), SMALL_RHO, SQUARE),
        st.one_of(LINE, LINE.map(with_a_short_input)),
    ),
    corrects="update-norm-printed",
    rests_on=["normalised-flow", "update-norm-separability"],
    why="The triangle inequality for Eq. 5. With one sample it is an equation.",
)


def with_decay_alone(case: tc.Case) -> tc.Case:
    """With a weight decay that is positive, and no rho."""
    return replace(case, numbers={"weight_decay": case.numbers["weight_decay"] or Fraction(1, 16)})


AT_EQUILIBRIUM = tc.Family(
    where=[
        MARGIN,
        MEAN_MARGIN,
        SECOND_MOMENT,
        "equilibrium(l) = mu / (M + l)",
        "residual(n) = 1 - equilibrium(weight_decay) * margin(n)",
    ],
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        POSITIVE_WEIGHT_DECAY,
        CLASSIFIED,
        tc.Convention("rho is at its equilibrium, mu / (M + lambda)"),
    ],
    on=st.one_of(on_a_line(), classified((1, 3), {"weight_decay": tc.positive_dyadics()})),
    examples=40,
)

update_norm_separability = AT_EQUILIBRIUM.stated(
    "update-norm-separability",
    title="Separability makes all residuals positive, as printed",
    sources=[XU2022.at("Section 6.1: separability and residuals")],
    printed=r"\bar f_n > 0 \;\forall n \implies \ell_n = 1 - \rho \bar f_n > 0 \;\forall n",
    given=[IN_BALL],
    forall=["n in samples"],
    states="0 < residual(n)",
    control=tc.altered("greater than 1/2", "1 / 2 < residual(n)"),
    on=on_a_line().map(with_decay_alone),
    why="Separability bounds no margin from above. Here rho is moreover at its equilibrium (Eq. 7):"
    " still, a sample whose margin is much larger than the others can be fitted beyond its label;"
    " this happens where its margin is above (M + lambda) / mu.",
)

update_norm_mean_residual = AT_EQUILIBRIUM.stated(
    "update-norm-mean-residual",
    title="At the equilibrium of rho, residuals weighted by margins have a positive mean",
    printed=r"\lambda > 0,\; \bar f_n > 0 \;\forall n,\; \rho = \frac{\mu}{M + \lambda} \implies"
    r" \frac1N \sum_n \ell_n \bar f_n > 0,\quad \ell_n = 1 - \rho \bar f_n",
    states="0 < sum([residual(n) * margin(n) for n in samples])",
    control=tc.altered(
        "of every sample by itself", {"sum": "min"}, on=on_a_line().map(with_decay_alone)
    ),
    corrects="update-norm-separability",
    rests_on=["rho-dynamics"],
    why="It is lambda rho: xu2022, Eq. 2, with `dot rho = 0`. Large margins count more, and so the"
    " plain mean of the residuals, the gap of Eq. 8, is positive too.",
)


@st.composite
def of_two_ranks(draw: st.DrawFn) -> tc.Case:
    """Three layers on one sample, the first of rank 2 and the second of rank 1, and rho at rest.

    All numbers are positive, but for an entry of the last layer, so that no unit is at its kink.
    """
    a, b, c = draw(st.sampled_from([(3, 4, 5), (5, 12, 13), (8, 15, 17), (4, 3, 5), (15, 8, 17)]))
    unit = [Fraction(a, c), Fraction(b, c)]
    square = [[unit[1], 0], [0, unit[0]]]
    flat = [[left * right for right in unit] for left in unit]
    last = draw(st.sampled_from([[Fraction(1), Fraction(0)], unit]))
    share = sum(left * right for left, right in zip(last, unit, strict=True))
    margin = share * (unit[0] + unit[1]) * unit[0] * unit[1]
    # With this rho the residual is 1 / (1 + margin), and rho is at rest.
    numbers = {"rho": 1 / (1 + margin), "weight_decay": margin}
    return tc.Case.single(tc.mlp([2, 2, 2, 1]), [square, flat, [last]], [unit], [[1]], numbers)


update_norm_rank_printed = NORMS.stated(
    "update-norm-rank-printed",
    title="The layer of the larger rank has the larger updates, as printed",
    sources=[XU2022.at("Section 6.1: updates reflect the rank")],
    printed=r"\text{the norm of the SGD updates at layer } k \text{ should reflects,"
    r" asymptotically, the rank of } V_k",
    given=[
        *POINTS,
        SMOOTH,
        IN_BALL,
        CLASSIFIED,
        POSITIVE_RESIDUALS,
        ONE_SAMPLE,
        tc.Assumption(
            "rho is at rest on the sample", "residual(0) * margin(0) == weight_decay * rho"
        ),
        tc.Assumption("layer l has a smaller rank than layer k", "rank(W[l]) < rank(W[k])"),
    ],
    forall=["k in hidden", "l in hidden"],
    where=["hidden = [m for m in weights if len(W[m]) > 1]"],
    states="squared(pull(0, l)) <= squared(pull(0, k))",
    control=tc.altered("the smaller updates", {"<=": ">="}),
    on=of_two_ranks(),
    rests_on=["update-norm-printed"],
    why="The layer of larger rank need have neither the larger nor the smaller updates. By the"
    " structural lemma the squared norm is, up to one factor for all layers, `|dfbar/dV_k|^2 -"
    " fbar^2`; the first term is the product of two squared norms, of the layer's input and of the"
    " derivative by its output, and both depend on the weights of the other layers. In the"
    " counterexample it is 288/625 for rank 1 and 225/625 for rank 2; with V_3 = (3/5, 4/5) it is"
    " 288/625 for rank 1 and 1 for rank 2. `update-norm-stable-rank` is what is left.",
)


@st.composite
def attained(draw: st.DrawFn, *, deep: bool = True) -> tc.Case:
    """``f(x) = e_1 . V_2 V_1 x``, both diagonal but for the order of units, one x along ``e_1``.

    Args:
        deep: V_2 is there, and another x.
    """
    triples = draw(st.permutations([(4, 3, 5), (24, 7, 25), (12, 5, 13), (15, 8, 17)]))
    first, second = (
        [[Fraction(larger, size), Fraction(0)], [Fraction(0), Fraction(smaller, size)]]
        for larger, smaller, size in triples[:2]
    )
    slope, turn = draw(st.sampled_from([tc.RELU, tc.LINEAR])), draw(st.sampled_from([1, -1]))
    norm = draw(st.sampled_from([1, 32, 2]))
    if not deep:
        weights = [first[::turn], [[1, 0][::turn]]]
        return tc.Case.single(tc.mlp([2, 2, 1], slope), weights, [[norm, 0]], [[1]])
    weights = [first[::turn], [row[::turn] for row in second], [[1, 0]]]
    inputs = [[norm, 0], [norm - 1, 1]]
    return tc.Case.single(tc.mlp([2, 2, 2, 1], slope), weights, inputs, [[1], [1]])


@st.composite
def attained_by_rotations(draw: st.DrawFn) -> tc.Case:
    """V_1 a multiple of a reflection or rotation, ``f(x) = e_1 . V_1 x``, x along its first row."""
    a, b, size = draw(st.sampled_from([(1, 1, 2), (41, 1, 58)]))
    turn = draw(st.sampled_from([1, -1]))
    first = [
        [Fraction(a, size), Fraction(b, size)],
        [Fraction(turn * b, size), Fraction(-turn * a, size)],
    ]
    return tc.Case.single(tc.mlp([2, 2, 1]), [first, [[1, 0]]], [[a, b], [b, a]], [[1], [1]])


update_norm_stable_rank = tc.stated(
    "update-norm-stable-rank",
    title="The pull of a sample at V_k is at least |f_n| times the root of the stable rank less 1",
    printed=r"\Big\| \frac{\partial \bar f_n}{\partial V_k} - \bar f_n V_k \Big\|"
    r" \ge |\bar f_n| \sqrt{\frac{\|V_k\|_F^2}{\|V_k\|_2^2} - 1}",
    given=[CHAIN, DENSE, ONE_OUTPUT, UNIT_WEIGHTS, AUTOGRAD_AT_KINKS],
    forall=["k in weights", "n in samples"],
    where=["tangential(n, k) = squared(df(n, 0, k) - f(n, 0) * W[k])"],
    states="f(n, 0) ** 2 * (1 - spectral(W[k]) ** 2) <= spectral(W[k]) ** 2 * tangential(n, k)",
    control=tc.altered(
        "the stable rank is not diminished by 1",
        "f(n, 0) ** 2 <= spectral(W[k]) ** 2 * tangential(n, k)",
    ),
    on=st.one_of(
        attained(),
        attained(deep=False),
        attained_by_rotations(),
        tc.normalised_cases(tc.mlps(depths=(2, 3), widths=(2, 2)), samples=(1, 3)),
    ),
    examples=48,
    corrects="update-norm-rank-printed",
    rests_on=["structural-lemma", "gradient-rank"],
    why='What is true of the sentence of xu2022, Section 6.1, that "the norm of the SGD updates at'
    ' layer k should reflects, asymptotically, the rank of V_k": `f_n = <V_k, df_n/dV_k>` and'
    " the gradient has rank 1, so that `|f_n| <= |V_k|_2 |df_n/dV_k|_F`; by the structural lemma"
    " the squared distance is `|df_n/dV_k|^2 - f_n^2`. The bound is attained. It is a lower bound:"
    " a layer of a smaller stable rank can feel the larger pull. It is about single samples: those"
    " of a batch can cancel.",
)
