"""Batches that differ in one sample: the proof of xu2022, Lemma 8, display by display."""

import theorycheck as tc
from properties.assumptions import (
    CHAIN,
    IN_BALL,
    POSITIVE_WEIGHT_DECAY,
    SIGN_LABELS,
    SMOOTH,
    UNIT_WEIGHTS,
)
from properties.notation import ENTRIES, MULTIPLIER
from properties.papers import XU2022
from properties.sgd.pulls import (
    PULLS,
    RHO_AT_REST,
    RHO_NOT_ZERO,
    SAMPLED,
    WEIGHTS_AT_REST,
    batched_points,
    spread,
)
from properties.unit_ball import in_ball_at_rest

GRADIENTS = tc.Family(
    given=[CHAIN, UNIT_WEIGHTS, SIGN_LABELS, SMOOTH],
    where=[
        *PULLS,
        MULTIPLIER,
        "lagrangian(S, v) = sum([(rho * f(n, 0) - y[n][0]) ** 2 for n in S]) / len(S)"
        " + v * sum([squared(W[l]) - 1 for l in weights]) + weight_decay * rho ** 2",
        "with_multiplier(S, v, k) = grad(lagrangian(S, v), k)",
        "gradient(S, k) = with_multiplier(S, nu(S), k)",
        "others(R, S) = [p for p in R if all([p != q for q in S])]",
    ],
    on=batched_points(),
    examples=24,
)
"""Of the Lagrangian of Eq. 1 on a batch, with the multiplier of Eq. 4 held constant."""

OF_A_BATCH = ["S in batches(batch_size)", *ENTRIES]
EXCHANGES = [
    "S in batches(batch_size)",
    "R in [Q for Q in batches(batch_size) if len(others(Q, S)) == 1]",
    "k in weights",
    "m in others(S, R)",
    "n in others(R, S)",
]


def of_batch(factor: str) -> str:
    """Eq. 48, with some factor before the sum, in every entry."""
    return f"gradient(S, k)[i][j] == {factor} / len(S) * rho * sum([pull(n, k) for n in S])[i][j]"


def of_exchange(factor: str) -> str:
    """Eq. 49, with some factor, as one number: the squared norm of the difference of its sides."""
    return (
        "squared(gradient(S, k) - gradient(R, k)"
        f" - {factor} / len(S) * rho * (pull(m, k) - pull(n, k))) == 0"
    )


TWICE = tc.altered("twice the sum", of_batch("-4"))

batch_differences_gradient_printed = GRADIENTS.stated(
    "batch-differences-gradient-printed",
    title="The gradient of a batch in V_k as printed in the proof of Lemma 8: the sign is wrong",
    sources=[XU2022.at("Eq. 48")],
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_k} = \frac2B \rho \sum_{j=1}^B"
    r" \Big[ (1 - \rho \bar f_{i_j}) \Big( -V_k \bar f_{i_j}"
    r" + \frac{\partial \bar f_{i_j}}{\partial V_k} \Big) \Big]",
    given=[IN_BALL],
    forall=OF_A_BATCH,
    states=of_batch("2"),
    control=TWICE,
    on=batched_points().map(in_ball_at_rest),
    rests_on=["normalised-flow"],
    why="The right side is `dot V_k` of Eq. 5 for the batch, that is, minus the gradient. Where"
    " both are 0, as in the proof, the sign does no harm.",
)

batch_differences_gradient = GRADIENTS.stated(
    "batch-differences-gradient",
    title="The gradient of a batch in V_k, with the multiplier put in",
    sources=[XU2022.at("Eq. 48")],
    printed=r"\frac{\partial \mathcal{L}_{S'}}{\partial V_k} = -\frac2B \rho \sum_{j=1}^B"
    r" \Big[ (1 - \rho \bar f_{i_j}) \Big( -V_k \bar f_{i_j}"
    r" + \frac{\partial \bar f_{i_j}}{\partial V_k} \Big) \Big]",
    forall=OF_A_BATCH,
    states=of_batch("-2"),
    control=TWICE,
    examples=40,
    corrects="batch-differences-gradient-printed",
    rests_on=["normalised-flow"],
    why="The sign of Eq. 2 and 5. The derivative is that of the Lagrangian, not of the right side.",
)

batch_differences_exchange_printed = GRADIENTS.stated(
    "batch-differences-exchange-printed",
    title="Two batches that differ in one sample, as printed: the sign is wrong",
    sources=[XU2022.at("Eq. 49")],
    printed=r"\frac{\partial \mathcal{L}_{S'_i}}{\partial V_k}"
    r" - \frac{\partial \mathcal{L}_{S'_j}}{\partial V_k} = \frac2B \rho \Big[ (1 - \rho \bar f_i)"
    r" \Big( -V_k \bar f_i + \frac{\partial \bar f_i}{\partial V_k} \Big) - (1 - \rho \bar f_j)"
    r" \Big( -V_k \bar f_j + \frac{\partial \bar f_j}{\partial V_k} \Big) \Big]",
    given=[IN_BALL],
    forall=EXCHANGES,
    states=of_exchange("2"),
    control=tc.altered("twice the difference", of_exchange("-4")),
    on=batched_points().map(in_ball_at_rest),
    rests_on=["batch-differences-gradient-printed"],
    why="It inherits the sign of Eq. 48.",
)

batch_differences_exchange = GRADIENTS.stated(
    "batch-differences-exchange",
    title="Two batches that differ in one sample",
    sources=[XU2022.at("Eq. 49")],
    printed=r"\frac{\partial \mathcal{L}_{S'_i}}{\partial V_k}"
    r" - \frac{\partial \mathcal{L}_{S'_j}}{\partial V_k} = -\frac2B \rho \Big[ (1 - \rho \bar f_i)"
    r" \Big( -V_k \bar f_i + \frac{\partial \bar f_i}{\partial V_k} \Big) - (1 - \rho \bar f_j)"
    r" \Big( -V_k \bar f_j + \frac{\partial \bar f_j}{\partial V_k} \Big) \Big]",
    forall=EXCHANGES,
    states=of_exchange("-2"),
    control=tc.altered(
        "the difference is not divided by B", {"2 /": "2 *"}, on=batched_points(least=2)
    ),
    corrects="batch-differences-exchange-printed",
    rests_on=["batch-differences-gradient-printed"],
    why="The two samples are all that the batches do not share; the multiplier of each batch is a"
    " mean over its samples too, so that it does not disturb this.",
)

TWO_SAMPLES = tc.Family(
    given=[*SAMPLED, RHO_NOT_ZERO, WEIGHTS_AT_REST],
    assuming={
        "(1 - rho fbar_m) fbar_m differs from (1 - rho fbar_n) fbar_n": (
            "residual(m) * margin(m) != residual(n) * margin(n)"
        )
    },
    forall=["m in samples", "n in samples", *ENTRIES],
    where=[*PULLS, "denominator(m, n) = residual(m) * margin(m) - residual(n) * margin(n)"],
    on=tc.normalised_equilibria().map(spread),
    examples=40,
)


def from_two_samples(sign: str) -> str:
    """Eq. 50, with some sign between the two terms."""
    return (
        f"W[k][i][j] == (residual(m) * dmargin(m, k)[i][j] {sign} residual(n)"
        " * dmargin(n, k)[i][j]) / denominator(m, n)"
    )


batch_differences_two_samples_printed = TWO_SAMPLES.stated(
    "batch-differences-two-samples-printed",
    title="V_k from two samples with different pulls at rho, as printed",
    sources=[XU2022.at("Eq. 50")],
    printed=r"V_k = \frac{(1 - \rho \bar f_i) \frac{\partial \bar f_i}{\partial V_k}"
    r" + (1 - \rho \bar f_j) \frac{\partial \bar f_j}{\partial V_k}}"
    r"{(1 - \rho \bar f_i) \bar f_i - (1 - \rho \bar f_j) \bar f_j}",
    given=[IN_BALL],
    states=from_two_samples("+"),
    control=tc.altered("divided by 2", from_two_samples("+").replace("/ denominator(m, n)", "/ 2")),
    on=tc.normalised_equilibria().map(spread).map(in_ball_at_rest),
    rests_on=["batch-differences-exchange-printed"],
    why="Solving Eq. 49 for V_k leaves a minus in the numerator. The case that the equation is"
    " about never occurs under the hypotheses of Lemma 8, where `rho` is at rest on all batches and"
    " the denominator is 0; here only the V_k are assumed to be at rest.",
)

batch_differences_two_samples = TWO_SAMPLES.stated(
    "batch-differences-two-samples",
    title="V_k from two samples with different pulls at rho",
    sources=[XU2022.at("Eq. 50")],
    printed=r"V_k = \frac{(1 - \rho \bar f_i) \frac{\partial \bar f_i}{\partial V_k}"
    r" - (1 - \rho \bar f_j) \frac{\partial \bar f_j}{\partial V_k}}"
    r"{(1 - \rho \bar f_i) \bar f_i - (1 - \rho \bar f_j) \bar f_j}",
    states=from_two_samples("-"),
    control=tc.altered("with the printed plus", from_two_samples("+")),
    corrects="batch-differences-two-samples-printed",
    rests_on=["batch-differences-exchange-printed"],
    why="Eq. 49 solved for V_k. The terms on the right have rank 1 at most, so that the bound of 2"
    " on the rank of V_k is right; it is not sharp, as both are multiples of V_k.",
)

ALPHA = "residual(m) * margin(m) == weight_decay * rho"

batch_differences_common_matrix = tc.stated(
    "batch-differences-common-matrix",
    title="Where all batches are at rest, V_k is proportional to one gradient of rank 1",
    sources=[XU2022.at("Eq. 51-52"), XU2022.at("Lemma 8")],
    printed=r"(1 - \rho \bar f_i) \frac{\partial \bar f_i}{\partial V_k} = (1 - \rho \bar f_j)"
    r" \frac{\partial \bar f_j}{\partial V_k} = U,\quad -2\rho\alpha V_k + 2\rho U = 0,\quad"
    r" \alpha = (1 - \rho \bar f_i) \bar f_i \ne 0",
    given=[*SAMPLED, POSITIVE_WEIGHT_DECAY, RHO_NOT_ZERO, RHO_AT_REST, WEIGHTS_AT_REST],
    forall=["m in samples", "n in samples", *ENTRIES],
    states="residual(m) * dmargin(m, k)[i][j] == residual(n) * dmargin(n, k)[i][j]"
    " and residual(m) * margin(m) * W[k][i][j] == residual(m) * dmargin(m, k)[i][j]"
    f" and {ALPHA}",
    control=tc.altered(
        "dfbar_n/dV_k is the same for all samples, without the factor 1 - rho fbar_n",
        "dmargin(m, k)[i][j] == dmargin(n, k)[i][j]",
    ),
    where=PULLS,
    on=tc.normalised_equilibria(),
    examples=40,
    rests_on=[
        "batch-differences-gradient-printed",
        "batch-differences-exchange-printed",
        "stationary-batches-residuals",
    ],
    why="The second case of the proof, which is the only one: rho at rest on all batches of size"
    " B < N makes `alpha` the same for all samples, and equal to `lambda rho`, which is not 0."
    " No assumption on margins is needed for that.",
)
