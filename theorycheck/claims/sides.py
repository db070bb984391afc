"""Sides of comparisons: arrays of numbers of any type, none of them rounded.

NumPy, Python and flint compare numbers of two types by rounding one of them, or call them different
because of their types. Here every number becomes a rational first, or stays a ball.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import acb, arb, fmpq

from theorycheck.arguments import is_tensor
from theorycheck.arithmetic.enclosures import as_fraction
from theorycheck.arithmetic.numbers import rational
from theorycheck.errors import InputError, quoted

if TYPE_CHECKING:
    from torch import Tensor

NO_NUMBERS = (
    *(str, bytes, Collection, datetime.date, datetime.time, datetime.timedelta),
    *(np.datetime64, np.timedelta64),
)


def stacked(name: str, side: Any) -> np.ndarray:
    """A side as a NumPy array, first axis the members, of one dtype or of objects.

    Raises:
        InputError: for what is no array of numbers, is empty, or hides some of its numbers.
    """
    if is_tensor(side):
        array = _of_tensor(name, side)
    elif isinstance(side, np.ndarray):
        array = side
    else:
        try:
            # Of objects: numbers of several types would be rounded to those of one.
            array = np.array(_without_tensors(name, side), dtype=object)
        except (ValueError, TypeError, RuntimeError) as error:
            raise InputError(f"{name} is no rectangular array of numbers: {error}") from error
    if np.ma.is_masked(array):
        raise InputError(
            f"{name} has masked entries, which are no numbers: fill them, or leave out"
        )
    array = np.asarray(array)
    if array.ndim == 0 or array.size == 0:
        raise InputError(
            f"{name} must be an array whose first axis is that of the members, with a number at "
            f"least, not {quoted(side)}"
        )
    if array.dtype.kind not in "biufcO":
        raise InputError(f"{name} must hold numbers, not {array.dtype}")
    if array.dtype == object:
        entries = np.empty(array.shape, dtype=object)
        for place, entry in enumerate(array.flat):
            entries.flat[place] = _entry(name, entry)
        return entries
    return array


def _of_tensor(name: str, side: Tensor) -> np.ndarray:
    side = _checked(name, side).detach().cpu().resolve_conj().resolve_neg()
    try:
        return np.asarray(side.numpy())
    except TypeError:  # A dtype that NumPy does not have, such as bfloat16.
        return np.array(side.tolist(), dtype=object).reshape(tuple(side.shape))


def _checked(name: str, side: Tensor) -> Tensor:
    # Loading torch takes longer than printing the numbers of a report.
    from theorycheck.networks.checks import require_numbers

    return require_numbers(name, side)


def _without_tensors(name: str, side: Any) -> Any:
    """Nested lists with numbers in place of tensors, which NumPy may not know how to read."""
    if is_tensor(side):
        return _checked(name, side).tolist()
    if isinstance(side, list | tuple):
        return [_without_tensors(name, part) for part in side]
    return side


def _entry(name: str, entry: Any) -> Any:
    """An entry of an array of objects; that of a tensor as a number of Python."""
    if is_tensor(entry) and entry.dim() == 0:
        return _checked(name, entry).item()
    if isinstance(entry, NO_NUMBERS):
        raise InputError(f"{name} must hold numbers, all in one array, not {quoted(entry)}")
    return entry


def exact(entry: Any) -> Any:
    """A number of any type as a rational, or as the ball that it is; None for NaN and infinity.

    What is none of these stays as it is, such as a root of SymPy.
    """
    if isinstance(entry, arb | acb):
        return entry if entry.is_finite() else None
    if isinstance(entry, bool | np.bool_):
        return fmpq(int(entry))
    if isinstance(entry, complex | np.complexfloating):
        real, imaginary = exact(entry.real), exact(entry.imag)
        if real is None or imaginary is None:
            return None
        return real if imaginary == 0 else acb(arb(real), arb(imaginary))
    if isinstance(entry, float | np.floating) and not np.isfinite(entry):
        return None
    if hasattr(entry, "_mpf_"):
        return _of_digits(*entry._mpf_)
    try:
        return rational(entry)
    except InputError:
        return entry if _is_finite(entry) else None


def _of_digits(sign: int, digits: Any, exponent: int, _: int) -> fmpq | None:
    """A float as mpmath and SymPy write it; None for those that have no digits and are not 0."""
    if not digits:
        return None if exponent else fmpq(0)
    size, whole = 1 << abs(int(exponent)), -int(digits) if sign else int(digits)
    return fmpq(whole * size) if exponent >= 0 else fmpq(whole, size)


def _is_finite(entry: Any) -> bool:
    """Whether an entry of an unknown type is a number: less itself it is 0, then only."""
    try:
        return bool(entry - entry == 0)
    except (ArithmeticError, TypeError):
        return False


def nearest(number: fmpq) -> float:
    """The float64 next to a rational, infinite beyond the largest."""
    try:
        return float(as_fraction(number))
    except OverflowError:
        return math.inf if number > 0 else -math.inf
