"""Networks whose training with weight decay takes both sides of galanti2022, Eq. 10 together."""

from fractions import Fraction
from functools import cache

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc

SAMPLES = 4
TRAINED = [
    tc.trained_by(learning_rate=1 / 8, epochs=120, batch_size=2),
    tc.trained_by(learning_rate=1 / 8, epochs=240, samples=1),
]
"""SGD on all samples, and then descent on the first of them alone.

On the way to a stationary point of one batch, what this batch does not see of a weight matrix
decays with exp(-2 lambda t) alone and soon dominates the gradient: there both sides meet.
"""
TRAINED_NORMALISED = [
    tc.trained_by(learning_rate=1 / 16, epochs=240, batch_size=4),
    tc.trained_by(learning_rate=1 / 16, epochs=240, batch_size=2, samples=2),
]
"""The same; a batch of one sample has no variance."""

DECAYS = st.sampled_from([Fraction(1, 32), Fraction(1, 64)])

handwritten = cache(tc.digits)


@st.composite
def perceptrons(draw: st.DrawFn, *, normalised: bool, members: int) -> tc.Case:
    """At initialisation; data, of the unit ball or pairs of handwritten digits, differ by member.

    Digits and wide layers are left to networks without batch normalisation, which are read in
    rationals.
    """
    seed, pictures = draw(st.integers(0, 2**32 - 1)), not normalised and draw(st.booleans())
    pair = handwritten().with_classes(draw(st.permutations(range(10)))[:2])
    data = [
        pair.per_class(SAMPLES // 2, number) if pictures else tc.uniform_ball(SAMPLES, 6, 2, number)
        for number in range(seed, seed + members)
    ]
    width = st.integers(4, 6) if normalised else st.integers(5, 8)
    widths = draw(st.lists(width, min_size=2 if normalised else 1, max_size=3))
    network = tc.mlp([data[0].width, *widths, 1])
    if normalised:
        network = draw(tc.batch_normalised(st.just(network), "batch-detached"))
    return tc.Case(
        network,
        tuple(weights.numpy() for weights in tc.initialise(network, members, seed=seed)),
        np.stack([drawn.inputs for drawn in data]),
        np.stack([drawn.signs for drawn in data]),
        {"weight_decay": draw(DECAYS)},
    )
