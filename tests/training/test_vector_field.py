"""The velocity of the weights, against gradients by hand in rationals and as papers print it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.cohorts import DEVICES
from tests.training.dyadic_cohorts import dyadic, dyadic_cohort, signs, with_rho
from tests.training.velocities import (
    UNIT,
    backpropagate,
    exact,
    lagrange_velocity,
    plain_velocity,
    same,
)
from theorycheck.networks.specification import LINEAR, mlp
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.objectives import objective_values
from theorycheck.training.vector_field import velocity


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("outputs_count", [1, 3])
def test_plain_velocity_is_minus_the_gradient(
    reduction: Any, outputs_count: int, dtype: torch.dtype, device: str
) -> None:
    """Catches a factor 2 in the weight decay, and decay of biases."""
    network = mlp((2, 3, outputs_count), bias=True)
    cohort = dyadic_cohort(network).to(device, dtype)
    moved = velocity(cohort, Objective("square", reduction, "weights")).parameters
    for k in range(cohort.members):
        w1, b1, w2 = (exact(p[k]) for p in cohort.state.parameters)
        expected = plain_velocity(
            [w1, w2],
            [b1],
            exact(cohort.inputs[k]),
            exact(cohort.targets[k]),
            mean=reduction == "mean",
            decay=Fraction(float(cohort.weight_decay[k])),
        )
        assert same(moved[0][k], expected[0][0])
        assert same(moved[2][k], expected[0][1])
        assert same(moved[1][k], expected[1][0])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("widths", [(3, 1), (2, 3, 1), (2, 2, 2, 1)])
def test_lagrange_velocity_is_the_printed_one(reduction: Any, widths: tuple[int, ...]) -> None:
    """On and off the unit sphere, for rho of either sign; catches a forgotten multiplier."""
    cohort = with_rho(dyadic_cohort(mlp(widths)))
    moved = velocity(cohort, Objective("square", reduction, "rho"))
    assert cohort.state.rho is not None
    assert moved.rho is not None
    for k in range(cohort.members):
        drift, parts = lagrange_velocity(
            Fraction(float(cohort.state.rho[k])),
            [exact(p[k]) for p in cohort.state.parameters],
            exact(cohort.inputs[k]),
            exact(cohort.targets[k]),
            mean=reduction == "mean",
            decay=Fraction(float(cohort.weight_decay[k])),
        )
        assert same(moved.rho[k], drift)
        for part, expected in zip(moved.parameters, parts, strict=True):
            assert same(part[k], expected)


def test_lagrange_velocity_with_several_outputs() -> None:
    """xu2022, Eq. 36-37: the multiplier is ``-mean rho <f_V, rho f_V - y>`` for every layer."""
    cohort = with_rho(dyadic_cohort(mlp((2, 3, 2))))
    moved = velocity(cohort, Objective("square", "mean", "rho"))
    assert cohort.state.rho is not None
    for k in range(cohort.members):
        rho = Fraction(float(cohort.state.rho[k]))
        weights = [exact(p[k]) for p in cohort.state.parameters]
        parts, multiplier = [0 * w for w in weights], Fraction(0)
        x, y = exact(cohort.inputs[k]), exact(cohort.targets[k])
        for sample, target in zip(x, y, strict=True):
            output, pull_back = backpropagate(weights, [], sample, 0)
            residual = rho * output - target
            multiplier -= rho * (output @ residual) / len(x)
            by_weight, _ = pull_back(2 * rho * residual / len(x))
            parts = [a - g for a, g in zip(parts, by_weight, strict=True)]
        for part, a, w in zip(moved.parameters, parts, weights, strict=True):
            assert same(part[k], a - 2 * multiplier * w)


@pytest.mark.parametrize("outputs_count", [1, 2])
def test_weight_norm_velocity_goes_through_the_normalisation(outputs_count: int) -> None:
    """With norms 2: ``(G - <G, V> V) / |v|`` where ``G`` is the velocity of ``V = v/2``."""
    network = mlp((2, 2, outputs_count))
    cohort = dyadic_cohort(network, decay=0.5)
    last = signs((3, 2, 2), 5) if outputs_count == 2 else torch.tensor([[[2.0, 0.0]]] * 3).double()
    rho = dyadic((3,), 9, denominator=4)
    state = State((signs((3, 2, 2), 4), last), rho, "weight-norm")
    moved = velocity(replace(cohort, state=state), Objective("square", "mean", "rho"))
    assert moved.rho is not None
    for k in range(3):
        factor, decay = Fraction(float(rho[k])), Fraction(float(cohort.weight_decay[k]))
        unit = [exact(p[k]) / 2 for p in state.parameters]
        x, y = exact(cohort.inputs[k]), exact(cohort.targets[k])
        drift, parts = -2 * decay * factor, [0 * v for v in unit]
        for sample, target in zip(x, y, strict=True):
            output, pull_back = backpropagate(unit, [], sample, 0)
            drift -= 2 * (output @ (factor * output - target)) / len(x)
            by_weight, _ = pull_back(2 * factor * (factor * output - target) / len(x))
            parts = [a - g for a, g in zip(parts, by_weight, strict=True)]
        assert same(moved.rho[k], drift)
        for part, a, v in zip(moved.parameters, parts, unit, strict=True):
            assert same(part[k], (a - (a * v).sum() * v) / 2)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(
    ("penalty", "parametrised"), [("none", False), ("weights", False), ("rho", True)]
)
def test_velocity_is_minus_the_central_difference(
    reduction: Any, penalty: Any, parametrised: bool
) -> None:
    """The objective is quadratic in each coordinate here, so that the difference is exact."""
    cohort = dyadic_cohort(mlp((2, 1)), decay=0.0 if penalty == "none" else 0.25)
    if parametrised:
        cohort = with_rho(cohort)
    objective = Objective("square", reduction, penalty)
    moved = velocity(cohort, objective)

    def slope_along(change: Callable[[float], State]) -> Tensor:
        up, down = (
            objective_values(replace(cohort, state=change(h)), objective) for h in (0.5, -0.5)
        )
        return up - down

    state = cohort.state
    if state.rho is not None:
        rho, drift = state.rho, moved.rho
        assert drift is not None
        assert torch.equal(drift, -slope_along(lambda h: replace(state, rho=rho + h)))
    else:
        (weight,) = state.parameters

        def shifted(unit: Tensor, h: float) -> State:
            return State((weight + h * unit,))

        for i in range(2):
            slope = slope_along(partial(shifted, torch.eye(2).double()[i]))
            assert torch.equal(moved.parameters[0][:, 0, i], -slope)


def test_gains_and_shifts_do_not_decay() -> None:
    """Worked by hand: ``x = +-1`` normalises to itself, so ``f = w (g x + s)`` whatever ``W_1`` is.

    With g = 2, s = 1, w = 3 and labels y = x the residuals are 8 and -2 on x = 1 and -1.
    """
    network = mlp((1, 1, 1), LINEAR, normalisation="batch")
    values = {"W[1,0]": 4.0, "gain[1]": 2.0, "shift[1]": 1.0, "W[2,1]": 3.0}
    parameters = tuple(
        torch.full((1, *p.shape), values[p.name], dtype=torch.float64) for p in network.parameters
    )
    x = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    cohort = Cohort.broadcast(network, State(parameters), x, x, 0.5)
    moved = velocity(cohort, Objective()).parameters
    rates = {p.name: float(v) for p, v in zip(network.parameters, moved, strict=True)}
    assert rates == {"W[1,0]": -4.0, "gain[1]": -30.0, "shift[1]": -18.0, "W[2,1]": -29.0}


def test_exponential_velocity_at_zero_is_exact() -> None:
    cohort = dyadic_cohort(mlp((3, 1)), decay=0.0)
    cohort = replace(cohort, state=State((torch.zeros(3, 1, 3).double(),)))
    moved = velocity(cohort, Objective("exponential", "sum", "none")).parameters[0]
    assert torch.equal(moved, (cohort.targets * cohort.inputs).sum(dim=1, keepdim=True))


def test_exponential_lagrange_velocity() -> None:
    """banburski2019, Eq. 14, with the multiplier that keeps the norm, in one layer.

    Derivation: a term of the sums below is a product of dyadic factors, exact, and one exponential,
    with an error of at most 2 UNIT. Multiplying and adding N = 4 of them, then subtracting the
    Lagrange term (one more product and sum), makes at most 12 roundings of each, here and in the
    oracle: the two differ by at most 2 gamma_12 times the sum of the moduli (Higham, Lemma 3.1).
    """
    cohort = with_rho(dyadic_cohort(mlp((2, 1)), decay=0.0))
    moved = velocity(cohort, Objective("exponential", "sum", "none")).parameters[0]
    assert cohort.state.rho is not None
    for k in range(3):
        rho, v = float(cohort.state.rho[k]), cohort.state.parameters[0][k, 0].numpy()
        x, y = cohort.inputs[k].numpy(), cohort.targets[k, :, 0].numpy()
        weight = y * np.exp(-rho * y * (x @ v))
        multiplier = 0.5 * (weight * rho * (x @ v)).sum()
        expected = rho * weight @ x - 2 * multiplier * v
        moduli = abs(rho * weight) @ abs(x) + abs(weight * rho * (x @ v)).sum() * abs(v)
        assert (
            abs(moved[k, 0].numpy() - expected) <= 2 * 12 * UNIT / (1 - 12 * UNIT) * moduli
        ).all()


@pytest.mark.parametrize("parametrisation", ["plain", "lagrange"])
def test_cross_entropy_velocity(parametrisation: Any) -> None:
    """Against softmax minus one-hot in NumPy, in one linear layer with dyadic logits.

    Derivation: the logits are exact and differ by at most D. A log-softmax is their difference to
    the maximum, exact, minus a logarithm of at most log 3: rounded, it is off by at most
    UNIT (D + 4 log 3), and its exponential is off by a factor of 1 + UNIT (D + 8). The softmax of
    the oracle, two exponentials, a sum of 3 and a quotient, is better. The sums over N = 4 samples
    and the Lagrange term add at most 16 roundings of each term: in total D + 24 on either side
    (Higham, Lemma 3.1).
    """
    cohort = dyadic_cohort(mlp((2, 3)), decay=0.0)
    cohort = replace(cohort, targets=torch.eye(3).double()[torch.tensor([[0, 1, 2, 1]] * 3)])
    if parametrisation == "lagrange":
        cohort = with_rho(cohort)
    moved = velocity(cohort, Objective("cross_entropy", "mean", "none")).parameters[0]
    for k in range(3):
        rho = 1.0 if cohort.state.rho is None else float(cohort.state.rho[k])
        x, y = cohort.inputs[k].numpy(), cohort.targets[k].numpy()
        weight = cohort.state.parameters[0][k].numpy()
        logits = rho * x @ weight.T
        softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        expected = rho * (y - softmax).T @ x / 4
        moduli = abs(rho) * (y + softmax).T @ abs(x) / 4
        if parametrisation == "lagrange":
            multiplier = 0.5 * (logits * (y - softmax)).sum() / 4
            expected = expected - 2 * multiplier * weight
            moduli = moduli + (abs(logits) * (y + softmax)).sum() / 4 * abs(weight)
        roundings = np.ptp(logits, axis=1).max() + 24
        assert (abs(moved[k].numpy() - expected) <= 2 * roundings * UNIT * moduli).all()
