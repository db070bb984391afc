"""What was measured, as a JSON document."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from theorycheck.bench.competitors import ENGINE, Program
from theorycheck.bench.measure import Comparison, Protocol, Row, Spread, Timing
from theorycheck.bench.sweeps import Point

PACKAGES = ("theorycheck", "torch", "numpy", "llvmlite", "triton", "jax", "jaxlib")


def circumstances(protocol: Protocol, threads: int) -> dict[str, Any]:
    """When, where and how the benchmark runs, as JSON values by name."""
    return {
        "date": now(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": device_name(protocol.device),
        "threads": threads,
        "versions": versions(),
        "repeats": protocol.repeats,
        "seconds_per_run": protocol.seconds,
    }


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def device_name(device: torch.device) -> str:
    """What a device is called: a GPU by its model, a CPU by the vectors that torch uses there."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu {torch.backends.cpu.get_cpu_capability()}"


def versions() -> dict[str, str]:
    """Those of Python and of the packages that are installed, by name."""
    return {"python": platform.python_version(), **dict(_packages())}


def _packages() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


def document(
    circumstances: Mapping[str, Any],
    programs: Sequence[Program],
    skipped: Mapping[str, str],
    peaks: Mapping[str, float],
    rows: Sequence[Row],
    points: Sequence[Point],
    recorded: Sequence[Row],
) -> dict[str, Any]:
    """Everything that was measured, with every single run, as JSON values by name.

    Times are in seconds, costs in seconds per member and step.

    Args:
        skipped: why programs did not run, by name.
        peaks: operations per second of the fastest matrix product, by dtype.
        points: those of the figure.
        recorded: the engine alone against the engine with all measures.
    """
    return {
        **circumstances,
        "programs": {program.name: program.description for program in (ENGINE, *programs)},
        "skipped": dict(skipped),
        "gemm_peak_flops": dict(peaks),
        "workloads": {row.workload.name: str(row.workload) for row in (*rows, *recorded)},
        "rows": [_row(row, peaks) for row in rows],
        "recording": [_row(row, peaks) for row in recorded],
        "points": [{"axis": p.axis, "value": p.value, **_row(p.row, peaks)} for p in points],
    }


def _row(row: Row, peaks: Mapping[str, float]) -> dict[str, Any]:
    flops = row.workload.flops
    return {
        "workload": row.workload.name,
        "dtype": row.dtype,
        "members": row.members,
        "steps": row.steps,
        "flops_per_step": flops,
        "busy_elsewhere": row.elsewhere,
        "measured": row.calm,
        "cost": asdict(row.cost),
        "gemm_fraction": flops / row.cost.median / peaks[row.dtype] if row.calm else None,
        "comparisons": [_comparison(row, comparison) for comparison in row.comparisons],
    }


def _comparison(row: Row, comparison: Comparison) -> dict[str, Any]:
    return {
        "against": comparison.competitor.program,
        "measured": row.measured(comparison),
        "ratio": asdict(Spread.of(comparison.ratios)),
        "engine": _timing(comparison.engine),
        "competitor": _timing(comparison.competitor),
    }


def _timing(timing: Timing) -> dict[str, Any]:
    return {
        "members": timing.members,
        "steps": timing.steps,
        "threads": timing.threads,
        "seconds": list(timing.seconds),
        "cost": asdict(Spread.of(timing.costs)),
    }
