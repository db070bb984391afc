"""Gradient flow along kinks: how a flow goes on where the velocity on both sides points to one.

At a kink the gradient is not one vector: an activation whose argument is 0 may have any slope
between those of its two sides. The vectors that backpropagation gives for such slopes are a
conservative field (Bolte and Pauwels, Mathematical Programming 188, 2021, Corollary 5), and a curve
whose velocity is minus one of them at almost all times has, at almost all times, the shortest of
them (Davis, Drusvyatskiy, Kakade and Lee, Foundations of Computational Mathematics 20, 2020, Lemma
5.2): the flow has no choice. On the unit spheres the same holds of the flows with ``rho``, whose
tangent vectors the arguments' gradients are. Where several such curves begin at a point, as where
an activation turns while its kink repels, one of them is followed.

Changing the slope of one activation changes the velocity along the gradient of its argument. So
while a set of arguments stays at 0, the velocity is its projection onto what leaves them at 0, for
whatever slopes it is computed. The slopes that make it so tell when the flow leaves a kink: when
one of them is no longer between those of the sides. Where a flow arrives at a kink, the shortest
vector is a least squares problem with bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy  # loads its parts when they are used, which few runs do
import torch
from numpy.typing import NDArray
from torch import Tensor

from theorycheck.arithmetic.enclosures import gamma
from theorycheck.networks.evaluation import bending, with_slopes
from theorycheck.networks.specification import LINEAR
from theorycheck.training.cohorts import Cohort, Objective, sample_losses
from theorycheck.training.kinks import Stopped, crossing
from theorycheck.training.vector_field import Field

Array = NDArray[np.float64]

ROUNDS = 50
"""Definition: how often slopes are computed anew. One round is exact unless activations of several
layers are at a kink for one sample."""
SAME = 1e-9
"""Definition: slopes that change by less, in parts of the way between the two sides, are known."""


class Timed(Stopped, Protocol):
    """An integrator of either engine: where in time its members are, and after how many steps."""

    @property
    def time(self) -> Tensor: ...
    @property
    def accepted(self) -> Tensor: ...


@dataclass(frozen=True)
class _Look:
    """What a point is like: ``P`` coordinates, ``k`` arguments that are kept at 0."""

    velocity: Array
    """With the present slopes, ``(P,)``."""
    gradients: Array
    """Of the arguments that are kept at 0, ``(k, P)``."""
    jumps: Array
    """The velocity with the positive side's slope, less that with the negative side's, is minus
    this times the argument's gradient, ``(k,)``."""
    arguments: Array
    """Of all activations that bend, for all samples, flat."""


class Sliding:
    """The flow of a single network from a point on.

    Stretches on which no activation changes its side or its kink are smooth, and are followed by
    SciPy's pair of Dormand and Prince; where one ends is found on its continuous extension.

    Args:
        cohort: one member, float64, on the CPU; no batch normalisation.
        row: the point, ``(P,)``, as of `Field`.
        time: when the flow is there.
        tolerances: the relative and the absolute one.
        max_steps: after this many steps and ends of stretches the flow is stalled.
    """

    def __init__(
        self,
        cohort: Cohort,
        objective: Objective,
        row: Tensor,
        time: float,
        tolerances: tuple[float, float],
        max_steps: int,
    ) -> None:
        self.cohort, self.field = cohort, Field(cohort, objective)
        self.tolerances, self.max_steps = tolerances, max_steps
        self.point: Array = row.numpy().copy()
        self.time, self.steps, self.stalled = time, 0, False
        layers = [layer for layer in cohort.network.layers if layer.slope != LINEAR]
        widths = [layer.width for layer in layers]
        self.slopes = np.tile(
            np.repeat([float(layer.slope) for layer in layers], widths), cohort.inputs.shape[1]
        )
        self.kept = np.zeros(0, dtype=np.int64)
        """Numbers of the arguments that are kept at 0."""
        self.carried = np.zeros(0, dtype=np.int64)
        """Of those that stay at 0 because the kept ones do, whatever their own slopes are: units
        that see kept ones alone, units of equal samples."""
        parameters = self.field.unpack(row[None]).effective(cohort.network)
        positive = bending(cohort.network, parameters, cohort.inputs) > 0
        self.shares: Array = positive.flatten().numpy().astype(np.float64)
        """How far each slope is on the way from the negative side's to the positive side's."""

    def advance(self, end: float) -> None:
        """Bring the network to time ``end``, unless it stalls before."""
        while self.time < end and not self.stalled:
            self._follow(end)

    def _follow(self, end: float) -> None:
        """To the end of a smooth stretch, or to time ``end``."""
        if not np.isfinite(self._velocity(self.point)).all():
            # SciPy would shrink the first step for ever.
            self.stalled = True
            return
        relative, absolute = self.tolerances
        solver = scipy.integrate.RK45(
            lambda _, point: self._velocity(point),
            self.time,
            self.point,
            end,
            rtol=relative,
            atol=absolute,
        )
        before = self._margins(self.point)
        while solver.status == "running":
            solver.step()
            self.steps += 1
            if solver.status == "failed" or self.steps >= self.max_steps:
                self.stalled = True
                return
            after = self._margins(solver.y)
            passed = np.flatnonzero((after < -self._rounding()) & (after < before))
            if len(passed):
                way = solver.dense_output()
                self.time = self._end(passed, way, self.time, solver.t)
                self.point = way(self.time)
                self._turn(int(passed[self._margins(self.point)[passed].argmin()]))
                return
            self.time, self.point, before = float(solver.t), solver.y, after

    def _end(
        self, passed: NDArray[np.int64], way: Callable[[float], Array], low: float, high: float
    ) -> float:
        """When the first of some margins that are negative at time ``high`` becomes so."""

        def least(time: float) -> float:
            return float(self._margins(way(time))[passed].min())

        if least(low) <= 0:
            return low
        return float(scipy.optimize.brentq(least, low, high)) if least(high) < 0 else high

    @torch.enable_grad()
    def _look(self, point: Array) -> _Look:
        """What the network is like at a point with the present slopes."""
        network, objective = self.cohort.network, self.field.objective
        copies = 1 + len(self.kept)
        samples, targets = self.cohort.inputs, self.cohort.targets
        rows = torch.tensor(np.tile(point, (copies, 1)), requires_grad=True)
        state = self.field.unpack(rows)
        slopes = torch.from_numpy(self.slopes + (1 - self.slopes) * self.shares)
        outputs, arguments, values = with_slopes(
            network,
            state.effective(network),
            samples.expand(copies, -1, -1),
            slopes.reshape(1, samples.shape[1], -1).expand(copies, -1, -1),
        )
        if state.rho is not None:
            outputs = state.rho[:, None, None] * outputs
        loss = objective.reduce(sample_losses(objective.loss, outputs[:1], targets))
        flat = torch.cat([rows.new_zeros(copies, samples.shape[1], 0), *arguments], dim=-1)
        flat = flat.flatten(1)
        kept = torch.from_numpy(self.kept)
        total = loss.sum() + flat[torch.arange(1, copies), kept].sum()
        slope, *by_values = torch.autograd.grad(total, [rows, *values], materialize_grads=True)
        velocity = -slope[:1]
        self.field.restrain(rows.detach()[:1], velocity)
        by_value = torch.cat([flat.new_zeros(samples.shape[1], 0), *(v[0] for v in by_values)], -1)
        jumps = by_value.flatten().numpy()[self.kept] * (1 - self.slopes[self.kept])
        arrays = velocity[0].numpy(), slope[1:].numpy(), jumps, flat[0].detach().numpy()
        return _Look(*arrays)

    def _velocity(self, point: Array) -> Array:
        """That of the flow, which leaves the kept arguments at 0; nan where it is not finite.

        SciPy rejects a step that meets nan, and only warns of what it computes with infinities.
        """
        look = self._look(point)
        with np.errstate(over="ignore", invalid="ignore"):
            away = look.gradients.T @ _solved(look.gradients.T, look.velocity)
            velocity = look.velocity - away
        return velocity if np.isfinite(velocity).all() else np.full_like(velocity, math.nan)

    def _margins(self, point: Array) -> Array:
        """How far each activation is from the end of a stretch; negative beyond it.

        Of those kept at a kink, how far the slope is from those of the sides; of the others, how
        far the argument is on its side.
        """
        look = self._look(point)
        margins = np.where(self.shares > 0.5, look.arguments, -look.arguments)
        if len(self.kept):
            shares = self._shares(point)
            margins[self.kept] = np.minimum(shares, 1 - shares)
            margins[self.carried] = math.inf
        return margins

    def _rounding(self) -> Array:
        """How far margins of 0 may be computed below it.

        An argument is off by at most ``gamma(p) s``, where ``p`` adds up a width and two for every
        layer, and ``s`` is the product of ``1 + |W|_F`` over the weight matrices and of the norm of
        the sample (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., Eq. 3.12, with
        Frobenius norms; the 1 is for connections without weights).
        """
        network = self.cohort.network
        state = self.field.unpack(torch.from_numpy(self.point)[None])
        weights = (state.effective(network)[i] for i in network.weights)
        size = math.prod(1 + float(torch.linalg.vector_norm(weight)) for weight in weights)
        terms = sum(width + 2 for width in map(network.width, range(network.depth)))
        lengths = 1 + torch.linalg.vector_norm(self.cohort.inputs[0], dim=-1).numpy()
        rounding = np.repeat(gamma(terms) * size * lengths, len(self.slopes) // len(lengths))
        rounding[self.kept] = SAME
        return rounding

    def _shares(self, point: Array) -> Array:
        """Those of the slopes that leave the kept arguments at 0, wherever they are."""
        present = self.shares.copy()
        try:
            for _ in range(ROUNDS):
                look = self._look(point)
                with np.errstate(divide="ignore", invalid="ignore"):
                    change = _solved(look.gradients.T, look.velocity) / look.jumps
                if not np.isfinite(change).all():
                    return np.full(len(self.kept), -math.inf)
                self.shares[self.kept] += change
                if np.abs(change).max() <= SAME:
                    break
            return self.shares[self.kept]
        finally:
            self.shares = present

    def _turn(self, number: int) -> None:
        """One activation leaves its kink, or arrives at one; then all slopes are chosen anew."""
        arriving = -1 if number in self.kept else number
        if arriving == number:
            self.kept = np.append(self.kept, number)
        self.steps += 1
        self.kept = np.append(self.kept, self.carried)
        self.carried = self.carried[:0]
        self._choose(arriving)
        for _ in range(ROUNDS):
            # Newton's method, on the arguments that have to be 0.
            look = self._look(self.point)
            off = look.arguments[self.kept]
            if not off.any():
                break
            moved = self.point - _solved(look.gradients, off)
            if not np.abs(self._look(moved).arguments[self.kept]).max() < np.abs(off).max():
                break
            self.point = moved

    def _choose(self, arriving: int) -> None:
        """The slopes at which the velocity is shortest; who has that of a side leaves the kink."""
        for _ in range(ROUNDS):
            if not len(self.kept):
                return
            look = self._look(self.point)
            if not all(np.isfinite(array).all() for array in vars(look).values()):
                break
            shares, attracts = self.shares[self.kept], look.jumps > 0
            matrix, jumps = look.gradients[attracts].T, look.jumps[attracts]
            new, change = shares.copy(), np.zeros(len(jumps))
            if len(jumps):
                bounds = -jumps * shares[attracts], jumps * (1 - shares[attracts])
                found = scipy.optimize.lsq_linear(matrix, look.velocity, bounds, method="bvls")
                at_bound, change = found.active_mask, found.x
                inside = shares[attracts] + change / jumps
                new[attracts] = np.where(at_bound, at_bound > 0, inside)
            moved = look.velocity - matrix @ change
            rates = look.gradients @ moved
            sizes = np.linalg.norm(look.gradients, axis=1) * np.linalg.norm(moved)
            # Beyond a kink at which the velocity turns away from it, the flow goes on as it came.
            stay = np.abs(rates) <= SAME * sizes
            passed = ~attracts & ~stay
            new[passed] = rates[passed] > 0
            self.shares[self.kept] = new
            if not passed.any() and np.abs(new - shares).max() <= SAME:
                margins = np.where(attracts, np.minimum(new, 1 - new), 0.0)
                touches = stay & (self.kept == arriving)
                # At a tangent, a slope may begin to move away from that of a side.
                margins[touches & attracts] = 2 * SAME
                onward = bool((touches & ~attracts).any())
                self._sort(look.gradients, new, margins)
                if onward and arriving not in self.carried:
                    self.shares[arriving] = 1 - self.shares[arriving]
                return
            self.kept = self.kept[~passed]
        self.stalled = True

    def _sort(self, gradients: Array, shares: Array, margins: Array) -> None:
        """Who stays at a kink, who stays because others do, and who leaves to a side."""
        kept: list[int] = []
        others: list[int] = []
        for i in np.argsort(-margins):
            basis = gradients[kept].T
            rest = gradients[i] - basis @ _solved(basis, gradients[i])
            dependent = np.linalg.norm(rest) <= SAME * np.linalg.norm(gradients[i])
            if dependent:
                others.append(i)
            elif margins[i] > SAME:
                kept.append(i)
            else:
                self.shares[self.kept[i]] = round(float(shares[i]))
        self.kept, self.carried = self.kept[kept], self.kept[others]


def _solved(matrix: Array, right: Array) -> Array:
    """The shortest solution of least squares; nan where a number given is not finite.

    LAPACK fails on these, to which trial steps may lead.
    """
    if not matrix.size:
        return np.zeros(matrix.shape[1])
    if not (np.isfinite(matrix).all() and np.isfinite(right).all()):
        return np.full(matrix.shape[1], math.nan)
    return np.asarray(np.linalg.lstsq(matrix, right, rcond=None)[0], dtype=np.float64)


class Slides:
    """The members of a cohort whose flow stalled at a kink, each on its way along kinks.

    Args:
        tolerances: the relative and the absolute one.
        max_steps: of each member, from where it stalled.
    """

    def __init__(
        self, cohort: Cohort, objective: Objective, tolerances: tuple[float, float], max_steps: int
    ) -> None:
        self.cohort, self.objective = cohort, objective
        self.tolerances, self.max_steps = tolerances, max_steps
        self.ways: dict[int, Sliding] = {}
        self.seen: set[int] = set()
        """Who stalled, at a kink or elsewhere."""

    def advance(self, end: float, stopped: Timed) -> Tensor:
        """The states of all members at time ``end``, as rows ``(K, P)``.

        Args:
            stopped: the integrator that took to ``end`` all members that do not stall.
        """
        rows = stopped.point.clone()
        stalled = set(stopped.stalled.nonzero().flatten().tolist())
        if stalled > self.seen:
            at_kink = crossing(self.cohort, self.objective, stopped, self.tolerances)
            for member in sorted(stalled - self.seen):
                if at_kink[member]:
                    one = self.cohort.part(slice(member, member + 1)).to("cpu")
                    where = rows[member].cpu(), float(stopped.time[member])
                    work = self.tolerances, self.max_steps
                    self.ways[member] = Sliding(one, self.objective, *where, *work)
            self.seen = stalled
        for member, way in self.ways.items():
            way.advance(end)
            rows[member] = torch.from_numpy(way.point)
        return rows

    def ended(self, stopped: Timed) -> tuple[Tensor, Tensor, Tensor]:
        """Who is stalled, who of these is at a kink, and the steps of all, ``(K,)`` each."""
        stalled, steps = stopped.stalled.clone(), stopped.accepted.clone()
        at_kink = torch.zeros_like(stalled)
        for member, way in self.ways.items():
            stalled[member] = at_kink[member] = way.stalled
            steps[member] += way.steps
        return stalled, at_kink, steps
