"""What tensors and parameters have to be: one clear line for everything else."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from theorycheck.errors import InputError
from theorycheck.networks.checks import (
    held,
    require_floats,
    require_numbers,
    require_parameters,
)
from theorycheck.networks.specification import mlp

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # These are prototypes, or on their way out.
    NESTED = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    QUANTIZED = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8)

WRONG: dict[str, Any] = {
    "x must be a torch tensor, not ndarray": np.ones(2),
    "x must be a torch tensor, not NoneType": None,
    "x must be a dense tensor": torch.eye(2).to_sparse(),
    "x must be a dense tensor, not a nested one": NESTED,
    "x must be a dense tensor, not a quantized one": QUANTIZED,
    "x is torch.int64: give it float16, bfloat16, float32 or float64": torch.ones(2).long(),
    "x is torch.float8_e4m3fn: give it float16": torch.ones(2).to(torch.float8_e4m3fn),
    "x is torch.float8_e5m2: give it float16": torch.ones(2).to(torch.float8_e5m2),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_no_dense_tensor_of_floats(message: str) -> None:
    require_floats("x", torch.ones(2, dtype=torch.bfloat16))
    with pytest.raises(InputError, match=message) as raised:
        require_floats("x", WRONG[message])
    assert "\n" not in str(raised.value)


def test_tensors_without_numbers() -> None:
    """They have a shape and a dtype, which is enough for some."""
    empty = torch.ones(2, device="meta")
    require_floats("x", empty)
    with pytest.raises(InputError, match="x is on the device meta"):
        require_numbers("x", empty)


@pytest.mark.parametrize(
    "shapes", [[], [(3, 2, 2)], [(3, 2, 2), (2, 1, 2)], [(3, 2, 2), (3, 2)], [(), (3, 1, 2)]]
)
def test_parameters_that_do_not_fit(shapes: list[tuple[int, ...]]) -> None:
    network = mlp((2, 2, 1))
    require_parameters(network, [torch.ones(3, 2, 2), torch.ones(3, 1, 2)])
    with pytest.raises(InputError, match="do not fit the network"):
        require_parameters(network, [torch.ones(shape) for shape in shapes])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "x must be a number, not True"),
        (np.bool_(True), "x must be a number"),
        ([0.5, True], "x must be a number"),
        (np.ones(2, dtype=bool), "x must be a number"),
        (torch.tensor(True), "x must be a number"),
        (torch.tensor(0.5).to(torch.float8_e5m2), "x is torch.float8_e5m2"),
        (np.ma.array([0.5, 1.0], mask=[True, False]), "x has masked entries"),
    ],
)
def test_what_is_held_is_a_number(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        held("x", value, torch.ones(1))
    assert held("x", [1, 0.5], torch.ones(1)).tolist() == [1, 0.5]
    assert held("x", np.ma.array([0.5]), torch.ones(1)).tolist() == [0.5]
