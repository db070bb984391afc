"""Compiled flows: a member's bits do not depend on its company."""

from __future__ import annotations

import pytest
import torch

from tests.training.cohorts import random_cohort, some
from theorycheck.networks.specification import RELU, mlp
from theorycheck.training.cohorts import Cohort, Objective
from theorycheck.training.recording import Run
from theorycheck.training.trainers import gradient_flow


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
