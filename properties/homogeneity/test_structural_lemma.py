"""The structural lemma: xu2022, Lemma 2; poggio2020, Eq. 1-2; banburski2019, Eq. 3.

The papers state the lemma for chains of layers without biases. The claims of our own say what
becomes of it beyond: biases, residual connections, several outputs. The scaling that it follows
from by Euler's theorem is a claim too.
"""

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    ANY_CHOICE_AT_KINKS,
    AUTOGRAD_AT_KINKS,
    BIASES,
    CHAIN,
    CHAIN_WITH_BIASES,
    CUT_WITHOUT_CONSTANTS,
    GRAPH,
    ONE_OUTPUT,
    RESIDUAL_BLOCKS,
    SEVERAL_OUTPUTS,
)
from properties.notation import ADDED_UP, EVERYWHERE, LEMMA
from properties.papers import BANBURSKI2019, POGGIO2020, POGGIO2021, XU2022
from theorycheck.arithmetic import sums_of_parameters

LARGE = tc.large_cases(tc.mlps(depths=(2, 6), widths=(32, 256)))
GRAPHS = st.one_of(tc.directed_graphs(outputs=(1, 2)), tc.residual_networks())

structural_lemma = tc.stated(
    "structural-lemma",
    title="Structural lemma: each layer's inner product with its gradient is the output",
    sources=[XU2022.at("Lemma 2, Eq. 3"), POGGIO2020.at("Eq. 1-2"), BANBURSKI2019.at("Eq. 3")],
    printed=r"\sum_{i,j} \frac{\partial f_W(x)}{\partial W_k^{ij}} W_k^{ij}"
    r" = \Big\langle W_k, \frac{\partial f_W(x)}{\partial W_k} \Big\rangle = f_W(x)"
    r" \quad \forall x, k",
    given=[CHAIN, ONE_OUTPUT, ANY_CHOICE_AT_KINKS],
    forall=EVERYWHERE,
    states=LEMMA,
    control=ADDED_UP,
    on=tc.mostly(tc.cases(tc.homogeneous_networks(), check=sums_of_parameters), LARGE),
    why="Once the activation pattern is fixed, the output is linear in each weight matrix. At a"
    " kink any choice of the derivative at zero gives the same inner product, because the"
    " pre-activation that it multiplies is zero. The output is linear (xu2022, poggio2020) or"
    " passes through the activation (banburski2019).",
)

structural_lemma_multi_output = tc.stated(
    "structural-lemma-multi-output",
    title="Structural lemma for each component of a network with several outputs",
    printed=r"\Big\langle W_k, \frac{\partial f_W^{(c)}(x)}{\partial W_k} \Big\rangle"
    r" = f_W^{(c)}(x) \quad \forall x, k, c",
    given=[CHAIN, SEVERAL_OUTPUTS, ANY_CHOICE_AT_KINKS],
    forall=EVERYWHERE,
    states=LEMMA,
    control=ADDED_UP,
    on=tc.cases(tc.homogeneous_networks(outputs=(2, 3)), check=sums_of_parameters),
    examples=50,
    rests_on=["structural-lemma"],
    why="The lemma is printed for scalar networks (xu2022, Lemma 2); it carries over to each"
    " output component, which is what its use for several classes needs.",
)

structural_lemma_positive_homogeneity = tc.stated(
    "structural-lemma-positive-homogeneity",
    title="Scaling one layer by a positive factor scales the output by it",
    sources=[
        XU2022.at("Section 3.2: positive homogeneity"),
        POGGIO2020.at("Section 2.1, definition of rho"),
        POGGIO2021.at("Section 1.1, definition of rho"),
        BANBURSKI2019.at("Section 2, positive one-homogeneity"),
    ],
    printed=r"f_W(x) = \rho_1 \cdots \rho_L \, f_V(x), \qquad W_k = \rho_k V_k, \; \rho_k > 0",
    given=[CHAIN],
    assuming={"the factor is positive": "factor > 0"},
    forall=EVERYWHERE,
    states="network(replaced(W, k, factor * W[k]), x)[n][c] == factor * f(n, c)",
    control=tc.altered(
        "the factor is negative",
        "network(replaced(W, k, -factor * W[k]), x)[n][c] == -factor * f(n, c)",
    ),
    numbers=["factor"],
    on=tc.cases(tc.homogeneous_networks(outputs=(1, 2)), numbers={"factor": tc.positive_dyadics()}),
    examples=50,
    why="The factorisation behind the structural lemma, which follows from it by Euler's theorem."
    " Stated for one layer at a time, which gives the product by induction, and for any positive"
    " factor, of which the Frobenius norm is one. No derivative takes part, so that kinks are no"
    " exception.",
)

structural_lemma_biases = tc.stated(
    "structural-lemma-biases",
    title="The structural lemma for networks with biases in hidden layers",
    printed=r"\Big\langle W_k, \frac{\partial f_W(x)}{\partial W_k} \Big\rangle = f_W(x)"
    r" \quad \forall x, k",
    given=[CHAIN_WITH_BIASES, BIASES, AUTOGRAD_AT_KINKS],
    forall=EVERYWHERE,
    states=LEMMA,
    control=ADDED_UP,
    on=tc.cases(tc.mlps(depths=(2, 4), bias=True), check=sums_of_parameters),
    why="The lemma needs the absence of biases that xu2022, poggio2020, poggio2021 and"
    " banburski2019 assume. A constant input feature, which the last three allow instead, is"
    " covered by the lemma: its weights belong to the first matrix.",
)

LATER = "sum([inner(W[b], df(n, c, b)) for b in biases if layer(b) {} layer(k)])"

structural_lemma_later_biases = tc.stated(
    "structural-lemma-later-biases",
    title="With biases, a layer's weights and all biases from it onwards give the output",
    printed=r"\Big\langle W_k, \frac{\partial f}{\partial W_k} \Big\rangle"
    r" + \sum_{l \ge k} \Big\langle b_l, \frac{\partial f}{\partial b_l} \Big\rangle = f(x)"
    r" \quad \forall x, k",
    given=[CHAIN_WITH_BIASES, BIASES, AUTOGRAD_AT_KINKS],
    forall=EVERYWHERE,
    states=f"inner(W[k], df(n, c, k)) + {LATER.format('>=')} == f(n, c)",
    control=tc.altered("the bias of layer k itself is left out", {">=": ">"}),
    on=tc.cases(tc.mlps(depths=(2, 4), outputs=(1, 2), bias=True), check=sums_of_parameters),
    examples=50,
    corrects="structural-lemma-biases",
    why="The network is positively homogeneous in the weights of layer k together with the biases"
    " of layer k and of all later layers; Euler's theorem gives the identity.",
)

structural_lemma_residual = tc.stated(
    "structural-lemma-residual",
    title="The structural lemma for each single weight matrix of a residual network",
    printed=r"\Big\langle W^{pq}, \frac{\partial f_W(x)}{\partial W^{pq}} \Big\rangle = f_W(x)"
    r" \quad \forall x, \; (v_p, v_q) \in E_T",
    given=[GRAPH, RESIDUAL_BLOCKS, AUTOGRAD_AT_KINKS],
    forall=EVERYWHERE,
    states=LEMMA,
    control=ADDED_UP,
    on=tc.cases(st.one_of(tc.directed_graphs(), tc.residual_networks()), check=sums_of_parameters),
    why="A path from input to output that avoids a matrix contributes to the output, but not to"
    " that matrix's inner product.",
)

structural_lemma_cut = tc.stated(
    "structural-lemma-cut",
    title="In a graph, the inner products of all matrices across a cut add up to the output",
    printed=r"\sum_{q \le l < p} \Big\langle W^{pq},"
    r" \frac{\partial f_W(x)}{\partial W^{pq}} \Big\rangle = f_W(x) \quad \forall x, l",
    given=[GRAPH, RESIDUAL_BLOCKS, CUT_WITHOUT_CONSTANTS, AUTOGRAD_AT_KINKS],
    forall=("l in range(depth)", "n in samples", "c in outputs"),
    states="sum([inner(W[k], df(n, c, k)) for k in weights"
    " if source(k) <= l and l < layer(k)]) == f(n, c)",
    control=tc.altered(
        "constant edges across the cut are allowed", without=[CUT_WITHOUT_CONSTANTS]
    ),
    on=tc.cases(GRAPHS, check=sums_of_parameters),
    examples=50,
    corrects="structural-lemma-residual",
    why="Every path from input to output crosses such a cut exactly once, so that the output is"
    " positively homogeneous in the matrices across it. The lemma for chains is the case in which"
    " each cut holds one matrix; the matrices into the output layer form a cut of every graph in"
    " which no constant edge leads to the output.",
)
