"""The course of rho: how often it turns, whether it passes 0, where it ends: xu2022, 3.5."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
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
    WEIGHT_DECAY,
)
from properties.dynamics.courses import crossed, ended, turned
from properties.dynamics.normalised import AVERAGED_FLOW, MEAN_LOSS, RHO_DOT, at_rest_in_rho, points
from properties.equilibrium.resting_points import RHO_AT_REST
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022

LINEAR = tc.Assumption("a deep linear network", "all([slope(l) == 1 for l in range(1, depth + 1)])")

rho_course_acceleration = tc.stated(
    "rho-course-acceleration",
    title="With one sample, a positive rho can turn down only where margin^2 > lambda",
    sources=[XU2022.at("Section 3.5: rho may overshoot")],
    printed=r"N = 1,\; \dot\rho = 0 \implies \ddot\rho = 4\rho\,(1 - \rho\bar f)(1 - 2\rho\bar f)"
    r"\sum_k \Big\|\frac{\partial\bar f}{\partial V_k} - \bar f V_k\Big\|^2, \quad"
    r" 1 - 2\rho\bar f = \frac{\lambda - \bar f^2}{\lambda + \bar f^2}",
    given=[
        CHAIN,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        SMOOTH,
        ONE_SAMPLE,
        POSITIVE_WEIGHT_DECAY,
        RHO_AT_REST,
    ],
    where=[
        MARGIN,
        MEAN_MARGIN,
        SECOND_MOMENT,
        MEAN_LOSS,
        RHO_DOT,
        AVERAGED_FLOW,
        "acceleration = sum([inner(grad(rho_dot(rho), k), flow(k)) for k in weights])",
        "slope_of = sum([squared(y[0][0] * df(0, 0, k) - mu * W[k]) for k in weights])",
        "turned(a) = 4 * rho * (1 - rho * mu) * a * slope_of",
    ],
    states="acceleration == turned(1 - 2 * rho * mu)"
    " and (1 - 2 * rho * mu) * (weight_decay + mu ** 2) == weight_decay - mu ** 2",
    control=tc.altered(
        "the first factor squared",
        "acceleration == turned(1 - rho * mu)"
        " and (1 - 2 * rho * mu) * (weight_decay + mu ** 2) == weight_decay - mu ** 2",
    ),
    on=points(tc.mlps(depths=(1, 3), widths=(1, 2)), smooth=True, samples=(1, 1)).map(
        at_rest_in_rho
    ),
    examples=60,
    rests_on=["rho-dynamics", "normalised-flow", "rho-equilibrium-mean"],
    why="Our own; it bears on whether rho can oscillate. Eq. 6 differentiated along Eq. 5. A"
    " positive rho rests only where the margin is positive and the output below its label. From"
    " there the margin grows, so that its square passes lambda at most once: rho can turn up before"
    " that, and down after it, each at most once (`rho-course-one-sample`).",
)


@st.composite
def one_sample(draw: st.DrawFn) -> tc.Case:
    """Four linear networks of width 2 on a unit vector; half of them start nearly across.

    The first example has depth 1, most others have depth 2.
    """
    depth, weights = draw(st.sampled_from([1, 2, 2, 2])), []
    for flat in (16, 48, 2, 3):
        t = Fraction(1, flat)
        first = np.array([2 * t / (1 + t * t), (1 - t * t) / (1 + t * t)], dtype=object)
        if depth == 1:
            weights.append([first[None]])
        else:
            share, last = (draw(tc.unit_arrays(shape, positive=True)) for shape in ((2,), (1, 2)))
            weights.append([np.outer(share, first), last])
    stacked = tuple(np.stack(matrices) for matrices in zip(*weights, strict=True))
    numbers = {
        "rho": draw(st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(1, 8)])),
        "weight_decay": Fraction(1, draw(st.sampled_from([8, 16, 32]))),
    }
    inputs = np.tile(np.array([[[1.0, 0.0]]]), (len(weights), 1, 1))
    network = tc.mlp([2] * depth + [1], tc.LINEAR)
    return tc.Case(network, stacked, inputs, np.ones((len(weights), 1, 1)), numbers)


rho_course_one_sample = tc.stated(
    "rho-course-one-sample",
    title="With one sample rho of a deep linear network turns at most twice",
    sources=[XU2022.at("Section 3.5: rho may overshoot")],
    printed=r"\text{there may [be] oscillations in } \rho \text{ for ``short'' intervals}: \quad"
    r" N = 1 \implies \text{at most two}",
    given=[
        CHAIN,
        LINEAR,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        ONE_SAMPLE,
        POSITIVE_RHO,
        POSITIVE_WEIGHT_DECAY,
    ],
    states="turns <= 2",
    control=tc.altered("at most once", "turns <= 1"),
    on=one_sample(),
    along=turned(16.0),
    examples=6,
    enough=6,
    rests_on=["rho-course-acceleration"],
    why="Our own; it bears on whether rho can oscillate. `rho-course-acceleration`: it can fall,"
    " grow and fall, and not oscillate. Turns are changes of sign of the velocity of rho along the"
    " flow up to time 16, found on the continuous extension of its steps.",
)


@st.composite
def two_samples(draw: st.DrawFn) -> tc.Case:
    """A planar classifier that has both samples wrong, with a short and a long input."""
    long = draw(st.sampled_from([(11, 11), (12, 10)]))
    rows = [[Fraction(1, 8), Fraction(3, 16)], [Fraction(c, 16) for c in long]]
    numbers = {
        "rho": Fraction(1, draw(st.sampled_from([1, 2]))),
        "weight_decay": Fraction(1, draw(st.sampled_from([8, 16, 32]))),
    }
    weights = [[Fraction(5, 13), Fraction(-12, 13)]]
    return tc.Case.single(tc.mlp([2, 1], tc.LINEAR), [weights], rows, [[1], [1]], numbers)


rho_course_oscillates = tc.stated(
    "rho-course-oscillates",
    title="With two samples rho can fall, grow, fall and grow again",
    sources=[XU2022.at("Section 3.5: rho may overshoot")],
    printed=r"\rho \text{ may grow non-monotonically, that is there may oscillations in } \rho"
    r" \text{ for ``short'' intervals}",
    given=[CHAIN, LINEAR_CLASSIFIER, UNIT_WEIGHTS, SIGN_LABELS],
    assuming={
        "V = (5, -12)/13, and the inputs are (2, 3)/16 and (11, 11)/16 or (12, 10)/16": (
            "13 * W[0][0][0] == 5 and 13 * W[0][0][1] == -12 and len(samples) == 2"
            " and 16 * x[0][0] == 2 and 16 * x[0][1] == 3"
            " and (16 * x[1][0] == 11 and 16 * x[1][1] == 11"
            " or 16 * x[1][0] == 12 and 16 * x[1][1] == 10)"
        ),
        "both labels are 1": "y[0][0] == 1 and y[1][0] == 1",
        "1/2 <= rho <= 1": "1 <= 2 * rho and rho <= 1",
        "1/32 <= lambda <= 1/8": "1 <= 32 * weight_decay and 8 * weight_decay <= 1",
    },
    states="turns == 3",
    control=tc.altered("four times", "turns == 4"),
    on=two_samples(),
    along=turned(16.0),
    examples=4,
    enough=2,
    rests_on=["loss-descent-representation"],
    why="rho falls while both labels are missed, and grows until the long input is fitted. V turns"
    " on to this input, which then needs a smaller rho: rho falls. When V turns to the short input,"
    " the margin of the long one falls, and rho grows again. With one sample it cannot happen"
    " (`rho-course-one-sample`); in the trainings of `rho-training-overshoots` rho falls in one of"
    " 24.",
)


@st.composite
def slowly_forgotten(draw: st.DrawFn) -> tc.Case:
    """A linear classifier in the plane on one unit vector, with little decay, from rho = 1/8."""
    t = Fraction(1, draw(st.sampled_from([4, 5, 6])))
    weights = [[2 * t / (1 + t * t), (1 - t * t) / (1 + t * t)]]
    numbers = {
        "rho": Fraction(1, 8),
        "weight_decay": Fraction(1, draw(st.sampled_from([256, 512]))),
    }
    return tc.Case.single(tc.mlp([2, 1], tc.LINEAR), [weights], [[1, 0]], [[1]], numbers)


rho_course_falls_long_printed = tc.stated(
    "rho-course-falls-long-printed",
    title="rho cannot fall for long periods of time, as printed",
    sources=[XU2022.at("Section 3.5: rho cannot fall for long")],
    printed=r"\dot\rho \text{ cannot be negative for long periods of time}",
    given=[
        CHAIN,
        LINEAR_CLASSIFIER,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        POSITIVE_RHO,
        POSITIVE_WEIGHT_DECAY,
    ],
    states="falling <= growing",
    control=tc.altered("a third as long", "3 * falling <= growing"),
    on=slowly_forgotten(),
    along=turned(24.0),
    rests_on=["rho-growth-margin-printed"],
    why='"Long" is read as longer than rho has grown. From a small start it grows until the sample'
    " is fitted, and then falls for a time of the order of `1 / lambda` while weight decay turns V"
    " to the sample. What bounds the fall is not time but the loss: `margin-spread-bound`.",
)

# Past zero

NEGATIVE = tc.Assumption("the mean margin is negative", "mu < 0")


@st.composite
def wrong_starts(draw: st.DrawFn) -> tc.Case:
    """Small rho, unit weights and the labels that the network does not give, in the unit ball."""
    depth = draw(st.integers(1, 2))
    network = tc.mlp([2] * depth + [1], draw(st.sampled_from([tc.LINEAR, 0.5])))
    weights = [draw(tc.unit_arrays(p.shape, positive=True)) for p in network.parameters]
    rows = draw(
        st.lists(st.lists(st.integers(1, 2), min_size=2, max_size=2), min_size=1, max_size=2)
    )
    inputs = [[Fraction(c, 3) for c in row] for row in rows]
    numbers = {
        "rho": Fraction(1, draw(st.sampled_from([4, 16, 64, 256]))),
        "weight_decay": Fraction(draw(st.integers(0, 2)), 4),
    }
    return tc.Case.single(network, weights, inputs, [[-1]] * len(rows), numbers)


@st.composite
def nearly_across(draw: st.DrawFn) -> tc.Case:
    """Small rho, and an input that is nearly orthogonal to V, with the other label."""
    row = [Fraction(draw(st.sampled_from([3, 2])), 32), Fraction(draw(st.sampled_from([7, 6])), 8)]
    numbers = {
        "rho": Fraction(1, draw(st.sampled_from([32, 64, 256]))),
        "weight_decay": Fraction(1, draw(st.sampled_from([2, 4, 8]))),
    }
    return tc.Case.single(tc.mlp([2, 1], tc.LINEAR), [[[1, 0]]], [row], [[-1]], numbers)


rho_course_back_to_zero_printed = tc.stated(
    "rho-course-back-to-zero-printed",
    title='A small perturbation with a falling rho ends at zero, not below: "going back to zero"',
    sources=[XU2022.at("Section 3.5: a perturbation goes back to zero")],
    printed=r"\text{A small perturbation will either result in } \dot\rho < 0 \text{ with } \rho"
    r" \text{ going back to zero or in } \rho \text{ growing}",
    given=[
        CHAIN,
        LINEAR_CLASSIFIER,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        ONE_SAMPLE,
        IN_BALL,
        POSITIVE_WEIGHT_DECAY,
        RHO_NEAR_ZERO,
        OUTPUT_NEAR_ZERO,
        NEGATIVE,
    ],
    where=[MARGIN, MEAN_MARGIN],
    states="rho_end >= 0",
    control=tc.altered("it grows", "rho_end >= rho"),
    on=nearly_across(),
    along=ended(4.0),
    rests_on=["rho-dynamics"],
    why="rho = 0 stops nothing: there the velocity is `2 mu` (`rho-growth-at-zero`), negative here,"
    " and rho goes on to negative values, however small the perturbation of rho and of V is"
    " (`rho-course-passes-zero`). A negative rho is no product of norms; it is the network"
    " with the opposite last layer, whose margins are positive.",
)

rho_course_passes_zero = tc.stated(
    "rho-course-passes-zero",
    title="With a negative mean margin a small rho passes zero, by a time that the margin gives",
    sources=[XU2022.at("Section 3.5: a perturbation goes back to zero")],
    printed=r"\mu < 0,\; c = \mu^2 - L(1 + \rho)\rho^2 > 0 \implies \rho(t) = 0"
    r" \text{ at some } t \le \frac{\rho}{2\sqrt c}",
    given=[
        CHAIN,
        DENSE,
        SHORTENING,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        SMOOTH,
        IN_BALL,
        POSITIVE_RHO,
        WEIGHT_DECAY,
        NEGATIVE,
    ],
    assuming={"c > 0, and the time is below 4": "rho ** 2 < 64 * c"},
    where=[MARGIN, MEAN_MARGIN, "c = mu ** 2 - depth * (1 + rho) * rho ** 2"],
    states="4 * crossing ** 2 * c <= rho ** 2",
    control=tc.altered("half as long", "16 * crossing ** 2 * c <= rho ** 2"),
    on=wrong_starts(),
    along=crossed(4.0),
    examples=10,
    enough=4,
    corrects="rho-course-back-to-zero-printed",
    rests_on=["rho-dynamics", "normalised-flow", "loss-descent-margins"],
    why="Our own; it bears on where a small perturbation goes. As long as mu < 0 and rho falls,"
    " `mu^2 - L (1 + rho(0)) rho^2` cannot fall: margins grow at most at the rate `2 L rho (1 +"
    " rho)`, rho falls at least at the rate `-2 mu`, as lambda >= 0. So mu stays below `-sqrt c`,"
    " until rho is 0. `crossing` is when the flow passes it, or 4.",
)


# Where it ends

LEAST_RHO = (
    "labels = [y[n][0] for n in samples]",
    "gram = [[inner(x[n], x[m]) for m in samples] for n in samples]",
    "least = inner(labels, solve(gram, labels))",
)
"""Its last: rho_0 squared, of a linear classifier: that of the least interpolating weights."""


@st.composite
def tilted_classifiers(draw: st.DrawFn) -> tc.Case:
    """A classifier of three inputs on samples in a plane, tilted out of it; no weight decay."""
    pairs = st.sampled_from([[(4, 0)], [(3, 2)], [(4, 0), (0, 4)], [(4, 0), (1, 3)]])
    rows = [[Fraction(c, 4) for c in (*row, 0)] for row in draw(pairs)]
    t = Fraction(1, draw(st.sampled_from([2, 3, 4])))
    side = 2 * t / (1 + t * t)
    weights = [[side * Fraction(3, 5), side * Fraction(4, 5), (1 - t * t) / (1 + t * t)]]
    numbers = {
        "rho": draw(st.sampled_from([Fraction(1, 16), Fraction(1), Fraction(2)])),
        "weight_decay": Fraction(0),
    }
    signs = [[1]] * len(rows)
    return tc.Case.single(tc.mlp([3, 1], tc.LINEAR), [weights], rows, signs, numbers)


rho_course_limit = tc.stated(
    "rho-course-limit",
    title="Where rho ends without weight decay: a formula for linear classifiers",
    sources=[
        XU2022.at("Section 1: margins depend on the scale of initialisation"),
        XU2022.at("Section 3.5: large rho stays near its initial value"),
        XU2022.at("Section 3.5: small rho before large rho"),
        XU2022.at("Section 3.5: small rho converges to rho_0"),
    ],
    printed=r"\lambda = 0: \quad \Big(1 - \frac{\rho_0^2}{\rho_\infty^2}\Big) e^{\rho_\infty^2}"
    r" = \|V^\perp(0)\|^2 e^{\rho(0)^2}, \quad"
    r" \rho_0 = \min\{\|w\| : \langle w, x_n\rangle = y_n\}",
    given=[
        CHAIN,
        LINEAR_CLASSIFIER,
        UNIT_WEIGHTS,
        SIGN_LABELS,
        IN_BALL,
        POSITIVE_RHO,
        NO_WEIGHT_DECAY,
    ],
    assuming={
        "a tenth of |V|^2 or more is outside the span of the inputs": "10 * unseen >= 1",
        "N tr G^-1 <= 100 for the Gram matrix G of the inputs": "len(samples) * traced <= 100",
        "training ends with a loss of at most 10^-12": "1000 ** 4 * loss_end <= 1",
        "rho ends below 3": "rho_end < 3",
        "rho^2 has grown by less than 3": "rho_end ** 2 < rho ** 2 + 3",
    },
    where=[
        *LEAST_RHO,
        "unit(n) = [1 if m == n else 0 for m in samples]",
        "traced = sum([inner(unit(n), solve(gram, unit(n))) for n in samples])",
        "unseen = squared(outside(W[0], x))",
        "reached = (1 - least / rho_end ** 2) * exp(rho_end ** 2)",
        "begun = unseen * exp(rho ** 2)",
    ],
    states="99 * begun <= 100 * reached and 100 * reached <= 101 * begun",
    control=tc.altered("it ends at rho_0", "100 * abs(rho_end ** 2 - least) <= least"),
    on=tilted_classifiers(),
    along=ended(48.0),
    examples=12,
    enough=6,
    corrects="initial-direction-least-rho-printed",
    rests_on=["initial-direction-off-data"],
    why="Our own; it bears on what the initial rho decides. What V has outside the span of the"
    " inputs shrinks as `exp(-rho^2 / 2)` (`initial-direction-off-data`), and at zero loss what it"
    " has inside is `rho_0 / rho`. The left side grows with the limit, so there is one, it grows"
    " with the initial rho, and from rho(0) = 0 it is above rho_0 unless V starts in the span of"
    " the inputs; from a large one, `rho_infinity^2 - rho(0)^2` tends to `log |V_perp|^2`. One"
    " percent is for what is left of the loss: the hypotheses on V, on G and on the growth of rho"
    " keep its effect below that.",
)
