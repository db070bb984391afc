"""The tape, against autograd and exact rationals on numbers that do not round."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.cohorts import DEVICES, drawn, networks, seeds
from tests.training.stacked.gradients import check_against_rationals, differentiated, played
from theorycheck.networks.specification import Network

few = st.integers(1, 5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("device", DEVICES)
@given(network=networks, members=few, samples=few, seed=seeds)
def test_equals_autograd(
    device: str, dtype: torch.dtype, network: Network, members: int, samples: int, seed: int
) -> None:
    _, parameters, inputs, slopes = drawn(network, members, samples, seed)
    parameters = tuple(p.to(device, dtype) for p in parameters)
    case = network, parameters, inputs.to(device, dtype), slopes.to(device, dtype)
    outputs, gradients = played(*case)
    expected, by_autograd = differentiated(*case)
    assert torch.equal(outputs, expected)
    assert all(map(torch.equal, gradients, by_autograd))


@given(network=networks, samples=few, seed=seeds)
def test_equals_exact_rationals(network: Network, samples: int, seed: int) -> None:
    check_against_rationals(*drawn(network, 1, samples, seed))
