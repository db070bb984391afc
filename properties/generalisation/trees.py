"""Binary trees of convolutional layers with one channel, and single layers: xu2022, Section 4.3."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc

TWO = "two(k) = product([2 for i in range(k)])"
"""2^k."""

TREE = tc.Assumption(
    "a binary tree: one filter of two entries in each layer, patches that do not overlap, one"
    " output, which is linear; slopes between 0 and 1",
    "slope(depth) == 1 and all([0 <= slope(l) and slope(l) <= 1 for l in range(1, depth)])"
    " and len(x[0]) == two(depth) and len(outputs) == 1"
    " and all([len(W[k]) == 1 and len(W[k][0]) == 2 for k in weights])"
    " and all([patches(k) == two(depth - 1 - k) for k in weights])",
)
UNITS = "units = [[1 if j == i else 0 for j in range(len(x[0]))] for i in range(len(x[0]))]"
ENTRY = "toeplitz(i, j) = network(W, units)[j][i]"
"""The matrix of a single linear layer."""

ONE_LAYER = tc.Assumption(
    "one convolutional layer, linear, with one filter, without biases and normalisation",
    "depth == 1 and chain() and len(biases) == 0 and not normalised() and slope(1) == 1"
    " and len(W[0]) == 1",
)
FILTER_WITHOUT_ZEROS = tc.Assumption(
    "no entry of the filter is 0", "all([w != 0 for w in W[0][0]])"
)
ONE_DIMENSIONAL = tc.Assumption(
    "the inputs lie on a line: patch p reads the K inputs from (p - 1) s + 1 on, and the stride s"
    " is at most K",
    "any([all([toeplitz(p, j) =="
    " (W[0][0][j - s * p] if s * p <= j and j < s * p + len(W[0][0]) else 0)"
    " for p in range(patches(0)) for j in range(len(x[0]))])"
    " for s in range(1, len(W[0][0]) + 1)])",
)
"""The paper's convolutions are one-dimensional; those of the library need not be."""


def tree(depth: int, slope: float = tc.RELU) -> tc.Network:
    """The network ``W^L . sigma(v_1, v_2)`` on ``2^depth`` inputs, with a linear output."""
    layers = [
        tc.Layer(
            2**level,
            (tc.Edge(depth - 1 - level, tc.Convolution(1, 1, 2 ** (level + 1), 1, (1, 2), 2)),),
            slope if level else tc.LINEAR,
        )
        for level in reversed(range(depth))
    ]
    return tc.Network(2**depth, tuple(layers))


def layer(width: int, kernel: int, stride: int) -> tc.Network:
    """One convolutional layer with one filter, and linear outputs."""
    convolution = tc.Convolution(1, 1, width, 1, (1, kernel), stride)
    return tc.Network(
        width, (tc.Layer(convolution.target_width, (tc.Edge(0, convolution),), tc.LINEAR),)
    )


def trees(
    *, depths: tuple[int, int] = (1, 3), samples: tuple[int, int] = (1, 2), line: bool = False
) -> st.SearchStrategy[tc.Case]:
    """Trees with small integers as weights and inputs.

    Args:
        line: make all inputs multiples of the first unit vector; in half of the cases the bound
            is reached.
    """
    networks = st.builds(tree, st.integers(*depths))
    drawn = tc.cases(networks, samples=samples, targets="signs", cohort=4)
    return drawn.map(_on_the_line) | drawn.map(_on_the_line).map(_open_path) if line else drawn


def _on_the_line(case: tc.Case) -> tc.Case:
    inputs = case.inputs.copy()
    inputs[..., 1:] = 0.0
    return replace(case, inputs=inputs)


def _open_path(case: tc.Case) -> tc.Case:
    """Inputs of one sign, and unit weights on the path from the first, which opens for them."""
    sign = 1 if case.parameters[0].flat[0] > 0 else -1
    inputs, parameters = sign * abs(case.inputs), tuple(map(np.zeros_like, case.parameters))
    inputs[..., 0] += sign
    for weights in parameters:
        weights[..., 0] = sign if weights is parameters[0] else 1
    return replace(case, inputs=inputs, parameters=parameters)


@st.composite
def layers(
    draw: st.DrawFn, *, overlap: bool = True, kernels: tuple[int, int] = (2, 3), least: int = 1
) -> tc.Case:
    """One layer whose patches reach the last input; nonzero filters.

    In half of the cases the input is that unit vector which the second patch begins with.

    Args:
        overlap: whether patches may overlap.
        kernels: sizes of the kernel.
        least: the smallest stride.
    """
    kernel = draw(st.integers(*kernels))
    stride = draw(st.integers(least, kernel)) if overlap else kernel
    width = kernel + stride * draw(st.integers(1, 3))
    filters = [[Fraction(t) for t in draw(_row(kernel, [1, 2, -1]))]]
    row = draw(_row(width, [1, 0, 2, -1]))
    if draw(st.booleans()):
        row = [int(j == stride) for j in range(width)]
    rows = [[Fraction(t) for t in row]]
    weights, inputs = (np.array(matrix, dtype=object)[None] for matrix in (filters, rows))
    return tc.Case(layer(width, kernel, stride), (weights,), inputs)


@st.composite
def averaged_layers(draw: st.DrawFn) -> tc.Case:
    """Such a layer on samples of which every component has the same mean square."""
    case = draw(layers())
    width = case.inputs.shape[-1]
    signs = st.lists(_row(width, [1, -1]), min_size=1, max_size=2)
    rows = draw(st.one_of(signs, st.just(np.eye(width, dtype=int).tolist())))
    return replace(case, inputs=np.array(rows, dtype=object)[None] * Fraction(1))


def _row(size: int, among: list[int]) -> st.SearchStrategy[list[int]]:
    return st.lists(st.sampled_from(among), min_size=size, max_size=size)


def overlapping_networks() -> st.SearchStrategy[tc.Case]:
    """A convolutional layer with positive filters, ReLU, and a linear output; one sample.

    Some inputs are read by fourteen patches, with equal weights.
    """
    return _overlapping_networks() | st.just(_two_layers(1, [[1] * 14], [[1] * 15], [1] * 28))


@st.composite
def _overlapping_networks(draw: st.DrawFn) -> tc.Case:
    near = draw(st.booleans())
    kernel = 3 if near else draw(st.integers(2, 3))
    stride = 2 if near else draw(st.integers(1, kernel - 1))
    count = draw(st.integers(4, 6)) if near else draw(st.integers(2, 5))
    width = kernel + stride * (count - 1)
    if near:
        # The inputs that two patches read, and equal weights on top.
        ends, entry = draw(st.integers(4, 8)), draw(st.integers(1, 4))
        entries = [entry if j % stride == 0 else 0 for j in range(width)]
        return _two_layers(stride, [[ends] + [1] * (kernel - 2) + [ends]], [[1] * count], entries)
    filters, top = [draw(_row(kernel, [1, 4]))], [draw(_row(count, [1, 2]))]
    return _two_layers(stride, filters, top, draw(_row(width, [1, 0])))


def _two_layers(
    stride: int, filters: list[list[int]], top: list[list[int]], entries: list[int]
) -> tc.Case:
    convolution = tc.Convolution(1, 1, len(entries), 1, (1, len(filters[0])), stride)
    hidden = tc.Layer(len(top[0]), (tc.Edge(0, convolution),), tc.RELU)
    network = tc.Network(len(entries), (hidden, tc.Layer(1, (tc.Edge(1),), tc.LINEAR)))
    weights = [np.array(matrix, dtype=object) for matrix in (filters, top)]
    return tc.Case.single(network, weights, [entries], [[Fraction(1)]])
