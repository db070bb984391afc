"""The exact reader of a statement, assignment by assignment of values to its variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flint import arb, ctx, fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import ConstantUnit
from theorycheck.arithmetic.numbers import precision
from theorycheck.errors import InputError
from theorycheck.statements.exact import PRECISIONS, Evaluator
from theorycheck.statements.numbers import Open, Surd, Undefined, compare, enclosed
from theorycheck.statements.numbers import number as as_number
from theorycheck.statements.oracles import FORWARD_MODE, Missing, Oracle
from theorycheck.statements.ranks import Rank, RankBounds
from theorycheck.statements.readings import INEQUALITIES, Scope, due, tightness, triviality
from theorycheck.statements.syntax import Comparison, Formula, Statement

NO_VALUE = "a formula has no value"


@dataclass(frozen=True)
class Answer:
    """What the exact reader finds at one assignment of values to the variables.

    Attributes:
        at: the values of the variables.
        unmet: the first hypothesis that is not met, as text; None where all are.
        holds: whether the conclusion is true; None where it stays open, or a hypothesis is unmet.
        left, relation, right: the comparison of the conclusion that decides.
        trivial: whether the conclusion says nothing here.
        hopeless: whether it stays open at any precision.
        arithmetic: in which numbers that was found.
    """

    at: Scope
    unmet: str | None = None
    holds: bool | None = None
    left: Any = None
    relation: str = "=="
    right: Any = None
    trivial: bool = False
    hopeless: bool = False
    arithmetic: str = "rationals"

    @property
    def open(self) -> bool:
        """Whether the hypotheses may be met, and the conclusion is neither true nor false."""
        return self.unmet is None and self.holds is None

    @property
    def tightness(self) -> float:
        """Of an inequality, the smaller side over the larger: 1 is equality; else 0."""
        if self.relation not in INEQUALITIES:
            return 0.0
        return float(tightness(self.relation, _middle(self.left), _middle(self.right)))


def answers(
    statement: Statement, case: Case, member: int = 0, oracle: Oracle = FORWARD_MODE
) -> list[Answer]:
    """What the exact reader finds at every assignment, in the order of the variables.

    A hypothesis is evaluated as soon as the variables that it names have values: one answer then
    stands for all assignments that it rules out. Each precision is tried where the one before left
    something open. Where a formula has no value (a division by zero, a normalised unit that does
    not vary), no hypotheses count as met: the one answer says why.
    """
    found: list[Answer] = []
    # Rationals first: of a normalised network, whose deviations may be rational, at no precision.
    lanes = [(True, bits) for bits in PRECISIONS]
    if case.network.normalised_by_batch:
        lanes = [(True, PRECISIONS[0]), *((False, bits) for bits in PRECISIONS[1:])]
    for rational, bits in lanes:
        try:
            with precision(bits):
                found = _at_precision(statement, case, member, oracle, rational=rational)
        except (Undefined, ConstantUnit) as error:
            constant = "a normalised unit is constant over the batch"
            reason = constant if isinstance(error, ConstantUnit) else str(error)
            return [Answer({}, unmet=f"{NO_VALUE}: {reason}")]
        except InputError:  # An irrational deviation, or a unit that is not proved to vary.
            found = [Answer({})]
            continue
        except Open as error:
            found = [Answer({}, hopeless=isinstance(error, Missing))]
        if not any(answer.open and not answer.hopeless for answer in found):
            break
    return found


def _at_precision(
    statement: Statement, case: Case, member: int, oracle: Oracle, *, rational: bool
) -> list[Answer]:
    evaluator = Evaluator(case, member, statement.where, rational=rational, oracle=oracle)
    return list(_Assignments(statement, evaluator).extend({}, 0))


class _Assignments:
    """All assignments of one statement at one network."""

    def __init__(self, statement: Statement, evaluator: Evaluator) -> None:
        self.statement = statement
        self.evaluator = evaluator
        names = tuple(variable.name for variable in statement.forall)
        self.due = [due(formula, names) for formula in statement.given]

    def extend(self, scope: Scope, bound: int) -> Iterator[Answer]:
        """Answers for all values of the variables after the first ``bound`` ones."""
        given = zip(self.statement.given, self.due, strict=True)
        unmet = self._first_unmet([formula for formula, when in given if when == bound], scope)
        if unmet is not None:
            yield unmet
        elif bound == len(self.statement.forall):
            yield self._conclude(scope)
        else:
            variable = self.statement.forall[bound]
            for value in self.evaluator.value(variable.among.tree, scope):
                yield from self.extend({**scope, variable.name: value}, bound + 1)

    def _first_unmet(self, formulas: Sequence[Formula], scope: Scope) -> Answer | None:
        for formula in formulas:
            try:
                if not self.evaluator.value(formula.tree, scope):
                    return Answer(scope, unmet=formula.text)
            except Open as error:
                return Answer(scope, hopeless=isinstance(error, Missing))
        return None

    def _conclude(self, scope: Scope) -> Answer:
        """The first comparison that decides; an open one only where no other does."""
        joined, comparisons = self.statement.conclusion.comparisons()
        found = []
        for comparison in comparisons:
            found.append(self._compare(scope, comparison))
            if found[-1].holds is (joined == "or"):
                return found[-1]
        shown = next((answer for answer in found if answer.holds is None), found[0])
        return replace(shown, trivial=all(answer.trivial for answer in found))

    def _compare(self, scope: Scope, comparison: Comparison) -> Answer:
        left, relation, right = comparison
        sides: list[Any] = []
        try:
            sides += (self.evaluator.value(side, scope) for side in (left, right))
            holds = compare(sides[0], relation, sides[1])
        except Open as error:
            # Balls prove lower bounds of ranks alone.
            bound = len(sides) == 2 and isinstance(sides[0], RankBounds) and relation == "<="
            return Answer(scope, relation=relation, hopeless=bound or isinstance(error, Missing))
        exact = all(isinstance(side, int | fmpq | Surd) for side in sides)
        return Answer(
            scope,
            holds=holds,
            left=sides[0] if isinstance(sides[0], RankBounds) else as_number(sides[0]),
            relation=relation,
            right=as_number(sides[1]),
            trivial=holds
            and triviality(comparison) is not None
            and _is_trivial(sides[0], relation, sides[1]),
            arithmetic="rationals" if exact else f"balls of {ctx.prec} bits",
        )


def _is_trivial(left: Any, relation: str, right: Any) -> bool:
    """Whether the comparison is true for the reason that `triviality` names."""
    if isinstance(left, Rank | RankBounds):
        return left.largest <= right  # type: ignore[no-any-return]
    sides = {"<=": [left], ">=": [right]}.get(relation, [left, right])
    return all(isinstance(side, int | fmpq) and side == 0 for side in sides)


def _middle(side: Any) -> float:
    """A number as a float, a rank between bounds as the upper one."""
    return float(side.most if isinstance(side, RankBounds) else arb(enclosed(side)).mid())
