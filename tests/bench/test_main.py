"""The benchmark's command: its options, its table and its document."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch

from tests.bench.tasks import BRIEF, TINY
from theorycheck.bench.__main__ import main
from theorycheck.errors import ExitCode

# What PyTorch's own compiler imports warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--workload", "W4"], "unknown workload 'W4'"),
        (["--workload", "mlp:16@8/64"], "unknown workload"),
        (["--workload", "mlp:2-0-1@2/4"], "width"),
        (["--workload", "mlp:2-3-1@3/4"], "divide"),
        (["--workload", "mlp:2-3-1@0/4"], "divide"),
        (["--members", "0"], "'0' is no number of members"),
        (["--members", "1,,2"], "'' is no number of members"),
        (["--members", "²"], "no number of members"),
        (["--dtype", "float16"], "unknown dtype 'float16'"),
        (["--against", "keras"], "unknown competitor 'keras'"),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--repeats", "1"], "--repeats must be at least 2"),
        (["--steps", "0"], "--steps must be at least 1"),
        (["--threads", "0"], "--threads must be at least 1"),
        (["--threads", "two"], "--threads"),
        (["--threads", "1000000"], "--threads may be at most"),
        (["--members", "99999999999"], "of memory, and"),
        (["--members", "1," + "9" * 5000], "is no number of members"),
        (["--workload", "mlp:2-100000000-1@1/1", "--members", "100000"], "GiB of memory"),
        (["--workload", "mlp:99999999999-1@1/1", "--members", "99"], "GiB of memory"),
        (["--workload", "mlp:2-1@1/99999999999", "--members", "99"], "GiB of memory"),
        (["--workload", "mlp:99999999999999999999-1@1/1"], "unknown workload"),
        (["--workload", f"mlp:2-1@1/{'9' * 5000}"], "unknown workload"),
        (["--output", "out.json"], "--output says where --gpu-check writes"),
        (["--gpu-check", "--workload", "W1"], "leave out --workload"),
        (["--gpu-check", "--json", "out.json"], "leave out --json"),
        (["--gpu-check", "--device", "cpu", "--plot", "out.svg"], "leave out --plot"),
        (["--gpu-check", "--threads", "1"], "leave out --threads"),
        (["--seconds", "0"], "--seconds must be positive"),
        (["--seconds", "nan"], "--seconds must be positive"),
        (["--json", "no/such/folder.json"], "cannot be written"),
        (["--json", "."], ". is no file; name another with --json"),
        (["--json", "/dev/null"], "/dev/null is no file"),
        (["--json", "/proc/bench.json"], "/proc/bench.json cannot be written ("),
        (["--plot", "/proc/bench.svg"], "name another with --plot"),
        (["--plot", "no/such/folder.png"], "cannot be written"),
        (["--plot", "figure.docx"], ".png"),
        (["--speed"], "unrecognized arguments: --speed"),
    ],
)
def test_bad_input_is_one_line(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == ExitCode.BAD_INPUT
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("theorycheck.bench: ")
    assert complaint in line


def test_cuda_without_a_gpu_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["--device", "cuda"]) == ExitCode.BAD_INPUT
    assert "there is none" in capsys.readouterr().err


@pytest.mark.usefixtures("short_peak")
def test_table_and_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    dtypes = ["--dtype", "float64,float32"]
    against = ["--against", "plain,vmap"]
    assert main([*TINY, *BRIEF, *dtypes, *against, "--json", str(file)]) == ExitCode.OK
    text = capsys.readouterr().out
    document = json.loads(file.read_text())
    assert "perceptron 2-3-1, batch 2 of 4" in text
    ratio = r" +(\S+ \(\S+–\S+\)|not measured)"
    own = r" +(\S+ µs +\S+%|not measured)"
    assert re.search(rf"^ +2{own}{ratio}{ratio}$", text, re.MULTILINE)
    sizes = [(row["dtype"], row["members"], row["steps"]) for row in document["rows"]]
    assert sizes == [(d, k, 4) for d in ("float64", "float32") for k in (1, 2)]
    assert {"date", "device", "threads", "versions", "programs", "skipped"} < document.keys()
    for row in document["rows"]:
        assert [c["against"] for c in row["comparisons"]] == ["plain", "vmap"]
        # 2 samples, widths 2-3-1: 6 products and 3, of which only the 3 have input gradients.
        assert row["flops_per_step"] == 2 * 2 * (2 * 6 + 3 * 3)
        speed = row["flops_per_step"] / row["cost"]["median"]
        fraction = speed / document["gemm_peak_flops"][row["dtype"]]
        assert row["gemm_fraction"] == (fraction if row["measured"] else None)
        for comparison in row["comparisons"]:
            assert len(comparison["engine"]["seconds"]) == document["repeats"] == 2
            assert comparison["ratio"]["lower"] <= comparison["ratio"]["upper"]


@pytest.mark.usefixtures("short_peak")
def test_absent_competitors_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setenv("CXX", "no-such-compiler")
    figure = ["--plot", str(tmp_path / "figure.png")]
    assert main([*TINY, *BRIEF, *figure, "--against", "plain,jax,compile"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert "skipped jax-vmap: jax is not installed" in lines
    assert "skipped jax-map: jax is not installed" in lines
    assert "skipped compile: there is no C++ compiler no-such-compiler" in lines
    assert "skipped plot: matplotlib is not installed" in lines
    assert main(["--against", "jax"]) == ExitCode.BAD_INPUT
    assert "jax is not installed" in capsys.readouterr().err
