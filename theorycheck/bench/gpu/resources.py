"""The checks of what training takes: memory, the parts it is split into, and time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Literal

import torch
from torch import Tensor

from theorycheck.bench.competitors import competitors
from theorycheck.bench.gpu.checks import name, same_bits
from theorycheck.bench.gpu.findings import Figures, Finding, Work
from theorycheck.bench.gpu.modes import DTYPES
from theorycheck.bench.gpu.stand_ins import exhausted, peak_memory, scarce
from theorycheck.bench.measure import Protocol, Spread, compare, limited_to
from theorycheck.bench.workloads import NAMED, OBJECTIVE, Task, Workload, workload
from theorycheck.networks.specification import Network
from theorycheck.training.cohorts import State
from theorycheck.training.memory import DESCENT_ROWS, FLOW_ROWS, SHARE, bytes_per_member
from theorycheck.training.recording import Run
from theorycheck.training.trainers import gradient_flow, sgd

MEMORY = 2**32
"""Bytes that a cohort takes on a GPU, far more than the libraries' own buffers."""
FEW = 32
"""Members of a cohort on a CPU."""
WASTE = 4
"""Definition: what is stated bounds what is taken, and is at most this many times as large."""
Trainer = Literal["descent", "flow"]


def splitting(device: torch.device) -> Iterator[tuple[str, Work]]:
    """Cohorts that do not fit into memory train in parts, and to the same bits.

    Once the engine knows how little memory is free, and once it finds out.
    """
    for chosen, dtype in product(("W1", "W3"), DTYPES):
        for known in (True, False):
            how = "memory is scarce" if known else "memory runs out"
            subject = f"{chosen}, {name(dtype)}, {how}"
            yield subject, partial(_split, NAMED[chosen], dtype, device, known)


def _split(work: Workload, dtype: torch.dtype, device: torch.device, known: bool) -> Finding:
    members, need = _members(work, dtype, device, "descent")
    task = work.task(members, 1, dtype, device)
    whole = _train(task, "descent")
    # Half of the members fit into the share of the memory that may be taken; or not even what
    # training takes at least, see `WASTE`.
    half = int(members * need / 2 / SHARE)
    least = members * need // (2 * WASTE)
    limited = scarce(device, half) if known else exhausted(device, least, members // 2)
    with limited:
        parts = _train(task, "descent")
    largest = int(parts.trace["part"].max())
    figures: Figures = {
        "members": members,
        "largest_part": largest,
        "notes": "; ".join(parts.notes),
    }
    if int(whole.trace["part"].min()) < members or largest == members:
        return Finding(False, "the whole was split, or the parts were not", figures)
    # How large parts are is the only measure that may differ.
    parts.trace["part"] = whole.trace["part"]
    found = same_bits(whole, parts)
    return Finding(found.passed, found.words, {**figures, **found.figures})


def memory(device: torch.device) -> Iterator[tuple[str, Work]]:
    """With every member, training takes no more memory than the engine reckons with."""
    for chosen, dtype in product(("W1", "W3"), DTYPES):
        yield f"{chosen}, {name(dtype)}", partial(_peak, NAMED[chosen], dtype, device, "descent")
    yield "W1, float64, flow", partial(_peak, NAMED["W1"], torch.float64, device, "flow")


def _peak(work: Workload, dtype: torch.dtype, device: torch.device, trainer: Trainer) -> Finding:
    """What more members take: what does not grow with them, such as workspaces, cancels."""
    most, need = _members(work, dtype, device, trainer)
    members, peaks = (most // 4, most), []
    for count in members:
        task = work.task(count, 1, dtype, device)
        peaks.append(peak_memory(partial(_train, task, trainer), device))
    growth = (peaks[1] - peaks[0]) / (members[1] - members[0])
    figures = {"members": most, "peak": peaks[1], "stated": need, "taken": growth}
    if not growth <= need:
        return Finding(False, "more memory than stated", figures)
    if not need <= WASTE * growth:
        return Finding(False, f"stated is more than {WASTE} times as much as taken", figures)
    return Finding(True, figures=figures)


def _members(
    work: Workload, dtype: torch.dtype, device: torch.device, trainer: Trainer
) -> tuple[int, int]:
    """How many members a cohort has, and the bytes that the engine reckons with for each."""
    cohort = work.task(1, 1, dtype, device).cohort
    batch, rows = work.batch_size, DESCENT_ROWS
    if trainer == "flow":
        batch, rows = work.samples, FLOW_ROWS
    need = bytes_per_member(cohort, OBJECTIVE, batch, rows, in_arenas=False)
    return FEW if device.type == "cpu" else MEMORY // need, need


def _train(task: Task, trainer: Trainer) -> Run:
    """Train a task on stacked tensors; recorded is in how large a part each member trains."""

    def part(network: Network, state: State, inputs: Tensor, targets: Tensor) -> Tensor:
        return torch.full_like(inputs[:, 0, 0], len(inputs))

    if trainer == "flow":
        # Steps take the same memory however many there are.
        flow = partial(gradient_flow, horizon=2.0**-20)
        return flow(task.cohort, OBJECTIVE, measures={"part": part}, engine="stacked")
    return sgd(
        task.cohort,
        OBJECTIVE,
        batch_size=task.batches.batch_size,
        epochs=task.epochs,
        learning_rate=task.learning_rate,
        momentum=0.5,
        batch_seeds=task.batches.seeds,
        measures={"part": part},
        engine="stacked",
    )


STEPS, MEMBERS, THREADS = 1000, (1, 64, 1024), 2
PROTOCOL = {"repeats": 3, "seconds": 0.1}
SMALL, SHORT = "mlp:2-3-1@2/4", {"repeats": 2, "seconds": 0.001}
"""What is timed on a CPU, and how: nothing is learned of speed there."""


def speed(device: torch.device) -> Iterator[tuple[str, Work]]:
    """Cohorts train at least as fast as one network after another, and by how much faster."""
    gpu = device.type == "cuda"
    workloads = [NAMED[w] for w in ("W1", "W2", "W3")] if gpu else [workload(SMALL)]
    for work, dtype, members in product(workloads, DTYPES, MEMBERS if gpu else (1, 2)):
        subject = f"{work.name}, {name(dtype)}, {members} members"
        yield subject, partial(_timed, work, dtype, members, device)


def _timed(work: Workload, dtype: torch.dtype, members: int, device: torch.device) -> Finding:
    gpu = device.type == "cuda"
    repeats, seconds = (PROTOCOL if gpu else SHORT).values()
    protocol = Protocol(device, int(repeats), seconds)
    steps = STEPS if gpu else work.updates
    with limited_to(THREADS):
        row = compare(work, name(dtype), members, steps, competitors(["plain"]), protocol)
    [comparison] = row.comparisons
    ratio = Spread.of(comparison.ratios)
    figures = {
        "seconds_per_member_and_step": row.cost.median,
        "ratio": ratio.median,
        "ratio_lower": ratio.lower,
        "ratio_upper": ratio.upper,
        "measured": row.measured(comparison),
        "busy_elsewhere": row.elsewhere,
    }
    if gpu and not row.measured(comparison):
        return Finding(False, "not measured: other programs, or times that vary", figures)
    if gpu and ratio.median < 1:
        return Finding(False, "slower than one network after another", figures)
    words = f"{ratio.median:.3g} times as fast as one network after another" if gpu else ""
    return Finding(True, words, figures)
