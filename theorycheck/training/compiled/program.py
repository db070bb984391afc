"""The program of an epoch: what training does to a network, as a list of compiled operations.

A `Program` gives everything that an update needs a place in an arena, the memory of some members,
and writes down the operations with the places that they work on, in the manner of a tape: the
vertices forward, the loss, the vertices backward, the step. A driver in machine code runs it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import torch
from llvmlite import ir
from torch import Tensor

from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Dense,
    Edge,
    Identity,
    Layer,
    Network,
)
from theorycheck.simd.code import INT, Array
from theorycheck.simd.machine import machine_code
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.compiled.arena import Arena, Record, Table, padded, rounded_up
from theorycheck.training.compiled.operations.base import OPERATIONS, Layout, Operation, operands


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
