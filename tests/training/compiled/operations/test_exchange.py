"""Members that come and go are the same to the bit; batches are those of the order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.compiled.operations.alone import DTYPES, LAYOUTS, Alone, bits, poison
from theorycheck.training.compiled.operations.base import Layout

both = pytest.mark.parametrize("dtype", DTYPES)
layouts = pytest.mark.parametrize("layout", LAYOUTS)


@both
@layouts
@given(
    rows=st.integers(1, 20),
    count=st.integers(1, 20),
    padding=st.integers(0, 9),
    data=st.data(),
    special=st.booleans(),
)
def test_members_come_and_go(
    layout: Layout,
    dtype: torch.dtype,
    rows: int,
    count: int,
    padding: int,
    special: bool,
    data: st.DataObject,
) -> None:
    """Bit for bit, what is not a number included; lanes beyond the last member change nothing."""
    alone = Alone(layout, dtype)
    first, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, 3))
    stride = column + count + 2
    table = np.arange(rows * stride, dtype=alone.reals.dtype).reshape(rows, stride)
    if special:
        bits(table)[:] = poison(dtype, table.size, 10**6).reshape(table.shape)
        table[0, column] = -np.inf
    before = table.copy()
    row = alone.address(table) + column * table.itemsize
    place = alone.free_numbers(count + padding)
    given = {"place": place, "row": row, "stride": stride, "last": rows - 1, "count": count}
    alone.run("enter", member=first, room=count + padding, **given)
    inside = alone.numbers_at(place, count + padding)
    residents = [min(first + lane, rows - 1) for lane in range(alone.members)]
    for lane, member in enumerate(residents):
        expected = before[member, column : column + count]
        assert np.array_equal(bits(inside[lane, :count].copy()), bits(expected.copy()))
    assert not bits(inside[:, count:].copy()).any()
    table[:] = 0
    alone.run("leave", member=first, **given)
    restored = np.zeros_like(table)
    restored[residents, column : column + count] = before[residents, column : column + count]
    assert np.array_equal(bits(table), bits(restored))


@both
@layouts
@pytest.mark.parametrize("shared", [False, True])
@given(
    members=st.integers(1, 11),
    width=st.integers(1, 9),
    batch=st.integers(1, 9),
    update=st.integers(0, 2),
    data=st.data(),
)
def test_a_batch_holds_the_samples_of_the_order(
    layout: Layout,
    dtype: torch.dtype,
    shared: bool,
    members: int,
    width: int,
    batch: int,
    update: int,
    data: st.DataObject,
) -> None:
    alone, samples = Alone(layout, dtype, batch), 10
    first = data.draw(st.integers(0, members - 1))
    rng = np.random.default_rng(members)
    numbers = rng.normal(size=(1 if shared else members, samples, width))
    numbers = numbers.astype(alone.reals.dtype)
    present = min(alone.members, members - first)
    order = rng.integers(samples, size=(present, 3, batch))
    out = alone.free_units(width)
    alone.run(
        "load",
        member=first,
        order=order,
        update=update,
        out=out,
        data=alone.address(numbers),
        width=width,
        member_stride=0 if shared else samples * width,
        order_stride=3 * batch,
        batch=batch,
        cells=alone.cells,
        last=members - 1,
    )
    found = alone.units_at(out, width)
    for lane in range(alone.members):
        resident = min(lane, present - 1)
        of_member = numbers[0 if shared else first + resident]
        assert np.array_equal(found[lane].T, of_member[order[resident, update]])
