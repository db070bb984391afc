"""Trainings of an experiment: each is real, and is done once in a run.

Claims on the same networks, their controls and positive controls are about pairs with the same
seeds, so that networks which two of them train alike are trained once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from theorycheck.arguments import function, whole_number
from theorycheck.claims.courses import STAGES, stages

if TYPE_CHECKING:
    from torch import Tensor

    from theorycheck.claims.setting import Setting
    from theorycheck.training.cohorts import State
    from theorycheck.training.experiments import Experiment, Recipe, Trained
    from theorycheck.training.recording import Measures

MOST_KEPT = 2**30
"""Bytes of states that are kept to be followed; of larger networks recipes alone are recorded."""

MOST_REMEMBERED = 2**28
"""Bytes of what was trained that is remembered for the claims after it, the latest of it."""


@dataclass(frozen=True, eq=False)
class Population:
    """Where pairs come from.

    Attributes:
        start: the experiment of as many members as there are seeds, which all its randomness
            comes from.
        measures: what is recorded in training, as for `theorycheck.training.sgd`.
        records: how many times, at equal distances in epochs; by default never.
        adapt: what a recipe is for this population; by default the same.

    Raises:
        InputError: for a start or an adapt that is no function, and records that are no count.
    """

    start: Callable[[Setting, Sequence[int]], Experiment]
    measures: Measures | None = None
    records: int | None = None
    adapt: Callable[[Recipe], Recipe] = lambda recipe: recipe

    def __post_init__(self) -> None:
        function("start", self.start)
        function("adapt", self.adapt)
        if self.records is not None:
            whole_number("records", self.records)


@dataclass(frozen=True, eq=False)
class Remembered:
    """What a recipe trained.

    Attributes:
        population: whose measures are then no others with the same identity.
    """

    population: Population
    trained: Trained

    @property
    def size(self) -> int:
        """Its bytes, but for records."""
        data = (self.trained.cohort.inputs, self.trained.cohort.targets)
        states = 2 + len(self.trained.run.kept)
        return states * _bytes(self.trained.start.parameters) + _bytes(data)


def train(
    population: Population,
    setting: Setting,
    seeds: Sequence[int],
    recipes: Sequence[Recipe],
    *,
    keep: bool,
) -> list[Trained]:
    """What each recipe trains, unless it was trained in this run already.

    Args:
        setting: what was trained is found and left in its ``trained``.
        keep: states on the way, for figures.
    """
    # Loading an engine takes longer than stating a claim.
    from theorycheck.training.cohorts import resolve_device

    def key(recipe: Recipe) -> Any:
        measured = population.start, id(population.measures), population.records
        return *measured, tuple(seeds), recipe

    def fit(start: State) -> bool:
        return _bytes(start.parameters) * len(recipes) * (STAGES + 1) <= MOST_KEPT

    found = {recipe: setting.trained.pop(key(recipe), None) for recipe in recipes}
    known = {
        recipe: one.trained
        for recipe, one in found.items()
        if one is not None and (one.trained.run.kept or not (keep and fit(one.trained.start)))
    }
    missing = [recipe for recipe in found if recipe not in known]
    if missing:
        experiment = population.start(replace(setting, altered=False, positive=False), seeds)
        keep &= fit(experiment.start)
        for epochs in {recipe.epochs for recipe in missing}:
            alike = [recipe for recipe in missing if recipe.epochs == epochs]
            trained = experiment.train(
                *alike,
                device=resolve_device(setting.device),
                measures=population.measures,
                record_every=population.records and epochs // population.records,
                keep=stages(epochs) if keep else (),
            )
            known |= zip(alike, trained, strict=True)
    for recipe, one in known.items():
        setting.trained[key(recipe)] = Remembered(population, one)
    while sum(one.size for one in setting.trained.values()) > MOST_REMEMBERED:
        del setting.trained[next(iter(setting.trained))]
    return [known[recipe] for recipe in recipes]


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
