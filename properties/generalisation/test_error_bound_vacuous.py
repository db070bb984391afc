"""Whether the bound of xu2022, Theorem 3, says anything: with which numbers it is below 1."""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.generalisation.bounds import CONFIDENCE, POSITIVE_WHOLE, SMALL, of_numbers
from properties.papers import XU2022

error_bound_vacuous = tc.stated(
    "error-bound-vacuous",
    title="With nine samples or fewer, the bound of xu2022's Theorem 3 says nothing",
    printed=r"\rho \ge 1,\; N \le 9 \implies 3\sqrt{\frac{\log(2(\rho+1)^2/\delta)}{2N}} \ge 1.01",
    given=[CONFIDENCE],
    assuming={"rho >= 1": "rho >= 1", "N <= 9": "1 <= size and size <= 9"},
    states="3 * root(log(2 * (rho + 1) ** 2 / delta) / (2 * size)) >= 101 / 100",
    control=tc.altered("above 1.02", {"101": "102"}),
    numbers=["rho", "delta", "size"],
    on=st.one_of(
        of_numbers(
            rho=tc.positive_dyadics(largest=8, exponents=(0, 1)), delta=SMALL, size=POSITIVE_WHOLE
        ),
        of_numbers(rho=st.just(Fraction(1)), delta=SMALL, size=st.just(Fraction(9))),
    ),
    examples=40,
    rests_on=["error-bound-level", "zero-loss-least-rho"],
    why="The last term of xu2022, Theorem 3, for any confidence: 1.0197 for rho = 1, N = 9 and"
    " delta = 1. A dense ReLU network that"
    " interpolates inputs in the unit ball has rho of 1 or more (`zero-loss-least-rho`). The first"
    " term of Eq. 16 is below 1 only with N > 75 samples, for any depth.",
)

error_bound_vacuous_numbers = tc.stated(
    "error-bound-vacuous-numbers",
    title="With rho = 500, which Section 3.5 names for lambda = 0, the bound is above 38.9",
    sources=[XU2022.at("Section 1: bounds are still vacuous, Eq. 16")],
    printed=r"\rho = 500,\; L = 6,\; N = 10^4 \implies 2 (\rho + 1) \frac{\sqrt{2 \ln 2 \, L} + 1}"
    r"{\sqrt N} \ge 38.9",
    given=[],
    states="389 / 10 <= 2 * (500 + 1) * (root(2 * log(2) * 6) + 1) / 100",
    control=tc.altered("39", "39 <= 2 * (500 + 1) * (root(2 * log(2) * 6) + 1) / 100"),
    on=of_numbers(),
    examples=1,
    enough=1,
    rests_on=["error-bound-log-printed"],
    why="The first term of Eq. 16, with the layers and the most samples of Figure 6. With the"
    " lambda of that figure, 0.001, rho at rest is at most 15.82 (`quasi-interpolation-rho`), and"
    " the term at most 1.31. Its bounds stand in a table that the text at hand lacks.",
)

error_bound_vacuous_not_always = tc.stated(
    "error-bound-vacuous-not-always",
    title="An overparametrised network that interpolates can have a bound of 0.66",
    sources=[XU2022.at("Section 4.3: non-vacuous bounds, Eq. 12")],
    printed=r"\text{it is in principle possible to have overparametrization and interpolation}"
    r" \text{ simultaneously with non-vacuous generalization bounds}",
    states="50 * (6 * (root(2 * log(2) * 2) + 1) / root(1000)"
    " + 3 * root(log(2 * 3 ** 2 * 10) / 2000)) <= 33",
    control=tc.altered("65/100", {"50 * (6": "100 * (6", "<= 33": "<= 65"}),
    on=of_numbers(),
    examples=1,
    enough=1,
    rests_on=["error-bound-level", "rademacher-complexity-frobenius"],
    why="Eq. 12 with the complexity of Eq. 16, for rho = 2, L = 2, N = 1000 and delta = 1/10. Such"
    " a network is `sigma(x_1) - sigma(-x_1)`, with any number of further units whose weights are"
    " 0; it interpolates samples `x_n = y_n e_1`.",
)
