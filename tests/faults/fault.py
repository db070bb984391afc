"""A deliberate fault of the engine: what is changed, and who is asked about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A change at one place of the engine.

    Attributes:
        name: unique.
        module: the module of theorycheck that is changed.
        effect: what the engine then does, in words.
        old: the source that is replaced, which occurs in the module exactly once, so that a fault
            cannot outlive the code that it is about.
        new: what replaces it.
        asked: node ids of pytest: who should notice.
    """

    name: str
    module: str
    effect: str
    old: str
    new: str
    asked: tuple[str, ...]
