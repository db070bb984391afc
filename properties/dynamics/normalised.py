"""Points ``(rho, V)`` with their data in rationals: the loss of ``rho f_V`` and its gradients.

``poggio2020`` and ``poggio2021`` sum over the samples where ``xu2022`` averages; neither divides
lambda.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from flint import fmpq
from hypothesis import strategies as st

from properties.notation import RATIONALS
from theorycheck import (
    Case,
    Network,
    Observation,
    Rejection,
    arithmetic,
    dyadics,
    equality,
    homogeneous_networks,
    positive_dyadics,
)
from theorycheck.arithmetic import Array, Point
from theorycheck.drawing import normalised_cases
from theorycheck.training import Reduction

UNSMOOTH = "a unit is at or next to its kink for some sample"


@dataclass(frozen=True, eq=False)
class NormalisedPoint(Point):
    """A point ``(rho, V)``; the loss is that of xu2022, Eq. 1, or, for sums, N times its data term.

    The weights are ``V``; ``rho`` and ``weight_decay`` are among the numbers of the case.
    """

    reduction: Reduction = "mean"

    @classmethod
    def each(cls, case: Case, reduction: Reduction = "mean") -> Iterator[Self]:
        """The points of the members, at the ``rho`` and the weight decay that they share."""
        return (replace(point, reduction=reduction) for point in super().each(case))

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

    def derivatives(self) -> dict[int, Array] | None:
        """``df_n/dV_k``, shape ``(N, *shape)``, for every layer, proved from difference quotients.

        None when a unit is at its kink, or so near to it that no quotient was proved.
        """
        if arithmetic.has_kink(self.network, self.weights, self.inputs):
            return None
        found = {}
        for index in self.network.weights:
            quotients = arithmetic.derivative_by_quotients(
                self.network, self.weights, self.inputs, index
            )
            if quotients is None:
                return None
            found[index] = quotients[:, 0]
        return found

    def descent(self, derivatives: Array) -> Array:
        """Minus the gradient of the data term with respect to ``V_k``."""
        residuals = self.rho * self.values - self.labels
        gradient: Array = self.reduce((2 * self.rho * residuals)[:, None, None] * derivatives)
        return -gradient


def compare(point: Point, left: Any, right: Any) -> Observation:
    """Exact equality of two arrays (or lists) of rationals."""
    left, right = (np.array(side, dtype=object).reshape(1, -1) for side in (left, right))
    degenerate = None if point.values.any() else "the network is zero on the data"
    return equality(left, right, RATIONALS, point.case.member, degenerate=degenerate)


def points(networks: st.SearchStrategy[Network] | None = None) -> st.SearchStrategy[Case]:
    """Normalised networks with a ``rho`` of either sign and positive weight decay."""
    return normalised_cases(
        homogeneous_networks() if networks is None else networks,
        numbers={"rho": dyadics().filter(bool), "weight_decay": positive_dyadics()},
        cohort=8,
    )


# The flow of V_k

Flow = Callable[[NormalisedPoint, int, Array], Array]
"""The right-hand side of an equation for ``V_k`` at a point, from ``k`` and ``df_n/dV_k``."""


def averaged_flow(point: NormalisedPoint, index: int, derivatives: Array) -> Array:
    """xu2022, Eq. 5."""
    labels = point.labels[:, None, None]
    margins = labels * point.values[:, None, None]
    turned = -point.weights[index] * margins + labels * derivatives
    flow: Array = 2 * point.rho * point.reduce((1 - point.rho * margins) * turned)
    return flow


def orthogonality(point: NormalisedPoint, flow: Flow) -> Observation | Rejection:
    """``<V_k, V_k'> = 0`` for a flow of ``V_k``, for every layer."""
    derivatives = point.derivatives()
    if derivatives is None:
        return Rejection(UNSMOOTH)
    products = [
        (point.weights[index] * flow(point, index, derivative)).sum()
        for index, derivative in derivatives.items()
    ]
    return compare(point, products, [fmpq(0)] * len(products))
