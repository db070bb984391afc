"""Numbers of the exact reader: rationals, roots of rationals, balls, and ranks within bounds.

What balls leave undecided raises `Open`. Roots of rationals are kept as such, because equalities
between them, which bounds are reached by, are decided by squares where no ball decides them. Within
``grad`` numbers are dual; comparisons look at their values.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
from flint import arb, fmpq, fmpz

from theorycheck.arithmetic.duals import Dual, base
from theorycheck.arithmetic.numbers import Array
from theorycheck.arithmetic.residues import Residue
from theorycheck.statements.ranks import RankBounds


class Open(Exception):
    """Balls of this precision leave a question open."""


class Undefined(Exception):
    """A formula has no value at this example: a division by zero, the root of a negative number."""


class Ragged(Undefined):
    """A list of arrays of different shapes, such as all parameters, is no array itself."""


class Surd:
    """The square root of a positive rational that is not a square."""

    def __init__(self, square: fmpq) -> None:
        self.square = square

    @property
    def ball(self) -> arb:
        """Its enclosure at the working precision."""
        return arb(self.square).sqrt()

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Surd):
            return root(self.square * other.square)
        if isinstance(other, int | fmpq) and other >= 0:
            return root(self.square * other * other)
        return self.ball * other

    def __truediv__(self, other: Any) -> Any:
        return self * (1 / number(other))

    def __rtruediv__(self, other: Any) -> Any:
        return Surd(1 / self.square) * other

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Surd):
            ratio = root(other.square / self.square)
            if isinstance(ratio, fmpq):  # Multiples of one root: their sum is another.
                return Surd(self.square * (1 + ratio) ** 2)
        if isinstance(other, int | fmpq) and other == 0:
            return self
        return self.ball + enclosed(other)

    def __sub__(self, other: Any) -> Any:
        return self.ball - enclosed(other)

    def __rsub__(self, other: Any) -> Any:
        return enclosed(other) - self.ball

    def __neg__(self) -> Any:
        return -self.ball

    def __pow__(self, exponent: int) -> Any:
        return reduce(lambda product, _: product * self, range(exponent), fmpq(1))

    __radd__, __rmul__ = __add__, __mul__


Number = fmpq | arb | Surd | Dual | Residue

RATIONAL = frozenset((int, fmpq))
"""Kinds of numbers of which every comparison has an answer."""
SINGLE = frozenset((int, fmpq, arb, Surd, Dual, Residue))
"""Kinds of values that are no arrays."""
NO_NUMBERS = (bool, list, tuple, np.ndarray)
"""Kinds of values that never are one: truths, arrays, ranges and batches."""
RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge,
    "<": operator.lt, ">": operator.gt,
}  # fmt: skip
OPPOSITES: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.ne, "!=": operator.eq, "<=": operator.gt, ">=": operator.lt,
    "<": operator.ge, ">": operator.le,
}  # fmt: skip


def enclosed(value: Any) -> Any:
    """A number as flint has it: a surd by its ball."""
    return value.ball if isinstance(value, Surd) else value


def in_balls(value: Any) -> Any:
    """A number as a ball of the working precision; a dual number with its derivatives."""
    if isinstance(value, Dual):
        motion = np.frompyfunc(in_balls, 1, 1)(value.motion)
        return Dual(in_balls(value.value), motion, value.level)
    return arb(enclosed(number(value)))


def _square_of(value: Any) -> fmpq | None:
    """The square of a number that is not negative, where it is known exactly."""
    if isinstance(value, Surd):
        return value.square
    return value * value if isinstance(value, fmpq) and value >= 0 else None


def whole(value: Any) -> int:
    """A number that is whole, as an int."""
    if type(value) is int:  # Most are.
        return value
    found = number(value)
    if not isinstance(found, fmpq) or found.q != 1:
        raise Undefined("a number that is not whole")
    return int(found.p)


def position(index: Any, length: int) -> int:
    """The place of one of some things, which are counted from 0; none is counted from the end."""
    place = whole(index)
    if not 0 <= place < length:
        raise Undefined("a subscript out of range")
    return place


def check_member(n: Any, batch: Any, samples: int) -> None:
    """Require that a sample is in a batch, None being that of all samples.

    Raises:
        Undefined: when it is not, or the batch has members that are no samples.
    """
    chosen = range(samples) if batch is None else [position(m, samples) for m in batch]
    if whole(n) not in chosen:
        raise Undefined("a sample that is not in the batch")


def number(value: Any) -> Any:
    """A number of the language, an int or a Fraction as a rational of flint.

    Raises:
        Undefined: for what is no number: truths, ranges, batches and arrays.
    """
    if type(value) in SINGLE:  # Most are: this is asked for every entry.
        return fmpq(value) if type(value) is int else value
    if isinstance(value, Fraction):
        return fmpq(value.numerator, value.denominator)
    if isinstance(value, NO_NUMBERS):
        raise Undefined("what is used as a number is none")
    return fmpq(value) if isinstance(value, int) else value


def flat(value: Any) -> list[Any]:
    """The entries of a number, vector or matrix, row by row."""
    if isinstance(value, list | np.ndarray):
        return [entry for part in value for entry in flat(part)]
    return [number(value)]


def array(value: Any) -> Array:
    """A number, vector or matrix as a NumPy array of numbers."""
    if isinstance(value, np.ndarray):
        return value
    found = np.empty(_shape(value), dtype=object)
    found.flat[:] = flat(value)
    return found


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        return np.shape(value) if isinstance(value, np.ndarray) else ()
    shapes = {_shape(part) for part in value}
    if len(shapes) > 1:
        raise Ragged("rows of different lengths")
    return (len(value), *(shapes.pop() if shapes else ()))


def truth_of(value: Any) -> bool:
    """A truth: numbers are none."""
    if not isinstance(value, bool):
        raise Undefined("a condition that is neither true nor false")
    return value


def compare(left: Any, relation: str, right: Any) -> bool:
    """Whether a relation between two numbers is true.

    Raises:
        Open: when balls or bounds of a rank overlap.
    """
    if type(left) in RATIONAL and type(right) in RATIONAL:
        return RELATIONS[relation](left, right)
    if isinstance(left, RankBounds):
        truths = {compare(r, relation, right) for r in range(left.least, left.most + 1)}
        if len(truths) > 1:
            raise Open
        return truths.pop()
    a, b = number(base(left)), number(base(right))
    squares = _square_of(a), _square_of(b)
    a, b = (enclosed(a), enclosed(b)) if None in squares else squares
    holds = bool(RELATIONS[relation](a, b))
    # Of balls that overlap neither a relation nor its opposite is true.
    if not holds and not OPPOSITES[relation](a, b):
        raise Open
    return holds


def combined(op: ast.operator, left: Any, right: Any) -> Any:
    """Sum, difference, product, quotient or power, entry by entry; or the product of matrices."""
    single = type(left) in SINGLE and type(right) in SINGLE
    if not single or isinstance(op, ast.MatMult):
        try:
            operands = _operand(left), _operand(right)
        except Ragged:
            return _by_entries(op, left, right)
        left, right = operands
        _check_shapes(op, left, right)
    match op:
        case ast.MatMult():
            return left @ right
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            if compare(right, "==", 0):
                raise Undefined("a division by zero")
            return left / number(right) if not isinstance(left, int) else fmpq(left) / right
    return number(left) ** right


def _operand(value: Any) -> Any:
    """What is calculated with: an array, or a number as it is (an exponent is an int)."""
    if isinstance(value, list | np.ndarray):
        return array(value)
    number(value)
    return value


def _by_entries(op: ast.operator, left: Any, right: Any) -> list[Any]:
    """Sums and differences of lists of arrays, their multiples and quotients by a number."""
    match op, isinstance(left, list | np.ndarray), isinstance(right, list | np.ndarray):
        case ((ast.Add() | ast.Sub()), True, True) if len(left) == len(right):
            return [combined(op, a, b) for a, b in zip(left, right, strict=True)]
        case ((ast.Mult() | ast.Div()), True, False):
            return [combined(op, entry, right) for entry in left]
        case ast.Mult(), False, True:
            return [combined(op, left, entry) for entry in right]
    raise Undefined("arrays that cannot be combined")


def _check_shapes(op: ast.operator, left: Any, right: Any) -> None:
    """Arrays of one shape are added and subtracted, and multiplied and divided by a number.

    Products of matrices are those of NumPy, except of more than two dimensions.
    """
    arrays = [value for value in (left, right) if isinstance(value, np.ndarray)]
    if isinstance(op, ast.MatMult):
        ranks = [part.ndim for part in arrays]
        fits = len(arrays) == 2 and max(ranks) < 3 and left.shape[-1] == right.shape[0]
        fits = fits and left.size * right.size > 0
    elif len(arrays) == 2:
        fits = isinstance(op, ast.Add | ast.Sub) and left.shape == right.shape
    else:
        fits = isinstance(op, ast.Mult) or (
            isinstance(op, ast.Div) and not isinstance(right, np.ndarray)
        )
    if (arrays or isinstance(op, ast.MatMult)) and not fits:
        raise Undefined("arrays that cannot be combined")


def root(value: Any) -> Any:
    """The square root: of a rational a rational or a surd, of a ball a ball."""
    radicand = number(value)
    if isinstance(radicand, Dual):
        found = root(radicand.value)
        if compare(found, "==", 0):
            raise Undefined("the derivative of a root at 0")
        return Dual(found, radicand.motion / (found + found), radicand.level)
    if compare(radicand, "<", 0):
        raise Undefined("the root of a negative number")
    if isinstance(radicand, fmpq):
        roots = [fmpz(part).isqrt() for part in (radicand.p, radicand.q)]
        if roots[0] ** 2 == radicand.p and roots[1] ** 2 == radicand.q:
            return fmpq(*roots)
        return Surd(radicand)
    return enclosed(radicand).sqrt()


def exponential(value: Any) -> Any:
    """The exponential, a ball."""
    exponent = number(value)
    if isinstance(exponent, Dual):
        found = exponential(exponent.value)
        return Dual(found, found * exponent.motion, exponent.level)
    return arb(enclosed(exponent)).exp()


def logarithm(value: Any) -> Any:
    """The natural logarithm, a ball."""
    argument = number(value)
    if compare(argument, "<=", 0):
        raise Undefined("the logarithm of a number that is not positive")
    if isinstance(argument, Dual):
        found = logarithm(argument.value)
        return Dual(found, argument.motion / argument.value, argument.level)
    return arb(enclosed(argument)).log()


def total(values: Any) -> Any:
    """The sum of numbers, or of arrays of one shape; 0 if there are none."""
    terms = list(values)
    return reduce(lambda a, b: combined(ast.Add(), a, b), terms[1:], terms[0]) if terms else 0


def greatest(values: Any, relation: str = ">") -> Any:
    """The greatest of one or more numbers, or the least one: of balls that overlap, a ball."""
    best = reduce(lambda best, v: _greater(best, v, relation), values)
    if any(isinstance(value, Dual) for value in values):
        tied = [value for value in values if compare(value, "==", best)]
        if len(tied) > 1 and any(isinstance(value, Dual) for value in tied):
            raise Undefined("the derivative of a greatest or least number that two are")
    return best


def _greater(best: Any, value: Any, relation: str) -> Any:
    try:
        return value if compare(value, relation, best) else best
    except Open:
        if any(isinstance(side, Dual | RankBounds) for side in (best, value)):
            raise
        outer = arb.max if relation == ">" else arb.min
        return outer(arb(enclosed(best)), enclosed(value))


def absolute(value: Any) -> Any:
    """The absolute value."""
    if isinstance(value, Dual) and compare(value, "==", 0):
        raise Undefined("the derivative of an absolute value at 0")
    return abs(value) if isinstance(value, arb) else value if compare(value, ">=", 0) else -value


def squared(value: Any) -> Any:
    """The sum of the squares of all entries."""
    return sum((entry * entry for entry in flat(value)), fmpq(0))


def inner(left: Any, right: Any) -> Any:
    """The sum of the products of the entries."""
    return sum((a * b for a, b in zip(flat(left), flat(right), strict=True)), fmpq(0))


def replaced(values: Any, k: Any, value: Any) -> list[Any]:
    """A list with another value for one of its entries."""
    if isinstance(values, tuple):
        raise Undefined("what is to be replaced is no entry of a list")
    entries = list(values)
    place = position(k, len(entries))
    return [*entries[:place], value, *entries[place + 1 :]]


WORDS: dict[str, Callable[..., Any]] = {
    "inner": inner,
    "squared": squared,
    "zero": lambda a: all(compare(entry, "==", 0) for entry in flat(a)),
    "frobenius": lambda a: root(squared(a)),
    "largest": lambda a: greatest([absolute(entry) for entry in flat(a)]),
    "root": root,
    "exp": exponential,
    "log": logarithm,
    "abs": absolute,
    "len": len,
    "range": lambda *ends: tuple(range(*map(whole, ends))),
    "sum": total,
    "product": lambda values: reduce(lambda a, b: combined(ast.Mult(), a, b), values, fmpq(1)),
    "max": greatest,
    "min": lambda values: greatest(values, "<"),
    "all": lambda truths: all(map(truth_of, truths)),
    "any": lambda truths: any(map(truth_of, truths)),
    "replaced": replaced,
}
"""Words that are about numbers, lists and the entries of arrays."""
