"""What the convergence points of SGD with weight decay are: galanti2022, Section 3.1 and after.

Each hypothesis of Proposition 1 is dropped in turn, here or in a control.
"""

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    ANY_LOSS,
    AUTOGRAD_AT_KINKS,
    DENSE,
    FILTERS,
    GRAPH,
    MATRIX_READS_INPUT,
    MINI_BATCHES,
    NO_BIASES,
    NOT_COLLINEAR,
    ONE_OUTPUT,
    POSITIVE_WEIGHT_DECAY,
    SEVERAL_OUTPUTS,
    SHORTENING,
    SIGN_LABELS,
    SOME_OUTPUT,
    SOME_WEIGHT,
    SQUARE_LOSS,
    STATIONARY,
    TRAINABLE_INPUT_EDGES,
    TWO_LAYERS,
    UNNORMALISED,
    WEIGHT_NOT_ZERO,
    WHOLE_INPUT,
)
from properties.notation import BATCH_GRADIENT
from properties.papers import GALANTI2022
from properties.sgd.stopping_points import (
    ridge_solutions,
    small_networks,
    stationary_filters,
    stationary_outputs,
    strongly_decayed,
    wide_interpolating_cases,
    with_zero_input,
    zeroed,
)

READS_INPUT = "k in [k for k in weights if source(k) == 0]"
ONE_LAYER = "sum([squared(gradient(S, k)) for S in batches(batch_size)])"
ALL_LAYERS = "sum([squared(gradient(S, k)) for S in batches(batch_size) for k in weights])"
SOME_INPUT_IS_ZERO = tc.Assumption("some input is 0", "any([zero(x[n]) for n in samples])")
NETWORK = [GRAPH, DENSE, ONE_OUTPUT, ANY_LOSS, AUTOGRAD_AT_KINKS]
SHARED = tc.Family(where=[BATCH_GRADIENT], numbers=["batch_size", "weight_decay"])
STATIONARY_POINTS = st.one_of(
    tc.sign_labelled_chains(), tc.stationary_chains(), tc.stationary_residual_networks()
)
SMALL = tc.plain_cases(tc.mlps(depths=(2, 2), widths=(1, 1)), samples=(2, 3))
SEVERAL_OUTPUT_NETWORKS = st.one_of(
    tc.mlps(depths=(1, 3), widths=(2, 3), outputs=(2, 2)),
    tc.directed_graphs(depths=(2, 3), widths=(2, 2), outputs=(2, 2), skips=("dense",)),
    tc.residual_networks(blocks=(1, 1), widths=(2, 2), outputs=(2, 2)),
)

convergence_points_none = SHARED.stated(
    "convergence-points-none",
    title="With weight decay, SGD has no convergence point, as printed",
    kind="inequality",
    sources=[
        GALANTI2022.at("Section 1.2: noise is always present, Section 5: noise is inevitable")
    ],
    printed=r"\lambda > 0:\ \text{SGD noise must be always present, even asymptotically,}"
    r" \text{ regardless of the batch size, as long as we incorporate weight decay}",
    given=[*NETWORK, POSITIVE_WEIGHT_DECAY, MINI_BATCHES],
    states=f"{ALL_LAYERS} != 0",
    control=tc.altered("the gradient on every batch of B samples vanishes", f"{ALL_LAYERS} == 0"),
    on=st.one_of(SMALL, SMALL.map(zeroed)),
    rests_on=["sgd-stationary-weight-decay"],
    why="Away from collinear inputs it is true of all weights but W = 0, if every edge out of the"
    " input is trainable (`convergence-points-zero-matrices`). At W = 0 every gradient vanishes if"
    " each path to the output passes two trainable matrices, on every batch, whatever the loss, the"
    " labels and lambda: SGD rests there without noise, and Section 4.2 reports runs that end"
    " there. `convergence-points-zero-attracts` says when small steps must. (The next sentence of"
    ' the paper says "generically, there is never convergence", which allows such a point; this one'
    " does not.)",
)

convergence_points_cross_entropy = tc.stated(
    "convergence-points-cross-entropy",
    title="With the cross-entropy and no weight decay, SGD rests only where all outputs are 0",
    kind="inequality",
    sources=[GALANTI2022.at("Section 4.2: perfect convergence")],
    printed=r"\text{In this regime [almost convergence], even though perfect convergence is}"
    r" \text{ impossible (see Prop. 2) for a fixed neural network}",
    given=[
        GRAPH,
        TRAINABLE_INPUT_EDGES,
        SIGN_LABELS,
        AUTOGRAD_AT_KINKS,
        MINI_BATCHES,
        SOME_OUTPUT,
        tc.Convention("the cross-entropy of two classes, without weight decay"),
    ],
    states="sum([squared(gradient(S, k)) for S in batches(batch_size) for k in weights]) != 0",
    control=tc.altered("all outputs may be 0", without=[SOME_OUTPUT], on=tc.dead_cases()),
    where=[
        "slope_of_loss(n) = -y[n][0] / (1 + exp(y[n][0] * f(n, 0)))",
        "gradient(S, k) = sum([slope_of_loss(n) * df(n, 0, k) for n in S]) / len(S)",
    ],
    on=st.one_of(tc.sign_labelled_chains(), tc.plain_cases(samples=(2, 3), targets="signs")),
    examples=60,
    rests_on=["sgd-stationary-no-minimiser"],
    why="Where all outputs are 0 every loss has the slope 1/2 in size, and in the regime of almost"
    " convergence all slopes are tiny: there some output is not 0, and some batch moves the"
    " weights, by Proposition 2. Outside of it SGD can rest (the control): at a network whose first"
    " layer is dead at all samples.",
)

convergence_points_zero_attracts = tc.stated(
    "convergence-points-zero-attracts",
    title="With two layers and lambda > |x y|, small enough steps of SGD lead towards zero weights",
    sources=[GALANTI2022.at("Section 4.2: with weight decay")],
    printed=r"\Big\langle W, \nabla L^\lambda_{\tilde S}(f_W) \Big\rangle \ge"
    r" 2 \big(\lambda - \max_i |y_i| \|x_i\|\big) \|W\|^2, \quad \text{depth } 2",
    given=[
        SQUARE_LOSS,
        UNNORMALISED,
        DENSE,
        SHORTENING,
        TWO_LAYERS,
        NO_BIASES,
        tc.Assumption("lambda is larger than each |x_i| |y_i|", "excess > 0"),
        AUTOGRAD_AT_KINKS,
    ],
    forall=["S in batches(batch_size)"],
    states="pull(S) >= 2 * excess * size",
    control=tc.altered("9/8 of the bound", "8 * pull(S) >= 9 * 2 * excess * size"),
    where=[
        BATCH_GRADIENT,
        "pull(S) = sum([inner(W[k], gradient(S, k)) for k in weights])",
        "size = sum([squared(W[k]) for k in weights])",
        "excess = weight_decay - max([root(squared(x[n]) * y[n][0] ** 2) for n in samples])",
    ],
    on=st.one_of(small_networks(), strongly_decayed()),
    examples=60,
    rests_on=["structural-lemma", "batch-gradient"],
    why="By `structural-lemma` the left side is the mean over the batch of 4 (f - y) f, plus 2"
    " lambda ||W||^2, and |f| <= ||W_1|| ||W_2|| |x| <= ||W||^2 |x| / 2. So small enough"
    " steps bring every network nearer to zero, whatever the batches: zero weights are a"
    " convergence point that attracts all other weights, if the steps are small enough for each."
    " The bound is approached by small weights.",
)

convergence_points_first_matrix = SHARED.stated(
    "convergence-points-first-matrix",
    title="A matrix next to the input is 0 at convergence, unless the inputs are collinear",
    kind="inequality",
    sources=[GALANTI2022.at("Appendix B: zero or collinear, Appendix B: M is zero")],
    printed=r"\{x_i\}_{i=1}^m \text{ not collinear}:\ \forall \tilde S:"
    r"\ \nabla_{W^{p1}} L^\lambda_{\tilde S}(f_W) = 0 \ \Longrightarrow\ M^{p1} = 0"
    r" \ \Longrightarrow\ W^{p1} = 0",
    given=[
        UNNORMALISED,
        ANY_LOSS,
        AUTOGRAD_AT_KINKS,
        POSITIVE_WEIGHT_DECAY,
        MINI_BATCHES,
        NOT_COLLINEAR,
        MATRIX_READS_INPUT,
        WEIGHT_NOT_ZERO,
    ],
    forall=[READS_INPUT],
    states=f"{ONE_LAYER} != 0",
    control=tc.altered(
        "the inputs may be collinear", without=[NOT_COLLINEAR], on=STATIONARY_POINTS
    ),
    on=st.one_of(tc.spread_cases(), tc.searched_cases()),
    examples=60,
    rests_on=[
        "path-expansion-at-input",
        "sample-gradients-are-collinear",
        "sgd-stationary-sample-gradients",
    ],
    why="Both steps at once, by their contrapositive, and for one matrix alone: the paper's"
    " argument needs neither that f is not zero, nor that other edges out of the input are"
    " trainable, nor that x_i is not 0, nor that other layers are at rest. Where W^{p1} is not 0"
    " and the inputs are not collinear, some batch moves W^{p1}.",
)

convergence_points_zero_matrices_printed = SHARED.stated(
    "convergence-points-zero-matrices-printed",
    title="At convergence all trainable matrices are zero, as printed",
    sources=[GALANTI2022.at("Section 3.2: zero matrices, Section 3.1: only zero networks")],
    printed=r"\text{at convergence ... the trainable matrices along the network are zero matrices}",
    given=[*NETWORK, TRAINABLE_INPUT_EDGES, POSITIVE_WEIGHT_DECAY, MINI_BATCHES, STATIONARY],
    forall=["k in weights"],
    states="squared(W[k]) == 0",
    control=tc.altered("they have norm 1", "squared(W[k]) == 1"),
    on=STATIONARY_POINTS,
    rests_on=["sgd-stationary-weight-decay"],
    why="Said of all convergence points, without the exception of Proposition 1: collinear inputs.",
)

convergence_points_zero_matrices = SHARED.stated(
    "convergence-points-zero-matrices",
    title="At convergence all trainable matrices are zero, unless the inputs are collinear",
    kind="inequality",
    sources=[GALANTI2022.at("Section 3.2: zero matrices, Section 3.1: convergence is impossible")],
    printed=r"\{x_i\} \text{ not collinear}:\ \forall \tilde S:\ \nabla_W L^\lambda_{\tilde S}(f_W)"
    r" = 0 \ \Longrightarrow\ W^{pq} = 0 \ \forall (v_p, v_q) \in E_T",
    given=[
        *NETWORK,
        TRAINABLE_INPUT_EDGES,
        WHOLE_INPUT,
        POSITIVE_WEIGHT_DECAY,
        MINI_BATCHES,
        NOT_COLLINEAR,
        SOME_WEIGHT,
    ],
    states=f"{ALL_LAYERS} != 0",
    control=tc.altered(
        "edges out of the input need not be trainable",
        without=[TRAINABLE_INPUT_EDGES],
        on=tc.constant_first_layers(),
    ),
    on=st.one_of(tc.spread_cases(), tc.searched_cases()),
    examples=60,
    corrects="convergence-points-zero-matrices-printed",
    rests_on=[
        "convergence-points-first-matrix",
        "path-expansion-gradient",
        "sgd-stationary-sample-gradients",
    ],
    why="More than Proposition 1 says, which concludes that the function is zero: once all W^{p1}"
    " are 0, every layer is 0 at every input, so that M^{pq}, whose right factor is a layer, is 0"
    " too, and with it W^{pq}. Stated by its contrapositive, as `sgd-stationary-weight-decay`.",
)

convergence_points_outputs = SHARED.stated(
    "convergence-points-outputs",
    title="With several outputs, too, SGD rests only at zero weights or on collinear inputs",
    kind="inequality",
    sources=[GALANTI2022.at("Section 2: one output")],
    printed=r"\text{For simplicity ... we focus on the case where } k = 1",
    given=[
        GRAPH,
        DENSE,
        SEVERAL_OUTPUTS,
        TRAINABLE_INPUT_EDGES,
        WHOLE_INPUT,
        ANY_LOSS,
        AUTOGRAD_AT_KINKS,
        POSITIVE_WEIGHT_DECAY,
        MINI_BATCHES,
        NOT_COLLINEAR,
        SOME_WEIGHT,
    ],
    states=f"{ALL_LAYERS} != 0",
    control=tc.altered(
        "the inputs may be collinear", without=[NOT_COLLINEAR], on=stationary_outputs()
    ),
    on=tc.plain_cases(SEVERAL_OUTPUT_NETWORKS, samples=(2, 3)),
    examples=80,
    rests_on=["path-expansion-at-input"],
    why="One output is no restriction for Proposition 1 and Theorem 1 (`rank-bound-outputs`): on a"
    " sample, the gradients of all outputs along W^{p1} have their rows along the input. It is one"
    " for Proposition 2: behind a constant matrix the slopes of two outputs can cancel.",
)

convergence_points_zero_input = SHARED.stated(
    "convergence-points-zero-input",
    title="If one input is 0, all trainable matrices are zero at convergence",
    kind="inequality",
    sources=[GALANTI2022.at("Section 3.1: inputs are not zero")],
    printed=r"x_i = 0 \text{ for some } i:\ \forall \tilde S:\ \nabla_W L^\lambda_{\tilde S}(f_W)"
    r" = 0 \ \Longrightarrow\ W = 0",
    given=[*NETWORK, POSITIVE_WEIGHT_DECAY, MINI_BATCHES, SOME_INPUT_IS_ZERO, SOME_WEIGHT],
    states=f"{ALL_LAYERS} != 0",
    control=tc.altered("no input need be 0", without=[SOME_INPUT_IS_ZERO], on=STATIONARY_POINTS),
    on=st.one_of(tc.plain_cases(samples=(2, 3)), tc.stationary_chains()).map(with_zero_input),
    examples=50,
    rests_on=["sgd-stationary-sample-gradients"],
    why="The paper assumes that no x_i is 0. That is not needed: without biases all layers are 0"
    " at the input 0, so that its gradient is 2 lambda W alone, and at convergence all"
    " M_i are equal. The assumption excludes a case in which the proposition says even more.",
)

convergence_points_filters = SHARED.stated(
    "convergence-points-filters",
    title="Proposition 1 read for convolutional layers",
    sources=[GALANTI2022.at("Memo abstract: convolutional layers")],
    printed=r"\lambda > 0,\ \forall \tilde S:\ \nabla_W L^\lambda_{\tilde S}(f_W) = 0"
    r"\ \Longrightarrow\ f_W \equiv 0 \ \text{ or } \ \{x_i\}_{i=1}^m \text{ are collinear}",
    given=[
        FILTERS,
        GRAPH,
        ONE_OUTPUT,
        TRAINABLE_INPUT_EDGES,
        ANY_LOSS,
        AUTOGRAD_AT_KINKS,
        POSITIVE_WEIGHT_DECAY,
        MINI_BATCHES,
        NOT_COLLINEAR,
        STATIONARY,
    ],
    forall=["n in samples"],
    states="f(n, 0) == 0",
    control=tc.altered("the output is 1", "f(n, 0) == 1"),
    on=stationary_filters(),
    rests_on=["path-expansion-some-input-weight", "convergence-points-first-matrix"],
    why="The first abstract includes convolutional layers, and the proof uses that the gradient at"
    " x_i has its rows along x_i. That of a filter has its rows along patches. Here inputs that are"
    " not collinear differ in a patch that neither filter nor last layer sees, and SGD is at rest"
    " at a function that is not zero.",
)

convergence_points_rank_one = SHARED.stated(
    "convergence-points-rank-one",
    title="At convergence with weight decay every matrix has rank at most 1",
    sources=[GALANTI2022.at("Memo abstract: source of the noise, Section 3.1: proportional")],
    printed=r"W^{pq} = -\frac{1}{2\lambda} M^{pq}, \qquad \operatorname{rank} W^{pq} \le 1",
    given=[
        UNNORMALISED,
        DENSE,
        ANY_LOSS,
        AUTOGRAD_AT_KINKS,
        POSITIVE_WEIGHT_DECAY,
        MINI_BATCHES,
        STATIONARY,
    ],
    forall=["k in weights"],
    states="rank(W[k]) <= 1",
    control=tc.altered(
        "lambda may be 0", without=[POSITIVE_WEIGHT_DECAY], on=wide_interpolating_cases()
    ),
    on=st.one_of(STATIONARY_POINTS, tc.stationary_chains(depths=(3, 3), widths=(2, 3))),
    examples=100,
    rests_on=["sgd-stationary-sample-gradients", "gradient-rank"],
    why="The constraint that the abstract means: with weight decay W is proportional to the"
    " gradient at one sample. Without it, an interpolating network of any rank is at rest (the"
    " control), as the paper says.",
)

convergence_points_decreasing_rates = SHARED.stated(
    "convergence-points-decreasing-rates",
    title="Where SGD with decreasing learning rates converges, every batch is at rest",
    sources=[GALANTI2022.at("Eq. 6")],
    printed=r"\text{at convergence, we have } \nabla_{W^{pq}} L_{\tilde S}(f_W) = 0"
    r" \text{ for all ... mini-batches } \tilde S \subset S",
    given=[*NETWORK, POSITIVE_WEIGHT_DECAY, NOT_COLLINEAR],
    assuming={"the expected step vanishes": "all([zero(gradient(samples, l)) for l in weights])"},
    forall=["k in weights", "n in samples"],
    states="squared(gradient((n,), k)) == 0",
    control=tc.altered("and the label is fitted", "f(n, 0) == y[n][0]"),
    on=ridge_solutions(),
    why="Section 2.1 lets the learning rate depend on the step, and the experiments lower it. If"
    " the rates have an infinite sum and their squares a finite one, SGD can converge where the"
    " expected step vanishes, and no batch need be at rest (`epoch-distance-decreasing-rates`):"
    " here at a solution of ridge regression, which is not zero, on inputs that are not collinear."
    " All of Section 3.1 needs learning rates that do not vanish, which it does not say.",
)
