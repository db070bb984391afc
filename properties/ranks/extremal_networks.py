"""Networks at which both sides of galanti2022, Eq. 10 meet, and random ones.

Matrices are float64 and case numbers Fractions; every case holds ``weight_decay``.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from scipy.linalg import hadamard

import theorycheck as tc
from theorycheck.drawing import SLOPES

DECAYS = tc.positive_dyadics()
NUMBERS = {"weight_decay": DECAYS}
SIGNS = st.sampled_from([1.0, -1.0])
INTEGERS = st.integers(-3, 3)


def array(draw: st.DrawFn, *shape: int, entries: st.SearchStrategy[int] = INTEGERS) -> np.ndarray:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(entries, min_size=size, max_size=size)), float).reshape(shape)


@st.composite
def signed_permutations(draw: st.DrawFn, *, orders: tuple[int, int]) -> np.ndarray:
    rows = draw(st.permutations(range(draw(st.integers(*orders)))))
    signs = draw(st.lists(SIGNS, min_size=len(rows), max_size=len(rows)))
    return np.diag(signs) @ np.eye(len(rows))[rows]


@st.composite
def hadamard_matrices(draw: st.DrawFn, *, order: int = 8) -> np.ndarray:
    signs = draw(st.lists(SIGNS, min_size=order, max_size=order))
    return np.asarray(np.diag(signs) @ hadamard(order)[draw(st.permutations(range(order)))])


FLAT = st.one_of(signed_permutations(orders=(1, 12)), hadamard_matrices())
"""All singular values are equal: as far from low rank as the norm allows."""


@st.composite
def dead_networks(
    draw: st.DrawFn, matrices: st.SearchStrategy[np.ndarray], *, outputs: tuple[int, int] = (1, 1)
) -> tc.Case:
    """One hidden layer of ReLUs, strictly negative at all samples: the gradient is weight decay.

    The samples are ``-W' v`` with ``v > 0``, where ``W W'`` is a positive multiple of the identity.
    """
    weight = draw(matrices)
    order, samples = len(weight), draw(st.integers(2, 4))
    classes = draw(st.integers(*outputs))
    inputs = -array(draw, samples, order, entries=st.integers(1, 3)) @ weight
    return tc.Case(
        tc.mlp([order, order, classes], tc.RELU),
        (float(draw(tc.positive_dyadics())) * weight[None], array(draw, 1, classes, order)),
        inputs[None],
        array(draw, 1, samples, classes),
        {"weight_decay": draw(tc.positive_dyadics())},
    )


@st.composite
def stationary_networks(draw: st.DrawFn, matrices: st.SearchStrategy[np.ndarray]) -> tc.Case:
    """Two layers; the first sample balances weight decay on one entry and does not see the others.

    With ``W = diag(c, e Q)``, ``f = a sigma((W x)_1)`` and ``x_1 = (s, 0, ..., 0)``, the gradient
    on the first sample is ``diag(2 (a c s - y) a s + 2 lambda c, 2 lambda e Q)``, whose corner is
    made 0 by the choice of ``y``. As ``c >= ||e Q||``, both sides of Eq. 10 are ``||e Q||``. The
    other units are at their kink, but the last layer ignores them.
    """
    unseen = draw(matrices)
    order, samples = len(unseen) + 1, draw(st.integers(2, 3))
    powers = st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(2)])
    scale, weight_decay = draw(tc.positive_dyadics()), draw(tc.positive_dyadics())
    corner, length = scale * len(unseen), draw(powers)
    last = draw(powers) * int(draw(SIGNS))
    weight, readout = np.zeros((1, order, order)), np.zeros((1, 1, order))
    weight[0, 0, 0], weight[0, 1:, 1:] = float(corner), float(scale) * unseen
    readout[0, 0, 0] = float(last)
    inputs, targets = array(draw, 1, samples, order), array(draw, 1, samples, 1)
    inputs[0, 0] = float(length) * np.eye(order)[0]
    targets[0, 0] = float(last * corner * length + weight_decay * corner / (last * length))
    network = tc.mlp([order, order, 1], draw(st.sampled_from(SLOPES)))
    return tc.Case(network, (weight, readout), inputs, targets, {"weight_decay": weight_decay})


@st.composite
def balanced_networks(draw: st.DrawFn, *, further: int = 0) -> tc.Case:
    """Two layers; every sample has a unit of its own, and all together balance weight decay.

    With ``W = diag(c)``, ``f = a sigma(W x)`` and ``x_n = s e_n``, the gradient on all N samples is
    ``diag(2 (a c s - y) a s / N + 2 lambda c)``, which is 0 by the choice of ``y``. On fewer than N
    of them it is not, as W has rank N.

    Args:
        further: samples beside these.
    """
    samples = draw(st.integers(2, 3))
    powers = st.sampled_from([Fraction(1), Fraction(2)])
    weight_decay = draw(tc.positive_dyadics())
    last, length = draw(powers), draw(powers)
    corners = [draw(powers) for _ in range(samples)]
    pulls = [samples * weight_decay * corner / (last * length) for corner in corners]
    targets = [last * c * length + pull for c, pull in zip(corners, pulls, strict=True)]
    return tc.Case(
        tc.mlp([samples, samples, 1], tc.RELU),
        (np.diag([float(c) for c in corners])[None], np.full((1, 1, samples), float(last))),
        np.concatenate([float(length) * np.eye(samples), array(draw, further, samples)])[None],
        np.array([*targets, *array(draw, further)], dtype=float)[None, :, None],
        {"weight_decay": weight_decay},
    )


@st.composite
def checkered_networks(draw: st.DrawFn) -> tc.Case:
    """Two layers; of ``W`` the first sample does not see a matrix all of whose entries are +-e.

    With ``W = t 1 1^T + e (1, -1, ..) (1, -1, ..)^T``, ``f = a sum sigma(W x)`` and ``x_1`` all s,
    the gradient on the first sample is ``2 (f - y) a s 1 1^T + 2 lambda W``, from which ``y`` takes
    the first part of W. As ``t >= e``, both sides of Eq. 10 are the norm of the other part.
    """
    rows, columns = (draw(st.sampled_from([2, 4])) for _ in range(2))
    samples = draw(st.integers(2, 3))
    powers = st.sampled_from([1.0, 0.5])
    seen, last, length, decay = draw(powers), draw(powers), draw(powers), draw(DECAYS)
    unseen = seen * draw(powers) * np.resize([1, -1], rows)[:, None] * np.resize([1, -1], columns)
    inputs, targets = array(draw, 1, samples, columns), array(draw, 1, samples, 1)
    inputs[0, 0] = length
    output = last * rows * seen * columns * length
    targets[0, 0] = output + float(decay) * seen / (last * length)
    return tc.Case(
        tc.mlp([columns, rows, 1], draw(st.sampled_from(SLOPES))),
        ((seen + unseen)[None], np.full((1, 1, rows), last)),
        inputs,
        targets,
        {"weight_decay": decay},
    )


@st.composite
def silent_networks(draw: st.DrawFn) -> tc.Case:
    """Three layers, the first of which is 0: its gradient is too, and the second is of any rank."""
    weight = draw(signed_permutations(orders=(2, 4)))
    order, samples = len(weight), draw(st.integers(2, 3))
    return tc.Case(
        tc.mlp([order, order, order, 1], tc.RELU),
        (np.zeros((1, order, order)), weight[None], array(draw, 1, 1, order)),
        array(draw, 1, samples, order),
        array(draw, 1, samples, 1),
        {"weight_decay": draw(tc.positive_dyadics())},
    )


def random_networks(outputs: tuple[int, int] = (1, 1)) -> st.SearchStrategy[tc.Case]:
    return tc.cases(
        st.one_of(
            tc.mlps(depths=(1, 3), outputs=outputs),
            tc.directed_graphs(depths=(2, 3), outputs=outputs),
        ),
        samples=(2, 4),
        targets="dyadic",
        numbers=NUMBERS,
        cohort=4,
    )


@st.composite
def batch_normalised_cases(draw: st.DrawFn) -> tc.Case:
    """Random ones; shifts are moved by 1/4, as two normalised samples are exactly 1 and -1."""
    case = draw(
        tc.cases(
            tc.batch_normalised(
                st.one_of(tc.mlps(depths=(2, 3)), tc.directed_graphs(depths=(2, 3))),
                "batch-detached",
            ),
            samples=(3, 4),
            targets="dyadic",
            numbers=NUMBERS,
            cohort=4,
        )
    )
    roles = [parameter.role for parameter in case.network.parameters]
    moved = [
        values + 0.25 if role == "shift" else values
        for role, values in zip(roles, case.parameters, strict=True)
    ]
    return replace(case, parameters=tuple(moved))


@st.composite
def dead_normalised_networks(
    draw: st.DrawFn, decays: st.SearchStrategy[Fraction] = DECAYS, *, longer: int = 2
) -> tc.Case:
    """Units shifted so far below 0 that the gradient is weight decay, whatever the batch.

    Normalised values of ``B`` samples are at most ``sqrt(B - 1)``. The longer rows of the flat
    matrix keep its distance from as small a rank apart from its norm, so that rounding can decide.
    In some, copies of the input reach the units through a far smaller and a far larger matrix, too.
    """
    order, samples = draw(st.integers(4, 6)), 4
    lengths = np.where(np.arange(order) < longer, 129 / 128, 1.0)
    rows = draw(st.permutations(range(order)))
    flat = hadamard(order) if order == 4 and draw(st.booleans()) else np.eye(order)
    columns = [draw(st.permutations(range(samples))) for _ in range(order)]
    sizes = draw(st.sampled_from([(), (1 / 8, 8)]))
    copies = [tc.Layer(order, (tc.Edge(0, tc.Identity()),), tc.LINEAR) for _ in sizes]
    edges = tuple(tc.Edge(source) for source in range(1 + len(sizes)))
    units = tc.Layer(order, edges, tc.RELU, "batch-detached")
    last = tc.Layer(1, (tc.Edge(len(edges)),), tc.LINEAR)
    return tc.Case(
        tc.Network(order, (*copies, units, last)),
        (
            (lengths[:, None] * flat)[None, rows],
            *(size * np.diag(lengths)[None] for size in sizes),
            np.array([0.5]),
            np.array([-2.0]),
            array(draw, 1, 1, order),
        ),
        np.array([columns], dtype=float).mT,
        array(draw, 1, samples, 1),
        {"weight_decay": draw(decays)},
    )


@st.composite
def balanced_normalised_networks(
    draw: st.DrawFn, decays: st.SearchStrategy[Fraction] = DECAYS
) -> tc.Case:
    """As `balanced_networks`, without kinks, beside a normalised unit that is off.

    With ``x_n = e_n - 1/8`` and rows ``c_n x_n`` of W, each of four samples has a unit of its own,
    of ``13/16 c_n``. Labels above ``f = sum 7/8 c_n sigma(W x)_n`` by ``32/7 lambda`` make the
    gradient of W on all samples 0, and that of the last layer small. Not all ``c_n`` are the same,
    which keeps both sides apart in the spectral norm.
    """
    scales, decay = np.array(draw(st.permutations([1.0, 1.0, 1.5, 2.0]))), draw(decays)
    inputs = np.eye(4) - 1 / 8
    row = np.array([draw(st.permutations([1.0, 2.0, 3.0, 5.0]))])
    layers = (
        tc.Layer(1, (tc.Edge(0),), tc.RELU, "batch-detached"),
        tc.Layer(4, (tc.Edge(0),), tc.RELU),
        tc.Layer(1, (tc.Edge(1), tc.Edge(2)), tc.LINEAR),
    )
    weights = (scales[:, None] * inputs)[None], np.ones((1, 1, 1)), 7 / 8 * scales[None, None]
    return tc.Case(
        tc.Network(4, layers),
        (row[None], np.array([0.5]), np.array([-2.0]), *weights),
        inputs[None],
        (7 / 8 * 13 / 16 * scales**2 + 32 / 7 * float(decay))[None, :, None],
        {"weight_decay": decay},
    )


@st.composite
def balanced_centred_networks(draw: st.DrawFn) -> tc.Case:
    """Four samples together balance weight decay in front of a normalisation, and no three of them.

    With ``W = diag(c)`` and inputs ``h_n``, whose entries are three columns of a Hadamard matrix,
    a unit is on at the two samples where its column is 1. Labels ``2 lambda / a`` above
    ``f = a sum c^2 sigma(h_n)`` make the gradient ``2 lambda W - 2 lambda W = 0``.
    Not all ``c`` are the same, which keeps both sides apart in the spectral norm.
    """
    columns = hadamard(4)[draw(st.permutations(range(4)))][:, 1:].astype(float)
    scales = np.array(draw(st.permutations([1.0, draw(st.sampled_from([1.0, 1.5])), 2.0])))
    last, decay = draw(st.sampled_from([1.0, 2.0])), draw(DECAYS)
    outputs = np.maximum(columns, 0) @ (last * scales**2)
    return tc.Case(
        tc.mlp([3, 3, 1], tc.RELU, normalisation="batch-detached"),
        (np.diag(scales)[None], np.array([1.0]), np.array([0.0]), last * scales[None, None] ** 2),
        columns[None],
        (outputs + 2 * float(decay) / last)[None, :, None],
        {"weight_decay": decay},
    )


@st.composite
def stationary_convolutions(draw: st.DrawFn, *, unseen: tuple[int, int] = (0, 0)) -> tc.Case:
    """One convolution; on the first sample the data term balances the weight decay of ``K``.

    The patches of the first sample are unit vectors, one per column of the non-negative ``K``, and
    the last layer holds the entries of ``K`` themselves. Then ``df/dK = K`` and ``f = ||K||^2``, so
    that the target ``f + lambda`` makes the gradient ``2 (f - y) K + 2 lambda K`` vanish. Added to
    them are ``unseen`` filters and kernel entries that the sample and the last layer do not touch.
    """
    filters, patches = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    more = draw(st.integers(*unseen))
    kernel = patches + more
    seen = array(draw, filters, patches, entries=st.integers(0, 3))
    weight = np.zeros((1, filters + more, kernel))
    weight[0, :filters, :patches] = seen
    weight[0, filters:, patches:] = draw(st.integers(1, 3)) * np.eye(more)
    readout = np.zeros((filters + more, patches))
    readout[:filters] = seen
    weight_decay = draw(tc.positive_dyadics())
    inputs, targets = array(draw, 1, 2, kernel * patches), array(draw, 1, 2, 1)
    inputs[0, 0] = np.eye(patches, kernel).ravel()
    targets[0, 0] = np.square(seen).sum() + float(weight_decay)
    convolution = tc.Convolution(1, 1, kernel * patches, filters + more, (1, kernel), kernel)
    slope = draw(st.sampled_from(SLOPES))
    layers = (
        tc.Layer(convolution.target_width, (tc.Edge(0, convolution),), slope),
        tc.Layer(1, (tc.Edge(1),), tc.LINEAR),
    )
    return tc.Case(
        tc.Network(kernel * patches, layers),
        (weight, readout.reshape(1, 1, -1)),
        inputs,
        targets,
        {"weight_decay": weight_decay},
    )


@st.composite
def fitted_as_a_whole(draw: st.DrawFn) -> tc.Case:
    """One layer, at rest on all samples together and on no smaller batch: a multiple of I."""
    size, decay = draw(st.integers(2, 3)), draw(tc.positive_dyadics())
    weight = np.eye(size, dtype=object) * draw(st.sampled_from([1, 2]))
    targets = weight * (1 + size * decay)
    inputs = np.eye(size, dtype=object)
    return tc.Case.single(tc.mlp([size, size]), [weight], inputs, targets, {"weight_decay": decay})
