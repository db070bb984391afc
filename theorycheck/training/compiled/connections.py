"""Connections: what an edge does to values on the way forward and to slopes on the way back."""

from __future__ import annotations

import torch

from theorycheck.networks.specification import Convolution, Dense, Edge
from theorycheck.training.compiled.operations.effects import Operand
from theorycheck.training.compiled.places import Places
from theorycheck.training.compiled.records import Memories, Section


class Connections:
    """Emits the operations of edges.

    An edge comes with the position of its matrix among the network's parameters, or with None if it
    is a constant skip connection.
    """

    def __init__(
        self, tape: Section, places: Places, memories: Memories, weights: dict[int, int]
    ) -> None:
        """``weights`` tells where the matrix is by which an edge multiplies."""
        self.tape, self.places, self.memories, self.weights = tape, places, memories, weights
        self._patches: dict[Convolution, dict[str, Operand]] = {}

    def forward(self, edge: Edge, index: int | None, out: int, source: int, add: int) -> None:
        """Map a source's values to a target, added to what is there if ``add`` is 1."""
        if index is None:
            self._skip(edge, out, source, add)
        elif isinstance(edge.map, Dense):
            given = self._dense(index) | self._cells
            self.tape.emit("dense", out=out, source=source, add=add, **given)
        else:
            given = self._filters(edge, index) | self._cells
            self.tape.emit("convolution", out=out, source=source, add=add, **given)

    def noise(
        self, edge: Edge, index: int | None, out: int, sizes: int, factor: int, add: int
    ) -> None:
        """Map the sizes of a source's values to the noise of a target (`evaluation.noise`)."""
        given: dict[str, Operand] = {"out": out, "sizes": sizes, "factor": factor, "add": add}
        if index is None:
            count = self.places.network.width(edge.source)
            self.tape.emit("number_noise", count=count, **given)
        elif isinstance(edge.map, Dense):
            self.tape.emit("dense_noise", **self._dense(index), **given)
        else:
            self.tape.emit("convolution_noise", **self._filters(edge, index), **given)

    def back(self, edge: Edge, index: int | None, out: int, slopes: int, add: int) -> None:
        """Map a target's slopes to a source, added to what is there if ``add`` is 1."""
        if index is None:
            self._skip(edge, out, slopes, add)
        elif isinstance(edge.map, Dense):
            given = self._dense(index) | self._cells
            self.tape.emit("dense_back", out=out, slopes=slopes, add=add, **given)
        else:
            assert isinstance(edge.map, Convolution)
            if not add:
                count = edge.map.source_width * self.places.arena.cells
                self.tape.emit("clear", out=out, count=count)
            given = self._filters(edge, index) | self._cells
            self.tape.emit("convolution_back", out=out, slopes=slopes, **given)

    def gradient(
        self, edge: Edge, index: int, slopes: int, source: int
    ) -> tuple[str, dict[str, Operand]]:
        """The kind of connection, and what the gradient by its matrix is made of."""
        given = {"gradient": self.places.gradient_of(index), "slopes": slopes, "source": source}
        given |= {"samples": self.places.batch, "scratch": self.places.scratch}
        if isinstance(edge.map, Convolution):
            return "convolution", self._patches_of(edge.map) | given | self._cells
        height, width = self.places.network.parameters[index].shape
        return "dense", {"height": height, "width": width} | given | self._cells

    @property
    def _cells(self) -> dict[str, Operand]:
        return {"cells": self.places.arena.cells}

    def _skip(self, edge: Edge, out: int, source: int, add: int) -> None:
        count = self.places.network.width(edge.source) * self.places.arena.cells
        self.tape.emit("identity", out=out, source=source, count=count, add=add)

    def _dense(self, index: int) -> dict[str, Operand]:
        height, width = self.places.network.parameters[index].shape
        return {"weights": self.weights[index], "height": height, "width": width}

    def _filters(self, edge: Edge, index: int) -> dict[str, Operand]:
        assert isinstance(edge.map, Convolution)
        return {"filters": self.weights[index], **self._patches_of(edge.map)}

    def _patches_of(self, convolution: Convolution) -> dict[str, Operand]:
        if convolution not in self._patches:
            table = torch.from_numpy(convolution.patches()).contiguous()
            positions, size = table.shape
            self._patches[convolution] = {
                "patches": self.memories.address(table),
                "count": convolution.filters,
                "positions": positions,
                "size": size,
            }
        return self._patches[convolution]
