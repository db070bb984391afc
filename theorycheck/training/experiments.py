"""Paired trainings: networks that share everything but one factor, and the effect of that factor.

An `Experiment` fixes what the networks of a pair share: data, initial weights, loss and the seed of
their batches. Each `Recipe` trains all members; what two of them make of one member is a pair. How
pairs decide a claim is said in `theorycheck.claims.experiments`.

Shapes below: ``K`` members, ``N`` samples, ``d`` input width, ``C`` outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from theorycheck.arguments import (
    choose,
    instance,
    instances,
    nonnegative_number,
    positive_number,
    whole_number,
    whole_numbers,
)
from theorycheck.data.dataset import Dataset
from theorycheck.errors import InputError
from theorycheck.networks.checks import held, require_floats, require_numbers
from theorycheck.networks.specification import Network
from theorycheck.training.batches import require_seeds
from theorycheck.training.cohorts import Cohort, Objective, State, outputs
from theorycheck.training.recording import Measures, Run
from theorycheck.training.trainers import sgd

Targets = Literal["signs", "one_hot", "centred_one_hot"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained by `sgd`. Recipes that are compared differ in one factor.

    Attributes:
        weight_decay: ``lambda``, on what the objective of the experiment penalises.
        milestones: counts of finished epochs after which the learning rate is a tenth.
        order: recipes of different orders see the samples in different orders.

    Raises:
        InputError: for what is no number of the kind, and for numbers out of range.
    """

    batch_size: int
    epochs: int
    learning_rate: float
    weight_decay: float
    momentum: float = 0.0
    milestones: tuple[int, ...] = ()
    order: int = 0

    def __post_init__(self) -> None:
        checked = {
            "batch_size": whole_number("batch_size", self.batch_size),
            "epochs": whole_number("epochs", self.epochs),
            "learning_rate": positive_number("learning_rate", self.learning_rate),
            "weight_decay": nonnegative_number("weight_decay", self.weight_decay),
            "momentum": nonnegative_number("momentum", self.momentum),
            "milestones": whole_numbers("milestones", self.milestones),
            "order": whole_number("order", self.order, least=0),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class Trained:
    """The members that one recipe trained."""

    start: State
    cohort: Cohort
    """At the state that was reached."""
    run: Run
    """With the measures that were recorded, ``(T, K, ...)``."""

    @property
    def outputs(self) -> Tensor:
        """On the data of the experiment, at the state that was reached: ``(K, N, C)``."""
        return outputs(self.cohort.network, self.cohort.state, self.cohort.inputs)

    @property
    def rho(self) -> Tensor:
        """Of networks with normalised weights, at the state that was reached: ``(K,)``.

        Raises:
            InputError: when the weights are not normalised.
        """
        if self.cohort.state.rho is None:
            raise InputError("networks without normalised weights have no rho")
        return self.cohort.state.rho

    def at(self, epoch: int) -> Trained:
        """The members as they were after an epoch, with what had been recorded until then.

        Raises:
            KeyError: when that state was not kept.
        """
        run, state = self.run, self.run.kept[epoch]
        records = int((run.times <= epoch).sum())
        earlier = replace(
            run,
            state=state,
            times=run.times[:records],
            trace={name: values[:records] for name, values in run.trace.items()},
        )
        return Trained(self.start, replace(self.cohort, state=state), earlier)


@dataclass(frozen=True, eq=False)
class Experiment:
    """What the networks of a pair share.

    Attributes:
        start: the initial state of ``K`` members.
        inputs: ``(K, N, d)``.
        targets: ``(K, N, C)``.
        batch_seeds: ``(K,)`` int64; a recipe of order ``r`` adds ``r K``.

    Raises:
        InputError: for an attribute of another type, and unless there is a seed for each member.
    """

    network: Network
    start: State
    inputs: Tensor
    targets: Tensor
    batch_seeds: Tensor
    objective: Objective

    def __post_init__(self) -> None:
        instance("the network", self.network, Network)
        instance("the start", self.start, State)
        instance("the objective", self.objective, Objective)
        for name in ("inputs", "targets"):
            require_floats(name, require_numbers(name, getattr(self, name)))
        require_seeds(self.batch_seeds, _members(self.start))

    @classmethod
    def on(
        cls,
        data: Sequence[Dataset],
        targets: Targets,
        network: Network,
        start: State,
        batch_seeds: Tensor,
        objective: Objective | None = None,
    ) -> Experiment:
        """An experiment on one data set per member, in the dtype of the initial state.

        Raises:
            InputError: unless there are as many data sets as members, all of one size, that have
                such targets; and as `Experiment`.
        """
        choose("targets", targets, Targets)
        instance("data", data, Sequence)
        instances("data", tuple(data), Dataset)
        instance("the start", start, State)
        if len({d.inputs.shape for d in data}) != 1 or len(data) != _members(start):
            raise InputError("an experiment needs one data set per member, all of one size")
        dtype = start.parameters[0].dtype
        inputs, labels = (
            torch.tensor(np.stack([getattr(d, name) for d in data]), dtype=dtype)
            for name in ("inputs", targets)
        )
        objective = Objective() if objective is None else objective
        return cls(network, start, inputs, labels, batch_seeds, objective)

    def train(
        self,
        *recipes: Recipe,
        device: torch.device | str = "cpu",
        measures: Measures | None = None,
        record_every: int | None = None,
        keep: Sequence[int] = (),
    ) -> list[Trained]:
        """Train all members by each recipe.

        Recipes that differ in learning rate, weight decay and order alone train as one cohort,
        which changes no bit of the result.

        Args:
            measures, record_every, keep: as for `sgd`.

        Returns:
            What each recipe trained, in order; tensors are on the device.

        Raises:
            InputError: for what is no recipe, and as `sgd` does.
        """
        for recipe in recipes:
            instance("a recipe", recipe, Recipe)
        alike: dict[Recipe, list[Recipe]] = {}
        for recipe in dict.fromkeys(recipes):
            key = replace(recipe, learning_rate=1.0, weight_decay=0.0, order=0)
            alike.setdefault(key, []).append(recipe)
        found: dict[Recipe, Trained] = {}
        for together in alike.values():
            cohort, run = self._train(together, device, measures, record_every, keep)
            members = len(self.batch_seeds)
            for arm, recipe in enumerate(together):
                part = slice(arm * members, (arm + 1) * members)
                own = _part(run, part)
                reached = replace(cohort.part(part), state=own.state)
                found[recipe] = Trained(cohort.state.part(part), reached, own)
        return [found[recipe] for recipe in recipes]

    def _train(
        self,
        recipes: Sequence[Recipe],
        device: torch.device | str,
        measures: Measures | None,
        record_every: int | None,
        keep: Sequence[int],
    ) -> tuple[Cohort, Run]:
        """The cohort of all members, once for each recipe, at its start; and its training."""
        arms, members = len(recipes), len(self.batch_seeds)

        def repeated(tensor: Tensor) -> Tensor:
            return tensor.repeat(arms, *[1] * (tensor.dim() - 1))

        def per_member(name: str) -> Tensor:
            values = [getattr(recipe, name) for recipe in recipes]
            return held(name, values, self.inputs).to(device).repeat_interleave(members)

        rho = None if self.start.rho is None else repeated(self.start.rho)
        parameters = tuple(map(repeated, self.start.parameters))
        state = replace(self.start, parameters=parameters, rho=rho)
        cohort = Cohort.broadcast(
            self.network, state, repeated(self.inputs), repeated(self.targets)
        ).to(device)
        cohort = replace(cohort, weight_decay=per_member("weight_decay"))
        orders = torch.tensor([recipe.order for recipe in recipes]).repeat_interleave(members)
        first = recipes[0]
        run = sgd(
            cohort,
            self.objective,
            batch_size=first.batch_size,
            epochs=first.epochs,
            learning_rate=per_member("learning_rate"),
            momentum=first.momentum,
            milestones=first.milestones,
            batch_seeds=repeated(self.batch_seeds) + orders * members,
            measures=measures,
            record_every=record_every,
            keep=keep,
        )
        return cohort, run


def _members(start: State) -> int:
    """How many members a state is of; 0 for one without any parameter."""
    return len(start.parameters[0]) if start.parameters and start.parameters[0].ndim else 0


def _part(run: Run, members: slice) -> Run:
    """The run of some members."""
    return replace(
        run,
        state=run.state.part(members),
        trace={name: values[:, members] for name, values in run.trace.items()},
        steps=run.steps[members],
        diverged=run.diverged[members],
        stalled=run.stalled[members],
        at_kink=run.at_kink[members],
        kept={epoch: state.part(members) for epoch, state in run.kept.items()},
    )
