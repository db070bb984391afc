"""Descent on balls: an enclosure of what every correct engine computes.

The formulas are those of the engine on stacked tensors (`theorycheck.training.stacked` and
`theorycheck.training.vector_field`), written once more for samples as rows, with nothing allocated
beforehand and nothing in place. Shapes: ``K`` members, ``N`` samples, ``d`` inputs, ``C`` outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from theorycheck.bench.gpu.balls import Ball, together
from theorycheck.bench.gpu.modes import EPOCHS, Mode
from theorycheck.networks.specification import Convolution, Edge, Identity, Layer, Network
from theorycheck.training.cohorts import Cohort, Objective, Parametrisation

Back = Callable[[Ball], Ball]
"""From the slope by a result to the slope by what it was computed from."""


def enclosure(mode: Mode, cohort: Cohort, dtype: torch.dtype, epochs: int = EPOCHS) -> list[Ball]:
    """The states in which training in a mode may end: the parameters, and ``rho`` if there is one.

    Args:
        cohort: on the CPU, with numbers of the dtype.
        dtype: that of the training.
    """
    state, batches = cohort.state, mode.batches
    tensors = [*state.parameters, *([] if state.rho is None else [state.rho])]
    inputs, targets = Ball.exact(cohort.inputs, dtype), Ball.exact(cohort.targets, dtype)
    rows = [Ball.exact(tensor, dtype) for tensor in tensors]
    decay = Ball.exact(-2 * cohort.weight_decay, dtype)
    rate, momentum = (
        Ball.exact(torch.tensor(n), dtype) for n in (mode.learning_rate, mode.momentum)
    )
    field = Field(cohort.network, mode.objective, state.parametrisation, decay)
    member = torch.arange(cohort.members)[:, None]
    buffers: list[Ball] | None = None
    for order in batches.orders(0, epochs).flatten(1, 2).unbind(1):
        slopes = field.velocity(rows, inputs[member, order], targets[member, order])
        if mode.momentum and buffers is not None:
            slopes = [b * momentum + s for b, s in zip(buffers, slopes, strict=True)]
        buffers = slopes
        rows = [r + s * rate for r, s in zip(rows, slopes, strict=True)]
    return rows


class Field:
    """Minus the gradient, and the Lagrange term, on balls.

    Args:
        decay: minus twice the weight decay, ``(K,)``.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        parametrisation: Parametrisation,
        decay: Ball,
    ) -> None:
        self.network, self.objective = network, objective
        self.parametrisation, self.decay = parametrisation, decay

    def velocity(self, rows: list[Ball], inputs: Ball, targets: Ball) -> list[Ball]:
        """At a state, on a batch ``(K, N, d)``."""
        network, weights = self.network, self.network.weights
        count = len(network.parameters)
        parameters, rho = rows[:count], None
        if self.parametrisation != "plain":
            rho = rows[count].view(-1, 1, 1)
        effective, pull_back = list(parameters), dict[int, Back]()
        if self.parametrisation == "weight-norm":
            for i in weights:
                effective[i], pull_back[i] = _direction(parameters[i])
        outputs, backward = forward(network, effective, inputs)
        values = outputs if rho is None else outputs * rho
        slopes = self._sample_slopes(values, targets)
        drift = None
        if rho is not None:
            drift = (outputs * slopes).sum(1, 2)
            slopes = slopes * rho
        gradients = backward(slopes)
        for i, back in pull_back.items():
            gradients[i] = back(gradients[i])
        for i in weights:
            if self.parametrisation == "lagrange":
                assert rho is not None
                assert drift is not None
                gradients[i] = gradients[i] - parameters[i] * (rho * drift)
            if self.objective.penalty == "weights":
                gradients[i] = gradients[i] + parameters[i] * self.decay.view(-1, 1, 1)
        if rho is None or drift is None:
            return gradients
        return [*gradients, drift.view(-1) + rho.view(-1) * self.decay]

    def _sample_slopes(self, outputs: Ball, targets: Ball) -> Ball:
        """Minus the derivatives of the losses by the outputs, ``(K, N, C)``."""
        share = self.objective.share(outputs.value.shape[1])
        if self.objective.loss == "square":
            return (outputs - targets).times(-2 * share)
        if self.objective.loss == "cross_entropy":
            powers = (outputs - outputs.largest(2)).exp()
            return (powers / powers.sum(2) - targets).times(-share)
        return ((-(outputs * targets)).exp() * targets).times(share)


def _direction(matrix: Ball) -> tuple[Ball, Back]:
    """``V = v / |v|``, and from gradients by ``V`` to those by ``v``."""
    norm = (matrix * matrix).sum(1, 2).sqrt()
    unit = matrix / norm

    def back(gradient: Ball) -> Ball:
        return (gradient - unit * (gradient * unit).sum(1, 2)) / norm

    return unit, back


Backward = Callable[[Ball], list[Ball]]
"""From slopes by the outputs to gradients by all parameters."""


def forward(network: Network, parameters: list[Ball], inputs: Ball) -> tuple[Ball, Backward]:
    """The outputs ``(K, N, C)``, and the way back.

    All that arrives at a vertex, forward or backward, is one sum, in whatever order it is added.
    """
    values, layers = [inputs], list[_Layer]()
    places = iter(range(len(parameters)))
    for layer in network.layers:
        layers.append(_Layer(layer, parameters, values, places))
        values.append(layers[-1].value)

    def backward(slopes: Ball) -> list[Ball]:
        gradients: dict[int, Ball] = {}
        arriving: dict[int, list[tuple[Ball, Ball]]] = {}
        for vertex in range(len(layers), 0, -1):
            if vertex < len(layers):
                arrived, matrices = zip(*arriving[vertex], strict=True)
                slopes = together(arrived, 2) @ together(matrices, 1)
            for source, pair in layers[vertex - 1].backward(slopes, gradients):
                arriving.setdefault(source, []).append(pair)
        return [gradients[i] for i in range(len(parameters))]

    return values[-1], backward


class _Layer:
    """A layer at a batch.

    Args:
        values: those of the vertices before.
        places: where the next parameters are.
    """

    def __init__(
        self, layer: Layer, parameters: list[Ball], values: list[Ball], places: Iterator[int]
    ) -> None:
        self.layer = layer
        self.edges = [
            (edge, values[edge.source], None if isinstance(edge.map, Identity) else next(places))
            for edge in layer.edges
        ]
        self.matrices = [
            _matrix(edge, source, None if place is None else parameters[place])
            for edge, source, place in self.edges
        ]
        sources = together([source for _, source, _ in self.edges], 2)
        total = sources @ together(self.matrices, 2).mT
        self.bias = next(places) if layer.bias else None
        if self.bias is not None:
            total = total + parameters[self.bias][:, None]
        self.pair: tuple[int, int] | None = None
        if layer.normalisation != "none":
            self.pair = next(places), next(places)
            self.gain, shift = (parameters[i].view(-1, 1, 1) for i in self.pair)
            centred = total - total.mean(1)
            self.deviation = (centred * centred).mean(1).sqrt()
            self.unit = centred / self.deviation
            total = self.unit * self.gain + shift
        self.value, self.gate = total.bent(layer.slope)
        """``(K, N, width)``, and the derivatives of the activation."""

    def backward(
        self, slopes: Ball, gradients: dict[int, Ball]
    ) -> Iterator[tuple[int, tuple[Ball, Ball]]]:
        """Add the gradients by the layer's parameters to those by place.

        Yields:
            For every edge its source and two factors of the slope by that.
        """
        slopes = slopes * self.gate
        if self.pair is not None:
            slopes = self._before_normalisation(slopes, gradients)
        if self.bias is not None:
            gradients[self.bias] = slopes.sum(1)[:, 0]
        for (edge, source, place), matrix in zip(self.edges, self.matrices, strict=True):
            if place is not None:
                gradients[place] = _by_matrix(edge, source, slopes)
            yield edge.source, (slopes, matrix)

    def _before_normalisation(self, slopes: Ball, gradients: dict[int, Ball]) -> Ball:
        assert self.pair is not None
        gain, shift = self.pair
        along = slopes * self.unit
        gradients[gain], gradients[shift] = along.sum(1, 2).view(-1), slopes.sum(1, 2).view(-1)
        centred = slopes - slopes.mean(1)
        if self.layer.normalisation == "batch":
            centred = centred - self.unit * along.mean(1)
        return centred * self.gain / self.deviation


def _matrix(edge: Edge, source: Ball, weight: Ball | None) -> Ball:
    """A connection as a matrix ``(K, target, source)``."""
    members, _, width = source.value.shape
    if weight is None:
        return source.constant(torch.eye(width).expand(members, width, width))
    if isinstance(edge.map, Convolution):
        patches = torch.from_numpy(edge.map.patches())
        return weight.spread(patches, width).view(members, -1, width)
    return weight


def _by_matrix(edge: Edge, source: Ball, slopes: Ball) -> Ball:
    """The gradient by the weight matrix of a connection."""
    if not isinstance(edge.map, Convolution):
        return slopes.mT @ source
    members, samples, _ = slopes.value.shape
    filters, positions = edge.map.filters, edge.map.positions
    by_filter = slopes.view(members, samples, filters, positions).permuted(0, 2, 1, 3)
    patches = source.gathered(torch.from_numpy(edge.map.patches()))
    kernel_size = patches.value.shape[-1]
    return by_filter.view(members, filters, -1) @ patches.view(members, -1, kernel_size)
