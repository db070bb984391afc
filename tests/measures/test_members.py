"""What all measures share: a diverged member disturbs no other, bad input is one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, ones, zeros

from tests.measures.samples import COLLAPSE, as_tensor
from theorycheck import measures
from theorycheck.errors import InputError
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


UNKNOWN: Any = "nuclear"
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
    "there must be at least one": lambda: measures.by_class(ones(1, 1, 1), torch.tensor([0]), 0),
    "outputs and features": lambda: measures.by_class(ones(2, 2), torch.tensor([0, 1]), 2),
    "use by_class": lambda: measures.nc1(ones(1, 2, 3)),
    "Eq. 27": lambda: measures.within_class_covariance_as_printed(ones(1, 3, 2, 1)),
    "one row per class": lambda: measures.nc3(ones(1, 2, 3, 4), ones(1, 4, 2)),
    "classifier": lambda: measures.nc4(ones(1, 2, 3, 4), ones(2, 4)),
    "weights must have shape": lambda: measures.singular_values(ones(2, 3)),
    "norm 'nuclear'": lambda: measures.threshold_rank(ones(1, 2, 2), norm=UNKNOWN),
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
