"""Training in parts: the same bits, and no more memory than stated."""

from __future__ import annotations

import errno
import gc
import itertools
import json
import subprocess
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
import torch

from tests.training.cohorts import random_cohort
from theorycheck import notes
from theorycheck.errors import InputError
from theorycheck.networks.specification import Convolution, Edge, Layer, Network, mlp
from theorycheck.training import engines, memory
from theorycheck.training.cohorts import Cohort, Objective, Parametrisation
from theorycheck.training.memory import FULL, in_parts
from theorycheck.training.recording import GradientNorm, Measures, Run
from theorycheck.training.stacked.descent import StackedDescent
from theorycheck.training.stacked.tape import Tape
from theorycheck.training.trainers import gradient_flow, sgd
from theorycheck.training.vector_field import Evaluation, Field

Patch = pytest.MonkeyPatch
CPU = torch.device("cpu")
ENGINES = ["stacked", "compiled"] if find_spec("llvmlite") else ["stacked"]

FILTERS = Convolution(channels=1, height=2, width=3, filters=2, kernel=(2, 2))
CONVOLUTIONAL = Network(6, (Layer(4, (Edge(0, FILTERS),)), Layer(3, (Edge(1),), 1.0)))
NETWORKS = [mlp((6, 9, 3), 0.5, bias=True), CONVOLUTIONAL, mlp((6, 5, 3), normalisation="batch")]


def cohort(network: Network, parametrisation: Parametrisation, members: int = 13) -> Cohort:
    drawn = random_cohort(network, members, 8, parametrisation=parametrisation)
    decay = torch.linspace(0, 0.1, members).double()
    return replace(drawn, targets=drawn.inputs[..., :3].abs(), weight_decay=decay)


def limit(monkeypatch: pytest.MonkeyPatch, members: int) -> None:
    """Let there be free memory for this many members."""
    monkeypatch.setattr(memory, "SHARE", 1.0)
    monkeypatch.setattr(memory, "bytes_per_member", lambda *_: 1000)
    monkeypatch.setattr(engines, "bytes_per_member", lambda *_: 1000)
    monkeypatch.setattr(memory, "free_memory", lambda _: 1000 * members + 999)


def descent(cohort: Cohort, objective: Objective, engine: Any) -> Run:
    members = cohort.members
    return sgd(
        cohort,
        objective,
        batch_size=4,
        epochs=3,
        learning_rate=torch.linspace(0.01, 0.1, members).double(),
        momentum=torch.linspace(0, 0.5, members).double(),
        batch_seeds=torch.arange(members),
        milestones=[1],
        record_every=2,
        measures={
            "first": lambda network, state, x, y: state.effective(network)[0],
            "gradient": GradientNorm(objective),
        },
        engine=engine,
    )


def flow(cohort: Cohort, objective: Objective, engine: Any) -> Run:
    """Definition: its tolerances only say how long it takes; the bits are compared."""
    measures: Measures = {
        "first": lambda network, state, x, y: state.parameters[0],
        "gradient": GradientNorm(objective),
    }
    return gradient_flow(
        cohort,
        objective,
        horizon=0.125,
        checkpoints=2,
        relative_tolerance=1e-4,
        absolute_tolerance=1e-6,
        max_steps=12,
        measures=measures,
        engine=engine,
    )


def equal(one: Run, other: Run) -> bool:
    tensors = [(one.times, other.times), *zip(_all(one), _all(other), strict=True)]
    tensors += [(one.trace[name], other.trace[name]) for name in one.trace]
    return one.trace.keys() == other.trace.keys() and all(
        torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in tensors
    )


def _all(run: Run) -> list[torch.Tensor]:
    rho = [] if run.state.rho is None else [run.state.rho]
    return [*run.state.parameters, *rho, run.steps, run.diverged, run.stalled, run.at_kink]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("parametrisation", ["plain", "lagrange", "weight-norm"])
@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("train", [descent, flow])
def test_parts_give_the_bits_of_the_whole(
    train: Callable[..., Run],
    network: Network,
    parametrisation: Parametrisation,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = cohort(network, parametrisation, members=7)
    objective = Objective(penalty="weights" if parametrisation == "plain" else "rho")
    expected = train(whole, objective, engine)
    for most in (1, 3):
        limit(monkeypatch, most)
        run = train(whole, objective, engine)
        assert run.notes == expected.notes
        assert equal(run, expected)


def test_as_few_parts_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    for fitting, size in ((0, 1), (1, 1), (7, 7), (FULL + 3, FULL), (50, 50)):
        limit(monkeypatch, fitting)
        sizes: list[slice] = []
        made = in_parts(50, 1000, CPU, sizes.append)
        whole = [slice(i, min(i + size, 50)) for i in range(0, 50, size)]
        assert sizes == (whole if size < 50 else [slice(0, FULL * 3), slice(FULL * 3, 50)])
        assert made == ()
    limit(monkeypatch, 64)
    sizes = []
    in_parts(50, 1000, CPU, sizes.append)
    assert sizes == [slice(0, 50)]


def test_what_runs_out_of_memory_is_halved_and_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 64)

    results: list[range] = []

    def train(members: slice) -> None:
        found = range(members.start, members.stop)
        if len(found) > 6:
            raise torch.OutOfMemoryError("out of memory")
        results.append(found)

    with notes.collecting() as outer, notes.collecting() as inner:
        made = in_parts(21, 1000, CPU, train)
    assert [i for result in results for i in result] == list(range(21))
    assert [len(result) for result in results] == [5, 5, 5, 5, 1]
    assert list(made) == outer == inner
    assert made == (
        "21 members at once ran out of memory on cpu: going on with 10",
        "10 members at once ran out of memory on cpu: going on with 5",
    )
    with pytest.raises(torch.OutOfMemoryError):
        in_parts(21, 1000, CPU, lambda members: train(slice(0, 7)))


def chained(error: BaseException, earlier: BaseException) -> BaseException:
    error.__context__ = earlier
    return error


EXHAUSTED = [
    MemoryError(),
    MemoryError("Unable to allocate 3 GiB for an array"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 12288000 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError("std::bad_alloc"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("can't start new thread"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    chained(
        RuntimeError("CUDA error: operation failed due to a previous error during capture"),
        torch.OutOfMemoryError("CUDA out of memory"),
    ),
]
OTHERS = [
    RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
    InputError("learning_rate must be positive and finite"),
    OSError(errno.ENOENT, "No such file or directory"),
    chained(ValueError("memory"), KeyError("out of memory")),
]


@pytest.mark.parametrize("error", EXHAUSTED, ids=repr)
def test_errors_that_say_that_memory_ran_out(error: Exception, monkeypatch: Patch) -> None:
    limit(monkeypatch, 64)

    results: list[slice] = []

    def train(members: slice) -> None:
        if members.stop - members.start > 1:
            raise error
        results.append(members)

    made = in_parts(3, 1000, CPU, train)
    assert results == [slice(i, i + 1) for i in range(3)]
    assert made == ("3 members at once ran out of memory on cpu: going on with 1",)


def test_what_did_not_fit_is_freed_before_the_rest_trains(monkeypatch: Patch) -> None:
    """What a part had allocated, though it refers to itself, as engines may."""
    limit(monkeypatch, 64)
    left: list[weakref.ref[Buffers]] = []
    free: list[bool] = []

    class Buffers:
        def __init__(self) -> None:
            self.own = self

    def train(members: slice) -> None:
        free.append(all(reference() is None for reference in left))
        if members.stop - members.start > 1:
            left.append(weakref.ref(Buffers()))
            raise MemoryError

    gc.disable()
    try:
        in_parts(5, 1000, CPU, train)
    finally:
        gc.enable()
    assert len(left) == 2
    assert len(free) == 7
    assert all(free)


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_errors_that_say_something_else(error: Exception, monkeypatch: Patch) -> None:
    limit(monkeypatch, 64)
    calls: list[slice] = []

    def train(members: slice) -> None:
        calls.append(members)
        raise error

    with pytest.raises(type(error)) as raised:
        in_parts(3, 1000, CPU, train)
    assert raised.value is error
    assert calls == [slice(0, 3)]


LIMITED = """
import json, resource, sys, torch
from theorycheck.networks import initialise, mlp
from theorycheck.training import Cohort, Objective, State, engines, memory, sgd

members, engine, limit, share = int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
torch.set_num_threads(2)
network = mlp((64, 128, 1))
data = (torch.randn(members, 8, width) for width in (64, 1))
start = State(initialise(network, members, dtype=torch.float32))
cohort = Cohort(network, start, *data, torch.zeros(members))

def train():
    return sgd(cohort, Objective(), batch_size=8, epochs=1, learning_rate=0.01,
               batch_seeds=torch.arange(members), engine=engine)

expected = train()
sizes, whole = [], engines.Descent.run

def run(training):
    sizes.append(training.cohort.members)
    return whole(training)

engines.Descent.run = run
pages = [int(count) for count in open("/proc/self/statm").read().split()]
taken = pages[{"RLIMIT_AS": 0, "RLIMIT_DATA": 5}[limit]] * resource.getpagesize()
memory.SHARE = share
most = taken + int(sys.argv[5]) * 2**20
resource.setrlimit(getattr(resource, limit), (most, resource.RLIM_INFINITY))
found = train()
same = all(map(torch.equal, found.state.parameters, expected.state.parameters))
print(json.dumps([sizes, list(found.notes), same]))
"""


@pytest.mark.parametrize(
    ("engine", "limit", "share", "spare"),
    [
        *itertools.product(ENGINES, ("RLIMIT_AS", "RLIMIT_DATA"), (0.5,), (90,)),
        ("stacked", "RLIMIT_AS", 100.0, 110),
    ],
)
def test_a_cohort_trains_in_parts_under_a_limit(
    engine: str, limit: str, share: float, spare: int
) -> None:
    """With this many MB more than what is taken already: by foresight, and where that failed, after
    an error. What is reached takes 50 MB, and only a part of it is held twice.
    """
    command = [sys.executable, "-c", LIMITED, "1500", engine, limit, str(share), str(spare)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    sizes, made, same = json.loads(done.stdout)
    assert same
    assert sum(sizes) >= 1500
    assert len(sizes) > 1
    assert (made == []) == (share < 1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("parametrisation", ["plain", "lagrange", "weight-norm"])
def test_what_a_part_took_is_free_when_it_ends(
    parametrisation: Parametrisation, engine: str
) -> None:
    """Nothing waits for a collection of cycles: the next part may need the room."""
    whole = cohort(NETWORKS[0], parametrisation)
    descent(whole, Objective(), engine)
    gc.collect()
    gc.disable()
    try:
        descent(whole, Objective(), engine)
        flow(whole, Objective(), engine)
        kinds = (Tape, Field, Evaluation)  # `isinstance` reads attributes, some of which warn
        left = [found for found in gc.get_objects() if issubclass(type(found), kinds)]
    finally:
        gc.enable()
    assert left == []


def test_parts_leave_room_for_what_they_put_away_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 kB half may be taken: 48 members of 1 kB at once, or 40 beside results of 20 kB."""
    monkeypatch.setattr(memory, "free_memory", lambda device: 100_000)
    for members, parts in ((48, [48]), (49, [32, 17]), (100, [32, 32, 32, 4])):
        made: list[slice] = []
        in_parts(members, 1000, CPU, made.append, 200)
        assert [part.stop - part.start for part in made] == parts


def test_a_run_that_ran_out_of_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cohort(NETWORKS[0], "plain")
    expected = descent(whole, Objective(), "stacked")

    def short_of_memory(part: Cohort, *rest: Any) -> Any:
        if part.members > 8:
            raise torch.OutOfMemoryError("out of memory")
        return StackedDescent(part, *rest)

    monkeypatch.setattr(engines, "StackedDescent", short_of_memory)
    run = descent(whole, Objective(), "stacked")
    assert run.notes == ("13 members at once ran out of memory on cpu: going on with 6",)
    assert equal(run, expected)


PEAK = """
import json, sys, torch
from theorycheck.training.memory import ARENA_ROWS, DESCENT_ROWS, bytes_per_member
from theorycheck.networks import initialise, mlp
from theorycheck.training import Cohort, Objective, State, sgd

torch.set_num_threads(1)
members, engine = int(sys.argv[1]), sys.argv[2]
network = mlp((16, 32, 32, 1))
data = (torch.zeros(members, 64, width).double() + 1 for width in (16, 1))
decay = torch.zeros(members).double()
cohort = Cohort(network, State(initialise(network, members)), *data, decay)

def memory(name):
    [line] = [line for line in open("/proc/self/status") if line.startswith(name)]
    return 1024 * int(line.split()[1])

with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak from now on
before = memory("VmRSS")
sgd(cohort, Objective(), batch_size=8, epochs=1, learning_rate=0.01, momentum=0.5,
    batch_seeds=torch.arange(members), engine=engine)
compiled = engine == "compiled"
rows = ARENA_ROWS if compiled else DESCENT_ROWS
need = bytes_per_member(cohort, Objective(), 8, rows, compiled)
print(json.dumps([memory("VmHWM") - before, need]))
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_memory_grows_by_no_more_than_stated_with_every_member(engine: str) -> None:
    """What the processes' pages say of 1,500 members more, whose tensors are pages of their own.

    Definition: the stated constant is a bound, and not four times too large.
    """
    peaks = []
    for members in (500, 2000):
        command = [sys.executable, "-c", PEAK, str(members), engine]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peak, need = json.loads(done.stdout)
        peaks.append(peak)
    growth = (peaks[1] - peaks[0]) / 1500
    assert growth <= need <= 4 * growth
