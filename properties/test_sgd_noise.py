"""Claims on SGD noise in real training: which runs settle, which never do, and why.

A step that does not vanish has two possible causes. One is noise: batches ask for different steps.
The other is kinks: weight decay drives pre-activations to zero, where the gradient jumps, so that
descent with a constant rate steps back and forth, on all samples too. The distance d(W_{t+1}, W_t)
cannot tell them apart. The gradients at fixed weights can: with g_B the gradient on a batch and g
its mean, that on all samples,

    E ||g_B||^2 = E ||g_B - g||^2 + ||g||^2,

where the first term is the noise of sampling, zero for a full batch, and kinks act in the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from properties.papers import GALANTI2022, XU2022
from properties.points import (
    SECTION,
)
from theorycheck.claims.declaration import claim
from theorycheck.claims.evidence import Findings, Pair, Rejection
from theorycheck.claims.sequential import pairs_needed
from theorycheck.claims.setting import Setting
from theorycheck.claims.verdicts import TENDENCY
from theorycheck.data.synthetic import uniform_sphere
from theorycheck.measures.movement import sampling_variance
from theorycheck.networks.evaluation import sample_gradients
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import LINEAR, RELU, mlp
from theorycheck.training.cohorts import Cohort, Objective, State, outputs, resolve_device
from theorycheck.training.trainers import sgd
from theorycheck.training.vector_field import velocity

# Real runs (galanti2022, Section 4.2)

SAMPLES, WIDTH, HIDDEN, EPOCHS, DECAY = 16, 16, 64, 300, 0.03
INTERPOLATING, VANISHED = 1e-6, 0.01
"""Definition: a mean squared residual up to the first, which the hypotheses name, interpolates, and
a mean squared output below the second belongs to a function that went to zero."""
AT_REST = 0.01
"""Definition: the effect claimed, a fall of the distance by two orders of magnitude."""
PAIRS = 24
"""Trained networks of the default profile; never fewer than decide a tendency, and some more."""


@dataclass(frozen=True, eq=False)
class Runs:
    """What became of K trained networks; all but ``distances`` at the end, ``(K,)``."""

    diverged: torch.Tensor
    distances: torch.Tensor
    """d(W_{t+1}, W_t), ``(epochs, K)``."""
    error: torch.Tensor
    """Mean squared residual."""
    size: torch.Tensor
    """Mean squared output."""
    noise: torch.Tensor
    """E ||g_B - g||^2 over the batches of the size trained with."""
    drift: torch.Tensor
    """||g||^2, the gradient of the objective on all samples."""

    def median(self, until: float) -> torch.Tensor:
        """Median distance over the tenth of the epochs that ends at a fraction of the run."""
        end = round(until * len(self.distances))
        return self.distances[end - len(self.distances) // 10 : end].median(dim=0).values

    def excluded(self, member: int, *, interpolating: bool = False) -> Rejection | None:
        """The rule, fixed beforehand, by which a trained network says nothing about a claim."""
        if bool(self.diverged[member]):
            return Rejection("training diverged")
        if float(self.size[member]) < VANISHED:
            return Rejection("the function went to zero")
        if interpolating and float(self.error[member]) > INTERPOLATING:
            return Rejection("training did not interpolate the labels")
        return None


def train(
    setting: Setting,
    *weight_decays: float,
    slope: float = RELU,
    batch_size: int = 4,
    epochs: int = EPOCHS,
) -> list[Runs]:
    """SGD at a constant learning rate on the unit sphere with random labels, no momentum.

    One cohort for each weight decay; cohorts differ in nothing else. A larger batch runs for more
    epochs, and its distances span as many: the numbers of updates are equal.
    """
    needed, arms = pairs_needed(TENDENCY), len(weight_decays)
    members = needed // 2 if setting.altered else max(needed + 1, setting.scaled(PAIRS))
    network, stretch = mlp([WIDTH, HIDDEN, 1], slope), batch_size // 4
    data = [uniform_sphere(SAMPLES, WIDTH, 2, setting.seed + i) for i in range(members)]
    cohort = Cohort(
        network,
        State(tuple(w.repeat(arms, 1, 1) for w in initialise(network, members, seed=setting.seed))),
        torch.from_numpy(np.stack([d.inputs for d in data] * arms)),
        torch.from_numpy(np.stack([d.signs for d in data] * arms)),
        torch.tensor(weight_decays, dtype=torch.float64).repeat_interleave(members),
    ).to(resolve_device(setting.device))
    run = sgd(
        cohort,
        Objective(),
        batch_size=batch_size,
        epochs=epochs * stretch,
        learning_rate=0.1,
        batch_seeds=setting.seed + torch.arange(members).repeat(arms),
        record_every=stretch,
    )
    values = outputs(network, run.state, cohort.inputs)
    error = (values - cohort.targets).square().mean(dim=(1, 2))
    gradients = (
        2 * (values - cohort.targets)[..., None, None] * slopes
        for slopes in sample_gradients(network, run.state.parameters, cohort.inputs)
    )
    noise = torch.stack([sampling_variance(g, batch_size) for g in gradients]).sum(dim=0)
    total = velocity(replace(cohort, state=run.state), Objective()).parameters
    drift = torch.stack([g.square().sum(dim=(1, 2)) for g in total]).sum(dim=0)
    size = values.square().mean(dim=(1, 2))
    results = (run.diverged, run.trace["distance"][1:], error, size, noise, drift)
    split = [result.cpu().chunk(arms, dim=-1) for result in results]
    return [Runs(*parts) for parts in zip(*split, strict=True)]


TRAINING = [
    "ReLU networks 16-64-1, 16 inputs on the unit sphere with random labels +-1, square loss",
    "SGD with batches of 4, reshuffled every epoch, constant learning rate 0.1, no momentum",
    "training did not diverge, and the mean squared output is at least 0.01",
]


UNIQUE_NOISE = r"\text{SGD is ... shown to ... induce asymptotic noise that is unique to it}"


@claim(
    "sgd-keeps-moving-with-decay",
    title="With weight decay, the distance between epochs stays bounded away from zero",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.2, Fig. 1")],
    statement=r"\lambda > 0:\ d(W_{t+1}, W_t) := \frac{1}{|E_T|} \sum_{(p,q) \in E_T}"
    r" \| W^{pq}_{t+1} - W^{pq}_t \| \text{ is lower bounded by a positive constant}",
    hypotheses=[*TRAINING, "lambda = 0.03"],
    control="the same without weight decay",
)
def sgd_keeps_moving_with_decay(setting: Setting) -> Findings:
    """With weight decay, d(W_{t+1}, W_t) does not tend to zero. An effect: its median over the last
    tenth of 300 epochs is at least half of the median before epoch 150.

    The threshold separates noise from drift. Weight decay alone shrinks what the data do not hold
    within 1 / (2 eta lambda) updates, which is 42 epochs here; a movement that is only this drift
    falls by a factor of 30 between the two windows. Batches have to be reshuffled: in a fixed
    order SGD can settle on a cycle, along which no batch has gradient zero while the distance
    between epochs vanishes (f = w x at x = 1, labels +1 and -1 in turn, one sample a batch). The
    paper's "convergence is possible if and only if this quantity tends to zero" needs the random
    order.

    It does not say what keeps the weights moving. Full-batch descent on the same networks does not
    come to rest either (`full-batch-comes-to-rest-relu`); `sgd-noise-is-of-sampling` finds the
    cause.
    """
    (runs,) = train(setting, 0.0 if setting.altered else DECAY)
    ratios = runs.median(1.0) / runs.median(0.5)
    for member, ratio in enumerate(ratios.tolist()):
        rejection = runs.excluded(member)
        yield rejection or Pair(
            ratio >= 0.5,
            f"d at the end / d half-way: from {ratios.min():.2g} to {ratios.max():.2g}",
        )


@claim(
    "sgd-settles-without-decay",
    title="Without weight decay, interpolating networks come to rest",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.2, Fig. 1"), GALANTI2022.at(f"{SECTION}, end")],
    statement=r"\lambda = 0, \text{ square loss, } f_W(x_i) = y_i \ \forall i:\ "
    r"d(W_{t+1}, W_t) \to 0",
    hypotheses=[*TRAINING, "lambda = 0", "the mean squared residual at the end is at most 1e-6"],
    control="the same with weight decay, lambda = 0.03, of networks that need not interpolate",
)
def sgd_settles_without_decay(setting: Setting) -> Findings:
    """Without weight decay, SGD with the square loss converges to a network that interpolates, so
    that all batches have gradient zero. An effect: d(W_{t+1}, W_t) falls by at least two orders of
    magnitude from the first tenth of the epochs to the last.
    """
    (runs,) = train(setting, DECAY if setting.altered else 0.0)
    ratios = runs.median(1.0) / runs.median(0.1)
    for member, ratio in enumerate(ratios.tolist()):
        rejection = runs.excluded(member, interpolating=not setting.altered)
        yield rejection or Pair(
            ratio <= AT_REST,
            f"d at the end / d at the start: from {ratios.min():.2g} to {ratios.max():.2g}",
        )


@claim(
    "sgd-moves-more-with-decay",
    title="The distance between epochs is 100 times larger with weight decay than without",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.2, Fig. 1")],
    statement=r"d(W_{t+1}, W_t) \text{ is smaller by orders of magnitude when using } \lambda = 0"
    r" \text{ in comparison to using } \lambda > 0",
    hypotheses=[*TRAINING, "pairs with lambda = 0.03 and lambda = 0, all else equal"],
    control="the other way round",
)
def sgd_moves_more_with_decay(setting: Setting) -> Findings:
    """Pairs of runs with the same data, initial weights and batches, with weight decay and without.
    An effect: at the end of training, d(W_{t+1}, W_t) is at least 100 times larger with it.
    """
    with_decay, without = train(setting, DECAY, 0.0)
    ratios = with_decay.median(1.0) / without.median(1.0)
    for member, ratio in enumerate(ratios.tolist()):
        rejection = with_decay.excluded(member) or without.excluded(member)
        yield rejection or Pair(
            (1 / ratio if setting.altered else ratio) >= 100,
            f"d with decay / d without: from {ratios.min():.2g} to {ratios.max():.2g}",
        )


@claim(
    "sgd-noise-needs-small-batches",
    title="With weight decay, full-batch descent comes to rest where SGD does not",
    kind="tendency",
    sources=[GALANTI2022.at(f"{SECTION}, last paragraph")],
    statement=r"\text{the solutions of SGD ... will, in general, look different from the solutions}"
    r"\text{ of GD}",
    hypotheses=[
        "linear networks 16-64-1, data and training as in `sgd-keeps-moving-with-decay`",
        "pairs with batches of 4 and of all 16 samples, with the same number of updates",
        "lambda = 0.03",
    ],
    control="the other way round",
)
def sgd_noise_needs_small_batches(setting: Setting) -> Findings:
    """Pairs of runs with the same data, initial weights and number of updates, on mini-batches and
    on all samples. An effect: after training, four updates of SGD move the weights at least 10
    times as far as four updates of gradient descent.

    The networks are linear on purpose. With ReLU, weight decay drives pre-activations onto kinks,
    and full-batch descent chatters there with steps that fall slowly if at all; a step that does
    not vanish is not by itself the noise of SGD (`full-batch-comes-to-rest-relu`).
    """
    (small,) = train(setting, DECAY, slope=LINEAR)
    (full,) = train(setting, DECAY, slope=LINEAR, batch_size=SAMPLES)
    ratios = small.median(1.0) / full.median(1.0)
    for member, ratio in enumerate(ratios.tolist()):
        rejection = small.excluded(member) or full.excluded(member)
        yield rejection or Pair(
            (1 / ratio if setting.altered else ratio) >= 10,
            f"d of SGD / d of full-batch descent: from {ratios.min():.2g} to {ratios.max():.2g}",
        )


# Full batch: what must come to rest, and what does not


REST = [
    "data, widths and learning rate as in `sgd-keeps-moving-with-decay`, lambda = 0.03",
    "full-batch gradient descent; d over four updates, as many as an epoch of SGD has",
    TRAINING[-1],
]


def comes_to_rest(setting: Setting, slope: float) -> Findings:
    """Does d(W_{t+1}, W_t) of full-batch descent (of SGD, in the control) fall tenfold from before
    the middle of the run to its end?"""
    batch_size = 4 if setting.altered else SAMPLES
    (runs,) = train(setting, DECAY, slope=slope, batch_size=batch_size)
    ratios = runs.median(1.0) / runs.median(0.5)
    for member, ratio in enumerate(ratios.tolist()):
        rejection = runs.excluded(member)
        yield rejection or Pair(
            ratio <= 0.1,
            f"d at the end / d half-way: from {ratios.min():.2g} to {ratios.max():.2g}",
        )


@claim(
    "full-batch-comes-to-rest",
    title="With weight decay, full-batch descent on linear networks comes to rest",
    kind="tendency",
    sources=[XU2022.at("Section 3.1"), GALANTI2022.at("Section 4.2")],
    statement=UNIQUE_NOISE,
    hypotheses=["linear networks 16-64-1", *REST],
    control="the same with batches of 4",
)
def full_batch_comes_to_rest(setting: Setting) -> Findings:
    """Noise that is unique to SGD must be absent from full-batch descent: there d(W_{t+1}, W_t)
    tends to zero. An effect: its median over the last tenth of the run is at most a tenth of the
    median before the middle.

    What is left of the movement is the drift of `sgd-keeps-moving-with-decay`, which falls by a
    factor of 30 between the two windows.
    """
    yield from comes_to_rest(setting, LINEAR)


@claim(
    "full-batch-comes-to-rest-relu",
    title="With weight decay, full-batch descent on ReLU networks comes to rest",
    kind="tendency",
    sources=[XU2022.at("Section 3.1"), GALANTI2022.at("Section 4.2")],
    statement=UNIQUE_NOISE,
    hypotheses=["ReLU networks 16-64-1", *REST],
    control="the same with batches of 4",
)
def full_batch_comes_to_rest_relu(setting: Setting) -> Findings:
    """The claim `full-batch-comes-to-rest` for ReLU networks."""
    yield from comes_to_rest(setting, RELU)


# Sampling: the part of a step that kinks cannot explain


@claim(
    "sgd-noise-is-of-sampling",
    title="With weight decay, SGD on ReLU networks moves because batches disagree",
    kind="tendency",
    sources=[GALANTI2022.at(f"{SECTION}, Eq. 7-9"), XU2022.at("Section 6.2")],
    statement=r"\lambda > 0:\ \mathbb{E}_B \| \nabla L_B^\lambda(W) - \nabla L_S^\lambda(W) \|^2"
    r" \gg \| \nabla L_S^\lambda(W) \|^2",
    hypotheses=[
        *TRAINING,
        "lambda = 0.03",
        "pairs with batches of 4 and of all 16 samples, 600 updates each",
    ],
    control="the gradient on all samples at SGD's weights in the place of the sampling noise",
)
def sgd_noise_is_of_sampling(setting: Setting) -> Findings:
    """At the weights where SGD ends, the variance of the gradient over batches of 4 is at least 4
    times the squared gradient on all samples, there and where full-batch descent ends.

    The latter two are what kinks and drift contribute to an update, of SGD and of full-batch
    descent. So the update of SGD is at least twice as long as either explains, by the choice of
    the batch alone. In the paper: a convergence point of SGD needs equal gradients on all batches
    (Eq. 7), which is impossible with weight decay.
    """
    (small,) = train(setting, DECAY, epochs=EPOCHS // 2)
    (full,) = train(setting, DECAY, epochs=EPOCHS // 2, batch_size=SAMPLES)
    kinks = torch.maximum(small.drift, full.drift)
    ratios = (small.drift if setting.altered else small.noise) / kinks
    for member, ratio in enumerate(ratios.tolist()):
        rejection = small.excluded(member) or full.excluded(member)
        yield rejection or Pair(
            ratio >= 4,
            f"sampling noise / squared gradient: from {ratios.min():.2g} to {ratios.max():.2g}",
        )


@claim(
    "sgd-noise-needs-decay",
    title="Without weight decay, batches agree where SGD ends",
    kind="tendency",
    sources=[XU2022.at("Section 6.2"), GALANTI2022.at(f"{SECTION}, Eq. 7-9")],
    statement=r"\text{When } \lambda = 0, \text{ interpolation of all data points is expected ...}"
    r"\text{ SGD noise is expected to essentially disappear}",
    hypotheses=[*TRAINING, "pairs with lambda = 0.03 and lambda = 0, all else equal, 150 epochs"],
    control="the other way round",
)
def sgd_noise_needs_decay(setting: Setting) -> Findings:
    """Pairs of runs with the same data, initial weights and batches, with weight decay and without.
    An effect: where training ends, the variance of the gradient over batches is at least 10^4
    times larger with it.

    This is `sgd-moves-more-with-decay`, whose factor 100 is squared here, for a quantity taken at
    fixed weights: no step across a kink enters.
    """
    with_decay, without = train(setting, DECAY, 0.0, epochs=EPOCHS // 2)
    ratios = with_decay.noise / without.noise
    for member, ratio in enumerate(ratios.tolist()):
        rejection = with_decay.excluded(member) or without.excluded(member)
        yield rejection or Pair(
            (1 / ratio if setting.altered else ratio) >= 1e4,
            f"noise with decay / without: from {ratios.min():.2g} to {ratios.max():.2g}",
        )
