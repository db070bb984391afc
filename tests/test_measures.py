"""Measures against hand-worked cases and exact rational re-implementations.

Features are small integers and all counts powers of two wherever a result is compared with ``==``:
every intermediate value is then a dyadic number of few bits, in float32 too, and nothing rounds.
Elsewhere the bound is derived, in the notation of Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., Section 3: gamma_n = n u / (1 - n u), and theta_n stands for any number with
|theta_n| <= gamma_n, so that products and quotients obey Lemma 3.3. A sum of n terms in any order
has a backward error of theta_{n-1} in each term (Section 4.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import combinations
from typing import Any

import flint
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, ones, zeros

from theorycheck import measures
from theorycheck.errors import InputError
from theorycheck.networks.specification import mlp

DTYPES = [torch.float32, torch.float64]
Array = np.ndarray[Any, Any]
"""NumPy arrays of `Fraction` objects, on which sums and products are exact."""


def gamma(operations: int, dtype: torch.dtype = torch.float64) -> Fraction:
    unit_roundoff = Fraction(torch.finfo(dtype).eps) / 2
    return operations * unit_roundoff / (1 - operations * unit_roundoff)


def exact(tensor: Tensor) -> Array:
    """The rational values of a tensor, shape kept."""
    flat = [Fraction(x) for x in tensor.flatten().tolist()]
    result = np.empty(len(flat), dtype=object)
    result[:] = flat
    return result.reshape(tensor.shape)


def assert_exact(tensor: Tensor, expected: Array) -> None:
    assert tensor.shape == expected.shape
    assert (exact(tensor) == expected).all()


def mean(values: Array, axis: int | tuple[int, ...]) -> Array:
    count = math.prod(values.shape[i] for i in np.atleast_1d(axis))
    return np.asarray(values.sum(axis=axis) / Fraction(count), dtype=object)


def square_root(value: Fraction) -> Fraction:
    """To fifty digits: an error far below any bound used here."""
    with localcontext(Context(prec=60)):
        return Fraction((Decimal(value.numerator) / Decimal(value.denominator)).sqrt())


def norm(values: Array) -> Fraction:
    return square_root((values * values).sum())


def as_tensor(values: Any, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(values, dtype=dtype)


@dataclass(frozen=True, eq=False)
class Sample:
    """Integer features, balanced labels and an integer classifier, as drawn by Hypothesis."""

    features: Tensor
    labels: Tensor
    classes: int
    classifier: Tensor

    @property
    def grouped(self) -> Tensor:
        return measures.by_class(self.features, self.labels, self.classes)

    @property
    def exact_grouped(self) -> Array:
        """``h(x_cn)`` picked sample by sample."""
        picked = [
            [row[label == c] for c in range(self.classes)]
            for row, label in zip(exact(self.features), self.labels.numpy(), strict=True)
        ]
        return np.array(picked, dtype=object)


@st.composite
def samples(draw: st.DrawFn, square: bool = False) -> Sample:
    members, width = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    classes, size = draw(st.sampled_from([2, 4])), draw(st.sampled_from([1, 2, 4, 8]))
    assume(size >= classes or not square)
    entries = st.integers(-8, 8)
    features = draw(arrays(np.int64, (members, classes * size, width), elements=entries))
    classifier = draw(arrays(np.int64, (members, classes, width), elements=entries))
    balanced = [c for c in range(classes) for _ in range(size)]
    labels = [draw(st.permutations(balanced)) for _ in range(members)]
    dtype = draw(st.sampled_from(DTYPES))
    return Sample(
        as_tensor(features, dtype), torch.tensor(labels), classes, as_tensor(classifier, dtype)
    )


few = settings(max_examples=40, deadline=None)

# Margins, outputs, equilibria


def test_margins_by_hand() -> None:
    outputs = as_tensor([[[3.0], [-2.0]], [[0.0], [1.0]]])
    assert measures.margins(outputs, torch.tensor([[1], [-1]])).tolist() == [[3, 2], [0, -1]]
    signs = torch.tensor([[[1], [-1]], [[-1], [1]]])
    assert measures.margins(outputs, signs).tolist() == [[3, 2], [0, 1]]


integer_margins = st.sampled_from([1, 2, 4, 8]).flatmap(
    lambda n: arrays(np.int64, (2, n), elements=st.integers(-16, 16))
)


@given(integer_margins, st.sampled_from(DTYPES))
@few
def test_margin_statistics_exactly(values: Array, dtype: torch.dtype) -> None:
    margins = as_tensor(values, dtype)
    x = exact(margins)
    mu, second, variance = measures.margin_statistics(margins)
    assert_exact(mu, mean(x, 1))
    assert_exact(second, mean(x * x, 1))
    assert_exact(variance, mean(x * x, 1) - mean(x, 1) ** 2)


@given(
    st.lists(
        st.floats(1e-100, 1e100).flatmap(lambda x: st.sampled_from([x, -x])) | st.just(0.0),
        min_size=1,
        max_size=20,
    )
)
@few
def test_margin_statistics_within_rounding(values: list[float]) -> None:
    """A sum of n terms, divided in at most two roundings, has relative errors theta_{n+1} per term.

    So |mu^ - mu| <= e := gamma_{n+1} mean|x|, and M gains one rounding for the square. Deviations
    are taken from mu^, whose mean square is V + (mu - mu^)^2; each computed one carries 1 + theta_1
    before squaring, hence relative errors theta_{n+4} (cf. Higham, Problem 1.10). The range of the
    values excludes overflow and underflow of squares.
    """
    mu, second, variance = (s.item() for s in measures.margin_statistics(as_tensor([values])))
    n, x = len(values), [Fraction(v) for v in values]
    zero = Fraction(0)
    mu_exact, second_exact = sum(x, zero) / n, sum((v * v for v in x), zero) / n
    variance_exact = second_exact - mu_exact**2
    error = gamma(n + 1) * sum((abs(v) for v in x), zero) / n
    assert abs(Fraction(mu) - mu_exact) <= error
    assert abs(Fraction(second) - second_exact) <= gamma(n + 2) * second_exact
    bound = gamma(n + 4) * (variance_exact + error**2) + error**2
    assert abs(Fraction(variance) - variance_exact) <= bound
    assert variance >= 0


def test_variance_where_the_difference_of_moments_is_negative() -> None:
    rows = [[k / 10] * n for n in (3, 5, 7) for k in range(1, 30)]
    differences = []
    for row in rows:
        mu, second, variance = measures.margin_statistics(as_tensor([row]))
        differences.append((second - mu**2).item())
        assert variance.item() >= 0
    assert min(differences) < 0


@given(arrays(np.int64, (2, 4, 3), elements=st.integers(-8, 8)), st.sampled_from(DTYPES))
@few
def test_output_statistics_exactly(values: Array, dtype: torch.dtype) -> None:
    outputs = as_tensor(values, dtype)
    targets = as_tensor([[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1], [1, -0.5, -0.5]], dtype)
    mu, second = measures.output_statistics(outputs, targets)
    f, y = exact(outputs), exact(targets)
    for k in range(2):
        assert Fraction(mu[k].item()) == sum(f[k, n] @ y[n] for n in range(4)) / 4
        assert Fraction(second[k].item()) == sum(f[k, n] @ f[k, n] for n in range(4)) / 4


def test_output_statistics_of_one_output_are_those_of_margins() -> None:
    outputs, signs = as_tensor([[[3.0], [-2.0], [0.5], [4.0]]]), as_tensor([[1], [-1], [-1], [1]])
    mu, second, _ = measures.margin_statistics(measures.margins(outputs, signs))
    assert measures.output_statistics(outputs, signs) == (mu, second)


@given(integer_margins, st.integers(1, 64))
@few
def test_equilibrium_is_the_vertex_of_the_loss(values: Array, decay: int) -> None:
    """The loss is a parabola in rho: three of its values determine its vertex.

    Numerator and denominator are exact, so one correctly rounded division remains.
    """
    margins = as_tensor(values)
    mu, second, _ = measures.margin_statistics(margins)
    weight_decay = Fraction(decay, 16)
    of_means = measures.equilibrium_rho(mu, second, float(weight_decay))
    of_sums = measures.equilibrium_rho_of_sums(margins, float(weight_decay))
    for k, row in enumerate(exact(margins)):
        for computed, count in [(of_means, len(row)), (of_sums, 1)]:
            at = {
                rho: sum((1 - rho * m) ** 2 for m in row) / Fraction(count) + weight_decay * rho**2
                for rho in (-1, 0, 1)
            }
            curvature, slope = at[1] + at[-1] - 2 * at[0], (at[1] - at[-1]) / 2
            assert computed[k].item() == float(-slope / curvature)


@given(integer_margins)
@few
def test_sums_rescale_weight_decay(values: Array) -> None:
    margins = as_tensor(values)
    mu, second, _ = measures.margin_statistics(margins)
    weight_decay = as_tensor([0.25, 8.0])
    of_means = measures.equilibrium_rho(mu, second, weight_decay / values.shape[1])
    assert measures.equilibrium_rho_of_sums(margins, weight_decay).equal(of_means)


def test_equilibrium_of_the_zero_function() -> None:
    zero = zeros(1)
    assert measures.equilibrium_rho(zero, zero, 0.5).item() == 0
    assert measures.equilibrium_rho(zero, zero, 0.0).isnan().all()
    assert measures.equilibrium_rho_of_sums(zeros(1, 3), 0.0).isnan().all()


def test_accuracy_counts_ties_as_errors() -> None:
    scalar = as_tensor([[[2.0], [-1.0], [0.0], [3.0]]])
    assert measures.accuracy(scalar, torch.tensor([1, -1, 1, -1])).tolist() == [0.5]
    outputs = as_tensor([[[1, 2, 0], [5, 5, 1], [-3, -2, -1], [4, 0, 0]]])
    assert measures.accuracy(outputs, torch.tensor([1, 0, 2, 1])).tolist() == [0.5]
    assert measures.accuracy(zeros(1, 2, 3), torch.tensor([0, 1])).tolist() == [0]


@given(samples())
@few
def test_accuracy_against_a_loop(sample: Sample) -> None:
    outputs = sample.features @ sample.classifier.mT
    result = measures.accuracy(outputs, sample.labels)
    for k, rows in enumerate(exact(outputs)):
        correct = [
            all(row[label] > row[c] for c in range(sample.classes) if c != label)
            for row, label in zip(rows, sample.labels[k].tolist(), strict=True)
        ]
        assert Fraction(result[k].item()) == Fraction(sum(correct), len(correct))


# Neural collapse


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


@given(samples())
@few
def test_nearest_mean_against_a_loop(sample: Sample) -> None:
    h, classifier = sample.exact_grouped, exact(sample.classifier)
    means = mean(h, 2)
    result = measures.nc4(sample.grouped, sample.classifier)
    for k in range(len(h)):
        disagreements = []
        for x in h[k].reshape(-1, h.shape[-1]):
            scores = [w @ x for w in classifier[k]]
            distances = [(x - m) @ (x - m) for m in means[k]]
            chosen, nearest = scores.index(max(scores)), distances.index(min(distances))
            disagreements.append(chosen != nearest)
        assert Fraction(result[k].item()) == Fraction(sum(disagreements), len(disagreements))


Measure = Callable[[Tensor, Tensor], Tensor]
COLLAPSE: dict[str, Measure] = {
    "nc1": lambda h, w: measures.nc1(h),
    "nc1_relative": lambda h, w: measures.nc1_relative(h),
    "nc2_norms": lambda h, w: measures.nc2_norms(h),
    "nc2_norm_gap": lambda h, w: measures.nc2_norm_gap(h),
    "nc2_angles": lambda h, w: measures.nc2_angles(h),
    "nc3": measures.nc3,
    "nc4": measures.nc4,
}


def agree(left: Tensor, right: Tensor) -> bool:
    return torch.equal(left.nan_to_num(nan=-1.0), right.nan_to_num(nan=-1.0))


@given(samples(), st.randoms(use_true_random=False))
@few
def test_order_of_the_samples_does_not_matter(sample: Sample, random: Any) -> None:
    order = list(range(sample.features.shape[1]))
    random.shuffle(order)
    shuffled = measures.by_class(sample.features[:, order], sample.labels[:, order], sample.classes)
    for measure in COLLAPSE.values():
        left = measure(sample.grouped, sample.classifier)
        assert agree(left, measure(shuffled, sample.classifier))


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
    shift, signs = shift.to(grouped.dtype), signs.to(grouped.dtype)
    scale = 2.0 ** data.draw(st.integers(-6, 6))
    factors = {"nc1": scale**2, "nc2_norm_gap": scale}
    for name, measure in COLLAPSE.items():
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


# Spectra

ROTATION = as_tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
"""Orthogonal and dyadic."""


def with_singular_values(*values: float) -> Tensor:
    """``(1, 4, 4)``, computed without rounding."""
    return (ROTATION @ torch.diag(as_tensor(values)) @ ROTATION.roll(1, dims=0))[None]


def recovered(tensor: Tensor) -> list[float]:
    """The nearest multiples of 2^-20.

    The exact results below are such multiples, so that rounding to them recovers the exact value
    whenever the error is below 2^-21, ten orders of magnitude above that of a backward stable
    decomposition of a 4 x 4 matrix (Higham, Section 19.3, and Weyl's inequality).
    """
    result: list[float] = ((tensor * 2**20).round() / 2**20).tolist()
    return result


def test_singular_values_by_construction() -> None:
    weights = torch.cat([with_singular_values(8, 4, 2, 0), with_singular_values(1, 3, 0.5, 1)])
    assert recovered(measures.singular_values(weights)) == [[8, 4, 2, 0], [3, 1, 1, 0.5]]
    assert measures.singular_values(ones(3, 2, 5)).shape == (3, 2)


def test_ranks_by_construction() -> None:
    """Entropy of (1/2, 1/4, 1/4) is 3/2 log 2, so that the effective rank squared is 8."""
    weights = torch.cat([with_singular_values(2, 1, 1, 0), with_singular_values(2, 2, 2, 2)])
    assert recovered(measures.effective_rank(weights) ** 2) == [8, 16]
    assert recovered(measures.stable_rank(weights)) == [1.5, 4]
    assert recovered(measures.effective_rank(with_singular_values(0, 5, 0, 0))) == [1]
    assert recovered(measures.stable_rank(with_singular_values(0, 5, 0, 0))) == [1]


def test_threshold_rank_depends_on_the_norm() -> None:
    """Singular values 1, 1, 1 and x: the Frobenius norm is sqrt(3) times the spectral one."""
    weights = with_singular_values(1, 1, 1, 1.5e-4) * 1024
    assert measures.threshold_rank(weights).tolist() == [4]
    assert measures.threshold_rank(weights, norm="frobenius").tolist() == [3]
    assert measures.threshold_rank(weights, threshold=2e-4).tolist() == [3]
    assert measures.threshold_rank(with_singular_values(1, 2**-10, 2**-20, 0)).tolist() == [2]


@given(arrays(np.int64, (4, 3, 3), elements=st.integers(-1, 1)))
@few
def test_threshold_rank_of_small_matrices_is_the_rank(values: Array) -> None:
    """The squared product of the r non-zero singular values is a positive integer (a sum of squared
    minors), and none exceeds 3: the last is at least 1/9, its ratio to either norm at least 1/27.
    """
    ranks = [flint.fmpz_mat(matrix.tolist()).rank() for matrix in values]
    weights = as_tensor(values)
    assert measures.threshold_rank(weights).tolist() == ranks
    assert measures.threshold_rank(weights, norm="frobenius").tolist() == ranks


def test_zero_matrices_have_rank_zero() -> None:
    weights = zeros(1, 2, 3)
    assert measures.singular_values(weights).tolist() == [[0, 0]]
    assert measures.threshold_rank(weights).tolist() == [0]
    assert measures.threshold_rank(weights, norm="frobenius").tolist() == [0]
    assert measures.effective_rank(weights).tolist() == [0]
    assert measures.stable_rank(weights).tolist() == [0]


# Movement


def test_weight_distance_reads_weight_matrices_only() -> None:
    network = mlp([2, 2, 1], normalisation="batch", bias=True)
    before = tuple(zeros(2, *p.shape) for p in network.parameters)
    after = tuple(torch.full((2, *p.shape), 100.0) for p in network.parameters)
    first, second = network.weights
    after[first][:] = as_tensor([[[1, -1], [1, 1]], [[0, 0], [0, 0]]])
    after[second][:] = as_tensor([[[3, 4]], [[0, 8]]])
    assert measures.weight_distance(network, before, after).tolist() == [3.5, 4]
    assert measures.weight_distance(network, after, after).tolist() == [0, 0]


def test_batch_gradient_norms_by_hand() -> None:
    gradients = as_tensor([[[[3, 0], [0, 4]], [[0, 0], [0, 0]], [[1, 1], [1, -1]]]])
    assert measures.batch_gradient_norms(gradients).tolist() == [[5, 0, 2]]
    assert measures.batch_gradient_norms(as_tensor([[-2, 3]])).tolist() == [[2, 3]]


@given(st.sampled_from([1, 2, 4, 8]).flatmap(lambda n: arrays(np.int8, (n, 2, 3))), st.data())
@few
def test_sampling_variance_is_the_mean_over_all_batches(
    integers: Array, data: st.DataObject
) -> None:
    """Means over 2^k integers are exact; what rounds is the factor, once, and one product."""
    samples = len(integers)
    size = data.draw(st.integers(1, samples))
    gradients = torch.from_numpy(integers).to(torch.float64).unsqueeze(0)
    whole = exact(gradients[0])
    squares = [
        ((mean(whole[list(batch)], 0) - mean(whole, 0)) ** 2).sum()
        for batch in combinations(range(samples), size)
    ]
    expected = Fraction(sum(squares)) / len(squares)
    (result,) = measures.sampling_variance(gradients, size).tolist()
    assert abs(Fraction(result) - expected) <= gamma(2) * expected


# Members that diverged, and input that cannot be used

STACKED: dict[str, Callable[[Tensor], Tensor]] = {
    "margin mean": lambda x: measures.margin_statistics(x[:, :, 0, 0])[0],
    "margin moment": lambda x: measures.margin_statistics(x[:, :, 0, 0])[1],
    "margin variance": lambda x: measures.margin_statistics(x[:, :, 0, 0])[2],
    "accuracy": lambda x: measures.accuracy(x[:, :, 0], torch.tensor([0, 1])),
    "accuracy of one output": lambda x: measures.accuracy(x[:, :, 0, :1], torch.tensor([1, 1])),
    "threshold_rank": lambda x: measures.threshold_rank(x[:, 0]),
    "frobenius rank": lambda x: measures.threshold_rank(x[:, 0], norm="frobenius"),
    "effective_rank": lambda x: measures.effective_rank(x[:, 0]),
    "stable_rank": lambda x: measures.stable_rank(x[:, 0]),
    "smallest singular value": lambda x: measures.singular_values(x[:, 0])[:, -1],
    "gradient": lambda x: measures.batch_gradient_norms(x)[:, 0],
    "sampling_variance": lambda x: measures.sampling_variance(x, 1),
    "distance": lambda x: measures.weight_distance(mlp([2, 2]), (x[:, 0],), (-x[:, 1],)),
    "nc4 of a diverged classifier": lambda x: measures.nc4(torch.ones_like(x), x[:, 0]),
} | {name: lambda x, m=m: m(x, ones(2, 2, 2)) for name, m in COLLAPSE.items()}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", STACKED)
def test_a_diverged_member_is_marked_and_disturbs_no_other(name: str, value: float) -> None:
    healthy = as_tensor([[[1, 2], [3, 5]], [[-1, 0], [4, 1]]], torch.float32)
    stack = torch.stack([healthy, healthy])
    stack[1, 0, 0, 0] = value
    result = STACKED[name](stack)
    assert result[0] == STACKED[name](torch.stack([healthy, healthy]))[0]
    assert result.isfinite().tolist() == [True, False]


UNKNOWN: Any = "nuclear"
BAD_INPUT: dict[str, Callable[[], object]] = {
    "outputs of shape": lambda: measures.margins(ones(2, 3), ones(2, 3)),
    "signs must have shape": lambda: measures.margins(ones(2, 3, 1), ones(2, 1)),
    "signs must be -1 or 1": lambda: measures.margins(ones(2, 3, 1), zeros(3, 1)),
    "margins must have shape": lambda: measures.margin_statistics(ones(2, 0)),
    "targets must have shape": lambda: measures.output_statistics(ones(2, 3, 4), ones(3, 1)),
    "labels must have shape": lambda: measures.accuracy(ones(2, 3, 4), torch.tensor([0, 1])),
    "integers from 0 to 3": lambda: measures.accuracy(ones(2, 1, 4), torch.tensor([4])),
    "integers from 0 to 1": lambda: measures.by_class(ones(1, 2, 1), ones(2), 2),
    "balanced": lambda: measures.by_class(ones(1, 3, 1), torch.tensor([0, 0, 1]), 2),
    "there must be at least one": lambda: measures.by_class(ones(1, 1, 1), torch.tensor([0]), 0),
    "outputs and features": lambda: measures.by_class(ones(2, 2), torch.tensor([0, 1]), 2),
    "use by_class": lambda: measures.nc1(ones(1, 2, 3)),
    "Eq. 27": lambda: measures.within_class_covariance_as_printed(ones(1, 3, 2, 1)),
    "one row per class": lambda: measures.nc3(ones(1, 2, 3, 4), ones(1, 4, 2)),
    "classifier": lambda: measures.nc4(ones(1, 2, 3, 4), ones(2, 4)),
    "weights must have shape": lambda: measures.singular_values(ones(2, 3)),
    "norm 'nuclear'": lambda: measures.threshold_rank(ones(1, 2, 2), norm=UNKNOWN),
    "do not fit": lambda: measures.weight_distance(mlp([2, 1]), (ones(1, 1, 2),), ()),
    "same members": lambda: measures.weight_distance(
        mlp([2, 1]), (ones(2, 1, 2),), (ones(1, 1, 2),)
    ),
    "gradients must have shape": lambda: measures.batch_gradient_norms(ones(2)),
    r"\(members, samples, ...\)": lambda: measures.sampling_variance(ones(2), 1),
    "between 1 and the 3 samples": lambda: measures.sampling_variance(ones(2, 3), 4),
}


@pytest.mark.parametrize("message", BAD_INPUT)
def test_bad_input_is_one_clear_line(message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        BAD_INPUT[message]()
    assert "\n" not in str(raised.value)
