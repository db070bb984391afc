"""What a claim and its controls train alike is trained once, and is the same to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.claims.test_experiments import NO_DECAY, RECIPE, networks
from theorycheck.claims.setting import Setting
from theorycheck.claims.trainings import Population, train
from theorycheck.training.experiments import Experiment, Recipe, Trained

SEEDS = [3, 5]
ON = Population(networks)
OTHER_ORDER = replace(RECIPE, order=1)
LONGER = replace(RECIPE, epochs=3)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The recipes that are really trained by, one after another."""
    found: list[Recipe] = []
    real = Experiment.train

    def noted(self: Experiment, *recipes: Recipe, **options: Any) -> list[Trained]:
        found.extend(recipes)
        return real(self, *recipes, **options)

    monkeypatch.setattr(Experiment, "train", noted)
    return found


def weights(trained: Sequence[Trained]) -> list[torch.Tensor]:
    return [tensor for one in trained for tensor in one.cohort.state.parameters]


def test_a_placebo_trains_the_other_order_alone(asked: list[Recipe]) -> None:
    claim = Setting()
    train(ON, claim, SEEDS, [RECIPE, NO_DECAY], keep=False)
    control = train(ON, replace(claim, altered=True), SEEDS, [RECIPE, OTHER_ORDER], keep=False)
    assert asked == [RECIPE, NO_DECAY, OTHER_ORDER]
    fresh = train(ON, Setting(), SEEDS, [RECIPE, OTHER_ORDER], keep=False)
    assert all(map(torch.equal, weights(control), weights(fresh)))
    assert not torch.equal(weights(fresh)[0], weights(fresh)[2])


@pytest.mark.parametrize(
    ("population", "seeds"), [(Population(lambda s, k: networks(s, k)), SEEDS), (ON, [5, 3])]
)
def test_other_networks_and_examinations_are_trained_anew(
    population: Population, seeds: list[int], asked: list[Recipe]
) -> None:
    setting = Setting()
    train(ON, setting, SEEDS, [RECIPE], keep=False)
    train(population, setting, seeds, [RECIPE], keep=False)
    train(ON, Setting(), SEEDS, [RECIPE], keep=False)
    assert asked == [RECIPE] * 3


def test_measures_belong_to_a_training(asked: list[Recipe]) -> None:
    setting = Setting()
    train(ON, setting, SEEDS, [RECIPE], keep=False)
    measured = replace(
        ON, measures={"size": lambda *at: at[1].parameters[0].sum((1, 2))}, records=2
    )
    [trained] = train(measured, setting, SEEDS, [RECIPE], keep=False)
    assert asked == [RECIPE, RECIPE]
    assert "size" in trained.run.trace


def test_recipes_of_several_lengths_stay_in_order(asked: list[Recipe]) -> None:
    found = train(ON, Setting(), SEEDS, [LONGER, RECIPE, LONGER], keep=True)
    assert sorted(asked, key=lambda one: one.epochs) == [RECIPE, LONGER]
    assert [max(one.run.kept) for one in found] == [3, 2, 3]


def test_the_start_does_not_know_for_whom_it_is() -> None:
    def start(setting: Setting, seeds: Sequence[int]) -> Experiment:
        assert not setting.altered
        assert not setting.positive
        return networks(setting, seeds)

    for setting in (Setting(altered=True), Setting(positive=True)):
        train(Population(start), setting, SEEDS, [RECIPE], keep=False)
