"""Objectives are numbers where they are numbers, whatever overflows or vanishes on the way."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.measures.samples import few, gamma
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import Cohort, Objective, State, sample_losses
from theorycheck.training.objectives import objective_values

both = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
EXACT = mpmath.MPContext()
EXACT.prec = 400


def near(found: float, true: Any, bound: float, dtype: torch.dtype) -> bool:
    """Whether a number is right to a relative bound, or to the least number; infinite when due."""
    numbers = torch.finfo(dtype)
    if abs(true) * (1 + bound) >= numbers.max:
        return found == math.inf or abs(true - found) <= bound * abs(true)
    least = EXACT.mpf(numbers.tiny) * numbers.eps * 4
    return math.isfinite(found) and abs(true - found) <= bound * abs(true) + least


def linear(weights: Any, inputs: Any, targets: Any, decay: Any, dtype: torch.dtype) -> Cohort:
    """A member per row of weights; inputs and targets are for all."""
    matrices = torch.tensor(weights, dtype=dtype)[:, None]
    network = mlp((matrices.shape[-1], 1))
    data = torch.tensor(inputs, dtype=dtype), torch.tensor(targets, dtype=dtype)[:, None]
    return Cohort.broadcast(network, State((matrices,)), *data, torch.tensor(decay, dtype=dtype))


def test_a_penalty_on_weights_whose_squares_are_no_numbers() -> None:
    """``lambda |W|^2`` with both factors far from 1, and no loss."""
    scale = 2.0**600
    decay = [1 / scale / 2.0**400, scale]
    cohort = linear([[scale], [1 / scale]], [[0.0]], [0.0], decay, torch.float64)
    assert objective_values(cohort, Objective()).tolist() == [2.0**200, 2.0**-600]


@both
@given(data=st.data())
@few
def test_penalties_of_any_scale(dtype: torch.dtype, data: st.DataObject) -> None:
    """Derivation: a square, a sum of two, and a product round four times."""
    numbers = torch.finfo(dtype)
    low, high = math.frexp(numbers.tiny * numbers.eps)[1], math.frexp(numbers.max)[1] - 1
    scales = st.integers(low, high).map(lambda e: math.ldexp(0.75, e))
    first, second, decay = (data.draw(scales) for _ in range(3))
    size = EXACT.mpf(first) ** 2 + EXACT.mpf(second) ** 2
    cohort = linear([[first, second]], [[0.0, 0.0]], [0.0], decay, dtype)
    bound = float(gamma(8, dtype))
    assert near(objective_values(cohort, Objective()).item(), decay * size, bound, dtype)
    state = State(
        (torch.tensor([[[0.6, 0.8]]], dtype=dtype),), torch.tensor([first], dtype=dtype), "lagrange"
    )
    other = Cohort(cohort.network, state, cohort.inputs, cohort.targets, cohort.weight_decay)
    found = objective_values(other, Objective(penalty="rho")).item()
    assert near(found, decay * EXACT.mpf(first) ** 2, bound, dtype)


@pytest.mark.parametrize(
    ("rho", "decay", "true"),
    [(1e20, 1e-10, 1e30), (5.5e-198, 6e307, 1.815e-87), (1e200, 1e-300, 1e100)],
)
def test_penalties_on_rho_by_hand(rho: float, decay: float, true: float) -> None:
    dtype = torch.float32 if rho == 1e20 else torch.float64
    state = State(
        (torch.tensor([[[1.0]]], dtype=dtype),), torch.tensor([rho], dtype=dtype), "lagrange"
    )
    zeros = torch.zeros(1, 1, dtype=dtype)
    cohort = Cohort.broadcast(mlp((1, 1)), state, zeros, zeros, decay)
    found = objective_values(cohort, Objective(penalty="rho")).item()
    # Derivation: in float32 rho and lambda are rounded before, which makes three roundings more.
    assert near(found, EXACT.mpf(true), float(gamma(16, dtype)), dtype)


def test_the_penalty_of_subnormal_weights_under_the_largest_decay() -> None:
    cohort = linear([[2.0**-1030, 0.0]], [[0.0, 0.0]], [0.0], 2.0**1023, torch.float64)
    assert objective_values(cohort, Objective()).item() == 2.0**-1037
    cohort = linear([[2.0**-140, 0.0]], [[0.0, 0.0]], [0.0], 2.0**127, torch.float32)
    # 2^-153 is below the least number.
    assert objective_values(cohort, Objective()).item() == 0
    cohort = linear([[2.0**-130] * 2], [[0.0, 0.0]], [0.0], 2.0**127, torch.float32)
    assert objective_values(cohort, Objective()).item() == 2.0**-132


@both
def test_means_of_squares_of_which_one_is_no_number(dtype: torch.dtype) -> None:
    """One of eight outputs is 2 size: the mean of squares is size^2 / 2, and their sum is none."""
    size = math.ldexp(1.0, math.frexp(torch.finfo(dtype).max)[1] // 2)
    inputs = [[2.0], *[[0.0]] * 7]
    cohort = linear([[size], [1.0]], inputs, [0.0] * 8, 0.0, dtype)
    # size^2 itself is one more than the largest power.
    assert objective_values(cohort, Objective()).tolist() == [size * (size / 2), 0.5]
    assert objective_values(cohort, Objective(reduction="sum")).tolist() == [math.inf, 4.0]


@both
def test_means_of_exponentials_of_which_one_is_no_number(dtype: torch.dtype) -> None:
    exponent = math.log(torch.finfo(dtype).max) + 1
    cohort = linear([[exponent], [1.0]], [[-1.0], *[[0.0]] * 9], [1.0] * 10, 0.0, dtype)
    found = objective_values(cohort, Objective("exponential")).tolist()
    for value, weight in zip(found, cohort.state.parameters[0].flatten().tolist(), strict=True):
        true = (EXACT.exp(EXACT.mpf(weight)) + 9) / 10
        # Derivation: exp is right to 2 u (as torch's), squares and the mean of ten round 11 times.
        assert near(value, true, float(gamma(20, dtype)), dtype)


@both
def test_means_of_cross_entropies_of_which_one_is_no_number(dtype: torch.dtype) -> None:
    """Outputs +-size of which the lesser one was asked for, twice size beyond the largest number,
    and nine samples that are certain.
    """
    size = torch.finfo(dtype).max * 0.75
    network, matrix = mlp((1, 2)), torch.tensor([[[size], [-size]], [[1.0], [-1.0]]], dtype=dtype)
    inputs = torch.tensor([[1.0], *[[1.0]] * 9], dtype=dtype)
    targets = torch.tensor([[0.0, 1.0], *[[1.0, 0.0]] * 9], dtype=dtype)
    cohort = Cohort.broadcast(network, State((matrix,)), inputs, targets)
    found = objective_values(cohort, Objective("cross_entropy")).tolist()
    for value, output in zip(found, matrix[:, 0, 0].tolist(), strict=True):
        rest = EXACT.log(1 + EXACT.exp(-2 * EXACT.mpf(output)))
        true = (2 * EXACT.mpf(output) + 10 * rest) / 10
        # Derivation: a root and its square, log_softmax (4 u) and the mean round 16 times.
        assert near(value, true, float(gamma(32, dtype)), dtype)


@both
@pytest.mark.parametrize("rest", [[0.0, 3.0], [20.0, 19.0], [50.0, 48.0], [85.0, 85.0]])
def test_cross_entropies_of_fitted_samples_are_no_zeros(
    dtype: torch.dtype, rest: list[float]
) -> None:
    """Also where the label's probability is 1 in floats; and where another label was asked for."""
    network, outputs = mlp((1, 3)), [1e6, *(1e6 - r for r in rest)]
    matrix = torch.tensor(outputs, dtype=dtype)[None, :, None].expand(3, 3, 1)
    inputs, targets = torch.ones(1, 1, dtype=dtype), torch.eye(3, dtype=dtype)[:, None]
    cohort = Cohort.broadcast(network, State((matrix,)), inputs, targets)
    found = objective_values(cohort, Objective("cross_entropy", penalty="none")).tolist()
    powers = [EXACT.exp(EXACT.mpf(output)) for output in outputs]
    for label, value in enumerate(found):
        others = sum(power for c, power in enumerate(powers) if c != label)
        true = EXACT.log1p(others / powers[label])
        # Derivation: differences are exact; exp and log1p are right to 2 u, sums round twice, and
        # of log1p the relative condition is at most 1.
        assert near(value, true, float(gamma(8, dtype)), dtype)


@both
@pytest.mark.parametrize("loss", ["square", "cross_entropy", "exponential"])
def test_ordinary_objectives_are_those_of_the_losses_bit_for_bit(
    dtype: torch.dtype, loss: Any
) -> None:
    generator = torch.Generator().manual_seed(0)
    width = 3 if loss == "cross_entropy" else 1
    values = torch.randn(4, 7, width, generator=generator, dtype=dtype)
    targets = torch.nn.functional.one_hot(torch.arange(7) % width, width).to(dtype).expand(4, 7, -1)
    matrix = torch.eye(width, dtype=dtype).expand(4, width, width)
    decay = torch.rand(4, generator=generator, dtype=dtype)
    cohort = Cohort(mlp((width, width)), State((matrix,)), values, targets, decay)
    for penalty in ("none", "weights"):
        objective = Objective(loss, penalty=penalty)
        part = Cohort(cohort.network, cohort.state, values, targets, decay * (penalty != "none"))
        data = objective.reduce(sample_losses(loss, values, targets))
        added = part.weight_decay * matrix.square().sum(dim=(1, 2))
        assert torch.equal(objective_values(part, objective), data + added)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", ["square", "exponential"])
def test_what_is_beyond_all_numbers_stays_so(loss: Any, reduction: Any) -> None:
    cohort = linear([[1e200]], [[-1e200]], [1.0], 0.0, torch.float64)
    assert objective_values(cohort, Objective(loss, reduction)).item() == math.inf
