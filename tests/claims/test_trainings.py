"""What claims and their controls train alike is trained once, and is the same to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.claims.test_experiments import NO_DECAY, RECIPE, networks
from theorycheck.claims import trainings
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


def test_states_on_the_way_are_trained_for_if_none_were_kept(asked: list[Recipe]) -> None:
    """A control keeps none; the claim after it shows them in a figure."""
    setting = Setting()
    [without] = train(ON, setting, SEEDS, [RECIPE], keep=False)
    [kept] = train(ON, setting, SEEDS, [RECIPE], keep=True)
    assert (without.run.kept, [*kept.run.kept]) == ({}, [0, 1, 2])
    [again] = train(ON, setting, SEEDS, [RECIPE], keep=False)
    assert again is kept
    assert asked == [RECIPE, RECIPE]


def test_states_too_large_to_keep_are_not_trained_for_again(
    asked: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainings, "MOST_KEPT", 1)
    setting = Setting()
    [one] = train(ON, setting, SEEDS, [RECIPE], keep=True)
    [again] = train(ON, setting, SEEDS, [RECIPE], keep=True)
    assert one is again
    assert one.run.kept == {}
    assert asked == [RECIPE]


def test_the_latest_is_remembered(asked: list[Recipe], monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting()
    train(ON, setting, SEEDS, [RECIPE], keep=False)
    [one] = setting.trained.values()
    monkeypatch.setattr(trainings, "MOST_REMEMBERED", 2 * one.size)
    train(ON, setting, SEEDS, [NO_DECAY], keep=False)
    train(ON, setting, SEEDS, [RECIPE], keep=False)
    train(ON, setting, SEEDS, [OTHER_ORDER], keep=False)
    assert [key[-1] for key in setting.trained] == [RECIPE, OTHER_ORDER]
    found = train(ON, setting, SEEDS, [NO_DECAY, RECIPE, OTHER_ORDER], keep=False)
    assert len(found) == 3
    assert asked == [RECIPE, NO_DECAY, OTHER_ORDER, NO_DECAY]


def test_what_is_remembered_takes_what_its_tensors_take() -> None:
    setting = Setting()
    [kept] = train(ON, setting, SEEDS, [RECIPE], keep=True)
    [one] = setting.trained.values()
    states = [kept.start, kept.cohort.state, *kept.run.kept.values()]
    tensors = [p for state in states for p in state.parameters]
    tensors += [kept.cohort.inputs, kept.cohort.targets]
    assert one.size == sum(tensor.nbytes for tensor in tensors)
