"""Timing: pairs of runs in turn (A, B, A, B, …) in one process, and the machine's peak.

A cost is in seconds per member and step. Only the ratio of the two costs of a pair of runs says
something about the programs: times depend on the machine and on what else it does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import torch

from theorycheck.bench.competitors import ENGINE, Program
from theorycheck.bench.workloads import Task, Workload

WIDEST = 2.0
"""Definition: by which factor the quartiles of a ratio may differ, or it is not measured."""
BUSIEST = 0.5
"""Definition: how many cores other programs may keep busy, or nothing is measured: what waits for a
thread that is not running takes any time."""


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of repeated measurements."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Those of at least two values; quartiles are interpolated."""
        lower, _, upper = quantiles(values, n=4, method="inclusive")
        return cls(median(values), lower, upper)


@dataclass(frozen=True)
class Timing:
    """Runs of one program, possibly on fewer members or steps than were asked for."""

    program: str
    members: int
    steps: int
    seconds: tuple[float, ...]
    threads: int = 1
    """How many threads of torch it ran on: one or all, whichever was faster."""

    @property
    def costs(self) -> list[float]:
        """The cost of every run, in seconds per member and step."""
        return [seconds / (self.members * self.steps) for seconds in self.seconds]


@dataclass(frozen=True)
class Comparison:
    """Runs of this engine and of a competitor, in pairs."""

    engine: Timing
    competitor: Timing

    @property
    def ratios(self) -> list[float]:
        """The competitor's cost divided by the engine's, for every pair of runs."""
        pairs = zip(self.competitor.costs, self.engine.costs, strict=True)
        return [theirs / ours for theirs, ours in pairs]

    @property
    def steady(self) -> bool:
        """Whether the quartiles of the ratios are close enough for their median to say anything."""
        ratio = Spread.of(self.ratios)
        return ratio.upper <= WIDEST * ratio.lower


@dataclass(frozen=True)
class Row:
    """One workload in one dtype with one number of members, against all competitors."""

    workload: Workload
    dtype: str
    members: int
    steps: int
    comparisons: tuple[Comparison, ...]
    elsewhere: float | None
    """How many cores other programs kept busy during the runs; None if the system does not say."""

    @property
    def cost(self) -> Spread:
        """The engine's cost, over all of its runs."""
        return Spread.of([cost for c in self.comparisons for cost in c.engine.costs])

    @property
    def calm(self) -> bool:
        """Whether other programs left the machine alone, as far as is known."""
        return (self.elsewhere or 0.0) <= BUSIEST

    def measured(self, comparison: Comparison) -> bool:
        """Whether what was timed says something about the programs of a comparison."""
        return self.calm and comparison.steady


@dataclass(frozen=True)
class Protocol:
    """How everything is timed."""

    device: torch.device
    repeats: int
    """Pairs of runs, at least 2."""
    seconds: float
    """A run that would take longer trains fewer steps, or fewer members one by one."""
    all_steps: bool = False
    """Whether every run makes all steps, however long it takes."""


def compare(
    workload: Workload,
    dtype: str,
    members: int,
    steps: int,
    programs: Sequence[Program],
    protocol: Protocol,
) -> Row:
    """Time the engine against each competitor, in pairs of runs.

    Args:
        dtype: the name of a floating dtype of torch.
        steps: updates of every member, rounded up to whole epochs.
    """
    epochs = -(-steps // workload.updates)
    task = workload.task(members, epochs, getattr(torch, dtype), protocol.device)
    ours = _Contender(ENGINE, task, protocol)
    comparisons, elsewhere, total = [], 0.0, 0.0
    for program in programs:
        theirs = _Contender(program, task, protocol)
        before, start = _processor_time_elsewhere(), time.perf_counter()
        pairs = [(ours.run(), theirs.run()) for _ in range(protocol.repeats)]
        total += time.perf_counter() - start
        elsewhere += _processor_time_elsewhere() - before
        engine, competitor = zip(*pairs, strict=True)
        comparisons.append(Comparison(ours.timing(engine), theirs.timing(competitor)))
    cores = max(0.0, elsewhere / total) if KERNEL_STATISTICS.exists() else None
    return Row(workload, dtype, members, task.steps, tuple(comparisons), cores)


class _Contender:
    """A program, warmed up on as much of a task as it can train in the given time."""

    def __init__(self, program: Program, task: Task, protocol: Protocol) -> None:
        self.program, self.device = program, protocol.device
        members = 1 if program.one_by_one else task.members
        epochs = task.epochs if protocol.all_steps else 1
        self.threads = torch.get_num_threads()
        self._warm_up(task.part(members, epochs))
        # Where a core is taken by another program, all threads may be slower than one.
        self.threads = min({1, self.threads}, key=self._shortest_on)
        # A short run costs more per step than a long one, so that one estimate is not enough.
        while epochs < task.epochs and (seconds := self._shortest()) < protocol.seconds / 2:
            epochs = min(task.epochs, max(epochs + 1, int(epochs * protocol.seconds / seconds)))
            self._warm_up(task.part(members, epochs))
        if program.one_by_one:
            affordable = int(protocol.seconds / self._shortest())
            self._warm_up(task.part(max(1, min(task.members, affordable)), epochs))

    def _warm_up(self, task: Task) -> None:
        self.task, self.train = task, self.program.prepare(task)
        self.train()

    def _shortest(self) -> float:
        return min(self.run() for _ in range(2))

    def _shortest_on(self, threads: int) -> float:
        self.threads = threads
        return self._shortest()

    def run(self) -> float:
        """Seconds of one run, on its number of threads."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        _synchronise(self.device)
        start = time.perf_counter()
        self.train()
        _synchronise(self.device)
        seconds = time.perf_counter() - start
        torch.set_num_threads(before)
        return seconds

    def timing(self, seconds: tuple[float, ...]) -> Timing:
        done = self.task.members, self.task.steps
        return Timing(self.program.name, *done, seconds, self.threads)


KERNEL_STATISTICS = Path("/proc/stat")


def _processor_time_elsewhere() -> float:
    """Processor time of all other processes and of other virtual machines on this host, in seconds.

    On the cores that this process may use: what runs on others is in nobody's way. 0 where the
    system does not say.
    """
    if not KERNEL_STATISTICS.exists():
        return 0.0
    cores, ticks = {f"cpu{core}" for core in os.sched_getaffinity(0)}, 0
    for line in KERNEL_STATISTICS.read_text().splitlines():
        name, *counts = line.split()
        if name in cores:
            user, nice, system, _, _, *interrupts = map(int, counts[:8])
            ticks += user + nice + system + sum(interrupts)
    own = os.times()
    return ticks / os.sysconf("SC_CLK_TCK") - own.user - own.system


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


PEAK_SIZES = {"cpu": (256, 512, 1024, 2048), "cuda": (1024, 2048, 4096, 8192)}


def gemm_peak(dtype: str, device: torch.device) -> float:
    """Additions and multiplications per second in the fastest product of two square matrices."""
    return max(_gemm(size, dtype, device) for size in PEAK_SIZES[device.type])


def _gemm(size: int, dtype: str, device: torch.device, runs: int = 5) -> float:
    left, right = torch.randn(2, size, size, dtype=getattr(torch, dtype), device=device)
    product = torch.empty_like(left)
    products = max(1, round(1024**3 / size**3))

    def multiply() -> None:
        for _ in range(products):
            torch.mm(left, right, out=product)
        _synchronise(device)

    return 2 * size**3 * products / min(_seconds(multiply) for _ in range(1 + runs))


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """Limit PyTorch to a number of threads and, where the system can, the process to as many cores.

    The latter also limits libraries that choose their threads themselves.
    """
    before = torch.get_num_threads()
    affinity = getattr(os, "sched_setaffinity", None)
    cores = os.sched_getaffinity(0) if affinity else set()
    torch.set_num_threads(threads)
    if affinity:
        affinity(0, sorted(cores)[:threads])
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if affinity:
            affinity(0, cores)
