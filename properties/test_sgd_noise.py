"""Claims on SGD noise in real training: which runs settle, and which never do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from properties.papers import GALANTI2022
from properties.points import (
    SECTION,
)
from theorycheck.claims import Setting, claim
from theorycheck.datasets import uniform_sphere
from theorycheck.evidence import (
    Findings,
    Pair,
    Rejection,
)
from theorycheck.networks import (
    LINEAR,
    RELU,
    initialise,
    mlp,
)
from theorycheck.sequential import pairs_needed
from theorycheck.training import Cohort, Objective, State, outputs, resolve_device, sgd
from theorycheck.verdicts import TENDENCY

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
    setting: Setting, *weight_decays: float, slope: float = RELU, batch_size: int = 4
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
        epochs=EPOCHS * stretch,
        learning_rate=0.1,
        batch_seeds=setting.seed + torch.arange(members).repeat(arms),
        record_every=stretch,
    )
    values = outputs(network, run.state, cohort.inputs)
    error = (values - cohort.targets).square().mean(dim=(1, 2))
    results = (run.diverged, run.trace["distance"][1:], error, values.square().mean(dim=(1, 2)))
    split = [result.cpu().chunk(arms, dim=-1) for result in results]
    return [Runs(*parts) for parts in zip(*split, strict=True)]


TRAINING = [
    "ReLU networks 16-64-1, 16 inputs on the unit sphere with random labels +-1, square loss",
    "SGD with batches of 4, reshuffled every epoch, constant learning rate 0.1, no momentum",
    "training did not diverge, and the mean squared output is at least 0.01",
]


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
    not vanish is not by itself the noise of SGD.
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
