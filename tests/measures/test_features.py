"""What is exactly zero: deviations of equal features, differences of class means that coincide."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.measures.samples import DTYPES, Array, as_tensor, exact, few, gamma, mean
from theorycheck import measures
from theorycheck.errors import InputError
from theorycheck.measures.features import Features, accurately_centred

AWKWARD = [0.1, 0.2, 0.3, -0.1, -0.3, 0.7, 1e-3, 1e17, -1e17, 0.0]
"""Sums of these round, and differently in different orders."""

TELLING = [
    measures.nc1_relative,
    measures.nc1_pseudoinverse,
    measures.nc2_norms,
    lambda h: measures.nc3(h, torch.ones_like(h[:, :, 0])),
]
"""Measures that no number stands for where all class means coincide."""


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, *DTYPES])
@pytest.mark.parametrize("value", [0.1, -0.7, 1e-3, 3.3, 60000.0])
@pytest.mark.parametrize("size", [1, 3, 7, 10])
def test_features_that_are_all_equal(value: float, size: int, dtype: torch.dtype) -> None:
    grouped = torch.full((2, 3, size, 2), value, dtype=dtype)
    assert measures.nc1(grouped).tolist() == [0, 0]
    for measure in [*TELLING, measures.nc2_angles, measures.nc2_angles_mean]:
        assert measure(grouped).isnan().all()
    assert not measures.total_covariance(grouped).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_features_that_are_equal_within_their_classes(dtype: torch.dtype) -> None:
    grouped = as_tensor([[[[0.1]] * 3, [[0.7]] * 3]], dtype)
    zero = measures.nc1, measures.nc1_relative, measures.nc1_pseudoinverse
    assert [m(grouped).item() for m in zero] == [0, 0, 0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_classes_of_the_same_features_in_different_orders(dtype: torch.dtype) -> None:
    """As from contradictory labels: their means coincide, whatever the network."""
    values = torch.tensor([0.1, 0.2, 0.3], dtype=dtype)
    orders = torch.stack([values, values.flip(0), values.roll(1)])
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1
    grouped = orders[None, :, :, None].expand(1, 3, 3, 2)
    assert measures.nc1_relative(grouped).item() == math.inf
    for measure in [*TELLING[1:], measures.nc2_angles]:
        assert measure(grouped).isnan().all()


classes_of_features = st.integers(1, 4).flatmap(
    lambda classes: st.integers(1, 4).flatmap(
        lambda size: st.lists(
            st.lists(st.sampled_from(AWKWARD), min_size=size, max_size=size),
            min_size=classes,
            max_size=classes,
        )
    )
)


def centred_exactly(grouped: Tensor) -> Array:
    h = exact(grouped)
    return mean(h, 2) - mean(h, (1, 2))[:, None]


def nearly_right(found: Tensor, expected: Array) -> None:
    for x, y in zip(exact(found).flatten(), expected.flatten(), strict=True):
        assert abs(x - y) <= gamma(8) * abs(y)


@given(classes_of_features, st.sampled_from(DTYPES), st.booleans())
@few
def test_zero_just_where_it_is(rows: list[list[float]], dtype: torch.dtype, same: bool) -> None:
    """Also where all classes, or some, have the same features in another order."""
    if same:
        rows = [rows[0][c % len(rows[0]) :] + rows[0][: c % len(rows[0])] for c in range(len(rows))]
    grouped = as_tensor(rows, dtype)[None, :, :, None]
    found, expected = measures.centred_class_means(grouped), centred_exactly(grouped)
    assert (found == 0).flatten().tolist() == [x == 0 for x in expected.flatten()]


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 2, 3, 4, 5), (2, 0, 4, 3), (0, 2, 2, 2)])
def test_what_is_not_grouped_by_class(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="features must be grouped by class"):
        Features(torch.ones(shape))


def test_one_class_at_the_centre_of_the_others() -> None:
    """Its mean is that of all, beside a member of which this is true of no class."""
    middle = as_tensor([[1.1, 1.3], [0.9, 1.1], [0.9, 0.1]])
    around = torch.stack([middle, 2 * middle.flip(0), 0 * middle])
    grouped = torch.stack([around, around + as_tensor([1.0, 2.0, 4.0])[:, None, None]])
    means = grouped.mean(2)
    assert (means - means.mean(1, keepdim=True))[0, 0].all()
    found, expected = Features(grouped).centred, centred_exactly(grouped)
    zero = (found == 0).flatten().tolist()
    assert zero == [x == 0 for x in expected.flatten()]
    assert zero.count(True) == 2


anything = st.one_of(
    st.floats(-1e300, 1e300, allow_subnormal=False),
    st.floats(-1, 1),
    st.sampled_from([0.1, 1e160, 1e-200, 3e-200]),
)


@given(st.lists(st.lists(anything, min_size=3, max_size=3), min_size=2, max_size=4))
@few
def test_accurately_centred_means(rows: list[list[float]]) -> None:
    """Right to 8 units of roundoff, however much cancels, but for what is below the least number.

    Derivation: a multiple for each cut, which is up to ``2^bits <= 8 C N`` times a power of two,
    rounds or vanishes by ``8 C N`` times half of the least number; three do, since powers are more
    than ``2^40`` apart; in the end that is multiplied by ``2^bits / (C N) <= 8``.
    """
    grouped = as_tensor(rows)[None, :, :, None]
    found, expected = accurately_centred(grouped), centred_exactly(grouped)
    least = Fraction(math.ulp(0.0)) * 96 * grouped.numel()
    for x, y in zip(exact(found).flatten(), expected.flatten(), strict=True):
        assert abs(x - y) <= gamma(8) * abs(y) + least


def test_means_that_nearly_coincide() -> None:
    """They differ in the last digit of one feature, and that is not lost."""
    values = torch.tensor([0.1, 0.3, 0.7], dtype=torch.float64)
    other = values.flip(0)
    other[0] = math.nextafter(0.7, 1.0)
    grouped = torch.stack([values, other])[None, :, :, None]
    expected = centred_exactly(grouped)
    assert expected.all()
    nearly_right(Features(grouped).centred, expected)


def test_classes_that_differ_by_their_last_digit() -> None:
    """Thirds of it: the trace within is 2/9, that between 1/36, both times its square.

    Derivation: steps are exact, means of them and deviations are off by 2 u and 4 u; means that
    differ by half of the larger one are off by 12 u less their mean. Squares, sums and a quotient
    round 12 times: 2 * 4 + 2 * 12 + 12 u, of first order, which 48 include.
    """
    last = torch.finfo(torch.float32).eps
    digits = torch.tensor([[[[0.0], [0.0], [1.0]], [[0.0], [1.0], [1.0]]]])
    found = Fraction(measures.nc1_relative(1 + last * digits).item())
    assert abs(found - 8) <= 8 * gamma(48, torch.float32)


def test_centring_is_given_all_that_it_may_round() -> None:
    """Steps are off by u, class means by that of two and of a sum, and ``gamma_N``; so is their
    mean, but for ``gamma_C`` of numbers up to 2; three differences are up to 2 and round.
    """
    for classes, samples in ((9, 4), (4, 9), (36, 1), (1, 36)):
        grouped = torch.zeros(1, classes, samples, 1).double()
        grouped[0, -1, -1] = 1
        parts = 2 * gamma(samples + 3), 2 * gamma(classes), 6 * gamma(1)
        assert Fraction(Features(grouped)._centring_error().item()) >= sum(parts)


@pytest.mark.parametrize(("classes", "samples"), [(63, 65), (3, 1365), (1023, 3)])
@pytest.mark.parametrize("smallest", [0, -70])
@pytest.mark.parametrize("largest", [0, 1022])
def test_accurately_centred_means_of_many(
    classes: int, samples: int, smallest: int, largest: int
) -> None:
    """Of features of one or many sizes, whose sums over the classes cancel but for one."""
    generator = torch.Generator().manual_seed(0)
    sizes = torch.randint(smallest, 1, (1, 1, samples, 1), generator=generator) + largest
    features = torch.rand(1, classes, samples, 1, generator=generator, dtype=torch.float64) + 1
    grouped = torch.ldexp(features[:, :1].expand_as(features), sizes.double()).clone()
    for c in range(classes):
        grouped[0, c] = grouped[0, c].roll(c, 0)
    grouped[0, 0, 0] = grouped[0, 0, 0] * (1 + 2.0**-52)
    nearly_right(accurately_centred(grouped), centred_exactly(grouped))


def test_accurately_centred_means_of_many_classes() -> None:
    """Of any features: a class's sum is multiplied by the number of classes without rounding."""
    generator = torch.Generator().manual_seed(0)
    grouped = torch.rand(1, 255, 5, 2, generator=generator, dtype=torch.float64) + 1
    nearly_right(accurately_centred(grouped), centred_exactly(grouped))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_two_features_that_differ_in_their_last_digit(sign: float) -> None:
    """Their sum has a digit more than either."""
    grouped = sign * as_tensor([[1.5], [1.5 + 2.0**-52]])[None, :, :, None]
    assert accurately_centred(grouped).flatten().tolist() == [-sign * 2.0**-53, sign * 2.0**-53]


@pytest.mark.parametrize("dtype", DTYPES)
def test_class_means_that_are_near_each_other(dtype: torch.dtype) -> None:
    """They are off in proportion to what features differ by, as `_centring_error` derives it."""
    generator = torch.Generator().manual_seed(0)
    steps = torch.rand(1, 3, 4, 2, generator=generator, dtype=dtype)
    grouped = 1 + steps * math.sqrt(torch.finfo(dtype).eps)
    values = exact(grouped)
    size = abs(values - values[:, :, :1]).sum() + abs(values[:, :, 0] - values[:, :1, 0]).sum()
    found, expected = Features(grouped).centred, centred_exactly(grouped)
    for x, y in zip(exact(found).flatten(), expected.flatten(), strict=True):
        assert abs(x - y) <= gamma(2 * (4 + 3) + 6 + 2 * 3, dtype) * size


def test_what_is_left_when_two_sizes_cancel() -> None:
    """``2^-120`` in one class and its half in the other, beside 1 and ``2^-60`` in both."""
    rows = [[1.0, 2.0**-60, 2.0**-120], [2.0**-60, 1.0, 2.0**-121]]
    grouped = as_tensor(rows)[None, :, :, None]
    expected = centred_exactly(grouped)
    assert expected.all()
    nearly_right(accurately_centred(grouped), expected)


def test_statistics_of_equal_numbers_have_no_variance() -> None:
    margins = torch.full((1, 3), 0.1, dtype=torch.float64)
    mu, _, variance = measures.margin_statistics(margins)
    assert (mu.item(), variance.item()) == (0.1, 0)
    gradients = torch.full((1, 3, 2, 2), 0.1, dtype=torch.float64)
    assert measures.sampling_variance(gradients, 1).tolist() == [0]


def test_what_is_not_finite_ends() -> None:
    """Nothing that is summed exactly is infinite."""
    features = as_tensor([[0.1, 0.2], [0.2, 0.1]])[None, :, :, None].expand(5, 2, 2, 1).clone()
    features[:4].flatten().index_fill_(0, torch.tensor([0, 5, 10, 15]), math.inf)
    found = measures.centred_class_means(features)
    assert not found[:4].isfinite().any()
    assert not found[4].any()
