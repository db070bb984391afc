"""The flow of V_k is a projected gradient: xu2022, Eq. 5; poggio2020, Eq. 6; poggio2021, Eq. 4."""

from __future__ import annotations

from dataclasses import replace

from properties.assumptions import CHAIN, SIGN_LABELS, SMOOTH, UNIT_WEIGHTS
from properties.dynamics.normalised import (
    UNSMOOTH,
    Flow,
    NormalisedPoint,
    averaged_flow,
    compare,
    orthogonality,
    points,
)
from properties.papers import POGGIO2020, POGGIO2021, XU2022
from theorycheck import Case, Findings, Rejection, Setting, claim
from theorycheck.arithmetic import Array, flat
from theorycheck.training import Reduction


def summed_flow(point: NormalisedPoint, index: int, derivatives: Array) -> Array:
    """poggio2020, Eq. 6; poggio2021, Eq. 4."""
    outputs = point.values[:, None, None]
    turned = point.weights[index] * outputs - derivatives
    residuals = point.rho * outputs - point.labels[:, None, None]
    flow: Array = 2 * point.rho * point.reduce(residuals * turned)
    return flow


def projected_gradient(
    case: Case, reduction: Reduction, printed: Flow, *, altered: bool
) -> Findings:
    """Compare a printed flow with the projection of minus the gradient, for every layer."""
    for point in NormalisedPoint.each(case, reduction):
        derivatives = point.derivatives()
        if derivatives is None:
            yield Rejection(UNSMOOTH)
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
    hypotheses=[CHAIN.prose, UNIT_WEIGHTS.prose, SIGN_LABELS.prose, SMOOTH.prose],
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
    hypotheses=[CHAIN.prose, UNIT_WEIGHTS.prose, SIGN_LABELS.prose, SMOOTH.prose],
    control="the gradient itself, not projected",
    on={"case": points()},
    examples=60,
)
def normalised_flow_of_sums(setting: Setting, case: Case) -> Findings:
    """The same for the summed loss. The equation is printed without margins; with `y_n^2 = 1` it is
    N times Eq. 5 of xu2022.
    """
    yield from projected_gradient(case, "sum", summed_flow, altered=setting.altered)


@claim(
    "normalised-flow-keeps-sphere",
    title="A normalised V_k can only rotate",
    kind="identity",
    sources=[XU2022.at("Section 3.4.1, after Eq. 8")],
    statement=r"\|V_k\| = 1 \;\Rightarrow\; V_k^\top \dot V_k = 0",
    hypotheses=[CHAIN.prose, UNIT_WEIGHTS.prose, SIGN_LABELS.prose, SMOOTH.prose],
    control="V_1 has norm 2",
    on={"case": points()},
    examples=60,
)
def normalised_flow_keeps_sphere(setting: Setting, case: Case) -> Findings:
    """The right-hand side of Eq. 5 is orthogonal to V_k on the unit sphere.

    Off the sphere it is not: `(|V_k|^2)' = 4 nu_k (1 - |V_k|^2)`, so that the equation restores the
    norm where nu_k > 0 and drives it away where nu_k < 0.
    """
    for point in NormalisedPoint.each(case):
        if setting.altered:
            first, *others = point.weights
            point = replace(point, weights=(2 * first, *others))
        yield orthogonality(point, averaged_flow)
