"""Slopes of the losses against ball arithmetic, parametrisations against numbers by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import flint
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.compiled.operations.alone import DTYPES, LAYOUTS, Alone, Numbers, integers
from theorycheck.training.compiled.operations.base import Layout

both = pytest.mark.parametrize("dtype", DTYPES)
layouts = pytest.mark.parametrize("layout", LAYOUTS)
sizes = st.integers(1, 9)
seeds = st.integers(0, 2**32)


def slopes_of(
    alone: Alone, name: str, outputs: Numbers, targets: Numbers, portion: float
) -> Numbers:
    classes = outputs.shape[1]
    out = alone.free_units(classes)
    given = {"outputs": alone.units(outputs), "targets": alone.units(targets)}
    given["portion"] = alone.numbers([portion])
    if name == "cross_entropy":
        given |= {"classes": classes, "cells": alone.cells}
    else:
        given["count"] = classes * alone.cells
    alone.run(f"{name}_slopes", out=out, **given)
    return alone.units_at(out, classes)


@both
@layouts
@given(classes=sizes, samples=sizes, seed=seeds)
def test_slopes_of_the_square_loss(
    layout: Layout, dtype: torch.dtype, classes: int, samples: int, seed: int
) -> None:
    alone, rng = Alone(layout, dtype, samples), np.random.default_rng(seed)
    outputs, targets = (integers(rng, alone.members, classes, samples) for _ in range(2))
    found = slopes_of(alone, "square", outputs, targets, 0.25)
    assert np.array_equal(found, (outputs - targets) / 2)


@both
@layouts
@given(values=st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=9))
def test_slopes_of_the_exponential_loss(
    layout: Layout, dtype: torch.dtype, values: Sequence[float]
) -> None:
    """Derivation: the exponential is off by at most 3 units of roundoff (`tests.simd.test_code`),
    its argument, target and share are exact, and of the two products none rounds, since one factor
    is a power of 2: 3 units are enough.
    """
    alone = Alone(layout, dtype, len(values))
    outputs = np.tile(values, (alone.members, 1, 1))
    targets = np.tile([1.0, -1.0] * 5, (alone.members, 1, 1))[:, :, : len(values)]
    found, unit = slopes_of(alone, "exponential", outputs, targets, 0.5), torch.finfo(dtype).eps / 2
    with flint.ctx.workprec(120):
        for member, sample in np.ndindex(alone.members, len(values)):
            target = float(targets[member, 0, sample])
            exact = -target * flint.arb(-target * values[sample]).exp() / 2
            assert abs(float(found[member, 0, sample]) - exact) <= 3 * unit * abs(exact)


@both
@layouts
@given(
    values=st.lists(
        st.lists(st.floats(-20, 20, width=32), min_size=3, max_size=3), min_size=1, max_size=9
    )
)
def test_slopes_of_the_cross_entropy(
    layout: Layout, dtype: torch.dtype, values: Sequence[Sequence[float]]
) -> None:
    """Derivation: with unit roundoff u, differences of outputs that are at most 40 apart are off by
    at most 40 u, exponentials by 3 u of themselves besides, hence by less than 44 u; the sum of
    three rounds twice, that of the other two once, the quotient once, and halving does not: 91 u
    of the slope to first order, which 100 include.
    """
    slopes_are_right(layout, dtype, np.array(values), 100)


@both
@layouts
def test_slopes_of_the_cross_entropy_once_fitted(layout: Layout, dtype: torch.dtype) -> None:
    """The label's probability is 1 in floats. Derivation as above, with differences of up to 80."""
    rows = [[0.0, 50.0, 0.0], [-80.0, 0.0, -60.0], [1e6, 1e6 + 50, 1e6 - 30], [0.0, 0.0, 0.0]]
    slopes_are_right(layout, dtype, np.array(rows), 180)


def slopes_are_right(layout: Layout, dtype: torch.dtype, values: Numbers, roundings: int) -> None:
    """Half of the derivative for the label 1, of samples by classes, to as many roundings."""
    alone, unit = Alone(layout, dtype, len(values)), torch.finfo(dtype).eps / 2
    outputs = np.tile(values.T, (alone.members, 1, 1))
    targets = np.zeros_like(outputs)
    targets[:, 1] = 1
    found = slopes_of(alone, "cross_entropy", outputs, targets, 0.5)
    with flint.ctx.workprec(400):
        for sample, row in enumerate(values):
            powers = [flint.arb(float(value)).exp() for value in row]
            others = powers[0] + powers[2]
            for member, unit_of in np.ndindex(alone.members, 3):
                exact = (-others if unit_of == 1 else powers[unit_of]) / sum(powers) / 2
                error = abs(float(found[member, unit_of, sample]) - exact)
                assert error <= roundings * unit * abs(exact)


@both
@layouts
@given(classes=sizes, samples=sizes, seed=seeds)
def test_parametrisation_by_rho(
    layout: Layout, dtype: torch.dtype, classes: int, samples: int, seed: int
) -> None:
    """``rho f``, ``sum_n <s_n, f_n>``, and the multiplier ``decay - rho sum``."""
    alone, rng = Alone(layout, dtype, samples), np.random.default_rng(seed)
    slopes, outputs = (integers(rng, alone.members, classes, samples) for _ in range(2))
    rho, decay = integers(rng, alone.members, 1), integers(rng, alone.members, 1)
    left, right, factor = alone.units(slopes), alone.units(outputs), alone.numbers(rho)
    along, result = alone.free_numbers(1), alone.free_numbers(1)
    scaled, count = alone.free_units(classes), classes * alone.cells
    alone.run("scale", out=scaled, source=right, number=factor, count=count)
    assert np.array_equal(alone.units_at(scaled, classes), rho[:, :, None] * outputs)
    shape = {"classes": classes, "cells": alone.cells, "samples": samples}
    alone.run("inner", out=along, slopes=left, outputs=right, **shape)
    inner = (slopes * outputs).sum(axis=(1, 2))
    assert np.array_equal(alone.numbers_at(along)[:, 0], inner)
    alone.run("multiplier", out=result, decay=alone.numbers(decay), rho=factor, along=along)
    assert np.array_equal(alone.numbers_at(result), decay - rho * inner[:, None])


@both
@layouts
@pytest.mark.parametrize("zero", [False, True])
@given(seed=seeds, third=st.integers(-3, 3))
def test_directions(layout: Layout, dtype: torch.dtype, zero: bool, third: int, seed: int) -> None:
    """Four of sixteen weights are ``+-2^p``: the norm is ``2^(p+1)``. Zero is divided by 1.

    Up to powers whose squares overflow or vanish, 3 fifths of the largest one.
    """
    power = third * int(math.log2(torch.finfo(dtype).max)) // 5
    alone, rng = Alone(layout, dtype), np.random.default_rng(seed)
    weights = np.zeros((alone.members, 16))
    for row in weights:
        row[rng.choice(16, 4, replace=False)] = rng.choice([-1, 1], 4) * (0 if zero else 2.0**power)
    size = 1.0 if zero else 2.0 ** (power + 1)
    gradients = integers(rng, alone.members, 16)
    norm, direction, gradient = (
        alone.free_numbers(1),
        alone.free_numbers(16),
        alone.numbers(gradients),
    )
    alone.run("unit", out=direction, norm=norm, weights=alone.numbers(weights), count=16)
    assert np.array_equal(alone.numbers_at(direction, 16), weights / size)
    assert (alone.numbers_at(norm) == size).all()
    alone.run("unit_back", gradient=gradient, direction=direction, norm=norm, count=16)
    along = (gradients * weights / size).sum(axis=1, keepdims=True)
    expected = (gradients - along * weights / size) / size
    assert np.array_equal(alone.numbers_at(gradient, 16), expected)
