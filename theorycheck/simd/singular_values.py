"""Singular values of many small matrices at once: the lanes of vectors are the matrices.

Every matrix is made bidiagonal by Householder reflections and then diagonal by implicit QR steps
with Wilkinson's shift: Golub and Van Loan, Matrix Computations, 4th ed., Algorithms 5.4.2 and
8.6.2. As LAPACK's, singular values are those of a matrix whose distance from the given one is a
modest multiple of the unit roundoff times its norm.

A lane takes no part in steps that its matrix does not need, so that a matrix has the same singular
values bit for bit whatever others share its vectors.
"""

from __future__ import annotations

import ctypes
import math
from functools import partial
from typing import Any

import torch
from llvmlite import ir
from torch import Tensor

from theorycheck.simd.code import INT, Array, Code, Value, Variable
from theorycheck.simd.machine import machine_code

VECTOR_BYTES = 64
"""Twice what training uses: QR steps wait for roots and quotients, which all lanes share."""

LARGEST = 2**16
"""How many entries a matrix may have. Of 32 x 32 matrices 64 took an eighth of LAPACK's time in
float32 and a quarter in float64, 16 of 256 x 256 still half. Larger ones do not fit into the cache
in vectors; tall ones LAPACK first makes square: at 2048 x 32 it takes two thirds of the time."""

UNROLLED = 4
"""How many rows or columns are taken at a time; matrices are filled up with zeros, which stay."""

STEPS = 10
"""Definition: a matrix that takes more QR steps per singular value is left to LAPACK; two or three
are usual."""

FLOOR = {torch.float32: 2.0**-50, torch.float64: 2.0**-400}
"""Definition: what is shorter is neither rotated nor reflected, the largest entry being between 2
and 4. That is far below what rounding leaves of it, and far above numbers whose squares lose bits
to underflow."""

REALS = {torch.float32: ir.FloatType(), torch.float64: ir.DoubleType()}


def suits(matrices: Tensor) -> bool:
    """Whether `singular_values` can take matrices ``(K, p, q)`` and is faster than LAPACK.

    That does not depend on their number.
    """
    possible = matrices.device.type == "cpu" and matrices.dtype in REALS
    return possible and matrices.shape[1] * matrices.shape[2] <= LARGEST


def singular_values(matrices: Tensor) -> Tensor:
    """Singular values in descending order, ``(K, min(p, q))``; nan for what is not finite.

    All on one thread: a second one would first have to win back what it takes to start it.
    Derivatives are LAPACK's.

    Args:
        matrices: ``(K, p, q)``.
    """
    values: Tensor = _Differentiable.apply(matrices)  # type: ignore[no-untyped-call]
    return values


class _Differentiable(torch.autograd.Function):
    """Singular values ``u^T A v``, whose derivative along ``D`` is ``u^T D v``; nan where they are.

    The singular vectors are computed when a derivative is asked for.
    """

    @staticmethod
    def forward(matrices: Tensor) -> Tensor:
        values, finished = _values(matrices)
        if not bool(finished.all()):
            values[~finished] = torch.linalg.svdvals(matrices[~finished])
        return values

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Apart from `forward`, as the transforms of ``torch.func`` want it."""
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None], matrices: Tensor) -> tuple[Tensor, int]:
        """Stacks of matrices as one; only called where there is more than one."""
        stacks = matrices.movedim(in_dims[0] or 0, 0)
        values = singular_values(stacks.flatten(0, 1))
        return values.reshape(*stacks.shape[:2], -1), 0

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        left, right = _singular_vectors(*ctx.saved_tensors)
        return (left * slopes[0].unsqueeze(-2)) @ right

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        left, right = _singular_vectors(*ctx.saved_tensors)
        return (left * (tangents[0] @ right.mT)).sum(dim=-2)


def _singular_vectors(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Left ones as columns, right ones as rows."""
    invalid = ~matrices.isfinite().all(dim=(1, 2), keepdim=True)
    left, _, right = torch.linalg.svd(matrices.masked_fill(invalid, 0.0), full_matrices=False)
    return left.masked_fill(invalid, math.nan), right


def _values(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Singular values, and for which matrices these have been found."""
    columns = matrices if matrices.shape[1] < matrices.shape[2] else matrices.mT
    (members, count, length), dtype = columns.shape, columns.dtype
    lanes, spare = VECTOR_BYTES // dtype.itemsize, UNROLLED - 1
    room = (count + spare) * (length + spare) + 2 * count + length + 2
    scratch, results = columns.new_zeros(room, lanes), columns.new_empty(members, count + 1)
    numbers = members, count, length, *columns.stride(), STEPS * count
    run = _RUN(machine_code(partial(_decompose, dtype=dtype, lanes=lanes), (__name__, dtype)))
    run(columns.data_ptr(), scratch.data_ptr(), results.data_ptr(), *numbers)
    return results[:, 1:].clone(), results[:, 0] == 1


_RUN = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 7)


def _decompose(module: ir.Module, *, dtype: torch.dtype, lanes: int) -> ir.Function:
    """Arguments: matrices, room, results; how many matrices, how many columns, how long; how far
    matrices, columns and rows are from one another; how many QR steps at most.

    Results are a row for each matrix: 1 where it has become diagonal, else 0; singular values.
    """
    real, reals = REALS[dtype], REALS[dtype].as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [reals] * 3 + [INT] * 7)
    k = Code(ir.Function(module, kind, "decompose"), real, lanes)
    matrices, scratch, results, *numbers = k.function.args
    members, count, length, *strides, steps = (Value(k, number) for number in numbers)
    source, target, columns = (
        k.array(address, k.constant(INT, 0), kind)
        for address, kind in ((matrices, real), (results, real), (scratch, k.vector))
    )
    row = columns.at((count + (UNROLLED - 1)) * (length + (UNROLLED - 1)))
    diagonal, above = row.at(1), row.at(count + 2)
    bidiagonal = _Bidiagonal(k, count, diagonal, above, FLOOR[dtype])
    high = length + (UNROLLED - 1)
    with k.loop(0, members + (lanes - 1), lanes) as first:
        with k.loop(0, lanes) as lane:
            # Lanes beyond the last matrix repeat it.
            matrix = k.minimum(first + lane, members - 1) * strides[0]
            with k.loop(0, count) as c, k.loop(0, length) as r:
                entry = source[matrix + c * strides[1] + r * strides[2]]
                k.narrow(columns)[(c * high + r) * lanes + lane] = entry
        factor, finite = _normalise(k, columns, count, length)
        bidiagonal.reflect(columns, above.at(count), length)
        row[0] = bidiagonal.rotate(torch.finfo(dtype).eps / 2, steps)
        bidiagonal.sort()
        with k.loop(0, count) as i:
            diagonal[i] = finite.where(diagonal[i] / factor, k.constant(k.vector, math.nan))
        with k.loop(0, lanes) as lane, k.loop(0, count + 1) as i:
            matrix = k.minimum(first + lane, members - 1) * (count + 1)
            target[matrix + i] = k.narrow(row)[i * lanes + lane]
    k.builder.ret_void()
    return k.function


def _normalise(k: Code, columns: Array, count: Value, length: Value) -> tuple[Value, Value]:
    """Multiply matrices by powers of 2, so that squares do not overflow; others become 0 that have
    entries which are not finite.

    Returns:
        The powers; which matrices are finite.
    """
    zero, high = k.constant(k.vector, 0.0), length + (UNROLLED - 1)
    largest, invalid = k.variable(zero), k.variable(zero)
    with k.loop(0, count * high) as i:
        largest.set(k.maximum(k.absolute(columns[i]), largest.get()))
        # What is not finite times 0 is not a number.
        invalid.set(k.fma(columns[i], zero, invalid.get()))
    finite, factor = invalid.get().compare("==", 0.0), k.normalising_power(largest.get())
    with k.loop(0, count * high) as i:
        columns[i] = finite.where(columns[i] * factor, zero)
    return factor, finite


class _Bidiagonal:
    """A bidiagonal matrix for each lane, and the code that makes it diagonal."""

    def __init__(self, k: Code, count: Value, diagonal: Array, above: Array, floor: float) -> None:
        """``above[i]`` is right of ``diagonal[i]``, also for -1 and the last, where it is 0."""
        self.k, self.count, self.diagonal, self.above = k, count, diagonal, above
        self.zero, self.one = k.constant(k.vector, 0.0), k.constant(k.vector, 1.0)
        self.shortest = floor**2

    def reflect(self, columns: Array, sums: Array, length: Value) -> None:
        """Make a matrix bidiagonal; ``sums`` is room for a number of each row."""
        high, wide = length + (UNROLLED - 1), self.count + (UNROLLED - 1)
        with self.k.loop(0, self.count) as pivot:
            self._reflect_columns(columns, length, pivot, high, wide)
            self._reflect_rows(columns, sums, length, pivot, high, wide)

    def _reflect_columns(
        self, columns: Array, length: Value, pivot: Value, high: Value, wide: Value
    ) -> None:
        """Make a column zero below the diagonal; ``high`` and ``wide`` count what is filled up."""
        k = self.k
        column = columns.at(pivot * high)
        squares = self._sums()
        with k.loop(pivot, high, UNROLLED) as r:
            for i, square in enumerate(squares):
                square.set(k.fma(column[r + i], column[r + i], square.get()))
        new, head, factor = self._reflection(squares, column[pivot])
        self.diagonal[pivot], column[pivot] = new, head
        with k.loop(pivot + 1, wide, UNROLLED) as c:
            others = [columns.at((c + i) * high) for i in range(UNROLLED)]
            products = self._sums()
            with k.loop(pivot, length) as r:
                for other, product in zip(others, products, strict=True):
                    product.set(k.fma(column[r], other[r], product.get()))
            along = [-(factor * product.get()) for product in products]
            with k.loop(pivot, length) as r:
                for other, share in zip(others, along, strict=True):
                    other[r] = k.fma(share, column[r], other[r])

    def _reflect_rows(
        self, columns: Array, sums: Array, length: Value, pivot: Value, high: Value, wide: Value
    ) -> None:
        """Make a row zero to the right of the number beside the diagonal."""
        k = self.k
        row = columns.at(pivot)
        squares = self._sums()
        with k.loop(pivot + 1, wide, UNROLLED) as c:
            for i, square in enumerate(squares):
                entry = row[(c + i) * high]
                square.set(k.fma(entry, entry, square.get()))
        first = (pivot + 1) * high
        new, head, factor = self._reflection(squares, row[first])
        self.above[pivot], row[first] = new, head
        with k.loop(pivot + 1, length) as r:
            sums[r] = self.zero
        with k.loop(pivot + 1, wide, UNROLLED) as c:
            others = [columns.at((c + i) * high) for i in range(UNROLLED)]
            shares = [row[(c + i) * high] for i in range(UNROLLED)]
            with k.loop(pivot + 1, length) as r:
                total = sums[r]
                for other, share in zip(others, shares, strict=True):
                    total = k.fma(share, other[r], total)
                sums[r] = total
        with k.loop(pivot + 1, wide, UNROLLED) as c:
            others = [columns.at((c + i) * high) for i in range(UNROLLED)]
            shares = [-(factor * row[(c + i) * high]) for i in range(UNROLLED)]
            with k.loop(pivot + 1, length) as r:
                for other, share in zip(others, shares, strict=True):
                    other[r] = k.fma(share, sums[r], other[r])

    def _sums(self) -> list[Variable]:
        return [self.k.variable(self.zero) for _ in range(UNROLLED)]

    def _reflection(self, squares: list[Variable], first: Value) -> tuple[Value, Value, Value]:
        """``1 - factor v v^T`` which takes a vector ``x`` to a multiple of the first unit vector.

        Returns:
            The multiple; the first entry of ``v``, whose others are those of ``x``; the factor.
        """
        k = self.k
        square = (squares[0].get() + squares[1].get()) + (squares[2].get() + squares[3].get())
        norm = k.sqrt(square)
        # The sign that does not cancel.
        new = first.compare(">=", 0.0).where(-norm, norm)
        factor = 1.0 / (norm * (norm + k.absolute(first)))
        return new, first - new, square.compare(">", self.shortest).where(factor, self.zero)

    def rotate(self, roundoff: float, steps: Value) -> Value:
        """Make the matrix diagonal in at most ``steps`` steps.

        Entries up to the unit roundoff times the largest are replaced by 0.

        Returns:
            1 where the matrix has become diagonal, else 0.
        """
        k, d, e = self.k, self.diagonal, self.above
        largest = k.variable(self.zero)
        with k.loop(0, self.count) as i:
            size = k.maximum(k.absolute(d[i]), k.absolute(e[i]))
            largest.set(k.maximum(largest.get(), size))
        negligible = largest.get() * roundoff
        left, last = k.variable(steps), k.variable(self.count - 1)
        unfinished = k.variable(self.one)

        def going() -> Value:
            return k.any(unfinished.get().compare("==", 1.0)) & left.get().compare(">", 0)

        with k.repeat(going):
            left.set(left.get() - 1)
            block = self._last_block(negligible, last)
            unfinished.set(block["stop"].compare(">", 0.0).where(self.one, self.zero))
            self._step(block, last.get())
        return self.one - unfinished.get()

    def _last_block(self, negligible: Value, last: Variable) -> dict[str, Value]:
        """Replace what is negligible by 0, and find the last block above whose diagonal is no 0.

        Args:
            last: how many entries above the diagonal are looked at; then how many are left.

        Returns:
            Of every lane: the block's first index and its last, 0 where there is no block; its
            first entry, the size of its smallest on the diagonal, and its last four.
        """
        k, d, e = self.k, self.diagonal, self.above
        names = "start", "stop", "head", "least", "before", "left", "entry", "below"
        block = {name: k.variable(self.zero) for name in names}

        def cleaned(number: Value) -> Value:
            return k.absolute(number).compare(">", negligible).where(number, self.zero)

        d[0] = cleaned(d[0])
        start, position = k.variable(self.zero), k.variable(self.zero)
        head, least = k.variable(d[0]), k.variable(k.absolute(d[0]))
        found = k.variable(k.constant(INT, 0))
        with k.loop(0, last.get()) as i:
            entry, below = cleaned(e[i]), cleaned(d[i + 1])
            e[i], d[i + 1] = entry, below
            position.set(position.get() + 1.0)
            linked, size = entry.compare("!=", 0.0), k.absolute(below)
            smaller = k.minimum(least.get(), size)
            corner = e[i - 1], d[i], entry, below
            values = start.get(), position.get(), head.get(), smaller, *corner
            for variable, value in zip(block.values(), values, strict=True):
                variable.set(linked.where(value, variable.get()))
            # Where the entry is 0, the next block begins.
            start.set(linked.where(start.get(), position.get()))
            head.set(linked.where(head.get(), below))
            least.set(linked.where(smaller, size))
            found.set(k.any(linked).where(i + 1, found.get()))
        last.set(found.get())
        return {name: variable.get() for name, variable in block.items()}

    def _step(self, block: dict[str, Value], last: Value) -> None:
        """One QR step on the block of every lane."""
        k, d, e, zero = self.k, self.diagonal, self.above, self.zero
        x, y, position = (k.variable(zero) for _ in range(3))
        first = self._shifted(block)
        with k.loop(0, last) as i:
            now = position.get()
            beyond = now.compare(">", block["start"]) & now.compare("<", block["stop"])
            begins = now.compare("==", block["start"]) & now.compare("<", block["stop"])
            inside = beyond | begins
            x.set(begins.where(first, x.get()))
            y.set(begins.where(e[i], y.get()))
            c, s, length = self._rotation(x.get(), y.get(), inside)
            e[i - 1] = beyond.where(length, e[i - 1])
            # From the right on columns i and i + 1, then from the left on these rows.
            x.set(k.fma(c, d[i], s * e[i]))
            right = k.fma(c, e[i], -(s * d[i]))
            y.set(s * d[i + 1])
            below = c * d[i + 1]
            c, s, d[i] = self._rotation(x.get(), y.get(), inside)
            x.set(k.fma(c, right, s * below))
            e[i], d[i + 1] = x.get(), k.fma(c, below, -(s * right))
            y.set(s * e[i + 1])
            e[i + 1] = c * e[i + 1]
            position.set(now + 1.0)

    def _shifted(self, block: dict[str, Value]) -> Value:
        """``(d^2 - shift) / d`` for the first entry ``d`` of a block.

        The shift is Wilkinson's: of the last two rows and columns of ``B^T B`` the eigenvalue that
        is closer to the last entry. It is 0 where the block has a 0 on its diagonal, which a step
        then moves to the end.
        """
        k, head = self.k, block["head"]
        before, left, entry, below = (block[n] for n in ("before", "left", "entry", "below"))
        product = left * entry
        half = 0.5 * k.fma(left - below, left + below, (before - entry) * (before + entry))
        size = k.absolute(half) + k.sqrt(k.fma(half, half, product * product))
        size = half.compare(">=", 0.0).where(size, -size)
        shift = k.fma(below, below, entry * entry) - product * product / size
        return block["least"].compare(">", 0.0).where(head - shift / head, head)

    def _rotation(self, x: Value, y: Value, wanted: Value) -> tuple[Value, Value, Value]:
        """Cosine, sine and length of ``(x, y)``; 1, 0 and ``x`` where it is not wanted or short."""
        k = self.k
        square = k.fma(x, x, y * y)
        wanted = wanted & square.compare(">", self.shortest)
        length = k.sqrt(square)
        inverse = 1.0 / length
        c, s = (wanted.where(v * inverse, n) for v, n in ((x, self.one), (y, self.zero)))
        return c, s, wanted.where(length, x)

    def sort(self) -> None:
        """Sizes of the entries on the diagonal in descending order: neighbours change places."""
        k, d = self.k, self.diagonal
        with k.loop(0, self.count) as i:
            d[i] = k.absolute(d[i])
        with k.loop(0, self.count) as turn, k.loop(k.remainder(turn, 2), self.count, 2) as i:
            d[i], d[i + 1] = k.maximum(d[i], d[i + 1]), k.minimum(d[i], d[i + 1])
