"""Networks and cohorts that the tests of several engines train."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from theorycheck.drawing.networks import convolutional_networks, directed_graphs, mlps
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    Parameters,
    mlp,
)
from theorycheck.training.cohorts import Cohort, Loss, Parametrisation, parametrise

DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
SLOPES = (RELU, LINEAR, 0.5, -0.5)

SQUARE = Convolution(channels=2, height=3, width=3, filters=4, kernel=(2, 2))
STRIDED = Convolution(channels=2, height=3, width=3, filters=4, kernel=(2, 1), stride=2)
FLAT = Convolution(channels=4, height=2, width=2, filters=3, kernel=(1, 2))
CONVOLUTIONAL = Network(
    18,
    (
        Layer(16, (Edge(0, SQUARE),), bias=True),
        Layer(6, (Edge(1, FLAT), Edge(0)), 0.5),
        Layer(16, (Edge(1, Identity()), Edge(0, SQUARE), Edge(2))),
        Layer(6, (Edge(3, FLAT), Edge(1, FLAT), Edge(2, Identity())), LINEAR),
        Layer(8, (Edge(0, STRIDED),)),
        Layer(2, (Edge(4), Edge(4), Edge(3), Edge(5)), LINEAR),
    ),
)
IDLE = Network(2, (Layer(3, (Edge(0),)), Layer(2, (Edge(1),), bias=True), Layer(1, (Edge(1),))))
"""The second layer leads nowhere."""

seeds = st.integers(0, 2**32)
networks = st.one_of(
    mlps(depths=(1, 4), widths=(1, 6), slopes=SLOPES, outputs=(1, 3), bias=True),
    directed_graphs(widths=(1, 5), slopes=SLOPES, outputs=(1, 3)),
    convolutional_networks(slopes=SLOPES, outputs=(1, 3), filters=(1, 4)),
    st.sampled_from([CONVOLUTIONAL, IDLE, mlp((4, 4), RELU, output_slope=RELU)]),
)


def halves(network: Network, members: int, generator: torch.Generator) -> Parameters:
    return tuple(
        torch.randint(-2, 3, (members, *p.shape), generator=generator).double() / 2
        for p in network.parameters
    )


def integers(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(-2, 3, shape, generator=generator).double()


def drawn(network: Network, members: int, samples: int, seed: int) -> tuple[Any, ...]:
    """The network, parameters that are halves, and integer inputs and slopes or targets."""
    generator = torch.Generator().manual_seed(seed)
    parameters = halves(network, members, generator)
    inputs = integers((members, samples, network.input_width), generator)
    slopes = integers((members, samples, network.output_width), generator)
    return network, parameters, inputs, slopes


def random_cohort(
    network: Network,
    members: int,
    samples: int,
    dtype: torch.dtype = torch.float64,
    loss: Loss = "square",
    parametrisation: Parametrisation = "plain",
) -> Cohort:
    """Numbers that round everywhere."""
    generator = torch.Generator().manual_seed(members)
    parameters = initialise(network, members, seed=samples, dtype=dtype)
    shape = members, samples, network.output_width
    noise = torch.randn(shape, generator=generator, dtype=dtype)
    targets = {
        "square": noise,
        "cross_entropy": torch.nn.functional.one_hot(noise.argmax(dim=-1), shape[2]).to(dtype),
        "exponential": noise.sign(),
    }[loss]
    inputs = torch.randn(members, samples, network.input_width, generator=generator, dtype=dtype)
    state = parametrise(network, parameters, parametrisation)
    return Cohort(network, state, inputs, targets, torch.full((members,), 0.1, dtype=dtype))


def some(cohort: Cohort, chosen: slice) -> Cohort:
    """A cohort of a few of the members, in memory of its own."""
    rho = cohort.state.rho
    parameters = tuple(p[chosen].clone() for p in cohort.state.parameters)
    return Cohort(
        cohort.network,
        replace(
            cohort.state, parameters=parameters, rho=None if rho is None else rho[chosen].clone()
        ),
        *(t[chosen].clone() for t in (cohort.inputs, cohort.targets, cohort.weight_decay)),
    )
