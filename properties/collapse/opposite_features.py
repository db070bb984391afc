"""Networks whose classes have opposite features, and how near a search comes to them."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

import theorycheck as tc
from properties.collapse.collapsed_networks import identity
from properties.unit_ball import in_ball_with_outputs
from theorycheck.drawing import descend
from theorycheck.networks import vertices as float_vertices

LEAKY = 0.5


@st.composite
def opposite_features(
    draw: st.DrawFn, *, depths: tuple[int, int] = (1, 3), rectified: bool = False
) -> tc.Case:
    """Networks whose features, under a leaky activation, are ``y (1 - eps) w / |w|^2``.

    The inputs are found by going backwards through the activations, and have one more coordinate
    that the network ignores. Now and then the feature of the first sample is moved.

    Args:
        rectified: give the network ReLU activations instead of the leaky ones.
    """
    classifier = draw(st.lists(st.integers(-3, 3), min_size=1, max_size=3).filter(any))
    width = len(classifier)
    margin = Fraction(draw(st.integers(1, 7)), 8)
    signs = [1] * draw(st.integers(1, 3)) + [-1] * draw(st.integers(1, 3))
    depth = draw(st.integers(*depths))
    slope = LEAKY if rectified else draw(st.sampled_from([tc.LINEAR, LEAKY, 0.25]))
    square = sum(k * k for k in classifier)
    rows = [[sign * margin * k / square for k in classifier] for sign in signs]
    rows[0][0] += draw(st.integers(0, 7)) == 7
    for _ in range(depth - 1):
        rows = [[t if t >= 0 else t / Fraction(slope) for t in row] for row in rows]
    ignored = draw(st.lists(st.integers(-1, 1), min_size=len(signs), max_size=len(signs)))
    hidden: list[Any] = [identity(width, width) for _ in range(depth - 1)]
    if depth > 1:
        rows = [[*row, Fraction(z)] for row, z in zip(rows, ignored, strict=True)]
        hidden[0] = identity(width, width + 1)
    network = tc.mlp([len(rows[0]), *[width] * (depth - 1), 1], tc.RELU if rectified else slope)
    last = [[Fraction(k) for k in classifier]]
    return tc.Case.single(network, [*hidden, last], rows, [[Fraction(sign)] for sign in signs])


@st.composite
def interpolating_networks(draw: st.DrawFn) -> tc.Case:
    """Two ReLU units with features ``(1 + t, t)`` and ``(t, 1 + t)``, told apart by ``(1, -1)``.

    The inputs are in the unit ball.
    """
    counts = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    common = st.integers(0, 3)
    rows = [
        [Fraction(t + (label == 0)), Fraction(t + (label == 1))]
        for label, count in enumerate(counts)
        for t in draw(st.lists(common, min_size=count, max_size=count))
    ]
    signs = [[Fraction(1)]] * counts[0] + [[Fraction(-1)]] * counts[1]
    last = [[Fraction(1), Fraction(-1)]]
    case = tc.Case.single(tc.mlp([2, 2, 1]), [identity(2, 2), last], rows, signs)
    return in_ball_with_outputs(case)


def nearest_opposite_features(network: tc.Network, seed: int) -> float:
    """Least ``|h_+ - V|^2 + |h_- + V|^2`` that descent from random starts finds.

    Over hidden weights, one input of each class, and unit vectors ``V``. The factor c of
    ``h = +-c V_L`` is absorbed by the weights. The descent is 150 steps of Adam on the sum over all
    starts.
    """
    starts = 32
    generator = torch.Generator().manual_seed(seed)
    *hidden, classifier = tc.initialise(network, starts, seed=seed)
    inputs = torch.randn(starts, 2, network.input_width, generator=generator, dtype=torch.float64)
    leaves = [tensor.requires_grad_() for tensor in (*hidden, classifier, inputs)]
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64)[:, None]

    def squared_distances() -> Tensor:
        unit = classifier / torch.linalg.vector_norm(classifier, dim=-1, keepdim=True)
        features = float_vertices(network, (*hidden, unit), inputs)[-2]
        distances: Tensor = (features - signs * unit).square().sum(dim=(-2, -1))
        return distances

    descend(squared_distances, leaves, learning_rate=0.05, steps=150)
    with torch.no_grad():
        return float(squared_distances().min())


def searched(claim: tc.Claim) -> tc.Claim:
    """The claim with a directed search wherever an example does not meet its hypotheses."""

    def check(setting: tc.Setting, case: tc.Case) -> tc.Findings:
        for finding in claim.check(setting, case):
            if setting.altered or not isinstance(finding, tc.Rejection):
                yield finding
                continue
            yield tc.Unmet(
                round(nearest_opposite_features(case.network, setting.seed % 2**32), 6),
                "squared distances of a feature vector of each class from +-c V_L, added, in units"
                " of c^2; 1 is a proven lower bound",
            )

    check.__doc__ = claim.description
    return replace(claim, check=check)
