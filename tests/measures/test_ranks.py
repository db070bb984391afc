"""Singular values and ranks of matrices whose singular values are known by construction."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import flint
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, ones, zeros
from torch.autograd import forward_ad

from tests.measures.samples import Array, as_tensor, few
from theorycheck import measures
from theorycheck.measures import ranks
from theorycheck.simd import singular_values

# Torch itself warns where it is the first time that something is differentiated forwards.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


@pytest.fixture(params=["machine code", "LAPACK"], autouse=True, scope="module")
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """All measures are computed both ways."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "COMPILER", request.param == "machine code")
        yield


ROTATION = as_tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
"""Orthogonal and dyadic."""


def with_singular_values(*values: float) -> Tensor:
    """``(1, 4, 4)``, computed without rounding."""
    return (ROTATION @ torch.diag(as_tensor(values)) @ ROTATION.roll(1, dims=0))[None]


def recovered(tensor: Tensor) -> Any:
    """The nearest multiples of 2^-20.

    The exact results below are such multiples, so that rounding to them recovers the exact value
    whenever the error is below 2^-21, ten orders of magnitude above that of a backward stable
    decomposition of a 4 x 4 matrix (Higham, Section 19.3, and Weyl's inequality).
    """
    return ((tensor * 2**20).round() / 2**20).tolist()


def test_singular_values_by_construction() -> None:
    weights = torch.cat([with_singular_values(8, 4, 2, 0), with_singular_values(1, 3, 0.5, 1)])
    assert recovered(measures.singular_values(weights)) == [[8, 4, 2, 0], [3, 1, 1, 0.5]]
    assert measures.singular_values(ones(3, 2, 5)).shape == (3, 2)


def test_ranks_by_construction() -> None:
    """Entropy of (1/2, 1/4, 1/4) is 3/2 log 2, so that the effective rank squared is 8."""
    weights = torch.cat([with_singular_values(2, 1, 1, 0), with_singular_values(2, 2, 2, 2)])
    assert recovered(measures.effective_rank(weights) ** 2) == [8, 16]
    assert recovered(measures.stable_rank(weights)) == [1.5, 4]
    assert recovered(measures.effective_rank(with_singular_values(0, 5, 0, 0))) == [1]
    assert recovered(measures.stable_rank(with_singular_values(0, 5, 0, 0))) == [1]


def test_threshold_rank_depends_on_the_norm() -> None:
    """Singular values 1, 1, 1 and x: the Frobenius norm is sqrt(3) times the spectral one."""
    weights = with_singular_values(1, 1, 1, 1.5e-4) * 1024
    assert measures.threshold_rank(weights).tolist() == [4]
    assert measures.threshold_rank(weights, norm="frobenius").tolist() == [3]
    assert measures.threshold_rank(weights, threshold=2e-4).tolist() == [3]
    assert measures.threshold_rank(with_singular_values(1, 2**-10, 2**-20, 0)).tolist() == [2]


@given(arrays(np.int64, (4, 3, 3), elements=st.integers(-1, 1)))
@few
def test_threshold_rank_of_small_matrices_is_the_rank(values: Array) -> None:
    """The squared product of the r non-zero singular values is a positive integer (a sum of squared
    minors), and none exceeds 3: the last is at least 1/9, its ratio to either norm at least 1/27.
    """
    ranks = [flint.fmpz_mat(matrix.tolist()).rank() for matrix in values]
    weights = as_tensor(values)
    assert measures.threshold_rank(weights).tolist() == ranks
    assert measures.threshold_rank(weights, norm="frobenius").tolist() == ranks


def test_zero_matrices_have_rank_zero() -> None:
    weights = zeros(1, 2, 3)
    assert measures.singular_values(weights).tolist() == [[0, 0]]
    assert measures.threshold_rank(weights).tolist() == [0]
    assert measures.threshold_rank(weights, norm="frobenius").tolist() == [0]
    assert measures.effective_rank(weights).tolist() == [0]
    assert measures.stable_rank(weights).tolist() == [0]


@pytest.fixture
def decomposed(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What LAPACK has been asked to decompose."""
    original = torch.linalg.svdvals
    asked: list[Tensor] = []

    def svdvals(matrices: Tensor) -> Tensor:
        asked.append(matrices)
        values: Tensor = original(matrices)
        return values

    monkeypatch.setattr(torch.linalg, "svdvals", svdvals)
    return asked


def test_lapack_is_asked_only_without_machine_code(
    decomposed: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no compiler, and for matrices that are too large for it."""
    monkeypatch.setattr(ranks, "COMPILER", True)
    matrices = with_singular_values(8, 4, 2, 1)
    machine_code = measures.singular_values(matrices)
    assert torch.equal(machine_code, singular_values.singular_values(matrices))
    assert not decomposed
    assert recovered(measures.singular_values(torch.eye(257)[None])[0]) == [1] * 257
    assert len(decomposed) == 1
    monkeypatch.setattr(ranks, "COMPILER", False)
    assert recovered(measures.singular_values(matrices)[0]) == [8, 4, 2, 1]
    assert len(decomposed) == 2


WITHOUT_A_COMPILER = """
import sys
sys.modules["llvmlite"] = None
import torch
from theorycheck import measures
matrix = torch.tensor([[[0.0, 3.0], [2.0, 0.0]]])
print(measures.singular_values(matrix).round().tolist(), "theorycheck.simd.code" in sys.modules)
"""


def test_measures_need_no_compiler() -> None:
    """In a process of its own."""
    command = [sys.executable, "-c", WITHOUT_A_COMPILER]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[[3.0, 2.0]] False\n"


def test_what_is_not_finite_stays_with_its_member() -> None:
    weights = torch.cat([with_singular_values(8, 4, 2, 0)] * 3)
    weights[1, 0, 0] = torch.nan
    found = measures.singular_values(weights)
    assert recovered(found[[0, 2]].flatten()) == [8, 4, 2, 0] * 2
    assert found[1].isnan().all()


def gradient(measure: Callable[[Tensor], Tensor], weights: Tensor) -> Tensor:
    leaf = weights.clone().requires_grad_()
    (found,) = torch.autograd.grad(measure(leaf).sum(), leaf)
    return found


def test_gradients_of_singular_values() -> None:
    """By hand: of ``sum s^2 = |W|^2`` it is 2 W, of the largest one of a diagonal matrix one entry;
    scaling a matrix changes no rank, so that gradients of ranks are orthogonal to it.
    """
    weights = torch.cat([with_singular_values(8, 4, 2, 1), with_singular_values(1, 3, 0.5, 2)])
    squares = gradient(lambda w: measures.singular_values(w) ** 2, weights)
    assert recovered(squares) == (2 * weights).tolist()
    diagonal = torch.diag(as_tensor([1, 3, 2]))[None]
    expected = torch.diag(as_tensor([0, 1, 0]))[None]
    assert recovered(gradient(lambda w: measures.singular_values(w)[:, 0], diagonal)) == (
        expected.tolist()
    )
    for measure in (measures.effective_rank, measures.stable_rank):
        found = gradient(measure, weights)
        assert found.any()
        assert recovered((found * weights).sum(dim=(1, 2))) == [0, 0]
    # d/ds_1 of (s_1^2 + s_2^2) / s_1^2 at 2 and 1 is -2 s_2^2 / s_1^3, d/ds_2 is 2 s_2 / s_1^2.
    two = torch.diag(as_tensor([2, 1]))[None]
    assert recovered(gradient(measures.stable_rank, two)) == [[[-0.25, 0], [0, 0.5]]]


def test_a_loss_keeps_all_its_gradients() -> None:
    """Small matrices go the way of large ones: a rank beside another term is not left out."""
    weights = with_singular_values(8, 4, 2, 1)
    both = gradient(lambda w: w.square().sum() + measures.effective_rank(w).sum(), weights)
    apart = gradient(measures.effective_rank, weights)
    assert recovered(both) == recovered(2 * weights + apart)
    assert recovered(apart) != recovered(torch.zeros_like(apart))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own
def test_derivatives_forward_and_of_second_order() -> None:
    """Of ``sum s^2`` along D: 2 <W, D>, and 2 D."""
    weights, along = with_singular_values(8, 4, 2, 1), with_singular_values(1, 3, 0.5, 2)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(weights, along)  # type: ignore[no-untyped-call]
        squares = measures.singular_values(dual).square().sum()
        (_, tangent) = forward_ad.unpack_dual(squares)  # type: ignore[no-untyped-call]
    assert recovered(tangent) == (2 * weights * along).sum().item()
    leaf = weights.clone().requires_grad_()
    squares = measures.singular_values(leaf).square().sum()
    (slope,) = torch.autograd.grad(squares, leaf, create_graph=True)
    (second,) = torch.autograd.grad((slope * along).sum(), leaf)
    assert recovered(second) == (2 * along).tolist()


def test_gradients_of_what_is_not_finite_stay_with_their_member() -> None:
    weights = torch.cat([with_singular_values(8, 4, 2, 1)] * 2)
    weights[1, 0, 0] = torch.inf
    found = gradient(measures.stable_rank, weights)
    assert torch.equal(found[0], gradient(measures.stable_rank, weights[:1])[0])


RANKS = ["singular_values", "stable_rank", "effective_rank"]
SIZES = [(4, 4), (3, 5)]


def drawn(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", RANKS)
def test_transforms_of_torch_are_those_of_autograd(name: str, size: tuple[int, int]) -> None:
    measure, weights, along = getattr(measures, name), drawn(2, *size), drawn(2, *size)

    def total(matrices: Tensor) -> Tensor:
        value: Tensor = measure(matrices).square().sum()
        return value

    leaf = weights.clone().requires_grad_()
    (expected,) = torch.autograd.grad(total(leaf), leaf, create_graph=True)
    assert torch.equal(torch.func.grad(total)(weights), expected)
    (second,) = torch.autograd.grad((expected * along).sum(), leaf)
    found = torch.func.grad(lambda w: (torch.func.grad(total)(w) * along).sum())(weights)
    assert torch.equal(found, second)


@pytest.mark.parametrize("name", ["singular_values", "stable_rank", "effective_rank"])
def test_jacobians_of_diagonal_matrices(name: str) -> None:
    """Singular vectors are unit vectors: only entries on the diagonal matter to first order.

    The derivative of the squared norm over the largest square 16: 2 s_i / 16, and for the largest
    itself -2 (4 + 1) / 64.
    """
    weights = torch.diag_embed(torch.tensor([[4.0, 2.0, 1.0]]))
    for transform in (torch.func.jacrev, torch.func.jacfwd):
        jacobian = transform(getattr(measures, name))(weights)
        diagonal = jacobian.diagonal(dim1=-2, dim2=-1)
        assert torch.equal(torch.diag_embed(diagonal), jacobian)
        if name == "singular_values":
            assert diagonal.squeeze().tolist() == torch.eye(3).tolist()
            along = torch.arange(9.0).reshape(1, 3, 3)
            values, slopes = torch.func.jvp(measures.singular_values, (weights,), (along,))  # type: ignore[misc]
            assert (values.tolist(), slopes.tolist()) == ([[4, 2, 1]], [[0, 4, 8]])
        if name == "stable_rank":
            assert diagonal.squeeze().tolist() == [-10 / 64, 2 * 2 / 16, 2 / 16]


STACKS = torch.diag_embed(torch.tensor(
    [[[4.0, 2, 1], [1, 4, 4]], [[0, 0, 0], [1, 0, 2]], [[2, 2, 2], [0, 8, 0]]]
))  # fmt: skip
"""Three stacks of two diagonal matrices, whose singular values do not round."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("singular_values", STACKS.diagonal(dim1=-2, dim2=-1).sort(descending=True).values),
        ("stable_rank", torch.tensor([[21 / 16, 33 / 16], [0, 5 / 4], [3, 1]])),
        ("threshold_rank", torch.tensor([[3.0, 3], [0, 2], [3, 1]])),
    ],
)
def test_stacks_of_cohorts_are_cohorts(name: str, expected: Tensor) -> None:
    measure = getattr(measures, name)
    assert torch.equal(torch.func.vmap(measure)(STACKS), expected)
    assert torch.equal(torch.func.vmap(measure, in_dims=1)(STACKS.transpose(0, 1)), expected)
    assert torch.equal(torch.func.vmap(measure, in_dims=-1)(STACKS.movedim(0, -1)), expected)
    twice = torch.func.vmap(torch.func.vmap(measure))(STACKS.unsqueeze(1))
    assert torch.equal(twice.squeeze(1), expected)


def test_effective_ranks_of_stacks() -> None:
    line = torch.diag_embed(torch.tensor([[[3.0, 0, 0]], [[0, 0, 0]], [[0, 0, 2.0**100]]]))
    assert torch.func.vmap(measures.effective_rank)(line).tolist() == [[1], [0], [1]]


def test_gradients_of_stacks_are_those_of_cohorts() -> None:
    """Of the squared norm over the largest square, by hand as above."""
    stacks = STACKS[[0, 2], :1]

    def total(matrices: Tensor) -> Tensor:
        return measures.singular_values(matrices).square().sum()

    assert torch.equal(torch.func.vmap(torch.func.grad(total))(stacks), 2 * stacks)
