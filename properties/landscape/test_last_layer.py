"""The last layer alone: what it can interpolate, and at which rho: xu2022, Lemma 5."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import CHAIN, IN_BALL, RELU_NETWORK, SIGN_LABELS
from properties.collapse.collapsed_networks import identity
from properties.collapse.conditions import MATRICES
from properties.collapse.opposite_features import searched
from properties.papers import XU2022

LAST = (
    "last = weights[len(weights) - 1]",
    "width = len(h(0))",
    "labels = [y[n][0] for n in samples]",
    "gram(X) = [[inner(a, b) for b in X] for a in X]",
    "features_of = [h(n) for n in samples]",
)
FITTING = "fitted = sum([solve(gram(features_of), labels)[n] * h(n) for n in samples])"
"""The last layer of least norm that has the labels for outputs."""
WIDE = tc.Assumption("more units in the last hidden layer than samples", "len(h(0)) > len(samples)")
INDEPENDENT = tc.Assumption(
    "the features of the samples are linearly independent",
    "rank([h(n) for n in samples]) == len(samples)",
)
DEEP_LINEAR_OUTPUT = tc.Assumption(
    "L >= 2, with a linear output", "slope(depth) == 1 and depth >= 2"
)


def wide(hidden: int, samples: tuple[int, int]) -> st.SearchStrategy[tc.Case]:
    """Networks of depth 2 and 3 with ``hidden`` units in the last hidden layer."""
    networks = st.builds(
        lambda first, depth: tc.mlp([2, *[first] * (depth - 2), hidden, 1]),
        st.integers(2, 3),
        st.integers(2, 3),
    )
    return tc.cases(networks, samples=samples, targets="signs", cohort=4)


@st.composite
def not_reached(draw: st.DrawFn) -> tc.Case:
    """Weights of the open positive quadrant, which no unit takes to the second sample."""
    first = [[1, 2], [draw(st.integers(1, 3)), 1], [draw(st.integers(1, 3)), 3]]
    a, b = draw(st.sampled_from([(2, 1), (1, 2), (3, 1)]))
    inputs = [[Fraction(1, 2), Fraction(1, 2)], [Fraction(-a, 4), Fraction(-b, 4)]]
    return tc.Case.single(tc.mlp([2, 3, 1]), [first, [[1, 1, 1]]], inputs, [[1], [-1]])


last_layer_independent_printed = tc.stated(
    "last-layer-independent-printed",
    title="With more units than samples, the last layer alone interpolates, as printed",
    sources=[XU2022.at("Section 3.3: the last layer suffices")],
    printed=r"\text{the last linear layer is enough -- if the layer before the linear classifier"
    r" has}\text{ more units than the number of training points -- to provide solutions for a"
    r" given set of}\text{ random weights}",
    given=[CHAIN, MATRICES, RELU_NETWORK, SIGN_LABELS, IN_BALL, WIDE],
    assuming={
        "inputs and weights are generic: of full rank, with no unit at its kink": (
            "smooth() and full(x) and all([full(W[k]) for k in weights])"
        )
    },
    where=[
        *LAST[1:2],
        "full(A) = rank(A) == min([len(A), len(A[0])])",
        "labelled(n) = [h(n)[j] if j < width else y[n][0] for j in range(width + 1)]",
    ],
    states="rank([labelled(n) for n in samples]) <= rank([h(n) for n in samples])",
    control=tc.altered(
        "one less",
        "rank([labelled(n) for n in samples]) <= rank([h(n) for n in samples]) - 1",
    ),
    on=not_reached(),
    why="A last layer that gives the labels exists if and only if these are a combination of the"
    " columns of features: to add them as a column must not raise the rank. More units do not bring"
    " this about. Where all units are closed at a sample its feature is 0, and so is its output for"
    " every last layer. A random first layer of p independent units, each symmetric about 0, does"
    " this at a given input with probability `2^-p`. The example is one of an open set of weights"
    " and inputs.",
)

CLASSIFIERS = tc.Family(given=[CHAIN, MATRICES, DEEP_LINEAR_OUTPUT, SIGN_LABELS])

last_layer_fits = CLASSIFIERS.stated(
    "last-layer-fits",
    title="Where features are independent, the last layer alone interpolates",
    sources=[XU2022.at("Section 3.3: the last layer suffices, Section 3.3: intermediate layers")],
    printed=r"\mathrm{rank}\,(h(x_1), \ldots, h(x_N)) = N \implies \exists W_L:\; f_W(x_n) = y_n",
    given=[INDEPENDENT],
    forall=["n in samples"],
    where=[*LAST, FITTING],
    states="network(replaced(W, last, [fitted]), x)[n][0] == y[n][0]",
    control=tc.altered("opposite labels", {"== y": "== -y"}),
    on=wide(3, (1, 2)),
    examples=60,
    corrects="last-layer-independent-printed",
    why="The normal equations of the features. Their Gram matrix is invertible.",
)


@st.composite
def unit_diagonals(draw: st.DrawFn) -> tc.Case:
    """Two units that read a coordinate each, with weights of norm 1, on both unit vectors."""
    a, b = draw(st.sampled_from([(3, 4), (4, 3)]))
    first = [[Fraction(a, 5), Fraction(0)], [Fraction(0), Fraction(b, 5)]]
    labels = [[draw(st.sampled_from([1, -1]))] for _ in range(2)]
    numbers = {"rho": Fraction(256)}
    return tc.Case.single(tc.mlp([2, 2, 1]), [first, [[1, 1]]], identity(2, 2), labels, numbers)


last_layer_any_rho_printed = CLASSIFIERS.stated(
    "last-layer-any-rho-printed",
    title="With N units, the last layer interpolates at every large rho, as printed",
    sources=[XU2022.at("Section 3.5: interpolation at large rho")],
    printed=r"\text{if there are at least } N \text{ units in the top layer ... and } \rho \gg"
    r" \rho_0 \text{ there exist values of } V_L \text{ that yield interpolation due to Theorem 2}",
    given=[INDEPENDENT, IN_BALL],
    assuming={
        "|V_k| = 1 for every layer k below the last": (
            "all([squared(W[k]) == 1 for k in weights if k != last])"
        ),
        "as many units as samples": "len(h(0)) == len(samples)",
        "rho is larger than the least that interpolates with these features": (
            "rho ** 2 > squared(fitted)"
        ),
    },
    where=[*LAST, FITTING],
    states="squared(fitted) == rho ** 2",
    control=tc.altered("half as large", "4 * squared(fitted) == rho ** 2"),
    on=unit_diagonals(),
    rests_on=["last-layer-independent-printed"],
    why="With N units and independent features there is one last layer that interpolates, W_L, and"
    " so one rho = |W_L|. One unit more is needed: `last-layer-any-rho`. The check only compares"
    " rho with |W_L|. That W_L is the only solution is not part of it: N equations for N weights,"
    " with an invertible matrix, have only one. All this is linear algebra, and does not follow"
    " from Theorem 2, which is on connected sets.",
)

FREE = (
    "e(j) = [1 if i == j else 0 for i in range(width)]",
    "free = outside([e(width - 1)], features_of)[0]",
    "longer = fitted + excess * free",
)
"""The fitted last layer with a multiple of a vector that no feature sees."""

last_layer_any_rho = CLASSIFIERS.stated(
    "last-layer-any-rho",
    title="With more than N units, the last layer interpolates at every large rho",
    sources=[
        XU2022.at("Section 3.5: interpolation at large rho"),
        XU2022.at("Section 1: zero loss says nothing of margins"),
    ],
    printed=r"p > N \implies \forall t: f_{W_L + t z}(x_n) = y_n,\;"
    r" \|W_L + t z\|^2 = \|W_L\|^2 + t^2 \|z\|^2",
    given=[INDEPENDENT, WIDE],
    assuming={
        "the unit vector of the last hidden unit is not in the span of the features (as p > N, this"
        " is so for some unit); z is its part orthogonal to that span": "squared(free) > 0"
    },
    forall=["n in samples"],
    where=[*LAST, FITTING, *FREE],
    states="network(replaced(W, last, [longer]), x)[n][0] == y[n][0]"
    " and squared(longer) == squared(fitted) + excess ** 2 * squared(free)",
    control=tc.altered("the norm is kept", {"(fitted) + excess ** 2 * squared(free)": "(fitted)"}),
    numbers=["excess"],
    on=wide(3, (1, 2)).map(lambda case: replace(case, numbers={"excess": Fraction(3, 2)})),
    examples=60,
    corrects="last-layer-any-rho-printed",
    rests_on=["last-layer-fits"],
    why="What is added is orthogonal to all features. Its multiples give every norm from that of"
    " the fitted layer upwards, each of which is a rho.",
)

# Lemma 5

ALIGNED = tc.Assumption(
    "classifier and features are aligned: y_n <V_L, h(x_n)> = |h(x_n)|",
    "all([y[n][0] * f(n, 0) >= 0 and f(n, 0) ** 2 == squared(h(n)) for n in samples])",
)
INTERPOLATES = tc.Assumption(
    "rho bar f_n = 1 for all n", "all([rho * y[n][0] * f(n, 0) == 1 for n in samples])"
)
UNIT_CLASSIFIER = tc.Assumption("V_L has norm 1", "squared(W[len(weights) - 1]) == 1")
PERTURBED = tc.Assumption(
    "V'_L has norm 1, and alpha = <V_L, V'_L> lies between 0 and 1",
    "len(other) == width and squared(other) == 1 and 0 < alpha and alpha < 1",
)
LEMMA_5 = (*LAST[:2], "alpha = inner(W[last][0], other)")
NEW_MARGIN = "rho / alpha * y[n][0] * network(replaced(W, last, [other]), x)[n][0]"


@st.composite
def aligned(draw: st.DrawFn, *, slope: float = 0.5, both: bool = True) -> tc.Case:
    """Features ``+-V_L / rho`` under a leaky ReLU, and another unit vector for the last layer."""
    width, rho = draw(st.integers(2, 3)), draw(tc.positive_dyadics())
    classifier, other = (draw(tc.unit_arrays((width,), positive=True)) for _ in range(2))
    signs = [1, *([-1] if both else []), draw(st.sampled_from([1, -1] if both else [1]))]
    rows = [[sign * Fraction(t) / rho for t in classifier] for sign in signs]
    rows = [[t if t >= 0 else t / Fraction(slope) for t in row] for row in rows]
    numbers = {"rho": rho, **{f"other_{i}": Fraction(t) for i, t in enumerate(other, start=1)}}
    network = tc.mlp([width, width, 1], slope)
    return tc.Case.single(
        network, [identity(width, width), [list(classifier)]], rows, [[s] for s in signs], numbers
    )


last_layer_aligned = CLASSIFIERS.stated(
    "last-layer-aligned",
    title="Lemma 5: an aligned classifier can be turned, and interpolates with a larger rho",
    kind="identity",
    sources=[XU2022.at("Lemma 5")],
    printed=r"V_L^\top V'_L = \alpha \in (0, 1),\; \hat f(x) = \langle V'_L, h(x)\rangle \implies"
    r" \frac\rho\alpha \hat f \text{ is an interpolating solution ... with a larger } \rho",
    given=[UNIT_CLASSIFIER, ALIGNED, INTERPOLATES, PERTURBED],
    forall=["n in samples"],
    where=LEMMA_5,
    states=f"{NEW_MARGIN} == 1 and rho / alpha > rho",
    control=tc.altered("rho is kept", f"alpha * {NEW_MARGIN} == 1"),
    numbers=["rho", "other"],
    on=aligned(),
    why="Aligned features that interpolate are `y_n V_L / rho`. Every residual is 0, so that"
    " without weight decay the network is a critical point. Features of both signs need an"
    " activation that has negative values: `last-layer-aligned-relu`.",
)


last_layer_aligned_relu = searched(
    CLASSIFIERS.stated(
        "last-layer-aligned-relu",
        title="Lemma 5 for a ReLU network on two classes",
        sources=[XU2022.at("Lemma 5")],
        printed=r"y_n \langle V_L, h(x_n) \rangle = \|h(x_n)\|_2 \;\forall n \implies"
        r" \frac\rho\alpha \hat f \text{ is an interpolating solution}",
        given=[
            RELU_NETWORK,
            tc.Assumption("the first two samples are of different classes", "y[0][0] == -y[1][0]"),
            UNIT_CLASSIFIER,
            ALIGNED,
            INTERPOLATES,
            PERTURBED,
        ],
        forall=["n in samples"],
        where=LEMMA_5,
        states=f"{NEW_MARGIN} == 1",
        control=tc.altered(
            "features are not aligned, and rho is kept",
            f"alpha * {NEW_MARGIN} == 1",
            without=[ALIGNED, INTERPOLATES],
        ),
        numbers=["rho", "other"],
        on=aligned().map(
            lambda case: replace(case, network=tc.mlp([case.network.input_width] * 2 + [1]))
        ),
        examples=16,
        why="The networks of the paper never meet the hypotheses: features of a ReLU network are"
        " not negative, and those of two classes cannot be `V_L / rho` and `-V_L / rho`"
        " (`neural-collapse-binary-relu-features`). The lemma speaks of one class, or of other"
        " activations.",
    )
)
