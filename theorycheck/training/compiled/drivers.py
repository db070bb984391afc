"""Drivers: loops in machine code that run the operations of a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise

from llvmlite import ir

from theorycheck.simd.code import INT, Array, Code, Value
from theorycheck.training.compiled.records import WORDS


def descend(module: ir.Module) -> ir.Function:
    """Train members of an arena for some epochs.

    Arguments: arena, program; how many operations its sections have, in the order of
    `DescentProgram.sections`; epochs, updates of an epoch; the first member of the arena; the order
    of the samples.
    """
    words = INT.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [words, words, *[INT] * 8, words])
    k = Code(ir.Function(module, kind, "descend"), ir.DoubleType(), 1)
    arena, program, *numbers, order = k.function.args
    *counts, epochs, updates, member = (Value(k, number) for number in numbers)
    run = _sections(k, arena, program, counts, member, order)
    enter, before, during, after, leave = run
    none = k.constant(INT, 0)
    enter(none)
    with k.loop(0, epochs) as epoch:
        before(epoch)
        with k.loop(0, updates) as update:
            during(epoch * updates + update)
        after(epoch)
    leave(none)
    k.builder.ret_void()
    return k.function


def follow(module: ir.Module) -> ir.Function:
    """Attempt steps as long as a member of the arena is going.

    Arguments: arena, program; how many operations its sections have, in the order of
    `FlowProgram.sections`; where the flags of members that are going are, and how many; the first
    member of the arena; the order of the samples.
    """
    words = INT.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [words, words, *[INT] * 6, words])
    k = Code(ir.Function(module, kind, "follow"), ir.DoubleType(), 1)
    arena, program, *numbers, order = k.function.args
    *counts, place, members, member = (Value(k, number) for number in numbers)
    enter, attempt, leave = _sections(k, arena, program, counts, member, order)
    none = k.constant(INT, 0)
    flags = k.array(k.builder.bitcast(arena, k.real.as_pointer()), place, k.real)

    def going() -> Value:
        total = k.variable(k.constant(k.real, 0.0))
        with k.loop(0, members) as i:
            total.set(total.get() + flags[i])
        return total.get().compare(">", 0.0)

    enter(none)
    with k.repeat(going):
        attempt(none)
    leave(none)
    k.builder.ret_void()
    return k.function


def _sections(
    k: Code,
    arena: ir.Value,
    program: ir.Value,
    counts: Sequence[Value],
    member: Value,
    order: ir.Value,
) -> list[Callable[[Value], None]]:
    """For every section what emits the calls of its operations, given the number of the update."""

    def run(start: Value, stop: Value, update: Value) -> None:
        with k.loop(start, stop) as i:
            _perform(k, arena, program, i, member, order, update)

    stops = list(accumulate(counts, Value.__add__, initial=k.constant(INT, 0)))
    return [partial(run, *ends) for ends in pairwise(stops)]


def _perform(
    k: Code,
    arena: ir.Value,
    program: ir.Value,
    index: Value,
    member: Value,
    order: ir.Value,
    update: Value,
) -> None:
    """Call an operation of a program."""
    words = INT.as_pointer()
    operation = ir.FunctionType(ir.VoidType(), [words, words, INT, words, INT])
    record = Array(k, program, 8).at(index * WORDS)
    call = k.builder.inttoptr(record[0].ir, operation.as_pointer())
    k.builder.call(call, [arena, record.at(1).pointer, member.ir, order, update.ir])
