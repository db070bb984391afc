"""Points ``(rho, V)``: abbreviations for the loss of ``rho f_V``, strategies, and exact numbers.

``poggio2020`` and ``poggio2021`` sum over the samples where ``xu2022`` averages; neither divides
lambda.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Self

import torch
from flint import fmpq
from hypothesis import strategies as st

import theorycheck as tc
from theorycheck.arithmetic import Array, Point, to_fractions
from theorycheck.drawing import Targets
from theorycheck.networks import vertices
from theorycheck.training import Parametrisation, Reduction, parametrise

# Abbreviations

MEAN_LOSS = (
    "loss(r) = sum([(r * f(n, 0) - y[n][0]) ** 2 for n in samples]) / len(samples)"
    " + weight_decay * r ** 2"
)
"""xu2022, Eq. 1, on the unit spheres: the Lagrange term is 0."""

SUMMED_LOSS = (
    "loss(r) = sum([(r * f(n, 0) - y[n][0]) ** 2 for n in samples]) + weight_decay * r ** 2"
)
"""poggio2020, Eq. 4, and poggio2021, Eq. 2, without their Lagrange term, which is constant."""

RHO_DOT = "rho_dot(r) = (loss(r - 1) - loss(r + 1)) / 2"
"""Minus the derivative of the loss with respect to rho: the loss is quadratic in rho, so that its
central difference is its derivative, whatever the step.
"""

DESCENT = "descent(k) = -grad(loss(rho), k)"
"""Minus the gradient with respect to V_k, without the Lagrange term."""

AVERAGED_FLOW = (
    "flow(k) = 2 * rho / len(samples) * sum([(1 - rho * margin(n))"
    " * (y[n][0] * df(n, 0, k) - margin(n) * W[k]) for n in samples])"
)
"""The flow of V_k: xu2022, Eq. 5."""

# Strategies

ROUNDING = 1e-9
"""Derivation: above what float64 rounds off on these small networks, and below their smallest
nonzero arguments. It decides what is proposed; whether hypotheses are met is decided exactly.
"""


NUMBERS = {"rho": tc.dyadics().filter(bool), "weight_decay": tc.positive_dyadics()}


def points(
    networks: st.SearchStrategy[tc.Network] | None = None,
    *,
    smooth: bool = False,
    samples: tuple[int, int] = (1, 4),
) -> st.SearchStrategy[tc.Case]:
    """Normalised networks with a ``rho`` of either sign and positive weight decay.

    Of each cohort those members are kept that are not zero on the data and, if ``smooth``, have no
    unit at its kink, or one member if there are none.
    """
    drawn = tc.normalised_cases(
        tc.homogeneous_networks() if networks is None else networks,
        numbers=NUMBERS,
        samples=samples,
        cohort=8,
    )
    return drawn.map(lambda case: _kept(case, smooth=smooth))


@st.composite
def on_a_line(
    draw: st.DrawFn,
    margins: Sequence[Fraction] = (Fraction(1), Fraction(1, 2), Fraction(3, 4), Fraction(1, 16)),
    *,
    rhos: Sequence[int] = (16, 128, 32, 1, 8),
    aside: int = 0,
) -> tc.Case:
    """Near equality: a linear unit, margins as chosen, either label, any decay and positive rho.

    Args:
        rhos: in sixteenths.
        aside: what every input has across the weights, times its label.
    """
    chosen = draw(st.lists(st.sampled_from(margins), min_size=1, max_size=3))
    signs = [draw(st.sampled_from([1, -1])) for _ in chosen]
    inputs = [[m * sign, aside * sign] for m, sign in zip(chosen, signs, strict=True)]
    rho = draw(st.sampled_from(rhos))
    decay = draw(st.sampled_from([0, 1, 4096]))
    numbers = {"rho": Fraction(rho, 16), "weight_decay": Fraction(decay, 1024)}
    return tc.Case.single(tc.mlp([2, 1]), [[[1, 0]]], inputs, [[sign] for sign in signs], numbers)


def fraction(number: fmpq) -> Fraction:
    """A rational of python-flint as one of Python."""
    return Fraction(int(number.p), int(number.q))


def at_rest_in_rho(case: tc.Case) -> tc.Case:
    """One member, with ``rho`` at its equilibrium: xu2022, Eq. 7."""
    one = case.member(0)
    resting = fraction(NormalisedPoint.of(one).equilibrium)
    return replace(one, numbers={**one.numbers, "rho": resting})


def interpolating(case: tc.Case) -> tc.Case:
    """One member, with inputs and labels at which ``rho f_V`` interpolates, wherever it is not 0.

    The label is the sign of the output, and the input is scaled: ``f_V`` is positively homogeneous.
    """
    one = case.member(0)
    point = NormalisedPoint.of(one)
    values = to_fractions(point.rho * point.values)
    inputs = to_fractions(point.inputs)
    rows = [row / abs(f) if f else row for row, f in zip(inputs, values, strict=True)]
    signs = [[Fraction(-1 if f < 0 else 1)] for f in values]
    numbers = {**one.numbers, "rho": one.numbers["rho"]}
    weights = [weight[0] for weight in one.parameters]
    return tc.Case.single(one.network, weights, rows, signs, numbers)


def started(
    network: tc.Network,
    seeds: Sequence[int],
    rhos: Sequence[float],
    parametrisation: Parametrisation,
) -> tc.State:
    """States ``(rho, V)`` in float32 for trainings: for each initial rho, a copy with the same V.

    Members are in the order of the seeds, one copy after another.
    """
    weights = tc.initialise(network, len(seeds), seed=seeds[0], dtype=torch.float32)
    unit = parametrise(network, weights, parametrisation).parameters
    rho = torch.tensor(rhos, dtype=torch.float32).repeat_interleave(len(seeds))
    return tc.State(tuple(v.repeat(len(rhos), 1, 1) for v in unit), rho, parametrisation)


def with_positive_rho(case: tc.Case) -> tc.Case:
    """The absolute value of rho."""
    return replace(case, numbers={**case.numbers, "rho": abs(case.numbers["rho"])})


def with_halved_labels(case: tc.Case) -> tc.Case:
    """Labels +-1/2, which are no labels of margins."""
    assert case.targets is not None
    return replace(case, targets=case.targets / 2)


def points_of_any_network(targets: Targets) -> st.SearchStrategy[tc.Case]:
    """Networks of weights of any norm, with biases or skips, and a ``rho``; one output."""
    networks = st.one_of(
        tc.mlps(depths=(2, 4), bias=True), tc.directed_graphs(), tc.residual_networks()
    )
    return tc.cases(networks, targets=targets, numbers=NUMBERS)


def _kept(case: tc.Case, *, smooth: bool) -> tc.Case:
    parameters, inputs = case.tensors()
    kept = vertices(case.network, parameters, inputs)[-1].abs().amax(dim=(1, 2)) > ROUNDING
    layers = case.network.layers
    for depth, layer in enumerate(layers):
        if smooth and layer.slope != tc.LINEAR:
            straight = (*layers[:depth], replace(layer, slope=tc.LINEAR))
            cut = tc.Network(case.network.input_width, straight)
            arguments = vertices(cut, parameters[: len(cut.parameters)], inputs)
            kept &= arguments[-1].abs().amin(dim=(1, 2)) > ROUNDING
    return case.members_at(kept.numpy()) if kept.any() else case.member(0)


# Exact numbers


@dataclass(frozen=True, eq=False)
class NormalisedPoint(Point):
    """A point ``(rho, V)``; the loss is that of xu2022, Eq. 1, or, for sums, N times its data term.

    The weights are ``V``; ``rho`` and ``weight_decay`` are among the numbers of the case.
    """

    reduction: Reduction = "mean"

    @property
    def rho(self) -> fmpq:
        return self.numbers["rho"]

    @property
    def decay(self) -> fmpq:
        return self.numbers["weight_decay"]

    @property
    def exchanged(self) -> Self:
        """The same point for the other loss, with sums for the mean or the mean for sums."""
        return replace(self, reduction="sum" if self.reduction == "mean" else "mean")

    def reduce(self, values: Array) -> Any:
        """The mean or the sum over the samples, which are the first axis."""
        total = values.sum(axis=0)
        return total / self.samples if self.reduction == "mean" else total

    def moments(self) -> tuple[fmpq, fmpq]:
        """``mu`` and ``M``: mean (or sum) of the margins and of their squares."""
        return self.reduce(self.margins), self.reduce(self.margins * self.margins)

    def loss(self, rho: fmpq) -> fmpq:
        """The loss at another ``rho`` and the same ``V``."""
        residuals = rho * self.values - self.labels
        total: fmpq = self.reduce(residuals * residuals) + self.decay * rho * rho
        return total

    def slope(self, rho: fmpq) -> fmpq:
        """``dL/d rho``: a central difference, which is exact because the loss is quadratic."""
        slope: fmpq = (self.loss(rho + 1) - self.loss(rho - 1)) / 2
        return slope

    @property
    def multiplier(self) -> fmpq:
        """xu2022, Eq. 4, first form; or the multiplier of poggio2020 and poggio2021, for sums."""
        scaled = self.rho * self.values
        multiplier: fmpq = self.reduce(scaled * self.labels - scaled * scaled)
        return multiplier

    @property
    def equilibrium(self) -> fmpq:
        """xu2022, Eq. 7; or, for sums, poggio2020, Eq. 7 and poggio2021, Eq. 5."""
        mean, moment = self.moments()
        return mean / (moment + self.decay)

    def descent(self, derivatives: Array) -> Array:
        """Minus the gradient of the data term with respect to ``V_k``, from ``df_n/dV_k``."""
        residuals = self.rho * self.values - self.labels
        gradient: Array = self.reduce((2 * self.rho * residuals)[:, None, None] * derivatives)
        return -gradient
