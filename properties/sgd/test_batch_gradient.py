"""The gradient of the risk on a batch, with which SGD steps: galanti2022, Eq. 2, 6 and 7.

Its formula, what exchanging a sample changes, the trainer's own step, and bounds of our own: with
weight decay, not all of these gradients can be small (a quantitative form of Proposition 1).
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
from flint import fmpq
from hypothesis import strategies as st

from properties.assumptions import NOT_NORMALISED, SMOOTH, UNNORMALISED
from properties.notation import BATCH_GRADIENT, ENTRIES, NEAR_KINK, RATIONALS
from properties.papers import GALANTI2022
from properties.sgd.tight_points import tight_batches, tight_pairs, trained_cases
from properties.sgd.updates import (
    EXACT,
    EXACT_UPDATES,
    after_one_epoch,
    bits_of_descent,
    descent_in_rationals,
)
from theorycheck import (
    Case,
    Findings,
    Formal,
    Observation,
    Rejection,
    Setting,
    cases,
    claim,
    equality,
    mlps,
    positive_dyadics,
)
from theorycheck.arithmetic import (
    SIGNIFICAND_BITS,
    Array,
    Point,
    batch_risk,
    flat,
    in_rows,
    quotient_gradient,
    rationals,
    squared,
)
from theorycheck.drawing import plain_cases, searched_cases, trainable_networks


@claim(
    "batch-gradient",
    title="Gradient of the regularised risk on a batch",
    kind="identity",
    sources=[GALANTI2022.at("Eq. 6 with Eq. 2")],
    statement=r"\nabla_{W^{pq}} L^\lambda_{\tilde S}(f_W) = \frac1B \sum_{(x,y) \in \tilde S}"
    r" \frac{\partial \ell(f_W(x), y)}{\partial f_W(x)} \cdot"
    r" \frac{\partial f_W(x)}{\partial W^{pq}} + 2 \lambda W^{pq}",
    hypotheses=["no pre-activation is zero", "the square loss"],
    control="weight decay enters as lambda W, as if the risk had lambda/2 ||W||^2",
    on={"case": plain_cases(samples=(2, 3))},
    examples=150,
    enough=10,
)
def batch_gradient(setting: Setting, case: Case) -> Findings:
    """The left side is the exact difference quotient of the risk of Eq. 2 along every weight, the
    right side is computed from the derivatives of the network: the factor 2 of the weight decay is
    the one that `batch-gradient-pair-bound` and the papers' bounds rest on.
    """
    point = Point.of(case)
    batch = range(int(case.numbers["batch_size"]))
    left = quotient_gradient(point, batch_risk(point, point.numbers["weight_decay"], batch))
    if left is None:
        yield Rejection(NEAR_KINK)
        return
    decay = point.numbers["weight_decay"] / (2 if setting.altered else 1)
    right = point.gradient(point.square_slopes, decay, batch)
    yield equality(left[None], right[None], RATIONALS, case.member)


def exchange(case: Case, share: Fraction) -> Findings:
    """Batches 0 .. B-1 and 1 .. B, and ``share`` times the difference of samples 0 and B."""
    point, size = Point.of(case), int(case.numbers["batch_size"])
    first, second = (
        quotient_gradient(point, batch_risk(point, point.numbers["weight_decay"], batch))
        for batch in (range(size), range(1, size + 1))
    )
    if first is None or second is None:
        yield Rejection(NEAR_KINK)
        return
    terms = in_rows(point.sample_gradients(point.square_slopes, fmpq(0)))
    right = fmpq(share.numerator, share.denominator) * (terms[0] - terms[size])
    yield equality((first - second)[None], right[None], RATIONALS, case.member)


@claim(
    "batch-gradient-exchange-printed",
    title="Exchanging one sample of a batch, as printed: without the factor 1/B",
    kind="identity",
    sources=[GALANTI2022.at("Eq. 7, second equality")],
    statement=r"\nabla L^\lambda_{\tilde S_1}(f_W) - \nabla L^\lambda_{\tilde S_2}(f_W)"
    r" = \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)}"
    r" \frac{\partial f_W(x_i)}{\partial W}"
    r" - \frac{\partial \ell(f_W(x_j), y_j)}{\partial f_W(x_j)}"
    r" \frac{\partial f_W(x_j)}{\partial W}",
    hypotheses=["two batches of size B that differ in one sample"],
    control="with the right side doubled",
    on={"case": plain_cases(mlps(depths=(1, 2), widths=(1, 1)), samples=(3, 3))},
    examples=400,
    formal=Formal(
        "(gradient(range(0, batch_size), k) - gradient(range(1, batch_size + 1), k))[i][j]"
        " == (term(0, k) - term(batch_size, k))[i][j]",
        ENTRIES,
        given=(UNNORMALISED.formula, SMOOTH.formula),
        where=(BATCH_GRADIENT, "term(n, k) = 2 * (f(n, 0) - y[n][0]) * df(n, 0, k)"),
        numbers=("batch_size", "weight_decay"),
    ),
)
def batch_gradient_exchange_printed(setting: Setting, case: Case) -> Findings:
    """The second equality of Eq. 7, read as an identity at every W.

    It lacks the factor 1/B of Eq. 6, so it holds only for B = 1. In its context both sides are
    zero, and nothing that the paper concludes from it changes.
    """
    yield from exchange(case, Fraction(2 if setting.altered else 1))


@claim(
    "batch-gradient-exchange",
    title="Exchanging one sample of a batch changes the gradient by 1/B of the difference",
    kind="identity",
    sources=[GALANTI2022.at("Eq. 7, corrected")],
    statement=r"\nabla L^\lambda_{\tilde S_1}(f_W) - \nabla L^\lambda_{\tilde S_2}(f_W) = \frac1B"
    r"\Big( \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)}"
    r" \frac{\partial f_W(x_i)}{\partial W}"
    r" - \frac{\partial \ell(f_W(x_j), y_j)}{\partial f_W(x_j)}"
    r" \frac{\partial f_W(x_j)}{\partial W} \Big)",
    hypotheses=["two batches of size B that differ in one sample", "no pre-activation is zero"],
    control="the factor is 1/(B + 1)",
    on={"case": plain_cases(samples=(2, 4))},
    examples=200,
    enough=10,
    corrects="batch-gradient-exchange-printed",
)
def batch_gradient_exchange(setting: Setting, case: Case) -> Findings:
    """Eq. 7 with the factor 1/B; the gradients on the left are exact difference quotients."""
    size = int(case.numbers["batch_size"])
    yield from exchange(case, Fraction(1, size + 1 if setting.altered else size))


@claim(
    "batch-gradient-update-trained",
    title="Trained steps of SGD with weight decay and momentum are the printed ones",
    kind="identity",
    sources=[
        GALANTI2022.at("Section 2.1, Optimization, with Eq. 2"),
        GALANTI2022.at("Section 4.1"),
    ],
    statement=r"W_{t+1} = W_t - \eta\, b_t,\quad b_t = m\, b_{t-1} + \nabla_W\Big[\frac{1}{B}"
    r"\sum_{(x,y) \in \tilde S} (f_W(x) - y)^2 + \lambda \|W\|_2^2\Big],\quad b_{-1} = 0",
    hypotheses=[
        "square loss, bias-free networks of depth 1 or 2",
        "mini-batches of one sample, drawn without replacement",
        "integer weights and data, dyadic hyperparameters",
    ],
    control="the gradient of the weight decay is lambda W instead of 2 lambda W",
    on={"case": EXACT_UPDATES},
    examples=60,
    enough=10,
)
def batch_gradient_update_trained(setting: Setting, case: Case) -> Findings:
    """The trainer that the other claims rely on makes exactly the update of the paper: after an
    epoch the weights equal those of the same recursion carried out in rational arithmetic, with
    derivatives by forward mode instead of backpropagation.

    The papers say "momentum 0.9" and no more; it is read as the heavy ball of the usual libraries.
    The numbers are chosen so that float64 does not round, and the comparison is exact.
    """
    assert case.targets is not None
    data = [rationals(a[0]) for a in (*case.parameters, case.inputs, case.targets)]
    if bits_of_descent(case, data) > SIGNIFICAND_BITS:
        yield Rejection("float64 would round")
        return
    decay = case.numbers["weight_decay"] / (2 if setting.altered else 1)
    expected = descent_in_rationals(case, case.network, data, decay)
    found = [rationals(p[0]) for p in after_one_epoch(case, rho=False).parameters]
    yield equality(flat(found)[None], flat(expected)[None], EXACT, case.member)


def input_edges(point: Point) -> tuple[int, ...]:
    """Positions of the weight matrices that read the input, ``W^{p1}``."""
    return tuple(k for k, p in enumerate(point.network.parameters) if p.source == 0)


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
    "batch-gradient-pair-bound",
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
        given=("squared(x[i]) > 0 and squared(x[j]) > 0", NOT_NORMALISED.formula),
        where=(
            BATCH_GRADIENT,
            "cosine(i, j) = inner(x[i], x[j]) / root(squared(x[i]) * squared(x[j]))",
        ),
        numbers=("weight_decay",),
    ),
)
def batch_gradient_pair_bound(setting: Setting, case: Case) -> Findings:
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
    decay = point.numbers["weight_decay"]
    sample_gradients = point.sample_gradients(point.square_slopes, decay)
    for k in input_edges(point):
        weight, gradients = point.weights[k], sample_gradients[k]
        scale = strength * 4 * decay * decay * squared(weight)
        for i, j in combinations(range(point.samples), 2):
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
    "batch-gradient-bound",
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
        given=(NOT_NORMALISED.formula,),
        where=(BATCH_GRADIENT,),
        numbers=("batch_size", "weight_decay"),
    ),
)
def batch_gradient_bound(setting: Setting, case: Case) -> Findings:
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
    sample_gradients = point.sample_gradients(point.square_slopes, decay)
    for k in input_edges(point):
        gradient = sample_gradients[k][:size].sum(axis=0) / size
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
