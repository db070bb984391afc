"""The figure of costs has all axes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.tasks import CPU
from theorycheck.bench import plot, sweeps
from theorycheck.bench.competitors import competitors
from theorycheck.bench.measure import Protocol
from theorycheck.networks.specification import mlp


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
