"""Stated claims: a formula is printed, checked, altered for the control, and certified.

Claims that have parts in common are stated by a `Family`, which says these parts once.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, TypedDict, Unpack

from theorycheck.claims.declaration import (
    Assumption,
    Claim,
    Convention,
    Formal,
    Hypothesis,
    Kind,
    Place,
    Source,
    claim,
)
from theorycheck.errors import InputError
from theorycheck.statements.syntax import Statement
from theorycheck.statements.vocabulary import common_numbers


@dataclass(frozen=True)
class Altered:
    """The control of a stated claim: its false neighbour.

    Attributes:
        words: what is altered.
        states: the altered conclusion, or what replaces which parts of the claim's, each of which
            is there once; None where it is that of the claim.
        without: hypotheses of the claim that the control does not make.
        on: what proposes examples for it; None where it is what proposes those of the claim.
    """

    words: str
    states: str | Mapping[str, str] | None = None
    without: tuple[Assumption, ...] = ()
    on: Any = None

    def conclusion(self, claimed: str) -> str:
        """The altered conclusion of a claim.

        Raises:
            InputError: when a part that is to be replaced is not there exactly once, or overlaps
                with another one.
        """
        if self.states is None or isinstance(self.states, str):
            return self.states or claimed
        others = self.states
        for part in others:
            if (times := claimed.count(part)) != 1:
                raise InputError(
                    f"control {self.words!r}: {part!r} is {times} times in `{claimed}`"
                )
        parts = "|".join(map(re.escape, others))
        made, count = re.subn(parts, lambda found: others[found[0]], claimed)
        if count < len(others):
            raise InputError(f"control {self.words!r}: the parts to be replaced overlap")
        return made


def altered(
    words: str,
    states: str | Mapping[str, str] | None = None,
    *,
    without: Sequence[Assumption] = (),
    on: Any = None,
) -> Altered:
    """The false neighbour of a stated claim: in words, and what differs; see `Altered`.

    What differs is another conclusion, such as ``"f(n, 0) <= 1"``, or what is altered in that of
    the claim, such as ``{"2 * rho": "rho"}``, or hypotheses that are left out.

    Raises:
        InputError: when nothing differs.
    """
    if not states and not without:
        raise InputError(f"control {words!r}: give another conclusion, or hypotheses to leave out")
    return Altered(words, states or None, tuple(without), on)


class Parts(TypedDict, total=False):
    """What is said of a stated claim beside its id and title.

    A claim or its family gives ``printed``, ``states``, ``control``, ``on`` and ``why``.

    Attributes:
        kind: by default what the conclusion is, or *trajectory* of a statement on trained networks.
        sources: where it is printed; none for a claim of our own.
        printed: what the paper prints, in LaTeX.
        given: the hypotheses that have a name, of claims or of controls that do not make them.
            Whether an example meets them is the formula's word. Conventions are listed among them.
        assuming: further hypotheses, the formula of each by its words.
        forall, where: as in `Formal`.
        states: the conclusion in the language of `theorycheck.statements`.
        control: the false neighbour, `altered`.
        numbers: of the case, that the formulas use beside those that every formula may use
            (`theorycheck.statements.vocabulary.NUMBERS`).
        on: a Hypothesis strategy for cases, which only proposes examples.
        along: of a statement on trained networks, what trains a drawn case; from the setting and
            the case it yields the cases at which the statement is checked. Of several trainings
            each goes on from where the one before it ended. A statement on what happens on the way
            has an `Observing`, whose numbers it may use.
        why: the statement in words and why it is true, or false.
        examples, enough, rests_on: as in `claim`.
    """

    kind: Kind
    sources: Sequence[Source]
    printed: str
    given: Sequence[Hypothesis]
    assuming: Mapping[str, str]
    forall: Sequence[str]
    where: Sequence[str]
    states: str
    control: Altered
    numbers: Sequence[str]
    on: Any
    along: Callable[..., Any] | Sequence[Callable[..., Any]]
    why: str
    examples: int
    enough: int
    rests_on: Sequence[str]


class Family:
    """Claims that have parts in common.

    Raises:
        InputError: when what is given is none of the `Parts`.
    """

    def __init__(self, **parts: Unpack[Parts]) -> None:
        _require_parts("a family", parts)
        self.parts = parts

    def stated(
        self, id: str, *, title: str, corrects: str | None = None, **parts: Unpack[Parts]
    ) -> Claim:
        """State a claim as a formula, which is printed, checked, altered and certified.

        Its hypotheses and abbreviations follow those of the family. Any other part that it gives
        takes the place of the family's.

        Args:
            parts: see `Parts`.
            id, title, corrects: as in `claim`.

        Raises:
            InputError: when a part is missing or unknown, or the id or kind is malformed; saying
                which formula is wrong, and where.
        """
        _require_parts(f"claim {id}", parts)
        whole: Parts = {**self.parts, **parts}
        whole["given"] = (*_hypotheses(self.parts), *_hypotheses(parts))
        whole["where"] = (*self.parts.get("where", ()), *parts.get("where", ()))
        for part in ("printed", "states", "control", "on", "why"):
            if part not in whole:
                raise InputError(f"claim {id}: give `{part}`")
        caller = sys._getframe(1)
        place = Place(caller.f_globals["__name__"], caller.f_code.co_filename, caller.f_lineno)
        return replace(_claim(id, title, whole), written=place, corrects=corrects)


def kind_of(statement: Statement) -> Kind:
    """What a conclusion is: a rank on a side, an order, or else equal sides, or sides that differ.

    That two sides differ is what an identity says by its contrapositive.
    """
    _, comparisons = statement.conclusion.comparisons()
    nodes = [
        node for left, _, right in comparisons for side in (left, right) for node in ast.walk(side)
    ]
    if any(isinstance(node, ast.Name) and node.id == "rank" for node in nodes):
        return "rank"
    orders = {relation for _, relation, _ in comparisons} - {"==", "!="}
    return "inequality" if orders else "identity"


def _require_parts(what: str, parts: Parts) -> None:
    """Raise InputError unless all that is given is known: a misspelt part would be left out."""
    for name in parts:
        if name not in Parts.__annotations__:
            close = get_close_matches(name, Parts.__annotations__, n=1)
            hint = f"; do you mean `{close[0]}`?" if close else ""
            raise InputError(f"{what}: `{name}` is no part of a claim{hint}")


def _hypotheses(parts: Parts) -> tuple[Hypothesis, ...]:
    """All that are said in one place, in words and as formulas."""
    own = [Assumption(words, formula) for words, formula in parts.get("assuming", {}).items()]
    return (*parts.get("given", ()), *own)


def _claim(id: str, title: str, whole: Parts) -> Claim:
    """A claim, all parts of it given, but for where it is written."""
    # The engine is loaded by those who state claims, not by all who run pytest.
    from theorycheck.claims.formulas import check_of
    from theorycheck.claims.trajectories import Observing

    control, along = whole["control"], whole.get("along", ())
    if isinstance(along, Observing):
        whole["given"] = (*whole["given"], Convention(along.words))
        whole["numbers"] = (*whole.get("numbers", ()), *along.numbers)
    formal, false = _formulas(whole)
    given = whole["given"]
    prose = {one.formula: one.prose for one in given if isinstance(one, Assumption)}
    selections = [s for one in given if isinstance(one, Convention) for s in one.selections]
    check = check_of(formal.statement, false.statement, prose, selections, along)
    check.__doc__ = whole["why"]
    made = claim(
        id,
        title=title,
        kind=whole.get("kind") or ("trajectory" if along else kind_of(formal.statement)),
        sources=whole.get("sources", ()),
        statement=whole["printed"],
        hypotheses=[one.prose for one in given],
        control=control.words,
        on={"case": whole["on"]},
        examples=whole.get("examples", 100),
        enough=whole.get("enough", 20),
        rests_on=whole.get("rests_on", ()),
        formal=formal,
        altered=false,
    )(check)
    on_control = None if control.on is None else {"case": control.on}
    return replace(made, control_on=on_control, along=along, given=tuple(given))


def _formulas(whole: Parts) -> tuple[Formal, Formal]:
    """The statement and its control, as formulas."""
    control, states = whole["control"], whole["states"]
    assumptions = [one for one in whole["given"] if isinstance(one, Assumption)]
    given = tuple(one.formula for one in assumptions)
    kept = tuple(one.formula for one in assumptions if one not in control.without)
    pairs = ((states, given), (control.conclusion(states), kept))
    shared = {"forall": tuple(whole.get("forall", ())), "where": tuple(whole["where"])}
    numbers = tuple(whole.get("numbers", ()))
    parsed = [Statement.of(said, given=met, **shared) for said, met in pairs]
    common = set().union(*map(common_numbers, parsed)) - set(numbers)
    numbers = (*numbers, *sorted(common))
    formal, false = (Formal(said, given=met, numbers=numbers, **shared) for said, met in pairs)
    return formal, false


stated = Family().stated
"""State a claim that has no family."""
