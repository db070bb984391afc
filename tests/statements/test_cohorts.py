"""Whole statements on cohorts, against the exact reader, member by member."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theorycheck.arithmetic.cases import Case
from theorycheck.drawing.data import cases
from theorycheck.drawing.networks import directed_graphs, mlps
from theorycheck.networks.specification import mlp
from theorycheck.statements.checking import readings
from theorycheck.statements.cohorts import read_cohort
from theorycheck.statements.floats import DyadicInterpreter
from theorycheck.statements.readings import Reading
from theorycheck.statements.syntax import Statement

STATEMENTS = [
    Statement.of(
        "inner(W[k], df(n, 0, k)) == f(n, 0)",
        forall=["k in weights", "n in samples"],
        given=["f(n, 0) >= 0"],
    ),
    Statement.of(
        "f(n, 0) <= slack * squared(x[n])",
        forall=["n in samples"],
        given=["squared(x[n]) > 0", "len(skips) == 0"],
        where=["slack = 2 * depth"],
    ),
    Statement.of("rank(sum([df(n, 0, k) for n in samples])) <= 1", forall=["k in weights"]),
    Statement.of("f(n, 0) >= f(m, 0)", forall=["n in samples", "m in range(n)"]),
    Statement.of("f(0, 0) == f(1, 0)", given=["y[0][0] == y[1][0]"]),
]
COHORTS = cases(
    st.one_of(mlps(depths=(1, 3)), directed_graphs()), samples=(2, 3), targets="signs", cohort=6
)


def comparable(reading: Reading) -> tuple[object, ...]:
    """All but the arithmetic; numbers as fractions."""
    if reading.unmet is not None:
        return (reading.unmet,)
    sides = [Fraction(str(side)) for side in (reading.left, reading.right)]
    tightness = None if reading.tightness is None else round(reading.tightness, 9)
    return (reading.holds, *sides, dict(reading.at), tightness, reading.trivial)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s.conclusion.text)
@given(COHORTS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_floats_find_what_the_exact_reader_finds(statement: Statement, case: Case) -> None:
    interpreter = DyadicInterpreter(case, statement.where, torch.float64)
    found = read_cohort(statement, interpreter, case.members, "floats")
    for member, reading in enumerate(found):
        [exact] = readings(statement, case.member(member))
        if "rank" in statement.conclusion.text and reading.holds is False:
            # Floats say "at least 2" of a rank, and every such rank violates the bound.
            assert exact.holds is False
            continue
        assert comparable(reading) == comparable(exact)


def test_members_that_round_are_read_exactly() -> None:
    """Of the squares of large numbers the last bit is lost to floats, not to the reading."""
    large = 2.0**40 + 1
    weights = np.array([1.0, large, 3.0])[:, None, None]
    case = Case(mlp([1, 1]), (weights,), np.ones((3, 1, 1)))
    statement = Statement.of(f"f(0, 0) ** 2 != {2**40 + 1} * f(0, 0)")
    first, second, third = readings(statement, case)
    assert (first.holds, second.holds, third.holds) == (True, False, True)
    assert first.arithmetic == "float64 without rounding"
    assert second.arithmetic.startswith("rationals")


def test_nothing_to_check() -> None:
    case = Case(mlp([1, 1]), (np.ones((2, 1, 1)),), np.ones((2, 1, 1)))
    for reading in readings(Statement.of("f(0, 0) == 1", forall=["k in biases"]), case):
        assert reading.unmet == "there is nothing to check"


@pytest.mark.parametrize("joined", ["and", "or"])
@given(COHORTS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_conclusions_of_several_comparisons(joined: str, case: Case) -> None:
    text = f"f(0, 0) <= f(1, 0) {joined} f(0, 0) > 0 {joined} f(1, 0) == y[0][0]"
    statement = Statement.of(text)
    interpreter = DyadicInterpreter(case, (), torch.float64)
    for member, reading in enumerate(read_cohort(statement, interpreter, case.members, "floats")):
        [exact] = readings(statement, case.member(member))
        assert comparable(reading) == comparable(exact)
        assert reading.relation == exact.relation
