"""Buffers of a tape: filled up with zeros, never larger than what was reserved, and counted."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.training.cohorts import CONVOLUTIONAL, drawn
from theorycheck.networks.specification import Network, mlp
from theorycheck.training.stacked.buffers import MULTIPLE, Block, Memory, Operand, filled_up
from theorycheck.training.stacked.tape import Tape

SIZES = st.integers(1, 9)


def memory(members: int = 3, *, by_sample: bool = False, device: str = "cpu") -> Memory:
    return Memory(members, torch.float32, device, by_sample=by_sample)


def border(block: Block) -> Tensor:
    """What is around the live part, from a copy in which that is 0."""
    copy = block.whole.clone()
    copy[:, : block.live.shape[1], : block.live.shape[2]] = 0
    return copy


def test_sizes_are_filled_up_to_multiples() -> None:
    assert MULTIPLE == 4
    assert [filled_up(size) for size in range(10)] == [0, 4, 4, 4, 4, 8, 8, 8, 8, 12]


@given(rows=SIZES, columns=SIZES)
def test_a_block_is_filled_up_with_zeros(rows: int, columns: int) -> None:
    """What is written to the live part is in the block, and nothing around it changes."""
    block = memory().block(rows, columns)
    assert block.live.shape == (3, rows, columns)
    assert block.whole.shape == (3, math.ceil(rows / 4) * 4, math.ceil(columns / 4) * 4)
    block.live.fill_(1)
    assert block.whole.sum() == 3 * rows * columns
    assert not border(block).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(rows=SIZES, columns=SIZES)
def test_members_begin_on_cache_lines_of_their_own(
    dtype: torch.dtype, rows: int, columns: int
) -> None:
    """So that all are read and multiplied alike, whichever instructions a processor has for it."""
    block = Memory(3, dtype, "cpu", by_sample=False).block(rows, columns)
    assert block.whole.stride(0) * dtype.itemsize % 64 == 0


@pytest.mark.parametrize("by_sample", [False, True])
def test_samples_are_columns_wherever_they_lie(by_sample: bool) -> None:
    """In memory the numbers of a sample lie side by side, or those of a unit."""
    block = memory(by_sample=by_sample).values(5, 7)
    assert block.live.shape == (3, 5, 7)
    assert block.whole.shape == (3, 8, 8)
    assert block.live.stride()[1:] == ((1, 8) if by_sample else (8, 1))


@given(st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=4))
def test_scratch_holds_every_size_that_was_reserved(sizes: list[tuple[int, int]]) -> None:
    """All in one place, of the largest of them; the next one may overwrite it."""
    place = memory()
    for rows, columns in sizes:
        place.reserve_scratch(rows, columns)
    before = place.size
    place.allocate_scratch()
    products = [math.ceil(rows / 4) * math.ceil(columns / 4) for rows, columns in sizes]
    assert place.size - before == 3 * 16 * max(products) * 4
    starts = set()
    for rows, columns in sizes:
        block = place.scratch(rows, columns)
        assert block.live.shape == (3, rows, columns)
        assert block.whole.shape == (3, math.ceil(rows / 4) * 4, math.ceil(columns / 4) * 4)
        assert block.whole.is_contiguous()
        starts.add(block.whole.data_ptr())
    assert len(starts) == 1


def test_what_was_not_reserved_does_not_fit() -> None:
    place = memory()
    place.reserve_scratch(4, 8)
    place.allocate_scratch()
    with pytest.raises(RuntimeError):
        place.scratch(5, 8)


def test_bytes_are_counted() -> None:
    """By hand; on ``meta`` the same are counted and none is allocated."""
    for device in ("cpu", "meta"):
        place = memory(members=2, device=device)
        assert place.size == 0
        assert place.zeros(3, 5).device.type == device
        assert place.size == 2 * 15 * 4
        place.block(5, 4)
        assert place.size == 2 * (15 + 8 * 4) * 4
        place.values(1, 5)
        assert place.size == 2 * (15 + 8 * 4 + 4 * 8) * 4


def test_complete_matrices_are_taken_as_they_are() -> None:
    place = memory()
    operand, matrices = Operand(place, 4, 8), torch.rand(3, 4, 8)
    assert operand.take(matrices) is matrices
    assert place.size == 0


@given(rows=SIZES, columns=SIZES)
def test_other_matrices_are_filled_up_again_and_again(rows: int, columns: int) -> None:
    """Nothing is left of those before, NaN included."""
    operand = Operand(memory(), rows, columns)
    for number in (math.nan, 1.0):
        matrices = torch.full((3, rows, columns), number)
        taken = operand.take(matrices)
        expected = torch.zeros(3, math.ceil(rows / 4) * 4, math.ceil(columns / 4) * 4)
        expected[:, :rows, :columns] = number
        assert torch.equal(taken.nan_to_num(nan=9.0), expected.nan_to_num(nan=9.0))


@pytest.mark.parametrize(
    "network",
    [mlp((3, 5, 2), 0.5, bias=True), mlp((3, 5, 2), normalisation="batch"), CONVOLUTIONAL],
    ids=str,
)
def test_zeros_stay_zeros_in_use(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks of a tape after two passes, at five samples; scratch is overwritten as a whole."""
    original, blocks = Memory.block, []

    def block(self: Memory, rows: int, columns: int) -> Block:
        blocks.append(original(self, rows, columns))
        return blocks[-1]

    monkeypatch.setattr(Memory, "block", block)
    _, parameters, inputs, slopes = drawn(network, 2, 5, seed=1)
    tape = Tape(network, 2, 5, inputs.dtype, inputs.device)
    for _ in range(2):
        tape.forward(parameters, inputs)
        tape.slopes.copy_(slopes)
        tape.backward(tuple(torch.empty_like(p) for p in parameters))
    assert any(block.whole.shape != block.live.shape for block in blocks)
    assert not any(border(block).any() for block in blocks)
