"""Flows of rho and V from a case, for statements on the states that they reach."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import torch

import theorycheck as tc

OBJECTIVE = tc.Objective("square", "mean", "rho")
Along = Callable[[tc.Setting, tc.Case], Iterator[tc.Case | tc.Rejection]]


def flowed(horizon: float) -> Along:
    """Gradient flow of the averaged loss with Lagrange multipliers (xu2022, Eq. 5).

    The weights of the case are V; rho and the weight decay are among its numbers. A state is read
    as the rationals that its numbers are; norms differ from 1 by the errors of the integrator.
    """

    def along(setting: tc.Setting, case: tc.Case) -> Iterator[tc.Case | tc.Rejection]:
        run = tc.gradient_flow(
            started(case, setting.device), OBJECTIVE, horizon=horizon, max_steps=2000
        )
        for member in range(case.members):
            if run.stalled[member] or run.diverged[member]:
                yield tc.Rejection("the integrator stalled at a kink")
                continue
            assert run.state.rho is not None
            reached = tuple(p[member : member + 1].cpu().numpy() for p in run.state.parameters)
            numbers = {**case.numbers, "rho": Fraction(float(run.state.rho[member]))}
            yield replace(case.member(member), parameters=reached, numbers=numbers)

    return along


def started(case: tc.Case, device: str) -> tc.Cohort:
    """The members of a case, from their V and the rho and weight decay among its numbers."""
    assert case.targets is not None
    parameters, inputs = case.tensors(device)
    rho = torch.full((case.members,), float(case.numbers["rho"]), dtype=torch.float64)
    state = tc.State(parameters, rho.to(inputs.device), "lagrange")
    targets = torch.tensor(case.targets.astype(float), device=inputs.device)
    decay = float(case.numbers["weight_decay"])
    return tc.Cohort.broadcast(case.network, state, inputs, targets, decay)
