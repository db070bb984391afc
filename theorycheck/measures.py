"""Measures of trained networks: margins, equilibria, neural collapse, spectra, movement.

Pure functions of stacked tensors of any float dtype, on any device. Shapes: ``K`` members, ``N``
samples, ``C`` outputs or classes, ``p`` features. A measure is ``(K,)`` unless it says otherwise.

A member that is degenerate or has diverged raises nothing and leaves the others alone. One with
non-finite entries measures ``nan`` or ``inf``, never a number that looks like a result; what zero
matrices and the like measure is stated with each function. Only tensors of the wrong shape and
labels that name no class raise `InputError`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from theorycheck.compiler import COMPILER
from theorycheck.errors import InputError
from theorycheck.networks import Network, Parameters, mean_distance

if COMPILER:
    from theorycheck import spectra as compiled


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
    _require(
        outputs.ndim == 3 and outputs.shape[-1] == 1 and outputs.shape[-2] > 0,
        f"margins need outputs of shape (members, samples, 1), not {tuple(outputs.shape)}",
    )
    _require_shape_of_members(signs, outputs, "signs")
    _require(bool((signs.abs() == 1).all()), "signs must be -1 or 1; pass class numbers elsewhere")
    return (outputs * signs).squeeze(-1)


def margin_statistics(margins: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean ``mu``, second moment ``M`` and variance ``sigma^2`` of margins (xu2022, Section 3.2).

    The variance is the mean squared deviation from ``mu``: never negative, unlike the difference
    ``M - mu^2`` that it equals without rounding.

    Args:
        margins: ``(K, N)`` with ``N > 0``.

    Raises:
        InputError: when the shape is another one.
    """
    _require(
        margins.ndim == 2 and margins.shape[1] > 0,
        f"margins must have shape (members, samples), not {tuple(margins.shape)}",
    )
    mean = margins.mean(dim=-1)
    variance = (margins - mean.unsqueeze(-1)).square().mean(dim=-1)
    return mean, margins.square().mean(dim=-1), variance


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
    _require_outputs(outputs)
    _require_shape_of_members(targets, outputs, "targets")
    mean = (outputs * targets).sum(dim=-1).mean(dim=-1)
    return mean, outputs.square().sum(dim=-1).mean(dim=-1)


def equilibrium_rho(mean: Tensor, second_moment: Tensor, weight_decay: Tensor | float) -> Tensor:
    """``mu / (M + lambda)``: where the flow of ``rho`` stops (xu2022, Eq. 7; Lemma 7).

    The loss is the mean over samples plus ``weight_decay * rho^2``. Arguments are ``(K,)``. Without
    weight decay every ``rho`` is an equilibrium of the zero function, which gives ``nan``.
    """
    return mean / (second_moment + weight_decay)


def equilibrium_rho_of_sums(margins: Tensor, weight_decay: Tensor | float) -> Tensor:
    """``sum_n y_n f_n / (lambda + sum_n f_n^2)`` (poggio2020, Eq. 7; poggio2021, Eq. 5).

    The loss is the *sum* over samples plus ``weight_decay * rho^2``, so that this is
    `equilibrium_rho` with ``weight_decay / N``. The labels have square 1, hence ``f_n^2`` is the
    squared margin. Without weight decay the zero function gives ``nan``.

    Args:
        margins: ``(K, N)``.
        weight_decay: a number or ``(K,)``.
    """
    return margins.sum(dim=-1) / (weight_decay + margins.square().sum(dim=-1))


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
    _require_outputs(outputs)
    if outputs.shape[-1] == 1:
        correct = margins(outputs, labels.unsqueeze(-1)) > 0
    else:
        index = _class_numbers(labels, outputs, outputs.shape[-1]).unsqueeze(-1)
        others = outputs.scatter(-1, index, -math.inf).amax(dim=-1)
        correct = outputs.gather(-1, index).squeeze(-1) > others
    fraction = correct.to(outputs.dtype).mean(dim=-1)
    return fraction.masked_fill(~_finite(outputs), math.nan)


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
    _require_outputs(features)
    numbers = _class_numbers(labels, features, classes)
    samples = features.shape[1]
    counts = torch.nn.functional.one_hot(numbers, classes).sum(dim=-2)
    _require(
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
    _require(
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
    _require(
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
    _require(classes > 1, "angles between class means need at least two classes")
    unit = centred / _norm(centred, -1, keepdim=True)
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
    return _norm(_unit(classifier) - _unit(centred), (-2, -1))


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
    return fraction.masked_fill(~(_finite(scores) & _finite(distances)), math.nan)


def singular_values(weights: Tensor) -> Tensor:
    """Singular values in descending order, ``(K, min(p, q))``.

    In machine code (`theorycheck.spectra`) where llvmlite is installed, on a CPU, unless matrices
    are large; by LAPACK or its like elsewhere.

    Args:
        weights: ``(K, p, q)``.

    Raises:
        InputError: when the shape is another one, or a matrix is empty.
    """
    _require(
        weights.ndim == 3 and weights.numel() > 0,
        f"weights must have shape (members, rows, columns), not {tuple(weights.shape)}",
    )
    if COMPILER and compiled.suits(weights):
        return compiled.singular_values(weights)
    # The decomposition of the whole stack fails on one non-finite matrix.
    invalid = ~_finite(weights)
    values: Tensor = torch.linalg.svdvals(weights.masked_fill(invalid[:, None, None], 0.0))
    return values.masked_fill(invalid[:, None], math.nan)


RANK_THRESHOLD = 1e-4
"""Definition: galanti2022, Section 4.1."""


def threshold_rank(
    weights: Tensor,
    threshold: float = RANK_THRESHOLD,
    norm: Literal["spectral", "frobenius"] = "spectral",
) -> Tensor:
    """Number of singular values of the normalised matrix above ``threshold``.

    galanti2022, Section 4.1, normalises the matrix and counts the singular values outside
    ``[-1e-4, 1e-4]``; by which norm is not printed. The zero matrix has rank 0. The count has the
    dtype of the weights, so that a diverged member is ``nan`` instead of a matrix of low rank.

    Args:
        weights: ``(K, p, q)``.

    Raises:
        InputError: when the shape is another one, or the norm unknown.
    """
    _require(norm in ("spectral", "frobenius"), f"norm {norm!r}: use 'spectral' or 'frobenius'")
    values = singular_values(weights)
    size = values[:, :1] if norm == "spectral" else _norm(values, -1, keepdim=True)
    # Comparing with threshold * size instead of dividing spares the zero matrix a case of its own.
    count = (values > threshold * size).sum(dim=-1).to(values.dtype)
    return count.masked_fill(~_finite(values), math.nan)


def effective_rank(weights: Tensor) -> Tensor:
    """Exponential of the entropy of the singular values divided by their sum; 0 for a zero matrix.

    Between 1 and the rank of a non-zero matrix. O. Roy and M. Vetterli, The effective rank: a
    measure of effective dimensionality, EUSIPCO 2007, Definition 1, which excludes zero matrices.

    Args:
        weights: ``(K, p, q)``.
    """
    values = singular_values(weights)
    total = values.sum(dim=-1)
    entropy = torch.special.entr(values / total.unsqueeze(-1)).sum(dim=-1)
    # Where the total is not positive it is 0 or nan, which are the results due.
    return torch.where(total > 0, entropy.exp(), total)


def stable_rank(weights: Tensor) -> Tensor:
    """``||W||_F^2 / ||W||_2^2``, between 1 and the rank; 0 for a zero matrix.

    Args:
        weights: ``(K, p, q)``.
    """
    values = singular_values(weights)
    largest = values[:, 0]
    ratio = (values / largest.unsqueeze(-1)).square().sum(dim=-1)
    return torch.where(largest > 0, ratio, largest)


def weight_distance(network: Network, before: Parameters, after: Parameters) -> Tensor:
    """``d(W_{t+1}, W_t)``: mean over weight matrices of ``||W_{t+1} - W_t||_F``.

    galanti2022, Section 4.2. Biases, gains and shifts do not enter.

    Raises:
        InputError: when the parameters do not fit the network.
    """
    expected = [parameter.shape for parameter in network.parameters]
    for parameters in (before, after):
        _require(
            [tuple(tensor.shape[1:]) for tensor in parameters] == expected
            and {len(tensor) for tensor in parameters} == {len(before[0])},
            f"parameters do not fit the network {network}: give one tensor per parameter, of shape "
            "(members, *shape), for the same members before and after",
        )
    return mean_distance(network, before, after)


def batch_gradient_norms(gradients: Tensor) -> Tensor:
    """Euclidean norm of each mini-batch gradient, ``(K, batches)``.

    For a weight matrix this is the Frobenius norm.

    Args:
        gradients: one parameter's gradients on each batch, ``(K, batches, *shape)``.

    Raises:
        InputError: when there is no axis of batches.
    """
    _require(
        gradients.ndim >= 2,
        f"gradients must have shape (members, batches, ...), not {tuple(gradients.shape)}",
    )
    return _norm(gradients.unsqueeze(-1).flatten(2), -1)


def sampling_variance(gradients: Tensor, batch_size: int) -> Tensor:
    """``E ||g_B - g||^2``: how far the gradient on a batch is from that on all samples, ``(K,)``.

    The mean over all batches of that many distinct samples, hence exactly 0 for a batch of all:
    ``(N - B) / (B (N - 1))`` times the mean of ``||g_n - g||^2`` (W. G. Cochran, Sampling
    Techniques, 3rd ed., 1977, Theorem 2.2). A penalty on the weights shifts all gradients alike and
    does not enter. Variances of several parameters add up.

    Args:
        gradients: one parameter's gradient at each sample, ``(K, N, *shape)``.

    Raises:
        InputError: when there is no axis of samples, or the batch size is out of range.
    """
    _require(
        gradients.ndim >= 2,
        f"gradients must have shape (members, samples, ...), not {tuple(gradients.shape)}",
    )
    samples = gradients.shape[1]
    _require(
        1 <= batch_size <= samples,
        f"batch_size {batch_size} must be between 1 and the {samples} samples",
    )
    deviations = (gradients - gradients.mean(dim=1, keepdim=True)).unsqueeze(-1).flatten(2)
    spread = deviations.square().sum(dim=-1).mean(dim=1)
    # A single sample has no spread, and its only batch no variance.
    return spread * ((samples - batch_size) / (batch_size * max(samples - 1, 1)))


def _within_class_deviations(grouped: Tensor) -> Tensor:
    return grouped - class_means(grouped).unsqueeze(2)


def _mean_outer_product(deviations: Tensor) -> Tensor:
    """Mean of ``v v^T`` over the vectors of ``(K, C, N, p)``."""
    vectors = deviations.flatten(1, 2)
    return vectors.mT @ vectors / vectors.shape[1]


def _centred_norms(grouped: Tensor) -> Tensor:
    return _norm(centred_class_means(grouped), -1)


def _unit(matrices: Tensor) -> Tensor:
    return matrices / _norm(matrices, (-2, -1), keepdim=True)


def _norm(tensor: Tensor, dim: int | tuple[int, int], keepdim: bool = False) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(tensor, dim=dim, keepdim=keepdim)
    return norm


def _finite(tensor: Tensor) -> Tensor:
    """Whether all entries of a member are finite, ``(K,)``."""
    finite: Tensor = tensor.flatten(1).isfinite().all(dim=-1)
    return finite


def _class_numbers(labels: Tensor, outputs: Tensor, classes: int) -> Tensor:
    """Labels as int64 class numbers, ``(K, N)``, checked against outputs ``(K, N, *)``."""
    _require_shape_of_members(labels, outputs[..., 0], "labels")
    _require(classes > 0, f"{classes} classes: there must be at least one")
    valid = not labels.is_floating_point() and bool(((labels >= 0) & (labels < classes)).all())
    _require(valid, f"labels must be integers from 0 to {classes - 1}")
    return labels.long().expand(outputs.shape[:2])


def _require_outputs(outputs: Tensor) -> None:
    _require(
        outputs.ndim == 3 and outputs.numel() > 0,
        "outputs and features must have shape (members, samples, width), "
        f"not {tuple(outputs.shape)}",
    )


def _require_shape_of_members(tensor: Tensor, reference: Tensor, name: str) -> None:
    """The shape of the reference, or the same without the axis of members."""
    _require(
        tensor.shape in (reference.shape, reference.shape[1:]),
        f"{name} must have shape {tuple(reference.shape)} or {tuple(reference.shape[1:])}, "
        f"not {tuple(tensor.shape)}",
    )


def _require_classifier(classifier: Tensor, means: Tensor) -> None:
    _require(
        classifier.shape == means.shape,
        f"the classifier must have shape {tuple(means.shape)}, one row per class, "
        f"not {tuple(classifier.shape)}",
    )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)
