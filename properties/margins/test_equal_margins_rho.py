"""Where rho rests on equal margins, against rho_0 and the inverse of the margin: xu2022."""

from dataclasses import replace
from fractions import Fraction

import theorycheck as tc
from properties.assumptions import CHAIN, POSITIVE_WEIGHT_DECAY, UNIT_WEIGHTS
from properties.margins.same_margins import AT_BEST, SAME_MARGINS, as_observed, one_weight
from properties.notation import MARGIN
from properties.papers import XU2022

equal_margins_rho_inverse = tc.stated(
    "equal-margins-rho-inverse",
    title="With weight decay, rho is the inverse of the margin, as printed",
    sources=[XU2022.at("Section 7: rho is the inverse of the margin")],
    printed=r"\lambda > 0:\ \rho = \frac1\mu",
    given=[CHAIN, UNIT_WEIGHTS, SAME_MARGINS, POSITIVE_WEIGHT_DECAY],
    states="best(margin(0)) * margin(0) == 1",
    control=tc.altered("twice the inverse", "best(margin(0)) * margin(0) == 2"),
    where=[MARGIN, AT_BEST],
    on=one_weight(),
    rests_on=["zero-loss-average-margin"],
    why="True for lambda = 0. With weight decay `rho mu = 1 - eps`, and with the numbers of the"
    " experiments rho is 41 times smaller than the inverse (`equal-margins-observed-gap`).",
)


def at_most_squared(case: tc.Case) -> tc.Case:
    """With a weight decay of the squared margin or less."""
    margin = Fraction(abs(case.inputs).max())
    decay = min(case.numbers["weight_decay"], margin**2)
    return replace(case, numbers={**case.numbers, "weight_decay": decay})


NEAR_RHO_0 = tc.Family(
    sources=[XU2022.at("Section 3.5: the equilibrium is close to rho_0")],
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SAME_MARGINS,
        POSITIVE_WEIGHT_DECAY,
        tc.Assumption(
            "one weight, so that rho_0 is the inverse of the margin",
            "len(weights) == 1 and squared(x[0]) == margin(0) ** 2 and len(x[0]) == 1",
        ),
    ],
    where=[MARGIN, AT_BEST, "least = 1 / margin(0)"],
)
OBSERVED_LEAST_RHO = tc.Assumption(
    "rho_0 = 500 and lambda = 0.001", "least == 500 and 1000 * weight_decay == 1"
)
NOT_BELOW = tc.Assumption("mu^2 >= lambda", "margin(0) ** 2 >= weight_decay")


def with_rho_0_of_500(case: tc.Case) -> tc.Case:
    """With the rho_0 and the weight decay of Section 3.5."""
    one = as_observed(case)
    return replace(one, inputs=one.inputs * Fraction(2, 5))


equal_margins_rho_near_least_printed = NEAR_RHO_0.stated(
    "equal-margins-rho-near-least-printed",
    title="With the numbers of the experiments rho rests close to rho_0, as printed",
    printed=r"\rho \text{ grows ... until it reaches an equilibrium value, close to } \rho_0",
    given=[OBSERVED_LEAST_RHO],
    states="2 * best(margin(0)) >= least",
    control=tc.altered("closer", "4 * best(margin(0)) >= 3 * least"),
    on=one_weight().map(with_rho_0_of_500),
    rests_on=["rho-course-falls-long-printed", "equal-margins-gap"],
    why="Half of rho_0 is asked for. At equal margins `mu = 1 / rho_0` the equilibrium is `rho_0"
    " mu^2 / (mu^2 + lambda)`. Section 3.5 has margins of 0.002 and a rho_0 of 500; with lambda ="
    " 0.001, as in the figures, rho is smaller by a factor of 251.",
)

equal_margins_rho_near_least = NEAR_RHO_0.stated(
    "equal-margins-rho-near-least",
    title="At equal margins mu with mu^2 >= lambda, rho at rest is at least half of rho_0",
    printed=r"\bar f_n = \mu \;\forall n,\; \mu^2 \ge \lambda \implies"
    r" \rho_{\rm eq} \ge \frac12 \rho_0",
    given=[NOT_BELOW],
    states="2 * best(margin(0)) >= least",
    control=tc.altered("any margin", without=[NOT_BELOW], on=one_weight()),
    on=one_weight().map(at_most_squared),
    corrects="equal-margins-rho-near-least-printed",
    rests_on=["equal-margins-gap"],
    why="`1 / (mu rho) = 1 + lambda / mu^2`, and `rho = 1/mu` interpolates, so that `rho_0 <= 1/mu`"
    " in general; checked with one weight, where they are equal. Equality where `lambda = mu^2`.",
)
