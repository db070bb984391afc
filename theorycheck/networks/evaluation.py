"""Evaluation of a network on stacked members, and gradients by autograd.

Shapes: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce

import torch
from torch import Tensor

from theorycheck.arguments import real_number
from theorycheck.networks.checks import require_floats, require_inputs
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Dense,
    Identity,
    Map,
    Network,
    Parameters,
)


def vertices(network: Network, parameters: Parameters, inputs: Tensor) -> list[Tensor]:
    """Values of all vertices, input first; the last one is the output ``f_W``.

    Args:
        parameters: tensors of shape ``(K, *shape)``.
        inputs: ``(K, N, d)``, or ``(N, d)`` when all members share the samples. Batch normalisation
            takes its statistics over the ``N`` samples (galanti2022, Eq. 5; no epsilon is added, so
            a unit that is constant over the batch has no value: it is NaN, and so is one whose
            values differ by no more than they are rounded, see `noise`).

    Returns:
        Tensors of shape ``(K, N, width)``.

    Raises:
        InputError: when parameters or inputs do not fit the network, are of several dtypes, or are
            no dense tensors of floats.
    """
    require_inputs(network, parameters, inputs)
    return _evaluate(network, parameters, inputs)[0]


def bending(network: Network, parameters: Parameters, inputs: Tensor) -> Tensor:
    """The arguments of all activations that bend, ``(K, N, units)``; given as in `vertices`.

    Between parameters at which one of them differs in sign lies a kink.
    """
    _, totals = _evaluate(network, parameters, inputs)
    bent = _of_bending(network, totals)
    return torch.cat([totals[0][..., :0], *bent], dim=-1)


def with_slopes(
    network: Network, parameters: Parameters, inputs: Tensor, slopes: Tensor
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Outputs where the activations that bend multiply their arguments by given numbers.

    With the slopes that the activations have at the arguments these are the network's outputs.

    Args:
        slopes: ``(K, N, units)``, in the order of `bending`; the rest as in `vertices`.

    Returns:
        The outputs ``(K, N, C)``; the arguments, then the values, of the activations that bend, one
        tensor for each layer.
    """
    widths = [layer.width for layer in network.layers if layer.slope != LINEAR]
    own = iter(torch.split(slopes, widths, dim=-1))
    values, totals = _evaluate(network, parameters, inputs, own)
    return values[-1], _of_bending(network, totals), _of_bending(network, values[1:])


def _of_bending(network: Network, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Those of the layers whose activations bend."""
    layers = zip(network.layers, tensors, strict=True)
    return [tensor for layer, tensor in layers if layer.slope != LINEAR]


def _evaluate(
    network: Network,
    parameters: Parameters,
    inputs: Tensor,
    slopes: Iterator[Tensor] | None = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """The values of all vertices, and the arguments of the activations of all layers.

    Args:
        slopes: what the arguments of each layer that bends are multiplied by; by default, its own.
    """
    totals: list[Tensor] = []
    stream = iter(parameters)
    members = parameters[0].shape[0]
    values = [inputs.expand(members, *inputs.shape[-2:])]
    reached: list[Tensor | None] = [None]
    for layer in network.layers:
        weights = [None if isinstance(e.map, Identity) else next(stream) for e in layer.edges]
        edges = list(zip(layer.edges, weights, strict=True))
        terms = (_connect(edge.map, values[edge.source], weight) for edge, weight in edges)
        total = reduce(torch.add, terms)
        if network.normalised_by_batch:
            reached.append(
                reduce(
                    torch.logical_or,
                    (reaches(e.map, values[e.source], reached[e.source], w) for e, w in edges),
                )
            )
        bias = next(stream).unsqueeze(-2) if layer.bias else None
        if bias is not None:
            total = total + bias
        if layer.normalisation != "none":
            gain, shift = next(stream)[:, None, None], next(stream)[:, None, None]
            given = [(e.map, values[e.source].detach(), w, None) for e, w in edges]
            rounded = noise(given, bias)
            origin, unit = frame(total.detach(), reached[-1], rounded.detach())
            scaled = (total - origin) / unit
            centred = scaled - scaled.mean(dim=-2, keepdim=True)
            variance = centred.square().mean(dim=-2, keepdim=True)
            if layer.normalisation == "batch-detached":
                variance = variance.detach()
            total = gain * centred / variance.sqrt() + shift
        totals.append(total)
        if slopes is None or layer.slope == LINEAR:
            values.append(_activate(total, layer.slope))
        else:
            values.append(next(slopes) * total)
    return values, totals


def reaches(
    connection: Map,
    source: Tensor,
    reached: Tensor | None,
    weight: Tensor | None,
    patches: Tensor | None = None,
) -> Tensor:
    """Which units a connection gives something that varies over the samples, ``(K, 1, width)``.

    A unit that nothing of the kind reaches is constant, though the products of equal samples may
    differ: the last bits of a matrix product depend on the column.

    Args:
        source: the values that the connection takes, ``(K, N, width)``.
        reached: which of them something reaches, ``(K, 1, width)``; None if all may vary.
        weight: ``(K, rows, columns)``; None for an identity.
        patches: the `patches` of a convolution, if they are on the device already.
    """
    varies = (source != source[..., :1, :]).any(dim=-2, keepdim=True)
    if reached is not None:
        varies = varies & reached
    if weight is None:
        return varies
    given = (weight != 0).to(weight.dtype)
    return _connect(connection, varies.to(weight.dtype), given, patches) > 0


def noise(
    edges: Sequence[tuple[Map, Tensor, Tensor | None, Tensor | None]], bias: Tensor | None
) -> Tensor:
    """By how much equal values of a unit may differ as they are rounded, ``(K, 1, width)``.

    In exact numbers a unit may be constant where terms cancel that vary; what is left of them is
    rounding, in each engine another. A sum of n products, in whatever order, is off by at most
    ``gamma_n`` times the sum of their absolute values (N. Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, Section 3.1), here by its largest one over the samples. Two values
    may be off by as much, in opposite directions.

    Args:
        edges: what leads to the unit: maps, the values that they take, ``(K, N, width)``, weights
            and patches as in `reaches`.
        bias: ``(K, 1, width)``, if there is one.
    """
    terms = [1 if weight is None else weight.shape[-1] for _, _, weight, _ in edges]
    factor = noise_factor(terms, bias is not None, edges[0][1].dtype)
    sizes = [
        _connect(
            connection,
            factor * _largest(source),
            None if weight is None else weight.abs(),
            index,
        )
        for connection, source, weight, index in edges
    ]
    return reduce(torch.add, sizes if bias is None else [*sizes, factor * bias.abs()])


def _largest(values: Tensor) -> Tensor:
    """The largest absolute value over the samples, without a copy of all of them."""
    least, most = values.aminmax(dim=-2, keepdim=True)
    return torch.maximum(most, -least)


def noise_factor(terms: Sequence[int], biased: bool, dtype: torch.dtype) -> float:
    """By what the sum of absolute values is multiplied in `noise`: ``2 gamma``.

    One term alone is rounded alike in all samples where it is equal, so that nothing is noise. The
    bound and the spread that it is compared with are rounded themselves, by as much at most: gamma
    is that of twice as many terms.

    Args:
        terms: how many each edge adds up.
    """
    count = sum(terms) + biased
    if count < 2:
        return 0.0
    # PyTorch adds up numbers of half precision in single precision, and rounds the sum.
    unit = torch.finfo(torch.promote_types(dtype, torch.float32)).eps / 2
    rounded = 2 * (count + 1) * unit
    half = torch.finfo(dtype).eps if torch.finfo(dtype).bits < 32 else 0.0
    return 2 * rounded / (1 - rounded) + 2 * half


def frame(values: Tensor, reached: Tensor | None, rounded: Tensor) -> tuple[Tensor, Tensor]:
    """An origin and a unit for each unit's values, in which they can be averaged and squared.

    The unit is a power of two of the size of their spread, so that no square overflows or vanishes;
    it is NaN for what is constant, whatever its rounded mean. The origin is the least value where
    they are `close`, and 0 otherwise. Nothing rounds in the change of frame: values within a factor
    of two have an exact difference (Sterbenz, Floating-Point Computation, 1974).

    Args:
        values: ``(K, N, width)``.
        reached: as in `reaches`.
        rounded: the largest spread that may be rounding, see `noise`.

    Returns:
        Two tensors, ``(K, 1, width)``.
    """
    least, largest = values.amin(dim=-2, keepdim=True), values.amax(dim=-2, keepdim=True)
    spread = largest - least
    near = spread < close(values.dtype) * torch.maximum(least, -largest)
    unit = spread / (2 * torch.frexp(spread).mantissa)
    unit = torch.where(spread <= rounded, math.nan, unit)
    if reached is not None:
        unit = torch.where(reached, unit, math.nan)
    return torch.where(near, least, 0.0), unit


def close(dtype: torch.dtype) -> float:
    """Definition: values of one sign are close that agree in more than half of their digits.

    Rounding their mean would take more than half of the digits of what they differ by.
    """
    return float(2.0 ** round(math.log2(torch.finfo(dtype).eps) / 2))


def patches(connection: Map, device: torch.device | str) -> Tensor | None:
    """Where the patches of a convolution are in its source, on a device; None for other maps."""
    if not isinstance(connection, Convolution):
        return None
    return torch.from_numpy(connection.patches()).to(device)


def _connect(
    connection: Map, source: Tensor, weight: Tensor | None, index: Tensor | None = None
) -> Tensor:
    if weight is None:
        return source
    if isinstance(connection, Dense):
        return source @ weight.mT
    if index is None:
        index = patches(connection, source.device)
    return (source[..., index] @ weight.mT.unsqueeze(-3)).mT.flatten(-2)


def activate(preactivation: Tensor, slope: float) -> Tensor:
    """``z`` where positive, ``slope * z`` elsewhere; autograd's derivative at 0 is ``slope``.

    Raises:
        InputError: for what is no dense tensor of floats, and when the slope is no number.
    """
    require_floats("the preactivation", preactivation)
    return _activate(preactivation, real_number("the slope", slope))


def _activate(preactivation: Tensor, slope: float) -> Tensor:
    if slope == LINEAR:
        return preactivation
    if slope == RELU:
        return torch.relu(preactivation)
    return torch.where(preactivation > 0, preactivation, slope * preactivation)


def forward(network: Network, parameters: Parameters, inputs: Tensor) -> Tensor:
    """Outputs ``f_W(x)``, shape ``(K, N, C)``; arguments as in `vertices`.

    Raises:
        InputError: as `vertices`.
    """
    return vertices(network, parameters, inputs)[-1]


def sample_gradients(network: Network, parameters: Parameters, inputs: Tensor) -> Parameters:
    """Gradients of every output component at every sample with respect to every parameter.

    Each (sample, component) pair becomes a member of its own, so that one backward pass yields all
    of them. With batch normalisation each copy sees the whole batch, and the gradient is the pseudo
    gradient of galanti2022, Section 2.1, wherever a layer detaches its variance.

    Returns:
        One tensor per parameter, ``(K, N, C, *shape)``.

    Raises:
        InputError: as `vertices`.
    """
    require_inputs(network, parameters, inputs)
    members, samples, outputs = parameters[0].shape[0], inputs.shape[-2], network.output_width
    copies = samples * outputs
    inputs = inputs.expand(members, samples, inputs.shape[-1])
    leaves = tuple(p.detach().repeat_interleave(copies, dim=0).requires_grad_() for p in parameters)
    sample = torch.arange(samples).repeat_interleave(outputs).repeat(members)
    component = torch.arange(outputs).repeat(members * samples)
    member = torch.arange(members).repeat_interleave(copies)
    if network.normalised_by_batch:
        data = inputs[member]
    else:
        data, sample = inputs[member, sample].unsqueeze(1), torch.zeros_like(sample)
    # A measure is called where no gradients are recorded.
    with torch.enable_grad():
        values = _evaluate(network, leaves, data)[0][-1]
        picked = values[torch.arange(members * copies), sample, component]
        gradients = torch.autograd.grad(picked.sum(), leaves, materialize_grads=True)
    return tuple(g.reshape(members, samples, outputs, *g.shape[1:]) for g in gradients)
