"""Claims on where SGD can stop: points that are stationary on every mini-batch, and real runs.

Exact part. The papers use the loss only through the numbers l'_i = dl(f(x_i), y_i)/df. Square-loss
labels can make these anything, so the square loss with free labels stands for every differentiable
loss, and all is decided in rationals. Where a pre-activation is 0 the derivative is autograd's; the
proofs need only f(x_i) = <W, df(x_i)/dW> per layer, which holds with any choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, cached_property, reduce
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import torch
from flint import arb, fmpq
from hypothesis import assume
from hypothesis import strategies as st

from properties.papers import GALANTI2022, XU2022
from theorycheck import exact
from theorycheck.cases import Case
from theorycheck.claims import Setting, claim
from theorycheck.datasets import uniform_sphere
from theorycheck.evidence import (
    Findings,
    Observation,
    Pair,
    Rejection,
    Unmet,
    equality,
    rank_at_most,
)
from theorycheck.exact import Array
from theorycheck.networks import (
    LINEAR,
    RELU,
    Dense,
    Edge,
    Identity,
    Layer,
    Network,
    forward,
    initialise,
    mlp,
)
from theorycheck.sequential import pairs_needed
from theorycheck.strategies import (
    Targets,
    cases,
    directed_graphs,
    mlps,
    positive_dyadics,
)
from theorycheck.training import Cohort, Objective, State, outputs, resolve_device, sgd
from theorycheck.verdicts import TENDENCY

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
            tuple(exact.rationals(p[0]) for p in case.parameters),
            exact.rationals(case.inputs[0]),
            exact.rationals(case.targets[0, :, 0]),
            {k: fmpq(v.numerator, v.denominator) for k, v in case.numbers.items()},
        )

    @property
    def samples(self) -> int:
        return len(self.inputs)

    @cached_property
    def outputs(self) -> Array:
        """``f(x_i)``, ``(m,)``."""
        return exact.vertices(self.network, self.weights, self.inputs)[-1][:, 0]

    @cached_property
    def jacobians(self) -> tuple[Array, ...]:
        """``df(x_i)/dW`` for each weight matrix, ``(m, *shape)``."""
        return tuple(
            exact.jacobian(self.network, self.weights, self.inputs, index)[:, 0]
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
            _vanishes(self.gradients(slopes, decay, batch))
            for batch in combinations(range(self.samples), batch_size)
        ]
        return False if False in answers else None if None in answers else True

    @property
    def collinear(self) -> bool:
        return exact.rank(self.inputs) <= 1

    @property
    def input_edges(self) -> tuple[int, ...]:
        """Positions of the weight matrices that read the input, ``W^{p1}``."""
        return tuple(k for k, p in enumerate(self.network.parameters) if p.source == 0)

    @property
    def has_constant_input_edge(self) -> bool:
        edges = (edge for layer in self.network.layers for edge in layer.edges)
        return any(edge.source == 0 and not isinstance(edge.map, Dense) for edge in edges)

    def values_at(self, inputs: Array) -> Array:
        return exact.vertices(self.network, self.weights, inputs)[-1][:, 0]

    @property
    def probes(self) -> Array:
        """Inputs at which a function is tested for being zero: samples, unit vectors, negatives."""
        some = np.concatenate([self.inputs, exact.rationals(np.eye(self.network.input_width))])
        return np.concatenate([some, -some])


def _vanishes(entries: Array) -> bool | None:
    if any(entry != 0 for entry in entries):
        return False
    return True if all(entry == 0 for entry in entries) else None


def _is_zero(values: Array, case: Case, arithmetic: str = RATIONALS, **notes: Any) -> Observation:
    return equality(values[None], np.zeros_like(values)[None], arithmetic, case.member, **notes)


def _square(array: Array) -> Any:
    """Squared Frobenius norm, a number of the kind that the array holds."""
    return (array * array).sum()


# Strategies: points that are stationary on every batch, and near misses


def _cohort_of_one(rows: Any) -> np.ndarray:
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
        tuple(_cohort_of_one(scale * w) for w in weights),
        _cohort_of_one([c * direction for c in positions]),
        _cohort_of_one([[y] for y in targets]),
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
        tuple(_cohort_of_one(w) for w in ([weight * direction], [[weight]], [direction])),
        _cohort_of_one([c * direction for c in positions]),
        _cohort_of_one([[(weight**2 + 1) * c + decay / c] for c in positions]),
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
        (_cohort_of_one([[1, 0]]),),
        _cohort_of_one([[c, Fraction(-d)] for c, d in zip(positions, hidden, strict=True)]),
        _cohort_of_one([[c + decay / c] for c in positions]),
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
        if not _vanishes(gradient) and not (spoiled and i == 0):
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


# Stationary points (galanti2022)


def stationary_points() -> st.SearchStrategy[Case]:
    """Points meant to be stationary on every batch, with near misses among them."""
    return st.one_of(
        sign_labelled_chains(),
        stationary_chains(),
        stationary_residual_networks(),
        zero_networks(),
        plain_cases(),
    )


@claim(
    "sgd-stationary-weight-decay",
    title="With weight decay, SGD can stop only at the zero function or on collinear data",
    kind="identity",
    sources=[GALANTI2022.at("Proposition 1, proof in Appendix B")],
    statement=r"\lambda > 0,\ \forall \tilde S \subset S, |\tilde S| = B < m:"
    r"\ \nabla_W L^\lambda_{\tilde S}(f_W) = 0"
    r"\ \Longrightarrow\ f_W \equiv 0 \ \text{ or } \ \{x_i\}_{i=1}^m \text{ are collinear}",
    hypotheses=[
        "a ReLU network as a directed acyclic graph without biases and normalisation, one output",
        "every edge out of the input is trainable",
        "a differentiable loss and lambda > 0",
        "x_i is not 0",
        "the gradient vanishes on every batch of size B < m",
    ],
    control="the edges out of the input need not be trainable",
    given={
        "case": st.one_of(
            stationary_points(),
            constant_first_layers(),
            searched_cases(),
        )
    },
    examples=500,
    enough=10,
)
def sgd_stationary_weight_decay(setting: Setting, case: Case) -> Findings:
    """A point that is stationary on every mini-batch of size B < m, with lambda > 0, is the zero
    function, unless the inputs lie on one line through the origin (the paper: "on a
    one-dimensional linear space").

    All batches of size B are enumerated, and their gradients computed in rationals. The
    proposition is right: exchanging a sample shows that all data gradients M_i are equal, so that
    M_i = -2 lambda W for each; next to the input M_i has its rows along x_i, so two directions
    leave only W^{p1} = 0. Its hypotheses are met by nothing but its two exceptions, which the paper
    itself calls unrealistic. A directed search by gradient descent over weights and labels, with
    two inputs at right angles, shows how far from stationary all else is: the largest gradient of a
    sample in a weight matrix W stays above sqrt(1/2) of 2 lambda ||W||, which `sgd-step-bound`
    proves and the search attains.

    That the edges out of the input are trainable is needed: behind a constant first layer (a
    residual connection) two inputs can look alike to the trainable part, and SGD stops at a
    non-zero function although the inputs are not collinear. The control finds such networks.
    """
    point = Point.of(case)
    decay, size = point.numbers["weight_decay"], int(case.numbers["batch_size"])
    if any(not _square(x) for x in point.inputs):
        yield Rejection("a sample is zero")
    elif point.has_constant_input_edge and not setting.altered:
        yield Rejection("an edge out of the input is constant")
    elif not point.stationary(point.square_slopes, decay, size):
        if _square(point.outputs) and _at_right_angles(point):
            yield Unmet(
                _distance(point, decay),
                "largest gradient of a sample in a weight matrix W, relative to 2 lambda ||W||,"
                " with f not zero and inputs at right angles",
            )
        else:
            yield Rejection(NOT_STATIONARY)
    elif point.collinear:
        yield equality(
            [exact.rank(point.inputs)], [1], RATIONALS, case.member, degenerate=COLLINEAR
        )
    else:
        yield _is_zero(point.values_at(point.probes), case, degenerate="the function is zero")


def _at_right_angles(point: Point) -> bool:
    return all(not (point.inputs[i] * point.inputs[j]).sum() for i, j in _pairs(point))


def _pairs(point: Point) -> Iterator[tuple[int, int]]:
    return combinations(range(point.samples), 2)


def _distance(point: Point, decay: fmpq) -> float:
    """Largest ``|g_i| / |2 lambda W|`` over samples and non-zero weight matrices."""
    ratios = [
        float(_square(slope * j + 2 * decay * w) / _square(2 * decay * w))
        for jacobians, w in zip(point.jacobians, point.weights, strict=True)
        if _square(w)
        for slope, j in zip(point.square_slopes, jacobians, strict=True)
    ]
    return math.sqrt(max(ratios))


@claim(
    "sgd-stationary-only-zero",
    title="With weight decay, the only convergence points of SGD are zero functions",
    kind="identity",
    sources=[GALANTI2022.at("Abstract"), GALANTI2022.at(f"{SECTION}, first paragraph")],
    statement=r"\text{when training with weight decay, the only convergence points of SGD are zero}"
    r"\text{ functions}",
    hypotheses=["lambda > 0", "the gradient vanishes on every batch of size B < m"],
    control="the only convergence points are networks all of whose weights are zero",
    given={"case": stationary_points()},
)
def sgd_stationary_only_zero(setting: Setting, case: Case) -> Findings:
    """As the abstract prints it, without the exception of Proposition 1.

    Refuted by data on a line, with labels +-1 if one likes: at x = c and x = 1 - c, both labelled
    +1, and lambda = c (1 - c), a ReLU chain of any depth with all weights 1 is stationary on each
    sample, hence on every mini-batch, and f(x) = x for x > 0.
    """
    point = Point.of(case)
    decay, size = point.numbers["weight_decay"], int(case.numbers["batch_size"])
    if not point.stationary(point.square_slopes, decay, size):
        yield Rejection(NOT_STATIONARY)
    elif setting.altered:
        yield _is_zero(np.concatenate([w.ravel() for w in point.weights]), case)
    else:
        yield _is_zero(point.outputs, case)


@claim(
    "sgd-stationary-no-decay",
    title="Without weight decay, SGD stops only where each sample is fitted or its output is 0",
    kind="identity",
    sources=[GALANTI2022.at("Proposition 2, proof in Appendix B")],
    statement=r"\lambda = 0,\ \{x_i\} \text{ not collinear},\ \forall \tilde S:\ "
    r"\nabla_W L_{\tilde S}(f_W) = 0 \ \Longrightarrow\ \forall i:\ "
    r"\frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \ne 0 \Rightarrow f_W(x_i) = 0",
    hypotheses=[
        "a ReLU network as a directed acyclic graph without biases and normalisation, one output",
        "every edge out of the input is trainable",
        "a differentiable loss and lambda = 0",
        "the inputs are not collinear (printed; not needed, and not assumed by the check)",
        "the gradient vanishes on every batch of size B < m",
    ],
    control="the output is 0 at every sample",
    given={"case": st.one_of(fitted_cases(), zero_networks())},
    examples=200,
    enough=10,
)
def sgd_stationary_no_decay(setting: Setting, case: Case) -> Findings:
    """Without weight decay, a point that is stationary on every mini-batch of size B < m has
    output zero at each sample whose loss derivative l'_i is not zero.

    The proof in the paper needs inputs that are not collinear; the statement does not: all
    l'_i df_i are equal to one matrix M, and a batch adds B of them up to zero, so M = 0. The
    examples are networks that fit some samples and are dead on others, and the check includes
    collinear inputs.
    """
    point = Point.of(case)
    slopes = point.square_slopes
    if not point.stationary(slopes, fmpq(0), int(case.numbers["batch_size"])):
        yield Rejection(NOT_STATIONARY)
        return
    claimed = [i for i in range(point.samples) if slopes[i] != 0 or setting.altered]
    if claimed:
        yield _is_zero(point.outputs[claimed], case)
    else:
        note = "every sample is fitted, so nothing is claimed"
        yield equality([len(claimed)], [0], RATIONALS, case.member, degenerate=note)


def exponential_slope(output: fmpq, target: fmpq) -> arb:
    """Derivative of ``exp(-y f)``."""
    return -target * arb(-target * output).exp()


def logistic_slope(output: fmpq, target: fmpq) -> arb:
    """Derivative of ``log(1 + exp(-y f))``."""
    return -target / (1 + arb(target * output).exp())


SLOPES_WITHOUT_MINIMUM: tuple[Callable[[fmpq, fmpq], arb], ...] = (
    exponential_slope,
    logistic_slope,
)


@claim(
    "sgd-stationary-no-minimiser",
    title="Without weight decay and with exponential-type losses, SGD stops only at f(x_i) = 0",
    kind="identity",
    sources=[GALANTI2022.at("Proposition 2, last sentence"), GALANTI2022.at(f"{SECTION}, end")],
    statement=r"\ell \text{ convex},\ \forall b\, \nexists a^*: \ell(a^*, b) = \inf_a \ell(a, b)"
    r"\ \Longrightarrow\ \forall i \in [m]: f_W(x_i) = 0",
    hypotheses=[
        "the hypotheses of Proposition 2",
        "the exponential or the logistic loss, labels +-1",
    ],
    control="the function is zero everywhere",
    given={
        "case": st.one_of(
            dead_cases(), plain_cases(trainable_networks(depths=(2, 3)), targets="signs")
        )
    },
    examples=200,
    enough=10,
)
def sgd_stationary_no_minimiser(setting: Setting, case: Case) -> Findings:
    """With a convex loss that has no minimum, such as the exponential and the logistic loss, the
    only points that are stationary on every mini-batch have output zero at every sample.

    Such points exist: networks all of whose units are dead at all samples. They need not be the
    zero function, as the control shows. The derivative of the loss is enclosed in a ball; at a dead
    network the gradients are exactly zero whatever it is, and elsewhere the balls exclude zero.
    """
    point = Point.of(case)
    for slope in SLOPES_WITHOUT_MINIMUM:
        slopes = np.array(
            [slope(f, y) for f, y in zip(point.outputs, point.targets, strict=True)], dtype=object
        )
        stationary = point.stationary(slopes, fmpq(0), int(case.numbers["batch_size"]))
        if stationary is None:
            yield Rejection("balls leave open whether a batch is stationary")
        elif not stationary:
            yield Rejection(NOT_STATIONARY)
        elif setting.altered:
            yield _is_zero(point.values_at(point.probes), case, BALLS)
        else:
            yield _is_zero(point.outputs, case, BALLS)


@claim(
    "stationary-sample-gradients",
    title="Stationary on every batch means stationary on every sample, and no label is fitted",
    kind="identity",
    sources=[
        GALANTI2022.at("Eq. 8-9 and the paragraph after it"),
        GALANTI2022.at(f"{SECTION}, end"),
    ],
    statement=r"\forall i \in [m]:\ \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \cdot"
    r" \frac{\partial f_W(x_i)}{\partial W^{pq}} + 2\lambda W^{pq} = 0, \quad"
    r" \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \ne 0"
    r" \text{ unless } \lambda = 0 \text{ or } W = 0",
    hypotheses=["lambda > 0", "the gradient vanishes on every batch of size B < m"],
    control="the gradient vanishes on the full batch only, B = m",
    given={"case": st.one_of(stationary_chains(), stationary_points())},
    examples=600,
    enough=10,
)
def stationary_sample_gradients(setting: Setting, case: Case) -> Findings:
    """At a point that is stationary on every mini-batch of one size B < m, the regularised gradient
    of every single sample vanishes, so that the stopping points of SGD are those of batch size 1;
    and unless all weights are zero, no label is fitted perfectly.

    The control is full-batch descent, for which neither follows: the paper is right to say that its
    analysis depends on using SGD instead of GD.
    """
    point = Point.of(case)
    decay, slopes = point.numbers["weight_decay"], point.square_slopes
    size = point.samples if setting.altered else int(case.numbers["batch_size"])
    if not point.stationary(slopes, decay, size):
        yield Rejection(NOT_STATIONARY)
        return
    yield _is_zero(point.sample_gradients(slopes, decay).ravel(), case)
    if any(_square(w) for w in point.weights):
        smallest = min(abs(slope) for slope in slopes)
        yield Observation(
            holds=smallest != 0,
            left=f"smallest |l'_i| {smallest}",
            relation="≠",
            right="0",
            arithmetic=RATIONALS,
            case=lambda: case,
        )


# Gradients of the risk on a batch, by difference quotients


def quotient_gradient(point: Point, objective: Callable[[Sequence[Array]], fmpq]) -> Array | None:
    """Gradient of an objective that is quadratic in outputs and weights, proved; ``(P,)``.

    When no pre-activation is zero or changes sign between ``W - hE`` and ``W + hE``, the outputs
    are affine on that segment (see `exact.one_sided_derivatives`), the objective is quadratic on
    it, and its central difference quotient is its derivative. ``None`` when that is not the case.
    """
    signs = _signs(point, point.weights)
    if 0 in signs:
        return None
    gradient = []
    for k, weight in enumerate(point.weights):
        for entry in np.ndindex(*weight.shape):
            ends = [_moved(point.weights, k, entry, step) for step in (STEP, -STEP)]
            if any(_signs(point, end) != signs for end in ends):
                return None
            gradient.append((objective(ends[0]) - objective(ends[1])) / (2 * STEP))
    return np.array(gradient, dtype=object)


def _moved(
    weights: Sequence[Array], k: int, entry: tuple[int, ...], step: fmpq
) -> tuple[Array, ...]:
    moved = weights[k].copy()
    moved[entry] += step
    return (*weights[:k], moved, *weights[k + 1 :])


def _signs(point: Point, weights: Sequence[Array]) -> list[int]:
    """Signs of the pre-activations of all units with an activation that bends."""
    arrays = exact.preactivations(point.network, weights, point.inputs)
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
        values = exact.vertices(point.network, weights, point.inputs[chosen])[-1][:, 0]
        penalty = sum((_square(w) for w in weights), fmpq(0))
        fit: fmpq = _square(values - point.targets[chosen]) / len(chosen)
        return fit + decay * penalty

    return risk


KINK = "a kink lies too near for the difference quotient"


@claim(
    "batch-risk-gradient",
    title="Gradient of the regularised risk on a batch",
    kind="identity",
    sources=[GALANTI2022.at("Eq. 6 with Eq. 2")],
    statement=r"\nabla_{W^{pq}} L^\lambda_{\tilde S}(f_W) = \frac1B \sum_{(x,y) \in \tilde S}"
    r" \frac{\partial \ell(f_W(x), y)}{\partial f_W(x)} \cdot"
    r" \frac{\partial f_W(x)}{\partial W^{pq}} + 2 \lambda W^{pq}",
    hypotheses=["no pre-activation is zero", "the square loss"],
    control="weight decay enters as lambda W, as if the risk had lambda/2 ||W||^2",
    given={"case": plain_cases(samples=(2, 3))},
    examples=150,
    enough=10,
)
def batch_risk_gradient(setting: Setting, case: Case) -> Findings:
    """The left side is the exact difference quotient of the risk of Eq. 2 along every weight, the
    right side is computed from the derivatives of the network: the factor 2 of the weight decay is
    the one that `sgd-step-bound` and the papers' bounds rest on.
    """
    point = Point.of(case)
    batch = range(int(case.numbers["batch_size"]))
    left = quotient_gradient(point, batch_risk(point, batch))
    if left is None:
        yield Rejection(KINK)
        return
    decay = point.numbers["weight_decay"] / (2 if setting.altered else 1)
    right = point.gradients(point.square_slopes, decay, batch)
    yield equality(left[None], right[None], RATIONALS, case.member)


def exchange(case: Case, share: Fraction) -> Findings:
    """Batches 0 .. B-1 and 1 .. B, and ``share`` times the difference of samples 0 and B."""
    point, size = Point.of(case), int(case.numbers["batch_size"])
    first = quotient_gradient(point, batch_risk(point, range(size)))
    second = quotient_gradient(point, batch_risk(point, range(1, size + 1)))
    if first is None or second is None:
        yield Rejection(KINK)
        return
    terms = point.sample_gradients(point.square_slopes, fmpq(0))
    right = fmpq(share.numerator, share.denominator) * (terms[0] - terms[size])
    yield equality((first - second)[None], right[None], RATIONALS, case.member)


@claim(
    "batch-exchange-printed",
    title="Exchanging one sample of a batch, as printed: without the factor 1/B",
    kind="identity",
    sources=[GALANTI2022.at("Eq. 7, second equality")],
    statement=r"\nabla L^\lambda_{\tilde S_1}(f_W) - \nabla L^\lambda_{\tilde S_2}(f_W)"
    r" = \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)}"
    r" \frac{\partial f_W(x_i)}{\partial W}"
    r" - \frac{\partial \ell(f_W(x_j), y_j)}{\partial f_W(x_j)}"
    r" \frac{\partial f_W(x_j)}{\partial W}",
    hypotheses=["two batches of size B that differ in one sample"],
    control="with the right side doubled",
    given={"case": plain_cases(mlps(depths=(1, 2), widths=(1, 1)), samples=(3, 3))},
    examples=400,
)
def batch_exchange_printed(setting: Setting, case: Case) -> Findings:
    """The second equality of Eq. 7, read as an identity at every W.

    It lacks the factor 1/B of Eq. 6, so it holds only for B = 1. In its context both sides are
    zero, and nothing that the paper concludes from it changes.
    """
    yield from exchange(case, Fraction(2 if setting.altered else 1))


@claim(
    "batch-exchange",
    title="Exchanging one sample of a batch changes the gradient by 1/B of the difference",
    kind="identity",
    sources=[GALANTI2022.at("Eq. 7, corrected")],
    statement=r"\nabla L^\lambda_{\tilde S_1}(f_W) - \nabla L^\lambda_{\tilde S_2}(f_W) = \frac1B"
    r"\Big( \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)}"
    r" \frac{\partial f_W(x_i)}{\partial W}"
    r" - \frac{\partial \ell(f_W(x_j), y_j)}{\partial f_W(x_j)}"
    r" \frac{\partial f_W(x_j)}{\partial W} \Big)",
    hypotheses=["two batches of size B that differ in one sample", "no pre-activation is zero"],
    control="the factor is 1/(B + 1)",
    given={"case": plain_cases(samples=(2, 4))},
    examples=200,
    enough=10,
    corrects="batch-exchange-printed",
)
def batch_exchange(setting: Setting, case: Case) -> Findings:
    """Eq. 7 with the factor 1/B; the gradients on the left are exact difference quotients."""
    size = int(case.numbers["batch_size"])
    yield from exchange(case, Fraction(1, size + 1 if setting.altered else size))


# How far from stationary: bounds of our own


@st.composite
def tight_pairs(draw: st.DrawFn) -> Case:
    """Two inputs of equal norm, rows along a bisector, labels that cancel all they can."""
    x = np.array([draw(st.integers(1, 3)), draw(st.integers(-3, 3))], dtype=object)
    z = x[::-1] * draw(st.sampled_from([1, -1]))
    bisector = x + (z if (x * z).sum() >= 0 else -z)
    decay = draw(positive_dyadics())
    upper = np.array([[1, *draw(st.lists(st.integers(1, 2), max_size=1))]], dtype=object)
    # With linear units df/dW_1 = upper^T x^T and f = |upper|^2 <bisector, x>.
    products = [(bisector * v).sum() for v in (x, z)]
    targets = [[_square(upper) * product + decay * product / _square(x)] for product in products]
    return Case(
        mlp([2, upper.size, 1], LINEAR),
        (_cohort_of_one(np.outer(upper[0], bisector)), _cohort_of_one(upper)),
        _cohort_of_one([x, z]),
        _cohort_of_one(targets),
        {"weight_decay": decay},
    )


@st.composite
def tight_batches(draw: st.DrawFn) -> Case:
    """One linear layer whose data gradient cancels all that lies in the span of the batch."""
    integers = st.integers(1, 3)
    rows = draw(st.lists(st.lists(integers, min_size=2, max_size=2), min_size=1, max_size=2))
    shares = draw(st.lists(integers, min_size=len(rows), max_size=len(rows)))
    inputs = np.array([[*row, 0] for row in rows], dtype=object)
    decay = draw(positive_dyadics())
    weight = np.array(shares, dtype=object) @ inputs + np.array([0, 0, 1], dtype=object)
    targets = [
        [(weight * x).sum() + decay * len(rows) * share]
        for x, share in zip(inputs, shares, strict=True)
    ]
    numbers = {"weight_decay": decay, "batch_size": Fraction(len(rows))}
    arrays = (_cohort_of_one(inputs), _cohort_of_one(targets))
    return Case(mlp([3, 1]), (_cohort_of_one([weight]),), *arrays, numbers)


@cache
def trained_case(seed: int) -> Case:
    """A small ReLU network after 100 epochs of SGD with batches of one sample."""
    network, decay = mlp([3, 6, 1]), Fraction(1, 32)
    data = uniform_sphere(5, 3, 2, seed)
    start = State(initialise(network, 1, seed=seed))
    inputs, targets = torch.from_numpy(data.inputs), torch.from_numpy(data.signs)
    cohort = Cohort.broadcast(network, start, inputs, targets, float(decay))
    run = sgd(
        cohort,
        Objective(),
        batch_size=1,
        epochs=100,
        learning_rate=0.1,
        batch_seeds=torch.tensor([seed]),
        record_every=100,
    )
    weights = tuple(w.numpy() for w in run.state.parameters)
    numbers = {"weight_decay": decay, "batch_size": Fraction(1)}
    return Case(network, weights, inputs[None].numpy(), targets[None].numpy(), numbers)


def trained_cases() -> st.SearchStrategy[Case]:
    return st.integers(0, 3).map(trained_case)


def _bound(
    holds: bool, left: float, right: float, case: Case, degenerate: str | None = None
) -> Observation:
    """``left <= right``, decided in rationals; the floats are for the report."""
    ratio = left / right if right else 1.0
    return Observation(
        holds=holds,
        left=f"{left:.6g}",
        relation="≤",
        right=f"{right:.6g}",
        arithmetic=RATIONALS,
        tightness=None if degenerate else (min(ratio, 1.0) if holds else ratio),
        case=lambda: case,
        degenerate=degenerate,
    )


@claim(
    "sgd-step-bound",
    title="The gradients on two samples cannot both be small: a bound by their angle",
    kind="inequality",
    sources=[],
    statement=r"4 \lambda^2 (1 - |\cos\theta_{ij}|)\, \|W^{p1}\|_F^2 \le \|g_i\|_F^2 + \|g_j\|_F^2,"
    r" \quad g_i = \nabla_{W^{p1}} L^\lambda_{\{(x_i, y_i)\}}(f_W)",
    hypotheses=[
        "W^{p1} is a full, trainable weight matrix that reads the input",
        "x_i and x_j are not 0; theta is the angle between them",
        "any loss, any labels, any weights",
    ],
    control="the bound times 9/8",
    given={
        "case": st.one_of(
            plain_cases(trainable_networks(widths=(2, 3))),
            tight_pairs(),
            trained_cases(),
            searched_cases(),
        )
    },
    examples=200,
)
def sgd_step_bound(setting: Setting, case: Case) -> Findings:
    """A quantitative form of Proposition 1 of galanti2022, our own: with weight decay, the steps
    of SGD with batch size 1 stay away from zero by the learning rate times
    2 lambda ||W|| sqrt((1 - |cos theta|) / 2), in at least one of any two samples.

    Proof. By the chain rule g_i = a_i x_i^T + 2 lambda W with some vector a_i. Let P_i be the
    projector onto the complement of x_i. Then ||g_i|| >= ||g_i P_i|| = 2 lambda ||W P_i||, since
    x_i^T P_i = 0, and the squares add up to 4 lambda^2 tr(W (P_i + P_j) W^T). The eigenvalues of
    the sum of the projectors onto x_i and x_j are 1 + |cos theta|, 1 - |cos theta| and 0, so the
    smallest eigenvalue of P_i + P_j is 1 - |cos theta|.

    Equality occurs: rows of W along the bisector, and labels that cancel what lies along the
    inputs. The bound is zero exactly for collinear inputs, the exception in Proposition 1. Checked
    at random weights, at weights trained by SGD, at the results of a directed search for
    stationary points, and at equality. The root in |cos theta| is avoided by squaring, so the
    comparison is exact.
    """
    point = Point.of(case)
    strength = fmpq(9, 8) if setting.altered else fmpq(1)
    slopes, decay = point.square_slopes, point.numbers["weight_decay"]
    for k in point.input_edges:
        weight = point.weights[k]
        gradients = [
            s * j + 2 * decay * weight for s, j in zip(slopes, point.jacobians[k], strict=True)
        ]
        scale = strength * 4 * decay * decay * _square(weight)
        for i, j in _pairs(point):
            x, z = point.inputs[i], point.inputs[j]
            if not _square(x) or not _square(z):
                yield Rejection("a sample is zero")
            elif not scale:
                yield Rejection("the weight matrix is zero")
            else:
                squared_cosine = (x * z).sum() ** 2 / (_square(x) * _square(z))
                total = _square(gradients[i]) + _square(gradients[j])
                # scale (1 - |cos|) <= total, solved for |cos|.
                least = 1 - total / scale
                yield _bound(
                    bool(least <= 0 or squared_cosine >= least * least),
                    float(scale) * (1 - math.sqrt(float(squared_cosine))),
                    float(total),
                    case,
                    "the two inputs are collinear: the bound is 0" if squared_cosine == 1 else None,
                )


def outside_span(weight: Array, inputs: Array) -> Array:
    """Rows of a matrix less their projections on the span of the inputs, by Gram-Schmidt."""
    rest = weight
    basis: list[Array] = []
    for x in inputs:
        for b in basis:
            x = x - (x * b).sum() / _square(b) * b
        if _square(x):
            basis.append(x)
            rest = rest - np.outer(rest @ x, x) / _square(x)
    return rest


@claim(
    "batch-step-bound",
    title="The gradient on a batch is at least the decay of what lies outside the batch's span",
    kind="inequality",
    sources=[],
    statement=r"2 \lambda \| W^{p1} P_{\tilde S} \|_F \le"
    r" \| \nabla_{W^{p1}} L^\lambda_{\tilde S}(f_W) \|_F, \quad"
    r" P_{\tilde S} \text{ the projector onto the complement of span } \{x_i\}_{i \in \tilde S}",
    hypotheses=[
        "W^{p1} is a full, trainable weight matrix that reads the input",
        "any loss, any labels, any weights, any batch",
    ],
    control="the bound times 9/8",
    given={
        "case": st.one_of(
            cases(
                mlps(depths=(1, 2), widths=(2, 4)),
                targets="dyadic",
                numbers={"weight_decay": positive_dyadics(), "batch_size": st.just(Fraction(2))},
                samples=(2, 3),
                cohort=1,
            ),
            tight_batches(),
            trained_cases(),
        )
    },
    examples=150,
)
def batch_step_bound(setting: Setting, case: Case) -> Findings:
    """The same argument for a batch of any size, our own: the data part of the gradient has its
    rows in the span of the batch's inputs, so the gradient contains all of 2 lambda W outside it.

    A point that is stationary on a batch therefore has the rows of W^{p1} in the span of its
    inputs, and one that is stationary on all batches has them in the intersection of all these
    spans. Equality occurs where the labels cancel what lies inside the span. Both sides are
    compared as squares, in rationals.
    """
    point = Point.of(case)
    size, decay = int(case.numbers["batch_size"]), point.numbers["weight_decay"]
    strength = fmpq(9, 8) if setting.altered else fmpq(1)
    slopes = point.square_slopes[:size]
    for k in point.input_edges:
        terms = slopes[:, None, None] * point.jacobians[k][:size]
        gradient = terms.sum(axis=0) / size + 2 * decay * point.weights[k]
        outside = outside_span(point.weights[k], point.inputs[:size])
        left = strength * strength * 4 * decay * decay * _square(outside)
        right = _square(gradient)
        yield _bound(
            bool(left <= right),
            math.sqrt(float(left)),
            math.sqrt(float(right)),
            case,
            None if left else "the rows of W lie in the span of the batch: the bound is 0",
        )


# Normalised weights (xu2022, Section 6)


@st.composite
def normalised_cases(
    draw: st.DrawFn, networks: st.SearchStrategy[Network], samples: tuple[int, int]
) -> Case:
    """Weight matrices of Frobenius norm one, integer inputs, labels +-1, and a factor rho."""
    network = draw(networks)
    count = draw(st.integers(*samples))
    weights = [draw(unit_arrays(p.shape)) for p in network.parameters]
    integers, signs = st.integers(-2, 3), st.sampled_from([1, -1])
    width = network.input_width
    rows = draw(
        st.lists(st.lists(integers, min_size=width, max_size=width), min_size=count, max_size=count)
    )
    labels = draw(st.lists(signs, min_size=count, max_size=count))
    return Case(
        network,
        tuple(_cohort_of_one(w) for w in weights),
        _cohort_of_one(rows),
        _cohort_of_one([[y] for y in labels]),
        {
            "rho": draw(positive_dyadics()),
            "weight_decay": draw(positive_dyadics()),
            "learning_rate": draw(positive_dyadics()),
        },
    )


@dataclass(frozen=True, eq=False)
class Margins:
    """Margins ``y_n f_V(x_n)``, their derivatives, and what xu2022 builds from them."""

    point: Point

    @cached_property
    def values(self) -> Array:
        margins: Array = self.point.targets * self.point.outputs
        return margins

    @cached_property
    def gradients(self) -> Array:
        """``(N, P)``, all weight matrices in a row."""
        flat = [j.reshape(self.point.samples, -1) for j in self.point.jacobians]
        gradients: Array = self.point.targets[:, None] * np.concatenate(flat, axis=1)
        return gradients

    @property
    def weights(self) -> Array:
        return np.concatenate([w.ravel() for w in self.point.weights])

    @property
    def gaps(self) -> Array:
        """``1 - rho fbar_n``."""
        gaps: Array = 1 - self.point.numbers["rho"] * self.values
        return gaps

    def multiplier(self, batch: Sequence[int]) -> Any:
        """``nu`` of Eq. 4 on a batch; the same for every layer."""
        terms = self.point.numbers["rho"] * self.values * self.gaps
        return terms[list(batch)].sum() / len(batch)

    def data_terms(self, batch: Sequence[int]) -> tuple[fmpq, Array]:
        """``(2/B) sum (1 - rho fbar) fbar`` and ``(2/B) sum (1 - rho fbar) rho dfbar/dV``."""
        chosen, share = list(batch), fmpq(2, len(batch))
        gaps = self.gaps[chosen]
        for_rho = share * (gaps * self.values[chosen]).sum()
        return for_rho, share * self.point.numbers["rho"] * (gaps @ self.gradients[chosen])

    def is_equilibrium(self, batch: Sequence[int], decay: fmpq) -> bool:
        """Whether the Lagrangian of Eq. 1 on a batch is stationary in ``rho`` and all ``V_k``."""
        for_rho, for_weights = self.data_terms(batch)
        if for_rho != 2 * decay * self.point.numbers["rho"]:
            return False
        return all(for_weights == 2 * self.multiplier(batch) * self.weights)


def lagrangian(point: Point, multiplier: fmpq) -> Callable[[fmpq, Sequence[Array]], fmpq]:
    """xu2022, Eq. 1, up to its constant; the multipliers are the same for all layers by Eq. 4."""

    def value(rho: fmpq, weights: Sequence[Array]) -> fmpq:
        outputs = exact.vertices(point.network, weights, point.inputs)[-1][:, 0]
        norms = sum((_square(w) for w in weights), fmpq(0))
        fit: fmpq = _square(rho * outputs - point.targets) / point.samples
        return fit + multiplier * norms + point.numbers["weight_decay"] * rho * rho

    return value


def update_of_rho(case: Case, sign: int, decay_share: Fraction) -> Findings:
    """Both sides of the first line of Eq. 46, the whole case being the batch."""
    point = Point.of(case)
    margins, batch = Margins(point), range(point.samples)
    rho, rate = point.numbers["rho"], point.numbers["learning_rate"]
    value = lagrangian(point, margins.multiplier(batch))
    ends = [value(rho + step, point.weights) for step in (STEP, -STEP)]
    left = rho - rate * (ends[0] - ends[1]) / (2 * STEP)
    term, _ = margins.data_terms(batch)
    share = fmpq(decay_share.numerator, decay_share.denominator)
    right = rho + sign * rate * term - share * rate * point.numbers["weight_decay"] * rho
    yield equality([left], [right], RATIONALS, case.member)


def update_of_weights(case: Case, sign: int, *, rate_on_left: bool, share: Fraction) -> Findings:
    """Both sides of the second line of Eq. 46, the whole case being the batch."""
    point = Point.of(case)
    margins, batch = Margins(point), range(point.samples)
    rho, rate = point.numbers["rho"], point.numbers["learning_rate"]
    multiplier = margins.multiplier(batch)
    value = lagrangian(point, multiplier)
    gradient = quotient_gradient(point, lambda weights: value(rho, weights))
    if gradient is None:
        yield Rejection(KINK)
        return
    left = margins.weights - (rate if rate_on_left else 1) * gradient
    _, term = margins.data_terms(batch)
    constraint = fmpq(share.numerator, share.denominator) * rate * multiplier * margins.weights
    right = margins.weights + sign * rate * term - constraint
    yield equality(left[None], right[None], RATIONALS, case.member)


UPDATED = normalised_cases(mlps(depths=(1, 3), widths=(1, 2), slopes=(RELU,)), (1, 3))


@claim(
    "normalised-sgd-update-printed",
    title="Lagrange-normalised SGD, update of rho as printed: the data term has the wrong sign",
    kind="identity",
    sources=[XU2022.at("Eq. 46, first line")],
    statement=r"\rho - \eta \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = \rho - \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \bar f_n - 2 \eta \lambda \rho",
    hypotheses=["the loss of Eq. 1", "||V_k|| = 1"],
    control="and with eta lambda rho as the last term",
    given={"case": UPDATED},
    examples=100,
)
def normalised_sgd_update_printed(setting: Setting, case: Case) -> Findings:
    """As printed. Eq. 2 of the same paper has the sign right: the gradient is that on the left."""
    yield from update_of_rho(case, -1, Fraction(1 if setting.altered else 2))


@claim(
    "normalised-sgd-update",
    title="Lagrange-normalised SGD, update of rho",
    kind="identity",
    sources=[XU2022.at("Eq. 46, first line, corrected by Eq. 2")],
    statement=r"\rho - \eta \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = \rho + \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \bar f_n - 2 \eta \lambda \rho",
    hypotheses=["the loss of Eq. 1", "||V_k|| = 1"],
    control="the last term is eta lambda rho",
    given={"case": UPDATED},
    examples=60,
    enough=10,
    corrects="normalised-sgd-update-printed",
)
def normalised_sgd_update(setting: Setting, case: Case) -> Findings:
    """With the sign of Eq. 2. The left side is an exact difference quotient of Eq. 1, which is
    quadratic in rho.
    """
    yield from update_of_rho(case, 1, Fraction(1 if setting.altered else 2))


@claim(
    "normalised-sgd-update-weights-printed",
    title="Lagrange-normalised SGD, update of V_k as printed: wrong sign, a learning rate missing",
    kind="identity",
    sources=[XU2022.at("Eq. 46, second line")],
    statement=r"V_k - \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = V_k - \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \rho \frac{\partial \bar f_n}{\partial V_k}"
    r" - 2 \eta \nu_k V_k",
    hypotheses=["the loss of Eq. 1 with nu_k of Eq. 4 on the batch", "||V_k|| = 1"],
    control="and with eta nu_k V_k as the last term",
    given={"case": UPDATED},
    examples=100,
)
def normalised_sgd_update_weights_printed(setting: Setting, case: Case) -> Findings:
    """As printed, where the first expression lacks the learning rate as well."""
    share = Fraction(1 if setting.altered else 2)
    yield from update_of_weights(case, -1, rate_on_left=False, share=share)


@claim(
    "normalised-sgd-update-weights",
    title="Lagrange-normalised SGD, update of V_k",
    kind="identity",
    sources=[XU2022.at("Eq. 46, second line, corrected by Eq. 2")],
    statement=r"V_k - \eta \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = V_k + \eta \frac2B"
    r" \sum_{(x_n, y_n) \in S'} (1 - \rho \bar f_n) \rho \frac{\partial \bar f_n}{\partial V_k}"
    r" - 2 \eta \nu_k V_k",
    hypotheses=[
        "the loss of Eq. 1 with nu_k of Eq. 4 on the batch",
        "||V_k|| = 1",
        "no pre-activation is zero",
    ],
    control="the last term is eta nu_k V_k",
    given={"case": UPDATED},
    examples=200,
    enough=10,
    corrects="normalised-sgd-update-weights-printed",
)
def normalised_sgd_update_weights(setting: Setting, case: Case) -> Findings:
    """With the sign of Eq. 2 and the learning rate on both sides. The left side is an exact
    difference quotient of Eq. 1 along every weight, nu_k held constant.
    """
    share = Fraction(1 if setting.altered else 2)
    yield from update_of_weights(case, 1, rate_on_left=True, share=share)


@st.composite
def normalised_equilibria(draw: st.DrawFn) -> Case:
    """Collinear inputs whose margins are the two roots of ``(1 - rho f) f = lambda rho``."""
    network, weights, direction = draw(aligned_chains())
    roots = [draw(positive_dyadics()), draw(positive_dyadics())]
    margins = [*roots, *draw(st.lists(st.sampled_from(roots), max_size=2))]
    return Case(
        network,
        tuple(_cohort_of_one(w) for w in weights),
        _cohort_of_one([f * direction for f in margins]),
        _cohort_of_one([[1]] * len(margins)),
        {
            "rho": 1 / (roots[0] + roots[1]),
            "weight_decay": roots[0] * roots[1],
            "batch_size": Fraction(draw(st.integers(1, len(margins) - 1))),
        },
    )


@st.composite
def interpolators(draw: st.DrawFn) -> Case:
    """Unit-norm weights of any rank, and inputs scaled so that ``rho fbar_n = 1``."""
    network = draw(mlps(depths=(2, 2), widths=(3, 3), slopes=(RELU, LINEAR)))
    weights = [draw(unit_arrays(p.shape, positive=True)) for p in network.parameters]
    rho, entries = draw(positive_dyadics()), st.integers(1, 3)
    rows = draw(st.lists(st.lists(entries, min_size=3, max_size=3), min_size=2, max_size=3))
    # Nothing is negative, so the units are linear and the output is the product.
    product = reduce(np.matmul, weights[::-1])[0]
    values = [(product * np.array(row)).sum() for row in rows]
    assume(all(values))
    return Case(
        network,
        tuple(_cohort_of_one(w) for w in weights),
        _cohort_of_one([[x / (rho * f) for x in row] for row, f in zip(rows, values, strict=True)]),
        _cohort_of_one([[1]] * len(rows)),
        {
            "rho": rho,
            "weight_decay": draw(positive_dyadics()),
            "batch_size": Fraction(draw(st.integers(1, len(rows) - 1))),
        },
    )


def normalised_convergence(setting: Setting, case: Case) -> tuple[Margins, Rejection | None]:
    """The hypotheses of Lemma 8; the control has no weight decay."""
    point = Point.of(case)
    margins = Margins(point)
    decay = fmpq(0) if setting.altered else point.numbers["weight_decay"]
    batches = combinations(range(point.samples), int(case.numbers["batch_size"]))
    if any(value == 0 for value in margins.values):
        return margins, Rejection("a margin is zero")
    if not all(margins.is_equilibrium(batch, decay) for batch in batches):
        return margins, Rejection(NOT_STATIONARY)
    return margins, None


CONVERGED = st.one_of(normalised_equilibria(), interpolators())
LEMMA_8 = [
    "rho and all V_k are stationary on every batch of size B < N, with nu_k of Eq. 4 on the batch",
    "||V_k|| = 1, labels +-1, lambda > 0",
    "no margin is zero",
]


@claim(
    "normalised-convergence-rank",
    title="Convergence of Lagrange-normalised SGD on all batches forces rank at most 2",
    kind="rank",
    sources=[XU2022.at("Lemma 8")],
    statement=r"\forall S' \subset S, |S'| = B < N:"
    r"\ \frac{\partial \mathcal{L}_{S'}}{\partial \rho} = 0,"
    r"\ \frac{\partial \mathcal{L}_{S'}}{\partial V_k} = 0,\ \forall n: \bar f_n \ne 0"
    r" \ \Longrightarrow\ \operatorname{rank} V_k \le 2",
    hypotheses=LEMMA_8,
    control="without weight decay, lambda = 0",
    given={"case": CONVERGED},
    examples=400,
    enough=10,
)
def normalised_convergence_rank(setting: Setting, case: Case) -> Findings:
    """If Lagrange-normalised SGD with weight decay is stationary on every mini-batch, and no margin
    is zero, all weight matrices have rank at most 2.

    True, but the 2 comes from a case of the proof that never occurs: stationarity of rho on all
    batches gives (1 - rho fbar_n) fbar_n = lambda rho for every n, so the numbers that Eq. 50
    divides by the difference of are equal (and its plus sign should be a minus). What remains is
    `normalised-convergence-rank-one`, and with it collinear inputs: the hypotheses are met only
    there. The weight decay is needed: networks that interpolate have any rank (control).
    """
    margins, rejection = normalised_convergence(setting, case)
    if rejection is not None:
        yield rejection
        return
    rank = max(exact.rank(w) for w in margins.point.weights)
    finding = rank_at_most([rank], 2, RATIONALS, case.member)
    yield replace(finding, degenerate=COLLINEAR if margins.point.collinear else None)


@claim(
    "normalised-convergence-rank-one",
    title="... in fact forces rank one, collinear inputs, and at most two different margins",
    kind="rank",
    sources=[],
    statement=r"\text{Under the hypotheses of Lemma 8: } \operatorname{rank} V_k = 1,\ "
    r"\operatorname{rank} (x_1, \dots, x_N) = 1,\ (1 - \rho \bar f_n) \bar f_n = \lambda \rho"
    r" \ \forall n",
    hypotheses=LEMMA_8,
    control="all margins are equal",
    given={"case": CONVERGED},
    examples=400,
    enough=10,
)
def normalised_convergence_rank_one(setting: Setting, case: Case) -> Findings:
    """The sharp form of Lemma 8, our own.

    Proof. Exchange two samples between batches: the terms of a stationarity equation are equal for
    all n. For rho this reads (1 - rho fbar_n) fbar_n = lambda rho =: alpha, and alpha is not 0,
    since rho = 0 would make the margins zero. For V_k it reads
    (1 - rho fbar_n) dfbar_n/dV_k = alpha V_k, so V_k has rank one like the gradient of a single
    sample, and V_1 has its rows along x_n for every n. A quadratic equation has two roots: the
    inputs lie on a line, and on at most two distances from the origin on either side of it.
    """
    margins, rejection = normalised_convergence(replace(setting, altered=False), case)
    if rejection is not None:
        yield rejection
        return
    point = margins.point
    ranks = [exact.rank(w) for w in (*point.weights, point.inputs)]
    yield equality([ranks], [[1] * len(ranks)], RATIONALS, case.member, degenerate=COLLINEAR)
    if setting.altered:
        right = np.full(point.samples, margins.values[0])
        yield equality(margins.values[None], right[None], RATIONALS, case.member)
    else:
        left = margins.gaps * margins.values
        right = np.full(point.samples, point.numbers["weight_decay"] * point.numbers["rho"])
        yield equality(left[None], right[None], RATIONALS, case.member, degenerate=COLLINEAR)


# Real runs (galanti2022, Section 4.2)

SAMPLES, WIDTH, HIDDEN, EPOCHS, DECAY = 16, 16, 64, 300, 0.03
PAIRS = 24
"""Trained networks of the default profile; never fewer than decide a tendency, and some more."""


@dataclass(frozen=True, eq=False)
class Runs:
    """What became of K trained networks; all but ``distances`` at the end, ``(K,)``."""

    diverged: torch.Tensor
    distances: torch.Tensor
    """d(W_{t+1}, W_t), ``(epochs, K)``."""
    error: torch.Tensor
    """Mean squared residual."""
    size: torch.Tensor
    """Mean squared output."""

    def median(self, until: float) -> torch.Tensor:
        """Median distance over the tenth of the epochs that ends at a fraction of the run."""
        end = round(until * len(self.distances))
        return self.distances[end - len(self.distances) // 10 : end].median(dim=0).values

    def excluded(self, member: int, *, interpolating: bool = False) -> Rejection | None:
        """The rule, fixed beforehand, by which a trained network says nothing about a claim."""
        if bool(self.diverged[member]):
            return Rejection("training diverged")
        if float(self.size[member]) < 0.01:
            return Rejection("the function went to zero")
        if interpolating and float(self.error[member]) > 1e-6:
            return Rejection("training did not interpolate the labels")
        return None


def train(
    setting: Setting, *weight_decays: float, slope: float = RELU, batch_size: int = 4
) -> list[Runs]:
    """SGD at a constant learning rate on the unit sphere with random labels, no momentum.

    One cohort for each weight decay; cohorts differ in nothing else. A larger batch runs for more
    epochs, and its distances span as many: the numbers of updates are equal.
    """
    needed, arms = pairs_needed(TENDENCY), len(weight_decays)
    members = needed // 2 if setting.altered else max(needed + 1, setting.scaled(PAIRS))
    network, stretch = mlp([WIDTH, HIDDEN, 1], slope), batch_size // 4
    data = [uniform_sphere(SAMPLES, WIDTH, 2, setting.seed + i) for i in range(members)]
    cohort = Cohort(
        network,
        State(tuple(w.repeat(arms, 1, 1) for w in initialise(network, members, seed=setting.seed))),
        torch.from_numpy(np.stack([d.inputs for d in data] * arms)),
        torch.from_numpy(np.stack([d.signs for d in data] * arms)),
        torch.tensor(weight_decays, dtype=torch.float64).repeat_interleave(members),
    ).to(resolve_device(setting.device))
    run = sgd(
        cohort,
        Objective(),
        batch_size=batch_size,
        epochs=EPOCHS * stretch,
        learning_rate=0.1,
        batch_seeds=setting.seed + torch.arange(members).repeat(arms),
        record_every=stretch,
    )
    values = outputs(network, run.state, cohort.inputs)
    error = (values - cohort.targets).square().mean(dim=(1, 2))
    results = (run.diverged, run.trace["distance"][1:], error, values.square().mean(dim=(1, 2)))
    split = [result.cpu().chunk(arms, dim=-1) for result in results]
    return [Runs(*parts) for parts in zip(*split, strict=True)]


TRAINING = [
    "ReLU networks 16-64-1, 16 inputs on the unit sphere with random labels +-1, square loss",
    "SGD with batches of 4, reshuffled every epoch, constant learning rate 0.1, no momentum",
    "training did not diverge, and the mean squared output is at least 0.01",
]


@claim(
    "sgd-keeps-moving-with-decay",
    title="With weight decay, the distance between epochs stays bounded away from zero",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.2, Fig. 1")],
    statement=r"\lambda > 0:\ d(W_{t+1}, W_t) := \frac{1}{|E_T|} \sum_{(p,q) \in E_T}"
    r" \| W^{pq}_{t+1} - W^{pq}_t \| \text{ is lower bounded by a positive constant}",
    hypotheses=[*TRAINING, "lambda = 0.03"],
    control="the same without weight decay",
)
def sgd_keeps_moving_with_decay(setting: Setting) -> Findings:
    """With weight decay, d(W_{t+1}, W_t) does not tend to zero. An effect: its median over the last
    tenth of 300 epochs is at least half of the median before epoch 150.

    The threshold separates noise from drift. Weight decay alone shrinks what the data do not hold
    within 1 / (2 eta lambda) updates, which is 42 epochs here; a movement that is only this drift
    falls by a factor of 30 between the two windows. Batches have to be reshuffled: in a fixed
    order SGD can settle on a cycle, along which no batch has gradient zero while the distance
    between epochs vanishes (f = w x at x = 1, labels +1 and -1 in turn, one sample a batch). The
    paper's "convergence is possible if and only if this quantity tends to zero" needs the random
    order.
    """
    (runs,) = train(setting, 0.0 if setting.altered else DECAY)
    ratios = runs.median(1.0) / runs.median(0.5)
    for member, ratio in enumerate(ratios.tolist()):
        rejection = runs.excluded(member)
        yield rejection or Pair(
            ratio >= 0.5,
            f"d at the end / d half-way: from {ratios.min():.2g} to {ratios.max():.2g}",
        )


@claim(
    "sgd-settles-without-decay",
    title="Without weight decay, interpolating networks come to rest",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.2, Fig. 1"), GALANTI2022.at(f"{SECTION}, end")],
    statement=r"\lambda = 0, \text{ square loss, } f_W(x_i) = y_i \ \forall i:\ "
    r"d(W_{t+1}, W_t) \to 0",
    hypotheses=[*TRAINING, "lambda = 0", "the mean squared residual at the end is at most 1e-6"],
    control="the same with weight decay, lambda = 0.03, of networks that need not interpolate",
)
def sgd_settles_without_decay(setting: Setting) -> Findings:
    """Without weight decay, SGD with the square loss converges to a network that interpolates, so
    that all batches have gradient zero. An effect: d(W_{t+1}, W_t) falls by at least two orders of
    magnitude from the first tenth of the epochs to the last.
    """
    (runs,) = train(setting, DECAY if setting.altered else 0.0)
    ratios = runs.median(1.0) / runs.median(0.1)
    for member, ratio in enumerate(ratios.tolist()):
        rejection = runs.excluded(member, interpolating=not setting.altered)
        yield rejection or Pair(
            ratio <= 0.01,
            f"d at the end / d at the start: from {ratios.min():.2g} to {ratios.max():.2g}",
        )


@claim(
    "sgd-moves-more-with-decay",
    title="The distance between epochs is 100 times larger with weight decay than without",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.2, Fig. 1")],
    statement=r"d(W_{t+1}, W_t) \text{ is smaller by orders of magnitude when using } \lambda = 0"
    r" \text{ in comparison to using } \lambda > 0",
    hypotheses=[*TRAINING, "pairs with lambda = 0.03 and lambda = 0, all else equal"],
    control="the other way round",
)
def sgd_moves_more_with_decay(setting: Setting) -> Findings:
    """Pairs of runs with the same data, initial weights and batches, with weight decay and without.
    An effect: at the end of training, d(W_{t+1}, W_t) is at least 100 times larger with it.
    """
    with_decay, without = train(setting, DECAY, 0.0)
    ratios = with_decay.median(1.0) / without.median(1.0)
    for member, ratio in enumerate(ratios.tolist()):
        rejection = with_decay.excluded(member) or without.excluded(member)
        yield rejection or Pair(
            (1 / ratio if setting.altered else ratio) >= 100,
            f"d with decay / d without: from {ratios.min():.2g} to {ratios.max():.2g}",
        )


@claim(
    "sgd-noise-needs-small-batches",
    title="With weight decay, full-batch descent comes to rest where SGD does not",
    kind="tendency",
    sources=[GALANTI2022.at(f"{SECTION}, last paragraph")],
    statement=r"\text{the solutions of SGD ... will, in general, look different from the solutions}"
    r"\text{ of GD}",
    hypotheses=[
        "linear networks 16-64-1, data and training as in `sgd-keeps-moving-with-decay`",
        "pairs with batches of 4 and of all 16 samples, with the same number of updates",
        "lambda = 0.03",
    ],
    control="the other way round",
)
def sgd_noise_needs_small_batches(setting: Setting) -> Findings:
    """Pairs of runs with the same data, initial weights and number of updates, on mini-batches and
    on all samples. An effect: after training, four updates of SGD move the weights at least 10
    times as far as four updates of gradient descent.

    The networks are linear on purpose. With ReLU, weight decay drives pre-activations onto kinks,
    and full-batch descent chatters there with steps that fall slowly if at all; a step that does
    not vanish is not by itself the noise of SGD.
    """
    (small,) = train(setting, DECAY, slope=LINEAR)
    (full,) = train(setting, DECAY, slope=LINEAR, batch_size=SAMPLES)
    ratios = small.median(1.0) / full.median(1.0)
    for member, ratio in enumerate(ratios.tolist()):
        rejection = small.excluded(member) or full.excluded(member)
        yield rejection or Pair(
            (1 / ratio if setting.altered else ratio) >= 10,
            f"d of SGD / d of full-batch descent: from {ratios.min():.2g} to {ratios.max():.2g}",
        )
