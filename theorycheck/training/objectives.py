"""Values of objectives, which overflow or vanish only where the objective does.

They are for reports. What the trainers follow is the gradient, see
`theorycheck.training.vector_field`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from theorycheck.networks.norms import moderate, restored, scaled
from theorycheck.training.cohorts import Cohort, Objective, check, outputs, sample_losses


def objective_values(cohort: Cohort, objective: Objective) -> Tensor:
    """The objective of every member at its state and on its data, ``(K,)``.

    Raises:
        InputError: as `check` does.
    """
    check(cohort, objective)
    network, state = cohort.network, cohort.state
    values = outputs(network, state, cohort.inputs)
    total = _data_term(objective, values, cohort.targets)
    if objective.penalty == "weights":
        for i in network.weights:
            total = total + _penalty(cohort.weight_decay, state.parameters[i])
    elif state.rho is not None and objective.penalty == "rho":
        total = total + _penalty(cohort.weight_decay, state.rho[:, None, None])
    return total


def _penalty(decay: Tensor, weights: Tensor) -> Tensor:
    """Weight decay ``(K,)`` times the squared norm of weights ``(K, p, q)``."""
    unit, _, power = moderate(weights, (-2, -1))
    share, other = (each.squeeze(-1) for each in scaled(decay.unsqueeze(-1), -1))
    power = power.flatten()
    return restored(share * unit.square().sum(dim=(-2, -1)), other, power, power)


def _data_term(objective: Objective, values: Tensor, targets: Tensor) -> Tensor:
    """Mean or sum of the losses of the samples, ``(K,)``."""
    if objective.loss == "square":
        return _reduced_squares(objective, values - targets)
    losses = objective.reduce(sample_losses(objective.loss, values, targets))
    if bool(losses.isfinite().all()):
        return losses
    # The loss of one sample may be beyond all numbers and the mean a number.
    roots = _roots_of_losses(objective, values, targets)
    return torch.where(losses.isfinite(), losses, _reduced_squares(objective, roots))


def _reduced_squares(objective: Objective, roots: Tensor) -> Tensor:
    """Mean or sum over samples of the sums of squares over the last axis of ``(K, N, C)``."""
    unit, _, power = moderate(roots, (-2, -1))
    power = power.flatten()
    return restored(objective.reduce(unit.square().sum(dim=-1)), power, power)


def _roots_of_losses(objective: Objective, values: Tensor, targets: Tensor) -> Tensor:
    """Square roots of `sample_losses`, ``(K, N, 1)``, which are numbers where outputs are."""
    if objective.loss == "exponential":
        return torch.exp(targets * values * -0.5)
    quarters, largest = values / 4, values.amax(dim=-1, keepdim=True)
    normaliser = (values - largest).exp().sum(dim=-1, keepdim=True).log() / 4
    gap = (targets * (largest / 4 - quarters)).sum(dim=-1, keepdim=True)
    return 2 * (gap + normaliser).sqrt()
