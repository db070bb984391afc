"""``python -m theorycheck.bench``: time cohort training against its competitors.

Exit codes are `theorycheck.errors.ExitCode`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

import torch

from theorycheck.bench import plot, record, table
from theorycheck.bench.competitors import COMPETITORS, GROUPS, Program, competitors
from theorycheck.bench.gpu import report
from theorycheck.bench.measure import Protocol, Row, compare, gemm_peak, limited_to
from theorycheck.bench.recording import RECORDING, recordings
from theorycheck.bench.sweeps import Point, sweep
from theorycheck.bench.workloads import workload
from theorycheck.cli.console import Parser, command
from theorycheck.errors import ExitCode, InputError
from theorycheck.reports.documents import dumps, try_writing, write_atomically
from theorycheck.training.cohorts import resolve_device
from theorycheck.training.free_memory import free_memory

DTYPES = ("float32", "float64")


@command("theorycheck.bench")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code.

    Args:
        arguments: those of the command line, by default the process's own.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.gpu_check:
        for name, value in vars(options).items():
            if name not in GPU_OPTIONS and value != parser.get_default(name):
                raise InputError(f"--gpu-check times and writes what it does: leave out --{name}")
        return _check_gpu(options)
    if options.output is not None:
        raise InputError("--output says where --gpu-check writes; for what is timed give --json")
    _run(options)
    return ExitCode.OK


def _parser() -> Parser:
    parser = Parser(
        prog="python -m theorycheck.bench",
        description="Time cohort training against other ways to train many small networks.",
    )
    add = parser.add_argument
    add("--device", default="auto", metavar="auto|cpu|cuda")
    add(
        "--workload",
        default="W1,W2,W3",
        metavar="NAME,…",
        help="W1, W2, W3 or, for example, mlp:16-32-32-1@8/64: widths, batch size, samples",
    )
    add("--members", default="1,16,64,256,1024", metavar="K,…", help="sizes of the cohort")
    add("--dtype", default=",".join(DTYPES), metavar="DTYPE,…", help="float32, float64")
    add(
        "--against",
        default="plain,jax",
        metavar="NAME,…",
        help=", ".join((*COMPETITORS, *GROUPS)),
    )
    add("--steps", type=int, default=1000, help="updates of every member, in whole epochs (1000)")
    add("--repeats", type=int, default=5, help="pairs of runs (5)")
    add("--threads", type=int, default=2, help="threads of the process (2)")
    add(
        "--seconds",
        type=float,
        default=1.0,
        help="about how long a run may take: longer ones are cut to fewer steps, or to fewer "
        "members where they train one after another (1)",
    )
    add(
        "--recording",
        action="store_true",
        help="also time the engine with all measures at the default schedule",
    )
    add("--json", type=Path, metavar="FILE", help="write everything that was measured")
    add("--plot", type=Path, metavar="FILE", help="draw how the cost grows, as .png, .svg or .pdf")
    _add_gpu_check(parser)
    return parser


def _add_gpu_check(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--gpu-check",
        action="store_true",
        help="instead, run every check that needs a GPU; with --device cpu, with stand-ins",
    )
    add(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"what --gpu-check writes ({GPU_REPORT}; with stand-ins nothing)",
    )


GPU_REPORT = Path("reports/gpu.json")
GPU_OPTIONS = ("gpu_check", "device", "output")
"""The options that say something to ``--gpu-check``."""


def _check_gpu(options: argparse.Namespace) -> int:
    """Run the checks of a GPU; the exit code is 0 only if all of them passed."""
    device = resolve_device(options.device)
    if options.device == "auto" and device.type == "cpu":
        raise InputError("--gpu-check needs a GPU, and there is none: --device cpu uses stand-ins")
    output = options.output or (GPU_REPORT if device.type == "cuda" else None)
    if output is not None:
        _check_place(output, "--output")
    found = []
    for outcome in report.outcomes(device):
        found.append(outcome)
        _print(outcome.lines)
        # What was found is kept, should somebody end this before it is done.
        if output is not None:
            write_atomically(output, dumps(report.document(device, found)))
    _print([report.verdict(device, found)])
    return ExitCode.VERDICT_CHANGED if any(o.failed for o in found) else ExitCode.OK


def _run(options: argparse.Namespace) -> None:
    workloads = [workload(name) for name in options.workload.split(",")]
    sizes = [_size(text) for text in options.members.split(",")]
    dtypes = options.dtype.split(",")
    _check_numbers(options, dtypes)
    for each in workloads:
        each.require_memory(max(sizes), free_memory(torch.device("cpu")))
    protocol = Protocol(resolve_device(options.device), options.repeats, options.seconds)
    programs, skipped = _available(competitors(options.against.split(",")), protocol.device)
    figure = _figure(options.plot, skipped)
    if options.json is not None:
        _check_place(options.json, "--json")

    circumstances = record.circumstances(protocol, options.threads)
    _print(table.preamble(circumstances, programs, skipped))
    rows: list[Row] = []
    recorded: list[Row] = []
    points: list[Point] = []
    with limited_to(options.threads):
        peaks = {dtype: gemm_peak(dtype, protocol.device) for dtype in dtypes}
        for task, dtype in product(workloads, dtypes):
            cohorts = (
                compare(task, dtype, members, options.steps, programs, protocol)
                for members in sizes
            )
            rows += _show(cohorts, peaks[dtype])
        if options.recording:
            _print(["", f"{RECORDING.name}: {RECORDING.description}"])
            for row in recordings(dtypes, protocol):
                recorded += _show([row], peaks[row.dtype])
        if figure is not None:
            points = list(sweep(dtypes, programs, protocol))
            plot.draw(points, figure)
            _print(["", f"wrote {figure}"])
    if options.json is not None:
        measured = record.document(circumstances, programs, skipped, peaks, rows, points, recorded)
        write_atomically(options.json, dumps(measured))
        _print([f"wrote {options.json}"])


def _check_numbers(options: argparse.Namespace, dtypes: Sequence[str]) -> None:
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise InputError(f"unknown dtype {dtype!r}: choose {' or '.join(DTYPES)}")
    for name, least in (("repeats", 2), ("steps", 1), ("threads", 1)):
        if getattr(options, name) < least:
            raise InputError(f"--{name} must be at least {least}")
    if options.threads > (most := max(2, os.cpu_count() or 1)):
        raise InputError(f"--threads may be at most {most}, as many as there are cores")
    if not 0 < options.seconds < float("inf"):
        raise InputError("--seconds must be positive and finite")


def _show(rows: Iterable[Row], peak: float) -> list[Row]:
    """Print rows of one workload and dtype as they come, and return them."""
    shown: list[Row] = []
    for row in rows:
        if not shown:
            _print(table.heading(row, peak))
        _print([table.line(row, peak)])
        shown.append(row)
    _print(table.footing(shown))
    return shown


def _size(text: str) -> int:
    # More digits than a size needs are more than Python reads.
    if not (text.isascii() and text.isdecimal() and len(text) <= 12 and int(text) > 0):
        raise InputError(f"{text!r} is no number of members: give positive integers")
    return int(text)


def _available(
    programs: Sequence[Program], device: torch.device
) -> tuple[list[Program], dict[str, str]]:
    """The programs that can run, and why the others cannot."""
    reasons = {program.name: program.lacks(device) for program in programs}
    skipped = {name: reason for name, reason in reasons.items() if reason is not None}
    available = [program for program in programs if program.name not in skipped]
    if not available:
        described = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise InputError(f"no competitor can run here ({described})")
    return available, skipped


def _figure(path: Path | None, skipped: dict[str, str]) -> Path | None:
    """Where the figure is written; None unless it is wanted and can be drawn."""
    if path is None:
        return None
    _check_place(path, "--plot")
    if path.suffix not in plot.SUFFIXES:
        raise InputError(f"{path}: choose a name that ends in {', '.join(plot.SUFFIXES)}")
    if (reason := plot.lacks_matplotlib()) is not None:
        skipped["plot"] = reason
        return None
    return path


def _check_place(path: Path, option: str) -> None:
    """Refuse what cannot be written before anything is measured."""
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written: give a file in a folder that exists")
    try_writing(path, option)


def _print(lines: Iterator[str] | Sequence[str]) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
