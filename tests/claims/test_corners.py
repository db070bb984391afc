"""Corners of cases, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.corners import CORNERS, corners
from theorycheck.networks.specification import mlp


def two_layers(first: list[list[float]], last: list[float], *inputs: list[float]) -> Case:
    weights = np.array([first], dtype=float), np.array([[last]], dtype=float)
    return Case(mlp([len(first[0]), len(first), 1]), weights, np.array([inputs], dtype=float))


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (two_layers([[1, 2], [3, 4]], [1, 1], [1, 1], [2, 3]), set()),
        (two_layers([[1, 2]], [1], [1, 1], [2, 3]), {"width 1"}),
        (two_layers([[1, 2], [3, 4]], [1, 1], [1, 1]), {"one sample"}),
        (two_layers([[1, 2], [3, 4]], [1, 1], [1, 1], [1, 1]), {"equal samples"}),
        (two_layers([[1, 2], [3, 4]], [1, 1], [0, 0], [1, 1]), {"zero sample", "kink"}),
        (two_layers([[1, 2], [1, 2]], [1, 1], [1, 1], [2, 3]), {"equal rows of weights"}),
        (two_layers([[1, 2], [0, 0]], [1, 1], [1, 1], [2, 3]), {"unit without weights", "kink"}),
        (
            two_layers([[1, 2], [3, 4]], [0, 0], [1, 1], [2, 3]),
            {"zero weight matrix", "unit without weights"},
        ),
        (two_layers([[1, -1], [3, 4]], [1, 1], [1, 1], [2, 3]), {"kink"}),
    ],
)
def test_by_hand(case: Case, expected: set[str]) -> None:
    found = corners(case)
    assert tuple(found) == CORNERS
    assert {name for name, members in found.items() if members.item()} == expected


def test_of_a_cohort() -> None:
    case = Case(mlp([1, 1]), (np.array([[[1.0]], [[0.0]]]),), np.ones((2, 1, 1)))
    found = {name: members.tolist() for name, members in corners(case).items()}
    assert found["depth 1"] == found["one sample"] == [True, True]
    assert found["zero weight matrix"] == found["unit without weights"] == [False, True]
    assert found["width 1"] == found["kink"] == [False, False]
