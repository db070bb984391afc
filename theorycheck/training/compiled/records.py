"""Records: an operation with its operands, in the sections that a driver runs one after the other.

A `Listing` holds a whole program without addresses; `encoded` makes of it the words that machine
code reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from llvmlite import ir
from torch import Tensor

from theorycheck.simd.machine import machine_code
from theorycheck.training.compiled.operations.effects import Address, Memory, Operand, Surroundings
from theorycheck.training.compiled.operations.table import OPERATIONS, build

WORDS = 18
"""Words that a record takes in memory: the address of its operation, then its operands."""


class Record(NamedTuple):
    """One operation, and its operands in the order of its parameters."""

    operation: str
    operands: tuple[Operand, ...]


class Section:
    """Records that a driver runs one after the other.

    Args:
        updates: how many batches of the samples' order it may be run for, one after the other.
    """

    def __init__(self, name: str, updates: int = 1) -> None:
        self.name, self.updates = name, updates
        self.records: list[Record] = []

    def emit(self, operation: str, **values: Operand) -> None:
        """Append an operation, given all its operands by name."""
        names = OPERATIONS[operation].operands
        record = Record(operation, tuple(values.pop(name) for name in names))
        assert not values, f"{operation} has no operand {', '.join(values)}"
        self.records.append(record)

    def extend(self, other: Section) -> None:
        """Append the records of another section."""
        self.records.extend(other.records)


class Memories:
    """What operations read and write outside the arena; it lives as long as its program does."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.shapes: list[Memory] = []

    def address(self, tensor: Tensor, rows: int = 1) -> Address:
        """The start of a contiguous tensor that has a row for each member, or one for all."""
        reach = 0 if tensor.is_floating_point() else 1 + int(tensor.max())
        self.shapes.append(Memory(tensor.dtype, rows, tensor.numel() // rows, reach))
        self.tensors.append(tensor)
        return Address(len(self.tensors) - 1, 0)


class Run(NamedTuple):
    """A section of a listing: positions among its records."""

    name: str
    updates: int
    records: tuple[int, ...]


class Listing(NamedTuple):
    """A program without addresses: programs that are equal do the same to places."""

    records: tuple[Record, ...]
    """Each once, however often it is run."""
    sections: tuple[Run, ...]
    courses: tuple[tuple[int, ...], ...]
    """Ways in which sections may follow one another."""
    surroundings: Surroundings
    size: int
    """How many reals the arena takes."""
    places: tuple[tuple[int, int], ...]
    """Where the places of the arena begin and end."""
    given: tuple[int, ...]
    """Places that hold a number before anything runs."""


def numbered(sections: Sequence[Section]) -> tuple[tuple[Record, ...], tuple[Run, ...]]:
    """The records of all sections, each once, and the sections with positions among them."""
    known: dict[int, int] = {}
    records: list[Record] = []
    runs = []
    for section in sections:
        for record in section.records:
            if id(record) not in known:
                known[id(record)] = len(records)
                records.append(record)
        positions = tuple(known[id(record)] for record in section.records)
        runs.append(Run(section.name, section.updates, positions))
    return tuple(records), tuple(runs)


def encoded(listing: Listing, memories: Sequence[Tensor]) -> Tensor:
    """The records of all sections as drivers read them, ``(records, WORDS)`` int64."""
    starts = [(tensor.data_ptr(), tensor.itemsize) for tensor in memories]
    dtype, lanes, layout = listing.surroundings[:3]
    real = ir.FloatType() if dtype == torch.float32 else ir.DoubleType()
    rows = []
    for name, operands in listing.records:
        code = partial(build, name=name, real=real, lanes=lanes, layout=layout)
        words = [machine_code(code, (name, dtype, layout))]
        for operand in operands:
            if isinstance(operand, Address):
                start, size = starts[operand.memory]
                operand = start + operand.offset * size
            words.append(operand)
        rows.append([*words, *[0] * (WORDS - len(words))])
    order = [position for section in listing.sections for position in section.records]
    return torch.tensor(rows)[order]
