"""Proofs: certificates that a claim is true of all weights and data of an architecture.

What the field reader settles (`theorycheck.statements.field`) is written down when the trusted
kernel comes to the same conclusion, at the same point, by its own arithmetic, its own derivatives
and its own bounds (`theorycheck.kernel.settle`). The engine settles many architectures; the proof
is about one of them, which the kernel is quick to verify, and at which it does not come to the same
for the control: where matrices have one row, any rank is at most one. A control that leaves out
hypotheses is true wherever they are met; it is asked about at an architecture of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from theorycheck import kernel, notes
from theorycheck.claims.certificates import (
    FormalStatement,
    formal_statement,
    load,
    statement_version,
)
from theorycheck.claims.declaration import Claim, Formal
from theorycheck.errors import InputError
from theorycheck.kernel import Rejected, Statement
from theorycheck.statements.architectures import Architecture

WORK = kernel.MOST_WORK // 15
"""Work of the kernel for one proof: less than a second."""
LARGEST = 60
"""Numbers of a network and its data, up to which a proof is tried."""


class Unproved(Exception):
    """The kernel verifies no proof of those that were tried; says why."""


class Candidate(NamedTuple):
    """An architecture for which the engine settled a claim, with the size of a case of it.

    Attributes:
        exponent: of the prime that it took.
    """

    size: int
    architecture: Architecture
    exponent: int


def leaves_out(claim: Claim) -> bool:
    """Whether the control of a claim differs from it in hypotheses alone, and has its own cases."""
    formal, control = claim.formal, claim.altered
    if formal is None or control is None or claim.control_on is None:
        return False
    return replace(control, given=formal.given) == formal


def prove(
    claim: Claim, candidates: Sequence[Candidate], other: Candidate | None = None
) -> dict[str, Any]:
    """The proof for the largest of some architectures that the kernel is quick to verify.

    Args:
        candidates: at least one.
        other: for a control that leaves out hypotheses: one of which it is false to the engine.

    Raises:
        Unproved: when there is none.
    """
    statement = formal_statement(claim)
    assert statement is not None
    control = claim.altered
    if control and other:
        if _settled(control, statement.version, other):
            raise Unproved("the control is true of an architecture of its own too")
        control = None
    reason, most = "", LARGEST
    waiting = [one for one in candidates if one.size <= LARGEST]
    while waiting:
        candidate = _next(waiting, most)
        waiting.remove(candidate)
        if control and _settled(control, statement.version, candidate):
            reason = reason or "the control is true of each architecture that was tried"
            continue
        try:
            return issue(claim.id, statement, candidate.architecture, candidate.exponent)
        except (Rejected, *kernel.MISUSE) as error:
            # A smaller one takes less work, more often than not.
            reason, most = str(error), candidate.size * 2 // 3
    raise Unproved(reason or "no architecture is small enough")


def _next(waiting: Sequence[Candidate], most: int) -> Candidate:
    """The largest up to a size or, when all are larger, the smallest."""
    within = [one for one in waiting if one.size <= most]
    if within:
        return max(within, key=lambda one: one.size)
    return min(waiting, key=lambda one: one.size)


def _settle(
    formal: Statement, version: str, architecture: dict[str, Any], exponent: int
) -> kernel.Settled:
    """What the kernel settles with little work; see `kernel.settle`."""
    example = kernel.Architecture(formal, version, architecture, exponent)
    example.work = min(example.work, WORK)
    return kernel.settle(formal, example)


def _settled(altered: Formal, version: str, candidate: Candidate) -> bool:
    """Whether the kernel settles a control."""
    parts = {name: list(getattr(altered, name)) for name in ("given", "where", "forall")}
    texts = {"latex": "", "hypotheses": [], **parts, "conclusion": altered.conclusion}
    document = candidate.architecture.document()
    try:
        _settle(Statement.read(texts), version, document, candidate.exponent)
    except (Rejected, *kernel.MISUSE):
        return False
    return True


def issue(
    claim: str, statement: FormalStatement, architecture: Architecture, exponent: int
) -> dict[str, Any]:
    """The proof for one architecture.

    Args:
        exponent: of the prime, 2 to which less 1 it is.

    Raises:
        Rejected: when the kernel does not settle it, or not with little work.
    """
    document = architecture.document()
    settled = _settle(statement.parsed, statement.version, document, exponent)
    content = {
        "schema_version": kernel.SCHEMA_VERSION,
        "claim": claim,
        "version": statement.version,
        "shows": "settled",
        "statement": statement.document,
        "architecture": document,
        "exponent": exponent,
        "degree": settled.degree,
        "certainty": settled.certainty,
    }
    sealed = {**content, "digest": kernel.digest(content)}
    kernel.check(kernel.read(json.dumps(sealed), kernel.MOST_BYTES))
    return sealed


def verified(path: Path, claim: str, record: Path | None = None) -> dict[str, Any]:
    """The proof of a claim in a file.

    Args:
        record: with which its statement is compared too.

    Raises:
        InputError: when it is gone, rejected, about another claim, or no proof.
    """
    if not os.path.lexists(path):
        raise InputError(f"true of all weights of architectures, but {path} is gone; restore it")
    document = load(path, record, proof=True)
    if document["claim"] != claim:
        raise InputError(f"proof {path} is about {document['claim']}; restore it")
    return document


def require(path: Path, claim: Claim, found: dict[str, Any] | None) -> None:
    """Make sure that a proof on record is one, which it is where it was found anew.

    One of an earlier statement says nothing of this one: it is passed over, with a note.

    Raises:
        InputError: as `verified`.
    """
    try:
        if found == kernel.read_file(path, kernel.MOST_BYTES):
            return
    except Rejected:
        pass
    if verified(path, claim.id)["version"] != statement_version(claim):
        notes.note("the proof on record is of an earlier statement, and passed over")
