"""Networks with several classes whose features have collapsed, and near misses."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from scipy.linalg import hadamard

from properties.collapse.conditions import identity, simplex
from theorycheck import Case, mlp


@st.composite
def simplex_networks(
    draw: st.DrawFn, *, groups: Sequence[int] = (1,), full_batch: bool = False, mixed: bool = False
) -> Case:
    """Points at which every layer and rho may be at rest, away from all kinks.

    The rows of a Hadamard matrix without its constant column have equal norms and negative inner
    products. They are the hidden weights and, scaled, the inputs, so that each input moves one
    unit, with value alpha; ``groups`` units of each class share its samples.

    Args:
        mixed: scale some of the inputs to give 1 - alpha instead of alpha.
    """
    classes, shared = draw(st.sampled_from([2, 4])), draw(st.sampled_from(groups))
    units = classes * shared
    directions = [[Fraction(int(k)) for k in row[1:]] for row in hadamard(units)]
    factor = Fraction(draw(st.integers(1, 7)), 8)
    if full_batch:
        size = batch = shared * draw(st.integers(1, 2))
    else:
        batch = draw(st.integers(1, 2))
        size = batch * classes * draw(st.integers(1, 2))
    swapped = st.booleans() if mixed else st.just(False)
    inputs = []
    for label in range(classes):
        for n in range(size):
            scale = (1 - factor if draw(swapped) else factor) / (units - 1)
            inputs.append([scale * k for k in directions[label * shared + n % shared]])
    targets = simplex(classes)
    # rho^2 = |W_1|^2 |W_2|^2, and the targets have squared norm C / (C - 1).
    squared_rho = Fraction(units * (units - 1) * units * classes, classes - 1)
    decay = factor * (1 - factor) * Fraction(classes, classes - 1) / squared_rho
    return Case.single(
        mlp([units - 1, units, classes]),
        [directions, np.repeat(targets, shared, axis=0).T],
        inputs,
        np.repeat(targets, size, axis=0),
        {"weight_decay": decay, "batch_per_class": Fraction(batch)},
    )


@st.composite
def collapsed_features(draw: st.DrawFn) -> Case:
    """ReLU networks with non-negative features ``h_c`` around a simplex, and the dual classifier.

    ``h_c`` consists of blocks ``lift + size * target_c`` with ``lift >= |size|``, and perhaps of a
    unit that the classifier ignores. Inputs of a class differ in a coordinate that the first layer
    or its activation suppresses. Now and then one sample is scaled from alpha to 1 - alpha, or
    moves the ignored unit.
    """
    classes, size = draw(st.integers(2, 4)), draw(st.sampled_from([2, 3, 4]))
    batch = draw(st.sampled_from([b for b in range(1, size) if size % b == 0]))
    factor = Fraction(draw(st.integers(1, 7)), 8)
    sizes = draw(st.lists(st.sampled_from([1, -1, 2, -2]), min_size=1, max_size=2))
    lifts = [abs(a) + draw(st.integers(0, 1)) for a in sizes]
    fault = draw(st.sampled_from(["none", "none", "none", "scaled", "moved"]))
    deep = draw(st.booleans())
    target = simplex(classes)
    units, width = len(sizes) * classes + 1, classes + 2
    lifted = np.zeros((units, width), dtype=object)
    lifted[:-1, :classes] = np.concatenate(
        [lift + a * target for lift, a in zip(lifts, sizes, strict=True)], axis=1
    ).T
    lifted[-1, classes] = 1
    inputs = np.zeros((classes * size, width), dtype=object)
    for row in range(classes * size):
        inputs[row, row // size] = 1
        inputs[row, classes] = 1
        inputs[row, -1] = -draw(st.integers(0, 2))
    if fault == "scaled":
        inputs[0, 0] = (1 - factor) / factor
    elif fault == "moved":
        inputs[0, classes] = 2
    if deep:
        # The first activation turns the last coordinate to zero, so its weights are arbitrary.
        lifted[:, -1] = draw(st.lists(st.integers(-1, 1), min_size=units, max_size=units))
    hidden = [identity(width, width)] if deep else []
    return Case.single(
        mlp([*[width] * (2 if deep else 1), units, classes]),
        [*hidden, lifted, _dual_classifier(target, sizes, factor)],
        inputs,
        np.repeat(target, size, axis=0),
        {"batch_per_class": Fraction(batch)},
    )


def _dual_classifier(target: np.ndarray, sizes: Sequence[int], factor: Fraction) -> np.ndarray:
    """Takes the blocks ``size * target_c`` to ``factor * target_c``, and ignores the last unit."""
    classes, square = len(target), sum(a * a for a in sizes)
    blocks = np.concatenate([a * target for a in sizes], axis=1)
    blocks = blocks * (factor * Fraction(classes - 1, classes * square))
    return np.concatenate([blocks, np.zeros((classes, 1), dtype=int)], axis=1)
