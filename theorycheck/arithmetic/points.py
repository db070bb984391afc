"""Points in weight space: one network at rational weights and data, with its exact gradients.

Where a pre-activation is 0, the derivative of the activation is autograd's.

Shapes below: ``N`` samples, ``d`` input width, ``C`` outputs. Arrays are those of
`theorycheck.arithmetic.numbers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from flint import fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import vertices
from theorycheck.arithmetic.forward_mode import jacobian
from theorycheck.arithmetic.numbers import Array, rationals, squared
from theorycheck.errors import InputError
from theorycheck.networks.specification import Network


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

    # -- gradients --------------------------------------------------------------------------------

    @cached_property
    def jacobians(self) -> tuple[Array, ...]:
        """``df(x_n)/dW`` for each weight matrix, ``(N, C, *shape)``, in forward mode."""
        return tuple(
            jacobian(self.network, self.weights, self.inputs, index)
            for index in range(len(self.weights))
        )
