"""Features of classes, their means, and what is left of them without their means.

Shapes as in `theorycheck.measures`. A mean of equal features is that feature, and class means that
coincide do so in floats as well, so that what tells collapsed features from others is exact.
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from theorycheck.measures.members import reals, require
from theorycheck.networks.norms import bounded_mean, moderate, scaled


class Features:
    """Features by class, divided by powers of two only where they are too large or too small.

    Args:
        grouped: ``(K, C, N, p)`` of any float dtype.

    Raises:
        InputError: for anything else, and where nothing is left of a dimension.
    """

    def __init__(self, grouped: Tensor) -> None:
        grouped = reals(grouped, "features")
        require(
            grouped.ndim == 4 and grouped.numel() > 0,
            "features must be grouped by class into shape (members, classes, samples, width), "
            f"not {tuple(grouped.shape)}: use by_class",
        )
        _, self.classes, self.samples, self.width = grouped.shape
        self.values, norm, power = moderate(grouped, (1, 2, 3))
        """``(K, C, N, p)``, whose squares, and hence sums, are numbers."""
        self.power = power.flatten()
        """By what they have been divided, ``(K,)``."""
        self._norm = norm.flatten()

    @cached_property
    def means(self) -> Tensor:
        """Class means, ``(K, C, p)``."""
        return bounded_mean(self.values, 2)

    @cached_property
    def centre(self) -> Tensor:
        """The mean of the class means, ``(K, p)``."""
        return bounded_mean(self.means, 1)

    @cached_property
    def centred(self) -> Tensor:
        """Class means less their mean, ``(K, C, p)``; a vector is zero just where it truly is."""
        centred = self.means - self.centre.unsqueeze(1)
        error = self._centring_error()[:, None, None]
        # One that is zero as computed may be zero by rounding alone.
        unclear = (centred.detach().abs() < error).all(dim=-1).any(dim=-1)
        if not bool(unclear.any()):
            return centred
        return centred.index_put((unclear,), accurately_centred(self.values[unclear]).to(centred))

    @cached_property
    def deviations(self) -> Tensor:
        """Features less the means of their classes, ``(K, C, N, p)``."""
        return self.values - self.means.unsqueeze(2)

    def _centring_error(self) -> Tensor:
        """How far rounding takes the entries of `centred`, at most, ``(K,)``.

        Of features up to 1, a mean of ``n`` is off by ``gamma_n`` (Higham, Accuracy and Stability
        of Numerical Algorithms, 2nd ed., Section 4.2), hence a class mean by ``gamma_N``, the
        global one by ``gamma_N + gamma_C``; their difference rounds by ``2 u``. 1 covers what is of
        second order. No feature exceeds the norm of all.
        """
        roundings = 2 * self.samples + self.classes + 2 + 1
        roundoff = torch.finfo(self.values.dtype).eps / 2
        return self._norm.detach() * (roundings * roundoff)


def accurately_centred(values: Tensor) -> Tensor:
    """Class means less their mean, of finite features ``(K, C, N, p)``: float64, ``(K, C, p)``.

    Zero exactly where they are, and right to ``8 u``.

    Features below 2 are cut into multiples of ``grid`` and a rest, which is cut likewise, so that
    ``C sum_n h_cn - sum_cn h_cn`` of a cut is a multiple of its grid by less than ``2^53`` and does
    not round (S. M. Rump, T. Ogita and S. Oishi, Accurate floating-point summation part I, SIAM J.
    Sci. Comput. 31, 2008). Their sum rounds only where it has become larger than ``2^53`` times the
    grid. The cuts still to come are too small by then to cancel it: each is at most ``C N 2^-52``
    of the one before, so that up to ``C N = 2^25`` three of them matter.
    """
    unit, power = scaled(values.double(), (1, 2, 3))
    classes, samples = unit.shape[1:3]
    grid = 2.0 ** (math.ceil(math.log2(4 * classes * samples)) - 52)
    anchor = 1.5 * 2.0**52 * grid
    rest, factor = unit, 1.0
    total = rest.new_zeros(()).expand_as(rest[:, :, 0])
    while bool(rest.any()):
        cut = (rest + anchor) - anchor
        sums = cut.sum(dim=2)
        total = total + (classes * sums - sums.sum(dim=1, keepdim=True)) * factor
        rest, factor = (rest - cut) * (4 / grid), factor * (grid / 4)
    return total / (classes * samples) * power[:, 0]
