"""Biases, skips, activations and batch normalisation against numbers that do not round."""

from __future__ import annotations

from fractions import Fraction

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

SHAPES = ((-1, -1, 1, 1), (-1, 1, -1, 1), (1, 1, -1, -1))
"""Four samples of a unit with mean 0 and deviation 1; other deviations are multiples."""


@both
@layouts
@given(units=sizes, samples=sizes, seed=seeds)
def test_biases_and_skips(
    layout: Layout, dtype: torch.dtype, units: int, samples: int, seed: int
) -> None:
    alone, rng = Alone(layout, dtype, samples), np.random.default_rng(seed)
    values, others = (integers(rng, alone.members, units, samples) for _ in range(2))
    numbers = integers(rng, alone.members, units)
    place, other, biases = alone.units(values), alone.units(others), alone.numbers(numbers)
    count = units * alone.cells
    alone.run("bias", out=place, biases=biases, height=units, cells=alone.cells)
    expected = values + numbers[:, :, None]
    assert np.array_equal(alone.units_at(place, units), expected)
    sums = alone.free_numbers(units)
    shape = {"height": units, "cells": alone.cells, "samples": samples}
    alone.run("bias_gradient", out=sums, slopes=place, **shape)
    assert np.array_equal(alone.numbers_at(sums, units), expected.sum(axis=2))
    alone.run("identity", out=other, source=place, count=count, add=1)
    assert np.array_equal(alone.units_at(other, units), others + expected)
    alone.run("identity", out=other, source=place, count=count, add=0)
    assert np.array_equal(alone.units_at(other, units), expected)
    alone.run("clear", out=other, count=count)
    assert (alone.units_at(other, units) == 0).all()


@both
@layouts
@given(units=sizes, samples=sizes, add=st.integers(0, 1), seed=seeds)
def test_sizes_and_their_noise(
    layout: Layout, dtype: torch.dtype, units: int, samples: int, add: int, seed: int
) -> None:
    alone, rng = Alone(layout, dtype, samples), np.random.default_rng(seed)
    values, before = (
        integers(rng, alone.members, units, samples),
        integers(rng, alone.members, units),
    )
    largest, place = alone.free_numbers(units), alone.units(values)
    shape = {"width": units, "cells": alone.cells, "samples": samples}
    alone.run("largest_value", out=largest, source=place, **shape)
    assert np.array_equal(alone.numbers_at(largest, units), np.abs(values).max(axis=2))
    numbers, factor = integers(rng, alone.members, units), alone.numbers([0.25])
    out = alone.numbers(before) if add else alone.free_numbers(units)
    given = {"sizes": alone.numbers(numbers), "factor": factor, "count": units, "add": add}
    alone.run("number_noise", out=out, **given)
    expected = add * before + np.abs(numbers) / 4
    assert np.array_equal(alone.numbers_at(out, units), expected)


@both
@layouts
@pytest.mark.parametrize("slope", [0.0, 0.5, -0.5])
def test_activations(layout: Layout, dtype: torch.dtype, slope: float) -> None:
    """At a kink the derivative is the slope; what is not a number stays so, forward."""
    alone = Alone(layout, dtype, samples=5)
    arguments = np.tile([-2.0, -0.0, 0.0, 3.0, np.nan], (alone.members, 2, 1))
    slopes = np.tile([1.0, 2.0, 3.0, 4.0, 5.0], (alone.members, 2, 1))
    source, back, out = alone.units(arguments), alone.units(slopes), alone.free_units(2)
    given = {"source": source, "count": 2 * alone.cells}
    name = "leaky" if slope else "relu"
    if slope:
        given["slope"] = alone.numbers([slope])
    alone.run(name, out=out, **given)
    alone.run(f"{name}_back", slopes=back, **given)
    values = [-2 * slope, 0.0, 0.0, 3.0, np.nan]
    derivatives = [slope, 2 * slope, 3 * slope, 4.0, 5 * slope]
    for found, expected in ((out, values), (back, derivatives)):
        expanded = np.tile(expected, (alone.members, 2, 1))
        assert np.array_equal(alone.units_at(found, 2), expanded, equal_nan=True)


@both
@layouts
@pytest.mark.parametrize("detached", [0, 1])
@given(units=sizes, seed=seeds, power=st.sampled_from([-110, -70, 0, 70, 110]))
def test_batch_normalisation(
    layout: Layout, dtype: torch.dtype, detached: int, units: int, seed: int, power: int
) -> None:
    """Four samples with deviations that are powers of two, far off too: nothing rounds."""
    alone, rng = Alone(layout, dtype, 4), np.random.default_rng(seed)
    shape = alone.members, units, 1
    normal = np.array(SHAPES)[rng.integers(3, size=shape[:2])].astype(np.float64)
    deviation = 2.0 ** (power + rng.integers(-2, 3, size=shape))
    mean = integers(rng, *shape) * 2.0**power
    gain, shift = integers(rng, alone.members, 1) / 2, integers(rng, alone.members, 1)
    slopes = integers(rng, alone.members, units, 4) * 4
    place, back = alone.units(normal * deviation + mean), alone.units(slopes)
    standard = alone.free_units(units)
    deviations, powers = alone.free_numbers(units), alone.free_numbers(units)
    given = {
        "normal": standard,
        "deviation": deviations,
        "power": powers,
        "gain": alone.numbers(gain),
        "height": units,
        "cells": alone.cells,
        "samples": 4,
        "portion": alone.numbers([0.25]),
    }
    # As large as the least spread may be that is not rounding.
    rounded = alone.numbers(1.75 * deviation[:, :, 0])
    alone.run("batch_norm", out=place, rounded=rounded, shift=alone.numbers(shift), **given)
    assert np.array_equal(alone.units_at(standard, units), normal)
    in_their_unit = alone.numbers_at(deviations, units) / alone.numbers_at(powers, units)
    assert np.array_equal(in_their_unit, deviation[:, :, 0])
    outputs = gain[:, :, None] * normal + shift[:, :, None]
    assert np.array_equal(alone.units_at(place, units), outputs)
    gains, shifts = alone.free_numbers(1), alone.free_numbers(1)
    gradients = {"gain_gradient": gains, "shift_gradient": shifts}
    alone.run("batch_norm_back", slopes=back, detached=detached, **gradients, **given)
    assert np.array_equal(alone.numbers_at(gains)[:, 0], (slopes * normal).sum(axis=(1, 2)))
    assert np.array_equal(alone.numbers_at(shifts)[:, 0], slopes.sum(axis=(1, 2)))
    found = alone.units_at(back, units)
    for member, unit in np.ndindex(alone.members, units):
        scale = Fraction(gain[member, 0]) / Fraction(deviation[member, unit, 0])
        expected = _back(slopes[member, unit], normal[member, unit], scale, bool(detached))
        assert [Fraction(float(x)) for x in found[member, unit]] == expected


@both
@layouts
@pytest.mark.parametrize("middle", [1.5, -1.5, 0.1, 1e30, 0.0])
@given(count=st.integers(1, 9))
def test_units_that_are_constant_or_nearly_so(
    layout: Layout, dtype: torch.dtype, middle: float, count: int
) -> None:
    """The first is constant, the spread of the third is rounding: they have no value. The second
    is one deviation from its mean.
    """
    alone = Alone(layout, dtype, 2 * count)
    centre = alone.reals.dtype.type(middle)
    sides = [np.nextafter(centre, alone.reals.dtype.type(end)) for end in (-np.inf, np.inf)]
    units = np.array([[centre] * 2 * count, sides * count, sides * count])
    rounded = np.array([0.0, 0.0, sides[1] - sides[0]])
    place = alone.units(np.broadcast_to(units, (alone.members, *units.shape)))
    standard = alone.free_units(3)
    alone.run(
        "batch_norm",
        out=place,
        rounded=alone.numbers(np.broadcast_to(rounded, (alone.members, 3))),
        normal=standard,
        deviation=alone.free_numbers(3),
        power=alone.free_numbers(3),
        gain=alone.numbers([2.0]),
        shift=alone.numbers([3.0]),
        height=3,
        cells=alone.cells,
        samples=2 * count,
        portion=alone.numbers([1 / (2 * count)]),
    )
    nothing = [np.nan] * 2 * count
    expected = np.array([nothing, [-1.0, 1.0] * count, nothing])
    for found, values in ((standard, expected), (place, 2 * expected + 3)):
        assert all(
            np.array_equal(member, values, equal_nan=True) for member in alone.units_at(found, 3)
        )


def _back(slopes: Numbers, normal: Numbers, scale: Fraction, detached: bool) -> list[Fraction]:
    """Differences of the mean and, unless the variance is detached, of its part in each sample."""
    s, u = ([Fraction(float(x)) for x in numbers] for numbers in (slopes, normal))
    quarter = Fraction(0 if detached else 1, 4)
    along = sum((a * b for a, b in zip(s, u, strict=True)), Fraction(0)) * quarter
    mean = sum(s, Fraction(0)) / 4
    return [scale * (a - mean - b * along) for a, b in zip(s, u, strict=True)]
