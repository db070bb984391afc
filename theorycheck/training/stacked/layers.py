"""Connections and activations, forward and backward, on stacked members.

The layout of values is that of `theorycheck.training.stacked.tape`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Protocol

import torch
from torch import Tensor

from theorycheck.networks.evaluation import frame, noise, patches, reaches
from theorycheck.networks.specification import Convolution, Map, Parameters
from theorycheck.training.stacked.buffers import Block, Memory, Operand


class Vertex:
    """The numbers of a layer, or of the input, which has a ``value`` only.

    Attributes:
        total: the argument of the activation; the block of ``value`` where that works in place.
        value: the value of the activation.
        slope: the derivative by ``value``, and then by ``total``.
        reached: see `evaluation.reaches`.
        rounded: see `evaluation.noise`.
        edges: how many lead out of the vertex; the last is the first on the way back.
    """

    total: Block
    value: Block
    slope: Block

    def __init__(self, *, is_input: bool = False) -> None:
        self.is_input = is_input
        self.reached: Tensor | None = None
        self.rounded: Tensor | None = None
        self.edges = 0


class Operation(Protocol):
    """A part of a layer, which works on the blocks of its vertices."""

    def forward(self, parameters: Parameters) -> None: ...

    def backward(self, gradients: Parameters) -> None: ...


class _Edge:
    """Adds to the total of its target, and on the way back to the slope of its source."""

    def __init__(self, source: Vertex, target: Vertex, *, opens: bool) -> None:
        self.source, self.target = source, target
        self.adds = not opens
        # A number, as an edge that the vertex knew would keep both alive, with all their blocks.
        source.edges += 1
        self.number = source.edges

    @property
    def returns(self) -> bool:
        """Whether the slope of the source is needed."""
        return not self.source.is_input

    @property
    def adds_back(self) -> bool:
        """Whether another edge has written the slope of the source before, on the way back."""
        return self.number < self.source.edges


class SkipConnection(_Edge):
    """``z = v``."""

    def forward(self, parameters: Parameters) -> None:
        _transfer(self.source.value.whole, self.target.total.whole, self.adds)

    def backward(self, gradients: Parameters) -> None:
        if self.returns:
            _transfer(self.target.slope.whole, self.source.slope.whole, self.adds_back)


class DenseConnection(_Edge):
    """``Z = W V``, a column for every sample."""

    def __init__(
        self,
        source: Vertex,
        target: Vertex,
        memory: Memory,
        position: int,
        shape: tuple[int, ...],
        *,
        opens: bool,
    ) -> None:
        super().__init__(source, target, opens=opens)
        self.memory, self.position = memory, position
        self.operand = Operand(memory, *shape)
        memory.reserve_scratch(*shape)

    def forward(self, parameters: Parameters) -> None:
        self.weight = self.operand.take(parameters[self.position])
        _multiply(self.weight, self.source.value.whole, self.target.total.whole, self.adds)

    def backward(self, gradients: Parameters) -> None:
        slope, gradient = self.target.slope.whole, gradients[self.position]
        _multiply_back(slope, self.source.value.whole, gradient, self.memory)
        if self.returns:
            _multiply(self.weight.mT, slope, self.source.slope.whole, self.adds_back)


class ConvolutionConnection(_Edge):
    """``Z = W V`` with a column for every patch of every sample, samples side by side.

    The target has a row for every filter and patch; seen with a row for every filter, it is ``Z``.
    """

    def __init__(
        self,
        source: Vertex,
        target: Vertex,
        memory: Memory,
        position: int,
        filters: Convolution,
        *,
        opens: bool,
    ) -> None:
        super().__init__(source, target, opens=opens)
        self.memory, self.position, self.filters = memory, position, filters
        kernel_size = filters.channels * math.prod(filters.kernel)
        self.columns = filters.positions * target.total.whole.shape[2]
        self.operand = Operand(memory, filters.filters, kernel_size)
        self.arriving = Operand(memory, filters.filters, self.columns)
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

    def _by_filter(self, target: Block) -> Tensor:
        """``(K, filters, columns)``."""
        rows = target.whole[:, : self.filters.target_width]
        return rows.view(len(rows), self.filters.filters, self.columns)

    def _pixels(self, source: Block) -> Tensor:
        """``(K, channels, height, width, samples)``."""
        rows, sides = source.whole[:, : self.filters.source_width], self.filters
        return rows.view(len(rows), sides.channels, sides.height, sides.width, -1)

    def _windows(self, patches: Block) -> Tensor:
        """``(K, channels, *kernel, rows, columns of patches, samples)``."""
        split = self.filters.channels, *self.filters.kernel, *self.filters.grid, -1
        return patches.live.view(len(patches.live), *split)

    def _fold(self, windows: Tensor) -> None:
        """Add the windows to the pixels they came from, in a fixed order of offsets."""
        pixels = self._pixels(self.source.slope)
        if not self.adds_back:
            pixels.zero_()
        (height, width), stride = self.filters.kernel, self.filters.stride
        rows, columns = (stride * count for count in self.filters.grid)
        for i in range(height):
            for j in range(width):
                reach = pixels[:, :, i : i + rows : stride, j : j + columns : stride]
                reach.add_(windows[:, :, i, j])


class BiasTerm:
    """``z = z + b``."""

    def __init__(self, vertex: Vertex, position: int) -> None:
        self.vertex, self.position = vertex, position

    def forward(self, parameters: Parameters) -> None:
        self.vertex.total.live.add_(parameters[self.position].unsqueeze(2))

    def backward(self, gradients: Parameters) -> None:
        torch.sum(self.vertex.slope.live, dim=2, out=gradients[self.position])


class Variation:
    """Which units vary over the samples, for `BatchNormalisation`.

    Args:
        edges: the sources of the vertex, with their maps and the positions of their matrices.
        bias: the position of the bias, if there is one.
        normalised: whether the vertex itself is; else it only leads to some that are.
    """

    def __init__(
        self,
        vertex: Vertex,
        memory: Memory,
        edges: Sequence[tuple[Vertex, Map, int | None]],
        bias: int | None,
        *,
        normalised: bool,
    ) -> None:
        self.vertex, self.edges, self.bias, self.normalised = vertex, edges, bias, normalised
        # While updates are recorded, nothing can be copied to a GPU.
        self.patches = [patches(connection, memory.device) for _, connection, _ in edges]

    def forward(self, parameters: Parameters) -> None:
        given = [
            (connection, source.value.live.mT, None if i is None else parameters[i], index)
            for (source, connection, i), index in zip(self.edges, self.patches, strict=True)
        ]
        arriving = (
            reaches(connection, values, source.reached, weight, index)
            for (connection, values, weight, index), (source, _, _) in zip(
                given, self.edges, strict=True
            )
        )
        self.vertex.reached = reduce(torch.logical_or, arriving)
        if self.normalised:
            bias = None if self.bias is None else parameters[self.bias].unsqueeze(-2)
            self.vertex.rounded = noise(given, bias)

    def backward(self, gradients: Parameters) -> None:
        """Nothing is differentiated."""


class BatchNormalisation:
    """``z = gain (z - mean) / deviation + shift`` over the samples (galanti2022, Eq. 5).

    Args:
        attached: whether the deviation is differentiated.
    """

    def __init__(
        self, vertex: Vertex, memory: Memory, gain: int, shift: int, *, attached: bool
    ) -> None:
        self.vertex, self.gain, self.shift, self.attached = vertex, gain, shift, attached
        width, samples = vertex.total.live.shape[1:]
        self.unit = memory.zeros(width, samples)
        self.mean, self.deviation = memory.zeros(width, 1), memory.zeros(width, 1)

    def forward(self, parameters: Parameters) -> None:
        total = self.vertex.total.live
        # What follows is about values in this frame; its unit comes in again on the way back.
        assert self.vertex.rounded is not None
        framed = frame(total.mT, self.vertex.reached, self.vertex.rounded)
        origin, self.scale = (t.mT for t in framed)
        total.sub_(origin).div_(self.scale)
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
        slope.mul_(self.factor).div_(self.deviation).div_(self.scale)

    def _average(self, values: Tensor, gradient: Tensor) -> None:
        """Write means over the samples to `mean`, and sums over everything to a gradient."""
        torch.sum(values, dim=2, keepdim=True, out=self.mean)
        torch.sum(self.mean, dim=(1, 2), out=gradient)
        self.mean.div_(self.unit.shape[2])


class ReluActivation:
    """``v = max(z, 0)``, in place."""

    def __init__(self, vertex: Vertex) -> None:
        self.vertex = vertex

    def forward(self, parameters: Parameters) -> None:
        self.vertex.value.whole.relu_()

    def backward(self, gradients: Parameters) -> None:
        slope, value = self.vertex.slope.whole, self.vertex.value.whole
        torch.ops.aten.threshold_backward.grad_input(slope, value, 0.0, grad_input=slope)


class LeakyReluActivation:
    """``v = z`` for z > 0, ``slope * z`` elsewhere, for any slope."""

    def __init__(self, vertex: Vertex, slope: float) -> None:
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
    """Write a product to a result, or add it; the result or its transpose is contiguous."""
    if not result.is_contiguous():
        left, right, result = right.mT, left.mT, result.mT
    if adds:
        result.baddbmm_(left, right)
    else:
        torch.bmm(left, right, out=result)


def _multiply_back(slope: Tensor, right: Tensor, gradient: Tensor, memory: Memory) -> None:
    """Write the gradient by the left factor of a product, from the slope of the product."""
    product = memory.scratch(*gradient.shape[1:])
    torch.bmm(slope, right.mT, out=product.whole)
    # Into scratch first: a product whose result is not contiguous is much slower.
    gradient.copy_(product.live)


def _transfer(values: Tensor, result: Tensor, adds: bool) -> None:
    """Write values to a result, or add them."""
    if adds:
        result.add_(values)
    else:
        result.copy_(values)
