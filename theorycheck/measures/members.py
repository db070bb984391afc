"""Checks and norms of stacked members that all measures share."""

from __future__ import annotations

import torch
from torch import Tensor

from theorycheck.errors import InputError


def euclidean_norm(tensor: Tensor, dim: int | tuple[int, int], keepdim: bool = False) -> Tensor:
    """The Euclidean norm over some axes."""
    norm: Tensor = torch.linalg.vector_norm(tensor, dim=dim, keepdim=keepdim)
    return norm


def are_finite(tensor: Tensor) -> Tensor:
    """Whether all entries of a member are finite, ``(K,)``."""
    finite: Tensor = tensor.flatten(1).isfinite().all(dim=-1)
    return finite


def class_numbers(labels: Tensor, outputs: Tensor, classes: int) -> Tensor:
    """Labels as int64 class numbers, ``(K, N)``, checked against outputs ``(K, N, *)``."""
    require_shape(labels, outputs[..., 0], "labels")
    require(classes > 0, f"{classes} classes: there must be at least one")
    valid = not labels.is_floating_point() and bool(((labels >= 0) & (labels < classes)).all())
    require(valid, f"labels must be integers from 0 to {classes - 1}")
    return labels.long().expand(outputs.shape[:2])


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
