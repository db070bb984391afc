"""Numbers that are never rounded: arrays of rationals, or of balls where roots occur.

Every float is a rational. Balls (Johansson, Arb: efficient arbitrary-precision midpoint-radius
interval arithmetic, IEEE Trans. Comput. 66(8), 2017) enclose what is irrational, and a comparison
of balls is true only when it is proved.

Arrays are NumPy object arrays whose entries are all ``fmpq`` (from `rationals`) or all ``arb``
(from `balls`).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat

from theorycheck.arguments import is_tensor
from theorycheck.arithmetic.duals import Dual
from theorycheck.arithmetic.residues import Residue
from theorycheck.errors import InputError

Array = npt.NDArray[np.object_]

MATRICES: dict[type, type[Any]] = {fmpq: fmpq_mat, arb: arb_mat}
"""The two kinds of number and the flint matrices that multiply them."""


def precision(bits: int) -> AbstractContextManager[None]:
    """Work on balls with ``bits`` bits inside a ``with`` statement (53 outside of any).

    Raises:
        InputError: unless ``bits`` is at least 2.
    """
    if bits < 2:
        raise InputError(f"a precision of {bits} bits is too small: give at least 2")
    manager: AbstractContextManager[None] = ctx.workprec(bits)
    return manager


def rationals(numbers: Any) -> Array:
    """Integers, finite floats of any format, Fractions or fmpq as fmpq, without rounding.

    Args:
        numbers: a number, nested lists, a NumPy array or a torch tensor.

    Raises:
        InputError: for a ragged list and for an entry that is not a finite number.
    """
    return _entrywise(rational, numbers)


def balls(numbers: Any) -> Array:
    """Enclosures at the working precision of whatever `rationals` takes; balls stay as they are.

    Raises:
        InputError: as `rationals`.
    """
    return _entrywise(lambda x: x if isinstance(x, arb) else arb(rational(x)), numbers)


def to_fractions(array: Array) -> Array:
    """The same rationals as ``fractions.Fraction``."""
    return _entrywise(lambda x: Fraction(int(x.p), int(x.q)), array)


def fractions(numbers: Any) -> Array:
    """Whatever `rationals` takes, as ``fractions.Fraction``; a new array."""
    return to_fractions(rationals(numbers))


def to_strings(array: Array) -> Any:
    """Nested lists of ``"p/q"`` or ``"p"``, as JSON stores them; one string for a scalar."""
    return _entrywise(str, array).tolist()


def from_strings(strings: Any) -> Array:
    """Inverse of `to_strings`.

    Raises:
        InputError: when an entry is not an integer or a quotient of two, or a list is ragged.
    """
    return _entrywise(_parse, strings)


def squared(array: Array) -> Any:
    """Squared Frobenius norm, a number of the kind that the array holds."""
    return (array * array).sum()


def flat(arrays: Iterable[Array]) -> Array:
    """All entries of arrays, one array after the other, ``(P,)``."""
    return np.concatenate([array.ravel() for array in arrays])


def _entrywise(convert: Any, numbers: Any) -> Array:
    if is_tensor(numbers):
        array = np.array(numbers.tolist(), dtype=object).reshape(tuple(numbers.shape))
    else:
        try:
            array = np.asarray(numbers, dtype=object)
        except ValueError as error:
            raise InputError(f"not a rectangular array of numbers: {error}") from error
    result = np.empty(array.shape, dtype=object)
    for i, entry in enumerate(array.flat):
        result.flat[i] = convert(entry)
    return result


def rational(number: Any) -> fmpq:
    """An integer, finite float, Fraction or fmpq as fmpq; raises InputError for others."""
    if isinstance(number, fmpq):
        return number
    try:
        if hasattr(number, "as_integer_ratio"):
            return fmpq(*number.as_integer_ratio())
        return fmpq(int(number.numerator), int(number.denominator))
    except (AttributeError, OverflowError, ValueError) as error:
        raise InputError(f"{number!r} is not a finite rational number") from error


def _parse(string: Any) -> fmpq:
    try:
        numerator, _, denominator = string.partition("/")
        return fmpq(int(numerator), int(denominator or 1))
    except (AttributeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f'{string!r} is not a rational: write "p" or "p/q"') from error


def product(left: Array, right: Array) -> Array:
    """``left @ right.T``, ``(..., k)`` with ``(m, k)``, through one flint matrix product."""
    if isinstance(right.flat[0], Dual | Residue):  # Which flint does not know.
        result: Array = left @ right.T
        return result
    matrix = MATRICES[type(right.flat[0])]
    size = right.shape[1]
    rows = left.size // size
    product = matrix(rows, size, left.ravel().tolist()) * matrix(
        size, len(right), right.T.ravel().tolist()
    )
    return np.array(product.entries(), dtype=object).reshape(*left.shape[:-1], len(right))


def kind_of_number(arrays: Iterable[Array]) -> type[Any]:
    """``fmpq``, ``arb``, `Dual` or `Residue`, whichever all are; InputError for a mixture."""
    kinds = {type(entry) for array in arrays for entry in array.flat}
    if len(kinds) != 1 or not kinds <= {*MATRICES, Dual, Residue}:
        names = ", ".join(sorted(kind.__name__ for kind in kinds)) or "nothing"
        raise InputError(f"arrays hold {names}: convert all with rationals() or all with balls()")
    return kinds.pop()
