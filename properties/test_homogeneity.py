"""Claims on the homogeneity of networks in each of their layers: the structural lemma.

The papers state the lemma for chains of layers without biases. The claims of our own say what
becomes of it beyond: biases, residual connections, batch normalisation, several outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from properties.formulas import EVERYWHERE
from properties.papers import BANBURSKI2019, POGGIO2020, XU2022
from theorycheck import arithmetic
from theorycheck.arithmetic import error_bounds
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.dyadic import Growth, exact_dtype, rounds, sums_of_parameters
from theorycheck.claims.comparisons import equality, number_text
from theorycheck.claims.declaration import Formal, claim
from theorycheck.claims.evidence import Findings, Observation, Rejection
from theorycheck.claims.setting import Setting
from theorycheck.drawing.data import cases, large_cases, mostly
from theorycheck.drawing.networks import (
    batch_normalised,
    directed_graphs,
    homogeneous_networks,
    mlps,
    residual_networks,
)
from theorycheck.drawing.normalised import batches, rational_batches
from theorycheck.drawing.numbers import positive_dyadics
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward, sample_gradients
from theorycheck.networks.specification import Identity, Network, Normalisation

FLOATS = {
    torch.float32: "float32 without rounding",
    torch.float64: "float64 without rounding",
}
RATIONALS = "rationals"
QUOTIENTS = "rational difference quotients"
BOUNDED = "float64 within running error bounds"

LEMMA = "inner(W[k], df(n, c, k)) == f(n, c)"

Products = tuple[list[np.ndarray], np.ndarray, str]
"""``<P, df/dP>`` for every parameter ``P``, and ``f``, each ``(K, N, C)``; and the arithmetic."""


def products(case: Case) -> Products | Rejection:
    """The gradient is autograd's; with batch normalisation, that of exact forward mode."""
    network = case.network
    if network.normalised_by_batch:
        return rational_products(case)
    dtype = exact_dtype(case, sums_of_parameters(network, case.samples))
    parameters, inputs = case.tensors(dtype=dtype)
    gradients = sample_gradients(network, parameters, inputs)
    found = [
        (p[:, None, None] * g).flatten(start_dim=3).sum(dim=-1).numpy()
        for p, g in zip(parameters, gradients, strict=True)
    ]
    return found, forward(network, parameters, inputs).numpy(), FLOATS[dtype]


def rational_products(case: Case) -> Products | Rejection:
    """Of a case with one member, whose standard deviations are rational."""
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    inputs = arithmetic.rationals(case.inputs[0])
    try:
        outputs = arithmetic.vertices(case.network, parameters, inputs)[-1]
    except InputError:
        return Rejection("a normalised unit is constant over the batch")
    found = [
        contracted(parameter, arithmetic.jacobian(case.network, parameters, inputs, index))[None]
        for index, parameter in enumerate(parameters)
    ]
    return found, outputs[None], RATIONALS


def contracted(parameter: Any, derivative: Any) -> np.ndarray:
    """The inner product of a parameter with derivatives ``(N, C, *shape)``."""
    summed: np.ndarray = (derivative * parameter).reshape(*derivative.shape[:2], -1).sum(axis=-1)
    return summed


def added(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of arrays of one shape."""
    total: np.ndarray = np.sum(arrays, axis=0)
    return total


def compared(case: Case, sums: Sequence[np.ndarray], right: np.ndarray, how: str) -> Findings:
    """Each of the sums, ``(K, N, C)``, against the right-hand side."""
    left = np.stack(sums, axis=1)
    yield equality(left, np.broadcast_to(right[:, None], left.shape), how, case.member)


def lemma(case: Case, *, all_layers: bool = False) -> Findings:
    """``<W_k, df/dW_k> = f`` for every weight, sample and output; or summed over the weights."""
    found = products(case)
    if isinstance(found, Rejection):
        yield found
        return
    inner, outputs, how = found
    chosen = [inner[k] for k in case.network.weights]
    yield from compared(case, [added(chosen)] if all_layers else chosen, outputs, how)


def lemma_by_quotients(case: Case, *, all_layers: bool) -> Findings:
    """The same of a single network, wherever no unit is at its kink, without backpropagation."""
    network = case.network
    if case.members > 1:
        return
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    for sample in arithmetic.rationals(case.inputs[0])[:, None]:
        if arithmetic.has_kink(network, parameters, sample):
            continue
        inner = []
        for k in network.weights:
            derivative = arithmetic.derivative_by_quotients(network, parameters, sample, k)
            assert derivative is not None, "the steps end far below the distance to any kink"
            inner.append(contracted(parameters[k], derivative)[None])
        outputs = arithmetic.vertices(network, parameters, sample)[-1][None]
        yield from compared(case, [added(inner)] if all_layers else inner, outputs, QUOTIENTS)


def lemma_at_kinks(case: Case, *, all_layers: bool) -> Findings:
    """The same of a single network some unit of which is at its kink, whatever is selected there.

    The derivative of an activation at 0 is taken to be 0, 1 and the slope of each layer in turn.
    """
    network = case.network
    if case.members > 1:
        return
    parameters = [arithmetic.rationals(p[0]) for p in case.parameters]
    inputs = arithmetic.rationals(case.inputs[0])
    if not arithmetic.has_kink(network, parameters, inputs):
        return
    outputs = arithmetic.vertices(network, parameters, inputs)[-1][None]
    slopes = {layer.slope for layer in network.layers}
    for selected in sorted({0.0, 1.0} | slopes):
        inner = [
            contracted(
                parameters[k],
                arithmetic.jacobian(network, parameters, inputs, k, at_kink=selected),
            )[None]
            for k in network.weights
        ]
        yield from compared(case, [added(inner)] if all_layers else inner, outputs, RATIONALS)


def lemma_within_bounds(case: Case, *, all_layers: bool) -> Findings:
    """`lemma` where float64 rounds: both sides may differ by no more than rounding explains.

    Where they do, the derivative of the output along the weights is decided by rational difference
    quotients, for that member and sample.
    """
    evaluation = error_bounds.evaluate(case)
    weights = case.network.weights
    inner = [evaluation.product(k) for k in weights]
    chosen = (
        [(weights, sum(inner[1:], inner[0]))]
        if all_layers
        else [((k,), product) for k, product in zip(weights, inner, strict=True)]
    )
    for layers, product in chosen:
        suspected = np.argwhere((product - evaluation.outputs).certainly_nonzero)
        if len(suspected):
            member, sample = suspected[0].tolist()
            yield derivative_along_weights(case, member, sample, layers, printed=not all_layers)
            return
    yield Observation(
        holds=True,
        left=number_text(product.value[0, 0]),
        relation="=",
        right=number_text(evaluation.outputs.value[0, 0]),
        arithmetic=BOUNDED,
        count=case.members,
    )


def derivative_along_weights(
    case: Case, member: int, sample: int, layers: Sequence[int], *, printed: bool
) -> Observation:
    """The lemma at one sample of one member, summed over some layers, in rationals."""
    one = case.member(member)
    one = replace(one, inputs=one.inputs[:, sample : sample + 1])
    parameters = [arithmetic.rationals(p[0]) for p in one.parameters]
    inputs = arithmetic.rationals(one.inputs[0])
    output = arithmetic.vertices(one.network, parameters, inputs)[-1]
    found = [
        arithmetic.directional_derivative(one.network, parameters, inputs, k, parameters[k])
        for k in layers
    ]
    known = [derivative for derivative in found if derivative is not None]
    # The example of a control is not worth tens of thousands of printed numbers.
    describe = one.member if printed else None
    decided = equality(added(known)[None], output[None], QUOTIENTS, describe)
    return decided if len(known) == len(found) else replace(decided, holds=None)


LARGE = large_cases(mlps(depths=(2, 6), widths=(32, 256)))


@claim(
    "structural-lemma",
    title="Structural lemma: each layer's inner product with its gradient is the output",
    kind="identity",
    sources=[
        XU2022.at("Lemma 2, Eq. 3"),
        POGGIO2020.at("Eq. 1-2"),
        BANBURSKI2019.at("Eq. 3"),
    ],
    statement=r"\sum_{i,j} \frac{\partial f_W(x)}{\partial W_k^{ij}} W_k^{ij}"
    r" = \Big\langle W_k, \frac{\partial f_W(x)}{\partial W_k} \Big\rangle = f_W(x)"
    r" \quad \forall x, k",
    hypotheses=[
        "a chain of dense or convolutional layers without biases and with one output",
        "ReLU, leaky ReLU or linear activations; the output is linear (xu2022, poggio2020) or"
        " passes through the activation (banburski2019)",
        "where a pre-activation is 0, the derivative of the activation is 0, its slope (autograd's"
        " choice) or 1",
    ],
    control="the inner products of all layers are added up",
    on={"case": mostly(cases(homogeneous_networks(), check=sums_of_parameters), LARGE)},
)
def structural_lemma(setting: Setting, case: Case) -> Findings:
    """For every input and every layer, the inner product of the layer's weights with the gradient
    of the output equals the output.

    Cohorts are decided with autograd's gradient, in float64 on dyadic weights for which no
    operation rounds. Single networks are decided again with derivatives that come from difference
    quotients in rational arithmetic, at every sample where no unit is at its kink; no rule of
    differentiation takes part there. At a kink any choice of the derivative at zero gives the same
    inner product, because the pre-activation that it multiplies is zero; single networks that have
    one are checked in forward mode with several choices.

    On networks of up to six layers of 32 to 256 units with normal weights, both sides are compared
    in float64 within bounds on their rounding errors; what exceeds these is decided in rationals.
    """
    if rounds(case, sums_of_parameters(case.network, case.samples)):
        yield from lemma_within_bounds(case, all_layers=setting.altered)
        return
    yield from lemma(case, all_layers=setting.altered)
    yield from lemma_by_quotients(case, all_layers=setting.altered)
    yield from lemma_at_kinks(case, all_layers=setting.altered)


@claim(
    "structural-lemma-multi-output",
    title="Structural lemma for each component of a network with several outputs",
    kind="identity",
    sources=[],
    statement=r"\Big\langle W_k, \frac{\partial f_W^{(c)}(x)}{\partial W_k} \Big\rangle"
    r" = f_W^{(c)}(x) \quad \forall x, k, c",
    hypotheses=[
        "a chain of dense or convolutional layers without biases and with two or three outputs",
        "ReLU, leaky ReLU or linear activations",
        "where a pre-activation is 0, the derivative of the activation is 0, its slope (autograd's"
        " choice) or 1",
    ],
    control="the inner products of all layers are added up",
    on={"case": cases(homogeneous_networks(outputs=(2, 3)), check=sums_of_parameters)},
)
def structural_lemma_multi_output(setting: Setting, case: Case) -> Findings:
    """The lemma is printed for scalar networks; it carries over to each output component, which is
    what its use for several classes needs.

    Decided as the scalar lemma.
    """
    yield from lemma(case, all_layers=setting.altered)
    yield from lemma_by_quotients(case, all_layers=setting.altered)
    yield from lemma_at_kinks(case, all_layers=setting.altered)


FACTORS = positive_dyadics(largest=4, exponents=(0, 1, 2, 3))


def scaling(network: Network, samples: int) -> Growth:
    """One of `FACTORS` makes numbers up to 4 times larger, in units up to 8 times smaller."""
    return Growth(terms=4 * 8)


@claim(
    "positive-homogeneity",
    title="Scaling one layer by a positive factor scales the output by it",
    kind="identity",
    sources=[
        XU2022.at("Section 3.2"),
        POGGIO2020.at("Section 2, definition of rho"),
        BANBURSKI2019.at("Section 2, positive one-homogeneity"),
    ],
    statement=r"f_W(x) = \rho_1 \cdots \rho_L \, f_V(x), \qquad W_k = \rho_k V_k, \; \rho_k > 0",
    hypotheses=[
        "a chain of dense or convolutional layers without biases",
        "ReLU, leaky ReLU or linear activations; kinks included",
    ],
    control="the factor is negative",
    on={
        "case": cases(
            homogeneous_networks(outputs=(1, 2)), numbers={"factor": FACTORS}, check=scaling
        )
    },
)
def positive_homogeneity(setting: Setting, case: Case) -> Findings:
    """The factorisation behind the structural lemma, which follows from it by Euler's theorem.

    Checked for one layer at a time, which gives the product by induction, and for any positive
    factor, of which the Frobenius norm is one. No derivative takes part, so that kinks are no
    exception.
    """
    factor = float(case.numbers["factor"]) * (-1 if setting.altered else 1)
    for k in case.network.weights:
        arrays = list(case.parameters)
        arrays[k] = factor * arrays[k]
        scaled = replace(case, parameters=tuple(arrays))
        dtype = torch.promote_types(exact_dtype(case), exact_dtype(scaled))
        outputs, moved = (
            forward(case.network, *c.tensors(dtype=dtype)).numpy() for c in (case, scaled)
        )
        yield equality(moved, factor * outputs, FLOATS[dtype], case.member)


@claim(
    "structural-lemma-biases",
    title="The structural lemma for networks with biases in hidden layers",
    kind="identity",
    sources=[],
    statement=r"\Big\langle W_k, \frac{\partial f_W(x)}{\partial W_k} \Big\rangle = f_W(x)"
    r" \quad \forall x, k",
    hypotheses=[
        "a chain of dense layers, the hidden ones with biases",
        "where a pre-activation is 0, the derivative is autograd's",
    ],
    control="the inner products of all layers are added up",
    on={"case": cases(mlps(depths=(2, 4), bias=True), check=sums_of_parameters)},
    formal=Formal(LEMMA, EVERYWHERE, given=("chain()", "len(biases) > 0", "not normalised()")),
)
def structural_lemma_biases(setting: Setting, case: Case) -> Findings:
    """The lemma needs the absence of biases that all three papers assume.

    A constant input feature, which poggio2020 and banburski2019 allow instead, is covered by the
    lemma: its weights belong to the first matrix.
    """
    yield from lemma(case, all_layers=setting.altered)


@claim(
    "structural-lemma-later-biases",
    title="With biases, a layer's weights and all biases from it onwards give the output",
    kind="identity",
    sources=[],
    statement=r"\Big\langle W_k, \frac{\partial f}{\partial W_k} \Big\rangle"
    r" + \sum_{l \ge k} \Big\langle b_l, \frac{\partial f}{\partial b_l} \Big\rangle = f(x)"
    r" \quad \forall x, k",
    hypotheses=[
        "a chain of dense layers, the hidden ones with biases",
        "where a pre-activation is 0, the derivative is autograd's",
    ],
    control="the bias of layer k itself is left out",
    on={"case": cases(mlps(depths=(2, 4), bias=True), check=sums_of_parameters)},
    corrects="structural-lemma-biases",
)
def structural_lemma_later_biases(setting: Setting, case: Case) -> Findings:
    """The network is positively homogeneous in the weights of layer k together with the biases of
    layer k and of all later layers; Euler's theorem gives the identity.
    """
    found = products(case)
    if isinstance(found, Rejection):
        yield found
        return
    inner, outputs, how = found
    described = case.network.parameters
    sums = []
    for k in case.network.weights:
        first = described[k].layer + setting.altered
        biases = [
            product
            for product, p in zip(inner, described, strict=True)
            if p.role == "bias" and p.layer >= first
        ]
        sums.append(added([inner[k], *biases]))
    yield from compared(case, sums, outputs, how)


@claim(
    "structural-lemma-residual",
    title="The structural lemma for each single weight matrix of a residual network",
    kind="identity",
    sources=[],
    statement=r"\Big\langle W^{pq}, \frac{\partial f_W(x)}{\partial W^{pq}} \Big\rangle = f_W(x)"
    r" \quad \forall x, \; (v_p, v_q) \in E_T",
    hypotheses=[
        "a directed acyclic graph of layers with constant or trainable skip connections"
        " (galanti2022, Section 2.1), among them the residual blocks of its Section 4.1",
        "where a pre-activation is 0, the derivative is autograd's",
    ],
    control="the inner products of all matrices are added up",
    on={"case": cases(st.one_of(directed_graphs(), residual_networks()), check=sums_of_parameters)},
    formal=Formal(LEMMA, EVERYWHERE, given=("len(biases) == 0", "not normalised()")),
)
def structural_lemma_residual(setting: Setting, case: Case) -> Findings:
    """A path from input to output that avoids a matrix contributes to the output, but not to that
    matrix's inner product.
    """
    yield from lemma(case, all_layers=setting.altered)


@claim(
    "structural-lemma-cut",
    title="In a graph, the inner products of all matrices across a cut add up to the output",
    kind="identity",
    sources=[],
    statement=r"\sum_{q \le l < p} \Big\langle W^{pq},"
    r" \frac{\partial f_W(x)}{\partial W^{pq}} \Big\rangle = f_W(x) \quad \forall x, l",
    hypotheses=[
        "a directed acyclic graph of layers without biases, numbered so that edges ascend",
        "no edge from the layers up to l to those beyond l is constant",
        "ReLU, leaky ReLU or linear activations; autograd's derivative at kinks",
    ],
    control="constant edges across the cut are allowed",
    on={
        "case": cases(
            st.one_of(directed_graphs(outputs=(1, 2)), residual_networks()),
            check=sums_of_parameters,
        )
    },
    corrects="structural-lemma-residual",
)
def structural_lemma_cut(setting: Setting, case: Case) -> Findings:
    """Every path from input to output crosses such a cut exactly once, so that the output is
    positively homogeneous in the matrices across it. The lemma for chains is the case in which
    each cut holds one matrix; the matrices into the output layer form a cut of every graph.
    """
    found = products(case)
    if isinstance(found, Rejection):
        yield found
        return
    inner, outputs, how = found
    sums = [
        added([inner[k] for k in across])
        for across in cuts(case.network, constant_edges=setting.altered)
    ]
    if sums:
        yield from compared(case, sums, outputs, how)
    else:
        yield Rejection("a constant edge crosses every cut", case.members)


def cuts(network: Network, *, constant_edges: bool) -> list[list[int]]:
    """Positions of the weights across each cut; cuts with constant edges only if allowed."""
    found = []
    for level in range(network.depth):
        crossing = [
            (vertex, edge)
            for vertex, layer in enumerate(network.layers, start=1)
            for edge in layer.edges
            if edge.source <= level < vertex
        ]
        ends = {(vertex, edge.source) for vertex, edge in crossing}
        across = [
            k
            for k in network.weights
            if (network.parameters[k].layer, network.parameters[k].source) in ends
        ]
        constant = any(isinstance(edge.map, Identity) for _, edge in crossing)
        if across and (constant_edges or not constant):
            found.append(across)
    return found


def batch_normalised_cases(normalisation: Normalisation) -> st.SearchStrategy[Case]:
    """Chains with batch normalisation, on batches with rational standard deviations.

    Two samples, in which every standard deviation is half a difference, or four samples that the
    first layer standardises in rationals.
    """
    chains = mlps(depths=(2, 3), widths=(1, 3))
    return st.one_of(
        batches(batch_normalised(chains, normalisation), samples=(2, 2)),
        rational_batches(mlps(depths=(2, 3), widths=(1, 4)), normalisation),
    )


def without_shifts(case: Case) -> Case:
    """The same case with every shift zero."""
    described = zip(case.network.parameters, case.parameters, strict=True)
    parameters = tuple(0 * array if p.role == "shift" else array for p, array in described)
    return replace(case, parameters=parameters)


def with_detached_variance(case: Case) -> Case:
    """The same case, every variance treated as a constant."""
    layers = tuple(
        replace(layer, normalisation="batch-detached") if layer.normalisation == "batch" else layer
        for layer in case.network.layers
    )
    return replace(case, network=Network(case.network.input_width, layers))


@claim(
    "structural-lemma-batch-norm",
    title="The structural lemma for networks with batch normalisation",
    kind="identity",
    sources=[],
    statement=r"\Big\langle W_k, \frac{\partial f_W(x_j; \tilde X)}{\partial W_k} \Big\rangle"
    r" = f_W(x_j; \tilde X) \quad \forall j, k",
    hypotheses=[
        "a chain of dense layers, some hidden ones normalised over the batch (galanti2022, Eq. 5),"
        " with shift 0",
        "mean and variance are differentiated",
        "where a pre-activation is 0, the derivative is autograd's",
    ],
    control="the inner products of all layers are added up",
    on={"case": batch_normalised_cases("batch")},
    examples=300,
    formal=Formal(
        LEMMA,
        EVERYWHERE,
        given=("chain()", "normalised()", "not detached()", "all([W[k] == 0 for k in shifts])"),
    ),
)
def structural_lemma_batch_norm(setting: Setting, case: Case) -> Findings:
    """A layer in front of batch normalisation does not change the output when it is scaled, so that
    its inner product with the gradient is 0 and not the output.

    In the smallest counterexamples a unit has two values on the batch, which normalisation turns
    into +1 and -1 whatever its weights, so that the whole gradient vanishes. That it is orthogonal
    to the weights in general is the next claim.
    """
    yield from lemma(without_shifts(case), all_layers=setting.altered)


@claim(
    "structural-lemma-scale-invariance",
    title="A layer in front of batch normalisation is orthogonal to its gradient",
    kind="identity",
    sources=[],
    statement=r"\Big\langle W_k, \frac{\partial f_W(x_j; \tilde X)}{\partial W_k} \Big\rangle = 0"
    r" \quad \forall j",
    hypotheses=[
        "a chain of dense layers; layer k is normalised over the batch (galanti2022, Eq. 5)",
        "mean and variance are differentiated",
        "where a pre-activation is 0, the derivative is autograd's",
    ],
    control="the variance is detached",
    on={"case": batch_normalised_cases("batch")},
    examples=300,
    corrects="structural-lemma-batch-norm",
)
def structural_lemma_scale_invariance(setting: Setting, case: Case) -> Findings:
    """The invariance to scale that xu2022 (caption of Figure 1) names as what batch normalisation
    and weight normalisation have in common, as an identity for the gradient.

    On two samples the whole gradient of such a layer vanishes; these examples are counted as
    degenerate. On the batches of four samples it does not.
    """
    checked = with_detached_variance(case) if setting.altered else case
    found = products(checked)
    if isinstance(found, Rejection):
        yield found
        return
    inner, _, how = found
    described = case.network.parameters
    normalised = [
        inner[k]
        for k in case.network.weights
        if case.network.layers[described[k].layer - 1].normalisation != "none"
    ]
    degenerate = "two samples: the whole gradient is zero" if case.samples == 2 else None
    left = np.stack(normalised, axis=1)
    yield equality(left, 0 * left, how, checked.member, degenerate=degenerate)


@claim(
    "structural-lemma-batch-norm-detached",
    title="The structural lemma for pseudo gradients, which detach the variance",
    kind="identity",
    sources=[],
    statement=r"\Big\langle W_k, \frac{\bar\partial f_W(x_j; \tilde X)}{\bar\partial W_k}"
    r" \Big\rangle = f_W(x_j; \tilde X) \quad \forall j, k",
    hypotheses=[
        "a chain of dense layers, some hidden ones normalised over the batch (galanti2022, Eq. 5),"
        " with shift 0",
        "the variance is detached (galanti2022, Section 2.1)",
        "where a pre-activation is 0, the derivative is autograd's",
    ],
    control="shifts need not be 0",
    on={"case": batch_normalised_cases("batch-detached")},
    examples=300,
)
def structural_lemma_batch_norm_detached(setting: Setting, case: Case) -> Findings:
    """With its variances held constant the network is a chain of linear maps of the batch and
    activations, homogeneous in each layer, so that the lemma survives. A shift acts like a bias.

    The gradient is taken in forward mode in rationals, never by backpropagation.
    """
    yield from lemma(case if setting.altered else without_shifts(case))
