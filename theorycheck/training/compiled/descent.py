"""The program of an epoch of descent: SGD, full batches, momentum."""

from __future__ import annotations

from torch import Tensor

from theorycheck.networks.specification import Edge
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.compiled.arena import Record, Table
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.program import Program


class DescentProgram(Program):
    """Epochs of descent: ``before`` an epoch, ``during`` it for every update, ``after`` it.

    Matrices move as soon as their gradient is known, while both are at hand; those of weight
    normalisation, whose gradient goes on through the norm, and all other parameters at the end.
    """

    def __init__(
        self,
        cohort: Cohort,
        objective: Objective,
        batches: Batches,
        layout: Layout,
        table: Table,
        window: int,
    ) -> None:
        """``window`` is how many epochs the order of samples is known for at a time."""
        super().__init__(cohort, objective, batches, layout, table)
        arena = self.arena
        self.start = arena.numbers(self.count)
        self.buffer = arena.numbers(self.count) if "buffer" in table.columns else None
        self.rate, self.momentum, self.length = (arena.numbers() for _ in range(3))
        self.path, self.diverged = arena.numbers(), arena.numbers()
        self.squares, self.unused = arena.numbers(), arena.numbers()
        self._keep_rows("parameters", self.parameters)
        if self.buffer is not None:
            self._keep_rows("buffer", self.buffer)
            self._keep("momentum", self.momentum, changes=False)
        self._keep("rate", self.rate, changes=False)
        self._keep("path", self.path)
        self._keep("diverged", self.diverged)
        self._write_tape(window)
        if batches.whole:
            self.enter.extend(self.load)
        self.during = [*([] if batches.whole else self.load), *self.tape]
        for first, last, _ in self.coefficients:
            if first or self._normalised:
                motion = self._motion(first)
                gradient = self.gradient + first * arena.members
                self._step(self.during, "step", gradient=gradient, count=last - first, **motion)
        self._emit(self.during, "lengthen", length=self.length, squares=self.squares)
        self.before: list[Record] = []
        self.after: list[Record] = []
        given = {"start": self.start, "weights": self.parameters, "count": self.count}
        given["length"] = self.length
        self._emit(self.before, "begin_epoch", **given)
        given |= {"rate": self.rate, "path": self.path, "diverged": self.diverged}
        self._emit(self.after, "end_epoch", **given)

    @staticmethod
    def table_of(rows: Tensor, momentum: bool) -> Table:
        """What members keep whose states are rows of `Field`."""
        members, numbers = rows.shape
        columns = {"parameters": numbers, "decay": 1, "rate": 1, "path": 1, "diverged": 1}
        if momentum:
            columns |= {"buffer": numbers, "momentum": 1}
        table = Table(members, rows.dtype, columns)
        table["parameters"].copy_(rows)
        return table

    @property
    def sections(self) -> list[list[Record]]:
        """The operations, in the order in which `descend` wants them."""
        return [self.enter, self.before, self.during, self.after, self.leave]

    def _learn(self, edge: Edge, index: int, slopes: int, source: int) -> None:
        if self._normalised:
            super()._learn(edge, index, slopes, source)
            return
        motion = self._motion(self.places[index])
        if self.arena.layout == "members":
            name, given = self._gradient_of(edge, index, slopes, source)
            self._step(self.tape, f"{name}_step", **given, **motion)
        else:
            super()._learn(edge, index, slopes, source)
            height, width = self.network.parameters[index].shape
            given = {"gradient": self._gradient(index), "height": height, "width": width}
            self._step(self.tape, "matrix_step", **given, **motion)

    def _motion(self, first: int) -> dict[str, int]:
        """How parameters from one on move."""
        offset = first * self.arena.members
        [coefficient] = [c for start, stop, c in self.coefficients if start <= first < stop]
        given = {"weights": self.parameters + offset, "coefficient": coefficient, "rate": self.rate}
        # Only steps of the weight matrices, which come first, count as way.
        given["squares"] = self.squares if first < self.matrices else self.unused
        if self.buffer is not None:
            given |= {"buffer": self.buffer + offset, "momentum": self.momentum}
        return given

    def _step(self, records: list[Record], name: str, **given: int) -> None:
        self._emit(records, f"momentum_{name}" if self.buffer else name, **given)
