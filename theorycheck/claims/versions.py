"""Versions of claims: has what a reader relies on changed since it was put on record?

A version is a digest of each part of a claim, so that the record can say which part changed. It
covers all that the version of a claim's formal statement covers (`theorycheck.claims.certificates`)
and more. That one stays apart, because the kernel computes it from the certificate alone, and no
certificate holds sources or controls.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

import msgspec

from theorycheck.claims.certificates import formal_of
from theorycheck.claims.declaration import Claim, Formal, Paper, Source
from theorycheck.claims.entries import Description, Reference

PARTS = (
    "title", "kind", "sources", "printed statement", "hypotheses", "formula", "control", "enough",
    "corrects",
)  # fmt: skip
"""Of a claim, in the order in which a reader is told of them."""


def version_of(claim: Claim) -> dict[str, str]:
    """The version of a claim of any kind: digests by the names of the parts.

    Neither the explanation nor the check's own text is a part.
    """
    formal, altered = _formulas(formal_of(claim)), _formulas(claim.altered)
    difference = {name: value for name, value in altered.items() if value != formal.get(name)}
    parts: dict[str, Any] = {
        **_plain(claim),
        "hypotheses": [claim.hypotheses, formal.pop("given", None)],
        "formula": formal,
        "control": [claim.control, difference],
    }
    return {name: _digest([claim.id, parts[name]]) for name in PARTS}


def misnamed(entry: Description) -> list[str]:
    """The parts of an entry that are not those which its version names, as far as it holds them."""
    parts = _plain(entry).items()
    return [name for name, part in parts if entry.version.get(name) != _digest([entry.id, part])]


def _plain(about: Claim | Description) -> dict[str, Any]:
    """The parts that a claim and its entry in a report have alike."""
    return {
        "title": about.title,
        "kind": about.kind,
        "sources": [_source(one) for one in about.sources],
        "printed statement": about.statement,
        "enough": about.enough,
        "corrects": about.corrects,
    }


def _source(place: Source | Reference) -> dict[str, Any]:
    """A place in a paper, whole."""
    if isinstance(place, Source):
        return asdict(place)
    paper = Paper(place.paper, place.title, place.authors, place.year)
    return asdict(paper.at(place.place))


def _formulas(formal: Formal | None) -> dict[str, Any]:
    return {} if formal is None else asdict(formal)


def _digest(part: Any) -> str:
    """Of plain data, the same in every process."""
    return hashlib.sha256(msgspec.json.encode(part, order="sorted")).hexdigest()[:16]
