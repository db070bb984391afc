"""Networks with one or two normalised layers, on batches whose deviations are rational."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

import theorycheck as tc
from theorycheck.drawing import batches

ONE_NORMALISED = tc.Assumption(
    "a chain of two layers of weights, the first one normalised, without biases; linear outputs",
    "chain() and len(biases) == 0 and depth == 2 and normalised_layer(1)"
    " and not normalised_layer(2) and slope(2) == 1",
)
BOTH_NORMALISED = tc.Assumption(
    "a chain of three layers of weights, the hidden ones normalised, without biases; linear"
    " outputs",
    "chain() and len(biases) == 0 and depth == 3 and normalised_layer(1) and normalised_layer(2)"
    " and not normalised_layer(3) and slope(3) == 1",
)
BENT = (tc.RELU, 0.5)


def all_normalised(network: tc.Network) -> tc.Network:
    *hidden, last = network.layers
    layers = [replace(layer, normalisation="batch-detached") for layer in hidden]
    return tc.Network(network.input_width, (*layers, last))


def one_normalised(slopes: Sequence[float] = BENT) -> st.SearchStrategy[tc.Case]:
    """Two samples, or four that the first layer standardises in rationals."""
    networks = tc.mlps(depths=(2, 2), widths=(1, 2), slopes=slopes).map(all_normalised)
    return st.one_of(
        batches(networks, samples=(2, 2)), tc.rational_batches(networks, "batch-detached")
    )


def both_normalised() -> st.SearchStrategy[tc.Case]:
    """Two samples: every deviation is half a difference."""
    networks = tc.mlps(depths=(3, 3), widths=(1, 2), slopes=BENT).map(all_normalised)
    return batches(networks, samples=(2, 2))


FIRST_LAYER = [
    "z(n, i) = inner(W[0][i], x[n])",
    "centre(i) = sum([z(n, i) for n in samples]) / len(samples)",
    "variance(i) = sum([(z(n, i) - centre(i)) ** 2 for n in samples]) / len(samples)",
    "scale(i) = W[1] / root(variance(i))",
    "argument(n, i) = scale(i) * (z(n, i) - centre(i)) + W[2]",
    "D(n, i) = 1 if argument(n, i) > 0 else slope(1)",
]
"""Of the normalised first layer; W[1] is gamma, W[2] beta. D are the slopes of its activation."""
ALPHA = "alpha(n, j) = 1 - 1 / len(samples) if n == j else -1 / len(samples)"
"""galanti2022, after Eq. 22."""
