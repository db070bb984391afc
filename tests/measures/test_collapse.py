"""Class statistics and NC1 to NC4: exact where nothing rounds, within derived bounds elsewhere."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, zeros

from tests.measures.samples import (
    COLLAPSE,
    DTYPES,
    Array,
    Sample,
    as_tensor,
    assert_exact,
    exact,
    few,
    gamma,
    mean,
    norm,
    samples,
    square_root,
)
from theorycheck import measures
from theorycheck.errors import InputError


@given(samples())
@few
def test_class_statistics_exactly(sample: Sample) -> None:
    grouped, h = sample.grouped, sample.exact_grouped
    assert_exact(grouped, h)
    members, classes, size, width = h.shape
    means = mean(h, 2)
    centre = mean(h, (1, 2))
    assert_exact(measures.class_means(grouped), means)
    assert_exact(measures.global_mean(grouped), centre)
    assert_exact(measures.centred_class_means(grouped), means - centre[:, None])
    for k in range(members):
        within, between, total = (np.full((width, width), Fraction(0)) for _ in range(3))
        for c in range(classes):
            deviation = means[k, c] - centre[k]
            between += np.outer(deviation, deviation) / classes
            for n in range(size):
                deviation = h[k, c, n] - means[k, c]
                within += np.outer(deviation, deviation) / (classes * size)
                deviation = h[k, c, n] - centre[k]
                total += np.outer(deviation, deviation) / (classes * size)
        assert_exact(measures.within_class_covariance(grouped)[k], within)
        assert_exact(measures.between_class_covariance(grouped)[k], between)
        assert_exact(measures.total_covariance(grouped)[k], total)
        assert Fraction(measures.nc1(grouped)[k].item()) == within.trace()
        # Numerator and denominator are exact; torch rounds their quotient correctly.
        if between.trace() > 0:
            relative = measures.nc1_relative(grouped)[k]
            quotient = as_tensor(float(within.trace()), relative.dtype) / float(between.trace())
            assert relative == quotient


@given(samples())
@few
def test_total_covariance_is_within_plus_between(sample: Sample) -> None:
    """Stated below xu2022, Eq. 27; exact here."""
    grouped = sample.grouped
    within = measures.within_class_covariance(grouped)
    between = measures.between_class_covariance(grouped)
    assert measures.total_covariance(grouped).equal(within + between)


@given(samples(square=True))
@few
def test_covariance_as_printed_stops_at_the_number_of_classes(sample: Sample) -> None:
    grouped, h = sample.grouped, sample.exact_grouped
    members, classes, size, width = h.shape
    printed = measures.within_class_covariance_as_printed(grouped)
    means = mean(h, 2)
    for k in range(members):
        expected = np.full((width, width), Fraction(0))
        for c in range(classes):
            for n in range(classes):
                deviation = h[k, c, n] - means[k, c]
                expected += np.outer(deviation, deviation) / (classes * size)
        assert_exact(printed[k], expected)
    if size == classes:
        assert printed.equal(measures.within_class_covariance(grouped))


def test_covariance_as_printed_breaks_the_decomposition() -> None:
    """Two classes of four samples: the printed sum drops the last two of each."""
    grouped = as_tensor([[[[1], [-1], [3], [-3]], [[0], [0], [2], [-2]]]])
    assert measures.within_class_covariance(grouped).item() == (2 + 18 + 8) / 8
    assert measures.within_class_covariance_as_printed(grouped).item() == 2 / 8
    assert measures.total_covariance(grouped).item() == (2 + 18 + 8) / 8


def simplex(classes: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """An equiangular tight frame of integers: the oriented incidence matrix of a complete graph.

    Row c has one entry 1 or -1 for each of its C - 1 edges, and two rows share one edge with
    opposite signs: squared norms are C - 1, inner products -1, and the rows add up to zero.
    """
    edges = list(combinations(range(classes), 2))
    rows = [[(c == i) - (c == j) for i, j in edges] for c in range(classes)]
    return as_tensor(rows, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_collapsed_features_exactly(dtype: torch.dtype) -> None:
    """Five classes: the norms are 2 and the cosines -1/4, so nothing rounds."""
    frame = simplex(5, dtype)
    grouped = (8 * frame + 3)[None, :, None].expand(1, 5, 4, 10)
    assert measures.nc1(grouped).item() == 0
    assert measures.nc1_relative(grouped).item() == 0
    assert measures.nc2_norms(grouped).item() == 0
    assert measures.nc2_norm_gap(grouped).item() == 0
    assert measures.nc2_angles(grouped).item() == 0
    assert measures.nc3(grouped, frame[None] / 2).item() == 0
    assert measures.nc3(grouped, -frame[None]).item() == 2
    assert measures.nc4(grouped, frame[None]).item() == 0
    assert measures.nc4(grouped, -frame[None]).item() == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", range(2, 9))
def test_simplex_within_rounding(classes: int, dtype: torch.dtype) -> None:
    """As in `test_angles_norms_and_duality_within_rounding`; norms are equal, so their gap is 0."""
    frame = simplex(classes, dtype)
    width = frame.shape[1]
    grouped = frame[None, :, None]
    assert measures.nc2_norm_gap(grouped).item() == 0
    assert measures.nc2_angles(grouped).item() <= angle_bound(width, classes, dtype)
    assert measures.nc2_norms(grouped).item() <= norms_bound(width, classes, dtype)
    assert measures.nc3(grouped, frame[None]).item() == 0


def test_collinear_means_by_hand() -> None:
    """Norms 1, 1, 3, 3 have mean 2 and deviation 1; parallel means miss the cosine by 4/3."""
    grouped = as_tensor([[[[1, 0]], [[-1, 0]], [[3, 0]], [[-3, 0]]]])
    assert measures.nc2_norms(grouped).item() == 0.5
    assert measures.nc2_norm_gap(grouped).item() == 2
    assert measures.nc2_angles(grouped).item() == 1 + 1 / 3


def angle_bound(width: int, classes: int, dtype: torch.dtype) -> Fraction:
    """A norm of p exact entries is computed with a factor 1 + theta_{p+1}, a unit entry thus with
    1 + theta_{2p+3}, a term of the inner product with 1 + theta_{5p+6}. The sum of the moduli is at
    most 1. Rounding 1/(C-1), and its addition, contribute at most two roundings of it.
    """
    return gamma(5 * width + 8, dtype) * (1 + Fraction(1, classes - 1))


def norms_bound(width: int, classes: int, dtype: torch.dtype) -> Fraction:
    """Let m be the mean of the norms n_c. Computed norms carry 1 + theta_{p+1}, their mean
    1 + theta_{p+C+2}, differences an error of gamma_{p+C+3} (n_c + m). As max n <= C m, the root
    mean square of n_c + m is at most 2 sqrt(C) m. Squaring, averaging and the root add a factor
    1 + theta_{C+3}, dividing by the computed mean 1 + theta_{2p+2C+5}; the ratio itself is at most
    sqrt(C). Together at most sqrt(C) (2 gamma_{p+C+3} + gamma_{2p+3C+8}) up to products of gammas,
    which the larger index absorbs (Higham, Lemma 3.3).
    """
    return 3 * gamma(4 * width + 5 * classes + 16, dtype) * square_root(Fraction(classes))


@given(samples())
@settings(max_examples=80, deadline=None)
def test_angles_norms_and_duality_within_rounding(sample: Sample) -> None:
    """Class means are exact; see `angle_bound` and `norms_bound`.

    NC3: entries of a unit matrix carry 1 + theta_{2Cp+3}, the norm of the difference
    1 + theta_{Cp+2}, and both unit matrices have norm 1: an error of at most 2 gamma_{3Cp+8}.
    """
    grouped, h, dtype = sample.grouped, sample.exact_grouped, sample.features.dtype
    members, classes, _, width = h.shape
    centred = mean(h, 2) - mean(h, (1, 2))[:, None]
    spread, gap = measures.nc2_norms(grouped), measures.nc2_norm_gap(grouped)
    angles, duality = measures.nc2_angles(grouped), measures.nc3(grouped, sample.classifier)
    for k in range(members):
        norms = [norm(row) for row in centred[k]]
        average = sum(norms) / Fraction(classes)
        expected_gap = max(norms) - min(norms)
        gap_bound = gamma(width + 2, dtype) * (max(norms) + min(norms))
        assert abs(Fraction(gap[k].item()) - expected_gap) <= gap_bound
        if average == 0:
            assert spread[k].isnan()
        else:
            variance = sum((n - average) ** 2 for n in norms) / Fraction(classes)
            error = abs(Fraction(spread[k].item()) - square_root(variance) / average)
            assert error <= norms_bound(width, classes, dtype)
        if min(norms) == 0:
            assert angles[k].isnan()
        else:
            expected = max(
                abs(
                    centred[k, a] @ centred[k, b] / (norms[a] * norms[b]) + Fraction(1, classes - 1)
                )
                for a, b in combinations(range(classes), 2)
            )
            error = abs(Fraction(angles[k].item()) - expected)
            assert error <= angle_bound(width, classes, dtype)
        classifier = exact(sample.classifier[k])
        if average == 0 or norm(classifier) == 0:
            assert duality[k].isnan()
        else:
            difference = classifier / norm(classifier) - centred[k] / norm(centred[k])
            error = abs(Fraction(duality[k].item()) - norm(difference))
            assert error <= 2 * gamma(3 * classes * width + 8, dtype)


def disagreements_of(h: Array, classifier: Array) -> list[bool]:
    """Of all samples of a member, by Fractions."""
    means, disagreements = mean(h, 1), []
    for x in h.reshape(-1, h.shape[-1]):
        scores = [w @ x for w in classifier]
        distances = [(x - m) @ (x - m) for m in means]
        disagreements.append(scores.index(max(scores)) != distances.index(min(distances)))
    return disagreements


@given(samples())
@few
def test_nearest_mean_against_a_loop(sample: Sample) -> None:
    h, classifier = sample.exact_grouped, exact(sample.classifier)
    result = measures.nc4(sample.grouped, sample.classifier)
    for k in range(len(h)):
        disagreements = disagreements_of(h[k], classifier[k])
        assert Fraction(result[k].item()) == Fraction(sum(disagreements), len(disagreements))


ties = st.integers(1, 3).flatmap(
    lambda width: arrays(np.int64, (2, 1, 3, 3, width), elements=st.integers(-5, 5))
)


@given(ties, st.sampled_from(DTYPES))
@few
def test_ties_of_means_that_are_no_floats(numbers: Any, dtype: torch.dtype) -> None:
    """Three samples of three classes: thirds. The classifier is made of as many others."""
    grouped, classifier = as_tensor(numbers[0], dtype), as_tensor(numbers[1, :, :, 0], dtype)
    disagreements = disagreements_of(exact(grouped)[0], exact(classifier)[0])
    found = measures.nc4(grouped, classifier).item()
    assert found == as_tensor(sum(disagreements) / 9, dtype).item()


def test_a_tie_of_means_that_are_no_floats() -> None:
    """Of means -2/3, 4/3 and 2/3 the latter are as far from 1, and the first and last from 0."""
    grouped = torch.tensor([[[[2.0], [1.0], [-5.0]], [[-1.0], [0.0], [5.0]], [[-1.0], [3.0], [0]]]])
    assert measures.nc4(grouped, torch.tensor([[[0.0], [1.0], [1.0]]])).item() == 0


def agree(left: Tensor, right: Tensor) -> bool:
    return torch.equal(left.nan_to_num(nan=-1.0), right.nan_to_num(nan=-1.0))


@given(samples(), st.randoms(use_true_random=False))
@few
def test_order_of_the_samples_does_not_matter(sample: Sample, random: Any) -> None:
    order = list(range(sample.features.shape[1]))
    random.shuffle(order)
    shuffled = measures.by_class(sample.features[:, order], sample.labels[:, order], sample.classes)
    for name, measure in COLLAPSE.items():
        left = measure(sample.grouped, sample.classifier)
        # Singular vectors round.
        if name != "nc1_pseudoinverse":
            assert agree(left, measure(shuffled, sample.classifier))


def digits(dtype: torch.dtype) -> int:
    return 1 - round(math.log2(torch.finfo(dtype).eps))


@given(samples(), st.data())
@few
def test_moved_reflected_and_scaled_features(sample: Sample, data: st.DataObject) -> None:
    """Translations leave all but the rule of the classifier unchanged, reflections everything.

    Scaling by a power of two changes nothing that is relative.
    """
    grouped, classifier = sample.grouped, sample.classifier
    width = grouped.shape[-1]
    shift = as_tensor(data.draw(st.lists(st.integers(-8, 8), min_size=width, max_size=width)))
    signs = as_tensor(data.draw(st.lists(st.sampled_from([-1, 1]), min_size=width, max_size=width)))
    # Also so far that features have no digits left for halves of means.
    shift = shift * 2.0 ** data.draw(st.sampled_from([0, digits(grouped.dtype) - 4]))
    shift, signs = shift.to(grouped.dtype), signs.to(grouped.dtype)
    scale = 2.0 ** data.draw(st.integers(-6, 6))
    factors = {"nc1": scale**2, "nc2_norm_gap": scale}
    exact = {name: m for name, m in COLLAPSE.items() if name != "nc1_pseudoinverse"}
    for name, measure in exact.items():
        value = measure(grouped, classifier)
        assert agree(value, measure(grouped * signs, classifier * signs))
        assert agree(value * factors.get(name, 1.0), measure(grouped * scale, classifier))
        if name != "nc4":
            assert agree(value, measure(grouped + shift, classifier))


def test_labels_may_be_shared() -> None:
    features = as_tensor([[[1], [2], [3], [4]], [[5], [6], [7], [8]]])
    expected = [[[[2], [3]], [[1], [4]]], [[[6], [7]], [[5], [8]]]]
    assert measures.by_class(features, torch.tensor([1, 0, 0, 1]), 2).tolist() == expected


def test_degenerate_features() -> None:
    """Members: zero features, coinciding means that vary, and a fine one in between."""
    grouped = as_tensor(
        [[[[0], [0]], [[0], [0]]], [[[1], [3]], [[-1], [-1]]], [[[1], [-1]], [[2], [-2]]]]
    )
    classifier = as_tensor([[[1], [-1]], [[1], [-1]], [[0], [0]]])
    fine = [False, True, False]
    assert measures.nc1(grouped).tolist() == [0, 0.5, 2.5]
    assert measures.nc1_relative(grouped)[0].isnan()
    assert measures.nc1_relative(grouped)[1:].tolist() == [0.5 / 2.25, math.inf]
    for name in ("nc2_norms", "nc2_angles", "nc3"):
        assert COLLAPSE[name](grouped, classifier).isfinite().tolist() == fine
    assert measures.nc2_norm_gap(grouped).tolist() == [0, 0, 0]
    assert measures.nc4(grouped, classifier).tolist() == [0, 0, 0]
    assert measures.nc3(grouped, zeros(3, 2, 1)).isnan().all()


def test_a_single_class() -> None:
    grouped = measures.by_class(as_tensor([[[1], [3]]]), torch.tensor([0, 0]), 1)
    classifier = as_tensor([[[1]]])
    assert measures.nc1(grouped).item() == 1
    assert measures.nc1_relative(grouped).item() == math.inf
    assert measures.nc2_norms(grouped).isnan()
    assert measures.nc2_norm_gap(grouped).item() == 0
    assert measures.nc3(grouped, classifier).isnan()
    assert measures.nc4(grouped, classifier).item() == 0
    with pytest.raises(InputError, match="at least two classes"):
        measures.nc2_angles(grouped)
