"""NC4, the nearest class centre: what it follows from (xu2022, proofs of Theorems 5 and 6)."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CLASSIFIED, SIGN_LABELS
from properties.collapse.collapsed_networks import simplex
from properties.collapse.conditions import (
    BALANCED,
    BOTH_CLASSES,
    CLASS_MEANS,
    MATRICES,
    PROBES,
    SETTING,
)
from properties.notation import MARGIN
from properties.papers import XU2022
from properties.unit_ball import in_ball

COLLAPSED = tc.Assumption(
    "NC1: mu_+- = h(x_n) for all samples of the class",
    "all([zero(h(n) - mean(y[n][0])) for n in samples])",
)
OPPOSITE = tc.Assumption(
    "NC2: mu_+ = -mu_-, not 0", "zero(mean(1) + mean(-1)) and not zero(mean(1))"
)
PARALLEL = tc.Assumption(
    "NC3: V_L is proportional to mu_+ and mu_-",
    "inner(W[last], mean(1)) ** 2 == squared(W[last]) * squared(mean(1)) and not zero(W[last])",
)
LAST = "last = weights[len(weights) - 1]"

BINARY = tc.Family(
    forall=["p in range(probes)"],
    where=[
        MARGIN,
        LAST,
        "members(s) = [n for n in samples if y[n][0] == s]",
        "mean(s) = sum([h(n) for n in members(s)]) / len(members(s))",
        *PROBES,
        "distance(p, s) = squared(activations(probes)[p] - mean(s))",
        "nearer(p) = distance(p, -1) - distance(p, 1)",
        "sign(t) = 1 if t > 0 else -1 if t < 0 else 0",
        "output(p) = decisions(probes)[p][0]",
    ],
    states="sign(output(p)) == sign(nearer(p))",
    control=tc.altered("the farther mean is chosen", "sign(output(p)) == -sign(nearer(p))"),
    examples=40,
)
"""NC4 at inputs in all directions: the nearer of two means has the sign of the output."""
NO_TIE = tc.Assumption(
    "no tie: the output is not 0, and one mean is nearer", "output(p) != 0 and nearer(p) != 0"
)


@st.composite
def opposite_inputs(draw: st.DrawFn, factors: tuple[int, ...]) -> tc.Case:
    """A linear classifier on features ``+-m`` in the unit ball.

    A multiple of m; where the factor is 0, m with one entry of the other sign, or the negative of
    that, which classifies them correctly, or leaves all outputs 0.
    """
    width, factor = draw(st.integers(1, 3)), draw(st.sampled_from(factors))
    vectors = st.lists(st.integers(-2, 2), min_size=width, max_size=width).filter(any)
    mean = draw(vectors)
    turned = draw(st.integers(0, width - 1))
    weights = [(factor or (-1 if i == turned else 1)) * entry for i, entry in enumerate(mean)]
    if not factor and sum(a * b for a, b in zip(weights, mean, strict=True)) < 0:
        weights = [-entry for entry in weights]
    signs = [1, -1, *draw(st.lists(st.sampled_from([1, -1]), max_size=2))]
    inputs = [[sign * entry for entry in mean] for sign in signs]
    labels = [[sign] for sign in signs]
    return in_ball(tc.Case.single(tc.mlp([width, 1]), [[weights]], inputs, labels))


nearest_centre_binary_printed = BINARY.stated(
    "nearest-centre-binary-printed",
    title='Two classes: "NC4 follows then from NC1-NC2"',
    sources=[XU2022.at("Theorem 5, Section 5.1: NC4 from NC1 and NC2")],
    printed=r"\text{NC1, NC2} \implies \mathrm{sign}(f(x)) = \arg\min_c \|\mu_c - h(x)\|",
    given=[*SETTING, MATRICES, SIGN_LABELS, BOTH_CLASSES, COLLAPSED, OPPOSITE, CLASSIFIED, NO_TIE],
    on=opposite_inputs((0, 0, 1)),
    why="NC1 and NC2 are about features alone; what the classifier decides, they do not say. Nor is"
    " it enough that all samples are correctly classified, as the proof may assume by Property 1."
    " The example has one layer, whose features are the inputs.",
)

nearest_centre_binary_dual = BINARY.stated(
    "nearest-centre-binary-dual",
    title="Two classes: NC4 from NC1 to NC3",
    printed=r"\text{NC1, NC2},\; V_L \propto \mu_+, \mu_- \implies"
    r" \mathrm{sign}(f(x)) = \arg\min_c \|\mu_c - h(x)\|",
    given=[MATRICES, SIGN_LABELS, BOTH_CLASSES, COLLAPSED, OPPOSITE, PARALLEL],
    on=opposite_inputs((1, 2, -1)),
    why="Our own. xu2022 concludes from NC1 and NC2 alone; with NC3 as printed it would not follow"
    " either. NC3 is printed for both means, which are opposite: proportional must allow negative"
    " factors, and with a negative one for mu_+ the classifier is wrong everywhere.",
)

nearest_centre_binary = BINARY.stated(
    "nearest-centre-binary",
    title="Two classes: NC4 from NC2, NC3 and correctly classified samples",
    sources=[XU2022.at("Theorem 5")],
    printed=r"\mu_+ = -\mu_-,\; V_L \propto \mu_\pm,\; \bar f_n > 0 \implies"
    r" \mathrm{sign}(f(x)) = \arg\min_c \|\mu_c - h(x)\|",
    given=[MATRICES, SIGN_LABELS, BOTH_CLASSES, OPPOSITE, PARALLEL, CLASSIFIED],
    on=opposite_inputs((1, 2, -1)),
    examples=100,
    corrects="nearest-centre-binary-printed",
    why="`|h - mu_-|^2 - |h - mu_+|^2 = 4 <mu_+, h>`, which has the sign of `<V_L, h>`. NC1 is not"
    " needed. Checked at the samples, differences of samples and the unit vectors.",
)

ETF = tc.Assumption(
    "NC2: the centred means form a simplex ETF",
    "all([inner(centred(c), centred(b)) == squared(centred(0)) * (1 if c == b else -1 / (C - 1))"
    " for c in outputs for b in outputs]) and not zero(centred(0))",
)
DUAL = tc.Assumption(
    "NC3: V_L is a positive multiple of the centred means",
    "all([zero(squared(centred(0)) * W[last][c] - inner(W[last][0], centred(0)) * centred(c))"
    " for c in outputs]) and inner(W[last][0], centred(0)) > 0",
)
FEATURES_COLLAPSED = tc.Assumption(
    "NC1: mu_c = h(x_cn)", "all([zero(h(n) - mu(c)) for c in outputs for n in members(c)])"
)
RIGHTLY_CLASSIFIED = tc.Assumption(
    "all samples are correctly classified: their class has the largest output",
    "all([f(n, b) < f(n, c) for c in outputs for n in members(c) for b in outputs if b != c])",
)
CENTRED_TWICE = tc.Assumption(
    "Eq. 44: the global mean is orthogonal to all centred means",
    "all([inner(centred(c), first(C)) == 0 for c in outputs])",
)
SEVERAL = tc.Family(
    forall=["p in range(probes)", "c in outputs"],
    where=[
        *CLASS_MEANS,
        LAST,
        *PROBES,
        "output(p) = decisions(probes)[p]",
        "far(p, c) = squared(activations(probes)[p] - mu(c))",
        "chosen(p, c) = 1 if output(p)[c] == max(output(p)) else 0",
        "nearest(p, c) = 1 if far(p, c) == min([far(p, b) for b in outputs]) else 0",
    ],
    states="chosen(p, c) - nearest(p, c) == 0",
    examples=30,
)
"""NC4: the largest outputs are those of the classes with the nearest means; ties go with ties."""
NO_TIES = tc.Assumption(
    "no tie: one output is the largest, and one mean the nearest",
    "sum([chosen(p, b) for b in outputs]) == 1 and sum([nearest(p, b) for b in outputs]) == 1",
)
FARTHEST = tc.altered(
    "the farthest mean",
    "chosen(p, c) - (1 if far(p, c) == max([far(p, b) for b in outputs]) else 0) == 0",
)


@st.composite
def simplex_inputs(draw: st.DrawFn, *, dual: bool, anywhere: bool) -> tc.Case:
    """A linear classifier on the vertices of a simplex, which are the features.

    Args:
        dual: whether the classifier is the centred means.
        anywhere: whether the global mean may be anywhere, not on the axis of the simplex alone.
    """
    classes = draw(st.integers(2, 3))
    centred, lift = simplex(classes), draw(st.integers(-1, 2))
    moves = st.lists(st.integers(-2, 2), min_size=classes, max_size=classes)
    offset = draw(moves) if anywhere else [lift] * classes
    means = centred + np.array([Fraction(k) for k in offset], dtype=object)
    weights = centred if dual else centred + [draw(moves) for _ in range(classes)]
    labels = np.eye(classes, dtype=int)
    return in_ball(tc.Case.single(tc.mlp([classes, classes]), [weights], means, labels))


nearest_centre_multiclass_printed = SEVERAL.stated(
    "nearest-centre-multiclass-printed",
    title='Several classes: "NC4 follows then from NC1-NC2"',
    sources=[XU2022.at("Theorem 6, Section 5.2: NC4 from NC1 and NC2")],
    printed=r"\text{NC1, NC2} \implies \arg\max_c f^c(x) = \arg\min_c \|\mu_c - h(x)\|",
    given=[*SETTING, MATRICES, BALANCED, FEATURES_COLLAPSED, ETF, RIGHTLY_CLASSIFIED, NO_TIES],
    control=FARTHEST,
    on=simplex_inputs(dual=False, anywhere=False),
    why="As with two classes (`nearest-centre-binary-printed`): NC1 and NC2 say nothing of the"
    " classifier. It may classify all samples correctly and still decide otherwise elsewhere.",
)

nearest_centre_multiclass_dual = SEVERAL.stated(
    "nearest-centre-multiclass-dual",
    title="Several classes: NC4 from NC1 to NC3",
    printed=r"\text{NC1, NC2, NC3} \implies \arg\max_c f^c(x) = \arg\min_c \|\mu_c - h(x)\|",
    given=[MATRICES, BALANCED, FEATURES_COLLAPSED, ETF, DUAL, NO_TIES],
    control=FARTHEST,
    on=simplex_inputs(dual=True, anywhere=True),
    why="Our own. xu2022 concludes from NC1 and NC2 alone; with NC3 it would not follow either."
    " Distances are measured from the means, and the classifier is dual to the centred means. In"
    " its reference [12] biases make up for the global mean; the networks here have none. Networks"
    " that classify all samples correctly fail as well, elsewhere.",
)

nearest_centre_multiclass = SEVERAL.stated(
    "nearest-centre-multiclass",
    title="Several classes: NC4 from NC2, NC3 and Eq. 44",
    sources=[XU2022.at("Section 5: NC4, Theorem 6, Eq. 44")],
    printed=r"\text{NC2, NC3},\; \langle V_L^c, \mu_G \rangle = 0 \;\forall c \implies"
    r" \arg\max_c f^c(x) = \arg\min_c \|\mu_c - h(x)\|",
    given=[MATRICES, BALANCED, ETF, DUAL, CENTRED_TWICE],
    control=tc.altered(
        "the global mean may lie anywhere",
        without=[CENTRED_TWICE],
        on=simplex_inputs(dual=True, anywhere=True),
    ),
    on=simplex_inputs(dual=True, anywhere=False),
    corrects="nearest-centre-multiclass-printed",
    why="With Eq. 44 the `|mu_c|^2` are equal, so that the nearest mean has the largest `<mu_c,"
    " h>`, which differs from `<mu_c - mu_G, h>` by a number that is the same for all classes. NC1"
    " is not needed. Checked at the samples, differences of samples and the unit vectors.",
)
