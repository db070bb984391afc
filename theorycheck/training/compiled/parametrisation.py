"""Parametrisations: directions of weight normalisation, and what pulls parameters towards 0."""

from __future__ import annotations

from typing import NamedTuple

from theorycheck.training.cohorts import Objective, State
from theorycheck.training.compiled.arena import padded
from theorycheck.training.compiled.places import Places
from theorycheck.training.compiled.records import Section


class Directions:
    """The matrices ``v / |v|`` of weight normalisation, by which the network multiplies."""

    def __init__(self, tape: Section, places: Places) -> None:
        self.parameters = places
        weights, arena = places.network.weights, places.arena
        self.norms = {i: arena.numbers() for i in weights}
        self.places: dict[int, int] = {}
        for i in weights:
            count = padded(places.row.sizes[i])
            self.places[i] = arena.numbers(count)
            tape.emit(
                "unit",
                out=self.places[i],
                norm=self.norms[i],
                weights=places.parameter(i),
                count=count,
            )

    def back(self, tape: Section) -> None:
        """From gradients by the directions to gradients by the matrices, in place."""
        for i, direction in self.places.items():
            tape.emit(
                "unit_back",
                gradient=self.parameters.gradient_of(i),
                direction=direction,
                norm=self.norms[i],
                count=padded(self.parameters.row.sizes[i]),
            )


class Pull(NamedTuple):
    """Parameters of a row, from one to another, the latter excluded, that are pulled towards 0."""

    first: int
    last: int
    coefficient: int
    """Where is, once per member, what multiplies them."""


def pulls(tape: Section, places: Places, state: State, objective: Objective) -> list[Pull]:
    """All parameters, cut where the coefficient changes.

    Weight matrices are pulled by a penalty and by the Lagrange multiplier; other parameters are
    not.
    """
    row, penalty = places.row, objective.penalty
    coefficient = places.decay if penalty == "weights" else places.zero
    if state.parametrisation == "lagrange":
        decay, coefficient = coefficient, places.arena.numbers()
        tape.emit(
            "multiplier",
            out=coefficient,
            decay=decay,
            rho=places.rho,
            along=places.gradient_of_rho,
        )
    parts = [
        Pull(0, row.matrices, coefficient),
        Pull(row.matrices, row.rho, places.zero),
        Pull(row.rho, row.count, places.decay if penalty == "rho" else places.zero),
    ]
    return [part for part in parts if part.first < part.last]
