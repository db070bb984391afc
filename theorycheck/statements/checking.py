"""Checking a statement at an example: are its hypotheses met, and is its conclusion true?

A cohort is read in floats that provably do not round, all members at once, with autograd's
derivatives; members on which floats may round, and single networks, are read exactly. Single
networks are read with every oracle for derivatives (`theorycheck.statements.oracles`), so that no
check rests on backpropagation alone. Networks too large for exact numbers are read in floats with
bounds on their rounding errors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from flint import fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.arithmetic.evaluation import has_kink
from theorycheck.arithmetic.numbers import Array, rationals
from theorycheck.statements.assignments import answers
from theorycheck.statements.cohorts import read_cohort
from theorycheck.statements.dyadics import Rounds
from theorycheck.statements.floats import BoundedInterpreter, DyadicInterpreter, Unread, lacks_words
from theorycheck.statements.numbers import Undefined
from theorycheck.statements.oracles import FORWARD_MODE, Oracle, oracles
from theorycheck.statements.readings import (
    Reading,
    triviality,
)
from theorycheck.statements.syntax import Statement

LARGEST_EXACT = 2500
"""Numbers of a network and its data up to which it is read exactly."""
WITHIN_BOUNDS = "float64 within running error bounds"


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
    asked: list[_Derivatives] = []

    def noted(*at: Any) -> Sequence[Array | None]:
        asked.append(_Derivatives(at, FORWARD_MODE.derivative(*at)))
        return asked[-1].found

    found = _read_exactly(statement, case, 0, replace(FORWARD_MODE, derivative=noted))
    if found.holds is None:
        return found
    others = []
    if _uses(statement, "df"):
        kink = _may_have_kink(case)
        # At a kink `grad` has autograd's choice, and what stands beside it must not have another.
        chosen = () if kink and _uses(statement, "grad") else oracles(selections if kink else ())
        others = [_reread(statement, case, oracle, found, asked) for oracle in chosen]
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


@dataclass(frozen=True)
class _Derivatives:
    """What an oracle was asked for, and found."""

    at: tuple[Any, ...]
    found: Sequence[Array | None]


def _reread(
    statement: Statement,
    case: Case,
    oracle: Oracle,
    first: Reading,
    asked: Sequence[_Derivatives],
) -> Reading:
    """The reading with another oracle; where it finds the same derivatives, it is the first one.

    Args:
        first, asked: the reading in forward mode, and the derivatives that it rests on.
    """
    found = [(oracle.derivative(*one.at), one.found) for one in asked]
    if asked and all(part is None for own, _ in found for part in own):
        return Reading(unmet=f"{oracle.name} have no answer")
    if all(_same(own, other) for own, other in found):
        arithmetic = first.arithmetic.replace(FORWARD_MODE.name, oracle.name)
        return replace(first, arithmetic=arithmetic)
    return _read_exactly(statement, case, 0, oracle)


def _same(own: Sequence[Array | None], other: Sequence[Array | None]) -> bool:
    """Whether two lists of derivatives are the same numbers, none of them missing or inexact."""
    pairs = zip(own, other, strict=True)
    return all(one is not None and bool(np.all(one == two)) for one, two in pairs)


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
    if oracle.name != FORWARD_MODE.name:
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
