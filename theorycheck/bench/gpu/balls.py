"""Numbers with a bound on how far any correct floating-point evaluation may be from them.

The bounds are running ones (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM
2002, Sections 3.1 and 3.3), as in `theorycheck.arithmetic.error_bounds`, and follow a computation
from its data to its end: a ball holds every number that an evaluation of the same formula yields
whose operations have a unit roundoff of at most ``unit``, with sums added in any order and products
fused or not.

Values are float64. An operation on them rounds too, so that each rounding counts once for the
evaluation and once for the value. What underflows, gradually or to zero, is off by less than the
smallest normal number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

OWN_UNIT = 2.0**-53
"""Definition: the unit roundoff of float64, in which values are computed."""
UPWARDS = 1 + 2.0**-28
"""Derivation: an error is computed from numbers that are not negative in sums of at most 2**20
terms and fewer than 2**10 more operations, hence off by less than 2**22 roundings of 2**-53; twice
that is less than 2**-28."""
ROUNDINGS_OF_QUOTIENT = 2
"""A GPU divides by a scalar in two operations: by its reciprocal."""
ROUNDINGS_OF_EXPONENTIAL = 4
"""Two units in the last place, as the CUDA C++ Programming Guide states for ``expf`` (one for
``exp``), are at most four unit roundoffs; SLEEF, of which torch's vectors on a CPU are, states one
unit in the last place."""


@dataclass(frozen=True, eq=False)
class Ball:
    """Numbers, float64 on the CPU, and how far an evaluation may be from each; equal shapes."""

    value: Tensor
    error: Tensor
    unit: float
    """The unit roundoff of the evaluation."""
    tiny: float
    """Its smallest normal number."""

    @classmethod
    def exact(cls, numbers: Tensor, dtype: torch.dtype) -> Ball:
        """Numbers that an evaluation in a dtype starts from."""
        kind = torch.finfo(dtype)
        value = numbers.double()
        return cls(value, torch.zeros_like(value), kind.eps / 2, kind.tiny)

    def constant(self, numbers: Tensor) -> Ball:
        """Other numbers for the same evaluation, exact."""
        value = numbers.double()
        return self._moved(value, torch.zeros_like(value))

    def _gamma(self, roundings: int) -> float:
        """Bounds the relative error of this many roundings of the evaluation and of the value."""
        both = roundings * (self.unit + OWN_UNIT)
        return both / (1 - both)

    def _of(self, value: Tensor, error: Tensor, size: Tensor, roundings: int) -> Ball:
        """A result, from what errors of the operands make and a bound on the size of its terms."""
        rounded = self._gamma(roundings) * size + max(1, roundings) * self.tiny
        # A sum of zeros is zero.
        rounded = torch.where(size > 0, rounded, 0.0)
        return Ball(value, (error + rounded) * UPWARDS, self.unit, self.tiny)

    def _moved(self, value: Tensor, error: Tensor) -> Ball:
        """What is computed without rounding."""
        return Ball(value, error, self.unit, self.tiny)

    @property
    def size(self) -> Tensor:
        """No number of the ball is larger."""
        return (self.value.abs() + self.error) * UPWARDS

    @property
    def least(self) -> Tensor:
        """No number of the ball is smaller in magnitude; at least 0."""
        return (self.value.abs() - self.error * UPWARDS).clamp(min=0)

    def __getitem__(self, index: Any) -> Ball:
        return self._moved(self.value[index], self.error[index])

    def view(self, *shape: int) -> Ball:
        """The same numbers in another shape."""
        return self._moved(self.value.reshape(shape), self.error.reshape(shape))

    @property
    def mT(self) -> Ball:
        """The last two axes in turn."""
        return self._moved(self.value.mT, self.error.mT)

    def __neg__(self) -> Ball:
        return self._moved(-self.value, self.error)

    def __add__(self, other: Ball) -> Ball:
        value, error = self.value + other.value, self.error + other.error
        return self._of(value, error, value.abs() + error, 1)

    def __sub__(self, other: Ball) -> Ball:
        return self + -other

    def __mul__(self, other: Ball) -> Ball:
        error = self.value.abs() * other.error + self.error * other.size
        return self._of(self.value * other.value, error, self.size * other.size, 1)

    def __matmul__(self, other: Ball) -> Ball:
        error = self.value.abs() @ other.error + self.error @ other.size
        terms = self.value.shape[-1]
        return self._of(self.value @ other.value, error, self.size @ other.size, terms)

    def __truediv__(self, other: Ball) -> Ball:
        value = self.value / other.value
        error = (self.error + value.abs() * other.error) / other.least
        return self._of(value, error, value.abs() + error, ROUNDINGS_OF_QUOTIENT)

    def times(self, factor: float) -> Ball:
        """A multiple by a number that is rounded to the dtype of the evaluation."""
        value = self.value * factor
        error = self.error * abs(factor)
        return self._of(value, error, value.abs() + error, 2)

    def sum(self, *axes: int) -> Ball:
        """Sums over some axes, which stay with length 1."""
        value, error = self.value.sum(axes, keepdim=True), self.error.sum(axes, keepdim=True)
        terms = self.value.numel() // value.numel()
        return self._of(value, error, self.size.sum(axes, keepdim=True), terms - 1)

    def mean(self, *axes: int) -> Ball:
        """Means over some axes, which stay with length 1."""
        total = self.sum(*axes)
        return total.times(total.value.numel() / self.value.numel())

    def largest(self, axis: int) -> Ball:
        """The largest along an axis, which stays with length 1."""
        return self._moved(self.value.amax(axis, keepdim=True), self.error.amax(axis, keepdim=True))

    def sqrt(self) -> Ball:
        """Of positive numbers: ``|sqrt a - sqrt b| <= |a - b| / sqrt(min(a, b))``."""
        value, error = self.value.sqrt(), self.error / self.least.sqrt()
        return self._of(value, error, value + error, 1)

    def exp(self) -> Ball:
        """Of numbers with small errors: ``|exp a - exp b| <= exp(b) (exp|a - b| - 1)``."""
        value = self.value.exp()
        error = value * self.error.expm1()
        return self._of(value, error, value + error, ROUNDINGS_OF_EXPONENTIAL)

    def gathered(self, index: Tensor) -> Ball:
        """The numbers at places of the last axis; the result ends in the shape of the index."""
        return self._moved(self.value[..., index], self.error[..., index])

    def permuted(self, *axes: int) -> Ball:
        """The same numbers with their axes in another order."""
        return self._moved(self.value.permute(axes), self.error.permute(axes))

    def spread(self, index: Tensor, width: int) -> Ball:
        """Zeros ``(…, *index.shape[:-1], width)`` with the last axis at the places of each row."""
        *before, count = self.value.shape
        shape = (*before, *[1] * (index.dim() - 1), count)
        places = index.expand(*before, *index.shape)

        def place(numbers: Tensor) -> Tensor:
            zeros = numbers.new_zeros(*places.shape[:-1], width)
            return zeros.scatter_(-1, places, numbers.reshape(shape).expand(places.shape))

        return self._moved(place(self.value), place(self.error))

    def bent(self, slope: float) -> tuple[Ball, Ball]:
        """``z`` where positive, ``slope z`` elsewhere, and the derivative there.

        Where the sign is open, both derivatives are allowed for.
        """
        positive = self.value > 0
        sure = (self.value.abs() > self.error) | ((self.value == 0) & (self.error == 0))
        gate = torch.where(positive, 1.0, slope).to(self.value)
        off = torch.where(sure, 0.0, abs(1 - slope)).to(self.value)
        steepest = gate.abs() + off
        value = self._of(self.value * gate, self.error * steepest, self.size * steepest, 1)
        # What is kept, or multiplied by zero, does not round.
        whole = sure & (positive | (slope in (0, 1)))
        error = torch.where(whole, self.error * gate, value.error)
        return self._moved(value.value, error), self._moved(gate, off)


def together(balls: Sequence[Ball], axis: int) -> Ball:
    """Balls side by side along an axis."""
    value, error = (torch.cat([getattr(b, n) for b in balls], axis) for n in ("value", "error"))
    return Ball(value, error, balls[0].unit, balls[0].tiny)
