"""Cases as matrices for a reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.reports.entries import (
    CASE,
)
from theorycheck import reports
from theorycheck.arithmetic.cases import Case
from theorycheck.networks.specification import Network, mlp


def test_case_lines_align_columns() -> None:
    assert reports.case_lines(CASE.to_dict()) == [
        "network  2 -> relu 2 -> linear 1",
        "W[1,0] = [  1  -1/2 ]",
        "         [ 10   1/4 ]",
        "W[2,1] = [ 4/3  -1 ]",
        "x = [   1  0 ]",
        "    [ -12  1 ]",
        "y = [  1 ]",
        "    [ -1 ]",
        "batch_size = 2",
        "weight_decay = 1/8",
    ]


def test_case_lines_of_vectors_and_scalars() -> None:
    network = mlp([1, 2, 1], bias=True, normalisation="batch")
    arrays = tuple(np.full((1, *p.shape), 0.5) for p in network.parameters)
    lines = reports.case_lines(Case(network, arrays, np.ones((1, 2, 1))).to_dict())
    assert "bias[1] = [ 1/2  1/2 ]" in lines
    assert "gain[1] = 1/2" in lines
    assert not any(line.startswith("y") for line in lines)


def filled(network: Network, samples: int, number: float) -> Case:
    arrays = tuple(np.full((1, *p.shape), number) for p in network.parameters)
    return Case(network, arrays, np.full((1, samples, network.input_width), number))


@pytest.mark.parametrize(
    ("width", "samples", "shown"),
    [
        (12, 12, lambda lines: len(lines) == 1 + 1 + 12),
        (13, 1, lambda lines: lines[1:] == [named("W[1,0]", 1, 13), named("x", 1, 13)]),
        (1, 13, lambda lines: lines[1:] == ["W[1,0] = [ 1 ]", named("x", 13, 1)]),
    ],
)
def test_large_matrices_are_named_by_their_shape(
    width: int, samples: int, shown: Callable[[list[str]], bool]
) -> None:
    assert shown(reports.case_lines(filled(mlp([width, 1]), samples, 1.0).to_dict()))


def named(name: str, rows: int, columns: int) -> str:
    return f"{name} = ({rows} x {columns} matrix, see claims.json)"


def test_long_numbers_are_rounded_and_short_ones_exact() -> None:
    case = replace(CASE, numbers={})
    case = replace(case, inputs=np.array([[[0.1, 1 / 3], [123456789.0, -0.125]]]))
    lines = reports.case_lines(case.to_dict())
    assert "x = [       0.1  0.3333 ]" in lines
    assert "    [ 123456789    -1/8 ]" in lines


@pytest.mark.parametrize(
    ("formula", "numbers_alone"),
    [
        (["batch_size <= 1 / weight_decay"], True),
        (["where fx(a) = 2 * a", "fx(batch_size) <= 3"], True),
        (["given len(samples) == 2", "batch_size <= 1"], False),
        (["f(0, 0) <= batch_size"], False),
        ([], False),
    ],
)
def test_what_is_about_numbers_alone_shows_no_network(
    formula: list[str], numbers_alone: bool
) -> None:
    lines = reports.case_lines(CASE.to_dict(), formula)
    assert lines[-2:] == ["batch_size = 2", "weight_decay = 1/8"]
    assert (len(lines) == 2) is numbers_alone
