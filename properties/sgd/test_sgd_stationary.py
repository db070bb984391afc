"""Where SGD can stop: points that are stationary on every mini-batch.

galanti2022, Propositions 1 and 2, with the abstract's short form and the equations before them.
"""

from dataclasses import replace

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    ANY_LOSS,
    AUTOGRAD_AT_KINKS,
    DENSE,
    GRAPH,
    MINI_BATCHES,
    NO_WEIGHT_DECAY,
    NOT_COLLINEAR,
    ONE_OUTPUT,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    SOME_WEIGHT,
    SQUARE_LOSS,
    STATIONARY,
    TRAINABLE_INPUT_EDGES,
    UNNORMALISED,
    WHOLE_INPUT,
)
from properties.notation import BATCH_GRADIENT
from properties.papers import GALANTI2022
from properties.sgd.stopping_points import zeroed

LABEL_NOT_FITTED = tc.Assumption("l'_i is not 0", "f(n, 0) != y[n][0]")
A_AND_B = tc.Convention("the loss of an output a and a label b: exp(-b a), and log(1 + exp(-b a))")
NUMBERS = ["batch_size", "weight_decay"]
STATIONARY_POINTS = st.one_of(
    tc.sign_labelled_chains(), tc.stationary_chains(), tc.stationary_residual_networks()
)

sgd_stationary_weight_decay = tc.stated(
    "sgd-stationary-weight-decay",
    title="With weight decay, SGD can stop only at the zero function or on collinear data",
    sources=[GALANTI2022.at("Proposition 1, Section 1.2: differentiable loss")],
    printed=r"\lambda > 0,\ \forall \tilde S \subset S, |\tilde S| = B < m:"
    r"\ \nabla_W L^\lambda_{\tilde S}(f_W) = 0"
    r"\ \Longrightarrow\ f_W \equiv 0 \ \text{ or } \ \{x_i\}_{i=1}^m \text{ are collinear}",
    given=[
        GRAPH,
        DENSE,
        ONE_OUTPUT,
        TRAINABLE_INPUT_EDGES,
        WHOLE_INPUT,
        ANY_LOSS,
        AUTOGRAD_AT_KINKS,
        POSITIVE_WEIGHT_DECAY,
        MINI_BATCHES,
        NOT_COLLINEAR,
    ],
    assuming={
        "x_i is not 0": "all([not zero(x[n]) for n in samples])",
        "f is not the zero function: not 0 at some sample or its negative": (
            "any([z[0] != 0 for z in network(W, [s * x[n] for s in [1, -1] for n in samples])])"
        ),
    },
    states="sum([squared(gradient(S, k)) for S in batches(batch_size) for k in weights]) != 0",
    control=tc.altered(
        "the edges out of the input need not be trainable",
        without=[TRAINABLE_INPUT_EDGES],
        on=tc.constant_first_layers(),
    ),
    where=[BATCH_GRADIENT],
    on=st.one_of(tc.spread_cases(), tc.spread_cases(), tc.searched_cases()),
    examples=100,
    rests_on=["path-expansion-some-input-weight", "convergence-points-first-matrix"],
    why="A point that is stationary on every mini-batch of size B < m, with lambda > 0, is the zero"
    ' function, unless the inputs lie on one line through the origin (the paper: "on a'
    ' one-dimensional linear space").\n\n'
    "The proposition is right: exchanging a sample shows that all data gradients M_i are equal, so"
    " that M_i = -2 lambda W for each; next to the input M_i has its rows along x_i, so two"
    " directions leave only W^{p1} = 0. Its hypotheses are met by nothing but its two exceptions,"
    " which the paper itself calls unrealistic. It is therefore stated by its contrapositive, whose"
    " hypotheses are met everywhere: away from the exceptions some batch is not stationary. How far"
    " from stationary that is, `batch-gradient-pair-bound` says; the examples contain the results"
    " of a directed search by gradient descent over weights and labels, with two inputs at right"
    " angles, where the largest gradient of a sample in a weight matrix W stays just above"
    " sqrt(1/2) of 2 lambda ||W||.\n\n"
    "That the edges out of the input are trainable is needed: behind a constant first layer (a"
    " residual connection) two inputs can look alike to the trainable part, and SGD stops at a"
    " non-zero function although the inputs are not collinear. The control finds such networks. So"
    " it is with filters that read patches of the input, or one of them alone, which the hypotheses"
    " exclude.",
)

sgd_stationary_only_zero = tc.stated(
    "sgd-stationary-only-zero",
    title="With weight decay, the only convergence points of SGD are zero functions",
    sources=[GALANTI2022.at("Abstract: zero functions, Section 4.2: no convergence")],
    printed=r"\text{when training with weight decay, the only convergence points of SGD are zero}"
    r"\text{ functions}",
    given=[SQUARE_LOSS, UNNORMALISED, POSITIVE_WEIGHT_DECAY, MINI_BATCHES, STATIONARY],
    forall=["n in samples"],
    states="f(n, 0) == 0",
    control=tc.altered(
        "the only convergence points are networks all of whose weights are zero",
        "sum([squared(W[k]) for k in weights]) == 0",
    ),
    where=[BATCH_GRADIENT],
    on=STATIONARY_POINTS,
    rests_on=["sgd-stationary-weight-decay"],
    why="As the abstract prints it, without the exception of Proposition 1.\n\n"
    "Refuted by data on a line, with labels +-1 if one likes: at x = c and x = 1 - c, both labelled"
    " +1, and lambda = c (1 - c), a ReLU chain of any depth with all weights 1 is stationary on"
    " each sample, hence on every mini-batch, and f(x) = x for x > 0.",
)

sgd_stationary_no_decay = tc.stated(
    "sgd-stationary-no-decay",
    title="Without weight decay, SGD stops only where each sample is fitted or its output is 0",
    sources=[GALANTI2022.at("Proposition 2, Section 3.1: zero where it does not fit")],
    printed=r"\lambda = 0,\ \{x_i\} \text{ not collinear},\ \forall \tilde S:\ "
    r"\nabla_W L_{\tilde S}(f_W) = 0 \ \Longrightarrow\ \forall i:\ "
    r"\frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \ne 0 \Rightarrow f_W(x_i) = 0",
    given=[
        GRAPH,
        ONE_OUTPUT,
        TRAINABLE_INPUT_EDGES,
        ANY_LOSS,
        AUTOGRAD_AT_KINKS,
        NO_WEIGHT_DECAY,
        MINI_BATCHES,
        STATIONARY,
        LABEL_NOT_FITTED,
    ],
    forall=["n in samples"],
    states="f(n, 0) == 0",
    control=tc.altered("the output is 0 at every sample", without=[LABEL_NOT_FITTED]),
    where=[BATCH_GRADIENT],
    on=tc.fitted_cases(),
    examples=100,
    rests_on=[
        "sample-gradients-without-decay",
        "sample-gradients-quotient",
        "path-expansion-at-input",
        "path-expansion-input-edges",
        "convergence-points-first-matrix",
    ],
    why="Without weight decay, a point that is stationary on every mini-batch of size B < m has"
    " output zero at each sample whose loss derivative l'_i is not zero.\n\n"
    "The proof in the paper needs inputs that are not collinear; the statement does not, and they"
    " are not assumed: all l'_i df_i are equal to one matrix M, and a batch adds B of them up to"
    " zero, so M = 0. The examples are networks that fit some samples and are dead on others.",
)

sgd_stationary_no_minimiser = tc.stated(
    "sgd-stationary-no-minimiser",
    title="Without weight decay and with exponential-type losses, SGD stops only at f(x_i) = 0",
    sources=[GALANTI2022.at("Proposition 2, Section 3.1: exponential losses")],
    printed=r"\lambda = 0,\ \forall \tilde S:\ \nabla_W L_{\tilde S}(f_W) = 0,\ "
    r"b \in \{-1, 1\},\ \ell(a, b) \in \{e^{-ab}, \log(1 + e^{-ab})\}:\quad \nexists a^*:"
    r" \ell(a^*, b) = \inf_a \ell(a, b)\ \Longrightarrow\ \forall i \in [m]: f_W(x_i) = 0",
    given=[GRAPH, TRAINABLE_INPUT_EDGES, SIGN_LABELS, A_AND_B, AUTOGRAD_AT_KINKS, MINI_BATCHES],
    assuming={
        "lambda = 0, and the gradient of the loss vanishes on every batch of size B": (
            "all([zero(gradient(S, k, logistic)) for S in batches(batch_size) for k in weights])"
        )
    },
    forall=["logistic in range(2)", "n in samples"],
    states="f(n, 0) == 0",
    control=tc.altered(
        "the output is 0 at the negative of every sample too", "network(W, [-1 * x[n]])[0][0] == 0"
    ),
    where=[
        "exponential(n) = -y[n][0] * exp(-y[n][0] * f(n, 0))",
        "derivative(n, logistic) ="
        " -y[n][0] / (1 + exp(y[n][0] * f(n, 0))) if logistic == 1 else exponential(n)",
        "gradient(S, k, logistic) = sum([derivative(n, logistic) * df(n, 0, k) for n in S])",
    ],
    on=st.one_of(
        tc.dead_cases(), tc.dead_cases(), tc.dead_cases(), tc.plain_cases(targets="signs")
    ),
    examples=100,
    rests_on=["sgd-stationary-no-decay", "sgd-stationary-no-minimum-printed"],
    why="With the exponential and the logistic loss, convex and without a minimum for labels +-1,"
    " the only points that are stationary on every mini-batch have output zero at every sample.\n\n"
    "The proposition asks that there be no minimum for any real b, which excludes both losses"
    " (`sgd-stationary-no-minimum-printed`). What is meant is about the labels that occur, here"
    " +-1.\n\n"
    "Such points exist: networks all of whose units are dead at all samples. They need not be the"
    " zero function, as the control shows. The derivative of the loss is enclosed in a ball; at a"
    " dead network the gradients are exactly zero whatever it is, and elsewhere the balls exclude"
    " zero.",
)

LOSSES = ["exponential(a, b) = exp(-b * a)", "logistic(a, b) = log(1 + exp(-b * a))"]


def smaller_at(step: str) -> str:
    """Both losses of label ``b = y[n][0]`` are smaller a step away from the output ``f(n, 0)``."""
    return " and ".join(
        f"{loss}(f(n, 0) {step} y[n][0], y[n][0]) < {loss}(f(n, 0), y[n][0])"
        for loss in ("exponential", "logistic")
    )


sgd_stationary_no_minimum_printed = tc.stated(
    "sgd-stationary-no-minimum-printed",
    title="The exponential and the logistic loss have no minimum for any b, as printed",
    sources=[GALANTI2022.at("Section 3.1: exponential losses")],
    printed=r"\ell \text{ of exponential type}:\ \forall b \in \mathbb{R}\ \nexists a^*:"
    r" \ell(a^*, b) = \inf_a \ell(a, b)",
    given=[ONE_OUTPUT, A_AND_B],
    forall=["n in samples"],
    states=smaller_at("+"),
    control=tc.altered("smaller on the other side of a", smaller_at("-")),
    where=LOSSES,
    on=tc.cases(tc.mlps(depths=(1, 1), widths=(1, 1)), samples=(1, 2), targets="dyadic", cohort=1),
    why="Whatever a is, the losses are smaller at a + b, unless b is 0: then both are constant in"
    " a, and every a is a minimum.",
)

sgd_stationary_no_minimum = tc.stated(
    "sgd-stationary-no-minimum",
    title="The exponential and the logistic loss have no minimum for labels +-1",
    sources=[
        GALANTI2022.at("Section 3.1: exponential losses, Appendix B: losses without a minimum")
    ],
    printed=r"\ell \text{ of exponential type}:\ \forall b \in \{-1, 1\}\ \nexists a^*:"
    r" \ell(a^*, b) = \inf_a \ell(a, b)",
    given=[A_AND_B, SIGN_LABELS],
    forall=["n in samples"],
    states="27 * exponential(f(n, 0) + y[n][0], y[n][0]) < 10 * exponential(f(n, 0), y[n][0])"
    " and 4 * exponential(f(n, 0), y[n][0]) < 11 * exponential(f(n, 0) + y[n][0], y[n][0])"
    " and logistic(f(n, 0) + y[n][0], y[n][0]) < logistic(f(n, 0), y[n][0])",
    control=tc.altered("smaller on the other side of a", smaller_at("-")),
    where=[LOSSES[0], "logistic(a, b) = log(1 + exponential(a, b))"],
    on=tc.cases(
        tc.mlps(depths=(1, 1), widths=(1, 1)), samples=(2, 3), targets="signs", cohort=1
    ).flatmap(lambda case: st.sampled_from([case, replace(case, inputs=32 * case.inputs)])),
    examples=70,
    corrects="sgd-stationary-no-minimum-printed",
    why="Whatever a is, the losses are smaller at a + b, the exponential one by the factor e, which"
    " lies between 27/10 and 11/4.",
)


@st.composite
def zero_networks(draw: st.DrawFn) -> tc.Case:
    """All weights of a network with hidden layers are 0, and the first label is."""
    case = zeroed(draw(tc.plain_cases(tc.mlps(depths=(2, 3), widths=(1, 2)), samples=(2, 3))))
    assert case.targets is not None
    labels = case.targets.copy()
    labels[:, 0] = 0
    return replace(case, targets=labels)


sgd_stationary_no_label_printed = tc.stated(
    "sgd-stationary-no-label-printed",
    title="With weight decay, a convergence point fits no label, as printed",
    kind="inequality",
    sources=[GALANTI2022.at("Section 3.1: no label is fitted")],
    printed=r"\text{any convergence point of training ... using mini-batch SGD along with weight}"
    r"\text{ decay ... does not perfectly fit any one of the training labels}",
    given=[SQUARE_LOSS, UNNORMALISED, POSITIVE_WEIGHT_DECAY, STATIONARY, MINI_BATCHES],
    forall=["n in samples"],
    states="f(n, 0) != y[n][0]",
    control=tc.altered("and its output is 0", "f(n, 0) == 0"),
    where=[BATCH_GRADIENT],
    on=st.one_of(STATIONARY_POINTS, zero_networks()),
    rests_on=["sample-gradients-are-equal"],
    why="Two sentences before, weights that are all 0 are excepted; here they are not. At zero"
    " weights a network is at rest if each path to the output passes two trainable matrices, and it"
    " fits the label 0."
    " For labels +-1, and without constant paths to the output, the sentence is true: the zero"
    " network does not fit them, and no other convergence point does.",
)

sgd_stationary_sample_gradients = tc.stated(
    "sgd-stationary-sample-gradients",
    title="Stationary on every batch means stationary on every sample, and no label is fitted",
    sources=[
        GALANTI2022.at("Eq. 9, Section 3.1: losses have slope"),
        GALANTI2022.at("Section 3.1: no label is fitted, Section 3.1: SGD instead of GD"),
    ],
    printed=r"\forall i \in [m]:\ \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \cdot"
    r" \frac{\partial f_W(x_i)}{\partial W^{pq}} + 2\lambda W^{pq} = 0, \quad"
    r" \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)} \ne 0"
    r" \text{ unless } \lambda = 0 \text{ or } W = 0",
    given=[
        SQUARE_LOSS,
        UNNORMALISED,
        POSITIVE_WEIGHT_DECAY,
        SOME_WEIGHT,
        STATIONARY,
        MINI_BATCHES,
    ],
    forall=["n in samples", "k in weights"],
    states="squared(gradient((n,), k)) == 0 and f(n, 0) != y[n][0]",
    control=tc.altered(
        "the gradient vanishes on the full batch only",
        without=[MINI_BATCHES],
        on=tc.stationary_chains(full_batch=True),
    ),
    where=[BATCH_GRADIENT],
    on=STATIONARY_POINTS,
    examples=100,
    corrects="sgd-stationary-no-label-printed",
    rests_on=["batch-gradient", "sample-gradients-are-equal"],
    why="At a point that is stationary on every mini-batch of one size B < m, the regularised"
    " gradient of every single sample vanishes, so that the stopping points of SGD are those of"
    " batch size 1; and unless all weights are zero, no label is fitted perfectly.\n\n"
    "The control is full-batch descent, for which neither follows: the paper is right to say that"
    " its analysis depends on using SGD instead of GD.",
)
