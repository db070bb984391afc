"""The checks of what trains beside what: other members, and other cohorts in other threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

import torch

from theorycheck.bench.gpu.checks import TOLERANCE, chosen, name, same_bits
from theorycheck.bench.gpu.findings import Finding, Work
from theorycheck.bench.gpu.modes import DTYPES, MEMBERS, SOME, Mode, descend, flow
from theorycheck.bench.measure import limited_to
from theorycheck.networks.specification import LINEAR
from theorycheck.training.recording import Run, Whole
from theorycheck.training.trainers import together

THREADS = 2
"""Definition: in how many threads cohorts train at once."""


def company(device: torch.device) -> Iterator[tuple[str, Work]]:
    """Neither other members nor other cohorts change what a member computes."""
    yield from alone(device)
    yield from united(device)


def alone(device: torch.device) -> Iterator[tuple[str, Work]]:
    """Every member that trains alone ends with the bits that it has among all."""
    for mode, dtype in product(chosen(SOME, device), DTYPES):
        yield f"{mode}, {name(dtype)}", partial(_alone, mode, dtype, device)


def _alone(mode: Mode, dtype: torch.dtype, device: torch.device) -> Finding:
    cohort = mode.cohort(dtype).to(device)
    whole = Whole(MEMBERS)
    for member in range(MEMBERS):
        one = slice(member, member + 1)
        whole.put(one, descend(mode, cohort, members=one))
    assert whole.run is not None
    return same_bits(descend(mode, cohort), whole.run)


def united(device: torch.device) -> Iterator[tuple[str, Work]]:
    """Cohorts of unlike networks that train at once end as they do one after the other."""
    modes = chosen(SOME, device)
    for dtype in DTYPES:
        trainings = partial(_descents, modes, dtype, device)
        yield f"descents, {name(dtype)}", partial(_united, trainings)
    yield "descents and flows", partial(_united, partial(_mixed, modes, device))


def _descents(
    modes: Sequence[Mode], dtype: torch.dtype, device: torch.device
) -> list[Callable[[], Run]]:
    return [partial(descend, mode, mode.cohort(dtype).to(device)) for mode in modes]


def _mixed(modes: Sequence[Mode], device: torch.device) -> list[Callable[[], Run]]:
    """A descent beside every flow: one records its updates while the other waits for its steps."""
    descents = _descents(modes, torch.float64, device)[:THREADS]
    flows = [
        partial(flow, mode, mode.cohort(torch.float64, LINEAR).to(device), TOLERANCE)
        for mode in modes[:THREADS]
    ]
    return [training for pair in zip(descents, flows, strict=True) for training in pair]


def _united(trainings: Callable[[], list[Callable[[], Run]]]) -> Finding:
    made = trainings()
    apart = [training() for training in made]
    with limited_to(THREADS):
        at_once = together(made)
    found = [same_bits(one, other) for one, other in zip(at_once, apart, strict=True)]
    figures = {"cohorts": len(found), "same": sum(finding.passed for finding in found)}
    if figures["same"] < len(found):
        return Finding(False, "other bits", figures)
    return Finding(True, figures=figures)
