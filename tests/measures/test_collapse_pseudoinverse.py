"""``Tr(Sigma_W Sigma_B^+) / C`` against rational arithmetic and by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import flint
import numpy as np
import pytest
import torch
from hypothesis import given

from tests.measures.samples import Array, Sample, as_tensor, few, mean, samples, square_root
from theorycheck import measures

UNIT = Fraction(1, 2**53)


def rational(matrix: Array) -> flint.fmpq_mat:
    rows = [[flint.fmpq(x.numerator, x.denominator) for x in row] for row in matrix]
    return flint.fmpq_mat(rows)


def fractions(matrix: flint.fmpq_mat) -> list[Fraction]:
    return [Fraction(int(x.p), int(x.q)) for x in matrix.entries()]


def pseudoinverse(matrix: flint.fmpq_mat) -> flint.fmpq_mat:
    """By a rank factorisation ``A = F G``: ``A^+ = G^T (G G^T)^-1 (F^T F)^-1 F^T``."""
    reduced, rank = matrix.rref()
    table = reduced.table()
    pivots = [next(j for j, x in enumerate(table[i]) if x != 0) for i in range(rank)]
    g = flint.fmpq_mat(table[:rank])
    f = flint.fmpq_mat([[row[j] for j in pivots] for row in matrix.table()])
    inverses = (g * g.transpose()).inv() * (f.transpose() * f).inv()
    return g.transpose() * inverses * f.transpose()


def norm(numbers: list[Fraction]) -> Fraction:
    return square_root(sum((x * x for x in numbers), Fraction(0)))


@given(samples())
@few
def test_against_rational_arithmetic(sample: Sample) -> None:
    """Derivation: with ``M`` the centred means and ``D`` the deviations, the measure is the mean
    over the samples of ``t^2``, ``t = |D M^+|_F``. Features are exact, and so are means. The
    decomposition is that of ``M + E`` with ``|E| <= e |M|``, where LAPACK says ``e <= max(C, p)
    eps``, and of the same rank, so that ``|(M + E)^+ - M^+| <= 2 |M^+|^2 e |M|`` up to second order
    (Wedin; Bjorck, Numerical Methods for Least Squares Problems, Theorem 1.4.2). Products with
    singular vectors, orthogonal to within ``e`` too, squares and sums change ``t^2`` by another
    ``gamma`` of ``p + C + samples + 8``; norms are Frobenius norms. A factor of 2 covers second
    order.
    """
    h = sample.exact_grouped
    members, classes, size, width = h.shape
    found = measures.nc1_pseudoinverse(sample.grouped.double())
    centred = mean(h, 2) - mean(h, (1, 2))[:, None]
    deviations = (h - mean(h, 2)[:, :, None]).reshape(members, classes * size, width)
    for k in range(members):
        if not any(centred[k].flatten()):
            assert found[k].isnan()
            continue
        inverse = pseudoinverse(rational(centred[k]))
        t = norm(fractions(rational(deviations[k]) * inverse))
        expected = t * t / (classes * size)
        e = 2 * max(classes, width) * UNIT
        condition = norm(list(centred[k].flatten())) * norm(fractions(inverse))
        spread = norm(list(deviations[k].flatten())) * norm(fractions(inverse))
        off = 2 * e * condition * spread + (width + classes + classes * size + 8) * UNIT * t
        assert abs(Fraction(found[k].item()) - expected) <= 2 * (2 * t + off) * off / (
            classes * size
        )


def test_it_orders_features_unlike_the_quotient_of_traces() -> None:
    """Class means at (-4, -1), (4, -1), (0, 2) have Sigma_B = diag(32/3, 2)."""
    means = [[-4, -1], [4, -1], [0, 2]]
    along = as_tensor([[[[x - 2, y], [x + 2, y]] for x, y in means]])
    across = as_tensor([[[[x, y - 1], [x, y + 1]] for x, y in means]])
    assert measures.nc1_relative(along) > measures.nc1_relative(across)
    assert measures.nc1_pseudoinverse(along) < measures.nc1_pseudoinverse(across)
    assert recovered(measures.nc1_pseudoinverse(along) * 8) == [1]
    assert recovered(measures.nc1_pseudoinverse(across) * 6) == [1]


def test_collinear_means_have_no_inverse() -> None:
    """Means -1, 0, 1 times (3, 4): Sigma_B = 2/3 v v^T, whose pseudo-inverse is 3/2 v v^T / 25^2.
    Deviations of 1 along v/5 and of 9 across: only the former enter, 1/25 3/2 over 3.
    """
    v, w = np.array([3, 4]), np.array([-4, 3])
    rows = [[n * v + s * (v / 5 + 9 * w / 5) for s in (1, -1)] for n in (-1, 0, 1)]
    found = measures.nc1_pseudoinverse(as_tensor([np.array(rows).tolist()]))
    assert recovered(found * 50) == [1]


def recovered(tensor: torch.Tensor) -> list[float]:
    """The nearest multiples of 2^-20, far beyond the rounding of a decomposition of two rows."""
    result: list[float] = ((tensor * 2**20).round() / 2**20).tolist()
    return result


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_one_class_and_members_that_diverged(dtype: torch.dtype) -> None:
    assert measures.nc1_pseudoinverse(as_tensor([[[[1], [3]]]], dtype)).isnan().all()
    grouped = as_tensor([[[[1], [3]], [[5], [7]]], [[[1], [math.nan]], [[5], [7]]]], dtype)
    found = measures.nc1_pseudoinverse(grouped)
    assert recovered(found[:1]) == [1 / 8]
    assert found[1].isnan()


def test_the_usual_mean_of_the_angles() -> None:
    """Centred means 1, 1, -2 have the cosines 1, -1, -1, which miss -1/2 by 3/2, 1/2, 1/2."""
    grouped = as_tensor([[[[1]], [[1]], [[-2]]]])
    assert measures.nc2_angles(grouped).tolist() == [1.5]
    assert measures.nc2_angles_mean(grouped * 3).tolist() == [2.5 / 3]
