"""Tasks and options of the benchmark that take no time, and a task in which no operation rounds."""

from __future__ import annotations

import torch
from torch import Tensor

from theorycheck.bench.workloads import Task, convolutional
from theorycheck.networks.specification import LINEAR, RELU, Convolution, Edge, Layer, Network, mlp
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, State

CPU = torch.device("cpu")
TINY = ["--workload", "mlp:2-3-1@2/4", "--members", "1,2", "--steps", "4"]
BRIEF = ["--device", "cpu", "--threads", "1", "--repeats", "2", "--seconds", "0.001"]

STRIDED = Convolution(channels=2, height=3, width=3, filters=2, kernel=(1, 2), stride=2)
NETWORKS = {
    "perceptron": mlp((3, 4, 2)),
    "convolutions": convolutional((1, 2, 2), 5, 2),
    "strided convolution between dense layers": Network(
        2,
        (
            Layer(STRIDED.source_width, (Edge(0),), LINEAR),
            Layer(STRIDED.target_width, (Edge(1, STRIDED),), RELU),
            Layer(1, (Edge(2),), LINEAR),
        ),
    ),
}
"""One of every kind that the programs distinguish."""


def signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Numbers of which each is -1, 0 or 1."""
    return torch.randint(-1, 2, shape, generator=generator).double()


def integer_task(network: Network) -> Task:
    """Two updates of three members, in which no operation rounds.

    The step is 1/4, the batch has two samples: after one update all weights are multiples of 1/8,
    and what the second computes are sums of less than 2^10 products of at most eight of them.
    """
    generator = torch.Generator().manual_seed(3)
    cohort = Cohort(
        network,
        State(tuple(signs((3, *p.shape), generator) for p in network.parameters)),
        signs((3, 4, network.input_width), generator),
        signs((3, 4, network.output_width), generator),
        torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64),
    )
    batches = Batches(torch.tensor([4, 5, 6]), samples=4, batch_size=2)
    return Task(cohort, batches, epochs=1, learning_rate=0.25)
