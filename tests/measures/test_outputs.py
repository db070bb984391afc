"""Margins, outputs, equilibria and accuracy, by hand and against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import zeros

from tests.measures.samples import (
    DTYPES,
    Array,
    Sample,
    as_tensor,
    assert_exact,
    exact,
    few,
    gamma,
    mean,
    samples,
)
from theorycheck import measures
from theorycheck.errors import InputError


def test_margins_by_hand() -> None:
    outputs = as_tensor([[[3.0], [-2.0]], [[0.0], [1.0]]])
    assert measures.margins(outputs, torch.tensor([[1], [-1]])).tolist() == [[3, 2], [0, -1]]
    signs = torch.tensor([[[1], [-1]], [[-1], [1]]])
    assert measures.margins(outputs, signs).tolist() == [[3, 2], [0, 1]]


integer_margins = st.sampled_from([1, 2, 4, 8]).flatmap(
    lambda n: arrays(np.int64, (2, n), elements=st.integers(-16, 16))
)


@given(integer_margins, st.sampled_from(DTYPES))
@few
def test_margin_statistics_exactly(values: Array, dtype: torch.dtype) -> None:
    margins = as_tensor(values, dtype)
    x = exact(margins)
    mu, second, variance = measures.margin_statistics(margins)
    assert_exact(mu, mean(x, 1))
    assert_exact(second, mean(x * x, 1))
    assert_exact(variance, mean(x * x, 1) - mean(x, 1) ** 2)


@given(
    st.lists(
        st.floats(1e-100, 1e100).flatmap(lambda x: st.sampled_from([x, -x])) | st.just(0.0),
        min_size=1,
        max_size=20,
    )
)
@few
def test_margin_statistics_within_rounding(values: list[float]) -> None:
    """A sum of n terms, divided in at most two roundings, has relative errors theta_{n+1} per term.

    So |mu^ - mu| <= e := gamma_{n+1} mean|x|, and M gains one rounding for the square. Deviations
    are taken from mu^, whose mean square is V + (mu - mu^)^2; each computed one carries 1 + theta_1
    before squaring, hence relative errors theta_{n+4} (cf. Higham, Problem 1.10). The range of the
    values excludes overflow and underflow of squares.
    """
    mu, second, variance = (s.item() for s in measures.margin_statistics(as_tensor([values])))
    n, x = len(values), [Fraction(v) for v in values]
    zero = Fraction(0)
    mu_exact, second_exact = sum(x, zero) / n, sum((v * v for v in x), zero) / n
    variance_exact = second_exact - mu_exact**2
    error = gamma(n + 1) * sum((abs(v) for v in x), zero) / n
    assert abs(Fraction(mu) - mu_exact) <= error
    assert abs(Fraction(second) - second_exact) <= gamma(n + 2) * second_exact
    bound = gamma(n + 4) * (variance_exact + error**2) + error**2
    assert abs(Fraction(variance) - variance_exact) <= bound
    assert variance >= 0


@given(st.lists(st.integers(0, 2**10), min_size=1, max_size=20), st.sampled_from(DTYPES))
@few
def test_the_variance_of_margins_that_differ_by_their_last_digits(
    digits: list[int], dtype: torch.dtype
) -> None:
    """Between 1 and 2. Derivation: differences from the first margin and their sum are exact. Their
    mean m is off by u m, and deviations round: errors up to 4 u r with the range r, which is at
    most sqrt(2 n) standard deviations, and hence relative ones of 2 * 4 sqrt(2 n) u <= 12 n u.
    Squares and their mean round n + 2 times.
    """
    last, n = torch.finfo(dtype).eps, len(digits)
    margins = as_tensor([[1 + digit * last for digit in digits]], dtype)
    x = exact(margins)
    expected = (mean(x * x, 1) - mean(x, 1) ** 2).item()
    found = Fraction(measures.margin_statistics(margins)[2].item())
    assert abs(found - expected) <= gamma(13 * n + 3, dtype) * expected


def test_variance_where_the_difference_of_moments_is_negative() -> None:
    rows = [[k / 10] * n for n in (3, 5, 7) for k in range(1, 30)]
    differences = []
    for row in rows:
        mu, second, variance = measures.margin_statistics(as_tensor([row]))
        differences.append((second - mu**2).item())
        assert variance.item() >= 0
    assert min(differences) < 0


@given(arrays(np.int64, (2, 4, 3), elements=st.integers(-8, 8)), st.sampled_from(DTYPES))
@few
def test_output_statistics_exactly(values: Array, dtype: torch.dtype) -> None:
    outputs = as_tensor(values, dtype)
    targets = as_tensor([[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1], [1, -0.5, -0.5]], dtype)
    mu, second = measures.output_statistics(outputs, targets)
    f, y = exact(outputs), exact(targets)
    for k in range(2):
        assert Fraction(mu[k].item()) == sum(f[k, n] @ y[n] for n in range(4)) / 4
        assert Fraction(second[k].item()) == sum(f[k, n] @ f[k, n] for n in range(4)) / 4


def test_output_statistics_of_one_output_are_those_of_margins() -> None:
    outputs, signs = as_tensor([[[3.0], [-2.0], [0.5], [4.0]]]), as_tensor([[1], [-1], [-1], [1]])
    mu, second, _ = measures.margin_statistics(measures.margins(outputs, signs))
    assert measures.output_statistics(outputs, signs) == (mu, second)


@given(integer_margins, st.integers(1, 64))
@few
def test_equilibrium_is_the_vertex_of_the_loss(values: Array, decay: int) -> None:
    """The loss is a parabola in rho: three of its values determine its vertex.

    Numerator and denominator are exact, so one correctly rounded division remains.
    """
    margins = as_tensor(values)
    mu, second, _ = measures.margin_statistics(margins)
    weight_decay = Fraction(decay, 16)
    of_means = measures.equilibrium_rho(mu, second, float(weight_decay))
    of_sums = measures.equilibrium_rho_of_sums(margins, float(weight_decay))
    for k, row in enumerate(exact(margins)):
        for computed, count in [(of_means, len(row)), (of_sums, 1)]:
            at = {
                rho: sum((1 - rho * m) ** 2 for m in row) / Fraction(count) + weight_decay * rho**2
                for rho in (-1, 0, 1)
            }
            curvature, slope = at[1] + at[-1] - 2 * at[0], (at[1] - at[-1]) / 2
            assert computed[k].item() == float(-slope / curvature)


@given(integer_margins)
@few
def test_sums_rescale_weight_decay(values: Array) -> None:
    margins = as_tensor(values)
    mu, second, _ = measures.margin_statistics(margins)
    weight_decay = as_tensor([0.25, 8.0])
    of_means = measures.equilibrium_rho(mu, second, weight_decay / values.shape[1])
    assert measures.equilibrium_rho_of_sums(margins, weight_decay).equal(of_means)


def test_equilibria_of_many_records() -> None:
    """An axis of records may come before that of the members; a decay keeps all its digits."""
    margins = as_tensor([[[1, 3], [2, 2]], [[0, 4], [1, 1]]])
    decay = as_tensor([6.0, 0.1])
    expected = [[4 / 16, 4 / 8.1], [4 / 22, 2 / 2.1]]
    assert measures.equilibrium_rho_of_sums(margins, decay).tolist() == expected
    halved = measures.equilibrium_rho(margins.mean(-1), margins.square().mean(-1), 0.1).tolist()
    assert halved == [[2 / 5.1, 2 / 4.1], [2 / 8.1, 1 / 1.1]]


def test_equilibrium_of_the_zero_function() -> None:
    zero = zeros(1)
    assert measures.equilibrium_rho(zero, zero, 0.5).item() == 0
    assert measures.equilibrium_rho(zero, zero, 0.0).isnan().all()
    assert measures.equilibrium_rho_of_sums(zeros(1, 3), 0.0).isnan().all()


def test_accuracy_counts_ties_as_errors() -> None:
    scalar = as_tensor([[[2.0], [-1.0], [0.0], [3.0]]])
    assert measures.accuracy(scalar, torch.tensor([1, -1, 1, -1])).tolist() == [0.5]
    outputs = as_tensor([[[1, 2, 0], [5, 5, 1], [-3, -2, -1], [4, 0, 0]]])
    assert measures.accuracy(outputs, torch.tensor([1, 0, 2, 1])).tolist() == [0.5]
    assert measures.accuracy(zeros(1, 2, 3), torch.tensor([0, 1])).tolist() == [0]


@given(samples())
@few
def test_accuracy_against_a_loop(sample: Sample) -> None:
    outputs = sample.features @ sample.classifier.mT
    result = measures.accuracy(outputs, sample.labels)
    for k, rows in enumerate(exact(outputs)):
        correct = [
            all(row[label] > row[c] for c in range(sample.classes) if c != label)
            for row, label in zip(rows, sample.labels[k].tolist(), strict=True)
        ]
        assert Fraction(result[k].item()) == Fraction(sum(correct), len(correct))


@pytest.mark.parametrize("decay", [1e40, 1e-60, math.inf, torch.tensor([0.5, 1e300]).double()])
def test_a_weight_decay_that_the_dtype_cannot_hold_is_refused(decay: float) -> None:
    """In float32 the first would be infinite, and rho 0; the second 0, and rho twice as large."""
    margins = torch.full((2, 2), 1e-30)
    with pytest.raises(InputError, match="weight_decay is beyond the numbers of float32"):
        measures.equilibrium_rho_of_sums(margins, decay)
    with pytest.raises(InputError, match="weight_decay is beyond the numbers of float32"):
        measures.equilibrium_rho(margins[:, 0], margins[:, 0], decay)


def test_what_is_no_number_stays_so() -> None:
    margins = torch.ones(1, 2)
    assert measures.equilibrium_rho_of_sums(margins, math.nan).isnan().all()
