"""Stacked training: every update of a cohort is a few operations on tensors, in plain PyTorch.

It runs wherever torch does, and on a GPU; large networks are best off with it on a CPU too.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from theorycheck.batches import Batches
from theorycheck.cohorts import Cohort, Objective
from theorycheck.fields import Field


class StackedDescent:
    """Descent of a cohort, update by update; the other engine is
    `theorycheck.lanes.CompiledDescent`.
    """

    def __init__(
        self, cohort: Cohort, objective: Objective, batches: Batches, momentum: Tensor | None
    ) -> None:
        """``momentum`` is ``(K, 1)``."""
        self.cohort, self.batches, self.momentum = cohort, batches, momentum
        self.field = Field(cohort, objective)
        self.rows = self.field.pack(cohort.state)
        """The states, as rows of `Field`; training puts another tensor in their place."""
        self.buffer = torch.zeros_like(self.rows)
        self.diverged = torch.zeros_like(self.rows[:, 0], dtype=torch.bool)
        """Which members have been put back, ``(K,)``."""

    def advance(self, first: int, last: int, rate: Tensor) -> Tensor:
        """Train from one epoch to another, the last one excluded.

        Args:
            rate: learning rates, ``(K, 1)``.

        Returns:
            Sums over the updates of the norms of the weight matrices' steps, ``(K,)``.
        """
        path = torch.zeros_like(self.rows[:, 0])
        for epoch in range(first, last):
            path += self._epoch(epoch, rate) * rate[:, 0]
        return path

    def _epoch(self, epoch: int, rate: Tensor) -> Tensor:
        # A copy, since records and measures may hold views of the rows as they were.
        start, rows = self.rows, self.rows.clone()
        lengths = torch.zeros_like(rows[:, 0])
        for inputs, targets in self._batches(epoch):
            slope = self.field.velocity(rows, inputs, targets)
            if self.momentum is not None:
                slope = self.buffer.mul_(self.momentum).add_(slope)
            rows.addcmul_(slope, rate)
            lengths += torch.linalg.vector_norm(slope[:, self.field.weights], dim=1)
        # Numbers that are not finite stay so and stay with their member, so that one look per epoch
        # finds them all.
        self.diverged |= ~rows.square().sum(dim=1).isfinite()
        self.rows = torch.where(self.diverged[:, None], start, rows)
        return lengths

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        inputs, targets = self.cohort.inputs, self.cohort.targets
        if self.batches.whole:
            yield inputs, targets
            return
        order = self.batches.orders(epoch, epoch + 1).to(inputs.device).flatten(1)
        member = torch.arange(self.cohort.members, device=inputs.device)[:, None]
        size = self.batches.batch_size
        yield from zip(
            torch.split(inputs[member, order], size, dim=1),
            torch.split(targets[member, order], size, dim=1),
            strict=True,
        )
