"""Forward and backward pass of a network on stacked members, in buffers allocated once.

The forward pass is that of `evaluation.vertices`; the backward pass is the chain rule written out,
in a class for every kind of connection or operation. What is not finite stays with its member.

The last bits of a matrix product on the CPU depend on where in memory its result starts, and a
product with a single row or column is another routine. Therefore the matrices of a tape are filled
up with zeros, which add nothing, to multiples of `MULTIPLE` rows and columns: every member's result
then starts at a multiple of 64 bytes, and is the same bit for bit whichever members are computed
beside it.

Throughout, samples are columns. In memory the values of a sample lie side by side, as matrix
products with few columns are slow; where the network is convolutional, those of a pixel do, so that
patches are copied in long runs.

Shapes below: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Identity,
    Layer,
    Map,
    Network,
    Parameters,
)
from theorycheck.training.stacked.buffers import Memory
from theorycheck.training.stacked.layers import (
    BatchNormalisation,
    BiasTerm,
    ConvolutionConnection,
    DenseConnection,
    LeakyReluActivation,
    Operation,
    ReluActivation,
    SkipConnection,
    Variation,
    Vertex,
)


class Tape:
    """The operations of a network at a number of samples, performed forward and backward.

    Args:
        device: on ``meta`` nothing is allocated, and only `size` is of use.
    """

    def __init__(
        self,
        network: Network,
        members: int,
        samples: int,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        convolutional = any(
            isinstance(edge.map, Convolution) for layer in network.layers for edge in layer.edges
        )
        memory = self._memory = Memory(members, dtype, device, by_sample=not convolutional)
        self._operations: list[Operation] = []
        self._idle: list[int] = []
        needed = _needed(network)
        vertices = [Vertex(is_input=True)]
        for number, layer in enumerate(network.layers, start=1):
            vertices.append(Vertex())
            positions = [i for i, p in enumerate(network.parameters) if p.layer == number]
            if number in needed:
                self._append(layer, vertices, memory, samples, network, positions)
            else:
                self._idle += positions
        vertices[0].value = memory.values(network.input_width, samples)
        self._inputs, output = vertices[0].value.live.mT, vertices[-1]
        self.outputs = output.value.live.mT
        """``(K, N, C)``; what `forward` computes."""
        self.slopes = output.slope.live.mT
        """``(K, N, C)``; weights of the outputs in what `backward` differentiates: fill them in."""
        memory.allocate_scratch()

    def _append(
        self,
        layer: Layer,
        vertices: list[Vertex],
        memory: Memory,
        samples: int,
        network: Network,
        positions: list[int],
    ) -> None:
        """Append the operations of the last vertex; ``positions`` are those of its parameters."""
        vertex, own = vertices[-1], iter(positions)
        bends = layer.slope not in (RELU, LINEAR)
        vertex.value = memory.values(layer.width, samples)
        vertex.total = memory.values(layer.width, samples) if bends else vertex.value
        vertex.slope = memory.values(layer.width, samples)
        edges: list[tuple[Vertex, Map, int | None]] = []
        for i, edge in enumerate(layer.edges):
            source, opens, position = vertices[edge.source], i == 0, None
            if isinstance(edge.map, Identity):
                operation: Operation = SkipConnection(source, vertex, opens=opens)
            elif isinstance(edge.map, Convolution):
                operation = ConvolutionConnection(
                    source, vertex, memory, position := next(own), edge.map, opens=opens
                )
            else:
                shape = network.parameters[position := next(own)].shape
                operation = DenseConnection(source, vertex, memory, position, shape, opens=opens)
            self._operations.append(operation)
            edges.append((source, edge.map, position))
        bias, normalised = next(own) if layer.bias else None, layer.normalisation != "none"
        if network.normalised_by_batch:
            variation = Variation(vertex, memory, edges, bias, normalised=normalised)
            self._operations.append(variation)
        if bias is not None:
            self._operations.append(BiasTerm(vertex, bias))
        if normalised:
            attached = layer.normalisation == "batch"
            pair = next(own), next(own)
            self._operations.append(BatchNormalisation(vertex, memory, *pair, attached=attached))
        if layer.slope == RELU:
            self._operations.append(ReluActivation(vertex))
        elif bends:
            self._operations.append(LeakyReluActivation(vertex, layer.slope))

    @property
    def size(self) -> int:
        """Bytes of all buffers."""
        return self._memory.size

    def forward(self, parameters: Parameters, inputs: Tensor) -> None:
        """Compute `outputs`.

        Args:
            parameters: ``(K, *shape)`` each, with matrices whose rows are contiguous; they are read
                by `backward` again.
            inputs: ``(K, N, d)``.
        """
        self._inputs.copy_(inputs)
        for operation in self._operations:
            operation.forward(parameters)

    def backward(self, gradients: Parameters) -> None:
        """Write the gradients of ``sum slopes * outputs`` of every member; `slopes` is overwritten.

        The derivative of an activation at 0 is its slope, as autograd's.

        Args:
            gradients: tensors ``(K, *shape)`` for the gradients by the parameters.
        """
        for operation in reversed(self._operations):
            operation.backward(gradients)
        for position in self._idle:
            gradients[position].zero_()


def _needed(network: Network) -> set[int]:
    """The vertices that the output depends on."""
    needed = {network.depth}
    for number in range(network.depth, 0, -1):
        if number in needed:
            needed.update(edge.source for edge in network.layers[number - 1].edges)
    return needed
