"""Points in weight space with their exact gradients, and strategies for them.

The papers use the loss only through the numbers l'_i = dl(f(x_i), y_i)/df. Square-loss labels can
make these anything, so the square loss with free labels stands for every differentiable loss, and
all is decided in rationals. Where a pre-activation is 0 the derivative is autograd's; the proofs
need only f(x_i) = <W, df(x_i)/dW> per layer, which holds with any choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, cached_property
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import torch
from flint import fmpq
from hypothesis import strategies as st

from theorycheck import arithmetic
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.numbers import Array
from theorycheck.claims.comparisons import equality
from theorycheck.claims.evidence import Observation
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import Targets, directed_graphs, mlps
from theorycheck.drawing.numbers import positive_dyadics
from theorycheck.networks.evaluation import forward
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Dense,
    Edge,
    Identity,
    Layer,
    Network,
    mlp,
)

RATIONALS = "rationals"
BALLS = "balls of 53 bits"
SECTION = "Section 3.1"
NOT_STATIONARY = "not stationary on some batch"
COLLINEAR = "the inputs lie on one line through the origin"
STEP = fmpq(1, 2**30)
"""Step of the difference quotients, small beside the pre-activations of the drawn networks."""


# Points and their gradients


@dataclass(frozen=True, eq=False)
class Point:
    """The one network of a case at its weights and data, in rationals."""

    network: Network
    weights: tuple[Array, ...]
    inputs: Array
    targets: Array
    numbers: Mapping[str, fmpq]

    @classmethod
    def of(cls, case: Case) -> Point:
        assert case.targets is not None
        return cls(
            case.network,
            tuple(arithmetic.rationals(p[0]) for p in case.parameters),
            arithmetic.rationals(case.inputs[0]),
            arithmetic.rationals(case.targets[0, :, 0]),
            {k: fmpq(v.numerator, v.denominator) for k, v in case.numbers.items()},
        )

    @property
    def samples(self) -> int:
        return len(self.inputs)

    @cached_property
    def outputs(self) -> Array:
        """``f(x_i)``, ``(m,)``."""
        return arithmetic.vertices(self.network, self.weights, self.inputs)[-1][:, 0]

    @cached_property
    def jacobians(self) -> tuple[Array, ...]:
        """``df(x_i)/dW`` for each weight matrix, ``(m, *shape)``."""
        return tuple(
            arithmetic.jacobian(self.network, self.weights, self.inputs, index)[:, 0]
            for index in range(len(self.weights))
        )

    @property
    def square_slopes(self) -> Array:
        """``l'_i`` of the square loss, ``(m,)``."""
        slopes: Array = 2 * (self.outputs - self.targets)
        return slopes

    def gradients(self, slopes: Array, decay: fmpq, batch: Sequence[int]) -> Array:
        """Gradient of the risk on a batch (galanti2022, Eq. 6), all weights in a row."""
        chosen = list(batch)
        flat = np.concatenate([j.reshape(self.samples, -1) for j in self.jacobians], axis=1)
        weights = np.concatenate([w.ravel() for w in self.weights])
        gradient: Array = slopes[chosen] @ flat[chosen] / len(chosen) + 2 * decay * weights
        return gradient

    def sample_gradients(self, slopes: Array, decay: fmpq) -> Array:
        """The same for each sample as a batch of its own, ``(m, P)``."""
        return np.array([self.gradients(slopes, decay, [i]) for i in range(self.samples)])

    def stationary(self, slopes: Array, decay: fmpq, batch_size: int) -> bool | None:
        """Whether every batch of that size has gradient zero; None when balls leave it open."""
        answers = [
            vanishes(self.gradients(slopes, decay, batch))
            for batch in combinations(range(self.samples), batch_size)
        ]
        return False if False in answers else None if None in answers else True

    @property
    def collinear(self) -> bool:
        return arithmetic.rank(self.inputs) <= 1

    @property
    def input_edges(self) -> tuple[int, ...]:
        """Positions of the weight matrices that read the input, ``W^{p1}``."""
        return tuple(k for k, p in enumerate(self.network.parameters) if p.source == 0)

    @property
    def has_constant_input_edge(self) -> bool:
        edges = (edge for layer in self.network.layers for edge in layer.edges)
        return any(edge.source == 0 and not isinstance(edge.map, Dense) for edge in edges)

    def values_at(self, inputs: Array) -> Array:
        return arithmetic.vertices(self.network, self.weights, inputs)[-1][:, 0]

    @property
    def probes(self) -> Array:
        """Inputs at which a function is tested for being zero: samples, unit vectors, negatives."""
        some = np.concatenate([self.inputs, arithmetic.rationals(np.eye(self.network.input_width))])
        return np.concatenate([some, -some])


def vanishes(entries: Array) -> bool | None:
    if any(entry != 0 for entry in entries):
        return False
    return True if all(entry == 0 for entry in entries) else None


def is_zero(values: Array, case: Case, arithmetic: str = RATIONALS, **notes: Any) -> Observation:
    return equality(values[None], np.zeros_like(values)[None], arithmetic, case.member, **notes)


def squared(array: Array) -> Any:
    """Squared Frobenius norm, a number of the kind that the array holds."""
    return (array * array).sum()


def sample_pairs(point: Point) -> Iterator[tuple[int, int]]:
    return combinations(range(point.samples), 2)


# Gradients of the risk on a batch, by difference quotients


def quotient_gradient(point: Point, objective: Callable[[Sequence[Array]], fmpq]) -> Array | None:
    """Gradient of an objective that is quadratic in outputs and weights, proved; ``(P,)``.

    When no pre-activation is zero or changes sign between ``W - hE`` and ``W + hE``, the outputs
    are affine on that segment (see `quotients.one_sided_derivatives`), the objective is quadratic
    on it, and its central difference quotient is its derivative. ``None`` when that is not the
    case.
    """
    signs = preactivation_signs(point, point.weights)
    if 0 in signs:
        return None
    gradient = []
    for k, weight in enumerate(point.weights):
        for entry in np.ndindex(*weight.shape):
            ends = [moved_along(point.weights, k, entry, step) for step in (STEP, -STEP)]
            if any(preactivation_signs(point, end) != signs for end in ends):
                return None
            gradient.append((objective(ends[0]) - objective(ends[1])) / (2 * STEP))
    return np.array(gradient, dtype=object)


def moved_along(
    weights: Sequence[Array], k: int, entry: tuple[int, ...], step: fmpq
) -> tuple[Array, ...]:
    moved = weights[k].copy()
    moved[entry] += step
    return (*weights[:k], moved, *weights[k + 1 :])


def preactivation_signs(point: Point, weights: Sequence[Array]) -> list[int]:
    """Signs of the pre-activations of all units with an activation that bends."""
    arrays = arithmetic.preactivations(point.network, weights, point.inputs)
    return [
        (entry > 0) - (entry < 0)
        for layer, array in zip(point.network.layers, arrays, strict=True)
        if layer.slope != LINEAR
        for entry in array.ravel()
    ]


def batch_risk(point: Point, batch: Sequence[int]) -> Callable[[Sequence[Array]], fmpq]:
    """galanti2022, Eq. 2 on a batch with the square loss, as a function of the weights."""
    chosen, decay = list(batch), point.numbers["weight_decay"]

    def risk(weights: Sequence[Array]) -> fmpq:
        values = arithmetic.vertices(point.network, weights, point.inputs[chosen])[-1][:, 0]
        penalty = sum((squared(w) for w in weights), fmpq(0))
        fit: fmpq = squared(values - point.targets[chosen]) / len(chosen)
        return fit + decay * penalty

    return risk


KINK = "a kink lies too near for the difference quotient"


# Strategies: points that are stationary on every batch, and near misses


def cohort_of_one(rows: Any) -> np.ndarray:
    return np.array(rows, dtype=object)[None]


@st.composite
def unit_arrays(draw: st.DrawFn, shape: tuple[int, ...], *, positive: bool = False) -> np.ndarray:
    """Rational arrays of norm one, by stereographic projection; entries >= 0 if ``positive``."""
    count = math.prod(shape) - 1
    # Not +-1, for which a single one of them makes the first entry zero.
    tangent = draw(st.lists(st.sampled_from([0, 2, -2, 3]), min_size=count, max_size=count))
    square = sum(t * t for t in tangent)
    scale = Fraction(1, 1 + square)
    entries = [scale * (1 - square), *(2 * scale * t for t in tangent)]
    unit = np.array(entries, dtype=object).reshape(shape)
    return abs(unit) if positive else unit


@st.composite
def aligned_chains(
    draw: st.DrawFn, *, depths: tuple[int, int] = (1, 3)
) -> tuple[Network, list[np.ndarray], np.ndarray]:
    """A chain, unit weights ``v_k v_{k-1}^T``, and ``v_0``: ``f(c v_0) = c`` for ``c >= 0``.

    There ``df/dW_k = c W_k`` for every layer, so one equation per sample makes it stationary.
    """
    network = draw(mlps(depths=depths, widths=(1, 3)))
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
    return Case(
        network,
        tuple(cohort_of_one(scale * w) for w in weights),
        cohort_of_one([c * direction for c in positions]),
        cohort_of_one([[y] for y in targets]),
        numbers,
    )


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
def stationary_chains(draw: st.DrawFn) -> Case:
    """Collinear inputs, any positions; half of them are stationary for the full batch only."""
    positions = draw(st.lists(positive_dyadics(), min_size=2, max_size=4))
    decay, scale = draw(positive_dyadics()), draw(positive_dyadics(exponents=(0, 1)))
    tilt = draw(st.integers(0, 1))
    pulls = [decay + tilt, decay - tilt, *[decay] * (len(positions) - 2)]
    batch_size = Fraction(draw(st.integers(1, len(positions) - 1)))
    numbers = {"weight_decay": decay, "batch_size": batch_size}
    return _aligned_case(draw(aligned_chains()), scale, positions, pulls, numbers)


@st.composite
def stationary_residual_networks(draw: st.DrawFn) -> Case:
    """``f(x) = w sigma(w u.x) + u.x`` with a trainable skip, stationary at inputs ``c u``."""
    width = draw(st.integers(1, 2))
    layers = (Layer(1, (Edge(0),), RELU), Layer(1, (Edge(1), Edge(0)), LINEAR))
    direction, weight = draw(unit_arrays((width,))), Fraction(draw(st.integers(0, 3)))
    positions = draw(st.lists(positive_dyadics(), min_size=2, max_size=3))
    decay = draw(positive_dyadics())
    return Case(
        Network(width, layers),
        tuple(cohort_of_one(w) for w in ([weight * direction], [[weight]], [direction])),
        cohort_of_one([c * direction for c in positions]),
        cohort_of_one([[(weight**2 + 1) * c + decay / c] for c in positions]),
        {"weight_decay": decay, "batch_size": Fraction(1)},
    )


@st.composite
def constant_first_layers(draw: st.DrawFn) -> Case:
    """``f(x) = a.sigma(x)``, whose first edge is constant, at inputs that share ``sigma(x)``."""
    layers = (Layer(2, (Edge(0, Identity()),), RELU), Layer(1, (Edge(1),), LINEAR))
    positions = draw(st.lists(positive_dyadics(), min_size=2, max_size=3))
    hidden = draw(st.lists(st.integers(0, 3), min_size=len(positions), max_size=len(positions)))
    decay = draw(positive_dyadics())
    return Case(
        Network(2, layers),
        (cohort_of_one([[1, 0]]),),
        cohort_of_one([[c, Fraction(-d)] for c, d in zip(positions, hidden, strict=True)]),
        cohort_of_one([[c + decay / c] for c in positions]),
        {"weight_decay": decay, "batch_size": Fraction(1)},
    )


def trainable_networks(
    *, depths: tuple[int, int] = (1, 3), widths: tuple[int, int] = (1, 2)
) -> st.SearchStrategy[Network]:
    """Chains and graphs all of whose edges are trainable."""
    graphs = directed_graphs(depths=(2, 3), widths=widths, skips=("dense",))
    return st.one_of(mlps(depths=depths, widths=widths), graphs)


ANY_NETWORK = trainable_networks()


@st.composite
def plain_cases(
    draw: st.DrawFn,
    networks: st.SearchStrategy[Network] = ANY_NETWORK,
    *,
    samples: tuple[int, int] = (2, 4),
    targets: Targets = "dyadic",
) -> Case:
    """Random weights and data."""
    case = draw(cases(networks, samples=samples, targets=targets, cohort=1))
    numbers = {
        "weight_decay": draw(positive_dyadics()),
        "batch_size": Fraction(draw(st.integers(1, case.samples - 1))),
    }
    return replace(case, numbers=numbers)


def zero_networks() -> st.SearchStrategy[Case]:
    """All weights zero, any data."""
    return plain_cases().map(lambda c: replace(c, parameters=tuple(0 * p for p in c.parameters)))


@st.composite
def fitted_cases(draw: st.DrawFn) -> Case:
    """Labels equal to the output, but free where no weight influences it; sometimes one is off."""
    case = draw(plain_cases())
    point = Point.of(case)
    assert case.targets is not None
    targets = case.targets.astype(object)
    gradients = point.sample_gradients(np.full(point.samples, fmpq(1)), fmpq(0))
    spoiled = draw(st.integers(0, 3)) == 3
    for i, (value, gradient) in enumerate(zip(point.outputs, gradients, strict=True)):
        if not vanishes(gradient) and not (spoiled and i == 0):
            targets[0, i, 0] = Fraction(int(value.p), int(value.q))
    return replace(case, targets=targets)


@st.composite
def dead_cases(draw: st.DrawFn) -> Case:
    """Labels +-1, and all units dead at all samples: no first pre-activation is positive."""
    case = draw(plain_cases(mlps(depths=(2, 3), widths=(1, 2), slopes=(RELU,)), targets="signs"))
    first, *upper = case.parameters
    return replace(case, parameters=(-abs(first), *upper), inputs=abs(case.inputs))


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
    optimiser = torch.optim.Adam([*weights, slopes], lr=0.05)

    def ratios() -> torch.Tensor:
        """``(starts, samples, matrices)``, at weight decay 1/2."""
        copies = tuple(w.repeat_interleave(2, dim=0) for w in weights)
        values = forward(network, copies, inputs.repeat(starts, 1)[:, None])
        gradients = torch.autograd.grad(values.sum(), copies, create_graph=True)
        steps = [slopes.reshape(-1, 1, 1) * g + w for g, w in zip(gradients, copies, strict=True)]
        squares = [
            s.square().sum((1, 2)) / w.square().sum((1, 2))
            for s, w in zip(steps, copies, strict=True)
        ]
        return torch.stack(squares, dim=1).reshape(starts, 2, -1)

    for _ in range(300):
        optimiser.zero_grad()
        torch.autograd.backward(ratios().sum())
        optimiser.step()
    best = int(ratios().amax(dim=(1, 2)).nan_to_num(nan=math.inf).argmin())
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


def searched_cases() -> st.SearchStrategy[Case]:
    return st.integers(0, len(SEARCHED_WIDTHS) - 1).map(closest_approach)
