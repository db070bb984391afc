"""Claims on the rank of the gradient of a network's output with respect to one weight matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from flint import arb, fmpq
from hypothesis import strategies as st

from properties.formulas import EVERYWHERE
from properties.papers import GALANTI2022, XU2022
from theorycheck import arithmetic
from theorycheck.arithmetic import error_bounds
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.dyadic import Growth, alone, exact_dtype, minors, rounds
from theorycheck.claims.comparisons import equality, rank_at_most
from theorycheck.claims.declaration import Formal, claim
from theorycheck.claims.evidence import Findings, Observation, Rejection
from theorycheck.claims.setting import Setting
from theorycheck.drawing.data import cases, large_cases, mostly
from theorycheck.drawing.networks import (
    batch_normalised,
    convolutional_networks,
    directed_graphs,
    mlps,
    residual_networks,
)
from theorycheck.drawing.normalised import batches, rational_batches
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward, sample_gradients
from theorycheck.networks.specification import (
    RELU,
    Convolution,
    Dense,
    Edge,
    Network,
    Normalisation,
)

FLOATS = {
    torch.float32: "float32 without rounding",
    torch.float64: "float64 without rounding",
}
RATIONALS = "rationals"
QUOTIENTS = "rational difference quotients"
BOUNDED = "float64 within running error bounds"
BALLS = "balls of up to 800 bits"
PRECISIONS = (200, 800)
COHORT = 4
BENT = (RELU, 0.5, 0.25)
"""Slopes of activations that are not linear, whose pattern differs between samples."""


def ranks_up_to_two(matrices: np.ndarray) -> np.ndarray:
    """0, 1, or 2 for "at least 2": the rank of matrices ``(K, ..., p, q)``, largest per member.

    A matrix has rank at most 1 when all its 2 x 2 minors with one nonzero entry vanish. For entries
    whose products do not round (`theorycheck.arithmetic.minors`).
    """
    flat = matrices.reshape(-1, *matrices.shape[-2:])
    each = np.arange(len(flat))
    row, column = np.divmod(np.abs(flat).reshape(len(flat), -1).argmax(axis=1), flat.shape[-1])
    pivot = flat[each, row, column]
    crossed = flat[each, :, column][:, :, None] * flat[each, row, :][:, None, :]
    above_one = (flat * pivot[:, None, None] != crossed).any(axis=(1, 2))
    ranks = np.where(above_one, 2, pivot != 0)
    largest: np.ndarray = ranks.reshape(len(matrices), -1).max(axis=1)
    return largest


def ranked(case: Case, ranks: np.ndarray, bound: int, how: str, widest: int) -> Observation:
    """``rank <= bound``, degenerate where no matrix is large enough to have a higher rank."""
    found = rank_at_most(ranks, bound, how, case.member)
    if widest > bound:
        return found
    reason = "the matrices are too small for a higher rank"
    return replace(found, degenerate=reason, tightness=None)


def widest(network: Network, weights: tuple[int, ...]) -> int:
    """The highest rank that the shapes of some weights allow."""
    return max(min(network.parameters[k].shape) for k in weights)


def rank_of_gradients(case: Case, weights: tuple[int, ...], *, summed: bool) -> Findings:
    """``rank <= 1`` for autograd's gradient of each output at each sample, or summed over samples.

    Single networks are decided again with derivatives from difference quotients, at the samples
    where no unit is at its kink.
    """
    network = case.network
    dtype = exact_dtype(case, minors(network, case.samples))
    gradients = sample_gradients(network, *case.tensors(dtype=dtype))
    largest = np.zeros(case.members, dtype=int)
    for k in weights:
        each = gradients[k].numpy()
        largest = np.maximum(largest, ranks_up_to_two(each.sum(axis=1) if summed else each))
    yield ranked(case, largest, 1, FLOATS[dtype], widest(network, weights))
    if case.members > 1:
        return
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    samples = arithmetic.rationals(case.inputs[0])
    if arithmetic.has_kink(network, parameters, samples):
        yield from ranks_at_kinks(case, weights, summed=summed)
    smooth = [
        i for i, x in enumerate(samples) if not arithmetic.has_kink(network, parameters, x[None])
    ]
    if not smooth:
        return
    ranks = []
    for k in weights:
        derivative = arithmetic.derivative_by_quotients(network, parameters, samples[smooth], k)
        assert derivative is not None, "the steps end far below the distance to any kink"
        matrices = derivative.sum(axis=0) if summed else derivative
        ranks += [arithmetic.rank(m) for m in matrices.reshape(-1, *derivative.shape[-2:])]
    yield ranked(case, np.array([max(ranks)]), 1, QUOTIENTS, widest(network, weights))


def ranks_at_kinks(case: Case, weights: tuple[int, ...], *, summed: bool) -> Findings:
    """The same with other derivatives of the activation at 0 than autograd's, in forward mode."""
    network = case.network
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    inputs = arithmetic.rationals(case.inputs[0])
    for selected in (0.0, 1.0):
        ranks = []
        for k in weights:
            derivative = arithmetic.jacobian(network, parameters, inputs, k, at_kink=selected)
            matrices = derivative.sum(axis=0) if summed else derivative
            ranks += [arithmetic.rank(m) for m in matrices.reshape(-1, *derivative.shape[-2:])]
        yield ranked(case, np.array([max(ranks)]), 1, RATIONALS, widest(network, weights))


def rank_within_bounds(case: Case, *, summed: bool) -> Findings:
    """The same where float64 rounds: no 2 x 2 minor may exceed what rounding explains.

    Otherwise four derivatives are decided by rational difference quotients, and with them that
    minor. A gradient that vanishes, or is not larger than its rounding errors, has no such minor.
    """
    network = case.network
    evaluation = error_bounds.evaluate(case)
    for k in network.weights:
        each = evaluation.gradient(k)
        found = error_bounds.nonzero_minor(each.summed(1) if summed else each.flattened(2))
        if found is not None:
            index, rows, columns = found
            member, sample = (index, None) if summed else divmod(index, case.samples)
            yield minor_in_rationals(case, member, sample, k, rows, columns)
            return
    passed = ranked(
        case, np.ones(case.members, dtype=int), 1, BOUNDED, widest(network, network.weights)
    )
    yield replace(passed, tightness=None, case=None)


def minor_in_rationals(
    case: Case, member: int, sample: int | None, k: int, rows: list[int], columns: list[int]
) -> Observation:
    """Whether a 2 x 2 minor of the gradient (at a sample, or summed over all) is zero.

    It is of a size that no report prints, but for a counterexample to the claim itself.
    """
    one = case.member(member)
    if sample is not None:
        one = replace(one, inputs=one.inputs[:, sample : sample + 1])
    parameters = [arithmetic.rationals(p[0]) for p in one.parameters]
    inputs = arithmetic.rationals(one.inputs[0])
    entries = []
    for row, column in product(rows, columns):
        direction = 0 * parameters[k]
        direction[row, column] = fmpq(1)
        entries.append(
            arithmetic.directional_derivative(one.network, parameters, inputs, k, direction)
        )
    known = [entry.sum() for entry in entries if entry is not None]
    if len(known) < len(entries):
        return replace(ranked(one, np.ones(1, int), 1, QUOTIENTS, 2), holds=None, case=None)
    rank = arithmetic.rank(np.array(known, dtype=object).reshape(2, 2))
    found = ranked(one, np.array([rank]), 1, QUOTIENTS, widest(case.network, (k,)))
    return found if sample is not None else replace(found, case=None)


LARGE = large_cases(
    st.one_of(
        mlps(depths=(2, 6), widths=(32, 256)),
        directed_graphs(depths=(2, 6), widths=(32, 128)),
        residual_networks(widths=(32, 128)),
    )
)


@claim(
    "gradient-rank",
    title="The gradient of one output at one sample has rank at most 1 in every weight matrix",
    kind="rank",
    sources=[
        GALANTI2022.at("Lemma 1"),
        GALANTI2022.at("Section 1, with footnote 1"),
        XU2022.at("Section 6.1, proof of Lemma 8"),
    ],
    statement=r"\operatorname{rank}\Big(\frac{\partial f_W(x)}{\partial W^{pq}}\Big) \le 1"
    r" \quad \forall x, p, q",
    hypotheses=[
        "a directed acyclic graph of layers without normalisation (galanti2022, Eq. 3-4), with"
        " dense, constant or residual connections; each component where there are several outputs",
        "ReLU, leaky ReLU or linear activations",
        "where a pre-activation is 0, the derivative of the activation is 0, its slope (autograd's"
        " choice) or 1",
    ],
    control="the gradient is summed over the samples of a batch",
    on={
        "case": mostly(
            cases(
                st.one_of(
                    mlps(depths=(1, 4), outputs=(1, 3)),
                    directed_graphs(outputs=(1, 2)),
                    residual_networks(outputs=(1, 2)),
                ),
                check=minors,
            ),
            LARGE,
        )
    },
    examples=300,
    formal=Formal("rank(df(n, c, k)) <= 1", EVERYWHERE, given=("not normalised()",)),
)
def gradient_rank(setting: Setting, case: Case) -> Findings:
    """The gradient is an outer product: of what reaches the output from the matrix's target, with
    the value of its source.

    Backpropagation builds that product, so that a check of its result alone would come close to a
    tautology. Single networks are therefore decided with derivatives that come entry by entry from
    difference quotients, and with the exact rank of the resulting matrix of rationals, wherever no
    unit is at its kink. Cohorts are decided with autograd's gradient by exact minors; this covers
    kinks. The lemma is printed for every input and proved for almost every one; at a kink its
    conclusion holds for every element of the generalised gradient with respect to the one matrix,
    since the right factor is the value of the source, which all of them share.

    On networks of up to six layers of 32 to 256 units with normal weights, minors are compared with
    zero in float64 within bounds on their rounding errors; what exceeds these is decided with
    rational difference quotients.
    """
    if rounds(case, minors(case.network, case.samples)):
        yield from rank_within_bounds(case, summed=setting.altered)
        return
    yield from rank_of_gradients(case, case.network.weights, summed=setting.altered)


def filters(network: Network) -> tuple[int, ...]:
    """Positions of the weights of convolutional layers."""
    return tuple(k for k in network.weights if isinstance(incoming(network, k).map, Convolution))


def incoming(network: Network, weight: int) -> Edge:
    """The edge that a weight belongs to."""
    described = network.parameters[weight]
    edges = network.layers[described.layer - 1].edges
    return next(edge for edge in edges if edge.source == described.source)


@claim(
    "gradient-rank-convolution",
    title="The gradient of one output at one sample has rank at most 1 in a matrix of filters",
    kind="rank",
    sources=[GALANTI2022.at("Abstract of the memo: networks may include convolutional layers")],
    statement=r"\operatorname{rank}\Big(\frac{\partial f_W(x)}{\partial K}\Big) \le 1,"
    r" \qquad K \in \mathbb{R}^{\text{filters} \times \text{kernel entries}}",
    hypotheses=[
        "the weight matrix of a convolutional layer holds one filter per row",
        "ReLU, leaky ReLU or linear activations; where a pre-activation is 0, the derivative of the"
        " activation is 0, its slope (autograd's choice) or 1",
    ],
    control="the gradient is summed over the samples of a batch",
    on={"case": cases(convolutional_networks(outputs=(1, 2), filters=(1, 4)), check=minors)},
    examples=400,
    formal=Formal(
        "rank(df(n, c, k)) <= 1", ("k in filters", *EVERYWHERE[1:]), given=("not normalised()",)
    ),
)
def gradient_rank_convolution(setting: Setting, case: Case) -> Findings:
    """The abstract says that the analysis covers convolutional layers; the body of the paper (its
    second abstract, Section 2.1, the proofs) treats weight matrices that act on whole layers only.

    Read with the filters as the weight matrix, which is what is trained, Lemma 1 fails as soon as
    a filter meets two different patches: each patch adds an outer product of its own.
    """
    yield from rank_of_gradients(case, filters(case.network), summed=setting.altered)


@claim(
    "gradient-rank-convolution-patches",
    title="The gradient in a matrix of filters has at most the rank of the number of patches",
    kind="rank",
    sources=[],
    statement=r"\operatorname{rank}\Big(\frac{\partial f_W(x)}{\partial K}\Big)"
    r" \le \text{number of patches that } K \text{ is applied to}",
    hypotheses=[
        "the weight matrix of a convolutional layer holds one filter per row",
        "ReLU, leaky ReLU or linear activations; where a pre-activation is 0, the derivative is"
        " autograd's",
    ],
    control="the bound is one less",
    on={
        "case": cases(
            convolutional_networks(outputs=(1, 2), filters=(2, 5), layers=(1, 1)),
            cohort=4,
            check=alone,
        )
    },
    examples=300,
    corrects="gradient-rank-convolution",
    formal=Formal("rank(df(n, c, k)) <= patches(k)", EVERYWHERE, given=("not normalised()",)),
)
def gradient_rank_convolution_patches(setting: Setting, case: Case) -> Findings:
    """Each patch contributes one outer product. The bound is reached, so that batches of one sample
    give convolutional layers no constraint of rank 1.

    The rank of autograd's gradient, free of rounding, is computed in rationals.
    """
    network = case.network
    gradients = sample_gradients(network, *case.tensors(dtype=exact_dtype(case)))
    for k in filters(network):
        connection = incoming(network, k).map
        assert isinstance(connection, Convolution)
        ranks = [
            max(arithmetic.rank(matrix) for matrix in arithmetic.rationals(member.flatten(0, 1)))
            for member in gradients[k]
        ]
        bound = connection.positions - setting.altered
        yield ranked(case, np.array(ranks), bound, RATIONALS, widest(network, (k,)))


def unrolled(case: Case) -> Case:
    """Each convolutional layer as the dense layer with its Toeplitz matrix."""
    network = case.network
    arrays = list(case.parameters)
    for k in filters(network):
        connection = incoming(network, k).map
        assert isinstance(connection, Convolution)
        shape = (connection.filters, connection.positions, connection.source_width)
        toeplitz = np.zeros((case.members, *shape))
        for position, patch in enumerate(connection.patches()):
            toeplitz[:, :, position, patch] = arrays[k]
        arrays[k] = toeplitz.reshape(case.members, -1, connection.source_width)
    layers = [
        replace(layer, edges=tuple(replace(edge, map=Dense()) for edge in layer.edges))
        for layer in network.layers
    ]
    dense = Network(network.input_width, tuple(layers))
    return replace(case, network=dense, parameters=tuple(arrays))


def unrolled_minors(network: Network, samples: int) -> Growth:
    """`minors` on the unrolled network, whose rows are longer by all the zeros that they hold."""
    longer = [
        math.ceil(connection.source_width / network.parameters[k].shape[1])
        for k in filters(network)
        if isinstance(connection := incoming(network, k).map, Convolution)
    ]
    growth = minors(network, samples)
    return replace(growth, terms=growth.terms * math.prod(longer))


@claim(
    "gradient-rank-toeplitz",
    title="The gradient in a convolutional layer's Toeplitz matrix has rank at most 1",
    kind="rank",
    sources=[],
    statement=r"\operatorname{rank}\Big(\frac{\partial f_W(x)}{\partial T}\Big) \le 1, \qquad"
    r" T \in \mathbb{R}^{\text{layer} \times \text{layer}}",
    hypotheses=[
        "every convolutional layer is written as the dense matrix T that acts on the whole layer,"
        " and the entries of T are varied freely",
        "ReLU, leaky ReLU or linear activations; where a pre-activation is 0, the derivative of the"
        " activation is 0, its slope (autograd's choice) or 1",
    ],
    control="the gradient is summed over the samples of a batch",
    on={"case": cases(convolutional_networks(outputs=(1, 2)), cohort=8, check=unrolled_minors)},
    corrects="gradient-rank-convolution",
    formal=Formal("rank(df(n, c, k)) <= 1", EVERYWHERE, given=("not normalised()",)),
)
def gradient_rank_toeplitz(setting: Setting, case: Case) -> Findings:
    """The other reading of a convolutional layer's weight matrix, under which Lemma 1 holds. It is
    not what training with shared filters changes.

    That the unrolled network computes the same function is checked with it.
    """
    dense = unrolled(case)
    dtype = exact_dtype(dense)
    left, right = (forward(c.network, *c.tensors(dtype=dtype)).numpy() for c in (case, dense))
    yield equality(left, right, FLOATS[dtype], case.member)
    yield from rank_of_gradients(dense, dense.network.weights, summed=setting.altered)


Combine = Callable[[Case, arithmetic.Array], list[arithmetic.Array]]
"""From gradients ``(N, p, q)`` at the samples of a batch to the matrices whose rank is bounded."""


def weighted_sum(case: Case, gradients: arithmetic.Array) -> list[arithmetic.Array]:
    """``sum_j beta_j df(x_j)/dW`` with the drawn coefficients."""
    coefficients = [case.numbers[f"beta_{j}"] for j in range(1, case.samples + 1)]
    betas = arithmetic.rationals(coefficients)[:, None, None]
    return [(betas * gradients).sum(axis=0)]


def total(case: Case, gradients: arithmetic.Array) -> list[arithmetic.Array]:
    return [gradients.sum(axis=0)]


def each_sample(case: Case, gradients: arithmetic.Array) -> list[arithmetic.Array]:
    return list(gradients)


def ranks_over_batch(
    case: Case, weights: tuple[int, ...], bound: int, combine: Combine
) -> tuple[int, str] | Rejection:
    """The highest rank found, and in which arithmetic: in balls it is a proven lower bound.

    Balls that do not prove more than ``bound`` are tried again with more bits.
    """
    network = case.network
    found: tuple[int, str] | Rejection = Rejection("a normalised unit is constant over the batch")
    lanes = [(arithmetic.rationals, RATIONALS, PRECISIONS[0])]
    lanes += [(arithmetic.balls, BALLS, bits) for bits in PRECISIONS]
    for numbers, how, bits in lanes:
        with arithmetic.precision(bits):
            parameters = [numbers(p[0]) for p in case.parameters]
            inputs = numbers(case.inputs[0])
            try:
                arithmetic.vertices(network, parameters, inputs)
            except InputError:
                continue
            matrices = [
                matrix
                for k in weights
                for matrix in combine(
                    case, arithmetic.jacobian(network, parameters, inputs, k)[:, 0]
                )
            ]
            found = max(rank(matrix) for matrix in matrices), how
            if how == RATIONALS or found[0] > bound:
                return found
    return found


def rank(matrix: arithmetic.Array) -> int:
    """Exact for rationals, a proven lower bound for balls."""
    if isinstance(matrix.flat[0], arb):
        return next(
            r for r in range(min(matrix.shape) + 1) if not arithmetic.rank_exceeds(matrix, r)
        )
    return arithmetic.rank(matrix)


def rank_over_batch(case: Case, weights: tuple[int, ...], bound: int, combine: Combine) -> Findings:
    """``rank <= bound``; balls refute it or leave it open, but do not prove it."""
    largest = widest(case.network, weights)
    for one in (case.member(i) for i in range(case.members)):
        found = ranks_over_batch(one, weights, bound, combine)
        if isinstance(found, Rejection):
            yield found
            continue
        highest, how = found
        observation = ranked(one, np.array([highest]), bound, how, largest)
        proved = how == RATIONALS or largest <= bound or observation.holds is False
        yield observation if proved else replace(observation, holds=None)


def batch_cases(normalisation: Normalisation) -> st.SearchStrategy[Case]:
    """Networks with and without skips, some layers normalised, on batches of two to four.

    Widths exceed the size of the batch, without which a bound on the rank says nothing. Every
    standard deviation of a batch of two is rational, and so are those of `rational_batches`.
    """

    def networks(least: int, most: int) -> st.SearchStrategy[Network]:
        widths = (least, most)
        plain = st.one_of(
            mlps(depths=(3, 4), widths=widths, slopes=BENT),
            directed_graphs(depths=(3, 4), widths=widths, slopes=BENT),
            residual_networks(blocks=(1, 1), widths=widths, slopes=BENT),
        )
        return batch_normalised(plain, normalisation)

    wide = mlps(depths=(3, 3), widths=(5, 6), slopes=BENT)
    return st.one_of(
        batches(networks(3, 4), samples=(2, 2), coefficient="beta", cohort=COHORT),
        batches(networks(4, 5), samples=(3, 3), coefficient="beta", cohort=COHORT),
        rational_batches(wide, normalisation, coefficient="beta", cohort=COHORT),
    )


COMBINED = "rank(sum([beta[j] * df(j, 0, k) for j in samples]))"
BATCH_HYPOTHESES = [
    "a directed acyclic graph of layers; some of the hidden ones, at least one, are normalised over"
    " the batch of B samples (galanti2022, Eq. 5), none of whose units is constant on it",
    "ReLU or leaky ReLU activations; where a pre-activation is 0, the derivative is autograd's",
]


@claim(
    "batch-norm-gradient-rank",
    title="With batch normalisation, a batch's combined pseudo gradient has rank at most B",
    kind="rank",
    sources=[GALANTI2022.at("Lemma 2")],
    statement=r"\operatorname{rank}\Big(\sum_{j=1}^B \beta_j"
    r" \frac{\bar\partial \tilde f_W(x_j; \tilde X)}{\bar\partial W^{pq}}\Big) \le B",
    hypotheses=[*BATCH_HYPOTHESES, "the variance is detached"],
    control="the bound is B - 1",
    on={"case": batch_cases("batch-detached")},
    examples=200,
    formal=Formal(
        f"{COMBINED} <= len(samples)", ("k in weights",), given=("normalised()", "detached()")
    ),
)
def batch_norm_gradient_rank(setting: Setting, case: Case) -> Findings:
    """The output depends on a weight matrix through its products with B values, one per sample.

    Derivatives are taken in forward mode, one entry of the matrix at a time. Batches of two, and
    batches of four on which all standard deviations are rational, are decided in rationals; other
    batches in balls, which can refute the bound but leave it open otherwise. The bound is reached
    by layers that are not normalised themselves.
    """
    bound = case.samples - setting.altered
    yield from rank_over_batch(case, case.network.weights, bound, weighted_sum)


@claim(
    "batch-norm-gradient-rank-full",
    title="The same bound holds when the variance is differentiated",
    kind="rank",
    sources=[],
    statement=r"\operatorname{rank}\Big(\sum_{j=1}^B \beta_j"
    r" \frac{\partial \tilde f_W(x_j; \tilde X)}{\partial W^{pq}}\Big) \le B",
    hypotheses=[*BATCH_HYPOTHESES, "mean and variance are differentiated"],
    control="the bound is B - 1",
    on={"case": batch_cases("batch")},
    examples=200,
    formal=Formal(
        f"{COMBINED} <= len(samples)", ("k in weights",), given=("normalised()", "not detached()")
    ),
)
def batch_norm_gradient_rank_full(setting: Setting, case: Case) -> Findings:
    """Detaching the variance, which galanti2022 does to simplify the analysis, is not needed for
    the bound: the statistics, too, depend on the matrix through its B products only.
    """
    bound = case.samples - setting.altered
    yield from rank_over_batch(case, case.network.weights, bound, weighted_sum)


@claim(
    "batch-norm-gradient-rank-centred",
    title="A layer in front of batch normalisation has rank at most B - 1",
    kind="rank",
    sources=[],
    statement=r"\operatorname{rank}\Big(\sum_{j=1}^B \beta_j"
    r" \frac{\bar\partial \tilde f_W(x_j; \tilde X)}{\bar\partial W^{pq}}\Big) \le B - 1"
    r" \quad \text{if } n_p \text{ is batch normalisation}",
    hypotheses=[*BATCH_HYPOTHESES, "the variance is detached"],
    control="the bound is B - 2",
    on={"case": batch_cases("batch-detached")},
    examples=200,
    formal=Formal(
        f"{COMBINED} <= len(samples) - 1",
        ("k in weights",),
        given=("normalised_layer(layer(k))", "detached()"),
    ),
)
def batch_norm_gradient_rank_centred(setting: Setting, case: Case) -> Findings:
    """A sharper form of Lemma 2 for the multilayer perceptrons that galanti2022 trains, all of
    whose hidden layers are normalised: subtracting the mean over the batch makes the B left factors
    add up to 0.
    """
    network = case.network
    weights = tuple(
        k
        for k in network.weights
        if network.layers[network.parameters[k].layer - 1].normalisation != "none"
    )
    if not weights:
        yield Rejection("no weight matrix feeds a normalised layer")
        return
    bound = case.samples - 1 - setting.altered
    yield from rank_over_batch(case, weights, bound, weighted_sum)


@claim(
    "batch-norm-sample-rank",
    title="With batch normalisation, the gradient at one sample has rank at most 1",
    kind="rank",
    sources=[GALANTI2022.at("Section 1, read for the networks of its abstract")],
    statement=r"\operatorname{rank}\Big(\frac{\bar\partial \tilde f_W(x_j; \tilde X)}"
    r"{\bar\partial W^{pq}}\Big) \le 1 \quad \forall j, p, q",
    hypotheses=[*BATCH_HYPOTHESES, "the variance is detached"],
    control="the gradient is summed over the batch",
    on={
        "case": batches(
            batch_normalised(mlps(depths=(3, 3), widths=(2, 2), slopes=BENT), "batch-detached"),
            samples=(2, 2),
            cohort=COHORT,
        )
    },
    examples=400,
    formal=Formal("rank(df(n, c, k)) <= 1", EVERYWHERE, given=("normalised()", "detached()")),
)
def batch_norm_sample_rank(setting: Setting, case: Case) -> Findings:
    """The introduction states the observation that the gradient has rank at most 1 of "a deep ReLU
    network", and the abstract includes batch normalisation among those covered; Lemma 1 itself
    comes before normalisation, and Lemma 2 claims less. Read literally the observation fails: the
    output at one sample depends on the whole batch through its mean.
    """
    combine = total if setting.altered else each_sample
    yield from rank_over_batch(case, case.network.weights, 1, combine)
