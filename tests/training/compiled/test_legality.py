"""The verifier: programs as they are pass, programs that are spoilt in one place do not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.compiled.programs import (
    MIXED,
    Program,
    cohort_of,
    descent_of,
    flow_of,
    programs,
)
from theorycheck.networks.specification import LINEAR, Edge, Layer, Network, mlp
from theorycheck.training.compiled import places
from theorycheck.training.compiled.arena import Arena
from theorycheck.training.compiled.descent import DescentProgram
from theorycheck.training.compiled.legality import IllegalProgram, verify
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.operations.effects import ARENA, Address
from theorycheck.training.compiled.operations.table import OPERATIONS, Access
from theorycheck.training.compiled.program import legal
from theorycheck.training.compiled.records import Record, Section

LAYOUTS: tuple[Layout, ...] = ("members", "samples")
DRAWN = st.one_of(programs("descent"), programs("flow"))


def simple(layout: Layout = "members") -> DescentProgram:
    """One hidden layer with biases."""
    return descent_of(cohort_of(mlp((3, 4, 2), bias=True), 5, 6), layout, batch_size=3)


def accesses(program: Program, record: Record) -> list[Access]:
    surroundings = program.listing.surroundings
    return OPERATIONS[record.operation].accesses(record.operands, surroundings)


def replaced(record: Record, operand: str, value: int | Address) -> Record:
    names = OPERATIONS[record.operation].operands
    given = dict(zip(names, record.operands, strict=True)) | {operand: value}
    return record._replace(operands=tuple(given.values()))


def refused(program: Program, section: Section, records: list[Record]) -> str | None:
    """The verifier's words about a program with other records in a section, if it refuses it."""
    before = section.records
    section.records = records
    try:
        verify(program.listing)
    except IllegalProgram as error:
        return str(error)
    finally:
        section.records = before
    return None


def instead(section: Section, old: Record, *new: Record) -> list[Record]:
    """A section's records with others in the place of one, wherever it is."""
    return [r for record in section.records for r in (new if record is old else (record,))]


def find(program: Program, operation: str) -> tuple[Section, Record]:
    """The first record of an operation."""
    return next(
        (section, record)
        for section in program.sections
        for record in section.records
        if record.operation == operation
    )


# --- programs as they are -------------------------------------------------------------------------


@given(program=DRAWN)
def test_programs_are_legal(program: Program) -> None:
    verify(program.listing)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_equal_programs_are_verified_once(layout: Layout) -> None:
    """Whatever their memory is; and their listings are equal."""
    legal.cache_clear()
    for _ in range(3):
        simple(layout).words()
    assert legal.cache_info().misses == 1
    other = descent_of(cohort_of(mlp((3, 4, 2), bias=True), 6, 6), layout, batch_size=3)
    other.words()
    assert legal.cache_info().misses == 2


def test_no_words_of_what_is_not_legal() -> None:
    program = simple()
    program.during.records.reverse()
    with pytest.raises(IllegalProgram):
        program.words()


# --- one record spoilt ----------------------------------------------------------------------------


@given(program=DRAWN, data=st.data())
def test_shifted_places_are_refused(program: Program, data: st.DataObject) -> None:
    """By a vector, where several that fill their place are touched, and by more than the arena."""
    lanes, handed = program.arena.lanes, set(program.arena.places)
    section = data.draw(st.sampled_from([s for s in program.sections if s.records]))
    record = data.draw(st.sampled_from(section.records))
    for access in accesses(program, record):
        region = access.region
        if region.memory != ARENA or (access.operand == "slopes" and section.name == "attempt"):
            continue
        place = dict_of(record)[access.operand]
        assert isinstance(place, int)
        whole = (region.start, region.start + region.size) in handed and region.size > lanes
        for shift in (lanes, -lanes, program.arena.size) if whole else (program.arena.size,):
            shifted = replaced(record, access.operand, place + shift)
            assert refused(program, section, instead(section, record, shifted))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_wrong_is_named(layout: Layout) -> None:
    program = simple(layout)
    section, record = find(program, "relu")
    out, lanes = dict_of(record)["out"], program.arena.lanes
    assert isinstance(out, int)
    end = out + lanes + 4 * program.arena.cells * lanes
    shifted = replaced(record, "out", out + lanes)
    told = refused(program, section, instead(section, record, shifted))
    assert told == f"relu in section during: out [{out + lanes}, {end}) is in no place"


def test_places_that_are_not_aligned_are_refused() -> None:
    program = simple()
    section, record = find(program, "dense")
    weights = dict_of(record)["weights"]
    assert isinstance(weights, int)
    told = refused(
        program, section, instead(section, record, replaced(record, "weights", weights + 1))
    )
    assert told is not None
    assert told.endswith("is not aligned")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("build", [descent_of, flow_of])
def test_swapped_records_are_refused(build: Callable[..., Program], layout: Layout) -> None:
    """Where one changes what the other reads: before it is read, or when all have read it."""
    program = build(cohort_of(MIXED, 5, 4), layout)
    orders = set()
    for section in program.sections:
        for one, other in pairwise(section.records):
            order = depends(accesses(program, one), accesses(program, other))
            if order is not None:
                orders.add(order)
                records = list(section.records)
                for i, pair in enumerate(pairwise(section.records)):
                    if pair == (one, other):
                        records[i : i + 2] = other, one
                assert refused(program, section, records)
    assert ("updates", "reads") in orders


def depends(first: list[Access], second: list[Access]) -> tuple[str, str] | None:
    """Whether the second reads all that the first changes, or moves what the first reads."""
    for one, other in product(first, second):
        order = one.action, other.action
        if one.region == other.region and order in (("updates", "reads"), ("reads", "moves")):
            return order
    return None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "operation",
    ["enter", "leave", "begin_epoch", "load", "dense", "relu", "square_slopes", "dense_back"],
)
def test_missing_records_are_refused(operation: str, layout: Layout) -> None:
    """What they write is read without having been written, or does not go back."""
    program = simple(layout)
    section, record = find(program, operation)
    told = refused(program, section, instead(section, record))
    assert told is not None
    assert told.endswith("does not go back" if operation == "leave" else "before it is written")


def test_what_moves_early_is_refused() -> None:
    """A matrix must not have moved when slopes pass back through it."""
    program = simple()
    section, back = find(program, "dense_back")
    i = section.records.index(back)
    records = list(section.records)
    assert records[i + 1].operation == "dense_step"
    records[i : i + 2] = records[i + 1], back
    told = refused(program, section, records)
    assert told is not None
    assert told.startswith("dense_back in section during: weights")
    assert told.endswith("has had its last change before")


def dict_of(record: Record) -> dict[str, int | Address]:
    return dict(zip(OPERATIONS[record.operation].operands, record.operands, strict=True))


def test_two_writers_are_refused() -> None:
    program = simple()
    section, record = find(program, "relu")
    other = replaced(record, "out", dict_of(find(program, "dense")[1])["out"])
    clear = Record("clear", (dict_of(record)["out"], dict_of(record)["count"]))
    assert refused(program, section, instead(section, record, other))
    told = refused(program, section, instead(section, record, clear, record))
    assert told is not None
    assert told.endswith("has another writer")


def test_what_is_overwritten_unread_is_refused() -> None:
    """As where the second edge into a vertex replaces what the first has brought."""
    network = Network(2, (Layer(3, (Edge(0),)), Layer(2, (Edge(1), Edge(1)), LINEAR)))
    program = descent_of(cohort_of(network, 5, 4), "members")
    section = program.during
    [record] = [r for r in section.records if r.operation == "dense" and dict_of(r)["add"] == 1]
    told = refused(program, section, instead(section, record, replaced(record, "add", 0)))
    assert told is not None
    assert told.endswith("overwrites what dense has written and nobody has read")


def test_overlap_within_an_operation_is_refused() -> None:
    """Unless the table allows it, and then only for the same place."""
    program = simple()
    section, record = find(program, "relu")
    told = refused(
        program,
        section,
        instead(section, record, replaced(record, "out", dict_of(record)["source"])),
    )
    assert told is not None
    assert "out [" in told
    assert "overlaps source [" in told
    normalised = cohort_of(mlp((3, 4, 2)), 5, 6, parametrisation="lagrange")
    program = descent_of(normalised, "members", batch_size=3)
    assert any(
        r.operation == "scale" and dict_of(r)["out"] == dict_of(r)["source"]
        for r in program.during.records
    )


def test_operands_that_do_not_fit_are_refused() -> None:
    program = simple("samples")
    for operation, operand, value, words in (
        ("bias_gradient", "samples", 99, "99 samples do not fit"),
        ("dense", "add", 2, "add: 2 is neither 0 nor 1"),
        ("dense", "height", -1, "-1 is neither a count nor a place in the arena"),
        ("step", "count", 7, "count = 7 is no multiple of 8"),
        ("load", "data", 3, "data: 3 is no place outside the arena"),
        ("load", "member_stride", 5, "do not fit Memory"),
        ("load", "batch", 4, "are more than Memory"),
        ("enter", "stride", 9, "are not those of Memory"),
        ("enter", "row", Address(0, 999), "is in no place"),
    ):
        section, record = find(program, operation)
        told = refused(program, section, instead(section, record, replaced(record, operand, value)))
        assert told is not None
        assert words in told, operation
    together = simple("members")
    section, record = find(together, "load")
    told = refused(together, section, instead(section, record, replaced(record, "order_stride", 7)))
    assert told is not None
    assert "are more than Memory" in told
    section, record = find(program, "dense")
    assert refused(program, section, [Record("no_such", ()), *section.records])
    short = record._replace(operands=record.operands[1:])
    assert refused(program, section, instead(section, record, short))
    # Lanes are samples here.
    members = find(simple("members"), "dense_step")[1]
    told = refused(program, section, [members, *section.records])
    assert told == "dense_step in section during: lanes are samples, not members"


# --- the layout spoilt ----------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("build", [descent_of, flow_of])
def test_an_arena_that_hands_out_places_twice_is_noticed(
    build: Callable[..., Program], layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any of its places on, begun a vector too early."""
    take, calls, wrong = Arena._take, 0, 0
    count = len(build(cohort_of(MIXED, 5, 4), layout).arena.places)

    def early(arena: Arena, reals: int) -> int:
        nonlocal calls
        calls += 1
        if calls == wrong:
            end = arena.places[-1][1]
            arena.size = (end - 1) // arena.lanes * arena.lanes
        return take(arena, reals)

    monkeypatch.setattr(Arena, "_take", early)
    for wrong_place in range(2, count + 1):
        calls, wrong = 0, wrong_place
        with pytest.raises(IllegalProgram, match="begins before"):
            build(cohort_of(MIXED, 5, 4), layout).words()


def test_an_arena_that_is_too_small_is_noticed() -> None:
    program = simple()
    program.arena.size -= 64
    with pytest.raises(IllegalProgram, match="the arena at"):
        program.words()


def test_a_place_that_is_not_padded_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters of two tensors, where one should have been filled up to a multiple of 8."""
    monkeypatch.setattr(places, "padded", lambda count: count)
    with pytest.raises(IllegalProgram):
        simple("samples").words()
