"""Events of a flow: where a quantity changes its sign, as the velocity of rho does when rho turns.

Every step of the integrator is looked at on its continuous extension, and a change of sign between
two looks is located there by regula falsi. Two changes between neighbouring looks are not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from theorycheck.arguments import function, positive_number, whole_number
from theorycheck.errors import InputError
from theorycheck.networks.checks import require_floats, require_numbers
from theorycheck.training.cohorts import Cohort, Objective, State, check
from theorycheck.training.integrator import Integrator, Step
from theorycheck.training.vector_field import Field

LOOKS = 2
"""Definition: how often each step is looked at, at equal distances."""
ROUNDS = 100
"""Definition: how often a root is approached; some ten rounds leave less than float64 tells apart,
and 100 halvings always do."""

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


@torch.no_grad()
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
        quantity: smooth along the flow; where it has a kink, a change of sign is still found. It is
            called where no gradients are recorded.
        threshold: a sign counts once the quantity exceeds this in size. Where a flow comes to
            rest, errors of the integrator make small quantities change their signs.
        relative_tolerance, absolute_tolerance, max_steps: as for `gradient_flow`.

    Raises:
        InputError: for arguments out of range, for a cohort that is not float64, for a quantity
            that gives no tensor ``(K,)`` of floats, and as `velocity`.
    """
    check(cohort, objective)
    function("the quantity", quantity)
    if cohort.inputs.dtype != torch.float64:
        raise InputError("gradient flow needs float64: use cohort.to(dtype=torch.float64)")
    horizon = positive_number("horizon", horizon)
    threshold = positive_number("threshold", threshold)
    relative_tolerance = positive_number("relative_tolerance", relative_tolerance)
    absolute_tolerance = positive_number("absolute_tolerance", absolute_tolerance)
    field = Field(cohort, objective)
    watcher = _Watcher(cohort, Field(cohort, objective), quantity, threshold)
    integrator = Integrator(
        lambda rows: field.velocity(rows, cohort.inputs, cohort.targets),
        field.pack(cohort.state),
        relative_tolerance,
        absolute_tolerance,
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
        value = self.quantity(replace(self.cohort, state=state), self.field.unpack(velocity))
        require_floats("the quantity", require_numbers("the quantity", value))
        shape = (self.cohort.members,)
        if tuple(value.shape) != shape:
            raise InputError(f"the quantity must have shape {shape}, not {tuple(value.shape)}")
        return value.clone()

    def counted(self, value: float) -> int:
        """The sign of a value, 0 where it does not count."""
        return 0 if not abs(value) > self.threshold else 1 if value > 0 else -1

    def within(self, step: Step, part: Tensor) -> tuple[Tensor, Tensor]:
        """Rows and quantity at parts of a step; of members that do not take it, where it begins."""
        rows = torch.where(step.accepted[:, None], step.at(part), step.point)
        return rows, self.at(rows)

    def look(self, step: Step) -> None:
        """Look at the parts of one step, in order."""
        low = torch.zeros_like(step.length)
        for look in range(1, LOOKS + 1):
            high = torch.full_like(low, look / LOOKS)
            after = torch.where(step.accepted, self.within(step, high)[1], self.values)
            changed = step.accepted & (self.values.sign() * after.sign() < 0)
            if bool(changed.any()):
                self.locate(step, changed, (low, high), after)
            self.count(after, step.accepted)
            # A value of 0 has no sign: the one before it stays.
            self.values = torch.where(after == 0, self.values, after)
            low = high

    def locate(
        self, step: Step, changed: Tensor, ends: tuple[Tensor, Tensor], after: Tensor
    ) -> None:
        """Find where the sign changes between two parts of a step.

        Regula falsi, with the halved weight of an end that stays (the Illinois method), each third
        round a bisection.
        """
        (low, high), before, going = ends, self.values, changed
        rising, root = before < 0, high
        for number in range(ROUNDS):
            half = number % 3 == 2
            share = torch.full_like(low, 0.5) if half else before / (before - after)
            new = torch.where(going, low + share * (high - low), root)
            here = self.within(step, new)[1]
            same = going & ((here < 0) == rising)
            other = going & ~same
            before, after = (
                torch.where(same, here, torch.where(other, before / 2, before)),
                torch.where(other, here, torch.where(same, after / 2, after)),
            )
            low, high = torch.where(same, new, low), torch.where(other, new, high)
            going = going & (new != root) & (here != 0)
            root = new
            if not bool(going.any()):
                break
        rows, times = self.within(step, root)[0], step.start + root * step.length
        for member in changed.nonzero().flatten().tolist():
            state = self.field.unpack(rows[member : member + 1].clone())
            self.latest[member] = Crossing(float(times[member]), bool(rising[member]), state)

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
