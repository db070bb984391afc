"""What experiments, recipes and batches refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from theorycheck.data.synthetic import uniform_sphere
from theorycheck.errors import InputError, quoted
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import mlp
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import State
from theorycheck.training.experiments import Experiment, Recipe
from theorycheck.training.trainers import together

MEMBERS = 2
NETWORK = mlp([3, 4, 1])
DATA = [uniform_sphere(8, 3, 2, seed) for seed in range(MEMBERS)]
START = State(initialise(NETWORK, MEMBERS))
SEEDS = torch.arange(MEMBERS)
SHARED = Experiment.on(DATA, "signs", NETWORK, START, SEEDS)
RECIPE = Recipe(batch_size=2, epochs=1, learning_rate=0.125, weight_decay=0.25)
NO_SEEDS: list[Any] = [
    [0, 1], None, 3, np.arange(2), SEEDS.double(), SEEDS[:1], SEEDS[None], SEEDS.to("meta")
]  # fmt: skip
NO_TENSOR: list[Any] = [None, SHARED.inputs.numpy(), SHARED.inputs.tolist(), SHARED.inputs.long()]

FIELDS: list[tuple[str, str, list[Any]]] = [
    ("network", "the network must be a Network", [None, [3, 4, 1]]),
    ("start", "the start must be a State", [None, START.parameters]),
    ("inputs", "inputs", NO_TENSOR),
    ("targets", "targets", NO_TENSOR),
    ("batch_seeds", "batch_seeds must be", NO_SEEDS[:5]),
    ("objective", "the objective must be an Objective", [None, "square"]),
]
RECIPES: list[tuple[str, str, list[Any]]] = [
    ("batch_size", "batch_size must be", [2.0, None, "2", True, 0, [2]]),
    ("epochs", "epochs must be", [2.0, None, "2", True, 0, [2]]),
    ("learning_rate", "learning_rate", [None, "x", True, 0, -1, [0.5], np.ones(2), torch.ones(2)]),
    ("weight_decay", "weight_decay", [None, "x", True, -1, float("nan"), [0.5], torch.ones(2)]),
    ("momentum", "momentum", [None, "x", True, -1, [0.5], torch.ones(2)]),
    ("milestones", "milestones must be", [None, 1, "1", (0.5,), (-1,), np.ones(1)]),
    ("order", "order must be", ["x", None, 0.5, True, -1]),
]
ON: list[tuple[str, str, list[Any]]] = [
    ("data", "data", [None, DATA[0], 3, [None, None], ["x"] * 2, []]),
    ("targets", "unknown targets", [None, ["signs"], np.array(["signs", "one_hot"]), "x"]),
    ("network", "the network must be a Network", [None]),
    ("start", "the start must be a State", [None, START.parameters]),
    ("batch_seeds", "batch_seeds must be", NO_SEEDS[:5]),
    ("objective", "the objective must be an Objective", ["square"]),
]


def on(**changes: Any) -> Experiment:
    given = {
        "data": DATA, "targets": "signs", "network": NETWORK, "start": START, "batch_seeds": SEEDS
    }  # fmt: skip
    return Experiment.on(**{**given, **changes})


BUILD: list[tuple[Callable[..., object], list[tuple[str, str, list[Any]]]]] = [
    (lambda **changes: replace(SHARED, **changes), FIELDS),
    (lambda **changes: replace(RECIPE, **changes), RECIPES),
    (on, ON),
]


@pytest.mark.parametrize(
    ("build", "name", "message", "value"),
    [
        (build, name, message, value)
        for build, table in BUILD
        for name, message, values in table
        for value in values
    ],
    ids=lambda value: None if callable(value) else quoted(value)[:30],
)
def test_what_is_not_shared(
    build: Callable[..., object], name: str, message: str, value: Any
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        build(**{name: value})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("seeds", NO_SEEDS, ids=range(len(NO_SEEDS)))
def test_seeds_that_are_not_of_the_members(seeds: Any) -> None:
    with pytest.raises(InputError, match="batch_seeds"):
        replace(SHARED, batch_seeds=seeds).train(RECIPE)


def test_milestones_of_any_sequence() -> None:
    """Recipes are keys, and numbers of NumPy and torch become those of Python."""
    given: dict[str, Any] = {"milestones": [1, 2], "epochs": np.int64(1), "order": torch.tensor(2)}
    made = replace(RECIPE, **given)
    assert {made} == {replace(RECIPE, milestones=(1, 2), order=2)}


@pytest.mark.parametrize("recipe", [None, {"epochs": 1}, 3])
def test_what_is_no_recipe(recipe: Any) -> None:
    with pytest.raises(InputError, match="a recipe must be a Recipe, not"):
        SHARED.train(RECIPE, recipe)


def test_starts_without_parameters() -> None:
    with pytest.raises(InputError, match="one data set per member"):
        on(start=State(()))


@pytest.mark.parametrize("trainings", [[1], [len, None], None, 3, len, "x", {1: 2}], ids=quoted)
def test_what_does_not_train_together(trainings: Any) -> None:
    with pytest.raises(InputError, match=r"training(s| \d) must be"):
        together(trainings)


@pytest.mark.parametrize("seeds", [None, [1, 2], np.arange(2), torch.ones(2), SEEDS[None]])
def test_batches_without_seeds(seeds: Any) -> None:
    with pytest.raises(InputError, match="batch_seeds must be"):
        Batches(seeds, 4, 2)


@pytest.mark.parametrize("samples", [None, 4.0, True, "4", 0])
def test_batches_without_samples(samples: Any) -> None:
    with pytest.raises(InputError, match="samples must be a whole number"):
        Batches(SEEDS, samples, 2)
