"""What stated claims say, written by hand: a body in Python for each of more than one in five.

A body says whether a claim, or its control, is true of one network, all values of its variables
together, and None where the hypotheses are not met. All arithmetic is in fractions.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from properties.collapse import test_class_means as class_means
from properties.collapse import test_neural_collapse_binary as binary
from properties.dynamics import test_normalised_flow as flow
from properties.dynamics import test_rho_dynamics as rho_dynamics
from properties.homogeneity import test_structural_lemma as lemma
from properties.homogeneity import test_structural_lemma_batch_norm as batch_norm
from properties.ranks import test_gradient_rank as gradient_rank
from properties.sgd import test_batch_gradient as batch_gradient
from properties.sgd import test_normalised_sgd as normalised_sgd
from properties.sgd import test_sgd_stationary as stationary
from tests.claims.hand_written import (
    Array,
    ByHand,
    everywhere,
    exact,
    inner,
    outside,
    rank,
    squared,
    zero,
)
from theorycheck.claims.declaration import Claim
from theorycheck.networks.specification import Identity

Body = Callable[[ByHand, bool], bool | None]
"""From a network, and whether the control is meant."""

BODIES: dict[str, tuple[Claim, Body]] = {}
"""By the id of the claim."""


def of(claim: Claim) -> Callable[[Body], Body]:
    """The decorated function is the body of a claim."""

    def add(body: Body) -> Body:
        BODIES[claim.id] = claim, body
        return body

    return add


# Homogeneity


@of(lemma.structural_lemma_later_biases)
def later_biases(net: ByHand, altered: bool) -> bool | None:
    if not net.has_order_of_chain or net.is_normalised or not net.biases:
        return None
    return all(
        inner(net.W[k], d[k])
        + sum(inner(net.W[b], d[b]) for b in net.biases if net.layer(b) >= net.layer(k) + altered)
        == net.f[n, c]
        for (n, c), d in net.derivatives.items()
        for k in net.weights
    )


@of(lemma.structural_lemma_cut)
def cut(net: ByHand, altered: bool) -> bool | None:
    if net.biases or net.is_normalised:
        return None
    parameters = net.network.parameters
    constant = [
        (edge.source, v)
        for v, layer in enumerate(net.network.layers, 1)
        for edge in layer.edges
        if isinstance(edge.map, Identity)
    ]

    def truth(level: int, n: int, c: int, d: list[Array]) -> bool | None:
        if not altered and any(source <= level < target for source, target in constant):
            return None
        across = [k for k, p in enumerate(parameters) if (p.source or 0) <= level < p.layer]
        return bool(sum(inner(net.W[k], d[k]) for k in across) == net.f[n, c])

    return everywhere(
        truth(level, n, c, d)
        for (n, c), d in net.derivatives.items()
        for level in range(net.network.depth)
    )


# Batch normalisation


@of(batch_norm.structural_lemma_batch_norm_detached)
def detached_batch_norm(net: ByHand, altered: bool) -> bool | None:
    kinds = {layer.normalisation for layer in net.network.layers}
    shifted = any(net.W[k] != 0 for k in net.role("shift"))
    if not net.has_order_of_chain or net.biases or "batch-detached" not in kinds:
        return None
    if "batch" in kinds or (shifted and not altered):
        return None
    return all(
        inner(net.W[k], d[k]) == net.f[n, c]
        for (n, c), d in net.derivatives.items()
        for k in net.weights
    )


@of(batch_norm.structural_lemma_batch_norm_scale_invariance)
def scale_invariance(net: ByHand, altered: bool) -> bool | None:
    kinds = [layer.normalisation for layer in net.network.layers]
    if not net.has_order_of_chain or net.biases or "batch" not in kinds:
        return None

    def truth(k: int, d: Array) -> bool | None:
        if zero(d) or (kinds[net.layer(k) - 1] == "none" and not altered):
            return None
        return bool(inner(net.W[k], d) == 0)

    return everywhere(truth(k, d[k]) for (n, c), d in net.derivatives.items() for k in net.weights)


# Ranks


@of(gradient_rank.gradient_rank_convolution_patches)
def rank_of_patches(net: ByHand, altered: bool) -> bool | None:
    if net.is_normalised:
        return None
    return all(
        rank(d[k]) <= net.patches(k) - altered
        for (n, c), d in net.derivatives.items()
        for k in net.weights
    )


# Collapse


@of(class_means.class_means_covariance_decomposition)
def covariances(net: ByHand, altered: bool) -> bool | None:
    labels = net.y.argmax(axis=1)
    classes = net.network.output_width
    members = [net.h[labels == c] for c in range(classes)]
    if not (net.y == np.eye(classes)[labels]).all() or len({len(m) for m in members}) > 1:
        return None
    means = np.array([m.sum(axis=0) / len(m) for m in members])
    middle = means.sum(axis=0) / classes
    each = len(members[0])
    summed = [m[: each - altered] - mean for m, mean in zip(members, means, strict=True)]
    within = sum(s.T @ s for s in summed) / (classes * each)
    between = (means - middle).T @ (means - middle) / classes
    total = (net.h - middle).T @ (net.h - middle) / len(net.h)
    return bool((within + between == total).all())


def slopes(net: ByHand) -> list[float]:
    """Of hidden layers."""
    return [layer.slope for layer in net.network.layers[:-1]]


@of(binary.neural_collapse_binary_relu_features)
def relu_features(net: ByHand, altered: bool) -> bool | None:
    last = net.W[-1]
    if not net.is_chain or not net.has_matrices or net.f.shape[1] != 1:
        return None
    if net.network.depth < 2 or any(slopes(net)):
        return None
    return all(
        (8 + altered) * squared(last) <= 8 * (squared(up - last[0]) + squared(down + last[0]))
        for up in net.h
        for down in net.h
    )


@of(binary.neural_collapse_binary_class_means)
def collapse_to_class_means(net: ByHand, altered: bool) -> bool | None:
    if not net.is_chain or not net.has_matrices or not net.has_signs:
        return None
    labels, last = net.y[:, 0], net.W[-1]
    pulls = [2 * (f - y) * h[None] for f, y, h in zip(net.f[:, 0], labels, net.h, strict=True)]
    at_rest = all(zero(squared(last) * g - inner(g, last) * last) for g in pulls)
    if set(labels) != {1, -1} or 0 in slopes(net) or not at_rest:
        return None
    if len(set(net.margins)) > 1 or not 0 < net.margins[0] < 1:
        return None
    positive, negative = (net.h[labels == sign] for sign in (1, -1))
    up, down = (side.sum(axis=0) / len(side) for side in (positive, negative))
    units = exact(np.eye(net.x.shape[1]))
    # The network at other inputs; their labels are not looked at.
    other = ByHand(net.network, net.W, np.concatenate([net.x, net.x - net.x[::-1], units, -units]),
                   net.y, net.numbers)  # fmt: skip
    nearer = [squared(h - down) - squared(h - up) for h in other.h]
    return (
        zero(positive - up)
        and zero(negative - down)
        and zero(up + (1 + altered) * down)
        and bool(inner(last, up) ** 2 == squared(last) * squared(up))
        and all(
            (a > 0) - (a < 0) == (b > 0) - (b < 0)
            for a, b in zip(other.f[:, 0], nearer, strict=True)
        )
    )


# Dynamics of normalised networks


def loss(net: ByHand) -> object:
    """Of rho f_V, with the mean of the squares."""
    rho = net.numbers["rho"]
    residuals = rho * net.f[:, 0] - net.y[:, 0]
    return squared(residuals) / len(residuals) + net.decay * rho**2


@of(flow.normalised_flow)
def normalised_flow(net: ByHand, altered: bool) -> bool | None:
    if not net.is_chain or not net.has_unit_norms or not net.has_signs or not net.is_smooth:
        return None
    rho, derivatives = net.numbers["rho"], net.derivatives.values()

    def moves_as_printed(k: int) -> bool:
        descent = -net.quotients(loss, k)
        if not altered:
            descent = descent - inner(net.W[k], descent) * net.W[k]
        terms = zip(net.margins, net.y[:, 0], derivatives, strict=True)
        printed = sum((1 - rho * m) * (y * d[k] - m * net.W[k]) for m, y, d in terms)
        return zero(descent - 2 * rho * printed / len(net.x))

    return all(map(moves_as_printed, net.weights))


@of(rho_dynamics.rho_dynamics_loss_in_margins)
def loss_in_margins(net: ByHand, altered: bool) -> bool | None:
    if not net.is_chain or not net.has_unit_norms or not (net.has_signs or altered):
        return None
    rho, margins = net.numbers["rho"], net.margins
    mean, moment = margins.sum() / len(margins), squared(margins) / len(margins)
    decay = net.decay * rho**2
    return bool(
        loss(net) == squared(1 - rho * margins) / len(margins) + decay
        and loss(net) == 1 - 2 * rho * mean + rho**2 * moment + decay
    )


@of(normalised_sgd.normalised_sgd_update)
def update_of_rho(net: ByHand, altered: bool) -> bool | None:
    if not net.is_chain or not net.has_unit_norms or not net.has_signs:
        return None
    rho, rate, f, margins = net.numbers["rho"], net.numbers["learning_rate"], net.f, net.margins
    step = rate * (2 * inner(rho * f - net.y, f) / len(f) + 2 * net.decay * rho)
    decayed = rho - (1 if altered else 2) * rate * net.decay * rho
    return bool(rho - step == decayed + rate * 2 * inner(1 - rho * margins, margins) / len(f))


# Gradients of batches


@of(batch_gradient.batch_gradient)
def gradient_of_risk(net: ByHand, altered: bool) -> bool | None:
    if net.f.shape[1] != 1 or net.is_normalised or not net.is_smooth:
        return None

    def is_printed(batch: tuple[int, ...], k: int) -> bool:
        def risk(at: ByHand) -> object:
            chosen = list(batch)
            weights = sum(squared(at.W[k]) for k in at.weights)
            return squared(at.f[chosen] - at.y[chosen]) / len(chosen) + at.decay * weights

        printed = net.gradient(batch, k) - altered * net.decay * net.W[k]
        return zero(net.quotients(risk, k) - printed)

    return all(is_printed(batch, k) for batch in net.batches for k in net.weights)


def reads_input(net: ByHand) -> list[int]:
    """Matrices that are applied to the input as a whole."""
    parameters = net.network.parameters
    return [k for k in net.weights if parameters[k].source == 0 and net.patches(k) == 1]


@of(batch_gradient.batch_gradient_pair_bound)
def pair_bound(net: ByHand, altered: bool) -> bool | None:
    if net.is_normalised or net.decay <= 0:
        return None

    def truth(k: int, i: int, j: int) -> bool | None:
        lengths = squared(net.x[i]) * squared(net.x[j])
        product = inner(net.x[i], net.x[j]) ** 2
        if zero(net.W[k]) or product == lengths:
            return None
        # factor * (1 - |cos|) <= gradients, where cos**2 is product / lengths.
        factor = 4 * net.decay**2 * squared(net.W[k]) * (9 if altered else 8) / 8
        beyond = factor - sum(squared(outside(net.gradient([n], k), net.x[[n]])) for n in (i, j))
        return bool(beyond <= 0 or beyond**2 * lengths <= factor**2 * product)

    pairs = combinations(range(len(net.x)), 2)
    return everywhere(truth(k, i, j) for i, j in pairs for k in reads_input(net))


@of(batch_gradient.batch_gradient_bound)
def batch_bound(net: ByHand, altered: bool) -> bool | None:
    if net.is_normalised:
        return None

    def truth(k: int, batch: tuple[int, ...]) -> bool | None:
        gradient, decay = (
            outside(matrix, net.x[list(batch)]) for matrix in (net.gradient(batch, k), net.W[k])
        )
        return zero(gradient - (1 if altered else 2) * net.decay * decay)

    return everywhere(truth(k, batch) for batch in net.batches for k in reads_input(net))


# Stationary points


@of(stationary.sgd_stationary_only_zero)
def only_zero(net: ByHand, altered: bool) -> bool | None:
    if net.f.shape[1] != 1 or net.is_normalised or net.decay <= 0:
        return None
    if net.batch_size >= len(net.x) or not net.is_stationary:
        return None
    return all(zero(net.W[k]) for k in net.weights) if altered else zero(net.f)


@of(stationary.sgd_stationary_sample_gradients)
def sample_gradients(net: ByHand, altered: bool) -> bool | None:
    if net.f.shape[1] != 1 or net.is_normalised or net.decay <= 0:
        return None
    if all(zero(net.W[k]) for k in net.weights) or not net.is_stationary:
        return None
    if net.batch_size >= len(net.x) and not altered:
        return None
    samples = range(len(net.x))
    at_rest = all(zero(net.gradient([n], k)) for n in samples for k in net.weights)
    return at_rest and bool((net.f != net.y).all())


@of(stationary.sgd_stationary_no_minimum)
def no_minimum(net: ByHand, altered: bool) -> bool | None:
    """Both losses fall where ``-b a`` does, as exponential and logarithm increase."""
    if not net.has_signs:
        return None
    steps = -net.y if altered else net.y
    return bool((-net.y * (net.f + steps) < -net.y * net.f).all())
