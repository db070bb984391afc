"""How the loss falls, and what a small loss leaves of the velocities: xu2022, Lemmas 3 and 4."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    DENSE,
    IN_BALL,
    NO_WEIGHT_DECAY,
    POSITIVE_RHO,
    SHORTENING,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
    WEIGHT_DECAY,
)
from properties.dynamics.normalised import (
    AVERAGED_FLOW,
    DESCENT,
    MEAN_LOSS,
    RHO_DOT,
    on_a_line,
    points,
)
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022
from properties.unit_ball import in_ball, in_ball_with_positive_rho

MOMENTS = (MARGIN, MEAN_MARGIN, SECOND_MOMENT, MEAN_LOSS, RHO_DOT)


FLOWS = tc.Family(given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS], where=[*MOMENTS])

loss_descent_representation = FLOWS.stated(
    "loss-descent-representation",
    title="Lemma 4: the loss in terms of rho, its velocity and the mean margin",
    sources=[XU2022.at("Lemma 4")],
    printed=r"\mathcal L_S(\rho, \{V_k\}) = 1 - \rho\Big(\frac12\dot\rho + \mu\Big)",
    states="loss(rho) == 1 - rho * (rho_dot(rho) / 2 + mu)",
    control=tc.altered("the velocity in full", "loss(rho) == 1 - rho * (rho_dot(rho) + mu)"),
    on=points(tc.mlps(depths=(1, 3), widths=(1, 3))),
    examples=40,
    rests_on=["loss-descent-sum-printed", "rho-dynamics"],
    why="The loss is a quadratic in rho, whose value at rho is its value at 0, plus rho times half"
    " the sum of its slopes at 0 and rho. Weight decay is included.",
)

loss_descent_sum_printed = tc.stated(
    "loss-descent-sum-printed",
    title="The second line of Eq. 11, as printed, without its sum",
    sources=[XU2022.at("Eq. 11")],
    printed=r"\mathcal L_S = \frac1N (\rho^2 f_n^2 - 2 y_n \rho f_n + y_n^2) + \lambda\rho^2",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL, POSITIVE_RHO],
    forall=["n in samples"],
    where=[MEAN_LOSS],
    states="loss(rho) == (rho ** 2 * f(n, 0) ** 2 - 2 * y[n][0] * rho * f(n, 0) + y[n][0] ** 2)"
    " / len(samples) + weight_decay * rho ** 2",
    control=tc.altered(
        "the right side doubled",
        "loss(rho) == 2 * ((rho ** 2 * f(n, 0) ** 2"
        " - 2 * y[n][0] * rho * f(n, 0) + y[n][0] ** 2) / len(samples) + weight_decay * rho ** 2)",
    ),
    on=points(tc.mlps(depths=(1, 2), widths=(1, 2))).map(in_ball_with_positive_rho),
    why="The sum over n is missing, and n is free on the right side. The first and the third line"
    " agree: `rho-dynamics-loss-in-margins`.",
)

loss_descent_along_flow = FLOWS.stated(
    "loss-descent-along-flow",
    title="Along the flow the loss falls at the rate of the squared velocities",
    sources=[
        XU2022.at("Section 3.4: the loss cannot increase"),
        XU2022.at("Section 3.5: gradient descent only decreases the loss"),
    ],
    printed=r"\frac{d \mathcal L}{dt} = -\dot\rho^2 - \sum_k \|\dot V_k\|^2",
    given=[SMOOTH],
    where=[DESCENT, AVERAGED_FLOW],
    states="sum([inner(descent(k), flow(k)) for k in weights])"
    " == sum([squared(flow(k)) for k in weights])",
    control=tc.altered("the gradient before its projection", {"(flow(k))": "(descent(k))"}),
    on=points(tc.mlps(depths=(1, 3), widths=(1, 3)), smooth=True),
    examples=40,
    rests_on=["normalised-flow"],
    why="Checked is the part of the V_k; that of rho is `rho_dot` times the slope `-rho_dot`. The"
    " velocity of V_k is the projection of minus the gradient, and a projection is orthogonal to"
    " what it takes away. So the loss cannot increase along gradient flow.",
)

STEPPED_LOSS = (
    "ahead = [W[k] + learning_rate * flow(k) for k in weights]",
    "rho_ahead = rho + learning_rate * rho_dot(rho)",
    "loss_ahead = sum([(rho_ahead * network(ahead, x)[n][0] - y[n][0]) ** 2 for n in samples])"
    " / len(samples) + weight_decay * rho_ahead ** 2",
)


def with_step(case: tc.Case) -> tc.Case:
    return replace(case, numbers={**case.numbers, "learning_rate": case.numbers["weight_decay"]})


loss_descent_steps = FLOWS.stated(
    "loss-descent-steps",
    title="Steps of descent along xu2022's Eq. 5 and 6 cannot raise the loss, as the flow cannot",
    printed=r"\mathcal L_S(\rho + \eta\dot\rho, \{V_k + \eta\dot V_k\})"
    r" \le \mathcal L_S(\rho, \{V_k\})",
    given=[SMOOTH, IN_BALL, POSITIVE_RHO],
    assuming={"0 < eta <= 1": "0 < learning_rate and learning_rate <= 1"},
    where=[AVERAGED_FLOW, *STEPPED_LOSS],
    states="loss_ahead <= loss(rho)",
    control=tc.altered("the loss is halved", "2 * loss_ahead <= loss(rho)"),
    numbers=["rho", "weight_decay", "learning_rate"],
    on=points(smooth=True).map(in_ball_with_positive_rho).map(with_step),
    why="A remark of our own, on steps: xu2022 says in Sections 3.4 and 3.5 that gradient descent"
    " cannot increase the loss, and assumes gradient flow there (Section 3.1), of which it is true"
    " (`loss-descent-along-flow`). Trainings have steps. Those that are small enough for the"
    " curvature lower the loss; a larger one can overshoot, in rho alone already.",
)

loss_descent_rho_speed = FLOWS.stated(
    "loss-descent-rho-speed",
    title="Lemma 3 with numbers: the velocity of rho is bounded by the loss",
    sources=[XU2022.at("Lemma 3"), XU2022.at("Section 3.4: rho cannot oscillate for ever")],
    printed=r"\dot\rho^2 \le 4 (M + \lambda)\, \mathcal L_S - 4 \lambda"
    r" \le 4 (M + \lambda)\, \mathcal L_S",
    given=[WEIGHT_DECAY],
    states="rho_dot(rho) ** 2 <= 4 * (M + weight_decay) * loss(rho) - 4 * weight_decay",
    control=tc.altered(
        "half of it", "rho_dot(rho) ** 2 <= 2 * (M + weight_decay) * loss(rho) - 2 * weight_decay"
    ),
    on=st.one_of(points(), on_a_line()),
    examples=60,
    rests_on=["loss-descent-mean-margin", "loss-descent-representation"],
    why="Cauchy and Schwarz: half the velocity is the inner product of the residuals `1 - rho"
    " fbar_n` and `sqrt(lambda) rho` with the margins and `-sqrt(lambda)`, up to factors of N; what"
    " is left is `4 lambda` and four times the variance of the margins. As M is at most 1, a loss"
    " that goes to 0 stops rho, for lambda = 0: what Lemma 3 states. So it cannot oscillate"
    " periodically within an interval then. That rho has a limit, as the proof"
    ' uses it for V_k ("since rho converges"), does not follow from its velocity alone.',
)

UNIT_PAIRS = [
    (Fraction(a, c), Fraction(b, c))
    for a, b, c in [(0, 1, 1), (1, 0, 1), (64, 1023, 1025), (3, 4, 5)]
]


@st.composite
def pulled_aside(draw: st.DrawFn) -> tc.Case:
    """Near equality: all samples pull alike at the first weights, and nearly across them."""
    along, across = draw(st.sampled_from(UNIT_PAIRS))
    signs = draw(st.lists(st.sampled_from([1, -1]), min_size=1, max_size=3))
    decays = st.sampled_from([Fraction(0), Fraction(1, 1024), Fraction(1)])
    rhos = st.one_of(st.sampled_from([Fraction(1, 16), Fraction(10, 3)]), tc.dyadics())
    numbers = {"rho": draw(rhos), "weight_decay": draw(decays)}
    weights: list[Any] = [[[along, across]]]
    match draw(st.integers(1, 3)):
        case 2:  # The weights where the gradient is, and beside it, are not symmetric.
            weights = [[[0, along], [-across, 0]], [[1, 0]]]
        case 3:  # Nor are they those of the next layer.
            weights = [[[0, along], [-across, 0]], [[0, 0], [1, 0]], [[0, 1]]]
    network = tc.mlp([2, *map(len, weights)], slope=tc.LINEAR)
    axis = min(network.depth - 1, 1)
    inputs = [[sign * (axis == i) for i in range(2)] for sign in signs]
    return tc.Case.single(network, weights, inputs, [[sign] for sign in signs], numbers)


loss_descent_weight_speed = tc.stated(
    "loss-descent-weight-speed",
    title="Lemma 3 with numbers: the velocity of V_k is bounded by rho and the loss",
    sources=[XU2022.at("Lemma 3, Eq. 10")],
    printed=r"\|\dot V_k\|^2 \le 4 \rho^2 \mathcal L_S",
    given=[CHAIN, DENSE, SHORTENING, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH, IN_BALL, WEIGHT_DECAY],
    forall=["k in weights"],
    where=[*MOMENTS, AVERAGED_FLOW],
    states="squared(flow(k)) <= 4 * rho ** 2 * loss(rho)",
    control=tc.altered("half of it", "2 * squared(flow(k)) <= 4 * rho ** 2 * loss(rho)"),
    on=st.one_of(
        pulled_aside(), points(tc.mlps(depths=(1, 3), widths=(1, 3)), smooth=True).map(in_ball)
    ),
    examples=60,
    rests_on=["normalised-flow", "loss-descent-rho-speed", "loss-descent-margins-printed"],
    why="Cauchy and Schwarz again, with gradients of norm at most 1, which the projection shortens."
    " The factor rho is why Lemma 3 needs a bounded rho for V_k to come to rest; its proof takes it"
    ' from "since rho converges", of which only that its velocity vanishes is shown.',
)


@st.composite
def fitted(draw: st.DrawFn) -> tc.Case:
    """A linear classifier that interpolates its samples, which have one margin, up to 1."""
    rho = Fraction(draw(st.integers(1, 16)))
    signs = draw(st.lists(st.sampled_from([1, -1]), min_size=1, max_size=2))
    inputs = [[sign / rho, 0] for sign in signs]
    numbers = {"rho": rho, "weight_decay": Fraction(0)}
    return tc.Case.single(tc.mlp([2, 1]), [[[1, 0]]], inputs, [[sign] for sign in signs], numbers)


loss_descent_margins_printed = tc.stated(
    "loss-descent-margins-printed",
    title="At zero loss every margin is 1 in absolute value, as the proof of Lemma 3 prints",
    sources=[XU2022.at("Lemma 3")],
    printed=r"\|V_k\| = 1,\; |\bar f_n| = 1",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL, NO_WEIGHT_DECAY, POSITIVE_RHO],
    assuming={"the loss is 0, as in the limit": "loss(rho) == 0"},
    forall=["n in samples"],
    where=[MARGIN, MEAN_LOSS],
    states="margin(n) ** 2 == 1",
    control=tc.altered("1/9", "margin(n) ** 2 == 1 / 9"),
    on=fitted(),
    why="Read literally, at the limit that Lemma 3 speaks of, where rho and V are at rest. Margins"
    " are 1/rho there, and Section 3.5 says that rho must be significantly larger than 1. What the"
    " proof needs is that they are at most 1 in absolute value.",
)

loss_descent_margins = tc.stated(
    "loss-descent-margins",
    title="Every margin is at most 1 in absolute value",
    sources=[XU2022.at("Section 3.5: margins are at most 1"), XU2022.at("Lemma 3")],
    printed=r"0 \le |\bar f_n| \le 1",
    given=[CHAIN, DENSE, SHORTENING, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL],
    forall=["n in samples"],
    where=[MARGIN],
    states="margin(n) ** 2 <= 1",
    control=tc.altered("1/2", "margin(n) ** 2 <= 1 / 4"),
    on=st.one_of(
        on_a_line(),
        points(tc.mlps(depths=(1, 4), widths=(1, 2))).map(
            lambda case: replace(case, inputs=case.inputs / 4)
        ),
    ),
    corrects="loss-descent-margins-printed",
    why="The Frobenius norm bounds the spectral one, activations shorten vectors, and the product"
    " of norms is 1. For patches that overlap it is another matter, if the norm of a layer is that"
    " of its filters: `loss-descent-margins-filters`.",
)


UNIT_ROWS: dict[int, list[tuple[int, ...]]] = {
    2: [(4, 3), (3, 4), (5, 0)],
    3: [(2, 2, 1), (1, 2, 2), (3, 0, 0)],
}
"""By length: rows of norm 5, and of norm 3."""


@st.composite
def overlapping(draw: st.DrawFn) -> tc.Case:
    """One filter of two entries with stride 1 on three or four inputs, and a linear output."""
    width = draw(st.sampled_from([3, 4]))
    filters = tc.Convolution(1, 1, width, 1, (1, 2), 1)
    layers = (
        tc.Layer(width - 1, (tc.Edge(0, filters),), tc.RELU),
        tc.Layer(1, (tc.Edge(1),), tc.LINEAR),
    )
    rows = [draw(st.sampled_from(UNIT_ROWS[entries])) for entries in (2, width - 1)]
    weights = [[[Fraction(t, 5 if len(row) == 2 else 3) for t in row]] for row in rows]
    entries = st.lists(st.sampled_from([4, 3, 0]), min_size=width, max_size=width)
    inputs = [[Fraction(t, 8 if width == 4 else 7) for t in draw(entries)]]
    return tc.Case.single(tc.Network(width, layers), weights, inputs, [[Fraction(1)]])


loss_descent_margins_filters = tc.stated(
    "loss-descent-margins-filters",
    title="Margins are at most 1 where the norm of a layer is that of its filters, as printed",
    sources=[
        XU2022.at("Section 3.5: margins are at most 1, Section 3.2: norm of the filters"),
        XU2022.at("Section 5.1: norm of outputs, Section 5.2: norm of outputs"),
    ],
    printed=r"0 \le |\bar f_n| \le 1, \qquad \rho_j \text{ is the norm of their filters and not}"
    r"\text{ the norm of their associated Toeplitz matrices}",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL],
    forall=["n in samples"],
    where=[MARGIN],
    states="margin(n) ** 2 <= 1",
    control=tc.altered("1/2", "margin(n) ** 2 <= 1 / 4"),
    on=overlapping(),
    why="Section 3.2 takes the norm of a convolutional layer as that of its filters. Where patches"
    " overlap (those of Figure 7 do not), an input is read several times, and a layer of norm 1"
    " lengthens vectors. True without overlap: `binary-tree-one-sample`.",
)

loss_descent_mean_margin = FLOWS.stated(
    "loss-descent-mean-margin",
    title="The mean margin is as near to 1/rho as the loss is to 0",
    sources=[XU2022.at("Lemma 3")],
    printed=r"(1 - \rho\mu)^2 \le \mathcal L_S",
    given=[WEIGHT_DECAY],
    states="(1 - rho * mu) ** 2 <= loss(rho)",
    control=tc.altered("half of it", "2 * (1 - rho * mu) ** 2 <= loss(rho)"),
    on=st.one_of(points(), on_a_line(), on_a_line([Fraction(1, 2)])),
    examples=60,
    why="The square of a mean is at most the mean of the squares. In particular a loss that goes to"
    " 0 takes `rho mu` to 1, as the proof of Lemma 3 says.",
)
