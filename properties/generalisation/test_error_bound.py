"""The bound on the error of interpolating networks: xu2022, Theorem 3 and Section 4.2."""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import POSITIVE_RHO
from properties.generalisation.bounds import (
    CONFIDENCE,
    OF_POSITIVE,
    POSITIVE_WHOLE,
    SMALL,
    TWO_RHO,
    WHOLE,
    of_numbers,
)
from properties.generalisation.signs import NO_NETWORK, SIGNS
from properties.papers import XU2022

RAMP = ("ramp(t) = min([1, max([0, 1 - t])])", "wrong(t) = 1 if t <= 0 else 0")

PROOF_OF_THEOREM_3 = [
    "error-bound-ramp",
    "error-bound-union-printed",
    "structural-lemma-positive-homogeneity",
]


def near_labels() -> st.SearchStrategy[tc.Case]:
    """Networks on one sample; or one weight, and an output near 0 or the label."""
    networks = tc.mlps(depths=(1, 2), widths=(1, 2))
    one = st.builds(
        lambda n, y: tc.Case.single(tc.mlp([1, 1]), [[[n * y / 64]]], [[Fraction(1)]], [[y]]),
        st.integers(-8, 72),
        st.sampled_from([Fraction(1), Fraction(-1)]),
    )
    return tc.cases(networks, samples=(1, 1), targets="signs", cohort=1) | one


error_bound_ramp = tc.stated(
    "error-bound-ramp",
    title="The ramp loss lies between the classification error and the hinge loss",
    sources=[XU2022.at("Theorem 3: ramp loss")],
    printed=r"\ell_{ramp}(f_W(x), y) \ge I[\mathrm{sign}(f_W(x)) \ne y], \quad"
    r" f_W(x) = y \implies \ell_{ramp}(f_W(x), y) = 0",
    assuming={"the label is +-1": "y[0][0] ** 2 == 1"},
    where=[*RAMP, "signed = y[0][0] * f(0, 0)"],
    states="wrong(signed) <= ramp(signed) and ramp(signed) <= max([0, 1 - signed])",
    control=tc.altered("the ramp moved by 1", "wrong(signed) <= ramp(signed + 1)"),
    on=near_labels(),
    why="An output of 0 is counted as an error, whatever the sign of 0 is taken to be. Where the"
    " label is fitted the hinge loss is 0, and so the ramp loss is, too.",
)

SHARES = (
    "all_squares = product([(t + 1) ** 2 for t in range(levels)])",
    "square_share(t) = delta / (t + 1) ** 2",
    "share(t) = delta / ((t + 1) * (t + 2))",
)
"""A common denominator; the failure probabilities of level t, in Eq. 13 and corrected."""

error_bound_union_printed = tc.stated(
    "error-bound-union-printed",
    title="The failure probabilities that the deviation of Eq. 13 takes add up to delta",
    sources=[XU2022.at("Theorem 3: union bound, Eq. 13, Eq. 14")],
    printed=r"3\sqrt{\frac{\log(2(t+1)^2/\delta)}{2N}} \text{ fails with probability }"
    r" \frac{\delta}{(t+1)^2},\quad \sum_{t \ge 0} \frac{\delta}{(t+1)^2} \le \delta",
    given=[CONFIDENCE],
    assuming={"levels from 0 to T": "levels >= 1"},
    where=SHARES,
    states="all_squares * sum([square_share(t) for t in range(levels)]) <= delta * all_squares",
    control=tc.altered("half of it", {"all_squares *": "2 * all_squares *"}),
    numbers=["delta", "levels"],
    on=of_numbers(delta=SMALL, levels=POSITIVE_WHOLE),
    why="A deviation `sqrt(log(2/p) / 2N)` is what a failure probability of p takes, and Eq. 13 has"
    " `(t+1)^2 / delta` for 1/p. The sum over t from 0 is `1.64 delta`. The paper prints the"
    " probability `delta / (t(t+1))`, which for t = 0 is a division by 0; from t = 1 on the sum is"
    " delta. Dense networks that fit their labels on `|x_n| <= 1` have rho >= 1"
    " (`zero-loss-least-rho`) and t >= 1: Eq. 12 stands for them, and only t = 0 fails.",
)

error_bound_union = tc.stated(
    "error-bound-union",
    title="With (t+1)(t+2) in place of (t+1)^2 the failure probabilities add up to delta",
    sources=[XU2022.at("Theorem 3: union bound")],
    printed=r"\sum_{t=0}^T \frac{\delta}{(t+1)(t+2)} = \delta\Big(1 - \frac1{T+2}\Big)",
    given=[CONFIDENCE],
    assuming={"levels from 0 to T": "levels >= 1"},
    where=SHARES,
    states="(levels + 1) * sum([share(t) for t in range(levels)]) == delta * levels",
    control=tc.altered("as printed, from t = 0", {"share": "square_share"}),
    numbers=["delta", "levels"],
    on=of_numbers(delta=SMALL, levels=POSITIVE_WHOLE),
    corrects="error-bound-union-printed",
    why="A sum that telescopes. Only a network with rho < 1 needs it, with"
    " `log(2(rho+1)(rho+2)/delta)` in Eq. 12.",
)

LEVELS = (
    *SIGNS,
    "reach(S, b) = abs(b * sum([sign(S, n) * x[n][0] for n in samples]))",
    "complexity(b) = 2 / len(samples) * sum([reach(S, b) for S in subsets]) / len(subsets)",
)
"""The complexity of linear functions `w x` on the line with `a <= |w| <= b`, for any a <= b."""
AT_LEVEL = tc.Assumption("t <= rho < t + 1", "t <= rho and rho < t + 1 and t >= 0")


@st.composite
def on_level(draw: st.DrawFn) -> tc.Case:
    t = draw(WHOLE)
    rho = t + Fraction(draw(st.integers(0, 3)), 4)
    numbers = {"t": st.just(t), "rho": st.just(rho)}
    return draw(tc.cases(NO_NETWORK, samples=(1, 3), numbers=numbers, cohort=1))


error_bound_level_printed = tc.stated(
    "error-bound-level-printed",
    title="The second step of Eq. 15, as printed",
    sources=[XU2022.at("Eq. 15")],
    printed=r"2(t+1) \cdot \mathcal R_S(\mathbb G_t) \le 2(\rho+1) \cdot \mathcal R_S(\mathbb F)",
    given=[AT_LEVEL],
    where=LEVELS,
    states="2 * (t + 1) * complexity(t + 1) <= 2 * (rho + 1) * complexity(1)",
    control=tc.altered("a quarter of it", {"2 * (rho + 1)": "(rho + 1) / 2"}),
    numbers=["t", "rho"],
    on=on_level(),
    rests_on=PROOF_OF_THEOREM_3,
    why="The factor t + 1 is there twice: Eq. 14 has `2 R(G_t)`, and `R(G_t) <= (t+1) R(F)`, with"
    " equality for linear functions, for which it is shown. With `2(t+1) R(G_t)` in the first line"
    " of Eq. 15 the last line needs `(rho+1)^2`. Eq. 12 is not affected.",
)

error_bound_level = tc.stated(
    "error-bound-level",
    title="The second step of Eq. 15, from Eq. 14",
    sources=[XU2022.at("Eq. 15, Theorem 3, Theorem 3: complexity of the levels")],
    printed=r"2 \mathcal R_S(\mathbb G_t) \le 2(t+1) \mathcal R_S(\mathbb F)"
    r" \le 2(\rho+1) \cdot \mathcal R_S(\mathbb F)",
    given=[AT_LEVEL],
    where=LEVELS,
    states="2 * complexity(t + 1) <= 2 * (rho + 1) * complexity(1)",
    control=tc.altered("as printed", {"2 * complexity": "2 * (t + 1) * complexity"}),
    numbers=["t", "rho"],
    on=on_level(),
    examples=40,
    corrects="error-bound-level-printed",
    rests_on=PROOF_OF_THEOREM_3,
    why="By homogeneity every network with a product of norms up to t + 1 is t + 1 times one with a"
    " product up to 1. Shown for linear functions and collinear inputs; for rho = t it is the first"
    " step.",
)

error_bound_log_printed = tc.stated(
    "error-bound-log-printed",
    title="Eq. 16 follows from Eq. 12, as printed",
    sources=[XU2022.at("Eq. 16")],
    printed=r"3\sqrt{\frac{\log(2(\rho+1)^2/\delta)}{2N}}"
    r" \le 3\sqrt{\frac{\log(2(\log(\rho)+1)^2/\delta)}{2N}}",
    assuming={"rho >= 1": "rho >= 1"},
    states="(rho + 1) ** 2 <= (log(rho) + 1) ** 2",
    control=tc.altered("four times that", "4 * (rho + 1) ** 2 <= (log(rho) + 1) ** 2"),
    on=of_numbers(rho=tc.positive_dyadics(largest=8)),
    rests_on=["error-bound-level-printed", "rademacher-complexity-frobenius"],
    why="Eq. 16 has log(rho) where Eq. 12 has rho, in the argument of the logarithm, and is smaller"
    " for every rho >= 1. It would need levels that grow by a factor, which cost a factor in the"
    " first term; the text after Eq. 15 says that the term scales as `sqrt(log(rho/delta)/N)`, as"
    " in Eq. 12. With `rho + 1` in the place of `log(rho) + 1`, Eq. 16 is Eq. 12 with the bound on"
    " R(F).",
)

error_bound_common_rest_printed = tc.stated(
    "error-bound-common-rest-printed",
    title="The second term of the bound is one epsilon for both networks, as printed",
    sources=[XU2022.at("Eq. 17, Eq. 18")],
    printed=r"L_0(f^a) \le A\rho_a + \epsilon,\; L_0(f^b) \le A\rho_b + \epsilon,"
    r" \text{ from Eq. 16: } A\rho = c_1 \rho\, \mathbb R_N(\tilde{\mathbb F}),\; \epsilon = c_2"
    r" \sqrt{\frac{\ln(1/\delta)}{2N}}",
    given=[CONFIDENCE, TWO_RHO],
    assuming={
        "rho_a >= 1, as for zero loss with dense layers": "smaller >= 1",
        "N >= 1": "size >= 1",
    },
    where=["second(r) = root(log(2 * (log(r) + 1) ** 2 / delta) / (2 * size))"],
    states="second(smaller) == second(larger)",
    control=tc.altered("twice", "2 * second(smaller) == second(larger)"),
    numbers=["smaller", "larger", "delta", "size"],
    on=OF_POSITIVE,
    rests_on=["error-bound-log-printed", "error-bound-scale"],
    why="A rho and epsilon are read as the two terms of Eq. 16. There, as in Eq. 12, the second"
    " term depends on rho, and the first is proportional to rho + 1. Zero loss on inputs in the"
    " unit ball takes a rho of 1 or more, with dense layers (`zero-loss-least-rho`). With a larger"
    " A and an epsilon of its own Eq. 17 and 18 do follow, for rho >= 1: the root of the logarithm"
    " grows less than linearly. The conclusion stands: `error-bound-order`.",
)

error_bound_scale = tc.stated(
    "error-bound-scale",
    title="The classification error does not depend on rho",
    sources=[XU2022.at("Section 4.2: the error of the normalised network")],
    printed=r"L_0(f^a) = L_0(F^a)",
    given=[POSITIVE_RHO],
    assuming={"the label is +-1": "y[0][0] ** 2 == 1"},
    where=[RAMP[1]],
    states="wrong(y[0][0] * rho * f(0, 0)) - wrong(y[0][0] * f(0, 0)) == 0",
    control=tc.altered("rho of the other sign", {"y[0][0] * rho": "-y[0][0] * rho"}),
    on=tc.cases(
        tc.mlps(depths=(1, 2), widths=(1, 2)),
        samples=(1, 1),
        targets="signs",
        numbers={"rho": tc.positive_dyadics()},
        cohort=1,
    ),
    examples=60,
    why="The sign of an output is that of a positive multiple of it.",
)

error_bound_regression = tc.stated(
    "error-bound-regression",
    title="R^2 and p-value of Figure 5 with weight decay agree",
    sources=[XU2022.at("Figure 5: regression, Section 4.2: monotonic relation")],
    printed=r"R^2 = 0.94,\; p\text{-value} = 0.031,\; \text{slope} = -18.968"
    r" \text{ for four initialisations}",
    given=[],
    states="(1000000 * 94 / 100 - (1000 - 31) ** 2) ** 2 <= 5000 ** 2",
    control=tc.altered("to a tenth of the last digit", {"5000": "500"}),
    on=of_numbers(),
    examples=1,
    enough=1,
    why="With four points the t-test of a slope has two degrees of freedom, and `R^2 = (1 - p)^2`:"
    " 0.939, which rounds to 0.94. The slope is negative: if the axis is accuracy, as the caption"
    " and Section 4.2 say (Section 7 has it the other way round: `margin-training-correlation`), a"
    " larger margin went with a lower accuracy, as Section 4.2 itself notes; it calls the"
    " significance unclear, where p = 0.031 is significant at 5 %. It fits the argument if the axis"
    " is the test error.",
)

error_bound_regression_without_decay = tc.stated(
    "error-bound-regression-without-decay",
    title="R^2 and p-value of Figure 5 without weight decay agree",
    sources=[
        XU2022.at("Figure 5: regression without weight decay, Section 4.2: monotonic relation")
    ],
    printed=r"R^2 = 0.004,\; p\text{-value} = 0.92 \text{ for five initialisations}",
    given=[],
    where=[
        "a = root(4 / 996)",
        "b = root(4 * 996) / 1000",
        "below = 2 * 7 / 22 * (a - a ** 3 / 3 + b)",
        "above = 2 * 71 / 223 * (a + b)",
    ],
    states="804 / 10000 <= below and above < 806 / 10000",
    control=tc.altered(
        "p = 0.9200 to the fourth digit", "799 / 10000 <= below and above < 801 / 10000"
    ),
    on=of_numbers(),
    examples=1,
    enough=1,
    why="With five points the t-test of a slope has three degrees of freedom, and `1 - p = (2/pi)"
    " (arctan a + a / (1 + a^2))` for `a = (R^2 / (1 - R^2))^1/2`, where the second term is `b ="
    " (R^2 (1 - R^2))^1/2`. Here arctan a lies between `a - a^3 / 3` and a, and pi between 223/71"
    " and 22/7: p is 0.9195, to a unit of the last digit, and rounds to 0.92.",
)
