"""Enclosures of norms, singular values and distances, against exact and 400-bit arithmetic."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import numpy.typing as npt
import pytest

from tests.arithmetic.matrices import (
    LARGEST,
    SHAPES,
    Rows,
    ball_of,
    check,
    difference,
    encloses,
    encloses_all,
    fractions_of,
    frobenius_squared,
    hilbert,
    largest_entry,
    objects,
    product,
    random_of_rank,
    random_rows,
    rational,
    true_singular_values,
)
from theorycheck.arithmetic.enclosures import UNIT_ROUNDOFF, Interval, gamma
from theorycheck.arithmetic.singular_values import (
    NORMS,
    Ball,
    distance_to_rank,
    entrywise_max,
    frobenius,
    norm,
    nuclear,
    rank_at_least,
    singular_values,
    spectral,
)
from theorycheck.errors import InputError

pytestmark = pytest.mark.usefixtures("precise_oracle")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("denominators", [1, 7], ids=["integer", "rational"])
def test_random_matrices(shape: tuple[int, int], denominators: int) -> None:
    source = random.Random(str((shape, denominators)))
    for _ in range(75):
        check(random_rows(source, shape, denominators))


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (5, 4)], ids=str)
def test_rank_deficient_matrices(shape: tuple[int, int]) -> None:
    source = random.Random(str(shape))
    for _ in range(40):
        rank = source.randint(1, min(shape) - 1)
        rows = random_of_rank(source, shape, rank)
        check(rows)
        assert rank_at_least(ball_of(rows)) <= rank


def test_frobenius_norms_of_thousands_of_matrices() -> None:
    source = random.Random(1)
    for _ in range(3000):
        rows = random_rows(source, source.choice(SHAPES), 9)
        interval = frobenius(ball_of(rows))
        assert (
            Fraction(interval.low) ** 2 <= frobenius_squared(rows) <= Fraction(interval.high) ** 2
        )


def test_permuted_diagonal_matrices() -> None:
    source = np.random.default_rng(2)
    for _ in range(300):
        size, extra = source.integers(1, 6, size=2)
        diagonal = np.sort(source.integers(-50, 51, size=size) * 2.0 ** source.integers(-9, 9))
        matrix = np.zeros((size, size + extra))
        matrix[np.arange(size), np.arange(size)] = diagonal
        matrix = matrix[source.permutation(size)][:, source.permutation(size + extra)]
        low, high = singular_values(Ball.exact(matrix if extra % 2 else matrix.T))
        exact = np.sort(np.abs(diagonal))[::-1]
        assert (low <= exact).all()
        assert (exact <= high).all()


@pytest.mark.parametrize("size", [2, 5, 8, 12])
@pytest.mark.parametrize("shift", [1, 2])
def test_hilbert_matrices(size: int, shift: int) -> None:
    check(hilbert(size, shift))


@pytest.mark.parametrize("exponent", [-1074, -1060, -537, -300, 300, 900, 1019])
def test_extreme_scales(exponent: int) -> None:
    source = random.Random(exponent)
    for shape in SHAPES:
        rows = random_rows(source, shape, 1)
        check([[entry * Fraction(2) ** exponent for entry in row] for row in rows])


@pytest.mark.parametrize("exponent", [-300, 300])
def test_scaling_by_a_power_of_two_changes_nothing_else(exponent: int) -> None:
    matrix = np.random.default_rng(3).standard_normal((4, 6))
    plain, scaled = Ball.exact(matrix), Ball.exact(np.ldexp(matrix, exponent))
    for name, kept in itertools.product(NORMS, range(5)):
        factor = Fraction(2) ** exponent
        expected = distance_to_rank(plain, kept, name).scaled(factor)
        assert distance_to_rank(scaled, kept, name) == expected


def test_mixed_scales() -> None:
    huge, tiny = Fraction(2) ** 1000, Fraction(2) ** -1000
    check([[huge, Fraction(0)], [Fraction(0), tiny]])
    check([[tiny, huge, tiny], [tiny, tiny, Fraction(0)]])


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 2)], ids=str)
def test_zero_matrices_are_exact(shape: tuple[int, int]) -> None:
    ball = Ball.exact(np.zeros(shape))
    nothing = Interval(0.0, 0.0)
    assert all(distance_to_rank(ball, rank, name) == nothing for rank in (0, 1) for name in NORMS)
    assert [values.tolist() for values in singular_values(ball)] == [[0.0] * min(shape)] * 2
    assert rank_at_least(ball) == 0


def test_overflowing_norms_are_unbounded_above() -> None:
    ball = Ball.exact(np.full((2, 2), LARGEST))
    for name in ("frobenius", "spectral", "nuclear"):
        assert norm(ball, name) == Interval(LARGEST, math.inf)
    assert norm(ball, "max") == Interval(LARGEST, LARGEST)


def test_the_radius_is_reached_and_not_exceeded() -> None:
    """Perturbations that move each quantity as far as Weyl's and Mirsky's theorems allow.

    Derivation: the slack of the width test below, for matrices of order 3 and norm 3, three times
    as much for sums of three singular values.
    """
    ball = Ball(np.diag([3.0, 2.0, 1.0]), 0.75)
    slack = 3 * 4 * 3 * (gamma(3 + 6) + gamma(3 + 7)) * 3
    by_all = 0.75 * math.sqrt(3)
    expected = {"frobenius": (math.sqrt(14), 0.75), "spectral": (3, 0.75), "nuclear": (6, by_all)}
    for name, (value, spread) in expected.items():
        interval = norm(ball, name)
        assert abs(interval.low - (value - spread)) <= slack
        assert abs(interval.high - (value + spread)) <= slack
    assert 2.25 - slack <= entrywise_max(ball).low <= 2.25
    assert 3.75 <= entrywise_max(ball).high <= 3.75 + slack
    low, high = singular_values(ball)
    assert (abs(low - [2.25, 1.25, 0.25]) <= slack).all()
    assert (abs(high - [3.75, 2.75, 1.75]) <= slack).all()
    assert rank_at_least(ball) == 3
    assert rank_at_least(Ball(ball.centre, 1.5)) == 2
    assert norm(Ball(ball.centre, 100.0), "nuclear").low == 0


def test_every_matrix_of_a_ball_is_covered() -> None:
    source = random.Random(4)
    for _ in range(100):
        shape = source.choice(SHAPES)
        centre = random_rows(source, shape, 1)
        offset = [[entry / 64 for entry in row] for row in random_rows(source, shape, 1)]
        radius = frobenius(ball_of(offset)).high
        matrix = np.array([[float(entry) for entry in row] for row in centre])
        opposite = [[-entry for entry in row] for row in offset]
        moved = difference(centre, opposite)
        check(moved, Ball(matrix, radius))


@pytest.mark.parametrize("shape", [*SHAPES, (8, 8), (20, 7), (6, 40)], ids=str)
def test_enclosures_are_tight(shape: tuple[int, int]) -> None:
    """Widths of a few times the rounding error of the verification itself.

    With ``n = max(p, q)``, ``k = min(p, q)`` and ``s`` the largest singular value, the verification
    costs ``gamma_{n+6} k`` in each defect and ``gamma_{k+7} k s`` in the residual, constant terms
    included. If LAPACK's own defects and residual are no larger than that, each end is off by twice
    their sum, and the width is twice the distance of the ends; sums of ``t`` singular values
    have ``t`` times that. Derivation: each end of the Frobenius norm is 8 u from the true one, 3
    for its roundings, 1 for the factor that makes up for them, 2 for each of two steps outwards.
    """
    source = np.random.default_rng(5)
    short, long = sorted(shape)
    for _ in range(10):
        ball = Ball.exact(source.standard_normal(shape))
        low, high = singular_values(ball)
        largest = float(high[0])
        width = 4 * short * (gamma(long + 6) + gamma(short + 7)) * largest
        assert (high - low).max() <= width
        assert (
            frobenius(ball).high - frobenius(ball).low <= 16 * UNIT_ROUNDOFF * frobenius(ball).low
        )
        assert nuclear(ball).high - nuclear(ball).low <= short * width
        assert spectral(ball).high == largest
        assert entrywise_max(ball).low == entrywise_max(ball).high
        assert rank_at_least(ball) == short
        for kept in range(short):
            interval = distance_to_rank(ball, kept, "frobenius")
            assert interval.high - interval.low <= math.sqrt(short) * width


def inverse_sign_norm(rows: Rows) -> Fraction:
    """max s' inv(A) t over sign vectors: the norm of inv(A) from l_inf to l_1."""
    size = range(len(rows))
    inverse = rational(rows).inv()
    entries = [[inverse[i, j] for j in size] for i in size]
    exact = [[Fraction(int(entry.p), int(entry.q)) for entry in row] for row in entries]
    signs = [[[Fraction(s)] for s in sign] for sign in itertools.product((-1, 1), repeat=len(rows))]
    return max(sum((abs(x) for [x] in product(exact, sign)), Fraction()) for sign in signs)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_maximum_distance_to_singularity(size: int) -> None:
    """Against the exact distance 1 / ||inv(A)||_{inf -> 1} (Higham, Theorem 6.5, after Kahan)."""
    source = random.Random(size)
    tried = 0
    while tried < 60:
        rows = random_rows(source, (size, size), 4)
        if rational(rows).rank() < size:
            continue
        tried += 1
        interval = distance_to_rank(ball_of(rows), size - 1, "max")
        assert interval.low <= 1 / inverse_sign_norm(rows) <= interval.high
        assert interval.low > 0


def test_maximum_distance_is_attained_above_and_missed_below() -> None:
    """Above: the computed truncation, multiplied out in Fractions. Below: random candidates."""
    source = random.Random(6)
    for _ in range(60):
        shape = source.choice([(2, 3), (3, 3), (4, 3), (5, 5)])
        rows = random_rows(source, shape, 1)
        ball = ball_of(rows)
        left, values, right = np.linalg.svd(ball.centre, full_matrices=False)
        intervals = [distance_to_rank(ball, rank, "max") for rank in range(min(shape))]
        for rank, interval in enumerate(intervals[1:], start=1):
            weighted = product(fractions_of(left[:, :rank]), fractions_of(np.diag(values[:rank])))
            truncated = product(weighted, fractions_of(right[:rank]))
            reached = largest_entry(difference(rows, truncated))
            # Not the same bits: the engine decomposes the scaled matrix.
            slack = 4 * gamma(100) * frobenius(ball).high
            assert interval.high <= reached + Fraction(slack)
            assert interval.low <= reached
            candidate = random_of_rank(source, shape, rank)
            assert interval.low <= largest_entry(difference(rows, candidate))
        assert intervals[0] == entrywise_max(ball)
        highs = [interval.high for interval in intervals]
        assert highs == sorted(highs, reverse=True)


def test_maximum_distance_of_a_ball_grows_by_its_radius() -> None:
    matrix = np.random.default_rng(7).standard_normal((3, 4))
    point, ball = Ball(matrix, 0.0), Ball(matrix, 0.125)
    for rank in (1, 2):
        exact, wide = distance_to_rank(point, rank, "max"), distance_to_rank(ball, rank, "max")
        assert wide.low < exact.low
        assert wide.high == math.nextafter(exact.high + 0.125, math.inf)


def test_distance_is_zero_from_full_rank_on_and_the_norm_at_rank_zero() -> None:
    ball = Ball(np.random.default_rng(8).standard_normal((3, 5)), 0.5)
    for name in NORMS:
        assert distance_to_rank(ball, 0, name) == norm(ball, name)
        assert distance_to_rank(ball, 3, name) == Interval(0.0, 0.0)
        assert distance_to_rank(ball, 9, name) == Interval(0.0, 0.0)


def test_bad_norms_and_ranks() -> None:
    ball = Ball.exact(np.eye(2))
    with pytest.raises(InputError, match="unknown norm 'ky-fan': choose one of frobenius"):
        norm(ball, "ky-fan")
    for rank in (0, 1, 5):
        with pytest.raises(InputError, match="unknown norm"):
            distance_to_rank(ball, rank, "ky-fan")
    with pytest.raises(InputError, match="rank -1"):
        distance_to_rank(ball, -1, "max")


@pytest.mark.parametrize("size", [6, 9, 12])
def test_without_its_width_an_enclosure_misses_the_truth(size: int) -> None:
    rows = hilbert(size)
    ball, truth = ball_of(rows), true_singular_values(rows)
    low, high = singular_values(ball)
    middle = low + (high - low) / 2
    assert encloses_all((low, high), truth)
    assert not encloses_all((middle, middle), truth)
    middle_norm = spectral(ball).mid
    assert not encloses(middle_norm, middle_norm, truth[0])


def test_without_the_residual_an_enclosure_misses_the_truth() -> None:
    ball = Ball(ball_of(hilbert(12)).centre, 0.0)
    truth = true_singular_values(fractions_of(ball.centre))
    sound = ball._decomposition
    sloppy = replace(sound, residual=0.0)
    assert encloses_all(sound.enclose(sound.values, sound.values, 1.0, 0.0), truth)
    assert not encloses_all(sloppy.enclose(sloppy.values, sloppy.values, 1.0, 0.0), truth)


@pytest.mark.parametrize("stretch", [1.0, 1.0625, 1.25])
def test_poor_factors_widen_the_enclosures_and_no_more(
    stretch: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single-precision decomposition whose left vectors are too long, as if LAPACK failed."""
    accurate = np.linalg.svd

    def poor(
        matrix: npt.NDArray[np.float64], full_matrices: bool
    ) -> tuple[npt.NDArray[np.float64], ...]:
        factors = accurate(matrix.astype(np.float32), full_matrices=full_matrices)
        left, values, right = (factor.astype(np.float64) for factor in factors)
        return left * stretch, values / stretch, right

    monkeypatch.setattr(np.linalg, "svd", poor)
    source = random.Random(9)
    caught = 0
    for _ in range(50):
        rows = random_rows(source, (3, 2), 7)
        check(rows)
        sloppy = replace(ball_of(rows)._decomposition, shrink=1.0, stretch=1.0)
        bounds = sloppy.enclose(sloppy.values, sloppy.values, 1.0, 0.0)
        caught += not encloses_all(bounds, true_singular_values(rows))
    assert caught == 50 or stretch == 1


def test_without_the_radius_an_enclosure_misses_the_truth() -> None:
    rows = hilbert(5, shift=3)
    ball = ball_of(rows)
    assert entrywise_max(ball).low <= Fraction(1, 3) <= entrywise_max(ball).high
    blind = entrywise_max(Ball(ball.centre, 0.0))
    assert not blind.low <= Fraction(1, 3) <= blind.high
    wide = Ball.from_arb(objects([[flint.arb(x.numerator, 2.0**-20) for x in row] for row in rows]))
    moved = [[Fraction(x.numerator) + Fraction(1, 2**20) for x in row] for row in rows]
    truth = true_singular_values(moved)
    assert encloses_all(singular_values(wide), truth)
    assert not encloses_all(singular_values(Ball(wide.centre, 0.0)), truth)
