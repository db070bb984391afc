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
from theorycheck.claims.declaration import Claim, Formal


def version_of(claim: Claim) -> dict[str, str]:
    """The version of a claim of any kind: digests by the names of the parts.

    Neither the explanation nor the check's own text is a part.
    """
    formal, altered = _formulas(formal_of(claim)), _formulas(claim.altered)
    difference = {name: value for name, value in altered.items() if value != formal.get(name)}
    parts: dict[str, Any] = {
        "title": claim.title,
        "kind": claim.kind,
        "sources": [asdict(source) for source in claim.sources],
        "printed statement": claim.statement,
        "hypotheses": [claim.hypotheses, formal.pop("given", None)],
        "formula": formal,
        "control": [claim.control, difference],
        "enough": claim.enough,
        "corrects": claim.corrects,
    }
    return {name: _digest([claim.id, part]) for name, part in parts.items()}


def _formulas(formal: Formal | None) -> dict[str, Any]:
    return {} if formal is None else asdict(formal)


def _digest(part: Any) -> str:
    """Of plain data, the same in every process."""
    return hashlib.sha256(msgspec.json.encode(part, order="sorted")).hexdigest()[:16]
