"""Both engines against the plain loop for hundreds of updates, and which engine is chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training import plain
from tests.training.cohorts import random_cohort
from tests.training.dyadic_cohorts import dyadic_cohort
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import vertices
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    Normalisation,
    mlp,
)
from theorycheck.training import engines
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Loss, Objective, Parametrisation, State
from theorycheck.training.engines import Engine
from theorycheck.training.recording import Run
from theorycheck.training.trainers import gradient_descent, gradient_flow, sgd


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


AGREEMENT = 240e-13
"""Definition: how far from the obvious loop, relative to the largest number of a tensor, an engine
may be after 240 updates of a problem on which trajectories do not part: 1e-13 for each."""

ENGINES: tuple[Engine, ...] = ("compiled", "stacked")
EPOCHS = 60
"""Of four updates each."""
CHAIN = mlp((5, 6, 4, 3), LINEAR)
ONE_OUTPUT = mlp((5, 6, 4, 1), LINEAR)
SKIPS = Network(
    5,
    (
        Layer(4, (Edge(0),), LINEAR, bias=True),
        Layer(4, (Edge(1), Edge(1, Identity())), LINEAR),
        Layer(3, (Edge(2), Edge(0), Edge(2)), LINEAR),
    ),
)
IMAGES = Network(
    2 * 4 * 4,
    (
        Layer(27, (Edge(0, Convolution(2, 4, 4, 3, (2, 2))),), LINEAR),
        Layer(8, (Edge(1, Convolution(3, 3, 3, 2, (2, 2))),), LINEAR),
        Layer(3, (Edge(2), Edge(1)), LINEAR),
    ),
)


def normalised(kind: Normalisation) -> Network:
    return mlp((5, 6, 4, 3), LINEAR, normalisation=kind, bias=kind == "batch")


MODES: list[tuple[str, Network, str, str, str, float]] = [
    *(
        (f"{parametrisation} {loss} {momentum}", network, loss, parametrisation, penalty, momentum)
        for parametrisation, penalty in (
            ("plain", "weights"),
            ("lagrange", "rho"),
            ("weight-norm", "rho"),
        )
        for loss, network in (
            ("square", CHAIN),
            ("cross_entropy", CHAIN),
            ("exponential", ONE_OUTPUT),
        )
        for momentum in (0.0, 0.9)
    ),
    ("lagrange, weights decay", CHAIN, "square", "lagrange", "weights", 0.0),
    ("batch norm", normalised("batch"), "square", "plain", "weights", 0.9),
    ("detached batch norm", normalised("batch-detached"), "cross_entropy", "plain", "weights", 0.0),
    ("skips", SKIPS, "square", "plain", "weights", 0.9),
    ("convolutions", IMAGES, "cross_entropy", "plain", "weights", 0.0),
    ("convolutions, weight norm", IMAGES, "square", "weight-norm", "rho", 0.0),
]
"""Activations are linear, so that there is no kink and all updates are smooth."""


def apart(run: Run, expected: list[Tensor], member: int) -> float:
    """The largest difference of a member's numbers, relative to the largest of them."""
    found = [p[member] for p in run.state.parameters]
    if run.state.rho is not None:
        found.append(run.state.rho[member])
    difference = max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True))
    return difference / max(float(b.abs().max()) for b in expected)


def gentle_cohort(network: Network, loss: Loss, parametrisation: Parametrisation) -> Cohort:
    """Five members with small outputs, so that 240 small steps stay where they are bounded."""
    cohort = random_cohort(network, 5, 16, torch.float64, loss, parametrisation)
    state = cohort.state
    if state.rho is None:
        state = replace(state, parameters=tuple(p / 2 for p in state.parameters))
    else:
        state = replace(state, rho=state.rho / 8)
    decay = torch.linspace(0.001, 0.01, 5).double()
    return replace(cohort, state=state, inputs=cohort.inputs / 2, weight_decay=decay)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode[0])
def test_hundreds_of_updates_are_those_of_the_obvious_loop(mode: Any) -> None:
    """Five members: four share vectors, and lanes of the fifth are samples."""
    _, network, loss, parametrisation, penalty, momentum = mode
    cohort = gentle_cohort(network, loss, parametrisation)
    objective, rate = Objective(loss, "mean", penalty), 0.005 * (1 - momentum)
    batches = Batches(torch.arange(5), 16, 4)
    expected = {
        k: plain.train(cohort, k, objective, batches, EPOCHS, rate, momentum) for k in (0, 4)
    }
    for engine in ENGINES:
        run = sgd(
            cohort,
            objective,
            batch_size=4,
            epochs=EPOCHS,
            learning_rate=rate,
            momentum=momentum,
            batch_seeds=batches.seeds,
            record_every=100,
            engine=engine,
        )
        assert run.steps.tolist() == [240] * 5
        for k, parameters in expected.items():
            assert apart(run, parameters, k) <= AGREEMENT, engine


@pytest.mark.parametrize("parametrisation", ["plain", "weight-norm"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_hundreds_of_updates_at_kinks(parametrisation: Parametrisation, momentum: float) -> None:
    """Units that are at their kink by construction, at every sample and every update.

    Samples are ``(s, s)`` with a power of two ``s``. A unit with weights ``(a, -a)`` has the
    argument ``a s - a s = 0``: products and sum are exact, in any order, fused or not. The
    derivative there is 0, and decay keeps the weights opposite. The other units see positive or
    negative weights that 240 small steps do not turn, which is asserted: no other kink is met.
    """
    rows = torch.tensor([[1.5, -1.5], [0.7, -0.7], [0.9, 0.8], [-0.6, -0.5], [1.1, 0.4]]).double()
    network = mlp((2, 5, 1), RELU)
    first = rows.expand(5, 5, 2) * torch.linspace(0.5, 1.5, 5)[:, None, None]
    second = torch.tensor([[0.4, -0.3, 0.5, 0.2, 0.3]]).double().expand(5, 1, 5)
    state = State((first.contiguous(), second.contiguous()))
    if parametrisation == "weight-norm":
        state = replace(state, rho=torch.ones(5).double(), parametrisation="weight-norm")
    inputs = torch.tensor([0.25, 0.5, 1.0, 2.0] * 2).double()[:, None].expand(8, 2)
    targets = torch.linspace(-0.1, 0.3, 8).double()[:, None]
    cohort = Cohort.broadcast(network, state, inputs, targets, 0.01)
    objective = Objective(penalty="weights")
    batches = Batches(torch.arange(5), 8, 2)
    for engine in ENGINES:
        run = sgd(
            cohort,
            objective,
            batch_size=2,
            epochs=EPOCHS,
            learning_rate=0.002,
            momentum=momentum,
            batch_seeds=batches.seeds,
            record_every=1,
            measures={"arguments": arguments},
            engine=engine,
        )
        seen = run.trace["arguments"]
        assert (seen[..., :2] == 0).all()
        assert (seen[..., [2, 4]] > 0).all()
        assert (seen[..., 3] < 0).all()
        for k in (0, 4):
            expected = plain.train(cohort, k, objective, batches, EPOCHS, 0.002, momentum)
            assert apart(run, expected, k) <= AGREEMENT


def arguments(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
    """Arguments of the activations of the first layer, ``(K, N, units)``."""
    first = replace(network.layers[0], slope=LINEAR)
    linear = Network(network.input_width, (first, *network.layers[1:]))
    return vertices(linear, state.effective(network), inputs)[1]


@pytest.mark.parametrize("members", [1, 4, 9])
def test_flows_of_both_engines_agree(members: int) -> None:
    """On linear networks, which have no kink, and at all checkpoints."""
    network = mlp((2, 3, 2), LINEAR)
    cohort = random_cohort(network, members, 3, torch.float64, "square", "lagrange")
    runs = [
        gradient_flow(
            cohort,
            Objective("square", "mean", "rho"),
            horizon=2.0,
            checkpoints=3,
            measures={"rho": lambda network, state, *data: state.rho},
            engine=engine,
        )
        for engine in ENGINES
    ]
    compiled, stacked = (run.trace["rho"] for run in runs)
    assert ((compiled - stacked).abs() <= AGREEMENT * stacked.abs()).all()
    assert torch.equal(runs[0].steps, runs[1].steps)


def engine_of(monkeypatch: pytest.MonkeyPatch, network: Network, batch: int) -> str:
    """Which engine ``auto`` takes."""
    taken = []
    for engine in ("CompiledDescent", "StackedDescent"):
        original = getattr(engines, engine)

        def note(*options: Any, original: Any = original, engine: str = engine) -> Any:
            taken.append(engine)
            return original(*options)

        monkeypatch.setattr(engines, engine, note)
    cohort = random_cohort(network, 1, batch, torch.float32)
    gradient_descent(cohort, Objective(), learning_rate=0.1, steps=1)
    monkeypatch.undo()
    (name,) = taken
    return name


def test_small_networks_are_compiled_and_large_ones_stacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert engine_of(monkeypatch, mlp((2, 3, 1)), 4) == "CompiledDescent"
    assert engine_of(monkeypatch, mlp((64, 128, 128, 128, 128, 10)), 32) == "CompiledDescent"
    assert engine_of(monkeypatch, mlp((784, 1024, 10)), 128) == "StackedDescent"


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    cohort = random_cohort(mlp((2, 3, 1)), 2, 4)
    expected = gradient_descent(
        cohort, Objective(), learning_rate=0.1, steps=3, engine="stacked"
    ).state.parameters
    monkeypatch.setattr(engines, "COMPILER", False)
    found = gradient_descent(cohort, Objective(), learning_rate=0.1, steps=3).state.parameters
    assert all(map(torch.equal, found, expected))
    with pytest.raises(InputError, match="needs llvmlite"):
        gradient_descent(cohort, Objective(), learning_rate=0.1, steps=3, engine="compiled")


def test_unknown_engines_are_named() -> None:
    cohort = random_cohort(mlp((2, 3, 1)), 2, 4)
    unknown: Any = "fast"
    with pytest.raises(InputError, match="unknown engine 'fast'"):
        gradient_descent(cohort, Objective(), learning_rate=0.1, steps=3, engine=unknown)
