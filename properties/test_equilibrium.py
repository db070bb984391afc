"""Claims on the flow of rho and V under the square loss, and on where rho comes to rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
import torch
from flint import arb, fmpq
from hypothesis import strategies as st
from torch import Tensor

from theorycheck import exact
from theorycheck.cases import Case
from theorycheck.claims import Setting, claim
from theorycheck.datasets import uniform_ball
from theorycheck.evidence import Findings, Observation, Rejection, equality, inequality
from theorycheck.measures import equilibrium_rho, margin_statistics, margins
from theorycheck.networks import (
    LINEAR,
    RELU,
    Network,
    Parameters,
    forward,
    initialise,
    mlp,
    normalise,
)
from theorycheck.rounding import Ball, Interval, gamma
from theorycheck.strategies import dyadics, homogeneous_networks, normalised_cases, positive_dyadics
from theorycheck.training import (
    Cohort,
    Objective,
    Reduction,
    Run,
    State,
    gradient_descent,
    gradient_flow,
    parametrise,
)

from properties.papers import POGGIO2020, POGGIO2021, XU2022

RATIONALS = "rationals"
SYMBOLIC = "rational functions"
KINK = "a unit is at or next to its kink for some sample"
ZERO = "the network is zero on the data"

CHAIN = "a chain of dense or convolutional layers without biases; ReLU, leaky ReLU or linear"
UNIT = "|V_k| = 1 for every layer k"
SIGNS = "one output, labels +-1"
SMOOTH = "every f_V(x_n) is differentiable in V_k"
DECAY = "lambda > 0"


@dataclass(frozen=True)
class Point:
    """A point ``(rho, V)`` with its data in rationals; the loss is Eq. 1 or, for sums, N times it.

    ``poggio2020`` and ``poggio2021`` sum over the samples where ``xu2022`` averages; neither
    divides lambda.
    """

    network: Network
    weights: Sequence[exact.Array]
    inputs: exact.Array
    signs: exact.Array
    rho: fmpq
    decay: fmpq
    reduction: Reduction = "mean"

    @classmethod
    def of(cls, case: Case, reduction: Reduction = "mean") -> Point:
        assert case.targets is not None
        return cls(
            case.network,
            tuple(exact.rationals(parameter[0]) for parameter in case.parameters),
            exact.rationals(case.inputs[0]),
            exact.rationals(case.targets[0, :, 0]),
            number(case, "rho"),
            number(case, "weight_decay"),
            reduction,
        )

    @property
    def outputs(self) -> exact.Array:
        """``f_n``, shape ``(N,)``."""
        values: exact.Array = exact.vertices(self.network, self.weights, self.inputs)[-1][:, 0]
        return values

    def reduce(self, values: exact.Array) -> Any:
        """The mean or the sum over the samples, which are the first axis."""
        total = values.sum(axis=0)
        return total / len(self.inputs) if self.reduction == "mean" else total

    def moments(self) -> tuple[fmpq, fmpq]:
        """``mu`` and ``M``: mean (or sum) of the margins and of their squares."""
        margins = self.signs * self.outputs
        return self.reduce(margins), self.reduce(margins * margins)

    def loss(self, rho: fmpq) -> fmpq:
        """The loss at another ``rho`` and the same ``V``."""
        residuals = rho * self.outputs - self.signs
        return self.reduce(residuals * residuals) + self.decay * rho * rho

    def slope(self, rho: fmpq) -> fmpq:
        """``dL/d rho``: a central difference, which is exact because the loss is quadratic."""
        return (self.loss(rho + 1) - self.loss(rho - 1)) / 2

    def derivatives(self, index: int) -> exact.Array | None:
        """``df_n/dV_k``, shape ``(N, *shape)``, proved from difference quotients; None at a kink."""
        if exact.has_kink(self.network, self.weights, self.inputs):
            return None
        found = exact.derivative_by_quotients(self.network, self.weights, self.inputs, index)
        return None if found is None else found[:, 0]

    def descent(self, derivatives: exact.Array) -> exact.Array:
        """Minus the gradient of the data term with respect to ``V_k``."""
        residuals = self.rho * self.outputs - self.signs
        gradient: exact.Array = self.reduce((2 * self.rho * residuals)[:, None, None] * derivatives)
        return -gradient

    def printed_flow(self, index: int, derivatives: exact.Array, *, projected: bool) -> exact.Array:
        """The right-hand side of Eq. 5 for ``V_k``, with or without its ``V_k`` term."""
        margins = (self.signs * self.outputs)[:, None, None]
        turned = self.signs[:, None, None] * derivatives
        if projected:
            turned = turned - self.weights[index] * margins
        flow: exact.Array = 2 * self.rho * self.reduce((1 - self.rho * margins) * turned)
        return flow


def number(case: Case, name: str) -> fmpq:
    fraction = Fraction(case.numbers[name])
    return fmpq(fraction.numerator, fraction.denominator)


def compare(case: Case, left: Any, right: Any, degenerate: str | None = None) -> Observation:
    """Exact equality of two arrays (or lists) of rationals."""
    sides = (np.array(side, dtype=object).reshape(1, -1) for side in (left, right))
    return equality(*sides, RATIONALS, case.member, degenerate=degenerate)


def flat(arrays: Sequence[exact.Array]) -> exact.Array:
    return np.concatenate([array.ravel() for array in arrays])


def points() -> st.SearchStrategy[Case]:
    """Normalised networks with any ``rho``, also negative, and positive weight decay."""
    return normalised_cases(
        homogeneous_networks(), numbers={"rho": dyadics(), "weight_decay": positive_dyadics()}
    )


# The loss and the two equations of the flow, at arbitrary points.


@claim(
    "loss-in-margins",
    title="The loss in terms of the margins and of their first two moments",
    kind="identity",
    sources=[XU2022.at("Eq. 1, Lemma 1 (proof), Eq. 11")],
    statement=r"\frac1N \sum_n (\rho f_n - y_n)^2 + \lambda\rho^2"
    r" = \frac1N \sum_n (1 - \rho \bar f_n)^2 + \lambda\rho^2"
    r" = 1 - 2\rho\mu + \rho^2 M + \lambda\rho^2",
    hypotheses=[CHAIN, UNIT, SIGNS],
    control="labels +-2",
    given={"case": points()},
)
def loss_in_margins(setting: Setting, case: Case) -> Findings:
    """The square loss of `rho f_V` depends on the data only through the mean mu and the second
    moment M of the margins `y_n f_n`.

    On the unit spheres the Lagrange term of Eq. 1 is 0. The second line of Eq. 11 is printed
    without its sum over n.
    """
    point = Point.of(case)
    rho, signs, outputs = point.rho, point.signs, point.outputs
    if setting.altered:
        signs = 2 * signs
    penalty = point.decay * rho * rho
    first = point.reduce((rho * outputs - signs) ** 2) + penalty
    second = point.reduce((1 - rho * signs * outputs) ** 2) + penalty
    mean, moment = point.reduce(signs * outputs), point.reduce((signs * outputs) ** 2)
    third = 1 - 2 * rho * mean + rho * rho * moment + penalty
    yield compare(case, [first, first], [second, third])


def rho_dynamics_at(point: Point, case: Case, *, altered: bool) -> Findings:
    factor = 1 if altered else 2
    rho, margins = point.rho, point.signs * point.outputs
    mean, moment = point.moments()
    decay = factor * point.decay * rho
    printed = [
        2 * point.reduce((1 - rho * margins) * margins) - decay,
        2 * (mean - rho * moment) - decay,
    ]
    yield compare(case, [-point.slope(rho)] * 2, printed)


@claim(
    "rho-dynamics",
    title="The flow of rho, averaged loss",
    kind="identity",
    sources=[XU2022.at("Eq. 2, Eq. 5 and Eq. 6")],
    statement=r"\dot\rho = -\frac{\partial \mathcal L_S}{\partial \rho}"
    r" = \frac2N \sum_n (1 - \rho\bar f_n)\bar f_n - 2\lambda\rho"
    r" = 2(\mu - \rho(M + \lambda))",
    hypotheses=[CHAIN, SIGNS],
    control="weight decay contributes lambda rho, as for a penalty (lambda/2) rho^2",
    given={"case": points()},
)
def rho_dynamics(setting: Setting, case: Case) -> Findings:
    """Minus the derivative of the loss with respect to rho is the printed right-hand side.

    The loss is quadratic in rho, so that a central difference of the loss itself, in rationals, is
    its derivative; no rule of differentiation takes part.
    """
    yield from rho_dynamics_at(Point.of(case), case, altered=setting.altered)


@claim(
    "rho-dynamics-of-sums",
    title="The flow of rho, summed loss",
    kind="identity",
    sources=[POGGIO2020.at("Eq. 5"), POGGIO2021.at("Eq. 3")],
    statement=r"\dot\rho = -2\Big[\sum_n \rho (f_n)^2 - \sum_n f_n y_n\Big] - 2\lambda\rho",
    hypotheses=[CHAIN, SIGNS],
    control="weight decay contributes lambda rho, as for a penalty (lambda/2) rho^2",
    given={"case": points()},
)
def rho_dynamics_of_sums(setting: Setting, case: Case) -> Findings:
    """The same for the loss that is summed over the samples (poggio2020, Eq. 4; poggio2021,
    Eq. 2), with a lambda that is not divided by N either.
    """
    yield from rho_dynamics_at(Point.of(case, "sum"), case, altered=setting.altered)


def normalised_flow_at(point: Point, case: Case, *, altered: bool) -> Findings:
    lefts, rights = [], []
    for index in case.network.weights:
        derivatives = point.derivatives(index)
        if derivatives is None:
            yield Rejection(KINK)
            return
        descent, weights = point.descent(derivatives), point.weights[index]
        lefts.append(descent - weights * (descent * weights).sum())
        rights.append(point.printed_flow(index, derivatives, projected=not altered))
    yield compare(case, flat(lefts), flat(rights))


@claim(
    "normalised-flow",
    title="The flow of V_k is the gradient projected on the unit sphere, averaged loss",
    kind="identity",
    sources=[XU2022.at("Eq. 2, Eq. 5")],
    statement=r"\dot V_k = \frac2N \rho \sum_n \Big[(1 - \rho\bar f_n)"
    r"\Big(-V_k\bar f_n + \frac{\partial\bar f_n}{\partial V_k}\Big)\Big]",
    hypotheses=[CHAIN, UNIT, SIGNS, SMOOTH],
    control="without the term V_k f_n: the projection is forgotten",
    given={"case": points()},
    examples=150,
)
def normalised_flow(setting: Setting, case: Case) -> Findings:
    """The printed right-hand side equals minus the gradient of the data term with respect to V_k,
    less its component along V_k.

    The unit norm of V_k turns Eq. 2, with the multiplier of Eq. 4, into this projection. The
    derivatives of f are proved from difference quotients, and Lemma 2 is not presupposed. Points at
    which a unit is at its kink are left out.
    """
    yield from normalised_flow_at(Point.of(case), case, altered=setting.altered)


@claim(
    "normalised-flow-of-sums",
    title="The flow of V_k is the gradient projected on the unit sphere, summed loss",
    kind="identity",
    sources=[POGGIO2020.at("Eq. 6"), POGGIO2021.at("Eq. 4")],
    statement=r"\dot V_k = 2\rho \sum_n \Big[(\rho f_n - y_n)"
    r"\Big(V_k f_n - \frac{\partial f_n}{\partial V_k}\Big)\Big]",
    hypotheses=[CHAIN, UNIT, SIGNS, SMOOTH],
    control="without the term V_k f_n: the projection is forgotten",
    given={"case": points()},
    examples=150,
)
def normalised_flow_of_sums(setting: Setting, case: Case) -> Findings:
    """The same for the summed loss. The equation is printed without margins; with `y_n^2 = 1` it is
    N times Eq. 5 of xu2022.
    """
    yield from normalised_flow_at(Point.of(case, "sum"), case, altered=setting.altered)


@claim(
    "sphere-is-kept",
    title="A normalised V_k can only rotate",
    kind="identity",
    sources=[XU2022.at("Section 3.4.1, after Eq. 8")],
    statement=r"\|V_k\| = 1 \;\Rightarrow\; V_k^\top \dot V_k = 0",
    hypotheses=[CHAIN, UNIT, SIGNS, SMOOTH],
    control="V_1 has norm 2",
    given={"case": points()},
)
def sphere_is_kept(setting: Setting, case: Case) -> Findings:
    """The right-hand side of Eq. 5 is orthogonal to V_k on the unit sphere.

    Off the sphere it is not: `(|V_k|^2)' = 4 nu_k (1 - |V_k|^2)`, so that the equation restores the
    norm where nu_k > 0 and drives it away where nu_k < 0.
    """
    point = Point.of(case)
    if setting.altered:
        first, *others = point.weights
        point = Point.of(
            Case(
                case.network,
                (2 * case.parameters[0], *case.parameters[1:]),
                case.inputs,
                case.targets,
                case.numbers,
            )
        )
    products = []
    for index in case.network.weights:
        derivatives = point.derivatives(index)
        if derivatives is None:
            yield Rejection(KINK)
            return
        flow = point.printed_flow(index, derivatives, projected=True)
        products.append((point.weights[index] * flow).sum())
    yield compare(case, products, [fmpq(0)] * len(products))
