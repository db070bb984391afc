"""Paired trainings: pairs share what they should, and each network trains as it does alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training import plain
from theorycheck.data.dataset import Dataset
from theorycheck.data.synthetic import gaussian_mixture, uniform_sphere
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import Network, mlp
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective, State, parametrise
from theorycheck.training.experiments import Experiment, Recipe, Trained
from theorycheck.training.trainers import sgd

torch.set_num_threads(1)

MEMBERS, SAMPLES = 3, 8
RECIPE = Recipe(batch_size=2, epochs=3, learning_rate=0.125, weight_decay=0.25, momentum=0.5)


def experiment() -> Experiment:
    network = mlp([3, 4, 1])
    data = [uniform_sphere(SAMPLES, 3, 2, seed) for seed in range(MEMBERS)]
    start = State(initialise(network, MEMBERS, seed=5))
    return Experiment.on(data, "signs", network, start, 7 + torch.arange(MEMBERS))


def test_what_is_no_target_is_named() -> None:
    network = mlp([3, 4, 1])
    start = State(initialise(network, 1, seed=5))
    data = [uniform_sphere(SAMPLES, 3, 2, 0)]
    wrong: Any
    for wrong in ("sign", "inputs", None):
        with pytest.raises(InputError, match=f"unknown targets {wrong!r}: choose one of signs"):
            Experiment.on(data, wrong, network, start, torch.arange(1))


def same(left: Trained, right: Trained) -> bool:
    pairs_of_tensors = zip(left.run.state.parameters, right.run.state.parameters, strict=True)
    return all(torch.equal(one, other) for one, other in pairs_of_tensors)


def test_a_network_trains_as_the_obvious_loop_does() -> None:
    """One layer and numbers of few bits, at which nothing rounds."""
    inputs = torch.tensor([[[1.0, -1.0], [0.5, 2.0]]], dtype=torch.float64)
    targets = torch.tensor([[[1.0], [-1.0]]], dtype=torch.float64)
    start = State((torch.tensor([[[2.0, 0.5]]], dtype=torch.float64),))
    seeds = torch.tensor([11])
    paired = Experiment(mlp([2, 1]), start, inputs, targets, seeds, Objective())
    recipe = replace(RECIPE, batch_size=1, epochs=1)
    (trained,) = paired.train(recipe)
    cohort = Cohort.broadcast(mlp([2, 1]), start, inputs, targets, 0.25)
    expected = plain.train(cohort, 0, Objective(), Batches(seeds, 2, 1), 1, 0.125, 0.5)
    assert torch.equal(trained.run.state.parameters[0][0], expected[0])
    assert torch.equal(trained.start.parameters[0], start.parameters[0])


def test_recipes_in_one_cohort_change_no_bit() -> None:
    """Of those that can share one, and of those that cannot; in the order asked for."""
    paired = experiment()
    recipes = (
        RECIPE,
        replace(RECIPE, weight_decay=0.0),
        replace(RECIPE, batch_size=4),
        replace(RECIPE, order=1),
        replace(RECIPE, learning_rate=0.0625),
    )
    together = paired.train(*recipes, record_every=1)
    for recipe, trained in zip(recipes, together, strict=True):
        (alone,) = paired.train(recipe, record_every=1)
        assert same(trained, alone)
        distances = (t.run.trace["distance"][1:] for t in (trained, alone))
        assert torch.equal(*distances)
        assert trained.cohort.state is trained.run.state
        assert trained.cohort.weight_decay.tolist() == [recipe.weight_decay] * MEMBERS
        assert torch.equal(trained.start.parameters[0], paired.start.parameters[0])
    assert not any(same(together[0], other) for other in together[1:])


def test_an_order_goes_on_where_the_seeds_of_the_other_end() -> None:
    paired = experiment()
    (trained,) = paired.train(replace(RECIPE, order=1))
    cohort = Cohort.broadcast(paired.network, paired.start, paired.inputs, paired.targets, 0.25)
    expected = sgd(
        cohort,
        Objective(),
        batch_size=2,
        epochs=3,
        learning_rate=0.125,
        momentum=0.5,
        batch_seeds=torch.tensor([10, 11, 12]),
    )
    assert torch.equal(trained.run.state.parameters[0], expected.state.parameters[0])


def test_milestones_count() -> None:
    paired = experiment()
    first, dropped = paired.train(RECIPE, replace(RECIPE, milestones=(1,)))
    assert not same(first, dropped)


def test_the_same_recipe_twice_is_trained_once() -> None:
    first, second = experiment().train(RECIPE, RECIPE)
    assert first is second


def rho_of(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
    assert state.rho is not None
    return state.rho


def test_normalised_weights_and_measures() -> None:
    network = mlp([4, 5, 3])
    data = [gaussian_mixture(2, 4, 3, seed, spread=0.1) for seed in range(2)]
    weights = initialise(network, 2, seed=1, dtype=torch.float32)
    unit = parametrise(network, weights, "lagrange").parameters
    start = State(unit, torch.full((2,), 3.0), "lagrange")
    objective = Objective("square", "mean", "rho")
    paired = Experiment.on(data, "centred_one_hot", network, start, torch.arange(2), objective)
    assert paired.inputs.dtype is torch.float32
    assert np.array_equal(paired.targets[1].numpy(), np.float32(data[1].centred_one_hot))
    (trained,) = paired.train(RECIPE, measures={"rho": rho_of}, record_every=1)
    assert trained.run.trace["rho"].shape == (4, 2)
    assert trained.run.trace["rho"][0].tolist() == [3.0, 3.0]
    assert trained.run.state.rho is not None
    assert torch.equal(trained.run.trace["rho"][-1], trained.run.state.rho)
    assert torch.equal(trained.rho, trained.run.state.rho)
    values = forward(network, trained.run.state.parameters, paired.inputs)
    assert torch.equal(trained.outputs, trained.rho[:, None, None] * values)


def test_plain_weights_have_no_rho() -> None:
    (trained,) = experiment().train(replace(RECIPE, epochs=1))
    with pytest.raises(InputError, match="networks without normalised weights have no rho"):
        _ = trained.rho


@pytest.mark.parametrize("sizes", [[4], [4, 4, 6]])
def test_one_data_set_per_member_and_all_of_one_size(sizes: list[int]) -> None:
    data: list[Dataset] = [uniform_sphere(size, 3, 2, 0) for size in sizes]
    network = mlp([3, 1])
    start = State(initialise(network, 3, seed=0))
    with pytest.raises(InputError, match="one data set per member"):
        Experiment.on(data, "signs", network, start, torch.arange(3))


def test_members_as_they_were_after_an_epoch() -> None:
    """Of each recipe its own, with what had been recorded until then; the end is the end."""
    paired = experiment()
    recipes = RECIPE, replace(RECIPE, weight_decay=0.0)
    for recipe, trained in zip(
        recipes, paired.train(*recipes, record_every=1, keep=(0, 1, 3)), strict=True
    ):
        (shorter,) = paired.train(replace(recipe, epochs=1), record_every=1)
        early, end, start = trained.at(1), trained.at(3), trained.at(0)
        assert same(early, shorter)
        assert torch.equal(early.cohort.state.parameters[0], shorter.cohort.state.parameters[0])
        assert early.run.times.tolist() == [0, 1]
        for name, values in shorter.run.trace.items():
            assert torch.equal(early.run.trace[name].nan_to_num(), values.nan_to_num())
        assert same(end, trained)
        assert torch.equal(start.run.state.parameters[1], paired.start.parameters[1])
        with pytest.raises(KeyError):
            trained.at(2)
