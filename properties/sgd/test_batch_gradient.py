"""The gradient of the risk on a batch, with which SGD steps: galanti2022, Eq. 2, 6, 7 and 17.

Its formula, what exchanging a sample changes, the trainer's own step, and bounds of our own: with
weight decay, not all of these gradients can be small (a quantitative form of Proposition 1).
"""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    MATRIX_READS_INPUT,
    MINI_BATCHES,
    NOT_NORMALISED,
    ONE_OUTPUT,
    POSITIVE_WEIGHT_DECAY,
    SMOOTH,
    SMOOTH_ON_BATCH,
    SQUARE_LOSS,
    UNNORMALISED,
    VARYING_UNITS,
    WEIGHT_NOT_ZERO,
)
from properties.notation import BATCH_GRADIENT, ENTRIES
from properties.papers import GALANTI2022
from properties.sgd.normalised_batches import normalised_batches
from properties.sgd.tight_points import tight_pairs, trained_cases
from properties.sgd.updates import (
    EXACT,
    EXACT_UPDATES,
    after_one_epoch,
    bits_of_descent,
    descent_in_rationals,
)
from theorycheck.arithmetic import SIGNIFICAND_BITS, flat, rationals

RISK = (
    "risk(S) = sum([(f(n, 0) - y[n][0]) ** 2 for n in S]) / len(S)"
    " + weight_decay * sum([squared(W[l]) for l in weights])"
)
"""galanti2022, Eq. 2, on a batch S."""
TERM = "term(n, k) = 2 * (f(n, 0) - y[n][0]) * df(n, 0, k)"
SQUARE_LOSS_RISK = [SQUARE_LOSS, UNNORMALISED, SMOOTH]

batch_gradient = tc.stated(
    "batch-gradient",
    title="Gradient of the regularised risk on a batch",
    sources=[GALANTI2022.at("Eq. 6, Eq. 2")],
    printed=r"\nabla_{W^{pq}} L^\lambda_{\tilde S}(f_W) = \frac1B \sum_{(x,y) \in \tilde S}"
    r" \frac{\partial \ell(f_W(x), y)}{\partial f_W(x)} \cdot"
    r" \frac{\partial f_W(x)}{\partial W^{pq}} + 2 \lambda W^{pq}",
    given=SQUARE_LOSS_RISK,
    forall=("S in batches(batch_size)", *ENTRIES),
    states="gradient(S, k)[i][j] == data(S, k)[i][j] + 2 * weight_decay * W[k][i][j]",
    control=tc.altered(
        "weight decay enters as lambda W, as if the risk had lambda/2 ||W||^2",
        "gradient(S, k)[i][j] == data(S, k)[i][j] + weight_decay * W[k][i][j]",
    ),
    where=[
        RISK,
        "gradient(S, k) = grad(risk(S), k)",
        TERM,
        "data(S, k) = sum([term(n, k) for n in S]) / len(S)",
    ],
    on=tc.plain_cases(samples=(2, 3)).map(tc.away_from_kinks),
    examples=100,
    why="The left side is the derivative of the risk of Eq. 2, the right side is made of the"
    " derivatives of the network: the factor 2 of the weight decay is the one that"
    " `batch-gradient-pair-bound` and the papers' bounds rest on.",
)

batch_gradient_exchange = tc.stated(
    "batch-gradient-exchange",
    title="Exchanging one sample of a batch changes the gradient by 1/B of the difference",
    sources=[GALANTI2022.at("Eq. 7")],
    printed=r"\nabla L^\lambda_{\tilde S_1}(f_W) - \nabla L^\lambda_{\tilde S_2}(f_W) = \frac1B"
    r"\Big( \frac{\partial \ell(f_W(x_i), y_i)}{\partial f_W(x_i)}"
    r" \frac{\partial f_W(x_i)}{\partial W}"
    r" - \frac{\partial \ell(f_W(x_j), y_j)}{\partial f_W(x_j)}"
    r" \frac{\partial f_W(x_j)}{\partial W} \Big)",
    given=[*SQUARE_LOSS_RISK, MINI_BATCHES],
    forall=ENTRIES,
    states="difference(k)[i][j] == exchanged(k)[i][j] / batch_size",
    control=tc.altered("without the factor 1/B, as printed", {" / batch_size": ""}),
    where=[
        RISK,
        "difference(k) = grad(risk(range(0, batch_size)) - risk(range(1, batch_size + 1)), k)",
        TERM,
        "exchanged(k) = term(0, k) - term(batch_size, k)",
    ],
    on=tc.plain_cases(samples=(2, 4)).map(tc.away_from_kinks),
    examples=100,
    rests_on=["batch-gradient"],
    why="The second equality of Eq. 7 for any weights, and with the factor 1/B of Eq. 6, which it"
    " lacks. Eq. 7 is about convergence points, where both sides are 0: there the factor changes"
    " nothing, nor does it in what the paper concludes.",
)

EQUATION_17 = tc.Family(
    given=[
        SQUARE_LOSS,
        ONE_OUTPUT,
        tc.Assumption(
            "no batch normalisation, or with the variance detached",
            "detached() or not normalised()",
        ),
        VARYING_UNITS,
        SMOOTH_ON_BATCH,
    ],
    forall=("S in batches(batch_size)", *ENTRIES),
    where=[
        "fit(S) = sum([(f(n, 0, S) - y[n][0]) ** 2 for n in S]) / len(S)",
        "risk(S) = fit(S) + weight_decay * sum([squared(W[l]) for l in weights])",
        "gradient(S, k) = grad(risk(S), k)",
        "gradient_of_fit(S, k) = grad(fit(S), k)",
        "data(S, k) = sum([2 * (f(n, 0, S) - y[n][0]) * df(n, 0, k, S) for n in S]) / len(S)",
    ],
    on=st.one_of(normalised_batches(), tc.plain_cases(samples=(2, 3)).map(tc.away_from_kinks)),
    examples=80,
)
CHAIN_RULE = (
    r" = \frac{1}{B^*} \sum_{j=1}^{B^*}"
    r" \frac{\partial \ell(f_W(x_{i_j}; \tilde{\mathcal X}), y_{i_j})}"
    r"{\partial f_W(x_{i_j}; \tilde{\mathcal X})} \cdot"
    r" \frac{\bar\partial f_W(x_{i_j}; \tilde{\mathcal X})}{\partial W^{pq}} + 2 \lambda W^{pq}"
)

batch_gradient_chain_rule_printed = EQUATION_17.stated(
    "batch-gradient-chain-rule-printed",
    title="In the proof of Theorem 1, too, L without lambda is the loss without weight decay",
    kind="consistency",
    sources=[GALANTI2022.at("Eq. 17-18, Eq. 2")],
    printed=r"\text{Eq. 2: } L^\lambda_S = \frac1m \sum_i \ell + \lambda \|W\|^2_2; \quad"
    r" \text{Eq. 17: } \frac{\bar\partial L_{\tilde S}(\tilde f_W)}{\partial W^{pq}}" + CHAIN_RULE,
    states="gradient_of_fit(S, k)[i][j] == data(S, k)[i][j] + 2 * weight_decay * W[k][i][j]",
    control=tc.altered("and with lambda W as the last term", {"+ 2 *": "+"}),
    why="Inconsistent notation, and no more: Eq. 1 has L for the loss without weight decay, and Eq."
    " 2 and 6 write L^lambda with it; in Eq. 17 and 18 the lambda is left out, and the gradient on"
    " the right is that of L^lambda. Section 2.1 calls L_S the regularised risk, and with that"
    " meaning both equations are right. Theorem 1 has the lambda, and nothing that the paper"
    " concludes changes.",
)

batch_gradient_chain_rule = EQUATION_17.stated(
    "batch-gradient-chain-rule",
    title="The gradient in the proof of Theorem 1, with batch normalisation",
    sources=[GALANTI2022.at("Eq. 17-18")],
    printed=r"\frac{\bar\partial L^\lambda_{\tilde S}(\tilde f_W)}{\partial W^{pq}}" + CHAIN_RULE,
    states="gradient(S, k)[i][j] == data(S, k)[i][j] + 2 * weight_decay * W[k][i][j]",
    control=tc.altered(
        "the risk without weight decay, as printed",
        "gradient_of_fit(S, k)[i][j] == data(S, k)[i][j] + 2 * weight_decay * W[k][i][j]",
    ),
    corrects="batch-gradient-chain-rule-printed",
    why="Eq. 6 for networks with batch normalisation, whose derivatives are pseudo-gradients: the"
    " variance is held constant. `W - U_S` of Eq. 18 is this gradient over 2 lambda, so that in"
    " every norm the last line of Eq. 18 follows, with the lambda.",
)


@tc.claim(
    "batch-gradient-update-trained",
    title="Trained steps of SGD are the printed ones, with momentum as in the usual libraries",
    kind="identity",
    sources=[
        GALANTI2022.at("Section 2.1: Optimization, Eq. 2"),
        GALANTI2022.at("Section 4.1: momentum"),
    ],
    statement=r"W_{t+1} = W_t - \eta\, b_t,\quad b_t = \beta\, b_{t-1} + \nabla_W\Big[\frac{1}{B}"
    r"\sum_{(x,y) \in \tilde S} (f_W(x) - y)^2 + \lambda \|W\|_2^2\Big],\quad b_{-1} = 0",
    hypotheses=[
        "square loss, bias-free networks of depth 1 or 2",
        "mini-batches of one or two samples, drawn without replacement",
        "integer weights and data, dyadic hyperparameters",
    ],
    control="the gradient of the weight decay is lambda W instead of 2 lambda W",
    on={"case": EXACT_UPDATES},
    examples=60,
    enough=10,
)
def batch_gradient_update_trained(setting: tc.Setting, case: tc.Case) -> tc.Findings:
    """For the square loss, the trainer that the other claims rely on makes exactly the update of
    the paper: after an epoch the weights equal those of the same recursion carried out in rational
    arithmetic, with derivatives by forward mode instead of backpropagation.

    The papers say "momentum 0.9" and no more; beta is read as that of the heavy ball of the usual
    libraries. The numbers are chosen so that float64 does not round, and the comparison is exact.
    """
    assert case.targets is not None
    data = [rationals(a[0]) for a in (*case.parameters, case.inputs, case.targets)]
    if bits_of_descent(case, data) > SIGNIFICAND_BITS:
        yield tc.Rejection("float64 would round")
        return
    decay = case.numbers["weight_decay"] / (2 if setting.altered else 1)
    expected = descent_in_rationals(case, case.network, data, decay)
    found = [rationals(p[0]) for p in after_one_epoch(case, rho=False).parameters]
    yield tc.equality(flat(found)[None], flat(expected)[None], EXACT, case.member)


READS_INPUT = "k in [k for k in weights if source(k) == 0]"
"""Trainable weight matrices next to the input, ``W^{p1}``."""

PAIR_BOUND = "4 * weight_decay ** 2 * (1 - abs(cosine(i, j))) * squared(W[k])"
ACROSS = "squared(outside(gradient((i,), k), [x[i]])) + squared(outside(gradient((j,), k), [x[j]]))"
"""The squares of what two gradients have at right angles to their samples."""

batch_gradient_pair_bound = tc.stated(
    "batch-gradient-pair-bound",
    title="The gradients on two samples cannot both be small: a bound by their angle",
    printed=r"4 \lambda^2 (1 - |\cos\theta_{ij}|)\, \|W^{p1}\|_F^2 \le \|g_i P_i\|_F^2"
    r" + \|g_j P_j\|_F^2 \le \|g_i\|_F^2 + \|g_j\|_F^2,"
    r" \quad g_i = \nabla_{W^{p1}} L^\lambda_{\{(x_i, y_i)\}}(f_W)",
    given=[
        SQUARE_LOSS,
        NOT_NORMALISED,
        POSITIVE_WEIGHT_DECAY,
        MATRIX_READS_INPUT,
        WEIGHT_NOT_ZERO,
    ],
    assuming={"x_i and x_j are not collinear": "rank([x[i], x[j]]) == 2"},
    forall=(READS_INPUT, "j in samples", "i in range(j)"),
    states=f"{PAIR_BOUND} <= {ACROSS}",
    control=tc.altered("the bound times 9/8", f"9 * {PAIR_BOUND} <= 8 * ({ACROSS})"),
    where=[
        BATCH_GRADIENT,
        "cosine(i, j) = inner(x[i], x[j]) / root(squared(x[i]) * squared(x[j]))",
    ],
    on=st.one_of(tc.spread_cases(), tight_pairs(), trained_cases(), tc.searched_cases()),
    examples=100,
    rests_on=["batch-gradient-bound"],
    why="A quantitative form of Proposition 1 of galanti2022, our own: with weight decay, the steps"
    " of SGD with batch size 1 stay away from zero by the learning rate times"
    " 2 lambda ||W|| sqrt((1 - |cos theta|) / 2), in at least one of any two samples; theta is the"
    " angle between the inputs.\n\n"
    "Proof. Let P_i be the projector onto the complement of x_i. Then ||g_i|| >= ||g_i P_i|| ="
    " 2 lambda ||W P_i||, by `batch-gradient-bound`, and the squares add up to"
    " 4 lambda^2 tr(W (P_i + P_j) W^T). The eigenvalues of the sum of the projectors onto x_i and"
    " x_j are 1 + |cos theta|, 1 - |cos theta| and 0, so the smallest eigenvalue of P_i + P_j is"
    " 1 - |cos theta|.\n\n"
    "The bound is one for any differentiable loss. Equality occurs where the rows of W lie along"
    " the bisector; that of the second part, where labels cancel what lies along the inputs. For"
    " collinear inputs, the exception in Proposition 1, nothing is said: the bound would be 0."
    " Checked at random weights, at weights trained by SGD, at the results of a directed search for"
    " stationary points, and at equality.",
)

batch_gradient_bound = tc.stated(
    "batch-gradient-bound",
    title="Outside the span of a batch's inputs, the gradient on it is that of the decay",
    printed=r"2 \lambda\, W^{p1} P_{\tilde S} = \nabla_{W^{p1}} L^\lambda_{\tilde S}(f_W)"
    r" P_{\tilde S}, \quad"
    r" P_{\tilde S} \text{ the projector onto the complement of span } \{x_i\}_{i \in \tilde S}",
    given=[SQUARE_LOSS, NOT_NORMALISED, MATRIX_READS_INPUT],
    forall=(READS_INPUT, "S in batches(batch_size)", *ENTRIES[1:]),
    states="outside(gradient(S, k), [x[n] for n in S])[i][j]"
    " == 2 * weight_decay * outside(W[k], [x[n] for n in S])[i][j]",
    control=tc.altered("lambda W", {"== 2 *": "=="}),
    where=[BATCH_GRADIENT],
    on=tc.cases(
        tc.mlps(depths=(1, 3), widths=(2, 3)),
        targets="dyadic",
        numbers={"weight_decay": tc.dyadics(), "batch_size": st.integers(1, 2).map(Fraction)},
        samples=(2, 3),
        cohort=1,
    ),
    examples=60,
    rests_on=["batch-gradient", "path-expansion-at-input"],
    why="The argument for a batch of any size, our own: by the chain rule the data part of the"
    " gradient has its rows in the span of the batch's inputs, for any loss, any labels and any"
    " weights. The gradient contains all of 2 lambda W outside it, so that its norm is at least"
    " `2 lambda ||W P||`, with equality where the labels cancel what lies inside.\n\n"
    "A point that is stationary on a batch therefore has the rows of W^{p1} in the span of its"
    " inputs, with weight decay, and one that is stationary on all batches has them in the"
    " intersection of all these spans.",
)

batch_gradient_any_network = tc.stated(
    "batch-gradient-any-network",
    title="Gradient of the regularised risk, with several outputs, biases, skips and kinks",
    printed=r"\nabla_{W^{pq}} L^\lambda_{\tilde S}(f_W) = \frac1B \sum_{(x,y) \in \tilde S}"
    r" \sum_c \frac{\partial \ell(f_W(x), y)}{\partial f_W^{(c)}(x)} \cdot"
    r" \frac{\partial f_W^{(c)}(x)}{\partial W^{pq}} + 2 \lambda W^{pq}",
    given=[SQUARE_LOSS, NOT_NORMALISED, AUTOGRAD_AT_KINKS],
    forall=("S in batches(batch_size)", *ENTRIES),
    states="grad(risk(S), k)[i][j] == gradient(S, k)[i][j]",
    control=tc.altered(
        "the gradient of the first output alone",
        "grad(risk(S), k)[i][j] == gradient(S, k)[i][j] - other(S, k)[i][j]",
    ),
    where=[
        "risk(S) = sum([(f(n, c) - y[n][c]) ** 2 for n in S for c in outputs]) / len(S)"
        " + weight_decay * sum([squared(W[l]) for l in weights])",
        BATCH_GRADIENT,
        "other(S, k) = sum([2 * (f(n, c) - y[n][c]) * df(n, c, k) for n in S"
        " for c in outputs if c > 0]) / len(S) + 0 * W[k]",
    ],
    on=tc.plain_cases(
        st.one_of(
            tc.directed_graphs(depths=(2, 3), outputs=(1, 3)),
            tc.mlps(depths=(1, 3), outputs=(2, 3), bias=True),
        )
    ),
    examples=60,
    why="A sharpening of galanti2022, Eq. 6, of our own: the paper has one output, no biases and a"
    " differentiable loss. For the square loss the derivative of a sum over the outputs is the sum"
    " of `2 (f_c - y_c) df_c/dW`, whichever derivative of the activation is chosen at a kink, as"
    " both sides choose the same.",
)
