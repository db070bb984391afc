"""Symmetric quasi-interpolation with several classes: xu2022, Property 2 and Lemma 7."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    IN_BALL,
    POSITIVE_WEIGHT_DECAY,
    RELU_NETWORK,
    SMOOTH,
    TWO_CLASSES,
)
from properties.collapse.collapsed_networks import simplex
from properties.collapse.conditions import MATRICES
from properties.collapse.multiclass import CENTRED, PROPORTIONAL
from properties.papers import XU2022

FACTORS = [Fraction(1, 2), Fraction(4, 5), Fraction(1, 5), Fraction(9, 10), Fraction(1, 10)]
"""Numbers t for which t (1 - t) is a square of a rational number, and its root."""
ROOTS = [Fraction(1, 2), Fraction(2, 5), Fraction(2, 5), Fraction(3, 10), Fraction(3, 10)]


@st.composite
def shared_units(draw: st.DrawFn) -> tc.Case:
    """Critical points: two units serve the samples of two classes together, one unit the third.

    Inputs and weights are in the plane of the labels, with the orthogonal axes ``p = (1, -1, 0)``
    and ``q = (1, 1, -2)``, and ``W_2`` is the transpose of ``W_1``. The outputs of the first two
    samples are their labels with the coordinates along p and q scaled by two factors; that of the
    third is its label, scaled. Where the two factors differ, Property 2 fails.
    """
    choices = st.integers(0, len(FACTORS) - 1)
    across = draw(choices)
    # So that both units are active at both samples.
    along = draw(choices.filter(lambda k: FACTORS[k] * ROOTS[across] > ROOTS[k] * FACTORS[across]))
    third = draw(choices)
    p, q = (
        np.array([Fraction(k) for k in axis], dtype=object) for axis in ((1, -1, 0), (1, 1, -2))
    )
    a, b, g = Fraction(3, 4) * ROOTS[across], ROOTS[along] / 4, ROOTS[third] / 2
    s = Fraction(1, 3) / (1 - FACTORS[across])
    t = Fraction(1, 3) / (1 - FACTORS[along])
    z = Fraction(1, 3) / (1 - FACTORS[third])
    first = np.array([a * p + b * q, -a * p + b * q, -g * q], dtype=object)
    inputs = [s * p + t * q, -s * p + t * q, -z * q]
    decay = 1 / (3 * (first * first).sum())
    # Into the unit ball: with the inputs divided by 4 and both weights doubled, outputs are the
    # same, and with a sixteenth of the weight decay all gradients are 0 as before.
    weights, rows = [2 * first, 2 * first.T], [row / 4 for row in inputs]
    numbers = {"weight_decay": decay / 16}
    return tc.Case.single(tc.mlp([3, 3, 3]), weights, rows, simplex(3), numbers)


symmetric_interpolation_converged = tc.stated(
    "symmetric-interpolation-converged",
    title="Lemma 7: a ReLU classifier trained to convergence satisfies Property 2",
    sources=[XU2022.at("Lemma 7, Property 2")],
    printed=r"\frac{\partial \mathcal{L}_S}{\partial \rho} = 0,\;"
    r" \frac{\partial \mathcal{L}_S}{\partial V_k} = 0 \;\forall k,\;"
    r" \langle f_V(x_{cn}), \tilde e_c \rangle > 0 \implies f(x_{cn}) \propto \tilde e_c",
    given=[CHAIN, MATRICES, RELU_NETWORK, CENTRED, SMOOTH, IN_BALL, POSITIVE_WEIGHT_DECAY],
    assuming={
        "all samples are correctly classified, with <f_V(x_n), y_n> > 0": (
            "all([paired(n) > 0 and (y[n][c] == 1 or f(n, c) < own(n)) for n in samples for c in"
            " outputs])"
        ),
        "the loss is critical in rho and all V_k: that of W, with lambda prod |W_k|^2": (
            "all([zero(gradient(k)) for k in weights])"
        ),
    },
    forall=["n in samples", "c in outputs"],
    where=[
        "C = len(outputs)",
        "paired(n) = sum([f(n, c) * y[n][c] for c in outputs])",
        "own(n) = sum([f(n, c) for c in outputs if y[n][c] == 1])",
        "missed = sum([(f(n, c) - y[n][c]) ** 2 for n in samples for c in outputs])",
        "loss = missed / len(samples) + weight_decay * product([squared(W[k]) for k in weights])",
        "gradient(k) = grad(loss, k)",
    ],
    states="f(n, c) * squared(y[n]) == paired(n) * y[n][c]",
    control=tc.altered("the outputs are the labels", "f(n, c) == y[n][c]"),
    on=shared_units(),
    examples=30,
    rests_on=["reduced-loss-multiclass-common-bound"],
    why="Two units that serve the samples of two classes together act as a linear network, whose"
    " outputs mix the labels. The proof takes the network as expressive enough for any value with"
    " one bound on the norms; then `f_V` along the label is best. In the counterexample every layer"
    " and rho are critical, away from kinks, with all samples on the right side. Hidden units"
    " cannot do better either: over unit u in the plane of the inputs, `|sum_n r_n sigma(u x_n)|`,"
    " with r_n the residuals, is largest at the units in use, which makes it a global minimum for"
    " two layers of any width (this by hand, and not part of the check).",
)


@st.composite
def scaled_pairs(draw: st.DrawFn) -> tc.Case:
    """Two outputs that are opposite, at inputs of different lengths."""
    signs = [1, -1, *draw(st.lists(st.sampled_from([1, -1]), max_size=2))]
    rows = [[sign * Fraction(draw(st.integers(1, 3)), 4)] for sign in signs]
    labels = [[sign, -sign] for sign in signs]
    return tc.Case.single(tc.mlp([1, 2]), [[[1], [-1]]], rows, labels)


symmetric_interpolation_two_classes = tc.stated(
    "symmetric-interpolation-two-classes",
    title="Property 2 for two classes is Property 1: two printed places",
    kind="consistency",
    sources=[XU2022.at("Property 1, Property 2")],
    printed=r"C = 2,\; f(x_{cn}) \propto \tilde e_c \;\forall c, n \implies"
    r" y_n f_W(x_n) = 1 - \epsilon \;\forall n",
    given=[CHAIN, MATRICES, CENTRED, TWO_CLASSES, PROPORTIONAL],
    forall=["m in samples", "n in samples"],
    where=["C = len(outputs)", "a(n) = sum([f(n, c) * y[n][c] for c in outputs]) / squared(y[n])"],
    states="a(m) == a(n)",
    control=tc.altered("the factor is 1", "a(m) == 1"),
    on=scaled_pairs(),
    why="Both are called symmetric quasi-interpolation. Property 1 asks for one gap for all"
    " samples; Property 2 for a proportion at each, which for two centred outputs says no more than"
    " that the sample is on the right side. Theorem 6 needs the first"
    " (`neural-collapse-multiclass`).",
)

symmetric_interpolation_labels = tc.stated(
    "symmetric-interpolation-labels",
    title="One-hot labels, centred and scaled to the maximum 1, are the e~_c",
    sources=[XU2022.at("Section 5.2: centred labels")],
    printed=r"\tilde e_c = \frac{C}{C-1} \Big( e_c - \frac1C \mathbf{1} \Big)"
    r" = \Big[ \frac{-1}{C-1}, \ldots, 1, \ldots, \frac{-1}{C-1} \Big],\quad"
    r" \langle \tilde e_c, \tilde e_{c'} \rangle = -\frac{C}{(C-1)^2} \;\forall c \ne c'",
    assuming={
        "labels are unit vectors, and there are several": (
            "C > 1 and all([sum(y[n]) == 1 and all([y[n][c] * (y[n][c] - 1) == 0 for c in outputs])"
            " for n in samples])"
        )
    },
    forall=["m in samples", "n in samples", "c in outputs"],
    where=[
        "C = len(outputs)",
        "scaled(n) = [C / (C - 1) * (y[n][c] - 1 / C) for c in outputs]",
        "same = [[inner(y[m], y[n]) for n in samples] for m in samples]",
    ],
    states="scaled(n)[c] == (1 if y[n][c] == 1 else -1 / (C - 1))"
    " and inner(scaled(m), scaled(n)) == (C / (C - 1) if same[m][n] == 1 else -C / (C - 1) ** 2)",
    control=tc.altered(
        "scaled to unit norm", "inner(scaled(m), scaled(n)) == (1 if same[m][n] == 1 else 0)"
    ),
    on=tc.cases(
        tc.mlps(depths=(1, 1), widths=(1, 1), outputs=(2, 5)),
        samples=(1, 3),
        targets="one-hot",
        cohort=1,
    ),
    examples=40,
    why="The labels form a simplex; C/(C-1) is the constant of Eq. 33.",
)


ACCURACY = tc.Family(
    sources=[XU2022.at("Section 5.2: accuracy")],
    given=[MATRICES, CENTRED],
    forall=["n in samples"],
    where=[
        "C = len(outputs)",
        "paired(n) = sum([f(n, c) * y[n][c] for c in outputs])",
        "own(n) = sum([f(n, c) for c in outputs if y[n][c] == 1])",
        "best_other(n) = max([f(n, c) for c in outputs if y[n][c] != 1])",
    ],
)


@st.composite
def any_outputs(draw: st.DrawFn) -> tc.Case:
    """Whole numbers as outputs of the identity, for classes in turn."""
    classes = draw(st.integers(2, 4))
    row = st.lists(st.integers(-4, 4), min_size=classes, max_size=classes)
    rows = [draw(row) for _ in range(classes)]
    return tc.Case.single(
        tc.mlp([classes, classes]), [np.eye(classes, dtype=int)], rows, simplex(classes)
    )


@st.composite
def nearly_right(draw: st.DrawFn) -> tc.Case:
    """Three classes, the last with the right sign of <f, e~_c>, be it the largest output or not."""
    outputs = [(-4, 2, 1), (1, -4, 2), (2, -6, 1), (-2, 0, 1), (0, 0, 8), (1, 1, 2)]
    last = [Fraction(eighths, 8) for eighths in draw(st.sampled_from(outputs))]
    rows = [[1, 0, 0], [0, 1, 0], last]
    return tc.Case.single(tc.mlp([3, 3]), [np.eye(3, dtype=int)], rows, simplex(3))


symmetric_interpolation_accuracy_converse = ACCURACY.stated(
    "symmetric-interpolation-accuracy-converse",
    title="With centred labels e~_c, samples with <f, e~_c> > 0 are correctly classified",
    sources=[],
    printed=r"\langle f_V(x_{cn}), \tilde e_c \rangle > 0 \quad \forall c, n \implies"
    r" \text{100\% accuracy on the training dataset}",
    given=[IN_BALL],
    assuming={"<f(x_n), y_n> > 0 for all n": "all([paired(m) > 0 for m in samples])"},
    states="best_other(n) < own(n)",
    control=tc.altered("by 1", "best_other(n) + 1 < own(n)"),
    on=nearly_right(),
    why='Our own, the converse of what xu2022 prints: that 100% accuracy "means" <f, e~_c> > 0,'
    " which is true (`symmetric-interpolation-accuracy`). The inner product is the output of the"
    " class less the mean of the others. With three classes and more, one of the others may be"
    " larger while their mean is not.",
)

symmetric_interpolation_accuracy = ACCURACY.stated(
    "symmetric-interpolation-accuracy",
    title="Where samples are correctly classified, <f, e~_c> > 0",
    printed=r"\text{100\% accuracy on the training dataset} \implies"
    r" \langle f_V(x_{cn}), \tilde e_c \rangle > 0",
    assuming={"the output of the class is the largest": "best_other(n) < own(n)"},
    states="own(n) - best_other(n) <= paired(n)",
    control=tc.altered("less than that", {"<=": "<"}),
    on=any_outputs(),
    examples=60,
    why="The mean of the other outputs is at most the largest of them, with equality for two"
    " classes. So the inner product is at least the gap, which is positive.",
)
