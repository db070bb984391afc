"""The arena hands out places apart from one another; the table gives back what was put in."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.training.compiled.arena import (
    ALIGNMENT,
    Arena,
    Table,
    lanes_of,
    padded,
    rounded_up,
)
from theorycheck.training.compiled.operations.base import Layout

layouts: st.SearchStrategy[Layout] = st.sampled_from(("members", "samples"))
dtypes = st.sampled_from((torch.float32, torch.float64))


@given(
    dtype=dtypes,
    layout=layouts,
    batch=st.integers(1, 40),
    wanted=st.lists(
        st.tuples(st.sampled_from(("numbers", "units")), st.integers(1, 20)), min_size=1
    ),
)
def test_places_are_apart_aligned_and_inside(
    dtype: torch.dtype, layout: Layout, batch: int, wanted: list[tuple[str, int]]
) -> None:
    """A unit takes a vector for each sample, or one for as many samples as there are lanes."""
    arena, lanes = Arena(dtype, layout, batch), 32 // dtype.itemsize
    ends = []
    for kind, count in wanted:
        start = getattr(arena, kind)(count)
        numbers = count * (lanes if layout == "members" else 1)
        cells = batch if layout == "members" else (batch + lanes - 1) // lanes
        ends.append((start, start + (numbers if kind == "numbers" else count * cells * lanes)))
        assert start * dtype.itemsize % ALIGNMENT == 0
    assert all(stop <= start for (_, stop), (start, _) in pairwise(ends))
    assert arena.places == ends
    assert ends[-1][1] <= arena.size
    memory = arena.filled()
    assert memory.shape == (arena.size,)
    assert memory.data_ptr() % ALIGNMENT == 0


@given(dtype=dtypes, layout=layouts)
def test_given_numbers_are_there_for_all_members(dtype: torch.dtype, layout: Layout) -> None:
    arena = Arena(dtype, layout, 3)
    arena.numbers(5)
    half, zero = arena.number(0.5), arena.number(0.0)
    memory, members = arena.filled(), lanes_of(dtype) if layout == "members" else 1
    assert memory[half : half + members].tolist() == [0.5] * members
    assert memory.sum() == 0.5 * members
    assert arena.given == {half: 0.5, zero: 0.0}


@given(count=st.integers(0, 100), size=st.integers(1, 20))
def test_rounding_up(count: int, size: int) -> None:
    """The only multiple from a count on, less than a size away."""
    assert [n for n in range(count, count + size) if n % size == 0] == [rounded_up(count, size)]
    assert padded(count) == rounded_up(count, 8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_put_into_a_table_comes_out(dtype: torch.dtype) -> None:
    """Kinds side by side, in their order, in the row of each member."""
    table = Table(3, dtype, {"first": 2, "second": 1, "third": 4})
    for name in table.columns:
        table[name].copy_(torch.randn(table[name].shape))
    rows = torch.cat([table[name] for name in ("first", "second", "third")], dim=1)
    assert torch.equal(table.numbers, rows)
    assert table.columns == {"first": 0, "second": 2, "third": 3}
    assert table.numbers.dtype == dtype
