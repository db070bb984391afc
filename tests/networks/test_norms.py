"""Norms, means and products at the ends of the range of numbers, against rationals and by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.measures.samples import DTYPES, few, gamma
from theorycheck.networks.norms import (
    bounded_mean,
    direction,
    euclidean_norm,
    mean,
    mean_inner_product,
    moderate,
    power_of_two,
    product,
    restored,
    scaled,
)

both = pytest.mark.parametrize("dtype", DTYPES)
TRIANGLES = torch.tensor([[3.0, 4.0], [5.0, 12.0], [-8.0, 15.0]])


def powers(dtype: torch.dtype) -> torch.Tensor:
    """From the least number on, beyond which squares vanish, to where norms are still numbers."""
    numbers = torch.finfo(dtype)
    least, most = math.frexp(numbers.smallest_normal * numbers.eps)[1], math.frexp(numbers.max)[1]
    exponents = [least - 1, least, least // 2, 0, most // 2, most - 6]
    return torch.tensor([2.0**e for e in exponents], dtype=dtype)


@both
def test_norms_are_exact_at_every_scale(dtype: torch.dtype) -> None:
    """Sides 3 and 4 have the hypotenuse 5, whatever the unit; members do not disturb each other."""
    scales = powers(dtype)[:, None, None]
    scaled = TRIANGLES.to(dtype) * scales
    expected = torch.tensor([5.0, 13.0, 17.0], dtype=dtype) * scales[..., 0]
    assert torch.equal(euclidean_norm(scaled, -1), expected)
    unit = direction(TRIANGLES.to(dtype), -1)
    assert torch.equal(direction(scaled, -1), unit.expand_as(scaled))


def test_a_norm_beyond_all_numbers_is_infinite_and_that_of_zero_is_zero() -> None:
    largest = torch.finfo(torch.float64).max
    rows = torch.tensor([[largest, largest], [0.0, 0.0], [math.inf, 1.0], [math.nan, 1.0]]).double()
    rows[0] = largest
    norms = euclidean_norm(rows, -1)
    assert norms[:3].tolist() == [math.inf, 0.0, math.inf]
    assert norms[3].isnan()
    assert direction(rows, -1)[1].isnan().all()
    assert moderate(torch.ones(2, 3), -1)[0].tolist() == [[1.0] * 3] * 2


anything = st.floats(allow_nan=False, allow_infinity=False)


@given(number=anything, count=st.integers(1, 30))
@few
def test_the_mean_of_equal_numbers_is_that_number(number: float, count: int) -> None:
    numbers = torch.full((2, count), number, dtype=torch.float64)
    assert mean(numbers, 1).tolist() == [number, number]


@given(st.lists(anything, min_size=1, max_size=20))
@few
def test_means_of_any_numbers(numbers: list[float]) -> None:
    """A sum of n numbers over n is off by gamma_n of the mean size; results below the normal
    numbers by half of the least number, and so is what scaling makes of such numbers.
    """
    exact = [Fraction(n) for n in numbers]
    (found,) = mean(torch.tensor([numbers], dtype=torch.float64), 1).tolist()
    size = sum((abs(n) for n in exact), Fraction(0)) / len(exact)
    error = abs(Fraction(found) - sum(exact, Fraction(0)) / len(exact))
    assert error <= gamma(len(exact)) * size + Fraction(math.ulp(0.0))
    assert min(numbers) <= found <= max(numbers)


@both
@given(exponent=st.integers(-1074, 1023), count=st.integers(1, 3))
@few
def test_squares_of_moderate_tensors_are_numbers(
    dtype: torch.dtype, exponent: int, count: int
) -> None:
    """One entry alone included, whose norm torch finds without its square."""
    numbers = torch.finfo(dtype)
    size = min(max(2.0**exponent, numbers.smallest_normal * numbers.eps), numbers.max / 2)
    tensor = torch.full((2, count), size, dtype=dtype)
    unit, norm, power = moderate(tensor, 1)
    assert torch.equal(unit * power, tensor)
    squares = unit.square().sum(dim=1)
    assert bool(((squares >= numbers.smallest_normal) & squares.isfinite()).all())
    assert norm.shape == power.shape == (2, 1)


def columns(count: int, dtype: torch.dtype) -> torch.Tensor:
    """2000 numbers from 1 to 2, each of them ``count`` times below itself."""
    generator = torch.Generator().manual_seed(0)
    numbers = 1 + torch.rand(2000, generator=generator, dtype=dtype)
    return numbers.repeat(count, 1)


@both
@pytest.mark.parametrize("count", [11, 63, 511])
def test_the_mean_of_many_equal_numbers_is_that_number(dtype: torch.dtype, count: int) -> None:
    """Though that of torch is off by more than one rounding, to either side."""
    numbers = columns(count, dtype)
    off = (numbers.mean(0) - numbers[0]) / numbers[0] / torch.finfo(dtype).eps
    assert off.min() < -1 < 1 < off.max()
    assert torch.equal(bounded_mean(numbers, 0), numbers[0])


@both
@pytest.mark.parametrize("larger", [0, 2])
def test_the_mean_lies_between_the_least_and_the_largest_number(
    dtype: torch.dtype, larger: int
) -> None:
    """It is torch's where that lies there, and else the end that it is beyond.

    Of eleven numbers all but one are equal; that one, the first or not, is the next larger.
    """
    numbers = columns(11, dtype)
    numbers[larger] = torch.nextafter(numbers[larger], torch.full_like(numbers[larger], 9.0))
    low, high, rounded = numbers[3], numbers[larger], numbers.mean(0)
    expected = torch.where(rounded < low, low, torch.where(rounded > high, high, rounded))
    places = (rounded < low, rounded == low, rounded == high, rounded > high)
    assert all(place.any() for place in places)
    assert torch.equal(bounded_mean(numbers, 0), expected)


def test_gradients_are_those_of_the_mean_also_where_it_is_bounded() -> None:
    numbers = torch.full((3,), 0.1, dtype=torch.float64, requires_grad=True)
    assert numbers.detach().mean().item() != 0.1
    bounded_mean(numbers, 0).backward()  # type: ignore[no-untyped-call]
    assert numbers.grad is not None
    assert numbers.grad.tolist() == [1 / 3] * 3


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=8))
@few
def test_products_overflow_or_vanish_only_at_the_end(exponents: list[int]) -> None:
    """Of powers of two, so that nothing rounds."""
    factors = torch.tensor([[2.0**e for e in exponents]], dtype=torch.float64)
    total = sum(exponents)
    expected = 0.0 if total < -1074 else math.inf if total > 1023 else 2.0**total
    assert product(factors).tolist() == [expected]


def test_ordinary_products_are_those_of_torch() -> None:
    factors = torch.tensor([[0.1, 0.7, 3.3, 9.1]], dtype=torch.float64)
    assert torch.equal(product(factors), factors.prod(dim=-1))


@pytest.mark.parametrize(
    "exponents",
    [[-600, -600, 200], [600, 600, -200], [-600, 500, 500, -600], [500, -600, -600, 500]],
)
def test_products_whose_parts_overflow_or_vanish(exponents: list[int]) -> None:
    """Though one end of the factors is moderate; whatever their order."""
    factors = torch.tensor([[2.0**e for e in exponents]], dtype=torch.float64)
    assert product(factors).tolist() == [2.0 ** sum(exponents)]
    assert product(factors.unsqueeze(0)).tolist() == [[2.0 ** sum(exponents)]]


def test_many_squares_below_the_normal_numbers_are_not_summed() -> None:
    """Their norm, 64 times each, is not below the root of the least normal number.

    Squares of 43 bits, of which up to 1024 add up in each lane, so that nothing else rounds.
    """
    entry = (1 + 2.0**-21) * 2.0**-517
    found = euclidean_norm(torch.full((1, 4096), entry, dtype=torch.float64), -1)
    assert found.tolist() == [64 * entry]


@both
def test_powers_of_two_below_the_largest_size(dtype: torch.dtype) -> None:
    """1 where there is none; a tensor divided by them loses no digit."""
    rows = torch.tensor([[0.3, -5.0], [4.0, 1.0], [0.0, 0.0], [math.inf, 1.0], [-0.75, 0.5]])
    power = power_of_two(rows.to(dtype), -1)
    assert power.tolist() == [[4.0], [4.0], [1.0], [1.0], [0.5]]
    unit, same = scaled(rows.to(dtype), -1)
    assert torch.equal(same, power)
    assert torch.equal(unit * power, rows.to(dtype))
    assert unit[0].abs().amax().item() == 1.25


@both
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("count", [1, 2, 50])
def test_what_is_divided_is_what_has_to_be(rows: int, count: int, dtype: torch.dtype) -> None:
    """From where ``count`` lost squares matter, to half the root of the largest number."""
    numbers = torch.finfo(dtype)
    least = math.sqrt(count * numbers.smallest_normal) / math.sqrt(count)
    most = math.sqrt(numbers.max) / 2 / math.sqrt(count)
    ordinary = torch.ones(rows, count, dtype=dtype)
    for size, is_divided in (
        (1.01 * least, False), (0.99 * least, True), (0.99 * most, False), (1.01 * most, True)
    ):  # fmt: skip
        tensor = torch.cat([torch.full((rows, count), size, dtype=dtype), ordinary])
        for given_rows in (tensor[:rows], tensor):
            unit, _, power = moderate(given_rows, 1)
            assert torch.equal(unit * power, given_rows)
            assert (power[:rows] != 1).flatten().tolist() == [is_divided] * rows
            assert bool((power[rows:] == 1).all())


def test_means_of_numbers_of_which_only_some_are_equal() -> None:
    numbers = torch.full((11, 2), 0.1, dtype=torch.float64)
    numbers[:, 1] = torch.arange(11)
    assert numbers.mean(0)[0] != 0.1
    assert bounded_mean(numbers, 0).tolist() == [0.1, 5.0]


@pytest.mark.parametrize("scale", [1, 300])
def test_products_are_over_the_last_of_many_axes(scale: int) -> None:
    exponents = torch.tensor([[[2, -3, 1, 2], [1, -1, 3, -3], [-2, 2, 1, -2]]] * 2)
    exponents[1] *= -1
    factors = torch.ldexp(torch.ones(2, 3, 4).double(), scale * exponents)
    expected = [[2.0 ** (scale * int(e)) for e in rows] for rows in exponents.sum(-1)]
    assert product(factors).tolist() == expected


@st.composite
def scattered(draw: st.DrawFn, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Numbers of any size, all alike, of two sizes or of as many as there are; some are zero."""
    numbers = torch.finfo(dtype)
    low, high = math.frexp(numbers.tiny * numbers.eps)[1], math.frexp(numbers.max)[1] - 1
    kinds = draw(st.lists(st.integers(low, high), min_size=1, max_size=4))
    digits = st.floats(0.5, 1, exclude_max=True, width=16).flatmap(
        lambda x: st.sampled_from([x, -x, 0.0])
    )
    count = math.prod(shape)
    entries = [
        math.ldexp(draw(digits), draw(st.sampled_from(kinds)))
        for _ in range(count)
    ]  # fmt: skip
    return torch.tensor(entries, dtype=dtype).reshape(shape)


def near(found: float, true: Fraction, bound: Fraction, dtype: torch.dtype) -> bool:
    """Whether a number is right to a bound, or to the least number, or infinite with good reason.

    The largest number may be exceeded by rounding alone.
    """
    numbers = torch.finfo(dtype)
    bound += Fraction(numbers.tiny) * Fraction(numbers.eps)
    if math.isinf(found):
        return abs(true) + bound >= Fraction(numbers.max) and (found > 0) == (true > 0)
    return abs(Fraction(found) - true) <= bound


@both
@given(data=st.data())
@few
def test_inner_products_of_any_scales(dtype: torch.dtype, data: st.DataObject) -> None:
    """Derivation: products round once, sums of C and of N terms and the mean C + N times."""
    shape = (2, data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)))
    sides = [data.draw(scattered(shape, dtype)) for _ in range(2)]
    found = mean_inner_product(*sides).tolist()
    for member, value in enumerate(found):
        left, right = (list(map(Fraction, s[member].flatten().tolist())) for s in sides)
        products = [x * y for x, y in zip(left, right, strict=True)]
        size = sum(map(abs, products), Fraction(0)) / shape[1]
        bound = gamma(shape[1] + shape[2] + 4, dtype) * size
        assert near(value, sum(products, Fraction(0)) / shape[1], bound, dtype)


@pytest.mark.parametrize(
    ("left", "right", "mean"),
    [
        ([[3e38, 3e38]], [[1e-30, 1e-30]], 6e8),
        ([[1e38], [1e-38]], [[1e-38], [1e38]], 1.0),
        ([[1e-45, 0.0]], [[1e38, 3e38]], 1e-7),
        ([[0.0, 0.0]], [[3e38, 0.0]], 0.0),
        ([[3e38], [3e38]], [[3e38], [-3e38]], 0.0),
    ],
)
def test_inner_products_whose_factors_are_far_apart(
    left: list[list[float]], right: list[list[float]], mean: float
) -> None:
    sides = [torch.tensor([side]) for side in (left, right)]
    found = float(mean_inner_product(*sides))
    exact = [list(map(Fraction, s.flatten().tolist())) for s in sides]
    true = sum((x * y for x, y in zip(*exact, strict=True)), Fraction(0)) / len(left)
    assert near(found, true, gamma(8, torch.float32) * abs(true), torch.float32)
    assert math.copysign(1, mean) > 0
    assert (found == 0) is (mean == 0)


def test_inner_products_have_the_gradients_of_inner_products() -> None:
    left = torch.tensor([[[0.0, 2.0], [3.0, 0.0]]], requires_grad=True)
    right = torch.tensor([[[5.0, 7.0], [0.0, 1.0]]], requires_grad=True)
    found = torch.autograd.grad(mean_inner_product(left, right).sum(), (left, right))
    assert torch.equal(found[0], right / 2)
    assert torch.equal(found[1], left / 2)


@both
@given(data=st.data())
@few
def test_powers_of_two_are_multiplied_back_at_once(dtype: torch.dtype, data: st.DataObject) -> None:
    """In any order, whatever is beyond all numbers on the way; it rounds once."""
    numbers = torch.finfo(dtype)
    low, high = math.frexp(numbers.tiny)[1], math.frexp(numbers.max)[1] - 1
    exponents = data.draw(st.lists(st.integers(low, high), min_size=1, max_size=4))
    value = data.draw(scattered((1,), dtype))
    factors = [torch.tensor([math.ldexp(1.0, e)], dtype=dtype) for e in exponents]
    true = Fraction(value.item()) * Fraction(2) ** sum(exponents)
    assert near(restored(value, *factors).item(), true, Fraction(0), dtype) or true == 0


def test_what_is_no_number_is_restored_as_it_is() -> None:
    strange = torch.tensor([math.inf, -math.inf, math.nan, 0.0])
    for power in (2.0**-126, 1.0, 2.0**127):
        found = restored(strange, torch.tensor(power), torch.tensor(power)).tolist()
        assert found[:2] == [math.inf, -math.inf]
        assert math.isnan(found[2])
        assert found[3] == 0


@both
def test_inner_products_at_the_ends_of_the_range(dtype: torch.dtype) -> None:
    """Members whose products are beyond all numbers, to either side, beside ordinary ones."""
    numbers = torch.finfo(dtype)
    sizes = torch.tensor([numbers.max, numbers.max, numbers.tiny, 1.0], dtype=dtype)
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=dtype)
    left, right = (s[:, None, None].repeat(1, 3, 2) for s in (sizes, sizes * signs))
    assert mean_inner_product(left, right).tolist() == [math.inf, -math.inf, 0.0, -2.0]


@both
def test_a_product_counts_where_its_factor_is_negligible_in_its_row(dtype: torch.dtype) -> None:
    """Beside factors whose ratio vanishes, of which the larger ones are multiplied by zero."""
    most = math.frexp(torch.finfo(dtype).max)[1] - 1
    large, small = 2.0**most, 2.0 ** -(most // 2)
    left = torch.tensor([[[large, 3 * small], [5 * small, large]]], dtype=dtype)
    right = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]], dtype=dtype)
    assert mean_inner_product(left, right).tolist() == [4 * small]
    assert mean_inner_product(right.expand_as(left), left).tolist() == [4 * small]


@both
def test_powers_of_two_are_multiplied_back_over_many_axes(dtype: torch.dtype) -> None:
    """Powers for rows and for columns, which overflow or vanish without each other."""
    most = math.frexp(torch.finfo(dtype).max)[1] - 1
    unit = torch.tensor([[[3.0, -0.5, 0.0]], [[2.0**-9, 7.0, 2.0**-most]]], dtype=dtype)
    rows = torch.tensor([[2.0**most], [2.0 ** (most - 2)]], dtype=dtype)
    columns = torch.tensor([4.0, 2.0 ** (1 - most), 2.0 ** (2 - most)], dtype=dtype)
    expected = [
        [[math.inf, -1.0, 0.0], [math.inf, -0.25, 0.0]],
        [[2.0 ** (most - 7), 14.0, 4 * 2.0**-most], [2.0 ** (most - 9), 3.5, 2.0**-most]],
    ]
    assert restored(unit, rows, columns).tolist() == expected


@both
@pytest.mark.parametrize("size", [-30, -31])
def test_inner_products_have_gradients_at_a_zero_beside_small_products(
    dtype: torch.dtype, size: int
) -> None:
    """The other factor of that zero is as many times the largest product as a number can say."""
    most = math.frexp(torch.finfo(dtype).max)[1] - 1
    left = torch.tensor([[[0.0, 2.0**size]]], dtype=dtype, requires_grad=True)
    right = torch.tensor([[[2.0 ** (most + size), 1.0]]], dtype=dtype, requires_grad=True)
    found = torch.autograd.grad(mean_inner_product(left, right).sum(), (left, right))
    assert torch.equal(found[0], right)
    assert torch.equal(found[1], left)


@both
def test_large_products_beside_zeros_are_put_in_proportion(dtype: torch.dtype) -> None:
    """Two products that overflow when they are added, and six zeros: the mean over 4 does not."""
    most = math.frexp(torch.finfo(dtype).max)[1] - 1
    left = torch.zeros(1, 4, 2, dtype=dtype)
    left[0, 0] = 2.0 ** (most // 2 + 1)
    right = torch.full_like(left, 2.0 ** (most - most // 2 - 1))
    assert mean_inner_product(left, right).tolist() == [2.0 ** (most - 1)]


@both
def test_a_member_of_zeros_has_gradients(dtype: torch.dtype) -> None:
    left = torch.zeros(2, 2, 2, dtype=dtype, requires_grad=True)
    right = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 5.0], [6.0, 0.0]]], dtype=dtype)
    found = mean_inner_product(left, right)
    assert found.tolist() == [0.0, 0.0]
    assert torch.equal(torch.autograd.grad(found.sum(), left)[0], right / 2)


def test_whatever_is_multiplied_by_one_has_gradient_one() -> None:
    entries = torch.tensor([math.inf, -math.inf, math.nan, 0.0, 3.0], requires_grad=True)
    (found,) = torch.autograd.grad(restored(entries, torch.ones(())).sum(), entries)
    assert found.tolist() == [1.0] * 5
