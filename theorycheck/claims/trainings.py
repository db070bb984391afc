"""Trainings of an experiment: each is real, and is done once in the examination of a claim.

A claim, its control and its positive control are about pairs with the same seeds, so that networks
which two of them train alike are trained once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from theorycheck.arguments import function, whole_number
from theorycheck.claims.courses import STAGES, stages

if TYPE_CHECKING:
    from theorycheck.claims.setting import Setting
    from theorycheck.training.experiments import Experiment, Recipe, Trained
    from theorycheck.training.recording import Measures

MOST_KEPT = 2**30
"""Bytes of states that are kept to be followed; of larger networks recipes alone are recorded."""


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


def train(
    population: Population,
    setting: Setting,
    seeds: Sequence[int],
    recipes: Sequence[Recipe],
    *,
    keep: bool,
) -> list[Trained]:
    """What each recipe trains, unless it was trained in this examination already.

    Args:
        setting: what was trained is found and left in its ``trained``.
        keep: states on the way, for figures.
    """
    # Loading an engine takes longer than stating a claim.
    from theorycheck.training.cohorts import resolve_device

    def key(recipe: Recipe) -> Any:
        measured = population.start, id(population.measures), population.records
        return *measured, tuple(seeds), recipe

    missing = [recipe for recipe in dict.fromkeys(recipes) if key(recipe) not in setting.trained]
    if missing:
        experiment = population.start(replace(setting, altered=False, positive=False), seeds)
        parameters = experiment.start.parameters
        state = sum(tensor.numel() * tensor.element_size() for tensor in parameters)
        keep &= state * len(recipes) * (STAGES + 1) <= MOST_KEPT
        for epochs in {recipe.epochs for recipe in missing}:
            alike = [recipe for recipe in missing if recipe.epochs == epochs]
            trained = experiment.train(
                *alike,
                device=resolve_device(setting.device),
                measures=population.measures,
                record_every=population.records and epochs // population.records,
                keep=stages(epochs) if keep else (),
            )
            setting.trained.update(zip(map(key, alike), trained, strict=True))
    return [setting.trained[key(recipe)] for recipe in recipes]
