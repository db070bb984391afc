"""What SGD minimises: galanti2022, Section 3.2, the average norm of batch gradients.

And how the gradients of batches vary with their size, on which Section 3.1 ends.
"""

from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

import theorycheck as tc
from properties.assumptions import (
    AUTOGRAD_AT_KINKS,
    MINI_BATCHES,
    POSITIVE_WEIGHT_DECAY,
    SQUARE_LOSS,
    UNNORMALISED,
)
from properties.notation import BATCH_GRADIENT, ENTRIES
from properties.papers import GALANTI2022

NUMBERS = ["batch_size", "weight_decay"]
NETWORK = [UNNORMALISED, SQUARE_LOSS, AUTOGRAD_AT_KINKS]
AVERAGE = (
    r"\operatorname{Avg}_{\tilde S \subset S:\ |\tilde S| = B}"
    r" [\| \nabla_{W^{pq}} L^\lambda_{\tilde S}(f_W) \|]"
)
MEAN = "mean(k) = sum([frobenius(gradient(S, k)) for S in batches(batch_size)]) / count"
COUNT = "count = len(batches(batch_size))"
RANDOM = tc.plain_cases(samples=(2, 3))
SQUARE = tc.plain_cases(tc.mlps(depths=(2, 3), widths=(2, 2)), samples=(2, 3))
"""Layers whose weights may be mistaken for their transposes, or those of the next one."""


def on_all_samples(case: tc.Case) -> tc.Case:
    """The only batch has all samples: the mean of its norm is the norm of the mean."""
    return replace(case, numbers={**case.numbers, "batch_size": Fraction(case.samples)})


@st.composite
def balanced_scalars(draw: st.DrawFn) -> tc.Case:
    """``f = w x`` with ``w = 1`` at rest on all samples, the second at rest at ``w = 1/2``."""
    decay = draw(tc.positive_dyadics())
    second = 1 + draw(st.integers(1, 3))
    # d/dw of (w x - y)^2 + lambda w^2 is 2 (x^2 + lambda) w - 2 x y.
    label = (second**2 + decay) / (2 * second)
    first = 1 + decay + (second**2 + decay) / 2
    return tc.Case.single(
        tc.mlp([1, 1]),
        [[[1]]],
        [[1], [second]],
        [[first], [label]],
        {"weight_decay": decay, "batch_size": Fraction(1)},
    )


average_gradient_minimised = tc.stated(
    "average-gradient-minimised",
    title="Where the expected step of SGD vanishes, the average gradient norm is minimal",
    sources=[GALANTI2022.at("Section 3.2: average gradient")],
    printed=r"\text{SGD training with batches of size } B \text{ directly minimizes }" + AVERAGE,
    given=[*NETWORK, POSITIVE_WEIGHT_DECAY],
    assuming={"the expected step vanishes": "all([zero(gradient(samples, l)) for l in weights])"},
    forall=["k in weights", "t in range(1, 5)"],
    states="average(1, k) <= average(t / 2, k)",
    control=tc.altered("half of it", "2 * average(1, k) <= average(t / 2, k)"),
    where=[
        BATCH_GRADIENT,
        "outputs_at(s) = network([s * W[l] for l in weights], x)",
        "fit(s, S) = sum([(outputs_at(s)[n][0] - y[n][0]) ** 2 for n in S]) / len(S)",
        "risk(s, S) = fit(s, S) + weight_decay * sum([squared(s * W[l]) for l in weights])",
        COUNT,
        "norms(s, k) = [frobenius(grad(risk(s, S), k)) for S in batches(batch_size)]",
        "average(s, k) = sum(norms(s, k)) / (s * count)",
    ],
    on=st.one_of(balanced_scalars(), tc.stationary_chains(full_batch=True)),
    why="The weights are compared with half, 3/2 and twice of them. What SGD follows in expectation"
    " is the gradient of L (`average-gradient-expected`), and where that is at rest the average"
    " norm need not be minimal: for f = w x, the latter is a mean of absolute values. The paper"
    " builds its prediction for the batch size on this sentence; the prediction does not follow"
    " from Theorem 1.",
)

average_gradient_without_lambda = tc.stated(
    "average-gradient-without-lambda",
    title="In the update of SGD, too, L without lambda is the loss without weight decay",
    kind="consistency",
    sources=[GALANTI2022.at("Section 2.1: loss of the update, Eq. 2")],
    printed=r"\text{Eq. 2: } L^\lambda_S = \frac1m \sum_i \ell + \lambda \|W\|^2_2; \quad"
    r" \text{Section 2.1: } W_{t+1} \leftarrow W_t - \eta_t \cdot"
    r" \frac{\bar\partial L_{\tilde S}(f_{W_t})}{\bar\partial W}"
    r" \text{ minimises the regularised risk } L_S",
    given=[*NETWORK, POSITIVE_WEIGHT_DECAY],
    forall=ENTRIES,
    states="expected(k)[i][j] == gradient(samples, k)[i][j]",
    control=tc.altered("twice that", "2 * expected(k)[i][j] == gradient(samples, k)[i][j]"),
    where=[
        BATCH_GRADIENT,
        COUNT,
        "of_fit(S, k) = gradient(S, k) - 2 * weight_decay * W[k]",
        "expected(k) = sum([of_fit(S, k) for S in batches(batch_size)]) / count",
    ],
    on=tc.plain_cases(tc.mlps(depths=(1, 2), widths=(1, 1)), samples=(2, 3)),
    why="Inconsistent notation, and no more: Eq. 1 has L for the loss without weight decay, and Eq."
    " 2 and 6 write L^lambda with it; the update has L without lambda. Read as the mean loss, its"
    " average over the batches is not the gradient of the regularised risk. But two sentences"
    " before, L_S is called the regularised risk, and with that meaning the update is right.",
)

AVERAGES = tc.Family(
    given=NETWORK,
    forall=["k in weights"],
    where=[BATCH_GRADIENT, COUNT],
    on=tc.plain_cases(samples=(3, 4)),
    examples=40,
)

average_gradient_expected = AVERAGES.stated(
    "average-gradient-expected",
    title="In expectation, SGD follows the gradient of the risk on all samples",
    sources=[GALANTI2022.at("Section 3.2: average gradient, Section 2.1: loss of the update")],
    printed=r"\operatorname{Avg}_{\tilde S \subset S:\ |\tilde S| = B}"
    r" [\nabla_{W^{pq}} L^\lambda_{\tilde S}(f_W)] = \nabla_{W^{pq}} L^\lambda_S(f_W)",
    forall=ENTRIES,
    states="expected(k)[i][j] == gradient(samples, k)[i][j]",
    control=tc.altered("the sum", "count * expected(k)[i][j] == gradient(samples, k)[i][j]"),
    where=["expected(k) = sum([gradient(S, k) for S in batches(batch_size)]) / count"],
    on=st.one_of(SQUARE, tc.plain_cases(samples=(3, 4))),
    examples=80,
    corrects="average-gradient-minimised",
    why="What SGD minimises, as far as it minimises anything, is the risk L itself, whatever the"
    " size of the batches.",
)

average_gradient_bounds_minimum = AVERAGES.stated(
    "average-gradient-bounds-minimum",
    title="The average norm of batch gradients is at least the smallest",
    sources=[GALANTI2022.at("Section 3.2: average and minimum")],
    printed=r"\min_{\tilde S \subset S:\ |\tilde S| = B} \| \nabla_{W^{pq}} L^\lambda_{\tilde S}"
    rf"(f_W) \| \le {AVERAGE}",
    states="least(k) <= mean(k)",
    control=tc.altered("the largest", "greatest(k) <= mean(k)"),
    where=[
        MEAN,
        "least(k) = min([frobenius(gradient(S, k)) for S in batches(batch_size)])",
        "greatest(k) = max([frobenius(gradient(S, k)) for S in batches(batch_size)])",
    ],
    on=st.one_of(SQUARE.map(on_all_samples), RANDOM),
    examples=50,
    why="So a small average would bring W near low rank, by Theorem 1.",
)

average_gradient_bounds_expected = AVERAGES.stated(
    "average-gradient-bounds-expected",
    title="The average norm of batch gradients is at least the norm of their average",
    printed=rf"\| \nabla_{{W^{{pq}}}} L^\lambda_S(f_W) \| \le {AVERAGE}",
    states="frobenius(gradient(samples, k)) <= mean(k)",
    control=tc.altered("7/8 of it", "8 * frobenius(gradient(samples, k)) <= 7 * mean(k)"),
    where=[MEAN],
    on=st.one_of(SQUARE, SQUARE.map(on_all_samples), RANDOM),
    examples=80,
    rests_on=["average-gradient-expected"],
    why="The other direction of `average-gradient-minimised`: that the average norm is small"
    " implies that the risk is nearly stationary, but not the reverse.",
)

average_gradient_of_squares = AVERAGES.stated(
    "average-gradient-of-squares",
    title="How the squared gradient of a batch depends on its size",
    sources=[GALANTI2022.at("Section 3.1: batch size")],
    printed=r"\operatorname{Avg}_{|\tilde S| = B} \| g_{\tilde S} \|^2 = \| g \|^2"
    r" + \frac{m - B}{B (m - 1)} \Big( \frac1m \sum_i \| g_i \|^2 - \| g \|^2 \Big)",
    given=[MINI_BATCHES],
    states="squares(k) == full(k) + share * (single(k) - full(k))",
    control=tc.altered(
        "batches drawn with replacement: the factor is 1/B",
        "squares(k) == full(k) + (single(k) - full(k)) / batch_size",
    ),
    where=[
        "squares(k) = sum([squared(gradient(S, k)) for S in batches(batch_size)]) / count",
        "full(k) = squared(gradient(samples, k))",
        "single(k) = sum([squared(gradient((n,), k)) for n in samples]) / len(samples)",
        "share = (len(samples) - batch_size) / (batch_size * (len(samples) - 1))",
    ],
    rests_on=["sgd-stationary-sample-gradients"],
    why="The left side is 0 exactly where all g_i are, for every B < m: the convergence points of"
    " SGD do not depend on the batch size, as the paper says. The noise does: it falls faster than"
    " 1/B and ends at B = m.",
)
