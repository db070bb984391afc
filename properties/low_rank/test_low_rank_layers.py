"""Ranks of normalised and residual networks, and layer by layer: galanti2022, 4.3 and App. A."""

from dataclasses import replace

import torch
from torch import Tensor

import theorycheck as tc
from properties.low_rank.architectures import lower_mean, populations, ranks, residual
from properties.low_rank.protocol import (
    CLASSES,
    EFFECTIVE,
    INPUT_WIDTH,
    LOW,
    THRESHOLD,
    TRAINING,
    WIDTH,
    excluded,
)
from properties.papers import GALANTI2022
from theorycheck.measures import effective_rank, threshold_rank

SMALLER = r"\text{we expect training with smaller batch sizes to produce matrices of smaller ranks}"
SLOW = replace(LOW, learning_rate=0.02, epochs=100)
"""Normalised networks need a smaller learning rate; decay time 9.6."""
LARGE_BATCHES = replace(SLOW, batch_size=16)
SLOW_TRAINING = [
    "a Gaussian mixture of 4 classes with 12 samples each, 16 inputs; hidden layers of 32 ReLUs,"
    " normalised over the batch, the variance detached; float64",
    *TRAINING[1:],
    "pairs that share data, initial weights and order of batches",
    "eta = 0.02, lambda = 0.02, 100 epochs; batches of 4 and of 16",
]
NORMALISED_MLP = tc.mlp([INPUT_WIDTH, WIDTH, WIDTH, CLASSES], normalisation="batch-detached")

low_rank_layers_normalised = tc.experiment_claim(
    "low-rank-layers-normalised",
    title="With batch normalisation, smaller batches give weights of lower rank",
    sources=[GALANTI2022.at("Section 3.2: batch size, Fig. 2")],
    printed=SMALLER,
    given=[*SLOW_TRAINING, "two hidden layers", THRESHOLD],
    compares=lower_mean(
        threshold_rank,
        SLOW,
        LARGE_BATCHES,
        "the rank is lower with batches of 4 than of 16",
        NORMALISED_MLP,
    ),
    rests_on=[
        "average-gradient-minimised",
        "average-gradient-bounds-minimum",
        "rank-bound-batch-norm",
    ],
    why="At equal epochs. The effect is a third of a singular value out of 17: gains make up for"
    " small weights, and decay has just begun to show at 1e-4. The effective rank shows more"
    " (`low-rank-layers-normalised-effective`). At eta = 0.1, batches of 4 train no such network.",
)

low_rank_layers_normalised_effective = tc.experiment_claim(
    "low-rank-layers-normalised-effective",
    title="With batch normalisation, smaller batches give weights of lower effective rank",
    sources=[GALANTI2022.at("Section 3.2: batch size, Fig. 2")],
    printed=SMALLER,
    given=[*SLOW_TRAINING, "two hidden layers", EFFECTIVE],
    compares=lower_mean(
        effective_rank,
        SLOW,
        LARGE_BATCHES,
        "the effective rank is lower with batches of 4 than of 16",
        NORMALISED_MLP,
    ),
    rests_on=[
        "average-gradient-minimised",
        "average-gradient-bounds-minimum",
        "rank-bound-batch-norm",
    ],
    why="The same training as in `low-rank-layers-normalised`.",
)

low_rank_layers_residual = tc.experiment_claim(
    "low-rank-layers-residual",
    title="In residual networks, smaller batches give weights of lower rank",
    sources=[GALANTI2022.at("Section 3.2: batch size, Fig. 4")],
    printed=SMALLER,
    given=[*SLOW_TRAINING, "one residual block between linear layers", THRESHOLD],
    compares=lower_mean(
        threshold_rank,
        SLOW,
        LARGE_BATCHES,
        "the rank is lower with batches of 4 than of 16",
        residual(1, "batch-detached"),
    ),
    rests_on=[
        "average-gradient-minimised",
        "average-gradient-bounds-minimum",
        "rank-bound-batch-norm",
    ],
    why="As in the paper's figure, at equal epochs.",
)

# Layer by layer

PERCEPTRON = populations(tc.mlp([INPUT_WIDTH, WIDTH, WIDTH, WIDTH, WIDTH, CLASSES]))
LONG = replace(LOW, weight_decay=0.005, epochs=100)
DEEP = [
    "ReLU networks 16-32-32-32-32-4 without batch normalisation, which those of Appendix A have",
    "a Gaussian mixture of 4 classes with 12 samples each, float64",
    *TRAINING[1:],
    "batches of 4, 100 epochs, eta = 0.1, lambda = 0.005",
    "the rank of a matrix is the number of its singular values above 1e-4 of the largest",
]
BOTTLENECK = (
    r"\text{for MLPs we obtain an encoder-decoder structure in which the ranks of the bottom and}"
    r" \text{ top layers are larger then the ranks of the mid-layers}"
)


def against_the_middle(layer: int, words: str, middle: int = 2) -> tc.Comparison:
    """The rank of a matrix against the third of five, in the middle, or another one."""

    def sides(trained: tc.Trained) -> tuple[Tensor, Tensor]:
        found = ranks(threshold_rank, trained)
        return found[layer], found[middle]

    effect = "rank of the layer / rank of the layer in the middle"
    return tc.Comparison(words, PERCEPTRON, (LONG,), sides, ">", effect, excluded)


BOTTOM = against_the_middle(0, "the first matrix has a higher rank than the one in the middle")

low_rank_layers_bottom = tc.experiment_claim(
    "low-rank-layers-bottom",
    title="Without batch normalisation, the bottom layer has a higher rank than the middle",
    sources=[GALANTI2022.at("Appendix A: encoder-decoder")],
    printed=BOTTLENECK,
    given=DEEP,
    compares=BOTTOM,
    control=against_the_middle(1, "the second matrix in the place of the first"),
    why="The first matrix could have a rank of 16, the one in the middle of 32. So this confirms"
    " nothing of Fig. 6: with batch normalisation, in the training of `low-rank-layers-top`, the"
    " first matrix keeps the rank of 16, and the middle one stays above that.",
)

NORMALISED_PERCEPTRON = populations(
    tc.mlp([INPUT_WIDTH, WIDTH, WIDTH, WIDTH, WIDTH, CLASSES], normalisation="batch-detached")
)
NORMALISED_LONG = replace(LOW, batch_size=16, learning_rate=0.02, epochs=1600)


def against_the_normalised_middle(layer: int, words: str, middle: int = 2) -> tc.Comparison:
    """The same with batch normalisation."""
    plain = against_the_middle(layer, words, middle)
    return replace(plain, on=NORMALISED_PERCEPTRON, recipes=(NORMALISED_LONG,))


low_rank_layers_top = tc.experiment_claim(
    "low-rank-layers-top",
    title="With batch normalisation, the top hidden layer has a higher rank than the middle",
    sources=[GALANTI2022.at("Appendix A: encoder-decoder, Fig. 6")],
    printed=BOTTLENECK,
    given=[
        "networks 16-32-32-32-32-4, hidden layers of ReLUs normalised over the batch, the variance"
        " detached; a Gaussian mixture of 4 classes with 12 samples each, float64",
        *TRAINING[1:],
        "batches of 16, 1600 epochs, eta = 0.02, lambda = 0.02",
        DEEP[-1],
    ],
    compares=against_the_normalised_middle(
        3, "the last hidden matrix has a higher rank than the middle"
    ),
    control=against_the_normalised_middle(4, "the output layer in the place of the last hidden"),
    positive=against_the_normalised_middle(2, "both matrices exchanged", middle=3),
    why="The other half of the sentence. The decay time 2 eta lambda T/(1 - momentum), for T"
    " updates, is 38. Ranks fall from the second matrix to the output: a decoder does not show. The"
    " output layer itself has as many rows as there are classes, so that its rank says nothing; in"
    " the paper's figure too it cannot exceed 10. So what is printed is not true in general; of the"
    " paper's runs on CIFAR10 this says nothing.",
)

low_rank_layers_top_plain = tc.experiment_claim(
    "low-rank-layers-top-plain",
    title="Without batch normalisation, the top hidden layer has a higher rank than the middle",
    sources=[],
    printed=r"\operatorname{rank} W_4 > \operatorname{rank} W_3 \quad \text{of five}",
    given=DEEP,
    compares=against_the_middle(3, "the last hidden matrix has a higher rank than the middle"),
    control=against_the_middle(4, "the output layer in the place of the last hidden one"),
    positive=replace(BOTTOM, words="the bottom layer in the place of the top"),
    why="Our own: `low-rank-layers-top` without the normalisation. Ranks fall from the middle to"
    " the output here, too.",
)

BLOCK = populations(residual(2, "none"))
LONGER = replace(LOW, epochs=100)
"""Decay time 48: those of Fig. 7 are 3 to 94 in the first 60 epochs."""


def of_the_block(trained: tc.Trained) -> tuple[Tensor, Tensor]:
    """The ranks of both matrices of the first block."""
    first, second = ranks(threshold_rank, trained)[1:3]
    return first, second


def same_in_the_block(recipe: tc.Recipe, words: str) -> tc.Comparison:
    """The larger rank of both matrices of the first block against the smaller."""

    def sides(trained: tc.Trained) -> tuple[Tensor, Tensor]:
        both = torch.stack(of_the_block(trained))
        return both.amax(dim=0), both.amin(dim=0)

    effect = "larger rank in the block / smaller rank"
    return tc.Comparison(words, BLOCK, (recipe,), sides, "<=", effect, excluded)


def second_in_the_block(recipe: tc.Recipe, words: str) -> tc.Comparison:
    """Is the rank of the first matrix of the first block lower than that of the second?"""
    effect = "rank of the first matrix / rank of the second"
    return tc.Comparison(words, BLOCK, (recipe,), of_the_block, "<", effect, excluded)


RESIDUAL = [
    "residual networks of width 32, two blocks, a Gaussian mixture of 4 classes with 12 samples"
    " each, 16 inputs, float64",
    *TRAINING[1:],
    "batches of 4, eta = 0.1, lambda = 0.02",
    "the rank of a matrix is the number of its singular values above 1e-4 of the largest",
]

low_rank_layers_balanced = tc.experiment_claim(
    "low-rank-layers-balanced",
    title="In residual networks both matrices of a block have the same rank",
    sources=[GALANTI2022.at("Appendix A: balanced blocks, Fig. 7")],
    printed=r"\text{when the rank constraint is active, ... for ResNets we obtain a balanced}"
    r" \text{ structure in which the matrices within the residual blocks are of the same rank}",
    given=[*RESIDUAL, "100 epochs"],
    compares=same_in_the_block(LONGER, "both matrices of the first block have the same rank"),
    control=same_in_the_block(LOW, "a quarter as many epochs"),
    why="Read as equality, without batch normalisation as the caption of the figure has it (the"
    " text says with). The decay time 2 eta lambda T/(1 - momentum), for T updates, is 48;"
    " those of the figure, in the 60 epochs before the learning rate is first lowered, are 3 to 94."
    " Both ranks end at 4, the number of classes. At a quarter of the time they still fall, and"
    " differ (`low-rank-layers-balanced-early`).",
)

low_rank_layers_balanced_early = tc.experiment_claim(
    "low-rank-layers-balanced-early",
    title="While ranks still fall, the first matrix of a residual block has the lower one",
    sources=[],
    printed=r"\operatorname{rank} W_1 < \operatorname{rank} W_2 \quad \text{in } z + \sigma(W_2"
    r" \sigma(W_1 z))",
    given=[*RESIDUAL, "25 epochs"],
    compares=second_in_the_block(
        LOW, "the first matrix of the first block has a lower rank than the second"
    ),
    control=second_in_the_block(LONGER, "four times as many epochs"),
    why="Our own: the training of `low-rank-layers-balanced`, a quarter as long. The second"
    " matrix keeps about two directions more, for a time.",
)
