"""What is trained: the workloads of the record, multilayer perceptrons by name, and their tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import Tensor

from theorycheck.errors import InputError
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Edge,
    Layer,
    Network,
    Parameters,
    mlp,
)
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective, State

OBJECTIVE = Objective("square", "mean", "weights")
LEARNING_RATE = 2.0**-10
WEIGHT_DECAY = 2.0**-10
"""Both are so small that no workload diverges; the time of a step does not depend on them."""


@dataclass(frozen=True, eq=False)
class Task:
    """One cohort and how it is trained: by SGD on reshuffled batches, each member on its own."""

    cohort: Cohort
    batches: Batches
    epochs: int
    learning_rate: float

    @property
    def members(self) -> int:
        return self.cohort.members

    @property
    def steps(self) -> int:
        """Updates of every member."""
        return self.epochs * self.batches.updates

    def orders(self) -> Tensor:
        """The samples of every batch, ``(K, steps, batch size)`` int64 on the cohort's device."""
        orders = self.batches.orders(0, self.epochs).flatten(1, 2)
        return orders.to(self.cohort.inputs.device)

    def part(self, members: int, epochs: int) -> Task:
        """The first epochs of the first members, on views of their tensors."""
        cohort = self.cohort
        first = Cohort(
            cohort.network,
            State(tuple(p[:members] for p in cohort.state.parameters)),
            cohort.inputs[:members],
            cohort.targets[:members],
            cohort.weight_decay[:members],
        )
        batches = self.batches.of(torch.arange(members))
        return Task(first, batches, epochs, self.learning_rate)


Training = Callable[[], Parameters]
"""Trains the task it was made for from its start; returns the final parameters ``(K, *shape)``."""


@dataclass(frozen=True)
class Workload:
    """A chain of linear and ReLU layers, dense or convolutional, and the sizes of its data."""

    name: str
    description: str
    network: Network
    batch_size: int
    samples: int

    def __str__(self) -> str:
        return f"{self.description}, batch {self.batch_size} of {self.samples}"

    @property
    def updates(self) -> int:
        """Steps per epoch."""
        return self.samples // self.batch_size

    def task(self, members: int, epochs: int, dtype: torch.dtype, device: torch.device) -> Task:
        """Random members, each with its own random data, drawn from fixed seeds."""
        generator = torch.Generator().manual_seed(1)
        width, outputs = self.network.input_width, self.network.output_width
        shape = (members, self.samples, width + outputs)
        data = torch.randn(shape, generator=generator, dtype=dtype).to(device)
        weights = initialise(self.network, members, dtype=dtype)
        cohort = Cohort.broadcast(
            self.network,
            State(tuple(w.to(device) for w in weights)),
            data[..., :width].contiguous(),
            data[..., width:].contiguous(),
            WEIGHT_DECAY,
        )
        batches = Batches(torch.arange(members), self.samples, self.batch_size)
        return Task(cohort, batches, epochs, LEARNING_RATE)

    def require_memory(self, members: int, free: int) -> None:
        """Refuse a cohort that no machine like this can hold.

        Args:
            free: bytes of memory.

        Raises:
            InputError: when its weights and data, of which `task` makes a copy, are more.
        """
        weights = sum(prod(parameter.shape) for parameter in self.network.parameters)
        data = self.samples * (self.network.input_width + self.network.output_width)
        needed = members * (weights + 2 * data) * torch.float32.itemsize
        if needed > free:
            raise InputError(
                f"{self.name} with {members} members takes more than {needed / 2**30:.3g} GiB of"
                f" memory, and {free / 2**30:.3g} are free; give fewer members or smaller widths"
            )

    @property
    def flops(self) -> int:
        """Additions and multiplications in the matrix products of one step of one member.

        Each product of the forward pass has two of the same size in the backward pass, by its
        weights and by its inputs; the first layer has no gradient by its inputs.
        """
        products = [_multiplications(layer, self.network) for layer in self.network.layers]
        return 2 * self.batch_size * (3 * sum(products) - products[0])


def _multiplications(layer: Layer, network: Network) -> int:
    """Multiplications of a layer at one sample."""
    [edge] = layer.edges
    if isinstance(edge.map, Convolution):
        return layer.width * edge.map.channels * edge.map.kernel[0] * edge.map.kernel[1]
    return layer.width * network.width(edge.source)


def convolutional(channels: tuple[int, ...], side: int, outputs: int) -> Network:
    """Valid 3x3 convolutions with ReLU on square images, then a dense layer."""
    layers = []
    for vertex, (source, target) in enumerate(pairwise(channels)):
        convolution = Convolution(source, side, side, target, (3, 3))
        layers.append(Layer(convolution.target_width, (Edge(vertex, convolution),), RELU))
        side -= 2
    layers.append(Layer(outputs, (Edge(len(layers)),), LINEAR))
    first = layers[0].edges[0].map
    assert isinstance(first, Convolution)
    return Network(first.source_width, tuple(layers))


def _perceptron(name: str, widths: Sequence[int], batch_size: int, samples: int) -> Workload:
    description = f"perceptron {'-'.join(map(str, widths))}"
    return Workload(name, description, mlp(widths), batch_size, samples)


NAMED = {
    workload.name: workload
    for workload in (
        _perceptron("W1", (16, 32, 32, 1), 8, 64),
        _perceptron("W2", (64, 128, 128, 128, 128, 10), 32, 512),
        Workload(
            "W3",
            "3x3 convolutions 1-8-8-16-16 on 12x12 images, dense 10",
            convolutional((1, 8, 8, 16, 16), 12, 10),
            16,
            64,
        ),
    )
}
_CUSTOM = re.compile(r"mlp:(\d{1,12}(?:-\d{1,12})+)@(\d{1,12})/(\d{1,12})", re.ASCII)


def workload(name: str) -> Workload:
    """The workload called ``W1``, ``W2``, ``W3``, or for example ``mlp:16-32-32-1@8/64``.

    The latter is a perceptron with these widths, trained with batches of 8 of 64 samples.

    Raises:
        InputError: for any other name, and for sizes that do not fit together.
    """
    if name in NAMED:
        return NAMED[name]
    parts = _CUSTOM.fullmatch(name)
    if parts is None:
        raise InputError(
            f"unknown workload {name!r}: choose {', '.join(NAMED)} or, for example, "
            "mlp:16-32-32-1@8/64 (widths, batch size, samples)"
        )
    widths = [int(width) for width in parts[1].split("-")]
    batch_size, samples = int(parts[2]), int(parts[3])
    if not 1 <= batch_size <= samples or samples % batch_size:
        raise InputError(f"workload {name!r}: the batch size has to divide the number of samples")
    return _perceptron(name, widths, batch_size, samples)
