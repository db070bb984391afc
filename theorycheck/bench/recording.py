"""What recording costs: training with all measures at the default schedule, and without any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from theorycheck.bench.competitors import Program
from theorycheck.bench.measure import Protocol, Row, compare
from theorycheck.bench.torch_programs import engine
from theorycheck.bench.workloads import OBJECTIVE, workload
from theorycheck.measures.collapse import by_class, nc1_relative, nc2_norms
from theorycheck.measures.outputs import output_statistics
from theorycheck.measures.ranks import singular_values
from theorycheck.networks.evaluation import vertices
from theorycheck.networks.initialisation import frobenius_norms
from theorycheck.networks.specification import Network
from theorycheck.training.cohorts import State
from theorycheck.training.recording import GradientNorm, Measures

STEPS = {"W1": 8000, "W2": 1024}
"""Updates of every member: W1 is recorded three times; W2, whose updates cost a hundred times as
much, at its start and at its end."""
MEMBERS = (16, 64)


def sizes(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
    """``rho``, the product of the Frobenius norms of all weight matrices, ``(K,)``."""
    return frobenius_norms(network, state.parameters).prod(dim=-1)


def spectra(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
    """The singular values of all weight matrices, one matrix after the other, ``(K, S)``."""
    return torch.cat([singular_values(state.parameters[i]) for i in network.weights], dim=-1)


def values(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
    """Margins and neural collapse, ``(K, 4)``; samples are of one class and the other in turn."""
    *_, features, outputs = vertices(network, state.parameters, inputs)
    grouped = by_class(features, torch.arange(inputs.shape[1], device=inputs.device) % 2, 2)
    collapse = nc1_relative(grouped), nc2_norms(grouped)
    return torch.stack([*output_statistics(outputs, targets), *collapse], dim=-1)


MEASURES: Measures = {
    "rho": sizes,
    "singular values": spectra,
    "values": values,
    "gradient": GradientNorm(OBJECTIVE),
}
"""What is recorded besides distance and step, which a run always records."""


RECORDING = Program(
    "recording",
    "theorycheck with all measures at the default schedule",
    partial(engine, measures=MEASURES),
)


def recordings(dtypes: Sequence[str], protocol: Protocol) -> Iterator[Row]:
    """The engine without measures against the engine with all of them, a row for every size."""
    uncut = replace(protocol, all_steps=True)
    for name, steps in STEPS.items():
        for dtype in dtypes:
            for members in MEMBERS:
                yield compare(workload(name), dtype, members, steps, [RECORDING], uncut)
