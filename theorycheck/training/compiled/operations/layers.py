"""What layers do besides products: skips, biases, batch normalisation, activations."""

from __future__ import annotations

import math

from theorycheck.simd.code import Value
from theorycheck.training.compiled.operations.base import Operation
from theorycheck.training.compiled.operations.effects import (
    FLAG,
    adds,
    cells,
    numbers,
    reads,
    samples,
    updates,
    writes,
)
from theorycheck.training.compiled.operations.table import operation

# --- Layers


@operation(out=writes(cells("count")))
def clear(k: Operation, out: Value, count: Value) -> None:
    """``out = 0``."""
    result, zero = k.cells(out), k.constant(k.vector, 0.0)
    with k.loop(0, count) as i:
        result[i] = zero


@operation(out=adds(cells("count"), "add"), source=reads(cells("count")))
def identity(k: Operation, out: Value, source: Value, count: Value, add: Value) -> None:
    """``out = source``, added to what is there if ``add`` is 1."""
    result, values = k.cells(out), k.cells(source)
    adding = add.compare("==", 1)
    with k.loop(0, count) as i:
        result[i] = adding.where(result[i] + values[i], values[i])


@operation(out=updates(cells("height", "cells")), biases=reads(numbers("height")))
def bias(k: Operation, out: Value, biases: Value, height: Value, cells: Value) -> None:
    """``out[o] += b[o]``."""
    result, numbers = k.cells(out), k.numbers(biases)
    with k.loop(0, height) as unit:
        number = k.spread(numbers[unit])
        with k.loop(0, cells) as cell:
            result[unit * cells + cell] = result[unit * cells + cell] + number


@operation(out=writes(numbers("height")), slopes=reads(samples("height")))
def bias_gradient(
    k: Operation, out: Value, slopes: Value, height: Value, cells: Value, samples: Value
) -> None:
    """``out[o] = sum_n slopes[o, n]``."""
    result, values = k.numbers(out), k.numbers(slopes)
    with k.loop(0, height) as unit, k.sums(result.at(unit)) as [total], k.loop(0, samples) as n:
        total.set(total.get() + values[unit * k.per_unit(cells) + n])


@operation(out=writes(numbers("width")), source=reads(samples("width")))
def largest_value(
    k: Operation, out: Value, source: Value, width: Value, cells: Value, samples: Value
) -> None:
    """``out[i] = max_n |source[i, n]|``."""
    result, values = k.numbers(out), k.numbers(source)
    with k.loop(0, width) as unit:
        first = unit * k.per_unit(cells)
        most = k.variable(k.absolute(values[first]))
        with k.loop(1, samples) as n:
            most.set(k.maximum(most.get(), k.absolute(values[first + n])))
        result[unit] = most.get()


@operation(
    out=adds(numbers("count"), "add"), sizes=reads(numbers("count")), factor=reads(numbers())
)
def number_noise(
    k: Operation, out: Value, sizes: Value, factor: Value, count: Value, add: Value
) -> None:
    """``out = factor |sizes|``, added to what is there if ``add`` is 1; see `evaluation.noise`."""
    result, values, scale = k.numbers(out), k.numbers(sizes), k.numbers(factor)[0]
    adding, zero = add.compare("==", 1), k.constant(k.number, 0.0)
    with k.loop(0, count) as i:
        result[i] = k.fma(scale, k.absolute(values[i]), adding.where(result[i], zero))


@operation(
    out=(reads(samples("height")), updates(cells("height", "cells"))),
    rounded=reads(numbers("height")),
    normal=writes(cells("height", "cells")),
    deviation=writes(numbers("height")),
    power=writes(numbers("height")),
    gain=reads(numbers()),
    shift=reads(numbers()),
    portion=reads(numbers()),
)
def batch_norm(
    k: Operation,
    out: Value,
    rounded: Value,
    normal: Value,
    deviation: Value,
    power: Value,
    gain: Value,
    shift: Value,
    height: Value,
    cells: Value,
    samples: Value,
    portion: Value,
) -> None:
    """``out = gain normal + shift`` with ``normal = (out - mean) / deviation``, unit by unit.

    ``portion`` is one over the number of samples, and ``rounded`` the largest spread that counts as
    none. All of this is about values times a power of 2, from an origin on, where nothing is lost,
    see `networks.evaluation.frame`.
    """
    result, values, standard = k.cells(out), k.numbers(out), k.cells(normal)
    nothings = k.numbers(rounded)
    deviations, powers, scaled = k.numbers(deviation), k.numbers(power), k.numbers(normal)
    share = k.numbers(portion)[0]
    factor, offset = k.spread(k.numbers(gain)[0]), k.spread(k.numbers(shift)[0])
    zero, nothing = (k.constant(k.number, number) for number in (0.0, math.nan))
    with k.loop(0, height) as unit:
        first = unit * k.per_unit(cells)
        least, largest = k.variable(values[first]), k.variable(values[first])
        with k.loop(1, samples) as n:
            least.set(k.minimum(least.get(), values[first + n]))
            largest.set(k.maximum(largest.get(), values[first + n]))
        spread = largest.get() - least.get()
        near = spread.compare("<", k.maximum(least.get(), -largest.get()) * k.close)
        origin = near.where(least.get(), zero)
        constant = spread.compare("<=", nothings[unit])
        enlarging = constant.where(nothing, k.normalising_power(spread))
        with k.loop(0, cells) as cell:
            place = unit * cells + cell
            standard[place] = (result[place] - k.spread(origin)) * k.spread(enlarging)
        total = k.variable(zero)
        with k.loop(0, samples) as n:
            total.set(total.get() + scaled[first + n])
        mean = total.get() * share
        total.set(zero)
        with k.loop(0, samples) as n:
            centred = scaled[first + n] - mean
            total.set(k.fma(centred, centred, total.get()))
        root = k.sqrt(total.get() * share)
        deviations[unit], powers[unit] = root, enlarging
        with k.loop(0, cells) as cell:
            place = unit * cells + cell
            standard[place] = (standard[place] - k.spread(mean)) / k.spread(root)
            result[place] = k.fma(factor, standard[place], offset)


@operation(
    slopes=(reads(samples("height")), updates(cells("height", "cells"))),
    normal=reads(cells("height", "cells")),
    deviation=reads(numbers("height")),
    power=reads(numbers("height")),
    gain=reads(numbers()),
    gain_gradient=writes(numbers()),
    shift_gradient=writes(numbers()),
    portion=reads(numbers()),
    detached=FLAG,
)
def batch_norm_back(
    k: Operation,
    slopes: Value,
    normal: Value,
    deviation: Value,
    power: Value,
    gain: Value,
    gain_gradient: Value,
    shift_gradient: Value,
    height: Value,
    cells: Value,
    samples: Value,
    portion: Value,
    detached: Value,
) -> None:
    """``power gain / deviation (s - mean(s) - normal mean(s normal))``, unit by unit.

    The last term comes from the variance; it is left out if ``detached`` is 1.
    """
    result, values = k.cells(slopes), k.numbers(slopes)
    standard, standards = k.cells(normal), k.numbers(normal)
    deviations, powers = k.numbers(deviation), k.numbers(power)
    share, factor = k.numbers(portion)[0], k.numbers(gain)[0]
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
        scale, enlarging = k.spread(factor / deviations[unit]), k.spread(powers[unit])
        with k.loop(0, cells) as cell:
            place = unit * cells + cell
            result[place] = (result[place] - mean - standard[place] * slope) * scale * enlarging


@operation(out=writes(cells("count")), source=reads(cells("count")))
def relu(k: Operation, out: Value, source: Value, count: Value) -> None:
    """``max(z, 0)``; what is not a number stays so."""
    result, values, zero = k.cells(out), k.cells(source), k.constant(k.vector, 0.0)
    with k.loop(0, count) as i:
        result[i] = values[i].compare("<=", 0.0).where(zero, values[i])


@operation(slopes=updates(cells("count")), source=reads(cells("count")))
def relu_back(k: Operation, slopes: Value, source: Value, count: Value) -> None:
    """``slopes`` where ``z > 0``, else 0."""
    result, values, zero = k.cells(slopes), k.cells(source), k.constant(k.vector, 0.0)
    with k.loop(0, count) as i:
        result[i] = values[i].compare(">", 0.0).where(result[i], zero)


@operation(out=writes(cells("count")), source=reads(cells("count")), slope=reads(numbers()))
def leaky(k: Operation, out: Value, source: Value, slope: Value, count: Value) -> None:
    """``z`` where ``z > 0``, else ``slope z``."""
    result, values, factor = k.cells(out), k.cells(source), k.spread(k.numbers(slope)[0])
    with k.loop(0, count) as i:
        result[i] = values[i].compare(">", 0.0).where(values[i], values[i] * factor)


@operation(slopes=updates(cells("count")), source=reads(cells("count")), slope=reads(numbers()))
def leaky_back(k: Operation, slopes: Value, source: Value, slope: Value, count: Value) -> None:
    """``slopes`` where ``z > 0``, else ``slope slopes``."""
    result, values, factor = k.cells(slopes), k.cells(source), k.spread(k.numbers(slope)[0])
    with k.loop(0, count) as i:
        result[i] = values[i].compare(">", 0.0).where(result[i], result[i] * factor)
