"""Variants: statements that differ from that of a claim in one formula.

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


def said(old: str, new: str) -> str:
    """The last hypothesis of a variant."""
    return f"but in the place of `{old}`: `{new}`"


@dataclass(frozen=True)
class Variant:
    """What a certificate says that it is a variant of.

    Attributes:
        claim: the id.
        old, new: the formula of the claim, and what stands in its place.
        statement: that of the claim, as its own certificates hold it.
    """

    claim: str
    old: str
    new: str
    statement: dict[str, Any]


def variant_of(certificate: Mapping[str, Any]) -> Variant | None:
    """What a verified certificate is a variant of; None where it is about a claim itself."""
    named = re.fullmatch(rf"(.+?)(?:{NEEDS}.+|{SHARP})", certificate["claim"])
    statement = certificate["statement"]
    hypotheses = statement["hypotheses"]
    found = re.fullmatch(r"but in the place of `(.*)`: `(.*)`", (hypotheses or [""])[-1])
    if named is None or found is None:
        return None
    old, new = found.groups()
    given = [old if formula == new else formula for formula in statement["given"]]
    conclusion = old if statement["conclusion"] == new else statement["conclusion"]
    undone = {"hypotheses": hypotheses[:-1], "given": given, "conclusion": conclusion}
    return Variant(named[1], old, new, {**statement, **undone})
