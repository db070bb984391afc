"""Replayed updates: the same steps as one by one, with a graph that only calls a function again.

Where there is a GPU, the graph is a real one too.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.networks.architectures import EVERYTHING
from tests.training.cohorts import CONVOLUTIONAL, IDLE, random_cohort
from theorycheck.bench.gpu.modes import SOME, Mode
from theorycheck.networks.specification import Convolution, Network, mlp
from theorycheck.training.batches import Batches
from theorycheck.training.cohorts import Cohort, Objective, State
from theorycheck.training.recording import Run
from theorycheck.training.stacked import cuda_graph
from theorycheck.training.stacked.cuda_graph import Replayed
from theorycheck.training.stacked.descent import StackedDescent
from theorycheck.training.trainers import gradient_descent, gradient_flow, together
from theorycheck.training.vector_field import Field

GENUINE = [False, True] if torch.cuda.is_available() else [False]


def trained(batch_size: int, momentum: float, device: str, replayed: bool) -> list[Tensor]:
    cohort = random_cohort(mlp((3, 5, 2), bias=True), 3, 12).to(device)
    batches = Batches(torch.arange(3), 12, batch_size)
    inertia = torch.full_like(cohort.weight_decay, momentum)[:, None] if momentum else None
    field = Field(cohort, Objective())
    descent = StackedDescent(cohort, batches, inertia, field, field.pack(cohort.state))
    if replayed:
        changed = descent._moving, descent._buffer, descent._lengths
        descent._replayed = Replayed(descent._update, changed)
    else:
        descent._replayed = None
    rate = torch.tensor([0.01, 0.02, 0.04]).to(cohort.inputs)[:, None]
    paths = [descent.advance(0, 2, rate), descent.advance(2, 3, rate / 2)]
    return [descent.rows, descent.diverged, *paths]


@pytest.mark.parametrize("genuine", GENUINE)
@pytest.mark.parametrize("batch_size", [1, 2, 3, 12])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_replayed_updates_are_the_updates(
    momentum: float, batch_size: int, genuine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[Callable[[], None]] = []

    def record(work: Callable[[], None]) -> Callable[[], None]:
        work()
        recorded.append(work)
        return work

    monkeypatch.setattr(cuda_graph, "LONGEST", 4)
    if not genuine:
        monkeypatch.setattr(cuda_graph, "record", record)
    device = "cuda" if genuine else "cpu"
    found = trained(batch_size, momentum, device, True)
    expected = trained(batch_size, momentum, device, False)
    assert len(recorded) == (not genuine)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize(("updates", "count"), [(1, 1), (6, 3), (7, 1), (8, 4)])
def test_a_graph_holds_a_divisor_of_the_updates(
    updates: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sums of what is seen, so that a batch left out, or seen twice, would show."""
    monkeypatch.setattr(cuda_graph, "LONGEST", 4)
    monkeypatch.setattr(cuda_graph, "record", lambda work: work)
    total, calls = torch.zeros(1), []

    def update(inputs: Tensor, targets: Tensor) -> None:
        calls.append(len(inputs))
        total.add_((inputs * targets).sum())

    numbers = torch.arange(1.0, updates + 1).reshape(updates, 1, 1, 1)
    Replayed(update, (total,))(numbers, torch.ones_like(numbers))
    assert calls == [count] * (updates // count)
    assert total.item() == updates * (updates + 1) / 2


@pytest.mark.parametrize("collects", [True, False])
def test_recording_as_torch_asks_for(collects: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once on another stream, each waiting for the other, and then on that stream for the graph.

    A graph that is freed meanwhile, as garbage, is an error; what other threads do is none.
    """
    told: list[object] = []

    class Stream:
        def __init__(self, name: object) -> None:
            self.name = name

        def wait_stream(self, other: Stream) -> None:
            told.append((self.name, "waits for", other.name))

    class Graph:
        name = "graph"

        def replay(self) -> None:
            told.append("replay")

    @contextmanager
    def within(*what: object, **options: Any) -> Iterator[None]:
        told.append(("enter", *[getattr(x, "name", x) for x in (*what, *options.values())]))
        yield
        told.append("leave")

    default, other = Stream("default"), Stream("other")
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: default)
    monkeypatch.setattr(cuda_graph, "_stream", {3: other}.get)
    monkeypatch.setattr(torch.cuda, "stream", within)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", within)
    if not collects:
        gc.disable()
    try:
        replay = cuda_graph.record(lambda: told.append(("work", gc.isenabled())))
        assert gc.isenabled() == collects
    finally:
        gc.enable()
    replay()
    assert told == [
        ("other", "waits for", "default"),
        ("enter", "other"),
        ("work", collects),
        "leave",
        ("default", "waits for", "other"),
        ("enter", "graph", "other", "thread_local"),
        ("work", False),
        "leave",
        "replay",
    ]


def test_the_gpu_that_trains_is_the_one_that_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever is the current one outside."""
    told: list[str] = []

    @contextmanager
    def device_of(tensor: Tensor) -> Iterator[None]:
        told.append(tensor.device.type)
        yield
        told.append("left")

    def record(work: Callable[[], None]) -> Callable[[], None]:
        told.append("record")
        return work

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    monkeypatch.setattr(cuda_graph, "record", record)
    numbers = torch.ones(2, 1, 1, 1, device="meta")
    Replayed(lambda inputs, targets: None, ())(numbers, numbers)
    assert told == ["meta", "record", "left"]


@pytest.mark.parametrize("replayed", [False, True])
def test_what_trained_is_freed_at_once(replayed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its graph and its buffers do not wait for the collection of garbage."""

    def record(work: Callable[[], None]) -> Callable[[], None]:
        work()
        return lambda: None

    monkeypatch.setattr(cuda_graph, "record", record)
    monkeypatch.setattr(cuda_graph, "supports", lambda device: replayed)
    cohort = random_cohort(mlp((3, 5, 2)), 3, 12)
    field = Field(cohort, Objective())
    batches = Batches(torch.arange(3), 12, 4)
    descent = StackedDescent(cohort, batches, None, field, field.pack(cohort.state))
    descent.advance(0, 2, torch.full((3, 1), 0.01).double())
    gone = weakref.ref(descent)
    gc.disable()
    try:
        del descent
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("own_threads", [False, True])
def test_one_thread_at_a_time_trains_on_a_gpu(
    own_threads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Descents and a flow; each waits, in vain, for another to start while it trains."""
    monkeypatch.setattr(cuda_graph, "supports", lambda device: True)
    monkeypatch.setattr(cuda_graph, "record", lambda work: work)
    trainings, told = observed(wait=0.2)
    torch.set_num_threads(3)
    try:
        if own_threads:
            with ThreadPoolExecutor(3) as pool:
                list(pool.map(lambda training: training(), trainings))
        else:
            together(trainings)
    finally:
        torch.set_num_threads(1)
    assert sorted(told) == [0, 0, 1, 1, 2, 2]
    assert told[::2] == told[1::2]


def test_on_a_cpu_threads_train_beside_each_other() -> None:
    """Each waits for another to start while it trains."""
    trainings, told = observed(wait=60.0)
    torch.set_num_threads(3)
    try:
        together(trainings)
    finally:
        torch.set_num_threads(1)
    assert sorted(told) == [0, 0, 1, 1, 2, 2]
    assert len(set(told[:2])) == 2


def observed(wait: float) -> tuple[list[Callable[[], Run]], list[int]]:
    """Trainings that record their number at their start, before they wait, and at their end."""
    told: list[int] = []
    started = [Event() for _ in range(3)]

    def measure(number: int, network: Network, state: State, *data: Tensor) -> Tensor:
        told.append(number)
        started[number].set()
        started[(number + 1) % 3].wait(wait)
        return torch.zeros(len(state.parameters[0]))

    cohort = random_cohort(mlp((3, 5, 2)), 3, 12)
    trainings: list[Callable[[], Run]] = []
    for number in range(3):
        options: dict[str, Any] = {"measures": {"told": partial(measure, number)}}
        options["engine"] = "stacked"
        if number == 1:
            trainings.append(partial(gradient_flow, cohort, Objective(), horizon=0.01, **options))
        else:
            options |= {"learning_rate": 0.01, "steps": 2}
            trainings.append(partial(gradient_descent, cohort, Objective(), **options))
    return trainings, told


def test_a_measure_may_train_several_cohorts_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a training they do not wait for its end, which would never come."""
    monkeypatch.setattr(cuda_graph, "supports", lambda device: True)
    monkeypatch.setattr(cuda_graph, "record", lambda work: work)
    cohort, done = random_cohort(mlp((3, 5, 2)), 3, 12), []
    inner = partial(gradient_descent, cohort, Objective(), learning_rate=0.01, steps=2)

    def measure(network: Network, state: State, *data: Tensor) -> Tensor:
        done.extend(together([partial(inner, engine="stacked")] * 2))
        return torch.zeros(len(state.parameters[0]))

    outer = Thread(target=lambda: inner(engine="stacked", measures={"inner": measure}), daemon=True)
    torch.set_num_threads(2)
    try:
        outer.start()
        outer.join(60)
    finally:
        torch.set_num_threads(1)
    assert len(done) == 4


class OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails on work that cannot be recorded: all that it takes and makes must be on one device.

    The device ``meta`` stands in for a GPU. As there, no number can be had of its tensors, and what
    comes from the CPU has to be copied.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves((args, kwargs, result)) if isinstance(t, Tensor)]
        if any(tensor.device.type != "meta" for tensor in tensors):
            raise RuntimeError(f"{func} cannot be recorded: it is not on the device alone")
        return result


def recorded(cohort: Cohort, objective: Objective, momentum: float) -> None:
    """Make updates of a cohort as if it was on another device; the second time, they are watched.

    As `cuda_graph.record` does, since the first time may allocate and copy.
    """
    field, batch = Field(cohort, objective), cohort.inputs.shape[1]
    field.decay = field.decay.to("meta")
    rows = field.pack(cohort.state).to("meta")
    inertia = torch.full_like(rows[:, :1], momentum) if momentum else None
    batches = Batches(torch.arange(cohort.members), batch, batch)
    descent = StackedDescent(cohort, batches, inertia, field, rows)
    inputs, targets = (t.expand(2, *t.shape).to("meta") for t in (cohort.inputs, cohort.targets))
    descent._update(inputs, targets)
    with OneDevice():  # type: ignore[no-untyped-call]
        descent._update(inputs, targets)


@pytest.mark.parametrize("mode", SOME, ids=str)
def test_updates_of_every_mode_can_be_recorded(mode: Mode) -> None:
    """Every kind of network with every loss and parametrisation: see `OneDevice`."""
    recorded(mode.cohort(torch.float32), mode.objective, mode.momentum)


@pytest.mark.parametrize("network", [EVERYTHING, CONVOLUTIONAL, IDLE], ids=str)
def test_updates_of_every_layer_can_be_recorded(network: Network) -> None:
    recorded(random_cohort(network, 3, 8), Objective(), 0.0)


def test_convolutions_with_batch_normalisation_are_among_them() -> None:
    for networks in ([mode.cohort(torch.float32).network for mode in SOME], [EVERYTHING]):
        assert any(
            isinstance(edge.map, Convolution)
            for network in networks
            if network.normalised_by_batch
            for layer in network.layers
            for edge in layer.edges
        )


@pytest.mark.parametrize(
    "work",
    [
        lambda on_gpu: on_gpu.sum().item(),
        lambda on_gpu: bool(on_gpu.any()),
        lambda on_gpu: on_gpu.nonzero(),
        lambda on_gpu: on_gpu[torch.tensor([0])],
        lambda on_gpu: on_gpu.add(torch.tensor(1.0)),
        lambda on_gpu: on_gpu.copy_(torch.zeros(3)),
        lambda on_gpu: torch.from_numpy(np.zeros(3)),
        lambda on_gpu: torch.zeros(3).to(on_gpu),
        lambda on_gpu: on_gpu.cpu(),
    ],
)
def test_what_cannot_be_recorded_is_noticed(work: Callable[[Tensor], object]) -> None:
    with pytest.raises((RuntimeError, NotImplementedError)), OneDevice():  # type: ignore[no-untyped-call]
        work(torch.zeros(3, device="meta"))
