"""Extents by hand, and operands that do not fit them."""

from __future__ import annotations

import pytest
import torch

from theorycheck.training.compiled.operations.effects import (
    Address,
    Effect,
    Memory,
    Operand,
    Region,
    Surroundings,
    Unfit,
    adds,
    cells,
    numbers,
    reads,
    samples,
    spaced,
    spoils,
    stripes,
    whole_vectors,
)

PLAIN = Surroundings(
    torch.float64, 4, "samples", (Memory(torch.float64, 2, 8),), Memory(torch.int64, 1, 6), 2
)


def regions(effect: Effect, place: Operand = 8, **o: Operand) -> list[Region]:
    return effect.extent.regions(place, o, PLAIN)


def test_extents_by_hand() -> None:
    """With one member, four lanes, five samples in two cells."""
    assert regions(reads(numbers("a", "b")), a=2, b=3) == [Region(8, 6)]
    assert regions(reads(numbers())) == [Region(8, 1)]
    assert regions(reads(cells("a")), a=2) == [Region(8, 8, aligned=True)]
    assert regions(reads(stripes("a")), a=16) == [Region(8, 16, aligned=True)]
    units = regions(reads(samples("a")), a=3, cells=2, samples=5)
    assert units == [Region(8, 24, unit=8, touched=5)]


def test_operands_that_do_not_fit_are_refused() -> None:
    with pytest.raises(Unfit, match="no multiple of 8"):
        regions(reads(stripes("a")), a=12)
    with pytest.raises(Unfit, match="9 samples do not fit"):
        regions(reads(samples("a")), a=3, cells=2, samples=9)
    with pytest.raises(Unfit, match="neither a count nor a place"):
        regions(reads(numbers("a")), a=-1)
    with pytest.raises(Unfit, match="neither a count nor a place"):
        regions(reads(numbers()), Address(0, 0))


def test_extents_that_are_derived_by_hand() -> None:
    """Filled up to whole vectors; beginning later; several, a stride apart."""
    assert regions(reads(numbers(whole_vectors("a"))), a=5) == [Region(8, 8)]
    assert regions(reads(numbers(2, first=3))) == [Region(11, 2)]
    rows = regions(reads(spaced(stripes("a"), "b", "c")), a=8, b=3, c=24)
    assert rows == [Region(start, 8, aligned=True) for start in (8, 32, 56)]


def test_what_depends_on_the_layout() -> None:
    """Members side by side take vectors; nothing is spoilt then."""
    together = PLAIN._replace(layout="members")
    assert numbers("a").regions(8, {"a": 3}, together) == [Region(8, 12, aligned=True)]
    assert regions(spoils(numbers("a")), a=3) == [Region(8, 3)]
    assert spoils(numbers("a")).extent.regions(8, {"a": 3}, together) == []


def test_adding_is_an_update() -> None:
    effect = adds(cells("a"), "add")
    assert [effect.action_given({"add": add}) for add in (0, 1)] == ["writes", "updates"]
    with pytest.raises(Unfit, match="add: 2 is neither 0 nor 1"):
        effect.action_given({"add": 2})
