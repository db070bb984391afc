"""Exact evaluation of a single network: rationals, or balls where square roots occur.

A network without batch normalisation computes outputs and gradients that are rational in its
weights and data, so identities and ranks are decided here with no tolerance. Batch normalisation
needs square roots, hence balls.

Unlike in `theorycheck.networks` there is no member axis, and neither torch nor automatic
differentiation takes part. Shapes: ``N`` samples, ``d`` input width, ``C`` outputs, ``E`` entries
of the parameter that is differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint.utils.flint_exceptions import DomainError

from theorycheck.arithmetic.duals import base
from theorycheck.arithmetic.duals import constant as detached
from theorycheck.arithmetic.numbers import Array, kind_of_number, product, rational
from theorycheck.arithmetic.residues import Residue, gates, standardised
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, RELU, Convolution, Identity, Map, Network


class ConstantUnit(InputError):
    """A unit that is to be normalised is constant over the batch: the network has no value."""


def vertices(network: Network, parameters: Sequence[Array], inputs: Array) -> list[Array]:
    """Values of all vertices, input first, each ``(N, width)``; the last one is ``f_W``.

    Args:
        parameters: one array per entry of ``network.parameters``, of that entry's shape.
        inputs: ``(N, d)``. Batch normalisation takes its statistics over the ``N`` samples, no
            epsilon added (galanti2022, Eq. 5).

    Raises:
        InputError: for shapes that do not fit the network; for entries that are not all fmpq, all
            arb or all dual; for rationals where a standard deviation is irrational (use `balls`);
            for a normalised unit that is not proved to vary over the batch.
        ConstantUnit: for a normalised unit that is proved not to.
    """
    return evaluate(network, parameters, inputs).values


def preactivations(network: Network, parameters: Sequence[Array], inputs: Array) -> list[Array]:
    """Arguments of the activation, ``(N, width)`` for each layer; arguments as in `vertices`."""
    return evaluate(network, parameters, inputs).preactivations


def has_kink(network: Network, parameters: Sequence[Array], inputs: Array) -> bool:
    """Whether any unit with an activation that bends has preactivation zero at any sample.

    A ball that contains zero leaves the question open and counts as a kink, so ``False`` is always
    proved: the network is then differentiable in its parameters at these inputs.
    """
    return any(
        layer.slope != LINEAR and not ((array > 0) | (array < 0)).all()
        for layer, array in zip(
            network.layers, preactivations(network, parameters, inputs), strict=True
        )
    )


@dataclass(frozen=True)
class _Group:
    """The parameters of one layer; ``weights`` runs over its edges, None for a constant skip."""

    weights: tuple[Array | None, ...]
    bias: Array | None
    gain: Array | None
    shift: Array | None


@dataclass(frozen=True)
class Trace:
    """What a forward pass computes, arrays ``(..., N, width)``; lists as in `vertices`."""

    number: Callable[[int], Any]
    groups: list[_Group]
    values: list[Array]
    preactivations: list[Array] = field(default_factory=list)
    normalised: dict[int, tuple[Array, Array]] = field(default_factory=dict)
    """Per normalised vertex: centred values over their standard deviation, and the latter."""


def evaluate(
    network: Network,
    parameters: Sequence[Array],
    inputs: Array,
    moved: tuple[int, Array] | None = None,
) -> Trace:
    """Evaluate; ``moved`` is a vertex and an array added to its sums, with leading axes allowed."""
    trace = Trace(_check(network, parameters, inputs), _groups(network, parameters), [inputs])
    for vertex, (layer, group) in enumerate(zip(network.layers, trace.groups, strict=True), 1):
        total = added_up(
            connect(edge.map, trace.values[edge.source], weight)
            for edge, weight in zip(layer.edges, group.weights, strict=True)
        )
        if group.bias is not None:
            total = total + group.bias
        if moved is not None and moved[0] == vertex:
            total = total + moved[1]
        if layer.normalisation != "none":
            unit, deviation = _standardise(total, vertex, layer.normalisation)
            trace.normalised[vertex] = unit, deviation
            total = group.gain * unit + group.shift
        trace.preactivations.append(total)
        trace.values.append(activate(total, total, layer.slope))
    return trace


def _groups(network: Network, parameters: Sequence[Array]) -> list[_Group]:
    stream = iter(parameters)
    return [
        _Group(
            tuple(next(stream) if _has_weight(edge.map) else None for edge in layer.edges),
            next(stream) if layer.bias else None,
            next(stream) if layer.normalisation != "none" else None,
            next(stream) if layer.normalisation != "none" else None,
        )
        for layer in network.layers
    ]


def _has_weight(connection: Map) -> bool:
    return not isinstance(connection, Identity)


def patches_of(connection: Map, source: Array) -> Array:
    """What each copy of the filters reads, ``(..., positions, size)``; a dense map has one copy."""
    if isinstance(connection, Convolution):
        return source[..., connection.patches()]
    return source[..., None, :]


def connect(connection: Map, source: Array, weight: Array | None) -> Array:
    """What an edge adds to the sums of its target, ``(..., N, width)``."""
    if weight is None:
        return source
    by_filter = product(patches_of(connection, source), weight).swapaxes(-1, -2)
    return by_filter.reshape(*source.shape[:-1], -1)


def parameter_tangent(network: Network, trace: Trace, index: int) -> Array:
    """Derivative ``(E, N, width)`` of a layer's sums with respect to its weight or its bias."""
    parameter = network.parameters[index]
    layer, samples = network.layers[parameter.layer - 1], len(trace.values[0])
    if parameter.role == "bias":
        direction = constant(trace, 0, (layer.width, samples, layer.width))
        units = np.arange(layer.width)
        direction[units, :, units] = trace.number(1)
        return direction
    edge = network.edge_of(index)
    patches = patches_of(edge.map, trace.values[edge.source])
    positions, size = patches.shape[-2:]
    filters = parameter.shape[0]
    direction = constant(trace, 0, (filters, size, samples, filters, positions))
    for f in range(filters):
        direction[f, :, :, f] = patches.transpose(2, 0, 1)
    return direction.reshape(filters * size, samples, layer.width)


def _standardise(total: Array, vertex: int, normalisation: str) -> tuple[Array, Array]:
    samples = total.shape[-2]
    centred = total - total.sum(axis=-2, keepdims=True) / samples
    variance = (centred * centred).sum(axis=-2, keepdims=True) / samples
    if (variance == 0).any():
        raise ConstantUnit(
            f"layer {vertex}: a normalised unit is constant over the batch: change the batch"
        )
    if isinstance(base(variance.flat[0]), Residue):
        return standardised(centred, variance, detached=normalisation == "batch-detached")
    if not (variance > 0).all():
        raise InputError(
            f"layer {vertex}: a normalised unit is not proved to vary over the batch: "
            "change the batch, or raise the precision of balls"
        )
    try:
        deviation = np.frompyfunc(lambda x: x.sqrt(), 1, 1)(variance)
    except DomainError as error:
        raise InputError(
            f"layer {vertex}: a standard deviation is irrational: use balls"
        ) from error
    if normalisation == "batch-detached":
        deviation = np.frompyfunc(detached, 1, 1)(deviation)
    return centred / deviation, deviation


def activate(array: Array, preactivation: Array, slope: float) -> Array:
    """``array`` where the preactivation is positive, ``slope * array`` elsewhere.

    Where a ball leaves the sign open, the hull of the two. Residues have no sign: each argument has
    a slope of its own (`theorycheck.arithmetic.residues`).
    """
    if slope == LINEAR:
        return array
    if isinstance(base(preactivation.flat[0]), Residue):
        found: Array = gates(preactivation, slope) * array
        return found
    zero = type(array.flat[0])(0)
    other = zero if slope == RELU else rational(slope) * array
    result = np.where(preactivation > 0, array, other)
    undecided = ~((preactivation > 0) | (preactivation <= 0))
    if undecided.any():
        hull = np.frompyfunc(lambda x, y: x.union(y), 2, 1)(array, other)
        result = np.where(undecided, hull, result)
    return result


def per_sample(derivatives: Array, shape: tuple[int, ...]) -> Array:
    """``(E, N, C)`` to ``(N, C, *shape)``."""
    moved = np.moveaxis(derivatives, 0, -1)
    return moved.reshape(*moved.shape[:2], *shape)


def added_up(terms: Iterable[Array]) -> Array:
    """The sum of at least one array, in order."""
    first, *others = terms
    for term in others:
        first = first + term
    return first


def constant(trace: Trace, value: int, shape: tuple[int, ...]) -> Array:
    """An array filled with one number, of the kind that a trace holds."""
    return np.full(shape, trace.number(value), dtype=object)


def _check(network: Network, parameters: Sequence[Array], inputs: Array) -> Callable[[int], Any]:
    expected = [parameter.shape for parameter in network.parameters]
    shapes = [parameter.shape for parameter in parameters]
    if shapes != expected:
        raise InputError(f"parameters have shapes {shapes}: the network expects {expected}")
    if inputs.ndim != 2 or len(inputs) == 0 or inputs.shape[1] != network.input_width:
        raise InputError(f"inputs have shape {inputs.shape}: expected (N, {network.input_width})")
    kind, first = kind_of_number([*parameters, inputs]), inputs.flat[0]
    return first.field.constant if isinstance(first, Residue) else kind


def check_index(network: Network, index: int) -> None:
    """Raise InputError unless the network has a parameter at this position."""
    if not 0 <= index < len(network.parameters):
        raise InputError(f"no parameter {index}: the network has {len(network.parameters)}")
