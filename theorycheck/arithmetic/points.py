"""Points in weight space: one network at rational weights and data, with its exact gradients.

The papers use a loss only through its derivatives by the outputs, ``l'_n = dl(f(x_n), y_n)/df``.
Labels of the square loss can make these any numbers, so that the square loss with free labels
stands for every differentiable loss; other derivatives are handed over as numbers. Where a
pre-activation is 0, the derivative of the activation is autograd's.

Shapes below: ``N`` samples, ``d`` input width, ``C`` outputs, ``P`` entries of all weight matrices
together, in the order of ``network.parameters``. Arrays are those of `theorycheck.exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, Self

import numpy as np
from flint import fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import preactivations, vertices
from theorycheck.arithmetic.forward_mode import jacobian
from theorycheck.arithmetic.numbers import Array, in_rows, rationals, squared, vanishes
from theorycheck.arithmetic.ranks import rank
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, Network

STEP = fmpq(1, 2**30)
"""Step of the difference quotients, small beside the pre-activations of drawn networks."""


@dataclass(frozen=True, eq=False)
class Point:
    """One member of a case in rationals: a network without biases and batch normalisation.

    Attributes:
        case: the member, as an observation shows it.
        weights: one array per parameter of the network, of that parameter's shape.
        inputs: ``(N, d)``.
        targets: ``(N, C)``.
        numbers: the numbers of the case by name.
    """

    case: Case
    weights: tuple[Array, ...]
    inputs: Array
    targets: Array
    numbers: Mapping[str, fmpq]

    @classmethod
    def of(cls, case: Case, member: int = 0) -> Self:
        """The point of one member.

        Raises:
            InputError: when the case has no targets.
        """
        if case.targets is None:
            raise InputError("a point needs targets: give the case some")
        return cls(
            case.member(member),
            tuple(rationals(values[member]) for values in case.parameters),
            rationals(case.inputs[member]),
            rationals(case.targets[member]),
            {name: fmpq(n.numerator, n.denominator) for name, n in case.numbers.items()},
        )

    @classmethod
    def each(cls, case: Case) -> Iterator[Self]:
        """The points of all members; errors as in `of`."""
        return (cls.of(case, member) for member in range(case.members))

    # -- the network ------------------------------------------------------------------------------

    @property
    def network(self) -> Network:
        return self.case.network

    @property
    def samples(self) -> int:
        return len(self.inputs)

    def vertices_at(self, inputs: Array) -> list[Array]:
        """Values of all vertices at other inputs, see `evaluation.vertices`."""
        return vertices(self.network, self.weights, inputs)

    @cached_property
    def vertices(self) -> list[Array]:
        return self.vertices_at(self.inputs)

    @property
    def outputs(self) -> Array:
        """``f(x_n)``, ``(N, C)``."""
        return self.vertices[-1]

    @property
    def values(self) -> Array:
        """``f(x_n)`` of a network with one output, ``(N,)``."""
        return self.outputs[:, 0]

    @property
    def labels(self) -> Array:
        """``y_n`` of a network with one output, ``(N,)``."""
        return self.targets[:, 0]

    @property
    def margins(self) -> Array:
        """``y_n f(x_n)`` of a network with one output, ``(N,)``."""
        margins: Array = self.labels * self.values
        return margins

    @property
    def squared_rho(self) -> Any:
        """``rho^2``, where ``rho`` is the product of the norms (xu2022, Section 3.2)."""
        return np.prod([squared(weight) for weight in self.weights])

    @property
    def collinear(self) -> bool:
        """Whether the inputs lie on one line through the origin."""
        return rank(self.inputs) <= 1

    # -- gradients --------------------------------------------------------------------------------

    @cached_property
    def jacobians(self) -> tuple[Array, ...]:
        """``df(x_n)/dW`` for each weight matrix, ``(N, C, *shape)``, in forward mode."""
        return tuple(
            jacobian(self.network, self.weights, self.inputs, index)
            for index in range(len(self.weights))
        )

    @property
    def square_slopes(self) -> Array:
        """``l'_n`` of the square loss ``|f - y|^2``, ``(N, C)``."""
        slopes: Array = 2 * (self.outputs - self.targets)
        return slopes

    def sample_gradients(self, slopes: Array, decay: fmpq) -> tuple[Array, ...]:
        """Gradient of ``l_n + decay sum_k |W_k|^2`` at each sample (galanti2022, Eq. 6 with B = 1).

        Args:
            slopes: ``l'_n``, ``(N, C)``, rationals or balls.

        Returns:
            For each weight matrix, ``(N, *shape)``.
        """
        return tuple(
            (slopes[..., None, None] * jacobian).sum(axis=1) + 2 * decay * weight
            for jacobian, weight in zip(self.jacobians, self.weights, strict=True)
        )

    def gradient(self, slopes: Array, decay: fmpq, batch: Iterable[int]) -> Array:
        """Gradient of the risk on a batch (galanti2022, Eq. 6), ``(P,)``; arguments as above."""
        rows = in_rows(self.sample_gradients(slopes, decay))[list(batch)]
        gradient: Array = rows.sum(axis=0) / len(rows)
        return gradient

    def stationary(self, slopes: Array, decay: fmpq, batch_size: int) -> bool | None:
        """Whether the gradient on every batch of that size is zero; None when balls leave it open.

        All batches are enumerated; arguments as in `sample_gradients`.
        """
        rows = in_rows(self.sample_gradients(slopes, decay))
        answers = [
            vanishes(rows[list(batch)].sum(axis=0))
            for batch in combinations(range(self.samples), batch_size)
        ]
        return False if False in answers else None if None in answers else True


# Gradients without any rule of differentiation


def quotient_gradient(point: Point, objective: Callable[[Sequence[Array]], fmpq]) -> Array | None:
    """Gradient of an objective that is quadratic in outputs and weights, proved; ``(P,)``.

    When no pre-activation is zero or changes sign between ``W - hE`` and ``W + hE``, the outputs
    are affine on that segment (see `quotients.one_sided_derivatives`), the objective is quadratic
    on it, and its central difference quotient is its derivative. None when that is not the case.

    Args:
        objective: from the weights, in the order of ``point.weights``.
    """
    signs = _preactivation_signs(point, point.weights)
    if 0 in signs:
        return None
    gradient = []
    for k, weight in enumerate(point.weights):
        for entry in np.ndindex(*weight.shape):
            ends = [_moved_along(point.weights, k, entry, step) for step in (STEP, -STEP)]
            if any(_preactivation_signs(point, end) != signs for end in ends):
                return None
            gradient.append((objective(ends[0]) - objective(ends[1])) / (2 * STEP))
    return np.array(gradient, dtype=object)


def _moved_along(
    weights: Sequence[Array], k: int, entry: tuple[int, ...], step: fmpq
) -> tuple[Array, ...]:
    moved = weights[k].copy()
    moved[entry] += step
    return (*weights[:k], moved, *weights[k + 1 :])


def _preactivation_signs(point: Point, weights: Sequence[Array]) -> list[int]:
    """Signs of the pre-activations of all units with an activation that bends."""
    arrays = preactivations(point.network, weights, point.inputs)
    return [
        (entry > 0) - (entry < 0)
        for layer, array in zip(point.network.layers, arrays, strict=True)
        if layer.slope != LINEAR
        for entry in array.ravel()
    ]


def batch_risk(
    point: Point, decay: fmpq, batch: Iterable[int]
) -> Callable[[Sequence[Array]], fmpq]:
    """galanti2022, Eq. 2 on a batch with the square loss, as a function of the weights."""
    chosen = list(batch)

    def risk(weights: Sequence[Array]) -> fmpq:
        outputs = vertices(point.network, weights, point.inputs[chosen])[-1]
        penalty = sum((squared(weight) for weight in weights), fmpq(0))
        fit: fmpq = squared(outputs - point.targets[chosen]) / len(chosen)
        return fit + decay * penalty

    return risk
