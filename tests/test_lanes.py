"""Compiled training against the obvious loop, exact numbers, and itself in other company."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests import plain
from tests.cohorts import CONVOLUTIONAL, IDLE, drawn, networks, random_cohort, seeds, some
from theorycheck.errors import InputError
from theorycheck.networks.evaluation import forward, vertices
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
from theorycheck.training.batches import Batches, Sampling
from theorycheck.training.cohorts import Cohort, Loss, Objective, Parametrisation, State
from theorycheck.training.compiled import workers
from theorycheck.training.engines import Engine
from theorycheck.training.recording import Run
from theorycheck.training.trainers import gradient_descent, gradient_flow, sgd, together

torch.set_num_threads(1)

AGREEMENT = 1e-10
"""Definition: how far from the obvious loop, relative to the largest number of a tensor, an engine
may be after 1,000 updates of a problem on which trajectories do not part."""

ENGINES: tuple[Engine, ...] = ("compiled", "stacked")
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
    """Five members with small outputs, so that 1,000 small steps stay where they are bounded."""
    cohort = random_cohort(network, 5, 16, torch.float64, loss, parametrisation)
    state = cohort.state
    if state.rho is None:
        state = replace(state, parameters=tuple(p / 2 for p in state.parameters))
    else:
        state = replace(state, rho=state.rho / 8)
    decay = torch.linspace(0.001, 0.01, 5).double()
    return replace(cohort, state=state, inputs=cohort.inputs / 2, weight_decay=decay)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode[0])
def test_a_thousand_updates_are_those_of_the_obvious_loop(mode: Any) -> None:
    """Five members: four share vectors, and lanes of the fifth are samples."""
    _, network, loss, parametrisation, penalty, momentum = mode
    cohort = gentle_cohort(network, loss, parametrisation)
    objective, rate = Objective(loss, "mean", penalty), 0.005 * (1 - momentum)
    batches = Batches(torch.arange(5), 16, 4)
    expected = {k: plain.train(cohort, k, objective, batches, 250, rate, momentum) for k in (0, 4)}
    for engine in ENGINES:
        run = sgd(
            cohort,
            objective,
            batch_size=4,
            epochs=250,
            learning_rate=rate,
            momentum=momentum,
            batch_seeds=batches.seeds,
            record_every=100,
            engine=engine,
        )
        assert run.steps.tolist() == [1000] * 5
        for k, parameters in expected.items():
            assert apart(run, parameters, k) <= AGREEMENT, engine


@pytest.mark.parametrize("parametrisation", ["plain", "weight-norm"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_thousand_updates_at_kinks(parametrisation: Parametrisation, momentum: float) -> None:
    """Units that are at their kink by construction, at every sample and every update.

    Samples are ``(s, s)`` with a power of two ``s``. A unit with weights ``(a, -a)`` has the
    argument ``a s - a s = 0``: products and sum are exact, in any order, fused or not. The
    derivative there is 0, and decay keeps the weights opposite. The other units see positive or
    negative weights that 1,000 small steps do not turn, which is asserted: no other kink is met.
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
            epochs=250,
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
            expected = plain.train(cohort, k, objective, batches, 250, 0.002, momentum)
            assert apart(run, expected, k) <= AGREEMENT


def arguments(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
    """Arguments of the activations of the first layer, ``(K, N, units)``."""
    first = replace(network.layers[0], slope=LINEAR)
    linear = Network(network.input_width, (first, *network.layers[1:]))
    return vertices(linear, state.effective(network), inputs)[1]


@given(network=networks, members=st.integers(1, 9), samples=st.integers(1, 9), seed=seeds)
def test_an_update_is_exact_where_nothing_rounds(
    network: Network, members: int, samples: int, seed: int
) -> None:
    """Halves and integers, so small that autograd is exact; the step is ``W - (dL/dW + W)``."""
    _, parameters, inputs, targets = drawn(network, members, samples, seed)
    leaves = [p.clone().requires_grad_() for p in parameters]
    loss = (forward(network, tuple(leaves), inputs) - targets).square().sum()
    gradients = torch.autograd.grad(loss, leaves, materialize_grads=True)
    half = torch.full((members,), 0.5).double()
    run = gradient_descent(
        Cohort(network, State(parameters), inputs, targets, half),
        Objective("square", "sum"),
        learning_rate=1.0,
        steps=1,
        engine="compiled",
    )
    pairs = zip(run.state.parameters, parameters, gradients, strict=True)
    for index, (found, start, gradient) in enumerate(pairs):
        rest = 0 * start if index in network.weights else start
        assert np.array_equal(found.numpy(), (rest - gradient).numpy())


@pytest.mark.parametrize("members", [1, 4])
def test_weight_normalisation_by_hand(members: int) -> None:
    """``v = (4, 0)``, ``x = (1, 1)``, ``y = 0``: the gradient ``(2, 2)`` by ``V = (1, 0)`` has the
    tangential part ``(0, 2)``, and ``|v| = 4`` divides it; ``rho`` falls by 2.
    """
    start = torch.tensor([[[4.0, 0.0]]]).double().expand(members, 1, 2)
    state = State((start,), torch.ones(members).double(), "weight-norm")
    inputs, targets = torch.ones(1, 2).double(), torch.zeros(1, 1).double()
    cohort = Cohort.broadcast(mlp((2, 1), LINEAR), state, inputs, targets)
    run = gradient_descent(cohort, Objective(), learning_rate=1.0, steps=1, engine="compiled")
    assert run.state.parameters[0].tolist() == [[[4.0, -0.5]]] * members
    assert run.state.rho is not None
    assert run.state.rho.tolist() == [-1.0] * members


def train(cohort: Cohort, batch_size: int, sampling: Sampling, momentum: float) -> Tensor:
    """Everything that a run ends with, ``(K, ...)``."""
    members = cohort.members
    identity = cohort.inputs[:, 0, 0].view(members).abs().mul(1e6).long()
    run = sgd(
        cohort,
        Objective("square", "mean", "weights"),
        batch_size=batch_size,
        epochs=3,
        learning_rate=0.05 * identity.to(cohort.inputs.dtype) / 1e6,
        momentum=momentum,
        batch_seeds=identity,
        sampling=sampling,
        record_every=2,
        engine="compiled",
    )
    tensors = [*run.state.parameters, *run.trace["step"][1:], *run.trace["distance"][1:]]
    return torch.cat([t.reshape(members, -1) for t in tensors], dim=1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@given(
    network=st.one_of(
        networks,
        st.sampled_from(
            [mlp((3, 9, 5, 2), 0.5, normalisation=n) for n in ("batch", "batch-detached")]
        ),
    ),
    members=st.integers(2, 19),
    samples=st.integers(2, 18),
    parametrisation=st.sampled_from(["plain", "lagrange", "weight-norm"]),
    momentum=st.sampled_from([0.0, 0.9]),
    data=st.data(),
)
def test_bits_do_not_depend_on_company(
    dtype: Any,
    network: Network,
    members: int,
    samples: int,
    parametrisation: Parametrisation,
    momentum: float,
    data: st.DataObject,
) -> None:
    """Nor on whether lanes are members or samples: few members come out as many do."""
    cohort = random_cohort(network, members, samples, dtype, "square", parametrisation)
    batch_size = data.draw(st.integers(1, samples))
    together = train(cohort, batch_size, "uniform", momentum)
    low = data.draw(st.integers(0, members - 1))
    high = data.draw(st.integers(low + 1, members))
    alone = train(some(cohort, slice(low, high)), batch_size, "uniform", momentum)
    assert np.array_equal(alone.numpy(), together[low:high].numpy(), equal_nan=True)


@pytest.mark.parametrize("network", [CONVOLUTIONAL, IDLE, mlp((3, 8, 2))], ids=str)
def test_bits_do_not_depend_on_threads_or_memory(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = random_cohort(network, 23, 6)
    one = train(cohort, 2, "reshuffle", 0.5)
    torch.set_num_threads(2)
    try:
        two = train(cohort, 2, "reshuffle", 0.5)
    finally:
        torch.set_num_threads(1)
    monkeypatch.setattr(workers, "ORDER_BYTES", 1)
    assert np.array_equal(two, one, equal_nan=True)
    assert np.array_equal(train(cohort, 2, "reshuffle", 0.5), one, equal_nan=True)


@pytest.mark.parametrize("parametrisation", ["plain", "lagrange", "weight-norm"])
@pytest.mark.parametrize("layers", [(3, 5, 2), (3, 9, 9, 1)])
def test_members_leave_nothing_behind(
    layers: tuple[int, ...], parametrisation: Parametrisation
) -> None:
    """Those that use the memory of members that have diverged train as if they were alone."""
    cohort = random_cohort(mlp(layers, bias=True), 18, 6, parametrisation=parametrisation)
    # Lanes are members in the first 16, and samples in the last two.
    alone = slice(8, 16), slice(17, 18)
    huge = torch.full((18, 1, 1), 2.0**600, dtype=torch.float64)
    for members in alone:
        huge[members] = 1.0
    cohort = replace(cohort, inputs=cohort.inputs / 64, targets=cohort.targets * huge)
    whole = train(cohort, 2, "reshuffle", 0.5)
    assert whole[[*range(8), 16], -1].isnan().all()
    for members in alone:
        expected = train(some(cohort, members), 2, "reshuffle", 0.5)
        assert expected.isfinite().all()
        assert torch.equal(whole[members], expected)


def test_shared_data_are_not_copied_for_each_member() -> None:
    """And give what copies give."""
    network, generator = mlp((3, 4, 2)), torch.Generator().manual_seed(0)
    own = random_cohort(network, 6, 8)
    inputs, targets = own.inputs[0], torch.randn(8, 2, generator=generator).double()
    shared = Cohort.broadcast(network, own.state, inputs, targets, 0.1)
    copied = replace(shared, inputs=shared.inputs.contiguous(), targets=shared.targets.contiguous())
    found, expected = (train(c, 4, "reshuffle", 0.0) for c in (shared, copied))
    assert np.array_equal(found, expected, equal_nan=True)


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


@pytest.mark.parametrize("cut", [1, 3, 4, 8])
def test_flows_do_not_depend_on_company(cut: int) -> None:
    network = mlp((2, 4, 2), RELU)
    cohort = random_cohort(network, 11, 4, torch.float64, "cross_entropy", "weight-norm")

    def follow(part: Cohort) -> Run:
        objective = Objective("cross_entropy", "mean", "rho")
        return gradient_flow(part, objective, horizon=1.0, max_steps=60, engine="compiled")

    together, alone = follow(cohort), follow(some(cohort, slice(cut)))
    for whole, part in zip(together.state.parameters, alone.state.parameters, strict=True):
        assert torch.equal(whole[:cut], part)
    assert torch.equal(together.steps[:cut], alone.steps)


def test_networks_of_many_shapes_train_together() -> None:
    """As one after the other, bit for bit, in order, with all their threads."""
    trainings = []
    for width in range(1, 9):
        network = mlp((3, *[width] * (1 + width % 3), 2))
        cohort = random_cohort(network, 1 + width, 8)
        trainings.append(partial(train, cohort, 4, "reshuffle", 0.5))
    apart = [training() for training in trainings]
    torch.set_num_threads(2)
    try:
        united = together(trainings)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    for found, expected in zip(united, apart, strict=True):
        assert np.array_equal(found, expected, equal_nan=True)


# --- the choice of an engine ----------------------------------------------------------------------


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
