"""Deliberate faults of the engine, each of which must change the verdict of the right claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from properties import test_equilibrium, test_homogeneity, test_training_updates
from theorycheck import networks, strategies, training
from theorycheck.claims import Claim, Profile
from theorycheck.examination import examine
from theorycheck.networks import Network

torch.set_num_threads(1)
PROFILE = Profile("faults", 0.5)

Fault = Callable[[pytest.MonkeyPatch], None]


def doubled_weight_decay(patch: pytest.MonkeyPatch) -> None:
    """lambda W^2 has the gradient 4 lambda W."""
    build = training._Field.__init__

    def doubled(self: training._Field, *arguments: Any) -> None:
        build(self, *arguments)
        self.decay = 2 * self.decay

    patch.setattr(training._Field, "__init__", doubled)


def forgotten_projection(patch: pytest.MonkeyPatch) -> None:
    """The Lagrange multipliers are zero: V_k follows the plain gradient."""

    def nothing(self: training.Objective, outputs: Tensor, targets: Tensor) -> Tensor:
        return torch.zeros_like(outputs[:, 0, 0])

    patch.setattr(training.Objective, "multiplier", nothing)


def biases_switched_on(patch: pytest.MonkeyPatch) -> None:
    """Multilayer perceptrons are drawn with biases in their hidden layers."""
    build = networks.mlp

    def biased(*arguments: Any, **options: Any) -> Network:
        return build(*arguments, **{**options, "bias": True})

    patch.setattr(strategies, "mlp", biased)


def decay_of_wrong_parameters(patch: pytest.MonkeyPatch) -> None:
    """Weight decay acts on the last weight matrix alone, and on V instead of rho."""
    follow = training._Field.velocity

    def misplaced(self: training._Field, rows: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        decay, self.decay = self.decay, torch.zeros_like(self.decay)
        try:
            slope = follow(self, rows, inputs, targets)
        finally:
            self.decay = decay
        last = self.weights.stop - 1
        slope[:, last:].sub_(rows[:, last:] * decay if self.parametrisation == "plain" else 0)
        if self.parametrisation != "plain":
            slope[:, self.weights].sub_(rows[:, self.weights] * decay)
        return slope

    patch.setattr(training._Field, "velocity", misplaced)


def forgotten_momentum(patch: pytest.MonkeyPatch) -> None:
    """The momentum buffer is not kept."""
    build = training._Schedule.__init__

    def plain(self: training._Schedule, *arguments: Any) -> None:
        build(self, *arguments)
        self.has_momentum = False

    patch.setattr(training._Schedule, "__init__", plain)


FLOWS = [
    test_equilibrium.rho_equilibrium_flow_mean,
    test_equilibrium.rho_equilibrium_flow_sum,
]
UPDATES = [
    test_training_updates.trained_sgd_update,
    test_training_updates.trained_normalised_update,
]
SGD, NORMALISED = [UPDATES[0]], [UPDATES[1]]
HOMOGENEITY = [test_homogeneity.structural_lemma]

NOTICED: list[tuple[Fault, list[Claim]]] = [
    (doubled_weight_decay, FLOWS + UPDATES),
    (forgotten_projection, NORMALISED),
    (biases_switched_on, HOMOGENEITY),
    (decay_of_wrong_parameters, FLOWS + UPDATES),
    (forgotten_momentum, SGD),
]


@pytest.mark.parametrize(
    ("fault", "claim"),
    [
        pytest.param(fault, claim, id=f"{fault.__name__}-{claim.id}")
        for fault, claims in NOTICED
        for claim in claims
    ],
)
def test_fault_turns_the_claim_red(
    fault: Fault, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red is any verdict but the one on record, which the next test shows to be the engine's."""
    fault(monkeypatch)
    entry = examine(claim, profile=PROFILE, run_seed=0, device="cpu")
    assert entry["verdict"] != "holds"


@pytest.mark.parametrize("claim", FLOWS + UPDATES + HOMOGENEITY, ids=lambda claim: claim.id)
def test_claim_holds_without_fault(claim: Claim) -> None:
    entry = examine(claim, profile=PROFILE, run_seed=0, device="cpu")
    assert entry["verdict"] == "holds", entry["reason"]
