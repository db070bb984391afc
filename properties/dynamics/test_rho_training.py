"""Where training takes rho, from small and from large initial values: xu2022, Section 3.5."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

import theorycheck as tc
from properties.dynamics.normalised import started
from properties.papers import XU2022
from theorycheck.measures import margin_statistics, margins
from theorycheck.training import outputs

SMALL_RHO, LARGE_RHO = 0.5, 8.0
"""Initial values; with weight decay these networks come to rest between 3 and 7."""
PLAIN = tc.Recipe(batch_size=16, epochs=1000, learning_rate=0.05, weight_decay=0.0)
DECAYING = replace(PLAIN, weight_decay=0.01)
LONG = 5000
"""Steps of trainings in which rho is to come near its rest."""

Start = Callable[[tc.Setting, Sequence[int]], tc.Experiment]


def networks(*rhos: float) -> Start:
    """ReLU networks 8-16-1 under Lagrange multipliers, for each seed one from each initial rho.

    Those of one seed share data and V.
    """

    def start(setting: tc.Setting, seeds: Sequence[int]) -> tc.Experiment:
        data = [tc.gaussian_mixture(8, 8, 2, seed, spread=0.3).in_ball() for seed in seeds]
        network, count = tc.mlp([8, 16, 1]), len(rhos)
        inputs, signs = (np.stack([getattr(d, name) for d in data]) for name in ("inputs", "signs"))
        return tc.Experiment(
            network,
            started(network, seeds, rhos, "lagrange"),
            torch.tensor(np.concatenate([inputs] * count), dtype=torch.float32),
            torch.tensor(np.concatenate([signs] * count), dtype=torch.float32),
            torch.tensor(list(seeds) * count),
            tc.Objective("square", "mean", "rho"),
        )

    return start


def excluded(trained: tc.Trained) -> tc.Exclusions:
    return {"training diverged": trained.run.diverged, "rho is not positive": trained.rho <= 0}


either = tc.either_half(excluded)

DATA = "Gaussian mixtures, two classes"


def descent(steps: int) -> str:
    return f"full-batch descent with eta = 0.05 for {steps} steps"


TRAINING = [
    "ReLU networks 8-16-1 under Lagrange multipliers, square loss, penalty lambda rho^2",
    "two Gaussian classes of 8 samples in the unit ball",
    descent(1000),
    "rule of exclusion, fixed beforehand: training diverges or rho ends below 0",
]
MINI_BATCHES_OF_8 = "SGD with batches of 8, eta = 0.05, 1000 epochs"
BOTH = "initial rho 0.5 and 8 on the same data with the same V"
EACH = "a pair is one training, by two of its numbers"
TWO_STARTS = {DATA: tc.Population(networks(SMALL_RHO, LARGE_RHO))}
SAME_STARTS = {DATA: tc.Population(networks(SMALL_RHO, SMALL_RHO))}

REMEMBERS = tc.Comparison(
    "without weight decay rho ends higher from 8 than from 0.5",
    TWO_STARTS,
    (PLAIN,),
    lambda trained: trained.rho.chunk(2)[::-1],
    ">",
    "rho (from 8) / rho (from 0.5)",
    either,
)

rho_training_scale = tc.experiment_claim(
    "rho-training-scale",
    title="Without weight decay, rho after 1000 steps depends on the initial one",
    sources=[
        XU2022.at("Section 1: margins depend on the scale of initialisation"),
        XU2022.at("Section 3.5: large rho stays near its initial value"),
    ],
    printed=r"\text{obtaining large margin interpolating solutions depends on the scale of}"
    r"\text{ initialization of the weights close to zero, in the absence of regularization}",
    given=[*TRAINING, "lambda = 0", BOTH],
    compares=REMEMBERS,
    control=replace(REMEMBERS, words="both start from 0.5", on=SAME_STARTS),
    rests_on=["initial-direction-least-rho-printed", "last-layer-any-rho-printed"],
    why="From 8 rho has hardly moved after 1000 steps, with margins of about 1/8; from 0.5 it has"
    " reached less, and grows on slowly. The same function class, the same data. Where rho ends,"
    " for linear classifiers: `rho-course-limit`.",
)


rho_training_decay = tc.experiment_claim(
    "rho-training-decay",
    title="Weight decay biases training to small rho",
    sources=[
        XU2022.at("Section 3.5: weight decay biases to small rho"),
        XU2022.at("Section 3.3: weight decay pulls to the minimum rho"),
        XU2022.at("Figure 2: weight decay biases to small rho, Figure 3"),
    ],
    printed=r"\lambda > 0 \text{ makes the process more robust and bias it towards small } \rho",
    given=[*TRAINING[:2], MINI_BATCHES_OF_8, TRAINING[3], "lambda = 0.01 and 0, from rho = 0.5"],
    compares=tc.Comparison(
        "rho ends lower with lambda = 0.01 than with 0",
        {DATA: tc.Population(networks(SMALL_RHO))},
        (replace(DECAYING, batch_size=8), replace(PLAIN, batch_size=8)),
        tc.between(lambda trained: trained.rho),
        "<",
        "rho (with decay) / rho (without)",
        excluded,
    ),
    why="At rest `rho = mu / (M + lambda)`, and the gap to interpolation is larger.",
)


def falls(trained: tc.Trained) -> tuple[Tensor, Tensor]:
    """The largest quotient of the largest rho so far and the recorded one, and 1."""
    trace = trained.run.trace["rho"]
    largest = (trace.cummax(dim=0).values / trace).amax(dim=0)
    return largest, torch.ones_like(largest)


FALLS = tc.Comparison(
    "some recorded rho is above a later one",
    {DATA: tc.Population(networks(SMALL_RHO), {"rho": lambda *at: at[1].rho}, 100)},
    (replace(PLAIN, epochs=LONG, weight_decay=0.001),),
    falls,
    ">",
    "largest rho so far / recorded rho, at its largest",
    excluded,
    followed=tc.Followed(("rho",), lambda trained: [trained.rho]),
)

rho_training_overshoots = tc.experiment_claim(
    "rho-training-overshoots",
    title="From small initial values rho grows non-monotonically",
    sources=[XU2022.at("Section 1: rho grows non-monotonically")],
    printed=r"\rho \ldots \text{ grows non-monotonically until a large margin, that is small } \rho"
    r" \text{ solution is found}",
    given=[
        *TRAINING[:2],
        descent(LONG),
        TRAINING[3],
        f"lambda = 0.001, initial rho 0.5, recorded every {LONG // 100} steps",
        EACH,
        "the positive control has lambda = 0.01 and starts from 8",
    ],
    compares=FALLS,
    control=replace(FALLS, words="without weight decay", recipes=(replace(PLAIN, epochs=LONG),)),
    positive=replace(
        FALLS,
        words="with lambda = 0.01 from rho = 8, above where it comes to rest",
        on={DATA: tc.Population(networks(LARGE_RHO), {"rho": lambda *at: at[1].rho}, 100)},
        recipes=(replace(DECAYING, epochs=LONG),),
    ),
    rests_on=["initial-direction-least-rho-printed"],
    why="Section 3.5 says that rho may grow so (`initial-direction-overshoots`), then, as Section"
    " 1, that it does. In these trainings, full-batch descent with small steps as a model of the"
    " flow up to time 250, rho grows from each recorded value to the next, up to near its rest; in"
    " one of 24 it falls on the way, by 1 %. Mini-batches, or large steps, make any quantity"
    " fluctuate.",
)


def moved(trained: tc.Trained) -> Tensor:
    """How far V ends from where it started."""
    pairs = zip(trained.cohort.state.parameters, trained.start.parameters, strict=True)
    return torch.stack([(a - b).square().sum(dim=(1, 2)) for a, b in pairs]).sum(dim=0).sqrt()


MOVES_LESS = tc.Comparison(
    "V ends nearer to its start from rho = 8 than from 0.5",
    {DATA: tc.Population(networks(LARGE_RHO, SMALL_RHO))},
    (PLAIN,),
    tc.halves(moved),
    "<",
    "distance (rho from 8) / distance (rho from 0.5)",
    either,
)

rho_training_moves_less = tc.experiment_claim(
    "rho-training-moves-less",
    title="Without weight decay, V moves less from a large initial rho",
    sources=[XU2022.at("Section 3.5: neural tangent kernel")],
    printed=r"\text{These large } \rho \text{, small } \bar f_n \text{ solutions are reminiscent}"
    r" \text{ of the ... NTK solutions, where the parameters do not move too far}",
    given=[*TRAINING, "lambda = 0", BOTH],
    compares=MOVES_LESS,
    control=replace(MOVES_LESS, words="both start from 0.5", on=SAME_STARTS),
    rests_on=["rho-training-scale"],
    why="By about a seventh after 1000 steps, by less after more. With lambda = 0.01 rho comes"
    " down, and V moves as far from either. That the limit is a kernel is cited, not claimed.",
)


def largest_margin(network: tc.Network, state: tc.State, inputs: Tensor, targets: Tensor) -> Tensor:
    """Of the margins of ``f_V``."""
    assert state.rho is not None
    return margins(outputs(network, state, inputs), targets).amax(dim=1) / state.rho


def deviation(network: tc.Network, state: tc.State, inputs: Tensor, targets: Tensor) -> Tensor:
    """The standard deviation ``sigma`` of the margins of ``f_V``."""
    assert state.rho is not None
    _, _, variance = margin_statistics(margins(outputs(network, state, inputs), targets))
    return variance.sqrt() / state.rho


MEASURES = {"largest margin": largest_margin, "sigma": deviation}


def followed(trained: tc.Trained) -> list[Tensor]:
    cohort = trained.cohort
    at = cohort.network, cohort.state, cohort.inputs, cohort.targets
    return [measure(*at) for measure in MEASURES.values()]


def falls_later(measured: str, words: str, rho: float = SMALL_RHO) -> tc.Comparison:
    """Is what is measured smaller at the end of training than after a fifth of it?"""

    def sides(trained: tc.Trained) -> tuple[Tensor, Tensor]:
        trace = trained.run.trace[measured]
        return trace[-1], trace[1]

    return tc.Comparison(
        f"{words} is smaller at the end than after 200 steps",
        {DATA: tc.Population(networks(rho), MEASURES, 5)},
        (DECAYING,),
        sides,
        "<",
        f"{measured} at the end / after 200 steps",
        excluded,
        followed=tc.Followed(tuple(MEASURES), followed),
    )


FROM_ABOVE = "initial rho = 8, from which rho falls"
PHASES = [*TRAINING, "lambda = 0.01, initial rho 0.5; margins are those of f_V", EACH]

rho_training_large_margins = tc.experiment_claim(
    "rho-training-large-margins",
    title="From small initial values, the largest margin falls in the course of training",
    sources=[XU2022.at("Section 3.5: large margins decrease")],
    printed=r"\text{in our experiments the large margins of some of the data points decrease}"
    r" \text{ during GD, contributing to a decrease in } \sigma",
    given=PHASES,
    compares=falls_later("largest margin", "the largest margin"),
    control=replace(
        falls_later("largest margin", "the largest margin", LARGE_RHO), words=FROM_ABOVE
    ),
    why="At first all margins grow. Once rho has grown, the largest of them overshoot and come"
    " down.",
)

rho_training_sigma = tc.experiment_claim(
    "rho-training-sigma",
    title="From small initial values, sigma falls in the course of training",
    sources=[XU2022.at("Section 3.5: large margins decrease")],
    printed=r"\text{the large margins ... decrease, contributing to a decrease in } \sigma",
    given=PHASES,
    compares=falls_later("sigma", "sigma"),
    control=replace(falls_later("sigma", "sigma", LARGE_RHO), words=FROM_ABOVE),
    why="As `rho-training-large-margins`. Before that sigma grows with the margins; where rho"
    " starts above its rest, sigma grows to the end.",
)
