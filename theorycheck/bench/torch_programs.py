"""Training a task with PyTorch: this engine, the obvious loop, and stacked steps with `vmap`.

The indices of the batches are drawn before the training that a program returns; only `engine` draws
them within it, since `sgd` does.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import grad, vmap

from theorycheck.bench.workloads import OBJECTIVE, Task, Training
from theorycheck.networks.specification import RELU, Convolution, Network, Parameters
from theorycheck.training.engines import Engine
from theorycheck.training.recording import Measures
from theorycheck.training.trainers import sgd


def engine(task: Task, name: Engine = "auto", measures: Measures | None = None) -> Training:
    """`theorycheck.training.sgd`: one call for the cohort; measures on the default schedule."""

    def train() -> Parameters:
        run = sgd(
            task.cohort,
            OBJECTIVE,
            batch_size=task.batches.batch_size,
            epochs=task.epochs,
            learning_rate=task.learning_rate,
            batch_seeds=task.batches.seeds,
            measures=measures,
            record_every=task.epochs if measures is None else None,
            engine=name,
        )
        return run.state.parameters

    return train


def plain(task: Task) -> Training:
    """One ``nn.Module`` and one ``torch.optim.SGD`` per member, one member after another."""
    cohort, orders = task.cohort, task.orders()
    decays = (2 * cohort.weight_decay).tolist()

    def train() -> Parameters:
        trained = []
        for k in range(task.members):
            module = _module(cohort.network, tuple(p[k] for p in cohort.state.parameters))
            optimizer = torch.optim.SGD(
                module.parameters(), lr=task.learning_rate, weight_decay=decays[k]
            )
            inputs, targets = cohort.inputs[k], cohort.targets[k]
            for batch in orders[k]:
                optimizer.zero_grad()
                loss = (module(inputs[batch]) - targets[batch]).square().sum(dim=1).mean()
                loss.backward()
                optimizer.step()
            trained.append([p.detach() for p in module.parameters()])
        starts = zip(zip(*trained, strict=True), cohort.state.parameters, strict=True)
        return tuple(torch.stack(final).view_as(start) for final, start in starts)

    return train


def _module(network: Network, weights: Parameters) -> nn.Sequential:
    """A chain as the layers that a user would write, with a copy of one member's weights."""
    parts: list[nn.Module] = []
    images = False
    for layer, weight in zip(network.layers, weights, strict=True):
        part: nn.Conv2d | nn.Linear
        mapping = layer.edges[0].map
        if isinstance(mapping, Convolution):
            if not images:
                shape = (mapping.channels, mapping.height, mapping.width)
                parts.append(nn.Unflatten(1, shape))
            part = nn.Conv2d(
                mapping.channels, mapping.filters, mapping.kernel, mapping.stride, bias=False
            )
            images = True
        else:
            if images:
                parts.append(nn.Flatten())
            part = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            images = False
        part.weight = nn.Parameter(weight.reshape(part.weight.shape).clone())
        parts.append(part)
        if layer.slope == RELU:
            parts.append(nn.ReLU())
    return nn.Sequential(*parts)


def vmapped(task: Task) -> Training:
    """One step of all members at a time: ``torch.func.vmap(grad)`` and an update in place."""
    return _stepping(task, _step(task))


def compiled(task: Task) -> Training:
    """`vmapped` with its step under ``torch.compile``."""
    # Every task has its own shapes: code for any shape would be slower.
    torch.compiler.reset()
    return _stepping(task, torch.compile(_step(task), dynamic=False))


def lacks_compiler(device: torch.device) -> str | None:
    """Why ``torch.compile`` cannot work here; None if no reason is known."""
    compiler = os.environ.get("CXX", "g++")
    return None if shutil.which(compiler) else f"there is no C++ compiler {compiler}"


Step = Callable[[Parameters, Tensor], None]
"""Updates the weights in place with the batches ``(K, batch size)`` of one step."""


def _step(task: Task) -> Step:
    cohort, rate = task.cohort, task.learning_rate
    member = torch.arange(task.members, device=cohort.inputs.device)[:, None]
    kept = (1 - 2 * rate * cohort.weight_decay)[:, None, None]

    def loss(weights: Parameters, inputs: Tensor, targets: Tensor) -> Tensor:
        outputs = _outputs(cohort.network, weights, inputs)
        return (outputs - targets).square().sum(dim=1).mean()

    gradients = vmap(grad(loss))

    def step(weights: Parameters, batch: Tensor) -> None:
        slopes = gradients(weights, cohort.inputs[member, batch], cohort.targets[member, batch])
        for weight, slope in zip(weights, slopes, strict=True):
            weight.mul_(kept).sub_(slope, alpha=rate)

    return step


def _stepping(task: Task, step: Step) -> Training:
    orders = task.orders().transpose(0, 1).contiguous()

    def train() -> Parameters:
        weights = tuple(p.clone() for p in task.cohort.state.parameters)
        for batch in orders:
            step(weights, batch)
        return weights

    return train


def _outputs(network: Network, weights: Parameters, inputs: Tensor) -> Tensor:
    """One member's outputs ``(B, C)`` at the inputs ``(B, d)``."""
    values = inputs
    for layer, weight in zip(network.layers, weights, strict=True):
        mapping = layer.edges[0].map
        if isinstance(mapping, Convolution):
            images = values.reshape(-1, mapping.channels, mapping.height, mapping.width)
            filters = weight.reshape(-1, mapping.channels, *mapping.kernel)
            values = nn.functional.conv2d(images, filters, stride=mapping.stride).flatten(1)
        else:
            values = nn.functional.linear(values, weight)
        if layer.slope == RELU:
            values = torch.relu(values)
    return values
