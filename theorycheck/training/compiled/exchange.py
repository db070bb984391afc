"""Exchange: how members come into the arena, get their batches, and go back to the table."""

from __future__ import annotations

from torch import Tensor

from theorycheck.training.compiled.arena import Table, padded
from theorycheck.training.compiled.operations.effects import Address
from theorycheck.training.compiled.places import Places
from theorycheck.training.compiled.records import Memories, Section


class Exchange:
    """Three sections: ``enter`` fetches members from a table, ``leave`` takes them back, ``load``
    fetches a batch.
    """

    def __init__(self, places: Places, memories: Memories, table: Table) -> None:
        self.places, self.memories, self.table = places, memories, table
        self.enter, self.leave, self.load = Section("enter"), Section("leave"), Section("load")
        self.rows = memories.address(table.numbers, rows=len(table.numbers))
        self.keep("decay", places.decay, changes=False)
        # Padding of the gradient is not written, and what another member left there need not be
        # finite.
        count = places.row.count * places.arena.members // places.arena.lanes
        self.enter.emit("clear", out=places.gradient, count=count)

    def keep(self, name: str, place: int, *, changes: bool = True) -> None:
        """Fetch a kind of numbers that members have in the table; what changes goes back to it."""
        column, count = self.table.columns[name], self.table[name].shape[1]
        self._exchange(column, place, count, count, changes)

    def keep_row(self, name: str, place: int) -> None:
        """The same for a row of `Field`, each of whose tensors is filled up."""
        column = self.table.columns[name]
        for position, size in self.places.row.segments:
            offset = position * self.places.arena.members
            self._exchange(column, place + offset, size, padded(size), changes=True)
            column += size

    def _exchange(self, column: int, place: int, count: int, room: int, changes: bool) -> None:
        members, stride = self.table.numbers.shape
        row = Address(self.rows.memory, column)
        self.enter.emit(
            "enter", place=place, row=row, stride=stride, last=members - 1, count=count, room=room
        )
        if changes:
            self.leave.emit(
                "leave", place=place, row=row, stride=stride, last=members - 1, count=count
            )

    def load_batch(self, out: int, data: Tensor, order_stride: int) -> None:
        """Load the samples of a batch.

        Args:
            data: ``(K, N, width)``.
            order_stride: how many samples are in order for a member at a time; 0 for batches of all
                samples, which are the same for all members.
        """
        shared = data.stride(0) == 0
        data = (data[0] if shared else data).contiguous()
        samples, width = data.shape[-2:]
        rows = 1 if shared else len(data)
        self.load.emit(
            "load",
            out=out,
            data=self.memories.address(data, rows),
            width=width,
            member_stride=0 if shared else samples * width,
            order_stride=order_stride,
            batch=self.places.batch,
            cells=self.places.arena.cells,
            last=len(self.table.numbers) - 1,
        )
