"""Checking a statement at an example: are its hypotheses met, and is its conclusion true?

A cohort is read in floats that provably do not round, all members at once, with autograd's
derivatives; members on which floats may round, and single networks, are read exactly. Single
networks are read with every oracle for derivatives (`theorycheck.statements.oracles`), so that no
check rests on backpropagation alone. Networks too large for exact numbers are read in floats with
bounds on their rounding errors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from flint import arb, ctx, fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import ConstantUnit, has_kink
from theorycheck.arithmetic.numbers import precision, rationals
from theorycheck.errors import InputError
from theorycheck.statements.cohorts import read_cohort
from theorycheck.statements.dyadics import Rounds
from theorycheck.statements.exact import PRECISIONS, Evaluator
from theorycheck.statements.floats import BoundedInterpreter, DyadicInterpreter, Unread, lacks_words
from theorycheck.statements.numbers import Open, Surd, Undefined, compare, enclosed
from theorycheck.statements.numbers import number as as_number
from theorycheck.statements.oracles import FORWARD_MODE, Missing, Oracle, oracles
from theorycheck.statements.ranks import Rank, RankBounds
from theorycheck.statements.readings import (
    INEQUALITIES,
    Reading,
    Scope,
    due,
    tightness,
    triviality,
)
from theorycheck.statements.syntax import Comparison, Formula, Statement

LARGEST_EXACT = 2500
"""Numbers of a network and its data up to which it is read exactly."""
WITHIN_BOUNDS = "float64 within running error bounds"
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


def readings(statement: Statement, case: Case, selections: Iterable[float] = ()) -> list[Reading]:
    """What the readers find at each member of a case.

    Args:
        selections: slopes of activations at their kinks for which the statement is made beside
            autograd's choice.
    """
    if case.size > LARGEST_EXACT * case.members:
        return _read_large(statement, case)
    if case.members == 1:
        return [_read_single(statement, case, selections)]
    found: list[Reading | None] = _read_in_floats(statement, case)
    return [
        _read_exactly(statement, case, member, FORWARD_MODE) if reading is None else reading
        for member, reading in enumerate(found)
    ]


def _read_in_floats(statement: Statement, case: Case) -> list[Reading | None]:
    """Readings without rounding; None for members on which floats may round."""
    unread: list[Reading | None] = [None] * case.members
    for dtype in (torch.float32, torch.float64):
        if dtype == torch.float32 and torch.get_float32_matmul_precision() != "highest":
            continue
        try:
            interpreter = DyadicInterpreter(case, statement.where, dtype)
            name = f"{str(dtype).removeprefix('torch.')} without rounding"
            return [*read_cohort(statement, interpreter, case.members, name)]
        except (Unread, Undefined):
            return unread
        except Rounds as error:
            rounding = np.broadcast_to(error.members, case.members)
    exact = np.flatnonzero(~rounding)
    if exact.size in (0, case.members):
        return unread
    for member, reading in zip(
        exact, _read_in_floats(statement, case.members_at(exact)), strict=True
    ):
        unread[member] = reading
    return unread


def _read_large(statement: Statement, case: Case) -> list[Reading]:
    try:
        interpreter = BoundedInterpreter(case, statement.where)
        return read_cohort(statement, interpreter, case.members, WITHIN_BOUNDS)
    except (Unread, Undefined):
        return [Reading(arithmetic="too large for exact numbers")] * case.members


class ReadersDisagree(Exception):
    """Two readers that are both exact come to different answers: one of them is wrong."""


def _read_single(statement: Statement, case: Case, selections: Iterable[float]) -> Reading:
    """The reading in forward mode, or that of another oracle which finds a violation.

    Raises:
        ReadersDisagree: when floats that do not round, with autograd's derivatives, find anything
            else.
    """
    found = _read_exactly(statement, case, 0, FORWARD_MODE)
    if found.holds is None:
        return found
    others = []
    if _uses(statement, "df"):
        kink = _may_have_kink(case)
        # At a kink `grad` has autograd's choice, and what stands beside it must not have another.
        chosen = () if kink and _uses(statement, "grad") else oracles(selections if kink else ())
        others = [_read_exactly(statement, case, 0, oracle) for oracle in chosen]
    floats = None
    # Where there is an answer, all words had to be read, but for those of branches not taken.
    if not lacks_words(statement):
        [floats] = _read_in_floats(statement, case)
    if floats is not None:
        _require_agreement(statement, found, floats)
        others.append(floats)
    violated = [other for other in others if other.holds is False]
    if found.holds and violated:
        return violated[0]
    agreeing = [found, *(other for other in others if other.holds is found.holds)]
    return replace(found, arithmetic="; ".join(reading.arithmetic for reading in agreeing))


def _require_agreement(statement: Statement, exact: Reading, floats: Reading) -> None:
    """Raise ReadersDisagree unless two readings have one truth, and the same sides where both show
    the same values of the variables. Of ranks floats only know whether they are above 1.
    """
    same = exact.holds is floats.holds
    ranks = "rank(" in statement.conclusion.text
    if same and not ranks and dict(exact.at) == dict(floats.at):
        sides = zip((exact.left, exact.right), (floats.left, floats.right), strict=True)
        same = all(_is(one, float(other)) for one, other in sides)
    if not same:
        shown = [f"{one.left} {one.relation} {one.right}" for one in (exact, floats)]
        raise ReadersDisagree(
            f"{exact.arithmetic}: {shown[0]}, {exact.holds};"
            f" {floats.arithmetic}: {shown[1]}, {floats.holds}"
        )


def _is(exact: Any, shown: float) -> bool:
    """Whether a float is a number, or the nearest to it: sides of constants alone are rationals to
    all readers, whatever they show.
    """
    if exact == fmpq(*shown.as_integer_ratio()):
        return True
    return isinstance(exact, fmpq) and int(exact.p) / int(exact.q) == shown


def _may_have_kink(case: Case) -> bool:
    """Whether oracles that differ at kinks alone may differ."""
    network = case.network
    parameters = [rationals(parameter[0]) for parameter in case.parameters]
    return network.normalised_by_batch or has_kink(network, parameters, rationals(case.inputs[0]))


@cache
def _uses(statement: Statement, word: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == word
        for formula in statement.formulas()
        for node in ast.walk(formula.tree)
    )


def _read_exactly(statement: Statement, case: Case, member: int, oracle: Oracle) -> Reading:
    """A violation is shown where there is one; else what is open; else, of an inequality, the
    assignment nearest to equality.

    Forward mode always has an answer. What other oracles have none for is left out.
    """
    found = answers(statement, case, member, oracle)
    met = [answer for answer in found if answer.unmet is None]
    if oracle is not FORWARD_MODE:
        met = [answer for answer in met if answer.holds is not None]
    if not met:
        reasons = [answer.unmet for answer in found if answer.unmet is not None]
        return Reading(unmet=reasons[0] if reasons else "there is nothing to check")
    violated = [answer for answer in met if answer.holds is False]
    undecided = [answer for answer in met if answer.holds is None]
    shown = (
        violated or undecided or sorted(met, key=lambda answer: answer.tightness, reverse=True)
    )[0]
    first = statement.conclusion.comparisons()[1][0]
    label = shown.arithmetic
    return Reading(
        unmet=None,
        holds=False if violated else None if undecided else True,
        left=shown.left,
        relation=shown.relation,
        right=shown.right,
        at=shown.at,
        tightness=shown.tightness if shown.holds is not None else None,
        trivial=triviality(first) if all(answer.trivial for answer in met) else None,
        arithmetic=f"{label} with {oracle.name}" if _uses(statement, "df") else label,
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


# The exact reader, assignment by assignment


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
