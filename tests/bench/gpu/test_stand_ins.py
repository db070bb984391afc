"""The stand-ins on a CPU: recorded updates, scarce memory, and bytes counted by hand."""

from __future__ import annotations

import pytest
import torch

from tests.bench.tasks import CPU
from theorycheck.bench.gpu.modes import SOME, descend
from theorycheck.bench.gpu.stand_ins import (
    exhausted,
    no_recording,
    peak_memory,
    recording,
    scarce,
)
from theorycheck.training import engines, memory
from theorycheck.training.free_memory import free_memory
from theorycheck.training.stacked import cuda_graph
from theorycheck.training.stacked.descent import StackedDescent


def test_updates_are_recorded_and_not() -> None:
    cohort = SOME[0].cohort(torch.float64)
    with recording(CPU) as recordings:
        descend(SOME[0], cohort)
        assert len(recordings) == 1
        with no_recording():
            descend(SOME[0], cohort)
        assert len(recordings) == 1
    assert not cuda_graph.supports(CPU)


def test_the_engine_knows_of_scarce_memory() -> None:
    with scarce(CPU, 12345):
        assert memory.free_memory(CPU) == 12345  # type: ignore[attr-defined]
    assert free_memory(CPU) > 12345


def test_memory_runs_out_beyond_some_members() -> None:
    cohort = SOME[0].cohort(torch.float64)
    with exhausted(CPU, 0, 4):
        run = descend(SOME[0], cohort)
    assert run.notes == ("5 members at once ran out of memory on cpu: going on with 2",)
    assert engines.StackedDescent is StackedDescent  # type: ignore[attr-defined]


def test_the_most_bytes_at_once() -> None:
    """Views, results that are given, what is gone and what was there before take nothing"""
    before = torch.zeros(1000)

    def work() -> None:
        a = torch.zeros(10, dtype=torch.float64)
        del a
        b = torch.zeros(4, dtype=torch.float64)
        c = b.view(2, 2).mT
        torch.add(c, 1, out=c)
        before.add_(1)
        torch.zeros(10**6, device="meta")
        pair = torch.split(torch.ones(6, dtype=torch.float32), 3)
        del b, c, pair

    assert peak_memory(work, CPU) == 80
    kept: list[torch.Tensor] = []
    assert peak_memory(lambda: kept.extend(torch.ones(2, 3).mul(2) for _ in range(3)), CPU) == 96


def test_on_a_gpu_the_process_may_take_little_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1000 bytes the 300 that it has and 200, until the end, however that comes."""
    fractions: list[float] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (600, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 300)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", fractions.append)
    limit = exhausted(torch.device("cuda"), 200, 1)
    with pytest.raises(ValueError, match="middle"), limit:
        raise ValueError("middle")
    assert fractions == [0.5, 1.0]


@pytest.mark.parametrize("free", [100, 1000])
def test_fault_in_the_middle_puts_everything_back(free: int) -> None:
    with pytest.raises(ValueError, match="middle"), scarce(CPU, free):
        raise ValueError("middle")
    assert memory.free_memory is free_memory  # type: ignore[attr-defined]
