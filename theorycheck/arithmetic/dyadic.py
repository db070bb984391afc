"""When floats do not round: dyadic cases and the bits that they need.

Weights and inputs that are small multiples of a power of two have sums and products that float64,
and often float32, represents exactly, so that ``==`` decides an identity at full speed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch

from theorycheck.arithmetic.cases import Case
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward
from theorycheck.networks.specification import Layer, Network, Parameters

SIGNIFICAND_BITS = 53
"""Of float64; see `significand_bits` for other formats."""


def significand_bits(dtype: torch.dtype) -> int:
    """Bits of the significand, the implicit one included: 53 for float64, 24 for float32."""
    return 1 - round(math.log2(torch.finfo(dtype).eps))


def normal_exponent(dtype: torch.dtype) -> int:
    """The largest ``e`` for which ``2**-e`` is a normal number: 1022 for float64, 126 for float32.

    Graphics processors may flush smaller numbers to zero.
    """
    return -round(math.log2(torch.finfo(dtype).tiny))


@dataclass(frozen=True)
class Growth:
    """What a check does with the numbers of `bits_needed`: sums, then products of such sums.

    Attributes:
        terms: how many of them are added up.
        factors: how many of these sums are multiplied.
    """

    terms: int = 1
    factors: int = 1


Check = Callable[[Network, int], Growth]
"""The growth of a check on a network, at a number of samples."""


def alone(network: Network, samples: int) -> Growth:
    """Outputs, gradients and inner products are only compared."""
    return Growth()


def sums_of_parameters(network: Network, samples: int) -> Growth:
    """Inner products of several parameters are added up."""
    return Growth(terms=len(network.parameters))


def minors(network: Network, samples: int) -> Growth:
    """Gradients are added up over the samples, and two entries of the sum multiplied."""
    return Growth(terms=samples, factors=2)


def bits_needed(case: Case, growth: Growth | None = None) -> np.ndarray:
    """Bits that hold every number met in computing ``f_W(x)``, its gradients and their products.

    Write all parameters and inputs as integers over powers of two. Then every term that the
    forward pass, the backward pass or the inner product ``<W, df/dW>`` adds up is an integer
    multiple of its quantum, the product of the quanta of its factors. Replace every parameter,
    input and slope by its absolute value, or by its quantum where that is larger; by monotonicity
    every partial sum, in units of its own quantum, is then at most the output of this positive
    network in units of the product of *all* quanta: a factor that a term leaves out is at least one
    quantum. A sum of ``n`` such numbers is at most ``n`` times that bound, in the same units, and a
    product of ``m`` of them at most its ``m``-th power in units of the ``m``-th power of the
    product of all quanta. A floating-point operation does not round when its exact result is below
    ``2**b`` in units of a power of two that is a normal number, ``b`` bits being those of the
    significand (IEEE 754).

    The bound is computed in float64 and is exact while it needs at most 53 bits, as it is itself
    made of numbers of which it is the largest. Rounding to nearest is monotone, so a bound that
    needs more is never computed as one that needs 53.

    Args:
        growth: what is done with these numbers; by default nothing.

    Returns:
        ``(K,)`` whole numbers; infinite where the bound or its units leave the range of normal
        numbers of float64, and for a number that is not dyadic.

    Raises:
        ValueError: for networks with batch normalisation, whose divisions are not dyadic.
    """
    growth = growth or Growth()
    total = quantum_exponent(case) * growth.factors
    if total > normal_exponent(torch.float64):
        return np.full(case.members, np.inf)
    positive = dominating(case)
    outputs = forward(positive.network, positive.parameters, positive.inputs)
    bound = growth.terms * outputs.amax(dim=(1, 2)).numpy() * positive.factor
    with np.errstate(over="ignore"):
        units = np.ldexp(bound**growth.factors, int(total))
    bits = np.frexp(units)[1].astype(np.float64)
    return np.where(np.isfinite(units), bits, np.inf)


@dataclass(frozen=True, eq=False)
class Dominating:
    """A network whose vertices and derivatives bound those of another, partial sums included.

    Attributes:
        network: the same edges, linear.
        parameters, inputs: absolute values, or the quantum where that is larger.
        factor: the bounds are to be multiplied by it; the product of all slopes above 1.
    """

    network: Network
    parameters: Parameters
    inputs: torch.Tensor
    factor: float


def dominating(case: Case) -> Dominating:
    """The positive network of `bits_needed`."""
    arrays = (*case.parameters, case.inputs)
    sizes = [np.abs(array.astype(np.float64)) for array in arrays]
    *parameters, inputs = sizes
    return dominating_at(case.network, parameters, inputs, [*map(dyadic_exponent, arrays)])


def dominating_at(
    network: Network,
    parameters: Sequence[np.ndarray],
    inputs: np.ndarray,
    exponents: Sequence[float],
) -> Dominating:
    """The positive network, from bounds on magnitudes.

    Args:
        exponents: of the quanta of each parameter and of the inputs.
    """
    *sizes, data = (
        torch.tensor(np.maximum(array, 2.0**-exponent))
        for array, exponent in zip((*parameters, inputs), exponents, strict=True)
    )
    slopes = np.array([layer.slope for layer in network.layers])
    factor = float(np.maximum(1.0, np.abs(slopes)).prod())
    return Dominating(_positive(network), tuple(sizes), data, factor)


def quantum_exponents(network: Network, exponents: Sequence[float]) -> list[float]:
    """Exponents of the quanta that meet in an output: of the parameters of each layer, and last of
    the inputs and slopes; infinite for numbers not dyadic.

    Along any path there is at most one factor per layer and one slope per activation.

    Args:
        exponents: of each parameter and of the inputs.

    Raises:
        ValueError: as `bits_needed`.
    """
    if network.normalised_by_batch:
        raise ValueError("batch normalisation divides; its values are not dyadic")
    *own, of_inputs = exponents
    per_layer = [0.0] * network.depth
    for parameter, exponent in zip(network.parameters, own, strict=True):
        per_layer[parameter.layer - 1] = max(per_layer[parameter.layer - 1], exponent)
    slopes = [layer.slope for layer in network.layers]
    return [*per_layer, of_inputs + sum(map(dyadic_exponent, slopes))]


def quantum_exponent(case: Case) -> float:
    """``e`` such that ``2**-e`` is the product of all quanta; infinite for numbers not dyadic.

    Raises:
        ValueError: as `bits_needed`.
    """
    exponents = [*map(dyadic_exponent, (*case.parameters, case.inputs))]
    return sum(quantum_exponents(case.network, exponents))


def rounds(case: Case, growth: Growth | None = None) -> bool:
    """Whether float64 may round on some member.

    Raises:
        ValueError: as `bits_needed`.
    """
    return bool((bits_needed(case, growth) > SIGNIFICAND_BITS).any())


def exact_dtype(case: Case, growth: Growth | None = None) -> torch.dtype:
    """The first of float32 and float64 that never rounds on a case.

    float32 is offered only while torch multiplies its matrices in full precision, without TF32.

    Raises:
        InputError: when float64 would round too; strategies that are told of a check's growth
            (`theorycheck.drawing.cases`) draw no such case.
        ValueError: as `bits_needed`.
    """
    growth = growth or Growth()
    bits, units = bits_needed(case, growth).max(), quantum_exponent(case) * growth.factors
    for dtype in (torch.float32, torch.float64):
        full = dtype == torch.float64 or torch.get_float32_matmul_precision() == "highest"
        if full and bits <= significand_bits(dtype) and units <= normal_exponent(dtype):
            return dtype
    raise InputError(f"float64 would round: {bits:g} bits are needed; give smaller numbers")


def largest_integer(network: Network, growth: Growth, *, input_scale: int = 1) -> int:
    """An ``m`` such that integers up to ``m`` as parameters and inputs never round in float64.

    The bits of a significand that a network of ones leaves are divided over the factors that meet
    in a product: one per layer and the input. `bits_needed` grows with the magnitude of every
    number, so that ones, and one sample, stand for all cases.

    Args:
        input_scale: inputs are up to this many times larger than ``m``.

    Raises:
        InputError: when not even 1 will do.
    """
    ones = tuple(np.ones((1, *p.shape)) for p in network.parameters)
    case = Case(network, ones, np.full((1, 1, network.input_width), float(input_scale)))
    spare = SIGNIFICAND_BITS - bits_needed(case, growth).item()
    if spare < 0:
        raise InputError(f"float64 rounds on {network} for any integer weights: make it smaller")
    factors = (network.depth + 1) * growth.factors
    largest = int(2.0 ** (spare / factors)) + 1
    while largest**factors > 2**spare:
        largest -= 1
    return largest


def _positive(network: Network) -> Network:
    layers = tuple(
        Layer(layer.width, layer.edges, 1.0, "none", layer.bias) for layer in network.layers
    )
    return Network(network.input_width, layers)


def dyadic_exponent(array: npt.ArrayLike) -> float:
    """The smallest e >= 0 such that 2**-e divides every entry; infinite if there is none."""
    numbers = np.asarray(array)
    if numbers.dtype == object:
        denominators = {Fraction(x).denominator for x in numbers.flat}
        if any(d.bit_count() > 1 for d in denominators):
            return math.inf
        return max(d.bit_length() - 1 for d in denominators)
    significands, exponents = np.frexp(numbers[numbers != 0].astype(np.float64))
    integers = np.ldexp(significands, SIGNIFICAND_BITS).astype(np.int64)
    lowest = np.frexp((integers & -integers).astype(np.float64))[1] - 1
    return float((SIGNIFICAND_BITS - exponents - lowest).max(initial=0))
