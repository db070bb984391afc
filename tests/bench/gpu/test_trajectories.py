"""The enclosures hold the obvious loop and both engines, and nothing that is far from them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.training import plain
from theorycheck.bench.gpu.modes import DTYPES, EPOCHS, SOME, Mode, descend
from theorycheck.bench.gpu.trajectories import enclosure
from theorycheck.simd.available import COMPILER

ENGINES = ["stacked", "compiled"] if COMPILER else ["stacked"]
WHOLE = replace(SOME[0], trainer="gradient descent")


@pytest.mark.parametrize("mode", [*SOME, WHOLE], ids=str)
def test_the_obvious_loop_is_enclosed(mode: Mode) -> None:
    """Written with autograd, in float64; its order of operations is another one."""
    cohort = mode.cohort(torch.float64)
    balls = enclosure(mode, cohort, torch.float64)
    options = mode.objective, mode.batches, EPOCHS, mode.learning_rate, mode.momentum
    for member in (0, 4):
        expected = plain.train(cohort, member, *options)
        for ball, end in zip(balls, expected, strict=True):
            assert bool(((end - ball.value[member]).abs() <= ball.error[member]).all())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("mode", [*SOME, WHOLE], ids=str)
def test_both_engines_are_enclosed(mode: Mode, dtype: torch.dtype) -> None:
    cohort = mode.cohort(dtype)
    balls = enclosure(mode, cohort, dtype)
    for engine in ENGINES:
        state = descend(mode, cohort, engine).state  # type: ignore[arg-type]
        found = [*state.parameters, *([] if state.rho is None else [state.rho])]
        for ball, end in zip(balls, found, strict=True):
            assert bool(((end.double() - ball.value).abs() <= ball.error).all())


@pytest.mark.parametrize("mode", SOME, ids=str)
def test_single_precision_is_not_enclosed_by_double(mode: Mode) -> None:
    """Its roundings, of which each number has several, are more than the bounds."""
    cohort = mode.cohort(torch.float32)
    ends = descend(mode, cohort).state.parameters
    balls = enclosure(mode, cohort, torch.float64)[: len(ends)]
    assert any(
        bool(((end.double() - ball.value).abs() > ball.error).any())
        for ball, end in zip(balls, ends, strict=True)
    )
