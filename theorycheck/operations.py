"""What an update is made of, as vector code: one small operation each.

The memory of some members is one array of reals, their *arena*; an operation gets offsets into it.
Vectors hold one number of each of several members (``members``) or a member's numbers for several
samples (``samples``). What there is once per member, a weight say, is then a vector or a number;
what there is for each sample too is a vector in both layouts.

Every operation is written once, and computes the same to the bit in both layouts and in every lane:
sums over units and samples run in order, sums over parameters in `STRIPES` interleaved parts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Literal

from llvmlite import ir

from theorycheck.simd import INT, Array, Code, Value, Variable

Layout = Literal["members", "samples"]

STRIPES = 8
"""Tensors of parameters are padded with zeros to multiples of it."""

ROWS = 4
"""So many rows of a matrix's gradient are computed, and so many rows of a matrix move, at a time:
in both layouts, since sums over the entries run in that order."""


class Operation(Code):
    """The body of an operation in one layout.

    The samples of a unit fill *cells*, vectors: one cell for each sample where lanes are members,
    and else one for every `lanes` samples, the last of which is filled up with anything.
    """

    def __init__(self, function: ir.Function, real: ir.Type, lanes: int, layout: Layout) -> None:
        super().__init__(function, real, lanes)
        self.arena, self.operands, self.member, self.order, self.update = function.args
        self.members = layout == "members"
        self.number = self.vector if self.members else real
        """The type of what there is once per member."""

    def numbers(self, offset: Value) -> Array:
        """What there is once per member; samples of a unit one by one."""
        return self.array(self.arena, offset, self.number)

    def cells(self, offset: Value) -> Array:
        """What there is for each sample."""
        return self.array(self.arena, offset, self.vector)

    def spread(self, number: Value) -> Value:
        """A member's number, for all samples of a cell."""
        return number if self.members else self.splat(number)

    def per_unit(self, cells: Value) -> Value:
        """How many `numbers` the cells of a unit hold."""
        return cells if self.members else cells * self.lanes

    @contextmanager
    def sums(self, *results: Array) -> Iterator[list[Variable]]:
        """Numbers to add to, from 0 on; in the end they are the first of each result."""
        variables = [self.variable(self.constant(self.number, 0.0)) for _ in results]
        yield variables
        for result, variable in zip(results, variables, strict=True):
            result[0] = variable.get()

    def striped(self, offset: Value) -> Stripes:
        return Stripes(self, self.cells(offset))

    def stripe_sum(self) -> list[Variable]:
        """Vectors to add stripes to, from 0 on."""
        count = STRIPES if self.members else STRIPES // self.lanes
        return [self.variable(self.constant(self.vector, 0.0)) for _ in range(count)]

    def stripe(self, index: Value) -> list[Value]:
        """Where the vectors of `STRIPES` parameters are; the index is that of the first one."""
        if self.members:
            return [index + i for i in range(STRIPES)]
        return [index / self.lanes + i for i in range(STRIPES // self.lanes)]

    def total(self, stripes: Sequence[Value]) -> Value:
        """The sum of all stripes: neighbours are added until one number is left."""
        values = list(stripes)
        if values[0].type != self.number:
            values = [self.lane(value, i) for value in values for i in range(self.lanes)]
        while len(values) > 1:
            values = [a + b for a, b in zip(values[::2], values[1::2], strict=True)]
        return values[0]


class Stripes:
    """Parameters, `STRIPES` at a time; an index is that of the first and a multiple of it."""

    def __init__(self, k: Operation, array: Array) -> None:
        self.k, self.array = k, array

    def __getitem__(self, index: Value) -> list[Value]:
        return [self.array[i] for i in self.k.stripe(index)]

    def __setitem__(self, index: Value, values: Sequence[Value]) -> None:
        for i, value in zip(self.k.stripe(index), values, strict=True):
            self.array[i] = value


def current(variables: Sequence[Variable]) -> list[Value]:
    return [variable.get() for variable in variables]


Body = Callable[..., None]
OPERATIONS: dict[str, Body] = {}
"""By name. A body takes an `Operation` and the operands: offsets, counts and addresses."""


def operation(body: Body) -> Body:
    OPERATIONS[body.__name__] = body
    return body


def moving(body: Body) -> Body:
    """Two operations: one with a ``momentum`` and its ``buffer``, and one without."""
    OPERATIONS[f"momentum_{body.__name__}"] = body
    OPERATIONS[body.__name__] = partial(body, buffer=None, momentum=None)
    return body


@cache
def operands(name: str) -> tuple[str, ...]:
    """The names of an operation's operands, in order."""
    _, *parameters = inspect.signature(OPERATIONS[name]).parameters.values()
    return tuple(p.name for p in parameters if p.default is p.empty)


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
    """Cut a matrix into tiles, what is left over into smaller ones.

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


@operation
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


@operation
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


@operation
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


@operation
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


def _store(result: Array, width: Value) -> Tile:
    """Write entries to a matrix of a width."""

    def tile(row: Value, column: Value, values: list[list[Value]]) -> None:
        for i, line in enumerate(values):
            for j, value in enumerate(line):
                result[(row + i) * width + column + j] = value

    return tile


@operation
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
    unit, store = k.per_unit(cells), _store(result, width)
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


@operation
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

    def pixel_of(entry: Value, position: Value) -> Value:
        return pixels[position * size + entry] * unit

    if k.members:
        correlate(
            k,
            left,
            right,
            count,
            size,
            positions,
            samples,
            lambda f, position: (f * positions + position) * unit,
            pixel_of,
            tile or _store(result, size),
        )
        return
    groups = (count + (k.lanes - 1)) / k.lanes
    turned, vectors, filters = k.numbers(scratch), k.cells(scratch), groups * k.lanes
    with k.loop(0, count) as f, k.loop(0, positions) as position, k.loop(0, samples) as n:
        turned[(position * samples + n) * filters + f] = left[(f * positions + position) * unit + n]

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


# --- Layers


@operation
def clear(k: Operation, out: Value, count: Value) -> None:
    """``out = 0``."""
    result, zero = k.cells(out), k.constant(k.vector, 0.0)
    with k.loop(0, count) as i:
        result[i] = zero


@operation
def identity(k: Operation, out: Value, source: Value, count: Value, add: Value) -> None:
    """``out = source``, added to what is there if ``add`` is 1."""
    result, values = k.cells(out), k.cells(source)
    adding = add.compare("==", 1)
    with k.loop(0, count) as i:
        result[i] = adding.where(result[i] + values[i], values[i])


@operation
def bias(k: Operation, out: Value, biases: Value, height: Value, cells: Value) -> None:
    """``out[o] += b[o]``."""
    result, numbers = k.cells(out), k.numbers(biases)
    with k.loop(0, height) as unit:
        number = k.spread(numbers[unit])
        with k.loop(0, cells) as cell:
            result[unit * cells + cell] = result[unit * cells + cell] + number


@operation
def bias_gradient(
    k: Operation, out: Value, slopes: Value, height: Value, cells: Value, samples: Value
) -> None:
    """``out[o] = sum_n slopes[o, n]``."""
    result, values = k.numbers(out), k.numbers(slopes)
    with k.loop(0, height) as unit, k.sums(result.at(unit)) as [total], k.loop(0, samples) as n:
        total.set(total.get() + values[unit * k.per_unit(cells) + n])


@operation
def batch_norm(
    k: Operation,
    out: Value,
    normal: Value,
    deviation: Value,
    gain: Value,
    shift: Value,
    height: Value,
    cells: Value,
    samples: Value,
    portion: Value,
) -> None:
    """``out = gain normal + shift`` with ``normal = (out - mean) / deviation``, unit by unit.

    ``portion`` is one over the number of samples.
    """
    result, values, standard = k.cells(out), k.numbers(out), k.cells(normal)
    deviations, share = k.numbers(deviation), k.numbers(portion)[0]
    factor, offset = k.spread(k.numbers(gain)[0]), k.spread(k.numbers(shift)[0])
    with k.loop(0, height) as unit:
        first = unit * k.per_unit(cells)
        total = k.variable(k.constant(k.number, 0.0))
        with k.loop(0, samples) as n:
            total.set(total.get() + values[first + n])
        mean = total.get() * share
        total.set(k.constant(k.number, 0.0))
        with k.loop(0, samples) as n:
            centred = values[first + n] - mean
            total.set(k.fma(centred, centred, total.get()))
        spread = k.sqrt(total.get() * share)
        deviations[unit] = spread
        with k.loop(0, cells) as cell:
            place = unit * cells + cell
            standard[place] = (result[place] - k.spread(mean)) / k.spread(spread)
            result[place] = k.fma(factor, standard[place], offset)


@operation
def batch_norm_back(
    k: Operation,
    slopes: Value,
    normal: Value,
    deviation: Value,
    gain: Value,
    gain_gradient: Value,
    shift_gradient: Value,
    height: Value,
    cells: Value,
    samples: Value,
    portion: Value,
    detached: Value,
) -> None:
    """``gain / deviation (s - mean(s) - normal mean(s normal))``, unit by unit.

    The last term comes from the variance; it is left out if ``detached`` is 1.
    """
    result, values = k.cells(slopes), k.numbers(slopes)
    standard, standards = k.cells(normal), k.numbers(normal)
    deviations, share, factor = k.numbers(deviation), k.numbers(portion)[0], k.numbers(gain)[0]
    zero = k.constant(k.number, 0.0)
    through = detached.compare("==", 1).where(zero, share)
    with (
        k.sums(k.numbers(gain_gradient), k.numbers(shift_gradient)) as [gains, shifts],
        k.loop(0, height) as unit,
    ):
        first = unit * k.per_unit(cells)
        plain, along = k.variable(zero), k.variable(zero)
        with k.loop(0, samples) as n:
            value = values[first + n]
            plain.set(plain.get() + value)
            along.set(k.fma(value, standards[first + n], along.get()))
        gains.set(gains.get() + along.get())
        shifts.set(shifts.get() + plain.get())
        mean, slope = k.spread(plain.get() * share), k.spread(along.get() * through)
        scale = k.spread(factor / deviations[unit])
        with k.loop(0, cells) as cell:
            place = unit * cells + cell
            result[place] = (result[place] - mean - standard[place] * slope) * scale


@operation
def relu(k: Operation, out: Value, source: Value, count: Value) -> None:
    """``max(z, 0)``; what is not a number stays so."""
    result, values, zero = k.cells(out), k.cells(source), k.constant(k.vector, 0.0)
    with k.loop(0, count) as i:
        result[i] = values[i].compare("<=", 0.0).where(zero, values[i])


@operation
def relu_back(k: Operation, slopes: Value, source: Value, count: Value) -> None:
    """``slopes`` where ``z > 0``, else 0."""
    result, values, zero = k.cells(slopes), k.cells(source), k.constant(k.vector, 0.0)
    with k.loop(0, count) as i:
        result[i] = values[i].compare(">", 0.0).where(result[i], zero)


@operation
def leaky(k: Operation, out: Value, source: Value, slope: Value, count: Value) -> None:
    """``z`` where ``z > 0``, else ``slope z``."""
    result, values, factor = k.cells(out), k.cells(source), k.spread(k.numbers(slope)[0])
    with k.loop(0, count) as i:
        result[i] = values[i].compare(">", 0.0).where(values[i], values[i] * factor)


@operation
def leaky_back(k: Operation, slopes: Value, source: Value, slope: Value, count: Value) -> None:
    """``slopes`` where ``z > 0``, else ``slope slopes``."""
    result, values, factor = k.cells(slopes), k.cells(source), k.spread(k.numbers(slope)[0])
    with k.loop(0, count) as i:
        result[i] = values[i].compare(">", 0.0).where(result[i], result[i] * factor)


# --- Losses: the derivative by the outputs, times what the reduction divides by


@operation
def square_slopes(
    k: Operation, out: Value, outputs: Value, targets: Value, portion: Value, count: Value
) -> None:
    """``2 portion (f - y)``."""
    result, values, wanted = k.cells(out), k.cells(outputs), k.cells(targets)
    factor = k.spread(k.numbers(portion)[0] * 2.0)
    with k.loop(0, count) as i:
        result[i] = (values[i] - wanted[i]) * factor


@operation
def exponential_slopes(
    k: Operation, out: Value, outputs: Value, targets: Value, portion: Value, count: Value
) -> None:
    """``-portion y exp(-y f)``."""
    result, values, wanted = k.cells(out), k.cells(outputs), k.cells(targets)
    factor = k.spread(k.numbers(portion)[0])
    with k.loop(0, count) as i:
        opposite = -wanted[i]
        result[i] = opposite * k.exp(opposite * values[i]) * factor


@operation
def cross_entropy_slopes(
    k: Operation,
    out: Value,
    outputs: Value,
    targets: Value,
    portion: Value,
    classes: Value,
    cells: Value,
) -> None:
    """``portion (softmax(f) - y)``."""
    result, values, wanted = k.cells(out), k.cells(outputs), k.cells(targets)
    factor = k.spread(k.numbers(portion)[0])
    with k.loop(0, cells) as cell:
        largest = k.variable(values[cell])
        with k.loop(1, classes) as c:
            largest.set(k.maximum(largest.get(), values[c * cells + cell]))
        total = k.variable(k.constant(k.vector, 0.0))
        with k.loop(0, classes) as c:
            power = k.exp(values[c * cells + cell] - largest.get())
            result[c * cells + cell] = power
            total.set(total.get() + power)
        with k.loop(0, classes) as c:
            place = c * cells + cell
            result[place] = (result[place] / total.get() - wanted[place]) * factor


# --- Parametrisations


@operation
def scale(k: Operation, out: Value, source: Value, number: Value, count: Value) -> None:
    """``out = rho source``."""
    result, values, factor = k.cells(out), k.cells(source), k.spread(k.numbers(number)[0])
    with k.loop(0, count) as i:
        result[i] = values[i] * factor


@operation
def inner(
    k: Operation,
    out: Value,
    slopes: Value,
    outputs: Value,
    classes: Value,
    cells: Value,
    samples: Value,
) -> None:
    """``out = sum_n <slopes_n, f_n>``."""
    left, right = k.numbers(slopes), k.numbers(outputs)
    with k.sums(k.numbers(out)) as [total], k.loop(0, classes) as c, k.loop(0, samples) as n:
        place = c * k.per_unit(cells) + n
        total.set(k.fma(left[place], right[place], total.get()))


@operation
def multiplier(k: Operation, out: Value, decay: Value, rho: Value, along: Value) -> None:
    """``decay + 2 nu`` with ``2 nu = -rho sum_n <dl_n/d(rho f), f_V(x_n)>``.

    For all losses, since it is half of ``-<rho f, dl/d(rho f)>`` (`fields.Evaluation`).
    """
    k.numbers(out)[0] = k.numbers(decay)[0] - k.numbers(rho)[0] * k.numbers(along)[0]


@operation
def unit(k: Operation, out: Value, norm: Value, weights: Value, count: Value) -> None:
    """``out = v / |v|``; zero counts as divided by 1 (`theorycheck.networks.normalise`)."""
    result, source, squares = k.striped(out), k.striped(weights), k.stripe_sum()
    with k.loop(0, count, STRIPES) as p:
        for value, square in zip(source[p], squares, strict=True):
            square.set(k.fma(value, value, square.get()))
    size = k.sqrt(k.total(current(squares)))
    size = size.compare("==", 0.0).where(k.constant(k.number, 1.0), size)
    k.numbers(norm)[0] = size
    divisor = k.spread(size)
    with k.loop(0, count, STRIPES) as p:
        result[p] = [value / divisor for value in source[p]]


@operation
def unit_back(k: Operation, gradient: Value, direction: Value, norm: Value, count: Value) -> None:
    """``(G - <G, u> u) / |v|`` with ``u = v / |v|``."""
    slopes, directions, products = k.striped(gradient), k.striped(direction), k.stripe_sum()
    with k.loop(0, count, STRIPES) as p:
        for g, u, product in zip(slopes[p], directions[p], products, strict=True):
            product.set(k.fma(g, u, product.get()))
    along, size = k.spread(k.total(current(products))), k.spread(k.numbers(norm)[0])
    with k.loop(0, count, STRIPES) as p:
        pairs = zip(slopes[p], directions[p], strict=True)
        slopes[p] = [(g - along * u) / size for g, u in pairs]


# --- Steps


def residents(k: Operation, last: Value) -> list[Value]:
    """The members in the arena's lanes; lanes beyond the last member repeat it."""
    first = Value(k, k.member)
    return [k.minimum(first + lane, last) for lane in range(k.lanes if k.members else 1)]


def side_by_side(
    k: Operation, source: Array, starts: Sequence[Value], count: Value
) -> Iterator[tuple[Value, Value]]:
    """What is so many places after the starts, and how many places: what there is once per member.

    To be used in a loop, whose body is written once for each loop of the machine.
    """
    if not k.members:
        with k.loop(0, count) as i:
            yield i, source[starts[0] + i]
        return
    with k.loop(0, count, k.lanes) as i:
        rows = [k.unaligned(source.at(start + i))[0] for start in starts]
        for j, numbers in enumerate(k.transposed(rows)):
            yield i + j, numbers
    with k.loop(count - k.remainder(count, k.lanes), count) as i:
        yield i, k.gather([source[start + i] for start in starts])


@operation
def enter(
    k: Operation,
    place: Value,
    row: Value,
    stride: Value,
    last: Value,
    count: Value,
    room: Value,
) -> None:
    """Fetch ``count`` numbers from the members' rows, and fill up with zeros.

    ``row`` is the address of the first member's numbers, rows are ``stride`` apart.
    """
    source, result = k.address(row, k.real), k.numbers(place)
    for i, number in side_by_side(k, source, [m * stride for m in residents(k, last)], count):
        result[i] = number
    with k.loop(count, room) as i:
        result[i] = k.constant(k.number, 0.0)


@operation
def leave(k: Operation, place: Value, row: Value, stride: Value, last: Value, count: Value) -> None:
    """Take the numbers back to where `enter` found them."""
    source, result = k.numbers(place), k.address(row, k.real)
    starts = [member * stride for member in residents(k, last)]
    if not k.members:
        with k.loop(0, count) as i:
            result[starts[0] + i] = source[i]
        return
    with k.loop(0, count, k.lanes) as i:
        rows = k.transposed([source[i + j] for j in range(k.lanes)])
        for start, numbers in zip(starts, rows, strict=True):
            k.unaligned(result.at(start + i))[0] = numbers
    with k.loop(count - k.remainder(count, k.lanes), count) as i:
        for lane, start in enumerate(starts):
            result[start + i] = k.lane(source[i], lane)


@operation
def load(
    k: Operation,
    out: Value,
    data: Value,
    width: Value,
    member_stride: Value,
    order_stride: Value,
    batch: Value,
    cells: Value,
    last: Value,
) -> None:
    """The samples of a batch; ``data`` is an address."""
    source, result = k.address(data, k.real), k.numbers(out)
    order, update, first = Array(k, k.order, 8), Value(k, k.update), Value(k, k.member)
    with k.loop(0, batch) as n:
        starts = []
        for member in residents(k, last):
            row = (member - first) * order_stride
            chosen = order[row + update * batch + n]
            starts.append(member * member_stride + chosen * width)
        for i, number in side_by_side(k, source, starts, width):
            result[i * k.per_unit(cells) + n] = number


class Motion:
    """``b = momentum b + v`` and ``w = w + rate b``, with ``v = -(g + c w)``.

    Without a buffer, where it is kept, ``b`` is ``v``. The squares of ``b`` are added up in
    stripes, and in the end to the number at ``squares``.
    """

    def __init__(
        self,
        k: Operation,
        weights: Value,
        buffer: Value | None,
        coefficient: Value,
        rate: Value,
        momentum: Value | None,
        squares: Value,
    ) -> None:
        self.k, self.squares = k, squares
        self.memory = [weights] if buffer is None else [weights, buffer]
        self.coefficient, self.rate = k.numbers(coefficient)[0], k.numbers(rate)[0]
        self.momentum = None if momentum is None else k.numbers(momentum)[0]

    def move(self, memory: Sequence[Array], place: Value | int, gradient: Value) -> Value:
        """Move one number or a vector of them; ``b`` is returned."""
        k, (weights, *buffers) = self.k, memory

        def factor(number: Value) -> Value:
            return number if gradient.type == k.number else k.splat(number)

        weight = weights[place]
        velocity = -k.fma(factor(self.coefficient), weight, gradient)
        for buffer in buffers:
            assert self.momentum is not None
            velocity = factor(self.momentum) * buffer[place] + velocity
            buffer[place] = velocity
        weights[place] = k.fma(factor(self.rate), velocity, weight)
        return velocity

    def finish(self, stripes: Sequence[Value]) -> None:
        total = self.k.numbers(self.squares)
        total[0] = total[0] + self.k.total(stripes)


class MatrixMotion:
    """Moves a matrix, `ROWS` rows at a time, and of these column by column.

    The column of an entry says which stripe it belongs to.
    """

    def __init__(self, motion: Motion, width: Value) -> None:
        self.motion, self.width = motion, width
        self.k = k = motion.k
        self.memory = [k.numbers(offset) for offset in motion.memory]
        self.stripes = k.local(k.number, STRIPES)
        for i in range(STRIPES):
            self.stripes[i] = k.constant(k.number, 0.0)

    def tile(self, row: Value, column: Value, gradients: list[list[Value]]) -> None:
        """Move a part, given the gradient by it."""
        k = self.k
        for j, entries_of_column in enumerate(zip(*gradients, strict=True)):
            stripe = k.remainder(column + j, STRIPES)
            total = self.stripes[stripe]
            for i, gradient in enumerate(entries_of_column):
                place = (row + i) * self.width + column + j
                b = self.motion.move(self.memory, place, gradient)
                total = k.fma(b, b, total)
            self.stripes[stripe] = total

    def rows(self, gradient: Array, height: Value) -> None:
        """Move all, given a gradient in memory, where lanes are samples."""
        k = self.k

        def body(row: Value, tall: int, column: Value, wide: int) -> None:
            starts = [(row + i) * self.width + column for i in range(tall)]
            if wide == 1:
                self.tile(row, column, [[gradient[start]] for start in starts])
                return
            for first in range(0, wide, k.lanes):
                stripe = k.unaligned(self.stripes.at(first))
                total = stripe[0]
                for start in starts:
                    here = [k.unaligned(a.at(start + first)) for a in (*self.memory, gradient)]
                    b = self.motion.move(here[:-1], 0, here[-1][0])
                    total = k.fma(b, b, total)
                stripe[0] = total

        tiles(k, height, self.width, (ROWS, STRIPES), body)

    def finish(self) -> None:
        self.motion.finish([self.stripes[i] for i in range(STRIPES)])


@moving
def step(
    k: Operation,
    weights: Value,
    buffer: Value | None,
    coefficient: Value,
    rate: Value,
    momentum: Value | None,
    squares: Value,
    gradient: Value,
    count: Value,
) -> None:
    """Move parameters, given the gradient by them."""
    motion = Motion(k, weights, buffer, coefficient, rate, momentum, squares)
    memory, slopes = [k.cells(offset) for offset in motion.memory], k.cells(gradient)
    sums = k.stripe_sum()
    with k.loop(0, count, STRIPES) as p:
        for place, square in zip(k.stripe(p), sums, strict=True):
            b = motion.move(memory, place, slopes[place])
            square.set(k.fma(b, b, square.get()))
    motion.finish(current(sums))


@moving
def matrix_step(
    k: Operation,
    weights: Value,
    buffer: Value | None,
    coefficient: Value,
    rate: Value,
    momentum: Value | None,
    squares: Value,
    gradient: Value,
    height: Value,
    width: Value,
) -> None:
    """Move a matrix as `dense_step` does, given the gradient by it; where lanes are samples."""
    matrix = MatrixMotion(Motion(k, weights, buffer, coefficient, rate, momentum, squares), width)
    matrix.rows(k.numbers(gradient), height)
    matrix.finish()


@moving
def dense_step(
    k: Operation,
    weights: Value,
    buffer: Value | None,
    coefficient: Value,
    rate: Value,
    momentum: Value | None,
    squares: Value,
    gradient: Value,
    slopes: Value,
    source: Value,
    height: Value,
    width: Value,
    cells: Value,
    samples: Value,
    scratch: Value,
) -> None:
    """Move the weights of a dense connection along their gradient as soon as it is known.

    Only where lanes are members; elsewhere `matrix_step` comes after the gradient.
    """
    matrix = MatrixMotion(Motion(k, weights, buffer, coefficient, rate, momentum, squares), width)
    shape = height, width, cells, samples, scratch
    dense_gradient(k, gradient, slopes, source, *shape, tile=matrix.tile)
    matrix.finish()


@moving
def convolution_step(
    k: Operation,
    weights: Value,
    buffer: Value | None,
    coefficient: Value,
    rate: Value,
    momentum: Value | None,
    squares: Value,
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
) -> None:
    """Move the filters of a convolution along their gradient, like `dense_step`."""
    matrix = MatrixMotion(Motion(k, weights, buffer, coefficient, rate, momentum, squares), size)
    shape = patches, count, positions, size, cells, samples, scratch
    convolution_gradient(k, gradient, slopes, source, *shape, tile=matrix.tile)
    matrix.finish()


@operation
def lengthen(k: Operation, length: Value, squares: Value) -> None:
    """Add the root of the squares to a length, and begin them anew."""
    total = k.numbers(squares)
    k.numbers(length)[0] = k.numbers(length)[0] + k.sqrt(total[0])
    total[0] = k.constant(k.number, 0.0)


@operation
def begin_epoch(k: Operation, start: Value, weights: Value, length: Value, count: Value) -> None:
    """Remember where the epoch began."""
    kept, state = k.striped(start), k.striped(weights)
    with k.loop(0, count, STRIPES) as p:
        kept[p] = state[p]
    k.numbers(length)[0] = k.constant(k.number, 0.0)


@operation
def end_epoch(
    k: Operation,
    start: Value,
    weights: Value,
    length: Value,
    rate: Value,
    path: Value,
    diverged: Value,
    count: Value,
) -> None:
    """Add the length of the path; put members back whose squared norm is not finite."""
    kept, state, squares = k.striped(start), k.striped(weights), k.stripe_sum()
    way, flag = k.numbers(path), k.numbers(diverged)
    way[0] = k.fma(k.numbers(length)[0], k.numbers(rate)[0], way[0])
    with k.loop(0, count, STRIPES) as p:
        for w, square in zip(state[p], squares, strict=True):
            square.set(k.fma(w, w, square.get()))
    norm, one = k.total(current(squares)), k.constant(k.number, 1.0)
    # What is not finite differs from itself by what is not a number.
    flag[0] = (norm - norm).compare("==", 0.0).where(flag[0], one)
    back = k.spread(flag[0]).compare("==", 1.0)
    with k.when(k.any(back)), k.loop(0, count, STRIPES) as p:
        state[p] = [back.where(old, w) for old, w in zip(kept[p], state[p], strict=True)]


# --- Gradient flow, in float64

CLOCK = (
    "time",
    "end",
    "step",
    "used",
    "final",
    "going",
    "stalled",
    "diverged",
    "accepted",
    "tried",
)
"""What the integrator keeps for every member; flags are 0 or 1."""


class _Clock:
    """A member's numbers of `CLOCK`."""

    def __init__(self, k: Operation, clock: Value) -> None:
        self.k, self.numbers = k, k.numbers(clock)

    def __getitem__(self, name: str) -> Value:
        return self.numbers[CLOCK.index(name)]

    def __setitem__(self, name: str, value: Value) -> None:
        self.numbers[CLOCK.index(name)] = value

    def flag(self, name: str) -> Value:
        return self[name].compare("==", 1.0)

    def raise_flag(self, name: str, condition: Value) -> None:
        """Set a flag to whether a condition holds."""
        one, zero = (self.k.constant(self.k.number, number) for number in (1.0, 0.0))
        self[name] = condition.where(one, zero)


@operation
def plan_step(k: Operation, clock: Value) -> None:
    """A step ends at the end at the latest."""
    now = _Clock(k, clock)
    left = now["end"] - now["time"]
    final = now["step"].compare(">=", left)
    now.raise_flag("final", final)
    now["used"] = final.where(left, now["step"])


def _combine(
    k: Operation, slopes: Value, stride: Value, stages: Value, factors: Array, p: Value
) -> list[Value]:
    """``sum_j factors[j] slopes_j`` for a few parameters; slopes are ``stride`` apart."""
    zero = k.constant(k.vector, 0.0)
    totals = [k.variable(zero) for _ in k.stripe_sum()]
    with k.loop(0, stages) as j:
        factor = k.splat(factors[j])
        for total, slope in zip(totals, k.striped(slopes)[p + j * stride], strict=True):
            total.set(k.fma(factor, slope, total.get()))
    return current(totals)


@operation
def stage(
    k: Operation,
    out: Value,
    point: Value,
    slopes: Value,
    stride: Value,
    step: Value,
    factors: Value,
    stages: Value,
    count: Value,
) -> None:
    """``out = point + step sum_j factors[j] slopes_j``; ``factors`` is an address."""
    result, start, length = k.striped(out), k.striped(point), k.spread(k.numbers(step)[0])
    weights = k.address(factors, k.real)
    with k.loop(0, count, STRIPES) as p:
        change = _combine(k, slopes, stride, stages, weights, p)
        result[p] = [k.fma(length, c, x) for c, x in zip(change, start[p], strict=True)]


@operation
def velocity(
    k: Operation, out: Value, weights: Value, gradient: Value, coefficient: Value, count: Value
) -> None:
    """``-(g + c w)``."""
    result, state, slopes = k.striped(out), k.striped(weights), k.striped(gradient)
    c = k.spread(k.numbers(coefficient)[0])
    with k.loop(0, count, STRIPES) as p:
        result[p] = [-k.fma(c, w, g) for w, g in zip(state[p], slopes[p], strict=True)]


@operation
def judge_step(
    k: Operation,
    clock: Value,
    point: Value,
    trial: Value,
    slopes: Value,
    stride: Value,
    factors: Value,
    stages: Value,
    count: Value,
) -> None:
    """Accept the trial or not, and choose the next step: `theorycheck.flow.Integrator`.

    After the weights of the error, ``factors`` holds the tolerances, one over the number of
    parameters, and the largest number of steps to try.
    """
    now, weights = _Clock(k, clock), k.address(factors, k.real)
    relative, absolute, share, most = (
        k.splat(weights[stages + i]) if k.members else weights[stages + i] for i in range(4)
    )
    old, new, first = k.striped(point), k.striped(trial), k.striped(slopes)
    used, squares = now["used"], k.stripe_sum()
    length, each, least = (k.spread(number) for number in (used, relative, absolute))
    with k.loop(0, count, STRIPES) as p:
        errors = _combine(k, slopes, stride, stages, weights, p)
        for error, x, y, square in zip(errors, old[p], new[p], squares, strict=True):
            scale = k.fma(each, k.maximum(k.absolute(y), k.absolute(x)), least)
            ratio = length * error / scale
            square.set(k.fma(ratio, ratio, square.get()))
    error = k.sqrt(k.total(current(squares)) * share)
    going, final, end = now.flag("going"), now.flag("final"), now["end"]
    accepted = going & error.compare("<=", 1.0)
    smallest, largest = (k.constant(k.number, number) for number in (0.2, 10.0))
    factor = k.exp(k.log(error) * -0.2) * 0.9
    # What is not a number is the largest error: the step shrinks fivefold.
    factor = factor.compare(">", 0.2).where(factor, smallest)
    factor = factor.compare("<", 10.0).where(factor, largest)
    planned, next_step = now["step"], used * factor
    # A step cut short by the end says nothing against the longer one that had been planned.
    next_step = (accepted & final).where(k.maximum(planned, next_step), next_step)
    time = accepted.where(final.where(end, now["time"] + used), now["time"])
    step = going.where(next_step, planned)
    now["time"], now["step"] = time, step
    one, zero = k.constant(k.number, 1.0), k.constant(k.number, 0.0)
    now["accepted"] = now["accepted"] + accepted.where(one, zero)
    now["tried"] = now["tried"] + going.where(one, zero)
    early = time.compare("<", end)
    spent = now["tried"].compare(">=", most) | (time + step).compare("<=", time)
    stalled = now.flag("stalled") | (going & spent & early)
    now.raise_flag("stalled", stalled)
    now["going"] = (going & early).where(stalled.where(zero, one), zero)
    take = k.spread(accepted.where(one, zero)).compare("==", 1.0)
    with k.loop(0, count, STRIPES) as p:
        old[p] = [take.where(y, x) for x, y in zip(old[p], new[p], strict=True)]
        last = k.striped(slopes)[p + (stages - 1) * stride]
        first[p] = [take.where(b, a) for a, b in zip(first[p], last, strict=True)]
