"""The vector field that all trainers follow, on a cohort's states packed as rows.

A row holds a member's weight matrices, then its other parameters, then ``rho``, so that updates,
norms and penalties of a whole cohort are single operations on a block of columns.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from theorycheck.cohorts import Cohort, Objective, State, outputs, sample_losses


class Field:
    """The vector field that all trainers follow, on states packed as rows of a ``(K, P)`` tensor.

    A row holds the weight matrices, then the other parameters, then ``rho``: updates, norms and
    penalties of a whole cohort are then single operations on a block of columns.
    """

    def __init__(self, cohort: Cohort, objective: Objective) -> None:
        self.network, self.objective = cohort.network, objective
        self.parametrisation = cohort.state.parametrisation
        parameters, weights = cohort.network.parameters, cohort.network.weights
        self.order = (*weights, *(i for i in range(len(parameters)) if i not in weights))
        self.sizes = [math.prod(parameters[i].shape) for i in self.order]
        self.weights = slice(0, sum(self.sizes[: len(weights)]))
        """The columns of the weight matrices."""
        if cohort.state.rho is not None:
            self.sizes.append(1)
        self.decay = 2 * cohort.weight_decay[:, None]
        """The gradient of ``lambda |W|^2`` is ``2 lambda W``."""

    def pack(self, state: State) -> Tensor:
        """A copy of the state's numbers."""
        tensors = [state.parameters[i] for i in self.order]
        if state.rho is not None:
            tensors.append(state.rho)
        return torch.cat([t.reshape(t.shape[0], -1) for t in tensors], dim=1)

    def unpack(self, rows: Tensor) -> State:
        """Views of the rows."""
        blocks = list(torch.split(rows, self.sizes, dim=1))
        rho = None if self.parametrisation == "plain" else blocks.pop().squeeze(1)
        block_of = dict(zip(self.order, blocks, strict=True))
        shaped = (block_of[i].reshape(-1, *p.shape) for i, p in enumerate(self.network.parameters))
        return State(tuple(shaped), rho, self.parametrisation)

    def velocity(self, rows: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Minus the gradient (and the Lagrange term) of every member, ``(K, P)``."""
        objective = self.objective
        with torch.enable_grad():
            leaf = rows.detach().requires_grad_()
            values = outputs(self.network, self.unpack(leaf), inputs)
            losses = objective.reduce(sample_losses(objective.loss, values, targets))
            # The sum over members has each member's own gradient in its row.
            (gradient,) = torch.autograd.grad(losses.sum(), leaf)
        if objective.penalty == "weights":
            gradient[:, self.weights].addcmul_(rows[:, self.weights], self.decay)
        elif objective.penalty == "rho":
            gradient[:, -1:].addcmul_(rows[:, -1:], self.decay)
        if self.parametrisation == "lagrange":
            # Not the projection of the gradient on the tangent space: the two agree on the unit
            # spheres only. Off them the printed equation gives
            # (|V_k|^2)' = 4 nu (1 - |V_k|^2), so it restores the norm when nu > 0, that is, for
            # the square loss, when rho sum_n ell_n fbar_n > 0, and drives it away otherwise.
            multiplier = objective.multiplier(values.detach(), targets)
            gradient[:, self.weights].addcmul_(rows[:, self.weights], 2 * multiplier[:, None])
        return gradient.neg_()
