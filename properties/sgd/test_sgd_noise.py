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

from dataclasses import dataclass

import torch
from torch import Tensor

from properties.papers import GALANTI2022, XU2022
from theorycheck import (
    LINEAR,
    RELU,
    Findings,
    Objective,
    Setting,
    State,
    claim,
    initialise,
    mlp,
    sample_gradients,
    uniform_sphere,
)
from theorycheck.claims import TENDENCY, Exclusions, pairs, pairs_needed
from theorycheck.measures import sampling_variance
from theorycheck.training import Experiment, Recipe, Trained, outputs, resolve_device, velocity

# Real runs (galanti2022, Section 4.2)

SAMPLES, WIDTH, HIDDEN, EPOCHS, WEIGHT_DECAY = 16, 16, 64, 300, 0.03
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

    diverged: Tensor
    distances: Tensor
    """d(W_{t+1}, W_t), ``(epochs, K)``."""
    error: Tensor
    """Mean squared residual."""
    size: Tensor
    """Mean squared output."""
    noise: Tensor
    """E ||g_B - g||^2 over the batches of the size trained with."""
    drift: Tensor
    """||g||^2, the gradient of the objective on all samples."""

    @classmethod
    def of(cls, trained: Trained, batch_size: int) -> Runs:
        cohort = trained.cohort
        values = outputs(cohort.network, cohort.state, cohort.inputs)
        residuals = values - cohort.targets
        gradients = (
            2 * residuals[..., None, None] * slopes
            for slopes in sample_gradients(cohort.network, cohort.state.parameters, cohort.inputs)
        )
        noise = torch.stack([sampling_variance(g, batch_size) for g in gradients]).sum(dim=0)
        total = velocity(cohort, Objective()).parameters
        drift = torch.stack([g.square().sum(dim=(1, 2)) for g in total]).sum(dim=0)
        error, size = (v.square().mean(dim=(1, 2)) for v in (residuals, values))
        distances = trained.run.trace["distance"][1:]
        results = (trained.run.diverged, distances, error, size, noise, drift)
        return cls(*(result.cpu() for result in results))

    def median(self, until: float) -> Tensor:
        """Median distance over the tenth of the epochs that ends at a fraction of the run."""
        end = round(until * len(self.distances))
        return self.distances[end - len(self.distances) // 10 : end].median(dim=0).values

    @property
    def excluded(self) -> Exclusions:
        return {
            "training diverged": self.diverged,
            "the function went to zero": self.size < VANISHED,
        }

    @property
    def excluded_unless_interpolating(self) -> Exclusions:
        missed = self.error > INTERPOLATING
        return {**self.excluded, "training did not interpolate the labels": missed}


def train(
    setting: Setting,
    *weight_decays: float,
    slope: float = RELU,
    batch_size: int = 4,
    epochs: int = EPOCHS,
) -> list[Runs]:
    """SGD at a constant learning rate on the unit sphere with random labels, no momentum.

    The runs of different weight decays differ in nothing else. A larger batch runs for more epochs,
    and its distances span as many: the numbers of updates are equal.
    """
    needed, stretch = pairs_needed(TENDENCY), batch_size // 4
    members = needed // 2 if setting.altered else max(needed + 1, setting.scaled(PAIRS))
    network = mlp([WIDTH, HIDDEN, 1], slope)
    experiment = Experiment.on(
        [uniform_sphere(SAMPLES, WIDTH, 2, setting.seed + i) for i in range(members)],
        "signs",
        network,
        State(initialise(network, members, seed=setting.seed)),
        setting.seed + torch.arange(members),
    )
    trained = experiment.train(
        *(Recipe(batch_size, epochs * stretch, 0.1, decay) for decay in weight_decays),
        device=resolve_device(setting.device),
        record_every=stretch,
    )
    return [Runs.of(one, batch_size) for one in trained]


def ratio_pairs(effects: Tensor, what: str, ratios: Tensor, *exclusions: Exclusions) -> Findings:
    """A pair for each member, with the range of the ratios that the effects are about."""
    note = f"{what}: from {ratios.min():.2g} to {ratios.max():.2g}"
    return pairs(effects.tolist(), note, *exclusions)


TRAINING = [
    "ReLU networks 16-64-1, 16 inputs on the unit sphere with random labels +-1, square loss",
    "SGD with batches of 4, reshuffled every epoch, constant learning rate 0.1, no momentum",
    "training did not diverge, and the mean squared output is at least 0.01",
]

UNIQUE_NOISE = r"\text{SGD is ... shown to ... induce asymptotic noise that is unique to it}"


@claim(
    "sgd-noise-keeps-moving-with-decay",
    title="With weight decay, the distance between epochs stays bounded away from zero",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.2, Fig. 1")],
    statement=r"\lambda > 0:\ d(W_{t+1}, W_t) := \frac{1}{|E_T|} \sum_{(p,q) \in E_T}"
    r" \| W^{pq}_{t+1} - W^{pq}_t \| \text{ is lower bounded by a positive constant}",
    hypotheses=[*TRAINING, "lambda = 0.03"],
    control="the same without weight decay",
)
def sgd_noise_keeps_moving_with_decay(setting: Setting) -> Findings:
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
    come to rest either (`sgd-noise-full-batch-comes-to-rest-relu`); `sgd-noise-is-of-sampling`
    finds the cause.
    """
    (runs,) = train(setting, 0.0 if setting.altered else WEIGHT_DECAY)
    ratios = runs.median(1.0) / runs.median(0.5)
    yield from ratio_pairs(ratios >= 0.5, "d at the end / d half-way", ratios, runs.excluded)


@claim(
    "sgd-noise-settles-without-decay",
    title="Without weight decay, interpolating networks come to rest",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.2, Fig. 1"), GALANTI2022.at("Section 3.1, end")],
    statement=r"\lambda = 0, \text{ square loss, } f_W(x_i) = y_i \ \forall i:\ "
    r"d(W_{t+1}, W_t) \to 0",
    hypotheses=[*TRAINING, "lambda = 0", "the mean squared residual at the end is at most 1e-6"],
    control="the same with weight decay, lambda = 0.03, of networks that need not interpolate",
)
def sgd_noise_settles_without_decay(setting: Setting) -> Findings:
    """Without weight decay, SGD with the square loss converges to a network that interpolates, so
    that all batches have gradient zero. An effect: d(W_{t+1}, W_t) falls by at least two orders of
    magnitude from the first tenth of the epochs to the last.
    """
    (runs,) = train(setting, WEIGHT_DECAY if setting.altered else 0.0)
    ratios = runs.median(1.0) / runs.median(0.1)
    excluded = runs.excluded if setting.altered else runs.excluded_unless_interpolating
    yield from ratio_pairs(ratios <= AT_REST, "d at the end / d at the start", ratios, excluded)


@claim(
    "sgd-noise-moves-more-with-decay",
    title="The distance between epochs is 100 times larger with weight decay than without",
    kind="tendency",
    sources=[GALANTI2022.at("Section 4.2, Fig. 1")],
    statement=r"d(W_{t+1}, W_t) \text{ is smaller by orders of magnitude when using } \lambda = 0"
    r" \text{ in comparison to using } \lambda > 0",
    hypotheses=[*TRAINING, "pairs with lambda = 0.03 and lambda = 0, all else equal"],
    control="the other way round",
)
def sgd_noise_moves_more_with_decay(setting: Setting) -> Findings:
    """Pairs of runs with the same data, initial weights and batches, with weight decay and without.
    An effect: at the end of training, d(W_{t+1}, W_t) is at least 100 times larger with it.
    """
    with_decay, without = train(setting, WEIGHT_DECAY, 0.0)
    ratios = with_decay.median(1.0) / without.median(1.0)
    effects = (1 / ratios if setting.altered else ratios) >= 100
    excluded = with_decay.excluded, without.excluded
    yield from ratio_pairs(effects, "d with decay / d without", ratios, *excluded)


@claim(
    "sgd-noise-needs-small-batches",
    title="With weight decay, full-batch descent comes to rest where SGD does not",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.1, last paragraph")],
    statement=r"\text{the solutions of SGD ... will, in general, look different from the solutions}"
    r"\text{ of GD}",
    hypotheses=[
        "linear networks 16-64-1, data and training as in `sgd-noise-keeps-moving-with-decay`",
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
    not vanish is not by itself the noise of SGD (`sgd-noise-full-batch-comes-to-rest-relu`).
    """
    (small,) = train(setting, WEIGHT_DECAY, slope=LINEAR)
    (full,) = train(setting, WEIGHT_DECAY, slope=LINEAR, batch_size=SAMPLES)
    ratios = small.median(1.0) / full.median(1.0)
    effects = (1 / ratios if setting.altered else ratios) >= 10
    excluded = small.excluded, full.excluded
    yield from ratio_pairs(effects, "d of SGD / d of full-batch descent", ratios, *excluded)


# Full batch: what must come to rest, and what does not


REST = [
    "data, widths and learning rate as in `sgd-noise-keeps-moving-with-decay`, lambda = 0.03",
    "full-batch gradient descent; d over four updates, as many as an epoch of SGD has",
    TRAINING[-1],
]


def comes_to_rest(setting: Setting, slope: float) -> Findings:
    """Does d(W_{t+1}, W_t) of full-batch descent (of SGD, in the control) fall tenfold from before
    the middle of the run to its end?"""
    batch_size = 4 if setting.altered else SAMPLES
    (runs,) = train(setting, WEIGHT_DECAY, slope=slope, batch_size=batch_size)
    ratios = runs.median(1.0) / runs.median(0.5)
    yield from ratio_pairs(ratios <= 0.1, "d at the end / d half-way", ratios, runs.excluded)


@claim(
    "sgd-noise-full-batch-comes-to-rest",
    title="With weight decay, full-batch descent on linear networks comes to rest",
    kind="tendency",
    sources=[XU2022.at("Section 3.1"), GALANTI2022.at("Section 4.2")],
    statement=UNIQUE_NOISE,
    hypotheses=["linear networks 16-64-1", *REST],
    control="the same with batches of 4",
)
def sgd_noise_full_batch_comes_to_rest(setting: Setting) -> Findings:
    """Noise that is unique to SGD must be absent from full-batch descent: there d(W_{t+1}, W_t)
    tends to zero. An effect: its median over the last tenth of the run is at most a tenth of the
    median before the middle.

    What is left of the movement is the drift of `sgd-noise-keeps-moving-with-decay`, which falls by
    a factor of 30 between the two windows.
    """
    yield from comes_to_rest(setting, LINEAR)


@claim(
    "sgd-noise-full-batch-comes-to-rest-relu",
    title="With weight decay, full-batch descent on ReLU networks comes to rest",
    kind="tendency",
    sources=[XU2022.at("Section 3.1"), GALANTI2022.at("Section 4.2")],
    statement=UNIQUE_NOISE,
    hypotheses=["ReLU networks 16-64-1", *REST],
    control="the same with batches of 4",
)
def sgd_noise_full_batch_comes_to_rest_relu(setting: Setting) -> Findings:
    """The claim `sgd-noise-full-batch-comes-to-rest` for ReLU networks."""
    yield from comes_to_rest(setting, RELU)


# Sampling: the part of a step that kinks cannot explain


@claim(
    "sgd-noise-is-of-sampling",
    title="With weight decay, SGD on ReLU networks moves because batches disagree",
    kind="tendency",
    sources=[GALANTI2022.at("Section 3.1, Eq. 7-9"), XU2022.at("Section 6.2")],
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
    (small,) = train(setting, WEIGHT_DECAY, epochs=EPOCHS // 2)
    (full,) = train(setting, WEIGHT_DECAY, epochs=EPOCHS // 2, batch_size=SAMPLES)
    kinks = torch.maximum(small.drift, full.drift)
    ratios = (small.drift if setting.altered else small.noise) / kinks
    excluded = small.excluded, full.excluded
    yield from ratio_pairs(ratios >= 4, "sampling noise / squared gradient", ratios, *excluded)


@claim(
    "sgd-noise-needs-decay",
    title="Without weight decay, batches agree where SGD ends",
    kind="tendency",
    sources=[XU2022.at("Section 6.2"), GALANTI2022.at("Section 3.1, Eq. 7-9")],
    statement=r"\text{When } \lambda = 0, \text{ interpolation of all data points is expected ...}"
    r"\text{ SGD noise is expected to essentially disappear}",
    hypotheses=[*TRAINING, "pairs with lambda = 0.03 and lambda = 0, all else equal, 150 epochs"],
    control="the other way round",
)
def sgd_noise_needs_decay(setting: Setting) -> Findings:
    """Pairs of runs with the same data, initial weights and batches, with weight decay and without.
    An effect: where training ends, the variance of the gradient over batches is at least 10^4
    times larger with it.

    This is `sgd-noise-moves-more-with-decay`, whose factor 100 is squared here, for a quantity
    taken at fixed weights: no step across a kink enters.
    """
    with_decay, without = train(setting, WEIGHT_DECAY, 0.0, epochs=EPOCHS // 2)
    ratios = with_decay.noise / without.noise
    effects = (1 / ratios if setting.altered else ratios) >= 1e4
    excluded = with_decay.excluded, without.excluded
    yield from ratio_pairs(effects, "noise with decay / without", ratios, *excluded)
