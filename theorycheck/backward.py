"""Forward and backward pass of a network on stacked members, in buffers that are allocated once.

The forward pass is that of `networks.vertices`; the backward pass is the chain rule written out,
one class per kind of connection or operation. What is not finite stays with its member.

The last bits of a matrix product on the CPU depend on where in memory its result starts, and a
product with a single row or column is another routine. Therefore the matrices of a tape are filled
up with zeros, which add nothing, to multiples of `MULTIPLE` rows and columns: every member's result
then starts at a multiple of 64 bytes, and is the same bit for bit whichever members are computed
beside it.

Throughout, samples are columns. In memory they are where the network is convolutional, so that the
values of a pixel lie side by side and patches are copied in long runs; elsewhere the values of a
sample lie side by side, as matrix products with few columns are slow.

Shapes below: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from theorycheck.networks import (
    LINEAR,
    RELU,
    Convolution,
    Identity,
    Layer,
    Network,
    Parameters,
)

MULTIPLE = 4
"""Definition: 4 times 4 numbers of at least 4 bytes fill whole cache lines of 64 bytes."""


class Tape:
    """The operations of a network at a number of samples, to be played forward and backward.

    Args:
        device: on ``meta`` nothing is allocated, and `size` is all that the tape is good for.
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
        memory = self._memory = _Memory(members, dtype, device, by_sample=not convolutional)
        self._operations: list[_Operation] = []
        self._idle: list[int] = []
        needed = _needed(network)
        vertices = [_Vertex(is_input=True)]
        for number, layer in enumerate(network.layers, start=1):
            vertices.append(_Vertex())
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
        """``(K, N, C)``; how much of every output `backward` differentiates: to be filled in."""
        memory.allocate_scratch()

    def _append(
        self,
        layer: Layer,
        vertices: list[_Vertex],
        memory: _Memory,
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
        for i, edge in enumerate(layer.edges):
            source, opens = vertices[edge.source], i == 0
            if isinstance(edge.map, Identity):
                operation: _Operation = _Skip(source, vertex, opens=opens)
            elif isinstance(edge.map, Convolution):
                operation = _Convolution(source, vertex, memory, next(own), edge.map, opens=opens)
            else:
                shape = network.parameters[position := next(own)].shape
                operation = _Dense(source, vertex, memory, position, shape, opens=opens)
            self._operations.append(operation)
        if layer.bias:
            self._operations.append(_Bias(vertex, next(own)))
        if layer.normalisation != "none":
            attached = layer.normalisation == "batch"
            pair = next(own), next(own)
            self._operations.append(_Normalisation(vertex, memory, *pair, attached=attached))
        if layer.slope == RELU:
            self._operations.append(_Relu(vertex))
        elif bends:
            self._operations.append(_LeakyRelu(vertex, layer.slope))

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
        """Write the gradients of ``sum slopes * outputs`` of every member; `slopes` is used up.

        The derivative of an activation at 0 is its slope, as autograd's.

        Args:
            gradients: tensors of the shapes of the parameters.
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


class _Block:
    """A matrix per member, filled up with zeros, and the ``live`` part of it."""

    def __init__(self, whole: Tensor, live: Tensor) -> None:
        self.whole, self.live = whole, live


class _Memory:
    """Where the buffers of a tape come from: zeros of one dtype on one device, counted."""

    def __init__(
        self, members: int, dtype: torch.dtype, device: torch.device | str, *, by_sample: bool
    ) -> None:
        self.members, self.dtype, self.device, self.by_sample = members, dtype, device, by_sample
        self.size = 0
        self._largest = 0

    def zeros(self, *shape: int) -> Tensor:
        """Shape ``(K, *shape)``."""
        self.size += self.members * math.prod(shape) * self.dtype.itemsize
        return torch.zeros(self.members, *shape, dtype=self.dtype, device=self.device)

    def block(self, rows: int, columns: int) -> _Block:
        whole = self.zeros(_filled_up(rows), _filled_up(columns))
        return _Block(whole, whole[:, :rows, :columns])

    def values(self, width: int, samples: int) -> _Block:
        """A block with a column for every sample."""
        if not self.by_sample:
            return self.block(width, samples)
        block = self.block(samples, width)
        return _Block(block.whole.mT, block.live.mT)

    def reserve_scratch(self, rows: int, columns: int) -> None:
        self._largest = max(self._largest, _filled_up(rows) * _filled_up(columns))

    def allocate_scratch(self) -> None:
        self._scratch = self.zeros(self._largest)

    def scratch(self, rows: int, columns: int) -> _Block:
        """A block that lasts until the next one, of a size that has been reserved."""
        shape = self.members, _filled_up(rows), _filled_up(columns)
        whole = self._scratch.view(-1)[: math.prod(shape)].view(shape)
        return _Block(whole, whole[:, :rows, :columns])


def _filled_up(size: int) -> int:
    return -(-size // MULTIPLE) * MULTIPLE


class _Operand:
    """Matrices that lie elsewhere, filled up where they need it."""

    def __init__(self, memory: _Memory, rows: int, columns: int) -> None:
        complete = rows % MULTIPLE == columns % MULTIPLE == 0
        self.block = None if complete else memory.block(rows, columns)

    def take(self, matrices: Tensor) -> Tensor:
        if self.block is None:
            return matrices
        self.block.live.copy_(matrices)
        return self.block.whole


class _Vertex:
    """Of a layer: the argument of its activation, its value, and what is differentiated by them.

    ``total`` and ``value`` are one block where the activation works in place. The input has nothing
    but a ``value``; ``last`` is the edge out of a vertex that is the first on the way back.
    """

    total: _Block
    value: _Block
    slope: _Block

    def __init__(self, *, is_input: bool = False) -> None:
        self.is_input = is_input
        self.last: _Edge | None = None


class _Operation(Protocol):
    def forward(self, parameters: Parameters) -> None: ...

    def backward(self, gradients: Parameters) -> None: ...


class _Edge:
    """Adds to the total of its target, and on the way back to the slope of its source."""

    def __init__(self, source: _Vertex, target: _Vertex, *, opens: bool) -> None:
        self.source, self.target = source, target
        self.adds = not opens
        source.last = self

    @property
    def returns(self) -> bool:
        """Whether anybody asks for the slope of the source."""
        return not self.source.is_input

    @property
    def adds_back(self) -> bool:
        return self.source.last is not self


class _Skip(_Edge):
    """``z = v``."""

    def forward(self, parameters: Parameters) -> None:
        _transfer(self.source.value.whole, self.target.total.whole, self.adds)

    def backward(self, gradients: Parameters) -> None:
        if self.returns:
            _transfer(self.target.slope.whole, self.source.slope.whole, self.adds_back)


class _Dense(_Edge):
    """``Z = W V``, a column for every sample."""

    def __init__(
        self,
        source: _Vertex,
        target: _Vertex,
        memory: _Memory,
        position: int,
        shape: tuple[int, ...],
        *,
        opens: bool,
    ) -> None:
        super().__init__(source, target, opens=opens)
        self.memory, self.position = memory, position
        self.operand = _Operand(memory, *shape)
        memory.reserve_scratch(*shape)

    def forward(self, parameters: Parameters) -> None:
        self.weight = self.operand.take(parameters[self.position])
        _multiply(self.weight, self.source.value.whole, self.target.total.whole, self.adds)

    def backward(self, gradients: Parameters) -> None:
        slope, gradient = self.target.slope.whole, gradients[self.position]
        _multiply_back(slope, self.source.value.whole, gradient, self.memory)
        if self.returns:
            _multiply(self.weight.mT, slope, self.source.slope.whole, self.adds_back)


class _Convolution(_Edge):
    """``Z = W V`` with a column for every patch of every sample, samples side by side.

    The target has a row for every filter and patch; with rows for filters only, it is ``Z``.
    """

    def __init__(
        self,
        source: _Vertex,
        target: _Vertex,
        memory: _Memory,
        position: int,
        filters: Convolution,
        *,
        opens: bool,
    ) -> None:
        super().__init__(source, target, opens=opens)
        self.memory, self.position, self.filters = memory, position, filters
        kernel_size = filters.channels * math.prod(filters.kernel)
        self.columns = filters.positions * target.total.whole.shape[2]
        self.operand = _Operand(memory, filters.filters, kernel_size)
        self.arriving = _Operand(memory, filters.filters, self.columns)
        self.patches = memory.block(kernel_size, self.columns)
        memory.reserve_scratch(filters.filters, max(kernel_size, self.columns))
        if self.returns:
            memory.reserve_scratch(kernel_size, self.columns)

    def forward(self, parameters: Parameters) -> None:
        self.weight = self.operand.take(parameters[self.position])
        pixels = self._pixels(self.source.value)
        (height, width), stride = self.filters.kernel, self.filters.stride
        windows = pixels.unfold(2, height, stride).unfold(3, width, stride)
        self._windows(self.patches).copy_(windows.permute(0, 1, 5, 6, 2, 3, 4))
        total = self._by_filter(self.target.total)
        if self.arriving.block is None:
            _multiply(self.weight, self.patches.whole, total, self.adds)
        else:
            product = self.memory.scratch(self.filters.filters, self.columns)
            torch.bmm(self.weight, self.patches.whole, out=product.whole)
            _transfer(product.live, total, self.adds)

    def backward(self, gradients: Parameters) -> None:
        slope = self.arriving.take(self._by_filter(self.target.slope))
        _multiply_back(slope, self.patches.whole, gradients[self.position], self.memory)
        if self.returns:
            patches = self.memory.scratch(*self.patches.live.shape[1:])
            torch.bmm(self.weight.mT, slope, out=patches.whole)
            self._fold(self._windows(patches))

    def _by_filter(self, target: _Block) -> Tensor:
        """``(K, filters, columns)``."""
        rows = target.whole[:, : self.filters.target_width]
        return rows.view(len(rows), self.filters.filters, self.columns)

    def _pixels(self, source: _Block) -> Tensor:
        """``(K, channels, height, width, samples)``."""
        rows, sides = source.whole[:, : self.filters.source_width], self.filters
        return rows.view(len(rows), sides.channels, sides.height, sides.width, -1)

    def _windows(self, patches: _Block) -> Tensor:
        """``(K, channels, *kernel, rows, columns of patches, samples)``."""
        split = self.filters.channels, *self.filters.kernel, *self.filters.grid, -1
        return patches.live.view(len(patches.live), *split)

    def _fold(self, windows: Tensor) -> None:
        """Add all windows up where they came from, one offset after the other: in a fixed order."""
        pixels = self._pixels(self.source.slope)
        if not self.adds_back:
            pixels.zero_()
        (height, width), stride = self.filters.kernel, self.filters.stride
        rows, columns = (stride * count for count in self.filters.grid)
        for i in range(height):
            for j in range(width):
                reach = pixels[:, :, i : i + rows : stride, j : j + columns : stride]
                reach.add_(windows[:, :, i, j])


class _Bias:
    """``z = z + b``."""

    def __init__(self, vertex: _Vertex, position: int) -> None:
        self.vertex, self.position = vertex, position

    def forward(self, parameters: Parameters) -> None:
        self.vertex.total.live.add_(parameters[self.position].unsqueeze(2))

    def backward(self, gradients: Parameters) -> None:
        torch.sum(self.vertex.slope.live, dim=2, out=gradients[self.position])


class _Normalisation:
    """``z = gain (z - mean) / deviation + shift`` over the samples (galanti2022, Eq. 5).

    Args:
        attached: whether the deviation is differentiated.
    """

    def __init__(
        self, vertex: _Vertex, memory: _Memory, gain: int, shift: int, *, attached: bool
    ) -> None:
        self.vertex, self.gain, self.shift, self.attached = vertex, gain, shift, attached
        width, samples = vertex.total.live.shape[1:]
        self.unit = memory.zeros(width, samples)
        self.mean, self.deviation = memory.zeros(width, 1), memory.zeros(width, 1)

    def forward(self, parameters: Parameters) -> None:
        total = self.vertex.total.live
        torch.mean(total, dim=2, keepdim=True, out=self.mean)
        torch.sub(total, self.mean, out=self.unit)
        torch.mul(self.unit, self.unit, out=total)
        torch.mean(total, dim=2, keepdim=True, out=self.deviation)
        self.unit.div_(self.deviation.sqrt_())
        self.factor = parameters[self.gain][:, None, None]
        torch.mul(self.unit, self.factor, out=total)
        total.add_(parameters[self.shift][:, None, None])

    def backward(self, gradients: Parameters) -> None:
        """With ``u`` the unit values, to ``gain / deviation (g - mean g - u mean(g u))``."""
        slope, term = self.vertex.slope.live, self.vertex.total.live
        torch.mul(slope, self.unit, out=term)
        self._average(term, gradients[self.gain])
        torch.mul(self.unit, self.mean, out=term)
        self._average(slope, gradients[self.shift])
        slope.sub_(self.mean)
        if self.attached:
            slope.sub_(term)
        slope.mul_(self.factor).div_(self.deviation)

    def _average(self, values: Tensor, gradient: Tensor) -> None:
        """Means over the samples, and sums of all to a gradient."""
        torch.sum(values, dim=2, keepdim=True, out=self.mean)
        torch.sum(self.mean, dim=(1, 2), out=gradient)
        self.mean.div_(self.unit.shape[2])


class _Relu:
    """``v = max(z, 0)``, in place."""

    def __init__(self, vertex: _Vertex) -> None:
        self.vertex = vertex

    def forward(self, parameters: Parameters) -> None:
        self.vertex.value.whole.relu_()

    def backward(self, gradients: Parameters) -> None:
        slope, value = self.vertex.slope.whole, self.vertex.value.whole
        torch.ops.aten.threshold_backward.grad_input(slope, value, 0.0, grad_input=slope)


class _LeakyRelu:
    """``v = z`` for z > 0, ``slope * z`` elsewhere, for any slope."""

    def __init__(self, vertex: _Vertex, slope: float) -> None:
        self.vertex, self.slope = vertex, slope

    def forward(self, parameters: Parameters) -> None:
        value, total = self.vertex.value.whole, self.vertex.total.whole
        torch.ops.aten.leaky_relu.out(total, self.slope, out=value)

    def backward(self, gradients: Parameters) -> None:
        slope, total = self.vertex.slope.whole, self.vertex.total.whole
        torch.ops.aten.leaky_relu_backward.grad_input(
            slope, total, self.slope, False, grad_input=slope
        )


def _multiply(left: Tensor, right: Tensor, result: Tensor, adds: bool) -> None:
    """Write a product to a result that is contiguous or whose transpose is, or add it."""
    if not result.is_contiguous():
        left, right, result = right.mT, left.mT, result.mT
    if adds:
        result.baddbmm_(left, right)
    else:
        torch.bmm(left, right, out=result)


def _multiply_back(slope: Tensor, right: Tensor, gradient: Tensor, memory: _Memory) -> None:
    """Write the gradient by the left factor of a product, from the slope of the product."""
    product = memory.scratch(*gradient.shape[1:])
    torch.bmm(slope, right.mT, out=product.whole)
    # Not computed where it belongs: a result that is not contiguous is much slower.
    gradient.copy_(product.live)


def _transfer(values: Tensor, result: Tensor, adds: bool) -> None:
    if adds:
        result.add_(values)
    else:
        result.copy_(values)
