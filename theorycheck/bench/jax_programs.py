"""Training a task with JAX: one compiled program holds the whole loop of every member.

JAX is imported when a program is made, so that the benchmark works without it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.dlpack import from_dlpack

from theorycheck.bench.workloads import Task, Training
from theorycheck.networks.specification import RELU, Convolution, Network, Parameters

Member = Callable[..., Any]
"""Trains one member: from weights, inputs, targets, weight decay and the order of the samples to
the final weights."""


def lacks_jax(device: torch.device) -> str | None:
    """Why JAX cannot train on the device; None if it can."""
    # Otherwise JAX takes most of a GPU's memory from the other programs when it is loaded.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
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
    # As PyTorch does: no rounding of float32 to fewer bits in products on a GPU.
    jax.config.update("jax_default_matmul_precision", "highest")
    cohort = task.cohort
    place = jax.devices(_platform(cohort.inputs.device))[0]
    tensors = (cohort.inputs, cohort.targets, cohort.weight_decay, task.orders().int())
    arguments = [jax.device_put(t.cpu().contiguous().numpy(), place) for t in tensors]
    weights = [jax.device_put(p.cpu().numpy(), place) for p in cohort.state.parameters]
    program = jax.jit(over_members(_member(task)))

    def train() -> Parameters:
        final = jax.block_until_ready(program(weights, *arguments))
        return tuple(from_dlpack(weight) for weight in final)

    return train


def _member(task: Task) -> Member:
    import jax

    network, rate = task.cohort.network, task.learning_rate

    def loss(weights: list[Any], inputs: Any, targets: Any) -> Any:
        return ((_outputs(network, weights, inputs) - targets) ** 2).sum(axis=1).mean()

    def member(weights: list[Any], inputs: Any, targets: Any, decay: Any, orders: Any) -> Any:
        kept = 1 - 2 * rate * decay

        def step(weights: list[Any], batch: Any) -> tuple[list[Any], None]:
            slopes = jax.grad(loss)(weights, inputs[batch], targets[batch])
            return [kept * w - rate * s for w, s in zip(weights, slopes, strict=True)], None

        return jax.lax.scan(step, weights, orders)[0]

    return member


def _outputs(network: Network, weights: list[Any], inputs: Any) -> Any:
    """One member's outputs ``(B, C)`` at the inputs ``(B, d)``."""
    import jax

    values, images = inputs, False
    for layer, weight in zip(network.layers, weights, strict=True):
        mapping = layer.edges[0].map
        if isinstance(mapping, Convolution):
            if not images:
                values = values.reshape(-1, mapping.channels, mapping.height, mapping.width)
                values = values.transpose(0, 2, 3, 1)
            values, images = _convolve(mapping, weight, values), True
        else:
            if images:
                values = values.transpose(0, 3, 1, 2).reshape(values.shape[0], -1)
            values, images = values @ weight.T, False
        if layer.slope == RELU:
            values = jax.nn.relu(values)
    return values


def _convolve(mapping: Convolution, weight: Any, images: Any) -> Any:
    """Images ``(B, H, W, channels)`` to ``(B, rows, columns, filters)``.

    A product of patches: on a CPU, XLA trains it about twice as fast as ``lax.conv``, and under
    ``vmap``, where that becomes a grouped convolution, up to five times as fast.
    """
    import jax.numpy as jnp

    (high, wide), stride = mapping.kernel, mapping.stride
    bottom, right = mapping.height - high + 1, mapping.width - wide + 1
    shifted = [
        images[:, i : i + bottom : stride, j : j + right : stride]
        for i in range(high)
        for j in range(wide)
    ]
    filters = weight.reshape(-1, mapping.channels, high, wide).transpose(2, 3, 1, 0)
    return jnp.concatenate(shifted, axis=-1) @ filters.reshape(-1, mapping.filters)
