"""Slopes of the losses, and what the parametrisations by rho and unit weights need."""

from __future__ import annotations

from theorycheck.simd.code import Value
from theorycheck.training.compiled.operations.base import STRIPES, Operation, current
from theorycheck.training.compiled.operations.effects import (
    cells,
    numbers,
    reads,
    samples,
    stripes,
    updates,
    writes,
)
from theorycheck.training.compiled.operations.table import operation

# --- Losses: the derivative by the outputs, times what the reduction divides by


@operation(
    out=writes(cells("count")),
    outputs=reads(cells("count")),
    targets=reads(cells("count")),
    portion=reads(numbers()),
)
def square_slopes(
    k: Operation, out: Value, outputs: Value, targets: Value, portion: Value, count: Value
) -> None:
    """``2 portion (f - y)``."""
    result, values, wanted = k.cells(out), k.cells(outputs), k.cells(targets)
    factor = k.spread(k.numbers(portion)[0] * 2.0)
    with k.loop(0, count) as i:
        result[i] = (values[i] - wanted[i]) * factor


@operation(
    out=writes(cells("count")),
    outputs=reads(cells("count")),
    targets=reads(cells("count")),
    portion=reads(numbers()),
)
def exponential_slopes(
    k: Operation, out: Value, outputs: Value, targets: Value, portion: Value, count: Value
) -> None:
    """``-portion y exp(-y f)``."""
    result, values, wanted = k.cells(out), k.cells(outputs), k.cells(targets)
    factor = k.spread(k.numbers(portion)[0])
    with k.loop(0, count) as i:
        opposite = -wanted[i]
        result[i] = opposite * k.exp(opposite * values[i]) * factor


@operation(
    out=writes(cells("classes", "cells")),
    outputs=reads(cells("classes", "cells")),
    targets=reads(cells("classes", "cells")),
    portion=reads(numbers()),
)
def cross_entropy_slopes(
    k: Operation,
    out: Value,
    outputs: Value,
    targets: Value,
    portion: Value,
    classes: Value,
    cells: Value,
) -> None:
    """``portion (softmax(f) - y)``.

    The label's probability may round to 1: less 1, it is less those of the others.
    """
    result, values, wanted = k.cells(out), k.cells(outputs), k.cells(targets)
    factor = k.spread(k.numbers(portion)[0])
    with k.loop(0, cells) as cell:
        largest = k.variable(values[cell])
        with k.loop(1, classes) as c:
            largest.set(k.maximum(largest.get(), values[c * cells + cell]))
        zero, one = (k.constant(k.vector, number) for number in (0.0, 1.0))
        total, others = k.variable(zero), k.variable(zero)
        with k.loop(0, classes) as c:
            place = c * cells + cell
            power = k.exp(values[place] - largest.get())
            other = power * (one - wanted[place])
            result[place] = other
            total.set(total.get() + power)
            others.set(others.get() + other)
        with k.loop(0, classes) as c:
            place = c * cells + cell
            share = (result[place] - wanted[place] * others.get()) / total.get()
            result[place] = share * factor


# --- Parametrisations


@operation(
    same=("out", "source"),
    out=writes(cells("count")),
    source=reads(cells("count")),
    number=reads(numbers()),
)
def scale(k: Operation, out: Value, source: Value, number: Value, count: Value) -> None:
    """``out = rho source``."""
    result, values, factor = k.cells(out), k.cells(source), k.spread(k.numbers(number)[0])
    with k.loop(0, count) as i:
        result[i] = values[i] * factor


@operation(
    out=writes(numbers()), slopes=reads(samples("classes")), outputs=reads(samples("classes"))
)
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


@operation(
    out=writes(numbers()),
    decay=reads(numbers()),
    rho=reads(numbers()),
    along=reads(numbers()),
)
def multiplier(k: Operation, out: Value, decay: Value, rho: Value, along: Value) -> None:
    """``decay + 2 nu`` with ``2 nu = -rho sum_n <dl_n/d(rho f), f_V(x_n)>``.

    For all losses, since it is half of ``-<rho f, dl/d(rho f)>`` (`vector_field.Evaluation`).
    """
    k.numbers(out)[0] = k.numbers(decay)[0] - k.numbers(rho)[0] * k.numbers(along)[0]


@operation(out=writes(stripes("count")), norm=writes(numbers()), weights=reads(stripes("count")))
def unit(k: Operation, out: Value, norm: Value, weights: Value, count: Value) -> None:
    """``out = v / |v|``; zero counts as divided by 1 (`theorycheck.networks.normalise`).

    Entries are multiplied by a power of 2 first, so that their squares neither overflow nor vanish.
    """
    result, source = k.striped(out), k.striped(weights)
    sizes, squares = k.stripe_sum(), k.stripe_sum()
    with k.loop(0, count, STRIPES) as p:
        for value, size in zip(source[p], sizes, strict=True):
            size.set(k.maximum(k.absolute(value), size.get()))
    power = k.normalising_power(k.spread(k.total(current(sizes), k.maximum)))
    with k.loop(0, count, STRIPES) as p:
        for value, square in zip(source[p], squares, strict=True):
            square.set(k.fma(value * power, value * power, square.get()))
    length, one = k.sqrt(k.total(current(squares))), k.constant(k.number, 1.0)
    zero = length.compare("==", 0.0)
    k.numbers(norm)[0] = zero.where(one, length / (power if k.members else k.lane(power, 0)))
    divisor = k.spread(zero.where(one, length))
    with k.loop(0, count, STRIPES) as p:
        result[p] = [value * power / divisor for value in source[p]]


@operation(
    gradient=updates(stripes("count")), direction=reads(stripes("count")), norm=reads(numbers())
)
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
