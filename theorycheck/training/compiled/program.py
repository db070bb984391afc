"""A program: sections of records, and the memory that they work on; subclasses fill it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.compiled.arena import Table
from theorycheck.training.compiled.exchange import Exchange
from theorycheck.training.compiled.legality import verify
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.operations.effects import Memory, Surroundings
from theorycheck.training.compiled.places import Places
from theorycheck.training.compiled.records import (
    Assembly,
    Listing,
    Memories,
    Section,
    assembled,
    numbered,
)

REMEMBERED = 256
"""How many programs, those met last, are known to be legal; one takes some ten kilobytes."""


@lru_cache(maxsize=REMEMBERED)
def legal(listing: Listing) -> Assembly:
    """Verify and assemble a program, once for all that are the same but for addresses.

    Raises:
        legality.IllegalProgram: as `legality.verify` does.
    """
    verify(listing)
    return assembled(listing)


class Program(ABC):
    """What training does to the members of an arena, one compiled operation after the other."""

    courses: ClassVar[tuple[tuple[int, ...], ...]]
    """Ways in which the driver may run the sections, by their numbers.

    Loops are run twice: what is written, read or moved in a run depends on the runs before it only
    through what they have written, and none writes anything that the first one did not.
    """

    def __init__(
        self,
        cohort: Cohort,
        objective: Objective,
        batches: Batches,
        layout: Layout,
        table: Table,
        window: int = 1,
    ) -> None:
        """``window`` is how many epochs the order of samples is known for at a time."""
        self.places = Places(cohort, objective, batches.batch_size, layout)
        self.arena = self.places.arena
        self.memories = Memories()
        self.exchange = Exchange(self.places, self.memories, table)
        known = batches.batch_size * (1 if batches.whole else window * batches.updates)
        self.order = Memory(torch.int64, 1 if batches.whole else self.arena.members, known)
        """What the order of samples that a driver is given is like."""

    @property
    @abstractmethod
    def sections(self) -> list[Section]:
        """The operations, in the order in which the driver takes their sections."""

    @property
    def listing(self) -> Listing:
        """The program without addresses."""
        arena, memories = self.arena, tuple(self.memories.shapes)
        surroundings = Surroundings(arena.dtype, arena.lanes, arena.layout, memories, self.order, 1)
        return Listing(
            *numbered(self.sections),
            self.courses,
            surroundings,
            arena.size,
            places=tuple(arena.places),
            given=tuple(arena.given),
        )

    def words(self) -> Tensor:
        """The program as its driver reads it, verified.

        Raises:
            legality.IllegalProgram: when it would touch memory as it must not.
        """
        return legal(self.listing).at(self.memories.tensors)
