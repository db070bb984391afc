"""What a check finds, subject by subject."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch

Figure = float | int | bool | str | None
Figures = Mapping[str, Figure]


@dataclass(frozen=True)
class Finding:
    """What came out for one subject of a check."""

    passed: bool
    words: str = ""
    """Why it did not pass."""
    figures: Figures = field(default_factory=dict)


Work = Callable[[], Finding]
Check = Callable[[torch.device], Iterator[tuple[str, Work]]]
"""From a device to subjects, and what to do for each. On a CPU, subjects are few and small."""


def examined(work: Work) -> Finding:
    """What some work finds; an exception is a finding too."""
    try:
        return work()
    except Exception as error:
        return Finding(False, f"{type(error).__name__}: {error}")
