"""Arguments of functions: numbers of the kind that is meant, or one line that says what is."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from numbers import Real
from types import UnionType
from typing import Any, get_args

import numpy as np

from theorycheck.errors import InputError, quoted

MOST = 2**53
"""Definition: the largest whole number taken: up to there all are floats."""

LONGEST = 10**6
"""Definition: how many numbers a sequence may have, such as times at which to record."""


def whole_number(name: str, value: Any, least: int = 1, most: float = MOST) -> int:
    """A count, which may also be an integer of numpy or torch.

    Raises:
        InputError: for anything else, such as 2.0 or True, and for what is out of range.
    """
    number = _integer(value)
    if number is None or number < least:
        raise InputError(f"{name} must be a whole number, at least {least}, not {quoted(value)}")
    if number > most:
        raise InputError(f"{name} must be at most {most}, not {quoted(value)}")
    return number


def _integer(value: Any) -> int | None:
    """A single integer of any type as Python's; None for anything else, truth values included."""
    if isinstance(value, bool) or (_is_array(value) and not _single(value)):
        return None
    try:
        return operator.index(value)
    except (TypeError, RuntimeError):
        return None


def is_tensor(value: Any) -> bool:
    """Whether it is a tensor of torch; asking does not load torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or is_tensor(value)


def _single(value: Any) -> bool:
    return value.ndim == 0 and "bool" not in str(value.dtype)


def is_sequence(values: Any) -> bool:
    """Whether these are numbers in order, and not a single one, text, or bytes."""
    if is_tensor(values) or hasattr(values, "__array__"):
        return bool(values.ndim > 0)
    return isinstance(values, Iterable) and not isinstance(values, str | bytes | bytearray)


def listed(name: str, values: Iterable[Any], most: int = LONGEST) -> list[Any]:
    """What an iterable holds.

    Raises:
        InputError: when that is more than the most.
    """
    try:
        found = list(islice(values, most + 1))
    except (TypeError, RuntimeError) as error:
        raise InputError(f"{name} cannot be read: {error}") from error
    if len(found) > most:
        raise InputError(f"{name} must be at most {most} numbers, there are more")
    return found


def whole_numbers(name: str, values: Any, least: int = 0) -> tuple[int, ...]:
    """Counts in order.

    Raises:
        InputError: unless there is a sequence of them, up to `LONGEST`.
    """
    if is_sequence(values) and (isinstance(values, Sequence) or hasattr(values, "__array__")):
        numbers = [_integer(value) for value in listed(name, values)]
        if all(number is not None and least <= number <= MOST for number in numbers):
            return tuple(number for number in numbers if number is not None)
    raise InputError(
        f"{name} must be a sequence of whole numbers, at least {least} and at most {MOST}, "
        f"not {quoted(values)}"
    )


def real_number(name: str, value: Any) -> float:
    """A real number, which may also be one of numpy or torch.

    Raises:
        InputError: for anything else, such as text, a sequence or True, and for what is finite but
            beyond the floats.
    """
    number = (
        value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else value
    )
    try:
        if is_tensor(value) and _single(value) and not value.is_complex():
            return float(value)
        if isinstance(number, Real) and not isinstance(number, bool):
            return float(number)
    except OverflowError as error:
        raise InputError(f"{name} is beyond the numbers of float64: {quoted(value)}") from error
    except RuntimeError as error:
        raise InputError(f"{name} cannot be read: {error}") from error
    raise InputError(f"{name} must be a number, not {quoted(value)}")


def positive_number(name: str, value: Any) -> float:
    """A real number that is positive and finite.

    Raises:
        InputError: for anything else.
    """
    number = real_number(name, value)
    if not 0 < number < math.inf:
        raise InputError(f"{name} {number} must be positive and finite")
    return number


def nonnegative_number(name: str, value: Any) -> float:
    """A real number that is 0 or positive, and finite.

    Raises:
        InputError: for anything else.
    """
    number = real_number(name, value)
    if not 0 <= number < math.inf:
        raise InputError(f"{name} is {number}: give a finite number from 0 on")
    return number


@contextmanager
def in_memory(what: str) -> Iterator[None]:
    """Raise InputError where numbers that NumPy makes do not fit into memory."""
    try:
        yield
    except (MemoryError, ValueError) as error:
        raise InputError(f"{what}: so many do not fit into memory") from error


def instance(name: str, value: object, kind: type | UnionType) -> None:
    """Raise InputError unless an object is of a class, or of one of several."""
    if not isinstance(value, kind):
        kinds = " or ".join(map(_articled, get_args(kind) or (kind,)))
        raise InputError(f"{name} must be {kinds}, not {quoted(value)}")


def _articled(kind: type) -> str:
    if kind is type(None):
        return "None"
    return f"an {kind.__name__}" if kind.__name__[0] in "AEIOU" else f"a {kind.__name__}"


def instances(name: str, values: object, kind: type) -> None:
    """Raise InputError unless these are a tuple of objects of a class."""
    if not isinstance(values, tuple) or not all(isinstance(value, kind) for value in values):
        raise InputError(f"{name} must be a tuple of {kind.__name__}, not {quoted(values)}")


def function(name: str, value: object) -> None:
    """Raise InputError unless a value can be called."""
    if not callable(value):
        raise InputError(f"{name} must be a function, not {quoted(value)}")


def choose(name: str, value: object, options: object) -> None:
    """Raise InputError unless a value is one of a ``Literal``, which Python does not check."""
    choices = get_args(options)
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"unknown {name} {quoted(value)}: choose one of {', '.join(choices)}")
