"""Points of rest of the flow of rho and V, found by L-BFGS and proved to be there.

What is proved of a point (`theorycheck.arithmetic.zeros`): a region around it holds exactly one
zero of the velocity of xu2022, Eq. 5, no activation is at its kink anywhere in the region, and
whether the zero attracts all flows that come near. Minima on kinks, where weight decay often leads,
and those that are not isolated, as where two units do the work of one, are not proved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy  # loads its parts when they are used, which few runs do
import torch
from flint import arb, fmpq
from torch import Tensor

from theorycheck.arguments import instance
from theorycheck.arithmetic.duals import Dual
from theorycheck.arithmetic.evaluation import has_kink, vertices
from theorycheck.arithmetic.numbers import Array, balls, precision
from theorycheck.arithmetic.reverse_mode import jacobian
from theorycheck.arithmetic.zeros import BITS, proved_stable, proved_zero
from theorycheck.errors import InputError
from theorycheck.networks.specification import Network
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.objectives import objective_values
from theorycheck.training.vector_field import Field

OBJECTIVE = Objective("square", "mean", "rho")
"""The loss of xu2022, Eq. 1."""
MOST_ROUNDS = 4000
"""Definition: of L-BFGS."""


@dataclass(frozen=True, eq=False)
class Rest:
    """A point of rest that is proved.

    Attributes:
        rho: a ball that holds it.
        weights: balls that hold the normalised weight matrices, each of its shape.
        margins: balls that hold ``y_n f_V(x_n)``, ``(N,)``.
        attracts: whether all eigenvalues of the velocity's Jacobian there are proved to be
            negative, so that the flow ends there from all points nearby.
    """

    rho: arb
    weights: tuple[Array, ...]
    margins: Array
    attracts: bool


def points_of_rest(cohort: Cohort) -> tuple[Rest | None, ...]:
    """The point of rest that L-BFGS finds from the state of each member, where it is proved.

    Args:
        cohort: of networks with one output, labels +-1, and neither biases nor normalisation, in
            the parametrisation ``weight-norm``, in float64 on the CPU.

    Raises:
        InputError: for another cohort.
    """
    instance("the cohort", cohort, Cohort)
    network = cohort.network
    if len(network.weights) != len(network.parameters) or network.normalised_by_batch:
        raise InputError("points of rest are of networks without biases and normalisation")
    if cohort.state.parametrisation != "weight-norm" or network.output_width != 1:
        raise InputError("points of rest are of weight-norm states with one output")
    if cohort.inputs.dtype != torch.float64 or cohort.inputs.device.type != "cpu":
        raise InputError(
            "points of rest are proved in float64 on the CPU: use cohort.to('cpu', torch.float64)"
        )
    if not bool((cohort.targets.abs() == 1).all()):
        raise InputError("points of rest are of samples with labels +1 and -1")
    members = (cohort.part(slice(member, member + 1)) for member in range(cohort.members))
    return tuple(_of_one(member) for member in members)


@torch.no_grad()
def _of_one(cohort: Cohort) -> Rest | None:
    field = Field(cohort, OBJECTIVE)

    def loss(row: np.ndarray) -> tuple[float, np.ndarray]:
        rows = torch.from_numpy(row)[None]
        value = objective_values(replace(cohort, state=field.unpack(rows)), OBJECTIVE)
        slope = -field.velocity(rows, cohort.inputs, cohort.targets)
        return float(value[0]), slope[0].numpy().copy()

    options = {"maxiter": MOST_ROUNDS, "ftol": 0.0, "gtol": 0.0}
    start = field.pack(cohort.state)[0].numpy()
    found = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    state = field.unpack(torch.from_numpy(found)[None])
    assert state.rho is not None
    numbers = [float(state.rho[0])]
    for weight in state.effective(cohort.network):
        numbers += weight[0].flatten().tolist()
    return _proved(cohort, numbers)


def _proved(cohort: Cohort, start: Sequence[float]) -> Rest | None:
    """The point of rest near ``(rho, V)``, if there is one."""
    network = cohort.network
    inputs, labels = (_exact(data[0]) for data in (cohort.inputs, cohort.targets[..., 0]))
    decay = fmpq(*float(cohort.weight_decay[0]).as_integer_ratio())

    def velocity(point: Array) -> Array:
        return _velocity(network, point, inputs, labels, decay)

    zero = proved_zero(velocity, start)
    if zero is None:
        return None
    with precision(BITS):
        if has_kink(network, _weights(network, zero.region), inputs):
            return None
        rho, weights = zero.box[0], _weights(network, zero.box)
        margins = labels * vertices(network, weights, inputs)[-1][:, 0]
        return Rest(rho, weights, margins, proved_stable(zero.jacobian))


def _exact(tensor: Tensor) -> Array:
    return balls(tensor.tolist())


def _weights(network: Network, point: Array) -> tuple[Array, ...]:
    """The matrices in a vector ``(rho, V_1, V_2, ...)``."""
    matrices, rest = [], point[1:]
    for parameter in network.parameters:
        size = parameter.shape[0] * parameter.shape[1]
        matrices.append(rest[:size].reshape(parameter.shape))
        rest = rest[size:]
    return tuple(matrices)


def _velocity(network: Network, point: Array, inputs: Array, labels: Array, decay: fmpq) -> Array:
    """The right-hand side of xu2022, Eq. 5, at dual numbers."""
    lifted = np.array([[Dual(entry) for entry in row] for row in inputs], dtype=object)
    rho, weights = point[0], _weights(network, point)
    margins = labels * vertices(network, weights, lifted)[-1][:, 0]
    shares = fmpq(2, len(labels)) * (1 - rho * margins)
    found = [np.array([(shares * margins).sum() - 2 * decay * rho], dtype=object)]
    for k, weight in enumerate(weights):
        slopes = labels[:, None, None] * jacobian(network, weights, lifted, k)[:, 0]
        turns = slopes - margins[:, None, None] * weight
        found.append((rho * (shares[:, None, None] * turns).sum(axis=0)).ravel())
    return np.concatenate(found)
