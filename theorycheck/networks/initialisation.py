"""Initial weights of stacked members, and norms of their matrices."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from theorycheck.arguments import in_memory, instance, real_number, whole_number
from theorycheck.errors import InputError
from theorycheck.networks.checks import require_dtype, require_parameters
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
            negative, ``scale`` finite and ``dtype`` float16, bfloat16, float32 or float64, and able
            to hold the weights; and when they do not fit into memory.
    """
    instance("the network", network, Network)
    members = whole_number("members", members)
    scale = real_number("scale", scale)
    seed = whole_number("seed", seed, least=0, most=math.inf)
    if not math.isfinite(scale):
        raise InputError(f"scale is {scale}: give a finite number")
    require_dtype(dtype)
    sizes = [math.prod(network.parameters[i].shape) for i in network.weights]
    with in_memory(f"members is {members}"):
        # NumPy fills an array in order of its rows: a row does not depend on how many follow.
        draws = np.random.default_rng(seed).standard_normal((members, sum(sizes)))
    blocks = iter(torch.split(torch.from_numpy(draws), sizes, dim=1))
    tensors = []
    for parameter in network.parameters:
        shape = (members, *parameter.shape)
        if parameter.role == "weight":
            draw = next(blocks).reshape(shape)
            tensors.append(draw * (scale * math.sqrt(2.0 / parameter.shape[1])))
        elif parameter.role == "gain":
            tensors.append(torch.ones(shape, dtype=torch.float64))
        else:
            tensors.append(torch.zeros(shape, dtype=torch.float64))
    parameters = tuple(t.to(dtype) for t in tensors)
    for i in network.weights:
        low, high = (end.item() for end in parameters[i].aminmax())
        # No normal matrix is zero.
        if not (math.isfinite(low) and math.isfinite(high)) or (scale and low == high == 0):
            raise InputError(
                f"scale is {scale}: it takes weights beyond the numbers of {dtype}: use another "
                "scale, or a wider dtype"
            )
    return parameters


def frobenius_norms(network: Network, parameters: Parameters) -> Tensor:
    """``rho_k``: Frobenius norm of each weight matrix, ``(K, number of weights)``.

    For a convolution this is the norm of its filters (xu2022, Section 3.2).

    Raises:
        InputError: when the parameters do not fit the network.
    """
    require_parameters(network, parameters)
    norms = [euclidean_norm(parameters[i], (-2, -1)) for i in network.weights]
    return torch.stack(norms, dim=-1)


def mean_distance(network: Network, before: Parameters, after: Parameters) -> Tensor:
    """Mean over the weight matrices of the Frobenius norms of their changes, ``(K,)``.

    d(W_{t+1}, W_t) of galanti2022, Section 4.2.

    Raises:
        InputError: when the parameters do not fit the network, or are of other members.
    """
    given, found = (require_parameters(network, each) for each in (before, after))
    if given != found:
        raise InputError(f"give the same members before and after, not {given} and {found}")
    norms, powers = _norms_of_changes(network, before, after)
    far = norms.isinf().any(dim=-1, keepdim=True)
    if bool(far.any()):
        # Opposite numbers may be further apart than the largest number: their halves are not.
        halves = (tuple(p / 2 for p in each) for each in (before, after))
        nearer, others = _norms_of_changes(network, *halves)
        norms, powers = torch.where(far, nearer, norms), torch.where(far, others, powers)
    # Beside a norm that was divided, what vanishes of the others is negligible.
    most = powers.amax(dim=-1, keepdim=True)
    factors = most, torch.ones_like(most).masked_fill(far, 2.0)
    return restored(mean(norms * (powers / most), -1), *(f.squeeze(-1) for f in factors))


def _norms_of_changes(
    network: Network, before: Parameters, after: Parameters
) -> tuple[Tensor, Tensor]:
    """Norms of the changes of the weight matrices over powers of two, and these: ``(K, L)``."""
    changes = tuple(new - old for old, new in zip(before, after, strict=True))
    found = [moderate(changes[i], (-2, -1))[1:] for i in network.weights]
    norms, powers = (torch.cat(each, dim=-1).flatten(1) for each in zip(*found, strict=True))
    return norms, powers


def normalise(network: Network, parameters: Parameters) -> tuple[Tensor, Parameters]:
    """Split ``f_W = rho f_V`` into ``rho = prod_k rho_k``, shape ``(K,)``, and unit-norm ``V_k``.

    Parameters other than weight matrices are returned unchanged (xu2022, Section 3.2). A zero
    matrix has no direction; its ``V_k`` is zero too, and ``rho`` is 0.

    Raises:
        InputError: when the parameters do not fit the network.
    """
    require_parameters(network, parameters)
    unit, norms, powers = list(parameters), [], []
    for i in network.weights:
        matrix, norm, power = moderate(parameters[i], (-2, -1))
        unit[i] = matrix / torch.where(norm > 0, norm, 1.0)
        norms.append(norm.flatten(1))
        powers.append(power.flatten(1))
    return product(torch.cat(norms + powers, dim=-1)), tuple(unit)
