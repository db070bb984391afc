"""Stacked training: every update of a cohort is a few operations on tensors, in plain PyTorch.

It runs wherever torch does. On a GPU there is no other engine, and on a CPU it is the faster one
for large networks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort
from theorycheck.training.stacked import cuda_graph
from theorycheck.training.stacked.cuda_graph import Replayed, Updates
from theorycheck.training.vector_field import Field


class StackedDescent:
    """Descent of a cohort, update by update; the other engine is
    `theorycheck.training.compiled.workers.CompiledDescent`.
    """

    def __init__(
        self,
        cohort: Cohort,
        batches: Batches,
        momentum: Tensor | None,
        field: Field,
        rows: Tensor,
    ) -> None:
        """Start a descent.

        Args:
            momentum: ``(K, 1)``; None if it is 0 for all members.
            rows: the states, ``(K, P)``, as packed by the field.
        """
        self.cohort, self.batches, self.momentum, self.field = cohort, batches, momentum, field
        self.rows = rows
        """The states now, ``(K, P)``: `advance` puts another tensor in their place."""
        self.diverged = torch.zeros_like(self.rows[:, 0], dtype=torch.bool)
        """Which members have been put back, ``(K,)``."""
        self.epochs = torch.zeros_like(self.diverged, dtype=torch.int64)
        """How many epochs each has trained and not been put back in, ``(K,)``."""
        self._moving = torch.empty_like(self.rows)
        self._buffer = torch.zeros_like(self.rows)
        self._rate = torch.empty_like(self.rows[:, :1])
        self._lengths = torch.zeros_like(self.rows[:, 0])
        self._replayed: Updates | None = None
        if cuda_graph.supports(self.rows.device):
            self._replayed = Replayed(self._update, (self._moving, self._buffer, self._lengths))

    def advance(self, first: int, last: int, rate: Tensor) -> Tensor:
        """Train from one epoch to another, the last one excluded.

        Args:
            rate: learning rates, ``(K, 1)``.

        Returns:
            Sums over the updates of the norms of the weight matrices' steps, ``(K,)``.
        """
        self._rate.copy_(rate)
        train = self._replayed or self._update
        path = torch.zeros_like(self._lengths)
        for epoch in range(first, last):
            self._moving.copy_(self.rows)
            self._lengths.zero_()
            train(*self._batches(epoch))
            path += self._lengths * rate[:, 0]
            # What is not finite stays so and stays with its member: one look per epoch is enough.
            self.diverged |= ~self._moving.square().sum(dim=1).isfinite()
            self.epochs += ~self.diverged
            # Another tensor, since records and measures may hold views of the rows as they were.
            self.rows = torch.where(self.diverged[:, None], self.rows, self._moving)
        return path

    def _update(self, inputs: Tensor, targets: Tensor) -> None:
        """Updates on ``U`` batches, inputs ``(U, K, n, d)`` and targets ``(U, K, n, C)``."""
        rows, weights = self._moving, self.field.weights
        for samples, labels in zip(inputs, targets, strict=True):
            slope = self.field.velocity(rows, samples, labels)
            if self.momentum is not None:
                slope = self._buffer.mul_(self.momentum).add_(slope)
            rows.addcmul_(slope, self._rate)
            self._lengths += torch.linalg.vector_norm(slope[:, weights], dim=1)

    def _batches(self, epoch: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of all batches of an epoch, as `_update` takes them."""
        inputs, targets = self.cohort.inputs, self.cohort.targets
        if self.batches.whole:
            return inputs[None], targets[None]
        order = self.batches.orders(epoch, epoch + 1)[:, 0].transpose(0, 1).to(inputs.device)
        member = torch.arange(self.cohort.members, device=inputs.device)[:, None]
        return inputs[member, order], targets[member, order]
