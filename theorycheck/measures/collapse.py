"""Neural collapse: class means, covariances and NC1 to NC4.

Conventions are those of `theorycheck.measures`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from theorycheck.arguments import whole_number
from theorycheck.measures.features import Features, accurately_centred, by_classes
from theorycheck.measures.members import (
    are_finite,
    class_numbers,
    reals,
    require,
    require_outputs,
)
from theorycheck.networks.checks import require_floats, require_numbers
from theorycheck.networks.norms import (
    bounded_mean,
    direction,
    euclidean_norm,
    mean,
    moderate,
    restored,
    scaled,
    summable,
    without_mean,
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
    require_floats("features", require_numbers("features", features))
    require_outputs(features)
    classes = whole_number("classes", classes)
    numbers = class_numbers(labels, features, classes)
    members, samples, width = features.shape
    size = samples // classes
    # In order, the samples of a class are as many neighbours as there are in each, and equal.
    ordered, order = numbers.sort(dim=-1, stable=True)
    balanced = torch.arange(samples, device=numbers.device) // max(size, 1)
    require(
        size * classes == samples and torch.equal(ordered, balanced.expand_as(ordered)),
        f"neural collapse is defined for balanced classes: give each of the {classes} classes "
        f"the same number of the {samples} samples",
    )
    picked = features.gather(1, order.unsqueeze(-1).expand_as(features))
    return picked.reshape(members, classes, size, width)


def class_means(grouped: Tensor) -> Tensor:
    """``mu_c``, the mean feature of each class, ``(K, C, p)`` (xu2022, Eq. 26).

    Args:
        grouped: ``(K, C, N, p)`` from `by_class`, here and in all functions below.

    Raises:
        InputError: when the shape is another one, here and in all functions below.
    """
    return Features(grouped).means


def global_mean(grouped: Tensor) -> Tensor:
    """``mu_G``, the mean of the class means, ``(K, p)`` (xu2022, after Eq. 26)."""
    return mean(Features(grouped).means, 1)


def centred_class_means(grouped: Tensor) -> Tensor:
    """``mu_c - mu_G``, ``(K, C, p)``; its transpose is the ``M`` of xu2022, Section 5, NC3."""
    features = Features(grouped)
    return features.centred * features.power[:, None, None]


def within_class_covariance(grouped: Tensor) -> Tensor:
    """``Sigma_W`` of xu2022, Eq. 27, summed over all samples of a class, ``(K, p, p)``.

    The inner sum, over ``n``, is printed with upper limit ``C``. Here it ends at ``N``: the evident
    correction, with which ``Sigma_T = Sigma_W + Sigma_B`` as stated below Eq. 27.
    """
    features = Features(grouped)
    return _mean_outer_product(features.deviations, features.power)


def within_class_covariance_as_printed(grouped: Tensor) -> Tensor:
    """``Sigma_W`` of xu2022, Eq. 27 to the letter, ``(K, p, p)``.

    The inner sum runs over the first ``C`` samples of each class and is divided by ``N``, hence it
    depends on the order of the samples unless ``N = C``.

    Raises:
        InputError: when a class has fewer than ``C`` samples.
    """
    features = Features(grouped)
    classes, samples = features.classes, features.samples
    require(
        samples >= classes,
        f"Eq. 27 as printed sums over {classes} samples per class, but there are {samples}: "
        "use more samples or within_class_covariance",
    )
    deviations = features.deviations[:, :, :classes]
    return _mean_outer_product(deviations, features.power, classes / samples)


def between_class_covariance(grouped: Tensor) -> Tensor:
    """``Sigma_B`` of xu2022, Eq. 27, ``(K, p, p)``."""
    features = Features(grouped)
    return _mean_outer_product(features.centred.unsqueeze(2), features.power)


def total_covariance(grouped: Tensor) -> Tensor:
    """``Sigma_T`` of xu2022, Eq. 27, ``(K, p, p)``."""
    features = Features(grouped)
    return _mean_outer_product(features.deviations + features.centred.unsqueeze(2), features.power)


def nc1(grouped: Tensor) -> Tensor:
    """``Tr(Sigma_W)``, which tends to 0 under NC1 (xu2022, Section 5).

    It is not relative to the scale of the features and vanishes with them: `nc1_relative` and
    `nc1_pseudoinverse` do not.
    """
    features = Features(grouped)
    trace, size = _trace(features.deviations)
    return restored(trace, size, size, features.power, features.power)


def nc1_relative(grouped: Tensor) -> Tensor:
    """The quotient of traces ``Tr(Sigma_W) / Tr(Sigma_B)``, unchanged when the features are scaled.

    Not the usual measure, which is `nc1_pseudoinverse`. When all class means coincide (a single
    class, zero features) it is ``inf``, or ``nan`` if the features do not vary within the classes
    either.
    """
    features = Features(grouped)
    within, size = _trace(features.deviations)
    between, other = _trace(features.centred.unsqueeze(2))
    return restored(within / between, size / other, size / other)


def nc1_pseudoinverse(grouped: Tensor) -> Tensor:
    """``Tr(Sigma_W Sigma_B^+) / C``, the usual measure of NC1, with the Moore-Penrose inverse.

    V. Papyan, X. Y. Han and D. L. Donoho, Prevalence of neural collapse during the terminal phase
    of deep learning training, PNAS 117, 2020, Figure 6. Figure 9 of xu2022 shows ``C`` times as
    much, as ``Tr(Sigma_W Sigma_B^{-1})``, though ``Sigma_B`` of rank below ``C`` has no inverse
    where there are ``C`` features or more. Unchanged when the features are scaled. Variation
    orthogonal to all differences of class means does not enter. ``nan`` when all class means
    coincide.

    Computed in float64. A singular value of the centred class means that may be 0 counts as 0: one
    up to its error, ``max(C, p) eps`` times the largest (LAPACK Users' Guide, 3rd ed., Section
    4.9), and that of the means, ``8 u`` times their Frobenius norm (Weyl's inequality).
    """
    dtype, grouped = by_classes(grouped).dtype, grouped.double()
    finite = are_finite(grouped)
    features = Features(grouped.masked_fill(~finite[:, None, None, None], 0.0))
    deviations, size = summable(features.deviations.flatten(1, 2), (1, 2))
    centred, other = scaled(accurately_centred(features.values), (1, 2))
    _, values, directions = torch.linalg.svd(centred, full_matrices=False)
    roundings = max(features.classes, features.width) + 4 * math.sqrt(values.shape[1])
    spanning = values > values[:, :1] * (roundings * torch.finfo(values.dtype).eps)
    ratios = (deviations @ directions.mT) / values.where(spanning, math.inf).unsqueeze(1)
    ratios, largest = scaled(ratios, (1, 2))
    sizes = (size / other).flatten(), largest.flatten()
    ratio = restored(ratios.square().sum(dim=-1).mean(dim=-1), *sizes, *sizes)
    ratio = ratio.masked_fill(~(finite & spanning.any(dim=-1)), math.nan)
    return ratio.to(dtype)


def nc2_norms(grouped: Tensor) -> Tensor:
    """Standard deviation over mean of the norms ``||mu_c - mu_G||``: the equinorm part of NC2.

    As in Figure 9 of xu2022. 0 when they are equal; ``nan`` when all class means coincide. With two
    classes the centred means are opposite vectors, so that NC2 holds, up to rounding, whatever the
    network.
    """
    norms, _ = _centred_norms(grouped)
    return without_mean(norms, 1).square().mean(dim=1).sqrt() / bounded_mean(norms, 1)


def nc2_norm_gap(grouped: Tensor) -> Tensor:
    """Largest ``| ||mu_c - mu_G|| - ||mu_c' - mu_G|| |``: the equinorm part of NC2 as printed.

    Like `nc1` it is not relative to the scale of the features (xu2022, Section 5).
    """
    norms, power = _centred_norms(grouped)
    return (norms.amax(dim=1) - norms.amin(dim=1)) * power


def nc2_angles(grouped: Tensor) -> Tensor:
    """Largest ``|<mu~_c, mu~_c'> + 1/(C-1)|`` over pairs of classes: the equiangular part of NC2.

    ``mu~_c`` is the unit vector along ``mu_c - mu_G`` (xu2022, Section 5); ``nan`` when one of
    these differences is zero. With two classes NC2 says nothing, see `nc2_norms`. The usual measure
    is the mean, `nc2_angles_mean`.

    Raises:
        InputError: when there is a single class, which has no pairs.
    """
    return _angle_deviations(grouped).amax(dim=-1)


def nc2_angles_mean(grouped: Tensor) -> Tensor:
    """Mean of ``|<mu~_c, mu~_c'> + 1/(C-1)|`` over pairs of classes, the usual measure.

    Papyan, Han and Donoho (see `nc1_pseudoinverse`), Figure 4. Otherwise as `nc2_angles`.

    Raises:
        InputError: as `nc2_angles`.
    """
    return bounded_mean(_angle_deviations(grouped), -1)


def nc3(grouped: Tensor, classifier: Tensor) -> Tensor:
    """``|| W^T/||W||_F - M/||M||_F ||_F``: self-duality, NC3 (xu2022, Section 5).

    The outer norm is not specified there. The measure lies in ``[0, 2]``; it is ``nan`` when the
    classifier is zero or all class means coincide: a zero matrix has no direction.

    Args:
        classifier: the last weight matrix ``W``, ``(K, C, p)``.
    """
    centred = Features(grouped).centred
    weights = _classifier(classifier, centred)
    return euclidean_norm(direction(weights, (-2, -1)) - direction(centred, (-2, -1)), (-2, -1))


def nc4(grouped: Tensor, classifier: Tensor) -> Tensor:
    """Fraction of samples where classifier and nearest class mean disagree: NC4.

    xu2022, Section 5. The classifier chooses ``argmax_c <W^c, h>``, the rule of the nearest mean
    ``argmin_c ||h - mu_c||``. Ties go to the lowest class in both, so that zero features agree.

    Decided in float64 by ``W^c h`` and ``||N h - sum_n h_cn||``. Ties are seen where these do not
    round, as those of integers whose squared distances ``||N h - sum_n h_cn||^2`` are below
    ``2^51``; elsewhere what differs by no more than rounding may count for either class. Products
    below ``2^-1022`` times the largest number of ``W`` and that of ``h`` lose digits or vanish.

    Args:
        classifier: the last weight matrix ``W``, ``(K, C, p)``.
    """
    dtype, features = reals(grouped, "features").dtype, Features(grouped.double())
    values, sums = features.values, features.values.sum(dim=2)
    weights, _ = scaled(_classifier(classifier, sums).double(), (-2, -1))
    samples, _ = scaled(values, -1)
    scores = samples @ weights.mT.unsqueeze(1)
    # Class by class: all differences at once would hold C copies of the features, and expanding the
    # square would cancel just when features collapse on their means.
    multiples = values * features.samples
    distances = torch.stack(
        [euclidean_norm(multiples - each[:, None, None], -1) for each in sums.unbind(1)], dim=-1
    )
    disagree = scores.argmax(dim=-1) != distances.argmin(dim=-1)
    fraction = disagree.to(dtype).mean(dim=(1, 2))
    return fraction.masked_fill(~(are_finite(scores) & are_finite(distances)), math.nan)


def _mean_outer_product(deviations: Tensor, power: Tensor, share: float = 1.0) -> Tensor:
    """Mean of ``v v^T`` over the vectors ``v = power * deviations`` of ``(K, C, N, p)``.

    Args:
        power: ``(K,)``.
        share: what the mean is multiplied by.
    """
    vectors, _, sizes = moderate(deviations.flatten(1, 2), 1)
    products, power = vectors.mT @ vectors / vectors.shape[1] * share, power[:, None, None]
    return restored(products, sizes, sizes.mT, power, power)


def _trace(deviations: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of ``|v|^2`` over the vectors of ``(K, C, N, p)``, over ``size^2``; and ``size``."""
    unit, size = scaled(deviations, (1, 2, 3))
    return unit.square().sum(dim=-1).mean(dim=(1, 2)), size.flatten()


def _centred_norms(grouped: Tensor) -> tuple[Tensor, Tensor]:
    """Norms ``||mu_c - mu_G||`` over a power of two of each member, ``(K, C)``; these powers."""
    features = Features(grouped)
    centred, _, size = moderate(features.centred, (1, 2))
    return torch.linalg.vector_norm(centred, dim=-1), size.flatten() * features.power


def _angle_deviations(grouped: Tensor) -> Tensor:
    """``|<mu~_c, mu~_c'> + 1/(C-1)|`` of all pairs of classes, ``(K, C (C - 1) / 2)``."""
    features = Features(grouped)
    classes = features.classes
    require(classes > 1, "angles between class means need at least two classes")
    along = direction(features.centred, -1)
    first, second = torch.triu_indices(classes, classes, offset=1, device=along.device)
    cosines: Tensor = (along[:, first] * along[:, second]).sum(dim=-1)
    return (cosines + 1 / (classes - 1)).abs()


def _classifier(classifier: Tensor, means: Tensor) -> Tensor:
    classifier = reals(classifier, "the classifier")
    require(
        classifier.shape == means.shape,
        f"the classifier must have shape {tuple(means.shape)}, one row per class, "
        f"not {tuple(classifier.shape)}",
    )
    return classifier
