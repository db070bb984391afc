"""Exact derivatives of a single network in reverse mode, for many weights at once.

Forward mode carries one tangent for each weight; reverse mode one adjoint for each output. A test
compares the two. Shapes are those of `theorycheck.arithmetic.evaluation`.
"""

from __future__ import annotations

from collections.abc import Sequence

from theorycheck.arithmetic import forward_mode
from theorycheck.arithmetic.evaluation import (
    Trace,
    activate,
    check_index,
    constant,
    evaluate,
    patches_of,
)
from theorycheck.arithmetic.numbers import Array
from theorycheck.networks.specification import Convolution, Edge, Network


def jacobian(network: Network, parameters: Sequence[Array], inputs: Array, index: int) -> Array:
    """Derivative of each output at each sample with respect to every entry of one parameter.

    Of normalised networks, whose samples depend on one another, in forward mode.

    Args:
        index: position within ``network.parameters``; the other arguments as in
            `theorycheck.arithmetic.evaluation.vertices`.

    Returns:
        ``(N, C, *shape)``.

    Raises:
        InputError: as `theorycheck.arithmetic.forward_mode.jacobian`.
    """
    check_index(network, index)
    if network.normalised_by_batch:
        return forward_mode.jacobian(network, parameters, inputs, index)
    trace, parameter = evaluate(network, parameters, inputs), network.parameters[index]
    samples, outputs = trace.values[-1].shape
    found = constant(trace, 0, (samples, outputs, *parameter.shape))
    unit = constant(trace, 0, (samples, outputs, outputs))
    unit[:, range(outputs), range(outputs)] = trace.number(1)
    adjoints = {network.depth: unit}
    for vertex in range(network.depth, parameter.layer - 1, -1):
        if vertex not in adjoints:
            continue
        layer, group = network.layers[vertex - 1], trace.groups[vertex - 1]
        argument = trace.preactivations[vertex - 1][:, None]
        adjoint = activate(adjoints[vertex], argument, layer.slope)
        if vertex == parameter.layer:
            return _of_parameter(network, trace, index, adjoint)
        for edge, weight in zip(layer.edges, group.weights, strict=True):
            if edge.source >= parameter.layer:
                pulled = _pulled_back(trace, edge, weight, adjoint)
                known = adjoints.get(edge.source)
                adjoints[edge.source] = pulled if known is None else known + pulled
    return found


def _of_parameter(network: Network, trace: Trace, index: int, adjoint: Array) -> Array:
    """The derivatives along a parameter, from those along the sums of its layer."""
    if network.parameters[index].role == "bias":
        return adjoint
    edge = network.edge_of(index)
    patches = patches_of(edge.map, trace.values[edge.source])
    filters = network.parameters[index].shape[0]
    found: Array = adjoint.reshape(*adjoint.shape[:2], filters, -1) @ patches[:, None]
    return found


def _pulled_back(trace: Trace, edge: Edge, weight: Array | None, adjoint: Array) -> Array:
    """The derivatives along the source of an edge, from those along the sums that it leads to."""
    if weight is None:
        return adjoint
    by_filter = adjoint.reshape(*adjoint.shape[:2], len(weight), -1)
    by_patch: Array = by_filter.swapaxes(-1, -2) @ weight
    if not isinstance(edge.map, Convolution):
        dense: Array = by_patch[:, :, 0]
        return dense
    found = constant(trace, 0, (*adjoint.shape[:2], trace.values[edge.source].shape[1]))
    for position, patch in enumerate(edge.map.patches()):
        found[..., patch] = found[..., patch] + by_patch[:, :, position]
    return found
