"""Synthetic sets: every promised property is checked exactly."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch

from tests.data.rows import U, assert_unit_rows, exact_dot, make, squared_norms
from theorycheck.data.dataset import Dataset
from theorycheck.data.synthetic import (
    collinear,
    contradictory,
    gaussian_mixture,
    separable,
    separating_direction,
    uniform_ball,
    uniform_sphere,
    with_duplicates,
)
from theorycheck.errors import InputError

MAKERS: list[Callable[..., Dataset]] = [uniform_ball, uniform_sphere, collinear]


@pytest.mark.parametrize("maker", MAKERS)
def test_labels_follow_balance_and_counts(maker: Callable[..., Dataset]) -> None:
    assert maker(12, 3, 4, seed=0).class_counts.tolist() == [3, 3, 3, 3]
    assert maker(11, 3, 4, seed=0).class_counts.tolist() == [3, 3, 3, 2]
    assert maker(12, 3, 4, seed=0, counts=[0, 1, 2, 9]).class_counts.tolist() == [0, 1, 2, 9]
    free = [tuple(maker(12, 3, 4, seed, balanced=False).class_counts) for seed in range(5)]
    assert len(set(free)) > 1
    ordered = sorted(maker(12, 3, 4, seed=0).labels.tolist())
    assert any(maker(12, 3, 4, seed).labels.tolist() != ordered for seed in range(5))


@pytest.mark.parametrize("maker", MAKERS)
def test_the_seed_decides_everything_and_labels_leave_inputs_alone(
    maker: Callable[..., Dataset],
) -> None:
    first, again, other = maker(8, 3, 2, seed=5), maker(8, 3, 2, seed=5), maker(8, 3, 2, seed=6)
    assert np.array_equal(first.inputs, again.inputs)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.inputs, other.inputs)
    assert np.array_equal(first.inputs, maker(8, 3, 4, seed=5, balanced=False).inputs)


@pytest.mark.parametrize("width", [1, 2, 5, 100])
def test_synthetic_sets_lie_where_they_say(width: int) -> None:
    assert max(squared_norms(uniform_ball(40, width, 2, seed=3).inputs)) <= 1
    assert max(squared_norms(collinear(40, width, 2, seed=3).inputs)) <= 1
    assert_unit_rows(uniform_sphere(40, width, 2, seed=3).inputs)


def test_uniform_ball_stays_in_the_ball_at_the_largest_radius(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Derivation: the direction is short by (d/2 + 3) u, the factor that brings points inside by
    (d + 8) u, the radius by u, and 4 roundings follow; squares double that.
    """

    class LargestRadius(np.random.Generator):
        def random(self, *args: Any, **_: Any) -> Any:
            return np.full(args[0], 1.0 - 2.0**-53)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: LargestRadius(np.random.PCG64(seed)))
    largest = max(squared_norms(uniform_ball(100, 3, 2, seed=0).inputs))
    assert 1 - (3 * 3 + 32) * U <= largest <= 1


def test_uniform_ball_fills_the_ball_in_proportion_to_volume() -> None:
    # A quarter of the disc lies within radius 1/2. Hoeffding: a deviation of 300 among 4000 has
    # probability at most 2 exp(-2 * 300**2 / 4000) < 1e-19.
    points = uniform_ball(4000, 2, 2, seed=0).inputs
    assert abs(int((np.square(points).sum(axis=1) <= 0.25).sum()) - 1000) < 300


@pytest.mark.parametrize("width", [1, 2, 7])
@pytest.mark.parametrize("margin", [1e-9, 0.1, 0.5, 0.999])
def test_separable_keeps_margin_and_ball_exactly(width: int, margin: float) -> None:
    made = separable(30, width, seed=2, margin=margin)
    w = separating_direction(width, seed=2)
    assert_unit_rows(w[None, :])
    assert max(squared_norms(made.inputs)) <= 1
    for x, sign in zip(made.inputs, made.signs[:, 0], strict=True):
        assert int(sign) * exact_dot(w, x) >= Fraction(margin)
    assert made.balanced


@pytest.mark.parametrize("seed", range(8))
def test_separable_at_the_largest_margin_stays_in_the_ball(seed: int) -> None:
    # Here h is 1 and every point is +-w but for the factor k; about half of all w are too long.
    margin = 1.0 - 4.0 * (3 + 8) * 2.0**-53
    made = separable(2, 3, seed, margin)
    assert max(squared_norms(made.inputs)) <= 1
    w = separating_direction(3, seed)
    assert min(abs(exact_dot(w, x)) for x in made.inputs) >= Fraction(margin)


def test_separable_takes_counts() -> None:
    assert separable(5, 2, seed=0, margin=0.1, counts=[1, 4]).class_counts.tolist() == [1, 4]


@pytest.mark.parametrize("width", [1, 3, 50])
def test_collinear_inputs_are_collinear_exactly_even_in_float32(width: int) -> None:
    inputs = collinear(20, width, 2, seed=4).inputs
    assert np.array_equal(inputs.astype(np.float32).astype(np.float64), inputs)
    assert inputs.any(axis=1).all()
    rows = [[Fraction(value) for value in row] for row in inputs.tolist()]
    pivot = max(range(width), key=lambda column: abs(rows[0][column]))
    for one, two in combinations(rows, 2):
        assert [a * two[pivot] for a in one] == [b * one[pivot] for b in two]
    assert {row[pivot] > 0 for row in rows} == {True, False}


def test_gaussian_mixture_without_spread_is_its_means() -> None:
    made = gaussian_mixture(4, 3, 5, seed=1, separation=2.0, spread=0.0)
    assert made.class_counts.tolist() == [4] * 5
    means = np.array([made.inputs[made.labels == label][0] for label in range(5)])
    assert np.array_equal(made.inputs, means[made.labels])
    assert_unit_rows(means, norm=Fraction(2))
    assert len(np.unique(means, axis=0)) == 5


def test_counts_of_other_types() -> None:
    expected = gaussian_mixture([3, 1], 2, 2, seed=1)
    found = gaussian_mixture(np.array([3, 1]), np.int64(2), torch.tensor(2), seed=np.int64(1))  # type: ignore[arg-type]
    assert np.array_equal(found.inputs, expected.inputs)
    assert uniform_ball(3, 1, 2, 0, counts=np.array([1, 2])).class_counts.tolist() == [1, 2]  # type: ignore[arg-type]


def test_gaussian_mixture_spreads_in_proportion() -> None:
    tight, wide = (
        gaussian_mixture([3, 1], 2, 2, seed=1, separation=0.0, spread=spread)
        for spread in (0.25, 0.5)
    )
    assert tight.class_counts.tolist() == [3, 1]
    assert np.array_equal(2.0 * tight.inputs, wide.inputs)
    assert tight.inputs.all()


def test_duplicates_and_contradictions() -> None:
    source = make([[1.0], [2.0], [3.0]], [0, 2, 1], 3)
    doubled = with_duplicates(source, 2)
    assert doubled.inputs[:, 0].tolist() == [1, 1, 2, 2, 3, 3]
    assert doubled.labels.tolist() == [0, 0, 2, 2, 1, 1]
    opposed = contradictory(source)
    assert opposed.inputs[:, 0].tolist() == [1, 1, 2, 2, 3, 3]
    assert opposed.labels.tolist() == [0, 1, 2, 0, 1, 2]


HALF: Any = 0.5
SMALL: dict[str, Any] = {"size": 2, "width": 1, "classes": 1, "seed": 0}
NO_NUMBER: list[Any] = ["0.1", None, True, [0.1], 0.1j]
NO_COUNTS: list[Any] = ["11", [None, 2], [1.5, 1.7], [1.0, 1.0], [True, 1], 1.5, {1: 1}]


@pytest.mark.parametrize(
    ("use", "complaint"),
    [
        (lambda: uniform_ball(0, 1, 1, seed=0), "size must be a whole number"),
        (lambda: uniform_sphere(1, 0, 1, seed=0), "width must be a whole number"),
        (lambda: collinear(1, 1, 0, seed=0), "classes must be a whole number"),
        (lambda: collinear(1, 2**20 + 1, 1, seed=0), "at most 2"),
        (lambda: uniform_ball(1, 1, 1, seed=-1), "seed must be a whole number, at least 0, not -1"),
        (lambda: uniform_ball(1, 1, 1, seed=HALF), "seed must be a whole number"),
        (lambda: uniform_ball(HALF, 1, 1, seed=0), "size must be a whole number"),
        (lambda: uniform_sphere(1, HALF, 1, seed=0), "width must be a whole number"),
        (lambda: gaussian_mixture(HALF, 1, 2, seed=0), "size_per_class must be a whole number"),
        (lambda: uniform_ball(3, 1, 2, seed=0, counts=[1, 1]), "add up to 3"),
        (lambda: uniform_ball(3, 1, 2, seed=0, counts=[3]), "give 2 counts"),
        (lambda: uniform_ball(3, 1, 2, seed=0, counts=[-1, 4]), "counts must be a sequence"),
        (lambda: gaussian_mixture(0, 1, 2, seed=0), "size_per_class must be a whole number"),
        (lambda: gaussian_mixture([1], 1, 2, seed=0), "give 2 counts"),
        (lambda: gaussian_mixture(1, 1, 2, seed=0, spread=-1.0), "spread is -1.0"),
        (lambda: gaussian_mixture(1, 1, 2, seed=0, separation=np.nan), "separation is nan"),
        (lambda: separable(1, 1, seed=0, margin=0.0), "strictly between 0 and 1"),
        (lambda: separable(1, 1, seed=0, margin=1.0), "strictly between 0 and 1"),
        (lambda: separable(1, 1, seed=0, margin=np.nan), "strictly between 0 and 1"),
        (lambda: separating_direction(0, seed=0), "width must be a whole number"),
        *[(lambda v=v: uniform_ball(2, 1, 2, 0, counts=v), "counts must be") for v in NO_COUNTS],
        *[(lambda v=v: gaussian_mixture(v, 2, 2, 0), "size_per_class must be") for v in NO_COUNTS],
        *[
            (lambda d=draw, n=name, v=v: d(**{**SMALL, n: v}), f"{name} must be")
            for draw in (uniform_ball, uniform_sphere, collinear)
            for name in SMALL
            for v in (True, None, "2", 2.0, [2], np.nan)
        ],
        *[
            (lambda n=name, v=v: gaussian_mixture(1, 1, 2, 0, **{n: v}), f"{name} must be")
            for name in ("separation", "spread")
            for v in NO_NUMBER
        ],
        *[(lambda v=v: separable(2, 1, 0, v), "margin must be") for v in NO_NUMBER],
        (lambda: uniform_ball(10**12, 2, 1, 0), "do not fit into memory"),
        (lambda: uniform_sphere(2**53, 2**53, 1, 0), "do not fit into memory"),
        (lambda: separable(10**12, 2, 0, 0.1), "do not fit into memory"),
        (lambda: gaussian_mixture([10**14], 2, 1, 0), "do not fit into memory"),
        (lambda: separating_direction(10**14, 0), "do not fit into memory"),
        (lambda: uniform_ball(2, 1, 10**30, 0), "classes must be at most 1000000"),
        (lambda: gaussian_mixture(2, 1, 10**9, 0), "classes must be at most 1000000"),
    ],
)
def test_impossible_sets_are_rejected(use: Callable[[], object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        use()
    assert "\n" not in str(caught.value)
