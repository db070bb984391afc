"""Claims on the flow of rho and V under the square loss, and on where rho comes to rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy
import torch
from flint import arb, fmpq
from hypothesis import strategies as st
from torch import Tensor

from properties.formulas import CHAIN as IS_CHAIN
from properties.formulas import DECAY as HAS_DECAY
from properties.formulas import MARGIN, MEAN_MARGIN, SECOND_MOMENT, UNIT_NORMS
from properties.formulas import SIGNS as HAS_SIGNS
from properties.papers import POGGIO2020, POGGIO2021, XU2022
from theorycheck import arithmetic
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.enclosures import Interval, gamma
from theorycheck.arithmetic.singular_values import Ball
from theorycheck.claims.comparisons import equality, inequality
from theorycheck.claims.declaration import Formal, claim
from theorycheck.claims.evidence import Findings, Observation, Rejection
from theorycheck.claims.setting import Setting
from theorycheck.data.synthetic import uniform_ball
from theorycheck.drawing.networks import homogeneous_networks, mlps
from theorycheck.drawing.normalised import normalised_cases
from theorycheck.drawing.numbers import dyadics, positive_dyadics
from theorycheck.measures.outputs import equilibrium_rho, equilibrium_rho_of_sums, margins
from theorycheck.networks.evaluation import forward
from theorycheck.networks.initialisation import frobenius_norms, initialise, normalise
from theorycheck.networks.specification import LINEAR, RELU, Network, mlp
from theorycheck.training.cohorts import Cohort, Objective, Reduction, State, parametrise
from theorycheck.training.recording import Run
from theorycheck.training.trainers import gradient_descent, gradient_flow

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

    case: Case
    """Where the numbers come from, one member."""
    weights: Sequence[arithmetic.Array]
    inputs: arithmetic.Array
    signs: arithmetic.Array
    rho: fmpq
    decay: fmpq
    reduction: Reduction = "mean"

    @classmethod
    def each(cls, case: Case, reduction: Reduction = "mean") -> Iterator[Point]:
        """The points of the members, at the ``rho`` and the weight decay that they share."""
        assert case.targets is not None
        for member in range(case.members):
            yield cls(
                case.member(member),
                tuple(arithmetic.rationals(parameter[member]) for parameter in case.parameters),
                arithmetic.rationals(case.inputs[member]),
                arithmetic.rationals(case.targets[member, :, 0]),
                fmpq(*case.numbers["rho"].as_integer_ratio()),
                fmpq(*case.numbers["weight_decay"].as_integer_ratio()),
                reduction,
            )

    @property
    def exchanged(self) -> Point:
        """The same point for the other loss, with sums for the mean or the mean for sums."""
        return replace(self, reduction="sum" if self.reduction == "mean" else "mean")

    @cached_property
    def outputs(self) -> arithmetic.Array:
        """``f_n``, shape ``(N,)``."""
        values: arithmetic.Array = arithmetic.vertices(
            self.case.network, self.weights, self.inputs
        )[-1][:, 0]
        return values

    def reduce(self, values: arithmetic.Array) -> Any:
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
        total: fmpq = self.reduce(residuals * residuals) + self.decay * rho * rho
        return total

    def slope(self, rho: fmpq) -> fmpq:
        """``dL/d rho``: a central difference, which is exact because the loss is quadratic."""
        slope: fmpq = (self.loss(rho + 1) - self.loss(rho - 1)) / 2
        return slope

    def derivatives(self) -> dict[int, arithmetic.Array] | None:
        """``df_n/dV_k``, shape ``(N, *shape)``, for every layer, proved from difference quotients.

        None when a unit is at its kink, or so near to it that no quotient was proved.
        """
        network = self.case.network
        if arithmetic.has_kink(network, self.weights, self.inputs):
            return None
        found = {}
        for index in network.weights:
            quotients = arithmetic.derivative_by_quotients(
                network, self.weights, self.inputs, index
            )
            if quotients is None:
                return None
            found[index] = quotients[:, 0]
        return found

    def descent(self, derivatives: arithmetic.Array) -> arithmetic.Array:
        """Minus the gradient of the data term with respect to ``V_k``."""
        residuals = self.rho * self.outputs - self.signs
        gradient: arithmetic.Array = self.reduce(
            (2 * self.rho * residuals)[:, None, None] * derivatives
        )
        return -gradient


Flow = Callable[[Point, int, arithmetic.Array], arithmetic.Array]
"""The right-hand side of an equation for ``V_k`` at a point, from ``k`` and ``df_n/dV_k``."""


def averaged_flow(point: Point, index: int, derivatives: arithmetic.Array) -> arithmetic.Array:
    """xu2022, Eq. 5."""
    signs = point.signs[:, None, None]
    margins = signs * point.outputs[:, None, None]
    turned = -point.weights[index] * margins + signs * derivatives
    flow: arithmetic.Array = 2 * point.rho * point.reduce((1 - point.rho * margins) * turned)
    return flow


def summed_flow(point: Point, index: int, derivatives: arithmetic.Array) -> arithmetic.Array:
    """poggio2020, Eq. 6; poggio2021, Eq. 4."""
    outputs = point.outputs[:, None, None]
    turned = point.weights[index] * outputs - derivatives
    residuals = point.rho * outputs - point.signs[:, None, None]
    flow: arithmetic.Array = 2 * point.rho * point.reduce(residuals * turned)
    return flow


def compare(point: Point, left: Any, right: Any) -> Observation:
    """Exact equality of two arrays (or lists) of rationals."""
    left, right = (np.array(side, dtype=object).reshape(1, -1) for side in (left, right))
    degenerate = None if point.outputs.any() else ZERO
    return equality(left, right, RATIONALS, point.case.member, degenerate=degenerate)


def flat(arrays: Sequence[arithmetic.Array]) -> arithmetic.Array:
    return np.concatenate([array.ravel() for array in arrays])


def points(networks: st.SearchStrategy[Network] | None = None) -> st.SearchStrategy[Case]:
    """Normalised networks with a ``rho`` of either sign and positive weight decay."""
    return normalised_cases(
        homogeneous_networks() if networks is None else networks,
        numbers={"rho": dyadics().filter(bool), "weight_decay": positive_dyadics()},
        cohort=8,
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
    on={"case": points()},
    examples=60,
)
def loss_in_margins(setting: Setting, case: Case) -> Findings:
    """The square loss of `rho f_V` depends on the data only through the mean mu and the second
    moment M of the margins `y_n f_n`.

    On the unit spheres the Lagrange term of Eq. 1 is 0. The second line of Eq. 11 is printed
    without its sum over n.
    """
    for point in Point.each(case):
        rho, signs, outputs = point.rho, point.signs, point.outputs
        if setting.altered:
            signs = 2 * signs
        penalty = point.decay * rho * rho
        first = point.reduce((rho * outputs - signs) ** 2) + penalty
        second = point.reduce((1 - rho * signs * outputs) ** 2) + penalty
        mean, moment = point.reduce(signs * outputs), point.reduce((signs * outputs) ** 2)
        third = 1 - 2 * rho * mean + rho * rho * moment + penalty
        yield compare(point, [first, first], [second, third])


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
    on={"case": points()},
    examples=60,
)
def rho_dynamics(setting: Setting, case: Case) -> Findings:
    """Minus the derivative of the loss with respect to rho is the printed right-hand side.

    The loss is quadratic in rho, so that a central difference of the loss itself, in rationals, is
    its derivative; no rule of differentiation takes part.
    """
    for point in Point.each(case):
        rho, margins = point.rho, point.signs * point.outputs
        mean, moment = point.moments()
        decay = (1 if setting.altered else 2) * point.decay * rho
        printed = [
            2 * point.reduce((1 - rho * margins) * margins) - decay,
            2 * (mean - rho * moment) - decay,
        ]
        yield compare(point, [-point.slope(rho)] * 2, printed)


@claim(
    "rho-dynamics-of-sums",
    title="The flow of rho, summed loss",
    kind="identity",
    sources=[POGGIO2020.at("Eq. 5"), POGGIO2021.at("Eq. 3")],
    statement=r"\dot\rho = -2\Big[\sum_n \rho (f_n)^2 - \sum_n f_n y_n\Big] - 2\lambda\rho",
    hypotheses=[CHAIN, SIGNS],
    control="weight decay contributes lambda rho, as for a penalty (lambda/2) rho^2",
    on={"case": points()},
    examples=60,
)
def rho_dynamics_of_sums(setting: Setting, case: Case) -> Findings:
    """The same for the loss that is summed over the samples (poggio2020, Eq. 4; poggio2021,
    Eq. 2), with a lambda that is not divided by N either.
    """
    for point in Point.each(case, "sum"):
        rho, outputs = point.rho, point.outputs
        decay = (1 if setting.altered else 2) * point.decay * rho
        bracket = (rho * outputs * outputs).sum() - (outputs * point.signs).sum()
        yield compare(point, [-point.slope(rho)], [-2 * bracket - decay])


def projected_gradient(
    case: Case, reduction: Reduction, printed: Flow, *, altered: bool
) -> Findings:
    """Compare a printed flow with the projection of minus the gradient, for every layer."""
    for point in Point.each(case, reduction):
        derivatives = point.derivatives()
        if derivatives is None:
            yield Rejection(KINK)
            continue
        lefts, rights = [], []
        for index, derivative in derivatives.items():
            weights, descent = point.weights[index], point.descent(derivative)
            along = 0 if altered else (descent * weights).sum()
            lefts.append(descent - along * weights)
            rights.append(printed(point, index, derivative))
        yield compare(point, flat(lefts), flat(rights))


@claim(
    "normalised-flow",
    title="The flow of V_k is the gradient projected on the unit sphere, averaged loss",
    kind="identity",
    sources=[XU2022.at("Eq. 2, Eq. 5")],
    statement=r"\dot V_k = \frac2N \rho \sum_n \Big[(1 - \rho\bar f_n)"
    r"\Big(-V_k\bar f_n + \frac{\partial\bar f_n}{\partial V_k}\Big)\Big]",
    hypotheses=[CHAIN, UNIT, SIGNS, SMOOTH],
    control="the gradient itself, not projected",
    on={"case": points()},
    examples=60,
)
def normalised_flow(setting: Setting, case: Case) -> Findings:
    """The printed right-hand side equals minus the gradient of the data term with respect to V_k,
    less its component along V_k.

    The unit norm of V_k turns Eq. 2, with the multiplier of Eq. 4, into this projection. The
    derivatives of f are proved from difference quotients, and Lemma 2 is not presupposed. Points at
    which a unit is at its kink are left out.
    """
    yield from projected_gradient(case, "mean", averaged_flow, altered=setting.altered)


@claim(
    "normalised-flow-of-sums",
    title="The flow of V_k is the gradient projected on the unit sphere, summed loss",
    kind="identity",
    sources=[POGGIO2020.at("Eq. 6"), POGGIO2021.at("Eq. 4")],
    statement=r"\dot V_k = 2\rho \sum_n \Big[(\rho f_n - y_n)"
    r"\Big(V_k f_n - \frac{\partial f_n}{\partial V_k}\Big)\Big]",
    hypotheses=[CHAIN, UNIT, SIGNS, SMOOTH],
    control="the gradient itself, not projected",
    on={"case": points()},
    examples=60,
)
def normalised_flow_of_sums(setting: Setting, case: Case) -> Findings:
    """The same for the summed loss. The equation is printed without margins; with `y_n^2 = 1` it is
    N times Eq. 5 of xu2022.
    """
    yield from projected_gradient(case, "sum", summed_flow, altered=setting.altered)


def orthogonality(point: Point, flow: Flow) -> Observation | Rejection:
    """``<V_k, V_k'> = 0`` for a flow of ``V_k``, for every layer."""
    derivatives = point.derivatives()
    if derivatives is None:
        return Rejection(KINK)
    products = [
        (point.weights[index] * flow(point, index, derivative)).sum()
        for index, derivative in derivatives.items()
    ]
    return compare(point, products, [fmpq(0)] * len(products))


def multiplied_flow(multiplier: fmpq) -> Flow:
    """Minus the gradient of the Lagrangian with this multiplier: xu2022, Eq. 2, and for sums."""

    def flow(point: Point, index: int, derivatives: arithmetic.Array) -> arithmetic.Array:
        velocity: arithmetic.Array = (
            point.descent(derivatives) - 2 * multiplier * point.weights[index]
        )
        return velocity

    return flow


@claim(
    "sphere-is-kept",
    title="A normalised V_k can only rotate",
    kind="identity",
    sources=[XU2022.at("Section 3.4.1, after Eq. 8")],
    statement=r"\|V_k\| = 1 \;\Rightarrow\; V_k^\top \dot V_k = 0",
    hypotheses=[CHAIN, UNIT, SIGNS, SMOOTH],
    control="V_1 has norm 2",
    on={"case": points()},
    examples=60,
)
def sphere_is_kept(setting: Setting, case: Case) -> Findings:
    """The right-hand side of Eq. 5 is orthogonal to V_k on the unit sphere.

    Off the sphere it is not: `(|V_k|^2)' = 4 nu_k (1 - |V_k|^2)`, so that the equation restores the
    norm where nu_k > 0 and drives it away where nu_k < 0.
    """
    for point in Point.each(case):
        if setting.altered:
            first, *others = point.weights
            point = replace(point, weights=(2 * first, *others))
        yield orthogonality(point, averaged_flow)


# The Lagrange multiplier.


@claim(
    "lagrange-multiplier",
    title="The Lagrange multiplier that keeps V_k on the unit sphere, averaged loss",
    kind="identity",
    sources=[XU2022.at("Eq. 2; Eq. 4, first form")],
    statement=r"\nu_k = \frac1N \sum_n (\rho\bar f_n - \rho^2 f_n^2)"
    r"\;\Rightarrow\; V_k^\top \dot V_k = 0",
    hypotheses=[CHAIN, UNIT, SIGNS, SMOOTH],
    control="the multiplier of the summed loss, without 1/N",
    on={"case": points()},
    examples=60,
)
def lagrange_multiplier(setting: Setting, case: Case) -> Findings:
    """With this multiplier the flow of Eq. 2 is orthogonal to every V_k.

    The multiplier is the same for every layer. The derivatives of f are proved from difference
    quotients.
    """
    for point in Point.each(case):
        multiplier = first_form(point.exchanged if setting.altered else point)
        yield orthogonality(point, multiplied_flow(multiplier))


@claim(
    "lagrange-multiplier-of-sums",
    title="The Lagrange multiplier that keeps V_k on the unit sphere, summed loss",
    kind="identity",
    sources=[POGGIO2020.at("Section 2.3"), POGGIO2021.at("Section 2")],
    statement=r"\nu = -\sum_n (\rho^2 f_n^2 - \rho y_n f_n)"
    r"\;\Rightarrow\; V_k^\top \dot V_k = 0",
    hypotheses=[CHAIN, UNIT, SIGNS, SMOOTH],
    control="the multiplier of the averaged loss, with 1/N",
    on={"case": points()},
    examples=60,
)
def lagrange_multiplier_of_sums(setting: Setting, case: Case) -> Findings:
    """With this multiplier the gradient flow of the Lagrangian (poggio2020, Eq. 4; poggio2021,
    Eq. 2) is orthogonal to every V_k.
    """
    for point in Point.each(case, "sum"):
        multiplier = first_form(point.exchanged if setting.altered else point)
        yield orthogonality(point, multiplied_flow(multiplier))


def first_form(point: Point) -> fmpq:
    """xu2022, Eq. 4, first form; or the multiplier of poggio2020 and poggio2021, for sums."""
    scaled = point.rho * point.outputs
    multiplier: fmpq = point.reduce(scaled * point.signs - scaled * scaled)
    return multiplier


@claim(
    "lagrange-multiplier-second-form",
    title="Eq. 4: the second form of the Lagrange multiplier, as printed",
    kind="identity",
    sources=[XU2022.at("Eq. 4, second form")],
    statement=r"\frac1N \sum_n (\rho\bar f_n - \rho^2 f_n^2)"
    r" = \frac1N \sum_n \rho\bar f_n(1 - \rho f_n)",
    hypotheses=[CHAIN, UNIT, SIGNS],
    control="f_n in place of both margins",
    on={"case": points(mlps(depths=(1, 2), widths=(1, 2)))},
    formal=Formal(
        "sum([rho * margin(n) - rho ** 2 * f(n, 0) ** 2 for n in samples]) / len(samples)"
        " == sum([rho * margin(n) * (1 - rho * f(n, 0)) for n in samples]) / len(samples)",
        given=(IS_CHAIN, HAS_SIGNS, UNIT_NORMS),
        where=(MARGIN,),
    ),
)
def lagrange_multiplier_second_form(setting: Setting, case: Case) -> Findings:
    """The two expressions that Eq. 4 equates agree only if all samples of label -1 have output 0:
    `y_n f_n^2` stands where `f_n^2` is meant. The bar over the second f is missing.
    """
    for point in Point.each(case):
        rho, outputs = point.rho, point.outputs
        factor = outputs if setting.altered else point.signs * outputs
        yield compare(
            point, [first_form(point)], [point.reduce(rho * factor * (1 - rho * outputs))]
        )


@claim(
    "lagrange-multiplier-second-form-corrected",
    title="Eq. 4: the second form of the Lagrange multiplier, corrected",
    kind="identity",
    sources=[XU2022.at("Eq. 4, second form")],
    statement=r"\frac1N \sum_n (\rho\bar f_n - \rho^2 f_n^2)"
    r" = \frac1N \sum_n \rho\bar f_n(1 - \rho\bar f_n)",
    hypotheses=[CHAIN, UNIT, SIGNS],
    control="the form as printed, with f_n in the last factor",
    on={"case": points()},
    examples=60,
    corrects="lagrange-multiplier-second-form",
)
def lagrange_multiplier_second_form_corrected(setting: Setting, case: Case) -> Findings:
    """With the margin in both factors, `(1/N) sum_n rho bar f_n ell_n` for the `ell_n` of Eq. 9,
    the second form equals the first.
    """
    for point in Point.each(case):
        rho, outputs = point.rho, point.outputs
        margins = point.signs * outputs
        last = outputs if setting.altered else margins
        yield compare(point, [first_form(point)], [point.reduce(rho * margins * (1 - rho * last))])


# The equilibrium of rho at given V.


def equilibrium(point: Point) -> fmpq:
    """xu2022, Eq. 7; or, for sums, poggio2020, Eq. 7 and poggio2021, Eq. 5."""
    mean, moment = point.moments()
    return mean / (moment + point.decay)


def stationary_points(point: Point, resting: fmpq) -> Observation:
    """``dL/d rho`` at a supposed equilibrium and at the drawn ``rho``."""
    _, moment = point.moments()
    slopes = [point.slope(resting), point.slope(point.rho)]
    stiffness = 2 * (moment + point.decay)
    return compare(point, slopes, [fmpq(0), stiffness * (point.rho - resting)])


@claim(
    "rho-equilibrium-mean",
    title="The equilibrium of rho, averaged loss",
    kind="identity",
    sources=[XU2022.at("Eq. 7")],
    statement=r"\dot\rho = 0 \iff \rho = \rho_{\rm eq} := \frac{\frac1N \sum_n \bar f_n}"
    r"{\lambda + \frac1N \sum_n \bar f_n^2} = \frac{\mu}{M + \lambda}",
    hypotheses=[CHAIN, SIGNS, DECAY],
    control="the formula with sums, and the same lambda",
    on={"case": points()},
    examples=60,
)
def rho_equilibrium_mean(setting: Setting, case: Case) -> Findings:
    """At any V, the loss is stationary in rho at the printed value and nowhere else.

    Compared are the derivative of the loss at that value with 0, and at an arbitrary rho with
    `2 (M + lambda)(rho - rho_eq)`, which is not 0 elsewhere because `M + lambda > 0`. The printed
    value is negative when average separability fails; rho is then no product of norms.
    """
    for point in Point.each(case):
        resting = equilibrium(point.exchanged if setting.altered else point)
        yield stationary_points(point, resting)


@claim(
    "rho-equilibrium-sum",
    title="The equilibrium of rho, summed loss",
    kind="identity",
    sources=[POGGIO2020.at("Eq. 7"), POGGIO2021.at("Eq. 5")],
    statement=r"\dot\rho = 0 \iff"
    r" \rho = \rho_{\rm eq} = \frac{\sum_n y_n f_n}{\lambda + \sum_n f_n^2}",
    hypotheses=[CHAIN, SIGNS, DECAY],
    control="the formula with means, and the same lambda",
    on={"case": points()},
    examples=60,
)
def rho_equilibrium_sum(setting: Setting, case: Case) -> Findings:
    """The same for the summed loss. One lambda means two things: with N samples this is the
    equilibrium of xu2022, Eq. 7, for lambda / N.
    """
    for point in Point.each(case, "sum"):
        resting = equilibrium(point.exchanged if setting.altered else point)
        yield stationary_points(point, resting)


# The gap to interpolation.

MEAN, VARIANCE, DECAY_SYMBOL, RHO = sympy.symbols("mu sigma2 lambda rho")
DENOMINATOR = MEAN**2 + VARIANCE + DECAY_SYMBOL


def identical(left: Any, right: Any) -> Observation:
    """Equality of two rational functions: the numerator of the difference expands to 0."""
    numerator, _ = sympy.fraction(sympy.together(left - right))
    holds = sympy.expand(numerator) == 0
    return Observation(holds, sympy.sstr(left), "=", sympy.sstr(right), SYMBOLIC)


@claim(
    "interpolation-gap",
    title="The gap to interpolation in terms of mean and variance of the margins",
    kind="symbolic",
    sources=[XU2022.at("Eq. 8")],
    statement=r"\epsilon = 1 - \frac{\mu^2}{\mu^2 + \sigma^2 + \lambda}"
    r" = \frac{\sigma^2 + \lambda}{\mu^2 + \sigma^2 + \lambda}",
    hypotheses=[DECAY, "M = mu^2 + sigma^2"],
    control="without the variance in the numerator, as in Lemma 6",
    enough=1,
)
def interpolation_gap(setting: Setting) -> Findings:
    """The mean of `1 - rho_eq bar f_n`, the gap, in the two printed forms; and with `M` written out
    in `1 - mu^2/(M + lambda)`.

    The difference of two rational functions is brought to one fraction, whose numerator expands to
    0.
    """
    numerator = DECAY_SYMBOL if setting.altered else VARIANCE + DECAY_SYMBOL
    yield identical(1 - MEAN**2 / DENOMINATOR, numerator / DENOMINATOR)


def gap_from_equilibria(
    case: Case, unregularised: Callable[[fmpq, fmpq], fmpq], *, gap_decay: int = 1
) -> Findings:
    """Compare ``(rho_{lambda=0} - rho_lambda) mu`` with ``1 - mu^2 / (M + lambda)``.

    Args:
        unregularised: ``rho_{lambda=0}`` from ``mu`` and ``M``.
        gap_decay: factor on lambda in the right-hand side.
    """
    for point in Point.each(case):
        mean, moment = point.moments()
        if mean == 0:
            yield Rejection("the mean margin is 0")
            continue
        difference = (unregularised(mean, moment) - equilibrium(point)) * mean
        gap = 1 - mean * mean / (moment + gap_decay * point.decay)
        yield compare(point, [difference], [gap])


@claim(
    "interpolation-gap-first-equality",
    title="The gap to interpolation as the difference of two equilibria, as printed",
    kind="identity",
    sources=[XU2022.at("after Eq. 7")],
    statement=r"\epsilon = (\rho_{\lambda=0} - \rho_\lambda)\mu = 1 - \frac{\mu}{M+\lambda}\mu",
    hypotheses=[CHAIN, SIGNS, DECAY, "mu is not 0", "rho_{lambda=0} is Eq. 7 with lambda = 0"],
    control="lambda is left out of the right-hand side",
    on={"case": points(mlps(depths=(1, 2), widths=(1, 2)))},
    formal=Formal(
        "(mu / M - mu / (M + weight_decay)) * mu == 1 - mu / (M + weight_decay) * mu",
        given=(IS_CHAIN, HAS_SIGNS, UNIT_NORMS, HAS_DECAY, "mu != 0"),
        where=(MARGIN, MEAN_MARGIN, SECOND_MOMENT),
    ),
)
def interpolation_gap_first_equality(setting: Setting, case: Case) -> Findings:
    """With `rho_{lambda=0} = mu/M`, which is Eq. 7 for lambda = 0 at the same V, the left-hand side
    is `mu^2/M - mu^2/(M + lambda)`. It equals the right-hand side only if `mu^2 = M`, that is, if
    all margins are equal.
    """
    gap_decay = 0 if setting.altered else 1
    yield from gap_from_equilibria(case, lambda mean, moment: mean / moment, gap_decay=gap_decay)


@claim(
    "interpolation-gap-from-reciprocal",
    title="The gap to interpolation as a difference, corrected",
    kind="identity",
    sources=[XU2022.at("after Eq. 7; Section 3.2; Lemma 6 (proof)")],
    statement=r"\epsilon = \Big(\frac1\mu - \rho_\lambda\Big)\mu = 1 - \frac{\mu}{M+\lambda}\mu",
    hypotheses=[CHAIN, SIGNS, DECAY, "mu is not 0"],
    control="mu/M, which is Eq. 7 with lambda = 0, in place of 1/mu",
    on={"case": points()},
    examples=60,
    corrects="interpolation-gap-first-equality",
)
def interpolation_gap_from_reciprocal(setting: Setting, case: Case) -> Findings:
    """The equality holds at every V when `rho_{lambda=0}` is `1/mu`, the norm that Section 3.2
    derives for a solution that interpolates.

    Then `epsilon = 1 - rho_lambda mu`, as in the proof of Lemma 6. Where all margins are equal,
    `1/mu` is Eq. 7 with lambda = 0 as well.
    """
    yield from gap_from_equilibria(
        case, lambda mean, moment: mean / moment if setting.altered else 1 / mean
    )


@claim(
    "equal-margin-gap",
    title="Equal margins: the critical rho and its gap to interpolation",
    kind="symbolic",
    sources=[XU2022.at("Lemma 1 (proof), Lemma 6")],
    statement=r"\bar f_n = \mu \;\forall n:\quad"
    r" \rho = \frac{\mu}{\mu^2 + \lambda}, \quad \epsilon = \frac{\lambda}{\mu^2 + \lambda}",
    hypotheses=["all margins are equal to mu", "dL/d rho = 0", DECAY],
    control="the penalty is (lambda/2) rho^2",
    enough=1,
)
def equal_margin_gap(setting: Setting) -> Findings:
    """When all margins are equal, the one critical point in rho and its gap `1 - rho mu` are the
    printed ones; in particular `rho mu < 1` for positive lambda.

    The critical point is where the derivative of the loss, which is linear in rho, vanishes. That
    training ends with equal margins, as Lemma 6 asserts, is another matter.
    """
    penalty = DECAY_SYMBOL / 2 if setting.altered else DECAY_SYMBOL
    loss = (1 - RHO * MEAN) ** 2 + penalty * RHO**2
    (critical,) = sympy.solve(sympy.diff(loss, RHO), RHO)
    yield identical(critical, MEAN / (MEAN**2 + DECAY_SYMBOL))
    yield identical(1 - critical * MEAN, DECAY_SYMBOL / (MEAN**2 + DECAY_SYMBOL))


@claim(
    "equal-margins-zero-loss",
    title="Equal margins: weight decay excludes zero loss",
    kind="symbolic",
    sources=[XU2022.at("Lemma 1 (proof)")],
    statement=r"\rho^2\mu^2 - 2\rho\mu + (1 + \lambda\rho^2) = 0"
    r"\ \text{has no real solution } \rho \text{ for } \lambda > 0",
    hypotheses=["all margins are equal to mu", DECAY],
    control="the penalty is left out of the coefficient of rho^2",
    enough=1,
)
def equal_margins_zero_loss(setting: Setting) -> Findings:
    """The discriminant of the loss as a quadratic in rho is `-4 lambda`, whatever mu is.

    So no solution with equal margins has zero loss. The data term alone can be 0, at
    `rho = 1/mu`; what lambda > 0 excludes is that this be a critical point.
    """
    loss = RHO**2 * MEAN**2 - 2 * RHO * MEAN + 1
    if not setting.altered:
        loss += DECAY_SYMBOL * RHO**2
    yield identical(sympy.discriminant(loss, RHO), -4 * DECAY_SYMBOL)


# Where real training takes rho.

STARTS = {"small": 1 / 8, "medium": 1.0, "large": 8.0}
"""Initial ``rho``; the equilibria of these networks lie near 1."""
DATA_SETS, SAMPLES, INPUT_WIDTH, WIDTH = 6, 6, 4, 8
HORIZON, WINDOW = Fraction(60), Fraction(4)
MOST_STEPS = 400
TOLERANCE = 1e-7
"""Derivation: it bounds the error of each step, and `distance_at_rest` adds up all of them."""
LEARNING_RATE, APPROACH, WATCH = 1 / 16, 1600, 800
SETTLED = fmpq(1, 100)
"""Definition: a run has settled when its distance from rest is proved to be below this part of
``rho``."""
"""A member counts as settled when the bound on its distance is this part of the equilibrium."""


@st.composite
def starts(draw: st.DrawFn, slopes: Sequence[float], decays: Sequence[Fraction]) -> Case:
    """Random deep networks on data in the unit ball, each from a small, medium and large ``rho``.

    A third of the data sets has labels that do not depend on the inputs, a third has classes that
    are pulled apart, and a third has only one of the labels. The initial ``rho`` is the product of
    the norms of the weights of the case.
    """
    depth, slope = draw(st.integers(2, 4)), draw(st.sampled_from(slopes))
    network = mlp([INPUT_WIDTH, *[WIDTH] * (depth - 1), 1], slope)
    decay, seed = draw(st.sampled_from(decays)), draw(st.integers(0, 2**32 - 1))
    drawn = uniform_ball(DATA_SETS * SAMPLES, INPUT_WIDTH, 2, seed)
    signs = np.where(drawn.labels == 0, 1.0, -1.0).reshape(DATA_SETS, SAMPLES, 1)
    inputs = drawn.inputs.reshape(DATA_SETS, SAMPLES, INPUT_WIDTH).copy()
    signs[2::3] = 1.0
    for kind in (1, 2):
        inputs[kind::3] = (inputs[kind::3] + signs[kind::3] * np.eye(INPUT_WIDTH)[0]) / 2
    *hidden, last = normalise(network, initialise(network, DATA_SETS, seed=seed))[1]
    scales = np.repeat(list(STARTS.values()), DATA_SETS)[:, None, None]

    def tiled(array: np.ndarray) -> np.ndarray:
        return np.tile(array, (len(STARTS), 1, 1))

    parameters = (*(tiled(weights.numpy()) for weights in hidden), tiled(last.numpy()) * scales)
    return Case(network, parameters, tiled(inputs), tiled(signs), {"weight_decay": decay})


def started(case: Case, device: str) -> Cohort:
    """The cohort of a case in the parametrisation ``rho f_V``."""
    parameters, inputs = case.tensors(device)
    state = parametrise(case.network, parameters, "lagrange")
    decay = float(case.numbers["weight_decay"])
    targets = torch.tensor(case.targets, device=device)
    return Cohort.broadcast(case.network, state, inputs, targets, decay)


def resumed(cohort: Cohort, state: State, kept: Tensor) -> Cohort:
    """The members ``kept`` of a cohort at a later state."""
    assert state.rho is not None
    parameters = tuple(parameter[kept] for parameter in state.parameters)
    state = State(parameters, state.rho[kept], state.parametrisation)
    data = (tensor[kept] for tensor in (cohort.inputs, cohort.targets, cohort.weight_decay))
    return Cohort(cohort.network, state, *data)


def start_names(cohort: Cohort) -> list[str]:
    """Which start each member has made."""
    assert cohort.state.rho is not None
    return [
        min(STARTS, key=lambda name: abs(rho - STARTS[name])) for rho in cohort.state.rho.tolist()
    ]


def trained_point(case: Case, state: State, member: int, reduction: Reduction) -> Point:
    """The floating-point state of a member as the rationals that its numbers are."""
    assert state.rho is not None
    assert case.targets is not None
    return Point(
        case,
        tuple(arithmetic.rationals(parameter[member]) for parameter in state.parameters),
        arithmetic.rationals(case.inputs[0]),
        arithmetic.rationals(case.targets[0, :, 0]),
        arithmetic.rationals(state.rho[member]).item(),
        fmpq(*case.numbers["weight_decay"].as_integer_ratio()),
        reduction,
    )


def distance_at_rest(before: Point, after: Point, duration: Fraction, steps: int) -> arb:
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


def enclosure(number: arb) -> Interval:
    ball = Ball.from_arb(np.array([[number]], dtype=object))
    centre = float(ball.centre[0, 0])
    return Interval(centre, centre) + Interval(-ball.radius, ball.radius)


def flow_to_rest(setting: Setting, case: Case, reduction: Reduction) -> Findings:
    """Follow the flow, and compare ``rho`` with its equilibrium (of the other loss, if altered)."""
    size = case.samples if reduction == "sum" else 1
    objective = Objective("square", reduction, "rho")

    def follow(cohort: Cohort, duration: Fraction) -> Run:
        return gradient_flow(
            cohort,
            objective,
            horizon=float(duration),
            relative_tolerance=TOLERANCE,
            absolute_tolerance=TOLERANCE,
            max_steps=MOST_STEPS,
        )

    cohort = started(case, setting.device)
    names = start_names(cohort)
    approach = follow(cohort, HORIZON / size)
    stuck = approach.stalled | approach.diverged
    for member in stuck.nonzero().flatten().tolist():
        yield Rejection(f"{names[member]} start: the integrator stalled at a kink")
    kept = (~stuck).nonzero().flatten()
    if not kept.numel():
        return
    window = follow(resumed(cohort, approach.state, kept), WINDOW / size)
    for row, member in enumerate(kept.tolist()):
        start, one = names[member], case.member(member)
        if window.stalled[row] or window.diverged[row]:
            yield Rejection(f"{start} start: the integrator stalled at a kink")
            continue
        before = trained_point(one, approach.state, member, reduction)
        after = trained_point(one, window.state, row, reduction)
        resting = equilibrium(after.exchanged if setting.altered else after)
        bound = distance_at_rest(before, after, WINDOW / size, int(window.steps[row]))
        if not bound < SETTLED * abs(resting):
            yield Rejection(f"{start} start: the flow has not settled")
            continue
        yield inequality(
            enclosure(arb(abs(after.rho - resting))),
            enclosure(bound),
            "rationals and balls at the trained weights",
            partial(Case.member, case, member),
            note=f"{start} start, rho = {STARTS[start]:g}; came to rest at {float(after.rho):.6g}",
        )


FLOW_HYPOTHESES = [
    "random networks of depth 2 to 4, without biases",
    SIGNS,
    "|x_n| <= 1",
    DECAY,
    "gradient flow with Lagrange multipliers from rho(0) = 1/8, 1 and 8",
    "the flow has come to rest: the bound on its distance is below 1 % of rho_eq",
]


@claim(
    "rho-equilibrium-flow-mean",
    title="Gradient flow on the averaged loss takes rho to its equilibrium",
    kind="trajectory",
    sources=[XU2022.at("Eq. 5-7, Section 3.5")],
    statement=r"\rho(t) \to \frac{\mu}{M + \lambda}",
    hypotheses=FLOW_HYPOTHESES,
    control="the formula with sums, and the same lambda",
    on={"case": starts((LINEAR, RELU, 0.5), [Fraction(1, 4), Fraction(1, 8), Fraction(1, 16)])},
    examples=6,
    enough=10,
)
def rho_equilibrium_flow_mean(setting: Setting, case: Case) -> Findings:
    """Where the real flow of rho and V comes to rest, from small, medium and large initial rho, rho
    is the printed function of the margins.

    The printed left-hand side is the distance of rho to that value, in rationals at the weights
    reached; the right-hand side bounds it from how far rho and the loss still moved in the last
    stretch, with no reference to the value itself. When average separability fails at the start, a
    small rho may cross 0 and rest at a negative value. Many flows of ReLU networks end up sliding
    along a kink, where the integrator stalls with a pre-activation of some 1e-6. They are left out,
    so that most examples here are linear or shallow networks; `rho-equilibrium-descent` covers deep
    ReLU networks.
    """
    yield from flow_to_rest(setting, case, "mean")


@claim(
    "rho-equilibrium-flow-sum",
    title="Gradient flow on the summed loss takes rho to its equilibrium",
    kind="trajectory",
    sources=[POGGIO2020.at("Eq. 5-7"), POGGIO2021.at("Eq. 3-5")],
    statement=r"\rho(t) \to \frac{\sum_n y_n f_n}{\lambda + \sum_n f_n^2}",
    hypotheses=FLOW_HYPOTHESES,
    control="the formula with means, and the same lambda",
    on={"case": starts((LINEAR, RELU, 0.5), [Fraction(1), Fraction(1, 2)])},
    examples=4,
    enough=10,
)
def rho_equilibrium_flow_sum(setting: Setting, case: Case) -> Findings:
    """The same for the summed loss, whose flow is N times as fast. Flows of ReLU networks that
    stall at a kink are left out here too.
    """
    yield from flow_to_rest(setting, case, "sum")


def weighted_mean_bound(run: Run, case: Case, *, altered: bool) -> tuple[Tensor, Tensor, Tensor]:
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


def rho_of(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
    assert state.rho is not None
    return state.rho


def margins_of(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
    """Margins of ``f_V``, ``(K, N)``."""
    return margins(forward(network, state.parameters, inputs), targets)


def scale_of(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
    """Product of the norms above 1, ``(K,)``."""
    return frobenius_norms(network, state.parameters).clamp(min=1).prod(dim=-1)


@claim(
    "rho-equilibrium-descent",
    title="Small steps of gradient descent take rho to its equilibrium",
    kind="trajectory",
    sources=[XU2022.at("Section 3.1; Eq. 5-7")],
    statement=r"\rho_{t+1} = \rho_t + \eta\,\dot\rho(\rho_t, V_t):\quad"
    r" \rho_t \to \frac{\mu}{M + \lambda}",
    hypotheses=[
        *FLOW_HYPOTHESES[:4],
        "full-batch steps of size 1/16 along Eq. 5 from rho(0) = 1/8, 1 and 8",
        "training has come to rest: the bound on its distance is below 1 % of rho_eq",
    ],
    control="the formula with sums, and the same lambda",
    on={"case": starts((RELU, 0.5, LINEAR), [Fraction(1, 4), Fraction(1, 8), Fraction(1, 16)])},
    examples=3,
    enough=10,
)
def rho_equilibrium_descent(setting: Setting, case: Case) -> Findings:
    """Forward Euler steps of the flow pass over the kinks at which the flow of a ReLU network
    slides, and take rho to the same value.

    By Eq. 6 a step moves rho the fraction `2 eta (M + lambda)` of the way to the equilibrium at its
    V. So rho is a weighted mean of where it was and of the equilibria since then, and differs from
    the last of these by at most the right-hand side: what is left of the old distance, and the
    largest distance between two equilibria. V may go on chattering about a kink.
    """
    objective = Objective("square", "mean", "rho")
    cohort = started(case, setting.device)
    names = start_names(cohort)
    approach = gradient_descent(cohort, objective, learning_rate=LEARNING_RATE, steps=APPROACH)
    for member in approach.diverged.nonzero().flatten().tolist():
        yield Rejection(f"{names[member]} start: training diverged")
    kept = (~approach.diverged).nonzero().flatten()
    if not kept.numel():
        return
    watch = gradient_descent(
        resumed(cohort, approach.state, kept),
        objective,
        learning_rate=LEARNING_RATE,
        steps=WATCH,
        record_every=1,
        measures={"rho": rho_of, "margins": margins_of, "scale": scale_of},
    )
    distances, resting, bounds = weighted_mean_bound(watch, case, altered=setting.altered)
    for row, member in enumerate(kept.tolist()):
        start, distance, bound = names[member], float(distances[row]), float(bounds[row])
        if watch.diverged[row] or not bound < float(SETTLED) * abs(float(resting[row])):
            yield Rejection(f"{start} start: training has not settled")
            continue
        yield inequality(
            Interval(distance, distance),
            Interval(bound, bound),
            "float64 with a bound on its rounding",
            partial(Case.member, case, member),
            note=f"{start} start, rho = {STARTS[start]:g}; came to rest near {resting[row]:.6g}",
        )
