"""Reports of single runs, made by hand for merging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from theorycheck.arithmetic.cases import Case
from theorycheck.claims.declaration import Claim, Kind, Paper
from theorycheck.claims.entries import Entry
from theorycheck.claims.evidence import Evidence
from theorycheck.claims.examination import describe, undecided
from theorycheck.claims.findings import Finding, Findings, Observation
from theorycheck.claims.outcomes import Reader
from theorycheck.claims.setting import Setting
from theorycheck.claims.verdicts import judge
from theorycheck.networks.specification import mlp
from theorycheck.reports.documents import Report, Run


def unchecked(setting: Setting) -> Findings:
    """In words."""
    yield from ()


def claim(name: str, kind: Kind = "identity", **changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "id": name,
        "title": "A title",
        "kind": kind,
        "sources": (Paper("toy2020", "A toy", "N. N.", 2020).at("Eq. 1"),),
        "statement": "1 = 1",
        "hypotheses": ("none",),
        "control": "one less",
        "check": unchecked,
        "enough": 4,
    }
    return Claim(**{**fields, **changes})


# In lists, because the plugin collects what a module names.
CLAIMS = [
    claim("identity-claim"),
    claim("proved-claim", "symbolic"),
    claim("tendency-claim", "tendency"),
]


def scalar(weight: float) -> Case:
    array = np.array([[[weight]]])
    return Case(mlp([1, 1]), (array,), array)


def violation(weight: int) -> Observation:
    """The claim "no weight exceeds 6" is violated by this weight."""
    return Observation(
        False, str(weight), "≤", "6", "integers", weight / 6, case=lambda: scalar(weight),
        reader=Reader.RATIONALS,
    )  # fmt: skip


def bounded(weight: int) -> Observation:
    """The claim "no weight exceeds 60" holds for this weight."""
    return Observation(
        True, str(weight), "≤", "60", "integers", weight / 60, case=lambda: scalar(weight)
    )


MET = Observation(True, "1", "≤", "2", "integers", tightness=0.5)
FAILED = Observation(False, "1", "=", "0", "integers", reader=Reader.RATIONALS)


def gathered(*findings: Finding) -> Evidence:
    evidence = Evidence()
    for finding in findings:
        evidence.add(finding)
    return evidence


def entry(
    about: Claim,
    seeds: Sequence[int],
    evidence: Evidence,
    control: Evidence,
    *,
    positive: Evidence | None = None,
) -> Entry:
    """What a run reports; with a certificate where the example shown has exact numbers."""
    judgement = judge(about.kind, about.enough, evidence, control, positive)
    shown = evidence.counterexample or evidence.tightest
    return describe(
        about,
        judgement,
        evidence,
        control,
        positive=positive,
        certified=shown is not None and shown.case is not None,
        seeds=tuple(seeds),
    )


def unfinished(about: Claim, reason: str) -> Entry:
    return undecided(about, reason).entry


def report(seed: int, *entries: Entry, **run: Any) -> Report:
    fields: dict[str, Any] = {
        "profile": "quick", "seed": seed, "device": "cpu", "images": "digits",
        "finished": True, **run,
    }  # fmt: skip
    return Report(runs=(Run(**fields),), claims=entries)


def only(merged: Report) -> Entry:
    [one] = merged.claims
    return one
