"""Drawn cohorts reach every corner of the numbers, and visit kinks on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import hypothesis
import numpy as np
import pytest
from hypothesis import given

from tests.drawing.families import FAMILIES, few, outputs, reached, slopes
from theorycheck import arithmetic, drawing
from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.dyadic import Check, minors
from theorycheck.drawing.cohorts import cohort_case
from theorycheck.networks.evaluation import forward, vertices
from theorycheck.networks.specification import LINEAR, Convolution, Edge, Layer, Network, mlp

MLPS = drawing.cases(drawing.mlps(depths=(2, 3)))


def hidden_values(case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    """Preactivations and values, ``(K, N, width)``, of each hidden layer of a chain."""
    parameters, inputs = case.tensors()
    values = [v.numpy() for v in vertices(case.network, parameters, inputs)]
    return [
        (values[i] @ np.swapaxes(case.parameters[i], -1, -2), values[i + 1])
        for i in range(case.network.depth - 1)
    ]


def is_rectified(case: Case) -> bool:
    return slopes(case.network) == {0.0}


def has_unit(case: Case, condition: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether some unit of a ReLU network meets a condition on its preactivation at all samples."""
    return is_rectified(case) and any(
        bool(condition(before).all(axis=1).any()) for before, _ in hidden_values(case)
    )


def ranks(case: Case) -> list[tuple[int, int]]:
    """Exact rank and largest possible rank of every weight matrix of every member."""
    return [
        (arithmetic.rank(arithmetic.rationals(matrix)), min(matrix.shape))
        for k in case.network.weights
        for matrix in case.parameters[k]
    ]


def input_rank(case: Case) -> int:
    return arithmetic.rank(arithmetic.rationals(case.inputs[0]))


def distinct_inputs(case: Case) -> int:
    return len(np.unique(case.inputs[0], axis=0))


NUMBERS: dict[str, Callable[[Case], bool]] = {
    "dead unit": lambda c: has_unit(c, lambda z: z < 0.0),
    "unit that is always active": lambda c: has_unit(c, lambda z: z > 0.0),
    "preactivation at the kink": lambda c: (
        is_rectified(c) and any(bool((before == 0.0).any()) for before, _ in hidden_values(c))
    ),
    "kink of a sample that is not zero": lambda c: (
        is_rectified(c) and bool(((hidden_values(c)[0][0] == 0.0).any(-1) & c.inputs.any(-1)).any())
    ),
    "zero output": lambda c: bool((outputs(c) == 0.0).all(axis=(1, 2)).any()),
    "output that is not zero": lambda c: bool((outputs(c) != 0.0).any()),
    "rank-deficient weight that is not zero": lambda c: any(
        0 < rank < full for rank, full in ranks(c)
    ),
    "zero weight matrix": lambda c: any(rank == 0 for rank, _ in ranks(c)),
    "weight matrix of full rank": lambda c: any(rank == full > 1 for rank, full in ranks(c)),
    "narrower than the batch": lambda c: all(
        c.network.width(v) < c.samples for v in range(c.network.depth)
    ),
    "wider than the batch": lambda c: (
        c.samples > 1 and all(c.network.width(v) > c.samples for v in range(c.network.depth))
    ),
    "one sample": lambda c: c.samples == 1,
    "collinear inputs": lambda c: (
        c.network.input_width > 1 and distinct_inputs(c) > 2 and input_rank(c) == 1
    ),
    "inputs of full rank": lambda c: input_rank(c) == c.network.input_width > 2,
    "duplicate inputs": lambda c: c.samples > 1 and c.inputs[0].any() and distinct_inputs(c) == 1,
    "a zero input": lambda c: bool((c.inputs[0] == 0.0).all(axis=-1).any()),
    "single network": lambda c: c.members == 1,
    "zero input of one network": lambda c: c.members == 1 and not c.inputs.any(axis=-1).all(),
    "cohort": lambda c: c.members == drawing.COHORT,
}


def kinks(case: Case) -> np.ndarray:
    """Whether a unit that bends is exactly at its kink at a sample that is not zero, per member."""
    network, (parameters, inputs) = case.network, case.tensors()
    found = np.zeros(case.members, dtype=bool)
    for i, layer in enumerate(network.layers):
        if layer.slope == LINEAR:
            continue
        upto = Network(network.input_width, (*network.layers[:i], replace(layer, slope=LINEAR)))
        known = parameters[: len(upto.parameters)]
        at_kink = (forward(upto, known, inputs) == 0.0).any(dim=-1).numpy()
        found |= (at_kink & case.inputs.any(axis=-1)).any(axis=-1)
    return found


def bends(case: Case) -> bool:
    return any(layer.slope != LINEAR for layer in case.network.layers)


@pytest.mark.parametrize("family", ["homogeneous", "graphs", "residual", "convolutional", "mlps"])
@pytest.mark.parametrize("check", [None, minors], ids=["any check", "minors"])
def test_kinks_are_visited_on_purpose(family: str, check: Check | None) -> None:
    """By a quarter of the single networks that bend, and by nine in ten cohorts of 32.

    In cohorts whose numbers are large no unit is at its kink by chance.
    """
    single: list[bool] = []
    cohort: list[bool] = []

    @hypothesis.settings(few, max_examples=300)
    @given(drawing.cases(FAMILIES[family], check=check))
    def run(case: Case) -> None:
        if bends(case):
            (single if case.members == 1 else cohort).append(bool(kinks(case).any()))

    run()
    assert sum(single) >= len(single) / 4 > 10
    assert sum(cohort) >= 0.9 * len(cohort) > 10


@pytest.mark.parametrize("corner", NUMBERS.values(), ids=NUMBERS)
def test_corners_of_the_numbers(corner: Callable[[Case], bool]) -> None:
    reached(MLPS, corner)


def planted(case: Case, member: int) -> set[str]:
    """The corners that one network is in; none of them includes another."""
    matrices = [parameter[member] for parameter in case.parameters]
    inputs, first = case.inputs[member], matrices[0]
    ranks = [arithmetic.rank(arithmetic.rationals(matrix)) for matrix in (*matrices, inputs)]
    distinct = len(np.unique(inputs, axis=0))
    found = {
        "a dead unit": any(
            matrix.any() and not matrix.any(axis=1).all() for matrix in matrices
        ),
        "equal rows": any(
            rank == 1 < len(matrix) and matrix.any(axis=1).all()
            for rank, matrix in zip(ranks, matrices, strict=False)
        ),
        "a zero layer": not all(matrix.any() for matrix in matrices),
        "repeated samples": distinct == 1,
        "collinear samples": distinct > 1 == ranks[-1],
        "a zero sample": ranks[-1] > 1 and not inputs.any(axis=1).all(),
        "a unit at its kink": bool(
            ((inputs @ first.T == 0) & inputs.any(axis=1)[:, None] & first.any(axis=1)).any()
        ),
    }  # fmt: skip
    return {name for name, holds in found.items() if holds}


def test_each_corner_of_a_cohort_is_planted_and_by_itself() -> None:
    """Of numbers so large that chance leads to none; in every fourth network, about evenly.

    Twenty cohorts have 160 such networks, of which each corner has 20 by expectation, and as many
    more that of the kinks.
    """
    counts: dict[str, int] = {}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        case = cohort_case(mlp([3, 4, 2]), 4, "none", {}, 32, 10**6, rng)
        for member in range(case.members):
            corners = planted(case, member)
            assert len(corners) == (member % 4 == 0), (corners, member)
            for corner in corners:
                counts[corner] = counts.get(corner, 0) + 1
    assert len(counts) == 7
    assert min(counts.values()) >= 10


@pytest.mark.parametrize("kernel", [(2, 1), (1, 2), (2, 2)])
def test_a_filter_is_planted_at_its_kink_on_a_patch(kernel: tuple[int, int]) -> None:
    """Whatever entries of the input the patch is made of; in one of four spoiled networks."""
    filters = Convolution(2, 3, 3, 2, kernel)
    hidden = Layer(filters.target_width, (Edge(0, filters),))
    network = Network(filters.source_width, (hidden, Layer(1, (Edge(1),), LINEAR)))
    patch = filters.patches()[0]
    planted = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        case = cohort_case(network, 3, "none", {}, 32, 10**6, rng)
        seen, own = case.inputs[:, 0, patch], case.parameters[0][:, 0]
        at_kink = (seen * own).sum(axis=-1) == 0
        planted += int((at_kink & seen.any(axis=-1) & own.any(axis=-1)).sum())
    assert planted >= 20
