"""Figures: geometry of what a report recorded, for the templates to draw as SVG.

Nothing is drawn that is not in the report. Drawings are 600 units wide, places whole numbers, so
that the same report gives the same bytes. Lines differ by their dashes, whatever their colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from theorycheck.claims.courses import Course, Line, counts, quantiles
from theorycheck.claims.entries import Entry
from theorycheck.claims.outcomes import Stratum
from theorycheck.claims.slack import BINS
from theorycheck.reports.html.scales import Scale, scale

LEFT, RIGHT, TOP, BOTTOM = 94, 574, 14, 262
"""Of the part of a figure in which numbers have places."""

START = 26
"""Where the scale of effects begins, which has no numbers beside it."""

BARS = 48
"""Bars of a histogram of effects, all of one width."""

ROW, TALLEST = 92, 50
"""Heights of a row of effects and of its highest bar."""


@dataclass(frozen=True)
class Curve:
    """One quantity over training: its median, and the band of half of all networks."""

    words: str
    median: str
    band: str


@dataclass(frozen=True)
class Curves:
    """Quantities over the training of the pairs of one population."""

    across: Scale
    up: Scale
    curves: tuple[Curve, ...]


def curves(course: Course) -> Curves | None:
    """What was followed; None where nothing was, or no number was found."""
    seen = [value for line in course.lines for bins in line.stages for value in counts(bins)]
    if not seen:
        return None
    quarters = [
        [quantiles(bins, (0.25, 0.5, 0.75)) for bins in line.stages] for line in course.lines
    ]
    drawn = [value for found in quarters for three in found if three for value in three]
    first, last = course.epochs[0], course.epochs[-1]
    middle = course.epochs[len(course.epochs) // 2]
    across = Scale(first, last, LEFT, RIGHT, False, tuple(map(float, (first, middle, last))))
    up = scale(drawn, BOTTOM, TOP)
    places = [across.at(epoch) for epoch in course.epochs]
    return Curves(
        across,
        up,
        tuple(
            _curve(line, places, found, up)
            for line, found in zip(course.lines, quarters, strict=True)
        ),
    )


def _curve(
    line: Line, places: Sequence[int], found: Sequence[list[float] | None], up: Scale
) -> Curve:
    known = [
        (x, *map(up.at, three)) for x, three in zip(places, found, strict=True) if three is not None
    ]
    median = _path([(x, y) for x, _, y, _ in known])
    there = [(x, y) for x, _, _, y in known]
    back = [(x, y) for x, y, _, _ in reversed(known)]
    wide = any(low != high for _, low, _, high in known)
    return Curve(line.words, median, _path([*there, *back]) + "Z" if wide else "")


def _path(points: Sequence[tuple[int, int]]) -> str:
    return "M" + " ".join(f"{x} {y}" for x, y in points)


@dataclass(frozen=True)
class Row:
    """The effects of the pairs of one population, of a claim or of a control.

    Attributes:
        words: whose they are, and of how many pairs it is true.
        bars: their histogram, from where the row begins.
        median: where it is.
        interval: its ends, where they are beyond what is drawn at an end of that.
        top: where the row begins.
    """

    words: str
    bars: str
    median: int
    interval: tuple[int, int]
    top: int


@dataclass(frozen=True)
class Effects:
    """The effects of all pairs of a claim and of its controls on one scale.

    Attributes:
        threshold: where the tendency begins; None where that is beyond the scale, or not known.
    """

    across: Scale
    rows: tuple[Row, ...]
    threshold: int | None
    height: int


def strata(entry: Entry) -> list[tuple[str, Stratum]]:
    """The pairs of a claim and of its controls, population by population, and whose they are."""
    told = [("the claim", entry.examples), ("control", entry.control.examples)]
    if entry.positive is not None:
        told.append(("positive control", entry.positive.examples))
    populations = {name for _, examples in told for name in examples.strata}
    return [
        (f"{name}: {words}" if len(populations) > 1 else words, examples.strata[name])
        for name in sorted(populations)
        for words, examples in told
        if name in examples.strata
    ]


def effects(entry: Entry) -> Effects | None:
    """Of the pairs of an entry; None where none has an effect."""
    found = [(words, stratum) for words, stratum in strata(entry) if stratum.effects]
    if not found:
        return None
    thresholds = {course.threshold for course in entry.courses.values()}
    numbers = [float(text) for _, stratum in found for text in stratum.effects]
    across = scale([*numbers, *_drawable(thresholds, numbers)], START, RIGHT)
    rows = tuple(
        _row(words, stratum, across, ROW * place) for place, (words, stratum) in enumerate(found)
    )
    shown = [t for t in thresholds if across.low <= t <= across.high]
    threshold = across.at(shown[0]) if len(thresholds) == len(shown) == 1 else None
    return Effects(across, rows, threshold, ROW * len(rows))


def _drawable(thresholds: set[float], numbers: Sequence[float]) -> list[float]:
    """Thresholds that a scale of these numbers can show."""
    return [t for t in thresholds if t > 0 or min(numbers) <= 0]


def _row(words: str, stratum: Stratum, across: Scale, top: int) -> Row:
    size = stratum.size()
    assert size is not None, "a row is made of effects"
    width = (across.last - across.first) / BARS
    heights: dict[int, int] = {}
    for text, count in stratum.effects.items():
        bar = min(BARS - 1, int((across.at(float(text)) - across.first) / width))
        heights[bar] = heights.get(bar, 0) + count
    most = max(heights.values())
    bars = "".join(
        f"M{round(across.first + (bar + 0.5) * width)} {28 + TALLEST}"
        f"v-{max(1, TALLEST * count // most)}"
        for bar, count in sorted(heights.items())
    )
    shown = f"{words}: {stratum.successes} of {stratum.pairs} pairs"
    return Row(shown, bars, across.at(size[0]), (across.at(size[1]), across.at(size[2])), top)


@dataclass(frozen=True)
class Slack:
    """How far the examples of an inequality are from equality: bars from 0 to more than 1."""

    bars: str
    examples: int
    equal: int


def slack(found: Mapping[str, int]) -> Slack | None:
    """Of the counts in bins; None where there are none."""
    if not found:
        return None
    most = max(found.values())
    bars = "".join(
        f"M{40 * place + 18} 60v-{max(2, 56 * found[name] // most)}"
        for place, name in enumerate(BINS)
        if found.get(name)
    )
    return Slack(bars, sum(found.values()), found.get(BINS[0], 0))
