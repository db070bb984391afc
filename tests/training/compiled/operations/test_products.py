"""Products of matrices on integers, where nothing rounds, for all sizes around those of tiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.compiled.operations.alone import DTYPES, LAYOUTS, Alone, integers
from theorycheck.training.compiled.operations.base import Layout

sizes = st.integers(1, 9)
seeds = st.integers(0, 2**32)
both = pytest.mark.parametrize("dtype", DTYPES)
layouts = pytest.mark.parametrize("layout", LAYOUTS)


@both
@layouts
@given(height=sizes, width=sizes, samples=sizes, add=st.integers(0, 1), seed=seeds)
def test_dense(
    layout: Layout,
    dtype: torch.dtype,
    height: int,
    width: int,
    samples: int,
    add: int,
    seed: int,
) -> None:
    """Forward ``W x``, back ``W^T s``, added to what is there or not."""
    alone, rng = Alone(layout, dtype, samples), np.random.default_rng(seed)
    matrix = integers(rng, alone.members, height, width)
    weights = alone.numbers(matrix.reshape(alone.members, -1))
    shape = {"height": height, "width": width, "cells": alone.cells, "add": add}
    for name, given_units, found_units, product in (
        ("dense", width, height, matrix),
        ("dense_back", height, width, matrix.transpose(0, 2, 1)),
    ):
        values, before = (
            integers(rng, alone.members, n, samples) for n in (given_units, found_units)
        )
        source = {"source" if name == "dense" else "slopes": alone.units(values)}
        out = alone.units(before) if add else alone.free_units(found_units)
        alone.run(name, out=out, weights=weights, **source, **shape)
        assert np.array_equal(alone.units_at(out, found_units), product @ values + add * before)


@both
@layouts
@given(height=sizes, width=sizes, add=st.integers(0, 1), seed=seeds)
def test_dense_noise(
    layout: Layout, dtype: torch.dtype, height: int, width: int, add: int, seed: int
) -> None:
    """``factor |W| sizes``, added to what is there or not."""
    alone, rng = Alone(layout, dtype), np.random.default_rng(seed)
    matrix, before = integers(rng, alone.members, height, width), integers(rng, 1, height)
    before = np.broadcast_to(before, (alone.members, height))
    sizes = np.abs(integers(rng, alone.members, width))
    out = alone.numbers(before) if add else alone.free_numbers(height)
    alone.run(
        "dense_noise",
        out=out,
        weights=alone.numbers(matrix.reshape(alone.members, -1)),
        sizes=alone.numbers(sizes),
        factor=alone.numbers([0.5]),
        height=height,
        width=width,
        add=add,
    )
    expected = (np.abs(matrix) @ sizes[:, :, None])[:, :, 0] / 2 + add * before
    assert np.array_equal(alone.numbers_at(out, height), expected)


@both
@layouts
@given(height=sizes, width=sizes, samples=sizes, seed=seeds)
def test_dense_gradient(
    layout: Layout, dtype: torch.dtype, height: int, width: int, samples: int, seed: int
) -> None:
    """``sum_n slopes[o, n] source[i, n]``."""
    alone, rng = Alone(layout, dtype, samples), np.random.default_rng(seed)
    slopes = integers(rng, alone.members, height, samples)
    source = integers(rng, alone.members, width, samples)
    gradient = alone.free_numbers(height * width)
    alone.run(
        "dense_gradient",
        gradient=gradient,
        slopes=alone.units(slopes),
        source=alone.units(source),
        height=height,
        width=width,
        cells=alone.cells,
        samples=samples,
        scratch=alone.free_numbers(samples * width),
    )
    expected = slopes @ source.transpose(0, 2, 1)
    found = alone.numbers_at(gradient, height * width)
    assert np.array_equal(found, expected.reshape(alone.members, -1))
