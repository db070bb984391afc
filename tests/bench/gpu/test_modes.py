"""Every way to train is there, on the same numbers in every dtype."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from theorycheck.bench.gpu.modes import DTYPES, EPOCHS, MODES, SOME, Mode, descend, flow, network
from theorycheck.networks.specification import LINEAR, RELU, Convolution, Identity


def test_every_way_to_train_is_there_once() -> None:
    """Three kinds, losses, parametrisations and trainers; and three of batch normalisation."""
    assert len(set(MODES)) == len(MODES) == 3**4 + 3 * 3 * 3
    for field, count in (("kind", 6), ("loss", 3), ("parametrisation", 3), ("trainer", 3)):
        assert len(Counter(getattr(mode, field) for mode in MODES)) == count
    assert len(SOME) == len(MODES) // 3
    assert (torch.float32, torch.float64) == DTYPES


def test_kinds_are_what_they_are_called() -> None:
    maps = {
        kind: {type(e.map) for layer in network(kind, 2, RELU).layers for e in layer.edges}
        for kind in ("dense", "convolutional", "residual", "convolutional batch")
    }
    assert Convolution in maps["convolutional"]
    assert Convolution in maps["convolutional batch"]
    assert network("convolutional batch", 2, RELU).normalised_by_batch
    assert Identity in maps["residual"]
    assert len(maps["dense"]) == 1
    for kind in ("batch", "batch-detached"):
        assert kind in {layer.normalisation for layer in network(kind, 2, RELU).layers}
    assert {layer.slope for layer in network("residual", 2, LINEAR).layers} == {LINEAR}


@pytest.mark.parametrize("mode", SOME, ids=str)
def test_numbers_are_the_same_in_every_dtype(mode: Mode) -> None:
    single, double = mode.cohort(torch.float32), mode.cohort(torch.float64)
    for a, b in zip(single.state.parameters, double.state.parameters, strict=True):
        assert torch.equal(a.double(), b)
    assert torch.equal(single.inputs.double(), double.inputs)
    assert torch.equal(single.targets.double(), double.targets)


def test_options_reach_the_trainer() -> None:
    descent, inert, whole = (
        Mode("dense", "square", "plain", t)
        for t in ("SGD", "SGD with momentum", "gradient descent")
    )
    cohort = descent.cohort(torch.float64)
    ends = [descend(mode, cohort) for mode in (descent, inert, whole)]
    assert [int(run.steps[0]) for run in ends] == [2 * EPOCHS, 2 * EPOCHS, EPOCHS]
    assert not torch.equal(ends[0].state.parameters[0], ends[1].state.parameters[0])
    linear = descent.cohort(torch.float64, LINEAR)
    tight, loose = (flow(descent, linear, tolerance) for tolerance in (1e-9, 1e-3))
    assert not tight.stalled.any()
    assert int(tight.steps[0]) > int(loose.steps[0])
