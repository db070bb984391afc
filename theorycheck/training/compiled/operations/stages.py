"""Gradient flow, in float64: stages of a step of the integrator, and its control."""

from __future__ import annotations

from theorycheck.simd.code import Array, Value
from theorycheck.training.compiled.operations.base import STRIPES, Operation, current
from theorycheck.training.compiled.operations.effects import (
    Extent,
    moves,
    numbers,
    reads,
    reals,
    spaced,
    stripes,
    updates,
    writes,
)
from theorycheck.training.compiled.operations.table import operation

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


def _of_clock(name: str) -> Extent:
    return numbers(1, first=CLOCK.index(name))


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


@operation(
    clock=(
        reads(_of_clock("time")),
        reads(_of_clock("end")),
        reads(_of_clock("step")),
        updates(_of_clock("final")),
        updates(_of_clock("used")),
    )
)
def plan_step(k: Operation, clock: Value) -> None:
    """Cut a step that would go beyond the end."""
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


@operation(
    out=writes(stripes("count")),
    point=reads(stripes("count")),
    slopes=reads(spaced(stripes("count"), "stages", "stride")),
    step=reads(numbers()),
    factors=reads(reals("stages")),
)
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


@operation(
    out=writes(stripes("count")),
    weights=reads(stripes("count")),
    gradient=reads(stripes("count")),
    coefficient=reads(numbers()),
)
def velocity(
    k: Operation, out: Value, weights: Value, gradient: Value, coefficient: Value, count: Value
) -> None:
    """``-(g + c w)``."""
    result, state, slopes = k.striped(out), k.striped(weights), k.striped(gradient)
    c = k.spread(k.numbers(coefficient)[0])
    with k.loop(0, count, STRIPES) as p:
        result[p] = [-k.fma(c, w, g) for w, g in zip(state[p], slopes[p], strict=True)]


@operation(
    clock=moves(numbers(len(CLOCK))),
    point=moves(stripes("count")),
    trial=reads(stripes("count")),
    slopes=(reads(spaced(stripes("count"), "stages", "stride")), moves(stripes("count"))),
    factors=reads(reals("stages", more=4)),
)
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
    accepted = _control(now, k.sqrt(k.total(current(squares)) * share), used, most)
    one, zero = k.constant(k.number, 1.0), k.constant(k.number, 0.0)
    take = k.spread(accepted.where(one, zero)).compare("==", 1.0)
    with k.loop(0, count, STRIPES) as p:
        old[p] = [take.where(y, x) for x, y in zip(old[p], new[p], strict=True)]
        last = k.striped(slopes)[p + (stages - 1) * stride]
        first[p] = [take.where(b, a) for a, b in zip(first[p], last, strict=True)]


def _control(now: _Clock, error: Value, used: Value, most: Value) -> Value:
    """Set the clock after a step with an error; whether the step is accepted.

    ``most`` is the largest number of steps to try.
    """
    k = now.k
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
    return accepted
