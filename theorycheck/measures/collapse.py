"""Neural collapse: class means, covariances and NC1 to NC4.

Conventions are those of `theorycheck.measures`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from theorycheck.measures.members import (
    are_finite,
    class_numbers,
    euclidean_norm,
    require,
    require_outputs,
)


def by_class(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Features ``h(x_cn)`` indexed by class and sample within the class (xu2022, Section 5).

    All measures of neural collapse below take their features in this form. Samples of a class keep
    their order. Below, ``N`` is the number of samples *per class*, as in the paper.

    Args:
        features: ``(K, samples, p)``.
        labels: integers in ``[0, classes)``, ``(samples,)`` or ``(K, samples)``.

    Returns:
        ``(K, C, N, p)``.

    Raises:
        InputError: when shapes do not fit, a label is no class, or classes differ in size.
    """
    require_outputs(features)
    numbers = class_numbers(labels, features, classes)
    samples = features.shape[1]
    counts = torch.nn.functional.one_hot(numbers, classes).sum(dim=-2)
    require(
        bool((counts * classes == samples).all()),
        f"neural collapse is defined for balanced classes: give each of the {classes} classes "
        f"the same number of the {samples} samples",
    )
    order = numbers.argsort(dim=-1, stable=True).unsqueeze(-1).expand_as(features)
    shape = (features.shape[0], classes, samples // classes, features.shape[-1])
    return features.gather(1, order).reshape(shape)


def class_means(grouped: Tensor) -> Tensor:
    """``mu_c``, the mean feature of each class, ``(K, C, p)`` (xu2022, Eq. 26).

    Args:
        grouped: ``(K, C, N, p)`` from `by_class`, here and in all functions below.

    Raises:
        InputError: when the shape is another one, here and in all functions below.
    """
    require(
        grouped.ndim == 4 and grouped.numel() > 0,
        "features must be grouped by class into shape (members, classes, samples, width), "
        f"not {tuple(grouped.shape)}: use by_class",
    )
    return grouped.mean(dim=2)


def global_mean(grouped: Tensor) -> Tensor:
    """``mu_G``, the mean of the class means, ``(K, p)`` (xu2022, after Eq. 26)."""
    return class_means(grouped).mean(dim=1)


def centred_class_means(grouped: Tensor) -> Tensor:
    """``mu_c - mu_G``, ``(K, C, p)``; its transpose is the ``M`` of xu2022, Section 5, NC3."""
    return class_means(grouped) - global_mean(grouped).unsqueeze(1)


def within_class_covariance(grouped: Tensor) -> Tensor:
    """``Sigma_W`` of xu2022, Eq. 27, summed over all samples of a class, ``(K, p, p)``.

    The inner sum, over ``n``, is printed with upper limit ``C``. Here it ends at ``N``: the evident
    correction, with which ``Sigma_T = Sigma_W + Sigma_B`` as stated below Eq. 27.
    """
    return _mean_outer_product(_within_class_deviations(grouped))


def within_class_covariance_as_printed(grouped: Tensor) -> Tensor:
    """``Sigma_W`` of xu2022, Eq. 27 to the letter, ``(K, p, p)``.

    The inner sum runs over the first ``C`` samples of each class and is divided by ``N``, hence it
    depends on the order of the samples unless ``N = C``.

    Raises:
        InputError: when a class has fewer than ``C`` samples.
    """
    deviations = _within_class_deviations(grouped)
    classes, samples = deviations.shape[1:3]
    require(
        samples >= classes,
        f"Eq. 27 as printed sums over {classes} samples per class, but there are {samples}: "
        "use more samples or within_class_covariance",
    )
    return _mean_outer_product(deviations[:, :, :classes]) * classes / samples


def between_class_covariance(grouped: Tensor) -> Tensor:
    """``Sigma_B`` of xu2022, Eq. 27, ``(K, p, p)``."""
    return _mean_outer_product(centred_class_means(grouped).unsqueeze(2))


def total_covariance(grouped: Tensor) -> Tensor:
    """``Sigma_T`` of xu2022, Eq. 27, ``(K, p, p)``."""
    return _mean_outer_product(grouped - global_mean(grouped)[:, None, None])


def nc1(grouped: Tensor) -> Tensor:
    """``Tr(Sigma_W)``, which tends to 0 under NC1 (xu2022, Section 5).

    It is not relative to the scale of the features and vanishes with them; see `nc1_relative`.
    """
    return _within_class_deviations(grouped).square().sum(dim=-1).mean(dim=(1, 2))


def nc1_relative(grouped: Tensor) -> Tensor:
    """``Tr(Sigma_W) / Tr(Sigma_B)``, unchanged when the features are scaled.

    When all class means coincide (a single class, zero features) it is ``inf``, or ``nan`` if the
    features do not vary within the classes either.
    """
    return nc1(grouped) / centred_class_means(grouped).square().sum(dim=-1).mean(dim=1)


def nc2_norms(grouped: Tensor) -> Tensor:
    """Standard deviation over mean of the norms ``||mu_c - mu_G||``: the equinorm part of NC2.

    0 when they are equal; ``nan`` when all class means coincide. With two classes the centred means
    are opposite vectors, so that NC2 holds, up to rounding, whatever the network.
    """
    norms = _centred_norms(grouped)
    mean = norms.mean(dim=1, keepdim=True)
    return (norms - mean).square().mean(dim=1).sqrt() / mean.squeeze(1)


def nc2_norm_gap(grouped: Tensor) -> Tensor:
    """Largest ``| ||mu_c - mu_G|| - ||mu_c' - mu_G|| |``: the equinorm part of NC2 as printed.

    Like `nc1` it is not relative to the scale of the features (xu2022, Section 5).
    """
    norms = _centred_norms(grouped)
    return norms.amax(dim=1) - norms.amin(dim=1)


def nc2_angles(grouped: Tensor) -> Tensor:
    """Largest ``|<mu~_c, mu~_c'> + 1/(C-1)|`` over pairs of classes: the equiangular part of NC2.

    ``mu~_c`` is the unit vector along ``mu_c - mu_G`` (xu2022, Section 5); ``nan`` when one of
    these differences is zero. With two classes NC2 says nothing, see `nc2_norms`.

    Raises:
        InputError: when there is a single class, which has no pairs.
    """
    centred = centred_class_means(grouped)
    classes = centred.shape[1]
    require(classes > 1, "angles between class means need at least two classes")
    unit = centred / euclidean_norm(centred, -1, keepdim=True)
    first, second = torch.triu_indices(classes, classes, offset=1, device=unit.device)
    cosines: Tensor = (unit[:, first] * unit[:, second]).sum(dim=-1)
    return (cosines + 1 / (classes - 1)).abs().amax(dim=-1)


def nc3(grouped: Tensor, classifier: Tensor) -> Tensor:
    """``|| W^T/||W||_F - M/||M||_F ||_F``: self-duality, NC3 (xu2022, Section 5).

    The outer norm is not specified there. The measure lies in ``[0, 2]``; it is ``nan`` when the
    classifier is zero or all class means coincide: a zero matrix has no direction.

    Args:
        classifier: the last weight matrix ``W``, ``(K, C, p)``.
    """
    centred = centred_class_means(grouped)
    _require_classifier(classifier, centred)
    return euclidean_norm(_unit(classifier) - _unit(centred), (-2, -1))


def nc4(grouped: Tensor, classifier: Tensor) -> Tensor:
    """Fraction of samples where classifier and nearest class mean disagree: NC4.

    xu2022, Section 5. The classifier chooses ``argmax_c <W^c, h>``, the rule of the nearest mean
    ``argmin_c ||h - mu_c||``. Ties go to the lowest class in both, so that zero features agree.

    Args:
        classifier: the last weight matrix ``W``, ``(K, C, p)``.
    """
    means = class_means(grouped)
    _require_classifier(classifier, means)
    scores = grouped @ classifier.mT.unsqueeze(1)
    # Class by class: all differences at once would hold C copies of the features, and expanding the
    # square would cancel just when features collapse on their means.
    distances = torch.stack(
        [(grouped - mean[:, None, None]).square().sum(dim=-1) for mean in means.unbind(1)], dim=-1
    )
    disagree = scores.argmax(dim=-1) != distances.argmin(dim=-1)
    fraction = disagree.to(scores.dtype).mean(dim=(1, 2))
    return fraction.masked_fill(~(are_finite(scores) & are_finite(distances)), math.nan)


def _within_class_deviations(grouped: Tensor) -> Tensor:
    return grouped - class_means(grouped).unsqueeze(2)


def _mean_outer_product(deviations: Tensor) -> Tensor:
    """Mean of ``v v^T`` over the vectors of ``(K, C, N, p)``."""
    vectors = deviations.flatten(1, 2)
    return vectors.mT @ vectors / vectors.shape[1]


def _centred_norms(grouped: Tensor) -> Tensor:
    return euclidean_norm(centred_class_means(grouped), -1)


def _unit(matrices: Tensor) -> Tensor:
    return matrices / euclidean_norm(matrices, (-2, -1), keepdim=True)


def _require_classifier(classifier: Tensor, means: Tensor) -> None:
    require(
        classifier.shape == means.shape,
        f"the classifier must have shape {tuple(means.shape)}, one row per class, "
        f"not {tuple(classifier.shape)}",
    )
