"""The oracle: SGD of a chain on Fractions, one product after the other, derivatives by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

from torch import Tensor

from theorycheck.bench.workloads import Task
from theorycheck.networks.specification import RELU, Convolution, Layer, Network

Vector = list[Fraction]
Products = list[tuple[int, int, int]]
"""Of a layer: ``z[target] += w[weight] * v[source]``, weights counted row by row."""


def fractions(tensor: Tensor) -> Vector:
    """All numbers, row by row."""
    return [Fraction(number) for number in tensor.double().flatten().tolist()]


def products(layer: Layer, sources: int) -> Products:
    """The multiplications of a dense or convolutional layer at one sample."""
    [edge] = layer.edges
    if isinstance(edge.map, Convolution):
        return list(_windows(edge.map))
    return [(i, i * sources + j, j) for i in range(layer.width) for j in range(sources)]


def _windows(filters: Convolution) -> Iterator[tuple[int, int, int]]:
    """A number for every filter at every place, filters first; images row by row, channels first"""
    high, wide = filters.kernel
    rows = range(0, filters.height - high + 1, filters.stride)
    columns = range(0, filters.width - wide + 1, filters.stride)
    places = list(product(rows, columns))
    taps = list(product(range(filters.channels), range(high), range(wide)))
    for f, (place, (row, column)) in product(range(filters.filters), enumerate(places)):
        for tap, (channel, down, right) in enumerate(taps):
            pixel = (channel * filters.height + row + down) * filters.width + column + right
            yield f * len(places) + place, f * len(taps) + tap, pixel


def values(network: Network, weights: Sequence[Vector], inputs: Vector) -> list[Vector]:
    """The input of every layer at one sample, and the output."""
    found = [inputs]
    for layer, weight in zip(network.layers, weights, strict=True):
        total = [Fraction(0)] * layer.width
        for target, number, source in products(layer, len(found[-1])):
            total[target] += weight[number] * found[-1][source]
        found.append([max(z, Fraction(0)) for z in total] if layer.slope == RELU else total)
    return found


def _gradients(
    network: Network, weights: Sequence[Vector], inputs: Vector, targets: Vector
) -> list[Vector]:
    """Of ``|f(x) - y|^2`` by every weight matrix."""
    found = values(network, weights, inputs)
    slopes = [2 * (f - y) for f, y in zip(found[-1], targets, strict=True)]
    gradients = []
    for layer, weight, source, value in reversed(
        list(zip(network.layers, weights, found[:-1], found[1:], strict=True))
    ):
        if layer.slope == RELU:
            slopes = [s if v > 0 else Fraction(0) for s, v in zip(slopes, value, strict=True)]
        gradient, back = [Fraction(0)] * len(weight), [Fraction(0)] * len(source)
        for i, number, j in products(layer, len(source)):
            gradient[number] += slopes[i] * source[j]
            back[j] += slopes[i] * weight[number]
        gradients.append(gradient)
        slopes = back
    return gradients[::-1]


def trained(task: Task, member: int) -> list[Vector]:
    """The weight matrices of a member after all steps of its task, row by row.

    An update is ``w - rate (mean over the batch of the gradients + 2 decay w)``.
    """
    cohort, rate = task.cohort, Fraction(task.learning_rate)
    weights = [fractions(parameter[member]) for parameter in cohort.state.parameters]
    kept = 1 - 2 * rate * Fraction(float(cohort.weight_decay[member]))
    for batch in task.orders()[member].tolist():
        parts = [
            _gradients(
                cohort.network,
                weights,
                fractions(cohort.inputs[member, sample]),
                fractions(cohort.targets[member, sample]),
            )
            for sample in batch
        ]
        for k, weight in enumerate(weights):
            sums = [sum(numbers) for numbers in zip(*(part[k] for part in parts), strict=True)]
            pairs = zip(weight, sums, strict=True)
            weights[k] = [kept * w - rate * total / len(batch) for w, total in pairs]
    return weights
