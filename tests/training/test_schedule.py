"""When a run records: evenly, and thousands of updates apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.training.dyadic_cohorts import dyadic_cohort
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import Objective
from theorycheck.training.trainers import sgd

pytestmark = pytest.mark.usefixtures("engine")


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
