"""The constraint |V_k| = 1 and its multiplier: xu2022, Sections 3.2 and 3.4.1."""

from dataclasses import replace
from fractions import Fraction
from functools import reduce

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    IN_BALL,
    POSITIVE_RHO,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.dynamics.normalised import (
    AVERAGED_FLOW,
    DESCENT,
    MEAN_LOSS,
    RHO_DOT,
    at_rest_in_rho,
    points,
)
from properties.notation import MARGIN, MULTIPLIER
from properties.papers import XU2022
from properties.unit_ball import in_ball_with_positive_rho

SMALL_NETWORKS = tc.mlps(depths=(1, 3), widths=(1, 3))
NORM_RATE = "rate(k, D) = (squared(W[k] + D) - squared(W[k] - D)) / 2"
"""The derivative of |V_k|^2 in a direction D: a central difference, exact for a quadratic."""

norm_constraint_derivative_printed = tc.stated(
    "norm-constraint-derivative-printed",
    title="The derivative of the squared norm of V_k without the constraint: the 2 is missing",
    sources=[XU2022.at("Section 3.4.1: derivative of the norm")],
    printed=r"\frac{\partial \|V_k\|^2}{\partial t} = V_k^\top \dot V_k",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, IN_BALL, POSITIVE_RHO],
    forall=["k in weights"],
    where=[MEAN_LOSS, DESCENT, NORM_RATE],
    states="rate(k, descent(k)) == inner(W[k], descent(k))",
    control=tc.altered("twice the right side, negated", {"==": "== -2 *"}),
    on=points().map(in_ball_with_positive_rho),
    why='The line is "... = 0" under the constraint, and true there: both sides are 0, and Eq. 4 is'
    " not affected. Refuted is its first equality, as a formula for the derivative without the"
    " constraint, in the direction in which V_k would move without its multiplier: the factor 2 of"
    " the chain rule is missing.",
)

norm_constraint_derivative = tc.stated(
    "norm-constraint-derivative",
    title="The derivative of the squared norm of V_k",
    sources=[XU2022.at("Section 3.4.1: derivative of the norm")],
    printed=r"\frac{\partial \|V_k\|^2}{\partial t} = 2 V_k^\top \dot V_k",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS],
    forall=["k in weights"],
    where=[MEAN_LOSS, DESCENT, NORM_RATE],
    states="rate(k, descent(k)) == 2 * inner(W[k], descent(k))",
    control=tc.altered("without the 2", "rate(k, descent(k)) == inner(W[k], descent(k))"),
    on=st.one_of(points(SMALL_NETWORKS), points(tc.mlps(depths=(3, 3), widths=(2, 2)))),
    examples=40,
    corrects="norm-constraint-derivative-printed",
    why="The chain rule, for the motion that the loss alone would give V_k.",
)

SMALL_OFF_THE_SPHERES = tc.cases(
    tc.mlps(depths=(1, 3), widths=(1, 2)),
    samples=(1, 3),
    targets="signs",
    numbers={"rho": tc.positive_dyadics(exponents=(3, 4, 5, 6))},
    cohort=8,
)
"""With multipliers of both signs."""


TURNS = [[[0, 1], [-1, 0]], [[0, -1], [1, 0]], [[1, 1], [0, 1]]]
"""Matrices that are not symmetric."""


@st.composite
def pulled(draw: st.DrawFn) -> tc.Case:
    """Linear layers of width 2 off the spheres; most labels have the signs of the outputs."""
    turns = draw(st.lists(st.sampled_from(TURNS), min_size=1, max_size=2))
    scale = draw(st.sampled_from([Fraction(3, 4), Fraction(1, 2), Fraction(1)]))
    weights = [scale * np.array(turn, dtype=object) for turn in turns]
    weights.append(np.array([[Fraction(1, 2), Fraction(1, 4)]]))
    rows = draw(st.lists(st.sampled_from([(1, 0), (-1, -1), (1, -1)]), min_size=3, max_size=3))
    inputs = np.array(rows, dtype=object) * draw(st.sampled_from([Fraction(1, 4), 1]))
    outputs = inputs @ reduce(np.matmul, weights[::-1])[0]
    signs = [-1 if output < 0 else 1 for output in outputs]
    signs[-1] *= draw(st.sampled_from([1, 1, 1, -1]))
    numbers = {"rho": draw(st.sampled_from([Fraction(1, 2), Fraction(2)]))}
    network = tc.mlp([2, *map(len, weights)], tc.LINEAR)
    return tc.Case.single(network, weights, inputs, [[sign] for sign in signs], numbers)


OFF_THE_SPHERES = tc.cases(
    tc.homogeneous_networks(),
    samples=(1, 3),
    targets="signs",
    numbers={"rho": tc.positive_dyadics()},
    cohort=8,
)
ATTRACTION = tc.Family(
    sources=[XU2022.at("Section 3.2: weights converge to unit norm")],
    given=[CHAIN, SIGN_LABELS],
    on=OFF_THE_SPHERES,
)

norm_constraint_restoring = ATTRACTION.stated(
    "norm-constraint-restoring",
    title="Off the unit sphere, the multiplier moves the squared norm at 4 nu times its gap",
    printed=r"\frac{d \|V_k\|^2}{dt} = 4 \nu_k (1 - \|V_k\|^2)",
    given=[SMOOTH],
    forall=["k in weights"],
    where=[MARGIN, MULTIPLIER, AVERAGED_FLOW],
    states="2 * inner(W[k], flow(k)) == 4 * nu(samples) * (1 - squared(W[k]))",
    control=tc.altered("2 nu in place of 4 nu", {"4 *": "2 *"}),
    examples=40,
    rests_on=["structural-lemma", "norm-constraint-derivative"],
    why="Our own; it bears on where the multiplier takes norms. Eq. 5 with weights of any norm. By"
    " the structural lemma the inner product of V_k with its velocity is `2 nu_k (1 - |V_k|^2)`,"
    " with the multiplier of Eq. 4.",
)

norm_constraint_attracts_always = ATTRACTION.stated(
    "norm-constraint-attracts-always",
    title="The multiplier of xu2022 pulls weights towards unit norm at every moment",
    sources=[],
    printed=r"(1 - \|V_k\|^2) \frac{d}{dt} \|V_k\|^2 \ge 0",
    given=[SMOOTH, IN_BALL, POSITIVE_RHO],
    forall=["k in weights"],
    where=[MARGIN, AVERAGED_FLOW],
    states="inner(W[k], flow(k)) * (1 - squared(W[k])) >= 0",
    control=tc.altered("away from it", "inner(W[k], flow(k)) * (1 - squared(W[k])) < 0"),
    on=OFF_THE_SPHERES.map(in_ball_with_positive_rho),
    why="A remark of our own on Section 3.2 of xu2022, which says that the norms converge to 1"
    ' *eventually*, "in fact to fixed" norms. Off the sphere the flow of Eq. 5 moves the norm to 1'
    " where `nu_k > 0`, and drives it away where `nu_k < 0`: where the mean of `(rho fbar_n)^2`"
    " exceeds that of `rho fbar_n`, because outputs exceed their labels or samples are"
    " misclassified. In the example the norm grows at first. With lambda = 1/10 or 1/100, by"
    " numerical integration, it then goes to 1, as rho comes to rest, where the multiplier is"
    " `lambda rho^2 > 0` (`norm-constraint-multiplier-at-rest`); without weight decay it ends at"
    " 2.28, a fixed norm.",
)

PULLS = tc.Assumption("nu_k > 0", "nu(samples) > 0")

norm_constraint_attracts = ATTRACTION.stated(
    "norm-constraint-attracts",
    title="The multiplier pulls weights towards unit norm where it is positive",
    printed=r"\nu_k > 0,\; \|V_k\| \ne 1 \implies (1 - \|V_k\|^2) \frac{d}{dt} \|V_k\|^2 > 0",
    given=[SMOOTH, PULLS],
    assuming={"V_k does not have unit norm": "squared(W[k]) != 1"},
    forall=["k in weights"],
    where=[MARGIN, MULTIPLIER, AVERAGED_FLOW],
    states="inner(W[k], flow(k)) * (1 - squared(W[k])) > 0",
    control=tc.altered("the multiplier may be negative", without=[PULLS]),
    on=st.one_of(SMALL_OFF_THE_SPHERES, pulled(), pulled()),
    examples=60,
    rests_on=["norm-constraint-restoring"],
    why="The sign of the multiplier decides, by `norm-constraint-restoring`.",
)

norm_constraint_multiplier_at_rest = ATTRACTION.stated(
    "norm-constraint-multiplier-at-rest",
    title="Where rho is at rest the multiplier is lambda rho^2",
    sources=[XU2022.at("Section 1: weight decay stabilises normalisation"), XU2022.at("Eq. 4")],
    printed=r"\dot\rho = 0 \implies \nu_k = \lambda \rho^2",
    given=[POSITIVE_WEIGHT_DECAY],
    assuming={"the slope of the loss in rho is 0": "rho_dot(rho) == 0"},
    where=[MARGIN, MULTIPLIER, MEAN_LOSS, RHO_DOT],
    states="nu(samples) == weight_decay * rho ** 2",
    control=tc.altered("half of it", "2 * nu(samples) == weight_decay * rho ** 2"),
    on=points().map(at_rest_in_rho),
    examples=60,
    rests_on=["lagrange-multiplier", "rho-dynamics"],
    why="In what sense weight decay helps to stabilise normalisation: it makes the multiplier"
    " positive at rest, and so unit norms attract (`norm-constraint-attracts`); without it, the"
    " multiplier vanishes there, and a norm that has drifted stays where it is.",
)

STEPPED = "stepped(k) = W[k] + learning_rate * flow(k)"


def with_learning_rate(case: tc.Case) -> tc.Case:
    """The step is as large as the weight decay, which the flow of V_k does not depend on."""
    return replace(case, numbers={**case.numbers, "learning_rate": case.numbers["weight_decay"]})


norm_constraint_steps_keep = tc.stated(
    "norm-constraint-steps-keep",
    title="Steps of descent along xu2022's Eq. 5 keep the norms, as the flow does",
    printed=r"\|V_k + \eta \dot V_k\|^2 = 1",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH, IN_BALL, POSITIVE_RHO],
    forall=["k in weights"],
    where=[MARGIN, AVERAGED_FLOW, STEPPED],
    states="squared(stepped(k)) == 1",
    control=tc.altered("the norm is doubled", "squared(stepped(k)) == 4"),
    numbers=["rho", "learning_rate"],
    on=points(SMALL_NETWORKS, smooth=True).map(with_learning_rate).map(in_ball_with_positive_rho),
    rests_on=["normalised-flow-keeps-sphere"],
    why="A remark of our own, on steps: xu2022 says in Section 3.5 that the multiplier keeps the"
    " norms constant, and assumes gradient flow there (Section 3.1), of which it is true"
    " (`normalised-flow-keeps-sphere`). Trainings have steps, `V_k + eta dV_k/dt`, and each of"
    " them lengthens a V_k that moves, by `norm-constraint-step`.",
)

norm_constraint_step = tc.stated(
    "norm-constraint-step",
    title="A step of descent along xu2022's Eq. 5 adds its square to the squared norm of V_k",
    printed=r"\|V_k + \eta \dot V_k\|^2 = 1 + \eta^2 \|\dot V_k\|^2",
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH],
    forall=["k in weights"],
    where=[MARGIN, AVERAGED_FLOW, STEPPED],
    states="squared(stepped(k)) == 1 + learning_rate ** 2 * squared(flow(k))",
    control=tc.altered("the norm is kept", "squared(stepped(k)) == 1"),
    numbers=["rho", "learning_rate"],
    on=points(SMALL_NETWORKS, smooth=True).map(with_learning_rate),
    examples=40,
    corrects="norm-constraint-steps-keep",
    rests_on=["normalised-flow-keeps-sphere"],
    why="Of our own, on the norms that xu2022 keeps constant by a flow (Section 3.5). The velocity"
    " is orthogonal to V_k. Where training succeeds, the multiplier pulls the norm"
    " back in later steps, if it is positive.",
)
