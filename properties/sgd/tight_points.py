"""Points at which a bound on gradients is attained, and weights trained by SGD."""

from fractions import Fraction
from functools import cache, reduce

import numpy as np
import torch
from hypothesis import strategies as st

import theorycheck as tc
from theorycheck.arithmetic import squared


@st.composite
def tight_pairs(draw: st.DrawFn) -> tc.Case:
    """Two inputs of equal norm and a first matrix with its rows along their bisector.

    Labels cancel what lies along the inputs, or double it. The matrix may be square, and transposed
    or followed by another one; a third input, at right angles to one of the two, may be there.
    """
    first = draw(st.integers(1, 3))
    second = draw(st.integers(-3, 3).filter(lambda entry: abs(entry) != first))
    x = np.array([first, second], dtype=object) * draw(st.sampled_from([1, Fraction(1, 8)]))
    z = x[::-1] * draw(st.sampled_from([1, -1]))
    bisector = x + (z if (x * z).sum() >= 0 else -z)
    upper = np.array([1, *draw(st.lists(st.integers(1, 2), max_size=1))], dtype=object)
    weights = [np.outer(upper, bisector), upper[None]]
    match draw(st.integers(0, 3)) if upper.size == 2 else 0:
        case 1:
            weights[0] = weights[0].T
        case 2:
            weights.insert(1, np.array([[1, 0], [1, 1]], dtype=object) * Fraction(1, 8))
    decay, sign = draw(tc.positive_dyadics()), draw(st.sampled_from([1, -1]))
    inputs, turn = [x, z], np.array([1, -1])
    if draw(st.booleans()):
        place = draw(st.integers(1, 2))
        inputs.insert(place, (z if place == 1 else x)[::-1] * turn)
    network = tc.mlp([2, *map(len, weights)], tc.LINEAR)
    product = reduce(np.matmul, weights[::-1])[0]
    targets = [
        [(product * row).sum() + sign * decay * (bisector * row).sum() / squared(row)]
        for row in inputs
    ]
    return tc.Case.single(network, weights, inputs, targets, {"weight_decay": decay})


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
