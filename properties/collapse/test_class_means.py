"""Class means and covariances of the features: the definitions of xu2022, Section 5 (Eq. 26-27)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.collapse.conditions import BALANCED, CLASS_MEANS
from properties.papers import XU2022


@st.composite
def balanced_cases(draw: st.DrawFn, *, at_least: int = 2) -> tc.Case:
    """Small networks on 2 to 4 classes with at most 5 samples each, class by class.

    Args:
        at_least: how many samples a class has, or as many as there are classes if this is 0.
    """
    classes = draw(st.integers(2, 4))
    size = draw(st.integers(at_least or classes, 5))
    networks = tc.mlps(depths=(2, 3), widths=(1, 3), outputs=(classes, classes))
    samples = (classes * size, classes * size)
    case = draw(tc.cases(networks, samples=samples, cohort=4))
    labels = np.repeat(np.eye(classes), size, axis=0)
    return replace(case, targets=np.broadcast_to(labels, (case.members, *labels.shape)))


ONE_HOT = tc.Assumption(
    "labels are unit vectors",
    "all([sum(y[n]) == 1 and all([y[n][c] == 0 or y[n][c] == 1 for c in outputs])"
    " for n in samples])",
)
FEATURE_PAIRS = ("i in range(len(h(0)))", "j in range(len(h(0)))")
COVARIANCES = (
    *CLASS_MEANS,
    "N = len(samples) / C",
    "spread(c, n) = h(members(c)[n]) - mu(c)",
    "within(i, m) ="
    " sum([spread(c, n)[i] * spread(c, n) for c in outputs for n in range(m)]) / (C * N)",
    "between(i) = sum([centred(c)[i] * centred(c) for c in outputs]) / C",
    "total(i) = sum([(h(n) - first(C))[i] * (h(n) - first(C)) for n in samples]) / (C * N)",
)
"""Rows i of the covariances (Eq. 27); the inner sum of the first is over m samples of a class."""

class_means_covariance_decomposition_printed = tc.stated(
    "class-means-covariance-decomposition-printed",
    title="Total covariance is within- plus between-class covariance, as printed",
    kind="identity",
    sources=[XU2022.at("Eq. 27")],
    printed=r"\Sigma_W = \frac1C \sum_{c=1}^C \frac1N \sum_{n=1}^{C}"
    r" (h(x_{cn}) - \mu_c)(h(x_{cn}) - \mu_c)^\top, \qquad \Sigma_T = \Sigma_W + \Sigma_B",
    given=[
        ONE_HOT,
        BALANCED,
        tc.Assumption("N >= C, so that the printed sum has all its terms", "N >= C"),
    ],
    forall=FEATURE_PAIRS,
    where=COVARIANCES,
    states="within(i, C)[j] + between(i)[j] == total(i)[j]",
    control=tc.altered(
        "the printed sum over n = 1..C divided by C instead of N",
        "N / C * within(i, C)[j] + between(i)[j] == total(i)[j]",
    ),
    on=balanced_cases(at_least=0),
    why="The covariances of the last-layer features add up, with the within-class covariance to the"
    " letter: its inner sum, over the samples of a class, is printed with upper limit C. The sum"
    " leaves out N - C samples of each class and depends on their order. The statement is true when"
    " N = C.",
)

class_means_covariance_decomposition = tc.stated(
    "class-means-covariance-decomposition",
    title="Total covariance is within- plus between-class covariance",
    kind="identity",
    sources=[XU2022.at("Eq. 27")],
    printed=r"\Sigma_W = \frac1C \sum_{c=1}^C \frac1N \sum_{n=1}^{N}"
    r" (h(x_{cn}) - \mu_c)(h(x_{cn}) - \mu_c)^\top, \qquad \Sigma_T = \Sigma_W + \Sigma_B",
    given=[ONE_HOT, BALANCED],
    forall=FEATURE_PAIRS,
    where=COVARIANCES,
    states="within(i, N)[j] + between(i)[j] == total(i)[j]",
    control=tc.altered(
        "the inner sum stops one sample early",
        "within(i, N - 1)[j] + between(i)[j] == total(i)[j]",
    ),
    on=balanced_cases(),
    corrects="class-means-covariance-decomposition-printed",
    why="The covariances of the last-layer features add up when the inner sum of the within-class"
    " covariance runs over all N samples of the class.",
)


def is_not_constant(entries: list[int]) -> bool:
    return len(set(entries)) > 1


@st.composite
def equinorm_means(draw: st.DrawFn, *, changed: bool = False) -> tc.Case:
    """One sample per class, its own feature: the cyclic shifts of a vector, moved as a whole.

    Args:
        changed: add 1 to one entry, so that the norms differ where there are three or more.
    """
    entries = draw(st.lists(st.integers(-3, 3), min_size=2, max_size=5).filter(is_not_constant))
    classes = len(entries)
    offset = draw(st.lists(st.integers(-2, 2), min_size=classes, max_size=classes))
    means = np.array([np.roll(entries, c) + offset for c in range(classes)], dtype=np.float64)
    means[0, 0] += changed
    weights = np.zeros((1, classes, classes))
    return tc.Case(tc.mlp([classes, classes]), (weights,), means[None], np.eye(classes)[None])


EQUINORM = tc.Assumption(
    "the centred class means are equinorm",
    "all([squared(centred(c)) == squared(centred(0)) for c in outputs])",
)

class_means_equinorm = tc.stated(
    "class-means-equinorm",
    title="Centred class means of equal norm have unit vectors that add to zero",
    kind="identity",
    sources=[XU2022.at("Section 5, NC2")],
    printed=r"\|\mu_c - \mu_G\|_2 = \|\mu_{c'} - \mu_G\|_2 \;\forall c, c' \implies"
    r" \sum_c \tilde\mu_c = 0",
    given=[
        ONE_HOT,
        BALANCED,
        tc.Assumption(
            "no class mean equals the global mean",
            "all([squared(centred(c)) > 0 for c in outputs])",
        ),
        EQUINORM,
    ],
    forall=["i in range(len(h(0)))"],
    where=CLASS_MEANS,
    states="sum([root(squared(centred(0)) / squared(centred(c))) * centred(c)[i]"
    " for c in outputs]) == 0",
    control=tc.altered(
        "the norms of the centred class means may differ",
        without=[EQUINORM],
        on=equinorm_means(changed=True),
    ),
    on=equinorm_means(),
    why="If the centred class means have equal norms, the unit vectors along them add to zero. The"
    ' sum is multiplied by the norm of the first. "The centered features lie on a simplex", which'
    " the paper adds, can only mean this sum: the vectors (1,0), (-1,0), (0,1), (0,-1) are centred"
    " and equinorm, and no regular simplex.",
)
