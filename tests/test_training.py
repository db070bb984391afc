"""The trainers, against hand-written gradients in exact rationals, closed forms and SciPy.

The oracle below differentiates a network by hand on NumPy arrays, of floats or of Fractions. Where
a test compares exactly, the data are dyadic with so few bits that no operation of the trainer
rounds; had one rounded, the comparison with the Fractions would fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import RK45, solve_ivp
from torch import Tensor

from tests.cohorts import DEVICES, some
from theorycheck.errors import InputError
from theorycheck.networks.specification import LINEAR, Network, mlp
from theorycheck.training import engines, vector_field
from theorycheck.training.batches import Batches, Sampling
from theorycheck.training.cohorts import (
    Cohort,
    Objective,
    State,
    objective_values,
    outputs,
    parametrise,
    resolve_device,
    sample_losses,
)
from theorycheck.training.integrator import ERROR, STAGES, Integrator
from theorycheck.training.recording import GradientNorm, Run
from theorycheck.training.trainers import gradient_descent, gradient_flow, sgd
from theorycheck.training.vector_field import Field, velocity

torch.set_num_threads(1)
UNIT = 2.0**-53
"""Definition: the unit roundoff of float64."""
Array = np.ndarray[Any, Any]
PLAIN_SQUARE = Objective("square", "mean", "none")


@pytest.fixture(autouse=True, params=["compiled", "stacked"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test is about both engines; the compiled one is there for the CPU only."""

    def compiles(self: Any) -> bool:
        on_cpu: bool = self.cohort.inputs.device.type == "cpu"
        return on_cpu and request.param == "compiled"

    monkeypatch.setattr(engines.Training, "compiles", compiles)
    return str(request.param)


# --- the oracle -----------------------------------------------------------------------------------


def exact(tensor: Tensor) -> Array:
    """The same numbers as Fractions."""
    flat = [Fraction(value) for value in tensor.double().flatten().tolist()]
    return np.array([*flat, None], dtype=object)[:-1].reshape(tuple(tensor.shape))


def backpropagate(
    weights: list[Array], biases: list[Array], x: Array, slope: int
) -> tuple[Array, Callable[[Array], tuple[list[Array], list[Array]]]]:
    """Output at one sample, and the map from a cotangent to gradients by weights and biases."""
    values, gates = [x], []
    for k, weight in enumerate(weights):
        z = weight @ values[-1]
        if k < len(biases):
            z = z + biases[k]
        last = k == len(weights) - 1
        gates.append(np.array([1 if last or v > 0 else slope for v in z]))
        values.append(z * gates[-1])

    def pull_back(cotangent: Array) -> tuple[list[Array], list[Array]]:
        by_weight: list[Array] = []
        by_bias: list[Array] = []
        for weight, gate, value in zip(weights[::-1], gates[::-1], values[-2::-1], strict=True):
            cotangent = cotangent * gate
            by_weight.insert(0, np.multiply.outer(cotangent, value))
            by_bias.insert(0, cotangent)
            cotangent = weight.T @ cotangent
        return by_weight, by_bias[: len(biases)]

    return values[-1], pull_back


def plain_velocity(
    weights: list[Array],
    biases: list[Array],
    x: Array,
    y: Array,
    *,
    mean: bool,
    decay: Any,
    slope: int = 0,
) -> tuple[list[Array], list[Array]]:
    """Minus the gradient of galanti2022, Eq. 2 (or its sum) for the square loss."""
    weight_part = [0 * w for w in weights]
    bias_part = [0 * b for b in biases]
    for sample, target in zip(x, y, strict=True):
        output, pull_back = backpropagate(weights, biases, sample, slope)
        by_weight, by_bias = pull_back(2 * (output - target))
        weight_part = [a - g for a, g in zip(weight_part, by_weight, strict=True)]
        bias_part = [a - g for a, g in zip(bias_part, by_bias, strict=True)]
    count = len(x) if mean else 1
    weight_part = [a / count - 2 * decay * w for a, w in zip(weight_part, weights, strict=True)]
    return weight_part, [a / count for a in bias_part]


def lagrange_velocity(
    rho: Any, weights: list[Array], x: Array, y: Array, *, mean: bool, decay: Any, slope: int = 0
) -> tuple[Any, list[Array]]:
    """xu2022, Eq. 5 as printed (mean), poggio2020, Eq. 5-6 (sum): one output, labels +-1."""
    drift, parts = 0 * rho, [0 * w for w in weights]
    for sample, (label,) in zip(x, y, strict=True):
        output, pull_back = backpropagate(weights, [], sample, slope)
        by_weight, _ = pull_back(np.array([label]))
        margin = label * output[0]
        drift = drift + 2 * (margin - rho * margin * margin)
        parts = [
            a + 2 * rho * (1 - rho * margin) * (g - w * margin)
            for a, g, w in zip(parts, by_weight, weights, strict=True)
        ]
    count = len(x) if mean else 1
    return drift / count - 2 * decay * rho, [a / count for a in parts]


def same(tensor: Tensor, expected: Any) -> bool:
    return bool(np.all(exact(tensor) == expected))


# --- dyadic cohorts -------------------------------------------------------------------------------


def dyadic(shape: tuple[int, ...], seed: int, denominator: int = 2) -> Tensor:
    """Multiples of 1/denominator in [-2, 2]."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randint(-2 * denominator, 2 * denominator + 1, shape, generator=generator)
    return draw.double() / denominator


def signs(shape: tuple[int, ...], seed: int) -> Tensor:
    return 2 * (dyadic(shape, seed) > 0).double() - 1


def dyadic_cohort(
    network: Network, members: int = 3, samples: int = 4, seed: int = 0, decay: float = 0.25
) -> Cohort:
    """Labels are signs, inputs and parameters multiples of 1/2, decays multiples of ``decay``."""
    parameters = tuple(
        dyadic((members, *p.shape), seed + i) for i, p in enumerate(network.parameters)
    )
    return Cohort(
        network,
        State(parameters),
        dyadic((members, samples, network.input_width), seed + 50, denominator=1),
        signs((members, samples, network.output_width), seed + 60),
        decay * torch.arange(1, members + 1).double(),
    )


def with_rho(cohort: Cohort) -> Cohort:
    rho = dyadic((cohort.members,), 7, denominator=4)
    return replace(cohort, state=State(cohort.state.parameters, rho, "lagrange"))


# --- the vector field -----------------------------------------------------------------------------


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


def test_square_losses_are_summed_over_outputs() -> None:
    values, targets = torch.tensor([[[1.0, 2.0], [0.0, 0.0]]]), torch.tensor([[[3.0, -1.0]] * 2])
    assert sample_losses("square", values, targets).tolist() == [[13.0, 10.0]]


def test_exponential_losses() -> None:
    """Derivation: exp has an error of at most one ulp, which is 2 UNIT relative, and so has the
    constant.
    """
    values, targets = torch.tensor([[[0.0], [1.0], [1.0]]]).double(), torch.tensor([1.0, 1.0, -1.0])
    losses = sample_losses("exponential", values, targets[:, None].double()).tolist()[0]
    assert losses[0] == 1.0
    assert abs(losses[1] - 1 / math.e) <= 6 * UNIT / math.e
    assert abs(losses[2] - math.e) <= 4 * UNIT * math.e


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


def test_parametrise_keeps_the_function() -> None:
    """Norms 2 and 4: ``rho = 8`` and the quotients are exact."""
    weights = (torch.ones(1, 2, 2).double(), torch.tensor([[[4.0, 0.0]]]).double())
    network, x = mlp((2, 2, 1)), dyadic((1, 5, 2), 3)
    state = parametrise(network, weights, "lagrange")
    assert state.rho is not None
    assert state.rho.tolist() == [8.0]
    assert torch.equal(outputs(network, state, x), outputs(network, State(weights), x))
    raw = State(weights, state.rho, "weight-norm")
    assert torch.equal(outputs(network, raw, x), outputs(network, state, x))
    with pytest.raises(InputError, match="zero weight matrix"):
        parametrise(network, (0 * weights[0], weights[1]), "lagrange")


# --- descent --------------------------------------------------------------------------------------


def exact_descent(
    cohort: Cohort,
    k: int,
    batches: list[list[list[int]]],
    rates: list[Fraction],
    momentum: Fraction,
) -> list[Array]:
    """SGD on Fractions: the weights of member k at the end, ``rho`` first for lagrange states."""
    decay = Fraction(float(cohort.weight_decay[k]))
    weights = [exact(p[k]) for p in cohort.state.parameters]
    if cohort.state.rho is not None:
        weights = [np.array(Fraction(float(cohort.state.rho[k])), dtype=object), *weights]
    buffers = [0 * w for w in weights]
    for epoch, rate in zip(batches, rates, strict=True):
        for batch in epoch:
            x, y = exact(cohort.inputs[k][batch]), exact(cohort.targets[k][batch])
            if cohort.state.rho is None:
                moved, _ = plain_velocity(weights, [], x, y, mean=True, decay=decay)
            else:
                drift, parts = lagrange_velocity(
                    weights[0], weights[1:], x, y, mean=True, decay=decay
                )
                moved = [np.array(drift, dtype=object), *parts]
            buffers = [momentum * b + v for b, v in zip(buffers, moved, strict=True)]
            weights = [w + rate * b for w, b in zip(weights, buffers, strict=True)]
    return weights


def final_tensors(run: Run) -> tuple[Tensor, ...]:
    rho = run.state.rho
    return run.state.parameters if rho is None else (rho, *run.state.parameters)


@pytest.mark.parametrize("sampling", ["reshuffle", "uniform"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_sgd_follows_the_exact_updates(momentum: float, sampling: Sampling) -> None:
    """One layer, eight updates, a milestone; catches a forgotten momentum buffer."""
    cohort, seeds = dyadic_cohort(mlp((2, 1))), torch.tensor([5, -3, 2**62])
    run = sgd(
        cohort,
        Objective(),
        batch_size=2,
        epochs=4,
        learning_rate=torch.tensor([0.125, 0.0625, 0.25]),
        batch_seeds=seeds,
        momentum=torch.tensor([momentum, momentum, 0.0]),
        milestones=[2],
        decay=0.5,
        sampling=sampling,
        record_every=1,
    )
    orders = Batches(seeds, 4, 2, sampling).orders(0, 4).transpose(0, 1).tolist()
    for k, rate in enumerate((Fraction(1, 8), Fraction(1, 16), Fraction(1, 4))):
        batches = [order[k] for order in orders]
        rates = [rate, rate, rate / 2, rate / 2]
        own = Fraction(momentum) if k < 2 else Fraction(0)
        (expected,) = exact_descent(cohort, k, batches, rates, own)
        assert same(run.state.parameters[0][k], expected)
    assert run.times.tolist() == [0, 1, 2, 3, 4]
    assert run.steps.tolist() == [8, 8, 8]
    assert not run.diverged.any()
    assert not run.stalled.any()


@pytest.mark.parametrize("lagrange", [False, True])
def test_two_layer_updates_are_exact(lagrange: bool) -> None:
    """Two updates with momentum of a ReLU network, plain and by xu2022, Eq. 46."""
    cohort, seeds = dyadic_cohort(mlp((2, 2, 1))), torch.tensor([1, 2, 3])
    if lagrange:
        cohort = with_rho(cohort)
    objective = Objective("square", "mean", "rho" if lagrange else "weights")
    updates: dict[str, Any] = {"learning_rate": 0.125, "momentum": 0.5}
    run = sgd(cohort, objective, batch_size=2, epochs=1, batch_seeds=seeds, **updates)
    order = Batches(seeds, 4, 2).orders(0, 1)[:, 0].tolist()
    for k in range(3):
        expected = exact_descent(cohort, k, [order[k]], [Fraction(1, 8)], Fraction(1, 2))
        for tensor, value in zip(final_tensors(run), expected, strict=True):
            assert same(tensor[k], value)


def test_sgd_agrees_with_torch() -> None:
    """``torch.optim.SGD`` with ``weight_decay = 2 lambda`` and ``MultiStepLR``, exactly."""
    cohort, seeds = dyadic_cohort(mlp((2, 1))), torch.tensor([0, 0, 1])
    run = sgd(
        cohort,
        Objective(),
        batch_size=2,
        epochs=4,
        learning_rate=0.125,
        batch_seeds=seeds,
        momentum=0.5,
        milestones=[1, 3],
        decay=0.5,
    )
    for k in range(3):
        weight = cohort.state.parameters[0][k].clone().requires_grad_()
        decay = 2 * float(cohort.weight_decay[k])
        optimizer = torch.optim.SGD([weight], lr=0.125, momentum=0.5, weight_decay=decay)
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], gamma=0.5)
        for epoch in range(4):
            for batch in Batches(seeds, 4, 2).orders(epoch, epoch + 1)[:, 0][k]:
                optimizer.zero_grad()
                residuals = cohort.inputs[k, batch] @ weight.T - cohort.targets[k, batch]
                torch.autograd.backward(residuals.square().mean())
                optimizer.step()
            scheduler.step()
        assert torch.equal(run.state.parameters[0][k], weight.detach())


def test_gradient_descent_is_sgd_with_one_batch() -> None:
    cohort = dyadic_cohort(mlp((2, 1)))
    seeds = torch.tensor([4, 5, 6])
    descent = gradient_descent(cohort, Objective(), learning_rate=0.125, steps=3, momentum=0.5)
    stochastic = sgd(
        cohort,
        Objective(),
        batch_size=4,
        epochs=3,
        learning_rate=0.125,
        batch_seeds=seeds,
        momentum=0.5,
    )
    for k in range(3):
        (expected,) = exact_descent(
            cohort, k, [[[0, 1, 2, 3]]] * 3, [Fraction(1, 8)] * 3, Fraction(1, 2)
        )
        assert same(descent.state.parameters[0][k], expected)
        assert same(stochastic.state.parameters[0][k], expected)


def test_a_member_trains_as_if_alone() -> None:
    cohort, seeds = dyadic_cohort(mlp((2, 2, 1))), torch.tensor([7, 8, 9])
    settings: dict[str, Any] = {
        "batch_size": 2,
        "epochs": 1,
        "learning_rate": 0.125,
        "momentum": 0.5,
    }
    together = sgd(cohort, Objective(), batch_seeds=seeds, **settings)
    for k in range(3):
        own = slice(k, k + 1)
        alone = sgd(some(cohort, own), Objective(), batch_seeds=seeds[own], **settings)
        for a, b in zip(alone.state.parameters, together.state.parameters, strict=True):
            assert torch.equal(a[0], b[k])


@pytest.mark.parametrize("device", DEVICES)
def test_float32_runs_match_where_nothing_rounds(device: str) -> None:
    cohort = dyadic_cohort(mlp((2, 1)))
    single = cohort.to(device, torch.float32)
    settings: dict[str, Any] = {"learning_rate": 0.125, "steps": 2, "momentum": 0.5}
    expected = gradient_descent(cohort, Objective(), **settings)
    run = gradient_descent(single, Objective(), **settings)
    assert run.state.parameters[0].dtype == torch.float32
    assert torch.equal(run.state.parameters[0].cpu().double(), expected.state.parameters[0])


def test_a_diverging_member_is_put_back_and_disturbs_no_other() -> None:
    cohort, seeds = dyadic_cohort(mlp((2, 1))), torch.tensor([0, 1, 2])
    settings: dict[str, Any] = {"batch_size": 2, "epochs": 3, "batch_seeds": seeds}
    calm = sgd(cohort, Objective(), learning_rate=0.125, **settings)
    rates = torch.tensor([0.125, 1e200, 0.125], dtype=torch.float64)
    run = sgd(cohort, Objective(), learning_rate=rates, **settings)
    assert run.diverged.tolist() == [False, True, False]
    final = run.state.parameters[0]
    assert torch.equal(final[1], cohort.state.parameters[0][1])
    assert torch.equal(final[[0, 2]], calm.state.parameters[0][[0, 2]])
    for name in ("distance", "step"):
        assert run.trace[name][1:, 1].isnan().all()
        assert torch.equal(run.trace[name][1:, [0, 2]], calm.trace[name][1:, [0, 2]])


def test_a_squared_norm_beyond_all_numbers_has_diverged() -> None:
    """``w = 1`` goes to ``-2e200``, a number whose square is none."""
    one = torch.ones(1, 1, 1).double()
    cohort = Cohort.broadcast(mlp((1, 1)), State((one,)), one, 0 * one)
    run = gradient_descent(cohort, PLAIN_SQUARE, learning_rate=1e200, steps=1)
    assert run.diverged.tolist() == [True]
    assert run.state.parameters[0].tolist() == [[[1.0]]]


def test_distance_and_step_are_recorded() -> None:
    """One weight per matrix: norms are moduli, so that both are exact."""
    cohort, seeds = dyadic_cohort(mlp((1, 1, 1)), members=2, seed=1), torch.tensor([3, 4])
    run = sgd(
        cohort,
        Objective(),
        batch_size=2,
        epochs=1,
        learning_rate=0.125,
        batch_seeds=seeds,
        measures={"weights": lambda network, state, x, y: state.parameters[0]},
    )
    order = Batches(seeds, 4, 2).orders(0, 1)[:, 0].tolist()
    assert run.trace["distance"][0].isnan().all()
    assert run.trace["step"][0].isnan().all()
    for k in range(2):
        path = [[exact(p[k]) for p in cohort.state.parameters]]
        for count in (1, 2):
            path.append(exact_descent(cohort, k, [order[k][:count]], [Fraction(1, 8)], Fraction(0)))
        change = [abs(b - a)[0, 0] for a, b in zip(path[0], path[2], strict=True)]
        assert same(run.trace["distance"][1, k], sum(change) / 2)
        lengths = [
            math.hypot(*(float((b - a)[0, 0]) for a, b in zip(*pair, strict=True)))
            for pair in pairwise(path)
        ]
        mean = sum(lengths) / 2
        # Derivation: a hypotenuse, its product with the rate, and the mean of two: squares are
        # exact or rounded once, then sum, root, and at most 4 roundings more: 7 of each term.
        off = 2 * 7 * UNIT
        assert abs(float(run.trace["step"][1, k]) - mean) <= off * mean
        # The measure returns a view of the state; training has left the first one as it was.
        assert same(run.trace["weights"][0, k], path[0][0])
        assert same(run.trace["weights"][1, k], path[2][0])


def test_distance_is_between_the_normalised_weights() -> None:
    """Recomputed from the recorded ``v / |v|``: the same differences, then a norm of two numbers.

    Derivation: squares, sum and root are at most 4 roundings, here and there (Higham, Lemma 3.1).
    """
    cohort = unit_start(dyadic_cohort(mlp((2, 1))), "weight-norm")
    doubled = replace(cohort.state, parameters=(2 * cohort.state.parameters[0],))
    run = gradient_descent(
        replace(cohort, state=doubled),
        Objective(penalty="rho"),
        learning_rate=0.125,
        steps=2,
        measures={"unit": lambda network, state, x, y: state.effective(network)[0][:, 0]},
    )
    expected = np.sqrt((run.trace["unit"].diff(dim=0).numpy() ** 2).sum(axis=-1))
    assert (expected > 0).all()
    assert (abs(run.trace["distance"][1:].numpy() - expected) <= 2 * 4 * UNIT * expected).all()


def test_distances_span_the_records() -> None:
    cohort = dyadic_cohort(mlp((1, 1)))
    weights = {"w": lambda network, state, x, y: state.parameters[0].flatten()}
    settings: dict[str, Any] = {"learning_rate": 0.125, "steps": 5, "measures": weights}
    run = gradient_descent(cohort, Objective(), record_every=2, **settings)
    every = gradient_descent(cohort, Objective(), record_every=1, **settings)
    assert run.times.tolist() == [0, 2, 4, 5]
    assert torch.equal(run.trace["w"], every.trace["w"][[0, 2, 4, 5]])
    assert torch.equal(run.trace["distance"][1:], run.trace["w"].diff(dim=0).abs())
    moduli = every.trace["w"].diff(dim=0).abs()
    assert torch.equal(every.trace["step"][1:], moduli)
    expected = torch.stack([moduli[:2].mean(dim=0), moduli[2:4].mean(dim=0), moduli[4]])
    assert torch.equal(run.trace["step"][1:], expected)


@pytest.mark.parametrize(
    ("epochs", "batch_size", "expected"),
    [
        (1, 1, [0, 1]),
        (499, 1, [0, 499]),
        (1999, 1, [0, 1999]),
        (2000, 1, [0, 1000, 2000]),
        (9001, 1, [0, 1126, 2252, 3378, 4504, 5630, 6756, 7882, 9001]),
        (9000, 4, [0, 4500, 9000]),
    ],
)
def test_records_are_even_and_thousands_of_updates_apart(
    epochs: int, batch_size: int, expected: list[int]
) -> None:
    """Four samples: an epoch has four updates, or one."""
    cohort = dyadic_cohort(mlp((1, 1)), members=1)
    options: dict[str, Any] = {"learning_rate": 0.125, "batch_seeds": torch.tensor([0])}
    run = sgd(cohort, Objective(), batch_size=batch_size, epochs=epochs, **options)
    assert run.times.tolist() == expected
    assert run.steps.tolist() == [epochs * 4 // batch_size]


def test_the_gradient_norm_is_the_length_of_a_step_by_its_rate() -> None:
    """A single weight, full batches: both are exact. The penalty is part of it."""
    cohort = dyadic_cohort(mlp((1, 1)))
    gradient = {"gradient": GradientNorm(Objective())}
    options: dict[str, Any] = {"learning_rate": 0.125, "steps": 3, "record_every": 1}
    run = gradient_descent(cohort, Objective(), measures=gradient, **options)
    assert cohort.weight_decay.any()
    assert torch.equal(run.trace["gradient"][:-1] * 0.125, run.trace["step"][1:])


@pytest.mark.parametrize("parametrisation", ["plain", "weight-norm"])
def test_the_gradient_norm_is_that_of_the_velocity(
    parametrisation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In room that is allocated once for all records."""
    cohort, objective = dyadic_cohort(mlp((2, 3, 1))), Objective()
    if parametrisation == "weight-norm":
        cohort, objective = unit_start(cohort, parametrisation), Objective(penalty="rho")
    run = gradient_descent(cohort, objective, learning_rate=2.0**-6, steps=4)
    states = [cohort.state, run.state]
    moved = [velocity(replace(cohort, state=state), objective) for state in states]
    rows = [Field(cohort, objective).pack(state) for state in moved]
    norm, original, allocated = GradientNorm(objective).of(cohort), vector_field.Evaluation, []

    def allocate(*options: Any) -> vector_field.Evaluation:
        allocated.append(options)
        return original(*options)

    monkeypatch.setattr(vector_field, "Evaluation", allocate)
    for state, row in zip(states, rows, strict=True):
        found = norm(cohort.network, state, cohort.inputs, cohort.targets)
        assert torch.equal(found, torch.linalg.vector_norm(row, dim=1))
    assert len(allocated) == 1


@pytest.mark.parametrize(("largest", "expected"), [(2 * 4, 1), (2 * 4 - 1, 2)])
def test_beside_the_compiled_engine_torch_is_calm(
    largest: int, expected: int, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two weights and four samples are eight products; afterwards all threads are there again."""
    if engine == "stacked":
        expected = 2
    monkeypatch.setattr(engines, "SMALL", largest)
    seen = []

    def threads(network: Network, state: State, *data: Tensor) -> Tensor:
        seen.append(torch.get_num_threads())
        return torch.zeros(len(state.parameters[0]))

    cohort, measured = dyadic_cohort(mlp((1, 1, 1))), {"threads": threads}
    torch.set_num_threads(2)
    try:
        gradient_descent(cohort, Objective(), learning_rate=0.125, steps=1, measures=measured)
        gradient_flow(cohort, Objective(), horizon=0.125, measures=measured)
        assert seen == [expected] * 4
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


# --- batches --------------------------------------------------------------------------------------


def splitmix(state: int) -> int:
    """The output function of SplitMix64 on Python's integers."""
    state &= 2**64 - 1
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def test_batches_sort_the_keys_of_splitmix() -> None:
    seeds, epoch = [0, 1, -1, 2**63 - 1], 5
    order = Batches(torch.tensor(seeds), 12, 4).orders(epoch, epoch + 1)[:, 0]
    for row, seed in zip(order.tolist(), seeds, strict=True):
        start = splitmix(splitmix(seed) + epoch)
        keys = [splitmix(start + 0x9E3779B97F4A7C15 * i) for i in range(1, 13)]
        signed = [key - 2**64 if key >= 2**63 else key for key in keys]
        assert [i for batch in row for i in batch] == sorted(range(12), key=signed.__getitem__)


def test_batches_partition_or_are_subsets() -> None:
    seeds = torch.arange(200)
    order = Batches(seeds, 12, 4).orders(3, 4)[:, 0]
    assert order.shape == (200, 3, 4)
    assert (order.flatten(1).sort(dim=1).values == torch.arange(12)).all()
    subsets = Batches(seeds, 14, 4, "uniform").orders(3, 4)[:, 0].sort(dim=-1).values
    assert subsets.shape == (200, 3, 4)
    assert (subsets.diff(dim=-1) > 0).all()
    assert torch.equal(Batches(seeds, 4, 4).orders(3, 4)[:, 0], torch.arange(4).expand(200, 1, 4))


def test_batches_depend_on_seed_and_epoch_alone() -> None:
    seeds = torch.tensor([3, 8, 3])
    order = Batches(seeds, 64, 8).orders(2, 3)[:, 0]
    assert torch.equal(order[0], order[2])
    assert torch.equal(order[1], Batches(seeds[1:2], 64, 8).orders(2, 3)[:, 0][0])
    assert not torch.equal(order[0], order[1])
    assert not torch.equal(order[0], Batches(seeds, 64, 8).orders(3, 4)[:, 0][0])


# --- gradient flow --------------------------------------------------------------------------------

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


@pytest.mark.parametrize("checkpoints", [4, [0.0, 0.5, 0.75, 3.0]])
def test_linear_flow_is_the_closed_form(checkpoints: Any) -> None:
    """``w' = -2 (a + lambda) w + 2 b`` with ``a = mean x^2``, ``b = mean x y``: contracting."""
    cohort = dyadic_cohort(mlp((1, 1)))
    measures = {"w": lambda network, state, x, y: state.parameters[0][:, 0, 0]}
    run = flow(cohort, Objective(), 3.0, checkpoints=checkpoints, measures=measures)
    rate = cohort.inputs.square().mean(dim=(1, 2)) + cohort.weight_decay
    limit = (cohort.inputs * cohort.targets).mean(dim=(1, 2)) / rate
    start = cohort.state.parameters[0][:, 0, 0]
    expected = limit + (start - limit) * torch.exp(-2 * rate * run.times[:, None])
    bound = error_bound(int(run.steps.max()), 1, float(expected.abs().max()))
    assert run.times.tolist() == ([0.0, 0.75, 1.5, 2.25, 3.0] if checkpoints == 4 else checkpoints)
    assert ((run.trace["w"] - expected).abs() <= bound).all()
    assert torch.equal(run.state.parameters[0][:, 0, 0], run.trace["w"][-1])


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


def unit_start(cohort: Cohort, parametrisation: Any) -> Cohort:
    state = parametrise(cohort.network, cohort.state.parameters, parametrisation)
    half = torch.full_like(cohort.weight_decay, 0.5)
    return replace(cohort, state=replace(state, rho=half))


def small_flow_cohort(scale: float = 0.25) -> Cohort:
    """A linear network of two layers, whose flow is smooth, on one member."""
    cohort = dyadic_cohort(mlp((2, 2, 1), LINEAR), members=1, seed=20)
    state = State(tuple(scale * p for p in cohort.state.parameters))
    return replace(cohort, state=state, inputs=0.25 * cohort.inputs)


@pytest.mark.parametrize("start", ["plain", "on the sphere", "off the sphere"])
def test_flow_agrees_with_scipy(start: str) -> None:
    cohort, objective = small_flow_cohort(), Objective()
    if start != "plain":
        cohort, objective = unit_start(cohort, "lagrange"), Objective("square", "mean", "rho")
    if start == "off the sphere":
        away = tuple(f * p for f, p in zip((1.25, 0.75), cohort.state.parameters, strict=True))
        cohort = replace(cohort, state=replace(cohort.state, parameters=away))
    run = flow(cohort, objective, 2.0)
    expected, largest, growth = scipy_flow(cohort, 2.0)
    rho = None if run.state.rho is None else float(run.state.rho[0])
    reached = pack(rho, [p[0].numpy() for p in run.state.parameters])
    bound = error_bound(int(run.steps[0]) + 1, len(expected), largest, growth)
    assert bound < FAR
    assert np.linalg.norm(reached - expected) <= bound


def test_lagrange_flow_is_weight_normalisation() -> None:
    """On the spheres both flows keep the norms and are the same flow (xu2022, Section 3.2)."""
    cohort, objective = small_flow_cohort(), Objective("square", "mean", "rho")
    _, largest, growth = scipy_flow(unit_start(cohort, "lagrange"), 2.0)
    ends = []
    for parametrisation in ("lagrange", "weight-norm"):
        run = flow(unit_start(cohort, parametrisation), objective, 2.0)
        bound = error_bound(int(run.steps[0]), 7, largest, growth)
        assert run.state.rho is not None
        for weights in run.state.parameters:
            assert abs(float(torch.linalg.vector_norm(weights)) - 1) <= bound
        ends.append(torch.cat([run.state.rho, *(p.flatten() for p in run.state.parameters)]))
        moved = (
            run.state.parameters[0] - unit_start(cohort, "lagrange").state.parameters[0]
        ).norm()
        assert moved > FAR
    assert torch.linalg.vector_norm(ends[0] - ends[1]) <= 2 * bound


def test_each_member_has_its_own_steps() -> None:
    """A stiff companion, curvature 16 times larger, leaves a member's steps as they are."""
    gentle = dyadic_cohort(mlp((2, 1)), members=1, seed=3)
    stiff = replace(gentle, inputs=4 * gentle.inputs)
    both = Cohort(
        gentle.network,
        State((gentle.state.parameters[0].repeat(2, 1, 1),)),
        torch.cat([gentle.inputs, stiff.inputs]),
        torch.cat([gentle.targets, stiff.targets]),
        gentle.weight_decay.repeat(2),
    )
    runs = [flow(cohort, Objective(), 2.0, checkpoints=3) for cohort in (gentle, stiff, both)]
    assert runs[2].steps.tolist() == [int(runs[0].steps[0]), int(runs[1].steps[0])]
    assert runs[1].steps[0] > 2 * runs[0].steps[0]
    bound = error_bound(int(runs[2].steps[0]), 2, 4.0)
    for k in range(2):
        alone, together = runs[k].state.parameters[0][0], runs[2].state.parameters[0][k]
        assert torch.linalg.vector_norm(alone - together) <= 2 * bound


def test_members_that_cannot_finish_are_stalled() -> None:
    cohort = dyadic_cohort(mlp((2, 1)), members=2)
    calm = replace(cohort, inputs=cohort.inputs * torch.tensor([0.0, 64.0])[:, None, None])
    calm = replace(calm, weight_decay=torch.zeros(2).double())
    run = flow(calm, PLAIN_SQUARE, 1.0, max_steps=20)
    assert run.stalled.tolist() == [False, True]
    assert not run.diverged.any()
    assert torch.equal(run.state.parameters[0][0], cohort.state.parameters[0][0])
    assert run.state.parameters[0].isfinite().all()


def test_the_integrator_has_the_coefficients_of_scipy() -> None:
    for stage, row in enumerate(STAGES[:-1], start=1):
        assert list(row) == RK45.A[stage, :stage].tolist()
    assert list(STAGES[-1]) == RK45.B.tolist()
    assert [-weight for weight in ERROR] == RK45.E.tolist()


@pytest.mark.parametrize("step", [Fraction(1, 8), Fraction(1), Fraction(2)])
def test_a_step_is_accepted_when_its_error_estimate_is_within_tolerance(step: Fraction) -> None:
    """On ``y' = -y`` both formulas are polynomials in ``z = -step``.

    The stability functions of the pair (Hairer and Wanner, Solving Ordinary Differential Equations
    II, 2nd ed., Section IV.2, for the formula of order 5) agree up to order 4 and differ by this.
    """
    z = -step
    estimate = -Fraction(97, 120000) * z**5 + Fraction(13, 40000) * z**6 - z**7 / 24000
    for factor, accepted in ((Fraction(1, 2), 0), (Fraction(2), 1)):
        tolerance = float(factor * abs(estimate))
        integrator = Integrator(torch.neg, torch.ones(1, 1).double(), 0.0, tolerance, max_steps=1)
        integrator.step = torch.tensor([float(step)], dtype=torch.float64)
        integrator.advance(4.0)
        assert integrator.accepted.tolist() == [accepted]


@pytest.mark.parametrize("power", [1, 3])
def test_a_rejected_step_leaves_the_state(power: int) -> None:
    """``-50 y`` leads far off in a step of 1; ``-50 y^3`` in one of 1e150 beyond all numbers."""
    start, planned = torch.ones(1, 1).double(), 1.0 if power == 1 else 1e150
    integrator = Integrator(lambda y: -50 * y**power, start, RELATIVE, ABSOLUTE, max_steps=1)
    integrator.step = torch.tensor([planned], dtype=torch.float64)
    integrator.advance(1e200)
    assert integrator.accepted.tolist() == [0]
    assert integrator.stalled.tolist() == [True]
    assert integrator.time.tolist() == [0.0]
    assert integrator.point.tolist() == [[1.0]]
    assert integrator.slope.tolist() == [[-50.0]]
    assert integrator.step.tolist() == [planned * 0.2]


def test_a_step_too_small_for_the_clock_stalls() -> None:
    """``y' = y^2`` from 1 explodes at time 1; its companion from 0 goes on to time 2."""
    start = torch.tensor([[1.0], [0.0]]).double()
    integrator = Integrator(torch.square, start, RELATIVE, ABSOLUTE, 10_000)
    integrator.advance(2.0)
    assert integrator.stalled.tolist() == [True, False]
    assert integrator.point.isfinite().all()
    assert integrator.time[1] == 2.0
    assert integrator.tried[0] < 10_000


def test_a_start_without_finite_velocity_has_diverged() -> None:
    cohort = dyadic_cohort(mlp((1, 1)), members=2)
    huge = replace(cohort, state=State((torch.tensor([[[1.0]], [[1e308]]], dtype=torch.float64),)))
    run = flow(replace(huge, inputs=torch.full_like(cohort.inputs, 4.0)), Objective(), 1.0)
    assert run.diverged.tolist() == [False, True]
    assert not run.stalled.any()


# --- cohorts, devices, bad input ------------------------------------------------------------------


def test_broadcast_shares_data() -> None:
    network = mlp((2, 1))
    state = State((dyadic((3, 1, 2), 0),))
    x, y = dyadic((4, 2), 1), signs((4, 1), 2)
    cohort = Cohort.broadcast(network, state, x, y, 0.5)
    assert cohort.members == 3
    assert cohort.inputs.shape == (3, 4, 2)
    assert cohort.weight_decay.tolist() == [0.5] * 3
    own = replace(cohort, inputs=x.repeat(3, 1, 1), targets=y.repeat(3, 1, 1))
    assert torch.equal(
        velocity(cohort, Objective()).parameters[0], velocity(own, Objective()).parameters[0]
    )


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(InputError, match="there is none"):
        resolve_device("cuda")
    with pytest.raises(InputError, match="unknown device 'tpu'"):
        resolve_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda")


BASE = dyadic_cohort(mlp((2, 1)))
SEEDS = torch.tensor([1, 2, 3])
RHO = torch.ones(3).double()


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: State(BASE.state.parameters, RHO), "plain state has no rho"),
        (lambda: State(BASE.state.parameters, None, "lagrange"), "needs a rho"),
        (lambda: State(BASE.state.parameters, RHO, "sphere"), "unknown parametrisation"),  # type: ignore[arg-type]
        (lambda: replace(BASE, state=State(())), "as many"),
        (lambda: replace(BASE, inputs=BASE.inputs[:, :, :1]), "inputs has shape"),
        (lambda: replace(BASE, inputs=BASE.inputs[:, :0]), "one sample"),
        (lambda: replace(BASE, targets=BASE.targets[:, :3]), "targets has shape"),
        (lambda: replace(BASE, targets=BASE.targets.float()), "one floating dtype"),
        (lambda: replace(BASE, targets=math.nan * BASE.targets), "not finite"),
        (lambda: replace(BASE, weight_decay=-RHO), "not be negative"),
        (lambda: Objective("hinge"), "unknown loss"),  # type: ignore[arg-type]
        (lambda: Objective(penalty="both"), "unknown penalty"),  # type: ignore[arg-type]
        (lambda: velocity(BASE, PLAIN_SQUARE), "no effect"),
        (lambda: GradientNorm(PLAIN_SQUARE).of(BASE), "no effect"),
        (lambda: velocity(BASE, Objective(penalty="rho")), "needs a lagrange"),
        (lambda: velocity(BASE, Objective("cross_entropy")), "one-hot"),
        (
            lambda: velocity(replace(BASE, targets=2 * BASE.targets), Objective("exponential")),
            "one output",
        ),
        (lambda: flow(BASE, Objective(), 0.0), "horizon"),
        (lambda: flow(BASE, Objective(), 1.0, checkpoints=0), "at least 1"),
        (lambda: flow(BASE, Objective(), 1.0, checkpoints=[0.5, 0.5]), "must increase"),
        (lambda: flow(BASE, Objective(), 1.0, checkpoints=[2.0]), "must increase"),
        (lambda: flow(BASE, Objective(), 1.0, max_steps=0), "max_steps"),
        (lambda: flow(BASE.to(dtype=torch.float32), Objective(), 1.0), "float64"),
        (lambda: descend(steps=0), "at least 1"),
        (lambda: descend(learning_rate=0.0), "learning_rate must be positive"),
        (lambda: descend(learning_rate=RHO[:2]), "learning_rate must be a number"),
        (lambda: descend(momentum=1.0), "momentum"),
        (lambda: descend(decay=0.0), "decay"),
        (lambda: descend(measures={"step": lambda *_: RHO}), "taken"),
        (lambda: stochastic(batch_size=3), "choose a divisor"),
        (lambda: stochastic(batch_size=5), "between 1 and"),
        (lambda: stochastic(sampling="cyclic"), "unknown sampling"),
        (lambda: stochastic(batch_seeds=SEEDS[:2]), "batch_seeds"),
    ],
)
def test_bad_input(attempt: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attempt()


def descend(**options: Any) -> Run:
    return gradient_descent(BASE, Objective(), **{"learning_rate": 0.125, "steps": 1, **options})


def stochastic(**options: Any) -> Run:
    settings: dict[str, Any] = {
        "batch_size": 2,
        "epochs": 1,
        "learning_rate": 0.125,
        "batch_seeds": SEEDS,
    }
    return sgd(BASE, Objective(), **{**settings, **options})
