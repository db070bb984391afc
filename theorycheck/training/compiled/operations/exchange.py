"""How members enter an arena from a table, leave it, and load their samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from theorycheck.simd.code import Array, Value
from theorycheck.training.compiled.operations.base import Operation
from theorycheck.training.compiled.operations.effects import (
    batches_in_order,
    data_of_members,
    numbers,
    reads,
    row_of_table,
    samples,
    writes,
)
from theorycheck.training.compiled.operations.table import operation

# --- Steps


def residents(k: Operation, last: Value) -> list[Value]:
    """The members in the arena's lanes; lanes beyond the last member repeat it."""
    first = Value(k, k.member)
    return [k.minimum(first + lane, last) for lane in range(k.lanes if k.members else 1)]


def side_by_side(
    k: Operation, source: Array, starts: Sequence[Value], count: Value
) -> Iterator[tuple[Value, Value]]:
    """How many places after the starts, and what is there: a number of each member.

    To be used in a loop, whose body is written once for each loop of the machine.
    """
    if not k.members:
        with k.loop(0, count) as i:
            yield i, source[starts[0] + i]
        return
    with k.loop(0, count, k.lanes) as i:
        rows = [k.unaligned(source.at(start + i))[0] for start in starts]
        for j, numbers in enumerate(k.transposed(rows)):
            yield i + j, numbers
    with k.loop(count - k.remainder(count, k.lanes), count) as i:
        yield i, k.gather([source[start + i] for start in starts])


@operation(
    place=(writes(numbers("count")), writes(numbers("room"))),
    row=reads(row_of_table("count", "stride", "last")),
)
def enter(
    k: Operation,
    place: Value,
    row: Value,
    stride: Value,
    last: Value,
    count: Value,
    room: Value,
) -> None:
    """Fetch ``count`` numbers from the members' rows, and fill up with zeros.

    ``row`` is the address of the first member's numbers, rows are ``stride`` apart.
    """
    source, result = k.address(row, k.real), k.numbers(place)
    for i, number in side_by_side(k, source, [m * stride for m in residents(k, last)], count):
        result[i] = number
    with k.loop(count, room) as i:
        result[i] = k.constant(k.number, 0.0)


@operation(place=reads(numbers("count")), row=writes(row_of_table("count", "stride", "last")))
def leave(k: Operation, place: Value, row: Value, stride: Value, last: Value, count: Value) -> None:
    """Take the numbers back to where `enter` found them."""
    source, result = k.numbers(place), k.address(row, k.real)
    starts = [member * stride for member in residents(k, last)]
    if not k.members:
        with k.loop(0, count) as i:
            result[starts[0] + i] = source[i]
        return
    with k.loop(0, count, k.lanes) as i:
        rows = k.transposed([source[i + j] for j in range(k.lanes)])
        for start, numbers in zip(starts, rows, strict=True):
            k.unaligned(result.at(start + i))[0] = numbers
    with k.loop(count - k.remainder(count, k.lanes), count) as i:
        for lane, start in enumerate(starts):
            result[start + i] = k.lane(source[i], lane)


@operation(
    out=writes(samples("width", of="batch")),
    data=reads(data_of_members("width", "member_stride", "last")),
    order_stride=reads(batches_in_order("batch")),
)
def load(
    k: Operation,
    out: Value,
    data: Value,
    width: Value,
    member_stride: Value,
    order_stride: Value,
    batch: Value,
    cells: Value,
    last: Value,
) -> None:
    """The samples of a batch; ``data`` is an address."""
    source, result = k.address(data, k.real), k.numbers(out)
    order, update, first = Array(k, k.order, 8), Value(k, k.update), Value(k, k.member)
    with k.loop(0, batch) as n:
        starts = []
        for member in residents(k, last):
            row = (member - first) * order_stride
            chosen = order[row + update * batch + n]
            starts.append(member * member_stride + chosen * width)
        for i, number in side_by_side(k, source, starts, width):
            result[i * k.per_unit(cells) + n] = number
