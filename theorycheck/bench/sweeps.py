"""How the cost grows with one size at a time, around W1: members, width, depth and steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from theorycheck.bench.competitors import Program
from theorycheck.bench.measure import Protocol, Row, compare
from theorycheck.bench.workloads import workload

Axis = Literal["members", "width", "depth", "steps"]
AXES: dict[Axis, tuple[int, ...]] = {
    "members": (1, 4, 16, 64, 256, 1024),
    "width": (8, 16, 32, 64, 128, 256),
    "depth": (2, 3, 5, 9, 17),
    "steps": (8, 64, 512, 4096),
}
"""Sizes along each axis; depth counts weight matrices, steps are whole epochs of W1."""


@dataclass(frozen=True)
class Point:
    """One measurement of the figure: a size along an axis, and what it costs."""

    axis: Axis
    value: int
    row: Row


def sweep(
    dtypes: Sequence[str], programs: Sequence[Program], protocol: Protocol
) -> Iterator[Point]:
    """All points of the figure, axis by axis for every dtype; each is timed when asked for."""
    uncut = replace(protocol, all_steps=True)
    for dtype in dtypes:
        for axis, values in AXES.items():
            for value in values:
                size = {"members": 64, "width": 32, "depth": 3, "steps": 1000, axis: value}
                hidden = "-".join([str(size["width"])] * (size["depth"] - 1))
                row = compare(
                    workload(f"mlp:16-{hidden}-1@8/64"),
                    dtype,
                    size["members"],
                    size["steps"],
                    programs,
                    uncut if axis == "steps" else protocol,
                )
                yield Point(axis, value, row)
