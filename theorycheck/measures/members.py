"""Checks of stacked members that all measures share."""

from __future__ import annotations

import torch
from torch import Tensor

from theorycheck.errors import InputError
from theorycheck.networks.checks import require_floats, require_numbers


def reals(tensor: Tensor, name: str) -> Tensor:
    """A tensor of floats, in float32 where it has half precision, too little to count in.

    Raises:
        InputError: for anything else.
    """
    require_floats(name, require_numbers(name, tensor))
    return tensor.float() if tensor.dtype.itemsize < torch.float32.itemsize else tensor


def are_finite(tensor: Tensor) -> Tensor:
    """Whether all entries of a member are finite, ``(K,)``."""
    finite: Tensor = tensor.flatten(1).isfinite().all(dim=-1)
    return finite


def class_numbers(labels: Tensor, outputs: Tensor, classes: int) -> Tensor:
    """Labels as int64 class numbers, ``(K, N)``, checked against outputs ``(K, N, *)``."""
    require_labels(labels, "labels")
    require_shape(labels, outputs[..., 0], "labels")
    message = f"labels must be integers from 0 to {classes - 1}"
    require(not labels.is_floating_point(), message)
    # In a dtype that holds all class numbers: small ones cannot even be compared with `classes`.
    numbers = labels.long()
    require(bool(((numbers >= 0) & (numbers < classes)).all()), message)
    return numbers.expand(outputs.shape[:2])


def require_labels(labels: Tensor, name: str) -> None:
    """Raise InputError unless labels are a dense tensor of real numbers."""
    require(not require_numbers(name, labels).is_complex(), f"{name} must be real numbers")


def require_outputs(outputs: Tensor) -> None:
    """Raise InputError unless the shape is ``(K, N, width)`` and nothing is empty."""
    require(
        outputs.ndim == 3 and outputs.numel() > 0,
        "outputs and features must have shape (members, samples, width), "
        f"not {tuple(outputs.shape)}",
    )


def require_shape(tensor: Tensor, reference: Tensor, name: str) -> None:
    """The shape of the reference, or the same without the axis of members."""
    require(
        tensor.shape in (reference.shape, reference.shape[1:]),
        f"{name} must have shape {tuple(reference.shape)} or {tuple(reference.shape[1:])}, "
        f"not {tuple(tensor.shape)}",
    )


def require(condition: bool, message: str) -> None:
    """Raise InputError with the message unless the condition is met."""
    if not condition:
        raise InputError(message)
