"""When rho grows and when it falls: xu2022, Section 3.5 and Figure 2."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    CLASSIFIED,
    DENSE,
    IN_BALL,
    LINEAR_CLASSIFIER,
    NO_WEIGHT_DECAY,
    ONE_SAMPLE,
    OUTPUT_NEAR_ZERO,
    POSITIVE_RHO,
    POSITIVE_WEIGHT_DECAY,
    RHO_NEAR_ZERO,
    SHORTENING,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import (
    AVERAGED_FLOW,
    MEAN_LOSS,
    RHO_DOT,
    at_rest_in_rho,
    interpolating,
    on_a_line,
    points,
)
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022
from properties.unit_ball import in_ball_with_positive_rho

RHO_MOMENTS = (MARGIN, MEAN_MARGIN, SECOND_MOMENT, MEAN_LOSS, RHO_DOT)
SMALL_NETWORKS = tc.mlps(depths=(1, 3), widths=(1, 3))


@st.composite
def nearly_growing(draw: st.DrawFn) -> tc.Case:
    """A sample nearly across V, and a lambda rho below the margin, by too little or by enough."""
    margin = Fraction(draw(st.integers(1, 3)), 32)
    rho = Fraction(1, draw(st.sampled_from([32, 64, 256])))
    gap = margin**2 * draw(st.sampled_from([Fraction(1, 2), Fraction(2)]))
    numbers = {"rho": rho, "weight_decay": margin / rho - gap}
    rows = [[margin, Fraction(7, 8)]]
    return tc.Case.single(tc.mlp([2, 1]), [[[1, 0]]], rows, [[1]], numbers)


PERTURBATION = tc.Family(
    sources=[XU2022.at("Section 3.5: growth after a perturbation")],
    given=[CHAIN, SIGN_LABELS, POSITIVE_WEIGHT_DECAY],
    where=RHO_MOMENTS,
    states="rho_dot(rho) > 0",
)

rho_growth_perturbation_printed = PERTURBATION.stated(
    "rho-growth-perturbation-printed",
    title="rho grows from a small perturbation where mu > lambda rho > 0, as printed",
    printed=r"\mu > \lambda\rho > 0 \implies \dot\rho > 0",
    given=[LINEAR_CLASSIFIER, UNIT_WEIGHTS, ONE_SAMPLE, IN_BALL, RHO_NEAR_ZERO, OUTPUT_NEAR_ZERO],
    assuming={"mu > lambda rho": "mu > weight_decay * rho"},
    control=tc.altered("rho falls", "rho_dot(rho) < 0"),
    on=nearly_growing(),
    rests_on=["rho-dynamics"],
    why="The second moment of the margins is missing: rho grows where `mu > (M + lambda) rho`"
    " (Eq. 6). However small rho and the output are, there are margins between the two conditions.",
)


def just_below_rest(case: tc.Case) -> tc.Case:
    one = at_rest_in_rho(case)
    return replace(one, numbers={**one.numbers, "rho": one.numbers["rho"] * Fraction(15, 16)})


rho_growth_sign = PERTURBATION.stated(
    "rho-growth-sign",
    title="rho grows where mu > (M + lambda) rho",
    printed=r"\mu > (M + \lambda)\rho \implies \dot\rho > 0",
    assuming={"mu > (M + lambda) rho": "mu > (M + weight_decay) * rho"},
    control=tc.altered(
        "it grows faster than weight decay would take it",
        "rho_dot(rho) > 2 * weight_decay * rho",
        on=points().map(just_below_rest),
    ),
    on=st.one_of(points(), on_a_line()),
    examples=60,
    corrects="rho-growth-perturbation-printed",
    rests_on=["rho-dynamics"],
    why="Eq. 6. Whether rho is small has no part in it.",
)


@st.composite
def linear_classifiers(draw: st.DrawFn, *, tilts: Sequence[int] = (1, 2, 4)) -> tc.Case:
    """``f_V(x) = V x``, two independent samples of a plane in the unit ball, no weight decay.

    Args:
        tilts: of V out of that plane; 1 is none.
    """
    pairs = [(0, 1), (1, 0), (3, 1), (1, 3), (-1, 2), (2, -1), (-3, 1)]
    first, second = draw(st.lists(st.sampled_from(pairs), min_size=2, max_size=2, unique=True))
    inputs = [[Fraction(t, 4) for t in (*row, 0)] for row in (first, second)]
    t = Fraction(1, draw(st.sampled_from(tilts)))
    turn = draw(st.sampled_from([(3, 4), (4, 3), (-3, 4), (3, -4), (5, 0), (0, 5)]))
    unit = [2 * t / (1 + t * t) * Fraction(k, 5) for k in turn]
    unit.append((1 - t * t) / (1 + t * t))
    signs = [[Fraction(draw(st.sampled_from([1, -1])))] for _ in inputs]
    rho = draw(tc.positive_dyadics(largest=8))
    numbers = {"rho": rho, "weight_decay": Fraction(0)}
    return tc.Case.single(tc.mlp([3, 1]), [[unit]], inputs, signs, numbers)


LEAST_RHO = (
    "labels = [y[n][0] for n in samples]",
    "kernel = [[inner(x[n], x[m]) for m in samples] for n in samples]",
    "least = inner(labels, solve(kernel, labels))",
)
"""Its last: rho_0 squared, of a linear classifier: that of the least interpolating weights."""

BELOW_RHO_0 = {"rho < rho_0": "rho ** 2 < least", "average separability": "mu > 0"}

IN_UNIT_BALL = tc.Family(given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL])

rho_growth_average_separability_printed = IN_UNIT_BALL.stated(
    "rho-growth-average-separability-printed",
    title="Below rho_0, rho grows where the mean margin is positive, as printed",
    sources=[XU2022.at("Section 3.5: small rho and average separability")],
    printed=r"0 < \rho < \rho_0,\; \mu > 0 \implies \dot\rho > 0",
    given=[LINEAR_CLASSIFIER, NO_WEIGHT_DECAY, POSITIVE_RHO],
    assuming=BELOW_RHO_0,
    where=(*RHO_MOMENTS, *LEAST_RHO),
    states="rho_dot(rho) > 0",
    control=tc.altered("rho falls", "rho_dot(rho) < 0"),
    on=linear_classifiers(),
    rests_on=["rho-dynamics"],
    why="rho grows while `rho < mu / M`, and a mean margin that is small for its spread makes"
    " this bound as small as one likes; rho_0 has no part in it. Shown for a linear classifier,"
    " whose rho_0 is known: the norm of the least interpolating weights.",
)

rho_growth_large_rho_printed = IN_UNIT_BALL.stated(
    "rho-growth-large-rho-printed",
    title="Above rho_0, rho falls, as printed",
    sources=[XU2022.at("Section 3.5: large rho initialisation")],
    printed=r"\rho > \rho_0 \implies \dot\rho < 0",
    given=[LINEAR_CLASSIFIER, NO_WEIGHT_DECAY, POSITIVE_RHO],
    assuming={"rho > rho_0": "rho ** 2 > least", "average separability": "mu > 0"},
    where=(*RHO_MOMENTS, *LEAST_RHO),
    states="rho_dot(rho) < 0",
    control=tc.altered("rho grows", "rho_dot(rho) > 0"),
    on=linear_classifiers(tilts=(8, 16)),
    rests_on=["rho-dynamics-loss-in-margins"],
    why="rho falls where `rho > mu / M`, which is large where margins are small. A large rho with"
    " weights that fit badly grows first. (The paper refers to Eq. 1, which is the loss.) Shown for"
    " a linear classifier with positive mean margin, whose rho_0 is known.",
)


def with_equal_margins(case: tc.Case) -> tc.Case:
    """One member with equal margins, inputs in the unit ball, and a positive ``rho``."""
    return in_ball_with_positive_rho(interpolating(case))


rho_growth_moment = tc.stated(
    "rho-growth-moment",
    title="Under full separability the second moment of the margins is at most their mean",
    sources=[XU2022.at("Section 3.5: M is at most mu")],
    printed=r"\bar f_n > 0 \;\forall n \implies M \le \mu",
    given=[CHAIN, DENSE, SHORTENING, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL, CLASSIFIED],
    where=(MARGIN, MEAN_MARGIN, SECOND_MOMENT),
    states="M <= mu",
    control=tc.altered("any margins", without=[CLASSIFIED]),
    on=st.one_of(points().map(with_equal_margins), on_a_line()),
    examples=100,
    numbers=["rho"],
    rests_on=["loss-descent-margins"],
    why="Margins lie between 0 and 1: weights of unit norm, inputs in the unit ball. Equality where"
    " all margins are 1.",
)

rho_growth_positive_outputs_printed = IN_UNIT_BALL.stated(
    "rho-growth-positive-outputs-printed",
    title="Full separability written without the labels, as printed",
    sources=[XU2022.at("Section 3.5: full separability")],
    printed=r"\forall n : f_n > 0 \implies M \le \mu",
    given=[POSITIVE_RHO],
    assuming={
        "ReLU": "all([slope(l) == 0 for l in range(1, depth)]) and slope(depth) == 1",
        "all outputs are positive": "all([f(n, 0) > 0 for n in samples])",
    },
    where=(MARGIN, MEAN_MARGIN, SECOND_MOMENT),
    states="M <= mu",
    control=tc.altered("and mu <= 0", "mu <= 0"),
    numbers=["rho"],
    on=points(tc.mlps(depths=(1, 2), widths=(1, 2), slopes=(tc.RELU,))).map(
        in_ball_with_positive_rho
    ),
    rests_on=["loss-descent-margins"],
    why="The bar is missing: `f_n > 0` says that all samples are put into one class, and the margin"
    " of a sample of the other class is negative. The text at hand is a conversion of the PDF that"
    " loses marks, so that the missing bar may be the conversion's.",
)


FULL_SEPARABILITY = tc.Family(
    sources=[XU2022.at("Section 3.5: full separability")],
    given=[CHAIN, DENSE, SHORTENING, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL, CLASSIFIED],
    where=RHO_MOMENTS,
    on=points().map(with_equal_margins),
)

rho_growth_full_separability_printed = FULL_SEPARABILITY.stated(
    "rho-growth-full-separability-printed",
    title="Under full separability rho grows at least at the rate 2 (mu - rho mu), as printed",
    printed=r"\bar f_n > 0 \;\forall n \implies \dot\rho \ge 2(\mu - \rho\mu)",
    given=[POSITIVE_RHO, POSITIVE_WEIGHT_DECAY],
    states="rho_dot(rho) >= 2 * (mu - rho * mu)",
    control=tc.altered("with the opposite sign", "rho_dot(rho) <= -2 * (mu - rho * mu)"),
    rests_on=["rho-dynamics", "rho-growth-moment"],
    why="The inequality follows from Eq. 5 and `M <= mu` for lambda = 0 only: the term"
    " `-2 lambda rho` is lost. What the paper concludes, that rho grows at least until it is 1,"
    " fails with it under weight decay: growth lasts no longer than until `mu / (M + lambda)`,"
    " which is 1/2 for one sample with mu = 1 and lambda = 1.",
)

rho_growth_full_separability = FULL_SEPARABILITY.stated(
    "rho-growth-full-separability",
    title="Under full separability rho_dot + 2 lambda rho is at least 2 (mu - rho mu)",
    printed=r"\bar f_n > 0 \;\forall n \implies \dot\rho + 2\lambda\rho \ge 2(\mu - \rho\mu)",
    given=[POSITIVE_RHO],
    states="rho_dot(rho) + 2 * weight_decay * rho >= 2 * (mu - rho * mu)",
    control=tc.altered("weight decay left out", "rho_dot(rho) >= 2 * (mu - rho * mu)"),
    on=st.one_of(
        points().map(with_equal_margins), on_a_line(), on_a_line([Fraction(1)], rhos=[1, 20])
    ),
    examples=100,
    corrects="rho-growth-full-separability-printed",
    rests_on=["rho-dynamics", "rho-growth-moment"],
    why="Eq. 6 with `M <= mu`. Without weight decay rho then grows as long as it is below 1.",
)

MARGIN_RATE = "margin_rate = sum([inner(grad(mu, k), flow(k)) for k in weights])"


@st.composite
def turned_away(draw: st.DrawFn) -> tc.Case:
    """A planar classifier of two samples: the output of the longer one exceeds its label."""
    unit = draw(st.sampled_from([[Fraction(4, 5), Fraction(3, 5)], [1, 0]]))
    rows = [[1, 0], [0, Fraction(1, draw(st.integers(4, 6)))]]
    numbers = {"rho": draw(st.sampled_from([Fraction(2), Fraction(3)]))}
    numbers["weight_decay"] = Fraction(1, draw(st.sampled_from([128, 64])))
    return tc.Case.single(tc.mlp([2, 1]), [[unit]], rows, [[1], [1]], numbers)


rho_growth_margin_printed = tc.stated(
    "rho-growth-margin-printed",
    title="While rho falls the mean margin grows, as printed",
    sources=[XU2022.at("Section 3.5: margins grow while rho falls")],
    printed=r"\dot\rho < 0 \implies \dot\mu \ge 0",
    given=[CHAIN, LINEAR_CLASSIFIER, UNIT_WEIGHTS, SIGN_LABELS, POSITIVE_RHO, IN_BALL],
    assuming={**BELOW_RHO_0, "rho falls": "rho_dot(rho) < 0"},
    where=(*RHO_MOMENTS, AVERAGED_FLOW, MARGIN_RATE, *LEAST_RHO),
    states="margin_rate >= 0",
    control=tc.altered("it falls", "margin_rate < 0"),
    on=turned_away(),
    rests_on=["loss-descent-along-flow", "loss-descent-representation"],
    why="Read in the weakest way: the mean margin does not fall. But the loss, `1 - rho (rho_dot/2"
    " + mu)`, can fall by rho alone, and where outputs exceed their labels, by lower margins. The"
    " paper concludes that rho cannot fall for long, and that it is good if it does, as margins"
    " grow; neither follows. Where V_k cannot move, as in a network of width 1 on inputs of one"
    " dimension, mu is constant, and rho falls towards its equilibrium for all times. Shown for a"
    " linear classifier, whose rho_0 is the norm of the least interpolating weights.",
)

rho_growth_at_zero = tc.stated(
    "rho-growth-at-zero",
    title="At rho = 0 the loss has slope -2 mu in rho, and none in V",
    sources=[XU2022.at("Section 3.5: rho = 0 is a critical point")],
    printed=r"\rho = 0 \implies \dot\rho = 2\mu, \quad \dot V_k = 0",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH],
    forall=["k in weights"],
    where=RHO_MOMENTS,
    states="rho_dot(0) == 2 * mu and squared(grad(loss(0), k)) == 0",
    control=tc.altered("it has none in rho either, a critical point", {"2 * mu": "0"}),
    on=points(SMALL_NETWORKS, smooth=True),
    examples=40,
    rests_on=["rho-dynamics", "normalised-flow"],
    why="So rho = 0 is a critical point, as the text says of it together with f_V = 0, where the"
    " mean margin is 0, and nowhere else. Every slope in V_k has the factor rho, and so has the"
    " multiplier. What becomes of the saddle of Figure 2: `rho-zero-saddle-printed`.",
)

rho_growth_valley = tc.stated(
    "rho-growth-valley",
    title="In the valley of zero square loss, weight decay alone moves rho, down",
    sources=[XU2022.at("Section 3.3: weight decay pulls to the minimum rho")],
    printed=r"\rho\bar f_n = 1 \;\forall n \implies \dot\rho = -2\lambda\rho",
    given=[CHAIN, SIGN_LABELS],
    assuming={"rho f_n = y_n for every sample": "all([rho * f(n, 0) == y[n][0] for n in samples])"},
    where=RHO_MOMENTS,
    states="rho_dot(rho) == -2 * weight_decay * rho",
    control=tc.altered("half as fast", "rho_dot(rho) == -weight_decay * rho"),
    on=points().map(interpolating),
    examples=60,
    rests_on=["rho-dynamics"],
    why='The "pull" of Section 3.3. The residuals vanish, and with them the velocity of every V_k:'
    " what rho loses, the weights do not make up for at once.",
)

rho_growth_first_term = FULL_SEPARABILITY.stated(
    "rho-growth-first-term",
    title="For small rho the term -2 rho mu of the loss dominates that in M",
    sources=[XU2022.at("Section 3.5: terms of the loss")],
    printed=r"\text{for small } \rho \text{, the term dominating the decrease in } \mathcal L_S"
    r" \text{ is } -2\rho\mu",
    assuming={"0 < rho <= 1": "0 < rho and rho <= 1"},
    states="2 * rho ** 2 * M <= 2 * rho * mu",
    control=tc.altered("a quarter", "8 * rho ** 2 * M <= 2 * rho * mu"),
    on=st.one_of(points(SMALL_NETWORKS).map(with_equal_margins), on_a_line()),
    examples=120,
    rests_on=["rho-dynamics-loss-in-margins", "rho-growth-moment"],
    why="Twice the term `rho^2 M` of Eq. 11 is at most `2 rho mu`, for rho > 0 and any margins,"
    " exactly where `rho <= mu / M`: under full separability up to rho = 1 at least, by `M <= mu`."
    " The penalty `lambda rho^2` is not compared: it is smaller than `2 rho mu` for `lambda rho < 2"
    " mu`.",
)
