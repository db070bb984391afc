"""Places: what an update needs, and where it lies in the arena."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

from theorycheck.networks.specification import Convolution, Dense, Network
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.compiled.arena import Arena, padded, rounded_up
from theorycheck.training.compiled.operations.base import Layout


@dataclass(frozen=True)
class Vertex:
    """Where the numbers of a vertex are, for each sample."""

    width: int
    raw: int
    """Before the activation."""
    value: int
    slopes: int
    normal: int = 0
    deviation: int = 0
    power: int = 0
    """The last two are of batch normalisation, once per unit."""


class Row:
    """How the parameters of a member lie in the arena.

    Weight matrices first, then other parameters, then ``rho``, as in a row of `Field`; every tensor
    is filled up with zeros to a multiple of `operations.base.STRIPES`.
    """

    def __init__(self, network: Network, rho: bool) -> None:
        parameters, weights = network.parameters, network.weights
        others = [i for i in range(len(parameters)) if i not in weights]
        self.sizes = [math.prod(parameter.shape) for parameter in parameters]
        sizes = [self.sizes[i] for i in (*weights, *others)]
        self.matrices = sum(padded(self.sizes[i]) for i in weights)
        """Where the weight matrices end."""
        self.rho = sum(map(padded, sizes))
        """Where ``rho`` is, if there is one."""
        if rho:
            sizes.append(1)
        positions = list(accumulate(map(padded, sizes), initial=0))
        self.count = positions.pop()
        """How many numbers a row takes."""
        self.positions = dict(zip((*weights, *others), positions, strict=False))
        """Where each parameter of the network begins."""
        self.segments = list(zip(positions, sizes, strict=True))
        """Where the tensors of a row of `Field` begin, and their sizes."""


class Places:
    """What every update needs, besides what a vertex does.

    The parameters, which are read, and their gradient, which is written, are a `Row` each.
    """

    def __init__(self, cohort: Cohort, objective: Objective, batch: int, layout: Layout) -> None:
        self.network, self.batch = cohort.network, batch
        self.arena = arena = Arena(cohort.inputs.dtype, layout, batch)
        self._constants: dict[float, int] = {}
        self.row = Row(cohort.network, rho=cohort.state.rho is not None)
        self.parameters, self.gradient = (
            arena.numbers(self.row.count),
            arena.numbers(self.row.count),
        )
        self.decay, self.zero = arena.numbers(), arena.number(0.0)
        """``decay`` is the gradient of the penalty per weight, ``2 lambda``; ``zero`` stays 0."""
        self.scratch = self._scratch()
        self.share = self.constant(1 / batch)
        self.portion = self.share if objective.reduction == "mean" else self.constant(1.0)
        """What multiplies the loss of a sample."""

    def constant(self, number: float) -> int:
        """Where a number is that is the same for all members."""
        if number not in self._constants:
            self._constants[number] = self.arena.number(number)
        return self._constants[number]

    def parameter(self, index: int) -> int:
        return self.parameters + self.row.positions[index] * self.arena.members

    def gradient_of(self, index: int) -> int:
        return self.gradient + self.row.positions[index] * self.arena.members

    @property
    def rho(self) -> int:
        return self.parameters + self.row.rho * self.arena.members

    @property
    def gradient_of_rho(self) -> int:
        return self.gradient + self.row.rho * self.arena.members

    def _scratch(self) -> int:
        """Room for the values or slopes of a layer, sample by sample, where lanes are samples."""
        if self.arena.layout == "members":
            return 0
        units = [1]
        for layer in self.network.layers:
            for edge in layer.edges:
                if isinstance(edge.map, Convolution):
                    filters = rounded_up(edge.map.filters, self.arena.lanes)
                    units.append(filters * edge.map.positions)
                elif isinstance(edge.map, Dense):
                    units.append(self.network.width(edge.source))
        return self.arena.numbers(max(units) * self.batch)
