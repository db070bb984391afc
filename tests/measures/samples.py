"""Samples of small integers, on which measures hardly round, and exact arithmetic on them.

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
from typing import Any

import numpy as np
import torch
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from theorycheck import measures

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


Measure = Callable[[Tensor, Tensor], Tensor]
COLLAPSE: dict[str, Measure] = {
    "nc1": lambda h, w: measures.nc1(h),
    "nc1_relative": lambda h, w: measures.nc1_relative(h),
    "nc1_pseudoinverse": lambda h, w: measures.nc1_pseudoinverse(h),
    "nc2_norms": lambda h, w: measures.nc2_norms(h),
    "nc2_norm_gap": lambda h, w: measures.nc2_norm_gap(h),
    "nc2_angles": lambda h, w: measures.nc2_angles(h),
    "nc2_angles_mean": lambda h, w: measures.nc2_angles_mean(h),
    "nc3": measures.nc3,
    "nc4": measures.nc4,
}
