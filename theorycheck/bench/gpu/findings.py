"""What a check finds, subject by subject."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch

Figure = float | int | bool | str | None
Figures = Mapping[str, Figure]


@dataclass(frozen=True)
class Finding:
    """What came out for one subject of a check."""

    passed: bool
    words: str = ""
    """Why it did not pass; or what is worth a line though it did."""
    figures: Figures = field(default_factory=dict)


Work = Callable[[], Finding]
Check = Callable[[torch.device], Iterator[tuple[str, Work]]]
"""From a device to subjects, and what to do for each. On a CPU, subjects are few and small."""


def examined(work: Work) -> Finding:
    """What some work finds; an exception is a finding too.

    Figures that are not finite become words, since JSON has no numbers for them.
    """
    try:
        found = work()
        figures = {n: f if _finite(f) else str(f) for n, f in found.figures.items()}
        return replace(found, figures=figures)
    except Exception as error:
        return Finding(False, f"{type(error).__name__}: {error}")


def _finite(figure: Figure) -> bool:
    return not isinstance(figure, float) or math.isfinite(figure)
