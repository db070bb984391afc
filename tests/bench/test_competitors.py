"""The programs by name, and that each can train again and again."""

from __future__ import annotations

import pytest
import torch

from tests.bench.tasks import CPU, integer_task
from theorycheck.bench.competitors import COMPETITORS, ENGINE, Program, competitors
from theorycheck.errors import InputError
from theorycheck.networks.specification import mlp

PRESENT = [program for program in COMPETITORS.values() if program.lacks(CPU) is None]
"""The competitors that are installed."""

# What PyTorch's own compiler imports warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["vmap", "plain", "vmap"], ["vmap", "plain"]),
        (["jax"], ["jax-vmap", "jax-map"]),
        (["jax-map", "jax"], ["jax-map", "jax-vmap"]),
        (["all"], ["plain", "stacked", "vmap", "compile", "jax-vmap", "jax-map"]),
        ([], []),
    ],
    ids=str,
)
def test_programs_are_chosen_once_each_in_order(names: list[str], chosen: list[str]) -> None:
    assert [program.name for program in competitors(names)] == chosen


def test_unknown_programs_are_refused_in_one_line() -> None:
    with pytest.raises(
        InputError, match=r"unknown competitor 'keras': choose from plain, .*, all$"
    ):
        competitors(["plain", "keras"])


@pytest.mark.parametrize("program", [ENGINE, *PRESENT], ids=lambda program: program.name)
def test_a_training_can_be_repeated(program: Program) -> None:
    """With the same weights at the end as any other program's."""
    task = integer_task(mlp((3, 4, 2)))
    expected = ENGINE.prepare(task)()
    train = program.prepare(task)
    for _ in range(2):
        assert all(torch.equal(*pair) for pair in zip(expected, train(), strict=True))
