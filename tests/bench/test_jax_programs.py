"""The programs of JAX make the updates that are made on Fractions, and say where there is none.

Where JAX is not installed, the network is computed with NumPy in its place.
"""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.bench.descent import fractions, trained, values
from tests.bench.tasks import CPU, NETWORKS, integer_task
from theorycheck.bench import jax_programs
from theorycheck.bench.jax_programs import lacks_jax
from theorycheck.networks.specification import Network

PROGRAMS = [jax_programs.vmapped, jax_programs.mapped] if lacks_jax(CPU) is None else []
"""None where JAX is not installed."""


def replace_jax(monkeypatch: pytest.MonkeyPatch, **members: Any) -> None:
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(**members))


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_updates_are_those_on_fractions(network: Network) -> None:
    task = integer_task(network)
    for program in PROGRAMS:
        weights = program(task)()
        shapes = [start.shape for start in task.cohort.state.parameters]
        assert [w.shape for w in weights] == shapes
        for member in range(task.members):
            assert [fractions(w[member]) for w in weights] == trained(task, member)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_outputs_are_those_on_fractions(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    rectifier = SimpleNamespace(relu=lambda numbers: np.maximum(numbers, 0))
    replace_jax(monkeypatch, numpy=np, nn=rectifier)
    monkeypatch.setitem(sys.modules, "jax.numpy", np)
    cohort = integer_task(network).cohort
    weights = [parameter[0].numpy() for parameter in cohort.state.parameters]
    outputs = torch.from_numpy(jax_programs._outputs(network, weights, cohort.inputs[0].numpy()))
    matrices = [fractions(parameter[0]) for parameter in cohort.state.parameters]
    for inputs, found in zip(cohort.inputs[0], outputs, strict=True):
        assert fractions(found) == values(network, matrices, fractions(inputs))[-1]


def test_why_jax_cannot_train(monkeypatch: pytest.MonkeyPatch) -> None:
    def devices(platform: str) -> list[str]:
        if platform != "cpu":
            raise RuntimeError(f"unknown backend {platform}")
        return ["a device"]

    monkeypatch.setitem(sys.modules, "jax", None)
    assert lacks_jax(CPU) == "jax is not installed"
    replace_jax(monkeypatch, devices=devices)
    assert lacks_jax(CPU) is None
    assert lacks_jax(torch.device("cuda")) == "jax has no cuda device"


def test_jax_takes_no_memory_in_advance_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_jax(monkeypatch, devices=lambda platform: [platform])
    for before, after in ((None, "false"), ("true", "true")):
        if before is None:
            monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
        else:
            monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", before)
        assert lacks_jax(CPU) is None
        assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == after
