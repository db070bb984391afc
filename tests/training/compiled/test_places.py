"""Where parameters lie in a row, against a loop, and what all members share."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.compiled.programs import cohort_of, networks
from theorycheck.networks.specification import Network, mlp
from theorycheck.training.cohorts import Objective
from theorycheck.training.compiled.operations.base import Layout
from theorycheck.training.compiled.places import Places, Row
from theorycheck.training.vector_field import Field


@given(network=networks, rho=st.booleans())
def test_a_row_holds_what_a_row_of_the_field_holds(network: Network, rho: bool) -> None:
    """In that order, each tensor at a multiple of 8 and apart from the next."""
    row = Row(network, rho)
    cohort = cohort_of(network, 1, 1, parametrisation="lagrange" if rho else "plain")
    field = Field(cohort, Objective())
    assert [size for _, size in row.segments] == field.sizes
    end = 0
    for index, (start, size) in zip((*field.order, None), row.segments, strict=False):
        assert start == end
        assert start % 8 == 0
        end = start + (size + 7) // 8 * 8
        if index is None:
            assert start == row.rho
        else:
            assert row.positions[index] == start
            assert row.sizes[index] == size == math.prod(network.parameters[index].shape)
    assert row.count == end
    last = network.weights[-1]
    assert row.matrices == row.positions[last] + (row.sizes[last] + 7) // 8 * 8


@pytest.mark.parametrize("layout", ["members", "samples"])
def test_places_of_parameters_and_constants(layout: Layout) -> None:
    places = Places(
        cohort_of(mlp((3, 4, 2)), 2, 5, parametrisation="lagrange"), Objective(), 5, layout
    )
    members = 4 if layout == "members" else 1
    assert places.parameter(1) - places.parameters == 16 * members
    assert places.gradient_of(1) - places.gradient == 16 * members
    assert places.rho - places.parameters == 24 * members
    assert places.gradient_of_rho - places.gradient == 24 * members
    assert places.constant(0.25) == places.constant(0.25) != places.constant(0.75)
    given = places.arena.given
    assert given[places.constant(0.25)] == 0.25
    assert given[places.zero] == 0
    assert given[places.share] == 1 / 5
    assert places.portion == places.share


def test_a_sum_over_samples_has_no_share() -> None:
    cohort = cohort_of(mlp((3, 2)), 2, 5, dtype=torch.float32)
    places = Places(cohort, Objective(reduction="sum"), 5, "samples")
    assert places.arena.given[places.portion] == 1
