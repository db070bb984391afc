"""Architectures with every kind of layer and edge, and numbers that float64 does not round.

Weights, slopes, gains and shifts are quarters and inputs are integers, with depth and widths so
small that float64 rounds nothing; comparisons are therefore exact unless a comment says otherwise.
"""

from __future__ import annotations

import pytest
import torch

from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    Parameters,
    mlp,
)

FILTERS = Convolution(channels=1, height=1, width=4, filters=2, kernel=(1, 3))
EVERYTHING = Network(
    4,
    (
        Layer(4, (Edge(0, FILTERS),), 0.25, bias=True),
        Layer(4, (Edge(0, Identity()), Edge(1), Edge(1, Identity())), normalisation="batch"),
        Layer(2, (Edge(2), Edge(0)), LINEAR),
    ),
)
RESIDUAL = Network(
    2,
    (Layer(3, (Edge(0),)), Layer(3, (Edge(1, Identity()), Edge(1))), Layer(2, (Edge(2), Edge(0)))),
)
NETWORKS = [
    mlp([3, 2]),
    mlp([2, 3, 3, 2], 0.25, bias=True),
    mlp([2, 3, 1], normalisation="batch", output_slope=0.0),
    mlp([2, 3, 1], normalisation="batch-detached"),
    RESIDUAL,
    EVERYTHING,
]
each_network = pytest.mark.parametrize("network", NETWORKS, ids=str)


def quarters(network: Network, members: int, seed: int) -> Parameters:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randint(-4, 5, (members, *p.shape), generator=generator).double() / 4
        for p in network.parameters
    )


def integers(*shape: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-3, 4, shape, generator=generator).double()
