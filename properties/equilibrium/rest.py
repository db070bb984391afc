"""Trainings of rho and V until they come to rest, and bounds on their distance from rest."""

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from flint import arb, fmpq
from hypothesis import strategies as st
from torch import Tensor

import theorycheck as tc
from properties.dynamics.normalised import NormalisedPoint
from theorycheck import arithmetic
from theorycheck.arithmetic import Ball, gamma
from theorycheck.measures import equilibrium_rho, equilibrium_rho_of_sums, margins
from theorycheck.networks import frobenius_norms, normalise
from theorycheck.training import Reduction, Run, parametrise

STARTS = {"small": 1 / 8, "medium": 1.0, "large": 8.0}
"""Initial ``rho``; the equilibria of these networks lie near 1."""

DATA_SETS, SAMPLES, INPUT_WIDTH, WIDTH = 6, 6, 4, 8
TOLERANCE = 1e-7
"""Derivation: it bounds the error of each step, and `distance_at_rest` adds up all of them."""

LEARNING_RATE, WATCH = 1 / 16, 800
"""Of gradient descent: the step, and the number of steps that are watched."""

SETTLED = fmpq(1, 100)
"""Definition: a run has settled when its distance from rest is proved to be below this part of the
equilibrium, ``rho_eq``."""


@st.composite
def starts(draw: st.DrawFn, slopes: Sequence[float], decays: Sequence[Fraction]) -> tc.Case:
    """Random deep networks on data in the unit ball, each from a small, medium and large ``rho``.

    A third of the data sets has labels that do not depend on the inputs, a third has classes that
    are pulled apart, and a third has only one of the labels. The initial ``rho`` is the product of
    the norms of the weights of the case.
    """
    depth, slope = draw(st.integers(2, 4)), draw(st.sampled_from(slopes))
    network = tc.mlp([INPUT_WIDTH, *[WIDTH] * (depth - 1), 1], slope)
    decay, seed = draw(st.sampled_from(decays)), draw(st.integers(0, 2**32 - 1))
    drawn = tc.uniform_ball(DATA_SETS * SAMPLES, INPUT_WIDTH, 2, seed)
    signs = np.where(drawn.labels == 0, 1.0, -1.0).reshape(DATA_SETS, SAMPLES, 1)
    inputs = drawn.inputs.reshape(DATA_SETS, SAMPLES, INPUT_WIDTH).copy()
    signs[2::3] = 1.0
    for kind in (1, 2):
        inputs[kind::3] = (inputs[kind::3] + signs[kind::3] * np.eye(INPUT_WIDTH)[0]) / 2
    *hidden, last = normalise(network, tc.initialise(network, DATA_SETS, seed=seed))[1]
    scales = np.repeat(list(STARTS.values()), DATA_SETS)[:, None, None]

    def tiled(array: np.ndarray) -> np.ndarray:
        return np.tile(array, (len(STARTS), 1, 1))

    parameters = (*(tiled(weights.numpy()) for weights in hidden), tiled(last.numpy()) * scales)
    return tc.Case(network, parameters, tiled(inputs), tiled(signs), {"weight_decay": decay})


def started(case: tc.Case, device: str) -> tc.Cohort:
    """The cohort of a case in the parametrisation ``rho f_V``."""
    parameters, inputs = case.tensors(device)
    state = parametrise(case.network, parameters, "lagrange")
    decay = float(case.numbers["weight_decay"])
    targets = torch.tensor(case.targets, device=device)
    return tc.Cohort.broadcast(case.network, state, inputs, targets, decay)


def resumed(cohort: tc.Cohort, state: tc.State, kept: Tensor) -> tc.Cohort:
    """The members ``kept`` of a cohort at a later state."""
    assert state.rho is not None
    parameters = tuple(parameter[kept] for parameter in state.parameters)
    state = tc.State(parameters, state.rho[kept], state.parametrisation)
    data = (tensor[kept] for tensor in (cohort.inputs, cohort.targets, cohort.weight_decay))
    return tc.Cohort(cohort.network, state, *data)


def start_names(cohort: tc.Cohort) -> list[str]:
    """Which start each member has made."""
    assert cohort.state.rho is not None
    return [
        min(STARTS, key=lambda name: abs(rho - STARTS[name])) for rho in cohort.state.rho.tolist()
    ]


def trained_point(
    case: tc.Case, state: tc.State, member: int, reduction: Reduction
) -> NormalisedPoint:
    """The floating-point state of a member as the rationals that its numbers are."""
    assert state.rho is not None
    point = NormalisedPoint.of(case)
    weights = tuple(arithmetic.rationals(parameter[member]) for parameter in state.parameters)
    numbers = {**point.numbers, "rho": arithmetic.rationals(state.rho[member]).item()}
    return replace(point, weights=weights, numbers=numbers, reduction=reduction)


def distance_at_rest(
    before: NormalisedPoint, after: NormalisedPoint, duration: Fraction, steps: int
) -> arb:
    """A bound on ``|rho - rho_eq(V)|`` after a stretch of gradient flow, from its two ends.

    Let the loss be c times a mean (c = 1, or N for sums), ``D = c M + lambda`` and L the number of
    layers.

    1. The flow moves ``(rho, V)`` by at most ``length = sqrt(duration (loss before - loss
       after))``: the loss falls at the rate of the squared speed (Cauchy and Schwarz).
    2. With unit weights, samples in the unit ball and slopes at most 1, every margin changes by at
       most ``sqrt(L) length``, hence the root of M too, and ``D >= rate`` with ``rate`` as computed
       below.
    3. As a function of the margins divided by ``sqrt(N)``, ``rho_eq`` has a gradient of squared
       norm ``c^2 (D^2 - 4 c lambda mu^2) / D^4 <= (c / D)^2``, so that it moves by at most
       ``c sqrt(L) length / rate``.
    4. If ``|rho - rho_eq| >= d`` all along, then ``rho' = -2 D (rho - rho_eq)`` moves ``rho`` by at
       least ``2 rate d duration``. So somewhere the distance was at most the observed movement over
       ``2 rate duration``; from there on it changed by at most the movements of both.

    The errors of the integrator, whose estimate the tolerances bound at each step, are added to
    the length and to the movement of ``rho``; norms that differ from 1 are allowed for.
    """
    depth = len(after.weights)
    size = len(after.inputs) if after.reduction == "sum" else 1
    coordinates = 1 + sum(weights.size for weights in after.weights)
    largest = 2 + max(abs(before.rho), abs(after.rho))
    error = steps * arb(coordinates).sqrt() * arb(TOLERANCE) * arb(largest)
    fall = max(fmpq(0), before.loss(before.rho) - after.loss(after.rho))
    elapsed = fmpq(*duration.as_integer_ratio())
    length = arb(elapsed * fall).sqrt() + error
    excess = max(
        abs((weights * weights).sum() - 1) for point in (before, after) for weights in point.weights
    )
    steepness = arb(depth).sqrt() * arb(1 + excess) ** (depth - 1)
    _, moment = after.moments()
    root = arb(moment / size).sqrt() - steepness * length
    rate = arb(after.decay) + (size * root * root if root > 0 else 0)
    moved = arb(abs(after.rho - before.rho)) + error
    return moved / (2 * rate * arb(elapsed)) + (1 + size * steepness / rate) * length


def enclosure(number: arb) -> tc.Interval:
    ball = Ball.from_arb(np.array([[number]], dtype=object))
    centre = float(ball.centre[0, 0])
    return tc.Interval(centre, centre) + tc.Interval(-ball.radius, ball.radius)


def weighted_mean_bound(run: Run, case: tc.Case, *, altered: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Distance of ``rho`` to the last equilibrium, that equilibrium, and the bound; each ``(K,)``.

    Rounding. An output of ``f_V`` has an error of at most ``gamma(p) s``, where p adds up a width
    and two per layer and s is the product of the norms above 1 (Higham, Eq. 3.12, with Frobenius
    norms). Let g be ``gamma(2 p + N + 12)``, let R bound 1 and ``|rho|``, and let eta be at most 1.
    The trainer's outputs differ from the recorded ones by ``2 gamma(p) s``, its sums over samples
    are rounded as well, and so a step differs from Eq. 6 at the recorded margins by at most
    ``g R s^2 (10 eta + 2 eta lambda + 2) <= 14 g (1 + lambda) R s^2``. Each later step keeps the
    part ``1 - 2 eta (M + lambda)`` of such a difference; together they are at most that over
    ``2 eta lambda``. A computed equilibrium is off by at most ``3 g s / lambda``. The allowance
    exceeds all of this. The product of the kept parts, each at least 1/2, has a relative error of
    at most ``gamma(WATCH (N + 12))``.
    """
    decay = float(case.numbers["weight_decay"])
    rho, margins, scale = (run.trace[name].cpu() for name in ("rho", "margins", "scale"))
    moments = margins.square().mean(dim=-1)
    equilibria = equilibrium_rho(margins.mean(dim=-1), moments, decay)
    if altered:
        equilibria = equilibrium_rho_of_sums(margins, decay)
    last = equilibria[-1]
    fractions = 2 * LEARNING_RATE * (moments[:-1] + decay)
    left = torch.where(fractions <= 0.5, 1 - fractions, math.inf).prod(dim=0)
    spread = (equilibria[:-1] - last).abs().amax(dim=0)
    layers = sum(case.network.width(vertex) + 2 for vertex in range(case.network.depth))
    largest = 1 + rho.abs().amax(dim=0)
    allowance = 32 * gamma(2 * layers + case.samples + 12) * (1 + decay) * largest
    allowance *= scale.amax(dim=0) ** 2 / (LEARNING_RATE * decay)
    relative = 1 + gamma(WATCH * (case.samples + 12))
    bound = (left * (rho[0] - last).abs() + spread) * relative + allowance
    return (rho[-1] - last).abs(), last, bound


def rho_of(network: tc.Network, state: tc.State, inputs: Tensor, targets: Tensor) -> Tensor:
    assert state.rho is not None
    return state.rho


def margins_of(network: tc.Network, state: tc.State, inputs: Tensor, targets: Tensor) -> Tensor:
    """Margins of ``f_V``, ``(K, N)``."""
    return margins(tc.forward(network, state.parameters, inputs), targets)


def scale_of(network: tc.Network, state: tc.State, inputs: Tensor, targets: Tensor) -> Tensor:
    """Product of the norms above 1, ``(K,)``."""
    return frobenius_norms(network, state.parameters).clamp(min=1).prod(dim=-1)
