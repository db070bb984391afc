"""Measures, kept states and slides: a sound engine passes, and each fault is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.bench.tasks import CPU
from theorycheck.bench.gpu import modes
from theorycheck.bench.gpu import options as module
from theorycheck.bench.gpu.findings import Check, Finding, examined
from theorycheck.bench.gpu.modes import EPOCHS
from theorycheck.bench.gpu.options import MEASURES, NEAR, PLAIN, kept, measured, options, slides
from theorycheck.training.cohorts import Cohort, State
from theorycheck.training.recording import Run
from theorycheck.training.trainers import gradient_flow

Patch = pytest.MonkeyPatch


def found(check: Check) -> dict[str, Finding]:
    return {subject: examined(work) for subject, work in check(CPU)}


def words(check: Check) -> set[str]:
    """Why what failed has failed."""
    return {f.words for f in found(check).values() if not f.passed}


def test_a_sound_engine_passes() -> None:
    findings = found(options)
    assert {s for s, f in findings.items() if not f.passed} == set()
    assert findings["along a kink"].figures["at_kink"] == 2


def test_on_a_gpu_every_mode_is_a_subject(monkeypatch: Patch) -> None:
    monkeypatch.setattr(module, "chosen", lambda modes, device: modes)
    subjects = [subject for subject, _ in options(CPU)]
    assert len(set(subjects)) == len(subjects) == 2 * len(MEASURES) + 36 + 72 + 1


def test_measures_say_something() -> None:
    """The numbers are such that none of them is trivial."""
    values = {name: measure(PLAIN.cohort(torch.float64)) for name, measure in MEASURES.items()}
    assert all(bool(value.isfinite().all()) for value in values.values())
    assert all(float(value.abs().max()) > 0 for value in values.values())
    assert values["threshold rank"].tolist() == [6] * 5
    assert bool((values["effective rank"] < 6).all() and (values["stable rank"] < 6).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("change", "passes"),
    [
        (lambda value, unit: value * (1 + NEAR / 2 * unit), True),
        (lambda value, unit: value * (1 + NEAR * 2 * unit), False),
        (lambda value, unit: value * torch.nan, False),
        (lambda value, unit: 0 * value, False),
    ],
)
def test_another_number_on_the_device_is_noticed(
    change: Callable[[Tensor, float], Tensor], passes: bool, dtype: torch.dtype
) -> None:
    """The second time a measure is asked is on the device."""
    calls: list[None] = []

    def measure(cohort: Cohort) -> Tensor:
        calls.append(None)
        value = MEASURES["gradient norm"](cohort)
        return value if len(calls) == 1 else change(value, torch.finfo(dtype).eps)

    finding = module._measured(measure, dtype, CPU)
    assert finding.passed is passes
    assert finding.words == ("" if passes else "off by more than rounding explains")


def changed_descent(change: Callable[..., Run]) -> Callable[..., Run]:
    def descend(*arguments: Any, **given: Any) -> Run:
        return change(modes.descend(*arguments, **given), **given)

    return descend


def nudged(state: State) -> State:
    first, *others = state.parameters
    return replace(state, parameters=(first * (1 + 2.0**-20), *others))


def test_a_gradient_of_another_state_is_noticed(monkeypatch: Patch) -> None:
    def earlier(run: Run, measures: Any = None, **given: Any) -> Run:
        if measures:
            run.trace["gradient"] = run.trace["gradient"].flip(0)
        return run

    monkeypatch.setattr(module, "descend", changed_descent(earlier))
    assert words(measured) == {"not that of the state"}


def test_a_measure_that_changes_the_training_is_noticed(monkeypatch: Patch) -> None:
    def other(run: Run, measures: Any = None, **given: Any) -> Run:
        return run if measures else replace(run, state=nudged(run.state))

    monkeypatch.setattr(module, "descend", changed_descent(other))
    assert words(measured) == {"other bits"}


@pytest.mark.parametrize("epoch", [0, 1, EPOCHS - 1, EPOCHS])
def test_another_state_that_is_kept_is_noticed(epoch: int, monkeypatch: Patch) -> None:
    def wrong(run: Run, keep: Any = (), **given: Any) -> Run:
        states = {e: nudged(state) if e == epoch else state for e, state in run.kept.items()}
        return replace(run, kept=states)

    monkeypatch.setattr(module, "descend", changed_descent(wrong))
    findings = found(kept)
    assert {f.words for f in findings.values()} == {"another state"}
    assert {f.figures["epoch"] for f in findings.values()} == {epoch}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda run: replace(run, stalled=~run.stalled), "not where it ends on the CPU"),
        (lambda run: replace(run, state=nudged(run.state)), "not where it ends on the CPU"),
        (lambda run: replace(run, at_kink=run.at_kink & False), "no flow stopped at a kink"),
    ],
)
def test_a_slide_to_elsewhere_is_noticed(
    change: Callable[[Run], Run], complaint: str, monkeypatch: Patch
) -> None:
    """The first two flows are on the device: one that stops, and one that slides."""
    calls: list[None] = []

    def flow(*arguments: Any, **given: Any) -> Run:
        calls.append(None)
        run = gradient_flow(*arguments, **given)
        return change(run) if len(calls) <= 2 else run

    monkeypatch.setattr(module, "gradient_flow", flow)
    assert words(slides) == {complaint}
