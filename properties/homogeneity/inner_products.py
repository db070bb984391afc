"""Inner products of parameters with derivatives by them, which the structural lemma is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from properties.notation import CONSTANT_UNIT, FLOATS, QUOTIENTS, RATIONALS
from theorycheck import (
    Case,
    Findings,
    InputError,
    Rejection,
    arithmetic,
    equality,
    forward,
    sample_gradients,
)
from theorycheck.arithmetic import exact_dtype, sums_of_parameters

LEMMA = "inner(W[k], df(n, c, k)) == f(n, c)"
Products = tuple[list[np.ndarray], np.ndarray, str]
"""``<P, df/dP>`` for every parameter ``P``, and ``f``, each ``(K, N, C)``; and the arithmetic."""


def products(case: Case) -> Products | Rejection:
    """The gradient is autograd's; with batch normalisation, that of exact forward mode."""
    network = case.network
    if network.normalised_by_batch:
        return rational_products(case)
    dtype = exact_dtype(case, sums_of_parameters(network, case.samples))
    parameters, inputs = case.tensors(dtype=dtype)
    gradients = sample_gradients(network, parameters, inputs)
    found = [
        (p[:, None, None] * g).flatten(start_dim=3).sum(dim=-1).numpy()
        for p, g in zip(parameters, gradients, strict=True)
    ]
    return found, forward(network, parameters, inputs).numpy(), FLOATS[dtype]


def rational_products(case: Case) -> Products | Rejection:
    """Of a case with one member, whose standard deviations are rational."""
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    inputs = arithmetic.rationals(case.inputs[0])
    try:
        outputs = arithmetic.vertices(case.network, parameters, inputs)[-1]
    except InputError:
        return Rejection(CONSTANT_UNIT)
    found = [
        contracted(parameter, arithmetic.jacobian(case.network, parameters, inputs, index))[None]
        for index, parameter in enumerate(parameters)
    ]
    return found, outputs[None], RATIONALS


def contracted(parameter: Any, derivative: Any) -> np.ndarray:
    """The inner product of a parameter with derivatives ``(N, C, *shape)``."""
    summed: np.ndarray = (derivative * parameter).reshape(*derivative.shape[:2], -1).sum(axis=-1)
    return summed


def added(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of arrays of one shape."""
    total: np.ndarray = np.sum(arrays, axis=0)
    return total


def compared(case: Case, sums: Sequence[np.ndarray], right: np.ndarray, how: str) -> Findings:
    """Each of the sums, ``(K, N, C)``, against the right-hand side."""
    left = np.stack(sums, axis=1)
    yield equality(left, np.broadcast_to(right[:, None], left.shape), how, case.member)


def lemma(case: Case, *, all_layers: bool = False) -> Findings:
    """``<W_k, df/dW_k> = f`` for every weight, sample and output; or summed over the weights."""
    found = products(case)
    if isinstance(found, Rejection):
        yield found
        return
    inner, outputs, how = found
    chosen = [inner[k] for k in case.network.weights]
    yield from compared(case, [added(chosen)] if all_layers else chosen, outputs, how)


def lemma_by_quotients(case: Case, *, all_layers: bool) -> Findings:
    """The same of a single network, wherever no unit is at its kink, without backpropagation."""
    network = case.network
    if case.members > 1:
        return
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    for sample in arithmetic.rationals(case.inputs[0])[:, None]:
        if arithmetic.has_kink(network, parameters, sample):
            continue
        inner = []
        for k in network.weights:
            derivative = arithmetic.derivative_by_quotients(network, parameters, sample, k)
            assert derivative is not None, "the steps end far below the distance to any kink"
            inner.append(contracted(parameters[k], derivative)[None])
        outputs = arithmetic.vertices(network, parameters, sample)[-1][None]
        yield from compared(case, [added(inner)] if all_layers else inner, outputs, QUOTIENTS)


def lemma_at_kinks(case: Case, *, all_layers: bool) -> Findings:
    """The same of a single network some unit of which is at its kink, whatever is selected there.

    The derivative of an activation at 0 is taken to be 0, 1 and the slope of each layer in turn.
    """
    network = case.network
    if case.members > 1:
        return
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    inputs = arithmetic.rationals(case.inputs[0])
    if not arithmetic.has_kink(network, parameters, inputs):
        return
    outputs = arithmetic.vertices(network, parameters, inputs)[-1][None]
    slopes = {layer.slope for layer in network.layers}
    for selected in sorted({0.0, 1.0} | slopes):
        inner = [
            contracted(
                parameters[k],
                arithmetic.jacobian(network, parameters, inputs, k, at_kink=selected),
            )[None]
            for k in network.weights
        ]
        yield from compared(case, [added(inner)] if all_layers else inner, outputs, RATIONALS)
