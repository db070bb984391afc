"""The examination of one claim: certificate first, then search, control and verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from theorycheck import notes
from theorycheck.arithmetic.cases import Case
from theorycheck.claims import certificates, proofs, wider
from theorycheck.claims.declaration import Claim
from theorycheck.claims.entries import Control, Description, Entry, Examination, certificate_name
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.findings import Observation
from theorycheck.claims.outcomes import Fate
from theorycheck.claims.power import some_neighbours
from theorycheck.claims.search import replay, search
from theorycheck.claims.setting import Profile, Setting
from theorycheck.claims.settling import UNSETTLED, settlement_of
from theorycheck.claims.strengths import Strength
from theorycheck.claims.verdicts import Judgement, Verdict, contradicted, judge, pairs_of_control
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
    proof: Path | None = None,
    trained: dict[Any, Any] | None = None,
) -> Examination:
    """Check a claim and its control.

    Args:
        certificate: the file of the one that is on record, if there is one. Its example is
            replayed first, whatever verdict is on record, so that a counterexample refutes the
            claim whether or not the search finds it again. A certificate of an earlier statement
            says nothing of this one: it is passed over, with a note.
        proof: the file of the proof that is on record, if there has to be one. Unless it is the one
            that is found anew, the kernel verifies it. A profile without strengths needs none.
        trained: what other claims of the run have trained, to which this one adds its own
            (`theorycheck.claims.trainings`); by default nothing.

    Raises:
        InputError: when the certificate on record is rejected, or the engine finds another answer
            than it shows; when the proof on record is gone or rejected.
    """
    # Long: the examination from its beginning to its end.
    started = time.perf_counter()
    setting = Setting(
        device=device,
        images=images,
        seed=claim.seed(run_seed, altered=False),
        effort=profile.effort,
        trained={} if trained is None else trained,
    )
    with notes.collecting() as made:
        recorded = None if certificate is None else _replayed(claim, setting, certificate)
        # A counterexample on record is shown again, whatever the search comes upon.
        evidence = search(claim, setting, shrink=not isinstance(recorded, Observation))
        altered = replace(
            setting,
            altered=True,
            seed=claim.seed(run_seed, altered=True),
            pairs=pairs_of_control(evidence.strata),
        )
        control = search(claim, altered)
        if profile.strengths and evidence.counterexample is None:
            near = [*evidence.drawn, evidence.tightest, control.counterexample]
            found = wider.counterexample(claim, setting, filter(None, near))
            evidence.counterexample = found
        positive = None
        if claim.positive is not None:
            seed = claim.seed(run_seed, altered=False, positive=True)
            positive = search(claim, replace(setting, positive=True, seed=seed))
    if isinstance(recorded, Observation):
        evidence.counterexample = recorded
    searched = evidence
    evidence, issued = certificates.certify(claim, evidence, profile.cross_examined)
    judgement = judge(claim.kind, claim.enough, evidence, control, positive)
    if claim.kind == "tendency" and judgement.verdict is Verdict.REFUTED:
        pairs = certificates.certify_pairs(claim, evidence, positive)
        issued = pairs.certificate
        if issued is None:
            reason = f"{judgement.reason}; the kernel: {pairs.word.reason}"
            judgement = Judgement(Verdict.UNDECIDED, reason)
    if isinstance(recorded, _Contradicting) and judgement.verdict is not Verdict.REFUTED:
        reason = f"{judgement.reason}; but the certificate shows it in {recorded.pairs} pairs"
        judgement = Judgement(Verdict.UNDECIDED, reason)
    settlement, neighbours = UNSETTLED, dict[str, Fate]()
    looked = profile.strengths and judgement.verdict.passes
    if looked:
        settlement = settlement_of(claim, searched.proposed)
        neighbours = some_neighbours(claim, searched, run_seed)
    if profile.strengths and proof is not None:
        proofs.require(proof, claim, settlement.proof)
    entry = describe(
        claim,
        judgement,
        evidence,
        control,
        strength=settlement.strength if looked else None,
        positive=positive,
        certified=issued is not None,
        seeds=(run_seed,),
        neighbours=neighbours,
    )
    return Examination(
        entry=entry,
        certificate=issued,
        proof=settlement.proof,
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
    strength: Strength | None = None,
    positive: Evidence | None = None,
    certified: bool = False,
    seeds: tuple[int, ...] = (),
    neighbours: Mapping[str, Fate] | None = None,
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
        strength=strength,
        control=Control(statement=claim.control, **vars(control.outcome())),
        positive=None
        if claim.positive is None
        else Control(statement=claim.positive, **vars((positive or Evidence()).outcome())),
        certificate=certificate_name(claim.id) if certified else None,
        seeds=seeds,
        neighbours=dict(neighbours or {}),
    )


@dataclass(frozen=True)
class _Contradicting:
    """The pairs of a certificate that refutes a tendency, in words."""

    pairs: str


def _replayed(claim: Claim, setting: Setting, path: Path) -> Observation | _Contradicting | None:
    """What the engine finds at the example of a certificate, where that contradicts the claim."""
    document = certificates.load(path)
    if document["claim"] != claim.id:
        raise InputError(f"certificate {path} is about {document['claim']}; restore it")
    if document["version"] != certificates.statement_version(claim):
        notes.note("the certificate on record is about an earlier statement, and passed over")
        return None
    shown = document["shows"]
    if claim.kind == "tendency":
        strata, positive = certificates.counted_pairs(document["case"]["numbers"])
        if bool(contradicted(strata, positive)) is not (shown == "refuted"):
            raise InputError(
                f"certificate {path}: its pairs do not decide what it says; restore it"
            )
        counts = ", ".join(f"{one.successes} of {one.pairs}" for one in strata.values())
        return _Contradicting(counts) if shown == "refuted" else None
    found = replay(claim, setting, Case.from_dict(document["case"]))
    if shown == "refuted" and found.counterexample is None:
        raise InputError(f"certificate {path}: its example no longer violates {claim.id}")
    if shown == "tight" and found.met == 0:
        raise InputError(f"certificate {path}: its example no longer meets what {claim.id} assumes")
    return found.counterexample
