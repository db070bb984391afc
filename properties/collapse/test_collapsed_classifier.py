"""What Property 2 and the convergence of V_L give, and what they do not: xu2022, Section 5.2."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CHAIN, IN_BALL, POSITIVE_WEIGHT_DECAY
from properties.collapse.collapsed_networks import (
    collapsed_features,
    identity,
    simplex,
    simplex_networks,
)
from properties.collapse.conditions import BALANCED, MATRICES
from properties.collapse.multiclass import (
    ALL_AT_REST,
    CENTRED,
    CLASSES,
    CLASSIFIER_AT_REST,
    COLLAPSED,
    COMMON_FACTOR,
    EQ_42,
    EQ_43,
    FULL_BATCH,
    IN_THE_PAPER,
    NC_1,
    NC_2,
    NC_3,
    NC_4,
    NETWORK,
    PAIRS,
    RHO_AT_REST,
    SMALL_GAPS,
    SMALLER_BATCHES,
)
from properties.papers import XU2022
from properties.unit_ball import in_ball_with_outputs

LINEAR_LABELS = [CHAIN, MATRICES, CENTRED, BALANCED]
INTERPOLATION = tc.Assumption(
    "rho f_V(x_cn) = e~_c: the factor of Property 2 is 1",
    "all([f(n, c) == y[n][c] for n in samples for c in outputs])",
)
NEGATIVE_FACTOR = tc.Assumption(
    "rho f_V(x_cn) = alpha e~_c with one alpha < 0",
    "a(0) < 0 and all([f(n, c) == a(0) * y[n][c] for n in samples for c in outputs])",
)
ONE_FACTOR = tc.Assumption(
    "rho f_V(x_cn) = alpha e~_c with one alpha, any number",
    "all([f(n, c) == a(0) * y[n][c] for n in samples for c in outputs])",
)
WITHOUT_NC1 = f"{NC_2} and {NC_3} and {NC_4} and {EQ_42} and {EQ_43}"


@st.composite
def interpolating_classes(draw: st.DrawFn, *, alpha: Fraction | None = None) -> tc.Case:
    """Two ReLU units, whose difference is the output of two classes; features may differ.

    Rho is at rest, unless alpha is 1.

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
    case = tc.Case.single(tc.mlp([2, 2, 2]), [identity(2, 2), last], rows, labels)
    case = in_ball_with_outputs(case)
    # rho^2 = |W_1|^2 |W_2|^2, where |W_2|^2 = 4, and the targets have squared norm 2.
    rest = factor * (1 - factor) / (2 * Fraction((case.parameters[0] ** 2).sum()))
    numbers = {"batch_per_class": Fraction(1), "weight_decay": rest or Fraction(1)}
    return replace(case, numbers=numbers)


def turned(case: tc.Case) -> tc.Case:
    """With the negative of the classifier."""
    *hidden, last = case.parameters
    return replace(case, parameters=(*hidden, -last))


CLASSIFIERS = tc.Family(forall=PAIRS, where=[*CLASSES])

collapsed_classifier_interpolation = CLASSIFIERS.stated(
    "collapsed-classifier-interpolation",
    title="If rho is not asked to rest: NC1 to NC4 where the labels are interpolated",
    printed=r"V_L \text{ has converged},\; f(x_{cn}) \propto \tilde e_c \;\forall c, n"
    r" \implies \text{NC1--NC4}",
    given=[*NETWORK, IN_BALL, SMALLER_BATCHES, INTERPOLATION, CLASSIFIER_AT_REST],
    states=COLLAPSED,
    control=tc.altered("NC2 with inner products -1/C", COLLAPSED.replace("-1 / (C - 1)", "-1 / C")),
    on=interpolating_classes(alpha=Fraction(1)),
    why='xu2022, Theorem 6, prints "such that V_L has converged"; read so alone, it is this claim.'
    ' We read it with what follows, "Consider points of convergence of SGD", where rho rests too.'
    " With weight decay this excludes alpha = 1 (`collapsed-classifier-factor`); Property 2 and the"
    " rest of V_L do not. At alpha = 1 all residuals are 0, and no update moves V_L, whatever the"
    " features are: Eq. 40 of the proof is `0 = 0`.",
)

collapsed_classifier_factor = tc.stated(
    "collapsed-classifier-factor",
    title="Where rho is at rest with weight decay, the factor of xu2022's Property 2 is between 0"
    " and 1",
    printed=r"\frac{\partial \mathcal L_S}{\partial \rho} = 0,\; \lambda > 0,\; \rho > 0,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies"
    r" \alpha (1 - \alpha) \frac{C}{C-1} = \lambda \rho^2,\; 0 < \alpha < 1",
    given=[CENTRED, BALANCED, ONE_FACTOR, POSITIVE_WEIGHT_DECAY],
    assuming={
        "rho^2 > 0": "squared_rho > 0",
        "rho is at rest on all samples": "sum([update_of_rho(n) for n in samples]) == 0",
    },
    where=CLASSES,
    states="a(0) * (1 - a(0)) * C == (C - 1) * weight_decay * squared_rho"
    " and 0 < a(0) and a(0) < 1",
    control=tc.altered(
        "without the factor C/(C-1)",
        "a(0) * (1 - a(0)) == weight_decay * squared_rho and 0 < a(0) and a(0) < 1",
    ),
    on=st.one_of(interpolating_classes(), simplex_networks(groups=(2, 1), full_batch=True)),
    examples=40,
    why="Our own; it bears on xu2022, Theorem 6, which considers points of convergence, where rho"
    " rests. The derivative in rho, times rho/2, is `-alpha (1 - alpha) C/(C-1) + lambda rho^2`."
    " So the proof may divide by alpha (Eq. 42) and by alpha - 1 (the step from Eq. 40 to NC1).",
)

collapsed_classifier_any_solution = CLASSIFIERS.stated(
    "collapsed-classifier-any-solution",
    title="Any quasi-interpolating solution shows NC1 to NC4, as a remark has it",
    sources=[XU2022.at("Section 5.2: remark on generalization")],
    printed=r"\text{NC1 to NC4 should take place for any quasi-interpolating solutions}",
    given=[*IN_THE_PAPER, SMALLER_BATCHES, COMMON_FACTOR, SMALL_GAPS, RHO_AT_REST],
    states=COLLAPSED,
    control=tc.altered("NC2 with inner products -1/C", COLLAPSED.replace("-1 / (C - 1)", "-1 / C")),
    on=interpolating_classes(alpha=Fraction(7, 8)),
    rests_on=["neural-collapse-binary", "neural-collapse-multiclass-printed"],
    why="Quasi-interpolation says what the outputs are, not what the features are, and rho is at"
    " rest here on every batch. Convergence of V_L on all batches is what the theorem adds; the"
    " remark leaves it out.",
)

AT_LEAST_RHO_0 = tc.Assumption(
    "rho >= rho_0: if units with equal outgoing weights are replaced by their mean and the last"
    " layer is divided by beta, the network interpolates, with a rho that is no larger",
    "depth == 2 and beta > 0 and squared(averaged) <= beta ** 2 * squared(W[0])"
    " and all([outputs_of(n)[c] == beta * y[n][c] for n in samples for c in outputs])",
)

collapsed_classifier_large_rho = CLASSIFIERS.stated(
    "collapsed-classifier-large-rho",
    title="Quasi-interpolating solutions with rho >= rho_0 and lambda > 0 show NC1 to NC4",
    sources=[XU2022.at("Section 5.2: remark on quasi-interpolating solutions")],
    printed=r"\text{all quasi-interpolating solutions with } \rho \ge \rho_0 \text{ and }"
    r" \lambda > 0 \text{ ... yield Neural Collapse and have its four properties}",
    given=[*IN_THE_PAPER, FULL_BATCH, COMMON_FACTOR, *ALL_AT_REST, AT_LEAST_RHO_0],
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
    why="False even where rho and every layer are at rest on all samples together: a class may have"
    " two units, and some of its samples move the one, the others the other. NC2 to NC4 hold there,"
    " on the class means (`collapsed-classifier-full-batch`); NC1 needs rest on every mini-batch.",
)

collapsed_classifier_full_batch = CLASSIFIERS.stated(
    "collapsed-classifier-full-batch",
    title="NC2 to NC4 follow at rest on all samples together, without SGD",
    sources=[XU2022.at("Theorem 6, Eq. 41, Eq. 42, Eq. 43, Section 5.2: remark on SGD")],
    printed=r"\frac{\partial \mathcal{L}_{S}}{\partial V_L} = 0,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c,\; 0 < \alpha < 1 \;\forall c, n"
    r" \implies \text{NC2--NC4},\;"
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
    " the equations after it, with their constants, need nothing else. NC4 is checked at the"
    " samples, differences of samples and the unit vectors.",
)


@st.composite
def negative_factor(draw: st.DrawFn) -> tc.Case:
    """Collapsed features with the opposite of their dual classifier."""
    return in_ball_with_outputs(turned(draw(collapsed_features())))


collapsed_classifier_negative_factor = tc.stated(
    "collapsed-classifier-negative-factor",
    title="If rho is not asked to rest: NC3 where outputs are a negative multiple of their labels",
    printed=r"V_L \text{ has converged},\; f(x_{cn}) \propto \tilde e_c \;\forall c, n"
    r" \implies V_L^\top = \frac{M}{\|M\|_F}",
    given=[*NETWORK, IN_BALL, SMALLER_BATCHES, NEGATIVE_FACTOR, CLASSIFIER_AT_REST],
    where=CLASSES,
    states=NC_3,
    control=tc.altered("and of twice the size", NC_3.replace("== ", "== 2 * ")),
    on=negative_factor(),
    examples=40,
    why="xu2022, Theorem 6, with the convergence of V_L alone, as in"
    " `collapsed-classifier-interpolation`. We read it with rho at rest too: with a negative factor"
    " it is not, with weight decay or without, as the sum of `<f, y - f>` is negative. Property 2,"
    " a proportion with any sign, and the rest of V_L do not exclude the factor. With it Eq. 42"
    " gives `V_L^T = -M/|M|_F`, and every sample is classified wrongly.",
)

collapsed_classifier_global_mean = CLASSIFIERS.stated(
    "collapsed-classifier-global-mean",
    title="The global mean of the features is orthogonal to all rows of the classifier",
    sources=[XU2022.at("Eq. 44")],
    printed=r"\rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies"
    r" \langle V_L^c, \mu_G \rangle = 0",
    given=[*LINEAR_LABELS, COMMON_FACTOR],
    forall=["i in outputs"],
    states="inner(W[last][i], sum(features(W, x))) == 0",
    control=tc.altered(
        "any positive factors", without=[COMMON_FACTOR], on=simplex_networks(mixed=True)
    ),
    on=st.one_of(interpolating_classes(), collapsed_features()),
    examples=60,
    rests_on=["collapsed-classifier-full-batch", "collapsed-classifier-row-norms"],
    why="The paper derives it from Eq. 42 and 43. It is simpler: the inner product is the mean of"
    " f_V^(c) over all samples, which is alpha/rho times the mean of the centred labels, 0. Neither"
    " convergence nor collapse is needed. The sum of the features is mu_G times their number.",
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
    states=f"{EQ_45} and {EQ_43} and squared(sum(W[last])) == 0",
    control=tc.altered("inner products -1/C", EQ_45.replace("-1 / (C - 1)", "-1 / C")),
    on=simplex_networks(groups=(2, 1), full_batch=True),
    examples=20,
    enough=10,
    rests_on=[
        "collapsed-classifier-full-batch",
        "collapsed-classifier-global-mean",
        "collapsed-classifier-row-norms",
    ],
    why="At rest on all samples, as in `collapsed-classifier-full-batch`. That `sum_c V_L^c = 0`"
    " follows from Property 2 and rest, too.",
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
