"""What tensors and parameters have to be before anything is computed with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from theorycheck.arguments import instance
from theorycheck.errors import InputError, quoted
from theorycheck.networks.specification import Network

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""The dtypes that are computed in: torch has narrower ones, which it can only store."""


def require_dense(name: str, value: object) -> Tensor:
    """The value; raises InputError unless it is a tensor with a place for each of its numbers."""
    if not isinstance(value, Tensor):
        raise InputError(f"{name} must be a torch tensor, not {type(value).__name__}")
    if value.is_nested:
        raise InputError(f"{name} must be a dense tensor, not a nested one: use to_padded_tensor()")
    if value.layout != torch.strided:
        raise InputError(f"{name} must be a dense tensor, not {value.layout}: use to_dense()")
    if value.is_quantized:
        raise InputError(f"{name} must be a dense tensor, not a quantized one: use dequantize()")
    return value


def require_numbers(name: str, value: object) -> Tensor:
    """As `require_dense`; raises InputError also where the numbers are missing."""
    tensor = require_dense(name, value)
    if tensor.is_meta:
        raise InputError(f"{name} is on the device meta, where tensors hold no numbers")
    return tensor


def require_floats(name: str, value: object) -> Tensor:
    """The value; raises InputError unless it is a dense tensor of one of the dtypes `FLOATS`."""
    tensor = require_dense(name, value)
    _require_float(name, tensor.dtype)
    return tensor


def _require_float(name: str, dtype: torch.dtype) -> None:
    if dtype not in FLOATS:
        raise InputError(f"{name} is {dtype}: give it float16, bfloat16, float32 or float64")


def require_tensors(parameters: object) -> None:
    """Raise InputError unless parameters are a sequence of dense tensors of floats."""
    if not isinstance(parameters, Sequence):
        kind = type(parameters).__name__
        raise InputError(f"parameters must be a tuple of torch tensors, not a {kind}")
    for number, tensor in enumerate(parameters):
        require_floats(f"parameter {number}", tensor)


def require_parameters(network: Network, parameters: Sequence[Tensor]) -> int:
    """How many members they are of; raises InputError unless these are a network's parameters."""
    instance("the network", network, Network)
    require_tensors(parameters)
    members = len(parameters[0]) if parameters and parameters[0].ndim else 0
    expected = [(members, *parameter.shape) for parameter in network.parameters]
    if not members or [tuple(tensor.shape) for tensor in parameters] != expected:
        raise InputError(
            f"parameters do not fit the network {network}: give one tensor per parameter, of shape "
            "(members, *shape), for the same members"
        )
    for number, tensor in enumerate(parameters):
        require_numbers(f"parameter {number}", tensor)
        _require_alike("parameters", tensor, parameters[0])
    return members


def require_inputs(network: Network, parameters: Sequence[Tensor], inputs: Tensor) -> None:
    """Raise InputError unless a network can be evaluated at these parameters and inputs."""
    members = require_parameters(network, parameters)
    require_floats("inputs", require_numbers("inputs", inputs))
    shape, width = tuple(inputs.shape), network.input_width
    shared = inputs.ndim == 2 or (inputs.ndim == 3 and shape[0] in (1, members))
    if not shared or shape[-1] != width or not shape[-2]:
        raise InputError(
            f"inputs must have shape (N, {width}) or ({members}, N, {width}), with N of at least "
            f"1, not {shape}"
        )
    _require_alike("inputs", inputs, parameters[0])


def _require_alike(name: str, tensor: Tensor, first: Tensor) -> None:
    if tensor.dtype != first.dtype or tensor.device != first.device:
        raise InputError(
            f"{name} are {tensor.dtype} on {tensor.device} beside {first.dtype} on {first.device}: "
            "give all tensors one floating dtype and one device"
        )


def held(name: str, value: object, like: Tensor) -> Tensor:
    """A number, or numbers, in the dtype and on the device of a tensor.

    Raises:
        InputError: for what is no number, or infinite, and where the dtype makes that or 0 of it.
    """
    if _hold_truths(value):
        raise InputError(f"{name} must be a number, not {quoted(value)}")
    if np.ma.is_masked(value):
        raise InputError(f"{name} has masked entries, which are no numbers: fill them")
    try:
        given = value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InputError(f"{name} {quoted(value)} is no number: {error}") from error
    if require_numbers(name, given).is_complex():
        raise InputError(f"{name} must be a real number, not {quoted(value)}")
    if given.is_floating_point():
        require_floats(name, given)
    kept = given.to(like.device, like.dtype)
    vanished = (kept == 0) & (given != 0).to(like.device)
    if bool((kept.isinf() | vanished).any()):
        kind = str(like.dtype).removeprefix("torch.")
        raise InputError(f"{name} is beyond the numbers of {kind}: use a wider dtype")
    return kept


def _hold_truths(value: Any) -> bool:
    """Whether some are True or False, which torch would take for 1 and 0."""
    if isinstance(value, list | tuple):
        return any(map(_hold_truths, value))
    return isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))


def require_dtype(dtype: object) -> torch.dtype:
    """The value; raises InputError unless it is one of the dtypes `FLOATS`."""
    if not isinstance(dtype, torch.dtype):
        raise InputError(f"dtype must be one of torch, such as torch.float64, not {quoted(dtype)}")
    _require_float("dtype", dtype)
    return dtype
