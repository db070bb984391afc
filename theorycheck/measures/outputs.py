"""Margins, outputs and the equilibria of rho.

Conventions are those of `theorycheck.measures`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from theorycheck.measures.members import (
    are_finite,
    class_numbers,
    reals,
    require,
    require_labels,
    require_outputs,
    require_shape,
)
from theorycheck.networks.checks import held
from theorycheck.networks.norms import (
    bounded_mean,
    mean_inner_product,
    moderate,
    restored,
    scaled,
    without_mean,
)


def margins(outputs: Tensor, signs: Tensor) -> Tensor:
    """Margin ``y_n f_n`` of every sample (xu2022, Section 3.2).

    Args:
        outputs: ``(K, N, 1)``.
        signs: labels -1 and 1 of any dtype, ``(K, N, 1)`` or ``(N, 1)``.

    Returns:
        ``(K, N)``.

    Raises:
        InputError: when shapes do not fit or a label is neither -1 nor 1.
    """
    outputs = reals(outputs, "outputs")
    require_labels(signs, "signs")
    require(
        outputs.ndim == 3 and outputs.shape[-1] == 1 and outputs.shape[-2] > 0,
        f"margins need outputs of shape (members, samples, 1), not {tuple(outputs.shape)}",
    )
    require_shape(signs, outputs, "signs")
    # In float64, where -1 differs from 255.
    wide = signs.double()
    require(bool((wide.abs() == 1).all()), "signs must be -1 or 1; pass class numbers elsewhere")
    return (outputs * wide.to(outputs.dtype)).squeeze(-1)


def margin_statistics(margins: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean ``mu``, second moment ``M`` and variance ``sigma^2`` of margins (xu2022, Section 3.2).

    The variance is the mean squared deviation from ``mu``: never negative, unlike the difference
    ``M - mu^2`` that it equals without rounding.

    Args:
        margins: ``(K, N)`` with ``N > 0``.

    Raises:
        InputError: when the shape is another one.
    """
    margins = reals(margins, "margins")
    require(
        margins.ndim == 2 and margins.numel() > 0,
        f"margins must have shape (members, samples), not {tuple(margins.shape)}",
    )
    unit, _, power = moderate(margins, -1)
    average = bounded_mean(unit, -1)
    spread, _, other = moderate(without_mean(unit, -1), -1)
    power, size = power.squeeze(-1), (power * other).squeeze(-1)
    variance = spread.square().mean(dim=-1) * size * size
    return average * power, unit.square().mean(dim=-1) * power * power, variance


def output_statistics(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """``mu``, the mean of ``<f, target>``, and ``M``, the mean of ``||f||^2`` (xu2022, Lemma 7).

    With one output and targets -1 and 1 these are the first two of `margin_statistics`. With more
    outputs ``M - mu^2`` is no variance: the target of a class does not have norm 1.

    Args:
        outputs: ``(K, N, C)`` with ``N > 0``.
        targets: ``(K, N, C)`` or ``(N, C)``; in the lemma, centred one-hot labels.

    Raises:
        InputError: when the shapes do not fit.
    """
    outputs, targets = reals(outputs, "outputs"), reals(targets, "targets")
    require_outputs(outputs)
    require_shape(targets, outputs, "targets")
    unit, _, power = moderate(outputs, (-2, -1))
    power, moment = power.flatten(), unit.square().sum(dim=-1).mean(dim=-1)
    return mean_inner_product(outputs, targets), moment * power * power


def equilibrium_rho(mean: Tensor, second_moment: Tensor, weight_decay: Tensor | float) -> Tensor:
    """``mu / (M + lambda)``: where the flow of ``rho`` stops (xu2022, Eq. 7; Lemma 7).

    The loss is the mean over samples plus ``weight_decay * rho^2``. Arguments are ``(K,)``. Without
    weight decay every ``rho`` is an equilibrium of the zero function, which gives ``nan``.

    Raises:
        InputError: when the shapes are others, and when the weight decay is no number, infinite, or
            beyond the range of the means' dtype.
    """
    mean, second_moment = reals(mean, "mean"), reals(second_moment, "second_moment")
    shape = tuple(mean.shape)
    require(
        mean.ndim >= 1 and mean.numel() > 0 and tuple(second_moment.shape) == shape,
        "mean and second_moment must have shape (members,), not "
        f"{shape} and {tuple(second_moment.shape)}",
    )
    decay = held("weight_decay", weight_decay, second_moment)
    terms = torch.stack([second_moment, _of_members(decay, mean)], dim=-1)
    terms, power = scaled(terms, -1)
    unit, size = scaled(mean.unsqueeze(-1), -1)
    # Numbers of ordinary size are divided, and then multiplied by a power of two that may be beyond
    # all numbers: by either half of it.
    shift = (torch.frexp(size).exponent - torch.frexp(power).exponent).squeeze(-1)
    halves = (torch.exp2(part.double()).to(mean) for part in (shift // 2, shift - shift // 2))
    found = restored(unit.squeeze(-1) / terms.sum(dim=-1), *halves)
    return found.masked_fill(second_moment.isinf(), math.nan)


def _of_members(decay: Tensor, members: Tensor) -> Tensor:
    """A weight decay for members; raises InputError unless it is a number, or one for each."""
    shape = tuple(members.shape[-1:])
    require(
        tuple(decay.shape) in ((), shape),
        f"weight_decay must be a number or have shape {shape}, not {tuple(decay.shape)}",
    )
    return decay.expand_as(members)


def equilibrium_rho_of_sums(margins: Tensor, weight_decay: Tensor | float) -> Tensor:
    """``sum_n y_n f_n / (lambda + sum_n f_n^2)`` (poggio2020, Eq. 7; poggio2021, Eq. 5).

    The loss is the *sum* over samples plus ``weight_decay * rho^2``, so that this is
    `equilibrium_rho` with ``weight_decay / N``. The labels have square 1, hence ``f_n^2`` is the
    squared margin. Without weight decay the zero function gives ``nan``.

    Args:
        margins: ``(K, N)`` with ``N > 0``.
        weight_decay: a number or ``(K,)``.

    Raises:
        InputError: when the shapes are others, and when the weight decay is no number, infinite, or
            beyond the range of the margins' dtype.
    """
    margins = reals(margins, "margins")
    require(
        margins.ndim >= 2 and margins.numel() > 0,
        f"margins must have shape (members, samples), not {tuple(margins.shape)}",
    )
    decay = _of_members(held("weight_decay", weight_decay, margins), margins[..., 0]).unsqueeze(-1)
    # By one power of two each margin, and the decay by its square.
    _, power = scaled(torch.cat([margins, decay.abs().sqrt()], dim=-1), -1)
    unit = margins / power
    terms = (decay / power / power).squeeze(-1) + unit.square().sum(dim=-1)
    return unit.sum(dim=-1) / terms / power.squeeze(-1)


def accuracy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Fraction of samples classified correctly.

    With one output, a sample is correct when its margin is positive (xu2022, Section 3.2); with
    ``C > 1``, when the output of its class exceeds every other. A tie is an error in both cases:
    the zero function classifies nothing.

    Args:
        outputs: ``(K, N, C)`` with ``N > 0``.
        labels: ``(N,)`` or ``(K, N)``; -1 and 1 for one output, otherwise integers in ``[0, C)``.

    Raises:
        InputError: when shapes do not fit or a label is not one of these.
    """
    outputs = reals(outputs, "outputs")
    require_outputs(outputs)
    require_labels(labels, "labels")
    if outputs.shape[-1] == 1:
        correct = margins(outputs, labels.unsqueeze(-1)) > 0
    else:
        index = class_numbers(labels, outputs, outputs.shape[-1]).unsqueeze(-1)
        others = outputs.scatter(-1, index, -math.inf).amax(dim=-1)
        correct = outputs.gather(-1, index).squeeze(-1) > others
    fraction = correct.to(outputs.dtype).mean(dim=-1)
    return fraction.masked_fill(~are_finite(outputs), math.nan)
