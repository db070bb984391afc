"""Singular values in machine code, against exact ones and against themselves in other company."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from tests.arithmetic.matrices import true_singular_values
from theorycheck.simd import singular_values

DTYPES = (torch.float64, torch.float32)
SEEDS = st.integers(0, 2**32 - 1)

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))


def random(seed: int, members: int, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(members, *shape, generator=generator, dtype=torch.float64).to(dtype)


def graded(seed: int, members: int, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """Rows and columns of very different sizes, up to 2^40 apart."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = (torch.randint(-10, 11, (s,), generator=generator) for s in shape)
    powers = 2.0 ** (rows[:, None] + columns)
    return random(seed, members, shape, dtype) * powers.to(dtype)


def deficient(seed: int, members: int, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """Integers, some rows and columns of which repeat others or are 0."""
    generator = torch.Generator().manual_seed(seed)
    integers = torch.randint(-2, 3, (members, *shape), generator=generator)
    integers[:, :, shape[1] // 2 :] = integers[:, :, :1]
    integers[::2, shape[0] // 2] = 0
    return integers.to(dtype)


def repeated(seed: int, members: int, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """Permuted rows of an identity: every singular value is 1."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(members, shape[0], generator=generator).argsort(dim=1)
    return torch.eye(*shape, dtype=dtype)[order.clamp(max=shape[0] - 1)]


def tiny(seed: int, members: int, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """Multiples of the smallest number of the type."""
    smallest = float(torch.finfo(dtype).smallest_normal) * float(torch.finfo(dtype).eps)
    return (random(seed, members, shape, torch.float64) * 50).round().to(dtype) * smallest


KINDS: dict[str, Callable[[int, int, tuple[int, int], torch.dtype], Tensor]] = {
    function.__name__: function for function in (random, graded, deficient, repeated, tiny)
}


def largest_error(matrix: Tensor, steps: int) -> float:
    """How far a singular value may be from the exact one, after so many QR steps for each.

    Derivation: let ``u`` be the unit roundoff, the matrix have ``m`` rows and ``n <= m`` columns.
    A change of the matrix moves no singular value by more than its norm (Weyl).

    The squared norm of a vector rounds by ``m u``, so that the factor of a reflection is right up
    to ``(m + 8) u``, and it differs from a reflection by twice that; what it is applied to adds
    ``2 (m + 3) u`` for the product and ``2 u`` for the sum: less than ``(4 m + 24) u |A|_F`` for
    each of ``2 n`` reflections.

    Cosine and sine of a rotation are right up to ``3 u`` and a product with them rounds twice more:
    ``6 u`` of a pair of rows or columns. Each of these takes part in at most four rotations of a
    step, which are ``24 u |A|_F``; entries that are replaced by 0 in it, at most ``2 n``, add
    ``sqrt(2 n) u |A|_F``. Second orders are covered by ``32`` instead of ``24``. That holds for
    numbers that are not below the normal ones; each of these costs the smallest of them once more,
    in the result.
    """
    information = torch.finfo(matrix.dtype)
    m, n = max(matrix.shape), min(matrix.shape)
    units = 2 * n * (4 * m + 24) + steps * n * (32 + math.sqrt(2 * n))
    norm = float(torch.linalg.vector_norm(matrix.double()))
    smallest = float(information.smallest_normal) * float(information.eps)
    return units * float(information.eps) / 2 * norm + smallest


def exact(matrix: Tensor) -> list[flint.arb]:
    return true_singular_values([[Fraction(x) for x in row] for row in matrix.tolist()])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS, shape=shapes)
def test_singular_values_are_the_exact_ones(
    kind: str, dtype: torch.dtype, seed: int, shape: tuple[int, int]
) -> None:
    matrices = KINDS[kind](seed, 2, shape, dtype)
    found = singular_values.singular_values(matrices)
    assert found.dtype == dtype
    with flint.ctx.workprec(400):
        for matrix, values in zip(matrices, found.tolist(), strict=True):
            bound = largest_error(matrix, singular_values.STEPS)
            for value, truth in zip(values, exact(matrix), strict=True):
                assert abs(value - truth) <= bound


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(entries=arrays(np.int8, st.tuples(st.just(1), st.integers(1, 4), st.integers(1, 4))))
def test_singular_values_of_drawn_matrices(dtype: torch.dtype, entries: npt.NDArray[Any]) -> None:
    matrices = torch.from_numpy(entries).to(dtype)
    with flint.ctx.workprec(400):
        bound = largest_error(matrices[0], singular_values.STEPS)
        pairs = zip(
            singular_values.singular_values(matrices)[0].tolist(), exact(matrices[0]), strict=True
        )
        assert all(abs(value - truth) <= bound for value, truth in pairs)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (32, 16), (16, 32), (32, 32), (33, 47)], ids=str)
def test_a_few_steps_are_enough(
    shape: tuple[int, int], kind: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that hardly a matrix is left to LAPACK, and the bound on errors is a narrow one."""
    monkeypatch.setattr(singular_values, "STEPS", 4)
    matrices = KINDS[kind](1, 20, shape, dtype)
    _, finished = singular_values._values(matrices)
    assert finished.all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_in_descending_order(dtype: torch.dtype) -> None:
    """Those of a permuted diagonal matrix are its entries; with powers of 2 nothing rounds."""
    sizes = torch.tensor([4, 0.25, 8, 1, 2, 0, 64, 16], dtype=dtype)
    order = torch.tensor([3, 1, 0, 7, 6, 2, 5, 4])
    values = singular_values.singular_values(torch.diag(sizes)[None, order])
    assert values.tolist() == [[64, 16, 8, 4, 2, 1, 0.25, 0]]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(seed=SEEDS, members=st.integers(1, 40), shape=shapes, data=st.data())
def test_bits_do_not_depend_on_company(
    dtype: torch.dtype, seed: int, members: int, shape: tuple[int, int], data: st.DataObject
) -> None:
    kinds = [kind(seed, members, shape, dtype) for kind in KINDS.values()]
    mixed = torch.stack([kinds[i % len(kinds)][i] for i in range(members)])
    order = torch.tensor(data.draw(st.permutations(range(members))))
    low = data.draw(st.integers(0, members - 1))
    high = data.draw(st.integers(low + 1, members))
    together = singular_values.singular_values(mixed)
    apart = singular_values.singular_values(mixed[order[low:high]])
    assert torch.equal(apart, together[order[low:high]])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(seed=SEEDS, shape=shapes, power=st.integers(-60, 60))
def test_powers_of_two_scale_without_rounding(
    dtype: torch.dtype, seed: int, shape: tuple[int, int], power: int
) -> None:
    matrices = random(seed, 3, shape, dtype)
    values = singular_values.singular_values(matrices)
    assert torch.equal(singular_values.singular_values(matrices * 2.0**power), values * 2.0**power)


def test_matrices_may_lie_anywhere() -> None:
    """Transposed, with gaps, or one for several members."""
    whole = random(0, 5, (7, 9), torch.float64)
    part = whole[1:, 2:6, ::2]
    expected = singular_values.singular_values(part.clone())
    assert torch.equal(singular_values.singular_values(part), expected)
    assert torch.equal(singular_values.singular_values(part.mT), expected)
    shared = singular_values.singular_values(part[:1].expand(9, -1, -1))
    assert torch.equal(shared, expected[:1].expand(9, -1))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_has_no_singular_values(value: float) -> None:
    matrices = random(0, 5, (3, 2), torch.float32)
    expected = singular_values.singular_values(matrices)
    matrices[2, 1, 0] = value
    found = singular_values.singular_values(matrices)
    assert found[2].isnan().all()
    others = [0, 1, 3, 4]
    assert torch.equal(found[others], expected[others])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_largest_and_the_smallest_numbers(dtype: torch.dtype) -> None:
    information = torch.finfo(dtype)
    largest, smallest = information.max, information.smallest_normal * information.eps
    sizes = [largest, 1.0, smallest, 0.0]
    matrices = torch.stack([torch.diag(torch.tensor([size, size], dtype=dtype)) for size in sizes])
    assert singular_values.singular_values(matrices).tolist() == [[size, size] for size in sizes]


def test_what_takes_too_many_steps_is_left_to_lapack(monkeypatch: pytest.MonkeyPatch) -> None:
    diagonal = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    matrices = torch.stack([torch.ones(3, 3).tril(), diagonal, torch.ones(3, 3).triu()])
    expected = torch.linalg.svdvals(matrices)
    monkeypatch.setattr(singular_values, "STEPS", 0)
    assert torch.equal(singular_values.singular_values(matrices), expected)


def test_which_matrices_are_taken() -> None:
    assert singular_values.suits(torch.zeros(1, 128, 128))
    assert singular_values.suits(torch.zeros(1000, 2, 3, dtype=torch.float64))
    assert not singular_values.suits(torch.zeros(1, 784, 1024))
    assert not singular_values.suits(torch.zeros(1, 2, 3, dtype=torch.float16))
    assert not singular_values.suits(torch.zeros(1, 2, 3, device="meta"))
