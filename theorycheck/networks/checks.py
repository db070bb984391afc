"""What tensors and parameters have to be before anything is computed with them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from theorycheck.errors import InputError
from theorycheck.networks.specification import Network


def require_floats(name: str, value: object) -> None:
    """Raise InputError unless a value is a dense tensor of floats."""
    if not isinstance(value, Tensor):
        raise InputError(f"{name} must be a torch tensor, not {type(value).__name__}")
    if value.layout != torch.strided:
        raise InputError(f"{name} must be a dense tensor, not {value.layout}: use to_dense()")
    if not value.is_floating_point():
        raise InputError(f"{name} is {value.dtype}: give it a floating dtype")


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
