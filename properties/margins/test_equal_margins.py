"""Equal margins: what follows for rho (xu2022, Lemma 1), and whether training ends so (Lemma 6)."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import sympy
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    CLASSIFIED,
    IN_BALL,
    POSITIVE_WEIGHT_DECAY,
    RELU_NETWORK,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.equilibrium.rational_functions import LAMBDA, MEAN, RHO, identical
from properties.margins.same_margins import (
    AT_BEST,
    OTHER_MARGIN,
    OTHER_WEIGHTS,
    SAME_MARGINS,
    as_observed,
    on_two_samples,
    one_weight,
)
from properties.margins.two_samples import served_apart, two_slopes
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022


@tc.claim(
    "equal-margins-gap",
    title="Equal margins: the critical rho and its gap to interpolation",
    kind="symbolic",
    sources=[XU2022.at("Lemma 1, Lemma 6")],
    statement=r"\bar f_n = \mu \;\forall n:\quad"
    r" \rho = \frac{\mu}{\mu^2 + \lambda}, \quad \epsilon = \frac{\lambda}{\mu^2 + \lambda}",
    hypotheses=["all margins are equal to mu", "dL/d rho = 0", POSITIVE_WEIGHT_DECAY.prose],
    control="the penalty is (lambda/2) rho^2",
    rests_on=["rho-dynamics-loss-in-margins"],
    enough=1,
)
def equal_margins_gap(setting: tc.Setting) -> tc.Findings:
    """When all margins are equal, the one critical point in rho and its gap `1 - rho mu` are the
    printed ones; in particular `rho mu < 1` for positive lambda.

    The critical point is where the derivative of the loss, which is linear in rho, vanishes. That
    training ends with equal margins, as Lemma 6 asserts, is another matter.
    """
    penalty = LAMBDA / 2 if setting.altered else LAMBDA
    loss = (1 - RHO * MEAN) ** 2 + penalty * RHO**2
    (critical,) = sympy.solve(sympy.diff(loss, RHO), RHO)
    yield identical(critical, MEAN / (MEAN**2 + LAMBDA))
    yield identical(1 - critical * MEAN, LAMBDA / (MEAN**2 + LAMBDA))


@tc.claim(
    "equal-margins-zero-loss",
    title="Equal margins: weight decay excludes zero loss",
    kind="symbolic",
    sources=[XU2022.at("Lemma 1")],
    statement=r"\rho^2\mu^2 - 2\rho\mu + (1 + \lambda\rho^2) = 0"
    r"\ \text{has no real solution } \rho \text{ for } \lambda > 0",
    hypotheses=["all margins are equal to mu", POSITIVE_WEIGHT_DECAY.prose],
    control="the penalty is left out of the coefficient of rho^2",
    rests_on=["rho-dynamics-loss-in-margins"],
    enough=1,
)
def equal_margins_zero_loss(setting: tc.Setting) -> tc.Findings:
    """The discriminant of the loss as a quadratic in rho is `-4 lambda`, whatever mu is.

    So no solution with equal margins has zero loss. The data term alone can be 0, at
    `rho = 1/mu`; what lambda > 0 excludes is that this be a critical point.
    """
    loss = RHO**2 * MEAN**2 - 2 * RHO * MEAN + 1
    if not setting.altered:
        loss += LAMBDA * RHO**2
    yield identical(sympy.discriminant(loss, RHO), -4 * LAMBDA)


REACH = "reach(S) = sum([margin(n) / abs(x[n][0]) for n in S])"
MINIMISERS = [
    CHAIN,
    RELU_NETWORK,
    POSITIVE_WEIGHT_DECAY,
    tc.Assumption(
        "depth 2, any width, one linear output",
        "depth == 2 and len(outputs) == 1 and slope(2) == 1",
    ),
    tc.Assumption(
        "two samples, x_1 > 0 of class +1 and x_2 < 0 of class -1",
        "len(samples) == 2 and len(x[0]) == 1"
        " and x[0][0] > 0 and y[0][0] == 1 and x[1][0] < 0 and y[1][0] == -1",
    ),
    CLASSIFIED,
    tc.Assumption(
        "a global minimiser: no network of smaller rho has these margins",
        "squared(W[0]) * squared(W[1]) == reach(samples) ** 2",
    ),
    tc.Assumption(
        "a global minimiser: no other margins have a smaller loss",
        "all([(1 - margin(n)) * abs(x[n][0]) == 2 * weight_decay * reach(samples)"
        " for n in samples])",
    ),
]
"""Networks on two samples of one dimension that minimise the loss over all weights and widths."""

equal_margins_quasi_interpolation = tc.stated(
    "equal-margins-quasi-interpolation",
    title="Lemma 6: training with weight decay and weight normalisation equalises the margins",
    sources=[XU2022.at("Lemma 6, Property 1, Section 5.1: without any assumption")],
    printed=r"(\rho, V) \in \arg\min \frac1N \sum_n (\rho \bar f_n - 1)^2 + \lambda \rho^2"
    r" \implies \rho \bar f_n = 1 - \epsilon \quad \forall n",
    given=MINIMISERS,
    states="margin(0) == margin(1)",
    control=tc.altered("the margins are equal to 1", "margin(0) == 1"),
    where=[MARGIN, REACH],
    on=two_slopes(),
    rests_on=["equal-margins-extremes", "reduced-loss-common-bound"],
    why="An overparametrised network trained to convergence has the same margin at every sample."
    " Convergence is taken in the strongest sense, a global minimiser over all weights and widths;"
    " W is the product of rho and V, and rho that of the norms. On the two samples a unit serves"
    " one sample only, so that `fbar_1/|x_1| + fbar_2/|x_2| <= |V_1| |V_2| = 1` (Cauchy and"
    " Schwarz), and the loss is at least `q = mean (1 - rho fbar_n)^2 + lambda (rho fbar_1/|x_1| +"
    " rho fbar_2/|x_2|)^2`, a strictly convex function of the two rho fbar_n. A network"
    " that attains the bound with margins at which the gradient of `q` vanishes is a global"
    " minimiser, whatever the width; both are hypotheses. The margins are equal only when the"
    ' samples have equal norms: the proof assumes that the network can "attain any value" of the'
    " margins up to a common bound, but the margin that a unit norm affords is proportional to the"
    " norm of the sample.",
)

equal_margins_extremes = tc.stated(
    "equal-margins-extremes",
    title="Minimisers maximise the mean margin, and equal margins are the largest: proof of Lemma"
    " 6",
    sources=[
        XU2022.at("Section 5.1: maximise mu and minimise sigma, Eq. 29"),
        XU2022.at("Section 5.1: margins tend to the largest"),
    ],
    printed=r"V \in \arg\min \frac1{1 + \frac{\mu^2}{\sigma^2 + \lambda}} \implies"
    r" \mu = \max_{V'} \mu(V'),\quad \sigma^2 \to 0 \implies \bar f_n \to \bar\mu",
    given=MINIMISERS,
    states="sum([margin(n) for n in samples]) / reach(samples) == largest_margin"
    " or largest_equal == largest_margin",
    control=tc.altered(
        "half of the smaller |x_n|",
        "sum([margin(n) for n in samples]) / reach(samples) == min([abs(x[n][0]) for n in samples])"
        " / 2",
    ),
    where=[
        MARGIN,
        REACH,
        "largest_margin = max([abs(x[n][0]) for n in samples])",
        "largest_equal = 1 / sum([1 / abs(x[n][0]) for n in samples])",
    ],
    on=two_slopes(),
    rests_on=["reduced-loss"],
    why='"In order to minimize the loss we have to find V_k that maximize mu^2 and minimize'
    ' sigma^2": the loss falls in one and rises in the other, but no V need do both. On the two'
    " samples, no margin of a network of unit norm, nor their sum, is above the larger |x_n|,"
    " attained where all units serve that sample; the minimiser serves both. Its margins differ as"
    " well (`equal-margins-quasi-interpolation`). Equal ones are at most `1 / sum_n 1/|x_n|`, here"
    " 1/3, and the largest possible margin is 1. The check joins both with `or`: both are false.",
)


equal_margins_exist_printed = tc.stated(
    "equal-margins-exist-printed",
    title="Lemma 1: with weight decay there are points of rest with equal margins, as printed",
    sources=[XU2022.at("Lemma 1: equal margins are critical")],
    printed=r"\text{For } \lambda > 0 \text{ ... there are solutions with the same margins that}"
    r"\text{ quasi-interpolate and are critical points of the gradient}",
    given=[*MINIMISERS[:6], IN_BALL, SMOOTH],
    assuming={
        "the gap at each sample is at most 1/8": "all([8 * (1 - margin(n)) <= 1 for n in samples])",
        "the loss is critical in rho and all V_k: that of W, with lambda prod |W_k|^2": (
            "all([zero(gradient(k)) for k in weights])"
        ),
    },
    where=[
        MARGIN,
        "missed = sum([(f(n, 0) - y[n][0]) ** 2 for n in samples])",
        "loss = missed / len(samples) + weight_decay * product([squared(W[k]) for k in weights])",
        "gradient(k) = grad(loss, k)",
    ],
    states="margin(0) == margin(1)",
    control=tc.altered("they are 1", "margin(0) == 1"),
    on=served_apart(),
    rests_on=["stationary-weights-equal-margins-printed"],
    why="On the data of the counterexample all such critical points have one and the same pair of"
    " margins of rho f_V, 50/51 and 49/51, whatever the width, so that the lemma would have to be"
    " true of this one: the inputs have opposite signs, so that each unit is active on one sample"
    " alone. That its two weights are at rest"
    " means `(1 - rho fbar_n) |x_n| = 2 lambda rho`, and that they have the same size in V_1 and"
    " V_2, so that `sum_n rho fbar_n / |x_n| = rho`: linear equations, which have one solution."
    " Samples of different norms have different gaps.",
)


def less_decayed(case: tc.Case) -> tc.Case:
    """With a sixteenth of the weight decay."""
    decay = case.numbers["weight_decay"] / 16
    return replace(case, numbers={**case.numbers, "weight_decay": decay})


def nearly_equal(case: tc.Case) -> tc.Case:
    """Another solution with margins that are only a little smaller."""
    margin = Fraction(abs(case.inputs).max())
    return replace(case, numbers={**case.numbers, "other": margin * Fraction(127, 128)})


OBSERVED = tc.Family(
    given=[CHAIN, UNIT_WEIGHTS, SAME_MARGINS],
    where=[MARGIN, AT_BEST],
    states="2 * (1 - best(margin(0)) * margin(0)) <= 1",
    control=tc.altered("below 1/4", "4 * (1 - best(margin(0)) * margin(0)) <= 1"),
)

equal_margins_observed_gap = OBSERVED.stated(
    "equal-margins-observed-gap",
    title="With the margins and the weight decay of the experiments, labels are quasi-interpolated",
    sources=[XU2022.at("Section 5.1: observed margins, Lemma 6, Figure 8")],
    printed=r"\bar f_i \approx 5 \times 10^{-3},\; \lambda = 0.001 \implies"
    r" \epsilon = \frac{\lambda}{\mu^2 + \lambda} \text{ is small}",
    assuming={
        "margins of 0.005 and lambda = 0.001": "200 * margin(0) == 1 and 1000 * weight_decay == 1"
    },
    on=one_weight().map(as_observed),
    rests_on=["equal-margins-gap"],
    why="The printed numbers do not fit one another. The gap of Lemma 6 is 40/41, so that outputs"
    " rho f are 0.024 in size: less than 3% of the labels. (Section 3.5 says that the *largest*"
    " margin is about 0.002 in the experiments, which makes it worse.) A gap below 1/2 is asked"
    " for here; the paper says that eps is small.",
)

equal_margins_observed_norms = OBSERVED.stated(
    "equal-margins-observed-norms",
    title="With the output norms of the experiments, several classes are quasi-interpolated",
    sources=[XU2022.at("Section 5.2: observed norms, Lemma 7")],
    printed=r"\|f_V(x_{cn})\| \approx 10^{-3},\; f_V(x_{cn}) \propto \tilde e_c,\; \lambda = 0.001"
    r" \implies \rho f_V(x_{cn}) = \alpha \tilde e_c,\; 1 - \alpha \text{ small}",
    assuming={
        "norms of 0.001 and lambda = 0.001": "1000 * margin(0) == 1 and 1000 * weight_decay == 1"
    },
    on=one_weight().map(partial(as_observed, margin=Fraction(1, 1000))),
    rests_on=["reduced-loss-multiclass"],
    why="Outputs of norm m along the labels give `alpha = m^2 / (m^2 + lambda)`, as margins m do"
    " with two classes, which are checked. It is 1/1001: the outputs have a thousandth of the size"
    " of the labels. A gap below 1/2 is asked for, as in `equal-margins-observed-gap`. The paper"
    " gives no lambda for several classes; 0.001 is that of most of its figures. With the 5e-4 of"
    " Figure 9 alpha is 1/501.",
)

COMPARED = [
    CHAIN,
    UNIT_WEIGHTS,
    SAME_MARGINS,
    POSITIVE_WEIGHT_DECAY,
    tc.Assumption(
        "another solution has the equal margins `other`, and a larger rho",
        "other > 0 and best(margin(0)) < best(other)",
    ),
]
ABOVE = tc.Assumption(
    "mu times the other margin is larger than lambda", "margin(0) * other > weight_decay"
)


@st.composite
def nearly_fitted(draw: st.DrawFn) -> tc.Case:
    """``f(x) = V x`` on two samples, on which another V of norm 1 has equal margins."""
    scale = draw(st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(3, 4)]))
    sign = draw(st.sampled_from([1, -1]))
    decay = scale**2 * draw(st.sampled_from([Fraction(1, 1000), Fraction(1, 2000)]))
    return on_two_samples(scale, scale * Fraction(4, 5), sign, {"weight_decay": decay})


equal_margins_smaller_rho = tc.stated(
    "equal-margins-smaller-rho",
    title="Of two quasi-interpolating solutions, that of smaller rho has the larger margin",
    sources=[XU2022.at("Section 7: smaller rho, Section 7: larger margin")],
    printed=r"\lambda > 0,\; |1 - \rho \bar f_n| \le \frac18,\; \rho_a"
    r" = \frac{\mu_a}{M_a + \lambda} < \rho_b = \frac{\mu_b}{M_b + \lambda} \implies"
    r" \mu_a > \mu_b",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL, POSITIVE_WEIGHT_DECAY],
    assuming={
        "rho is at rest, and no gap to interpolation is above 1/8": (
            "all([8 * abs(1 - rest * margin(n)) <= 1 for n in samples])"
        ),
        "another solution V' of the linear network on the same data has equal margins": (
            f"{OTHER_WEIGHTS} and all([equal(n) == equal(0) for n in samples])"
        ),
        "its gap is at most 1/8, and its rho larger": (
            "equal(0) > 0 and 8 * (1 - best(equal(0)) * equal(0)) <= 1 and rest < best(equal(0))"
        ),
    },
    states="equal(0) <= mu",
    control=tc.altered("at least twice the other", "2 * equal(0) <= mu"),
    where=[
        MARGIN,
        MEAN_MARGIN,
        SECOND_MOMENT,
        AT_BEST,
        "rest = mu / (M + weight_decay)",
        OTHER_MARGIN,
    ],
    numbers=["other", "weight_decay"],
    on=nearly_fitted(),
    rests_on=["equal-margins-rho-inverse", "error-bound-order"],
    why="The paper takes a small rho and a large margin for one thing. But rho is smaller, too, if"
    " the margins of a solution differ, as `M = mu^2 + sigma^2`. Both solutions are of one network"
    " on one training set: V = (1, 0) has the margins 1 and 4/5 and a rho of 1.096; V' = (77/85,"
    " 36/85) has 77/85 at both samples and a rho of 1.103. The mean margin of V, 9/10, is smaller"
    " than 77/85, about 0.906. A gap of 1/8 is taken for a small one.",
)

equal_margins_smaller_rho_above = tc.stated(
    "equal-margins-smaller-rho-above",
    title="Equal margins: the smaller rho has the larger one where their product is above lambda",
    sources=[XU2022.at("Section 7: smaller rho, Section 7: larger margin")],
    printed=r"\sigma = 0:\ \mu_a \mu_b > \lambda,\; \rho_a < \rho_b \implies \mu_a > \mu_b",
    given=[*COMPARED, ABOVE],
    states="other < margin(0)",
    control=tc.altered("any margins", without=[ABOVE], on=one_weight(numbers=("other",))),
    where=[MARGIN, AT_BEST],
    numbers=["other", "weight_decay"],
    on=one_weight(numbers=("other",))
    .map(less_decayed)
    .flatmap(lambda case: st.sampled_from([case, nearly_equal(case)])),
    corrects="equal-margins-smaller-rho",
    rests_on=["equal-margins-gap"],
    why="The difference of the two rho has the sign of `(mu_a - mu_b)(lambda - mu_a mu_b)`. Where"
    " gaps are below 1/2 both margins are above the root of lambda, and their product is above"
    " lambda.",
)

FEATURES_COLLAPSED = tc.Assumption(
    "NC1: all samples of a class have one feature vector",
    "all([zero(h(m) - h(n)) for m in samples for n in samples if y[m][0] == y[n][0]])",
)
SAME_CLASS = tc.Assumption("the samples are of one class", "y[m][0] == y[n][0]")


@st.composite
def collapsed_classes(draw: st.DrawFn) -> tc.Case:
    """``f(x) = x`` of two ReLU units; one input for all of a class, now and then one is moved."""
    means = [[Fraction(sign * draw(st.integers(1, 3)), 4)] for sign in (1, -1)]
    signs = [1, -1, -1, *draw(st.lists(st.sampled_from([1, -1]), max_size=2))]
    rows = [list(means[sign < 0]) for sign in signs]
    rows[-1][0] += Fraction(draw(st.integers(0, 7)) == 7, 4)
    weights = [[[1], [-1]], [[1, -1]]]
    return tc.Case.single(tc.mlp([1, 2, 1]), weights, rows, [[sign] for sign in signs])


equal_margins_collapsed = tc.stated(
    "equal-margins-collapsed",
    title="Once within-class variability has disappeared, all margins are the same",
    sources=[XU2022.at("Section 5.1: margins after collapse")],
    printed=r"\text{NC1} \implies \bar f_m = \bar f_n \quad \forall m, n",
    given=[CHAIN, RELU_NETWORK, SIGN_LABELS, IN_BALL, FEATURES_COLLAPSED],
    forall=["m in samples", "n in samples"],
    states="margin(m) == margin(n)",
    control=tc.altered("all margins are 1", "margin(m) == 1"),
    where=[MARGIN],
    on=collapsed_classes(),
    why='"The outputs and margins then also collapse to the same value": to one for each class. The'
    ' word "same" is read for all samples here; `equal-margins-collapsed-class` is the other'
    " reading.",
)

equal_margins_collapsed_class = tc.stated(
    "equal-margins-collapsed-class",
    title="After collapse the margins within each class are equal",
    sources=[XU2022.at("Section 5.1: margins after collapse")],
    printed=r"\text{NC1} \implies \bar f_m = \bar f_n \quad \forall m, n: y_m = y_n",
    given=[CHAIN, SIGN_LABELS, FEATURES_COLLAPSED, SAME_CLASS],
    forall=["m in samples", "n in [k for k in samples if k != m]"],
    states="margin(m) == margin(n)",
    control=tc.altered("and of different classes", without=[SAME_CLASS]),
    where=[MARGIN],
    on=collapsed_classes(),
    examples=40,
    corrects="equal-margins-collapsed",
    why="Outputs are a function of the features, which the samples of a class share.",
)
