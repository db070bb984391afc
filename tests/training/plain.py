"""The obvious loop: one network at a time, with autograd and ``torch.optim.SGD``. An oracle.

Nothing here has an axis of members, and nothing is shared with the engine but the description of a
network and the order of samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from theorycheck.networks.specification import Convolution, Identity, Layer, Network
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective


def output(network: Network, parameters: Sequence[Tensor], inputs: Tensor) -> Tensor:
    """``f_W`` at the inputs ``(N, d)``: ``(N, C)``."""
    values, stream = [inputs], iter(parameters)
    for layer in network.layers:
        terms = []
        for edge in layer.edges:
            source, connection = values[edge.source], edge.map
            if isinstance(connection, Identity):
                terms.append(source)
            elif isinstance(connection, Convolution):
                shape = connection.channels, connection.height, connection.width
                filters = next(stream).view(-1, connection.channels, *connection.kernel)
                image = functional.conv2d(
                    source.view(-1, *shape), filters, stride=connection.stride
                )
                terms.append(image.flatten(1))
            else:
                terms.append(functional.linear(source, next(stream)))
        values.append(_after(layer, torch.stack(terms).sum(dim=0), stream))
    return values[-1]


def _after(layer: Layer, total: Tensor, stream: Iterator[Tensor]) -> Tensor:
    if layer.bias:
        total = total + next(stream)
    if layer.normalisation != "none":
        gain, shift = next(stream), next(stream)
        variance = total.var(dim=0, unbiased=False)
        if layer.normalisation == "batch-detached":
            variance = variance.detach()
        total = gain * (total - total.mean(dim=0)) / variance.sqrt() + shift
    return functional.leaky_relu(total, layer.slope)


def data_loss(objective: Objective, outputs: Tensor, targets: Tensor) -> Tensor:
    if objective.loss == "square":
        losses = (outputs - targets).square().sum(dim=1)
    elif objective.loss == "cross_entropy":
        losses = functional.cross_entropy(outputs, targets.argmax(dim=1), reduction="none")
    else:
        losses = torch.exp(-targets * outputs).sum(dim=1)
    return losses.mean() if objective.reduction == "mean" else losses.sum()


def train(
    cohort: Cohort,
    member: int,
    objective: Objective,
    batches: Batches,
    epochs: int,
    learning_rate: float,
    momentum: float,
) -> list[Tensor]:
    """The parameters of a member, and ``rho`` if there is one, after so many epochs."""
    network, state = cohort.network, cohort.state
    parameters = [p[member].clone().requires_grad_() for p in state.parameters]
    weights = [parameters[i] for i in network.weights]
    others = [p for i, p in enumerate(parameters) if i not in network.weights]
    rho = None if state.rho is None else state.rho[member].clone().requires_grad_()
    decay = 2 * float(cohort.weight_decay[member])
    groups = [{"params": weights, "weight_decay": decay if objective.penalty == "weights" else 0}]
    if others:
        groups.append({"params": others, "weight_decay": 0})
    if rho is not None:
        groups.append({"params": [rho], "weight_decay": decay if objective.penalty == "rho" else 0})
    optimizer = torch.optim.SGD(groups, lr=learning_rate, momentum=momentum)
    inputs, targets = cohort.inputs[member], cohort.targets[member]
    for batch in batches.orders(0, epochs)[member].flatten(0, 1):
        effective = list(parameters)
        if state.parametrisation == "weight-norm":
            for i in network.weights:
                effective[i] = parameters[i] / parameters[i].norm()
        outputs = output(network, effective, inputs[batch])
        if rho is not None:
            outputs = rho * outputs
        loss = data_loss(objective, outputs, targets[batch])
        leaves = [*parameters, *([] if rho is None else [rho])]
        slopes, *gradients = torch.autograd.grad(loss, [outputs, *leaves])
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient
        if state.parametrisation == "lagrange":
            # Half of minus <rho f, dl/d(rho f)>, which keeps |V_k| = 1 (xu2022, Eq. 4 and Eq. 37).
            multiplier = -(outputs.detach() * slopes).sum() / 2
            for i in network.weights:
                gradients[i] += 2 * multiplier * parameters[i].detach()
        optimizer.step()
    return [p.detach() for p in (parameters if rho is None else [*parameters, rho])]
