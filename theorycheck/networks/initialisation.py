"""Initial weights of stacked members, and norms of their matrices."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from theorycheck.networks.specification import Network, Parameters


def initialise(
    network: Network,
    members: int,
    *,
    scale: float = 1.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Parameters:
    """He-initialised weights times ``scale``, zero biases and shifts, unit gains.

    Drawn on the CPU in float64 from ``seed`` and then converted, so that every dtype and device
    starts from the same numbers. Returns tensors of shape ``(members, *shape)``.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors = []
    for parameter in network.parameters:
        shape = (members, *parameter.shape)
        if parameter.role == "weight":
            draw = torch.randn(shape, generator=generator, dtype=torch.float64)
            tensors.append(draw * (scale * math.sqrt(2.0 / parameter.shape[1])))
        elif parameter.role == "gain":
            tensors.append(torch.ones(shape, dtype=torch.float64))
        else:
            tensors.append(torch.zeros(shape, dtype=torch.float64))
    return tuple(t.to(dtype) for t in tensors)


def frobenius_norms(network: Network, parameters: Parameters) -> Tensor:
    """``rho_k``: Frobenius norm of each weight matrix, ``(K, number of weights)``.

    For a convolution this is the norm of its filters (xu2022, Section 3.2).
    """
    norms = [torch.linalg.vector_norm(parameters[i], dim=(-2, -1)) for i in network.weights]
    return torch.stack(norms, dim=-1)


def mean_distance(network: Network, before: Parameters, after: Parameters) -> Tensor:
    """Mean over the weight matrices of the Frobenius norms of their changes, ``(K,)``.

    d(W_{t+1}, W_t) of galanti2022, Section 4.2.
    """
    changes = tuple(new - old for old, new in zip(before, after, strict=True))
    return frobenius_norms(network, changes).mean(dim=-1)


def normalise(network: Network, parameters: Parameters) -> tuple[Tensor, Parameters]:
    """Split ``f_W = rho f_V`` into ``rho = prod_k rho_k``, shape ``(K,)``, and unit-norm ``V_k``.

    Parameters other than weight matrices are returned unchanged (xu2022, Section 3.2). A zero
    matrix has no direction; its ``V_k`` is zero too, and ``rho`` is 0.
    """
    norms = frobenius_norms(network, parameters)
    divisors = torch.where(norms > 0, norms, 1.0)
    unit = list(parameters)
    for column, i in enumerate(network.weights):
        unit[i] = parameters[i] / divisors[:, column, None, None]
    return norms.prod(dim=-1), tuple(unit)
