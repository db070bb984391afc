"""``--gpu-check``: every check with stand-ins, one file, a verdict line, and the exit code."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from theorycheck.bench import __main__ as command
from theorycheck.bench.__main__ import main
from theorycheck.bench.gpu import report
from theorycheck.bench.gpu.findings import Finding
from theorycheck.bench.gpu.report import CHECKS, Outcome
from theorycheck.errors import ExitCode

Patch = pytest.MonkeyPatch
Capture = pytest.CaptureFixture[str]


def test_every_check_passes_with_stand_ins(
    tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.setitem(os.environ, "PYTHONPATH", os.pathsep.join(sys.path))
    file = tmp_path / "gpu.json"
    assert main(["--gpu-check", "--device", "cpu", "--output", str(file)]) == ExitCode.OK
    *lines, verdict = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == list(CHECKS)
    assert verdict.startswith("GREEN on cpu")
    document = json.loads(file.read_text())
    assert document["passed"] is True
    assert all(said["passed"] and said["findings"] for said in document["checks"].values())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "--gpu-check needs a GPU, and there is none: --device cpu uses stand-ins"),
        (["--device", "cuda"], "there is none"),
        (["--device", "cpu", "--output", "no/such/folder.json"], "cannot be written"),
    ],
)
def test_what_cannot_be_checked_is_one_line(
    options: list[str], complaint: str, monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["--gpu-check", *options]) == ExitCode.BAD_INPUT
    [line] = capsys.readouterr().err.splitlines()
    assert complaint in line


def test_a_red_check_is_told_and_written(
    tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    """What was found before is on file already when a check is still running."""
    file = tmp_path / "gpu.json"

    def outcomes(device: torch.device) -> list[Outcome]:
        bad = {"a": Finding(False, "other bits")}
        return [Outcome("graphs", bad, 1.0), Outcome("flows", {"b": Finding(True)}, 1.0)]

    monkeypatch.setattr(report, "outcomes", outcomes)
    options = ["--gpu-check", "--device", "cpu", "--output", str(file)]
    assert main(options) == ExitCode.VERDICT_CHANGED
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "graphs: red, 0 of 1, 1 s", "  a: other bits", "flows: green, 1 of 1, 1 s"
    ]  # fmt: skip
    assert lines[3].endswith("with stand-ins: graphs")
    assert json.loads(file.read_text())["passed"] is False


def test_on_a_gpu_the_report_has_a_place(tmp_path: Path, monkeypatch: Patch) -> None:
    """With stand-ins nothing is written unless asked for: what a GPU said stays on file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    monkeypatch.setattr(report, "outcomes", lambda device: [Outcome("a", {"b": Finding(True)}, 1)])
    assert main(["--gpu-check", "--device", "cpu"]) == ExitCode.OK
    assert not command.GPU_REPORT.exists()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H100")
    assert main(["--gpu-check"]) == ExitCode.OK
    assert json.loads(command.GPU_REPORT.read_text())["device"] == "H100"
