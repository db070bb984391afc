"""Datasets: targets, selections and scalings by hand, and what is refused."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.data.rows import THREE, assert_unit_rows, make, squared_norms
from theorycheck.data.dataset import Dataset
from theorycheck.data.synthetic import contradictory, with_duplicates
from theorycheck.errors import InputError


def test_targets_of_a_three_class_set() -> None:
    assert (THREE.size, THREE.width, THREE.classes) == (4, 2, 3)
    assert THREE.one_hot.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert THREE.centred_one_hot.tolist() == [
        [-0.5, -0.5, 1],
        [1, -0.5, -0.5],
        [-0.5, 1, -0.5],
        [1, -0.5, -0.5],
    ]
    assert THREE.class_counts.tolist() == [2, 1, 1]
    assert not THREE.balanced


def test_targets_of_a_binary_set() -> None:
    binary = make([[1.0], [2.0]], [1, 0], 2)
    assert binary.signs.tolist() == [[1.0], [-1.0]]
    assert binary.signs.dtype == binary.one_hot.dtype == binary.centred_one_hot.dtype == np.float64
    assert binary.centred_one_hot.tolist() == [[-1.0, 1.0], [1.0, -1.0]]
    assert binary.balanced


def test_an_empty_class_counts_as_unbalanced() -> None:
    lopsided = make([[1.0], [2.0]], [0, 0], 2)
    assert lopsided.class_counts.tolist() == [2, 0]
    assert not lopsided.balanced


def test_repr_shows_provenance_and_no_arrays() -> None:
    assert repr(THREE) == "Dataset(name='made', classes=3)"


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # On its way out.
    MATRIX = np.asmatrix(np.zeros((1, 1)))
HIDDEN = np.ma.array([[np.nan]], mask=[[True]])
NO_COUNT: list[Any] = [2.5, math.nan, math.inf, None, "2", True, 0, 10**30]


@pytest.mark.parametrize(
    ("inputs", "labels", "classes", "complaint"),
    [
        (np.zeros(3), np.zeros(3, np.int64), 2, "expected shapes"),
        (np.zeros((3, 1)), np.zeros(2, np.int64), 2, "expected shapes"),
        (np.zeros((0, 1)), np.zeros(0, np.int64), 2, "at least one sample"),
        (np.zeros((1, 0)), np.zeros(1, np.int64), 2, "at least one sample"),
        (np.zeros((1, 1), np.float32), np.zeros(1, np.int64), 2, "float32"),
        (np.zeros((1, 1)), np.zeros(1, np.int32), 2, "int32"),
        (np.array([[np.nan]]), np.zeros(1, np.int64), 2, "NaN"),
        (np.array([[np.inf]]), np.zeros(1, np.int64), 2, "infinity"),
        (np.zeros((1, 1)), np.array([2]), 2, "use 0 to 1"),
        (np.zeros((1, 1)), np.array([-1]), 2, "use 0 to 1"),
        ([[0.0]], np.zeros(1, np.int64), 2, "inputs must be a plain numpy array, not list"),
        (None, np.zeros(1, np.int64), 2, "inputs must be a plain numpy array, not NoneType"),
        (np.zeros((1, 1)), [0], 2, "labels must be a plain numpy array, not list"),
        (torch.zeros(1, 1), np.zeros(1, np.int64), 2, "inputs must be a plain numpy array"),
        (MATRIX, np.zeros(1, np.int64), 2, "inputs must be a plain numpy array, not matrix"),
        (HIDDEN, np.zeros(1, np.int64), 2, "inputs must be a plain numpy array, not MaskedArray"),
        *[(np.zeros((1, 1)), np.zeros(1, np.int64), c, "classes must be") for c in NO_COUNT],
    ],
)
def test_malformed_arrays_are_rejected(
    inputs: NDArray[np.float64], labels: NDArray[np.int64], classes: int, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        Dataset("bad", inputs, labels, classes)


NO_LIST: list[Any] = [None, [0.5], "01", [None], 1, [True], np.array(1), [2.0]]
NO_INDICES: list[Any] = [*NO_LIST, torch.eye(2).to_sparse(), [[1], [1, 2]]]


@pytest.mark.parametrize(
    ("use", "complaint"),
    [
        (lambda: THREE.signs, "2 classes, not 3"),
        (lambda: make([[1.0]], [0], 1).centred_one_hot, "at least 2 classes"),
        (lambda: contradictory(make([[1.0]], [0], 1)), "at least 2 classes"),
        (lambda: THREE.subset([]), "non-empty"),
        (lambda: THREE.subset([True, False, True, False]), "flatnonzero"),
        (lambda: THREE.subset([4]), "use 0 to 3"),
        (lambda: THREE.subset([-1]), "use 0 to 3"),
        (lambda: THREE.per_class(2, seed=0), "class 1 has 1 samples"),
        (lambda: THREE.per_class(0, seed=0), "n must be a whole number, at least 1, not 0"),
        (lambda: THREE.with_classes([0, 0]), "distinct"),
        (lambda: THREE.with_classes([3]), "from 0 to 2"),
        (lambda: THREE.with_classes([]), "at least one sample"),
        *[(lambda v=v: THREE.with_classes(v), "kept must be") for v in NO_LIST],
        *[(lambda v=v: THREE.subset(v), "non-empty list") for v in NO_INDICES],
        *[(lambda v=v: THREE.per_class(v, seed=0), "n must be") for v in NO_COUNT],
        *[(lambda v=v: THREE.split(v, seed=0), "n must be") for v in NO_COUNT],
        *[(lambda v=v: THREE.per_class(1, v), "seed must be") for v in (*NO_COUNT[:-2], -1)],
        *[(lambda v=v: with_duplicates(v, 2), "must be a Dataset") for v in (None, "x")],
        *[(lambda v=v: contradictory(v), "must be a Dataset") for v in (None, THREE.inputs)],
        (lambda: with_duplicates(THREE, 10**14), "do not fit into memory"),
        (lambda: make([[1.0], [0.0]], [0, 0], 1).on_sphere(), "input 1 is zero"),
        (lambda: with_duplicates(THREE, 0), "copies must be a whole number"),
    ],
)
def test_impossible_requests_are_rejected(use: Callable[[], object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        use()
    assert "\n" not in str(caught.value)


def test_subset_keeps_order_and_repetitions() -> None:
    chosen = THREE.subset([2, 0, 2])
    assert chosen.inputs.tolist() == [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]
    assert chosen.labels.tolist() == [1, 2, 1]
    assert chosen.classes == 3
    assert chosen.name == "made.subset(3 samples)"


def test_with_classes_relabels_in_the_order_given() -> None:
    kept = THREE.with_classes([2, 0])
    assert kept.inputs.tolist() == [[1.0, 2.0], [3.0, 4.0], [7.0, 8.0]]
    assert kept.labels.tolist() == [0, 1, 1]
    assert kept.labels.dtype == np.int64
    assert kept.classes == 2
    assert THREE.with_classes(np.array([2, 0])).labels.tolist() == [0, 1, 1]  # type: ignore[arg-type]


def test_counts_of_numpy_become_those_of_python() -> None:
    assert type(Dataset("made", np.zeros((1, 1)), np.zeros(1, np.int64), np.int8(2)).classes) is int  # type: ignore[arg-type]


def test_per_class_draws_distinct_samples_of_each_class() -> None:
    labels = [0] * 7 + [1] * 3 + [2] * 5
    source = make([[float(index)] for index in range(15)], labels, 3)
    drawn = source.per_class(3, seed=1)
    indices = drawn.inputs[:, 0].astype(int).tolist()
    assert drawn.class_counts.tolist() == [3, 3, 3]
    assert indices == sorted(set(indices))
    assert drawn.labels.tolist() == [labels[index] for index in indices]
    assert np.array_equal(drawn.inputs, source.per_class(3, seed=1).inputs)
    assert len({tuple(source.per_class(3, seed).inputs[:, 0]) for seed in range(10)}) > 1


def test_on_sphere_of_hand_worked_rows() -> None:
    scaled = make([[3.0, 4.0], [0.0, -7.0], [2.0**-1000, 0.0]], [0, 1, 2], 3).on_sphere()
    assert scaled.inputs.tolist() == [[0.6, 0.8], [0.0, -1.0], [1.0, 0.0]]


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_on_sphere_meets_its_bound_at_every_scale(scale: float) -> None:
    rows = scale * np.random.default_rng(0).standard_normal((50, 9))
    assert_unit_rows(Dataset("rows", rows, np.zeros(50, np.int64), 1).on_sphere().inputs)


@pytest.mark.parametrize(
    ("rows", "factor"),
    [
        ([[0.0, 0.0]], 1),
        ([[1.0, 0.0], [0.0, -1.0]], 1),
        ([[0.001, 0.0]], 1),
        ([[3.0, 4.0], [1.0, 0.0]], 8),
        ([[2.0, 0.0], [0.0, 1.0]], 2),
        ([[1.0, 1.0]], 2),
        ([[1.0 + 2.0**-52, 0.0]], 2),
        # One unit in the last place decides: 2^-60 more than 1, which float64 rounds away.
        ([[1.0, 2.0**-30]], 2),
        ([[0.6, 0.8]], 2),
        ([[0.28, 0.96]], 1),
        ([[2.0**1023, 2.0**1023]], 2**1024),
    ],
)
def test_in_ball_divides_by_the_smallest_power_of_two(rows: list[list[float]], factor: int) -> None:
    before = make(rows, [0] * len(rows), 1)
    after = before.in_ball()
    assert max(squared_norms(after.inputs)) <= 1
    assert factor == 1 or max(squared_norms(after.inputs)) * 4 > 1
    for old, new in zip(before.inputs.flat, after.inputs.flat, strict=True):
        assert Fraction(float(old)) == factor * Fraction(float(new))
    assert after.in_ball() is after


def test_a_split_has_every_sample_once() -> None:
    source = make([[float(i)] for i in range(10)], [0, 1] * 5, 2)
    three: Any = torch.tensor(3)
    drawn, held_out = source.split(three, seed=1)
    assert np.array_equal(drawn.inputs, source.per_class(3, seed=1).inputs)
    assert sorted([*drawn.inputs[:, 0], *held_out.inputs[:, 0]]) == list(range(10))
    assert held_out.class_counts.tolist() == [2, 2]
    assert all(
        label == value % 2
        for value, label in zip(held_out.inputs[:, 0], held_out.labels, strict=True)
    )


def test_a_split_without_held_out_samples_is_refused() -> None:
    with pytest.raises(InputError, match="none is held out"):
        make([[0.0], [1.0]], [0, 1], 2).split(1, seed=0)
