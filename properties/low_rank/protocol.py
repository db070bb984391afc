"""The protocol under which claims on the rank of trained weights are decided.

Pairs of networks share data, initial weights and order of batches, and differ in one factor. What
the papers leave open is decided one way and the other, in separate claims: what is held fixed when
the factor changes (epochs, updates), which rank, and which convention of lambda. The papers print
no magnitudes: which rank is lower decides, and by how much is reported.

One number explains most outcomes. A direction that the data do not hold shrinks by weight decay
alone, by exp(-2 eta lambda / (1 - momentum)) an update; over T updates the exponent is the *decay
time* 2 eta lambda T / (1 - momentum). A singular value that starts as large as the largest leaves
the threshold rank of galanti2022 when it has fallen by 10^4, at a decay time of ln 10^4 = 9.2. The
runs here are made short by a larger lambda, with eta and momentum of the paper: the decay time is
12 for the recipe that should give low rank, and 3 for its counterpart with four times the batch
size, or a quarter of lambda or eta, in as many epochs. In the paper's Figure 5 (50,000 samples,
lambda 5e-4, eta 0.1) it is 23 to 750 in the first 60 epochs, from batches of 128 to batches of 4.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

import theorycheck as tc
from theorycheck.measures import accuracy
from theorycheck.networks import Parameters
from theorycheck.training import parametrise

CLASSES, PER_CLASS, INPUT_WIDTH, WIDTH = 4, 12, 16, 32
SAMPLES = CLASSES * PER_CLASS
LEAST_ACCURACY = 0.95
Rank = Callable[[Tensor], Tensor]
"""A rank of stacked matrices, ``(K, p, q)`` to ``(K,)``."""

LOW = tc.Recipe(batch_size=4, epochs=25, learning_rate=0.1, weight_decay=0.02, momentum=0.9)
"""The recipe that should give low rank: decay time 12. Cross-entropy, penalty ``lambda |W|^2``."""
NO_DECAY = replace(LOW, weight_decay=0.0)
INITIAL_RHO = 25.0
"""Initial rho of normalised networks: enough to interpolate four classes from the start."""


def networks(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
    """Networks on a Gaussian mixture each, for cross-entropy and ``lambda |W|^2`` (galanti2022)."""
    data = [
        tc.gaussian_mixture(PER_CLASS, INPUT_WIDTH, CLASSES, seed, spread=0.15).in_ball()
        for seed in seeds
    ]
    network = tc.mlp([INPUT_WIDTH, WIDTH, WIDTH, CLASSES])
    start = tc.State(tc.initialise(network, len(seeds), seed=seeds[0]))
    objective = tc.Objective("cross_entropy")
    return tc.Experiment.on(data, "one_hot", network, start, torch.tensor(seeds), objective)


def normalised(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
    """The same for square loss on centred labels, Lagrange multipliers and ``lambda rho^2``.

    As in xu2022.
    """
    plain = networks(setting, seeds)
    unit = parametrise(plain.network, plain.start.parameters, "lagrange").parameters
    rho = torch.full_like(unit[0][:, 0, 0], INITIAL_RHO)
    start = tc.State(unit, rho, "lagrange")
    targets, objective = plain.targets - 1 / CLASSES, tc.Objective("square", "mean", "rho")
    return replace(plain, start=start, targets=targets, objective=objective)


def from_weights(change: Rank) -> Mapping[str, tc.Population]:
    """Networks whose initial weights are changed, each matrix by itself."""

    def start(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
        plain = networks(setting, seeds)
        weights = tuple(change(matrices) for matrices in plain.start.parameters)
        return replace(plain, start=replace(plain.start, parameters=weights))

    return {DATA: tc.Population(start)}


def of_rank(matrices: Tensor, rank: int) -> Tensor:
    """Their largest singular values alone."""
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    largest: Tensor = left[:, :, :rank] * values[:, None, :rank] @ right[:, :rank]
    return largest


def of_rank_two(matrices: Tensor) -> Tensor:
    """Their two largest singular values alone."""
    return of_rank(matrices, 2)


def excluded(trained: tc.Trained) -> tc.Exclusions:
    """The rule, fixed beforehand, by which a trained network says nothing about its rank."""
    reached = accuracy(trained.outputs, trained.cohort.targets.argmax(dim=-1))
    return {
        "training diverged": trained.run.diverged,
        f"the training accuracy is below {LEAST_ACCURACY}": ~(reached >= LEAST_ACCURACY),
    }


def mean_rank(rank: Rank, weights: Parameters) -> Tensor:
    """The average of a rank over the weight matrices, for each member (galanti2022, Fig. 2-5)."""
    return torch.stack([rank(matrices.cpu()) for matrices in weights]).mean(dim=0)


DATA = "Gaussian mixtures"
MIXTURES = {DATA: tc.Population(networks)}


def lower(
    rank: Rank,
    first: tc.Recipe,
    second: tc.Recipe,
    words: str,
    on: Mapping[str, tc.Population] = MIXTURES,
) -> tc.Comparison:
    """Is the mean rank after the first recipe lower than after the second?"""
    after = tc.between(lambda trained: mean_rank(rank, trained.cohort.state.parameters))
    effect = "rank after the first recipe / rank after the second"
    return tc.Comparison(words, on, (first, second), after, "<", effect, excluded)


def kept(
    rank: Rank, recipe: tc.Recipe, words: str, on: Mapping[str, tc.Population] = MIXTURES
) -> tc.Comparison:
    """Is the mean rank after training no lower than at initialisation?"""

    def sides(trained: tc.Trained) -> tuple[Tensor, Tensor]:
        after, before = trained.cohort.state.parameters, trained.start.parameters
        return mean_rank(rank, after), mean_rank(rank, before)

    effect = "rank after training / rank at initialisation"
    return tc.Comparison(words, on, (recipe,), sides, ">=", effect, excluded)


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
    " matrices (Section 4.1, which leaves open by which norm a matrix is divided first)"
)

EFFECTIVE = (
    "the rank is the exponential of the singular values' entropy, averaged over the matrices"
)

STABLE = "the rank is the stable rank ||W||_F^2 / ||W||_2^2, averaged over the weight matrices"
