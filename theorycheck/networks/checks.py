"""What tensors and parameters have to be before anything is computed with them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from theorycheck.errors import InputError
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
