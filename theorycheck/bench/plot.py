"""The figure: the cost of a step as members, width, depth and steps grow."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from theorycheck.bench.measure import Spread
from theorycheck.bench.sweeps import AXES, Axis, Point

LABELS: dict[Axis, str] = {
    "members": "members",
    "width": "hidden width",
    "depth": "weight matrices",
    "steps": "steps",
}
CAPTION = (
    "16-32-32-1 ReLU network, batches of 8 of 64 samples, 64 members, 1000 steps; "
    "one size varies per panel"
)
STYLES = ("-", "--")
SUFFIXES = (".png", ".svg", ".pdf")


def lacks_matplotlib() -> str | None:
    """Why no figure can be drawn; None if one can."""
    return None if find_spec("matplotlib") else "matplotlib is not installed"


def costs(points: Sequence[Point], axis: Axis) -> dict[tuple[str, str], dict[int, Spread]]:
    """Costs at every size along an axis, in seconds per member and step, by program and dtype.

    What was timed while other programs were busy is left out.
    """
    curves: dict[tuple[str, str], dict[int, Spread]] = {}
    for point in points:
        if point.axis == axis and point.row.calm:
            row = point.row
            curves.setdefault(("theorycheck", row.dtype), {})[point.value] = row.cost
            for comparison in row.comparisons:
                competitor = comparison.competitor
                curve = curves.setdefault((competitor.program, row.dtype), {})
                curve[point.value] = Spread.of(competitor.costs)
    return curves


def draw(points: Sequence[Point], path: Path) -> None:
    """Write the figure: a panel for every axis, a line for every program and dtype, with quartiles.

    Args:
        path: ends in one of `SUFFIXES`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.5), layout="constrained")
    panels = figure.subplots(2, 2, sharey=True).flat
    for panel, axis in zip(panels, AXES, strict=True):
        curves = costs(points, axis)
        programs = list(dict.fromkeys(program for program, _ in curves))
        dtypes = list(dict.fromkeys(dtype for _, dtype in curves))
        for (program, dtype), curve in curves.items():
            middle = [spread.median * 1e6 for spread in curve.values()]
            below = [(spread.median - spread.lower) * 1e6 for spread in curve.values()]
            above = [(spread.upper - spread.median) * 1e6 for spread in curve.values()]
            panel.errorbar(
                list(curve),
                middle,
                [below, above],
                color=f"C{programs.index(program)}",
                linestyle=STYLES[dtypes.index(dtype)],
                linewidth=2 if program == "theorycheck" else 1,
                marker="o",
                markersize=4,
                label=f"{program}, {dtype}",
            )
        panel.set(xscale="log", yscale="log", xlabel=LABELS[axis])
        panel.set_xticks(AXES[axis], [str(value) for value in AXES[axis]])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    figure.supylabel("µs per member and step", fontsize="medium")
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    figure.suptitle(CAPTION, fontsize="medium")
    figure.savefig(path, dpi=120)
