"""Networks as graphs of layers, and where edges point: galanti2022, Section 2.1, Eq. 3-4, 11-12.

Layers are numbered from 0, the input, to L. A weight matrix is printed as W^{ij}, on the edge
``(v_i, v_j)``: ``v_i`` is layer(k), ``v_j`` is source(k).
"""

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    DENSE,
    GRAPH,
    NO_BIASES,
    RESIDUAL_BLOCKS,
    SHORTENING,
    TWO_LAYERS,
    WHOLE_INPUT,
)
from properties.papers import GALANTI2022

EDGES = [
    "out_of(l) = len([k for k in weights if source(k) == l])"
    " + len([e for e in skips if e[0] == l])",
    "into(l) = len([k for k in weights if layer(k) == l]) + len([e for e in skips if e[1] == l])",
]
"""How many edges, trainable and constant, lead from a layer and to it."""
PATHS = (
    r"\pi = (\pi_0, \dots, \pi_T), \quad \pi_0 = 1,\ \pi_T = L, \quad"
    r" (v_{\pi_i}, v_{\pi_{i+1}}) \in E"
)
GRAPHS = tc.cases(
    st.one_of(tc.trainable_networks(), tc.directed_graphs(depths=(2, 4), widths=(1, 2))), cohort=1
)
ANY_GRAPHS = st.one_of(GRAPHS, tc.constant_first_layers())
"""Some read the input through a constant edge alone."""
CHAINS = tc.cases(tc.mlps(depths=(2, 2), widths=(1, 3)), samples=(1, 3), cohort=1)
ARGUMENT = "z(n, i) = inner(W[0][i], x[n])"
SLOPE_AT_ZERO = tc.Convention("sigma'(0) is the slope on negative numbers")

layer_graph_paths_printed = tc.stated(
    "layer-graph-paths-printed",
    title="Some edge leads from the input to another layer, as printed",
    sources=[GALANTI2022.at("Section 2.1: paths, Section 2.1: graph")],
    printed=PATHS,
    given=[GRAPH],
    states="into(0) >= 1",
    control=tc.altered("at least two", "into(0) >= 2"),
    where=EDGES,
    on=ANY_GRAPHS,
    why="A path that starts with the input needs an edge (v_1, v_j). By Eq. 3, pred(i) is the set"
    " of j with (v_i, v_j) in E, so that the first index of an edge is the layer that reads, and"
    " the input reads nothing: with the printed orientation there is no path. The expansions of"
    " Appendices B and C have the same slip. Read with edges reversed, that of Appendix B is right;"
    " that of Appendix C has other errors (`batch-norm-expansion-recursion-printed`).",
)

layer_graph_paths = tc.stated(
    "layer-graph-paths",
    title="Some edge leads from the input to another layer, read from source to target",
    sources=[GALANTI2022.at("Section 2.1: paths")],
    printed=PATHS.replace(r"(v_{\pi_i}, v_{\pi_{i+1}})", r"(v_{\pi_{i+1}}, v_{\pi_i})"),
    given=[GRAPH],
    states="out_of(0) >= 1",
    control=tc.altered("at least two", "out_of(0) >= 2"),
    where=EDGES,
    on=ANY_GRAPHS,
    corrects="layer-graph-paths-printed",
    why="Paths follow edges backwards. The first layer after the input has nothing else to read."
    " Edges are trainable or constant, as in the paper's E: the weights alone need not read the"
    " input.",
)

layer_graph_ends_printed = tc.stated(
    "layer-graph-ends-printed",
    title="No edge begins at the output, and none ends at the input, as printed",
    sources=[GALANTI2022.at("Section 2.1: graph")],
    printed=r"\text{The output layer is not connected to any other layer and no one of the layers}"
    r" \text{ connects with the input layer}: (v_L, v_j) \notin E,\ (v_i, v_1) \notin E",
    given=[GRAPH],
    states="into(depth) == 0 and out_of(0) == 0",
    control=tc.altered("the former alone", "into(depth) == 0"),
    where=EDGES,
    on=ANY_GRAPHS,
    why="With (v_i, v_j) for W^{ij}, which maps v_j to v_i, Eq. 4 needs edges (v_L, v_j), and"
    " Proposition 1 is about edges (v_p, v_1). The sentence means the reverse orientation.",
)

layer_graph_ends = tc.stated(
    "layer-graph-ends",
    title="Nothing reads the output, and the input reads nothing",
    sources=[GALANTI2022.at("Section 2.1: graph")],
    printed=r"(v_i, v_L) \notin E,\ (v_1, v_j) \notin E",
    given=[GRAPH],
    states="out_of(depth) == 0 and into(0) == 0",
    control=tc.altered("nothing reads the layer before the output", "out_of(depth - 1) == 0"),
    where=EDGES,
    on=ANY_GRAPHS,
    corrects="layer-graph-ends-printed",
    why="With the indices exchanged.",
)

layer_graph_layer = tc.stated(
    "layer-graph-layer",
    title="A layer is the activation of its weights times the layer before",
    sources=[GALANTI2022.at("Eq. 3")],
    printed=r"v_i(x) = \sigma\Big( \sum_{j \in \operatorname{pred}(i)} W^{ij} \cdot v_j(x) \Big)",
    given=[TWO_LAYERS, NO_BIASES, CHAIN, DENSE, WHOLE_INPUT, SHORTENING],
    forall=["n in samples", "i in range(len(W[0]))"],
    states="h(n)[i] == max([z(n, i), slope(1) * z(n, i)])",
    control=tc.altered("the smaller one", "h(n)[i] == min([z(n, i), slope(1) * z(n, i)])"),
    where=[ARGUMENT],
    on=CHAINS,
    examples=60,
    why="As no slope on negative numbers exceeds 1, an activation is the larger of its argument and"
    " the slope times its argument.",
)

layer_graph_slopes = tc.stated(
    "layer-graph-slopes",
    title="A layer is the slopes of its activation, taken at the layer, times its argument",
    sources=[GALANTI2022.at("Eq. 12, Appendix B: slopes")],
    printed=r"v_{l_1}(x) = D_{l_1}(x) \sum_{l_2 \in \operatorname{pred}(l_1)} W^{l_1 l_2} \cdot"
    r" v_{l_2}(x), \qquad D_l(x) = \operatorname{diag}[\sigma'(v_l(x))]",
    given=[TWO_LAYERS, NO_BIASES, CHAIN, DENSE, WHOLE_INPUT, SHORTENING, SLOPE_AT_ZERO],
    forall=["n in samples", "i in range(len(W[0]))"],
    states="h(n)[i] == (1 if h(n)[i] > 0 else slope(1)) * z(n, i)",
    control=tc.altered("all slopes are those of positive numbers", "h(n)[i] == 1 * z(n, i)"),
    where=[ARGUMENT],
    on=CHAINS,
    examples=60,
    rests_on=["layer-graph-layer"],
    why="The slope is printed at the layer v instead of its argument. For leaky ReLU both have the"
    " same sign; a ReLU that is off has v = 0, where Eq. 12 needs sigma'(0) = 0. It is positive"
    " homogeneity.",
)

layer_graph_sigmoid = tc.stated(
    "layer-graph-sigmoid",
    title="A layer of sigmoids is their slopes times its argument",
    sources=[GALANTI2022.at("Section 2.1: activations, Eq. 12")],
    printed=r"\sigma(z) = \sigma'(\sigma(z)) \cdot z \ \text{ or }\ \sigma(z) = \sigma'(z) \cdot z,"
    r" \qquad \sigma \text{ the sigmoid}",
    given=[TWO_LAYERS, NO_BIASES, DENSE],
    forall=["n in samples", "i in range(len(W[0]))"],
    states="sigmoid(z(n, i)) == slope_at(sigmoid(z(n, i))) * z(n, i)"
    " or sigmoid(z(n, i)) == slope_at(z(n, i)) * z(n, i)",
    control=tc.altered(
        "the sigmoid in the place of its slope",
        "sigmoid(z(n, i)) == sigmoid(sigmoid(z(n, i))) * z(n, i)"
        " or sigmoid(z(n, i)) == sigmoid(z(n, i)) * z(n, i)",
    ),
    where=[
        ARGUMENT,
        "sigmoid(a) = 1 / (1 + exp(-a))",
        "slope_at(a) = sigmoid(a) * (1 - sigmoid(a))",
    ],
    on=CHAINS,
    why="Section 2.1 names the sigmoid among its activations. Eq. 12, on which all expansions rest,"
    " is true of positively homogeneous activations; of the sigmoid it is false at either place."
    " Proposition 1 is stated for ReLU networks; Lemma 1 needs only the chain rule.",
)

layer_graph_output = tc.stated(
    "layer-graph-output",
    title="The output is a sum over the edges into the last layer",
    sources=[GALANTI2022.at("Eq. 4, Eq. 11")],
    printed=r"f_W(x) = \sum_{j \in \operatorname{pred}(L)} W^{Lj} \cdot v_j(x)",
    given=[GRAPH, DENSE],
    assuming={
        "two layers, without constant edges; linear outputs": (
            "depth == 2 and len(skips) == 0 and slope(2) == 1"
        ),
        "the matrices at the last layer read whole layers, no patch": (
            "all([len(W[k][0]) == (len(h(0)) if source(k) == 1 else len(x[0]))"
            " for k in weights if layer(k) == depth])"
        ),
    },
    forall=["n in samples", "c in outputs"],
    states="f(n, c) == sum([read(k, n, c) for k in weights if layer(k) == depth])",
    control=tc.altered(
        "over the edge from the layer before alone",
        "f(n, c) == sum([read(k, n, c) for k in weights if source(k) == 1])",
    ),
    where=["read(k, n, c) = inner(W[k][c], h(n)) if source(k) == 1 else inner(W[k][c], x[n])"],
    on=tc.cases(
        st.one_of(
            tc.mlps(depths=(2, 2), outputs=(1, 2)),
            tc.directed_graphs(depths=(2, 2), skips=("dense",), outputs=(1, 2)),
        ),
        cohort=1,
    ),
    examples=60,
    why="The last layer has no activation.",
)

layer_graph_residual = tc.stated(
    "layer-graph-residual",
    title="The layers of a residual network are activations, as Eq. 3 says",
    kind="consistency",
    sources=[GALANTI2022.at("Section 4.1: residual blocks, Eq. 3")],
    printed=r"z + \sigma(W_2 \sigma(W_1 z)) = \sigma(\cdot) \ge 0, \qquad \sigma \text{ the ReLU}",
    given=[GRAPH, RESIDUAL_BLOCKS],
    assuming={"constant edges": "len(skips) > 0"},
    forall=["n in samples"],
    states="min(h(n)) >= 0",
    control=tc.altered("and at least 1", "min(h(n)) >= 1"),
    on=tc.cases(tc.residual_networks(blocks=(1, 1), widths=(1, 2), slopes=(tc.RELU,)), cohort=1),
    rests_on=["layer-graph-layer"],
    why="By Eq. 3 every layer but the last is an activation of a sum, so that with ReLU nothing"
    " negative leaves it. The residual blocks of Section 4.1 add their input after the activation,"
    " and pass it on with its sign: they are no layers of Eq. 3. With linear layers, which"
    " Section 2.1 includes although Eq. 3 has one activation for all, they are such graphs: one"
    " more layer, linear and without weights, adds the branches, and the theorems apply to that.",
)
