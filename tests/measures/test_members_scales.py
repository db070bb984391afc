"""Measures whatever the scale and the dtype of what is measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from torch import Tensor

from tests.measures.samples import COLLAPSE, Sample, as_tensor, few, gamma, samples
from tests.measures.test_members import STACKED
from theorycheck import measures
from theorycheck.networks.specification import mlp

POWERS = {torch.float32: [-120, -70, 60, 100], torch.float64: [-1000, -530, 500, 1000]}
"""Exponents of scales at which squares of features overflow or vanish, but small integers do not,
nor their norms."""

RELATIVE = [name for name in COLLAPSE if name not in ("nc1", "nc2_norm_gap")]


@pytest.mark.parametrize("name", RELATIVE)
@given(sample=samples())
@few
def test_relative_measures_do_not_depend_on_the_scale(name: str, sample: Sample) -> None:
    """Bit for bit, since powers of two round nothing; features and classifier each by itself."""
    grouped, classifier = sample.grouped, sample.classifier
    value = COLLAPSE[name](grouped, classifier)
    for exponent in POWERS[grouped.dtype]:
        for features, rows in ((exponent, 0), (0, exponent), (exponent, exponent)):
            found = COLLAPSE[name](grouped * 2.0**features, classifier * 2.0**rows)
            assert torch.equal(found.nan_to_num(nan=-1), value.nan_to_num(nan=-1))


@pytest.mark.parametrize("exponent", [-600, 600])
def test_means_and_gaps_of_features_whose_squares_are_no_numbers(exponent: int) -> None:
    """Class means 2 and 6, their mean 4."""
    grouped = as_tensor([[[[1], [3]], [[5], [7]]]]) * 2.0**exponent
    scale = 2.0**exponent
    assert measures.class_means(grouped).tolist() == [[[2 * scale], [6 * scale]]]
    assert measures.global_mean(grouped).tolist() == [[4 * scale]]
    assert measures.centred_class_means(grouped).tolist() == [[[-2 * scale], [2 * scale]]]
    assert measures.nc2_norm_gap(grouped).tolist() == [0]


def test_features_of_different_scales() -> None:
    """One is constant and large, the other one varies: its square is a number beside the first's
    as well, and so are their covariances.
    """
    large, small = 2.0**900, 2.0**300
    grouped = as_tensor([[[[large, -small], [large, small]], [[large, 2 * small]] * 2]])
    assert measures.nc1(grouped).tolist() == [small**2 / 2]
    assert measures.nc1_relative(grouped).tolist() == [0.5]
    # The second feature alone: the inverse of small^2, times 1/2 small^2, over C.
    assert (measures.nc1_pseudoinverse(grouped) * 2**20).round().tolist() == [2**18]
    assert measures.within_class_covariance(grouped).tolist() == [[[0, 0], [0, small**2 / 2]]]


@pytest.mark.parametrize("norm", ["spectral", "frobenius"])
@pytest.mark.parametrize("scale", [2.0**-149, 2.0**-100, 2.0**66, 2.0**126])
def test_ranks_at_every_scale(scale: float, norm: str) -> None:
    """Three equal singular values; their sums and squares exceed or vanish beside them."""
    weights = (torch.eye(3) * scale)[None]
    assert measures.threshold_rank(weights, norm=norm).tolist() == [3]  # type: ignore[arg-type]
    assert measures.stable_rank(weights).tolist() == [3]
    reference = measures.effective_rank(torch.eye(3)[None])
    assert torch.equal(measures.effective_rank(weights), reference)
    mixed = torch.stack([weights[0], torch.diag(torch.tensor([scale, 0.0, 0.0]))])
    assert measures.stable_rank(mixed).tolist() == [3, 1]


def test_margins_whose_sums_or_squares_are_no_numbers() -> None:
    largest = torch.finfo(torch.float64).max
    mean, moment, variance = measures.margin_statistics(as_tensor([[largest] * 3, [1, 2, 3]]))
    assert mean.tolist() == [largest, 2]
    assert moment[0].item() == math.inf
    assert variance.tolist() == [0, 2 / 3]
    tiny = 2.0**-600
    mean, _, variance = measures.margin_statistics(as_tensor([[-tiny, tiny, 3 * tiny, tiny]]))
    assert (mean.item(), variance.item()) == (tiny, 0)
    large, shift = 2.0**600, 2.0**400
    # Deviations are far smaller than the margins, and their squares are numbers.
    _, _, variance = measures.margin_statistics(as_tensor([[2.0**450, 2.0**450 + shift]]))
    assert variance.item() == (shift / 2) ** 2
    mean, moment = measures.output_statistics(
        as_tensor([[[large], [-large]]]), as_tensor([[1 / large], [3 / large]])
    )
    assert (mean.item(), moment.item()) == (-1, math.inf)


@pytest.mark.parametrize("exponent", [-1000, -600, 0, 600, 1000])
def test_equilibria_at_every_scale(exponent: int) -> None:
    """``sum m / (lambda + sum m^2)`` with margins 1, 2 and 3 times a scale, and no decay."""
    scale = 2.0**exponent
    found = measures.equilibrium_rho_of_sums(as_tensor([[1, 2, 3, 4]]) * scale, 0.0).item()
    assert Fraction(found) == Fraction(10 / 30) / Fraction(scale)
    decayed = measures.equilibrium_rho_of_sums(as_tensor([[2, 2]]) * scale, 8 * 2.0**0).item()
    exact = 4 * Fraction(scale) / (8 + 8 * Fraction(scale) ** 2)
    assert abs(Fraction(decayed) - exact) <= gamma(2) * exact
    largest = torch.finfo(torch.float64).max
    sides = as_tensor([largest]), as_tensor([largest])
    assert measures.equilibrium_rho(*sides, largest).item() == 0.5


def test_variances_of_gradients_whose_squares_are_no_numbers() -> None:
    gradients = as_tensor([[[3, 4], [-3, -4]]])
    large = gradients * 2.0**600
    assert measures.batch_gradient_norms(large).tolist() == [[5 * 2.0**600] * 2]
    offset = torch.cat(
        [gradients * 2.0**300, torch.full((1, 2, 1), 2.0**700, dtype=torch.float64)], dim=-1
    )
    assert measures.sampling_variance(offset, 1).tolist() == [25 * 2.0**600]
    parameters = (as_tensor([[[3, 4]]]) * 2.0**-700,)
    zero = (torch.zeros(1, 1, 2).double(),)
    assert measures.weight_distance(mlp([2, 1]), parameters, zero).tolist() == [5 * 2.0**-700]


def test_the_nearest_mean_where_squared_distances_are_no_numbers() -> None:
    """Means 0 and 4, far below where squares vanish, and 1: 3 is nearer to 4 than to 0."""
    tiny = 2.0**-600
    grouped = as_tensor([[[[-3 * tiny], [3 * tiny]], [[4 * tiny], [4 * tiny]], [[1], [1]]]])
    weights = as_tensor([[[0], [1], [0.5]]]) * 2.0**-600
    # The classifier gives the first sample to class 0, all others to class 1.
    assert measures.nc4(grouped, weights).tolist() == [2 / 6]


HALF: dict[str, Callable[[Tensor], Tensor]] = STACKED | {
    "margins": lambda x: measures.margins(x[:, :, 0, :1], torch.tensor([[1], [-1]])),
    "equilibrium": lambda x: measures.equilibrium_rho(x[:, 0, 0, 0], x[:, 0, 0, 1] ** 2, 0.5),
    "sums": lambda x: measures.equilibrium_rho_of_sums(x[:, :, 0, 0], 0.5),
    "outputs": lambda x: measures.output_statistics(x[:, :, 0], x[:, :, 1])[0],
    "nc3 and its classifier": lambda x: measures.nc3(x, x[:, 0]),
    "covariance": lambda x: measures.total_covariance(x),
}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", HALF)
def test_half_precision_is_measured_in_float32(name: str, dtype: torch.dtype) -> None:
    half = as_tensor([[[[1, 2], [3, 5]], [[-1, 0], [4, 1]]]] * 2, dtype)
    assert torch.equal(HALF[name](half), HALF[name](half.float()))


def test_counts_of_half_precision_are_counts() -> None:
    """Beyond 256, bfloat16 knows only even numbers."""
    assert measures.threshold_rank(torch.eye(257, dtype=torch.bfloat16)[None]).tolist() == [257]
    outputs = torch.ones(1, 70_000, 1, dtype=torch.float16)
    assert measures.accuracy(outputs, torch.ones(70_000)).tolist() == [1]


def test_output_statistics_of_outputs_and_targets_of_two_scales() -> None:
    for outputs, targets, expected in (
        ([[2.0**126, 2.0**126]], [[2.0**-100, 2.0**-100]], 2.0**27),
        ([[2.0**126], [2.0**-126]], [[2.0**-126], [2.0**126]], 1.0),
        ([[2.0**-149, 0.0]], [[2.0**127, 2.0**127]], 2.0**-22),
    ):
        mean, _ = measures.output_statistics(torch.tensor([outputs]), torch.tensor([targets]))
        assert mean.tolist() == [expected]


def test_covariances_of_features_of_far_scales() -> None:
    """Deviations +-a of one feature and +-b of the other: their covariance is a b."""
    large, small = 1.75 * 2.0**127, 1.75 * 2.0**-3
    grouped = torch.tensor([[[[large, small], [-large, -small]]] * 2])
    covariance = measures.within_class_covariance(grouped)[0]
    assert covariance[0, 1].item() == covariance[1, 0].item() == large * small


def test_nc1_where_the_squared_ratio_of_scales_is_no_number() -> None:
    """Features of size 1 that say nothing of the classes, beside others: Sigma_W / Sigma_B there
    is (2^-480 / 2^-520)^2, over two classes.
    """
    centre, spread = 2.0**-520, 2.0**-480
    classes = [[[c + d * spread, d] for d in (1.0, -1.0)] for c in (centre, -centre)]
    assert math.log2(measures.nc1_pseudoinverse(as_tensor([classes])).item()).__round__() == 79


@pytest.mark.parametrize(
    ("small", "large", "dtype"),
    [(1e-30, 1e20, torch.float32), (1e-200, 1e160, torch.float64)],
)
def test_means_of_features_beside_larger_ones(
    small: float, large: float, dtype: torch.dtype
) -> None:
    """Of another feature, and of another class."""
    grouped = as_tensor([[[[small, large]], [[small, small]]]], dtype)
    assert torch.equal(measures.class_means(grouped), grouped[:, :, 0])
    assert torch.equal(measures.global_mean(grouped)[:, 0], grouped[:, 0, 0, 0])
    centred = measures.centred_class_means(
        as_tensor([[[[small, large]], [[-small, large]]]], dtype)
    )
    assert torch.equal(centred, as_tensor([[[small, 0], [-small, 0]]], dtype))


def test_variation_beside_a_constant_feature_or_class_that_is_larger() -> None:
    """Class 0 is constant and large; in class 1 features differ by 2 s from their mean."""
    small = 2.0**-50
    grouped = torch.tensor([[[[2.0**100]] * 2, [[small], [5 * small]]]])
    expected = 2 * small**2
    assert measures.nc1(grouped).tolist() == [expected]
    assert measures.within_class_covariance(grouped).tolist() == [[[expected]]]
    constant = torch.tensor([[[[7.25e-31, 7.97e37]] * 2 + [[8.7e-31, 7.97e37]] * 2]])
    assert measures.nc1_relative(constant).tolist() == [math.inf]
    tiny, large = 2.0**-500, 2.0**700
    gradients = as_tensor([[[3 * tiny, 4 * tiny, large], [-3 * tiny, -4 * tiny, large]]])
    assert measures.sampling_variance(gradients, 1).tolist() == [25 * tiny**2]


def test_collapsed_features_whose_means_are_near_each_other() -> None:
    """No variation, over a distance whose inverse is beyond all numbers."""
    near = 2.0**-140
    grouped = torch.tensor([[[[1.0, near]] * 2, [[1.0, -near]] * 2]])
    assert measures.nc1_relative(grouped).tolist() == [0]


def test_the_nearest_mean_beside_larger_features() -> None:
    """Each sample is its mean, or near it; and it has the sign, or the feature, of its class."""
    grouped = torch.tensor([[[[1e30], [2e30]], [[-1e-20], [-1e-20]]]])
    assert measures.nc4(grouped, torch.tensor([[[1.0], [-1.0]]])).tolist() == [0]
    grouped = torch.tensor([[[[1.0, 0.0]], [[0.0, 1e-20]]]])
    assert measures.nc4(grouped, torch.tensor([[[1e30, 0.0], [0.0, 1e-30]]])).tolist() == [0]
    wide = as_tensor([[[[1e200], [2e200]], [[-1e-200], [-1e-200]]]])
    assert measures.nc4(wide, as_tensor([[[1], [-1]]])).tolist() == [0]


def test_the_usual_measure_where_variation_across_the_means_is_far_larger() -> None:
    """Features of size 2^600 that say nothing of the classes, beside deviations of half their
    distance from the centre, 2^-500: a quarter, over two classes.
    """
    tiny, large = 2.0**-500, 2.0**600
    classes = [
        [[c * tiny + d * tiny / 2, d * large], [c * tiny - d * tiny / 2, -d * large]]
        for c, d in ((1.0, 1.0), (-1.0, -1.0))
    ]
    found = measures.nc1_pseudoinverse(as_tensor([classes])).item()
    # A direction and a singular value, a product and a quotient, a square and sums.
    assert abs(Fraction(found) - Fraction(1, 8)) <= gamma(64) / 8


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(4))
def test_equilibria_of_numbers_of_any_size(dtype: torch.dtype, seed: int) -> None:
    """Against rationals: three roundings of the unit quotient, and one of the result."""
    numbers = torch.finfo(dtype)
    generator = torch.Generator().manual_seed(seed)
    least, most = math.log2(numbers.smallest_normal * numbers.eps), math.log2(numbers.max) - 1
    exponents = least + (most - least) * torch.rand(3, 200, generator=generator).double()
    mean, moment, decay = (2**exponents).to(dtype)
    found = measures.equilibrium_rho(mean, moment, decay)
    for rho, mu, m, lam in zip(*(t.tolist() for t in (found, mean, moment, decay)), strict=True):
        exact = Fraction(mu) / (Fraction(m) + Fraction(lam))
        if exact > Fraction(numbers.max):
            assert rho >= numbers.max
        else:
            smallest = Fraction(numbers.smallest_normal) * Fraction(numbers.eps)
            assert abs(Fraction(rho) - exact) <= 4 * Fraction(numbers.eps) * exact + smallest


def test_an_infinite_second_moment_has_no_equilibrium() -> None:
    inf = as_tensor([math.inf, 1.0])
    found = measures.equilibrium_rho(as_tensor([1.0, 1.0]), inf, 1.0)
    assert found.isnan().tolist() == [True, False]
    assert found[1] == 0.5
    statistics = measures.margin_statistics(torch.tensor([[1e25, 2e25]]))
    assert measures.equilibrium_rho(*statistics[:2], 0.1).isnan().all()
