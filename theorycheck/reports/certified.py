"""Certified: the certificates that a report names, and those on record, verified once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from theorycheck.claims import certificates, proofs
from theorycheck.claims.declaration import is_claim_id
from theorycheck.claims.entries import Entry, certificate_name, proof_name
from theorycheck.errors import InputError
from theorycheck.reports.baseline import Baseline
from theorycheck.reports.documents import Report


def of_report(folder: Path, report: Report) -> dict[str, dict[str, Any]]:
    """The certificates that a report names, by name, verified and about what its entries show.

    Args:
        folder: of the report.

    Raises:
        InputError: when one is missing, rejected or about something else; and when a claim with a
            formal statement is refuted without one, or true of architectures without a proof,
            and one without was put to the kernel.
    """
    found = dict[str, dict[str, Any]]()
    for entry in report.claims:
        if entry.certificate is not None:
            path = folder / entry.certificate
            document = certificates.load(path)
            other = _other(entry, document)
            if other is not None:
                raise InputError(
                    f"certificate {path} is not the one of the report, which has another {other};"
                    " run the claims again"
                )
            found[entry.certificate] = document
        elif rests_on_the_report_alone(entry) and entry.formal_version is not None:
            raise InputError(
                f"claim {entry.id!r} is refuted without a certificate; run the claims again"
            )
        shown = entry.counterexample
        asked = shown is not None and shown.kernel is not None
        if asked and entry.formal_version is None and entry.kind != "tendency":
            raise InputError(
                f"the report says what the kernel answered about claim {entry.id!r}, which has no"
                " formula; run the claims again"
            )
        if entry.proof is not None:
            path = folder / entry.proof
            found[entry.proof] = proofs.verified(path, entry.id)
            if found[entry.proof]["version"] != entry.formal_version:
                raise InputError(
                    f"proof {path} is of another version of the statement; run the claims again"
                )
    return found


def rests_on_the_report_alone(entry: Entry) -> bool:
    """Whether a claim is refuted by what no certificate shows, whatever its verdict says.

    Of a symbolic claim that is computer algebra, of any other the engine's own rationals or balls.
    """
    symbolic = entry.kind == "symbolic" and entry.formal_version is None
    shown = entry.counterexample
    refuting = shown is not None and (
        shown.reader is not None if shown.kernel is None else shown.kernel.answer == "confirmed"
    )
    refuted = refuting or entry.verdict == "refuted"
    return refuted and entry.certificate is None and not symbolic


def on_record(baseline: Path, record: Baseline) -> Iterator[str]:
    """What is wrong with the certificates beside a record, one line each.

    Args:
        baseline: the file of the record.
    """
    for claim, verdict in record.verdicts.items():
        path = baseline.parent / certificate_name(claim)
        try:
            document = certificates.load(path, baseline)
        except InputError as error:
            if path.exists() or path.is_symlink():
                yield f"{claim}: {error}"
            elif verdict == "refuted" and claim in record.statements:
                yield f"{claim}: on record as refuted, but {path} is gone; restore it"
            continue
        if document["claim"] != claim:
            yield f"{claim}: certificate {path} is about {document['claim']}; restore it"
        elif (document["shows"] == "refuted") is not (verdict == "refuted"):
            said = "refutes it" if document["shows"] == "refuted" else "shows no counterexample"
            yield f"{claim}: on record as {verdict}, but its certificate {path} {said}"
    for claim, level in record.strengths.items():
        if level == "architectures":
            try:
                proofs.verified(baseline.parent / proof_name(claim), claim, baseline)
            except InputError as error:
                yield f"{claim}: {error}"


def stale(baseline: Path, report: Report, accepted: Baseline) -> list[Path]:
    """Certificates beside a record that no claim has any more, once a report is accepted."""
    bare = {entry.id for entry in report.claims if entry.certificate is None}
    named = {certificate_name(claim) for claim in accepted.verdicts if claim not in bare}
    levels = accepted.strengths.items()
    named |= {proof_name(claim) for claim, level in levels if level == "architectures"}
    return [
        path
        for path in sorted((baseline.parent / "certificates").glob("*.json"))
        if is_claim_id(path.name.removesuffix(".json").removesuffix(".proof"))
        and path.relative_to(baseline.parent).as_posix() not in named
    ]


def _other(entry: Entry, document: dict[str, Any]) -> str | None:
    """What a certificate has other than the entry that names it; None where they agree."""
    shows = "refuted" if entry.verdict == "refuted" else "tight"
    expected = {"claim": entry.id, "version": entry.formal_version}
    if entry.kind == "tendency":
        positive = {} if entry.positive is None else entry.positive.examples.strata
        counted = certificates.pairs_of(entry.examples.strata, positive)
        example: dict[str, Any] = {"case": counted}
    else:
        shown = entry.counterexample or entry.tightest
        shows = "refuted" if entry.counterexample is not None else shows
        example = {"case": None if shown is None else shown.case}
    expected |= {"shows": shows, **example}
    return next((name for name, value in expected.items() if document[name] != value), None)
