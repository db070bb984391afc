"""Replayed updates: the same steps as one by one, with a graph that only calls a function again.

Where there is a GPU, the graph is a real one too.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.training.cohorts import random_cohort
from theorycheck.networks.specification import mlp
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Objective
from theorycheck.training.stacked import cuda_graph
from theorycheck.training.stacked.cuda_graph import Replayed
from theorycheck.training.stacked.descent import StackedDescent
from theorycheck.training.vector_field import Field

GENUINE = [False, True] if torch.cuda.is_available() else [False]


def trained(batch_size: int, momentum: float, device: str, replayed: bool) -> list[Tensor]:
    cohort = random_cohort(mlp((3, 5, 2), bias=True), 3, 12).to(device)
    batches = Batches(torch.arange(3), 12, batch_size)
    inertia = torch.full_like(cohort.weight_decay, momentum)[:, None] if momentum else None
    field = Field(cohort, Objective())
    descent = StackedDescent(cohort, batches, inertia, field, field.pack(cohort.state))
    if replayed:
        changed = descent._moving, descent._buffer, descent._lengths
        descent._replayed = Replayed(descent._update, changed)
    else:
        descent._replayed = None
    rate = torch.tensor([0.01, 0.02, 0.04]).to(cohort.inputs)[:, None]
    paths = [descent.advance(0, 2, rate), descent.advance(2, 3, rate / 2)]
    return [descent.rows, descent.diverged, *paths]


@pytest.mark.parametrize("genuine", GENUINE)
@pytest.mark.parametrize("batch_size", [1, 2, 3, 12])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_replayed_updates_are_the_updates(
    momentum: float, batch_size: int, genuine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[Callable[[], None]] = []

    def record(work: Callable[[], None]) -> Callable[[], None]:
        work()
        recorded.append(work)
        return work

    monkeypatch.setattr(cuda_graph, "LONGEST", 4)
    if not genuine:
        monkeypatch.setattr(cuda_graph, "record", record)
    device = "cuda" if genuine else "cpu"
    found = trained(batch_size, momentum, device, True)
    expected = trained(batch_size, momentum, device, False)
    assert len(recorded) == (not genuine)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize(("updates", "count"), [(1, 1), (6, 3), (7, 1), (8, 4)])
def test_a_graph_holds_a_divisor_of_the_updates(
    updates: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sums of what is seen, so that a batch left out, or seen twice, would show."""
    monkeypatch.setattr(cuda_graph, "LONGEST", 4)
    monkeypatch.setattr(cuda_graph, "record", lambda work: work)
    total, calls = torch.zeros(1), []

    def update(inputs: Tensor, targets: Tensor) -> None:
        calls.append(len(inputs))
        total.add_((inputs * targets).sum())

    numbers = torch.arange(1.0, updates + 1).reshape(updates, 1, 1, 1)
    Replayed(update, (total,))(numbers, torch.ones_like(numbers))
    assert calls == [count] * (updates // count)
    assert total.item() == updates * (updates + 1) / 2
