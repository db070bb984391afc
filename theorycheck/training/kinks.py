"""Whether a flow that stalled did so at a kink of the network."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from theorycheck.networks.evaluation import bending
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.integrator import Integrator
from theorycheck.training.vector_field import Field

TRIES = 32
"""Definition: how many of a member's next steps are looked at. Where the velocity points to a kink
from both sides, every few steps cross it; a step that was rejected is a fifth as long."""


class Stopped(Protocol):
    """What an integrator of either engine came to; rows as of `Field`."""

    @property
    def point(self) -> Tensor: ...
    @property
    def step(self) -> Tensor: ...
    @property
    def stalled(self) -> Tensor: ...


def crossing(
    cohort: Cohort, objective: Objective, stopped: Stopped, tolerances: tuple[float, float]
) -> Tensor:
    """Which stalled members are at a kink that the velocity points to from both sides, ``(K,)``.

    Steps they would try next cross it, and beyond it some unit goes back to where it came from.

    Args:
        tolerances: the relative and the absolute one of the flow.
    """
    found = torch.zeros_like(stopped.stalled)
    members = stopped.stalled.nonzero()[:, 0]
    if len(members) == 0:
        return found
    network, whole = cohort.network, Field(cohort, objective)
    rows = stopped.point[members]
    data = (t[members] for t in (cohort.inputs, cohort.targets, cohort.weight_decay))
    own = Cohort(network, whole.unpack(rows), *data)
    length = stopped.step[members][:, None]
    field, crossed = Field(own, objective), torch.zeros_like(found[members])

    def bends(point: Tensor) -> Tensor:
        return bending(network, field.unpack(point).effective(network), own.inputs).flatten(1)

    before = bends(rows) > 0

    def velocity(point: Tensor) -> Tensor:
        here, moving = bends(point), field.velocity(point, own.inputs, own.targets)
        change = bends(point + length * moving) - here
        back = torch.where(before, change > 0, change < 0)
        crossed.logical_or_((((here > 0) != before) & back).any(dim=1))
        return moving

    steps = Integrator(velocity, rows, *tolerances, max_steps=TRIES)
    steps.step = length[:, 0].clone()
    steps.advance(math.inf)
    found[members] = crossed
    return found
