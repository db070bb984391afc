"""Claims that batch size, weight decay and learning rate lower the rank of trained weights.

Pairs of networks share data, initial weights and order of batches, and differ in one factor. What
the papers leave open is decided one way and the other, in separate claims: what is held fixed when
the factor changes (epochs, updates), which rank, and which convention of lambda.

One number explains most outcomes. A direction that the data do not hold shrinks by weight decay
alone, by exp(-2 eta lambda / (1 - momentum)) an update; over T updates the exponent is the *decay
time* 2 eta lambda T / (1 - momentum). A singular value leaves the threshold rank of galanti2022
when it has fallen by 10^4 against the largest, at a decay time of about ln 10^4 = 9.2. The runs
here are made short by a larger lambda, with eta and momentum of the paper: the decay time is 12
for the recipe that should give low rank, and 3 for its counterpart with four times the batch size,
or a quarter of lambda or eta, in as many epochs. In the paper's Figure 5 (50,000 samples, lambda
5e-4, eta 0.1) it is 23 to 750 in the first 60 epochs, from batches of 128 to batches of 4.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from properties.papers import GALANTI2022, XU2022
from theorycheck.claims.declaration import claim
from theorycheck.claims.evidence import Findings, Pair, Rejection
from theorycheck.claims.sequential import pairs_needed
from theorycheck.claims.setting import Setting
from theorycheck.claims.verdicts import TENDENCY
from theorycheck.data.synthetic import gaussian_mixture
from theorycheck.measures.outputs import accuracy
from theorycheck.measures.ranks import effective_rank, stable_rank, threshold_rank
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import Parameters, mlp
from theorycheck.training.cohorts import (
    Cohort,
    Objective,
    State,
    outputs,
    parametrise,
    resolve_device,
)
from theorycheck.training.trainers import sgd

CLASSES, PER_CLASS, INPUT_WIDTH, WIDTH = 4, 12, 16, 32
SAMPLES = CLASSES * PER_CLASS
PAIRS = 24
"""Pairs of the default and the quick profile: enough to decide when a third are excluded."""
LOWER = 0.75
"""The minimal effect: a rank is lower when it is at most this fraction of the other."""
KEPT = 0.9
"""A rank is kept when it is at least this fraction of what it was at initialisation."""
LEAST_ACCURACY = 0.95

Rank = Callable[[Tensor], Tensor]
"""A rank of stacked matrices, ``(K, p, q)`` to ``(K,)``."""


@dataclass(frozen=True)
class Recipe:
    """How one network of a pair is trained."""

    batch_size: int = 4
    epochs: int = 25
    learning_rate: float = 0.1
    weight_decay: float = 0.02
    momentum: float = 0.9
    normalised: bool = False
    """Cross-entropy and the penalty ``lambda |W|^2`` (galanti2022), or the square loss on centred
    labels, Lagrange multipliers and ``lambda rho^2`` (xu2022)."""
    order: int = 0
    """Recipes of different orders see the samples in different orders."""


LOW = Recipe()
"""The recipe that should give low rank: decay time 12."""
WEAK = replace(LOW, weight_decay=0.005)
"""Decay time 3: nothing has left the threshold rank yet."""
NORMALISED = Recipe(4, 25, 0.06, 0.01, momentum=0.0, normalised=True)
RHO = 25.0
"""Initial rho of normalised networks: enough to interpolate four classes from the start."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A cohort before and after training."""

    start: Parameters
    end: Parameters
    diverged: list[bool]
    accuracy: list[float]
    """On the training data."""

    def excluded(self, member: int) -> Rejection | None:
        """The rule, fixed beforehand, by which a trained network says nothing about its rank."""
        if self.diverged[member]:
            return Rejection("training diverged")
        if not self.accuracy[member] >= LEAST_ACCURACY:
            return Rejection(f"the training accuracy is below {LEAST_ACCURACY}")
        return None


def mean_ranks(rank: Rank, weights: Parameters) -> list[float]:
    """The average of a rank over the weight matrices, for each member (galanti2022, Fig. 2-5)."""
    ranks: list[float] = torch.stack([rank(matrices) for matrices in weights]).mean(dim=0).tolist()
    return ranks


def train(setting: Setting, members: int, *recipes: Recipe) -> list[Trained]:
    """Train as many networks by each recipe, on the same data and from the same start.

    Recipes that differ in learning rate, weight decay and order alone train as one cohort.
    """
    first, arms = recipes[0], len(recipes)
    one = {replace(r, learning_rate=1.0, weight_decay=0.0, order=0) for r in recipes}
    if len(one) > 1:
        return [trained for recipe in recipes for trained in train(setting, members, recipe)]

    def per_member(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=device).repeat_interleave(members)

    device = resolve_device(setting.device)
    data = [
        gaussian_mixture(PER_CLASS, INPUT_WIDTH, CLASSES, setting.seed + i, spread=0.15).in_ball()
        for i in range(members)
    ] * arms
    network = mlp([INPUT_WIDTH, WIDTH, WIDTH, CLASSES])
    weights = initialise(network, members, seed=setting.seed)
    state = State(tuple(matrices.repeat(arms, 1, 1) for matrices in weights))
    if first.normalised:
        unit = parametrise(network, state.parameters, "lagrange").parameters
        state = State(unit, torch.full_like(unit[0][:, 0, 0], RHO), "lagrange")
    targets = [d.centred_one_hot if first.normalised else d.one_hot for d in data]
    cohort = Cohort.broadcast(
        network,
        state,
        torch.from_numpy(np.stack([d.inputs for d in data])),
        torch.from_numpy(np.stack(targets)),
    ).to(device)
    cohort = replace(cohort, weight_decay=per_member([r.weight_decay for r in recipes]))
    orders = torch.tensor([r.order for r in recipes]).repeat_interleave(members)
    run = sgd(
        cohort,
        Objective("square", "mean", "rho") if first.normalised else Objective("cross_entropy"),
        batch_size=first.batch_size,
        epochs=first.epochs,
        learning_rate=per_member([r.learning_rate for r in recipes]),
        momentum=first.momentum,
        batch_seeds=setting.seed + orders * members + torch.arange(members).repeat(arms),
        record_every=first.epochs,
    )
    labels = torch.from_numpy(np.stack([d.labels for d in data]))
    reached = accuracy(outputs(network, run.state, cohort.inputs).cpu(), labels)

    def split(stack: Parameters) -> list[Parameters]:
        chunks = (matrices.cpu().chunk(arms) for matrices in stack)
        return list(zip(*chunks, strict=True))

    columns = (split(state.parameters), split(run.state.parameters))
    flags = (run.diverged.cpu().chunk(arms), reached.chunk(arms))
    return [
        Trained(start, end, diverged.tolist(), correct.tolist())
        for start, end, diverged, correct in zip(*columns, *flags, strict=True)
    ]


def pairs(setting: Setting) -> int:
    """How many pairs are trained; a control is contradicted by a third of these."""
    needed = pairs_needed(TENDENCY)
    return needed if setting.altered else max(PAIRS, setting.scaled(PAIRS))


def lower(setting: Setting, rank: Rank, first: Recipe, second: Recipe) -> Findings:
    """A pair for each data set: is the mean rank after ``first`` lower than after ``second``?

    In the control both networks follow the first recipe and differ in the order of the batches.
    """
    arms = (first, replace(first, order=1)) if setting.altered else (first, second)
    one, other = train(setting, pairs(setting), *arms)
    ranks, others = mean_ranks(rank, one.end), mean_ranks(rank, other.end)
    note = f"median rank {statistics.median(ranks):.3g} against {statistics.median(others):.3g}"
    for member, (left, right) in enumerate(zip(ranks, others, strict=True)):
        rejection = one.excluded(member) or other.excluded(member)
        yield rejection or Pair(left <= LOWER * right, note)


def kept(setting: Setting, rank: Rank, recipe: Recipe, control: Recipe) -> Findings:
    """A pair for each network: is its mean rank after training what it was at initialisation?"""
    (trained,) = train(setting, pairs(setting), control if setting.altered else recipe)
    before, after = mean_ranks(rank, trained.start), mean_ranks(rank, trained.end)
    note = f"median rank {statistics.median(before):.3g}, then {statistics.median(after):.3g}"
    for member, (left, right) in enumerate(zip(after, before, strict=True)):
        yield trained.excluded(member) or Pair(left >= KEPT * right, note)


TRAINING = [
    "ReLU networks 16-32-32-4, a Gaussian mixture of 4 classes with 12 samples each, float64",
    "cross-entropy, penalty lambda ||W||^2, SGD with momentum 0.9 at a constant learning rate",
    "rule of exclusion, fixed beforehand: the training diverges or ends with a training accuracy"
    f" below {LEAST_ACCURACY}",
]
PAIRED = [*TRAINING, "pairs that share data, initial weights and order of batches"]
BASE = "batches of 4, 25 epochs, eta = 0.1, lambda = 0.02, unless said otherwise"
THRESHOLD = (
    "the rank is the number of singular values above 1e-4 of the largest, averaged over the weight"
    " matrices (Section 4.1)"
)
EFFECTIVE = (
    "the rank is the exponential of the singular values' entropy, averaged over the matrices"
)
STABLE = "the rank is the stable rank ||W||_F^2 / ||W||_2^2, averaged over the weight matrices"
LOWER_BY = f"minimal effect: the rank is at most {LOWER} of the other"
SAME = "both networks are trained alike and differ in the order of the batches"
SMALLER_BATCHES = (
    r"\text{we expect training with smaller batch sizes to produce matrices of smaller ranks}"
)
LARGER_DECAY = r"\text{the ranks of the matrices should decrease as we increase } \lambda"
LARGER_RATE = r"\text{with larger learning rates we learn matrices of smaller rank}"


# Batch size


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
        f"minimal effect: the rank is at least {KEPT} of what it was at initialisation",
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


# Weight decay


@claim(
    "low-rank-weight-decay",
    title="Larger weight decay gives weights of lower rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2"), GALANTI2022.at("Section 4.3, Fig. 3")],
    statement=LARGER_DECAY,
    hypotheses=[*PAIRED, BASE, "lambda = 0.02 and 0.005", THRESHOLD, LOWER_BY],
    control=SAME,
)
def low_rank_weight_decay(setting: Setting) -> Findings:
    """Pairs trained with lambda = 0.02 and lambda = 0.005. An effect: the threshold rank is lower
    by a quarter with the larger lambda.
    """
    yield from lower(setting, threshold_rank, LOW, WEAK)


@claim(
    "low-rank-weight-decay-weak",
    title="Where weight decay is weak, the larger one gives weights of lower rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2")],
    statement=LARGER_DECAY,
    hypotheses=[*PAIRED, BASE, "lambda = 0.005 and 0.00125", THRESHOLD, LOWER_BY],
    control=SAME,
)
def low_rank_weight_decay_weak(setting: Setting) -> Findings:
    """The claim `low-rank-weight-decay` with both lambda divided by four. Decay times are 3 and
    3/4, both short of the 9.2 from which on the threshold rank can fall."""
    yield from lower(setting, threshold_rank, WEAK, replace(WEAK, weight_decay=0.00125))


@claim(
    "low-rank-weight-decay-effective",
    title="Where weight decay is weak, the larger one gives weights of lower effective rank",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.2")],
    statement=LARGER_DECAY,
    hypotheses=[*PAIRED, BASE, "lambda = 0.005 and 0.00125", EFFECTIVE, LOWER_BY],
    control=SAME,
)
def low_rank_weight_decay_effective(setting: Setting) -> Findings:
    """The claim `low-rank-weight-decay-weak`, the same training, with the effective rank, which
    has no threshold to wait for."""
    yield from lower(setting, effective_rank, WEAK, replace(WEAK, weight_decay=0.00125))


@claim(
    "low-rank-decay-as-printed",
    title="Weight decay lambda ||W||^2 gives weights of lower rank than none",
    kind="tendency",
    sources=[GALANTI2022.at("Eq. 2 and Section 5")],
    statement=r"L_S^\lambda(f_W) = \frac{1}{m} \sum_{i=1}^m \ell(f_W(x_i), y_i) + \lambda \|W\|^2:"
    r"\ \text{weight decay [is] necessary to obtain rank minimization}",
    hypotheses=[*PAIRED, BASE, "lambda = 0.02 and 0", THRESHOLD, LOWER_BY],
    control=SAME,
)
def low_rank_decay_as_printed(setting: Setting) -> Findings:
    """Pairs trained with lambda = 0.02 and without weight decay, the penalty being
    lambda ||W||^2. An effect: the threshold rank is lower by a quarter with it.
    """
    yield from lower(setting, threshold_rank, LOW, replace(LOW, weight_decay=0.0))


@claim(
    "low-rank-decay-of-optimisers",
    title="Weight decay lambda/2 ||W||^2 gives weights of lower rank than none",
    kind="tendency",
    sources=[GALANTI2022.at("Section 5")],
    statement=r"L_S(f_W) + \frac{\lambda}{2} \|W\|^2:"
    r"\ \text{weight decay [is] necessary to obtain rank minimization}",
    hypotheses=[
        *PAIRED,
        BASE,
        "lambda = 0.02 and 0; the penalty is lambda/2 ||W||^2",
        THRESHOLD,
        LOWER_BY,
    ],
    control=SAME,
)
def low_rank_decay_of_optimisers(setting: Setting) -> Findings:
    """The claim `low-rank-decay-as-printed` with what optimisers call weight decay, at the same
    lambda.

    The factor 2 halves the decay time, from 12 to 6, and ln 10^4 = 9.2 lies between: lambda was
    chosen to show it.
    """
    halved = replace(LOW, weight_decay=LOW.weight_decay / 2)
    yield from lower(setting, threshold_rank, halved, replace(LOW, weight_decay=0.0))


@claim(
    "rank-kept-without-decay",
    title="Without weight decay, training does not lower the rank of the weights",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.3, Fig. 3"), GALANTI2022.at("Section 3.2")],
    statement=r"\text{we do not have any rank minimization when } \lambda = 0",
    hypotheses=[
        *TRAINING,
        BASE,
        "lambda = 0",
        THRESHOLD,
        f"minimal effect: the rank is at least {KEPT} of what it was at initialisation",
    ],
    control="lambda = 0.02",
)
def rank_kept_without_decay(setting: Setting) -> Findings:
    """Without weight decay, the threshold rank of the weights is after training what it was at
    initialisation."""
    yield from kept(setting, threshold_rank, replace(LOW, weight_decay=0.0), LOW)


@claim(
    "rank-kept-without-decay-stable",
    title="Without weight decay, training does not lower the stable rank of the weights",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.3, Fig. 3")],
    statement=r"\text{we do not have any rank minimization when } \lambda = 0",
    hypotheses=[
        *TRAINING,
        BASE,
        "lambda = 0",
        STABLE,
        f"minimal effect: the rank is at least {KEPT} of what it was at initialisation",
    ],
    control="lambda = 0.02",
)
def rank_kept_without_decay_stable(setting: Setting) -> Findings:
    """The claim `rank-kept-without-decay`, the same training, with the stable rank.

    Few directions grow while the classes are learnt. That lowers a rank which weighs singular
    values by their size, and leaves one which only counts them.
    """
    yield from kept(setting, stable_rank, replace(LOW, weight_decay=0.0), LOW)


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
    yield from lower(setting, effective_rank, NORMALISED, replace(NORMALISED, weight_decay=0.0))


# Learning rate


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
