"""Records take all their operands by name; the words of a program hold its addresses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from llvmlite import ir

from tests.training.compiled.programs import Program, cohort_of, descent_of, flow_of
from theorycheck.networks.specification import mlp
from theorycheck.simd.machine import machine_code
from theorycheck.training.compiled.operations.effects import Address
from theorycheck.training.compiled.operations.table import OPERATIONS
from theorycheck.training.compiled.records import WORDS, Memories, Record, Section, numbered


def test_a_record_takes_its_operands_by_name() -> None:
    section = Section("some")
    section.emit("relu", count=3, source=8, out=16)
    assert section.records == [Record("relu", (16, 8, 3))]
    with pytest.raises(KeyError):
        section.emit("relu", count=3, source=8)
    with pytest.raises(AssertionError, match="relu has no operand slope"):
        section.emit("relu", count=3, source=8, out=16, slope=0)
    with pytest.raises(KeyError):
        section.emit("no_such", out=1)


def test_records_that_come_again_are_numbered_once() -> None:
    tape, section = Section("tape"), Section("attempt", updates=2)
    tape.emit("clear", out=0, count=1)
    for out in (8, 16):
        section.emit("clear", out=out, count=1)
        section.extend(tape)
    records, runs = numbered([tape, section])
    assert [record.operands[0] for record in records] == [0, 8, 16]
    assert [(run.name, run.updates, run.records) for run in runs] == [
        ("tape", 1, (0,)),
        ("attempt", 2, (1, 0, 2, 0)),
    ]


def test_what_memories_are_like() -> None:
    memories = Memories()
    first = memories.address(torch.zeros(3, 4), rows=3)
    second = memories.address(torch.tensor([[5, 2], [7, 1]]))
    assert (first, second) == (Address(0, 0), Address(1, 0))
    assert memories.shapes == [(torch.float32, 3, 4, 0), (torch.int64, 1, 4, 8)]


def unknown(module: ir.Module) -> ir.Function:
    raise AssertionError("an operation of the program has not been compiled")


@pytest.mark.parametrize("build", [descent_of, flow_of])
def test_words_are_code_and_operands_in_order(build: Callable[..., Program]) -> None:
    program = build(cohort_of(mlp((3, 4, 2)), 3, 5), "members")
    words, memories = program.words().tolist(), program.memories.tensors
    records = [record for section in program.sections for record in section.records]
    for row, record in zip(words, records, strict=True):
        expected = [machine_code(unknown, (record.operation, torch.float64, "members"))]
        for operand in record.operands:
            if isinstance(operand, Address):
                tensor = memories[operand.memory].flatten()
                expected.append(tensor[operand.offset :].data_ptr())
            else:
                expected.append(operand)
        assert row == [*expected, *[0] * (WORDS - len(expected))]


def test_every_operation_fits_into_a_record() -> None:
    assert max(len(entry.operands) for entry in OPERATIONS.values()) < WORDS
