"""The figure of costs has all axes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.bench.rows import ROW
from theorycheck.bench import plot
from theorycheck.bench.measure import Spread
from theorycheck.bench.sweeps import AXES, Point

POINTS = [Point(axis, value, ROW) for axis, values in AXES.items() for value in values]


def test_a_curve_for_every_program_and_dtype() -> None:
    """The costs of `ROW`, by hand, at every size of the axis."""
    curves = plot.costs(POINTS, "depth")
    assert curves == {
        ("theorycheck", "float64"): dict.fromkeys(AXES["depth"], Spread(2.0, 1.25, 3.5)),
        ("plain", "float64"): dict.fromkeys(AXES["depth"], Spread(8.0, 5.0, 8.0)),
        ("vmap", "float64"): dict.fromkeys(AXES["depth"], Spread(2.0, 1.5, 3.0)),
    }


def test_what_was_timed_on_a_busy_machine_is_not_drawn(tmp_path: Path) -> None:
    busy = [Point(p.axis, p.value, replace(ROW, elsewhere=1.0)) for p in POINTS]
    assert plot.costs(busy, "depth") == {}
    mixed = plot.costs([*busy[:-1], POINTS[-1]], POINTS[-1].axis)
    assert [list(curve) for curve in mixed.values()] == [[POINTS[-1].value]] * 3
    if plot.lacks_matplotlib() is None:
        plot.draw(busy, tmp_path / "figure.svg")


def test_the_figure_has_all_axes(tmp_path: Path) -> None:
    """Where Matplotlib is installed."""
    if plot.lacks_matplotlib() is None:
        plot.draw(POINTS, tmp_path / "figure.svg")
        text = (tmp_path / "figure.svg").read_text()
        assert all(label in text for label in plot.LABELS.values())
