"""The structural lemma: xu2022, Lemma 2; poggio2020, Eq. 1-2; banburski2019, Eq. 3.

The papers state the lemma for chains of layers without biases. The claims of our own say what
becomes of it beyond: biases, residual connections, several outputs. The scaling that it follows
from by Euler's theorem is a claim too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st

from properties.assumptions import (
    ACTIVATIONS,
    ANY_CHOICE_AT_KINKS,
    AUTOGRAD_AT_KINKS,
    NOT_NORMALISED,
)
from properties.homogeneity.inner_products import (
    LEMMA,
    added,
    compared,
    lemma,
    lemma_at_kinks,
    lemma_by_quotients,
    products,
)
from properties.notation import EVERYWHERE, FLOATS, QUOTIENTS, WITHIN_BOUNDS
from properties.papers import BANBURSKI2019, POGGIO2020, XU2022
from theorycheck import (
    Case,
    Findings,
    Formal,
    Identity,
    Network,
    Observation,
    Rejection,
    Setting,
    arithmetic,
    cases,
    claim,
    directed_graphs,
    equality,
    forward,
    homogeneous_networks,
    mlps,
    positive_dyadics,
    residual_networks,
)
from theorycheck.arithmetic import (
    Growth,
    evaluate_with_error_bounds,
    exact_dtype,
    rounds,
    sums_of_parameters,
)
from theorycheck.claims import number_text
from theorycheck.drawing import large_cases, mostly


def lemma_within_bounds(case: Case, *, all_layers: bool) -> Findings:
    """`lemma` where float64 rounds: both sides may differ by no more than rounding explains.

    Where they do, the derivative of the output along the weights is decided by rational difference
    quotients, for that member and sample.
    """
    evaluation = evaluate_with_error_bounds(case)
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
        arithmetic=WITHIN_BOUNDS,
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
        ANY_CHOICE_AT_KINKS,
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
        ACTIVATIONS,
        ANY_CHOICE_AT_KINKS,
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
    "structural-lemma-positive-homogeneity",
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
        f"{ACTIVATIONS}; kinks included",
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
        AUTOGRAD_AT_KINKS,
    ],
    control="the inner products of all layers are added up",
    on={"case": cases(mlps(depths=(2, 4), bias=True), check=sums_of_parameters)},
    formal=Formal(LEMMA, EVERYWHERE, given=("chain()", "len(biases) > 0", NOT_NORMALISED.formula)),
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
        AUTOGRAD_AT_KINKS,
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
        AUTOGRAD_AT_KINKS,
    ],
    control="the inner products of all matrices are added up",
    on={"case": cases(st.one_of(directed_graphs(), residual_networks()), check=sums_of_parameters)},
    formal=Formal(LEMMA, EVERYWHERE, given=("len(biases) == 0", NOT_NORMALISED.formula)),
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
        f"{ACTIVATIONS}; autograd's derivative at kinks",
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
