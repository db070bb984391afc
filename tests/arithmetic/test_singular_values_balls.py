"""Balls of matrices: the radius covers what was converted, and hardly more."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction

import flint
import numpy as np
import pytest

from tests.arithmetic.matrices import (
    SMALLEST,
    ball_of,
    difference,
    fractions_of,
    frobenius_squared,
    objects,
    random_rows,
)
from theorycheck.arithmetic.enclosures import UNIT_ROUNDOFF
from theorycheck.arithmetic.singular_values import Ball
from theorycheck.errors import InputError

pytestmark = pytest.mark.usefixtures("precise_oracle")


@pytest.mark.parametrize("seed", range(20))
def test_the_radius_bounds_the_conversion_and_barely(seed: int) -> None:
    """Derivation: in units of u, 2 for each error rounded up; 3 for the computed norm, 3 for its
    bound and 6 for the directed roundings of that; twice the sum for squares. Subnormal slack is
    absolute.
    """
    source = random.Random(seed)
    scale = Fraction(2) ** source.choice([-1060, -300, 0, 300])
    rows = [[entry * scale for entry in row] for row in random_rows(source, (4, 3), 10**20)]
    ball = ball_of(rows)
    error = frobenius_squared(difference(rows, fractions_of(ball.centre)))
    radius = Fraction(ball.radius)
    assert error <= radius**2
    slack = 32 * Fraction(UNIT_ROUNDOFF)
    assert (radius - 10 * Fraction(SMALLEST)) ** 2 <= error * (1 + slack) or radius <= 10 * SMALLEST
    for row, nearest in zip(rows, ball.centre.tolist(), strict=True):
        assert [float(entry) for entry in row] == nearest


def test_exact_entries_of_every_kind() -> None:
    """Derivation: the radius is an error of 1 and two of u / 2 at most, and carries 14 roundings by
    the count of `test_the_radius_bounds_the_conversion_and_barely`; (1 + u)^14 is below 1 + 16 u.
    """
    third = flint.fmpq(1, 3)
    mixed = objects([[1, Fraction(1, 3)], [third, flint.fmpz(2)], [np.int64(3), 2**60 + 1]])
    ball = Ball.exact(mixed)
    assert ball.centre.tolist() == [[1.0, 1 / 3], [1 / 3, 2.0], [3.0, 2.0**60]]
    assert 1 <= ball.radius <= 1 + 16 * UNIT_ROUNDOFF
    whole = np.array([[2**53 + 1, 1]])
    assert Ball.exact(whole).radius >= 1
    for kind in (np.float16, np.float32, np.float64):
        single = Ball.exact(np.array([[0.1, -2.0]], dtype=kind))
        assert single.radius == 0
        assert single.centre[0, 0] == kind(0.1)
    assert Ball.exact(objects([[1, Fraction(-3, 4)]])).radius == 0


def test_a_ball_keeps_its_own_copy() -> None:
    matrix = np.ones((2, 2))
    ball = Ball(matrix, 0.0)
    matrix[0, 0] = 7.0
    assert ball.centre[0, 0] == 1
    assert not ball.centre.flags.writeable


def test_arb_entries_are_covered() -> None:
    """Derivation: a third is off by u / 4 at most, as it lies in [1/4, 1/2), and the norm of one
    error at most doubles; Arb keeps radii to 30 bits; an underflow is off by `SMALLEST`, the norm
    of which carries 10 roundings to the next float at most.
    """
    third = flint.arb(1) / 3
    ball = Ball.from_arb(objects([[third, flint.arb(2)]]))
    assert abs(Fraction(1, 3) - Fraction(float(ball.centre[0, 0]))) <= ball.radius
    assert ball.radius <= UNIT_ROUNDOFF / 2
    wide = Ball.from_arb(objects([[flint.arb(1, 0.25), flint.arb(2, 0.125)]]))
    assert wide.centre.tolist() == [[1.0, 2.0]]
    assert Fraction(1, 16) + Fraction(1, 64) <= Fraction(wide.radius) ** 2
    assert wide.radius <= math.hypot(0.25, 0.125) * (1 + 2.0**-28)
    assert Ball.from_arb(objects([[flint.arb(3)]])).radius == 0
    tiny = Ball.from_arb(objects([[flint.arb(2) ** -2000]]))
    assert tiny.centre[0, 0] == 0
    assert 0 < tiny.radius <= 10 * SMALLEST


NOT_A_BALL: dict[str, tuple[Callable[[], Ball], str]] = {
    "vector": (lambda: Ball(np.ones(3), 0.0), "no matrix"),
    "empty": (lambda: Ball.exact(np.ones((0, 3))), "no matrix"),
    "nan": (lambda: Ball.exact(np.array([[math.nan]])), "not finite"),
    "infinite": (lambda: Ball.exact(np.array([[math.inf]])), "not finite"),
    "one infinite entry": (lambda: Ball.exact(np.array([[1.0, math.inf]])), "not finite"),
    "no integers": (lambda: Ball.exact(np.ones((0, 3), dtype=np.int64)), "no matrix"),
    "truths": (lambda: Ball.exact(np.array([[True]])), "give integers"),
    "complex numbers": (lambda: Ball.exact(np.array([[1j]])), "complex128 entries: give integers"),
    "infinite radius": (lambda: Ball(np.ones((1, 1)), math.inf), "radius inf"),
    "negative radius": (lambda: Ball(np.ones((1, 1)), -1.0), "radius"),
    "nan radius": (lambda: Ball(np.ones((1, 1)), math.nan), "radius"),
    "integer centre": (lambda: Ball(np.ones((1, 1), dtype=np.int64), 0.0), "convert"),
    "strings": (lambda: Ball.exact(np.array([["1"]])), "give integers"),
    "float object": (lambda: Ball.exact(objects([[1, 0.5]])), "give integers"),
    "too large": (lambda: Ball.exact(objects([[10**400]])), "beyond the range"),
    "not arb": (lambda: Ball.from_arb(objects([[1]])), "no arb"),
    "arb nan": (lambda: Ball.from_arb(objects([[flint.arb("nan")]])), "not finite"),
    "no arbs": (lambda: Ball.from_arb(np.empty((2, 0), dtype=object)), "no matrix"),
    "arb and nan": (
        lambda: Ball.from_arb(objects([[flint.arb(1), flint.arb("nan")]])),
        "not finite",
    ),
    "arb huge": (lambda: Ball.from_arb(objects([[flint.arb(2) ** 2000]])), "not finite"),
    "arb unbounded": (lambda: Ball.from_arb(objects([[flint.arb(1, math.inf)]])), "finite radius"),
    "one arb unbounded": (
        lambda: Ball.from_arb(objects([[flint.arb(1), flint.arb(1, math.inf)]])),
        "finite radius",
    ),
}


@pytest.mark.parametrize("case", NOT_A_BALL)
def test_not_a_ball(case: str) -> None:
    make, message = NOT_A_BALL[case]
    with pytest.raises(InputError, match=message):
        make()
