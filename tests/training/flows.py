"""Gradient flows by the trainer and by SciPy, and how far an accepted integration may be off."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from tests.training.velocities import Array, lagrange_velocity, plain_velocity
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.recording import Run
from theorycheck.training.trainers import gradient_flow

RELATIVE, ABSOLUTE = 1e-7, 1e-9
FAR = 0.01
"""Definition: flows move further than that, and bounds of errors are below it, so that a bound says
something."""
REFERENCE = 1e-5
"""Definition: tolerances of the reference, in units of those; see `scipy_flow`."""


def flow(cohort: Cohort, objective: Objective, horizon: float, **options: Any) -> Run:
    tolerances: dict[str, Any] = {"relative_tolerance": RELATIVE, "absolute_tolerance": ABSOLUTE}
    return gradient_flow(cohort, objective, horizon=horizon, **tolerances, **options)


def error_bound(steps: int, width: int, largest: float, growth: float = 1.0) -> float:
    """How far an accepted integration may be from the solution, in the Euclidean norm.

    The error of a step is at most the tolerance in root mean square, hence ``sqrt(width)`` times it
    in the Euclidean norm; until the end it grows by at most ``exp(integral of the logarithmic norm
    of the Jacobian)`` (Hairer, Norsett and Wanner I, Theorem I.10.6), and the errors of all steps
    add up. The estimate is of the formula of order 4 and the formula of order 5 goes on, so that
    the error of a step is smaller than the estimate.
    """
    return steps * math.sqrt(width) * (ABSOLUTE + RELATIVE * largest) * growth


def pack(rho: Any, weights: list[Array]) -> Array:
    return np.concatenate([[rho] if rho is not None else [], *(w.ravel() for w in weights)])


def scipy_flow(cohort: Cohort, horizon: float) -> tuple[Array, float, float]:
    """End of the flow of the only member, largest coordinate, growth of errors on the way.

    Uses the hand-written velocity on floats and DOP853. Derivation: while it takes no more than
    1 / REFERENCE steps, its error is at most that of one step of ours. The logarithmic norm, the
    largest eigenvalue of the symmetric part of the Jacobian, is taken by central differences at 40
    points of the solution; its largest value there, if positive, plus 1 for the points between,
    bounds the growth.
    """
    x, y = cohort.inputs[0].numpy(), cohort.targets[0].numpy()
    decay, lagrange = float(cohort.weight_decay[0]), cohort.state.rho is not None
    shapes = [tuple(p.shape[1:]) for p in cohort.state.parameters]
    options: dict[str, Any] = {"mean": True, "decay": decay, "slope": 1}

    def field(_: float, packed: Array) -> Array:
        rho, rest = (packed[0], packed[1:]) if lagrange else (None, packed)
        weights = []
        for shape in shapes:
            weights.append(rest[: math.prod(shape)].reshape(shape))
            rest = rest[math.prod(shape) :]
        if lagrange:
            return pack(*lagrange_velocity(rho, weights, x, y, **options))
        return pack(None, plain_velocity(weights, [], x, y, **options)[0])

    start = pack(
        float(cohort.state.rho[0]) if cohort.state.rho is not None else None,
        [p[0].numpy() for p in cohort.state.parameters],
    )
    solution = solve_ivp(
        field,
        (0.0, horizon),
        start,
        method="DOP853",
        rtol=REFERENCE * RELATIVE,
        atol=REFERENCE * ABSOLUTE,
        dense_output=True,
    )
    assert len(solution.t) <= 1 / REFERENCE
    logarithmic_norm = 0.0
    for time in np.linspace(0.0, horizon, 40):
        point, steps = solution.sol(time), 1e-5 * np.eye(len(start))
        jacobian = np.stack([field(0, point + h) - field(0, point - h) for h in steps]) / 2e-5
        top = np.linalg.eigvalsh((jacobian + jacobian.T) / 2)[-1]
        logarithmic_norm = max(logarithmic_norm, float(top))
    growth = math.exp((logarithmic_norm + 1) * horizon)
    return solution.y[:, -1], float(abs(solution.y).max()), growth
