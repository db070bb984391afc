"""Strategies for points at which SGD can stop, and for near misses.

A point is meant to be stationary on every batch of some size: for the square loss with weight decay
(galanti2022, Eq. 6-9), or for the loss of ``rho f_V`` on the unit spheres (xu2022, Eq. 1-4). A
strategy only proposes: whether a drawn case is stationary is for the claim's hypotheses to say.
Every case has one member and one output, and its numbers hold ``weight_decay`` and ``batch_size``,
which is below the number of samples unless said otherwise, and for normalised weights ``rho``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache, reduce
from itertools import pairwise

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st
from torch import Tensor

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.points import Point
from theorycheck.drawing.data import cases
from theorycheck.drawing.descent import descend
from theorycheck.drawing.networks import Targets, directed_graphs, mlps
from theorycheck.drawing.numbers import integer_array, positive_dyadics
from theorycheck.networks.evaluation import forward
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import LINEAR, RELU, Edge, Identity, Layer, Network, mlp

POSITIVE = positive_dyadics()
RELU_CHAINS = mlps(depths=(2, 3), widths=(1, 2), slopes=(RELU,))


@st.composite
def unit_arrays(draw: st.DrawFn, shape: tuple[int, ...], *, positive: bool = False) -> np.ndarray:
    """Rational arrays of norm one, by stereographic projection; entries >= 0 if ``positive``."""
    count = math.prod(shape) - 1
    # Not +-1, for which a single one of them makes the first entry zero.
    tangent = [int(t) for t in integer_array(draw, (count,), (0, 2, -2, 3))]
    square = sum(t * t for t in tangent)
    scale = Fraction(1, 1 + square)
    entries = [scale * (1 - square), *(2 * scale * t for t in tangent)]
    unit = np.array(entries, dtype=object).reshape(shape)
    return abs(unit) if positive else unit


@st.composite
def aligned_chains(
    draw: st.DrawFn, *, depths: tuple[int, int] = (1, 3), widths: tuple[int, int] = (1, 3)
) -> tuple[Network, list[np.ndarray], np.ndarray]:
    """A chain, unit weights ``v_k v_{k-1}^T``, and ``v_0``: ``f(c v_0) = c`` for ``c >= 0``.

    There ``df/dW_k = c W_k`` for every layer, so one equation per sample makes it stationary.
    """
    network = draw(mlps(depths=depths, widths=widths))
    directions = [draw(unit_arrays((network.input_width,)))]
    for layer in network.layers[:-1]:
        directions.append(draw(unit_arrays((layer.width,), positive=True)))
    directions.append(np.array([Fraction(1)], dtype=object))
    weights = [np.outer(a, b) for b, a in pairwise(directions)]
    return network, weights, directions[0]


def _aligned_case(
    chain: tuple[Network, list[np.ndarray], np.ndarray],
    scale: Fraction,
    positions: Sequence[Fraction],
    pulls: Sequence[Fraction],
    numbers: Mapping[str, Fraction],
) -> Case:
    """Weights ``scale W_k``, inputs ``c_i v_0``, and labels with ``l'_i df_i = -2 pull_i W``."""
    network, weights, direction = chain
    depth = network.depth
    targets = [
        scale**depth * c + pull * scale ** (2 - depth) / c
        for c, pull in zip(positions, pulls, strict=True)
    ]
    inputs = [c * direction for c in positions]
    return Case.single(
        network, [scale * w for w in weights], inputs, [[y] for y in targets], numbers
    )


# Weight decay: all gradients of samples are equal


@st.composite
def sign_labelled_chains(draw: st.DrawFn) -> Case:
    """Stationary points on every batch with labels +1: inputs c and 1 - c, decay c (1 - c)."""
    first = Fraction(draw(st.sampled_from([2, 1, 3])), 8)
    samples = draw(st.integers(2, 3))
    decay = first * (1 - first)
    batch_size = Fraction(draw(st.integers(1, samples - 1)))
    return _aligned_case(
        draw(aligned_chains(depths=(2, 3))),
        Fraction(1),
        [first, 1 - first, first][:samples],
        [decay] * samples,
        {"weight_decay": decay, "batch_size": batch_size},
    )


@st.composite
def stationary_chains(
    draw: st.DrawFn,
    *,
    full_batch: bool = False,
    depths: tuple[int, int] = (1, 3),
    widths: tuple[int, int] = (1, 3),
) -> Case:
    """Collinear inputs, any positions; stationary on every batch.

    Args:
        full_batch: whether the batch is the full one, and the point stationary on no smaller ones.
        depths, widths: of the chain.
    """
    positions = draw(st.lists(positive_dyadics(), min_size=2, max_size=4))
    decay, scale = draw(positive_dyadics()), draw(positive_dyadics(exponents=(0, 1)))
    tilt, samples = int(full_batch), len(positions)
    pulls = [decay + tilt, decay - tilt, *[decay] * (samples - 2)]
    batch_size = Fraction(samples if full_batch else draw(st.integers(1, samples - 1)))
    numbers = {"weight_decay": decay, "batch_size": batch_size}
    chain = draw(aligned_chains(depths=depths, widths=widths))
    return _aligned_case(chain, scale, positions, pulls, numbers)


@st.composite
def stationary_residual_networks(draw: st.DrawFn) -> Case:
    """``f(x) = w sigma(w u.x) + u.x`` with a trainable skip, stationary at inputs ``c u``."""
    width = draw(st.integers(1, 2))
    layers = (Layer(1, (Edge(0),), RELU), Layer(1, (Edge(1), Edge(0)), LINEAR))
    direction, weight = draw(unit_arrays((width,))), Fraction(draw(st.integers(0, 3)))
    positions = draw(st.lists(positive_dyadics(), min_size=2, max_size=3))
    decay = draw(positive_dyadics())
    return Case.single(
        Network(width, layers),
        [[weight * direction], [[weight]], [direction]],
        [c * direction for c in positions],
        [[(weight**2 + 1) * c + decay / c] for c in positions],
        {"weight_decay": decay, "batch_size": Fraction(1)},
    )


@st.composite
def constant_first_layers(draw: st.DrawFn) -> Case:
    """``f(x) = a.sigma(x)``, whose first edge is constant, at inputs that share ``sigma(x)``."""
    layers = (Layer(2, (Edge(0, Identity()),), RELU), Layer(1, (Edge(1),), LINEAR))
    positions = draw(st.lists(positive_dyadics(), min_size=2, max_size=3))
    hidden = draw(st.lists(st.integers(0, 3), min_size=len(positions), max_size=len(positions)))
    decay = draw(positive_dyadics())
    return Case.single(
        Network(2, layers),
        [[[1, 0]]],
        [[c, Fraction(-d)] for c, d in zip(positions, hidden, strict=True)],
        [[c + decay / c] for c in positions],
        {"weight_decay": decay, "batch_size": Fraction(1)},
    )


# Random points, and without weight decay


def trainable_networks(
    *, depths: tuple[int, int] = (1, 3), widths: tuple[int, int] = (1, 2)
) -> st.SearchStrategy[Network]:
    """Chains and graphs all of whose edges are trainable."""
    graphs = directed_graphs(depths=(2, 3), widths=widths, skips=("dense",))
    return st.one_of(mlps(depths=depths, widths=widths), graphs)


@st.composite
def plain_cases(
    draw: st.DrawFn,
    networks: st.SearchStrategy[Network] | None = None,
    *,
    samples: tuple[int, int] = (2, 4),
    targets: Targets = "dyadic",
) -> Case:
    """Random weights and data, by default of `trainable_networks`."""
    drawn = trainable_networks() if networks is None else networks
    case = draw(cases(drawn, samples=samples, targets=targets, cohort=1))
    numbers = {
        "weight_decay": draw(positive_dyadics()),
        "batch_size": Fraction(draw(st.integers(1, case.samples - 1))),
    }
    return replace(case, numbers=numbers)


def spread_cases() -> st.SearchStrategy[Case]:
    """`plain_cases` with inputs that are not collinear; none is 0."""
    return plain_cases(trainable_networks(widths=(2, 3))).map(_spread)


def _spread(case: Case) -> Case:
    """No first entry is 0, and of the second ones that of the first sample, not of the second."""
    inputs = case.inputs.copy()
    for entries in (inputs[..., 0], inputs[:, 1, 1]):
        entries[entries == 0] = 1.0
    inputs[:, 0, 1] = 0.0
    return replace(case, inputs=inputs)


@st.composite
def fitted_cases(draw: st.DrawFn) -> Case:
    """Without weight decay: every label fitted, but that of a first sample with output 0.

    That sample is 0, or dead (in ReLU chains; its first pre-activations are not positive), and its
    label +-1. Sometimes one of the fitted labels is off.
    """
    dead = draw(st.integers(0, 3)) < 3
    case = draw(plain_cases(RELU_CHAINS if dead else trainable_networks()))
    first, *upper = case.parameters
    inputs = case.inputs.copy()
    inputs[:, 0] = -abs(inputs[:, 0]) if dead else 0.0
    case = replace(case, parameters=(abs(first), *upper), inputs=inputs)
    targets = np.array([[[Fraction(int(f.p), int(f.q))] for f in Point.of(case).values]])
    targets[:, 0] = draw(st.sampled_from([1, -1]))
    targets[:, -1] += int(draw(st.integers(0, 7)) == 7)
    return replace(case, targets=targets, numbers={**case.numbers, "weight_decay": Fraction(0)})


@st.composite
def dead_cases(draw: st.DrawFn) -> Case:
    """Without weight decay: labels +-1, and all units dead at all samples.

    No first pre-activation is positive.
    """
    case = draw(plain_cases(RELU_CHAINS, targets="signs"))
    first, *upper = case.parameters
    return replace(
        case,
        parameters=(-abs(first), *upper),
        inputs=abs(case.inputs),
        numbers={**case.numbers, "weight_decay": Fraction(0)},
    )


# Normalised weights


@st.composite
def normalised_equilibria(draw: st.DrawFn) -> Case:
    """Collinear inputs of one class, whose margins are roots of ``(1 - rho f) f = lambda rho``."""
    network, weights, direction = draw(aligned_chains())
    label = draw(st.sampled_from([1, -1]))
    weights[-1] = label * weights[-1]
    roots = [draw(positive_dyadics()), draw(positive_dyadics())]
    margins = [*roots, *draw(st.lists(st.sampled_from(roots), max_size=2))]
    return Case.single(
        network,
        weights,
        [f * direction for f in margins],
        [[label]] * len(margins),
        {
            "rho": 1 / (roots[0] + roots[1]),
            "weight_decay": roots[0] * roots[1],
            "batch_size": Fraction(draw(st.integers(1, len(margins) - 1))),
        },
    )


@st.composite
def interpolators(
    draw: st.DrawFn, *, weight_decays: st.SearchStrategy[Fraction] = POSITIVE
) -> Case:
    """Unit-norm weights of any rank, and inputs scaled so that ``rho fbar_n = 1``."""
    network = draw(mlps(depths=(2, 2), widths=(3, 3), slopes=(RELU, LINEAR)))
    weights = [draw(unit_arrays(p.shape, positive=True)) for p in network.parameters]
    rho, entries = draw(positive_dyadics()), st.integers(1, 3)
    rows = draw(st.lists(st.lists(entries, min_size=3, max_size=3), min_size=2, max_size=3))
    # Nothing is negative, so the units are linear and the output is the product.
    product = reduce(np.matmul, weights[::-1])[0]
    values = [(product * np.array(row)).sum() for row in rows]
    assume(all(values))
    return Case.single(
        network,
        weights,
        [[x / (rho * f) for x in row] for row, f in zip(rows, values, strict=True)],
        [[1]] * len(rows),
        {
            "rho": rho,
            "weight_decay": draw(weight_decays),
            "batch_size": Fraction(draw(st.integers(1, len(rows) - 1))),
        },
    )


# A directed search


SEARCHED_WIDTHS = ((2, 1), (2, 3, 1), (2, 4, 1), (2, 3, 3, 1))


@cache
def closest_approach(kind: int) -> Case:
    """A directed search: weights and labels as near to stationary on every sample as can be.

    Two inputs at right angles. Minimised is the sum over samples and matrices of
    ``|l'_i df_i/dW_k + 2 lambda W_k|^2 / |2 lambda W_k|^2`` over the weights and the ``l'_i``, for
    many starts at once; kept is the best one by the maximum instead of the sum.
    """
    network, starts = mlp(SEARCHED_WIDTHS[kind]), 32
    inputs = torch.eye(2, dtype=torch.float64)
    weights = [w.requires_grad_() for w in initialise(network, starts, seed=kind)]
    slopes = torch.full((starts, 2), -1.0, dtype=torch.float64, requires_grad=True)
    descend(
        lambda: _squared_ratios(network, weights, inputs, slopes),
        [*weights, slopes],
        learning_rate=0.05,
        steps=300,
    )
    ratios = _squared_ratios(network, weights, inputs, slopes)
    best = int(ratios.amax(dim=(1, 2)).nan_to_num(nan=math.inf).argmin())
    found = tuple(w.detach() for w in weights)
    targets = forward(network, found, inputs) - slopes.detach()[:, :, None] / 2
    one = slice(best, best + 1)
    numbers = {"weight_decay": Fraction(1, 2), "batch_size": Fraction(1)}
    return Case(
        network,
        tuple(w[one].numpy() for w in found),
        inputs[None].numpy(),
        targets[one].numpy(),
        numbers,
    )


def _squared_ratios(
    network: Network, weights: Sequence[Tensor], inputs: Tensor, slopes: Tensor
) -> Tensor:
    """Squared gradients of each sample over weight decay, ``(starts, samples, matrices)``.

    Args:
        weights: ``(starts, *shape)`` each; the weight decay is 1/2.
        inputs: ``(samples, d)``.
        slopes: ``l'_i``, ``(starts, samples)``.
    """
    starts, samples = slopes.shape
    copies = tuple(w.repeat_interleave(samples, dim=0) for w in weights)
    values = forward(network, copies, inputs.repeat(starts, 1)[:, None])
    gradients = torch.autograd.grad(values.sum(), copies, create_graph=True)
    squares = [
        (slopes.reshape(-1, 1, 1) * g + w).square().sum((1, 2)) / w.square().sum((1, 2))
        for g, w in zip(gradients, copies, strict=True)
    ]
    return torch.stack(squares, dim=1).reshape(starts, samples, -1)


def searched_cases() -> st.SearchStrategy[Case]:
    """`closest_approach` for some architecture."""
    return st.integers(0, len(SEARCHED_WIDTHS) - 1).map(closest_approach)
