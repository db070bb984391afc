"""Points at which bounds on gradients are attained, and weights trained by SGD."""

from fractions import Fraction
from functools import cache

import numpy as np
import torch
from hypothesis import strategies as st

import theorycheck as tc
from theorycheck.arithmetic import squared

HALF = Fraction(1, 2)
MISTAKES = [
    (Fraction(a, 2), Fraction(b, 2), Fraction(c))
    for a, b, c in [(2, 2, 1), (2, -2, 1), (-2, 2, 1), (4, 2, 1), (1, 2, 1), (2, 4, 1), (2, 1, 1),
                    (0, 2, 1), (2, 2, 2), (2, 2, -1)]
]  # fmt: skip
"""Of which ``(a f - b y) / c`` labels may cancel: residuals, and numbers mistaken for them."""


@st.composite
def tight_pairs(draw: st.DrawFn) -> tc.Case:
    """Two inputs of equal norm, rows along a bisector, labels that cancel all they can.

    A third input, at right angles to one of the two, and labels one place further may be there.
    """
    first = draw(st.integers(1, 3))
    second = draw(st.integers(-3, 3).filter(lambda entry: abs(entry) != first))
    x = np.array([first, second], dtype=object) * draw(st.sampled_from([1, HALF**3]))
    z = x[::-1] * draw(st.sampled_from([1, -1]))
    bisector = x + (z if (x * z).sum() >= 0 else -z)
    decay = draw(tc.positive_dyadics())
    # Another length, with which the data part cancels whatever the labels are.
    length = -squared(x) / Fraction(decay * (bisector * x).sum())
    bisector = bisector * draw(st.sampled_from([1, length]))
    upper = np.array([[1, *draw(st.lists(st.integers(1, 2), max_size=1))]], dtype=object)
    # With linear units df/dW_1 = upper^T x^T and f = |upper|^2 <bisector, x>.
    a, b, c = draw(st.sampled_from([MISTAKES[0]] * 5 + MISTAKES))
    products = [(bisector * v).sum() for v in (x, z)]
    targets = [[(a * squared(upper) * p + c * decay * p / squared(x)) / b] for p in products]
    network, weights = tc.mlp([2, upper.size, 1], tc.LINEAR), [np.outer(upper[0], bisector), upper]
    inputs, turn = [x, z], np.array([1, -1])
    match draw(st.integers(0, 3)):
        case 1:
            inputs.insert(1, z[::-1] * turn)
            targets.insert(1, [0])
        case 2 | 3 as place:
            inputs.append(x[::-1] * turn)
            targets.insert(2 * (3 - place), [0])
    return tc.Case.single(network, weights, inputs, targets, {"weight_decay": decay})


@st.composite
def tight_batches(draw: st.DrawFn) -> tc.Case:
    """One linear layer whose data gradient cancels all that lies in the span of the batch."""
    integers = st.integers(1, 3)
    rows = draw(st.lists(st.lists(integers, min_size=2, max_size=2), min_size=1, max_size=2))
    shares = draw(st.lists(integers, min_size=len(rows), max_size=len(rows)))
    inputs = np.array([[*row, 0] for row in rows], dtype=object)
    decay = draw(tc.positive_dyadics())
    weight = np.array(shares, dtype=object) @ inputs + np.array(
        [0, 0, draw(st.sampled_from([1, HALF]))], dtype=object
    )
    a, b, c = draw(st.sampled_from(MISTAKES))
    targets = [
        [(a * (weight * x).sum() + c * decay * len(rows) * share) / b]
        for x, share in zip(inputs, shares, strict=True)
    ]
    numbers = {"weight_decay": decay, "batch_size": Fraction(len(rows))}
    other = draw(st.sampled_from([None, 0, len(rows)]))
    if other is not None:
        inputs = np.array([*inputs, [1, 0, 1]], dtype=object)
        targets.insert(other, [0])
    return tc.Case.single(tc.mlp([3, 1]), [[weight]], inputs, targets, numbers)


@cache
def trained_case(seed: int) -> tc.Case:
    """A small ReLU network after 100 epochs of SGD with batches of one sample."""
    network, decay = tc.mlp([3, 6, 1]), Fraction(1, 32)
    data = tc.uniform_sphere(5, 3, 2, seed)
    start = tc.State(tc.initialise(network, 1, seed=seed))
    inputs, targets = torch.from_numpy(data.inputs), torch.from_numpy(data.signs)
    cohort = tc.Cohort.broadcast(network, start, inputs, targets, float(decay))
    run = tc.sgd(
        cohort,
        tc.Objective(),
        batch_size=1,
        epochs=100,
        learning_rate=0.1,
        batch_seeds=torch.tensor([seed]),
        record_every=100,
    )
    weights = tuple(w.numpy() for w in run.state.parameters)
    numbers = {"weight_decay": decay, "batch_size": Fraction(1)}
    return tc.Case(network, weights, inputs[None].numpy(), targets[None].numpy(), numbers)


def trained_cases() -> st.SearchStrategy[tc.Case]:
    return st.integers(0, 3).map(trained_case)
