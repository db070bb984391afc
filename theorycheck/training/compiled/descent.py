"""The program of descent: SGD, full batches, momentum."""

from __future__ import annotations

from torch import Tensor

from theorycheck.networks.specification import Edge
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.compiled.arena import Table
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.operations.effects import Operand
from theorycheck.training.compiled.program import Program
from theorycheck.training.compiled.records import Section
from theorycheck.training.compiled.tape import Tape, write_gradient


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
        super().__init__(cohort, objective, batches, layout, table, window)
        arena, exchange, count = self.arena, self.exchange, self.places.row.count
        self.start = arena.numbers(count)
        self.buffer = arena.numbers(count) if "buffer" in table.columns else None
        self.rate, self.momentum, self.length = (arena.numbers() for _ in range(3))
        self.path, self.diverged, self.epochs = (arena.numbers() for _ in range(3))
        self.squares, self.unused = arena.number(0.0), arena.number(0.0)
        self._keep()
        self.early = cohort.state.parametrisation != "weight-norm"
        """Whether matrices move as soon as their gradient is known."""
        learn = self._learn if self.early else write_gradient
        tape = Tape(cohort, objective, self.places, self.memories, learn)
        updates = window * batches.updates
        stride = 0 if batches.whole else updates * batches.batch_size
        exchange.load_batch(tape.inputs, cohort.inputs, stride)
        exchange.load_batch(tape.targets, cohort.targets, stride)
        self.before, self.after = Section("before"), Section("after")
        self.during = Section("during", updates)
        (exchange.enter if batches.whole else self.during).extend(exchange.load)
        self._fill(tape)

    courses = ((0, 1, 2, 2, 3, 1, 2, 3, 4),)

    @staticmethod
    def table_of(rows: Tensor, momentum: bool) -> Table:
        """What members keep whose states are rows of `Field`."""
        members, numbers = rows.shape
        columns = {"parameters": numbers, "decay": 1, "rate": 1}
        columns |= {"path": 1, "diverged": 1, "epochs": 1}
        if momentum:
            columns |= {"buffer": numbers, "momentum": 1}
        table = Table(members, rows.dtype, columns)
        table["parameters"].copy_(rows)
        return table

    @property
    def sections(self) -> list[Section]:
        """In the order in which `descend` takes them."""
        return [self.exchange.enter, self.before, self.during, self.after, self.exchange.leave]

    def _keep(self) -> None:
        exchange = self.exchange
        exchange.keep_row("parameters", self.places.parameters)
        if self.buffer is not None:
            exchange.keep_row("buffer", self.buffer)
            exchange.keep("momentum", self.momentum, changes=False)
        exchange.keep("rate", self.rate, changes=False)
        exchange.keep("path", self.path)
        exchange.keep("diverged", self.diverged)
        exchange.keep("epochs", self.epochs)

    def _fill(self, tape: Tape) -> None:
        self.during.extend(tape.section)
        for first, last, _ in tape.pulls:
            if first or not self.early:
                gradient = self.places.gradient + first * self.arena.members
                motion = self._motion(tape, first)
                self._step(self.during, "step", gradient=gradient, count=last - first, **motion)
        self.during.emit("lengthen", length=self.length, squares=self.squares)
        epoch = {
            "start": self.start,
            "weights": self.places.parameters,
            "length": self.length,
            "count": self.places.row.count,
        }
        self.before.emit("begin_epoch", **epoch)
        self.after.emit(
            "end_epoch",
            rate=self.rate,
            path=self.path,
            diverged=self.diverged,
            epochs=self.epochs,
            **epoch,
        )

    def _learn(self, tape: Tape, edge: Edge, index: int, slopes: int, source: int) -> None:
        """Move a matrix along its gradient."""
        motion = self._motion(tape, self.places.row.positions[index])
        if self.arena.layout == "members":
            name, given = tape.connections.gradient(edge, index, slopes, source)
            self._step(tape.section, f"{name}_step", **given, **motion)
        else:
            write_gradient(tape, edge, index, slopes, source)
            height, width = self.places.network.parameters[index].shape
            gradient = self.places.gradient_of(index)
            shape = {"height": height, "width": width}
            self._step(tape.section, "matrix_step", gradient=gradient, **shape, **motion)

    def _motion(self, tape: Tape, first: int) -> dict[str, Operand]:
        """How the parameters from one on move."""
        offset = first * self.arena.members
        [coefficient] = [c for start, stop, c in tape.pulls if start <= first < stop]
        # Only steps of the weight matrices, which come first, count for the length of the path.
        squares = self.squares if first < self.places.row.matrices else self.unused
        motion: dict[str, Operand] = {
            "weights": self.places.parameters + offset,
            "coefficient": coefficient,
            "rate": self.rate,
            "squares": squares,
        }
        if self.buffer is not None:
            motion |= {"buffer": self.buffer + offset, "momentum": self.momentum}
        return motion

    def _step(self, section: Section, name: str, **given: Operand) -> None:
        section.emit(f"momentum_{name}" if self.buffer else name, **given)
