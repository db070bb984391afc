"""Convolutions on integers against sums over their patches: strides, channels, overlap."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.compiled.operations.alone import DTYPES, LAYOUTS, Alone, Numbers, integers
from theorycheck.networks.specification import Convolution
from theorycheck.training.compiled.operations.base import Layout

seeds = st.integers(0, 2**32)


@st.composite
def convolutions(draw: st.DrawFn) -> Convolution:
    height, width = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    kernel = draw(st.integers(1, height)), draw(st.integers(1, width))
    channels, filters, stride = (draw(st.integers(1, most)) for most in (3, 9, 3))
    return Convolution(channels, height, width, filters, kernel, stride)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@given(connection=convolutions(), samples=st.integers(1, 9), add=st.integers(0, 1), seed=seeds)
def test_convolutions(
    layout: Layout,
    dtype: torch.dtype,
    connection: Convolution,
    samples: int,
    add: int,
    seed: int,
) -> None:
    alone, rng = Alone(layout, dtype, samples), np.random.default_rng(seed)
    patches = connection.patches()
    (positions, size), count = patches.shape, connection.filters
    members, pixels = alone.members, connection.source_width
    filters = integers(rng, members, count, size)
    values, back = (integers(rng, members, pixels, samples) for _ in range(2))
    before, slopes = (integers(rng, members, count * positions, samples) for _ in range(2))
    shape = {"count": count, "positions": positions, "size": size, "cells": alone.cells}
    shape["patches"] = alone.address(np.ascontiguousarray(patches))
    matrix = alone.numbers(filters.reshape(members, -1))
    out = alone.units(before) if add else alone.free_units(count * positions)
    source, incoming, returned = alone.units(values), alone.units(slopes), alone.units(back)
    alone.run("convolution", out=out, filters=matrix, source=source, add=add, **shape)
    alone.run("convolution_back", out=returned, filters=matrix, slopes=incoming, **shape)
    sizes, noise = np.abs(integers(rng, members, pixels)), alone.free_numbers(count * positions)
    given = {"sizes": alone.numbers(sizes), "factor": alone.numbers([0.5]), "add": 0}
    of_filters = {name: shape[name] for name in ("count", "positions", "size", "patches")}
    alone.run("convolution_noise", out=noise, filters=matrix, **given, **of_filters)
    largest = np.einsum("kft,kpt->kfp", np.abs(filters), sizes[:, patches]) / 2
    assert np.array_equal(alone.numbers_at(noise, count * positions), largest.reshape(members, -1))
    gradient = alone.free_numbers(count * size)
    groups = -(-count // alone.lanes)
    scratch = alone.room(positions * samples * groups * alone.lanes)
    shape["samples"] = samples
    alone.run(
        "convolution_gradient",
        gradient=gradient,
        slopes=incoming,
        source=source,
        scratch=scratch,
        **shape,
    )
    forward, derivative = add * before, np.zeros((members, count, size))
    for f, p, t in np.ndindex(count, positions, size):
        pixel, unit = patches[p, t], f * positions + p
        forward[:, unit] += filters[:, f, t, None] * values[:, pixel]
        back[:, pixel] += filters[:, f, t, None] * slopes[:, unit]
        derivative[:, f, t] += (slopes[:, unit] * values[:, pixel]).sum(axis=1)
    assert np.array_equal(alone.units_at(out, count * positions), forward)
    assert np.array_equal(alone.units_at(returned, pixels), back)
    assert np.array_equal(alone.numbers_at(gradient, count * size), _flat(derivative))


def _flat(matrices: Numbers) -> Numbers:
    return matrices.reshape(len(matrices), -1)
