"""Where SGD can stop: points that are stationary on every mini-batch.

galanti2022, Propositions 1 and 2, with the abstract's short form and the equations before them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from flint import arb, fmpq
from hypothesis import strategies as st

from properties.assumptions import MINI_BATCHES, POSITIVE_WEIGHT_DECAY, UNNORMALISED
from properties.notation import BATCH_GRADIENT, COLLINEAR, NOT_STATIONARY, RATIONALS
from properties.papers import GALANTI2022
from theorycheck import (
    Case,
    Dense,
    Findings,
    Formal,
    Observation,
    Rejection,
    Setting,
    Unmet,
    arithmetic,
    claim,
    equality,
)
from theorycheck.arithmetic import Array, Point, in_rows, rationals, squared
from theorycheck.drawing import (
    constant_first_layers,
    dead_cases,
    fitted_cases,
    plain_cases,
    searched_cases,
    sign_labelled_chains,
    stationary_chains,
    stationary_residual_networks,
    trainable_networks,
    zero_networks,
)

STATIONARY = "the gradient vanishes on every batch of size B < m"
GRAPHS = [
    "a ReLU network as a directed acyclic graph without biases and normalisation, one output",
    "every edge out of the input is trainable",
]


def is_zero(values: Array, case: Case, arithmetic: str = RATIONALS, **notes: Any) -> Observation:
    return equality(values[None], np.zeros_like(values)[None], arithmetic, case.member, **notes)


def probes(point: Point) -> Array:
    """Inputs at which a function is tested for being zero: samples, unit vectors, negatives."""
    some = np.concatenate([point.inputs, rationals(np.eye(point.network.input_width))])
    return np.concatenate([some, -some])


def has_constant_input_edge(point: Point) -> bool:
    edges = (edge for layer in point.network.layers for edge in layer.edges)
    return any(edge.source == 0 and not isinstance(edge.map, Dense) for edge in edges)


def stationary_points() -> st.SearchStrategy[Case]:
    """Points meant to be stationary on every batch, with near misses among them."""
    return st.one_of(
        sign_labelled_chains(),
        stationary_chains(),
        stationary_residual_networks(),
        zero_networks(),
        plain_cases(),
    )


@claim(
    "sgd-stationary-weight-decay",
    title="With weight decay, SGD can stop only at the zero function or on collinear data",
    kind="identity",
    sources=[GALANTI2022.at("Proposition 1, proof in Appendix B")],
    statement=r"\lambda > 0,\ \forall \tilde S \subset S, |\tilde S| = B < m:"
    r"\ \nabla_W L^\lambda_{\tilde S}(f_W) = 0"
    r"\ \Longrightarrow\ f_W \equiv 0 \ \text{ or } \ \{x_i\}_{i=1}^m \text{ are collinear}",
    hypotheses=[
        *GRAPHS,
        "a differentiable loss and lambda > 0",
        "x_i is not 0",
        STATIONARY,
    ],
    control="the edges out of the input need not be trainable",
    on={
        "case": st.one_of(
            stationary_points(),
            constant_first_layers(),
            searched_cases(),
        )
    },
    examples=500,
    enough=10,
)
def sgd_stationary_weight_decay(setting: Setting, case: Case) -> Findings:
    """A point that is stationary on every mini-batch of size B < m, with lambda > 0, is the zero
    function, unless the inputs lie on one line through the origin (the paper: "on a
    one-dimensional linear space").

    All batches of size B are enumerated, and their gradients computed in rationals. The
    proposition is right: exchanging a sample shows that all data gradients M_i are equal, so that
    M_i = -2 lambda W for each; next to the input M_i has its rows along x_i, so two directions
    leave only W^{p1} = 0. Its hypotheses are met by nothing but its two exceptions, which the paper
    itself calls unrealistic. A directed search by gradient descent over weights and labels, with
    two inputs at right angles, shows how far from stationary all else is: the largest gradient of a
    sample in a weight matrix W stays above sqrt(1/2) of 2 lambda ||W||, which
    `batch-gradient-pair-bound` proves and the search attains.

    That the edges out of the input are trainable is needed: behind a constant first layer (a
    residual connection) two inputs can look alike to the trainable part, and SGD stops at a
    non-zero function although the inputs are not collinear. The control finds such networks.
    """
    point = Point.of(case)
    decay, size = point.numbers["weight_decay"], int(case.numbers["batch_size"])
    if any(not squared(x) for x in point.inputs):
        yield Rejection("a sample is zero")
    elif has_constant_input_edge(point) and not setting.altered:
        yield Rejection("an edge out of the input is constant")
    elif not point.stationary(point.square_slopes, decay, size):
        if squared(point.values) and _at_right_angles(point):
            yield Unmet(
                _distance(point, decay),
                "largest gradient of a sample in a weight matrix W, relative to 2 lambda ||W||,"
                " with f not zero and inputs at right angles",
            )
        else:
            yield Rejection(NOT_STATIONARY)
    elif point.collinear:
        yield equality(
            [arithmetic.rank(point.inputs)], [1], RATIONALS, case.member, degenerate=COLLINEAR
        )
    else:
        yield is_zero(point.vertices_at(probes(point))[-1], case, degenerate="the function is zero")


def _at_right_angles(point: Point) -> bool:
    return all(not (x * z).sum() for x, z in combinations(point.inputs, 2))


def _distance(point: Point, decay: fmpq) -> float:
    """Largest ``|g_i| / |2 lambda W|`` over samples and non-zero weight matrices."""
    ratios = [
        float(squared(gradient) / squared(2 * decay * weight))
        for gradients, weight in zip(
            point.sample_gradients(point.square_slopes, decay), point.weights, strict=True
        )
        if squared(weight)
        for gradient in gradients
    ]
    return math.sqrt(max(ratios))


@claim(
    "sgd-stationary-only-zero",
    title="With weight decay, the only convergence points of SGD are zero functions",
    kind="identity",
    sources=[GALANTI2022.at("Abstract"), GALANTI2022.at("Section 3.1, first paragraph")],
    statement=r"\text{when training with weight decay, the only convergence points of SGD are zero}"
    r"\text{ functions}",
    hypotheses=[POSITIVE_WEIGHT_DECAY.prose, STATIONARY],
    control="the only convergence points are networks all of whose weights are zero",
    on={"case": stationary_points()},
    formal=Formal(
        "f(n, 0) == 0",
        ("n in samples",),
        given=(
            POSITIVE_WEIGHT_DECAY.formula,
            UNNORMALISED.formula,
            MINI_BATCHES.formula,
            "all([zero(gradient(S, k)) for S in batches(batch_size) for k in weights])",
        ),
        where=(BATCH_GRADIENT,),
        numbers=("batch_size", "weight_decay"),
    ),
)
def sgd_stationary_only_zero(setting: Setting, case: Case) -> Findings:
    """As the abstract prints it, without the exception of Proposition 1.

    Refuted by data on a line, with labels +-1 if one likes: at x = c and x = 1 - c, both labelled
    +1, and lambda = c (1 - c), a ReLU chain of any depth with all weights 1 is stationary on each
    sample, hence on every mini-batch, and f(x) = x for x > 0.
    """
    point = Point.of(case)
    decay, size = point.numbers["weight_decay"], int(case.numbers["batch_size"])
    if not point.stationary(point.square_slopes, decay, size):
        yield Rejection(NOT_STATIONARY)
    elif setting.altered:
        yield is_zero(np.concatenate([w.ravel() for w in point.weights]), case)
    else:
        yield is_zero(point.outputs, case)


@claim(
    "sgd-stationary-no-decay",
    title="Without weight decay, SGD stops only where each sample is fitted or its output is 0",
    kind="identity",
    sources=[GALANTI2022.at("Proposition 2, proof in Appendix B")],
    statement=r"\lambda = 0,\ \{x_i\} \text{ not collinear},\ \forall \tilde S:\ "
    r"\nabla_W L_{\tilde S}(f_W) = 0 \ \Longrightarrow\ \forall i:\ "
    r"\frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \ne 0 \Rightarrow f_W(x_i) = 0",
    hypotheses=[
        *GRAPHS,
        "a differentiable loss and lambda = 0",
        "the inputs are not collinear (printed; not needed, and not assumed by the check)",
        STATIONARY,
    ],
    control="the output is 0 at every sample",
    on={"case": st.one_of(fitted_cases(), zero_networks())},
    examples=200,
    enough=10,
)
def sgd_stationary_no_decay(setting: Setting, case: Case) -> Findings:
    """Without weight decay, a point that is stationary on every mini-batch of size B < m has
    output zero at each sample whose loss derivative l'_i is not zero.

    The proof in the paper needs inputs that are not collinear; the statement does not: all
    l'_i df_i are equal to one matrix M, and a batch adds B of them up to zero, so M = 0. The
    examples are networks that fit some samples and are dead on others, and the check includes
    collinear inputs.
    """
    point = Point.of(case)
    slopes = point.square_slopes
    if not point.stationary(slopes, fmpq(0), int(case.numbers["batch_size"])):
        yield Rejection(NOT_STATIONARY)
        return
    claimed = [i for i in range(point.samples) if slopes[i, 0] != 0 or setting.altered]
    if claimed:
        yield is_zero(point.outputs[claimed], case)
    else:
        note = "every sample is fitted, so nothing is claimed"
        yield equality([len(claimed)], [0], RATIONALS, case.member, degenerate=note)


def exponential_slope(output: fmpq, target: fmpq) -> arb:
    """Derivative of ``exp(-y f)``."""
    return -target * arb(-target * output).exp()


def logistic_slope(output: fmpq, target: fmpq) -> arb:
    """Derivative of ``log(1 + exp(-y f))``."""
    return -target / (1 + arb(target * output).exp())


SLOPES_WITHOUT_MINIMUM: tuple[Callable[[fmpq, fmpq], arb], ...] = (
    exponential_slope,
    logistic_slope,
)


@claim(
    "sgd-stationary-no-minimiser",
    title="Without weight decay and with exponential-type losses, SGD stops only at f(x_i) = 0",
    kind="identity",
    sources=[GALANTI2022.at("Proposition 2, last sentence"), GALANTI2022.at("Section 3.1, end")],
    statement=r"\ell \text{ convex},\ \forall b\, \nexists a^*: \ell(a^*, b) = \inf_a \ell(a, b)"
    r"\ \Longrightarrow\ \forall i \in [m]: f_W(x_i) = 0",
    hypotheses=[
        "the hypotheses of Proposition 2",
        "the exponential or the logistic loss, labels +-1",
    ],
    control="the function is zero everywhere",
    on={
        "case": st.one_of(
            dead_cases(), plain_cases(trainable_networks(depths=(2, 3)), targets="signs")
        )
    },
    examples=200,
    enough=10,
)
def sgd_stationary_no_minimiser(setting: Setting, case: Case) -> Findings:
    """With a convex loss that has no minimum, such as the exponential and the logistic loss, the
    only points that are stationary on every mini-batch have output zero at every sample.

    Such points exist: networks all of whose units are dead at all samples. They need not be the
    zero function, as the control shows. The derivative of the loss is enclosed in a ball; at a dead
    network the gradients are exactly zero whatever it is, and elsewhere the balls exclude zero.
    """
    point = Point.of(case)
    for slope in SLOPES_WITHOUT_MINIMUM:
        slopes = np.array(
            [[slope(f, y)] for f, y in zip(point.values, point.labels, strict=True)], dtype=object
        )
        stationary = point.stationary(slopes, fmpq(0), int(case.numbers["batch_size"]))
        if stationary is None:
            yield Rejection("balls leave open whether a batch is stationary")
        elif not stationary:
            yield Rejection(NOT_STATIONARY)
        elif setting.altered:
            yield is_zero(point.vertices_at(probes(point))[-1], case, "balls of 53 bits")
        else:
            yield is_zero(point.outputs, case, "balls of 53 bits")


@claim(
    "sgd-stationary-sample-gradients",
    title="Stationary on every batch means stationary on every sample, and no label is fitted",
    kind="identity",
    sources=[
        GALANTI2022.at("Eq. 8-9 and the paragraph after it"),
        GALANTI2022.at("Section 3.1, end"),
    ],
    statement=r"\forall i \in [m]:\ \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \cdot"
    r" \frac{\partial f_W(x_i)}{\partial W^{pq}} + 2\lambda W^{pq} = 0, \quad"
    r" \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \ne 0"
    r" \text{ unless } \lambda = 0 \text{ or } W = 0",
    hypotheses=[POSITIVE_WEIGHT_DECAY.prose, STATIONARY],
    control="the gradient vanishes on the full batch only, B = m",
    on={"case": st.one_of(stationary_chains(), stationary_points())},
    examples=600,
    enough=10,
)
def sgd_stationary_sample_gradients(setting: Setting, case: Case) -> Findings:
    """At a point that is stationary on every mini-batch of one size B < m, the regularised gradient
    of every single sample vanishes, so that the stopping points of SGD are those of batch size 1;
    and unless all weights are zero, no label is fitted perfectly.

    The control is full-batch descent, for which neither follows: the paper is right to say that its
    analysis depends on using SGD instead of GD.
    """
    point = Point.of(case)
    decay, slopes = point.numbers["weight_decay"], point.square_slopes
    size = point.samples if setting.altered else int(case.numbers["batch_size"])
    if not point.stationary(slopes, decay, size):
        yield Rejection(NOT_STATIONARY)
        return
    yield is_zero(in_rows(point.sample_gradients(slopes, decay)).ravel(), case)
    if any(squared(w) for w in point.weights):
        smallest = min(abs(slope) for slope in slopes[:, 0])
        yield Observation(
            holds=smallest != 0,
            left=f"smallest |l'_i| {smallest}",
            relation="≠",
            right="0",
            arithmetic=RATIONALS,
            case=lambda: case,
        )
