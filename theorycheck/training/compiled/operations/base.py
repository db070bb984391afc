"""What an update is made of, as vector code: one small operation each.

The memory of some members is one array of reals, their *arena*; an operation gets offsets into it.
Vectors hold one number of each of several members (``members``) or a member's numbers for several
samples (``samples``). A number of each member, a weight say, is then a vector or a number; numbers
of each sample are vectors in both layouts.

Every operation is written once, and computes the same to the bit in both layouts and in every lane:
sums over units and samples run in order, sums over parameters in `STRIPES` interleaved parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import add
from typing import Literal

import torch
from llvmlite import ir

from theorycheck.networks.evaluation import close
from theorycheck.simd.code import Array, Code, Value, Variable

Layout = Literal["members", "samples"]

STRIPES = 8
"""Tensors of parameters are padded with zeros to multiples of it."""

ROWS = 4
"""How many rows of a matrix's gradient are computed, and how many rows of a matrix move, at a time:
in both layouts, since sums over the entries run in that order."""


class Operation(Code):
    """The body of an operation in one layout.

    The samples of a unit fill *cells*, vectors: one cell for each sample where lanes are members,
    and else one for every `lanes` samples, the last of which is filled up with anything.
    """

    def __init__(self, function: ir.Function, real: ir.Type, lanes: int, layout: Layout) -> None:
        super().__init__(function, real, lanes)
        self.arena, self.operands, self.member, self.order, self.update = function.args
        self.members = layout == "members"
        self.number = self.vector if self.members else real
        """The type of a number of each member."""
        self.close = close(torch.float32 if self.bytes == 4 else torch.float64)

    def numbers(self, offset: Value) -> Array:
        """Numbers of each member; samples of a unit one by one."""
        return self.array(self.arena, offset, self.number)

    def cells(self, offset: Value) -> Array:
        """Numbers of each sample."""
        return self.array(self.arena, offset, self.vector)

    def spread(self, number: Value) -> Value:
        """A member's number, for all samples of a cell."""
        return number if self.members else self.splat(number)

    def per_unit(self, cells: Value) -> Value:
        """How many `numbers` the cells of a unit hold."""
        return cells if self.members else cells * self.lanes

    @contextmanager
    def sums(self, *results: Array) -> Iterator[list[Variable]]:
        """Numbers to add to, from 0 on; in the end they are the first of each result."""
        variables = [self.variable(self.constant(self.number, 0.0)) for _ in results]
        yield variables
        for result, variable in zip(results, variables, strict=True):
            result[0] = variable.get()

    def striped(self, offset: Value) -> Stripes:
        return Stripes(self, self.cells(offset))

    def stripe_sum(self) -> list[Variable]:
        """Vectors to add stripes to, from 0 on."""
        count = STRIPES if self.members else STRIPES // self.lanes
        return [self.variable(self.constant(self.vector, 0.0)) for _ in range(count)]

    def stripe(self, index: Value) -> list[Value]:
        """Where the vectors of `STRIPES` parameters are; the index is that of the first one."""
        if self.members:
            return [index + i for i in range(STRIPES)]
        return [index / self.lanes + i for i in range(STRIPES // self.lanes)]

    def total(
        self, stripes: Sequence[Value], combine: Callable[[Value, Value], Value] = add
    ) -> Value:
        """The sum of all stripes: neighbours are added, or combined, until one number is left."""
        values = list(stripes)
        if values[0].type != self.number:
            values = [self.lane(value, i) for value in values for i in range(self.lanes)]
        while len(values) > 1:
            values = [combine(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
        return values[0]


class Stripes:
    """Parameters, `STRIPES` at a time; an index is that of the first and a multiple of it."""

    def __init__(self, k: Operation, array: Array) -> None:
        self.k, self.array = k, array

    def __getitem__(self, index: Value) -> list[Value]:
        return [self.array[i] for i in self.k.stripe(index)]

    def __setitem__(self, index: Value, values: Sequence[Value]) -> None:
        for i, value in zip(self.k.stripe(index), values, strict=True):
            self.array[i] = value


def current(variables: Sequence[Variable]) -> list[Value]:
    return [variable.get() for variable in variables]
