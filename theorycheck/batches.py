"""Batches: which samples every update of a member sees, from its seed and the epoch alone."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from theorycheck.cohorts import choose
from theorycheck.errors import InputError

Sampling = Literal["reshuffle", "uniform"]


def batch_order(
    seeds: Tensor, epoch: int, samples: int, batch_size: int, sampling: Sampling = "reshuffle"
) -> Tensor:
    """The samples of every batch of an epoch, ``(K, updates, batch_size)`` int64 on the CPU.

    ``reshuffle`` cuts one random permutation into batches; ``uniform`` draws each of the
    ``samples // batch_size`` batches as a subset of its own (xu2022, Section 6). A batch of all
    samples keeps their order. A permutation sorts random keys: the numbers of SplitMix64 (Steele,
    Lea and Flood, Fast splittable pseudorandom number generators, 2014) started from the member's
    seed and the epoch, so that it depends on nothing else.

    Args:
        seeds: ``(K,)`` int64.

    Raises:
        InputError: when the batch size is out of range, or does not divide the samples into equal
            batches in a reshuffled epoch.
    """
    choose("sampling", sampling, Sampling)
    if not 1 <= batch_size <= samples:
        raise InputError(f"batch_size {batch_size} must be between 1 and the {samples} samples")
    if sampling == "reshuffle" and samples % batch_size:
        raise InputError(
            f"batch_size {batch_size} leaves a smaller last batch of {samples} samples: "
            "choose a divisor, or sampling='uniform'"
        )
    if batch_size == samples:
        return torch.arange(samples).expand(seeds.shape[0], 1, samples)
    updates = samples // batch_size
    rounds, taken = (1, samples) if sampling == "reshuffle" else (updates, batch_size)
    start = _mix(_mix(seeds.cpu().numpy().astype(np.uint64)) + np.uint64(epoch))
    counter = np.arange(1, rounds * samples + 1, dtype=np.uint64)
    keys = _mix(start[:, None] + _GOLDEN * counter).view(np.int64)
    order = torch.from_numpy(keys).reshape(-1, rounds, samples).argsort(dim=-1, stable=True)
    return order[..., :taken].reshape(seeds.shape[0], updates, batch_size)


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64, a bijection of the 64-bit integers."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
