"""Errors on held-out images, with right and with random labels: xu2022, Section 2 and Figure 4."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

import theorycheck as tc
from properties.dynamics import normalised
from properties.papers import XU2022
from theorycheck.measures import margins
from theorycheck.training import outputs

POOL, SAMPLES, SPLIT = 120, 16, 2**31
"""Of each class: how many images are in the pool, and how many a network trains on; the split."""
RHO = 40.0
"""Where rho starts."""
RECIPE = tc.Recipe(
    batch_size=8,
    epochs=240,
    learning_rate=0.01,
    weight_decay=1e-5,
    momentum=0.9,
    milestones=(144, 192),
)


HELD_OUT: dict[int, tc.Dataset] = {}
"""By the width of the images: what no network is trained on."""


@lru_cache(maxsize=1)
def pool_of(images: str) -> tc.Dataset:
    """Two classes of images, without those that are held out."""
    pool, held_out = tc.images(images).with_classes([1, 2]).split(POOL, SPLIT)
    HELD_OUT[pool.width] = held_out
    return pool


def networks(*fractions: float) -> dict[str, tc.Population]:
    """For each seed one network for each fraction of random labels; all else is shared."""

    def start(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
        pool = pool_of(setting.images)
        data = [pool.per_class(SAMPLES, seed) for seed in seeds]
        drawn = [
            relabelled(d, part, s) for part in fractions for d, s in zip(data, seeds, strict=True)
        ]
        network = tc.mlp([pool.width, 32, 32, 1])
        state = normalised.started(network, seeds, [RHO] * len(fractions), "weight-norm")
        order = torch.tensor(seeds).repeat(len(fractions))
        objective = tc.Objective("square", "mean", "rho")
        return tc.Experiment.on(drawn, "signs", network, state, order, objective)

    return {"images of two classes": tc.Population(start)}


def relabelled(data: tc.Dataset, part: float, seed: int) -> tc.Dataset:
    """A part of the labels is exchanged at random among the samples that have them."""
    generator = np.random.default_rng(seed)
    chosen = generator.permutation(data.size)[: round(part * data.size)]
    labels = data.labels.copy()
    labels[chosen] = labels[generator.permutation(chosen)]
    return replace(data, name=f"{data.name}, {part} random", labels=labels)


def held_out_errors(trained: tc.Trained) -> tuple[Tensor, Tensor]:
    """The fractions of wrong signs on held-out images, of the first and of the second fraction."""
    cohort, test = trained.cohort, HELD_OUT[trained.cohort.network.input_width]
    inputs = torch.tensor(test.inputs).to(cohort.inputs).expand(len(cohort.inputs), -1, -1)
    signs = torch.tensor(test.signs).to(cohort.inputs)
    values = outputs(cohort.network, cohort.state, inputs.contiguous())
    first, second = (values * signs <= 0).double().mean(dim=(1, 2)).chunk(2)
    return first, second


def excluded(trained: tc.Trained) -> tc.Exclusions:
    cohort = trained.cohort
    values = margins(outputs(cohort.network, cohort.state, cohort.inputs), cohort.targets)
    first, second = (trained.run.diverged | (values <= 0).any(dim=1)).chunk(2)
    return {"training diverged or left a training error": first | second}


GIVEN = [
    "ReLU networks of depth 3 and width 32 with weight normalisation, square loss, labels +-1,"
    " penalty lambda rho^2, lambda = 1e-5, initial rho = 40",
    "two classes of images, handwritten digits unless others are named: 16 of each class of a"
    " pool of 120, tested on all that are not in the pool",
    "batches of 8, 240 epochs of SGD with momentum 0.9, learning rate 0.01 with two drops",
    "pairs that share images, initial weights and order of the batches, and differ in the part of"
    " the labels that is exchanged at random",
    "rule of exclusion, fixed beforehand: training diverges or ends with a training error",
]
MORE = tc.Comparison(
    "the error on held-out images is higher with 40% of random labels than without",
    networks(0.4, 0.0),
    (RECIPE,),
    held_out_errors,
    ">",
    "held-out error with random labels / without",
    excluded,
)
NO_ERROR = "A pair whose second network makes no error has no ratio and is dropped."
SAME = replace(
    MORE,
    words="the same labels for both",
    on=networks(0.0, 0.0),
    effect="held-out error of one / of the other",
)

test_error_random_labels = tc.experiment_claim(
    "test-error-random-labels",
    title="Random labels increase the error on held-out images",
    sources=[XU2022.at("Figure 4")],
    printed=r"\text{increasing the percentage of random labels ... at the same time the test error}"
    r"\text{ increases, as expected}",
    given=GIVEN,
    compares=MORE,
    control=SAME,
    why="`margin-training-random-labels-error` on images, with a split that is fixed beforehand."
    f" {NO_ERROR}",
)

test_error_more_random_labels = tc.experiment_claim(
    "test-error-more-random-labels",
    title="More random labels increase the error on held-out images further",
    sources=[XU2022.at("Figure 4")],
    printed=r"\text{different percentages of random labels }"
    r" (r = 20\%, 40\%, 60\% \text{ and } 80\%)",
    given=GIVEN,
    compares=replace(
        MORE,
        words="the error on held-out images is higher with 80% of random labels than with 40%",
        on=networks(0.8, 0.4),
        effect="held-out error with 80% / with 40%",
    ),
    control=replace(SAME, on=networks(0.4, 0.4)),
    why="The training error is 0 in both.",
)

test_error_training_error = tc.experiment_claim(
    "test-error-training-error",
    title="Networks that fit random labels generalise where labels are right",
    sources=[XU2022.at("Section 2: training error and test error, Figure 4: random labels alone")],
    printed=r"\text{overparametrized deep network[s] that usually fit randomly labeled data also}"
    r"\text{ generalize well when they [are] trained on correctly labeled data}",
    given=GIVEN,
    compares=replace(
        MORE,
        words="the error on held-out images is more than three times as high with all labels random"
        " as with right labels, at no training error in both",
        on=networks(1.0, 0.0),
        effect="held-out error with random labels / with right ones",
        times=3.0,
    ),
    control=SAME,
    why="So the training error says nothing of the test error. A factor of 3 stands for"
    " generalising well: errors with random labels are about a half. With random labels alone the"
    f" paper's network did not converge; here such networks are dropped by rule. {NO_ERROR}",
)
