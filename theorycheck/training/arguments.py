"""Arguments of the trainers: numbers of the kind that is meant, or one line that says what is."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from theorycheck.errors import InputError


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """A count, which may also be an integer of numpy or torch.

    Raises:
        InputError: for anything else, such as 2.0 or True, and for less than the least.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise InputError(f"{name} must be a whole number, at least {least}, not {value!r}")
    return number


def whole_numbers(name: str, values: Any) -> tuple[int, ...]:
    """Counts in order, each of them 0 or more.

    Raises:
        InputError: unless there is a sequence of them.
    """
    listed = isinstance(values, Sequence | Tensor) or hasattr(values, "__array__")
    try:
        if listed and not isinstance(values, str):
            numbers = tuple(operator.index(value) for value in values)
            if min(numbers, default=0) >= 0:
                return numbers
    except TypeError:
        pass
    raise InputError(f"{name} must be a sequence of whole numbers, at least 0, not {values!r}")


def real_number(name: str, value: Any) -> float:
    """A real number, which may also be one of numpy or torch.

    Raises:
        InputError: for anything else, such as text or a sequence.
    """
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Tensor) and value.dim() == 0 and not value.is_complex():
        return float(value)
    raise InputError(f"{name} must be a number, not {value!r}")


def per_member(name: str, value: Any, members: int, like: Tensor) -> Tensor:
    """A number, or one for every member, as ``(K, 1)`` in the dtype and on the device of a tensor.

    Raises:
        InputError: for anything else.
    """
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        tensor = torch.empty(0)
    if tensor.is_complex() or (tensor.dim() > 0 and tuple(tensor.shape) != (members,)):
        raise InputError(f"{name} must be a number or have shape ({members},)")
    # Once more from the value: a Python number is not rounded twice.
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(members)[:, None]


def instance(name: str, value: object, kind: type) -> None:
    """Raise InputError unless an object is of a class."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise InputError(f"{name} must be {article} {kind.__name__}, not {value!r:.60}")
