"""Each term of the enclosures of singular values, on matrices where it is the one that matters."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from tests.arithmetic.matrices import difference, fractions_of, product
from theorycheck.arithmetic.enclosures import UNDERFLOW, gamma
from theorycheck.arithmetic.singular_values import (
    Ball,
    _euclidean,
    _residual,
    distance_to_rank,
    nuclear,
    singular_values,
)


@pytest.mark.parametrize("scale", [1.0, 2.0**-550])
@pytest.mark.parametrize("inner", [1, 4, 30])
def test_residuals_of_products_that_float64_calls_exact(inner: int, scale: float) -> None:
    """The computed difference is 0: what the product may be off by is all that is left.

    ``gamma_{n+1}`` of the sum of the magnitudes, by Higham, Eq. 3.13; and of factors whose products
    underflow, what is lost.
    """
    rng = np.random.default_rng(inner)
    left, right = scale * rng.normal(size=(3, inner)), scale * rng.normal(size=(inner, 5))
    weights = rng.uniform(0.5, 2.0, size=inner)
    computed = (left * weights) @ right
    found = fractions_of(_residual(computed, left, weights, right))
    factors = [fractions_of(array) for array in (left, np.diag(weights), right)]
    exactly = difference(fractions_of(computed), product(product(*factors[:2]), factors[2]))
    sizes = product(
        product(*(fractions_of(abs(array)) for array in (left, np.diag(weights)))),
        fractions_of(abs(right)),
    )
    part = Fraction(inner + 1, 2**53 - inner - 1)
    for bounds, errors, magnitudes in zip(found, exactly, sizes, strict=True):
        for bound, error, magnitude in zip(bounds, errors, magnitudes, strict=True):
            assert bound >= max(abs(error), part * magnitude)


def test_a_residual_moves_each_end_as_often_as_it_counts() -> None:
    """A sum of four singular values moves by twice the Frobenius norm of a perturbation."""
    sound = Ball(np.diag([8.0, 4.0, 2.0, 1.0]), 0.0)._decomposition
    assert sound.exponent == 4
    poor = replace(sound, residual=1 / 64)
    total = np.array([15 / 16])
    low, high = poor.enclose(total, total, 2.0, 0.0)
    assert low <= 15 - 2 / 64 * 16
    assert high >= 15 + 2 / 64 * 16


def test_a_tail_moves_by_the_root_of_its_own_number() -> None:
    """Derivation: the slack of the width test, for a matrix of order 3 and norm 3."""
    ball = Ball(np.diag([3.0, 2.0, 1.0]), 0.75)
    slack = 3 * 4 * 3 * (gamma(3 + 6) + gamma(3 + 7)) * 3
    for rank, value in ((1, 3.0), (2, 1.0)):
        interval = distance_to_rank(ball, rank, "nuclear")
        spread = 0.75 * math.sqrt(3 - rank)
        assert value + spread <= interval.high <= value + spread + slack
        assert value - spread >= interval.low >= value - spread - slack


@pytest.mark.parametrize(("left", "right"), [(2.0, 2.0), (0.0, 2.0), (0.0, 0.0), (0.0, 1.0)])
def test_factors_that_are_no_factors_prove_nothing_below(
    left: float, right: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if LAPACK failed altogether: both defects may be above 1."""
    accurate = np.linalg.svd

    def poor(
        matrix: npt.NDArray[np.float64], full_matrices: bool
    ) -> tuple[npt.NDArray[np.float64], ...]:
        u, values, v = accurate(matrix, full_matrices=full_matrices)
        return left * u, values, right * v

    monkeypatch.setattr(np.linalg, "svd", poor)
    low, high = singular_values(Ball(np.diag([2.0, 1.0]), 0.0))
    assert low.tolist() == [0, 0]
    assert (high >= [2.0, 1.0]).all()


def test_a_truncation_of_lower_rank_may_be_nearer_in_its_largest_entry() -> None:
    """Found among random matrices: the bound is that of the best, not of the last."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        ball = Ball(rng.normal(size=(3, 3)), 0.0)
        nearest = [ball._decomposition.truncation_error(kept) for kept in (1, 2)]
        if nearest[1] > nearest[0]:
            found += 1
            assert distance_to_rank(ball, 2, "max").high <= nearest[0]
    assert found


def test_the_largest_entry_is_at_least_the_norm_over_the_root_of_how_many() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        ball = Ball(rng.normal(size=(2, 3)), 0.0)
        low = Fraction(distance_to_rank(ball, 1, "max").low)
        tail = Fraction(distance_to_rank(ball, 1, "frobenius").low)
        assert low**2 * 6 <= tail**2


IDEAL = Ball(np.diag([1.0, 0.5]), 0.0)._decomposition
"""Of exact factors; what it says of the errors is replaced."""


def test_each_rounding_of_an_enclosure_is_outward() -> None:
    """Random numbers: whichever way the products and sums round, the ends lie beyond them."""
    rng = np.random.default_rng(0)
    for _ in range(3000):
        shrink, stretch = 1 - rng.uniform(0, 1e-3), 1 + rng.uniform(0, 1e-3)
        value, moves, residual, radius = rng.uniform(1, 2, size=4)
        share = 2.0 ** rng.integers(-60, 0)
        poor = replace(IDEAL, exponent=0, shrink=shrink, stretch=stretch, residual=share * residual)
        for spread in (0.0, share * radius):
            [low], [high] = poor.enclose(np.array([value]), np.array([value]), moves, spread)
            off = Fraction(moves) * (Fraction(share * residual) + Fraction(spread))
            assert Fraction(low) <= max(Fraction(0), Fraction(shrink) * Fraction(value) - off)
            assert Fraction(high) >= Fraction(stretch) * Fraction(value) + off


@pytest.mark.parametrize("exponent", [0, 3])
def test_what_is_0_but_for_its_errors(exponent: int) -> None:
    """Nothing else is as large as the error that moves the ends."""
    rng = np.random.default_rng(exponent)
    zero = np.zeros(1)
    for _ in range(2000):
        moves, residual, radius = rng.uniform(1, 2, size=3)
        poor = replace(IDEAL, exponent=exponent, shrink=1.0, stretch=1.0, residual=residual)
        [low], [high] = poor.enclose(zero, zero, moves, 0.0)
        assert low == 0
        assert Fraction(high) >= Fraction(moves) * Fraction(residual) * 2**exponent
        sound = replace(poor, residual=0.0)
        [low], [high] = sound.enclose(zero, zero, moves, radius)
        assert Fraction(high) >= Fraction(moves) * Fraction(radius)


def test_roots_of_defects_are_rounded_outward() -> None:
    """The bounds of the defects, as computed, are what the roots are of."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        found = Ball(rng.normal(size=(3, 4)), 0.0)._decomposition
        ones = np.ones(3), np.ones(4)
        parts = (found.left.T, ones[0], found.left), (found.right, ones[1], found.right.T)
        defects = [Fraction(_euclidean(_residual(np.eye(3), *part)).high) for part in parts]
        lower, upper = ((1 - defects[0]) * (1 - defects[1]), (1 + defects[0]) * (1 + defects[1]))
        assert Fraction(found.shrink) ** 2 <= lower
        assert Fraction(found.stretch) ** 2 >= upper


@pytest.mark.parametrize("size", [2, 3, 7, 40])
def test_sums_of_singular_values_are_rounded_outward(size: int) -> None:
    """And a sum of n moves by at least the root of n times a perturbation."""
    rng = np.random.default_rng(size)
    for _ in range(300):
        ball = Ball(np.eye(size), 0.0)
        values, residual = rng.uniform(1, 2, size=size), rng.uniform(1, 2)
        sound = replace(ball._decomposition, exponent=0, values=values, shrink=1.0, stretch=1.0)
        ball.__dict__["_decomposition"] = replace(sound, residual=0.0)
        found, total = nuclear(ball), sum(map(Fraction, values.tolist()))
        assert Fraction(found.low) <= total <= Fraction(found.high)
        ball.__dict__["_decomposition"] = replace(sound, values=0 * values, residual=residual)
        assert Fraction(nuclear(ball).high) ** 2 >= size * Fraction(residual) ** 2


def test_euclidean_norms_are_rounded_outward() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3000):
        values = rng.uniform(1, 2, size=2)
        found, square = _euclidean(values), sum(Fraction(value) ** 2 for value in values)
        assert Fraction(found.low) ** 2 <= square <= Fraction(found.high) ** 2


@pytest.mark.parametrize("large", [1.0, 2.0**40])
def test_products_that_underflow_move_residuals_by_what_they_lose(large: float) -> None:
    """By up to 2**-1075 for each of n factors, times the largest one on the right.

    Derivation: that is 2**53 times less than `UNDERFLOW`; each product is 3 / 2 of 2**-1074.
    """
    inner = 8
    left, weights = np.full((1, inner), 1.5 * 2.0**-537), np.full(inner, 2.0**-537)
    right = np.full((inner, 2), [large, 2.0**-30])
    allowed = inner * Fraction(UNDERFLOW) * Fraction(large)
    found = Fraction(_residual(np.zeros((1, 2)), 0 * left, weights, right)[0, 0])
    assert found >= allowed
    matrix = (left * weights) @ right
    lost = abs(Fraction(matrix[0, 0]) - allowed * Fraction(3, 2**53))
    assert lost <= Fraction(_residual(matrix, left, weights, right)[0, 0])


def test_magnitudes_of_many_terms_round_as_often() -> None:
    """The first term is 1, and the others are so small that sums lose them one by one."""
    inner = 1000
    left = np.full((1, inner), 2.0**-53 * (1 - 2.0**-10))
    left[0, 0] = 1.0
    ones = np.ones(inner)
    found = _residual(left @ ones[:, None], left, ones, ones[:, None]).item()
    magnitude = sum(map(Fraction, left[0].tolist()))
    assert Fraction(found) >= Fraction(inner + 1, 2**53 - inner - 1) * magnitude
