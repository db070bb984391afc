"""A small language for vector code: Python emits LLVM instructions, LLVM makes machine code.

`Code` builds one function; `Value` is a number or a vector in it, with Python's operators; `Array`
is memory that is indexed. What Python loops over is unrolled, what `Code.loop` loops over is a loop
of the machine. Nothing is contracted or reordered: a product and a sum round twice unless `fma` is
written, so that what is computed does not depend on how it was laid out in vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
from llvmlite import ir

INT = ir.IntType(64)


class Value:
    """A number, or a vector of them, in the function that is being built."""

    def __init__(self, code: Code, value: ir.Value) -> None:
        self.code, self.ir = code, value

    @property
    def type(self) -> ir.Type:
        return self.ir.type

    def _lift(self, other: Value | float) -> ir.Value:
        return other.ir if isinstance(other, Value) else self.code.constant(self.type, other).ir

    def _binary(self, integers: str, reals: str, other: Value | float, swap: bool = False) -> Value:
        builder = self.code.builder
        operands = (self.ir, self._lift(other))
        method = getattr(builder, integers if self.type == INT else reals)
        return Value(self.code, method(*(operands[::-1] if swap else operands)))

    def __add__(self, other: Value | float) -> Value:
        return self._binary("add", "fadd", other)

    def __sub__(self, other: Value | float) -> Value:
        return self._binary("sub", "fsub", other)

    def __rsub__(self, other: float) -> Value:
        return self._binary("sub", "fsub", other, swap=True)

    def __mul__(self, other: Value | float) -> Value:
        return self._binary("mul", "fmul", other)

    def __truediv__(self, other: Value | float) -> Value:
        return self._binary("sdiv", "fdiv", other)

    def __rtruediv__(self, other: float) -> Value:
        return self._binary("sdiv", "fdiv", other, swap=True)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Value:
        return Value(self.code, self.code.builder.fneg(self.ir))

    def compare(self, operator: str, other: Value | float) -> Value:
        """Whether ``self operator other``; false for reals where one is not a number."""
        builder, operands = self.code.builder, (self.ir, self._lift(other))
        if self.type == INT:
            return Value(self.code, builder.icmp_signed(operator, *operands))
        return Value(self.code, builder.fcmp_ordered(operator, *operands))

    def __and__(self, other: Value) -> Value:
        return Value(self.code, self.code.builder.and_(self.ir, other.ir))

    def __or__(self, other: Value) -> Value:
        return Value(self.code, self.code.builder.or_(self.ir, other.ir))

    def where(self, then: Value, otherwise: Value) -> Value:
        """``then`` where this condition holds, ``otherwise`` elsewhere."""
        return Value(self.code, self.code.builder.select(self.ir, then.ir, otherwise.ir))


class Variable:
    """A local variable that loops may change."""

    def __init__(self, code: Code, value: Value) -> None:
        self.code = code
        with code.builder.goto_entry_block():
            self.slot = code.builder.alloca(value.type)
        self.set(value)

    def get(self) -> Value:
        return Value(self.code, self.code.builder.load(self.slot))

    def set(self, value: Value) -> None:
        self.code.builder.store(value.ir, self.slot)


class Array:
    """Memory that holds elements of one type from an address on; indices count elements."""

    def __init__(self, code: Code, pointer: ir.Value, alignment: int) -> None:
        self.code, self.pointer, self.alignment = code, pointer, alignment

    def _address(self, index: Value | int) -> ir.Value:
        index = index.ir if isinstance(index, Value) else ir.Constant(INT, index)
        return self.code.builder.gep(self.pointer, [index], inbounds=True)

    def __getitem__(self, index: Value | int) -> Value:
        loaded = self.code.builder.load(self._address(index), align=self.alignment)
        return Value(self.code, loaded)

    def __setitem__(self, index: Value | int, value: Value) -> None:
        self.code.builder.store(value.ir, self._address(index), align=self.alignment)

    def at(self, index: Value | int) -> Array:
        """The array that starts at an element."""
        return Array(self.code, self._address(index), self.alignment)


class Code:
    """The body of one function that returns nothing."""

    def __init__(self, function: ir.Function, real: ir.Type, lanes: int) -> None:
        self.function = function
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.real, self.lanes = real, lanes
        self.vector = ir.VectorType(real, lanes)
        self.bytes = 4 if real == ir.FloatType() else 8

    def constant(self, kind: ir.Type, number: float) -> Value:
        """A number of a type; every entry of a vector."""
        if isinstance(kind, ir.VectorType):
            return Value(self, ir.Constant(kind, [number] * kind.count))
        return Value(self, ir.Constant(kind, number))

    def array(self, reals: ir.Value, offset: Value, kind: ir.Type) -> Array:
        """Elements of a type from an offset on, which counts reals."""
        start = self.builder.gep(reals, [offset.ir], inbounds=True)
        start = self.builder.bitcast(start, kind.as_pointer())
        return Array(self, start, self.size(kind))

    def address(self, number: Value, kind: ir.Type) -> Array:
        """Elements of a type from an address on, which is given as an integer."""
        pointer = self.builder.inttoptr(number.ir, kind.as_pointer())
        return Array(self, pointer, self.size(kind))

    def size(self, kind: ir.Type) -> int:
        if isinstance(kind, ir.VectorType):
            return int(kind.count) * self.size(kind.element)
        return 8 if kind == INT else self.bytes

    @contextmanager
    def loop(self, start: Value | int, stop: Value | int, step: int = 1) -> Iterator[Value]:
        """Count from ``start`` while a whole step fits below ``stop``."""
        builder = self.builder
        first = start.ir if isinstance(start, Value) else ir.Constant(INT, start)
        last = stop.ir if isinstance(stop, Value) else ir.Constant(INT, stop)
        before = builder.block
        body, after = (self.function.append_basic_block(name) for name in ("loop", "after"))
        following = builder.add(first, ir.Constant(INT, step))
        builder.cbranch(builder.icmp_signed("<=", following, last), body, after)
        builder.position_at_end(body)
        index = builder.phi(INT)
        index.add_incoming(first, before)
        yield Value(self, index)
        following = builder.add(index, ir.Constant(INT, step))
        index.add_incoming(following, builder.block)
        end = builder.add(following, ir.Constant(INT, step))
        builder.cbranch(builder.icmp_signed("<=", end, last), body, after)
        builder.position_at_end(after)

    @contextmanager
    def repeat(self, condition: Callable[[], Value]) -> Iterator[None]:
        """Again and again what follows, as long as the condition holds before."""
        builder = self.builder
        blocks = [self.function.append_basic_block(name) for name in ("test", "body", "after")]
        test, body, after = blocks
        builder.branch(test)
        builder.position_at_end(test)
        builder.cbranch(condition().ir, body, after)
        builder.position_at_end(body)
        yield
        builder.branch(test)
        builder.position_at_end(after)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """What follows, if the condition holds."""
        with self.builder.if_then(condition.ir):
            yield

    def remainder(self, number: Value, divisor: int) -> Value:
        return Value(self, self.builder.srem(number.ir, ir.Constant(INT, divisor)))

    def local(self, kind: ir.Type, count: int = 1) -> Array:
        """Room for some elements in the function's own memory."""
        with self.builder.goto_entry_block():
            room = self.builder.alloca(kind, ir.Constant(INT, count))
            return Array(self, room, self.size(kind))

    def unaligned(self, numbers: Array) -> Array:
        """Vectors from a number on that is anywhere."""
        pointer = self.builder.bitcast(numbers.pointer, self.vector.as_pointer())
        return Array(self, pointer, self.bytes)

    def narrow(self, vectors: Array) -> Array:
        """The numbers in vectors, one by one."""
        pointer = self.builder.bitcast(vectors.pointer, self.real.as_pointer())
        return Array(self, pointer, self.bytes)

    def variable(self, value: Value) -> Variable:
        return Variable(self, value)

    def _intrinsic(self, name: str, *values: Value) -> Value:
        """One of LLVM's own functions on reals or vectors of them."""
        kind, module = values[0].type, self.builder.module
        count = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
        full = f"llvm.{name}.{count}f{8 * self.bytes}"
        function = module.globals.get(full)
        if function is None:
            function = ir.Function(module, ir.FunctionType(kind, [kind] * len(values)), full)
        return Value(self, self.builder.call(function, [value.ir for value in values]))

    def fma(self, factor: Value, other: Value, addend: Value) -> Value:
        """``factor * other + addend``, rounded once."""
        return self._intrinsic("fma", factor, other, addend)

    def absolute(self, value: Value) -> Value:
        return self._intrinsic("fabs", value)

    def sqrt(self, value: Value) -> Value:
        return self._intrinsic("sqrt", value)

    def maximum(self, first: Value, second: Value) -> Value:
        return first.compare(">", second).where(first, second)

    def minimum(self, first: Value, second: Value) -> Value:
        return first.compare("<", second).where(first, second)

    def any(self, condition: Value) -> Value:
        """Whether a condition on numbers or vectors holds in some lane."""
        if not isinstance(condition.type, ir.VectorType):
            return condition
        lanes = ir.IntType(condition.type.count)
        bits = self.builder.bitcast(condition.ir, lanes)
        return Value(self, self.builder.icmp_unsigned("!=", bits, ir.Constant(lanes, 0)))

    def splat(self, number: Value) -> Value:
        """A vector with the number in every lane."""
        undefined = Value(self, ir.Constant(self.vector, ir.Undefined))
        single = self.builder.insert_element(undefined.ir, number.ir, ir.Constant(INT, 0))
        return self._shuffled(Value(self, single), undefined, [0] * self.lanes)

    def gather(self, numbers: Sequence[Value]) -> Value:
        """The vector of some numbers."""
        vector = ir.Constant(self.vector, ir.Undefined)
        for lane, number in enumerate(numbers):
            vector = self.builder.insert_element(vector, number.ir, ir.Constant(INT, lane))
        return Value(self, vector)

    def transposed(self, rows: Sequence[Value]) -> list[Value]:
        """As many vectors as they have lanes, taken for the rows of a square matrix.

        Blocks off the diagonal change places, first halves of the matrix, then halves of these.
        """
        vectors, half = list(rows), self.lanes // 2
        while half:
            upper = [p + (self.lanes - half if p & half else 0) for p in range(self.lanes)]
            lower = [p + half for p in upper]
            for i in range(self.lanes):
                if not i & half:
                    pair = vectors[i], vectors[i + half]
                    vectors[i] = self._shuffled(*pair, upper)
                    vectors[i + half] = self._shuffled(*pair, lower)
            half //= 2
        return vectors

    def _shuffled(self, first: Value, second: Value, places: Sequence[int]) -> Value:
        """A vector of lanes of two, those of the second counting on."""
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), list(places))
        return Value(self, self.builder.shuffle_vector(first.ir, second.ir, mask))

    def lane(self, vector: Value, lane: int) -> Value:
        return Value(self, self.builder.extract_element(vector.ir, ir.Constant(INT, lane)))

    def exp(self, exponent: Value) -> Value:
        """``e^x`` for reals or vectors of them.

        With ``x = n ln 2 + r`` and ``|r| <= ln(2)/2`` it is ``2^n`` times Taylor's polynomial in
        ``r`` of degree 13 (float64) or 8 (float32), whose remainder ``|r|^14/14! < 5e-18`` (or
        ``|r|^9/9! < 3e-10``) is far below half a unit in the last place. ``n ln 2`` is taken off
        in two parts, the first with so few bits that its product with ``n`` is exact (Muller,
        Elementary Functions, 3rd ed., Section 11.2). Beyond all numbers it is infinite, below all
        of them 0.
        """
        double, kind = self.bytes == 8, exponent.type
        # Wide enough for every result that is neither 0 nor infinite, narrow enough that half of n
        # is an exponent of normal numbers.
        limit, degree = (1000.0, 13) if double else (120.0, 8)
        high, low = _LN2_DOUBLE if double else _LN2_SINGLE
        clamped = exponent.compare("<", -limit).where(self.constant(kind, -limit), exponent)
        clamped = clamped.compare(">", limit).where(self.constant(kind, limit), clamped)
        half = self.constant(kind, 0.5)
        count = self._intrinsic(
            "floor", self.fma(clamped, self.constant(kind, float(1 / _LN2)), half)
        )
        rest = self.fma(count, self.constant(kind, -high), clamped)
        rest = self.fma(count, self.constant(kind, -low), rest)
        total = self.constant(kind, 1 / math.factorial(degree))
        for k in reversed(range(degree)):
            total = self.fma(total, rest, self.constant(kind, 1 / math.factorial(k)))
        # In two steps, so that results below the normal numbers are right.
        first = self._intrinsic("floor", count * 0.5)
        return total * self._power_of_two(first) * self._power_of_two(count - first)

    def log(self, number: Value) -> Value:
        """The natural logarithm of positive float64 or vectors of them.

        With ``x = 2^n m`` and ``m`` between ``sqrt(1/2)`` and ``sqrt(2)`` it is ``n ln 2 + 2 artanh
        s`` with ``s = (m - 1) / (m + 1)``, ``|s| < 0.172``, whose series is cut where its terms
        are below ``0.172^23 / 23 < 2e-19``. Numbers below the normal ones, and 0, are taken for
        ones just above; infinity for ``2^1024``.
        """
        kind, builder, integers = number.type, self.builder, self._integers(number, 64)

        def pattern(integer: int) -> ir.Constant:
            return self.constant(integers, integer).ir

        # Taking off the bits of sqrt(1/2) leaves n above the fraction's bits.
        bits = builder.sub(builder.bitcast(number.ir, integers), pattern(_ROOT_HALF))
        power = builder.ashr(bits, pattern(52))
        fraction = builder.add(builder.and_(bits, pattern(2**52 - 1)), pattern(_ROOT_HALF))
        mantissa = Value(self, builder.bitcast(fraction, kind))
        exponent = Value(self, builder.sitofp(power, kind))
        ratio = (mantissa - 1.0) / (mantissa + 1.0)
        square = ratio * ratio
        series = self.constant(kind, 1 / 21)
        for k in reversed(range(10)):
            series = self.fma(series, square, self.constant(kind, 1 / (2 * k + 1)))
        return self.fma(exponent, self.constant(kind, float(_LN2)), 2.0 * ratio * series)

    def normalising_power(self, number: Value) -> Value:
        """The power of 2 times which a number, 0 or more and finite, is from 2 up to 4.

        One below the normal numbers is taken for the least of these; for what is not finite it is
        0. For reals or vectors of them.
        """
        bits, shift = (64, 52) if self.bytes == 8 else (32, 23)
        kind = self._integers(number, bits)
        infinite, least = (
            self.constant(kind, n << shift).ir for n in (2 ** (bits - 1 - shift) - 1, 1)
        )
        builder = self.builder
        exponent = builder.and_(builder.bitcast(number.ir, kind), infinite)
        normal = builder.icmp_unsigned(">=", exponent, least)
        exponent = builder.select(normal, exponent, least)
        # The biased exponents of a number and of its power add up to that of infinity.
        return Value(self, builder.bitcast(builder.sub(infinite, exponent), number.type))

    def _power_of_two(self, exponent: Value) -> Value:
        """``2^n`` for an integer ``n`` among the exponents of normal numbers."""
        bits, bias, shift = (64, 1023, 52) if self.bytes == 8 else (32, 127, 23)
        kind, builder = self._integers(exponent, bits), self.builder
        # Adding 3/2 of 2^shift puts n into the last bits of the sum.
        placed = builder.bitcast((exponent + 1.5 * 2.0**shift).ir, kind)
        biased = builder.add(placed, self.constant(kind, bias).ir)
        pattern = builder.shl(biased, self.constant(kind, shift).ir)
        return Value(self, builder.bitcast(pattern, exponent.type))

    def _integers(self, number: Value, bits: int) -> ir.Type:
        """The type of an integer, or of as many as there are numbers in a vector."""
        count = getattr(number.type, "count", None)
        return ir.IntType(bits) if count is None else ir.VectorType(ir.IntType(bits), count)


def _leading_bits(number: Fraction, bits: int) -> tuple[float, float]:
    """A number between 1/2 and 1 as the sum of its leading bits and the rest."""
    high = Fraction(math.floor(number * 2**bits), 2**bits)
    return float(high), float(number - high)


_ROOT_HALF = int(np.float64(0.5**0.5).view(np.int64))
"""The bits of ``sqrt(1/2)`` as an integer."""

_LN2 = Fraction("0.693147180559945309417232121458176568")

_LN2_DOUBLE, _LN2_SINGLE = _leading_bits(_LN2, 40), _leading_bits(_LN2, 16)
