"""Every deliberate fault of the engine turns a claim or a test red, as the table says."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.faults.fault import Fault
from tests.faults.table import FAULTS
from tests.mutants import TABLE, noticed, plant, processes, row

ROWS = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with processes(1) as executor:
        yield executor


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_noticed_as_the_table_says(fault: Fault, pool: ProcessPoolExecutor) -> None:
    red = pool.submit(noticed, fault, fault.asked).result()
    assert red
    assert row(fault, red) in ROWS


def test_without_a_fault_no_claim_notices_anything(pool: ProcessPoolExecutor) -> None:
    """Nor does a test: all of them are in the run that this one is in."""
    asked = dict.fromkeys(item for fault in FAULTS for item in fault.asked)
    claims = [item for item in asked if item.startswith("properties/")]
    assert claims
    assert pool.submit(noticed, None, claims).result() == []


def test_the_table_names_exactly_the_faults() -> None:
    header, *rows = [line.split(" | ")[:3] for line in ROWS]
    assert header[1] == "fault"
    assert rows == [[f"| {fault.module}", fault.name, fault.effect] for fault in FAULTS]


def test_names_are_unique_and_every_fault_changes_something() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(fault.old != fault.new for fault in FAULTS)


def test_what_the_source_does_not_hold_cannot_be_replaced(pool: ProcessPoolExecutor) -> None:
    for old in ("no such line", "return"):
        lost = Fault("lost", "networks.specification", "nothing", old, "pass", ())
        with pytest.raises(RuntimeError, match="adapt the fault"):
            pool.submit(plant, lost).result()


def test_who_cannot_be_asked_has_not_noticed_anything(pool: ProcessPoolExecutor) -> None:
    with pytest.raises(RuntimeError, match="pytest ended with"):
        pool.submit(noticed, None, ["tests/networks/test_evaluation.py::test_of_nothing"]).result()
