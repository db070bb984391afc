"""Singular values and the ranks that papers read off them.

Conventions are those of `theorycheck.measures`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from theorycheck.arguments import choose, nonnegative_number
from theorycheck.measures.members import are_finite, reals, require
from theorycheck.networks.norms import scaled
from theorycheck.simd.available import COMPILER

if COMPILER:
    from theorycheck.simd import singular_values as compiled


Norm = Literal["spectral", "frobenius"]


def singular_values(weights: Tensor) -> Tensor:
    """Singular values in descending order, ``(K, min(p, q))``.

    In machine code (`theorycheck.simd.singular_values`) where llvmlite is installed, on a CPU,
    unless matrices are large; by LAPACK or its like elsewhere.

    Args:
        weights: ``(K, p, q)``.

    Raises:
        InputError: when the shape is another one, or a matrix is empty.
    """
    weights = _matrices(weights)
    if COMPILER and compiled.suits(weights):
        return compiled.singular_values(weights)
    # The decomposition of the whole stack fails on one non-finite matrix.
    invalid = ~are_finite(weights)
    values: Tensor = torch.linalg.svdvals(weights.masked_fill(invalid[:, None, None], 0.0))
    return values.masked_fill(invalid[:, None], math.nan)


def _matrices(weights: Tensor) -> Tensor:
    weights = reals(weights, "weights")
    require(
        weights.ndim == 3 and weights.numel() > 0,
        f"weights must have shape (members, rows, columns), not {tuple(weights.shape)}",
    )
    return weights


def _relative(weights: Tensor) -> Tensor:
    """Singular values of each matrix over a power of two: neither sums nor squares overflow.

    Every matrix is divided, for ``torch.func.vmap`` lets nobody look which ones have to be.
    """
    unit, _ = scaled(_matrices(weights), (1, 2))
    return singular_values(unit)


RANK_THRESHOLD = 1e-4
"""Definition: galanti2022, Section 4.1."""


def threshold_rank(
    weights: Tensor,
    threshold: float = RANK_THRESHOLD,
    norm: Norm = "spectral",
) -> Tensor:
    """Number of singular values of the normalised matrix above ``threshold``.

    galanti2022, Section 4.1, normalises the matrix and counts the singular values outside
    ``[-1e-4, 1e-4]``; by which norm is not printed. The zero matrix has rank 0. The count has the
    dtype of the weights, so that a diverged member is ``nan`` instead of a matrix of low rank.

    Args:
        weights: ``(K, p, q)``.

    Raises:
        InputError: when the shape is another one, the norm unknown, or the threshold negative or
            not finite.
    """
    choose("norm", norm, Norm)
    threshold = nonnegative_number("threshold", threshold)
    values = _relative(weights)
    size = (
        values[:, :1]
        if norm == "spectral"
        else torch.linalg.vector_norm(values, dim=-1, keepdim=True)
    )
    # Comparing with threshold * size instead of dividing spares the zero matrix a case of its own.
    count = (values > threshold * size).sum(dim=-1).to(values.dtype)
    return count.masked_fill(~are_finite(values), math.nan)


def effective_rank(weights: Tensor) -> Tensor:
    """Exponential of the entropy of the singular values divided by their sum; 0 for a zero matrix.

    Between 1 and the rank of a non-zero matrix. O. Roy and M. Vetterli, The effective rank: a
    measure of effective dimensionality, EUSIPCO 2007, Definition 1, which excludes zero matrices.

    Args:
        weights: ``(K, p, q)``.
    """
    values = _relative(weights)
    total = values.sum(dim=-1)
    entropy = torch.special.entr(values / total.unsqueeze(-1)).sum(dim=-1)
    # Where the total is not positive it is 0 or nan, which are the results due.
    return torch.where(total > 0, entropy.exp(), total)


def stable_rank(weights: Tensor) -> Tensor:
    """``||W||_F^2 / ||W||_2^2``, between 1 and the rank; 0 for a zero matrix.

    Args:
        weights: ``(K, p, q)``.
    """
    values = _relative(weights)
    largest = values[:, 0]
    ratio = (values / largest.unsqueeze(-1)).square().sum(dim=-1)
    return torch.where(largest > 0, ratio, largest)
