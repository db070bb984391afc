"""The table of legal operations: every operation, with its effects beside it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from llvmlite import ir

from theorycheck.simd.code import INT, Array
from theorycheck.training.compiled.operations.base import Layout, Operation
from theorycheck.training.compiled.operations.effects import (
    Action,
    Effect,
    Operand,
    Region,
    Surroundings,
    Unfit,
)

Body = Callable[..., None]
"""Takes an `Operation` and the operands: offsets, counts and addresses."""

Effects = Effect | tuple[Effect, ...]

LAYOUTS: tuple[Layout, ...] = ("members", "samples")


class Access(NamedTuple):
    """What an operation does to one region of memory."""

    operand: str
    action: Action
    region: Region


@dataclass(frozen=True)
class Entry:
    """An operation of the table."""

    body: Body
    operands: tuple[str, ...]
    effects: dict[str, tuple[Effect, ...]]
    layouts: tuple[Layout, ...]
    """Where it may be used."""
    same: tuple[str, ...]
    """Operands that may be one and the same place."""

    @property
    def told(self) -> set[str]:
        """The operands that effects are about, or that they are told by."""
        flat = [effect for effects in self.effects.values() for effect in effects]
        counts = {count for effect in flat for count in effect.extent.counts}
        return {*self.effects, *counts, *(effect.added for effect in flat if effect.added)}

    def accesses(self, operands: Sequence[Operand], surroundings: Surroundings) -> list[Access]:
        """What the operation does, given its operands in order.

        Raises:
            Unfit: when operands do not fit one another or the surroundings.
        """
        if surroundings.layout not in self.layouts:
            raise Unfit(f"lanes are {surroundings.layout}, not {', '.join(self.layouts)}")
        if len(operands) != len(self.operands):
            raise Unfit(f"{len(operands)} operands instead of {len(self.operands)}")
        given = dict(zip(self.operands, operands, strict=True))
        found = []
        for operand, effects in self.effects.items():
            for effect in effects:
                action = effect.action_given(given)
                try:
                    regions = effect.extent.regions(given[operand], given, surroundings)
                except Unfit as error:
                    raise Unfit(f"{operand}: {error}") from error
                found += [Access(operand, action, region) for region in regions]
        return found


OPERATIONS: dict[str, Entry] = {}
"""By name."""


def operation(
    *, layouts: tuple[Layout, ...] = LAYOUTS, same: tuple[str, ...] = (), **effects: Effects
) -> Callable[[Body], Body]:
    """Enter an operation into the table, given the effect of every operand that is no count."""

    def decorate(body: Body) -> Body:
        enter(body.__name__, body, effects, layouts, same)
        return body

    return decorate


def enter(
    name: str,
    body: Body,
    effects: Mapping[str, Effects],
    layouts: tuple[Layout, ...] = LAYOUTS,
    same: tuple[str, ...] = (),
) -> None:
    """Enter an operation into the table.

    Raises:
        TypeError: when there is one of that name, or an operand has neither an effect nor a part in
            the extent of one.
    """
    _, *parameters = inspect.signature(body).parameters.values()
    operands = tuple(p.name for p in parameters if p.default is p.empty)
    several = {k: v if isinstance(v, tuple) else (v,) for k, v in effects.items()}
    entry = Entry(body, operands, several, layouts, same)
    if name in OPERATIONS:
        raise TypeError(f"there are two operations {name}")
    if entry.told != {*operands}:
        strange = sorted(entry.told ^ {*operands})
        raise TypeError(f"{name}: effects and operands differ in {', '.join(strange)}")
    OPERATIONS[name] = entry


def build(
    module: ir.Module, *, name: str, real: ir.Type, lanes: int, layout: Layout
) -> ir.Function:
    """The function of an operation: it takes an arena, the words of its operands, the first member
    of the arena, the order of the samples, and the number of the update.
    """
    words, entry = INT.as_pointer(), OPERATIONS[name]
    kind = ir.FunctionType(ir.VoidType(), [real.as_pointer(), words, INT, words, INT])
    k = Operation(ir.Function(module, kind, name), real, lanes, layout)
    given = Array(k, k.operands, 8)
    entry.body(k, **{operand: given[i] for i, operand in enumerate(entry.operands)})
    k.builder.ret_void()
    return k.function
