"""Proved zeros: polynomials with known roots, systems without or with double ones, mpmath."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb, fmpq

from theorycheck.arithmetic.numbers import Array, balls, precision
from theorycheck.arithmetic.zeros import BITS, System, evaluated, proved_stable, proved_zero
from theorycheck.errors import InputError


def circle_and_line(z: Array) -> Array:
    """Zeros (3/5, 4/5) and (4/5, 3/5)."""
    return np.array([z[0] * z[0] + z[1] * z[1] - 1, 5 * (z[0] + z[1]) - 7], dtype=object)


@pytest.mark.parametrize("near", [(0.59, 0.81), (0.82, 0.61)])
def test_a_box_holds_the_zero_that_is_known(near: tuple[float, float]) -> None:
    zero = proved_zero(circle_and_line, near)
    assert zero is not None
    known = (
        (Fraction(3, 5), Fraction(4, 5)) if near[0] < near[1] else (Fraction(4, 5), Fraction(3, 5))
    )
    with precision(2 * BITS):
        for ball, number in zip(zero.box, known, strict=True):
            assert ball.contains(arb(fmpq(number.numerator, number.denominator)))
            assert ball.rad() < arb(2) ** (32 - BITS)


def test_boxes_of_different_zeros_do_not_meet() -> None:
    first, second = (proved_zero(circle_and_line, near) for near in ((0.59, 0.81), (0.82, 0.61)))
    assert first is not None
    assert second is not None
    assert not first.region[0].overlaps(second.region[0])
    for wide, tight in zip(first.region, first.box, strict=True):
        assert wide.contains(tight)
        assert wide.rad() > arb(2) ** (15 - BITS)
        assert wide.rad() > 2 * tight.rad()


def test_the_zero_is_that_of_mpmath() -> None:
    """``x^3 + x y = 2, y^3 - x = 1``, to 60 digits by another method."""

    def system(z: Array) -> Array:
        return np.array([z[0] ** 3 + z[0] * z[1] - 2, z[1] ** 3 - z[0] - 1], dtype=object)

    zero = proved_zero(system, (0.8, 1.2))
    assert zero is not None
    with mpmath.workdps(80), precision(4 * BITS):
        start = mpmath.mpf("0.8"), mpmath.mpf("1.2")
        root = mpmath.findroot(lambda x, y: (x**3 + x * y - 2, y**3 - x - 1), start)
        for ball, number in zip(zero.box, root, strict=True):
            assert ball.contains(arb(mpmath.nstr(number, 70)))


@pytest.mark.parametrize(
    ("system", "near"),
    [
        (lambda z: z * z, 0.1),
        (lambda z: z * z + 1, 0.5),
        (lambda z: z * z + fmpq(1, 10**20), 1e-9),
        (lambda z: 0 * z, 1.0),
    ],
    ids=["double", "none", "nearly", "everywhere"],
)
def test_nothing_is_proved_where_no_single_zero_is(system: System, near: float) -> None:
    assert proved_zero(system, [near]) is None


def test_the_jacobian_is_that_of_the_system() -> None:
    values, jacobian = evaluated(circle_and_line, balls([2, 3]))
    assert [int(v.unique_fmpz()) for v in values] == [12, 18]
    assert [[int(v.unique_fmpz()) for v in row] for row in jacobian] == [[4, 6], [5, 5]]


def test_as_many_equations_as_unknowns_are_asked_for() -> None:
    with pytest.raises(InputError, match="1 equations for 2 unknowns"):
        proved_zero(lambda z: z[:1], [0.0, 1.0])


@pytest.mark.parametrize(
    ("matrix", "stable"),
    [
        ([[-1, 0], [0, -2]], True),
        ([[-1, 5], [0, -2]], True),
        ([[-1, 0], [0, 1]], False),
        ([[0, 0], [0, -1]], False),
        ([[-3, 4], [4, -3]], False),
        ([[-3, 2], [2, -3]], True),
    ],
)
def test_stability_is_the_sign_of_the_eigenvalues(matrix: list[list[int]], stable: bool) -> None:
    assert proved_stable(balls(matrix)) == stable


def test_wide_balls_prove_no_stability() -> None:
    wide = balls([[-1]]) + np.array([[arb(0, 2)]], dtype=object)
    assert not proved_stable(wide)
