"""Zeros of systems of equations, proved: a region of balls that holds exactly one.

A zero that descent or Newton's method has come near to is no zero yet. Krawczyk's operator (Moore,
Kearfott and Cloud, Introduction to Interval Analysis, SIAM 2009, Theorem 8.3) proves that there is
one: where it takes a box into its inside, that box holds exactly one zero. All arithmetic is that
of balls, so that what is proved is proved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from theorycheck.arithmetic.duals import Dual
from theorycheck.arithmetic.numbers import Array, balls, precision
from theorycheck.errors import InputError

System = Callable[[Array], Array]
"""From ``(n,)`` numbers, duals among them, to as many; made of the operations of numbers."""

BITS = 128
"""Definition: the working precision."""
ROUNDS = 12
"""Definition: how many steps of Newton's method are made before the proof."""
WIDENINGS = 8
"""Definition: how many boxes are tried, each 16 times as wide as the one before."""


@dataclass(frozen=True, eq=False)
class Zero:
    """The one zero of a system in a region.

    Attributes:
        box: balls that hold the zero, ``(n,)``.
        region: larger balls, which hold no other zero, ``(n,)``. The proof needs a system that is
            continuously differentiable on the region: where it has kinks, somebody has to see to
            it that none is there.
        jacobian: balls that hold all derivatives at all points of the region, ``(n, n)``.
    """

    box: Array
    region: Array
    jacobian: Array


def proved_zero(system: System, start: Sequence[float]) -> Zero | None:
    """Prove that a system has a zero near a point, or give None.

    Args:
        start: a point from which Newton's method converges, ``(n,)``.

    Raises:
        InputError: when the system has not as many equations as unknowns.
    """
    with precision(BITS):
        middle = balls(list(start))
        for _ in range(ROUNDS):
            values, slopes = evaluated(system, middle)
            inverse = _inverse(slopes)
            if inverse is None:
                return None
            middle = _midpoints(middle - inverse @ values)
        values, slopes = evaluated(system, middle)
        inverse = _inverse(slopes)
        if inverse is None:
            return None
        shift = inverse @ values
        largest = max(abs(entry).upper() for entry in shift)
        radius = max(2 * largest, arb(2) ** (16 - BITS))
        for _ in range(WIDENINGS):
            spread = np.array([arb(0, radius)] * len(middle), dtype=object)
            _, slopes = evaluated(system, middle + spread)
            rest = balls(np.eye(len(middle), dtype=np.int64)) - inverse @ slopes
            image = rest @ spread - shift
            if all(bool(abs(entry) < radius) for entry in image):
                return Zero(middle + image, middle + spread, slopes)
            radius = 16 * radius
    return None


def evaluated(system: System, point: Array) -> tuple[Array, Array]:
    """The values of a system and its Jacobian at balls ``(n,)``: ``(n,)`` and ``(n, n)``.

    Raises:
        InputError: when the system has not as many equations as unknowns.
    """
    units = balls(np.eye(len(point), dtype=np.int64))
    moved = [Dual(entry, unit, 1) for entry, unit in zip(point, units, strict=True)]
    found = system(np.array([*moved, None], dtype=object)[:-1])
    if found.shape != point.shape:
        raise InputError(f"{found.size} equations for {len(point)} unknowns: give as many")
    rows = [entry.motion + 0 * units[0] for entry in found]
    return np.array([entry.value for entry in found], dtype=object), np.array(rows, dtype=object)


def proved_stable(matrix: Array) -> bool:
    """Whether all eigenvalues of all matrices in balls ``(n, n)`` are proved to be negative.

    That is, to have negative real parts: by Gershgorin's discs of a similar matrix, whose basis
    are approximate eigenvectors.
    """
    with precision(BITS):
        middle = np.array([[float(entry.mid()) for entry in row] for row in matrix])
        if not np.isfinite(middle).all():
            return False
        _, vectors = np.linalg.eig(middle)
        basis = balls(vectors.real.copy())
        inverse = _inverse(basis)
        if inverse is None:
            return False
        # The inverse is approximate too: with E = 1 - inverse @ basis, the similar matrix solves
        # (1 - E) D = inverse @ matrix @ basis.
        product = inverse @ matrix @ basis
        error = balls(np.eye(len(basis), dtype=np.int64)) - inverse @ basis
        norm = max(sum(abs(entry).upper() for entry in row) for row in error)
        if not bool(norm < arb(1) / 2):
            return False
        # |D - product| <= |E| |D| in the norm of row sums, and |D| <= |product| / (1 - |E|).
        size = max(sum(abs(entry).upper() for entry in row) for row in product)
        slack = norm * size / (1 - norm)
        return all(
            bool(row[i] + sum(abs(e).upper() for j, e in enumerate(row) if j != i) + slack < 0)
            for i, row in enumerate(product)
        )


def _midpoints(array: Array) -> Array:
    return np.array([entry.mid() for entry in array], dtype=object)


def _inverse(matrix: Array) -> Array | None:
    """The inverse of the midpoints in float64, as exact balls; None where there is none."""
    middle = np.array([[float(entry.mid()) for entry in row] for row in matrix])
    if not np.isfinite(middle).all():
        return None
    try:
        inverse = np.linalg.inv(middle)
    except np.linalg.LinAlgError:
        return None
    return balls(inverse) if np.isfinite(inverse).all() else None
