"""The examination of one claim: certificate first, then search, control and verdict."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from theorycheck import notes
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates
from theorycheck.claims.declaration import Claim
from theorycheck.claims.entries import Control, Description, Entry, Examination, certificate_name
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Observation
from theorycheck.claims.search import replay, search
from theorycheck.claims.setting import Profile, Setting
from theorycheck.claims.verdicts import Judgement, Verdict, judge
from theorycheck.claims.versions import version_of
from theorycheck.errors import InputError


def examine(
    claim: Claim,
    *,
    profile: Profile,
    run_seed: int,
    device: str,
    images: str = "digits",
    certificate: Path | None = None,
) -> Examination:
    """Check a claim and its control.

    Args:
        certificate: the counterexample on record, if there is one; it is replayed first, so that
            the verdict does not depend on whether the search finds it again.

    Raises:
        InputError: when the certificate on record cannot be read or violates nothing any more.
    """
    # Long: the examination from its beginning to its end.
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
        positive = None
        if claim.positive is not None:
            seed = claim.seed(run_seed, altered=False, positive=True)
            positive = search(claim, replace(setting, positive=True, seed=seed))
    if recorded is not None:
        evidence.counterexample = recorded
    evidence, issued = certificates.certify(claim, evidence)
    judgement = judge(claim.kind, claim.enough, evidence, control, positive)
    if claim.kind == "tendency" and judgement.verdict is Verdict.REFUTED:
        pairs = certificates.certify_pairs(claim, evidence, positive)
        issued = pairs.certificate
        if issued is None:
            reason = f"{judgement.reason}; the kernel: {pairs.word.reason}"
            judgement = Judgement(Verdict.UNDECIDED, reason)
    entry = describe(
        claim,
        judgement,
        evidence,
        control,
        positive=positive,
        certified=issued is not None,
        seeds=(run_seed,),
    )
    return Examination(
        entry=entry,
        certificate=issued,
        notes=tuple(sorted(set(made))),
        seconds=round(time.perf_counter() - started, 2),
    )


def undecided(claim: Claim, reason: str) -> Examination:
    """That of a claim which was not examined to the end."""
    judgement = Judgement(Verdict.UNDECIDED, reason)
    return Examination(entry=describe(claim, judgement, Evidence(), Evidence()))


def describe(
    claim: Claim,
    judgement: Judgement,
    evidence: Evidence,
    control: Evidence,
    *,
    positive: Evidence | None = None,
    certified: bool = False,
    seeds: tuple[int, ...] = (),
) -> Entry:
    """The entry of a claim; attributes as in `Entry`.

    Args:
        certified: whether what the entry shows has a certificate.
    """
    description = Description.of(claim, version_of(claim), certificates.statement_version(claim))
    return Entry(
        **vars(description),
        verdict=judgement.verdict,
        reason=judgement.reason,
        **vars(evidence.outcome()),
        control=Control(statement=claim.control, **vars(control.outcome())),
        positive=None
        if claim.positive is None
        else Control(statement=claim.positive, **vars((positive or Evidence()).outcome())),
        certificate=certificate_name(claim.id) if certified else None,
        seeds=seeds,
    )


def _replay_certificate(claim: Claim, setting: Setting, path: Path) -> Observation:
    document = certificates.load(path)
    certificates.require_current(claim, document, path)
    found = replay(claim, setting, Case.from_dict(document["case"])).counterexample
    if found is None:
        raise InputError(f"certificate {path}: its example no longer violates {claim.id}")
    return found
