"""The program of an epoch: what training does to a network, as a list of compiled operations.

A `Program` gives everything that an update needs a place in an arena, the memory of some members,
and writes down the operations with the places that they work on, in the manner of a tape: the
vertices forward, the loss, the vertices backward, the step. A driver in machine code runs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise

import torch
from llvmlite import ir
from torch import Tensor

from theorycheck.batches import Batches
from theorycheck.cohorts import Cohort, Objective
from theorycheck.flow import ERROR, STAGES
from theorycheck.networks import LINEAR, RELU, Convolution, Dense, Edge, Identity, Layer, Network
from theorycheck.operations import CLOCK, OPERATIONS, STRIPES, Layout, Operation, operands
from theorycheck.simd import INT, Array, Code, Value, machine_code

VECTOR_BYTES = 32
"""Vectors twice as long, where a processor has them, are no faster: loads are the limit then."""

ALIGNMENT = 64
"""In bytes: a line of the cache."""

Record = list[int]
"""The address of an operation, then its operands."""

RECORD = 18
"""Words that a record takes in memory."""


def lanes_of(dtype: torch.dtype) -> int:
    """How many numbers of a type fill a vector."""
    return VECTOR_BYTES // dtype.itemsize


def rounded_up(count: int, size: int) -> int:
    """The least multiple of a size that is no less than a count."""
    return -(-count // size) * size


def padded(count: int) -> int:
    """The room that so many parameters of one tensor take."""
    return rounded_up(count, STRIPES)


class Arena:
    """The memory of some members, given out piece by piece; offsets and ``size`` count reals."""

    def __init__(self, dtype: torch.dtype, layout: Layout, batch: int) -> None:
        self.dtype, self.layout, self.size = dtype, layout, 0
        self.lanes = lanes_of(dtype)
        self.members = self.lanes if layout == "members" else 1
        """How many members share an arena: the reals of what there is once per member."""
        self.cells = batch if layout == "members" else -(-batch // self.lanes)
        """Vectors that the samples of a unit take."""

    def filled(self, constants: dict[float, int]) -> Tensor:
        """Such memory, with numbers that are the same for all members in their places."""
        arena = torch.zeros(self.size, dtype=self.dtype)
        for number, place in constants.items():
            arena[place : place + self.members] = number
        return arena

    def numbers(self, count: int = 1) -> int:
        """Room for what there is once per member."""
        return self._take(count * self.members)

    def units(self, count: int) -> int:
        """Room for so many numbers of each sample."""
        return self._take(count * self.cells * self.lanes)

    def _take(self, reals: int) -> int:
        start = self.size
        self.size += rounded_up(reals, ALIGNMENT // self.dtype.itemsize)
        return start


class Table:
    """What members keep between their times in an arena: a row of numbers for each.

    Args:
        columns: how many numbers there are of each kind.
    """

    def __init__(self, members: int, dtype: torch.dtype, columns: dict[str, int]) -> None:
        self.numbers = torch.zeros(members, sum(columns.values()), dtype=dtype)
        self.columns = dict(zip(columns, accumulate(columns.values(), initial=0), strict=False))
        blocks = torch.split(self.numbers, list(columns.values()), dim=1)
        self._blocks: dict[str, Tensor] = dict(zip(columns, blocks, strict=True))

    def __getitem__(self, name: str) -> Tensor:
        """The numbers of one kind, ``(K, count)``; a view, to be read and written."""
        return self._blocks[name]


@dataclass(frozen=True)
class _Parts:
    """A layer and the positions of its parameters among those of the network."""

    layer: Layer
    edges: tuple[tuple[Edge, int | None], ...]
    bias: int | None
    gain: int | None
    shift: int | None


def _parts(network: Network) -> Iterator[_Parts]:
    position = iter(range(len(network.parameters)))
    for layer in network.layers:
        edges = tuple(
            (edge, None if isinstance(edge.map, Identity) else next(position))
            for edge in layer.edges
        )
        bias = next(position) if layer.bias else None
        normalised = layer.normalisation != "none"
        gain, shift = (next(position), next(position)) if normalised else (None, None)
        yield _Parts(layer, edges, bias, gain, shift)


@dataclass(frozen=True)
class _Vertex:
    """Where the numbers of a vertex are."""

    width: int
    raw: int
    """Before the activation."""
    value: int
    slopes: int
    normal: int = 0
    deviation: int = 0


class Program:
    """The gradient, and the places of all that it takes; what is done with it, a subclass says.

    The parameters, which are read, and their gradient, which is written, are `count` numbers each:
    weight matrices, then other parameters, then ``rho``, as in a row of `Field`, every tensor
    filled up with zeros.
    """

    def __init__(
        self,
        cohort: Cohort,
        objective: Objective,
        batches: Batches,
        layout: Layout,
        table: Table,
    ) -> None:
        self.table = table
        self.cohort, self.objective, self.batches = cohort, objective, batches
        self.network, self.state = cohort.network, cohort.state
        self.batch = batches.batch_size
        self.arena = arena = Arena(cohort.inputs.dtype, layout, self.batch)
        self.constants: dict[float, int] = {}
        """Numbers that are the same for all members, and their places."""
        self.patches: dict[Convolution, dict[str, int]] = {}
        self.kept: list[Tensor] = []
        """What operations hold addresses of."""
        self._place_parameters()
        self.parameters, self.gradient = arena.numbers(self.count), arena.numbers(self.count)
        self.decay, self.zero, self.scratch = arena.numbers(), arena.numbers(), self._scratch()
        """``decay`` is the gradient of the penalty per weight, ``2 lambda``."""
        self.share = self._constant(1 / self.batch)
        self.portion = self.share if objective.reduction == "mean" else self._constant(1.0)
        self.enter: list[Record] = []
        """Operations that fetch members from the table."""
        self.leave: list[Record] = []
        """Operations that take them back."""
        self.load: list[Record] = []
        """Operations that fetch a batch."""
        self.tape: list[Record] = []
        """Operations that go from a batch to the gradient."""
        self._keep("decay", self.decay, changes=False)
        # Where tensors are filled up their gradient is not written, and what another member has
        # left there need not be finite.
        count = self.count * arena.members // arena.lanes
        self._emit(self.enter, "clear", out=self.gradient, count=count)

    @property
    def _normalised(self) -> bool:
        return self.state.parametrisation == "weight-norm"

    def _write_tape(self, window: int) -> None:
        self.effective = {i: self._parameter(i) for i in self.places}
        if self._normalised:
            self._normalise()
        self.vertices = [self._place_inputs()]
        parts = list(_parts(self.network))
        for part in parts:
            self._forward(part)
        self._loss(window)
        self.coefficients = self._coefficients()
        reached = {self.network.depth}
        for vertex in reversed(range(1, self.network.depth + 1)):
            self._backward(vertex, parts[vertex - 1], reached)
        if self._normalised:
            self._denormalise()

    # --- Places

    def _place_parameters(self) -> None:
        """Weight matrices first, then other parameters, then ``rho``: the order of `Field`."""
        parameters, weights = self.network.parameters, self.network.weights
        others = [i for i in range(len(parameters)) if i not in weights]
        sizes = [self._size(i) for i in (*weights, *others)]
        self.matrices = sum(padded(self._size(i)) for i in weights)
        """The room of the weight matrices."""
        self.rho = sum(map(padded, sizes))
        if self.state.rho is not None:
            sizes.append(1)
        positions = list(accumulate(map(padded, sizes), initial=0))
        self.count = positions.pop()
        self.places = dict(zip((*weights, *others), positions, strict=False))
        self.segments = list(zip(positions, sizes, strict=True))
        """Where the tensors of a row of `Field` are among the parameters, and their sizes."""

    def _scratch(self) -> int:
        """Room for the values or slopes of a layer, sample by sample, where lanes are samples."""
        if self.arena.layout == "members":
            return 0
        units = [1]
        for layer in self.network.layers:
            for edge in layer.edges:
                if isinstance(edge.map, Convolution):
                    filters = rounded_up(edge.map.filters, self.arena.lanes)
                    units.append(filters * edge.map.positions)
                elif isinstance(edge.map, Dense):
                    units.append(self.network.width(edge.source))
        return self.arena.numbers(max(units) * self.batch)

    def _size(self, index: int) -> int:
        return math.prod(self.network.parameters[index].shape)

    def _parameter(self, index: int) -> int:
        return self.parameters + self.places[index] * self.arena.members

    def _gradient(self, index: int) -> int:
        return self.gradient + self.places[index] * self.arena.members

    def _constant(self, number: float) -> int:
        if number not in self.constants:
            self.constants[number] = self.arena.numbers()
        return self.constants[number]

    def _address(self, data: Tensor) -> int:
        self.kept.append(data)
        return data.data_ptr()

    # --- Members come and go

    def _keep(self, name: str, place: int, *, changes: bool = True) -> None:
        """What there is of a kind once per member comes from the table, and goes back to it."""
        column, count = self.table.columns[name], self.table[name].shape[1]
        self._exchange(column, place, count, count, changes)

    def _keep_rows(self, name: str, place: int) -> None:
        """The same for a row of `Field`."""
        column = self.table.columns[name]
        for position, size in self.segments:
            offset = position * self.arena.members
            self._exchange(column, place + offset, size, padded(size), changes=True)
            column += size

    def _exchange(self, column: int, place: int, count: int, room: int, changes: bool) -> None:
        members, stride = self.table.numbers.shape
        first = self.table.numbers.data_ptr() + column * self.arena.dtype.itemsize
        given = {"place": place, "row": first, "stride": stride, "last": members - 1}
        self._emit(self.enter, "enter", **given, count=count, room=room)
        if changes:
            self._emit(self.leave, "leave", **given, count=count)

    # --- Operations

    def _emit(self, records: list[Record], name: str, **values: int) -> None:
        arena = self.arena
        real = ir.FloatType() if arena.dtype == torch.float32 else ir.DoubleType()
        build = partial(_operation, name=name, real=real, lanes=arena.lanes, layout=arena.layout)
        address = machine_code(build, (name, arena.dtype, arena.layout))
        words = [address, *(values.pop(operand) for operand in operands(name))]
        assert not values, f"{name} has no operand {', '.join(values)}"
        records.append(words)

    def _normalise(self) -> None:
        self.norms = {i: self.arena.numbers() for i in self.network.weights}
        for i in self.network.weights:
            count = padded(self._size(i))
            weights, self.effective[i] = self.effective[i], self.arena.numbers(count)
            self._emit(
                self.tape,
                "unit",
                out=self.effective[i],
                norm=self.norms[i],
                weights=weights,
                count=count,
            )

    def _denormalise(self) -> None:
        for i in self.network.weights:
            self._emit(
                self.tape,
                "unit_back",
                gradient=self._gradient(i),
                direction=self.effective[i],
                norm=self.norms[i],
                count=padded(self._size(i)),
            )

    def _place_inputs(self) -> _Vertex:
        width = self.network.input_width
        place = self.arena.units(width)
        return _Vertex(width, place, place, place)

    def _load(self, out: int, data: Tensor, window: int) -> None:
        """A batch of the data; all samples are loaded once for all."""
        shared = data.stride(0) == 0
        data = (data[0] if shared else data).contiguous()
        samples, width = data.shape[-2:]
        self._emit(
            self.load,
            "load",
            out=out,
            data=self._address(data),
            width=width,
            member_stride=0 if shared else samples * width,
            # Batches of all samples are the same for all members.
            order_stride=0 if self.batches.whole else window * self.batches.updates * self.batch,
            batch=self.batch,
            cells=self.arena.cells,
            last=self.cohort.members - 1,
        )

    def _forward(self, parts: _Parts) -> None:
        arena, layer = self.arena, parts.layer
        raw, slopes = arena.units(layer.width), arena.units(layer.width)
        count = layer.width * arena.cells
        for position, (edge, index) in enumerate(parts.edges):
            source, add = self.vertices[edge.source], int(position > 0)
            if index is None:
                self._emit(
                    self.tape, "identity", out=raw, source=source.value, count=count, add=add
                )
            else:
                self._connect("", edge, index, raw, source.value, add)
        if parts.bias is not None:
            self._emit(
                self.tape,
                "bias",
                out=raw,
                biases=self._parameter(parts.bias),
                height=layer.width,
                cells=arena.cells,
            )
        normal = deviation = 0
        if parts.gain is not None and parts.shift is not None:
            normal, deviation = arena.units(layer.width), arena.numbers(layer.width)
            self._emit(
                self.tape,
                "batch_norm",
                out=raw,
                normal=normal,
                deviation=deviation,
                gain=self._parameter(parts.gain),
                shift=self._parameter(parts.shift),
                height=layer.width,
                cells=arena.cells,
                samples=self.batch,
                portion=self.share,
            )
        value = raw
        if layer.slope != LINEAR:
            value = arena.units(layer.width)
            self._activate("", layer, value, raw)
        self.vertices.append(_Vertex(layer.width, raw, value, slopes, normal, deviation))

    def _activate(self, suffix: str, layer: Layer, target: int, raw: int) -> None:
        """Apply the activation (``""``) or multiply slopes by its derivative (``"_back"``)."""
        places = {"slopes" if suffix else "out": target, "source": raw}
        count = layer.width * self.arena.cells
        if layer.slope == RELU:
            self._emit(self.tape, f"relu{suffix}", **places, count=count)
        else:
            slope = self._constant(layer.slope)
            self._emit(self.tape, f"leaky{suffix}", **places, slope=slope, count=count)

    def _connect(
        self, suffix: str, edge: Edge, index: int, out: int, values: int, add: int
    ) -> None:
        """Map a source's values (``""``) or a target's slopes (``"_back"``) along an edge."""
        given = {"slopes" if suffix else "source": values, "cells": self.arena.cells}
        height, width = self.network.parameters[index].shape
        weights = self.effective[index]
        if isinstance(edge.map, Dense):
            self._emit(
                self.tape,
                f"dense{suffix}",
                out=out,
                weights=weights,
                height=height,
                width=width,
                add=add,
                **given,
            )
            return
        assert isinstance(edge.map, Convolution)
        if suffix and not add:
            count = edge.map.source_width * self.arena.cells
            self._emit(self.tape, "clear", out=out, count=count)
        self._emit(
            self.tape,
            f"convolution{suffix}",
            out=out,
            filters=weights,
            **given,
            **self._patches(edge.map),
            **({} if suffix else {"add": add}),
        )

    def _patches(self, connection: Convolution) -> dict[str, int]:
        if connection not in self.patches:
            table = torch.from_numpy(connection.patches()).contiguous()
            positions, size = table.shape
            self.patches[connection] = {
                "patches": self._address(table),
                "count": connection.filters,
                "positions": positions,
                "size": size,
            }
        return self.patches[connection]

    def _loss(self, window: int) -> None:
        arena, output = self.arena, self.vertices[-1]
        targets = arena.units(output.width)
        self._load(self.vertices[0].value, self.cohort.inputs, window)
        self._load(targets, self.cohort.targets, window)
        count, rho = output.width * arena.cells, self.parameters + self.rho * arena.members
        outputs = output.value
        if self.state.rho is not None:
            outputs = arena.units(output.width)
            self._emit(
                self.tape, "scale", out=outputs, source=output.value, number=rho, count=count
            )
        given = {"out": output.slopes, "outputs": outputs, "targets": targets}
        given["portion"] = self.portion
        if self.objective.loss == "cross_entropy":
            shape = {"classes": output.width, "cells": arena.cells}
            self._emit(self.tape, "cross_entropy_slopes", **given, **shape)
        else:
            self._emit(self.tape, f"{self.objective.loss}_slopes", **given, count=count)
        if self.state.rho is not None:
            self._emit(
                self.tape,
                "inner",
                out=self.gradient + self.rho * arena.members,
                slopes=output.slopes,
                outputs=output.value,
                classes=output.width,
                cells=arena.cells,
                samples=self.batch,
            )
            slopes = output.slopes
            self._emit(self.tape, "scale", out=slopes, source=slopes, number=rho, count=count)

    def _backward(self, vertex: int, parts: _Parts, reached: set[int]) -> None:
        """From the slopes by a vertex to those by its parameters and sources."""
        arena, layer, here = self.arena, parts.layer, self.vertices[vertex]
        if vertex not in reached:
            count = layer.width * arena.cells
            self._emit(self.tape, "clear", out=here.slopes, count=count)
        if layer.slope != LINEAR:
            self._activate("_back", layer, here.slopes, here.raw)
        shape = {"height": layer.width, "cells": arena.cells, "samples": self.batch}
        if parts.gain is not None and parts.shift is not None:
            self._emit(
                self.tape,
                "batch_norm_back",
                slopes=here.slopes,
                normal=here.normal,
                deviation=here.deviation,
                gain=self._parameter(parts.gain),
                gain_gradient=self._gradient(parts.gain),
                shift_gradient=self._gradient(parts.shift),
                portion=self.share,
                detached=int(layer.normalisation == "batch-detached"),
                **shape,
            )
        if parts.bias is not None:
            out = self._gradient(parts.bias)
            self._emit(self.tape, "bias_gradient", out=out, slopes=here.slopes, **shape)
        for edge, index in parts.edges:
            source = self.vertices[edge.source]
            if edge.source != 0:
                add = int(edge.source in reached)
                reached.add(edge.source)
                self._return(edge, index, source.slopes, here.slopes, add)
            if index is not None:
                # Last of all that is done with the weights, since they may change with it.
                self._learn(edge, index, here.slopes, source.value)

    def _return(self, edge: Edge, index: int | None, out: int, slopes: int, add: int) -> None:
        """Take the slopes by a target to a source."""
        if index is None:
            count = self.network.width(edge.source) * self.arena.cells
            self._emit(self.tape, "identity", out=out, source=slopes, count=count, add=add)
        else:
            self._connect("_back", edge, index, out, slopes, add)

    def _learn(self, edge: Edge, index: int, slopes: int, source: int) -> None:
        """Write the gradient by a matrix."""
        name, given = self._gradient_of(edge, index, slopes, source)
        self._emit(self.tape, f"{name}_gradient", **given)

    def _gradient_of(
        self, edge: Edge, index: int, slopes: int, source: int
    ) -> tuple[str, dict[str, int]]:
        """The kind of connection, and what the gradient by its matrix is made of."""
        given = {"gradient": self._gradient(index), "slopes": slopes, "source": source}
        given |= {"cells": self.arena.cells, "samples": self.batch, "scratch": self.scratch}
        if isinstance(edge.map, Convolution):
            return "convolution", given | self._patches(edge.map)
        height, width = self.network.parameters[index].shape
        return "dense", given | {"height": height, "width": width}

    def _coefficients(self) -> list[tuple[int, int, int]]:
        """Parts of the parameters, from place to place, that pull towards 0, and how strongly.

        Weight matrices do by a penalty and by the Lagrange multiplier; other parameters do not.
        """
        arena, penalty = self.arena, self.objective.penalty
        coefficient = self.decay if penalty == "weights" else self.zero
        if self.state.parametrisation == "lagrange":
            decay, coefficient = coefficient, arena.numbers()
            self._emit(
                self.tape,
                "multiplier",
                out=coefficient,
                decay=decay,
                rho=self.parameters + self.rho * arena.members,
                along=self.gradient + self.rho * arena.members,
            )
        parts = [(0, self.matrices, coefficient), (self.matrices, self.rho, self.zero)]
        parts.append((self.rho, self.count, self.decay if penalty == "rho" else self.zero))
        return [part for part in parts if part[0] < part[1]]


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


class FlowProgram(Program):
    """One attempted step of the integrator, see `theorycheck.flow.Integrator`."""

    def __init__(
        self,
        cohort: Cohort,
        objective: Objective,
        batches: Batches,
        layout: Layout,
        relative_tolerance: float,
        absolute_tolerance: float,
        max_steps: int,
        table: Table,
    ) -> None:
        super().__init__(cohort, objective, batches, layout, table)
        self._write_tape(window=1)
        self.enter.extend(self.load)
        arena = self.arena
        self.clock, self.point = arena.numbers(len(CLOCK)), arena.numbers(self.count)
        self.going = self.clock + CLOCK.index("going") * arena.members
        self.slopes = [arena.numbers(self.count) for _ in ERROR]
        self._keep_rows("point", self.point)
        self._keep_rows("slope", self.slopes[0])
        self._keep("clock", self.clock)
        self.operations: list[Record] = []
        step = self.clock + CLOCK.index("used") * arena.members
        stride = (self.slopes[1] - self.slopes[0]) // arena.members
        given = {"slopes": self.slopes[0], "stride": stride, "count": self.count}
        self._emit(self.operations, "plan_step", clock=self.clock)
        for stage, weights in enumerate(STAGES, start=1):
            self._emit(
                self.operations,
                "stage",
                out=self.parameters,
                point=self.point,
                step=step,
                factors=self._address(torch.tensor(weights, dtype=torch.float64)),
                stages=stage,
                **given,
            )
            self.operations.extend(self.tape)
            for first, last, coefficient in self.coefficients:
                offset = first * arena.members
                self._emit(
                    self.operations,
                    "velocity",
                    out=self.slopes[stage] + offset,
                    weights=self.parameters + offset,
                    gradient=self.gradient + offset,
                    coefficient=coefficient,
                    count=last - first,
                )
        limits = [
            relative_tolerance,
            absolute_tolerance,
            1 / sum(size for _, size in self.segments),
            max_steps,
        ]
        self._emit(
            self.operations,
            "judge_step",
            clock=self.clock,
            point=self.point,
            trial=self.parameters,
            factors=self._address(torch.tensor([*ERROR, *limits], dtype=torch.float64)),
            stages=len(ERROR),
            **given,
        )

    @staticmethod
    def table_of(points: Tensor, slopes: Tensor) -> Table:
        """What members keep whose states and velocities are rows of `Field`."""
        members, numbers = points.shape
        columns = {"point": numbers, "slope": numbers, "decay": 1, "clock": len(CLOCK)}
        table = Table(members, points.dtype, columns)
        table["point"].copy_(points)
        table["slope"].copy_(slopes)
        return table

    @property
    def sections(self) -> list[list[Record]]:
        """The operations, in the order in which `follow` wants them."""
        return [self.enter, self.operations, self.leave]


def memory(sections: Sequence[list[Record]]) -> Tensor:
    """Records of all sections as the drivers read them, ``(records, RECORD)``."""
    records = [record for section in sections for record in section]
    return torch.tensor([[*record, *[0] * (RECORD - len(record))] for record in records])


def _operation(
    module: ir.Module, *, name: str, real: ir.Type, lanes: int, layout: Layout
) -> ir.Function:
    words, body = INT.as_pointer(), OPERATIONS[name]
    kind = ir.FunctionType(ir.VoidType(), [real.as_pointer(), words, INT, words, INT])
    k = Operation(ir.Function(module, kind, name), real, lanes, layout)
    given = Array(k, k.operands, 8)
    body(k, **{operand: given[i] for i, operand in enumerate(operands(name))})
    k.builder.ret_void()
    return k.function


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
    record = Array(k, program, 8).at(index * RECORD)
    call = k.builder.inttoptr(record[0].ir, operation.as_pointer())
    k.builder.call(call, [arena, record.at(1).pointer, member.ir, order, update.ir])
