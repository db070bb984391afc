"""What all measures share: a diverged member disturbs no other, bad input is one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, ones, zeros

from tests.measures.samples import COLLAPSE, as_tensor
from theorycheck import measures
from theorycheck.errors import InputError, quoted
from theorycheck.networks.specification import mlp

STACKED: dict[str, Callable[[Tensor], Tensor]] = {
    "margin mean": lambda x: measures.margin_statistics(x[:, :, 0, 0])[0],
    "margin moment": lambda x: measures.margin_statistics(x[:, :, 0, 0])[1],
    "margin variance": lambda x: measures.margin_statistics(x[:, :, 0, 0])[2],
    "accuracy": lambda x: measures.accuracy(x[:, :, 0], torch.tensor([0, 1])),
    "accuracy of one output": lambda x: measures.accuracy(x[:, :, 0, :1], torch.tensor([1, 1])),
    "threshold_rank": lambda x: measures.threshold_rank(x[:, 0]),
    "frobenius rank": lambda x: measures.threshold_rank(x[:, 0], norm="frobenius"),
    "effective_rank": lambda x: measures.effective_rank(x[:, 0]),
    "stable_rank": lambda x: measures.stable_rank(x[:, 0]),
    "smallest singular value": lambda x: measures.singular_values(x[:, 0])[:, -1],
    "gradient": lambda x: measures.batch_gradient_norms(x)[:, 0],
    "sampling_variance": lambda x: measures.sampling_variance(x, 1),
    "distance": lambda x: measures.weight_distance(mlp([2, 2]), (x[:, 0],), (-x[:, 1],)),
    "nc4 of a diverged classifier": lambda x: measures.nc4(torch.ones_like(x), x[:, 0]),
} | {name: lambda x, m=m: m(x, ones(2, 2, 2)) for name, m in COLLAPSE.items()}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", STACKED)
def test_a_diverged_member_is_marked_and_disturbs_no_other(name: str, value: float) -> None:
    healthy = as_tensor([[[1, 2], [3, 5]], [[-1, 0], [4, 1]]], torch.float32)
    stack = torch.stack([healthy, healthy])
    stack[1, 0, 0, 0] = value
    result = STACKED[name](stack)
    assert result[0] == STACKED[name](torch.stack([healthy, healthy]))[0]
    assert result.isfinite().tolist() == [True, False]


BAD_INPUT: dict[str, Callable[[], object]] = {
    "outputs of shape": lambda: measures.margins(ones(2, 3), ones(2, 3)),
    "signs must have shape": lambda: measures.margins(ones(2, 3, 1), ones(2, 1)),
    "signs must be -1 or 1": lambda: measures.margins(ones(2, 3, 1), zeros(3, 1)),
    "margins must have shape": lambda: measures.margin_statistics(ones(2, 0)),
    "targets must have shape": lambda: measures.output_statistics(ones(2, 3, 4), ones(3, 1)),
    "labels must have shape": lambda: measures.accuracy(ones(2, 3, 4), torch.tensor([0, 1])),
    "integers from 0 to 3": lambda: measures.accuracy(ones(2, 1, 4), torch.tensor([4])),
    "integers from 0 to 1": lambda: measures.by_class(ones(1, 2, 1), ones(2), 2),
    "balanced": lambda: measures.by_class(ones(1, 3, 1), torch.tensor([0, 0, 1]), 2),
    "outputs and features": lambda: measures.by_class(ones(2, 2), torch.tensor([0, 1]), 2),
    "use by_class": lambda: measures.nc1(ones(1, 2, 3)),
    "Eq. 27": lambda: measures.within_class_covariance_as_printed(ones(1, 3, 2, 1)),
    "one row per class": lambda: measures.nc3(ones(1, 2, 3, 4), ones(1, 4, 2)),
    "classifier": lambda: measures.nc4(ones(1, 2, 3, 4), ones(2, 4)),
    "weights must have shape": lambda: measures.singular_values(ones(2, 3)),
    "do not fit": lambda: measures.weight_distance(mlp([2, 1]), (ones(1, 1, 2),), ()),
    "same members": lambda: measures.weight_distance(
        mlp([2, 1]), (ones(2, 1, 2),), (ones(1, 1, 2),)
    ),
    "gradients must have shape": lambda: measures.batch_gradient_norms(ones(2)),
    r"\(members, samples, ...\)": lambda: measures.sampling_variance(ones(2), 1),
    "between 1 and the 3 samples": lambda: measures.sampling_variance(ones(2, 3), 4),
}


@pytest.mark.parametrize("message", BAD_INPUT)
def test_bad_input_is_one_clear_line(message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        BAD_INPUT[message]()
    assert "\n" not in str(raised.value)


INTEGERS = [
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
    *(torch.uint16, torch.uint32, torch.uint64),
]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_labels_of_every_integer_dtype(dtype: torch.dtype) -> None:
    """All that a dtype holds are labels, up to 256, though it may not hold their number."""
    classes = {torch.bool: 2, torch.int8: 128}.get(dtype, 256)
    labels = torch.arange(classes).flip(0)
    features = torch.arange(classes).float()[None, :, None]
    grouped = measures.by_class(features, labels.to(dtype), classes)
    assert torch.equal(grouped.flatten(), features.flatten().flip(0))
    outputs = torch.eye(classes).flip(0)[None]
    assert measures.accuracy(outputs, labels.to(dtype)).tolist() == [1]
    signs = torch.ones(2, 1).to(dtype)
    assert measures.margins(as_tensor([[[2.5], [-3]]]), signs).tolist() == [[2.5, -3]]


def test_labels_that_wrap_are_no_labels() -> None:
    """255 is -1 in 8 bits, and 256 is 0."""
    for dtype, label in ((torch.uint8, 255), (torch.int16, 256), (torch.int8, -1)):
        labels = torch.tensor([label], dtype=dtype)
        with pytest.raises(InputError, match="integers from 0 to 2"):
            measures.accuracy(ones(1, 1, 3), labels)
    with pytest.raises(InputError, match="signs must be -1 or 1"):
        measures.margins(ones(1, 1, 1), torch.tensor([[255]], dtype=torch.uint8))


NET, HALF = mlp([2, 2]), 0.5
ONE = (ones(1, 2, 2),)
MEANS = torch.tensor([0.25, 0.5])
REFUSED: list[tuple[str, Callable[[Any], object], list[Any]]] = [
    ("features must be grouped", measures.nc1_pseudoinverse,
     [torch.tensor(1.5), ones(2), ones(0, 2, 2, 2), ones(1, 2, 3)]),
    ("features must be grouped", measures.nc1, [torch.tensor(1.5), ones(0, 2, 2, 2)]),
    ("mean", lambda x: measures.equilibrium_rho(x, MEANS, HALF),
     [zeros(0), torch.tensor(HALF), ones(3), ones(1), ones(2, 1), MEANS.to("meta"), None]),
    ("second_moment", lambda x: measures.equilibrium_rho(MEANS, x, HALF),
     [zeros(0), torch.tensor(HALF), ones(3), ones(1), ones(2, 1), None]),
    ("weight_decay", lambda x: measures.equilibrium_rho(MEANS, MEANS, x),
     [ones(2, 3), ones(2, 2), ones(3), ones(1), True, None, "1", MEANS.to(torch.float8_e5m2)]),
    ("margins must have shape", lambda x: measures.equilibrium_rho_of_sums(x, HALF),
     [torch.tensor(1.5), ones(2), ones(0, 3), ones(2, 0)]),
    ("weight_decay", lambda x: measures.equilibrium_rho_of_sums(ones(2, 3), x),
     [ones(2, 3), ones(3), ones(1), ones(2, 1), True, None]),
    ("margins must have shape", measures.margin_statistics,
     [zeros(0, 3), zeros(3, 0), torch.tensor(1.5), ones(1, 2, 3)]),
    ("gradients must have shape", measures.batch_gradient_norms,
     [zeros(2, 0), zeros(0, 2), zeros(2, 3, 0), ones(2), torch.tensor(1.5)]),
    ("gradients must have shape", lambda x: measures.sampling_variance(x, 1),
     [zeros(0, 3, 2), zeros(3, 0), zeros(2, 3, 0), ones(2), torch.tensor(1.5)]),
    ("parameter", lambda x: measures.weight_distance(NET, x, ONE),
     [None, torch.empty(0), ones(1, 2, 2), (None,), (ONE[0].to("meta"),), (ONE[0].numpy(),)]),
    ("parameter", lambda x: measures.weight_distance(NET, ONE, x), [None, torch.empty(0), ()]),
    ("the network must be a Network", lambda x: measures.weight_distance(x, ONE, ONE),
     [None, "mlp", [2, 2]]),
    ("the same members", lambda x: measures.weight_distance(NET, ONE, x), [(ones(2, 2, 2),)]),
    ("unknown norm", lambda x: measures.threshold_rank(ones(1, 2, 2), norm=x),
     [None, "nuclear", np.array(["spectral", "frobenius"]), ["spectral"]]),
    ("threshold", lambda x: measures.threshold_rank(ones(1, 2, 2), x), [-1, math.nan, math.inf]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "use", "value"),
    [(message, use, value) for message, use, values in REFUSED for value in values],
    ids=lambda value: None if callable(value) else quoted(value)[:30],
)
def test_arguments_of_another_kind(message: str, use: Callable[[Any], object], value: Any) -> None:
    with pytest.raises(InputError, match=message) as raised:
        use(value)
    assert "\n" not in str(raised.value)


NO_FLOATS: dict[str, Any] = {
    "torch tensor, not ndarray": np.ones((1, 2, 2)),
    "torch tensor, not list": [[[1.0]]],
    "dense tensor": torch.eye(2)[None].to_sparse(),
    "is torch.int64: give it float16": torch.ones(1, 2, 2, dtype=torch.int64),
    "is torch.complex64: give it": torch.ones(1, 2, 2, dtype=torch.complex64),
    "is torch.float8_e4m3fn: give it": torch.ones(1, 2, 2).to(torch.float8_e4m3fn),
}


@pytest.mark.parametrize("message", NO_FLOATS)
def test_what_is_no_dense_tensor_of_floats(message: str) -> None:
    wrong = NO_FLOATS[message]
    for measure in (
        measures.effective_rank,
        measures.nc1,
        measures.nc1_pseudoinverse,
        measures.margin_statistics,
        measures.batch_gradient_norms,
        lambda x: measures.accuracy(x, torch.tensor([0, 1])),
        lambda x: measures.by_class(x, torch.tensor([0, 1]), 2),
        lambda x: measures.nc4(torch.ones(1, 2, 2, 2), x),
        lambda x: measures.weight_distance(mlp([2, 2]), (torch.ones(1, 2, 2),), (x,)),
    ):
        with pytest.raises(InputError, match=message) as raised:
            measure(wrong)
        assert "\n" not in str(raised.value)


def test_labels_that_are_no_tensor() -> None:
    labels: Any
    for labels in (np.array([0, 1]), [0, 1], torch.tensor([0, 1]).to_sparse(), torch.tensor([1j])):
        with pytest.raises(InputError, match=r"labels must be (a torch|a dense|real)"):
            measures.by_class(ones(1, 2, 2), labels, 2)


@pytest.mark.parametrize("classes", [0, -1, 2.5, 3.0, True, "3", None, math.nan, 10**30])
def test_numbers_of_classes_that_are_none(classes: Any) -> None:
    with pytest.raises(InputError, match="classes must be"):
        measures.by_class(ones(1, 6, 3), torch.tensor([0, 1, 2, 0, 1, 2]), classes)


def test_classes_without_a_sample_take_no_memory() -> None:
    """There is no room for a number per sample and class, and none for one per class."""
    for classes in (7, 10**9, 2**50):
        with pytest.raises(InputError, match="defined for balanced classes"):
            measures.by_class(ones(1, 6, 3), torch.tensor([0, 1, 2, 0, 1, 2]), classes)
    many = torch.arange(40_000)
    grouped = measures.by_class(ones(1, 40_000, 1), many, 40_000)
    assert grouped.shape == (1, 40_000, 1, 1)


@pytest.mark.parametrize("classes", [3, np.int64(3), torch.tensor(3)])
def test_features_by_class(classes: Any) -> None:
    features = torch.arange(12.0).reshape(2, 6, 1)
    labels = torch.tensor([[2, 0, 1, 1, 0, 2], [0, 0, 1, 1, 2, 2]])
    grouped = measures.by_class(features, labels, classes)
    assert grouped.squeeze(-1).tolist() == [
        [[1, 4], [2, 3], [0, 5]], [[6, 7], [8, 9], [10, 11]]
    ]  # fmt: skip
    labels[1] = 0
    with pytest.raises(InputError, match="balanced"):
        measures.by_class(features, labels, classes)


@pytest.mark.parametrize("size", [2.5, 2.0, True, "2", None, 0, math.nan, 10**30, torch.ones(1)])
def test_batch_sizes_that_are_none(size: Any) -> None:
    with pytest.raises(InputError, match="batch_size"):
        measures.sampling_variance(torch.arange(12.0).reshape(1, 6, 2), size)


@pytest.mark.parametrize("size", [2, np.int64(2), torch.tensor(2)])
def test_batch_sizes_of_any_type(size: Any) -> None:
    gradients = torch.tensor([[[1.0], [2.0], [3.0]]])
    # (3 - 2) / (2 (3 - 1)) times the variance 2/3.
    assert (measures.sampling_variance(gradients, size) * 6).round().tolist() == [1]


@pytest.mark.parametrize(
    "threshold", [math.nan, math.inf, -1, -math.inf, "x", None, True, 10**400, [0.1]]
)
def test_thresholds_that_are_none(threshold: Any) -> None:
    with pytest.raises(InputError, match="threshold"):
        measures.threshold_rank(torch.eye(3)[None], threshold=threshold)


@pytest.mark.parametrize("threshold", [0, 0.5, np.float32(0.5), torch.tensor(0.5)])
def test_thresholds_of_any_type(threshold: Any) -> None:
    assert measures.threshold_rank(torch.eye(3)[None], threshold=threshold).tolist() == [3]


@pytest.mark.parametrize("tensor", [torch.ones(1, 2, 2, device="meta")])
def test_tensors_without_numbers_have_no_measures(tensor: Tensor) -> None:
    for name in ("singular_values", "stable_rank", "effective_rank", "threshold_rank"):
        with pytest.raises(InputError, match="on the device meta"):
            getattr(measures, name)(tensor)
    for labels in (torch.tensor([0, 1]), torch.tensor([0, 1]).to("meta")):
        with pytest.raises(InputError, match="on the device meta"):
            measures.by_class(tensor, labels, 2)
