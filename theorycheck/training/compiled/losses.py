"""Losses: the slopes of the objective's data term by the outputs, and by ``rho``."""

from __future__ import annotations

from theorycheck.training import cohorts
from theorycheck.training.compiled.places import Places, Vertex
from theorycheck.training.compiled.records import Section


class Loss:
    """The operations from the outputs ``f``, or ``rho f``, and targets to the outputs' slopes."""

    def __init__(self, name: cohorts.Loss, places: Places, output: Vertex, rho: bool) -> None:
        self.name, self.places, self.output, self.rho = name, places, output, rho
        self.targets = places.arena.units(output.width)
        self.scaled = places.arena.units(output.width) if rho else output.value
        """``rho f`` where there is a ``rho``."""

    def emit(self, tape: Section) -> None:
        """Write the slopes by the outputs to their vertex, that by ``rho`` to the gradient."""
        places, output, cells = self.places, self.output, self.places.arena.cells
        count, rho = output.width * cells, places.rho
        if self.rho:
            tape.emit("scale", out=self.scaled, source=output.value, number=rho, count=count)
        shape = {"count": count}
        if self.name == "cross_entropy":
            shape = {"classes": output.width, "cells": cells}
        tape.emit(
            f"{self.name}_slopes",
            out=output.slopes,
            outputs=self.scaled,
            targets=self.targets,
            portion=places.portion,
            **shape,
        )
        if self.rho:
            slopes = output.slopes
            tape.emit(
                "inner",
                out=places.gradient_of_rho,
                slopes=slopes,
                outputs=output.value,
                classes=output.width,
                cells=cells,
                samples=places.batch,
            )
            tape.emit("scale", out=slopes, source=slopes, number=rho, count=count)
