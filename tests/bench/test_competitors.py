"""All programs of the benchmark train the same weights, again and again."""

from __future__ import annotations

import pytest
import torch

from tests.bench.tasks import CPU, integer_task
from theorycheck.bench.competitors import COMPETITORS, ENGINE, Program
from theorycheck.bench.workloads import convolutional
from theorycheck.networks.specification import Network, mlp

PRESENT = [program for program in COMPETITORS.values() if program.lacks(CPU) is None]
"""The competitors that are installed."""


# What PyTorch's own compiler imports warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.mark.parametrize(
    "network", [mlp((3, 4, 2)), convolutional((1, 2, 2), 5, 2)], ids=["mlp", "convolutions"]
)
@pytest.mark.parametrize("program", PRESENT, ids=lambda program: program.name)
def test_programs_train_the_same_weights(program: Program, network: Network) -> None:
    task = integer_task(network)
    expected = ENGINE.prepare(task)()
    trained = program.prepare(task)()
    starts = zip(task.cohort.state.parameters, expected, strict=True)
    assert all(not torch.equal(start, end) for start, end in starts)
    assert all(torch.equal(*pair) for pair in zip(expected, trained, strict=True))


@pytest.mark.parametrize("program", [ENGINE, *PRESENT], ids=lambda program: program.name)
def test_a_training_can_be_repeated(program: Program) -> None:
    train = program.prepare(integer_task(mlp((3, 4, 2))))
    first = [weight.clone() for weight in train()]
    assert all(torch.equal(*pair) for pair in zip(first, train(), strict=True))
