"""Which of two networks has the better bound: xu2022, Sections 4.2 and 7, Figures 6 and 7."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    CLASSIFIED,
    IN_BALL,
    PAIR,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    UNIT_WEIGHTS,
)
from properties.generalisation.bounds import (
    BOUND,
    CONFIDENCE,
    OF_BOUND,
    OF_BOUNDS,
    OF_POSITIVE,
    TWO_RHO,
    of_numbers,
)
from properties.margins.same_margins import OTHER_MARGIN, OTHER_WEIGHTS, on_two_samples
from properties.notation import MARGIN
from properties.papers import XU2022


def of_nearly_equal(case: tc.Case) -> tc.Case:
    """Two rho that hardly differ."""
    larger = case.numbers["smaller"] + Fraction(1, 1024)
    return replace(case, numbers={**case.numbers, "larger": larger})


error_bound_order = tc.stated(
    "error-bound-order",
    title="The bound for the smaller rho is the smaller one",
    sources=[
        XU2022.at("Section 4.2, Eq. 17, Eq. 18, Section 7: margin bounds the error"),
        XU2022.at("Section 7: best solution"),
    ],
    printed=r"\rho_a < \rho_b \implies \text{the upper bound for } L_0(f^a) \text{ is better than}"
    r"\text{ the bound for } L_0(f^b)",
    given=[CONFIDENCE, TWO_RHO],
    assuming={"N >= 1": "size >= 1", "the complexity is not negative": "complexity >= 0"},
    where=BOUND,
    states="bound(smaller) <= bound(larger)",
    control=tc.altered("twice the bound", "2 * bound(smaller) <= bound(larger)"),
    numbers=OF_BOUND,
    on=st.one_of(OF_BOUNDS, OF_BOUNDS.map(of_nearly_equal)),
    examples=40,
    rests_on=["error-bound-log-printed", "error-bound-common-rest-printed", "error-bound-scale"],
    why="Both terms of Eq. 12 grow with rho. It is a statement on bounds alone, as the paper says.",
)

OF_L_AND_N = "complexity = (root(2 * log(2) * layers) + 1) / root(size)"
POSITIVE = tc.Assumption("N and L are positive", "size >= 1 and layers >= 1")


def about(decay: Fraction, size: int, layers: int = 6) -> dict[str, Fraction]:
    """The numbers of a bound."""
    numbers = {"delta": Fraction(1, 20), "layers": Fraction(layers), "size": Fraction(size)}
    return {**numbers, "weight_decay": decay}


def two_margins(pairs: list[tuple[int, int]], decay: Fraction) -> st.SearchStrategy[tc.Case]:
    """Two margins, in thousandths; a million samples."""
    choices = [{"margin": Fraction(m, 1000), "other": Fraction(n, 1000)} for m, n in pairs]
    return st.sampled_from(choices).flatmap(
        lambda chosen: of_numbers(
            **{name: st.just(n) for name, n in {**about(decay, 10**6), **chosen}.items()}
        )
    )


@st.composite
def two_solutions(draw: st.DrawFn) -> tc.Case:
    """Two solutions of one linear network on two samples, which stand for 10,000."""
    numbers = about(Fraction(1, 10**4), 10**4, layers=1)
    sign = draw(st.sampled_from([1, -1]))
    smaller = draw(st.sampled_from([Fraction(1, 10), Fraction(101, 1000), Fraction(51, 500)]))
    return on_two_samples(Fraction(3, 25), smaller, sign, numbers)


error_bound_order_quasi_printed = tc.stated(
    "error-bound-order-quasi-printed",
    title="Of two quasi-interpolating networks, that of smaller rho has the better bound",
    sources=[XU2022.at("Section 7: smaller rho")],
    printed=r"\text{among all the quasi-interpolating solutions the ones associated with smaller }"
    r"\rho \text{ have better bounds on the expected classification error}",
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        IN_BALL,
        PAIR,
        tc.Convention("each of the two stands for half of the N samples"),
        CLASSIFIED,
        CONFIDENCE,
        POSITIVE_WEIGHT_DECAY,
        POSITIVE,
    ],
    assuming={
        "L is the number of layers": "layers == depth",
        "another solution V' of the linear network on the same data has positive margins": (
            f"{OTHER_WEIGHTS} and all([equal(n) > 0 for n in samples])"
        ),
        "rho is at rest, and smaller with V": "at_rest(of_v) < at_rest(of_other)",
        "quasi-interpolation: every output is within 1/8 of its label": (
            "gap(of_v) <= 1 / 8 and gap(of_other) <= 1 / 8"
        ),
    },
    where=[
        MARGIN,
        OTHER_MARGIN,
        OF_L_AND_N,
        *BOUND,
        "of_v = [margin(n) for n in samples]",
        "of_other = [equal(n) for n in samples]",
        "at_rest(m) = sum(m) / (squared(m) + 2 * weight_decay)",
        "gap(m) = max([abs(1 - at_rest(m) * t) for t in m])",
        "ramp(t) = max([0, 1 - t])",
        "ramps(m) = sum([ramp(at_rest(m) * t) for t in m]) / 2",
        "total(m) = ramps(m) + bound(at_rest(m))",
    ],
    states="total(of_v) <= total(of_other)",
    control=tc.altered("twice the bound", "2 * total(of_v) <= total(of_other)"),
    numbers=["delta", "layers", "other", "size"],
    on=two_solutions(),
    rests_on=["error-bound-order", "equal-margins-rho-inverse"],
    why="Eq. 12 is for networks that fit all labels. For quasi-interpolating ones Eq. 13 keeps its"
    " first term, the mean ramp loss, in which outputs beyond their labels do not make up for those"
    " that fall short. With lambda = 1/10000, V = (1, 0) has the margins 0.12 and 0.10 on the two"
    " inputs, rho = 8.94 and a mean ramp loss of 0.053; V' = (77/85, 36/85) has two margins of"
    " 0.109, rho = 9.12 and 0.008. With one layer, delta = 1/20 and 10,000 samples, half of them at"
    " each input, the bounds are 0.547 and 0.510. Nothing is assumed of dot V_k.",
)

MARGINS_ABOVE = tc.Assumption(
    "the product of the two margins is larger than lambda", "margin * other > weight_decay"
)

error_bound_order_quasi = tc.stated(
    "error-bound-order-quasi",
    title="If each of two networks has equal margins and mu_a mu_b > lambda, Eq. 13 favours the"
    " smaller rho",
    sources=[XU2022.at("Section 7: smaller rho, Eq. 13, Eq. 16")],
    printed=r"\bar f^a_n = \mu_a,\; \bar f^b_n = \mu_b \;\forall n,\; \mu_a \mu_b > \lambda,\;"
    r" \rho_a < \rho_b \text{ at rest} \implies \text{Eq. 13 is better for } f^a",
    given=[
        CONFIDENCE,
        POSITIVE_WEIGHT_DECAY,
        POSITIVE,
        tc.Assumption(
            "two networks, each with all its margins equal and positive, rho at rest, the first"
            " with the smaller rho",
            "margin > 0 and other > 0 and best(margin) < best(other)",
        ),
        MARGINS_ABOVE,
    ],
    where=[
        "best(m) = m / (m ** 2 + weight_decay)",
        OF_L_AND_N,
        *BOUND,
        "total(m) = 1 - best(m) * m + bound(best(m))",
    ],
    states="total(margin) < total(other)",
    control=tc.altered(
        "any margins",
        without=[MARGINS_ABOVE],
        on=two_margins([(5, 25), (5, 50), (10, 40)], Fraction(1, 1000)),
    ),
    numbers=["delta", "layers", "margin", "other", "size"],
    on=st.one_of(  # Margins that hardly differ, and a lambda that leaves hardly a gap.
        two_margins([(50, 40), (100, 25), (500, 499)], Fraction(1, 2000)),
        two_margins([(500, 250)], Fraction(1, 10**6)),
    ),
    corrects="error-bound-order-quasi-printed",
    rests_on=["error-bound-order", "equal-margins-gap", "equal-margins-smaller-rho-above"],
    why="There the network of smaller rho has the larger margin, and `1 - rho mu`, which is `lambda"
    " / (mu^2 + lambda)`, falls as mu grows: every term is in its favour. So it is wherever both"
    " gaps are below 1/2.",
)

PROPORTIONS = tc.Family(
    sources=[XU2022.at("Figure 6: proportional to rho, Figure 7: a constant times rho, Eq. 12")],
    given=[CONFIDENCE, TWO_RHO],
    assuming={"rho_a > 0 and N >= 1": "smaller > 0 and size >= 1"},
    where=BOUND,
    numbers=OF_BOUND,
)

error_bound_order_proportional_printed = PROPORTIONS.stated(
    "error-bound-order-proportional-printed",
    sources=[XU2022.at("Figure 6: proportional to rho, Figure 7: a constant times rho")],
    title="The bound is proportional to rho, as printed",
    printed=r"\text{Generalization error upper bound is proportional to } \frac{\rho}{\sqrt N}",
    states="smaller * bound(larger) == larger * bound(smaller)",
    control=tc.altered(
        "to its square", {"smaller *": "smaller ** 2 *", "larger *": "larger ** 2 *"}
    ),
    on=OF_POSITIVE,
    rests_on=["error-bound-log-printed"],
    why="Both captions, of Figures 6(c) and 7(c). In N it is true: both terms of Eq. 12 fall as"
    " `1 / N^1/2`, with the bound on R(F) from [51]. In rho the first term grows as rho + 1, the"
    " second as the root of a logarithm.",
)

error_bound_order_proportional = PROPORTIONS.stated(
    "error-bound-order-proportional",
    title="The bound grows at most in proportion to rho",
    assuming={"the complexity is not negative": "complexity >= 0"},
    printed=r"0 < \rho_a < \rho_b \implies \frac{b(\rho_b)}{\rho_b} \le \frac{b(\rho_a)}{\rho_a}",
    states="smaller * bound(larger) <= larger * bound(smaller)",
    control=tc.altered("half as fast", {"smaller *": "2 * smaller *"}),
    on=st.one_of(OF_POSITIVE, OF_POSITIVE.map(of_nearly_equal)),
    examples=40,
    corrects="error-bound-order-proportional-printed",
    rests_on=["error-bound-level"],
    why="`(rho + 1) / rho` falls, and so does the root of `log(2 (rho+1)^2 / delta)` over rho,"
    " since `rho / (rho + 1) <= log(rho + 1)`.",
)


@st.composite
def one_trained(draw: st.DrawFn) -> tc.Case:
    """Labels are signs of x_1; the first sample is fitted by the least weights."""
    rows = draw(st.lists(st.sampled_from([(1, -3), (1, -2), (2, -3), (1, 1)]), min_size=1))
    weights, train = [[Fraction(1)] * 2], [Fraction(1, 2)] * 2
    tests = [[Fraction(t, 4) for t in row] for row in rows[:2]]
    samples = [train, *tests]
    return tc.Case.single(tc.mlp([2, 1]), [weights], samples, [[1] for _ in samples])


error_bound_order_least_norm_printed = tc.stated(
    "error-bound-order-least-norm-printed",
    title="Of linear functions that fit all samples that of least norm errs least, as printed",
    sources=[XU2022.at("Section 7: the linear case")],
    printed=r"\text{for overparametrized networks the best solution in terms of generalization is}"
    r"\text{ the minimum norm solution}",
    given=[
        IN_BALL,
        tc.Assumption("a linear function", "depth == 1 and slope(1) == 1 and len(biases) == 0"),
        tc.Assumption(
            "labels are signs of x_1",
            "all([y[n][0] ** 2 == 1 and y[n][0] * x[n][0] > 0 for n in samples])",
        ),
        tc.Assumption(
            "the first sample is the training set, which the least weights fit; the others test",
            "zero(squared(x[0]) * W[0][0] - y[0][0] * x[0])",
        ),
    ],
    where=[
        "wrong(t) = 1 if t < 0 else 0",
        "errors = sum([wrong(y[n][0] * f(n, 0)) for n in samples])",
        "other(n) = y[0][0] * x[n][0] / x[0][0]",
    ],
    states="errors <= sum([wrong(y[n][0] * other(n)) for n in samples])",
    control=tc.altered("fewer errors", {"<=": "<"}),
    on=one_trained(),
    rests_on=["error-bound-order"],
    why="The least norm has the best bound, not the least error. Trained on (1/2, 1/2) with the"
    " label 1, where labels are signs of x_1, it is w = (1, 1), which errs at (1/4, -3/4); w = (2,"
    " 0) fits the sample too and never errs. What is best depends on the distribution.",
)
