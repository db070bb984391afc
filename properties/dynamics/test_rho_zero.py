"""What the loss and the flow are like at rho = 0: xu2022, Section 3.5 and Figure 2."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    IN_BALL,
    NO_WEIGHT_DECAY,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import MEAN_LOSS, RHO_DOT, points
from properties.notation import MARGIN, MEAN_MARGIN, SECOND_MOMENT
from properties.papers import XU2022
from properties.unit_ball import in_ball_with_positive_rho

NO_OUTPUT = tc.Assumption("f_V(x_n) = 0 for all n", "all([f(n, 0) == 0 for n in samples])")
DEEP = tc.Assumption("depth L >= 2", "depth >= 2")
GROWTH = tc.Assumption(
    "e is positive with e^2 + 2 lambda e = 4 |g|^2", "e > 0 and e ** 2 + 2 * weight_decay * e == G"
)
MOVING = tc.Assumption("g is not 0", "G > 0")


@st.composite
def across(draw: st.DrawFn) -> tc.Case:
    """One or two linear layers, inputs across them, and a weight decay for which e is rational."""
    signs = [1, *draw(st.lists(st.sampled_from([1, -1]), max_size=2))]
    lengths = [Fraction(draw(st.integers(1, 4)), 2) for _ in signs]
    inputs = [[0, length] for length in lengths]
    weights: list[Any] = [[[1, 0]]]
    if draw(st.booleans()):  # Their gradients are not symmetric, and not the same.
        weights = [[[Fraction(4, 5), 0], [0, Fraction(3, 5)]], [[1, 0]]]
    g = sum((y * t for y, t in zip(signs, lengths, strict=True)), Fraction(0)) / len(signs)
    e = 2 * abs(g) * draw(st.sampled_from([Fraction(1, 2), Fraction(1, 4), Fraction(3, 4)]))
    squares = 4 * g * g * (1 if len(weights) == 1 else Fraction(34, 25))
    decay = (squares - e * e) / (2 * e) if g else Fraction(1)
    numbers = {"rho": Fraction(0), "weight_decay": decay, "e": e}
    network = tc.mlp([2, *map(len, weights)], tc.LINEAR)
    return tc.Case.single(network, weights, inputs, [[sign] for sign in signs], numbers)


@st.composite
def switched_off(draw: st.DrawFn) -> tc.Case:
    """A unit of ReLU that no sample reaches, before a linear one."""
    rows = [[Fraction(draw(st.integers(1, 4)), 4)] for _ in range(draw(st.integers(1, 3)))]
    signs = [[draw(st.sampled_from([1, -1]))] for _ in rows]
    numbers = {"rho": draw(tc.positive_dyadics()), "e": Fraction(0)}
    numbers["weight_decay"] = draw(tc.positive_dyadics())
    return tc.Case.single(tc.mlp([1, 1, 1]), [[[-1]], [[1]]], rows, signs, numbers)


AT_ZERO = tc.Family(
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH, POSITIVE_WEIGHT_DECAY, NO_OUTPUT],
    where=[
        MEAN_LOSS,
        RHO_DOT,
        "turn(k) = (grad(loss(-1), k) - grad(loss(1), k)) / 2",
        "G = sum([squared(turn(k)) for k in weights])",
        "damping = (rho_dot(1) - rho_dot(-1)) / 2",
        "push = sum([inner(grad(rho_dot(0), k), turn(k)) for k in weights])",
    ],
    examples=40,
)
"""The flow near rho = 0, to first order: rho times `turn(k)`, which is `2 g_k`, for V_k, where
`g_k` is the mean of dfbar_n/dV_k; and G, which is `4 |g|^2`.
"""

rho_zero_unstable_printed = AT_ZERO.stated(
    "rho-zero-unstable-printed",
    title="rho = 0 with f_V = 0 is unstable to first order, as printed",
    sources=[XU2022.at("Section 3.5: rho = 0 is unstable")],
    printed=r"\rho(t) = 0 \text{ and } f_V(x) = 0 \text{ ... is a critical unstable point}",
    states="G > 0",
    control=tc.altered("never, to first order", "G == 0"),
    on=st.one_of(switched_off(), across()),
    rests_on=["rho-dynamics", "rho-growth-at-zero"],
    why="To first order `rho' = 2 <g, V - V_0> - 2 lambda rho` and `V' = 2 rho g`, with the"
    " eigenvalues `-lambda +- (lambda^2 + 4 |g|^2)^(1/2)`: one is positive exactly where g, the"
    " mean gradient of the margins, is not 0. Where the first units are off on all samples, g is 0"
    " and f_V is 0 nearby: V rests, `rho' = -2 lambda rho`, and the point is stable. The text's"
    ' "if all weights are zero" cannot be, for weights of norm 1. (e and rho of the example play no'
    " part.)",
)

rho_zero_unstable = AT_ZERO.stated(
    "rho-zero-unstable",
    title="rho = 0 is unstable where the mean gradient of the margins is not 0",
    sources=[XU2022.at("Section 3.5: rho = 0 is unstable")],
    printed=r"g := \frac1N \sum_n \frac{\partial \bar f_n}{\partial V} \ne 0 \implies"
    r" (\rho, V - V_0) = (e, 2g) \text{ grows as } \exp(e t),\; e = -\lambda +"
    r" \sqrt{\lambda^2 + 4 |g|^2} > 0",
    given=[MOVING, GROWTH],
    states="push + damping * e == e ** 2",
    control=tc.altered("half as fast", "2 * (push + damping * e) == e ** 2"),
    numbers=["e", "weight_decay"],
    on=across().filter(lambda case: case.numbers["e"] > 0),
    corrects="rho-zero-unstable-printed",
    rests_on=["structural-lemma", "normalised-flow", "rho-dynamics", "rho-growth-at-zero"],
    why="Of the linearised flow: `V' = 2 rho g` gives `2 e g = e (2 g)`; the check is that `rho' ="
    " e^2`. The multiplier plays no part: where f_V = 0, g is tangential by the structural lemma."
    " Where g is 0, terms of higher order decide.",
)

rho_zero_decay = AT_ZERO.stated(
    "rho-zero-decay",
    title="While f_V = 0 on the samples, rho goes back to zero",
    sources=[XU2022.at("Section 3.5: a perturbation goes back to zero")],
    printed=r"f_V(x_n) = 0 \;\forall n \implies \dot\rho = -2\lambda\rho",
    states="rho_dot(rho) == -2 * weight_decay * rho",
    control=tc.altered("half as fast", "rho_dot(rho) == -weight_decay * rho"),
    on=switched_off(),
    rests_on=["rho-dynamics"],
    why="All moments of the margins are 0 in Eq. 6. It lasts where the first units are off; where g"
    " is not 0, V moves with the velocity `2 rho g` meanwhile, and margins with it.",
)

# The saddle of Figure 2


def with_factor(case: tc.Case) -> tc.Case:
    return replace(case, numbers={**case.numbers, "t": abs(case.numbers["rho"])})


def without_decay(case: tc.Case) -> tc.Case:
    return replace(case, numbers={**case.numbers, "weight_decay": Fraction(0)})


rho_zero_saddle_printed = tc.stated(
    "rho-zero-saddle-printed",
    title="A saddle at rho = 0, read as a critical point in rho and V",
    sources=[XU2022.at("Figure 2: a saddle at rho = 0")],
    printed=r"\text{Figure 2 shows a landscape which has a saddle for } \rho = 0",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL, NO_WEIGHT_DECAY, DEEP],
    where=[MEAN_LOSS, RHO_DOT],
    states="rho_dot(0) == 0",
    control=tc.altered("the slope is 1", "rho_dot(0) == 1"),
    on=points(tc.mlps(depths=(2, 2), widths=(1, 2)))
    .map(in_ball_with_positive_rho)
    .map(without_decay),
    rests_on=["rho-growth-at-zero"],
    why='Figure 2 has rho and V_k as "polar" coordinates of the unregularised loss. In these the'
    " slope at rho = 0 is `-2 mu`, so that rho = 0 is critical only for those V whose mean margin"
    " is 0. In the weights W the slope is 0 from depth 2 on, and there can be a saddle:"
    " `rho-zero-saddle-weights`. Only the reading in rho and V is refuted.",
)

rho_zero_saddle_weights = tc.stated(
    "rho-zero-saddle-weights",
    title="In the weights W, the loss on a ray through unit weights is a polynomial in t^L",
    sources=[XU2022.at("Figure 2: a saddle at rho = 0")],
    printed=r"\mathcal L_S(tV_1, \dots, tV_L) = 1 - 2 t^L \mu + t^{2L} (M + \lambda)",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, DEEP],
    assuming={"t > 0": "t > 0"},
    where=[
        MARGIN,
        MEAN_MARGIN,
        SECOND_MOMENT,
        "ray = [t * W[k] for k in weights]",
        "height = product([t for k in weights])",
        "penalty = weight_decay * product([squared(V) for V in ray])",
        "outputs_there = network(ray, x)",
        "fit = sum([(outputs_there[n][0] - y[n][0]) ** 2 for n in samples]) / len(samples)",
    ],
    states="fit + penalty == 1 - 2 * height * mu + height ** 2 * (M + weight_decay)",
    control=tc.altered("as for L = 1", {"2 * height": "2 * t"}),
    numbers=["t", "weight_decay"],
    on=points(tc.mlps(depths=(2, 3), widths=(1, 2))).map(with_factor),
    examples=40,
    corrects="rho-zero-saddle-printed",
    rests_on=["structural-lemma-positive-homogeneity", "rho-dynamics-loss-in-margins"],
    why="Here `rho = t^L`, so that the slope at t = 0 is 0 for L >= 2, on these rays and those"
    " through weights of other norms. Where the output is linear and some V has mu > 0, the loss"
    " falls on the ray of this V and grows on that with the opposite last layer: a saddle, a"
    " critical point that is neither a minimum nor a maximum. Where mu is 0 for every V, as with"
    " both labels at one input, zero is a minimum.",
)
