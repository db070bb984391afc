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
from theorycheck.networks.norms import euclidean_norm, mean, scaled, summable, without_mean


class Features:
    """Features by class, divided by powers of two only where they are too large or too small.

    Args:
        grouped: ``(K, C, N, p)``, of floats.

    Raises:
        InputError: for anything else, and where nothing is left of a dimension.
    """

    def __init__(self, grouped: Tensor) -> None:
        grouped = by_classes(grouped)
        _, self.classes, self.samples, self.width = grouped.shape
        self._grouped = grouped
        self.values, power = summable(grouped, (1, 2, 3))
        """``(K, C, N, p)``, whose sums and differences are numbers."""
        self.power = power.flatten()
        """By what they have been divided, ``(K,)``: so are `centred` and `deviations`."""

    @cached_property
    def means(self) -> Tensor:
        """Class means, divided by nothing, ``(K, C, p)``."""
        return mean(self._grouped, 2)

    @cached_property
    def centred(self) -> Tensor:
        """Class means less their mean, ``(K, C, p)``; a vector is zero just where it truly is."""
        steps, between = self._steps
        centred = without_mean(between + steps.mean(2), 1)
        error = self._centring_error()[:, None, None]
        # One that is zero as computed may be zero by rounding alone.
        unclear = (centred.detach().abs() < error).all(dim=-1).any(dim=-1)
        if not bool(unclear.any()):
            return centred
        return centred.index_put((unclear,), accurately_centred(self.values[unclear]).to(centred))

    @cached_property
    def deviations(self) -> Tensor:
        """Features less the means of their classes, ``(K, C, N, p)``."""
        return without_mean(self.values, 2)

    @cached_property
    def _steps(self) -> tuple[Tensor, Tensor]:
        """Features less the first of their class, and these less the first of all.

        They round in proportion to what features differ by, and so do means of them.
        """
        first = self.values[:, :, :1]
        return self.values - first, (first - first[:, :1]).squeeze(2)

    def _centring_error(self) -> Tensor:
        """How far rounding takes the entries of `centred`, at most, ``(K,)``.

        Let ``R`` be the sum of the norms of both `_steps`, and ``u`` the unit roundoff. Each step
        is off by ``u R``, a mean of ``n`` up to ``R`` by ``gamma_n R`` (Higham, Accuracy and
        Stability of Numerical Algorithms, 2nd ed., Section 4.2), hence class means, which are up to
        ``R``, by ``N + 3`` times ``u R``, and so is the mean of them. Their differences from the
        first one and from the mean are up to ``2 R`` and round by ``2 u R`` each; those in the mean
        do so too, and ``gamma_C`` of ``2 R`` comes to them. 1 covers what is of second order. Below
        the normal numbers errors are not relative.
        """
        within, between = (euclidean_norm(step.detach().flatten(1), 1) for step in self._steps)
        roundings = 2 * (self.samples + 3) + 6 + 2 * self.classes + 1
        numbers = torch.finfo(self.values.dtype)
        return ((within + between) * (roundings * numbers.eps / 2)).clamp(min=numbers.tiny)


def by_classes(grouped: Tensor) -> Tensor:
    """Features as `reals`; raises InputError unless they are ``(K, C, N, p)`` and there are any."""
    grouped = reals(grouped, "features")
    require(
        grouped.ndim == 4 and grouped.numel() > 0,
        "features must be grouped by class into shape (members, classes, samples, width), "
        f"not {tuple(grouped.shape)}: use by_class",
    )
    return grouped


def accurately_centred(values: Tensor) -> Tensor:
    """Class means less their mean, of `summable` features ``(K, C, N, p)``: float64, ``(K, C, p)``.

    Zero exactly where they are, and right to ``8 u`` but for what is below the normal numbers.

    Features below 2 are cut into multiples of ``grid`` and a rest, which is cut likewise, so that
    ``C sum_n h_cn - sum_cn h_cn`` of a cut is a multiple of its grid by less than ``2^53`` and does
    not round (S. M. Rump, T. Ogita and S. Oishi, Accurate floating-point summation part I, SIAM J.
    Sci. Comput. 31, 2008). Their sum rounds only where it has become larger than ``2^53`` times the
    grid. The cuts still to come are too small by then to cancel it: each is at most ``C N 2^-52``
    of the one before, so that up to ``C N = 2^25`` three of them matter.
    """
    classes, samples = values.shape[1:3]
    bits = math.ceil(math.log2(4 * classes * samples))
    anchor = math.ldexp(1.5, bits)
    rest = values.double()
    # Sums are up to `2^bits` times the largest feature, and beside that the least digits are less.
    share = torch.where(scaled(rest, (1, 2))[1][:, 0] > 2.0**bits, 2.0**-bits, 1.0)
    total = rest.new_zeros(()).expand_as(rest[:, :, 0])
    while bool(rest.any()):
        unit, power = scaled(rest, (1, 2))
        cut = (unit + anchor) - anchor
        sums = cut.sum(dim=2)
        multiple = classes * sums - sums.sum(dim=1, keepdim=True)
        total = total + multiple * (power[:, 0] * share)
        rest = rest - cut * power
    return total / (classes * samples * share)
