"""Small networks with numbers so short that float64 rounds nothing, drawn and as rationals.

The random networks have weights in quarters up to 1, slopes in quarters and integer inputs up to 3.
Every value and derivative in networks as small as these is then a multiple of 2**-14 below 2**8,
and every term of the loss's gradient a multiple of 2**-30 below 2**18, so float64 computes them
without rounding and ``==`` is legitimate against torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from theorycheck import arithmetic
from theorycheck.arithmetic.numbers import Array, rationals
from theorycheck.networks.specification import (
    LINEAR,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    Normalisation,
    mlp,
)

RESIDUAL = Network(
    2,
    (
        Layer(3, (Edge(0),)),
        Layer(3, (Edge(0), Edge(1, Identity()), Edge(1))),
        Layer(2, (Edge(2), Edge(0)), LINEAR),
    ),
)
OVERLAPPING = Convolution(channels=2, height=2, width=3, filters=2, kernel=(2, 2))
CONVOLUTIONAL = Network(12, (Layer(4, (Edge(0, OVERLAPPING),)), Layer(2, (Edge(1),), LINEAR)))
PLAIN = [
    mlp([3, 2]),
    mlp([2, 3, 1]),
    mlp([2, 3, 4, 3, 2]),
    mlp([2, 3, 3, 2], 0.25, bias=True),
    mlp([2, 3, 2], output_slope=0.0),
    mlp([2, 2, 2, 1], LINEAR),
    RESIDUAL,
    CONVOLUTIONAL,
]
each_plain = pytest.mark.parametrize("network", PLAIN, ids=str)


def draw(network: Network, samples: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Parameters in quarters and integer inputs, as float64."""
    generator = np.random.default_rng(seed)
    parameters = [generator.integers(-4, 5, p.shape) / 4.0 for p in network.parameters]
    return parameters, generator.integers(-3, 4, (samples, network.input_width)) * 1.0


def both(
    network: Network, parameters: Sequence[np.ndarray], inputs: np.ndarray
) -> tuple[list[Array], Array, tuple[Tensor, ...], Tensor]:
    """The same network as rationals and as a torch cohort of one."""
    tensors = tuple(torch.tensor(p)[None] for p in parameters)
    return [rationals(p) for p in parameters], rationals(inputs), tensors, torch.tensor(inputs)


def without_kinks(network: Network, samples: int) -> tuple[list[Array], Array]:
    """The first random network whose preactivations are all nonzero."""
    for seed in range(200):
        parameters, inputs = draw(network, samples, seed)
        exactly = [rationals(p) for p in parameters]
        if not arithmetic.has_kink(network, exactly, rationals(inputs)):
            return exactly, rationals(inputs)
    raise AssertionError(f"every seed put {network} on a kink")


def contain(enclosures: Array, dyadics: Array) -> bool:
    """Whether each ball contains its number, which must be dyadic for the question to be exact."""
    pairs = zip(enclosures.ravel().tolist(), dyadics.ravel().tolist(), strict=True)
    return all(ball.contains(number) for ball, number in pairs)


def normalised(normalisation: Normalisation) -> tuple[Network, list[Array], Array]:
    """A network whose hidden deviations over two samples are 2 and 1, so that floats are exact."""
    network = mlp([2, 2, 1], 0.25, normalisation=normalisation)
    parameters = [
        rationals([[1, 1], [0, -1]]),
        rationals(0.5),
        rationals(0.25),
        rationals([[2, -3]]),
    ]
    return network, parameters, rationals([[1, 0], [3, 2]])
