"""Updates on a GPU, recorded once as a CUDA graph and then replayed.

A small network's update is a few dozen operations, each of which takes the GPU less time than
calling it takes the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

LONGEST = 32
"""Definition: a CUDA graph holds at most this many updates, so that recording it stays short."""

Updates = Callable[[Tensor, Tensor], None]
"""Makes updates in place from the inputs ``(U, K, n, d)`` and the targets of their batches."""


def supports(device: torch.device) -> bool:
    """Whether what a device does can be recorded."""
    return device.type == "cuda"


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
            self.replay = record(lambda: self.updates(self.inputs, self.targets))
            for tensor, value in zip(self.changed, before, strict=True):
                tensor.copy_(value)
        count = len(self.inputs)
        parts = torch.split(inputs, count), torch.split(targets, count)
        for part, labels in zip(*parts, strict=True):
            self.inputs.copy_(part)
            self.targets.copy_(labels)
            self.replay()


def record(work: Callable[[], None]) -> Callable[[], None]:
    """Record what some work does on the GPU; returns a function that does it again.

    As torch asks for, the work is first done once on another stream, so that libraries allocate
    what they need. Recording it does not do it.
    """
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay
