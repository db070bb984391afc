"""The distance between epochs as a measure of convergence: galanti2022, Section 4.2.

``d(W_{t+1}, W_t)`` is the mean over the weight matrices of how far an epoch moves them.
"""

from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    INPUT_NOT_ZERO,
    NO_BIASES,
    PAIR,
    SQUARE_LOSS,
    UNNORMALISED,
)
from properties.papers import GALANTI2022

ONE_LAYER = tc.Assumption(
    "one linear layer, which reads all of the input",
    "depth == 1 and chain() and slope(1) == 1 and len(W[0][0]) == len(x[0])",
)
EPOCH = tc.Convention("an epoch has two steps, each on a sample drawn at random")


@st.composite
def turned_epochs(
    draw: st.DrawFn, *, sides: tuple[int, ...] = (1, -1), fitted: bool = False
) -> tc.Case:
    """``f = w x`` on two samples that pull alike, at the rate of cycles, or at half of it.

    Whichever sample is drawn, a step is ``w <- (1 - c) w + 2 eta x y`` with ``c = 2 eta (x^2 +
    lambda)``: two of them lead back if c is 2, and one leads to the minimum if c is 1.

    Args:
        sides: what the second sample and its label may be, in terms of the first.
        fitted: with labels that w fits.
    """
    position, label, decay = (draw(tc.positive_dyadics()) for _ in range(3))
    weight, side = Fraction(draw(st.integers(-2, 3))), draw(st.sampled_from(sides))
    share = draw(st.sampled_from([Fraction(1), Fraction(1, 2)]))
    if fitted:
        label = weight * position
    return tc.Case.single(
        tc.mlp([1, 1]),
        [[[weight]]],
        [[position], [side * position]],
        [[label], [side * label]],
        {"weight_decay": decay, "rate": share / (position**2 + decay)},
    )


EPOCHS = tc.Family(
    sources=[GALANTI2022.at("Section 4.2: distance")],
    given=[UNNORMALISED, ONE_LAYER, NO_BIASES, PAIR, SQUARE_LOSS, EPOCH],
    where=[
        "entries = range(len(x[0]))",
        "error(V, n) = inner(V[0], x[n]) - y[n][0]",
        "data(V, n) = [2 * error(V, n) * x[n][j] for j in entries]",
        "gradient_at(V, n) = [data(V, n)[j] + 2 * weight_decay * V[0][j] for j in entries]",
        "stepped(V, n) = [[V[0][j] - rate * gradient_at(V, n)[j] for j in entries]]",
        "after(m, n) = stepped(stepped(W[0], m), n)",
        "moved(m, n) = sum([(after(m, n)[0][j] - W[0][0][j]) ** 2 for j in entries])",
    ],
    numbers=["rate", "weight_decay"],
    on=turned_epochs(),
)

epoch_distance_vanishes = EPOCHS.stated(
    "epoch-distance-vanishes",
    title="Where an epoch does not move the weights, SGD has converged",
    printed=r"\text{Convergence is possible if and only if } d(W_{t+1}, W_t) \to 0",
    assuming={
        "whichever samples are drawn, the epoch ends where it began": (
            "all([moved(m, n) == 0 for m in samples for n in samples])"
        )
    },
    forall=["n in samples"],
    states="sum([g ** 2 for g in gradient_at(W[0], n)]) == 0",
    control=tc.altered("and the label is fitted", "error(W[0], n) == 0"),
    why="One half of it. With a large learning rate a step can lead from w to the other side of the"
    " minimum and the next one back, whichever samples are drawn, at random as in Section 2.1 or in"
    " order: after every epoch of two steps d is 0, and no batch is at rest. With the logistic loss"
    " of one sample d tends to 0 at every learning rate while the weights grow for ever"
    " (`epoch-distance-logistic`).",
)

epoch_distance_needs_gradients = EPOCHS.stated(
    "epoch-distance-needs-gradients",
    title="Where all batches are at rest, an epoch does not move the weights",
    printed=r"W_t \text{ converged} \ \Longrightarrow\ d(W_{t+1}, W_t) = 0",
    assuming={
        "some epoch moves the weights": "any([moved(m, n) > 0 for m in samples for n in samples])"
    },
    states="sum([g ** 2 for n in samples for g in gradient_at(W[0], n)]) > 0",
    control=tc.altered(
        "the first label is missed", "error(W[0], 0) ** 2 > 0", on=turned_epochs(fitted=True)
    ),
    examples=100,
    on=turned_epochs(sides=(1, -1, 0)),
    corrects="epoch-distance-vanishes",
    why="The other half, by its contrapositive, whichever samples are drawn.",
)


@st.composite
def overstepped_samples(draw: st.DrawFn) -> tc.Case:
    """``f = w x`` on three equal samples, at the rate that turns the error round."""
    position = draw(st.sampled_from([1, -1])) * draw(tc.positive_dyadics())
    label = draw(st.sampled_from([1, -1])) * draw(tc.positive_dyadics())
    share = Fraction(draw(st.sampled_from([-3, -2, -1, 1, 2, 3])), 4)
    return tc.Case.single(
        tc.mlp([1, 1]),
        [[[(1 + share) * label / position]]],
        [[position]] * 3,
        [[label]] * 3,
        {"rate": 1 / position**2},
    )


epoch_distance_loss_converges = tc.stated(
    "epoch-distance-loss-converges",
    title="Loss and accuracy can stay as they are while the weights do not converge",
    sources=[GALANTI2022.at("Section 4.2: loss converges")],
    printed=r"\text{even though in certain cases the training loss and accuracy converged, the}"
    r" \text{ network's parameters do not converge}",
    given=[
        UNNORMALISED,
        ONE_LAYER,
        NO_BIASES,
        tc.Convention("the square loss, no weight decay, one sample a step, three an epoch"),
    ],
    assuming={
        "three samples are equal, with one entry": (
            "len(samples) == 3 and all([len(x[n]) == 1 and x[n][0] == x[0][0]"
            " and y[n][0] == y[0][0] for n in samples])"
        ),
        "the label is missed by less than its size": "0 < loss(w) and loss(w) < y[0][0] ** 2",
        "eta x^2 = 1": "rate * x[0][0] ** 2 == 1",
    },
    states="loss(after) == loss(w) and correct(w) == 3 and correct(after) == 3"
    " and x[0][0] * (after - w) == -2 * error(w, 0) and epoch(after) == w",
    control=tc.altered("nor do the weights move", {"-2 * error(w, 0)": "0"}),
    where=[
        "error(v, n) = v * x[n][0] - y[n][0]",
        "stepped(v, n) = v - rate * 2 * error(v, n) * x[n][0]",
        "epoch(v) = stepped(stepped(stepped(v, 0), 1), 2)",
        "loss(v) = sum([error(v, n) ** 2 for n in samples]) / len(samples)",
        "correct(v) = sum([1 if v * x[n][0] * y[n][0] > 0 else 0 for n in samples])",
        "w = W[0][0][0]",
        "after = epoch(w)",
    ],
    numbers=["rate"],
    on=overstepped_samples(),
    examples=60,
    why="For x = y = 1 a step leads from w to 2 - w, whichever sample is drawn: the loss stays, and"
    " so does the accuracy, which is 1; the next epoch leads back, and d(W_{t+1}, W_t), twice the"
    " error over |x|, is |2 w - 2| for ever. So the sentence describes"
    " something that exists, in descent on all samples too: here the learning rate is too large,"
    " and no batch disagrees with another.",
)

LOGISTIC = [
    ONE_LAYER,
    NO_BIASES,
    UNNORMALISED,
    tc.Assumption("labels +-1", "all([y[n][0] ** 2 == 1 for n in samples])"),
    tc.Convention("the logistic loss log(1 + exp(-y f)), no weight decay, one sample a step"),
    tc.Assumption("the margin of the sample is not negative", "margin(n) >= 0"),
    INPUT_NOT_ZERO,
    tc.Assumption("the learning rate is positive", "rate > 0"),
]


@st.composite
def classified_samples(draw: st.DrawFn) -> tc.Case:
    """A positive weight, labels of both signs, and inputs that have the sign of their label."""
    signs = [-1, *draw(st.lists(st.sampled_from([1, -1]), max_size=2))]
    inputs = [[sign * draw(st.integers(1, 3))] for sign in signs]
    numbers = {"rate": draw(tc.positive_dyadics())}
    weight = draw(tc.positive_dyadics())
    return tc.Case.single(tc.mlp([1, 1]), [[[weight]]], inputs, [[s] for s in signs], numbers)


epoch_distance_logistic = tc.stated(
    "epoch-distance-logistic",
    title="With the logistic loss of one sample, steps vanish while the weights grow for ever",
    sources=[GALANTI2022.at("Section 4.2: distance")],
    printed=r"e^{y f_{W_{t+1}}(x)} \ge e^{y f_{W_t}(x)} + \frac{\eta}{2} \|x\|^2 \qquad"
    r" \text{for a step } t \to t + 1 \text{ on } (x, y)",
    given=LOGISTIC,
    forall=["n in samples"],
    states="exp(margin(n) + advance(n)) >= exp(margin(n)) + rate * squared(x[n]) / 2",
    control=tc.altered(
        "by three times eta |x|^2",
        "exp(margin(n) + advance(n)) >= exp(margin(n)) + 3 * rate * squared(x[n])",
    ),
    where=[
        "margin(n) = y[n][0] * f(n, 0)",
        "advance(n) = rate * squared(x[n]) / (1 + exp(margin(n)))",
    ],
    numbers=["rate"],
    on=st.one_of(
        classified_samples(),
        tc.cases(
            tc.mlps(depths=(1, 1), widths=(1, 2)),
            targets="signs",
            numbers={"rate": tc.positive_dyadics()},
            cohort=1,
        ),
    ),
    examples=60,
    why="So with one sample in the training set, after T steps the margin is at least log(1 +"
    " eta |x|^2 T / 2), which has no limit. The length of a step, by the chain rule eta |x| / (1 +"
    " exp(y f)), is then at most eta |x| / (2 + eta |x|^2 T / 2) and vanishes. d tends to 0 and"
    " nothing converges: the 'if' of the sentence is wrong in the limit, too. So it is with a"
    " single weight; the size of the network does not matter. With more samples, a step on another"
    " one can lower the margin.",
)


@st.composite
def equal_inputs(draw: st.DrawFn) -> tc.Case:
    """``f = w`` on three samples with any labels."""
    labels = [[draw(tc.positive_dyadics())] for _ in range(3)]
    numbers = {"weight_decay": draw(tc.positive_dyadics())}
    weight = draw(st.integers(-3, 3))
    return tc.Case.single(tc.mlp([1, 1]), [[[weight]]], [[1]] * 3, labels, numbers)


epoch_distance_decreasing_rates = tc.stated(
    "epoch-distance-decreasing-rates",
    title="With decreasing learning rates SGD converges where batches need not be at rest",
    sources=[GALANTI2022.at("Section 4.2: distance")],
    printed=r"\eta_t = \frac{1}{2 (1 + \lambda) (t + 1)}:\quad"
    r" w_T = \frac{1}{1 + \lambda} \cdot \frac1T \sum_{t < T} y_{i_t}",
    given=[UNNORMALISED, ONE_LAYER, NO_BIASES, SQUARE_LOSS],
    assuming={
        "three samples of one input, which is 1": (
            "len(samples) == 3 and all([x[n][0] == 1 and len(x[n]) == 1 for n in samples])"
        )
    },
    states="3 * (1 + weight_decay) * after == sum([y[n][0] for n in samples])",
    control=tc.altered("with a constant rate", {"after": "constant"}),
    where=[
        "at(v, n) = 2 * (v * x[n][0] - y[n][0]) * x[n][0] + 2 * weight_decay * v",
        "stepped(v, n) = v - at(v, n) / (2 * (1 + weight_decay) * (n + 1))",
        "w = W[0][0][0]",
        "after = stepped(stepped(stepped(w, 0), 1), 2)",
        "fixed(v, n) = v - at(v, n) / (2 * (1 + weight_decay))",
        "constant = fixed(fixed(fixed(w, 0), 1), 2)",
    ],
    on=equal_inputs(),
    examples=60,
    why="Three steps, for f = w. As more are drawn at random, w converges to the mean label over"
    " 1 + lambda, and d with it to 0; the gradient on a sample there is 2 (mean - y_i), which is 0"
    " only if the label is the mean. So SGD with weight decay can converge to a function that is"
    " not zero where the learning rate falls like 1/t: for equal inputs as here, and wherever the"
    " risk is strictly convex (`convergence-points-decreasing-rates`).",
)
