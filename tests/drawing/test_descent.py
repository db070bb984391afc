"""Descent, against torch's own Adam."""

from __future__ import annotations

import torch

from theorycheck.drawing.descent import descend


def test_each_step_is_that_of_adam_bit_for_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    values = [
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((3, 2), (4,))
    ]
    ours, theirs = ([v.clone().requires_grad_() for v in values] for _ in range(2))

    def losses(leaves: list[torch.Tensor]) -> torch.Tensor:
        matrix, vector = leaves
        return (matrix.square().sum(dim=1) - 1).square().sum() + vector.abs().prod().sqrt()

    descend(lambda: losses(ours), ours, learning_rate=0.05, steps=40)
    optimiser = torch.optim.Adam(theirs, lr=0.05)
    for _ in range(40):
        optimiser.zero_grad()
        losses(theirs).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(ours, values, strict=True))
