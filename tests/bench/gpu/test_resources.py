"""Splitting, memory and speed: a sound engine passes, and each check notices faults of its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.bench.rows import ROW
from tests.bench.tasks import CPU
from theorycheck.bench.gpu import resources
from theorycheck.bench.gpu.findings import Check, Finding, examined
from theorycheck.bench.gpu.resources import memory, speed, splitting
from theorycheck.bench.measure import Row
from theorycheck.bench.workloads import NAMED
from theorycheck.training import engines
from theorycheck.training.memory import bytes_per_member, in_parts
from theorycheck.training.stacked.descent import StackedDescent

Patch = pytest.MonkeyPatch
GPU = torch.device("cuda")


def found(check: Check) -> dict[str, Finding]:
    return {subject: examined(work) for subject, work in check(CPU)}


def words(check: Check) -> set[str]:
    return {f.words for f in found(check).values()}


@pytest.mark.parametrize(("check", "count"), [(splitting, 8), (memory, 5), (speed, 4)])
def test_a_sound_engine_passes(check: Check, count: int) -> None:
    findings = found(check)
    assert len(findings) == count
    assert {s for s, f in findings.items() if not f.passed} == set()


def test_parts_are_recorded() -> None:
    for finding in found(splitting).values():
        assert finding.figures["members"] == 32
        # Half of them, or fewer, as what all parts leave takes room, too.
        assert finding.figures["largest_part"] in range(14, 17)


def test_company_that_changes_a_member_is_noticed(monkeypatch: Patch) -> None:
    """By one bit for every eight members."""
    genuine = StackedDescent._update

    def update(self: Any, inputs: Tensor, targets: Tensor) -> None:
        genuine(self, inputs, targets)
        self._moving.mul_(1 + len(self._moving) // 8 * torch.finfo(self._moving.dtype).eps)

    monkeypatch.setattr(StackedDescent, "_update", update)
    assert words(splitting) == {"other bits"}


def test_memory_that_is_not_looked_at_is_noticed(monkeypatch: Patch) -> None:
    def at_once(
        members: int, need: int, device: object, train: Callable[[slice], None], result: int
    ) -> Any:
        train(slice(0, members))
        return ()

    monkeypatch.setattr(engines, "in_parts", at_once)
    assert words(splitting) == {
        "the whole was split, or the parts were not",
        "OutOfMemoryError: out of memory",
    }


def test_a_whole_that_is_split_is_noticed(monkeypatch: Patch) -> None:
    monkeypatch.setattr(
        engines, "in_parts", lambda members, need, *rest: in_parts(members, 10**30, *rest)
    )
    assert words(splitting) == {"the whole was split, or the parts were not"}


@pytest.mark.parametrize(
    ("factor", "complaint"),
    [(4, "stated is more than 4 times as much as taken"), (0.25, "more memory than stated")],
)
def test_a_wrong_statement_of_memory_is_noticed(
    factor: float, complaint: str, monkeypatch: Patch
) -> None:
    genuine = bytes_per_member
    monkeypatch.setattr(
        resources, "bytes_per_member", lambda *a, **b: int(factor * genuine(*a, **b))
    )
    assert words(memory) == {complaint}


def test_memory_that_is_held_is_noticed(monkeypatch: Patch) -> None:
    """A copy of the data for every row of a state."""
    genuine = StackedDescent._batches

    def batches(self: Any, epoch: int) -> tuple[Tensor, Tensor]:
        self.kept = self.cohort.inputs.repeat(64, 1, 1, 1)
        return genuine(self, epoch)

    monkeypatch.setattr(StackedDescent, "_batches", batches)
    findings = found(memory)
    assert {f.words for s, f in findings.items() if "flow" not in s} == {"more memory than stated"}


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (ROW, "2 times as fast as one network after another"),
        (replace(ROW, elsewhere=2.0), "not measured: other programs, or times that vary"),
        (replace(ROW, comparisons=ROW.comparisons[1:]),
         "not measured: other programs, or times that vary"),
    ],
)  # fmt: skip
def test_on_a_gpu_a_ratio_has_to_be_measured(row: Row, complaint: str, monkeypatch: Patch) -> None:
    only = replace(row, comparisons=row.comparisons[:1])
    monkeypatch.setattr(resources, "compare", lambda *_: only)
    finding = resources._timed(NAMED["W1"], torch.float64, 4, GPU)
    assert (finding.passed, finding.words) == (row is ROW, complaint)


def test_on_a_gpu_cohorts_have_to_be_faster(monkeypatch: Patch) -> None:
    """Level is enough."""
    [comparison, _] = ROW.comparisons
    for factor, complaint in (
        (0.5, "1 times as fast as one network after another"),
        (0.49, "slower than one network after another"),
    ):
        seconds = tuple(factor * s for s in comparison.competitor.seconds)
        slower = replace(comparison, competitor=replace(comparison.competitor, seconds=seconds))
        row = replace(ROW, comparisons=(slower,))
        monkeypatch.setattr(resources, "compare", lambda *_, row=row: row)
        assert resources._timed(NAMED["W1"], torch.float64, 4, GPU).words == complaint


def test_on_a_gpu_everything_is_larger() -> None:
    """Subjects only: W1 to W3 in two dtypes and three sizes."""
    subjects = [subject for subject, _ in speed(GPU)]
    assert len(subjects) == 18
    assert subjects[0] == "W1, float32, 1 members"
    need = partial(resources._members, NAMED["W1"], torch.float32)
    members, stated = need(CPU, "descent")
    assert members == resources.FEW
    assert resources.MEMORY // stated > 10_000
