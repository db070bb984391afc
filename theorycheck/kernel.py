"""The trusted kernel: re-checks certificates with the standard library alone.

This file is all that one has to read, and to trust, to believe a verdict of ``refuted``. It imports
nothing of the rest of theorycheck and can be copied and run by itself:
``python kernel.py CERTIFICATE...``, with ``--record baseline.json`` before them to name the record.

**What a certificate says.** One that shows ``settled`` is a proof, see below. Any other holds one
example (a network, its weights, data and numbers, all
rational, or numbers alone), and a formal statement: hypotheses (``given``), abbreviations
(``where``), quantified variables (``forall``) and a ``conclusion``, one comparison, or several that
``and`` or ``or`` join. It names values of the variables (``at``) for which the conclusion is false
(``"shows": "refuted"``) or true (``"tight"``; the sides show how close they are), and says what
both sides are of the comparison that decides: the first one that makes the conclusion false or
true by itself, otherwise the first one. The kernel evaluates the hypotheses and both sides anew and
compares.

**What an answer means.** Accepted: at this example and these values, every hypothesis is met, and
the conclusion is false, or true, as the certificate says. Rejected, with one sentence why: the file
does not show what it says. It may be malformed, altered, false, or ask for more work than the
limits allow. That says nothing about the claim: it is not true because a refutation was rejected.
There is no third answer.

**What has to be trusted.** This file, and of Python: whole numbers and fractions, ``json``, the
parser of expressions in ``ast``. The digest is no signature, as anyone can compute one: it reveals
accidents. Only the comparison with a record of statements (`on_record`) relies on SHA-256; each
answer says which record that was, or that there was none. Whether the formal statement says what
the paper says is for the reader to judge: ``--explain`` prints it.
The printed formula and hypotheses that stand beside it are not checked.

**How to read it.** `_checked` and `decide`, in the part on certificates, are the whole procedure;
all else defines the words that they use. The parts, in the order of the file:

1. Numbers: rationals, and rational enclosures of irrational numbers; derivatives.
2. Residues: numbers that stand for rational functions of what is left open.
3. Reading: JSON without surprises, rationals, arrays.
4. The network: its layers, an example, the forward pass, and the count of work.
5. Matrices of rationals: ranks and singular values.
6. Statements: the language, what its functions mean, and the form of a statement.
7. Certificates: what is checked, and in which order.
8. Proofs: statements about all weights and data of an architecture.
9. The command: files, the record of statements, ``--explain``.

**Arithmetic.** Everything rational is computed with `fractions.Fraction`, without rounding. Square
roots, exponentials, logarithms and singular values that are irrational are enclosed between
rationals (`Enclosure`). A comparison is decided only when the enclosures are disjoint, or exact
squares decide it; otherwise it is tried again with more bits. Derivatives, also those within
derivatives, are taken in forward mode, one weight at a time: no structure of the gradient is built
in. At a kink the derivative of the activation is its slope on the negative side, as in torch; a
statement that needs differentiability says ``smooth()`` among its hypotheses.

**Proofs.** A certificate that shows ``settled`` holds a statement and an architecture: a network
and a number of samples, with weights, data and numbers left open. It says that the statement is
true of all of these, whatever slopes the activations that bend have at their arguments, but for an
error of at most ``2**-100``. The kernel evaluates the statement at one point of a prime field that
follows from statement and architecture by hashing, so that nobody can choose it; a certificate has
no place to name one. `settle` says why that is a proof, and how large the error is.

**The language of statements** is the part of Python's expressions that `Evaluator` names: numbers,
arithmetic (entry by entry on vectors and matrices; ``@`` is their product), comparisons, ``and``,
``or``, ``not``, conditional expressions, subscripts, list comprehensions and calls of the functions
listed there. Samples, outputs and parameters are numbered from 0, layers from 1.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache, partial, reduce
from itertools import combinations, count, product, takewhile
from pathlib import Path
from typing import Any, TextIO

SCHEMA_VERSION = 2
"""Of the form of certificates that this kernel reads."""
PRECISIONS = (64, 256, 1024)
"""Bits of the enclosures, tried in this order until one decides."""
MOST_BYTES = 1_000_000
MOST_NUMBERS = 20_000
MOST_BITS = 50_000
MOST_WORK = 6_000_000
DEEPEST = 40
LARGEST_EXPONENT = 10_000
EXPONENTS = (127, 521, 1279)
"""Limits, so that no file can keep the kernel busy for ever, or fill the memory.

In this order: characters of a file; numbers and connections of an example, and the size of whole
numbers within formulas; bits of one rational, numerator and denominator together; units of work;
layers, entries of each part of a statement, and the nesting of a formula; the size of numbers whose
exponential is taken; the n for which proofs use the prime 2**n - 1 (Mersenne; Lucas 1876, Robinson
1952). Work is counted (`Example.spend`), not timed: whether a certificate is
accepted does not depend on the machine.
"""

NUMBER = re.compile(r"(0|-?[1-9][0-9]{0,1499})(?:/([1-9][0-9]{0,1499}))?")
"""How a rational is written."""
FORMULA = re.compile(r"[A-Za-z_0-9 ()\[\],+*/@<>=!-]{1,2000}")
"""The letters of formulas: no quotes, comments, attributes, lambdas, line breaks, or letters that
only look like others."""
NAME = r"[A-Za-z_][A-Za-z_0-9]*"
"""A name of a variable, number or function."""
DEFINITION = re.compile(rf"({NAME})(?:\(({NAME}(?:, {NAME})*)\))? = (.+)", re.DOTALL)
"""One entry of ``where``: ``name = formula``, or ``name(a, b) = formula``."""
QUANTIFIER = re.compile(rf"({NAME}) in (.+)", re.DOTALL)
"""One entry of ``forall``: ``name in formula``."""


class Rejected(Exception):
    """Why a certificate is not accepted, in one sentence. It says nothing about the claim."""


class ConstantUnit(Rejected):
    """A unit that is to be normalised is constant over the batch."""


class Unreadable(Rejected):
    """What has no meaning where weights and data are left open: an order, a root, a condition."""


class Undecided(Exception):
    """Enclosures overlap, or a sign is not known: more bits are needed, which `decide` tries."""


MISUSE = (
    TypeError, ValueError, ArithmeticError, AttributeError, LookupError, RecursionError, MemoryError
)  # fmt: skip
"""What operations raise when a statement applies them to something they are not meant for. `check`
turns each of them into a rejection, which is always safe."""


# --- Numbers: rationals, and rational enclosures of irrational numbers ---------------------------


@dataclass(frozen=True)
class Enclosure:
    """A real number between two rationals; the ends of results are rounded outwards.

    The square of a root of a rational, and of its multiples, is known exactly: comparisons of such
    numbers need no rounding. Dividing by an enclosure that contains 0 raises `Undecided`.

    Attributes:
        low: a rational that is at most the number.
        high: a rational that is at least the number.
        bits: significant bits to which the ends of results are rounded.
        square: the square of the number, where it is known exactly and the number is not negative.
    """

    low: Fraction
    high: Fraction
    bits: int
    square: Fraction | None = None

    def _result(self, other: Number, *ends: Fraction) -> Enclosure:
        bits = max(self.bits, other.bits) if isinstance(other, Enclosure) else self.bits
        return Enclosure(_rounded(min(ends), bits, -1), _rounded(max(ends), bits, 1), bits)

    def __neg__(self) -> Enclosure:
        return Enclosure(-self.high, -self.low, self.bits)

    def __add__(self, other: Number) -> Enclosure:
        if isinstance(other, Dual):
            return NotImplemented
        low, high = ends(other)
        return self._result(other, self.low + low, self.high + high)

    def __mul__(self, other: Number) -> Number:
        if isinstance(other, Dual):
            return NotImplemented
        if not isinstance(other, Enclosure) and other == 0:
            return Fraction(0)
        low, high = ends(other)
        products = (self.low * low, self.low * high, self.high * low, self.high * high)
        mine, its = self.square, squared(other)
        known = None if mine is None or its is None else mine * its
        return replace(self._result(other, *products), square=known)

    def __truediv__(self, other: Number) -> Number:
        if not isinstance(other, Enclosure):
            return self * (1 / other)
        if other.low <= 0 <= other.high:
            raise Undecided
        return self * self._result(other, 1 / other.low, 1 / other.high)

    def __sub__(self, other: Number) -> Enclosure:
        return self + (-other)

    def __rsub__(self, other: Fraction) -> Enclosure:
        return -self + other

    def __rtruediv__(self, other: Fraction) -> Number:
        return Enclosure(other, other, self.bits) / self

    __radd__, __rmul__ = __add__, __mul__


Number = Fraction | Enclosure
"""A real number, known exactly or between two rationals."""


def ends(number: Number) -> tuple[Fraction, Fraction]:
    """The rationals between which a number lies; both are the number itself if it is rational."""
    return (number.low, number.high) if isinstance(number, Enclosure) else (number, number)


def squared(number: Number) -> Fraction | None:
    """The square of a number that is not negative, where it is known exactly."""
    if isinstance(number, Enclosure):
        return number.square
    return number * number if number >= 0 else None


def _rounded(number: Fraction, bits: int, direction: int) -> Fraction:
    """A neighbour with about ``bits`` significant bits, below or above."""
    size = number.numerator.bit_length() - number.denominator.bit_length()
    scale = Fraction(2) ** (bits - size)
    return direction * ((direction * number * scale).__ceil__()) / scale


def compare(left: Number, relation: str, right: Number) -> bool:
    """Whether ``left relation right`` is true, for any relation of `RELATIONS`.

    Where the squares of both sides are known exactly, the squares are compared.

    Raises:
        Undecided: when the enclosures overlap, so that the answer may be either.
    """
    if isinstance(left, Residue) or isinstance(right, Residue):
        raise Unreadable("a condition on weights or data")
    first, second = squared(left), squared(right)
    if first is not None and second is not None:
        left, right = first, second
    (a, b), (c, d) = ends(left), ends(right)
    if relation in ("==", "!="):
        if a == b == c == d:
            return relation == "=="
        if b < c or d < a:
            return relation == "!="
    elif relation in ("<=", ">"):
        if b <= c or d < a:
            return (b <= c) == (relation == "<=")
    elif d <= a or b < c:
        return (d <= a) == (relation == ">=")
    raise Undecided


def root(number: Any, bits: int) -> Any:
    """The square root, exactly where it is rational, otherwise enclosed to about ``bits`` bits.

    Raises:
        Rejected: when the number is negative, or a derivative is asked for at 0.
        Undecided: when its enclosure does not tell whether it is.
    """
    if isinstance(number, Dual):
        value = root(number.value, bits)
        if compare(value_of(value), "==", Fraction(0)):
            raise Rejected("the derivative of a root at 0")
        return Dual(value, number.motion / (value + value), number.level)
    low, high = ends(number)
    if low < 0:
        raise Undecided if high >= 0 else Rejected("the root of a negative number")
    below, above = _root_ends(low, bits)[0], _root_ends(high, bits)[1]
    exact = number if isinstance(number, Fraction) else None
    return below if below == above else Enclosure(below, above, bits, exact)


def _root_ends(number: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    radicand, denominator = number.numerator * number.denominator, number.denominator
    exact = math.isqrt(radicand)
    if exact * exact == radicand:
        return Fraction(exact, denominator), Fraction(exact, denominator)
    shift = max(0, bits - radicand.bit_length() // 2)
    below = math.isqrt(radicand << (2 * shift))
    return Fraction(below, denominator << shift), Fraction(below + 1, denominator << shift)


def exp(number: Any, bits: int) -> Any:
    """The exponential of a number of at most `LARGEST_EXPONENT` in size, to about ``bits`` bits.

    Raises:
        Rejected: when the number is larger.
    """
    if isinstance(number, Dual):
        value = exp(number.value, bits)
        return Dual(value, value * number.motion, number.level)
    low, high = ends(number)
    if max(-low, high) > LARGEST_EXPONENT:
        raise Rejected(f"an exponential of a number beyond {LARGEST_EXPONENT}")
    if low == high == 0:
        return Fraction(1)
    # The exponential is monotone.
    return _enclosed(_exp_ends(low, bits)[0], _exp_ends(high, bits)[1], bits)


def _exp_ends(number: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    """Bounds of exp(x): those of 1 / exp(-x) for x < 0, by Taylor's formula for x >= 0.

    With r = x / 2**h <= 2**-8, exp(x) is exp(r)**(2**h). Of the terms t_i = r**i / i!, which are
    positive, Lagrange's remainder after t_n is at most exp(r) t_n r / (n + 1) < t_n. Terms are
    whole multiples of 2**-p, rounded down for the one bound and up for the other, fewer than p of
    them: the bounds of exp(r) >= 1 differ by less than (4 p + 8) 2**-p. Each squaring doubles the
    relative difference, and rounds twice. With p = bits + h + 32 it ends below 2**-bits.
    """
    if number < 0:
        low, high = _exp_ends(-number, bits)
        return 1 / high, 1 / low
    halvings = int(number).bit_length() + 8
    p = bits + halvings + 32
    dividend, divisor = number.numerator << p, number.denominator << halvings
    sums = _series_ends(dividend // divisor, _up(dividend, divisor), p)
    for _ in range(halvings):
        sums = [sums[0] ** 2 >> p, -(-(sums[1] ** 2) >> p)]
    return Fraction(sums[0], 1 << p), Fraction(sums[1], 1 << p)


def _series_ends(below: int, above: int, p: int) -> list[int]:
    """Bounds of the sum of all r**i / i!, with r between ``below`` and ``above``, in 2**-p."""
    sums = [1 << p, 1 << p]
    term, i = 1 << p, 1
    while term := (term * below >> p) // i:
        sums[0], i = sums[0] + term, i + 1
    term, i = 1 << p, 1
    while (term := _up(-(-term * above >> p), i)) > 1:
        sums[1], i = sums[1] + term, i + 1
    sums[1] += 2 * term  # The last term, and the remainder.
    return sums


def log(number: Any, bits: int) -> Any:
    """The natural logarithm of a positive number, to about ``bits`` bits.

    Raises:
        Rejected: when the number is not positive.
        Undecided: when its enclosure does not tell whether it is.
    """
    if isinstance(number, Dual):
        return Dual(log(number.value, bits), number.motion / number.value, number.level)
    low, high = ends(number)
    if low <= 0:
        raise Undecided if high > 0 else Rejected("the logarithm of a number that is not positive")
    if low == high == 1:
        return Fraction(0)
    # The logarithm is monotone.
    return _enclosed(_log_ends(low, bits)[0], _log_ends(high, bits)[1], bits)


def _log_ends(number: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    """Bounds of log(x) = e log(2) + log(m) for x = 2**e m, with 3/4 <= m < 3/2.

    Both logarithms are 2 artanh((m - 1) / (m + 1)). Where e is not 0, log(x) is at least log(4/3)
    in size, so that bounds to p bits after the point are narrow enough; otherwise it is about 2 z.
    """
    e = number.numerator.bit_length() - number.denominator.bit_length()
    m = number / Fraction(2) ** e
    if m >= Fraction(3, 2):
        e, m = e + 1, m / 2
    if m < Fraction(3, 4):
        e, m = e - 1, m * 2
    z = (m - 1) / (m + 1)
    small = z.denominator.bit_length() - abs(z.numerator).bit_length() if e == 0 else 0
    p = bits + e.bit_length() + small + 32
    low, high = _artanh_ends(abs(z), p)
    if z < 0:
        low, high = -high, -low
    if e != 0:
        of_two = [e * end for end in _artanh_ends(Fraction(1, 3), p)]
        low, high = low + min(of_two), high + max(of_two)
    return Fraction(2 * low, 1 << p), Fraction(2 * high, 1 << p)


def _artanh_ends(number: Fraction, p: int) -> tuple[int, int]:
    """Bounds of artanh(z) for 0 <= z <= 1/3, as whole multiples of 2**-p.

    artanh(z) = z + z**3 / 3 + z**5 / 5 + ..., where all that follows a term is less than
    z**2 / (1 - z**2) <= 1/8 of it. Terms are rounded down for the one bound and up for the other;
    from the first term of at most 2**-p on, all of them are less than 2 * 2**-p.
    """
    dividend, divisor = number.numerator << p, number.denominator
    below, above = dividend // divisor, _up(dividend, divisor)
    low = high = 0
    power, square, i = below, below**2 >> p, 1
    while power:
        low += power // i
        power, i = power * square >> p, i + 2
    power, square, i = above, -(-(above**2) >> p), 1
    while power > i:
        high += _up(power, i)
        power, i = -(-power * square >> p), i + 2
    return low, high + 2 * (above > 0)


def _up(dividend: int, divisor: int) -> int:
    """The quotient of whole numbers, rounded up."""
    return -(-dividend // divisor)


def _enclosed(low: Fraction, high: Fraction, bits: int) -> Enclosure:
    return Enclosure(_rounded(low, bits, -1), _rounded(high, bits, 1), bits)


@dataclass(frozen=True)
class Dual:
    """A number and its derivative along one entry of one parameter (forward mode).

    Derivatives of derivatives are duals within duals. Each derivation has a level of its own, and a
    number that does not carry this level is constant for it: derivations never mix (Siskind and
    Pearlmutter, Nesting forward-mode AD in a functional framework, 2008).

    Attributes:
        value: the number; without this level.
        motion: its derivative; without this level.
        level: which derivation it belongs to; inner ones have higher levels.
    """

    value: Any
    motion: Any
    level: int = 1

    def __add__(self, other: Any) -> Dual:
        level, (a, da), (b, db) = paired(self, other)
        return Dual(a + b, da + db, level)

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.motion, self.level)

    def __sub__(self, other: Any) -> Dual:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Dual:
        return self.__neg__().__add__(other)

    def __mul__(self, other: Any) -> Dual:
        level, (a, da), (b, db) = paired(self, other)
        return Dual(a * b, a * db + da * b, level)

    def __truediv__(self, other: Any) -> Dual:
        level, (a, da), (b, db) = paired(self, other)
        quotient = a / b
        return Dual(quotient, (da - quotient * db) / b, level)

    def __rtruediv__(self, other: Any) -> Dual:
        return Dual(other, Fraction(0), self.level).__truediv__(self)

    __radd__, __rmul__ = __add__, __mul__


def split(number: Any, level: int) -> tuple[Any, Any]:
    """The value of a number and its derivative, which is 0 where it carries none, at a level."""
    if isinstance(number, Dual) and number.level == level:
        return number.value, number.motion
    return number, Fraction(0)


def paired(left: Dual, right: Any) -> tuple[int, tuple[Any, Any], tuple[Any, Any]]:
    """The innermost level of two numbers, and the parts of both at this level."""
    level = max(left.level, right.level) if isinstance(right, Dual) else left.level
    return level, split(left, level), split(right, level)


def value_of(number: Any) -> Number:
    """A number without any derivatives that come with it."""
    while isinstance(number, Dual):
        number = number.value
    found: Number = number
    return found


# --- Residues ------------------------------------------------------------------------------------

DEVIATION = "deviation"
"""In the place of a slope: what one over the standard deviation is to a variance."""
Bounds = tuple[int, int, int, int]
"""Of a rational function: of the degree of its numerator and the sum of the magnitudes of its
coefficients, and of both for its denominator. The coefficients are whole numbers. A denominator of
degree 0 is its last bound itself."""


class Field:
    """The whole numbers modulo a prime, and a point in it: independent, uniform coordinates.

    The coordinates follow from a seed and a name each, by hashing (SHAKE-256).

    Attributes:
        prime: how many elements the field has: 2**exponent - 1, for an exponent of `EXPONENTS`.
        slopes: the slopes of activations that were asked for, with the bounds of their arguments.
    """

    def __init__(self, exponent: int, seed: str) -> None:
        self.prime = 2**exponent - 1
        self._seed = seed
        self.slopes: dict[tuple[Any, int], tuple[Residue, Bounds]] = {}

    def coordinate(self, name: str) -> Residue:
        """The coordinate of the point that has this name; of twice as many digits as the prime."""
        length = self.prime.bit_length() // 4
        made = hashlib.shake_256(f"{self._seed} {name}".encode()).digest(length)
        return Residue(int.from_bytes(made, "big") % self.prime, self, (1, 1, 0, 1))

    def rational(self, number: Fraction) -> Residue:
        """A rational as it is modulo the prime, which must not divide the denominator."""
        above, below = number.numerator, number.denominator
        value = above * pow(below, -1, self.prime) % self.prime
        return Residue(value, self, (0, abs(above), 0, below))

    def sphere(self, name: str, entries: int) -> list[Residue]:
        """Two or more coordinates whose squares add up to 1.

        All but the first are random, among those for which there is a first one; these are a
        quarter of all or more, as `settle` says. Modulo each of the primes, which are 3 modulo 4,
        this power of a square is a root of it.
        """
        for attempt in count():
            others = [self.coordinate(f"{name} {attempt} {i}") for i in range(1, entries)]
            square = (1 - sum(entry.value**2 for entry in others)) % self.prime
            first = pow(square, (self.prime + 1) // 4, self.prime)
            if first**2 % self.prime == square:
                return [Residue(first, self, (1, 1, 0, 1)), *others]
        raise AssertionError

    def slope(self, kind: Fraction | str, argument: Residue) -> Residue:
        """A random function of an argument: the slope of an activation, one over a deviation.

        Args:
            kind: the slope of the activation on the negative side, or `DEVIATION`.
        """
        key = (kind, argument.value)
        if key not in self.slopes:
            made = self.coordinate(f"slope {kind} {argument.value:x}")
            self.slopes[key] = (made, argument.bounds)
        return self.slopes[key][0]


@dataclass(eq=False, slots=True)
class Residue:
    """The value of a rational function at the point of a field, with bounds on the function.

    It has no order, and is neither equal nor unequal to a number: asking for it is `Unreadable`.

    Attributes:
        value: a whole number modulo the prime.
        field: the field.
        bounds: on degrees and coefficients.
    """

    value: int
    field: Field
    bounds: Bounds

    def lifted(self, other: Any) -> Any:
        """A rational as a residue; NotImplemented for what is neither."""
        if isinstance(other, Residue):
            return other
        return self.field.rational(other) if isinstance(other, Fraction) else NotImplemented

    def __add__(self, other: Any) -> Any:
        if type(other) is Fraction and other == 0:
            return self
        other = self.lifted(other)
        if other is NotImplemented:
            return other
        (d, s, e, t), (f, u, g, v) = self.bounds, other.bounds
        if e == g == 0:
            common = math.lcm(t, v)
            bounds = (max(d, f), s * (common // t) + u * (common // v), 0, common)
        else:
            bounds = (max(d + g, f + e), s * v + u * t, e + g, t * v)
        return Residue((self.value + other.value) % self.field.prime, self.field, bounds)

    def __mul__(self, other: Any) -> Any:
        if type(other) is Fraction and other == 0:
            return other
        other = self.lifted(other)
        if other is NotImplemented:
            return other
        (d, s, e, t), (f, u, g, v) = self.bounds, other.bounds
        value = self.value * other.value % self.field.prime
        return Residue(value, self.field, (d + f, s * u, e + g, t * v))

    def __neg__(self) -> Residue:
        return Residue(-self.value % self.field.prime, self.field, self.bounds)

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __truediv__(self, other: Any) -> Any:
        other = self.lifted(other)
        return other if other is NotImplemented else self * other.inverse()

    def __rtruediv__(self, other: Any) -> Any:
        return self.inverse() * other

    __radd__, __rmul__ = __add__, __mul__

    def inverse(self) -> Residue:
        """One over it; Unreadable where it is 0, be it everywhere or at the point alone."""
        if self.value == 0:
            raise Unreadable("a division by what is 0")
        d, s, e, t = self.bounds
        return Residue(pow(self.value, -1, self.field.prime), self.field, (e, t, d, s))

    def _compared(self, *_: Any) -> bool:
        raise Unreadable("an order, a root or a condition where weights and data are left open")

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = _compared
    __hash__ = None  # type: ignore[assignment]


def inverse_deviation(variance: Any) -> Any:
    """One over the root of a variance: a random function g of it, with -g**3 / 2 for derivative.

    That is the derivative of the true one, in terms of itself.
    """
    if isinstance(variance, Dual):
        inverse = inverse_deviation(variance.value)
        motion = inverse * inverse * inverse * Fraction(-1, 2) * variance.motion
        return Dual(inverse, motion, variance.level)
    return variance.field.slope(DEVIATION, variance)


def rank_modulo(matrix: list[list[int]], prime: int, example: Example) -> int:
    """The rank of a matrix of whole numbers modulo a prime, by elimination."""
    rows, height = [list(row) for row in matrix], 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(height, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[height], rows[pivot] = rows[pivot], rows[height]
        top, inverse = rows[height], pow(rows[height][column], -1, prime)
        for i in range(height + 1, len(rows)):
            share = rows[i][column] * inverse % prime
            pairs = zip(rows[i], top, strict=True)
            rows[i] = example.spend([(a - share * b) % prime for a, b in pairs])
        height += 1
    return height


# --- Reading -------------------------------------------------------------------------------------


def read(text: str, limit: int) -> dict[str, Any]:
    """The JSON object that a text of at most ``limit`` characters writes, read strictly.

    No key may occur twice, and the only numbers are whole ones of fewer than ten characters: no
    floats, no NaN.

    Raises:
        Rejected: when the text is anything else.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise Rejected("a key occurs twice")
        return dict(pairs)

    def refuse(literal: str) -> Any:
        raise Rejected(f'{literal[:20]}: numbers other than sizes are strings such as "-3/4"')

    def whole(literal: str) -> int:
        return int(literal) if len(literal) < 10 else refuse(literal)

    if len(text) > limit:
        raise Rejected(f"longer than {limit} characters")
    try:
        document = json.loads(
            text, object_pairs_hook=unique, parse_float=refuse, parse_constant=refuse,
            parse_int=whole,
        )  # fmt: skip
    except RecursionError as error:
        raise Rejected("nested too deeply") from error
    except ValueError as error:
        raise Rejected(f"not JSON ({error})") from error
    if not isinstance(document, dict):
        raise Rejected("not a JSON object")
    return document


def digest(document: Any) -> str:
    """SHA-256 of a JSON document in canonical form (keys sorted, no spaces), in hexadecimal."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def fields(document: Any, what: str, **types: type) -> list[Any]:
    """The values of an object that has exactly these keys, in the order of ``types``.

    Each value must be of exactly the type given for its key; ``object`` admits every type.

    Raises:
        Rejected: otherwise; the reason begins with ``what``.
    """
    if not isinstance(document, dict) or document.keys() != types.keys():
        raise Rejected(f"{what}: the keys are not {', '.join(types)}")
    for key, kind in types.items():
        if type(document[key]) is not kind and kind is not object:
            raise Rejected(f"{what}: {key} is not of type {kind.__name__}")
    return [document[key] for key in types]


def number(text: Any) -> Fraction:
    """The rational that a text such as ``-3/4`` writes, of at most 1500 digits above and below.

    Raises:
        Rejected: when it is no such text, or not in lowest terms.
    """
    match = NUMBER.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Rejected(f'{str(text)[:30]!r} is not a rational such as "-3/4"')
    found = Fraction(int(match[1]), int(match[2] or 1))
    if str(found) != text:
        raise Rejected(f"{text[:30]!r} is not in lowest terms")
    return found


def array(document: Any, shape: Sequence[int], what: str) -> Any:
    """Nested lists of rationals of a given shape; one rational for the shape ().

    Raises:
        Rejected: when the document has another shape, or an entry is not a rational.
    """
    if not shape:
        return number(document)
    if not isinstance(document, list) or len(document) != shape[0]:
        raise Rejected(f"{what}: not an array of shape {tuple(shape)}")
    return [array(entry, shape[1:], what) for entry in document]


# --- The network ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edge:
    """How a layer reads an earlier vertex: through a matrix of weights, or as it is (a skip).

    A convolution applies one matrix (a row per filter) to several patches of its source; its output
    lists all positions of the first filter, then those of the second. A dense edge has one patch.

    Attributes:
        source: the vertex that is read; 0 is the input, v the output of layer v.
        patches: the entries of the source that each copy of the matrix reads; None for a skip.
        parameter: the place of the matrix among the parameters; None for a skip.
    """

    source: int
    patches: list[list[int]] | None
    parameter: int | None = None


@dataclass(frozen=True)
class Layer:
    """``sigma(n(sum over edges + bias))``; ``sigma(z)`` is z for z > 0, ``slope z`` elsewhere.

    Attributes:
        width: how many units it has.
        edges: what it reads, at least one edge.
        slope: of the activation on the negative side; 1 makes the layer linear.
        normalisation: ``none``, ``batch``, or ``batch-detached``, where derivatives take the
            standard deviation for a constant. A normalised value is multiplied by the gain, and the
            shift is added.
        bias: the place of the bias among the parameters; None without one.
        gain: the place of the gain among the parameters; None without normalisation.
        shift: the place of the shift among the parameters; None without normalisation.
    """

    width: int
    edges: list[Edge]
    slope: Fraction
    normalisation: str
    bias: int | None
    gain: int | None
    shift: int | None


@dataclass(frozen=True)
class Parameter:
    """What one array of parameters is for.

    Attributes:
        role: ``weight``, ``bias``, ``gain`` or ``shift``.
        layer: the layer it belongs to; the first layer is 1.
        shape: (rows, columns) of a weight, (width,) of a bias, () of a gain or shift.
        edge: the edge that a weight belongs to; None for other roles.
    """

    role: str
    layer: int
    shape: tuple[int, ...]
    edge: Edge | None = None


def size(value: Any, what: str) -> int:
    """A width or other size that a document gives: a whole number from 1 to 1000.

    Raises:
        Rejected: otherwise; the reason begins with ``what``.
    """
    if type(value) is not int or not 1 <= value <= 1000:
        raise Rejected(f"{what}: {str(value)[:30]} is not a size from 1 to 1000")
    return value


def read_edge(document: Any, widths: list[int], width: int, parameter: int) -> Edge:
    """An edge of the next layer: dense, identity or convolution.

    Args:
        document: the edge in JSON.
        widths: of the vertices before the layer, which are all that it may read.
        width: of the layer.
        parameter: the place of the edge's matrix among the parameters, if it has one.

    Raises:
        Rejected: when it reads no earlier vertex, or does not fit the widths.
    """
    kind = document.get("map") if isinstance(document, dict) else None
    if kind == "convolution":
        source, _, channels, rows, columns, filters, kernel, stride = fields(
            document, "edge", source=int, map=str, channels=int, height=int, width=int,
            filters=int, kernel=list, stride=int,
        )  # fmt: skip
        for value in (channels, rows, columns, filters, stride, *kernel):
            size(value, "convolution")
        if len(kernel) != 2 or kernel[0] > rows or kernel[1] > columns:
            raise Rejected("convolution: the kernel does not fit")
    else:
        source, _ = fields(document, "edge", source=int, map=str)
    if not 0 <= source < len(widths):
        raise Rejected("an edge does not come from an earlier layer")
    if kind == "dense":
        return Edge(source, [list(range(widths[source]))], parameter)
    if kind == "identity" and widths[source] == width:
        return Edge(source, None)
    if kind == "convolution" and channels * rows * columns == widths[source]:
        patches = [
            [
                (channel * rows + top + i) * columns + left + j
                for channel in range(channels)
                for i in range(kernel[0])
                for j in range(kernel[1])
            ]
            for top in range(0, rows - kernel[0] + 1, stride)
            for left in range(0, columns - kernel[1] + 1, stride)
        ]
        if filters * len(patches) == width:
            return Edge(source, patches, parameter)
    raise Rejected(f"layer {len(widths)}: an edge does not fit the widths")


class Network:
    """A directed acyclic graph of layers; vertex 0 is the input, the last one the output.

    A document of None is no network: an example of numbers alone.

    Attributes:
        widths: of all vertices.
        layers: ``layers[v - 1]`` is layer v, which computes vertex v.
        parameters: of each layer in turn, the weights of its edges, its bias, gain and shift.
        connections: how many entries of vertices are read, counted against `MOST_NUMBERS`.

    Raises:
        Rejected: when the document is no network, or too large a one.
    """

    def __init__(self, document: Any) -> None:
        self.layers: list[Layer] = []
        self.parameters: list[Parameter] = []
        self.connections = 0
        if document is None:  # An example of numbers alone, such as how many pairs succeeded.
            self.widths = [0]
            return
        input_width, layers = fields(document, "network", input_width=int, layers=list)
        self.widths = [size(input_width, "input width")]
        if not 1 <= len(layers) <= DEEPEST:
            raise Rejected(f"the number of layers is not between 1 and {DEEPEST}")
        for entry in layers:
            self._add(entry)

    def _add(self, document: Any) -> None:
        width, edges, slope, normalisation, bias = fields(
            document, "layer", width=int, edges=list, slope=str, normalisation=str, bias=bool
        )
        if normalisation not in ("none", "batch", "batch-detached") or not edges:
            raise Rejected("a layer without edges or of unknown normalisation")
        vertex, read_edges = len(self.widths), []
        for item in edges:
            edge = read_edge(item, self.widths, size(width, "width"), len(self.parameters))
            read_edges.append(edge)
            self.connections += 1 if edge.patches is None else sum(map(len, edge.patches))
            if self.connections > MOST_NUMBERS:
                raise Rejected("too many connections")
            if edge.patches is not None:
                shape = (width // len(edge.patches), len(edge.patches[0]))
                self.parameters.append(Parameter("weight", vertex, shape, edge))

        def added(role: str, shape: tuple[int, ...], present: bool) -> int | None:
            if present:
                self.parameters.append(Parameter(role, vertex, shape))
            return len(self.parameters) - 1 if present else None

        normalised = normalisation != "none"
        self.layers.append(
            Layer(
                width, read_edges, number(slope), normalisation,
                added("bias", (width,), bias),
                added("gain", (), normalised),
                added("shift", (), normalised),
            )
        )  # fmt: skip
        self.widths.append(width)


Rows = list[list[Any]]
"""A matrix as a list of rows; for values of a layer, one row per sample."""


@dataclass(frozen=True)
class Trace:
    """A forward pass: the values of all vertices, and what the activations were applied to.

    Attributes:
        values: for each vertex one row per sample; the input is the first vertex.
        arguments: for each layer that was computed, one row per sample.
    """

    values: list[Rows]
    arguments: list[Rows]


class Example:
    """A network at its weights and data, with a count of the work that is still allowed.

    Attributes:
        network: the network.
        samples: how many samples there are.
        outputs: how many outputs the network has.
        W: the parameters, nested lists of rationals in the shapes that the network gives them.
        x: the inputs, one row per sample.
        y: the targets, one row per sample; None without.
        numbers: the other numbers of the example, by name.
        work: what is left of `MOST_WORK`.

    Raises:
        Rejected: when the document is no example, or too large a one.
    """

    def __init__(self, document: Any) -> None:
        network, parameters, inputs, targets, numbers = fields(
            document, "case",
            network=object, parameters=list, inputs=list, targets=object, numbers=dict,
        )  # fmt: skip
        self.network = Network(network)
        expected = self.network.parameters
        if len(parameters) != len(expected) or len(inputs) != 1 or not isinstance(inputs[0], list):
            raise Rejected("the arrays are not those of the network")
        self.samples = len(inputs[0])
        if (self.samples < 1) != (network is None):
            raise Rejected("a network without samples, or samples without a network")
        self._require_small()
        self.W = [
            array(entry, (1, *p.shape), p.role)[0]
            for entry, p in zip(parameters, expected, strict=True)
        ]
        self.x = array(inputs, (1, self.samples, self.network.widths[0]), "inputs")[0]
        self.outputs = self.network.widths[-1]
        shape = (1, self.samples, self.outputs)
        self.y = None if targets is None else array(targets, shape, "targets")[0]
        if len(numbers) > 1000:
            raise Rejected("more than 1000 numbers")
        self.numbers = {name: number(value) for name, value in numbers.items()}
        self.work = MOST_WORK

    def _require_small(self) -> None:
        entries = sum(math.prod(p.shape) for p in self.network.parameters)
        if entries + self.samples * sum(self.network.widths) > MOST_NUMBERS:
            raise Rejected("too large an example")

    def spend(self, result: Any) -> Any:
        """Charge the work of computing a result, and hand the result back.

        The work is counted by the length of the numbers in it; a unit is about a microsecond. None
        stands for a step that leaves nothing to measure.

        Raises:
            Rejected: when a number has more than `MOST_BITS` bits, or no work is left.
        """
        # The most frequent types come first; isinstance is slow for Fraction.
        kind, bits = type(result), 0
        if kind is Fraction or kind is int:
            above, below = result.as_integer_ratio()
            bits = above.bit_length() + below.bit_length()
        elif kind is list or kind is tuple:
            for entry in result:
                self.spend(entry)
        elif kind is Dual:
            self.spend((result.value, result.motion))
        elif kind is Enclosure:
            # Four products and two roundings where a rational needs one product.
            self.spend([result.low, result.high, result.square or 0] * 4)
        elif kind is Residue:
            bits = sum(map(int.bit_length, result.bounds))
        if bits >= 256:  # Below that, the length costs nothing.
            if bits > MOST_BITS:
                raise Rejected(f"a number grows beyond {MOST_BITS} bits")
            self.work -= (bits >> 8) + (bits >> 10) ** 2
        self.work -= 4
        if self.work < 0:
            raise Rejected("the check takes too many operations")
        return result

    def dot(self, left: Iterable[Any], right: Iterable[Any]) -> Any:
        """The sum of products of two sequences of numbers, with or without derivatives.

        Sequences of different lengths raise ValueError, which `check` reports as a rejection.
        """
        total: Any = Fraction(0)
        for a, b in zip(left, right, strict=True):
            total = self.spend(total + a * b)
        return total

    def mean(self, column: list[Any]) -> Any:
        """The mean of a list of numbers, with or without derivatives."""
        return self.dot(column, [Fraction(1, len(column))] * len(column))

    def moved(self, parameters: list[Any], place: Sequence[int], level: int) -> list[Any]:
        """Parameters, with one entry as the number to differentiate along.

        Args:
            parameters: in the shapes of ``W``.
            place: the number of the parameter, and of its entry, one number per dimension.
            level: of the derivation.
        """

        def mark(array: Any, place: Sequence[int]) -> Any:
            if not place:
                return Dual(array, Fraction(1), level)
            self.spend([None] * len(array))
            return [
                mark(part, place[1:]) if i == place[0] else part for i, part in enumerate(array)
            ]

        marked: list[Any] = mark(parameters, place)
        return marked

    def forward(self, parameters: list[Any], bits: int, known: Sequence[Rows]) -> Trace:
        """A pass over a batch.

        Args:
            parameters: in the shapes of ``W``; their entries may come with derivatives.
            bits: of the enclosures of standard deviations.
            known: the values of the first vertices, one row per sample, at least the input; they
                are not computed again.

        Raises:
            ConstantUnit: when a unit that is to be normalised is constant over the batch.
            Undecided: when the sign of what an activation is applied to is not known.
        """
        trace = Trace([*known], [])
        for layer in self.network.layers[len(trace.values) - 1 :]:
            bias = [Fraction(0)] * layer.width if layer.bias is None else parameters[layer.bias]
            rows: Rows = [list(bias) for _ in known[0]]
            for edge in layer.edges:
                for row, source in zip(rows, trace.values[edge.source], strict=True):
                    carried = source
                    if edge.patches is not None and edge.parameter is not None:
                        read = [[source[i] for i in patch] for patch in edge.patches]
                        weight = parameters[edge.parameter]
                        carried = [self.dot(unit, part) for unit in weight for part in read]
                    row[:] = [self.spend(a + b) for a, b in zip(row, carried, strict=True)]
            if layer.gain is not None and layer.shift is not None:
                gain, shift = parameters[layer.gain], parameters[layer.shift]
                units = self.standardised(rows, layer.normalisation == "batch-detached", bits)
                rows = [[self.spend(gain * u + shift) for u in row] for row in units]
            trace.arguments.append(rows)
            trace.values.append([[a * self.slope(layer, a) for a in row] for row in rows])
        return trace

    @staticmethod
    def slope(layer: Layer, argument: Any) -> Any:
        """The derivative of a layer's activation: 1 at positive arguments, else the layer's slope.

        Where weights and data are left open it is left open too, unless the layer is linear.

        Raises:
            Undecided: when the sign of the argument is not known and matters.
        """
        value = value_of(argument)
        if isinstance(value, Residue) and layer.slope != 1:
            return value.field.slope(layer.slope, value)
        linear = layer.slope == 1 or compare(value, ">", Fraction(0))
        return Fraction(1) if linear else layer.slope

    def standardised(self, rows: Rows, detached: bool, bits: int) -> Rows:
        """Values less their mean over the batch, in standard deviations; no epsilon is added.

        A detached deviation is held constant when derivatives are taken. ``rows`` holds one row per
        sample, and so does what is returned.

        Raises:
            ConstantUnit: when a unit is constant over the batch.
            Undecided: when its enclosures do not tell whether it is.
        """
        columns = []
        for column in map(list, zip(*rows, strict=True)):
            middle = self.mean(column)
            column = [self.spend(a - middle) for a in column]
            variance = self.mean([a * a for a in column])
            if isinstance(value_of(variance), Residue):
                if len(rows) == 1:
                    raise ConstantUnit("a normalised unit is constant over the batch")
                inverse = inverse_deviation(value_of(variance) if detached else variance)
                columns.append([self.spend(a * inverse) for a in column])
                continue
            if compare(value_of(variance), "==", Fraction(0)):
                raise ConstantUnit("a normalised unit is constant over the batch")
            deviation = root(value_of(variance) if detached else variance, bits)
            columns.append([self.spend(a / deviation) for a in column])
        return [list(row) for row in zip(*columns, strict=True)]


# --- Matrices of rationals -----------------------------------------------------------------------


def integers(matrix: Rows, example: Example) -> tuple[list[list[int]], int]:
    """The matrix times a common denominator, and that denominator.

    Raises:
        Rejected: when an entry comes with a derivative.
        Undecided: when an entry is not known exactly.
    """
    common = 1
    for entry in (entry for row in matrix for entry in row):
        if isinstance(entry, Dual):
            raise Rejected("the derivative of a rank or of singular values")
        if isinstance(entry, Enclosure):
            raise Undecided
        if isinstance(entry, Residue):
            raise Unreadable("a rank or singular values that depend on weights or data")
        common = example.spend(math.lcm(common, entry.denominator))
    return example.spend([[int(entry * common) for entry in row] for row in matrix]), common


def rank(matrix: Rows, example: Example) -> int:
    """The rank of a matrix of rationals.

    By fraction-free elimination (Bareiss 1968): every division below is exact.

    Raises:
        Undecided: when an entry is not known exactly.
    """
    rows, _ = integers(matrix, example)
    found, previous = 0, 1
    for column in range(len(rows[0])):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        top = rows[found]
        for i in range(found + 1, len(rows)):
            factor = rows[i][column]
            pairs = zip(rows[i], top, strict=True)
            rows[i] = example.spend([(a * top[column] - b * factor) // previous for a, b in pairs])
        previous = top[column]
        found += 1
    return found


def signature(matrix: list[list[int]], example: Example) -> tuple[int, int]:
    """Numbers of positive and negative eigenvalues of a symmetric matrix of integers.

    Symmetric fraction-free elimination: the pivots are minors, and each eigenvalue has the sign of
    one minor over the minor before it (Sylvester's law of inertia).
    """
    rest, signs, previous = [list(row) for row in matrix], [0, 0], 1
    while rest:
        order = range(len(rest))
        pivot = next((i for i in order if rest[i][i]), None)
        if pivot is None:
            pair = next(((i, j) for i in order for j in order if rest[i][j]), None)
            if pair is None:
                break
            # Adding column j to column i, and then row j to row i, keeps the signature.
            i, j = pair
            for row in rest:
                row[i] += row[j]
            example.spend(rest)
            rest[i] = [a + b for a, b in zip(rest[i], rest[j], strict=True)]
            continue
        top, corner = rest[pivot], rest[pivot][pivot]
        signs[corner * previous < 0] += 1
        others = [k for k in order if k != pivot]
        for _ in others:  # Two products of minors for each entry, beside the quotient that is left.
            example.spend([corner] * (2 * len(others)))
        rest = [
            example.spend([(rest[i][j] * corner - top[i] * top[j]) // previous for j in others])
            for i in others
        ]
        previous = corner
    return signs[0], signs[1]


def squared_singular_values(
    rows: list[list[int]], common: int, example: Example, bits: int
) -> list[Number]:
    """Of a matrix of integers divided by ``common``, largest first.

    They are the eigenvalues of the smaller Gram matrix, with multiplicity. The Gram matrix of an
    integer matrix has integer entries, so that its rational eigenvalues are integers: bisection
    between integers finds those below about ``2**bits``, and encloses the others to about ``bits``
    bits.
    """
    if len(rows) > len(rows[0]):
        rows = [list(column) for column in zip(*rows, strict=True)]
    gram = [[int(example.dot(a, b)) for b in rows] for a in rows]
    order, known = len(gram), dict[Fraction, tuple[int, int]]()

    def counts(bound: Fraction) -> tuple[int, int]:
        """How many eigenvalues lie above and below a bound."""
        if bound not in known:
            p, q = bound.numerator, bound.denominator
            shifted = [[q * a - p * (i == j) for j, a in enumerate(r)] for i, r in enumerate(gram)]
            known[bound] = signature(example.spend(shifted), example)
        return known[bound]

    def enclosed(index: int) -> Number:
        low, high = Fraction(-1), Fraction(sum(gram[i][i] for i in range(order)))
        while high - low > 1 and high - low > high / 2**bits:
            wide = high > 4 * (low + 1)
            middle = Fraction(math.isqrt(int((low + 1) * high)) if wide else (low + high) // 2)
            low, high = (middle, high) if counts(middle)[0] > index else (low, middle)
        if order - counts(high)[1] > index:
            return high / common**2
        while high - low > high / 2**bits:
            middle = (low + high) / 2
            low, high = (middle, high) if counts(middle)[0] > index else (low, middle)
        return Enclosure(low, high, bits) / Fraction(common**2)

    return [enclosed(index) for index in range(order)]


# --- Statements ----------------------------------------------------------------------------------

"""A number, a vector (list) or a matrix (list of lists)."""
RELATIONS: dict[type, str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.LtE: "<=", ast.GtE: ">=", ast.Lt: "<", ast.Gt: ">",
}  # fmt: skip
"""The comparisons of the language."""
SYMBOLS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "<": "<", ">": ">"}
"""How relations are printed."""


def parse(formula: Any) -> ast.expr:
    """The syntax tree of a formula. Whether it has a meaning is for `Evaluator.evaluate` to say.

    Raises:
        Rejected: when it is not one expression of Python, in the letters of `FORMULA`.
    """
    if not isinstance(formula, str) or not FORMULA.fullmatch(formula):
        raise Rejected(f"not a formula: {ascii(formula)[:60]}")
    try:
        return expression(formula)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Rejected(f"not a formula: {formula[:60]}") from error


@lru_cache(maxsize=1000)
def expression(text: str) -> ast.expr:
    """The syntax tree of one expression. Statements share it, so that nothing may alter it."""
    return ast.parse(text, mode="eval").body


def is_index(value: Any) -> bool:
    """Whether a value is a whole number, or a tuple of whole numbers or such tuples."""
    return type(value) is int or (isinstance(value, tuple) and all(map(is_index, value)))


@dataclass(frozen=True)
class Point:
    """Where formulas are evaluated: at the example's own parameters, or where one entry moves.

    Attributes:
        parameters: what ``W`` stands for.
        level: how many derivations are under way.
        memory: what has been computed here and is asked for again.
    """

    parameters: list[Any]
    level: int = 0
    memory: dict[Any, Any] = field(default_factory=dict)


class Evaluator:
    """Evaluates formulas at an example, with enclosures of a given number of bits.

    The value of a formula is a truth (bool), a number (int, `Fraction` or `Enclosure`), a vector or
    matrix (list), or a range or batch of samples (tuple of int). The tables of names and functions
    below are the whole vocabulary; ``definitions``, the ``where`` of a statement, add to it. Within
    ``grad`` a number may be a `Dual`; comparisons look at its value.

    Methods that take values of formulas raise `Rejected`, or one of `MISUSE`, when these are not of
    the sort that they need, and `Undecided` when more bits are needed.

    Attributes:
        example: at which formulas are evaluated.
        bits: of the enclosures of irrational numbers.
        point: where formulas are evaluated now.
        names: what each name stands for at the example's own parameters.
        abbreviations: the formulas of the names that ``where`` adds.
        functions: what each function computes.
        normalisations: the kinds of normalisation that occur in the network.
    """

    def __init__(self, example: Example, definitions: Sequence[Any], bits: int) -> None:
        # Long: the one table of all names and functions of the language.
        self.example, self.bits = example, bits
        self.point = Point(example.W)
        self.abbreviations: dict[str, ast.expr] = {}
        network = example.network
        self.normalisations = {layer.normalisation for layer in network.layers} - {"none"}

        def parameters(role: str) -> list[int]:
            return [k for k, p in enumerate(network.parameters) if p.role == role]

        weights = parameters("weight")
        self.names: dict[str, Any] = {
            "samples": tuple(range(example.samples)),
            "outputs": tuple(range(example.outputs)),
            "depth": len(network.layers),
            "weights": weights,
            "filters": [k for k in weights if self.patches(k) > 1],
            "biases": parameters("bias"),
            "shifts": parameters("shift"),
            "skips": [
                [edge.source, v]
                for v, layer in enumerate(network.layers, 1)
                for edge in layer.edges
                if edge.patches is None
            ],
            "W": example.W,
            "x": example.x,
            "y": example.y,
        }
        self.functions: dict[str, Callable[..., Any]] = {
            # The network: outputs, features (the input of the last layer), derivatives; the last
            # argument is the batch that is normalised, by default all samples.
            "f": self.output,
            "h": self.feature,
            "df": self.derivative,
            "grad": self.gradient,
            "network": lambda V, X: self.elsewhere(V, X).values[-1],
            "features": lambda V, X: self.elsewhere(V, X).values[-2],
            "replaced": self.replaced,
            "layer": lambda k: self.parameter(k).layer,
            "source": lambda k: self.parameter(k, "weight").edge.source,
            "slope": lambda v: self.layer(v).slope,
            "patches": self.patches,
            "chain": self.is_chain,
            "varies": self.varies,
            "smooth": self.is_smooth,
            "detached": lambda: self.normalisations == {"batch-detached"},
            "differentiated": lambda: self.normalisations == {"batch"},
            "normalised": lambda: bool(self.normalisations),
            "normalised_layer": lambda v: self.layer(v).gain is not None,
            # Vectors and matrices.
            "inner": lambda a, b: example.dot(self.flat(a), self.flat(b)),
            "squared": lambda a: example.dot(self.flat(a), self.flat(a)),
            "outer": lambda a, b: self.outer(self.flat(a), self.flat(b)),
            "outside": self.outside,
            "T": lambda a: [list(column) for column in zip(*self.matrix(a), strict=True)],
            "trace": self.trace_of,
            "solve": self.solution,
            "zero": lambda a: all(self.compared(e, "==", Fraction(0)) for e in self.flat(a)),
            "rank": lambda a: rank(self.matrix(a), example),
            "frobenius": lambda a: root(example.dot(self.flat(a), self.flat(a)), bits),
            "spectral": lambda a: self.singular_values(a)[0],
            "nuclear": lambda a: self.total(self.singular_values(a)),
            # Distances from the matrices of rank at most r (Eckart, Young, Mirsky).
            "frobenius_beyond": lambda a, r: root(self.total(self.squares(a, r)), bits),
            "spectral_beyond": lambda a, r: self.total(self.singular_values(a, r)[:1]),
            "nuclear_beyond": lambda a, r: self.total(self.singular_values(a, r)),
            "largest": lambda a: self.greatest([self.absolute(e) for e in self.flat(a)]),
            # Numbers and collections.
            "root": lambda a: root(self.scalar(a), bits),
            "exp": lambda a: exp(self.charged(a), bits),
            "log": lambda a: log(self.charged(a), bits),
            "abs": self.absolute,
            "len": len,
            "range": lambda *a: tuple(range(*map(self.whole, a))),
            "sum": self.total,
            "product": self.product,
            "max": lambda a: self.greatest(a, ">"),
            "min": lambda a: self.greatest(a, "<"),
            "all": lambda a: all(map(self.truth, a)),
            "any": lambda a: any(map(self.truth, a)),
            "batches": self.batches,
        }
        for name, value in example.numbers.items():
            self.add_name(name, value)
        for name in [name[:-2] for name in example.numbers if name.endswith("_1")]:
            # The numbers beta_1, beta_2, ... are also the entries of the list beta.
            several = (example.numbers.get(f"{name}_{i}") for i in count(1))
            self.add_name(name, [*takewhile(lambda entry: entry is not None, several)])
        for definition in definitions:
            self.define(definition)

    # Names

    def bound(self, scope: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
        """A scope with one more variable, which must not hide what a name stands for elsewhere.

        Raises:
            Rejected: when the name has a meaning already.
        """
        if name in self.names or name in self.functions:
            raise Rejected(f"the name {name[:30]} has another meaning already")
        return {**scope, name: value}

    def add_name(self, name: str, value: Any) -> None:
        """Let a name stand for a value in all formulas that follow.

        Raises:
            Rejected: when it is no name, or has a meaning already.
        """
        if not re.fullmatch(NAME, name):
            raise Rejected(f"the name {ascii(name)[:30]} cannot be used")
        self.names = self.bound(self.names, name, value)

    def define(self, definition: Any) -> None:
        """Add one abbreviation: ``name = formula``, or a function, ``name(a, b) = formula``.

        A function may call only what was defined before it, so that none calls itself.

        Raises:
            Rejected: when it is not of this form, or its name has a meaning already.
        """
        match = DEFINITION.fullmatch(definition) if isinstance(definition, str) else None
        if match is None:
            raise Rejected(f"not a definition: {ascii(definition)[:60]}")
        name, body = match[1], parse(match[3])
        if match[2] is None:
            self.add_name(name, self.evaluate(body, {}))
            self.abbreviations[name] = body
            return
        arguments = match[2].split(", ")
        called = {node.func for node in ast.walk(body) if isinstance(node, ast.Call)}
        known = {part.id for part in called if isinstance(part, ast.Name)} <= self.functions.keys()
        if not known or len(set(arguments)) < len(arguments):
            raise Rejected(f"{name[:30]}: a call of what is not yet defined, or equal arguments")

        def evaluated(*values: Any) -> Any:
            scope: dict[str, Any] = {}
            for argument, value in zip(arguments, values, strict=True):
                scope = self.bound(scope, argument, value)
            return self.evaluate(body, scope)

        def function(*values: Any) -> Any:
            if not is_index(values):
                return evaluated(*values)
            return self.remembered(("where", name, values), lambda: evaluated(*values))

        self.functions = self.bound(self.functions, name, function)

    def remembered(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """The value that belongs to a key at this point, computed when it is first asked for.

        Keys hold whole numbers and texts alone: they are equal only where the values are.
        """
        memory = self.point.memory
        if key not in memory:
            memory[key] = make()
        return memory[key]

    def named(self, name: str) -> Any:
        """What a name stands for at this point."""
        if name == "W":
            return self.point.parameters
        if name in self.abbreviations and self.point.level > 0:
            body = self.abbreviations[name]
            return self.remembered(("name", name), lambda: self.evaluate(body, {}))
        return self.names[name]

    # The network

    def trace(self, batch: tuple[int, ...]) -> Trace:
        """The forward pass over a batch at this point, computed once."""

        def make() -> Trace:
            inputs = [self.example.x[n] for n in batch]
            return self.example.forward(self.point.parameters, self.bits, [inputs])

        found: Trace = self.remembered(("trace", batch), make)
        return found

    def place(self, n: Any, batch: Any) -> tuple[tuple[int, ...], int]:
        """A batch, and the position of a sample within it.

        Args:
            n: the number of the sample.
            batch: the numbers of the samples that are normalised together; None stands for all.
                Without normalisation outputs do not depend on it, and all samples are taken.
        """
        samples: tuple[int, ...] = self.names["samples"]
        chosen = samples
        if batch is not None:
            chosen = tuple(self.index(m, len(samples)) for m in batch)
        if self.whole(n) not in self.example.spend(chosen):
            raise Rejected("a sample that is not in the batch")
        if not self.normalisations:
            chosen = samples  # A sample's output does not depend on the others.
        return chosen, chosen.index(self.whole(n))

    def output(self, n: Any, c: Any, batch: Any = None) -> Any:
        """``f(n, c)``: output c of the network at sample n."""
        chosen, position = self.place(n, batch)
        return self.trace(chosen).values[-1][position][self.index(c, self.example.outputs)]

    def feature(self, n: Any) -> Any:
        """``h(n)``: the values of the last vertex but one at sample n, as a vector."""
        chosen, position = self.place(n, None)
        return self.trace(chosen).values[-2][position]

    def derivative(self, n: Any, c: Any, k: Any, batch: Any = None) -> Any:
        """``df(n, c, k)``: the derivative of output c at sample n along parameter k.

        It has the parameter's shape: one derivative for each entry.
        """
        chosen, position = self.place(n, batch)
        parameter, output = self.parameter(k), self.index(c, self.example.outputs)
        shape, here, level = parameter.shape, self.point.parameters, self.point.level + 1

        def moved(entry: tuple[int, ...]) -> Rows:
            parameters = self.example.moved(here, (self.whole(k), *entry), level)
            known = self.trace(chosen).values[: parameter.layer]
            return self.example.forward(parameters, self.bits, known).values[-1]

        def make() -> dict[tuple[int, ...], Rows]:
            return {entry: moved(entry) for entry in product(*map(range, shape))}

        rows = self.remembered(("df", chosen, self.whole(k)), make)

        def along(*entry: int) -> Any:
            if len(entry) < len(shape):
                return [along(*entry, i) for i in range(shape[len(entry)])]
            return split(rows[entry][position][output], level)[1]

        return along()

    def gradient(self, formula: Callable[[], Any], k: Any) -> Any:
        """``grad(formula, k)``: the derivative of a number along parameter k, of its shape.

        The formula is evaluated anew for each entry of the parameter, at a point where this entry
        moves, with a memory of its own. Variables have their values already: they are constant.
        """
        here, level = self.point, self.point.level + 1
        shape, index = self.parameter(k).shape, self.whole(k)

        def moved(place: tuple[int, ...]) -> Point:
            return Point(self.example.moved(here.parameters, place, level), level)

        def along(*entry: int) -> Any:
            if len(entry) < len(shape):
                return [along(*entry, i) for i in range(shape[len(entry)])]
            place = (index, *entry)
            self.point = self.remembered(("moved", place), lambda: moved(place))
            try:
                return split(self.scalar(formula()), level)[1]
            finally:
                self.point = here

        return along()

    def elsewhere(self, parameters: Any, inputs: Any) -> Trace:
        """The forward pass at any parameters, in the shapes of ``W``, and inputs, one or more.

        All rows of the inputs are normalised together, where layers are.
        """
        network = self.example.network
        if not network.layers or len(parameters) != len(network.parameters) or not inputs:
            raise Rejected("no network, no inputs, or another number of parameters than it has")
        expected = [parameter.shape for parameter in network.parameters]
        pairs = zip(parameters, expected, strict=True)
        rows = [self.shaped(row, network.widths[:1]) for row in inputs]
        return self.example.forward([self.shaped(*pair) for pair in pairs], self.bits, [rows])

    def shaped(self, value: Any, shape: Sequence[int]) -> Any:
        """An array of numbers that must have this shape."""
        if not shape:
            return self.scalar(value)
        if not isinstance(value, list) or len(value) != shape[0]:
            raise Rejected("an array that has not the shape of what it stands for")
        return [self.shaped(part, shape[1:]) for part in value]

    def replaced(self, arrays: Any, k: Any, array: Any) -> list[Any]:
        """``replaced(V, k, A)``: the list V with A for its entry k."""
        if not isinstance(arrays, list):
            raise Rejected("what is to be replaced is no entry of a list")
        place = self.index(k, len(arrays))
        return [*arrays[:place], array, *arrays[place + 1 :]]

    def layer(self, v: Any) -> Layer:
        """Layer v of the network; the first one is 1."""
        layers = self.example.network.layers
        return layers[self.index(self.whole(v) - 1, len(layers))]

    def parameter(self, k: Any, role: str | None = None) -> Any:
        """Parameter k of the network, which must have this role if one is named."""
        parameters = self.example.network.parameters
        found = parameters[self.index(k, len(parameters))]
        if role is not None and found.role != role:
            raise Rejected(f"a parameter that is not a {role}")
        return found

    def patches(self, k: Any) -> int:
        """``patches(k)``: how many copies of weight k its layer applies; 1 if it is dense."""
        return len(self.parameter(k, "weight").edge.patches)

    def is_chain(self) -> bool:
        """``chain()``: whether each layer reads the one before it alone, through weights."""
        layers = self.example.network.layers
        return bool(layers) and all(
            len(layer.edges) == 1
            and layer.edges[0].source == v
            and layer.edges[0].patches is not None
            for v, layer in enumerate(layers)
        )

    def varies(self, batch: Any = None) -> bool:
        """``varies()``: whether every unit that is normalised varies over a batch."""
        chosen, _ = self.place(0 if batch is None else batch[0], batch)
        try:
            self.trace(chosen)
        except ConstantUnit:
            return False
        if isinstance(self.example, Architecture):
            raise Unreadable("whether units vary over a batch")
        return True

    def is_smooth(self, batch: Any = None) -> bool:
        """``smooth()``: whether no unit with an activation that bends is at its kink, on a batch.

        The outputs are then differentiable in all parameters. Samples beyond the batch may be at
        kinks, as they do not matter.
        """
        chosen, _ = self.place(0 if batch is None else batch[0], batch)
        asked = [i for i, n in enumerate(chosen) if batch is None or n in batch]
        return all(
            layer.slope == 1 or self.compared(z, "!=", Fraction(0))
            for layer, rows in zip(
                self.example.network.layers, self.trace(chosen).arguments, strict=True
            )
            for z in self.flat([rows[i] for i in asked])
        )

    # Arrays and collections

    def whole(self, value: Any) -> int:
        """A number that is whole and at most `MOST_NUMBERS` in size, as an int."""
        found: Any = self.scalar(value)
        if not isinstance(found, Fraction) or found.denominator != 1 or abs(found) > MOST_NUMBERS:
            raise Rejected("a number that is not whole, or too large")
        return int(found)

    def index(self, value: Any, count: int) -> int:
        """One of the whole numbers from 0 to ``count - 1``."""
        position = self.whole(value)
        if not 0 <= position < count:
            raise Rejected("a number or subscript out of range")
        return position

    def flat(self, value: Any) -> list[Number]:
        """The entries of a number, vector or matrix, row by row."""
        if isinstance(value, list):
            return [entry for part in value for entry in self.flat(part)]
        return [self.scalar(value)]

    def matrix(self, value: Any) -> Rows:
        """The rows of a matrix, which has at least one entry and rows of equal length."""
        rows = [[self.scalar(entry) for entry in row] for row in value]
        if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
            raise Rejected("not a matrix")
        return rows

    def outer(self, left: list[Number], right: list[Number]) -> Rows:
        """``outer(a, b)``: the matrix of all products of an entry of a with one of b."""
        return [[self.example.spend(a * b) for b in right] for a in left]

    def charged(self, value: Any) -> Any:
        """A number, of which a series is summed up: the work is charged beforehand."""
        found = self.scalar(value)
        self.example.spend([found] * 8 + [None] * self.bits)
        return found

    def absolute(self, value: Any) -> Any:
        """``abs(a)``: the absolute value of a number."""
        if isinstance(value, Dual) and self.compared(value, "==", Fraction(0)):
            raise Rejected("the derivative of an absolute value at 0")
        if isinstance(value, Enclosure) and value.low < 0 <= value.high:
            return Enclosure(Fraction(0), max(-value.low, value.high), value.bits)
        return value if self.compared(value, ">=", Fraction(0)) else -value

    def compared(self, left: Any, relation: str, right: Any) -> bool:
        """Whether ``left relation right`` is true, as `compare` says, for two numbers."""
        if relation not in RELATIONS.values():
            raise Rejected("a comparison that is not part of the language")
        sides = self.example.spend((self.scalar(left), self.scalar(right)))
        return compare(value_of(sides[0]), relation, value_of(sides[1]))

    @staticmethod
    def scalar(value: Any) -> Any:
        """A value that must be a number; True and False are none."""
        kind = type(value)  # isinstance is slow for Fraction.
        if kind is int:
            return Fraction(value)
        if kind not in (Fraction, Enclosure, Residue, Dual):
            raise Rejected("what is used as a number is none")
        return value

    def greatest(self, values: Any, relation: str = ">") -> Any:
        """``max(values)``: the greatest of one or more numbers; ``min`` by the other relation.

        Which one that is need not be known: it is enclosed all the same.
        """
        best = reduce(lambda best, v: self._greater(best, v, relation), values)
        if any(isinstance(value, Dual) for value in values):
            tied = [value for value in values if self.compared(value, "==", best)]
            if len(tied) > 1 and any(isinstance(value, Dual) for value in tied):
                raise Rejected("the derivative of a greatest or least number that two are")
        return best

    def _greater(self, best: Any, value: Any, relation: str) -> Any:
        try:
            return value if self.compared(value, relation, best) else best
        except Undecided:
            if isinstance(best, Dual) or isinstance(value, Dual):
                raise
            outer = max if relation == ">" else min
            low, high = map(outer, ends(self.scalar(best)), ends(self.scalar(value)))
            return Enclosure(low, high, self.bits)

    def quotient(self, left: Any, right: Any) -> Any:
        """A quotient of two numbers."""
        divisor = value_of(self.scalar(right))
        if isinstance(divisor, Residue):
            self.example.spend([None] * 50)  # Of an inverse.
        elif self.compared(divisor, "==", Fraction(0)):
            raise Rejected("a division by zero")
        return self.example.spend(left / right)

    def total(self, values: Any) -> Any:
        """``sum(values)``: the sum of numbers, or of arrays of one shape; 0 if there are none."""
        first, rest = [*values][:1] or [Fraction(0)], [*values][1:]
        return reduce(partial(self.arithmetic, ast.Add()), rest, *first)

    def product(self, values: Any) -> Any:
        """``product(values)``: the product of numbers; 1 if there are none."""
        return reduce(partial(self.arithmetic, ast.Mult()), values, Fraction(1))

    def batches(self, size: Any) -> list[tuple[int, ...]]:
        """``batches(size)``: all sets of samples of a given size, each in increasing order."""
        samples = self.names["samples"]
        chosen = self.index(size, len(samples) + 1)
        if math.comb(len(samples), chosen) * (chosen + 1) > 10 * MOST_NUMBERS:
            raise Rejected("too many batches")
        return list(combinations(samples, chosen))

    def outside(self, matrix: Any, vectors: Any) -> Any:
        """``outside(a, b)``: the rows of a less their projections on the span of the rows of b.

        By the Gram-Schmidt process, without normalising: no roots are needed.
        """
        basis: list[Any] = []

        def project(vector: Any) -> Any:
            for unit in basis:
                share = self.quotient(self.example.dot(vector, unit), self.example.dot(unit, unit))
                pairs = zip(vector, unit, strict=True)
                vector = [self.example.spend(a - share * b) for a, b in pairs]
            return vector

        for vector in self.matrix(vectors):
            rest = project(vector)
            basis += [rest] if any(rest) else []
        return [project(row) for row in self.matrix(matrix)]

    def trace_of(self, matrix: Any) -> Any:
        """``trace(A)``: the sum of the diagonal of a square matrix."""
        rows = self.matrix(matrix)
        if len(rows) != len(rows[0]):
            raise Rejected("a matrix that is not square")
        return self.total([row[i] for i, row in enumerate(rows)])

    def times(self, left: Any, right: Any) -> Any:
        """``a @ b``: of two matrices, a matrix and a vector, or two vectors (a number)."""

        def is_matrix(value: Any) -> bool:
            if not isinstance(value, list) or not value:
                raise Rejected("a product by @ of what is neither a vector nor a matrix")
            return isinstance(value[0], list)

        columns = zip(*self.matrix(right), strict=True) if is_matrix(right) else [right]
        vectors = [[self.scalar(entry) for entry in column] for column in columns]
        rows = self.matrix(left if is_matrix(left) else [left])
        products: Any = [[self.example.dot(row, vector) for vector in vectors] for row in rows]
        if not is_matrix(right):
            products = [row[0] for row in products]
        return products if is_matrix(left) else products[0]

    def solution(self, matrix: Any, right: Any) -> Any:
        """``solve(A, b)``: the x with A @ x = b, a vector or matrix like b; A must be invertible.

        By elimination (Gauss and Jordan): rows of A and b side by side, until A is the identity.
        """
        rows, vector = self.matrix(matrix), not isinstance(right[0], list)
        sides = self.matrix([[entry] for entry in right] if vector else right)
        if len(rows) != len(rows[0]):
            raise Rejected("a matrix that is not square")
        rows = [row + side for row, side in zip(rows, sides, strict=True)]
        order = len(rows)
        for column in range(order):
            entries = [self.compared(row[column], "!=", Fraction(0)) for row in rows[column:]]
            if not any(entries):
                raise Rejected("a matrix that is singular")
            pivot = column + entries.index(True)
            rows[column], rows[pivot] = rows[pivot], rows[column]
            top = [self.quotient(entry, rows[column][column]) for entry in rows[column]]
            for i, row in enumerate(rows):
                pairs = zip(row, top, strict=True)
                rows[i] = top if i == column else [
                    self.example.spend(a - row[column] * b) for a, b in pairs
                ]  # fmt: skip
        return [row[order] if vector else row[order:] for row in rows]

    def squares(self, matrix: Any, skipped: Any = 0) -> list[Number]:
        """Squared singular values of a matrix, largest first, without the first few."""
        rows, common = integers(self.matrix(matrix), self.example)
        key = ("squares", repr([hex(common), *([*map(hex, row)] for row in rows)]))
        found: list[Number] = self.remembered(
            key, lambda: squared_singular_values(rows, common, self.example, self.bits)
        )
        return found[self.index(skipped, MOST_NUMBERS) :]

    def singular_values(self, matrix: Any, skipped: Any = 0) -> list[Number]:
        """Singular values of a matrix, largest first, without the first few."""
        squares = self.squares(matrix, skipped)
        return [self.example.spend(root(square, self.bits)) for square in squares]

    # Formulas

    def evaluate(self, node: ast.expr, scope: dict[str, Any], depth: int = 0) -> Any:
        """The value of a formula: this is the definition of the language.

        Args:
            node: the syntax tree of the formula.
            scope: the values of variables.
            depth: how deeply the formula stands within others, at most `DEEPEST`.

        Raises:
            Rejected: when the formula is not part of the language, or has no value here.
            Undecided: when more bits are needed.
        """
        self.example.spend(None)
        if depth > DEEPEST:
            raise Rejected("a formula is nested too deeply")

        def value(part: ast.expr) -> Any:
            return self.evaluate(part, scope, depth + 1)

        # Long: one case for each construct of the language, the most frequent ones first.
        match node:
            case ast.Name(id=name) if name in scope or name in self.names:
                return scope[name] if name in scope else self.named(name)
            case ast.Constant(value=bool() | int() as constant):
                return constant
            case ast.Call(func=ast.Name(id="grad"), args=[formula, k], keywords=[]):
                # The one function that evaluates its argument itself, where an entry moves.
                return self.example.spend(self.gradient(partial(value, formula), value(k)))
            case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]):
                if name in self.functions:
                    arguments = self.example.spend([*map(value, parts)])
                    return self.example.spend(self.functions[name](*arguments))
            case ast.BinOp(left=left, op=op, right=right):
                return self.arithmetic(op, value(left), value(right))
            case ast.Subscript(value=part, slice=index):
                entries = value(part)
                if not isinstance(entries, (list, tuple)):
                    raise Rejected("a subscript of what is not a list")
                return entries[self.index(value(index), len(entries))]
            case ast.Compare(left=left, ops=ops, comparators=parts):
                sides = [value(left), *map(value, parts)]
                return all(
                    self.compared(a, RELATIONS.get(type(op), ""), b)
                    for a, op, b in zip(sides, ops, sides[1:], strict=False)
                )
            case ast.ListComp(elt=part, generators=loops):
                return self.comprehension(part, loops, scope, depth + 1)
            case ast.BoolOp(op=ast.And(), values=parts):
                return all(self.truth(value(part)) for part in parts)
            case ast.BoolOp(op=ast.Or(), values=parts):
                return any(self.truth(value(part)) for part in parts)
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return self.arithmetic(ast.Mult(), -1, value(part))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return not self.truth(value(part))
            case ast.IfExp(test=test, body=body, orelse=other):
                return value(body) if self.truth(value(test)) else value(other)
            case ast.List(elts=parts):
                return [*map(value, parts)]
            case ast.Tuple(elts=parts):
                return tuple(map(value, parts))
        raise Rejected(f"not part of the language, or unknown: {ast.unparse(node)[:60]}")

    @staticmethod
    def truth(value: Any) -> bool:
        """A value that must be True or False; numbers are neither."""
        if not isinstance(value, bool):
            raise Rejected("a condition that is neither true nor false")
        return value

    def comprehension(
        self, part: ast.expr, loops: list[ast.comprehension], scope: dict[str, Any], depth: int
    ) -> list[Any]:
        """The list of the values of ``part`` for all values that the loops allow.

        Each loop has the form ``for name in list``, with conditions; later loops run inside.
        """
        if not loops:
            return [self.evaluate(part, scope, depth)]
        loop, *others = loops
        found = []
        values = self.evaluate(loop.iter, scope, depth)
        if not isinstance(loop.target, ast.Name) or loop.is_async:
            raise Rejected("a loop that is not of the form: for name in list")
        if not isinstance(values, (list, tuple)):
            raise Rejected("a loop that is not over a list")
        for value in values:
            inner = self.bound(scope, loop.target.id, value)
            if all(self.truth(self.evaluate(test, inner, depth)) for test in loop.ifs):
                found += self.comprehension(part, others, inner, depth + 1)
        return found

    def arithmetic(self, op: ast.operator, left: Any, right: Any) -> Any:
        """Sum, difference, product, quotient or power of two values, entry by entry; or ``@``.

        Arrays of one shape can be added and subtracted, and an array multiplied and divided by a
        number. An exponent is an int from 0 to 4, not a quotient that happens to be whole.
        """
        self.example.spend(None)
        if isinstance(op, ast.MatMult):
            return self.times(left, right)
        if isinstance(left, list) and isinstance(right, list):
            if not isinstance(op, (ast.Add, ast.Sub)) or len(left) != len(right):
                raise Rejected("arrays that cannot be combined")
            return [self.arithmetic(op, a, b) for a, b in zip(left, right, strict=True)]
        if isinstance(left, list) and isinstance(op, (ast.Mult, ast.Div)):
            return [self.arithmetic(op, a, right) for a in left]
        if isinstance(right, list) and isinstance(op, ast.Mult):
            return [self.arithmetic(op, left, b) for b in right]
        a, b = self.scalar(left), self.scalar(right)
        match op:
            case ast.Add():
                return self.example.spend(a + b)
            case ast.Sub():
                return self.example.spend(a - b)
            case ast.Mult():
                return self.example.spend(a * b)
            case ast.Div():
                return self.quotient(a, b)
            case ast.Pow() if type(right) is int and 0 <= right <= 4:
                return self.product([a] * right)
        raise Rejected("an operation that is not part of the language")


@dataclass(frozen=True)
class Comparison:
    """Two sides, and whether a relation between them is true.

    Attributes:
        left: the left side.
        relation: one of `RELATIONS`.
        right: the right side.
        holds: whether it is true.
    """

    left: Number
    relation: str
    right: Number
    holds: bool


STATEMENT = {"latex": str, "hypotheses": list, "given": list, "where": list, "forall": list,
             "conclusion": str}  # fmt: skip
"""The parts of a statement: the printed formula and hypotheses, which are for readers alone, and
the formal ones, which are checked."""
Assignment = dict[str, Any]
"""Values of variables by name."""


@dataclass(frozen=True)
class Statement:
    """For all values of the variables: where the hypotheses hold, so does the conclusion.

    Attributes:
        given: the hypotheses.
        where: abbreviations, as texts, which `Evaluator.define` reads.
        forall: each variable with the formula of its range, which may contain earlier variables.
        joined: ``and`` or ``or``: whether the conclusion is that all comparisons are true, or any.
        comparisons: left side, relation and right side of each.
    """

    given: list[ast.expr]
    where: list[Any]
    forall: list[tuple[str, ast.expr]]
    joined: str
    comparisons: list[tuple[ast.expr, str, ast.expr]]

    @classmethod
    def read(cls, document: Any) -> Statement:
        """The statement of a certificate.

        Raises:
            Rejected: when a part is missing or malformed, or the conclusion is not made of
                comparisons of two sides each.
        """
        latex, hypotheses, given, where, forall, conclusion = fields(
            document, "statement", **STATEMENT
        )
        if max(map(len, (hypotheses, given, where, forall))) > DEEPEST:
            raise Rejected(f"more than {DEEPEST} hypotheses, definitions or variables")
        for text in (latex, *hypotheses):
            if not isinstance(text, str) or not text.isprintable():
                raise Rejected("a text that is not printable")
        matches = [QUANTIFIER.fullmatch(entry) for entry in forall if isinstance(entry, str)]
        variables = [(match[1], parse(match[2])) for match in matches if match]
        if len(dict(variables)) < len(forall):
            raise Rejected("a quantifier that is not of the form: name in set; or one name twice")
        joined, comparisons = concluded(parse(conclusion))
        conditions = [parse(formula) for formula in given]
        return cls(conditions, where, variables, joined, comparisons)

    def unmet(self, evaluator: Evaluator, scope: Assignment) -> str | None:
        """The first hypothesis that is false at these values of the variables, or None.

        Where weights and data are left open, those on them are dropped: that strengthens the
        statement.
        """
        for condition in self.given:
            try:
                if not evaluator.truth(evaluator.evaluate(condition, scope)):
                    return ast.unparse(condition)
            except Unreadable:
                continue
        return None

    def assumes(self, equation: str, variable: str, among: str) -> bool:
        """Whether a hypothesis says an equation of all members of a collection.

        That is one of the form ``all([equation for variable in among])``, where ``and`` may join
        more, within and without.
        """

        def said(node: ast.expr, inside: bool) -> bool:
            if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
                return any(said(part, inside) for part in node.values)
            if inside:
                return ast.unparse(node) == equation
            match node:
                case ast.Call(func=ast.Name(id="all"), args=[ast.ListComp(elt=part) as loop]):
                    loops = [ast.unparse(generator) for generator in loop.generators]
                    return loops == [f" for {variable} in {among}"] and said(part, True)
            return False

        return any(said(condition, False) for condition in self.given)

    def assignments(self, evaluator: Evaluator, fixed: Mapping[str, Any]) -> Iterator[Assignment]:
        """All values of the variables in their ranges, one scope for each choice.

        Args:
            evaluator: at whose example the ranges are evaluated.
            fixed: the values that some variables must have, as in JSON.
        """

        def extend(scope: Assignment, left: list[tuple[str, ast.expr]]) -> Iterator[Any]:
            if not left:
                yield scope
                return
            (name, values), *others = left
            # Charged for each time that it is gone through, however often that is.
            for value in evaluator.example.spend(evaluator.evaluate(values, scope)):
                if name not in fixed or listed(value) == fixed[name]:
                    yield from extend(evaluator.bound(scope, name, value), others)

        return extend({}, self.forall)

    def decided(self, evaluator: Evaluator, scope: Assignment) -> Comparison:
        """The comparison that decides about the conclusion at these values of the variables.

        It is the first one that is false where all are to be true, or true where one is enough; the
        first one where there is none such. It is true where the conclusion is.
        """
        found = []
        for left, relation, right in self.comparisons:
            a, b = (evaluator.scalar(evaluator.evaluate(side, scope)) for side in (left, right))
            found.append(Comparison(a, relation, b, compare(a, relation, b)))
            if found[-1].holds == (self.joined == "or"):
                return found[-1]
        return found[0]


def concluded(node: ast.expr) -> tuple[str, list[tuple[ast.expr, str, ast.expr]]]:
    """How comparisons are joined in a conclusion, and left side, relation and right side of each.

    Raises:
        Rejected: when it is neither one comparison of two sides, nor several that ``and`` joins, or
            ``or``.
    """
    joined, parts, found = "and", [node], []
    if isinstance(node, ast.BoolOp):
        joined, parts = "or" if isinstance(node.op, ast.Or) else "and", node.values
    for part in parts:
        if not isinstance(part, ast.Compare) or len(part.ops) != 1:
            raise Rejected(
                "the conclusion is not one comparison, or several joined by and, or by or"
            )
        relation = RELATIONS.get(type(part.ops[0]), "")
        if relation not in SYMBOLS:
            raise Rejected("the conclusion is not an equation or inequality")
        found.append((part.left, relation, part.comparators[0]))
    return joined, found


def listed(value: Any) -> Any:
    """A value as JSON has it: batches, which are tuples, become lists."""
    return list(value) if isinstance(value, tuple) else value


# --- Certificates --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """A certificate that has been verified, and what its two sides are.

    Attributes:
        document: the certificate.
        found: what was computed anew: the comparison that decides about the conclusion, or how
            certain a proof is.
        record: with which record its statement was compared, as a clause; empty where that was not
            to be done.
    """

    document: dict[str, Any]
    found: Comparison | Settled
    record: str = ""

    def __str__(self) -> str:
        said = f"{self.document['claim']}: verified, {self._shown()}"
        return said + (f"; {self.record}" if self.record else "")

    def _shown(self) -> str:
        if isinstance(self.found, Settled):
            about = self.document["architecture"]
            widths = " -> ".join(map(str, Network(about["network"]).widths))
            numbers = [f"{k} = {v}" for k, v in about["numbers"].items() if v is not None]
            fixed = [*numbers, "these targets"] if about["targets"] is not None else numbers
            return (
                f"true of all weights, data and slopes of activations of the layers {widths} on"
                f" {about['samples']} sample{'s' * (about['samples'] > 1)}"
                + (f" with {', '.join(fixed)}" if fixed else "")
                + f", but for an error below 2^-{self.found.certainty}"
            )
        at = ", ".join(f"{name} = {value}" for name, value in self.document["at"].items())
        truth = "is false" if self.document["shows"] == "refuted" else "holds"
        left, relation, right = self.found.left, self.found.relation, self.found.right
        compared = f"{shown(left)} {SYMBOLS[relation]} {shown(right)} {truth}"
        return compared + (f" at {at}" if at else "")


def shown(number: Number) -> str:
    """A number as readers want it: a short rational exactly, any other to 12 digits."""
    low, high = ends(number)
    if low == high and low.numerator.bit_length() + low.denominator.bit_length() < 130:
        return str(low)
    middle = (low + high) / 2
    return f"{Decimal(middle.numerator) / Decimal(middle.denominator):.12g}"


def check(document: Any) -> Outcome:
    """Re-check a certificate, as `read` returns it.

    Raises:
        Rejected: with the reason, when it does not show what it says.
    """
    try:
        return _checked(document)
    except MISUSE as error:
        raise Rejected(f"cannot be evaluated ({type(error).__name__}: {error})"[:200]) from error


SEALED = {"schema_version": int, "claim": str, "version": str, "shows": str, "statement": dict,
          "digest": str}  # fmt: skip
"""The parts that all certificates have."""


def _checked(document: Any) -> Outcome:
    proof = isinstance(document, dict) and document.get("shows") == "settled"
    parts: dict[str, type] = (
        {"architecture": dict, "exponent": int, "degree": int, "certainty": int}
        if proof
        else {"case": dict, "at": dict, "left": object, "right": object}
    )
    version, claim, statement_version, shows, statement, seal, *content = fields(
        document, "certificate", **SEALED, **parts
    )
    if version != SCHEMA_VERSION:
        raise Rejected(f"schema version {version}, this kernel reads {SCHEMA_VERSION}")
    if not re.fullmatch(r"[a-z0-9-]{1,200}", claim):
        raise Rejected("the claim has no proper name")
    if shows not in ("refuted", "tight", "settled"):
        raise Rejected("what it shows is neither refuted nor tight, nor settled")
    if digest({key: value for key, value in document.items() if key != "digest"}) != seal:
        raise Rejected("the content is not the one that was sealed: the digest differs")
    if digest([claim, statement])[:16] != statement_version:
        raise Rejected("the statement is not the one that its version names")
    formal = Statement.read(statement)
    if proof:
        return Outcome(document, _proved(formal, statement_version, *content))
    return Outcome(document, _evaluated(formal, shows, *content))


def _evaluated(
    formal: Statement, shows: str, case: Any, at: Any, left: Any, right: Any
) -> Comparison:
    if not all(is_value(value) for value in at.values()):
        raise Rejected("the values of the variables are not whole numbers or lists of them")
    found = decide(formal, Example(case), at)
    if found.holds != (shows == "tight"):
        raise Rejected("the conclusion " + ("holds" if found.holds else "is false") + " here")
    for name, side, recorded in (("left", found.left, left), ("right", found.right, right)):
        if not within(side, recorded):
            raise Rejected(f"the {name} side is {shown(side)}, not the one recorded")
    return found


def _proved(
    formal: Statement, version: str, about: Any, exponent: int, degree: int, certainty: int
) -> Settled:
    found = settle(formal, Architecture(formal, version, about, exponent))
    if found != Settled(degree, certainty):
        raise Rejected(
            f"the degree is {found.degree} and the error below 2^-{found.certainty}, which is not"
            " what is recorded"
        )
    return found


def decide(formal: Statement, example: Example, at: Assignment) -> Comparison:
    """The comparison that decides about the conclusion at an assignment.

    Enclosures are tried with each of `PRECISIONS` in turn.

    Args:
        formal: the statement.
        example: at which it is evaluated.
        at: the value of each variable, as in JSON.

    Raises:
        Rejected: when a hypothesis is not met, when the variables do not have these values, and
            when the enclosures with the most bits still overlap.
    """
    for bits in PRECISIONS:
        try:
            evaluator = Evaluator(example, formal.where, bits)
            if at.keys() != {name for name, _ in formal.forall}:
                raise Rejected("the variables are not those of the statement")
            scope = next(formal.assignments(evaluator, at), None)
            if scope is None:
                raise Rejected("the variables do not take the values that are named")
            unmet = formal.unmet(evaluator, scope)
            if unmet is not None:
                raise Rejected(f"a hypothesis is not met: {unmet[:200]}")
            return formal.decided(evaluator, scope)
        except Undecided:
            continue
    raise Rejected(f"not decided by enclosures of {PRECISIONS[-1]} bits")


def is_value(value: Any) -> bool:
    """Whether a variable may have this value in JSON: a whole number, or a list of them."""
    return type(value) is int or (
        isinstance(value, list) and all(type(entry) is int for entry in value)
    )


def recorded_form(side: Number) -> Any:
    """A side as a certificate records it: a rational, or two that enclose it closely."""
    low, high = ends(side)
    if low == high:
        return str(low)
    return [str(_rounded(low, 48, -1)), str(_rounded(high, 48, 1))]


def within(side: Number, recorded: Any) -> bool:
    """Whether a side is the one that a certificate records.

    One rational must be equal to it. Two must enclose it, and differ by at most 2**-40 of the
    second one.

    Raises:
        Rejected: when what is recorded is neither one rational nor two.
    """
    low, high = ends(side)
    if isinstance(recorded, list) and len(recorded) == 2:
        below, above = map(number, recorded)
        return below <= low and high <= above and above - below <= abs(above) / 2**40
    return low == high == number(recorded)


# --- Proofs --------------------------------------------------------------------------------------

LEAST_CERTAINTY = 100
"""The error of a proof is below 2 to minus this."""
LABELS = ("y[n][0] ** 2 == 1", "n", "samples")
UNIT_WEIGHTS = ("squared(W[k]) == 1", "k", "weights")
NO_SHIFTS = ("W[b] == 0", "b", "shifts")
"""Equations that are met by construction where a hypothesis says them, as `Statement.assumes`."""


class Architecture(Example):
    """An architecture: an example whose weights, data and numbers are coordinates of a point.

    Targets that the document names are these; numbers that it names are these numbers.

    Args:
        formal: the statement, whose hypotheses may say what the weights and labels are.
        version: of the statement.
        document: the architecture.
        exponent: of the prime, one of `EXPONENTS`.

    Attributes:
        field: of the point, which the version, the document and the exponent determine.
        spheres: how many entries each weight of norm 1 has that has more than one.
        signs: lists whose first entry is 1 or -1: labels, and weights of norm 1 with one entry.

    Raises:
        Rejected: when the document is no architecture, or too large a one.
    """

    def __init__(self, formal: Statement, version: str, document: Any, exponent: int) -> None:
        if exponent not in EXPONENTS:
            raise Rejected(f"the exponent is none of {', '.join(map(str, EXPONENTS))}")
        self.field = Field(exponent, digest([version, document, exponent]))
        network, samples, outputs, numbers, targets = fields(
            document, "architecture",
            network=dict, samples=int, outputs=object, numbers=dict, targets=object,
        )  # fmt: skip
        self.network, self.work = Network(network), MOST_WORK
        self.samples, self.outputs = size(samples, "samples"), self.network.widths[-1]
        if outputs is None and targets is not None:
            raise Rejected("targets without a number of them")
        if outputs is not None and size(outputs, "outputs") != self.outputs:
            raise Rejected("targets that are not as many as the outputs")
        if len(numbers) > 1000:
            raise Rejected("more than 1000 numbers")
        self._require_small()
        shape = (self.samples, self.outputs)
        self.spheres: list[int] = []
        self.signs: list[list[Any]] = []
        self.W = [self._parameter(k, formal) for k in range(len(self.network.parameters))]
        self.x = self._open("inputs", (self.samples, self.network.widths[0]))
        self.y = None if outputs is None else self._open("targets", shape)
        if targets is not None:
            self.y = array(targets, shape, "targets")
        if self.y is not None and formal.assumes(*LABELS):
            self.signs += self.y
        self.numbers = {
            name: self._open(f"number {name}", ()) if value is None else number(value)
            for name, value in numbers.items()
        }

    def _parameter(self, k: int, formal: Statement) -> Any:
        parameter = self.network.parameters[k]
        if parameter.role == "shift" and formal.assumes(*NO_SHIFTS):
            return Fraction(0)
        name, entries = f"parameter {k}", math.prod(parameter.shape)
        unit = parameter.role == "weight" and formal.assumes(*UNIT_WEIGHTS)
        if unit and entries > 1:
            self.spheres.append(entries)
            return _shaped(iter(self.field.sphere(name, entries)), parameter.shape)
        found = self._open(name, parameter.shape)
        if unit:
            self.signs += found
        return found

    def _open(self, name: str, shape: tuple[int, ...]) -> Any:
        numbers = range(math.prod(shape))
        entries = [self.spend(self.field.coordinate(f"{name} {i}")) for i in numbers]
        return _shaped(iter(entries), shape)


def _shaped(entries: Iterator[Any], shape: Sequence[int]) -> Any:
    """Nested lists of a shape, filled with entries row by row."""
    return [_shaped(entries, shape[1:]) for _ in range(shape[0])] if shape else next(entries)


@dataclass(frozen=True)
class Settled:
    """How certain a statement about an architecture is.

    Attributes:
        degree: the highest of what must not vanish by chance.
        certainty: the error is at most 2 to minus this.
    """

    degree: int
    certainty: int


def settle(formal: Statement, example: Architecture) -> Settled:
    """Show that a statement is true of all weights, data and slopes of an architecture.

    **Method.** Everything that the architecture leaves open is a coordinate of a point modulo a
    prime p, and so is the slope of an activation at each of its arguments, or one over a standard
    deviation: a function of the argument of which nothing else is used. What holds for every such
    function holds for the true ones, and for whatever derivative is chosen at a kink. The statement
    is evaluated there. An equation of rational functions is true of all values for which it has a
    meaning if the numerator N of the difference is the polynomial 0; a rank is at most r if all
    minors of order r + 1 are.

    **Error.** N has degree d, and whole coefficients whose magnitudes add up to at most s. If N is
    not 0 and s < p, N is not 0 modulo p, and then vanishes at a part of at most d / p of all points
    (DeMillo and Lipton 1978; Zippel 1979; Schwartz, Fast probabilistic algorithms for verification
    of polynomial identities, J. ACM 27, 1980, Lemma 1). Each number carries d and s with it
    (`Residue`). The error adds up d / p over all comparisons, and over all pairs of arguments of
    activations, because two that differ must not have one slope by chance.

    **Hypotheses** on the architecture are evaluated, those on weights or data are dropped, which
    strengthens the statement; except three, which are met by construction. Labels are 1 or -1: all
    choices are tried. Shifts of normalisation are 0. Weights have norm 1: those of one entry are 1
    or -1; of others the first entry is a root u of one less the squares t of the rest. Then N is to
    be read with u**2 replaced, which makes it linear in each u, and s larger by at most the number
    of entries for each square. There are L such weights with entries of their own, and one less
    squares is no square: so N lies in an extension of degree 2**L of the field of rational
    functions, and if it is not 0, nor is its norm over the latter, the product of 2**L conjugates,
    a polynomial of degree at most 2**L d that vanishes where N does. The entries t are drawn among
    those for which u exists, for each weight a quarter of all at least, since the sphere has at
    least half as many points as there are t (Lidl and Niederreiter, Finite Fields, Theorems 6.26
    and 6.27), and each t belongs to at most two. Together the error is 8**L times as large.

    **What is random.** The point is a hash of the statement's version, the architecture and the
    exponent: SHAKE-256 is taken for a random function. Whoever wants a false statement verified has
    to vary these until a point happens to suit it, 2**100 times in the mean.

    Raises:
        Unreadable: when the statement says what has no meaning here.
        Rejected: when it is not true, there is nothing to check, or the prime is too small.
    """
    prime, vanishing = example.field.prime, list[tuple[int, int]]()
    for signs in product((1, -1), repeat=len(example.signs)):
        for row, sign in zip(example.signs, signs, strict=True):
            row[0] = Fraction(sign)
        evaluator = Evaluator(example, formal.where, PRECISIONS[0])
        for scope in formal.assignments(evaluator, {}):
            if formal.unmet(evaluator, scope) is None:
                vanishing += _identities(formal, evaluator, scope)
    if not vanishing:
        raise Rejected("no values of the variables meet the hypotheses: there is nothing to check")
    arguments = [bounds for _, bounds in example.field.slopes.values()]
    chances = [(1, degree, largest) for degree, largest in vanishing]
    if arguments:
        degree, largest, below, largest_below = map(max, zip(*arguments, strict=True))
        pairs = len(arguments) * (len(arguments) - 1) // 2
        chances.append((pairs, 2 * max(degree, below), 2 * largest * largest_below))
    growth = max(example.spheres, default=1)
    for _, degree, largest in chances:
        squares = degree // 2
        if (growth > 1 and squares > prime.bit_length()) or largest * growth**squares >= prime:
            raise Rejected("the coefficients may be multiples of the prime")
    error = 8 ** len(example.spheres) * sum(times * degree for times, degree, _ in chances)
    certainty = (prime // max(error, 1)).bit_length() - 1
    if certainty < LEAST_CERTAINTY:
        raise Rejected(f"the error may be above 2^-{LEAST_CERTAINTY}")
    return Settled(max(degree for _, degree, _ in chances), certainty)


def _identities(
    formal: Statement, evaluator: Evaluator, scope: Assignment
) -> list[tuple[int, int]]:
    """Bounds on degree and coefficients of what vanishes, so that the conclusion is true.

    Raises:
        Rejected: when it is not.
    """
    found, truths = [], []
    for left, relation, right in formal.comparisons:
        match left:
            case ast.Call(func=ast.Name(id="rank"), args=[part]) if relation == "<=":
                matrix = evaluator.matrix(evaluator.evaluate(part, scope))
                most = evaluator.whole(evaluator.evaluate(right, scope))
                true, bounds = _rank_at_most(matrix, most, evaluator.example)
            case _ if relation == "==":
                a, b = (evaluator.scalar(evaluator.evaluate(side, scope)) for side in (left, right))
                true, bounds = _vanishes(a - b)
            case _:
                raise Unreadable("an inequality, or a rank that is not bounded from above")
        found.append(bounds)
        truths.append(true)
    if not (any(truths) if formal.joined == "or" else all(truths)):
        raise Rejected("the conclusion is not true of all weights and data of the architecture")
    return found


def _vanishes(number: Any) -> tuple[bool, tuple[int, int]]:
    if isinstance(number, Residue):
        return number.value == 0, number.bounds[:2]
    return compare(number, "==", Fraction(0)), (0, 0)


def _rank_at_most(matrix: Rows, most: int, example: Example) -> tuple[bool, tuple[int, int]]:
    """Whether the rank at the point is at most that, with bounds on all minors of one order more.

    These are sums of ``order!`` products of as many entries. Their common denominator is the
    product of those of all entries.
    """
    order = most + 1
    entries = [entry for row in matrix for entry in row]
    field = next((entry.field for entry in entries if isinstance(entry, Residue)), None)
    if field is None:
        return rank(matrix, example) <= most, (0, 0)
    if order > min(len(matrix), len(matrix[0])):
        return True, (0, 0)
    rows = [[e if isinstance(e, Residue) else field.rational(e) for e in row] for row in matrix]
    of_entries = [entry.bounds for row in rows for entry in row]
    degree, largest, below, largest_below = map(max, zip(*of_entries, strict=True))
    if order**2 * (largest * largest_below).bit_length() > MOST_BITS:
        raise Rejected("the coefficients may be multiples of the prime")
    others = order * (order - 1)
    terms = math.factorial(order) * largest**order * largest_below**others
    values = [[entry.value for entry in row] for row in rows]
    true = rank_modulo(values, field.prime, example) <= most
    return true, (order * degree + others * below, terms)


# --- The command ---------------------------------------------------------------------------------


def read_file(path: Path, limit: int) -> dict[str, Any]:
    """The JSON object in a regular file of at most ``limit`` characters.

    Raises:
        Rejected: when there is no such file, it cannot be read, or it holds anything else.
    """
    try:
        with open(path, encoding="utf-8", opener=_opened) as stream:
            return read(stream.read(limit + 1), limit)
    except OSError as error:
        raise Rejected(f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise Rejected(f"cannot be read ({error})") from error


def _opened(path: str, flags: int) -> int:
    """Open a file that ends: no pipe or device, nor one of those whose size the system calls 0."""
    # Without waiting, because a pipe may have no writer.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_size > 0:
        return descriptor
    os.close(descriptor)
    raise Rejected("not a file, or an empty one")


def beside(path: Path) -> list[Path]:
    """The records in the folder above that of a certificate: ``baseline.json``, by its real name.

    Where the certificate or its folder is a link, also those above all that the link leads to: a
    link escapes no record.
    """
    places = [path.absolute()]
    while places[-1].is_symlink():
        places.append(places[-1].parent / os.readlink(places[-1]))
    above = [folder.parent for p in places for folder in (p.parent, p.parent.resolve())]
    found = [folder / "baseline.json" for folder in above]
    return [
        Path(real) for real in dict.fromkeys(map(os.path.realpath, filter(os.path.lexists, found)))
    ]


def on_record(record: Path, document: dict[str, Any]) -> str | None:
    """What a record says of the claim of a certificate, as a clause; None when it has no statement.

    Raises:
        Rejected: when it has another statement, or cannot be read.
    """
    place = record.relative_to(Path.cwd()) if record.is_relative_to(Path.cwd()) else record
    name = ascii(str(place))[1:-1]
    try:
        table = read_file(record, 10 * MOST_BYTES)
    except Rejected as error:
        raise Rejected(f"the record {name}: {error}") from error
    versions, verdicts = (table.get(key, {}) for key in ("statements", "verdicts"))
    if not isinstance(versions, dict) or not isinstance(verdicts, dict):
        raise Rejected(f"the record {name} has no tables of statements and verdicts")
    claim = document["claim"]
    if claim not in versions:
        return None
    if versions[claim] != document["version"]:
        raise Rejected(f"its statement is not the one on record for this claim in {name}")
    verdict = verdicts.get(claim)
    known = isinstance(verdict, str) and verdict.isalpha()
    return f"on record as {verdict} in {name}" if known else f"its statement is on record in {name}"


def consulted(path: Path, document: dict[str, Any], record: str | None) -> str:
    """Compare a certificate with the record that is named, or else with those beside it.

    Without a record, nothing but a reader's comparison ties the statement to the claim.

    Returns:
        With which records it was compared, as a clause.

    Raises:
        Rejected: as `on_record`; and when the record that is named lacks the claim.
    """
    try:
        records = beside(path) if record is None else [Path(record).absolute()]
    except (OSError, ValueError, RuntimeError) as error:
        raise Rejected(f"its record cannot be found ({error})") from error
    said = [on_record(place, document) for place in records]
    if record is not None and said == [None]:
        raise Rejected("the record that is named has no statement of this claim")
    known = [clause for clause in said if clause is not None]
    if records and not known:
        return "the record beside it has no statement of this claim"
    return ", and ".join(known) or "no record was consulted"


def explain(document: dict[str, Any]) -> Iterator[str]:
    """What a verified certificate says, line by line: statement, network, weights and data."""
    statement, case = document["statement"], document.get("case")
    yield f"  claim       {statement['latex']}"
    for key in ("hypotheses", "given", "where", "forall"):
        for entry in statement[key]:
            yield f"  {key:<11} {entry}"
    yield f"  conclusion  {statement['conclusion']}"
    network = (case or document["architecture"])["network"]
    for vertex, layer in enumerate((network or {"layers": []})["layers"], 1):
        yield f"  layer {vertex:<5} {json.dumps(layer)}"
    yield from _example(case) if case is not None else _proof(document)


def _example(case: dict[str, Any]) -> Iterator[str]:
    arrays = [*zip(Network(case["network"]).parameters, case["parameters"], strict=True)]
    for k, (parameter, (values,)) in enumerate(arrays):
        yield f"  {f'W[{k}]':<11} {plain(values)}, {parameter.role} of layer {parameter.layer}"
    for name, rows in (("x", case["inputs"]), ("y", case["targets"] or [[]])):
        for n, row in enumerate(rows[0]):
            yield f"  {f'{name}[{n}]':<11} {plain(row)}"
    for name, value in case["numbers"].items():
        yield f"  number      {name} = {value}"


def _proof(document: dict[str, Any]) -> Iterator[str]:
    yield f"  degree      {document['degree']}, modulo 2^{document['exponent']} - 1"
    for name, value in document["architecture"]["numbers"].items():
        yield f"  number      {name} = {'any' if value is None else value}"
    for n, row in enumerate(document["architecture"]["targets"] or []):
        yield f"  {f'y[{n}]':<11} {plain(row)}"


def plain(array: Any) -> str:
    """Nested lists of rationals as text, without quotation marks."""
    return json.dumps(array).replace('"', "")


def verify(path: str, record: str | None = None) -> Outcome:
    """Re-check the certificate in a file, and compare its statement with the record.

    Args:
        path: the file.
        record: that of the record; None for ``baseline.json`` in the folder above, if it is there.

    Raises:
        Rejected: with the reason.
    """
    outcome = check(read_file(Path(path), MOST_BYTES))
    return replace(outcome, record=consulted(Path(path), outcome.document, record))


def say(text: str, stream: TextIO) -> str | None:
    """Print a text. What cannot be written is dropped; the reason is returned."""
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        # What is left in the buffer is written at exit, and must not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return None if isinstance(error, BrokenPipeError) else error.strerror
    return None


def main(arguments: Sequence[str]) -> int:
    """The command: verify files, print one line for each; ``--explain`` prints what they say.

    Args:
        arguments: ``[--explain] [--record FILE] FILE...``

    Returns:
        The exit code: 0 when all are verified, 1 otherwise, 4 without files and when the answers
        cannot be written. A reader that stops reading them, such as ``head``, changes nothing.
    """
    # Long: options, files and the ends of output that can go wrong, in one place.
    paths, explained, record = list(arguments), False, None
    while paths[:1] in (["--explain"], ["--record"]):
        if paths.pop(0) == "--explain":
            explained = True
        else:
            record = paths.pop(0) if paths else None
    del paths[: paths[:1] == ["--"]]
    if not paths:
        say("usage: kernel.py [--explain] [--record FILE] FILE...", sys.stderr)
        return 4
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    rejected, lost = 0, None
    for path in paths:
        try:
            outcome = verify(path, record)
        except Rejected as error:
            rejected += 1
            name = path if path.isprintable() else ascii(path)
            say(f"{name}: REJECTED: {error}", sys.stderr)
        else:
            lines = [str(outcome), *(explain(outcome.document) if explained else ())]
            lost = say("\n".join(lines), sys.stdout) or lost
    if len(paths) > 1:
        lost = (
            say(f"{len(paths) - rejected} of {len(paths)} certificates verified", sys.stdout)
            or lost
        )
    if lost is not None:
        say(f"the answers cannot be written: {lost}", sys.stderr)
    return 1 if rejected else 4 if lost is not None else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
