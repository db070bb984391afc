"""Distances between weights, norms of gradients, and the variance over all batches."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import zeros

from tests.measures.samples import Array, as_tensor, exact, few, gamma, mean
from theorycheck import measures
from theorycheck.networks.specification import mlp


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


def test_distances_of_which_one_is_no_number() -> None:
    """The norm of one change, or its entries, exceed the largest number, but not the mean norm."""
    network, top = mlp([2, 2, 2, 1]), 2.0**127
    zero = tuple(zeros(1, *p.shape) for p in network.parameters)
    large = (torch.full((1, 2, 2), top), torch.tensor([[[3.0, 0.0], [0.0, 4.0]]]), zero[2])
    # Norms 2 top, 5 and 0.
    (found,) = measures.weight_distance(network, zero, large).tolist()
    assert abs(Fraction(found) - Fraction(2 * top) / 3) <= gamma(3, torch.float32) * Fraction(top)
    full = tuple(torch.full((1, *p.shape), top) for p in network.parameters)
    opposite = tuple(-p for p in full)
    assert measures.weight_distance(network, opposite, full).tolist() == [math.inf]
    # Entries that are 2 top apart.
    corner = torch.zeros(1, 2, 2)
    corner[0, 0, 0] = top
    low, high = (-corner, *zero[1:]), (corner, *zero[1:])
    (found,) = measures.weight_distance(network, low, high).tolist()
    assert abs(Fraction(found) - Fraction(2 * top) / 3) <= gamma(3, torch.float32) * Fraction(top)


@given(
    exponents=st.lists(st.integers(-148, 126), min_size=6, max_size=6),
    factors=st.lists(st.integers(-4, 4), min_size=6, max_size=6),
)
@few
def test_distances_of_any_scales(exponents: list[int], factors: list[int]) -> None:
    """Each matrix has one entry, so that its norm does not round.

    Derivation: a difference, a sum of three and a quotient round five times; numbers below the
    normal ones lose up to three times the least one.
    """
    network, largest = mlp([1, 1, 1, 1]), torch.finfo(torch.float32).max
    numbers = [
        max(-largest, min(f * 2.0**e, largest)) for e, f in zip(exponents, factors, strict=True)
    ]
    before, after = (
        tuple(torch.tensor([[[x]]]) for x in part) for part in (numbers[:3], numbers[3:])
    )
    (found,) = measures.weight_distance(network, before, after).tolist()
    changes = zip(exact(torch.cat(before)).flat, exact(torch.cat(after)).flat, strict=True)
    true = sum((abs(old - new) for old, new in changes), Fraction(0)) / 3
    assert abs(Fraction(found) - true) <= gamma(6, torch.float32) * true + Fraction(2) ** -147


def test_sampling_variance_of_gradients_that_differ_by_their_last_digit() -> None:
    """Their mean is no float. Derivation: of steps 0, 0 and 1 in units of the last digit a third
    rounds, and so do deviations; squares, a mean of three and a product with 1 follow.
    """
    last = torch.finfo(torch.float32).eps
    gradients = torch.tensor([[[1.0], [1.0], [1 + last]]])
    expected = Fraction(2, 9) * Fraction(last) ** 2
    found = Fraction(measures.sampling_variance(gradients, 1).item())
    assert abs(found - expected) <= gamma(10, torch.float32) * expected
