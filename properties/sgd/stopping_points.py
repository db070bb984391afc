"""Points at which SGD stops although galanti2022 says that it cannot, or only because of labels."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from theorycheck.arithmetic import Point, to_fractions


def zeroed(case: tc.Case) -> tc.Case:
    """All weights 0."""
    return replace(case, parameters=tuple(np.zeros_like(p) for p in case.parameters))


def interpolating(case: tc.Case) -> tc.Case:
    """Labels that are the outputs, but that of the last sample where the first input says so."""
    values = to_fractions(Point.of(case).values)[None, :, None]
    values[:, -1] += int(case.inputs[0, 0, 0] == 1)
    return replace(case, targets=values, numbers={**case.numbers, "weight_decay": Fraction(0)})


def interpolating_cases() -> st.SearchStrategy[tc.Case]:
    return tc.plain_cases(tc.trainable_networks()).map(interpolating)


def wide_interpolating_cases() -> st.SearchStrategy[tc.Case]:
    """With first matrices of rank 2 among them."""
    return tc.plain_cases(tc.mlps(depths=(1, 2), widths=(2, 2))).map(interpolating)


def with_zero_input(case: tc.Case) -> tc.Case:
    """The first input is 0, and its label what its output is then."""
    inputs, targets = case.inputs.copy(), case.targets
    inputs[:, 0] = 0
    return replace(case, inputs=inputs, targets=targets)


@st.composite
def stationary_filters(draw: st.DrawFn) -> tc.Case:
    """Inputs that are not collinear and look alike to the filter ``(1, 0)`` and the last layer.

    The first patch of two entries is ``(t, 0)``, the second ``(0, d)`` with another d each time,
    which neither the filter nor the last layer ``(1, 0)`` sees.
    """
    patches = tc.Convolution(1, 1, 4, 1, (1, 2), 2)
    layers = (tc.Layer(2, (tc.Edge(0, patches),), tc.RELU), tc.Layer(1, (tc.Edge(1),), tc.LINEAR))
    position, decay = draw(tc.positive_dyadics()), draw(tc.positive_dyadics())
    unseen = draw(st.lists(st.integers(0, 3), min_size=2, max_size=3))
    return tc.Case.single(
        tc.Network(4, layers),
        [[[1, 0]], [[1, 0]]],
        [[position, 0, 0, d] for d in unseen],
        [[position + decay / position]] * len(unseen),
        {"weight_decay": decay, "batch_size": Fraction(1)},
    )


@st.composite
def small_networks(draw: st.DrawFn) -> tc.Case:
    """Two layers whose weights are nearly 0, samples along the rows, decay above their |x y|."""
    width, sign = draw(st.integers(1, 2)), draw(st.sampled_from([1, -1]))
    size = Fraction(1, draw(st.sampled_from([16, 64])))
    length, label = draw(tc.positive_dyadics()), draw(tc.positive_dyadics())
    decay = length * label + draw(tc.positive_dyadics(exponents=(2, 3)))
    first = [[size] + [0] * (width - 1)]
    # The samples have the same |x y|, but not the same output.
    factors = [1, *draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))]
    return tc.Case.single(
        tc.mlp([width, 1, 1]),
        [first, [[sign * size]]],
        [[length * factor] + [0] * (width - 1) for factor in factors],
        [[sign * label / factor] for factor in factors],
        {"weight_decay": decay, "batch_size": Fraction(draw(st.integers(1, len(factors) - 1)))},
    )


@st.composite
def strongly_decayed(draw: st.DrawFn) -> tc.Case:
    """Two layers, and a decay above every ``|x_i| |y_i|``."""
    case = draw(tc.plain_cases(tc.mlps(depths=(2, 2), widths=(1, 3)), samples=(2, 3)))
    assert case.targets is not None
    sizes = (abs(case.inputs).sum(axis=2, keepdims=True) * abs(case.targets)).max()
    decay = Fraction(sizes) + draw(tc.positive_dyadics())
    return replace(case, numbers={**case.numbers, "weight_decay": decay})


@st.composite
def without_decay(draw: st.DrawFn) -> tc.Case:
    """Random weights and labels, lambda = 0, and batches of up to all samples."""
    case = draw(tc.plain_cases(samples=(2, 3)))
    size = Fraction(case.samples - draw(st.integers(0, case.samples - 1)))
    return replace(case, numbers={"weight_decay": Fraction(0), "batch_size": size})


@st.composite
def cancelling_pairs(draw: st.DrawFn) -> tc.Case:
    """Without weight decay: two equal samples with labels on either side of their output."""
    case = draw(interpolating_cases())
    inputs = case.inputs[:, :1].repeat(2, axis=1)
    off, first = draw(st.integers(1, 3)), to_fractions(Point.of(case).values)[0]
    targets = np.array([[[first + off], [first - off]]], dtype=object)
    return replace(
        case, inputs=inputs, targets=targets, numbers={**case.numbers, "batch_size": Fraction(1)}
    )


@st.composite
def stationary_outputs(draw: st.DrawFn) -> tc.Case:
    """Two outputs of one layer, inputs ``c e_1``, at rest on every sample."""
    positions = draw(st.lists(tc.positive_dyadics(), min_size=2, max_size=3))
    weights, decay = (
        [draw(st.integers(1, 3)), draw(st.integers(-2, 2))],
        draw(tc.positive_dyadics()),
    )
    return tc.Case.single(
        tc.mlp([2, 2]),
        [[[w, 0] for w in weights]],
        [[c, 0] for c in positions],
        [[w * c + decay * w / c for w in weights] for c in positions],
        {"weight_decay": decay, "batch_size": Fraction(1)},
    )


@st.composite
def ridge_solutions(draw: st.DrawFn) -> tc.Case:
    """One layer on two orthogonal inputs, at the minimum of the risk on both."""
    lengths = [draw(tc.positive_dyadics()) for _ in range(2)]
    weights, decay = [draw(st.integers(1, 3)) for _ in range(2)], draw(tc.positive_dyadics())
    labels = [
        [w * length + 2 * decay * w / length] for w, length in zip(weights, lengths, strict=True)
    ]
    return tc.Case.single(
        tc.mlp([2, 1]),
        [[weights]],
        [[lengths[0], 0], [0, lengths[1]]],
        labels,
        {"weight_decay": decay, "batch_size": Fraction(1)},
    )
