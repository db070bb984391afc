"""Networks with several classes whose features have collapsed, and near misses."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from scipy.linalg import hadamard

import theorycheck as tc


def simplex(classes: int) -> np.ndarray:
    """Centred one-hot targets as rows: 1 on the diagonal, -1/(C-1) elsewhere (Section 5.2)."""
    off = Fraction(-1, classes - 1)
    return np.array(
        [[Fraction(1) if i == j else off for j in range(classes)] for i in range(classes)],
        dtype=object,
    )


def identity(width: int, columns: int) -> list[list[Fraction]]:
    """The identity, followed by columns of zeros."""
    return [[Fraction(i == j) for j in range(columns)] for i in range(width)]


@st.composite
def simplex_labelled(
    draw: st.DrawFn, sizes: Sequence[tuple[int, int]] = ((2, 2), (2, 1), (3, 1))
) -> tc.Case:
    """Unit weights, centred labels, and batches of one sample of each class.

    Args:
        sizes: numbers of classes, with how many samples each has.
    """
    classes, size = draw(st.sampled_from(sizes))
    networks = tc.mlps(depths=(1, 3), widths=(1, 3), slopes=(tc.RELU,), outputs=(classes, classes))
    count = classes * size
    numbers = {"rho": tc.positive_dyadics(), "weight_decay": tc.positive_dyadics()}
    case = draw(tc.normalised_cases(networks, samples=(count, count), numbers=numbers))
    labels = np.repeat(simplex(classes), size, axis=0)[None]
    return replace(case, targets=labels, numbers={**case.numbers, "batch_per_class": Fraction(1)})


@st.composite
def simplex_networks(
    draw: st.DrawFn,
    *,
    groups: Sequence[int] = (1,),
    full_batch: bool = False,
    mixed: bool = False,
    least: int = 1,
) -> tc.Case:
    """Points at which every layer and rho may be at rest, away from all kinks.

    The rows of a Hadamard matrix without its constant column have equal norms and negative inner
    products. They are the hidden weights and, scaled, the inputs, so that each input moves one
    unit, with value alpha; ``groups`` units of each class share its samples. Samples are few,
    because hypotheses speak of all balanced batches.

    Args:
        mixed: scale some of the inputs to give 1 - alpha instead of alpha.
        least: the smallest alpha, in eighths.
    """
    classes, shared = draw(st.sampled_from([2, 4])), draw(st.sampled_from(groups))
    units = classes * shared
    directions = [[Fraction(int(k)) for k in row[1:]] for row in hadamard(units)]
    factor = Fraction(draw(st.integers(least, 7)), 8)
    if full_batch:
        size = batch = shared * draw(st.integers(1, 2))
    else:
        sizes = {2: [(1, 2), (1, 4), (2, 4)], 4: [(1, 4 if mixed else 2)]}
        batch, size = draw(st.sampled_from(sizes[classes]))
    swapped = st.booleans() if mixed else st.just(False)
    # What a network computes does not change with the sizes of its weights and inputs together;
    # with these the inputs are in the unit ball.
    scales = st.sampled_from([Fraction(1), Fraction(2)])
    first, last = draw(scales), draw(scales)
    inputs = []
    for label in range(classes):
        for n in range(size):
            scale = (1 - factor if draw(swapped) else factor) / (units - 1) / (first * last)
            inputs.append([scale * k for k in directions[label * shared + n % shared]])
    targets = simplex(classes)
    # rho^2 = |W_1|^2 |W_2|^2, and the targets have squared norm C / (C - 1).
    squared_rho = Fraction(units * (units - 1) * units * classes, classes - 1)
    squared_rho *= (first * last) ** 2
    decay = factor * (1 - factor) * Fraction(classes, classes - 1) / squared_rho
    return tc.Case.single(
        tc.mlp([units - 1, units, classes]),
        [first * np.array(directions), last * np.repeat(targets, shared, axis=0).T],
        inputs,
        np.repeat(targets, size, axis=0),
        {"weight_decay": decay, "batch_per_class": Fraction(batch)},
    )


@st.composite
def unequal_factors(draw: st.DrawFn) -> tc.Case:
    """Two classes whose outputs have two factors; every layer and rho is at rest on every batch.

    A unit reads the inputs 1 of one class, another the inputs -r of the other. The first layer and
    the rows of the last are along (p, -q), and rest asks that the gap of the first class is r times
    that of the other.
    """
    p, q = draw(st.sampled_from([(3, 4), (5, 7), (8, 11), (11, 15)]))
    r, square = Fraction(1, 2), Fraction(q * q, p * p)
    gap = r * (1 - square * r) / (1 - square * r * r)
    scale = (1 - gap) / (p * p)
    row = [scale * p, -scale * q]
    residual = sum(factor * (1 - factor) for factor in (1 - gap, 1 - gap / r))
    decay = residual / (2 * (scale * (p * p + q * q)) ** 2)
    return tc.Case.single(
        tc.mlp([1, 2, 2]),
        [[[p], [-q]], [row, [-t for t in row]]],
        [[Fraction(1)], [Fraction(1)], [-r], [-r]],
        np.repeat(simplex(2), 2, axis=0),
        {"weight_decay": decay, "batch_per_class": Fraction(1)},
    )


CLASSES_SIZES_BATCHES = [
    (2, 2, 1), (2, 3, 1), (3, 2, 1), (4, 2, 1), (2, 4, 2), (2, 4, 1), (3, 3, 1), (2, 3, 2),
]  # fmt: skip
"""How many classes, samples of each class, and samples of each class in a batch."""


@st.composite
def collapsed_features(draw: st.DrawFn) -> tc.Case:
    """ReLU networks with non-negative features ``h_c`` around a simplex, and the dual classifier.

    ``h_c`` consists of blocks ``lift + size * target_c`` with ``lift >= |size|``, and perhaps of a
    unit that the classifier ignores. Inputs of a class differ in a coordinate that the first layer
    or its activation suppresses. Now and then one sample is scaled from alpha to 1 - alpha, or
    moves the ignored unit.
    """
    classes, size, batch = draw(st.sampled_from(CLASSES_SIZES_BATCHES))
    factor = Fraction(draw(st.integers(1, 7)), 8)
    sizes = draw(st.lists(st.sampled_from([1, -1, 2, -2]), min_size=1, max_size=2))
    lifts = [abs(a) + draw(st.integers(0, 1)) for a in sizes]
    fault = draw(st.sampled_from([*["none"] * 6, "scaled", "moved"]))
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
    return tc.Case.single(
        tc.mlp([*[width] * (2 if deep else 1), units, classes]),
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
