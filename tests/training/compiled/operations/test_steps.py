"""Steps of descent on numbers that do not round, lengths of paths, and the mark of divergence."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.compiled.operations.alone import DTYPES, LAYOUTS, Alone, Numbers, integers
from theorycheck.networks.specification import Convolution
from theorycheck.training.compiled.operations.base import Layout

both = pytest.mark.parametrize("dtype", DTYPES)
layouts = pytest.mark.parametrize("layout", LAYOUTS)
buffered = pytest.mark.parametrize("buffered", [False, True])
sizes = st.integers(1, 9)
seeds = st.integers(0, 2**32)

RATE, MOMENTUM, DECAY = 0.5, 0.25, 0.5


class Motion:
    """Parameters before a step, and what they should be after it.

    ``b = momentum b - (g + c w)``, or without the first term, and ``w + rate b``; the squares of
    ``b`` are added to what is there.
    """

    def __init__(self, alone: Alone, rng: np.random.Generator, count: int, buffered: bool) -> None:
        self.alone, self.count = alone, count
        self.before = integers(rng, alone.members, count)
        self.velocity = integers(rng, alone.members, count) * buffered
        self.squares = integers(rng, alone.members, 1) ** 2
        self.prefix = "momentum_" if buffered else ""
        self.given = {
            "weights": alone.numbers(self.before),
            "coefficient": alone.numbers([DECAY]),
            "rate": alone.numbers([RATE]),
            "squares": alone.numbers(self.squares),
        }
        if buffered:
            self.given["buffer"] = alone.numbers(self.velocity)
            self.given["momentum"] = alone.numbers([MOMENTUM])

    def check(self, gradient: Numbers) -> None:
        b = MOMENTUM * self.velocity - (gradient + DECAY * self.before)
        found = self.alone.numbers_at(self.given["weights"], self.count)
        assert np.array_equal(found, self.before + RATE * b)
        squares = self.squares + (b**2).sum(axis=1, keepdims=True)
        assert np.array_equal(self.alone.numbers_at(self.given["squares"]), squares)
        if "buffer" in self.given:
            assert np.array_equal(self.alone.numbers_at(self.given["buffer"], self.count), b)


@both
@layouts
@buffered
@given(blocks=sizes, seed=seeds)
def test_a_step(layout: Layout, dtype: torch.dtype, buffered: bool, blocks: int, seed: int) -> None:
    alone, rng = Alone(layout, dtype), np.random.default_rng(seed)
    motion = Motion(alone, rng, 8 * blocks, buffered)
    gradient = integers(rng, alone.members, 8 * blocks)
    place = alone.numbers(gradient)
    alone.run(f"{motion.prefix}step", gradient=place, count=8 * blocks, **motion.given)
    motion.check(gradient)


@both
@buffered
@given(height=sizes, width=sizes, samples=sizes, seed=seeds)
def test_a_matrix_moves(
    dtype: torch.dtype, buffered: bool, height: int, width: int, samples: int, seed: int
) -> None:
    """Given its gradient, where lanes are samples; else given what the gradient is made of."""
    rng, shape = np.random.default_rng(seed), {"height": height, "width": width}
    alone = Alone("samples", dtype, samples)
    motion = Motion(alone, rng, height * width, buffered)
    gradient = integers(rng, 1, height * width)
    place = alone.numbers(gradient)
    alone.run(f"{motion.prefix}matrix_step", gradient=place, **shape, **motion.given)
    motion.check(gradient)
    alone = Alone("members", dtype, samples)
    motion = Motion(alone, rng, height * width, buffered)
    slopes = integers(rng, alone.members, height, samples)
    source = integers(rng, alone.members, width, samples)
    alone.run(
        f"{motion.prefix}dense_step",
        gradient=0,
        scratch=0,
        slopes=alone.units(slopes),
        source=alone.units(source),
        cells=samples,
        samples=samples,
        **shape,
        **motion.given,
    )
    motion.check((slopes @ source.transpose(0, 2, 1)).reshape(alone.members, -1))


@both
@buffered
@given(filters=sizes, stride=st.integers(1, 2), samples=sizes, seed=seeds)
def test_filters_move(
    dtype: torch.dtype, buffered: bool, filters: int, stride: int, samples: int, seed: int
) -> None:
    connection = Convolution(2, 3, 4, filters, (2, 2), stride)
    patches = np.ascontiguousarray(connection.patches())
    positions, size = patches.shape
    rng, alone = np.random.default_rng(seed), Alone("members", dtype, samples)
    motion = Motion(alone, rng, filters * size, buffered)
    slopes = integers(rng, alone.members, filters * positions, samples)
    source = integers(rng, alone.members, 24, samples)
    alone.run(
        f"{motion.prefix}convolution_step",
        gradient=0,
        scratch=0,
        slopes=alone.units(slopes),
        source=alone.units(source),
        patches=alone.address(patches),
        count=filters,
        positions=positions,
        size=size,
        cells=samples,
        samples=samples,
        **motion.given,
    )
    gradient = np.zeros((alone.members, filters, size))
    for f, p, t in np.ndindex(filters, positions, size):
        products = slopes[:, f * positions + p] * source[:, patches[p, t]]
        gradient[:, f, t] += products.sum(axis=1)
    motion.check(gradient.reshape(alone.members, -1))


@both
@layouts
def test_the_length_of_a_path(layout: Layout, dtype: torch.dtype) -> None:
    """The root of the squares is added, and they begin anew; an epoch adds rate times length."""
    alone = Alone(layout, dtype)
    length, squares, path = (alone.numbers([n]) for n in (2.0, 9.0, 1.0))
    alone.run("lengthen", length=length, squares=squares)
    assert (alone.numbers_at(length) == 5).all()
    assert not alone.numbers_at(squares).any()
    weights, start = alone.numbers(np.arange(8.0)), alone.free_numbers(8)
    given = {"start": start, "weights": weights, "length": length, "count": 8}
    diverged, epochs = alone.numbers([0.0]), alone.numbers([3.0])
    ends = {"rate": alone.numbers([0.5]), "path": path, "diverged": diverged, "epochs": epochs}
    alone.run("begin_epoch", **given)
    assert not alone.numbers_at(length).any()
    assert np.array_equal(alone.numbers_at(start, 8), alone.numbers_at(weights, 8))
    alone.reals[length : length + alone.members] = 6
    alone.run("end_epoch", **given, **ends)
    assert (alone.numbers_at(path) == 1 + 0.5 * 6).all()
    assert not alone.numbers_at(diverged).any()
    assert (alone.numbers_at(epochs) == 4).all()
    assert np.array_equal(alone.numbers_at(weights, 8)[0], np.arange(8.0))


@both
@layouts
@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, "huge"])
def test_a_member_that_diverges_goes_back_alone(
    layout: Layout, dtype: torch.dtype, number: float | str
) -> None:
    """Also where only its squared norm is beyond all numbers; the mark stays."""
    alone = Alone(layout, dtype)
    lost = alone.members - 1
    start = np.tile(np.arange(8.0), (alone.members, 1))
    moved = start + 1
    moved[lost, 3] = float(torch.finfo(dtype).max) / 2 if number == "huge" else number
    kept, weights = alone.numbers(start), alone.numbers(moved)
    given = {"start": kept, "weights": weights, "length": alone.numbers([0.0]), "count": 8}
    diverged, epochs = alone.numbers([0.0]), alone.numbers([0.0])
    given |= {"rate": alone.numbers([1.0]), "path": alone.numbers([0.0])}
    given |= {"diverged": diverged, "epochs": epochs}
    expected = start + 1
    expected[lost] = start[lost]
    alone.run("end_epoch", **given)
    assert np.array_equal(alone.numbers_at(weights, 8), expected)
    marks = [float(member == lost) for member in range(alone.members)]
    assert alone.numbers_at(diverged)[:, 0].tolist() == marks
    # One epoch later it is put back again, although nothing is infinite.
    place = weights + 3 * alone.members + lost
    alone.reals[place] = 7
    alone.run("end_epoch", **given)
    assert np.array_equal(alone.numbers_at(weights, 8), expected)
    assert alone.numbers_at(diverged)[:, 0].tolist() == marks
    assert alone.numbers_at(epochs)[:, 0].tolist() == [2 * (1 - mark) for mark in marks]
