"""What Property 2 and the convergence of V_L give, and what they do not: xu2022, Section 5.2."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CHAIN
from properties.collapse.collapsed_networks import (
    collapsed_features,
    identity,
    simplex,
    simplex_networks,
)
from properties.collapse.conditions import BALANCED, MATRICES
from properties.collapse.multiclass import (
    CENTRED,
    CLASSES,
    CLASSIFIER_AT_REST,
    COLLAPSED,
    COMMON_FACTOR,
    EQ_42,
    EQ_43,
    FULL_BATCH,
    NC_1,
    NC_2,
    NC_3,
    NC_4,
    NETWORK,
    PAIRS,
    PROOF_OF_THEOREM_6,
    SMALLER_BATCHES,
)
from properties.papers import XU2022

LINEAR_LABELS = [CHAIN, MATRICES, CENTRED, BALANCED]
INTERPOLATION = tc.Assumption(
    "rho f_V(x_cn) = e~_c: Property 2 with the factor 1",
    "all([f(n, c) == y[n][c] for n in samples for c in outputs])",
)
NEGATIVE_FACTOR = tc.Assumption(
    "rho f_V(x_cn) = alpha e~_c with one alpha < 0",
    "a(0) < 0 and all([f(n, c) == a(0) * y[n][c] for n in samples for c in outputs])",
)
WITHOUT_NC1 = f"{NC_2} and {NC_3} and {NC_4} and {EQ_42} and {EQ_43}"


@st.composite
def interpolating_classes(draw: st.DrawFn, *, alpha: Fraction | None = None) -> tc.Case:
    """Two ReLU units for each of two classes, whose difference is the output; features may differ.

    Args:
        alpha: the factor of Property 2; by default drawn between 0 and 1.
    """
    factor = Fraction(draw(st.integers(1, 3)), 4) if alpha is None else alpha
    size = draw(st.integers(2, 3))
    rows = []
    for label in range(2):
        for lift in draw(st.lists(st.integers(0, 2), min_size=size, max_size=size)):
            rows.append([factor * (label == 0) + lift, factor * (label == 1) + lift])
    labels = np.repeat(simplex(2), size, axis=0)
    last = [[Fraction(1), Fraction(-1)], [Fraction(-1), Fraction(1)]]
    numbers = {"batch_per_class": Fraction(1)}
    return tc.Case.single(tc.mlp([2, 2, 2]), [identity(2, 2), last], rows, labels, numbers)


def turned(case: tc.Case) -> tc.Case:
    """With the negative of the classifier."""
    *hidden, last = case.parameters
    return replace(case, parameters=(*hidden, -last))


CLASSIFIERS = tc.Family(forall=PAIRS, where=[*CLASSES])

collapsed_classifier_interpolation = CLASSIFIERS.stated(
    "collapsed-classifier-interpolation",
    title="Theorem 6 when only V_L is asked to converge, and the labels are interpolated",
    sources=[XU2022.at("Theorem 6")],
    printed=r"V_L \text{ has converged},\; f(x_{cn}) \propto \tilde e_c \;\forall c, n"
    r" \implies \text{NC1--NC4}",
    given=[*NETWORK, SMALLER_BATCHES, INTERPOLATION, CLASSIFIER_AT_REST],
    states=COLLAPSED,
    control=tc.altered("NC2 with inner products -1/C", COLLAPSED.replace("-1 / (C - 1)", "-1 / C")),
    on=interpolating_classes(alpha=Fraction(1)),
    rests_on=PROOF_OF_THEOREM_6,
    why="Property 2 does not exclude alpha = 1, where all residuals are 0 and no update moves V_L,"
    " whatever the features are: Eq. 40 is `0 = 0`. With weight decay rho is not at rest there, but"
    " the theorem asks only that V_L has converged.",
)

collapsed_classifier_any_solution = CLASSIFIERS.stated(
    "collapsed-classifier-any-solution",
    title="Any quasi-interpolating solution shows NC1 to NC4, as a remark has it",
    sources=[XU2022.at("Section 5.2: remark on generalization")],
    printed=r"\text{NC1 to NC4 should take place for any quasi-interpolating solutions}",
    given=[*NETWORK, COMMON_FACTOR],
    states=COLLAPSED,
    control=tc.altered("NC2 with inner products -1/C", COLLAPSED.replace("-1 / (C - 1)", "-1 / C")),
    on=interpolating_classes(),
    rests_on=["neural-collapse-binary", "neural-collapse-multiclass-printed"],
    why="Quasi-interpolation says what the outputs are, not what the features are. Convergence of"
    " V_L on all batches is what the theorem adds; the remark leaves it out.",
)

AT_LEAST_RHO_0 = tc.Assumption(
    "rho >= rho_0: with the average of the units of a class the network interpolates, and its last"
    " layer may be so much larger that rho is no larger",
    "depth == 2 and beta > 0 and squared(averaged) <= beta ** 2 * squared(W[0])"
    " and all([outputs_of(n)[c] == beta * y[n][c] for n in samples for c in outputs])",
)

collapsed_classifier_large_rho = CLASSIFIERS.stated(
    "collapsed-classifier-large-rho",
    title="Quasi-interpolating solutions with rho >= rho_0 and lambda > 0 show NC1 to NC4",
    sources=[XU2022.at("Section 5.2: remark on quasi-interpolating solutions")],
    printed=r"\text{all quasi-interpolating solutions with } \rho \ge \rho_0 \text{ and }"
    r" \lambda > 0 \text{ ... yield Neural Collapse and have its four properties}",
    given=[*NETWORK, FULL_BATCH, COMMON_FACTOR, CLASSIFIER_AT_REST, AT_LEAST_RHO_0],
    assuming={"lambda > 0": "weight_decay > 0"},
    where=[
        "units = range(len(W[0]))",
        "twins(i) = [j for j in units if all([W[1][c][j] == W[1][c][i] for c in outputs])]",
        "averaged = [sum([W[0][j] for j in twins(i)]) / len(twins(i)) for i in units]",
        "outputs_of(n) = network(replaced(W, 0, averaged), x)[n]",
        "beta = outputs_of(0)[0] / y[0][0]",
    ],
    states=COLLAPSED,
    control=tc.altered("NC2 with inner products -1/C", COLLAPSED.replace("-1 / (C - 1)", "-1 / C")),
    on=simplex_networks(groups=(2,), full_batch=True, least=7),
    examples=20,
    rests_on=["neural-collapse-binary", "neural-collapse-multiclass-printed"],
    why="False even where every layer is at rest on all samples together: a class may have two"
    " units, and some of its samples move the one, the others the other. NC2 to NC4 hold there, on"
    " the class means (`collapsed-classifier-full-batch`); NC1 needs rest on every mini-batch.",
)

collapsed_classifier_full_batch = CLASSIFIERS.stated(
    "collapsed-classifier-full-batch",
    title="NC2 to NC4 follow at rest on all samples together, without SGD",
    sources=[XU2022.at("Theorem 6, Eq. 41, Eq. 42, Eq. 43, Section 5.2: remark on SGD")],
    printed=r"\frac{\partial \mathcal{L}_{S}}{\partial V_L} = 0,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies \text{NC2--NC4},\;"
    r" V_L^c = \frac{\rho}{\alpha C}(\mu_c - \mu_G),\; \|V_L^c\|_2^2 = \frac1C",
    given=[*NETWORK, FULL_BATCH, COMMON_FACTOR, CLASSIFIER_AT_REST],
    states=WITHOUT_NC1,
    control=tc.altered("and NC1", f"{NC_1} and {WITHOUT_NC1}"),
    on=simplex_networks(groups=(2, 1), full_batch=True),
    examples=20,
    enough=10,
    rests_on=[
        "multiclass-update-full-printed",
        "multiclass-update-quasi-interpolation",
        "collapsed-classifier-row-norms",
        "nearest-centre-multiclass",
    ],
    why='"SGD is a necessary requirement in our proof of NC1": and of NC1 only. Eq. 41 sums over'
    " all samples of a class, so that Eq. 42 holds for the class means of features that vary, and"
    " the equations after it, with their constants, need nothing else.",
)


@st.composite
def negative_factor(draw: st.DrawFn) -> tc.Case:
    """Collapsed features with the opposite of their dual classifier."""
    return turned(draw(collapsed_features()))


collapsed_classifier_negative_factor = tc.stated(
    "collapsed-classifier-negative-factor",
    title="Theorem 6 where outputs are a negative multiple of their labels",
    sources=[XU2022.at("Theorem 6, Property 2")],
    printed=r"V_L \text{ has converged},\; f(x_{cn}) \propto \tilde e_c \;\forall c, n"
    r" \implies V_L^\top = \frac{M}{\|M\|_F}",
    given=[*NETWORK, SMALLER_BATCHES, NEGATIVE_FACTOR, CLASSIFIER_AT_REST],
    where=CLASSES,
    states=NC_3,
    control=tc.altered("and of twice the size", NC_3.replace("== ", "== 2 * ")),
    on=negative_factor(),
    examples=40,
    rests_on=["multiclass-update-full-printed"],
    why="Property 2 prints a proportion, with any sign. With a negative factor Eq. 42 gives"
    " `V_L^T = -M/|M|_F`, and every sample is classified wrongly. Lemma 7 assumes the right"
    " classification; Property 2 and the theorem do not.",
)

collapsed_classifier_global_mean = CLASSIFIERS.stated(
    "collapsed-classifier-global-mean",
    title="The global mean of the features is orthogonal to all rows of the classifier",
    sources=[XU2022.at("Eq. 44")],
    printed=r"\rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies"
    r" \langle V_L^c, \mu_G \rangle = 0",
    given=[*LINEAR_LABELS, COMMON_FACTOR],
    forall=["i in outputs"],
    states="inner(W[last][i], first(C)) == 0",
    control=tc.altered(
        "any positive factors", without=[COMMON_FACTOR], on=simplex_networks(mixed=True)
    ),
    on=st.one_of(interpolating_classes(), collapsed_features()),
    examples=60,
    rests_on=["collapsed-classifier-full-batch", "collapsed-classifier-row-norms"],
    why="The paper derives it from Eq. 42 and 43. It is simpler: the inner product is the mean of"
    " output c over all samples, which is alpha times the mean of the centred labels. Neither"
    " convergence nor collapse is needed.",
)

EQ_45 = (
    "squared(W[last][i]) * inner(W[last][i], W[last][j])"
    " == squared(W[last][i]) ** 2 * (1 if i == j else -1 / (C - 1))"
)

collapsed_classifier_angles = CLASSIFIERS.stated(
    "collapsed-classifier-angles",
    title="The rows of the classifier form an ETF and add to zero",
    sources=[XU2022.at("Eq. 45, Eq. 43")],
    printed=r"\langle \tilde V_L^c, \tilde V_L^{c'} \rangle = -\frac1{C-1},\quad"
    r" \|V_L^c\|_2^2 = \frac1C,\quad \sum_c V_L^c = 0",
    given=[*NETWORK, FULL_BATCH, COMMON_FACTOR, CLASSIFIER_AT_REST],
    states=f"{EQ_45} and {EQ_43} and squared(sum([W[last][c] for c in outputs])) == 0",
    control=tc.altered("inner products -1/C", EQ_45.replace("-1 / (C - 1)", "-1 / C")),
    on=simplex_networks(groups=(2, 1), full_batch=True),
    examples=20,
    enough=10,
    rests_on=[
        "collapsed-classifier-full-batch",
        "collapsed-classifier-global-mean",
        "collapsed-classifier-row-norms",
    ],
    why="At rest on all samples, as before. Also `sum_c V_L^c = 0` follows from Property 2 and"
    " rest.",
)


collapsed_classifier_row_norms = CLASSIFIERS.stated(
    "collapsed-classifier-row-norms",
    title="The norms of the rows of V_L at rest, whatever the outputs are",
    sources=[XU2022.at("Eq. 43")],
    printed=r"\|V_L^c\|_2^2 = \frac{\frac1{NC} \sum_{c', n} (\rho f_V^{(c)} - \tilde e^{(c)}_{c'})"
    r" \rho f_V^{(c)}}{\frac1{NC} \sum_{c', n} \langle \rho f_V - \tilde e_{c'}, \rho f_V \rangle}",
    given=[*NETWORK, FULL_BATCH, CLASSIFIER_AT_REST],
    forall=["i in outputs"],
    states="squared(W[last][i]) * sum([(f(n, c) - y[n][c]) * f(n, c) for n in samples for c in"
    " outputs]) == squared(W[last]) * sum([(f(n, i) - y[n][i]) * f(n, i) for n in samples])",
    control=tc.altered("labels in the place of the residuals", {"f(n, i) - y": "y"}),
    on=st.one_of(
        simplex_networks(groups=(2, 1), full_batch=True),
        simplex_networks(full_batch=True, mixed=True),
    ),
    examples=20,
    enough=10,
    rests_on=["multiclass-update-full-printed"],
    why="The first equality of Eq. 43, multiplied out: the inner product of Eq. 41 with V_L^c. It"
    " needs no quasi-interpolation.",
)
