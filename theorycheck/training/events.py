"""Events of a flow: where a quantity changes its sign, as the velocity of rho does when rho turns.

Every step of the integrator is looked at on its continuous extension, and a change of sign between
two looks is located there by bisection. Two changes between neighbouring looks are not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from theorycheck.errors import InputError
from theorycheck.training.arguments import real_number, whole_number
from theorycheck.training.cohorts import Cohort, Objective, State, check
from theorycheck.training.integrator import Integrator, Step
from theorycheck.training.vector_field import Field

LOOKS = 4
"""Definition: how often each step is looked at, at equal distances."""
HALVINGS = 52
"""Derivation: so many halvings of a step leave less than a float64 tells apart."""

Quantity = Callable[[Cohort, State], Tensor]
"""A number for every member, ``(K,)``, from the cohort at its present state and its velocity."""


@dataclass(frozen=True)
class Crossing:
    """A change of sign along the flow of one member.

    Attributes:
        time: when it is.
        rising: whether the quantity is negative before and positive after.
        state: of the member there, with a leading axis of length 1.
    """

    time: float
    rising: bool
    state: State


@dataclass(frozen=True)
class Course:
    """A flow up to its horizon, and what happened on the way.

    Attributes:
        state: where it ends.
        stalled: which members took too many steps, or steps too small for the clock, ``(K,)``.
        diverged: which were no longer finite, ``(K,)``.
        crossings: of each member, in the order of time.
    """

    state: State
    stalled: Tensor
    diverged: Tensor
    crossings: tuple[tuple[Crossing, ...], ...]


def follow_events(
    cohort: Cohort,
    objective: Objective,
    quantity: Quantity,
    *,
    horizon: float,
    threshold: float,
    relative_tolerance: float = 1e-8,
    absolute_tolerance: float = 1e-10,
    max_steps: int = 10_000,
) -> Course:
    """Follow `velocity` from time 0 to ``horizon``, and locate the changes of sign of a quantity.

    The method is that of `theorycheck.training.trainers.gradient_flow`. Members that stall at a
    kink stay there.

    Args:
        quantity: smooth along the flow; where it has a kink, a change of sign is still found.
        threshold: a sign counts once the quantity exceeds this in size. Where a flow comes to
            rest, errors of the integrator make small quantities change their signs.
        relative_tolerance, absolute_tolerance, max_steps: as for `gradient_flow`.

    Raises:
        InputError: for arguments out of range, for a cohort that is not float64, and as `velocity`.
    """
    check(cohort, objective)
    if cohort.inputs.dtype != torch.float64:
        raise InputError("gradient flow needs float64: use cohort.to(dtype=torch.float64)")
    horizon, threshold = real_number("horizon", horizon), real_number("threshold", threshold)
    if not (0 < horizon < float("inf") and 0 < threshold < float("inf")):
        raise InputError("horizon and threshold must be positive and finite")
    tolerances = [
        real_number("relative_tolerance", relative_tolerance),
        real_number("absolute_tolerance", absolute_tolerance),
    ]
    if not min(tolerances) > 0:
        raise InputError("tolerances must be positive")
    field = Field(cohort, objective)
    watcher = _Watcher(cohort, Field(cohort, objective), quantity, threshold)
    integrator = Integrator(
        lambda rows: field.velocity(rows, cohort.inputs, cohort.targets),
        field.pack(cohort.state),
        tolerances[0],
        tolerances[1],
        whole_number("max_steps", max_steps),
        watcher.look,
    )
    integrator.advance(horizon)
    found = tuple(tuple(crossings) for crossings in watcher.crossings)
    state = field.unpack(integrator.point)
    return Course(state, integrator.stalled, integrator.diverged, found)


class _Watcher:
    """Signs of a quantity along the steps of an integrator, and the changes that count."""

    def __init__(self, cohort: Cohort, field: Field, quantity: Quantity, threshold: float) -> None:
        self.cohort, self.field, self.quantity = cohort, field, quantity
        self.threshold = threshold
        members = cohort.members
        self.values = self.at(field.pack(cohort.state))
        self.signs = [self.counted(value) for value in self.values.tolist()]
        """The last sign of each member that counts; 0 before there is one."""
        self.latest: list[Crossing | None] = [None] * members
        """The last change of sign of each member, which may not count yet."""
        self.crossings: list[list[Crossing]] = [[] for _ in range(members)]

    def at(self, rows: Tensor) -> Tensor:
        """The quantity at rows ``(K, P)``."""
        state = self.field.unpack(rows)
        velocity = self.field.velocity(rows, self.cohort.inputs, self.cohort.targets)
        return self.quantity(replace(self.cohort, state=state), self.field.unpack(velocity)).clone()

    def counted(self, value: float) -> int:
        """The sign of a value, 0 where it does not count."""
        return 0 if not abs(value) > self.threshold else 1 if value > 0 else -1

    def look(self, step: Step) -> None:
        """Look at the parts of one step, in order."""
        low = torch.zeros_like(step.length)
        for look in range(1, LOOKS + 1):
            high = torch.full_like(low, look / LOOKS)
            after = torch.where(step.accepted, self.at(step.at(high)), self.values)
            changed = step.accepted & (self.values.sign() * after.sign() < 0)
            if bool(changed.any()):
                self.locate(step, changed, low, high)
            self.count(after, step.accepted)
            # A value of 0 has no sign: the one before it stays.
            self.values = torch.where(after == 0, self.values, after)
            low = high

    def locate(self, step: Step, changed: Tensor, low: Tensor, high: Tensor) -> None:
        """Find where the sign changes between two parts of a step."""
        before = self.values.sign()
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            same = self.at(step.at(middle)).sign() == before
            low, high = torch.where(same, middle, low), torch.where(same, high, middle)
        rows, times = step.at(high), step.start + high * step.length
        for member in changed.nonzero().flatten().tolist():
            state = self.field.unpack(rows[member : member + 1].clone())
            self.latest[member] = Crossing(float(times[member]), bool(before[member] < 0), state)

    def count(self, values: Tensor, accepted: Tensor) -> None:
        """Let the last changes count where the new sign does."""
        for member in accepted.nonzero().flatten().tolist():
            sign = self.counted(float(values[member]))
            if sign == 0:
                continue
            latest = self.latest[member]
            if self.signs[member] == -sign and latest is not None:
                self.crossings[member].append(latest)
            self.signs[member] = sign
