"""Networks in plain float64, with a proven bound on every rounding error.

For networks too large for exact arithmetic. The bounds are running ones (Higham, Accuracy and
Stability of Numerical Algorithms, 2nd ed., SIAM 2002, Section 3.3): they follow the numbers that
were computed, layer by layer, and are absolute, so that a result that ought to vanish is not
measured against itself. A computed inner product of ``n`` terms, added in any order, with or
without fused multiply-add, is off by at most ``gamma(n)`` times the sum of the terms' magnitudes
(Eq. 3.5), and each of its products that underflows by less than `UNDERFLOW` (Eq. 2.8).

The derivative of an activation needs the sign of its argument. Where the bound leaves that open, or
where autograd went by another sign, both slopes are allowed for: the computed derivative is then
off by up to their difference. A pre-activation that is exactly zero is such a case, so that the
bounds cover every selection of the derivative at kinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.enclosures import above, gamma
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import vertices
from theorycheck.networks.specification import LINEAR, RELU, Convolution, Dense, Layer

Array = npt.NDArray[np.float64]

UNDERFLOW = 2.0**-1074
"""More than a product that underflows is off by."""


@dataclass(frozen=True, eq=False)
class Computed:
    """Numbers as computed, and bounds on how far each is from the exact one; equal shapes."""

    value: Array
    error: Array

    def __add__(self, other: Computed) -> Computed:
        value = self.value + other.value
        return Computed(value, above(self.error + other.error + gamma(1) * np.abs(value), 3))

    def __sub__(self, other: Computed) -> Computed:
        return self + Computed(-other.value, other.error)

    def __neg__(self) -> Computed:
        return Computed(-self.value, self.error)

    def __mul__(self, other: Computed) -> Computed:
        """Of numbers of a cohort: a scalar ``(K,)`` multiplies every entry of an array."""
        a, b = _with_axes(self, other.value.ndim), _with_axes(other, self.value.ndim)
        value = a.value * b.value
        off = np.abs(a.value) * b.error + a.error * b.size
        return Computed(value, above(off + gamma(1) * np.abs(value) + UNDERFLOW, 4))

    def __getitem__(self, index: Any) -> Computed:
        return Computed(self.value[index], self.error[index])

    @property
    def size(self) -> Array:
        """No magnitude is larger."""
        return above(np.abs(self.value) + self.error, 1)

    @property
    def certainly_nonzero(self) -> npt.NDArray[np.bool_]:
        return np.abs(self.value) > self.error

    def summed(self, axis: int | tuple[int, ...]) -> Computed:
        """Sums over some axes, added up in any order."""
        value = self.value.sum(axis=axis)
        terms = self.value.size // max(1, value.size)
        error = self.error.sum(axis=axis) + gamma(terms) * np.abs(self.value).sum(axis=axis)
        return Computed(value, above(error, terms + 2))


def _with_axes(numbers: Computed, axes: int) -> Computed:
    """Numbers of a cohort, with as many axes as those that they are combined with."""
    shape = (*numbers.value.shape, *[1] * (axes - numbers.value.ndim))
    return Computed(numbers.value.reshape(shape), numbers.error.reshape(shape))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Outputs and per-sample gradients of a cohort of networks with one output.

    Attributes:
        case: ``K`` networks and their ``N`` samples.
        values: of every vertex, ``(K, N, width)``, input first.
        signals: derivatives of the output with respect to the argument of every layer's activation,
            ``(K, N, width)``; the first is of vertex 1.
        gradients: as autograd computed them, ``(K, N, *shape)`` for every parameter.
    """

    case: Case
    values: tuple[Computed, ...]
    signals: tuple[Computed, ...]
    gradients: tuple[Array, ...]

    @cached_property
    def outputs(self) -> Computed:
        """``(K, N)``."""
        return self.values[-1][..., 0]

    def gradient(self, index: int) -> Computed:
        """Of the output at every sample with respect to one weight matrix, ``(K, N, p, q)``.

        The outer product of the signal with the value of the source: one rounding, by the product
        rule on top of the errors of both.
        """
        parameter = self.case.network.parameters[index]
        assert parameter.source is not None
        signal = self.signals[parameter.layer - 1]
        source = self.values[parameter.source]
        size = np.abs(signal.value)[..., None]
        error = (
            size * source.error[..., None, :]
            + signal.error[..., None] * source.size[..., None, :]
            + gamma(1) * (size * np.abs(source.value)[..., None, :])
            + UNDERFLOW
        )
        return Computed(self.gradients[index], above(error, 5))

    def product(self, index: int) -> Computed:
        """``<W, df/dW>`` for one weight matrix at every sample, ``(K, N)``."""
        weight = self.case.parameters[index][:, None]
        gradient = self.gradient(index)
        terms = weight * gradient.value
        error = np.abs(weight) * gradient.error + gamma(1) * np.abs(terms) + UNDERFLOW
        return Computed(terms, above(error, 4)).summed((-2, -1))


def evaluate_with_error_bounds(case: Case) -> Evaluation:
    """Run forward and backward pass in float64 and bound their rounding errors.

    Raises:
        InputError: for networks with convolutions, biases, normalisation, several outputs, or a
            slope outside [0, 1]; and where numbers overflow.
    """
    network = case.network
    _check(case)
    members, samples = case.members, case.samples
    parameters, inputs = case.tensors()
    # Every sample is a network of its own, so that one backward pass yields all gradients.
    leaves = tuple(p.repeat_interleave(samples, dim=0).requires_grad_() for p in parameters)
    found = vertices(network, leaves, inputs.reshape(members * samples, 1, -1))
    wanted = (*leaves, *found[1:])
    derivatives = torch.autograd.grad(found[-1].sum(), wanted, materialize_grads=True)

    def stacked(tensor: torch.Tensor, *shape: int) -> Array:
        array: Array = tensor.detach().numpy().reshape(members, samples, *shape)
        if not np.isfinite(array).all():
            raise InputError(f"{network} overflows: rescale the weights")
        return array

    shapes = [p.shape for p in network.parameters]
    gradients = tuple(
        stacked(d, *s) for d, s in zip(derivatives[: len(leaves)], shapes, strict=True)
    )
    forward = [stacked(v, v.shape[-1]) for v in found]
    backward = [stacked(d, d.shape[-1]) for d in derivatives[len(leaves) :]]
    weights = _weights(case)
    values = [Computed(forward[0], np.zeros_like(forward[0]))]
    slopes = []
    for vertex, layer in enumerate(network.layers, start=1):
        argument = _sum_into(vertex, layer, weights, values)
        value, slope = _activated(layer, argument, forward[vertex])
        values.append(value)
        slopes.append(slope)
    signals: list[Computed] = []
    for vertex in range(network.depth, 0, -1):
        if vertex == network.depth:
            arriving = Computed(backward[-1], np.zeros_like(backward[-1]))
        else:
            arriving = _sum_back(vertex, case, weights, signals, backward[vertex - 1])
        signals.insert(0, _times(slopes[vertex - 1], arriving, network.layers[vertex - 1]))
    return Evaluation(case, tuple(values), tuple(signals), gradients)


def rank_exceeds_one(matrices: Computed) -> npt.NDArray[np.bool_]:
    """Which matrices, ``(M, p, q)``, have a 2 x 2 minor that is certainly not zero; ``(M,)``.

    Tried are the minors with the largest computed entry of each matrix: where they all vanish, the
    rank is at most 1.
    """
    value = matrices.value
    each = np.arange(len(value))
    row, column = np.divmod(np.abs(value).reshape(len(value), -1).argmax(axis=1), value.shape[-1])
    pivot, across, down = (
        matrices[each, row, column],
        matrices[each, row],
        matrices[each, :, column],
    )
    minors = matrices * pivot - down[:, :, None] * across[:, None, :]
    return np.asarray(minors.certainly_nonzero.any(axis=(1, 2)))


def _check(case: Case) -> None:
    network = case.network
    supported = network.output_width == 1 and all(
        0 <= layer.slope <= 1
        and layer.normalisation == "none"
        and not layer.bias
        and not any(isinstance(edge.map, Convolution) for edge in layer.edges)
        for layer in network.layers
    )
    if not supported:
        raise InputError(
            f"no running error bounds for {network}: give one output, dense or constant edges"
            " without biases or normalisation, and slopes from 0 to 1"
        )


def _weights(case: Case) -> dict[tuple[int, int], Array]:
    """Weight matrices ``(K, p, q)`` by vertex and source."""
    return {
        (p.layer, p.source): array.astype(np.float64)
        for p, array in zip(case.network.parameters, case.parameters, strict=True)
        if p.source is not None
    }


def _sum_into(
    vertex: int, layer: Layer, weights: dict[tuple[int, int], Array], values: list[Computed]
) -> Computed:
    """The argument of a layer's activation, computed once more with a bound for any such result.

    What torch computed in its own order is within the same bound of the exact number.
    """
    shape = (*values[0].value.shape[:2], layer.width)
    total, size, error, terms = np.zeros(shape), np.zeros(shape), np.zeros(shape), 0
    for edge in layer.edges:
        source = values[edge.source]
        if isinstance(edge.map, Dense):
            weight = weights[vertex, edge.source].mT
            magnitude = np.abs(weight)
            total += source.value @ weight
            size += np.abs(source.value) @ magnitude
            error += source.error @ magnitude
            terms += weight.shape[-2]
        else:
            total += source.value
            size += np.abs(source.value)
            error += source.error
            terms += 1
    return Computed(total, _inner_product_error(size, error, terms))


def _sum_back(
    vertex: int,
    case: Case,
    weights: dict[tuple[int, int], Array],
    signals: list[Computed],
    computed: Array,
) -> Computed:
    """The derivative with respect to a vertex's value; ``signals`` are those of later vertices."""
    size, error, terms = np.zeros_like(computed), np.zeros_like(computed), 0
    first = vertex + 1
    for target, layer in enumerate(case.network.layers[vertex:], start=first):
        for edge in layer.edges:
            if edge.source != vertex:
                continue
            signal = signals[target - first]
            if isinstance(edge.map, Dense):
                magnitude = np.abs(weights[target, vertex])
                size += np.abs(signal.value) @ magnitude
                error += signal.error @ magnitude
                terms += magnitude.shape[-2]
            else:
                size += np.abs(signal.value)
                error += signal.error
                terms += 1
    return Computed(computed, _inner_product_error(size, error, terms))


def _inner_product_error(size: Array, error: Array, terms: int) -> Array:
    """Of sums of ``terms`` products of exact weights with numbers of that error."""
    return above(error + gamma(terms) * size + terms * UNDERFLOW, terms + 4)


def _activated(layer: Layer, argument: Computed, computed: Array) -> tuple[Computed, Computed]:
    """A layer's value, and its activation's slope where autograd evaluated it.

    Of arguments with the same sign, the value moves by the slope there; of others, by the larger
    slope at most, which is 1.
    """
    if layer.slope == LINEAR:
        return Computed(computed, argument.error), Computed(np.ones(1), np.zeros(1))
    positive = computed > 0
    sure = argument.certainly_nonzero & ((argument.value > 0) == positive)
    slope = np.where(positive, 1.0, layer.slope)
    moved = np.where(sure, slope, 1.0) * argument.error
    rounding = 0.0 if layer.slope == RELU else gamma(1) * np.abs(computed) + UNDERFLOW
    error = above(moved + np.where(positive, 0.0, rounding), 3)
    # The argument's error of an inactive ReLU is multiplied by zero and must stay zero.
    error = np.where(sure & (slope == RELU), 0.0, error)
    return Computed(computed, error), Computed(slope, np.where(sure, 0.0, 1.0 - layer.slope))


def _times(slope: Computed, arriving: Computed, layer: Layer) -> Computed:
    """The derivative with respect to the argument of the activation."""
    value = slope.value * arriving.value
    error = slope.value * arriving.error + slope.error * arriving.size
    if layer.slope not in (RELU, LINEAR):
        error = error + gamma(1) * np.abs(value) + UNDERFLOW
    dead = (slope.value == 0) & (slope.error == 0)
    return Computed(value, np.where(dead, 0.0, above(error, 4)))
