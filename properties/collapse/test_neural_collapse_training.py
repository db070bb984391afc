"""Claims on neural collapse in real training: NC1 to NC3 fall."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from properties.papers import XU2022
from theorycheck import (
    Dataset,
    Findings,
    Network,
    Objective,
    Setting,
    State,
    claim,
    gaussian_mixture,
    images,
    initialise,
    measures,
    mlp,
)
from theorycheck.claims import Exclusions, pairs
from theorycheck.networks import vertices
from theorycheck.training import Experiment, Measures, Recipe, Run, parametrise, resolve_device

MEMBERS = 12
"""Trained networks per number of classes, enough for the sequential test in every profile."""

FALL = 0.75
"""The minimal effect: a measure has fallen when it is at most this fraction of its reference."""

WIDTH = 32


@dataclass(frozen=True)
class Protocol:
    """How networks with so many classes are trained: SGD, momentum 0.9, two drops of the rate.

    The initial rho is about a tenth of what He initialisation gives where that suffices to
    interpolate (few classes), and most of it for ten classes, whose simplex needs nine directions.
    """

    samples: int
    batch_size: int
    epochs: int
    learning_rate: float
    weight_decay: float
    rho: float

    @property
    def recipe(self) -> Recipe:
        drops = (self.epochs * 6 // 10, self.epochs * 8 // 10)
        return Recipe(
            self.batch_size, self.epochs, self.learning_rate, self.weight_decay, 0.9, drops
        )


PROTOCOLS = {
    2: Protocol(12, 6, 120, 0.03, 1e-4, 10.0),
    3: Protocol(12, 6, 120, 0.03, 5e-5, 15.0),
    4: Protocol(12, 8, 120, 0.03, 5e-5, 25.0),
    10: Protocol(5, 10, 200, 0.02, 1e-5, 200.0),
}


def dataset(classes: int, seed: int, image_data: str) -> Dataset:
    """A Gaussian mixture in the unit ball, or images for ten classes."""
    samples = PROTOCOLS[classes].samples
    if classes == 10:
        return images(image_data).per_class(samples, seed)
    return gaussian_mixture(samples, 16, classes, seed, spread=0.15).in_ball()


def gram_deviation(grouped: Tensor) -> Tensor:
    """NC2 as one number: how far the centred means' Gram matrix is from a simplex's, ``(K,)``.

    The Frobenius norm of the difference of the two matrices, each divided by its trace.
    """
    centred = measures.centred_class_means(grouped)
    gram = centred @ centred.mT
    classes = gram.shape[-1]
    trace = gram.diagonal(dim1=1, dim2=2).sum(dim=-1)[:, None, None]
    wanted = torch.eye(classes).to(gram) - 1 / classes
    deviation: Tensor = torch.linalg.vector_norm(gram / trace - wanted / (classes - 1), dim=(1, 2))
    return deviation


def measured(network: Network, labels: Tensor, groups: Tensor) -> Measures:
    """Accuracy, and NC1 to NC3 of the features grouped by ``groups``; both are ``(K, N)``."""
    classes = network.output_width

    def accuracy(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
        values = vertices(network, state.effective(network), inputs)[-1]
        return measures.accuracy(values, labels)

    def grouped(network: Network, state: State, inputs: Tensor) -> Tensor:
        features = vertices(network, state.effective(network), inputs)[-2]
        return measures.by_class(features, groups, classes)

    def trace(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
        return measures.nc1(grouped(network, state, inputs))

    def relative(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
        return measures.nc1_relative(grouped(network, state, inputs))

    def simplex_deviation(
        network: Network, state: State, inputs: Tensor, targets: Tensor
    ) -> Tensor:
        return gram_deviation(grouped(network, state, inputs))

    def duality(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
        return measures.nc3(grouped(network, state, inputs), state.effective(network)[-1])

    return {
        "accuracy": accuracy,
        "nc1": trace,
        "nc1-relative": relative,
        "nc2": simplex_deviation,
        "nc3": duality,
    }


def train(classes: int, members: int, setting: Setting) -> Run:
    """Train ReLU networks of depth 3 with weight normalisation and the penalty ``lambda rho^2``.

    In the control the features are grouped by classes that were dealt out at random.
    """
    protocol, device = PROTOCOLS[classes], resolve_device(setting.device)
    seeds = np.random.default_rng([setting.seed, classes]).integers(2**31, size=members)
    data = [dataset(classes, int(seed), setting.images) for seed in seeds]
    labels = groups = np.stack([d.labels for d in data])
    if setting.altered:
        dealt = [
            np.random.default_rng(int(seed)).permutation(d.labels)
            for seed, d in zip(seeds, data, strict=True)
        ]
        groups = np.stack(dealt)
    network = mlp([data[0].width, WIDTH, WIDTH, classes])
    weights = initialise(network, members, seed=int(seeds[0]), dtype=torch.float32)
    unit = parametrise(network, weights, "weight-norm").parameters
    start = State(unit, torch.full((members,), protocol.rho), "weight-norm")
    experiment = Experiment.on(
        data,
        "centred_one_hot",
        network,
        start,
        torch.from_numpy(seeds),
        Objective("square", "mean", "rho"),
    )
    measures = measured(network, *(torch.tensor(a).to(device) for a in (labels, groups)))
    (trained,) = experiment.train(protocol.recipe, device=device, measures=measures, record_every=4)
    return trained.run


def ratios(run: Run, measure: str, *, terminal: bool) -> Tensor:
    """Final value over that at initialisation, or at the start of the terminal phase, ``(K,)``."""
    values = run.trace[measure]
    start = torch.zeros_like(values[:1], dtype=torch.int64)
    if terminal:
        start = (run.trace["accuracy"] == 1).int().argmax(dim=0, keepdim=True)
    ratio: Tensor = values[-1] / values.gather(0, start)[0]
    return ratio


def falls(
    setting: Setting, names: Sequence[str], class_numbers: Sequence[int], *, terminal: bool
) -> Findings:
    """A pair for each trained network: is every named measure at most `FALL` of its reference?

    The control trains more networks, all with four classes.
    """
    cohorts = dict.fromkeys(class_numbers, MEMBERS)
    if setting.altered:
        cohorts = {4: 2 * MEMBERS}
    outcomes: list[tuple[list[bool], Exclusions]] = []
    notes = []
    for classes, members in cohorts.items():
        run = train(classes, members, setting)
        worst = torch.stack([ratios(run, name, terminal=terminal) for name in names]).amax(dim=0)
        failed = run.diverged | (run.trace["accuracy"][-1] != 1)
        rules = {"training diverged or left a training error": failed}
        outcomes.append(((worst <= FALL).tolist(), rules))
        if not failed.all():
            notes.append(f"{statistics.median(worst[~failed].tolist()):.2g} for C = {classes}")
    note = "median ratio " + ", ".join(notes)
    for effects, excluded in outcomes:
        yield from pairs(effects, note, excluded)


TRAINING = [
    "square loss on centred one-hot targets, SGD with momentum, weight normalisation, penalty"
    " lambda rho^2",
    "bias-free ReLU networks of depth 3 and width 32; Gaussian mixtures (C = 2, 3, 4) and"
    " images, handwritten digits unless others are named (C = 10)",
    "rule of exclusion, fixed beforehand: the training diverges or ends with a training error",
    f"minimal effect: the measure is at most {FALL} of its reference",
]


@claim(
    "neural-collapse-training-nc1",
    title="Within-class variability falls in the terminal phase of training",
    kind="tendency",
    sources=[XU2022.at("Section 5, NC1; Figure 9")],
    statement=r"\mathrm{Tr}(\Sigma_W) \to 0",
    hypotheses=TRAINING,
    control="the samples are grouped by labels dealt out at random",
)
def neural_collapse_training_nc1(setting: Setting) -> Findings:
    """From the first record without training error, where the terminal phase begins, to the end of
    training, the within-class variance of the features falls: both `Tr(Sigma_W)`, as printed, and
    its ratio to `Tr(Sigma_B)`, which does not depend on the scale of the features.

    The start of the terminal phase is the reference because before it the ratio falls for the
    trivial reason that the classes are told apart, while `Tr(Sigma_W)` rises from its value
    at initialisation, where the features of networks with normalised layers are small.
    """
    yield from falls(setting, ["nc1", "nc1-relative"], [2, 3, 4, 10], terminal=True)


@claim(
    "neural-collapse-training-nc2",
    title="Class means approach a simplex in training",
    kind="tendency",
    sources=[XU2022.at("Section 5, NC2; Figure 9")],
    statement=r"\langle \tilde\mu_c, \tilde\mu_{c'} \rangle \to -\frac{1}{C-1},\quad"
    r" \|\mu_c - \mu_G\|_2 - \|\mu_{c'} - \mu_G\|_2 \to 0",
    hypotheses=TRAINING,
    control="the samples are grouped by labels dealt out at random",
)
def neural_collapse_training_nc2(setting: Setting) -> Findings:
    """From initialisation to the end of training, the Gram matrix of the centred class means
    approaches that of a simplex, both divided by their traces.

    The distance is zero exactly when norms and angles are those of NC2. With two classes it is zero
    always, whatever the network: the two centred means are opposite vectors.
    """
    yield from falls(setting, ["nc2"], [3, 4, 10], terminal=False)


@claim(
    "neural-collapse-training-nc3",
    title="Classifier and class means become dual in training",
    kind="tendency",
    sources=[XU2022.at("Section 5, NC3; Figure 9")],
    statement=r"\left\| \frac{W^\top}{\|W\|_F} - \frac{M}{\|M\|_F} \right\| \to 0",
    hypotheses=TRAINING,
    control="the samples are grouped by labels dealt out at random",
)
def neural_collapse_training_nc3(setting: Setting) -> Findings:
    """From initialisation to the end of training, the last weight matrix approaches the matrix of
    centred class means, each divided by its Frobenius norm."""
    yield from falls(setting, ["nc3"], [2, 3, 4, 10], terminal=False)
