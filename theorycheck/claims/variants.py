"""Variants: statements that differ from that of a claim in one condition, or in the conclusion.

Their certificates refute what is not on record: a claim without one of its hypotheses, or with
``<`` in the place of ``<=``. The last of their hypotheses says so, in a form that can be undone, so
that `theorycheck verify` can tell of which claim on record they are variants. Needs nothing but
Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NEEDS, SHARP = "-needs-", "-is-sharp"
"""Between the name of a claim and of what it needs; and after that of a bound that is sharp."""


def said(changes: Mapping[str, str]) -> str:
    """The last hypothesis of a variant: what stands in the place of which formulas."""
    return "but in the place " + "; ".join(f"of `{old}`: `{new}`" for old, new in changes.items())


@dataclass(frozen=True)
class Variant:
    """What a certificate says that it is a variant of.

    Attributes:
        claim: the id.
        changes: what stands in the place of which formulas of the claim.
        statement: that of the claim, as its own certificates hold it.
    """

    claim: str
    changes: Mapping[str, str]
    statement: dict[str, Any]


def variant_of(certificate: Mapping[str, Any]) -> Variant | None:
    """What a verified certificate is a variant of; None where it is about a claim itself."""
    named = re.fullmatch(rf"(.+?)(?:{NEEDS}.+|{SHARP})", certificate["claim"])
    statement = certificate["statement"]
    hypotheses = statement["hypotheses"]
    changes = dict(re.findall(r"of `([^`]*)`: `([^`]*)`", (hypotheses or [""])[-1]))
    if named is None or not changes or hypotheses[-1] != said(changes):
        return None
    undo = {new: old for old, new in changes.items()}
    given = [undo.get(formula, formula) for formula in statement["given"]]
    conclusion = undo.get(statement["conclusion"], statement["conclusion"])
    undone = {"hypotheses": hypotheses[:-1], "given": given, "conclusion": conclusion}
    return Variant(named[1], changes, {**statement, **undone})
