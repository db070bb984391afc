"""A program: sections of records, and the memory that they work on; subclasses fill it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.compiled.arena import Table
from theorycheck.training.compiled.exchange import Exchange
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.places import Places
from theorycheck.training.compiled.records import Memories, Section, encoded


class Program(ABC):
    """What training does to the members of an arena, one compiled operation after the other."""

    def __init__(
        self, cohort: Cohort, objective: Objective, batches: Batches, layout: Layout, table: Table
    ) -> None:
        self.places = Places(cohort, objective, batches.batch_size, layout)
        self.arena = self.places.arena
        self.memories = Memories()
        self.exchange = Exchange(self.places, self.memories, table)

    @property
    @abstractmethod
    def sections(self) -> list[Section]:
        """The operations, in the order in which the driver takes their sections."""

    def words(self) -> Tensor:
        """The records of all sections as drivers read them."""
        return encoded(self.sections, self.memories, self.arena)
