"""Rigorous enclosures of norms, singular values and distances to low rank, in float64.

A matrix enters as a `Ball`: a float64 centre and a bound on how far the true matrix lies from it.
A result leaves as an `Interval` whose ends are true bounds, whatever rounding did on the way.
LAPACK is trusted only to return non-negative singular values in descending order: its answers are
verified afterwards, and poor ones widen the interval.

The arithmetic assumed is IEEE 754 binary64, rounding to nearest with gradual underflow, and matrix
products whose entries are inner products summed in any order, with or without fused multiply-add
(not Strassen's method). Rounding errors are counted as in Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed. (SIAM 2002), Sections 2.2 and 3.1, where ``theta_n`` stands for any
product of ``n`` factors ``(1 + delta)**(+-1)``, less 1. Matrices are first scaled by a power of two
to entries below 1, so nothing overflows, and each operation underflows by 2**-1075 at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt

from theorycheck.arithmetic.enclosures import (
    UNDERFLOW,
    Array,
    Interval,
    above,
    arb_above,
    as_arb,
    as_fraction,
    below,
    gamma,
    normalised,
    rounded_up,
    scaled_down,
    scaled_up,
    widen,
    widened,
)
from theorycheck.errors import InputError


@dataclass(frozen=True, eq=False)
class Ball:
    """All real matrices within ``radius`` of ``centre`` in the Frobenius norm.

    ``centre`` is float64 of shape ``(p, q)``, kept as a read-only copy. Raises `InputError` unless
    the centre is a non-empty finite matrix and the radius finite and non-negative.
    """

    centre: Array
    radius: float

    def __post_init__(self) -> None:
        centre = self.centre.copy()
        _require_matrix(centre)
        if centre.dtype != np.float64:
            raise InputError(f"a centre of {centre.dtype}: convert other entries with Ball.exact")
        if not np.isfinite(centre).all():
            raise InputError("a matrix has an entry that is not finite: check where it came from")
        if not 0 <= self.radius < math.inf:
            raise InputError(f"radius {self.radius}: give a finite number that is not negative")
        centre.setflags(write=False)
        object.__setattr__(self, "centre", centre)

    @cached_property
    def _decomposition(self) -> _Decomposition:
        return _Decomposition.of(self.centre)

    @classmethod
    def exact(cls, matrix: npt.NDArray[np.generic] | npt.NDArray[np.object_]) -> Ball:
        """A matrix known exactly: entries int, `Fraction`, `flint.fmpz` or `flint.fmpq`, or floats.

        The centre holds the float64 nearest to each entry and the radius bounds the conversion;
        for an array of float16, float32 or float64 it is 0. Raises `InputError` for other entries
        and for magnitudes beyond float64.
        """
        _require_matrix(matrix)
        if matrix.dtype in (np.float16, np.float32, np.float64):
            return cls(matrix.astype(np.float64), 0.0)
        if matrix.dtype.kind not in "iuO":
            raise InputError(f"{matrix.dtype} entries: give integers, rationals or float64")
        entries = [as_fraction(entry) for entry in matrix.astype(object).flat]
        try:
            centres = [float(entry) for entry in entries]
        except OverflowError:
            raise InputError("a matrix entry is beyond the range of float64: rescale it") from None
        errors = [
            rounded_up(abs(entry - Fraction(centre)))
            for entry, centre in zip(entries, centres, strict=True)
        ]
        return cls(np.array(centres).reshape(matrix.shape), _euclidean(np.array(errors)).high)

    @classmethod
    def from_arb(cls, matrix: npt.NDArray[np.object_]) -> Ball:
        """A matrix of `flint.arb` enclosures, centred on their midpoints as float64.

        The radius is computed from ``|entry - centre|``, itself enclosed by Arb, so it covers both
        the radii of the entries and the rounding of their midpoints. Raises `InputError` for an
        entry that is not an arb, not finite, or beyond float64.
        """
        _require_matrix(matrix)
        entries = [as_arb(entry) for entry in matrix.flat]
        centres = [float(entry) for entry in entries]
        if not all(math.isfinite(centre) for centre in centres):
            raise InputError("a matrix entry is not finite or beyond float64: check or rescale it")
        errors = [arb_above(entry - centre) for entry, centre in zip(entries, centres, strict=True)]
        if not all(math.isfinite(error) for error in errors):
            raise InputError("a matrix entry has no finite radius: raise the precision behind it")
        return cls(np.array(centres).reshape(matrix.shape), _euclidean(np.array(errors)).high)


def frobenius(ball: Ball) -> Interval:
    """The Frobenius norm."""
    return widened(_euclidean(ball.centre), ball.radius)


def spectral(ball: Ball) -> Interval:
    """The largest singular value."""
    return _tail_norm(ball, 0, "spectral")


def nuclear(ball: Ball) -> Interval:
    """The sum of the singular values."""
    return _tail_norm(ball, 0, "nuclear")


def entrywise_max(ball: Ball) -> Interval:
    """The largest magnitude of an entry."""
    largest = float(np.abs(ball.centre).max())
    return widened(Interval(largest, largest), ball.radius)


NORMS: dict[str, Callable[[Ball], Interval]] = {
    "frobenius": frobenius,
    "spectral": spectral,
    "nuclear": nuclear,
    "max": entrywise_max,
}
"""The norms of galanti2022, Theorem 1, by name."""


def norm(ball: Ball, name: str) -> Interval:
    """The norm of that name, a key of `NORMS` (`InputError` otherwise)."""
    if name not in NORMS:
        raise InputError(f"unknown norm {name!r}: choose one of {', '.join(NORMS)}")
    return NORMS[name](ball)


def singular_values(ball: Ball) -> tuple[Array, Array]:
    """Lower and upper bounds of the ``min(p, q)`` singular values, each descending.

    Source: Rump, "Verified bounds for singular values, in particular for the spectral norm of a
    matrix and its inverse", BIT 51 (2011); see `_Decomposition` for the argument.
    """
    decomposition = ball._decomposition
    return decomposition.enclose(decomposition.values, decomposition.values, 1.0, ball.radius)


def rank_at_least(ball: Ball) -> int:
    """A proven lower bound of the rank: how many singular values are certainly positive."""
    low, _ = singular_values(ball)
    return int(np.count_nonzero(low > 0))


def distance_to_rank(ball: Ball, rank: int, name: str) -> Interval:
    """The distance ``min ||A - V||`` to the matrices ``V`` of rank at most ``rank``.

    For the Frobenius, spectral and nuclear norms the minimum is the norm of the singular values
    that follow the first ``rank`` ones (Eckart and Young 1936; Mirsky 1960).

    For the entrywise maximum no closed form is known, and the interval does not shrink to a point.
    (Except for square matrices of order ``n`` and rank ``n - 1``, the distance to singularity of
    Higham, Theorem 6.5, which takes a maximum over ``4**n`` sign vectors.) Below, it stands on
    ``||X||_F <= sqrt(p q) ||X||_max``, hence on the Frobenius distance, which is never less than
    the spectral one; above, on the best of the truncated singular value decompositions of rank 0
    to ``rank``, taken as exact products of the computed factors.

    Raises `InputError` for a negative rank or an unknown norm.
    """
    if rank < 0:
        raise InputError(f"no matrix has rank {rank}: give a rank that is not negative")
    if rank == 0 or name not in NORMS:
        return norm(ball, name)
    if rank >= min(ball.centre.shape):
        return Interval(0.0, 0.0)
    if name != "max":
        return _tail_norm(ball, rank, name)
    side = math.sqrt(ball.centre.size)
    low = float(below(np.asarray(_tail_norm(ball, rank, "frobenius").low / side), 2))
    decomposition = ball._decomposition
    nearest = min(decomposition.truncation_error(kept) for kept in range(1, rank + 1))
    high = min(widened(Interval(0.0, nearest), ball.radius).high, entrywise_max(ball).high)
    return Interval(low, high)


@dataclass(frozen=True, eq=False)
class _Decomposition:
    """A computed singular value decomposition and what it proves about its matrix.

    With ``k = min(p, q)``, the matrix times ``2**-exponent`` is ``A = M + E``, where
    ``M = left diag(values) right`` is the exact product of the computed thin factors, ``(p, k)``,
    ``(k,)`` and ``(k, q)``, and ``||E||_F <= residual``.

    Polar decompositions ``left = Q H`` and ``right' = P K`` have ``Q``, ``P`` with orthonormal
    columns, which exist as ``k <= p`` and ``k <= q``, so the singular values of
    ``M = Q (H diag(values) K) P'`` are those of the square matrix ``H diag(values) K``. Those of
    ``H`` and ``K`` lie in ``sqrt(1 -+ a)`` and ``sqrt(1 -+ b)``, with the defects
    ``a = ||I - left' left||`` and ``b = ||I - right right'||``, whence by Ostrowski's theorem (Horn
    and Johnson, Matrix Analysis, 2nd ed., Theorem 4.5.9) ``sigma_i(M)`` lies between ``shrink`` and
    ``stretch`` times ``values[i]``, the products of the lower and of the upper roots.

    From ``M`` to ``A`` and on to the true matrix, the singular values move by at most the norm of
    the perturbation (Weyl; Mirsky for their Euclidean norm, and for sums of ``t`` of them, which
    move by at most ``sqrt(t)`` times its Frobenius norm; Horn and Johnson, Section 7.4).
    """

    matrix: Array
    exponent: int
    left: Array
    values: Array
    right: Array
    shrink: float
    stretch: float
    residual: float

    @classmethod
    def of(cls, centre: Array) -> _Decomposition:
        matrix, exponent = normalised(centre)
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        rows, columns = matrix.shape
        identity = np.eye(values.size)
        defects = np.array(
            [
                _euclidean(_residual(identity, left.T, np.ones(rows), left)).high,
                _euclidean(_residual(identity, right, np.ones(columns), right.T)).high,
            ]
        )
        # Each root: one rounding in each factor, one of their product, halved, and its own.
        shrink = below(np.sqrt(np.prod(np.maximum(1 - defects, 0.0))), 3)
        stretch = above(np.sqrt(np.prod(1 + defects)), 3)
        # The product of the factors of a zero matrix is exactly zero.
        error = _euclidean(_residual(matrix, left, values, right)).high if matrix.any() else 0.0
        return cls(matrix, exponent, left, values, right, float(shrink), float(stretch), error)

    def enclose(
        self, low: Array, high: Array, lipschitz: float, radius: float
    ) -> tuple[Array, Array]:
        """Bounds of functions of the singular values of all matrices within ``radius``.

        ``low`` and ``high`` bound those functions at ``values``; the functions are homogeneous and
        monotone, and move by at most ``lipschitz`` times the Frobenius norm of a perturbation.
        """
        if not self.matrix.any():
            low, high = np.zeros_like(low), np.zeros_like(high)
        else:
            error = above(np.asarray(lipschitz * self.residual), 1)
            low = np.nextafter(below(self.shrink * low, 1) - error, -math.inf)
            high = np.nextafter(above(self.stretch * high, 1) + error, math.inf)
            low = scaled_down(np.maximum(low, 0.0), self.exponent)
            high = scaled_up(high, self.exponent)
        spread = float(above(np.asarray(lipschitz * radius), 1)) if radius else 0.0
        return widen(low, high, spread)

    def truncation_error(self, rank: int) -> float:
        """An upper bound of ``||A - A_r||_max``, at the original scale."""
        kept = self.left[:, :rank], self.values[:rank], self.right[:rank]
        error = _residual(self.matrix, *kept).max(keepdims=True)
        return float(scaled_up(error, self.exponent).item())


def _tail_norm(ball: Ball, rank: int, name: str) -> Interval:
    """The norm of the singular values after the first ``rank``, which must leave some."""
    decomposition = ball._decomposition
    tail = decomposition.values[rank:]
    lipschitz = 1.0
    if name == "frobenius":
        bounds = _euclidean(tail)
        low, high = np.array([bounds.low]), np.array([bounds.high])
    elif name == "spectral":
        low = high = tail[:1]
    else:
        total = np.array([math.fsum(tail)])
        low, high = below(total, 2), above(total, 2)
        lipschitz = float(above(np.asarray(math.sqrt(tail.size)), 1))
    low, high = decomposition.enclose(low, high, lipschitz, ball.radius)
    return Interval(float(low[0]), float(high[0]))


def _residual(matrix: Array, left: Array, weights: Array, right: Array) -> Array:
    """Entrywise upper bounds of ``|matrix - left diag(weights) right|``.

    With inner dimension ``n``, the computed product is off by at most
    ``gamma(n + 1) |left| diag(|weights|) |right|`` (Higham, Eq. 3.13, and one rounding for the
    weights). That bound, itself computed, and the difference carry ``theta_{n+4}`` at most. The
    last term covers every underflow many times over, and that of scaling ``matrix``.
    """
    inner = weights.size
    weighted = left * weights
    difference = np.abs(matrix - weighted @ right)
    magnitude = np.abs(weighted) @ np.abs(right)
    underflow = inner * UNDERFLOW * max(1.0, float(np.abs(right).max()))
    return above(difference + gamma(inner + 1) * magnitude + underflow, inner + 4)


def _euclidean(values: Array) -> Interval:
    """The Euclidean norm of the entries.

    The squares carry ``theta_1`` and their exactly rounded sum another; the root halves both and
    adds its own. The scaled sum is at least 1/4, so underflow is worth less than another.
    """
    scaled, exponent = normalised(values)
    if not scaled.any():
        return Interval(0.0, 0.0)
    root = np.array([math.sqrt(math.fsum((scaled * scaled).ravel().tolist()))])
    low, high = scaled_down(below(root, 3), exponent), scaled_up(above(root, 3), exponent)
    return Interval(float(low[0]), float(high[0]))


def _require_matrix(matrix: npt.NDArray[np.generic] | npt.NDArray[np.object_]) -> None:
    if matrix.ndim != 2 or matrix.size == 0:
        raise InputError(f"an array of shape {matrix.shape} is no matrix: give rows and columns")
