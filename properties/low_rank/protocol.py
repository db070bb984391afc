"""The protocol under which claims on the rank of trained weights are decided.

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
from dataclasses import replace

import torch
from torch import Tensor

from theorycheck import Findings, Objective, Setting, State, gaussian_mixture, initialise, mlp
from theorycheck.claims import TENDENCY, Exclusions, pairs, pairs_needed
from theorycheck.measures import accuracy
from theorycheck.networks import Parameters
from theorycheck.training import Experiment, Recipe, Trained, outputs, parametrise, resolve_device

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

LOW = Recipe(batch_size=4, epochs=25, learning_rate=0.1, weight_decay=0.02, momentum=0.9)
"""The recipe that should give low rank: decay time 12. Cross-entropy, penalty ``lambda |W|^2``."""
INITIAL_RHO = 25.0
"""Initial rho of normalised networks: enough to interpolate four classes from the start."""


def experiment(setting: Setting, members: int, *, normalised: bool) -> Experiment:
    """Networks on a Gaussian mixture each.

    Args:
        normalised: train by the square loss on centred labels, Lagrange multipliers and
            ``lambda rho^2`` (xu2022), not by cross-entropy and ``lambda |W|^2`` (galanti2022).
    """
    data = [
        gaussian_mixture(PER_CLASS, INPUT_WIDTH, CLASSES, setting.seed + i, spread=0.15).in_ball()
        for i in range(members)
    ]
    network = mlp([INPUT_WIDTH, WIDTH, WIDTH, CLASSES])
    weights = initialise(network, members, seed=setting.seed)
    seeds = setting.seed + torch.arange(members)
    if not normalised:
        objective = Objective("cross_entropy")
        return Experiment.on(data, "one_hot", network, State(weights), seeds, objective)
    unit = parametrise(network, weights, "lagrange").parameters
    start = State(unit, torch.full_like(unit[0][:, 0, 0], INITIAL_RHO), "lagrange")
    objective = Objective("square", "mean", "rho")
    return Experiment.on(data, "centred_one_hot", network, start, seeds, objective)


def train(
    setting: Setting, members: int, *recipes: Recipe, normalised: bool = False
) -> list[Trained]:
    paired = experiment(setting, members, normalised=normalised)
    return paired.train(*recipes, device=resolve_device(setting.device))


def excluded(trained: Trained) -> Exclusions:
    """The rule, fixed beforehand, by which a trained network says nothing about its rank."""
    cohort = trained.cohort
    values = outputs(cohort.network, cohort.state, cohort.inputs)
    reached = accuracy(values, cohort.targets.argmax(dim=-1))
    return {
        "training diverged": trained.run.diverged,
        f"the training accuracy is below {LEAST_ACCURACY}": ~(reached >= LEAST_ACCURACY),
    }


def mean_ranks(rank: Rank, weights: Parameters) -> list[float]:
    """The average of a rank over the weight matrices, for each member (galanti2022, Fig. 2-5)."""
    ranks = torch.stack([rank(matrices.cpu()) for matrices in weights]).mean(dim=0)
    return [float(mean) for mean in ranks]


def pair_count(setting: Setting) -> int:
    """How many pairs are trained; a control is contradicted by a third of these."""
    needed = pairs_needed(TENDENCY)
    return needed if setting.altered else max(PAIRS, setting.scaled(PAIRS))


def lower(
    setting: Setting, rank: Rank, first: Recipe, second: Recipe, *, normalised: bool = False
) -> Findings:
    """A pair for each data set: is the mean rank after ``first`` lower than after ``second``?

    In the control both networks follow the first recipe and differ in the order of the batches.
    """
    arms = (first, replace(first, order=1)) if setting.altered else (first, second)
    one, other = train(setting, pair_count(setting), *arms, normalised=normalised)
    ranks, others = (mean_ranks(rank, t.cohort.state.parameters) for t in (one, other))
    note = f"median rank {statistics.median(ranks):.3g} against {statistics.median(others):.3g}"
    effects = (left <= LOWER * right for left, right in zip(ranks, others, strict=True))
    return pairs(effects, note, excluded(one), excluded(other))


def kept(setting: Setting, rank: Rank, recipe: Recipe, control: Recipe) -> Findings:
    """A pair for each network: is its mean rank after training what it was at initialisation?"""
    (trained,) = train(setting, pair_count(setting), control if setting.altered else recipe)
    states = trained.start, trained.cohort.state
    before, after = (mean_ranks(rank, state.parameters) for state in states)
    note = f"median rank {statistics.median(before):.3g}, then {statistics.median(after):.3g}"
    effects = (left >= KEPT * right for left, right in zip(after, before, strict=True))
    return pairs(effects, note, excluded(trained))


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
KEPT_RANK = f"minimal effect: the rank is at least {KEPT} of what it was at initialisation"
