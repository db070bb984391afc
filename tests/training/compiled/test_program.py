"""Programs: verified before they run, and assembled once for all that differ in addresses only."""

from __future__ import annotations

import pytest
import torch

from tests.training.compiled.programs import cohort_of, descent_of
from theorycheck.networks.specification import mlp
from theorycheck.training.compiled import program
from theorycheck.training.compiled.descent import DescentProgram
from theorycheck.training.compiled.legality import IllegalProgram


def made(*, width: int = 4) -> DescentProgram:
    return descent_of(cohort_of(mlp((3, width, 2)), 2, 5), "members")


def test_a_program_without_its_addresses_is_the_same_for_other_data() -> None:
    one, other = made(), made()
    assert one.listing == other.listing
    assert one.memories.tensors[0].data_ptr() != other.memories.tensors[0].data_ptr()
    assert program.legal(one.listing) is program.legal(other.listing)
    assert made(width=5).listing != one.listing


def test_words_differ_where_addresses_stand() -> None:
    """Each address of one program is as far from the start of its memory as in the other."""
    one, other = made(), made()
    words, changed = one.words(), other.words()
    starts = [{t.data_ptr() for t in p.memories.tensors} for p in (one, other)]
    different = words != changed
    assert bool(different.any())
    assert {int(word) for word in words[different]} >= starts[0] - starts[1]
    assert torch.equal(one.words(), words)


def test_a_program_that_is_not_legal_has_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two places of the arena are one: found before anything runs."""
    spoilt = made(width=6)
    section = spoilt.during
    position = next(i for i, r in enumerate(section.records) if r.operation == "relu")
    record = section.records[position]
    section.records[position] = record._replace(operands=(spoilt.arena.size, *record.operands[1:]))
    with pytest.raises(IllegalProgram, match="relu in section"):
        spoilt.words()
