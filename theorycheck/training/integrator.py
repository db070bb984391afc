"""The integrator of gradient flow, in which every member has its own time and step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from theorycheck.networks.norms import scaled

NEGLIGIBLE = 1e-5
"""Definition: Hairer, Norsett and Wanner I, Section II.4; below it the first step is 1e-6."""


# The pair of Dormand and Prince (Hairer, Norsett and Wanner I, Table II.5.2). The last row of
# stages holds the weights of the solution too, so that the last slope serves the next step.
STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
EXTENSION = (
    (1, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432),
    (0, 0, 0, 0),
    (0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799),
    (0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072),
    (0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632),
    (0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844),
    (0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423),
)
"""The weight of each slope at a part t of the step: the factors of t, t^2, t^3 and t^4."""
ERROR = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


@dataclass(frozen=True)
class Step:
    """A step that some rows have taken, and where they are within it.

    Attributes:
        start: when it begins, ``(K,)``.
        length: ``(K,)``.
        point: where it begins, ``(K, P)``.
        slopes: at its stages, ``(7, K, P)``.
        accepted: which rows have taken it, ``(K,)``.
    """

    start: Tensor
    length: Tensor
    point: Tensor
    slopes: Tensor
    accepted: Tensor

    def at(self, part: Tensor) -> Tensor:
        """The rows ``(K, P)`` at parts ``(K,)`` of the step, each between 0 and 1.

        The continuous extension of order 4 (Shampine, Some practical Runge-Kutta formulas, Math.
        Comp. 46, 1986).
        """
        weights = [_polynomial(row, part) for row in EXTENSION]
        change = torch.zeros_like(self.point)
        for weight, slope in zip(weights, self.slopes, strict=True):
            change.addcmul_(weight[:, None], slope)
        return self.point + self.length[:, None] * change


class Integrator:
    """Dormand-Prince 5(4) on the rows of a tensor, each with its own time and step.

    The method and its step control are described with `trainers.gradient_flow`.

    Args:
        velocity: of rows ``(K, P)``; it may overwrite its last result.
        start: ``(K, P)``.
        max_steps: a row that has tried this many steps is stalled.
        watch: is shown every step that some rows take.
    """

    def __init__(
        self,
        velocity: Callable[[Tensor], Tensor],
        start: Tensor,
        relative_tolerance: float,
        absolute_tolerance: float,
        max_steps: int,
        watch: Callable[[Step], None] | None = None,
    ) -> None:
        self.velocity, self.max_steps, self.watch = velocity, max_steps, watch
        self.relative, self.absolute = relative_tolerance, absolute_tolerance
        # A copy, since a velocity may be overwritten by the next one.
        self.point, self.slope = start, velocity(start).clone()
        self.time = start.new_zeros(start.shape[0])
        self.accepted = torch.zeros_like(self.time, dtype=torch.int64)
        self.tried = torch.zeros_like(self.accepted)
        self.diverged = ~self.slope.isfinite().all(dim=1)
        self.stalled = torch.zeros_like(self.diverged)
        self.step = self._first_guess()

    def _first_guess(self) -> Tensor:
        """That of Hairer, Norsett and Wanner I, Section II.4; the control corrects it.

        Over powers of two, since the guess is a number where squares, or the norms, are none.
        """
        scale = self.absolute + self.relative * self.point.abs()
        norms, powers, others = [], [], []
        for vector in (self.point, self.slope):
            unit, power = scaled(vector, 1)
            ratio, other = scaled(unit / scale, 1)
            norms.append(ratio.square().mean(dim=1).sqrt())
            powers.append(power[:, 0])
            others.append(other[:, 0])
        found = zip(norms, powers, others, strict=True)
        position, speed = (norm * other * power for norm, power, other in found)
        moving = (position > NEGLIGIBLE) & (speed > NEGLIGIBLE)
        guess = 0.01 * norms[0] / norms[1]
        guess = guess * (powers[0] / powers[1]) * (others[0] / others[1])
        return torch.where(moving, guess, 1e-6)

    def _norm(self, change: Tensor, point: Tensor) -> Tensor:
        """Root mean square over the coordinates, in units of the tolerance at a point."""
        scale = self.absolute + self.relative * point.abs()
        return (change / scale).square().mean(dim=1).sqrt()

    def advance(self, end: float) -> None:
        """Bring every row to time ``end``, unless it stalls before or has diverged."""
        while bool((going := (self.time < end) & ~self.stalled & ~self.diverged).any()):
            self._try(end, going)

    def _try(self, end: float, going: Tensor) -> None:
        """Try one step of the rows that are going; nothing of the others changes."""
        final = self.step >= end - self.time
        step = torch.where(final, end - self.time, self.step)
        slopes = self.slope.new_empty(len(ERROR), *self.slope.shape)
        slopes[0] = self.slope
        point = self.point
        for stage, row in enumerate(STAGES, start=1):
            point = self.point + step[:, None] * _combination(row, slopes)
            slopes[stage] = self.velocity(point)
        error = step[:, None] * _combination(ERROR, slopes)
        ratio = self._norm(error, torch.maximum(self.point.abs(), point.abs()))
        # NaN compares as not accepted and becomes the largest error: the step shrinks fivefold.
        accepted = going & (ratio <= 1)
        if self.watch is not None and bool(accepted.any()):
            self.watch(Step(self.time, step, self.point, slopes, accepted))
        # The power -1/5; the last bit of torch's own depends on the member's place in a vector.
        power = (-0.2 * ratio.nan_to_num(nan=math.inf).log()).exp()
        factor = (0.9 * power).clamp(0.2, 10.0)
        # That a step was cut short by the end is no reason to give up the longer one planned.
        proposal = torch.where(
            accepted & final, torch.maximum(self.step, step * factor), step * factor
        )
        self.point = torch.where(accepted[:, None], point, self.point)
        self.slope = torch.where(accepted[:, None], slopes[-1], self.slope)
        self.time = torch.where(accepted, torch.where(final, end, self.time + step), self.time)
        self.step = torch.where(going, proposal, self.step)
        self.accepted += accepted
        self.tried += going
        spent = (self.tried >= self.max_steps) | (self.time + self.step <= self.time)
        self.stalled |= going & spent & (self.time < end)


def _combination(weights: Sequence[float], slopes: Tensor) -> Tensor:
    """``sum_i w_i slopes_i``, added in this order for every member, unlike in a matrix product."""
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1 : len(weights)], strict=True):
        total.add_(slope, alpha=weight)
    return total


def _polynomial(factors: Sequence[float], part: Tensor) -> Tensor:
    """The polynomial of a part whose factors of ``t, t^2, ...`` are given, by Horner's rule."""
    total = torch.zeros_like(part)
    for factor in reversed(factors):
        total.add_(factor).mul_(part)
    return total
