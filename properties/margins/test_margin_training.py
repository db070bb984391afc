"""Margins and rho in real training: what the figures of xu2022 show.

The paper trains convolutional networks on two classes of CIFAR-10. Here networks of depth 3 are
trained on small sets, with normalised weights and the paper's lambda. Test errors are on a known
distribution, and on the same test set for all networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

import theorycheck as tc
from properties.dynamics import normalised
from properties.papers import XU2022
from theorycheck.measures import margin_statistics, margins
from theorycheck.training import outputs

WIDTH, INPUT_WIDTH, SAMPLES, EPOCHS, RECORDS = 32, 32, 32, 200, 10
INITIAL_RHO = 10.0
TEST_SEED, TEST_SIZE = 2**31, 400
SPREAD, APART = 0.6, 0.35
"""Of the Gaussian classes: their root mean squared width, and half the distance of their means."""

DECAY = tc.Recipe(
    batch_size=8,
    epochs=EPOCHS,
    learning_rate=0.03,
    weight_decay=0.001,
    momentum=0.9,
    milestones=(EPOCHS * 6 // 10, EPOCHS * 8 // 10),
)
NO_DECAY = replace(DECAY, weight_decay=0.0)


def two_gaussians(size: int, seed: int, random: float = 0.0) -> tc.Dataset:
    """Two Gaussian classes with fixed means, in the unit ball; a fraction of labels is random."""
    generator = np.random.default_rng(seed)
    labels = np.repeat([0, 1], size // 2)
    inputs = SPREAD * generator.normal(size=(size, INPUT_WIDTH)) / INPUT_WIDTH**0.5
    inputs[:, 0] += APART * (2 * labels - 1)
    chosen = generator.permutation(size) < round(random * size)
    labels = np.where(chosen, generator.permutation(labels), labels)
    name = f"two_gaussians({size}, {seed}, {random})"
    return tc.Dataset(name, inputs, labels.astype(np.int64), 2).in_ball()


def started(
    data: Sequence[tc.Dataset], seeds: Sequence[int], rhos: Sequence[float] = (INITIAL_RHO,)
) -> tc.Experiment:
    """Networks with weight normalisation, one for each data set, and the penalty lambda rho^2.

    Args:
        rhos: the initial rho of one copy after another; copies share V and the order of batches.
    """
    network = tc.mlp([data[0].width, WIDTH, WIDTH, 1])
    state = normalised.started(network, seeds, rhos, "weight-norm")
    order, objective = torch.tensor(seeds).repeat(len(rhos)), tc.Objective("square", "mean", "rho")
    return tc.Experiment.on(data, "signs", network, state, order, objective)


def gaussians(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
    return started([two_gaussians(SAMPLES, seed) for seed in seeds], seeds)


def pictures(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
    pair = tc.images(setting.images).with_classes([1, 2])
    return started([pair.per_class(SAMPLES // 2, seed) for seed in seeds], seeds)


def spread(network: tc.Network, state: tc.State, inputs: Tensor, targets: Tensor) -> Tensor:
    """The standard deviation of the margins of ``f_V`` over the size of their mean."""
    mean, _, variance = margin_statistics(margins(outputs(network, state, inputs), targets))
    return variance.sqrt() / mean.abs()


def mean_margin(trained: tc.Trained) -> Tensor:
    """The mean of the margins ``y_n f_V(x_n)``."""
    return margins(trained.outputs, trained.cohort.targets).mean(dim=1) / trained.rho


def spread_at_end(trained: tc.Trained) -> Tensor:
    cohort = trained.cohort
    return spread(cohort.network, cohort.state, cohort.inputs, cohort.targets)


def excluded(trained: tc.Trained) -> tc.Exclusions:
    values = margins(trained.outputs, trained.cohort.targets)
    failed = trained.run.diverged | (values <= 0).any(dim=1)
    return {"training diverged or left a training error": failed}


GAUSSIANS = {"two Gaussians": tc.Population(gaussians, {"spread": spread}, RECORDS)}
BOTH = {
    "two Gaussians": tc.Population(gaussians),
    "images of two classes": tc.Population(pictures),
}
TRAINING = [
    "ReLU networks of depth 3 and width 32 with weight normalisation, square loss, labels +-1,"
    " penalty lambda rho^2, initial rho = 10",
    "32 samples, batches of 8, 200 epochs of SGD with momentum 0.9, learning rate 0.03 with two"
    " drops to a tenth",
    "rule of exclusion, fixed beforehand: training diverges or ends with a training error",
]
ON_BOTH = "two Gaussian classes, and images, handwritten digits unless others are named"

# Figure 8: the margins of one network


def narrowed(trained: tc.Trained) -> tuple[Tensor, Tensor]:
    """The spread at the end, and at the narrowest record in between."""
    recorded = trained.run.trace["spread"]
    return recorded[-1], recorded[1:-1].amin(dim=0)


NARROWS = tc.Comparison(
    "the standard deviation of the margins over their mean is lower at the end than at any record"
    " in between, at each tenth of the epochs",
    GAUSSIANS,
    (DECAY,),
    narrowed,
    "<",
    "spread at the end / least spread in between",
    excluded,
    followed=tc.Followed(("spread",), lambda trained: [spread_at_end(trained)]),
)

margin_training_narrows = tc.experiment_claim(
    "margin-training-narrows",
    title="With weight decay, margins are nearest to each other at the end of training",
    sources=[XU2022.at("Figure 8, Section 5.1: margins concentrate")],
    printed=r"\text{At the final epoch the margin distribution ... is much narrower than at any"
    r" intermediate epochs}",
    given=[*TRAINING, "two Gaussian classes, lambda = 0.001"],
    compares=NARROWS,
    control=replace(
        NARROWS,
        words="the end of training in another order of the batches, in the place of records",
        recipes=(DECAY, replace(DECAY, order=1)),
        sides=tc.between(spread_at_end),
    ),
    positive=replace(NARROWS, words="no weight decay", recipes=(NO_DECAY,)),
    rests_on=["equal-margins-quasi-interpolation"],
    why="Figure 8 is one training on CIFAR-10, which is not repeated here. What is refuted is that"
    " it is so in general: it is not on two Gaussian classes, for the standard deviation over the"
    ' mean. "Much" is not asked for. On images of digits it shows in one network of three.',
)

# Figure 10: with and without weight decay

LARGER = tc.Comparison(
    "the mean margin is larger with lambda = 0.001 than with 0",
    BOTH,
    (DECAY, NO_DECAY),
    tc.between(mean_margin),
    ">",
    "mean margin with decay / without",
    excluded,
)

margin_training_decay_mean = tc.experiment_claim(
    "margin-training-decay-mean",
    title="Without weight decay, margins are smaller",
    sources=[XU2022.at("Figure 10, Section 7: weight decay and small rho")],
    printed=r"\text{The margins without Weight Decay result in a range of smaller margin values}",
    given=[*TRAINING, ON_BOTH, "pairs with lambda = 0.001 and 0, all else equal"],
    compares=LARGER,
    why="Margins are those of f_V. Weight decay pulls rho down, so that f_V has to be larger.",
)

margin_training_decay_spread = tc.experiment_claim(
    "margin-training-decay-spread",
    title="Without weight decay, the margins of a network are nearer to each other",
    sources=[XU2022.at("Figure 10, Section 6.2: lambda = 0")],
    printed=r"\text{without Weight Decay ... each with essentially zero variance}",
    given=[*TRAINING, ON_BOTH, "pairs with lambda = 0.001 and 0, all else equal"],
    compares=replace(
        LARGER,
        words="the standard deviation of the margins over their mean is larger with lambda = 0.001"
        " than with 0",
        sides=tc.between(spread_at_end),
        effect="spread with decay / without",
    ),
    rests_on=["stationary-batches-no-decay"],
    why="Interpolation makes all margins equal; weight decay trades some of that for a smaller rho."
    " Lemma 6 takes equal margins for a consequence of weight decay. On images without it, the"
    " standard deviation still ends at 14.5% of the mean.",
)

# Figure 4: random labels


def with_random_labels(*fractions: float) -> Mapping[str, tc.Population]:
    """Networks in as many copies as there are fractions: one copy for each fraction."""

    def start(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
        data = [two_gaussians(SAMPLES, seed, part) for part in fractions for seed in seeds]
        return started(data, seeds, [INITIAL_RHO] * len(fractions))

    return {"two Gaussians": tc.Population(start)}


def right_on_test_set(trained: tc.Trained) -> Tensor:
    """1 less the test error, which can be 0: the fraction of right signs, with the right labels."""
    cohort, test = trained.cohort, two_gaussians(TEST_SIZE, TEST_SEED)
    inputs = torch.tensor(test.inputs).to(cohort.inputs).expand(len(cohort.inputs), -1, -1)
    signs = torch.tensor(test.signs).to(cohort.inputs)
    values = outputs(cohort.network, cohort.state, inputs.contiguous())
    return (values * signs > 0).double().mean(dim=(1, 2))


MORE_RANDOM, CLEAN = 0.4, 0.0
RANDOM = [
    *TRAINING,
    "two Gaussian classes, lambda = 0.001",
    "pairs that share inputs, initial weights and order of the batches: with 40% of the labels"
    " drawn anew, and none",
]
MORE_RHO = tc.Comparison(
    "rho is larger with 40% of random labels than without",
    with_random_labels(MORE_RANDOM, CLEAN),
    (DECAY,),
    tc.halves(lambda trained: trained.rho),
    ">",
    "rho with random labels / without",
    tc.either_half(excluded),
)
SAME_LABELS = replace(
    MORE_RHO,
    words="no random labels, and another order of the batches",
    on=with_random_labels(CLEAN),
    recipes=(DECAY, replace(DECAY, order=1)),
    sides=tc.between(lambda trained: trained.rho),
    effect="rho in one order / in another",
    excluded=excluded,
)

margin_training_random_labels = tc.experiment_claim(
    "margin-training-random-labels",
    title="Random labels need a larger rho",
    sources=[XU2022.at("Figure 4: random labels raise rho, Figure 4, Section 7: random labels")],
    printed=r"\text{increasing the percentage of random labels increases the } \rho \text{ that is"
    r" needed to maintain interpolation}",
    given=RANDOM,
    compares=MORE_RHO,
    control=SAME_LABELS,
    why="With it the margin of an interpolating network falls, which is 1/rho.",
)

SAME_ERROR = replace(
    SAME_LABELS,
    sides=tc.between(right_on_test_set),
    relation="<",
    effect="test accuracy in one order / in another",
)
MORE_ERROR = replace(
    MORE_RHO,
    words="the test error is higher with 40% of random labels than without",
    sides=tc.halves(right_on_test_set),
    relation="<",
    effect="test accuracy with random labels / without",
)

margin_training_random_labels_error = tc.experiment_claim(
    "margin-training-random-labels-error",
    title="Random labels increase the test error",
    sources=[XU2022.at("Figure 4")],
    printed=r"\text{... and that at the same time the test error increases, as expected}",
    given=RANDOM,
    compares=MORE_ERROR,
    control=SAME_ERROR,
    why="On 400 samples with right labels. Accuracies are compared, because errors can be 0.",
)

LESS_ERROR = replace(
    MORE_ERROR, words="the test error is lower with 40% of random labels than without", relation=">"
)

margin_training_random_labels_lower_error = tc.experiment_claim(
    "margin-training-random-labels-lower-error",
    title="Random labels decrease the test error, as Section 7 prints it: two printed places",
    sources=[XU2022.at("Section 7: random labels")],
    printed=r"\text{the margin on the training set together with the test error decreases with the"
    r" increase in the percentage of random labels}",
    given=RANDOM,
    compares=LESS_ERROR,
    control=replace(SAME_ERROR, relation=">"),
    positive=replace(
        LESS_ERROR,
        words="20% of random labels, and 80%",
        on=with_random_labels(0.2, 0.8),
        effect="test accuracy with 20% of random labels / with 80%",
    ),
    why="Section 4.2 says of the same experiment, Figure 4, that the test error increases, and it"
    " does (`margin-training-random-labels-error`).",
)

# From where rho starts


def from_rhos(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
    data = [two_gaussians(SAMPLES, seed) for seed in seeds]
    return started(data * 2, seeds, [SMALL_RHO, LARGE_RHO])


def from_large_rho(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
    return started([two_gaussians(SAMPLES, seed) for seed in seeds], seeds, [LARGE_RHO])


SMALL_RHO, LARGE_RHO = 2.0, 40.0
TWO_STARTS = {"two Gaussians": tc.Population(from_rhos)}
STARTS = [
    TRAINING[0].replace(", initial rho = 10", ""),
    *TRAINING[1:],
    "two Gaussian classes; pairs that share all but the initial rho, 2 and 40",
]
ENDS_SMALLER = tc.Comparison(
    "rho is smaller at the end when it starts at 2 than when it starts at 40",
    TWO_STARTS,
    (NO_DECAY,),
    tc.halves(lambda trained: trained.rho),
    "<",
    "final rho from 2 / from 40",
    tc.either_half(excluded),
)

margin_training_initial_rho = tc.experiment_claim(
    "margin-training-initial-rho",
    title="Without weight decay, a small initial rho leads to a small one",
    sources=[XU2022.at("Section 7: small initialization")],
    printed=r"\text{The bias towards small } \rho \text{ ... may be replaced when } \lambda = 0"
    r" \text{ by an implicit bias induced by small initialization}",
    given=[*STARTS, "lambda = 0"],
    compares=ENDS_SMALLER,
    control=replace(
        ENDS_SMALLER,
        words="rho starts at 40 twice, with two orders of the batches",
        on={"two Gaussians": tc.Population(from_large_rho)},
        recipes=(NO_DECAY, replace(NO_DECAY, order=1)),
        sides=tc.between(lambda trained: trained.rho),
        effect="final rho in one order / in another",
        excluded=excluded,
    ),
    rests_on=["initial-direction-least-rho-printed"],
    why="Both ends interpolate; the larger rho has the smaller margins.",
)


def dependence(trained: tc.Trained) -> Tensor:
    """How far apart the final rho of the two copies are, on a logarithmic scale."""
    first, second = trained.rho.log().chunk(2)
    return (first - second).abs()


margin_training_initial_rho_decay = tc.experiment_claim(
    "margin-training-initial-rho-decay",
    title="With weight decay, the final rho depends less on the initial one",
    sources=[
        XU2022.at("Section 1: weaker dependence on initial conditions"),
        XU2022.at("Section 7: small initialization, Figure 10"),
    ],
    printed=r"\text{in the presence of regularization, there is a weaker dependence on initial"
    r" conditions}",
    given=[*STARTS, "lambda = 0.001 and 0"],
    compares=replace(
        ENDS_SMALLER,
        words="the final rho from 2 and from 40 are nearer to each other with lambda = 0.001 than"
        " with 0, on a logarithmic scale",
        recipes=(DECAY, NO_DECAY),
        sides=tc.between(dependence),
        effect="distance with decay / without",
    ),
    why="In Figure 10 margins without weight decay lie in a range, by initialization.",
)

# Figure 5 and Section 7

margin_training_correlation = tc.stated(
    "margin-training-correlation",
    title="Margins are anti-correlated with test errors, as Section 7 says: two printed places",
    sources=[XU2022.at("Section 7: anti-correlated margins")],
    printed=r"\text{Figure 5: the slope of the accuracy against } 1/\rho \text{ is } -18.968;"
    r" \text{ small differences in margin are anti-correlated with those in test error}",
    assuming={"accuracies fall with 1/rho, as in Figure 5": "covariance(x, y) < 0"},
    where=[
        "mean(v) = sum([row[0] for row in v]) / len(v)",
        "covariance(a, b) ="
        " sum([(a[n][0] - mean(a)) * (b[n][0] - mean(b)) for n in samples]) / len(samples)",
        "errors = [[1 - y[n][0]] for n in samples]",
    ],
    states="covariance(x, errors) < 0",
    control=tc.altered("by as much as the accuracy", "covariance(x, errors) < covariance(x, y)"),
    on=tc.cases(tc.mlps(depths=(1, 1), widths=(1, 1)), samples=(2, 4), targets="dyadic", cohort=1),
    why="Inputs stand for the 1/rho of trained networks, targets for their accuracies. The figure"
    " has the test *accuracy* on its axis, with a negative slope, so that errors rise with"
    " margins.",
)
