"""How descent moves parameters: steps along gradients, and what an epoch adds up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from theorycheck.simd.code import Array, Value
from theorycheck.training.compiled.operations.base import ROWS, STRIPES, Layout, Operation, current
from theorycheck.training.compiled.operations.convolution import convolution_gradient
from theorycheck.training.compiled.operations.effects import (
    UNTOUCHED,
    Extent,
    indices,
    moves,
    numbers,
    reach,
    reads,
    samples,
    stripes,
    updates,
    writes,
)
from theorycheck.training.compiled.operations.products import dense_gradient, tiles
from theorycheck.training.compiled.operations.table import LAYOUTS, Body, Effects, enter, operation


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


def moving(
    extent: Extent, layouts: tuple[Layout, ...] = LAYOUTS, **effects: Effects
) -> Callable[[Body], Body]:
    """Two operations: one with a ``momentum`` and its ``buffer``, and one without.

    Args:
        extent: how many parameters move.
        effects: those of what the gradient is made of.
    """
    number = reads(numbers())
    plain = effects | {
        "weights": moves(extent),
        "coefficient": number,
        "rate": number,
        "squares": updates(numbers()),
    }

    def decorate(body: Body) -> Body:
        name = body.__name__
        buffered = plain | {"buffer": moves(extent), "momentum": number}
        enter(f"momentum_{name}", body, buffered, layouts)
        enter(name, partial(body, buffer=None, momentum=None), plain, layouts)
        return body

    return decorate


@moving(stripes("count"), gradient=reads(stripes("count")))
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


@moving(
    numbers("height", "width"),
    ("samples",),
    gradient=reads(numbers("height", "width")),
)
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


@moving(
    numbers("height", "width"),
    ("members",),
    gradient=UNTOUCHED,
    slopes=reads(samples("height")),
    source=reads(samples("width")),
    scratch=UNTOUCHED,
)
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


@moving(
    numbers("count", "size"),
    ("members",),
    gradient=UNTOUCHED,
    slopes=reads(samples("count", "positions")),
    source=reads(samples(reach("patches"))),
    patches=reads(indices("positions", "size")),
    scratch=UNTOUCHED,
)
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


@operation(length=updates(numbers()), squares=updates(numbers()))
def lengthen(k: Operation, length: Value, squares: Value) -> None:
    """Add the root of the squares to a length, and begin them anew."""
    total = k.numbers(squares)
    k.numbers(length)[0] = k.numbers(length)[0] + k.sqrt(total[0])
    total[0] = k.constant(k.number, 0.0)


@operation(
    start=writes(stripes("count")), weights=reads(stripes("count")), length=writes(numbers())
)
def begin_epoch(k: Operation, start: Value, weights: Value, length: Value, count: Value) -> None:
    """Remember where the epoch began."""
    kept, state = k.striped(start), k.striped(weights)
    with k.loop(0, count, STRIPES) as p:
        kept[p] = state[p]
    k.numbers(length)[0] = k.constant(k.number, 0.0)


@operation(
    start=reads(stripes("count")),
    weights=moves(stripes("count")),
    length=reads(numbers()),
    rate=reads(numbers()),
    path=updates(numbers()),
    diverged=updates(numbers()),
    epochs=updates(numbers()),
)
def end_epoch(
    k: Operation,
    start: Value,
    weights: Value,
    length: Value,
    rate: Value,
    path: Value,
    diverged: Value,
    epochs: Value,
    count: Value,
) -> None:
    """Add the length of the path; put members back whose squared norm is not finite.

    For all others it is one more of their epochs.
    """
    kept, state, squares = k.striped(start), k.striped(weights), k.stripe_sum()
    way, flag, trained = k.numbers(path), k.numbers(diverged), k.numbers(epochs)
    way[0] = k.fma(k.numbers(length)[0], k.numbers(rate)[0], way[0])
    with k.loop(0, count, STRIPES) as p:
        for w, square in zip(state[p], squares, strict=True):
            square.set(k.fma(w, w, square.get()))
    norm, one = k.total(current(squares)), k.constant(k.number, 1.0)
    # What is not finite differs from itself by what is not a number.
    flag[0] = (norm - norm).compare("==", 0.0).where(flag[0], one)
    trained[0] = trained[0] + (one - flag[0])
    back = k.spread(flag[0]).compare("==", 1.0)
    with k.when(k.any(back)), k.loop(0, count, STRIPES) as p:
        state[p] = [back.where(old, w) for old, w in zip(kept[p], state[p], strict=True)]
