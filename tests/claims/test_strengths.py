"""Strengths as a report holds them."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from theorycheck.claims.strengths import SAMPLED, Level, Strength


@pytest.mark.parametrize("level", get_args(Level))
def test_strengths_are_read_as_they_are_written(level: Level) -> None:
    strength = Strength(level=level, architectures=40, largest=57, reason="why")
    assert msgspec.convert(msgspec.to_builtins(strength), Strength) == strength


@pytest.mark.parametrize(
    "change", [{"level": "certain"}, {"architectures": -1}, {"largest": 0.5}, {"reason": 3}]
)
def test_what_is_no_strength_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**msgspec.to_builtins(SAMPLED), **change}, Strength)
