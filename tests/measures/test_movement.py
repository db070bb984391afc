"""Distances between weights, norms of gradients, and the variance over all batches."""

from __future__ import annotations

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
