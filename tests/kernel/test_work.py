"""The work that is counted, by hand: what a number costs, and what each operation asks for.

A result costs 4 units, and what its length adds; a list costs what its entries do, and 4.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from tests.kernel.examples import BITS, DOCUMENT, evaluator
from theorycheck import kernel
from theorycheck.kernel import (
    Architecture,
    Dual,
    Enclosure,
    Evaluator,
    Example,
    Rejected,
    Statement,
)
from theorycheck.networks.specification import mlp

HALF, ONE = Fraction(1, 2), Fraction(1)


def cost(example: Example, action: Callable[[], Any]) -> int:
    before = example.work
    action()
    return before - example.work


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, 4),
        (True, 4),
        (HALF, 4),
        (7, 4),
        # Of 255, 256, 1023, 1024 and 2048 bits, numerator and denominator together.
        (2**253, 4),
        (2**254, 5),
        (2**1021, 7),
        (2**1022, 4 + 4 + 1),
        (Fraction(1, 2**2046), 4 + 8 + 2**2),
        ([], 4),
        ([None, HALF], 12),
        ((ONE, [ONE]), 16),
        # Itself, and the pair of its two numbers.
        (Dual(HALF, ONE, 0), 16),
        # Both ends, and the square where it is known: four times each, in a list.
        (Enclosure(HALF, ONE, BITS), 4 + 4 + 12 * 4),
        (Enclosure(HALF, ONE, BITS, Fraction(2**254)), 4 + 4 + 8 * 4 + 4 * 5),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_a_result_costs(result: Any, expected: int) -> None:
    example = Example(DOCUMENT)
    assert example.work == kernel.MOST_WORK == 6_000_000
    assert cost(example, lambda: example.spend(result)) == expected
    assert example.spend(result) is result


def test_no_number_is_longer_than_it_may_be() -> None:
    example = Example(DOCUMENT)
    assert kernel.MOST_BITS == 50_000
    example.spend(2 ** (50_000 - 2))
    with pytest.raises(Rejected, match="grows beyond 50000 bits"):
        example.spend(2 ** (50_000 - 1))


def test_the_last_unit_may_be_spent() -> None:
    example = Example(DOCUMENT)
    example.work = 8
    example.spend(None)
    example.spend(None)
    assert example.work == 0
    with pytest.raises(Rejected, match="too many operations"):
        example.spend(None)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("1", 4),
        # Each part of a formula; then a step, and its result.
        ("1 + 2", 3 * 4 + 4 + 4),
        ("1 - 2", 3 * 4 + 4 + 4),
        ("3 * 2", 3 * 4 + 4 + 4),
        ("-1", 2 * 4 + 4 + 4),
        # A divisor is compared with 0, and so are a pair of sides.
        ("1 / 2", 3 * 4 + 4 + 12 + 4),
        ("1 < 2", 3 * 4 + 12),
        ("1 < 2 < 3", 4 * 4 + 2 * 12),
        # From 1 on, one factor after the other.
        ("2 ** 3", 3 * 4 + 4 + 3 * (4 + 4)),
        # The call and its argument, the list of arguments, and a result.
        ("len([])", 2 * 4 + (4 + 4) + 4),
        ("sum([1, 2])", 4 * 4 + (4 + 4 + 8) + (4 + 4) + 4),
        ("product([1, 2])", 4 * 4 + (4 + 4 + 8) + 2 * (4 + 4) + 4),
        ("abs(1)", 2 * 4 + 8 + 12 + 4),
        ("max([1, 2])", 4 * 4 + (4 + 4 + 8) + 12 + 4),
        ("[1, 2] @ [1, 2]", 7 * 4 + 4 + 2 * 4),
        ("outer([1, 2], [1])", 6 * 4 + (4 + (4 + 8) + (4 + 4)) + 2 * 4 + (4 + 2 * 8)),
        # Eight times the number, and a step for each bit, before the series is summed up.
        ("exp(1)", 2 * 4 + 8 + (4 + 8 * 4 + BITS * 4) + 56),
        ("log(2)", 2 * 4 + 8 + (4 + 8 * 4 + BITS * 4) + 56),
    ],
)
def test_what_a_formula_costs(formula: str, expected: int) -> None:
    found = evaluator(DOCUMENT)
    node = ast.parse(formula, mode="eval").body
    assert cost(found.example, lambda: found.evaluate(node, {})) == expected


def test_what_a_pass_over_a_batch_costs() -> None:
    """Of three samples: two units of two products each, one of two; and a sum for each unit."""
    example = Example(DOCUMENT)
    expected = 3 * (2 * 2 * 4 + 2 * 4) + 3 * (2 * 4 + 4)
    assert cost(example, lambda: example.forward(example.W, BITS, [example.x])) == expected


def test_what_matrices_cost() -> None:
    """A common denominator for each entry, the integers, and each row that is eliminated."""
    example = Example(DOCUMENT)
    matrix = [[ONE, HALF], [HALF, ONE]]
    integers = 4 * 4 + (4 + 2 * 12)
    assert cost(example, lambda: kernel.integers(matrix, example)) == integers
    assert cost(example, lambda: kernel.rank(matrix, example)) == integers + 12
    # The second row is eliminated, of which one entry is left: two products, and a quotient.
    assert cost(example, lambda: kernel.signature([[2, 1], [1, 2]], example)) == (4 + 2 * 4) + 8
    # Two rows, then one: four products for each of two rows, and quotients; then as above.
    symmetric, two = [[2, 1, 1], [1, 2, 1], [1, 1, 2]], 2 * (4 + 4 * 4) + 2 * (4 + 2 * 4)
    assert cost(example, lambda: kernel.signature(symmetric, example)) == two + (4 + 2 * 4) + 8
    # They are as long as the pivot and the minor.
    long = [[2**300, 1], [1, 2**300]]
    expected = (4 + 2 * (4 + 1)) + (4 + 4 + 2)
    assert cost(example, lambda: kernel.signature(long, example)) == expected
    # No diagonal entry serves as pivot: one column is added to the other first.
    added = 28
    assert cost(example, lambda: kernel.signature([[0, 1], [1, 0]], example)) == added + 12 + 8


def test_what_marking_an_entry_costs() -> None:
    """A step for each part of the lists that are copied."""
    example = Example(DOCUMENT)
    expected = (4 + 3 * 4) + (4 + 2 * 4) + (4 + 2 * 4)
    assert cost(example, lambda: example.moved(example.W, (0, 1, 1), 0)) == expected


def test_evaluators_share_the_work_of_their_example() -> None:
    example = Example(DOCUMENT)
    for _ in range(2):
        assert cost(example, lambda: Evaluator(example, [], BITS).compared(1, "<", 2)) == 12
    assert kernel.MOST_WORK - example.work == 24


def test_what_an_inverse_modulo_a_prime_costs() -> None:
    """A list of fifty, where a product of the same numbers costs nothing more."""
    formal = Statement.read({
        "latex": "", "hypotheses": [], "given": [], "where": [], "forall": [],
        "conclusion": "rho == rho",
    })  # fmt: skip
    network = mlp([1, 1]).to_dict()
    about = {
        "network": network, "samples": 1, "outputs": 1, "numbers": {"rho": None}, "targets": None,
    }  # fmt: skip
    found = Evaluator(Architecture(formal, "v", about, 127), [], BITS)

    def spent(text: str) -> int:
        node = ast.parse(text, mode="eval").body
        return cost(found.example, lambda: found.evaluate(node, {}))

    assert spent("rho / rho") - spent("rho * rho") == 50 * 4 + 4
