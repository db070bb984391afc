"""Members as lanes, blocks and threads: bits do not depend on company, threads or memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.training.cohorts import CONVOLUTIONAL, IDLE, networks, random_cohort, some
from theorycheck.networks.specification import Network, mlp
from theorycheck.training.batches import Sampling
from theorycheck.training.cohorts import Cohort, Objective, Parametrisation
from theorycheck.training.compiled import workers
from theorycheck.training.compiled.waiting import Waiting
from theorycheck.training.trainers import sgd, together


def train(cohort: Cohort, batch_size: int, sampling: Sampling, momentum: float) -> Tensor:
    """Everything that a run ends with, ``(K, ...)``."""
    members = cohort.members
    identity = cohort.inputs[:, 0, 0].view(members).abs().mul(1e6).long()
    run = sgd(
        cohort,
        Objective("square", "mean", "weights"),
        batch_size=batch_size,
        epochs=3,
        learning_rate=0.05 * identity.to(cohort.inputs.dtype) / 1e6,
        momentum=momentum,
        batch_seeds=identity,
        sampling=sampling,
        record_every=2,
        engine="compiled",
    )
    tensors = [*run.state.parameters, *run.trace["step"][1:], *run.trace["distance"][1:]]
    return torch.cat([t.reshape(members, -1) for t in tensors], dim=1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@given(
    network=st.one_of(
        networks,
        st.sampled_from(
            [mlp((3, 9, 5, 2), 0.5, normalisation=n) for n in ("batch", "batch-detached")]
        ),
    ),
    members=st.integers(2, 19),
    samples=st.integers(2, 18),
    parametrisation=st.sampled_from(["plain", "lagrange", "weight-norm"]),
    momentum=st.sampled_from([0.0, 0.9]),
    data=st.data(),
)
def test_bits_do_not_depend_on_company(
    dtype: Any,
    network: Network,
    members: int,
    samples: int,
    parametrisation: Parametrisation,
    momentum: float,
    data: st.DataObject,
) -> None:
    """Nor on whether lanes are members or samples: few members come out as many do."""
    cohort = random_cohort(network, members, samples, dtype, "square", parametrisation)
    batch_size = data.draw(st.integers(1, samples))
    together = train(cohort, batch_size, "uniform", momentum)
    low = data.draw(st.integers(0, members - 1))
    high = data.draw(st.integers(low + 1, members))
    alone = train(some(cohort, slice(low, high)), batch_size, "uniform", momentum)
    assert np.array_equal(alone.numpy(), together[low:high].numpy(), equal_nan=True)


@pytest.mark.parametrize("network", [CONVOLUTIONAL, IDLE, mlp((3, 8, 2))], ids=str)
def test_bits_do_not_depend_on_threads_or_memory(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = random_cohort(network, 23, 6)
    one = train(cohort, 2, "reshuffle", 0.5)
    torch.set_num_threads(2)
    try:
        two = train(cohort, 2, "reshuffle", 0.5)
    finally:
        torch.set_num_threads(1)
    monkeypatch.setattr(workers, "ORDER_BYTES", 1)
    assert np.array_equal(two, one, equal_nan=True)
    assert np.array_equal(train(cohort, 2, "reshuffle", 0.5), one, equal_nan=True)


@pytest.mark.parametrize(("order_bytes", "given"), [(1, 0), (workers.ORDER_BYTES, 2)])
def test_a_thread_with_nothing_to_do_takes_over(
    order_bytes: int, given: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two threads stops in the first of eight blocks until the other finds nothing to do.

    Where each block is a team of its own, all others are done by then. Where four form a team, the
    other one is done, and half of the three that are left are given away. Bits are those of one
    thread.
    """
    cohort = random_cohort(mlp((3, 8, 2)), 32, 6)
    expected = train(cohort, 2, "reshuffle", 0.5)
    monkeypatch.setattr(workers, "ORDER_BYTES", order_bytes)
    watched: list[Waiting[Any]] = []
    put: list[int] = []

    class Watched(Waiting[Any]):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            watched.append(self)

        def put(self, work: Any) -> None:
            put.append(len(work.blocks))
            super().put(work)

    monkeypatch.setattr(workers, "Waiting", Watched)
    run, done, before = workers._Arenas.run, Counter[Any](), Counter[Any]()
    stopped: list[int] = []

    def stopping(arenas: Any, driver: Any, block: Any, *rest: Any) -> None:
        run(arenas, driver, block, *rest)
        done[block.members] += 1
        if not stopped:
            stopped.append(block.members)
            end = monotonic() + 20
            while not watched[0].wanted and monotonic() < end:
                sleep(0)
            before.update(done)

    monkeypatch.setattr(workers._Arenas, "run", stopping)
    torch.set_num_threads(2)
    try:
        found = train(cohort, 2, "reshuffle", 0.5)
    finally:
        torch.set_num_threads(1)
    assert np.array_equal(found, expected, equal_nan=True)
    assert len(before) == (5 if given else 8)
    assert put[0] == given if given else not put


@pytest.mark.parametrize("parametrisation", ["plain", "lagrange", "weight-norm"])
@pytest.mark.parametrize("layers", [(3, 5, 2), (3, 9, 9, 1)])
def test_members_leave_nothing_behind(
    layers: tuple[int, ...], parametrisation: Parametrisation
) -> None:
    """Those that use the memory of members that have diverged train as if they were alone."""
    cohort = random_cohort(mlp(layers, bias=True), 18, 6, parametrisation=parametrisation)
    # Lanes are members in the first 16, and samples in the last two.
    alone = slice(8, 16), slice(17, 18)
    huge = torch.full((18, 1, 1), 2.0**600, dtype=torch.float64)
    for members in alone:
        huge[members] = 1.0
    cohort = replace(cohort, inputs=cohort.inputs / 64, targets=cohort.targets * huge)
    whole = train(cohort, 2, "reshuffle", 0.5)
    assert whole[[*range(8), 16], -1].isnan().all()
    for members in alone:
        expected = train(some(cohort, members), 2, "reshuffle", 0.5)
        assert expected.isfinite().all()
        assert torch.equal(whole[members], expected)


def test_shared_data_are_not_copied_for_each_member() -> None:
    """And give what copies give."""
    network, generator = mlp((3, 4, 2)), torch.Generator().manual_seed(0)
    own = random_cohort(network, 6, 8)
    inputs, targets = own.inputs[0], torch.randn(8, 2, generator=generator).double()
    shared = Cohort.broadcast(network, own.state, inputs, targets, 0.1)
    copied = replace(shared, inputs=shared.inputs.contiguous(), targets=shared.targets.contiguous())
    found, expected = (train(c, 4, "reshuffle", 0.0) for c in (shared, copied))
    assert np.array_equal(found, expected, equal_nan=True)


def test_networks_of_many_shapes_train_together() -> None:
    """As one after the other, bit for bit, in order, with all their threads."""
    trainings = []
    for width in range(1, 9):
        network = mlp((3, *[width] * (1 + width % 3), 2))
        cohort = random_cohort(network, 1 + width, 8)
        trainings.append(partial(train, cohort, 4, "reshuffle", 0.5))
    apart = [training() for training in trainings]
    torch.set_num_threads(2)
    try:
        united = together(trainings)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    for found, expected in zip(united, apart, strict=True):
        assert np.array_equal(found, expected, equal_nan=True)
