"""Batches: orders by SplitMix64 on Python's integers, partitions, and what they depend on."""

from __future__ import annotations

import torch

from theorycheck.training.batches import Batches


def splitmix(state: int) -> int:
    """The output function of SplitMix64 on Python's integers."""
    state &= 2**64 - 1
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def test_batches_sort_the_keys_of_splitmix() -> None:
    seeds, epoch = [0, 1, -1, 2**63 - 1], 5
    order = Batches(torch.tensor(seeds), 12, 4).orders(epoch, epoch + 1)[:, 0]
    for row, seed in zip(order.tolist(), seeds, strict=True):
        start = splitmix(splitmix(seed) + epoch)
        keys = [splitmix(start + 0x9E3779B97F4A7C15 * i) for i in range(1, 13)]
        signed = [key - 2**64 if key >= 2**63 else key for key in keys]
        assert [i for batch in row for i in batch] == sorted(range(12), key=signed.__getitem__)


def test_batches_partition_or_are_subsets() -> None:
    seeds = torch.arange(200)
    order = Batches(seeds, 12, 4).orders(3, 4)[:, 0]
    assert order.shape == (200, 3, 4)
    assert (order.flatten(1).sort(dim=1).values == torch.arange(12)).all()
    subsets = Batches(seeds, 14, 4, "uniform").orders(3, 4)[:, 0].sort(dim=-1).values
    assert subsets.shape == (200, 3, 4)
    assert (subsets.diff(dim=-1) > 0).all()
    assert torch.equal(Batches(seeds, 4, 4).orders(3, 4)[:, 0], torch.arange(4).expand(200, 1, 4))


def test_batches_depend_on_seed_and_epoch_alone() -> None:
    seeds = torch.tensor([3, 8, 3])
    order = Batches(seeds, 64, 8).orders(2, 3)[:, 0]
    assert torch.equal(order[0], order[2])
    assert torch.equal(order[1], Batches(seeds[1:2], 64, 8).orders(2, 3)[:, 0][0])
    assert not torch.equal(order[0], order[1])
    assert not torch.equal(order[0], Batches(seeds, 64, 8).orders(3, 4)[:, 0][0])
