"""Each term of the enclosures of singular values, on matrices where it is the one that matters."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from tests.arithmetic.matrices import difference, fractions_of, product
from theorycheck.arithmetic.enclosures import gamma
from theorycheck.arithmetic.singular_values import (
    Ball,
    _residual,
    distance_to_rank,
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
