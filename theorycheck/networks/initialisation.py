"""Initial weights of stacked members, and norms of their matrices."""

from __future__ import annotations

import math
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from theorycheck.errors import InputError
from theorycheck.networks.norms import euclidean_norm, mean, moderate, product, restored
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

    Drawn on the CPU in float64 from ``seed``, member by member, and then converted: every dtype and
    device starts from the same numbers, and so do the first members of a larger cohort. Returns
    tensors of shape ``(members, *shape)``.

    Raises:
        InputError: unless ``members`` is a positive whole number, ``seed`` one that is not
            negative, ``scale`` finite and ``dtype`` a floating one.
    """
    if not isinstance(members, Integral) or members < 1:
        raise InputError(f"members is {members!r}: give a positive whole number")
    if not isinstance(seed, Integral) or seed < 0:
        raise InputError(f"seed is {seed!r}: give a whole number that is not negative")
    if not math.isfinite(scale):
        raise InputError(f"scale is {scale}: give a finite number")
    if not dtype.is_floating_point:
        raise InputError(f"dtype is {dtype}: weights need a floating one")
    sizes = [math.prod(network.parameters[i].shape) for i in network.weights]
    # NumPy fills an array in order of its rows, so that a row does not depend on how many follow.
    draws = np.random.default_rng(int(seed)).standard_normal((int(members), sum(sizes)))
    blocks = iter(torch.from_numpy(draws).split(sizes, dim=1))
    tensors = []
    for parameter in network.parameters:
        shape = (int(members), *parameter.shape)
        if parameter.role == "weight":
            draw = next(blocks).reshape(shape)
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
    norms = [euclidean_norm(parameters[i], (-2, -1)) for i in network.weights]
    return torch.stack(norms, dim=-1)


def mean_distance(network: Network, before: Parameters, after: Parameters) -> Tensor:
    """Mean over the weight matrices of the Frobenius norms of their changes, ``(K,)``.

    d(W_{t+1}, W_t) of galanti2022, Section 4.2.
    """
    pairs = [(before[i], after[i]) for i in network.weights]
    largest = torch.stack([each.abs().amax((-2, -1)) for pair in pairs for each in pair]).amax(0)
    # Opposite numbers may be further apart than the largest number: their halves are not.
    far = largest > torch.finfo(largest.dtype).max / 2
    divisor = torch.ones_like(largest).masked_fill(far, 2.0)
    share = divisor[:, None, None]
    changes = [moderate(new / share - old / share, (-2, -1)) for old, new in pairs]
    norms, powers = (torch.cat([c[k].flatten(1) for c in changes], dim=-1) for k in (1, 2))
    # Beside a norm that was divided, what vanishes of the others is negligible.
    most = powers.amax(dim=-1, keepdim=True)
    return restored(mean(norms * (powers / most), -1), most.squeeze(-1), divisor)


def normalise(network: Network, parameters: Parameters) -> tuple[Tensor, Parameters]:
    """Split ``f_W = rho f_V`` into ``rho = prod_k rho_k``, shape ``(K,)``, and unit-norm ``V_k``.

    Parameters other than weight matrices are returned unchanged (xu2022, Section 3.2). A zero
    matrix has no direction; its ``V_k`` is zero too, and ``rho`` is 0.
    """
    unit, norms, powers = list(parameters), [], []
    for i in network.weights:
        matrix, norm, power = moderate(parameters[i], (-2, -1))
        unit[i] = matrix / torch.where(norm > 0, norm, 1.0)
        norms.append(norm.flatten(1))
        powers.append(power.flatten(1))
    return product(torch.cat(norms + powers, dim=-1)), tuple(unit)
