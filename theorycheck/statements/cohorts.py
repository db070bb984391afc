"""Reading a statement at all members of a cohort at once, in floats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from theorycheck.statements.floats import FloatInterpreter, RankUpToTwo, is_exact
from theorycheck.statements.readings import Reading, Scope, due, tightness, triviality
from theorycheck.statements.syntax import Statement
from theorycheck.statements.truths import Truth, every


@dataclass(eq=False)
class _Found:
    """What was found at each assignment, arrays ``(K,)`` in the order of the assignments."""

    scopes: list[Scope] = field(default_factory=list)
    met: list[Any] = field(default_factory=list)
    holds: list[Any] = field(default_factory=list)
    left: list[Any] = field(default_factory=list)
    right: list[Any] = field(default_factory=list)
    trivial: list[Any] = field(default_factory=list)
    which: list[Any] = field(default_factory=list)


class _CohortReader:
    """One statement at one cohort."""

    def __init__(self, statement: Statement, interpreter: FloatInterpreter, members: int) -> None:
        self.statement = statement
        self.interpreter = interpreter
        self.members = members
        names = tuple(variable.name for variable in statement.forall)
        self.due = [due(formula, names) for formula in statement.given]
        self.unmet: list[str | None] = [None] * members
        self.found = _Found()

    def extend(self, scope: Scope, bound: int, met: Truth) -> None:
        """Go through all values of the variables after the first ``bound`` ones.

        Args:
            met: for which members the hypotheses evaluated so far are met.
        """
        for formula, when in zip(self.statement.given, self.due, strict=True):
            if when == bound:
                truth = self.interpreter.value(formula.tree, scope)
                self._note(formula.text, met, truth)
                met = every([met, truth])
                if not np.any(met):
                    return
        if bound < len(self.statement.forall):
            variable = self.statement.forall[bound]
            for value in self.interpreter.value(variable.among.tree, scope):
                self.extend({**scope, variable.name: value}, bound + 1, met)
            return
        self.found.scopes.append(scope)
        self.found.met.append(met)
        for part, value in self._conclude(scope).items():
            getattr(self.found, part).append(value)

    def _conclude(self, scope: Scope) -> dict[str, Any]:
        """The comparison that decides at each member: the first such one."""
        joined, comparisons = self.statement.conclusion.comparisons()
        parts: dict[str, list[Any]] = {name: [] for name in ("holds", "left", "right", "trivial")}
        for comparison in comparisons:
            left, relation, right = comparison
            sides = [self.interpreter.value(side, scope) for side in (left, right)]
            numbers = [_numbers(side) for side in sides]
            found = {
                "holds": self.interpreter.compared(sides[0], relation, sides[1]),
                "left": numbers[0],
                "right": numbers[1],
                "trivial": triviality(comparison) is not None
                and _is_trivial(sides[0], relation, *numbers),
            }
            for name, value in found.items():
                parts[name].append(np.broadcast_to(value, self.members))
        stacked = {name: np.stack(values) for name, values in parts.items()}
        which = (stacked["holds"] == (joined == "or")).argmax(axis=0)
        shown = {name: np.take_along_axis(stacked[name], which[None], 0)[0] for name in stacked}
        trivial = stacked["trivial"] & stacked["holds"]
        if joined == "and":
            trivial = trivial.all(axis=0)
        else:  # The first comparison that is true decides alone.
            trivial = np.take_along_axis(trivial, which[None], 0)[0]
        return {**shown, "trivial": trivial, "which": which}

    def _note(self, text: str, met: Truth, truth: Truth) -> None:
        failing = np.broadcast_to(np.asarray(met) & ~np.asarray(truth), self.members)
        for member in np.flatnonzero(failing):
            self.unmet[member] = self.unmet[member] or text

    def readings(self, arithmetic: str) -> list[Reading]:
        """What was found at each member."""
        nothing = "there is nothing to check"
        if not self.found.scopes:
            return [Reading(unmet=text or nothing, arithmetic=arithmetic) for text in self.unmet]
        met, holds, left, right, trivial, which = (
            np.stack([np.broadcast_to(each, self.members) for each in getattr(self.found, part)])
            for part in ("met", "holds", "left", "right", "trivial", "which")
        )
        _, comparisons = self.statement.conclusion.comparisons()
        relations = [relation for _, relation, _ in comparisons]
        ratio = np.choose(which, [tightness(relation, left, right) for relation in relations])
        why = triviality(comparisons[0])
        violated = met & ~holds
        # The first violation, or else of all that meet the hypotheses the tightest.
        shown = np.where(
            violated.any(axis=0),
            violated.argmax(axis=0),
            np.where(met, np.nan_to_num(ratio, nan=0.0), -np.inf).argmax(axis=0),
        )
        return [
            Reading(
                unmet=None,
                holds=not violated[:, member].any(),
                left=left[row, member].item(),
                relation=relations[which[row, member]],
                right=right[row, member].item(),
                at=self.found.scopes[row],
                tightness=float(ratio[row, member]),
                trivial=why if (trivial | ~met)[:, member].all() else None,
                arithmetic=arithmetic,
            )
            if met[:, member].any()
            else Reading(unmet=self.unmet[member] or nothing, arithmetic=arithmetic)
            for member, row in enumerate(shown)
        ]


def read_cohort(
    statement: Statement, interpreter: FloatInterpreter, members: int, arithmetic: str
) -> list[Reading]:
    """What floats find at each member.

    Raises:
        Unread, Rounds, Undefined: as the interpreter.
    """
    reader = _CohortReader(statement, interpreter, members)
    reader.extend({}, 0, True)
    return reader.readings(arithmetic)


def _numbers(side: Any) -> np.ndarray:
    if isinstance(side, RankUpToTwo):
        return side.ranks
    if is_exact(side):
        return np.array([float(side)])
    value: np.ndarray = side.value.astype(np.float64)
    return value


def _is_trivial(side: Any, relation: str, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Whether a comparison is true for the reason that `triviality` names."""
    if isinstance(side, RankUpToTwo):
        found: np.ndarray = side.largest <= right
        return found
    zero = left == 0, right == 0
    return np.asarray({"<=": zero[0], ">=": zero[1]}.get(relation, zero[0] & zero[1]))
