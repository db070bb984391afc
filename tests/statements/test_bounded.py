"""Floats with error bounds, against fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.arithmetic.error_bounds import Computed
from theorycheck.statements.bounded import Bounded

NUMBERS = st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3)


def contains(found: Bounded, exact: list[Fraction]) -> bool:
    return all(
        abs(Fraction(v) - x) <= Fraction(e)
        for v, e, x in zip(
            found.value.ravel().tolist(), found.computed.error.ravel().tolist(), exact, strict=True
        )
    )


@given(NUMBERS, NUMBERS)
def test_exact_results_lie_within_the_bounds(one: list[float], other: list[float]) -> None:
    a, b = (Bounded.exact(np.array([numbers])) for numbers in (one, other))
    x, y = ([Fraction(v) for v in numbers] for numbers in (one, other))
    pairs = list(zip(x, y, strict=True))
    assert contains(a + b, [p + q for p, q in pairs])
    assert contains(a + -b, [p - q for p, q in pairs])
    assert contains(a * b, [p * q for p, q in pairs])
    assert contains((a * b).total(), [sum((p * q for p, q in pairs), Fraction(0))])
    assert contains((a * b) * (a + b), [p * q * (p + q) for p, q in pairs])
    assert contains(a.entry(0) * b, [x[0] * q for q in y])
    assert contains(a.outer(b), [p * q for p in x for q in y])
    assert contains((a + b).magnitude(), [abs(p + q) for p, q in pairs])


@pytest.mark.parametrize(
    ("relation", "expected"),
    [("==", [0, 1, 0]), ("<=", [1, 1, 0]), (">=", [0, 1, 1]), ("<", [1, 1, 0]), (">", [0, 1, 1]),
     ("!=", [1, 1, 1])],
)  # fmt: skip
def test_a_comparison_is_false_only_where_it_certainly_is(
    relation: str, expected: list[int]
) -> None:
    """The second number may be equal to the one that it is compared with, or not."""
    numbers = Bounded(Computed(np.array([1.0, 2.1, 3.0]), np.array([0.5, 0.25, 0.5])))
    found = numbers.compared(relation, Bounded.exact(np.array([2.0])))
    assert found.tolist() == list(map(bool, expected))


def test_arrays_and_ranks() -> None:
    matrix = Bounded.exact(np.array([[[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [2.0, 4.0]]]))
    assert matrix.length == 2
    assert matrix.entry(1).value.tolist() == [[3, 4], [2, 4]]
    assert matrix.flat().value.shape == (2, 4)
    assert matrix.ranks_up_to_two().tolist() == [2, 1]
    again = Bounded.stacked([matrix.entry(0), matrix.entry(1)])
    assert again.value.tolist() == matrix.value.tolist()
    assert Bounded.exact(np.array([1.0])).length is None


def test_errors_stay_with_their_numbers() -> None:
    value, error = np.arange(8.0).reshape(2, 2, 2), np.arange(8.0).reshape(2, 2, 2) / 16
    matrix = Bounded(Computed(value, error))
    again = Bounded.stacked([matrix.entry(0), matrix.entry(1)])
    assert again.computed.error.tolist() == error.tolist()
    assert matrix.flat().computed.error.tolist() == error.reshape(2, 4).tolist()
    assert (-matrix).magnitude().computed.error.tolist() == error.tolist()
