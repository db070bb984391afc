"""Every program of PyTorch makes the updates that are made on Fractions."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial

import pytest
import torch

from tests.bench.descent import fractions, trained
from tests.bench.tasks import CPU, NETWORKS, integer_task
from theorycheck.bench import torch_programs
from theorycheck.bench.torch_programs import lacks_compiler
from theorycheck.bench.workloads import Task, Training
from theorycheck.networks.specification import Network, mlp

PROGRAMS: dict[str, Callable[[Task], Training]] = {
    "engine": torch_programs.engine,
    "stacked": partial(torch_programs.engine, name="stacked"),
    "plain": torch_programs.plain,
    "vmapped": torch_programs.vmapped,
}
if lacks_compiler(CPU) is None:
    PROGRAMS["compiled"] = torch_programs.compiled

# What PyTorch's own compiler imports warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


def check(train: Training, task: Task) -> None:
    weights, starts = train(), task.cohort.state.parameters
    assert [w.shape for w in weights] == [start.shape for start in starts]
    for member in range(task.members):
        assert [fractions(w[member]) for w in weights] == trained(task, member)
    assert all(not torch.equal(*pair) for pair in zip(weights, starts, strict=True))


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_updates_are_those_on_fractions(program: str, network: Network) -> None:
    task = integer_task(network)
    check(PROGRAMS[program](task), task)


@pytest.mark.parametrize("program", PROGRAMS)
def test_one_member_trains_alone(program: str) -> None:
    task = integer_task(mlp((3, 4, 2))).part(1, 1)
    check(PROGRAMS[program](task), task)


def test_the_compiler_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "sh")
    assert lacks_compiler(CPU) is None
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert lacks_compiler(CPU) == "there is no C++ compiler no-such-compiler"
    monkeypatch.delenv("CXX")
    monkeypatch.setattr(shutil, "which", {"g++": None}.__getitem__)
    assert lacks_compiler(CPU) == "there is no C++ compiler g++"
