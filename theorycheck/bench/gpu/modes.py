"""What is trained: every way to train, and the small cohorts on which both devices are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

import torch

from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    mlp,
)
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Loss, Objective, Parametrisation, parametrise
from theorycheck.training.engines import Engine
from theorycheck.training.recording import Measures, Run
from theorycheck.training.trainers import gradient_flow, sgd

Trainer = Literal["gradient descent", "SGD", "SGD with momentum"]
Kind = Literal[
    "dense", "convolutional", "residual", "batch", "batch-detached", "convolutional batch"
]

DTYPES = (torch.float32, torch.float64)
MEMBERS, SAMPLES, BATCH_SIZE, EPOCHS = 5, 16, 8, 4
MOMENTUM, DECAY = 0.5, 2.0**-4
"""Powers of two, as the learning rates: they are the same numbers in every dtype."""
SEED = 7
"""One with which no unit comes so close to its kink that rounding decides on which side it is."""


KINDS: tuple[Kind, ...] = ("dense", "convolutional", "residual")
LOSSES: tuple[Loss, ...] = get_args(Loss)
PARAMETRISATIONS: tuple[Parametrisation, ...] = get_args(Parametrisation)
TRAINERS: tuple[Trainer, ...] = get_args(Trainer)
NORMALISED: tuple[Kind, ...] = ("batch", "batch-detached", "convolutional batch")


def network(kind: Kind, outputs: int, slope: float) -> Network:
    """A small network whose hidden layers have a slope."""
    if kind == "convolutional":
        first, second = Convolution(2, 4, 4, 3, (2, 2)), Convolution(3, 3, 3, 4, (2, 2))
        return Network(
            first.source_width,
            (
                Layer(first.target_width, (Edge(0, first),), slope),
                Layer(second.target_width, (Edge(1, second),), slope),
                Layer(outputs, (Edge(2),), LINEAR),
            ),
        )
    if kind == "convolutional batch":
        only = Convolution(2, 3, 3, 3, (2, 2))
        hidden = Layer(only.target_width, (Edge(0, only),), slope, "batch", bias=True)
        return Network(only.source_width, (hidden, Layer(outputs, (Edge(1),), LINEAR)))
    if kind == "residual":
        return Network(
            6,
            (
                Layer(5, (Edge(0),), slope),
                Layer(5, (Edge(1), Edge(1, Identity())), slope),
                Layer(outputs, (Edge(2), Edge(0)), LINEAR),
            ),
        )
    if kind == "dense":
        return mlp((6, 7, 5, outputs), slope)
    return mlp((6, 7, outputs), slope, normalisation=kind, bias=True)


@dataclass(frozen=True)
class Mode:
    """One way to train one kind of network."""

    kind: Kind
    loss: Loss
    parametrisation: Parametrisation
    trainer: Trainer

    def __str__(self) -> str:
        return ", ".join((self.kind, self.loss, self.parametrisation, self.trainer))

    @property
    def objective(self) -> Objective:
        return Objective(self.loss, "mean", "weights" if self.parametrisation == "plain" else "rho")

    @property
    def batch_size(self) -> int:
        return SAMPLES if self.trainer == "gradient descent" else BATCH_SIZE

    @property
    def learning_rate(self) -> float:
        """Smaller under batch normalisation, where bounds grow faster."""
        return 2.0**-12 if self.kind in NORMALISED else 2.0**-7

    @property
    def momentum(self) -> float:
        return MOMENTUM if self.trainer == "SGD with momentum" else 0.0

    @property
    def batches(self) -> Batches:
        return Batches(torch.arange(MEMBERS), SAMPLES, self.batch_size)

    def cohort(self, dtype: torch.dtype, slope: float = RELU) -> Cohort:
        """Random members on the CPU, with the same numbers in every dtype.

        Args:
            slope: of the hidden layers.
        """
        outputs = 1 if self.loss == "exponential" else 3
        shape = network(self.kind, outputs, slope)
        generator = torch.Generator().manual_seed(SEED)
        width = shape.input_width + outputs
        data = torch.randn(MEMBERS, SAMPLES, width, generator=generator) / 2
        inputs, noise = data[..., outputs:], data[..., :outputs]
        targets = {
            "square": noise,
            "cross_entropy": torch.nn.functional.one_hot(noise.argmax(-1), outputs),
            "exponential": noise.sign(),
        }[self.loss]
        weights = initialise(shape, MEMBERS, seed=SEED, dtype=torch.float32)
        state = parametrise(shape, weights, self.parametrisation)
        if state.rho is not None:
            state = replace(state, rho=torch.full_like(state.rho, 1.0))
        decay = torch.full((MEMBERS,), DECAY)
        return Cohort(shape, state, inputs, targets.to(inputs), decay).to(dtype=dtype)


def _modes() -> Iterator[Mode]:
    for choice in product(KINDS, LOSSES, PARAMETRISATIONS, TRAINERS):
        yield Mode(*choice)
    for kind, loss, trainer in product(NORMALISED, LOSSES, TRAINERS):
        yield Mode(kind, loss, "plain", trainer)


MODES = tuple(_modes())
SOME = tuple(mode for mode in MODES if mode.trainer == "SGD with momentum")
"""Every network, loss and parametrisation once."""


ALL = slice(0, MEMBERS)


def descend(
    mode: Mode,
    cohort: Cohort,
    engine: Engine = "stacked",
    members: slice = ALL,
    epochs: int = EPOCHS,
    keep: Sequence[int] = (),
    measures: Measures | None = None,
) -> Run:
    """Train a cohort, or some of its members, in a mode, where it lies."""
    return sgd(
        cohort.part(members),
        mode.objective,
        batch_size=mode.batch_size,
        epochs=epochs,
        learning_rate=mode.learning_rate,
        momentum=mode.momentum,
        batch_seeds=mode.batches.of(members).seeds,
        keep=keep,
        measures=measures,
        engine=engine,
    )


HORIZON, MOST_STEPS = 0.25, 1000
"""Where a flow ends; and how many steps it may try, so that a broken engine comes to an end."""


def flow(mode: Mode, cohort: Cohort, tolerance: float, engine: Engine = "stacked") -> Run:
    """Follow the gradient flow of a cohort in a mode, whatever its trainer.

    Args:
        tolerance: of every step, relative; the absolute one is a hundredth of it.
    """
    return gradient_flow(
        cohort,
        mode.objective,
        horizon=HORIZON,
        relative_tolerance=tolerance,
        absolute_tolerance=tolerance / 100,
        max_steps=MOST_STEPS,
        engine=engine,
    )
