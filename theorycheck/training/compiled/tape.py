"""The tape: from a batch to the gradient, the vertices forward, the loss, the vertices backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from theorycheck.networks.evaluation import noise_factor
from theorycheck.networks.specification import LINEAR, RELU, Edge, Identity, Layer, Network
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.compiled.connections import Connections
from theorycheck.training.compiled.losses import Loss
from theorycheck.training.compiled.parametrisation import Directions, Pull, pulls
from theorycheck.training.compiled.places import Places, Vertex
from theorycheck.training.compiled.records import Memories, Section

Learn = Callable[["Tape", Edge, int, int, int], None]
"""What is done about a matrix once slopes and values are known: takes the tape, the edge, the
position of the matrix among the parameters, the target's slopes and the source's values."""


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


def write_gradient(tape: Tape, edge: Edge, index: int, slopes: int, source: int) -> None:
    """Write the gradient by a matrix to its place."""
    name, given = tape.connections.gradient(edge, index, slopes, source)
    tape.section.emit(f"{name}_gradient", **given)


class Tape:
    """The operations of one evaluation of the gradient, and where its batch goes."""

    def __init__(
        self,
        cohort: Cohort,
        objective: Objective,
        places: Places,
        memories: Memories,
        learn: Learn = write_gradient,
    ) -> None:
        self.places, self.learn = places, learn
        self.section = Section("tape")
        network, weights = cohort.network, {i: places.parameter(i) for i in places.row.positions}
        directions = None
        if cohort.state.parametrisation == "weight-norm":
            directions = Directions(self.section, places)
            weights |= directions.places
        self.connections = Connections(self.section, places, memories, weights)
        self.vertices = [self._inputs(network.input_width)]
        self._sizes: dict[int, int] = {}
        parts = list(_parts(network))
        for part in parts:
            self._forward(part)
        loss = Loss(objective.loss, places, self.vertices[-1], cohort.state.rho is not None)
        self.inputs, self.targets = self.vertices[0].value, loss.targets
        loss.emit(self.section)
        self.pulls: list[Pull] = pulls(self.section, places, cohort.state, objective)
        reached = {network.depth}
        for vertex in reversed(range(1, network.depth + 1)):
            self._backward(vertex, parts[vertex - 1], reached)
        if directions is not None:
            directions.back(self.section)

    def _inputs(self, width: int) -> Vertex:
        place = self.places.arena.units(width)
        return Vertex(width, place, place, place)

    def _forward(self, parts: _Parts) -> None:
        """From the values of a vertex's sources to its own."""
        arena, layer = self.places.arena, parts.layer
        raw, slopes = arena.units(layer.width), arena.units(layer.width)
        for position, (edge, index) in enumerate(parts.edges):
            source, add = self.vertices[edge.source], int(position > 0)
            self.connections.forward(edge, index, raw, source.value, add)
        shape = {"height": layer.width, "cells": arena.cells}
        if parts.bias is not None:
            biases = self.places.parameter(parts.bias)
            self.section.emit("bias", out=raw, biases=biases, **shape)
        normal = deviation = power = 0
        if parts.gain is not None and parts.shift is not None:
            normal = arena.units(layer.width)
            deviation, power = arena.numbers(layer.width), arena.numbers(layer.width)
            self.section.emit(
                "batch_norm",
                out=raw,
                rounded=self._noise(parts),
                normal=normal,
                deviation=deviation,
                power=power,
                gain=self.places.parameter(parts.gain),
                shift=self.places.parameter(parts.shift),
                samples=self.places.batch,
                portion=self.places.share,
                **shape,
            )
        value = raw
        if layer.slope != LINEAR:
            value = arena.units(layer.width)
            self._activate("", layer, value, raw)
        self.vertices.append(Vertex(layer.width, raw, value, slopes, normal, deviation, power))

    def _noise(self, parts: _Parts) -> int:
        """Where it says by how much equal values of a layer's units may differ."""
        places, width = self.places, parts.layer.width
        shapes = [None if i is None else places.network.parameters[i].shape for _, i in parts.edges]
        terms = [1 if shape is None else shape[-1] for shape in shapes]
        number = noise_factor(terms, parts.bias is not None, places.arena.dtype)
        out, factor = places.arena.numbers(width), places.constant(number)
        for position, (edge, index) in enumerate(parts.edges):
            if edge.source not in self._sizes:
                self._sizes[edge.source] = self._size(self.vertices[edge.source])
            sizes = self._sizes[edge.source]
            self.connections.noise(edge, index, out, sizes, factor, int(position > 0))
        if parts.bias is not None:
            biases = places.parameter(parts.bias)
            given = {"out": out, "sizes": biases, "factor": factor, "count": width, "add": 1}
            self.section.emit("number_noise", **given)
        return out

    def _size(self, vertex: Vertex) -> int:
        """Where the largest values of a vertex are, unit by unit."""
        arena = self.places.arena
        out = arena.numbers(vertex.width)
        shape = {"width": vertex.width, "cells": arena.cells, "samples": self.places.batch}
        self.section.emit("largest_value", out=out, source=vertex.value, **shape)
        return out

    def _activate(self, suffix: str, layer: Layer, target: int, raw: int) -> None:
        """Apply the activation (``""``) or multiply slopes by its derivative (``"_back"``)."""
        given = {"slopes" if suffix else "out": target, "source": raw}
        given["count"] = layer.width * self.places.arena.cells
        if layer.slope == RELU:
            self.section.emit(f"relu{suffix}", **given)
        else:
            slope = self.places.constant(layer.slope)
            self.section.emit(f"leaky{suffix}", slope=slope, **given)

    def _backward(self, vertex: int, parts: _Parts, reached: set[int]) -> None:
        """From the slopes by a vertex to those by its parameters and sources."""
        places, layer, here = self.places, parts.layer, self.vertices[vertex]
        if vertex not in reached:
            count = layer.width * places.arena.cells
            self.section.emit("clear", out=here.slopes, count=count)
        if layer.slope != LINEAR:
            self._activate("_back", layer, here.slopes, here.raw)
        shape = {"height": layer.width, "cells": places.arena.cells, "samples": places.batch}
        if parts.gain is not None and parts.shift is not None:
            self.section.emit(
                "batch_norm_back",
                slopes=here.slopes,
                normal=here.normal,
                deviation=here.deviation,
                power=here.power,
                gain=places.parameter(parts.gain),
                gain_gradient=places.gradient_of(parts.gain),
                shift_gradient=places.gradient_of(parts.shift),
                portion=places.share,
                detached=int(layer.normalisation == "batch-detached"),
                **shape,
            )
        if parts.bias is not None:
            out = places.gradient_of(parts.bias)
            self.section.emit("bias_gradient", out=out, slopes=here.slopes, **shape)
        for edge, index in parts.edges:
            source = self.vertices[edge.source]
            if edge.source != 0:
                add = int(edge.source in reached)
                reached.add(edge.source)
                self.connections.back(edge, index, source.slopes, here.slopes, add)
            if index is not None:
                # Last of all that is done with the weights, since they may change with it.
                self.learn(self, edge, index, here.slopes, source.value)
