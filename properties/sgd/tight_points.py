"""Points at which bounds on gradients are attained, and weights trained by SGD."""

from fractions import Fraction
from functools import cache

import numpy as np
import torch
from hypothesis import strategies as st

import theorycheck as tc
from theorycheck.arithmetic import squared


@st.composite
def tight_pairs(draw: st.DrawFn) -> tc.Case:
    """Two inputs of equal norm, rows along a bisector, labels that cancel all they can."""
    first = draw(st.integers(1, 3))
    second = draw(st.integers(-3, 3).filter(lambda entry: abs(entry) != first))
    x = np.array([first, second], dtype=object)
    z = x[::-1] * draw(st.sampled_from([1, -1]))
    bisector = x + (z if (x * z).sum() >= 0 else -z)
    decay = draw(tc.positive_dyadics())
    upper = np.array([[1, *draw(st.lists(st.integers(1, 2), max_size=1))]], dtype=object)
    # With linear units df/dW_1 = upper^T x^T and f = |upper|^2 <bisector, x>.
    products = [(bisector * v).sum() for v in (x, z)]
    targets = [[squared(upper) * product + decay * product / squared(x)] for product in products]
    network, weights = tc.mlp([2, upper.size, 1], tc.LINEAR), [np.outer(upper[0], bisector), upper]
    return tc.Case.single(network, weights, [x, z], targets, {"weight_decay": decay})


@st.composite
def tight_batches(draw: st.DrawFn) -> tc.Case:
    """One linear layer whose data gradient cancels all that lies in the span of the batch."""
    integers = st.integers(1, 3)
    rows = draw(st.lists(st.lists(integers, min_size=2, max_size=2), min_size=1, max_size=2))
    shares = draw(st.lists(integers, min_size=len(rows), max_size=len(rows)))
    inputs = np.array([[*row, 0] for row in rows], dtype=object)
    decay = draw(tc.positive_dyadics())
    weight = np.array(shares, dtype=object) @ inputs + np.array([0, 0, 1], dtype=object)
    targets = [
        [(weight * x).sum() + decay * len(rows) * share]
        for x, share in zip(inputs, shares, strict=True)
    ]
    numbers = {"weight_decay": decay, "batch_size": Fraction(len(rows))}
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
