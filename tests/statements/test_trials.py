"""Networks at which many statements are read, against the exact reader of one statement."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.arithmetic.cases import Case
from theorycheck.networks.specification import mlp
from theorycheck.statements.assignments import answers
from theorycheck.statements.mutants import mutants
from theorycheck.statements.syntax import Statement
from theorycheck.statements.trials import Trial

LEMMA = Statement.of(
    "inner(W[k], df(n, 0, k)) == scaled(n, 1)",
    forall=("k in weights", "n in samples"),
    given=("f(n, 0) > 0",),
    where=("output(n) = f(n, 0)", "scaled(n, c) = c * output(n)"),
)


def case(*rows: list[float]) -> Case:
    weights = (np.array([[[2.0], [-1.0]]]), np.array([[[3.0, 1.0]]]))
    return Case(mlp([1, 2, 1]), weights, np.array([rows]))


@pytest.mark.parametrize("place", range(len(mutants(LEMMA))))
def test_a_mutant_is_at_a_network_what_the_exact_reader_finds(place: int) -> None:
    mutant = mutants(LEMMA)[place].statement
    inputs = case([1.0], [2.0], [-1.0])
    found = Trial(LEMMA, inputs).of(mutant)
    read = [one for one in answers(mutant, inputs) if one.unmet is None]
    violated = [dict(one.at) for one in read if one.holds is False]
    # An index out of range has the reader give up all values at once.
    if read and all(one.holds is not None for one in read):
        assert (found.violated is None) == (not violated)
    if violated:
        assert found.violated == violated[0]


def test_a_statement_is_read_anew_after_a_mutant() -> None:
    trial = Trial(LEMMA, case([1.0]))
    for mutant in mutants(LEMMA):
        trial.of(mutant.statement)
        assert trial.of(LEMMA).violated is None
    assert trial.of(LEMMA).decided == 2


def test_hypotheses_are_met_or_not() -> None:
    assert Trial(LEMMA, case([1.0])).met
    assert not Trial(LEMMA, case([0.0])).met
    assert Trial(LEMMA, case([0.0])).of(LEMMA).decided == 0
    divided = Statement.of("1 == 1", given=("1 / f(0, 0) > 0",))
    assert not Trial(divided, case([0.0])).met


def test_what_has_no_value_is_passed_over() -> None:
    """At the last sample there is no next one."""
    following = Statement.of("f(n + 1, 0) == f(n, 0)", forall=("n in samples",))
    found = Trial(following, case([1.0], [1.0])).of(following)
    assert (found.violated, found.decided) == (None, 1)


def test_other_numbers_and_weaker_inequalities() -> None:
    bound = Statement.of("f(n, 0) <= 6 * x[n][0]", forall=("n in samples",))
    trial = Trial(bound, case([1.0], [2.0]))

    def of(conclusion: str) -> Statement:
        return Statement.of(conclusion, forall=("n in samples",))

    assert not trial.differs(bound)
    assert not trial.differs(of("f(n, 0) <= x[n][0] * 6"))
    assert trial.differs(of("f(n, 0) <= 7 * x[n][0]"))
    assert trial.weaker(of("f(n, 0) <= 7 * x[n][0]"))
    assert trial.weaker(of("6 * x[n][0] >= f(n, 0)"))
    assert not trial.weaker(of("f(n, 0) <= 5 * x[n][0]"))
    assert not trial.weaker(of("f(n, 0) == 6 * x[n][0]"))


def test_what_is_no_number_is_no_other_number() -> None:
    """An abbreviation that says which outputs are positive: truths, not numbers."""
    where = ("positive = [f(n, 0) > 0 for n in samples]",)
    counted = Statement.of("sum([1 for one in positive if one]) == 1", where=where)
    less = Statement.of(
        counted.conclusion.text, where=("positive = [f(n, 0) > 1 for n in samples]",)
    )
    assert not Trial(counted, case([1.0])).differs_within(less)


def test_equal_sides_may_be_computed_from_other_numbers() -> None:
    where = ("doubled = [2 * f(0, 0), x[0][0]]",)
    identity = Statement.of("inner([f(0, 0), 1], [0, 1]) == 1", where=where)
    trial, nothing = Trial(identity, case([1.0])), Trial(identity, case([0.0]))
    others = [
        Statement.of("inner([2 * f(0, 0), 1], [0, 1]) == 1", where=where),
        Statement.of(identity.conclusion.text, where=("doubled = [3 * f(0, 0), x[0][0]]",)),
    ]
    assert all(map(trial.differs_within, others))
    assert not any(map(trial.differs, others))
    # At an output of 0, a factor makes no difference.
    assert not any(map(nothing.differs_within, others))
    # Where something is, is no number that is computed.
    assert not trial.differs_within(
        Statement.of(
            "inner([f(0, 0), 1], [0, 1]) == 1", where=("doubled = [2 * f(0 * 1, 0), x[0][0]]",)
        )
    )


def test_roots_are_read_in_balls() -> None:
    lengths = Statement.of("root(2) * root(3) + root(5) < 5")
    assert Trial(lengths, case([1.0])).of(lengths).decided == 1
    false = Statement.of("root(2) * root(3) + root(5) < 4")
    assert Trial(lengths, case([1.0])).of(false).violated == {}
