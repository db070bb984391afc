"""Neural collapse of binary classifiers with a scalar output: xu2022, Theorem 5."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from properties.assumptions import CHAIN, ONE_OUTPUT, RELU_NETWORK, SIGN_LABELS
from properties.collapse.conditions import (
    Condition,
    classifier,
    classifier_update,
    features,
    judged,
    probes,
)
from properties.collapse.opposite_features import (
    LEAKY,
    interpolating_networks,
    nearest_opposite_features,
    opposite_features,
    with_slope,
)
from properties.notation import FEATURES, MARGIN, RATIONALS, SAMPLE_UPDATE
from properties.papers import XU2022
from theorycheck import (
    Assumption,
    Case,
    Findings,
    Formal,
    Observation,
    Rejection,
    Setting,
    Unmet,
    claim,
)
from theorycheck.arithmetic import Array, Point, rationals, squared


def obstacle_binary(point: Point) -> str | None:
    """Why a point fails the hypotheses of Theorem 5 with 0 < eps < 1; None if it does not."""
    margins = point.outputs * point.targets
    if (margins != margins[0]).any() or not 0 < margins[0, 0] < 1:
        return "the margins are not all 1 - eps with 0 < eps < 1"
    if (classifier_update(point) != 0).any():
        return "some sample updates V_L"
    return None


def signs_of(array: Array) -> Array:
    return rationals(np.where(array > 0, 1, 0) - np.where(array < 0, 1, 0))


def binary_conditions(point: Point, divisors: tuple[int, int], factor: int = 1) -> list[Condition]:
    """NC1 to NC4 of Theorem 5, with the sums of features of each class divided as told."""
    positive = point.targets[:, 0] > 0
    found = features(point)
    sums = [found[chosen].sum(axis=0) for chosen in (positive, ~positive)]
    plus, minus = (total / divisor for total, divisor in zip(sums, divisors, strict=True))
    vector = classifier(point)[0]
    probed = point.vertices_at(probes(point))[-2]
    nearer = ((probed - minus) ** 2).sum(axis=1) - ((probed - plus) ** 2).sum(axis=1)
    return [
        ("NC1: h(x_n) = mu of its class", found, np.where(positive[:, None], plus, minus)),
        ("NC2: mu_+ = -mu_-", plus, -factor * minus),
        ("NC3: V_L is proportional to mu_+", np.outer(vector, plus), np.outer(plus, vector)),
        ("NC4: sign of f = nearest mean", signs_of(probed @ vector), signs_of(nearer)),
    ]


def class_sizes(point: Point) -> tuple[int, int]:
    positive = int((point.targets > 0).sum())
    return positive, point.samples - positive


LAST = "last = weights[len(weights) - 1]"

BOTH_CLASSES = Assumption(
    "both classes occur",
    "any([y[n][0] == 1 for n in samples]) and any([y[n][0] == -1 for n in samples])",
)

CLASSIFIER_AT_REST = Assumption(
    "no sample, as a batch of size 1, updates V_L under LN + WD",
    "all([zero(update(n, last)) for n in samples])",
)

EQUAL_MARGINS = "all([margin(n) == margin(0) for n in samples])"

CONVERGED_BINARY = [
    CLASSIFIER_AT_REST.prose,
    "Property 1: y_n rho f_V(x_n) = 1 - eps for all n, with 0 < eps < 1",
    BOTH_CLASSES.prose,
]

BOTH_SIGNS = "features of both signs: leaky ReLU or linear activations, or depth 1"


@claim(
    "neural-collapse-binary",
    title="Theorem 5: neural collapse of a binary ReLU network with scalar output",
    kind="identity",
    sources=[XU2022.at("Theorem 5, Eq. 30-32")],
    statement=r"\rho (1 - \rho \bar f_n)\,(h(x_n) - f_n V_L) = 0,\; \rho \bar f_n = 1 - \epsilon"
    r" \;\forall n \implies \mu_\pm = h(x_n),\; \mu_+ = -\mu_-,\; V_L \propto \mu_\pm,\;"
    r" \mathrm{sign}(\rho f_V(x)) = \arg\min_c \|\mu_c - h(x)\|",
    hypotheses=["a ReLU network of depth L >= 2 with scalar output", *CONVERGED_BINARY],
    control="the same networks with a leaky ReLU, whose features have both signs",
    on={"case": opposite_features(depths=(2, 3), rectified=True)},
    examples=32,
)
def neural_collapse_binary(setting: Setting, case: Case) -> Findings:
    """A point at which SGD with batches of size 1 has converged, with one interpolation gap for
    all samples, shows neural collapse.

    No ReLU network has such a point. Convergence gives `h(x_n) = +-c V_L` with `c = (1-eps)/rho >
    0`, the sign being the label, as the proof finds; but the features of a ReLU network are not
    negative, so samples of both classes make every entry of `V_L` non-negative and non-positive,
    and `V_L = 0` contradicts its unit norm. The claim
    [neural-collapse-binary-relu-features](#neural-collapse-binary-relu-features) makes this
    quantitative. The gap is read as 0 < eps < 1: it is positive where `rho` has converged too
    (Lemma 6), and eps = 1 is the point rho = 0, f = 0, which classifies nothing. Of the class means
    the corrected form is taken.

    The search: features that satisfy the equations under a leaky activation, passed through the
    ReLU; and descent on hidden weights, inputs and `V_L` from random starts.
    """
    network = with_slope(case.network, LEAKY) if setting.altered else case.network
    point = Point.of(replace(case, network=network))
    if obstacle_binary(point) is None:
        yield judged(binary_conditions(point, class_sizes(point)), case)
        return
    if setting.altered:
        yield Rejection("the equations are not met")
        return
    yield Unmet(
        round(nearest_opposite_features(network, setting.seed % 2**32), 6),
        "squared distances of a feature vector of each class from +-c V_L, added, in units of"
        " c^2; 1 is a proven lower bound",
    )


@claim(
    "neural-collapse-binary-relu-features",
    title="Non-negative features of two classes keep a distance from opposite vectors",
    kind="inequality",
    sources=[],
    statement=r"c^2 \le \|h(x_+) - c V_L\|^2 + \|h(x_-) + c V_L\|^2",
    hypotheses=["a ReLU network of depth L >= 2 and unit V_L", "c > 0, any two inputs"],
    control="the bound is 9/8 c^2",
    on={"case": opposite_features(depths=(2, 3), rectified=True)},
    formal=Formal(
        "squared(step(m)) <= squared(h(i) - step(m)) + squared(h(j) + step(m))",
        ("i in samples", "j in samples", "m in range(1, 8)"),
        given=(CHAIN.formula, RELU_NETWORK.formula, ONE_OUTPUT.formula),
        where=(LAST, "step(m) = m / (8 * squared(W[last])) * W[last][0]"),
    ),
)
def neural_collapse_binary_relu_features(setting: Setting, case: Case) -> Findings:
    """The features of two inputs to a ReLU network cannot both be near c V_L and -c V_L.

    Where an entry v of `V_L` is negative, the first term is at least `c^2 v^2`, because the feature
    is not negative; where it is positive, the second is; and the squares add to `c^2`. Equality
    holds when the features are the positive parts of the two vectors. For the
    features of a ReLU network the hypotheses of xu2022, Theorem 5, are thus far from being met, not
    only unmet.
    """
    point = Point.of(case)
    vector = classifier(point)[0]
    square = squared(vector)
    for multiple in range(1, 8):
        # c |w| runs over the margins that the features are drawn for, where equality is possible.
        step = multiple * vector / (8 * square)
        bound = squared(step) * (9 if setting.altered else 8) / 8
        distance = squared(features(point)[0] - step) + squared(features(point)[-1] + step)
        yield Observation(
            holds=bool(bound <= distance),
            left=str(bound),
            relation="≤",
            right=str(distance),
            arithmetic=RATIONALS,
            tightness=float(bound / distance),
            case=lambda: case,
            note=f"c = {multiple}/(8 |W_L|)",
        )


@claim(
    "neural-collapse-binary-printed-means",
    title="Theorem 5 for features of both signs, with the class means as printed",
    kind="identity",
    sources=[XU2022.at("Theorem 5")],
    statement=r"\mu_\pm = \frac1N \sum_{n=1,\, y_n=\pm1}^N h(x_n)"
    r" \implies \mu_\pm = h(x_n) \text{ for all } n \text{ with } y_n = \pm 1",
    hypotheses=[
        BOTH_SIGNS,
        *CONVERGED_BINARY,
    ],
    control="the sums over the classes divided by 2N",
    on={"case": opposite_features()},
    formal=Formal(
        "h(n)[i] == mean(y[n][0])[i]",
        FEATURES,
        given=(
            CHAIN.formula,
            SIGN_LABELS.formula,
            BOTH_CLASSES.formula,
            "depth == 1 or all([slope(v) > 0 for v in range(1, depth)])",
            EQUAL_MARGINS,
            "0 < margin(0) and margin(0) < 1",
            CLASSIFIER_AT_REST.formula,
        ),
        where=(
            MARGIN,
            SAMPLE_UPDATE,
            LAST,
            "mean(s) = sum([h(n) for n in samples if y[n][0] == s]) / len(samples)",
        ),
    ),
)
def neural_collapse_binary_printed_means(setting: Setting, case: Case) -> Findings:
    """NC1 to NC4 of Theorem 5 with its own definition of the class means, on networks that do have
    points of convergence.

    The sum over one class is divided by the number N of all samples, so that the "mean" is `N_+/N`
    times the feature vector that all samples of the class share. It cannot equal it unless
    the other class is empty.
    """
    point = Point.of(case)
    obstacle = obstacle_binary(point)
    if obstacle is not None:
        yield Rejection(obstacle)
        return
    divisor = len(point.targets) * (2 if setting.altered else 1)
    yield judged(binary_conditions(point, (divisor, divisor)), case)


@claim(
    "neural-collapse-binary-class-means",
    title="Theorem 5 for features of both signs, with the means of the classes",
    kind="identity",
    sources=[XU2022.at("Theorem 5")],
    statement=r"\mu_\pm = \frac1{N_\pm} \sum_{y_n=\pm1} h(x_n) \implies \mu_\pm = h(x_n),\;"
    r" \mu_+ = -\mu_-,\; V_L \propto \mu_\pm,\;"
    r" \mathrm{sign}(\rho f_V(x)) = \arg\min_c \|\mu_c - h(x)\|",
    hypotheses=[
        BOTH_SIGNS,
        *CONVERGED_BINARY,
    ],
    control="NC2 with a factor 2: mu_+ = -2 mu_-",
    on={"case": opposite_features()},
    examples=300,
    corrects="neural-collapse-binary-printed-means",
)
def neural_collapse_binary_class_means(setting: Setting, case: Case) -> Findings:
    """NC1 to NC4 of Theorem 5 with the sum over a class divided by its own number of samples.

    NC4 is checked at the samples, their differences and the unit vectors; a zero output goes with
    equal distances. The argument is that of the paper; what it does not need is the ReLU, which
    leaves it [without examples](#neural-collapse-binary).
    """
    point = Point.of(case)
    obstacle = obstacle_binary(point)
    if obstacle is not None:
        yield Rejection(obstacle)
        return
    yield judged(
        binary_conditions(point, class_sizes(point), factor=2 if setting.altered else 1), case
    )


@claim(
    "neural-collapse-binary-classifier-only",
    title="Theorem 5 when only V_L is asked to converge",
    kind="identity",
    sources=[XU2022.at("Theorem 5")],
    statement=r"V_L \text{ has converged},\; \rho \bar f_n = 1 - \epsilon \;\forall n"
    r" \implies \text{NC1--NC4}",
    hypotheses=[
        "a ReLU network of depth L >= 2 with scalar output",
        CLASSIFIER_AT_REST.prose,
        "Property 1: y_n rho f_V(x_n) = 1 - eps for all n, with 0 <= eps < 1",
        BOTH_CLASSES.prose,
    ],
    control="the convergence of V_L is not asked for, Property 1 alone is",
    on={"case": interpolating_networks()},
    formal=Formal(
        "mean(1)[i] == -mean(-1)[i]",
        ("i in range(len(h(0)))",),
        given=(
            CHAIN.formula,
            RELU_NETWORK.formula,
            SIGN_LABELS.formula,
            BOTH_CLASSES.formula,
            EQUAL_MARGINS,
            "0 < margin(0) and margin(0) <= 1",
            CLASSIFIER_AT_REST.formula,
        ),
        where=(
            MARGIN,
            SAMPLE_UPDATE,
            LAST,
            "members(s) = [n for n in samples if y[n][0] == s]",
            "mean(s) = sum([h(n) for n in members(s)]) / len(members(s))",
        ),
    ),
)
def neural_collapse_binary_classifier_only(setting: Setting, case: Case) -> Findings:
    """The first sentence of Theorem 5 asks only that `V_L` has converged. Then an interpolating
    network, eps = 0, qualifies: the factor `1 - rho fbar_n` stops every update of `V_L`, and of all
    other layers, whatever the features are.

    Only the update of `rho` by weight decay excludes these points; without weight decay they are
    points of convergence of the whole network. The means are those of the classes.
    """
    point = Point.of(case)
    margins = point.outputs * point.targets
    if (margins != margins[0]).any() or not 0 < margins[0, 0] <= 1:
        yield Rejection("the margins are not all 1 - eps")
    elif not setting.altered and (classifier_update(point) != 0).any():
        yield Rejection("some sample updates V_L")
    else:
        yield judged(binary_conditions(point, class_sizes(point)), case)
