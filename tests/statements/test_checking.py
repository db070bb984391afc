"""What single networks are read with, and what follows where readers differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any
from unittest.mock import Mock

import pytest
from flint import fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.networks.specification import Network, mlp
from theorycheck.statements import checking
from theorycheck.statements.assignments import answers
from theorycheck.statements.checking import ReadersDisagree, readings
from theorycheck.statements.oracles import QUOTIENTS
from theorycheck.statements.syntax import Statement

EVERYWHERE = ["k in weights", "n in samples"]


@pytest.mark.parametrize(
    "change", [{"holds": False}, {"left": 3.0}, {"right": 5.0}, {"left": 3.0, "right": 3.0}]
)
def test_exact_readers_that_disagree_say_so(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them is wrong, whatever the statement says of the example."""
    statement = Statement.of("f(0, 0) == 2 * x[0][0]")
    case = Case.single(mlp([1, 1]), [[[2]]], [[1]], [[1]])
    [reading] = readings(statement, case)
    assert (reading.holds, reading.arithmetic) == (True, "rationals; float32 without rounding")
    wrong = replace(reading, **{"left": 2.0, "right": 2.0, **change})
    monkeypatch.setattr(checking, "_read_in_floats", lambda *_: [wrong])
    with pytest.raises(ReadersDisagree, match="rationals"):
        readings(statement, case)


def test_no_oracle_chooses_otherwise_than_grad_at_a_kink() -> None:
    """At two kinks at once ``x -> leaky(-2 leaky(w x))`` is differentiable along w = 0, with the
    derivative -x: quotients find it, and autograd half of it.
    """
    network = mlp([1, 1, 1, 1], 0.5)
    case = Case.single(network, [[[0]], [[-2]], [[-2]]], [[3]], [[1]])
    derivative = Statement.of("df(0, 0, 0)[0][0] == 3")
    [reading] = readings(derivative, case)
    assert (reading.holds, reading.arithmetic) == (False, "rationals with difference quotients")
    both = Statement.of("grad(f(0, 0), 0)[0][0] == df(0, 0, 0)[0][0]")
    [reading] = readings(both, case)
    assert (reading.holds, reading.arithmetic) == (True, "rationals with forward mode")
    [smooth] = readings(
        both, replace(case, parameters=(case.parameters[0] + 1, *case.parameters[1:]))
    )
    assert "difference quotients" in smooth.arithmetic


def test_what_rests_on_the_same_derivatives_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another oracle only the derivatives are computed, where they are those of forward mode."""
    statement = Statement.of("inner(W[k], df(n, 0, k)) == f(n, 0)", forall=EVERYWHERE)
    case = Case.single(mlp([1, 2, 1]), [[[1], [2]], [[3, 5]]], [[1], [-1]], [[1], [1]])
    read = Mock(wraps=answers)
    monkeypatch.setattr(checking, "answers", read)
    [reading] = readings(statement, case)
    assert (reading.holds, read.call_count) == (True, 1)
    assert reading.arithmetic == (
        "rationals with forward mode; rationals with difference quotients; float32 without rounding"
    )


@pytest.mark.parametrize("off", [Fraction(0), Fraction(1, 2**60)])
@pytest.mark.parametrize("asked", range(2))
def test_an_oracle_that_finds_another_derivative_is_asked_for_its_own_reading(
    monkeypatch: pytest.MonkeyPatch, off: Fraction, asked: int
) -> None:
    """However little it is off, and in whichever derivative."""
    found = QUOTIENTS.derivative

    def derivative(network: Network, parameters: Any, inputs: Any, k: int) -> Any:
        exact: Sequence[Any] = found(network, parameters, inputs, k)
        return [exact[0], exact[1] + fmpq(off.numerator, off.denominator) * (k == asked)]

    monkeypatch.setattr(checking, "oracles", lambda _: [replace(QUOTIENTS, derivative=derivative)])
    statement = Statement.of("inner(W[k], df(n, 0, k)) == f(n, 0)", forall=EVERYWHERE)
    case = Case.single(mlp([1, 2, 1]), [[[1], [2]], [[3, 5]]], [[1], [2]], [[1], [1]])
    [reading] = readings(statement, case)
    assert reading.holds is (off == 0)
    if off:
        assert reading.at == {"k": asked, "n": 1}
        assert reading.arithmetic == "rationals with difference quotients"


def test_an_oracle_without_an_answer_is_left_out() -> None:
    """Difference quotients have none under batch normalisation."""
    network = mlp([1, 1, 1], normalisation="batch")
    case = Case.single(network, [[[1]], 1, 0, [[1]]], [[2], [3]], [[1], [1]])
    [reading] = readings(Statement.of("df(0, 0, 3, samples)[0][0] == f(0, 0)"), case)
    assert reading.holds
    assert "quotients" not in reading.arithmetic
