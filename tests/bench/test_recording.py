"""What records cost: the training is the same, and everything is recorded on schedule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.bench.tasks import BRIEF, CPU, TINY, integer_task
from theorycheck.bench import recording
from theorycheck.bench.__main__ import main
from theorycheck.bench.competitors import ENGINE
from theorycheck.bench.workloads import NAMED
from theorycheck.errors import ExitCode
from theorycheck.networks.specification import mlp
from theorycheck.training.recording import GradientNorm
from theorycheck.training.schedule import RECORD_UPDATES


@pytest.mark.usefixtures("short_peak")
def test_what_records_cost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All steps are made, however little time there is; the training is the same."""
    monkeypatch.setattr(recording, "STEPS", {"mlp:2-3-1@2/4": 8})
    monkeypatch.setattr(recording, "MEMBERS", (1, 3))
    file = tmp_path / "bench.json"
    options = ["--dtype", "float64", "--recording", "--json", str(file)]
    assert main([*TINY, *BRIEF, *options]) == ExitCode.OK
    assert "× recording" in capsys.readouterr().out
    rows = json.loads(file.read_text())["recording"]
    assert [(row["members"], row["steps"]) for row in rows] == [(1, 8), (3, 8)]
    for row in rows:
        [comparison] = row["comparisons"]
        assert comparison["engine"]["steps"] == comparison["competitor"]["steps"] == 8
    task = integer_task(mlp((3, 4, 2)))
    trained, expected = recording.RECORDING.prepare(task)(), ENGINE.prepare(task)()
    assert all(torch.equal(*pair) for pair in zip(trained, expected, strict=True))


def test_everything_is_recorded_on_schedule() -> None:
    """W1 three times, W2 at its start and at its end."""
    for name, records in (("W1", 3), ("W2", 2)):
        work = NAMED[name]
        task = work.task(1, recording.STEPS[name] // work.updates, torch.float64, CPU)
        assert max(1, task.steps // RECORD_UPDATES) + 1 == records
    network, cohort = task.cohort.network, task.cohort
    data = cohort.state, cohort.inputs, cohort.targets
    shapes = [
        (measure.of(cohort) if isinstance(measure, GradientNorm) else measure)(network, *data).shape
        for measure in recording.MEASURES.values()
    ]
    assert shapes == [(1,), (1, 64 + 3 * 128 + 10), (1, 4), (1,)]
