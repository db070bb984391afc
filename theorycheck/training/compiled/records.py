"""Records: an operation with its operands, in the sections that a driver runs one after the other.

A `Listing` holds a whole program without addresses; an `Assembly` of it, the words that machine
code reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from llvmlite import ir
from numpy.typing import NDArray
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


class Assembly(NamedTuple):
    """A program in words, but for where its memories outside the arena are."""

    words: NDArray[np.int64]
    """``(records, WORDS)``, in the order in which drivers read them."""
    places: tuple[NDArray[np.int64], NDArray[np.int64]]
    """Rows and columns of the words that are addresses."""
    memories: NDArray[np.int64]
    offsets: NDArray[np.int64]
    """Which memory each of them is in, and how many bytes from its start."""

    def at(self, memories: Sequence[Tensor]) -> Tensor:
        """The words of a program with these memories."""
        words, starts = self.words.copy(), [tensor.data_ptr() for tensor in memories]
        words[self.places] = np.array(starts, dtype=np.int64)[self.memories] + self.offsets
        return torch.from_numpy(words)


def assembled(listing: Listing) -> Assembly:
    """The words of a program; what of its machine code there is not yet is compiled."""
    dtype, lanes, layout, shapes = listing.surroundings[:4]
    real = ir.FloatType() if dtype == torch.float32 else ir.DoubleType()
    words = np.zeros((len(listing.records), WORDS), dtype=np.int64)
    addresses: dict[int, list[tuple[int, Address]]] = {}
    for row, (name, operands) in enumerate(listing.records):
        code = partial(build, name=name, real=real, lanes=lanes, layout=layout)
        words[row, 0] = machine_code(code, (name, dtype, layout))
        for column, operand in enumerate(operands, start=1):
            if isinstance(operand, Address):
                addresses.setdefault(row, []).append((column, operand))
            else:
                words[row, column] = operand
    order = [position for section in listing.sections for position in section.records]
    found = [
        (row, column, memory, offset * shapes[memory].dtype.itemsize)
        for row, position in enumerate(order)
        for column, (memory, offset) in addresses.get(position, ())
    ]
    rows, columns, memories, offsets = np.array(found, dtype=np.int64).T
    return Assembly(words[order], (rows, columns), memories, offsets)
