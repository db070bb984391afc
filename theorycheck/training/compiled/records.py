"""Records: an operation with its operands, in the sections that a driver runs one after the other.

An operand is a number, a place in the arena (an offset, in reals), or an `Address` of memory
outside it. `encoded` turns records into the words that machine code reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from llvmlite import ir
from torch import Tensor

from theorycheck.simd.machine import machine_code
from theorycheck.training.compiled.arena import Arena
from theorycheck.training.compiled.operations.base import build, operands

WORDS = 18
"""Words that a record takes in memory: the address of its operation, then its operands."""


class Address(NamedTuple):
    """A place outside the arena: in one of a program's `Memories`, some elements from its start."""

    memory: int
    offset: int


Operand = int | Address


class Record(NamedTuple):
    """One operation, and its operands in the order of its parameters."""

    operation: str
    operands: tuple[Operand, ...]


class Section:
    """Records that a driver runs one after the other."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.records: list[Record] = []

    def emit(self, operation: str, **values: Operand) -> None:
        """Append an operation, given all its operands by name."""
        record = Record(operation, tuple(values.pop(name) for name in operands(operation)))
        assert not values, f"{operation} has no operand {', '.join(values)}"
        self.records.append(record)

    def extend(self, other: Section) -> None:
        """Append the records of another section."""
        self.records.extend(other.records)


class Memories:
    """What operations read and write outside the arena; it lives as long as its program does."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []

    def address(self, tensor: Tensor) -> Address:
        """The start of a contiguous tensor."""
        self.tensors.append(tensor)
        return Address(len(self.tensors) - 1, 0)


def encoded(sections: Sequence[Section], memories: Memories, arena: Arena) -> Tensor:
    """The records of all sections as drivers read them, ``(records, WORDS)`` int64."""
    starts = [(tensor.data_ptr(), tensor.itemsize) for tensor in memories.tensors]
    real = ir.FloatType() if arena.dtype == torch.float32 else ir.DoubleType()
    known: dict[Record, list[int]] = {}
    rows = []
    for record in (record for section in sections for record in section.records):
        if record not in known:
            name = record.operation
            code = partial(build, name=name, real=real, lanes=arena.lanes, layout=arena.layout)
            words = [machine_code(code, (name, arena.dtype, arena.layout))]
            for operand in record.operands:
                if isinstance(operand, Address):
                    start, size = starts[operand.memory]
                    operand = start + operand.offset * size
                words.append(operand)
            known[record] = [*words, *[0] * (WORDS - len(words))]
        rows.append(known[record])
    return torch.tensor(rows)
