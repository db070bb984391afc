"""Checks that follow from formulas: the statement of a claim is its check.

One formula is printed in the report, checked by the readers, refuted by altering it, and written
into certificates for the kernel. Hypotheses are assumptions, prose and formula in one
object; whether an example meets them is the formula's word, whatever strategy proposed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

from flint import arb, fmpq

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.comparisons import number_text
from theorycheck.claims.corners import corners
from theorycheck.claims.findings import Findings, Observation, Rejection
from theorycheck.claims.setting import Setting
from theorycheck.claims.slack import histogram
from theorycheck.claims.trajectories import Along, Observing, one_after_another
from theorycheck.statements.checking import readings
from theorycheck.statements.numbers import enclosed
from theorycheck.statements.ranks import RankBounds
from theorycheck.statements.readings import INEQUALITIES, Reading, Scope
from theorycheck.statements.syntax import Statement

RELATIONS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "<": "<", ">": ">"}


def check_of(
    statement: Statement,
    control: Statement,
    prose: Mapping[str, str],
    selections: Sequence[float] = (),
    along: Along | Sequence[Along] = (),
) -> Callable[..., Findings]:
    """The property that checks a statement at each member of a case, or its control.

    Args:
        prose: what hypotheses say in words, by formula.
        selections: slopes at kinks for which the statement is made beside autograd's choice.
        along: the cases that training reaches from a case, where the statement is about those.
    """
    train = along if callable(along) else one_after_another(along)

    def check(setting: Setting, case: Case) -> Findings:
        about = control if setting.altered else statement
        reached: Iterable[Case | Rejection] = [case]
        if along and (isinstance(along, Observing) or not setting.replayed):
            reached = train(setting, case)
        for one in reached:
            if isinstance(one, Rejection):
                yield one
            else:
                yield from findings(about, one, prose, selections)

    return check


def findings(
    statement: Statement, case: Case, prose: Mapping[str, str], selections: Sequence[float] = ()
) -> Findings:
    """What the readers find at the members of a case, like ones together.

    A member at which no values of the variables meet the hypotheses is rejected, for the first
    hypothesis that is not met. Of members that hold the one nearest to equality is shown, and of
    violations, which come last, the first.
    """
    rejected: Counter[str] = Counter()
    alike: dict[tuple[Any, ...], list[tuple[int, Reading]]] = {}
    for member, reading in enumerate(readings(statement, case, selections)):
        if reading.unmet is not None:
            formula = prose.get(reading.unmet)
            rejected[reading.unmet if formula is None else f"not met: {formula}"] += 1
        else:
            key = _order(reading)
            alike.setdefault(key, []).append((member, reading))
    for reason, count in rejected.items():
        yield Rejection(reason, count)
    found = corners(case) if alike else {}
    for key in sorted(alike):
        member, shown = alike[key][0]
        members = [one for one, _ in alike[key]]
        equation = shown.relation not in INEQUALITIES
        if shown.holds:
            member, shown = max(alike[key], key=lambda one: (one[1].tightness or 0.0, -one[0]))
        yield Observation(
            holds=shown.holds,
            left=side_text(shown.left),
            relation=RELATIONS[shown.relation],
            right=side_text(shown.right),
            arithmetic=shown.arithmetic,
            tightness=None if equation or shown.trivial else shown.tightness,
            count=len(alike[key]),
            corners={name: int(truths[members].sum()) for name, truths in found.items()},
            slack={} if equation else histogram(one.tightness for _, one in alike[key]),
            degenerate=shown.trivial,
            case=partial(Case.member, case, member),
            **at(shown.at, shown=shown.holds is False),
        )


def _order(reading: Reading) -> tuple[Any, ...]:
    """What readings that are counted together have in common; violations come last."""
    return (
        reading.holds is False, str(reading.holds), reading.trivial or "", reading.arithmetic
    )  # fmt: skip


def at(scope: Scope, *, shown: bool) -> dict[str, Any]:
    """What an observation says of the values of the variables; in words where that is shown."""
    values = {name: list(v) if isinstance(v, tuple) else v for name, v in scope.items()}
    words = ", ".join(f"{name} = {value}" for name, value in values.items())
    return {"at": values, "note": f"at {words}" if words and shown else None}


def side_text(side: Any) -> str:
    """A side of the conclusion as the report prints it."""
    if side is None:
        return "?"
    if isinstance(side, RankBounds):
        return f"between {side.least} and {side.most}"
    if isinstance(side, fmpq):
        return number_text(Fraction(int(side.p), int(side.q)))
    if isinstance(side, float | int):
        return number_text(Fraction(side))
    return number_text(arb(enclosed(side)))
