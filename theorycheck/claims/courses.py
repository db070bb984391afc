"""Courses of trainings: how networks were trained, and what was measured of them on the way.

They decide nothing and are recorded for figures. At each of a few epochs the measured numbers are
counted in fixed bins, 180 in each power of ten, so that those of several runs add up exactly, in
any order. What they hold is bounded by the types below.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from msgspec import Meta

from theorycheck.errors import InputError

STAGES = 8
"""Numbers are counted at the start, and at the ends of this many equal parts of the training."""

LEAST, MOST = 1e-15, 9.95e8
"""Definition: what is nearer to 0 counts as 0, and what is farther from it as this far."""

MOST_LINES, MOST_MILESTONES, MOST_POPULATIONS = 4, 16, 16
"""The most recipes, and numbers that are followed, of an experiment; the most milestones of a
recipe; and the most populations."""

Whole = Annotated[int, Meta(ge=0)]

Bins = Annotated[
    str,
    Meta(
        description="'value:members value:members ...' by increasing value, of which there are"
        " 1.00, 1.05, 1.10 to 9.95 times each power of ten",
        pattern=r"^(-?[0-9.]+(e[+-][0-9]+)?:[0-9]+( -?[0-9.]+(e[+-][0-9]+)?:[0-9]+)*)?$",
        max_length=180_000,  # of all bins there are: 2 signs, 24 powers of ten, 180 values; and 0
    ),
]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The numbers of a recipe; attributes are those of `theorycheck.training.Recipe`."""

    batch_size: Whole
    epochs: Whole
    learning_rate: float
    weight_decay: float
    momentum: float
    milestones: Annotated[tuple[Whole, ...], Meta(max_length=MOST_MILESTONES)]
    order: Whole


@dataclass(frozen=True, kw_only=True)
class Line:
    """What was measured, in words, and its values at each stage."""

    words: str
    stages: Annotated[tuple[Bins, ...], Meta(max_length=STAGES + 1)]


@dataclass(frozen=True, kw_only=True)
class Course:
    """Of the pairs of one population. Courses of one experiment are added with ``+``.

    Attributes:
        recipes: of the networks of a pair, in order.
        epochs: of the first recipe, at which values were taken; of others at the same parts of
            their training. Empty where nothing is measured on the way.
        threshold: the effect at which the tendency begins.
        pairs: how many the values are of: those that count, of the first that were trained.
        lines: what was measured; a value that is not finite is left out.
    """

    recipes: Annotated[tuple[Settings, ...], Meta(min_length=1, max_length=MOST_LINES)]
    epochs: Annotated[tuple[Whole, ...], Meta(max_length=STAGES + 1)]
    threshold: float
    pairs: Whole
    lines: Annotated[tuple[Line, ...], Meta(max_length=MOST_LINES)]

    def __post_init__(self) -> None:
        if any(len(line.stages) != len(self.epochs) for line in self.lines):
            raise ValueError("a line has values at other epochs")

    def __add__(self, other: Course) -> Course:
        if self._about() != other._about():
            raise InputError("the networks were trained or measured in different ways")
        lines = tuple(
            replace(one, stages=tuple(map(_added, one.stages, same.stages)))
            for one, same in zip(self.lines, other.lines, strict=True)
        )
        return replace(self, pairs=self.pairs + other.pairs, lines=lines)

    def _about(self) -> tuple[object, ...]:
        return self.recipes, self.epochs, self.threshold, [line.words for line in self.lines]


def stages(epochs: int) -> list[int]:
    """The epochs at which values are taken."""
    return [epochs * part // STAGES for part in range(STAGES + 1)]


def added(one: Mapping[str, Course], other: Mapping[str, Course]) -> dict[str, Course]:
    """The courses of both, population by population.

    Raises:
        InputError: when those of one population were trained or measured in different ways.
    """
    both = {name: one[name] + other[name] for name in one.keys() & other.keys()}
    return dict(sorted({**one, **other, **both}.items()))


def binned(values: Iterable[float]) -> Bins:
    """How many values are in which bin; those that are not finite are left out."""
    return _text(Counter(_bin(value) for value in values if math.isfinite(value)))


def counts(bins: Bins) -> dict[float, int]:
    """How many values are in the bin of each number."""
    pairs = (part.split(":") for part in bins.split())
    return {float(value): int(count) for value, count in pairs}


def quantiles(bins: Bins, parts: Sequence[float]) -> list[float] | None:
    """The values below which these parts of all values lie; None of none.

    Between two values they are in proportion, so that the median is the middle of the middle two.
    """
    found = counts(bins)
    values = [value for value, count in found.items() for _ in range(count)]
    return [_at(values, part * (len(values) - 1)) for part in parts] if values else None


def _at(values: Sequence[float], place: float) -> float:
    lower = values[int(place)]
    return lower + (place - int(place)) * (values[math.ceil(place)] - lower)


def _bin(value: float) -> str:
    kept = max(-MOST, min(MOST, value))
    if abs(kept) < LEAST:
        return "0"
    digits, power = f"{kept:.15e}".split("e")
    return f"{float(f'{round(20 * float(digits)) / 20}e{power}'):.3g}"


def _added(one: Bins, other: Bins) -> Bins:
    total: Counter[str] = Counter()
    for part in (*one.split(), *other.split()):
        value, count = part.split(":")
        total[value] += int(count)
    return _text(total)


def _text(found: Mapping[str, int]) -> Bins:
    return " ".join(f"{value}:{found[value]}" for value in sorted(found, key=float))
