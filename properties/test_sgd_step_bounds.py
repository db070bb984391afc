"""Claims of our own: how large the steps of SGD with weight decay must be."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import numpy as np
import torch
from flint import fmpq
from hypothesis import strategies as st

from properties.formulas import GRADIENT
from properties.points import (
    RATIONALS,
    Point,
    cohort_of_one,
    plain_cases,
    sample_pairs,
    searched_cases,
    squared,
    trainable_networks,
)
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import Array
from theorycheck.claims.declaration import Formal, claim
from theorycheck.claims.evidence import Findings, Observation, Rejection
from theorycheck.claims.setting import Setting
from theorycheck.data.synthetic import uniform_sphere
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import mlps
from theorycheck.drawing.numbers import positive_dyadics
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import LINEAR, mlp
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.trainers import sgd

# How far from stationary: bounds of our own


@st.composite
def tight_pairs(draw: st.DrawFn) -> Case:
    """Two inputs of equal norm, rows along a bisector, labels that cancel all they can."""
    x = np.array([draw(st.integers(1, 3)), draw(st.integers(-3, 3))], dtype=object)
    z = x[::-1] * draw(st.sampled_from([1, -1]))
    bisector = x + (z if (x * z).sum() >= 0 else -z)
    decay = draw(positive_dyadics())
    upper = np.array([[1, *draw(st.lists(st.integers(1, 2), max_size=1))]], dtype=object)
    # With linear units df/dW_1 = upper^T x^T and f = |upper|^2 <bisector, x>.
    products = [(bisector * v).sum() for v in (x, z)]
    targets = [[squared(upper) * product + decay * product / squared(x)] for product in products]
    return Case(
        mlp([2, upper.size, 1], LINEAR),
        (cohort_of_one(np.outer(upper[0], bisector)), cohort_of_one(upper)),
        cohort_of_one([x, z]),
        cohort_of_one(targets),
        {"weight_decay": decay},
    )


@st.composite
def tight_batches(draw: st.DrawFn) -> Case:
    """One linear layer whose data gradient cancels all that lies in the span of the batch."""
    integers = st.integers(1, 3)
    rows = draw(st.lists(st.lists(integers, min_size=2, max_size=2), min_size=1, max_size=2))
    shares = draw(st.lists(integers, min_size=len(rows), max_size=len(rows)))
    inputs = np.array([[*row, 0] for row in rows], dtype=object)
    decay = draw(positive_dyadics())
    weight = np.array(shares, dtype=object) @ inputs + np.array([0, 0, 1], dtype=object)
    targets = [
        [(weight * x).sum() + decay * len(rows) * share]
        for x, share in zip(inputs, shares, strict=True)
    ]
    numbers = {"weight_decay": decay, "batch_size": Fraction(len(rows))}
    arrays = (cohort_of_one(inputs), cohort_of_one(targets))
    return Case(mlp([3, 1]), (cohort_of_one([weight]),), *arrays, numbers)


@cache
def trained_case(seed: int) -> Case:
    """A small ReLU network after 100 epochs of SGD with batches of one sample."""
    network, decay = mlp([3, 6, 1]), Fraction(1, 32)
    data = uniform_sphere(5, 3, 2, seed)
    start = State(initialise(network, 1, seed=seed))
    inputs, targets = torch.from_numpy(data.inputs), torch.from_numpy(data.signs)
    cohort = Cohort.broadcast(network, start, inputs, targets, float(decay))
    run = sgd(
        cohort,
        Objective(),
        batch_size=1,
        epochs=100,
        learning_rate=0.1,
        batch_seeds=torch.tensor([seed]),
        record_every=100,
    )
    weights = tuple(w.numpy() for w in run.state.parameters)
    numbers = {"weight_decay": decay, "batch_size": Fraction(1)}
    return Case(network, weights, inputs[None].numpy(), targets[None].numpy(), numbers)


def trained_cases() -> st.SearchStrategy[Case]:
    return st.integers(0, 3).map(trained_case)


READS_INPUT = "k in [k for k in weights if source(k) == 0 and patches(k) == 1]"


def _bound(
    holds: bool, left: float, right: float, case: Case, degenerate: str | None = None
) -> Observation:
    """``left <= right``, decided in rationals; the floats are for the report."""
    ratio = left / right if right else 1.0
    return Observation(
        holds=holds,
        left=f"{left:.6g}",
        relation="≤",
        right=f"{right:.6g}",
        arithmetic=RATIONALS,
        tightness=None if degenerate else (min(ratio, 1.0) if holds else ratio),
        case=lambda: case,
        degenerate=degenerate,
    )


@claim(
    "sgd-step-bound",
    title="The gradients on two samples cannot both be small: a bound by their angle",
    kind="inequality",
    sources=[],
    statement=r"4 \lambda^2 (1 - |\cos\theta_{ij}|)\, \|W^{p1}\|_F^2 \le \|g_i\|_F^2 + \|g_j\|_F^2,"
    r" \quad g_i = \nabla_{W^{p1}} L^\lambda_{\{(x_i, y_i)\}}(f_W)",
    hypotheses=[
        "W^{p1} is a full, trainable weight matrix that reads the input",
        "x_i and x_j are not 0; theta is the angle between them",
        "any loss, any labels, any weights",
    ],
    control="the bound times 9/8",
    on={
        "case": st.one_of(
            plain_cases(trainable_networks(widths=(2, 3))),
            tight_pairs(),
            trained_cases(),
            searched_cases(),
        )
    },
    examples=200,
    formal=Formal(
        "4 * weight_decay ** 2 * (1 - abs(cosine(i, j))) * squared(W[k])"
        " <= squared(gradient((i,), k)) + squared(gradient((j,), k))",
        (READS_INPUT, "j in samples", "i in range(j)"),
        given=("squared(x[i]) > 0 and squared(x[j]) > 0", "not normalised()"),
        where=(
            GRADIENT,
            "cosine(i, j) = inner(x[i], x[j]) / root(squared(x[i]) * squared(x[j]))",
        ),
    ),
)
def sgd_step_bound(setting: Setting, case: Case) -> Findings:
    """A quantitative form of Proposition 1 of galanti2022, our own: with weight decay, the steps
    of SGD with batch size 1 stay away from zero by the learning rate times
    2 lambda ||W|| sqrt((1 - |cos theta|) / 2), in at least one of any two samples.

    Proof. By the chain rule g_i = a_i x_i^T + 2 lambda W with some vector a_i. Let P_i be the
    projector onto the complement of x_i. Then ||g_i|| >= ||g_i P_i|| = 2 lambda ||W P_i||, since
    x_i^T P_i = 0, and the squares add up to 4 lambda^2 tr(W (P_i + P_j) W^T). The eigenvalues of
    the sum of the projectors onto x_i and x_j are 1 + |cos theta|, 1 - |cos theta| and 0, so the
    smallest eigenvalue of P_i + P_j is 1 - |cos theta|.

    Equality occurs: rows of W along the bisector, and labels that cancel what lies along the
    inputs. The bound is zero exactly for collinear inputs, the exception in Proposition 1. Checked
    at random weights, at weights trained by SGD, at the results of a directed search for
    stationary points, and at equality. The root in |cos theta| is avoided by squaring, so the
    comparison is exact.
    """
    point = Point.of(case)
    strength = fmpq(9, 8) if setting.altered else fmpq(1)
    slopes, decay = point.square_slopes, point.numbers["weight_decay"]
    for k in point.input_edges:
        weight = point.weights[k]
        gradients = [
            s * j + 2 * decay * weight for s, j in zip(slopes, point.jacobians[k], strict=True)
        ]
        scale = strength * 4 * decay * decay * squared(weight)
        for i, j in sample_pairs(point):
            x, z = point.inputs[i], point.inputs[j]
            if not squared(x) or not squared(z):
                yield Rejection("a sample is zero")
            elif not scale:
                yield Rejection("the weight matrix is zero")
            else:
                squared_cosine = (x * z).sum() ** 2 / (squared(x) * squared(z))
                total = squared(gradients[i]) + squared(gradients[j])
                # scale (1 - |cos|) <= total, solved for |cos|.
                least = 1 - total / scale
                yield _bound(
                    bool(least <= 0 or squared_cosine >= least * least),
                    float(scale) * (1 - math.sqrt(float(squared_cosine))),
                    float(total),
                    case,
                    "the two inputs are collinear: the bound is 0" if squared_cosine == 1 else None,
                )


def outside_span(weight: Array, inputs: Array) -> Array:
    """Rows of a matrix less their projections on the span of the inputs, by Gram-Schmidt."""
    rest = weight
    basis: list[Array] = []
    for x in inputs:
        for b in basis:
            x = x - (x * b).sum() / squared(b) * b
        if squared(x):
            basis.append(x)
            rest = rest - np.outer(rest @ x, x) / squared(x)
    return rest


@claim(
    "batch-step-bound",
    title="The gradient on a batch is at least the decay of what lies outside the batch's span",
    kind="inequality",
    sources=[],
    statement=r"2 \lambda \| W^{p1} P_{\tilde S} \|_F \le"
    r" \| \nabla_{W^{p1}} L^\lambda_{\tilde S}(f_W) \|_F, \quad"
    r" P_{\tilde S} \text{ the projector onto the complement of span } \{x_i\}_{i \in \tilde S}",
    hypotheses=[
        "W^{p1} is a full, trainable weight matrix that reads the input",
        "any loss, any labels, any weights, any batch",
    ],
    control="the bound times 9/8",
    on={
        "case": st.one_of(
            cases(
                mlps(depths=(1, 2), widths=(2, 4)),
                targets="dyadic",
                numbers={"weight_decay": positive_dyadics(), "batch_size": st.just(Fraction(2))},
                samples=(2, 3),
                cohort=1,
            ),
            tight_batches(),
            trained_cases(),
        )
    },
    examples=150,
    formal=Formal(
        "4 * weight_decay ** 2 * squared(outside(W[k], [x[n] for n in S]))"
        " <= squared(gradient(S, k))",
        (READS_INPUT, "S in batches(batch_size)"),
        given=("not normalised()",),
        where=(GRADIENT,),
    ),
)
def batch_step_bound(setting: Setting, case: Case) -> Findings:
    """The same argument for a batch of any size, our own: the data part of the gradient has its
    rows in the span of the batch's inputs, so the gradient contains all of 2 lambda W outside it.

    A point that is stationary on a batch therefore has the rows of W^{p1} in the span of its
    inputs, and one that is stationary on all batches has them in the intersection of all these
    spans. Equality occurs where the labels cancel what lies inside the span. Both sides are
    compared as squares, in rationals.
    """
    point = Point.of(case)
    size, decay = int(case.numbers["batch_size"]), point.numbers["weight_decay"]
    strength = fmpq(9, 8) if setting.altered else fmpq(1)
    slopes = point.square_slopes[:size]
    for k in point.input_edges:
        terms = slopes[:, None, None] * point.jacobians[k][:size]
        gradient = terms.sum(axis=0) / size + 2 * decay * point.weights[k]
        outside = outside_span(point.weights[k], point.inputs[:size])
        left = strength * strength * 4 * decay * decay * squared(outside)
        right = squared(gradient)
        yield _bound(
            bool(left <= right),
            math.sqrt(float(left)),
            math.sqrt(float(right)),
            case,
            None if left else "the rows of W lie in the span of the batch: the bound is 0",
        )
