"""Balls hold what other orders and other precisions yield, from any numbers within the operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from theorycheck.bench.gpu.balls import Ball, together

F32, F64 = torch.float32, torch.float64


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Numbers of float32, some of them large and some small."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(2, *shape, generator=generator)
    return draw[0] * torch.exp2(3 * draw[1])


def ball(tensor: Tensor, radius: float = 0.0, dtype: torch.dtype = F32) -> Ball:
    exact = Ball.exact(tensor, dtype)
    return Ball(exact.value, exact.error + radius * tensor.abs(), exact.unit, exact.tiny)


def holds(found: Ball, computed: Tensor) -> bool:
    return bool(((computed.double() - found.value).abs() <= found.error).all())


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "sum of two": lambda a, b: a + b,
    "difference": lambda a, b: a - b,
    "product": lambda a, b: a * b,
    "quotient": lambda a, b: a / b,
    "matrix product": lambda a, b: a @ b.mT,
    "negative": lambda a, b: -a,
}
OF_ONE: dict[str, tuple[Callable[[Ball], Ball], Callable[[Tensor], Tensor]]] = {
    "sum": (lambda a: a.sum(0, 1), lambda t: t.flip(0).sum((0, 1), keepdim=True)),
    "mean": (lambda a: a.mean(1), lambda t: t.flip(1).mean(1, keepdim=True)),
    "largest": (lambda a: a.largest(1), lambda t: t.amax(1, keepdim=True)),
    "multiple": (lambda a: a.times(1 / 3), lambda t: t * (1 / 3)),
    "root": (lambda a: (a * a).sqrt(), lambda t: (t * t).sqrt()),
    "exponential": (lambda a: a.times(0.125).exp(), lambda t: (t * 0.125).exp()),
    "leaky": (lambda a: a.bent(0.3)[0], lambda t: torch.nn.functional.leaky_relu(t, 0.3)),
    "relu": (lambda a: a.bent(0.0)[0], torch.relu),
}


@pytest.mark.parametrize("radius", [0.0, 2.0**-12])
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_operations_of_two(operation: Callable[[Any, Any], Any], radius: float) -> None:
    """At the ends of the operands too, and in both precisions."""
    a, b = numbers(40, 30), numbers(40, 30, seed=1)
    found = operation(ball(a, radius), ball(b, radius))
    for by in (1 - radius, 1, 1 + radius):
        for and_by in (1 - radius, 1, 1 + radius):
            exact = operation(a.double() * by, b.double() * and_by)
            assert holds(found, exact)
    assert holds(found, operation(a, b))


@pytest.mark.parametrize("radius", [0.0, 2.0**-12])
@pytest.mark.parametrize("operation", OF_ONE)
def test_operations_of_one(operation: str, radius: float) -> None:
    of_balls, of_tensors = OF_ONE[operation]
    a = numbers(40, 30)
    found = of_balls(ball(a, radius))
    assert holds(found, of_tensors(a))
    for by in (1 - radius, 1, 1 + radius):
        assert holds(found, of_tensors(a.double() * by))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_is_not_held_by_one_of_a_better_precision(
    operation: Callable[[Any, Any], Any],
) -> None:
    """So that rounding counts at all; a change of sign does not round."""
    a, b = numbers(40, 30), numbers(40, 30, seed=1)
    found = operation(ball(a, dtype=F64), ball(b, dtype=F64))
    rounds = operation is not OPERATIONS["negative"]
    assert holds(found, operation(a, b)) != rounds


def test_what_is_zero_for_sure_is_exact() -> None:
    zero = Ball.exact(torch.zeros(2, 3, 4), F32)
    other = ball(numbers(2, 3, 4), 0.5)
    for found in (zero * other, zero @ other.mT, zero + zero, zero.sum(1)):
        assert not found.error.any()


def test_where_the_sign_is_open_both_derivatives_are_allowed_for() -> None:
    arguments = torch.tensor([2.0, -2.0, 1.0, -1.0, 0.0, 0.0])
    wide = torch.tensor([1.0, 1.0, 1.5, 1.5, 0.0, 1.0]).double()
    given = Ball(arguments.double(), wide, 2.0**-24, 2.0**-126)
    value, gate = given.bent(0.0)
    assert gate.value.tolist() == [1, 0, 1, 0, 0, 0]
    assert gate.error.tolist() == [0, 0, 1, 1, 0, 1]
    assert value.value.tolist() == [2, 0, 1, 0, 0, 0]
    assert value.error[[0, 1, 4]].tolist() == [1, 0, 0]
    assert bool((value.error[[2, 3, 5]] >= wide[[2, 3, 5]]).all())


def test_shapes() -> None:
    a = ball(numbers(2, 3, 4), 0.25)
    assert torch.equal(a.permuted(2, 0, 1).value, a.value.permute(2, 0, 1))
    assert torch.equal(a[:, 1].error, a.error[:, 1])
    assert torch.equal(a.view(2, 12).mT.error, a.error.view(2, 12).mT)
    assert torch.equal(together([a, a], 1).error, torch.cat([a.error, a.error], 1))
    assert not a.constant(torch.ones(2)).error.any()


def test_taken_and_spread() -> None:
    """Rows ``(0, 2)`` and ``(2, 3)`` of four places."""
    index = torch.tensor([[0, 2], [2, 3]])
    a = Ball.exact(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), F64)
    assert a.gathered(index).value.tolist() == [[[1, 3], [3, 4]]]
    pair = Ball.exact(torch.tensor([[[5.0, 6.0]]]), F64)
    assert pair.spread(index, 4).value.tolist() == [[[[5, 0, 6, 0], [0, 0, 5, 6]]]]
