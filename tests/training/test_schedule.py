"""Learning rates and records of a schedule by hand, and when a run records."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.dyadic_cohorts import dyadic_cohort
from theorycheck.errors import InputError
from theorycheck.networks.specification import mlp
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Objective
from theorycheck.training.schedule import Schedule, checkpoint_times, per_member
from theorycheck.training.trainers import sgd


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("epochs", "batch_size", "expected"),
    [
        (1, 1, [0, 1]),
        (499, 1, [0, 499]),
        (1999, 1, [0, 1999]),
        (2000, 1, [0, 1000, 2000]),
        (9001, 1, [0, 1126, 2252, 3378, 4504, 5630, 6756, 7882, 9001]),
        (9000, 4, [0, 4500, 9000]),
    ],
)
def test_records_are_even_and_thousands_of_updates_apart(
    epochs: int, batch_size: int, expected: list[int]
) -> None:
    """Four samples: an epoch has four updates, or one."""
    cohort = dyadic_cohort(mlp((1, 1)), members=1)
    options: dict[str, Any] = {"learning_rate": 0.125, "batch_seeds": torch.tensor([0])}
    run = sgd(cohort, Objective(), batch_size=batch_size, epochs=epochs, **options)
    assert run.times.tolist() == expected
    assert run.steps.tolist() == [epochs * 4 // batch_size]


def schedule(
    epochs: int = 10,
    *,
    learning_rate: float | Tensor = 0.5,
    momentum: float | Tensor = 0.0,
    milestones: Sequence[int] = (),
    decay: float = 0.5,
    record_every: int | None = None,
    keep: Sequence[int] = (),
) -> Schedule:
    """Of three members with four samples in batches of two."""
    cohort, batches = dyadic_cohort(mlp((1, 1))), Batches(torch.arange(3), 4, 2)
    return Schedule(
        cohort, batches, epochs, learning_rate, momentum, milestones, decay, record_every, keep
    )


@pytest.mark.parametrize(
    ("milestones", "record_every", "expected"),
    [
        ([], 10, [(0, 10)]),
        ([], 4, [(0, 4), (4, 8), (8, 10)]),
        ([3], 10, [(0, 3), (3, 10)]),
        ([6, 3, 6], 5, [(0, 3), (3, 5), (5, 6), (6, 10)]),
        ([0, 10, 99], 20, [(0, 10)]),
    ],
)
def test_stretches_end_at_milestones_and_records(
    milestones: list[int], record_every: int, expected: list[tuple[int, int]]
) -> None:
    found = list(schedule(milestones=milestones, record_every=record_every).stretches())
    assert found == expected


def test_rates_decay_after_every_milestone() -> None:
    """Counts of finished epochs: a milestone of 2 is about the third epoch and those after it."""
    rates = torch.tensor([8.0, 4.0, 1.0])
    decaying = schedule(learning_rate=rates, milestones=[4, 2, 4])
    for epoch, factor in ((0, 1), (1, 1), (2, 0.5), (3, 0.5), (4, 0.125), (9, 0.125)):
        assert decaying.rate(epoch).tolist() == [[8 * factor], [4 * factor], [factor]]
        assert decaying.rate(epoch).dtype == torch.float64


def test_records_are_due_at_multiples_and_at_the_end() -> None:
    due = schedule(record_every=4)
    assert [epoch for epoch in range(1, 11) if due.records(epoch)] == [4, 8, 10]


def test_stretches_are_not_longer_than_can_be_counted() -> None:
    """In float32, where the next number after 2^24 is 2^24 + 2."""
    long = list(schedule(2**25, record_every=2**25).stretches())
    assert long == [(i * 2**23, (i + 1) * 2**23) for i in range(4)]


def test_one_number_is_that_of_all_members() -> None:
    both = schedule(learning_rate=0.25, momentum=torch.tensor([0.0, 0.5, 0.75]))
    assert both.learning_rate.tolist() == [[0.25]] * 3
    part = both.part(slice(1, 3))
    assert part.momentum.tolist() == [[0.5], [0.75]]
    assert part.rate(0).tolist() == [[0.25]] * 2
    assert (part.record_every, part.epochs) == (both.record_every, both.epochs)
    assert both.momentum.shape == (3, 1)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: schedule(0), "at least 1"),
        (lambda: schedule(record_every=0), "at least 1"),
        (lambda: schedule(learning_rate=-0.5), "learning_rate must be positive and finite"),
        (lambda: schedule(learning_rate=math.inf), "learning_rate is beyond the numbers of"),
        (lambda: schedule(learning_rate=math.nan), "learning_rate must be positive and finite"),
        (lambda: schedule(learning_rate=torch.ones(3, 1)), "a number or have shape"),
        (lambda: schedule(momentum=-0.5), "momentum must be at least 0 and less than 1"),
        (lambda: schedule(momentum=torch.tensor([0.0, math.nan, 0.0])), "momentum must be"),
        (lambda: schedule(momentum=torch.zeros(2)), "momentum must be a number or have shape"),
        (lambda: schedule(decay=math.inf), "decay inf must be positive and finite"),
        (lambda: schedule(decay=1e300, milestones=[1, 1]), "learning rate beyond the numbers of"),
        (lambda: schedule(decay=2, milestones=[1] * 5000), "at the last of 5000 milestones"),
        (lambda: schedule(learning_rate=10**400), "learning_rate .* is no number"),
        (lambda: schedule(10**30), "must be at most 1099511627776"),
        (lambda: schedule(10**12, record_every=1), "makes over 1000000 records"),
        (lambda: schedule(milestones=range(10**12)), "milestones must be at most 1000000 numbers"),
        (lambda: schedule(keep=range(10**12)), "keep must be at most 1000000 numbers"),
        (lambda: schedule(keep=(11,)), "keep names epochs that are not between 0 and 10"),
        (lambda: schedule(keep=(-1,)), "keep must be a sequence of whole numbers, at least 0"),
    ],
)
def test_what_a_schedule_refuses(attempt: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attempt()


def test_checkpoints_are_the_ends_of_equal_intervals() -> None:
    assert checkpoint_times(3.0, 1) == [0.0, 3.0]
    assert checkpoint_times(3.0, 4) == [0.0, 0.75, 1.5, 2.25, 3.0]
    assert checkpoint_times(3.0, [0, 1, 3]) == [0.0, 1.0, 3.0]
    assert checkpoint_times(3.0, []) == []


def test_checkpoints_of_any_horizon_lie_within_it() -> None:
    most = sys.float_info.max
    assert checkpoint_times(most, 4) == [0.0, most / 4, most / 2, most * 0.75, most]
    # Three times a tenth is rounded up.
    assert checkpoint_times(0.1, 3)[-1] == 0.1
    with pytest.raises(InputError, match="checkpoints must increase"):
        checkpoint_times(5e-324, 3)


@pytest.mark.parametrize(
    "checkpoints", [0, -1, [1.0, 1.0], [2.0, 1.0], [-0.5], [3.5], [math.nan]], ids=str
)
def test_checkpoints_that_are_refused(checkpoints: int | list[float]) -> None:
    with pytest.raises(InputError, match="checkpoints"):
        checkpoint_times(3.0, checkpoints)


@pytest.mark.parametrize("single", [2, np.array(2), torch.tensor(2), np.int64(2)])
def test_a_number_of_intervals_of_any_type(single: Any) -> None:
    assert checkpoint_times(3.0, single) == [0.0, 1.5, 3.0]


@pytest.mark.parametrize(
    ("checkpoints", "message"),
    [
        (10**30, "checkpoints must be at most 1000000"),
        (2**63, "checkpoints must be at most 1000000"),
        (range(10**12), "checkpoints must be at most 1000000 numbers"),
        ([10**400], "every one of the checkpoints is beyond the numbers of float64"),
        ([Fraction(10**400, 3)], "every one of the checkpoints is beyond the numbers of float64"),
        (torch.tensor(2.5), "checkpoints must be a whole number"),
        (torch.tensor(True), "checkpoints must be a whole number"),
        (b"2", "checkpoints must be a whole number"),
        ([True], "every one of the checkpoints must be a number"),
    ],
)
def test_checkpoints_that_are_none_or_too_many(checkpoints: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        checkpoint_times(1.0, checkpoints)


def test_the_longest_training_has_its_stretches() -> None:
    stretches = list(schedule(2**40, learning_rate=0.5).stretches())
    assert stretches[0][0] == 0
    assert stretches[-1][1] == 2**40
    assert max(last - first for first, last in stretches) == 2**23


def test_a_decay_that_ends_below_all_numbers_is_no_error() -> None:
    late = schedule(10, learning_rate=1.0, decay=0.1, milestones=[1] * 5000)
    assert late.rate(0).tolist() == [[1.0]] * 3
    assert late.rate(1).tolist() == [[0.0]] * 3


@pytest.mark.parametrize(("name", "value"), [("learning_rate", 1e-50), ("momentum", 1e-50)])
def test_numbers_that_float32_makes_zero_are_refused(name: str, value: float) -> None:
    like = torch.zeros(1, dtype=torch.float32)
    with pytest.raises(InputError, match=f"{name} is beyond the numbers of float32"):
        per_member(name, value, 2, like)
    assert per_member(name, 0.0, 2, like).tolist() == [[0.0], [0.0]]
