"""What the claims on neural collapse compare: features, classifier and the updates by each sample.

The proofs of xu2022, Section 5 concern the features ``h`` of the samples and the last weight
matrix. In the weights ``W_k = |W_k| V_k``, with ``rho = prod_k |W_k|`` and ``f_W = rho f_V``
(Section 3.2), the equations of the section are rational, and are decided without rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from properties.notation import RATIONALS
from theorycheck import Case, Observation, equality
from theorycheck.arithmetic import Array, Point, jacobian, rationals, squared

Condition = tuple[str, Array, Array]
"""A name and the two sides of an equation between arrays of rationals."""


def features(point: Point) -> Array:
    """``h(x_n)``, the input of the last layer, ``(N, p)``."""
    return point.vertices[-2]


def classifier(point: Point) -> Array:
    """``W_L``, ``(C, p)``."""
    return point.weights[-1]


def update(point: Point, layer: int) -> Array:
    """The update of ``V_k`` by each sample alone, times ``-|W_k| / 2``, ``(N, *shape)``.

    ``dL/dV_k = 2 rho <f_W - y, df_V/dV_k> - 2 <f_W, f_W - y> V_k`` with the Lagrange multiplier
    put in (xu2022, Eq. 32 and 38 for the last layer), written in the weights ``W``. A batch updates
    by the mean of its samples' updates.
    """
    weight, residuals = point.weights[layer], point.outputs - point.targets
    slopes = jacobian(point.network, point.weights, point.inputs, layer)
    data = (residuals[:, :, None, None] * slopes).sum(axis=1)
    multipliers = (point.outputs * residuals).sum(axis=1)
    update: Array = squared(weight) * data - multipliers[:, None, None] * weight
    return update


def classifier_update(point: Point) -> Array:
    """`update` of the last layer."""
    return update(point, len(point.weights) - 1)


def rho_update(point: Point) -> Array:
    """The update of ``rho`` by each sample alone, times ``rho / 2``, ``(N,)``."""
    data = (point.outputs * (point.targets - point.outputs)).sum(axis=1)
    update: Array = data - point.numbers["weight_decay"] * point.squared_rho
    return update


def probes(point: Point) -> Array:
    """Inputs at which nearest-centre classification is compared: samples and others."""
    units = rationals(np.eye(point.network.input_width))
    between = point.inputs[:-1] - point.inputs[1:]
    return np.concatenate([point.inputs, between, units, -units])


def by_class(array: Array, classes: int) -> Array:
    """``(C N, ...)`` to ``(C, N, ...)``: all cases below hold their samples class by class."""
    return array.reshape(classes, -1, *array.shape[1:])


def at_rest(updates: Array, batch: int) -> bool:
    """Whether no class-balanced batch with ``batch`` samples per class updates.

    Args:
        updates: of each sample alone, ``(C, N, ...)``; a batch adds them up.

    For ``batch < N`` two batches that differ in one sample show that the updates of the samples of
    a class are equal, as in the step from Eq. 40 to NC1; conversely that makes all batches equal.
    """
    if batch == updates.shape[1]:
        return bool(np.all(updates.sum(axis=(0, 1)) == 0))
    return bool(np.all(updates == updates[:, :1]) and np.all(updates[:, 0].sum(axis=0) == 0))


def judged(conditions: Sequence[Condition], case: Case) -> Observation:
    """One observation for all conditions together: the first that fails, or that all hold."""
    failing = (condition for condition in conditions if (condition[1] != condition[2]).any())
    name, left, right = next(failing, ("NC1 to NC4 hold", *conditions[0][1:]))
    right = np.broadcast_to(right, left.shape)
    return equality(left.reshape(1, -1), right.reshape(1, -1), RATIONALS, case.member, note=name)


def simplex(classes: int) -> np.ndarray:
    """Centred one-hot targets as rows: 1 on the diagonal, -1/(C-1) elsewhere (Section 5.2)."""
    off = Fraction(-1, classes - 1)
    return np.array(
        [[Fraction(1) if i == j else off for j in range(classes)] for i in range(classes)],
        dtype=object,
    )


def identity(width: int, columns: int) -> list[list[Fraction]]:
    """The identity, followed by columns of zeros."""
    return [[Fraction(i == j) for j in range(columns)] for i in range(width)]


def descend(losses: Callable[[], Tensor], leaves: Sequence[Tensor], learning_rate: float) -> Tensor:
    """The losses of all starts after 150 steps of Adam on their sum; infinite where undefined."""
    optimiser = torch.optim.Adam(leaves, lr=learning_rate)
    for _ in range(150):
        total = losses().nan_to_num(0.0, 0.0, 0.0).sum()
        for leaf, gradient in zip(leaves, torch.autograd.grad(total, leaves), strict=True):
            leaf.grad = gradient.nan_to_num(0.0, 0.0, 0.0)
        optimiser.step()
    with torch.no_grad():
        return losses().nan_to_num(torch.inf)
