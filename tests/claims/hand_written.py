"""One network in fractions, evaluated and differentiated by hand.

It shares no code with the readers of statements, nor with the kernel: linear maps are written out
as matrices, derivatives are taken backwards from an output, or as difference quotients. All numbers
are `fractions.Fraction`, in NumPy arrays of objects. Shapes: ``N`` samples, ``d`` inputs, ``C``
outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from theorycheck.arithmetic.cases import Case
from theorycheck.networks.specification import Convolution, Edge, Identity, Network

Array = np.ndarray

exact = np.vectorize(Fraction, otypes=[object])


class ConstantUnit(Exception):
    """A unit that is to be normalised is constant over the batch."""


def squared(array: Array) -> Any:
    """The sum of the squares of all entries."""
    return (array * array).sum()


def inner(a: Array, b: Array) -> Any:
    """The sum of the products of entries."""
    return (a * b).sum()


def zero(array: Array) -> bool:
    """Whether all entries are 0."""
    return not array.any()


def rank(matrix: Array) -> int:
    """By elimination."""
    rows, found = [list(row) for row in matrix], 0
    for column in range(matrix.shape[1]):
        pivot = next((row for row in rows if row[column] != 0), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows = [
            [a - row[column] / pivot[column] * b for a, b in zip(row, pivot, strict=True)]
            for row in rows
        ]
        found += 1
    return found


def outside(rows: Array, vectors: Array) -> Array:
    """Rows less their projections on the span of vectors."""
    basis: list[Array] = []

    def rest(row: Array) -> Any:
        return row - sum(inner(row, unit) / squared(unit) * unit for unit in basis)

    for vector in vectors:
        if not zero(rest(vector)):
            basis.append(rest(vector))
    return np.array([rest(row) for row in rows])


def rational_root(square: Fraction) -> Fraction:
    """The root of the square of a rational."""
    found = Fraction(math.isqrt(square.numerator), math.isqrt(square.denominator))
    assert found**2 == square
    return found


def everywhere(truths: Iterable[bool | None]) -> bool | None:
    """A conclusion for all values of variables; None for values that do not meet the hypotheses.

    Returns:
        None where no values meet them.
    """
    met = [truth for truth in truths if truth is not None]
    return all(met) if met else None


@dataclass(frozen=True, eq=False)
class Layered:
    """What a layer computes: arguments and gates of its activation, standardised units.

    ``maps`` holds the matrices of its edges.
    """

    maps: list[Array]
    arguments: Array
    gates: Array
    standard: Array
    deviations: Array


@dataclass(frozen=True, eq=False)
class ByHand:
    """A network with its data: all parameters ``W``, inputs ``(N, d)`` and labels ``(N, C)``."""

    network: Network
    W: Sequence[Array]
    x: Array
    y: Array
    numbers: Mapping[str, Fraction]

    @classmethod
    def of(cls, case: Case) -> ByHand:
        """The only member of a case."""
        assert case.members == 1
        targets = np.zeros((case.samples, 0)) if case.targets is None else case.targets[0]
        weights = [exact(array[0]) for array in case.parameters]
        y = exact(targets) if targets.size else targets
        return cls(case.network, weights, exact(case.inputs[0]), y, case.numbers)

    # What the network is

    @property
    def is_chain(self) -> bool:
        """Of layers without biases and normalisation, each of which reads the one before it."""
        return self.has_order_of_chain and not self.biases and not self.is_normalised

    @property
    def has_order_of_chain(self) -> bool:
        return all(
            [edge.source for edge in layer.edges] == [v]
            and not isinstance(layer.edges[0].map, Identity)
            for v, layer in enumerate(self.network.layers)
        )

    @property
    def is_normalised(self) -> bool:
        return any(layer.normalisation != "none" for layer in self.network.layers)

    @property
    def has_matrices(self) -> bool:
        """Whether no weights are shared by patches, and the output is linear."""
        linear = self.network.layers[-1].slope == 1
        return linear and all(self.patches(k) == 1 for k in self.weights)

    def role(self, name: str) -> list[int]:
        return [k for k, p in enumerate(self.network.parameters) if p.role == name]

    @property
    def weights(self) -> list[int]:
        return self.role("weight")

    @property
    def biases(self) -> list[int]:
        return self.role("bias")

    def layer(self, k: int) -> int:
        return self.network.parameters[k].layer

    def patches(self, k: int) -> int:
        """How often a weight matrix is applied to a sample."""
        layer = self.network.layers[self.layer(k) - 1]
        return layer.width // len(self.W[k])

    # What the network computes

    @cached_property
    def passed(self) -> tuple[list[Array], list[Layered]]:
        """The values of all vertices, ``(N, width)``, and what each layer has computed."""
        values, layers = [self.x], []
        parameters = iter(self.W)
        for layer in self.network.layers:
            maps = [self.matrix(edge, parameters) for edge in layer.edges]
            reads = [values[edge.source] for edge in layer.edges]
            z = sum(v @ full.T for v, full in zip(reads, maps, strict=True))
            if layer.bias:
                z = z + next(parameters)
            standard, deviations = z, z[0]
            if layer.normalisation != "none":
                centred = z - z.sum(axis=0) / len(z)
                variances = (centred * centred).sum(axis=0) / len(z)
                if not variances.all():
                    raise ConstantUnit
                deviations = np.array([rational_root(v) for v in variances], dtype=object)
                standard = centred / deviations
                z = next(parameters) * standard + next(parameters)
            gates = exact(np.where(z > 0, 1.0, layer.slope))
            values.append(z * gates)
            layers.append(Layered(maps, z, gates, standard, deviations))
        return values, layers

    def matrix(self, edge: Edge, parameters: Iterator[Array]) -> Array:
        """The map of an edge as a full matrix, ``(target width, source width)``."""
        if isinstance(edge.map, Identity):
            return np.eye(self.network.width(edge.source), dtype=int).astype(object)
        weights = next(parameters)
        if not isinstance(edge.map, Convolution):
            return weights
        full = np.zeros((edge.map.target_width, edge.map.source_width), dtype=int).astype(object)
        for target, source, entry in shared(edge.map):
            full[target, source] = weights[entry]
        return full

    @property
    def f(self) -> Array:
        """Outputs, ``(N, C)``."""
        return self.passed[0][-1]

    @property
    def h(self) -> Array:
        """Features, which the last layer reads, ``(N, width)``."""
        return self.passed[0][-2]

    @property
    def is_smooth(self) -> bool:
        """Whether no unit is at a kink of its activation."""
        pairs = zip(self.network.layers, self.passed[1], strict=True)
        return all(layer.slope == 1 or found.arguments.all() for layer, found in pairs)

    # Derivatives

    @cached_property
    def derivatives(self) -> dict[tuple[int, int], list[Array]]:
        """Of all outputs, by sample and output."""
        return {(n, c): self.df(n, c) for n, c in np.ndindex(self.f.shape)}

    def df(self, n: int, c: int) -> list[Array]:
        """Derivatives of an output by each parameter, backwards; gates are held constant."""
        values, layers = self.passed
        if not self.is_normalised and len(self.x) > 1:
            return self.singles[n].df(0, c)
        reached: list[Any] = [0 * v for v in values]
        reached[-1][n, c] = Fraction(1)
        found: list[Any] = []
        for v in reversed(range(len(layers))):
            layer, computed = self.network.layers[v], layers[v]
            g = reached[v + 1] * computed.gates
            if layer.normalisation != "none":
                [gain] = (self.W[k] for k in self.role("gain") if self.layer(k) == v + 1)
                found += [g.sum(), inner(g, computed.standard)]
                along = computed.standard * (g * computed.standard).sum(axis=0) / len(g)
                held = g - along if layer.normalisation == "batch" else g
                g = gain / computed.deviations * (held - g.sum(axis=0) / len(g))
            if layer.bias:
                found.append(g.sum(axis=0))
            for edge, full in zip(layer.edges[::-1], computed.maps[::-1], strict=True):
                reached[edge.source] = reached[edge.source] + g @ full
                if not isinstance(edge.map, Identity):
                    found.append(gathered(edge, g.T @ values[edge.source]))
        return found[::-1]

    @cached_property
    def singles(self) -> list[ByHand]:
        """The same with one sample each."""
        return [replace(self, x=x[None], y=y[None]) for x, y in zip(self.x, self.y, strict=True)]

    def ends(self, k: int, entry: tuple[int, ...], step: Fraction) -> list[ByHand] | None:
        """The same with one entry of a parameter moved up and down; None where a gate changes."""
        found = []
        for signed in (step, -step):
            changed = [array.copy() if at == k else array for at, array in enumerate(self.W)]
            changed[k][entry] += signed
            found.append(replace(self, W=changed))
            if found[-1].gates != self.gates:
                return None
        return found

    def quotients(self, number: Callable[[ByHand], Any], k: int) -> Array:
        """Central difference quotients of a number by the entries of a weight matrix.

        They are the derivatives of a polynomial of degree 2, as losses are in one entry of one
        matrix on either side of which no gate changes: steps are halved until none does.
        """
        found = np.zeros(self.W[k].shape, dtype=object)
        for entry in np.ndindex(found.shape):
            step = Fraction(1)
            while (ends := self.ends(k, entry, step)) is None:
                step /= 2
            found[entry] = (number(ends[0]) - number(ends[1])) / (2 * step)
        return found

    @property
    def gates(self) -> list[Any]:
        return [layer.gates.tolist() for layer in self.passed[1]]

    # Losses and batches

    @property
    def margins(self) -> Array:
        margins: Array = self.y[:, 0] * self.f[:, 0]
        return margins

    @property
    def has_signs(self) -> bool:
        """Whether there is one output, and labels are +-1."""
        return self.network.output_width == 1 and bool((self.y[:, 0] ** 2 == 1).all())

    @property
    def has_unit_norms(self) -> bool:
        return all(squared(self.W[k]) == 1 for k in self.weights)

    @property
    def decay(self) -> Fraction:
        return self.numbers["weight_decay"]

    @property
    def batch_size(self) -> int:
        return int(self.numbers["batch_size"])

    @property
    def batches(self) -> list[tuple[int, ...]]:
        return list(combinations(range(len(self.x)), self.batch_size))

    @cached_property
    def pulls(self) -> list[list[Array]]:
        """Gradients of the square loss of each sample, by sample and parameter."""
        residuals = 2 * (self.f - self.y)
        return [
            [
                sum(residuals[n, c] * self.derivatives[n, c][k] for c in range(self.f.shape[1]))
                for k in range(len(self.W))
            ]
            for n in range(len(self.x))
        ]

    def gradient(self, batch: Sequence[int], k: int) -> Array:
        """Of the mean square loss of a batch and ``weight_decay`` times the squared weights."""
        total: Array = sum((self.pulls[n][k] for n in batch), start=0 * self.W[k])
        gradient: Array = total / len(batch) + 2 * self.decay * self.W[k]
        return gradient

    @property
    def is_stationary(self) -> bool:
        """Whether the gradient vanishes on every batch."""
        return all(zero(self.gradient(S, k)) for S in self.batches for k in self.weights)


def shared(map: Convolution) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Which entry of the filters leads from which source unit to which target unit."""
    (high, wide), (rows, columns) = map.kernel, map.grid
    for filter, row, column in np.ndindex(map.filters, rows, columns):
        target = (filter * rows + row) * columns + column
        for channel, down, across in np.ndindex(map.channels, high, wide):
            line = channel * map.height + row * map.stride + down
            source = line * map.width + column * map.stride + across
            yield target, source, (filter, (channel * high + down) * wide + across)


def gathered(edge: Edge, full: Array) -> Array:
    """The derivative by the filters, from that by the full matrix of an edge."""
    if not isinstance(edge.map, Convolution):
        return full
    area = edge.map.channels * math.prod(edge.map.kernel)
    found = np.zeros((edge.map.filters, area), dtype=object)
    for target, source, entry in shared(edge.map):
        found[entry] += full[target, source]
    return found
