"""What is fetched from the table and what goes back; data of members, and data that they share."""

from __future__ import annotations

import pytest
import torch

from tests.training.compiled.programs import cohort_of
from theorycheck.networks.specification import mlp
from theorycheck.training.cohorts import Objective
from theorycheck.training.compiled.arena import Table
from theorycheck.training.compiled.exchange import Exchange
from theorycheck.training.compiled.operations.effects import Address
from theorycheck.training.compiled.places import Places
from theorycheck.training.compiled.records import Memories

COLUMNS = {"parameters": 24, "decay": 1, "rate": 1}
"""Of a network 3-4-2 with biases of its hidden layer: 12 and 8 weights, 4 biases."""


def exchange_of(shared: bool = False) -> Exchange:
    cohort = cohort_of(mlp((3, 4, 2), bias=True), 5, 6, shared=shared)
    places = Places(cohort, Objective(), 6, "members")
    memories = Memories()
    exchange = Exchange(places, memories, Table(5, torch.float64, COLUMNS))
    exchange.load_batch(100, cohort.inputs, order_stride=12)
    return exchange


def test_what_changes_goes_back() -> None:
    exchange = exchange_of()
    assert [record.operation for record in exchange.enter.records] == ["enter", "clear"]
    exchange.keep("rate", 8, changes=False)
    assert exchange.leave.records == []
    exchange.keep("rate", 8)
    [record] = exchange.leave.records
    assert record.operands == (8, Address(0, 25), 26, 4, 1)
    assert exchange.enter.records[-1].operands == (8, Address(0, 25), 26, 4, 1, 1)


def test_tensors_of_a_row_are_filled_up() -> None:
    """Each begins at a multiple of 8 in the arena; they are side by side in the table."""
    exchange = exchange_of()
    exchange.keep_row("parameters", 64)
    entering = [record.operands for record in exchange.enter.records[2:]]
    places, rows, counts, rooms = ([o[i] for o in entering] for i in (0, 1, 4, 5))
    assert places == [64, 64 + 16 * 4, 64 + 24 * 4]
    assert rows == [Address(0, 0), Address(0, 12), Address(0, 20)]
    assert counts == [12, 8, 4]
    assert rooms == [16, 8, 8]
    assert [record.operands for record in exchange.leave.records] == [o[:5] for o in entering]


@pytest.mark.parametrize("shared", [False, True])
def test_a_batch(shared: bool) -> None:
    """Shared data are kept once, and are no further for another member."""
    exchange = exchange_of(shared)
    [record] = exchange.load.records
    assert record.operands == (100, Address(1, 0), 3, 0 if shared else 18, 12, 6, 6, 4)
    assert exchange.memories.shapes[1] == (torch.float64, 1 if shared else 5, 18, 0)
