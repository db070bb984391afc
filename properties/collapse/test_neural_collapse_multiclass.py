"""Neural collapse with several classes: xu2022, Theorem 6."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from properties.assumptions import CHAIN, RELU_NETWORK, SMOOTH
from properties.collapse.collapsed_networks import collapsed_features, simplex_networks
from properties.collapse.conditions import (
    Condition,
    at_rest,
    by_class,
    classifier,
    classifier_update,
    descend,
    features,
    judged,
    probes,
    rho_update,
    simplex,
    update,
)
from properties.notation import FEATURES, SAMPLE_UPDATE
from properties.papers import XU2022
from theorycheck import (
    Case,
    Findings,
    Formal,
    Network,
    Rejection,
    Setting,
    Unmet,
    claim,
    initialise,
    mlp,
)
from theorycheck.arithmetic import Array, Point, has_kink, rationals, squared

COMMON_FACTOR = "rho f_V(x_cn) = alpha e~_c with one alpha in (0, 1)"


def multiclass_conditions(point: Point, gap: Fraction | None = None) -> list[Condition]:
    """NC1 to NC4 of Theorem 6; ``gap`` replaces the 1/(C-1) of NC2.

    NC3 is stated with the factor of Eq. 42, in the weights ``W``: it is positive.
    """
    classes = point.network.output_width
    grouped = by_class(features(point), classes)
    means = grouped.sum(axis=1) / grouped.shape[1]
    centred = means - means.sum(axis=0) / classes
    cosines = rationals(simplex(classes))
    if gap is not None:
        cosines = np.where(cosines == 1, cosines, rationals(-gap).item())
    gram = centred @ centred.T
    probed = point.vertices_at(probes(point))[-2]
    distances = ((probed[:, None] - means) ** 2).sum(axis=2)
    factor = (point.outputs * point.targets).sum() * (classes - 1) / len(point.targets)
    square = squared(classifier(point))
    return [
        ("NC1: h(x_cn) = mu_c", grouped, np.broadcast_to(means[:, None], grouped.shape)),
        ("NC2: inner products of the centred means", gram, np.trace(gram) / classes * cosines),
        (
            "NC3, Eq. 42: alpha C V_L^c = rho (mu_c - mu_G)",
            factor * classifier(point),
            square * centred,
        ),
        (
            "Eq. 43: |V_L^c|^2 = 1/C",
            (classifier(point) ** 2).sum(axis=1) * classes,
            np.array([square]),
        ),
        (
            "NC4: argmax of the outputs = nearest mean",
            np.argmax(probed @ classifier(point).T, axis=1),
            np.argmin(distances, axis=1),
        ),
    ]


def proportions(point: Point) -> Array | None:
    """The factors ``a_n`` with ``f_W(x_n) = a_n`` times the target, or None (Property 2)."""
    aligned = (point.outputs * point.targets).sum(axis=1)
    factors: Array = aligned / (point.targets * point.targets).sum(axis=1)
    return factors if (point.outputs == factors[:, None] * point.targets).all() else None


def everything_at_rest(point: Point, batch: int) -> bool:
    """Whether no balanced batch updates any ``V_k`` or ``rho`` (the paper's convergence point)."""
    classes = point.network.output_width
    updates = [rho_update(point), *(update(point, k) for k in point.network.weights)]
    return all(at_rest(by_class(each, classes), batch) for each in updates)


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
    SAMPLE_UPDATE,
    "a(n) = inner([f(n, c) for c in outputs], y[n]) / squared(y[n])",
    "squared_rho = product([squared(W[k]) for k in weights])",
    "update_of_rho(n) = sum([f(n, c) * (y[n][c] - f(n, c)) for c in outputs])"
    " - weight_decay * squared_rho",
    "balanced = [S for S in batches(batch_per_class * len(outputs))"
    " if zero(sum([y[n] for n in S]))]",
    "same(n) = [m for m in samples if zero(y[m] - y[n])]",
    "mean(n) = sum([h(m) for m in same(n)]) / len(same(n))",
)


def not_converged(point: Point, batch: int) -> str | None:
    """Why a point is none of convergence of all layers and rho, with Property 2; None if it is."""
    factors = proportions(point)
    if factors is None or not (factors > 0).all():
        return "the outputs are not positive multiples of the targets"
    if has_kink(point.network, point.weights, point.inputs):
        return "a sample lies on a kink"
    if not everything_at_rest(point, batch):
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
            CHAIN.formula,
            RELU_NETWORK.formula,
            CENTRED,
            "batch_per_class * len(outputs) < len(samples)",
            SMOOTH.formula,
            PROPORTIONAL,
            *ALL_AT_REST,
        ),
        where=MULTICLASS,
        numbers=("batch_per_class", "weight_decay"),
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
    obstacle = not_converged(point, batch)
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
        COMMON_FACTOR,
    ],
    control="V_L alone is asked to be at rest",
    on={"case": simplex_networks(groups=(2, 1), full_batch=True)},
    formal=Formal(
        "h(n)[i] == mean(n)[i]",
        FEATURES,
        given=(
            CHAIN.formula,
            RELU_NETWORK.formula,
            CENTRED,
            "batch_per_class * len(outputs) == len(samples)",
            SMOOTH.formula,
            PROPORTIONAL,
            "all([a(n) == a(0) for n in samples]) and a(0) < 1",
            *ALL_AT_REST,
        ),
        where=MULTICLASS,
        numbers=("batch_per_class", "weight_decay"),
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
    obstacle = None if setting.altered else not_converged(point, batch)
    if obstacle is not None or not at_rest(
        by_class(classifier_update(point), point.network.output_width), batch
    ):
        yield Rejection(obstacle or "the full batch updates V_L")
        return
    yield judged(multiclass_conditions(point), case)


@claim(
    "neural-collapse-multiclass",
    title="Theorem 6: neural collapse with several classes and one factor for all samples",
    kind="identity",
    sources=[XU2022.at("Theorem 6, Eq. 36-45")],
    statement=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_L} = 0 \;\forall S',\; b < N,\quad"
    r" \rho f_V(x_{cn}) = \alpha \tilde e_c \;\forall c, n \implies \text{NC1--NC4},\;"
    r" V_L^c = \frac{\rho}{\alpha C}(\mu_c - \mu_G),\; \|V_L^c\|_2^2 = \frac1C",
    hypotheses=[
        RELU_NETWORK.prose,
        "no class-balanced batch with b < N samples per class updates V_L under LN + WD",
        COMMON_FACTOR,
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
        by_class(classifier_update(point), classes), int(case.numbers["batch_per_class"])
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
        COMMON_FACTOR,
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
        obstacle = not_converged(point, int(case.numbers["batch_per_class"]))
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
