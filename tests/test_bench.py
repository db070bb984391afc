"""The benchmark: its programs train the same, its counts are right, and it reads its options."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from theorycheck.bench import measure, plot, recording, sweeps, table
from theorycheck.bench.__main__ import main
from theorycheck.bench.competitors import COMPETITORS, ENGINE, Program, competitors
from theorycheck.bench.measure import (
    Comparison,
    Protocol,
    Spread,
    Timing,
    compare,
    gemm_peak,
    limited_to,
)
from theorycheck.bench.workloads import NAMED, Task, convolutional, workload
from theorycheck.errors import ExitCode
from theorycheck.networks.specification import Network, mlp
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, State
from theorycheck.training.recording import GradientNorm
from theorycheck.training.schedule import RECORD_UPDATES

CPU = torch.device("cpu")
PRESENT = [program for program in COMPETITORS.values() if program.lacks(CPU) is None]
"""The competitors that are installed."""
TINY = ["--workload", "mlp:2-3-1@2/4", "--members", "1,2", "--steps", "4"]
BRIEF = ["--device", "cpu", "--threads", "1", "--repeats", "2", "--seconds", "0.001"]


# What PyTorch's own compiler imports warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Other tests run on the other cores."""
    with limited_to(1):
        yield


@pytest.fixture
def short_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peak that takes no time to measure, and is none."""
    monkeypatch.setattr(measure, "PEAK_SIZES", {"cpu": (64,)})


# --- all programs train the same ------------------------------------------------------------------


def signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Numbers of which each is -1, 0 or 1."""
    return torch.randint(-1, 2, shape, generator=generator).double()


def integer_task(network: Network) -> Task:
    """Two updates of three members, in which no operation rounds.

    The step is 1/4, the batch has two samples: after one update all weights are multiples of 1/8,
    and what the second computes are sums of less than 2^10 products of at most eight of them.
    """
    generator = torch.Generator().manual_seed(3)
    cohort = Cohort(
        network,
        State(tuple(signs((3, *p.shape), generator) for p in network.parameters)),
        signs((3, 4, network.input_width), generator),
        signs((3, 4, network.output_width), generator),
        torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64),
    )
    batches = Batches(torch.tensor([4, 5, 6]), samples=4, batch_size=2)
    return Task(cohort, batches, epochs=1, learning_rate=0.25)


@pytest.mark.parametrize(
    "network", [mlp((3, 4, 2)), convolutional((1, 2, 2), 5, 2)], ids=["mlp", "convolutions"]
)
@pytest.mark.parametrize("program", PRESENT, ids=lambda program: program.name)
def test_programs_train_the_same_weights(program: Program, network: Network) -> None:
    task = integer_task(network)
    expected = ENGINE.prepare(task)()
    trained = program.prepare(task)()
    starts = zip(task.cohort.state.parameters, expected, strict=True)
    assert all(not torch.equal(start, end) for start, end in starts)
    assert all(torch.equal(*pair) for pair in zip(expected, trained, strict=True))


@pytest.mark.parametrize("program", [ENGINE, *PRESENT], ids=lambda program: program.name)
def test_a_training_can_be_repeated(program: Program) -> None:
    train = program.prepare(integer_task(mlp((3, 4, 2))))
    first = [weight.clone() for weight in train()]
    assert all(torch.equal(*pair) for pair in zip(first, train(), strict=True))


def test_part_of_a_task_is_its_beginning() -> None:
    task = workload("mlp:2-3-1@2/4").task(3, 4, torch.float64, CPU)
    part = task.part(2, 1)
    assert (part.members, part.steps, task.steps) == (2, 2, 8)
    assert torch.equal(part.orders(), task.orders()[:2, :2])
    assert torch.equal(part.cohort.inputs, task.cohort.inputs[:2])


# --- counts and times -----------------------------------------------------------------------------


def test_operations_are_counted_by_hand() -> None:
    first, second, third = 16 * 32, 32 * 32, 32
    assert NAMED["W1"].flops == 2 * 8 * (2 * first + 3 * second + 3 * third)
    convolutions = [100 * 8 * 9, 64 * 8 * 72, 36 * 16 * 72, 16 * 16 * 144]
    products = [*convolutions, 256 * 10]
    assert NAMED["W3"].flops == 2 * 16 * (3 * sum(products) - products[0])
    assert NAMED["W2"].network == mlp((64, 128, 128, 128, 128, 10))


def test_ratios_are_of_pairs_and_per_member_and_step() -> None:
    engine = Timing("theorycheck", members=4, steps=10, seconds=(1.0, 2.0, 4.0))
    competitor = Timing("plain", members=1, steps=5, seconds=(1.0, 1.0, 1.0))
    assert Comparison(engine, competitor).ratios == [8.0, 4.0, 2.0]
    assert Spread.of([8.0, 4.0, 2.0]) == Spread(4.0, 3.0, 6.0)


def test_runs_are_cut_to_the_time() -> None:
    [plain] = competitors(["plain"])
    row = compare(NAMED["W1"], "float32", 64, 64, [plain], Protocol(CPU, 2, 1e-9))
    [comparison] = row.comparisons
    assert (row.members, row.steps) == (64, 64)
    assert (comparison.engine.members, comparison.engine.steps) == (64, 8)
    assert (comparison.competitor.members, comparison.competitor.steps) == (1, 8)
    uncut = compare(NAMED["W1"], "float32", 2, 16, [plain], Protocol(CPU, 2, 1e-9, all_steps=True))
    assert uncut.comparisons[0].engine.steps == uncut.comparisons[0].competitor.steps == 16


def test_what_others_do_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [plain] = competitors(["plain"])
    task = ("float32", 1, 8, [plain], Protocol(CPU, 2, 0.001))
    quiet = replace(compare(NAMED["W1"], *task), elsewhere=0.0)
    busy = replace(quiet, elsewhere=1.25)
    assert not any("other programs" in line for line in table.footing([quiet]))
    assert any("up to 1.2 cores" in line for line in table.footing([quiet, busy]))
    monkeypatch.setattr(measure, "KERNEL_STATISTICS", tmp_path / "stat")
    assert compare(NAMED["W1"], *task).elsewhere is None
    # In all, 100 + 20 + 3 + 4 + 5 ticks were spent and 7 + 8 were idle.
    (tmp_path / "stat").write_text("cpu  100 0 20 7 8 3 4 5 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
    monkeypatch.setattr(os, "times", lambda: SimpleNamespace(user=0.25, system=0.5))
    ticks = os.sysconf("SC_CLK_TCK")
    assert measure._processor_time_elsewhere() == 132 / ticks - 0.75


def test_peak_is_the_rate_of_the_fastest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {10: 2.0, 20: 3.0, 30: 1.0}
    monkeypatch.setattr(measure, "PEAK_SIZES", {"cpu": tuple(sizes)})
    monkeypatch.setattr(measure, "_gemm", lambda size, dtype, device: sizes[size])
    assert gemm_peak("float64", CPU) == 3.0


def test_rate_of_a_product_is_its_operations_by_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([9.0, 2.0, 4.0, 4.0, 4.0, 4.0])
    monkeypatch.setattr(measure, "_seconds", lambda work: next(seconds))
    products = 1024**3 // 64**3
    assert measure._gemm(64, "float64", CPU) == 2 * 64**3 * products / 2.0


def test_cohort_training_has_not_collapsed() -> None:
    """Far below what it reaches, so that only a lost path of the engine turns this red."""
    row = compare(NAMED["W1"], "float32", 64, 200, competitors(["plain"]), Protocol(CPU, 5, 0.1))
    assert Spread.of(row.comparisons[0].ratios).median > 40


# --- the command ----------------------------------------------------------------------------------


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
        (["--seconds", "0"], "--seconds must be positive"),
        (["--seconds", "nan"], "--seconds must be positive"),
        (["--json", "no/such/folder.json"], "cannot be written"),
        (["--json", "."], "cannot be written"),
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
    assert re.search(r"^ +2 +\S+ µs +\S+% +\S+ \(\S+–\S+\) +\S+ \(\S+–\S+\)$", text, re.MULTILINE)
    sizes = [(row["dtype"], row["members"], row["steps"]) for row in document["rows"]]
    assert sizes == [(d, k, 4) for d in ("float64", "float32") for k in (1, 2)]
    assert {"date", "device", "threads", "versions", "programs", "skipped"} < document.keys()
    for row in document["rows"]:
        assert [c["against"] for c in row["comparisons"]] == ["plain", "vmap"]
        # 2 samples, widths 2-3-1: 6 products and 3, of which only the 3 have input gradients.
        assert row["flops_per_step"] == 2 * 2 * (2 * 6 + 3 * 3)
        speed = row["flops_per_step"] / row["cost"]["median"]
        assert row["gemm_fraction"] == speed / document["gemm_peak_flops"][row["dtype"]]
        for comparison in row["comparisons"]:
            assert len(comparison["engine"]["seconds"]) == document["repeats"] == 2
            assert comparison["ratio"]["lower"] <= comparison["ratio"]["upper"]


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


def test_figure_has_all_axes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    small = {"members": (1, 2), "width": (2, 3), "depth": (2, 3), "steps": (8, 16)}
    monkeypatch.setattr(sweeps, "AXES", small)
    monkeypatch.setattr(plot, "AXES", small)
    plain = competitors(["plain"])
    points = list(sweeps.sweep(["float64"], plain, Protocol(CPU, 2, 0.001)))
    assert [(point.axis, point.value) for point in points] == [
        (axis, value) for axis, values in small.items() for value in values
    ]
    [narrow] = [p.row for p in points if (p.axis, p.value) == ("width", 2)]
    assert narrow.workload.network == mlp((16, 2, 2, 1))
    [long] = [p.row for p in points if (p.axis, p.value) == ("steps", 16)]
    assert long.comparisons[0].competitor.steps == 16
    curves = plot.costs(points, "depth")
    assert set(curves) == {("theorycheck", "float64"), ("plain", "float64")}
    if plot.lacks_matplotlib() is None:
        plot.draw(points, tmp_path / "figure.svg")
        assert "weight matrices" in (tmp_path / "figure.svg").read_text()
