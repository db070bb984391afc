"""Floats that provably do not round, against fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.statements.dyadics import Dyadic, Rounds

FORMATS = st.sampled_from([np.float32, np.float64])


def dyadic(numbers: Any, exponent: int = 0, format: Any = np.float64) -> Dyadic:
    """Numbers ``k / 2**exponent``."""
    value = np.array(numbers, dtype=np.float64) / 2.0**exponent
    return Dyadic(value.astype(format), np.abs(value), exponent)


@given(st.data(), FORMATS)
def test_what_does_not_raise_is_exact(data: st.DataObject, format: Any) -> None:
    """Random expressions, in floats and in fractions; numbers large enough to round now and then.

    An oracle of its own: Python's fractions, one member after the other.
    """
    bits = data.draw(st.integers(2, 20))
    integers = st.integers(-(2**bits), 2**bits)

    def drawn() -> tuple[Dyadic, list[Fraction]]:
        entries = data.draw(st.lists(integers, min_size=3, max_size=3))
        exponent = data.draw(st.integers(0, 4))
        found = dyadic([entries], exponent, format)
        return found, [Fraction(k, 2**exponent) for k in entries]

    (a, x), (b, y) = drawn(), drawn()
    steps = st.sampled_from(["+", "*", "-", "total", "scale"])
    for step in data.draw(st.lists(steps, max_size=6)):
        try:
            match step:
                case "+":
                    a, x = a + b, [p + q for p, q in zip(x, y, strict=True)]
                case "*":
                    a, x = a * b, [p * q for p, q in zip(x, y, strict=True)]
                case "-":
                    a, x = a + -b, [p - q for p, q in zip(x, y, strict=True)]
                case "total":
                    a, x = a.total() * b, [sum(x) * q for q in y]
                case "scale":
                    a, x = b.entry(0) * a, [y[0] * p for p in x]
        except Rounds:
            return
        assert [Fraction(float(v)) for v in a.value[0]] == x


@pytest.mark.parametrize(("format", "bits"), [(np.float32, 24), (np.float64, 53)])
def test_the_limit_is_the_significand(format: Any, bits: int) -> None:
    dyadic([2.0**bits - 1], format=format)
    with pytest.raises(Rounds):
        dyadic([2.0**bits], format=format)
    dyadic([1.0, 2.0 ** (bits - 4)], 3, format)
    # Partial sums count, though the sum itself is 0.
    half = dyadic([[2.0 ** (bits - 1), -(2.0 ** (bits - 1))]], format=format)
    with pytest.raises(Rounds):
        half.total()


@pytest.mark.parametrize(("format", "lowest"), [(np.float32, 126), (np.float64, 1022)])
def test_units_are_normal_numbers(format: Any, lowest: int) -> None:
    Dyadic(np.array([0.0], format), np.array([0.0]), lowest)
    with pytest.raises(Rounds):
        Dyadic(np.array([0.0], format), np.array([0.0]), lowest + 1)


def test_who_may_round_is_named() -> None:
    with pytest.raises(Rounds) as raised:
        dyadic([1.0, 2.0**60, 3.0])
    assert raised.value.members.tolist() == [False, True, False]
    with pytest.raises(Rounds):
        dyadic([float("nan")])
    with pytest.raises(Rounds):
        dyadic([float("inf")])


def test_constants() -> None:
    found = Dyadic.constants([Fraction(-3, 4), 5], np.float32)
    assert found is not None
    assert (found.value.tolist(), found.exponent) == ([[-0.75, 5.0]], 2)
    assert found.size.tolist() == [[0.75, 5.0]]
    assert Dyadic.constants([1, Fraction(1, 3)], np.float64) is None
    assert Dyadic.constants([1, 10**30], np.float64) is None


def test_arrays() -> None:
    matrix = dyadic([[[1, 2], [3, 4]]])
    assert matrix.length == 2
    assert matrix.entry(1).value.tolist() == [[3, 4]]
    assert matrix.flat().value.tolist() == [[1, 2, 3, 4]]
    assert matrix.entry(0).outer(matrix.entry(1)).value.tolist() == [[[3, 4], [6, 8]]]
    assert Dyadic.stacked([matrix.entry(0), -matrix.entry(1)]).value.tolist() == [
        [[1, 2], [-3, -4]]
    ]
    assert (-matrix).magnitude().value.tolist() == matrix.value.tolist()
    one, other = dyadic([1, 5]), dyadic([2, 2])
    assert one.chosen(np.array([True, False]), other).value.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("relation", "expected"),
    [("==", [0, 1, 0]), ("!=", [1, 0, 1]), ("<=", [1, 1, 0]), (">=", [0, 1, 1]),
     ("<", [1, 0, 0]), (">", [0, 0, 1])],
)  # fmt: skip
def test_comparisons(relation: str, expected: list[int]) -> None:
    found = dyadic([1, 2, 3]).compared(relation, dyadic([2]))
    assert found.tolist() == list(map(bool, expected))


def bounds(found: Dyadic) -> tuple[Any, int]:
    return found.size.tolist(), found.exponent


def test_what_cancels_is_no_smaller() -> None:
    """Each operation keeps the bound on partial sums, and the finer of two units."""
    some = dyadic([[3, 1]], exponent=1)
    zero = some + -some
    assert not zero.value.any()
    assert bounds(zero) == ([[3, 1]], 1)
    assert bounds(-zero) == bounds(zero.magnitude()) == bounds(zero.flat()) == bounds(zero)
    assert bounds(zero.entry(1)) == ([1], 1)
    assert bounds(zero.total()) == ([4], 1)
    assert bounds(zero + dyadic([[1, 1]], exponent=3)) == ([[3.125, 1.125]], 3)
    assert bounds(dyadic([[1, 1]], exponent=3) + zero) == ([[3.125, 1.125]], 3)
    assert bounds(zero * zero) == ([[9, 1]], 2)
    assert bounds(zero.outer(dyadic([[5]], exponent=2))) == ([[[3.75], [1.25]]], 3)
    assert bounds(Dyadic.stacked([zero, dyadic([[1, 1]], exponent=3)])) == (
        [[[3, 1], [0.125, 0.125]]],
        3,
    )
    both = np.array([True, False])
    one, other = dyadic([5, 5]), dyadic([1, 1], exponent=3)
    for chosen in ((one + -one).chosen(both, other), other.chosen(~both, one + -one)):
        assert bounds(chosen) == ([10, 0.125], 3)


def test_minors_that_may_round_have_no_rank() -> None:
    """The square of ``2^27 + 1`` has 55 bits."""
    odd = 2.0**27 + 1
    with pytest.raises(Rounds):
        dyadic([[[odd, 1], [1, odd]]]).ranks_up_to_two()


@given(st.data())
def test_ranks_up_to_two(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    entries = st.lists(
        st.integers(-2, 2), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]
    )
    matrices = np.array([data.draw(entries) for _ in range(3)], dtype=float).reshape(3, *shape)
    # NumPy's rank of small integer matrices is far from its threshold.
    expected = [min(2, int(np.linalg.matrix_rank(matrix))) for matrix in matrices]
    assert dyadic(matrices).ranks_up_to_two().tolist() == expected
    outer = np.outer(matrices[0].ravel(), matrices[1].ravel())
    assert dyadic(outer[None]).ranks_up_to_two().tolist() == [int(outer.any())]
