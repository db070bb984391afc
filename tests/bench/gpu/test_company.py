"""Members alone and cohorts in threads: a sound engine passes; what company changes is noticed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import current_thread, main_thread
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.bench.tasks import CPU
from theorycheck.bench.gpu import company as module
from theorycheck.bench.gpu.company import alone, company, united
from theorycheck.bench.gpu.findings import Check, Finding, examined
from theorycheck.bench.gpu.stand_ins import recording
from theorycheck.training import together
from theorycheck.training.recording import Run
from theorycheck.training.stacked.descent import StackedDescent

Patch = pytest.MonkeyPatch


def found(check: Check) -> dict[str, Finding]:
    return {subject: examined(work) for subject, work in check(CPU)}


def test_a_sound_engine_passes() -> None:
    findings = found(company)
    assert {s for s, f in findings.items() if not f.passed} == set()
    assert {f.figures["cohorts"] for s, f in findings.items() if s.startswith("descents")} == {
        4,
        12,
    }


def test_where_updates_are_recorded_it_passes_too() -> None:
    with recording(CPU) as recordings:
        assert all(finding.passed for finding in found(united).values())
    assert len(recordings) == 2 * (2 * 12 + 2)


def test_on_a_gpu_every_mode_is_a_subject(monkeypatch: Patch) -> None:
    monkeypatch.setattr(module, "chosen", lambda modes, device: modes)
    subjects = [subject for subject, _ in company(CPU)]
    assert len(set(subjects)) == len(subjects) == 72 + 3


def changed_update(change: Callable[[Tensor], object]) -> Callable[[Any, Tensor, Tensor], None]:
    genuine = StackedDescent._update

    def update(self: Any, inputs: Tensor, targets: Tensor) -> None:
        genuine(self, inputs, targets)
        change(self._moving)

    return update


def test_members_that_depend_on_how_many_there_are_are_noticed(monkeypatch: Patch) -> None:
    """By one bit of one number: alone it is another."""

    def nudge(rows: Tensor) -> None:
        if len(rows) > 1:
            rows[-1, -1] *= 1 + torch.finfo(rows.dtype).eps

    monkeypatch.setattr(StackedDescent, "_update", changed_update(nudge))
    assert {f.words for f in found(alone).values()} == {"other bits"}
    assert all(f.figures["deviation"] for f in found(alone).values())


def test_threads_that_change_a_number_are_noticed(monkeypatch: Patch) -> None:
    def nudge(rows: Tensor) -> None:
        if current_thread() is not main_thread():
            rows[0] *= 1 + torch.finfo(rows.dtype).eps

    monkeypatch.setattr(StackedDescent, "_update", changed_update(nudge))
    findings = found(united)
    assert {f.words for f in findings.values()} == {"other bits"}
    # Of the descents and flows, half are flows, which have no updates.
    assert [f.figures["same"] for f in findings.values()] == [0, 0, 2]


def test_everything_of_a_run_is_compared(monkeypatch: Patch) -> None:
    def miscounted(trainings: Sequence[Callable[[], Run]]) -> list[Run]:
        first, *others = together(trainings)
        return [replace(first, steps=first.steps + 1), *others]

    monkeypatch.setattr(module, "together", miscounted)
    findings = found(united)
    assert {f.words for f in findings.values()} == {"other bits"}
    assert [f.figures["same"] for f in findings.values()] == [11, 11, 3]
