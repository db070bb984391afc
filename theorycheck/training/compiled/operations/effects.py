"""Effects: what an operation does to the places that its operands name, and how far these reach.

An entry of the table of legal operations names an effect for every operand that is a place::

    @operation(out=writes(cells("count")), source=reads(cells("count")))

`reads`, `writes`, `updates` and their like say what is done; `numbers`, `cells` and their like say
how much, in terms of other operands. Without running anything, an effect gives the `Region` of
memory that an operation with given operands touches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch

from theorycheck.training.compiled.operations.base import STRIPES, Layout


class Unfit(ValueError):
    """Operands that do not fit one another or what they work on; the message says why."""


class Address(NamedTuple):
    """A place outside the arena: one of a program's memories, and elements from its start."""

    memory: int
    offset: int


Operand = int | Address
"""A number, a place in the arena (an offset, in reals), or a place outside it."""

ARENA = -1
"""Stands where memories outside the arena have their number."""


class Memory(NamedTuple):
    """What a memory outside the arena is like: equal rows of elements, one for each member, or one
    for all.
    """

    dtype: torch.dtype
    rows: int
    length: int
    reach: int = 0
    """Of indices: one more than the largest."""


class Surroundings(NamedTuple):
    """What an operation works in."""

    dtype: torch.dtype
    lanes: int
    layout: Layout
    memories: tuple[Memory, ...]
    order: Memory
    """The order of samples: a row for each member that shares an arena, or one for all members."""
    updates: int
    """How many batches of that order are taken, one after the other."""

    @property
    def members(self) -> int:
        """How many reals a number of each member takes."""
        return self.lanes if self.layout == "members" else 1


class Region(NamedTuple):
    """Elements of one memory from ``start`` on; of every ``unit`` of them only the first ones are
    touched, if ``unit`` is not 0.
    """

    start: int
    size: int
    memory: int = ARENA
    aligned: bool = False
    """Whether whole vectors are loaded or stored, which begin at multiples of their length."""
    unit: int = 0
    touched: int = 0


Operands = Mapping[str, Operand]


@dataclass(frozen=True)
class Extent:
    """How much is touched from a place on."""

    counts: tuple[str, ...]
    """The operands that say so."""
    regions: Callable[[Operand, Operands, Surroundings], list[Region]]


class Count(NamedTuple):
    """A number that is derived from an operand."""

    operand: str
    value: Callable[[Operand, Surroundings], int]


Counts = tuple[str | int | Count, ...]
"""Numbers, operands that are numbers, and what is derived from operands."""


def whole_vectors(operand: str) -> Count:
    """A count, filled up to whole vectors."""
    return Count(operand, lambda count, s: -(-_number(count) // s.lanes) * s.lanes)


def reach(operand: str) -> Count:
    """One more than the largest of the indices at an address."""
    return Count(operand, lambda address, s: _memory(address, s, torch.int64).reach)


def numbers(*counts: str | int | Count, first: int = 0) -> Extent:
    """Numbers that there are once per member, as many as the product of the counts.

    Args:
        first: how many numbers after the place they begin.
    """

    def regions(place: Operand, o: Operands, s: Surroundings) -> list[Region]:
        start, size = _number(place) + first * s.members, _product(counts, o, s) * s.members
        return [Region(start, size, aligned=s.layout == "members")]

    return Extent(_names(counts), regions)


def stripes(count: str) -> Extent:
    """Parameters, once per member, that are loaded `STRIPES` at a time."""

    def regions(place: Operand, o: Operands, s: Surroundings) -> list[Region]:
        size = _product((count,), o, s)
        if size % STRIPES:
            raise Unfit(f"{count} = {size} is no multiple of {STRIPES}")
        return [Region(_number(place), size * s.members, aligned=True)]

    return Extent((count,), regions)


def cells(*counts: str | int | Count) -> Extent:
    """Whole cells, as many as the product of the counts."""

    def regions(place: Operand, o: Operands, s: Surroundings) -> list[Region]:
        return [Region(_number(place), _product(counts, o, s) * s.lanes, aligned=True)]

    return Extent(_names(counts), regions)


def samples(*units: str | int | Count, of: str = "samples") -> Extent:
    """The samples in the ``cells`` of some units, without what fills up the last cell of each."""

    def regions(place: Operand, o: Operands, s: Surroundings) -> list[Region]:
        unit, touched = _number(o["cells"]) * s.lanes, _number(o[of]) * s.members
        if touched > unit:
            raise Unfit(f"{of} = {o[of]} samples do not fit into cells = {o['cells']}")
        size, aligned = _product(units, o, s) * unit, s.layout == "members"
        return [Region(_number(place), size, aligned=aligned, unit=unit, touched=touched)]

    return Extent((*_names(units), "cells", of), regions)


def spaced(extent: Extent, count: str, stride: str) -> Extent:
    """An extent several times; the stride, in numbers of each member, says how far apart."""

    def regions(place: Operand, o: Operands, s: Surroundings) -> list[Region]:
        step = _number(o[stride]) * s.members
        starts = (_number(place) + i * step for i in range(_number(o[count])))
        return [region for start in starts for region in extent.regions(start, o, s)]

    return Extent((*extent.counts, count, stride), regions)


def reals(count: str, more: int = 0) -> Extent:
    """Reals from an address on: as many as the count says, and some more."""

    def regions(place: Operand, o: Operands, s: Surroundings) -> list[Region]:
        _memory(place, s, s.dtype)
        return [_outside(place, _number(o[count]) + more)]

    return Extent((count,), regions)


def indices(*counts: str) -> Extent:
    """Indices from an address on, as many as the product of the counts."""

    def regions(place: Operand, o: Operands, s: Surroundings) -> list[Region]:
        _memory(place, s, torch.int64)
        return [_outside(place, _product(counts, o, s))]

    return Extent(counts, regions)


def row_of_table(count: str, stride: str, last: str) -> Extent:
    """Columns of the rows of all members; what holds for one row holds for all."""

    def regions(place: Operand, o: Operands, s: Surroundings) -> list[Region]:
        memory = _memory(place, s, s.dtype)
        if o[stride] != memory.length or o[last] != memory.rows - 1:
            raise Unfit(f"{stride} = {o[stride]} and {last} = {o[last]} are not those of {memory}")
        return [_outside(place, _number(o[count]))]

    return Extent((count, stride, last), regions)


def data_of_members(width: str, stride: str, last: str) -> Extent:
    """The samples of each member, or those that all share."""

    def regions(place: Operand, o: Operands, s: Surroundings) -> list[Region]:
        memory = _memory(place, s, s.dtype)
        own = o[stride] == memory.length and o[last] == memory.rows - 1
        shared = o[stride] == 0 and memory.rows == 1
        if not (own or shared) or memory.length % _number(o[width]):
            raise Unfit(f"{stride} = {o[stride]}, {last} = {o[last]} do not fit {memory}")
        return [_outside(place, memory.length)]

    return Extent((width, stride, last), regions)


def batches_in_order(batch: str) -> Extent:
    """The samples of all batches that follow one another, given how far members are apart."""

    def regions(stride: Operand, o: Operands, s: Surroundings) -> list[Region]:
        apart = s.order.length if s.order.rows > 1 else stride
        if stride != apart or s.updates * _number(o[batch]) > s.order.length:
            raise Unfit(f"{s.updates} batches of {o[batch]} samples are more than {s.order}")
        return []

    return Extent((batch,), regions)


Action = Literal["reads", "writes", "updates", "moves", "spoils", "none"]


@dataclass(frozen=True)
class Effect:
    """What is done to a place.

    - ``reads``: what is there counts, and stays.
    - ``writes``: all of it is overwritten, whatever was there.
    - ``updates``: it is read and rewritten, in whole or in part.
    - ``moves``: an update that is the last of its round: who reads it again in the same run of a
      section comes too late.
    - ``spoils``: it is used as room, and holds nothing of use afterwards.
    """

    action: Action
    extent: Extent
    added: str | None = None
    """The operand which, being 1, makes of a write an update."""

    def action_given(self, operands: Operands) -> Action:
        """What is done, given all operands."""
        if self.added is None:
            return self.action
        if operands[self.added] not in (0, 1):
            raise Unfit(f"{self.added}: {operands[self.added]} is neither 0 nor 1")
        return "updates" if operands[self.added] else self.action


def reads(extent: Extent) -> Effect:
    return Effect("reads", extent)


def writes(extent: Extent) -> Effect:
    return Effect("writes", extent)


def updates(extent: Extent) -> Effect:
    return Effect("updates", extent)


def moves(extent: Extent) -> Effect:
    return Effect("moves", extent)


def adds(extent: Extent, flag: str) -> Effect:
    """Writes, or adds to what is there if the flag is 1."""
    return Effect("writes", extent, flag)


def spoils(extent: Extent) -> Effect:
    """Takes room where lanes are samples; where they are members, nothing is touched."""

    def regions(place: Operand, o: Operands, s: Surroundings) -> list[Region]:
        return [] if s.layout == "members" else extent.regions(place, o, s)

    return Effect("spoils", Extent(extent.counts, regions))


def _flag(value: Operand, o: Operands, s: Surroundings) -> list[Region]:
    if value not in (0, 1):
        raise Unfit(f"{value} is neither 0 nor 1")
    return []


FLAG = Effect("none", Extent((), _flag))
"""No place: 0 or 1."""

UNTOUCHED = Effect("none", Extent((), lambda place, o, s: []))
"""A place that is named but neither read nor written."""


def _number(operand: Operand) -> int:
    if isinstance(operand, Address) or operand < 0:
        raise Unfit(f"{operand} is neither a count nor a place in the arena")
    return operand


def _product(counts: Counts, o: Operands, s: Surroundings) -> int:
    product = 1
    for count in counts:
        if isinstance(count, str):
            product *= _number(o[count])
        elif isinstance(count, int):
            product *= count
        else:
            product *= count.value(o[count.operand], s)
    return product


def _names(counts: Counts) -> tuple[str, ...]:
    named = (count.operand if isinstance(count, Count) else count for count in counts)
    return tuple(name for name in named if isinstance(name, str))


def _memory(operand: Operand, s: Surroundings, dtype: torch.dtype) -> Memory:
    if not isinstance(operand, Address) or not 0 <= operand.memory < len(s.memories):
        raise Unfit(f"{operand} is no place outside the arena")
    memory = s.memories[operand.memory]
    if memory.dtype != dtype:
        raise Unfit(f"{memory} does not hold {dtype}")
    return memory


def _outside(operand: Operand, size: int) -> Region:
    assert isinstance(operand, Address)
    return Region(operand.offset, size, operand.memory)
