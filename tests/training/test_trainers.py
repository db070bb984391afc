"""Descent of both engines, against exact updates on Fractions and torch; what trainers refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import torch

from tests.training.cohorts import DEVICES, some
from tests.training.dyadic_cohorts import PLAIN_SQUARE, dyadic_cohort, with_rho
from tests.training.flows import flow
from tests.training.velocities import exact_descent, final_tensors, same
from theorycheck.errors import InputError
from theorycheck.networks.specification import mlp
from theorycheck.training.batches import Batches, Sampling
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.recording import GradientNorm, Run
from theorycheck.training.trainers import gradient_descent, sgd
from theorycheck.training.vector_field import velocity

pytestmark = pytest.mark.usefixtures("engine")


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("record_every", [1, 3, 40])
def test_steps_lead_from_the_start_to_the_state(dtype: torch.dtype, record_every: int) -> None:
    """On samples 1 with target 0 an update multiplies the weight by ``1 - 2 rate``, here ``-2^p``.

    With two updates in an epoch, the square of ``2^(2 p n)`` after n epochs is no number from the
    first n on with ``4 p n`` at least 128 (float32) or 1024 (float64).
    """
    powers, epochs = torch.tensor([0, 3, 7, 40, 63]), 40
    one = torch.ones(5, 2, 1, dtype=dtype)
    cohort = Cohort.broadcast(mlp((1, 1)), State((one[:, :1],)), one, 0 * one)
    run = sgd(
        cohort,
        PLAIN_SQUARE,
        batch_size=1,
        epochs=epochs,
        learning_rate=0.5 * (1 + torch.ldexp(torch.ones(5, dtype=dtype), powers)),
        batch_seeds=torch.arange(5),
        record_every=record_every,
    )
    limit = 128 if dtype == torch.float32 else 1024
    lost = [next((n for n in range(1, 41) if 4 * p * n >= limit), None) for p in powers.tolist()]
    finished = [epochs if n is None else n - 1 for n in lost]
    assert run.steps.dtype == torch.int64
    assert run.steps.tolist() == [2 * n for n in finished]
    assert run.diverged.tolist() == [n is not None for n in lost]
    reached = [2.0 ** (2 * p * n) for p, n in zip(powers.tolist(), finished, strict=True)]
    assert run.state.parameters[0].flatten().tolist() == reached


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
