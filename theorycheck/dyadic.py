"""When float64 does not round: dyadic cases and the bits that they need.

Weights and inputs that are small multiples of a power of two have sums and products that float64
represents exactly, so that ``==`` decides an identity at full speed.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import torch

from theorycheck.cases import Case
from theorycheck.networks import Layer, Network, forward

SIGNIFICAND_BITS = 53
INTEGER_BITS = 63


def bits_needed(case: Case) -> np.ndarray:
    """Bits that hold every number met in computing ``f_W(x)``, its gradients and their products.

    Write all parameters and inputs as integers over powers of two. Then every term that the
    forward pass, the backward pass or the inner product ``<W, df/dW>`` adds up is an integer
    multiple of its quantum, the product of the quanta of its factors. Replace every parameter,
    input and slope by its absolute value, or by its quantum where that is larger; by monotonicity
    every partial sum, in units of its own quantum, is then at most the output of this positive
    network in units of the product of *all* quanta: a factor that a term leaves out is at least one
    quantum. A float64 operation whose exact result needs at most 53 bits does not round (IEEE 754).
    One bit is added for the rounding of the bound itself.

    Returns:
        ``(K,)`` integers.

    Raises:
        ValueError: for networks with batch normalisation, whose divisions are not dyadic.
    """
    network = case.network
    if network.normalised_by_batch:
        raise ValueError("batch normalisation divides; its values are not dyadic")
    exponent = _exponent(case.inputs)
    parameters = []
    for array in case.parameters:
        quantum = _exponent(array)
        parameters.append(torch.tensor(np.maximum(np.abs(array), 2.0**-quantum)))
    inputs = torch.tensor(np.maximum(np.abs(case.inputs), 2.0**-exponent))
    bound = forward(_positive(network), tuple(parameters), inputs).amax(dim=(1, 2)).numpy()
    # Along any path there is at most one factor per layer and one slope per activation.
    per_layer = [0] * len(network.layers)
    for parameter, array in zip(network.parameters, case.parameters, strict=True):
        layer = parameter.layer - 1
        per_layer[layer] = max(per_layer[layer], _exponent(array))
    slopes = sum(_exponent(np.array([layer.slope])) for layer in network.layers)
    total = exponent + sum(per_layer) + slopes
    return np.asarray(np.ceil(np.log2(bound) + total).astype(int) + 1)


def _positive(network: Network) -> Network:
    layers = tuple(
        Layer(layer.width, layer.edges, 1.0, "none", layer.bias) for layer in network.layers
    )
    return Network(network.input_width, layers)


def _exponent(array: np.ndarray) -> int:
    """The smallest e >= 0 such that every entry is a multiple of 2**-e."""
    denominators = {Fraction(x).denominator for x in np.unique(array)}
    return max((math.ceil(math.log2(d)) for d in denominators), default=0)
