"""Batches: which samples an update of a member sees, as a function of its seed and the epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from theorycheck.arguments import choose, whole_number
from theorycheck.errors import InputError
from theorycheck.networks.checks import require_numbers

Sampling = Literal["reshuffle", "uniform"]


@dataclass(frozen=True, eq=False)
class Batches:
    """How the members of a cohort draw their batches.

    ``reshuffle`` cuts one random permutation into batches; ``uniform`` draws each of the
    ``samples // batch_size`` batches as a subset of its own (xu2022, Section 6). A batch of all
    samples keeps their order. A permutation sorts random keys: the numbers of SplitMix64 (Steele,
    Lea and Flood, Fast splittable pseudorandom number generators, 2014) started from the member's
    seed and the epoch, so that it depends on nothing else.

    Raises:
        InputError: when the seeds are no int64 tensor ``(K,)``, the sampling is unknown, the batch
            size is out of range, or does not divide the samples into equal batches in a reshuffled
            epoch.
    """

    seeds: Tensor
    """Shape ``(K,)``, int64; members with equal seeds see equal batches."""
    samples: int
    batch_size: int
    sampling: Sampling = "reshuffle"

    def __post_init__(self) -> None:
        require_seeds(self.seeds)
        choose("sampling", self.sampling, Sampling)
        whole_number("samples", self.samples)
        whole_number("batch_size", self.batch_size)
        if not 1 <= self.batch_size <= self.samples:
            raise InputError(
                f"batch_size {self.batch_size} must be between 1 and the {self.samples} samples"
            )
        if self.sampling == "reshuffle" and self.samples % self.batch_size:
            raise InputError(
                f"batch_size {self.batch_size} leaves a smaller last batch of {self.samples} "
                "samples: choose a divisor, or sampling='uniform'"
            )

    @property
    def updates(self) -> int:
        """Number of batches in an epoch."""
        return self.samples // self.batch_size

    @property
    def whole(self) -> bool:
        """Whether every batch is all samples."""
        return self.batch_size == self.samples

    @property
    def keys(self) -> int:
        """Number of random keys that an epoch of a member takes."""
        return self.samples * (1 if self.sampling == "reshuffle" else self.updates)

    def of(self, members: Tensor | slice) -> Batches:
        """The batches of some members."""
        return replace(self, seeds=self.seeds[members])

    def orders(self, first: int, last: int) -> Tensor:
        """The samples of the batches from one epoch to another, the last one excluded.

        Returns:
            ``(K, epochs, updates, batch_size)``, int64, on the CPU.
        """
        shape = (len(self.seeds), last - first, self.updates, self.batch_size)
        if self.whole:
            return torch.arange(self.samples).expand(shape)
        epochs = np.arange(first, last, dtype=np.uint64)
        start = _mix(_mix(self.seeds.cpu().numpy().astype(np.uint64))[:, None] + epochs)
        counter = np.arange(1, self.keys + 1, dtype=np.uint64)
        keys = _mix(start[..., None] + _GOLDEN * counter).view(np.int64)
        # Keys of a member differ, hence any way of sorting gives the same.
        order = keys.reshape(*shape[:2], -1, self.samples).argsort(axis=-1)
        taken = order if self.sampling == "reshuffle" else order[..., : self.batch_size]
        return torch.from_numpy(np.ascontiguousarray(taken.reshape(shape)))


def require_seeds(seeds: object, members: int | None = None) -> None:
    """Raise InputError unless seeds are an int64 tensor, one for each member; by default of any."""
    tensor = require_numbers("batch_seeds", seeds)
    shape = (tensor.numel() if members is None else members,)
    if tuple(tensor.shape) != shape or tensor.dtype != torch.int64:
        raise InputError(f"batch_seeds must be an int64 tensor of shape {shape}")


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64, a bijection of the 64-bit integers."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
