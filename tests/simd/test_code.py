"""The language for vector code: its functions against ball arithmetic, its loops by hand."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import ir

from theorycheck.simd.code import INT, Array, Code, Value
from theorycheck.simd.machine import machine_code

REALS = {np.float64: ir.DoubleType(), np.float32: ir.FloatType()}
LANES = 4


def apply(
    name: str, dtype: Any, body: Callable[[Code, Array, Array], None], numbers: Any, size: int
) -> Any:
    """What a body writes, given numbers, into an array of another size."""
    real = REALS[dtype]

    def build(module: ir.Module) -> ir.Function:
        kind = ir.FunctionType(ir.VoidType(), [real.as_pointer()] * 2)
        code = Code(ir.Function(module, kind, "apply"), real, LANES)
        arrays = (Array(code, argument, code.bytes) for argument in code.function.args)
        body(code, *arrays)
        code.builder.ret_void()
        return code.function

    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(
        machine_code(build, (name, dtype))
    )
    given, result = np.array(numbers, dtype=dtype), np.zeros(size, dtype=dtype)
    run(given.ctypes.data, result.ctypes.data)
    return result


def function(name: str, dtype: Any, number: float) -> float:
    """A function of one number, which has to be the same in vectors."""

    def body(code: Code, numbers: Array, results: Array) -> None:
        method = getattr(code, name)
        results[0] = method(numbers[0])
        vector = method(code.splat(numbers[0]))
        for lane in range(LANES):
            results[1 + lane] = code.lane(vector, lane)

    results = apply(name, dtype, body, [number], 1 + LANES)
    assert np.array_equal(results, np.repeat(results[0], 1 + LANES), equal_nan=True)
    return float(results[0])


@pytest.mark.parametrize("dtype", REALS)
@given(number=st.floats(-1000, 1000))
def test_exp(dtype: Any, number: float) -> None:
    """Derivation: with unit roundoff u, the rest ``r`` is right up to ``u |r|``, as ``n ln 2`` is
    taken off in two parts, the first without error: at most 0.35 u of the result. In Horner's
    scheme the last step rounds once, u, and those before add at most ``2 u |r| e^|r| < u``. So
    3 u are enough; results below the normal numbers may be off by the smallest number besides.
    """
    number = float(dtype(number))
    information = np.finfo(dtype)
    found, unit = function("exp", dtype, number), float(information.eps) / 2
    with flint.ctx.workprec(200):
        exact = flint.arb(number).exp()
        if exact > float(information.max):
            assert found == math.inf
        else:
            bound = 3 * unit * exact + float(information.smallest_subnormal)
            assert abs(found - exact) <= bound


@given(number=st.floats(1e-300, 1e300))
def test_log(number: float) -> None:
    """Derivation: ``2 artanh s`` is below 0.35 and its steps round by at most 6 u of it; the last
    step rounds once, and ``ln 2`` itself is off by less than u of it: 2 u of the result together.
    """
    found, unit = function("log", np.float64, number), float(np.finfo(np.float64).eps) / 2
    with flint.ctx.workprec(200):
        exact = flint.arb(number).log()
        assert abs(found - exact) <= (2 * abs(exact) + 3) * unit


def test_what_is_not_a_number_stays_so() -> None:
    assert math.isnan(function("exp", np.float64, math.nan))
    assert function("exp", np.float64, math.inf) == math.inf
    assert function("exp", np.float64, -math.inf) == 0
    assert function("exp", np.float64, 0.0) == 1
    assert function("log", np.float64, 1.0) == 0


@pytest.mark.parametrize("dtype", REALS)
def test_normalising_powers(dtype: Any) -> None:
    """Those times which numbers lie between 2 and 4; exact also where they are not normal.

    Of vectors and of single numbers.
    """
    information = np.finfo(dtype)
    least, most = float(information.smallest_normal), float(information.max)
    given = [1.0, 3.0, 0.375, most, least, least / 2, 0.0, float(information.smallest_subnormal)]

    def body(code: Code, numbers: Array, results: Array) -> None:
        for first in (0, LANES):
            vector = code.gather([numbers[first + lane] for lane in range(LANES)])
            powers = code.normalising_power(vector)
            for lane in range(LANES):
                results[first + lane] = code.lane(powers, lane)
        for i in range(2 * LANES):
            results[2 * LANES + i] = code.normalising_power(numbers[i])

    found = [float(x) for x in apply("normalising", dtype, body, given, 2 * len(given))]
    assert found[: len(given)] == found[len(given) :]
    del found[len(given) :]
    assert [x * y for x, y in zip(given[:5], found[:5], strict=True)] == [
        2,
        3,
        3,
        most * found[3],
        2,
    ]
    assert 2 < most * found[3] < 4
    assert found[5:] == [found[4]] * 3
    assert all(math.frexp(x)[0] == 0.5 for x in found)


@pytest.mark.parametrize(
    ("size", "step", "expected"), [(7, 3, [2, 3]), (2, 3, [0, 0]), (0, 1, [0, 0])]
)
def test_a_loop_takes_whole_steps(size: int, step: int, expected: list[int]) -> None:
    """How often it runs, and its last index."""

    def body(code: Code, numbers: Array, results: Array) -> None:
        with code.loop(0, Value(code, ir.Constant(INT, size)), step) as index:
            results[0] = results[0] + 1.0
            results[1] = Value(code, code.builder.sitofp(index.ir, code.real))

    assert apply(f"loop {size} {step}", np.float64, body, [], 2).tolist() == expected


def test_products_and_sums_round_twice_unless_fused() -> None:
    """``(1 + e)(1 - e) - 1`` is 0 or ``-e^2``."""

    def body(code: Code, numbers: Array, results: Array) -> None:
        results[0] = numbers[0] * numbers[1] - 1.0
        results[1] = code.fma(numbers[0], numbers[1], code.constant(code.real, -1.0))

    epsilon = 2.0**-30
    found = apply("fused", np.float64, body, [1 + epsilon, 1 - epsilon], 2)
    assert found.tolist() == [0, -(epsilon**2)]


@pytest.mark.parametrize("dtype", REALS)
def test_transposed(dtype: Any) -> None:
    def body(code: Code, numbers: Array, results: Array) -> None:
        columns = code.transposed([code.unaligned(numbers.at(LANES * i))[0] for i in range(LANES)])
        for i, column in enumerate(columns):
            code.unaligned(results.at(LANES * i))[0] = column

    square = np.arange(LANES**2).reshape(LANES, LANES)
    found = apply("transposed", dtype, body, square, LANES**2)
    assert np.array_equal(found.reshape(LANES, LANES), square.T)


def test_branches() -> None:
    """Of what is not a number, ``when`` and ``any`` see nothing."""

    def body(code: Code, numbers: Array, results: Array) -> None:
        vector = code.unaligned(numbers)[0]
        for place, bound in enumerate((2.0, 3.0)):
            with code.when(code.any(vector.compare(">", bound))):
                results[place] = numbers[0]

    given_numbers = [1.0, math.nan, 3.0, 0.0]
    assert apply("branches", np.float64, body, given_numbers, 2).tolist() == [1.0, 0.0]
