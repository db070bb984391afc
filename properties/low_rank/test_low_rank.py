"""Small batches and large learning rates lower the rank of weights: galanti2022, Section 3.2.

And weight decay of rho does where the weights are normalised (xu2022, Section 6).
"""

from __future__ import annotations

from dataclasses import replace

from properties.low_rank.protocol import (
    BASE,
    EFFECTIVE,
    KEPT_RANK,
    LOW,
    LOWER_BY,
    PAIRED,
    SAME,
    SAMPLES,
    STABLE,
    THRESHOLD,
    TRAINING,
    kept,
    lower,
)
from properties.papers import GALANTI2022, XU2022
from theorycheck import Findings, Setting, claim
from theorycheck.measures import effective_rank, stable_rank, threshold_rank
from theorycheck.training import Recipe

# Batch size


SMALLER_BATCHES = (
    r"\text{we expect training with smaller batch sizes to produce matrices of smaller ranks}"
)


@claim(
    "low-rank-small-batches",
    title="At equal epochs, smaller batches give weights of lower rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2"), GALANTI2022.at("Section 4.3, Fig. 2, 4 and 5")],
    statement=SMALLER_BATCHES,
    hypotheses=[*PAIRED, BASE, "batches of 4 and of 16, as many epochs", THRESHOLD, LOWER_BY],
    control=SAME,
)
def low_rank_small_batches(setting: Setting) -> Findings:
    """Pairs trained with batches of 4 and of 16 for as many epochs, as in the paper's figures. An
    effect: the threshold rank is lower by a quarter with batches of 4.

    The smaller batches make four times as many updates; `low-rank-small-batches-updates` takes
    that difference away.
    """
    yield from lower(setting, threshold_rank, LOW, replace(LOW, batch_size=16))


@claim(
    "low-rank-small-batches-updates",
    title="At equal numbers of updates, smaller batches give weights of lower rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2")],
    statement=SMALLER_BATCHES,
    hypotheses=[
        *PAIRED,
        BASE,
        "batches of 4 for 25 epochs and of 16 for 100",
        THRESHOLD,
        LOWER_BY,
    ],
    control=SAME,
)
def low_rank_small_batches_updates(setting: Setting) -> Findings:
    """The claim `low-rank-small-batches` with the number of updates, 300, held fixed instead of the
    number of epochs.

    The argument of Section 3.2 is about the size of the batch in Theorem 1 and asks to fix "the
    rest of the hyperparameters". Epochs are one reading of that, updates the other.
    """
    larger = replace(LOW, batch_size=16, epochs=100)
    yield from lower(setting, threshold_rank, LOW, larger)


@claim(
    "low-rank-small-batches-stable",
    title="At equal epochs, smaller batches give weights of lower stable rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2")],
    statement=SMALLER_BATCHES,
    hypotheses=[*PAIRED, BASE, "batches of 4 and of 16, as many epochs", STABLE, LOWER_BY],
    control=SAME,
)
def low_rank_small_batches_stable(setting: Setting) -> Findings:
    """The claim `low-rank-small-batches`, the same training, with the stable rank.

    The stable rank does not see singular values of a thousandth of the largest, and these are what
    the threshold rank counts. It is the one that enters generalization bounds (xu2022, end of
    Section 4.1).
    """
    yield from lower(setting, stable_rank, LOW, replace(LOW, batch_size=16))


@claim(
    "low-rank-needs-mini-batches",
    title="Full-batch descent does not lower the rank of the weights",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2"), GALANTI2022.at("Section 5")],
    statement=r"\text{we expect that GD would not regularize the rank of the network's matrices}",
    hypotheses=[
        *TRAINING,
        "batches of all 48 samples, 300 updates, eta = 0.1, lambda = 0.02",
        THRESHOLD,
        KEPT_RANK,
    ],
    control="batches of 4, as many updates",
)
def low_rank_needs_mini_batches(setting: Setting) -> Findings:
    """Full-batch descent leaves the threshold rank of the weights what it was at initialisation.

    It makes as many updates as `LOW` does with batches of 4; in as many epochs, 25 updates, a third
    of the networks are not trained.
    """
    full_batch = replace(LOW, batch_size=SAMPLES, epochs=300)
    yield from kept(setting, threshold_rank, full_batch, LOW)


# Learning rate


LARGER_RATE = r"\text{with larger learning rates we learn matrices of smaller rank}"


@claim(
    "low-rank-learning-rate",
    title="At equal epochs, larger learning rates give weights of lower rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2"), GALANTI2022.at("Section 4.3, Fig. 2, 4 and 5")],
    statement=LARGER_RATE,
    hypotheses=[*PAIRED, BASE, "eta = 0.1 and 0.025, as many epochs", THRESHOLD, LOWER_BY],
    control=SAME,
)
def low_rank_learning_rate(setting: Setting) -> Findings:
    """Pairs trained with eta = 0.1 and eta = 0.025 for as many epochs, as in the paper's figures.
    An effect: the threshold rank is lower by a quarter with the larger one.
    """
    yield from lower(setting, threshold_rank, LOW, replace(LOW, learning_rate=0.025))


@claim(
    "low-rank-learning-rate-time",
    title="At equal learning rate times updates, larger rates give weights of lower rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2")],
    statement=LARGER_RATE,
    hypotheses=[
        *PAIRED,
        BASE,
        "eta = 0.1 for 25 epochs and 0.05 for 50",
        THRESHOLD,
        LOWER_BY,
    ],
    control=SAME,
)
def low_rank_learning_rate_time(setting: Setting) -> Findings:
    """The claim `low-rank-learning-rate` with training continued, at the smaller rate, until the
    sum of the learning rates of all updates is the same."""
    smaller = replace(LOW, learning_rate=0.05, epochs=50)
    yield from lower(setting, threshold_rank, LOW, smaller)


# Normalised weights

NORMALISED_LOW = Recipe(batch_size=4, epochs=25, learning_rate=0.06, weight_decay=0.01)


@claim(
    "low-rank-normalised",
    title="With normalised weights, decay of rho lowers the effective rank",
    kind="tendency",
    sources=[XU2022.at("Section 6, Eq. 46"), XU2022.at("Section 1, contributions")],
    statement=r"\text{training the network using SGD with weight decay induces a bias towards"
    r" low-rank weight matrices}",
    hypotheses=[
        TRAINING[0],
        "square loss on centred labels, SGD on rho and V_k with Lagrange multipliers, penalty"
        " lambda rho^2, initial rho = 25, no momentum",
        "batches of 4, 25 epochs, eta = 0.06",
        *PAIRED[2:],
        "lambda = 0.01 and 0",
        EFFECTIVE,
        LOWER_BY,
    ],
    control=SAME,
)
def low_rank_normalised(setting: Setting) -> Findings:
    """Pairs trained by Eq. 46 with lambda = 0.01 and lambda = 0. An effect: the effective rank of
    the V_k is lower by a quarter with it.

    No penalty acts on the V_k themselves. The decay of rho keeps the residuals, and with them the
    multipliers nu_k, above zero, and the term 2 eta nu_k V_k is their weight decay.
    """
    without = replace(NORMALISED_LOW, weight_decay=0.0)
    yield from lower(setting, effective_rank, NORMALISED_LOW, without, normalised=True)
