"""What was measured, for a terminal: a block for a workload and dtype, a line for every size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from theorycheck.bench.competitors import ENGINE, Program
from theorycheck.bench.measure import WIDEST, Comparison, Row, Spread, Timing

WIDTH = 20
"""Characters of a column of ratios."""
DISTURBING = 0.1
"""How many busy cores of other programs are worth a warning; idle programs take less."""


def preamble(
    circumstances: Mapping[str, Any], programs: Sequence[Program], skipped: Mapping[str, str]
) -> Iterator[str]:
    """How, where and with which programs everything below was measured."""
    versions = ", ".join(f"{name} {text}" for name, text in circumstances["versions"].items())
    yield f"{circumstances['device']}, {circumstances['threads']} threads; {versions}"
    yield (
        f"{circumstances['repeats']} pairs of runs, each cut to about "
        f"{circumstances['seconds_per_run']:g} s; costs are per member and step; "
        "ratios are medians of the pairs (quartiles)"
    )
    for program in (ENGINE, *programs):
        yield f"{program.name}: {program.description}"
    for name, reason in skipped.items():
        yield f"skipped {name}: {reason}"


def heading(row: Row, peak: float) -> Iterator[str]:
    """The head of a block, from its first row.

    Args:
        peak: operations per second of the fastest matrix product.
    """
    yield ""
    yield f"{row.workload.name}  {row.workload}"
    yield f"{row.dtype}, {row.steps} steps, GEMM peak {peak / 1e9:.0f} GFLOP/s"
    names = [f"× {comparison.competitor.program}" for comparison in row.comparisons]
    yield f"{'members':>7}  {'theorycheck':>11}  {'of peak':>7}" + "".join(
        f"  {name:>{WIDTH}}" for name in names
    )


def line(row: Row, peak: float) -> str:
    """A row: cost, fraction of the peak, each competitor's cost as a multiple of the engine's.

    Where other programs were busy, it says so instead of numbers, and instead of a ratio that
    varies too much.
    """
    return f"{row.members:>7}  {_own(row, peak)}" + "".join(
        f"  {_ratio(row, comparison):>{WIDTH}}" for comparison in row.comparisons
    )


def _own(row: Row, peak: float) -> str:
    """The engine's cost, and the fraction of the peak."""
    if not row.calm:
        return f"{'not measured':>20}"
    fraction = row.workload.flops / row.cost.median / peak
    cost = f"{_digits(row.cost.median * 1e6)} µs"
    return f"{cost:>11}  {fraction:>7.1%}"


def _ratio(row: Row, comparison: Comparison) -> str:
    if not row.measured(comparison):
        return "not measured"
    ratio = Spread.of(comparison.ratios)
    return f"{_digits(ratio.median)} ({_digits(ratio.lower)}–{_digits(ratio.upper)})"


def _digits(number: float) -> str:
    """A positive number with at least three significant digits and no exponent."""
    return f"{number:.{max(0, 2 - math.floor(math.log10(number)))}f}"


def footing(rows: Sequence[Row]) -> Iterator[str]:
    """What was timed on less than the rows of a block say, and whether other programs were busy."""
    timings: dict[str, list[str]] = {}
    for row in rows:
        engine = row.comparisons[0].engine
        for timing in (engine, *(comparison.competitor for comparison in row.comparisons)):
            if (timing.members, timing.steps) != (row.members, row.steps):
                timings.setdefault(timing.program, []).append(_cut(row, timing))
    if timings:
        described = [f"{program} {', '.join(cuts)}" for program, cuts in timings.items()]
        yield f"timed on less (members × steps): {'; '.join(described)}"
    unsteady = sorted(
        {c.competitor.program for row in rows if row.calm for c in row.comparisons if not c.steady}
    )
    if unsteady:
        yield (
            f"not measured: quartiles of the ratio to {', '.join(unsteady)} differ by more than a "
            f"factor of {WIDEST:g}"
        )
    busy = max(row.elsewhere or 0.0 for row in rows)
    if busy > DISTURBING:
        yield f"other programs kept up to {busy:.1f} cores busy: repeat this when they are done"


def _cut(row: Row, timing: Timing) -> str:
    steps = "" if timing.steps == row.steps else f"×{timing.steps}"
    return f"{timing.members}{steps} of {row.members}"
