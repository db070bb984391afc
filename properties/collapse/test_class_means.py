"""Class means and covariances of the features: the definitions of xu2022, Section 5 (Eq. 26-27)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import TWO_CLASSES
from properties.collapse.conditions import BALANCED, CLASS_MEANS, SETTING
from properties.papers import XU2022
from properties.unit_ball import in_ball
from theorycheck.drawing import SLOPES


@st.composite
def balanced_cases(
    draw: st.DrawFn,
    *,
    at_least: int = 2,
    among: tuple[int, int] = (2, 4),
    slopes: Sequence[float] = SLOPES,
) -> tc.Case:
    """Small networks on a few classes with at most 5 samples each, class by class.

    Args:
        at_least: how many samples a class has, or as many as there are classes if this is 0.
        among: how many classes there are.
        slopes: one is drawn for the hidden layers.
    """
    classes = draw(st.integers(*among))
    size = draw(st.integers(at_least or classes, 5))
    networks = tc.mlps(depths=(2, 3), widths=(1, 3), outputs=(classes, classes), slopes=slopes)
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

BALANCED_CLASSES = tc.Family(given=[ONE_HOT, BALANCED], forall=["i in range(len(h(0)))"])

class_means_covariance_decomposition_printed = BALANCED_CLASSES.stated(
    "class-means-covariance-decomposition-printed",
    title="Total covariance is within- plus between-class covariance, as printed",
    given=SETTING,
    sources=[XU2022.at("Eq. 27")],
    printed=r"\Sigma_W = \frac1C \sum_{c=1}^C \frac1N \sum_{n=1}^{C}"
    r" (h(x_{cn}) - \mu_c)(h(x_{cn}) - \mu_c)^\top, \qquad \Sigma_T = \Sigma_W + \Sigma_B",
    assuming={"N >= C, so that the printed sum has all its terms": "N >= C"},
    forall=FEATURE_PAIRS,
    where=COVARIANCES,
    states="within(i, C)[j] + between(i)[j] == total(i)[j]",
    control=tc.altered(
        "the printed sum over n = 1..C divided by C instead of N",
        "N / C * within(i, C)[j] + between(i)[j] == total(i)[j]",
    ),
    on=balanced_cases(at_least=0, slopes=(tc.RELU,)).map(in_ball),
    why="As printed, the covariances do not add up: the inner sum of the within-class covariance,"
    " over the samples of a class, is printed with upper limit C. It leaves out N - C samples of"
    " each class and depends on their order. The statement is true when N = C.",
)

class_means_covariance_decomposition = BALANCED_CLASSES.stated(
    "class-means-covariance-decomposition",
    title="Total covariance is within- plus between-class covariance",
    sources=[XU2022.at("Eq. 27")],
    printed=r"\Sigma_W = \frac1C \sum_{c=1}^C \frac1N \sum_{n=1}^{N}"
    r" (h(x_{cn}) - \mu_c)(h(x_{cn}) - \mu_c)^\top, \qquad \Sigma_T = \Sigma_W + \Sigma_B",
    forall=FEATURE_PAIRS,
    where=COVARIANCES,
    states="within(i, N)[j] + between(i)[j] == total(i)[j]",
    control=tc.altered("the inner sum stops one sample early", {", N": ", N - 1"}),
    on=balanced_cases(),
    examples=50,
    corrects="class-means-covariance-decomposition-printed",
    why="The covariances of the last-layer features add up when the inner sum of the within-class"
    " covariance runs over all N samples of the class.",
)


def is_not_constant(entries: list[int]) -> bool:
    return len(set(entries)) > 1


@st.composite
def equinorm_means(draw: st.DrawFn, *, changed: bool = False) -> tc.Case:
    """One sample per class, its own feature: the cyclic shifts of a vector, moved as a whole.

    The inputs are in the unit ball.

    Args:
        changed: add 1 to one entry, so that the norms differ where there are three or more.
    """
    entries = draw(st.lists(st.integers(-3, 3), min_size=2, max_size=5).filter(is_not_constant))
    classes = len(entries)
    offset = draw(st.lists(st.integers(-2, 2), min_size=classes, max_size=classes))
    means = np.array([np.roll(entries, c) + offset for c in range(classes)], dtype=np.float64)
    means[0, 0] += changed
    eye = np.eye(classes)[None]
    return in_ball(tc.Case(tc.mlp([classes, classes]), (eye,), means[None], eye))


EQUINORM_SETS = [
    [(3, 4), (-3, -4)],
    [(2, 0, 0, 0), (-1, 1, 1, 1), (-1, -1, -1, -1)],
    [(3, 0, 0), (-1, 2, 2), (-2, 1, -2), (0, -3, 0)],
    [(3, 1, -1, -1, -2), (-2, 3, 1, -1, -1), (-1, -2, 3, 1, -1), (-1, -1, -2, 3, 1),
     (1, -1, -1, -2, 3)],
]  # fmt: skip
"""Vectors that add to 0, and whose norms are one rational number."""


@st.composite
def rational_norms(draw: st.DrawFn) -> tc.Case:
    """One sample per class: one of these sets, stretched, turned and moved; in the unit ball."""
    vectors = np.array(draw(st.sampled_from(EQUINORM_SETS)))
    classes, width = vectors.shape
    order = draw(st.permutations(range(width)))
    numbers = [st.sampled_from([1, -1]), st.integers(-2, 2)]
    signs, offset = (draw(st.lists(n, min_size=width, max_size=width)) for n in numbers)
    means = draw(st.integers(1, 2)) * vectors[:, order] * signs + offset
    network, weights = tc.mlp([width, classes]), np.eye(classes, width)[None]
    return in_ball(tc.Case(network, (weights,), means[None].astype(float), np.eye(classes)[None]))


NO_CENTRED_MEAN_IS_ZERO = tc.Assumption(
    "no class mean equals the global mean", "all([squared(centred(c)) > 0 for c in outputs])"
)
EQUINORM = tc.Assumption(
    "the centred class means are equinorm",
    "all([squared(centred(c)) == squared(centred(0)) for c in outputs])",
)

class_means_equinorm = BALANCED_CLASSES.stated(
    "class-means-equinorm",
    title="Centred class means of equal norm have unit vectors that add to zero",
    sources=[XU2022.at("Section 5: NC2")],
    printed=r"\|\mu_c - \mu_G\|_2 = \|\mu_{c'} - \mu_G\|_2 \;\forall c, c' \implies"
    r" \sum_c \tilde\mu_c = 0",
    given=[
        NO_CENTRED_MEAN_IS_ZERO,
        EQUINORM,
    ],
    where=[*CLASS_MEANS, "unit(c) = centred(c) / root(squared(centred(c)))"],
    states="unit(0)[i] == -sum([unit(c)[i] for c in range(1, C)])",
    control=tc.altered(
        "the norms of the centred class means may differ",
        without=[EQUINORM],
        on=equinorm_means(changed=True),
    ),
    on=rational_norms(),
    why="If the centred class means have equal norms, the unit vectors along them add to zero: the"
    ' first is minus the sum of the others. The paper adds: "i.e., the centered features lie on a'
    ' simplex". Read as this sum it is true; read as a regular simplex it is false'
    " (`class-means-equinorm-simplex`).",
)

AT_MOST_THREE = tc.Assumption("at most three classes", "C <= 3")
CLASS_PAIRS = ("a in outputs", "b in [c for c in outputs if c != a]")
SIMPLEX = "(C - 1) * inner(centred(a), centred(b)) == -squared(centred(a))"

class_means_global = BALANCED_CLASSES.stated(
    "class-means-global",
    title="The global mean is the mean of the class means",
    sources=[XU2022.at("Eq. 26, Section 5: global mean")],
    printed=r"\mu_G = \frac1C \sum_c \mu_c = \frac1{NC} \sum_{c=1,n=1}^{C,N} h(x_{cn})",
    where=CLASS_MEANS,
    states="first(C)[i] == sum([h(n) for n in samples])[i] / len(samples)",
    control=tc.altered(
        "classes of different sizes",
        without=[BALANCED],
        on=tc.cases(
            tc.mlps(depths=(1, 2), widths=(1, 2), outputs=(2, 2)),
            samples=(3, 5),
            targets="one-hot",
            cohort=1,
        ),
    ),
    on=balanced_cases(),
    examples=40,
    why="Balance is what makes the two means equal.",
)

NC1 = tc.Family(
    sources=[XU2022.at("Section 5: NC1, Eq. 27")],
    forall=["c in outputs", "n in members(c)"],
    states="squared(h(n) - mu(c)) == 0",
    control=tc.altered("the features are 0", "squared(h(n)) == 0"),
    where=[
        *COVARIANCES,
        "traced(m) = sum([squared(spread(c, n)) for c in outputs for n in range(m)]) / (C * N)",
    ],
    examples=40,
)


@st.composite
def repeated_features(draw: st.DrawFn, *, changed: bool = False) -> tc.Case:
    """Features that are the inputs, the same for all of a class; the last two may part.

    Args:
        changed: always let them part.
    """
    classes = draw(st.integers(2, 3))
    means = draw(st.lists(st.integers(-2, 2), min_size=classes, max_size=classes))
    parts = draw(st.integers(1, 2)) if changed else draw(st.sampled_from([0, 0, 0, 1]))
    rows = [[mean + part] for mean in means for part in [*[0] * classes, parts, -parts]]
    labels = np.repeat(np.eye(classes, dtype=int), classes + 2, axis=0)
    weights = [[1]] * classes
    return in_ball(tc.Case.single(tc.mlp([1, classes]), [weights], rows, labels))


class_means_variability_printed = NC1.stated(
    "class-means-variability-printed",
    title="NC1 with the within-class covariance as printed: its trace is 0 only after collapse",
    printed=r"\mathrm{Tr}\Big( \frac1C \sum_{c=1}^C \frac1N \sum_{n=1}^{C} (h(x_{cn}) - \mu_c)"
    r"(h(x_{cn}) - \mu_c)^\top \Big) = 0 \implies h(x_{cn}) = \mu_c",
    given=[*SETTING, ONE_HOT, BALANCED],
    assuming={"N >= C and the trace is 0": "N >= C and traced(C) == 0"},
    on=repeated_features(changed=True),
    why="The printed sum over n = 1..C leaves out N - C samples of each class, and these may lie"
    " anywhere around their mean.",
)

class_means_variability = NC1.stated(
    "class-means-variability",
    title="NC1: the trace of the within-class covariance is 0 only after collapse",
    printed=r"\mathrm{Tr}(\Sigma_W) = 0 \implies h(x_{cn}) = \mu_c",
    given=[ONE_HOT, BALANCED],
    assuming={"Tr(Sigma_W) = 0": "traced(N) == 0"},
    on=repeated_features(),
    corrects="class-means-variability-printed",
    why="With the sum over all N samples the trace is the mean squared distance from the class"
    " mean.",
)

EQUINORM_MEANS = tc.Family(forall=CLASS_PAIRS, where=CLASS_MEANS, examples=40)
WIDER = "(C + 1) * inner(centred(a), centred(b)) == -squared(centred(a))"

class_means_equinorm_simplex = EQUINORM_MEANS.stated(
    "class-means-equinorm-simplex",
    title="Centred class means of equal norm lie on a simplex, as printed",
    sources=[XU2022.at("Section 5: NC2")],
    printed=r"\|\mu_c - \mu_G\|_2 = \|\mu_{c'} - \mu_G\|_2 \;\forall c, c' \implies"
    r" \langle \tilde\mu_c, \tilde\mu_{c'} \rangle = -\frac1{C-1}",
    given=[*SETTING, ONE_HOT, BALANCED, NO_CENTRED_MEAN_IS_ZERO, EQUINORM],
    states=SIMPLEX,
    control=tc.altered("inner products -1/(C+1)", WIDER),
    on=equinorm_means(),
    rests_on=["class-means-equinorm"],
    why='"The equinorm condition also implies that" the unit vectors add to 0, "i.e., the centered'
    ' features lie on a simplex". With four classes, centred vectors of equal norm can be two'
    " opposite pairs at any angle. That they add to 0 is all that follows"
    " (`class-means-equinorm`).",
)

class_means_equinorm_three = EQUINORM_MEANS.stated(
    "class-means-equinorm-three",
    title="Up to three centred class means of equal norm do lie on a simplex",
    sources=[XU2022.at("Section 5: NC2")],
    printed=r"C \le 3,\; \|\mu_c - \mu_G\|_2 = \|\mu_{c'} - \mu_G\|_2 \;\forall c, c' \implies"
    r" \langle \tilde\mu_c, \tilde\mu_{c'} \rangle = -\frac1{C-1}",
    given=[ONE_HOT, BALANCED, NO_CENTRED_MEAN_IS_ZERO, EQUINORM, AT_MOST_THREE],
    states=SIMPLEX,
    control=tc.altered("any number of classes", without=[AT_MOST_THREE]),
    on=equinorm_means(),
    examples=100,
    corrects="class-means-equinorm-simplex",
    rests_on=["class-means-equinorm"],
    why="Three vectors of equal norm that add to 0 are at angles of 120 degrees.",
)

EQUIANGULAR = tc.Assumption(
    "the unit vectors along the centred means have inner products -1/(C-1)",
    "all([(C - 1) * inner(centred(c), centred(d))"
    " == -root(squared(centred(c)) * squared(centred(d)))"
    " for c in outputs for d in outputs if c != d])",
)

class_means_equiangular = EQUINORM_MEANS.stated(
    "class-means-equiangular",
    title="The angles of NC2 imply its equal norms",
    printed=r"\langle \tilde\mu_c, \tilde\mu_{c'} \rangle = -\frac1{C-1} \;\forall c \ne c'"
    r" \implies \|\mu_c - \mu_G\|_2 = \|\mu_{c'} - \mu_G\|_2",
    given=[ONE_HOT, BALANCED, NO_CENTRED_MEAN_IS_ZERO, EQUIANGULAR],
    states="squared(centred(a)) == squared(centred(b))",
    control=tc.altered("any angles", without=[EQUIANGULAR], on=equinorm_means(changed=True)),
    on=st.one_of(equinorm_means(), equinorm_means(changed=True)),
    examples=100,
    why="The two conditions of NC2 are not independent. With these angles the unit vectors add to"
    " 0, and by rank C - 1 that is their only linear relation, up to a factor; the centred means"
    " add to 0 as well, so their norms are equal.",
)

class_means_two_classes = EQUINORM_MEANS.stated(
    "class-means-two-classes",
    title="With two classes NC2 is true of every network",
    sources=[XU2022.at("Figure 9, Section 5: NC2")],
    printed=r"C = 2 \implies \mu_1 - \mu_G = -(\mu_2 - \mu_G),\; \langle \tilde\mu_1, \tilde\mu_2"
    r" \rangle = -1",
    given=[ONE_HOT, BALANCED, TWO_CLASSES, NO_CENTRED_MEAN_IS_ZERO],
    states=SIMPLEX,
    control=tc.altered(
        "more than two classes", without=[TWO_CLASSES], on=balanced_cases(among=(3, 3))
    ),
    on=balanced_cases(among=(2, 2)),
    why="If the means of Figure 9, which is about two classes, are centred, its curves for NC2 can"
    ' only show rounding for the means: "notice the small scale of the fluctuations". The caption'
    " does not say that they are (`class-means-two-classes-angle`).",
)

class_means_two_classes_angle = tc.stated(
    "class-means-two-classes-angle",
    title="Two classes have one angle, of means and of classifiers",
    sources=[XU2022.at("Figure 9: equiangularity")],
    printed=r"C = 2:\ \text{the standard deviation of the inner products of the normalized means}"
    r"\text{ ... and the normalized classifiers is } 0",
    given=[ONE_HOT, BALANCED, TWO_CLASSES],
    forall=CLASS_PAIRS,
    where=[*CLASS_MEANS, "V(c) = W[len(weights) - 1][c]"],
    states="inner(mu(a), mu(b)) == inner(mu(0), mu(1)) and inner(V(a), V(b)) == inner(V(0), V(1))",
    control=tc.altered(
        "more than two classes", without=[TWO_CLASSES], on=balanced_cases(among=(3, 3))
    ),
    on=balanced_cases(among=(2, 2)),
    examples=40,
    why="Pairs c != c' are one pair in two orders, before and after vectors are centred or"
    " normalised. So the curves for equal angles in Figure 9 show nothing of the network: they are"
    " 0 whatever it does, up to rounding. Those for equal norms can show something for classifiers"
    " and uncentred means.",
)

class_means_opposite = BALANCED_CLASSES.stated(
    "class-means-opposite",
    title="NC2 of Section 5 is NC2 of Theorem 5: two printed places",
    kind="consistency",
    sources=[XU2022.at("Section 5: NC2, Theorem 5")],
    printed=r"\mu_1 - \mu_G = -(\mu_2 - \mu_G) \implies \mu_+ = -\mu_-",
    given=[*SETTING, TWO_CLASSES, NO_CENTRED_MEAN_IS_ZERO],
    where=CLASS_MEANS,
    states="mu(0)[i] == -mu(1)[i]",
    control=tc.altered("the means are equal", "mu(0)[i] == mu(1)[i]"),
    on=balanced_cases(among=(2, 2), slopes=(tc.RELU,)).map(in_ball),
    why="Section 5 defines NC2 by centred means, where every network with two classes has it;"
    " Theorem 5 prints it without centring, where none with hidden ReLU layers has it, unless both"
    " means are 0. The two places mean different things.",
)
