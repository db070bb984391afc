"""Claims on neural collapse (xu2022, Section 5): its definition and its proofs.

The proofs concern the features ``h`` of the samples and the last weight matrix. In the weights
``W_k = |W_k| V_k``, with ``rho = prod_k |W_k|`` and ``f_W = rho f_V`` (Section 3.2), the equations
of the section are rational, and are decided without rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from scipy.linalg import hadamard
from torch import Tensor

from properties.formulas import CHAIN, DECAY, MARGIN, SIGNS, UPDATE
from properties.formulas import RELU as RELUS
from properties.papers import XU2022
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import has_kink, vertices
from theorycheck.arithmetic.forward_mode import jacobian
from theorycheck.arithmetic.numbers import Array, rationals
from theorycheck.claims.comparisons import equality
from theorycheck.claims.declaration import Formal, claim
from theorycheck.claims.evidence import Findings, Observation, Rejection, Unmet
from theorycheck.claims.setting import Setting
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import mlps
from theorycheck.networks.evaluation import vertices as float_vertices
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import LINEAR, RELU, Network, mlp

EXACT = "rationals"
LEAKY = 0.5

Condition = tuple[str, Array, Array]
"""A name and the two sides of an equation between arrays of rationals."""


@dataclass(frozen=True, eq=False)
class Point:
    """A network ``f_W = rho f_V`` and its samples, in rationals."""

    network: Network
    weights: list[Array]
    inputs: Array
    targets: Array

    @classmethod
    def of(cls, case: Case, member: int = 0, network: Network | None = None) -> Point:
        """One member of a case, whose network may be replaced by one of the same shapes."""
        assert case.targets is not None
        return cls(
            network or case.network,
            [rationals(p[member]) for p in case.parameters],
            rationals(case.inputs[member]),
            rationals(case.targets[member]),
        )

    def features_at(self, inputs: Array) -> Array:
        """``h(x)``, the input of the last layer, ``(N, p)``."""
        return vertices(self.network, self.weights, inputs)[-2]

    @cached_property
    def features(self) -> Array:
        return self.features_at(self.inputs)

    @cached_property
    def outputs(self) -> Array:
        outputs: Array = self.features @ self.classifier.T
        return outputs

    @property
    def classifier(self) -> Array:
        return self.weights[-1]

    @cached_property
    def squared_rho(self) -> Any:
        return np.prod([squared_norm(weight) for weight in self.weights])

    def update(self, layer: int) -> Array:
        """The update of ``V_k`` by each sample alone, times ``-|W_k| / 2``, ``(N, *shape)``.

        ``dL/dV_k = 2 rho <f_W - y, df_V/dV_k> - 2 <f_W, f_W - y> V_k`` with the Lagrange multiplier
        put in (xu2022, Eq. 32 and 38 for the last layer), written in the weights ``W``. A batch
        updates by the mean of its samples' updates.
        """
        weight = self.weights[layer]
        residuals = self.outputs - self.targets
        slopes = jacobian(self.network, self.weights, self.inputs, layer)
        data = (residuals[:, :, None, None] * slopes).sum(axis=1)
        multipliers = (self.outputs * residuals).sum(axis=1)
        update: Array = squared_norm(weight) * data - multipliers[:, None, None] * weight
        return update

    @cached_property
    def classifier_update(self) -> Array:
        """`update` of the last layer."""
        return self.update(len(self.weights) - 1)

    def rho_update(self, weight_decay: Any) -> Array:
        """The update of ``rho`` by each sample alone, times ``rho / 2``, ``(N,)``."""
        data = (self.outputs * (self.targets - self.outputs)).sum(axis=1)
        update: Array = data - weight_decay * self.squared_rho
        return update

    def probes(self) -> Array:
        """Inputs at which nearest-centre classification is compared: samples and others."""
        units = rationals(np.eye(self.network.input_width))
        between = self.inputs[:-1] - self.inputs[1:]
        return np.concatenate([self.inputs, between, units, -units])


def squared_norm(array: Array) -> Any:
    return (array * array).sum()


def by_class(array: Array, classes: int) -> Array:
    """``(C N, ...)`` to ``(C, N, ...)``: all cases below hold their samples class by class."""
    return array.reshape(classes, -1, *array.shape[1:])


def at_rest(updates: Array, batch: int) -> bool:
    """Whether no class-balanced batch with ``batch`` samples per class updates.

    Args:
        updates: of each sample alone, ``(C, N, ...)``; a batch adds them up.

    For ``batch < N`` two batches that differ in one sample show that the updates of the samples of
    a class are equal, as in the step from Eq. 40 to NC1; conversely that makes all batches equal.
    """
    if batch == updates.shape[1]:
        return bool(np.all(updates.sum(axis=(0, 1)) == 0))
    return bool(np.all(updates == updates[:, :1]) and np.all(updates[:, 0].sum(axis=0) == 0))


def judged(conditions: Sequence[Condition], case: Case) -> Observation:
    """One observation for all conditions together: the first that fails, or that all hold."""
    failing = (condition for condition in conditions if (condition[1] != condition[2]).any())
    name, left, right = next(failing, ("NC1 to NC4 hold", *conditions[0][1:]))
    right = np.broadcast_to(right, left.shape)
    return equality(left.reshape(1, -1), right.reshape(1, -1), EXACT, case.member, note=name)


def simplex(classes: int) -> np.ndarray:
    """Centred one-hot targets as rows: 1 on the diagonal, -1/(C-1) elsewhere (Section 5.2)."""
    off = Fraction(-1, classes - 1)
    return np.array(
        [[Fraction(1) if i == j else off for j in range(classes)] for i in range(classes)],
        dtype=object,
    )


def with_slope(network: Network, slope: float) -> Network:
    """The same network with another activation in its hidden layers."""
    *hidden, last = network.layers
    changed = (replace(layer, slope=slope) for layer in hidden)
    return Network(network.input_width, (*changed, last))


def single(
    network: Network,
    weights: Sequence[Any],
    inputs: Any,
    targets: Any,
    numbers: dict[str, Fraction] | None = None,
) -> Case:
    """A case with one member from nested lists of fractions."""

    def array(values: Any) -> np.ndarray:
        return np.array(values, dtype=object)[None]

    arrays = tuple(array(weight) for weight in weights)
    return Case(network, arrays, array(inputs), array(targets), numbers or {})


def identity(width: int, columns: int) -> list[list[Fraction]]:
    """The identity, followed by columns of zeros."""
    return [[Fraction(i == j) for j in range(columns)] for i in range(width)]


# --- The definitions: Eq. 26-27 and NC2 ---------------------------------------------------------


@st.composite
def balanced_cases(draw: st.DrawFn) -> Case:
    """Small networks on 2 to 4 classes with 2 to 5 samples each, class by class."""
    classes, size = draw(st.integers(2, 4)), draw(st.integers(2, 5))
    networks = mlps(depths=(2, 3), widths=(1, 3), outputs=(classes, classes))
    samples = (classes * size, classes * size)
    case = draw(cases(networks, samples=samples, cohort=4))
    labels = np.repeat(np.eye(classes), size, axis=0)
    return replace(case, targets=np.broadcast_to(labels, (case.members, *labels.shape)))


def covariances(features: Array, terms: int, divisor: int) -> tuple[Array, Array, Array]:
    """``Sigma_W``, ``Sigma_B`` and ``Sigma_T`` of features ``(C, N, p)`` (Eq. 27).

    The inner sum of ``Sigma_W`` runs over the first ``terms`` samples and is divided by
    ``divisor``.
    """
    classes, size, width = features.shape

    def scatter(vectors: Array) -> Array:
        rows = vectors.reshape(-1, width)
        product: Array = rows.T @ rows
        return product

    means = features.sum(axis=1) / size
    centre = means.sum(axis=0) / classes
    return (
        scatter((features - means[:, None])[:, :terms]) / (classes * divisor),
        scatter(means - centre) / classes,
        scatter(features - centre) / (classes * size),
    )


def decomposition(case: Case, terms: int, divisor: int) -> Findings:
    points = [Point.of(case, member) for member in range(case.members)]
    classes = case.network.output_width
    parts = [covariances(by_class(p.features, classes), terms, divisor) for p in points]
    within, between, total = (np.stack(part) for part in zip(*parts, strict=True))
    yield equality(within + between, total, EXACT, case.member)


@claim(
    "covariance-decomposition-printed",
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
def covariance_decomposition_printed(setting: Setting, case: Case) -> Findings:
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
    "covariance-decomposition",
    title="Total covariance is within- plus between-class covariance",
    kind="identity",
    sources=[XU2022.at("Eq. 27")],
    statement=r"\Sigma_W = \frac1C \sum_{c=1}^C \frac1N \sum_{n=1}^{N}"
    r" (h(x_{cn}) - \mu_c)(h(x_{cn}) - \mu_c)^\top, \qquad \Sigma_T = \Sigma_W + \Sigma_B",
    hypotheses=["C classes with N samples each"],
    control="the inner sum stops one sample early",
    on={"case": balanced_cases()},
    corrects="covariance-decomposition-printed",
)
def covariance_decomposition(setting: Setting, case: Case) -> Findings:
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
    "equinorm-centred-means",
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
def equinorm_centred_means(setting: Setting, case: Case) -> Findings:
    """If the centred class means have equal norms, the unit vectors along them add to zero.

    Both sides are multiplied by the common norm. "The centered features lie on a simplex", which
    the paper adds, can only mean this sum: the vectors (1,0), (-1,0), (0,1), (0,-1) are centred and
    equinorm, and no regular simplex.
    """
    features = Point.of(case).features
    centred = features - features.sum(axis=0) / len(features)
    squares = (centred * centred).sum(axis=1)
    if (squares == 0).any():
        yield Rejection("a class mean equals the global mean")
    elif (squares != squares[0]).any():
        yield Rejection("the norms differ")
    else:
        total = centred[: len(centred) - setting.altered].sum(axis=0)
        yield equality(total[None], rationals(np.zeros((1, len(total)))), EXACT, case.member)


# --- Lemma 6 ------------------------------------------------------------------------------------


@st.composite
def two_slopes(draw: st.DrawFn) -> Case:
    """``f(x)`` with one slope for x > 0 and one for x < 0, on the samples 1 and ``-radius``.

    The slopes ``a^2`` and ``s^2`` solve ``1 - a^2 = radius - radius^2 s^2``: the residuals of the
    samples then pull equally at the weights.
    """
    radius = Fraction(draw(st.sampled_from([2, 1, 3, 4])), 4)
    step = Fraction(draw(st.sampled_from([4, 2, 6, 1, 3, 5, 7])), 8)
    first = (step + (1 - radius) / step) / 2
    second = step if radius == 1 else ((1 - radius) / step - step) / (2 * radius)
    first = second if radius == 1 else first
    rho = first**2 + second**2
    return single(
        mlp([1, 2, 1]),
        [[[first], [-second]], [[first, -second]]],
        [[Fraction(1)], [-radius]],
        [[Fraction(1)], [Fraction(-1)]],
        {"weight_decay": (1 - first**2) / (2 * rho)},
    )


@claim(
    "symmetric-quasi-interpolation",
    title="Lemma 6: training with weight decay and weight normalisation equalises the margins",
    kind="identity",
    sources=[XU2022.at("Lemma 6, Property 1")],
    statement=r"(\rho, V) \in \arg\min \frac1N \sum_n (\rho \bar f_n - 1)^2 + \lambda \rho^2"
    r" \implies \rho \bar f_n = 1 - \epsilon \quad \forall n",
    hypotheses=[
        "a global minimiser of the loss of bias-free ReLU networks of depth 2 and any width, all"
        " layers normalised",
        "lambda > 0 and all samples correctly classified",
        "two samples x_1 > 0 of class +1 and x_2 < 0 of class -1",
    ],
    control="the margins are equal to 1",
    on={"case": two_slopes()},
    formal=Formal(
        "margin(0) == margin(1)",
        given=(
            CHAIN,
            RELUS,
            DECAY,
            "depth == 2 and len(outputs) == 1 and len(samples) == 2 and len(x[0]) == 1",
            "x[0][0] > 0 and y[0][0] == 1 and x[1][0] < 0 and y[1][0] == -1",
            "margin(0) > 0 and margin(1) > 0",
            "squared(W[0]) * squared(W[1]) == reach ** 2",
            "all([(1 - margin(n)) * abs(x[n][0]) == 2 * weight_decay * reach for n in samples])",
        ),
        where=(MARGIN, "reach = sum([margin(n) / abs(x[n][0]) for n in samples])"),
    ),
)
def symmetric_quasi_interpolation(setting: Setting, case: Case) -> Findings:
    """An overparametrised network trained to convergence has the same margin at every sample.

    Convergence is taken in the strongest sense, a global minimiser over all weights and widths. On
    the two samples a unit serves one sample only, so `fbar_1/|x_1| + fbar_2/|x_2| <= |W_1| |W_2| =
    rho` (Cauchy-Schwarz), and the loss is at least `q = mean (1 - fbar_n)^2 + lambda (fbar_1/|x_1|
    + fbar_2/|x_2|)^2`, a strictly convex function of the two margins. A network that attains the
    bound with margins at which the gradient of `q` vanishes is a global minimiser, whatever the
    width; both are checked. The margins are equal only when the samples have equal norms: the
    proof assumes that the network can "attain any value" of the margins up to a common bound,
    but the margin that a unit norm affords is proportional to the norm of the sample.
    """
    point = Point.of(case)
    margins = (point.outputs * point.targets)[:, 0]
    radii = abs(point.inputs[:, 0])
    decay = rationals(case.numbers["weight_decay"]).item()
    reach = (margins / radii).sum()
    if not (decay > 0 and (margins > 0).all()):
        yield Rejection("no weight decay, or a sample is not correctly classified")
    elif reach * reach != point.squared_rho:
        yield Rejection("the network does not attain the bound")
    elif ((1 - margins) * radii != 2 * decay * reach).any():
        yield Rejection("the margins do not minimise the bound")
    else:
        other = rationals([1]) if setting.altered else margins[1:]
        yield equality(margins[:1], other, EXACT, case.member, note="rho fbar of the two samples")


# --- Theorem 5: binary classification -----------------------------------------------------------


@st.composite
def opposite_features(
    draw: st.DrawFn, *, depths: tuple[int, int] = (1, 3), rectified: bool = False
) -> Case:
    """Networks whose features, under a leaky activation, are ``y (1 - eps) w / |w|^2``.

    The inputs are found by going backwards through the activations, and have one more coordinate
    that the network ignores. Now and then the feature of the first sample is moved.

    Args:
        rectified: give the network ReLU activations instead of the leaky ones.
    """
    classifier = draw(st.lists(st.integers(-3, 3), min_size=1, max_size=3).filter(any))
    width = len(classifier)
    margin = Fraction(draw(st.integers(1, 7)), 8)
    signs = [1] * draw(st.integers(1, 3)) + [-1] * draw(st.integers(1, 3))
    depth = draw(st.integers(*depths))
    slope = LEAKY if rectified else draw(st.sampled_from([LINEAR, LEAKY, 0.25]))
    square = sum(k * k for k in classifier)
    rows = [[sign * margin * k / square for k in classifier] for sign in signs]
    rows[0][0] += draw(st.sampled_from([0, 0, 0, 1]))
    for _ in range(depth - 1):
        rows = [[t if t >= 0 else t / Fraction(slope) for t in row] for row in rows]
    ignored = draw(st.lists(st.integers(-1, 1), min_size=len(signs), max_size=len(signs)))
    hidden: list[Any] = [identity(width, width) for _ in range(depth - 1)]
    if depth > 1:
        rows = [[*row, Fraction(z)] for row, z in zip(rows, ignored, strict=True)]
        hidden[0] = identity(width, width + 1)
    network = mlp([len(rows[0]), *[width] * (depth - 1), 1], RELU if rectified else slope)
    last = [[Fraction(k) for k in classifier]]
    return single(network, [*hidden, last], rows, [[Fraction(sign)] for sign in signs])


def obstacle_binary(point: Point) -> str | None:
    """Why a point fails the hypotheses of Theorem 5 with 0 < eps < 1; None if it does not."""
    margins = point.outputs * point.targets
    if (margins != margins[0]).any() or not 0 < margins[0, 0] < 1:
        return "the margins are not all 1 - eps with 0 < eps < 1"
    if (point.classifier_update != 0).any():
        return "some sample updates V_L"
    return None


def signs_of(array: Array) -> Array:
    return rationals(np.where(array > 0, 1, 0) - np.where(array < 0, 1, 0))


def binary_conditions(point: Point, divisors: tuple[int, int], factor: int = 1) -> list[Condition]:
    """NC1 to NC4 of Theorem 5, with the sums of features of each class divided as told."""
    positive = point.targets[:, 0] > 0
    sums = [point.features[chosen].sum(axis=0) for chosen in (positive, ~positive)]
    plus, minus = (total / divisor for total, divisor in zip(sums, divisors, strict=True))
    vector = point.classifier[0]
    features = point.features_at(point.probes())
    nearer = ((features - minus) ** 2).sum(axis=1) - ((features - plus) ** 2).sum(axis=1)
    return [
        ("NC1: h(x_n) = mu of its class", point.features, np.where(positive[:, None], plus, minus)),
        ("NC2: mu_+ = -mu_-", plus, -factor * minus),
        ("NC3: V_L is proportional to mu_+", np.outer(vector, plus), np.outer(plus, vector)),
        ("NC4: sign of f = nearest mean", signs_of(features @ vector), signs_of(nearer)),
    ]


def class_sizes(point: Point) -> tuple[int, int]:
    positive = int((point.targets > 0).sum())
    return positive, len(point.targets) - positive


FEATURES = ("n in samples", "i in range(len(h(0)))")
LAST = "last = weights[len(weights) - 1]"
CLASSIFIER_AT_REST = "all([zero(update(n, last)) for n in samples])"
BOTH_CLASSES = "any([y[n][0] == 1 for n in samples]) and any([y[n][0] == -1 for n in samples])"
EQUAL_MARGINS = "all([margin(n) == margin(0) for n in samples])"

CONVERGED_BINARY = [
    "no sample, as a batch of size 1, updates V_L under LN + WD",
    "Property 1: y_n rho f_V(x_n) = 1 - eps for all n, with 0 < eps < 1",
    "both classes occur",
]


def descend(losses: Callable[[], Tensor], leaves: Sequence[Tensor], learning_rate: float) -> Tensor:
    """The losses of all starts after 150 steps of Adam on their sum; infinite where undefined."""
    optimiser = torch.optim.Adam(leaves, lr=learning_rate)
    for _ in range(150):
        total = losses().nan_to_num(0.0, 0.0, 0.0).sum()
        for leaf, gradient in zip(leaves, torch.autograd.grad(total, leaves), strict=True):
            leaf.grad = gradient.nan_to_num(0.0, 0.0, 0.0)
        optimiser.step()
    with torch.no_grad():
        return losses().nan_to_num(torch.inf)


def nearest_opposite_features(network: Network, seed: int) -> float:
    """Least ``|h_+ - V|^2 + |h_- + V|^2`` that descent from random starts finds.

    Over hidden weights, one input of each class, and unit vectors ``V``. The factor c of
    ``h = +-c V_L`` is absorbed by the weights.
    """
    starts = 32
    generator = torch.Generator().manual_seed(seed)
    *hidden, classifier = initialise(network, starts, seed=seed)
    inputs = torch.randn(starts, 2, network.input_width, generator=generator, dtype=torch.float64)
    leaves = [tensor.requires_grad_() for tensor in (*hidden, classifier, inputs)]
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64)[:, None]

    def squared_distance() -> Tensor:
        unit = classifier / torch.linalg.vector_norm(classifier, dim=-1, keepdim=True)
        features = float_vertices(network, (*hidden, unit), inputs)[-2]
        distance: Tensor = (features - signs * unit).square().sum(dim=(-2, -1))
        return distance

    return float(descend(squared_distance, leaves, 0.05).min())


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
    [relu-features-are-not-opposite](#relu-features-are-not-opposite) makes this quantitative. The
    gap is read as 0 < eps < 1: it is positive where `rho` has converged too (Lemma 6), and eps = 1
    is the point rho = 0, f = 0, which classifies nothing. Of the class means the corrected form
    is taken.

    The search: features that satisfy the equations under a leaky activation, passed through the
    ReLU; and descent on hidden weights, inputs and `V_L` from random starts.
    """
    network = with_slope(case.network, LEAKY) if setting.altered else case.network
    point = Point.of(case, network=network)
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
    "relu-features-are-not-opposite",
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
        given=(CHAIN, RELUS, "len(outputs) == 1"),
        where=(LAST, "step(m) = m / (8 * squared(W[last])) * W[last][0]"),
    ),
)
def relu_features_are_not_opposite(setting: Setting, case: Case) -> Findings:
    """The features of two inputs to a ReLU network cannot both be near c V_L and -c V_L.

    Where an entry v of `V_L` is negative, the first term is at least `c^2 v^2`, because the feature
    is not negative; where it is positive, the second is; and the squares add to `c^2`. Equality
    holds when the features are the positive parts of the two vectors. For the
    features of a ReLU network the hypotheses of xu2022, Theorem 5, are thus far from being met, not
    only unmet.
    """
    point = Point.of(case)
    vector = point.classifier[0]
    square = squared_norm(vector)
    for multiple in range(1, 8):
        # c |w| runs over the margins that the features are drawn for, where equality is possible.
        step = multiple * vector / (8 * square)
        bound = squared_norm(step) * (9 if setting.altered else 8) / 8
        distance = squared_norm(point.features[0] - step) + squared_norm(point.features[-1] + step)
        yield Observation(
            holds=bool(bound <= distance),
            left=str(bound),
            relation="≤",
            right=str(distance),
            arithmetic=EXACT,
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
        "features of both signs: leaky ReLU or linear activations, or depth 1",
        *CONVERGED_BINARY,
    ],
    control="the sums over the classes divided by 2N",
    on={"case": opposite_features()},
    formal=Formal(
        "h(n)[i] == mean(y[n][0])[i]",
        FEATURES,
        given=(
            CHAIN,
            SIGNS,
            BOTH_CLASSES,
            "depth == 1 or all([slope(v) > 0 for v in range(1, depth)])",
            EQUAL_MARGINS,
            "0 < margin(0) and margin(0) < 1",
            CLASSIFIER_AT_REST,
        ),
        where=(
            MARGIN,
            UPDATE,
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
        "features of both signs: leaky ReLU or linear activations, or depth 1",
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


@st.composite
def interpolating_networks(draw: st.DrawFn) -> Case:
    """Two ReLU units with features ``(1 + t, t)`` and ``(t, 1 + t)``, told apart by ``(1, -1)``."""
    counts = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    common = st.integers(0, 3)
    rows = [
        [Fraction(t + (label == 0)), Fraction(t + (label == 1))]
        for label, count in enumerate(counts)
        for t in draw(st.lists(common, min_size=count, max_size=count))
    ]
    signs = [[Fraction(1)]] * counts[0] + [[Fraction(-1)]] * counts[1]
    last = [[Fraction(1), Fraction(-1)]]
    return single(mlp([2, 2, 1]), [identity(2, 2), last], rows, signs)


@claim(
    "neural-collapse-binary-classifier-only",
    title="Theorem 5 when only V_L is asked to converge",
    kind="identity",
    sources=[XU2022.at("Theorem 5")],
    statement=r"V_L \text{ has converged},\; \rho \bar f_n = 1 - \epsilon \;\forall n"
    r" \implies \text{NC1--NC4}",
    hypotheses=[
        "a ReLU network of depth L >= 2 with scalar output",
        "no sample, as a batch of size 1, updates V_L under LN + WD",
        "Property 1: y_n rho f_V(x_n) = 1 - eps for all n, with 0 <= eps < 1",
        "both classes occur",
    ],
    control="the convergence of V_L is not asked for, Property 1 alone is",
    on={"case": interpolating_networks()},
    formal=Formal(
        "mean(1)[i] == -mean(-1)[i]",
        ("i in range(len(h(0)))",),
        given=(
            CHAIN,
            RELUS,
            SIGNS,
            BOTH_CLASSES,
            EQUAL_MARGINS,
            "0 < margin(0) and margin(0) <= 1",
            CLASSIFIER_AT_REST,
        ),
        where=(
            MARGIN,
            UPDATE,
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
    elif not setting.altered and (point.classifier_update != 0).any():
        yield Rejection("some sample updates V_L")
    else:
        yield judged(binary_conditions(point, class_sizes(point)), case)


# --- Theorem 6: several classes -----------------------------------------------------------------


def multiclass_conditions(point: Point, gap: Fraction | None = None) -> list[Condition]:
    """NC1 to NC4 of Theorem 6; ``gap`` replaces the 1/(C-1) of NC2.

    NC3 is stated with the factor of Eq. 42, in the weights ``W``: it is positive.
    """
    classes = point.network.output_width
    grouped = by_class(point.features, classes)
    means = grouped.sum(axis=1) / grouped.shape[1]
    centred = means - means.sum(axis=0) / classes
    cosines = rationals(simplex(classes))
    if gap is not None:
        cosines = np.where(cosines == 1, cosines, rationals(-gap).item())
    gram = centred @ centred.T
    features = point.features_at(point.probes())
    distances = ((features[:, None] - means) ** 2).sum(axis=2)
    factor = (point.outputs * point.targets).sum() * (classes - 1) / len(point.targets)
    square = squared_norm(point.classifier)
    return [
        ("NC1: h(x_cn) = mu_c", grouped, np.broadcast_to(means[:, None], grouped.shape)),
        ("NC2: inner products of the centred means", gram, np.trace(gram) / classes * cosines),
        (
            "NC3, Eq. 42: alpha C V_L^c = rho (mu_c - mu_G)",
            factor * point.classifier,
            square * centred,
        ),
        (
            "Eq. 43: |V_L^c|^2 = 1/C",
            (point.classifier**2).sum(axis=1) * classes,
            np.array([square]),
        ),
        (
            "NC4: argmax of the outputs = nearest mean",
            np.argmax(features @ point.classifier.T, axis=1),
            np.argmin(distances, axis=1),
        ),
    ]


def proportions(point: Point) -> Array | None:
    """The factors ``a_n`` with ``f_W(x_n) = a_n`` times the target, or None (Property 2)."""
    aligned = (point.outputs * point.targets).sum(axis=1)
    factors: Array = aligned / (point.targets * point.targets).sum(axis=1)
    return factors if (point.outputs == factors[:, None] * point.targets).all() else None


def everything_at_rest(point: Point, weight_decay: Any, batch: int) -> bool:
    """Whether no balanced batch updates any ``V_k`` or ``rho`` (the paper's convergence point)."""
    classes = point.network.output_width
    updates = [point.rho_update(weight_decay), *map(point.update, point.network.weights)]
    return all(at_rest(by_class(update, classes), batch) for update in updates)


@st.composite
def simplex_networks(
    draw: st.DrawFn, *, groups: Sequence[int] = (1,), full_batch: bool = False, mixed: bool = False
) -> Case:
    """Points at which every layer and rho may be at rest, away from all kinks.

    The rows of a Hadamard matrix without its constant column have equal norms and negative inner
    products. They are the hidden weights and, scaled, the inputs, so that each input moves one
    unit, with value alpha; ``groups`` units of each class share its samples.

    Args:
        mixed: scale some of the inputs to give 1 - alpha instead of alpha.
    """
    classes, shared = draw(st.sampled_from([2, 4])), draw(st.sampled_from(groups))
    units = classes * shared
    directions = [[Fraction(int(k)) for k in row[1:]] for row in hadamard(units)]
    factor = Fraction(draw(st.integers(1, 7)), 8)
    if full_batch:
        size = batch = shared * draw(st.integers(1, 2))
    else:
        batch = draw(st.integers(1, 2))
        size = batch * classes * draw(st.integers(1, 2))
    swapped = st.booleans() if mixed else st.just(False)
    inputs = []
    for label in range(classes):
        for n in range(size):
            scale = (1 - factor if draw(swapped) else factor) / (units - 1)
            inputs.append([scale * k for k in directions[label * shared + n % shared]])
    targets = simplex(classes)
    # rho^2 = |W_1|^2 |W_2|^2, and the targets have squared norm C / (C - 1).
    squared_rho = Fraction(units * (units - 1) * units * classes, classes - 1)
    decay = factor * (1 - factor) * Fraction(classes, classes - 1) / squared_rho
    return single(
        mlp([units - 1, units, classes]),
        [directions, np.repeat(targets, shared, axis=0).T],
        inputs,
        np.repeat(targets, size, axis=0),
        {"weight_decay": decay, "batch_per_class": Fraction(batch)},
    )


CENTRED = (
    "all([zero(sum(y[n])) and largest(y[n]) == 1 and all([e == 1 or e == -1 / (len(outputs) - 1)"
    " for e in y[n]]) for n in samples])"
)
PROPORTIONAL = (
    "all([a(n) > 0 and zero([f(n, c) - a(n) * y[n][c] for c in outputs]) for n in samples])"
)
ALL_AT_REST = (
    "all([zero(sum([update(n, k) for n in S])) for S in balanced for k in weights])",
    "all([sum([update_of_rho(n) for n in S]) == 0 for S in balanced])",
)
MULTICLASS = (
    UPDATE,
    "a(n) = inner([f(n, c) for c in outputs], y[n]) / squared(y[n])",
    "squared_rho = product([squared(W[k]) for k in weights])",
    "update_of_rho(n) = sum([f(n, c) * (y[n][c] - f(n, c)) for c in outputs])"
    " - weight_decay * squared_rho",
    "balanced = [S for S in batches(batch_per_class * len(outputs))"
    " if zero(sum([y[n] for n in S]))]",
    "same(n) = [m for m in samples if zero(y[m] - y[n])]",
    "mean(n) = sum([h(m) for m in same(n)]) / len(same(n))",
)


def not_converged(point: Point, case: Case, batch: int) -> str | None:
    """Why a point is none of convergence of all layers and rho, with Property 2; None if it is."""
    factors = proportions(point)
    if factors is None or not (factors > 0).all():
        return "the outputs are not positive multiples of the targets"
    if has_kink(point.network, point.weights, point.inputs):
        return "a sample lies on a kink"
    if not everything_at_rest(point, rationals(case.numbers["weight_decay"]).item(), batch):
        return "some batch updates rho or a layer"
    return None


@claim(
    "neural-collapse-multiclass-printed",
    title="Theorem 6: neural collapse with several classes, as printed",
    kind="identity",
    sources=[XU2022.at("Theorem 6, Property 2")],
    statement=r"\frac{\partial \mathcal{L}_{S'}}{\partial V} = 0,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0 \;\forall S',\quad"
    r" f(x_{cn}) \propto \tilde e_c \;\forall c, n \implies \text{NC1--NC4}",
    hypotheses=[
        "no class-balanced batch with b samples per class updates rho or any layer, where bC"
        " divides N; the network is differentiable at all samples",
        "Property 2 as printed: each output is a positive multiple of its centred target",
    ],
    control="only the full batch is asked to make no update",
    on={"case": simplex_networks(mixed=True)},
    formal=Formal(
        "h(n)[i] == mean(n)[i]",
        FEATURES,
        given=(
            CHAIN,
            RELUS,
            CENTRED,
            "batch_per_class * len(outputs) < len(samples)",
            "smooth()",
            PROPORTIONAL,
            *ALL_AT_REST,
        ),
        where=MULTICLASS,
    ),
)
def neural_collapse_multiclass_printed(setting: Setting, case: Case) -> Findings:
    """A point of convergence of SGD with balanced batches at which every output is proportional to
    the centred target of its class shows neural collapse.

    Property 2 does not say that the factor of proportionality is the same for all samples; the
    proof uses that it is (`rho f_V = alpha e~_c`, before Eq. 40). Without it the theorem is false:
    a sample with factor alpha and one with factor 1 - alpha make the same update, because the
    update is proportional to `alpha (1 - alpha)`. In the counterexample every layer and `rho`
    is at rest on every batch, away from all kinks, with all samples correctly classified, and
    the features of a class have two different lengths.
    """
    point = Point.of(case)
    batch = case.samples // point.network.output_width
    if not setting.altered:
        batch = int(case.numbers["batch_per_class"])
    obstacle = not_converged(point, case, batch)
    if obstacle is not None:
        yield Rejection(obstacle)
        return
    yield judged(multiclass_conditions(point), case)


@claim(
    "neural-collapse-multiclass-full-batch",
    title="Theorem 6 with b any divisor of N, the full batch included",
    kind="identity",
    sources=[XU2022.at("Section 5.2, the process before Theorem 6")],
    statement=r"b \mid N,\; \frac{\partial \mathcal{L}_{S'}}{\partial V} = 0,\;"
    r" \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0 \;\forall S',\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies \text{NC1--NC4}",
    hypotheses=[
        "b = N: the full batch updates neither rho nor any layer; the network is differentiable at"
        " all samples",
        "rho f_V(x_cn) = alpha e~_c with one alpha in (0, 1)",
    ],
    control="V_L alone is asked to be at rest",
    on={"case": simplex_networks(groups=(2, 1), full_batch=True)},
    formal=Formal(
        "h(n)[i] == mean(n)[i]",
        FEATURES,
        given=(
            CHAIN,
            RELUS,
            CENTRED,
            "batch_per_class * len(outputs) == len(samples)",
            "smooth()",
            PROPORTIONAL,
            "all([a(n) == a(0) for n in samples]) and a(0) < 1",
            *ALL_AT_REST,
        ),
        where=MULTICLASS,
    ),
)
def neural_collapse_multiclass_full_batch(setting: Setting, case: Case) -> Findings:
    """The process that precedes Theorem 6 draws b samples of each class, "b a divisor of N", which
    allows b = N. Then NC1 does not follow: samples of one class may use different units.

    Theorem 6 itself asks that B = bC divide N, so that b < N, and a remark after it says that SGD
    is necessary in the proof of NC1; the counterexample shows that it is necessary for the result.
    It is a critical point of the full loss in every layer and in `rho`, away from all kinks.
    """
    point = Point.of(case)
    batch = case.samples // point.network.output_width
    factors = proportions(point)
    if factors is None or (factors != factors[0]).any() or not 0 < factors[0] < 1:
        yield Rejection("the outputs are not a common multiple of the targets")
        return
    obstacle = None if setting.altered else not_converged(point, case, batch)
    if obstacle is not None or not at_rest(
        by_class(point.classifier_update, point.network.output_width), batch
    ):
        yield Rejection(obstacle or "the full batch updates V_L")
        return
    yield judged(multiclass_conditions(point), case)


@st.composite
def collapsed_features(draw: st.DrawFn) -> Case:
    """ReLU networks with non-negative features ``h_c`` around a simplex, and the dual classifier.

    ``h_c`` consists of blocks ``lift + size * target_c`` with ``lift >= |size|``, and perhaps of a
    unit that the classifier ignores. Inputs of a class differ in a coordinate that the first layer
    or its activation suppresses. Now and then one sample is scaled from alpha to 1 - alpha, or
    moves the ignored unit.
    """
    classes, size = draw(st.integers(2, 4)), draw(st.sampled_from([2, 3, 4]))
    batch = draw(st.sampled_from([b for b in range(1, size) if size % b == 0]))
    factor = Fraction(draw(st.integers(1, 7)), 8)
    sizes = draw(st.lists(st.sampled_from([1, -1, 2, -2]), min_size=1, max_size=2))
    lifts = [abs(a) + draw(st.integers(0, 1)) for a in sizes]
    fault = draw(st.sampled_from(["none", "none", "none", "scaled", "moved"]))
    deep = draw(st.booleans())
    target = simplex(classes)
    square = sum(a * a for a in sizes)
    classifier = np.concatenate([a * target for a in sizes], axis=1)
    classifier = classifier * (factor * Fraction(classes - 1, classes * square))
    classifier = np.concatenate([classifier, np.zeros((classes, 1), dtype=int)], axis=1)
    units = len(sizes) * classes + 1
    features = np.concatenate(
        [lift + a * target for lift, a in zip(lifts, sizes, strict=True)], axis=1
    )
    width = classes + 2
    lifted = np.zeros((units, width), dtype=object)
    lifted[:-1, :classes] = features.T
    lifted[-1, classes] = 1
    inputs = np.zeros((classes * size, width), dtype=object)
    for row in range(classes * size):
        inputs[row, row // size] = 1
        inputs[row, classes] = 1
        inputs[row, -1] = -draw(st.integers(0, 2))
    if fault == "scaled":
        inputs[0, 0] = (1 - factor) / factor
    elif fault == "moved":
        inputs[0, classes] = 2
    if deep:
        # The first activation turns the last coordinate to zero, so its weights are arbitrary.
        lifted[:, -1] = draw(st.lists(st.integers(-1, 1), min_size=units, max_size=units))
    hidden = [identity(width, width)] if deep else []
    return single(
        mlp([*[width] * (2 if deep else 1), units, classes]),
        [*hidden, lifted, classifier],
        inputs,
        np.repeat(target, size, axis=0),
        {"batch_per_class": Fraction(batch)},
    )


@claim(
    "neural-collapse-multiclass",
    title="Theorem 6: neural collapse with several classes and one factor for all samples",
    kind="identity",
    sources=[XU2022.at("Theorem 6, Eq. 36-45")],
    statement=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_L} = 0 \;\forall S',\; b < N,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies \text{NC1--NC4},\;"
    r" V_L^c = \frac{\rho}{\alpha C}(\mu_c - \mu_G),\; \|V_L^c\|_2^2 = \frac1C",
    hypotheses=[
        "a ReLU network of depth L >= 2",
        "no class-balanced batch with b < N samples per class updates V_L under LN + WD",
        "rho f_V(x_cn) = alpha e~_c with one alpha in (0, 1)",
    ],
    control="NC2 with inner products -1/C instead of -1/(C-1)",
    on={"case": collapsed_features()},
    examples=300,
    corrects="neural-collapse-multiclass-printed",
)
def neural_collapse_multiclass(setting: Setting, case: Case) -> Findings:
    """If no balanced batch smaller than the whole set updates `V_L`, and all outputs are the same
    multiple of their centred targets, the features and the classifier have collapsed.

    The convergence of `V_L` suffices, and Eq. 42-43 hold with their constants. NC4 is checked at
    the samples, their differences and the unit vectors. It does not follow "from NC1-NC2", as
    printed: without biases it also needs `<V_L^c, mu_G> = 0`, which Eq. 44 provides. Such networks
    exist for ReLU, unlike in the binary case with a scalar output, because the global mean of
    the features can make up for the negative entries of the simplex; they are constructed here,
    not found by training. Whether the other layers can converge as well is the subject of
    [neural-collapse-multiclass-all-layers](#neural-collapse-multiclass-all-layers).
    """
    point = Point.of(case)
    classes = point.network.output_width
    factors = proportions(point)
    if factors is None or (factors != factors[0]).any() or not 0 < factors[0] < 1:
        yield Rejection("the outputs are not a common multiple of the targets")
    elif not at_rest(
        by_class(point.classifier_update, classes), int(case.numbers["batch_per_class"])
    ):
        yield Rejection("some batch updates V_L")
    else:
        gap = Fraction(1, classes) if setting.altered else None
        yield judged(multiclass_conditions(point, gap), case)


def nearest_equal_updates(network: Network, seed: int) -> float:
    """Least difference of two samples' updates of ``V_1`` that descent from random starts finds.

    In units of its lower bound, see `neural_collapse_multiclass_all_layers`. The network has depth
    2; the two inputs of one class are random and fixed.
    """
    starts, wanted = 64, torch.from_numpy(simplex(network.output_width)[0].astype(np.float64))
    generator = torch.Generator().manual_seed(seed)
    first, last = initialise(network, starts, seed=seed)
    inputs = torch.randn(starts, 2, network.input_width, generator=generator, dtype=torch.float64)
    inputs = inputs / torch.linalg.vector_norm(inputs, dim=-1, keepdim=True)
    sine = 1 - inputs.prod(dim=1).sum(dim=-1).abs()
    leaves = [first.requires_grad_(), last.requires_grad_()]

    def log_ratio() -> Tensor:
        sums = inputs @ first.mT
        values = torch.relu(sums) @ last.mT
        residuals = values - wanted
        slopes = (residuals @ last) * (sums > 0)
        updates = slopes[..., None] * inputs[:, :, None]
        difference = (updates[:, 0] - updates[:, 1]).square().sum(dim=(-2, -1))
        size = (values * residuals).sum(dim=-1).square().amin(dim=1)
        ratio = difference * first.square().sum(dim=(-2, -1)) / (2 * sine * size)
        logarithm: Tensor = ratio.sqrt().log()
        return logarithm

    return float(descend(log_ratio, leaves, 0.02).min().exp())


@claim(
    "neural-collapse-multiclass-all-layers",
    title="Theorem 6 at points where SGD has converged in all layers",
    kind="identity",
    sources=[XU2022.at("Section 5.2, convergence points; Theorem 6")],
    statement=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0 \;\forall k, S',\; b < N,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies \text{NC1--NC4}",
    hypotheses=[
        "a ReLU network",
        "no class-balanced batch with b < N samples per class updates rho or any layer under"
        " LN + WD",
        "rho f_V(x_cn) = alpha e~_c with one alpha in (0, 1)",
        "no two inputs of a class are collinear",
    ],
    control="the inputs of a class may coincide",
    on={"case": simplex_networks()},
    examples=8,
)
def neural_collapse_multiclass_all_layers(setting: Setting, case: Case) -> Findings:
    """The paper calls a point one of convergence when no balanced batch updates `rho` or *any*
    `V_k`. Theorem 6 at such points, on data whose inputs differ, is about the empty set.

    As in the step from Eq. 40 to NC1, the samples of a class must make equal updates. In the first
    layer these are `delta_n x_n^T`, whose inner product with `W_1` is `<f, f - y>`, here
    `alpha (alpha - 1) C/(C-1)` and not 0; so all inputs of a class are multiples of one vector.
    Quantitatively, two updates `G, G'` whose inner products with `W_1` are `k, k'` and whose inputs
    form an angle theta satisfy `|G - G'|^2 >= 2 (1 - |cos theta|) min(k^2, k'^2) / |W_1|^2`,
    because `|G| >= |k|/|W_1|` and `|G'| >= |k'|/|W_1|`. Under one factor alpha, moreover, positive
    multiples coincide by homogeneity and negative ones have no active unit in common: the
    hypotheses are met by repeated samples only. What remains is the theorem on `V_L` alone,
    [which holds](#neural-collapse-multiclass).

    The search is a descent on the two weight matrices of small networks, for fixed random inputs.
    """
    point = Point.of(case)
    if setting.altered:
        obstacle = not_converged(point, case, int(case.numbers["batch_per_class"]))
        if obstacle is None:
            yield judged(multiclass_conditions(point), case)
        else:
            yield Rejection(obstacle)
        return
    network = mlp([3, 8, point.network.output_width])
    yield Unmet(
        round(nearest_equal_updates(network, setting.seed % 2**32), 6),
        "difference of the first-layer updates of two samples of a class, in units of its proven"
        " lower bound",
    )
