"""Quasi-interpolation at rest, and what the paper's own numbers make of it: xu2022, Section 3."""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    IN_BALL,
    INDEPENDENT_INPUTS,
    POSITIVE_RHO,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import AVERAGED_FLOW, at_rest_in_rho, on_a_line, points
from properties.equilibrium.resting_points import (
    AT_REST,
    RHO_AT_REST,
    WEIGHTS_AT_REST,
    resting_points,
)
from properties.papers import XU2022
from properties.unit_ball import in_ball_at_rest

FIT = "fit = sum([(rho * f(n, 0) - y[n][0]) ** 2 for n in samples]) / len(samples)"
"""The square loss without its penalty."""
RESTING = points().map(at_rest_in_rho)
RESTING_LINES = (
    on_a_line([Fraction(margin, 4) for margin in (4, 3, 0, -1)])
    .filter(lambda case: case.numbers["weight_decay"] > 0)
    .map(at_rest_in_rho)
)

quasi_interpolation_some = tc.stated(
    "quasi-interpolation-some",
    title="With weight decay, some sample is not interpolated where rho is at rest",
    sources=[XU2022.at("Section 1: perfect interpolation cannot occur")],
    printed=r"\text{In the presence of weight decay, perfect interpolation of all data points}"
    r"\text{ cannot occur}",
    given=[CHAIN, SIGN_LABELS, POSITIVE_WEIGHT_DECAY, POSITIVE_RHO, RHO_AT_REST],
    where=AT_REST,
    states="min([rho * margin(n) for n in samples if margin(n) > 0]) < 1",
    control=tc.altered(
        "all of them", "max([rho * margin(n) for n in samples if margin(n) > 0]) < 1 / 4"
    ),
    on=st.one_of(RESTING, RESTING_LINES),
    examples=100,
    rests_on=["zero-loss-equal-margins"],
    why="At rest, the sum of `(1 - rho fbar_n) fbar_n` is `N lambda rho`, so that one of its terms"
    " is positive: a sample that is classified correctly stays below its label. So the square loss"
    " is not 0 (`quasi-interpolation-zero-loss-printed`).",
)


@st.composite
def one_sample_at_rest(draw: st.DrawFn) -> tc.Case:
    """A linear classifier of one sample in the unit ball, with rho at rest."""
    margin = Fraction(1, draw(st.integers(1, 4)))
    decay = Fraction(1, draw(st.sampled_from([1, 4, 1000])))
    numbers = {"rho": margin / (margin**2 + decay), "weight_decay": decay}
    return tc.Case.single(tc.mlp([1, 1]), [[[1]]], [[margin]], [[1]], numbers)


quasi_interpolation_zero_loss_printed = tc.stated(
    "quasi-interpolation-zero-loss-printed",
    title="Training gives zero square loss, with weight decay too, as printed",
    sources=[XU2022.at("Section 7: zero square loss")],
    printed=r"\text{training gives perfect classification and zero square loss}",
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        IN_BALL,
        POSITIVE_WEIGHT_DECAY,
        POSITIVE_RHO,
        RHO_AT_REST,
    ],
    where=[*AT_REST, FIT],
    states="fit == 0",
    control=tc.altered("1, the loss of a network that is 0", "fit == 1"),
    on=one_sample_at_rest(),
    rests_on=["zero-loss-equal-margins"],
    why="Section 7 says so of trainings on random labels; those of Figure 4 have lambda = 0.001."
    " Where rho is at rest and positive, lambda > 0 leaves a square loss in every network, by"
    " `quasi-interpolation-some`.",
)


quasi_interpolation_never_printed = tc.stated(
    "quasi-interpolation-never-printed",
    title="With weight decay, no sample reaches its label at rest, as printed",
    sources=[XU2022.at("Section 3.2: margins are never interpolating, Figure 8")],
    printed=r"\text{the margins (which are never interpolating; interpolation is quivalent to }"
    r"\rho y_n f(x_n) < 1,\; \forall n \text{)}",
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        SMOOTH,
        IN_BALL,
        POSITIVE_WEIGHT_DECAY,
        POSITIVE_RHO,
        RHO_AT_REST,
        WEIGHTS_AT_REST,
        INDEPENDENT_INPUTS,
    ],
    forall=["n in samples"],
    where=[*AT_REST, AVERAGED_FLOW],
    states="rho * margin(n) < 1",
    control=tc.altered("half of it", "rho * margin(n) < 1 / 2"),
    on=resting_points(samples=(2, 2)).map(in_ball_at_rest),
    rests_on=["zero-loss-equal-margins"],
    why="Read as: rho fbar_n < 1 for all n (the sentence has it the wrong way round, as this is not"
    " interpolation). Some samples stay below their labels at rest (`quasi-interpolation-some`);"
    " others may lie above. Shown at points of rest of the whole flow, with inputs that can be"
    " interpolated.",
)

quasi_interpolation_rho = tc.stated(
    "quasi-interpolation-rho",
    title="With weight decay lambda, rho at rest is at most 1/(2 sqrt(lambda))",
    sources=[XU2022.at("Eq. 7, Lemma 1")],
    printed=r"\rho_{\rm eq} = \frac{\mu}{M + \lambda} \le \frac1{2\sqrt\lambda}",
    given=[CHAIN, SIGN_LABELS, POSITIVE_WEIGHT_DECAY, RHO_AT_REST],
    where=AT_REST,
    states="4 * weight_decay * rho ** 2 <= 1",
    control=tc.altered("half of it", "8 * weight_decay * rho ** 2 <= 1"),
    on=RESTING,
    examples=60,
    rests_on=["rho-equilibrium-mean", "zero-loss-margin-variance"],
    why="`M >= mu^2`, and `mu / (mu^2 + lambda)` is largest at `mu = sqrt(lambda)`. For lambda ="
    " 0.001, which the paper uses, rho at rest is at most 15.9, whatever the margins: far from the"
    " 500 that Section 3.5 names for interpolation without weight decay.",
)

TYPICAL = Fraction(1, 200)


@st.composite
def typical_margins(draw: st.DrawFn) -> tc.Case:
    """A linear classifier on one input, margins up to 1/200, lambda = 1/1000, rho at rest."""
    counts = st.lists(st.integers(1, 5), min_size=1, max_size=4)
    margins = [Fraction(k, 1000) for k in draw(counts)]
    decay = Fraction(1, 1000)
    mean = sum(margins, Fraction(0)) / len(margins)
    moment = sum((m * m for m in margins), Fraction(0)) / len(margins)
    return tc.Case.single(
        tc.mlp([1, 1]),
        [[[Fraction(1)]]],
        [[m] for m in margins],
        [[Fraction(1)]] * len(margins),
        {"rho": mean / (moment + decay), "weight_decay": decay},
    )


PAPERS_NUMBERS = [
    CHAIN,
    SIGN_LABELS,
    tc.Assumption("lambda is 0.001, or larger", "1000 * weight_decay >= 1"),
    tc.Assumption("margins are at most 0.005", "max([abs(margin(n)) for n in samples]) <= 1 / 200"),
    POSITIVE_RHO,
    RHO_AT_REST,
]
PLACE = "Section 3.5: margins of 0.002, Figure 4"

quasi_interpolation_numbers_printed = tc.stated(
    "quasi-interpolation-numbers-printed",
    title="With the paper's lambda and margins, training ends near interpolation, as printed",
    sources=[XU2022.at(PLACE), XU2022.at("Section 5.1: observed margins")],
    printed=r"\text{quasi-interpolation: } |f(x_n) - y_n| \le \epsilon \text{ small;}"
    r"\quad \lambda = 0.001,\; \bar f_n \approx 0.002 \text{ at most, typically } 5 \times 10^{-3}",
    given=PAPERS_NUMBERS,
    where=AT_REST,
    states="1 - rho * mu <= 1 / 2",
    control=tc.altered("1/4", "1 - rho * mu <= 1 / 4"),
    on=typical_margins(),
    why="Small is taken to be 1/2: the mean output is nearer to the label than to 0. At rest the"
    " gap is at least `lambda / (mu^2 + lambda)`, which for these numbers is 0.975 or more: the"
    " network is hardly trained. The numbers fit a loss that is summed over N = 10,000 samples, as"
    " in poggio2020, whose gap is `lambda / (N mu^2 + lambda)`, 0.024 for margins of 0.002; not"
    " the averaged loss of Eq. 1.",
)

quasi_interpolation_numbers = tc.stated(
    "quasi-interpolation-numbers",
    title="With the paper's lambda and margins, the gap to interpolation is 40/41 or more",
    sources=[XU2022.at(PLACE), XU2022.at("Section 5.1: observed margins")],
    printed=r"\lambda \ge 0.001,\; |\bar f_n| \le 0.005 \implies \epsilon \ge 40/41",
    given=PAPERS_NUMBERS,
    where=AT_REST,
    states="40 / 41 <= 1 - rho * mu",
    control=tc.altered("more than that", "81 / 82 <= 1 - rho * mu"),
    on=typical_margins(),
    corrects="quasi-interpolation-numbers-printed",
    rests_on=["interpolation-gap"],
    why="The gap of Eq. 8 is at least `lambda / (mu^2 + lambda)`. Equality where lambda is 0.001"
    " and all margins are 0.005.",
)

quasi_interpolation_final_phase_printed = tc.stated(
    "quasi-interpolation-final-phase-printed",
    title="With the paper's lambda and margins, weight decay matters in the final phase only",
    sources=[XU2022.at("Section 3.5: weight decay in the final phase")],
    printed=r"\text{The regularization term, for standard small values of } \lambda \text{, is}"
    r"\text{ relevant only in the final phase, when } \rho \text{ is in the order of } \rho_0",
    given=[*PAPERS_NUMBERS[:4], POSITIVE_RHO],
    assuming={
        "before the final phase: no output exceeds a tenth of its label": "10 * rho"
        " * max([abs(margin(n)) for n in samples]) <= 1"
    },
    where=AT_REST,
    states="weight_decay * rho ** 2 <= M * rho ** 2",
    control=tc.altered("half of it", "weight_decay * rho ** 2 <= M * rho ** 2 / 2"),
    on=typical_margins(),
    rests_on=["rho-dynamics-loss-in-margins"],
    why="Relevant is taken as: larger than the other term of Eq. 11 in rho^2. In the example rho is"
    " about 1 and rho_0 is 1000. With lambda = 0.001"
    " and margins up to 0.005, `lambda` is at least 40 times M, at every rho, and at rho_0 = 500"
    " the penalty is 250, where the loss of a network that is 0 is 1. The numbers contradict one"
    " another, as in `quasi-interpolation-numbers-printed`.",
)

ANY = tc.cases(tc.mlps(depths=(1, 1), widths=(1, 1)), samples=(1, 1), cohort=1)

quasi_interpolation_typical_printed = tc.stated(
    "quasi-interpolation-typical-printed",
    title="Typical margins are at most the largest margin, with the numbers as printed",
    kind="consistency",
    sources=[XU2022.at("Section 3.5: margins of 0.002, Section 5.1: observed margins")],
    printed=r"\text{the maximal } \bar f_n \text{ is } \approx 0.002; \quad \text{the typically}"
    r"\text{ observed values of } \bar f_i \text{ in our experiments are approximately }"
    r" 5 \times 10^{-3}",
    given=[],
    states="5 <= 2",
    control=tc.altered("ten times as large", "50 <= 2"),
    on=ANY,
    examples=1,
    enough=1,
    why="The check compares thousandths. Two places contradict each other: the maximal margin"
    ' "in the experiments plotted in this paper" is smaller than what is typically observed "in our'
    ' experiments" two sections later.',
)

quasi_interpolation_parameters = tc.stated(
    "quasi-interpolation-parameters",
    title="The weights of the architecture are 7 fewer than the parameters that Figure 6 names",
    sources=[XU2022.at("Section 3.2: experiments, Figure 6")],
    printed=r"3200 \times 1024 = 3{,}276{,}800,\; 1024 \times 2 = 2048; \quad"
    r"\text{the number of parameters (here 3519335)}",
    given=[],
    states="9 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 128) + 3200 * 1024 + 1024 * 2 + 7 == 3519335"
    " and 3200 * 1024 == 3276800",
    control=tc.altered(
        "the weights alone",
        "9 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 128) + 3200 * 1024 + 1024 * 2 == 3519335",
    ),
    on=ANY,
    examples=1,
    enough=1,
    why="Four convolutional layers of 32, 64, 128 and 128 channels with 3 x 3 filters on three"
    " colours, and the two dense layers, without biases, have 3,519,328 weights. The paper does not"
    " say what the other 7 are; a guess is rho and six gains of weight normalisation, which are"
    " frozen.",
)
