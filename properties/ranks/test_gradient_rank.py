"""The gradient of an output by a weight matrix has rank at most 1: galanti2022, Lemma 1.

And what becomes of it for convolutional layers, which the paper's abstract includes.
"""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    ANY_CHOICE_AT_KINKS,
    ANY_LOSS,
    AUTOGRAD_AT_KINKS,
    DENSE,
    FILTERS,
    NOT_NORMALISED,
    ONE_OUTPUT,
    RESIDUAL_BLOCKS,
    SEVERAL_PATCHES,
)
from properties.notation import EVERYWHERE
from properties.papers import GALANTI2022, XU2022
from theorycheck.arithmetic import alone, minors

RANK_ONE = "rank(df(n, c, k)) <= 1"
SUMMED = tc.altered(
    "the gradient is summed over the samples of a batch",
    "rank(sum([df(m, c, k) for m in samples])) <= 1",
)
BATCH_LOSS = "sum([2 * (f(n, 0) - y[n][0]) * df(n, 0, k) for n in samples])"
SMALL = tc.cases(
    st.one_of(
        tc.mlps(depths=(1, 4), outputs=(1, 3)),
        tc.directed_graphs(outputs=(1, 2)),
        tc.residual_networks(outputs=(1, 2)),
    ),
    check=minors,
)
LARGE = tc.large_cases(
    st.one_of(
        tc.mlps(depths=(2, 6), widths=(32, 256)),
        tc.directed_graphs(depths=(2, 6), widths=(32, 128)),
        tc.residual_networks(widths=(32, 128)),
    )
)

gradient_rank = tc.stated(
    "gradient-rank",
    title="The gradient of one output at one sample has rank at most 1 in every weight matrix",
    sources=[
        GALANTI2022.at("Lemma 1, Section 1: rank one, Footnote 1"),
        XU2022.at("Section 6.1: rank of gradients, Lemma 8"),
    ],
    printed=r"\operatorname{rank}\Big(\frac{\partial f_W(x)}{\partial W^{pq}}\Big) \le 1"
    r" \quad \forall x, p, q",
    given=[DENSE, NOT_NORMALISED, RESIDUAL_BLOCKS, ANY_CHOICE_AT_KINKS],
    forall=EVERYWHERE,
    states=RANK_ONE,
    control=SUMMED,
    on=tc.mostly(SMALL, LARGE),
    examples=120,
    rests_on=[
        "path-expansion-gradient",
        "activation-pattern-factors",
        "activation-pattern-negligible-printed",
    ],
    why="The gradient is an outer product: of what reaches the output from the matrix's target,"
    " with the value of its source. Backpropagation builds that product; single networks are"
    " therefore decided with difference quotients and forward mode too. The lemma is printed for"
    " every input and proved for almost every one; at a kink its conclusion holds for every element"
    " of the generalised gradient with respect to the one matrix, since the right factor is the"
    " value of the source, which all of them share. Networks are directed acyclic graphs of layers"
    " (galanti2022, Eq. 3-4) with dense, constant or residual connections.",
)

gradient_rank_batch = tc.stated(
    "gradient-rank-batch",
    title="The gradient of a batch's loss has rank at most the batch size",
    sources=[GALANTI2022.at("Appendix B: U")],
    printed=r"\operatorname{rank}\Big( -\frac{1}{2\lambda B^*} \sum_{j=1}^{B^*}"
    r" \frac{\partial \ell(f_W(x_{i_j}; \tilde X), y_{i_j})}{\partial f_W(x_{i_j}; \tilde X)}"
    r" \cdot \frac{\partial f_W(x_{i_j}; \tilde X)}{\partial W^{pq}} \Big) \le B^*",
    given=[ANY_LOSS, ONE_OUTPUT, DENSE, NOT_NORMALISED, RESIDUAL_BLOCKS, AUTOGRAD_AT_KINKS],
    forall=["k in weights"],
    states=f"rank({BATCH_LOSS}) <= len(samples)",
    control=tc.altered("the bound is one less", f"rank({BATCH_LOSS}) <= len(samples) - 1"),
    on=tc.cases(
        tc.mlps(depths=(2, 3), widths=(3, 4)), samples=(2, 3), targets="dyadic", check=minors
    ),
    examples=60,
    rests_on=["gradient-rank"],
    why="A sum of B* outer products, one for each sample; the printed numerator lacks its"
    " partial sign. With batch normalisation: `batch-norm-gradient-rank`.",
)

gradient_rank_convolution = tc.stated(
    "gradient-rank-convolution",
    title="The gradient of one output at one sample has rank at most 1 in a matrix of filters",
    sources=[GALANTI2022.at("Memo abstract: convolutional layers")],
    printed=r"\operatorname{rank}\Big(\frac{\partial f_W(x)}{\partial K}\Big) \le 1,"
    r" \qquad K \in \mathbb{R}^{\text{filters} \times \text{kernel entries}}",
    given=[FILTERS, SEVERAL_PATCHES, NOT_NORMALISED, ANY_CHOICE_AT_KINKS],
    forall=EVERYWHERE,
    states=RANK_ONE,
    control=SUMMED,
    on=tc.cases(tc.convolutional_networks(outputs=(1, 2), filters=(1, 4)), check=minors),
    examples=400,
    why="The abstract says that the analysis covers convolutional layers; the body of the paper"
    " (its second abstract, Section 2.1, the proofs) treats weight matrices that act on whole"
    " layers only. Read with the filters as the weight matrix, which is what is trained, Lemma 1"
    " fails as soon as a filter meets two different patches: each patch adds an outer product of"
    " its own.",
)

gradient_rank_convolution_patches = tc.stated(
    "gradient-rank-convolution-patches",
    title="The rank of the gradient in a matrix of filters is at most the number of patches",
    printed=r"\operatorname{rank}\Big(\frac{\partial f_W(x)}{\partial K}\Big)"
    r" \le \text{number of patches that } K \text{ is applied to}",
    given=[FILTERS, NOT_NORMALISED, AUTOGRAD_AT_KINKS],
    forall=EVERYWHERE,
    states="rank(df(n, c, k)) <= patches(k)",
    control=tc.altered("the bound is one less", "rank(df(n, c, k)) <= patches(k) - 1"),
    on=tc.cases(
        tc.convolutional_networks(outputs=(1, 2), filters=(2, 5), layers=(1, 1)),
        cohort=4,
        check=alone,
    ),
    examples=120,
    corrects="gradient-rank-convolution",
    why="Each patch contributes one outer product. The bound is reached, so that batches of one"
    " sample give convolutional layers no constraint of rank 1.",
)


def unrolled(case: tc.Case) -> tc.Case:
    """Each convolutional layer as the dense layer with its Toeplitz matrix."""
    network = case.network
    arrays = list(case.parameters)
    for k in network.weights:
        connection = network.edge_of(k).map
        if isinstance(connection, tc.Convolution):
            shape = (connection.filters, connection.positions, connection.source_width)
            toeplitz = np.zeros((case.members, *shape))
            for position, patch in enumerate(connection.patches()):
                toeplitz[:, :, position, patch] = arrays[k]
            arrays[k] = toeplitz.reshape(case.members, -1, connection.source_width)
    layers = [
        replace(layer, edges=tuple(replace(edge, map=tc.Dense()) for edge in layer.edges))
        for layer in network.layers
    ]
    dense = tc.Network(network.input_width, tuple(layers))
    return replace(case, network=dense, parameters=tuple(arrays))


gradient_rank_toeplitz = tc.stated(
    "gradient-rank-toeplitz",
    title="The gradient in a convolutional layer's Toeplitz matrix has rank at most 1",
    printed=r"\operatorname{rank}\Big(\frac{\partial f_W(x)}{\partial T}\Big) \le 1, \qquad"
    r" T \in \mathbb{R}^{\text{layer} \times \text{layer}}",
    given=[DENSE, NOT_NORMALISED, ANY_CHOICE_AT_KINKS],
    forall=EVERYWHERE,
    states=RANK_ONE,
    control=SUMMED,
    on=tc.cases(tc.convolutional_networks(outputs=(1, 2)), cohort=8).map(unrolled),
    examples=50,
    corrects="gradient-rank-convolution",
    rests_on=["gradient-rank"],
    why="The other reading of a convolutional layer's weight matrix, under which galanti2022,"
    " Lemma 1, holds: every convolutional layer is written as the dense matrix T that acts on the"
    " whole layer, and the entries of T are varied freely. It is not what training with shared"
    " filters changes.",
)
