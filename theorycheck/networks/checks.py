"""What tensors and parameters have to be before anything is computed with them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from theorycheck.errors import InputError, quoted
from theorycheck.networks.specification import Network


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


def require_floats(name: str, value: object) -> None:
    """Raise InputError unless a value is a dense tensor of floats."""
    tensor = require_dense(name, value)
    if not tensor.is_floating_point():
        raise InputError(f"{name} is {tensor.dtype}: give it a floating dtype")


def require_parameters(network: Network, parameters: Sequence[Tensor]) -> None:
    """Raise InputError unless these are a network's parameters, for the same members."""
    for number, tensor in enumerate(parameters):
        require_floats(f"parameter {number}", tensor)
    members = len(parameters[0]) if parameters and parameters[0].ndim else 0
    expected = [(members, *parameter.shape) for parameter in network.parameters]
    if not members or [tuple(tensor.shape) for tensor in parameters] != expected:
        raise InputError(
            f"parameters do not fit the network {network}: give one tensor per parameter, of shape "
            "(members, *shape), for the same members"
        )


def held(name: str, value: object, like: Tensor) -> Tensor:
    """A number, or numbers, in the dtype and on the device of a tensor.

    Raises:
        InputError: for what is no number, or infinite, and where the dtype makes that or 0 of it.
    """
    try:
        given = value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InputError(f"{name} {quoted(value)} is no number: {error}") from error
    if require_numbers(name, given).is_complex():
        raise InputError(f"{name} must be a real number, not {quoted(value)}")
    kept = given.to(like.device, like.dtype)
    vanished = (kept == 0) & (given != 0).to(like.device)
    if bool((kept.isinf() | vanished).any()):
        kind = str(like.dtype).removeprefix("torch.")
        raise InputError(f"{name} is beyond the numbers of {kind}: use a wider dtype")
    return kept


def require_dtype(dtype: object) -> torch.dtype:
    """The value; raises InputError unless it is a floating dtype of torch."""
    if not isinstance(dtype, torch.dtype):
        raise InputError(f"dtype must be one of torch, such as torch.float64, not {quoted(dtype)}")
    if not dtype.is_floating_point:
        raise InputError(f"dtype is {dtype}: weights need a floating one")
    return dtype
