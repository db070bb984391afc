"""Strengths: how far a passing verdict reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from theorycheck.claims.outcomes import Count

Level = Literal["sampled", "architectures", "general"]
"""A counterexample was looked for among examples; the statement is settled for architectures, with
all weights and data that they may have; it is derived with symbols for everything."""
Known = Level | Literal["unexamined"]
"""What is known of a strength: its level, or that nobody looked."""


@dataclass(frozen=True, kw_only=True)
class Strength:
    """Of a claim that passes.

    Attributes:
        level: ``architectures`` where the statement is settled for all weights, data and activation
            patterns of each that was looked at, with an error below 2^-100 for each.
        architectures: how many.
        largest: how many numbers the weights and data of the largest of them are.
        reason: why it is no more than ``sampled``, if it is not.
    """

    level: Level
    architectures: Count = 0
    largest: Count = 0
    reason: str | None = None


SAMPLED = Strength(level="sampled")
