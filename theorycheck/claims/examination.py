"""The examination of one claim: certificate first, then search, control and verdict."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from theorycheck import notes
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim
from theorycheck.claims.evidence import Evidence, Observation
from theorycheck.claims.search import replay, search
from theorycheck.claims.setting import Profile, Setting
from theorycheck.claims.verdicts import TENDENCY, Judgement, Verdict, judge
from theorycheck.errors import InputError
from theorycheck.kernel import Rejected


def examine(
    claim: Claim,
    *,
    profile: Profile,
    run_seed: int,
    device: str,
    images: str = "digits",
    certificate: Path | None = None,
) -> dict[str, Any]:
    """Check a claim and its control, and return its entry of ``claims.json``.

    Args:
        certificate: the counterexample on record, if there is one; it is replayed first, so that
            the verdict does not depend on whether the search finds it again.

    Returns:
        The entry described at `theorycheck.reports.documents`, with two additions: ``document``,
        the content of the certificate to be written, or None; and ``notes``, texts for the run's
        metadata.

    Raises:
        InputError: when the certificate on record cannot be read or violates nothing any more.
    """
    started = time.perf_counter()
    setting = Setting(
        device=device,
        images=images,
        seed=claim.seed(run_seed, altered=False),
        effort=profile.effort,
    )
    # A tendency has no single example to replay: its pairs decide.
    recorded = None
    if certificate is not None and claim.kind != "tendency":
        recorded = _replay_certificate(claim, setting, certificate)
    with notes.collecting() as made:
        evidence = search(claim, setting)
        altered = replace(setting, altered=True, seed=claim.seed(run_seed, altered=True))
        control = search(claim, altered)
    if recorded is not None:
        evidence.counterexample = recorded
    judgement = judge(claim.kind, claim.enough, evidence, control)
    document, objection = _certify(claim, judgement, evidence)
    if judgement.verdict is Verdict.REFUTED and objection is not None:
        judgement = Judgement(Verdict.UNDECIDED, f"{judgement.reason}; the kernel: {objection}")
    entry = describe(claim, judgement, evidence, control)
    entry["document"] = document
    entry["notes"] = sorted(set(made))
    if document is not None:
        entry["certificate"] = f"certificates/{claim.id}.json"
    entry["seeds"] = [run_seed]
    entry["seconds"] = round(time.perf_counter() - started, 2)
    return entry


def undecided(claim: Claim, reason: str) -> dict[str, Any]:
    """The entry of a claim that was not examined to the end."""
    entry = describe(claim, Judgement(Verdict.UNDECIDED, reason), Evidence(), Evidence())
    return {**entry, "document": None, "notes": [], "seconds": 0.0}


def describe(
    claim: Claim, judgement: Judgement, evidence: Evidence, control: Evidence
) -> dict[str, Any]:
    """The entry of ``claims.json`` for a claim, before it has certificate, seeds and time."""
    return {
        "id": claim.id,
        "title": claim.title,
        "kind": claim.kind,
        "sources": [
            {
                "paper": source.paper.key,
                "title": source.paper.title,
                "authors": source.paper.authors,
                "year": source.paper.year,
                "place": source.place,
            }
            for source in claim.sources
        ],
        "statement": claim.statement,
        "description": claim.description,
        "hypotheses": list(claim.hypotheses),
        "corrects": claim.corrects,
        "enough": claim.enough,
        "version": certificates.statement_version(claim),
        **outcome(judgement, evidence, control, claim.control),
        "certificate": None,
        "seeds": [],
    }


def outcome(
    judgement: Judgement, evidence: Evidence, control: Evidence, statement: str
) -> dict[str, Any]:
    """The fields of an entry that depend on evidence; ``statement`` says what the control is."""
    return {
        "verdict": str(judgement.verdict),
        "reason": judgement.reason,
        **evidence.to_dict(),
        "control": {"statement": statement, **control.to_dict()},
    }


def _certify(
    claim: Claim, judgement: Judgement, evidence: Evidence
) -> tuple[dict[str, Any] | None, str | None]:
    """The certificate of the counterexample or tightest example, or why the kernel gives none."""
    contradicted = claim.kind == "tendency" and judgement.verdict is Verdict.REFUTED
    found = evidence.counterexample or evidence.tightest
    shows: certificates.Shows = "tight" if evidence.counterexample is None else "refuted"
    try:
        if contradicted:
            pairs = evidence.successes, evidence.failures
            return certificates.issue_contradicted(claim, TENDENCY, *pairs), None
        if found is None or found.case is None or claim.formal is None:
            return None, None
        return certificates.issue(claim, found.case(), shows, found.at), None
    except Rejected as error:
        return None, str(error)


def _replay_certificate(claim: Claim, setting: Setting, path: Path) -> Observation:
    document = certificates.load(path)
    certificates.require_current(claim, document, path)
    found = replay(claim, setting, Case.from_dict(document["case"])).counterexample
    if found is None:
        raise InputError(f"certificate {path}: its example no longer violates {claim.id}")
    return found
