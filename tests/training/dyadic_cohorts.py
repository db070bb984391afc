"""Cohorts of dyadic numbers with so few bits that no operation of a trainer rounds.

Where a test compares exactly, its data come from here; had an operation rounded, the comparison
with the Fractions would fail.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from theorycheck.networks.specification import Network
from theorycheck.training.cohorts import Cohort, Objective, State, parametrise

PLAIN_SQUARE = Objective("square", "mean", "none")


def dyadic(shape: tuple[int, ...], seed: int, denominator: int = 2) -> Tensor:
    """Multiples of 1/denominator in [-2, 2]."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randint(-2 * denominator, 2 * denominator + 1, shape, generator=generator)
    return draw.double() / denominator


def signs(shape: tuple[int, ...], seed: int) -> Tensor:
    return 2 * (dyadic(shape, seed) > 0).double() - 1


def dyadic_cohort(
    network: Network, members: int = 3, samples: int = 4, seed: int = 0, decay: float = 0.25
) -> Cohort:
    """Labels are signs, inputs and parameters multiples of 1/2, decays multiples of ``decay``."""
    parameters = tuple(
        dyadic((members, *p.shape), seed + i) for i, p in enumerate(network.parameters)
    )
    return Cohort(
        network,
        State(parameters),
        dyadic((members, samples, network.input_width), seed + 50, denominator=1),
        signs((members, samples, network.output_width), seed + 60),
        decay * torch.arange(1, members + 1).double(),
    )


def with_rho(cohort: Cohort) -> Cohort:
    rho = dyadic((cohort.members,), 7, denominator=4)
    return replace(cohort, state=State(cohort.state.parameters, rho, "lagrange"))


def unit_start(cohort: Cohort, parametrisation: Any) -> Cohort:
    state = parametrise(cohort.network, cohort.state.parameters, parametrisation)
    half = torch.full_like(cohort.weight_decay, 0.5)
    return replace(cohort, state=replace(state, rho=half))
