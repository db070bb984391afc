"""Training one task with JAX: one compiled program that holds the whole loop of every member.

JAX is imported when a program is made, so that the benchmark works without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.dlpack import from_dlpack

from theorycheck.bench.workloads import Task, Training
from theorycheck.networks import LINEAR, Convolution, Parameters

Member = Callable[..., Any]
"""The training of one member: weights, inputs, targets, weight decay, batches to final weights."""


def lacks_jax(device: torch.device) -> str | None:
    """Why JAX cannot train on the device, if it cannot."""
    try:
        import jax
    except ImportError:
        return "jax is not installed"
    try:
        jax.devices(_platform(device))
    except RuntimeError:
        return f"jax has no {device.type} device"
    return None


def vmapped(task: Task) -> Training:
    """``jit(vmap(lax.scan))``: all members at once, step by step."""
    import jax

    return _training(task, jax.vmap)


def mapped(task: Task) -> Training:
    """``jit(lax.map)`` over members of a ``lax.scan``: one member after another."""
    import jax

    return _training(task, lambda member: lambda *a: jax.lax.map(lambda one: member(*one), a))


def _platform(device: torch.device) -> str:
    return "gpu" if device.type == "cuda" else "cpu"


def _training(task: Task, over_members: Callable[[Member], Member]) -> Training:
    import jax

    jax.config.update("jax_enable_x64", True)
    cohort = task.cohort
    place = jax.devices(_platform(cohort.inputs.device))[0]
    tensors = (cohort.inputs, cohort.targets, cohort.weight_decay, task.batches().int())
    arguments = [jax.device_put(t.cpu().contiguous().numpy(), place) for t in tensors]
    weights = [jax.device_put(p.cpu().numpy(), place) for p in cohort.state.parameters]
    program = jax.jit(over_members(_member(task)))

    def train() -> Parameters:
        final = jax.block_until_ready(program(weights, *arguments))
        return tuple(from_dlpack(weight) for weight in final)

    return train


def _member(task: Task) -> Member:
    import jax
    from jax import lax

    network, rate = task.cohort.network, task.learning_rate

    def outputs(weights: list[Any], inputs: Any) -> Any:
        values = inputs
        for layer, weight in zip(network.layers, weights, strict=True):
            mapping = layer.edges[0].map
            if isinstance(mapping, Convolution):
                images = values.reshape(-1, mapping.channels, mapping.height, mapping.width)
                filters = weight.reshape(-1, mapping.channels, *mapping.kernel)
                strides = (mapping.stride, mapping.stride)
                values = lax.conv(images, filters, strides, "VALID")
                values = values.reshape(values.shape[0], -1)
            else:
                values = values @ weight.T
            if layer.slope != LINEAR:
                values = jax.nn.leaky_relu(values, layer.slope)
        return values

    def loss(weights: list[Any], inputs: Any, targets: Any) -> Any:
        return ((outputs(weights, inputs) - targets) ** 2).sum(axis=1).mean()

    def member(weights: list[Any], inputs: Any, targets: Any, decay: Any, batches: Any) -> Any:
        kept = 1 - 2 * rate * decay

        def step(weights: list[Any], batch: Any) -> tuple[list[Any], None]:
            slopes = jax.grad(loss)(weights, inputs[batch], targets[batch])
            return [kept * w - rate * s for w, s in zip(weights, slopes, strict=True)], None

        return lax.scan(step, weights, batches)[0]

    return member
