"""What norms leave of tensors: small numbers beside large ones, and differences from a mean."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from tests.measures.samples import DTYPES, gamma
from theorycheck.networks.norms import summable, without_mean


@pytest.mark.parametrize("dtype", DTYPES)
def test_summable_tensors_keep_their_small_numbers(dtype: torch.dtype) -> None:
    """Beside numbers whose sums of differences overflow; tiny ones alone are made large."""
    numbers = torch.finfo(dtype)
    large = [numbers.max, -numbers.max, 64 * numbers.tiny]
    rows = torch.tensor([large, [0.1, 0.2, 0.3]], dtype=dtype)
    unit, power = summable(rows, 1)
    assert power.flatten().tolist() == [32.0, 1.0]
    assert torch.equal(unit * power, rows)
    differences = unit.unsqueeze(1) - unit.unsqueeze(2)
    assert bool(differences.abs().sum((1, 2)).isfinite().all())
    unit, power = summable(rows[:1, 2:] / 64, 1)
    assert unit.tolist() == [[1.0]]
    assert power.tolist() == [[numbers.tiny]]


@pytest.mark.parametrize(("count", "most"), [(1, 8.0), (2, 16.0), (3, 32.0), (4, 32.0), (5, 64.0)])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_row_is_divided_by_the_least_power_from_8_n_on(
    rows: int, count: int, most: float
) -> None:
    unit, power = summable(torch.full((rows, count), 3e38), 1)
    assert power.tolist() == [[most]] * rows
    assert torch.equal(unit * power, torch.full((rows, count), 3e38))


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_their_mean_equal_numbers_are_zero(dtype: torch.dtype) -> None:
    assert not without_mean(torch.full((11, 3), 0.1, dtype=dtype), 0).any()
    assert without_mean(torch.tensor([[1.0, 4.0], [3.0, 0.0]]), 0).tolist() == [[-1, 2], [1, -2]]
    assert without_mean(torch.tensor([[1.0, 3.0], [4.0, 0.0]]), 1).tolist() == [[-1, 1], [2, -2]]
    assert not without_mean(torch.tensor([[1.0, 4.0]]), 0).any()


def test_without_a_mean_that_is_no_float() -> None:
    """Thirds of the last digit: a mean of 0, 0 and 1 and its differences round once each."""
    last = torch.finfo(torch.float64).eps
    numbers = 1 + last * torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    for found, thirds in zip(without_mean(numbers, 1)[0].tolist(), (-1, -1, 2), strict=True):
        true = Fraction(thirds, 3) * Fraction(last)
        assert abs(Fraction(found) - true) <= gamma(2) * abs(true)
