"""Batch normalisation of constant units: they have no value, for both engines and all readers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from theorycheck import arithmetic
from theorycheck.arithmetic.evaluation import ConstantUnit
from theorycheck.arithmetic.numbers import rationals
from theorycheck.networks.evaluation import forward
from theorycheck.networks.initialisation import initialise
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Edge,
    Layer,
    Network,
    Normalisation,
    Parameters,
    mlp,
)
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.engines import Engine
from theorycheck.training.recording import Run
from theorycheck.training.trainers import gradient_flow, sgd

MEMBERS = 11
CONSTANT = torch.arange(MEMBERS) % 3 == 1
"""The members with a constant unit: side by side with others, and among those left over."""

Way = Callable[[Parameters, Tensor], None]

FILTERS = Convolution(channels=5, height=3, width=3, filters=4, kernel=(2, 2))
NETWORKS: dict[str, Callable[[Normalisation], Network]] = {
    "dense": lambda normalisation: mlp((5, 6, 2), normalisation=normalisation),
    "deep": lambda normalisation: Network(
        5,
        (
            Layer(7, (Edge(0),), RELU, bias=True),
            Layer(6, (Edge(1),), 0.25, normalisation, bias=True),
            Layer(2, (Edge(2),), LINEAR),
        ),
    ),
    "convolution": lambda normalisation: Network(
        45,
        (
            Layer(16, (Edge(0, FILTERS),), RELU, normalisation),
            Layer(2, (Edge(1),), LINEAR),
        ),
    ),
}


def equal_samples(parameters: Parameters, inputs: Tensor) -> None:
    inputs[CONSTANT] = inputs[CONSTANT][:, :1]


def equal_features(parameters: Parameters, inputs: Tensor) -> None:
    inputs[CONSTANT] = 0.1


def idle_features(parameters: Parameters, inputs: Tensor) -> None:
    """Half of the features are constant, and the weights of the others are 0."""
    half = inputs.shape[2] // 2
    constant = inputs[CONSTANT][:, :1, :half]
    inputs[CONSTANT, :, :half] = constant.expand(-1, inputs.shape[1], -1)
    first = parameters[0]
    columns = torch.arange(first.shape[2]) % inputs.shape[2] >= half
    first[CONSTANT] = torch.where(columns, torch.zeros(()), first[CONSTANT])


def dead_units(parameters: Parameters, inputs: Tensor) -> None:
    parameters[0][CONSTANT] = 0


WAYS = [equal_samples, equal_features, idle_features, dead_units]


EPOCHS = 4
ENGINES: tuple[Engine, ...] = ("compiled", "stacked")


def train(given: Cohort, batch_size: int, engine: Engine) -> Run:
    return sgd(
        given,
        Objective(),
        batch_size=batch_size,
        epochs=EPOCHS,
        learning_rate=2.0**-10,
        batch_seeds=torch.arange(MEMBERS),
        record_every=1,
        engine=engine,
    )


def cohort(
    network: Network, dtype: torch.dtype, samples: int, way: Way | None, seed: int = 0
) -> Cohort:
    """Members that are alive, and the `CONSTANT` ones, made so in some way."""
    generator = torch.Generator().manual_seed(seed)
    parameters = initialise(network, MEMBERS, seed=seed, dtype=dtype)
    shape = MEMBERS, samples, network.input_width
    inputs = torch.randn(shape, generator=generator, dtype=dtype)
    targets = torch.randn(MEMBERS, samples, 2, generator=generator, dtype=dtype)
    if way is not None:
        way(parameters, inputs)
    return Cohort.broadcast(network, State(parameters), inputs, targets, 0.01)


@pytest.mark.parametrize("samples", [3, 12])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("normalisation", ["batch", "batch-detached"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("way", WAYS)
def test_members_with_constant_units_diverge_in_both_engines(
    way: Way, name: str, normalisation: Normalisation, dtype: torch.dtype, samples: int
) -> None:
    network = NETWORKS[name](normalisation)
    if name == "convolution" and way is idle_features:
        return  # Its features take turns among the columns in another way.
    given = cohort(network, dtype, samples, way)
    outputs = forward(network, given.state.parameters, given.inputs)
    assert torch.equal(outputs.isnan().flatten(1).all(dim=1), CONSTANT)
    assert torch.equal(outputs.isfinite().flatten(1).all(dim=1), ~CONSTANT)
    for engine in ENGINES:
        run = train(given, 3, engine)
        assert torch.equal(run.diverged, CONSTANT)
        assert torch.equal(run.trace["distance"][1:].isnan(), CONSTANT.expand(EPOCHS, -1))
        for start, end in zip(given.state.parameters, run.state.parameters, strict=True):
            assert torch.equal(start[CONSTANT], end[CONSTANT])
    member = int(CONSTANT.nonzero()[0])
    exact = [rationals(p[member].numpy()) for p in given.state.parameters]
    inputs = rationals(given.inputs[member].numpy())
    with pytest.raises(ConstantUnit):
        arithmetic.vertices(network, exact, inputs)


def opposite_features(parameters: Parameters, inputs: Tensor) -> Parameters:
    """Two features are equal, with opposite weights; the other weights are 0."""
    inputs[..., 1] = inputs[..., 0]
    parameters[0][:, 0] = 0
    parameters[0][:, 0, :2] = torch.tensor([0.7, -0.7])
    return parameters


def opposite_edges(parameters: Parameters, inputs: Tensor) -> Parameters:
    return (parameters[0], -parameters[0], *parameters[2:])


def parts_of_a_number(parameters: Parameters, inputs: Tensor) -> Parameters:
    """``relu(z) - relu(-z) - z`` is 0 for every z."""
    parameters[0][:] = torch.tensor([[0.3], [-0.3]])
    parameters[1][:] = torch.tensor([[1.0, -1.0]])
    parameters[2][:] = -parameters[0][:, :1]
    return parameters


def opposite_patches(parameters: Parameters, inputs: Tensor) -> Parameters:
    """Pixels come in equal pairs, and filters have opposite weights for them."""
    inputs[..., 1::2] = inputs[..., ::2].clone()
    parameters[0][:] = torch.tensor([0.7, -0.7, 0.3, -0.3])
    return parameters


CANCELLING: dict[Callable[[Parameters, Tensor], Parameters], Network] = {
    opposite_features: mlp((4, 5, 2), normalisation="batch"),
    opposite_edges: Network(
        4, (Layer(3, (Edge(0), Edge(0)), RELU, "batch"), Layer(2, (Edge(1),), LINEAR))
    ),
    parts_of_a_number: Network(
        1,
        (
            Layer(2, (Edge(0),), RELU),
            Layer(1, (Edge(1), Edge(0)), LINEAR, "batch", bias=True),
            Layer(2, (Edge(2),), LINEAR),
        ),
    ),
    opposite_patches: Network(
        16,
        (
            Layer(4, (Edge(0, Convolution(1, 4, 4, 1, (2, 2), 2)),), RELU, "batch"),
            Layer(2, (Edge(1),), LINEAR),
        ),
    ),
}


@pytest.mark.parametrize("samples", [3, 12])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("way", CANCELLING)
def test_terms_that_cancel_leave_no_value(
    way: Callable[[Parameters, Tensor], Parameters], dtype: torch.dtype, samples: int
) -> None:
    """What they leave is rounding, of which each engine has another."""
    network = CANCELLING[way]
    given = cohort(network, dtype, samples, None)
    given = replace(given, state=State(way(given.state.parameters, given.inputs)))
    outputs = forward(network, given.state.parameters, given.inputs)
    assert outputs.isnan().flatten(1).all()
    for engine in ENGINES:
        run = train(given, 3, engine)
        assert run.diverged.all()
        assert not run.steps.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_of_one_sample_is_constant(dtype: torch.dtype) -> None:
    for name in NETWORKS:
        given = cohort(NETWORKS[name]("batch"), dtype, 2, None)
        assert all(train(given, 1, engine).diverged.all() for engine in ENGINES)


def test_a_member_diverges_in_the_epoch_that_meets_a_constant_batch() -> None:
    """Two of four samples are equal: the first epoch that has them in one batch is its last."""
    given = cohort(mlp((5, 6, 2), normalisation="batch"), torch.float64, 4, None)
    given.inputs[:, 1] = given.inputs[:, 0]
    orders = Batches(torch.arange(MEMBERS), 4, 2).orders(0, EPOCHS)
    together = (orders < 2).all(dim=-1).any(dim=-1)
    lost = together.cumsum(dim=1) > 0
    assert lost[:, 0].any()
    assert (lost[:, -1] & ~lost[:, 0]).any()
    for engine in ENGINES:
        run = train(given, 2, engine)
        assert torch.equal(run.diverged, lost[:, -1])
        assert torch.equal(run.trace["distance"][1:].isnan(), lost.T)


@pytest.mark.parametrize("way", [equal_samples, equal_features, dead_units])
def test_a_flow_of_a_constant_unit_diverges_at_its_start(way: Way) -> None:
    given = cohort(mlp((5, 6, 2), normalisation="batch"), torch.float64, 7, way)
    for engine in ENGINES:
        run = gradient_flow(given, Objective(), horizon=2.0**-10, engine=engine)
        assert torch.equal(run.diverged, CONSTANT)
        assert torch.equal(run.steps == 0, CONSTANT)
        for start, end in zip(given.state.parameters, run.state.parameters, strict=True):
            assert torch.equal(start[CONSTANT], end[CONSTANT])


@pytest.mark.parametrize("engine", ["compiled", "stacked"])
@pytest.mark.parametrize("share", [-0.9, -0.6, 0.6, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_scale_of_the_inputs_changes_nothing(
    dtype: torch.dtype, share: float, engine: Engine
) -> None:
    """Inputs times a power of 2 close to the ends of the exponents: bit for bit the same weights.

    Variances would vanish or overflow; the first weights' gradient is a product of slopes and
    inputs, in which the power cancels.
    """
    plain = cohort(mlp((5, 6, 2), normalisation="batch"), dtype, 6, None)
    power = round(share * math.log2(torch.finfo(dtype).max))
    scaled = replace(plain, inputs=torch.ldexp(plain.inputs, torch.tensor(power)))
    expected, found = train(plain, 3, engine), train(scaled, 3, engine)
    assert not expected.diverged.any()
    assert all(map(torch.equal, found.state.parameters, expected.state.parameters))
