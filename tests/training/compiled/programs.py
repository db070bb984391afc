"""Programs of drawn networks, to be looked at rather than run."""

from __future__ import annotations

import math
from typing import Literal

import torch
from hypothesis import strategies as st

from theorycheck.drawing.networks import convolutional_networks, directed_graphs, mlps
from theorycheck.networks.specification import (
    LINEAR,
    RELU,
    Convolution,
    Edge,
    Identity,
    Layer,
    Network,
    mlp,
)
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Loss, Objective, Parametrisation, Penalty, State
from theorycheck.training.compiled.descent import DescentProgram
from theorycheck.training.compiled.flow import FlowProgram
from theorycheck.training.compiled.operations.base import Layout

SLOPES = (RELU, LINEAR, 0.5, -0.5)
FILTERS = Convolution(channels=2, height=3, width=3, filters=4, kernel=(2, 2))
POOLED = Convolution(channels=4, height=2, width=2, filters=3, kernel=(1, 2))
MIXED = Network(
    18,
    (
        Layer(16, (Edge(0, FILTERS),), bias=True, normalisation="batch"),
        Layer(6, (Edge(1, POOLED), Edge(0)), 0.5),
        Layer(16, (Edge(1, Identity()), Edge(0, FILTERS), Edge(2))),
        Layer(6, (Edge(3, POOLED), Edge(1, POOLED), Edge(2, Identity())), LINEAR),
        Layer(2, (Edge(4), Edge(4), Edge(3)), LINEAR),
    ),
)
"""Convolutions, batch normalisation, biases and skip connections."""

IDLE = Network(2, (Layer(3, (Edge(0),)), Layer(2, (Edge(1),), bias=True), Layer(1, (Edge(1),))))
"""The second layer leads nowhere."""

BESIDE = Network(2, (Layer(2, (Edge(0, Identity()),)), Layer(1, (Edge(0),))))
"""The first layer leads nowhere and has no parameters."""

networks = st.one_of(
    mlps(depths=(1, 4), widths=(1, 6), slopes=SLOPES, outputs=(1, 3), bias=True),
    directed_graphs(widths=(1, 5), slopes=SLOPES, outputs=(1, 3)),
    convolutional_networks(slopes=SLOPES, outputs=(1, 3), filters=(1, 4)),
    st.sampled_from([MIXED, IDLE, BESIDE, mlp((3, 9, 5, 2), 0.5, normalisation="batch-detached")]),
)

Program = DescentProgram | FlowProgram


def cohort_of(
    network: Network,
    members: int,
    samples: int,
    dtype: torch.dtype = torch.float64,
    parametrisation: Parametrisation = "plain",
    shared: bool = False,
) -> Cohort:
    """A cohort of zeros, all of whose targets are of the first class."""
    parameters = tuple(torch.zeros(members, *p.shape, dtype=dtype) for p in network.parameters)
    rho = None if parametrisation == "plain" else torch.ones(members, dtype=dtype)
    inputs = torch.zeros(members, samples, network.input_width, dtype=dtype)
    targets = torch.zeros(members, samples, network.output_width, dtype=dtype)
    targets[..., 0] = 1
    if shared:
        inputs, targets = (t[0].expand_as(t) for t in (inputs, targets))
    state = State(parameters, rho, parametrisation)
    return Cohort(network, state, inputs, targets, torch.zeros(members, dtype=dtype))


def descent_of(
    cohort: Cohort,
    layout: Layout,
    objective: Objective | None = None,
    batch_size: int = 1,
    momentum: bool = False,
    window: int = 3,
) -> DescentProgram:
    members, samples = cohort.inputs.shape[:2]
    batches = Batches(torch.arange(members), samples, batch_size, "uniform")
    table = DescentProgram.table_of(_rows(cohort), momentum)
    return DescentProgram(cohort, objective or Objective(), batches, layout, table, window)


def flow_of(cohort: Cohort, layout: Layout, objective: Objective | None = None) -> FlowProgram:
    members, samples = cohort.inputs.shape[:2]
    batches = Batches(torch.zeros(members, dtype=torch.int64), samples, samples)
    table = FlowProgram.table_of(_rows(cohort), _rows(cohort))
    limits = 1e-4, 1e-6, 100
    return FlowProgram(cohort, objective or Objective(), batches, layout, *limits, table)


def _rows(cohort: Cohort) -> torch.Tensor:
    count = sum(math.prod(p.shape) for p in cohort.network.parameters)
    return cohort.inputs.new_zeros(cohort.members, count + (cohort.state.rho is not None))


@st.composite
def programs(draw: st.DrawFn, kind: Literal["descent", "flow"]) -> Program:
    """All losses, penalties, parametrisations, layouts, and dtypes."""
    network = draw(networks)
    layout: Layout = draw(st.sampled_from(("members", "samples")))
    parametrisation: Parametrisation = draw(st.sampled_from(("plain", "lagrange", "weight-norm")))
    losses: list[Loss] = ["square", "cross_entropy" if network.output_width > 1 else "exponential"]
    penalties: list[Penalty] = ["none", "weights", "rho"]
    penalties = penalties[:2] if parametrisation == "plain" else penalties
    objective = Objective(
        draw(st.sampled_from(losses)),
        draw(st.sampled_from(("mean", "sum"))),
        draw(st.sampled_from(penalties)),
    )
    samples, shared = draw(st.integers(1, 12)), draw(st.booleans())
    dtype = draw(st.sampled_from((torch.float32, torch.float64)))
    dtype = torch.float64 if kind == "flow" else dtype
    members = draw(st.integers(1, 9))
    cohort = cohort_of(network, members, samples, dtype, parametrisation, shared)
    if kind == "flow":
        return flow_of(cohort, layout, objective)
    size, momentum = draw(st.integers(1, samples)), draw(st.booleans())
    return descent_of(cohort, layout, objective, size, momentum, draw(st.integers(1, 4)))
