"""Products of matrices with values and slopes, and the gradients by dense matrices."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from theorycheck.simd.code import Array, Value, Variable
from theorycheck.training.compiled.operations.base import ROWS, Operation, current
from theorycheck.training.compiled.operations.effects import (
    adds,
    cells,
    numbers,
    reads,
    samples,
    spoils,
    writes,
)
from theorycheck.training.compiled.operations.table import operation

# --- Products of matrices

Sums = list[list[Variable]]

Indices = Callable[[Value], list[Value]]

Tile = Callable[[Value, Value, list[list[Value]]], None]
"""Takes the first row, the first column, and the entries of a part of a matrix."""


def tiles(
    k: Operation,
    rows: Value,
    columns: Value,
    size: tuple[int, int],
    body: Callable[[Value, int, Value, int], None],
    first_column: Value | int = 0,
) -> None:
    """Cut a matrix into tiles, and the rest of it into smaller ones.

    ``body(row, height, column, width)`` emits the code of a tile.
    """
    row: Value | int = 0
    for height in (size[0], 1):
        with k.loop(row, rows, height) as row_index:
            column = first_column
            for width in (size[1], 1):
                with k.loop(column, columns, width) as column_index:
                    body(row_index, height, column_index, width)
                column = columns - k.remainder(columns - first_column, size[1])
        row = rows - k.remainder(rows, size[0])


def zeros(k: Operation, kind: ir.Type, height: int, width: int) -> Sums:
    zero = k.constant(kind, 0.0)
    return [[k.variable(zero) for _ in range(width)] for _ in range(height)]


def accumulate(k: Operation, terms: Value, left: Indices, right: Indices, sums: Sums) -> None:
    """``sums[i][j] += left(t)[i] right(t)[j]`` for all terms, in their order, in registers."""
    with k.loop(0, terms) as term:
        factors, others = left(term), right(term)
        for line, factor in zip(sums, factors, strict=True):
            for variable, other in zip(line, others, strict=True):
                variable.set(k.fma(factor, other, variable.get()))


def entries(sums: Sums) -> list[list[Value]]:
    return [current(line) for line in sums]


def multiply(
    k: Operation,
    out: Array,
    add: Value,
    rows: Value,
    cells: Value,
    terms: Value,
    weight: Callable[[Value, Value], Value],
    source: Array,
    target_of: Callable[[Value], Value],
    source_of: Callable[[Value], Value],
) -> None:
    """``out[r] = sum_t weight(r, t) source[t]``, added to what is there if ``add`` is 1.

    ``target_of`` and ``source_of`` tell which unit a row and a term are.
    """
    adding, zero = add.compare("==", 1), k.constant(k.vector, 0.0)

    def tile(row: Value, height: int, cell: Value, width: int) -> None:
        starts = [target_of(row + i) * cells + cell for i in range(height)]
        places = [[start + j for j in range(width)] for start in starts]
        sums = [[k.variable(adding.where(out[p], zero)) for p in line] for line in places]

        def values(term: Value) -> list[Value]:
            start = source_of(term) * cells + cell
            return [source[start + j] for j in range(width)]

        accumulate(
            k, terms, lambda t: [k.spread(weight(row + i, t)) for i in range(height)], values, sums
        )
        for line, results in zip(places, entries(sums), strict=True):
            for place, result in zip(line, results, strict=True):
                out[place] = result

    # A weight is used for every cell. Where it is one number, cells are few, units many.
    tiles(k, rows, cells, (4, 4) if k.members else (8, 2), tile)


@operation(
    out=adds(cells("height", "cells"), "add"),
    weights=reads(numbers("height", "width")),
    source=reads(cells("width", "cells")),
)
def dense(
    k: Operation,
    out: Value,
    weights: Value,
    source: Value,
    height: Value,
    width: Value,
    cells: Value,
    add: Value,
) -> None:
    """``out = W source``."""
    matrix, result, values = k.numbers(weights), k.cells(out), k.cells(source)
    shape = height, cells, width
    multiply(k, result, add, *shape, lambda o, i: matrix[o * width + i], values, _itself, _itself)


@operation(
    out=adds(numbers("height"), "add"),
    weights=reads(numbers("height", "width")),
    sizes=reads(numbers("width")),
    factor=reads(numbers()),
)
def dense_noise(
    k: Operation,
    out: Value,
    weights: Value,
    sizes: Value,
    factor: Value,
    height: Value,
    width: Value,
    add: Value,
) -> None:
    """``out = factor |W| sizes``, added to what is there if ``add`` is 1 (`evaluation.noise`)."""
    matrix, result, values = k.numbers(weights), k.numbers(out), k.numbers(sizes)
    scale, zero, adding = k.numbers(factor)[0], k.constant(k.number, 0.0), add.compare("==", 1)
    with k.loop(0, height) as o:
        total = k.variable(adding.where(result[o], zero))
        with k.loop(0, width) as i:
            term = scale * k.absolute(matrix[o * width + i])
            total.set(k.fma(term, values[i], total.get()))
        result[o] = total.get()


@operation(
    out=adds(cells("width", "cells"), "add"),
    weights=reads(numbers("height", "width")),
    slopes=reads(cells("height", "cells")),
)
def dense_back(
    k: Operation,
    out: Value,
    weights: Value,
    slopes: Value,
    height: Value,
    width: Value,
    cells: Value,
    add: Value,
) -> None:
    """``out = W^T slopes``."""
    matrix, result, values = k.numbers(weights), k.cells(out), k.cells(slopes)
    shape = width, cells, height
    multiply(k, result, add, *shape, lambda i, o: matrix[o * width + i], values, _itself, _itself)


def _itself(unit: Value) -> Value:
    return unit


# --- Gradients by matrices


def correlate(
    k: Operation,
    left: Array,
    right: Array,
    rows: Value,
    columns: Value,
    positions: Value | int,
    samples: Value,
    row_of: Callable[[Value, Value], Value],
    column_of: Callable[[Value, Value], Value],
    tile: Tile,
    first_column: Value | int = 0,
) -> None:
    """``sum_p sum_n left[row_of(r, p)][n] right[column_of(c, p)][n]``, tile by tile.

    ``row_of`` and ``column_of`` tell where the samples of a unit begin.
    """

    def body(row: Value, height: int, column: Value, width: int) -> None:
        sums = zeros(k, k.number, height, width)
        with k.loop(0, positions) as position:
            lefts = [row_of(row + i, position) for i in range(height)]
            rights = [column_of(column + j, position) for j in range(width)]
            accumulate(
                k,
                samples,
                lambda n: [left[start + n] for start in lefts],
                lambda n: [right[start + n] for start in rights],
                sums,
            )
        tile(row, column, entries(sums))

    tiles(k, rows, columns, (ROWS, 4), body, first_column)


def tile_into(result: Array, width: Value) -> Tile:
    """Write entries to a matrix of a width."""

    def tile(row: Value, column: Value, values: list[list[Value]]) -> None:
        for i, line in enumerate(values):
            for j, value in enumerate(line):
                result[(row + i) * width + column + j] = value

    return tile


@operation(
    gradient=writes(numbers("height", "width")),
    slopes=reads(samples("height")),
    source=reads(samples("width")),
    scratch=spoils(numbers("width", "samples")),
)
def dense_gradient(
    k: Operation,
    gradient: Value,
    slopes: Value,
    source: Value,
    height: Value,
    width: Value,
    cells: Value,
    samples: Value,
    scratch: Value,
    tile: Tile | None = None,
) -> None:
    """``gradient[o, i] = sum_n slopes[o, n] source[i, n]``.

    Where lanes are samples, they become columns of the matrix here: ``scratch`` takes the source
    sample by sample. Where they are members, ``tile`` may take the entries instead of ``gradient``.
    """
    result, left, right = k.numbers(gradient), k.numbers(slopes), k.numbers(source)
    unit, store = k.per_unit(cells), tile_into(result, width)
    operands = (left, right, height, width, 1, samples)
    places = (lambda o, _: o * unit, lambda i, _: i * unit)
    if k.members:
        correlate(k, *operands, *places, tile or store)
        return
    turned = k.numbers(scratch)
    with k.loop(0, width) as i, k.loop(0, samples) as n:
        turned[n * width + i] = right[i * unit + n]

    def vectors(row: Value, tall: int, group: Value, wide: int) -> None:
        sums, column = zeros(k, k.vector, tall, wide), group * k.lanes
        accumulate(
            k,
            samples,
            lambda n: [k.splat(left[(row + i) * unit + n]) for i in range(tall)],
            lambda n: [k.unaligned(turned.at(n * width + column))[j] for j in range(wide)],
            sums,
        )
        for i, line in enumerate(entries(sums)):
            place = k.unaligned(result.at((row + i) * width + column))
            for j, value in enumerate(line):
                place[j] = value

    tiles(k, height, width / k.lanes, (4, 2), vectors)
    correlate(k, *operands, *places, store, first_column=width / k.lanes * k.lanes)
