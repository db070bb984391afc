"""Where flows of rho and V from a case begin, and what they lower."""

import torch

import theorycheck as tc

OBJECTIVE = tc.Objective("square", "mean", "rho")


def started(case: tc.Case, device: str) -> tc.Cohort:
    """The members of a case, from their V and the rho and weight decay among its numbers."""
    assert case.targets is not None
    parameters, inputs = case.tensors(device)
    rho = torch.full((case.members,), float(case.numbers["rho"]), dtype=torch.float64)
    state = tc.State(parameters, rho.to(inputs.device), "lagrange")
    targets = torch.tensor(case.targets.astype(float), device=inputs.device)
    decay = float(case.numbers["weight_decay"])
    return tc.Cohort.broadcast(case.network, state, inputs, targets, decay)
