"""How well SGD trains: small batches, learning rates, gradients, low rank (galanti2022, 3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

import theorycheck as tc
from properties.low_rank.protocol import (
    BASE,
    CLASSES,
    DATA,
    INPUT_WIDTH,
    LOW,
    NO_DECAY,
    PAIRED,
    TRAINING,
    excluded,
    networks,
    of_rank,
)
from properties.papers import GALANTI2022
from theorycheck.measures import accuracy
from theorycheck.training import outputs, velocity


def training_loss(trained: tc.Trained) -> Tensor:
    """Cross-entropy, mean over the samples."""
    logarithms = trained.outputs.log_softmax(dim=-1)
    return -(logarithms * trained.cohort.targets).sum(dim=-1).mean(dim=-1)


def better(batch_size: int, words: str) -> tc.Comparison:
    """Does the smaller learning rate end with a lower training loss?"""
    fast = replace(LOW, batch_size=batch_size)
    return tc.Comparison(
        words,
        {DATA: tc.Population(networks)},
        (replace(fast, learning_rate=0.025), fast),
        tc.between(training_loss),
        "<",
        "training loss with eta = 0.025 / with 0.1",
        lambda trained: {"training diverged": trained.run.diverged},
    )


training_success_smaller_rate = tc.experiment_claim(
    "training-success-smaller-rate",
    title="With single samples as batches, a smaller learning rate trains better",
    sources=[GALANTI2022.at("Section 3.2: smaller batches need smaller rates")],
    printed=r"\text{to effectively train a model with smaller batch sizes it is necessary to}"
    r" \text{ decrease the learning rate accordingly}",
    given=[
        *TRAINING[:2],
        "training does not diverge",
        PAIRED[-1],
        "batches of 1, 25 epochs, lambda = 0.02, eta = 0.025 and 0.1",
    ],
    compares=better(1, "the training loss is lower with eta = 0.025 than with 0.1"),
    control=better(16, "batches of 16"),
    rests_on=["low-rank-small-batches", "low-rank-learning-rate", "training-success-rank"],
    why="The smaller rate is better, not necessary: both train. With batches of 16 the larger one"
    " is better. Whether low rank spoils training, as the paper argues, or noise, this does not"
    " tell.",
)


training_success_larger_rate = tc.experiment_claim(
    "training-success-larger-rate",
    title="Learning rates so large that they lower the rank train less well",
    sources=[GALANTI2022.at("Section 4.3: learning rate")],
    printed=r"\text{when increasing the learning rate, the rank minimization constraint}"
    r" \text{ strengthens as well, which leads to lower ranks and worse training performance}",
    given=[
        *TRAINING[:2],
        "training does not diverge",
        PAIRED[-1],
        "batches of 4, 25 epochs, lambda = 0.02, eta = 0.025 and 0.1",
    ],
    compares=better(4, "the training loss is lower with eta = 0.025 than with 0.1"),
    positive=better(1, "batches of 1"),
    rests_on=["low-rank-learning-rate"],
    why="At the rates of `low-rank-learning-rate`, of which the larger one gives the lower rank: it"
    " trains better, too. With batches of 1 the larger rate trains worse"
    " (`training-success-smaller-rate`). So what is printed is not true in general; of the"
    " paper's runs on CIFAR10 this says nothing.",
)


def truncated(rank: int, words: str) -> tc.Comparison:
    """Is the training accuracy lower when all matrices are cut to a rank?"""

    def sides(trained: tc.Trained) -> tuple[Tensor, Tensor]:
        cohort, labels = trained.cohort, trained.cohort.targets.argmax(dim=-1)
        cut = tuple(of_rank(matrices, rank) for matrices in cohort.state.parameters)
        low = outputs(cohort.network, replace(cohort.state, parameters=cut), cohort.inputs)
        return accuracy(low, labels), accuracy(trained.outputs, labels)

    effect = "training accuracy at low rank / as trained"
    return tc.Comparison(
        words, {DATA: tc.Population(networks)}, (LOW,), sides, "<", effect, excluded
    )


training_success_rank = tc.experiment_claim(
    "training-success-rank",
    title="Cut down to rank 2, trained networks fit four classes less well",
    sources=[GALANTI2022.at("Section 3.2: expressivity")],
    printed=r"\text{neural networks with matrices of very low ranks typically under perform on the}"
    r" \text{ training set, due to their limited expressivity}",
    given=[*TRAINING, BASE, "every weight matrix is replaced by the nearest one of rank 2"],
    compares=truncated(2, "the training accuracy is lower at rank 2 than as trained"),
    control=truncated(4, "rank 4"),
    why="Very low means below the number of classes less one: at rank 3 nothing is lost. This is"
    " what cutting loses, not what rank 2 cannot express.",
)


def gradient_norm(trained: tc.Trained) -> Tensor:
    """Of the objective on all samples, over all weights."""
    gradients = velocity(trained.cohort, tc.Objective("cross_entropy")).parameters
    return torch.stack([g.square().sum(dim=(1, 2)) for g in gradients]).sum(dim=0).sqrt()


def smaller_gradient(recipe: tc.Recipe, words: str) -> tc.Comparison:
    """Is the gradient at the end smaller than with a quarter of the learning rate?"""
    return tc.Comparison(
        words,
        {DATA: tc.Population(networks)},
        (recipe, replace(recipe, learning_rate=recipe.learning_rate / 4)),
        tc.between(gradient_norm),
        "<",
        "gradient with the larger rate / with the smaller",
        excluded,
    )


LARGER_RATES = (
    r"\text{unless the learning rate is not too large, when training a model with larger learning}"
    r" \text{ rates we should expect the objective's gradient to be of a smaller norm}"
)
SHORT = replace(LOW, learning_rate=0.05, weight_decay=0.005)
SHORT_OF_REST = smaller_gradient(
    SHORT, "the gradient ends smaller with eta = 0.05 than with 0.0125"
)

training_success_gradient = tc.experiment_claim(
    "training-success-gradient",
    title="Where training ends early, larger learning rates end at smaller gradients",
    sources=[GALANTI2022.at("Section 3.2: gradient and learning rate")],
    printed=LARGER_RATES,
    given=[*PAIRED, "batches of 4, 25 epochs, lambda = 0.005, eta = 0.05 and 0.0125"],
    compares=SHORT_OF_REST,
    why="With the smaller rate the loss has not come down yet. The printed condition has one"
    " negation too many: what is meant is unless the learning rate is too large.",
)

training_success_gradient_noise = tc.experiment_claim(
    "training-success-gradient-noise",
    title="Where the training loss has come down, larger learning rates end at smaller gradients",
    sources=[GALANTI2022.at("Section 3.2: gradient and learning rate")],
    printed=LARGER_RATES,
    given=[*PAIRED, "batches of 4, 25 epochs, lambda = 0.02, eta = 0.1 and 0.025"],
    compares=smaller_gradient(LOW, "the gradient ends smaller with eta = 0.1 than with 0.025"),
    positive=replace(SHORT_OF_REST, words="eta = 0.05 and 0.0125, lambda = 0.005"),
    why="The gradient of the loss on all samples along all weights, at the rates of"
    " `low-rank-learning-rate`. Steps keep SGD at a distance from rest that grows with the rate."
    " Theorem 1 has another number: the least norm over batches of 4, along one matrix, ended"
    " smaller with the larger rate in most of 69 such pairs, for each matrix, in trainings outside"
    " this report. The printed condition has one negation too many: what is meant is unless the"
    " rate is too large; how large the paper does not say.",
)


NARROW = 8
PLAIN = replace(NO_DECAY, learning_rate=0.05)


def narrowed(experiment: tc.Experiment, seed: int) -> tuple[Tensor, ...]:
    """Initial weights of networks of width 8, in matrices of the shapes of the experiment's.

    What is filled up with zeros stays 0 without weight decay, and with it: a unit without weights
    has no gradient, and gives none to others.
    """
    weights = experiment.start.parameters
    narrow = tc.mlp([INPUT_WIDTH, NARROW, NARROW, CLASSES])
    small = tc.initialise(narrow, len(weights[0]), seed=seed)
    return tuple(
        pad(one, (0, w.shape[2] - one.shape[2], 0, w.shape[1] - one.shape[1]))
        for one, w in zip(small, weights, strict=True)
    )


def of_two_widths(records: int | None = None) -> Mapping[str, tc.Population]:
    """Networks of width 32, then as many of width 8."""

    def start(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
        plain = networks(setting, seeds)
        copies = zip(plain.start.parameters, narrowed(plain, seeds[0]), strict=True)
        return replace(
            plain,
            start=tc.State(tuple(torch.cat(pair) for pair in copies)),
            inputs=plain.inputs.repeat(2, 1, 1),
            targets=plain.targets.repeat(2, 1, 1),
            batch_seeds=plain.batch_seeds.repeat(2),
        )

    return {DATA: tc.Population(start, records=records)}


def largest_derivative(trained: tc.Trained) -> Tensor:
    """Of the cross-entropy of a sample with respect to the output: its largest norm."""
    derivatives = trained.outputs.softmax(dim=-1) - trained.cohort.targets
    return derivatives.square().sum(dim=-1).amax(dim=-1).sqrt()


SIZES = [
    TRAINING[0].replace("16-32-32-4,", "16-32-32-4 and 16-8-8-4,"),
    *TRAINING[1:],
    "batches of 4, 25 epochs, eta = 0.05, lambda = 0",
    "pairs of both widths, which share data and order of batches",
]
WIDER = tc.Comparison(
    "the largest derivative of the loss is smaller at width 32 than at width 8",
    of_two_widths(),
    (PLAIN,),
    tc.halves(largest_derivative),
    "<",
    "derivative at width 32 / at width 8",
    tc.either_half(excluded),
)
SAME_WIDTH = replace(
    WIDER,
    words="width 32 twice, in two orders of the batches",
    effect="derivative in one order / in another",
    on={DATA: tc.Population(networks)},
    recipes=(PLAIN, replace(PLAIN, order=1)),
    sides=tc.between(largest_derivative),
    excluded=excluded,
)

training_success_wider = tc.experiment_claim(
    "training-success-wider",
    title="Without weight decay, wider networks end at smaller derivatives of the loss",
    sources=[GALANTI2022.at("Section 3.1: larger networks")],
    printed=r"\text{by increasing the size of the network (i.e., the width or the depth), we}"
    r" \text{ should expect the term } \max_i | \partial \ell / \partial f_W(x_i) |"
    r" \text{ to tend to zero}",
    given=SIZES,
    compares=WIDER,
    control=SAME_WIDTH,
    why="The direction, for the width, after the same number of updates. What the term tends to in"
    " the width or with the depth, this does not tell.",
)


def last_step(trained: tc.Trained) -> Tensor:
    """The distance between the last two epochs."""
    distance: Tensor = trained.run.trace["distance"][-1]
    return distance


training_success_wider_steps = tc.experiment_claim(
    "training-success-wider-steps",
    title="Without weight decay, wider networks come to rest more closely",
    sources=[GALANTI2022.at("Section 4.2: almost convergence")],
    printed=r"\lim_{t\to\infty} d(W_{t+1}, W_t) \text{ may be as small as we wish by increasing}"
    r" \text{ the size of the neural network}",
    given=SIZES,
    compares=replace(
        WIDER,
        words="the distance between the last two epochs is smaller at width 32 than at width 8",
        on=of_two_widths(PLAIN.epochs),
        sides=tc.halves(last_step),
        effect="distance at width 32 / at width 8",
        followed=tc.Followed(("distance at width 32", "at width 8"), tc.halves(last_step)),
    ),
    control=replace(
        SAME_WIDTH,
        on={DATA: tc.Population(networks, records=PLAIN.epochs)},
        sides=tc.between(last_step),
        effect="distance in one order / in another",
    ),
    rests_on=["epoch-distance-logistic"],
    why="The direction, after 25 epochs. The limit for a network of one size says nothing of size:"
    " it can be 0 with a single weight (`epoch-distance-logistic`).",
)
