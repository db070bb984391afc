"""What single networks are read with, and what follows where readers differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from theorycheck.arithmetic.cases import Case
from theorycheck.networks.specification import mlp
from theorycheck.statements import checking
from theorycheck.statements.checking import ReadersDisagree, readings
from theorycheck.statements.syntax import Statement


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
