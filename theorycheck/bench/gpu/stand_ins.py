"""What only a GPU has, and what stands in for it on a CPU.

On a GPU, updates are recorded as CUDA graphs, memory is taken by somebody else, and the allocator
counts. On a CPU, recorded updates are made by calling them again, the engine is told that memory is
scarce, and tensors are counted as they come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from theorycheck.training import engines, memory
from theorycheck.training.cohorts import Cohort
from theorycheck.training.stacked import cuda_graph
from theorycheck.training.stacked.descent import StackedDescent


@contextmanager
def recording(device: torch.device) -> Iterator[list[None]]:
    """Have updates recorded; yields a list with an item for every recording."""
    recordings: list[None] = []
    genuine = cuda_graph.record

    def record(work: Callable[[], None]) -> Callable[[], None]:
        recordings.append(None)
        if device.type == "cuda":
            return genuine(work)
        work()
        return work

    with (
        patch.object(cuda_graph, "record", record),
        patch.object(cuda_graph, "supports", lambda device: True),
    ):
        yield recordings


@contextmanager
def no_recording() -> Iterator[None]:
    """Have every update made by itself."""
    with patch.object(cuda_graph, "supports", lambda device: False):
        yield


@contextmanager
def scarce(device: torch.device, free: int) -> Iterator[None]:
    """Leave this many bytes of memory free, and let the engine know."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        available, _ = torch.cuda.mem_get_info(device)
        ballast = torch.empty(max(0, available - free), dtype=torch.uint8, device=device)
        try:
            yield
        finally:
            del ballast
            torch.cuda.empty_cache()
    else:
        with patch.object(memory, "free_memory", lambda device: free):
            yield


@contextmanager
def exhausted(device: torch.device, free: int, members: int) -> Iterator[None]:
    """Leave this many bytes of memory, and let the engine believe that there is more.

    Args:
        members: on a CPU, more than this many do not fit.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()
        _, total = torch.cuda.mem_get_info(device)
        most = torch.cuda.memory_reserved(device) + free
        # Of the current device: one without a number is refused here.
        torch.cuda.set_per_process_memory_fraction(most / total)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
            torch.cuda.empty_cache()
    else:

        def short_of_memory(cohort: Cohort, *rest: Any) -> Any:
            if cohort.members > members:
                raise torch.OutOfMemoryError("out of memory")
            return StackedDescent(cohort, *rest)

        with patch.object(engines, "StackedDescent", short_of_memory):
            yield


def peak_memory(work: Callable[[], object], device: torch.device) -> int:
    """The most bytes of tensors that some work holds at once, besides those there before."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - before
    ledger = _Ledger()
    with ledger:
        work()
    return ledger.peak


class _Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what operations allocate, from when it is new until it is gone."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = {_storage(t) for t in _tensors([*args, *(kwargs or {}).values()])}
        result = func(*args, **(kwargs or {}))
        self._live = {key: kept for key, kept in self._live.items() if not _gone(kept[0])}
        for tensor in _tensors([result]):
            if tensor.device.type != "meta" and _storage(tensor) not in given:
                storage = tensor.untyped_storage()
                seen = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                self._live[_storage(tensor)] = seen, storage.nbytes()
        self.peak = max(self.peak, sum(size for _, size in self._live.values()))
        return result


def _gone(reference: StorageWeakRef) -> bool:
    return bool(reference.expired())  # type: ignore[no-untyped-call]


def _storage(tensor: Tensor) -> int:
    """What tells the memory of a tensor from that of others."""
    return int(tensor.untyped_storage()._cdata)


def _tensors(values: list[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(list(value))
