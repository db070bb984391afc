"""Connections of compiled programs: the operations of each kind of edge, by hand."""

from __future__ import annotations

import pytest

from tests.training.compiled.programs import cohort_of
from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
)
from theorycheck.training.cohorts import Objective
from theorycheck.training.compiled.connections import Connections
from theorycheck.training.compiled.places import Places
from theorycheck.training.compiled.records import Memories, Record, Section

FILTERS = Convolution(channels=1, height=2, width=2, filters=2, kernel=(1, 2))
DENSE, CONSTANT, FILTERED = Edge(0), Edge(0, Identity()), Edge(0, FILTERS)
NETWORK = Network(4, (Layer(4, (DENSE, CONSTANT, FILTERED), LINEAR),))
"""One layer from 4 to 4 units by all kinds of edges; parameters are the matrix and the filters."""
OUT, SOURCE = 1000, 2000
CELLS = 5


@pytest.fixture
def connections() -> Connections:
    cohort = cohort_of(NETWORK, 2, CELLS)
    places = Places(cohort, Objective(), CELLS, "members")
    weights = {index: places.parameter(index) for index in (0, 1)}
    return Connections(Section("tape"), places, Memories(), weights)


def operations(connections: Connections) -> list[str]:
    return [record.operation for record in connections.tape.records]


def last(connections: Connections) -> Record:
    return connections.tape.records[-1]


def test_forward(connections: Connections) -> None:
    connections.forward(DENSE, 0, OUT, SOURCE, 0)
    assert {OUT, SOURCE, connections.weights[0], CELLS} <= set(last(connections).operands)
    connections.forward(CONSTANT, None, OUT, SOURCE, 1)
    assert {OUT, SOURCE, 4 * CELLS, 1} == set(last(connections).operands)
    connections.forward(FILTERED, 1, OUT, SOURCE, 1)
    assert {OUT, SOURCE, connections.weights[1], CELLS} <= set(last(connections).operands)
    assert operations(connections) == ["dense", "identity", "convolution"]


def test_back(connections: Connections) -> None:
    connections.back(DENSE, 0, SOURCE, OUT, 1)
    assert {OUT, SOURCE, connections.weights[0]} <= set(last(connections).operands)
    connections.back(CONSTANT, None, SOURCE, OUT, 0)
    assert {OUT, SOURCE, 4 * CELLS, 0} == set(last(connections).operands)
    assert operations(connections) == ["dense_back", "identity"]


def test_slopes_of_patches_are_added_to_what_is_cleared_before(connections: Connections) -> None:
    """A unit is read by several patches, so that a convolution can only add."""
    connections.back(FILTERED, 1, SOURCE, OUT, 1)
    assert operations(connections) == ["convolution_back"]
    connections.back(FILTERED, 1, SOURCE, OUT, 0)
    assert operations(connections) == ["convolution_back", "clear", "convolution_back"]
    assert {SOURCE, 4 * CELLS} == set(connections.tape.records[1].operands)


def test_gradients_name_the_slopes_the_source_and_where_they_go(connections: Connections) -> None:
    kind, operands = connections.gradient(DENSE, 0, OUT, SOURCE)
    places = connections.places
    assert kind == "dense"
    assert (operands["slopes"], operands["source"]) == (OUT, SOURCE)
    assert operands["gradient"] == places.gradient_of(0)
    assert (operands["height"], operands["width"]) == (4, 4)
    kind, operands = connections.gradient(FILTERED, 1, OUT, SOURCE)
    assert kind == "convolution"
    assert operands["gradient"] == places.gradient_of(1)
    assert (operands["count"], operands["positions"], operands["size"]) == (2, 2, 2)


def test_patches_are_kept_once(connections: Connections) -> None:
    """Filters of 1 x 2 on 2 x 2 units: one patch in each row."""
    for _ in range(2):
        connections.forward(FILTERED, 1, OUT, SOURCE, 0)
    [patches] = connections.memories.tensors
    assert patches.tolist() == [[0, 1], [2, 3]]
