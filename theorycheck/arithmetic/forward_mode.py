"""Exact derivatives of a single network in forward mode, without backpropagation.

Shapes are those of `theorycheck.arithmetic.evaluation`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq

from theorycheck.arithmetic.evaluation import (
    activate,
    added_up,
    check_index,
    connect,
    constant,
    evaluate,
    parameter_tangent,
    per_sample,
    vertices,
)
from theorycheck.arithmetic.numbers import Array, kind_of_number, product, rational
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, Layer, Network


def jacobian(
    network: Network,
    parameters: Sequence[Array],
    inputs: Array,
    index: int,
    *,
    at_kink: float | None = None,
) -> Array:
    """Derivative of each output at each sample with respect to every entry of one parameter.

    Forward mode: one tangent per entry is carried through the network, so that no structure of the
    gradient (such as the outer product of backpropagation) is built in. A "batch-detached" layer
    holds its standard deviation constant, the pseudo gradient of galanti2022, Section 2.1; a
    "batch" layer differentiates it.

    Args:
        index: position within ``network.parameters``; the other arguments as in `vertices`.
        at_kink: the derivative of every activation that bends where its argument is 0; by default
            its slope on negative arguments, which is autograd's convention.

    Returns:
        ``(N, C, *shape)``; for balls, enclosures of the derivatives under that convention.

    Raises:
        InputError: as `vertices`, and for an index out of range.
    """
    check_index(network, index)
    trace = evaluate(network, parameters, inputs)
    parameter = network.parameters[index]
    tangents: dict[int, Array] = {}
    for vertex in range(parameter.layer, network.depth + 1):
        layer, group = network.layers[vertex - 1], trace.groups[vertex - 1]
        if vertex == parameter.layer and parameter.role == "gain":
            tangent = trace.normalised[vertex][0][None]
        elif vertex == parameter.layer and parameter.role == "shift":
            tangent = constant(trace, 1, (1, *trace.values[vertex].shape))
        else:
            terms = [
                connect(edge.map, tangents[edge.source], weight)
                for edge, weight in zip(layer.edges, group.weights, strict=True)
                if edge.source in tangents
            ]
            if vertex == parameter.layer:
                terms.append(parameter_tangent(network, trace, index))
            if not terms:
                continue
            tangent = added_up(terms)
            if layer.normalisation != "none":
                tangent = group.gain * _normalise_tangent(layer, tangent, *trace.normalised[vertex])
        preactivation = trace.preactivations[vertex - 1]
        tangents[vertex] = activate(tangent, preactivation, layer.slope)
        if at_kink is not None and layer.slope != LINEAR:
            selected = rational(at_kink) * tangent
            tangents[vertex] = np.where(preactivation == 0, selected, tangents[vertex])
    if network.depth not in tangents:
        entries = int(np.prod(parameter.shape))
        tangents[network.depth] = constant(trace, 0, (entries, *trace.values[-1].shape))
    return per_sample(tangents[network.depth], parameter.shape)


def batch_gradient(
    network: Network,
    parameters: Sequence[Array],
    inputs: Array,
    targets: Array,
    index: int,
    weight_decay: fmpq,
) -> Array:
    """Gradient of ``(1/B) sum_n ||f_W(x_n) - y_n||^2 + weight_decay ||W||^2`` on a batch.

    galanti2022, Eq. 6 with the square loss: ``(1/B) sum_n 2 (f_n - y_n) df_n/dW + 2 lambda W``.

    Args:
        inputs: the ``B`` samples of the batch, ``(B, d)``.
        targets: ``(B, C)``, of the same kind of number.
        index, parameters: as in `jacobian`.

    Returns:
        An array of the parameter's shape.

    Raises:
        InputError: as `jacobian`, and for targets of another shape.
    """
    kind_of_number([*parameters, inputs, targets])
    derivatives = jacobian(network, parameters, inputs, index)
    outputs = vertices(network, parameters, inputs)[-1]
    if targets.shape != outputs.shape:
        raise InputError(f"targets have shape {targets.shape}: expected {outputs.shape}")
    shape = network.parameters[index].shape
    residuals = (outputs - targets).reshape(1, -1)
    fit = product(derivatives.reshape(residuals.size, -1).T, residuals).reshape(shape)
    gradient: Array = fit * fmpq(2, len(inputs)) + 2 * weight_decay * parameters[index]
    return gradient


def _normalise_tangent(layer: Layer, tangent: Array, unit: Array, deviation: Array) -> Array:
    """Derivative of ``(z - mean) / deviation``; ``d deviation = mean(unit * centred tangent)``."""
    samples = tangent.shape[-2]
    centred = tangent - tangent.sum(axis=-2, keepdims=True) / samples
    if layer.normalisation == "batch":
        centred = centred - unit * ((unit * centred).sum(axis=-2, keepdims=True) / samples)
    result: Array = centred / deviation
    return result
