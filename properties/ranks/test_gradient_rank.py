"""The gradient of an output by a weight matrix has rank at most 1: galanti2022, Lemma 1.

And what becomes of it for convolutional layers, which the paper's abstract includes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
from flint import fmpq
from hypothesis import strategies as st

from properties.assumptions import (
    ACTIVATIONS,
    ANY_CHOICE_AT_KINKS,
    AUTOGRAD_AT_KINKS,
    FILTERS_AS_ROWS,
    NOT_NORMALISED,
)
from properties.notation import EVERYWHERE, FLOATS, QUOTIENTS, RATIONALS, WITHIN_BOUNDS
from properties.papers import GALANTI2022, XU2022
from properties.ranks.observations import ranked, widest
from theorycheck import (
    Case,
    Convolution,
    Dense,
    Edge,
    Findings,
    Formal,
    Network,
    Observation,
    Setting,
    arithmetic,
    cases,
    claim,
    convolutional_networks,
    directed_graphs,
    equality,
    forward,
    mlps,
    residual_networks,
    sample_gradients,
)
from theorycheck.arithmetic import (
    Growth,
    alone,
    evaluate_with_error_bounds,
    exact_dtype,
    minors,
    nonzero_minor,
    rounds,
)
from theorycheck.drawing import large_cases, mostly


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
    evaluation = evaluate_with_error_bounds(case)
    for k in network.weights:
        each = evaluation.gradient(k)
        found = nonzero_minor(each.summed(1) if summed else each.flattened(2))
        if found is not None:
            index, rows, columns = found
            member, sample = (index, None) if summed else divmod(index, case.samples)
            yield minor_in_rationals(case, member, sample, k, rows, columns)
            return
    passed = ranked(
        case, np.ones(case.members, dtype=int), 1, WITHIN_BOUNDS, widest(network, network.weights)
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
        ACTIVATIONS,
        ANY_CHOICE_AT_KINKS,
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
    formal=Formal("rank(df(n, c, k)) <= 1", EVERYWHERE, given=(NOT_NORMALISED.formula,)),
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
        FILTERS_AS_ROWS,
        f"{ACTIVATIONS}; {ANY_CHOICE_AT_KINKS}",
    ],
    control="the gradient is summed over the samples of a batch",
    on={"case": cases(convolutional_networks(outputs=(1, 2), filters=(1, 4)), check=minors)},
    examples=400,
    formal=Formal(
        "rank(df(n, c, k)) <= 1", ("k in filters", *EVERYWHERE[1:]), given=(NOT_NORMALISED.formula,)
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
        FILTERS_AS_ROWS,
        f"{ACTIVATIONS}; {AUTOGRAD_AT_KINKS}",
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
    formal=Formal("rank(df(n, c, k)) <= patches(k)", EVERYWHERE, given=(NOT_NORMALISED.formula,)),
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
        f"{ACTIVATIONS}; {ANY_CHOICE_AT_KINKS}",
    ],
    control="the gradient is summed over the samples of a batch",
    on={"case": cases(convolutional_networks(outputs=(1, 2)), cohort=8, check=unrolled_minors)},
    corrects="gradient-rank-convolution",
    formal=Formal("rank(df(n, c, k)) <= 1", EVERYWHERE, given=(NOT_NORMALISED.formula,)),
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
