"""Descent for directed searches, from many starts at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def descend(
    losses: Callable[[], Tensor], leaves: Sequence[Tensor], *, learning_rate: float, steps: int
) -> None:
    """Move tensors in place down the sum of some losses, by Adam (Kingma and Ba 2015, Algorithm 1).

    With its usual decay rates, as ``torch.optim.Adam``, whose import of a compiler takes seconds.

    Args:
        losses: of all starts, from the current values of the leaves.
        leaves: tensors that require gradients.
    """
    first, second, small = 0.9, 0.999, 1e-8
    means = [torch.zeros_like(leaf) for leaf in leaves]
    squares = [torch.zeros_like(leaf) for leaf in leaves]
    for step in range(1, steps + 1):
        gradients = torch.autograd.grad(losses().sum(), leaves)
        with torch.no_grad():
            for leaf, gradient, mean, square in zip(leaves, gradients, means, squares, strict=True):
                mean.lerp_(gradient, 1 - first)
                square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
                size = (square.sqrt() / (1 - second**step) ** 0.5).add_(small)
                leaf.addcdiv_(mean, size, value=-learning_rate / (1 - first**step))
