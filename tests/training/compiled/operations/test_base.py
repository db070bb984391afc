"""Sums in stripes add in one order, in both layouts, to the bit."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import ir

from tests.training.compiled.operations.alone import DTYPES, LAYOUTS, REALS, Alone, Numbers
from theorycheck.simd.code import INT, Value
from theorycheck.simd.machine import machine_code
from theorycheck.training.compiled.operations.base import STRIPES, Layout, Operation, current


def add_up(alone: Alone, place: int, out: int, count: int) -> None:
    """The sum of parameters, a multiple of `STRIPES`, by the methods of `Operation`."""

    def build(module: ir.Module) -> ir.Function:
        real, words = REALS[alone.dtype], INT.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [real.as_pointer(), words, INT, words, INT])
        k = Operation(ir.Function(module, kind, "add_up"), real, alone.lanes, alone.layout)
        source, sums = k.striped(k.constant(INT, place)), k.stripe_sum()
        with k.loop(0, Value(k, k.update), STRIPES) as p:
            for value, total in zip(source[p], sums, strict=True):
                total.set(total.get() + value)
        k.numbers(k.constant(INT, out))[0] = k.total(current(sums))
        k.builder.ret_void()
        return k.function

    pointer = ctypes.c_void_p
    kind = ctypes.CFUNCTYPE(None, pointer, pointer, ctypes.c_int64, pointer, ctypes.c_int64)
    key = __name__, alone.dtype, alone.layout, place, out
    kind(machine_code(build, key))(alone.reals.ctypes.data, None, 0, None, count)


def in_stripes(numbers: Numbers) -> Any:
    """Every eighth number is added in order; then neighbours, until one number is left."""
    stripes = [numbers.dtype.type(0)] * 8
    for i, number in enumerate(numbers):
        stripes[i % 8] = stripes[i % 8] + number
    a, b, c, d = (stripes[i] + stripes[i + 1] for i in range(0, 8, 2))
    return (a + b) + (c + d)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@given(blocks=st.integers(1, 6), seed=st.integers(0, 2**32))
def test_stripes_add_in_order(layout: Layout, dtype: torch.dtype, blocks: int, seed: int) -> None:
    alone, rng = Alone(layout, dtype), np.random.default_rng(seed)
    numbers = rng.normal(size=(alone.members, 8 * blocks)) * 2.0 ** rng.integers(-9, 9, 8 * blocks)
    # Room for the most, so that places and code are the same for all.
    place, out = alone.room(48 * alone.lanes), alone.free_numbers(1)
    numbers = numbers.astype(alone.reals.dtype)
    alone.reals[place : place + numbers.size] = numbers.T.ravel()
    add_up(alone, place, out, 8 * blocks)
    assert alone.numbers_at(out)[:, 0].tolist() == [in_stripes(row) for row in numbers]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_as_numbers_and_as_cells(layout: Layout, dtype: torch.dtype) -> None:
    """What goes in comes out where the layout says: members, or samples, side by side."""
    alone = Alone(layout, dtype, samples=5)
    units = np.arange(alone.members * 3 * 5.0).reshape(alone.members, 3, 5)
    place = alone.units(units)
    memory = alone.reals[place:]
    for member, unit, sample in np.ndindex(units.shape):
        if layout == "members":
            index = (unit * 5 + sample) * alone.lanes + member
        else:
            index = unit * -(-5 // alone.lanes) * alone.lanes + sample
        assert memory[index] == units[member, unit, sample]
    numbers = np.arange(alone.members * 3.0).reshape(alone.members, 3)
    memory = alone.reals[alone.numbers(numbers) :]
    for member, number in np.ndindex(numbers.shape):
        assert memory[number * alone.members + member] == numbers[member, number]
