"""Rows of the benchmark made by hand: two competitors, all times powers of two seconds."""

from __future__ import annotations

from dataclasses import replace

from theorycheck.bench.measure import Comparison, Row, Timing
from theorycheck.bench.workloads import workload

FLOPS = 2 * 2 * (2 * 2 * 3 + 3 * 3 * 1)
"""Of a step of `ROW`: two samples, 6 weights without and 3 with a gradient by their inputs."""

ENGINE = Timing("theorycheck", members=4, steps=8, seconds=(32.0, 64.0, 128.0))
"""Costs of 1, 2 and 4 seconds per member and step."""
ROW = Row(
    workload("mlp:2-3-1@2/4"),
    "float64",
    members=4,
    steps=8,
    comparisons=(
        Comparison(ENGINE, Timing("plain", members=1, steps=8, seconds=(16.0, 64.0, 64.0))),
        Comparison(ENGINE, Timing("vmap", members=4, steps=4, seconds=(64.0, 32.0, 16.0))),
    ),
    elsewhere=0.0,
)
"""The competitors' costs are 2, 8, 8 and 4, 2, 1: ratios 2, 4, 2 and 4, 1, 1/4."""


def scaled(factor: float) -> Row:
    """`ROW` when everything takes a multiple of the time: the same ratios."""

    def slower(timing: Timing) -> Timing:
        return replace(timing, seconds=tuple(factor * seconds for seconds in timing.seconds))

    pairs = ((slower(c.engine), slower(c.competitor)) for c in ROW.comparisons)
    return replace(ROW, comparisons=tuple(Comparison(*pair) for pair in pairs))
