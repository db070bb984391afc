"""Workloads: operations counted by hand, and parts of tasks."""

from __future__ import annotations

import pytest
import torch

from tests.bench.tasks import CPU
from theorycheck.bench.workloads import NAMED, workload
from theorycheck.errors import InputError
from theorycheck.networks.specification import mlp


def test_part_of_a_task_is_its_beginning() -> None:
    task = workload("mlp:2-3-1@2/4").task(3, 4, torch.float64, CPU)
    part = task.part(2, 1)
    assert (part.members, part.steps, task.steps) == (2, 2, 8)
    assert torch.equal(part.orders(), task.orders()[:2, :2])
    assert torch.equal(part.cohort.inputs, task.cohort.inputs[:2])


def test_operations_are_counted_by_hand() -> None:
    first, second, third = 16 * 32, 32 * 32, 32
    assert NAMED["W1"].flops == 2 * 8 * (2 * first + 3 * second + 3 * third)
    convolutions = [100 * 8 * 9, 64 * 8 * 72, 36 * 16 * 72, 16 * 16 * 144]
    products = [*convolutions, 256 * 10]
    assert NAMED["W3"].flops == 2 * 16 * (3 * sum(products) - products[0])
    assert NAMED["W2"].network == mlp((64, 128, 128, 128, 128, 10))


@pytest.mark.parametrize(
    ("name", "members", "numbers"),
    [
        ("mlp:2-3-1@2/4", 1, 9 + 2 * 4 * 3),
        ("mlp:2-3-1@2/4", 1000, 1000 * (9 + 2 * 4 * 3)),
        ("W2", 5, 5 * (64 * 128 + 3 * 128**2 + 1280 + 2 * 512 * 74)),
    ],
)
def test_a_cohort_needs_what_its_numbers_take(name: str, members: int, numbers: int) -> None:
    """Weights, and twice the inputs and targets, of four bytes each."""
    workload(name).require_memory(members, 4 * numbers)
    with pytest.raises(InputError, match=f"{name} with {members} members"):
        workload(name).require_memory(members, 4 * numbers - 1)
