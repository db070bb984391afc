"""Reports of single runs, made by hand for merging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from theorycheck.claims.verdicts import Verdict, judge
from theorycheck.networks.specification import mlp
from theorycheck.reports.documents import Report, Run
from theorycheck.reports.sources import Sources

SOURCES = Sources(engine="0123456789abcdef", claims={"properties": "fedcba9876543210"})


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


def searched(found: Evidence, seeds: Sequence[int]) -> Evidence:
    """As if each seed had led to numbers of its own."""
    known = {f"{seed:016x}" for seed in seeds} if found != Evidence() else set()
    return replace(found, fingerprints=frozenset(known))


def entry(
    about: Claim,
    seeds: Sequence[int],
    evidence: Evidence,
    control: Evidence,
    *,
    positive: Evidence | None = None,
) -> Entry:
    """What a run reports; with a certificate where the example shown has exact numbers."""
    evidence, control = (searched(one, seeds) for one in (evidence, control))
    positive = None if positive is None else searched(positive, seeds)
    judgement = judge(about.kind, about.enough, evidence, control, positive)
    shown = evidence.counterexample or evidence.tightest
    certified = shown is not None and shown.case is not None
    if about.kind == "tendency":
        certified = judgement.verdict is Verdict.REFUTED and evidence.counterexample is None
    return describe(
        about,
        judgement,
        evidence,
        control,
        positive=positive,
        certified=certified,
        seeds=tuple(seeds),
    )


def unfinished(about: Claim, reason: str) -> Entry:
    return undecided(about, reason).entry


def report(seed: int, *entries: Entry, **run: Any) -> Report:
    fields: dict[str, Any] = {
        "profile": "quick", "seed": seed, "device": "cpu", "images": "digits",
        "finished": True, "sources": SOURCES, **run,
    }  # fmt: skip
    return Report(runs=(Run(**fields),), claims=entries)


def only(merged: Report) -> Entry:
    [one] = merged.claims
    return one
