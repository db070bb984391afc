"""The checks pass on a sound engine, and each fails on one that is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.bench.tasks import CPU
from theorycheck.bench.gpu import checks, modes
from theorycheck.bench.gpu.checks import determinism, flows, graphs, name, trajectories
from theorycheck.bench.gpu.findings import Check, Finding, examined
from theorycheck.bench.gpu.modes import MODES, SOME
from theorycheck.training.stacked import cuda_graph
from theorycheck.training.stacked.descent import StackedDescent
from theorycheck.training.vector_field import Evaluation, Field

Patch = pytest.MonkeyPatch


def found(check: Check) -> dict[str, Finding]:
    return {subject: examined(work) for subject, work in check(CPU)}


def words(check: Check) -> set[str]:
    """Why what failed has failed."""
    return {f.words for f in found(check).values() if not f.passed}


@pytest.mark.parametrize("check", [trajectories, flows, graphs, determinism])
def test_a_sound_engine_passes(check: Check) -> None:
    findings = found(check)
    assert findings
    assert {s for s, f in findings.items() if not f.passed} == set()


@pytest.mark.parametrize(("check", "count"), [(trajectories, 2 * 108), (flows, 36), (graphs, 72),
                                              (determinism, 108)])  # fmt: skip
def test_on_a_gpu_every_mode_is_a_subject(check: Check, count: int, monkeypatch: Patch) -> None:
    """Each once; what a GPU would be asked is not asked here."""
    monkeypatch.setattr(checks, "chosen", lambda modes, device: modes)
    assert len(MODES) == 108
    assert len(SOME) == 36
    subjects = [subject for subject, _ in check(CPU)]
    assert len(set(subjects)) == len(subjects) == count


def test_all_modes_only_on_a_gpu() -> None:
    assert checks.chosen(MODES, torch.device("cuda")) is MODES
    kinds = {mode.kind for mode in checks.chosen(MODES, CPU)}
    assert kinds == {mode.kind for mode in MODES}


def changed_velocity(change: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Patch], None]:
    """A fault: the stacked engine's velocity is another function of itself and the state."""

    def apply(monkeypatch: Patch) -> None:
        genuine = Evaluation.velocity

        def velocity(self: Any, field: Field, rows: Tensor, *data: Tensor) -> Tensor:
            return change(genuine(self, field, rows, *data), rows)

        monkeypatch.setattr(Evaluation, "velocity", velocity)

    return apply


def no_decay(monkeypatch: Patch) -> None:
    genuine = Field.__init__

    def initialise(self: Any, *arguments: Any) -> None:
        genuine(self, *arguments)
        self.decay = 0 * self.decay

    monkeypatch.setattr(Field, "__init__", initialise)


def no_momentum(monkeypatch: Patch) -> None:
    genuine = StackedDescent.__init__

    def initialise(self: Any, cohort: Any, batches: Any, momentum: Any, *rest: Any) -> None:
        genuine(self, cohort, batches, None, *rest)

    monkeypatch.setattr(StackedDescent, "__init__", initialise)


SLOPES = changed_velocity(lambda slope, rows: slope * (1 + 2.0**-8))
PRECISION = changed_velocity(lambda slope, rows: slope.bfloat16().to(slope))
NOT_A_NUMBER = changed_velocity(lambda slope, rows: slope * torch.nan)
ONE_NUMBER = changed_velocity(lambda slope, rows: torch.cat([0 * slope[:, :1], slope[:, 1:]], 1))


@pytest.mark.parametrize(
    "fault", [SLOPES, PRECISION, NOT_A_NUMBER, ONE_NUMBER, no_decay, no_momentum]
)
def test_a_wrong_trajectory_is_noticed(fault: Callable[[Patch], None], monkeypatch: Patch) -> None:
    """In every mode: all of them have decay and momentum here."""
    fault(monkeypatch)
    findings = found(trajectories)
    assert not any(f.passed for f in findings.values())


@pytest.mark.parametrize("fault", [SLOPES, NOT_A_NUMBER, ONE_NUMBER])
def test_a_wrong_flow_is_noticed(fault: Callable[[Patch], None], monkeypatch: Patch) -> None:
    """Where the device's engine is broken; the CPU's is sound."""
    calls: list[None] = []

    def flow(*arguments: Any) -> Any:
        with monkeypatch.context() as patch:
            # The first is that of the device.
            if len(calls) % (len(checks.CPU_ENGINES) + 2) == 0:
                fault(patch)
            calls.append(None)
            return modes.flow(*arguments)

    monkeypatch.setattr(checks, "flow", flow)
    assert not any(f.passed for f in found(flows).values())


def test_a_bound_that_says_nothing_is_no_bound(monkeypatch: Patch) -> None:
    monkeypatch.setattr(checks, "FAR", 2.0**-60)
    assert words(trajectories) == {"the bound is so wide that it says nothing"}
    assert words(flows) == {"the tolerance is so loose that it says nothing"}


def test_recording_that_trains_is_noticed(monkeypatch: Patch) -> None:
    """The updates that are made while a graph is recorded count."""

    class Untidy(cuda_graph.Replayed):
        def __call__(self, inputs: Tensor, targets: Tensor) -> None:
            if self.replay is None:
                self.updates(inputs[:1], targets[:1])
            super().__call__(inputs, targets)

    monkeypatch.setattr("theorycheck.training.stacked.descent.Replayed", Untidy)
    assert words(graphs) == {"other bits"}
    assert all(f.figures["deviation"] for f in found(graphs).values())


def test_a_graph_that_is_not_recorded_is_noticed(monkeypatch: Patch) -> None:
    class Lazy(cuda_graph.Replayed):
        def __call__(self, inputs: Tensor, targets: Tensor) -> None:
            self.updates(inputs, targets)

    monkeypatch.setattr("theorycheck.training.stacked.descent.Replayed", Lazy)
    assert words(graphs) == {"nothing was recorded"}


def test_other_bits_the_second_time_are_noticed(monkeypatch: Patch) -> None:
    """A single bit of what is computed, as sums in another order leave it."""
    calls: list[None] = []

    def vary(slope: Tensor, rows: Tensor) -> Tensor:
        calls.append(None)
        return slope * (1 + len(calls) * torch.finfo(slope.dtype).eps)

    changed_velocity(vary)(monkeypatch)
    findings = found(determinism)
    assert not any(f.passed for f in findings.values())


def test_the_signs_of_zeros_are_bits() -> None:
    mode = SOME[0]
    run, other = (modes.descend(mode, mode.cohort(torch.float32)) for _ in range(2))
    assert checks.same_bits(run, other).passed
    run.state.parameters[0][0, 0, 0], other.state.parameters[0][0, 0, 0] = 0.0, -0.0
    assert not checks.same_bits(run, other).passed


def test_names_of_dtypes() -> None:
    assert [name(torch.float32), name(torch.float64)] == ["float32", "float64"]
