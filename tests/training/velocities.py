"""The oracle: networks differentiated by hand, and descent, on arrays of floats or Fractions."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from torch import Tensor

from theorycheck.training.cohorts import Cohort
from theorycheck.training.recording import Run

UNIT = 2.0**-53
"""Definition: the unit roundoff of float64."""
Array = np.ndarray[Any, Any]


def exact(tensor: Tensor) -> Array:
    """The same numbers as Fractions."""
    flat = [Fraction(value) for value in tensor.double().flatten().tolist()]
    return np.array([*flat, None], dtype=object)[:-1].reshape(tuple(tensor.shape))


def backpropagate(
    weights: list[Array], biases: list[Array], x: Array, slope: int
) -> tuple[Array, Callable[[Array], tuple[list[Array], list[Array]]]]:
    """Output at one sample, and the map from a cotangent to gradients by weights and biases."""
    values, gates = [x], []
    for k, weight in enumerate(weights):
        z = weight @ values[-1]
        if k < len(biases):
            z = z + biases[k]
        last = k == len(weights) - 1
        gates.append(np.array([1 if last or v > 0 else slope for v in z]))
        values.append(z * gates[-1])

    def pull_back(cotangent: Array) -> tuple[list[Array], list[Array]]:
        by_weight: list[Array] = []
        by_bias: list[Array] = []
        for weight, gate, value in zip(weights[::-1], gates[::-1], values[-2::-1], strict=True):
            cotangent = cotangent * gate
            by_weight.insert(0, np.multiply.outer(cotangent, value))
            by_bias.insert(0, cotangent)
            cotangent = weight.T @ cotangent
        return by_weight, by_bias[: len(biases)]

    return values[-1], pull_back


def plain_velocity(
    weights: list[Array],
    biases: list[Array],
    x: Array,
    y: Array,
    *,
    mean: bool,
    decay: Any,
    slope: int = 0,
) -> tuple[list[Array], list[Array]]:
    """Minus the gradient of galanti2022, Eq. 2 (or its sum) for the square loss."""
    weight_part = [0 * w for w in weights]
    bias_part = [0 * b for b in biases]
    for sample, target in zip(x, y, strict=True):
        output, pull_back = backpropagate(weights, biases, sample, slope)
        by_weight, by_bias = pull_back(2 * (output - target))
        weight_part = [a - g for a, g in zip(weight_part, by_weight, strict=True)]
        bias_part = [a - g for a, g in zip(bias_part, by_bias, strict=True)]
    count = len(x) if mean else 1
    weight_part = [a / count - 2 * decay * w for a, w in zip(weight_part, weights, strict=True)]
    return weight_part, [a / count for a in bias_part]


def lagrange_velocity(
    rho: Any, weights: list[Array], x: Array, y: Array, *, mean: bool, decay: Any, slope: int = 0
) -> tuple[Any, list[Array]]:
    """xu2022, Eq. 5 as printed (mean), poggio2020, Eq. 5-6 (sum): one output, labels +-1."""
    drift, parts = 0 * rho, [0 * w for w in weights]
    for sample, (label,) in zip(x, y, strict=True):
        output, pull_back = backpropagate(weights, [], sample, slope)
        by_weight, _ = pull_back(np.array([label]))
        margin = label * output[0]
        drift = drift + 2 * (margin - rho * margin * margin)
        parts = [
            a + 2 * rho * (1 - rho * margin) * (g - w * margin)
            for a, g, w in zip(parts, by_weight, weights, strict=True)
        ]
    count = len(x) if mean else 1
    return drift / count - 2 * decay * rho, [a / count for a in parts]


def same(tensor: Tensor, expected: Any) -> bool:
    return bool(np.all(exact(tensor) == expected))


def exact_descent(
    cohort: Cohort,
    k: int,
    batches: list[list[list[int]]],
    rates: list[Fraction],
    momentum: Fraction,
) -> list[Array]:
    """SGD on Fractions: the weights of member k at the end, ``rho`` first for lagrange states."""
    decay = Fraction(float(cohort.weight_decay[k]))
    weights = [exact(p[k]) for p in cohort.state.parameters]
    if cohort.state.rho is not None:
        weights = [np.array(Fraction(float(cohort.state.rho[k])), dtype=object), *weights]
    buffers = [0 * w for w in weights]
    for epoch, rate in zip(batches, rates, strict=True):
        for batch in epoch:
            x, y = exact(cohort.inputs[k][batch]), exact(cohort.targets[k][batch])
            if cohort.state.rho is None:
                moved, _ = plain_velocity(weights, [], x, y, mean=True, decay=decay)
            else:
                drift, parts = lagrange_velocity(
                    weights[0], weights[1:], x, y, mean=True, decay=decay
                )
                moved = [np.array(drift, dtype=object), *parts]
            buffers = [momentum * b + v for b, v in zip(buffers, moved, strict=True)]
            weights = [w + rate * b for w, b in zip(weights, buffers, strict=True)]
    return weights


def final_tensors(run: Run) -> tuple[Tensor, ...]:
    rho = run.state.rho
    return run.state.parameters if rho is None else (rho, *run.state.parameters)
