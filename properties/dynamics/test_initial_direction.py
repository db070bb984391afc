"""What the flow remembers of its initial weights: xu2022, Sections 1 and 3.5."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CHAIN, DENSE, IN_BALL, SIGN_LABELS, SMOOTH, UNIT_WEIGHTS
from properties.dynamics.courses import ended
from properties.dynamics.normalised import AVERAGED_FLOW, MEAN_LOSS, RHO_DOT, points
from properties.notation import MARGIN
from properties.papers import XU2022

UNSEEN = "unseen = outside(W[0], x)"
"""The part of V_1 outside the span of the inputs."""
FIRST_LAYER = ("i in range(len(W[0]))", "j in range(len(x[0]))")

initial_direction_off_data = tc.stated(
    "initial-direction-off-data",
    title="What V_1 has outside the span of the inputs changes by rho and weight decay alone",
    sources=[
        XU2022.at("Section 1: weaker dependence on initial conditions"),
        XU2022.at("Section 3.5: weight decay makes the process more robust"),
    ],
    printed=r"\dot V_1^\perp = -\rho(\dot\rho + 2\lambda\rho)\, V_1^\perp",
    given=[CHAIN, DENSE, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH],
    forall=FIRST_LAYER,
    where=[MARGIN, MEAN_LOSS, RHO_DOT, AVERAGED_FLOW, UNSEEN],
    states="outside(flow(0), x)[i][j]"
    " == -rho * (rho_dot(rho) + 2 * weight_decay * rho) * unseen[i][j]",
    control=tc.altered(
        "weight decay left out", "outside(flow(0), x)[i][j] == -rho * rho_dot(rho) * unseen[i][j]"
    ),
    on=points(tc.mlps(depths=(1, 3), widths=(2, 3)), smooth=True, samples=(1, 2)),
    examples=60,
    rests_on=["lagrange-multiplier", "normalised-flow", "rho-dynamics"],
    why="Our own; it bears on what the flow forgets. The gradient with respect to V_1 lies in the"
    " span of the inputs; the multiplier takes the rest down by `2 nu_1 = rho (rho_dot + 2 lambda"
    " rho)`, at any depth and for any activation. Without weight decay `|V_1^perp| exp(rho^2/2)`"
    " is therefore constant, and the limit depends on the initial weights for ever, however small"
    " the initial rho; with it, this memory fades at the rate `2 lambda rho^2`.",
)

initial_direction_off_data_plain = tc.stated(
    "initial-direction-off-data-plain",
    title="In the flow of W, what W_1 has outside the span of the inputs decays by lambda alone",
    printed=r"\dot W_1^\perp = -2\lambda W_1^\perp",
    given=[
        CHAIN,
        DENSE,
        SIGN_LABELS,
        SMOOTH,
        tc.Convention(
            "gradient flow of W, of any norms, on the averaged square loss plus"
            " lambda sum_k |W_k|^2 (in xu2022, Eq. 1, it is lambda rho^2)"
        ),
    ],
    forall=FIRST_LAYER,
    where=[
        "fit = sum([(f(n, 0) - y[n][0]) ** 2 for n in samples]) / len(samples)",
        "penalised = fit + weight_decay * sum([squared(W[k]) for k in weights])",
        UNSEEN,
    ],
    states="outside(grad(penalised, 0), x)[i][j] == 2 * weight_decay * unseen[i][j]",
    control=tc.altered("half of it", {"== 2 *": "=="}),
    on=tc.cases(
        tc.mlps(depths=(1, 3), widths=(2, 3)),
        samples=(1, 2),
        targets="signs",
        numbers={"weight_decay": tc.positive_dyadics()},
        cohort=4,
    ),
    examples=40,
    why="For comparison: small initial weights make this part small in the flow of W, but not in"
    " that of rho and V, where the directions have norm 1 at the start.",
)

LEAST_RHO = (
    "labels = [y[n][0] for n in samples]",
    "gram = [[inner(x[n], x[m]) for m in samples] for n in samples]",
    "least = inner(labels, solve(gram, labels))",
)
"""Its last: rho_0 squared, of a linear classifier: that of the least interpolating weights."""


@st.composite
def small_starts(draw: st.DrawFn) -> tc.Case:
    """Linear classifiers of three inputs and two samples, without weight decay, from rho = 1/16."""
    pairs = [(5, 0), (0, 5), (3, 4), (4, 3)]
    rows = draw(st.lists(st.sampled_from(pairs), min_size=2, max_size=2, unique=True))
    inputs = np.array([[[Fraction(c, 5) for c in (*row, 0)] for row in rows]], dtype=object)
    t = Fraction(1, draw(st.sampled_from([2, 3, 4])))
    first = [2 * t / (1 + t * t) * Fraction(3, 5), 2 * t / (1 + t * t) * Fraction(4, 5)]
    weights = np.array([[[*first, (1 - t * t) / (1 + t * t)]]], dtype=object)
    numbers = {"rho": Fraction(1, 16), "weight_decay": Fraction(0)}
    return tc.Case(tc.mlp([3, 1]), (weights,), inputs, np.ones((1, 2, 1)), numbers)


initial_direction_least_rho_printed = tc.stated(
    "initial-direction-least-rho-printed",
    title="From small rho, without weight decay, rho grows until it converges to rho_0, as printed",
    sources=[XU2022.at("Section 3.5: small rho converges to rho_0")],
    printed=r"\rho \text{ may grow non-monotonically ... until it converges to } \rho_0",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL],
    assuming={
        "a linear classifier and lambda = 0": "depth == 1 and slope(1) == 1 and weight_decay == 0",
        "0 < rho < rho_0 at the start, and rho is at most 1/16": "0 < rho and 16 * rho <= 1"
        " and rho ** 2 < least",
        "training ends with a loss of at most 10^-6": "1000000 * loss_end <= 1",
    },
    where=LEAST_RHO,
    states="10000 * rho_end ** 2 <= 11025 * least",
    control=tc.altered("within 1 percent", "10000 * rho_end ** 2 <= 10201 * least"),
    on=small_starts(),
    along=ended(200.0),
    examples=20,
    rests_on=[
        "loss-descent-representation",
        "rho-growth-margin-printed",
        "rho-course-falls-long-printed",
    ],
    why="V and rho are those of the start. Convergence is given 5 percent of rho_0, which for a"
    " linear classifier is the norm of the least interpolating weights. By"
    " `initial-direction-off-data` the part of V outside the span of the inputs does not go to 0"
    " without weight decay, and where it is not 0 rho is larger than rho_0. In the normalised"
    " flow, small rho alone is no bias to minimum norm.",
)


@st.composite
def tilted(draw: st.DrawFn, *, tilts: tuple[int, ...] = (3, 4, 5, 6, 7, 8)) -> tc.Case:
    """A linear classifier in the plane on one unit vector, with little decay, from rho = 1/16."""
    t = Fraction(1, draw(st.sampled_from(tilts)))
    weights = np.array([[[2 * t / (1 + t * t), (1 - t * t) / (1 + t * t)]]], dtype=object)
    numbers = {"rho": Fraction(1, 16), "weight_decay": Fraction(draw(st.integers(1, 16)), 2**14)}
    return tc.Case(tc.mlp([2, 1]), (weights,), np.eye(2)[None, :1], np.ones((1, 1, 1)), numbers)


OFF_THE_DATA = tc.Assumption(
    "at least three fifths of |V|^2 are outside the span of the inputs", "5 * squared(unseen) >= 3"
)

initial_direction_overshoots = tc.stated(
    "initial-direction-overshoots",
    title="From small rho, with little weight decay, rho passes where it will come to rest",
    sources=[XU2022.at("Section 3.5: rho may overshoot")],
    printed=r"\rho \text{ may grow non-monotonically, that is there may oscillations in } \rho",
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        tc.Assumption(
            "a linear classifier and one sample of norm 1, with a positive margin",
            "depth == 1 and slope(1) == 1 and len(samples) == 1 and squared(x[0]) == 1"
            " and y[0][0] * f(0, 0) > 0",
        ),
        tc.Assumption("0 < rho <= 1/16 at the start", "0 < rho and 16 * rho <= 1"),
        tc.Assumption("0 < lambda <= 1/1024", "0 < weight_decay and 1024 * weight_decay <= 1"),
        tc.Assumption(
            "at time 24 the square loss is at most 1/1000",
            "1000 * (loss_end - weight_decay * rho_end ** 2) <= 1",
        ),
        OFF_THE_DATA,
    ],
    where=[UNSEEN],
    states="100 * rho_end >= 109",
    control=tc.altered(
        "V lies in the span of the inputs", without=[OFF_THE_DATA], on=tilted(tilts=(1,))
    ),
    on=tilted(),
    along=ended(24.0),
    examples=40,
    rests_on=["loss-descent-representation"],
    why="V and rho are those of the start; rho is at least 1.09 at time 24. The one point of rest"
    " with rho > 0 has `rho = 1/(1 + lambda)`, below 1 (`stationary-weights-linear`)."
    " Before it forgets its initial direction, the flow nearly interpolates with a V that is not"
    " aligned with the sample, and needs a larger rho, from which it falls for a time of the order"
    " of `1/lambda`. There is one turn and no oscillation. Without weight decay rho stays there.",
)
