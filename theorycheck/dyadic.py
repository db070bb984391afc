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
NORMAL_EXPONENT = 1022
"""2**-1022 is the smallest normal float64."""


def bits_needed(case: Case) -> np.ndarray:
    """Bits that hold every number met in computing ``f_W(x)``, its gradients and their products.

    Write all parameters and inputs as integers over powers of two. Then every term that the
    forward pass, the backward pass or the inner product ``<W, df/dW>`` adds up is an integer
    multiple of its quantum, the product of the quanta of its factors. Replace every parameter,
    input and slope by its absolute value, or by its quantum where that is larger; by monotonicity
    every partial sum, in units of its own quantum, is then at most the output of this positive
    network in units of the product of *all* quanta: a factor that a term leaves out is at least one
    quantum. A float64 operation does not round when its exact result needs at most 53 bits and is a
    multiple of 2**-1074 (IEEE 754). One bit is added for the rounding of the bound itself, which
    is a normal number when the product of all quanta is one.

    Returns:
        ``(K,)`` whole numbers; infinite where the bound leaves the range of float64, and for a
        number that is not dyadic.

    Raises:
        ValueError: for networks with batch normalisation, whose divisions are not dyadic.
    """
    network = case.network
    if network.normalised_by_batch:
        raise ValueError("batch normalisation divides; its values are not dyadic")
    exponents = [_exponent(array) for array in case.parameters]
    input_exponent = _exponent(case.inputs)
    # Along any path there is at most one factor per layer and one slope per activation.
    per_layer = [0.0] * network.depth
    for parameter, exponent in zip(network.parameters, exponents, strict=True):
        per_layer[parameter.layer - 1] = max(per_layer[parameter.layer - 1], exponent)
    slopes = np.array([layer.slope for layer in network.layers])
    total = input_exponent + sum(per_layer) + sum(_exponent(slope) for slope in slopes)
    if total > NORMAL_EXPONENT:
        return np.full(case.members, np.inf)
    parameters = tuple(map(_positive_numbers, case.parameters, exponents))
    inputs = _positive_numbers(case.inputs, input_exponent)
    outputs = forward(_positive(network), parameters, inputs).amax(dim=(1, 2)).numpy()
    bound = outputs * np.maximum(1.0, np.abs(slopes)).prod()
    return np.asarray(np.ceil(np.log2(bound) + total) + 1)


def _positive_numbers(array: np.ndarray, exponent: float) -> torch.Tensor:
    return torch.tensor(np.maximum(np.abs(array.astype(np.float64)), 2.0**-exponent))


def _positive(network: Network) -> Network:
    layers = tuple(
        Layer(layer.width, layer.edges, 1.0, "none", layer.bias) for layer in network.layers
    )
    return Network(network.input_width, layers)


def _exponent(array: np.ndarray) -> float:
    """The smallest e >= 0 such that 2**-e divides every entry; infinite if there is none."""
    denominators = {Fraction(x).denominator for x in np.unique(array)}
    if any(d.bit_count() > 1 for d in denominators):
        return math.inf
    return max(d.bit_length() - 1 for d in denominators)
