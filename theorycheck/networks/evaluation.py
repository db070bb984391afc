"""Evaluation of a network on stacked members, and gradients by autograd.

Shapes: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from theorycheck.networks.specification import (
    LINEAR,
    RELU,
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
            a unit that is constant over the batch gives a non-finite output).

    Returns:
        Tensors of shape ``(K, N, width)``.
    """
    stream = iter(parameters)
    members = parameters[0].shape[0]
    values = [inputs.expand(members, *inputs.shape[-2:])]
    for layer in network.layers:
        total: Tensor | None = None
        for edge in layer.edges:
            term = _connect(edge.map, values[edge.source], stream)
            total = term if total is None else total + term
        assert total is not None
        if layer.bias:
            total = total + next(stream).unsqueeze(-2)
        if layer.normalisation != "none":
            gain, shift = next(stream)[:, None, None], next(stream)[:, None, None]
            centred = total - total.mean(dim=-2, keepdim=True)
            variance = centred.square().mean(dim=-2, keepdim=True)
            if layer.normalisation == "batch-detached":
                variance = variance.detach()
            total = gain * centred / variance.sqrt() + shift
        values.append(activate(total, layer.slope))
    return values


def _connect(connection: Map, source: Tensor, stream: Iterator[Tensor]) -> Tensor:
    if isinstance(connection, Identity):
        return source
    weight = next(stream)
    if isinstance(connection, Dense):
        return source @ weight.mT
    index = torch.from_numpy(connection.patches()).to(source.device)
    return (source[..., index] @ weight.mT.unsqueeze(-3)).mT.flatten(-2)


def activate(preactivation: Tensor, slope: float) -> Tensor:
    """``z`` where positive, ``slope * z`` elsewhere; autograd's derivative at 0 is ``slope``."""
    if slope == LINEAR:
        return preactivation
    if slope == RELU:
        return torch.relu(preactivation)
    return torch.where(preactivation > 0, preactivation, slope * preactivation)


def forward(network: Network, parameters: Parameters, inputs: Tensor) -> Tensor:
    """Outputs ``f_W(x)``, shape ``(K, N, C)``; arguments as in `vertices`."""
    return vertices(network, parameters, inputs)[-1]


def sample_gradients(network: Network, parameters: Parameters, inputs: Tensor) -> Parameters:
    """Gradients of every output component at every sample with respect to every parameter.

    Each (sample, component) pair becomes a member of its own, so that one backward pass yields all
    of them. With batch normalisation each copy sees the whole batch, and the gradient is the pseudo
    gradient of galanti2022, Section 2.1, wherever a layer detaches its variance.

    Returns:
        One tensor per parameter, ``(K, N, C, *shape)``.
    """
    members, samples, outputs = parameters[0].shape[0], inputs.shape[-2], network.output_width
    copies = samples * outputs
    inputs = inputs.expand(members, samples, inputs.shape[-1])
    leaves = tuple(p.detach().repeat_interleave(copies, dim=0).requires_grad_() for p in parameters)
    sample = torch.arange(samples).repeat_interleave(outputs).repeat(members)
    component = torch.arange(outputs).repeat(members * samples)
    member = torch.arange(members).repeat_interleave(copies)
    if network.normalised_by_batch:
        values = forward(network, leaves, inputs[member])
        picked = values[torch.arange(members * copies), sample, component]
    else:
        values = forward(network, leaves, inputs[member, sample].unsqueeze(1))
        picked = values[torch.arange(members * copies), 0, component]
    gradients = torch.autograd.grad(picked.sum(), leaves, materialize_grads=True)
    return tuple(g.reshape(members, samples, outputs, *g.shape[1:]) for g in gradients)
