"""Scales: from numbers to places on a drawing, with round numbers to read them by."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

WIDE = 30
"""Positive numbers whose largest is as many times the smallest are shown by their logarithms."""

MOST_TICKS = 5


@dataclass(frozen=True)
class Scale:
    """From numbers between two ends to places between two others.

    Attributes:
        low, high: numbers, both positive on a logarithmic scale.
        first, last: where they are drawn.
        ticks: numbers to be named.
    """

    low: float
    high: float
    first: int
    last: int
    logarithmic: bool
    ticks: tuple[float, ...]

    def at(self, number: float) -> int:
        """Where a number is drawn; at an end if it is beyond."""
        low, high, value = self.low, self.high, min(max(number, self.low), self.high)
        if self.logarithmic:
            low, high, value = map(math.log10, (low, high, value))
        return round(self.first + (self.last - self.first) * (value - low) / (high - low))

    @property
    def marks(self) -> list[tuple[int, str]]:
        """Where which ticks are."""
        return [(self.at(tick), f"{tick:g}") for tick in self.ticks]


def scale(numbers: Iterable[float], first: int, last: int) -> Scale:
    """A scale on which all numbers have their places, with round ends.

    Raises:
        ValueError: when there is no number.
    """
    known = sorted(numbers)
    if not known:
        raise ValueError("no number to draw")
    low, high = known[0], known[-1]
    if low > 0 and high >= WIDE * low:
        least, most = math.floor(math.log10(low)), math.ceil(math.log10(high))
        step = -(-(most - least) // (MOST_TICKS - 1))
        powers = tuple(10.0**power for power in range(least, most + 1, step))
        return Scale(10.0**least, 10.0**most, first, last, True, powers)
    if low == high:
        low, high = (low - abs(low) / 2, high + abs(high) / 2) if low else (-1.0, 1.0)
    round_step = _step((high - low) / (MOST_TICKS - 1))
    least, most = math.floor(low / round_step), math.ceil(high / round_step)
    ticks = tuple(float(f"{round_step * count:.6g}") for count in range(least, most + 1))
    return Scale(ticks[0], ticks[-1], first, last, False, ticks)


def _step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is no smaller."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)
