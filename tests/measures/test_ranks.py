"""Singular values and ranks of matrices whose singular values are known by construction."""

from __future__ import annotations

import flint
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, ones, zeros

from tests.measures.samples import Array, as_tensor, few
from theorycheck import measures
from theorycheck.measures import ranks
from theorycheck.simd import singular_values

ROTATION = as_tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
"""Orthogonal and dyadic."""


def with_singular_values(*values: float) -> Tensor:
    """``(1, 4, 4)``, computed without rounding."""
    return (ROTATION @ torch.diag(as_tensor(values)) @ ROTATION.roll(1, dims=0))[None]


def recovered(tensor: Tensor) -> list[float]:
    """The nearest multiples of 2^-20.

    The exact results below are such multiples, so that rounding to them recovers the exact value
    whenever the error is below 2^-21, ten orders of magnitude above that of a backward stable
    decomposition of a 4 x 4 matrix (Higham, Section 19.3, and Weyl's inequality).
    """
    result: list[float] = ((tensor * 2**20).round() / 2**20).tolist()
    return result


def test_singular_values_by_construction() -> None:
    weights = torch.cat([with_singular_values(8, 4, 2, 0), with_singular_values(1, 3, 0.5, 1)])
    assert recovered(measures.singular_values(weights)) == [[8, 4, 2, 0], [3, 1, 1, 0.5]]
    assert measures.singular_values(ones(3, 2, 5)).shape == (3, 2)


def test_ranks_by_construction() -> None:
    """Entropy of (1/2, 1/4, 1/4) is 3/2 log 2, so that the effective rank squared is 8."""
    weights = torch.cat([with_singular_values(2, 1, 1, 0), with_singular_values(2, 2, 2, 2)])
    assert recovered(measures.effective_rank(weights) ** 2) == [8, 16]
    assert recovered(measures.stable_rank(weights)) == [1.5, 4]
    assert recovered(measures.effective_rank(with_singular_values(0, 5, 0, 0))) == [1]
    assert recovered(measures.stable_rank(with_singular_values(0, 5, 0, 0))) == [1]


def test_threshold_rank_depends_on_the_norm() -> None:
    """Singular values 1, 1, 1 and x: the Frobenius norm is sqrt(3) times the spectral one."""
    weights = with_singular_values(1, 1, 1, 1.5e-4) * 1024
    assert measures.threshold_rank(weights).tolist() == [4]
    assert measures.threshold_rank(weights, norm="frobenius").tolist() == [3]
    assert measures.threshold_rank(weights, threshold=2e-4).tolist() == [3]
    assert measures.threshold_rank(with_singular_values(1, 2**-10, 2**-20, 0)).tolist() == [2]


@given(arrays(np.int64, (4, 3, 3), elements=st.integers(-1, 1)))
@few
def test_threshold_rank_of_small_matrices_is_the_rank(values: Array) -> None:
    """The squared product of the r non-zero singular values is a positive integer (a sum of squared
    minors), and none exceeds 3: the last is at least 1/9, its ratio to either norm at least 1/27.
    """
    ranks = [flint.fmpz_mat(matrix.tolist()).rank() for matrix in values]
    weights = as_tensor(values)
    assert measures.threshold_rank(weights).tolist() == ranks
    assert measures.threshold_rank(weights, norm="frobenius").tolist() == ranks


def test_zero_matrices_have_rank_zero() -> None:
    weights = zeros(1, 2, 3)
    assert measures.singular_values(weights).tolist() == [[0, 0]]
    assert measures.threshold_rank(weights).tolist() == [0]
    assert measures.threshold_rank(weights, norm="frobenius").tolist() == [0]
    assert measures.effective_rank(weights).tolist() == [0]
    assert measures.stable_rank(weights).tolist() == [0]


def test_measures_take_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """And LAPACK's where there is no compiler."""
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(5, 6, 4, generator=generator, dtype=torch.float64)
    assert torch.equal(
        measures.singular_values(matrices), singular_values.singular_values(matrices)
    )
    monkeypatch.setattr(ranks, "COMPILER", False)
    assert torch.equal(measures.singular_values(matrices), torch.linalg.svdvals(matrices))
