"""Drivers on programs made by hand, whose operations write down when they are called."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from llvmlite import ir

from theorycheck.simd.code import INT, Array, Code, Value
from theorycheck.simd.machine import machine_code
from theorycheck.training.compiled.drivers import descend, follow
from theorycheck.training.compiled.records import WORDS

ROOM = 512
"""Words of the arena: how many calls there were, then three words for each."""
GOING = 400
"""Where the flags of a flow are."""


def note(module: ir.Module) -> ir.Function:
    """Write down the operand, the member and the update; lower the flags by one."""
    words = INT.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [words, words, INT, words, INT])
    k = Code(ir.Function(module, kind, "note"), ir.DoubleType(), 1)
    arena, operands, member, order, update = k.function.args
    log, given, samples = (Array(k, pointer, 8) for pointer in (arena, operands, order))
    count = log[0]
    log[0] = count + 1
    for i, value in enumerate((given[0], Value(k, member), Value(k, update) + samples[0])):
        log[count * 3 + (i + 1)] = value
    flags = k.array(k.builder.bitcast(arena, k.real.as_pointer()), given[1], k.real)
    flags[0] = flags[0] - 0.25
    k.builder.ret_void()
    return k.function


def perform(
    driver: Callable[[ir.Module], ir.Function], counts: list[int], numbers: list[int], going: float
) -> list[tuple[int, int, int]]:
    """What operations write down; each is given its position in the program."""
    arena = np.zeros(ROOM, dtype=np.int64)
    arena.view(np.float64)[GOING : GOING + 2] = going, 0
    program = np.zeros((max(1, sum(counts)), WORDS), dtype=np.int64)
    program[:, 0] = machine_code(note, (__name__, "note"))
    program[:, 1], program[:, 2] = range(len(program)), GOING
    order = np.array([100])
    integers = [*counts, *numbers]
    pointer = ctypes.c_void_p
    kind = ctypes.CFUNCTYPE(None, pointer, pointer, *[ctypes.c_int64] * len(integers), pointer)
    run = kind(machine_code(driver, driver.__name__))
    run(arena.ctypes.data, program.ctypes.data, *integers, order.ctypes.data)
    calls = arena[1 : 1 + 3 * arena[0]].reshape(-1, 3).tolist()
    return [(position, member, update) for position, member, update in calls]


@pytest.mark.parametrize("epochs", [0, 1, 3])
@pytest.mark.parametrize("updates", [0, 1, 2])
def test_descend(epochs: int, updates: int) -> None:
    """Two operations in a section, three while updating; none where there is no update."""
    found = perform(descend, [2, 2, 3, 2, 2], [epochs, updates, 7], 0)
    expected = [(0, 0), (1, 0)]
    for epoch in range(epochs):
        expected += [(2, epoch), (3, epoch)]
        expected += [(i, epoch * updates + u) for u in range(updates) for i in (4, 5, 6)]
        expected += [(7, epoch), (8, epoch)]
    expected += [(9, 0), (10, 0)]
    assert found == [(i, 7, 100 + update) for i, update in expected]


def test_empty_sections() -> None:
    assert perform(descend, [0, 0, 1, 0, 0], [2, 1, 0], 0) == [(0, 0, 100), (0, 0, 101)]
    assert perform(descend, [0] * 5, [2, 2, 0], 0) == []


@pytest.mark.parametrize(("going", "attempts"), [(0.0, 0), (1.0, 1), (2.0, 2)])
def test_follow(going: float, attempts: int) -> None:
    """As long as a flag is raised: each of the operations lowers the first one by a quarter."""
    found = perform(follow, [1, 4, 1], [GOING, 2, 5], going + 0.25 * (going > 0))
    expected = [0, *[1, 2, 3, 4] * attempts, 5]
    assert found == [(i, 5, 100) for i in expected]
