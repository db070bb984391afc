"""A sweep varies one size at a time: what is to be compared is taken down instead of timed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.bench.rows import ROW
from tests.bench.tasks import CPU
from theorycheck.bench import sweeps
from theorycheck.bench.competitors import competitors
from theorycheck.bench.measure import Protocol, Row
from theorycheck.bench.workloads import NAMED, Workload
from theorycheck.networks.specification import mlp

W1 = NAMED["W1"].network
EXPECTED = [
    ("members", 1, W1, 1, 1000),
    ("members", 2, W1, 2, 1000),
    ("width", 2, mlp((16, 2, 2, 1)), 64, 1000),
    ("width", 3, mlp((16, 3, 3, 1)), 64, 1000),
    ("depth", 2, mlp((16, 32, 1)), 64, 1000),
    ("depth", 5, mlp((16, 32, 32, 32, 32, 1)), 64, 1000),
    ("steps", 8, W1, 64, 8),
    ("steps", 16, W1, 64, 16),
]
"""Axis, value, network, members and steps: each differs from W1, 64 and 1000 in its axis alone."""


def test_one_size_varies_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one dtype after the other; all steps are made where it is they that vary."""
    plain, protocol = competitors(["plain"]), Protocol(CPU, repeats=2, seconds=0.001)

    def compare(
        workload: Workload, dtype: str, members: int, steps: int, programs: Any, how: Protocol
    ) -> Row:
        assert programs == plain
        assert how == replace(protocol, all_steps=steps != 1000)
        return replace(ROW, workload=workload, dtype=dtype, members=members, steps=steps)

    axes = {"members": (1, 2), "width": (2, 3), "depth": (2, 5), "steps": (8, 16)}
    monkeypatch.setattr(sweeps, "AXES", axes)
    monkeypatch.setattr(sweeps, "compare", compare)
    points = list(sweeps.sweep(["float64", "float32"], plain, protocol))
    assert [point.row.dtype for point in points] == ["float64"] * 8 + ["float32"] * 8
    rows = [(p.axis, p.value, p.row.workload.network, p.row.members, p.row.steps) for p in points]
    assert rows == EXPECTED * 2
    assert all((p.row.workload.batch_size, p.row.workload.samples) == (8, 64) for p in points)


def test_steps_are_whole_epochs() -> None:
    """So that as many are made as the figure says."""
    assert all(steps % NAMED["W1"].updates == 0 for steps in sweeps.AXES["steps"])
