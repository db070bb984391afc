"""Neural collapse of binary classifiers with a scalar output: xu2022, Theorem 5."""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    EQUAL_MARGINS,
    IN_BALL,
    ONE_OUTPUT,
    RELU_NETWORK,
    SIGN_LABELS,
)
from properties.collapse.collapsed_networks import identity
from properties.collapse.conditions import BOTH_CLASSES, MATRICES, PROBES, UPDATE
from properties.collapse.opposite_features import (
    interpolating_networks,
    opposite_features,
    searched,
)
from properties.notation import MARGIN
from properties.papers import XU2022
from properties.unit_ball import in_ball

BOTH_SIGNS = tc.Assumption(
    "features of both signs: leaky ReLU or linear activations, or depth 1",
    "depth == 1 or all([slope(v) > 0 for v in range(1, depth)])",
)
PROPERTY_1 = tc.Assumption(
    "Property 1: y_n rho f_V(x_n) = 1 - eps for all n, with 0 < eps < 1",
    f"{EQUAL_MARGINS.formula} and 0 < margin(0) and margin(0) < 1",
)
INTERPOLATION = tc.Assumption(
    "Property 1: y_n rho f_V(x_n) = 1 - eps for all n, with 0 <= eps < 1",
    f"{EQUAL_MARGINS.formula} and 0 < margin(0) and margin(0) <= 1",
)
CLASSIFIER_AT_REST = tc.Assumption(
    "no sample, as a batch of size 1, updates V_L under LN + WD",
    "all([zero(update(n, last)) for n in samples])",
)
BINARY = [CHAIN, MATRICES, SIGN_LABELS, BOTH_CLASSES]

CLASSES = (
    MARGIN,
    *UPDATE,
    "members(s) = [n for n in samples if y[n][0] == s]",
    "mean(s) = sum([h(n) for n in members(s)]) / len(members(s))",
    *PROBES,
    "distance(a, s) = squared(a - mean(s))",
    "nearer(a) = distance(a, -1) - distance(a, 1)",
    "sign(t) = 1 if t > 0 else -1 if t < 0 else 0",
    "misjudged(m) ="
    " len([p for p in range(m) if sign(decisions(m)[p][0]) != sign(nearer(activations(m)[p]))])",
)
"""The means of the classes +1 and -1; how much nearer features are to that of +1; at how many of
the first m probes the sign of the output is not that of the nearest mean.
"""

NC_1 = "squared(h(n) - mean(y[n][0])) == 0"
NC_2 = "squared(mean(1) + mean(-1)) == 0"
NC_3 = "inner(W[last], mean(1)) ** 2 == squared(W[last]) * squared(mean(1))"
NC_4 = "misjudged(probes) == 0"
COLLAPSED = f"{NC_1} and {NC_2} and {NC_3} and {NC_4}"
COLLAPSED_TO_TWICE = COLLAPSED.replace(NC_2, "squared(mean(1) + 2 * mean(-1)) == 0")


neural_collapse_binary = searched(
    tc.stated(
        "neural-collapse-binary",
        title="Theorem 5: neural collapse of a binary ReLU network with scalar output",
        sources=[
            XU2022.at("Theorem 5, Eq. 30-32, Section 7: collapse without assumption"),
            XU2022.at("Abstract: neural collapse without assumptions"),
        ],
        printed=r"\rho (1 - \rho \bar f_n)\,(h(x_n) - f_n V_L) = 0,\;"
        r" \rho \bar f_n = 1 - \epsilon \;\forall n \implies \mu_\pm = h(x_n),\; \mu_+ = -\mu_-,\;"
        r" V_L \propto \mu_\pm,\; \mathrm{sign}(\rho f_V(x)) = \arg\min_c \|\mu_c - h(x)\|",
        given=[*BINARY, RELU_NETWORK, PROPERTY_1, CLASSIFIER_AT_REST],
        forall=["n in samples"],
        where=CLASSES,
        states=COLLAPSED,
        control=tc.altered(
            "a leaky ReLU, whose features have both signs, and NC2 with a factor 2",
            COLLAPSED_TO_TWICE,
            without=[RELU_NETWORK],
            on=opposite_features(depths=(2, 3)),
        ),
        on=opposite_features(depths=(2, 3), rectified=True),
        examples=16,
        rests_on=[
            "classifier-update",
            "equal-margins-quasi-interpolation",
            "nearest-centre-binary-printed",
        ],
        why="A point at which SGD with batches of size 1 has converged, with one interpolation gap"
        " for all samples, shows neural collapse. No ReLU network has such a point. Convergence"
        " gives `h(x_n) = +-c V_L` with `c = (1-eps)/rho > 0`, the sign being the label, as the"
        " proof finds; but the features of a ReLU network are not negative, so samples of both"
        " classes make every entry of `V_L` non-negative and non-positive, and `V_L = 0`"
        " contradicts its unit norm. The claim"
        " [neural-collapse-binary-relu-features](#neural-collapse-binary-relu-features) makes this"
        " quantitative. The gap is read as 0 < eps < 1: it is positive where `rho` has converged"
        " too (Lemma 6), and eps = 1 is the point rho = 0, f = 0, which classifies nothing. Of the"
        " class means the corrected form is taken. The search: features that satisfy the equations"
        " under a leaky activation, passed through the ReLU; and descent on hidden weights, inputs"
        " and `V_L` from random starts.",
    )
)


@st.composite
def along_the_classifier(draw: st.DrawFn) -> tc.Case:
    """ReLU networks whose features are positive parts of multiples of the last layer."""
    classifier = draw(st.lists(st.integers(-2, 2), min_size=1, max_size=3))
    width, depth = len(classifier), draw(st.integers(2, 3))
    halves = draw(st.lists(st.sampled_from([2, -2, 0, 4, -4, 1, -1]), min_size=2, max_size=3))
    rows = [[Fraction(half * k, 2) for k in classifier] for half in halves]
    hidden = [identity(width, width) for _ in range(depth - 1)]
    network = tc.mlp([*[width] * depth, 1])
    return tc.Case.single(network, [*hidden, [classifier]], rows, [[1]] * len(rows))


neural_collapse_binary_relu_features = tc.stated(
    "neural-collapse-binary-relu-features",
    title="Non-negative features of two classes keep a distance from opposite vectors",
    printed=r"c^2 \le \|h(x_+) - c V_L\|^2 + \|h(x_-) + c V_L\|^2",
    given=[CHAIN, MATRICES, RELU_NETWORK, ONE_OUTPUT],
    forall=["i in samples", "j in samples"],
    where=[UPDATE[0]],
    states="squared(W[last]) <= squared(h(i) - W[last][0]) + squared(h(j) + W[last][0])",
    control=tc.altered(
        "the bound is 9/8 c^2", {"squared(W[last]) <": "9 / 8 * squared(W[last]) <"}
    ),
    on=st.one_of(opposite_features(depths=(2, 3), rectified=True), along_the_classifier()),
    why="The features of two inputs to a ReLU network cannot be near c V_L and -c V_L, one each,"
    " where c > 0."
    " Where an entry v of `V_L` is negative, the first term is at least `c^2 v^2`, because the"
    " feature is not negative; where it is positive, the second is; and the squares add to `c^2`."
    " Equality holds when the features are the positive parts of the two vectors. So where a ReLU"
    " network nearly meets the hypotheses of xu2022, Theorem 5, as it can with a small gap eps, its"
    " features are still this far from what the proof concludes. The last layer, on which the"
    " features do not depend, stands for c V_L.",
)

neural_collapse_binary_printed_means = tc.stated(
    "neural-collapse-binary-printed-means",
    title="Theorem 5 for features of both signs, with the class means as printed",
    sources=[XU2022.at("Theorem 5")],
    printed=r"\mu_\pm = \frac1N \sum_{n=1,\, y_n=\pm1}^N h(x_n)"
    r" \implies \mu_\pm = h(x_n) \text{ for all } n \text{ with } y_n = \pm 1",
    given=[*BINARY, IN_BALL, BOTH_SIGNS, PROPERTY_1, CLASSIFIER_AT_REST],
    forall=["m in samples", "i in range(len(h(0)))"],
    where=[
        MARGIN,
        *UPDATE,
        "mean(s) = sum([h(n) for n in samples if y[n][0] == s]) / len(samples)",
    ],
    states="h(m)[i] == mean(y[m][0])[i]",
    control=tc.altered(
        "the sums over the classes divided by 2N", "h(m)[i] == mean(y[m][0])[i] / 2"
    ),
    on=opposite_features().map(in_ball),
    rests_on=["classifier-update"],
    why="NC1 of Theorem 5 with its own definition of the class means, on networks that do have"
    " points of convergence. The sum over one class is divided by the number N of all samples, so"
    ' that the "mean" is `N_+/N` times the feature vector that all samples of the class share. It'
    " cannot equal it unless the other class is empty. The example has one layer; rho is at rest"
    " there for `lambda = eps (1 - eps) / rho^2`.",
)

neural_collapse_binary_class_means = tc.stated(
    "neural-collapse-binary-class-means",
    title="Theorem 5 for features of both signs, with the means of the classes",
    sources=[XU2022.at("Theorem 5")],
    printed=r"\mu_\pm = \frac1{N_\pm} \sum_{y_n=\pm1} h(x_n) \implies \mu_\pm = h(x_n),\;"
    r" \mu_+ = -\mu_-,\; V_L \propto \mu_\pm,\;"
    r" \mathrm{sign}(\rho f_V(x)) = \arg\min_c \|\mu_c - h(x)\|",
    given=[*BINARY, BOTH_SIGNS, PROPERTY_1, CLASSIFIER_AT_REST],
    forall=["n in samples"],
    where=CLASSES,
    states=COLLAPSED,
    control=tc.altered("NC2 with a factor 2: mu_+ = -2 mu_-", COLLAPSED_TO_TWICE),
    on=opposite_features(),
    corrects="neural-collapse-binary-printed-means",
    rests_on=["classifier-update", "nearest-centre-binary-printed"],
    why="NC1 to NC4 of Theorem 5 with the sum over a class divided by its own number of samples."
    " NC4 is checked at the samples, differences of samples and the unit vectors; a zero output"
    " goes with equal distances. The argument is that of the paper; what it does not need is the"
    " ReLU, which leaves it [without examples](#neural-collapse-binary).",
)

neural_collapse_binary_classifier_only = tc.stated(
    "neural-collapse-binary-classifier-only",
    title="If rho is not asked to rest: NC1 to NC4 with two classes, where V_L has converged",
    printed=r"V_L \text{ has converged},\; \rho \bar f_n = 1 - \epsilon \;\forall n"
    r" \implies \text{NC1--NC4}",
    given=[*BINARY, IN_BALL, RELU_NETWORK, INTERPOLATION, CLASSIFIER_AT_REST],
    forall=["n in samples"],
    where=CLASSES,
    states=COLLAPSED,
    control=tc.altered(
        "the convergence of V_L is not asked for, Property 1 alone is", without=[CLASSIFIER_AT_REST]
    ),
    on=interpolating_networks(),
    why='xu2022, Theorem 5, prints "such that V_L has converged"; read so alone, it is this claim.'
    ' We read it with what follows, "Consider points of convergence", where rho rests too: with'
    " weight decay this gives a gap eps > 0 (`interpolation-gap`). If only `V_L` rests, an"
    " interpolating network, eps = 0, qualifies: the factor `1 - rho fbar_n` stops every update of"
    " `V_L`, and of all other layers, whatever the features are. Without weight decay these are"
    " points of convergence of the whole network. The means are those of the classes.",
)
