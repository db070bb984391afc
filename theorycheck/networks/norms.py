"""Norms, means and products that do not overflow or vanish on the way to a result that is a number.

Squares of finite numbers overflow or vanish where their norm does neither, and sums overflow where
their mean does not. Such tensors are divided by a power of two first, which rounds nothing but what
is negligible beside the largest entry.

What is not finite stays so. ``dim`` names the dimensions over which is summed.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

Dimensions = int | tuple[int, ...]


def power_of_two(tensor: Tensor, dim: Dimensions) -> Tensor:
    """The powers of two with the largest size along ``dim`` between them and twice them.

    Of the tensor's shape, but 1 along ``dim``. They are 1 where all entries are zero or one is not
    finite. Gradients take them for constants.
    """
    largest = tensor.detach().abs().amax(dim, keepdim=True)
    mantissa, _ = torch.frexp(largest)
    # A quotient of two numbers with the same digits, hence exact; of zeros and infinities, nan.
    power: Tensor = (largest / (2 * mantissa)).nan_to_num(nan=1.0)
    return power


def scaled(tensor: Tensor, dim: Dimensions) -> tuple[Tensor, Tensor]:
    """A tensor divided by its `power_of_two`, hence below 2 in size, and that power."""
    power = power_of_two(tensor, dim)
    return tensor / power, power


def moderate(tensor: Tensor, dim: Dimensions) -> tuple[Tensor, Tensor, Tensor]:
    """A tensor whose squares can be summed: the given one, or where need be over a power of two.

    Squares below the least normal number are off by at most half of the least number, ``u`` times
    the least normal one. In a sum of ``n`` squares that is at most ``n`` times the latter, this
    changes it by at most ``u`` of itself. It is far from overflow up to half the root of the
    largest number.

    Returns:
        The tensor; its Euclidean norm; the power, 1 where nothing was divided. The latter have the
        tensor's shape, but 1 along ``dim``.
    """
    norm: Tensor = torch.linalg.vector_norm(tensor, dim=dim, keepdim=True)
    numbers, count = torch.finfo(tensor.dtype), tensor.numel() // max(norm.numel(), 1)
    least, most = math.sqrt(count * numbers.tiny), math.sqrt(numbers.max) / 2
    low, high = norm.detach().aminmax()
    if low.item() >= least and high.item() <= most:
        return tensor, norm, torch.ones_like(norm)
    power = power_of_two(tensor, dim).masked_fill((norm >= least) & (norm <= most), 1.0)
    unit = tensor / power
    norm = torch.linalg.vector_norm(unit, dim=dim, keepdim=True)
    return unit, norm, power


def summable(tensor: Tensor, dim: Dimensions) -> tuple[Tensor, Tensor]:
    """A tensor whose differences, and their sums, are numbers: over powers of two where need be.

    Of ``n`` entries that are too large it is divided by no more than ``16 n``, so that small ones
    beside them lose digits below ``16 n`` times the least normal number, and no others.

    Returns:
        The tensor; the powers, 1 where nothing was divided, of its shape but 1 along ``dim``.
    """
    unit, _, power = moderate(tensor, dim)
    count = tensor.numel() // max(power.numel(), 1)
    most = 2.0 ** math.ceil(math.log2(8 * max(count, 1)))
    if bool((power > most).any()):
        power = power.clamp(max=most)
        unit = tensor / power
    return unit, power


def without_mean(tensor: Tensor, dim: int) -> Tensor:
    """What is left without the mean, of a `summable` tensor; of equal numbers, 0.

    The mean that is taken off is that of differences from the first entry, which do not round where
    numbers are near each other (P. H. Sterbenz, Floating-point computation, 1974, Section 4.3). It
    is therefore off in proportion to the spread, however small that is beside the numbers, and so
    little that its square, which is what it adds to mean squares, is negligible (T. F. Chan,
    G. H. Golub and R. J. LeVeque, Algorithms for computing the sample variance, The American
    Statistician 37, 1983).
    """
    steps = tensor - tensor.narrow(dim, 0, 1)
    return steps.sub_(steps.mean(dim, keepdim=True))


def euclidean_norm(tensor: Tensor, dim: Dimensions, keepdim: bool = False) -> Tensor:
    """The Euclidean norm; infinite only where it exceeds all numbers."""
    _, norm, power = moderate(tensor, dim)
    norm = norm * power
    return norm if keepdim else norm.squeeze(dim)


def direction(tensor: Tensor, dim: Dimensions) -> Tensor:
    """The tensor divided by its Euclidean norm; nan where that is zero or not finite."""
    unit, norm, _ = moderate(tensor, dim)
    return unit / norm


def mean(tensor: Tensor, dim: int) -> Tensor:
    """The mean; of equal numbers it is that number."""
    unit, _, power = moderate(tensor, dim)
    return bounded_mean(unit, dim) * power.squeeze(dim)


def bounded_mean(tensor: Tensor, dim: int) -> Tensor:
    """As `mean`, of entries whose sum neither overflows nor is below the normal numbers."""
    rounded = tensor.mean(dim)
    entries, found = tensor.detach(), rounded.detach()
    first = entries.select(dim, 0)
    # That of n equal numbers, none of them 0, is off by at most gamma_n, which is below n eps.
    bound = first.abs().mul_(tensor.shape[dim] * torch.finfo(tensor.dtype).eps)
    doubtful = (found - first).abs_() < bound
    if not bool(doubtful.any()):
        return rounded
    between = found.clamp(entries.amin(dim), entries.amax(dim))
    # Added, without rounding, so that gradients are those of the mean.
    return rounded + (between - found).masked_fill(~doubtful, 0.0)


def product(factors: Tensor) -> Tensor:
    """The product over the last axis of factors that are not negative.

    Where it might overflow or vanish on the way, the least factor is multiplied by the largest
    until one is left. Their product lies between them unless all factors are at least 1 or all at
    most 1: only then may it overflow or vanish, and then the whole product does.
    """
    numbers, share = torch.finfo(factors.dtype), 1 / max(factors.shape[-1], 1)
    low, high = factors.detach().aminmax()
    if low.item() >= numbers.tiny**share and high.item() <= numbers.max**share:
        return factors.prod(dim=-1)
    while factors.shape[-1] > 1:
        factors = factors.sort(dim=-1).values
        ends = factors[..., :1] * factors[..., -1:]
        factors = torch.cat([ends, factors[..., 1:-1]], dim=-1)
    return factors[..., 0]


def restored(unit: Tensor, *powers: Tensor) -> Tensor:
    """A tensor times powers of two, which overflows, vanishes and is rounded only as a whole.

    Each alone may be beyond what the others bring back: the numbers of the tensor get sizes between
    1 and 2 first, so that the product of the powers is beyond all numbers only where the result is.
    """
    shapes = [unit.shape, *(power.shape for power in powers)]
    # Torch loads some five hundred modules before it first does this.
    shape = np.broadcast_shapes(*shapes)
    entries, own = scaled(unit.expand(shape).unsqueeze(-1), -1)
    factors = [own, *(power.expand(shape).unsqueeze(-1) for power in powers)]
    return _times(entries.squeeze(-1), torch.cat(factors, dim=-1))


def _times(entries: Tensor, powers: Tensor) -> Tensor:
    """Entries times all powers over the last axis; 0 and what is not finite stay what they are."""
    factor, found = product(powers), entries.detach()
    stays = ~found.isfinite() | ((found == 0) & factor.isinf())
    return entries * factor.masked_fill(stays, 1.0)


def mean_inner_product(left: Tensor, right: Tensor) -> Tensor:
    """The mean over ``N`` of inner products over ``C``, of ``(K, N, C)`` each: ``(K,)``.

    The right side may be the same for all members, ``(N, C)``.

    Products are taken of numbers with sizes between 1 and 2, and put in proportion to the largest
    one of the member: what vanishes is negligible beside that.
    """
    (first, one), (second, other) = (
        scaled(side.expand_as(left).unsqueeze(-1), -1) for side in (left, right)
    )
    products, powers = (first * second).squeeze(-1), torch.cat([one, other], dim=-1)
    sizes = torch.frexp(powers)[1].sum(dim=-1) - 2
    least = 2 * (math.frexp(torch.finfo(products.dtype).tiny)[1] - 1)
    found = products.detach() != 0
    largest = sizes.masked_fill(~found, least).amax((-2, -1)).clamp(least)
    # Where all products are 0, they may have gradients of any size.
    largest = largest.masked_fill(~found.any((-2, -1)), 0)
    # Two powers for each member, because what they multiply to may be beyond all numbers.
    halves = [
        (math.ldexp(1.0, size // 2), math.ldexp(1.0, size - size // 2)) for size in largest.tolist()
    ]
    unit = powers.new_tensor(halves)
    powers = torch.cat([powers, (1 / unit)[:, None, None].expand_as(powers)], dim=-1)
    total = bounded_mean(_times(products, powers).sum(dim=-1), -1)
    return restored(total, *unit.unbind(-1))
