"""Convolutions: their products forward and backward, and the gradients by their filters."""

from __future__ import annotations

from collections.abc import Callable

from theorycheck.simd.code import INT, Array, Value
from theorycheck.training.compiled.operations.base import Operation
from theorycheck.training.compiled.operations.effects import (
    adds,
    cells,
    indices,
    numbers,
    reach,
    reads,
    samples,
    spoils,
    updates,
    whole_vectors,
    writes,
)
from theorycheck.training.compiled.operations.products import (
    Tile,
    accumulate,
    correlate,
    entries,
    multiply,
    tile_into,
    tiles,
    zeros,
)
from theorycheck.training.compiled.operations.table import operation


@operation(
    out=adds(cells("count", "positions", "cells"), "add"),
    filters=reads(numbers("count", "size")),
    source=reads(cells(reach("patches"), "cells")),
    patches=reads(indices("positions", "size")),
)
def convolution(
    k: Operation,
    out: Value,
    filters: Value,
    source: Value,
    patches: Value,
    count: Value,
    positions: Value,
    size: Value,
    cells: Value,
    add: Value,
) -> None:
    """``out[f, p] = sum_t F[f, t] source[patches[p, t]]``; ``patches`` is an address."""
    matrix, pixels = k.numbers(filters), k.address(patches, INT)
    with k.loop(0, positions) as position:
        multiply(
            k,
            k.cells(out),
            add,
            count,
            cells,
            size,
            lambda f, t: matrix[f * size + t],
            k.cells(source),
            lambda f: f * positions + position,
            lambda t: pixels[position * size + t],
        )


@operation(
    out=adds(numbers("count", "positions"), "add"),
    filters=reads(numbers("count", "size")),
    sizes=reads(numbers(reach("patches"))),
    factor=reads(numbers()),
    patches=reads(indices("positions", "size")),
)
def convolution_noise(
    k: Operation,
    out: Value,
    filters: Value,
    sizes: Value,
    factor: Value,
    patches: Value,
    count: Value,
    positions: Value,
    size: Value,
    add: Value,
) -> None:
    """``out[f, p] = factor sum_t |F[f, t]| sizes[patches[p, t]]``, as `products.dense_noise`."""
    matrix, result, values = k.numbers(filters), k.numbers(out), k.numbers(sizes)
    pixels, scale = k.address(patches, INT), k.numbers(factor)[0]
    zero, adding = k.constant(k.number, 0.0), add.compare("==", 1)
    with k.loop(0, count) as f, k.loop(0, positions) as position:
        unit = f * positions + position
        total = k.variable(adding.where(result[unit], zero))
        with k.loop(0, size) as t:
            term = scale * k.absolute(matrix[f * size + t])
            total.set(k.fma(term, values[pixels[position * size + t]], total.get()))
        result[unit] = total.get()


@operation(
    out=updates(cells(reach("patches"), "cells")),
    filters=reads(numbers("count", "size")),
    slopes=reads(cells("count", "positions", "cells")),
    patches=reads(indices("positions", "size")),
)
def convolution_back(
    k: Operation,
    out: Value,
    filters: Value,
    slopes: Value,
    patches: Value,
    count: Value,
    positions: Value,
    size: Value,
    cells: Value,
) -> None:
    """``out[patches[p, t]] += sum_f F[f, t] slopes[f, p]``."""
    matrix, pixels = k.numbers(filters), k.address(patches, INT)
    with k.loop(0, positions) as position:
        multiply(
            k,
            k.cells(out),
            k.constant(INT, 1),
            size,
            cells,
            count,
            lambda t, f: matrix[f * size + t],
            k.cells(slopes),
            lambda t: pixels[position * size + t],
            lambda f: f * positions + position,
        )


@operation(
    gradient=writes(numbers("count", "size")),
    slopes=reads(samples("count", "positions")),
    source=reads(samples(reach("patches"))),
    patches=reads(indices("positions", "size")),
    scratch=spoils(numbers("positions", "samples", whole_vectors("count"))),
)
def convolution_gradient(
    k: Operation,
    gradient: Value,
    slopes: Value,
    source: Value,
    patches: Value,
    count: Value,
    positions: Value,
    size: Value,
    cells: Value,
    samples: Value,
    scratch: Value,
    tile: Tile | None = None,
) -> None:
    """``gradient[f, t] = sum_p sum_n slopes[f, p, n] source[patches[p, t], n]``.

    Where lanes are samples, they become filters here: ``scratch`` takes the slopes position by
    position and sample by sample, filters filled up to whole vectors. Where they are members,
    ``tile`` may take the entries instead of ``gradient``.
    """
    result, left, right = k.numbers(gradient), k.numbers(slopes), k.numbers(source)
    pixels, unit = k.address(patches, INT), k.per_unit(cells)

    def filter_of(f: Value, position: Value) -> Value:
        return (f * positions + position) * unit

    def pixel_of(entry: Value, position: Value) -> Value:
        return pixels[position * size + entry] * unit

    if k.members:
        given = left, right, count, size, positions, samples
        correlate(k, *given, filter_of, pixel_of, tile or tile_into(result, size))
        return
    groups = (count + (k.lanes - 1)) / k.lanes
    turned, vectors, filters = k.numbers(scratch), k.cells(scratch), groups * k.lanes
    with k.loop(0, count) as f, k.loop(0, positions) as position, k.loop(0, samples) as n:
        turned[(position * samples + n) * filters + f] = left[filter_of(f, position) + n]
    shape = groups, count, size, positions, samples
    _filters_as_lanes(k, result, vectors, right, *shape, pixel_of)


def _filters_as_lanes(
    k: Operation,
    result: Array,
    vectors: Array,
    right: Array,
    groups: Value,
    count: Value,
    size: Value,
    positions: Value,
    samples: Value,
    pixel_of: Callable[[Value, Value], Value],
) -> None:
    """The gradient by groups of filters, from vectors of their slopes."""

    def columns(entry: Value, height: int, group: Value, width: int) -> None:
        sums = zeros(k, k.vector, height, width)
        with k.loop(0, positions) as position:
            starts = [pixel_of(entry + i, position) for i in range(height)]
            accumulate(
                k,
                samples,
                lambda n: [k.splat(right[start + n]) for start in starts],
                lambda n: [
                    vectors[(position * samples + n) * groups + group + j] for j in range(width)
                ],
                sums,
            )
        for i, line in enumerate(entries(sums)):
            for j, value in enumerate(line):
                spill[0] = value
                first = (group + j) * k.lanes
                # The last group may hold lanes beyond the last filter.
                with k.loop(0, k.minimum(count - first, k.constant(INT, k.lanes))) as lane:
                    result[(first + lane) * size + entry + i] = pieces[lane]

    spill = k.local(k.vector)
    pieces = k.narrow(spill)
    tiles(k, size, groups, (4, 2), columns)
