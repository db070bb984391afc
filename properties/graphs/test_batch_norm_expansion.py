"""The network with batch normalisation as a sum over paths: galanti2022, Appendix C, Eq. 19-24.

Two or three layers of weights, the hidden ones normalised, on batches with rational deviations.
"""

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    DENSE,
    DETACHED_VARIANCE,
    ONE_OUTPUT,
    SHORTENING,
    VARYING_OVER_SAMPLES,
)
from properties.graphs.batches_of_two import (
    ALPHA,
    BOTH_NORMALISED,
    FIRST_LAYER,
    ONE_NORMALISED,
    both_normalised,
    one_normalised,
)
from properties.papers import GALANTI2022

ONE_LAYER = tc.Family(
    given=[ONE_NORMALISED, VARYING_OVER_SAMPLES, ONE_OUTPUT],
    on=one_normalised(),
    where=[
        *FIRST_LAYER,
        ALPHA,
        "units = range(len(W[0]))",
        "output(n, seen, added) = sum([W[3][0][i] * (seen[i] + added[i]) for i in units])",
        "Q(n, i) = D(n, i) * scale(i)",
        "centred(n) = [Q(n, i) * (z(n, i) - centre(i)) for i in units]",
        "not_centred(n) = [Q(n, i) * z(n, i) for i in units]",
        "shift(n) = [D(n, i) * W[2] for i in units]",
        "bare(n) = [W[2] for i in units]",
        "deviation(n, i) = h(n)[i] - sum([h(m)[i] for m in samples]) / len(samples)",
        "recentred(n, i) = sum([alpha(n, j) * Q(j, i) * (z(j, i) - centre(i)) for j in samples])",
        "recentred_shift(n, i) = sum([alpha(n, j) * D(j, i) * W[2] for j in samples])",
    ],
    examples=60,
)
BOTH_LAYERS = tc.Family(
    given=[
        BOTH_NORMALISED,
        SHORTENING,
        VARYING_OVER_SAMPLES,
        ONE_OUTPUT,
        DETACHED_VARIANCE,
        AUTOGRAD_AT_KINKS,
    ],
    on=both_normalised(),
    where=[
        *FIRST_LAYER,
        ALPHA,
        "first = range(len(W[0]))",
        "second = range(len(W[3]))",
        "v(n, l) = D(n, l) * argument(n, l)",
        "z2(n, i) = sum([W[3][i][l] * v(n, l) for l in first])",
        "centre2(i) = sum([z2(n, i) for n in samples]) / len(samples)",
        "variance2(i) = sum([(z2(n, i) - centre2(i)) ** 2 for n in samples]) / len(samples)",
        "Q2(n, i) = (1 if h(n)[i] > 0 else slope(2)) * W[4] / root(variance2(i))",
        "D2(n, i) = 1 if h(n)[i] > 0 else slope(2)",
        "Q(n, l) = D(n, l) * scale(l)",
        "u1(n, i) = W[6][0][i] * Q2(n, i)",
        "u2(n, l) = sum([alpha(n, j) * D(j, l) * W[2] for j in samples])",
        "u2_printed(n, l) = sum([alpha(n, j) * Q(j, l) * D(j, l) * W[2] for j in samples])",
        "u3(n, l) = sum([alpha(n, j) * Q(j, l) * (z(j, l) - centre(l)) for j in samples])",
        "behind(n) = sum([W[6][0][i] * D2(n, i) * W[5] for i in second])",
    ],
    examples=120,
)
SECOND_LAYER = [
    "at(n, i, b) = W[4] / root(variance2(i)) * (z2(n, i) - b) + W[5]",
    "bent(a) = max([a, slope(2) * a])",
]
"""What the second layer, l_1, is of its sum z2 with the centre b."""
EVERY_SAMPLE = ["n in samples"]
EVERY_UNIT = ["n in samples", "i in units"]
EVERY_SECOND_UNIT = ["n in samples", "i in second"]
EVERY_ENTRY = ["n in samples", "i in second", "l in first"]
OUTPUT = (
    r"f(x_{j_0}; \tilde X) = \sum_{l_1} W^{l_0 l_1} \cdot "
    r"\Big[ Q^{j_0}_{l_1} \cdot \sum_{l_2} W^{l_1 l_2} \cdot "
)

LAYER = (
    r"v_{l_1}(x) = D_{l_1}(x; \tilde X) \cdot \Big[ \gamma_{l_1} \cdot A_{l_1}(\tilde X) \cdot"
    r" \Big( \sum_{l_2} W^{l_1 l_2} \cdot v_{l_2}(x; \tilde X) - b_{"
)

batch_norm_expansion_layer_printed = BOTH_LAYERS.stated(
    "batch-norm-expansion-layer-printed",
    title="A layer is centred by the mean of the layer before, as printed",
    sources=[GALANTI2022.at("Appendix C: layer")],
    printed=LAYER + r"l_2}(\tilde X) \Big) + \mathbb{1} \cdot \beta_{l_1} \Big]",
    assuming={"both layers are equally wide": "len(W[3]) == len(W[0])"},
    forall=EVERY_SECOND_UNIT,
    states="h(n)[i] == bent(at(n, i, centre(i)))",
    control=tc.altered("without a centre", {"centre(i)": "0"}),
    where=SECOND_LAYER,
    rests_on=["normalised-layer"],
    why="An index is wrong in the first line of the display. b_{l_2} is the mean of the sum that"
    " layer l_2 normalises; what is subtracted from the sum of layer l_1 is its own mean, b_{l_1}."
    " Where the layers differ in width, the line has no meaning. The second line is right.",
)

batch_norm_expansion_layer = BOTH_LAYERS.stated(
    "batch-norm-expansion-layer",
    title="A layer is centred by the mean of its own sum",
    sources=[GALANTI2022.at("Appendix C: layer")],
    printed=LAYER + r"l_1}(\tilde X) \Big) + \mathbb{1} \cdot \beta_{l_1} \Big]",
    forall=EVERY_SECOND_UNIT,
    states="h(n)[i] == bent(at(n, i, centre2(i)))",
    control=tc.altered("without the activation", "h(n)[i] == at(n, i, centre2(i))"),
    where=SECOND_LAYER,
    corrects="batch-norm-expansion-layer-printed",
    rests_on=["normalised-layer"],
    why="Eq. 3 and Eq. 5 for a layer behind another one, with b_{l_1} as the paper defines it after"
    " the display.",
)

batch_norm_expansion_bare_shifts = ONE_LAYER.stated(
    "batch-norm-expansion-bare-shifts",
    title="The output, two layers deep, as printed: shifts pass the activation",
    sources=[GALANTI2022.at("Eq. 21")],
    printed=OUTPUT + r"(v_{l_2}^{j_0} - \mu_{l_2}) + \mathbb{1} \cdot \beta_{l_1} \Big]",
    forall=EVERY_SAMPLE,
    states="f(n, 0) == output(n, centred(n), bare(n))",
    control=tc.altered("without shifts", "f(n, 0) == output(n, centred(n), [0 for i in units])"),
    rests_on=["layer-graph-output", "normalised-layer", "normalised-layer-mean"],
    why="The factor D before the shift, which the display for a layer has, is lost in the next one:"
    " a unit that is switched off would pass its shift. Eq. 22 has it"
    " again; the first term of the expansion and E_1 for T = 2 do not.",
)

batch_norm_expansion_inputs = ONE_LAYER.stated(
    "batch-norm-expansion-inputs",
    title="The output, two layers deep, with inputs that are not centred, as printed",
    sources=[GALANTI2022.at("Eq. 20-21")],
    printed=OUTPUT
    + r"\Delta_{l_2}^{j_0} + D_{l_1}^{j_0} \cdot \mathbb{1} \cdot \beta_{l_1} \Big], \qquad"
    r" \Delta_1^j = x_j",
    forall=EVERY_SAMPLE,
    states="f(n, 0) == output(n, not_centred(n), shift(n))",
    control=tc.altered("without shifts", {"shift(n)": "[0 for i in units]"}),
    rests_on=["layer-graph-output", "normalised-layer", "normalised-layer-mean"],
    why="Eq. 20 makes Delta_1 the input itself. A normalised layer subtracts the mean of what it"
    " reads, inputs included: Delta_1 must be x_j - mu_1. The bound of Lemma 2 does not change. The"
    " factor D before the shift, which Eq. 21 lacks, is put in.",
)

batch_norm_expansion = ONE_LAYER.stated(
    "batch-norm-expansion",
    title="The output, two layers deep",
    sources=[GALANTI2022.at("Eq. 19, Eq. 21, Appendix C: layer")],
    printed=OUTPUT
    + r"(v_{l_2}^{j_0} - \mu_{l_2}) + D_{l_1}^{j_0} \cdot \mathbb{1} \cdot \beta_{l_1} \Big]",
    forall=EVERY_SAMPLE,
    states="f(n, 0) == output(n, centred(n), shift(n))",
    control=tc.altered("with the shifts as printed", "f(n, 0) == output(n, centred(n), bare(n))"),
    corrects="batch-norm-expansion-bare-shifts",
    rests_on=["layer-graph-output", "normalised-layer", "normalised-layer-mean"],
    why="With D before the shifts, and inputs that are centred like every other layer.",
)

batch_norm_expansion_alpha = ONE_LAYER.stated(
    "batch-norm-expansion-alpha",
    title="Centring over the batch is the matrix alpha",
    sources=[GALANTI2022.at("Appendix C: alpha")],
    printed=r"v^i - \mu = \sum_{j=1}^B \alpha_{i,j} v^j, \qquad \alpha_{i,j} = -\frac1B"
    r" \ (i \ne j),\ \alpha_{i,i} = \frac{B-1}{B}",
    forall=EVERY_UNIT,
    states="deviation(n, i) == sum([alpha(n, j) * h(j)[i] for j in samples])",
    control=tc.altered("with 1 on the diagonal", {"==": "== h(n)[i] / len(samples) +"}),
    why="It is the projector onto what has mean 0.",
)

batch_norm_expansion_centred_printed = ONE_LAYER.stated(
    "batch-norm-expansion-centred-printed",
    title="A centred layer as a sum over the batch, as printed: its shifts are not centred",
    sources=[GALANTI2022.at("Eq. 22")],
    printed=r"\Delta_{l}^{j_t} = D_{l}^{j_t} \cdot \mathbb{1} \cdot \beta_{l} + \sum_{l'}"
    r" \sum_{j=1}^B \alpha_{j_t, j} Q_{l}^{j} \cdot W^{l l'} \cdot \Delta_{l'}^{j}",
    forall=EVERY_UNIT,
    states="deviation(n, i) == shift(n)[i] + recentred(n, i)",
    control=tc.altered("without shifts", "deviation(n, i) == recentred(n, i)"),
    rests_on=["normalised-layer", "normalised-layer-mean", "batch-norm-expansion-alpha"],
    why="The mean of the layer contains that of D beta, which the display forgets. In the line with"
    " 1/B, moreover, the indices of the layers in the parentheses are one too low, and j_t stands"
    " for j_{t+1}.",
)

batch_norm_expansion_centred = ONE_LAYER.stated(
    "batch-norm-expansion-centred",
    title="A centred layer as a sum over the batch",
    sources=[GALANTI2022.at("Eq. 22")],
    printed=r"\Delta_{l}^{j_t} = \sum_{j=1}^B \alpha_{j_t, j} \Big( D_{l}^{j} \cdot \mathbb{1}"
    r" \cdot \beta_{l} + Q_{l}^{j} \cdot \sum_{l'} W^{l l'} \cdot \Delta_{l'}^{j} \Big)",
    forall=EVERY_UNIT,
    states="deviation(n, i) == recentred_shift(n, i) + recentred(n, i)",
    control=tc.altered("with the shifts as printed", {"recentred_shift(n, i)": "shift(n)[i]"}),
    corrects="batch-norm-expansion-centred-printed",
    rests_on=["normalised-layer", "normalised-layer-mean", "batch-norm-expansion-alpha"],
    why="With Delta' = x - mu where the layer reads the input.",
)

batch_norm_expansion_recursion_printed = BOTH_LAYERS.stated(
    "batch-norm-expansion-recursion-printed",
    title="The expansion over all paths, as printed: shifts are neither gated nor centred",
    sources=[GALANTI2022.at("Appendix C: expansion")],
    printed=r"f_W = \sum_{l_1} W^{l_0 l_1} \cdot \mathbb{1} \cdot \beta_{l_1} + \sum_{l_1, l_2}"
    r" W^{l_0 l_1} Q^{j_0}_{l_1} W^{l_1 l_2} D^{j_0}_{l_2} \cdot \mathbb{1} \cdot \beta_{l_2}"
    r" + \ldots",
    forall=EVERY_SAMPLE,
    states="f(n, 0) == behind_printed(n) + through(n, [D(n, l) * W[2] + u3(n, l) for l in first])",
    control=tc.altered("without the shifts of the first layer", {"D(n, l) * W[2] + ": ""}),
    where=[
        "behind_printed(n) = sum([W[6][0][i] * W[5] for i in second])",
        "through(n, seen) = sum([u1(n, i) * inner(W[3][i], seen) for i in second])",
    ],
    rests_on=["batch-norm-expansion-bare-shifts", "batch-norm-expansion-centred-printed"],
    why="Both errors of the displays before it are in it: the factor D is missing before the first"
    " shift, and the sum over the batch with alpha before the second: the mean of the shifts is not"
    " subtracted. With both, the two terms shown are right, as `batch-norm-expansion-parts` and"
    " `batch-norm-expansion-gradient` say together. The general term has further errors: a factor Q"
    " too many, wrong indices, no sum over t. Inputs are centred here, which Eq. 20 forgets"
    " (`batch-norm-expansion-inputs`).",
)

batch_norm_expansion_gradient_printed = BOTH_LAYERS.stated(
    "batch-norm-expansion-gradient-printed",
    title="The gradient in a matrix between normalised layers, as printed",
    sources=[GALANTI2022.at("Appendix C: E, Appendix C: Z_2, Eq. 23")],
    printed=r"\frac{\bar\partial f}{\partial W^{pq}} = \sum_{j} u^1_{j_0, j}"
    r" (u^2_{j} + u^3_{j})^\top, \qquad u^2_j = \sum_{j'} \alpha_{j, j'} Q_q^{j'} \cdot D_q^{j'}"
    r" \cdot \mathbb{1} \cdot \beta_q",
    forall=EVERY_ENTRY,
    states="df(n, 0, 3)[i][l] == u1(n, i) * (u2_printed(n, l) + u3(n, l))",
    control=tc.altered("without shifts", "df(n, 0, 3)[i][l] == u1(n, i) * u3(n, l)"),
    rests_on=["batch-norm-expansion-parts"],
    why="The shift of layer q is printed behind Q_q D_q, as if it were normalised once more. In the"
    " expansion for paths of length 3 it stands behind D_q alone.",
)

batch_norm_expansion_gradient = BOTH_LAYERS.stated(
    "batch-norm-expansion-gradient",
    title="The gradient in a matrix between normalised layers",
    sources=[GALANTI2022.at("Appendix C: Z_2, Appendix C: Z_4, Eq. 23")],
    printed=r"\frac{\bar\partial f}{\partial W^{pq}} = \sum_{j} u^1_{j_0, j}"
    r" (u^2_{j} + u^3_{j})^\top, \qquad u^2_j = \sum_{j'} \alpha_{j, j'} D_q^{j'} \cdot \mathbb{1}"
    r" \cdot \beta_q",
    forall=EVERY_ENTRY,
    states="df(n, 0, 3)[i][l] == u1(n, i) * (u2(n, l) + u3(n, l))",
    control=tc.altered("with the shifts as printed", {"u2": "u2_printed"}),
    corrects="batch-norm-expansion-gradient-printed",
    rests_on=["batch-norm-expansion-parts"],
    why="Here the matrix leads to the last normalised layer, so that u^1_{j_0, j} is 0 unless"
    " j = j_0.",
)

batch_norm_expansion_parts = BOTH_LAYERS.stated(
    "batch-norm-expansion-parts",
    title="What does not involve the matrix are the shifts behind it",
    sources=[GALANTI2022.at("Appendix C: Z, Appendix C: expansion")],
    printed=r"f_W(x_{j_0}; \tilde X) = Z_1 + Z_2 + Z_3 + Z_4, \qquad Z_2 + Z_4 = \Big\langle"
    r" W^{pq}, \frac{\bar\partial f}{\partial W^{pq}} \Big\rangle",
    given=[DENSE],
    forall=EVERY_SAMPLE,
    states="f(n, 0) == behind(n) + inner(W[3], df(n, 0, 3))",
    control=tc.altered("nothing else", "f(n, 0) == inner(W[3], df(n, 0, 3))"),
    rests_on=["batch-norm-expansion-bare-shifts", "batch-norm-expansion-centred-printed"],
    why="Z_2 and Z_4, which contain W once, are the product of W with the pseudo gradient. In a"
    " chain, where every path passes W, there is no Z_3, and Z_1 are the shifts behind W.",
)
