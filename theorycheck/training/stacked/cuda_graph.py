"""Updates on a GPU, recorded once as a CUDA graph and then replayed.

A small network's update is a few dozen operations, each of which takes the GPU less time than
calling it takes the CPU.

Of all threads one at a time trains on a GPU, see `turn`: torch allows for one recording at a time,
and while it lasts nothing else may free memory or wait for the GPU.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from threading import RLock

import torch
from torch import Tensor

LONGEST = 32
"""Definition: a CUDA graph holds at most this many updates, so that recording it stays short."""

Updates = Callable[[Tensor, Tensor], None]
"""Makes updates in place from the inputs ``(U, K, n, d)`` and the targets of their batches."""


def supports(device: torch.device) -> bool:
    """Whether what a device does can be recorded."""
    return device.type == "cuda"


_turn = RLock()
_has_turn = ContextVar("has_turn", default=False)


@contextmanager
def turn(device: torch.device) -> Iterator[None]:
    """Wait until no other thread trains on a GPU, and keep others waiting; a CPU is for all."""
    if not supports(device):
        yield
        return
    with _turn:
        before = _has_turn.set(True)
        try:
            yield
        finally:
            _has_turn.reset(before)


def has_turn() -> bool:
    """Whether this is within a training on a GPU: another thread would wait for its end."""
    return _has_turn.get()


class Replayed:
    """Updates as a CUDA graph, which holds a number of them that divides those of an epoch.

    Args:
        updates: makes updates, on the same tensors in every call.
        changed: the tensors that it changes.
    """

    def __init__(self, updates: Updates, changed: Sequence[Tensor]) -> None:
        self.updates, self.changed = updates, changed
        self.replay: Callable[[], None] | None = None

    def __call__(self, inputs: Tensor, targets: Tensor) -> None:
        """Make updates; their number and shapes are those of the first call."""
        if self.replay is None:
            count = max(k for k in range(1, LONGEST + 1) if len(inputs) % k == 0)
            self.inputs, self.targets = inputs[:count].clone(), targets[:count].clone()
            before = [tensor.clone() for tensor in self.changed]
            updates = self.updates
            with torch.cuda.device_of(inputs):  # type: ignore[no-untyped-call]
                self.replay = record(lambda: updates(self.inputs, self.targets))
            # They hold what trains, which would hold itself.
            del self.updates
            for tensor, value in zip(self.changed, before, strict=True):
                tensor.copy_(value)
        count = len(self.inputs)
        parts = torch.split(inputs, count), torch.split(targets, count)
        for part, labels in zip(*parts, strict=True):
            self.inputs.copy_(part)
            self.targets.copy_(labels)
            self.replay()


def record(work: Callable[[], None]) -> Callable[[], None]:
    """Record what some work does on the current GPU; returns a function that does it again.

    As torch asks for, the work is first done once on another stream, so that libraries allocate
    what they need. Recording it does not do it. Meanwhile other threads may allocate, but no graph
    can be freed.
    """
    stream = _stream(torch.cuda.current_device())
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with _uncollected(), torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        work()
    return graph.replay


@contextmanager
def _uncollected() -> Iterator[None]:
    """Have no garbage collected: among it may be another graph."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@cache
def _stream(device: int) -> torch.cuda.Stream:
    """The stream on which all work of a GPU is recorded: libraries keep memory for every stream.

    That which torch would choose is of the GPU on which it recorded first.
    """
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
