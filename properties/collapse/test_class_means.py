"""Class means and covariances of the features: the definitions of xu2022, Section 5 (Eq. 26-27)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from properties.collapse.conditions import by_class, features
from properties.notation import RATIONALS
from properties.papers import XU2022
from theorycheck import (
    Case,
    Findings,
    Formal,
    Rejection,
    Setting,
    cases,
    claim,
    equality,
    mlp,
    mlps,
)
from theorycheck.arithmetic import Array, Point, rationals


@st.composite
def balanced_cases(draw: st.DrawFn) -> Case:
    """Small networks on 2 to 4 classes with 2 to 5 samples each, class by class."""
    classes, size = draw(st.integers(2, 4)), draw(st.integers(2, 5))
    networks = mlps(depths=(2, 3), widths=(1, 3), outputs=(classes, classes))
    samples = (classes * size, classes * size)
    case = draw(cases(networks, samples=samples, cohort=4))
    labels = np.repeat(np.eye(classes), size, axis=0)
    return replace(case, targets=np.broadcast_to(labels, (case.members, *labels.shape)))


def covariances(grouped: Array, terms: int, divisor: int) -> tuple[Array, Array, Array]:
    """``Sigma_W``, ``Sigma_B`` and ``Sigma_T`` of features ``(C, N, p)`` (Eq. 27).

    The inner sum of ``Sigma_W`` runs over the first ``terms`` samples and is divided by
    ``divisor``.
    """
    classes, size, width = grouped.shape

    def scatter(vectors: Array) -> Array:
        rows = vectors.reshape(-1, width)
        product: Array = rows.T @ rows
        return product

    means = grouped.sum(axis=1) / size
    centre = means.sum(axis=0) / classes
    return (
        scatter((grouped - means[:, None])[:, :terms]) / (classes * divisor),
        scatter(means - centre) / classes,
        scatter(grouped - centre) / (classes * size),
    )


def decomposition(case: Case, terms: int, divisor: int) -> Findings:
    classes = case.network.output_width
    parts = [
        covariances(by_class(features(point), classes), terms, divisor)
        for point in Point.each(case)
    ]
    within, between, total = (np.stack(part) for part in zip(*parts, strict=True))
    yield equality(within + between, total, RATIONALS, case.member)


@claim(
    "class-means-covariance-decomposition-printed",
    title="Total covariance is within- plus between-class covariance, as printed",
    kind="identity",
    sources=[XU2022.at("Eq. 27")],
    statement=r"\Sigma_W = \frac1C \sum_{c=1}^C \frac1N \sum_{n=1}^{C}"
    r" (h(x_{cn}) - \mu_c)(h(x_{cn}) - \mu_c)^\top, \qquad \Sigma_T = \Sigma_W + \Sigma_B",
    hypotheses=["C classes with N samples each, N >= C so that the printed sum has all its terms"],
    control="the printed sum over n = 1..C divided by C instead of N",
    on={"case": balanced_cases()},
    formal=Formal(
        "within[i][j] + between[i][j] == total[i][j]",
        ("i in range(len(h(0)))", "j in range(len(h(0)))"),
        given=(
            "N >= C",
            "all([y[c * N + n][d] == (1 if c == d else 0)"
            " for c in outputs for n in range(N) for d in outputs])",
        ),
        where=(
            "C = len(outputs)",
            "N = len(samples) / C",
            "mu(c) = sum([h(c * N + n) for n in range(N)]) / N",
            "centre = sum([mu(c) for c in outputs]) / C",
            "scatter(v) = outer(v, v)",
            "within = sum([scatter(h(c * N + n) - mu(c)) for c in outputs for n in range(C)])"
            " / (C * N)",
            "between = sum([scatter(mu(c) - centre) for c in outputs]) / C",
            "total = sum([scatter(h(n) - centre) for n in samples]) / (C * N)",
        ),
    ),
)
def class_means_covariance_decomposition_printed(setting: Setting, case: Case) -> Findings:
    """The covariances of the last-layer features add up, with the within-class covariance to the
    letter: its inner sum, over the samples of a class, is printed with upper limit C.

    The sum leaves out N - C samples of each class and depends on their order. The statement is
    true when N = C.
    """
    classes = case.network.output_width
    size = case.samples // classes
    if size < classes:
        yield Rejection("fewer samples per class than classes: the printed sum is undefined")
        return
    yield from decomposition(case, classes, classes if setting.altered else size)


@claim(
    "class-means-covariance-decomposition",
    title="Total covariance is within- plus between-class covariance",
    kind="identity",
    sources=[XU2022.at("Eq. 27")],
    statement=r"\Sigma_W = \frac1C \sum_{c=1}^C \frac1N \sum_{n=1}^{N}"
    r" (h(x_{cn}) - \mu_c)(h(x_{cn}) - \mu_c)^\top, \qquad \Sigma_T = \Sigma_W + \Sigma_B",
    hypotheses=["C classes with N samples each"],
    control="the inner sum stops one sample early",
    on={"case": balanced_cases()},
    corrects="class-means-covariance-decomposition-printed",
)
def class_means_covariance_decomposition(setting: Setting, case: Case) -> Findings:
    """The covariances of the last-layer features add up when the inner sum of the within-class
    covariance runs over all N samples of the class."""
    size = case.samples // case.network.output_width
    yield from decomposition(case, size - setting.altered, size)


@st.composite
def equinorm_means(draw: st.DrawFn) -> Case:
    """One sample per class, its own feature: the cyclic shifts of a vector, moved as a whole.

    Now and then one entry is changed, so that the norms differ.
    """
    entries = draw(st.lists(st.integers(-3, 3), min_size=2, max_size=5))
    classes = len(entries)
    offset = draw(st.lists(st.integers(-2, 2), min_size=classes, max_size=classes))
    means = np.array([np.roll(entries, c) + offset for c in range(classes)], dtype=np.float64)
    means[0, 0] += draw(st.sampled_from([0, 0, 0, 1]))
    weights = np.zeros((1, classes, classes))
    return Case(mlp([classes, classes]), (weights,), means[None], np.eye(classes)[None])


@claim(
    "class-means-equinorm",
    title="Centred class means of equal norm have unit vectors that add to zero",
    kind="identity",
    sources=[XU2022.at("Section 5, NC2")],
    statement=r"\|\mu_c - \mu_G\|_2 = \|\mu_{c'} - \mu_G\|_2 \;\forall c, c' \implies"
    r" \sum_c \tilde\mu_c = 0",
    hypotheses=["no class mean equals the global mean", "the centred class means are equinorm"],
    control="the last class is left out of the sum",
    on={"case": equinorm_means()},
    examples=200,
)
def class_means_equinorm(setting: Setting, case: Case) -> Findings:
    """If the centred class means have equal norms, the unit vectors along them add to zero.

    Both sides are multiplied by the common norm. "The centered features lie on a simplex", which
    the paper adds, can only mean this sum: the vectors (1,0), (-1,0), (0,1), (0,-1) are centred and
    equinorm, and no regular simplex.
    """
    means = features(Point.of(case))
    centred = means - means.sum(axis=0) / len(means)
    squares = (centred * centred).sum(axis=1)
    if (squares == 0).any():
        yield Rejection("a class mean equals the global mean")
    elif (squares != squares[0]).any():
        yield Rejection("the norms differ")
    else:
        total = centred[: len(centred) - setting.altered].sum(axis=0)
        yield equality(total[None], rationals(np.zeros((1, len(total)))), RATIONALS, case.member)
