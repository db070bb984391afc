"""How parameters move: steps of descent, stages and control of gradient flow."""

from __future__ import annotations

from collections.abc import Sequence

from theorycheck.simd.code import Array, Value
from theorycheck.training.compiled.operations.base import (
    ROWS,
    STRIPES,
    Operation,
    current,
    moving,
    operation,
)
from theorycheck.training.compiled.operations.convolution import convolution_gradient
from theorycheck.training.compiled.operations.products import dense_gradient, tiles


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
    """Accept the trial or not, and choose the next step, as `integrator.Integrator` does.

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
